#include "services/apigateway/apigateway.h"

#include <string.h>

static void
common_headers(const Passage *p, StringMap *headers)
{
  MAP_SET(p->arena, headers, "x-amzn-RequestId", http_request_id(p->exchange));
  MAP_SET(p->arena, headers, "x-amz-apigw-id", id_alphabet(p->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 15));
}

static void
send_answer(const Passage *passage, int status, const StringMap *headers, const void *body, gsize size)
{
  passage->measures->status = status;
  http_answer(passage->exchange, status, headers, body, size);
}

void
answer_message(const Passage *passage, int status, const char *error_type, const char *message)
{
  StringMap headers = {0};
  g_autoptr(GString) body = g_string_new("{\"message\": ");
  json_write_string(body, message);
  g_string_append_c(body, '}');
  MAP_SET(passage->arena, &headers, "Content-Type", "application/json");
  MAP_SET(passage->arena, &headers, "x-amzn-ErrorType", error_type);
  common_headers(passage, &headers);
  send_answer(passage, status, &headers, body->str, body->len);
}

/* Several values of one name are several entries: http_answer writes each. */
static void
add_header(Arena *arena, StringMap *headers, const char *name, const char *value)
{
  StringMapEntry entry = {name, value};
  LIST_APPEND(arena, headers, entry);
}

static gboolean
answer_headers(Arena *arena, const Json *response, StringMap *headers)
{
  const Json *multi = json_get(response, "multiValueHeaders"), *single = json_get(response, "headers");
  for (guint i = 0; multi && multi->type == JSON_OBJECT && i < multi->n; i++) {
    const Json *values = multi->members[i].value;
    for (guint j = 0; values->type == JSON_ARRAY && j < values->n; j++) {
      const char *text = json_scalar(values->items[j]);
      if (!text)
        return FALSE;
      add_header(arena, headers, multi->members[i].key, text);
    }
  }
  for (guint i = 0; single && single->type == JSON_OBJECT && i < single->n; i++) {
    const char *text = json_scalar(single->members[i].value);
    if (!text && single->members[i].value->type != JSON_NULL)
      return FALSE;
    if (text && !(multi && json_get(multi, single->members[i].key)))
      add_header(arena, headers, single->members[i].key, text);
  }
  return TRUE;
}

static gboolean
has_header(const StringMap *headers, const char *name)
{
  for (gsize i = 0; i < headers->n; i++)
    if (!g_ascii_strcasecmp(headers->v[i].key, name))
      return TRUE;
  return FALSE;
}

static int
status_code(const Json *response)
{
  const Json *status = json_get(response, "statusCode");
  gint64 code = 0;
  if (!status)
    return 200;
  if (status->type != JSON_NUMBER && status->type != JSON_STRING)
    return 0;
  g_autofree char *text = g_strndup(status->text, status->n);
  return g_ascii_string_to_signed(text, 10, 100, 599, &code, NULL) ? (int) code : 0;
}

static gboolean
known_members(const Json *response)
{
  static const char *const names[] = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", NULL};
  if (!response || response->type != JSON_OBJECT)
    return FALSE;
  for (guint i = 0; i < response->n; i++)
    if (!g_strv_contains(names, response->members[i].key))
      return FALSE;
  return TRUE;
}

static void
malformed(const Passage *p)
{
  answer_message(p, 502, "InternalServerErrorException", "Internal server error");
}

void
answer_proxy(const Passage *passage, const Blob *payload)
{
  Json *response = NULL;
  StringMap headers = {0};
  g_autoptr(Error) error = json_parse(passage->arena, (const char *) payload->data, payload->size, &response);
  int status = error || !known_members(response) ? 0 : status_code(response);
  const Json *body = json_get(response, "body");
  if (!status || (body && body->type != JSON_STRING && body->type != JSON_NULL) || !answer_headers(passage->arena, response, &headers)) {
    malformed(passage);
    return;
  }
  const void *data = json_string(body);
  gsize size = data ? body->n : 0;
  const Json *encoded = json_get(response, "isBase64Encoded");
  if (data && encoded && encoded->type == JSON_TRUE && !(data = text_unbase64(passage->arena, data, &size))) {
    malformed(passage);
    return;
  }
  if (!has_header(&headers, "content-type"))
    add_header(passage->arena, &headers, "Content-Type", "application/json");
  common_headers(passage, &headers);
  send_answer(passage, status, &headers, data, size);
}

/* A MOCK integration's request template is JSON with a statusCode; haar reads it as it stands. */
static const char *
mock_status(const Passage *p)
{
  const StringMap *templates = &p->match.method->methodIntegration->requestTemplates;
  const char *template = string_map_get(templates, "application/json");
  Json *json = NULL;
  g_autoptr(Error) error = json_parse(p->arena, template ? template : "", template ? strlen(template) : 0, &json);
  const Json *status = error ? NULL : json_get(json, "statusCode");
  return status && (status->type == JSON_NUMBER || status->type == JSON_STRING) ? arena_strndup(p->arena, status->text, status->n) : "200";
}

void
answer_mock(const Passage *passage)
{
  ApigatewayIntegration *integration = passage->match.method->methodIntegration;
  const char *status = mock_status(passage);
  ApigatewayIntegrationResponse **found = MAP_FIND(&integration->integrationResponses, status);
  StringMap headers = {0};
  gint64 code = 0;
  if (!found || !g_ascii_string_to_signed(status, 10, 100, 599, &code, NULL)) {
    answer_message(passage, 500, "InternalServerErrorException", "Internal server error");
    return;
  }
  for (gsize i = 0; i < (*found)->responseParameters.n; i++) {
    const StringMapEntry *parameter = &(*found)->responseParameters.v[i];
    gsize n = strlen(parameter->value);
    if (g_str_has_prefix(parameter->key, "method.response.header.") && n > 1 && *parameter->value == '\'')
      add_header(passage->arena, &headers, parameter->key + strlen("method.response.header."),
                 arena_strndup(passage->arena, parameter->value + 1, n - 2));
  }
  const char *body = string_map_get(&(*found)->responseTemplates, "application/json");
  if (!has_header(&headers, "content-type"))
    add_header(passage->arena, &headers, "Content-Type", "application/json");
  common_headers(passage, &headers);
  send_answer(passage, (int) code, &headers, body ? body : "", body ? strlen(body) : 0);
}

const char *
stage_variables(const Passage *passage, const char *text)
{
  static const char open[] = "${stageVariables.";
  g_autoptr(GString) out = g_string_new(NULL);
  for (const char *at = text; *at;) {
    const char *end = g_str_has_prefix(at, open) ? strchr(at, '}') : NULL;
    if (!end) {
      g_string_append_c(out, *at++);
      continue;
    }
    at += strlen(open);
    const char *value = string_map_get(&passage->stage->variables, arena_strndup(passage->arena, at, (gsize) (end - at)));
    g_string_append(out, value ? value : "");
    at = end + 1;
  }
  return arena_strdup(passage->arena, out->str);
}
