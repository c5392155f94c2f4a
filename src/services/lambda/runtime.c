/* The Runtime API: one thread for the listeners, connections and output pipes of all environments.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/lambda/environment.h"
#include "services/lambda/request.h"

enum { ANSWER_MAX = 6291556, EVENTS = 32 };

typedef struct Source {
  guint64 id;
  int kind, fd;
  Environment *environment;
  GByteArray *in;
  gboolean continued;
  gboolean stranger;         /* connection: of another environment's process */
} Source;

static void
source_free(gpointer data)
{
  Source *source = data;
  close(source->fd);
  if (source->in)
    g_byte_array_unref(source->in);
  g_free(source);
}

guint64
runtime_add(Runtime *runtime, Environment *environment, int kind, int fd)
{
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  Source *source = g_new0(Source, 1);
  *source = (Source) {++runtime->last_source, kind, fd, environment, kind == SOURCE_CONNECTION ? g_byte_array_new() : NULL, FALSE, FALSE};
  g_hash_table_insert(runtime->sources, &source->id, source);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = source->id};
  epoll_ctl(runtime->epoll, EPOLL_CTL_ADD, fd, &event);
  return source->id;
}

static Source *
source_find(Runtime *runtime, guint64 id)
{
  return g_hash_table_lookup(runtime->sources, &id);
}

void
runtime_remove(Runtime *runtime, guint64 id)
{
  Source *source = source_find(runtime, id);
  if (!source)
    return;
  if (source->environment->waiting == id)
    source->environment->waiting = 0;
  epoll_ctl(runtime->epoll, EPOLL_CTL_DEL, source->fd, NULL);
  g_hash_table_remove(runtime->sources, &id);
}

static gboolean
is_of(gpointer id, gpointer source, gpointer environment)
{
  return ((Source *) source)->environment == environment;
}

void
runtime_remove_all(Runtime *runtime, Environment *environment)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&runtime->lock);
  g_hash_table_foreach_remove(runtime->sources, is_of, environment);
}

int
runtime_fd(Runtime *runtime, guint64 id)
{
  const Source *source = source_find(runtime, id);
  return source ? source->fd : -1;
}

/* --- output --- */

static void
output_line(Environment *environment)
{
  GString *line = environment->line;
  log_sink_add(environment->log, line->str, line->len);
  if (environment->tail)
    g_string_append_printf(environment->tail, "%s\n", line->str);
  g_string_truncate(line, 0);
}

static void
output_add(Environment *environment, const char *text, gsize size)
{
  static const gsize line_max = 256 * 1024 - 26;
  for (gsize i = 0; i < size; i++) {
    if (text[i] == '\n')
      output_line(environment);
    else
      g_string_append_c(environment->line, text[i] ? text[i] : ' ');
    if (environment->line->len >= line_max)
      output_line(environment);
  }
}

/* Takes what is in the pipe. FALSE: it is at its end. */
static gboolean
output_read(Environment *environment, int fd)
{
  char buffer[16 * 1024];
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0)
    output_add(environment, buffer, (gsize) n);
  return n < 0;
}

void
environment_drain(Environment *environment)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&environment->runtime->lock);
  int fd = runtime_fd(environment->runtime, environment->output);
  if (fd >= 0)
    output_read(environment, fd);
  if (environment->line->len)
    output_line(environment);
}

/* --- requests --- */

