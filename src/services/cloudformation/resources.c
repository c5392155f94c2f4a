/* CloudFormation's own resource types; wait conditions are in resources_wait.c. */
#include "services/cloudformation/signal.h"
#include "stack/remote.h"
#include <string.h>

enum { LOOK_MS = 50, SERVICE_TIMEOUT_S = 3600 };

/* --- AWS::CloudFormation::CustomResource, Custom::* --- */

/* CloudFormation sends every value as a text. */
static Json *
stringified(Arena *arena, const Json *json)
{
  const char *text = template_scalar(json);
  if (text)
    return json_new_string(arena, text);
  Json *copy = json->type == JSON_ARRAY ? json_new_array(arena) : json_new_object(arena);
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++)
    json_append(arena, copy, stringified(arena, json->items[i]));
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++)
    json_set(arena, copy, json->members[i].key, stringified(arena, json->members[i].value));
  return copy;
}

static void
set_text(ResourceCall *rc, Json *object, const char *name, const char *text)
{
  json_set(rc->call->arena, object, name, json_new_string(rc->call->arena, text));
}

static Error *
invoke(ResourceCall *rc, const char *token, const Json *event)
{
  Arena *arena = rc->call->arena;
  Json *in = json_new_object(arena), *out = NULL;
  const char *text = json_text(arena, event);
  if (strstr(token, ":sns:")) {
    set_text(rc, in, "TopicArn", token);
    set_text(rc, in, "Subject", "AWS CloudFormation custom resource request");
    set_text(rc, in, "Message", text);
    return remote_call(rc->call, "sns", "Publish", in, &out);
  }
  set_text(rc, in, "FunctionName", token);
  set_text(rc, in, "InvocationType", "Event");
  set_text(rc, in, "Payload", text_base64(arena, text, strlen(text)));
  return remote_call(rc->call, "lambda", "Invoke", in, &out);
}

static Error *
wait_for_response(ResourceCall *rc, const char *key, const char *request_id, Json **ret_response)
{
  gint64 until = clock_now() + property_int(rc, "ServiceTimeout", SERVICE_TIMEOUT_S) * 1000;
  for (;;) {
    Json *messages = NULL;
    TRY(signal_list(rc->call, key, &messages));
    if (messages->n) {
      *ret_response = messages->items[0];
      return NULL;
    }
    if (clock_now() >= until)
      return error_answer("ValidationError", "CloudFormation did not receive a response from your Custom Resource. Please check your logs for "
                          "requestId [%s]. If you are using the Python cfn-response module, you may need to update your Lambda function to "
                          "attach the updated version.", request_id);
    TRY(resource_pause(rc, LOOK_MS));
  }
}

static Error *
check_response(ResourceCall *rc, const char *request_id, const Json *response)
{
  const char *status = record_text(response, "Status"), *reason = record_text(response, "Reason");
  const char *physical_id = record_text(response, "PhysicalResourceId");
  if (strcmp(status, "SUCCESS") == 0 && *physical_id)
    return NULL;
  if (strcmp(status, "SUCCESS") == 0)
    return error_answer("ValidationError", "Invalid PhysicalResourceId");
  return error_answer("ValidationError", "Received response status [FAILED] from custom resource. Message returned: %s (RequestId: %s)", reason,
                      request_id);
}

