/* AWS::KMS::Key and AWS::KMS::Alias. */
#include "services/kms.gen.h"

#include "stack/resource.h"

#include <string.h>

#define RUN(rc, Op, ...)                                                 \
  do {                                                                   \
    Kms##Op##Input in_ = { __VA_ARGS__ };                                \
    Kms##Op##Output out_ = { 0 };                                        \
    TRY(resource_operation((rc), &KmsOperation##Op, &in_, &out_));       \
  } while (0)

static KmsTagList
tag_list(ResourceCall *rc)
{
  StringMap map = resource_tags(rc);
  KmsTagList tags = { 0 };
  for (gsize i = 0; i < map.n; i++) {
    KmsTag *tag = ARENA_NEW(rc->call->arena, KmsTag);
    *tag = (KmsTag) { .TagKey = map.v[i].key, .TagValue = map.v[i].value };
    LIST_APPEND(rc->call->arena, &tags, tag);
  }
  return tags;
}

static Error *
set_rotation(ResourceCall *rc, const char *id)
{
  if (property_bool(rc, "EnableKeyRotation", FALSE))
    RUN(rc, EnableKeyRotation, .KeyId = id, .RotationPeriodInDays = OPT_INT(property_int(rc, "RotationPeriodInDays", 365)));
  else if (rc->old_properties)
    RUN(rc, DisableKeyRotation, .KeyId = id);
  return NULL;
}

static Error *
set_enabled(ResourceCall *rc, const char *id)
{
  if (property_bool(rc, "Enabled", TRUE))
    RUN(rc, EnableKey, .KeyId = id);
  else
    RUN(rc, DisableKey, .KeyId = id);
  return NULL;
}

static Error *
create_key(ResourceCall *rc, ResourceResult *ret)
{
  KmsCreateKeyInput in = {
    .Policy = property_document(rc, "KeyPolicy"),
    .Description = property_text(rc, "Description"),
    .KeySpec = property_text(rc, "KeySpec"),
    .KeyUsage = property_text(rc, "KeyUsage"),
    .Origin = property_text(rc, "Origin"),
    .Tags = tag_list(rc),
    .BypassPolicyLockoutSafetyCheck = OPT_BOOL(property_bool(rc, "BypassPolicyLockoutSafetyCheck", FALSE)),
    .MultiRegion = OPT_BOOL(property_bool(rc, "MultiRegion", FALSE)),
  };
  KmsCreateKeyOutput out = { 0 };
  TRY(resource_operation(rc, &KmsOperationCreateKey, &in, &out));
  ret->physical_id = out.KeyMetadata->KeyId;
  resource_attribute(rc, ret, "Arn", out.KeyMetadata->Arn);
  resource_attribute(rc, ret, "KeyId", out.KeyMetadata->KeyId);
  TRY(set_rotation(rc, ret->physical_id));
  return property_bool(rc, "Enabled", TRUE) ? NULL : set_enabled(rc, ret->physical_id);
}

static Error *
update_tags(ResourceCall *rc)
{
  KmsListResourceTagsInput in = { .KeyId = rc->physical_id };
  KmsListResourceTagsOutput out = { 0 };
  StringList old = { 0 };
  KmsTagList tags = tag_list(rc);
  TRY(resource_operation(rc, &KmsOperationListResourceTags, &in, &out));
  for (gsize i = 0; i < out.Tags.n; i++)
    LIST_APPEND(rc->call->arena, &old, out.Tags.v[i]->TagKey);
  if (old.n > 0)
    RUN(rc, UntagResource, .KeyId = rc->physical_id, .TagKeys = old);
  if (tags.n > 0)
    RUN(rc, TagResource, .KeyId = rc->physical_id, .Tags = tags);
  return NULL;
}

/* A key that was made without a policy has this one. https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html */
static const char *
policy_text(ResourceCall *rc)
{
  const char *policy = property_document(rc, "KeyPolicy");
  return policy ? policy : arena_printf(rc->call->arena, "{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":[{\"Sid\":"
                                        "\"Enable IAM User Permissions\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::%s:root\"},"
                                        "\"Action\":\"kms:*\",\"Resource\":\"*\"}]}", rc->call->account);
}

static Error *
update_key(ResourceCall *rc, ResourceResult *ret)
{
  const char *id = rc->physical_id, *description = property_text(rc, "Description");
  if (property_changed(rc, "Enabled") && property_bool(rc, "Enabled", TRUE))
    TRY(set_enabled(rc, id));
  if (property_changed(rc, "KeyPolicy"))
    RUN(rc, PutKeyPolicy, .KeyId = id, .PolicyName = "default", .Policy = policy_text(rc),
        .BypassPolicyLockoutSafetyCheck = OPT_BOOL(property_bool(rc, "BypassPolicyLockoutSafetyCheck", FALSE)));
  if (property_changed(rc, "Description"))
    RUN(rc, UpdateKeyDescription, .KeyId = id, .Description = description ? description : "");
  if (property_changed(rc, "EnableKeyRotation") || property_changed(rc, "RotationPeriodInDays"))
    TRY(set_rotation(rc, id));
  TRY(update_tags(rc));
  return property_changed(rc, "Enabled") ? set_enabled(rc, id) : NULL;
}

/* A key is never gone at once: its deletion is scheduled. */
static Error *
delete_key_now(ResourceCall *rc)
{
  RUN(rc, ScheduleKeyDeletion, .KeyId = rc->physical_id, .PendingWindowInDays = OPT_INT(property_int(rc, "PendingWindowInDays", 30)));
  return NULL;
}

static Error *
delete_key(ResourceCall *rc)
{
  return error_forgive(error_forgive(delete_key_now(rc), "NotFoundException"), "KMSInvalidStateException");
}

RESOURCE(AWS::KMS::Key, kms_key, .create = create_key, .update = update_key, .delete = delete_key)

static Error *
create_alias(ResourceCall *rc, ResourceResult *ret)
{
  RUN(rc, CreateAlias, .AliasName = property_text(rc, "AliasName"), .TargetKeyId = property_text(rc, "TargetKeyId"));
  ret->physical_id = property_text(rc, "AliasName");
  return NULL;
}

static Error *
update_alias(ResourceCall *rc, ResourceResult *ret)
{
  RUN(rc, UpdateAlias, .AliasName = rc->physical_id, .TargetKeyId = property_text(rc, "TargetKeyId"));
  return NULL;
}

static Error *
delete_alias_now(ResourceCall *rc)
{
  RUN(rc, DeleteAlias, .AliasName = rc->physical_id);
  return NULL;
}

static Error *
delete_alias(ResourceCall *rc)
{
  return error_forgive(delete_alias_now(rc), "NotFoundException");
}

RESOURCE(AWS::KMS::Alias, kms_alias, .create = create_alias, .update = update_alias, .delete = delete_alias)
