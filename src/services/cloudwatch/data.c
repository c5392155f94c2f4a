/* A datapoint is the summary of what was measured of a metric with a unit in a second or minute: key (region, account, namespace, name,
 * dimensions, unit, time). Dimensions are one part of the key, in the order of their names. Periods are put together when they are read. */
#include <string.h>

#include "server/haar.h"
#include "services/cloudwatch/cloudwatch.h"

const Table cloudwatch_metric_table = {"cloudwatch.metric"};
const Table cloudwatch_data_table = {"cloudwatch.data"};

static const gint64 remember_ms = 10 * CLOUDWATCH_MINUTE_MS;
static const gint64 day_ms = 24 * 3600 * 1000, batch_ms = 2 * 3600 * 1000;

/* --- keys --- */

static int
compare_dimensions(const void *one, const void *two)
{
  const CloudwatchDimension *a = *(CloudwatchDimension *const *) one, *b = *(CloudwatchDimension *const *) two;
  return strcmp(a->Name, b->Name);
}

/* Names and values, each ended by a byte that they cannot have. */
static const char *
dimensions_text(Arena *arena, const CloudwatchDimensions *dimensions)
{
  if (!dimensions || dimensions->n == 0)
    return "";
  CloudwatchDimension **sorted = arena_memdup(arena, dimensions->v, dimensions->n * sizeof *dimensions->v);
  qsort(sorted, dimensions->n, sizeof *sorted, compare_dimensions);
  g_autoptr(GString) text = g_string_new(NULL);
  for (gsize i = 0; i < dimensions->n; i++)
    g_string_append_printf(text, "%s\x1f%s\x1e", sorted[i]->Name, sorted[i]->Value);
  return arena_strdup(arena, text->str);
}

static void
metric_key(Arena *arena, const char *region, const char *account, const MetricId *metric, Key *key)
{
  key_strings(key, region, account, metric->name_space, metric->name, NULL);
  key_add(key, dimensions_text(arena, metric->dimensions));
}

/* --- summaries as bytes --- */

typedef struct Head {
  double count, sum, min, max;
  guint32 n_values;
  guint16 bits, opaque;
} Head;

GByteArray *
data_encode(const Summary *summary)
{
  Head head = {summary->count, summary->sum, summary->min, summary->max, summary->n_values, (guint16) summary->bits, summary->opaque};
  GByteArray *bytes = g_byte_array_sized_new((guint) (sizeof head + summary->n_values * sizeof *summary->values));
  g_byte_array_append(bytes, (const guint8 *) &head, sizeof head);
  if (summary->n_values)
    g_byte_array_append(bytes, (const guint8 *) summary->values, (guint) (summary->n_values * sizeof *summary->values));
  return bytes;
}

Error *
data_decode(const guint8 *data, gsize size, Summary *ret)
{
  Head head;
  if (size < sizeof head)
    return error_fault("a datapoint is broken");
  memcpy(&head, data, sizeof head);
  if (head.n_values > SUMMARY_VALUES_MAX || size != sizeof head + head.n_values * sizeof *ret->values)
    return error_fault("a datapoint is broken");
  *ret = (Summary){.count = head.count,
                   .sum = head.sum,
                   .min = head.min,
                   .max = head.max,
                   .values = g_memdup2(data + sizeof head, head.n_values * sizeof *ret->values),
                   .n_values = head.n_values,
                   .room = head.n_values,
                   .bits = head.bits,
                   .opaque = head.opaque};
  return NULL;
}

/* --- writing --- */

static Error *
remember(Txn *txn, Arena *arena, const Key *key, const MetricId *metric, const char *unit, gint64 ms)
{
  CloudwatchMetricRecord *record = NULL;
  TRY(record_get(txn, &cloudwatch_metric_table, key, &CloudwatchMetricRecord_shape, arena, (void **) &record));
  if (!record) {
    record = ARENA_NEW(arena, CloudwatchMetricRecord);
    record->Namespace = metric->name_space;
    record->MetricName = metric->name;
    if (metric->dimensions)
      record->Dimensions = *metric->dimensions;
  }
  gboolean known = string_list_has(&record->Units, unit);
  if (known && ms < record->Last.ms + remember_ms)
    return NULL;
  if (!known)
    LIST_APPEND(arena, &record->Units, unit);
  record->Last = OPT_TIME(MAX(ms, record->Last.ms));
  return record_put(txn, &cloudwatch_metric_table, key, &CloudwatchMetricRecord_shape, record);
}

