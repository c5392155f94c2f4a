/* The ways back from an update, and what it leaves behind. */
#include "stack/run.h"
#include <string.h>

static void
put_back(Run *run, Json *record, const Json *before)
{
  record_put_back(run->arena, record, before);
  json_remove(record, "_Before");
  json_remove(record, "_Last");
  json_remove(record, "_Replacing");
}

/* A replacement is undone by pointing to the old resource again; the new one waits for the cleanup. */
static Error *
undo_replacement(Run *run, Json *record, const Json *before)
{
  if (*record_text(record, "PhysicalResourceId") && strcmp(record_text(record, "PhysicalResourceId"), record_text(before, "PhysicalResourceId")) != 0)
    json_set(run->arena, record, "_Leftover", run_snapshot(run, record));
  put_back(run, record, before);
  return run_event(run, record, "UPDATE_COMPLETE", NULL);
}

/* Updates a resource back to a snapshot; the record stays as it is. *ret_ended is the task, to be freed. */
static Error *
update_back(Run *run, Json *record, const Json *snapshot, Task **ret_ended)
{
  const ResourceType *type = plan_resource_type(record_text(record, "ResourceType"));
  if (!type || !type->update)
    return error_answer("ValidationError", "Resources of type %s are not updated in place", record_text(record, "ResourceType"));
  Task task = { .kind = TASK_UPDATE, .type = type, .record = record, .logical_id = record_text(record, "LogicalResourceId"),
    .physical_id = record_text(record, "PhysicalResourceId"), .token = id_uuid(run->arena),
    .properties = json_get(snapshot, "_Properties"), .old_properties = json_get(record, "_Properties"),
    .attributes = json_get(record, "_Attributes") };
  run_start(run, &task);
  while (!*ret_ended)
    *ret_ended = run_wait(run);
  return NULL;
}

static Error *
undo_update(Run *run, Json *record, const Json *before)
{
  g_autoptr(Task) ended = NULL;
  TRY(run_event(run, record, "UPDATE_IN_PROGRESS", NULL));
  g_autoptr(Error) wrong = update_back(run, record, before, &ended);
  const char *reason = wrong ? wrong->message : ended->error ? ended->error->message : NULL;
  if (reason) {
    g_ptr_array_add(run->failed, (gpointer) record_text(record, "LogicalResourceId"));
    return run_event(run, record, "UPDATE_FAILED", reason);
  }
  put_back(run, record, before);
  return run_event(run, record, "UPDATE_COMPLETE", NULL);
}

Error *
run_restore_failed(Run *run)
{
  run->rolling_back = TRUE;
  for (guint i = 0; i < run->failed->len; i++) {
    Json *record = json_get(run->resources, run->failed->pdata[i]);
    const Json *last = json_get(record, "_Last");
    g_autoptr(Task) ended = NULL;
    if (!last)
      continue;
    g_autoptr(Error) wrong = json_get(record, "_Replacing") ? NULL : update_back(run, record, last, &ended);
    if (wrong || (ended && ended->error))
      log_warning("stack %s, %s: could not be put back: %s", run->stack_name, record_text(record, "LogicalResourceId"),
                  wrong ? wrong->message : ended->error->message);
    record_put_back(run->arena, record, last);
    json_remove(record, "_Last");
    json_remove(record, "_Replacing");
    TRY(run_save(run, record));
  }
  return NULL;
}

/* Whether a resource that this one needed is still to be put back. */
static gboolean
must_wait(const Run *run, const Json *record)
{
  const Json *depends = json_get(json_get(record, "_Before"), "_DependsOn");
  for (guint i = 0; depends && i < depends->n; i++) {
    const Json *other = json_get(run->resources, depends->items[i]->text);
    if (other && other != record && json_get(other, "_Before"))
      return TRUE;
  }
  return FALSE;
}

static Error *
restore_pass(Run *run, gboolean patient, gboolean *ret_any)
{
  *ret_any = FALSE;
  for (guint i = 0; i < run->resources->n && !run->failed->len && !run_is_stopping(run); i++) {
    Json *record = run->resources->members[i].value, *before = json_get(record, "_Before");
    if (!before || (patient && must_wait(run, record)))
      continue;
    *ret_any = TRUE;
    TRY(json_get(record, "_Replacing") ? undo_replacement(run, record, before) : undo_update(run, record, before));
  }
  return NULL;
}

Error *
run_restore(Run *run)
{
  gboolean any = TRUE;
  run->rolling_back = TRUE;
  while (any)
    TRY(restore_pass(run, TRUE, &any));
  return restore_pass(run, FALSE, &any);
}

/* A record of the resource that the logical id stood for, or for a moment stood for. */
static Json *
copy_record(Run *run, const Json *record, const Json *snapshot)
{
  Json *copy = run_new_record(run, record_text(record, "LogicalResourceId"), record_text(record, "ResourceType"));
  put_back(run, copy, snapshot);
  json_set(run->arena, copy, "_Copy", json_new_bool(run->arena, TRUE));
  return copy;
}

static void
collect(Run *run, Json *record, gboolean rolled_back, Json *list)
{
  const Json *before = json_get(record, "_Before"), *leftover = json_get(record, "_Leftover");
  if (rolled_back && json_get(record, "_New"))
    json_append(run->arena, list, record);
  else if (rolled_back && leftover)
    json_append(run->arena, list, copy_record(run, record, leftover));
  else if (!rolled_back && !json_get(run->plan.resources, record_text(record, "LogicalResourceId")))
    json_append(run->arena, list, record);
  else if (!rolled_back && before && strcmp(record_text(before, "PhysicalResourceId"), record_text(record, "PhysicalResourceId")) != 0)
    json_append(run->arena, list, copy_record(run, record, before));
}

Error *
run_cleanup(Run *run, gboolean rolled_back)
{
  Json *list = json_new_array(run->arena);
  DeleteOptions options = { .rollback = rolled_back };
  for (guint i = 0; i < run->resources->n; i++)
    collect(run, run->resources->members[i].value, rolled_back, list);
  TRY(run_delete(run, list, &options));
  /* AWS leaves behind what it cannot clean up; the events say so. */
  g_ptr_array_set_size(run->failed, 0);
  return NULL;
}

Error *
run_settle(Run *run)
{
  static const char *const members[] = { "_Before", "_Last", "_New", "_Leftover", "_Replacing",
    "_Initiated" };
  for (guint i = 0; i < run->resources->n; i++) {
    Json *record = run->resources->members[i].value;
    guint32 before = record->n;
    for (guint j = 0; j < G_N_ELEMENTS(members); j++)
      json_remove(record, members[j]);
    if (record->n != before)
      TRY(run_save(run, record));
  }
  return NULL;
}
