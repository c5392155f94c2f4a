/* ListMetrics: what was measured in the last two weeks, 500 at a time.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html */
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

enum { PAGE = 500 };
static const gint64 listed_ms = G_GINT64_CONSTANT(14) * 24 * 3600 * 1000, recent_ms = G_GINT64_CONSTANT(3) * 3600 * 1000;

static gboolean
has_dimension(const CloudwatchMetricRecord *record, const CloudwatchDimensionFilter *filter)
{
  for (gsize i = 0; i < record->Dimensions.n; i++) {
    const CloudwatchDimension *dimension = record->Dimensions.v[i];
    if (strcmp(dimension->Name, filter->Name) == 0 && (!filter->Value || strcmp(dimension->Value, filter->Value) == 0))
      return TRUE;
  }
  return FALSE;
}

static gboolean
is_listed(const Call *call, const CloudwatchListMetricsInput *in, const CloudwatchMetricRecord *record)
{
  if (in->MetricName && strcmp(in->MetricName, record->MetricName) != 0)
    return FALSE;
  if (record->Last.ms < call->now - (in->RecentlyActive ? recent_ms : listed_ms))
    return FALSE;
  for (gsize i = 0; i < in->Dimensions.n; i++)
    if (!has_dimension(record, in->Dimensions.v[i]))
      return FALSE;
  return TRUE;
}

typedef struct List {
  const CloudwatchListMetricsInput *in;
  CloudwatchListMetricsOutput *out;
} List;

static Error *
list(Call *call, gpointer data)
{
  List *work = data;
  CloudwatchPage page;
  MetricRecords all = {0}, wanted = {0};
  TRY(data_metrics(call, work->in->Namespace, &all));
  for (gsize i = 0; i < all.n; i++)
    if (is_listed(call, work->in, all.v[i]))
      LIST_APPEND(call->arena, &wanted, all.v[i]);
  TRY(cloudwatch_page(call->arena, wanted.n, work->in->NextToken, PAGE, &page));
  LIST_EMPTY(call->arena, &work->out->Metrics);
  for (gsize i = page.from; i < page.to; i++) {
    CloudwatchMetric *metric = ARENA_NEW(call->arena, CloudwatchMetric);
    *metric = (CloudwatchMetric){.Namespace = wanted.v[i]->Namespace, .MetricName = wanted.v[i]->MetricName, .Dimensions = wanted.v[i]->Dimensions};
    LIST_EMPTY(call->arena, &metric->Dimensions);
    LIST_APPEND(call->arena, &work->out->Metrics, metric);
  }
  work->out->NextToken = page.token;
  return NULL;
}

OPERATION(ListMetrics, list_metrics, .txn = TXN_NONE, .action = "cloudwatch:ListMetrics")
static Error *
list_metrics(Call *call, const CloudwatchListMetricsInput *in, CloudwatchListMetricsOutput *ret_out)
{
  List work = {in, ret_out};
  if (OPT_OR(in->IncludeLinkedAccounts, FALSE) || in->OwningAccount)
    return error_answer("InvalidParameterValue", "haar has no linked accounts: leave IncludeLinkedAccounts and OwningAccount out.");
  TRY(cloudwatch_check_metric(call->arena, in->Namespace, in->MetricName, NULL));
  TRY(data_drain(call->haar));
  return call_read(call, list, &work);
}
