/* An encrypted blob: a header (8 bytes of magic, 16 of salt), then chunks of CHUNK bytes, each with its tag. The key of the file is
 * made of the given key and the salt, so that the chunk's number may be the nonce. The last chunk is marked in what the
 * tag covers: a file that was cut off at a chunk's end does not open. */
#include "store/internal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static const guint8 magic[8] = "HAARBLB1";
#define NONCE 12

struct Crypt {
  EVP_CIPHER *cipher;
  EVP_CIPHER_CTX *context;
  guint8 key[32];
};

static Error *
crypt_failed(const char *what)
{
  return error_fault("store: AES-256-GCM: %s", what);
}

void
crypt_header(guint8 *ret_header)
{
  memcpy(ret_header, magic, sizeof magic);
  id_random(ret_header + sizeof magic, CRYPT_HEADER - sizeof magic);
}

Error *
crypt_new(const guint8 key[32], const guint8 *header, Crypt **ret_crypt)
{
  if (memcmp(header, magic, sizeof magic) != 0)
    return error_fault("store: the file is not an encrypted blob");
  g_autoptr(Crypt) crypt = g_new0(Crypt, 1);
  guint size = sizeof crypt->key;
  if (!HMAC(EVP_sha256(), key, 32, header + sizeof magic, CRYPT_HEADER - sizeof magic, crypt->key, &size))
    return crypt_failed("no HMAC");
  crypt->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
  crypt->context = EVP_CIPHER_CTX_new();
  if (!crypt->cipher || !crypt->context)
    return crypt_failed("no such cipher");
  *ret_crypt = g_steal_pointer(&crypt);
  return NULL;
}

void
crypt_free(Crypt *crypt)
{
  if (!crypt)
    return;
  EVP_CIPHER_CTX_free(crypt->context);
  EVP_CIPHER_free(crypt->cipher);
  explicit_bzero(crypt->key, sizeof crypt->key);
  g_free(crypt);
}

static void
chunk_nonce(guint64 index, guint8 nonce[NONCE])
{
  guint64 be = GUINT64_TO_BE(index);
  memset(nonce, 0, NONCE);
  memcpy(nonce + NONCE - 8, &be, 8);
}

Error *
crypt_seal_chunk(Crypt *crypt, guint64 index, gboolean last, const guint8 *data, gsize size, guint8 *out)
{
  guint8 nonce[NONCE], aad = last ? 1 : 0;
  int n, end;
  chunk_nonce(index, nonce);
  if (EVP_EncryptInit_ex2(crypt->context, crypt->cipher, crypt->key, nonce, NULL) != 1 ||
      EVP_EncryptUpdate(crypt->context, NULL, &n, &aad, 1) != 1 || EVP_EncryptUpdate(crypt->context, out, &n, data, (int) size) != 1 ||
      EVP_EncryptFinal_ex(crypt->context, out + n, &end) != 1 ||
      EVP_CIPHER_CTX_ctrl(crypt->context, EVP_CTRL_GCM_GET_TAG, CRYPT_TAG, out + size) != 1)
    return crypt_failed("encryption failed");
  return NULL;
}

Error *
crypt_open_chunk(Crypt *crypt, guint64 index, gboolean last, const guint8 *data, gsize size, guint8 *out)
{
  guint8 nonce[NONCE], aad = last ? 1 : 0;
  int n, end;
  if (size < CRYPT_TAG)
    return crypt_failed("a piece is too short");
  size -= CRYPT_TAG;
  chunk_nonce(index, nonce);
  if (EVP_DecryptInit_ex2(crypt->context, crypt->cipher, crypt->key, nonce, NULL) != 1 ||
      EVP_DecryptUpdate(crypt->context, NULL, &n, &aad, 1) != 1 || EVP_DecryptUpdate(crypt->context, out, &n, data, (int) size) != 1 ||
      EVP_CIPHER_CTX_ctrl(crypt->context, EVP_CTRL_GCM_SET_TAG, CRYPT_TAG, (void *) (data + size)) != 1 ||
      EVP_DecryptFinal_ex(crypt->context, out + n, &end) != 1)
    return crypt_failed("wrong key or changed data");
  return NULL;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

Error *
store_seal(Arena *arena, const guint8 key[32], const void *data, gsize size, guint8 **ret_data, gsize *ret_size)
{
  if (size > G_MAXINT / 2)
    return crypt_failed("too much at once");
  guint8 *out = arena_alloc(arena, NONCE + size + CRYPT_TAG);
  id_random(out, NONCE);
  g_autoptr(EVP_CIPHER_CTX) context = EVP_CIPHER_CTX_new();
  int n, end;
  if (!context || EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, out) != 1 ||
      EVP_EncryptUpdate(context, out + NONCE, &n, size ? data : "", (int) size) != 1 ||
      EVP_EncryptFinal_ex(context, out + NONCE + n, &end) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, CRYPT_TAG, out + NONCE + size) != 1)
    return crypt_failed("encryption failed");
  *ret_data = out;
  *ret_size = NONCE + size + CRYPT_TAG;
  return NULL;
}

Error *
store_open_sealed(Arena *arena, const guint8 key[32], const void *data, gsize size, guint8 **ret_data, gsize *ret_size)
{
  if (size < NONCE + CRYPT_TAG || size > G_MAXINT)
    return crypt_failed("a sealed value is too short or too long");
  const guint8 *in = data;
  gsize plain = size - NONCE - CRYPT_TAG;
  guint8 *out = arena_alloc(arena, plain + 1);
  g_autoptr(EVP_CIPHER_CTX) context = EVP_CIPHER_CTX_new();
  int n, end;
  if (!context || EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, in) != 1 ||
      EVP_DecryptUpdate(context, out, &n, in + NONCE, (int) plain) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, CRYPT_TAG, (void *) (in + size - CRYPT_TAG)) != 1 ||
      EVP_DecryptFinal_ex(context, out + n, &end) != 1)
    return crypt_failed("wrong key or changed data");
  *ret_data = out;
  *ret_size = plain;
  return NULL;
}
