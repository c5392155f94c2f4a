/* Function URLs: the operations. https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html */
#include <string.h>

#include "services/lambda/url.h"

const Table lambda_urls = {"lambda.url"};
const Table lambda_url_owners = {"lambda.url_owner"};

enum { PAGE = 50, ID_SIZE = 32 };

static const char *
own(const char *qualifier)
{
  return qualifier && strcmp(qualifier, LAMBDA_LATEST) != 0 ? qualifier : "";
}

static void
owner_key(const char *id, Key *key)
{
  key_init(key);
  key_add(key, id);
}

Error *
url_find(Call *call, const char *name, const char *qualifier, LambdaUrlRecord **ret)
{
  Key key;
  void *value = NULL;
  lambda_function_key(call, name, own(qualifier), &key);
  TRY(record_get(call->txn, &lambda_urls, &key, &LambdaUrlRecord_shape, call->arena, &value));
  *ret = value;
  return NULL;
}

static Error *
find(Call *call, const char *text, const char *qualifier, FunctionName *ret_name, LambdaUrlRecord **ret)
{
  TRY(lambda_function_name(call, text, qualifier, ret_name));
  TRY(url_find(call, ret_name->name, ret_name->qualifier, ret));
  return *ret ? NULL : error_answer("ResourceNotFoundException", "The resource you requested does not exist.");
}

static Error *
put(Call *call, const FunctionName *name, const LambdaUrlRecord *record)
{
  Key key;
  lambda_function_key(call, name->name, own(name->qualifier), &key);
  return record_put(call->txn, &lambda_urls, &key, &LambdaUrlRecord_shape, record);
}

/* AWS's name inside and for what has no host (a stack); else the name that leads to haar from where the caller is. */
static const char *
address(const Call *call, const char *id)
{
  const char *colon = call->host ? strrchr(call->host, ':') : NULL;
  if (!call->host || g_str_has_suffix(call->host, ".amazonaws.com"))
    return arena_printf(call->arena, "https://%s.lambda-url.%s.on.aws/", id, call->region);
  return arena_printf(call->arena, "%s://%s.lambda-url.%s.localhost%s/", call->source->tls ? "https" : "http", id, call->region, colon ? colon : "");
}

static LambdaFunctionUrlConfig *
shown(const Call *call, const LambdaUrlRecord *record)
{
  LambdaFunctionUrlConfig *config = ARENA_NEW(call->arena, LambdaFunctionUrlConfig);
  *config = *record->config;
  config->FunctionUrl = address(call, record->id);
  return config;
}

static Error *
check(const char *auth, const char *mode)
{
  if (mode && strcmp(mode, "RESPONSE_STREAM") == 0)
    return error_answer("InvalidParameterValueException", "haar does not have response streaming: leave InvokeMode out, or set it to BUFFERED.");
  return auth ? NULL : error_answer("InvalidParameterValueException", "AuthType must be given.");
}

