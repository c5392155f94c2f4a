/* Payload format 2.0. https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html */
#include <string.h>

#include "services/lambda/url.h"

static void
set_text(Arena *arena, Json *object, const char *key, const char *text)
{
  json_set(arena, object, key, text ? json_new_string(arena, text) : json_new_null(arena));
}

/* --- the event --- */

static const char *
source_ip(const UrlVisit *visit)
{
  return visit->request->source->ip ? visit->request->source->ip : "127.0.0.1";
}

static Json *
headers_of(const UrlVisit *visit)
{
  static const char *const hop[] = {"connection", "transfer-encoding", "keep-alive", "te", "upgrade", "cookie", NULL};
  static const char *const forwarded[] = {"x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"};
  const CallSource *source = visit->request->source;
  const char *const values[] = {source_ip(visit), source->tls ? "443" : "80", source->tls ? "https" : "http"};
  Json *headers = json_new_object(visit->arena);
  for (gsize i = 0; i < visit->request->headers->n; i++)
    if (!g_strv_contains(hop, visit->request->headers->v[i].key))
      set_text(visit->arena, headers, visit->request->headers->v[i].key, visit->request->headers->v[i].value);
  for (gsize i = 0; i < G_N_ELEMENTS(forwarded); i++)
    if (!json_get(headers, forwarded[i]))
      set_text(visit->arena, headers, forwarded[i], values[i]);
  return headers;
}

static void
add_cookies(const UrlVisit *visit, Json *event)
{
  const char *header = http_header(visit->request, "cookie");
  Json *cookies = json_new_array(visit->arena);
  if (!header)
    return;
  g_auto(GStrv) parts = g_strsplit(header, ";", -1);
  for (char **part = parts; *part; part++)
    if (*g_strstrip(*part))
      json_append(visit->arena, cookies, json_new_string(visit->arena, *part));
  json_set(visit->arena, event, "cookies", cookies);
}

/* Values of one name are joined with commas. */
static void
add_query(const UrlVisit *visit, Json *event)
{
  Arena *arena = visit->arena;
  Json *all = json_new_object(arena);
  g_auto(GStrv) pairs = g_strsplit(visit->request->query, "&", -1);
  for (char **pair = pairs; *pair; pair++) {
    const char *equals = strchr(*pair, '=');
    const char *key = text_uri_decode(arena, arena_strndup(arena, *pair, equals ? (gsize) (equals - *pair) : strlen(*pair)), TRUE);
    const char *value = text_uri_decode(arena, equals ? equals + 1 : "", TRUE);
    if (!key || !*key || !value)
      continue;
    const char *before = json_string(json_get(all, key));
    set_text(arena, all, key, before ? arena_printf(arena, "%s,%s", before, value) : value);
  }
  if (all->n)
    json_set(arena, event, "queryStringParameters", all);
}

static Json *
authorizer(const UrlVisit *visit)
{
  Arena *arena = visit->arena;
  const Principal *caller = visit->caller;
  Json *iam = json_new_object(arena), *all = json_new_object(arena);
  set_text(arena, iam, "accessKey", caller->access_key);
  set_text(arena, iam, "accountId", caller->account);
  set_text(arena, iam, "callerId", caller->user_id);
  set_text(arena, iam, "cognitoIdentity", NULL);
  set_text(arena, iam, "principalOrgId", NULL);
  set_text(arena, iam, "userArn", caller->arn);
  set_text(arena, iam, "userId", caller->user_id);
  json_set(arena, all, "iam", iam);
  return all;
}

static Json *
context_of(const UrlVisit *visit, const char *path)
{
  Arena *arena = visit->arena;
  gint64 now = clock_now();
  const char *host = visit->request->host;
  Json *context = lambda_json_strings(arena, "accountId", visit->caller ? visit->caller->account : "anonymous", "apiId", visit->id, NULL);
  Json *http = lambda_json_strings(arena, "method", visit->request->method, "path", path, "protocol", "HTTP/1.1", "sourceIp", source_ip(visit), NULL);
  set_text(arena, http, "userAgent", http_header(visit->request, "user-agent"));
  if (visit->caller)
    json_set(arena, context, "authorizer", authorizer(visit));
  set_text(arena, context, "domainName", host);
  set_text(arena, context, "domainPrefix", visit->id);
  json_set(arena, context, "http", http);
  set_text(arena, context, "requestId", http_request_id(visit->exchange));
  set_text(arena, context, "routeKey", "$default");
  set_text(arena, context, "stage", "$default");
  set_text(arena, context, "time", text_log_date(arena, now));
  json_set(arena, context, "timeEpoch", json_new_int(arena, now));
  return context;
}

