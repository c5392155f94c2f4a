/* A call lists itself while its transaction runs, so that what is committed together with it can wake it; it is run again only when that
 * transaction has ended. A thread looks for those whose time has come. */
#include "server/wait.h"

#include "server/internal.h"

enum { LOOK_US = 60 * 1000 * 1000 };

struct Waits {
  GMutex mutex;
  GCond cond;
  GHashTable *keys; /* text -> GQueue of Waiter, oldest first */
  GHashTable *pulses; /* text -> guint64 *, of keys that somebody polls */
  GCond pulse;
  gboolean stopping;
  GThread *thread;
};

/* Out of the list; the mutex is held. */
static void
unlist(Waits *waits, Waiter *waiter)
{
  GQueue *queue = waiter->key ? g_hash_table_lookup(waits->keys, waiter->key) : NULL;
  if (queue) {
    g_queue_remove(queue, waiter);
    if (g_queue_is_empty(queue))
      g_hash_table_remove(waits->keys, waiter->key);
  }
  g_clear_pointer(&waiter->key, g_free);
}

/* Takes up to n of a queue: those that may run go to ret, the others are marked. The mutex is held. */
static void
wake(Waits *waits, GQueue *queue, guint n, gint64 due_us, GPtrArray *ret)
{
  for (GList *at = queue ? queue->head : NULL, *next; at && n; at = next) {
    Waiter *waiter = at->data;
    next = at->next;
    if (waiter->woken || waiter->due_us > due_us)
      continue;
    n--;
    waiter->woken = TRUE;
    if (waiter->settled)
      g_ptr_array_add(ret, waiter);
  }
  for (guint i = 0; i < ret->len; i++)
    if (((Waiter *) ret->pdata[i])->key)
      unlist(waits, ret->pdata[i]);
}

static void
run_again(GPtrArray *waiters)
{
  for (guint i = 0; i < waiters->len; i++) {
    Waiter *waiter = waiters->pdata[i];
    waiter->again(waiter->data);
  }
}

static void
wake_all(Waits *waits, gint64 due_us)
{
  g_autoptr(GPtrArray) ready = g_ptr_array_new();
  g_mutex_lock(&waits->mutex);
  g_autoptr(GList) queues = g_hash_table_get_values(waits->keys);
  for (GList *at = queues; at; at = at->next)
    wake(waits, at->data, G_MAXUINT, due_us, ready);
  g_mutex_unlock(&waits->mutex);
  run_again(ready);
}

/* When the next one is due. The mutex is held. */
static gint64
next_due(Waits *waits)
{
  gint64 due = clock_monotonic_us() + LOOK_US;
  GHashTableIter iter;
  gpointer queue;
  g_hash_table_iter_init(&iter, waits->keys);
  while (g_hash_table_iter_next(&iter, NULL, &queue))
    for (GList *at = ((GQueue *) queue)->head; at; at = at->next)
      if (!((Waiter *) at->data)->woken)
        due = MIN(due, ((Waiter *) at->data)->due_us);
  return due;
}

static gpointer
look(gpointer data)
{
  Waits *waits = data;
  g_mutex_lock(&waits->mutex);
  while (!waits->stopping) {
    gint64 due = next_due(waits);
    if (due > clock_monotonic_us()) {
      g_cond_wait_until(&waits->cond, &waits->mutex, due);
      continue;
    }
    g_mutex_unlock(&waits->mutex);
    wake_all(waits, clock_monotonic_us());
    g_mutex_lock(&waits->mutex);
  }
  g_mutex_unlock(&waits->mutex);
  return NULL;
}

static void
free_queue(gpointer queue)
{
  g_queue_free(queue);
}

Waits *
waits_new(void)
{
  Waits *waits = g_new0(Waits, 1);
  g_mutex_init(&waits->mutex);
  g_cond_init(&waits->cond);
  g_cond_init(&waits->pulse);
  waits->pulses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  waits->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_queue);
  return waits;
}

void
waits_stop(Waits *waits)
{
  g_mutex_lock(&waits->mutex);
  waits->stopping = TRUE;
  g_cond_broadcast(&waits->cond);
  g_cond_broadcast(&waits->pulse);
  g_mutex_unlock(&waits->mutex);
  wake_all(waits, G_MAXINT64);
  g_clear_pointer(&waits->thread, g_thread_join);
}

void
waits_clock_moved(Waits *waits)
{
  GHashTableIter iter;
  gpointer count;
  g_mutex_lock(&waits->mutex);
  g_hash_table_iter_init(&iter, waits->pulses);
  while (g_hash_table_iter_next(&iter, NULL, &count))
    ++*(guint64 *) count;
  g_cond_broadcast(&waits->pulse);
  g_mutex_unlock(&waits->mutex);
  wake_all(waits, G_MAXINT64);
}

void
waits_free(Waits *waits)
{
  if (!waits)
    return;
  g_hash_table_destroy(waits->keys);
  g_hash_table_destroy(waits->pulses);
  g_cond_clear(&waits->pulse);
  g_mutex_clear(&waits->mutex);
  g_cond_clear(&waits->cond);
  g_free(waits);
}

