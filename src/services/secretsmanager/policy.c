#include "services/secretsmanager/secretsmanager.h"

static Error *
check_policy(Call *call, const char *policy)
{
  g_autoptr(Error) error = iam_policy_check(call->arena, policy, TRUE);
  if (!error || error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  return error_answer("MalformedPolicyDocumentException", "This resource policy contains invalid JSON or syntax: %s", error->message);
}

OPERATION(PutResourcePolicy, put_resource_policy, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
put_resource_policy(Call *call, const SecretsmanagerPutResourcePolicyInput *in, SecretsmanagerPutResourcePolicyOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  TRY(check_policy(call, in->ResourcePolicy));
  secret->Policy = in->ResourcePolicy;
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  return secret_put(call, secret);
}

OPERATION(GetResourcePolicy, get_resource_policy, .txn = TXN_READ, .authorize = authorize_secret)
static Error *
get_resource_policy(Call *call, const SecretsmanagerGetResourcePolicyInput *in, SecretsmanagerGetResourcePolicyOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get_any(call, in->SecretId, &secret));
  *ret_out = (SecretsmanagerGetResourcePolicyOutput) {secret->ARN, secret->Name, secret->Policy};
  return NULL;
}

OPERATION(DeleteResourcePolicy, delete_resource_policy, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
delete_resource_policy(Call *call, const SecretsmanagerDeleteResourcePolicyInput *in, SecretsmanagerDeleteResourcePolicyOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  secret->Policy = NULL;
  *ret_out = (SecretsmanagerDeleteResourcePolicyOutput) {secret->ARN, secret->Name};
  return secret_put(call, secret);
}

OPERATION(ValidateResourcePolicy, validate_resource_policy, .txn = TXN_READ, .authorize = authorize_secret)
static Error *
validate_resource_policy(Call *call, const SecretsmanagerValidateResourcePolicyInput *in, SecretsmanagerValidateResourcePolicyOutput *ret_out)
{
  g_autoptr(Error) error = check_policy(call, in->ResourcePolicy);
  if (error && error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  ret_out->PolicyValidationPassed = OPT_BOOL(!error);
  LIST_EMPTY(call->arena, &ret_out->ValidationErrors);
  if (error) {
    SecretsmanagerValidationErrorsEntry *entry = ARENA_NEW(call->arena, SecretsmanagerValidationErrorsEntry);
    *entry = (SecretsmanagerValidationErrorsEntry) {"CHECK_POLICY_SYNTAX", arena_strdup(call->arena, error->message)};
    LIST_APPEND(call->arena, &ret_out->ValidationErrors, entry);
  }
  return NULL;
}
