/* The functions of metric math: a row each. A series gives a series or a number; an array, one series by times (SUM, AVG, ...) or an array. */
#include <math.h>
#include <string.h>

#include "services/cloudwatch/math.h"

enum { POINTS_MAX = 100800 };

typedef struct Function Function;
typedef struct Args {
  const Function *function;
  gsize n;
  MathValue *v;
} Args;
struct Function {
  const char *name;
  gsize min, max; /* arguments */
  Error *(*run)(MathWorld *world, const Args *args, MathValue *ret);
  double (*one)(double value);
};

static Error *
bad_argument(const Args *args, const char *what)
{
  return error_answer("ValidationError", "Unsupported argument of the function %s: %s", args->function->name, what);
}

static MathValue
series_value(MathSeries *series)
{
  return (MathValue){.kind = VALUE_SERIES, .series = series};
}

/* --- one series to another; an array series by series --- */

typedef MathSeries *(*SeriesFunction)(MathWorld *world, const MathSeries *in, const Args *args);

static Error *
each_series(MathWorld *world, const Args *args, SeriesFunction function, MathValue *ret)
{
  const MathValue *value = &args->v[0];
  if (value->kind == VALUE_SERIES) {
    *ret = series_value(function(world, value->series, args));
    ret->series->label = value->series->label;
    return NULL;
  }
  if (value->kind != VALUE_ARRAY)
    return bad_argument(args, "it needs a time series");
  *ret = (MathValue){.kind = VALUE_ARRAY};
  for (gsize i = 0; i < value->array.n; i++) {
    MathSeries *out = function(world, value->array.v[i], args);
    out->label = value->array.v[i]->label;
    LIST_APPEND(world->arena, &ret->array, out);
  }
  return NULL;
}

static MathSeries *
map_one(MathWorld *world, const MathSeries *in, const Args *args)
{
  MathSeries *out = math_series_new(world->arena, in->period_ms);
  for (gsize i = 0; i < in->n; i++)
    math_series_append(world->arena, out, in->v[i].ms, args->function->one(in->v[i].value));
  return out;
}

static Error *
run_one(MathWorld *world, const Args *args, MathValue *ret)
{
  if (args->v[0].kind != VALUE_SCALAR)
    return each_series(world, args, map_one, ret);
  *ret = math_scalar(args->function->one(args->v[0].number));
  return NULL;
}

static MathSeries *
diff(MathWorld *world, const MathSeries *in, const Args *args)
{
  MathSeries *out = math_series_new(world->arena, in->period_ms);
  for (gsize i = 1; i < in->n; i++) {
    double seconds = (double) (in->v[i].ms - in->v[i - 1].ms) / 1000, change = in->v[i].value - in->v[i - 1].value;
    double value = strcmp(args->function->name, "RATE") == 0 ? change / seconds : strcmp(args->function->name, "DIFF") == 0 ? change : seconds;
    math_series_append(world->arena, out, in->v[i].ms, value);
  }
  return out;
}

static Error *
run_diff(MathWorld *world, const Args *args, MathValue *ret)
{
  return each_series(world, args, diff, ret);
}

static MathSeries *
running_sum(MathWorld *world, const MathSeries *in, const Args *args)
{
  MathSeries *out = math_series_new(world->arena, in->period_ms);
  double sum = 0;
  for (gsize i = 0; i < in->n; i++)
    math_series_append(world->arena, out, in->v[i].ms, sum += in->v[i].value);
  return out;
}

static Error *
run_running_sum(MathWorld *world, const Args *args, MathValue *ret)
{
  return each_series(world, args, running_sum, ret);
}

/* --- FILL --- */

static double
filling(const MathSeries *in, gsize next, gint64 ms, const MathValue *how)
{
  double number = 0;
  if (how->kind == VALUE_SCALAR)
    return how->number;
  if (how->kind == VALUE_SERIES)
    return math_at(how->series, ms, &number) ? number : NAN;
  if (next == 0)
    return in->n > 0 ? in->v[0].value : NAN;
  const MathPoint *before = &in->v[next - 1];
  if (next == in->n || strcmp(how->text, "REPEAT") == 0)
    return before->value;
  double share = (double) (ms - before->ms) / (double) (in->v[next].ms - before->ms);
  return before->value + share * (in->v[next].value - before->value);
}

