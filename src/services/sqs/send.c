/* SendMessage and SendMessageBatch.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
#include <openssl/evp.h>
#include <string.h>

#include "services/sqs/sqs.h"

const Table sqs_recent = {"sqs.recent"};

enum { DEDUPLICATION_MS = 5 * 60 * 1000, TOKEN_MAX = 128 };

typedef struct Sending {
  const SqsQueueRecord *queue;
  const SqsSendMessageBatchRequestEntry *entry; /* a single message is an entry without Id */
  gsize size;
} Sending;

/* XML's characters: what the query protocol can carry back. The text is UTF-8 by now. */
static gboolean
has_bad_characters(const char *text)
{
  for (const char *at = text; *at; at = g_utf8_next_char(at)) {
    gunichar c = g_utf8_get_char(at);
    if ((c < 0x20 && c != 0x9 && c != 0xA && c != 0xD) || c == 0xFFFE || c == 0xFFFF)
      return TRUE;
  }
  return FALSE;
}

static Error *
check_body(Sending *sending)
{
  const char *body = sending->entry->MessageBody;
  if (!body || !*body)
    return sqs_missing("MessageBody");
  if (!g_utf8_validate(body, -1, NULL) || has_bad_characters(body))
    return error_answer("InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
                                                  "#xE000 to #xFFFD | #x10000 to #x10FFFF");
  sending->size = strlen(body);
  TRY(sqs_attributes_check(&sending->entry->MessageAttributes, &sending->size));
  gint64 max = sqs_attribute_int(sending->queue, "MaximumMessageSize");
  if ((gint64) sending->size > max)
    return sqs_invalid("One or more parameters are invalid. Reason: Message must be shorter than %" G_GINT64_FORMAT " bytes.", max);
  return NULL;
}

static gboolean
is_token(const char *text)
{
  gsize size = strlen(text);
  if (size < 1 || size > TOKEN_MAX)
    return FALSE;
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isgraph(text[i]))
      return FALSE;
  return TRUE;
}

static Error *
bad_token(const char *name, const char *value)
{
  return sqs_invalid("Value %s for parameter %s is invalid. Reason: %s can only include alphanumeric and punctuation characters. 1 to 128 in "
                     "length.", value, name, name);
}

static Error *
check_delay(const Sending *sending)
{
  OptInt delay = sending->entry->DelaySeconds;
  if (!delay.set)
    return NULL;
  if (delay.v < 0 || delay.v > 900)
    return sqs_invalid("Value %" G_GINT64_FORMAT " for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", delay.v);
  if (delay.v && sqs_is_fifo(sending->queue))
    return sqs_invalid("Value %" G_GINT64_FORMAT " for parameter DelaySeconds is invalid. Reason: The request include parameter that is not "
                       "valid for this queue type.", delay.v);
  return NULL;
}

static Error *
check_fifo(const Sending *sending)
{
  const SqsSendMessageBatchRequestEntry *entry = sending->entry;
  gboolean fifo = sqs_is_fifo(sending->queue);
  if (entry->MessageGroupId && !is_token(entry->MessageGroupId))
    return bad_token("MessageGroupId", entry->MessageGroupId);
  if (entry->MessageDeduplicationId && !fifo)
    return sqs_invalid("Value %s for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for "
                       "this queue type.", entry->MessageDeduplicationId);
  if (entry->MessageDeduplicationId && !is_token(entry->MessageDeduplicationId))
    return bad_token("MessageDeduplicationId", entry->MessageDeduplicationId);
  if (fifo && !entry->MessageGroupId)
    return sqs_missing("MessageGroupId");
  if (fifo && !entry->MessageDeduplicationId && !sqs_attribute_true(sending->queue, "ContentBasedDeduplication"))
    return sqs_invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly");
  return NULL;
}

static Error *
check(Sending *sending)
{
  TRY(check_body(sending));
  TRY(check_delay(sending));
  return check_fifo(sending);
}

/* --- deduplication --- */

static void
recent_key(Call *call, const SqsQueueRecord *queue, const SqsMessageRecord *message, Key *key)
{
  gboolean by_group = g_strcmp0(sqs_attribute(queue, "DeduplicationScope"), "messageGroup") == 0;
  sqs_queue_key(call, queue, key);
  key_add(key, by_group ? message->group : "");
  key_add(key, message->deduplication);
}

static Error *
find_recent(Call *call, const SqsQueueRecord *queue, const SqsMessageRecord *message, SqsDeduplicationRecord **ret)
{
  Key key;
  void *value = NULL;
  *ret = NULL;
  recent_key(call, queue, message, &key);
  TRY(record_get(call->txn, &sqs_recent, &key, &SqsDeduplicationRecord_shape, call->arena, &value));
  SqsDeduplicationRecord *recent = value;
  if (recent && OPT_OR(recent->expires, 0) > call->now)
    *ret = recent;
  return NULL;
}

static Error *
keep_recent(Call *call, const SqsQueueRecord *queue, const SqsMessageRecord *message)
{
  Key key;
  SqsDeduplicationRecord recent = {.expires = OPT_INT(call->now + DEDUPLICATION_MS), .id = message->id, .sequence = message->sequence};
  recent_key(call, queue, message, &key);
  return record_put(call->txn, &sqs_recent, &key, &SqsDeduplicationRecord_shape, &recent);
}

