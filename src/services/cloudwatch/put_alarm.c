/* PutMetricAlarm, PutCompositeAlarm, SetAlarmState.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html */
#include <math.h>
#include <string.h>

#include "server/haar.h"
#include "services/cloudwatch/alarm.h"

enum { ALARM_METRICS_MAX = 10, CHILDREN_MAX = 100, DAY = 86400, HOUR = 3600 };

/* --- checks --- */

static Error *
required(const char *name)
{
  return error_answer("MissingParameter", "The parameter %s is required.", name);
}

static Error *
check_actions(Arena *arena, const StringList *ok, const StringList *alarm, const StringList *insufficient)
{
  const StringList *lists[] = {ok, alarm, insufficient};
  for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
    for (gsize j = 0; j < lists[i]->n; j++)
      TRY(action_check(arena, lists[i]->v[j]));
  return NULL;
}

static Error *
check_range(gint64 period, gint64 periods)
{
  gint64 most = period >= HOUR ? 7 * DAY : DAY;
  if (period * periods > most)
    return error_answer("ValidationError", "Metrics cannot be checked across more than %s (EvaluationPeriods * Period must be <= %" G_GINT64_FORMAT ").",
                        most == DAY ? "a day" : "a week", most);
  return NULL;
}

static Error *
check_plain(Call *call, const CloudwatchPutMetricAlarmInput *in)
{
  Statistic statistic;
  gint64 period = in->Period.v;
  if (in->ThresholdMetricId)
    return error_answer("ValidationError", "haar has no anomaly detection: leave ThresholdMetricId out.");
  if (!in->MetricName || !in->Namespace)
    return required(in->MetricName ? "Namespace" : "MetricName");
  TRY(cloudwatch_check_metric(call->arena, in->Namespace, in->MetricName, &in->Dimensions));
  if (!in->Statistic && !in->ExtendedStatistic)
    return error_answer("MissingParameter", "At least one of the parameters Statistic and ExtendedStatistic must be specified.");
  if (in->Statistic && in->ExtendedStatistic)
    return error_answer("InvalidParameterCombination", "The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.");
  if (in->ExtendedStatistic && (statistic_is_plain(in->ExtendedStatistic) || !statistic_parse(in->ExtendedStatistic, &statistic)))
    return error_answer("ValidationError", "The value %s for parameter ExtendedStatistic is not supported.", in->ExtendedStatistic);
  if (!in->Period.set)
    return required("Period");
  if (period != 10 && period != 20 && period != 30 && (period < 60 || period % 60 != 0))
    return error_answer("ValidationError", "Period must be 10, 20, 30 or a multiple of 60");
  return check_range(period, in->EvaluationPeriods.v);
}

static Error *
check_math(Call *call, const CloudwatchPutMetricAlarmInput *in)
{
  guint returned = 0;
  if (in->MetricName || in->Namespace || in->Dimensions.n || in->Period.set || in->Unit || in->Statistic || in->ExtendedStatistic)
    return error_answer("InvalidParameterCombination", "The parameters Metrics and MetricName, Namespace, Dimensions, Period, Unit, Statistic, ExtendedStatistic are mutually exclusive and you have specified both.");
  if (in->ThresholdMetricId)
    return error_answer("ValidationError", "haar has no anomaly detection: leave ThresholdMetricId out.");
  TRY(queries_check(call->arena, &in->Metrics, "Metrics"));
  guint metrics = 0;
  for (gsize i = 0; i < in->Metrics.n; i++) {
    const CloudwatchMetricDataQuery *query = in->Metrics.v[i];
    MathNode *node = NULL;
    metrics += query->MetricStat != NULL;
    returned += OPT_OR(query->ReturnData, TRUE);
    if (query->Expression)
      TRY(math_parse(call->arena, query->Expression, &node));
    if (node && math_calls(node, "SEARCH"))
      return error_answer("ValidationError", "SEARCH is not supported on Metric Alarms.");
  }
  if (metrics > ALARM_METRICS_MAX)
    return error_answer("ValidationError", "Metrics list must not have more than %d metrics", ALARM_METRICS_MAX);
  if (returned != 1)
    return error_answer("ValidationError", "Exactly one element of the metrics list should return data.");
  return check_range(queries_period(&in->Metrics) / 1000, in->EvaluationPeriods.v);
}

