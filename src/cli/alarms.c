#include <stdio.h>
#include <string.h>

#include "cli/stack.h"

static const char *
text_of(const Json *json, const char *name)
{
  const char *text = json_string(json_get(json, name));
  return text ? text : "-";
}

/* A time of an alarm: seconds since 1970, as JSON writes timestamps. */
static const char *
time_of(Arena *arena, const Json *alarm)
{
  const Json *time = json_get(alarm, "StateTransitionedTimestamp");
  if (!time)
    time = json_get(alarm, "StateUpdatedTimestamp");
  if (!time)
    return "-";
  if (time->type == JSON_STRING)
    return arena_strndup(arena, time->text, time->n);
  return text_iso8601(arena, (gint64) (g_ascii_strtod(arena_strndup(arena, time->text, time->n), NULL) * 1000), FALSE);
}

static void
print_alarms(Arena *arena, const Json *alarms)
{
  for (guint i = 0; alarms && i < alarms->n; i++) {
    const Json *alarm = alarms->items[i];
    const char *held = json_string(json_get(alarm, "ActionsSuppressedReason"));
    printf("%-48s %-18s %-21s %s%s%s\n", text_of(alarm, "AlarmName"), text_of(alarm, "StateValue"), time_of(arena, alarm), text_of(alarm, "StateReason"),
           held ? "; " : "", held ? held : "");
  }
}

static Json *
question(Arena *arena, const char *token)
{
  Json *in = cli_object(arena, "NextToken", token, NULL), *types = json_new_array(arena);
  json_append(arena, types, json_new_string(arena, "CompositeAlarm"));
  json_append(arena, types, json_new_string(arena, "MetricAlarm"));
  json_set(arena, in, "AlarmTypes", types);
  json_set(arena, in, "MaxRecords", json_new_int(arena, 100));
  return in;
}

static Error *
show(Arena *arena, const Daemon *daemon, gboolean json)
{
  const char *token = NULL;
  Json *all = json_new_array(arena);
  guint n = 0;
  do {
    Json *out = NULL;
    TRY(cli_operation(arena, daemon, "cloudwatch", "DescribeAlarms", question(arena, token), &out));
    const Json *lists[] = {json_get(out, "CompositeAlarms"), json_get(out, "MetricAlarms")};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
      for (guint j = 0; json && lists[i] && j < lists[i]->n; j++)
        json_append(arena, all, lists[i]->items[j]);
      if (!json && n == 0 && lists[i] && lists[i]->n)
        printf("%-48s %-18s %-21s %s\n", "ALARM", "STATE", "SINCE", "REASON");
      if (!json)
        print_alarms(arena, lists[i]);
      n += lists[i] ? lists[i]->n : 0;
    }
    token = json_string(json_get(out, "NextToken"));
  } while (token);
  if (json)
    puts(json_text(arena, all));
  else if (n == 0)
    puts("There are no alarms.");
  return NULL;
}

COMMAND(alarms, run_alarms, "CloudWatch's alarms: state, since when, and why")
static int
run_alarms(int argc, char **argv)
{
  return cli_show(argc, argv, "Shows CloudWatch's alarms: their state, since when they are in it, and why.", show);
}
