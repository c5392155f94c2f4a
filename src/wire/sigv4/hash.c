/* hash: SHA-256 and the keys of signatures. Nettle, which GnuTLS brings along, costs less than OpenSSL's EVP for short texts, and lets the
 * state of a keyed HMAC be kept. */
#include "wire/sigv4/internal.h"
#include <string.h>

#define KEYS_MAX 64
#define NAME_BYTES 512

void
sha256(const void *data, gsize size, guint8 ret[32])
{
  struct sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, size, data);
  sha256_digest(&context, 32, ret);
}

char *
sha256_hex(Arena *arena, const void *data, gsize size)
{
  guint8 hash[32];
  sha256(data ? data : "", size, hash);
  return text_hex(arena, hash, sizeof hash);
}

char *
sigv4_hash(Arena *arena, const void *data, gsize size)
{
  return sha256_hex(arena, data, size);
}

void
hmac_sha256(const void *key, gsize key_size, const void *data, gsize size, guint8 ret[32])
{
  struct hmac_sha256_ctx context;
  hmac_sha256_set_key(&context, key_size, key);
  hmac_sha256_update(&context, size, data);
  hmac_sha256_digest(&context, 32, ret);
  explicit_bzero(&context, sizeof context);
}

static void
derive(const char *secret_key, const char *date, const char *region, const char *service, struct hmac_sha256_ctx *ret_context)
{
  guint8 key[32];
  g_autofree char *first = g_strconcat("AWS4", secret_key, NULL);
  hmac_sha256(first, strlen(first), date, strlen(date), key);
  hmac_sha256(key, 32, region, strlen(region), key);
  hmac_sha256(key, 32, service, strlen(service), key);
  hmac_sha256(key, 32, "aws4_request", 12, key);
  hmac_sha256_set_key(ret_context, sizeof key, key);
  explicit_bzero(first, strlen(first));
  explicit_bzero(key, sizeof key);
}

/* "date/region/service/secret"; FALSE: it is longer than a real one can be. */
static gboolean
write_name(const char *secret_key, const char *date, const char *region, const char *service, char name[NAME_BYTES])
{
  const char *const parts[] = {date, region, service, secret_key};
  char *at = name, *end = name + NAME_BYTES;
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
    gsize size = strlen(parts[i]);
    if (size >= (gsize) (end - at))
      return FALSE;
    memcpy(at, parts[i], size);
    at += size;
    *at++ = '/';
  }
  at[-1] = '\0';
  return TRUE;
}

static GHashTable *
known_keys(void)
{
  static GPrivate mine = G_PRIVATE_INIT((GDestroyNotify) g_hash_table_unref);
  GHashTable *keys = g_private_get(&mine);
  if (!keys) {
    keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_private_set(&mine, keys);
  }
  return keys;
}

void
signing_key(const char *secret_key, const char *date, const char *region, const char *service, struct hmac_sha256_ctx *ret_context)
{
  char name[NAME_BYTES];
  GHashTable *keys = known_keys();
  gboolean named = write_name(secret_key, date, region, service, name);
  const struct hmac_sha256_ctx *known = named ? g_hash_table_lookup(keys, name) : NULL;
  if (known) {
    *ret_context = *known;
    return;
  }
  derive(secret_key, date, region, service, ret_context);
  if (g_hash_table_size(keys) >= KEYS_MAX)
    g_hash_table_remove_all(keys);
  if (named)
    g_hash_table_insert(keys, g_strdup(name), g_memdup2(ret_context, sizeof *ret_context));
}

char *
sign_text(Arena *arena, const Sigv4 *scope, const char *secret_key, const char *text)
{
  guint8 signature[32];
  struct hmac_sha256_ctx context;
  signing_key(secret_key, scope->date, scope->region, scope->service, &context);
  hmac_sha256_update(&context, strlen(text), (const guint8 *) text);
  hmac_sha256_digest(&context, sizeof signature, signature);
  return text_hex(arena, signature, sizeof signature);
}
