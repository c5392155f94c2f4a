#include "stack/stack.h"
#include "stack/engine.h"
#include "stack/prepare.h"
#include <string.h>

static Json *
new_operation(Call *call, const StackRequest *request)
{
  Json *operation = json_new_object(call->arena);
  const char *on_failure = request->on_failure ? request->on_failure : request->disable_rollback ? "DO_NOTHING" : "ROLLBACK";
  json_set(call->arena, operation, "OnFailure", json_new_string(call->arena, on_failure));
  json_set(call->arena, operation, "DisableRollback", json_new_bool(call->arena, request->disable_rollback));
  if (request->client_token)
    json_set(call->arena, operation, "ClientRequestToken", json_new_string(call->arena, request->client_token));
  if (request->stack_policy_during_update)
    json_set(call->arena, operation, "_PolicyDuringUpdate", json_new_string(call->arena, request->stack_policy_during_update));
  return operation;
}

typedef struct Begin {
  const StackRequest *request;
  const char *name;
  Json *stack, *prepared, *operation;
} Begin;

static Error *
create_in_txn(Call *call, gpointer data)
{
  Begin *begin = data;
  Json *other = NULL;
  TRY(stack_record_get(call->txn, call->arena, call->region, call->account, begin->name, &other));
  if (other)
    return error_answer("AlreadyExistsException", "Stack [%s] already exists", begin->name);
  return begin_create(call, begin->stack, begin->prepared, begin->operation);
}

Error *
stack_create(Call *call, const StackRequest *request, const char **ret_stack_id)
{
  g_auto(Plan) plan = { 0 };
  TRY(check_stack_name(request->name));
  Begin begin = { request, request->name, new_stack(call, request->name, request), NULL, new_operation(call, request) };
  *ret_stack_id = record_text(begin.stack, "StackId");
  TRY(prepare(call, request, NULL, *ret_stack_id, &plan, &begin.prepared));
  return call_write(call, create_in_txn, &begin);
}

typedef struct Find {
  const char *name;
  Json *stack;
} Find;

static Error *
find_in_txn(Call *call, gpointer data)
{
  Find *find = data;
  return stack_record_get(call->txn, call->arena, call->region, call->account, find->name, &find->stack);
}

Error *
stack_find(Call *call, const char *name, Json **ret_stack)
{
  Find find = { name, NULL };
  TRY(call_read(call, find_in_txn, &find));
  if (!find.stack)
    return error_answer("ValidationError", "Stack with id %s does not exist", name);
  *ret_stack = find.stack;
  return NULL;
}

static Error *
update_in_txn(Call *call, gpointer data)
{
  Begin *begin = data;
  Json *stack = NULL;
  TRY(stack_record_get(call->txn, call->arena, call->region, call->account, begin->name, &stack));
  if (!stack)
    return error_answer("ValidationError", "Stack [%s] does not exist", begin->name);
  return begin_update(call, stack, begin->prepared, begin->operation);
}

Error *
stack_update(Call *call, const StackRequest *request, const char **ret_stack_id)
{
  g_auto(Plan) plan = { 0 };
  Json *stack = NULL, *changes = NULL;
  TRY(check_stack_name(request->name));
  g_autoptr(Error) missing = stack_find(call, request->name, &stack);
  if (missing)
    return error_answer("ValidationError", "Stack [%s] does not exist", request->name);
  TRY(check_updatable(stack));
  const char *id = record_text(stack, "StackId");
  Begin begin = { request, id, NULL, NULL, new_operation(call, request) };
  TRY(prepare(call, request, stack, id, &plan, &begin.prepared));
  TRY(stack_changes(call, stack, &plan, json_get(begin.prepared, "Tags"), &changes));
  if (!prepare_differs(call, stack, &plan, begin.prepared, changes))
    return error_answer("ValidationError", "No updates are to be performed.");
  *ret_stack_id = id;
  return call_write(call, update_in_txn, &begin);
}

/* Exports that other stacks import keep the stack. */
static Error *
check_exports(Call *call, const Json *stack)
{
  const Json *outputs = json_get(stack, "Outputs");
  for (guint i = 0; outputs && i < outputs->n; i++) {
    const char *name = record_text(outputs->items[i], "ExportName");
    Json *users = json_new_array(call->arena);
    if (!*name)
      continue;
    TRY(import_record_list(call->txn, call->arena, call->region, call->account, name, users));
    if (users->n)
      return error_answer("ValidationError", "Cannot delete export %s as it is in use by %s", name, users->items[0]->text);
  }
  return NULL;
}

typedef struct Deletion {
  const char *name;
  const Json *retain;
  const char *token;
  gboolean cancel;       /* out: it is being created: have that give up */
  const char *stack_id;
} Deletion;

static Error *
check_deletable(Call *call, const Deletion *deletion, const Json *stack, StackStatus status)
{
  const Json *protection = json_get(stack, "EnableTerminationProtection");
  if (protection && protection->type == JSON_TRUE)
    return error_answer("ValidationError", "Stack [%s] cannot be deleted while TerminationProtection is enabled",
                        record_text(stack, "StackName"));
  if (deletion->retain && deletion->retain->n && status != STACK_DELETE_FAILED)
    return error_answer("ValidationError", "Invalid operation on stack [%s]. When you delete a stack, specify which resources to retain only "
                        "when the stack is in the DELETE_FAILED state.", record_text(stack, "StackId"));
  if (status != STACK_CREATE_IN_PROGRESS && status != STACK_REVIEW_IN_PROGRESS && !state_may(&stack_states, status, STACK_DELETE_IN_PROGRESS))
    return error_answer("ValidationError", "Stack [%s] cannot be deleted while in status %s", record_text(stack, "StackName"),
                        stack_status_name(status));
  return check_exports(call, stack);
}

