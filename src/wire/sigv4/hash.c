#include "wire/sigv4/internal.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define KEYS_MAX 64

typedef struct Hasher {
  EVP_MD *md;
  EVP_MD_CTX *digest;
  EVP_MAC *mac;
  EVP_MAC_CTX *hmac;
  GHashTable *keys; /* hash of "date/region/service/secret" in hex -> 32 bytes */
} Hasher;

static void
hasher_free(gpointer data)
{
  Hasher *h = data;
  EVP_MD_CTX_free(h->digest);
  EVP_MD_free(h->md);
  EVP_MAC_CTX_free(h->hmac);
  EVP_MAC_free(h->mac);
  g_hash_table_unref(h->keys);
  g_free(h);
}

static Hasher *
hasher(void)
{
  static GPrivate mine = G_PRIVATE_INIT(hasher_free);
  Hasher *h = g_private_get(&mine);
  if (h)
    return h;
  h = g_new0(Hasher, 1);
  h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
  h->digest = EVP_MD_CTX_new();
  h->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  h->hmac = EVP_MAC_CTX_new(h->mac);
  h->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  char name[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end()};
  g_assert(EVP_MAC_CTX_set_params(h->hmac, params));
  g_private_set(&mine, h);
  return h;
}

void
sha256(const void *data, gsize size, guint8 ret[32])
{
  Hasher *h = hasher();
  g_assert(EVP_DigestInit_ex2(h->digest, h->md, NULL) && EVP_DigestUpdate(h->digest, data, size) && EVP_DigestFinal_ex(h->digest, ret, NULL));
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
  Hasher *h = hasher();
  gsize n = 32;
  g_assert(EVP_MAC_init(h->hmac, key, key_size, NULL) && EVP_MAC_update(h->hmac, data, size) && EVP_MAC_final(h->hmac, ret, &n, 32));
}

static void
derive(const char *secret_key, const char *date, const char *region, const char *service, guint8 ret[32])
{
  g_autofree char *first = g_strconcat("AWS4", secret_key, NULL);
  hmac_sha256(first, strlen(first), date, strlen(date), ret);
  hmac_sha256(ret, 32, region, strlen(region), ret);
  hmac_sha256(ret, 32, service, strlen(service), ret);
  hmac_sha256(ret, 32, "aws4_request", 12, ret);
  memset(first, 0, strlen(first));
}

void
signing_key(const char *secret_key, const char *date, const char *region, const char *service, guint8 ret[32])
{
  Hasher *h = hasher();
  g_autofree char *name = g_strjoin("/", date, region, service, secret_key, NULL);
  const guint8 *known = g_hash_table_lookup(h->keys, name);
  if (known) {
    memcpy(ret, known, 32);
    return;
  }
  derive(secret_key, date, region, service, ret);
  if (g_hash_table_size(h->keys) >= KEYS_MAX)
    g_hash_table_remove_all(h->keys);
  g_hash_table_insert(h->keys, g_steal_pointer(&name), g_memdup2(ret, 32));
}

char *
sign_text(Arena *arena, const Sigv4 *scope, const char *secret_key, const char *text)
{
  guint8 key[32], signature[32];
  signing_key(secret_key, scope->date, scope->region, scope->service, key);
  hmac_sha256(key, sizeof key, text, strlen(text), signature);
  return text_hex(arena, signature, sizeof signature);
}