static gboolean
is_one_of(const char *text, const char *const *words, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (strcmp(words[i], text) == 0)
      return TRUE;
  return FALSE;
}

static Error *
check_alarm(Call *call, const CloudwatchPutMetricAlarmInput *in)
{
  static const char *const comparisons[] = {"GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"};
  static const char *const missing[] = {"missing", "ignore", "breaching", "notBreaching"}, *const low[] = {"evaluate", "ignore"};
  if (!is_one_of(in->ComparisonOperator, comparisons, G_N_ELEMENTS(comparisons)))
    return error_answer("ValidationError", "haar has no anomaly detection: ComparisonOperator %s is not there.", in->ComparisonOperator);
  if (!in->Threshold.set)
    return required("Threshold");
  if (!isfinite(in->Threshold.v))
    return error_answer("ValidationError", "The parameter Threshold must be a finite number.");
  if (in->DatapointsToAlarm.set && in->DatapointsToAlarm.v > in->EvaluationPeriods.v)
    return error_answer("ValidationError", "DatapointsToAlarm (%" G_GINT64_FORMAT ") must be less than or equal to EvaluationPeriods (%" G_GINT64_FORMAT ").",
                        in->DatapointsToAlarm.v, in->EvaluationPeriods.v);
  if (in->TreatMissingData && !is_one_of(in->TreatMissingData, missing, G_N_ELEMENTS(missing)))
    return error_answer("ValidationError", "The value %s is not supported for TreatMissingData parameter.", in->TreatMissingData);
  if (in->EvaluateLowSampleCountPercentile && !is_one_of(in->EvaluateLowSampleCountPercentile, low, G_N_ELEMENTS(low)))
    return error_answer("ValidationError", "Option %s is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore.",
                        in->EvaluateLowSampleCountPercentile);
  if (in->EvaluateLowSampleCountPercentile && !in->ExtendedStatistic)
    return error_answer("ValidationError", "EvaluateLowSampleCountPercentile can only be used with ExtendedStatistic.");
  TRY(in->Metrics.n ? check_math(call, in) : check_plain(call, in));
  return check_actions(call->arena, &in->OKActions, &in->AlarmActions, &in->InsufficientDataActions);
}

/* --- storing --- */

static Error *
tell_configuration(Call *call, const CloudwatchAlarmRecord *record, gboolean created)
{
  AlarmFace face = alarm_face(record);
  Json *data = json_new_object(call->arena);
  const Shape *shape = record->Metric ? &CloudwatchMetricAlarm_shape : &CloudwatchCompositeAlarm_shape;
  json_set(call->arena, data, "version", json_new_string(call->arena, "1.0"));
  json_set(call->arena, data, "type", json_new_string(call->arena, created ? "Create" : "Update"));
  json_set(call->arena, data, created ? "createdAlarm" : "updatedAlarm",
           shape_to_json(call->arena, shape, record->Metric ? (const void *) record->Metric : (const void *) record->Composite));
  const char *summary = arena_printf(call->arena, "Alarm \"%s\" %s", face.name, created ? "created" : "updated");
  return history_add(call, &face, "ConfigurationUpdate", summary, data, call->now);
}

/* There is an alarm of the name, of the other type. */
static Error *
wrong_type(const char *name, const char *is)
{
  return error_answer("ValidationError", "Alarm %s already exists as a %s alarm: an alarm cannot change its type.", name, is);
}

static Error *
metric_authorize(Call *call, const void *in, Authorization *auth)
{
  alarm_authorize(call, ((const CloudwatchPutMetricAlarmInput *) in)->AlarmName, auth);
  return NULL;
}