OPERATION(CreateFunctionUrlConfig, create_function_url_config, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
create_function_url_config(Call *call, const LambdaCreateFunctionUrlConfigInput *in, LambdaCreateFunctionUrlConfigOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *function;
  LambdaUrlRecord *old;
  Key key;
  TRY(check(in->AuthType, in->InvokeMode));
  TRY(lambda_function_name(call, in->FunctionName, in->Qualifier, &name));
  TRY(lambda_function_resolve(call, &name, &function));
  const char *arn = lambda_function_arn(call, name.name, *own(name.qualifier) ? name.qualifier : NULL);
  TRY(url_find(call, name.name, name.qualifier, &old));
  if (old)
    return error_answer_status(409, "ResourceConflictException",
                               "Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function", arn);
  const char *now = lambda_timestamp(call->arena, call->now);
  LambdaFunctionUrlConfig config = {.FunctionArn = arn, .AuthType = in->AuthType, .Cors = in->Cors, .InvokeMode = "BUFFERED", .CreationTime = now, .LastModifiedTime = now};
  LambdaUrlRecord record = {.config = &config, .id = id_lower(call->arena, ID_SIZE)};
  LambdaUrlOwnerRecord owner = {.region = call->region, .account = call->account, .function = name.name, .qualifier = own(name.qualifier)};
  owner_key(record.id, &key);
  TRY(record_put(call->txn, &lambda_url_owners, &key, &LambdaUrlOwnerRecord_shape, &owner));
  TRY(put(call, &name, &record));
  *ret_out = (LambdaCreateFunctionUrlConfigOutput) {.FunctionUrl = address(call, record.id), .FunctionArn = arn, .AuthType = in->AuthType, .Cors = in->Cors,
                                                    .CreationTime = now, .InvokeMode = "BUFFERED"};
  return NULL;
}

OPERATION(UpdateFunctionUrlConfig, update_function_url_config, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
update_function_url_config(Call *call, const LambdaUpdateFunctionUrlConfigInput *in, LambdaUpdateFunctionUrlConfigOutput *ret_out)
{
  FunctionName name;
  LambdaUrlRecord *record;
  TRY(check("", in->InvokeMode));
  TRY(find(call, in->FunctionName, in->Qualifier, &name, &record));
  LambdaFunctionUrlConfig *config = record->config;
  if (in->AuthType)
    config->AuthType = in->AuthType;
  if (in->Cors)
    config->Cors = in->Cors;
  config->LastModifiedTime = lambda_timestamp(call->arena, call->now);
  *ret_out = (LambdaUpdateFunctionUrlConfigOutput) {
    .FunctionUrl = address(call, record->id), .FunctionArn = config->FunctionArn, .AuthType = config->AuthType, .Cors = config->Cors,
    .CreationTime = config->CreationTime, .LastModifiedTime = config->LastModifiedTime, .InvokeMode = config->InvokeMode};
  return put(call, &name, record);
}

OPERATION(GetFunctionUrlConfig, get_function_url_config, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
get_function_url_config(Call *call, const LambdaGetFunctionUrlConfigInput *in, LambdaGetFunctionUrlConfigOutput *ret_out)
{
  FunctionName name;
  LambdaUrlRecord *record;
  TRY(find(call, in->FunctionName, in->Qualifier, &name, &record));
  const LambdaFunctionUrlConfig *config = record->config;
  *ret_out = (LambdaGetFunctionUrlConfigOutput) {
    .FunctionUrl = address(call, record->id), .FunctionArn = config->FunctionArn, .AuthType = config->AuthType, .Cors = config->Cors,
    .CreationTime = config->CreationTime, .LastModifiedTime = config->LastModifiedTime, .InvokeMode = config->InvokeMode};
  return NULL;
}

typedef struct Found { gsize n; LambdaUrlRecord **v; } Found;

static Error *
all_of(Call *call, const char *name, Found *ret)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  lambda_function_key(call, name, NULL, &prefix);
  TRY(cursor_open(call->txn, &lambda_urls, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    void *record = NULL;
    const guint8 *bytes = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &LambdaUrlRecord_shape, bytes, size, &record));
    LIST_APPEND(call->arena, ret, record);
  }
  return NULL;
}

OPERATION(ListFunctionUrlConfigs, list_function_url_configs, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
list_function_url_configs(Call *call, const LambdaListFunctionUrlConfigsInput *in, LambdaListFunctionUrlConfigsOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *function;
  Found found = {0};
  gint64 from = in->Marker ? g_ascii_strtoll(in->Marker, NULL, 10) : 0, max = CLAMP(OPT_OR(in->MaxItems, PAGE), 1, PAGE);
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  TRY(lambda_function_get(call, name.name, LAMBDA_LATEST, &function));
  TRY(all_of(call, name.name, &found));
  LIST_EMPTY(call->arena, &ret_out->FunctionUrlConfigs);
  from = CLAMP(from, 0, (gint64) found.n);
  for (gint64 i = from; i < (gint64) found.n && (gint64) ret_out->FunctionUrlConfigs.n < max; i++)
    LIST_APPEND(call->arena, &ret_out->FunctionUrlConfigs, shown(call, found.v[i]));
  if (from + max < (gint64) found.n)
    ret_out->NextMarker = arena_printf(call->arena, "%" G_GINT64_FORMAT, from + max);
  return NULL;
}

Error *
url_delete(Call *call, const char *name, const char *qualifier)
{
  Found found = {0};
  LambdaUrlRecord *one = NULL;
  Key key;
  if (!qualifier)
    TRY(all_of(call, name, &found));
  else
    TRY(url_find(call, name, qualifier, &one));
  if (one)
    LIST_APPEND(call->arena, &found, one);
  for (gsize i = 0; i < found.n; i++) {
    owner_key(found.v[i]->id, &key);
    TRY(store_delete(call->txn, &lambda_url_owners, &key, NULL));
  }
  lambda_function_key(call, name, qualifier ? own(qualifier) : NULL, &key);
  return qualifier ? store_delete(call->txn, &lambda_urls, &key, NULL) : store_delete_prefix(call->txn, &lambda_urls, &key, NULL);
}

OPERATION(DeleteFunctionUrlConfig, delete_function_url_config, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
delete_function_url_config(Call *call, const LambdaDeleteFunctionUrlConfigInput *in, LambdaDeleteFunctionUrlConfigOutput *ret_out)
{
  FunctionName name;
  LambdaUrlRecord *record;
  TRY(find(call, in->FunctionName, in->Qualifier, &name, &record));
  return url_delete(call, name.name, own(name.qualifier));
}
