/* Invoke. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
#include <string.h>

#include "services/lambda/lambda.h"

enum { SYNC_MAX = 6291456, ASYNC_MAX = 1048576, ACCOUNT_CONCURRENCY = 1000 };

/* What is read of the store for one invocation. */
typedef struct Target {
  const FunctionName *name;
  LambdaFunctionRecord *record;
  LambdaFunctionRecord *latest;
} Target;

/* An alias with weights: the additional version takes its share of the calls, each drawn for itself. */
static const char *
choose_version(const LambdaAliasConfiguration *alias)
{
  guint32 random;
  id_random(&random, sizeof random);
  double at = random / 4294967296.0;
  const LambdaAliasRoutingConfiguration *routing = alias->RoutingConfig;
  for (gsize i = 0; routing && i < routing->AdditionalVersionWeights.n; i++) {
    double weight = OPT_OR(routing->AdditionalVersionWeights.v[i].value, 0);
    if (at < weight)
      return routing->AdditionalVersionWeights.v[i].key;
    at -= weight;
  }
  return alias->FunctionVersion;
}

static Error *
find_target(Call *call, gpointer data)
{
  Target *target = data;
  FunctionName chosen = *target->name;
  if (chosen.qualifier && !lambda_function_is_version(chosen.qualifier)) {
    LambdaAliasConfiguration *alias;
    TRY(lambda_alias_find(call, chosen.name, chosen.qualifier, &alias));
    if (alias)
      chosen.qualifier = choose_version(alias);
  }
  TRY(lambda_function_resolve(call, &chosen, &target->record));
  return lambda_function_find(call, chosen.name, LAMBDA_LATEST, &target->latest);
}

static Error *
check_state(const Call *call, const LambdaFunctionRecord *record)
{
  const Lambda *lambda = lambda_state(call);
  if (!record->active)
    return error_answer_status(409, "ResourceConflictException",
                               "The operation cannot be performed at this time. The function is currently in the following state: %s",
                               record->config->State ? record->config->State : "Pending");
  if (!lambda->runtime)
    return error_answer_status(400, "ServiceException", "Functions cannot run: haar's network is off (%s).",
                               call->haar->network_off_reason ? call->haar->network_off_reason : "--network=off");
  return NULL;
}

/* --- concurrency --- */

static Error *
throttled(const char *reason)
{
  return error_field(error_answer_status(429, "TooManyRequestsException", "Rate Exceeded."), "Reason", reason);
}

static Error *
enter(Lambda *all, const char *key, OptInt reserved, gint64 *ret_of_function, gint64 *ret_of_account)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&all->running);
  gint64 n = GPOINTER_TO_INT(g_hash_table_lookup(all->counts, key));
  if (reserved.set && n >= reserved.v)
    return throttled("ReservedFunctionConcurrentInvocationLimitExceeded");
  if (!reserved.set && all->total >= ACCOUNT_CONCURRENCY)
    return throttled("ConcurrentInvocationLimitExceeded");
  g_hash_table_insert(all->counts, g_strdup(key), GINT_TO_POINTER(n + 1));
  all->total++;
  *ret_of_function = n + 1;
  *ret_of_account = all->total;
  return NULL;
}

static Error *
enter_measured(Call *call, const FunctionName *name, const char *key, OptInt reserved)
{
  gint64 of_function = 0, of_account = 0;
  Error *error = enter(lambda_state(call), key, reserved, &of_function, &of_account);
  if (error)
    lambda_metric_throttle(call, name);
  else
    lambda_metric_concurrency(call, name, of_function, of_account);
  return error;
}

static void
leave(Lambda *all, const char *key)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&all->running);
  gint64 n = GPOINTER_TO_INT(g_hash_table_lookup(all->counts, key));
  g_hash_table_insert(all->counts, g_strdup(key), GINT_TO_POINTER(n - 1));
  all->total--;
}

/* --- running --- */

static char *
trace_id(Arena *arena)
{
  return arena_printf(arena, "Root=1-%08x-%s;Parent=%s;Sampled=0", (guint) (clock_now() / 1000), id_hex(arena, 24), id_hex(arena, 16));
}

/* Whether the tag haar:fault of the function (of its stack) names a fault profile. */
static gboolean
has_fault(const StringMap *tags, const char *profile)
{
  const char *value = string_map_get(tags, "haar:fault");
  g_auto(GStrv) names = g_strsplit_set(value ? value : "", " +/", -1);
  return g_strv_contains((const char *const *) names, profile);
}

