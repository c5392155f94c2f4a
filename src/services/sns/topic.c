/* Topics. https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html */
#include <string.h>

#include "services/sns/sns.h"

const Table sns_topics = {"sns.topic"};

static const char no_policy[] = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";

Error *
sns_invalid(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  return error_answer("InvalidParameterException", "Invalid parameter: %s", text);
}

void
sns_topic_key(const Call *call, const SnsTopicRecord *topic, Key *key)
{
  key_strings(key, call->region, topic->account, topic->name, NULL);
}

char *
sns_topic_arn(const Call *call, const SnsTopicRecord *topic)
{
  return arn_join(call->arena, "sns", call->region, topic->account, topic->name);
}

gboolean
sns_is_fifo(const SnsTopicRecord *topic)
{
  return g_str_has_suffix(topic->name, ".fifo");
}

static Error *
look(Call *call, const char *account, const char *name, SnsTopicRecord **ret)
{
  Key key;
  void *value = NULL;
  key_strings(&key, call->region, account, name, NULL);
  TRY(record_get(call->txn, &sns_topics, &key, &SnsTopicRecord_shape, call->arena, &value));
  *ret = value;
  return NULL;
}

Error *
sns_topic_find(Call *call, const char *text, SnsTopicRecord **ret_topic)
{
  Arn arn;
  if (!text || !arn_parse(call->arena, text, &arn) || strcmp(arn.service, "sns") != 0)
    return sns_invalid("TopicArn");
  if (strcmp(arn.region, call->region) != 0 && call->principal->type != PRINCIPAL_ANONYMOUS)
    return sns_invalid("TopicArn");
  call->region = arn.region;
  TRY(look(call, arn.account, arn.resource, ret_topic));
  return *ret_topic ? NULL : error_answer("NotFoundException", "Topic does not exist");
}

Error *
sns_topic_put(Call *call, const SnsTopicRecord *topic)
{
  Key key;
  sns_topic_key(call, topic, &key);
  return record_put(call->txn, &sns_topics, &key, &SnsTopicRecord_shape, topic);
}

/* The policy that AWS gives a topic lets alarms of its account publish; any other service has to be named. */
Error *
sns_authorize_topic(Call *call, const char *arn, Authorization *auth)
{
  SnsTopicRecord *topic = NULL;
  TRY(sns_topic_find(call, arn, &topic));
  auth->resource = sns_topic_arn(call, topic);
  auth->resource_account = topic->account;
  auth->resource_policy = string_map_get(&topic->attributes, "Policy");
  gboolean service = call->principal->type == PRINCIPAL_SERVICE;
  if (!auth->resource_policy && service &&
      (strcmp(call->principal->arn, "cloudwatch.amazonaws.com") != 0 || g_strcmp0(call->account, topic->account) != 0))
    auth->resource_policy = no_policy;
  for (gsize i = 0; i < topic->tags.n; i++)
    MAP_SET(call->arena, &auth->context, arena_printf(call->arena, "aws:ResourceTag/%s", topic->tags.v[i].key), topic->tags.v[i].value);
  return NULL;
}

Error *
sns_authorize(Call *call, const void *in, Authorization *auth)
{
  return sns_authorize_topic(call, *(const char *const *) in, auth);
}

/* --- attributes --- */

static gboolean
is_truth(const char *value)
{
  return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
}

static Error *
check_policy(Call *call, const char *value)
{
  g_autoptr(Error) bad = iam_policy_check(call->arena, value, TRUE);
  if (bad && bad->kind == ERROR_FAULT)
    return g_steal_pointer(&bad);
  return bad ? sns_invalid("Policy Error: %s", bad->message) : NULL;
}

static Error *
check_json(Call *call, const char *name, const char *value)
{
  Json *json = NULL;
  g_autoptr(Error) bad = json_parse(call->arena, value, strlen(value), &json);
  return bad || json->type != JSON_OBJECT ? sns_invalid("%s: failed to parse JSON.", name) : NULL;
}

static gboolean
is_feedback(const char *name)
{
  return g_str_has_suffix(name, "SuccessFeedbackRoleArn") || g_str_has_suffix(name, "FailureFeedbackRoleArn") ||
         g_str_has_suffix(name, "SuccessFeedbackSampleRate");
}

