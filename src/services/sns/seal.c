/* Messages on their way lie sealed in the store, with a data key of the topic that alias/aws/sns wraps. Whether the publisher may use the topic's
 * own KMS key is asked at each Publish. https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html */
#include <string.h>

#include "services/kms.gen.h"
#include "services/sns/sns.h"

enum { KEY_SIZE = 32 };

/* KMS's refusals, in the words of SNS. */
static Error *
refused(Error *error)
{
  static const char *const codes[][2] = {
      {"DisabledException", "KMSDisabledException"},
      {"NotFoundException", "KMSNotFoundException"},
      {"KMSInvalidStateException", "KMSInvalidStateException"},
      {"InvalidKeyUsageException", "KMSInvalidKeyUsageException"},
      {"AccessDeniedException", "KMSAccessDeniedException"},
      {NULL, NULL},
  };
  return error_rename(error, codes);
}

static StringMap
context_of(Call *call, const SnsTopicRecord *topic)
{
  StringMap context = {0};
  MAP_SET(call->arena, &context, "aws:sns:topicArn", sns_topic_arn(call, topic));
  return context;
}

Error *
sns_own_key(Call *call, SnsTopicRecord *topic)
{
  KmsGenerateDataKeyInput in = {.KeyId = "alias/aws/sns", .KeySpec = "AES_256", .EncryptionContext = context_of(call, topic)};
  KmsGenerateDataKeyOutput out = {0};
  TRY(call_operation(call, &KmsOperationGenerateDataKey, principal_root(call->arena, topic->account), "sns", &in, &out));
  topic->dataKey = out.CiphertextBlob;
  return NULL;
}

static Error *
open_key(Call *call, const SnsTopicRecord *topic, Blob wrapped, const guint8 **ret_key)
{
  KmsDecryptInput in = {.CiphertextBlob = wrapped, .EncryptionContext = context_of(call, topic)};
  KmsDecryptOutput out = {0};
  TRY(call_operation(call, &KmsOperationDecrypt, principal_root(call->arena, topic->account), "sns", &in, &out));
  if (out.Plaintext.size != KEY_SIZE)
    return error_fault("sns: a data key of %" G_GSIZE_FORMAT " bytes", out.Plaintext.size);
  *ret_key = out.Plaintext.data;
  return NULL;
}

Error *
sns_check_key(Call *call, const SnsTopicRecord *topic)
{
  const char *key = string_map_get(&topic->attributes, "KmsMasterKeyId");
  if (!key)
    return NULL;
  KmsGenerateDataKeyInput make = {.KeyId = key, .KeySpec = "AES_256", .EncryptionContext = context_of(call, topic)};
  KmsGenerateDataKeyOutput made = {0};
  TRY(refused(call_operation(call, &KmsOperationGenerateDataKey, NULL, "sns", &make, &made)));
  KmsDecryptInput open = {.CiphertextBlob = made.CiphertextBlob, .EncryptionContext = context_of(call, topic)};
  return refused(call_operation(call, &KmsOperationDecrypt, NULL, "sns", &open, &(KmsDecryptOutput){0}));
}

Error *
sns_seal(Call *call, const SnsTopicRecord *topic, const SnsMessageRecord *message, SnsDeliveryRecord *ret)
{
  const guint8 *key = NULL;
  guint8 *sealed = NULL;
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  TRY(open_key(call, topic, topic->dataKey, &key));
  record_encode(call->arena, &SnsMessageRecord_shape, message, bytes);
  TRY(store_seal(call->arena, key, bytes->data, bytes->len, &sealed, &ret->content.size));
  ret->content.data = sealed;
  ret->dataKey = topic->dataKey;
  return NULL;
}

Error *
sns_unseal(Call *call, const SnsTopicRecord *topic, const SnsDeliveryRecord *delivery, SnsMessageRecord **ret)
{
  const guint8 *key = NULL;
  guint8 *plain = NULL;
  gsize size;
  void *value = NULL;
  TRY(open_key(call, topic, delivery->dataKey, &key));
  TRY(store_open_sealed(call->arena, key, delivery->content.data, delivery->content.size, &plain, &size));
  TRY(record_decode(call->arena, &SnsMessageRecord_shape, plain, size, &value));
  *ret = value;
  return NULL;
}
