/* What each kind of operation does, from the status in which it is found. A run that finds that it has been begun before (the process
 * ended in the middle) goes on with a creation, unless something had failed: what is complete stays, what was being made is made anew. It
 * undoes an update, as nobody knows how far the change of a resource had come. Deletions, ways back and monitoring times go on. */
#include "stack/run.h"
#include <string.h>

static const char interrupted_reason[] = "haar ended while this was under way.";

static gboolean
is_set(const Json *object, const char *name)
{
  const Json *value = json_get(object, name);
  return value && value->type == JSON_TRUE;
}

/* "The following resource(s) failed to create: [A]. The following resource(s) failed to update: [B]. " (arena) */
static const char *
failure_text(Run *run)
{
  g_autoptr(GString) text = g_string_new(NULL);
  static const struct { const char *status, *verb; } kinds[] = { { "CREATE_FAILED", "create" }, { "UPDATE_FAILED", "update" },
    { "DELETE_FAILED", "delete" } };
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint j = 0; j < run->failed->len; j++) {
      const Json *record = json_get(run->resources, run->failed->pdata[j]);
      if (strcmp(record_text(record, "ResourceStatus"), kinds[i].status) == 0)
        g_ptr_array_add(names, run->failed->pdata[j]);
    }
    if (names->len)
      g_string_append_printf(text, "The following resource(s) failed to %s: [%s]. ", kinds[i].verb,
                             text_join(run->arena, ", ", (const char *const *) names->pdata, names->len));
  }
  return arena_strdup(run->arena, text->str);
}

/* Records that are not deleted. */
static Json *
present_records(Run *run)
{
  Json *list = json_new_array(run->arena);
  for (guint i = 0; i < run->resources->n; i++) {
    const char *status = record_text(run->resources->members[i].value, "ResourceStatus");
    if (strcmp(status, "DELETE_COMPLETE") != 0 && strcmp(status, "DELETE_SKIPPED") != 0)
      json_append(run->arena, list, run->resources->members[i].value);
  }
  return list;
}

/* What was being made when the process ended. */
static Error *
fail_interrupted(Run *run)
{
  for (guint i = 0; i < run->resources->n; i++) {
    Json *record = run->resources->members[i].value;
    const char *status = record_text(record, "ResourceStatus");
    const char *failed = strcmp(status, "CREATE_IN_PROGRESS") == 0 ? "CREATE_FAILED" :
                         strcmp(status, "UPDATE_IN_PROGRESS") == 0 ? "UPDATE_FAILED" : NULL;
    if (!failed)
      continue;
    g_ptr_array_add(run->failed, (gpointer) record_text(record, "LogicalResourceId"));
    TRY(run_event(run, record, failed, interrupted_reason));
  }
  return NULL;
}

static Error *
finish_rollback_of_creation(Run *run)
{
  DeleteOptions options = { .keep_records = TRUE, .rollback = TRUE };
  g_ptr_array_set_size(run->failed, 0);
  TRY(run_delete(run, present_records(run), &options));
  if (run_is_stopping(run))
    return NULL;
  return run_move(run, run->failed->len ? STACK_ROLLBACK_FAILED : STACK_ROLLBACK_COMPLETE, run->failed->len ? failure_text(run) : NULL);
}

static Error *
finish_deletion(Run *run)
{
  DeleteOptions options = { .keep_records = TRUE, .retain = json_get(run->operation, "RetainResources") };
  g_ptr_array_set_size(run->failed, 0);
  TRY(run_delete(run, present_records(run), &options));
  if (run_is_stopping(run))
    return NULL;
  if (run->failed->len)
    return run_move(run, STACK_DELETE_FAILED, failure_text(run));
  TRY(run_withdraw_exports(run));
  return run_move(run, STACK_DELETE_COMPLETE, NULL);
}

static Error *
fail_creation(Run *run, const char *reason)
{
  const char *on_failure = record_text(run->operation, "OnFailure");
  if (strcmp(on_failure, "DO_NOTHING") == 0)
    return run_move(run, STACK_CREATE_FAILED, reason);
  if (strcmp(on_failure, "DELETE") == 0) {
    TRY(run_move(run, STACK_DELETE_IN_PROGRESS, arena_printf(run->arena, "%s%sDelete requested by user.", reason,
                 g_str_has_suffix(reason, " ") ? "" : " ")));
    return finish_deletion(run);
  }
  TRY(run_move(run, STACK_ROLLBACK_IN_PROGRESS, arena_printf(run->arena, "%s%sRollback requested by user.", reason,
               g_str_has_suffix(reason, " ") ? "" : " ")));
  return finish_rollback_of_creation(run);
}

