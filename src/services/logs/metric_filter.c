/* Metric filters: events that match a pattern are measured in CloudWatch as they arrive.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html */
#include <math.h>
#include <string.h>

#include "services/logs/filter.h"
#include "services/logs/logs.h"

static const Table metric_filter_table = {"logs.metric_filter"}; /* region, account, group, filter -> MetricFilter */
enum { FILTERS_MAX = 100, DIMENSIONS_MAX = 3 };

/* Those of a group, or (NULL) of all groups. */
static Error *
load(Call *call, const char *group, LogsFilters *ret)
{
  return logs_filters_load(call, &metric_filter_table, &LogsMetricFilter_shape, group, ret);
}

Error *
logs_metric_filter_count(Call *call, const char *group, gint64 *ret)
{
  LogsFilters filters = {0};
  TRY(load(call, group, &filters));
  *ret = (gint64) filters.n;
  return NULL;
}

Error *
logs_metric_filters_delete(Call *call, const char *group)
{
  return logs_filters_delete(call, &metric_filter_table, group);
}

/* --- measuring --- */

typedef struct Measuring {
  Call *call;
  const LogsMetricTransformation *to;
  const Filter *filter;
} Measuring;

/* A value: a number, or what a selector finds in the event. FALSE: it is no number. */
static gboolean
number_of(const Measuring *m, const char *message, double *ret)
{
  char *end = NULL;
  const char *text = m->to->metricValue;
  if (text[0] == '$')
    text = filter_value(m->filter, m->call->arena, message, text);
  if (!text)
    return FALSE;
  *ret = g_ascii_strtod(text, &end);
  return end != text && *end == 0 && isfinite(*ret);
}

/* FALSE: a dimension has no value in this event. */
static gboolean
dimensions_of(const Measuring *m, const char *message, const char **pairs)
{
  for (gsize i = 0; i < m->to->dimensions.n && i < DIMENSIONS_MAX; i++) {
    const char *value = filter_value(m->filter, m->call->arena, message, m->to->dimensions.v[i].value);
    if (!value || !*value)
      return FALSE;
    *pairs++ = m->to->dimensions.v[i].key;
    *pairs++ = value;
  }
  return TRUE;
}

static void
measure(const Measuring *m, gint64 ms, double value, const char *const *dimensions)
{
  MetricSeries series = {m->call->account, m->call->region, m->to->metricNamespace, m->to->metricName, m->to->unit, dimensions};
  metric_add_at(m->call->haar, &series, ms, value, 1);
}

static void
measure_events(const Measuring *m, const LogsInputLogEvents *events, gsize from, gsize to)
{
  gboolean any = FALSE;
  for (gsize i = from; i < to; i++) {
    const char *pairs[2 * DIMENSIONS_MAX + 1] = {0}, *message = events->v[i]->message;
    double value = 0;
    if (!filter_match(m->filter, m->call->arena, message) || !number_of(m, message, &value) || !dimensions_of(m, message, pairs))
      continue;
    measure(m, events->v[i]->timestamp.v, value, pairs);
    any = TRUE;
  }
  if (!any && to > from && m->to->defaultValue.set)
    measure(m, events->v[to - 1]->timestamp.v, m->to->defaultValue.v, NULL);
}

Error *
logs_metrics_add(Call *call, const char *group, const LogsInputLogEvents *events, gsize from, gsize to)
{
  LogsFilters filters = {0};
  gsize bytes = 0;
  TRY(load(call, group, &filters));
  for (gsize i = 0; i < filters.n; i++) {
    const LogsMetricFilter *stored = filters.v[i];
    Filter *filter = NULL;
    TRY(filter_parse(call->arena, stored->filterPattern, &filter));
    for (gsize t = 0; t < stored->metricTransformations.n; t++)
      measure_events(&(Measuring){call, stored->metricTransformations.v[t], filter}, events, from, to);
  }
  for (gsize i = from; i < to; i++) {
    logs_embedded_add(call, events->v[i]->message);
    bytes += strlen(events->v[i]->message) + LOGS_EVENT_OVERHEAD;
  }
  const char *const *own = METRIC_DIMENSIONS("LogGroupName", group);
  const MetricSeries series[] = {{call->account, call->region, "AWS/Logs", "IncomingLogEvents", "Count", own},
                                 {call->account, call->region, "AWS/Logs", "IncomingLogEvents", "Count", NULL},
                                 {call->account, call->region, "AWS/Logs", "IncomingBytes", "Bytes", own},
                                 {call->account, call->region, "AWS/Logs", "IncomingBytes", "Bytes", NULL}};
  for (gsize i = 0; i < G_N_ELEMENTS(series); i++)
    metric_add(call->haar, &series[i], i < 2 ? (double) (to - from) : (double) bytes);
  return NULL;
}

/* --- operations --- */

static Error *
check_transformation(const LogsMetricTransformation *to)
{
  char *end = NULL;
  const char *value = to->metricValue;
  if (value[0] != '$' && (g_ascii_strtod(value, &end), end == value || *end))
    return error_answer("InvalidParameterException", "Invalid metric transformation: metricValue must be a number or a field of the filter pattern: %s", value);
  if (to->dimensions.n > DIMENSIONS_MAX)
    return error_answer("InvalidParameterException", "Invalid metric transformation: at most %d dimensions are allowed", DIMENSIONS_MAX);
  if (to->dimensions.n && to->defaultValue.set)
    return error_answer("InvalidParameterException", "Invalid metric transformation: dimensions and default value are mutually exclusive properties.");
  if (g_str_has_prefix(to->metricNamespace, "AWS/"))
    return error_answer("InvalidParameterException", "Invalid metric transformation: metricNamespace must not begin with AWS/");
  return NULL;
}

