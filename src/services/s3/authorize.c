/* What a call is about: the bucket or object, its owner's account, its policy. */
#include "services/s3/s3.h"
#include "wire/json.h"
#include <string.h>

static gboolean
is_everybody(const Json *principal)
{
  const Json *aws = principal && principal->type == JSON_OBJECT ? json_get(principal, "AWS") : principal;
  if (!aws)
    return FALSE;
  if (aws->type == JSON_ARRAY)
    for (guint i = 0; i < aws->n; i++)
      if (!g_strcmp0(json_string(aws->items[i]), "*"))
        return TRUE;
  return !g_strcmp0(json_string(aws), "*");
}

gboolean
policy_is_public(Arena *arena, const char *document)
{
  Json *json = NULL;
  g_autoptr(Error) error = json_parse(arena, document, strlen(document), &json);
  Json *statements = error ? NULL : json_get(json, "Statement");
  Json *one[] = {statements};
  Json **items = statements && statements->type == JSON_ARRAY ? statements->items : one;
  guint n = !statements ? 0 : statements->type == JSON_ARRAY ? statements->n : 1;
  for (guint i = 0; i < n; i++)
    if (!g_strcmp0(json_string(json_get(items[i], "Effect")), "Allow") && is_everybody(json_get(items[i], "Principal")) &&
        !json_get(items[i], "Condition"))
      return TRUE;
  return FALSE;
}

static void
add_context(Call *call, const void *in, Authorization *auth)
{
  static const char *const keys[][2] = {
    {"Prefix", "s3:prefix"},
    {"Delimiter", "s3:delimiter"},
    {"VersionId", "s3:VersionId"},
    {"ServerSideEncryption", "s3:x-amz-server-side-encryption"},
    {"SSEKMSKeyId", "s3:x-amz-server-side-encryption-aws-kms-key-id"},
    {"StorageClass", "s3:x-amz-storage-class"},
    {"ACL", "s3:x-amz-acl"},
    {"CopySource", "s3:x-amz-copy-source"},
    {"MetadataDirective", "s3:x-amz-metadata-directive"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
    const char *value = call_input_text(call, in, keys[i][0]);
    if (value)
      MAP_SET(call->arena, &auth->context, keys[i][1], value);
  }
}

static Error *
use_bucket(Call *call, const void *in, Authorization *auth)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, call_input_text(call, in, "Bucket"), &bucket));
  auth->resource_account = bucket->Account;
  auth->resource_policy = bucket->Policy;
  gboolean restricted = bucket->PublicAccess && OPT_OR(bucket->PublicAccess->RestrictPublicBuckets, FALSE);
  if (bucket->Policy && restricted && strcmp(call->principal->account ? call->principal->account : "", bucket->Account) &&
      call->principal->type != PRINCIPAL_SERVICE && policy_is_public(call->arena, bucket->Policy))
    auth->resource_policy = NULL;
  else if (bucket->Policy && restricted && call->principal->type == PRINCIPAL_ANONYMOUS && policy_is_public(call->arena, bucket->Policy))
    auth->resource_policy = NULL;
  add_context(call, in, auth);
  return NULL;
}

Error *
bucket_resource(Call *call, const void *in, Authorization *auth)
{
  TRY(use_bucket(call, in, auth));
  auth->resource = arena_printf(call->arena, "arn:aws:s3:::%s", call_input_text(call, in, "Bucket"));
  return NULL;
}

/* Actions on a named version have names of their own. */
static const char *
version_action(Arena *arena, const char *action)
{
  static const char *const rows[][2] = {
    {"s3:GetObject", "s3:GetObjectVersion"},
    {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    {"s3:GetObjectTagging", "s3:GetObjectVersionTagging"},
    {"s3:PutObjectTagging", "s3:PutObjectVersionTagging"},
    {"s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"},
    {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"},
    {"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    if (!strcmp(rows[i][0], action))
      return rows[i][1];
  return action;
}

Error *
object_resource(Call *call, const void *in, Authorization *auth)
{
  TRY(use_bucket(call, in, auth));
  if (call_input_text(call, in, "VersionId"))
    auth->action = version_action(call->arena, auth->action);
  auth->resource = arena_printf(call->arena, "arn:aws:s3:::%s/%s", call_input_text(call, in, "Bucket"), call_input_text(call, in, "Key"));
  return NULL;
}
