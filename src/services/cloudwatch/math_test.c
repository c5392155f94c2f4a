#include "services/cloudwatch/math.h"

#include <math.h>
#include <string.h>

static const double a_values[] = {1, 2, 3, 4, 5};
static const double b_values[] = {10, NAN, 30, NAN, 50};

static MathSeries *
series(Arena *arena, const char *name)
{
  MathSeries *out = math_series_new(arena, 60000);
  const double *values = strcmp(name, "a") == 0 ? a_values : b_values;
  for (int i = 0; i < 5; i++)
    math_series_append(arena, out, i * 60000, values[i]);
  return out;
}

static Error *
name(MathWorld *world, const char *text, MathValue *ret)
{
  *ret = (MathValue){.kind = VALUE_SERIES, .series = series(world->arena, text)};
  return NULL;
}

static Error *
metrics(MathWorld *world, const char *part, MathSeriesList *ret)
{
  LIST_APPEND(world->arena, ret, series(world->arena, "a"));
  LIST_APPEND(world->arena, ret, series(world->arena, "b"));
  return NULL;
}

static Error *
search(MathWorld *world, const char *text, const char *statistic, gint64 period_ms, MathSeriesList *ret)
{
  return metrics(world, text, ret);
}

/* "minute=value ..." */
static char *
text_of(Arena *arena, const MathValue *value)
{
  g_autoptr(GString) text = g_string_new(NULL);
  if (value->kind == VALUE_SCALAR)
    return arena_printf(arena, "%g", value->number);
  MathSeriesList list = math_list(arena, value);
  for (gsize i = 0; i < list.n; i++)
    for (gsize j = 0; j < list.v[i]->n; j++)
      g_string_append_printf(text, "%s%s%d=%g", text->len ? " " : "", i && !j ? "| " : "", (int) (list.v[i]->v[j].ms / 60000), list.v[i]->v[j].value);
  return arena_strdup(arena, text->str);
}

static char *
evaluate(Arena *arena, const char *expression)
{
  MathWorld world = {.arena = arena, .from = 0, .to = 300000, .period_ms = 60000, .name = name, .metrics = metrics, .search = search};
  MathNode *node = NULL;
  MathValue value = {0};
  g_autoptr(Error) error = math_parse(arena, expression, &node);
  if (!error)
    error = math_evaluate(&world, node, &value);
  return error ? arena_printf(arena, "! %s", error->message) : text_of(arena, &value);
}

static void
test_cases(void)
{
  static const char *const cases[][2] = {
      {"1 + 2 * 3 ^ 2", "19"},
      {"-(2 - 5) * 2", "6"},
      {"a + b", "0=11 2=33 4=55"},
      {"a / 0", ""},
      {"100 * a / b", "0=10 2=10 4=10"},
      {"a > 2 && b == 30", "0=0 2=1 4=0"},
      {"a > 3 OR a < 2", "0=1 1=0 2=0 3=1 4=1"},
      {"!(a >= 3)", "0=1 1=1 2=0 3=0 4=0"},
      {"SUM(a)", "15"},
      {"AVG([a, b])", "0=5.5 1=2 2=16.5 3=4 4=27.5"},
      {"SUM(METRICS())", "0=11 1=2 2=33 3=4 4=55"},
      {"MAX(METRICS(\"m\"))", "0=10 1=2 2=30 3=4 4=50"},
      {"FILL(b, 0)", "0=10 1=0 2=30 3=0 4=50"},
      {"FILL(b, REPEAT)", "0=10 1=10 2=30 3=30 4=50"},
      {"FILL(b, LINEAR)", "0=10 1=20 2=30 3=40 4=50"},
      {"RATE(a) * PERIOD(a)", "1=1 2=1 3=1 4=1"},
      {"DIFF(b)", "2=20 4=20"},
      {"DIFF_TIME(b)", "2=120 4=120"},
      {"RUNNING_SUM(a)", "0=1 1=3 2=6 3=10 4=15"},
      {"IF(a > 2, b, 0)", "0=0 1=0 2=30 4=50"},
      {"IF(a > 2, 1)", "2=1 3=1 4=1"},
      {"TIME_SERIES(7)", "0=7 1=7 2=7 3=7 4=7"},
      {"METRIC_COUNT(METRICS())", "2"},
      {"DATAPOINT_COUNT(b)", "3"},
      {"METRICS() * 2", "0=2 1=4 2=6 3=8 4=10 | 0=20 2=60 4=100"},
      {"FIRST(SORT(METRICS(), MAX, DESC))", "0=10 2=30 4=50"},
      {"SLICE(METRICS(), 1)", "0=10 2=30 4=50"},
      {"STDDEV(a) * STDDEV(a)", "2"},
      {"SUM(SEARCH('{N} x', 'Sum', 60))", "0=11 1=2 2=33 3=4 4=55"},
      {"MINUTE(a)", "0=0 1=1 2=2 3=3 4=4"},
      {"CEIL(a / 2)", "0=1 1=1 2=2 3=2 4=3"},
      {"a +", "! Error in expression: it ends where something more is expected"},
      {"a $ b", "! Error in expression: unexpected '$ b' at position 3"},
      {"NOSUCH(a)", "! Error in expression: unsupported function 'NOSUCH'"},
      {"\"x\" + a", "! Unsupported operand type(s): 'String, TimeSeries'"},
      {"METRICS() + METRICS()", "! Unsupported operand type(s): 'TimeSeries[], TimeSeries[]'"},
      {"SUM()", "! Incorrect number of arguments of the function SUM: 0"},
      {"'open", "! Error in expression: the text at position 1 has no end"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Arena) arena = arena_new();
    g_test_message("%s", cases[i][0]);
    g_assert_cmpstr(evaluate(arena, cases[i][0]), ==, cases[i][1]);
  }
}

static void
test_deep(void)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_autoptr(Arena) arena = arena_new();
  for (int i = 0; i < 900; i++)
    g_string_append(text, "(");
  g_assert_cmpstr(evaluate(arena, text->str), ==, "! Error in expression: it is nested too deeply");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/cloudwatch/math/cases", test_cases);
  g_test_add_func("/cloudwatch/math/deep", test_deep);
  return g_test_run();
}
