/* LookupEvents, and what `haar trail` reads. https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html */
#include <string.h>

#include "services/cloudtrail/cloudtrail.h"

enum { LOOKED_AT_MAX = 100000, ADMIN_MAX = 1000 };

static gboolean
matches(const CloudtrailEventRecord *event, const CloudtrailLookupAttribute *attribute)
{
  const char *key = attribute->AttributeKey, *value = attribute->AttributeValue;
  if (strcmp(key, "ResourceType") == 0)
    return string_list_has(&event->types, value);
  if (strcmp(key, "ResourceName") == 0)
    return string_list_has(&event->names, value);
  const char *own = strcmp(key, "EventId") == 0       ? event->id
                    : strcmp(key, "EventName") == 0   ? event->name
                    : strcmp(key, "EventSource") == 0 ? event->source
                    : strcmp(key, "Username") == 0    ? event->user
                    : strcmp(key, "AccessKeyId") == 0 ? event->accessKey
                                                      : (OPT_OR(event->readOnly, FALSE) ? "true" : "false");
  return g_strcmp0(own, value) == 0;
}

static CloudtrailEvent *
describe(Call *call, const CloudtrailEventRecord *record)
{
  CloudtrailEvent *out = ARENA_NEW(call->arena, CloudtrailEvent);
  out->EventId = record->id;
  out->EventName = record->name;
  out->EventSource = record->source;
  out->EventTime = OPT_TIME(OPT_OR(record->time, 0) / 1000 * 1000);
  out->ReadOnly = OPT_OR(record->readOnly, FALSE) ? "true" : "false";
  out->Username = record->user;
  out->AccessKeyId = record->accessKey;
  out->CloudTrailEvent = record->json;
  LIST_EMPTY(call->arena, &out->Resources);
  for (gsize i = 0; i < record->names.n && i < record->types.n; i++) {
    CloudtrailResource *resource = ARENA_NEW(call->arena, CloudtrailResource);
    *resource = (CloudtrailResource){.ResourceType = record->types.v[i], .ResourceName = record->names.v[i]};
    LIST_APPEND(call->arena, &out->Resources, resource);
  }
  return out;
}

/* Tokens are the place of the last event: time and id. */
static Error *
read_token(Call *call, const char *token, Key *ret)
{
  gsize size = 0;
  const guint8 *data = text_unbase64(call->arena, token, &size);
  g_auto(GStrv) parts = data ? g_strsplit(arena_strndup(call->arena, (const char *) data, size), " ", 2) : NULL;
  gint64 time;
  if (!parts || !parts[0] || !parts[1] || !g_ascii_string_to_signed(parts[0], 10, G_MININT64, G_MAXINT64, &time, NULL))
    return error_answer("InvalidNextTokenException", "Invalid pagination token");
  record_key(call, time, parts[1], ret);
  return NULL;
}

static const char *
make_token(Call *call, gint64 time, const char *id)
{
  const char *text = arena_printf(call->arena, "%" G_GINT64_FORMAT " %s", time, id);
  return text_base64(call->arena, text, strlen(text));
}

static Error *
check(const CloudtrailLookupEventsInput *in)
{
  if (in->LookupAttributes.n > 1)
    return error_answer("InvalidLookupAttributesException", "You can only specify one lookup attribute");
  if (in->StartTime.set && in->EndTime.set && in->StartTime.ms > in->EndTime.ms)
    return error_answer("InvalidTimeRangeException", "Start time must be before end time");
  return NULL;
}

static gboolean
is_wanted(const CloudtrailLookupEventsInput *in, const CloudtrailEventRecord *event)
{
  gint64 time = OPT_OR(event->time, 0);
  return !OPT_OR(event->data, FALSE) && !(in->EndTime.set && time > in->EndTime.ms) && !(in->StartTime.set && time < in->StartTime.ms) &&
         (!in->LookupAttributes.n || matches(event, in->LookupAttributes.v[0]));
}

typedef struct Lookup {
  const CloudtrailLookupEventsInput *in;
  CloudtrailLookupEventsOutput *out;
  gint64 last_time;          /* of the event that was looked at last, and its id */
  char last_id[64];
} Lookup;

/* Looks at the cursor's event; it is decoded for the answer only if it is wanted. FALSE in *ret_more: the page is full. */
static Error *
look_at(Call *call, Lookup *lookup, gint64 time, const guint8 *value, gsize size, gboolean *ret_more)
{
  g_autoptr(Arena) scratch = arena_new();
  void *event = NULL;
  CloudtrailLookupEventsOutput *out = lookup->out;
  TRY(record_decode(scratch, &CloudtrailEventRecord_shape, value, size, &event));
  gboolean wanted = is_wanted(lookup->in, event);
  *ret_more = !wanted || out->Events.n < (gsize) OPT_OR(lookup->in->MaxResults, TRAIL_PAGE);
  if (!*ret_more)
    return NULL;
  if (wanted) {
    TRY(record_decode(call->arena, &CloudtrailEventRecord_shape, value, size, &event));
    LIST_APPEND(call->arena, &out->Events, describe(call, event));
  }
  lookup->last_time = time;
  g_strlcpy(lookup->last_id, ((CloudtrailEventRecord *) event)->id, sizeof lookup->last_id);
  return NULL;
}

