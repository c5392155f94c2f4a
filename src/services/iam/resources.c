/* The CloudFormation types of IAM. */
#include "services/iam.gen.h"

#include "stack/resource.h"

#include <string.h>

/* Runs a statement that calls an operation named Op with the input fields given. */
#define RUN(rc, Op, ...)                                                                             \
  do {                                                                                               \
    Iam##Op##Input in_ = { __VA_ARGS__ };                                                            \
    Iam##Op##Output out_ = { 0 };                                                                    \
    TRY(resource_operation((rc), &IamOperation##Op, &in_, &out_));                                   \
  } while (0)

typedef enum { OWNER_ROLE, OWNER_USER, OWNER_GROUP } Owner;

static Error *
put_inline(ResourceCall *rc, Owner owner, const char *name, const char *policy, const char *document)
{
  switch (owner) {
  case OWNER_ROLE:
    RUN(rc, PutRolePolicy, .RoleName = name, .PolicyName = policy, .PolicyDocument = document);
    break;
  case OWNER_USER:
    RUN(rc, PutUserPolicy, .UserName = name, .PolicyName = policy, .PolicyDocument = document);
    break;
  case OWNER_GROUP:
    RUN(rc, PutGroupPolicy, .GroupName = name, .PolicyName = policy, .PolicyDocument = document);
    break;
  }
  return NULL;
}

/* Somebody else may have deleted what a stack deletes: that is no failure. */
static Error *
gone_is_good(Error *error)
{
  if (error_is(error, "NoSuchEntity"))
    error_clear(&error);
  return error;
}

static Error *
delete_inline_now(ResourceCall *rc, Owner owner, const char *name, const char *policy)
{
  switch (owner) {
  case OWNER_ROLE:
    RUN(rc, DeleteRolePolicy, .RoleName = name, .PolicyName = policy);
    break;
  case OWNER_USER:
    RUN(rc, DeleteUserPolicy, .UserName = name, .PolicyName = policy);
    break;
  case OWNER_GROUP:
    RUN(rc, DeleteGroupPolicy, .GroupName = name, .PolicyName = policy);
    break;
  }
  return NULL;
}

static Error *
delete_inline(ResourceCall *rc, Owner owner, const char *name, const char *policy)
{
  return gone_is_good(delete_inline_now(rc, owner, name, policy));
}

static Error *
attach(ResourceCall *rc, Owner owner, const char *name, const char *arn)
{
  switch (owner) {
  case OWNER_ROLE:
    RUN(rc, AttachRolePolicy, .RoleName = name, .PolicyArn = arn);
    break;
  case OWNER_USER:
    RUN(rc, AttachUserPolicy, .UserName = name, .PolicyArn = arn);
    break;
  case OWNER_GROUP:
    RUN(rc, AttachGroupPolicy, .GroupName = name, .PolicyArn = arn);
    break;
  }
  return NULL;
}

static Error *
detach_now(ResourceCall *rc, Owner owner, const char *name, const char *arn)
{
  switch (owner) {
  case OWNER_ROLE:
    RUN(rc, DetachRolePolicy, .RoleName = name, .PolicyArn = arn);
    break;
  case OWNER_USER:
    RUN(rc, DetachUserPolicy, .UserName = name, .PolicyArn = arn);
    break;
  case OWNER_GROUP:
    RUN(rc, DetachGroupPolicy, .GroupName = name, .PolicyArn = arn);
    break;
  }
  return NULL;
}

static Error *
detach(ResourceCall *rc, Owner owner, const char *name, const char *arn)
{
  return gone_is_good(detach_now(rc, owner, name, arn));
}

static gboolean
list_has(const Json *list, const char *text)
{
  for (guint32 i = 0; list && i < list->n; i++)
    if (g_strcmp0(json_string(list->items[i]), text) == 0)
      return TRUE;
  return FALSE;
}

/* A policy document as text: an object is written, a string is taken as it is. */
static const char *
document_text(Arena *arena, const Json *json)
{
  return json_string(json) ? json_string(json) : json_text(arena, json);
}

/* The policies of the properties: inline ("Policies") and attached ("ManagedPolicyArns"); what was and is not any more goes. */
static Error *
sync_policies(ResourceCall *rc, Owner owner, const char *name, const Json *old, const Json *new)
{
  Arena *arena = rc->call->arena;
  const Json *inline_new = json_get(new, "Policies"), *inline_old = json_get(old, "Policies");
  const Json *attached_new = json_get(new, "ManagedPolicyArns"), *attached_old = json_get(old, "ManagedPolicyArns");
  StringList kept = { 0 };
  for (guint32 i = 0; inline_new && i < inline_new->n; i++) {
    const char *policy = json_string(json_get(inline_new->items[i], "PolicyName"));
    LIST_APPEND(arena, &kept, policy);
    TRY(put_inline(rc, owner, name, policy, document_text(arena, json_get(inline_new->items[i], "PolicyDocument"))));
  }
  for (guint32 i = 0; inline_old && i < inline_old->n; i++) {
    const char *policy = json_string(json_get(inline_old->items[i], "PolicyName"));
    if (!string_list_has(&kept, policy))
      TRY(delete_inline(rc, owner, name, policy));
  }
  for (guint32 i = 0; attached_old && i < attached_old->n; i++)
    if (!list_has(attached_new, json_string(attached_old->items[i])))
      TRY(detach(rc, owner, name, json_string(attached_old->items[i])));
  for (guint32 i = 0; attached_new && i < attached_new->n; i++)
    if (!list_has(attached_old, json_string(attached_new->items[i])))
      TRY(attach(rc, owner, name, json_string(attached_new->items[i])));
  return NULL;
}

/* The template's tags and the stack's, those that CloudFormation itself puts on (aws:cloudformation:...) included. */
static IamtagListType
own_tags(ResourceCall *rc)
{
  StringMap map = resource_tags(rc);
  IamtagListType tags = { 0 };
  for (gsize i = 0; i < map.n; i++) {
    IamTag *tag = ARENA_NEW(rc->call->arena, IamTag);
    *tag = (IamTag) { .Key = map.v[i].key, .Value = map.v[i].value };
    LIST_APPEND(rc->call->arena, &tags, tag);
  }
  return tags;
}

/* ---- AWS::IAM::Role ---- */

static void
role_result(ResourceCall *rc, ResourceResult *ret, const IamRole *role)
{
  ret->physical_id = role->RoleName;
  resource_attribute(rc, ret, "Arn", role->Arn);
  resource_attribute(rc, ret, "RoleId", role->RoleId);
}

static Error *
create_role(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "RoleName");
  IamCreateRoleInput in = {
    .RoleName = name ? name : resource_name(rc, 64, FALSE),
    .Path = property_text(rc, "Path"),
    .AssumeRolePolicyDocument = property_document(rc, "AssumeRolePolicyDocument"),
    .Description = property_text(rc, "Description"),
    .PermissionsBoundary = property_text(rc, "PermissionsBoundary"),
    .Tags = own_tags(rc),
  };
  IamCreateRoleOutput out = { 0 };
  if (json_get(rc->properties, "MaxSessionDuration"))
    in.MaxSessionDuration = OPT_INT(property_int(rc, "MaxSessionDuration", 3600));
  TRY(resource_operation(rc, &IamOperationCreateRole, &in, &out));
  role_result(rc, ret, out.Role);
  return sync_policies(rc, OWNER_ROLE, in.RoleName, NULL, rc->properties);
}

static Error *
update_role_tags(ResourceCall *rc)
{
  IamListRoleTagsInput in = { .RoleName = rc->physical_id };
  IamListRoleTagsOutput out = { 0 };
  StringList old = { 0 };
  IamtagListType tags = own_tags(rc);
  TRY(resource_operation(rc, &IamOperationListRoleTags, &in, &out));
  for (gsize i = 0; i < out.Tags.n; i++)
    LIST_APPEND(rc->call->arena, &old, out.Tags.v[i]->Key);
  if (old.n > 0)
    RUN(rc, UntagRole, .RoleName = rc->physical_id, .TagKeys = old);
  if (tags.n > 0)
    RUN(rc, TagRole, .RoleName = rc->physical_id, .Tags = tags);
  return NULL;
}

static Error *
update_role(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = rc->physical_id;
  if (property_changed(rc, "AssumeRolePolicyDocument"))
    RUN(rc, UpdateAssumeRolePolicy, .RoleName = name, .PolicyDocument = property_document(rc, "AssumeRolePolicyDocument"));
  if (property_changed(rc, "Description") || property_changed(rc, "MaxSessionDuration"))
    RUN(rc, UpdateRole, .RoleName = name, .Description = property_text(rc, "Description") ? property_text(rc, "Description") : "",
        .MaxSessionDuration = OPT_INT(property_int(rc, "MaxSessionDuration", 3600)));
  if (property_changed(rc, "PermissionsBoundary") && property_text(rc, "PermissionsBoundary"))
    RUN(rc, PutRolePermissionsBoundary, .RoleName = name, .PermissionsBoundary = property_text(rc, "PermissionsBoundary"));
  else if (property_changed(rc, "PermissionsBoundary"))
    RUN(rc, DeleteRolePermissionsBoundary, .RoleName = name);
  TRY(update_role_tags(rc));
  return sync_policies(rc, OWNER_ROLE, name, rc->old_properties, rc->properties);
}

static Error *
delete_role_now(ResourceCall *rc)
{
  TRY(sync_policies(rc, OWNER_ROLE, rc->physical_id, rc->properties, NULL));
  RUN(rc, DeleteRole, .RoleName = rc->physical_id);
  return NULL;
}

static Error *
delete_role(ResourceCall *rc)
{
  return gone_is_good(delete_role_now(rc));
}

RESOURCE(AWS::IAM::Role, iam_role, .create = create_role, .update = update_role, .delete = delete_role)

/* ---- AWS::IAM::Policy: an inline policy of several owners ---- */

static const struct { const char *property; Owner owner; } owners[] = { { "Roles", OWNER_ROLE }, { "Users", OWNER_USER }, { "Groups", OWNER_GROUP } };

static Error *
each_owner(ResourceCall *rc, const Json *properties, const Json *except, const char *policy, const char *document)
{
  for (gsize i = 0; i < G_N_ELEMENTS(owners); i++) {
    const Json *names = json_get(properties, owners[i].property);
    for (guint32 j = 0; names && j < names->n; j++) {
      const char *name = json_string(names->items[j]);
      if (list_has(json_get(except, owners[i].property), name))
        continue;
      if (document)
        TRY(put_inline(rc, owners[i].owner, name, policy, document));
      else
        TRY(delete_inline(rc, owners[i].owner, name, policy));
    }
  }
  return NULL;
}

static Error *
create_policy(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "PolicyName");
  ret->physical_id = resource_name(rc, 64, FALSE);
  ret->ref = name;
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return each_owner(rc, rc->properties, NULL, name, property_document(rc, "PolicyDocument"));
}

