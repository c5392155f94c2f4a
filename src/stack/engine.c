#include "stack/engine.h"
#include "stack/stack.h"
#include <string.h>

struct Engine {
  Haar *haar;
  GMutex lock;          /* of all below */
  GCond ended;
  GHashTable *runs;     /* stack id -> Run * */
  gint stopping;        /* atomic */
};

gboolean
engine_is_stopping(const Engine *engine)
{
  return g_atomic_int_get(&engine->stopping);
}

static void
run_free(Run *run)
{
  if (!run)
    return;
  while (run->in_flight) {
    g_autoptr(Task) task = run_wait(run);
  }
  if (run->pool)
    g_thread_pool_free(run->pool, FALSE, TRUE);
  plan_clear(&run->plan);
  g_clear_pointer(&run->failed, g_ptr_array_unref);
  g_clear_pointer(&run->messages, g_async_queue_unref);
  call_free(run->call);
  g_free(run);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Run, run_free)

/* Who the resources are made as: the caller of the stack's last operation. */
static const Principal *
stored_principal(Arena *arena, const char *account, const Json *stored)
{
  if (!stored)
    return principal_root(arena, account);
  Principal *principal = ARENA_NEW(arena, Principal);
  const char *type = record_text(stored, "Type"), *role = record_text(stored, "RoleArn"), *policy = record_text(stored, "SessionPolicy");
  principal->type = (PrincipalType) g_ascii_strtoll(type, NULL, 10);
  principal->account = arena_strdup(arena, record_text(stored, "Account"));
  principal->arn = arena_strdup(arena, record_text(stored, "Arn"));
  principal->user_id = arena_strdup(arena, record_text(stored, "UserId"));
  principal->role_arn = *role ? arena_strdup(arena, role) : NULL;
  principal->session_policy = *policy ? arena_strdup(arena, policy) : NULL;
  return principal;
}

static Error *
load(Run *run, const char *region, const char *account, const char *stack_id)
{
  g_autoptr(Txn) txn = NULL;
  Json *list = json_new_array(run->arena);
  TRY(store_begin_read(run->haar->store, &txn));
  TRY(stack_record_get(txn, run->arena, region, account, stack_id, &run->stack));
  if (!run->stack)
    return error_answer("ValidationError", "Stack with id %s does not exist", stack_id);
  TRY(resource_record_list(txn, run->arena, stack_id, list));
  for (guint i = 0; i < list->n; i++)
    json_set(run->arena, run->resources, record_text(list->items[i], "LogicalResourceId"), list->items[i]);
  return NULL;
}

static Error *
run_new(Engine *engine, const char *region, const char *account, const char *stack_id, Run **ret_run)
{
  g_autoptr(Run) run = g_new0(Run, 1);
  run->engine = engine;
  run->haar = engine->haar;
  run->call = call_new(engine->haar, account, region, NULL);
  run->arena = run->call->arena;
  run->call->principal = principal_root(run->arena, account);
  run->stack_id = arena_strdup(run->arena, stack_id);
  run->failed = g_ptr_array_new();
  run->messages = g_async_queue_new();
  run->resources = json_new_object(run->arena);
  run->imports = json_new_array(run->arena);
  TRY(load(run, region, account, stack_id));
  run->stack_name = record_text(run->stack, "StackName");
  run->operation = json_get(run->stack, "_Operation");
  if (!run->operation) {
    run->operation = json_new_object(run->arena);
    json_set(run->arena, run->stack, "_Operation", run->operation);
  }
  run->call->principal = stored_principal(run->arena, account, json_get(run->stack, "_Principal"));
  *ret_run = g_steal_pointer(&run);
  return NULL;
}

static gpointer
run_thread(gpointer data)
{
  g_autoptr(Run) run = data;
  Engine *engine = run->engine;
  g_autoptr(Error) error = run_operation(run);
  if (error)
    log_error("stack %s: %s", run->stack_name, error->message);
  g_autofree char *id = g_strdup(run->stack_id);
  g_clear_pointer(&run, run_free);
  g_mutex_lock(&engine->lock);
  g_hash_table_remove(engine->runs, id);
  g_cond_broadcast(&engine->ended);
  g_mutex_unlock(&engine->lock);
  return NULL;
}

