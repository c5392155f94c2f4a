#include "stack/prepare.h"
#include "stack/engine.h"
#include "stack/policy.h"
#include "stack/remote.h"
#include <string.h>

static void
set_text(Arena *arena, Json *object, const char *name, const char *text)
{
  if (text)
    json_set(arena, object, name, json_new_string(arena, text));
}

static void
set_json(Arena *arena, Json *object, const char *name, const Json *value)
{
  if (value)
    json_set(arena, object, name, json_copy(arena, value));
}

Error *
check_stack_name(const char *name)
{
  gboolean good = name && g_ascii_isalpha(*name) && strlen(name) <= 128;
  for (const char *at = name; good && *at; at++)
    good = g_ascii_isalnum(*at) || *at == '-';
  if (good || (name && g_str_has_prefix(name, "arn:")))
    return NULL;
  return error_answer("ValidationError", "1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must "
                      "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*", name ? name : "");
}

/* The principal that resources are made as: the caller, or the role that the request names. */
static Json *
describe_principal(Call *call, const char *role_arn)
{
  Arena *arena = call->arena;
  Json *json = json_new_object(arena);
  Principal role = { .type = PRINCIPAL_ROLE_SESSION, .account = call->account, .role_arn = role_arn };
  const Principal *principal = call->principal;
  const char *name = role_arn ? strrchr(role_arn, '/') : NULL;
  if (name) {
    role.arn = arena_printf(arena, "arn:aws:sts::%s:assumed-role%s/AWSCloudFormation", call->account, name);
    role.user_id = "AROACLOUDFORMATION:AWSCloudFormation";
    principal = &role;
  }
  set_text(arena, json, "Type", arena_printf(arena, "%d", (int) principal->type));
  set_text(arena, json, "Account", principal->account);
  set_text(arena, json, "Arn", principal->arn);
  set_text(arena, json, "UserId", principal->user_id ? principal->user_id : "");
  set_text(arena, json, "RoleArn", principal->role_arn);
  set_text(arena, json, "SessionPolicy", principal->session_policy);
  return json;
}

static Error *
check_role(Call *call, const char *role_arn)
{
  Arn arn;
  if (role_arn && (!arn_parse(call->arena, role_arn, &arn) || strcmp(arn.service, "iam") != 0 || !g_str_has_prefix(arn.resource, "role/")))
    return error_answer("ValidationError", "Role %s is invalid or cannot be assumed", role_arn);
  return NULL;
}

static Error *
check_policies(Call *call, const StackRequest *request)
{
  Json *policy = NULL;
  if (request->stack_policy)
    TRY(stack_policy_parse(call->arena, request->stack_policy, &policy));
  if (request->stack_policy_during_update)
    TRY(stack_policy_parse(call->arena, request->stack_policy_during_update, &policy));
  return NULL;
}

static Error *
check_topics(Call *call, const Json *arns)
{
  for (guint i = 0; arns && i < arns->n; i++) {
    Arn arn;
    const char *text = json_string(arns->items[i]);
    if (!text || !arn_parse(call->arena, text, &arn) || strcmp(arn.service, "sns") != 0)
      return error_answer("ValidationError", "Notification ARN %s is not the ARN of an SNS topic", text ? text : "");
  }
  if (arns && arns->n && !haar_operation("sns", "Publish"))
    return error_answer("ValidationError", "NotificationARNs need sns:Publish, and haar does not have it");
  return NULL;
}

