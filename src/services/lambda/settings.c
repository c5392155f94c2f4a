/* Reserved concurrency, what happens to events, tags, the account's limits. */
#include <string.h>

#include "services/lambda/lambda.h"
#include "wire/sealed.h"

enum { ACCOUNT_CONCURRENCY = 1000, UNRESERVED_MIN = 100 };

static Error *
latest(Call *call, const char *text, LambdaFunctionRecord **ret)
{
  FunctionName name;
  TRY(lambda_function_name(call, text, NULL, &name));
  return lambda_function_get(call, name.name, LAMBDA_LATEST, ret);
}

/* What all functions of the account have reserved, but for one; and their number and size. */
typedef struct Sums { gint64 reserved, functions, bytes; } Sums;

static Error *
sum_up(Call *call, const char *but, Sums *ret)
{
  Key prefix;
  call_key(call, &prefix);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &lambda_functions, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *found;
    TRY(record_decode_sealed(call->txn, call->arena, &LambdaFunctionRecord_shape, data, size, &found));
    const LambdaFunctionRecord *record = found;
    ret->bytes += OPT_OR(record->config->CodeSize, 0);
    ret->functions += strcmp(record->config->Version, LAMBDA_LATEST) == 0;
    if (g_strcmp0(but, record->config->FunctionName) != 0)
      ret->reserved += OPT_OR(record->reserved, 0);
  }
  return NULL;
}

