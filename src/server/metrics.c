/* Series are found by their key, the bytes of all that they are, in shards of hash tables with a lock each. A series keeps the summary of
 * the minute that it is in; when a measurement of another minute comes the former one waits in a list. Taking empties the shards one by one:
 * series that nobody holds and that measured nothing since they were last taken go. */
#include "server/metrics.h"

#include <string.h>

#include "server/haar.h"

enum { SHARDS = 32, KEY_ROOM = 2048, MINUTE_MS = 60000, WAITING_MAX = 32, DIMENSIONS_MAX = 30 };

typedef struct Waiting {
  gint64 minute;
  Summary summary;
} Waiting;

typedef struct Shard Shard;

struct Metric {
  Shard *shard;
  guint references; /* handles */
  guint hash;
  guint size;
  gint64 minute;
  Summary summary;
  GArray *waiting; /* of Waiting; NULL: none */
  guint8 key[];
};

struct Shard {
  GMutex lock;
  GHashTable *metrics; /* of Metric, by key */
  Metrics *owner;
};

typedef struct Sampler {
  MetricSampler sample;
  gpointer data;
} Sampler;

struct Metrics {
  Shard shards[SHARDS];
  gint n_series;   /* atomic */
  gint dirty;      /* atomic: something may have been measured since the last take */
  gint complained; /* atomic */
  GArray *samplers;
};

/* A key to look up with; keys in the table are the series' own. */
typedef struct Look {
  guint size, hash;
  guint8 key[KEY_ROOM];
} Look;

/* --- keys --- */

/* FALSE: there is no room. */
static gboolean
look_add(Look *look, const char *text)
{
  gsize size = strlen(text) + 1;
  if (look->size + size > KEY_ROOM)
    return FALSE;
  memcpy(look->key + look->size, text, size);
  look->size += (guint) size;
  return TRUE;
}

/* A multiply and a rotation for eight bytes: the keys are ours, and short. */
static guint
hash_bytes(const guint8 *data, gsize size)
{
  guint64 hash = size * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15), word = 0;
  for (; size >= 8; data += 8, size -= 8) {
    memcpy(&word, data, 8);
    hash = (hash ^ word) * G_GUINT64_CONSTANT(0xff51afd7ed558ccd);
    hash ^= hash >> 32;
  }
  word = 0;
  memcpy(&word, data, size);
  hash = (hash ^ word) * G_GUINT64_CONSTANT(0xc4ceb9fe1a85ec53);
  return (guint) (hash ^ (hash >> 29));
}

static gboolean
look_make(Look *look, const MetricSeries *series)
{
  look->size = 0;
  gboolean good = look_add(look, series->account) && look_add(look, series->region) && look_add(look, series->name_space) &&
                  look_add(look, series->name) && look_add(look, series->unit ? series->unit : "None");
  for (const char *const *at = series->dimensions; good && at && at[0] && at[1]; at += 2)
    good = look_add(look, at[0]) && look_add(look, at[1]);
  look->hash = hash_bytes(look->key, look->size);
  return good;
}

static guint
metric_hash(gconstpointer metric)
{
  return ((const Metric *) metric)->hash;
}

static gboolean
metric_equal(gconstpointer one, gconstpointer two)
{
  const Metric *a = one, *b = two;
  return a->size == b->size && memcmp(a->key, b->key, a->size) == 0;
}

/* --- series --- */

static void
waiting_clear(gpointer data)
{
  summary_clear(&((Waiting *) data)->summary);
}

static void
metric_free(gpointer data)
{
  Metric *metric = data;
  g_atomic_int_add(&metric->shard->owner->n_series, -1);
  summary_clear(&metric->summary);
  g_clear_pointer(&metric->waiting, g_array_unref);
  g_free(metric);
}