/* Text goes as it is, all else in base64. */
static gboolean
is_text(const UrlVisit *visit, const guint8 *body, gsize size)
{
  static const char *const types[] = {"application/json", "application/xml", "application/javascript", NULL};
  const char *header = http_header(visit->request, "content-type");
  g_autofree char *type = g_ascii_strdown(header ? header : "text/plain", -1);
  type[strcspn(type, ";")] = 0;
  g_strchomp(type);
  return (g_str_has_prefix(type, "text/") || g_strv_contains(types, type)) && g_utf8_validate((const char *) body, (gssize) size, NULL);
}

Json *
url_event(const UrlVisit *visit, const guint8 *body, gsize size)
{
  Arena *arena = visit->arena;
  Json *event = json_new_object(arena);
  const char *path = text_uri_decode(arena, visit->request->path, FALSE);
  set_text(arena, event, "version", "2.0");
  set_text(arena, event, "routeKey", "$default");
  set_text(arena, event, "rawPath", visit->request->path);
  set_text(arena, event, "rawQueryString", visit->request->query);
  add_cookies(visit, event);
  json_set(arena, event, "headers", headers_of(visit));
  add_query(visit, event);
  json_set(arena, event, "requestContext", context_of(visit, path ? path : visit->request->path));
  gboolean text = is_text(visit, body, size);
  if (size)
    set_text(arena, event, "body", text ? arena_strndup(arena, (const char *) body, size) : text_base64(arena, body, size));
  json_set(arena, event, "isBase64Encoded", json_new_bool(arena, size && !text));
  return event;
}

/* --- CORS --- */

static gboolean
has(const AnyList *list, const char *text)
{
  const StringList *texts = (const StringList *) (const void *) list;
  for (gsize i = 0; i < texts->n; i++)
    if (strcmp(texts->v[i], "*") == 0 || g_ascii_strcasecmp(texts->v[i], text) == 0)
      return TRUE;
  return FALSE;
}

static void
add_list(Arena *arena, StringMap *headers, const char *name, const AnyList *list)
{
  const StringList *texts = (const StringList *) (const void *) list;
  if (texts->n)
    MAP_SET(arena, headers, name, text_join(arena, ",", texts->v, texts->n));
}

void
url_cors(const UrlVisit *visit, gboolean preflight, StringMap *ret_headers)
{
  Arena *arena = visit->arena;
  const LambdaCors *cors = visit->url->config->Cors;
  const char *origin = http_header(visit->request, "origin");
  if (!cors || !origin || !has((const AnyList *) (const void *) &cors->AllowOrigins, origin))
    return;
  gboolean credentials = OPT_OR(cors->AllowCredentials, FALSE), any = string_list_has((const StringList *) (const void *) &cors->AllowOrigins, "*");
  MAP_SET(arena, ret_headers, "Access-Control-Allow-Origin", any && !credentials ? "*" : origin);
  if (!any || credentials)
    MAP_SET(arena, ret_headers, "Vary", "Origin");
  if (credentials)
    MAP_SET(arena, ret_headers, "Access-Control-Allow-Credentials", "true");
  add_list(arena, ret_headers, "Access-Control-Expose-Headers", (const AnyList *) (const void *) &cors->ExposeHeaders);
  if (!preflight)
    return;
  add_list(arena, ret_headers, "Access-Control-Allow-Methods", (const AnyList *) (const void *) &cors->AllowMethods);
  add_list(arena, ret_headers, "Access-Control-Allow-Headers", (const AnyList *) (const void *) &cors->AllowHeaders);
  if (cors->MaxAge.set)
    MAP_SET(arena, ret_headers, "Access-Control-Max-Age", arena_printf(arena, "%" G_GINT64_FORMAT, cors->MaxAge.v));
}

