#include "server/metrics.h"

#include <string.h>

#include "server/haar.h"

static const MetricSeries calls = {"111122223333", "us-east-1", "AWS/DynamoDB", "Calls", "Count", METRIC_DIMENSIONS("TableName", "t", "Operation", "PutItem")};

static const MetricMinute *
minute_of(const GPtrArray *taken, const char *name)
{
  for (guint i = 0; i < taken->len; i++) {
    const MetricMinute *minute = g_ptr_array_index(taken, i);
    if (strcmp(minute->series.name, name) == 0)
      return minute;
  }
  return NULL;
}

static void
test_take(void)
{
  Haar haar = {.metrics = metrics_new()};
  g_assert_null(metrics_take(&haar));
  metric_add_at(&haar, &calls, 60000, 1, 1);
  metric_add_at(&haar, &calls, 119999, 3, 2);
  metric_add_at(&haar, &calls, 120000, 5, 1);
  g_autoptr(GPtrArray) taken = metrics_take(&haar);
  g_assert_cmpuint(taken->len, ==, 2);
  const MetricMinute *first = g_ptr_array_index(taken, 0);
  g_assert_cmpint(first->minute, ==, 60000);
  g_assert_cmpfloat(first->summary.count, ==, 3);
  g_assert_cmpfloat(first->summary.sum, ==, 7);
  g_assert_cmpstr(first->series.account, ==, "111122223333");
  g_assert_cmpstr(first->series.region, ==, "us-east-1");
  g_assert_cmpstr(first->series.name_space, ==, "AWS/DynamoDB");
  g_assert_cmpstr(first->series.unit, ==, "Count");
  g_assert_cmpstr(first->series.dimensions[3], ==, "PutItem");
  g_assert_null(first->series.dimensions[4]);
  g_assert_null(metrics_take(&haar));
  metrics_free(haar.metrics);
}

/* A handle that is held stays good when its series was idle. */
static void
test_handle(void)
{
  Haar haar = {.metrics = metrics_new()};
  MetricSeries other = calls;
  other.name = "Other";
  other.unit = NULL;
  other.dimensions = METRIC_DIMENSIONS("TableName", NULL);
  g_autoptr(Metric) metric = metric_open(&haar, &other);
  for (int i = 0; i < 3; i++) {
    metric_add(&haar, &calls, 1);
    g_autoptr(GPtrArray) taken = metrics_take(&haar);
    g_assert_cmpuint(taken->len, ==, 1);
  }
  metric_record(metric, 2.5);
  metric_record(NULL, 2.5);
  g_autoptr(GPtrArray) taken = metrics_take(&haar);
  const MetricMinute *minute = minute_of(taken, "Other");
  g_assert_cmpfloat(minute->summary.sum, ==, 2.5);
  g_assert_cmpstr(minute->series.unit, ==, "None");
  g_assert_null(minute->series.dimensions[0]);
  metric_close(g_steal_pointer(&metric));
  metrics_free(haar.metrics);
}

static void
test_bound(void)
{
  Haar haar = {.metrics = metrics_new()};
  for (int i = 0; i < LIMIT_METRIC_SERIES_MAX + 100; i++) {
    char name[32];
    MetricSeries series = calls;
    g_snprintf(name, sizeof name, "m%d", i);
    series.name = name;
    metric_add(&haar, &series, 1);
  }
  g_autoptr(GPtrArray) taken = metrics_take(&haar);
  g_assert_cmpuint(taken->len, ==, LIMIT_METRIC_SERIES_MAX);
  metric_add(&haar, &calls, 1);
  g_autoptr(GPtrArray) none = metrics_take(&haar); /* idle ones go */
  metric_add(&haar, &calls, 1);
  g_autoptr(GPtrArray) one = metrics_take(&haar);
  g_assert_cmpuint(one->len, ==, 1);
  metrics_free(haar.metrics);
}

static void
sample(Haar *haar, gpointer data)
{
  metric_add(haar, &calls, *(const double *) data);
}

static void
test_sample(void)
{
  static double gauge = 7;
  Haar haar = {.metrics = metrics_new()};
  g_assert_null(metrics_sample(&haar));
  metrics_sampler(&haar, sample, &gauge);
  g_autoptr(GPtrArray) taken = metrics_sample(&haar);
  g_assert_cmpuint(taken->len, ==, 1);
  g_assert_cmpfloat(minute_of(taken, "Calls")->summary.sum, ==, 7);
  g_assert_null(metrics_take(&haar)); /* it is no measurement of its own */
  metrics_free(haar.metrics);
}

enum { THREADS = 4, TIMES = 100000 };

static gpointer
measure_often(gpointer data)
{
  const Haar *haar = data;
  for (int i = 0; i < TIMES; i++)
    metric_add(haar, &calls, i % 1000 / 10.0);
  return NULL;
}

static void
test_threads(void)
{
  Haar haar = {.metrics = metrics_new()};
  GThread *threads[THREADS];
  double count = 0;
  gint64 began = clock_monotonic_us();
  for (int i = 0; i < THREADS; i++)
    threads[i] = g_thread_new(NULL, measure_often, &haar);
  for (int i = 0; i < THREADS; i++)
    g_thread_join(threads[i]);
  g_test_message("%.0f ns a measurement", (double) (clock_monotonic_us() - began) * 1000 / (THREADS * TIMES));
  g_autoptr(GPtrArray) taken = metrics_take(&haar);
  for (guint i = 0; i < taken->len; i++)
    count += ((const MetricMinute *) g_ptr_array_index(taken, i))->summary.count;
  g_assert_cmpfloat(count, ==, THREADS * TIMES);
  metrics_free(haar.metrics);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/server/metrics/take", test_take);
  g_test_add_func("/server/metrics/handle", test_handle);
  g_test_add_func("/server/metrics/bound", test_bound);
  g_test_add_func("/server/metrics/sample", test_sample);
  g_test_add_func("/server/metrics/threads", test_threads);
  return g_test_run();
}
