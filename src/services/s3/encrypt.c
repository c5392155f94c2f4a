/* Server-side encryption: which, and the data key. With SSE-S3 the data key is the service's own; with SSE-KMS each object has one that KMS
 * made and wrapped, so that a disabled key makes reads fail. https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html */
#include "services/s3/s3.h"
#include "wire/json.h"
#include <string.h>

static Error *
rename_kms_error(Error *error)
{
  if (!error || error->kind != ERROR_ANSWER)
    return error;
  const char *name = error->code;
  Error *renamed = g_str_has_prefix(name, "AccessDenied")
                     ? error_answer_status(403, "AccessDenied", "%s", error->message)
                     : error_make(ERROR_ANSWER, error->file, error->line, 400, NULL, "%s", error->message);
  if (!renamed->code || !*renamed->code) {
    g_free(renamed->code);
    renamed->code = g_strdup_printf("KMS.%s", name);
  }
  error_free(error);
  return renamed;
}

/* KMS is asked by its name: S3 stands without it. */
static Error *
kms_call(Call *call, const char *name, const Json *in, Json **ret_out)
{
  const Operation *operation = haar_operation("kms", name);
  if (!operation)
    return error_answer_status(501, "NotImplemented", "haar has no KMS operation %s", name);
  void *input = arena_alloc(call->arena, operation->input_size), *output = arena_alloc(call->arena, operation->output_size);
  TRY(shape_from_json(call->arena, operation->model->input, in, FALSE, input));
  TRY(rename_kms_error(call_operation(call, operation, NULL, "s3", input, output)));
  *ret_out = shape_to_json(call->arena, operation->model->output, output);
  return NULL;
}

static Json *
context_json(Call *call, const char *bucket, const S3ObjectRecord *object)
{
  Arena *arena = call->arena;
  Json *context = json_new_object(arena);
  for (gsize i = 0; i < object->KmsContext.n; i++)
    json_set(arena, context, object->KmsContext.v[i].key, json_new_string(arena, object->KmsContext.v[i].value));
  gboolean bucket_key = OPT_OR(object->BucketKey, FALSE);
  json_set(arena, context, "aws:s3:arn",
           json_new_string(arena, arena_printf(arena, "arn:aws:s3:::%s%s%s", bucket, bucket_key ? "" : "/", bucket_key ? "" : object->Key)));
  return context;
}

static Error *
take_key(Call *call, const Json *answer, guint8 ret_key[32])
{
  gsize size = 0;
  const char *text = json_string(json_get(answer, "Plaintext"));
  const guint8 *key = text ? text_unbase64(call->arena, text, &size) : NULL;
  if (!key || size != 32)
    return error_fault("KMS answered no data key of 32 bytes");
  memcpy(ret_key, key, 32);
  return NULL;
}

static Error *
generate_key(Call *call, const char *bucket, S3ObjectRecord *object, guint8 ret_key[32])
{
  Json *in = json_new_object(call->arena), *out = NULL;
  json_set(call->arena, in, "KeyId", json_new_string(call->arena, object->KmsKeyId ? object->KmsKeyId : "alias/aws/s3"));
  json_set(call->arena, in, "KeySpec", json_new_string(call->arena, "AES_256"));
  json_set(call->arena, in, "EncryptionContext", context_json(call, bucket, object));
  TRY(kms_call(call, "GenerateDataKey", in, &out));
  const char *wrapped = json_string(json_get(out, "CiphertextBlob"));
  object->KmsKeyId = json_string(json_get(out, "KeyId"));
  object->WrappedKey.data = wrapped ? text_unbase64(call->arena, wrapped, &object->WrappedKey.size) : NULL;
  if (!object->WrappedKey.data)
    return error_fault("KMS answered no wrapped data key");
  return take_key(call, out, ret_key);
}

static Error *
read_context(Call *call, const char *text, StringMap *ret_context)
{
  gsize size = 0;
  Json *json = NULL;
  const char *document = (const char *) text_unbase64(call->arena, text, &size);
  g_autoptr(Error) error = document ? json_parse(call->arena, document, size, &json) : NULL;
  if (!document || error || json->type != JSON_OBJECT)
    return invalid_argument("x-amz-server-side-encryption-context", text, "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string "
                                                                          "holding JSON which represents a string-string map");
  for (guint i = 0; i < json->n; i++)
    if (json_string(json->members[i].value))
      MAP_SET(call->arena, ret_context, json->members[i].key, json_string(json->members[i].value));
  return NULL;
}

static const S3ServerSideEncryptionRule *
default_rule(const S3BucketRecord *bucket)
{
  return bucket->Encryption && bucket->Encryption->Rules.n ? bucket->Encryption->Rules.v[0] : NULL;
}

static Error *
choose(Call *call, const S3BucketRecord *bucket, const SseRequest *request, S3ObjectRecord *object)
{
  const S3ServerSideEncryptionRule *rule = default_rule(bucket);
  const S3ServerSideEncryptionByDefault *by_default = rule ? rule->ApplyServerSideEncryptionByDefault : NULL;
  if (request->customer_algorithm)
    return not_implemented("SSE-C");
  if (request->kms_key_id && request->sse && !g_str_has_prefix(request->sse, "aws:kms"))
    return invalid_argument("x-amz-server-side-encryption", request->sse,
                            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms");
  if (request->sse) {
    object->Sse = request->sse;
    object->KmsKeyId = request->kms_key_id;
  } else if (by_default) {
    object->Sse = by_default->SSEAlgorithm;
    object->KmsKeyId = by_default->KMSMasterKeyID;
  } else {
    object->Sse = "AES256";
  }
  if (!g_str_has_prefix(object->Sse, "aws:kms")) {
    object->KmsKeyId = NULL;
    return NULL;
  }
  if (request->bucket_key.set ? request->bucket_key.v : rule && OPT_OR(rule->BucketKeyEnabled, FALSE))
    object->BucketKey = OPT_BOOL(TRUE);
  return request->kms_context ? read_context(call, request->kms_context, &object->KmsContext) : NULL;
}

static const guint8 *
master_key(const Call *call)
{
  return ((const S3State *) haar_state(call->haar, "s3"))->master;
}

Error *
sse_begin(Call *call, const S3BucketRecord *bucket, const SseRequest *request, S3ObjectRecord *object, guint8 ret_key[32])
{
  TRY(choose(call, bucket, request, object));
  if (g_str_has_prefix(object->Sse, "aws:kms"))
    return generate_key(call, bucket->Name, object, ret_key);
  memcpy(ret_key, master_key(call), 32);
  return NULL;
}

Error *
sse_open(Call *call, const char *bucket, const S3ObjectRecord *object, guint8 ret_key[32])
{
  if (!object->WrappedKey.data) {
    memcpy(ret_key, master_key(call), 32);
    return NULL;
  }
  Json *in = json_new_object(call->arena), *out = NULL;
  json_set(call->arena, in, "CiphertextBlob", json_new_string(call->arena, text_base64(call->arena, object->WrappedKey.data, object->WrappedKey.size)));
  json_set(call->arena, in, "EncryptionContext", context_json(call, bucket, object));
  TRY(kms_call(call, "Decrypt", in, &out));
  return take_key(call, out, ret_key);
}
