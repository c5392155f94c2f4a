/* AWS::SQS::Queue, AWS::SQS::QueuePolicy, AWS::SQS::QueueInlinePolicy */
#include <string.h>

#include "services/sqs/sqs.h"
#include "stack/resource.h"

/* Properties that are attributes of the same name. */
static const char *const names[] = {
    "ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit", "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy",
    "SqsManagedSseEnabled", "VisibilityTimeout",
};

/* What an attribute is when its property is taken away. */
static const char *
neutral(const char *name)
{
  static const char *const values[][2] = {
      {"ContentBasedDeduplication", "false"}, {"DelaySeconds", "0"}, {"MaximumMessageSize", "1048576"}, {"MessageRetentionPeriod", "345600"},
      {"ReceiveMessageWaitTimeSeconds", "0"}, {"VisibilityTimeout", "30"}, {"DeduplicationScope", "queue"}, {"FifoThroughputLimit", "perQueue"},
      {"KmsDataKeyReusePeriodSeconds", "300"}, {"SqsManagedSseEnabled", "true"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
    if (strcmp(values[i][0], name) == 0)
      return values[i][1];
  return "";
}

static StringMap
attributes_of(ResourceCall *rc, gboolean changed_only)
{
  StringMap attributes = {0};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    const char *value = property_document(rc, names[i]);
    if (changed_only && (!property_changed(rc, names[i]) || strcmp(names[i], "FifoQueue") == 0))
      continue;
    if (strcmp(names[i], "FifoQueue") == 0 && value && strcmp(value, "false") == 0)
      continue;
    if (value || changed_only)
      MAP_SET(rc->call->arena, &attributes, names[i], value ? value : neutral(names[i]));
  }
  return attributes;
}

static Error *
create_queue(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "QueueName");
  gboolean fifo = property_bool(rc, "FifoQueue", FALSE);
  if (!name)
    name = fifo ? arena_printf(rc->call->arena, "%s.fifo", resource_name(rc, SQS_NAME_MAX - 5, FALSE)) : resource_name(rc, SQS_NAME_MAX, FALSE);
  SqsCreateQueueInput in = {.QueueName = name, .Attributes = attributes_of(rc, FALSE)};
  SqsCreateQueueOutput out = {0};
  StringMap tags = resource_tags(rc);
  for (gsize i = 0; i < tags.n; i++)
    MAP_SET(rc->call->arena, &in.tags, tags.v[i].key, tags.v[i].value);
  TRY(resource_operation(rc, &SqsOperationCreateQueue, &in, &out));
  ret->physical_id = out.QueueUrl;
  resource_attribute(rc, ret, "Arn", call_arn(rc->call, "sqs", "%s", name));
  resource_attribute(rc, ret, "QueueName", name);
  resource_attribute(rc, ret, "QueueUrl", out.QueueUrl);
  return NULL;
}

static Error *
update_queue(ResourceCall *rc, ResourceResult *ret)
{
  SqsSetQueueAttributesInput in = {.QueueUrl = rc->physical_id, .Attributes = attributes_of(rc, TRUE)};
  if (in.Attributes.n)
    TRY(resource_operation(rc, &SqsOperationSetQueueAttributes, &in, &(SqsSetQueueAttributesOutput){0}));
  SqsTagQueueInput tag = {.QueueUrl = rc->physical_id};
  StringMap tags = resource_tags(rc);
  for (gsize i = 0; i < tags.n; i++)
    MAP_SET(rc->call->arena, &tag.Tags, tags.v[i].key, tags.v[i].value);
  return tag.Tags.n ? resource_operation(rc, &SqsOperationTagQueue, &tag, &(SqsTagQueueOutput){0}) : NULL;
}

static Error *
delete_queue(ResourceCall *rc)
{
  g_autoptr(Error) error = resource_operation(rc, &SqsOperationDeleteQueue, &(SqsDeleteQueueInput){.QueueUrl = rc->physical_id},
                                              &(SqsDeleteQueueOutput){0});
  return error_is(error, "QueueDoesNotExist") ? NULL : g_steal_pointer(&error);
}

RESOURCE(AWS::SQS::Queue, sqs_queue, .create = create_queue, .update = update_queue, .delete = delete_queue)

/* --- policies --- */

static Error *
set_policy(ResourceCall *rc, const char *url, const char *document)
{
  SqsSetQueueAttributesInput in = {.QueueUrl = url};
  MAP_SET(rc->call->arena, &in.Attributes, "Policy", document);
  g_autoptr(Error) error = resource_operation(rc, &SqsOperationSetQueueAttributes, &in, &(SqsSetQueueAttributesOutput){0});
  return !*document && error_is(error, "QueueDoesNotExist") ? NULL : g_steal_pointer(&error);
}

static Error *
put_policy(ResourceCall *rc, ResourceResult *ret)
{
  return resource_policy_put(rc, ret, "Queues", set_policy);
}

static Error *
delete_policy(ResourceCall *rc)
{
  return resource_policy_remove(rc, "Queues", set_policy);
}

RESOURCE(AWS::SQS::QueuePolicy, sqs_queue_policy, .create = put_policy, .update = put_policy, .delete = delete_policy)

static Error *
put_inline(ResourceCall *rc, ResourceResult *ret)
{
  return resource_inline_policy_put(rc, ret, "Queue", set_policy);
}

static Error *
delete_inline(ResourceCall *rc)
{
  return set_policy(rc, rc->physical_id, "");
}

RESOURCE(AWS::SQS::QueueInlinePolicy, sqs_queue_inline_policy, .create = put_inline, .update = put_inline, .delete = delete_inline)