static MathSeries *
fill(MathWorld *world, const MathSeries *in, const Args *args)
{
  gint64 period = in->period_ms > 0 ? in->period_ms : world->period_ms;
  MathSeries *out = math_series_new(world->arena, period);
  gsize next = 0;
  for (gint64 ms = world->from; ms < world->to && out->n < POINTS_MAX; ms += period) {
    if (next < in->n && in->v[next].ms == ms)
      math_series_append(world->arena, out, ms, in->v[next].value);
    else
      math_series_append(world->arena, out, ms, filling(in, next, ms, &args->v[1]));
    while (next < in->n && in->v[next].ms <= ms)
      next++;
  }
  return out;
}

static Error *
run_fill(MathWorld *world, const Args *args, MathValue *ret)
{
  const MathValue *how = &args->v[1];
  if (how->kind == VALUE_ARRAY || (how->kind == VALUE_TEXT && strcmp(how->text, "REPEAT") != 0 && strcmp(how->text, "LINEAR") != 0))
    return bad_argument(args, "the second is a number, a time series, REPEAT or LINEAR");
  return each_series(world, args, fill, ret);
}

/* --- many values to one --- */

static int
compare_times(const void *one, const void *two)
{
  gint64 a = *(const gint64 *) one, b = *(const gint64 *) two;
  return a < b ? -1 : a > b;
}

typedef struct Times {
  gsize n;
  gint64 *v;
} Times;

/* All times at which one of the series has a point, in order. */
static Times
all_times(Arena *arena, const MathSeriesList *list)
{
  Times times = {0};
  gsize kept = 0;
  for (gsize i = 0; i < list->n; i++)
    for (gsize j = 0; j < list->v[i]->n; j++)
      LIST_APPEND(arena, &times, list->v[i]->v[j].ms);
  if (times.n > 1)
    qsort(times.v, times.n, sizeof *times.v, compare_times);
  for (gsize i = 0; i < times.n; i++)
    if (kept == 0 || times.v[kept - 1] != times.v[i])
      times.v[kept++] = times.v[i];
  times.n = kept;
  return times;
}

typedef struct Gathered {
  double count, sum, squares, min, max;
} Gathered;

static void
gather(Gathered *all, double value)
{
  all->min = all->count > 0 ? MIN(all->min, value) : value;
  all->max = all->count > 0 ? MAX(all->max, value) : value;
  all->count++;
  all->sum += value;
  all->squares += value * value;
}

static double
gathered(const Args *args, const Gathered *all)
{
  const char *name = args->function->name;
  if (strcmp(name, "SUM") == 0)
    return all->sum;
  if (strcmp(name, "MIN") == 0)
    return all->min;
  if (strcmp(name, "MAX") == 0)
    return all->max;
  if (strcmp(name, "AVG") == 0)
    return all->sum / all->count;
  double mean = all->sum / all->count;
  return sqrt(MAX(all->squares / all->count - mean * mean, 0));
}

/* SUM, AVG, MIN, MAX, STDDEV: of a series a number, of an array a series. */
static Error *
run_gather(MathWorld *world, const Args *args, MathValue *ret)
{
  const MathValue *value = &args->v[0];
  Gathered all = {0};
  if (value->kind == VALUE_TEXT || value->kind == VALUE_SCALAR)
    return bad_argument(args, "it needs a time series or an array of them");
  if (value->kind == VALUE_SERIES) {
    for (gsize i = 0; i < value->series->n; i++)
      gather(&all, value->series->v[i].value);
    *ret = math_scalar(all.count > 0 ? gathered(args, &all) : NAN);
    return NULL;
  }
  Times times = all_times(world->arena, &value->array);
  gint64 period = world->period_ms;
  for (gsize i = 0; i < value->array.n; i++)
    period = i ? MAX(period, value->array.v[i]->period_ms) : value->array.v[i]->period_ms;
  MathSeries *out = math_series_new(world->arena, period);
  for (gsize t = 0; t < times.n; t++) {
    double number = 0;
    all = (Gathered){0};
    for (gsize i = 0; i < value->array.n; i++)
      if (math_at(value->array.v[i], times.v[t], &number))
        gather(&all, number);
    math_series_append(world->arena, out, times.v[t], gathered(args, &all));
  }
  *ret = series_value(out);
  return NULL;
}

