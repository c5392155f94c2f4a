/* CopyObject and UploadPartCopy: the bytes are read and written again, under the keys of their new place, outside of any transaction.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
#include "services/s3/s3.h"
#include <string.h>

/* What is copied, and where to. */
typedef struct Copy {
  const char *source_bucket, *source_key, *source_version;
  const char *bucket_name;
  Conditions conditions;
  S3ObjectRecord *source;
  S3BucketRecord *source_owner, *bucket;
  S3ObjectRecord *object;      /* to be made; NULL: a part */
  S3UploadRecord *upload;      /* of a part */
  gint64 part;
  guint8 key[32];              /* of the new place */
  PieceDraft draft;
  S3PieceRecord *piece;
} Copy;

static void
copy_clear(Copy *copy)
{
  piece_draft_clear(&copy->draft);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copy, copy_clear)

/* "bucket/key?versionId=id", encoded, with or without a slash before it. */
static Error *
parse_source(Call *call, const char *text, Copy *copy)
{
  const char *raw = *text == '/' ? text + 1 : text, *query = strstr(raw, "?versionId=");
  gsize size = query ? (gsize) (query - raw) : strlen(raw);
  char *path = text_uri_decode(call->arena, arena_strndup(call->arena, raw, size), FALSE);
  char *slash = path ? strchr(path, '/') : NULL;
  if (!slash || slash == path || !slash[1])
    return invalid_argument("x-amz-copy-source", text, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
  *slash = 0;
  copy->source_bucket = path;
  copy->source_key = slash + 1;
  copy->source_version = query ? query + strlen("?versionId=") : NULL;
  return NULL;
}

static Error *
may_read(Call *call, const Copy *copy)
{
  StringMap context = {0};
  IamRequest request = {.principal = call->principal, .action = copy->source_version ? "s3:GetObjectVersion" : "s3:GetObject",
                        .resource = arena_printf(call->arena, "arn:aws:s3:::%s/%s", copy->source_bucket, copy->source_key),
                        .resource_account = copy->source_owner->Account, .resource_policy = copy->source_owner->Policy, .context = &context};
  return iam_authorize(call->txn, call->arena, &request);
}

static Error *
load(Call *call, gpointer data)
{
  Copy *copy = data;
  TRY(bucket_get(call, copy->source_bucket, &copy->source_owner));
  TRY(may_read(call, copy));
  TRY(object_for_read(call, copy->source_bucket, copy->source_key, copy->source_version, &copy->source));
  TRY(check_conditions(&copy->conditions, copy->source, TRUE));
  return bucket_get(call, copy->bucket_name, &copy->bucket);
}

static Error *
read_source(Call *call, Copy *copy, gint64 from, gint64 size)
{
  guint8 key[32];
  Body *body = NULL;
  TRY(sse_open(call, copy->source_bucket, copy->source, key));
  TRY(pieces_body(call, copy->source, key, from, size, &body));
  Error *error = piece_draft(call, body, LIMIT_OBJECT_MAX, &copy->draft);
  body->free(body);
  return error;
}

/* -- objects -------------------------------------------------------------------------------------------------------------------------- */

static Error *
fill_object(Call *call, const S3CopyObjectInput *in, Copy *copy, S3ObjectRecord *object)
{
  gboolean replace = !g_strcmp0(in->MetadataDirective, "REPLACE"), own_tags = !g_strcmp0(in->TaggingDirective, "REPLACE");
  gboolean onto_itself = !strcmp(copy->source_bucket, in->Bucket) && !strcmp(copy->source_key, in->Key) && !copy->source_version;
  if (onto_itself && !replace && !in->StorageClass && !in->ServerSideEncryption && !in->WebsiteRedirectLocation)
    return error_answer_status(400, "InvalidRequest",
                               "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
                               "metadata, storage class, website redirect location or encryption attributes.");
  if (replace)
    COPY_HEADERS(object, in);
  else
    COPY_HEADERS(object, copy->source);
  if (!object->ContentType)
    object->ContentType = "binary/octet-stream";
  object->StorageClass = in->StorageClass ? in->StorageClass : "STANDARD";
  object->Tags = copy->source->Tags;
  if (own_tags)
    object->Tags = (StringMap){0};
  return own_tags && in->Tagging ? tags_from_header(call->arena, in->Tagging, &object->Tags) : NULL;
}

static Error *
store_object(Call *call, gpointer data)
{
  Copy *copy = data;
  TRY(bucket_get(call, copy->bucket_name, &copy->bucket));
  TRY(piece_commit(call, &copy->draft, copy->key, &copy->piece));
  LIST_APPEND(call->arena, &copy->object->Pieces, copy->piece);
  copy->object->ETag =
    arena_printf(call->arena, "\"%s\"", copy->object->WrappedKey.data ? id_hex(call->arena, 32) : copy->piece->Etag);
  return object_insert(call, copy->bucket, copy->object);
}

OPERATION(CopyObject, copy_object, .txn = TXN_NONE, .action = "s3:PutObject", .authorize = object_resource)
static Error *
copy_object(Call *call, const S3CopyObjectInput *in, S3CopyObjectOutput *ret_out)
{
  S3ObjectRecord object = {.Key = in->Key};
  g_auto(Copy) copy = {.bucket_name = in->Bucket, .object = &object};
  copy.conditions = (Conditions){in->CopySourceIfMatch, in->CopySourceIfNoneMatch, in->CopySourceIfModifiedSince, in->CopySourceIfUnmodifiedSince};
  TRY(parse_source(call, in->CopySource, &copy));
  TRY(call_read(call, load, &copy));
  TRY(check_owner(copy.bucket, in->ExpectedBucketOwner));
  TRY(fill_object(call, in, &copy, &object));
  TRY(read_source(call, &copy, 0, copy.source->Size.v));
  object.Size = OPT_INT(copy.draft.size);
  TRY(sse_begin(call, copy.bucket, SSE_REQUEST(in), &object, copy.key));
  TRY(call_write(call, store_object, &copy));
  ret_out->CopyObjectResult = ARENA_NEW(call->arena, S3CopyObjectResult);
  ret_out->CopyObjectResult->ETag = object.ETag;
  ret_out->CopyObjectResult->LastModified = object.Modified;
  ret_out->CopySourceVersionId = shown_version(copy.source_owner, copy.source);
  ret_out->VersionId = versioning_enabled(copy.bucket) ? object.VersionId : NULL;
  ret_out->Expiration = expiration_header(call->arena, copy.bucket, &object);
  SHOW_SSE(ret_out, &object);
  return NULL;
}

/* -- parts ---------------------------------------------------------------------------------------------------------------------------- */

static Error *
load_part(Call *call, gpointer data)
{
  Copy *copy = data;
  TRY(load(call, copy));
  return upload_get(call, copy->bucket_name, copy->upload->Object->Key, copy->upload->UploadId, &copy->upload);
}

static Error *
store_part(Call *call, gpointer data)
{
  Copy *copy = data;
  TRY(upload_get(call, copy->bucket_name, copy->upload->Object->Key, copy->upload->UploadId, &copy->upload));
  TRY(piece_commit(call, &copy->draft, copy->key, &copy->piece));
  return part_put(call, copy->upload, copy->part, copy->piece);
}

/* "bytes=a-b", both named and inside of the source. */
static Error *
source_span(const char *range, gint64 size, gint64 *ret_from, gint64 *ret_size)
{
  gint64 first = 0, last = size - 1;
  char *end = NULL;
  if (range) {
    gboolean good = g_str_has_prefix(range, "bytes=") && g_ascii_isdigit(range[6]);
    first = good ? g_ascii_strtoll(range + 6, &end, 10) : 0;
    good = good && *end == '-' && g_ascii_isdigit(end[1]);
    last = good ? g_ascii_strtoll(end + 1, &end, 10) : 0;
    if (!good || *end || first > last || last >= size)
      return invalid_argument("x-amz-copy-source-range", range,
                              "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets "
                              "of the first and last bytes to copy");
  }
  *ret_from = first;
  *ret_size = last - first + 1;
  return NULL;
}

OPERATION(UploadPartCopy, upload_part_copy, .txn = TXN_NONE, .action = "s3:PutObject", .authorize = object_resource)
static Error *
upload_part_copy(Call *call, const S3UploadPartCopyInput *in, S3UploadPartCopyOutput *ret_out)
{
  S3ObjectRecord target = {.Key = in->Key};
  S3UploadRecord upload = {.UploadId = in->UploadId, .Object = &target};
  g_auto(Copy) copy = {.bucket_name = in->Bucket, .upload = &upload, .part = in->PartNumber.v};
  gint64 from = 0, size = 0;
  copy.conditions = (Conditions){in->CopySourceIfMatch, in->CopySourceIfNoneMatch, in->CopySourceIfModifiedSince, in->CopySourceIfUnmodifiedSince};
  if (in->PartNumber.v < 1 || in->PartNumber.v > 10000)
    return invalid_argument("partNumber", "", "Part number must be an integer between 1 and 10000, inclusive");
  TRY(parse_source(call, in->CopySource, &copy));
  TRY(call_read(call, load_part, &copy));
  TRY(source_span(in->CopySourceRange, copy.source->Size.v, &from, &size));
  TRY(read_source(call, &copy, from, size));
  TRY(sse_open(call, in->Bucket, copy.upload->Object, copy.key));
  TRY(call_write(call, store_part, &copy));
  ret_out->CopyPartResult = ARENA_NEW(call->arena, S3CopyPartResult);
  ret_out->CopyPartResult->ETag = arena_printf(call->arena, "\"%s\"", copy.piece->Etag);
  ret_out->CopyPartResult->LastModified = copy.piece->Modified;
  ret_out->CopySourceVersionId = shown_version(copy.source_owner, copy.source);
  SHOW_SSE(ret_out, copy.upload->Object);
  return NULL;
}
