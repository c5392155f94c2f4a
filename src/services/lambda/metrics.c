/* AWS/Lambda in CloudWatch: by function, by function and qualifier (Resource), and of an alias by the version that ran, too.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html */
#include <string.h>

#include "services/lambda/lambda.h"

static void
add(const Call *call, const char *metric, const char *unit, double value, const char *const *dimensions)
{
  metric_add(call->haar, &(MetricSeries){call->account, call->region, "AWS/Lambda", metric, unit, dimensions}, value);
}

/* Under each set of dimensions that AWS has; version: NULL if none ran. */
static void
add_all(const Call *call, const FunctionName *name, const char *version, const char *metric, const char *unit, double value)
{
  add(call, metric, unit, value, NULL);
  add(call, metric, unit, value, METRIC_DIMENSIONS("FunctionName", name->name));
  if (!name->qualifier)
    return;
  const char *resource = arena_printf(call->arena, "%s:%s", name->name, name->qualifier);
  add(call, metric, unit, value, METRIC_DIMENSIONS("FunctionName", name->name, "Resource", resource));
  if (version && !lambda_function_is_version(name->qualifier))
    add(call, metric, unit, value, METRIC_DIMENSIONS("FunctionName", name->name, "Resource", resource, "ExecutedVersion", version));
}

void
lambda_metric_invocation(Call *call, const FunctionName *name, const char *version, gboolean failed, gint64 took_us)
{
  add_all(call, name, version, "Invocations", "Count", 1);
  add_all(call, name, version, "Errors", "Count", failed ? 1 : 0);
  add_all(call, name, version, "Throttles", "Count", 0);
  if (took_us >= 0)
    add_all(call, name, version, "Duration", "Milliseconds", (double) took_us / 1000);
}

void
lambda_metric_throttle(Call *call, const FunctionName *name)
{
  add_all(call, name, NULL, "Throttles", "Count", 1);
}

void
lambda_metric_concurrency(Call *call, const FunctionName *name, gint64 of_function, gint64 of_account)
{
  add(call, "ConcurrentExecutions", "Count", (double) of_account, NULL);
  add(call, "ConcurrentExecutions", "Count", (double) of_function, METRIC_DIMENSIONS("FunctionName", name->name));
}

void
lambda_metric_event(Call *call, const char *function, const char *metric, const char *unit, double value)
{
  add(call, metric, unit, value, NULL);
  add(call, metric, unit, value, METRIC_DIMENSIONS("FunctionName", function));
}

void
lambda_metric_iterator_age(Call *call, const FunctionName *name, gint64 age_ms)
{
  add_all(call, name, NULL, "IteratorAge", "Milliseconds", (double) age_ms);
}

/* https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html */
void
lambda_metric_url(Call *call, const FunctionName *name, int status, gint64 took_us)
{
  add_all(call, name, NULL, "UrlRequestCount", "Count", 1);
  add_all(call, name, NULL, "Url4xxCount", "Count", status / 100 == 4 ? 1 : 0);
  add_all(call, name, NULL, "Url5xxCount", "Count", status / 100 == 5 ? 1 : 0);
  add_all(call, name, NULL, "UrlRequestLatency", "Milliseconds", (double) took_us / 1000);
}