OPERATION(PutFunctionConcurrency, put_function_concurrency, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
put_function_concurrency(Call *call, const LambdaPutFunctionConcurrencyInput *in, LambdaPutFunctionConcurrencyOutput *ret_out)
{
  LambdaFunctionRecord *record;
  Sums sums = {0};
  TRY(latest(call, in->FunctionName, &record));
  TRY(sum_up(call, record->config->FunctionName, &sums));
  if (ACCOUNT_CONCURRENCY - sums.reserved - in->ReservedConcurrentExecutions.v < UNRESERVED_MIN)
    return error_answer("InvalidParameterValueException",
                        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum "
                        "value of [%d].",
                        UNRESERVED_MIN);
  record->reserved = in->ReservedConcurrentExecutions;
  ret_out->ReservedConcurrentExecutions = record->reserved;
  return lambda_function_put(call, record);
}

OPERATION(GetFunctionConcurrency, get_function_concurrency, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
get_function_concurrency(Call *call, const LambdaGetFunctionConcurrencyInput *in, LambdaGetFunctionConcurrencyOutput *ret_out)
{
  LambdaFunctionRecord *record;
  TRY(latest(call, in->FunctionName, &record));
  ret_out->ReservedConcurrentExecutions = record->reserved;
  return NULL;
}

OPERATION(DeleteFunctionConcurrency, delete_function_concurrency, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
delete_function_concurrency(Call *call, const LambdaDeleteFunctionConcurrencyInput *in, LambdaDeleteFunctionConcurrencyOutput *ret_out)
{
  LambdaFunctionRecord *record;
  TRY(latest(call, in->FunctionName, &record));
  record->reserved.set = FALSE;
  return lambda_function_put(call, record);
}

OPERATION(GetAccountSettings, get_account_settings, .txn = TXN_READ)
static Error *
get_account_settings(Call *call, const LambdaGetAccountSettingsInput *in, LambdaGetAccountSettingsOutput *ret_out)
{
  Sums sums = {0};
  TRY(sum_up(call, NULL, &sums));
  ret_out->AccountLimit = ARENA_NEW(call->arena, LambdaAccountLimit);
  *ret_out->AccountLimit = (LambdaAccountLimit) {
    .TotalCodeSize = OPT_INT(80530636800),
    .CodeSizeUnzipped = OPT_INT(262144000),
    .CodeSizeZipped = OPT_INT(52428800),
    .ConcurrentExecutions = OPT_INT(ACCOUNT_CONCURRENCY),
    .UnreservedConcurrentExecutions = OPT_INT(ACCOUNT_CONCURRENCY - sums.reserved),
  };
  ret_out->AccountUsage = ARENA_NEW(call->arena, LambdaAccountUsage);
  ret_out->AccountUsage->TotalCodeSize = OPT_INT(sums.bytes);
  ret_out->AccountUsage->FunctionCount = OPT_INT(sums.functions);
  return NULL;
}

/* --- events --- */

static Error *
event_key(Call *call, const char *text, const char *qualifier, FunctionName *ret_name, Key *key)
{
  LambdaFunctionRecord *record;
  TRY(lambda_function_name(call, text, qualifier, ret_name));
  TRY(lambda_function_resolve(call, ret_name, &record));
  lambda_function_key(call, ret_name->name, ret_name->qualifier ? ret_name->qualifier : LAMBDA_LATEST, key);
  return NULL;
}

static Error *
event_find(Call *call, const Key *key, LambdaFunctionEventInvokeConfig **ret)
{
  void *record;
  TRY(record_get(call->txn, &lambda_events, key, &LambdaEventConfigRecord_shape, call->arena, &record));
  *ret = record ? ((LambdaEventConfigRecord *) record)->config : NULL;
  return NULL;
}

OPERATION(PutFunctionEventInvokeConfig, put_function_event_invoke_config, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
put_function_event_invoke_config(Call *call, const LambdaPutFunctionEventInvokeConfigInput *in, LambdaPutFunctionEventInvokeConfigOutput *ret_out)
{
  FunctionName name;
  Key key;
  TRY(event_key(call, in->FunctionName, in->Qualifier, &name, &key));
  ret_out->LastModified = OPT_TIME(call->now);
  ret_out->FunctionArn = lambda_function_arn(call, name.name, name.qualifier ? name.qualifier : LAMBDA_LATEST);
  ret_out->MaximumRetryAttempts = in->MaximumRetryAttempts;
  ret_out->MaximumEventAgeInSeconds = in->MaximumEventAgeInSeconds;
  ret_out->DestinationConfig = in->DestinationConfig;
  LambdaEventConfigRecord record = {.config = ret_out};
  return record_put(call->txn, &lambda_events, &key, &LambdaEventConfigRecord_shape, &record);
}

OPERATION(GetFunctionEventInvokeConfig, get_function_event_invoke_config, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
get_function_event_invoke_config(Call *call, const LambdaGetFunctionEventInvokeConfigInput *in, LambdaGetFunctionEventInvokeConfigOutput *ret_out)
{
  FunctionName name;
  Key key;
  LambdaFunctionEventInvokeConfig *config;
  TRY(event_key(call, in->FunctionName, in->Qualifier, &name, &key));
  TRY(event_find(call, &key, &config));
  if (!config)
    return error_answer("ResourceNotFoundException", "The function %s doesn't have an EventInvokeConfig",
                        lambda_function_arn(call, name.name, name.qualifier ? name.qualifier : LAMBDA_LATEST));
  *ret_out = *config;
  return NULL;
}

OPERATION(DeleteFunctionEventInvokeConfig, delete_function_event_invoke_config, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
delete_function_event_invoke_config(Call *call, const LambdaDeleteFunctionEventInvokeConfigInput *in,
                                    LambdaDeleteFunctionEventInvokeConfigOutput *ret_out)
{
  FunctionName name;
  Key key;
  TRY(event_key(call, in->FunctionName, in->Qualifier, &name, &key));
  return store_delete(call->txn, &lambda_events, &key, NULL);
}

/* --- tags: of the function, by its ARN --- */

#define TAG_RESOURCE(Name)                                                               \
  static Error *authorize_##Name(Call *call, const void *in, Authorization *auth)        \
  {                                                                                      \
    auth->resource = ((const Lambda##Name##Input *) in)->Resource;                       \
    return NULL;                                                                         \
  }

TAG_RESOURCE(TagResource)

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .authorize = authorize_TagResource)
static Error *
tag_resource(Call *call, const LambdaTagResourceInput *in, LambdaTagResourceOutput *ret_out)
{
  LambdaFunctionRecord *record;
  TRY(latest(call, in->Resource, &record));
  for (gsize i = 0; i < in->Tags.n; i++)
    MAP_SET(call->arena, &record->tags, in->Tags.v[i].key, in->Tags.v[i].value);
  return lambda_function_put(call, record);
}

TAG_RESOURCE(UntagResource)

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .authorize = authorize_UntagResource)
static Error *
untag_resource(Call *call, const LambdaUntagResourceInput *in, LambdaUntagResourceOutput *ret_out)
{
  LambdaFunctionRecord *record;
  TRY(latest(call, in->Resource, &record));
  gsize kept = 0;
  for (gsize i = 0; i < record->tags.n; i++)
    if (!string_list_has(&in->TagKeys, record->tags.v[i].key))
      record->tags.v[kept++] = record->tags.v[i];
  record->tags.n = kept;
  return lambda_function_put(call, record);
}

TAG_RESOURCE(ListTags)

OPERATION(ListTags, list_tags, .txn = TXN_READ, .authorize = authorize_ListTags)
static Error *
list_tags(Call *call, const LambdaListTagsInput *in, LambdaListTagsOutput *ret_out)
{
  LambdaFunctionRecord *record;
  TRY(latest(call, in->Resource, &record));
  ret_out->Tags = record->tags;
  LIST_EMPTY(call->arena, &ret_out->Tags);
  return NULL;
}
