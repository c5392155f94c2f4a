/* MetricDataQueries: metrics with a statistic, and expressions over them by id. Each is evaluated once, when it is first wanted. */
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

enum { QUERIES_MAX = 500, SEARCH_MAX = 500 };

typedef enum { QUERY_NEW, QUERY_RUNNING, QUERY_DONE } QueryState;

typedef struct QueryResult {
  QueryState state;
  MathValue value;
} QueryResult;

/* --- checks --- */

static gboolean
is_id(const char *id)
{
  if (!g_ascii_islower(id[0]))
    return FALSE;
  for (; *id; id++)
    if (!g_ascii_isalnum(*id) && *id != '_')
      return FALSE;
  return TRUE;
}

static gboolean
is_period(gint64 seconds)
{
  return seconds == 1 || seconds == 5 || seconds == 10 || seconds == 20 || seconds == 30 || (seconds > 0 && seconds % 60 == 0);
}

static Error *
check_stat(Arena *arena, const CloudwatchMetricStat *stat, const char *path, gsize number)
{
  Statistic statistic;
  if (!is_period(stat->Period.v))
    return error_answer("ValidationError", "The parameter %s.member.%" G_GSIZE_FORMAT ".MetricStat.Period must be 1, 5, 10, 20, 30 or any multiple of 60.", path, number);
  if (!statistic_parse(stat->Stat, &statistic))
    return error_answer("ValidationError", "The value %s for parameter %s.member.%" G_GSIZE_FORMAT ".MetricStat.Stat is not supported.", stat->Stat, path, number);
  return cloudwatch_check_metric(arena, stat->Metric->Namespace, stat->Metric->MetricName, &stat->Metric->Dimensions);
}

static gssize
find_id(const CloudwatchMetricDataQueries *in, const char *id)
{
  for (gsize i = 0; i < in->n; i++)
    if (strcmp(in->v[i]->Id, id) == 0)
      return (gssize) i;
  return -1;
}

typedef struct Names {
  const CloudwatchMetricDataQueries *in;
  const char *missing;
} Names;

static void
look_up(const char *name, gpointer data)
{
  static const char *const words[] = {"REPEAT", "LINEAR", "SUM", "AVG", "MIN", "MAX", "ASC", "DESC"};
  Names *names = data;
  for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
    if (strcmp(words[i], name) == 0)
      return;
  if (find_id(names->in, name) < 0)
    names->missing = name;
}

static Error *
check_expression(Arena *arena, const CloudwatchMetricDataQueries *in, const CloudwatchMetricDataQuery *query)
{
  MathNode *node = NULL;
  Names names = {in, NULL};
  TRY(error_prefix(math_parse(arena, query->Expression, &node), "Query '%s'", query->Id));
  math_names(node, look_up, &names);
  if (names.missing)
    return error_answer("ValidationError", "Error in expression '%s': Undefined variable '%s'", query->Id, names.missing);
  return NULL;
}

Error *
queries_check(Arena *arena, const CloudwatchMetricDataQueries *in, const char *path)
{
  if (in->n > QUERIES_MAX)
    return error_answer("ValidationError", "The collection %s must not have a size greater than %d.", path, QUERIES_MAX);
  for (gsize i = 0; i < in->n; i++) {
    const CloudwatchMetricDataQuery *query = in->v[i];
    if (!is_id(query->Id))
      return error_answer("ValidationError", "The value %s for parameter %s.member.%" G_GSIZE_FORMAT ".Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", query->Id, path, i + 1);
    if (find_id(in, query->Id) != (gssize) i)
      return error_answer("ValidationError", "The values for parameter Id in %s are not unique.", path);
    if ((query->MetricStat != NULL) == (query->Expression != NULL))
      return error_answer("ValidationError", "Exactly one of the parameters %s.member.%" G_GSIZE_FORMAT ".MetricStat and %s.member.%" G_GSIZE_FORMAT ".Expression must be specified.", path, i + 1, path, i + 1);
    if (query->AccountId)
      return error_answer("ValidationError", "haar has no linked accounts: leave %s.member.%" G_GSIZE_FORMAT ".AccountId out.", path, i + 1);
    if (query->MetricStat)
      TRY(check_stat(arena, query->MetricStat, path, i + 1));
    else
      TRY(check_expression(arena, in, query));
  }
  return NULL;
}

gint64
queries_period(const CloudwatchMetricDataQueries *in)
{
  gint64 period = 0;
  for (gsize i = 0; i < in->n; i++) {
    if (in->v[i]->MetricStat)
      period = MAX(period, in->v[i]->MetricStat->Period.v * 1000);
    else if (in->v[i]->Period.set)
      period = MAX(period, in->v[i]->Period.v * 1000);
  }
  return period ? period : CLOUDWATCH_MINUTE_MS;
}

/* --- metrics --- */

MathSeries *
query_series(Arena *arena, const DataPoints *points, const Statistic *statistic, gint64 period_ms)
{
  MathSeries *series = math_series_new(arena, period_ms);
  for (gsize i = 0; i < points->n; i++) {
    double value = 0;
    if (statistic_of(statistic, points->v[i].summary, &value))
      math_series_append(arena, series, points->v[i].ms, value);
  }
  return series;
}

