/* Customer managed policies and their versions; AWS's own are looked up here too. */
#include "services/iam/service.h"

#include <string.h>

static gboolean
is_aws(const char *arn)
{
  return g_str_has_prefix(arn, "arn:aws:iam::aws:");
}

char *
managed_policy_arn(Arena *arena, const ManagedPolicy *policy)
{
  return arena_printf(arena, "arn:aws:iam::aws:policy%s%s", policy->path, policy->name);
}

const ManagedPolicy *
managed_policy_find(const char *arn)
{
  static const char prefix[] = "arn:aws:iam::aws:policy";
  if (!g_str_has_prefix(arn, prefix))
    return NULL;
  const char *rest = arn + strlen(prefix);
  for (const ManagedPolicy *policy = iam_managed_policies; policy->name; policy++) {
    gsize path = strlen(policy->path);
    if (strncmp(rest, policy->path, path) == 0 && strcmp(rest + path, policy->name) == 0)
      return policy;
  }
  return NULL;
}

/* An AWS policy as a record, so that all operations read it like others. */
static IamPolicyRecord *
aws_record(Arena *arena, const ManagedPolicy *policy)
{
  IamPolicyRecord *record = ARENA_NEW(arena, IamPolicyRecord);
  IamPolicyVersionRecord *version = ARENA_NEW(arena, IamPolicyVersionRecord);
  g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, policy->name, -1);
  g_autofree char *upper = g_ascii_strup(hash, 16);
  record->Name = policy->name;
  record->Path = policy->path;
  record->Arn = managed_policy_arn(arena, policy);
  record->Id = arena_printf(arena, "ANPA%s", upper);
  record->DefaultVersion = version->Id = "v1";
  record->CreateDate = record->UpdateDate = version->CreateDate = OPT_TIME(G_GINT64_CONSTANT(1423180800000));
  version->Document = policy->document;
  LIST_APPEND(arena, &record->Versions, version);
  return record;
}

static Error *
policy_look(Call *call, const char *arn, IamPolicyRecord **ret)
{
  *ret = NULL;
  if (is_aws(arn)) {
    const ManagedPolicy *policy = managed_policy_find(arn);
    *ret = policy ? aws_record(call->arena, policy) : NULL;
    return NULL;
  }
  Key key;
  iam_key(call, &key, arn, NULL);
  return record_get(call->txn, &iam_policy_table, &key, &IamPolicyRecord_shape, call->arena, (void **) ret);
}

Error *
policy_find(Call *call, const char *arn, const char *words, IamPolicyRecord **ret)
{
  TRY(policy_look(call, arn, ret));
  if (!*ret)
    return error_answer("NoSuchEntity", "Policy %s %s", arn, words);
  return NULL;
}

static IamPolicyVersionRecord *
version_find(const IamPolicyRecord *record, const char *id)
{
  for (gsize i = 0; i < record->Versions.n; i++)
    if (strcmp(record->Versions.v[i]->Id, id) == 0)
      return record->Versions.v[i];
  return NULL;
}

Error *
policy_document(Call *call, const char *arn, const char **ret)
{
  IamPolicyRecord *record = NULL;
  TRY(policy_look(call, arn, &record));
  *ret = record ? version_find(record, record->DefaultVersion)->Document : NULL;
  return NULL;
}

static Error *
policy_put(Call *call, const IamPolicyRecord *record)
{
  Key key;
  iam_key(call, &key, record->Arn, NULL);
  return record_put(call->txn, &iam_policy_table, &key, &IamPolicyRecord_shape, record);
}

typedef struct UseCount { const char *arn; PolicyUses *uses; } UseCount;

static Error *
count_use(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data)
{
  const UseCount *count = data;
  count->uses->attached += string_list_has(&record->Attached, count->arn);
  count->uses->boundaries += g_strcmp0(record->Boundary, count->arn) == 0;
  return NULL;
}

Error *
policy_uses(Call *call, const char *arn, PolicyUses *ret)
{
  UseCount count = { arn, ret };
  *ret = (PolicyUses) { 0 };
  TRY(entity_each(call, &iam_role_kind, count_use, &count));
  TRY(entity_each(call, &iam_user_kind, count_use, &count));
  return entity_each(call, &iam_group_kind, count_use, &count);
}

