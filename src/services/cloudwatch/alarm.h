/* Alarms: what their files share. call->txn is set in all of these, unless said otherwise; results arena. */
#pragma once

#include "services/cloudwatch/cloudwatch.h"

/* --- records (alarm.c) --- */

/* What metric and composite alarms have in common. */
typedef struct AlarmFace {
  const char *type; /* "MetricAlarm", "CompositeAlarm" */
  const char *name, *arn, *description;
  gboolean actions_enabled;
  const StringList *ok, *alarm, *insufficient;
  const char *state, *reason, *reason_data;
  gint64 state_ms, configured_ms;
  const char *suppressed_by, *suppressed_reason; /* of a composite alarm whose actions are held; or NULL */
} AlarmFace;
AlarmFace alarm_face(const CloudwatchAlarmRecord *record);
char *alarm_arn(const Call *call, const char *name);
/* *ret NULL: there is none. */
Error *alarm_look(Call *call, const char *name, CloudwatchAlarmRecord **ret) ERROR_MUST_USE;
Error *alarm_put(Call *call, const CloudwatchAlarmRecord *record) ERROR_MUST_USE;
Error *alarm_erase(Call *call, const char *name) ERROR_MUST_USE;
typedef struct AlarmRecords {
  gsize n;
  CloudwatchAlarmRecord **v;
} AlarmRecords;
/* All of the account and region, by name. */
Error *alarms_all(Call *call, AlarmRecords *ret) ERROR_MUST_USE;
extern const Table cloudwatch_alarm_table;
/* The resource of operations on one alarm, for permissions. */
void alarm_authorize(Call *call, const char *name, Authorization *auth);

/* --- states (alarm_state.c) --- */

typedef struct StateChange {
  const char *state, *reason, *reason_data;
  gint64 ms;
} StateChange;
/* The alarm is in another state from change->ms on: stored, told in the history, its actions queued, and the composite alarms that name it
 * looked at. The same state: only the reason changes. */
Error *alarm_change(Call *call, CloudwatchAlarmRecord *record, const StateChange *change) ERROR_MUST_USE;
/* Evaluates a composite alarm. cause: the child that changed, or NULL. */
Error *composite_evaluate(Call *call, CloudwatchAlarmRecord *record, const AlarmFace *cause, gint64 ms) ERROR_MUST_USE;

/* --- suppression (suppress.c) --- */

/* What PutCompositeAlarm says of it. */
Error *suppress_check(Call *call, const CloudwatchPutCompositeAlarmInput *in) ERROR_MUST_USE;
/* Before a change at ms: what was held until a time before it is released first. */
Error *suppress_before_change(Call *call, CloudwatchAlarmRecord *record, gint64 ms) ERROR_MUST_USE;
/* The alarm has changed: *ret_held: its actions wait. The record is the caller's to put. */
Error *suppress_change(Call *call, CloudwatchAlarmRecord *record, gint64 ms, gboolean *ret_held) ERROR_MUST_USE;
/* An alarm has changed: if it suppresses this one, this one is held by it, or only for a while longer. */
Error *suppress_by(Call *call, CloudwatchAlarmRecord *record, const AlarmFace *suppressor, gint64 ms) ERROR_MUST_USE;
void suppress_register(Haar *haar);

/* --- history (history.c) --- */

Error *history_add(Call *call, const AlarmFace *alarm, const char *type, const char *summary, const Json *data, gint64 ms) ERROR_MUST_USE;

/* --- actions (action.c, notification.c) --- */

/* Queues the actions of the alarm's state; they run after the commit, in order. */
Error *actions_queue(Call *call, const CloudwatchAlarmRecord *record, const AlarmFace *before, gint64 ms) ERROR_MUST_USE;
void actions_register(Haar *haar);
/* An ARN that haar can act on; else AWS's answer, or one that names what is not here. */
Error *action_check(Arena *arena, const char *arn) ERROR_MUST_USE;
/* AWS's message to a topic, and the event of a function. No transaction. */
Json *notification_message(const Call *call, const CloudwatchAlarmRecord *record, const AlarmFace *before, gint64 ms);
Json *notification_event(const Call *call, const CloudwatchAlarmRecord *record, const AlarmFace *before, gint64 ms);
const char *notification_subject(const Call *call, const AlarmFace *alarm);
/* "2026-11-27T17:10:00.000+0000" */
char *offset_time(Arena *arena, gint64 ms);

/* --- evaluation (evaluate.c, window.c, reason.c) --- */

/* The job that evaluates all alarms at each minute of the clock, or ten seconds. */
void evaluate_register(Haar *haar);
Error *evaluate_schedule(Txn *txn, Haar *haar, gint64 due) ERROR_MUST_USE;
/* In a write: the job comes at the next ten seconds or minute; after an alarm was put. */

/* A datapoint of the evaluation range; the newest first. */
typedef struct WindowPoint {
  gboolean there, breaching;
  double value, count;
  gint64 ms;
} WindowPoint;
enum { WINDOW_MAX = 8640 + 2 };
typedef struct Window {
  guint n; /* the range */
  WindowPoint *v;
  guint periods, to_alarm; /* N and M */
  const char *missing;     /* "missing", "ignore", "breaching", "notBreaching" */
} Window;
typedef struct Verdict {
  const char *state; /* NULL: as it is */
  guint used[64];    /* the points that tell it, the newest first; at most 64 are named */
  guint n_used;
  guint counted;     /* how many points there are in all that tell it */
  guint treated;     /* missing ones that were treated as something */
  guint real;        /* of the last periods: that were there */
} Verdict;
/* M out of N with what is missing treated as it says.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarms-and-missing-data */
void window_judge(const Window *window, Verdict *ret);
gboolean threshold_breached(const char *comparison, double value, double threshold);
const char *reason_text(Arena *arena, const CloudwatchMetricAlarm *alarm, const Window *window, const Verdict *verdict);
const char *reason_data(Arena *arena, const CloudwatchMetricAlarm *alarm, const Window *window, gint64 ms);

/* --- rules of composite alarms (rule.c) --- */

typedef struct Rule Rule;
/* "ALARM(a) AND NOT (OK(\"b\") OR TRUE)". Wrong: an answer ValidationError. */
Error *rule_parse(Arena *arena, const char *text, Rule **ret) ERROR_MUST_USE;
typedef const char *(*RuleState)(const char *alarm, gpointer data); /* the state of an alarm (name or ARN); NULL: there is none */
gboolean rule_evaluate(const Rule *rule, RuleState state, gpointer data);
/* The alarms that it names, as written, each once. */
void rule_names(Arena *arena, const Rule *rule, StringList *ret);
/* The name in an ARN of an alarm, or the name. */
const char *rule_alarm_name(const char *name_or_arn);
