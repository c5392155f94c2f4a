#include "stack/run.h"
#include "stack/dynamic.h"
#include "stack/engine.h"
#include "stack/spec.h"
#include <string.h>

enum { WAIT_US = 200 * 1000, DELETE_PATIENCE_US = 10 * G_USEC_PER_SEC, DELETE_PAUSE_MS = 100 };

const char *
record_text(const Json *record, const char *name)
{
  const char *text = json_string(json_get(record, name));
  return text ? text : "";
}

void
record_set_text(Arena *arena, Json *record, const char *name, const char *text)
{
  if (text)
    json_set(arena, record, name, json_new_string(arena, text));
  else
    json_remove(record, name);
}

Error *
run_plan(Run *run, gboolean former)
{
  const Json *from = former ? json_get(run->stack, "_Former") : run->stack;
  PlanContext context = { run->stack_name, run->stack_id, json_get(run->stack, "NotificationARNs") };
  plan_clear(&run->plan);
  run->plan = (Plan) { 0 };
  TRY(plan_restore(run->call, record_text(from, "_Template"), json_get(from, "_Texts"), json_get(from, "_Values"), &context, &run->plan));
  run->plan.eval.resource = run_resource_value;
  run->plan.eval.import = run_import_value;
  run->plan.eval.data = run;
  return NULL;
}

/* What is stored together. */
typedef struct Save {
  Run *run;
  Json *record;    /* resource, or NULL */
  gboolean forget; /* the record goes */
  Json *event;     /* or NULL */
  gboolean stack;  /* the stack's record too */
} Save;

static Error *
save_in_txn(Txn *txn, gpointer data)
{
  Save *save = data;
  Run *run = save->run;
  if (save->record && save->forget)
    TRY(resource_record_delete(txn, run->stack_id, record_text(save->record, "LogicalResourceId")));
  else if (save->record)
    TRY(resource_record_put(txn, run->arena, run->stack_id, save->record));
  if (save->stack)
    TRY(stack_record_put(txn, run->arena, run->call->region, run->call->account, run->stack));
  return save->event ? event_record_add(txn, run->arena, run->stack, save->event) : NULL;
}


static Error *
save(Run *run, Json *record, Json *event, gboolean stack, gboolean forget)
{
  Save all = { run, record, forget, event, stack };
  TRY(store_write(run->haar->store, save_in_txn, &all));
  if (event)
    run_notify(run, event);
  return NULL;
}

static Json *
new_event(Run *run, const Json *record, const char *status, const char *reason)
{
  Json *event = json_new_object(run->arena);
  const Json *shown = json_get(record, "_Shown"), *properties = shown ? shown : json_get(record, "_Properties");
  const char *token = json_string(json_get(run->operation, "ClientRequestToken"));
  record_set_text(run->arena, event, "LogicalResourceId", record_text(record, "LogicalResourceId"));
  record_set_text(run->arena, event, "PhysicalResourceId", record_text(record, "PhysicalResourceId"));
  record_set_text(run->arena, event, "ResourceType", record_text(record, "ResourceType"));
  record_set_text(run->arena, event, "ResourceStatus", status);
  record_set_text(run->arena, event, "ResourceStatusReason", reason);
  record_set_text(run->arena, event, "ClientRequestToken", token);
  if (properties)
    json_set(run->arena, event, "ResourceProperties", json_new_string(run->arena, json_text(run->arena, properties)));
  return event;
}

Error *
run_event(Run *run, Json *record, const char *status, const char *reason)
{
  record_set_text(run->arena, record, "ResourceStatus", status);
  record_set_text(run->arena, record, "ResourceStatusReason", reason);
  json_set(run->arena, record, "Timestamp", record_time(run->arena, clock_now()));
  gboolean stored = json_get(run->resources, record_text(record, "LogicalResourceId")) == record;
  return save(run, stored ? record : NULL, new_event(run, record, status, reason), FALSE, FALSE);
}

Error *
run_save(Run *run, Json *record)
{
  return save(run, record, NULL, FALSE, FALSE);
}

Error *
run_forget(Run *run, Json *record)
{
  json_remove(run->resources, record_text(record, "LogicalResourceId"));
  return save(run, record, NULL, FALSE, TRUE);
}

Error *
run_move(Run *run, StackStatus status, const char *reason)
{
  guint state = stack_status_of(record_text(run->stack, "StackStatus"));
  state_move(&stack_states, &state, status);
  record_set_text(run->arena, run->stack, "StackStatus", stack_status_name(status));
  record_set_text(run->arena, run->stack, "StackStatusReason", reason);
  if (status == STACK_DELETE_COMPLETE)
    json_set(run->arena, run->stack, "DeletionTime", record_time(run->arena, clock_now()));
  Json *self = json_new_object(run->arena);
  record_set_text(run->arena, self, "LogicalResourceId", run->stack_name);
  record_set_text(run->arena, self, "PhysicalResourceId", run->stack_id);
  record_set_text(run->arena, self, "ResourceType", "AWS::CloudFormation::Stack");
  return save(run, NULL, new_event(run, self, stack_status_name(status), reason), TRUE, FALSE);
}

