/* Publish and PublishBatch. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
#include <openssl/evp.h>
#include <string.h>

#include "services/sns/filter.h"
#include "services/sns/sns.h"

const Table sns_recent = {"sns.recent"};

enum { DEDUPLICATION_MS = 5 * 60 * 1000, SUBJECT_MAX = 100 };

/* --- checks --- */

static gsize
size_of(const SnsPublishBatchRequestEntry *entry)
{
  gsize size = strlen(entry->Message);
  for (gsize i = 0; i < entry->MessageAttributes.n; i++) {
    const SnsMessageAttributeValue *value = entry->MessageAttributes.v[i].value;
    size += strlen(entry->MessageAttributes.v[i].key) + (value->DataType ? strlen(value->DataType) : 0) + value->BinaryValue.size +
            (value->StringValue ? strlen(value->StringValue) : 0);
  }
  return size;
}

static Error *
check_structure(Call *call, const SnsPublishBatchRequestEntry *entry)
{
  Json *json = NULL;
  if (!entry->MessageStructure)
    return NULL;
  if (strcmp(entry->MessageStructure, "json") != 0)
    return sns_invalid("MessageStructure");
  g_autoptr(Error) bad = json_parse(call->arena, entry->Message, strlen(entry->Message), &json);
  if (bad || json->type != JSON_OBJECT)
    return sns_invalid("Message Structure - JSON message body failed to parse");
  return json_string(json_get(json, "default")) ? NULL : sns_invalid("Message Structure - No default entry in JSON message body");
}

static Error *
check_attributes(const SnsPublishBatchRequestEntry *entry)
{
  for (gsize i = 0; i < entry->MessageAttributes.n; i++) {
    const char *name = entry->MessageAttributes.v[i].key;
    const SnsMessageAttributeValue *value = entry->MessageAttributes.v[i].value;
    if (!value || !value->DataType || !*value->DataType)
      return error_answer("InvalidParameterValueException", "The message attribute '%s' must contain non-empty message attribute type.", name);
    gboolean binary = g_str_has_prefix(value->DataType, "Binary");
    if (!binary && !g_str_has_prefix(value->DataType, "String") && !g_str_has_prefix(value->DataType, "Number"))
      return error_answer("InvalidParameterValueException", "The message attribute '%s' has an invalid message attribute type, the set of supported "
                                                            "type prefixes is Binary, Number, and String.", name);
    if (binary ? !value->BinaryValue.size : !value->StringValue || !*value->StringValue)
      return error_answer("InvalidParameterValueException", "The message attribute '%s' must contain non-empty message attribute value for message "
                                                            "attribute type '%s'.", name, value->DataType);
  }
  return NULL;
}

static Error *
check(Call *call, const SnsTopicRecord *topic, const SnsPublishBatchRequestEntry *entry)
{
  if (!entry->Message || !*entry->Message)
    return sns_invalid("Empty message");
  if (size_of(entry) > SNS_MESSAGE_MAX)
    return sns_invalid("Message too long");
  if (entry->Subject && (!*entry->Subject || strlen(entry->Subject) > SUBJECT_MAX || strpbrk(entry->Subject, "\r\n")))
    return sns_invalid("Subject");
  TRY(check_structure(call, entry));
  TRY(check_attributes(entry));
  if (sns_is_fifo(topic) && !entry->MessageGroupId)
    return sns_invalid("The MessageGroupId parameter is required for FIFO topics");
  if (sns_is_fifo(topic) && !entry->MessageDeduplicationId &&
      g_strcmp0(string_map_get(&topic->attributes, "ContentBasedDeduplication"), "true") != 0)
    return sns_invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly");
  if (!sns_is_fifo(topic) && entry->MessageDeduplicationId)
    return sns_invalid("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type");
  return NULL;
}

/* --- filters --- */

static Json *
attribute_json(Call *call, const SnsMessageAttributeValue *value)
{
  Json *json = NULL;
  if (strcmp(value->DataType, "String.Array") == 0 || g_str_has_prefix(value->DataType, "Number")) {
    g_autoptr(Error) bad = json_parse(call->arena, value->StringValue, strlen(value->StringValue), &json);
    return bad ? NULL : json;
  }
  return value->StringValue ? json_new_string(call->arena, value->StringValue) : NULL;
}

