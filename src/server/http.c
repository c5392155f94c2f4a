/* libmicrohttpd stays in this file. Connections are accepted elsewhere (listener.c) and handed to one of two daemons, plain and TLS,
 * each with its own epoll threads. The raw target comes from the URI log callback, the only place where it is not yet decoded. */
#include "server/http.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#include "server/exchange.h"

enum { THREADS = 2, STREAM_BLOCK = 64 * 1024 };

typedef enum { STAGE_NEW, STAGE_BODY, STAGE_RUN, STAGE_SENT } Stage;

/* What is known of a connection before its first request. */
typedef struct Origin {
  HttpServer *server;
  HttpOrigin listener;
  char ip[INET6_ADDRSTRLEN];
  gboolean tls;
} Origin;

struct HttpServer {
  const HttpEvents *events;
  gpointer data;
  Ca *ca;
  struct MHD_Daemon *plain, *tls;
  GMutex lock;         /* of origins */
  GHashTable *origins; /* descriptor -> Origin, until the connection is known to its daemon */
  gint busy;
};

typedef struct Exchange {
  HttpExchange public;
  HttpServer *server;
  struct MHD_Connection *connection;
  Stage stage;
  gboolean deferred;
  const char *raw;
} Exchange;

static Exchange *
exchange_of(HttpExchange *exchange)
{
  return (Exchange *) (void *) exchange;
}

/* --- a request arrives --- */

static void *
on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
  HttpServer *server = cls;
  Exchange *x = g_new0(Exchange, 1);
  x->server = server;
  x->connection = connection;
  x->public.arena = arena_new();
  x->raw = arena_strdup(x->public.arena, target);
  return x;
}

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
  Exchange *x = cls;
  Arena *arena = x->public.arena;
  char *lower = arena_strdup(arena, name);
  for (char *c = lower; *c; c++)
    *c = g_ascii_tolower(*c);
  StringMap *headers = (StringMap *) x->public.request.headers;
  const char *before = string_map_get(headers, lower);
  const char *text = value ? value : "";
  MAP_SET(arena, headers, lower, before ? arena_printf(arena, "%s, %s", before, text) : arena_strdup(arena, text));
  return MHD_YES;
}

/* "EXAMPLE.com:4566" -> "example.com"; "[::1]:80" -> "::1" */
static const char *
host_name(Arena *arena, const char *header)
{
  if (!header)
    return "";
  const char *end = header + strlen(header);
  if (*header == '[') {
    const char *close = strchr(header, ']');
    return arena_strndup(arena, header + 1, (gsize) ((close ? close : end) - header - 1));
  }
  const char *colon = strrchr(header, ':');
  char *host = arena_strndup(arena, header, (gsize) ((colon ? colon : end) - header));
  for (char *c = host; *c; c++)
    *c = g_ascii_tolower(*c);
  gsize size = strlen(host);
  if (size && host[size - 1] == '.')
    host[size - 1] = '\0';
  return host;
}

static void
fill_source(Exchange *x)
{
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  const Origin *origin = info ? info->socket_context : NULL;
  HttpExchange *public = &x->public;
  if (origin) {
    public->admin = origin->listener.admin;
    public->source.ip = arena_strdup(public->arena, origin->ip);
    public->source.vpc_id = origin->listener.vpc_id;
    public->source.endpoint_id = origin->listener.endpoint_id;
    public->source.tls = origin->tls;
  }
  public->source.user_agent = http_header(&public->request, "user-agent");
}

static void
fill_request(Exchange *x, const char *method)
{
  Arena *arena = x->public.arena;
  HttpRequest *request = &x->public.request;
  const char *question = strchr(x->raw, '?');
  request->method = arena_strdup(arena, method);
  request->target = x->raw;
  request->path = question ? arena_strndup(arena, x->raw, (gsize) (question - x->raw)) : x->raw;
  request->query = question ? question + 1 : "";
  request->headers = ARENA_NEW(arena, StringMap);
  MHD_get_connection_values(x->connection, MHD_HEADER_KIND, on_header, x);
  request->host = host_name(arena, http_header(request, "host"));
  request->source = &x->public.source;
  fill_source(x);
  x->public.request_id = id_uuid(arena);
  const char *length = http_header(request, "content-length");
  x->public.content_length = length ? g_ascii_strtoll(length, NULL, 10) : -1;
}

