/* Threads that read event sources: a few for each enabled mapping, as many as may invoke at a time. The first looks once a second, for what
 * becomes visible by itself; the others only when something came. A mapping that changes gets new threads. */
#include <string.h>

#include "services/lambda/lambda.h"

enum { THREADS = 5, THREADS_MAX = 50, MAPPINGS_MAX = 200, LOOK_MS = 1000, REST_MS = 30000, TROUBLE_MS = 2000 };

/* The threads of one mapping. */
typedef struct Poller {
  Lambda *lambda;
  char *region, *account, *uuid, *pulse;
  gboolean stop;
  GPtrArray *threads;
  guint started;
} Poller;

struct Mappings {
  GMutex lock;
  GHashTable *pollers; /* "region account uuid" -> Poller */
  GPtrArray *ended;    /* pollers that are to stop, or have: joined at the end, or when another changes */
};

typedef struct Look {
  const char *uuid;
  LambdaMappingRecord *record;
  LambdaFunctionRecord *function;
} Look;

/* *record is NULL if there is none. */
static Error *
look(Call *call, gpointer data)
{
  Look *wanted = data;
  Key key;
  void *value = NULL;
  call_key(call, &key);
  key_add(&key, wanted->uuid);
  TRY(record_get(call->txn, &lambda_mappings, &key, &LambdaMappingRecord_shape, call->arena, &value));
  wanted->record = value;
  if (!wanted->record)
    return NULL;
  FunctionName name = {wanted->record->function, wanted->record->qualifier};
  g_autoptr(Error) gone = lambda_function_resolve(call, &name, &wanted->function);
  return gone && gone->kind == ERROR_FAULT ? g_steal_pointer(&gone) : NULL;
}

static gboolean
is_enabled(const LambdaMappingRecord *record)
{
  return record && strcmp(record->config->State, "Enabled") == 0;
}

Error *
mapping_invoke(MappingTurn *turn, const Json *event, Json **ret_answer)
{
  Call *call = turn->call;
  InvocationResult result = {0};
  const char *version = NULL, *text = json_text(call->arena, event);
  InvokeArgs args = {.name = {turn->mapping->function, turn->mapping->qualifier}, .request_id = id_uuid(call->arena)};
  args.payload = (Blob){(const guint8 *) text, strlen(text)};
  *ret_answer = NULL;
  g_autoptr(Error) error = invoke_run(call, &args, &result, &version);
  if (result.payload && !error && !result.function_error) {
    g_autoptr(Error) bad = result.payload->len ? json_parse(call->arena, (const char *) result.payload->data, result.payload->len, ret_answer) : NULL;
    if (bad || !*ret_answer)
      *ret_answer = json_new_null(call->arena);
  }
  if (result.payload)
    g_byte_array_unref(result.payload);
  g_free(result.log_tail);
  return error && error->kind == ERROR_FAULT ? g_steal_pointer(&error) : NULL;
}

/* One turn. FALSE in *ret_go_on: the mapping is gone or off. */
static Error *
take_turn(Poller *poller, gboolean *ret_go_on, gboolean *ret_empty)
{
  g_autoptr(Arena) scratch = arena_new();
  g_autoptr(Call) call = call_new(poller->lambda->haar, poller->account, poller->region, principal_service(scratch, "lambda.amazonaws.com", poller->account));
  Look wanted = {.uuid = poller->uuid};
  *ret_empty = TRUE;
  TRY(call_read(call, look, &wanted));
  *ret_go_on = is_enabled(wanted.record);
  const MappingSource *source = *ret_go_on ? mapping_source(call, wanted.record->config->EventSourceArn) : NULL;
  if (!source || !wanted.function || !wanted.function->active)
    return NULL;
  MappingTurn turn = {.call = call, .mapping = wanted.record, .role = lambda_role_session(call, wanted.function->config->Role), .stop = &poller->stop};
  return source->turn(&turn, ret_empty);
}

static gpointer
poll_source(gpointer data)
{
  Poller *poller = data;
  Haar *haar = poller->lambda->haar;
  gboolean first = g_atomic_int_add(&poller->started, 1) == 0, go_on = TRUE;
  while (go_on) {
    guint64 seen = call_pulse(haar, poller->pulse);
    gboolean empty = TRUE;
    g_autoptr(Error) error = take_turn(poller, &go_on, &empty);
    if (error)
      log_warning("event source mapping %s: %s", poller->uuid, error->message);
    if (!go_on)
      break;
    go_on = call_pulse_wait(haar, poller->pulse, seen, !empty ? 0 : error ? TROUBLE_MS : first ? LOOK_MS : REST_MS, &poller->stop);
  }
  return NULL;
}

