/* Messages in the store, and the order in which they are received. */
#include <string.h>

#include "services/sqs/sqs.h"

const Table sqs_messages = {"sqs.message"};
const Table sqs_order = {"sqs.order"};
const Table sqs_counters = {"sqs.counter"};

/* What an entry of sqs_order holds; the group follows. */
typedef struct Entry {
  gint64 visible;
  guint8 received;
} Entry;

static void
order_key(const Call *call, const SqsQueueRecord *queue, gint64 visible, gint64 number, Key *key)
{
  sqs_queue_key(call, queue, key);
  if (!sqs_is_fifo(queue))
    key_add_int(key, visible);
  key_add_int(key, number);
}

static void
message_key(const Call *call, const SqsQueueRecord *queue, gint64 number, Key *key)
{
  sqs_queue_key(call, queue, key);
  key_add_int(key, number);
}

Error *
sqs_places_open(Call *call, const SqsQueueRecord *queue, Cursor **ret_cursor)
{
  Key prefix;
  sqs_queue_key(call, queue, &prefix);
  return cursor_open(call->txn, &sqs_order, &(CursorOptions){.prefix = &prefix}, ret_cursor);
}

gboolean
sqs_places_next(Call *call, const SqsQueueRecord *queue, Cursor *cursor, SqsPlace *ret_place)
{
  gsize size;
  Entry entry;
  if (!cursor_next(cursor))
    return FALSE;
  KeyReader reader = cursor_key_reader(cursor);
  const guint8 *value = cursor_value(cursor, &size);
  *ret_place = (SqsPlace){.group = ""};
  if (size < sizeof entry || (!sqs_is_fifo(queue) && !key_read_int(&reader, &ret_place->visible)) || !key_read_int(&reader, &ret_place->number))
    return FALSE;
  memcpy(&entry, value, sizeof entry);
  ret_place->visible = entry.visible;
  ret_place->received = entry.received;
  if (size > sizeof entry)
    ret_place->group = arena_strndup(call->arena, (const char *) value + sizeof entry, size - sizeof entry);
  return TRUE;
}

Error *
sqs_count(Call *call, const SqsQueueRecord *queue, SqsCounts *ret)
{
  g_autoptr(Cursor) cursor = NULL;
  SqsPlace place;
  *ret = (SqsCounts){0};
  TRY(sqs_places_open(call, queue, &cursor));
  while (sqs_places_next(call, queue, cursor, &place)) {
    if (place.visible <= call->now)
      ret->visible++;
    else if (place.received)
      ret->in_flight++;
    else
      ret->delayed++;
  }
  return NULL;
}

Error *
sqs_message_get(Call *call, const SqsQueueRecord *queue, gint64 number, SqsMessageRecord **ret)
{
  Key key;
  void *message = NULL;
  message_key(call, queue, number, &key);
  TRY(record_get(call->txn, &sqs_messages, &key, &SqsMessageRecord_shape, call->arena, &message));
  *ret = message;
  return NULL;
}

Error *
sqs_message_put(Call *call, const SqsQueueRecord *queue, gint64 number, SqsMessageRecord *message, gint64 old_visible)
{
  Key key;
  Entry entry;
  memset(&entry, 0, sizeof entry);
  entry.visible = OPT_OR(message->visible, 0);
  entry.received = OPT_OR(message->receives, 0) > 0;
  if (old_visible >= 0) {
    order_key(call, queue, old_visible, number, &key);
    TRY(store_delete(call->txn, &sqs_order, &key, NULL));
  }
  g_autoptr(GByteArray) value = g_byte_array_new();
  g_byte_array_append(value, (const guint8 *) &entry, sizeof entry);
  if (message->group && sqs_is_fifo(queue))
    g_byte_array_append(value, (const guint8 *) message->group, (guint) strlen(message->group));
  order_key(call, queue, entry.visible, number, &key);
  TRY(store_put(call->txn, &sqs_order, &key, value->data, value->len));
  message_key(call, queue, number, &key);
  return record_put(call->txn, &sqs_messages, &key, &SqsMessageRecord_shape, message);
}

