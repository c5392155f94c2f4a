#include "services/s3/s3.h"
#include <string.h>

const Table s3_buckets = {"s3.bucket"};
const Table s3_objects = {"s3.object"};
const Table s3_uploads = {"s3.upload"};
const Table s3_parts = {"s3.part"};
const Table s3_secrets = {"s3.secret"};

/* The service's own key is made once, and kept. */
static Error *
load_master(Txn *txn, gpointer data)
{
  S3State *state = data;
  const void *stored = NULL;
  gsize size = 0;
  Key key;
  key_strings(&key, "master", NULL);
  TRY(store_get(txn, &s3_secrets, &key, &stored, &size));
  if (stored && size == sizeof state->master) {
    memcpy(state->master, stored, size);
    return NULL;
  }
  id_random(state->master, sizeof state->master);
  return store_put(txn, &s3_secrets, &key, state->master, sizeof state->master);
}

static Error *
start(Haar *haar)
{
  S3State *state = g_new0(S3State, 1);
  haar_set_state(haar, "s3", state);
  TRY(store_write(haar->store, load_master, state));
  lifecycle_start(haar);
  s3_metrics_start(haar);
  return request_metrics_start(haar);
}

static void
stop(Haar *haar)
{
  S3State *state = haar_state(haar, "s3");
  if (state)
    memset(state, 0, sizeof *state);
  g_free(state);
}

static gboolean
serves(Haar *haar, const HttpRequest *request)
{
  return cors_serves(haar, request) || post_serves(haar, request);
}

static void
serve(Haar *haar, HttpExchange *exchange)
{
  if (strcmp(http_request(exchange)->method, "POST") == 0)
    post_serve(haar, exchange);
  else
    cors_serve(haar, exchange);
}

const ServiceHooks s3_hooks = {
  .start = start, .stop = stop, .serves = serves, .serve = serve, .measure = s3_measure, .cross_origin = cors_headers, .access_denied_code = "AccessDenied"};
