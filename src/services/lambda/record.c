#include <string.h>

#include "services/lambda/lambda.h"
#include "wire/sealed.h"

const Table lambda_functions = {"lambda.function"}; /* sealed: environment variables */
const Table lambda_aliases = {"lambda.alias"};
const Table lambda_policies = {"lambda.policy"};
const Table lambda_events = {"lambda.event_config"};
const Table lambda_interfaces = {"lambda.interface"};

Lambda *
lambda_state(const Call *call)
{
  return haar_state(call->haar, "lambda");
}

void
lambda_function_key(const Call *call, const char *name, const char *second, Key *key)
{
  call_key(call, key);
  key_add(key, name);
  if (second)
    key_add(key, second);
}

Error *
lambda_function_find(Call *call, const char *name, const char *version, LambdaFunctionRecord **ret)
{
  Key key;
  void *record;
  lambda_function_key(call, name, version, &key);
  TRY(record_get_sealed(call->txn, &lambda_functions, &key, &LambdaFunctionRecord_shape, call->arena, &record));
  *ret = record;
  return NULL;
}

static Error *
not_found(Call *call, const char *name, const char *qualifier)
{
  return error_answer("ResourceNotFoundException", "Function not found: %s", lambda_function_arn(call, name, qualifier));
}

Error *
lambda_function_get(Call *call, const char *name, const char *version, LambdaFunctionRecord **ret)
{
  TRY(lambda_function_find(call, name, version, ret));
  return *ret ? NULL : not_found(call, name, strcmp(version, LAMBDA_LATEST) == 0 ? NULL : version);
}

Error *
lambda_function_put(Call *call, const LambdaFunctionRecord *record)
{
  Key key;
  lambda_function_key(call, record->config->FunctionName, record->config->Version, &key);
  return record_put_sealed(call->txn, &lambda_functions, &key, &LambdaFunctionRecord_shape, record);
}

gboolean
lambda_function_is_version(const char *qualifier)
{
  return strcmp(qualifier, LAMBDA_LATEST) == 0 || strspn(qualifier, "0123456789") == strlen(qualifier);
}

Error *
lambda_alias_find(Call *call, const char *name, const char *alias, LambdaAliasConfiguration **ret)
{
  Key key;
  void *record;
  lambda_function_key(call, name, alias, &key);
  TRY(record_get(call->txn, &lambda_aliases, &key, &LambdaAliasConfiguration_shape, call->arena, &record));
  *ret = record;
  return NULL;
}

Error *
lambda_policy_find(Call *call, const char *name, const char *qualifier, LambdaPolicyRecord **ret)
{
  Key key;
  void *record;
  lambda_function_key(call, name, qualifier, &key);
  TRY(record_get(call->txn, &lambda_policies, &key, &LambdaPolicyRecord_shape, call->arena, &record));
  *ret = record;
  return NULL;
}

Error *
lambda_function_resolve(Call *call, const FunctionName *name, LambdaFunctionRecord **ret)
{
  const char *version = name->qualifier ? name->qualifier : LAMBDA_LATEST;
  if (!lambda_function_is_version(version)) {
    LambdaAliasConfiguration *alias;
    TRY(lambda_alias_find(call, name->name, version, &alias));
    if (!alias)
      return not_found(call, name->name, name->qualifier);
    version = alias->FunctionVersion;
  }
  TRY(lambda_function_find(call, name->name, version, ret));
  return *ret ? NULL : not_found(call, name->name, name->qualifier);
}

LambdaFunctionConfiguration *
lambda_function_shown(Call *call, const LambdaFunctionRecord *record, const char *qualifier)
{
  LambdaFunctionConfiguration *shown = ARENA_NEW(call->arena, LambdaFunctionConfiguration);
  *shown = *record->config;
  gboolean latest = strcmp(shown->Version, LAMBDA_LATEST) == 0;
  shown->FunctionArn = lambda_function_arn(call, shown->FunctionName, qualifier ? qualifier : latest ? NULL : shown->Version);
  return shown;
}

char *
lambda_timestamp(Arena *arena, gint64 ms)
{
  char *text = text_iso8601(arena, ms, TRUE);
  return arena_printf(arena, "%.*s+0000", (int) strlen(text) - 1, text);
}