static Error *
update_policy(ResourceCall *rc, ResourceResult *ret)
{
  const char *old = json_string(json_get(rc->old_properties, "PolicyName")), *name = property_text(rc, "PolicyName");
  ret->ref = name;
  TRY(each_owner(rc, rc->properties, NULL, name, property_document(rc, "PolicyDocument")));
  return each_owner(rc, rc->old_properties, g_strcmp0(old, name) == 0 ? rc->properties : NULL, old, NULL);
}

static Error *
delete_policy(ResourceCall *rc)
{
  return each_owner(rc, rc->properties, NULL, property_text(rc, "PolicyName"), NULL);
}

RESOURCE(AWS::IAM::Policy, iam_policy, .create = create_policy, .update = update_policy, .delete = delete_policy)

/* ---- AWS::IAM::RolePolicy, UserPolicy, GroupPolicy: an inline policy of one owner, named by Properties.<Owner>Name ---- */

static Owner
single_owner(const ResourceCall *rc, const char **ret_name)
{
  static const char *const members[] = { [OWNER_ROLE] = "RoleName", [OWNER_USER] = "UserName", [OWNER_GROUP] = "GroupName" };
  Owner owner = OWNER_ROLE;
  while (owner < OWNER_GROUP && !property_text(rc, members[owner]))
    owner++;
  *ret_name = property_text(rc, members[owner]);
  return owner;
}

