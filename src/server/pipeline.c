/* Lanes. A TXN_READ operation runs where the request arrived, on the event thread, in a snapshot. A TXN_WRITE operation runs on the store's
 * writer thread, a TXN_NONE operation on a worker; meanwhile the connection is put aside. Decoding and encoding are always the event
 * thread's. The body of a streaming operation is spooled while it comes in, after the signature was found good. */
#include "server/pipeline.h"

#include <string.h>

#include "server/admin.h"
#include "server/auth.h"
#include "server/spool.h"
#include "server/wait.h"

typedef enum { KIND_CALL, KIND_DATA_PLANE, KIND_ADMIN } RunKind;

/* One request on its way. Lives in its exchange's arena. */
typedef struct Run {
  Call call;
  HttpExchange *exchange;
  Server *server;
  RunKind kind;
  const Service *data_plane;
  Route route;
  WireRequest request; /* as it was sent: what the signature covers */
  Sigv4 signature;
  Spool *spool; /* of a streaming operation */
  gboolean authenticated;
  gboolean too_large;
  gint64 began_us; /* when its body was there */
  guint delay_ms;
  void *in, *out;
  Error *error; /* transfer full; decides the answer */
  Waiter waiter;
} Run;

/* --- answers --- */

static void
log_fault(const Run *run)
{
  const Operation *operation = run->route.operation;
  log_error("request %s: %s %s.%s failed: %s (%s:%d)", run->call.request_id, run->exchange->request.method, run->route.model->name,
            operation ? operation->name : "?", run->error->message, run->error->file, run->error->line);
}

/* To a browser's call from another origin. */
static void
add_cross_origin(Run *run, StringMap *headers)
{
  const HttpRequest *request = &run->exchange->request;
  const ServiceHooks *hooks = run->route.service ? run->route.service->hooks : NULL;
  if (hooks && hooks->cross_origin && http_header(request, "origin"))
    hooks->cross_origin(run->server->haar, run->exchange->arena, request, run->route.path ? run->route.path : request->path, headers);
}

static void
answer_error(Run *run)
{
  if (run->error->kind == ERROR_FAULT)
    log_fault(run);
  WireAnswer answer = {0};
  const OperationModel *operation = run->route.operation ? run->route.operation->model : NULL;
  wire_encode_error(run->route.protocol, run->route.model, operation, run->exchange->arena, run->error, run->call.request_id, &answer);
  add_cross_origin(run, &answer.headers);
  exchange_answer_wire(run->exchange, &answer);
  wire_answer_clear(&answer);
}

static void
answer_output(Run *run)
{
  WireAnswer answer = {0};
  run->error = wire_encode(run->route.protocol, run->route.model, run->route.operation->model, run->exchange->arena, run->out,
                           run->call.request_id, &answer);
  if (!run->error) {
    add_cross_origin(run, &answer.headers);
    exchange_answer_wire(run->exchange, &answer);
  }
  wire_answer_clear(&answer);
}

static void
measure_call(Run *run)
{
  const ServiceHooks *hooks = run->route.service->hooks;
  if (hooks && hooks->measure)
    hooks->measure(&run->call, run->in, run->out, run->error, clock_monotonic_us() - run->began_us);
}

static void
recorded(gpointer data)
{
  const Run *run = data;
  exchange_resume(run->exchange);
}

/* On the event thread. What is recorded is answered when its record is stored: a trail lacks nothing that was answered. */
static void
answer_call(Run *run)
{
  measure_call(run);
  if (run->route.operation && run->authenticated && call_is_recorded(&run->call, run->in)) {
    exchange_defer(run->exchange, NULL);
    call_record(&run->call, run->in, run->error ? NULL : run->out, run->error, recorded, run);
  }
  if (!run->error)
    answer_output(run);
  if (run->error)
    answer_error(run);
}

/* --- the steps --- */

static const char *
hash_body(Run *run)
{
  return run->signature.kind == SIGV4_NONE ? NULL : sigv4_hash(run->call.arena, run->request.body, run->request.body_size);
}

static Error *
authenticate(Run *run, Txn *txn, const char *payload_hash, const char **ret_secret)
{
  const Credential *credential = NULL;
  TRY(auth_check(run->call.haar->server, txn, run->call.arena, &run->request, &run->signature, &run->route, run->call.now, payload_hash, &credential,
                 &run->call.principal));
  run->authenticated = TRUE;
  run->call.account = run->call.principal->account;
  if (run->signature.kind != SIGV4_NONE)
    run->call.region = run->signature.region;
  else
    run->call.region = run->route.region ? run->route.region : run->call.haar->region;
  if (ret_secret)
    *ret_secret = credential ? credential->secret_key : NULL;
  return NULL;
}

static Error *
decode(Run *run)
{
  const Operation *operation = run->route.operation;
  WireRequest request = run->request;
  request.path = run->route.path;
  request.labels = &run->route.labels;
  run->in = arena_alloc(run->call.arena, operation->input_size);
  run->out = arena_alloc(run->call.arena, operation->output_size);
  TRY(wire_decode(run->route.protocol, operation->service, operation->model, run->call.arena, &request, run->in));
  return operation->service->protocol == PROTOCOL_EC2 ? shape_validate_ec2(operation->model->input, run->in)
                                                      : shape_validate(operation->model->input, run->in);
}

