/* What is checked of a function's configuration beyond its shape. */
#include <string.h>

#include "services/lambda/lambda.h"

Error *
lambda_validate_runtime(const char *runtime, const char *handler)
{
  static const char *const runnable[] = {"python3", "nodejs", "provided"};
  if (!runtime || !handler)
    return error_answer("InvalidParameterValueException", "%s is mandatory for functions created with deployment packages of type Zip",
                        runtime ? "Handler" : "Runtime");
  for (gsize i = 0; i < G_N_ELEMENTS(runnable); i++)
    if (g_str_has_prefix(runtime, runnable[i]))
      return NULL;
  return error_answer("InvalidParameterValueException", "haar does not run %s functions: python3.*, nodejs* and provided.* are there.", runtime);
}

static gboolean
is_reserved(const char *name)
{
  static const char *const reserved[] = {
    "_HANDLER",         "_X_AMZN_TRACE_ID",      "AWS_DEFAULT_REGION",       "AWS_REGION",
    "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"};
  for (gsize i = 0; i < G_N_ELEMENTS(reserved); i++)
    if (strcmp(name, reserved[i]) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
good_name(const char *name)
{
  if (!g_ascii_isalpha(*name) || !name[1])
    return FALSE;
  for (const char *p = name; *p; p++)
    if (!g_ascii_isalnum(*p) && *p != '_')
      return FALSE;
  return TRUE;
}

Error *
lambda_validate_environment(const LambdaEnvironment *environment)
{
  static const gsize max = 4096;
  gsize size = 2;
  for (gsize i = 0; environment && i < environment->Variables.n; i++) {
    const StringMapEntry *entry = &environment->Variables.v[i];
    if (is_reserved(entry->key))
      return error_answer("InvalidParameterValueException",
                          "Lambda was unable to configure your environment variables because the environment variables you have provided contains "
                          "reserved keys that are currently not supported for modification. Reserved keys used in this request: %s",
                          entry->key);
    if (!good_name(entry->key))
      return error_answer("ValidationException",
                          "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy "
                          "constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]");
    size += strlen(entry->key) + strlen(entry->value ? entry->value : "") + (i ? 6 : 5);
  }
  if (size > max)
    return error_answer("InvalidParameterValueException",
                        "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the "
                        "4KB limit. String measured: %" G_GSIZE_FORMAT,
                        size);
  return NULL;
}

Error *
lambda_validate_timeout(OptInt timeout)
{
  if (!timeout.set || timeout.v <= 900)
    return NULL;
  return error_answer("ValidationException",
                      "1 validation error detected: Value '%" G_GINT64_FORMAT "' at 'timeout' failed to satisfy constraint: Member must have value less "
                      "than or equal to 900",
                      timeout.v);
}

Error *
lambda_validate_signing(const char *signing)
{
  if (signing)
    return error_answer("InvalidParameterValueException", "haar does not have code signing: leave CodeSigningConfigArn out.");
  return NULL;
}

static Error *
may_pass(Call *call, gpointer data)
{
  StringMap context = {0};
  MAP_SET(call->arena, &context, "iam:PassedToService", "lambda.amazonaws.com");
  IamRequest request = {
    .principal = call->principal, .action = "iam:PassRole", .resource = data, .resource_account = call->account, .context = &context};
  return iam_authorize(call->txn, call->arena, &request);
}

Error *
lambda_validate_role(Call *call, const char *role)
{
  g_autoptr(Error) denied = call_read(call, may_pass, (gpointer) role);
  if (denied && denied->kind == ERROR_ANSWER)
    return error_answer_status(403, "AccessDeniedException", "%s", denied->message);
  if (denied)
    return g_steal_pointer(&denied);
  Json *in = lambda_json_strings(call->arena, "RoleArn", role, "RoleSessionName", "awslambda", NULL);
  g_autoptr(Error) error = lambda_other_call(call, "sts", "AssumeRole", principal_service(call->arena, "lambda.amazonaws.com", call->account), in, NULL);
  if (error && error->kind == ERROR_ANSWER)
    return error_answer("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.");
  return g_steal_pointer(&error);
}