static Error *
put_single_policy(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = NULL;
  Owner owner = single_owner(rc, &name);
  const char *document = property_document(rc, "PolicyDocument");
  if (!document)
    return error_answer("ValidationError", "PolicyDocument is missing");
  TRY(put_inline(rc, owner, name, property_text(rc, "PolicyName"), document));
  ret->physical_id = ret->ref = property_text(rc, "PolicyName");
  return NULL;
}

static Error *
delete_single_policy(ResourceCall *rc)
{
  const char *name = NULL;
  Owner owner = single_owner(rc, &name);
  return delete_inline(rc, owner, name, property_text(rc, "PolicyName"));
}

RESOURCE(AWS::IAM::RolePolicy, iam_role_policy, .create = put_single_policy, .update = put_single_policy, .delete = delete_single_policy)
RESOURCE(AWS::IAM::UserPolicy, iam_user_policy, .create = put_single_policy, .update = put_single_policy, .delete = delete_single_policy)
RESOURCE(AWS::IAM::GroupPolicy, iam_group_policy, .create = put_single_policy, .update = put_single_policy, .delete = delete_single_policy)

/* ---- AWS::IAM::ManagedPolicy ---- */

static Error *
sync_attachments(ResourceCall *rc, const char *arn, const Json *old, const Json *new)
{
  for (gsize i = 0; i < G_N_ELEMENTS(owners); i++) {
    const Json *before = json_get(old, owners[i].property), *after = json_get(new, owners[i].property);
    for (guint32 j = 0; before && j < before->n; j++)
      if (!list_has(after, json_string(before->items[j])))
        TRY(detach(rc, owners[i].owner, json_string(before->items[j]), arn));
    for (guint32 j = 0; after && j < after->n; j++)
      if (!list_has(before, json_string(after->items[j])))
        TRY(attach(rc, owners[i].owner, json_string(after->items[j]), arn));
  }
  return NULL;
}

