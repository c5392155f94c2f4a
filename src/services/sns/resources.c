/* AWS::SNS::Topic, AWS::SNS::Subscription, AWS::SNS::TopicPolicy, AWS::SNS::TopicInlinePolicy */
#include <string.h>

#include "services/sns/sns.h"
#include "stack/resource.h"

static const char *const topic_names[] = {"ContentBasedDeduplication", "DisplayName", "FifoTopic", "KmsMasterKeyId", "SignatureVersion", "TracingConfig"};

static Error *
subscribe(ResourceCall *rc, const char *topic, const Json *item, char **ret_arn)
{
  SnsSubscribeInput in = {.TopicArn = topic, .Protocol = json_string(json_get(item, "Protocol")), .Endpoint = json_string(json_get(item, "Endpoint")),
                          .ReturnSubscriptionArn = OPT_BOOL(TRUE)};
  static const char *const names[] = {"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    const Json *value = json_get(item, names[i]);
    if (value && value->type != JSON_NULL)
      MAP_SET(rc->call->arena, &in.Attributes, names[i], json_string(value) ? json_string(value) : json_text(rc->call->arena, value));
  }
  SnsSubscribeOutput out = {0};
  TRY(resource_operation(rc, &SnsOperationSubscribe, &in, &out));
  *ret_arn = arena_strdup(rc->call->arena, out.SubscriptionArn);
  return NULL;
}

static const char *
same_endpoint(const Json *list, const Json *item)
{
  for (guint i = 0; list && list->type == JSON_ARRAY && i < list->n; i++)
    if (g_strcmp0(json_string(json_get(list->items[i], "Protocol")), json_string(json_get(item, "Protocol"))) == 0 &&
        g_strcmp0(json_string(json_get(list->items[i], "Endpoint")), json_string(json_get(item, "Endpoint"))) == 0)
      return json_string(json_get(item, "Endpoint"));
  return NULL;
}

/* Ends the subscriptions of a list that are not in another one. */
static Error *
end_subscriptions(ResourceCall *rc, const Json *old, const Json *kept)
{
  SnsListSubscriptionsByTopicInput in = {.TopicArn = rc->physical_id};
  do {
    SnsListSubscriptionsByTopicOutput out = {0};
    TRY(resource_operation(rc, &SnsOperationListSubscriptionsByTopic, &in, &out));
    for (gsize i = 0; i < out.Subscriptions.n; i++) {
      const SnsSubscription *one = out.Subscriptions.v[i];
      Json *item = json_new_object(rc->call->arena);
      json_set(rc->call->arena, item, "Protocol", json_new_string(rc->call->arena, one->Protocol));
      json_set(rc->call->arena, item, "Endpoint", json_new_string(rc->call->arena, one->Endpoint));
      if (same_endpoint(old, item) && !same_endpoint(kept, item) && g_str_has_prefix(one->SubscriptionArn, "arn:"))
        TRY(resource_operation(rc, &SnsOperationUnsubscribe, &(SnsUnsubscribeInput){.SubscriptionArn = one->SubscriptionArn}, &(SnsUnsubscribeOutput){0}));
    }
    in.NextToken = out.NextToken;
  } while (in.NextToken);
  return NULL;
}

static Error *
subscribe_all(ResourceCall *rc, const char *topic)
{
  const Json *list = json_get(rc->properties, "Subscription");
  char *arn;
  for (guint i = 0; list && list->type == JSON_ARRAY && i < list->n; i++)
    TRY(subscribe(rc, topic, list->items[i], &arn));
  return NULL;
}

static Error *
create_topic(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "TopicName");
  Arena *arena = rc->call->arena;
  if (!name)
    name = property_bool(rc, "FifoTopic", FALSE) ? arena_printf(arena, "%s.fifo", resource_name(rc, 251, FALSE)) : resource_name(rc, 256, FALSE);
  SnsCreateTopicInput in = {.Name = name};
  SnsCreateTopicOutput out = {0};
  for (gsize i = 0; i < G_N_ELEMENTS(topic_names); i++) {
    const char *value = property_text(rc, topic_names[i]);
    if (value && !(strcmp(topic_names[i], "FifoTopic") == 0 && strcmp(value, "false") == 0))
      MAP_SET(arena, &in.Attributes, topic_names[i], value);
  }
  const char *delivery = property_document(rc, "DeliveryPolicy");
  if (delivery)
    MAP_SET(arena, &in.Attributes, "DeliveryPolicy", delivery);
  StringMap tags = resource_tags(rc);
  for (gsize i = 0; i < tags.n; i++) {
    SnsTag *tag = ARENA_NEW(arena, SnsTag);
    *tag = (SnsTag){tags.v[i].key, tags.v[i].value};
    LIST_APPEND(arena, &in.Tags, tag);
  }
  TRY(resource_operation(rc, &SnsOperationCreateTopic, &in, &out));
  ret->physical_id = out.TopicArn;
  resource_attribute(rc, ret, "TopicArn", out.TopicArn);
  resource_attribute(rc, ret, "TopicName", name);
  resource_made(rc, ret->physical_id);
  return subscribe_all(rc, out.TopicArn);
}

