#include "base/summary.h"

#include <math.h>

static void
test_exact(void)
{
  g_auto(Summary) summary = {0};
  for (int i = 1; i <= 100; i++)
    summary_add(&summary, i, 1);
  g_assert_cmpfloat(summary.count, ==, 100);
  g_assert_cmpfloat(summary.sum, ==, 5050);
  g_assert_cmpfloat(summary.min, ==, 1);
  g_assert_cmpfloat(summary.max, ==, 100);
  g_assert_cmpfloat(summary_percentile(&summary, 50), ==, 50);
  g_assert_cmpfloat(summary_percentile(&summary, 99), ==, 99);
  g_assert_cmpfloat(summary_percentile(&summary, 99.9), ==, 100);
  g_assert_cmpfloat(summary_percentile(&summary, 0), ==, 1);
  g_assert_cmpfloat(summary_rank(&summary, 10, 20), ==, 10);
  double count = 0, sum = 0;
  summary_trim(&summary, 10, 90, &count, &sum);
  g_assert_cmpfloat(count, ==, 80);
  g_assert_cmpfloat(sum, ==, 4040);
  summary_between(&summary, 99, HUGE_VAL, &count, &sum);
  g_assert_cmpfloat(count, ==, 2);
  g_assert_cmpfloat(sum, ==, 199);
}

static void
test_many_values(void)
{
  g_auto(Summary) summary = {0};
  for (int i = 1; i <= 100000; i++)
    summary_add(&summary, i / 1000.0, 1);
  g_assert_cmpuint(summary.n_values, <=, SUMMARY_VALUES_MAX);
  g_assert_cmpfloat(summary.count, ==, 100000);
  g_assert_cmpfloat(summary.max, ==, 100);
  for (int percent = 5; percent <= 95; percent += 5)
    g_assert_cmpfloat_with_epsilon(summary_percentile(&summary, percent) / percent, 1, 0.05);
}

/* From all powers of two up and down there are still no more than the bound. */
static void
test_wide(void)
{
  g_auto(Summary) summary = {0};
  for (int exponent = -1000; exponent <= 1000; exponent++) {
    summary_add(&summary, ldexp(1, exponent), 1);
    summary_add(&summary, -ldexp(1.5, exponent), 1);
  }
  g_assert_cmpuint(summary.n_values, <=, SUMMARY_VALUES_MAX);
  double count = 0, sum = 0;
  summary_between(&summary, -HUGE_VAL, HUGE_VAL, &count, &sum);
  g_assert_cmpfloat(count, ==, 4002);
  for (guint i = 1; i < summary.n_values; i++)
    g_assert_cmpfloat(summary.values[i - 1].value, <, summary.values[i].value);
}

static void
test_merge(void)
{
  g_auto(Summary) one = {0}, two = {0}, all = {0};
  for (int i = 0; i < 3000; i++) {
    summary_add(i % 2 ? &one : &two, 1 + i % 1000 * 0.37, 1);
    summary_add(&all, 1 + i % 1000 * 0.37, 1);
  }
  summary_merge(&one, &two);
  g_assert_cmpfloat(one.count, ==, all.count);
  g_assert_cmpfloat(one.min, ==, all.min);
  g_assert_cmpfloat(one.max, ==, all.max);
  g_assert_cmpfloat_with_epsilon(one.sum, all.sum, 1e-6);
  g_assert_cmpfloat_with_epsilon(summary_percentile(&one, 90) / summary_percentile(&all, 90), 1, 0.1);
  summary_merge(&one, &(Summary){0});
  g_assert_cmpfloat(one.count, ==, 3000);
}

static void
test_statistics(void)
{
  g_auto(Summary) summary = {0};
  summary_add_statistics(&summary, 3, 6, 2, 2);
  g_assert_false(summary.opaque);
  g_assert_cmpfloat(summary_percentile(&summary, 50), ==, 2);
  summary_add_statistics(&summary, 1, 7, 7, 7);
  g_assert_false(summary.opaque);
  summary_add_statistics(&summary, 10, 30, 1, 9);
  g_assert_true(summary.opaque);
  g_assert_cmpfloat(summary.count, ==, 14);
  g_assert_cmpfloat(summary.sum, ==, 43);
  g_assert_cmpfloat(summary.min, ==, 1);
  g_assert_cmpfloat(summary.max, ==, 9);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/base/summary/exact", test_exact);
  g_test_add_func("/base/summary/many-values", test_many_values);
  g_test_add_func("/base/summary/wide", test_wide);
  g_test_add_func("/base/summary/merge", test_merge);
  g_test_add_func("/base/summary/statistics", test_statistics);
  return g_test_run();
}