/* The fault profile late-eni: by tag, or by `haar fault`, for the function or its stack. */
static gboolean
is_late(const Call *call, const LambdaFunctionRecord *record)
{
  Server *server = call->haar->server;
  if (!record)
    return FALSE;
  return has_fault(&record->tags, "late-eni") || server_fault_on(server, "late-eni", record->config->FunctionName) ||
         server_fault_on(server, "late-eni", string_map_get(&record->tags, "aws:cloudformation:stack-name"));
}

Error *
invoke_run(Call *call, const InvokeArgs *args, InvocationResult *ret, const char **ret_version)
{
  Target target = {.name = &args->name};
  TRY(call_read(call, find_target, &target));
  TRY(check_state(call, target.record));
  const LambdaFunctionRecord *record = target.record;
  Invocation invocation = {
    .request_id = args->request_id,
    .invoked_arn = lambda_function_arn(call, args->name.name, args->name.qualifier),
    .client_context = args->client_context,
    .trace_id = trace_id(call->arena),
    .region = call->region,
    .account = call->account,
    .config = record->active,
    .code = record->activeCode,
    .layers = record->activeLayers,
    .payload = args->payload,
    .tail = args->tail,
    .late = is_late(call, target.latest),
  };
  const char *key = arena_printf(call->arena, "%s/%s/%s", call->region, call->account, args->name.name);
  TRY(enter_measured(call, &args->name, key, target.latest ? target.latest->reserved : (OptInt) {0}));
  Error *error = pool_invoke(lambda_state(call)->pool, call, &invocation, ret);
  leave(lambda_state(call), key);
  *ret_version = record->active->Version;
  lambda_metric_invocation(call, &args->name, *ret_version, error || ret->function_error, error ? -1 : ret->duration_us);
  return error;
}

static Error *
check_payload(Call *call, const Blob *payload, gsize max)
{
  if (payload->size > max)
    return error_answer_status(413, "RequestTooLargeException", "Request must be smaller than %" G_GSIZE_FORMAT " bytes for the InvokeFunction operation", max);
  if (!payload->size)
    return NULL;
  Json *json;
  g_autoptr(Arena) scratch = arena_new();
  g_autoptr(Error) error = json_parse(scratch, (const char *) payload->data, payload->size, &json);
  if (!error || error->kind == ERROR_FAULT)
    return NULL;
  return error_answer_status(400, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: %s",
                             error->message);
}

static Error *
dry_run(Call *call, gpointer data)
{
  LambdaFunctionRecord *record;
  return lambda_function_resolve(call, data, &record);
}

static Error *
run_now(Call *call, const InvokeArgs *args, LambdaInvokeOutput *out)
{
  InvocationResult result = {0};
  const char *version = NULL;
  TRY(invoke_run(call, args, &result, &version));
  out->StatusCode = OPT_INT(200);
  out->ExecutedVersion = version;
  out->FunctionError = result.function_error;
  out->LogResult = arena_strdup(call->arena, result.log_tail);
  out->Payload = (Blob) {result.payload->data, result.payload->len};
  if (!out->Payload.data)
    out->Payload.data = (const guint8 *) "";
  arena_own(call->arena, result.payload, (GDestroyNotify) g_byte_array_unref);
  g_free(result.log_tail);
  return NULL;
}

OPERATION(Invoke, invoke, .txn = TXN_NONE, .authorize = lambda_authorize, .action = "lambda:InvokeFunction")
static Error *
invoke(Call *call, const LambdaInvokeInput *in, LambdaInvokeOutput *ret_out)
{
  InvokeArgs args = {.request_id = call->request_id, .client_context = in->ClientContext, .payload = in->Payload};
  gboolean event = g_strcmp0(in->InvocationType, "Event") == 0;
  if (!args.request_id)
    args.request_id = id_uuid(call->arena);
  args.tail = g_strcmp0(in->LogType, "Tail") == 0;
  TRY(lambda_function_name(call, in->FunctionName, in->Qualifier, &args.name));
  TRY(check_payload(call, &in->Payload, event ? ASYNC_MAX : SYNC_MAX));
  if (g_strcmp0(in->InvocationType, "DryRun") == 0) {
    ret_out->StatusCode = OPT_INT(204);
    return call_read(call, dry_run, &args.name);
  }
  if (!event)
    return run_now(call, &args, ret_out);
  TRY(call_read(call, dry_run, &args.name));
  ret_out->StatusCode = OPT_INT(202);
  return async_put(call, &args);
}