static Error *
delete_in_txn(Call *call, gpointer data)
{
  Deletion *deletion = data;
  Json *stack = NULL;
  TRY(stack_record_get(call->txn, call->arena, call->region, call->account, deletion->name, &stack));
  StackStatus status = stack ? stack_status_of(record_text(stack, "StackStatus")) : STACK_DELETE_COMPLETE;
  if (status == STACK_DELETE_COMPLETE || status == STACK_DELETE_IN_PROGRESS)
    return NULL;
  TRY(check_deletable(call, deletion, stack, status));
  deletion->stack_id = record_text(stack, "StackId");
  if (status == STACK_REVIEW_IN_PROGRESS) {
    TRY(change_set_record_delete(call->txn, deletion->stack_id, NULL));
    json_set(call->arena, stack, "DeletionTime", record_time(call->arena, clock_now()));
    return stack_set_status(call, stack, STACK_DELETE_COMPLETE, NULL);
  }
  deletion->cancel = status == STACK_CREATE_IN_PROGRESS;
  if (deletion->cancel)
    return NULL;
  Json *operation = json_new_object(call->arena);
  if (deletion->retain)
    json_set(call->arena, operation, "RetainResources", json_copy(call->arena, deletion->retain));
  if (deletion->token)
    json_set(call->arena, operation, "ClientRequestToken", json_new_string(call->arena, deletion->token));
  json_set(call->arena, stack, "_Operation", operation);
  TRY(change_set_record_delete(call->txn, deletion->stack_id, NULL));
  TRY(stack_set_status(call, stack, STACK_DELETE_IN_PROGRESS, "User Initiated"));
  return engine_queue(call->txn, call->haar, call->region, call->account, deletion->stack_id);
}

Error *
stack_delete(Call *call, const char *name, const Json *retain, const char *client_token)
{
  Deletion deletion = { name, retain, client_token, FALSE, NULL };
  TRY(call_write(call, delete_in_txn, &deletion));
  if (deletion.cancel)
    engine_cancel(call->haar, deletion.stack_id);
  return NULL;
}

Error *
stack_cancel_update(Call *call, const char *name)
{
  Json *stack = NULL;
  TRY(stack_find(call, name, &stack));
  if (stack_status_of(record_text(stack, "StackStatus")) != STACK_UPDATE_IN_PROGRESS)
    return error_answer("ValidationError", "CancelUpdateStack cannot be called from current stack status");
  engine_cancel(call->haar, record_text(stack, "StackId"));
  return NULL;
}

typedef struct Edit {
  const char *name;
  StackEdit edit;
  gpointer data;
} Edit;

static Error *
edit_in_txn(Call *call, gpointer data)
{
  Edit *edit = data;
  Json *stack = NULL;
  TRY(stack_record_get(call->txn, call->arena, call->region, call->account, edit->name, &stack));
  if (!stack)
    return error_answer("ValidationError", "Stack with id %s does not exist", edit->name);
  /* A running operation has the record in memory and would store it over this change. */
  if (stack_status_moving(stack_status_of(record_text(stack, "StackStatus"))))
    return error_answer("ValidationError", "Stack [%s] is in %s state; wait until its operation has ended", record_text(stack, "StackName"),
                        record_text(stack, "StackStatus"));
  TRY(edit->edit(call, stack, edit->data));
  return stack_record_put(call->txn, call->arena, call->region, call->account, stack);
}

Error *
stack_edit(Call *call, const char *name, StackEdit edit, gpointer data)
{
  Edit all = { name, edit, data };
  return call_write(call, edit_in_txn, &all);
}

typedef enum { LIST_STACKS, LIST_RESOURCES, LIST_EVENTS, LIST_EXPORTS, LIST_IMPORTS } ListKind;
typedef struct Listing {
  ListKind kind;
  const char *key;
  Json *list;
} Listing;

static Error *
list_in_txn(Call *call, gpointer data)
{
  Listing *listing = data;
  switch (listing->kind) {
  case LIST_STACKS:
    return stack_record_list(call->txn, call->arena, call->region, call->account, listing->list);
  case LIST_RESOURCES:
    return resource_record_list(call->txn, call->arena, listing->key, listing->list);
  case LIST_EVENTS:
    return event_record_list(call->txn, call->arena, listing->key, listing->list);
  case LIST_EXPORTS:
    return export_record_list(call->txn, call->arena, call->region, call->account, listing->list);
  case LIST_IMPORTS:
    return import_record_list(call->txn, call->arena, call->region, call->account, listing->key, listing->list);
  }
  return NULL;
}

static Error *
list(Call *call, ListKind kind, const char *key, Json **ret_list)
{
  Listing listing = { kind, key, json_new_array(call->arena) };
  *ret_list = listing.list;
  return call_read(call, list_in_txn, &listing);
}

Error *
stack_list(Call *call, Json **ret_list)
{
  return list(call, LIST_STACKS, NULL, ret_list);
}

Error *
stack_resources(Call *call, const Json *stack, Json **ret_list)
{
  return list(call, LIST_RESOURCES, record_text(stack, "StackId"), ret_list);
}

Error *
stack_events(Call *call, const Json *stack, Json **ret_list)
{
  return list(call, LIST_EVENTS, record_text(stack, "StackId"), ret_list);
}

Error *
stack_exports(Call *call, Json **ret_list)
{
  return list(call, LIST_EXPORTS, NULL, ret_list);
}

Error *
stack_imports(Call *call, const char *export_name, Json **ret_list)
{
  return list(call, LIST_IMPORTS, export_name, ret_list);
}
