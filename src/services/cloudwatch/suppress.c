/* Composite alarms whose actions another alarm suppresses. A change of state waits for the suppressor (WaitPeriod), is held while the suppressor is in
 * ALARM (Alarm), and for a while after that (ExtensionPeriod); then the actions of the state that the alarm has by then are carried out.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Composite_Alarm_Suppression.html */
#include <string.h>

#include "jobs/jobs.h"
#include "server/haar.h"
#include "services/cloudwatch/alarm.h"

static const char kind[] = "cloudwatch.suppression";
static const char wait_period[] = "WaitPeriod", extension_period[] = "ExtensionPeriod", by_alarm[] = "Alarm";

Error *
suppress_check(Call *call, const CloudwatchPutCompositeAlarmInput *in)
{
  const struct { OptInt value; const char *name; } periods[] = {
      {in->ActionsSuppressorWaitPeriod, "ActionsSuppressorWaitPeriod"}, {in->ActionsSuppressorExtensionPeriod, "ActionsSuppressorExtensionPeriod"}};
  CloudwatchAlarmRecord *suppressor = NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(periods); i++) {
    if (periods[i].value.set != (in->ActionsSuppressor != NULL))
      return error_answer("ValidationError", in->ActionsSuppressor ? "%s must be specified with ActionsSuppressor." : "%s cannot be specified without ActionsSuppressor.",
                          periods[i].name);
    if (periods[i].value.set && periods[i].value.v < 0)
      return error_answer("ValidationError", "%s must not be negative.", periods[i].name);
  }
  if (!in->ActionsSuppressor)
    return NULL;
  const char *name = rule_alarm_name(in->ActionsSuppressor);
  TRY(alarm_look(call, name, &suppressor));
  if (!suppressor || strcmp(name, in->AlarmName) == 0)
    return error_answer("ValidationError", "Could not save the composite alarm as the suppressor alarm [%s] %s", name,
                        suppressor ? "is the alarm itself" : "does not exist");
  return NULL;
}

/* --- one alarm --- */

static const char *
job_key(const Call *call, const CloudwatchCompositeAlarm *alarm)
{
  return arena_printf(call->arena, "%s %s %s", call->region, call->account, alarm->AlarmName);
}

/* until_ms: when that ends by itself; 0: it does not. The record is the caller's to put. */
static Error *
hold(Call *call, CloudwatchAlarmRecord *record, const char *by, gint64 until_ms)
{
  CloudwatchCompositeAlarm *alarm = record->Composite;
  alarm->ActionsSuppressedBy = by;
  alarm->ActionsSuppressedReason = arena_printf(call->arena, "Actions suppressed by %s", by);
  record->SuppressedUntil = until_ms ? OPT_TIME(until_ms) : (OptTime){0};
  if (!until_ms)
    return jobs_delete(call->txn, call->haar->jobs, kind, job_key(call, alarm));
  return jobs_put(call->txn, call->haar->jobs, kind, job_key(call, alarm), until_ms, "", 0);
}

/* The actions of the state that the alarm is in are carried out. */
static Error *
release(Call *call, CloudwatchAlarmRecord *record, gint64 ms)
{
  CloudwatchCompositeAlarm *alarm = record->Composite;
  AlarmFace before = alarm_face(record);
  alarm->ActionsSuppressedBy = alarm->ActionsSuppressedReason = NULL;
  record->SuppressedUntil = (OptTime){0};
  alarm->StateUpdatedTimestamp = OPT_TIME(ms);
  TRY(alarm_put(call, record));
  return actions_queue(call, record, &before, ms);
}

static Error *
suppressor_in_alarm(Call *call, const CloudwatchCompositeAlarm *alarm, gboolean *ret)
{
  CloudwatchAlarmRecord *suppressor = NULL;
  TRY(alarm_look(call, rule_alarm_name(alarm->ActionsSuppressor), &suppressor));
  *ret = suppressor && strcmp(alarm_face(suppressor).state, "ALARM") == 0;
  return NULL;
}

/* A period that was over at ms, and whose job has not run yet: the clock was moved over both. */
static Error *
end_what_is_over(Call *call, CloudwatchAlarmRecord *record, gint64 ms)
{
  if (!record->SuppressedUntil.set || record->SuppressedUntil.ms > ms)
    return NULL;
  TRY(jobs_delete(call->txn, call->haar->jobs, kind, job_key(call, record->Composite)));
  return release(call, record, record->SuppressedUntil.ms);
}

Error *
suppress_before_change(Call *call, CloudwatchAlarmRecord *record, gint64 ms)
{
  return record->Composite && record->Composite->ActionsSuppressor ? end_what_is_over(call, record, ms) : NULL;
}

Error *
suppress_change(Call *call, CloudwatchAlarmRecord *record, gint64 ms, gboolean *ret_held)
{
  CloudwatchCompositeAlarm *alarm = record->Composite;
  gboolean in_alarm = FALSE;
  *ret_held = FALSE;
  if (!alarm || !alarm->ActionsSuppressor)
    return NULL;
  *ret_held = TRUE;
  TRY(suppressor_in_alarm(call, alarm, &in_alarm));
  if (in_alarm)
    return hold(call, record, by_alarm, 0);
  if (g_strcmp0(alarm->ActionsSuppressedBy, extension_period) == 0) /* goes on, and counts for the new state too */
    return NULL;
  return hold(call, record, wait_period, ms + alarm->ActionsSuppressorWaitPeriod.v * 1000);
}

Error *
suppress_by(Call *call, CloudwatchAlarmRecord *record, const AlarmFace *suppressor, gint64 ms)
{
  CloudwatchCompositeAlarm *alarm = record->Composite;
  if (!alarm || !alarm->ActionsSuppressor || strcmp(rule_alarm_name(alarm->ActionsSuppressor), suppressor->name) != 0)
    return NULL;
  TRY(end_what_is_over(call, record, ms));
  gboolean in_alarm = strcmp(suppressor->state, "ALARM") == 0, held = g_strcmp0(alarm->ActionsSuppressedBy, by_alarm) == 0;
  if (!alarm->ActionsSuppressedBy || in_alarm == held)
    return NULL;
  if (in_alarm)
    TRY(hold(call, record, by_alarm, 0));
  else
    TRY(hold(call, record, extension_period, ms + alarm->ActionsSuppressorExtensionPeriod.v * 1000));
  return alarm_put(call, record);
}

/* --- the end of a period --- */

static Error *
end_period(Call *call, gpointer data)
{
  CloudwatchAlarmRecord *record = NULL;
  TRY(alarm_look(call, data, &record));
  if (!record || !record->Composite || !record->SuppressedUntil.set)
    return NULL;
  return release(call, record, record->SuppressedUntil.ms);
}

static Error *
run(JobRun *job)
{
  return call_job(job, "cloudwatch", end_period);
}

void
suppress_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
}
