/* Retention: one job a queue, at the time when its oldest message becomes too old. It drops those, and forgotten deduplication ids. */
#include <string.h>

#include "services/sqs/sqs.h"

static const char kind[] = "sqs.retention";
enum { BATCH = 1000 };

Error *
sqs_sweep_schedule(Call *call, const SqsQueueRecord *queue, gint64 due)
{
  const char *key = arena_printf(call->arena, "%s %s %s", call->region, queue->account, queue->name);
  if (due < 0)
    return jobs_delete(call->txn, call->haar->jobs, kind, key);
  return jobs_put(call->txn, call->haar->jobs, kind, key, due, "", 0);
}

typedef struct { gsize n; gint64 *v; } Numbers;

/* Messages that are too old, at most BATCH; *ret_next: when the next one is, 0 = there is none. */
static Error *
find_old(Call *call, const SqsQueueRecord *queue, gint64 kept, Numbers *ret, gint64 *ret_next)
{
  g_autoptr(Cursor) cursor = NULL;
  SqsPlace place;
  *ret_next = 0;
  TRY(sqs_places_open(call, queue, &cursor));
  while (sqs_places_next(call, queue, cursor, &place)) {
    SqsMessageRecord *message = NULL;
    TRY(sqs_message_get(call, queue, place.number, &message));
    gint64 due = message ? OPT_OR(message->sent, 0) + kept + 1 : 0;
    if (due <= call->now && ret->n < BATCH)
      LIST_APPEND(call->arena, ret, place.number);
    else if (!*ret_next || due < *ret_next)
      *ret_next = due;
  }
  return NULL;
}

static Error *
forget(Call *call, const SqsQueueRecord *queue)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(GPtrArray) old = g_ptr_array_new_with_free_func((GDestroyNotify) g_bytes_unref);
  sqs_queue_key(call, queue, &prefix);
  TRY(cursor_open(call->txn, &sqs_recent, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size, key_size;
    void *value = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &SqsDeduplicationRecord_shape, data, size, &value));
    const guint8 *key = cursor_key(cursor, &key_size);
    if (OPT_OR(((SqsDeduplicationRecord *) value)->expires, 0) <= call->now)
      g_ptr_array_add(old, g_bytes_new(key, key_size));
  }
  g_clear_pointer(&cursor, cursor_free);
  for (guint i = 0; i < old->len; i++) {
    gsize size;
    const void *data = g_bytes_get_data(old->pdata[i], &size);
    Key key;
    key_init(&key);
    key_add_raw(&key, data, size);
    TRY(store_delete(call->txn, &sqs_recent, &key, NULL));
  }
  return NULL;
}

/* The counter's mark says whether a job stands by. */
static Error *
mark(Call *call, const SqsQueueRecord *queue, gint64 due)
{
  Key key;
  void *value = NULL;
  sqs_queue_key(call, queue, &key);
  TRY(record_get(call->txn, &sqs_counters, &key, &SqsCounterRecord_shape, call->arena, &value));
  SqsCounterRecord *counter = value ? value : ARENA_NEW(call->arena, SqsCounterRecord);
  counter->sweep = due ? OPT_INT(due) : (OptInt){0};
  TRY(record_put(call->txn, &sqs_counters, &key, &SqsCounterRecord_shape, counter));
  return due ? sqs_sweep_schedule(call, queue, due) : NULL;
}

static Error *
sweep(Call *call, gpointer data)
{
  SqsQueueRecord *queue = NULL;
  const char *name = data;
  Numbers old = {0};
  gint64 next;
  call->now = clock_now();
  TRY(sqs_queue_look(call, call->account, name, &queue));
  if (!queue)
    return NULL;
  TRY(find_old(call, queue, sqs_attribute_int(queue, "MessageRetentionPeriod") * 1000, &old, &next));
  for (gsize i = 0; i < old.n; i++) {
    SqsMessageRecord *message = NULL;
    TRY(sqs_message_get(call, queue, old.v[i], &message));
    if (message)
      TRY(sqs_message_delete(call, queue, old.v[i], message));
  }
  TRY(forget(call, queue));
  return mark(call, queue, next);
}

static Error *
run(JobRun *job)
{
  return call_job(job, "sqs", sweep);
}

void
sqs_sweep_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
  jobs_catches_up(haar->jobs, kind);
}
