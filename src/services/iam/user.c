/* Users, groups and access keys. */
#include "services/iam/service.h"
#include "wire/sealed.h"

#include <string.h>

static IamUser *
user_make(Arena *arena, const IamEntityRecord *record)
{
  IamUser *user = ARENA_NEW(arena, IamUser);
  user->Path = record->Path;
  user->UserName = record->Name;
  user->UserId = record->Id;
  user->Arn = record->Arn;
  user->CreateDate = record->CreateDate;
  user->PermissionsBoundary = entity_boundary(arena, record);
  user->Tags = record->Tags;
  return user;
}

static IamGroup *
group_make(Arena *arena, const IamEntityRecord *record)
{
  IamGroup *group = ARENA_NEW(arena, IamGroup);
  group->Path = record->Path;
  group->GroupName = record->Name;
  group->GroupId = record->Id;
  group->Arn = record->Arn;
  group->CreateDate = record->CreateDate;
  return group;
}

/* The user of this name, or the caller if there is none. */
static Error *
user_or_caller(Call *call, const char *name, IamEntityRecord **ret)
{
  if (!name && call->principal->type == PRINCIPAL_USER)
    name = strrchr(call->principal->arn, '/') + 1;
  if (!name)
    return error_answer("ValidationError", "Must specify userName when calling with non-User credentials");
  return entity_find(call, &iam_user_kind, name, ret);
}

OPERATION(CreateUser, create_user, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
create_user(Call *call, const IamCreateUserInput *in, IamCreateUserOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_new(call, &iam_user_kind, in->Path, in->UserName, in->PermissionsBoundary, &in->Tags, &record));
  TRY(entity_put(call, &iam_user_kind, record));
  ret_out->User = user_make(call->arena, record);
  return NULL;
}

OPERATION(GetUser, get_user, .authorize = user_resource)
static Error *
get_user(Call *call, const IamGetUserInput *in, IamGetUserOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  if (!in->UserName && call->principal->type == PRINCIPAL_ROOT) {
    ret_out->User = ARENA_NEW(call->arena, IamUser);
    *ret_out->User = (IamUser) { .UserId = call->account, .Arn = call->principal->arn, .Path = "/", .UserName = "root",
                                 .CreateDate = OPT_TIME(G_GINT64_CONSTANT(1577836800000)) };
    return NULL;
  }
  TRY(user_or_caller(call, in->UserName, &record));
  ret_out->User = user_make(call->arena, record);
  return NULL;
}

static Error *
user_keys(Call *call, const char *user, GPtrArray *out)
{
  Key prefix;
  iam_key(call, &prefix, user, NULL);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &iam_key_table, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    void *record = NULL;
    TRY(record_decode_sealed(call->txn, call->arena, &IamKeyRecord_shape, data, size, &record));
    g_ptr_array_add(out, record);
  }
  return NULL;
}

