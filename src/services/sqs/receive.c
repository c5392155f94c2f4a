/* ReceiveMessage: the oldest that are visible; in FIFO queues none of a group that has one in flight before it. What has been received too
 * often goes to the dead-letter queue instead. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html */
#include <string.h>

#include "services/sqs/sqs.h"

enum { LOOKED_AT_MAX = 120000 };

typedef struct Numbers { gsize n; gint64 *v; } Numbers;

typedef struct Receiving {
  const SqsReceiveMessageInput *in;
  SqsQueueRecord *queue;
  SqsQueueRecord *dead;   /* or NULL */
  SqsRedrive redrive;
  gint64 oldest;          /* sent before it: retention is over */
  gint64 next;            /* when the next one becomes visible, 0 = unknown */
  gsize wanted;
  gboolean moved;
} Receiving;

static Error *
check(const SqsReceiveMessageInput *in)
{
  gint64 max = OPT_OR(in->MaxNumberOfMessages, 1), wait = OPT_OR(in->WaitTimeSeconds, 0), visibility = OPT_OR(in->VisibilityTimeout, 0);
  if (max < 1 || max > SQS_BATCH_MAX)
    return sqs_invalid("Value %" G_GINT64_FORMAT " for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", max);
  if (wait < 0 || wait > 20)
    return sqs_invalid("Value %" G_GINT64_FORMAT " for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", wait);
  if (visibility < 0 || visibility > 43200)
    return sqs_invalid("Value %" G_GINT64_FORMAT " for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.",
                       visibility);
  return NULL;
}

static gboolean
earlier(gint64 a, gint64 b)
{
  return !b || a < b;
}

/* The numbers of up to receiving->wanted places that may be received now. */
static Error *
choose(Call *call, Receiving *receiving, Numbers *ret)
{
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(GHashTable) blocked = g_hash_table_new(g_str_hash, g_str_equal);
  gboolean fifo = sqs_is_fifo(receiving->queue);
  SqsPlace place;
  receiving->next = 0;
  TRY(sqs_places_open(call, receiving->queue, &cursor));
  for (gsize looked = 0; ret->n < receiving->wanted && looked < LOOKED_AT_MAX && sqs_places_next(call, receiving->queue, cursor, &place); looked++) {
    if (fifo && g_hash_table_contains(blocked, place.group))
      continue;
    if (place.visible <= call->now) {
      LIST_APPEND(call->arena, ret, place.number);
      continue;
    }
    if (earlier(place.visible, receiving->next))
      receiving->next = place.visible;
    if (!fifo)
      break;
    g_hash_table_add(blocked, (gpointer) place.group);
  }
  return NULL;
}

/* --- what is shown --- */

static gboolean
wants_attribute(const SqsReceiveMessageInput *in, const char *name)
{
  const StringList *lists[] = {(const StringList *) &in->AttributeNames, (const StringList *) &in->MessageSystemAttributeNames};
  for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
    if (string_list_has(lists[i], "All") || string_list_has(lists[i], name))
      return TRUE;
  return FALSE;
}

static void
show(Call *call, const Receiving *receiving, SqsMessage *out, const char *name, const char *value)
{
  if (value && wants_attribute(receiving->in, name))
    MAP_SET(call->arena, &out->Attributes, name, value);
}

static const char *
number_text(Call *call, OptInt number)
{
  return number.set ? arena_printf(call->arena, "%" G_GINT64_FORMAT, number.v) : NULL;
}

static gboolean
wants_message_attribute(const SqsReceiveMessageInput *in, const char *name)
{
  for (gsize i = 0; i < in->MessageAttributeNames.n; i++) {
    const char *wanted = in->MessageAttributeNames.v[i];
    gsize size = strlen(wanted);
    if (strcmp(wanted, "All") == 0 || strcmp(wanted, ".*") == 0 || strcmp(wanted, name) == 0)
      return TRUE;
    if (size > 2 && strcmp(wanted + size - 2, ".*") == 0 && strncmp(wanted, name, size - 2) == 0)
      return TRUE;
  }
  return FALSE;
}