static Error *
create_managed_policy(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "ManagedPolicyName");
  IamCreatePolicyInput in = { .PolicyName = name ? name : resource_name(rc, 128, FALSE), .Path = property_text(rc, "Path"),
                              .Description = property_text(rc, "Description"), .PolicyDocument = property_document(rc, "PolicyDocument") };
  IamCreatePolicyOutput out = { 0 };
  TRY(resource_operation(rc, &IamOperationCreatePolicy, &in, &out));
  ret->physical_id = out.Policy->Arn;
  resource_attribute(rc, ret, "PolicyArn", out.Policy->Arn);
  resource_attribute(rc, ret, "PolicyId", out.Policy->PolicyId);
  resource_attribute(rc, ret, "DefaultVersionId", "v1");
  return sync_attachments(rc, out.Policy->Arn, NULL, rc->properties);
}

/* Versions but the default one, the oldest last: room for a new one, or before the policy goes. */
static Error *
drop_versions(ResourceCall *rc, const char *arn, gsize keep)
{
  IamListPolicyVersionsInput in = { .PolicyArn = arn };
  IamListPolicyVersionsOutput out = { 0 };
  TRY(resource_operation(rc, &IamOperationListPolicyVersions, &in, &out));
  gsize left = out.Versions.n;
  for (gsize i = out.Versions.n; i > 0 && left > keep; i--) {
    if (OPT_OR(out.Versions.v[i - 1]->IsDefaultVersion, FALSE))
      continue;
    RUN(rc, DeletePolicyVersion, .PolicyArn = arn, .VersionId = out.Versions.v[i - 1]->VersionId);
    left--;
  }
  return NULL;
}

