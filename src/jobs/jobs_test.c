#include "jobs/jobs.h"

#include <glib/gstdio.h>
#include <string.h>

#define ASSERT_GOOD(expression)                    \
  do {                                             \
    g_autoptr(Error) assert_error_ = (expression); \
    if (assert_error_)                             \
      g_error("%s", assert_error_->message);       \
  } while (0)

typedef struct Fixture {
  char *directory;
  Store *store;
  Jobs *jobs;
  GMutex mutex;
  GCond cond;
  GString *log;
  gint64 start; /* of the time that passes */
  guint64 hold;
} Fixture;

#define DAY_MS (G_GINT64_CONSTANT(24) * 3600 * 1000)

static void
note(Fixture *fixture, const char *text)
{
  g_mutex_lock(&fixture->mutex);
  g_string_append_printf(fixture->log, "%s ", text);
  g_cond_broadcast(&fixture->cond);
  g_mutex_unlock(&fixture->mutex);
}

static void
wait_for(Fixture *fixture, const char *expected)
{
  gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
  g_mutex_lock(&fixture->mutex);
  while (!g_str_equal(fixture->log->str, expected) && g_cond_wait_until(&fixture->cond, &fixture->mutex, end))
    ;
  g_assert_cmpstr(fixture->log->str, ==, expected);
  g_mutex_unlock(&fixture->mutex);
}

static Error *
run_note(JobRun *run)
{
  g_autofree char *text = g_strdup_printf("%s=%.*s", run->key, (int) run->size, (const char *) run->payload);
  note(run->context, text);
  return NULL;
}

static Error *
run_flaky(JobRun *run)
{
  g_autofree char *text = g_strdup_printf("attempt%u", run->attempt);
  note(run->context, text);
  return run->attempt < 3 ? error_fault("not yet") : NULL;
}

static Error *run_held(JobRun *run);
static void schedule(Fixture *fixture, const char *kind, const char *key, gint64 due, const char *payload);

/* Notes the day; payload: how many more runs follow, each ten days after the one before. */
static Error *
run_chain(JobRun *run)
{
  Fixture *fixture = run->context;
  gint64 left = g_ascii_strtoll(run->payload, NULL, 10);
  g_autofree char *text = g_strdup_printf("%s@%d", run->key, (int) ((clock_now() - fixture->start) / DAY_MS));
  g_autofree char *next = g_strdup_printf("%" G_GINT64_FORMAT, left - 1);
  note(fixture, text);
  if (left)
    schedule(fixture, run->kind, run->key, clock_now() + 10 * DAY_MS, next);
  return NULL;
}

static Error *
run_refused(JobRun *run)
{
  note(run->context, "refused");
  return error_answer("ResourceNotFoundException", "gone");
}

static void
start(Fixture *fixture)
{
  ASSERT_GOOD(store_open(fixture->directory, NULL, &fixture->store));
  ASSERT_GOOD(jobs_new(fixture->store, fixture, &fixture->jobs));
  jobs_register(fixture->jobs, "test.note", run_note);
  jobs_register(fixture->jobs, "test.flaky", run_flaky);
  jobs_register(fixture->jobs, "test.refused", run_refused);
  jobs_register(fixture->jobs, "test.chain", run_chain);
  jobs_register(fixture->jobs, "test.held", run_held);
  jobs_register(fixture->jobs, "test.minutes", run_chain);
  jobs_catches_up(fixture->jobs, "test.minutes");
}

static void
stop(Fixture *fixture)
{
  g_clear_pointer(&fixture->jobs, jobs_free);
  g_clear_pointer(&fixture->store, store_close);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp("haar-jobs-XXXXXX", NULL);
  fixture->log = g_string_new("");
  g_mutex_init(&fixture->mutex);
  g_cond_init(&fixture->cond);
  clock_set_offset(0);
  log_set_level(LOG_ERROR);
  start(fixture);
}

static void
remove_tree(const char *path)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name(dir));) {
    g_autofree char *below = g_build_filename(path, name, NULL);
    remove_tree(below);
  }
  g_remove(path);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
  stop(fixture);
  remove_tree(fixture->directory);
  g_free(fixture->directory);
  g_string_free(fixture->log, TRUE);
  g_cond_clear(&fixture->cond);
  g_mutex_clear(&fixture->mutex);
  clock_set_offset(0);
}

typedef struct Put {
  Jobs *jobs;
  const char *kind, *key;
  gint64 due;
  const char *payload;
} Put;

static Error *
put(Txn *txn, gpointer data)
{
  Put *p = data;
  if (!p->payload)
    return jobs_delete(txn, p->jobs, p->kind, p->key);
  return jobs_put(txn, p->jobs, p->kind, p->key, p->due, p->payload, strlen(p->payload));
}

static void
schedule(Fixture *fixture, const char *kind, const char *key, gint64 due, const char *payload)
{
  Put p = { fixture->jobs, kind, key, due, payload };
  ASSERT_GOOD(store_write(fixture->store, put, &p));
}

static void
test_at_once_and_later(Fixture *fixture, gconstpointer unused)
{
  jobs_start(fixture->jobs);
  gint64 day = 24 * 3600 * 1000, now = clock_now();
  schedule(fixture, "test.note", "later", now + day, "first");
  schedule(fixture, "test.note", "later", now + day, "second");
  schedule(fixture, "test.note", "never", now + day, "x");
  schedule(fixture, "test.note", "never", 0, NULL);
  schedule(fixture, "test.note", "now", 0, "a");
  wait_for(fixture, "now=a ");
  clock_set_offset(2 * day);
  jobs_clock_moved(fixture->jobs);
  wait_for(fixture, "now=a later=second ");
}