static Error *
check_attribute(Call *call, const SnsTopicRecord *topic, const char *name, const char *value, gboolean creating)
{
  if (strcmp(name, "Policy") == 0)
    return *value ? check_policy(call, value) : NULL;
  if (strcmp(name, "DeliveryPolicy") == 0)
    return *value ? check_json(call, name, value) : NULL;
  if (strcmp(name, "DisplayName") == 0)
    return strlen(value) <= 100 ? NULL : sns_invalid("DisplayName Reason: Must be at most 100 characters long");
  if (strcmp(name, "SignatureVersion") == 0)
    return strcmp(value, "1") == 0 || strcmp(value, "2") == 0 ? NULL : sns_invalid("SignatureVersion Reason: Invalid value %s, must be 1 or 2", value);
  if (strcmp(name, "FifoTopic") == 0)
    return creating && strcmp(value, sns_is_fifo(topic) ? "true" : "false") == 0 ? NULL : sns_invalid("FifoTopic Reason: it is fixed by the topic's name");
  if (strcmp(name, "ContentBasedDeduplication") == 0 && sns_is_fifo(topic))
    return is_truth(value) ? NULL : sns_invalid("ContentBasedDeduplication");
  if (strcmp(name, "KmsMasterKeyId") == 0 || strcmp(name, "TracingConfig") == 0 || is_feedback(name))
    return NULL;
  return sns_invalid("AttributeName");
}

Error *
sns_topic_set(Call *call, SnsTopicRecord *topic, const char *name, const char *value, gboolean creating)
{
  value = value ? value : "";
  TRY(check_attribute(call, topic, name, value, creating));
  MAP_SET(call->arena, &topic->attributes, name, *value ? value : NULL);
  return NULL;
}

/* --- operations --- */

static Error *
check_name(const SnsCreateTopicInput *in)
{
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  gsize size = strlen(in->Name), plain = strspn(in->Name, allowed);
  const char *const *said = MAP_FIND(&in->Attributes, "FifoTopic");
  gboolean fifo = said && g_strcmp0(*said, "true") == 0, named = plain && size == plain + 5 && strcmp(in->Name + plain, ".fifo") == 0;
  if (size < 1 || size > 256 || (plain != size && !named) || (fifo && !named))
    return sns_invalid("Topic Name");
  return named && !fifo ? sns_invalid("Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, "
                                      "numbers, underscores, and hyphens, and must be between 1 and 256 characters long.")
                        : NULL;
}

static Error *
authorize_name(Call *call, const void *in, Authorization *auth)
{
  auth->resource = call_arn(call, "sns", "%s", ((const SnsCreateTopicInput *) in)->Name);
  return NULL;
}

/* A name that is there is the same topic if it was asked for in the same way. */
static Error *
take_existing(const SnsTopicRecord *old, const SnsTopicRecord *asked)
{
  for (gsize i = 0; i < asked->attributes.n; i++)
    if (g_strcmp0(string_map_get(&old->attributes, asked->attributes.v[i].key), asked->attributes.v[i].value) != 0)
      return sns_invalid("Attributes Reason: Topic already exists with different attributes");
  for (gsize i = 0; i < asked->tags.n; i++)
    if (g_strcmp0(string_map_get(&old->tags, asked->tags.v[i].key), asked->tags.v[i].value) != 0)
      return sns_invalid("Tags Reason: Topic already exists with different tags");
  return NULL;
}

OPERATION(CreateTopic, create_topic, .txn = TXN_WRITE, .authorize = authorize_name)
static Error *
create_topic(Call *call, const SnsCreateTopicInput *in, SnsCreateTopicOutput *ret_out)
{
  SnsTopicRecord topic = {.account = call->account, .name = in->Name}, *old = NULL;
  TRY(check_name(in));
  if (in->Tags.n > SNS_TAGS_MAX)
    return error_answer("TagLimitExceededException", "Could not complete request: tag quota of per resource exceeded");
  for (gsize i = 0; i < in->Attributes.n; i++)
    TRY(sns_topic_set(call, &topic, in->Attributes.v[i].key, in->Attributes.v[i].value, TRUE));
  for (gsize i = 0; i < in->Tags.n; i++)
    MAP_SET(call->arena, &topic.tags, in->Tags.v[i]->Key, in->Tags.v[i]->Value);
  ret_out->TopicArn = sns_topic_arn(call, &topic);
  TRY(look(call, call->account, in->Name, &old));
  if (old)
    return take_existing(old, &topic);
  TRY(sns_own_key(call, &topic));
  return sns_topic_put(call, &topic);
}