/* prefix: the metric's key and the unit. */
static Error *
add_point(Txn *txn, const Key *prefix, gint64 ms, const Summary *summary)
{
  Key key = *prefix;
  const void *data = NULL;
  gsize size = 0;
  g_auto(Summary) all = {0};
  key_add_int(&key, ms);
  TRY(store_get(txn, &cloudwatch_data_table, &key, &data, &size));
  if (data)
    TRY(data_decode(data, size, &all));
  summary_merge(&all, summary);
  g_autoptr(GByteArray) bytes = data_encode(&all);
  return store_put(txn, &cloudwatch_data_table, &key, bytes->data, bytes->len);
}

Error *
data_add(Txn *txn, Arena *arena, const char *region, const char *account, const MetricId *metric, const char *unit, gint64 ms, const Summary *summary)
{
  Key key;
  metric_key(arena, region, account, metric, &key);
  TRY(remember(txn, arena, &key, metric, unit, ms));
  key_add(&key, unit);
  return add_point(txn, &key, ms, summary);
}

/* --- what the parts measured --- */

static CloudwatchDimensions
dimensions_of(Arena *arena, const char *const *pairs)
{
  CloudwatchDimensions dimensions = {0};
  for (; pairs && pairs[0] && pairs[1]; pairs += 2) {
    CloudwatchDimension *dimension = ARENA_NEW(arena, CloudwatchDimension);
    *dimension = (CloudwatchDimension){.Name = pairs[0], .Value = pairs[1]};
    LIST_APPEND(arena, &dimensions, dimension);
  }
  return dimensions;
}

static Error *
store_minute(Txn *txn, Arena *arena, const MetricMinute *minute)
{
  const MetricSeries *series = &minute->series;
  CloudwatchDimensions dimensions = dimensions_of(arena, series->dimensions);
  MetricId metric = {series->name_space, series->name, &dimensions};
  return data_add(txn, arena, series->region, series->account, &metric, series->unit, minute->minute, &minute->summary);
}

static Error *
store_taken(Txn *txn, gpointer data)
{
  const GPtrArray *taken = data;
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < taken->len; i++)
    TRY(store_minute(txn, arena, g_ptr_array_index(taken, i)));
  return NULL;
}

Error *
data_drain(Haar *haar)
{
  CloudwatchState *state = haar_state(haar, "cloudwatch");
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&state->drain);
  g_autoptr(GPtrArray) taken = metrics_take(haar);
  return taken ? store_write(haar->store, store_taken, taken) : NULL;
}

typedef struct Sample {
  const GPtrArray *taken;
  gint64 from, to;
} Sample;

/* One value for each of the minutes. */
static Error *
repeat_minute(Txn *txn, Arena *arena, const MetricMinute *minute, const Sample *sample)
{
  const MetricSeries *series = &minute->series;
  CloudwatchDimensions dimensions = dimensions_of(arena, series->dimensions);
  MetricId metric = {series->name_space, series->name, &dimensions};
  Key key;
  metric_key(arena, series->region, series->account, &metric, &key);
  TRY(remember(txn, arena, &key, &metric, series->unit, sample->to - CLOUDWATCH_MINUTE_MS));
  key_add(&key, series->unit);
  for (gint64 ms = sample->from; ms < sample->to; ms += CLOUDWATCH_MINUTE_MS)
    TRY(add_point(txn, &key, ms, &minute->summary));
  return NULL;
}

static Error *
store_sample(Txn *txn, gpointer data)
{
  const Sample *sample = data;
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < sample->taken->len; i++)
    TRY(repeat_minute(txn, arena, g_ptr_array_index(sample->taken, i), sample));
  return NULL;
}

/* After a jump there are many: some hours in a transaction, so that others get their turn. */
static Error *
store_samples(Haar *haar, const Sample *all)
{
  for (gint64 from = all->from; from < all->to; from += batch_ms) {
    Sample part = {.taken = all->taken, .from = from, .to = MIN(from + batch_ms, all->to)};
    TRY(store_write(haar->store, store_sample, &part));
  }
  return NULL;
}

Error *
data_sample(Haar *haar, gint64 now)
{
  CloudwatchState *state = haar_state(haar, "cloudwatch");
  Sample sample = {.to = now - now % CLOUDWATCH_MINUTE_MS, .from = state->sampled - state->sampled % CLOUDWATCH_MINUTE_MS};
  if (sample.from >= sample.to) {
    state->sampled = MIN(state->sampled, now); /* the clock may have gone back */
    return NULL;
  }
  sample.from = MAX(sample.from, sample.to - day_ms);
  g_autoptr(GPtrArray) taken = metrics_sample(haar);
  sample.taken = taken;
  state->sampled = sample.to;
  return taken ? store_samples(haar, &sample) : NULL;
}

