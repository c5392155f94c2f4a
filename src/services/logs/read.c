/* GetLogEvents and FilterLogEvents. */
#include <string.h>

#include "services/logs/filter.h"
#include "services/logs/logs.h"

static Error *
load(Call *call, LogsCipher *cipher, const guint8 *data, gsize size, LogsEvent *event)
{
  if (size < LOGS_EVENT_HEAD)
    return error_fault("a log event of %" G_GSIZE_FORMAT " bytes", size);
  memcpy(&event->ingested, data, sizeof(gint64));
  return logs_unseal(call, cipher, data[sizeof(gint64)], data + LOGS_EVENT_HEAD, size - LOGS_EVENT_HEAD, &event->message);
}

/* --- GetLogEvents --- */

typedef struct { gsize n; LogsEvent *v; } Events;

/* A place in a stream, and which way from it. */
typedef struct Place {
  gboolean given, backward;
  gint64 time, number;
} Place;

static Error *
read_token(const LogsGetLogEventsInput *in, Place *ret)
{
  ret->backward = !OPT_OR(in->startFromHead, FALSE);
  if (!in->nextToken)
    return NULL;
  gboolean forward = g_str_has_prefix(in->nextToken, "f/");
  if ((!forward && !g_str_has_prefix(in->nextToken, "b/")) || strlen(in->nextToken) != 60 ||
      !logs_event_id_parse(in->nextToken + 2, &ret->time, &ret->number))
    return error_answer("InvalidParameterException", "The specified nextToken is invalid.");
  ret->given = TRUE;
  ret->backward = !forward;
  return NULL;
}

static void
place_key(const Key *prefix, gint64 time, gint64 number, Key *ret)
{
  *ret = *prefix;
  key_add_int(ret, time);
  key_add_int(ret, number);
}

/* Where the cursor begins. FALSE in *ret_used: at the end of the stream that the direction says. */
static void
first_key(const LogsGetLogEventsInput *in, const Place *place, const Key *prefix, Key *ret, gboolean *ret_used)
{
  *ret_used = TRUE;
  if (place->given)
    place_key(prefix, place->time, place->number, ret);
  else if (!place->backward && in->startTime.set)
    place_key(prefix, in->startTime.v, 0, ret);
  else if (place->backward && in->endTime.set)
    place_key(prefix, in->endTime.v, 0, ret);
  else
    *ret_used = FALSE;
}

static Error *
collect(Call *call, const LogsGroupRecord *group, const LogsGetLogEventsInput *in, const Key *prefix, const Place *place, Events *ret)
{
  LogsCipher cipher = {.group = group};
  Key from;
  gboolean used;
  first_key(in, place, prefix, &from, &used);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &logs_events,
                  &(CursorOptions) {.prefix = prefix, .from = used ? &from : NULL, .after = TRUE, .reverse = place->backward}, &cursor));
  gsize limit = (gsize) OPT_OR(in->limit, 10000), bytes = 0;
  while (ret->n < limit && cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    LogsEvent event = {0};
    if (!key_read_int(&reader, &event.time) || !key_read_int(&reader, &event.number))
      continue;
    gboolean early = in->startTime.set && event.time < in->startTime.v, late = in->endTime.set && event.time >= in->endTime.v;
    if (place->backward ? early : late)
      break;
    if (early || late)
      continue;
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    if ((bytes += size + LOGS_EVENT_OVERHEAD) > LOGS_ANSWER_MAX && ret->n)
      break;
    TRY(load(call, &cipher, data, size, &event));
    LIST_APPEND(call->arena, ret, event);
  }
  return NULL;
}

static Error *
authorize_get(Call *call, const void *input, Authorization *auth)
{
  const LogsGetLogEventsInput *in = input;
  return logs_authorize(call, in->logGroupIdentifier ? in->logGroupIdentifier : in->logGroupName, in->logStreamName, auth);
}

static void
answer(Call *call, const Events *events, const Place *place, LogsGetLogEventsOutput *out)
{
  LIST_EMPTY(call->arena, &out->events);
  for (gsize i = 0; i < events->n; i++) {
    const LogsEvent *event = &events->v[place->backward ? events->n - 1 - i : i];
    LogsOutputLogEvent *item = ARENA_NEW(call->arena, LogsOutputLogEvent);
    *item = (LogsOutputLogEvent) {.timestamp = OPT_INT(event->time), .message = event->message, .ingestionTime = OPT_INT(event->ingested)};
    LIST_APPEND(call->arena, &out->events, item);
  }
  LogsEvent here = {.time = place->time, .number = place->number};
  const LogsEvent *oldest = events->n ? &events->v[place->backward ? events->n - 1 : 0] : &here;
  const LogsEvent *newest = events->n ? &events->v[place->backward ? 0 : events->n - 1] : &here;
  out->nextForwardToken = arena_printf(call->arena, "f/%s/s", logs_event_id(call->arena, newest->time, newest->number));
  out->nextBackwardToken = arena_printf(call->arena, "b/%s/s", logs_event_id(call->arena, oldest->time, oldest->number));
}

OPERATION(GetLogEvents, get_log_events, .txn = TXN_READ, .authorize = authorize_get)
static Error *
get_log_events(Call *call, const LogsGetLogEventsInput *in, LogsGetLogEventsOutput *ret_out)
{
  LogsGroupRecord *group;
  LogsStreamRecord *stream;
  Place place = {0};
  TRY(read_token(in, &place));
  TRY(logs_group_get(call, in->logGroupIdentifier ? in->logGroupIdentifier : in->logGroupName, &group));
  TRY(logs_stream_get(call, group->name, in->logStreamName, &stream));
  Key prefix;
  call_key(call, &prefix);
  key_add(&prefix, group->name);
  key_add(&prefix, stream->name);
  Events events = {0};
  TRY(collect(call, group, in, &prefix, &place, &events));
  answer(call, &events, &place, ret_out);
  return NULL;
}

