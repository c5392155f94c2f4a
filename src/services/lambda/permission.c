/* Resource policies, one for each qualifier. https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html */
#include <string.h>

#include "services/lambda/lambda.h"

enum { POLICY_MAX = 20480 };

static void
policy_key(const Call *call, const FunctionName *name, Key *key)
{
  lambda_function_key(call, name->name, name->qualifier ? name->qualifier : "", key);
}

static Error *
load(Call *call, const FunctionName *name, Json **ret_policy)
{
  LambdaPolicyRecord *record;
  TRY(lambda_policy_find(call, name->name, name->qualifier ? name->qualifier : "", &record));
  if (record)
    return json_parse(call->arena, record->policy, strlen(record->policy), ret_policy);
  *ret_policy = lambda_json_strings(call->arena, "Version", "2012-10-17", "Id", "default", NULL);
  json_set(call->arena, *ret_policy, "Statement", json_new_array(call->arena));
  return NULL;
}

static Error *
store(Call *call, const FunctionName *name, const Json *policy)
{
  Key key;
  policy_key(call, name, &key);
  if (!json_get(policy, "Statement")->n)
    return store_delete(call->txn, &lambda_policies, &key, NULL);
  LambdaPolicyRecord record = {.policy = json_text(call->arena, policy), .revision = id_uuid(call->arena)};
  if (strlen(record.policy) > POLICY_MAX)
    return error_answer("PolicyLengthExceededException", "The final policy size (%" G_GSIZE_FORMAT ") is bigger than the limit (%d).",
                        strlen(record.policy), POLICY_MAX);
  return record_put(call->txn, &lambda_policies, &key, &LambdaPolicyRecord_shape, &record);
}

static Error *
principal_of(Call *call, const char *text, Json **ret)
{
  Arena *arena = call->arena;
  if (strcmp(text, "*") == 0)
    *ret = json_new_string(arena, "*");
  else if (strlen(text) == 12 && strspn(text, "0123456789") == 12)
    *ret = lambda_json_strings(arena, "AWS", arena_printf(arena, "arn:aws:iam::%s:root", text), NULL);
  else if (g_str_has_prefix(text, "arn:"))
    *ret = lambda_json_strings(arena, "AWS", text, NULL);
  else if (strchr(text, '.'))
    *ret = lambda_json_strings(arena, "Service", text, NULL);
  else
    return error_answer("InvalidParameterValueException", "The provided principal was invalid. Please check the principal and try again.");
  return NULL;
}

static void
condition(Arena *arena, Json *all, const char *test, const char *key, const char *value)
{
  if (!value)
    return;
  Json *of_test = json_get(all, test);
  if (!of_test)
    json_set(arena, all, test, of_test = json_new_object(arena));
  json_set(arena, of_test, key, json_new_string(arena, value));
}

static Error *
make_statement(Call *call, const LambdaAddPermissionInput *in, const FunctionName *name, Json **ret)
{
  Arena *arena = call->arena;
  Json *statement = *ret = lambda_json_strings(arena, "Sid", in->StatementId, "Effect", "Allow", NULL), *principal = NULL, *conditions = json_new_object(arena);
  TRY(principal_of(call, in->Principal, &principal));
  json_set(arena, statement, "Principal", principal);
  json_set(arena, statement, "Action", json_new_string(arena, in->Action));
  json_set(arena, statement, "Resource", json_new_string(arena, lambda_function_arn(call, name->name, name->qualifier)));
  condition(arena, conditions, "StringEquals", "AWS:SourceAccount", in->SourceAccount);
  condition(arena, conditions, "StringEquals", "aws:PrincipalOrgID", in->PrincipalOrgID);
  condition(arena, conditions, "StringEquals", "lambda:FunctionUrlAuthType", in->FunctionUrlAuthType);
  condition(arena, conditions, "Bool", "lambda:InvokedViaFunctionUrl", OPT_OR(in->InvokedViaFunctionUrl, FALSE) ? "true" : NULL);
  condition(arena, conditions, "ArnLike", "AWS:SourceArn", in->SourceArn);
  if (conditions->n)
    json_set(arena, statement, "Condition", conditions);
  return NULL;
}

OPERATION(AddPermission, add_permission, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
add_permission(Call *call, const LambdaAddPermissionInput *in, LambdaAddPermissionOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *record;
  Json *policy, *statement;
  TRY(lambda_function_name(call, in->FunctionName, in->Qualifier, &name));
  TRY(lambda_function_resolve(call, &name, &record));
  TRY(load(call, &name, &policy));
  const Json *statements = json_get(policy, "Statement");
  for (guint i = 0; i < statements->n; i++)
    if (g_strcmp0(json_string(json_get(statements->items[i], "Sid")), in->StatementId) == 0)
      return error_answer_status(409, "ResourceConflictException",
                                 "The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.",
                                 in->StatementId);
  TRY(make_statement(call, in, &name, &statement));
  json_append(call->arena, json_get(policy, "Statement"), statement);
  ret_out->Statement = json_text(call->arena, statement);
  return store(call, &name, policy);
}

OPERATION(RemovePermission, remove_permission, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
remove_permission(Call *call, const LambdaRemovePermissionInput *in, LambdaRemovePermissionOutput *ret_out)
{
  FunctionName name;
  Json *policy, *kept = json_new_array(call->arena);
  TRY(lambda_function_name(call, in->FunctionName, in->Qualifier, &name));
  TRY(load(call, &name, &policy));
  const Json *statements = json_get(policy, "Statement");
  for (guint i = 0; i < statements->n; i++)
    if (g_strcmp0(json_string(json_get(statements->items[i], "Sid")), in->StatementId) != 0)
      json_append(call->arena, kept, statements->items[i]);
  if (kept->n == statements->n)
    return error_answer("ResourceNotFoundException", "Statement %s is not found in resource policy.", in->StatementId);
  json_set(call->arena, policy, "Statement", kept);
  return store(call, &name, policy);
}

OPERATION(GetPolicy, get_policy, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
get_policy(Call *call, const LambdaGetPolicyInput *in, LambdaGetPolicyOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *record;
  LambdaPolicyRecord *policy;
  TRY(lambda_function_name(call, in->FunctionName, in->Qualifier, &name));
  TRY(lambda_function_resolve(call, &name, &record));
  TRY(lambda_policy_find(call, name.name, name.qualifier ? name.qualifier : "", &policy));
  if (!policy)
    return error_answer("ResourceNotFoundException", "The resource you requested does not exist.");
  ret_out->Policy = policy->policy;
  ret_out->RevisionId = policy->revision;
  return NULL;
}
