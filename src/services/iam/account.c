/* Instance profiles, the account's alias and summary, and simulation. */
#include "services/iam/service.h"

#include <string.h>

static const Table alias_table = { "iam.alias" };

static Error *
profile_look(Call *call, const char *name, IamProfileRecord **ret)
{
  Key key;
  iam_key(call, &key, name, NULL);
  return record_get(call->txn, &iam_profile_table, &key, &IamProfileRecord_shape, call->arena, (void **) ret);
}

static Error *
profile_find(Call *call, const char *name, IamProfileRecord **ret)
{
  TRY(profile_look(call, name, ret));
  return *ret ? NULL : error_answer("NoSuchEntity", "Instance Profile %s cannot be found.", name);
}

static Error *
profile_put(Call *call, const IamProfileRecord *record)
{
  Key key;
  iam_key(call, &key, record->Name, NULL);
  return record_put(call->txn, &iam_profile_table, &key, &IamProfileRecord_shape, record);
}

static Error *
profile_make(Call *call, const IamProfileRecord *record, IamInstanceProfile **ret)
{
  IamInstanceProfile *profile = ARENA_NEW(call->arena, IamInstanceProfile);
  *profile = (IamInstanceProfile) { .Path = record->Path, .InstanceProfileName = record->Name, .InstanceProfileId = record->Id, .Arn = record->Arn,
                                    .CreateDate = record->CreateDate, .Tags = record->Tags };
  LIST_EMPTY(call->arena, &profile->Roles);
  IamEntityRecord *entity = NULL;
  if (record->Role)
    TRY(entity_look(call, &iam_role_kind, record->Role, &entity));
  if (entity) {
    IamRole *role = ARENA_NEW(call->arena, IamRole);
    *role = (IamRole) { .Path = entity->Path, .RoleName = entity->Name, .RoleId = entity->Id, .Arn = entity->Arn, .CreateDate = entity->CreateDate,
                        .AssumeRolePolicyDocument = iam_document_encode(call->arena, entity->Trust) };
    LIST_APPEND(call->arena, &profile->Roles, role);
  }
  *ret = profile;
  return NULL;
}

OPERATION(CreateInstanceProfile, create_instance_profile, .txn = TXN_WRITE, .authorize = profile_resource)
static Error *
create_instance_profile(Call *call, const IamCreateInstanceProfileInput *in, IamCreateInstanceProfileOutput *ret_out)
{
  IamProfileRecord *old = NULL, record = { .Name = in->InstanceProfileName, .Path = in->Path ? in->Path : "/", .CreateDate = OPT_TIME(call->now / 1000 * 1000) };
  TRY(profile_look(call, in->InstanceProfileName, &old));
  if (old)
    return error_answer("EntityAlreadyExists", "Instance Profile %s already exists.", in->InstanceProfileName);
  record.Id = id_unique(call->arena, "AIPA");
  record.Arn = arn_format(call->arena, "iam", "", call->account, "instance-profile%s%s", record.Path, record.Name);
  TRY(tags_add(call->arena, &record.Tags, &in->Tags));
  TRY(profile_put(call, &record));
  return profile_make(call, &record, &ret_out->InstanceProfile);
}

OPERATION(GetInstanceProfile, get_instance_profile, .authorize = profile_resource)
static Error *
get_instance_profile(Call *call, const IamGetInstanceProfileInput *in, IamGetInstanceProfileOutput *ret_out)
{
  IamProfileRecord *record = NULL;
  TRY(profile_find(call, in->InstanceProfileName, &record));
  return profile_make(call, record, &ret_out->InstanceProfile);
}

OPERATION(DeleteInstanceProfile, delete_instance_profile, .txn = TXN_WRITE, .authorize = profile_resource)
static Error *
delete_instance_profile(Call *call, const IamDeleteInstanceProfileInput *in, IamDeleteInstanceProfileOutput *ret_out)
{
  IamProfileRecord *record = NULL;
  TRY(profile_find(call, in->InstanceProfileName, &record));
  if (record->Role)
    return error_answer("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.");
  Key key;
  iam_key(call, &key, record->Name, NULL);
  return store_delete(call->txn, &iam_profile_table, &key, NULL);
}

OPERATION(AddRoleToInstanceProfile, add_role_to_instance_profile, .txn = TXN_WRITE, .authorize = profile_resource)
static Error *
add_role_to_instance_profile(Call *call, const IamAddRoleToInstanceProfileInput *in, IamAddRoleToInstanceProfileOutput *ret_out)
{
  IamProfileRecord *record = NULL;
  IamEntityRecord *role = NULL;
  TRY(profile_find(call, in->InstanceProfileName, &record));
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &role));
  if (record->Role)
    return error_answer("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
  record->Role = role->Name;
  return profile_put(call, record);
}