static SqsMessage *
describe(Call *call, const Receiving *receiving, gint64 number, const SqsMessageRecord *message, const SqsContentRecord *content)
{
  SqsMessage *out = ARENA_NEW(call->arena, SqsMessage);
  out->MessageId = message->id;
  out->Body = content->body;
  out->MD5OfBody = sqs_md5(call->arena, content->body);
  out->ReceiptHandle = sqs_receipt(call, receiving->queue, number, message->receipt);
  show(call, receiving, out, "SenderId", message->sender);
  show(call, receiving, out, "SentTimestamp", number_text(call, message->sent));
  show(call, receiving, out, "ApproximateReceiveCount", number_text(call, message->receives));
  show(call, receiving, out, "ApproximateFirstReceiveTimestamp", number_text(call, message->first));
  show(call, receiving, out, "SequenceNumber", message->sequence);
  show(call, receiving, out, "MessageDeduplicationId", message->deduplication);
  show(call, receiving, out, "MessageGroupId", message->group);
  show(call, receiving, out, "AWSTraceHeader", content->trace);
  show(call, receiving, out, "DeadLetterQueueSourceArn", message->source);
  SqsMessageBodyAttributeMap shown = {0};
  for (gsize i = 0; i < content->attributes.n; i++)
    if (wants_message_attribute(receiving->in, content->attributes.v[i].key))
      MAP_SET(call->arena, &shown, content->attributes.v[i].key, content->attributes.v[i].value);
  out->MessageAttributes = shown;
  out->MD5OfMessageAttributes = sqs_md5_attributes(call->arena, &shown);
  return out;
}

/* --- taking --- */

static Error *
take(Call *call, Receiving *receiving, gint64 number, SqsReceiveMessageOutput *ret_out)
{
  SqsMessageRecord *message = NULL;
  SqsContentRecord *content = NULL;
  TRY(sqs_message_get(call, receiving->queue, number, &message));
  if (!message)
    return error_fault("sqs: queue %s has a place but no message %" G_GINT64_FORMAT, receiving->queue->name, number);
  gint64 old = OPT_OR(message->visible, 0);
  if (OPT_OR(message->sent, 0) <= receiving->oldest) {
    receiving->moved = TRUE;
    return sqs_message_delete(call, receiving->queue, number, message);
  }
  if (receiving->dead && OPT_OR(message->receives, 0) >= receiving->redrive.max) {
    receiving->moved = TRUE;
    return sqs_message_move(call, receiving->queue, number, message, receiving->dead);
  }
  TRY(sqs_unseal(call, message, &content));
  message->receives = OPT_INT(OPT_OR(message->receives, 0) + 1);
  if (!message->first.set)
    message->first = OPT_INT(call->now);
  message->receipt = id_uuid(call->arena);
  gint64 visibility = receiving->in->VisibilityTimeout.set ? receiving->in->VisibilityTimeout.v : sqs_attribute_int(receiving->queue, "VisibilityTimeout");
  message->visible = OPT_INT(call->now + visibility * 1000);
  TRY(sqs_message_put(call, receiving->queue, number, message, old));
  LIST_APPEND(call->arena, &ret_out->Messages, describe(call, receiving, number, message, content));
  return NULL;
}

/* What went to the dead-letter queue makes room for others. */
static Error *
take_all(Call *call, Receiving *receiving, SqsReceiveMessageOutput *ret_out)
{
  gsize max = (gsize) OPT_OR(receiving->in->MaxNumberOfMessages, 1);
  do {
    Numbers numbers = {0};
    receiving->moved = FALSE;
    receiving->wanted = max - ret_out->Messages.n;
    TRY(choose(call, receiving, &numbers));
    for (gsize i = 0; i < numbers.n; i++)
      TRY(take(call, receiving, numbers.v[i], ret_out));
  } while (receiving->moved && ret_out->Messages.n < max);
  return NULL;
}

OPERATION(ReceiveMessage, receive_message, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
receive_message(Call *call, const SqsReceiveMessageInput *in, SqsReceiveMessageOutput *ret_out)
{
  Receiving receiving = {.in = in};
  TRY(check(in));
  call->now = clock_now(); /* it may have waited */
  TRY(sqs_queue_find(call, in->QueueUrl, &receiving.queue));
  TRY(sqs_redrive(call, receiving.queue, &receiving.redrive));
  TRY(sqs_queue_by_arn(call, receiving.redrive.target, &receiving.dead));
  receiving.oldest = call->now - sqs_attribute_int(receiving.queue, "MessageRetentionPeriod") * 1000;
  TRY(take_all(call, &receiving, ret_out));
  gint64 wait = in->WaitTimeSeconds.set ? in->WaitTimeSeconds.v : sqs_attribute_int(receiving.queue, "ReceiveMessageWaitTimeSeconds");
  if (!ret_out->Messages.n && call_wait(call, sqs_wait_key(call, receiving.queue), wait * 1000, receiving.next))
    return NULL;
  if (ret_out->Messages.n)
    sqs_metric(call, receiving.queue, "NumberOfMessagesReceived", "Count", (double) ret_out->Messages.n);
  else
    sqs_metric(call, receiving.queue, "NumberOfEmptyReceives", "Count", 1);
  return NULL;
}