guint
waits_count(Waits *waits)
{
  guint n = 0;
  GHashTableIter iter;
  gpointer queue;
  g_mutex_lock(&waits->mutex);
  g_hash_table_iter_init(&iter, waits->keys);
  while (g_hash_table_iter_next(&iter, NULL, &queue))
    n += g_queue_get_length(queue);
  g_mutex_unlock(&waits->mutex);
  return n;
}

gboolean
waits_settle(Waiter *waiter, gboolean failed)
{
  Waits *waits = waiter->waits;
  g_mutex_lock(&waits->mutex);
  gboolean waiting = waiter->key && !failed, again = waiting && waiter->woken;
  if (waiting && !again)
    waiter->settled = TRUE;
  else
    unlist(waits, waiter);
  g_mutex_unlock(&waits->mutex);
  if (again)
    waiter->again(waiter->data);
  return waiting;
}

/* --- what services call --- */

/* Into the list. The mutex is held. */
static void
list(Waits *waits, Waiter *waiter, const char *key)
{
  GQueue *queue = g_hash_table_lookup(waits->keys, key);
  if (!queue)
    g_hash_table_insert(waits->keys, g_strdup(key), queue = g_queue_new());
  waiter->key = g_strdup(key);
  waiter->settled = waiter->woken = FALSE;
  g_queue_push_tail(queue, waiter);
  if (!waits->thread)
    waits->thread = g_thread_new("waits", look, waits);
  g_cond_broadcast(&waits->cond);
}

gboolean
call_wait(Call *call, const char *key, gint64 wait_ms, gint64 due_ms)
{
  Waiter *waiter = call->waiter;
  if (!waiter || wait_ms <= 0)
    return FALSE;
  Waits *waits = waiter->waits;
  gint64 now = clock_monotonic_us();
  g_mutex_lock(&waits->mutex);
  if (!waiter->until_us)
    waiter->until_us = now + wait_ms * 1000;
  gboolean may = waiter->until_us > now && !waits->stopping && !waiter->key;
  gint64 until = due_ms - clock_now();
  waiter->due_us = due_ms && until < wait_ms ? MIN(waiter->until_us, now + MAX(until, 0) * 1000 + 1000) : waiter->until_us;
  if (may)
    list(waits, waiter, key);
  g_mutex_unlock(&waits->mutex);
  return may;
}

typedef struct Wake {
  Waits *waits;
  char *key;
  guint n;
} Wake;

static void
wake_now(gpointer data)
{
  Wake *waking = data;
  g_autoptr(GPtrArray) ready = g_ptr_array_new();
  g_mutex_lock(&waking->waits->mutex);
  wake(waking->waits, g_hash_table_lookup(waking->waits->keys, waking->key), waking->n, G_MAXINT64, ready);
  guint64 *pulse = g_hash_table_lookup(waking->waits->pulses, waking->key);
  if (pulse) {
    ++*pulse;
    g_cond_broadcast(&waking->waits->pulse);
  }
  g_mutex_unlock(&waking->waits->mutex);
  run_again(ready);
}

static void
wake_free(gpointer data)
{
  Wake *waking = data;
  g_free(waking->key);
  g_free(waking);
}

void
call_wake(Call *call, const char *key, guint n)
{
  if (!call->haar->server || !call->haar->server->waits)
    return;
  Wake *waking = g_new0(Wake, 1);
  *waking = (Wake){call->haar->server->waits, g_strdup(key), n};
  txn_on_commit(call->txn, wake_now, waking, wake_free);
}

/* --- threads that poll --- */

/* The mutex is held. */
static guint64 *
pulse_of(Waits *waits, const char *key)
{
  guint64 *count = g_hash_table_lookup(waits->pulses, key);
  if (!count)
    g_hash_table_insert(waits->pulses, g_strdup(key), count = g_new0(guint64, 1));
  return count;
}

guint64
call_pulse(Haar *haar, const char *key)
{
  Waits *waits = haar->server->waits;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&waits->mutex);
  return *pulse_of(waits, key);
}

gboolean
call_pulse_wait(Haar *haar, const char *key, guint64 seen, gint64 max_ms, const gboolean *stop)
{
  Waits *waits = haar->server->waits;
  gint64 until = clock_monotonic_us() + max_ms * 1000;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&waits->mutex);
  guint64 *count = pulse_of(waits, key);
  while (!waits->stopping && !g_atomic_int_get(stop) && *count == seen)
    if (!g_cond_wait_until(&waits->pulse, &waits->mutex, until))
      break;
  return !waits->stopping && !g_atomic_int_get(stop);
}

void
call_pulse_all(Haar *haar)
{
  Waits *waits = haar->server->waits;
  g_mutex_lock(&waits->mutex);
  g_cond_broadcast(&waits->pulse);
  g_mutex_unlock(&waits->mutex);
}
