/* AWS::Logs::LogGroup, AWS::Logs::LogStream, AWS::Logs::MetricFilter, AWS::Logs::SubscriptionFilter */
#include "services/logs/logs.h"
#include "stack/resource.h"

static Error *
set_retention(ResourceCall *rc, const char *name)
{
  gint64 days = property_int(rc, "RetentionInDays", 0);
  if (days)
    return resource_operation(rc, &LogsOperationPutRetentionPolicy,
                              &(LogsPutRetentionPolicyInput) {.logGroupName = name, .retentionInDays = OPT_INT(days)},
                              &(LogsPutRetentionPolicyOutput) {0});
  if (!rc->old_properties)
    return NULL;
  return resource_operation(rc, &LogsOperationDeleteRetentionPolicy, &(LogsDeleteRetentionPolicyInput) {.logGroupName = name},
                            &(LogsDeleteRetentionPolicyOutput) {0});
}

static Error *
create_group(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "LogGroupName");
  if (!name)
    name = resource_name(rc, 512, FALSE);
  LogsCreateLogGroupInput in = {.logGroupName = name, .kmsKeyId = property_text(rc, "KmsKeyId"), .tags = resource_tags(rc)};
  TRY(resource_operation(rc, &LogsOperationCreateLogGroup, &in, &(LogsCreateLogGroupOutput) {0}));
  ret->physical_id = name;
  resource_attribute(rc, ret, "Arn", call_arn(rc->call, "logs", "log-group:%s:*", name));
  return set_retention(rc, name);
}

static Error *
update_key(ResourceCall *rc)
{
  const char *key = property_text(rc, "KmsKeyId");
  if (!property_changed(rc, "KmsKeyId"))
    return NULL;
  if (!key)
    return resource_operation(rc, &LogsOperationDisassociateKmsKey, &(LogsDisassociateKmsKeyInput) {.logGroupName = rc->physical_id},
                              &(LogsDisassociateKmsKeyOutput) {0});
  return resource_operation(rc, &LogsOperationAssociateKmsKey,
                            &(LogsAssociateKmsKeyInput) {.logGroupName = rc->physical_id, .kmsKeyId = key},
                            &(LogsAssociateKmsKeyOutput) {0});
}

static Error *
update_group(ResourceCall *rc, ResourceResult *ret)
{
  if (property_changed(rc, "RetentionInDays"))
    TRY(set_retention(rc, rc->physical_id));
  StringMap tags = resource_tags(rc);
  StringList gone = resource_gone_tags(rc);
  LogsUntagLogGroupInput untag = {.logGroupName = rc->physical_id};
  for (gsize i = 0; i < gone.n; i++)
    LIST_APPEND(rc->call->arena, &untag.tags, gone.v[i]);
  if (gone.n)
    TRY(resource_operation(rc, &LogsOperationUntagLogGroup, &untag, &(LogsUntagLogGroupOutput) {0}));
  if (tags.n)
    TRY(resource_operation(rc, &LogsOperationTagLogGroup, &(LogsTagLogGroupInput) {.logGroupName = rc->physical_id, .tags = tags},
                           &(LogsTagLogGroupOutput) {0}));
  return update_key(rc);
}

static Error *
delete_group(ResourceCall *rc)
{
  return resource_operation(rc, &LogsOperationDeleteLogGroup, &(LogsDeleteLogGroupInput) {.logGroupName = rc->physical_id},
                            &(LogsDeleteLogGroupOutput) {0});
}

RESOURCE(AWS::Logs::LogGroup, logs_group, .create = create_group, .update = update_group, .delete = delete_group,
         .no_effect = "DataProtectionPolicy FieldIndexPolicies LogGroupClass ResourcePolicyDocument")

static Error *
create_stream(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "LogStreamName");
  if (!name)
    name = resource_name(rc, 512, FALSE);
  LogsCreateLogStreamInput in = {.logGroupName = property_text(rc, "LogGroupName"), .logStreamName = name};
  TRY(resource_operation(rc, &LogsOperationCreateLogStream, &in, &(LogsCreateLogStreamOutput) {0}));
  ret->physical_id = name;
  return NULL;
}

static Error *
delete_stream(ResourceCall *rc)
{
  LogsDeleteLogStreamInput in = {.logGroupName = property_text(rc, "LogGroupName"), .logStreamName = rc->physical_id};
  return resource_operation(rc, &LogsOperationDeleteLogStream, &in, &(LogsDeleteLogStreamOutput) {0});
}

RESOURCE(AWS::Logs::LogStream, logs_stream, .create = create_stream, .delete = delete_stream)

/* --- metric filters --- */