/* --- the answer --- */

static void
add_header(Arena *arena, StringMap *headers, const char *name, const char *value)
{
  StringMapEntry entry = {name, value};
  LIST_APPEND(arena, headers, entry);
}

/* Finishes an answer: what CORS says goes over what the function said. */
static void
answer(UrlVisit *visit, int status, StringMap *headers, const void *body, gsize size)
{
  StringMap cors = {0}, all = {0};
  if (visit->url)
    url_cors(visit, FALSE, &cors);
  for (gsize i = 0; i < headers->n; i++)
    if (!cors.n || g_ascii_strncasecmp(headers->v[i].key, "access-control-", strlen("access-control-")) != 0)
      add_header(visit->arena, &all, headers->v[i].key, headers->v[i].value);
  for (gsize i = 0; i < cors.n; i++)
    add_header(visit->arena, &all, cors.v[i].key, cors.v[i].value);
  add_header(visit->arena, &all, "x-amzn-RequestId", http_request_id(visit->exchange));
  visit->status = status;
  http_answer(visit->exchange, status, &all, body, size);
}

void
url_answer_error(UrlVisit *visit, int status, const char *type, const char *message)
{
  StringMap headers = {0};
  const char *body = json_text(visit->arena, lambda_json_strings(visit->arena, "Message", message, NULL));
  if (status == 502) /* what the function did wrong is in its log */
    body = message;
  add_header(visit->arena, &headers, "Content-Type", "application/json");
  add_header(visit->arena, &headers, "x-amzn-ErrorType", type);
  answer(visit, status, &headers, body, strlen(body));
}

static gboolean
read_headers(Arena *arena, const Json *response, StringMap *headers)
{
  const Json *given = json_get(response, "headers"), *cookies = json_get(response, "cookies");
  gboolean typed = FALSE;
  for (guint i = 0; given && given->type == JSON_OBJECT && i < given->n; i++) {
    const char *text = json_scalar(given->members[i].value);
    if (!text)
      return FALSE;
    typed |= g_ascii_strcasecmp(given->members[i].key, "content-type") == 0;
    add_header(arena, headers, given->members[i].key, text);
  }
  for (guint i = 0; cookies && cookies->type == JSON_ARRAY && i < cookies->n; i++)
    if (json_string(cookies->items[i]))
      add_header(arena, headers, "Set-Cookie", json_string(cookies->items[i]));
  if (!typed)
    add_header(arena, headers, "Content-Type", "application/json");
  return TRUE;
}

static void
answer_whole(UrlVisit *visit, const Json *returned, const Blob *payload)
{
  StringMap headers = {0};
  const char *text = json_string(returned);
  add_header(visit->arena, &headers, "Content-Type", "application/json");
  if (text)
    answer(visit, 200, &headers, text, strlen(text));
  else
    answer(visit, 200, &headers, payload->data, payload->size);
}

void
url_answer(UrlVisit *visit, const Blob *payload)
{
  Json *response = NULL;
  StringMap headers = {0};
  gint64 code = 0;
  g_autoptr(Error) broken = json_parse(visit->arena, (const char *) payload->data, payload->size, &response);
  const Json *status = broken ? NULL : json_get(response, "statusCode"), *body = json_get(response, "body"), *encoded = json_get(response, "isBase64Encoded");
  if (!broken && !status) {
    answer_whole(visit, response, payload);
    return;
  }
  const char *number = status ? json_scalar(status) : NULL, *text = body ? json_scalar(body) : "";
  if (body && body->type == JSON_OBJECT)
    text = json_text(visit->arena, body);
  gsize size = text ? strlen(text) : 0;
  if (text && encoded && encoded->type == JSON_TRUE)
    text = (const char *) text_unbase64(visit->arena, text, &size);
  gboolean good = number && g_ascii_string_to_signed(number, 10, 100, 599, &code, NULL) && (text || (body && body->type == JSON_NULL)) &&
                  read_headers(visit->arena, response, &headers);
  if (good)
    answer(visit, (int) code, &headers, text, size);
  else
    url_answer_error(visit, 502, "InternalServerErrorException", "Internal Server Error");
}
