/* Retention: a job for each group that has one. It drops what is too old and comes back when the next event is, at the latest in a day:
 * no event can become too old sooner than that. */
#include <string.h>

#include "services/logs/logs.h"

static const char kind[] = "logs.retention";
static const gint64 day = 24 * 60 * 60 * 1000;
enum { BATCH = 2000 };

typedef struct Sweep {
  const char *group;
  gint64 now;
} Sweep;

Error *
logs_retention_schedule(Call *call, const LogsGroupRecord *group, gint64 due)
{
  const char *key = arena_printf(call->arena, "%s %s %s", call->region, call->account, group->name);
  if (due < 0)
    return jobs_delete(call->txn, call->haar->jobs, kind, key);
  return jobs_put(call->txn, call->haar->jobs, kind, key, due, "", 0);
}

static Error *
drop(Call *call, LogsGroupRecord *group, const LogsEvent *event)
{
  Key key, order;
  call_key(call, &key);
  key_add(&key, group->name);
  order = key;
  key_add(&key, event->stream);
  key_add_int(&key, event->time);
  key_add_int(&key, event->number);
  key_add_int(&order, event->time);
  key_add(&order, event->stream);
  key_add_int(&order, event->number);
  const void *data;
  gsize size;
  TRY(store_get(call->txn, &logs_events, &key, &data, &size));
  if (data && size >= LOGS_EVENT_HEAD)
    group->storedBytes = OPT_INT(MAX(OPT_OR(group->storedBytes, 0) - (gint64) (size - LOGS_EVENT_HEAD) - LOGS_EVENT_OVERHEAD, 0));
  TRY(store_delete(call->txn, &logs_events, &key, NULL));
  return store_delete(call->txn, &logs_order, &order, NULL);
}

typedef struct { gsize n; LogsEvent *v; } Events;

/* The oldest events of a group before a time, at most BATCH; *ret_next: the time of the first that stays, 0 = none. */
static Error *
find_old(Call *call, const char *group, gint64 before, Events *ret, gint64 *ret_next)
{
  Key prefix;
  call_key(call, &prefix);
  key_add(&prefix, group);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &logs_order, &(CursorOptions) {.prefix = &prefix}, &cursor));
  *ret_next = 0;
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    LogsEvent event = {0};
    gsize size;
    char *stream;
    if (!key_read_int(&reader, &event.time) || !key_read(&reader, call->arena, &stream, &size) || !key_read_int(&reader, &event.number))
      continue;
    if (event.time >= before || ret->n == BATCH) {
      *ret_next = event.time;
      break;
    }
    event.stream = stream;
    LIST_APPEND(call->arena, ret, event);
  }
  return NULL;
}

static Error *
sweep(Call *call, gpointer data)
{
  LogsGroupRecord *group;
  g_autoptr(Error) error = logs_group_get(call, data, &group);
  if (error_is(error, "ResourceNotFoundException") || (!error && !group->retention.set))
    return NULL;
  if (error)
    return g_steal_pointer(&error);
  Events old = {0};
  gint64 now = clock_now(), kept = group->retention.v * day, next;
  TRY(find_old(call, group->name, now - kept, &old, &next));
  for (gsize i = 0; i < old.n; i++)
    TRY(drop(call, group, &old.v[i]));
  if (old.n)
    TRY(logs_group_put(call, group));
  gint64 due = next ? MIN(next + kept + 1, now + day) : now + day;
  return logs_retention_schedule(call, group, MAX(due, 0));
}

static Error *
run(JobRun *job)
{
  return call_job(job, "logs", sweep);
}

void
logs_retention_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
  jobs_catches_up(haar->jobs, kind);
}