/* --- the answer leaves --- */

static ssize_t
read_stream(void *cls, uint64_t at, char *buffer, size_t max)
{
  Exchange *x = cls;
  Body *stream = x->public.answer.stream;
  gsize size = 0;
  g_autoptr(Error) error = stream->read(stream, (gint64) at, buffer, max, &size);
  if (error) {
    log_error("request %s: the answer's body broke off: %s", x->public.request_id, error->message);
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  return size ? (ssize_t) size : MHD_CONTENT_READER_END_OF_STREAM;
}

static ssize_t
read_nothing(void *cls, uint64_t at, char *buffer, size_t max)
{
  return MHD_CONTENT_READER_END_OF_STREAM;
}

/* Content-Length that a codec put among the headers (HeadObject): libmicrohttpd writes that header itself. */
static gint64
declared_size(const StringMap *headers)
{
  for (gsize i = 0; i < headers->n; i++)
    if (g_ascii_strcasecmp(headers->v[i].key, "content-length") == 0)
      return g_ascii_strtoll(headers->v[i].value, NULL, 10);
  return -1;
}

static struct MHD_Response *
make_response(Exchange *x)
{
  HttpAnswer *answer = &x->public.answer;
  gint64 declared = declared_size(&answer->headers);
  gboolean head = strcmp(x->public.request.method, "HEAD") == 0;
  if (head && declared >= 0)
    return MHD_create_response_from_callback((guint64) declared, STREAM_BLOCK, read_nothing, x, NULL);
  if (answer->stream) {
    gint64 size = answer->stream->size >= 0 ? answer->stream->size : declared;
    return MHD_create_response_from_callback(size >= 0 ? (guint64) size : MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, x, NULL);
  }
  return MHD_create_response_from_buffer(answer->size, (void *) answer->bytes, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result
send_answer(Exchange *x)
{
  HttpAnswer *answer = &x->public.answer;
  x->stage = STAGE_SENT;
  if (!answer->set)
    exchange_answer(&x->public, 500, "text/plain", "no answer\n", 10);
  struct MHD_Response *response = make_response(x);
  if (!response)
    return MHD_NO;
  for (gsize i = 0; i < answer->headers.n; i++)
    if (g_ascii_strcasecmp(answer->headers.v[i].key, "content-length") != 0)
      MHD_add_response_header(response, answer->headers.v[i].key, answer->headers.v[i].value);
  enum MHD_Result result = MHD_queue_response(x->connection, (unsigned) answer->status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload,
           size_t *upload_size, void **con_cls)
{
  HttpServer *server = cls;
  Exchange *x = *con_cls;
  switch (x->stage) {
  case STAGE_NEW:
    x->stage = STAGE_BODY;
    g_atomic_int_inc(&server->busy);
    fill_request(x, method);
    server->events->begin(&x->public, server->data);
    return x->public.answer.set ? send_answer(x) : MHD_YES;
  case STAGE_BODY:
    if (*upload_size) {
      if (!x->public.answer.set)
        server->events->body(&x->public, upload, *upload_size, server->data);
      *upload_size = 0;
      return MHD_YES;
    }
    x->stage = STAGE_RUN;
    if (!x->public.answer.set)
      server->events->run(&x->public, server->data);
    return x->deferred ? MHD_YES : send_answer(x);
  case STAGE_RUN:
    x->deferred = FALSE;
    if (!x->public.answer.set && x->public.finish)
      x->public.finish(&x->public);
    return x->deferred ? MHD_YES : send_answer(x);
  case STAGE_SENT:
    break;
  }
  return MHD_YES;
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode why)
{
  HttpServer *server = cls;
  Exchange *x = *con_cls;
  if (!x)
    return;
  *con_cls = NULL;
  gboolean begun = x->stage != STAGE_NEW;
  if (begun)
    server->events->end(&x->public, server->data);
  HttpAnswer *answer = &x->public.answer;
  if (answer->stream && answer->stream->free)
    answer->stream->free(answer->stream);
  g_clear_pointer(&answer->owned, g_byte_array_unref);
  g_clear_pointer(&x->public.body, g_byte_array_unref);
  arena_free(x->public.arena);
  g_free(x);
  if (begun)
    g_atomic_int_add(&server->busy, -1);
}

/* --- connections --- */

static void on_log(void *cls, const char *format, va_list args) G_GNUC_PRINTF(2, 0);
static void
on_log(void *cls, const char *format, va_list args)
{
  g_autofree char *text = g_strdup_vprintf(format, args);
  log_debug("libmicrohttpd: %s", g_strchomp(text));
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode what)
{
  HttpServer *server = cls;
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
    g_clear_pointer(socket_context, g_free);
    return;
  }
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  g_mutex_lock(&server->lock);
  gpointer key = NULL, origin = NULL;
  if (g_hash_table_steal_extended(server->origins, GINT_TO_POINTER(info->connect_fd), &key, &origin))
    *socket_context = origin;
  g_mutex_unlock(&server->lock);
}

static void
write_ip(const struct sockaddr *peer, char *buffer, gsize size)
{
  const void *address = peer->sa_family == AF_INET ? (const void *) &((const struct sockaddr_in *) (const void *) peer)->sin_addr
                                                   : (const void *) &((const struct sockaddr_in6 *) (const void *) peer)->sin6_addr;
  if ((peer->sa_family != AF_INET && peer->sa_family != AF_INET6) || !inet_ntop(peer->sa_family, address, buffer, (socklen_t) size))
    g_strlcpy(buffer, "127.0.0.1", size);
}

void
http_server_add(HttpServer *server, int fd, gboolean tls, const struct sockaddr *peer, guint peer_size, const HttpOrigin *listener)
{
  Origin *origin = g_new0(Origin, 1);
  origin->server = server;
  origin->listener = *listener;
  origin->tls = tls;
  write_ip(peer, origin->ip, sizeof origin->ip);
  g_mutex_lock(&server->lock);
  g_hash_table_replace(server->origins, GINT_TO_POINTER(fd), origin);
  g_mutex_unlock(&server->lock);
  /* The daemon closes the descriptor also when it refuses the connection. */
  if (MHD_add_connection(tls ? server->tls : server->plain, fd, peer, peer_size) != MHD_YES)
    log_warning("a connection was refused: %s", g_strerror(errno));
}

/* libmicrohttpd hangs its connection on the session; the connection's context leads to the server. */
static int
on_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int n_authorities, const gnutls_pk_algorithm_t *algorithms,
               int n_algorithms, gnutls_pcert_st **ret_certificate, unsigned int *ret_n, gnutls_privkey_t *ret_key)
{
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(gnutls_session_get_ptr(session), MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  const Origin *origin = info ? info->socket_context : NULL;
  char name[256] = "";
  size_t size = sizeof name - 1;
  unsigned type = 0;
  if (gnutls_server_name_get(session, name, &size, &type, 0) != GNUTLS_E_SUCCESS || type != GNUTLS_NAME_DNS)
    name[0] = '\0';
  *ret_n = 1;
  return origin && ca_certificate(origin->server->ca, name, ret_certificate, ret_key) ? 0 : -1;
}

static struct MHD_Daemon *
start_daemon(HttpServer *server, gboolean tls)
{
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO | MHD_USE_ERROR_LOG;
  struct MHD_OptionItem tls_options[] = {
      {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *) on_certificate},
      {MHD_OPTION_HTTPS_PRIORITIES, 0, (char[]){"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"}},
      {MHD_OPTION_END, 0, NULL},
  };
  struct MHD_OptionItem no_options[] = {{MHD_OPTION_END, 0, NULL}};
  return MHD_start_daemon(tls ? flags | MHD_USE_TLS : flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
                          MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
                          MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_CONNECTION_LIMIT,
                          (unsigned) LIMIT_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) (LIMIT_IDLE_MS / 1000),
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) LIMIT_HEADERS_MAX, MHD_OPTION_THREAD_POOL_SIZE,
                          (unsigned) THREADS, MHD_OPTION_ARRAY, tls ? tls_options : no_options, MHD_OPTION_END);
}