/* --- FilterLogEvents --- */

/* One answer looks at no more than this many events; the rest comes with the token. */
enum { LOOK_MAX = 50000 };

typedef struct Search {
  const LogsFilterLogEventsInput *in;
  const LogsGroupRecord *group;
  Filter *filter;
  Key prefix;
  LogsCipher cipher;
  gsize bytes, looked;
} Search;

char *
logs_search_token(Arena *arena, const LogsEvent *event)
{
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "/%s", event->time, event->number, event->stream);
  return text_base64(arena, text, strlen(text));
}

static Error *
search_from(Call *call, Search *search, Key *from, gboolean *ret_used)
{
  const LogsFilterLogEventsInput *in = search->in;
  *from = search->prefix;
  *ret_used = in->nextToken || in->startTime.set;
  if (!in->nextToken) {
    key_add_int(from, OPT_OR(in->startTime, 0));
    return NULL;
  }
  gsize size;
  char *text = (char *) text_unbase64(call->arena, in->nextToken, &size);
  g_auto(GStrv) parts = g_strsplit(text ? arena_strndup(call->arena, text, size) : "", "/", 3);
  if (g_strv_length(parts) != 3)
    return error_answer("InvalidParameterException", "The specified nextToken is invalid.");
  key_add_int(from, g_ascii_strtoll(parts[0], NULL, 10));
  key_add(from, parts[2]);
  key_add_int(from, g_ascii_strtoll(parts[1], NULL, 10));
  return NULL;
}

static gboolean
stream_wanted(const LogsFilterLogEventsInput *in, const char *stream)
{
  if (in->logStreamNames.n)
    return string_list_has(&in->logStreamNames, stream);
  return !in->logStreamNamePrefix || g_str_has_prefix(stream, in->logStreamNamePrefix);
}

static Error *
search_load(Call *call, Search *search, LogsEvent *event, gboolean *ret_found)
{
  Key key = search->prefix;
  key_add(&key, event->stream);
  key_add_int(&key, event->time);
  key_add_int(&key, event->number);
  const void *data;
  gsize size;
  TRY(store_get(call->txn, &logs_events, &key, &data, &size));
  *ret_found = data != NULL;
  return data ? load(call, &search->cipher, data, size, event) : NULL;
}

static void
search_add(Call *call, Search *search, const LogsEvent *event, LogsFilterLogEventsOutput *out)
{
  LogsFilteredLogEvent *item = ARENA_NEW(call->arena, LogsFilteredLogEvent);
  item->logStreamName = event->stream;
  item->timestamp = OPT_INT(event->time);
  item->message = event->message;
  item->ingestionTime = OPT_INT(event->ingested);
  item->eventId = logs_event_id(call->arena, event->time, event->number);
  search->bytes += strlen(event->message) + LOGS_EVENT_OVERHEAD;
  LIST_APPEND(call->arena, &out->events, item);
}

static Error *
search_run(Call *call, Search *search, Cursor *cursor, LogsFilterLogEventsOutput *out)
{
  const LogsFilterLogEventsInput *in = search->in;
  gsize limit = (gsize) OPT_OR(in->limit, 10000);
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    LogsEvent event = {0};
    char *stream;
    gsize size;
    if (!key_read_int(&reader, &event.time) || !key_read(&reader, call->arena, &stream, &size) || !key_read_int(&reader, &event.number))
      continue;
    event.stream = stream;
    if (in->endTime.set && event.time > in->endTime.v)
      return NULL;
    gboolean found = FALSE;
    if (stream_wanted(in, stream))
      TRY(search_load(call, search, &event, &found));
    if (found) {
      g_autoptr(Arena) scratch = arena_new();
      if (filter_match(search->filter, scratch, event.message))
        search_add(call, search, &event, out);
    }
    if (out->events.n >= limit || search->bytes >= LOGS_ANSWER_MAX || ++search->looked >= LOOK_MAX) {
      out->nextToken = logs_search_token(call->arena, &event);
      return NULL;
    }
  }
  return NULL;
}

static Error *
authorize_filter(Call *call, const void *input, Authorization *auth)
{
  const LogsFilterLogEventsInput *in = input;
  return logs_authorize(call, in->logGroupIdentifier ? in->logGroupIdentifier : in->logGroupName, NULL, auth);
}

OPERATION(FilterLogEvents, filter_log_events, .txn = TXN_READ, .authorize = authorize_filter)
static Error *
filter_log_events(Call *call, const LogsFilterLogEventsInput *in, LogsFilterLogEventsOutput *ret_out)
{
  if (in->logStreamNames.n && in->logStreamNamePrefix)
    return error_answer("InvalidParameterException", "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.");
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupIdentifier ? in->logGroupIdentifier : in->logGroupName, &group));
  Search search = {.in = in, .group = group, .cipher = {.group = group}};
  TRY(filter_parse(call->arena, in->filterPattern, &search.filter));
  for (gsize i = 0; i < in->logStreamNames.n; i++) {
    LogsStreamRecord *stream;
    TRY(logs_stream_get(call, group->name, in->logStreamNames.v[i], &stream));
  }
  call_key(call, &search.prefix);
  key_add(&search.prefix, group->name);
  Key from;
  gboolean used;
  TRY(search_from(call, &search, &from, &used));
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &logs_order, &(CursorOptions) {.prefix = &search.prefix, .from = used ? &from : NULL, .after = in->nextToken != NULL},
                  &cursor));
  LIST_EMPTY(call->arena, &ret_out->events);
  LIST_EMPTY(call->arena, &ret_out->searchedLogStreams);
  return search_run(call, &search, cursor, ret_out);
}