LOGS_RESOURCE(PutMetricFilter)

OPERATION(PutMetricFilter, put_metric_filter, .txn = TXN_WRITE, .authorize = authorize_PutMetricFilter)
static Error *
put_metric_filter(Call *call, const LogsPutMetricFilterInput *in, LogsPutMetricFilterOutput *ret_out)
{
  Key key;
  LogsGroupRecord *group = NULL;
  Filter *filter = NULL;
  LogsFilters all = {0};
  void *old = NULL;
  TRY(logs_group_get(call, in->logGroupName, &group));
  TRY(filter_parse(call->arena, in->filterPattern, &filter));
  for (gsize i = 0; i < in->metricTransformations.n; i++)
    TRY(check_transformation(in->metricTransformations.v[i]));
  logs_filter_key(call, group->name, in->filterName, &key);
  TRY(load(call, group->name, &all));
  TRY(record_get(call->txn, &metric_filter_table, &key, &LogsMetricFilter_shape, call->arena, &old));
  if (!old && all.n >= FILTERS_MAX)
    return error_answer("LimitExceededException", "Resource limit exceeded.");
  LogsMetricFilter record = {.filterName = in->filterName,
                             .filterPattern = in->filterPattern,
                             .metricTransformations = in->metricTransformations,
                             .creationTime = OPT_INT(call->now),
                             .logGroupName = group->name};
  return record_put(call->txn, &metric_filter_table, &key, &LogsMetricFilter_shape, &record);
}

static gboolean
has_metric(const LogsMetricFilter *filter, const char *name, const char *name_space)
{
  for (gsize i = 0; i < filter->metricTransformations.n; i++) {
    const LogsMetricTransformation *to = filter->metricTransformations.v[i];
    if (strcmp(to->metricName, name) == 0 && strcmp(to->metricNamespace, name_space) == 0)
      return TRUE;
  }
  return FALSE;
}

LOGS_RESOURCE(DescribeMetricFilters)

OPERATION(DescribeMetricFilters, describe_metric_filters, .authorize = authorize_DescribeMetricFilters)
static Error *
describe_metric_filters(Call *call, const LogsDescribeMetricFiltersInput *in, LogsDescribeMetricFiltersOutput *ret_out)
{
  LogsGroupRecord *group = NULL;
  LogsFilters all = {0};
  guint64 from = 0;
  gsize limit = (gsize) OPT_OR(in->limit, 50), seen = 0;
  if (in->logGroupName)
    TRY(logs_group_get(call, in->logGroupName, &group));
  if (!in->metricName != !in->metricNamespace)
    return error_answer("InvalidParameterException", "metricName and metricNamespace must be given together.");
  if (in->nextToken && !g_ascii_string_to_unsigned(in->nextToken, 10, 0, G_MAXUINT32, &from, NULL))
    return error_answer("InvalidParameterException", "The specified nextToken is invalid.");
  TRY(load(call, group ? group->name : NULL, &all));
  LIST_EMPTY(call->arena, &ret_out->metricFilters);
  for (gsize i = 0; i < all.n; i++) {
    LogsMetricFilter *stored = all.v[i];
    if ((in->filterNamePrefix && !g_str_has_prefix(stored->filterName, in->filterNamePrefix)) ||
        (in->metricName && !has_metric(stored, in->metricName, in->metricNamespace)))
      continue;
    if (seen++ < from)
      continue;
    if (ret_out->metricFilters.n == limit) {
      ret_out->nextToken = arena_printf(call->arena, "%" G_GSIZE_FORMAT, seen - 1);
      break;
    }
    LIST_APPEND(call->arena, &ret_out->metricFilters, stored);
  }
  return NULL;
}

LOGS_RESOURCE(DeleteMetricFilter)

OPERATION(DeleteMetricFilter, delete_metric_filter, .txn = TXN_WRITE, .authorize = authorize_DeleteMetricFilter)
static Error *
delete_metric_filter(Call *call, const LogsDeleteMetricFilterInput *in, LogsDeleteMetricFilterOutput *ret_out)
{
  Key key;
  LogsGroupRecord *group = NULL;
  gboolean existed = FALSE;
  TRY(logs_group_get(call, in->logGroupName, &group));
  logs_filter_key(call, group->name, in->filterName, &key);
  TRY(store_delete(call->txn, &metric_filter_table, &key, &existed));
  return existed ? NULL : error_answer("ResourceNotFoundException", "The specified metric filter does not exist.");
}

OPERATION(TestMetricFilter, test_metric_filter)
static Error *
test_metric_filter(Call *call, const LogsTestMetricFilterInput *in, LogsTestMetricFilterOutput *ret_out)
{
  Filter *filter = NULL;
  TRY(filter_parse(call->arena, in->filterPattern, &filter));
  LIST_EMPTY(call->arena, &ret_out->matches);
  for (gsize i = 0; i < in->logEventMessages.n; i++) {
    if (!filter_match(filter, call->arena, in->logEventMessages.v[i]))
      continue;
    LogsMetricFilterMatchRecord *match = ARENA_NEW(call->arena, LogsMetricFilterMatchRecord);
    match->eventNumber = OPT_INT((gint64) i + 1);
    match->eventMessage = in->logEventMessages.v[i];
    LIST_EMPTY(call->arena, &match->extractedValues);
    filter_values(filter, call->arena, match->eventMessage, &match->extractedValues);
    LIST_APPEND(call->arena, &ret_out->matches, match);
  }
  return NULL;
}
