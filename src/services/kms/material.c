/* Key material, and the blobs that keys make.
 *
 * A blob: "HKMS", version of the material (4 bytes), account (12), key id (36), length of the region (1), region, nonce (12), ciphertext,
 * tag (16). All before the nonce and the encryption context are covered by the tag: a blob opens with its key and its context only. */
#include "services/kms/asymmetric.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

enum { NONCE = 12, TAG = 16, FIXED = 4 + 4 + 12 + 36 + 1 };

Error *
invalid_ciphertext(void)
{
  return error_answer("InvalidCiphertextException", "%s", "");
}

typedef EVP_CIPHER_CTX CipherContext;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CipherContext, EVP_CIPHER_CTX_free)
typedef EVP_PKEY PrivateKey;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrivateKey, EVP_PKEY_free)

EVP_PKEY *
pair_new(const char *spec)
{
  static const struct { const char *spec, *curve; guint bits; } rows[] = {
    { "RSA_2048", NULL, 2048 }, { "RSA_3072", NULL, 3072 }, { "RSA_4096", NULL, 4096 }, { "ECC_NIST_P256", "P-256", 0 },
    { "ECC_NIST_P384", "P-384", 0 }, { "ECC_NIST_P521", "P-521", 0 }, { "ECC_SECG_P256K1", "secp256k1", 0 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    if (strcmp(rows[i].spec, spec) == 0)
      return rows[i].curve ? EVP_EC_gen(rows[i].curve) : EVP_RSA_gen(rows[i].bits);
  return NULL;
}

/* Plain material: 32 random bytes, as many as an HMAC's hash has, or a private key in DER. */
static Error *
material_make(Arena *arena, const char *spec, guint8 **ret, gsize *ret_size)
{
  if (strcmp(spec, "SYMMETRIC_DEFAULT") == 0 || g_str_has_prefix(spec, "HMAC_")) {
    *ret_size = spec[0] == 'S' ? 32 : (gsize) g_ascii_strtoull(spec + strlen("HMAC_"), NULL, 10) / 8;
    *ret = arena_alloc(arena, *ret_size);
    id_random(*ret, *ret_size);
    return NULL;
  }
  g_autoptr(PrivateKey) pair = pair_new(spec);
  guint8 *der = NULL;
  int size = pair ? i2d_PrivateKey(pair, &der) : -1;
  if (size <= 0)
    return error_answer("UnsupportedOperationException", "haar has no keys of spec %s.", spec);
  *ret = arena_memdup(arena, der, size);
  *ret_size = size;
  OPENSSL_clear_free(der, size);
  return NULL;
}

Error *
material_new(Arena *arena, const KmsState *state, const char *spec, gint64 now, gboolean on_demand, KmsMaterialRecord **ret)
{
  guint8 *plain = NULL, *sealed = NULL;
  gsize size = 0, sealed_size = 0;
  TRY(material_make(arena, spec, &plain, &size));
  Error *error = store_seal(arena, state->root, plain, size, &sealed, &sealed_size);
  explicit_bzero(plain, size);
  if (error)
    return error;
  *ret = ARENA_NEW(arena, KmsMaterialRecord);
  (*ret)->Sealed = (Blob) { sealed, sealed_size };
  (*ret)->Since = OPT_TIME(now);
  (*ret)->OnDemand = OPT_BOOL(on_demand);
  return NULL;
}

Error *
material_open(const Call *call, const KmsKeyRecord *key, gsize version, guint8 **ret_data, gsize *ret_size)
{
  const KmsState *state = kms_state(call);
  if (version >= key->Materials.n)
    return invalid_ciphertext();
  if (!key->ManagedBy) {
    Blob sealed = key->Materials.v[version]->Sealed;
    return store_open_sealed(call->arena, state->root, sealed.data, sealed.size, ret_data, ret_size);
  }
  guint size = 32;
  g_autofree char *name = g_strdup_printf("material/%s", key->Arn);
  *ret_data = arena_alloc(call->arena, size);
  HMAC(EVP_sha256(), state->root, sizeof state->root, (const guint8 *) name, strlen(name), *ret_data, &size);
  *ret_size = size;
  return NULL;
}

static int
compare_entries(gconstpointer a, gconstpointer b)
{
  return strcmp(((const StringMapEntry *) a)->key, ((const StringMapEntry *) b)->key);
}

static void
append_counted(GByteArray *out, const char *text)
{
  guint32 size = GUINT32_TO_BE((guint32) strlen(text));
  g_byte_array_append(out, (const guint8 *) &size, sizeof size);
  g_byte_array_append(out, (const guint8 *) text, strlen(text));
}

/* The header, then the context in the order of its keys. */
static GByteArray *
additional_data(const guint8 *header, gsize size, const StringMap *context)
{
  GByteArray *out = g_byte_array_new();
  g_byte_array_append(out, header, size);
  if (!context || context->n == 0)
    return out;
  g_autofree StringMapEntry *sorted = g_memdup2(context->v, context->n * sizeof *sorted);
  qsort(sorted, context->n, sizeof *sorted, compare_entries);
  for (gsize i = 0; i < context->n; i++) {
    append_counted(out, sorted[i].key);
    append_counted(out, sorted[i].value);
  }
  return out;
}

static gsize
write_header(const KmsKeyRecord *key, guint8 *out)
{
  guint32 version = GUINT32_TO_BE((guint32) key->Materials.n - 1);
  gsize region = strlen(key->Region);
  memcpy(out, "HKMS", 4);
  memcpy(out + 4, &version, 4);
  memcpy(out + 8, key->Account, 12);
  memcpy(out + 20, key->KeyId, 36);
  out[56] = (guint8) region;
  memcpy(out + FIXED, key->Region, region);
  return FIXED + region;
}

Error *
blob_header(Arena *arena, Blob blob, BlobHeader *ret)
{
  if (blob.size < FIXED + NONCE + TAG || memcmp(blob.data, "HKMS", 4) != 0 || blob.size < (gsize) FIXED + blob.data[56] + NONCE + TAG)
    return invalid_ciphertext();
  memcpy(&ret->version, blob.data + 4, 4);
  ret->version = GUINT32_FROM_BE(ret->version);
  ret->account = arena_strndup(arena, (const char *) blob.data + 8, 12);
  ret->key_id = arena_strndup(arena, (const char *) blob.data + 20, 36);
  ret->region = arena_strndup(arena, (const char *) blob.data + FIXED, blob.data[56]);
  ret->size = FIXED + blob.data[56];
  return NULL;
}

Error *
blob_encrypt(const Call *call, const KmsKeyRecord *key, const StringMap *context, Blob plaintext, Blob *ret)
{
  guint8 *material = NULL;
  gsize material_size = 0;
  TRY(material_open(call, key, key->Materials.n - 1, &material, &material_size));
  guint8 *out = arena_alloc(call->arena, FIXED + strlen(key->Region) + NONCE + plaintext.size + TAG);
  gsize header = write_header(key, out);
  guint8 *nonce = out + header, *text = nonce + NONCE;
  id_random(nonce, NONCE);
  g_autoptr(GByteArray) aad = additional_data(out, header, context);
  g_autoptr(CipherContext) cipher = EVP_CIPHER_CTX_new();
  int done = 0, last = 0;
  gboolean good = EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, material, nonce) && EVP_EncryptUpdate(cipher, NULL, &done, aad->data, aad->len) &&
                  EVP_EncryptUpdate(cipher, text, &done, plaintext.data, plaintext.size) && EVP_EncryptFinal_ex(cipher, text + done, &last) &&
                  EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG, text + plaintext.size);
  explicit_bzero(material, material_size);
  if (!good)
    return error_fault("kms: AES-256-GCM failed");
  *ret = (Blob) { out, header + NONCE + plaintext.size + TAG };
  return NULL;
}

Error *
blob_decrypt(const Call *call, const KmsKeyRecord *key, const StringMap *context, Blob blob, Blob *ret)
{
  BlobHeader header;
  guint8 *material = NULL;
  gsize material_size = 0;
  TRY(blob_header(call->arena, blob, &header));
  TRY(material_open(call, key, header.version, &material, &material_size));
  const guint8 *nonce = blob.data + header.size, *text = nonce + NONCE;
  gsize size = blob.size - header.size - NONCE - TAG;
  guint8 *plain = arena_alloc(call->arena, size + 1);
  g_autoptr(GByteArray) aad = additional_data(blob.data, header.size, context);
  g_autoptr(CipherContext) cipher = EVP_CIPHER_CTX_new();
  int done = 0, last = 0;
  gboolean good = EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, material, nonce) && EVP_DecryptUpdate(cipher, NULL, &done, aad->data, aad->len) &&
                  EVP_DecryptUpdate(cipher, plain, &done, text, size) &&
                  EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG, (void *) (text + size)) && EVP_DecryptFinal_ex(cipher, plain + done, &last) > 0;
  explicit_bzero(material, material_size);
  if (!good)
    return invalid_ciphertext();
  *ret = (Blob) { plain, size };
  return NULL;
}
