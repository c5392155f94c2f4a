/* Two tables: jobs.rows (kind, key) holds due time, attempt and payload; jobs.due (due time, kind, key) is the order. The timer thread
 * takes what is due, keeps the (kind, key) in `running` so that a job never runs twice at once, and gives it to the workers. A job that
 * was put again while it ran keeps its new row: the row's number tells. */
#include "jobs/internal.h"

#include <string.h>

#define WORKERS 64
#define WAIT_MAX_MS 60000
#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS 300000
#define DUE_AT_ONCE 256

static const Table rows_table = { "jobs.rows" };
const Table jobs_due_table = { "jobs.due" };

typedef struct Due {
  Jobs *jobs;
  char *kind, *key;
  Row row;
  guint8 *payload;
  gsize size;
  Error *error; /* of the run */
} Due;

typedef struct Quick {
  void (*function)(gpointer);
  gpointer data;
} Quick;

/* What a worker is given: one of the two. */
typedef struct Work {
  Due *due;
  Quick quick;
} Work;

static void
due_free(Due *due)
{
  if (!due)
    return;
  g_free(due->kind);
  g_free(due->key);
  g_free(due->payload);
  error_free(due->error);
  g_free(due);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Due, due_free)

static void
due_key(Key *key, gint64 due_ms, const char *kind, const char *name)
{
  key_init(key);
  key_add_int(key, due_ms);
  key_add(key, kind);
  key_add(key, name);
}

Error *
jobs_row_read(Txn *txn, const char *kind, const char *name, Row *ret_row, const guint8 **ret_payload, gsize *ret_size)
{
  Key key;
  const void *data;
  gsize size;
  key_strings(&key, kind, name, NULL);
  TRY(store_get(txn, &rows_table, &key, &data, &size));
  memset(ret_row, 0, sizeof *ret_row);
  if (!data || size < sizeof *ret_row)
    return NULL;
  memcpy(ret_row, data, sizeof *ret_row);
  if (ret_payload) {
    *ret_payload = (const guint8 *) data + sizeof *ret_row;
    *ret_size = size - sizeof *ret_row;
  }
  return NULL;
}

static Error *
row_write(Txn *txn, const char *kind, const char *name, const Row *row, const void *payload, gsize size)
{
  Key key;
  g_autoptr(GByteArray) value = g_byte_array_sized_new((guint) (sizeof *row + size));
  g_byte_array_append(value, (const guint8 *) row, sizeof *row);
  if (size)
    g_byte_array_append(value, payload, (guint) size);
  key_strings(&key, kind, name, NULL);
  TRY(store_put(txn, &rows_table, &key, value->data, value->len));
  due_key(&key, row->due_ms, kind, name);
  return store_put(txn, &jobs_due_table, &key, "", 0);
}

void
jobs_wake(gpointer data)
{
  Jobs *jobs = data;
  g_mutex_lock(&jobs->mutex);
  jobs->changed = TRUE;
  g_cond_broadcast(&jobs->cond);
  g_mutex_unlock(&jobs->mutex);
}

Error *
jobs_put(Txn *txn, Jobs *jobs, const char *kind, const char *key, gint64 due_ms, const void *payload, gsize size)
{
  TRY(jobs_delete(txn, jobs, kind, key));
  Row row = { .due_ms = due_ms };
  id_random(&row.number, sizeof row.number);
  TRY(row_write(txn, kind, key, &row, payload, size));
  txn_on_commit(txn, jobs_wake, jobs, NULL);
  return NULL;
}

Error *
jobs_delete(Txn *txn, Jobs *jobs, const char *kind, const char *name)
{
  Row row;
  Key key;
  TRY(jobs_row_read(txn, kind, name, &row, NULL, NULL));
  if (!row.number)
    return NULL;
  due_key(&key, row.due_ms, kind, name);
  TRY(store_delete(txn, &jobs_due_table, &key, NULL));
  key_strings(&key, kind, name, NULL);
  return store_delete(txn, &rows_table, &key, NULL);
}

static gint64
retry_delay(guint32 attempt)
{
  gint64 delay = RETRY_FIRST_MS;
  while (--attempt > 0 && delay < RETRY_MAX_MS)
    delay *= 2;
  return MIN(delay, RETRY_MAX_MS);
}

