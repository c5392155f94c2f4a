/* Encrypting with symmetric keys, and data keys.
 * https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#encrypt_context */
#include "services/kms/kms.h"

#include <string.h>

#include "services/kms/asymmetric.h"

/* The encryption context of the input: all these operations call it so. */
static const StringMap *
input_context(const Call *call, const void *in)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++)
    if (strcmp(shape->members[i].name, "EncryptionContext") == 0)
      return (const StringMap *) ((const guint8 *) in + shape->members[i].offset);
  return NULL;
}

static Error *
encrypt_resource(Call *call, const void *in, Authorization *auth)
{
  KmsKeyRecord *key = NULL;
  const char *name = call_input_text(call, in, "KeyId");
  TRY(key_find(call, name, &key));
  if (strstr(name, "alias/"))
    MAP_SET(call->arena, &auth->context, "kms:RequestAlias", strstr(name, "alias/"));
  return key_authorize(call, key, input_context(call, in), auth);
}

/* The key that made a blob; that it is not there is told to nobody. */
static Error *
find_by_blob(Call *call, Blob blob, const char *named, KmsKeyRecord **ret)
{
  BlobHeader header;
  KmsKeyRecord *expected = NULL;
  if (named)
    TRY(key_find(call, named, &expected));
  if (expected && !key_symmetric(expected)) {
    *ret = expected;
    return NULL;
  }
  TRY(blob_header(call->arena, blob, &header));
  *ret = NULL;
  if (strcmp(header.region, call->region) == 0)
    TRY(key_look(call, header.region, header.account, header.key_id, ret));
  if (!*ret)
    return error_answer("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
                                                 "or you are not allowed to access.");
  if (expected && strcmp(expected->Arn, (*ret)->Arn) != 0)
    return error_answer("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.");
  return NULL;
}

static Error *
decrypt_resource(Call *call, const void *input, Authorization *auth)
{
  const KmsDecryptInput *in = input;
  KmsKeyRecord *key = NULL;
  TRY(find_by_blob(call, in->CiphertextBlob, in->KeyId, &key));
  return key_authorize(call, key, &in->EncryptionContext, auth);
}

OPERATION(Encrypt, encrypt, .authorize = encrypt_resource)
static Error *
encrypt(Call *call, const KmsEncryptInput *in, KmsEncryptOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find(call, in->KeyId, &key));
  TRY(key_usable(call, key, "ENCRYPT_DECRYPT"));
  ret_out->KeyId = key->Arn;
  ret_out->EncryptionAlgorithm = in->EncryptionAlgorithm ? in->EncryptionAlgorithm : "SYMMETRIC_DEFAULT";
  if (!key_symmetric(key))
    return asymmetric_encrypt(call, key, ret_out->EncryptionAlgorithm, in->Plaintext, &ret_out->CiphertextBlob);
  return blob_encrypt(call, key, &in->EncryptionContext, in->Plaintext, &ret_out->CiphertextBlob);
}

OPERATION(Decrypt, decrypt, .authorize = decrypt_resource)
static Error *
decrypt(Call *call, const KmsDecryptInput *in, KmsDecryptOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(find_by_blob(call, in->CiphertextBlob, in->KeyId, &key));
  TRY(key_usable(call, key, "ENCRYPT_DECRYPT"));
  ret_out->KeyId = key->Arn;
  ret_out->EncryptionAlgorithm = in->EncryptionAlgorithm ? in->EncryptionAlgorithm : "SYMMETRIC_DEFAULT";
  if (!key_symmetric(key))
    return asymmetric_decrypt(call, key, ret_out->EncryptionAlgorithm, in->CiphertextBlob, &ret_out->Plaintext);
  return blob_decrypt(call, key, &in->EncryptionContext, in->CiphertextBlob, &ret_out->Plaintext);
}

