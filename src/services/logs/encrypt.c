/* Encrypted groups: events are sealed with a data key that the group's KMS key wraps. A group keeps the wrapped keys of all its KMS keys so
 * far, so that events stay readable with the key that they were written with. An event names its data key by its number; 0: none.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html */
#include <string.h>

#include "services/kms.gen.h"
#include "services/logs/logs.h"

enum { KEY_SIZE = 32, KEYS_MAX = 255 };

static const Principal *
own_principal(const Call *call)
{
  return principal_service(call->arena, arena_printf(call->arena, "logs.%s.amazonaws.com", call->region), call->account);
}

static StringMap
context_of(const Call *call, const LogsGroupRecord *group)
{
  StringMap context = {0};
  MAP_SET(call->arena, &context, "aws:logs:arn", logs_group_arn(call, group->name));
  return context;
}

/* What KMS refuses is told as AWS does; why stays in it. */
static Error *
not_allowed(const Call *call, const LogsGroupRecord *group, Error *error)
{
  g_autoptr(Error) why = error;
  if (!why || why->kind == ERROR_FAULT)
    return g_steal_pointer(&why);
  return error_answer("InvalidParameterException", "The specified KMS key does not exist or is not allowed to be used with LogGroup '%s': %s",
                      logs_group_arn(call, group->name), why->message);
}

Error *
logs_key_make(Call *call, LogsGroupRecord *group)
{
  KmsGenerateDataKeyInput in = {.KeyId = group->kmsKeyId, .KeySpec = "AES_256"};
  KmsGenerateDataKeyOutput out = {0};
  if (group->dataKeys.n == KEYS_MAX)
    return error_answer("LimitExceededException", "The group has had %d KMS keys; make a new one.", KEYS_MAX);
  StringMap context = context_of(call, group);
  for (gsize i = 0; i < context.n; i++)
    MAP_SET(call->arena, &in.EncryptionContext, context.v[i].key, context.v[i].value);
  TRY(not_allowed(call, group, call_operation(call, &KmsOperationGenerateDataKey, own_principal(call), NULL, &in, &out)));
  LIST_APPEND(call->arena, &group->dataKeys, (const char *) text_base64(call->arena, out.CiphertextBlob.data, out.CiphertextBlob.size));
  group->dataKey = OPT_INT((gint64) group->dataKeys.n);
  return NULL;
}

static Error *
open_key(Call *call, const LogsGroupRecord *group, gsize number, const guint8 **ret_key)
{
  KmsDecryptInput in = {0};
  KmsDecryptOutput out = {0};
  if (number > group->dataKeys.n)
    return error_fault("log group %s has no data key %" G_GSIZE_FORMAT, group->name, number);
  gsize size;
  in.CiphertextBlob.data = text_unbase64(call->arena, group->dataKeys.v[number - 1], &size);
  in.CiphertextBlob.size = size;
  StringMap context = context_of(call, group);
  for (gsize i = 0; i < context.n; i++)
    MAP_SET(call->arena, &in.EncryptionContext, context.v[i].key, context.v[i].value);
  TRY(not_allowed(call, group, call_operation(call, &KmsOperationDecrypt, own_principal(call), NULL, &in, &out)));
  if (out.Plaintext.size != KEY_SIZE)
    return error_fault("log group %s: a data key of %" G_GSIZE_FORMAT " bytes", group->name, out.Plaintext.size);
  *ret_key = out.Plaintext.data;
  return NULL;
}

/* Keys are opened once a call. */
static Error *
key_of(Call *call, LogsCipher *cipher, gsize number, const guint8 **ret_key)
{
  if (cipher->number != number)
    TRY(open_key(call, cipher->group, number, &cipher->key));
  cipher->number = number;
  *ret_key = cipher->key;
  return NULL;
}

Error *
logs_seal(Call *call, LogsCipher *cipher, const void *data, gsize size, guint8 *ret_number, const guint8 **ret_data, gsize *ret_size)
{
  gsize number = (gsize) OPT_OR(cipher->group->dataKey, 0);
  *ret_number = (guint8) number;
  *ret_data = data;
  *ret_size = size;
  if (!number)
    return NULL;
  const guint8 *key = NULL;
  guint8 *sealed;
  TRY(key_of(call, cipher, number, &key));
  TRY(store_seal(call->arena, key, data, size, &sealed, ret_size));
  *ret_data = sealed;
  return NULL;
}

Error *
logs_unseal(Call *call, LogsCipher *cipher, guint8 number, const guint8 *data, gsize size, const char **ret_text)
{
  if (!number) {
    *ret_text = arena_strndup(call->arena, (const char *) data, size);
    return NULL;
  }
  const guint8 *key = NULL;
  guint8 *plain;
  gsize n;
  TRY(key_of(call, cipher, number, &key));
  TRY(store_open_sealed(call->arena, key, data, size, &plain, &n));
  *ret_text = arena_strndup(call->arena, (const char *) plain, n);
  return NULL;
}
