/* AWS/Lambda in CloudWatch: Invocations, Errors, Throttles, Duration, by function and by qualifier.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html */
#include <string.h>

#include "services/lambda/lambda.h"

/* What is to be counted, for a worker thread. */
typedef struct Sample {
  Haar *haar;
  char *region, *account, *name, *qualifier;
  gboolean throttled, failed;
  double took_ms;
} Sample;

static void
sample_free(Sample *sample)
{
  g_free(sample->region);
  g_free(sample->account);
  g_free(sample->name);
  g_free(sample->qualifier);
  g_free(sample);
}

static void
add(Arena *arena, Json *data, const Sample *sample, const char *metric, double value, const char *unit, gboolean qualified)
{
  Json *datum = lambda_json_strings(arena, "MetricName", metric, "Unit", unit, NULL), *dimensions = json_new_array(arena);
  json_append(arena, dimensions, lambda_json_strings(arena, "Name", "FunctionName", "Value", sample->name, NULL));
  if (qualified) {
    const char *resource = arena_printf(arena, "%s:%s", sample->name, sample->qualifier);
    json_append(arena, dimensions, lambda_json_strings(arena, "Name", "Resource", "Value", resource, NULL));
  }
  json_set(arena, datum, "Dimensions", dimensions);
  json_set(arena, datum, "Value", json_new_double(arena, value));
  json_append(arena, data, datum);
}

static void
send(gpointer data)
{
  Sample *sample = data;
  const Principal *lambda;
  g_autoptr(Arena) arena = arena_new();
  lambda = principal_root(arena, sample->account);
  g_autoptr(Call) call = call_new(sample->haar, sample->account, sample->region, lambda);
  Json *in = lambda_json_strings(arena, "Namespace", "AWS/Lambda", NULL), *list = json_new_array(arena);
  for (int qualified = 0; qualified <= (sample->qualifier != NULL); qualified++) {
    add(arena, list, sample, "Throttles", sample->throttled, "Count", qualified);
    if (sample->throttled)
      continue;
    add(arena, list, sample, "Invocations", 1, "Count", qualified);
    add(arena, list, sample, "Errors", sample->failed, "Count", qualified);
    add(arena, list, sample, "Duration", sample->took_ms, "Milliseconds", qualified);
  }
  json_set(arena, in, "MetricData", list);
  g_autoptr(Error) error = lambda_other_call(call, "cloudwatch", "PutMetricData", NULL, in, NULL);
  if (error)
    log_debug("metrics of %s: %s", sample->name, error->message);
  sample_free(sample);
}

void
lambda_metric_invocation(Call *call, const FunctionName *name, const char *version, const Error *error, gboolean failed, gint64 took_us)
{
  if (!haar_operation("cloudwatch", "PutMetricData"))
    return;
  Sample *sample = g_new0(Sample, 1);
  *sample = (Sample) {
    .haar = call->haar,
    .region = g_strdup(call->region),
    .account = g_strdup(call->account),
    .name = g_strdup(name->name),
    .qualifier = g_strdup(name->qualifier),
    .throttled = error_is(error, "TooManyRequestsException"),
    .failed = failed || error,
    .took_ms = (double) took_us / 1000.0,
  };
  jobs_run(call->haar->jobs, send, sample);
}
