/* AWS::DynamoDB::Table */
#include "services/dynamodb/dynamodb.h"
#include "stack/resource.h"

static const Json *
nested(const ResourceCall *rc, const char *path)
{
  return json_path(rc->properties, path);
}

static gboolean
json_true(const Json *json)
{
  return json && (json->type == JSON_TRUE || g_strcmp0(json_string(json), "true") == 0);
}

/* CloudFormation's SSESpecification says SSEEnabled, and its StreamSpecification has no StreamEnabled. */
static DynamodbSSESpecification *
sse(ResourceCall *rc)
{
  const Json *json = json_get(rc->properties, "SSESpecification");
  if (!json)
    return NULL;
  DynamodbSSESpecification *specification = ARENA_NEW(rc->call->arena, DynamodbSSESpecification);
  specification->Enabled = OPT_BOOL(json_true(json_get(json, "SSEEnabled")));
  specification->SSEType = json_string(json_get(json, "SSEType"));
  specification->KMSMasterKeyId = json_string(json_get(json, "KMSMasterKeyId"));
  return specification;
}

static DynamodbStreamSpecification *
stream(ResourceCall *rc)
{
  const char *view = json_string(nested(rc, "StreamSpecification.StreamViewType"));
  DynamodbStreamSpecification *specification = ARENA_NEW(rc->call->arena, DynamodbStreamSpecification);
  specification->StreamEnabled = OPT_BOOL(view != NULL);
  specification->StreamViewType = view;
  return specification;
}

static DynamodbTagList
tag_list(ResourceCall *rc)
{
  DynamodbTagList list = { 0 };
  StringMap tags = resource_tags(rc);
  for (gsize i = 0; i < tags.n; i++) {
    DynamodbTag *tag = ARENA_NEW(rc->call->arena, DynamodbTag);
    *tag = (DynamodbTag){ tags.v[i].key, tags.v[i].value };
    LIST_APPEND(rc->call->arena, &list, tag);
  }
  return list;
}

static Error *
set_recovery(ResourceCall *rc, const char *name)
{
  gboolean enabled = json_true(nested(rc, "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"));
  if (!enabled && !rc->old_properties)
    return NULL;
  DynamodbPointInTimeRecoverySpecification specification = { .PointInTimeRecoveryEnabled = OPT_BOOL(enabled) };
  DynamodbUpdateContinuousBackupsInput in = { name, &specification };
  DynamodbUpdateContinuousBackupsOutput out = { 0 };
  return resource_operation(rc, &DynamodbOperationUpdateContinuousBackups, &in, &out);
}

static Error *
set_ttl(ResourceCall *rc, const char *name)
{
  const Json *json = json_get(rc->properties, "TimeToLiveSpecification");
  const Json *old = json_get(rc->old_properties, "TimeToLiveSpecification");
  gboolean enabled = json_true(json_get(json, "Enabled")), was = json_true(json_get(old, "Enabled"));
  const char *attribute = json_string(json_get(enabled ? json : old, "AttributeName"));
  if (enabled == was && !g_strcmp0(attribute, json_string(json_get(old, "AttributeName"))))
    return NULL;
  DynamodbTimeToLiveSpecification specification = { OPT_BOOL(enabled), attribute };
  DynamodbUpdateTimeToLiveInput in = { name, &specification };
  DynamodbUpdateTimeToLiveOutput out = { 0 };
  return enabled || was ? resource_operation(rc, &DynamodbOperationUpdateTimeToLive, &in, &out) : NULL;
}

static void
set_attributes(ResourceCall *rc, ResourceResult *ret, const DynamodbTableDescription *description)
{
  resource_attribute(rc, ret, "Arn", description->TableArn);
  resource_attribute(rc, ret, "TableId", description->TableId);
  if (description->LatestStreamArn)
    resource_attribute(rc, ret, "StreamArn", description->LatestStreamArn);
}

static Error *
create_table(ResourceCall *rc, ResourceResult *ret)
{
  DynamodbCreateTableInput in = { 0 };
  DynamodbCreateTableOutput out = { 0 };
  TRY(property_input(rc, &DynamodbCreateTableInput_shape, &in));
  in.TableName = property_text(rc, "TableName");
  if (!in.TableName)
    in.TableName = resource_name(rc, 255, FALSE);
  in.SSESpecification = sse(rc);
  in.StreamSpecification = stream(rc)->StreamViewType ? stream(rc) : NULL;
  in.Tags = tag_list(rc);
  TRY(resource_operation(rc, &DynamodbOperationCreateTable, &in, &out));
  ret->physical_id = in.TableName;
  set_attributes(rc, ret, out.TableDescription);
  TRY(set_recovery(rc, in.TableName));
  return set_ttl(rc, in.TableName);
}

/* --- update --- */

static gboolean
lists_index(const Json *indexes, const char *name)
{
  for (guint i = 0; indexes && i < indexes->n; i++)
    if (g_strcmp0(json_string(json_get(indexes->items[i], "IndexName")), name) == 0)
      return TRUE;
  return FALSE;
}

