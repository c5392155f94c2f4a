/* thread_sanitizer: shows ThreadSanitizer what GLib does. GLib locks with the kernel's futexes, which it does not know, so every mutex and queue of
 * GLib would look like a race. Here mutexes and conditions are those of POSIX threads, and queues, pools and g_once tell what happens before what
 * (the linker puts the __wrap_ functions before GLib's own; meson.build). Only in a build with -Db_sanitize=thread. */
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>

#undef g_once_init_leave

void __tsan_acquire(void *address);
void __tsan_release(void *address);

/* The POSIX object behind a GMutex or GCond, made when it is first asked for. */
static gpointer
behind(gpointer *slot, gsize size, void (*init)(gpointer made))
{
  gpointer found = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
  if (found)
    return found;
  gpointer made = malloc(size);
  init(made);
  if (__atomic_compare_exchange_n(slot, &found, made, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    return made;
  free(made);
  return found;
}

static void
mutex_make(gpointer made)
{
  pthread_mutex_init(made, NULL);
}

static void
cond_make(gpointer made)
{
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(made, &attributes);
  pthread_condattr_destroy(&attributes);
}

static pthread_mutex_t *
mutex_of(GMutex *mutex)
{
  return behind(&mutex->p, sizeof(pthread_mutex_t), mutex_make);
}

static pthread_cond_t *
cond_of(GCond *cond)
{
  return behind(&cond->p, sizeof(pthread_cond_t), cond_make);
}

void
g_mutex_init(GMutex *mutex)
{
  mutex->p = NULL;
}

void
g_mutex_clear(GMutex *mutex)
{
  if (mutex->p)
    pthread_mutex_destroy(mutex->p);
  free(mutex->p);
  mutex->p = NULL;
}

void
g_mutex_lock(GMutex *mutex)
{
  pthread_mutex_lock(mutex_of(mutex));
}

gboolean
g_mutex_trylock(GMutex *mutex)
{
  return pthread_mutex_trylock(mutex_of(mutex)) == 0;
}

void
g_mutex_unlock(GMutex *mutex)
{
  pthread_mutex_unlock(mutex_of(mutex));
}

void
g_cond_init(GCond *cond)
{
  cond->p = NULL;
}

void
g_cond_clear(GCond *cond)
{
  if (cond->p)
    pthread_cond_destroy(cond->p);
  free(cond->p);
  cond->p = NULL;
}

void
g_cond_wait(GCond *cond, GMutex *mutex)
{
  pthread_cond_wait(cond_of(cond), mutex_of(mutex));
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end)
{
  struct timespec time = {end / G_USEC_PER_SEC, end % G_USEC_PER_SEC * 1000};
  return pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), &time) == 0;
}

void
g_cond_signal(GCond *cond)
{
  pthread_cond_signal(cond_of(cond));
}

void
g_cond_broadcast(GCond *cond)
{
  pthread_cond_broadcast(cond_of(cond));
}

/* --- pools --- */

typedef struct PoolWork {
  GFunc function;
  gpointer data;
} PoolWork;

static void
pool_work(gpointer item, gpointer data)
{
  PoolWork *work = data;
  __tsan_acquire(work);
  work->function(item, work->data);
  __tsan_release(work);
}

GThreadPool *__real_g_thread_pool_new(GFunc function, gpointer data, gint max, gboolean exclusive, GError **error);
GThreadPool *__wrap_g_thread_pool_new(GFunc function, gpointer data, gint max, gboolean exclusive, GError **error);
GThreadPool *
__wrap_g_thread_pool_new(GFunc function, gpointer data, gint max, gboolean exclusive, GError **error)
{
  PoolWork *work = g_new(PoolWork, 1); /* lives as long as the process: a pool that ends may still be at work */
  *work = (PoolWork) {function, data};
  return __real_g_thread_pool_new(pool_work, work, max, exclusive, error);
}

gboolean __real_g_thread_pool_push(GThreadPool *pool, gpointer item, GError **error);
gboolean __wrap_g_thread_pool_push(GThreadPool *pool, gpointer item, GError **error);
gboolean
__wrap_g_thread_pool_push(GThreadPool *pool, gpointer item, GError **error)
{
  __tsan_release(pool->user_data);
  return __real_g_thread_pool_push(pool, item, error);
}

void __real_g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait);
void __wrap_g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait);
void
__wrap_g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait)
{
  gpointer work = pool->user_data;
  __real_g_thread_pool_free(pool, immediate, wait);
  __tsan_acquire(work);
}

/* --- queues --- */

void __real_g_async_queue_push(GAsyncQueue *queue, gpointer item);
void __wrap_g_async_queue_push(GAsyncQueue *queue, gpointer item);
void
__wrap_g_async_queue_push(GAsyncQueue *queue, gpointer item)
{
  __tsan_release(queue);
  __real_g_async_queue_push(queue, item);
}

gpointer __real_g_async_queue_pop(GAsyncQueue *queue);
gpointer __wrap_g_async_queue_pop(GAsyncQueue *queue);
gpointer
__wrap_g_async_queue_pop(GAsyncQueue *queue)
{
  gpointer item = __real_g_async_queue_pop(queue);
  __tsan_acquire(queue);
  return item;
}

gpointer __real_g_async_queue_timeout_pop(GAsyncQueue *queue, guint64 timeout_us);
gpointer __wrap_g_async_queue_timeout_pop(GAsyncQueue *queue, guint64 timeout_us);
gpointer
__wrap_g_async_queue_timeout_pop(GAsyncQueue *queue, guint64 timeout_us)
{
  gpointer item = __real_g_async_queue_timeout_pop(queue, timeout_us);
  __tsan_acquire(queue);
  return item;
}

/* --- once --- */

void __real_g_once_init_leave(volatile void *location, gsize result);
void __wrap_g_once_init_leave(volatile void *location, gsize result);
void
__wrap_g_once_init_leave(volatile void *location, gsize result)
{
  __real_g_once_init_leave(location, result);
  __atomic_store_n((gsize *) location, result, __ATOMIC_RELEASE); /* once more, where it is seen */
}