/* After a run: the row goes, or waits for another attempt; unless it was put again or deleted meanwhile. */
static Error *
settle(Txn *txn, gpointer data)
{
  Due *due = data;
  Row row;
  TRY(jobs_row_read(txn, due->kind, due->key, &row, NULL, NULL));
  if (row.number != due->row.number)
    return NULL;
  TRY(jobs_delete(txn, due->jobs, due->kind, due->key));
  if (!due->error || due->error->kind == ERROR_ANSWER)
    return NULL;
  row.attempt++;
  row.due_ms = clock_now() + retry_delay(row.attempt);
  return row_write(txn, due->kind, due->key, &row, due->payload, due->size);
}

static char *
running_name(const Due *due)
{
  return g_strconcat(due->kind, "\n", due->key, NULL);
}

/* Whether the row is still as it was taken: the timer's snapshot may be older than the end of the run before this one. */
static Error *
still_due(Jobs *jobs, const Due *due, gboolean *ret_due)
{
  g_autoptr(Txn) txn = NULL;
  Row row;
  TRY(store_begin_read(jobs->store, &txn));
  TRY(jobs_row_read(txn, due->kind, due->key, &row, NULL, NULL));
  *ret_due = row.number == due->row.number && row.attempt == due->row.attempt;
  return NULL;
}

static void
run_and_settle(Jobs *jobs, Due *due)
{
  g_autoptr(Arena) arena = arena_new();
  JobFunction function = (JobFunction) g_hash_table_lookup(jobs->kinds, due->kind);
  JobRun run = { jobs->context, due->kind, due->key, due->payload, due->size, due->row.attempt + 1, arena };
  due->error = function(&run);
  if (due->error)
    log_warning("job %s %s, attempt %u: %s: %s", due->kind, due->key, run.attempt, due->error->code, due->error->message);
  g_autoptr(Error) error = store_write(jobs->store, settle, due);
  if (error)
    log_error("job %s %s: %s", due->kind, due->key, error->message);
}

static void
run_due(Jobs *jobs, Due *taken)
{
  g_autoptr(Due) due = taken;
  gboolean is_due = FALSE;
  g_autoptr(Error) error = still_due(jobs, due, &is_due);
  if (error)
    log_error("job %s %s: %s", due->kind, due->key, error->message);
  if (is_due)
    run_and_settle(jobs, due);
  g_autofree char *name = running_name(due);
  g_mutex_lock(&jobs->mutex);
  g_hash_table_remove(jobs->running, name);
  jobs->changed = TRUE;
  g_cond_broadcast(&jobs->cond);
  g_mutex_unlock(&jobs->mutex);
}

static void
run_work(gpointer data, gpointer user_data)
{
  g_autofree Work *work = data;
  if (work->due)
    run_due(user_data, work->due);
  else
    work->quick.function(work->quick.data);
}

static void
start_due(Jobs *jobs, Due *due)
{
  Work *work = g_new0(Work, 1);
  work->due = due;
  g_hash_table_add(jobs->running, running_name(due));
  g_thread_pool_push(jobs->workers, work, NULL);
}

static Error *
due_load(Txn *txn, Jobs *jobs, Cursor *cursor, Arena *arena, Due **ret_due)
{
  KeyReader reader = cursor_key_reader(cursor);
  g_autoptr(Due) due = g_new0(Due, 1);
  gint64 due_ms;
  char *kind, *key;
  const guint8 *payload = NULL;
  if (!key_read_int(&reader, &due_ms) || !key_read(&reader, arena, &kind, NULL) || !key_read(&reader, arena, &key, NULL))
    return error_fault("jobs: a row of another form");
  due->jobs = jobs;
  due->kind = g_strdup(kind);
  due->key = g_strdup(key);
  TRY(jobs_row_read(txn, kind, key, &due->row, &payload, &due->size));
  due->payload = g_malloc0(due->size + 1);
  if (payload)
    memcpy(due->payload, payload, due->size);
  *ret_due = g_steal_pointer(&due);
  return NULL;
}

/* Holds the mutex. */
static gboolean
may_run(const Jobs *jobs, const char *kind)
{
  return g_hash_table_contains(jobs->kinds, kind) && !(jobs->passing && g_hash_table_contains(jobs->catching_up, kind));
}