static Json *
filtered_object(Call *call, const SnsMessageRecord *message, gboolean body)
{
  Json *object = NULL;
  if (body) {
    const char *text = sns_text_for(call, message, "default");
    g_autoptr(Error) bad = json_parse(call->arena, text, strlen(text), &object);
    return bad || object->type != JSON_OBJECT ? NULL : object;
  }
  object = json_new_object(call->arena);
  for (gsize i = 0; i < message->attributes.n; i++) {
    Json *value = attribute_json(call, message->attributes.v[i].value);
    if (value)
      json_set(call->arena, object, message->attributes.v[i].key, value);
  }
  return object;
}

static gboolean
wanted(Call *call, const SnsSubscriptionRecord *subscription, const SnsMessageRecord *message)
{
  const char *text = string_map_get(&subscription->attributes, "FilterPolicy");
  gboolean body = g_strcmp0(string_map_get(&subscription->attributes, "FilterPolicyScope"), "MessageBody") == 0;
  Json *policy = NULL;
  g_autoptr(Error) bad = text ? filter_policy_parse(call->arena, text, body, &policy) : NULL;
  if (!text || bad)
    return !text;
  Json *object = filtered_object(call, message, body);
  return object && event_pattern_match(policy, object);
}

/* --- publishing --- */

static Error *
fan_out(Call *call, const SnsTopicRecord *topic, const SnsMessageRecord *message)
{
  SnsSubscriptions all = {0};
  TRY(sns_subscriptions_of(call, topic, &all));
  for (gsize i = 0; i < all.n; i++) {
    if (!OPT_OR(all.v[i]->confirmed, FALSE))
      continue;
    if (wanted(call, all.v[i], message))
      TRY(sns_deliver_put(call, topic, all.v[i], message, "Notification"));
    else
      sns_metric(call, topic, "NumberOfNotificationsFilteredOut", "Count", 1);
  }
  return NULL;
}

static const char *
deduplication_id(Call *call, const SnsPublishBatchRequestEntry *entry)
{
  guint8 hash[32];
  if (entry->MessageDeduplicationId)
    return entry->MessageDeduplicationId;
  EVP_Digest(entry->Message, strlen(entry->Message), hash, NULL, EVP_sha256(), NULL);
  return text_hex(call->arena, hash, sizeof hash);
}

/* TRUE in *ret_known: it was published within five minutes, message has its id. */
static Error *
take_turn(Call *call, SnsTopicRecord *topic, const SnsPublishBatchRequestEntry *entry, SnsMessageRecord *message, gboolean *ret_known)
{
  Key key;
  void *value = NULL;
  message->group = entry->MessageGroupId;
  message->deduplication = deduplication_id(call, entry);
  sns_topic_key(call, topic, &key);
  key_add(&key, message->deduplication);
  TRY(record_get(call->txn, &sns_recent, &key, &SnsRecentRecord_shape, call->arena, &value));
  SnsRecentRecord *recent = value;
  *ret_known = recent && OPT_OR(recent->expires, 0) > call->now;
  if (*ret_known) {
    message->id = recent->id;
    message->sequence = recent->sequence;
    return NULL;
  }
  topic->sequence = OPT_INT(OPT_OR(topic->sequence, 0) + 1);
  TRY(sns_topic_put(call, topic));
  message->sequence = arena_printf(call->arena, "1%019" G_GINT64_FORMAT, topic->sequence.v * 1000);
  SnsRecentRecord record = {.id = message->id, .sequence = message->sequence, .expires = OPT_INT(call->now + DEDUPLICATION_MS)};
  return record_put(call->txn, &sns_recent, &key, &SnsRecentRecord_shape, &record);
}

static Error *
publish(Call *call, SnsTopicRecord *topic, const SnsPublishBatchRequestEntry *entry, SnsPublishBatchResultEntry *ret)
{
  gboolean known = FALSE;
  TRY(check(call, topic, entry));
  SnsMessageRecord message = {
      .id = id_uuid(call->arena),
      .subject = entry->Subject,
      .message = entry->Message,
      .structured = OPT_BOOL(entry->MessageStructure != NULL),
      .attributes = entry->MessageAttributes,
      .published = OPT_INT(call->now),
      .group = entry->MessageGroupId,
  };
  if (sns_is_fifo(topic))
    TRY(take_turn(call, topic, entry, &message, &known));
  ret->Id = entry->Id;
  ret->MessageId = message.id;
  ret->SequenceNumber = message.sequence;
  sns_metric(call, topic, "NumberOfMessagesPublished", "Count", 1);
  sns_metric(call, topic, "PublishSize", "Bytes", (double) size_of(entry));
  return known ? NULL : fan_out(call, topic, &message);
}

