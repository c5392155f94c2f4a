/* Change sets: an update that is looked at before it is made. One is executed as it was computed: template and parameters are its own. */
#include "stack/prepare.h"
#include <string.h>

static const char no_changes[] = "The submitted information didn't contain changes. Submit different information to create a change set.";

static void
set_text(Arena *arena, Json *object, const char *name, const char *text)
{
  if (text)
    json_set(arena, object, name, json_new_string(arena, text));
}

static Error *
check_name(const char *name)
{
  gboolean good = name && g_ascii_isalpha(*name) && strlen(name) <= 128;
  for (const char *at = name; good && *at; at++)
    good = g_ascii_isalnum(*at) || *at == '-';
  if (good)
    return NULL;
  return error_answer("ValidationError", "1 validation error detected: Value '%s' at 'changeSetName' failed to satisfy constraint: Member must "
                      "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*", name ? name : "");
}

typedef struct Creation {
  const ChangeSetRequest *request;
  Json *stack, *change_set;
  gboolean is_new;     /* the stack */
} Creation;

static Error *
store_change_set(Call *call, gpointer data)
{
  Creation *creation = data;
  Json *other = NULL;
  const char *stack_id = record_text(creation->stack, "StackId");
  TRY(change_set_record_get(call->txn, call->arena, stack_id, creation->request->change_set_name, &other));
  if (other)
    return error_answer("AlreadyExistsException", "ChangeSet %s already exists", creation->request->change_set_name);
  if (creation->is_new) {
    TRY(stack_record_get(call->txn, call->arena, call->region, call->account, creation->request->stack.name, &other));
    if (other)
      return error_answer("AlreadyExistsException", "Stack [%s] already exists", creation->request->stack.name);
    TRY(stack_set_status(call, creation->stack, STACK_REVIEW_IN_PROGRESS, "User Initiated"));
  }
  return change_set_record_put(call->txn, call->arena, stack_id, creation->change_set);
}

/* The stack that the change set is for; a new one for type CREATE. */
static Error *
find_stack(Call *call, const ChangeSetRequest *request, Creation *creation)
{
  Json *stack = NULL;
  const char *name = request->stack.name;
  gboolean create = g_strcmp0(request->type, "CREATE") == 0;
  g_autoptr(Error) missing = stack_find(call, name, &stack);
  gboolean in_review = stack && stack_status_of(record_text(stack, "StackStatus")) == STACK_REVIEW_IN_PROGRESS;
  if (stack && stack_status_of(record_text(stack, "StackStatus")) == STACK_DELETE_COMPLETE)
    stack = NULL;
  if (create && stack && !in_review)
    return error_answer("ValidationError", "Stack [%s] already exists and cannot be created again with the changeSet [%s].", name,
                        request->change_set_name);
  if (!create && !stack)
    return error_answer("ValidationError", "Stack [%s] does not exist", name);
  if (!create)
    TRY(check_updatable(stack));
  creation->is_new = !stack;
  creation->stack = stack ? stack : new_stack(call, name, &request->stack);
  return NULL;
}

static Json *
new_change_set(Call *call, const Creation *creation, const Json *prepared)
{
  static const char *const shared[] = { "Parameters", "NotificationARNs", "RollbackConfiguration", "Capabilities", "Tags" };
  Arena *arena = call->arena;
  Json *set = json_new_object(arena);
  const char *name = creation->request->change_set_name;
  set_text(arena, set, "ChangeSetName", name);
  set_text(arena, set, "ChangeSetId", call_arn(call, "cloudformation", "changeSet/%s/%s", name, id_uuid(arena)));
  set_text(arena, set, "StackId", record_text(creation->stack, "StackId"));
  set_text(arena, set, "StackName", record_text(creation->stack, "StackName"));
  set_text(arena, set, "Description", creation->request->description);
  json_set(arena, set, "CreationTime", record_time(arena, clock_now()));
  json_set(arena, set, "IncludeNestedStacks", json_new_bool(arena, FALSE));
  for (guint i = 0; i < G_N_ELEMENTS(shared); i++)
    json_set(arena, set, shared[i], json_get(prepared, shared[i]));
  json_set(arena, set, "_Prepared", (Json *) prepared);
  set_text(arena, set, "_OnFailure", creation->request->stack.on_failure);
  return set;
}

