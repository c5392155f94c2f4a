/* Datapoints become coarser with age: of a second for 3 hours, of a minute for 15 days, of five minutes for 63 days, of an hour for 455 days.
 * A job goes over all of them every three hours of the clock, some thousands in a transaction.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention */
#include <string.h>

#include "jobs/jobs.h"
#include "server/haar.h"
#include "services/cloudwatch/cloudwatch.h"

static const char kind[] = "cloudwatch.retention";
static const gint64 hour_ms = 3600 * 1000, day_ms = 24 * 3600 * 1000;
enum { BATCH = 4000, MOVES = 200 };

typedef struct Sweep {
  Haar *haar;
  gint64 now;
  Arena *arena;
  Key at;        /* the last key that was looked at */
  gboolean begun, done;
} Sweep;

/* The width of a datapoint of this age; 0: it goes. */
static gint64
width_at_age(gint64 age)
{
  static const struct {
    gint64 days;
    gint64 width;
  } rows[] = {{455, 0}, {63, 3600 * 1000}, {15, 300 * 1000}};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    if (age > rows[i].days * day_ms)
      return rows[i].width;
  return age > 3 * hour_ms ? CLOUDWATCH_MINUTE_MS : 1000;
}

/* A datapoint that is to move or go. */
typedef struct Move {
  Key from, to;
  gboolean gone;
} Move;

/* The time is the last part of a key: eight bytes and an end, so all before it is the same for a whole series. */
static gboolean
plan(const Sweep *sweep, Cursor *cursor, Move *ret)
{
  KeyReader reader = cursor_key_reader(cursor);
  g_autoptr(Arena) arena = arena_new();
  gint64 ms = 0;
  key_init(&ret->to);
  for (int part = 0; part < 6; part++) {
    char *text = NULL;
    gsize size = 0;
    if (!key_read(&reader, arena, &text, &size))
      return FALSE;
    key_add_bytes(&ret->to, text, size);
  }
  if (!key_read_int(&reader, &ms))
    return FALSE;
  gint64 width = width_at_age(sweep->now - ms);
  ret->gone = width == 0;
  if (!ret->gone && ms % width == 0)
    return FALSE;
  key_add_int(&ret->to, ret->gone ? ms : ms - ms % width);
  key_init(&ret->from);
  gsize size = 0;
  const guint8 *key = cursor_key(cursor, &size);
  memcpy(ret->from.data, key, size);
  ret->from.size = size;
  return TRUE;
}

static Error *
move(Txn *txn, const Move *what)
{
  const void *data = NULL;
  gsize size = 0;
  g_auto(Summary) sum = {0}, one = {0};
  TRY(store_get(txn, &cloudwatch_data_table, &what->from, &data, &size));
  if (data && !what->gone)
    TRY(data_decode(data, size, &one));
  TRY(store_delete(txn, &cloudwatch_data_table, &what->from, NULL));
  if (what->gone)
    return NULL;
  TRY(store_get(txn, &cloudwatch_data_table, &what->to, &data, &size));
  if (data)
    TRY(data_decode(data, size, &sum));
  summary_merge(&sum, &one);
  g_autoptr(GByteArray) bytes = data_encode(&sum);
  return store_put(txn, &cloudwatch_data_table, &what->to, bytes->data, bytes->len);
}

static Error *
collect(Txn *txn, Sweep *sweep, GArray *moves)
{
  g_autoptr(Cursor) cursor = NULL;
  CursorOptions options = {.from = sweep->begun ? &sweep->at : NULL, .after = TRUE};
  TRY(cursor_open(txn, &cloudwatch_data_table, &options, &cursor));
  sweep->done = TRUE;
  for (int n = 0; cursor_next(cursor); n++) {
    gsize size = 0;
    const guint8 *key = cursor_key(cursor, &size);
    Move what;
    if (n == BATCH || moves->len == MOVES) {
      sweep->done = FALSE;
      break;
    }
    key_init(&sweep->at);
    memcpy(sweep->at.data, key, size);
    sweep->at.size = size;
    sweep->begun = TRUE;
    if (plan(sweep, cursor, &what))
      g_array_append_val(moves, what);
  }
  return NULL;
}

static Error *
sweep_batch(Txn *txn, gpointer data)
{
  g_autoptr(GArray) moves = g_array_new(FALSE, FALSE, sizeof(Move));
  TRY(collect(txn, data, moves));
  for (guint i = 0; i < moves->len; i++)
    TRY(move(txn, &g_array_index(moves, Move, i)));
  return NULL;
}

static Error *
again(Txn *txn, gpointer data)
{
  Haar *haar = data;
  return cloudwatch_retention_schedule(txn, haar, clock_now() + 3 * hour_ms);
}

static Error *
run(JobRun *job)
{
  Haar *haar = job->context;
  g_autofree Sweep *sweep = g_new0(Sweep, 1);
  sweep->haar = haar;
  sweep->now = clock_now();
  while (!sweep->done)
    TRY(store_write(haar->store, sweep_batch, sweep));
  return store_write(haar->store, again, haar);
}

void
cloudwatch_retention_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
  jobs_catches_up(haar->jobs, kind);
}

Error *
cloudwatch_retention_schedule(Txn *txn, Haar *haar, gint64 due)
{
  return jobs_put(txn, haar->jobs, kind, "all", due, "", 0);
}
