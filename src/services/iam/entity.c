/* What roles, users and groups have in common: a record, a path, policies inside and attached, tags. */
#include "services/iam/service.h"

#include <string.h>

const EntityKind iam_role_kind = { "role", "Role", "AROA", "RoleName", "PoliciesPerRole", 10240 };
const EntityKind iam_user_kind = { "user", "User", "AIDA", "UserName", "PoliciesPerUser", 2048 };
const EntityKind iam_group_kind = { "group", "Group", "AGPA", "GroupName", "PoliciesPerGroup", 5120 };

static void
entity_key(const Call *call, const EntityKind *kind, const char *name, Key *key)
{
  g_autofree char *lower = g_ascii_strdown(name, -1);
  iam_key(call, key, kind->noun, lower, NULL);
}

Error *
entity_look(Call *call, const EntityKind *kind, const char *name, IamEntityRecord **ret)
{
  Key key;
  entity_key(call, kind, name, &key);
  return record_get(call->txn, &iam_entity_table, &key, &IamEntityRecord_shape, call->arena, (void **) ret);
}

Error *
entity_find(Call *call, const EntityKind *kind, const char *name, IamEntityRecord **ret)
{
  TRY(entity_look(call, kind, name, ret));
  if (!*ret)
    return error_answer("NoSuchEntity", "The %s with name %s cannot be found.", kind->noun, name);
  return NULL;
}

Error *
entity_list(Call *call, const EntityKind *kind, EntityList *ret)
{
  Key prefix;
  iam_key(call, &prefix, kind->noun, NULL);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &iam_entity_table, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    void *record = NULL;
    TRY(record_decode(call->arena, &IamEntityRecord_shape, data, size, &record));
    LIST_APPEND(call->arena, ret, (IamEntityRecord *) record);
  }
  return NULL;
}

Error *
entity_each(Call *call, const EntityKind *kind, EntityVisit visit, gpointer data)
{
  EntityList all = { 0 };
  TRY(entity_list(call, kind, &all));
  for (gsize i = 0; i < all.n; i++)
    TRY(visit(call, kind, all.v[i], data));
  return NULL;
}

/* Adds the policies of a role, user or group. */
static Error *
gather(Call *call, const IamEntityRecord *record, IdentityPolicies *policies)
{
  for (gsize i = 0; i < record->Inline.n; i++) {
    LIST_APPEND(call->arena, &policies->documents, record->Inline.v[i].value);
    LIST_APPEND(call->arena, &policies->names, record->Inline.v[i].key);
  }
  for (gsize i = 0; i < record->Attached.n; i++) {
    const char *document = NULL;
    TRY(policy_document(call, record->Attached.v[i], &document));
    if (!document)
      continue;
    LIST_APPEND(call->arena, &policies->documents, document);
    LIST_APPEND(call->arena, &policies->names, record->Attached.v[i]);
  }
  return NULL;
}

/* Hands the policies of a role or user to the evaluation. */
static Error *
publish(Call *call, const EntityKind *kind, const IamEntityRecord *record)
{
  IdentityPolicies policies = { 0 };
  TRY(gather(call, record, &policies));
  for (gsize i = 0; i < record->Groups.n; i++) {
    IamEntityRecord *group = NULL;
    TRY(entity_look(call, &iam_group_kind, record->Groups.v[i], &group));
    if (group)
      TRY(gather(call, group, &policies));
  }
  if (record->Boundary)
    TRY(policy_document(call, record->Boundary, &policies.boundary));
  /* A boundary that is gone allows nothing. */
  if (record->Boundary && !policies.boundary)
    policies.boundary = "{\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}";
  for (gsize i = 0; i < record->Tags.n; i++)
    MAP_SET(call->arena, &policies.tags, record->Tags.v[i]->Key, record->Tags.v[i]->Value);
  return iam_identity_put(call->txn, record->Arn, &policies);
}

static Error *
publish_member(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data)
{
  return string_list_has(&record->Groups, data) ? publish(call, kind, record) : NULL;
}

static Error *
publish_attached(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data)
{
  if (!string_list_has(&record->Attached, data) && g_strcmp0(record->Boundary, data) != 0)
    return NULL;
  if (kind == &iam_group_kind)
    return entity_each(call, &iam_user_kind, publish_member, (gpointer) record->Name);
  return publish(call, kind, record);
}

Error *
policy_changed(Call *call, const char *arn)
{
  TRY(entity_each(call, &iam_role_kind, publish_attached, (gpointer) arn));
  TRY(entity_each(call, &iam_user_kind, publish_attached, (gpointer) arn));
  return entity_each(call, &iam_group_kind, publish_attached, (gpointer) arn);
}

Error *
entity_put(Call *call, const EntityKind *kind, const IamEntityRecord *record)
{
  Key key;
  entity_key(call, kind, record->Name, &key);
  TRY(record_put(call->txn, &iam_entity_table, &key, &IamEntityRecord_shape, record));
  if (kind == &iam_group_kind)
    return entity_each(call, &iam_user_kind, publish_member, (gpointer) record->Name);
  return publish(call, kind, record);
}

Error *
entity_delete(Call *call, const EntityKind *kind, const IamEntityRecord *record)
{
  if (record->Attached.n > 0)
    return error_answer("DeleteConflict", "Cannot delete entity, must detach all policies first.");
  if (record->Inline.n > 0)
    return error_answer("DeleteConflict", "Cannot delete entity, must delete policies first.");
  Key key;
  entity_key(call, kind, record->Name, &key);
  TRY(store_delete(call->txn, &iam_entity_table, &key, NULL));
  return iam_identity_delete(call->txn, record->Arn);
}

static Error *
check_boundary(Call *call, const char *boundary)
{
  const char *document = NULL;
  if (boundary)
    TRY(policy_document(call, boundary, &document));
  if (boundary && !document)
    return error_answer("NoSuchEntity", "Policy %s does not exist or is not attachable.", boundary);
  return NULL;
}

Error *
entity_new(Call *call, const EntityKind *kind, const char *path, const char *name, const char *boundary, const IamtagListType *tags,
           IamEntityRecord **ret)
{
  IamEntityRecord *old = NULL, *record = ARENA_NEW(call->arena, IamEntityRecord);
  TRY(entity_look(call, kind, name, &old));
  if (old)
    return error_answer("EntityAlreadyExists", "%s with name %s already exists.", kind->title, name);
  TRY(check_boundary(call, boundary));
  record->Name = name;
  record->Path = path ? path : "/";
  record->Arn = arn_format(call->arena, "iam", "", call->account, "%s%s%s", kind->noun, record->Path, name);
  record->Id = id_unique(call->arena, kind->id_prefix);
  record->CreateDate = OPT_TIME(call->now / 1000 * 1000);
  record->Boundary = boundary;
  if (tags)
    TRY(tags_add(call->arena, &record->Tags, tags));
  *ret = record;
  return NULL;
}

IamAttachedPermissionsBoundary *
entity_boundary(Arena *arena, const IamEntityRecord *record)
{
  if (!record->Boundary)
    return NULL;
  IamAttachedPermissionsBoundary *boundary = ARENA_NEW(arena, IamAttachedPermissionsBoundary);
  boundary->PermissionsBoundaryType = "Policy";
  boundary->PermissionsBoundaryArn = record->Boundary;
  return boundary;
}
