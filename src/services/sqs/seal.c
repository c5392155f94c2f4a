/* Bodies and attributes on disk: sealed with a data key that the queue's KMS key wraps, one a message, made on behalf of who sends and opened
 * on behalf of who receives; or, with SSE-SQS, with one of the queue's own that alias/aws/sqs wraps. A message keeps what it was sealed with,
 * whatever becomes of the queue. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html */
#include <string.h>

#include "services/kms.gen.h"
#include "services/sqs/sqs.h"

enum { KEY_SIZE = 32 };

static const char own_key[] = "alias/aws/sqs";

/* KMS's refusals, in the words of SQS. */
static Error *
refused(Error *error)
{
  static const char *const codes[][2] = {
      {"DisabledException", "KmsDisabled"},
      {"NotFoundException", "KmsNotFound"},
      {"KMSInvalidStateException", "KmsInvalidState"},
      {"InvalidKeyUsageException", "KmsInvalidKeyUsage"},
      {"AccessDeniedException", "KmsAccessDenied"},
      {NULL, NULL},
  };
  return error_rename(error, codes);
}

/* The key of AWS serves the account of the queue, through SQS, whoever calls. */
static const Principal *
who(Call *call, gboolean own, const char *origin)
{
  Arn arn;
  return own && arn_parse(call->arena, origin, &arn) ? principal_root(call->arena, arn.account) : NULL;
}

static Error *
make_key(Call *call, const char *key_id, gboolean own, const char *origin, KmsGenerateDataKeyOutput *ret)
{
  KmsGenerateDataKeyInput in = {.KeyId = key_id, .KeySpec = "AES_256"};
  MAP_SET(call->arena, &in.EncryptionContext, "aws:sqs:arn", origin);
  return refused(call_operation(call, &KmsOperationGenerateDataKey, who(call, own, origin), "sqs", &in, ret));
}

static Error *
open_key(Call *call, Blob wrapped, gboolean own, const char *origin, const guint8 **ret_key)
{
  KmsDecryptInput in = {.CiphertextBlob = wrapped};
  KmsDecryptOutput out = {0};
  MAP_SET(call->arena, &in.EncryptionContext, "aws:sqs:arn", origin);
  TRY(refused(call_operation(call, &KmsOperationDecrypt, who(call, own, origin), "sqs", &in, &out)));
  if (out.Plaintext.size != KEY_SIZE)
    return error_fault("sqs: a data key of %" G_GSIZE_FORMAT " bytes", out.Plaintext.size);
  *ret_key = out.Plaintext.data;
  return NULL;
}

Error *
sqs_own_key(Call *call, SqsQueueRecord *queue)
{
  KmsGenerateDataKeyOutput out = {0};
  TRY(make_key(call, own_key, TRUE, sqs_queue_arn(call, queue), &out));
  queue->dataKey = out.CiphertextBlob;
  return NULL;
}

/* The key for a new message; NULL: none. */
static Error *
choose_key(Call *call, const SqsQueueRecord *queue, SqsMessageRecord *message, const guint8 **ret_key)
{
  const char *key_id = sqs_attribute(queue, "KmsMasterKeyId");
  message->origin = sqs_queue_arn(call, queue);
  if (key_id) {
    KmsGenerateDataKeyOutput out = {0};
    TRY(make_key(call, key_id, FALSE, message->origin, &out));
    message->dataKey = out.CiphertextBlob;
    *ret_key = out.Plaintext.data;
  } else if (queue->dataKey.data && sqs_attribute_true(queue, "SqsManagedSseEnabled")) {
    message->dataKey = queue->dataKey;
    message->own = OPT_BOOL(TRUE);
    return open_key(call, message->dataKey, TRUE, message->origin, ret_key);
  }
  return NULL;
}

Error *
sqs_seal(Call *call, const SqsQueueRecord *queue, const SqsContentRecord *content, SqsMessageRecord *message)
{
  const guint8 *key = NULL;
  TRY(choose_key(call, queue, message, &key));
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  record_encode(call->arena, &SqsContentRecord_shape, content, bytes);
  guint8 *sealed = NULL;
  gsize size = bytes->len;
  if (key)
    TRY(store_seal(call->arena, key, bytes->data, bytes->len, &sealed, &size));
  message->content = (Blob){sealed ? sealed : arena_memdup(call->arena, bytes->data, bytes->len), size};
  return NULL;
}

Error *
sqs_unseal(Call *call, const SqsMessageRecord *message, SqsContentRecord **ret_content)
{
  Blob content = message->content;
  if (message->dataKey.data) {
    const guint8 *key = NULL;
    guint8 *plain = NULL;
    TRY(open_key(call, message->dataKey, OPT_OR(message->own, FALSE), message->origin, &key));
    TRY(store_open_sealed(call->arena, key, content.data, content.size, &plain, &content.size));
    content.data = plain;
  }
  void *value = NULL;
  TRY(record_decode(call->arena, &SqsContentRecord_shape, content.data, content.size, &value));
  *ret_content = value;
  return NULL;
}