/* DATAPOINT_COUNT, METRIC_COUNT */
static Error *
run_count(MathWorld *world, const Args *args, MathValue *ret)
{
  MathSeriesList list = math_list(world->arena, &args->v[0]);
  double count = 0;
  if (strcmp(args->function->name, "METRIC_COUNT") == 0) {
    *ret = math_scalar((double) list.n);
    return NULL;
  }
  for (gsize i = 0; i < list.n; i++)
    count += (double) list.v[i]->n;
  *ret = math_scalar(count);
  return NULL;
}

static MathSeries *
constant(MathWorld *world, double number)
{
  MathSeries *out = math_series_new(world->arena, world->period_ms);
  for (gint64 ms = world->from; ms < world->to && out->n < POINTS_MAX; ms += world->period_ms)
    math_series_append(world->arena, out, ms, number);
  return out;
}

static Error *
run_time_series(MathWorld *world, const Args *args, MathValue *ret)
{
  if (args->v[0].kind != VALUE_SCALAR)
    return bad_argument(args, "it needs a number");
  *ret = series_value(constant(world, args->v[0].number));
  return NULL;
}

static Error *
run_period(MathWorld *world, const Args *args, MathValue *ret)
{
  if (args->v[0].kind != VALUE_SERIES)
    return bad_argument(args, "it needs a time series");
  *ret = math_scalar((double) args->v[0].series->period_ms / 1000);
  return NULL;
}

/* --- IF --- */

static gboolean
value_at(const MathValue *value, gint64 ms, double *ret)
{
  if (value->kind == VALUE_SERIES)
    return math_at(value->series, ms, ret);
  *ret = value->number;
  return value->kind == VALUE_SCALAR && isfinite(value->number);
}

static gboolean
is_true(double number)
{
  return number < 0 || number > 0;
}

/* IF(condition, then[, else]): without else there is no point where the condition is 0. */
static Error *
run_if(MathWorld *world, const Args *args, MathValue *ret)
{
  MathSeriesList guides = {0};
  gint64 period = 0;
  for (gsize i = 0; i < args->n; i++) {
    if (args->v[i].kind == VALUE_TEXT || args->v[i].kind == VALUE_ARRAY)
      return bad_argument(args, "it needs time series and numbers");
    if (args->v[i].kind != VALUE_SERIES)
      continue;
    LIST_APPEND(world->arena, &guides, args->v[i].series);
    period = MAX(period, args->v[i].series->period_ms);
  }
  if (guides.n == 0) {
    gboolean yes = is_true(args->v[0].number);
    *ret = yes ? args->v[1] : args->n > 2 ? args->v[2] : math_scalar(NAN);
    return NULL;
  }
  Times times = all_times(world->arena, &guides);
  MathSeries *out = math_series_new(world->arena, period);
  for (gsize t = 0; t < times.n; t++) {
    double condition = 0, number = 0;
    if (!value_at(&args->v[0], times.v[t], &condition))
      continue;
    const MathValue *chosen = is_true(condition) ? &args->v[1] : args->n > 2 ? &args->v[2] : NULL;
    if (chosen && value_at(chosen, times.v[t], &number))
      math_series_append(world->arena, out, times.v[t], number);
  }
  *ret = series_value(out);
  return NULL;
}

/* --- FIRST, LAST, SLICE, SORT, REMOVE_EMPTY --- */

static Error *
run_end(MathWorld *world, const Args *args, MathValue *ret)
{
  gboolean first = strcmp(args->function->name, "FIRST") == 0;
  if (args->v[0].kind != VALUE_ARRAY || args->v[0].array.n == 0)
    return bad_argument(args, "it needs an array of time series that is not empty");
  *ret = series_value(args->v[0].array.v[first ? 0 : args->v[0].array.n - 1]);
  return NULL;
}

