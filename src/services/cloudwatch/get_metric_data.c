/* https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html */
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

enum { POINTS_MAX = 100800 };

typedef struct Get {
  const CloudwatchGetMetricDataInput *in;
  CloudwatchGetMetricDataOutput *out;
  gsize skip, room; /* datapoints of former pages, and of this one */
  gsize seen;
} Get;

static Error *
check(Arena *arena, const CloudwatchGetMetricDataInput *in)
{
  if (in->MetricDataQueries.n == 0)
    return error_answer("ValidationError", "The parameter MetricDataQueries is required.");
  if (in->StartTime.ms >= in->EndTime.ms)
    return error_answer("ValidationError", "The parameter StartTime must be less than the parameter EndTime.");
  if (in->MaxDatapoints.set && (in->MaxDatapoints.v < 1 || in->MaxDatapoints.v > POINTS_MAX))
    return error_answer("ValidationError", "The value %" G_GINT64_FORMAT " for parameter MaxDatapoints is invalid.", in->MaxDatapoints.v);
  return queries_check(arena, &in->MetricDataQueries, "MetricDataQueries");
}

static void
add_series(Arena *arena, Get *get, const CloudwatchMetricDataQuery *query, const MathSeries *series, gboolean many)
{
  CloudwatchMetricDataResult *result = ARENA_NEW(arena, CloudwatchMetricDataResult);
  gboolean ascending = get->in->ScanBy && strcmp(get->in->ScanBy, "TimestampAscending") == 0;
  const char *own = series->label ? series->label : query->Id;
  result->Id = query->Id;
  result->Label = !query->Label ? (query->MetricStat || many ? own : query->Id) : many ? arena_printf(arena, "%s %s", query->Label, own) : query->Label;
  result->StatusCode = "Complete";
  LIST_EMPTY(arena, &result->Timestamps);
  LIST_EMPTY(arena, &result->Values);
  for (gsize i = 0; i < series->n; i++) {
    const MathPoint *point = &series->v[ascending ? i : series->n - 1 - i];
    gsize number = get->seen++;
    if (number < get->skip)
      continue;
    if (number >= get->skip + get->room) {
      result->StatusCode = "PartialData";
      continue;
    }
    LIST_APPEND(arena, &result->Timestamps, OPT_TIME(point->ms));
    LIST_APPEND(arena, &result->Values, OPT_DOUBLE(point->value));
  }
  LIST_APPEND(arena, &get->out->MetricDataResults, result);
}

static Error *
get(Call *call, gpointer data)
{
  Get *work = data;
  Queries queries;
  const CloudwatchMetricDataQueries *in = &work->in->MetricDataQueries;
  queries_init(&queries, call, in, work->in->StartTime.ms, work->in->EndTime.ms);
  for (gsize i = 0; i < in->n; i++) {
    MathValue value = {0};
    if (!OPT_OR(in->v[i]->ReturnData, TRUE))
      continue;
    TRY(queries_evaluate(&queries, i, &value));
    if (value.kind == VALUE_SCALAR || value.kind == VALUE_TEXT)
      return error_answer("ValidationError", "Error in expression '%s': The expression must return a time series or an array of time series; this one returns a %s",
                          in->v[i]->Id, value.kind == VALUE_SCALAR ? "Scalar" : "String");
    MathSeriesList list = math_list(call->arena, &value);
    for (gsize j = 0; j < list.n; j++)
      add_series(call->arena, work, in->v[i], list.v[j], value.kind == VALUE_ARRAY);
  }
  if (work->seen > work->skip + work->room)
    work->out->NextToken = arena_printf(call->arena, "%016x", (guint) (work->skip + work->room));
  return NULL;
}

OPERATION(GetMetricData, get_metric_data, .txn = TXN_NONE, .action = "cloudwatch:GetMetricData")
static Error *
get_metric_data(Call *call, const CloudwatchGetMetricDataInput *in, CloudwatchGetMetricDataOutput *ret_out)
{
  guint64 skip = 0;
  TRY(check(call->arena, in));
  if (in->NextToken && *in->NextToken && !g_ascii_string_to_unsigned(in->NextToken, 16, 0, G_MAXUINT32, &skip, NULL))
    return error_answer("InvalidNextToken", "The next token is invalid.");
  Get work = {.in = in, .out = ret_out, .skip = skip, .room = (gsize) OPT_OR(in->MaxDatapoints, POINTS_MAX)};
  TRY(data_drain(call->haar));
  LIST_EMPTY(call->arena, &ret_out->MetricDataResults);
  return call_read(call, get, &work);
}