static Error *
fetch_series(const Queries *queries, const MetricId *metric, const char *stat, const char *unit, gint64 period_ms, MathSeries **ret)
{
  Statistic statistic;
  DataPoints points = {0};
  Call *call = queries->call;
  if (!statistic_parse(stat, &statistic))
    return error_answer("ValidationError", "The statistic %s is not supported", stat);
  TRY(data_fetch(call, metric, unit, data_round_start(queries->from, call->now, period_ms), queries->to, period_ms, &points));
  *ret = query_series(call->arena, &points, &statistic, period_ms);
  return NULL;
}

static Error *
run_stat(const Queries *queries, const CloudwatchMetricStat *stat, MathValue *ret)
{
  MetricId metric = {stat->Metric->Namespace, stat->Metric->MetricName, &stat->Metric->Dimensions};
  *ret = (MathValue){.kind = VALUE_SERIES};
  TRY(fetch_series(queries, &metric, stat->Stat, stat->Unit, stat->Period.v * 1000, &ret->series));
  ret->series->label = stat->Metric->MetricName;
  return NULL;
}

/* --- the world of expressions --- */

static Error *
world_name(MathWorld *world, const char *name, MathValue *ret)
{
  Queries *queries = world->data;
  gssize at = find_id(queries->in, name);
  if (at < 0)
    return error_answer("ValidationError", "Undefined variable '%s'", name);
  return queries_evaluate(queries, (gsize) at, ret);
}

static Error *
world_metrics(MathWorld *world, const char *part, MathSeriesList *ret)
{
  Queries *queries = world->data;
  for (gsize i = 0; i < queries->in->n; i++) {
    const CloudwatchMetricDataQuery *query = queries->in->v[i];
    MathValue value = {0};
    if (!query->MetricStat || (part && !strstr(query->Id, part)))
      continue;
    TRY(queries_evaluate(queries, i, &value));
    LIST_APPEND(world->arena, ret, value.series);
  }
  return NULL;
}

/* The metric's name, and the values of its dimensions. */
static const char *
found_label(Arena *arena, const CloudwatchMetricRecord *record)
{
  g_autoptr(GString) label = g_string_new(NULL);
  for (gsize i = 0; i < record->Dimensions.n; i++)
    g_string_append_printf(label, "%s ", record->Dimensions.v[i]->Value);
  g_string_append(label, record->MetricName);
  return arena_strdup(arena, label->str);
}

static Error *
world_search(MathWorld *world, const char *search, const char *statistic, gint64 period_ms, MathSeriesList *ret)
{
  const Queries *queries = world->data;
  MetricRecords all = {0};
  TRY(search_check(search));
  TRY(data_metrics(queries->call, NULL, &all));
  for (gsize i = 0; i < all.n && ret->n < SEARCH_MAX; i++) {
    MetricId metric = {all.v[i]->Namespace, all.v[i]->MetricName, &all.v[i]->Dimensions};
    MathSeries *series = NULL;
    if (!search_finds(search, all.v[i]))
      continue;
    TRY(fetch_series(queries, &metric, statistic, NULL, period_ms ? period_ms : world->period_ms, &series));
    series->label = found_label(world->arena, all.v[i]);
    if (series->n > 0)
      LIST_APPEND(world->arena, ret, series);
  }
  return NULL;
}

/* --- all --- */

void
queries_init(Queries *queries, Call *call, const CloudwatchMetricDataQueries *in, gint64 from, gint64 to)
{
  gint64 period = queries_period(in);
  *queries = (Queries){.call = call, .in = in, .from = from, .to = to};
  queries->results = ARENA_ARRAY(call->arena, QueryResult, MAX(in->n, 1));
  queries->world = (MathWorld){.arena = call->arena,
                               .from = data_round_start(from, call->now, period),
                               .to = to,
                               .period_ms = period,
                               .data = queries,
                               .name = world_name,
                               .metrics = world_metrics,
                               .search = world_search};
}

static Error *
run_expression(Queries *queries, const CloudwatchMetricDataQuery *query, MathValue *ret)
{
  MathNode *node = NULL;
  gint64 period = queries->world.period_ms;
  TRY(math_parse(queries->call->arena, query->Expression, &node));
  if (query->Period.set)
    queries->world.period_ms = query->Period.v * 1000;
  Error *error = math_evaluate(&queries->world, node, ret);
  queries->world.period_ms = period;
  return error_prefix(error, "Error in expression '%s'", query->Id);
}

Error *
queries_evaluate(Queries *queries, gsize at, MathValue *ret)
{
  QueryResult *result = &queries->results[at];
  const CloudwatchMetricDataQuery *query = queries->in->v[at];
  if (result->state == QUERY_RUNNING)
    return error_answer("ValidationError", "Circular reference of the expression '%s'", query->Id);
  if (result->state == QUERY_NEW) {
    result->state = QUERY_RUNNING;
    if (query->MetricStat)
      TRY(run_stat(queries, query->MetricStat, &result->value));
    else
      TRY(run_expression(queries, query, &result->value));
    result->state = QUERY_DONE;
  }
  *ret = result->value;
  return NULL;
}