/* Two keys, two permissions: ReEncryptFrom is asked here, ReEncryptTo by the pipeline. */
static Error *
reencrypt_resource(Call *call, const void *input, Authorization *auth)
{
  const KmsReEncryptInput *in = input;
  KmsKeyRecord *source = NULL, *destination = NULL;
  Authorization from = { .action = "kms:ReEncryptFrom" };
  TRY(find_by_blob(call, in->CiphertextBlob, in->SourceKeyId, &source));
  TRY(key_authorize(call, source, &in->SourceEncryptionContext, &from));
  if (call->via_service)
    MAP_SET(call->arena, &from.context, "kms:ViaService", arena_printf(call->arena, "%s.%s.amazonaws.com", call->via_service, call->region));
  MAP_SET(call->arena, &from.context, "kms:CallerAccount", call->account);
  IamRequest request = { .principal = call->principal, .action = from.action, .resource = from.resource, .resource_account = from.resource_account,
                         .resource_policy = from.resource_policy, .resource_policy_required = TRUE, .context = &from.context };
  if (!from.skip)
    TRY(iam_authorize(call->txn, call->arena, &request));
  TRY(key_find(call, in->DestinationKeyId, &destination));
  auth->action = "kms:ReEncryptTo";
  return key_authorize(call, destination, &in->DestinationEncryptionContext, auth);
}

OPERATION(ReEncrypt, re_encrypt, .authorize = reencrypt_resource)
static Error *
re_encrypt(Call *call, const KmsReEncryptInput *in, KmsReEncryptOutput *ret_out)
{
  KmsKeyRecord *source = NULL, *destination = NULL;
  Blob plaintext = { 0 };
  TRY(find_by_blob(call, in->CiphertextBlob, in->SourceKeyId, &source));
  TRY(key_find(call, in->DestinationKeyId, &destination));
  TRY(key_usable(call, source, "ENCRYPT_DECRYPT"));
  TRY(key_usable(call, destination, "ENCRYPT_DECRYPT"));
  if (!key_symmetric(source) || !key_symmetric(destination))
    return error_answer("UnsupportedOperationException", "haar re-encrypts between symmetric keys only.");
  TRY(blob_decrypt(call, source, &in->SourceEncryptionContext, in->CiphertextBlob, &plaintext));
  ret_out->SourceKeyId = source->Arn;
  ret_out->KeyId = destination->Arn;
  ret_out->SourceEncryptionAlgorithm = ret_out->DestinationEncryptionAlgorithm = "SYMMETRIC_DEFAULT";
  return blob_encrypt(call, destination, &in->DestinationEncryptionContext, plaintext, &ret_out->CiphertextBlob);
}

/* The key that data keys are made under: symmetric ones only. */
static Error *
find_wrapping(Call *call, const char *name, KmsKeyRecord **ret)
{
  TRY(key_find(call, name, ret));
  TRY(key_usable(call, *ret, "ENCRYPT_DECRYPT"));
  if (!key_symmetric(*ret))
    return error_answer("InvalidKeyUsageException", "%s key spec is %s which is not valid for %s.", (*ret)->Arn, (*ret)->Spec, call->operation->name);
  return NULL;
}

static Error *
data_key(Call *call, const char *name, const char *spec, OptInt bytes, const StringMap *context, KmsKeyRecord **ret_key, Blob *ret_plain, Blob *ret_wrapped)
{
  if ((spec != NULL) == bytes.set)
    return error_answer("ValidationException", "Please specify either number of bytes or key spec.");
  gsize size = spec ? (strcmp(spec, "AES_128") == 0 ? 16 : 32) : (gsize) bytes.v;
  guint8 *plain = arena_alloc(call->arena, size);
  TRY(find_wrapping(call, name, ret_key));
  id_random(plain, size);
  *ret_plain = (Blob) { plain, size };
  return blob_encrypt(call, *ret_key, context, *ret_plain, ret_wrapped);
}