/* Sends one request and waits for its answer. */
static Error *
ask(ResourceCall *rc, const char *request_type, Json **ret_response)
{
  Arena *arena = rc->call->arena;
  const char *service_token = property_text(rc, "ServiceToken"), *request_id = id_uuid(arena);
  Json *event = json_new_object(arena);
  SignalAddress address = signal_address(rc->call, "custom-resource-response", rc->stack_id, rc->logical_id);
  if (!service_token)
    return error_answer("ValidationError", "ServiceToken must be the ARN of a Lambda function or an SNS topic");
  set_text(rc, event, "RequestType", request_type);
  set_text(rc, event, "ServiceToken", service_token);
  set_text(rc, event, "ResponseURL", address.url);
  set_text(rc, event, "StackId", rc->stack_id);
  set_text(rc, event, "RequestId", request_id);
  set_text(rc, event, "LogicalResourceId", rc->logical_id);
  set_text(rc, event, "ResourceType", rc->type);
  if (rc->physical_id)
    set_text(rc, event, "PhysicalResourceId", rc->physical_id);
  json_set(arena, event, "ResourceProperties", stringified(arena, rc->properties));
  if (rc->old_properties)
    json_set(arena, event, "OldResourceProperties", stringified(arena, rc->old_properties));
  TRY(signal_open(rc->call, address.key));
  g_autoptr(Error) error = invoke(rc, service_token, event);
  if (!error)
    error = wait_for_response(rc, address.key, request_id, ret_response);
  TRY(signal_close(rc->call, address.key));
  return error ? g_steal_pointer(&error) : check_response(rc, request_id, *ret_response);
}

static void
take_data(ResourceCall *rc, const Json *response, ResourceResult *ret)
{
  const Json *data = json_get(response, "Data");
  ret->physical_id = record_text(response, "PhysicalResourceId");
  ret->attributes = json_new_object(rc->call->arena);
  for (guint i = 0; data && data->type == JSON_OBJECT && i < data->n; i++)
    json_set(rc->call->arena, ret->attributes, data->members[i].key, data->members[i].value);
}

static Error *
create_custom(ResourceCall *rc, ResourceResult *ret)
{
  Json *response = NULL;
  g_autoptr(Error) error = ask(rc, "Create", &response);
  if (error) {
    /* AWS deletes also what could not be created, under the id that it was given or a made one. */
    const char *physical_id = record_text(response, "PhysicalResourceId");
    resource_made(rc, *physical_id ? physical_id : resource_name(rc, 128, FALSE));
    return g_steal_pointer(&error);
  }
  take_data(rc, response, ret);
  return NULL;
}

static Error *
update_custom(ResourceCall *rc, ResourceResult *ret)
{
  Json *response = NULL;
  TRY(ask(rc, "Update", &response));
  take_data(rc, response, ret);
  return NULL;
}

static Error *
delete_custom(ResourceCall *rc)
{
  Json *response = NULL;
  return ask(rc, "Delete", &response);
}

RESOURCE(AWS::CloudFormation::CustomResource, cloudformation_custom_resource, .create = create_custom, .update = update_custom,
         .delete = delete_custom)

/* --- AWS::CloudFormation::Stack --- */

static Json *
parameter_list(ResourceCall *rc)
{
  Arena *arena = rc->call->arena;
  Json *list = json_new_array(arena), *parameters = json_get(rc->properties, "Parameters");
  for (guint i = 0; parameters && i < parameters->n; i++) {
    const Json *value = parameters->members[i].value;
    Json *item = json_new_object(arena);
    g_autoptr(GString) joined = g_string_new(template_scalar(value));
    for (guint j = 0; value->type == JSON_ARRAY && j < value->n; j++)
      g_string_append_printf(joined, "%s%s", j ? "," : "", template_scalar(value->items[j]) ? template_scalar(value->items[j]) : "");
    set_text(rc, item, "ParameterKey", parameters->members[i].key);
    set_text(rc, item, "ParameterValue", joined->str);
    json_append(arena, list, item);
  }
  return list;
}

static Json *
tag_list(ResourceCall *rc)
{
  Json *list = json_new_array(rc->call->arena);
  StringMap tags = resource_tags(rc);
  for (gsize i = 0; i < tags.n; i++) {
    if (g_str_has_prefix(tags.v[i].key, "aws:"))
      continue;
    Json *tag = json_new_object(rc->call->arena);
    set_text(rc, tag, "Key", tags.v[i].key);
    set_text(rc, tag, "Value", tags.v[i].value);
    json_append(rc->call->arena, list, tag);
  }
  return list;
}