static Error *
update_managed_policy(ResourceCall *rc, ResourceResult *ret)
{
  if (property_changed(rc, "PolicyDocument")) {
    TRY(drop_versions(rc, rc->physical_id, 4));
    RUN(rc, CreatePolicyVersion, .PolicyArn = rc->physical_id, .PolicyDocument = property_document(rc, "PolicyDocument"), .SetAsDefault = OPT_BOOL(TRUE));
  }
  return sync_attachments(rc, rc->physical_id, rc->old_properties, rc->properties);
}

static Error *
delete_managed_policy_now(ResourceCall *rc)
{
  TRY(sync_attachments(rc, rc->physical_id, rc->properties, NULL));
  TRY(drop_versions(rc, rc->physical_id, 1));
  RUN(rc, DeletePolicy, .PolicyArn = rc->physical_id);
  return NULL;
}

static Error *
delete_managed_policy(ResourceCall *rc)
{
  return gone_is_good(delete_managed_policy_now(rc));
}

RESOURCE(AWS::IAM::ManagedPolicy, iam_managed_policy, .create = create_managed_policy, .update = update_managed_policy, .delete = delete_managed_policy)

/* ---- AWS::IAM::InstanceProfile ---- */

static const char *
profile_role(const Json *properties)
{
  const Json *roles = json_get(properties, "Roles");
  return roles && roles->n > 0 ? json_string(roles->items[0]) : NULL;
}

static Error *
create_profile(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "InstanceProfileName");
  IamCreateInstanceProfileInput in = { .InstanceProfileName = name ? name : resource_name(rc, 128, FALSE), .Path = property_text(rc, "Path") };
  IamCreateInstanceProfileOutput out = { 0 };
  TRY(resource_operation(rc, &IamOperationCreateInstanceProfile, &in, &out));
  ret->physical_id = in.InstanceProfileName;
  resource_attribute(rc, ret, "Arn", out.InstanceProfile->Arn);
  if (profile_role(rc->properties))
    RUN(rc, AddRoleToInstanceProfile, .InstanceProfileName = in.InstanceProfileName, .RoleName = profile_role(rc->properties));
  return NULL;
}

static Error *
update_profile(ResourceCall *rc, ResourceResult *ret)
{
  if (profile_role(rc->old_properties))
    RUN(rc, RemoveRoleFromInstanceProfile, .InstanceProfileName = rc->physical_id, .RoleName = profile_role(rc->old_properties));
  if (profile_role(rc->properties))
    RUN(rc, AddRoleToInstanceProfile, .InstanceProfileName = rc->physical_id, .RoleName = profile_role(rc->properties));
  return NULL;
}

static Error *
delete_profile_now(ResourceCall *rc)
{
  if (profile_role(rc->properties))
    RUN(rc, RemoveRoleFromInstanceProfile, .InstanceProfileName = rc->physical_id, .RoleName = profile_role(rc->properties));
  RUN(rc, DeleteInstanceProfile, .InstanceProfileName = rc->physical_id);
  return NULL;
}

static Error *
delete_profile(ResourceCall *rc)
{
  return gone_is_good(delete_profile_now(rc));
}

RESOURCE(AWS::IAM::InstanceProfile, iam_instance_profile, .create = create_profile, .update = update_profile, .delete = delete_profile)

/* ---- AWS::IAM::User, Group, AccessKey, UserToGroupAddition ---- */

static Error *
sync_groups(ResourceCall *rc, const char *user, const Json *old, const Json *new)
{
  const Json *before = json_get(old, "Groups"), *after = json_get(new, "Groups");
  for (guint32 i = 0; before && i < before->n; i++)
    if (!list_has(after, json_string(before->items[i])))
      RUN(rc, RemoveUserFromGroup, .UserName = user, .GroupName = json_string(before->items[i]));
  for (guint32 i = 0; after && i < after->n; i++)
    if (!list_has(before, json_string(after->items[i])))
      RUN(rc, AddUserToGroup, .UserName = user, .GroupName = json_string(after->items[i]));
  return NULL;
}