OPERATION(GenerateDataKey, generate_data_key, .authorize = encrypt_resource)
static Error *
generate_data_key(Call *call, const KmsGenerateDataKeyInput *in, KmsGenerateDataKeyOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(data_key(call, in->KeyId, in->KeySpec, in->NumberOfBytes, &in->EncryptionContext, &key, &ret_out->Plaintext, &ret_out->CiphertextBlob));
  ret_out->KeyId = key->Arn;
  return NULL;
}

OPERATION(GenerateDataKeyWithoutPlaintext, generate_data_key_without_plaintext, .authorize = encrypt_resource)
static Error *
generate_data_key_without_plaintext(Call *call, const KmsGenerateDataKeyWithoutPlaintextInput *in, KmsGenerateDataKeyWithoutPlaintextOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  Blob plain = { 0 };
  TRY(data_key(call, in->KeyId, in->KeySpec, in->NumberOfBytes, &in->EncryptionContext, &key, &plain, &ret_out->CiphertextBlob));
  ret_out->KeyId = key->Arn;
  return NULL;
}

static Error *
wrap_pair(Call *call, gpointer data)
{
  KeyPair *pair = data;
  KmsKeyRecord *key = NULL;
  TRY(find_wrapping(call, pair->key_id, &key));
  pair->key_arn = key->Arn;
  return blob_encrypt(call, key, pair->context, pair->private_key, &pair->wrapped);
}

/* Without a transaction: an RSA pair takes its time. */
OPERATION(GenerateDataKeyPair, generate_data_key_pair, .txn = TXN_NONE, .authorize = encrypt_resource)
static Error *
generate_data_key_pair(Call *call, const KmsGenerateDataKeyPairInput *in, KmsGenerateDataKeyPairOutput *ret_out)
{
  KeyPair pair = { .key_id = in->KeyId, .context = &in->EncryptionContext };
  TRY(pair_generate(call->arena, in->KeyPairSpec, &pair));
  TRY(call_read(call, wrap_pair, &pair));
  ret_out->PrivateKeyPlaintext = pair.private_key;
  ret_out->PrivateKeyCiphertextBlob = pair.wrapped;
  ret_out->PublicKey = pair.public_key;
  ret_out->KeyId = pair.key_arn;
  ret_out->KeyPairSpec = in->KeyPairSpec;
  return NULL;
}

OPERATION(GenerateDataKeyPairWithoutPlaintext, generate_data_key_pair_without_plaintext, .txn = TXN_NONE, .authorize = encrypt_resource)
static Error *
generate_data_key_pair_without_plaintext(Call *call, const KmsGenerateDataKeyPairWithoutPlaintextInput *in,
                                         KmsGenerateDataKeyPairWithoutPlaintextOutput *ret_out)
{
  KeyPair pair = { .key_id = in->KeyId, .context = &in->EncryptionContext };
  TRY(pair_generate(call->arena, in->KeyPairSpec, &pair));
  TRY(call_read(call, wrap_pair, &pair));
  ret_out->PrivateKeyCiphertextBlob = pair.wrapped;
  ret_out->PublicKey = pair.public_key;
  ret_out->KeyId = pair.key_arn;
  ret_out->KeyPairSpec = in->KeyPairSpec;
  return NULL;
}

OPERATION(GenerateRandom, generate_random)
static Error *
generate_random(Call *call, const KmsGenerateRandomInput *in, KmsGenerateRandomOutput *ret_out)
{
  if (in->CustomKeyStoreId)
    return error_answer("UnsupportedOperationException", "haar has no custom key stores: leave CustomKeyStoreId out.");
  if (!in->NumberOfBytes.set)
    return error_answer("ValidationException", "Please specify the number of bytes.");
  guint8 *bytes = arena_alloc(call->arena, in->NumberOfBytes.v);
  id_random(bytes, in->NumberOfBytes.v);
  ret_out->Plaintext = (Blob) { bytes, in->NumberOfBytes.v };
  return NULL;
}