static void
reply(const Source *source, int status, const char *body)
{
  g_autofree char *text =
    g_strdup_printf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s", status,
                    status == 202 ? "Accepted" : "Bad", strlen(body), body);
  if (send(source->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
    log_debug("a runtime's connection: %s", g_strerror(errno));
}

static void
answered(Environment *environment, const RuntimeRequest *request, gboolean error)
{
  if (environment->answer)
    g_byte_array_unref(environment->answer);
  environment->answer = g_byte_array_append(g_byte_array_new(), request->body, (guint) request->body_size);
  g_free(environment->error_type);
  environment->error_type = g_strdup(request->error_type);
  environment->answered = TRUE;
  environment->answered_error = error;
  g_cond_broadcast(&environment->changed);
}

/* "/2018-06-01/runtime/invocation/<id>/<what>" */
static void
invocation_answer(Source *source, const RuntimeRequest *request, const char *rest)
{
  Environment *environment = source->environment;
  g_auto(GStrv) parts = g_strsplit(rest, "/", 2);
  gboolean error = parts[0] && parts[1] && strcmp(parts[1], "error") == 0;
  if (!parts[0] || !parts[1] || (!error && strcmp(parts[1], "response") != 0)) {
    reply(source, 404, "{\"errorMessage\":\"no such resource\",\"errorType\":\"NotFound\"}\n");
    return;
  }
  if (g_strcmp0(parts[0], environment->request_id) != 0 || environment->answered) {
    reply(source, 400, "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n");
    return;
  }
  reply(source, 202, "{\"status\":\"OK\"}\n");
  answered(environment, request, error);
}

/* Environments that share an interface share its loopback, where anyone may connect to any port: only the environment's own processes are
 * answered. Without an interface an environment has its loopback for itself. */
static gboolean
is_stranger(const Environment *environment, int fd)
{
  return environment->interface && !sandbox_is_peer(environment->sandbox, fd);
}

static void
handle(Source *source, const RuntimeRequest *request)
{
  static const char base[] = "/2018-06-01/runtime/";
  Environment *environment = source->environment;
  const char *path = g_str_has_prefix(request->path, base) ? request->path + strlen(base) : "";
  if (source->stranger)
    reply(source, 403, "{\"errorMessage\":\"this is another environment's Runtime API\",\"errorType\":\"Forbidden\"}\n");
  else if (strcmp(path, "invocation/next") == 0 && strcmp(request->method, "GET") == 0) {
    environment->waiting = source->id;
    g_cond_broadcast(&environment->changed);
  } else if (strcmp(path, "init/error") == 0) {
    environment->init_failed = TRUE;
    reply(source, 202, "{\"status\":\"OK\"}\n");
    answered(environment, request, TRUE);
  } else if (g_str_has_prefix(path, "invocation/"))
    invocation_answer(source, request, path + strlen("invocation/"));
  else
    reply(source, 404, "{\"errorMessage\":\"no such resource\",\"errorType\":\"NotFound\"}\n");
}

/* FALSE: the connection is at its end, or speaks nonsense. */
static gboolean
connection_parse(Source *source)
{
  for (;;) {
    RuntimeRequest request;
    gssize n = runtime_request_parse(source->in->data, source->in->len, ANSWER_MAX + 1024, &request);
    if (n < 0)
      reply(source, 413, "{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\",\"errorType\":\"RequestEntityTooLarge\"}\n");
    if (n == 0 && request.expects_continue && !source->continued) {
      static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
      source->continued = send(source->fd, go, sizeof go - 1, MSG_NOSIGNAL) > 0;
    }
    if (n <= 0)
      return n == 0;
    handle(source, &request);
    source->continued = FALSE;
    g_byte_array_remove_range(source->in, 0, (guint) n);
  }
}

static gboolean
connection_read(Source *source)
{
  guint8 buffer[64 * 1024];
  ssize_t n;
  while ((n = recv(source->fd, buffer, sizeof buffer, 0)) > 0) {
    g_byte_array_append(source->in, buffer, (guint) n);
    if (!connection_parse(source))
      return FALSE;
  }
  return n < 0 && errno == EAGAIN;
}

static void
accept_all(Runtime *runtime, const Source *listener)
{
  int fd;
  static const int on = 1;
  while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    guint64 id = runtime_add(runtime, listener->environment, SOURCE_CONNECTION, fd);
    source_find(runtime, id)->stranger = is_stranger(listener->environment, fd);
  }
}

static void
serve(Runtime *runtime, guint64 id)
{
  Source *source = source_find(runtime, id);
  if (!source)
    return;
  gboolean more = TRUE;
  if (source->kind == SOURCE_LISTENER)
    accept_all(runtime, source);
  else if (source->kind == SOURCE_OUTPUT)
    more = output_read(source->environment, source->fd);
  else
    more = connection_read(source);
  if (!more)
    runtime_remove(runtime, id);
}

static gpointer
loop(gpointer data)
{
  Runtime *runtime = data;
  struct epoll_event events[EVENTS];
  while (!g_atomic_int_get(&runtime->stopping)) {
    int n = epoll_wait(runtime->epoll, events, EVENTS, -1);
    g_mutex_lock(&runtime->lock);
    for (int i = 0; i < n; i++)
      if (events[i].data.u64)
        serve(runtime, events[i].data.u64);
    g_mutex_unlock(&runtime->lock);
  }
  return NULL;
}

Error *
runtime_new(Haar *haar, Runtime **ret)
{
  Runtime *runtime = g_new0(Runtime, 1);
  runtime->haar = haar;
  runtime->epoll = epoll_create1(EPOLL_CLOEXEC);
  runtime->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  runtime->last_port = 9000;
  runtime->sources = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, source_free);
  runtime->environments = g_hash_table_new(NULL, NULL);
  g_mutex_init(&runtime->lock);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
  epoll_ctl(runtime->epoll, EPOLL_CTL_ADD, runtime->wake, &event);
  runtime->thread = g_thread_new("lambda-runtime", loop, runtime);
  *ret = runtime;
  return NULL;
}

static void
flush(gpointer key, gpointer value, gpointer data)
{
  const Environment *environment = key;
  if (environment->log)
    log_sink_flush(environment->log);
}

void
runtime_flush(Runtime *runtime)
{
  if (!runtime)
    return;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&runtime->lock);
  g_hash_table_foreach(runtime->environments, flush, NULL);
}

static void
wake(gpointer key, gpointer value, gpointer data)
{
  g_cond_broadcast(&((Environment *) key)->changed);
}

void
runtime_halt(Runtime *runtime)
{
  if (!runtime)
    return;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&runtime->lock);
  runtime->halted = TRUE;
  g_hash_table_foreach(runtime->environments, wake, NULL);
}

void
runtime_free(Runtime *runtime)
{
  if (!runtime)
    return;
  guint64 one = 1;
  g_atomic_int_set(&runtime->stopping, TRUE);
  if (write(runtime->wake, &one, sizeof one) < 0)
    log_debug("eventfd: %s", g_strerror(errno));
  g_thread_join(runtime->thread);
  g_hash_table_unref(runtime->sources);
  g_hash_table_unref(runtime->environments);
  close(runtime->epoll);
  close(runtime->wake);
  g_mutex_clear(&runtime->lock);
  g_free(runtime);
}
