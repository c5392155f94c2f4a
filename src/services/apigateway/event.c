#include "services/apigateway/apigateway.h"

#include <string.h>

/* "Host", "X-Forwarded-For": the event shows header names as clients write them. HTTP does not care; functions may. */
static char *
header_case(Arena *arena, const char *lower)
{
  char *name = arena_strdup(arena, lower);
  gboolean first = TRUE;
  for (char *c = name; *c; c++) {
    *c = first ? g_ascii_toupper(*c) : *c;
    first = *c == '-';
  }
  return name;
}

static void
add_multi(Arena *arena, Json *multi, const char *key, const char *value)
{
  Json *list = json_get(multi, key);
  if (!list)
    json_set(arena, multi, key, list = json_new_array(arena));
  json_append(arena, list, json_new_string(arena, value));
}

static void
add_headers(const Passage *p, Json *event)
{
  Json *single = json_new_object(p->arena), *multi = json_new_object(p->arena);
  for (gsize i = 0; i < p->request->headers->n; i++) {
    const StringMapEntry *header = &p->request->headers->v[i];
    static const char *const hop[] = {"connection", "transfer-encoding", "keep-alive", "te", "upgrade", NULL};
    if (g_strv_contains(hop, header->key))
      continue;
    const char *name = header_case(p->arena, header->key);
    json_set(p->arena, single, name, json_new_string(p->arena, header->value));
    add_multi(p->arena, multi, name, header->value);
  }
  const CallSource *source = p->request->source;
  static const char *const forwarded[] = {"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"};
  const char *values[] = {source->ip ? source->ip : "127.0.0.1", source->tls ? "443" : "80", source->tls ? "https" : "http"};
  for (guint i = 0; i < G_N_ELEMENTS(forwarded); i++) {
    if (json_get(single, forwarded[i]))
      continue;
    json_set(p->arena, single, forwarded[i], json_new_string(p->arena, values[i]));
    add_multi(p->arena, multi, forwarded[i], values[i]);
  }
  json_set(p->arena, event, "headers", single);
  json_set(p->arena, event, "multiValueHeaders", multi);
}

static void
add_query(const Passage *p, Json *event)
{
  Json *single = json_new_object(p->arena), *multi = json_new_object(p->arena);
  g_auto(GStrv) pairs = g_strsplit(p->request->query, "&", -1);
  for (char **pair = pairs; *pair; pair++) {
    char *equals = strchr(*pair, '=');
    const char *raw_value = equals ? equals + 1 : "";
    if (!**pair)
      continue;
    char *key = text_uri_decode(p->arena, arena_strndup(p->arena, *pair, equals ? (gsize) (equals - *pair) : strlen(*pair)), TRUE);
    char *value = text_uri_decode(p->arena, raw_value, TRUE);
    if (!key || !value)
      continue;
    json_set(p->arena, single, key, json_new_string(p->arena, value));
    add_multi(p->arena, multi, key, value);
  }
  json_set(p->arena, event, "queryStringParameters", single->n ? single : json_new_null(p->arena));
  json_set(p->arena, event, "multiValueQueryStringParameters", multi->n ? multi : json_new_null(p->arena));
}

static Json *
map_json(Arena *arena, const StringMap *map)
{
  if (!map->n)
    return json_new_null(arena);
  Json *object = json_new_object(arena);
  for (gsize i = 0; i < map->n; i++)
    json_set(arena, object, map->v[i].key, json_new_string(arena, map->v[i].value));
  return object;
}

static void
set_text(Arena *arena, Json *object, const char *key, const char *text)
{
  json_set(arena, object, key, text ? json_new_string(arena, text) : json_new_null(arena));
}