Error *
prepare(Call *call, const StackRequest *request, const Json *stack, const char *stack_id, Plan *ret_plan, Json **ret_prepared)
{
  Arena *arena = call->arena;
  const char *text = request->template_text ? request->template_text : json_string(json_get(stack, "_Template"));
  const Json *arns = request->notification_arns ? request->notification_arns : json_get(stack, "NotificationARNs");
  const char *name = stack ? record_text(stack, "StackName") : request->name;
  const char *role = request->role_arn ? request->role_arn : json_string(json_get(stack, "RoleARN"));
  PlanContext context = { name, stack_id, arns };
  if (!text)
    return error_answer("ValidationError", "Either Template URL or Template Body must be specified.");
  TRY(check_role(call, role));
  TRY(check_topics(call, request->notification_arns));
  TRY(triggers_check(request->rollback_configuration));
  TRY(check_policies(call, request));
  TRY(plan_new(call, text, strlen(text), request->parameters, json_get(stack, "_Texts"), &context, ret_plan));
  TRY(plan_check_capabilities(arena, &ret_plan->template, request->capabilities));
  Json *prepared = json_new_object(arena);
  set_text(arena, prepared, "_Template", text);
  set_json(arena, prepared, "_Texts", ret_plan->texts);
  set_json(arena, prepared, "_Values", ret_plan->values);
  json_set(arena, prepared, "Parameters", parameters_describe(arena, &ret_plan->template, ret_plan->texts, ret_plan->values));
  set_text(arena, prepared, "Description", ret_plan->template.description);
  set_json(arena, prepared, "Tags", request->tags ? request->tags : stack ? json_get(stack, "Tags") : json_new_array(arena));
  set_json(arena, prepared, "Capabilities", request->capabilities ? request->capabilities : json_new_array(arena));
  set_json(arena, prepared, "NotificationARNs", arns ? arns : json_new_array(arena));
  set_json(arena, prepared, "RollbackConfiguration", request->rollback_configuration ? request->rollback_configuration :
           stack && json_get(stack, "RollbackConfiguration") ? json_get(stack, "RollbackConfiguration") : json_new_object(arena));
  set_text(arena, prepared, "RoleARN", role);
  set_text(arena, prepared, "_StackPolicy", request->stack_policy);
  json_set(arena, prepared, "_Principal", describe_principal(call, role));
  *ret_prepared = prepared;
  return NULL;
}

static const Json *
find_output(const Json *outputs, const char *key)
{
  for (guint i = 0; outputs && i < outputs->n; i++) {
    if (strcmp(record_text(outputs->items[i], "OutputKey"), key) == 0)
      return outputs->items[i];
  }
  return NULL;
}

static gboolean
output_differs(Plan *plan, const char *key, const Json *output, const Json *old)
{
  const char *value = NULL, *name = "";
  const Json *export_name = json_path(output, "Export.Name"), *description = json_get(output, "Description");
  g_autoptr(Error) wrong = eval_text(&plan->eval, json_get(output, "Value"), "Value", &value);
  g_autoptr(Error) wrong_name = export_name ? eval_text(&plan->eval, export_name, "Export", &name) : NULL;
  if (!old || wrong || wrong_name)
    return TRUE;
  return (!strstr(value, "{{resolve:") && strcmp(value, record_text(old, "OutputValue")) != 0) ||
         strcmp(name, record_text(old, "ExportName")) != 0 ||
         g_strcmp0(description ? json_string(description) : "", record_text(old, "Description")) != 0;
}

gboolean
prepare_differs(Call *call, const Json *stack, Plan *plan, const Json *prepared, const Json *changes)
{
  const Json *outputs = json_get(stack, "Outputs"), *tags = json_get(stack, "Tags");
  if (changes->n || !stack || (outputs ? outputs->n : 0) != plan->outputs->n)
    return TRUE;
  if (tags && !json_equal(tags, json_get(prepared, "Tags")))
    return TRUE;
  for (guint i = 0; i < plan->outputs->n; i++) {
    const JsonMember *output = &plan->outputs->members[i];
    if (output_differs(plan, output->key, output->value, find_output(outputs, output->key)))
      return TRUE;
  }
  return FALSE;
}

Json *
new_stack(Call *call, const char *name, const StackRequest *request)
{
  Arena *arena = call->arena;
  Json *stack = json_new_object(arena), *drift = json_new_object(arena);
  set_text(arena, stack, "StackId", call_arn(call, "cloudformation", "stack/%s/%s", name, id_uuid(arena)));
  set_text(arena, stack, "StackName", name);
  json_set(arena, stack, "CreationTime", record_time(arena, clock_now()));
  set_text(arena, stack, "StackStatus", stack_status_name(STACK_REVIEW_IN_PROGRESS));
  json_set(arena, stack, "DisableRollback", json_new_bool(arena, request->disable_rollback));
  json_set(arena, stack, "EnableTerminationProtection", json_new_bool(arena, request->termination_protection));
  if (request->timeout_minutes)
    json_set(arena, stack, "TimeoutInMinutes", json_new_int(arena, request->timeout_minutes));
  set_text(arena, stack, "ParentId", request->parent_id);
  set_text(arena, stack, "RootId", request->root_id);
  set_text(arena, drift, "StackDriftStatus", "NOT_CHECKED");
  json_set(arena, stack, "DriftInformation", drift);
  return stack;
}

