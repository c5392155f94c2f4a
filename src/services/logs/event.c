#include <string.h>

#include "services/logs/logs.h"

const Table logs_events = {"logs.event"};
const Table logs_order = {"logs.order"};

static const gint64 hour = 60 * 60 * 1000, day = 24 * 60 * 60 * 1000;

static Error *
check_batch(const LogsInputLogEvents *events)
{
  gsize total = 0;
  for (gsize i = 0; i < events->n; i++) {
    gsize size = strlen(events->v[i]->message) + LOGS_EVENT_OVERHEAD;
    if (size > LOGS_EVENT_MAX)
      return error_answer("InvalidParameterException", "Log event too large: %" G_GSIZE_FORMAT " bytes exceeds limit of %d", size, LOGS_EVENT_MAX);
    if (i && events->v[i]->timestamp.v < events->v[i - 1]->timestamp.v)
      return error_answer("InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.");
    total += size;
  }
  if (total > LOGS_BATCH_MAX)
    return error_answer("InvalidParameterException", "Upload too large: %" G_GSIZE_FORMAT " bytes exceeds limit of %d", total, LOGS_BATCH_MAX);
  if (events->n && events->v[events->n - 1]->timestamp.v - events->v[0]->timestamp.v > day)
    return error_answer("InvalidParameterException", "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  return NULL;
}

/* Which events are taken: [*ret_from, *ret_to); what is left out is named in the answer. */
static void
choose(Call *call, const LogsGroupRecord *group, const LogsInputLogEvents *events, gsize *ret_from, gsize *ret_to,
       LogsPutLogEventsOutput *out)
{
  gint64 expired = call->now - OPT_OR(group->retention, G_MAXINT32) * day, too_old = call->now - 14 * day, too_new = call->now + 2 * hour;
  gsize n_expired = 0, n_old = 0, to = events->n;
  while (n_expired < events->n && events->v[n_expired]->timestamp.v < expired)
    n_expired++;
  while (n_old < events->n && events->v[n_old]->timestamp.v < too_old)
    n_old++;
  while (to > 0 && events->v[to - 1]->timestamp.v > too_new)
    to--;
  *ret_from = MAX(n_expired, n_old);
  *ret_to = to;
  if (!*ret_from && to == events->n)
    return;
  LogsRejectedLogEventsInfo *info = out->rejectedLogEventsInfo = ARENA_NEW(call->arena, LogsRejectedLogEventsInfo);
  if (n_expired)
    info->expiredLogEventEndIndex = OPT_INT((gint64) n_expired);
  if (n_old)
    info->tooOldLogEventEndIndex = OPT_INT((gint64) n_old);
  if (to < events->n)
    info->tooNewLogEventStartIndex = OPT_INT((gint64) to);
}

static Error *
put_event(Call *call, LogsCipher *cipher, LogsStreamRecord *stream, const LogsInputLogEvent *event)
{
  const char *group = cipher->group->name;
  gint64 number = OPT_OR(stream->sequence, 0) + 1;
  stream->sequence = OPT_INT(number);
  Key key, order;
  call_key(call, &key);
  key_add(&key, group);
  order = key;
  key_add(&key, stream->name);
  key_add_int(&key, event->timestamp.v);
  key_add_int(&key, number);
  key_add_int(&order, event->timestamp.v);
  key_add(&order, stream->name);
  key_add_int(&order, number);
  gsize size;
  guint8 data_key;
  const guint8 *data;
  TRY(logs_seal(call, cipher, event->message, strlen(event->message), &data_key, &data, &size));
  guint8 *value = arena_alloc(call->arena, LOGS_EVENT_HEAD + size);
  memcpy(value, &call->now, sizeof(gint64));
  value[sizeof(gint64)] = data_key;
  memcpy(value + LOGS_EVENT_HEAD, data, size);
  TRY(store_put(call->txn, &logs_events, &key, value, LOGS_EVENT_HEAD + size));
  return store_put(call->txn, &logs_order, &order, "", 0);
}

static void
count(LogsGroupRecord *group, LogsStreamRecord *stream, const LogsInputLogEvent *event, gint64 now)
{
  gint64 size = (gint64) strlen(event->message) + LOGS_EVENT_OVERHEAD;
  stream->first = OPT_INT(MIN(OPT_OR(stream->first, G_MAXINT64), event->timestamp.v));
  stream->last = OPT_INT(MAX(OPT_OR(stream->last, 0), event->timestamp.v));
  stream->ingested = OPT_INT(now);
  stream->storedBytes = OPT_INT(OPT_OR(stream->storedBytes, 0) + size);
  group->storedBytes = OPT_INT(OPT_OR(group->storedBytes, 0) + size);
}

static Error *
authorize_put(Call *call, const void *input, Authorization *auth)
{
  const LogsPutLogEventsInput *in = input;
  return logs_authorize(call, in->logGroupName, in->logStreamName, auth);
}

/* Sequence tokens are accepted and ignored, as AWS has done since January 2023. */
OPERATION(PutLogEvents, put_log_events, .txn = TXN_WRITE, .authorize = authorize_put)
static Error *
put_log_events(Call *call, const LogsPutLogEventsInput *in, LogsPutLogEventsOutput *ret_out)
{
  LogsGroupRecord *group;
  LogsStreamRecord *stream;
  TRY(check_batch(&in->logEvents));
  TRY(logs_group_get(call, in->logGroupName, &group));
  TRY(logs_stream_get(call, group->name, in->logStreamName, &stream));
  gsize from, to;
  choose(call, group, &in->logEvents, &from, &to, ret_out);
  LogsCipher cipher = {.group = group};
  gint64 first = OPT_OR(stream->sequence, 0) + 1;
  for (gsize i = from; i < to; i++) {
    TRY(put_event(call, &cipher, stream, in->logEvents.v[i]));
    count(group, stream, in->logEvents.v[i], call->now);
  }
  TRY(logs_stream_put(call, group->name, stream));
  TRY(logs_group_put(call, group));
  if (from < to) {
    TRY(logs_subscriptions_feed(call, group->name, stream->name, &in->logEvents, from, to, first));
    TRY(logs_metrics_add(call, group->name, &in->logEvents, from, to));
  }
  ret_out->nextSequenceToken = arena_printf(call->arena, "%056" G_GINT64_FORMAT, OPT_OR(stream->sequence, 0));
  return NULL;
}

char *
logs_event_id(Arena *arena, gint64 time, gint64 number)
{
  return arena_printf(arena, "%020" G_GINT64_FORMAT "%036" G_GINT64_FORMAT, time, number);
}

gboolean
logs_event_id_parse(const char *text, gint64 *ret_time, gint64 *ret_number)
{
  if (strspn(text, "0123456789") < 56)
    return FALSE;
  char time[21] = {0}, number[37] = {0};
  memcpy(time, text, 20);
  memcpy(number, text + 20, 36);
  *ret_time = g_ascii_strtoll(time, NULL, 10);
  *ret_number = g_ascii_strtoll(number, NULL, 10);
  return TRUE;
}