static Error *
policy_make(Call *call, const IamPolicyRecord *record, gboolean listed, IamPolicy **ret)
{
  PolicyUses uses;
  TRY(policy_uses(call, record->Arn, &uses));
  IamPolicy *policy = ARENA_NEW(call->arena, IamPolicy);
  policy->PolicyName = record->Name;
  policy->PolicyId = record->Id;
  policy->Arn = record->Arn;
  policy->Path = record->Path;
  policy->DefaultVersionId = record->DefaultVersion;
  policy->AttachmentCount = OPT_INT(uses.attached);
  policy->PermissionsBoundaryUsageCount = OPT_INT(uses.boundaries);
  policy->IsAttachable = OPT_BOOL(TRUE);
  policy->CreateDate = record->CreateDate;
  policy->UpdateDate = record->UpdateDate;
  if (!listed) {
    policy->Description = record->Description;
    policy->Tags = record->Tags;
  }
  *ret = policy;
  return NULL;
}

static Error *
version_add(Call *call, IamPolicyRecord *record, const char *document, gboolean is_default, IamPolicyVersionRecord **ret)
{
  TRY(iam_policy_check(call->arena, document, FALSE));
  if (policy_size(document) > 6144)
    return error_answer("LimitExceeded", "Cannot exceed quota for PolicySize: 6144");
  if (record->Versions.n >= 5)
    return error_answer("LimitExceeded",
                        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.");
  IamPolicyVersionRecord *version = ARENA_NEW(call->arena, IamPolicyVersionRecord);
  gint64 number = OPT_OR(record->NextVersion, 1);
  version->Id = arena_printf(call->arena, "v%" G_GINT64_FORMAT, number);
  version->Document = document;
  version->CreateDate = record->UpdateDate = OPT_TIME(call->now / 1000 * 1000);
  record->NextVersion = OPT_INT(number + 1);
  if (is_default)
    record->DefaultVersion = version->Id;
  LIST_APPEND(call->arena, &record->Versions, version);
  *ret = version;
  return NULL;
}

static IamPolicyVersion *
version_make(Arena *arena, const IamPolicyRecord *record, const IamPolicyVersionRecord *version, gboolean document)
{
  IamPolicyVersion *out = ARENA_NEW(arena, IamPolicyVersion);
  out->Document = document ? iam_document_encode(arena, version->Document) : NULL;
  out->VersionId = version->Id;
  out->IsDefaultVersion = OPT_BOOL(strcmp(version->Id, record->DefaultVersion) == 0);
  out->CreateDate = version->CreateDate;
  return out;
}

OPERATION(CreatePolicy, create_policy, .txn = TXN_WRITE, .authorize = policy_resource)
static Error *
create_policy(Call *call, const IamCreatePolicyInput *in, IamCreatePolicyOutput *ret_out)
{
  IamPolicyRecord *old = NULL, *record = ARENA_NEW(call->arena, IamPolicyRecord);
  IamPolicyVersionRecord *version = NULL;
  record->Name = in->PolicyName;
  record->Path = in->Path ? in->Path : "/";
  record->Arn = arn_format(call->arena, "iam", "", call->account, "policy%s%s", record->Path, record->Name);
  TRY(policy_look(call, record->Arn, &old));
  if (old)
    return error_answer("EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", record->Name);
  record->Id = id_unique(call->arena, "ANPA");
  record->Description = in->Description;
  record->CreateDate = OPT_TIME(call->now / 1000 * 1000);
  TRY(tags_add(call->arena, &record->Tags, &in->Tags));
  TRY(version_add(call, record, in->PolicyDocument, TRUE, &version));
  TRY(policy_put(call, record));
  return policy_make(call, record, FALSE, &ret_out->Policy);
}

OPERATION(GetPolicy, get_policy, .authorize = policy_resource)
static Error *
get_policy(Call *call, const IamGetPolicyInput *in, IamGetPolicyOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  TRY(policy_find(call, in->PolicyArn, "was not found.", &record));
  return policy_make(call, record, FALSE, &ret_out->Policy);
}

OPERATION(DeletePolicy, delete_policy, .txn = TXN_WRITE, .authorize = policy_resource)
static Error *
delete_policy(Call *call, const IamDeletePolicyInput *in, IamDeletePolicyOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  PolicyUses uses;
  TRY(policy_find(call, in->PolicyArn, "was not found.", &record));
  if (is_aws(in->PolicyArn))
    return error_answer("AccessDenied", "Cannot perform the operation on an AWS managed policy: %s", in->PolicyArn);
  TRY(policy_uses(call, record->Arn, &uses));
  if (uses.attached + uses.boundaries > 0)
    return error_answer("DeleteConflict", "Cannot delete a policy attached to entities.");
  if (record->Versions.n > 1)
    return error_answer("DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
                                          "The default version is deleted with the policy.");
  Key key;
  iam_key(call, &key, record->Arn, NULL);
  return store_delete(call->txn, &iam_policy_table, &key, NULL);
}

Error *
policies_own(Call *call, GPtrArray *out)
{
  Key prefix;
  iam_key(call, &prefix, NULL);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &iam_policy_table, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    void *record = NULL;
    TRY(record_decode(call->arena, &IamPolicyRecord_shape, data, size, &record));
    g_ptr_array_add(out, record);
  }
  return NULL;
}

