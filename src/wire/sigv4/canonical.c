/* The canonical request. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
#include "wire/sigv4/internal.h"
#include <string.h>

#define SIGNED_NAME_MAX 256 /* of a longer one no header exists */

const char *
header_value(const StringMap *headers, const char *name)
{
  for (gsize i = 0; headers && i < headers->n; i++)
    if (g_ascii_tolower(*headers->v[i].key) == *name && !g_ascii_strcasecmp(headers->v[i].key, name))
      return headers->v[i].value;
  return NULL;
}

/* Without "." and ".." segments and doubled slashes. */
static char *
normal_path(Arena *arena, const char *path)
{
  if (*path == '/' && !strstr(path, "//") && !strstr(path, "/."))
    return arena_strdup(arena, path);
  g_auto(GStrv) segments = g_strsplit(path, "/", -1);
  g_autoptr(GPtrArray) kept = g_ptr_array_new();
  gboolean slash = g_str_has_suffix(path, "/");
  for (char **segment = segments; *segment; segment++) {
    if (!strcmp(*segment, "..") && kept->len)
      g_ptr_array_remove_index(kept, kept->len - 1);
    else if (**segment && strcmp(*segment, ".") && strcmp(*segment, ".."))
      g_ptr_array_add(kept, *segment);
  }
  char *joined = text_join(arena, "/", (const char *const *) kept->pdata, kept->len);
  return arena_printf(arena, "/%s%s", joined, slash && kept->len ? "/" : "");
}

/* S3 encodes a key once; all others encode the path as sent once more. */
static char *
canonical_path(Arena *arena, const char *path, gboolean s3)
{
  if (!path || !*path || !strcmp(path, "/"))
    return arena_strdup(arena, "/");
  if (!s3)
    return text_uri_encode(arena, normal_path(arena, path), TRUE);
  const char *decoded = text_uri_decode(arena, path, FALSE);
  return text_uri_encode(arena, decoded ? decoded : path, TRUE);
}

typedef struct Pair {
  const char *key, *value; /* encoded */
} Pair;

static gint
compare_pairs(gconstpointer a, gconstpointer b)
{
  const Pair *left = a, *right = b;
  int order = strcmp(left->key, right->key);
  return order ? order : strcmp(left->value, right->value);
}

static const char *
recode(Arena *arena, const char *from, gsize size)
{
  char *raw = arena_strndup(arena, from, size);
  const char *decoded = text_uri_decode(arena, raw, TRUE);
  return text_uri_encode(arena, decoded ? decoded : raw, FALSE);
}

static void
write_query(Arena *arena, const char *query, GString *out)
{
  if (!query || !*query)
    return;
  g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
  for (const char *at = query; at && *at;) {
    const char *end = strchrnul(at, '&');
    const char *equals = memchr(at, '=', (gsize) (end - at));
    Pair pair = {recode(arena, at, (gsize) ((equals ? equals : end) - at)), equals ? recode(arena, equals + 1, (gsize) (end - equals - 1)) : ""};
    if (end > at && strcmp(pair.key, "X-Amz-Signature"))
      g_array_append_val(pairs, pair);
    at = *end ? end + 1 : end;
  }
  g_array_sort(pairs, compare_pairs);
  for (guint i = 0; i < pairs->len; i++) {
    const Pair *pair = &g_array_index(pairs, Pair, i);
    g_string_append_printf(out, "%s%s=%s", i ? "&" : "", pair->key, pair->value);
  }
}

/* Trimmed, with runs of spaces made one. */
static void
write_value(const char *value, gboolean tight_lists, GString *out)
{
  while (*value == ' ' || *value == '\t')
    value++;
  gsize size = strlen(value);
  while (size && (value[size - 1] == ' ' || value[size - 1] == '\t'))
    size--;
  for (gsize i = 0, from = 0; i <= size; i++) {
    gboolean skip = i < size && value[i] == ' ' && i && (value[i - 1] == ' ' || (tight_lists && value[i - 1] == ','));
    if (skip || i == size) {
      g_string_append_len(out, value + from, (gssize) (i - from));
      from = i + 1;
    }
  }
}

static void
write_headers(const Canonical *request, GString *out)
{
  for (const char *at = request->signed_headers, *end;; at = end + 1) {
    char name[SIGNED_NAME_MAX];
    end = strchrnul(at, ';');
    gsize size = MIN((gsize) (end - at), sizeof name - 1);
    for (gsize i = 0; i < size; i++)
      name[i] = g_ascii_tolower(at[i]);
    name[size] = '\0';
    const char *value = header_value(request->headers, name);
    g_string_append_len(out, name, (gssize) size);
    g_string_append_c(out, ':');
    write_value(value ? value : "", request->tight_lists, out);
    g_string_append_c(out, '\n');
    if (!*end)
      return;
  }
}

static void
append_line(GString *out, const char *text)
{
  g_string_append(out, text);
  g_string_append_c(out, '\n');
}

char *
canonical_request(Arena *arena, const Canonical *request)
{
  g_autoptr(GString) out = g_string_sized_new(1024);
  append_line(out, request->method);
  append_line(out, canonical_path(arena, request->path, request->s3));
  write_query(arena, request->query, out);
  g_string_append_c(out, '\n');
  write_headers(request, out);
  g_string_append_c(out, '\n');
  append_line(out, request->signed_headers);
  g_string_append(out, request->payload_hash);
  return arena_strndup(arena, out->str, out->len);
}

char *
credential_scope(Arena *arena, const Sigv4 *scope)
{
  return TEXT_CONCAT(arena, scope->date, "/", scope->region, "/", scope->service, "/aws4_request");
}

char *
string_to_sign(Arena *arena, const Sigv4 *scope, const char *canonical)
{
  return TEXT_CONCAT(arena, SIGV4_ALGORITHM "\n", scope->timestamp, "\n", credential_scope(arena, scope), "\n",
                     sha256_hex(arena, canonical, strlen(canonical)));
}

char *
amz_date(Arena *arena, gint64 ms)
{
  const char *iso = text_iso8601(arena, ms, FALSE); /* 2026-11-23T23:30:00Z */
  return arena_printf(arena, "%.4s%.2s%.5s%.2s%.2sZ", iso, iso + 5, iso + 8, iso + 14, iso + 17);
}

gboolean
sigv4_equal(const char *a, const char *b)
{
  gsize size = strlen(a);
  guint8 difference = 0;
  if (size != strlen(b))
    return FALSE;
  for (gsize i = 0; i < size; i++)
    difference |= (guint8) (a[i] ^ b[i]);
  return !difference;
}
