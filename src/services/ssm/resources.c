/* AWS::SSM::Parameter. */
#include "services/ssm.gen.h"

#include "stack/resource.h"

/* Tags of a parameter are an object in the template, unlike those of most types. */
static SsmTagList
tag_list(ResourceCall *rc)
{
  SsmTagList tags = { 0 };
  StringMap all = { 0 };
  const Json *own = json_get(rc->properties, "Tags");
  for (gsize i = 0; rc->stack_tags && i < rc->stack_tags->n; i++)
    MAP_SET(rc->call->arena, &all, rc->stack_tags->v[i].key, rc->stack_tags->v[i].value);
  for (guint32 i = 0; own && own->type == JSON_OBJECT && i < own->n; i++)
    MAP_SET(rc->call->arena, &all, own->members[i].key, own->members[i].value->text);
  for (gsize i = 0; i < all.n; i++) {
    SsmTag *tag = ARENA_NEW(rc->call->arena, SsmTag);
    *tag = (SsmTag) { .Key = all.v[i].key, .Value = all.v[i].value };
    LIST_APPEND(rc->call->arena, &tags, tag);
  }
  return tags;
}

static SsmPutParameterInput
input(ResourceCall *rc, const char *name)
{
  return (SsmPutParameterInput) {
    .Name = name, .Type = property_text(rc, "Type"), .Value = property_text(rc, "Value"), .Description = property_text(rc, "Description"),
    .AllowedPattern = property_text(rc, "AllowedPattern"), .Tier = property_text(rc, "Tier"), .DataType = property_text(rc, "DataType"),
    .Policies = property_text(rc, "Policies"),
  };
}

static void
result(ResourceCall *rc, ResourceResult *ret, const SsmPutParameterInput *in)
{
  ret->physical_id = in->Name;
  resource_attribute(rc, ret, "Type", in->Type);
  resource_attribute(rc, ret, "Value", in->Value);
}

static Error *
create_parameter(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "Name");
  SsmPutParameterInput in = input(rc, name ? name : arena_printf(rc->call->arena, "CFN-%s", resource_name(rc, 1000, FALSE)));
  SsmPutParameterOutput out = { 0 };
  if (g_strcmp0(in.Type, "SecureString") == 0)
    return error_answer("ValidationException", "Creating or updating a SecureString parameter is not supported by CloudFormation.");
  in.Tags = tag_list(rc);
  TRY(resource_operation(rc, &SsmOperationPutParameter, &in, &out));
  result(rc, ret, &in);
  return NULL;
}

static Error *
update_parameter(ResourceCall *rc, ResourceResult *ret)
{
  SsmPutParameterInput in = input(rc, rc->physical_id);
  SsmPutParameterOutput out = { 0 };
  in.Overwrite = OPT_BOOL(TRUE);
  in.Description = in.Description ? in.Description : "";
  in.AllowedPattern = in.AllowedPattern ? in.AllowedPattern : "";
  TRY(resource_operation(rc, &SsmOperationPutParameter, &in, &out));
  SsmAddTagsToResourceInput tags = { .ResourceType = "Parameter", .ResourceId = rc->physical_id, .Tags = tag_list(rc) };
  SsmAddTagsToResourceOutput tagged = { 0 };
  SsmRemoveTagsFromResourceInput gone = { .ResourceType = "Parameter", .ResourceId = rc->physical_id };
  StringList keys = resource_gone_tags(rc);
  for (gsize i = 0; i < keys.n; i++)
    LIST_APPEND(rc->call->arena, &gone.TagKeys, keys.v[i]);
  if (keys.n > 0)
    TRY(resource_operation(rc, &SsmOperationRemoveTagsFromResource, &gone, &(SsmRemoveTagsFromResourceOutput){ 0 }));
  if (tags.Tags.n > 0)
    TRY(resource_operation(rc, &SsmOperationAddTagsToResource, &tags, &tagged));
  result(rc, ret, &in);
  return NULL;
}

static Error *
delete_parameter(ResourceCall *rc)
{
  SsmDeleteParameterInput in = { .Name = rc->physical_id };
  SsmDeleteParameterOutput out = { 0 };
  return error_forgive(resource_operation(rc, &SsmOperationDeleteParameter, &in, &out), "ParameterNotFound");
}

RESOURCE(AWS::SSM::Parameter, ssm_parameter, .create = create_parameter, .update = update_parameter, .delete = delete_parameter)
