/* For `haar logs`: events of a group, or of a function by its name, behind a place that the last answer gave. */
#include "services/logs/logs.h"

static Error *
find_group(Call *call, gpointer data)
{
  LogsGroupRecord *group;
  return logs_group_get(call, data, &group);
}

#define NAMES_MAX 20

/* Groups with pattern in their names, or all. */
static Error *
find_groups(Call *call, const char *pattern, LogsDescribeLogGroupsOutput *ret)
{
  const LogsDescribeLogGroupsInput in = {.logGroupNamePattern = pattern, .limit = OPT_INT(NAMES_MAX)};
  return call_operation(call, &LogsOperationDescribeLogGroups, NULL, NULL, &in, ret);
}

static const char *
names_of(Arena *arena, const LogsDescribeLogGroupsOutput *groups)
{
  g_autoptr(GString) names = g_string_new(NULL);
  for (gsize i = 0; i < groups->logGroups.n; i++)
    g_string_append_printf(names, "%s%s", i ? ", " : "", groups->logGroups.v[i]->logGroupName);
  return arena_printf(arena, "%s%s", names->str, groups->nextToken ? ", ..." : "");
}

/* What groups there are, in words. */
static Error *
tell_groups(Call *call, const char **ret)
{
  LogsDescribeLogGroupsOutput found = {0};
  TRY(find_groups(call, NULL, &found));
  *ret = found.logGroups.n ? names_of(call->arena, &found) : "no log group yet";
  return NULL;
}

/* The only group that has part in its name: CloudFormation's names hold the one that the template gives. */
static Error *
choose_by_part(Call *call, const char *part, const char **ret)
{
  LogsDescribeLogGroupsOutput found = {0};
  TRY(find_groups(call, part, &found));
  if (found.logGroups.n == 1) {
    *ret = found.logGroups.v[0]->logGroupName;
    return NULL;
  }
  if (found.logGroups.n)
    return error_answer_status(400, "ValidationException", "%s may be any of these log groups: %s", part, names_of(call->arena, &found));
  const char *groups;
  TRY(tell_groups(call, &groups));
  return error_answer_status(404, "ResourceNotFoundException", "there is no log group %s, and none of a function of that name. There is %s", part, groups);
}

/* A group of this name, the group of a function of this name, or the only one with the name in its own. */
static Error *
choose_group(Call *call, const char *name, const char **ret)
{
  const char *const names[] = {name, arena_printf(call->arena, "/aws/lambda/%s", name)};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    *ret = names[i];
    g_autoptr(Error) error = call_read(call, find_group, (gpointer) names[i]);
    if (!error_is(error, "ResourceNotFoundException"))
      return g_steal_pointer(&error);
  }
  return choose_by_part(call, name, ret);
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
refuse_no_group(Call *call)
{
  const char *groups;
  TRY(tell_groups(call, &groups));
  return error_answer_status(400, "ValidationException", "which group? There is %s", groups);
}

static Error *
run(Call *call, const Json *in, Json **ret_out)
{
  const char *name = json_string(json_get(in, "group")), *after = json_string(json_get(in, "after")), *since = json_string(json_get(in, "since"));
  if (!name)
    return refuse_no_group(call);
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