OPERATION(RemoveRoleFromInstanceProfile, remove_role_from_instance_profile, .txn = TXN_WRITE, .authorize = profile_resource)
static Error *
remove_role_from_instance_profile(Call *call, const IamRemoveRoleFromInstanceProfileInput *in, IamRemoveRoleFromInstanceProfileOutput *ret_out)
{
  IamProfileRecord *record = NULL;
  TRY(profile_find(call, in->InstanceProfileName, &record));
  if (g_strcmp0(record->Role, in->RoleName) != 0)
    return error_answer("NoSuchEntity", "The role with name %s cannot be found.", in->RoleName);
  record->Role = NULL;
  return profile_put(call, record);
}

Error *
profiles_of(Call *call, const char *role, const char *path, IaminstanceProfileListType *out)
{
  Key prefix;
  iam_key(call, &prefix, NULL);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &iam_profile_table, &options, &cursor));
  LIST_EMPTY(call->arena, out);
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    void *record = NULL;
    IamInstanceProfile *profile = NULL;
    TRY(record_decode(call->arena, &IamProfileRecord_shape, data, size, &record));
    const IamProfileRecord *found = record;
    if ((role && g_strcmp0(found->Role, role) != 0) || (path && !g_str_has_prefix(found->Path, path)))
      continue;
    TRY(profile_make(call, found, &profile));
    LIST_APPEND(call->arena, out, profile);
  }
  return NULL;
}

OPERATION(ListInstanceProfiles, list_instance_profiles)
static Error *
list_instance_profiles(Call *call, const IamListInstanceProfilesInput *in, IamListInstanceProfilesOutput *ret_out)
{
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return profiles_of(call, NULL, in->PathPrefix, &ret_out->InstanceProfiles);
}

OPERATION(ListInstanceProfilesForRole, list_instance_profiles_for_role, .authorize = role_resource)
static Error *
list_instance_profiles_for_role(Call *call, const IamListInstanceProfilesForRoleInput *in, IamListInstanceProfilesForRoleOutput *ret_out)
{
  IamEntityRecord *role = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &role));
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return profiles_of(call, role->Name, NULL, &ret_out->InstanceProfiles);
}

static Error *
alias_get(Call *call, const char **ret)
{
  Key key;
  const void *data = NULL;
  gsize size = 0;
  iam_key(call, &key, NULL);
  TRY(store_get(call->txn, &alias_table, &key, &data, &size));
  *ret = data ? arena_strndup(call->arena, data, size) : NULL;
  return NULL;
}

OPERATION(CreateAccountAlias, create_account_alias, .txn = TXN_WRITE)
static Error *
create_account_alias(Call *call, const IamCreateAccountAliasInput *in, IamCreateAccountAliasOutput *ret_out)
{
  Key key;
  iam_key(call, &key, NULL);
  return store_put(call->txn, &alias_table, &key, in->AccountAlias, strlen(in->AccountAlias));
}

OPERATION(DeleteAccountAlias, delete_account_alias, .txn = TXN_WRITE)
static Error *
delete_account_alias(Call *call, const IamDeleteAccountAliasInput *in, IamDeleteAccountAliasOutput *ret_out)
{
  const char *alias = NULL;
  Key key;
  iam_key(call, &key, NULL);
  TRY(alias_get(call, &alias));
  if (g_strcmp0(alias, in->AccountAlias) != 0)
    return error_answer("NoSuchEntity", "The account alias %s cannot be found.", in->AccountAlias);
  return store_delete(call->txn, &alias_table, &key, NULL);
}

OPERATION(ListAccountAliases, list_account_aliases)
static Error *
list_account_aliases(Call *call, const IamListAccountAliasesInput *in, IamListAccountAliasesOutput *ret_out)
{
  const char *alias = NULL;
  TRY(alias_get(call, &alias));
  LIST_EMPTY(call->arena, &ret_out->AccountAliases);
  if (alias)
    LIST_APPEND(call->arena, &ret_out->AccountAliases, alias);
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return NULL;
}

static Error *
count_table(Call *call, const Table *table, gint64 *ret)
{
  Key prefix;
  iam_key(call, &prefix, NULL);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, table, &options, &cursor));
  while (cursor_next(cursor))
    ++*ret;
  return NULL;
}