static Error *
create_user(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "UserName");
  IamCreateUserInput in = { .UserName = name ? name : resource_name(rc, 64, FALSE), .Path = property_text(rc, "Path"),
                            .PermissionsBoundary = property_text(rc, "PermissionsBoundary"), .Tags = own_tags(rc) };
  IamCreateUserOutput out = { 0 };
  TRY(resource_operation(rc, &IamOperationCreateUser, &in, &out));
  ret->physical_id = in.UserName;
  resource_attribute(rc, ret, "Arn", out.User->Arn);
  TRY(sync_groups(rc, in.UserName, NULL, rc->properties));
  return sync_policies(rc, OWNER_USER, in.UserName, NULL, rc->properties);
}

static Error *
update_user_tags(ResourceCall *rc)
{
  StringList gone = resource_gone_tags(rc);
  IamtagListType tags = own_tags(rc);
  if (gone.n > 0)
    RUN(rc, UntagUser, .UserName = rc->physical_id, .TagKeys = gone);
  if (tags.n > 0)
    RUN(rc, TagUser, .UserName = rc->physical_id, .Tags = tags);
  return NULL;
}

static Error *
update_user(ResourceCall *rc, ResourceResult *ret)
{
  if (property_changed(rc, "PermissionsBoundary") && property_text(rc, "PermissionsBoundary"))
    RUN(rc, PutUserPermissionsBoundary, .UserName = rc->physical_id, .PermissionsBoundary = property_text(rc, "PermissionsBoundary"));
  else if (property_changed(rc, "PermissionsBoundary"))
    RUN(rc, DeleteUserPermissionsBoundary, .UserName = rc->physical_id);
  TRY(update_user_tags(rc));
  TRY(sync_groups(rc, rc->physical_id, rc->old_properties, rc->properties));
  return sync_policies(rc, OWNER_USER, rc->physical_id, rc->old_properties, rc->properties);
}

static Error *
delete_user_now(ResourceCall *rc)
{
  TRY(sync_groups(rc, rc->physical_id, rc->properties, NULL));
  TRY(sync_policies(rc, OWNER_USER, rc->physical_id, rc->properties, NULL));
  RUN(rc, DeleteUser, .UserName = rc->physical_id);
  return NULL;
}

static Error *
delete_user(ResourceCall *rc)
{
  return gone_is_good(delete_user_now(rc));
}

RESOURCE(AWS::IAM::User, iam_user, .create = create_user, .update = update_user, .delete = delete_user, .no_effect = "LoginProfile")

static Error *
create_group(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "GroupName");
  IamCreateGroupInput in = { .GroupName = name ? name : resource_name(rc, 128, FALSE), .Path = property_text(rc, "Path") };
  IamCreateGroupOutput out = { 0 };
  TRY(resource_operation(rc, &IamOperationCreateGroup, &in, &out));
  ret->physical_id = in.GroupName;
  resource_attribute(rc, ret, "Arn", out.Group->Arn);
  return sync_policies(rc, OWNER_GROUP, in.GroupName, NULL, rc->properties);
}

static Error *
update_group(ResourceCall *rc, ResourceResult *ret)
{
  return sync_policies(rc, OWNER_GROUP, rc->physical_id, rc->old_properties, rc->properties);
}

static Error *
delete_group_now(ResourceCall *rc)
{
  TRY(sync_policies(rc, OWNER_GROUP, rc->physical_id, rc->properties, NULL));
  RUN(rc, DeleteGroup, .GroupName = rc->physical_id);
  return NULL;
}

static Error *
delete_group(ResourceCall *rc)
{
  return gone_is_good(delete_group_now(rc));
}

RESOURCE(AWS::IAM::Group, iam_group, .create = create_group, .update = update_group, .delete = delete_group)

static Error *
create_access_key(ResourceCall *rc, ResourceResult *ret)
{
  IamCreateAccessKeyInput in = { .UserName = property_text(rc, "UserName") };
  IamCreateAccessKeyOutput out = { 0 };
  TRY(resource_operation(rc, &IamOperationCreateAccessKey, &in, &out));
  ret->physical_id = out.AccessKey->AccessKeyId;
  resource_attribute(rc, ret, "SecretAccessKey", out.AccessKey->SecretAccessKey);
  if (g_strcmp0(property_text(rc, "Status"), "Inactive") == 0)
    RUN(rc, UpdateAccessKey, .UserName = in.UserName, .AccessKeyId = ret->physical_id, .Status = "Inactive");
  return NULL;
}