static Error *
run_slice(MathWorld *world, const Args *args, MathValue *ret)
{
  if (args->v[0].kind != VALUE_ARRAY || args->v[1].kind != VALUE_SCALAR || (args->n > 2 && args->v[2].kind != VALUE_SCALAR))
    return bad_argument(args, "it needs an array and one or two numbers");
  gsize n = args->v[0].array.n, from = (gsize) CLAMP(args->v[1].number, 0, (double) n);
  gsize to = args->n > 2 ? (gsize) CLAMP(args->v[2].number, (double) from, (double) n) : n;
  *ret = (MathValue){.kind = VALUE_ARRAY};
  for (gsize i = from; i < to; i++)
    LIST_APPEND(world->arena, &ret->array, args->v[0].array.v[i]);
  return NULL;
}

static Error *
run_remove_empty(MathWorld *world, const Args *args, MathValue *ret)
{
  MathSeriesList list = math_list(world->arena, &args->v[0]);
  *ret = (MathValue){.kind = VALUE_ARRAY};
  for (gsize i = 0; i < list.n; i++)
    if (list.v[i]->n > 0)
      LIST_APPEND(world->arena, &ret->array, list.v[i]);
  return NULL;
}

static const Function gather_functions[];

static double
sort_value(const MathSeries *series, const char *by)
{
  Gathered all = {0};
  for (gsize i = 0; i < series->n; i++)
    gather(&all, series->v[i].value);
  for (const Function *row = gather_functions; row->name; row++)
    if (all.count > 0 && strcmp(row->name, by) == 0)
      return gathered(&(Args){.function = row}, &all);
  return -HUGE_VAL;
}

/* SORT(array, SUM|AVG|MIN|MAX, ASC|DESC[, how many]) */
static Error *
run_sort(MathWorld *world, const Args *args, MathValue *ret)
{
  if (args->v[0].kind != VALUE_ARRAY || args->v[1].kind != VALUE_TEXT || args->v[2].kind != VALUE_TEXT || (args->n > 3 && args->v[3].kind != VALUE_SCALAR))
    return bad_argument(args, "it is SORT(array, SUM, DESC, number)");
  gboolean down = strcmp(args->v[2].text, "DESC") == 0;
  gsize n = args->v[0].array.n, most = args->n > 3 ? (gsize) CLAMP(args->v[3].number, 0, (double) n) : n;
  *ret = (MathValue){.kind = VALUE_ARRAY};
  for (gsize i = 0; i < n; i++) {
    double value = sort_value(args->v[0].array.v[i], args->v[1].text);
    gsize at = ret->array.n;
    LIST_APPEND(world->arena, &ret->array, args->v[0].array.v[i]);
    for (; at > 0; at--) {
      double before = sort_value(ret->array.v[at - 1], args->v[1].text);
      if (down ? before >= value : before <= value)
        break;
      ret->array.v[at] = ret->array.v[at - 1];
    }
    ret->array.v[at] = args->v[0].array.v[i];
  }
  ret->array.n = MIN(ret->array.n, most);
  return NULL;
}

/* --- METRICS, SEARCH --- */

static Error *
run_metrics(MathWorld *world, const Args *args, MathValue *ret)
{
  if (args->n > 0 && args->v[0].kind != VALUE_TEXT)
    return bad_argument(args, "it needs a text");
  *ret = (MathValue){.kind = VALUE_ARRAY};
  return world->metrics(world, args->n ? args->v[0].text : NULL, &ret->array);
}

static Error *
run_search(MathWorld *world, const Args *args, MathValue *ret)
{
  if (args->v[0].kind != VALUE_TEXT || args->v[1].kind != VALUE_TEXT || (args->n > 2 && args->v[2].kind != VALUE_SCALAR))
    return bad_argument(args, "it is SEARCH('{Namespace,Dimension} words', 'Average', 300)");
  *ret = (MathValue){.kind = VALUE_ARRAY};
  return world->search(world, args->v[0].text, args->v[1].text, args->n > 2 ? (gint64) (CLAMP(args->v[2].number, 0, 86400) * 1000) : 0, &ret->array);
}

/* --- times --- */