static Metric *
metric_new(Shard *shard, const Look *look)
{
  Metrics *metrics = shard->owner;
  if (g_atomic_int_get(&metrics->n_series) >= LIMIT_METRIC_SERIES_MAX) {
    if (g_atomic_int_compare_and_exchange(&metrics->complained, FALSE, TRUE))
      log_warning("more than %d metrics are measured at a time: further ones are dropped", (int) LIMIT_METRIC_SERIES_MAX);
    g_atomic_int_set(&metrics->dirty, TRUE); /* the next take looks for idle ones */
    return NULL;
  }
  g_atomic_int_inc(&metrics->n_series);
  Metric *metric = g_malloc0(sizeof *metric + look->size);
  metric->shard = shard;
  metric->hash = look->hash;
  metric->size = look->size;
  memcpy(metric->key, look->key, look->size);
  g_hash_table_add(shard->metrics, metric);
  return metric;
}

/* The shard is locked. GLib compares with the table's own equality: the key is copied into a Metric's place on the stack. */
static Metric *
metric_find(Shard *shard, const Look *look)
{
  struct {
    Metric head;
    guint8 room[KEY_ROOM];
  } probe;
  probe.head.hash = look->hash;
  probe.head.size = look->size;
  memcpy(probe.head.key, look->key, look->size);
  Metric *metric = g_hash_table_lookup(shard->metrics, &probe.head);
  return metric ? metric : metric_new(shard, look);
}

static void
leave_minute(Metric *metric, gint64 minute)
{
  if (metric->summary.count > 0) {
    if (!metric->waiting) {
      metric->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
      g_array_set_clear_func(metric->waiting, waiting_clear);
    }
    if (metric->waiting->len >= WAITING_MAX)
      g_array_remove_index(metric->waiting, 0);
    Waiting waiting = {metric->minute, metric->summary};
    g_array_append_val(metric->waiting, waiting);
    metric->summary = (Summary){0};
  }
  metric->minute = minute;
}

/* The shard is locked. */
static void
measure(Metric *metric, gint64 ms, double value, double count)
{
  gint64 minute = ms - ms % MINUTE_MS;
  if (metric->minute != minute)
    leave_minute(metric, minute);
  summary_add(&metric->summary, value, count);
  if (!g_atomic_int_get(&metric->shard->owner->dirty))
    g_atomic_int_set(&metric->shard->owner->dirty, TRUE);
}

/* --- measuring --- */

void
metric_add_at(const Haar *haar, const MetricSeries *series, gint64 ms, double value, double count)
{
  Look look;
  if (!haar->metrics || !look_make(&look, series))
    return;
  Shard *shard = &haar->metrics->shards[look.hash % SHARDS];
  g_mutex_lock(&shard->lock);
  Metric *metric = metric_find(shard, &look);
  if (metric)
    measure(metric, ms, value, count);
  g_mutex_unlock(&shard->lock);
}

void
metric_add(const Haar *haar, const MetricSeries *series, double value)
{
  metric_add_at(haar, series, clock_now(), value, 1);
}

Metric *
metric_open(const Haar *haar, const MetricSeries *series)
{
  Look look;
  if (!haar->metrics || !look_make(&look, series))
    return NULL;
  Shard *shard = &haar->metrics->shards[look.hash % SHARDS];
  g_mutex_lock(&shard->lock);
  Metric *metric = metric_find(shard, &look);
  if (metric)
    metric->references++;
  g_mutex_unlock(&shard->lock);
  return metric;
}

void
metric_record(Metric *metric, double value)
{
  if (!metric)
    return;
  gint64 now = clock_now();
  g_mutex_lock(&metric->shard->lock);
  measure(metric, now, value, 1);
  g_mutex_unlock(&metric->shard->lock);
}

void
metric_close(Metric *metric)
{
  if (!metric)
    return;
  Shard *shard = metric->shard;
  g_mutex_lock(&shard->lock);
  metric->references--; /* taking frees it */
  g_mutex_unlock(&shard->lock);
}

/* --- taking --- */

void
metric_minute_free(MetricMinute *minute)
{
  summary_clear(&minute->summary);
  g_free((gpointer) minute->series.dimensions);
  g_free(minute->text);
  g_free(minute);
}

