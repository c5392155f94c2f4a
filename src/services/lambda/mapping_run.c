/* Threads that read event sources: a few for each enabled mapping, as many as may invoke at a time. The first looks once a second, for what
 * becomes visible by itself; the others only when something came. A mapping that changes gets new threads, which begin when the old have ended:
 * the order of a stream holds. */
#include <string.h>

#include "services/lambda/mapping.h"

enum { THREADS_MAX = 50, MAPPINGS_MAX = 200, LOOK_MS = 1000, REST_MS = 30000, TROUBLE_MS = 2000 };

/* The threads of one mapping. */
typedef struct Poller Poller;
struct Poller {
  Lambda *lambda;
  Poller *former;      /* whose end is waited for, or NULL */
  char *region, *account, *uuid, *pulse;
  gboolean stop;
  GPtrArray *threads;
  guint started, running;
};

struct Mappings {
  GMutex lock;
  GHashTable *pollers; /* "region account uuid" -> Poller */
  GPtrArray *ended;    /* pollers that are to stop, or have: joined at the end */
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
mapping_invoke(MappingTurn *turn, const Json *event, MappingOutcome *ret)
{
  Call *call = turn->call;
  InvocationResult result = {0};
  MappingOutcome outcome = {.request_id = id_uuid(call->arena)};
  const char *text = json_text(call->arena, event);
  InvokeArgs args = {.name = {turn->mapping->function, turn->mapping->qualifier}, .request_id = outcome.request_id};
  Json *answer = NULL;
  args.payload = (Blob){(const guint8 *) text, strlen(text)};
  g_autoptr(Error) error = invoke_run(call, &args, &result, &outcome.version);
  outcome.ran = !error;
  outcome.function_error = result.function_error;
  if (result.payload && !error && !result.function_error) {
    g_autoptr(Error) bad = result.payload->len ? json_parse(call->arena, (const char *) result.payload->data, result.payload->len, &answer) : NULL;
    outcome.answer = bad || !answer ? json_new_null(call->arena) : answer;
  }
  if (result.payload)
    g_byte_array_unref(result.payload);
  g_free(result.log_tail);
  *ret = outcome;
  return error && error->kind == ERROR_FAULT ? g_steal_pointer(&error) : NULL;
}

/* One turn. FALSE in *ret_go_on: the mapping is gone or off. */
static Error *
take_turn(Poller *poller, guint lane, gboolean *ret_go_on, gboolean *ret_empty)
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
  MappingTurn turn = {.call = call, .mapping = wanted.record, .role = lambda_role_session(call, wanted.function->config->Role), .stop = &poller->stop,
                      .lane = lane, .lanes = poller->threads->len};
  return source->turn(&turn, ret_empty);
}

/* Whether threads of it, or of those that it follows, still run. */
static gboolean
is_running(const Poller *poller)
{
  for (; poller; poller = poller->former)
    if (g_atomic_int_get(&poller->running))
      return TRUE;
  return FALSE;
}

/* FALSE: this one is to stop, too. */
static gboolean
wait_for_former(const Poller *poller)
{
  gboolean go_on = TRUE;
  while (go_on && is_running(poller->former)) {
    guint64 seen = call_pulse(poller->lambda->haar, poller->uuid);
    go_on = !is_running(poller->former) || call_pulse_wait(poller->lambda->haar, poller->uuid, seen, LOOK_MS, &poller->stop);
  }
  return go_on;
}

static gpointer
poll_source(gpointer data)
{
  Poller *poller = data;
  Haar *haar = poller->lambda->haar;
  guint lane = (guint) g_atomic_int_add(&poller->started, 1);
  gboolean first = lane == 0, go_on = wait_for_former(poller);
  while (go_on) {
    guint64 seen = call_pulse(haar, poller->pulse);
    gboolean empty = TRUE;
    g_autoptr(Error) error = take_turn(poller, lane, &go_on, &empty);
    if (error)
      log_warning("event source mapping %s: %s", poller->uuid, error->message);
    if (!go_on)
      break;
    go_on = call_pulse_wait(haar, poller->pulse, seen, !empty ? 0 : error ? TROUBLE_MS : first ? LOOK_MS : REST_MS, &poller->stop);
  }
  g_atomic_int_add(&poller->running, -1);
  call_pulse_all(haar);
  return NULL;
}

static void
poller_join(gpointer data, gpointer unused)
{
  const Poller *poller = data;
  for (guint i = 0; i < poller->threads->len; i++)
    g_thread_join(poller->threads->pdata[i]);
}

static void
poller_free(gpointer data)
{
  Poller *poller = data;
  g_ptr_array_unref(poller->threads);
  g_free(poller->region);
  g_free(poller->account);
  g_free(poller->uuid);
  g_free(poller->pulse);
  g_free(poller);
}

/* --- the set --- */

/* The newest of a mapping's pollers that were ended. The lock is held. */
static Poller *
former_of(const Mappings *mappings, const char *uuid)
{
  for (guint i = mappings->ended->len; i-- > 0;)
    if (strcmp(((Poller *) mappings->ended->pdata[i])->uuid, uuid) == 0)
      return mappings->ended->pdata[i];
  return NULL;
}

/* The lock is held. */
static void
start_poller(Lambda *lambda, Call *call, const char *key, const LambdaMappingRecord *record)
{
  const MappingSource *source = mapping_source(call, record->config->EventSourceArn);
  if (!source || g_hash_table_size(lambda->mappings->pollers) >= MAPPINGS_MAX)
    return;
  gint64 n = CLAMP(source->lanes(record->config), 1, THREADS_MAX);
  Poller *poller = g_new0(Poller, 1);
  poller->lambda = lambda;
  poller->region = g_strdup(call->region);
  poller->account = g_strdup(call->account);
  poller->uuid = g_strdup(record->config->UUID);
  poller->pulse = g_strdup(source->pulse(call, record->config->EventSourceArn));
  poller->former = former_of(lambda->mappings, poller->uuid);
  poller->running = (guint) n;
  poller->threads = g_ptr_array_new();
  g_ptr_array_set_size(poller->threads, (gint) n); /* its length is what the threads look at */
  for (gint64 i = 0; i < n; i++)
    poller->threads->pdata[i] = g_thread_new("events", poll_source, poller);
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

gboolean
mapping_is_changing(Call *call, const char *uuid)
{
  Mappings *mappings = lambda_state(call)->mappings;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&mappings->lock);
  return is_running(former_of(mappings, uuid));
}

void
mappings_changed(Call *call, const char *uuid)
{
  Lambda *lambda = lambda_state(call);
  Mappings *mappings = lambda->mappings;
  Look wanted = {.uuid = uuid};
  g_autofree char *key = g_strdup_printf("%s %s %s", call->region, call->account, uuid);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&mappings->lock); /* before the look: of two changes the later one decides */
  g_autoptr(Error) error = call_read(call, look, &wanted);
  if (error)
    log_error("event source mapping %s: %s", uuid, error->message);
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
  g_ptr_array_foreach(mappings->ended, poller_join, NULL); /* all before any is freed: they look at each other */
  g_ptr_array_unref(mappings->ended);
  g_hash_table_unref(mappings->pollers);
  g_mutex_clear(&mappings->lock);
  g_free(mappings);
}
