/* AWS::Logs::LogGroup, AWS::Logs::LogStream */
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