OPERATION(DeleteUser, delete_user, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
delete_user(Call *call, const IamDeleteUserInput *in, IamDeleteUserOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  g_autoptr(GPtrArray) keys = g_ptr_array_new();
  TRY(entity_find(call, &iam_user_kind, in->UserName, &record));
  TRY(user_keys(call, record->Name, keys));
  if (keys->len > 0)
    return error_answer("DeleteConflict", "Cannot delete entity, must delete access keys first.");
  if (record->Groups.n > 0)
    return error_answer("DeleteConflict", "Cannot delete entity, must remove users from group first.");
  return entity_delete(call, &iam_user_kind, record);
}

OPERATION(ListUsers, list_users)
static Error *
list_users(Call *call, const IamListUsersInput *in, IamListUsersOutput *ret_out)
{
  EntityList all = { 0 }, wanted = { 0 };
  Page page;
  TRY(entity_list(call, &iam_user_kind, &all));
  for (gsize i = 0; i < all.n; i++)
    if (!in->PathPrefix || g_str_has_prefix(all.v[i]->Path, in->PathPrefix))
      LIST_APPEND(call->arena, &wanted, all.v[i]);
  TRY(page_make(call->arena, wanted.n, in->Marker, in->MaxItems, &page));
  LIST_EMPTY(call->arena, &ret_out->Users);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Users, user_make(call->arena, wanted.v[i]));
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(PutUserPermissionsBoundary, put_user_permissions_boundary, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
put_user_permissions_boundary(Call *call, const IamPutUserPermissionsBoundaryInput *in, IamPutUserPermissionsBoundaryOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  const char *document = NULL;
  TRY(entity_find(call, &iam_user_kind, in->UserName, &record));
  TRY(policy_document(call, in->PermissionsBoundary, &document));
  if (!document)
    return error_answer("NoSuchEntity", "Policy %s does not exist or is not attachable.", in->PermissionsBoundary);
  record->Boundary = in->PermissionsBoundary;
  return entity_put(call, &iam_user_kind, record);
}

OPERATION(DeleteUserPermissionsBoundary, delete_user_permissions_boundary, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
delete_user_permissions_boundary(Call *call, const IamDeleteUserPermissionsBoundaryInput *in, IamDeleteUserPermissionsBoundaryOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_user_kind, in->UserName, &record));
  record->Boundary = NULL;
  return entity_put(call, &iam_user_kind, record);
}

OPERATION(TagUser, tag_user, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
tag_user(Call *call, const IamTagUserInput *in, IamTagUserOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_user_kind, in->UserName, &record));
  TRY(tags_add(call->arena, &record->Tags, &in->Tags));
  return entity_put(call, &iam_user_kind, record);
}

OPERATION(UntagUser, untag_user, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
untag_user(Call *call, const IamUntagUserInput *in, IamUntagUserOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_user_kind, in->UserName, &record));
  tags_remove(call->arena, &record->Tags, &in->TagKeys);
  return entity_put(call, &iam_user_kind, record);
}

OPERATION(ListUserTags, list_user_tags, .authorize = user_resource)
static Error *
list_user_tags(Call *call, const IamListUserTagsInput *in, IamListUserTagsOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_user_kind, in->UserName, &record));
  ret_out->Tags = record->Tags;
  LIST_EMPTY(call->arena, &ret_out->Tags);
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return NULL;
}

OPERATION(CreateGroup, create_group, .txn = TXN_WRITE, .authorize = group_resource)
static Error *
create_group(Call *call, const IamCreateGroupInput *in, IamCreateGroupOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_new(call, &iam_group_kind, in->Path, in->GroupName, NULL, NULL, &record));
  TRY(entity_put(call, &iam_group_kind, record));
  ret_out->Group = group_make(call->arena, record);
  return NULL;
}

OPERATION(GetGroup, get_group, .authorize = group_resource)
static Error *
get_group(Call *call, const IamGetGroupInput *in, IamGetGroupOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  EntityList all = { 0 }, members = { 0 };
  Page page;
  TRY(entity_find(call, &iam_group_kind, in->GroupName, &record));
  TRY(entity_list(call, &iam_user_kind, &all));
  for (gsize i = 0; i < all.n; i++)
    if (string_list_has(&all.v[i]->Groups, record->Name))
      LIST_APPEND(call->arena, &members, all.v[i]);
  TRY(page_make(call->arena, members.n, in->Marker, in->MaxItems, &page));
  ret_out->Group = group_make(call->arena, record);
  LIST_EMPTY(call->arena, &ret_out->Users);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Users, user_make(call->arena, members.v[i]));
  PAGE_END(ret_out, page);
  return NULL;
}

static Error *
refuse_members(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data)
{
  if (string_list_has(&record->Groups, data))
    return error_answer("DeleteConflict", "Cannot delete entity, must remove users from group first.");
  return NULL;
}

