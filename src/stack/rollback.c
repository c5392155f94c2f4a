/* Ways back that a user asks for: RollbackStack and ContinueUpdateRollback. */
#include "stack/engine.h"
#include "stack/prepare.h"
#include "stack/run.h"
#include <string.h>

typedef struct Rollback {
  const char *name, *token, *stack_id;
  const Json *skip;
} Rollback;

static gboolean
is_named(const Json *list, const char *name)
{
  for (guint i = 0; list && i < list->n; i++) {
    if (g_strcmp0(json_string(list->items[i]), name) == 0)
      return TRUE;
  }
  return FALSE;
}

/* A skipped resource is taken for restored. */
static Error *
skip_resources(Call *call, const Json *stack, const Json *skip)
{
  Json *list = json_new_array(call->arena);
  guint n = 0;
  TRY(resource_record_list(call->txn, call->arena, record_text(stack, "StackId"), list));
  for (guint i = 0; i < list->n; i++) {
    Json *record = list->items[i], *before = json_get(record, "_Before");
    if (!is_named(skip, record_text(record, "LogicalResourceId")))
      continue;
    n++;
    if (strcmp(record_text(record, "ResourceStatus"), "UPDATE_FAILED") != 0 || !before)
      return error_answer("ValidationError", "Resource %s is in %s state and cannot be skipped: only resources that are UPDATE_FAILED because the "
                          "rollback failed can be", record_text(record, "LogicalResourceId"), record_text(record, "ResourceStatus"));
    record_put_back(call->arena, record, before);
    json_remove(record, "_Before");
    json_remove(record, "_Last");
    json_remove(record, "_Replacing");
    json_set(call->arena, record, "ResourceStatus", json_new_string(call->arena, "UPDATE_COMPLETE"));
    TRY(resource_record_put(call->txn, call->arena, record_text(stack, "StackId"), record));
  }
  if (skip && n < skip->n)
    return error_answer("ValidationError", "ResourcesToSkip names resources that are not in stack %s", record_text(stack, "StackName"));
  return NULL;
}

static Error *
get_stack(Call *call, const char *name, Json **ret_stack)
{
  TRY(stack_record_get(call->txn, call->arena, call->region, call->account, name, ret_stack));
  return *ret_stack ? NULL : error_answer("ValidationError", "Stack [%s] does not exist", name);
}

static Error *
begin(Call *call, Json *stack, StackStatus status, const char *token)
{
  Json *operation = json_new_object(call->arena);
  record_set_text(call->arena, operation, "ClientRequestToken", token);
  json_set(call->arena, stack, "_Operation", operation);
  TRY(stack_set_status(call, stack, status, "User Initiated"));
  return engine_queue(call->txn, call->haar, call->region, call->account, record_text(stack, "StackId"));
}

static Error *
continue_in_txn(Call *call, gpointer data)
{
  const Rollback *request = data;
  Json *stack = NULL;
  TRY(get_stack(call, request->name, &stack));
  if (stack_status_of(record_text(stack, "StackStatus")) != STACK_UPDATE_ROLLBACK_FAILED)
    return error_answer("ValidationError", "Stack:%s is in %s state and can not continue rolling back.", record_text(stack, "StackId"),
                        record_text(stack, "StackStatus"));
  TRY(skip_resources(call, stack, request->skip));
  return begin(call, stack, STACK_UPDATE_ROLLBACK_IN_PROGRESS, request->token);
}

Error *
stack_continue_rollback(Call *call, const char *name, const Json *skip, const char *client_token)
{
  Rollback request = { .name = name, .token = client_token, .skip = skip };
  return call_write(call, continue_in_txn, &request);
}

static Error *
rollback_in_txn(Call *call, gpointer data)
{
  Rollback *request = data;
  Json *stack = NULL;
  TRY(get_stack(call, request->name, &stack));
  StackStatus status = stack_status_of(record_text(stack, "StackStatus"));
  request->stack_id = record_text(stack, "StackId");
  if (status != STACK_CREATE_FAILED && status != STACK_UPDATE_FAILED)
    return error_answer("ValidationError", "Stack:%s is in %s state and can not be rolled back.", request->stack_id, stack_status_name(status));
  return begin(call, stack, json_get(stack, "_Former") ? STACK_UPDATE_ROLLBACK_IN_PROGRESS : STACK_ROLLBACK_IN_PROGRESS, request->token);
}

Error *
stack_rollback(Call *call, const char *name, const char *client_token, const char **ret_stack_id)
{
  Rollback request = { .name = name, .token = client_token };
  TRY(call_write(call, rollback_in_txn, &request));
  *ret_stack_id = request.stack_id;
  return NULL;
}