static Json *
identity(const Passage *p)
{
  static const char *const nulls[] = {"cognitoIdentityPoolId", "cognitoIdentityId", "cognitoAuthenticationType", "cognitoAuthenticationProvider",
                                      "principalOrgId"};
  Json *object = json_new_object(p->arena);
  for (guint i = 0; i < G_N_ELEMENTS(nulls); i++)
    set_text(p->arena, object, nulls[i], NULL);
  set_text(p->arena, object, "accountId", p->caller ? p->caller->account : NULL);
  set_text(p->arena, object, "accessKey", p->caller ? p->caller->access_key : NULL);
  set_text(p->arena, object, "caller", p->caller ? p->caller->user_id : NULL);
  set_text(p->arena, object, "user", p->caller ? p->caller->user_id : NULL);
  set_text(p->arena, object, "userArn", p->caller ? p->caller->arn : NULL);
  set_text(p->arena, object, "sourceIp", p->request->source->ip ? p->request->source->ip : "127.0.0.1");
  set_text(p->arena, object, "userAgent", http_header(p->request, "user-agent"));
  return object;
}

static Json *
request_context(const Passage *p)
{
  Json *context = json_new_object(p->arena);
  gint64 now = clock_now();
  const char *request_id = http_request_id(p->exchange);
  set_text(p->arena, context, "resourceId", p->match.resource->id);
  set_text(p->arena, context, "resourcePath", p->match.resource->path);
  set_text(p->arena, context, "httpMethod", p->request->method);
  set_text(p->arena, context, "extendedRequestId", id_alphabet(p->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 15));
  set_text(p->arena, context, "requestTime", text_log_date(p->arena, now));
  set_text(p->arena, context, "path", arena_printf(p->arena, "/%s%s", p->stage_name, p->path));
  set_text(p->arena, context, "accountId", p->account);
  set_text(p->arena, context, "protocol", "HTTP/1.1");
  set_text(p->arena, context, "stage", p->stage_name);
  set_text(p->arena, context, "domainPrefix", p->api_id);
  json_set(p->arena, context, "requestTimeEpoch", json_new_int(p->arena, now));
  set_text(p->arena, context, "requestId", request_id);
  json_set(p->arena, context, "identity", identity(p));
  set_text(p->arena, context, "domainName", arena_printf(p->arena, "%s.execute-api.%s.amazonaws.com", p->api_id, p->region));
  set_text(p->arena, context, "apiId", p->api_id);
  return context;
}

/* Whether the API treats this body as binary: one of binaryMediaTypes is its content type. */
static gboolean
is_binary(const Passage *p)
{
  const char *type = http_header(p->request, "content-type");
  g_autofree char *bare = g_strdup(type ? type : "");
  bare[strcspn(bare, ";")] = 0;
  for (gsize i = 0; i < p->api->binaryMediaTypes.n; i++)
    if (text_glob(p->api->binaryMediaTypes.v[i], g_strstrip(bare)))
      return TRUE;
  return FALSE;
}

static void
add_body(const Passage *p, Json *event)
{
  const guint8 *body = p->body;
  gsize size = p->body_size;
  gboolean binary = size && is_binary(p);
  if (!size)
    set_text(p->arena, event, "body", NULL);
  else if (binary)
    set_text(p->arena, event, "body", text_base64(p->arena, body, size));
  else {
    g_autofree char *valid = g_utf8_make_valid((const char *) body, (gssize) size);
    set_text(p->arena, event, "body", valid);
  }
  json_set(p->arena, event, "isBase64Encoded", json_new_bool(p->arena, binary));
}

Json *
event_build(const Passage *passage)
{
  const Passage *p = passage;
  Json *event = json_new_object(p->arena);
  char *path = text_uri_decode(p->arena, p->path, FALSE);
  set_text(p->arena, event, "resource", p->match.resource->path);
  set_text(p->arena, event, "path", path ? path : p->path);
  set_text(p->arena, event, "httpMethod", p->request->method);
  add_headers(p, event);
  add_query(p, event);
  json_set(p->arena, event, "pathParameters", map_json(p->arena, &p->match.parameters));
  json_set(p->arena, event, "stageVariables", map_json(p->arena, &p->stage->variables));
  json_set(p->arena, event, "requestContext", request_context(p));
  add_body(p, event);
  return event;
}