/* When the creation has to be complete; 0: whenever. */
static gint64
deadline(Run *run)
{
  const char *minutes = template_scalar(json_get(run->stack, "TimeoutInMinutes")), *begun = template_scalar(json_get(run->stack, "CreationTime"));
  if (!minutes || !begun)
    return 0;
  return (gint64) (g_ascii_strtod(begun, NULL) * 1000) + g_ascii_strtoll(minutes, NULL, 10) * 60 * 1000;
}

/* Why a creation whose resources have been looked after cannot be completed; NULL: it can. */
static const char *
creation_fault(Run *run)
{
  if (is_set(run->operation, "_TimedOut"))
    return "Stack creation time exceeded the specified timeout. ";
  if (run->failed->len)
    return failure_text(run);
  return run->breach;
}

static Error *
create(Run *run)
{
  run->deadline_ms = deadline(run);
  run->preserve = strcmp(record_text(run->operation, "OnFailure"), "DO_NOTHING") == 0;
  g_autoptr(Error) wrong = run_plan(run, FALSE);
  if (wrong)
    return fail_creation(run, wrong->message);
  TRY(run_apply(run, TRUE));
  if (!run_is_stopping(run) && !creation_fault(run) && !g_atomic_int_get(&run->cancel_requested))
    TRY(run_monitor(run));
  if (run_is_stopping(run))
    return NULL;
  if (g_atomic_int_get(&run->cancel_requested)) {
    TRY(run_move(run, STACK_DELETE_IN_PROGRESS, "User Initiated"));
    return finish_deletion(run);
  }
  if (creation_fault(run))
    return fail_creation(run, creation_fault(run));
  g_autoptr(Error) outputs = run_outputs(run);
  if (outputs && outputs->kind == ERROR_FAULT)
    return g_steal_pointer(&outputs);
  return outputs ? fail_creation(run, outputs->message) : run_move(run, STACK_CREATE_COMPLETE, NULL);
}

/* The stack is described as before the update again. */
static void
restore_stack(Run *run)
{
  const Json *former = json_get(run->stack, "_Former");
  Json *tags = json_get(run->stack, "Tags");
  if (tags && !json_get(run->stack, "_UndoneTags"))
    json_set(run->arena, run->stack, "_UndoneTags", tags);
  for (guint i = 0; former && i < former->n; i++)
    json_set(run->arena, run->stack, former->members[i].key, former->members[i].value);
}

static Error *
finish_rollback_cleanup(Run *run)
{
  TRY(run_cleanup(run, TRUE));
  if (run_is_stopping(run))
    return NULL;
  TRY(run_settle(run));
  json_remove(run->stack, "_Former");
  json_remove(run->stack, "_UndoneTags");
  return run_move(run, STACK_UPDATE_ROLLBACK_COMPLETE, NULL);
}

static Error *
finish_rollback_of_update(Run *run)
{
  g_ptr_array_set_size(run->failed, 0);
  run->cancelled = FALSE;
  restore_stack(run);
  TRY(run_restore(run));
  if (run_is_stopping(run))
    return NULL;
  if (run->failed->len)
    return run_move(run, STACK_UPDATE_ROLLBACK_FAILED, failure_text(run));
  TRY(run_move(run, STACK_UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS, NULL));
  return finish_rollback_cleanup(run);
}

static Error *
fail_update(Run *run, const char *reason)
{
  if (is_set(run->operation, "DisableRollback") || is_set(run->stack, "_Unstable")) {
    TRY(run_restore_failed(run));
    return run_move(run, STACK_UPDATE_FAILED, reason);
  }
  TRY(run_move(run, STACK_UPDATE_ROLLBACK_IN_PROGRESS, reason));
  return finish_rollback_of_update(run);
}

static Error *
finish_update_cleanup(Run *run)
{
  TRY(run_cleanup(run, FALSE));
  if (run_is_stopping(run))
    return NULL;
  TRY(run_settle(run));
  json_remove(run->stack, "_Former");
  json_remove(run->stack, "_Unstable");
  return run_move(run, STACK_UPDATE_COMPLETE, NULL);
}

