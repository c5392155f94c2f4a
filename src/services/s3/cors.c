/* CORS: preflight requests, and the headers of answers to other origins.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html */
#include "services/s3/s3.h"
#include <string.h>

typedef struct Ask {
  const char *bucket;
  const char *origin, *method; /* that is asked for */
  const char *headers;       /* that are asked for, or NULL */
  S3CORSRules rules;
  gboolean known;            /* the bucket is there */
} Ask;

static Error *
read_rules(Call *call, gpointer data)
{
  Ask *ask = data;
  S3BucketRecord *bucket = NULL;
  g_autoptr(Error) error = bucket_get(call, ask->bucket, &bucket);
  if (error && error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  ask->known = !error;
  if (bucket)
    ask->rules = bucket->Cors;
  return NULL;
}

/* One "*" stands for anything. */
static const char *
matching(const StringList *patterns, const char *text)
{
  for (gsize i = 0; i < patterns->n; i++) {
    const char *pattern = patterns->v[i], *star = strchr(pattern, '*');
    gsize before = star ? (gsize) (star - pattern) : 0, after = star ? strlen(star + 1) : 0, size = strlen(text);
    if (star ? size >= before + after && g_ascii_strncasecmp(pattern, text, before) == 0 && g_ascii_strcasecmp(star + 1, text + size - after) == 0
             : g_ascii_strcasecmp(pattern, text) == 0)
      return pattern;
  }
  return NULL;
}

/* All headers that are asked for are allowed; *ret_shown: as they are answered, or NULL. */
static gboolean
headers_match(Arena *arena, const S3CORSRule *rule, const char *asked, const char **ret_shown)
{
  g_auto(GStrv) names = g_strsplit(asked ? asked : "", ",", 101);
  g_autoptr(GString) shown = g_string_new(NULL);
  for (guint i = 0; names[i]; i++) {
    g_strstrip(names[i]);
    if (!*names[i])
      continue;
    if (!matching(&rule->AllowedHeaders, names[i]))
      return FALSE;
    g_autofree char *lower = g_ascii_strdown(names[i], -1);
    g_string_append_printf(shown, "%s%s", shown->len ? ", " : "", lower);
  }
  *ret_shown = shown->len ? arena_strdup(arena, shown->str) : NULL;
  return TRUE;
}

/* The first rule that allows it puts its headers into ret. FALSE: none does. */
static gboolean
allow(Arena *arena, const Ask *ask, StringMap *ret)
{
  for (gsize i = 0; i < ask->rules.n; i++) {
    const S3CORSRule *rule = ask->rules.v[i];
    const char *headers = NULL, *origin = matching(&rule->AllowedOrigins, ask->origin);
    const StringList *methods = &rule->AllowedMethods, *exposed = &rule->ExposeHeaders;
    if (!origin || !string_list_has(methods, ask->method) || !headers_match(arena, rule, ask->headers, &headers))
      continue;
    gboolean any = strcmp(origin, "*") == 0;
    MAP_SET(arena, ret, "Access-Control-Allow-Origin", any ? "*" : ask->origin);
    MAP_SET(arena, ret, "Access-Control-Allow-Methods", text_join(arena, ", ", methods->v, methods->n));
    if (headers)
      MAP_SET(arena, ret, "Access-Control-Allow-Headers", headers);
    if (exposed->n)
      MAP_SET(arena, ret, "Access-Control-Expose-Headers", text_join(arena, ", ", exposed->v, exposed->n));
    if (rule->MaxAgeSeconds.set)
      MAP_SET(arena, ret, "Access-Control-Max-Age", arena_printf(arena, "%" G_GINT64_FORMAT, rule->MaxAgeSeconds.v));
    if (!any)
      MAP_SET(arena, ret, "Access-Control-Allow-Credentials", "true");
    MAP_SET(arena, ret, "Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    return TRUE;
  }
  return FALSE;
}

/* "bucket" of "/bucket/key" (arena); NULL: the path names none. */
static const char *
bucket_of(Arena *arena, const char *path)
{
  const char *end = path && path[0] == '/' ? path + 1 + strcspn(path + 1, "/?") : NULL;
  return end && end > path + 1 ? arena_strndup(arena, path + 1, (gsize) (end - path - 1)) : NULL;
}

void
cors_headers(Haar *haar, Arena *arena, const HttpRequest *request, const char *path, StringMap *ret_headers)
{
  Ask ask = {.bucket = bucket_of(arena, path), .origin = http_header(request, "origin"), .method = request->method};
  if (!ask.origin || !ask.bucket)
    return;
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  g_autoptr(Error) error = call_read(call, read_rules, &ask);
  if (!error)
    allow(arena, &ask, ret_headers);
}

/* --- preflight --- */

/* By host: "bucket.s3.us-east-1.amazonaws.com", "bucket.localhost". */
const char *
request_bucket(Arena *arena, const HttpRequest *request)
{
  const char *host = request->host ? request->host : "", *s3 = strstr(host, ".s3."), *local = g_str_has_suffix(host, ".localhost") ? strrchr(host, '.') : NULL;
  if (s3)
    return arena_strndup(arena, host, (gsize) (s3 - host));
  if (local && strcmp(host, "s3.localhost") != 0)
    return arena_strndup(arena, host, (gsize) (local - host));
  gboolean amazons = g_str_has_suffix(host, ".amazonaws.com");
  return amazons && !g_str_has_prefix(host, "s3.") ? NULL : bucket_of(arena, request->path);
}

gboolean
cors_serves(Haar *haar, const HttpRequest *request)
{
  if (strcmp(request->method, "OPTIONS") != 0)
    return FALSE;
  g_autoptr(Arena) arena = arena_new();
  return request_bucket(arena, request) != NULL;
}

static Error *
forbidden(const Ask *ask, const char *path)
{
  const char *why = ask->rules.n ? "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
                                   "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
                    : ask->known ? "CORSResponse: CORS is not enabled for this bucket."
                                 : "CORSResponse: Bucket not found";
  Error *error = error_field(error_answer_status(403, "AccessForbidden", "%s", why), "Method", ask->method);
  return error_field(error, "ResourceType", strchr(path + 1, '/') ? "OBJECT" : "BUCKET");
}

static Error *
check_preflight(Haar *haar, Arena *arena, Ask *ask, const char *path, StringMap *headers)
{
  static const char *const methods[] = {"GET", "PUT", "HEAD", "POST", "DELETE", NULL};
  if (!ask->origin)
    return error_answer_status(400, "BadRequest", "Insufficient information. Origin request header needed.");
  if (!ask->method || !g_strv_contains(methods, ask->method))
    return error_answer_status(400, "BadRequest", "Invalid Access-Control-Request-Method: %s", ask->method ? ask->method : "null");
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  TRY(error_prefix(call_read(call, read_rules, ask), "the CORS rules of %s", ask->bucket));
  return allow(arena, ask, headers) ? NULL : forbidden(ask, path);
}

void
cors_serve(Haar *haar, HttpExchange *exchange)
{
  const HttpRequest *request = http_request(exchange);
  Arena *arena = http_arena(exchange);
  Ask ask = {.bucket = request_bucket(arena, request), .origin = http_header(request, "origin"),
             .method = http_header(request, "access-control-request-method"), .headers = http_header(request, "access-control-request-headers")};
  StringMap headers = {0};
  g_autoptr(Error) error = check_preflight(haar, arena, &ask, request->path, &headers);
  if (error)
    s3_refuse(exchange, error);
  else
    http_answer(exchange, 200, &headers, "", 0);
}
