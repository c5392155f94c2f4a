/* Key policies and tags. */
#include "services/kms/kms.h"

#include <string.h>

char *
key_policy_default(Arena *arena, const char *account)
{
  return arena_printf(arena,
                      "{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":[{\"Sid\":\"Enable IAM User Permissions\",\"Effect\":\"Allow\","
                      "\"Principal\":{\"AWS\":\"arn:aws:iam::%s:root\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}]}", account);
}

Error *
key_policy_check(Call *call, const char *arn, const char *policy, gboolean bypass)
{
  Error *malformed = iam_policy_check(call->arena, policy, TRUE);
  if (malformed) {
    g_free(malformed->code);
    malformed->code = g_strdup("MalformedPolicyDocumentException");
    return malformed;
  }
  if (strlen(policy) > 32768)
    return error_answer("LimitExceededException", "The key policy is larger than 32768 bytes.");
  if (bypass)
    return NULL;
  Decision decision;
  IamRequest request = { .principal = call->principal, .action = "kms:PutKeyPolicy", .resource = arn, .resource_account = call->account,
                         .resource_policy = policy, .resource_policy_required = TRUE };
  TRY(iam_decide(call->txn, call->arena, &request, &decision));
  if (decision.allowed)
    return NULL;
  /* A policy that hands the decision to the account is safe too, whatever the caller's own policies say. */
  request.principal = principal_root(call->arena, call->account);
  TRY(iam_decide(call->txn, call->arena, &request, &decision));
  if (decision.allowed)
    return NULL;
  return error_answer("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.");
}

static Error *
check_name(const char *name)
{
  if (name && strcmp(name, "default") != 0)
    return error_answer("NotFoundException", "No such policy exists");
  return NULL;
}

OPERATION(GetKeyPolicy, get_key_policy, .authorize = key_resource)
static Error *
get_key_policy(Call *call, const KmsGetKeyPolicyInput *in, KmsGetKeyPolicyOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(check_name(in->PolicyName));
  ret_out->Policy = key->Policy;
  return NULL;
}

OPERATION(PutKeyPolicy, put_key_policy, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
put_key_policy(Call *call, const KmsPutKeyPolicyInput *in, KmsPutKeyPolicyOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(check_name(in->PolicyName));
  TRY(key_mutable(key));
  TRY(key_alive(key));
  TRY(key_policy_check(call, key->Arn, in->Policy, OPT_OR(in->BypassPolicyLockoutSafetyCheck, FALSE)));
  key->Policy = in->Policy;
  return key_put(call, key);
}

OPERATION(ListKeyPolicies, list_key_policies, .authorize = key_resource)
static Error *
list_key_policies(Call *call, const KmsListKeyPoliciesInput *in, KmsListKeyPoliciesOutput *ret_out)
{
  LIST_APPEND(call->arena, &ret_out->PolicyNames, "default");
  ret_out->Truncated = OPT_BOOL(FALSE);
  return NULL;
}

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
tag_resource(Call *call, const KmsTagResourceInput *in, KmsTagResourceOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(key_mutable(key));
  TRY(key_alive(key));
  for (gsize i = 0; i < in->Tags.n; i++) {
    gsize at = 0;
    while (at < key->Tags.n && strcmp(key->Tags.v[at]->TagKey, in->Tags.v[i]->TagKey) != 0)
      at++;
    if (at < key->Tags.n)
      key->Tags.v[at] = in->Tags.v[i];
    else
      LIST_APPEND(call->arena, &key->Tags, in->Tags.v[i]);
  }
  if (key->Tags.n > 50)
    return error_answer("LimitExceededException", "Too many tags");
  return key_put(call, key);
}

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
untag_resource(Call *call, const KmsUntagResourceInput *in, KmsUntagResourceOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(key_mutable(key));
  TRY(key_alive(key));
  gsize kept = 0;
  for (gsize i = 0; i < key->Tags.n; i++)
    if (!string_list_has(&in->TagKeys, key->Tags.v[i]->TagKey))
      key->Tags.v[kept++] = key->Tags.v[i];
  key->Tags.n = kept;
  return key_put(call, key);
}

OPERATION(ListResourceTags, list_resource_tags, .authorize = key_resource)
static Error *
list_resource_tags(Call *call, const KmsListResourceTagsInput *in, KmsListResourceTagsOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  ret_out->Tags = key->Tags;
  LIST_EMPTY(call->arena, &ret_out->Tags);
  ret_out->Truncated = OPT_BOOL(FALSE);
  return NULL;
}