static CloudwatchMetricAlarm *
metric_alarm(Call *call, const CloudwatchPutMetricAlarmInput *in, const CloudwatchMetricAlarm *old)
{
  CloudwatchMetricAlarm *alarm = ARENA_NEW(call->arena, CloudwatchMetricAlarm);
  *alarm = (CloudwatchMetricAlarm){
      .AlarmName = in->AlarmName,
      .AlarmArn = alarm_arn(call, in->AlarmName),
      .AlarmDescription = in->AlarmDescription,
      .AlarmConfigurationUpdatedTimestamp = OPT_TIME(call->now),
      .ActionsEnabled = OPT_BOOL(OPT_OR(in->ActionsEnabled, TRUE)),
      .OKActions = in->OKActions,
      .AlarmActions = in->AlarmActions,
      .InsufficientDataActions = in->InsufficientDataActions,
      .StateValue = old ? old->StateValue : "INSUFFICIENT_DATA",
      .StateReason = old ? old->StateReason : "Unchecked: Initial alarm creation",
      .StateReasonData = old ? old->StateReasonData : NULL,
      .StateUpdatedTimestamp = old ? old->StateUpdatedTimestamp : OPT_TIME(call->now),
      .StateTransitionedTimestamp = old ? old->StateTransitionedTimestamp : OPT_TIME(call->now),
      .MetricName = in->MetricName,
      .Namespace = in->Namespace,
      .Statistic = in->Statistic,
      .ExtendedStatistic = in->ExtendedStatistic,
      .Dimensions = in->Dimensions,
      .Period = in->Period,
      .Unit = in->Unit,
      .EvaluationPeriods = in->EvaluationPeriods,
      .DatapointsToAlarm = in->DatapointsToAlarm,
      .Threshold = in->Threshold,
      .ComparisonOperator = in->ComparisonOperator,
      .TreatMissingData = in->TreatMissingData,
      .EvaluateLowSampleCountPercentile = in->EvaluateLowSampleCountPercentile,
      .Metrics = in->Metrics,
  };
  LIST_EMPTY(call->arena, &alarm->OKActions);
  LIST_EMPTY(call->arena, &alarm->AlarmActions);
  LIST_EMPTY(call->arena, &alarm->InsufficientDataActions);
  LIST_EMPTY(call->arena, &alarm->Dimensions);
  return alarm;
}

OPERATION(PutMetricAlarm, put_metric_alarm, .txn = TXN_WRITE, .action = "cloudwatch:PutMetricAlarm", .authorize = metric_authorize)
static Error *
put_metric_alarm(Call *call, const CloudwatchPutMetricAlarmInput *in, CloudwatchPutMetricAlarmOutput *ret_out)
{
  CloudwatchAlarmRecord *old = NULL;
  TRY(check_alarm(call, in));
  TRY(alarm_look(call, in->AlarmName, &old));
  if (old && !old->Metric)
    return wrong_type(in->AlarmName, "composite");
  CloudwatchAlarmRecord record = {.Metric = metric_alarm(call, in, old ? old->Metric : NULL), .Tags = old ? old->Tags : in->Tags};
  TRY(alarm_put(call, &record));
  TRY(tell_configuration(call, &record, !old));
  gint64 step = in->Period.set && in->Period.v < 60 ? CLOUDWATCH_HIGH_MS : CLOUDWATCH_MINUTE_MS;
  return evaluate_schedule(call->txn, call->haar, call->now - call->now % step + step);
}

/* --- composite --- */

/* The children are there, and none of them leads back to the alarm. */
static Error *
check_children(Call *call, const char *name, const Rule *rule, guint depth)
{
  StringList children = {0};
  rule_names(call->arena, rule, &children);
  if (children.n > CHILDREN_MAX)
    return error_answer("ValidationError", "AlarmRule must not name more than %d alarms", CHILDREN_MAX);
  if (depth > 20)
    return error_answer("ValidationError", "Composite alarms are nested too deeply");
  for (gsize i = 0; i < children.n; i++) {
    const char *child = rule_alarm_name(children.v[i]);
    CloudwatchAlarmRecord *record = NULL;
    Rule *below = NULL;
    if (strcmp(child, name) == 0)
      return error_answer("ValidationError", "AlarmRule must not make a cycle: %s depends on itself", name);
    TRY(alarm_look(call, child, &record));
    if (!record)
      return error_answer("ValidationError", "Could not save the composite alarm as alarms [%s] in the alarm rule do not exist", child);
    if (!record->Composite)
      continue;
    TRY(rule_parse(call->arena, record->Composite->AlarmRule, &below));
    TRY(check_children(call, name, below, depth + 1));
  }
  return NULL;
}

static Error *
composite_authorize(Call *call, const void *in, Authorization *auth)
{
  alarm_authorize(call, ((const CloudwatchPutCompositeAlarmInput *) in)->AlarmName, auth);
  return NULL;
}