Json *
run_new_record(Run *run, const char *logical_id, const char *type)
{
  Json *record = json_new_object(run->arena);
  record_set_text(run->arena, record, "StackId", run->stack_id);
  record_set_text(run->arena, record, "StackName", run->stack_name);
  record_set_text(run->arena, record, "LogicalResourceId", logical_id);
  record_set_text(run->arena, record, "PhysicalResourceId", "");
  record_set_text(run->arena, record, "ResourceType", type);
  return record;
}

/* What a pool thread tells the run: a task has ended or, with physical_id, its resource has been made and is not stable yet. */
typedef struct Message {
  Task *task;
  char *physical_id;
} Message;

static void
note_made(ResourceCall *rc, const char *physical_id)
{
  Task *task = rc->engine;
  Message *message = g_new0(Message, 1);
  message->task = task;
  message->physical_id = g_strdup(physical_id);
  g_async_queue_push(task->run->messages, message);
}

static void
add_tag(Call *call, StringMap *tags, const char *key, const char *value)
{
  MAP_SET(call->arena, tags, key, arena_strdup(call->arena, value));
}

static StringMap
task_tags(const Task *task, const Json *list)
{
  StringMap tags = { 0 };
  add_tag(task->call, &tags, "aws:cloudformation:stack-name", task->run->stack_name);
  add_tag(task->call, &tags, "aws:cloudformation:stack-id", task->run->stack_id);
  add_tag(task->call, &tags, "aws:cloudformation:logical-id", task->logical_id);
  for (guint i = 0; list && i < list->n; i++)
    add_tag(task->call, &tags, record_text(list->items[i], "Key"), record_text(list->items[i], "Value"));
  return tags;
}

/* Secrets are put in only now, and only in the task's own arena. */
static Error *
resolve_secrets(Task *task, ResourceCall *rc)
{
  Json *properties = NULL, *old = NULL;
  if (task->kind != TASK_DELETE && task->properties) {
    TRY(dynamic_resolve(task->call, task->properties, DYNAMIC_ALL, &properties));
    rc->properties = properties;
  }
  if (task->old_properties) {
    g_autoptr(Error) gone = dynamic_resolve(task->call, task->old_properties, DYNAMIC_ALL, &old);
    rc->old_properties = gone ? task->old_properties : old;
  }
  return NULL;
}

gboolean
run_is_gone(const Error *error)
{
  return error->kind == ERROR_ANSWER && (error->status == 404 || strstr(error->code, "NotFound") || g_str_has_prefix(error->code, "NoSuch"));
}

/* Deletes what an earlier try left behind, with the properties that it was made with. */
static Error *
clear_away(Task *task, ResourceCall *rc)
{
  ResourceCall old = *rc;
  if (!task->type->delete)
    return NULL;
  old.properties = rc->old_properties;
  old.old_properties = NULL;
  rc->old_properties = rc->attributes = NULL;
  rc->physical_id = NULL;
  g_autoptr(Error) error = task->type->delete(&old);
  return error && !run_is_gone(error) ? g_steal_pointer(&error) : NULL;
}

/* What is still used by something that is going (a function's network interfaces go a moment after it) is tried again, as CloudFormation
 * does. */
static Error *
delete_patiently(Task *task, ResourceCall *rc)
{
  gint64 until = clock_monotonic_us() + DELETE_PATIENCE_US;
  for (;;) {
    g_autoptr(Error) error = task->type->delete(rc);
    if (!error_is(error, "DependencyViolation") || clock_monotonic_us() > until || run_is_stopping(task->run))
      return g_steal_pointer(&error);
    TRY(resource_pause(rc, DELETE_PAUSE_MS));
  }
}

static Error *
run_task(Task *task)
{
  StringMap tags = task_tags(task, task->tags), old_tags = task_tags(task, task->old_tags);
  ResourceCall rc = { .call = task->call, .stack_name = task->run->stack_name, .stack_id = task->run->stack_id,
    .logical_id = task->logical_id, .physical_id = task->physical_id, .properties = task->properties,
    .old_properties = task->old_properties, .attributes = task->attributes, .stack_tags = &tags, .old_stack_tags = &old_tags,
    .rolling_back = task->run->rolling_back, .cancelled = &task->run->cancelled,
    .token = task->token, .engine = task, .made = note_made, .type = task->type_name, .creation_policy = task->creation_policy };
  if (task->run->rolling_back)
    rc.cancelled = &task->run->never;
  TRY(resolve_secrets(task, &rc));
  if (task->kind == TASK_RECREATE)
    TRY(clear_away(task, &rc));
  if (task->kind == TASK_CREATE || task->kind == TASK_RECREATE)
    return task->type->create(&rc, &task->result);
  if (task->kind == TASK_UPDATE) {
    task->result.physical_id = task->physical_id;
    task->result.ref = task->ref;
    task->result.attributes = task->attributes ? json_copy(task->call->arena, task->attributes) : NULL;
    return task->type->update(&rc, &task->result);
  }
  if (task->snapshot)
    TRY(task->type->snapshot(&rc));
  return delete_patiently(task, &rc);
}