static MetricMinute *
minute_new(const Metric *metric, gint64 at, const Summary *summary)
{
  MetricMinute *minute = g_new0(MetricMinute, 1);
  const char **dimensions = g_new0(const char *, 2 * DIMENSIONS_MAX + 1);
  minute->text = g_memdup2(metric->key, metric->size);
  const char *end = minute->text + metric->size, *parts[5];
  const char *text = minute->text;
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++, text += strlen(text) + 1)
    parts[i] = text;
  for (guint i = 0; text < end && i < 2 * DIMENSIONS_MAX; i++, text += strlen(text) + 1)
    dimensions[i] = text;
  minute->series = (MetricSeries){parts[0], parts[1], parts[2], parts[3], parts[4], dimensions};
  minute->minute = at;
  minute->summary = *summary;
  return minute;
}

static void
take_metric(Metric *metric, GPtrArray *taken)
{
  for (guint i = 0; metric->waiting && i < metric->waiting->len; i++) {
    Waiting *waiting = &g_array_index(metric->waiting, Waiting, i);
    g_ptr_array_add(taken, minute_new(metric, waiting->minute, &waiting->summary));
    waiting->summary = (Summary){0};
  }
  g_clear_pointer(&metric->waiting, g_array_unref);
  if (metric->summary.count > 0)
    g_ptr_array_add(taken, minute_new(metric, metric->minute, &metric->summary));
  metric->summary = (Summary){0};
}

static void
take_shard(Shard *shard, GPtrArray *taken)
{
  GHashTableIter iter;
  gpointer key;
  g_mutex_lock(&shard->lock);
  g_hash_table_iter_init(&iter, shard->metrics);
  while (g_hash_table_iter_next(&iter, &key, NULL)) {
    Metric *metric = key;
    guint before = taken->len;
    take_metric(metric, taken);
    if (taken->len == before && metric->references == 0)
      g_hash_table_iter_remove(&iter);
  }
  g_mutex_unlock(&shard->lock);
}

GPtrArray *
metrics_take(const Haar *haar)
{
  Metrics *metrics = haar->metrics;
  if (!metrics || !g_atomic_int_compare_and_exchange(&metrics->dirty, TRUE, FALSE))
    return NULL;
  GPtrArray *taken = g_ptr_array_new_with_free_func((GDestroyNotify) metric_minute_free);
  for (guint i = 0; i < SHARDS; i++)
    take_shard(&metrics->shards[i], taken);
  return taken;
}

/* --- the whole --- */

void
metrics_sampler(Haar *haar, MetricSampler sample, gpointer data)
{
  Sampler sampler = {sample, data};
  g_array_append_val(haar->metrics->samplers, sampler);
}

GPtrArray *
metrics_sample(const Haar *haar)
{
  const GArray *samplers = haar->metrics->samplers;
  Haar own = *haar;
  own.metrics = metrics_new();
  for (guint i = 0; i < samplers->len; i++) {
    const Sampler *sampler = &g_array_index(samplers, Sampler, i);
    sampler->sample(&own, sampler->data);
  }
  GPtrArray *taken = metrics_take(&own);
  metrics_free(own.metrics);
  return taken;
}

Metrics *
metrics_new(void)
{
  Metrics *metrics = g_new0(Metrics, 1);
  metrics->samplers = g_array_new(FALSE, FALSE, sizeof(Sampler));
  for (guint i = 0; i < SHARDS; i++) {
    Shard *shard = &metrics->shards[i];
    g_mutex_init(&shard->lock);
    shard->owner = metrics;
    shard->metrics = g_hash_table_new_full(metric_hash, metric_equal, metric_free, NULL);
  }
  return metrics;
}

void
metrics_free(Metrics *metrics)
{
  if (!metrics)
    return;
  for (guint i = 0; i < SHARDS; i++) {
    g_hash_table_unref(metrics->shards[i].metrics);
    g_mutex_clear(&metrics->shards[i].lock);
  }
  g_array_unref(metrics->samplers);
  g_free(metrics);
}
