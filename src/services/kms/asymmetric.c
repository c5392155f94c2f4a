/* Asymmetric keys: encrypt, sign, verify; and keys for message authentication codes.
 * https://docs.aws.amazon.com/kms/latest/developerguide/asymmetric-key-specs.html */
#include "services/kms/asymmetric.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

typedef EVP_PKEY PrivateKey;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrivateKey, EVP_PKEY_free)
typedef EVP_PKEY_CTX KeyContext;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyContext, EVP_PKEY_CTX_free)

static Error *
open_pair(const Call *call, const KmsKeyRecord *key, PrivateKey **ret)
{
  guint8 *der = NULL;
  gsize size = 0;
  TRY(material_open(call, key, 0, &der, &size));
  const guint8 *at = der;
  *ret = d2i_AutoPrivateKey(NULL, &at, (long) size);
  explicit_bzero(der, size);
  return *ret ? NULL : error_fault("kms: the material of %s is damaged", key->Arn);
}

static Blob
take_der(Arena *arena, guint8 *der, int size)
{
  Blob blob = { size > 0 ? arena_memdup(arena, der, size) : NULL, MAX(size, 0) };
  if (size > 0)
    OPENSSL_clear_free(der, size);
  return blob;
}

static Blob
public_der(Arena *arena, PrivateKey *pair)
{
  guint8 *der = NULL;
  int size = i2d_PUBKEY(pair, &der);
  return take_der(arena, der, size);
}

Error *
pair_generate(Arena *arena, const char *spec, KeyPair *pair)
{
  g_autoptr(PrivateKey) made = pair_new(spec);
  if (!made)
    return error_answer("UnsupportedOperationException", "haar has no key pairs of spec %s.", spec);
  PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(made);
  guint8 *der = NULL;
  int size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
  PKCS8_PRIV_KEY_INFO_free(info);
  pair->private_key = take_der(arena, der, size);
  pair->public_key = public_der(arena, made);
  return NULL;
}

/* An algorithm's hash: the end of its name. */
static const EVP_MD *
hash_of(const char *algorithm)
{
  if (g_str_has_suffix(algorithm, "SHA_1"))
    return EVP_sha1();
  if (g_str_has_suffix(algorithm, "SHA_224"))
    return EVP_sha224();
  if (g_str_has_suffix(algorithm, "SHA_256"))
    return EVP_sha256();
  return g_str_has_suffix(algorithm, "SHA_384") ? EVP_sha384() : EVP_sha512();
}

typedef int (*CryptFunction)(EVP_PKEY_CTX *context, guint8 *out, gsize *out_size, const guint8 *in, gsize in_size);

static Error *
oaep(const Call *call, const KmsKeyRecord *key, const char *algorithm, int (*begin)(EVP_PKEY_CTX *), CryptFunction crypt, Blob in, Blob *ret)
{
  g_autoptr(PrivateKey) pair = NULL;
  if (!g_str_has_prefix(algorithm, "RSAES_OAEP_"))
    return error_answer("InvalidKeyUsageException", "Algorithm %s and key spec %s are incompatible.", algorithm, key->Spec);
  TRY(open_pair(call, key, &pair));
  g_autoptr(KeyContext) context = EVP_PKEY_CTX_new(pair, NULL);
  gsize size = 0;
  gboolean good = begin(context) > 0 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
                  EVP_PKEY_CTX_set_rsa_oaep_md(context, hash_of(algorithm)) > 0 && crypt(context, NULL, &size, in.data, in.size) > 0;
  guint8 *out = arena_alloc(call->arena, size + 1);
  if (!good || crypt(context, out, &size, in.data, in.size) <= 0)
    return crypt == EVP_PKEY_decrypt ? invalid_ciphertext() : error_answer("ValidationException", "The plaintext is too long for %s.", algorithm);
  *ret = (Blob) { out, size };
  return NULL;
}