Error *
check_updatable(const Json *stack)
{
  const char *status = record_text(stack, "StackStatus");
  if (stack_status_updatable(stack_status_of(status)))
    return NULL;
  return error_answer("ValidationError", "Stack:%s is in %s state and can not be updated.", record_text(stack, "StackId"), status);
}

Error *
stack_set_status(Call *call, Json *stack, StackStatus status, const char *reason)
{
  Arena *arena = call->arena;
  Json *event = json_new_object(arena);
  const char *name = stack_status_name(status);
  const char *token = json_string(json_path(stack, "_Operation.ClientRequestToken"));
  set_text(arena, stack, "StackStatus", name);
  json_remove(stack, "StackStatusReason");
  set_text(arena, stack, "StackStatusReason", reason);
  set_text(arena, event, "LogicalResourceId", record_text(stack, "StackName"));
  set_text(arena, event, "PhysicalResourceId", record_text(stack, "StackId"));
  set_text(arena, event, "ResourceType", "AWS::CloudFormation::Stack");
  set_text(arena, event, "ResourceStatus", name);
  set_text(arena, event, "ResourceStatusReason", reason);
  set_text(arena, event, "ClientRequestToken", token);
  TRY(stack_record_put(call->txn, arena, call->region, call->account, stack));
  return event_record_add(call->txn, arena, stack, event);
}

static void
take(Arena *arena, Json *stack, const Json *prepared)
{
  for (guint i = 0; i < prepared->n; i++)
    json_set(arena, stack, prepared->members[i].key, prepared->members[i].value);
  if (!json_get(prepared, "Description"))
    json_remove(stack, "Description");
}

Error *
begin_create(Call *call, Json *stack, const Json *prepared, Json *operation)
{
  take(call->arena, stack, prepared);
  json_set(call->arena, stack, "_Operation", operation);
  TRY(stack_set_status(call, stack, STACK_CREATE_IN_PROGRESS, "User Initiated"));
  return engine_queue(call->txn, call->haar, call->region, call->account, record_text(stack, "StackId"));
}

/* What there is to go back to: the stack as it last was complete. One that failed, and was not rolled back, knows it from before; one that
 * was never complete has nothing. */
static void
keep_former(Arena *arena, Json *stack, const Json *prepared)
{
  StackStatus status = stack_status_of(record_text(stack, "StackStatus"));
  if (status == STACK_CREATE_FAILED)
    json_set(arena, stack, "_Unstable", json_new_bool(arena, TRUE));
  if (json_get(stack, "_Unstable") || (status == STACK_UPDATE_FAILED && json_get(stack, "_Former")))
    return;
  Json *former = json_new_object(arena);
  for (guint i = 0; i < prepared->n; i++) {
    Json *value = json_get(stack, prepared->members[i].key);
    if (value)
      json_set(arena, former, prepared->members[i].key, value);
  }
  json_set(arena, stack, "_Former", former);
}

/* The policy that this update obeys: the one given for it alone, or the stack's own before it. */
static Error *
choose_policy(Call *call, const Json *stack, Json *operation)
{
  const char *during = json_string(json_get(operation, "_PolicyDuringUpdate")), *own = json_string(json_get(stack, "_StackPolicy"));
  Json *policy = NULL;
  if (!during && !own)
    return NULL;
  TRY(stack_policy_parse(call->arena, during ? during : own, &policy));
  json_set(call->arena, operation, "_Policy", policy);
  return NULL;
}

Error *
begin_update(Call *call, Json *stack, const Json *prepared, Json *operation)
{
  TRY(check_updatable(stack));
  TRY(choose_policy(call, stack, operation));
  keep_former(call->arena, stack, prepared);
  take(call->arena, stack, prepared);
  json_set(call->arena, stack, "_Operation", operation);
  json_set(call->arena, stack, "LastUpdatedTime", record_time(call->arena, clock_now()));
  TRY(stack_set_status(call, stack, STACK_UPDATE_IN_PROGRESS, "User Initiated"));
  return engine_queue(call->txn, call->haar, call->region, call->account, record_text(stack, "StackId"));
}
