/* The job of each full minute of the clock (each ten seconds while there is an alarm on a period below a minute): it takes what was
 * measured, and evaluates each alarm at each minute since it last came, so that a clock that was moved misses nothing: first all of them by
 * themselves, which gives changes of state with their times, then these are made in the order of time, and composite alarms follow.
 *
 * At a time t the last period is the one that ends at t: periods slide. What is looked at beyond the N periods, for missing data, is
 * two periods more. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html */
#include <math.h>
#include <string.h>

#include "base/search.h"
#include "jobs/jobs.h"
#include "server/haar.h"
#include "services/cloudwatch/alarm.h"

static const char kind[] = "cloudwatch.evaluate";
static const Table evaluated_table = {"cloudwatch.evaluated"};

enum { FURTHER_PERIODS = 2 };

/* One alarm, over the times of this job. */
typedef struct Watch {
  Call *call; /* its own: region, account, arena */
  CloudwatchMetricAlarm *alarm;
  gint64 period, step, from, to; /* times in (from, to] */
  Statistic statistic;
  DataPoints raw; /* not of math alarms */
  Window window;
} Watch;

typedef struct Change {
  const char *region, *account, *name;
  gint64 configured;
  StateChange to;
} Change;
typedef struct Changes {
  gsize n;
  Change *v;
} Changes;

/* All that one run of the job knows. */
typedef struct Run {
  Haar *haar;
  Arena *arena;
  gint64 from, to;
  Changes changes;
  gboolean high; /* an alarm needs ten seconds */
} Run;

/* --- one time of one alarm --- */

typedef struct Moment {
  const DataPoints *raw;
  gint64 ms;
} Moment;

static gboolean
is_before(gsize at, gconstpointer data)
{
  const Moment *moment = data;
  return moment->raw->v[at].ms < moment->ms;
}

/* The first raw datapoint at or after ms. */
static gsize
find_raw(const DataPoints *raw, gint64 ms)
{
  return search_first(raw->n, is_before, &(Moment){raw, ms});
}

static void
set_point(Watch *watch, guint at, gint64 ms, gboolean there, double value, double count)
{
  const CloudwatchMetricAlarm *alarm = watch->alarm;
  watch->window.v[at] = (WindowPoint){.there = there, .value = value, .count = count, .ms = ms};
  watch->window.v[at].breaching = there && threshold_breached(alarm->ComparisonOperator, value, alarm->Threshold.v);
}

static void
fill_plain(Watch *watch, gint64 time)
{
  for (guint i = 0; i < watch->window.n; i++) {
    gint64 begin = time - (gint64) (i + 1) * watch->period, end = begin + watch->period;
    g_auto(Summary) sum = {0};
    double value = 0;
    for (gsize at = find_raw(&watch->raw, begin); at < watch->raw.n && watch->raw.v[at].ms < end; at++)
      summary_merge(&sum, watch->raw.v[at].summary);
    gboolean there = sum.count > 0 && statistic_of(&watch->statistic, &sum, &value);
    set_point(watch, i, begin, there, value, sum.count);
  }
}

static Error *
fill_math(Watch *watch, gint64 time)
{
  const CloudwatchMetricAlarm *alarm = watch->alarm;
  g_autoptr(Call) call = call_new(watch->call->haar, watch->call->account, watch->call->region, watch->call->principal);
  Queries queries;
  MathValue value = {0};
  gint64 from = time - (gint64) watch->window.n * watch->period;
  Error *error = NULL;
  call->txn = watch->call->txn;
  queries_init(&queries, call, &alarm->Metrics, from, time);
  for (gsize i = 0; i < alarm->Metrics.n && !error; i++)
    if (OPT_OR(alarm->Metrics.v[i]->ReturnData, TRUE))
      error = queries_evaluate(&queries, i, &value);
  call->txn = NULL;
  if (error && error->kind == ERROR_ANSWER) /* an expression that makes no sense of its data gives none */
    error_clear(&error);
  TRY(error);
  for (guint i = 0; i < watch->window.n; i++) {
    gint64 begin = time - (gint64) (i + 1) * watch->period;
    double number = 0;
    gboolean there = value.kind == VALUE_SERIES && math_at(value.series, begin, &number);
    set_point(watch, i, begin, there, number, 0);
  }
  return NULL;
}

