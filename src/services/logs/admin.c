/* For `haar logs`: events of a group, or of a function by its name, behind a place that the last answer gave. */
#include "services/logs/logs.h"

static Error *
find_group(Call *call, gpointer data)
{
  LogsGroupRecord *group;
  return logs_group_get(call, data, &group);
}

/* A group of this name, or the group of a function of this name. */
static Error *
choose_group(Call *call, const char *name, const char **ret)
{
  *ret = name;
  g_autoptr(Error) error = call_read(call, find_group, (gpointer) name);
  if (!error_is(error, "ResourceNotFoundException"))
    return g_steal_pointer(&error);
  *ret = arena_printf(call->arena, "/aws/lambda/%s", name);
  g_autoptr(Error) second = call_read(call, find_group, (gpointer) *ret);
  if (!error_is(second, "ResourceNotFoundException"))
    return g_steal_pointer(&second);
  return error_answer_status(404, "ResourceNotFoundException", "there is no log group %s, and none of a function of that name (%s)", name, *ret);
}

static Json *
event_json(Arena *arena, const LogsFilteredLogEvent *event)
{
  Json *out = json_new_object(arena);
  json_set(arena, out, "time", json_new_string(arena, text_iso8601(arena, event->timestamp.v, TRUE)));
  json_set(arena, out, "stream", json_new_string(arena, event->logStreamName));
  json_set(arena, out, "message", json_new_string(arena, event->message));
  return out;
}

static const char *
place_behind(Arena *arena, const LogsFilteredLogEvent *event)
{
  LogsEvent place = {.stream = event->logStreamName};
  return logs_event_id_parse(event->eventId, &place.time, &place.number) ? logs_search_token(arena, &place) : NULL;
}

static Error *
run(Call *call, const Json *in, Json **ret_out)
{
  const char *name = json_string(json_get(in, "group")), *after = json_string(json_get(in, "after")), *since = json_string(json_get(in, "since"));
  if (!name)
    return error_answer_status(400, "ValidationException", "group is missing");
  LogsFilterLogEventsInput filter = {.filterPattern = json_string(json_get(in, "filter")), .nextToken = after};
  LogsFilterLogEventsOutput found = {0};
  TRY(choose_group(call, name, &filter.logGroupName));
  if (since)
    filter.startTime = OPT_INT(clock_now() - g_ascii_strtoll(since, NULL, 10));
  TRY(call_operation(call, &LogsOperationFilterLogEvents, NULL, NULL, &filter, &found));
  Json *events = json_new_array(call->arena);
  for (gsize i = 0; i < found.events.n; i++)
    json_append(call->arena, events, event_json(call->arena, found.events.v[i]));
  const char *place = found.nextToken ? found.nextToken : found.events.n ? place_behind(call->arena, found.events.v[found.events.n - 1]) : after;
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "events", events);
  json_set(call->arena, *ret_out, "more", json_new_bool(call->arena, found.nextToken != NULL));
  if (place)
    json_set(call->arena, *ret_out, "after", json_new_string(call->arena, place));
  return NULL;
}

void
logs_admin_register(Haar *haar)
{
  static const AdminRoute route = {"GET", "logs", run};
  server_admin(haar, &route);
}