static Error *
handle(Run *run, Txn *txn)
{
  run->call.txn = txn;
  Error *error = call_authorize(&run->call, run->in, TRUE);
  if (!error && run->route.operation->txn != TXN_NONE) {
    memset(run->out, 0, run->route.operation->output_size);
    error = run->route.operation->run(&run->call, run->in, run->out);
  }
  run->call.txn = NULL;
  return error;
}

/* --- lanes --- */

static void
finish_call(HttpExchange *exchange)
{
  answer_call(exchange->user);
}

static Error *
write_lane(Txn *txn, gpointer data)
{
  return handle(data, txn);
}

static void
write_done(Error *error, gpointer data)
{
  Run *run = data;
  if (waits_settle(&run->waiter, error != NULL)) /* it may be running again already: it is not ours any more */
    return;
  run->error = error;
  exchange_resume(run->exchange);
}

static void
write_run(gpointer data)
{
  Run *run = data;
  store_write_async(run->server->haar->store, write_lane, write_done, run);
}

static Error *
authorize_blocking(Run *run)
{
  g_autoptr(Txn) txn = NULL;
  TRY(store_begin_read(run->server->haar->store, &txn));
  return handle(run, txn);
}

static void
blocking_lane(gpointer data)
{
  Run *run = data;
  run->error = authorize_blocking(run);
  if (!run->error)
    run->error = run->route.operation->run(&run->call, run->in, run->out);
  exchange_resume(run->exchange);
}

/* On a full disk only what makes room is done. */
static gboolean
makes_room(const char *operation)
{
  static const char *const verbs[] = {"Delete", "BatchDelete", "Abort", "Purge", "Terminate", "Release", "Remove", "Untag", "Disassociate", "Detach", "Cancel"};
  for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
    if (g_str_has_prefix(operation, verbs[i]))
      return TRUE;
  return FALSE;
}

static Error *
check_space(Run *run)
{
  Store *store = run->server->haar->store;
  const Operation *operation = run->route.operation;
  gboolean writes = operation->txn == TXN_WRITE || operation->model->input_streams;
  return writes && store_is_short(store) && !makes_room(operation->name) ? store_short_error(store, operation->name) : NULL;
}

static void
dispatch(Run *run, Txn *txn)
{
  switch (run->route.operation->txn) {
  case TXN_READ:
    run->error = handle(run, txn);
    break;
  case TXN_WRITE:
    exchange_defer(run->exchange, finish_call);
    run->waiter = (Waiter){.waits = run->server->waits, .again = write_run, .data = run};
    run->call.waiter = &run->waiter;
    write_run(run);
    break;
  case TXN_NONE:
    exchange_defer(run->exchange, finish_call);
    server_work(run->server, blocking_lane, run);
    break;
  }
}

/* A fault makes it wait: off the event thread, then in its lane. */
static void
late_lane(gpointer data)
{
  Run *run = data;
  g_usleep((gulong) run->delay_ms * 1000);
  switch (run->route.operation->txn) {
  case TXN_READ:
    run->error = authorize_blocking(run);
    exchange_resume(run->exchange);
    break;
  case TXN_WRITE:
    store_write_async(run->server->haar->store, write_lane, write_done, run);
    break;
  case TXN_NONE:
    blocking_lane(run);
    break;
  }
}

/* --- the body is complete --- */

static Error *
finish_body(Run *run)
{
  if (run->too_large)
    return error_answer_status(413, "RequestEntityTooLarge", "The request's body exceeds %" G_GINT64_FORMAT " bytes", LIMIT_BODY_MAX);
  GByteArray *body = run->exchange->body;
  run->request.body = body ? body->data : NULL;
  run->request.body_size = body ? body->len : 0;
  if (run->spool)
    TRY(spool_finish(run->spool, run->call.arena, &run->request.stream));
  if (!run->route.wants_body)
    return NULL;
  StringMap form = wire_form_parse(run->call.arena, body ? (const char *) body->data : "", run->request.body_size);
  return route_action(run->call.arena, &form, &run->route);
}

static Error *
prepare(Run *run, Txn *txn)
{
  TRY(finish_body(run));
  run->call.operation = run->route.operation;
  if (!run->authenticated)
    TRY(authenticate(run, txn, hash_body(run), NULL));
  TRY(check_space(run));
  return decode(run);
}