/* Too few samples for a percentile to mean something: for p99, 1,000.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#percentiles-with-low-samples */
static gboolean
has_low_samples(const Watch *watch)
{
  double share = watch->statistic.high / 100, count = 0;
  if (watch->statistic.kind != STATISTIC_PERCENTILE || g_strcmp0(watch->alarm->EvaluateLowSampleCountPercentile, "ignore") != 0)
    return FALSE;
  for (guint i = 0; i < watch->window.n; i++)
    count = watch->window.v[i].there ? MAX(count, watch->window.v[i].count) : count;
  return count < 10 / (share >= 0.5 ? 1 - share : share);
}

static gboolean
is_empty(const Window *window)
{
  for (guint i = 0; i < window->n; i++)
    if (window->v[i].there)
      return FALSE;
  return TRUE;
}

/* --- one alarm --- */

static void
note_change(Run *run, Watch *watch, gint64 time, const Verdict *verdict)
{
  CloudwatchMetricAlarm *alarm = watch->alarm;
  Change change = {.region = arena_strdup(run->arena, watch->call->region),
                   .account = arena_strdup(run->arena, watch->call->account),
                   .name = alarm->AlarmName,
                   .configured = alarm->AlarmConfigurationUpdatedTimestamp.ms};
  change.to = (StateChange){verdict->state, reason_text(run->arena, alarm, &watch->window, verdict), reason_data(run->arena, alarm, &watch->window, time), time};
  alarm->StateValue = verdict->state;
  LIST_APPEND(run->arena, &run->changes, change);
}

/* The next time at which something can be different: with no data in sight it is when the next datapoint's period ends. */
static gint64
next_time(const Watch *watch, gint64 time)
{
  gint64 next = time + watch->step;
  if (watch->alarm->Metrics.n || !is_empty(&watch->window))
    return next;
  gsize at = find_raw(&watch->raw, time);
  if (at == watch->raw.n)
    return watch->to + watch->step;
  gint64 seen = watch->raw.v[at].ms + 1;
  return MAX(next, seen + (watch->step - seen % watch->step) % watch->step);
}

static Error *
run_times(Run *run, Watch *watch)
{
  gint64 time = watch->from - watch->from % watch->step + watch->step;
  while (time <= watch->to) {
    Verdict verdict;
    if (watch->alarm->Metrics.n)
      TRY(fill_math(watch, time));
    else
      fill_plain(watch, time);
    window_judge(&watch->window, &verdict);
    if (verdict.state && !has_low_samples(watch) && strcmp(verdict.state, watch->alarm->StateValue) != 0)
      note_change(run, watch, time, &verdict);
    time = next_time(watch, time);
  }
  return NULL;
}

/* DynamoDB's metrics are missing when nothing happens: AWS always ignores that. */
static const char *
treatment(const CloudwatchMetricAlarm *alarm)
{
  if (alarm->Namespace && strcmp(alarm->Namespace, "AWS/DynamoDB") == 0)
    return "ignore";
  return alarm->TreatMissingData ? alarm->TreatMissingData : "missing";
}

static Error *
watch_alarm(Run *run, Call *call, CloudwatchMetricAlarm *alarm)
{
  guint periods = (guint) alarm->EvaluationPeriods.v;
  Watch watch = {.call = call, .alarm = alarm, .to = run->to, .period = alarm->Period.set ? alarm->Period.v * 1000 : queries_period(&alarm->Metrics)};
  watch.step = watch.period < CLOUDWATCH_MINUTE_MS ? CLOUDWATCH_HIGH_MS : CLOUDWATCH_MINUTE_MS;
  gint64 configured = alarm->AlarmConfigurationUpdatedTimestamp.ms;
  watch.from = configured > run->to ? run->from : MAX(run->from, configured); /* it may be from before the clock went back */
  watch.window = (Window){.n = MIN(periods + FURTHER_PERIODS, WINDOW_MAX),
                          .periods = periods,
                          .to_alarm = (guint) OPT_OR(alarm->DatapointsToAlarm, periods),
                          .missing = treatment(alarm)};
  watch.window.v = ARENA_ARRAY(call->arena, WindowPoint, watch.window.n);
  run->high = run->high || watch.step < CLOUDWATCH_MINUTE_MS;
  if (!alarm->Metrics.n) {
    MetricId metric = {alarm->Namespace, alarm->MetricName, &alarm->Dimensions};
    if (!statistic_parse(alarm->Statistic ? alarm->Statistic : alarm->ExtendedStatistic, &watch.statistic))
      return error_fault("alarm %s has no statistic", alarm->AlarmName);
    TRY(data_fetch_raw(call, &metric, alarm->Unit, watch.from - (gint64) watch.window.n * watch.period - watch.step, run->to, &watch.raw));
  }
  return run_times(run, &watch);
}

