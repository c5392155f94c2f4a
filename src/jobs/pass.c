/* Time that passes in one go: the clock goes from one due time to the next, and stands there until what is due has run. Kinds that catch up
 * do not run meanwhile, but once at the end.
 *
 * How long that may take is bounded, in time of the machine: PASS_MAX_MS for all stops together, and HOLDS_MAX_MS more while something is held
 * (jobs_hold). When half of the first is gone, kinds that have had many stops already (a look each hour, over years) get no more: what is due
 * seldom, a rotation in 60 days, still has its own. */
#include <string.h>

#include "jobs/internal.h"

#define STOPS_MAX 5000
#define STOPS_OF_A_KIND 100
#define STOP_MAX_MS 10000
#define PASS_MAX_MS 10000
#define HOLDS_MAX_MS 60000
#define END_MAX_MS 3000
#define ATTEMPTS_MAX 6

typedef struct Pass {
  Jobs *jobs;
  gint64 to_ms;
  GHashTable *except;                /* "kind\nkey": not waited for */
  GHashTable *stops;                 /* kind -> how many there were */
  gint64 left_us, stop_us, held_us;  /* what may still be spent: in all, at this stop, under holds */
  gint64 mark;                       /* monotonic: spent up to here */
  gboolean at_end;
} Pass;

static void
pass_clear(Pass *pass)
{
  g_hash_table_unref(pass->except);
  g_hash_table_unref(pass->stops);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pass, pass_clear)

static void
spend(Pass *pass, gboolean held)
{
  gint64 now = g_get_monotonic_time(), took = now - pass->mark;
  pass->mark = now;
  pass->held_us -= held ? took : 0;
  pass->left_us -= held ? 0 : took;
  pass->stop_us -= held ? 0 : took;
}

/* --- holds --- */

guint64
jobs_hold(Jobs *jobs, gint64 longest_ms)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&jobs->mutex);
  Hold hold = {++jobs->last_hold, g_get_monotonic_time() + longest_ms * 1000};
  g_array_append_val(jobs->holds, hold);
  return hold.number;
}

void
jobs_release(Jobs *jobs, guint64 hold)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&jobs->mutex);
  for (guint i = 0; i < jobs->holds->len; i++)
    if (g_array_index(jobs->holds, Hold, i).number == hold) {
      g_array_remove_index_fast(jobs->holds, i);
      break;
    }
  g_cond_broadcast(&jobs->cond);
}

/* Holds the mutex. */
static gboolean
is_held(const Jobs *jobs)
{
  gint64 now = g_get_monotonic_time();
  for (guint i = 0; i < jobs->holds->len; i++)
    if (g_array_index(jobs->holds, Hold, i).until > now)
      return TRUE;
  return FALSE;
}

/* --- what is ahead --- */

/* What one look at the table says: the next time to stop at (-1: none before the end) and of what kind, and whether anything is due now. */
typedef struct Ahead {
  gint64 next;
  char *kind;
  gboolean due;
} Ahead;

static void
ahead_clear(Ahead *ahead)
{
  g_free(ahead->kind);
  *ahead = (Ahead) { .next = -1 };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ahead, ahead_clear)

static gboolean
is_left_out(const Pass *pass, const char *kind, const char *key)
{
  g_autofree char *name = g_strconcat(kind, "\n", key, NULL);
  gboolean later = !pass->at_end && g_hash_table_contains(pass->jobs->catching_up, kind);
  return later || !g_hash_table_contains(pass->jobs->kinds, kind) || g_hash_table_contains(pass->except, name);
}

static gboolean
is_stop(const Pass *pass, const char *kind)
{
  gboolean many = GPOINTER_TO_UINT(g_hash_table_lookup(pass->stops, kind)) >= STOPS_OF_A_KIND;
  return !(many && pass->left_us < PASS_MAX_MS * 1000 / 2);
}

/* A row of the due table. TRUE: the look is over. What failed again and again is no stop: it is waited for only while it runs. */
static Error *
see_row(const Pass *pass, Txn *txn, KeyReader reader, Ahead *ahead, gboolean *ret_over)
{
  g_autoptr(Arena) arena = arena_new();
  gint64 due_ms = 0;
  char *kind = NULL, *key = NULL;
  Row row;
  *ret_over = FALSE;
  if (!key_read_int(&reader, &due_ms) || !key_read(&reader, arena, &kind, NULL) || !key_read(&reader, arena, &key, NULL))
    return error_fault("jobs: a row of another form");
  *ret_over = due_ms > pass->to_ms;
  if (*ret_over || is_left_out(pass, kind, key))
    return NULL;
  TRY(jobs_row_read(txn, kind, key, &row, NULL, NULL));
  if (row.attempt >= ATTEMPTS_MAX)
    return NULL;
  if (due_ms <= clock_now()) {
    ahead->due = TRUE;
  } else if (is_stop(pass, kind)) {
    ahead->next = due_ms;
    ahead->kind = g_strdup(kind);
    *ret_over = TRUE;
  }
  return NULL;
}