static Error *
authorize_delete(Call *call, const void *in, Authorization *auth)
{
  g_autoptr(Error) error = sns_authorize(call, in, auth);
  if (error_is(error, "NotFoundException")) {
    auth->resource = *(const char *const *) in;
    return NULL;
  }
  return g_steal_pointer(&error);
}

OPERATION(DeleteTopic, delete_topic, .txn = TXN_WRITE, .authorize = authorize_delete)
static Error *
delete_topic(Call *call, const SnsDeleteTopicInput *in, SnsDeleteTopicOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  Key key;
  g_autoptr(Error) error = sns_topic_find(call, in->TopicArn, &topic);
  if (error_is(error, "NotFoundException"))
    return NULL;
  if (error)
    return g_steal_pointer(&error);
  sns_topic_key(call, topic, &key);
  TRY(store_delete(call->txn, &sns_topics, &key, NULL));
  TRY(store_delete_prefix(call->txn, &sns_recent, &key, NULL));
  return store_delete_prefix(call->txn, &sns_subscriptions, &key, NULL);
}

/* https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html */
static const char default_delivery[] =
    "{\"http\":{\"defaultHealthyRetryPolicy\":{\"minDelayTarget\":20,\"maxDelayTarget\":20,\"numRetries\":3,\"numMaxDelayRetries\":0,"
    "\"numNoDelayRetries\":0,\"numMinDelayRetries\":0,\"backoffFunction\":\"linear\"},\"disableSubscriptionOverrides\":false,"
    "\"defaultRequestPolicy\":{\"headerContentType\":\"text/plain; charset=UTF-8\"}}}";

static char *
default_policy(Call *call, const SnsTopicRecord *topic)
{
  return arena_printf(call->arena,
                      "{\"Version\":\"2008-10-17\",\"Id\":\"__default_policy_ID\",\"Statement\":[{\"Sid\":\"__default_statement_ID\",\"Effect\":"
                      "\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Action\":[\"SNS:GetTopicAttributes\",\"SNS:SetTopicAttributes\",\"SNS:"
                      "AddPermission\",\"SNS:RemovePermission\",\"SNS:DeleteTopic\",\"SNS:Subscribe\",\"SNS:ListSubscriptionsByTopic\",\"SNS:"
                      "Publish\"],\"Resource\":\"%s\",\"Condition\":{\"StringEquals\":{\"AWS:SourceOwner\":\"%s\"}}}]}",
                      sns_topic_arn(call, topic), topic->account);
}

static char *
number(Call *call, gint64 value)
{
  return arena_printf(call->arena, "%" G_GINT64_FORMAT, value);
}

OPERATION(GetTopicAttributes, get_topic_attributes, .txn = TXN_READ, .authorize = sns_authorize)
static Error *
get_topic_attributes(Call *call, const SnsGetTopicAttributesInput *in, SnsGetTopicAttributesOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  SnsSubscriptions subscriptions = {0};
  StringMap *out = &ret_out->Attributes;
  gint64 confirmed = 0;
  TRY(sns_topic_find(call, in->TopicArn, &topic));
  TRY(sns_subscriptions_of(call, topic, &subscriptions));
  for (gsize i = 0; i < subscriptions.n; i++)
    confirmed += OPT_OR(subscriptions.v[i]->confirmed, FALSE);
  MAP_SET(call->arena, out, "TopicArn", sns_topic_arn(call, topic));
  MAP_SET(call->arena, out, "Owner", topic->account);
  MAP_SET(call->arena, out, "Policy", default_policy(call, topic));
  MAP_SET(call->arena, out, "DisplayName", "");
  MAP_SET(call->arena, out, "SubscriptionsConfirmed", number(call, confirmed));
  MAP_SET(call->arena, out, "SubscriptionsPending", number(call, (gint64) subscriptions.n - confirmed));
  MAP_SET(call->arena, out, "SubscriptionsDeleted", number(call, OPT_OR(topic->deleted, 0)));
  if (sns_is_fifo(topic)) {
    MAP_SET(call->arena, out, "FifoTopic", "true");
    MAP_SET(call->arena, out, "ContentBasedDeduplication", "false");
  }
  for (gsize i = 0; i < topic->attributes.n; i++)
    if (topic->attributes.v[i].value)
      MAP_SET(call->arena, out, topic->attributes.v[i].key, topic->attributes.v[i].value);
  const char *delivery = string_map_get(&topic->attributes, "DeliveryPolicy");
  MAP_SET(call->arena, out, "EffectiveDeliveryPolicy", delivery ? delivery : default_delivery);
  return NULL;
}