static void
poller_free(gpointer data)
{
  Poller *poller = data;
  for (guint i = 0; i < poller->threads->len; i++)
    g_thread_join(poller->threads->pdata[i]);
  g_ptr_array_unref(poller->threads);
  g_free(poller->region);
  g_free(poller->account);
  g_free(poller->uuid);
  g_free(poller->pulse);
  g_free(poller);
}

/* --- the set --- */

/* The lock is held. */
static void
start_poller(Lambda *lambda, Call *call, const char *key, const LambdaMappingRecord *record)
{
  const LambdaScalingConfig *scaling = record->config->ScalingConfig;
  const MappingSource *source = mapping_source(call, record->config->EventSourceArn);
  gint64 n = scaling ? MIN(OPT_OR(scaling->MaximumConcurrency, THREADS), THREADS_MAX) : THREADS;
  if (!source || g_hash_table_size(lambda->mappings->pollers) >= MAPPINGS_MAX)
    return;
  Poller *poller = g_new0(Poller, 1);
  poller->lambda = lambda;
  poller->region = g_strdup(call->region);
  poller->account = g_strdup(call->account);
  poller->uuid = g_strdup(record->config->UUID);
  poller->pulse = g_strdup(source->pulse(call, record->config->EventSourceArn));
  poller->threads = g_ptr_array_new();
  for (gint64 i = 0; i < n; i++)
    g_ptr_array_add(poller->threads, g_thread_new("events", poll_source, poller));
  g_hash_table_insert(lambda->mappings->pollers, g_strdup(key), poller);
}

static void
end_poller(Mappings *mappings, Haar *haar, const char *key)
{
  Poller *poller = g_hash_table_lookup(mappings->pollers, key);
  if (!poller)
    return;
  g_atomic_int_set(&poller->stop, TRUE);
  g_ptr_array_add(mappings->ended, poller);
  g_hash_table_remove(mappings->pollers, key);
  call_pulse_all(haar);
}

void
mappings_changed(Call *call, const char *uuid)
{
  Lambda *lambda = lambda_state(call);
  Mappings *mappings = lambda->mappings;
  Look wanted = {.uuid = uuid};
  g_autofree char *key = g_strdup_printf("%s %s %s", call->region, call->account, uuid);
  g_autoptr(Error) error = call_read(call, look, &wanted);
  if (error)
    log_error("event source mapping %s: %s", uuid, error->message);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&mappings->lock);
  end_poller(mappings, lambda->haar, key);
  if (is_enabled(wanted.record))
    start_poller(lambda, call, key, wanted.record);
}

static Error *
start_all(Call *call, gpointer data)
{
  Lambda *lambda = data;
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &lambda_mappings, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *region, *account;
    gsize size;
    void *value = NULL;
    const guint8 *bytes = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &LambdaMappingRecord_shape, bytes, size, &value));
    if (!is_enabled(value) || !key_read(&reader, call->arena, &region, &size) || !key_read(&reader, call->arena, &account, &size))
      continue;
    call->region = region;
    call->account = account;
    start_poller(lambda, call, arena_printf(call->arena, "%s %s %s", region, account, ((LambdaMappingRecord *) value)->config->UUID), value);
  }
  return NULL;
}

Error *
mappings_start(Lambda *lambda)
{
  Mappings *mappings = lambda->mappings = g_new0(Mappings, 1);
  g_mutex_init(&mappings->lock);
  mappings->pollers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  mappings->ended = g_ptr_array_new_with_free_func(poller_free);
  g_autoptr(Call) call = call_new(lambda->haar, "000000000000", lambda->haar->region, NULL);
  return call_read(call, start_all, lambda);
}

void
mappings_stop(Lambda *lambda)
{
  Mappings *mappings = lambda->mappings;
  if (!mappings)
    return;
  g_autoptr(GList) keys = g_hash_table_get_keys(mappings->pollers);
  for (GList *at = keys; at; at = at->next) {
    g_autofree char *key = g_strdup(at->data);
    end_poller(mappings, lambda->haar, key);
  }
  g_ptr_array_unref(mappings->ended);
  g_hash_table_unref(mappings->pollers);
  g_mutex_clear(&mappings->lock);
  g_free(mappings);
}