static Error *
nested_request(ResourceCall *rc, StackRequest *ret_request)
{
  Arena *arena = rc->call->arena;
  Json *in = json_new_object(arena), *capabilities = json_new_array(arena), *parent = NULL;
  const char *url = property_text(rc, "TemplateURL");
  set_text(rc, in, "TemplateURL", url ? url : "");
  json_append(arena, capabilities, json_new_string(arena, "CAPABILITY_NAMED_IAM"));
  json_append(arena, capabilities, json_new_string(arena, "CAPABILITY_AUTO_EXPAND"));
  TRY(stack_find(rc->call, rc->stack_id, &parent));
  const char *root = record_text(parent, "RootId");
  StackRequest request = { .parameters = parameter_list(rc), .tags = tag_list(rc), .capabilities = capabilities,
    .timeout_minutes = property_int(rc, "TimeoutInMinutes", 0), .parent_id = rc->stack_id, .root_id = *root ? root : rc->stack_id };
  TRY(cloudformation_template(rc->call, in, &request.template_text));
  *ret_request = request;
  return NULL;
}

static Error *
wait_for_stack(ResourceCall *rc, const char *id, const char *const *good, const char *verb, Json **ret_stack)
{
  for (;;) {
    Json *stack = NULL;
    TRY(stack_find(rc->call, id, &stack));
    const char *status = record_text(stack, "StackStatus");
    if (g_strv_contains(good, status)) {
      *ret_stack = stack;
      return NULL;
    }
    if (!stack_status_moving(stack_status_of(status)))
      return error_answer("ValidationError", "Embedded stack %s was not successfully %s: %s", id, verb, record_text(stack, "StackStatusReason"));
    TRY(resource_pause(rc, LOOK_MS));
  }
}

static void
take_outputs(ResourceCall *rc, const Json *stack, ResourceResult *ret)
{
  const Json *outputs = json_get(stack, "Outputs");
  ret->physical_id = record_text(stack, "StackId");
  ret->attributes = NULL;
  for (guint i = 0; outputs && i < outputs->n; i++)
    resource_attribute(rc, ret, arena_printf(rc->call->arena, "Outputs.%s", record_text(outputs->items[i], "OutputKey")),
                       record_text(outputs->items[i], "OutputValue"));
}

static Error *
create_nested(ResourceCall *rc, ResourceResult *ret)
{
  static const char *const good[] = { "CREATE_COMPLETE", NULL };
  StackRequest request;
  const char *id = NULL;
  Json *stack = NULL;
  TRY(nested_request(rc, &request));
  request.name = resource_name(rc, 128, FALSE);
  request.on_failure = "DO_NOTHING";
  TRY(stack_create(rc->call, &request, &id));
  resource_made(rc, id);
  TRY(wait_for_stack(rc, id, good, "created", &stack));
  take_outputs(rc, stack, ret);
  return NULL;
}

static Error *
update_nested(ResourceCall *rc, ResourceResult *ret)
{
  static const char *const good[] = { "UPDATE_COMPLETE", "CREATE_COMPLETE", NULL };
  StackRequest request;
  const char *id = NULL;
  Json *stack = NULL;
  TRY(nested_request(rc, &request));
  request.name = rc->physical_id;
  g_autoptr(Error) error = stack_update(rc->call, &request, &id);
  if (error && !(error->kind == ERROR_ANSWER && strcmp(error->message, "No updates are to be performed.") == 0))
    return g_steal_pointer(&error);
  TRY(wait_for_stack(rc, rc->physical_id, good, "updated", &stack));
  take_outputs(rc, stack, ret);
  return NULL;
}

static Error *
delete_nested(ResourceCall *rc)
{
  static const char *const good[] = { "DELETE_COMPLETE", NULL };
  Json *stack = NULL;
  TRY(stack_delete(rc->call, rc->physical_id, NULL, NULL));
  return wait_for_stack(rc, rc->physical_id, good, "deleted", &stack);
}

RESOURCE(AWS::CloudFormation::Stack, cloudformation_stack, .create = create_nested, .update = update_nested, .delete = delete_nested,
         .no_effect = "NotificationARNs")