OPERATION(SetTopicAttributes, set_topic_attributes, .txn = TXN_WRITE, .authorize = sns_authorize)
static Error *
set_topic_attributes(Call *call, const SnsSetTopicAttributesInput *in, SnsSetTopicAttributesOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  TRY(sns_topic_find(call, in->TopicArn, &topic));
  TRY(sns_topic_set(call, topic, in->AttributeName, in->AttributeValue, FALSE));
  return sns_topic_put(call, topic);
}

OPERATION(ListTopics, list_topics, .txn = TXN_READ)
static Error *
list_topics(Call *call, const SnsListTopicsInput *in, SnsListTopicsOutput *ret_out)
{
  Key prefix, from;
  g_autoptr(Cursor) cursor = NULL;
  key_strings(&prefix, call->region, call->account, NULL);
  from = prefix;
  if (in->NextToken)
    key_add(&from, in->NextToken);
  TRY(cursor_open(call->txn, &sns_topics, &(CursorOptions){.prefix = &prefix, .from = in->NextToken ? &from : NULL, .after = TRUE}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->Topics);
  const char *last = NULL;
  while (cursor_next(cursor)) {
    gsize size;
    void *value = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &SnsTopicRecord_shape, data, size, &value));
    if (ret_out->Topics.n == SNS_PAGE) {
      ret_out->NextToken = last;
      break;
    }
    SnsTopic *topic = ARENA_NEW(call->arena, SnsTopic);
    topic->TopicArn = sns_topic_arn(call, value);
    last = ((SnsTopicRecord *) value)->name;
    LIST_APPEND(call->arena, &ret_out->Topics, topic);
  }
  return NULL;
}

/* --- tags --- */

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .authorize = sns_authorize)
static Error *
tag_resource(Call *call, const SnsTagResourceInput *in, SnsTagResourceOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  TRY(sns_topic_find(call, in->ResourceArn, &topic));
  for (gsize i = 0; i < in->Tags.n; i++)
    MAP_SET(call->arena, &topic->tags, in->Tags.v[i]->Key, in->Tags.v[i]->Value);
  if (topic->tags.n > SNS_TAGS_MAX)
    return error_answer("TagLimitExceededException", "Could not complete request: tag quota of per resource exceeded");
  return sns_topic_put(call, topic);
}

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .authorize = sns_authorize)
static Error *
untag_resource(Call *call, const SnsUntagResourceInput *in, SnsUntagResourceOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  StringMap kept = {0};
  TRY(sns_topic_find(call, in->ResourceArn, &topic));
  for (gsize i = 0; i < topic->tags.n; i++)
    if (!string_list_has(&in->TagKeys, topic->tags.v[i].key))
      MAP_SET(call->arena, &kept, topic->tags.v[i].key, topic->tags.v[i].value);
  topic->tags = kept;
  return sns_topic_put(call, topic);
}

OPERATION(ListTagsForResource, list_tags_for_resource, .txn = TXN_READ, .authorize = sns_authorize)
static Error *
list_tags_for_resource(Call *call, const SnsListTagsForResourceInput *in, SnsListTagsForResourceOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  TRY(sns_topic_find(call, in->ResourceArn, &topic));
  LIST_EMPTY(call->arena, &ret_out->Tags);
  for (gsize i = 0; i < topic->tags.n; i++) {
    SnsTag *tag = ARENA_NEW(call->arena, SnsTag);
    *tag = (SnsTag){.Key = topic->tags.v[i].key, .Value = topic->tags.v[i].value};
    LIST_APPEND(call->arena, &ret_out->Tags, tag);
  }
  return NULL;
}
