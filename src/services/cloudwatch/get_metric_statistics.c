/* https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html */
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

enum { POINTS_MAX = 1440 };

static Error *
check(const CloudwatchGetMetricStatisticsInput *in)
{
  gint64 period = in->Period.v;
  if (in->Statistics.n == 0 && in->ExtendedStatistics.n == 0)
    return error_answer("InvalidParameterCombination", "At least one of the parameters Statistics and ExtendedStatistics must be specified.");
  if (in->StartTime.ms >= in->EndTime.ms)
    return error_answer("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.");
  if (period != 1 && period != 5 && period != 10 && period != 20 && period != 30 && (period < 60 || period % 60 != 0))
    return error_answer("InvalidParameterValue", "The parameter Period must be one of 1, 5, 10, 20, 30, or a multiple of 60.");
  gint64 points = (in->EndTime.ms - in->StartTime.ms) / 1000 / period;
  if (points > POINTS_MAX)
    return error_answer("InvalidParameterCombination",
                        "You have requested up to %" G_GINT64_FORMAT " datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
                        points, POINTS_MAX);
  for (gsize i = 0; i < in->ExtendedStatistics.n; i++) {
    Statistic statistic;
    if (statistic_is_plain(in->ExtendedStatistics.v[i]) || !statistic_parse(in->ExtendedStatistics.v[i], &statistic))
      return error_answer("InvalidParameterValue", "The value %s for parameter ExtendedStatistics is invalid.", in->ExtendedStatistics.v[i]);
  }
  return NULL;
}

static void
set_plain(const char *name, const Summary *summary, CloudwatchDatapoint *out)
{
  Statistic statistic;
  double value = 0;
  OptDouble *places[] = {&out->SampleCount, &out->Sum, &out->Average, &out->Minimum, &out->Maximum};
  if (statistic_parse(name, &statistic) && statistic.kind <= STATISTIC_MAXIMUM && statistic_of(&statistic, summary, &value))
    *places[statistic.kind] = OPT_DOUBLE(value);
}

static CloudwatchDatapoint *
datapoint(Arena *arena, const CloudwatchGetMetricStatisticsInput *in, const DataPoint *point, const char *unit)
{
  CloudwatchDatapoint *out = ARENA_NEW(arena, CloudwatchDatapoint);
  out->Timestamp = OPT_TIME(point->ms);
  out->Unit = unit;
  for (gsize i = 0; i < in->Statistics.n; i++)
    set_plain(in->Statistics.v[i], point->summary, out);
  for (gsize i = 0; i < in->ExtendedStatistics.n; i++) {
    Statistic statistic;
    double value = 0;
    if (statistic_parse(in->ExtendedStatistics.v[i], &statistic) && statistic_of(&statistic, point->summary, &value))
      MAP_SET(arena, &out->ExtendedStatistics, in->ExtendedStatistics.v[i], OPT_DOUBLE(value));
  }
  return out;
}

typedef struct Get {
  const CloudwatchGetMetricStatisticsInput *in;
  CloudwatchGetMetricStatisticsOutput *out;
} Get;

/* Each unit has its own datapoints. */
static Error *
get(Call *call, gpointer data)
{
  Get *work = data;
  const CloudwatchGetMetricStatisticsInput *in = work->in;
  MetricId metric = {in->Namespace, in->MetricName, &in->Dimensions};
  CloudwatchMetricRecord *record = NULL;
  gint64 period_ms = in->Period.v * 1000, start = data_round_start(in->StartTime.ms, call->now, period_ms);
  TRY(data_metric(call, &metric, &record));
  for (gsize i = 0; record && i < record->Units.n; i++) {
    const char *unit = record->Units.v[i];
    DataPoints points = {0};
    if (in->Unit && strcmp(in->Unit, unit) != 0)
      continue;
    TRY(data_fetch(call, &metric, unit, start, in->EndTime.ms, period_ms, &points));
    for (gsize j = 0; j < points.n; j++)
      LIST_APPEND(call->arena, &work->out->Datapoints, datapoint(call->arena, in, &points.v[j], unit));
  }
  return NULL;
}

OPERATION(GetMetricStatistics, get_metric_statistics, .txn = TXN_NONE, .action = "cloudwatch:GetMetricStatistics")
static Error *
get_metric_statistics(Call *call, const CloudwatchGetMetricStatisticsInput *in, CloudwatchGetMetricStatisticsOutput *ret_out)
{
  Get work = {in, ret_out};
  TRY(cloudwatch_check_metric(call->arena, in->Namespace, in->MetricName, &in->Dimensions));
  TRY(check(in));
  TRY(data_drain(call->haar));
  ret_out->Label = in->MetricName;
  LIST_EMPTY(call->arena, &ret_out->Datapoints);
  return call_read(call, get, &work);
}
