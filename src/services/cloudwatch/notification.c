/* What an alarm's actions are told: the message to a topic, the event of a function.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html */
#include <string.h>

#include "services/cloudwatch/alarm.h"

static const char *
region_name(const char *region)
{
  static const char *const names[][2] = {
      {"us-east-1", "US East (N. Virginia)"},         {"us-east-2", "US East (Ohio)"},           {"us-west-1", "US West (N. California)"},
      {"us-west-2", "US West (Oregon)"},              {"ca-central-1", "Canada (Central)"},      {"eu-west-1", "EU (Ireland)"},
      {"eu-west-2", "EU (London)"},                   {"eu-west-3", "EU (Paris)"},               {"eu-central-1", "EU (Frankfurt)"},
      {"eu-north-1", "EU (Stockholm)"},               {"eu-south-1", "EU (Milan)"},              {"ap-south-1", "Asia Pacific (Mumbai)"},
      {"ap-southeast-1", "Asia Pacific (Singapore)"}, {"ap-southeast-2", "Asia Pacific (Sydney)"}, {"ap-northeast-1", "Asia Pacific (Tokyo)"},
      {"ap-northeast-2", "Asia Pacific (Seoul)"},     {"sa-east-1", "South America (Sao Paulo)"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    if (strcmp(names[i][0], region) == 0)
      return names[i][1];
  return region;
}

const char *
notification_subject(const Call *call, const AlarmFace *alarm)
{
  return arena_printf(call->arena, "%s: \"%s\" in %s", alarm->state, alarm->name, region_name(call->region));
}

static void
set_text(Arena *arena, Json *object, const char *name, const char *text)
{
  json_set(arena, object, name, text ? json_new_string(arena, text) : json_new_null(arena));
}

static Json *
texts(Arena *arena, const StringList *list)
{
  Json *array = json_new_array(arena);
  for (gsize i = 0; i < list->n; i++)
    json_append(arena, array, json_new_string(arena, list->v[i]));
  return array;
}

static Json *
dimension_list(Arena *arena, const CloudwatchDimensions *dimensions)
{
  Json *list = json_new_array(arena);
  for (gsize i = 0; i < dimensions->n; i++) {
    Json *one = json_new_object(arena);
    set_text(arena, one, "value", dimensions->v[i]->Value);
    set_text(arena, one, "name", dimensions->v[i]->Name);
    json_append(arena, list, one);
  }
  return list;
}

/* "SAMPLE_COUNT" of "SampleCount" */
static const char *
statistic_word(const char *statistic)
{
  static const char *const words[][2] = {
      {"SampleCount", "SAMPLE_COUNT"}, {"Sum", "SUM"}, {"Average", "AVERAGE"}, {"Minimum", "MINIMUM"}, {"Maximum", "MAXIMUM"}};
  for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
    if (strcmp(words[i][0], statistic) == 0)
      return words[i][1];
  return statistic;
}

static Json *
trigger_queries(Arena *arena, const CloudwatchMetricDataQueries *queries)
{
  Json *list = json_new_array(arena);
  for (gsize i = 0; i < queries->n; i++) {
    const CloudwatchMetricDataQuery *query = queries->v[i];
    Json *one = json_new_object(arena), *stat = json_new_object(arena), *metric = json_new_object(arena);
    set_text(arena, one, "Id", query->Id);
    if (query->Expression)
      set_text(arena, one, "Expression", query->Expression);
    if (query->Label)
      set_text(arena, one, "Label", query->Label);
    if (query->MetricStat) {
      set_text(arena, metric, "Namespace", query->MetricStat->Metric->Namespace);
      set_text(arena, metric, "MetricName", query->MetricStat->Metric->MetricName);
      json_set(arena, metric, "Dimensions", dimension_list(arena, &query->MetricStat->Metric->Dimensions));
      json_set(arena, stat, "Metric", metric);
      json_set(arena, stat, "Period", json_new_int(arena, query->MetricStat->Period.v));
      set_text(arena, stat, "Stat", query->MetricStat->Stat);
      json_set(arena, one, "MetricStat", stat);
    }
    json_set(arena, one, "ReturnData", json_new_bool(arena, OPT_OR(query->ReturnData, TRUE)));
    json_append(arena, list, one);
  }
  return list;
}

static Json *
trigger(Arena *arena, const CloudwatchMetricAlarm *alarm)
{
  Json *out = json_new_object(arena);
  if (alarm->Metrics.n) {
    json_set(arena, out, "Metrics", trigger_queries(arena, &alarm->Metrics));
    json_set(arena, out, "Period", json_new_int(arena, queries_period(&alarm->Metrics) / 1000));
  } else {
    set_text(arena, out, "MetricName", alarm->MetricName);
    set_text(arena, out, "Namespace", alarm->Namespace);
    set_text(arena, out, "StatisticType", alarm->Statistic ? "Statistic" : "ExtendedStatistic");
    set_text(arena, out, alarm->Statistic ? "Statistic" : "ExtendedStatistic", alarm->Statistic ? statistic_word(alarm->Statistic) : alarm->ExtendedStatistic);
    set_text(arena, out, "Unit", alarm->Unit);
    json_set(arena, out, "Dimensions", dimension_list(arena, &alarm->Dimensions));
    json_set(arena, out, "Period", json_new_int(arena, alarm->Period.v));
  }
  json_set(arena, out, "EvaluationPeriods", json_new_int(arena, alarm->EvaluationPeriods.v));
  if (alarm->DatapointsToAlarm.set)
    json_set(arena, out, "DatapointsToAlarm", json_new_int(arena, alarm->DatapointsToAlarm.v));
  set_text(arena, out, "ComparisonOperator", alarm->ComparisonOperator);
  json_set(arena, out, "Threshold", cloudwatch_json_number(arena, alarm->Threshold.v));
  set_text(arena, out, "TreatMissingData", alarm->TreatMissingData ? alarm->TreatMissingData : "missing");
  set_text(arena, out, "EvaluateLowSampleCountPercentile", alarm->EvaluateLowSampleCountPercentile ? alarm->EvaluateLowSampleCountPercentile : "");
  return out;
}

Json *
notification_message(const Call *call, const CloudwatchAlarmRecord *record, const AlarmFace *before, gint64 ms)
{
  Arena *arena = call->arena;
  AlarmFace face = alarm_face(record);
  Json *out = json_new_object(arena);
  set_text(arena, out, "AlarmName", face.name);
  set_text(arena, out, "AlarmDescription", face.description);
  if (record->Composite)
    set_text(arena, out, "AlarmRule", record->Composite->AlarmRule);
  set_text(arena, out, "AWSAccountId", call->account);
  set_text(arena, out, "AlarmConfigurationUpdatedTimestamp", offset_time(arena, face.configured_ms));
  set_text(arena, out, "NewStateValue", face.state);
  set_text(arena, out, "NewStateReason", face.reason);
  set_text(arena, out, "StateChangeTime", offset_time(arena, ms));
  set_text(arena, out, "Region", region_name(call->region));
  set_text(arena, out, "AlarmArn", face.arn);
  set_text(arena, out, "OldStateValue", before->state);
  json_set(arena, out, "OKActions", texts(arena, face.ok));
  json_set(arena, out, "AlarmActions", texts(arena, face.alarm));
  json_set(arena, out, "InsufficientDataActions", texts(arena, face.insufficient));
  if (record->Metric)
    json_set(arena, out, "Trigger", trigger(arena, record->Metric));
  return out;
}

/* --- the event of a function --- */

static Json *
event_state(Arena *arena, const AlarmFace *face)
{
  Json *state = json_new_object(arena);
  set_text(arena, state, "value", face->state);
  set_text(arena, state, "reason", face->reason);
  if (face->reason_data)
    set_text(arena, state, "reasonData", face->reason_data);
  set_text(arena, state, "timestamp", offset_time(arena, face->state_ms));
  if (face->suppressed_by) {
    set_text(arena, state, "actionsSuppressedBy", face->suppressed_by);
    set_text(arena, state, "actionsSuppressedReason", face->suppressed_reason);
  }
  return state;
}

static Json *
event_metric(Arena *arena, const char *id, const CloudwatchMetric *metric, gint64 period, const char *stat, gboolean returned)
{
  Json *one = json_new_object(arena), *outer = json_new_object(arena), *inner = json_new_object(arena), *dimensions = json_new_object(arena);
  for (gsize i = 0; i < metric->Dimensions.n; i++)
    set_text(arena, dimensions, metric->Dimensions.v[i]->Name, metric->Dimensions.v[i]->Value);
  set_text(arena, inner, "namespace", metric->Namespace);
  set_text(arena, inner, "name", metric->MetricName);
  json_set(arena, inner, "dimensions", dimensions);
  json_set(arena, outer, "metric", inner);
  json_set(arena, outer, "period", json_new_int(arena, period));
  set_text(arena, outer, "stat", stat);
  set_text(arena, one, "id", id);
  json_set(arena, one, "metricStat", outer);
  json_set(arena, one, "returnData", json_new_bool(arena, returned));
  return one;
}

static Json *
event_metrics(Arena *arena, const CloudwatchMetricAlarm *alarm)
{
  Json *list = json_new_array(arena);
  if (alarm->Metrics.n == 0) {
    CloudwatchMetric metric = {.Namespace = alarm->Namespace, .MetricName = alarm->MetricName, .Dimensions = alarm->Dimensions};
    json_append(arena, list, event_metric(arena, "m1", &metric, alarm->Period.v, alarm->Statistic ? alarm->Statistic : alarm->ExtendedStatistic, TRUE));
  }
  for (gsize i = 0; i < alarm->Metrics.n; i++) {
    const CloudwatchMetricDataQuery *query = alarm->Metrics.v[i];
    gboolean returned = OPT_OR(query->ReturnData, TRUE);
    if (query->MetricStat) {
      json_append(arena, list, event_metric(arena, query->Id, query->MetricStat->Metric, query->MetricStat->Period.v, query->MetricStat->Stat, returned));
      continue;
    }
    Json *one = json_new_object(arena);
    set_text(arena, one, "id", query->Id);
    set_text(arena, one, "expression", query->Expression);
    json_set(arena, one, "returnData", json_new_bool(arena, returned));
    json_append(arena, list, one);
  }
  return list;
}

static void
add_composite(Arena *arena, Json *configuration, const CloudwatchCompositeAlarm *alarm)
{
  set_text(arena, configuration, "alarmRule", alarm->AlarmRule);
  if (!alarm->ActionsSuppressor)
    return;
  set_text(arena, configuration, "actionsSuppressor", alarm->ActionsSuppressor);
  json_set(arena, configuration, "actionsSuppressorWaitPeriod", json_new_int(arena, alarm->ActionsSuppressorWaitPeriod.v));
  json_set(arena, configuration, "actionsSuppressorExtensionPeriod", json_new_int(arena, alarm->ActionsSuppressorExtensionPeriod.v));
}

Json *
notification_event(const Call *call, const CloudwatchAlarmRecord *record, const AlarmFace *before, gint64 ms)
{
  Arena *arena = call->arena;
  AlarmFace face = alarm_face(record);
  Json *out = json_new_object(arena), *data = json_new_object(arena), *configuration = json_new_object(arena);
  set_text(arena, out, "source", "aws.cloudwatch");
  set_text(arena, out, "alarmArn", face.arn);
  set_text(arena, out, "accountId", call->account);
  set_text(arena, out, "time", offset_time(arena, ms));
  set_text(arena, out, "region", call->region);
  set_text(arena, data, "alarmName", face.name);
  json_set(arena, data, "state", event_state(arena, &face));
  json_set(arena, data, "previousState", event_state(arena, before));
  if (face.description)
    set_text(arena, configuration, "description", face.description);
  if (record->Metric)
    json_set(arena, configuration, "metrics", event_metrics(arena, record->Metric));
  else
    add_composite(arena, configuration, record->Composite);
  json_set(arena, data, "configuration", configuration);
  json_set(arena, out, "alarmData", data);
  return out;
}
