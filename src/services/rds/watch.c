/* watch: a thread for each engine that runs. It exports the engine's logs, and asks the engine whether it lives.
 *
 * A process that stands still is not a process that ended, but it serves nobody: it is ended, and what follows is as if it had died (failover.c).
 * It is dead when PROBES questions in a row were not answered within PROBE_SECONDS each. A machine under load answers late; so a question counts
 * only if this thread itself was run in time, and an error is an answer. AWS fails over within 60 seconds, mostly within 30.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html */
#include "services/rds/engine.h"

#include <errmsg.h>
#include <string.h>

#define TURN_US (G_GINT64_CONSTANT(1) * G_USEC_PER_SEC)
#define LATE_US (G_GINT64_CONSTANT(1) * G_USEC_PER_SEC)
enum { PROBES = 3, PROBE_SECONDS = 5 };

struct Watch {
  Haar *haar;
  char *arn, *directory;
  const gint *held;
  void (*dead)(gpointer data);
  gpointer data;
  GThread *thread;
  GMutex mutex; /* of ends */
  GCond cond;
  gboolean ends;
  MYSQL *mysql; /* kept: a new connection each time would fill the server's logs */
  guint missed;
  gint64 exported; /* logs_grown at the last export */
};

/* --- does it answer? --- */

/* Whether an error means that nothing came back in time. A connection that was closed is made anew at the next question. */
static gboolean
unanswered(const MYSQL *mysql, gint64 began)
{
  unsigned int number = mysql_errno((MYSQL *) mysql);
  return (number == CR_SERVER_LOST || number == CR_SERVER_GONE_ERROR) && clock_monotonic_us() - began >= (PROBE_SECONDS - 1) * G_USEC_PER_SEC;
}

/* FALSE: no answer within PROBE_SECONDS. */
static gboolean
ask(Watch *watch)
{
  gint64 began = clock_monotonic_us();
  gboolean silent = FALSE;
  if (!watch->mysql) {
    g_autoptr(GString) problem = g_string_new(NULL);
    watch->mysql = engine_connect(watch->haar, watch->arn, PROBE_SECONDS, problem, &silent);
    return !silent;
  }
  if (!mysql_query(watch->mysql, "SELECT 1")) {
    mysql_free_result(mysql_store_result(watch->mysql));
    return TRUE;
  }
  silent = unanswered(watch->mysql, began);
  mysql_close(watch->mysql);
  watch->mysql = NULL;
  return !silent;
}

static void
probe(Watch *watch, gboolean late)
{
  gint64 began = clock_monotonic_us();
  if (g_atomic_int_get(watch->held)) {
    watch->missed = 0;
    return;
  }
  gboolean answers = ask(watch);
  late = late || clock_monotonic_us() - began > (PROBE_SECONDS + 1) * G_USEC_PER_SEC + LATE_US;
  if (answers)
    watch->missed = 0;
  else if (!late && !g_atomic_int_get(watch->held))
    watch->missed++;
  if (watch->missed < PROBES)
    return;
  log_warning("database engine %s has not answered %d times within %d s: it is ended", strrchr(watch->arn, ':') + 1, PROBES, PROBE_SECONDS);
  watch->missed = 0;
  watch->dead(watch->data);
}

/* --- its logs --- */

static void
export(Watch *watch)
{
  Arn arn;
  gint64 grown = logs_grown(watch->directory);
  if (grown == watch->exported)
    return;
  g_autoptr(Arena) arena = arena_new();
  if (!arn_parse(arena, watch->arn, &arn))
    return;
  g_autoptr(Call) call = call_new(watch->haar, arn.account, arn.region, principal_service(arena, "rds", arn.account));
  g_autoptr(Error) error = logs_export(call, strrchr(watch->arn, ':') + 1, FALSE);
  if (error)
    log_debug("logs of %s: %s", watch->arn, error->message); /* tried again at the next turn */
  else
    watch->exported = grown;
}

/* --- the thread --- */

/* FALSE: it ends. late: the machine did not let it run in time. */
static gboolean
next_turn(Watch *watch, gboolean *ret_late)
{
  gint64 at = g_get_monotonic_time() + TURN_US;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&watch->mutex);
  while (!watch->ends && g_cond_wait_until(&watch->cond, &watch->mutex, at))
    ;
  *ret_late = g_get_monotonic_time() - at > LATE_US;
  return !watch->ends;
}

static gpointer
run(gpointer data)
{
  Watch *watch = data;
  gboolean late = FALSE;
  mysql_thread_init();
  while (next_turn(watch, &late)) {
    export(watch);
    probe(watch, late);
  }
  if (watch->mysql)
    mysql_close(watch->mysql);
  mysql_thread_end();
  return NULL;
}

Watch *
watch_new(Haar *haar, const char *arn, const char *directory, const gint *held, void (*dead)(gpointer data), gpointer data)
{
  Watch *watch = g_new0(Watch, 1);
  *watch = (Watch) {.haar = haar, .arn = g_strdup(arn), .directory = g_strdup(directory), .held = held, .dead = dead, .data = data};
  g_mutex_init(&watch->mutex);
  g_cond_init(&watch->cond);
  watch->thread = g_thread_new("rds-watch", run, watch);
  return watch;
}

void
watch_free(Watch *watch)
{
  if (!watch)
    return;
  g_mutex_lock(&watch->mutex);
  watch->ends = TRUE;
  g_cond_signal(&watch->cond);
  g_mutex_unlock(&watch->mutex);
  g_thread_join(watch->thread);
  g_mutex_clear(&watch->mutex);
  g_cond_clear(&watch->cond);
  g_free(watch->arn);
  g_free(watch->directory);
  g_free(watch);
}