/* --- all alarms --- */

/* Each alarm has an arena of its own: what it looked at is forgotten when it is done. */
static Error *
watch_stored(Run *run, Txn *txn, const char *region, const char *account, const guint8 *data, gsize size)
{
  CloudwatchAlarmRecord *record = NULL;
  g_autoptr(Call) call = call_new(run->haar, account, region, principal_service(run->arena, "cloudwatch", account));
  call->txn = txn;
  TRY(record_decode(run->arena, &CloudwatchAlarmRecord_shape, data, size, (void **) &record));
  Error *error = record->Metric ? watch_alarm(run, call, record->Metric) : NULL;
  call->txn = NULL;
  return error;
}

static Error *
watch_all(Run *run)
{
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Cursor) cursor = NULL;
  TRY(store_begin_read(run->haar->store, &txn));
  TRY(cursor_open(txn, &cloudwatch_alarm_table, NULL, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *region = NULL, *account = NULL;
    gsize size = 0;
    if (!key_read(&reader, run->arena, &region, &size) || !key_read(&reader, run->arena, &account, &size))
      continue;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(watch_stored(run, txn, region, account, data, size));
  }
  return NULL;
}

static int
compare_changes(const void *one, const void *two)
{
  const Change *a = one, *b = two;
  if (a->to.ms != b->to.ms)
    return a->to.ms < b->to.ms ? -1 : 1;
  return strcmp(a->name, b->name);
}

/* The alarm may have been changed, set or deleted since it was read: then what was found is not about it any more. */
static Error *
make_change(Call *call, gpointer data)
{
  const Change *change = data;
  CloudwatchAlarmRecord *record = NULL;
  TRY(alarm_look(call, change->name, &record));
  if (!record || !record->Metric || record->Metric->AlarmConfigurationUpdatedTimestamp.ms != change->configured)
    return NULL;
  return alarm_change(call, record, &change->to);
}

static Error *
make_changes(Run *run)
{
  if (run->changes.n > 1)
    qsort(run->changes.v, run->changes.n, sizeof *run->changes.v, compare_changes);
  for (gsize i = 0; i < run->changes.n; i++) {
    Change *change = &run->changes.v[i];
    g_autoptr(Call) call = call_new(run->haar, change->account, change->region, principal_service(run->arena, "cloudwatch", change->account));
    TRY(call_write(call, make_change, change));
  }
  return NULL;
}

/* --- the job --- */

static void
evaluated_key(Key *key)
{
  key_strings(key, "all", NULL);
}

/* Until when alarms have been evaluated; now, if never, or if the clock went back. */
static Error *
read_evaluated(Haar *haar, gint64 now, gint64 *ret)
{
  Key key;
  const void *data = NULL;
  gsize size = 0;
  g_autoptr(Txn) txn = NULL;
  evaluated_key(&key);
  TRY(store_begin_read(haar->store, &txn));
  TRY(store_get(txn, &evaluated_table, &key, &data, &size));
  *ret = now - CLOUDWATCH_MINUTE_MS;
  if (data && size == sizeof *ret)
    memcpy(ret, data, sizeof *ret);
  if (*ret > now)
    *ret = now - CLOUDWATCH_MINUTE_MS;
  return NULL;
}

Error *
evaluate_schedule(Txn *txn, Haar *haar, gint64 due)
{
  return jobs_put(txn, haar->jobs, kind, "all", due, "", 0);
}

static Error *
finish(Txn *txn, gpointer data)
{
  const Run *run = data;
  Key key;
  evaluated_key(&key);
  TRY(store_put(txn, &evaluated_table, &key, &run->to, sizeof run->to));
  gint64 step = run->high ? CLOUDWATCH_HIGH_MS : CLOUDWATCH_MINUTE_MS, now = MIN(run->to, clock_now());
  return evaluate_schedule(txn, run->haar, now - now % step + step);
}

static Error *
run_job(JobRun *job)
{
  Run run = {.haar = job->context, .arena = job->arena, .to = clock_now()};
  TRY(data_sample(run.haar, run.to));
  TRY(data_drain(run.haar));
  TRY(read_evaluated(run.haar, run.to, &run.from));
  TRY(watch_all(&run));
  TRY(make_changes(&run));
  return store_write(run.haar->store, finish, &run);
}

void
evaluate_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run_job);
  jobs_catches_up(haar->jobs, kind);
}
