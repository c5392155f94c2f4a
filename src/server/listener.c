/* One epoll for listening sockets and for accepted connections whose first byte is awaited. A connection whose kind is known by its
 * listener goes to libmicrohttpd at once; the others wait here, at most LIMIT_IDLE_MS, until there is a byte to peek at. */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TLS_HANDSHAKE = 0x16, EVENTS = 64, SWEEP_MS = 10000 };

typedef enum { WATCH_LISTENER, WATCH_NEW_CONNECTION, WATCH_WAKE } WatchKind;

typedef struct Watch {
  WatchKind kind;
  int fd;
  guint id; /* listener */
  gboolean tls, plain;
  HttpOrigin origin;
  gint64 since_ms; /* connection */
  struct sockaddr_storage peer;
  socklen_t peer_size;
} Watch;

struct Listeners {
  HttpServer *http;
  int epoll;
  Watch wake;
  GThread *thread;
  gint stopping;
  GMutex lock;           /* of all below */
  GHashTable *listeners; /* id -> Watch */
  GHashTable *waiting;   /* Watch of connections: only the thread touches it */
  GPtrArray *dead;       /* listeners removed: freed by the thread */
  guint next_id;
};

static gboolean
watch(Listeners *listeners, Watch *w)
{
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
  return epoll_ctl(listeners->epoll, EPOLL_CTL_ADD, w->fd, &event) == 0;
}

static void
hand_over(Listeners *listeners, const Watch *w, gboolean tls)
{
  http_server_add(listeners->http, w->fd, tls, (const struct sockaddr *) (const void *) &w->peer, w->peer_size, &w->origin);
}

static void
drop_waiting(Listeners *listeners, Watch *w, gboolean with_descriptor)
{
  epoll_ctl(listeners->epoll, EPOLL_CTL_DEL, w->fd, NULL);
  if (with_descriptor)
    close(w->fd);
  g_hash_table_remove(listeners->waiting, w); /* frees it */
}

/* A new connection has spoken, or has closed. */
static void
look_at_first_byte(Listeners *listeners, Watch *w)
{
  guint8 first = 0;
  ssize_t n = recv(w->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n != 1) {
    drop_waiting(listeners, w, TRUE);
    return;
  }
  epoll_ctl(listeners->epoll, EPOLL_CTL_DEL, w->fd, NULL);
  hand_over(listeners, w, first == TLS_HANDSHAKE);
  g_hash_table_remove(listeners->waiting, w);
}

static void
take_connection(Listeners *listeners, const Watch *listener, int fd, const Watch *from)
{
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  Watch *w = g_memdup2(from, sizeof *from);
  w->kind = WATCH_NEW_CONNECTION;
  w->fd = fd;
  w->since_ms = clock_real();
  w->origin = listener->origin;
  if (!(listener->tls && listener->plain)) {
    hand_over(listeners, w, listener->tls);
    g_free(w);
    return;
  }
  g_hash_table_add(listeners->waiting, w);
  if (g_hash_table_size(listeners->waiting) > (guint) LIMIT_CONNECTIONS_MAX || !watch(listeners, w)) {
    close(fd);
    g_hash_table_remove(listeners->waiting, w);
    return;
  }
  look_at_first_byte(listeners, w); /* usually it is there already */
}

static void
accept_all(Listeners *listeners, const Watch *listener)
{
  for (int i = 0; i < EVENTS; i++) {
    Watch from = {0};
    from.peer_size = sizeof from.peer;
    int fd = accept4(listener->fd, (struct sockaddr *) (void *) &from.peer, &from.peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) {
        log_error("no more descriptors: a connection has to wait");
        g_usleep(10 * 1000);
      }
      return;
    }
    take_connection(listeners, listener, fd, &from);
  }
}

static void
sweep(Listeners *listeners)
{
  GHashTableIter iter;
  gpointer key;
  gint64 now = clock_real();
  g_autoptr(GPtrArray) late = g_ptr_array_new();
  g_hash_table_iter_init(&iter, listeners->waiting);
  while (g_hash_table_iter_next(&iter, &key, NULL))
    if (now - ((Watch *) key)->since_ms > LIMIT_IDLE_MS)
      g_ptr_array_add(late, key);
  for (guint i = 0; i < late->len; i++)
    drop_waiting(listeners, late->pdata[i], TRUE);
}

static void
free_dead(Listeners *listeners)
{
  g_mutex_lock(&listeners->lock);
  g_ptr_array_set_size(listeners->dead, 0);
  g_mutex_unlock(&listeners->lock);
}

