/* Deletion, dependents first. What fails keeps what it depends on; the rest goes on. */
#include "stack/run.h"
#include <string.h>

typedef enum { ITEM_WAITING, ITEM_RUNNING, ITEM_GONE, ITEM_FAILED } ItemState;

typedef struct Deletion {
  Run *run;
  const DeleteOptions *options;
  const Json *list;
  ItemState *items;
} Deletion;

static gboolean
has_text(const Json *list, const char *text)
{
  for (guint i = 0; list && i < list->n; i++) {
    if (g_strcmp0(json_string(list->items[i]), text) == 0)
      return TRUE;
  }
  return FALSE;
}

/* AWS keeps a snapshot of databases unless the template says otherwise. */
const char *
record_deletion_policy(const Json *record)
{
  const char *type = record_text(record, "ResourceType"), *policy = record_text(record, "_DeletionPolicy");
  if (*policy)
    return policy;
  if (strcmp(type, "AWS::RDS::DBCluster") == 0)
    return "Snapshot";
  if (strcmp(type, "AWS::RDS::DBInstance") == 0 && !json_get(json_get(record, "_Properties"), "DBClusterIdentifier"))
    return "Snapshot";
  return "Delete";
}

static gboolean
is_kept(const Deletion *d, const Json *record)
{
  const char *policy = record_text(record, json_get(record, "_Copy") ? "_UpdateReplacePolicy" : "_DeletionPolicy");
  if (has_text(d->options->retain, record_text(record, "LogicalResourceId")))
    return TRUE;
  return strcmp(policy, "Retain") == 0 || (strcmp(policy, "RetainExceptOnCreate") == 0 && !d->options->rollback);
}

static gboolean
wants_snapshot(const Deletion *d, const Json *record)
{
  gboolean copy = json_get(record, "_Copy") != NULL;
  const char *policy = copy ? record_text(record, "_UpdateReplacePolicy") : record_deletion_policy(record);
  return strcmp(policy, "Snapshot") == 0 && !d->options->rollback;
}

static Error *
gone(Deletion *d, guint item, Json *record, const char *status)
{
  Run *run = d->run;
  d->items[item] = ITEM_GONE;
  TRY(run_event(run, record, status, NULL));
  if (d->options->keep_records || json_get(record, "_Copy"))
    return NULL;
  return run_forget(run, record);
}

static Error *
failed(Deletion *d, guint item, Json *record, const char *reason)
{
  d->items[item] = ITEM_FAILED;
  g_ptr_array_add(d->run->failed, (gpointer) record_text(record, "LogicalResourceId"));
  return run_event(d->run, record, "DELETE_FAILED", reason);
}

static Error *
start(Deletion *d, guint item)
{
  Run *run = d->run;
  Json *record = d->list->items[item];
  if (is_kept(d, record))
    return gone(d, item, record, "DELETE_SKIPPED");
  if (!*record_text(record, "PhysicalResourceId"))
    return gone(d, item, record, "DELETE_COMPLETE");
  TRY(run_event(run, record, "DELETE_IN_PROGRESS", NULL));
  const ResourceType *type = plan_resource_type(record_text(record, "ResourceType"));
  if (!type)
    return failed(d, item, record, "This haar has no such resource type");
  if (!type->delete)
    return gone(d, item, record, "DELETE_COMPLETE");
  Task task = { .node = item, .kind = TASK_DELETE, .type = type, .record = record, .token = id_uuid(run->arena),
    .logical_id = record_text(record, "LogicalResourceId"), .physical_id = record_text(record, "PhysicalResourceId"),
    .properties = json_get(record, "_Properties"), .attributes = json_get(record, "_Attributes"),
    .snapshot = type->snapshot && wants_snapshot(d, record) };
  d->items[item] = ITEM_RUNNING;
  run_start(run, &task);
  return NULL;
}

/* Whether all that depend on the item are gone. */
static gboolean
is_ready(const Deletion *d, guint item)
{
  const char *name = record_text(d->list->items[item], "LogicalResourceId");
  if (d->items[item] != ITEM_WAITING)
    return FALSE;
  for (guint i = 0; i < d->list->n; i++) {
    if (i != item && d->items[i] != ITEM_GONE && has_text(json_get(d->list->items[i], "_DependsOn"), name) &&
        strcmp(record_text(d->list->items[i], "LogicalResourceId"), name) != 0)
      return FALSE;
  }
  return TRUE;
}

static Error *
start_ready(Deletion *d, gboolean *ret_any)
{
  *ret_any = FALSE;
  for (guint i = 0; i < d->list->n && !run_is_stopping(d->run); i++) {
    if (!is_ready(d, i))
      continue;
    *ret_any = TRUE;
    TRY(start(d, i));
  }
  return NULL;
}

static Error *
end(Deletion *d, Task *task)
{
  Json *record = task->record;
  if (!task->error || run_is_gone(task->error))
    return gone(d, task->node, record, "DELETE_COMPLETE");
  if (task->error->kind == ERROR_FAULT)
    log_error("stack %s, %s: %s", d->run->stack_name, task->logical_id, task->error->message);
  g_autofree char *reason = g_strdup_printf("Resource handler returned message: \"%s\" (RequestToken: %s, HandlerErrorCode: %s)",
                                            task->error->message, task->token, task->error->code);
  return failed(d, task->node, record, reason);
}

Error *
run_delete(Run *run, const Json *list, const DeleteOptions *options)
{
  Deletion d = { run, options, list, ARENA_ARRAY(run->arena, ItemState, list->n + 1) };
  gboolean any = FALSE;
  run->rolling_back = TRUE;
  do {
    TRY(start_ready(&d, &any));
    g_autoptr(Task) task = run->in_flight ? run_wait(run) : NULL;
    if (task) {
      TRY(end(&d, task));
      any = TRUE; /* what it kept may go now */
    }
  } while (run->in_flight || any);
  return NULL;
}