static Error *
update_access_key(ResourceCall *rc, ResourceResult *ret)
{
  const char *status = property_text(rc, "Status");
  RUN(rc, UpdateAccessKey, .UserName = property_text(rc, "UserName"), .AccessKeyId = rc->physical_id, .Status = status ? status : "Active");
  return NULL;
}

static Error *
delete_access_key_now(ResourceCall *rc)
{
  RUN(rc, DeleteAccessKey, .UserName = property_text(rc, "UserName"), .AccessKeyId = rc->physical_id);
  return NULL;
}

static Error *
delete_access_key(ResourceCall *rc)
{
  return gone_is_good(delete_access_key_now(rc));
}

RESOURCE(AWS::IAM::AccessKey, iam_access_key, .create = create_access_key, .update = update_access_key, .delete = delete_access_key)

/* Members that were and are no more go; those that are come. */
static Error *
sync_members(ResourceCall *rc, const Json *old, const Json *new)
{
  const Json *before = json_get(old, "Users"), *after = json_get(new, "Users");
  const char *group = json_string(json_get(new ? new : old, "GroupName"));
  for (guint32 i = 0; before && i < before->n; i++)
    if (!list_has(after, json_string(before->items[i])))
      RUN(rc, RemoveUserFromGroup, .UserName = json_string(before->items[i]), .GroupName = group);
  for (guint32 i = 0; after && i < after->n; i++)
    if (!list_has(before, json_string(after->items[i])))
      RUN(rc, AddUserToGroup, .UserName = json_string(after->items[i]), .GroupName = group);
  return NULL;
}

static Error *
create_addition(ResourceCall *rc, ResourceResult *ret)
{
  ret->physical_id = resource_name(rc, 128, FALSE);
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return sync_members(rc, NULL, rc->properties);
}

static Error *
update_addition(ResourceCall *rc, ResourceResult *ret)
{
  return sync_members(rc, rc->old_properties, rc->properties);
}

static Error *
delete_addition(ResourceCall *rc)
{
  return gone_is_good(sync_members(rc, rc->properties, NULL));
}

RESOURCE(AWS::IAM::UserToGroupAddition, iam_user_to_group_addition, .create = create_addition, .update = update_addition, .delete = delete_addition)

/* ---- AWS::IAM::ServiceLinkedRole ---- */

static Error *
create_linked_role(ResourceCall *rc, ResourceResult *ret)
{
  IamCreateServiceLinkedRoleInput in = { .AWSServiceName = property_text(rc, "AWSServiceName"), .Description = property_text(rc, "Description"),
                                         .CustomSuffix = property_text(rc, "CustomSuffix") };
  IamCreateServiceLinkedRoleOutput out = { 0 };
  TRY(resource_operation(rc, &IamOperationCreateServiceLinkedRole, &in, &out));
  ret->physical_id = out.Role->RoleName;
  resource_attribute(rc, ret, "RoleName", out.Role->RoleName);
  return NULL;
}

static Error *
delete_linked_role_now(ResourceCall *rc)
{
  RUN(rc, DeleteServiceLinkedRole, .RoleName = rc->physical_id);
  return NULL;
}

static Error *
delete_linked_role(ResourceCall *rc)
{
  return gone_is_good(delete_linked_role_now(rc));
}

static Error *
update_linked_role(ResourceCall *rc, ResourceResult *ret)
{
  const char *description = property_text(rc, "Description");
  RUN(rc, UpdateRoleDescription, .RoleName = rc->physical_id, .Description = description ? description : "");
  return NULL;
}

RESOURCE(AWS::IAM::ServiceLinkedRole, iam_service_linked_role, .create = create_linked_role, .update = update_linked_role,
         .delete = delete_linked_role)