void
policies_aws(Call *call, GPtrArray *out)
{
  for (const ManagedPolicy *policy = iam_managed_policies; policy->name; policy++)
    g_ptr_array_add(out, aws_record(call->arena, policy));
}

OPERATION(ListPolicies, list_policies)
static Error *
list_policies(Call *call, const IamListPoliciesInput *in, IamListPoliciesOutput *ret_out)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  IampolicyListType wanted = { 0 };
  if (g_strcmp0(in->Scope, "AWS") != 0)
    TRY(policies_own(call, all));
  if (g_strcmp0(in->Scope, "Local") != 0)
    policies_aws(call, all);
  for (guint i = 0; i < all->len; i++) {
    const IamPolicyRecord *record = all->pdata[i];
    IamPolicy *policy = NULL;
    TRY(policy_make(call, record, TRUE, &policy));
    if (in->PathPrefix && !g_str_has_prefix(record->Path, in->PathPrefix))
      continue;
    if (OPT_OR(in->OnlyAttached, FALSE) && policy->AttachmentCount.v == 0)
      continue;
    LIST_APPEND(call->arena, &wanted, policy);
  }
  Page page;
  TRY(page_make(call->arena, wanted.n, in->Marker, in->MaxItems, &page));
  LIST_EMPTY(call->arena, &ret_out->Policies);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Policies, wanted.v[i]);
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(CreatePolicyVersion, create_policy_version, .txn = TXN_WRITE, .authorize = policy_resource)
static Error *
create_policy_version(Call *call, const IamCreatePolicyVersionInput *in, IamCreatePolicyVersionOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  IamPolicyVersionRecord *version = NULL;
  TRY(policy_find(call, in->PolicyArn, "was not found.", &record));
  TRY(version_add(call, record, in->PolicyDocument, OPT_OR(in->SetAsDefault, FALSE), &version));
  TRY(policy_put(call, record));
  ret_out->PolicyVersion = version_make(call->arena, record, version, FALSE);
  return policy_changed(call, record->Arn);
}

static Error *
find_version(Call *call, const char *arn, const char *id, IamPolicyRecord **ret_record, IamPolicyVersionRecord **ret)
{
  TRY(policy_find(call, arn, "was not found.", ret_record));
  *ret = version_find(*ret_record, id);
  if (!*ret)
    return error_answer("NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", arn, id);
  return NULL;
}

OPERATION(GetPolicyVersion, get_policy_version, .authorize = policy_resource)
static Error *
get_policy_version(Call *call, const IamGetPolicyVersionInput *in, IamGetPolicyVersionOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  IamPolicyVersionRecord *version = NULL;
  TRY(find_version(call, in->PolicyArn, in->VersionId, &record, &version));
  ret_out->PolicyVersion = version_make(call->arena, record, version, TRUE);
  return NULL;
}

OPERATION(SetDefaultPolicyVersion, set_default_policy_version, .txn = TXN_WRITE, .authorize = policy_resource)
static Error *
set_default_policy_version(Call *call, const IamSetDefaultPolicyVersionInput *in, IamSetDefaultPolicyVersionOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  IamPolicyVersionRecord *version = NULL;
  TRY(find_version(call, in->PolicyArn, in->VersionId, &record, &version));
  record->DefaultVersion = version->Id;
  TRY(policy_put(call, record));
  return policy_changed(call, record->Arn);
}

OPERATION(DeletePolicyVersion, delete_policy_version, .txn = TXN_WRITE, .authorize = policy_resource)
static Error *
delete_policy_version(Call *call, const IamDeletePolicyVersionInput *in, IamDeletePolicyVersionOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  IamPolicyVersionRecord *version = NULL;
  TRY(find_version(call, in->PolicyArn, in->VersionId, &record, &version));
  if (strcmp(version->Id, record->DefaultVersion) == 0)
    return error_answer("DeleteConflict", "Cannot delete the default version of a policy.");
  gsize kept = 0;
  for (gsize i = 0; i < record->Versions.n; i++)
    if (record->Versions.v[i] != version)
      record->Versions.v[kept++] = record->Versions.v[i];
  record->Versions.n = kept;
  return policy_put(call, record);
}