/* After the last resource. */
static Error *
complete_update(Run *run)
{
  if (!run_is_stopping(run) && !run->failed->len && !run->breach && !g_atomic_int_get(&run->cancel_requested))
    TRY(run_monitor(run));
  if (run_is_stopping(run))
    return NULL;
  if (run->failed->len)
    return fail_update(run, failure_text(run));
  if (run->breach)
    return fail_update(run, run->breach);
  if (g_atomic_int_get(&run->cancel_requested))
    return fail_update(run, "Stack update cancelled by user.");
  g_autoptr(Error) outputs = run_outputs(run);
  if (outputs && outputs->kind == ERROR_FAULT)
    return g_steal_pointer(&outputs);
  if (outputs)
    return fail_update(run, outputs->message);
  TRY(run_move(run, STACK_UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, NULL));
  return finish_update_cleanup(run);
}

static Error *
update(Run *run)
{
  run->preserve = is_set(run->operation, "DisableRollback");
  g_autoptr(Error) wrong = run_plan(run, FALSE);
  if (wrong)
    return fail_update(run, wrong->message);
  TRY(run_apply(run, FALSE));
  return complete_update(run);
}

/* For what goes on in cleanups the plan is needed, too: it says which resources there are. */
static Error *
resume_cleanup(Run *run)
{
  TRY(run_plan(run, FALSE));
  return finish_update_cleanup(run);
}

static gboolean
has_failed(Run *run)
{
  for (guint i = 0; i < run->resources->n; i++) {
    if (strcmp(record_text(run->resources->members[i].value, "ResourceStatus"), "CREATE_FAILED") == 0)
      return TRUE;
  }
  return FALSE;
}

static Error *
interrupted_creation(Run *run)
{
  if (!has_failed(run) && !is_set(run->operation, "_TimedOut"))
    return create(run);
  TRY(fail_interrupted(run));
  return fail_creation(run, run->failed->len ? failure_text(run) : interrupted_reason);
}

static Error *
interrupted_update(Run *run)
{
  if (json_get(run->operation, "_MonitorUntil")) {
    TRY(run_plan(run, FALSE));
    return complete_update(run);
  }
  TRY(fail_interrupted(run));
  return fail_update(run, run->failed->len ? failure_text(run) : interrupted_reason);
}

static Error *
mark_begun(Txn *txn, gpointer data)
{
  Run *run = data;
  json_set(run->arena, run->operation, "_Begun", json_new_bool(run->arena, TRUE));
  return stack_record_put(txn, run->arena, run->call->region, run->call->account, run->stack);
}

/* The event that the request stored. */
static Error *
notify_beginning(Run *run)
{
  g_autoptr(Txn) txn = NULL;
  Json *events = json_new_array(run->arena), *topics = json_get(run->stack, "NotificationARNs");
  if (!topics || !topics->n)
    return NULL;
  TRY(store_begin_read(run->haar->store, &txn));
  TRY(event_record_list(txn, run->arena, run->stack_id, events));
  g_clear_pointer(&txn, txn_end);
  if (events->n)
    run_notify(run, events->items[0]);
  return NULL;
}

Error *
run_operation(Run *run)
{
  static const struct { StackStatus status; Error *(*begin)(Run *); Error *(*resume)(Run *); } operations[] = {
    { STACK_CREATE_IN_PROGRESS, create, interrupted_creation },
    { STACK_ROLLBACK_IN_PROGRESS, finish_rollback_of_creation, finish_rollback_of_creation },
    { STACK_DELETE_IN_PROGRESS, finish_deletion, finish_deletion },
    { STACK_UPDATE_IN_PROGRESS, update, interrupted_update },
    { STACK_UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, resume_cleanup, resume_cleanup },
    { STACK_UPDATE_ROLLBACK_IN_PROGRESS, finish_rollback_of_update, finish_rollback_of_update },
    { STACK_UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS, finish_rollback_cleanup, finish_rollback_cleanup },
  };
  StackStatus status = stack_status_of(record_text(run->stack, "StackStatus"));
  gboolean begun = is_set(run->operation, "_Begun");
  TRY(store_write(run->haar->store, mark_begun, run));
  if (!begun)
    TRY(notify_beginning(run));
  for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
    if (operations[i].status == status)
      return begun ? operations[i].resume(run) : operations[i].begin(run);
  }
  return NULL;
}