/* From the newest that may be wanted to the oldest. Rows are in the order of time: what is before StartTime is not looked at. */
static Error *
look(Call *call, gpointer data)
{
  Lookup *lookup = data;
  const CloudtrailLookupEventsInput *in = lookup->in;
  Key prefix, from;
  g_autoptr(Cursor) cursor = NULL;
  gboolean more = TRUE;
  gsize looked = 0;
  key_strings(&prefix, call->region, call->account, NULL);
  if (in->NextToken)
    TRY(read_token(call, in->NextToken, &from));
  else if (in->EndTime.set)
    record_key(call, in->EndTime.ms, "\x7f", &from); /* behind every id */
  TRY(cursor_open(call->txn, &trail_events,
                  &(CursorOptions){.prefix = &prefix, .from = in->NextToken || in->EndTime.set ? &from : NULL, .after = TRUE, .reverse = TRUE}, &cursor));
  for (; more && looked < LOOKED_AT_MAX && cursor_next(cursor); looked++) {
    KeyReader reader = cursor_key_reader(cursor);
    gsize size;
    gint64 time;
    const guint8 *value = cursor_value(cursor, &size);
    if (!key_read_int(&reader, &time) || (in->StartTime.set && time < in->StartTime.ms))
      return NULL;
    TRY(look_at(call, lookup, time, value, size, &more));
  }
  if (!more || looked == LOOKED_AT_MAX)
    lookup->out->NextToken = make_token(call, lookup->last_time, lookup->last_id);
  return NULL;
}

/* It may look at many rows: on a worker, not where requests arrive. */
OPERATION(LookupEvents, lookup_events, .txn = TXN_NONE)
static Error *
lookup_events(Call *call, const CloudtrailLookupEventsInput *in, CloudtrailLookupEventsOutput *ret_out)
{
  Lookup lookup = {.in = in, .out = ret_out};
  TRY(check(in));
  LIST_EMPTY(call->arena, &ret_out->Events);
  if (in->EventCategory)
    return NULL; /* haar has no insights */
  return call_read(call, look, &lookup);
}

/* --- haar trail --- */

typedef struct Reading {
  const Json *in;
  Json *out;
} Reading;

static const char *
text(const Json *in, const char *name)
{
  return json_string(json_get(in, name));
}

static gboolean
is_asked(const Json *in, const CloudtrailEventRecord *event)
{
  const char *name = text(in, "name"), *user = text(in, "user"), *service = text(in, "service");
  gboolean errors = text(in, "errors") != NULL, writes = text(in, "writes") != NULL;
  return (!name || text_glob(name, event->name)) && (!user || text_glob(user, event->user)) &&
         (!service || (g_str_has_prefix(event->source, service) && event->source[strlen(service)] == '.')) &&
         (!errors || strstr(event->json, "\"errorCode\":")) && (!writes || !OPT_OR(event->readOnly, FALSE));
}

/* The newest, at most limit, in the order of time; behind "after" if that is given. */
static Error *
read_events(Call *call, gpointer data)
{
  Reading *reading = data;
  Key prefix, from;
  g_autoptr(Cursor) cursor = NULL;
  Arena *arena = call->arena;
  Json *events = json_new_array(arena);
  const char *after = text(reading->in, "after"), *since = text(reading->in, "since"), *limit = text(reading->in, "limit");
  gint64 oldest = since ? g_ascii_strtoll(since, NULL, 10) : 0, time;
  guint max = limit ? (guint) CLAMP(g_ascii_strtoll(limit, NULL, 10), 1, ADMIN_MAX) : 20;
  if (text(reading->in, "region"))
    call->region = text(reading->in, "region");
  key_strings(&prefix, call->region, call->account, NULL);
  if (after)
    TRY(read_token(call, after, &from));
  TRY(cursor_open(call->txn, &trail_events, &(CursorOptions){.prefix = &prefix, .from = after ? &from : NULL, .after = TRUE, .reverse = !after}, &cursor));
  const char *newest = after;
  while (events->n < max && cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    gsize size;
    void *event = NULL;
    Json *json = NULL;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(arena, &CloudtrailEventRecord_shape, value, size, &event));
    const CloudtrailEventRecord *record = event;
    if (!key_read_int(&reader, &time) || (oldest && time < oldest))
      break;
    if (after || !newest)
      newest = make_token(call, time, record->id);
    if (!is_asked(reading->in, record))
      continue;
    TRY(json_parse(arena, record->json, strlen(record->json), &json));
    json_append(arena, events, json);
  }
  reading->out = json_new_object(arena);
  Json *ordered = json_new_array(arena);
  for (guint i = 0; i < events->n; i++)
    json_append(arena, ordered, events->items[after ? i : events->n - 1 - i]);
  json_set(arena, reading->out, "events", ordered);
  if (newest)
    json_set(arena, reading->out, "after", json_new_string(arena, newest));
  return NULL;
}

static Error *
get_trail_events(Call *call, const Json *in, Json **ret_out)
{
  Reading reading = {.in = in};
  TRY(call_read(call, read_events, &reading));
  *ret_out = reading.out;
  return NULL;
}

void
trail_admin(Haar *haar)
{
  static const AdminRoute route = {"GET", "trail", get_trail_events};
  server_admin(haar, &route);
}
