#include "wire/sigv4/internal.h"
#include <string.h>

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* What a proxy may change is not signed. */
static gboolean
is_signed(const char *name)
{
  static const char *const left_out[] = {"authorization", "user-agent", "expect", "connection", "transfer-encoding", "x-amzn-trace-id"};
  for (guint i = 0; i < G_N_ELEMENTS(left_out); i++)
    if (!strcmp(name, left_out[i]))
      return FALSE;
  return TRUE;
}

static char *
signed_header_names(Arena *arena, const StringMap *headers)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (gsize i = 0; i < headers->n; i++) {
    g_autofree char *lower = g_ascii_strdown(headers->v[i].key, -1);
    if (is_signed(lower))
      g_ptr_array_add(names, g_steal_pointer(&lower));
  }
  g_ptr_array_sort(names, compare_texts);
  return text_join(arena, ";", (const char *const *) names->pdata, names->len);
}

void
sigv4_sign(Arena *arena, WireRequest *request, StringMap *headers, const char *access_key, const char *secret_key, const char *session_token,
           const char *region, const char *service, gint64 now_ms)
{
  Sigv4 scope = {.access_key = access_key, .region = region, .service = service, .timestamp = amz_date(arena, now_ms)};
  gboolean s3 = !strcmp(service, "s3");
  scope.date = arena_strndup(arena, scope.timestamp, 8);
  MAP_SET(arena, headers, "X-Amz-Date", scope.timestamp);
  if (session_token)
    MAP_SET(arena, headers, "X-Amz-Security-Token", session_token);
  const char *declared = header_value(headers, "x-amz-content-sha256");
  const char *hash = declared ? declared : sha256_hex(arena, request->body, request->body_size);
  if (s3 && !declared)
    MAP_SET(arena, headers, "x-amz-content-sha256", hash);
  scope.signed_headers = signed_header_names(arena, headers);
  Canonical parts = {.method = request->method, .path = request->path, .query = request->query, .headers = headers,
                     .signed_headers = scope.signed_headers, .payload_hash = hash, .s3 = s3};
  const char *to_sign = string_to_sign(arena, &scope, canonical_request(arena, &parts));
  MAP_SET(arena, headers, "Authorization",
          arena_printf(arena, SIGV4_ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s", access_key, credential_scope(arena, &scope),
                       scope.signed_headers, sign_text(arena, &scope, secret_key, to_sign)));
  request->headers = headers;
}

char *
sigv4_sign_text(Arena *arena, const char *secret_key, const char *date, const char *region, const char *service, const char *text)
{
  const Sigv4 scope = {.date = date, .region = region, .service = service};
  return sign_text(arena, &scope, secret_key, text);
}