Error *
asymmetric_encrypt(const Call *call, const KmsKeyRecord *key, const char *algorithm, Blob plaintext, Blob *ret)
{
  return oaep(call, key, algorithm, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, plaintext, ret);
}

Error *
asymmetric_decrypt(const Call *call, const KmsKeyRecord *key, const char *algorithm, Blob ciphertext, Blob *ret)
{
  return oaep(call, key, algorithm, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, ciphertext, ret);
}

/* The digest that is signed: of the message, or the message if it says that it is one. */
static Error *
digest_of(const Call *call, Blob message, const char *type, const EVP_MD *hash, Blob *ret)
{
  gsize size = (gsize) EVP_MD_get_size(hash);
  if (type && strcmp(type, "DIGEST") == 0) {
    if (message.size != size)
      return error_answer("ValidationException", "Digest is invalid length for algorithm.");
    *ret = message;
    return NULL;
  }
  guint8 *digest = arena_alloc(call->arena, size);
  guint done = 0;
  if (!EVP_Digest(message.data, message.size, digest, &done, hash, NULL))
    return error_fault("kms: no digest");
  *ret = (Blob) { digest, size };
  return NULL;
}

static gboolean
set_padding(EVP_PKEY_CTX *context, const char *algorithm, const EVP_MD *hash)
{
  if (EVP_PKEY_CTX_set_signature_md(context, hash) <= 0)
    return FALSE;
  if (g_str_has_prefix(algorithm, "RSASSA_PSS_"))
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
  return !g_str_has_prefix(algorithm, "RSASSA_") || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
}

static Error *
find_signing(Call *call, const char *name, const char *algorithm, KmsKeyRecord **ret, PrivateKey **ret_pair)
{
  TRY(key_find(call, name, ret));
  TRY(key_usable(call, *ret, "SIGN_VERIFY"));
  if (!string_list_has(&key_metadata(call->arena, *ret)->SigningAlgorithms, algorithm))
    return error_answer("InvalidKeyUsageException", "Algorithm %s and key spec %s are incompatible.", algorithm, (*ret)->Spec);
  return open_pair(call, *ret, ret_pair);
}

OPERATION(Sign, sign, .authorize = key_resource)
static Error *
sign(Call *call, const KmsSignInput *in, KmsSignOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  g_autoptr(PrivateKey) pair = NULL;
  const EVP_MD *hash = hash_of(in->SigningAlgorithm);
  Blob digest = { 0 };
  TRY(find_signing(call, in->KeyId, in->SigningAlgorithm, &key, &pair));
  TRY(digest_of(call, in->Message, in->MessageType, hash, &digest));
  g_autoptr(KeyContext) context = EVP_PKEY_CTX_new(pair, NULL);
  gsize size = 0;
  gboolean good = EVP_PKEY_sign_init(context) > 0 && set_padding(context, in->SigningAlgorithm, hash) &&
                  EVP_PKEY_sign(context, NULL, &size, digest.data, digest.size) > 0;
  guint8 *signature = arena_alloc(call->arena, size + 1);
  if (!good || EVP_PKEY_sign(context, signature, &size, digest.data, digest.size) <= 0)
    return error_fault("kms: signing with %s failed", key->Arn);
  ret_out->KeyId = key->Arn;
  ret_out->Signature = (Blob) { signature, size };
  ret_out->SigningAlgorithm = in->SigningAlgorithm;
  return NULL;
}

