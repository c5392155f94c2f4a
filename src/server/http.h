/* http: a request and its answer, for data planes. libmicrohttpd stays behind http.c. */
#pragma once

#include "iam/iam.h"
#include "wire/body.h"

typedef struct Haar Haar;
struct CallSource;

typedef struct HttpRequest {
  const char *method;
  const char *target;        /* as sent: path and query, not decoded */
  const char *path, *query;  /* raw; query without '?', "" if none */
  const char *host;          /* Host header without port, lower case */
  const StringMap *headers;  /* names in lower case; several of one name are joined with ", " */
  const struct CallSource *source;
} HttpRequest;

/* One request being answered on a worker thread; may block. */
typedef struct HttpExchange HttpExchange;
const HttpRequest *http_request(const HttpExchange *exchange);
Arena *http_arena(HttpExchange *exchange);
const char *http_request_id(const HttpExchange *exchange);
const char *http_header(const HttpRequest *request, const char *lower_case_name);
/* The whole body, at most LIMIT_BODY_MAX (arena, NUL-terminated). */
void http_body(HttpExchange *exchange, const guint8 **ret_data, gsize *ret_size);
/* Answers; once. headers may be NULL. The bytes are copied. */
void http_answer(HttpExchange *exchange, int status, const StringMap *headers, const void *body, gsize size);
/* Whether a session's credential is over, for what was signed at signed_ms of the machine's time: as of all calls. Any thread. */
gboolean http_session_over(Haar *haar, const Credential *credential, gint64 signed_ms);
/* Who signed the request for a service (by its signing name), with everything checked: signature, body, session token, expiry. For data planes
 * that take signed requests (execute-api). Refused: answers with status 403 in the words of REST services. Results live with the exchange. */
Error *http_authenticate(Haar *haar, HttpExchange *exchange, Txn *txn, const char *signing_name, const Principal **ret_principal) G_GNUC_WARN_UNUSED_RESULT;
