/* Changes of state: stored, told in the history, acted upon, and passed on to composite alarms. All in the caller's transaction. */
#include <string.h>

#include "services/cloudwatch/alarm.h"

enum { HOPS_MAX = 20 };

static Json *
state_json(Arena *arena, const AlarmFace *face)
{
  Json *state = json_new_object(arena), *data = NULL;
  json_set(arena, state, "stateValue", json_new_string(arena, face->state));
  json_set(arena, state, "stateReason", json_new_string(arena, face->reason));
  g_autoptr(Error) bad = face->reason_data ? json_parse(arena, face->reason_data, strlen(face->reason_data), &data) : NULL;
  if (data)
    json_set(arena, state, "stateReasonData", data);
  return state;
}

static Error *
tell_change(Call *call, const AlarmFace *before, const AlarmFace *after, gint64 ms)
{
  Json *data = json_new_object(call->arena);
  json_set(call->arena, data, "version", json_new_string(call->arena, "1.0"));
  json_set(call->arena, data, "oldState", state_json(call->arena, before));
  json_set(call->arena, data, "newState", state_json(call->arena, after));
  const char *summary = arena_printf(call->arena, "Alarm updated from %s to %s", before->state, after->state);
  return history_add(call, after, "StateUpdate", summary, data, ms);
}

static void
set_state(CloudwatchAlarmRecord *record, const StateChange *change, gboolean moved)
{
  if (record->Metric) {
    CloudwatchMetricAlarm *alarm = record->Metric;
    alarm->StateValue = change->state;
    alarm->StateReason = change->reason;
    alarm->StateReasonData = change->reason_data;
    alarm->StateUpdatedTimestamp = OPT_TIME(change->ms);
    if (moved)
      alarm->StateTransitionedTimestamp = OPT_TIME(change->ms);
    return;
  }
  CloudwatchCompositeAlarm *alarm = record->Composite;
  alarm->StateValue = change->state;
  alarm->StateReason = change->reason;
  alarm->StateReasonData = change->reason_data;
  alarm->StateUpdatedTimestamp = OPT_TIME(change->ms);
  if (moved)
    alarm->StateTransitionedTimestamp = OPT_TIME(change->ms);
}

/* --- composite alarms --- */

typedef struct Lookup {
  Call *call;
  Error *error;
  gboolean unknown; /* a child has no state yet */
} Lookup;

static const char *
child_state(const char *alarm, gpointer data)
{
  Lookup *lookup = data;
  CloudwatchAlarmRecord *record = NULL;
  Error *error = alarm_look(lookup->call, rule_alarm_name(alarm), &record);
  if (error && lookup->error)
    error_free(error);
  else if (error)
    lookup->error = error;
  return record ? alarm_face(record).state : NULL;
}

/* "Friday 27 November, 2026 17:10:00 UTC" */
static char *
long_time(Arena *arena, gint64 ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(ms / 1000);
  g_autofree char *text = g_date_time_format(time, "%A %d %B, %Y %H:%M:%S UTC");
  return arena_strdup(arena, text);
}

static const char *
cause_data(Arena *arena, const AlarmFace *cause, gint64 ms)
{
  Json *data = json_new_object(arena), *alarms = json_new_array(arena), *alarm = json_new_object(arena), *state = json_new_object(arena);
  json_set(arena, state, "value", json_new_string(arena, cause->state));
  json_set(arena, state, "timestamp", json_new_string(arena, offset_time(arena, ms)));
  json_set(arena, alarm, "arn", json_new_string(arena, cause->arn));
  json_set(arena, alarm, "state", state);
  json_append(arena, alarms, alarm);
  json_set(arena, data, "triggeringAlarms", alarms);
  return json_text(arena, data);
}

static Error *change(Call *call, CloudwatchAlarmRecord *record, const StateChange *to, guint hops);

static Error *
evaluate_composite(Call *call, CloudwatchAlarmRecord *record, const AlarmFace *cause, gint64 ms, guint hops)
{
  Rule *rule = NULL;
  Lookup lookup = {.call = call};
  TRY(rule_parse(call->arena, record->Composite->AlarmRule, &rule));
  const char *state = rule_evaluate(rule, child_state, &lookup) ? "ALARM" : "OK";
  TRY(lookup.error);
  if (strcmp(state, record->Composite->StateValue) == 0)
    return NULL;
  StateChange to = {.state = state, .ms = ms};
  if (cause) {
    to.reason = arena_printf(call->arena, "%s transitioned to %s at %s", cause->arn, cause->state, long_time(call->arena, ms));
    to.reason_data = cause_data(call->arena, cause, ms);
  } else {
    to.reason = arena_printf(call->arena, "%s was created and its alarm rule evaluates to %s", record->Composite->AlarmArn, state);
  }
  return change(call, record, &to, hops + 1);
}

static Error *
pass_on(Call *call, const AlarmFace *cause, gint64 ms, guint hops)
{
  AlarmRecords all = {0};
  TRY(alarms_all(call, &all));
  for (gsize i = 0; i < all.n; i++) {
    StringList names = {0};
    Rule *rule = NULL;
    if (!all.v[i]->Composite)
      continue;
    TRY(suppress_by(call, all.v[i], cause, ms));
    TRY(rule_parse(call->arena, all.v[i]->Composite->AlarmRule, &rule));
    rule_names(call->arena, rule, &names);
    if (string_list_has(&names, cause->name) || string_list_has(&names, cause->arn))
      TRY(evaluate_composite(call, all.v[i], cause, ms, hops));
  }
  return NULL;
}

static Error *
change(Call *call, CloudwatchAlarmRecord *record, const StateChange *to, guint hops)
{
  gboolean moved = strcmp(alarm_face(record).state, to->state) != 0, held = FALSE;
  if (moved)
    TRY(suppress_before_change(call, record, to->ms));
  AlarmFace before = alarm_face(record);
  set_state(record, to, moved);
  if (moved)
    TRY(suppress_change(call, record, to->ms, &held));
  TRY(alarm_put(call, record));
  if (!moved || hops > HOPS_MAX)
    return NULL;
  AlarmFace after = alarm_face(record);
  TRY(tell_change(call, &before, &after, to->ms));
  if (!held)
    TRY(actions_queue(call, record, &before, to->ms));
  return pass_on(call, &after, to->ms, hops);
}

Error *
alarm_change(Call *call, CloudwatchAlarmRecord *record, const StateChange *to)
{
  return change(call, record, to, 0);
}

Error *
composite_evaluate(Call *call, CloudwatchAlarmRecord *record, const AlarmFace *cause, gint64 ms)
{
  return evaluate_composite(call, record, cause, ms, 0);
}
