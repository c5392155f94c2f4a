/* Calls as the services see them: authorisation, and calls that services make themselves. What comes by HTTP is pipeline.c's. */
#include "server/call.h"

#include <string.h>

#include "server/condition.h"
#include "server/internal.h"
#include "server/permit.h"

/* --- authorisation --- */

int
denial_status(Protocol protocol)
{
  return protocol == PROTOCOL_JSON || protocol == PROTOCOL_CBOR ? 400 : 403;
}

/* Each service has its own code for "no". */
static Error *
name_denial(const Operation *operation, Error *error)
{
  if (!error_is(error, "AccessDenied"))
    return error;
  const Service *service = haar_service(operation->service->name);
  Protocol protocol = operation->service->protocol;
  const char *code = service && service->hooks ? service->hooks->access_denied_code : NULL;
  if (!code)
    code = protocol == PROTOCOL_JSON || protocol == PROTOCOL_REST_JSON || protocol == PROTOCOL_CBOR ? "AccessDeniedException"
           : protocol == PROTOCOL_EC2                                                               ? "UnauthorizedOperation"
                                                                                                    : "AccessDenied";
  g_free(error->code);
  error->code = g_strdup(code);
  error->status = denial_status(protocol);
  return error;
}

static Error *
find_endpoint_policy(Call *call, const char **ret_policy)
{
  const char *endpoint = call->source->endpoint_id;
  *ret_policy = NULL;
  if (!endpoint)
    return NULL;
  for (const Service *const *service = haar_services; *service; service++)
    if ((*service)->hooks && (*service)->hooks->endpoint_policy)
      return (*service)->hooks->endpoint_policy(call->haar, call->txn, call->arena, endpoint, ret_policy);
  return NULL;
}

Error *
call_permitted(Call *call, const IamRequest *request)
{
  Error *denied = iam_authorize(call->txn, call->arena, request);
  if (denied && denied->kind == ERROR_ANSWER && call->haar->server)
    denials_add(call->haar->server->denials, call, request, denied->message);
  return denied;
}

static Error *
check_permission(Call *call, const IamRequest *request)
{
  return name_denial(call->operation, call_permitted(call, request));
}

static StringMap
merge(Arena *arena, const StringMap *shared, const StringMap *own)
{
  StringMap all = *shared;
  if (own->n == 0)
    return all;
  all = (StringMap) {0};
  for (gsize i = 0; i < shared->n; i++)
    LIST_APPEND(arena, &all, shared->v[i]);
  for (gsize i = 0; i < own->n; i++)
    LIST_APPEND(arena, &all, own->v[i]);
  return all;
}

Error *
call_authorize(Call *call, const void *in, gboolean direct)
{
  const Operation *operation = call->operation;
  Authorization auth = {.resource = "*", .resource_account = call->account, .action = operation->action};
  if (!auth.action)
    auth.action = TEXT_CONCAT(call->arena, operation->service->signing_name, ":", operation->name);
  if (operation->authorize)
    TRY(name_denial(operation, operation->authorize(call, in, &auth)));
  g_autoptr(Error) permitted = auth.permitted;
  if (auth.skip)
    return g_steal_pointer(&permitted);
  StringMap context = {0};
  IamRequest request = {
      .principal = call->principal,
      .action = auth.action,
      .resource = auth.resource,
      .resource_account = auth.resource_account,
      .resource_policy = auth.resource_policy,
      .resource_policy_required = auth.resource_policy_required,
      .context = &context,
  };
  if (direct)
    TRY(find_endpoint_policy(call, &request.endpoint_policy));
  condition_fill(call, &auth.context);
  condition_fill_tags(call, operation->model->input, in, &auth.context);
  context = merge(call->arena, &auth.context, &auth.own);
  TRY(check_permission(call, &request));
  request.context = &auth.context;
  for (gsize i = 0; i < auth.further.n; i++) {
    request.action = auth.further.v[i].key;
    request.resource = auth.further.v[i].value;
    TRY(check_permission(call, &request));
  }
  request.context = &context;
  for (gsize i = 0; i < auth.also.n; i++) {
    context = merge(call->arena, &auth.context, &auth.also.v[i].own);
    request.action = auth.also.v[i].action;
    request.resource = auth.also.v[i].resource;
    TRY(check_permission(call, &request));
  }
  return g_steal_pointer(&permitted);
}

