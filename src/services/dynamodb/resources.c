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

static Error *
change_index(ResourceCall *rc, const DynamodbCreateTableInput *new, DynamodbGlobalSecondaryIndexUpdate *update)
{
  DynamodbUpdateTableInput in = { .TableName = rc->physical_id, .AttributeDefinitions = new->AttributeDefinitions };
  DynamodbUpdateTableOutput out = { 0 };
  LIST_APPEND(rc->call->arena, &in.GlobalSecondaryIndexUpdates, update);
  return resource_operation(rc, &DynamodbOperationUpdateTable, &in, &out);
}

static const Json *
find_index(const Json *indexes, const char *name)
{
  for (guint i = 0; indexes && i < indexes->n; i++)
    if (g_strcmp0(json_string(json_get(indexes->items[i], "IndexName")), name) == 0)
      return indexes->items[i];
  return NULL;
}

static gboolean
differs(const Json *a, const Json *b, const char *name)
{
  const Json *x = json_get(a, name), *y = json_get(b, name);
  return x && y ? !json_equal(x, y) : x != y;
}

/* An index that stays: only its throughput changes. */
static Error *
change_kept_index(ResourceCall *rc, const DynamodbCreateTableInput *new, const DynamodbGlobalSecondaryIndex *index, const Json *old, const Json *now)
{
  DynamodbUpdateGlobalSecondaryIndexAction action = { index->IndexName, index->ProvisionedThroughput };
  if (differs(old, now, "KeySchema") || differs(old, now, "Projection"))
    return error_answer("ValidationException", "Cannot update GSI's properties other than Provisioned Throughput and Contributor Insights "
                        "Specification. You can create a new GSI with a different name.");
  if (!differs(old, now, "ProvisionedThroughput") || !index->ProvisionedThroughput)
    return NULL;
  return change_index(rc, new, &(DynamodbGlobalSecondaryIndexUpdate){ .Update = &action });
}

static Error *
change_indexes(ResourceCall *rc, const DynamodbCreateTableInput *new)
{
  const Json *old = json_get(rc->old_properties, "GlobalSecondaryIndexes"), *now = json_get(rc->properties, "GlobalSecondaryIndexes");
  for (guint i = 0; old && i < old->n; i++) {
    const char *name = json_string(json_get(old->items[i], "IndexName"));
    DynamodbDeleteGlobalSecondaryIndexAction action = { name };
    if (!find_index(now, name))
      TRY(change_index(rc, new, &(DynamodbGlobalSecondaryIndexUpdate){ .Delete = &action }));
  }
  for (gsize i = 0; i < new->GlobalSecondaryIndexes.n; i++) {
    const DynamodbGlobalSecondaryIndex *index = new->GlobalSecondaryIndexes.v[i];
    DynamodbCreateGlobalSecondaryIndexAction action = { index->IndexName, index->KeySchema, index->Projection, index->ProvisionedThroughput };
    if (!find_index(old, index->IndexName))
      TRY(change_index(rc, new, &(DynamodbGlobalSecondaryIndexUpdate){ .Create = &action }));
    else
      TRY(change_kept_index(rc, new, index, find_index(old, index->IndexName), find_index(now, index->IndexName)));
  }
  return NULL;
}

/* A stream of another view is another stream: the old one is closed first. What the table has is looked at, as an update that is undone may
 * have come half way. */
static Error *
change_stream(ResourceCall *rc)
{
  DynamodbDescribeTableOutput described = { 0 };
  DynamodbStreamSpecification *wanted = stream(rc), closed = { OPT_BOOL(FALSE), NULL };
  DynamodbUpdateTableInput in = { .TableName = rc->physical_id, .StreamSpecification = &closed };
  TRY(resource_operation(rc, &DynamodbOperationDescribeTable, &(DynamodbDescribeTableInput){ rc->physical_id }, &described));
  const DynamodbStreamSpecification *now = described.Table->StreamSpecification;
  gboolean open = now && OPT_OR(now->StreamEnabled, FALSE);
  if (open && g_strcmp0(now->StreamViewType, wanted->StreamViewType) == 0)
    return NULL;
  if (open)
    TRY(resource_operation(rc, &DynamodbOperationUpdateTable, &in, &(DynamodbUpdateTableOutput){ 0 }));
  in.StreamSpecification = wanted;
  return wanted->StreamViewType ? resource_operation(rc, &DynamodbOperationUpdateTable, &in, &(DynamodbUpdateTableOutput){ 0 }) : NULL;
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
  if (property_changed(rc, "SSESpecification")) {
    in.SSESpecification = sse(rc);
    if (!in.SSESpecification)
      in.SSESpecification = ARENA_NEW(rc->call->arena, DynamodbSSESpecification);
  }
  if (property_changed(rc, "DeletionProtectionEnabled"))
    in.DeletionProtectionEnabled = OPT_BOOL(property_bool(rc, "DeletionProtectionEnabled", FALSE));
  if (property_changed(rc, "TableClass"))
    in.TableClass = new->TableClass ? new->TableClass : "STANDARD";
  return resource_operation(rc, &DynamodbOperationUpdateTable, &in, &out);
}

static Error *
set_tags(ResourceCall *rc)
{
  DynamodbTagResourceInput in = { call_arn(rc->call, "dynamodb", "table/%s", rc->physical_id), tag_list(rc) };
  DynamodbUntagResourceInput gone = { .ResourceArn = in.ResourceArn };
  StringList keys = resource_gone_tags(rc);
  for (gsize i = 0; i < keys.n; i++)
    LIST_APPEND(rc->call->arena, &gone.TagKeys, keys.v[i]);
  if (keys.n)
    TRY(resource_operation(rc, &DynamodbOperationUntagResource, &gone, &(DynamodbUntagResourceOutput){ 0 }));
  return in.Tags.n ? resource_operation(rc, &DynamodbOperationTagResource, &in, &(DynamodbTagResourceOutput){ 0 }) : NULL;
}

static Error *
update_table(ResourceCall *rc, ResourceResult *ret)
{
  DynamodbCreateTableInput new = { 0 };
  DynamodbDescribeTableOutput described = { 0 };
  TRY(property_input(rc, &DynamodbCreateTableInput_shape, &new));
  TRY(change_table(rc, &new));
  if (property_changed(rc, "StreamSpecification"))
    TRY(change_stream(rc));
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
  return error_forgive(resource_operation(rc, &DynamodbOperationDeleteTable, &in, &out), "ResourceNotFoundException");
}

RESOURCE(AWS::DynamoDB::Table, dynamodb_table, .create = create_table, .update = update_table, .delete = delete_table,
         .no_effect = "ContributorInsightsSpecification KinesisStreamSpecification ImportSourceSpecification ResourcePolicy WarmThroughput "
                      "OnDemandThroughput")
