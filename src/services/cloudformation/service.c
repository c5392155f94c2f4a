#include "services/cloudformation/signal.h"
#include "stack/template.h"
#include <string.h>

static Error *
start(Haar *haar)
{
  return stack_engine_start(haar);
}

const ServiceHooks cloudformation_hooks = { .start = start, .halt = stack_engine_halt, .stop = stack_engine_stop, .serves = signal_serves, .serve = signal_serve };

Json *
cloudformation_input(Call *call, const void *in)
{
  return shape_to_json(call->arena, call->operation->model->input, in);
}

Error *
cloudformation_output(Call *call, const Json *json, void *ret_out)
{
  return shape_from_json(call->arena, call->operation->model->output, json, TRUE, ret_out);
}

const char *
cloudformation_text(const Json *in, const char *name)
{
  return json_string(json_get(in, name));
}

/* Bucket and key of "https://bucket.s3.region.amazonaws.com/key", "https://s3.amazonaws.com/bucket/key", "http://localhost:4566/bucket/key". */
static gboolean
parse_url(Arena *arena, const char *url, const char **ret_bucket, const char **ret_key)
{
  const char *host = strstr(url, "://"), *slash = host ? strchr(host + 3, '/') : NULL;
  if (!slash || (!g_str_has_prefix(url, "https://") && !g_str_has_prefix(url, "http://")))
    return FALSE;
  char *name = arena_strndup(arena, host + 3, (gsize) (slash - host) - 3);
  const char *dot = strstr(name, ".s3");
  const char *query = strchr(slash, '?');
  char *path = arena_strndup(arena, slash + 1, query ? (gsize) (query - slash) - 1 : strlen(slash + 1));
  path = text_uri_decode(arena, path, FALSE);
  if (!path)
    return FALSE;
  if (dot && (dot[3] == '.' || dot[3] == '-')) {
    *ret_bucket = arena_strndup(arena, name, (gsize) (dot - name));
    *ret_key = path;
    return **ret_key != 0;
  }
  char *end = strchr(path, '/');
  if (!end)
    return FALSE;
  *ret_bucket = arena_strndup(arena, path, (gsize) (end - path));
  *ret_key = end + 1;
  return **ret_bucket && **ret_key;
}

static Body *
output_body(const Operation *operation, const void *output)
{
  const Shape *shape = operation->model->output;
  for (guint i = 0; i < shape->n_members; i++) {
    if (strcmp(shape->members[i].name, "Body") == 0)
      return *(Body *const *) (const void *) ((const guint8 *) output + shape->members[i].offset);
  }
  return NULL;
}

static Error *
read_object(Call *call, const char *bucket, const char *key, const char **ret_text)
{
  const Operation *operation = haar_operation("s3", "GetObject");
  if (!operation)
    return error_answer("ValidationError", "A TemplateURL needs S3, and haar does not have s3:GetObject");
  Json *request = json_new_object(call->arena);
  gpointer input = arena_alloc(call->arena, operation->input_size), output = arena_alloc(call->arena, operation->output_size);
  guint8 *data = NULL;
  gsize size = 0;
  json_set(call->arena, request, "Bucket", json_new_string(call->arena, bucket));
  json_set(call->arena, request, "Key", json_new_string(call->arena, key));
  TRY(shape_from_json(call->arena, operation->model->input, request, TRUE, input));
  g_autoptr(Error) error = call_operation(call, operation, NULL, "cloudformation", input, output);
  if (error && error->kind == ERROR_ANSWER)
    return error_answer("ValidationError", "S3 error: %s", error->message);
  if (error)
    return g_steal_pointer(&error);
  Body *body = output_body(operation, output);
  g_autoptr(Error) large = body ? body_read_all(body, call->arena, (gsize) LIMIT_TEMPLATE_URL_MAX, &data, &size) : NULL;
  if (error_is(large, "EntityTooLarge"))
    return error_answer("ValidationError", "Template may not exceed %" G_GINT64_FORMAT " bytes in size.", LIMIT_TEMPLATE_URL_MAX);
  if (large)
    return g_steal_pointer(&large);
  *ret_text = data ? arena_strndup(call->arena, (const char *) data, size) : "";
  return NULL;
}

