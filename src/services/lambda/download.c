/* download: what GetFunction and GetLayerVersion give as Location: a presigned address of ten minutes, of a bucket that Lambda owns. The bucket
 * is this file; the key that signs is made at each start. https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html */
#include <string.h>

#include "services/lambda/lambda.h"
#include "store/seal.h"
#include "wire/sigv4.h"

enum { EXPIRES_S = 600, CODE_DIGITS = 64 };

static const char access_key[] = "AKIALAMBDADOWNLOADS0", folder[] = "/snapshots/";

static gboolean
is_amazons(const char *host)
{
  return !host || g_str_has_suffix(host, ".amazonaws.com");
}

char *
download_location(Call *call, const char *code)
{
  Arena *arena = call->arena;
  const char *bucket = arena_printf(arena, "awslambda-%s-tasks", call->region), *host = call->host;
  const char *path = arena_printf(arena, "%s%s/%s", folder, call->account, code);
  if (!is_amazons(host)) /* by the name that the caller has for haar: the bucket's own would lead to Amazon */
    return sigv4_presign(arena, "GET", "http", host, arena_printf(arena, "/%s%s", bucket, path), NULL, access_key, lambda_state(call)->download_secret, NULL,
                         call->region, "s3", clock_now(), EXPIRES_S);
  return sigv4_presign(arena, "GET", "https", arena_printf(arena, "%s.s3.%s.amazonaws.com", bucket, call->region), path, NULL, access_key,
                       lambda_state(call)->download_secret, NULL, call->region, "s3", clock_now(), EXPIRES_S);
}

gboolean
download_serves(Haar *haar, const HttpRequest *request)
{
  static const char prefix[] = "awslambda-";
  const char *path = request->path[0] == '/' && !is_amazons(request->host) ? request->path + 1 : request->host;
  return path && g_str_has_prefix(path, prefix) && strstr(request->path, folder) && strstr(request->query, access_key);
}

static void
refuse(HttpExchange *exchange, int status, const char *code, const char *message)
{
  StringMap headers = {0};
  Arena *arena = http_arena(exchange);
  MAP_SET(arena, &headers, "Content-Type", "application/xml");
  g_autofree char *text = g_markup_printf_escaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>",
                                                  code, message, http_request_id(exchange));
  http_answer(exchange, status, &headers, text, strlen(text));
}

static Error *
check(HttpExchange *exchange, const char *secret)
{
  Arena *arena = http_arena(exchange);
  const HttpRequest *http = http_request(exchange);
  WireRequest request = {.method = http->method, .path = http->path, .query = http->query, .headers = http->headers};
  Sigv4 signature = {0};
  TRY(sigv4_parse(arena, &request, TRUE, &signature));
  if (signature.kind != SIGV4_QUERY || strcmp(signature.access_key, access_key) != 0)
    return error_answer_status(403, "AccessDenied", "Access Denied");
  return sigv4_verify(arena, &request, &signature, secret, clock_now(), TRUE, NULL);
}

void
download_serve(Haar *haar, HttpExchange *exchange)
{
  const Lambda *lambda = haar_state(haar, "lambda");
  const char *code = strrchr(http_request(exchange)->path, '/') + 1;
  g_autoptr(Error) error = check(exchange, lambda->download_secret);
  if (error) {
    refuse(exchange, error->kind == ERROR_ANSWER ? 403 : 500, error->kind == ERROR_ANSWER ? error->code : "InternalError", error->message);
    return;
  }
  gboolean named = strlen(code) == CODE_DIGITS && strspn(code, "0123456789abcdef") == CODE_DIGITS;
  g_autofree guint8 *zip = NULL;
  gsize size = 0;
  g_autoptr(Error) missing = named ? store_open_file(haar->store, code_zip_path(http_arena(exchange), haar, code), &zip, &size) : NULL;
  if (!zip) {
    refuse(exchange, 404, "NoSuchKey", "The specified key does not exist.");
    return;
  }
  StringMap headers = {0};
  MAP_SET(http_arena(exchange), &headers, "Content-Type", "application/zip");
  http_answer(exchange, 200, &headers, zip, size);
}