Error *
change_set_create(Call *call, const ChangeSetRequest *request, const char **ret_id, const char **ret_stack_id)
{
  g_auto(Plan) plan = { 0 };
  Arena *arena = call->arena;
  Creation creation = { .request = request };
  Json *prepared = NULL, *changes = json_new_array(arena);
  TRY(check_name(request->change_set_name));
  TRY(check_stack_name(request->stack.name));
  TRY(find_stack(call, request, &creation));
  gboolean create = stack_status_of(record_text(creation.stack, "StackStatus")) == STACK_REVIEW_IN_PROGRESS;
  const char *stack_id = record_text(creation.stack, "StackId");
  TRY(prepare(call, &request->stack, create ? NULL : creation.stack, stack_id, &plan, &prepared));
  creation.change_set = new_change_set(call, &creation, prepared);
  g_autoptr(Error) wrong = stack_changes(call, create ? NULL : creation.stack, &plan, json_get(prepared, "Tags"), &changes);
  if (wrong && wrong->kind == ERROR_FAULT)
    return g_steal_pointer(&wrong);
  const char *reason = wrong ? wrong->message : !prepare_differs(call, create ? NULL : creation.stack, &plan, prepared, changes) ? no_changes : NULL;
  set_text(arena, creation.change_set, "Status", reason ? "FAILED" : "CREATE_COMPLETE");
  set_text(arena, creation.change_set, "StatusReason", reason);
  set_text(arena, creation.change_set, "ExecutionStatus", reason ? "UNAVAILABLE" : "AVAILABLE");
  json_set(arena, creation.change_set, "Changes", changes);
  *ret_id = record_text(creation.change_set, "ChangeSetId");
  *ret_stack_id = stack_id;
  return call_write(call, store_change_set, &creation);
}

/* Change sets of all stacks are looked through for an ARN. */
static Error *
find_by_arn(Call *call, const char *arn, Json **ret_change_set, Json **ret_stack)
{
  Json *stacks = json_new_array(call->arena);
  TRY(stack_record_list(call->txn, call->arena, call->region, call->account, stacks));
  for (guint i = 0; i < stacks->n; i++) {
    Json *sets = json_new_array(call->arena);
    TRY(change_set_record_list(call->txn, call->arena, record_text(stacks->items[i], "StackId"), sets));
    for (guint j = 0; j < sets->n; j++) {
      if (strcmp(record_text(sets->items[j], "ChangeSetId"), arn) != 0)
        continue;
      *ret_change_set = sets->items[j];
      *ret_stack = stacks->items[i];
      return NULL;
    }
  }
  return NULL;
}

typedef struct Find {
  const char *stack, *name;
  Json *ret_change_set, *ret_stack;
} Find;

static Error *
find_in_txn(Call *call, gpointer data)
{
  Find *find = data;
  if (g_str_has_prefix(find->name, "arn:")) {
    TRY(find_by_arn(call, find->name, &find->ret_change_set, &find->ret_stack));
  } else {
    if (!find->stack)
      return error_answer("ValidationError", "StackName must be specified if ChangeSetName is not specified as an ARN.");
    TRY(stack_record_get(call->txn, call->arena, call->region, call->account, find->stack, &find->ret_stack));
    if (!find->ret_stack)
      return error_answer("ValidationError", "Stack [%s] does not exist", find->stack);
    TRY(change_set_record_get(call->txn, call->arena, record_text(find->ret_stack, "StackId"), find->name, &find->ret_change_set));
  }
  return find->ret_change_set ? NULL : error_answer("ChangeSetNotFound", "ChangeSet [%s] does not exist", find->name);
}

