/* request: HTTP requests of runtimes to the Runtime API, as they arrive. */
#pragma once

#include <glib.h>

typedef struct RuntimeRequest {
  char method[8];
  char path[512];
  char error_type[256];      /* Lambda-Runtime-Function-Error-Type, or "" */
  const guint8 *body;        /* in the data given */
  gsize body_size;
  gboolean expects_continue; /* "Expect: 100-continue": also set while the body is incomplete */
} RuntimeRequest;

/* Reads one request from the beginning of data. Returns the bytes it took; 0: more is needed; -1: it is no request that is understood
 * (a body over body_max, chunked, a malformed line). */
gssize runtime_request_parse(const guint8 *data, gsize size, gsize body_max, RuntimeRequest *ret);