Error *
http_server_new(const HttpEvents *events, gpointer data, Ca *ca, HttpServer **ret_server)
{
  HttpServer *server = g_new0(HttpServer, 1);
  server->events = events;
  server->data = data;
  server->ca = ca;
  g_mutex_init(&server->lock);
  server->origins = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  server->plain = start_daemon(server, FALSE);
  server->tls = start_daemon(server, TRUE);
  if (!server->plain || !server->tls)
    return error_fault("the HTTP server cannot start: %s", g_strerror(errno));
  *ret_server = server;
  return NULL;
}

guint
http_server_busy(HttpServer *server)
{
  return (guint) g_atomic_int_get(&server->busy);
}

gboolean
http_server_free(HttpServer *server)
{
  if (http_server_busy(server))
    return FALSE; /* libmicrohttpd may not be stopped while a connection is put aside */
  MHD_stop_daemon(server->plain);
  MHD_stop_daemon(server->tls);
  g_hash_table_unref(server->origins);
  g_mutex_clear(&server->lock);
  g_free(server);
  return TRUE;
}

/* --- exchanges --- */

void
exchange_defer(HttpExchange *exchange, void (*finish)(HttpExchange *exchange))
{
  Exchange *x = exchange_of(exchange);
  exchange->finish = finish;
  x->deferred = TRUE;
  MHD_suspend_connection(x->connection);
}

