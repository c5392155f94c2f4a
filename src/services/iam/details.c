/* GetAccountAuthorizationDetails: everything of the account in one answer.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html */
#include "services/iam/service.h"

#include <string.h>

static IampolicyDetailListType
inline_details(Arena *arena, const IamEntityRecord *record)
{
  IampolicyDetailListType list = { 0 };
  LIST_EMPTY(arena, &list);
  for (gsize i = 0; i < record->Inline.n; i++) {
    IamPolicyDetail *detail = ARENA_NEW(arena, IamPolicyDetail);
    *detail = (IamPolicyDetail) { .PolicyName = record->Inline.v[i].key, .PolicyDocument = iam_document_encode(arena, record->Inline.v[i].value) };
    LIST_APPEND(arena, &list, detail);
  }
  return list;
}

static IamattachedPoliciesListType
attached_details(Arena *arena, const IamEntityRecord *record)
{
  IamattachedPoliciesListType list = { 0 };
  LIST_EMPTY(arena, &list);
  for (gsize i = 0; i < record->Attached.n; i++) {
    IamAttachedPolicy *policy = ARENA_NEW(arena, IamAttachedPolicy);
    *policy = (IamAttachedPolicy) { .PolicyArn = record->Attached.v[i], .PolicyName = strrchr(record->Attached.v[i], '/') + 1 };
    LIST_APPEND(arena, &list, policy);
  }
  return list;
}

static Error *
add_user(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data)
{
  IamGetAccountAuthorizationDetailsOutput *out = data;
  IamUserDetail *user = ARENA_NEW(call->arena, IamUserDetail);
  *user = (IamUserDetail) { .Path = record->Path, .UserName = record->Name, .UserId = record->Id, .Arn = record->Arn, .CreateDate = record->CreateDate,
                            .UserPolicyList = inline_details(call->arena, record), .GroupList = record->Groups,
                            .AttachedManagedPolicies = attached_details(call->arena, record),
                            .PermissionsBoundary = entity_boundary(call->arena, record), .Tags = record->Tags };
  LIST_APPEND(call->arena, &out->UserDetailList, user);
  return NULL;
}

static Error *
add_group(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data)
{
  IamGetAccountAuthorizationDetailsOutput *out = data;
  IamGroupDetail *group = ARENA_NEW(call->arena, IamGroupDetail);
  *group = (IamGroupDetail) { .Path = record->Path, .GroupName = record->Name, .GroupId = record->Id, .Arn = record->Arn, .CreateDate = record->CreateDate,
                              .GroupPolicyList = inline_details(call->arena, record), .AttachedManagedPolicies = attached_details(call->arena, record) };
  LIST_APPEND(call->arena, &out->GroupDetailList, group);
  return NULL;
}

static Error *
add_role(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data)
{
  IamGetAccountAuthorizationDetailsOutput *out = data;
  IamRoleDetail *role = ARENA_NEW(call->arena, IamRoleDetail);
  *role = (IamRoleDetail) { .Path = record->Path, .RoleName = record->Name, .RoleId = record->Id, .Arn = record->Arn, .CreateDate = record->CreateDate,
                            .AssumeRolePolicyDocument = iam_document_encode(call->arena, record->Trust),
                            .RolePolicyList = inline_details(call->arena, record), .AttachedManagedPolicies = attached_details(call->arena, record),
                            .PermissionsBoundary = entity_boundary(call->arena, record), .Tags = record->Tags };
  TRY(profiles_of(call, record->Name, NULL, &role->InstanceProfileList));
  LIST_APPEND(call->arena, &out->RoleDetailList, role);
  return NULL;
}

static Error *
add_policy(Call *call, const IamPolicyRecord *record, IamGetAccountAuthorizationDetailsOutput *out)
{
  PolicyUses uses;
  TRY(policy_uses(call, record->Arn, &uses));
  IamManagedPolicyDetail *policy = ARENA_NEW(call->arena, IamManagedPolicyDetail);
  *policy = (IamManagedPolicyDetail) { .PolicyName = record->Name, .PolicyId = record->Id, .Arn = record->Arn, .Path = record->Path,
                                       .DefaultVersionId = record->DefaultVersion, .AttachmentCount = OPT_INT(uses.attached),
                                       .PermissionsBoundaryUsageCount = OPT_INT(uses.boundaries), .IsAttachable = OPT_BOOL(TRUE),
                                       .Description = record->Description, .CreateDate = record->CreateDate, .UpdateDate = record->UpdateDate };
  for (gsize i = 0; i < record->Versions.n; i++) {
    const IamPolicyVersionRecord *from = record->Versions.v[i];
    IamPolicyVersion *version = ARENA_NEW(call->arena, IamPolicyVersion);
    *version = (IamPolicyVersion) { .Document = iam_document_encode(call->arena, from->Document), .VersionId = from->Id, .CreateDate = from->CreateDate,
                                    .IsDefaultVersion = OPT_BOOL(strcmp(from->Id, record->DefaultVersion) == 0) };
    LIST_APPEND(call->arena, &policy->PolicyVersionList, version);
  }
  LIST_APPEND(call->arena, &out->Policies, policy);
  return NULL;
}

/* Without a filter: everything. */
static gboolean
wanted(const IamGetAccountAuthorizationDetailsInput *in, const char *what)
{
  return in->Filter.n == 0 || string_list_has(&in->Filter, what);
}

OPERATION(GetAccountAuthorizationDetails, get_account_authorization_details)
static Error *
get_account_authorization_details(Call *call, const IamGetAccountAuthorizationDetailsInput *in, IamGetAccountAuthorizationDetailsOutput *ret_out)
{
  g_autoptr(GPtrArray) policies = g_ptr_array_new();
  LIST_EMPTY(call->arena, &ret_out->UserDetailList);
  LIST_EMPTY(call->arena, &ret_out->GroupDetailList);
  LIST_EMPTY(call->arena, &ret_out->RoleDetailList);
  LIST_EMPTY(call->arena, &ret_out->Policies);
  if (wanted(in, "User"))
    TRY(entity_each(call, &iam_user_kind, add_user, ret_out));
  if (wanted(in, "Group"))
    TRY(entity_each(call, &iam_group_kind, add_group, ret_out));
  if (wanted(in, "Role"))
    TRY(entity_each(call, &iam_role_kind, add_role, ret_out));
  if (wanted(in, "LocalManagedPolicy"))
    TRY(policies_own(call, policies));
  if (wanted(in, "AWSManagedPolicy"))
    policies_aws(call, policies);
  for (guint i = 0; i < policies->len; i++)
    TRY(add_policy(call, policies->pdata[i], ret_out));
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return NULL;
}
