/* Policies inside and attached to roles, users and groups: three times the same operations. */
#include "services/iam/service.h"

#include <string.h>

static Error *
put_inline(Call *call, const EntityKind *kind, const char *name, const char *policy, const char *document)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, kind, name, &record));
  TRY(iam_policy_check(call->arena, document, FALSE));
  MAP_SET(call->arena, &record->Inline, policy, document);
  gint64 size = 0;
  for (gsize i = 0; i < record->Inline.n; i++)
    size += policy_size(record->Inline.v[i].value);
  if (size > kind->inline_max)
    return error_answer("LimitExceeded", "Maximum policy size of %" G_GINT64_FORMAT " bytes exceeded for %s %s", kind->inline_max, kind->noun, name);
  return entity_put(call, kind, record);
}

static Error *
no_inline(const EntityKind *kind, const char *policy)
{
  return error_answer("NoSuchEntity", "The %s policy with name %s cannot be found.", kind->noun, policy);
}

static Error *
get_inline(Call *call, const EntityKind *kind, const char *name, const char *policy, const char **ret_document)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, kind, name, &record));
  const char *document = string_map_get(&record->Inline, policy);
  if (!document)
    return no_inline(kind, policy);
  *ret_document = iam_document_encode(call->arena, document);
  return NULL;
}

static Error *
delete_inline(Call *call, const EntityKind *kind, const char *name, const char *policy)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, kind, name, &record));
  for (gsize i = 0; i < record->Inline.n; i++) {
    if (strcmp(record->Inline.v[i].key, policy) == 0) {
      record->Inline.v[i] = record->Inline.v[record->Inline.n - 1];
      record->Inline.n--;
      return entity_put(call, kind, record);
    }
  }
  return no_inline(kind, policy);
}

static Error *
list_inline(Call *call, const EntityKind *kind, const char *name, const char *marker, OptInt max_items, StringList *ret, Page *ret_page)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, kind, name, &record));
  TRY(page_make(call->arena, record->Inline.n, marker, max_items, ret_page));
  LIST_EMPTY(call->arena, ret);
  for (gsize i = ret_page->from; i < ret_page->to; i++)
    LIST_APPEND(call->arena, ret, record->Inline.v[i].key);
  return NULL;
}

static Error *
attach(Call *call, const EntityKind *kind, const char *name, const char *arn)
{
  IamEntityRecord *record = NULL;
  const char *document = NULL;
  TRY(entity_find(call, kind, name, &record));
  TRY(policy_document(call, arn, &document));
  if (!document)
    return error_answer("NoSuchEntity", "Policy %s does not exist or is not attachable.", arn);
  if (string_list_has(&record->Attached, arn))
    return NULL;
  if (record->Attached.n >= 10)
    return error_answer("LimitExceeded", "Cannot exceed quota for %s: 10", kind->quota);
  LIST_APPEND(call->arena, &record->Attached, arn);
  return entity_put(call, kind, record);
}

static Error *
detach(Call *call, const EntityKind *kind, const char *name, const char *arn)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, kind, name, &record));
  for (gsize i = 0; i < record->Attached.n; i++) {
    if (strcmp(record->Attached.v[i], arn) == 0) {
      memmove(&record->Attached.v[i], &record->Attached.v[i + 1], (record->Attached.n - i - 1) * sizeof(char *));
      record->Attached.n--;
      return entity_put(call, kind, record);
    }
  }
  return error_answer("NoSuchEntity", "Policy %s was not found.", arn);
}

static Error *
list_attached(Call *call, const EntityKind *kind, const char *name, const char *marker, OptInt max_items, IamattachedPoliciesListType *ret,
              Page *ret_page)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, kind, name, &record));
  TRY(page_make(call->arena, record->Attached.n, marker, max_items, ret_page));
  LIST_EMPTY(call->arena, ret);
  for (gsize i = ret_page->from; i < ret_page->to; i++) {
    IamAttachedPolicy *policy = ARENA_NEW(call->arena, IamAttachedPolicy);
    policy->PolicyArn = record->Attached.v[i];
    policy->PolicyName = strrchr(policy->PolicyArn, '/') + 1;
    LIST_APPEND(call->arena, ret, policy);
  }
  return NULL;
}

