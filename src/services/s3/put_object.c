/* https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html */
#include "services/s3/s3.h"
#include <string.h>

static gint
compare_entries(gconstpointer a, gconstpointer b)
{
  return strcmp(((const StringMapEntry *) a)->key, ((const StringMapEntry *) b)->key);
}

static Error *
check_headers(const S3PutObjectInput *in)
{
  gsize size = 0;
  for (gsize i = 0; i < in->Metadata.n; i++)
    size += strlen(in->Metadata.v[i].key) + strlen(in->Metadata.v[i].value);
  if (size > 2048)
    return error_field(error_answer_status(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size"), "MaxSizeAllowed",
                       "2048");
  if (in->ACL && strcmp(in->ACL, "private") && strcmp(in->ACL, "bucket-owner-full-control"))
    return error_answer_status(400, "AccessControlListNotSupported", "The bucket does not allow ACLs");
  if (in->GrantRead || in->GrantFullControl || in->GrantReadACP || in->GrantWriteACP)
    return error_answer_status(400, "AccessControlListNotSupported", "The bucket does not allow ACLs");
  if (in->ObjectLockMode || in->ObjectLockLegalHoldStatus)
    return error_answer_status(400, "InvalidRequest", "Bucket is missing Object Lock Configuration");
  return NULL;
}

/* KMS-encrypted objects have an ETag that is no MD5. */
static const char *
etag_for(Call *call, const S3ObjectRecord *object, const char *md5)
{
  return arena_printf(call->arena, "\"%s\"", object->WrappedKey.data ? id_hex(call->arena, 32) : md5);
}

static Error *
fill(Call *call, const S3PutObjectInput *in, const PieceDraft *draft, S3ObjectRecord *object)
{
  COPY_HEADERS(object, in);
  if (in->Metadata.n)
    qsort(in->Metadata.v, in->Metadata.n, sizeof *in->Metadata.v, compare_entries);
  if (!object->ContentType)
    object->ContentType = "binary/octet-stream";
  object->StorageClass = in->StorageClass ? in->StorageClass : "STANDARD";
  object->ChecksumAlgorithm = NAMED_CHECKSUM(in);
  object->Checksum = digest_checksum(call->arena, &draft->digests, object->ChecksumAlgorithm);
  object->ChecksumType = object->Checksum ? "FULL_OBJECT" : NULL;
  object->Size = OPT_INT(draft->size);
  return in->Tagging ? tags_from_header(call->arena, in->Tagging, &object->Tags) : NULL;
}

OPERATION(PutObject, put_object, .txn = TXN_WRITE, .action = "s3:PutObject", .authorize = object_resource, .anonymous = TRUE)
static Error *
put_object(Call *call, const S3PutObjectInput *in, S3PutObjectOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3ObjectRecord *there = NULL, object = {.Key = in->Key};
  S3PieceRecord *piece = NULL;
  g_auto(PieceDraft) draft = {0};
  guint8 key[32];
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  TRY(check_headers(in));
  if (in->IfMatch || in->IfNoneMatch) {
    TRY(object_find(call, in->Bucket, in->Key, NULL, &there));
    TRY(check_write_conditions(in->IfMatch, in->IfNoneMatch, in->Key, there));
  }
  TRY(piece_draft(call, in->Body, LIMIT_OBJECT_MAX, &draft));
  TRY(fill(call, in, &draft, &object));
  TRY(sse_begin(call, bucket, SSE_REQUEST(in), &object, key));
  TRY(piece_commit(call, &draft, key, &piece));
  LIST_APPEND(call->arena, &object.Pieces, piece);
  object.ETag = etag_for(call, &object, piece->Etag);
  TRY(object_insert(call, bucket, &object));
  ret_out->ETag = object.ETag;
  ret_out->VersionId = versioning_enabled(bucket) ? object.VersionId : NULL;
  ret_out->ChecksumType = object.ChecksumType;
  ret_out->Expiration = expiration_header(call->arena, bucket, &object);
  SHOW_SSE(ret_out, &object);
  SHOW_CHECKSUM(ret_out, object.ChecksumAlgorithm, object.Checksum);
  return NULL;
}