void
exchange_resume(HttpExchange *exchange)
{
  MHD_resume_connection(exchange_of(exchange)->connection);
}

static void
set_answer(HttpExchange *exchange, int status)
{
  exchange->answer.set = TRUE;
  exchange->answer.status = status;
}

void
exchange_answer(HttpExchange *exchange, int status, const char *content_type, const void *bytes, gsize size)
{
  set_answer(exchange, status);
  MAP_SET(exchange->arena, &exchange->answer.headers, "content-type", content_type);
  exchange->answer.bytes = arena_memdup(exchange->arena, bytes, size);
  exchange->answer.size = size;
}

void
exchange_answer_wire(HttpExchange *exchange, WireAnswer *wire)
{
  HttpAnswer *answer = &exchange->answer;
  set_answer(exchange, wire->status);
  answer->headers = wire->headers;
  answer->stream = wire->stream;
  answer->owned = g_steal_pointer(&wire->body);
  wire->stream = NULL;
  if (answer->owned) {
    answer->bytes = answer->owned->data;
    answer->size = answer->owned->len;
  }
}

const HttpRequest *
http_request(const HttpExchange *exchange)
{
  return &exchange->request;
}

Arena *
http_arena(HttpExchange *exchange)
{
  return exchange->arena;
}

const char *
http_request_id(const HttpExchange *exchange)
{
  return exchange->request_id;
}

const char *
http_header(const HttpRequest *request, const char *lower_case_name)
{
  return string_map_get(request->headers, lower_case_name);
}

void
http_body(HttpExchange *exchange, const guint8 **ret_data, gsize *ret_size)
{
  *ret_size = exchange->body ? exchange->body->len : 0;
  *ret_data = arena_memdup(exchange->arena, exchange->body ? exchange->body->data : (const guint8 *) "", *ret_size);
}

void
http_answer(HttpExchange *exchange, int status, const StringMap *headers, const void *body, gsize size)
{
  set_answer(exchange, status);
  for (gsize i = 0; headers && i < headers->n; i++) {
    StringMapEntry entry = {arena_strdup(exchange->arena, headers->v[i].key), arena_strdup(exchange->arena, headers->v[i].value)};
    LIST_APPEND(exchange->arena, &exchange->answer.headers, entry); /* names may repeat: Set-Cookie */
  }
  exchange->answer.bytes = arena_memdup(exchange->arena, body, size);
  exchange->answer.size = size;
}