static void
handle(Listeners *listeners, Watch *w)
{
  guint64 count;
  switch (w->kind) {
  case WATCH_LISTENER:
    if (w->fd >= 0)
      accept_all(listeners, w);
    break;
  case WATCH_NEW_CONNECTION:
    look_at_first_byte(listeners, w);
    break;
  case WATCH_WAKE:
    if (read(w->fd, &count, sizeof count) < 0 && errno != EAGAIN)
      log_error("the accepting thread's wake-up: %s", g_strerror(errno));
    break;
  }
}

static gpointer
run(gpointer data)
{
  Listeners *listeners = data;
  struct epoll_event events[EVENTS];
  gint64 swept = clock_real();
  while (!g_atomic_int_get(&listeners->stopping)) {
    int n = epoll_wait(listeners->epoll, events, EVENTS, g_hash_table_size(listeners->waiting) ? SWEEP_MS : -1);
    for (int i = 0; i < n; i++)
      handle(listeners, events[i].data.ptr);
    free_dead(listeners);
    if (clock_real() - swept > SWEEP_MS) {
      sweep(listeners);
      swept = clock_real();
    }
  }
  return NULL;
}

static void
free_listener(gpointer data)
{
  Watch *w = data;
  if (w->fd >= 0)
    close(w->fd);
  g_free(w);
}

static void
wake(Listeners *listeners)
{
  guint64 one = 1;
  if (write(listeners->wake.fd, &one, sizeof one) < 0)
    log_error("the accepting thread cannot be woken: %s", g_strerror(errno));
}

Error *
listeners_new(HttpServer *http, Listeners **ret_listeners)
{
  Listeners *listeners = g_new0(Listeners, 1);
  listeners->http = http;
  listeners->epoll = epoll_create1(EPOLL_CLOEXEC);
  listeners->wake = (Watch){.kind = WATCH_WAKE, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  g_mutex_init(&listeners->lock);
  listeners->listeners = g_hash_table_new(NULL, NULL);
  listeners->waiting = g_hash_table_new_full(NULL, NULL, g_free, NULL);
  listeners->dead = g_ptr_array_new_with_free_func(free_listener);
  listeners->next_id = 1;
  if (listeners->epoll < 0 || listeners->wake.fd < 0 || !watch(listeners, &listeners->wake))
    return error_fault("the accepting thread cannot start: %s", g_strerror(errno));
  listeners->thread = g_thread_new("accept", run, listeners);
  *ret_listeners = listeners;
  return NULL;
}

void
listeners_stop(Listeners *listeners)
{
  if (!listeners->thread)
    return;
  g_atomic_int_set(&listeners->stopping, TRUE);
  wake(listeners);
  g_thread_join(g_steal_pointer(&listeners->thread));
}

void
listeners_free(Listeners *listeners)
{
  if (!listeners)
    return;
  listeners_stop(listeners);
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, listeners->listeners);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    free_listener(value);
  g_hash_table_iter_init(&iter, listeners->waiting);
  while (g_hash_table_iter_next(&iter, &value, NULL))
    close(((Watch *) value)->fd);
  g_hash_table_unref(listeners->listeners);
  g_hash_table_unref(listeners->waiting);
  g_ptr_array_unref(listeners->dead);
  close(listeners->epoll);
  close(listeners->wake.fd);
  g_mutex_clear(&listeners->lock);
  g_free(listeners);
}

guint
listeners_add(Listeners *listeners, int fd, const ListenerInfo *info)
{
  Watch *w = g_new0(Watch, 1);
  w->kind = WATCH_LISTENER;
  w->fd = fd;
  w->tls = info->tls;
  w->plain = info->plain || !info->tls;
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  g_mutex_lock(&listeners->lock);
  guint id = w->id = listeners->next_id++;
  w->origin.admin = info->admin;
  w->origin.vpc_id = info->vpc_id ? g_intern_string(info->vpc_id) : NULL;
  w->origin.endpoint_id = info->endpoint_id ? g_intern_string(info->endpoint_id) : NULL;
  g_hash_table_insert(listeners->listeners, GUINT_TO_POINTER(id), w);
  g_mutex_unlock(&listeners->lock);
  if (!watch(listeners, w))
    log_error("a listening socket cannot be watched: %s", g_strerror(errno));
  return id;
}

void
listeners_remove(Listeners *listeners, guint id)
{
  g_mutex_lock(&listeners->lock);
  Watch *w = g_hash_table_lookup(listeners->listeners, GUINT_TO_POINTER(id));
  g_hash_table_remove(listeners->listeners, GUINT_TO_POINTER(id));
  if (w) {
    epoll_ctl(listeners->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    shutdown(w->fd, SHUT_RDWR); /* refuses from now on; the thread closes it when it does not look at it */
    g_ptr_array_add(listeners->dead, w);
  }
  g_mutex_unlock(&listeners->lock);
  if (w)
    wake(listeners);
}