static Error *
look_ahead(const Pass *pass, Ahead *ret_ahead)
{
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Cursor) cursor = NULL;
  gboolean over = FALSE;
  ahead_clear(ret_ahead);
  TRY(store_begin_read(pass->jobs->store, &txn));
  TRY(cursor_open(txn, &jobs_due_table, NULL, &cursor));
  while (!over && cursor_next(cursor))
    TRY(see_row(pass, txn, cursor_key_reader(cursor), ret_ahead, &over));
  return NULL;
}

/* --- a stop --- */

/* Whether a job runs that is waited for. Holds the mutex. */
static gboolean
is_busy(const Pass *pass)
{
  GHashTableIter iter;
  gpointer name = NULL;
  g_hash_table_iter_init(&iter, pass->jobs->running);
  while (g_hash_table_iter_next(&iter, &name, NULL))
    if (!g_hash_table_contains(pass->except, name))
      return TRUE;
  return FALSE;
}

/* What runs is not waited for any more. Holds the mutex. */
static void
leave_out_running(Pass *pass)
{
  GHashTableIter iter;
  gpointer name = NULL;
  g_hash_table_iter_init(&iter, pass->jobs->running);
  while (g_hash_table_iter_next(&iter, &name, NULL))
    g_hash_table_add(pass->except, g_strdup(name));
}

/* Waits until nothing is due, runs or is held, or until the time is over. What ran too long is left out from then on. */
static Error *
settle(Pass *pass, Ahead *ret_ahead)
{
  Jobs *jobs = pass->jobs;
  for (;;) {
    TRY(look_ahead(pass, ret_ahead));
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&jobs->mutex);
    gboolean held = pass->held_us > 0 && is_held(jobs);
    if ((!held && !ret_ahead->due && !is_busy(pass)) || jobs->stopping)
      return NULL;
    if (!held && MIN(pass->left_us, pass->stop_us) <= 0) {
      leave_out_running(pass);
      return NULL;
    }
    g_cond_wait_until(&jobs->cond, &jobs->mutex, g_get_monotonic_time() + 5000);
    spend(pass, held);
  }
}

static Error *
stop_at(Pass *pass, Error *(*move)(gpointer data, gint64 ms), gpointer data, Ahead *ahead)
{
  guint before = GPOINTER_TO_UINT(g_hash_table_lookup(pass->stops, ahead->kind));
  g_hash_table_insert(pass->stops, g_strdup(ahead->kind), GUINT_TO_POINTER(before + 1));
  TRY(move(data, ahead->next));
  jobs_wake(pass->jobs);
  pass->stop_us = STOP_MAX_MS * 1000;
  TRY(settle(pass, ahead));
  spend(pass, FALSE);
  return NULL;
}

/* Catching up waits while any time passes. */
static void
set_passing(Jobs *jobs, gint change)
{
  g_mutex_lock(&jobs->mutex);
  jobs->passing += change;
  g_mutex_unlock(&jobs->mutex);
}

static Error *
pass_stops(Pass *pass, Error *(*move)(gpointer data, gint64 ms), gpointer data)
{
  g_auto(Ahead) ahead = {.next = -1};
  TRY(settle(pass, &ahead)); /* what runs already is left out, unless it is held */
  for (guint stops = 0; ahead.next >= 0 && stops < STOPS_MAX && pass->left_us > 0; stops++)
    TRY(stop_at(pass, move, data, &ahead));
  return NULL;
}

static Error *
pass_end(Pass *pass, Error *(*move)(gpointer data, gint64 ms), gpointer data)
{
  g_auto(Ahead) ahead = {.next = -1};
  TRY(move(data, MAX(pass->to_ms, clock_now())));
  jobs_wake(pass->jobs);
  spend(pass, FALSE);
  pass->at_end = TRUE;
  pass->left_us = pass->stop_us = END_MAX_MS * 1000;
  return settle(pass, &ahead);
}

Error *
jobs_pass(Jobs *jobs, gint64 to_ms, Error *(*move)(gpointer data, gint64 ms), gpointer data)
{
  g_auto(Pass) pass = {.jobs = jobs, .to_ms = to_ms, .left_us = PASS_MAX_MS * 1000, .held_us = HOLDS_MAX_MS * 1000, .mark = g_get_monotonic_time()};
  pass.except = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  pass.stops = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  set_passing(jobs, 1);
  Error *error = pass_stops(&pass, move, data);
  set_passing(jobs, -1);
  return error ? error : pass_end(&pass, move, data);
}
