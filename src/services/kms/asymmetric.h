/* asymmetric: RSA and elliptic curves. Private to KMS. */
#pragma once

#include <openssl/evp.h>

#include "services/kms/kms.h"

typedef struct KeyPair {
  const char *key_id;            /* that wraps the private key */
  const StringMap *context;
  const char *key_arn;
  Blob private_key, public_key;  /* PKCS #8 and SubjectPublicKeyInfo, DER */
  Blob wrapped;
} KeyPair;

/* A new key of a spec ("RSA_2048", "ECC_NIST_P256", ...); NULL: no such spec. transfer full. */
EVP_PKEY *pair_new(const char *spec);
/* A new pair of a spec. arena. */
Error *pair_generate(Arena *arena, const char *spec, KeyPair *pair) ERROR_MUST_USE;
Error *asymmetric_encrypt(const Call *call, const KmsKeyRecord *key, const char *algorithm, Blob plaintext, Blob *ret) ERROR_MUST_USE;
Error *asymmetric_decrypt(const Call *call, const KmsKeyRecord *key, const char *algorithm, Blob ciphertext, Blob *ret) ERROR_MUST_USE;