OPERATION(ListPolicyVersions, list_policy_versions, .authorize = policy_resource)
static Error *
list_policy_versions(Call *call, const IamListPolicyVersionsInput *in, IamListPolicyVersionsOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  Page page;
  TRY(policy_find(call, in->PolicyArn, "was not found.", &record));
  TRY(page_make(call->arena, record->Versions.n, in->Marker, in->MaxItems, &page));
  LIST_EMPTY(call->arena, &ret_out->Versions);
  for (gsize i = page.from; i < page.to; i++) /* the newest first */
    LIST_APPEND(call->arena, &ret_out->Versions, version_make(call->arena, record, record->Versions.v[record->Versions.n - 1 - i], FALSE));
  PAGE_END(ret_out, page);
  return NULL;
}

typedef struct Entities { const char *arn; IamListEntitiesForPolicyOutput *out; } Entities;

static Error *
add_entity(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data)
{
  const Entities *entities = data;
  if (!string_list_has(&record->Attached, entities->arn))
    return NULL;
  if (kind == &iam_role_kind) {
    IamPolicyRole *role = ARENA_NEW(call->arena, IamPolicyRole);
    *role = (IamPolicyRole) { .RoleName = record->Name, .RoleId = record->Id };
    LIST_APPEND(call->arena, &entities->out->PolicyRoles, role);
  } else if (kind == &iam_user_kind) {
    IamPolicyUser *user = ARENA_NEW(call->arena, IamPolicyUser);
    *user = (IamPolicyUser) { .UserName = record->Name, .UserId = record->Id };
    LIST_APPEND(call->arena, &entities->out->PolicyUsers, user);
  } else {
    IamPolicyGroup *group = ARENA_NEW(call->arena, IamPolicyGroup);
    *group = (IamPolicyGroup) { .GroupName = record->Name, .GroupId = record->Id };
    LIST_APPEND(call->arena, &entities->out->PolicyGroups, group);
  }
  return NULL;
}

OPERATION(ListEntitiesForPolicy, list_entities_for_policy, .authorize = policy_resource)
static Error *
list_entities_for_policy(Call *call, const IamListEntitiesForPolicyInput *in, IamListEntitiesForPolicyOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  Entities entities = { in->PolicyArn, ret_out };
  TRY(policy_find(call, in->PolicyArn, "was not found.", &record));
  LIST_EMPTY(call->arena, &ret_out->PolicyRoles);
  LIST_EMPTY(call->arena, &ret_out->PolicyUsers);
  LIST_EMPTY(call->arena, &ret_out->PolicyGroups);
  if (!in->EntityFilter || strcmp(in->EntityFilter, "Role") == 0)
    TRY(entity_each(call, &iam_role_kind, add_entity, &entities));
  if (!in->EntityFilter || strcmp(in->EntityFilter, "User") == 0)
    TRY(entity_each(call, &iam_user_kind, add_entity, &entities));
  if (!in->EntityFilter || strcmp(in->EntityFilter, "Group") == 0)
    TRY(entity_each(call, &iam_group_kind, add_entity, &entities));
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return NULL;
}

OPERATION(TagPolicy, tag_policy, .txn = TXN_WRITE, .authorize = policy_resource)
static Error *
tag_policy(Call *call, const IamTagPolicyInput *in, IamTagPolicyOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  TRY(policy_find(call, in->PolicyArn, "was not found.", &record));
  TRY(tags_add(call->arena, &record->Tags, &in->Tags));
  return policy_put(call, record);
}

OPERATION(UntagPolicy, untag_policy, .txn = TXN_WRITE, .authorize = policy_resource)
static Error *
untag_policy(Call *call, const IamUntagPolicyInput *in, IamUntagPolicyOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  TRY(policy_find(call, in->PolicyArn, "was not found.", &record));
  tags_remove(call->arena, &record->Tags, &in->TagKeys);
  return policy_put(call, record);
}

OPERATION(ListPolicyTags, list_policy_tags, .authorize = policy_resource)
static Error *
list_policy_tags(Call *call, const IamListPolicyTagsInput *in, IamListPolicyTagsOutput *ret_out)
{
  IamPolicyRecord *record = NULL;
  TRY(policy_find(call, in->PolicyArn, "was not found.", &record));
  ret_out->Tags = record->Tags;
  LIST_EMPTY(call->arena, &ret_out->Tags);
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return NULL;
}