static const char *
target(const SnsPublishInput *in)
{
  return in->TopicArn ? in->TopicArn : in->TargetArn;
}

static Error *
authorize_publish(Call *call, const void *in, Authorization *auth)
{
  const SnsPublishInput *input = in;
  if (input->PhoneNumber)
    return sns_invalid("PhoneNumber Reason: haar sends no SMS; subscribe the number to a topic to see them in the local mailbox");
  if (!target(input))
    return sns_invalid("TopicArn or TargetArn Reason: no value for required parameter");
  return sns_authorize_topic(call, target(input), auth);
}

OPERATION(Publish, publish_one, .txn = TXN_WRITE, .authorize = authorize_publish)
static Error *
publish_one(Call *call, const SnsPublishInput *in, SnsPublishOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  SnsPublishBatchResultEntry result = {0};
  SnsPublishBatchRequestEntry entry = {
      .Message = in->Message,
      .Subject = in->Subject,
      .MessageStructure = in->MessageStructure,
      .MessageAttributes = in->MessageAttributes,
      .MessageDeduplicationId = in->MessageDeduplicationId,
      .MessageGroupId = in->MessageGroupId,
  };
  TRY(sns_topic_find(call, target(in), &topic));
  TRY(sns_check_key(call, topic));
  TRY(publish(call, topic, &entry, &result));
  ret_out->MessageId = result.MessageId;
  ret_out->SequenceNumber = result.SequenceNumber;
  return NULL;
}

/* --- batches --- */

static Error *
check_batch(const SnsPublishBatchInput *in)
{
  gsize total = 0, n = in->PublishBatchRequestEntries.n;
  SnsPublishBatchRequestEntry *const *entries = in->PublishBatchRequestEntries.v;
  if (!n)
    return error_answer("EmptyBatchRequestException", "The batch request doesn't contain any entries.");
  if (n > SNS_BATCH_MAX)
    return error_answer("TooManyEntriesInBatchRequestException", "The batch request contains more entries than permissible.");
  for (gsize i = 0; i < n; i++) {
    const char *id = entries[i]->Id;
    gsize size = strlen(id);
    if (size < 1 || size > 80 || strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != size)
      return error_answer("InvalidBatchEntryIdException", "The Id of a batch entry in a batch request doesn't abide by the specification.");
    for (gsize k = 0; k < i; k++)
      if (strcmp(entries[k]->Id, id) == 0)
        return error_answer("BatchEntryIdsNotDistinctException", "Two or more batch entries in the request have the same Id.");
    total += size_of(entries[i]);
  }
  if (total > SNS_MESSAGE_MAX)
    return error_answer("BatchRequestTooLongException", "The length of all the batch messages put together is more than the limit.");
  return NULL;
}

OPERATION(PublishBatch, publish_batch, .txn = TXN_WRITE, .authorize = sns_authorize, .action = "sns:Publish")
static Error *
publish_batch(Call *call, const SnsPublishBatchInput *in, SnsPublishBatchOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  TRY(sns_topic_find(call, in->TopicArn, &topic));
  TRY(check_batch(in));
  TRY(sns_check_key(call, topic));
  LIST_EMPTY(call->arena, &ret_out->Successful);
  LIST_EMPTY(call->arena, &ret_out->Failed);
  for (gsize i = 0; i < in->PublishBatchRequestEntries.n; i++) {
    const SnsPublishBatchRequestEntry *entry = in->PublishBatchRequestEntries.v[i];
    SnsPublishBatchResultEntry *result = ARENA_NEW(call->arena, SnsPublishBatchResultEntry);
    g_autoptr(Error) error = publish(call, topic, entry, result);
    if (error && error->kind == ERROR_FAULT)
      return g_steal_pointer(&error);
    if (error) {
      SnsBatchResultErrorEntry *failed = ARENA_NEW(call->arena, SnsBatchResultErrorEntry);
      *failed = (SnsBatchResultErrorEntry){.Id = entry->Id, .Code = "InvalidParameter", .Message = arena_strdup(call->arena, error->message),
                                           .SenderFault = OPT_BOOL(TRUE)};
      LIST_APPEND(call->arena, &ret_out->Failed, failed);
    } else {
      LIST_APPEND(call->arena, &ret_out->Successful, result);
    }
  }
  return NULL;
}
