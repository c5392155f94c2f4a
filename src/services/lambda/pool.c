/* The pool: warm environments by function version, newest first. One thread freezes those that have nothing to do and ends those that
 * had nothing to do for long. */
#include <string.h>

#include "services/lambda/environment.h"

static const gint64 freeze_after = 20 * 1000, reap_after = 5 * G_TIME_SPAN_MINUTE;

struct Pool {
  Lambda *lambda;
  GMutex lock;
  GCond changed;
  GThread *thread;
  GPtrArray *idle;           /* Environment *, oldest first */
  guint turn;
  gboolean stopping;
};

/* --- the thread --- */

static gboolean
is_over(const Environment *environment, gint64 now)
{
  return environment->ended || now - environment->idle_since > reap_after || clock_now() > environment->expires;
}

static void
freeze(Environment *environment)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&environment->freezing);
  if (environment->frozen || !g_atomic_int_get(&environment->idle))
    return;
  g_autoptr(Error) error = sandbox_freeze(environment->sandbox);
  environment->frozen = !error;
}

/* Takes out what is over, and one that can be frozen. *ret_wait: us until there may be more to do. */
static void
look(Pool *pool, GPtrArray *over, Environment **ret_freeze, gint64 *ret_wait)
{
  gint64 now = g_get_monotonic_time();
  *ret_freeze = NULL;
  *ret_wait = 2 * G_TIME_SPAN_SECOND;
  for (guint i = 0; i < pool->idle->len;) {
    Environment *environment = pool->idle->pdata[i];
    if (is_over(environment, now)) {
      g_ptr_array_add(over, environment);
      g_ptr_array_remove_index(pool->idle, i);
      continue;
    }
    gint64 left = environment->idle_since + freeze_after - now;
    if (!environment->frozen && left <= 0 && !*ret_freeze)
      *ret_freeze = environment;
    else if (!environment->frozen)
      *ret_wait = MIN(*ret_wait, MAX(left, 1000));
    i++;
  }
}

static gpointer
tend(gpointer data)
{
  Pool *pool = data;
  gint64 flush_at = 0;
  g_mutex_lock(&pool->lock);
  while (!pool->stopping) {
    g_autoptr(GPtrArray) over = g_ptr_array_new_with_free_func((GDestroyNotify) environment_free);
    Environment *cold;
    gint64 wait;
    look(pool, over, &cold, &wait);
    if (g_get_monotonic_time() >= flush_at) { /* each invocation wakes this thread: not for each */
      runtime_flush(pool->lambda->runtime);
      flush_at = g_get_monotonic_time() + G_TIME_SPAN_SECOND;
    }
    if (cold) /* under the pool's lock: it cannot be taken, or freed, meanwhile */
      freeze(cold);
    else if (!over->len)
      g_cond_wait_until(&pool->changed, &pool->lock, g_get_monotonic_time() + wait);
    if (!over->len)
      continue;
    g_mutex_unlock(&pool->lock);
    g_ptr_array_set_size(over, 0);
    g_mutex_lock(&pool->lock);
  }
  g_mutex_unlock(&pool->lock);
  return NULL;
}

Pool *
pool_new(Lambda *lambda)
{
  Pool *pool = g_new0(Pool, 1);
  pool->lambda = lambda;
  pool->idle = g_ptr_array_new();
  g_mutex_init(&pool->lock);
  g_cond_init(&pool->changed);
  pool->thread = g_thread_new("lambda-pool", tend, pool);
  return pool;
}

void
pool_free(Pool *pool)
{
  if (!pool)
    return;
  g_mutex_lock(&pool->lock);
  pool->stopping = TRUE;
  g_cond_broadcast(&pool->changed);
  g_mutex_unlock(&pool->lock);
  g_thread_join(pool->thread);
  for (guint i = 0; i < pool->idle->len; i++)
    environment_free(pool->idle->pdata[i]);
  g_ptr_array_unref(pool->idle);
  g_mutex_clear(&pool->lock);
  g_cond_clear(&pool->changed);
  g_free(pool);
}

void
pool_give_back(Pool *pool, Environment *environment)
{
  log_sink_flush(environment->log);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&pool->lock);
  environment->idle_since = g_get_monotonic_time();
  environment_work(environment, FALSE);
  g_atomic_int_set(&environment->idle, TRUE);
  g_ptr_array_add(pool->idle, environment);
  g_cond_broadcast(&pool->changed);
}

Environment *
pool_take(Pool *pool, const Invocation *invocation)
{
  const LambdaFunctionConfiguration *config = invocation->config;
  g_autofree char *key = g_strdup_printf("%s/%s/%s/%s", invocation->region, invocation->account, config->FunctionName, config->Version);
  g_autoptr(GPtrArray) stale = g_ptr_array_new_with_free_func((GDestroyNotify) environment_free);
  Environment *found = NULL;
  gint64 now = g_get_monotonic_time();
  g_mutex_lock(&pool->lock);
  for (guint i = pool->idle->len; i-- > 0 && !found;) {
    Environment *environment = pool->idle->pdata[i];
    if (strcmp(environment->key, key) != 0)
      continue;
    g_ptr_array_remove_index(pool->idle, i);
    environment_work(environment, TRUE); /* before its credentials are looked at: the clock may jump any time */
    if (is_over(environment, now) || g_strcmp0(environment->revision, config->RevisionId) != 0 ||
        (environment->interface && environment->made_late != invocation->late))
      g_ptr_array_add(stale, environment);
    else
      found = environment;
  }
  if (found)
    g_atomic_int_set(&found->idle, FALSE);
  g_mutex_unlock(&pool->lock);
  if (found && found->frozen) {
    g_autoptr(Error) error = sandbox_thaw(found->sandbox);
    found->frozen = FALSE;
  }
  return found;
}

void
pool_forget_interface(Pool *pool, const char *interface)
{
  g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func((GDestroyNotify) environment_free);
  g_mutex_lock(&pool->lock);
  for (guint i = pool->idle->len; i-- > 0;)
    if (g_strcmp0(((Environment *) pool->idle->pdata[i])->interface, interface) == 0)
      g_ptr_array_add(gone, g_ptr_array_remove_index(pool->idle, i));
  g_mutex_unlock(&pool->lock);
}

Error *
pool_make(Pool *pool, Call *call, const Invocation *invocation, Environment **ret)
{
  return environment_new(pool->lambda, call, invocation, (guint) g_atomic_int_add(&pool->turn, 1), ret);
}
