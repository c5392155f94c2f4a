/* UpdateFunctionCode, UpdateFunctionConfiguration: the new configuration is shown at once and used once it is prepared. */
#include <string.h>

#include "services/lambda/lambda.h"

/* A change on its way into the store: what was fetched and checked outside the transaction. */
typedef struct Change {
  const char *name, *revision;
  const LambdaUpdateFunctionConfigurationInput *config;
  LambdaVpcConfigResponse *vpc;
  const char *code, *sha256;
  gint64 size;
  const StringList *architectures;
  LambdaLayersReferenceList shown_layers;
  const char *layers;
  LambdaFunctionRecord *record;   /* out */
} Change;

static Error *
may_change(const LambdaFunctionRecord *record, const char *revision)
{
  const LambdaFunctionConfiguration *config = record->config;
  if (revision && strcmp(revision, config->RevisionId) != 0)
    return error_answer_status(412, "PreconditionFailedException",
                               "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the "
                               "latest Revision Id");
  if (g_strcmp0(config->State, "Pending") == 0)
    return error_answer_status(409, "ResourceConflictException",
                               "The operation cannot be performed at this time. The function is currently in the following state: Pending");
  if (g_strcmp0(config->LastUpdateStatus, "InProgress") == 0)
    return error_answer_status(409, "ResourceConflictException",
                               "The operation cannot be performed at this time. An update is in progress for resource: %s", config->FunctionArn);
  return NULL;
}

static void
apply_config(Call *call, const Change *change, LambdaFunctionConfiguration *config)
{
  const LambdaUpdateFunctionConfigurationInput *in = change->config;
  const struct { const char *from; const char **to; } texts[] = {{in->Role, &config->Role},
                                                                 {in->Handler, &config->Handler},
                                                                 {in->Description, &config->Description},
                                                                 {in->Runtime, &config->Runtime},
                                                                 {in->KMSKeyArn, &config->KMSKeyArn}};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    if (texts[i].from)
      *texts[i].to = texts[i].from;
  if (in->Timeout.set)
    config->Timeout = in->Timeout;
  if (in->MemorySize.set)
    config->MemorySize = in->MemorySize;
  if (in->VpcConfig)
    config->VpcConfig = change->vpc;
  if (in->DeadLetterConfig)
    config->DeadLetterConfig = in->DeadLetterConfig->TargetArn && *in->DeadLetterConfig->TargetArn ? in->DeadLetterConfig : NULL;
  if (in->EphemeralStorage)
    config->EphemeralStorage = in->EphemeralStorage;
  if (in->TracingConfig && in->TracingConfig->Mode)
    config->TracingConfig->Mode = in->TracingConfig->Mode;
  if (in->Layers.v)
    config->Layers = change->shown_layers;
  if (in->Environment) {
    config->Environment = NULL;
    if (in->Environment->Variables.n) {
      config->Environment = ARENA_NEW(call->arena, LambdaEnvironmentResponse);
      config->Environment->Variables = in->Environment->Variables;
    }
  }
}

static Error *
write_change(Call *call, gpointer data)
{
  Change *change = data;
  LambdaFunctionRecord *record;
  TRY(lambda_function_get(call, change->name, LAMBDA_LATEST, &record));
  TRY(may_change(record, change->revision));
  LambdaFunctionConfiguration *config = record->config;
  if (change->config)
    apply_config(call, change, config);
  if (change->config && change->config->Layers.v)
    record->layers = change->layers;
  if (change->code) {
    record->code = change->code;
    config->CodeSha256 = change->sha256;
    config->CodeSize = OPT_INT(change->size);
    if (change->architectures && change->architectures->n)
      config->Architectures = *change->architectures;
  }
  config->RevisionId = id_uuid(call->arena);
  config->LastModified = lambda_timestamp(call->arena, clock_now());
  config->LastUpdateStatus = "InProgress";
  config->LastUpdateStatusReason = "The function is being created.";
  config->LastUpdateStatusReasonCode = "Creating";
  change->record = record;
  TRY(lambda_function_put(call, record));
  return prepare_put(call, change->name);
}

static Error *
look(Call *call, gpointer data)
{
  Change *change = data;
  TRY(lambda_function_get(call, change->name, LAMBDA_LATEST, &change->record));
  return may_change(change->record, change->revision);
}

OPERATION(UpdateFunctionConfiguration, update_function_configuration, .txn = TXN_NONE, .authorize = lambda_authorize)
static Error *
update_function_configuration(Call *call, const LambdaUpdateFunctionConfigurationInput *in, LambdaUpdateFunctionConfigurationOutput *ret_out)
{
  FunctionName name;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  Change change = {.name = name.name, .revision = in->RevisionId, .config = in};
  TRY(call_read(call, look, &change));
  if (in->Runtime)
    TRY(lambda_validate_runtime(in->Runtime, "-"));
  TRY(lambda_validate_timeout(in->Timeout));
  TRY(lambda_validate_environment(in->Environment));
  if (in->Layers.v)
    TRY(lambda_layers_resolve(call, &in->Layers, &change.shown_layers, &change.layers));
  if (in->Role)
    TRY(lambda_validate_role(call, in->Role));
  TRY(lambda_network_check(call, in->Role ? in->Role : change.record->config->Role, in->VpcConfig, &change.vpc));
  TRY(call_write(call, write_change, &change));
  *ret_out = *lambda_function_shown(call, change.record, NULL);
  return NULL;
}

OPERATION(UpdateFunctionCode, update_function_code, .txn = TXN_NONE, .authorize = lambda_authorize)
static Error *
update_function_code(Call *call, const LambdaUpdateFunctionCodeInput *in, LambdaUpdateFunctionCodeOutput *ret_out)
{
  FunctionName name;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  Change change = {.name = name.name, .revision = in->RevisionId, .architectures = &in->Architectures};
  TRY(call_read(call, look, &change));
  LambdaFunctionCode code = {.ZipFile = in->ZipFile, .S3Bucket = in->S3Bucket, .S3Key = in->S3Key, .S3ObjectVersion = in->S3ObjectVersion, .ImageUri = in->ImageUri};
  TRY(code_fetch(call, &code, &change.code, &change.sha256, &change.size));
  if (OPT_OR(in->DryRun, FALSE)) {
    change.record->config->CodeSha256 = change.sha256;
    change.record->config->CodeSize = OPT_INT(change.size);
    *ret_out = *lambda_function_shown(call, change.record, NULL);
    return NULL;
  }
  TRY(call_write(call, write_change, &change));
  *ret_out = *lambda_function_shown(call, change.record, NULL);
  return OPT_OR(in->Publish, FALSE) ? lambda_version_publish_when_ready(call, name.name, NULL, ret_out) : NULL;
}