static Error *
update_topic(ResourceCall *rc, ResourceResult *ret)
{
  for (gsize i = 0; i < G_N_ELEMENTS(topic_names); i++) {
    const char *value = property_text(rc, topic_names[i]);
    if (!property_changed(rc, topic_names[i]) || strcmp(topic_names[i], "FifoTopic") == 0)
      continue;
    if (!value && strcmp(topic_names[i], "ContentBasedDeduplication") == 0)
      value = "false";
    if (!value && strcmp(topic_names[i], "SignatureVersion") == 0)
      value = "1";
    SnsSetTopicAttributesInput in = {.TopicArn = rc->physical_id, .AttributeName = topic_names[i], .AttributeValue = value ? value : ""};
    TRY(resource_operation(rc, &SnsOperationSetTopicAttributes, &in, &(SnsSetTopicAttributesOutput){0}));
  }
  if (property_changed(rc, "DeliveryPolicy")) {
    const char *delivery = property_document(rc, "DeliveryPolicy");
    SnsSetTopicAttributesInput in = {.TopicArn = rc->physical_id, .AttributeName = "DeliveryPolicy", .AttributeValue = delivery ? delivery : ""};
    TRY(resource_operation(rc, &SnsOperationSetTopicAttributes, &in, &(SnsSetTopicAttributesOutput){0}));
  }
  if (!property_changed(rc, "Subscription"))
    return NULL;
  TRY(end_subscriptions(rc, json_get(rc->old_properties, "Subscription"), json_get(rc->properties, "Subscription")));
  return subscribe_all(rc, rc->physical_id);
}

static Error *
delete_topic(ResourceCall *rc)
{
  return resource_operation(rc, &SnsOperationDeleteTopic, &(SnsDeleteTopicInput){.TopicArn = rc->physical_id}, &(SnsDeleteTopicOutput){0});
}

RESOURCE(AWS::SNS::Topic, sns_topic, .create = create_topic, .update = update_topic, .delete = delete_topic,
         .no_effect = "ArchivePolicy DataProtectionPolicy DeliveryStatusLogging FifoThroughputScope TracingConfig")

/* --- subscriptions --- */

static Error *
create_subscription(ResourceCall *rc, ResourceResult *ret)
{
  char *arn = NULL;
  TRY(subscribe(rc, property_text(rc, "TopicArn"), rc->properties, &arn));
  ret->physical_id = arn;
  resource_attribute(rc, ret, "Arn", arn);
  return NULL;
}

static Error *
update_subscription(ResourceCall *rc, ResourceResult *ret)
{
  static const char *const names[] = {"FilterPolicyScope", "FilterPolicy", "DeliveryPolicy", "RawMessageDelivery", "RedrivePolicy"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    const char *value = property_document(rc, names[i]);
    if (!property_changed(rc, names[i]))
      continue;
    if (!value)
      value = strcmp(names[i], "RawMessageDelivery") == 0 ? "false" : strcmp(names[i], "FilterPolicyScope") == 0 ? "MessageAttributes" : "";
    SnsSetSubscriptionAttributesInput in = {.SubscriptionArn = rc->physical_id, .AttributeName = names[i], .AttributeValue = value};
    TRY(resource_operation(rc, &SnsOperationSetSubscriptionAttributes, &in, &(SnsSetSubscriptionAttributesOutput){0}));
  }
  return NULL;
}

/* What was never confirmed stays, as on AWS, and goes with its topic. */
static Error *
delete_subscription(ResourceCall *rc)
{
  g_autoptr(Error) error = resource_operation(rc, &SnsOperationUnsubscribe, &(SnsUnsubscribeInput){.SubscriptionArn = rc->physical_id},
                                              &(SnsUnsubscribeOutput){0});
  return error_is(error, "InvalidParameterException") ? NULL : g_steal_pointer(&error);
}

RESOURCE(AWS::SNS::Subscription, sns_subscription, .create = create_subscription, .update = update_subscription, .delete = delete_subscription,
         .no_effect = "Region ReplayPolicy SubscriptionRoleArn")

/* --- policies --- */

static Error *
set_policy(ResourceCall *rc, const char *topic, const char *document)
{
  SnsSetTopicAttributesInput in = {.TopicArn = topic, .AttributeName = "Policy", .AttributeValue = document};
  g_autoptr(Error) error = resource_operation(rc, &SnsOperationSetTopicAttributes, &in, &(SnsSetTopicAttributesOutput){0});
  return !*document && error_is(error, "NotFoundException") ? NULL : g_steal_pointer(&error);
}

static Error *
put_policy(ResourceCall *rc, ResourceResult *ret)
{
  return resource_policy_put(rc, ret, "Topics", set_policy);
}

static Error *
delete_policy(ResourceCall *rc)
{
  return resource_policy_remove(rc, "Topics", set_policy);
}

RESOURCE(AWS::SNS::TopicPolicy, sns_topic_policy, .create = put_policy, .update = put_policy, .delete = delete_policy)

static Error *
put_inline(ResourceCall *rc, ResourceResult *ret)
{
  return resource_inline_policy_put(rc, ret, "TopicArn", set_policy);
}

static Error *
delete_inline(ResourceCall *rc)
{
  return set_policy(rc, rc->physical_id, "");
}

RESOURCE(AWS::SNS::TopicInlinePolicy, sns_topic_inline_policy, .create = put_inline, .update = put_inline, .delete = delete_inline)