static Error *
change_index(ResourceCall *rc, const DynamodbCreateTableInput *new, DynamodbGlobalSecondaryIndexUpdate *update)
{
  DynamodbUpdateTableInput in = { .TableName = rc->physical_id, .AttributeDefinitions = new->AttributeDefinitions };
  DynamodbUpdateTableOutput out = { 0 };
  LIST_APPEND(rc->call->arena, &in.GlobalSecondaryIndexUpdates, update);
  return resource_operation(rc, &DynamodbOperationUpdateTable, &in, &out);
}

static Error *
change_indexes(ResourceCall *rc, const DynamodbCreateTableInput *new)
{
  const Json *old = json_get(rc->old_properties, "GlobalSecondaryIndexes"), *now = json_get(rc->properties, "GlobalSecondaryIndexes");
  for (guint i = 0; old && i < old->n; i++) {
    const char *name = json_string(json_get(old->items[i], "IndexName"));
    DynamodbDeleteGlobalSecondaryIndexAction action = { name };
    if (!lists_index(now, name))
      TRY(change_index(rc, new, &(DynamodbGlobalSecondaryIndexUpdate){ .Delete = &action }));
  }
  for (gsize i = 0; i < new->GlobalSecondaryIndexes.n; i++) {
    const DynamodbGlobalSecondaryIndex *index = new->GlobalSecondaryIndexes.v[i];
    DynamodbCreateGlobalSecondaryIndexAction action = { index->IndexName, index->KeySchema, index->Projection, index->ProvisionedThroughput };
    if (!lists_index(old, index->IndexName))
      TRY(change_index(rc, new, &(DynamodbGlobalSecondaryIndexUpdate){ .Create = &action }));
  }
  return NULL;
}

static Error *
change_table(ResourceCall *rc, const DynamodbCreateTableInput *new)
{
  DynamodbUpdateTableInput in = { .TableName = rc->physical_id };
  DynamodbUpdateTableOutput out = { 0 };
  if (property_changed(rc, "BillingMode") || property_changed(rc, "ProvisionedThroughput")) {
    in.BillingMode = new->BillingMode ? new->BillingMode : "PROVISIONED";
    in.ProvisionedThroughput = new->ProvisionedThroughput;
  }
  if (property_changed(rc, "StreamSpecification"))
    in.StreamSpecification = stream(rc);
  if (property_changed(rc, "SSESpecification")) {
    in.SSESpecification = sse(rc);
    if (!in.SSESpecification)
      in.SSESpecification = ARENA_NEW(rc->call->arena, DynamodbSSESpecification);
  }
  if (property_changed(rc, "DeletionProtectionEnabled"))
    in.DeletionProtectionEnabled = OPT_BOOL(property_bool(rc, "DeletionProtectionEnabled", FALSE));
  if (property_changed(rc, "TableClass"))
    in.TableClass = new->TableClass;
  return resource_operation(rc, &DynamodbOperationUpdateTable, &in, &out);
}

static Error *
set_tags(ResourceCall *rc)
{
  DynamodbTagResourceInput in = { call_arn(rc->call, "dynamodb", "table/%s", rc->physical_id), tag_list(rc) };
  return in.Tags.n ? resource_operation(rc, &DynamodbOperationTagResource, &in, &(DynamodbTagResourceOutput){ 0 }) : NULL;
}

static Error *
update_table(ResourceCall *rc, ResourceResult *ret)
{
  DynamodbCreateTableInput new = { 0 };
  DynamodbDescribeTableOutput described = { 0 };
  TRY(property_input(rc, &DynamodbCreateTableInput_shape, &new));
  TRY(change_table(rc, &new));
  TRY(change_indexes(rc, &new));
  if (property_changed(rc, "PointInTimeRecoverySpecification"))
    TRY(set_recovery(rc, rc->physical_id));
  TRY(set_ttl(rc, rc->physical_id));
  TRY(set_tags(rc));
  TRY(resource_operation(rc, &DynamodbOperationDescribeTable, &(DynamodbDescribeTableInput){ rc->physical_id }, &described));
  set_attributes(rc, ret, described.Table);
  return NULL;
}

static Error *
delete_table(ResourceCall *rc)
{
  DynamodbDeleteTableInput in = { rc->physical_id };
  DynamodbDeleteTableOutput out = { 0 };
  Error *error = resource_operation(rc, &DynamodbOperationDeleteTable, &in, &out);
  if (error_is(error, "ResourceNotFoundException"))
    error_clear(&error);
  return error;
}

RESOURCE(AWS::DynamoDB::Table, dynamodb_table, .create = create_table, .update = update_table, .delete = delete_table,
         .no_effect = "ContributorInsightsSpecification KinesisStreamSpecification ImportSourceSpecification ResourcePolicy WarmThroughput "
                      "OnDemandThroughput")