Error *
sqs_message_delete(Call *call, const SqsQueueRecord *queue, gint64 number, const SqsMessageRecord *message)
{
  Key key;
  order_key(call, queue, OPT_OR(message->visible, 0), number, &key);
  TRY(store_delete(call->txn, &sqs_order, &key, NULL));
  message_key(call, queue, number, &key);
  TRY(store_delete(call->txn, &sqs_messages, &key, NULL));
  if (sqs_is_fifo(queue))
    call_wake(call, sqs_wait_key(call, queue), 1); /* the next of its group */
  return NULL;
}

Error *
sqs_message_add(Call *call, const SqsQueueRecord *queue, SqsMessageRecord *message, gint64 *ret_number)
{
  Key key;
  void *value = NULL;
  sqs_queue_key(call, queue, &key);
  TRY(record_get(call->txn, &sqs_counters, &key, &SqsCounterRecord_shape, call->arena, &value));
  SqsCounterRecord *counter = value ? value : ARENA_NEW(call->arena, SqsCounterRecord);
  *ret_number = OPT_OR(counter->next, 1);
  counter->next = OPT_INT(*ret_number + 1);
  if (!counter->sweep.set) {
    counter->sweep = OPT_INT(OPT_OR(message->sent, call->now) + sqs_attribute_int(queue, "MessageRetentionPeriod") * 1000 + 1);
    TRY(sqs_sweep_schedule(call, queue, counter->sweep.v));
  }
  TRY(record_put(call->txn, &sqs_counters, &key, &SqsCounterRecord_shape, counter));
  if (sqs_is_fifo(queue))
    message->sequence = arena_printf(call->arena, "188%017" G_GINT64_FORMAT, *ret_number * 256);
  TRY(sqs_message_put(call, queue, *ret_number, message, -1));
  call_wake(call, sqs_wait_key(call, queue), 1);
  return NULL;
}

Error *
sqs_message_move(Call *call, const SqsQueueRecord *from, gint64 number, SqsMessageRecord *message, const SqsQueueRecord *to)
{
  gint64 added;
  TRY(sqs_message_delete(call, from, number, message));
  message->source = sqs_queue_arn(call, from);
  message->visible = OPT_INT(call->now);
  message->receipt = NULL;
  message->receives.set = message->first.set = FALSE;
  if (sqs_is_fifo(to))
    message->sent = OPT_INT(call->now);
  return sqs_message_add(call, to, message, &added);
}

char *
sqs_wait_key(const Call *call, const SqsQueueRecord *queue)
{
  return arena_printf(call->arena, "sqs %s %s %s", call->region, queue->account, queue->name);
}

char *
sqs_receipt(Call *call, const SqsQueueRecord *queue, gint64 number, const char *receipt)
{
  const char *text = arena_printf(call->arena, "%s %s %" G_GINT64_FORMAT, receipt, sqs_queue_arn(call, queue), number);
  return text_base64(call->arena, text, strlen(text));
}

Error *
sqs_receipt_read(Call *call, const SqsQueueRecord *queue, const char *handle, gint64 *ret_number, const char **ret_receipt)
{
  gsize size = 0;
  const guint8 *data = text_unbase64(call->arena, handle, &size);
  g_auto(GStrv) parts = data ? g_strsplit(arena_strndup(call->arena, (const char *) data, size), " ", 3) : NULL;
  if (!parts || g_strv_length(parts) != 3 || strcmp(parts[1], sqs_queue_arn(call, queue)) != 0 ||
      !g_ascii_string_to_signed(parts[2], 10, 1, G_MAXINT64, ret_number, NULL))
    return error_answer("ReceiptHandleIsInvalid", "The input receipt handle \"%s\" is not a valid receipt handle.", handle);
  *ret_receipt = arena_strdup(call->arena, parts[0]);
  return NULL;
}
