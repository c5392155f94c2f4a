/* https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html */
#include "services/s3/s3.h"

OPERATION(DeleteObject, delete_object, .txn = TXN_WRITE, .action = "s3:DeleteObject", .authorize = object_resource, .anonymous = TRUE)
static Error *
delete_object(Call *call, const S3DeleteObjectInput *in, S3DeleteObjectOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  gboolean marker = FALSE;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  TRY(object_delete(call, bucket, in->Key, in->VersionId, &marker, &ret_out->VersionId));
  if (marker)
    ret_out->DeleteMarker = OPT_BOOL(TRUE);
  return NULL;
}

/* Each key is its own question to the policies. */
static Error *
delete_one(Call *call, const S3BucketRecord *bucket, const S3ObjectIdentifier *item, S3DeletedObject *deleted)
{
  StringMap context = {0};
  gboolean marker = FALSE;
  const char *version = NULL;
  IamRequest request = {.principal = call->principal, .action = item->VersionId ? "s3:DeleteObjectVersion" : "s3:DeleteObject",
                        .resource = arena_printf(call->arena, "arn:aws:s3:::%s/%s", bucket->Name, item->Key), .resource_account = bucket->Account,
                        .resource_policy = bucket->Policy, .context = &context};
  TRY(iam_authorize(call->txn, call->arena, &request));
  TRY(object_delete(call, bucket, item->Key, item->VersionId, &marker, &version));
  deleted->Key = item->Key;
  deleted->VersionId = item->VersionId;
  if (marker) {
    deleted->DeleteMarker = OPT_BOOL(TRUE);
    deleted->DeleteMarkerVersionId = version;
  }
  return NULL;
}

static Error *
bucket_for_keys(Call *call, const void *in, Authorization *auth)
{
  TRY(bucket_resource(call, in, auth));
  auth->skip = TRUE;
  return NULL;
}

OPERATION(DeleteObjects, delete_objects, .txn = TXN_WRITE, .action = "s3:DeleteObject", .authorize = bucket_for_keys)
static Error *
delete_objects(Call *call, const S3DeleteObjectsInput *in, S3DeleteObjectsOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  gboolean quiet = OPT_OR(in->Delete->Quiet, FALSE);
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  if (!in->Delete->Objects.n || in->Delete->Objects.n > 1000)
    return malformed_xml();
  for (gsize i = 0; i < in->Delete->Objects.n; i++) {
    const S3ObjectIdentifier *item = in->Delete->Objects.v[i];
    S3DeletedObject *deleted = ARENA_NEW(call->arena, S3DeletedObject);
    g_autoptr(Error) error = delete_one(call, bucket, item, deleted);
    if (error && error->kind == ERROR_FAULT)
      return g_steal_pointer(&error);
    if (!error && !quiet)
      LIST_APPEND(call->arena, &ret_out->Deleted, deleted);
    if (!error)
      continue;
    S3Error *row = ARENA_NEW(call->arena, S3Error);
    *row = (S3Error){.Key = item->Key, .VersionId = item->VersionId, .Code = arena_strdup(call->arena, error->code),
                     .Message = arena_strdup(call->arena, error->message)};
    LIST_APPEND(call->arena, &ret_out->Errors, row);
  }
  return NULL;
}