static void
work(gpointer data, gpointer user_data)
{
  Task *task = data;
  Run *run = task->run;
  task->call = call_new(run->haar, run->call->account, run->call->region, run->call->principal);
  task->error = run_task(task);
  Message *message = g_new0(Message, 1);
  message->task = task;
  g_async_queue_push(run->messages, message);
}

void
run_start(Run *run, const Task *task)
{
  Task *copy = g_memdup2(task, sizeof *task);
  copy->run = run;
  copy->type_name = record_text(task->record, "ResourceType");
  copy->ref = json_string(json_get(task->record, "_Ref"));
  copy->tags = json_get(run->stack, "Tags");
  copy->old_tags = run->rolling_back ? json_get(run->stack, "_UndoneTags") : json_path(run->stack, "_Former.Tags");
  if (!run->pool)
    run->pool = g_thread_pool_new(work, NULL, (int) LIMIT_STACK_PARALLEL, FALSE, NULL);
  run->in_flight++;
  g_thread_pool_push(run->pool, copy, NULL);
}

void
task_free(Task *task)
{
  if (!task)
    return;
  call_free(task->call);
  error_free(task->error);
  g_free(task);
}

static void
handle_made(Run *run, Message *message)
{
  Json *record = message->task->record;
  if (*record_text(record, "_Initiated"))
    return;
  record_set_text(run->arena, record, "_Initiated", "1");
  record_set_text(run->arena, record, "PhysicalResourceId", message->physical_id);
  g_autoptr(Error) error = run_event(run, record, record_text(record, "ResourceStatus"), "Resource creation Initiated");
  if (error)
    log_error("stack %s: %s", run->stack_name, error->message);
}

Task *
run_wait(Run *run)
{
  Message *message = g_async_queue_timeout_pop(run->messages, WAIT_US);
  if (run_is_stopping(run))
    g_atomic_int_set(&run->cancelled, TRUE);
  if (!message)
    return NULL;
  Task *ended = message->physical_id ? NULL : message->task;
  if (ended)
    run->in_flight--;
  else
    handle_made(run, message);
  g_free(message->physical_id);
  g_free(message);
  return ended;
}

char *
run_failed_names(Run *run)
{
  return text_join(run->arena, ", ", (const char *const *) run->failed->pdata, run->failed->len);
}

void
record_value(Arena *arena, const Json *record, const char *attribute, Json **ret_value)
{
  const char *ref = json_string(json_get(record, "_Ref"));
  if (!attribute) {
    *ret_value = json_new_string(arena, ref ? ref : record_text(record, "PhysicalResourceId"));
    return;
  }
  *ret_value = json_get(json_get(record, "_Attributes"), attribute);
  const SpecResource *spec = spec_find(record_text(record, "ResourceType"));
  if (!*ret_value && spec && spec_has_attribute(spec, attribute))
    *ret_value = json_get(json_get(record, "_Properties"), attribute);
}

/* What the type says of an attribute that others change; *ret_value stays NULL if it is as it was at the creation. */
static Error *
read_now(Run *run, const Json *record, const char *attribute, Json **ret_value)
{
  const ResourceType *type = plan_resource_type(record_text(record, "ResourceType"));
  Json *value = NULL;
  if (!attribute || !type || !type->read)
    return NULL;
  ResourceCall rc = { .call = run->call, .stack_name = run->stack_name, .stack_id = run->stack_id, .logical_id = record_text(record, "LogicalResourceId"),
    .physical_id = record_text(record, "PhysicalResourceId"), .properties = json_get(record, "_Properties"),
    .attributes = json_get(record, "_Attributes"), .cancelled = &run->never };
  TRY(type->read(&rc, attribute, &value));
  *ret_value = value ? json_copy(run->arena, value) : NULL;
  return NULL;
}

Error *
run_resource_value(Eval *eval, const char *logical_id, const char *attribute, Json **ret_value)
{
  Run *run = eval->data;
  const Json *record = json_get(run->resources, logical_id);
  if (!record)
    return error_answer("ValidationError", "Template error: resource %s is not there", logical_id);
  *ret_value = NULL;
  TRY(read_now(run, record, attribute, ret_value));
  if (!*ret_value)
    record_value(run->arena, record, attribute, ret_value);
  if (*ret_value)
    return NULL;
  return error_answer("ValidationError", "[Error] Fn::GetAtt: Resource type %s does not support attribute {%s}.",
                      record_text(record, "ResourceType"), attribute);
}

gboolean
run_is_stopping(const Run *run)
{
  return engine_is_stopping(run->engine);
}
