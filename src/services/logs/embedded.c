/* The embedded metric format: events that are JSON with metrics in them are measured as they arrive, whatever wrote them.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
#include <math.h>
#include <string.h>

#include "services/logs/logs.h"

enum { DIRECTIVES_MAX = 100, METRICS_MAX = 100, SETS_MAX = 30, DIMENSIONS_MAX = 30, VALUES_MAX = 100 };

/* One event, and the directive in it that is being followed. */
typedef struct Embedded {
  Call *call;
  const Json *event, *directive;
  gint64 ms;
} Embedded;

static const Json *
items(const Json *list, guint most, guint *ret_n)
{
  *ret_n = list && list->type == JSON_ARRAY ? MIN(list->n, most) : 0;
  return list;
}

static void
measure_value(const Embedded *embedded, const MetricSeries *series, const Json *value)
{
  double number = value->type == JSON_NUMBER ? g_ascii_strtod(arena_strndup(embedded->call->arena, value->text, value->n), NULL) : NAN;
  if (isfinite(number))
    metric_add_at(embedded->call->haar, series, embedded->ms, number, 1);
}

/* The dimensions of a set, from the event's own members; FALSE: one of them is not there. */
static gboolean
read_dimensions(const Embedded *embedded, const Json *set, const char **pairs)
{
  guint n = 0;
  items(set, DIMENSIONS_MAX, &n);
  for (guint i = 0; i < n; i++) {
    const char *name = json_string(set->items[i]);
    const Json *value = name ? json_get(embedded->event, name) : NULL;
    if (!value || (value->type != JSON_STRING && value->type != JSON_NUMBER) || value->n == 0)
      return FALSE;
    *pairs++ = name;
    *pairs++ = arena_strndup(embedded->call->arena, value->text, value->n);
  }
  return TRUE;
}

static void
measure_metric(const Embedded *embedded, const char *name_space, const Json *metric, const char *const *dimensions)
{
  const char *name = json_string(json_get(metric, "Name"));
  const Json *value = name ? json_get(embedded->event, name) : NULL;
  if (!value)
    return;
  MetricSeries series = {embedded->call->account, embedded->call->region, name_space, name, json_string(json_get(metric, "Unit")), dimensions};
  guint n = 0;
  items(value, VALUES_MAX, &n);
  for (guint i = 0; i < n; i++)
    measure_value(embedded, &series, value->items[i]);
  if (value->type == JSON_NUMBER)
    measure_value(embedded, &series, value);
}

static void
follow_set(const Embedded *embedded, const Json *set)
{
  const char *pairs[2 * DIMENSIONS_MAX + 1] = {0}, *name_space = json_string(json_get(embedded->directive, "Namespace"));
  guint n = 0;
  const Json *metrics = items(json_get(embedded->directive, "Metrics"), METRICS_MAX, &n);
  if (!name_space || g_str_has_prefix(name_space, "AWS/") || (set && !read_dimensions(embedded, set, pairs)))
    return;
  for (guint i = 0; i < n; i++)
    measure_metric(embedded, name_space, metrics->items[i], pairs);
}

static void
follow(const Embedded *embedded)
{
  guint n = 0;
  const Json *sets = items(json_get(embedded->directive, "Dimensions"), SETS_MAX, &n);
  for (guint i = 0; i < n; i++)
    follow_set(embedded, sets->items[i]);
  if (n == 0)
    follow_set(embedded, NULL);
}

void
logs_embedded_add(Call *call, const char *message)
{
  Json *event = NULL;
  guint n = 0;
  if (message[0] != '{' || !strstr(message, "\"CloudWatchMetrics\""))
    return;
  g_autoptr(Error) error = json_parse(call->arena, message, strlen(message), &event);
  const Json *aws = error ? NULL : json_get(event, "_aws"), *time = json_get(aws, "Timestamp");
  const Json *directives = items(json_get(aws, "CloudWatchMetrics"), DIRECTIVES_MAX, &n);
  if (!time || time->type != JSON_NUMBER)
    return;
  gint64 ms = g_ascii_strtoll(arena_strndup(call->arena, time->text, time->n), NULL, 10);
  if (ms < call->now - G_GINT64_CONSTANT(14) * 24 * 3600 * 1000 || ms > call->now + 2 * 3600 * 1000)
    return;
  for (guint i = 0; i < n; i++)
    follow(&(Embedded){call, event, directives->items[i], ms});
}