static double
time_part(const char *name, gint64 ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(ms / 1000);
  if (strcmp(name, "EPOCH") == 0 || !time)
    return (double) (ms / 1000);
  if (strcmp(name, "MINUTE") == 0)
    return g_date_time_get_minute(time);
  if (strcmp(name, "HOUR") == 0)
    return g_date_time_get_hour(time);
  if (strcmp(name, "DAY") == 0)
    return g_date_time_get_day_of_week(time);
  if (strcmp(name, "DATE") == 0)
    return g_date_time_get_day_of_month(time);
  return strcmp(name, "MONTH") == 0 ? g_date_time_get_month(time) : g_date_time_get_year(time);
}

static MathSeries *
times_of(MathWorld *world, const MathSeries *in, const Args *args)
{
  MathSeries *out = math_series_new(world->arena, in->period_ms);
  for (gsize i = 0; i < in->n; i++)
    math_series_append(world->arena, out, in->v[i].ms, time_part(args->function->name, in->v[i].ms));
  return out;
}

static Error *
run_time(MathWorld *world, const Args *args, MathValue *ret)
{
  return each_series(world, args, times_of, ret);
}

/* --- the table --- */

static const Function gather_functions[] = {
    {"AVG", 1, 1, run_gather, NULL}, {"MAX", 1, 1, run_gather, NULL},    {"MIN", 1, 1, run_gather, NULL},
    {"SUM", 1, 1, run_gather, NULL}, {"STDDEV", 1, 1, run_gather, NULL}, {NULL, 0, 0, NULL, NULL},
};

static const Function functions[] = {
    {"ABS", 1, 1, run_one, fabs},
    {"CEIL", 1, 1, run_one, ceil},
    {"DATAPOINT_COUNT", 1, 1, run_count, NULL},
    {"DATE", 1, 1, run_time, NULL},
    {"DAY", 1, 1, run_time, NULL},
    {"DIFF", 1, 1, run_diff, NULL},
    {"DIFF_TIME", 1, 1, run_diff, NULL},
    {"EPOCH", 1, 1, run_time, NULL},
    {"FILL", 2, 2, run_fill, NULL},
    {"FIRST", 1, 1, run_end, NULL},
    {"FLOOR", 1, 1, run_one, floor},
    {"HOUR", 1, 1, run_time, NULL},
    {"IF", 2, 3, run_if, NULL},
    {"LAST", 1, 1, run_end, NULL},
    {"LOG", 1, 1, run_one, log},
    {"LOG10", 1, 1, run_one, log10},
    {"METRICS", 0, 1, run_metrics, NULL},
    {"METRIC_COUNT", 1, 1, run_count, NULL},
    {"MINUTE", 1, 1, run_time, NULL},
    {"MONTH", 1, 1, run_time, NULL},
    {"PERIOD", 1, 1, run_period, NULL},
    {"RATE", 1, 1, run_diff, NULL},
    {"REMOVE_EMPTY", 1, 1, run_remove_empty, NULL},
    {"RUNNING_SUM", 1, 1, run_running_sum, NULL},
    {"SEARCH", 2, 3, run_search, NULL},
    {"SLICE", 2, 3, run_slice, NULL},
    {"SORT", 3, 4, run_sort, NULL},
    {"TIME_SERIES", 1, 1, run_time_series, NULL},
    {"YEAR", 1, 1, run_time, NULL},
};

static const Function *
find(const char *name)
{
  for (const Function *row = gather_functions; row->name; row++)
    if (strcmp(row->name, name) == 0)
      return row;
  for (gsize i = 0; i < G_N_ELEMENTS(functions); i++)
    if (strcmp(functions[i].name, name) == 0)
      return &functions[i];
  return NULL;
}

gboolean
math_function_known(const char *name)
{
  return find(name) != NULL;
}

Error *
math_function(MathWorld *world, const char *name, MathValue *args, gsize n, MathValue *ret)
{
  const Function *function = find(name);
  if (!function)
    return error_answer("ValidationError", "unsupported function '%s'", name);
  if (n < function->min || n > function->max)
    return error_answer("ValidationError", "Incorrect number of arguments of the function %s: %" G_GSIZE_FORMAT, name, n);
  return function->run(world, &(Args){function, n, args}, ret);
}
