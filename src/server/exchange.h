/* exchange: one HTTP request and its answer, between http.c (which alone knows libmicrohttpd) and the server's pipeline.
 *
 * Life: begin (headers are there) -> body pieces -> run (body complete) -> [deferred -> finish] -> sent -> end.
 * begin, body, run and finish are called on the connection's event thread and must be quick. */
#pragma once

#include <sys/socket.h>

#include "server/ca.h"
#include "server/server.h"

typedef struct HttpServer HttpServer;

typedef struct HttpAnswer {
  gboolean set;
  int status;
  StringMap headers;         /* arena */
  const guint8 *bytes;       /* arena, or owned by owned */
  gsize size;
  GByteArray *owned;         /* transfer full, or NULL */
  Body *stream;              /* or NULL; freed after the last byte */
} HttpAnswer;

struct HttpExchange {
  HttpRequest request;
  CallSource source;
  gboolean admin;            /* it came by the host's own listener */
  Arena *arena;
  const char *request_id;
  gint64 content_length;     /* declared; -1 = none (chunked or no body) */
  GByteArray *body;          /* gathered by the pipeline; NULL: no body, or it is spooled */
  HttpAnswer answer;
  void (*finish)(HttpExchange *exchange); /* after a deferral, on the event thread: makes the answer if it is not set */
  gpointer user;             /* the pipeline's own */
  gpointer connection;       /* http.c's own */
};

typedef struct HttpEvents {
  void (*begin)(HttpExchange *exchange, gpointer data); /* may answer at once: then the body is not read */
  void (*body)(HttpExchange *exchange, const void *bytes, gsize size, gpointer data);
  void (*run)(HttpExchange *exchange, gpointer data);   /* answers, or defers */
  void (*end)(HttpExchange *exchange, gpointer data);   /* sent, or the client is gone */
} HttpEvents;

/* Starts the event threads: plain and TLS. */
Error *http_server_new(const HttpEvents *events, gpointer data, Ca *ca, HttpServer **ret_server) ERROR_MUST_USE;
/* Ends all connections. FALSE: some calls are still running; then nothing was freed. */
gboolean http_server_free(HttpServer *server);
/* Serves an accepted, non-blocking connection; takes the descriptor. origin is copied into each exchange; its texts must live on. */
typedef struct HttpOrigin { const char *vpc_id, *endpoint_id; gboolean admin; } HttpOrigin;
void http_server_add(HttpServer *server, int fd, gboolean tls, const struct sockaddr *peer, guint peer_size, const HttpOrigin *origin);
/* Requests that are being answered. */
guint http_server_busy(HttpServer *server);

/* Puts the connection aside until exchange_resume. Event thread, in run or finish. Then finish is called, if no answer is set and it is not NULL. */
void exchange_defer(HttpExchange *exchange, void (*finish)(HttpExchange *exchange));
/* Any thread, once: goes on with finish on the event thread. The caller may not touch exchange afterwards. */
void exchange_resume(HttpExchange *exchange);
/* Answers with bytes that are copied. */
void exchange_answer(HttpExchange *exchange, int status, const char *content_type, const void *bytes, gsize size);
/* Answers in the words of a codec; takes answer's body and stream. */
void exchange_answer_wire(HttpExchange *exchange, WireAnswer *answer);
