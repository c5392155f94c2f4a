/* Rollback triggers: alarms that are watched while resources are made and for the monitoring time after the last one.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html */
#include "stack/prepare.h"
#include "stack/run.h"
#include "stack/remote.h"
#include <string.h>

enum { LOOK_US = G_USEC_PER_SEC / 2, MINUTE_MS = 60 * 1000 };

/* The alarm's name in its ARN; NULL: it is none. */
static const char *
alarm_name(const char *arn)
{
  const char *name = g_str_has_prefix(arn, "arn:") ? strstr(arn, ":alarm:") : NULL;
  return name && name[strlen(":alarm:")] ? name + strlen(":alarm:") : NULL;
}

Error *
triggers_check(const Json *configuration)
{
  const Json *triggers = json_get(configuration, "RollbackTriggers");
  for (guint i = 0; triggers && i < triggers->n; i++) {
    const char *type = record_text(triggers->items[i], "Type");
    if (strcmp(type, "AWS::CloudWatch::Alarm") != 0 && strcmp(type, "AWS::CloudWatch::CompositeAlarm") != 0)
      return error_answer("ValidationError", "Rollback Trigger Type not supported");
    if (!alarm_name(record_text(triggers->items[i], "Arn")))
      return error_answer("ValidationError", "RelativeId of a Rollback Trigger's ARN is incorrect");
  }
  if (triggers && triggers->n && !haar_operation("cloudwatch", "DescribeAlarms"))
    return error_answer("ValidationError", "Rollback triggers need cloudwatch:DescribeAlarms, and haar does not have it");
  return NULL;
}

/* The alarm's state; NULL: there is no such alarm. */
static Error *
alarm_state(Call *call, const Json *trigger, const char **ret_state)
{
  Arena *arena = call->arena;
  gboolean composite = strcmp(record_text(trigger, "Type"), "AWS::CloudWatch::CompositeAlarm") == 0;
  const char *name = alarm_name(record_text(trigger, "Arn"));
  Json *in = json_new_object(arena), *names = json_new_array(arena), *types = json_new_array(arena), *out = NULL;
  json_append(arena, names, json_new_string(arena, name ? name : ""));
  json_append(arena, types, json_new_string(arena, composite ? "CompositeAlarm" : "MetricAlarm"));
  json_set(arena, in, "AlarmNames", names);
  json_set(arena, in, "AlarmTypes", types);
  TRY(remote_call(call, "cloudwatch", "DescribeAlarms", in, &out));
  const Json *alarms = json_get(out, composite ? "CompositeAlarms" : "MetricAlarms");
  *ret_state = alarms && alarms->n ? record_text(alarms->items[0], "StateValue") : NULL;
  return NULL;
}

void
run_look_at_triggers(Run *run)
{
  const Json *triggers = json_path(run->stack, "RollbackConfiguration.RollbackTriggers");
  gint64 now = clock_monotonic_us();
  if (!triggers || !triggers->n || run->breach || now - run->looked_us < LOOK_US)
    return;
  run->looked_us = now;
  for (guint i = 0; i < triggers->n && !run->breach; i++) {
    g_autoptr(Call) call = call_new(run->haar, run->call->account, run->call->region, run->call->principal);
    const char *arn = record_text(triggers->items[i], "Arn"), *state = NULL;
    g_autoptr(Error) error = alarm_state(call, triggers->items[i], &state);
    if (error)
      run->breach = arena_printf(run->arena, "The rollback trigger %s cannot be looked at: %s. ", arn, error->message);
    else if (!state)
      run->breach = arena_printf(run->arena, "The rollback trigger %s does not exist. ", arn);
    else if (strcmp(state, "ALARM") == 0)
      run->breach = arena_printf(run->arena, "The rollback trigger %s is in the ALARM state. ", arn);
  }
}

static Error *
store_end(Txn *txn, gpointer data)
{
  Run *run = data;
  return stack_record_put(txn, run->arena, run->call->region, run->call->account, run->stack);
}

Error *
run_monitor(Run *run)
{
  const char *minutes = template_scalar(json_path(run->stack, "RollbackConfiguration.MonitoringTimeInMinutes"));
  const char *stored = template_scalar(json_get(run->operation, "_MonitorUntil"));
  gint64 time = minutes ? g_ascii_strtoll(minutes, NULL, 10) * MINUTE_MS : 0;
  if (time <= 0)
    return NULL;
  gint64 until = stored ? g_ascii_strtoll(stored, NULL, 10) : clock_now() + time;
  if (!stored) {
    json_set(run->arena, run->operation, "_MonitorUntil", json_new_int(run->arena, until));
    TRY(store_write(run->haar->store, store_end, run));
  }
  for (;;) {
    gboolean over = clock_now() >= until;
    run->looked_us = over ? 0 : run->looked_us; /* once more at the end */
    run_look_at_triggers(run);
    if (over || run->breach || run_is_stopping(run) || g_atomic_int_get(&run->cancel_requested))
      return NULL;
    g_autoptr(Task) none = run_wait(run); /* none is at work: this only waits a little */
  }
}