static const char *
deduplication_id(Call *call, const SqsSendMessageBatchRequestEntry *entry)
{
  guint8 hash[32];
  if (entry->MessageDeduplicationId)
    return entry->MessageDeduplicationId;
  EVP_Digest(entry->MessageBody, strlen(entry->MessageBody), hash, NULL, EVP_sha256(), NULL);
  return text_hex(call->arena, hash, sizeof hash);
}

/* --- sending --- */

static const char *
trace_of(const SqsMessageBodySystemAttributeMap *attributes)
{
  for (gsize i = 0; i < attributes->n; i++)
    if (strcmp(attributes->v[i].key, "AWSTraceHeader") == 0 && attributes->v[i].value)
      return attributes->v[i].value->StringValue;
  return NULL;
}

static Error *
store_message(Call *call, const Sending *sending, SqsMessageRecord *message)
{
  const SqsSendMessageBatchRequestEntry *entry = sending->entry;
  SqsContentRecord content = {.body = entry->MessageBody, .attributes = entry->MessageAttributes, .trace = trace_of(&entry->MessageSystemAttributes)};
  gint64 delay = sqs_attribute_int(sending->queue, "DelaySeconds"), number;
  if (entry->DelaySeconds.set && !sqs_is_fifo(sending->queue))
    delay = entry->DelaySeconds.v;
  message->visible = OPT_INT(call->now + delay * 1000);
  TRY(sqs_seal(call, sending->queue, &content, message));
  return sqs_message_add(call, sending->queue, message, &number);
}

static Error *
send(Call *call, Sending *sending, SqsSendMessageBatchResultEntry *ret)
{
  const SqsSendMessageBatchRequestEntry *entry = sending->entry;
  TRY(check(sending));
  SqsMessageRecord message = {.id = id_uuid(call->arena), .sent = OPT_INT(call->now), .group = entry->MessageGroupId, .sender = call->principal->user_id};
  SqsDeduplicationRecord *recent = NULL;
  if (sqs_is_fifo(sending->queue)) {
    message.deduplication = deduplication_id(call, entry);
    TRY(find_recent(call, sending->queue, &message, &recent));
  }
  if (!recent)
    TRY(store_message(call, sending, &message));
  if (!recent && sqs_is_fifo(sending->queue))
    TRY(keep_recent(call, sending->queue, &message));
  sqs_metric(call, sending->queue, "NumberOfMessagesSent", "Count", 1);
  sqs_metric(call, sending->queue, "SentMessageSize", "Bytes", (double) sending->size);
  ret->Id = entry->Id;
  ret->MessageId = recent ? recent->id : message.id;
  ret->SequenceNumber = recent ? recent->sequence : message.sequence;
  ret->MD5OfMessageBody = sqs_md5(call->arena, entry->MessageBody);
  ret->MD5OfMessageAttributes = sqs_md5_attributes(call->arena, &entry->MessageAttributes);
  return NULL;
}

OPERATION(SendMessage, send_message, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
send_message(Call *call, const SqsSendMessageInput *in, SqsSendMessageOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  SqsSendMessageBatchResultEntry result = {0};
  SqsSendMessageBatchRequestEntry entry = {
      .MessageBody = in->MessageBody,
      .DelaySeconds = in->DelaySeconds,
      .MessageAttributes = in->MessageAttributes,
      .MessageSystemAttributes = in->MessageSystemAttributes,
      .MessageDeduplicationId = in->MessageDeduplicationId,
      .MessageGroupId = in->MessageGroupId,
  };
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  TRY(send(call, &(Sending){.queue = queue, .entry = &entry}, &result));
  ret_out->MessageId = result.MessageId;
  ret_out->MD5OfMessageBody = result.MD5OfMessageBody;
  ret_out->MD5OfMessageAttributes = result.MD5OfMessageAttributes;
  ret_out->SequenceNumber = result.SequenceNumber;
  return NULL;
}

OPERATION(SendMessageBatch, send_message_batch, .txn = TXN_WRITE, .authorize = sqs_authorize, .action = "sqs:SendMessage")
static Error *
send_message_batch(Call *call, const SqsSendMessageBatchInput *in, SqsSendMessageBatchOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  gsize total = 0;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  TRY(sqs_batch_check(call, in->Entries.n, in->Entries.v, "SendMessageBatchRequestEntry"));
  LIST_EMPTY(call->arena, &ret_out->Successful);
  LIST_EMPTY(call->arena, &ret_out->Failed);
  for (gsize i = 0; i < in->Entries.n; i++)
    total += in->Entries.v[i]->MessageBody ? strlen(in->Entries.v[i]->MessageBody) : 0;
  if (total > SQS_MESSAGE_MAX)
    return error_answer("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %" G_GSIZE_FORMAT " bytes.",
                        SQS_MESSAGE_MAX, total);
  for (gsize i = 0; i < in->Entries.n; i++) {
    SqsSendMessageBatchResultEntry *result = ARENA_NEW(call->arena, SqsSendMessageBatchResultEntry);
    Error *error = send(call, &(Sending){.queue = queue, .entry = in->Entries.v[i]}, result);
    if (error)
      TRY(sqs_batch_failed(call, in->Entries.v[i]->Id, error, &ret_out->Failed));
    else
      LIST_APPEND(call->arena, &ret_out->Successful, result);
  }
  return NULL;
}
