/* Names of functions, and who may do what with them. */
#include <string.h>

#include "services/lambda/lambda.h"

static Error *
wrong_name(const char *text)
{
  return error_answer("ValidationException",
                      "1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must satisfy regular "
                      "expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?"
                      "([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
                      text);
}

/* The part behind "function:" of an ARN or partial ARN, or the text itself. */
static const char *
local_part(const char *text)
{
  const char *at = strstr(text, ":function:");
  if (at)
    return at + strlen(":function:");
  return g_str_has_prefix(text, "function:") ? text + strlen("function:") : text;
}

Error *
lambda_function_name(Call *call, const char *text, const char *qualifier, FunctionName *ret)
{
  char *local = arena_strdup(call->arena, local_part(text ? text : ""));
  char *colon = strchr(local, ':');
  if (colon)
    *colon++ = 0;
  if (!*local || (colon && strchr(colon, ':')))
    return wrong_name(text);
  if (strlen(local) > 64)
    return error_answer("ValidationException",
                        "1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less "
                        "than or equal to 64",
                        local);
  if (qualifier && !*qualifier)
    qualifier = NULL;
  if (colon && qualifier && strcmp(colon, qualifier) != 0)
    return error_answer("InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.");
  *ret = (FunctionName) {local, colon ? colon : qualifier};
  return NULL;
}

const Principal *
lambda_role_session(const Call *call, const char *role_arn)
{
  const char *name = strrchr(role_arn, '/');
  Principal *role = ARENA_NEW(call->arena, Principal);
  *role = (Principal) {
    .type = PRINCIPAL_ROLE_SESSION,
    .account = call->account,
    .arn = arena_printf(call->arena, "arn:aws:sts::%s:assumed-role/%s/awslambda", call->account, name ? name + 1 : role_arn),
    .user_id = "awslambda",
    .role_arn = role_arn,
  };
  return role;
}

char *
lambda_function_arn(const Call *call, const char *name, const char *qualifier)
{
  return call_arn(call, "lambda", "function:%s%s%s", name, qualifier ? ":" : "", qualifier ? qualifier : "");
}

Error *
lambda_authorize(Call *call, const void *in, Authorization *auth)
{
  const char *text = call_input_text(call, in, "FunctionName");
  if (!text)
    return NULL;
  FunctionName name;
  LambdaPolicyRecord *policy;
  TRY(lambda_function_name(call, text, call_input_text(call, in, "Qualifier"), &name));
  auth->resource = lambda_function_arn(call, name.name, name.qualifier);
  TRY(lambda_policy_find(call, name.name, name.qualifier ? name.qualifier : "", &policy));
  auth->resource_policy = policy ? policy->policy : NULL;
  /* A service needs a permission of the function: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html */
  auth->resource_policy_required = call->principal->type == PRINCIPAL_SERVICE;
  return NULL;
}