static void
test_survives_restart(Fixture *fixture, gconstpointer unused)
{
  schedule(fixture, "test.note", "kept", 0, "p");
  stop(fixture);
  start(fixture);
  jobs_start(fixture->jobs);
  wait_for(fixture, "kept=p ");
}

/* Moves the clock an hour at a time until the log is as expected. */
static void
test_faults_are_tried_again(Fixture *fixture, gconstpointer unused)
{
  jobs_start(fixture->jobs);
  schedule(fixture, "test.flaky", "f", 0, "");
  wait_for(fixture, "attempt1 ");
  gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
  for (gint64 hours = 1; g_get_monotonic_time() < end; hours++) {
    clock_set_offset(hours * 3600 * 1000);
    jobs_clock_moved(fixture->jobs);
    g_mutex_lock(&fixture->mutex);
    gboolean done = g_str_has_suffix(fixture->log->str, "attempt3 ");
    g_mutex_unlock(&fixture->mutex);
    if (done)
      break;
    g_thread_yield();
  }
  wait_for(fixture, "attempt1 attempt2 attempt3 ");
}

static void
test_answers_are_final(Fixture *fixture, gconstpointer unused)
{
  jobs_start(fixture->jobs);
  schedule(fixture, "test.refused", "r", 0, "");
  wait_for(fixture, "refused ");
  stop(fixture);
  start(fixture);
  clock_set_offset(3600 * 1000);
  schedule(fixture, "test.note", "after", 0, "z");
  jobs_start(fixture->jobs);
  wait_for(fixture, "refused after=z ");
}

static void
run_quick(gpointer data)
{
  note(data, "quick");
}

static void
test_run(Fixture *fixture, gconstpointer unused)
{
  jobs_run(fixture->jobs, run_quick, fixture);
  wait_for(fixture, "quick ");
}

static Error *
move_clock(gpointer data, gint64 ms)
{
  clock_set(clock_real(), ms, 1);
  return NULL;
}

static void
pass(Fixture *fixture, gint64 days)
{
  ASSERT_GOOD(jobs_pass(fixture->jobs, fixture->start + days * DAY_MS, move_clock, NULL));
  g_assert_cmpint((clock_now() - fixture->start) / DAY_MS, ==, days);
}

/* 90 days in one go: each job once, in the order of time, also those that others put before the 90th day; what catches up runs at the end. */
static void
test_time_passes(Fixture *fixture, gconstpointer unused)
{
  fixture->start = clock_now();
  schedule(fixture, "test.chain", "a", fixture->start + 10 * DAY_MS, "3");
  schedule(fixture, "test.chain", "b", fixture->start + 35 * DAY_MS, "0");
  schedule(fixture, "test.chain", "c", fixture->start + 91 * DAY_MS, "0");
  schedule(fixture, "test.minutes", "m", fixture->start + 15 * DAY_MS, "0");
  jobs_start(fixture->jobs);
  pass(fixture, 90);
  wait_for(fixture, "a@10 a@20 a@30 b@35 a@40 m@90 ");
}

static gpointer
work(gpointer data)
{
  Fixture *fixture = data;
  g_usleep(100 * 1000);
  g_autofree char *text = g_strdup_printf("work@%d", (int) ((clock_now() - fixture->start) / DAY_MS));
  note(fixture, text);
  jobs_release(fixture->jobs, fixture->hold);
  return NULL;
}

/* What goes on after its job has ended. */
static Error *
run_held(JobRun *run)
{
  Fixture *fixture = run->context;
  fixture->hold = jobs_hold(fixture->jobs, 60 * 1000);
  g_thread_unref(g_thread_new("work", work, fixture));
  return NULL;
}

/* The clock stands while something is held, and goes on when its time is over. */
static void
test_held(Fixture *fixture, gconstpointer unused)
{
  fixture->start = clock_now();
  jobs_start(fixture->jobs);
  schedule(fixture, "test.held", "h", fixture->start + 10 * DAY_MS, "");
  schedule(fixture, "test.chain", "a", fixture->start + 20 * DAY_MS, "0");
  pass(fixture, 30);
  wait_for(fixture, "work@10 a@20 ");
  jobs_hold(fixture->jobs, 50); /* never released */
  schedule(fixture, "test.chain", "b", fixture->start + 31 * DAY_MS, "0");
  pass(fixture, 40);
  wait_for(fixture, "work@10 a@20 b@31 ");
}

/* A job that fails is tried again in its own time, before the clock goes on. */
static void
test_attempts_are_stops(Fixture *fixture, gconstpointer unused)
{
  fixture->start = clock_now();
  jobs_start(fixture->jobs);
  schedule(fixture, "test.flaky", "f", fixture->start + 10 * DAY_MS, "");
  schedule(fixture, "test.chain", "a", fixture->start + 20 * DAY_MS, "0");
  pass(fixture, 30);
  wait_for(fixture, "attempt1 attempt2 attempt3 a@20 ");
}

#define ADD(name, function) g_test_add("/jobs/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("at-once-and-later", test_at_once_and_later);
  ADD("survives-restart", test_survives_restart);
  ADD("faults-are-tried-again", test_faults_are_tried_again);
  ADD("answers-are-final", test_answers_are_final);
  ADD("run", test_run);
  ADD("time-passes", test_time_passes);
  ADD("held", test_held);
  ADD("attempts-are-stops", test_attempts_are_stops);
  return g_test_run();
}