static CloudwatchCompositeAlarm *
composite_alarm(Call *call, const CloudwatchPutCompositeAlarmInput *in, const CloudwatchCompositeAlarm *old)
{
  CloudwatchCompositeAlarm *alarm = ARENA_NEW(call->arena, CloudwatchCompositeAlarm);
  *alarm = (CloudwatchCompositeAlarm){
      .ActionsEnabled = OPT_BOOL(OPT_OR(in->ActionsEnabled, TRUE)),
      .ActionsSuppressor = in->ActionsSuppressor,
      .ActionsSuppressorExtensionPeriod = in->ActionsSuppressorExtensionPeriod,
      .ActionsSuppressorWaitPeriod = in->ActionsSuppressorWaitPeriod,
      .AlarmActions = in->AlarmActions,
      .AlarmArn = alarm_arn(call, in->AlarmName),
      .AlarmConfigurationUpdatedTimestamp = OPT_TIME(call->now),
      .AlarmDescription = in->AlarmDescription,
      .AlarmName = in->AlarmName,
      .AlarmRule = in->AlarmRule,
      .InsufficientDataActions = in->InsufficientDataActions,
      .OKActions = in->OKActions,
      .StateReason = old ? old->StateReason : "Unchecked: Initial alarm creation",
      .StateReasonData = old ? old->StateReasonData : NULL,
      .StateUpdatedTimestamp = old ? old->StateUpdatedTimestamp : OPT_TIME(call->now),
      .StateTransitionedTimestamp = old ? old->StateTransitionedTimestamp : OPT_TIME(call->now),
      .StateValue = old ? old->StateValue : "INSUFFICIENT_DATA",
  };
  LIST_EMPTY(call->arena, &alarm->OKActions);
  LIST_EMPTY(call->arena, &alarm->AlarmActions);
  LIST_EMPTY(call->arena, &alarm->InsufficientDataActions);
  return alarm;
}

OPERATION(PutCompositeAlarm, put_composite_alarm, .txn = TXN_WRITE, .action = "cloudwatch:PutCompositeAlarm", .authorize = composite_authorize)
static Error *
put_composite_alarm(Call *call, const CloudwatchPutCompositeAlarmInput *in, CloudwatchPutCompositeAlarmOutput *ret_out)
{
  CloudwatchAlarmRecord *old = NULL;
  Rule *rule = NULL;
  TRY(suppress_check(call, in));
  TRY(rule_parse(call->arena, in->AlarmRule, &rule));
  TRY(check_children(call, in->AlarmName, rule, 0));
  TRY(check_actions(call->arena, &in->OKActions, &in->AlarmActions, &in->InsufficientDataActions));
  TRY(alarm_look(call, in->AlarmName, &old));
  if (old && !old->Composite)
    return wrong_type(in->AlarmName, "metric");
  CloudwatchAlarmRecord *record = ARENA_NEW(call->arena, CloudwatchAlarmRecord);
  record->Composite = composite_alarm(call, in, old ? old->Composite : NULL);
  record->Tags = old ? old->Tags : in->Tags;
  TRY(alarm_put(call, record));
  TRY(tell_configuration(call, record, !old));
  return composite_evaluate(call, record, NULL, call->now);
}

/* --- SetAlarmState --- */

static Error *
state_authorize(Call *call, const void *in, Authorization *auth)
{
  alarm_authorize(call, ((const CloudwatchSetAlarmStateInput *) in)->AlarmName, auth);
  return NULL;
}

OPERATION(SetAlarmState, set_alarm_state, .txn = TXN_WRITE, .action = "cloudwatch:SetAlarmState", .authorize = state_authorize)
static Error *
set_alarm_state(Call *call, const CloudwatchSetAlarmStateInput *in, CloudwatchSetAlarmStateOutput *ret_out)
{
  CloudwatchAlarmRecord *record = NULL;
  Json *data = NULL;
  TRY(alarm_look(call, in->AlarmName, &record));
  if (!record)
    return error_answer("ResourceNotFound", "Alarm %s does not exist.", in->AlarmName);
  g_autoptr(Error) bad = in->StateReasonData ? json_parse(call->arena, in->StateReasonData, strlen(in->StateReasonData), &data) : NULL;
  if (bad)
    return error_answer("InvalidFormat", "Invalid JSON format for StateReasonData");
  return alarm_change(call, record, &(StateChange){in->StateValue, in->StateReason, in->StateReasonData, call->now});
}