Error *
cloudformation_template(Call *call, const Json *in, const char **ret_text)
{
  const char *body = cloudformation_text(in, "TemplateBody"), *url = cloudformation_text(in, "TemplateURL"), *bucket, *key;
  *ret_text = body;
  if (body && url)
    return error_answer("ValidationError", "Specify only one of Template URL and Template Body.");
  if (body && (gint64) strlen(body) > LIMIT_TEMPLATE_BODY_MAX)
    return error_answer("ValidationError", "1 validation error detected: Value '%.200s...' at 'templateBody' failed to satisfy constraint: Member "
                        "must have length less than or equal to %" G_GINT64_FORMAT, body, LIMIT_TEMPLATE_BODY_MAX);
  if (!url)
    return NULL;
  if (!parse_url(call->arena, url, &bucket, &key))
    return error_answer("ValidationError", "TemplateURL must be a supported URL.");
  return read_object(call, bucket, key, ret_text);
}

Error *
cloudformation_policy(Call *call, const Json *in, const char *body, const char *url, const char **ret_text)
{
  const char *text = cloudformation_text(in, body), *address = cloudformation_text(in, url), *bucket, *key;
  if (text && address)
    return error_answer("ValidationError", "You cannot specify both %s and %s", url, body);
  *ret_text = text;
  if (text || !address)
    return NULL;
  if (!parse_url(call->arena, address, &bucket, &key))
    return error_answer("ValidationError", "%s must be a supported URL.", url);
  return read_object(call, bucket, key, ret_text);
}

static gboolean
is_true(const Json *in, const char *name)
{
  const Json *value = json_get(in, name);
  return value && value->type == JSON_TRUE;
}

Error *
cloudformation_request(Call *call, const Json *in, StackRequest *ret_request)
{
  StackRequest request = { .name = cloudformation_text(in, "StackName"), .parameters = json_get(in, "Parameters"),
    .tags = json_get(in, "Tags"), .capabilities = json_get(in, "Capabilities"), .notification_arns = json_get(in, "NotificationARNs"),
    .rollback_configuration = json_get(in, "RollbackConfiguration"), .on_failure = cloudformation_text(in, "OnFailure"),
    .disable_rollback = is_true(in, "DisableRollback"), .termination_protection = is_true(in, "EnableTerminationProtection"),
    .role_arn = cloudformation_text(in, "RoleARN"), .client_token = cloudformation_text(in, "ClientRequestToken") };
  const char *minutes = template_scalar(json_get(in, "TimeoutInMinutes"));
  if (minutes)
    request.timeout_minutes = g_ascii_strtoll(minutes, NULL, 10);
  if (request.on_failure && json_get(in, "DisableRollback"))
    return error_answer("ValidationError", "You cannot specify both DisableRollback and OnFailure.");
  TRY(cloudformation_policy(call, in, "StackPolicyBody", "StackPolicyURL", &request.stack_policy));
  TRY(cloudformation_policy(call, in, "StackPolicyDuringUpdateBody", "StackPolicyDuringUpdateURL", &request.stack_policy_during_update));
  TRY(cloudformation_template(call, in, &request.template_text));
  if (is_true(in, "UsePreviousTemplate") && request.template_text)
    return error_answer("ValidationError", "You cannot specify both usePreviousTemplate and Template Body/Template URL.");
  *ret_request = request;
  return NULL;
}

Error *
cloudformation_page(Call *call, const Json *list, guint max, const char *token, Json **ret_page, const char **ret_token)
{
  guint64 from = 0;
  Json *page = json_new_array(call->arena);
  if (token && !g_ascii_string_to_unsigned(token, 10, 0, G_MAXUINT32, &from, NULL))
    return error_answer("ValidationError", "NextToken is not valid");
  for (guint64 i = from; i < list->n && i - from < max; i++)
    json_append(call->arena, page, list->items[i]);
  *ret_page = page;
  *ret_token = from + max < list->n ? arena_printf(call->arena, "%" G_GUINT64_FORMAT, from + max) : NULL;
  return NULL;
}

Error *
cloudformation_stack_resource(Call *call, const void *in, Authorization *auth)
{
  const char *name = cloudformation_text(cloudformation_input(call, in), "StackName");
  if (!name)
    return NULL;
  auth->resource = g_str_has_prefix(name, "arn:") ? name : call_arn(call, "cloudformation", "stack/%s/*", name);
  return NULL;
}