static LogsMetricTransformation *
transformation(const ResourceCall *rc, const Json *json)
{
  LogsMetricTransformation *to = ARENA_NEW(rc->call->arena, LogsMetricTransformation);
  const Json *dimensions = json_get(json, "Dimensions"), *value = json_get(json, "MetricValue"), *otherwise = json_get(json, "DefaultValue");
  to->metricName = json_string(json_get(json, "MetricName"));
  to->metricNamespace = json_string(json_get(json, "MetricNamespace"));
  to->metricValue = value ? arena_strndup(rc->call->arena, value->text, value->n) : NULL;
  to->unit = json_string(json_get(json, "Unit"));
  if (otherwise && (otherwise->type == JSON_NUMBER || otherwise->type == JSON_STRING))
    to->defaultValue = OPT_DOUBLE(g_ascii_strtod(arena_strndup(rc->call->arena, otherwise->text, otherwise->n), NULL));
  for (guint i = 0; dimensions && dimensions->type == JSON_ARRAY && i < dimensions->n; i++) {
    const char *key = json_string(json_get(dimensions->items[i], "Key"));
    if (key)
      MAP_SET(rc->call->arena, &to->dimensions, key, json_string(json_get(dimensions->items[i], "Value")));
  }
  return to;
}

static Error *
put_metric_filter(ResourceCall *rc, const char *name)
{
  const Json *list = json_get(rc->properties, "MetricTransformations");
  LogsPutMetricFilterInput in = {.logGroupName = property_text(rc, "LogGroupName"), .filterName = name, .filterPattern = property_text(rc, "FilterPattern")};
  for (guint i = 0; list && list->type == JSON_ARRAY && i < list->n; i++)
    LIST_APPEND(rc->call->arena, &in.metricTransformations, transformation(rc, list->items[i]));
  return resource_operation(rc, &LogsOperationPutMetricFilter, &in, &(LogsPutMetricFilterOutput) {0});
}

static Error *
create_metric_filter(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "FilterName");
  ret->physical_id = name ? name : resource_name(rc, 512, FALSE);
  return put_metric_filter(rc, ret->physical_id);
}

static Error *
update_metric_filter(ResourceCall *rc, ResourceResult *ret)
{
  return put_metric_filter(rc, rc->physical_id);
}

/* What is gone, with its group or alone, is deleted. */
static Error *
without_missing(Error *error)
{
  if (error_is(error, "ResourceNotFoundException"))
    error_clear(&error);
  return error;
}

static Error *
delete_metric_filter(ResourceCall *rc)
{
  LogsDeleteMetricFilterInput in = {.logGroupName = property_text(rc, "LogGroupName"), .filterName = rc->physical_id};
  return without_missing(resource_operation(rc, &LogsOperationDeleteMetricFilter, &in, &(LogsDeleteMetricFilterOutput) {0}));
}

RESOURCE(AWS::Logs::MetricFilter, logs_metric_filter, .create = create_metric_filter, .update = update_metric_filter, .delete = delete_metric_filter,
         .no_effect = "ApplyOnTransformedLogs")

/* --- subscription filters --- */

static Error *
put_subscription(ResourceCall *rc, const char *name)
{
  LogsPutSubscriptionFilterInput in = {.logGroupName = property_text(rc, "LogGroupName"), .filterName = name, .filterPattern = property_text(rc, "FilterPattern"),
                                       .destinationArn = property_text(rc, "DestinationArn"), .roleArn = property_text(rc, "RoleArn"),
                                       .distribution = property_text(rc, "Distribution")};
  return resource_operation(rc, &LogsOperationPutSubscriptionFilter, &in, &(LogsPutSubscriptionFilterOutput) {0});
}

static Error *
create_subscription(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "FilterName");
  ret->physical_id = name ? name : resource_name(rc, 512, FALSE);
  return put_subscription(rc, ret->physical_id);
}

static Error *
update_subscription(ResourceCall *rc, ResourceResult *ret)
{
  return put_subscription(rc, rc->physical_id);
}

static Error *
delete_subscription(ResourceCall *rc)
{
  LogsDeleteSubscriptionFilterInput in = {.logGroupName = property_text(rc, "LogGroupName"), .filterName = rc->physical_id};
  return without_missing(resource_operation(rc, &LogsOperationDeleteSubscriptionFilter, &in, &(LogsDeleteSubscriptionFilterOutput) {0}));
}

RESOURCE(AWS::Logs::SubscriptionFilter, logs_subscription_filter, .create = create_subscription, .update = update_subscription, .delete = delete_subscription,
         .no_effect = "ApplyOnTransformedLogs")