/* --- calls of haar's own --- */

typedef struct OwnCall {
  Call call;
  CallSource source;
} OwnCall;

static StringMap
copy_map(Arena *arena, const StringMap *map)
{
  StringMap copy = {0};
  for (gsize i = 0; i < map->n; i++)
    MAP_SET(arena, &copy, arena_strdup(arena, map->v[i].key), arena_strdup(arena, map->v[i].value));
  return copy;
}

Call *
call_new(Haar *haar, const char *account, const char *region, const Principal *principal)
{
  Arena *arena = arena_new();
  OwnCall *own = ARENA_NEW(arena, OwnCall);
  own->source = (CallSource){.ip = "127.0.0.1", .tls = TRUE, .user_agent = "haar/" HAAR_VERSION};
  Principal *copy = ARENA_NEW(arena, Principal);
  *copy = principal ? *principal : *principal_root(arena, account);
  own->call = (Call){
      .haar = haar,
      .arena = arena,
      .request_id = id_uuid(arena),
      .region = arena_strdup(arena, region),
      .account = arena_strdup(arena, account),
      .principal = copy,
      .source = &own->source,
      .now = clock_now(),
  };
  copy->account = arena_strdup(arena, copy->account);
  copy->arn = arena_strdup(arena, copy->arn);
  copy->user_id = arena_strdup(arena, copy->user_id);
  copy->role_arn = arena_strdup(arena, copy->role_arn);
  copy->access_key = arena_strdup(arena, copy->access_key);
  copy->session_policy = arena_strdup(arena, copy->session_policy);
  copy->source_identity = arena_strdup(arena, copy->source_identity);
  copy->tags = copy_map(arena, &copy->tags);
  return &own->call;
}

void
call_free(Call *call)
{
  if (call)
    arena_free(call->arena);
}

typedef struct InTxn {
  Call *call;
  CallFunction function;
  gpointer data;
} InTxn;

static Error *
run_in_txn(Txn *txn, gpointer data)
{
  InTxn *in = data;
  in->call->txn = txn;
  Error *error = in->function(in->call, in->data);
  in->call->txn = NULL;
  return error;
}

Error *
call_write(Call *call, CallFunction function, gpointer data)
{
  if (call->txn)
    return txn_writable(call->txn) ? function(call, data) : error_fault("a write inside a read transaction");
  InTxn in = {call, function, data};
  return store_write(call->haar->store, run_in_txn, &in);
}

Error *
call_read(Call *call, CallFunction function, gpointer data)
{
  if (call->txn)
    return function(call, data);
  g_autoptr(Txn) txn = NULL;
  TRY(store_begin_read(call->haar->store, &txn));
  InTxn in = {call, function, data};
  return run_in_txn(txn, &in);
}

/* --- operations of other services --- */

typedef struct Nested {
  const void *in;
  void *out;
} Nested;

static Error *
authorize_nested(Call *call, gpointer data)
{
  return call_authorize(call, ((Nested *) data)->in, FALSE);
}

static Error *
run_nested(Call *call, gpointer data)
{
  Nested *nested = data;
  TRY(call_authorize(call, nested->in, FALSE));
  memset(nested->out, 0, call->operation->output_size);
  return call->operation->run(call, nested->in, nested->out);
}

static Error *
run_blocking(Call *call, Nested *nested)
{
  if (call->txn)
    return error_fault("%s may block: it cannot run inside a transaction", call->operation->name);
  TRY(call_read(call, authorize_nested, nested));
  return call->operation->run(call, nested->in, nested->out);
}