OPERATION(DeleteGroup, delete_group, .txn = TXN_WRITE, .authorize = group_resource)
static Error *
delete_group(Call *call, const IamDeleteGroupInput *in, IamDeleteGroupOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_group_kind, in->GroupName, &record));
  TRY(entity_each(call, &iam_user_kind, refuse_members, (gpointer) record->Name));
  return entity_delete(call, &iam_group_kind, record);
}

OPERATION(ListGroups, list_groups)
static Error *
list_groups(Call *call, const IamListGroupsInput *in, IamListGroupsOutput *ret_out)
{
  EntityList all = { 0 };
  Page page;
  TRY(entity_list(call, &iam_group_kind, &all));
  TRY(page_make(call->arena, all.n, in->Marker, in->MaxItems, &page));
  LIST_EMPTY(call->arena, &ret_out->Groups);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Groups, group_make(call->arena, all.v[i]));
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(AddUserToGroup, add_user_to_group, .txn = TXN_WRITE, .authorize = group_resource)
static Error *
add_user_to_group(Call *call, const IamAddUserToGroupInput *in, IamAddUserToGroupOutput *ret_out)
{
  IamEntityRecord *group = NULL, *user = NULL;
  TRY(entity_find(call, &iam_group_kind, in->GroupName, &group));
  TRY(entity_find(call, &iam_user_kind, in->UserName, &user));
  if (string_list_has(&user->Groups, group->Name))
    return NULL;
  if (user->Groups.n >= 10)
    return error_answer("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10");
  LIST_APPEND(call->arena, &user->Groups, group->Name);
  return entity_put(call, &iam_user_kind, user);
}

OPERATION(RemoveUserFromGroup, remove_user_from_group, .txn = TXN_WRITE, .authorize = group_resource)
static Error *
remove_user_from_group(Call *call, const IamRemoveUserFromGroupInput *in, IamRemoveUserFromGroupOutput *ret_out)
{
  IamEntityRecord *group = NULL, *user = NULL;
  TRY(entity_find(call, &iam_group_kind, in->GroupName, &group));
  TRY(entity_find(call, &iam_user_kind, in->UserName, &user));
  gsize kept = 0;
  for (gsize i = 0; i < user->Groups.n; i++)
    if (strcmp(user->Groups.v[i], group->Name) != 0)
      user->Groups.v[kept++] = user->Groups.v[i];
  user->Groups.n = kept;
  return entity_put(call, &iam_user_kind, user);
}

OPERATION(ListGroupsForUser, list_groups_for_user, .authorize = user_resource)
static Error *
list_groups_for_user(Call *call, const IamListGroupsForUserInput *in, IamListGroupsForUserOutput *ret_out)
{
  IamEntityRecord *user = NULL;
  TRY(entity_find(call, &iam_user_kind, in->UserName, &user));
  LIST_EMPTY(call->arena, &ret_out->Groups);
  for (gsize i = 0; i < user->Groups.n; i++) {
    IamEntityRecord *group = NULL;
    TRY(entity_find(call, &iam_group_kind, user->Groups.v[i], &group));
    LIST_APPEND(call->arena, &ret_out->Groups, group_make(call->arena, group));
  }
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return NULL;
}

/* An active key signs; an inactive one is unknown to the signature check. */
static Error *
key_publish(Call *call, const IamKeyRecord *key, const IamEntityRecord *user)
{
  if (strcmp(key->Status, "Active") != 0)
    return iam_credential_delete(call->txn, key->Id);
  Credential credential = {
    .access_key = key->Id, .secret_key = key->Secret,
    .principal = { .type = PRINCIPAL_USER, .account = call->account, .arn = user->Arn, .user_id = user->Id, .access_key = key->Id },
  };
  return iam_credential_put(call->txn, &credential);
}

static Error *
key_put(Call *call, const IamKeyRecord *record, const IamEntityRecord *user)
{
  Key key;
  iam_key(call, &key, record->User, record->Id, NULL);
  TRY(record_put_sealed(call->txn, &iam_key_table, &key, &IamKeyRecord_shape, record));
  return key_publish(call, record, user);
}