/* --- reading --- */

gint64
data_round_start(gint64 start, gint64 now, gint64 period_ms)
{
  gint64 age = now - start, unit = CLOUDWATCH_MINUTE_MS;
  if (period_ms < CLOUDWATCH_MINUTE_MS)
    unit = period_ms;
  else if (age > 63 * day_ms)
    unit = 60 * CLOUDWATCH_MINUTE_MS;
  else if (age > 15 * day_ms)
    unit = 5 * CLOUDWATCH_MINUTE_MS;
  return start - start % unit;
}

Error *
data_metric(Call *call, const MetricId *metric, CloudwatchMetricRecord **ret)
{
  Key key;
  metric_key(call->arena, call->region, call->account, metric, &key);
  return record_get(call->txn, &cloudwatch_metric_table, &key, &CloudwatchMetricRecord_shape, call->arena, (void **) ret);
}

static void
own_summary(gpointer data)
{
  summary_clear(data);
}

Summary *
data_summary(Arena *arena)
{
  Summary *summary = ARENA_NEW(arena, Summary);
  arena_own(arena, summary, own_summary);
  return summary;
}

static Error *
fetch_unit(Call *call, const Key *prefix, gint64 from, gint64 to, DataPoints *ret)
{
  Key first = *prefix;
  key_add_int(&first, from);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &cloudwatch_data_table, &(CursorOptions){.prefix = prefix, .from = &first}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    gint64 ms = 0;
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    if (!key_read_int(&reader, &ms) || ms >= to)
      break;
    Summary *summary = data_summary(call->arena);
    TRY(data_decode(data, size, summary));
    LIST_APPEND(call->arena, ret, ((DataPoint){.ms = ms, .summary = summary}));
  }
  return NULL;
}

static int
compare_points(const void *one, const void *two)
{
  const DataPoint *a = one, *b = two;
  return a->ms < b->ms ? -1 : a->ms > b->ms;
}

Error *
data_fetch_raw(Call *call, const MetricId *metric, const char *unit, gint64 from, gint64 to, DataPoints *ret)
{
  Key key;
  CloudwatchMetricRecord *record = NULL;
  *ret = (DataPoints){0};
  TRY(data_metric(call, metric, &record));
  for (gsize i = 0; record && i < record->Units.n; i++) {
    if (unit && strcmp(unit, record->Units.v[i]) != 0)
      continue;
    metric_key(call->arena, call->region, call->account, metric, &key);
    key_add(&key, record->Units.v[i]);
    TRY(fetch_unit(call, &key, from, to, ret));
  }
  if (record && record->Units.n > 1 && ret->n > 1)
    qsort(ret->v, ret->n, sizeof *ret->v, compare_points);
  return NULL;
}

void
data_periods(Arena *arena, const DataPoints *raw, gint64 from, gint64 period_ms, DataPoints *ret)
{
  *ret = (DataPoints){0};
  for (gsize i = 0; i < raw->n; i++) {
    gint64 begin = raw->v[i].ms - (raw->v[i].ms - from) % period_ms;
    if (ret->n == 0 || ret->v[ret->n - 1].ms != begin)
      LIST_APPEND(arena, ret, ((DataPoint){.ms = begin, .summary = data_summary(arena)}));
    summary_merge(ret->v[ret->n - 1].summary, raw->v[i].summary);
  }
}

Error *
data_fetch(Call *call, const MetricId *metric, const char *unit, gint64 from, gint64 to, gint64 period_ms, DataPoints *ret)
{
  DataPoints raw = {0};
  TRY(data_fetch_raw(call, metric, unit, from, to, &raw));
  data_periods(call->arena, &raw, from, period_ms, ret);
  return NULL;
}

Error *
data_metrics(Call *call, const char *name_space, MetricRecords *ret)
{
  Key prefix;
  call_key(call, &prefix);
  if (name_space)
    key_add(&prefix, name_space);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &cloudwatch_metric_table, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &CloudwatchMetricRecord_shape, data, size, &record));
    LIST_APPEND(call->arena, ret, (CloudwatchMetricRecord *) record);
  }
  return NULL;
}