OPERATION(Verify, verify, .authorize = key_resource)
static Error *
verify(Call *call, const KmsVerifyInput *in, KmsVerifyOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  g_autoptr(PrivateKey) pair = NULL;
  const EVP_MD *hash = hash_of(in->SigningAlgorithm);
  Blob digest = { 0 };
  TRY(find_signing(call, in->KeyId, in->SigningAlgorithm, &key, &pair));
  TRY(digest_of(call, in->Message, in->MessageType, hash, &digest));
  g_autoptr(KeyContext) context = EVP_PKEY_CTX_new(pair, NULL);
  if (EVP_PKEY_verify_init(context) <= 0 || !set_padding(context, in->SigningAlgorithm, hash))
    return error_fault("kms: verifying with %s failed", key->Arn);
  if (EVP_PKEY_verify(context, in->Signature.data, in->Signature.size, digest.data, digest.size) <= 0)
    return error_answer("KMSInvalidSignatureException", "%s", "");
  ret_out->KeyId = key->Arn;
  ret_out->SignatureValid = OPT_BOOL(TRUE);
  ret_out->SigningAlgorithm = in->SigningAlgorithm;
  return NULL;
}

OPERATION(GetPublicKey, get_public_key, .authorize = key_resource)
static Error *
get_public_key(Call *call, const KmsGetPublicKeyInput *in, KmsGetPublicKeyOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  g_autoptr(PrivateKey) pair = NULL;
  TRY(key_find(call, in->KeyId, &key));
  TRY(key_alive(key));
  if (key_symmetric(key) || g_str_has_prefix(key->Spec, "HMAC_"))
    return error_answer("UnsupportedOperationException", "%s is not an asymmetric key.", key->Arn);
  TRY(open_pair(call, key, &pair));
  const KmsKeyMetadata *metadata = key_metadata(call->arena, key);
  ret_out->KeyId = key->Arn;
  ret_out->PublicKey = public_der(call->arena, pair);
  ret_out->CustomerMasterKeySpec = ret_out->KeySpec = key->Spec;
  ret_out->KeyUsage = key->Usage;
  ret_out->EncryptionAlgorithms = metadata->EncryptionAlgorithms;
  ret_out->SigningAlgorithms = metadata->SigningAlgorithms;
  return NULL;
}

static Error *
mac(Call *call, const char *name, const char *algorithm, Blob message, KmsKeyRecord **ret_key, Blob *ret)
{
  guint8 *material = NULL;
  gsize size = 0;
  TRY(key_find(call, name, ret_key));
  TRY(key_usable(call, *ret_key, "GENERATE_VERIFY_MAC"));
  if (!string_list_has(&key_metadata(call->arena, *ret_key)->MacAlgorithms, algorithm))
    return error_answer("InvalidKeyUsageException", "Algorithm %s and key spec %s are incompatible.", algorithm, (*ret_key)->Spec);
  TRY(material_open(call, *ret_key, 0, &material, &size));
  guint8 *out = arena_alloc(call->arena, EVP_MAX_MD_SIZE);
  guint done = 0;
  HMAC(hash_of(algorithm), material, (int) size, message.data, message.size, out, &done);
  explicit_bzero(material, size);
  *ret = (Blob) { out, done };
  return NULL;
}

OPERATION(GenerateMac, generate_mac, .authorize = key_resource)
static Error *
generate_mac(Call *call, const KmsGenerateMacInput *in, KmsGenerateMacOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(mac(call, in->KeyId, in->MacAlgorithm, in->Message, &key, &ret_out->Mac));
  ret_out->KeyId = key->Arn;
  ret_out->MacAlgorithm = in->MacAlgorithm;
  return NULL;
}

OPERATION(VerifyMac, verify_mac, .authorize = key_resource)
static Error *
verify_mac(Call *call, const KmsVerifyMacInput *in, KmsVerifyMacOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  Blob expected = { 0 };
  TRY(mac(call, in->KeyId, in->MacAlgorithm, in->Message, &key, &expected));
  if (expected.size != in->Mac.size || CRYPTO_memcmp(expected.data, in->Mac.data, expected.size) != 0)
    return error_answer("KMSInvalidMacException", "%s", "");
  ret_out->KeyId = key->Arn;
  ret_out->MacAlgorithm = in->MacAlgorithm;
  ret_out->MacValid = OPT_BOOL(TRUE);
  return NULL;
}