/* The job: the operation gets a thread of its own, as it may wait for others (nested stacks) that need a worker. */
static Error *
start_operation(JobRun *job)
{
  Haar *haar = job->context;
  Engine *engine = haar_state(haar, ENGINE_STATE);
  g_auto(GStrv) parts = g_strsplit(job->key, "|", 3);
  g_autoptr(Run) run = NULL;
  if (g_strv_length(parts) != 3)
    return error_answer("ValidationError", "the key of a stack's job is wrong: %s", job->key);
  g_mutex_lock(&engine->lock);
  gboolean known = g_hash_table_contains(engine->runs, parts[2]) || g_atomic_int_get(&engine->stopping);
  g_mutex_unlock(&engine->lock);
  if (known)
    return error_fault("an operation of the stack is ending");
  TRY(run_new(engine, parts[0], parts[1], parts[2], &run));
  g_mutex_lock(&engine->lock);
  gboolean late = g_atomic_int_get(&engine->stopping);
  if (!late)
    g_hash_table_insert(engine->runs, g_strdup(parts[2]), run);
  g_mutex_unlock(&engine->lock);
  if (late)
    return error_fault("haar ends: the operation begins after its next start");
  g_thread_unref(g_thread_new("stack", run_thread, g_steal_pointer(&run)));
  return NULL;
}

Error *
engine_queue(Txn *txn, Haar *haar, const char *region, const char *account, const char *stack_id)
{
  g_autofree char *key = g_strdup_printf("%s|%s|%s", region, account, stack_id);
  return jobs_put(txn, haar->jobs, ENGINE_JOB, key, 0, "", 0);
}

void
engine_cancel(Haar *haar, const char *stack_id)
{
  Engine *engine = haar_state(haar, ENGINE_STATE);
  g_mutex_lock(&engine->lock);
  Run *run = g_hash_table_lookup(engine->runs, stack_id);
  if (run)
    g_atomic_int_set(&run->cancel_requested, TRUE);
  g_mutex_unlock(&engine->lock);
}

/* Operations that were under way when the process ended. */
static Error *
resume(Txn *txn, gpointer data)
{
  Haar *haar = data;
  g_autoptr(Arena) arena = arena_new();
  Json *list = json_new_array(arena);
  TRY(stack_record_list(txn, arena, NULL, NULL, list));
  for (guint i = 0; i < list->n; i++) {
    Arn arn;
    const char *id = record_text(list->items[i], "StackId");
    if (!stack_status_moving(stack_status_of(record_text(list->items[i], "StackStatus"))) || !arn_parse(arena, id, &arn))
      continue;
    TRY(engine_queue(txn, haar, arn.region, arn.account, id));
  }
  return NULL;
}

Error *
stack_engine_start(Haar *haar)
{
  Engine *engine = g_new0(Engine, 1);
  engine->haar = haar;
  g_mutex_init(&engine->lock);
  g_cond_init(&engine->ended);
  engine->runs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  haar_set_state(haar, ENGINE_STATE, engine);
  jobs_register(haar->jobs, ENGINE_JOB, start_operation);
  return store_write(haar->store, resume, haar);
}

void
stack_engine_halt(Haar *haar)
{
  Engine *engine = haar_state(haar, ENGINE_STATE);
  if (!engine)
    return;
  g_mutex_lock(&engine->lock);
  g_atomic_int_set(&engine->stopping, TRUE);
  while (g_hash_table_size(engine->runs))
    g_cond_wait(&engine->ended, &engine->lock);
  g_mutex_unlock(&engine->lock);
}

void
stack_engine_stop(Haar *haar)
{
  Engine *engine = haar_state(haar, ENGINE_STATE);
  if (!engine)
    return;
  g_hash_table_unref(engine->runs);
  g_mutex_clear(&engine->lock);
  g_cond_clear(&engine->ended);
  g_free(engine);
  haar_set_state(haar, ENGINE_STATE, NULL);
}