static void
run_call(Run *run)
{
  g_autoptr(Txn) txn = NULL;
  run->began_us = clock_monotonic_us();
  if (!run->error)
    run->error = store_begin_read(run->server->haar->store, &txn);
  if (!run->error)
    run->error = prepare(run, txn);
  if (!run->error)
    run->error = faults_meet(run->server, &run->call, &run->delay_ms);
  if (run->error) {
    answer_error(run);
    return;
  }
  if (run->delay_ms) {
    exchange_defer(run->exchange, finish_call);
    server_work(run->server, late_lane, run);
    return;
  }
  gboolean inline_lane = run->route.operation->txn == TXN_READ;
  if (!inline_lane)
    g_clear_pointer(&txn, txn_end);
  dispatch(run, txn);
  if (inline_lane)
    answer_call(run);
}

/* --- data planes and haar's own API --- */

static void
run_data_plane(gpointer data)
{
  Run *run = data;
  run->data_plane->hooks->serve(run->server->haar, run->exchange);
  exchange_resume(run->exchange);
}

static void
run_admin(gpointer data)
{
  Run *run = data;
  admin_serve(run->server, run->exchange);
  exchange_resume(run->exchange);
}

static void
on_run(HttpExchange *exchange, gpointer data)
{
  Run *run = exchange->user;
  if (run->kind == KIND_CALL) {
    run_call(run);
    return;
  }
  if (run->too_large) {
    exchange_answer(exchange, 413, "application/json", "{\"message\":\"Request Too Long\"}", 30);
    return;
  }
  exchange_defer(exchange, NULL);
  server_work(run->server, run->kind == KIND_ADMIN ? run_admin : run_data_plane, run);
}

/* --- headers are there --- */

static const Service *
find_data_plane(const Server *server, const HttpRequest *request)
{
  for (const Service *const *service = haar_services; *service; service++) {
    const ServiceHooks *hooks = (*service)->hooks;
    if (hooks && hooks->serves && hooks->serves(server->haar, request))
      return *service;
  }
  return NULL;
}

/* A streaming operation is authenticated before its body is read. */
static Error *
begin_stream(Run *run)
{
  g_autoptr(Txn) txn = NULL;
  const char *secret = NULL;
  TRY(store_begin_read(run->server->haar->store, &txn));
  TRY(authenticate(run, txn, NULL, &secret));
  run->spool = spool_new(run->server->haar->store, &run->exchange->request, &run->signature, secret);
  return NULL;
}

static Error *
begin_call(Run *run)
{
  const HttpRequest *http = &run->exchange->request;
  Arena *arena = run->call.arena;
  run->request = (WireRequest){.method = http->method, .path = http->path, .query = http->query, .headers = http->headers};
  run->route = (Route){.path = http->path};
  Error *unreadable = auth_read(arena, &run->request, &run->signature);
  Error *unrouted = route_request(arena, http, unreadable ? NULL : run->signature.service, &run->route);
  if (unreadable) {
    error_clear(&unrouted);
    return unreadable;
  }
  TRY(unrouted);
  const Operation *operation = run->route.operation;
  return operation && operation->model->input_streams ? begin_stream(run) : NULL;
}

/* Large bodies that would be thrown away are refused before they are sent. */
static gboolean
refuse_early(const Run *run)
{
  const HttpExchange *exchange = run->exchange;
  return exchange->content_length > LIMIT_BODY_MAX || http_header(&exchange->request, "expect");
}

static void
on_begin(HttpExchange *exchange, gpointer data)
{
  Server *server = data;
  Run *run = ARENA_NEW(exchange->arena, Run);
  exchange->user = run;
  run->exchange = exchange;
  run->server = server;
  run->call = (Call){
      .haar = server->haar,
      .arena = exchange->arena,
      .request_id = exchange->request_id,
      .region = server->haar->region,
      .account = DEFAULT_ACCOUNT,
      .source = &exchange->source,
      .now = clock_now(),
      .host = http_header(&exchange->request, "host"),
  };
  if (admin_serves(exchange)) {
    run->kind = KIND_ADMIN;
  } else if ((run->data_plane = find_data_plane(server, &exchange->request))) {
    run->kind = KIND_DATA_PLANE;
  } else {
    run->error = begin_call(run);
  }
  if (!run->spool && exchange->content_length > LIMIT_BODY_MAX)
    run->too_large = TRUE;
  if ((run->error || run->too_large) && refuse_early(run))
    on_run(exchange, server);
}

static void
on_body(HttpExchange *exchange, const void *bytes, gsize size, gpointer data)
{
  Run *run = exchange->user;
  if (run->error || run->too_large)
    return;
  if (run->spool) {
    run->error = spool_feed(run->spool, bytes, size);
    return;
  }
  if (!exchange->body)
    exchange->body = g_byte_array_sized_new((guint) CLAMP(exchange->content_length, 64, 1024 * 1024));
  if (exchange->body->len + size > (gsize) LIMIT_BODY_MAX)
    run->too_large = TRUE;
  else
    g_byte_array_append(exchange->body, bytes, (guint) size);
}

static void
on_end(HttpExchange *exchange, gpointer data)
{
  Run *run = exchange->user;
  if (!run)
    return;
  g_clear_pointer(&run->spool, spool_free);
  error_clear(&run->error);
}

const HttpEvents pipeline_events = {.begin = on_begin, .body = on_body, .run = on_run, .end = on_end};