static const ServiceHooks *
recorder(void)
{
  for (const Service *const *service = haar_services; *service; service++)
    if ((*service)->hooks && (*service)->hooks->called)
      return (*service)->hooks;
  return NULL;
}

gboolean
call_is_recorded(const Call *call, const void *in)
{
  const ServiceHooks *hooks = recorder();
  return hooks && hooks->records(call->haar, call, in);
}

void
call_record(const Call *call, const void *in, const void *out, const Error *error, void (*kept)(gpointer data), gpointer data)
{
  recorder()->called(call->haar, call, in, out, error, kept, data);
}

static Error *
run_operation(Call *inner, Nested *nested)
{
  switch (inner->operation->txn) {
  case TXN_READ:
    return call_read(inner, run_nested, nested);
  case TXN_WRITE:
    return call_write(inner, run_nested, nested);
  case TXN_NONE:
    return run_blocking(inner, nested);
  }
  return NULL;
}

Error *
call_operation(Call *call, const Operation *operation, const Principal *as, const char *via, const void *in, void *ret_out)
{
  Call inner = *call;
  inner.operation = operation;
  inner.waiter = NULL;
  if (as)
    inner.principal = as;
  if (as && as->account && as->type != PRINCIPAL_SERVICE)
    inner.account = as->account;
  inner.via_service = via ? via : call->via_service;
  Nested nested = {in, ret_out};
  TRY(shape_validate(operation->model->input, in));
  Error *error = run_operation(&inner, &nested);
  if (via && strcmp(via, "cloudformation") == 0 && call_is_recorded(&inner, in))
    call_record(&inner, in, error ? NULL : ret_out, error, NULL, NULL);
  return error;
}

/* --- small things --- */

const char *
call_input_text(const Call *call, const void *in, const char *member)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++)
    if (shape->members[i].shape->type == SHAPE_STRING && strcmp(shape->members[i].name, member) == 0)
      return *(const char *const *) (const void *) ((const char *) in + shape->members[i].offset);
  return NULL;
}

char *
call_arn(const Call *call, const char *service, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  char *resource = arena_vprintf(call->arena, format, args);
  va_end(args);
  return arn_join(call->arena, service, call->region, call->account, resource);
}

const Principal *
principal_service(Arena *arena, const char *service, const char *account)
{
  Principal *principal = ARENA_NEW(arena, Principal);
  principal->type = PRINCIPAL_SERVICE;
  principal->account = arena_strdup(arena, account);
  principal->arn = strchr(service, '.') ? arena_strdup(arena, service) : arena_printf(arena, "%s.amazonaws.com", service);
  principal->user_id = principal->arn;
  return principal;
}

Error *
call_job(JobRun *job, const char *service, CallFunction function)
{
  g_auto(GStrv) parts = g_strsplit(job->key, " ", 3);
  if (g_strv_length(parts) != 3)
    return NULL;
  g_autoptr(Call) call = call_new(job->context, parts[1], parts[0], principal_service(job->arena, service, parts[1]));
  return call_write(call, function, parts[2]);
}

const Principal *
principal_root(Arena *arena, const char *account)
{
  Principal *principal = ARENA_NEW(arena, Principal);
  principal->type = PRINCIPAL_ROOT;
  principal->account = arena_strdup(arena, account);
  principal->arn = arena_printf(arena, "arn:aws:iam::%s:root", account);
  principal->user_id = principal->account;
  return principal;
}

/* Services whose resources have no region. */
static gboolean
is_global(const Operation *operation)
{
  static const char *const global[] = {"iam", "sts", "route53", "cloudfront", "organizations"};
  for (gsize i = 0; operation && i < G_N_ELEMENTS(global); i++)
    if (strcmp(operation->service->name, global[i]) == 0)
      return TRUE;
  return FALSE;
}

void
call_key(const Call *call, Key *key)
{
  key_init(key);
  key_add(key, is_global(call->operation) ? "" : call->region);
  key_add(key, call->account);
}