OPERATION(GetAccountSummary, get_account_summary)
static Error *
get_account_summary(Call *call, const IamGetAccountSummaryInput *in, IamGetAccountSummaryOutput *ret_out)
{
  EntityList roles = { 0 }, users = { 0 }, groups = { 0 };
  gint64 policies = 0, instance_profiles = 0;
  TRY(entity_list(call, &iam_role_kind, &roles));
  TRY(entity_list(call, &iam_user_kind, &users));
  TRY(entity_list(call, &iam_group_kind, &groups));
  TRY(count_table(call, &iam_policy_table, &policies));
  TRY(count_table(call, &iam_profile_table, &instance_profiles));
  const struct { const char *key; gint64 value; } rows[] = {
    { "Users", users.n }, { "UsersQuota", 5000 }, { "Groups", groups.n }, { "GroupsQuota", 300 }, { "Roles", roles.n }, { "RolesQuota", 1000 },
    { "Policies", policies }, { "PoliciesQuota", 1500 }, { "InstanceProfiles", instance_profiles }, { "InstanceProfilesQuota", 1000 },
    { "GroupsPerUserQuota", 10 }, { "AccessKeysPerUserQuota", 2 }, { "AttachedPoliciesPerRoleQuota", 10 }, { "AttachedPoliciesPerUserQuota", 10 },
    { "AttachedPoliciesPerGroupQuota", 10 }, { "PolicySizeQuota", 6144 }, { "VersionsPerPolicyQuota", 5 }, { "UserPolicySizeQuota", 2048 },
    { "GroupPolicySizeQuota", 5120 }, { "RolePolicySizeQuota", 10240 }, { "AssumeRolePolicySizeQuota", 2048 }, { "AccountAccessKeysPresent", 1 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    MAP_SET(call->arena, &ret_out->SummaryMap, rows[i].key, OPT_INT(rows[i].value));
  return NULL;
}

/* The principal of a user's or role's ARN, as its calls would have it. */
static Error *
simulated_principal(Call *call, const char *arn, Principal *ret)
{
  gboolean role = strstr(arn, ":role/") != NULL;
  const char *slash = strrchr(arn, '/');
  IamEntityRecord *record = NULL;
  if (!slash || (!role && !strstr(arn, ":user/")))
    return error_answer("InvalidInput", "Invalid Entity Arn: %s does not clearly define entity type and name.", arn);
  TRY(entity_find(call, role ? &iam_role_kind : &iam_user_kind, slash + 1, &record));
  *ret = (Principal) { .type = role ? PRINCIPAL_ROLE_SESSION : PRINCIPAL_USER, .account = call->account, .arn = record->Arn, .user_id = record->Id,
                       .role_arn = role ? record->Arn : NULL };
  return NULL;
}

static Error *
simulate_one(Call *call, const IamSimulatePrincipalPolicyInput *in, IamRequest *request, IamEvaluationResult **ret)
{
  Decision decision;
  TRY(iam_decide(call->txn, call->arena, request, &decision));
  IamEvaluationResult *result = ARENA_NEW(call->arena, IamEvaluationResult);
  result->EvalActionName = request->action;
  result->EvalResourceName = request->resource;
  result->EvalDecision = decision.allowed ? "allowed" : decision.explicit_deny ? "explicitDeny" : "implicitDeny";
  LIST_EMPTY(call->arena, &result->MatchedStatements);
  LIST_EMPTY(call->arena, &result->MissingContextValues);
  if (decision.statement >= 0 && decision.policy_name) {
    IamStatement *statement = ARENA_NEW(call->arena, IamStatement);
    statement->SourcePolicyId = decision.policy_name;
    statement->SourcePolicyType = "IAM Policy";
    LIST_APPEND(call->arena, &result->MatchedStatements, statement);
  }
  *ret = result;
  return NULL;
}

OPERATION(SimulatePrincipalPolicy, simulate_principal_policy)
static Error *
simulate_principal_policy(Call *call, const IamSimulatePrincipalPolicyInput *in, IamSimulatePrincipalPolicyOutput *ret_out)
{
  Principal principal;
  StringMap context = { 0 };
  StringList resources = in->ResourceArns;
  if (in->PolicyInputList.n > 0 || in->PermissionsBoundaryPolicyInputList.n > 0)
    return error_answer("InvalidInput", "PolicyInputList and PermissionsBoundaryPolicyInputList are not supported by haar: put the policy on the principal.");
  TRY(simulated_principal(call, in->PolicySourceArn, &principal));
  for (gsize i = 0; i < in->ContextEntries.n; i++)
    for (gsize j = 0; j < in->ContextEntries.v[i]->ContextKeyValues.n; j++)
      LIST_APPEND(call->arena, &context, ((StringMapEntry) { in->ContextEntries.v[i]->ContextKeyName, in->ContextEntries.v[i]->ContextKeyValues.v[j] }));
  if (resources.n == 0)
    LIST_APPEND(call->arena, &resources, "*");
  LIST_EMPTY(call->arena, &ret_out->EvaluationResults);
  for (gsize i = 0; i < in->ActionNames.n; i++) {
    for (gsize j = 0; j < resources.n; j++) {
      IamRequest request = { .principal = &principal, .action = in->ActionNames.v[i], .resource = resources.v[j], .resource_account = call->account,
                             .resource_policy = in->ResourcePolicy, .context = &context };
      IamEvaluationResult *result = NULL;
      TRY(simulate_one(call, in, &request, &result));
      LIST_APPEND(call->arena, &ret_out->EvaluationResults, result);
    }
  }
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return NULL;
}