/* Gives to the workers what is due, of kinds that are registered. *ret_next: when to look again, on clock_now(). */
static Error *
look(Jobs *jobs, gint64 *ret_next)
{
  gint64 now = clock_now();
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(Arena) arena = arena_new();
  *ret_next = now + WAIT_MAX_MS;
  TRY(store_begin_read(jobs->store, &txn));
  TRY(cursor_open(txn, &jobs_due_table, NULL, &cursor));
  for (guint n = 0; n < DUE_AT_ONCE && cursor_next(cursor);) {
    KeyReader reader = cursor_key_reader(cursor);
    gint64 due_ms;
    if (key_read_int(&reader, &due_ms) && due_ms > now) {
      *ret_next = MIN(*ret_next, due_ms);
      break;
    }
    g_autoptr(Due) due = NULL;
    TRY(due_load(txn, jobs, cursor, arena, &due));
    g_autofree char *name = running_name(due);
    g_mutex_lock(&jobs->mutex);
    if (due->row.number && !g_hash_table_contains(jobs->running, name) && may_run(jobs, due->kind)) {
      start_due(jobs, g_steal_pointer(&due));
      n++;
    }
    g_mutex_unlock(&jobs->mutex);
  }
  return NULL;
}

static gpointer
timer_loop(gpointer data)
{
  Jobs *jobs = data;
  g_mutex_lock(&jobs->mutex);
  while (!jobs->stopping) {
    gint64 next;
    jobs->changed = FALSE;
    g_mutex_unlock(&jobs->mutex);
    g_autoptr(Error) error = look(jobs, &next);
    if (error)
      log_error("jobs: %s", error->message);
    gint64 wait_ms = CLAMP(next - clock_now(), 1, WAIT_MAX_MS);
    gint64 end = g_get_monotonic_time() + MAX(wait_ms * 1000 / clock_speed(), 1000);
    g_mutex_lock(&jobs->mutex);
    while (!jobs->stopping && !jobs->changed && g_cond_wait_until(&jobs->cond, &jobs->mutex, end))
      ;
  }
  g_mutex_unlock(&jobs->mutex);
  return NULL;
}

Error *
jobs_new(Store *store, gpointer context, Jobs **ret_jobs)
{
  Jobs *jobs = g_new0(Jobs, 1);
  jobs->store = store;
  jobs->context = context;
  jobs->kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  jobs->running = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  jobs->catching_up = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  jobs->holds = g_array_new(FALSE, FALSE, sizeof(Hold));
  g_mutex_init(&jobs->mutex);
  g_cond_init(&jobs->cond);
  jobs->workers = g_thread_pool_new(run_work, jobs, WORKERS, FALSE, NULL);
  *ret_jobs = jobs;
  return NULL;
}

void
jobs_register(Jobs *jobs, const char *kind, JobFunction function)
{
  g_assert(!jobs->started);
  g_hash_table_insert(jobs->kinds, g_strdup(kind), (gpointer) function);
}

void
jobs_catches_up(Jobs *jobs, const char *kind)
{
  g_assert(!jobs->started && g_hash_table_contains(jobs->kinds, kind));
  g_hash_table_add(jobs->catching_up, g_strdup(kind));
}

void
jobs_start(Jobs *jobs)
{
  jobs->started = TRUE;
  jobs->timer = g_thread_new("jobs-timer", timer_loop, jobs);
}

void
jobs_clock_moved(Jobs *jobs)
{
  jobs_wake(jobs);
}

void
jobs_run(Jobs *jobs, void (*function)(gpointer), gpointer data)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&jobs->mutex);
  if (jobs->stopping)
    return;
  Work *work = g_new0(Work, 1);
  work->quick = (Quick){ function, data };
  g_thread_pool_push(jobs->workers, work, NULL);
}

void
jobs_stop(Jobs *jobs)
{
  if (!jobs || jobs->stopping)
    return;
  g_mutex_lock(&jobs->mutex);
  jobs->stopping = TRUE;
  g_cond_broadcast(&jobs->cond);
  g_mutex_unlock(&jobs->mutex);
  if (jobs->timer)
    g_thread_join(jobs->timer);
  g_thread_pool_free(jobs->workers, FALSE, TRUE);
}

void
jobs_free(Jobs *jobs)
{
  if (!jobs)
    return;
  jobs_stop(jobs);
  g_hash_table_unref(jobs->kinds);
  g_hash_table_unref(jobs->catching_up);
  g_hash_table_unref(jobs->running);
  g_array_unref(jobs->holds);
  g_cond_clear(&jobs->cond);
  g_mutex_clear(&jobs->mutex);
  g_free(jobs);
}