OPERATION(CreateAccessKey, create_access_key, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
create_access_key(Call *call, const IamCreateAccessKeyInput *in, IamCreateAccessKeyOutput *ret_out)
{
  IamEntityRecord *user = NULL;
  g_autoptr(GPtrArray) keys = g_ptr_array_new();
  guint8 secret[30];
  TRY(user_or_caller(call, in->UserName, &user));
  TRY(user_keys(call, user->Name, keys));
  if (keys->len >= 2)
    return error_answer("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
  id_random(secret, sizeof secret);
  IamKeyRecord record = { .User = user->Name, .Id = id_unique(call->arena, "AKIA"), .Status = "Active",
                          .CreateDate = OPT_TIME(call->now / 1000 * 1000), .Secret = text_base64(call->arena, secret, sizeof secret) };
  TRY(key_put(call, &record, user));
  ret_out->AccessKey = ARENA_NEW(call->arena, IamAccessKey);
  *ret_out->AccessKey = (IamAccessKey) { .UserName = record.User, .AccessKeyId = record.Id, .Status = record.Status,
                                         .SecretAccessKey = record.Secret, .CreateDate = record.CreateDate };
  return NULL;
}

OPERATION(ListAccessKeys, list_access_keys, .authorize = user_resource)
static Error *
list_access_keys(Call *call, const IamListAccessKeysInput *in, IamListAccessKeysOutput *ret_out)
{
  IamEntityRecord *user = NULL;
  g_autoptr(GPtrArray) keys = g_ptr_array_new();
  TRY(user_or_caller(call, in->UserName, &user));
  TRY(user_keys(call, user->Name, keys));
  LIST_EMPTY(call->arena, &ret_out->AccessKeyMetadata);
  for (guint i = 0; i < keys->len; i++) {
    const IamKeyRecord *key = keys->pdata[i];
    IamAccessKeyMetadata *metadata = ARENA_NEW(call->arena, IamAccessKeyMetadata);
    *metadata = (IamAccessKeyMetadata) { .UserName = key->User, .AccessKeyId = key->Id, .Status = key->Status, .CreateDate = key->CreateDate };
    LIST_APPEND(call->arena, &ret_out->AccessKeyMetadata, metadata);
  }
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  return NULL;
}

static Error *
key_find(Call *call, const IamEntityRecord *user, const char *id, IamKeyRecord **ret)
{
  Key key;
  iam_key(call, &key, user->Name, id, NULL);
  TRY(record_get_sealed(call->txn, &iam_key_table, &key, &IamKeyRecord_shape, call->arena, (void **) ret));
  if (!*ret)
    return error_answer("NoSuchEntity", "The Access Key with id %s cannot be found.", id);
  return NULL;
}

OPERATION(UpdateAccessKey, update_access_key, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
update_access_key(Call *call, const IamUpdateAccessKeyInput *in, IamUpdateAccessKeyOutput *ret_out)
{
  IamEntityRecord *user = NULL;
  IamKeyRecord *record = NULL;
  TRY(user_or_caller(call, in->UserName, &user));
  TRY(key_find(call, user, in->AccessKeyId, &record));
  record->Status = in->Status;
  return key_put(call, record, user);
}

OPERATION(DeleteAccessKey, delete_access_key, .txn = TXN_WRITE, .authorize = user_resource)
static Error *
delete_access_key(Call *call, const IamDeleteAccessKeyInput *in, IamDeleteAccessKeyOutput *ret_out)
{
  IamEntityRecord *user = NULL;
  IamKeyRecord *record = NULL;
  TRY(user_or_caller(call, in->UserName, &user));
  TRY(key_find(call, user, in->AccessKeyId, &record));
  Key key;
  iam_key(call, &key, user->Name, record->Id, NULL);
  TRY(store_delete(call->txn, &iam_key_table, &key, NULL));
  return iam_credential_delete(call->txn, record->Id);
}