/* The operations: the same for each kind. */

OPERATION(PutRolePolicy, put_role_policy, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
put_role_policy(Call *call, const IamPutRolePolicyInput *in, IamPutRolePolicyOutput *ret_out)
{
  return put_inline(call, &iam_role_kind, in->RoleName, in->PolicyName, in->PolicyDocument);
}

OPERATION(GetRolePolicy, get_role_policy, .authorize = role_resource)
static Error *
get_role_policy(Call *call, const IamGetRolePolicyInput *in, IamGetRolePolicyOutput *ret_out)
{
  ret_out->RoleName = in->RoleName;
  ret_out->PolicyName = in->PolicyName;
  return get_inline(call, &iam_role_kind, in->RoleName, in->PolicyName, &ret_out->PolicyDocument);
}

OPERATION(DeleteRolePolicy, delete_role_policy, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
delete_role_policy(Call *call, const IamDeleteRolePolicyInput *in, IamDeleteRolePolicyOutput *ret_out)
{
  return delete_inline(call, &iam_role_kind, in->RoleName, in->PolicyName);
}

OPERATION(ListRolePolicies, list_role_policies, .authorize = role_resource)
static Error *
list_role_policies(Call *call, const IamListRolePoliciesInput *in, IamListRolePoliciesOutput *ret_out)
{
  Page page;
  TRY(list_inline(call, &iam_role_kind, in->RoleName, in->Marker, in->MaxItems, &ret_out->PolicyNames, &page));
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(AttachRolePolicy, attach_role_policy, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
attach_role_policy(Call *call, const IamAttachRolePolicyInput *in, IamAttachRolePolicyOutput *ret_out)
{
  return attach(call, &iam_role_kind, in->RoleName, in->PolicyArn);
}

OPERATION(DetachRolePolicy, detach_role_policy, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
detach_role_policy(Call *call, const IamDetachRolePolicyInput *in, IamDetachRolePolicyOutput *ret_out)
{
  return detach(call, &iam_role_kind, in->RoleName, in->PolicyArn);
}

OPERATION(ListAttachedRolePolicies, list_attached_role_policies, .authorize = role_resource)
static Error *
list_attached_role_policies(Call *call, const IamListAttachedRolePoliciesInput *in, IamListAttachedRolePoliciesOutput *ret_out)
{
  Page page;
  TRY(list_attached(call, &iam_role_kind, in->RoleName, in->Marker, in->MaxItems, &ret_out->AttachedPolicies, &page));
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(PutUserPolicy, put_user_policy, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
put_user_policy(Call *call, const IamPutUserPolicyInput *in, IamPutUserPolicyOutput *ret_out)
{
  return put_inline(call, &iam_user_kind, in->UserName, in->PolicyName, in->PolicyDocument);
}

OPERATION(GetUserPolicy, get_user_policy, .authorize = user_resource)
static Error *
get_user_policy(Call *call, const IamGetUserPolicyInput *in, IamGetUserPolicyOutput *ret_out)
{
  ret_out->UserName = in->UserName;
  ret_out->PolicyName = in->PolicyName;
  return get_inline(call, &iam_user_kind, in->UserName, in->PolicyName, &ret_out->PolicyDocument);
}

OPERATION(DeleteUserPolicy, delete_user_policy, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
delete_user_policy(Call *call, const IamDeleteUserPolicyInput *in, IamDeleteUserPolicyOutput *ret_out)
{
  return delete_inline(call, &iam_user_kind, in->UserName, in->PolicyName);
}

OPERATION(ListUserPolicies, list_user_policies, .authorize = user_resource)
static Error *
list_user_policies(Call *call, const IamListUserPoliciesInput *in, IamListUserPoliciesOutput *ret_out)
{
  Page page;
  TRY(list_inline(call, &iam_user_kind, in->UserName, in->Marker, in->MaxItems, &ret_out->PolicyNames, &page));
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(AttachUserPolicy, attach_user_policy, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
attach_user_policy(Call *call, const IamAttachUserPolicyInput *in, IamAttachUserPolicyOutput *ret_out)
{
  return attach(call, &iam_user_kind, in->UserName, in->PolicyArn);
}

OPERATION(DetachUserPolicy, detach_user_policy, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
detach_user_policy(Call *call, const IamDetachUserPolicyInput *in, IamDetachUserPolicyOutput *ret_out)
{
  return detach(call, &iam_user_kind, in->UserName, in->PolicyArn);
}

OPERATION(ListAttachedUserPolicies, list_attached_user_policies, .authorize = user_resource)
static Error *
list_attached_user_policies(Call *call, const IamListAttachedUserPoliciesInput *in, IamListAttachedUserPoliciesOutput *ret_out)
{
  Page page;
  TRY(list_attached(call, &iam_user_kind, in->UserName, in->Marker, in->MaxItems, &ret_out->AttachedPolicies, &page));
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(PutGroupPolicy, put_group_policy, .txn = TXN_WRITE, .authorize = group_resource)
static Error *
put_group_policy(Call *call, const IamPutGroupPolicyInput *in, IamPutGroupPolicyOutput *ret_out)
{
  return put_inline(call, &iam_group_kind, in->GroupName, in->PolicyName, in->PolicyDocument);
}

OPERATION(GetGroupPolicy, get_group_policy, .authorize = group_resource)
static Error *
get_group_policy(Call *call, const IamGetGroupPolicyInput *in, IamGetGroupPolicyOutput *ret_out)
{
  ret_out->GroupName = in->GroupName;
  ret_out->PolicyName = in->PolicyName;
  return get_inline(call, &iam_group_kind, in->GroupName, in->PolicyName, &ret_out->PolicyDocument);
}

OPERATION(DeleteGroupPolicy, delete_group_policy, .txn = TXN_WRITE, .authorize = group_resource)
static Error *
delete_group_policy(Call *call, const IamDeleteGroupPolicyInput *in, IamDeleteGroupPolicyOutput *ret_out)
{
  return delete_inline(call, &iam_group_kind, in->GroupName, in->PolicyName);
}

OPERATION(ListGroupPolicies, list_group_policies, .authorize = group_resource)
static Error *
list_group_policies(Call *call, const IamListGroupPoliciesInput *in, IamListGroupPoliciesOutput *ret_out)
{
  Page page;
  TRY(list_inline(call, &iam_group_kind, in->GroupName, in->Marker, in->MaxItems, &ret_out->PolicyNames, &page));
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(AttachGroupPolicy, attach_group_policy, .txn = TXN_WRITE, .authorize = group_resource)
static Error *
attach_group_policy(Call *call, const IamAttachGroupPolicyInput *in, IamAttachGroupPolicyOutput *ret_out)
{
  return attach(call, &iam_group_kind, in->GroupName, in->PolicyArn);
}

OPERATION(DetachGroupPolicy, detach_group_policy, .txn = TXN_WRITE, .authorize = group_resource)
static Error *
detach_group_policy(Call *call, const IamDetachGroupPolicyInput *in, IamDetachGroupPolicyOutput *ret_out)
{
  return detach(call, &iam_group_kind, in->GroupName, in->PolicyArn);
}

OPERATION(ListAttachedGroupPolicies, list_attached_group_policies, .authorize = group_resource)
static Error *
list_attached_group_policies(Call *call, const IamListAttachedGroupPoliciesInput *in, IamListAttachedGroupPoliciesOutput *ret_out)
{
  Page page;
  TRY(list_attached(call, &iam_group_kind, in->GroupName, in->Marker, in->MaxItems, &ret_out->AttachedPolicies, &page));
  PAGE_END(ret_out, page);
  return NULL;
}
