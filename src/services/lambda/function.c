/* CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction. */
#include <string.h>

#include "services/lambda/url.h"
#include "wire/sealed.h"

/* A new function on its way into the store. */
typedef struct New {
  const LambdaCreateFunctionInput *in;
  LambdaFunctionRecord *record;
} New;

static LambdaEnvironmentResponse *
shown_environment(Call *call, const LambdaEnvironment *environment)
{
  if (!environment || !environment->Variables.n)
    return NULL;
  LambdaEnvironmentResponse *shown = ARENA_NEW(call->arena, LambdaEnvironmentResponse);
  shown->Variables = environment->Variables;
  return shown;
}

static LambdaFunctionConfiguration *
new_config(Call *call, const LambdaCreateFunctionInput *in, const char *name)
{
  LambdaFunctionConfiguration *config = ARENA_NEW(call->arena, LambdaFunctionConfiguration);
  config->FunctionName = name;
  config->FunctionArn = lambda_function_arn(call, name, NULL);
  config->Runtime = in->Runtime;
  config->Role = in->Role;
  config->Handler = in->Handler;
  config->Description = in->Description ? in->Description : "";
  config->Timeout = OPT_INT(OPT_OR(in->Timeout, 3));
  config->MemorySize = OPT_INT(OPT_OR(in->MemorySize, 128));
  config->LastModified = lambda_timestamp(call->arena, call->now);
  config->Version = LAMBDA_LATEST;
  config->DeadLetterConfig = in->DeadLetterConfig;
  config->Environment = shown_environment(call, in->Environment);
  config->KMSKeyArn = in->KMSKeyArn;
  config->TracingConfig = ARENA_NEW(call->arena, LambdaTracingConfigResponse);
  config->TracingConfig->Mode = in->TracingConfig && in->TracingConfig->Mode ? in->TracingConfig->Mode : "PassThrough";
  config->RevisionId = id_uuid(call->arena);
  config->State = "Pending";
  config->StateReason = "The function is being created.";
  config->StateReasonCode = "Creating";
  config->PackageType = "Zip";
  config->Architectures = in->Architectures;
  if (!config->Architectures.n)
    LIST_APPEND(call->arena, &config->Architectures, "x86_64");
  config->EphemeralStorage = in->EphemeralStorage;
  if (!config->EphemeralStorage) {
    config->EphemeralStorage = ARENA_NEW(call->arena, LambdaEphemeralStorage);
    config->EphemeralStorage->Size = OPT_INT(512);
  }
  config->SnapStart = ARENA_NEW(call->arena, LambdaSnapStartResponse);
  config->SnapStart->ApplyOn = "None";
  config->SnapStart->OptimizationStatus = "Off";
  return config;
}

static Error *
check(Call *call, const LambdaCreateFunctionInput *in)
{
  if (in->PackageType && strcmp(in->PackageType, "Zip") != 0)
    return error_answer("InvalidParameterValueException", "haar does not run container images: the PackageType must be Zip.");
  if (in->FileSystemConfigs.n)
    return error_answer("InvalidParameterValueException", "haar does not have EFS: leave FileSystemConfigs out.");
  if (in->SnapStart && g_strcmp0(in->SnapStart->ApplyOn, "PublishedVersions") == 0)
    return error_answer("InvalidParameterValueException", "haar does not have SnapStart: leave SnapStart out.");
  TRY(lambda_validate_runtime(in->Runtime, in->Handler));
  TRY(lambda_validate_timeout(in->Timeout));
  TRY(lambda_validate_environment(in->Environment));
  TRY(lambda_validate_signing(in->CodeSigningConfigArn));
  return lambda_validate_role(call, in->Role);
}

static Error *
exists(Call *call, gpointer data)
{
  LambdaFunctionRecord *record;
  TRY(lambda_function_find(call, data, LAMBDA_LATEST, &record));
  return record ? error_answer_status(409, "ResourceConflictException", "Function already exist: %s", (const char *) data) : NULL;
}

static Error *
insert(Call *call, gpointer data)
{
  New *new = data;
  TRY(exists(call, (gpointer) new->record->config->FunctionName));
  TRY(lambda_function_put(call, new->record));
  return prepare_put(call, new->record->config->FunctionName);
}

OPERATION(CreateFunction, create_function, .txn = TXN_NONE, .authorize = lambda_authorize)
static Error *
create_function(Call *call, const LambdaCreateFunctionInput *in, LambdaCreateFunctionOutput *ret_out)
{
  FunctionName name;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  TRY(call_read(call, exists, (gpointer) name.name));
  TRY(check(call, in));
  LambdaFunctionRecord *record = ARENA_NEW(call->arena, LambdaFunctionRecord);
  LambdaFunctionConfiguration *config = record->config = new_config(call, in, name.name);
  record->tags = in->Tags;
  TRY(lambda_network_check(call, in->Role, in->VpcConfig, &config->VpcConfig));
  TRY(lambda_layers_resolve(call, &in->Layers, &config->Layers, &record->layers));
  gint64 size;
  TRY(code_fetch(call, in->Code, &record->code, &config->CodeSha256, &size));
  config->CodeSize = OPT_INT(size);
  TRY(call_write(call, insert, &(New) {in, record}));
  *ret_out = *lambda_function_shown(call, record, NULL);
  if (!OPT_OR(in->Publish, FALSE))
    return NULL;
  return lambda_version_publish_when_ready(call, name.name, in->Description, ret_out);
}