Error *
change_set_find(Call *call, const char *stack, const char *name, Json **ret_change_set, Json **ret_stack)
{
  Find find = { stack, name, NULL, NULL };
  TRY(call_read(call, find_in_txn, &find));
  *ret_change_set = find.ret_change_set;
  if (ret_stack)
    *ret_stack = find.ret_stack;
  return NULL;
}

typedef struct Execution {
  Find find;
  Json *operation;
} Execution;

static Error *
execute_in_txn(Call *call, gpointer data)
{
  Execution *execution = data;
  TRY(find_in_txn(call, &execution->find));
  Json *set = execution->find.ret_change_set, *stack = execution->find.ret_stack;
  const char *on_failure = json_string(json_get(set, "_OnFailure"));
  gboolean create = stack_status_of(record_text(stack, "StackStatus")) == STACK_REVIEW_IN_PROGRESS;
  if (strcmp(record_text(set, "ExecutionStatus"), "AVAILABLE") != 0)
    return error_answer("InvalidChangeSetStatus", "ChangeSet [%s] cannot be executed in its current status of [%s]",
                        record_text(set, "ChangeSetId"), record_text(set, "Status"));
  if (on_failure)
    set_text(call->arena, execution->operation, "OnFailure", on_failure);
  set_text(call->arena, stack, "ChangeSetId", record_text(set, "ChangeSetId"));
  if (create)
    json_set(call->arena, stack, "CreationTime", record_time(call->arena, clock_now()));
  const Json *prepared = json_get(set, "_Prepared");
  TRY(create ? begin_create(call, stack, prepared, execution->operation) : begin_update(call, stack, prepared, execution->operation));
  TRY(change_set_record_delete(call->txn, record_text(stack, "StackId"), NULL));
  set_text(call->arena, set, "ExecutionStatus", "EXECUTE_COMPLETE");
  return change_set_record_put(call->txn, call->arena, record_text(stack, "StackId"), set);
}

Error *
change_set_execute(Call *call, const char *stack, const char *name, const char *client_token, gboolean disable_rollback)
{
  Execution execution = { { stack, name, NULL, NULL }, json_new_object(call->arena) };
  set_text(call->arena, execution.operation, "ClientRequestToken", client_token);
  set_text(call->arena, execution.operation, "OnFailure", disable_rollback ? "DO_NOTHING" : "ROLLBACK");
  json_set(call->arena, execution.operation, "DisableRollback", json_new_bool(call->arena, disable_rollback));
  return call_write(call, execute_in_txn, &execution);
}

static Error *
delete_in_txn(Call *call, gpointer data)
{
  Find *find = data;
  g_autoptr(Error) missing = find_in_txn(call, find);
  if (error_is(missing, "ChangeSetNotFound"))
    return NULL; /* as AWS: deleting what is not there is done */
  if (missing)
    return g_steal_pointer(&missing);
  return change_set_record_delete(call->txn, record_text(find->ret_stack, "StackId"), record_text(find->ret_change_set, "ChangeSetName"));
}

Error *
change_set_delete(Call *call, const char *stack, const char *name)
{
  Find find = { stack, name, NULL, NULL };
  return call_write(call, delete_in_txn, &find);
}

static Error *
list_in_txn(Call *call, gpointer data)
{
  Find *find = data;
  TRY(stack_record_get(call->txn, call->arena, call->region, call->account, find->stack, &find->ret_stack));
  if (!find->ret_stack)
    return error_answer("ValidationError", "Stack [%s] does not exist", find->stack);
  return change_set_record_list(call->txn, call->arena, record_text(find->ret_stack, "StackId"), find->ret_change_set);
}

Error *
change_set_list(Call *call, const char *stack, Json **ret_list)
{
  Find find = { stack, NULL, json_new_array(call->arena), NULL };
  *ret_list = find.ret_change_set;
  return call_read(call, list_in_txn, &find);
}
