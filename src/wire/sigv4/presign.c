#include "wire/sigv4/internal.h"
#include <string.h>

static void
add_parameter(Arena *arena, GString *query, const char *name, const char *value)
{
  g_string_append_printf(query, "%s%s=%s", query->len ? "&" : "", text_uri_encode(arena, name, FALSE), text_uri_encode(arena, value, FALSE));
}

char *
sigv4_presign(Arena *arena, const char *method, const char *scheme, const char *host, const char *path, const StringMap *query,
              const char *access_key, const char *secret_key, const char *session_token, const char *region, const char *service, gint64 now_ms,
              gint64 expires_s)
{
  g_autoptr(GString) text = g_string_new(NULL);
  Sigv4 scope = {.access_key = access_key, .region = region, .service = service, .timestamp = amz_date(arena, now_ms)};
  gboolean s3 = !strcmp(service, "s3");
  scope.date = arena_strndup(arena, scope.timestamp, 8);
  for (gsize i = 0; query && i < query->n; i++)
    add_parameter(arena, text, query->v[i].key, query->v[i].value);
  add_parameter(arena, text, "X-Amz-Algorithm", SIGV4_ALGORITHM);
  add_parameter(arena, text, "X-Amz-Credential", arena_printf(arena, "%s/%s", access_key, credential_scope(arena, &scope)));
  add_parameter(arena, text, "X-Amz-Date", scope.timestamp);
  add_parameter(arena, text, "X-Amz-Expires", arena_printf(arena, "%" G_GINT64_FORMAT, expires_s));
  add_parameter(arena, text, "X-Amz-SignedHeaders", "host");
  if (session_token)
    add_parameter(arena, text, "X-Amz-Security-Token", session_token);
  StringMap headers = {0};
  MAP_SET(arena, &headers, "host", host);
  Canonical parts = {.method = method, .path = path, .query = text->str, .headers = &headers, .signed_headers = "host",
                     .payload_hash = s3 ? "UNSIGNED-PAYLOAD" : SIGV4_EMPTY_HASH, .s3 = s3};
  const char *to_sign = string_to_sign(arena, &scope, canonical_request(arena, &parts));
  return arena_printf(arena, "%s://%s%s?%s&X-Amz-Signature=%s", scheme, host, path, text->str, sign_text(arena, &scope, secret_key, to_sign));
}