OPERATION(GetFunctionConfiguration, get_function_configuration, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
get_function_configuration(Call *call, const LambdaGetFunctionConfigurationInput *in, LambdaGetFunctionConfigurationOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *record;
  TRY(lambda_function_name(call, in->FunctionName, in->Qualifier, &name));
  TRY(lambda_function_resolve(call, &name, &record));
  *ret_out = *lambda_function_shown(call, record, name.qualifier);
  return NULL;
}

OPERATION(GetFunction, get_function, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
get_function(Call *call, const LambdaGetFunctionInput *in, LambdaGetFunctionOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *record, *latest;
  TRY(lambda_function_name(call, in->FunctionName, in->Qualifier, &name));
  TRY(lambda_function_resolve(call, &name, &record));
  TRY(lambda_function_find(call, name.name, LAMBDA_LATEST, &latest));
  ret_out->Configuration = lambda_function_shown(call, record, name.qualifier);
  ret_out->Code = ARENA_NEW(call->arena, LambdaFunctionCodeLocation);
  ret_out->Code->RepositoryType = "S3";
  ret_out->Code->Location = download_location(call, record->code);
  if (latest)
    ret_out->Tags = latest->tags;
  if (latest && latest->reserved.set) {
    ret_out->Concurrency = ARENA_NEW(call->arena, LambdaConcurrency);
    ret_out->Concurrency->ReservedConcurrentExecutions = latest->reserved;
  }
  return NULL;
}

OPERATION(ListFunctions, list_functions, .txn = TXN_READ)
static Error *
list_functions(Call *call, const LambdaListFunctionsInput *in, LambdaListFunctionsOutput *ret_out)
{
  gboolean all = g_strcmp0(in->FunctionVersion, "ALL") == 0;
  Key prefix, from;
  call_key(call, &prefix);
  if (in->Marker)
    lambda_function_key(call, in->Marker, "\x7f", &from); /* behind all of its versions */
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &lambda_functions, &(CursorOptions) {.prefix = &prefix, .from = in->Marker ? &from : NULL, .after = TRUE}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->Functions);
  gsize limit = (gsize) MIN(OPT_OR(in->MaxItems, 50), 50);
  const char *last = NULL;
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *found;
    TRY(record_decode_sealed(call->txn, call->arena, &LambdaFunctionRecord_shape, data, size, &found));
    const LambdaFunctionRecord *record = found;
    gboolean latest = strcmp(record->config->Version, LAMBDA_LATEST) == 0;
    if (!latest && !all)
      continue;
    if (latest && ret_out->Functions.n >= limit) {
      ret_out->NextMarker = last;
      break;
    }
    last = record->config->FunctionName;
    LambdaFunctionConfiguration *shown = lambda_function_shown(call, record, all && latest ? LAMBDA_LATEST : NULL);
    shown->State = shown->StateReason = shown->StateReasonCode = NULL;
    shown->LastUpdateStatus = NULL;
    LIST_APPEND(call->arena, &ret_out->Functions, shown);
  }
  return NULL;
}

static Error *
delete_version(Call *call, const FunctionName *name)
{
  LambdaFunctionRecord *record;
  Key key;
  if (strcmp(name->qualifier, LAMBDA_LATEST) == 0)
    return error_answer("InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function.");
  if (!lambda_function_is_version(name->qualifier))
    return error_answer("InvalidParameterValueException", "Deletion of aliases is not currently supported.");
  TRY(lambda_function_get(call, name->name, name->qualifier, &record));
  TRY(lambda_alias_check_unused(call, name->name, name->qualifier));
  lambda_function_key(call, name->name, name->qualifier, &key);
  TRY(store_delete(call->txn, &lambda_functions, &key, NULL));
  return release_put(call);
}

OPERATION(DeleteFunction, delete_function, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
delete_function(Call *call, const LambdaDeleteFunctionInput *in, LambdaDeleteFunctionOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *record;
  TRY(lambda_function_name(call, in->FunctionName, in->Qualifier, &name));
  if (name.qualifier)
    return delete_version(call, &name);
  TRY(lambda_function_get(call, name.name, LAMBDA_LATEST, &record));
  Key key;
  lambda_function_key(call, name.name, NULL, &key);
  const Table *const tables[] = {&lambda_functions, &lambda_aliases, &lambda_policies, &lambda_events};
  for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
    TRY(store_delete_prefix(call->txn, tables[i], &key, NULL));
  TRY(url_delete(call, name.name, NULL));
  return release_put(call);
}
