/* A table that asks for KMS has a data key: made by the customer's key, stored as KMS wrapped it, opened by KMS for each call on behalf of
 * the caller. So what the key's policy forbids fails, and a disabled key makes the table unreadable at once. */
#include "services/dynamodb/dynamodb.h"

#include "services/kms.gen.h"

#define MANAGED_KEY "alias/aws/dynamodb"

static StringMap
context_of(Call *call, const DynamodbTableRecord *record)
{
  StringMap context = { 0 };
  MAP_SET(call->arena, &context, "aws:dynamodb:tableName", record->Description->TableName);
  MAP_SET(call->arena, &context, "aws:dynamodb:subscriberId", call->account);
  return context;
}

/* What KMS refuses, in DynamoDB's words. */
static Error *
refused(Error *error)
{
  if (!error || error->kind == ERROR_FAULT)
    return error;
  g_autoptr(Error) inner = error;
  if (error_is(inner, "AccessDeniedException"))
    return error_answer_status(400, "AccessDeniedException", "KMS key access denied error: %s", inner->message);
  return error_answer("ValidationException", "One or more parameter values were invalid: KMS validation exception: %s: %s", inner->code,
                      inner->message);
}

static Error *
make_key(Call *call, DynamodbTableRecord *record, const char *id)
{
  KmsDescribeKeyInput describe = { .KeyId = id };
  KmsDescribeKeyOutput described = { 0 };
  KmsGenerateDataKeyInput in = { .KeyId = id, .KeySpec = "AES_256", .EncryptionContext = context_of(call, record) };
  KmsGenerateDataKeyOutput out = { 0 };
  TRY(refused(call_operation(call, &KmsOperationGenerateDataKey, NULL, "dynamodb", &in, &out)));
  TRY(refused(call_operation(call, &KmsOperationDescribeKey, NULL, "dynamodb", &describe, &described)));
  record->DataKey = out.CiphertextBlob;
  DynamodbSSEDescription *description = ARENA_NEW(call->arena, DynamodbSSEDescription);
  *description = (DynamodbSSEDescription){ .Status = "ENABLED", .SSEType = "KMS", .KMSMasterKeyArn = described.KeyMetadata->Arn };
  record->Description->SSEDescription = description;
  return NULL;
}

Error *
encryption_set(Call *call, DynamodbTableRecord *record, const DynamodbSSESpecification *specification)
{
  if (!specification || !OPT_OR(specification->Enabled, FALSE)) {
    if (specification && specification->KMSMasterKeyId)
      return error_answer("ValidationException", "One or more parameter values were invalid: KMSMasterKeyId can only be specified when SSE is enabled");
    return NULL;
  }
  if (g_strcmp0(specification->SSEType, "AES256") == 0)
    return error_answer("ValidationException", "One or more parameter values were invalid: SSEType AES256 is not supported");
  return make_key(call, record, specification->KMSMasterKeyId ? specification->KMSMasterKeyId : MANAGED_KEY);
}

Error *
encryption_key(Call *call, const DynamodbTableRecord *record, const guint8 **ret_key)
{
  *ret_key = NULL;
  if (!record->DataKey.data)
    return NULL;
  KmsDecryptInput in = { .CiphertextBlob = record->DataKey, .EncryptionContext = context_of(call, record) };
  KmsDecryptOutput out = { 0 };
  TRY(refused(call_operation(call, &KmsOperationDecrypt, NULL, "dynamodb", &in, &out)));
  if (out.Plaintext.size != 32)
    return error_fault("dynamodb: the data key of %s has %zu bytes", record->Description->TableName, out.Plaintext.size);
  *ret_key = out.Plaintext.data;
  return NULL;
}
