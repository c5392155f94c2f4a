/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html */
#include "services/s3/checksum.h"
#include "services/s3/s3.h"
#include <stdlib.h>
#include <string.h>

#define PART_MIN (5 * 1024 * 1024)
#define PARTS_MAX 10000

static void
upload_key(Key *key, const char *bucket, const char *object, const char *upload_id)
{
  key_strings(key, bucket, object, upload_id, NULL);
}

static void
part_key(Key *key, const char *upload_id, gint64 number)
{
  key_strings(key, upload_id, NULL);
  key_add_int(key, number);
}

Error *
upload_get(Call *call, const char *bucket, const char *object, const char *upload_id, S3UploadRecord **ret_upload)
{
  Key key;
  upload_key(&key, bucket, object, upload_id);
  TRY(record_get(call->txn, &s3_uploads, &key, &S3UploadRecord_shape, call->arena, (void **) ret_upload));
  return *ret_upload ? NULL : no_such_upload(upload_id);
}

/* The parts in order. */
static Error *
parts_get(Call *call, const char *upload_id, S3PieceRecords *ret_parts)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  key_strings(&prefix, upload_id, NULL);
  TRY(cursor_open(call->txn, &s3_parts, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    S3PieceRecord *part = NULL;
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &S3PieceRecord_shape, data, size, (void **) &part));
    LIST_APPEND(call->arena, ret_parts, part);
  }
  return NULL;
}

static Error *
upload_forget(Call *call, const char *bucket, const S3UploadRecord *upload)
{
  Key key;
  key_strings(&key, upload->UploadId, NULL);
  TRY(store_delete_prefix(call->txn, &s3_parts, &key, NULL));
  upload_key(&key, bucket, upload->Object->Key, upload->UploadId);
  return store_delete(call->txn, &s3_uploads, &key, NULL);
}

Error *
upload_remove(Call *call, const char *bucket, const S3UploadRecord *upload)
{
  S3PieceRecords parts = {0};
  TRY(parts_get(call, upload->UploadId, &parts));
  TRY(pieces_unlink(call, &parts));
  return upload_forget(call, bucket, upload);
}

static const char *
lower(Call *call, const char *name)
{
  g_autofree char *text = g_ascii_strdown(name, -1);
  return arena_strdup(call->arena, text);
}

/* The type that goes with an algorithm if none is asked for; refuses what cannot be. */
static Error *
check_type(Call *call, const char *algorithm, const char *asked, const char **ret_type)
{
  gboolean nvme = g_strcmp0(algorithm, "CRC64NVME") == 0, sha = algorithm && g_str_has_prefix(algorithm, "SHA");
  *ret_type = !algorithm ? NULL : asked ? asked : nvme ? "FULL_OBJECT" : "COMPOSITE";
  if (!algorithm && asked)
    return error_answer_status(400, "InvalidRequest", "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
  if (asked && ((nvme && strcmp(asked, "COMPOSITE") == 0) || (sha && strcmp(asked, "FULL_OBJECT") == 0)))
    return error_answer_status(400, "InvalidRequest", "The %s checksum type cannot be used with the %s checksum algorithm.", asked, lower(call, algorithm));
  return NULL;
}

static Error *
check_part_algorithm(Call *call, const S3UploadRecord *upload, const char *given)
{
  const char *expected = upload->Object->ChecksumAlgorithm;
  if (!expected || !given || strcmp(expected, given) == 0)
    return NULL;
  return error_answer_status(400, "InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                             lower(call, expected), lower(call, given));
}

OPERATION(CreateMultipartUpload, create_multipart_upload, .txn = TXN_WRITE, .action = "s3:PutObject", .authorize = object_resource)
static Error *
create_multipart_upload(Call *call, const S3CreateMultipartUploadInput *in, S3CreateMultipartUploadOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3ObjectRecord object = {.Key = in->Key};
  guint8 data_key[32];
  Key key;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  if (strlen(in->Key) > 1024)
    return error_field(error_answer_status(400, "KeyTooLongError", "Your key is too long"), "MaxSizeAllowed", "1024");
  COPY_HEADERS(&object, in);
  if (!object.ContentType)
    object.ContentType = "binary/octet-stream";
  object.StorageClass = in->StorageClass ? in->StorageClass : "STANDARD";
  object.ChecksumAlgorithm = in->ChecksumAlgorithm;
  TRY(check_type(call, in->ChecksumAlgorithm, in->ChecksumType, &object.ChecksumType));
  object.Multipart = OPT_BOOL(TRUE);
  if (in->Tagging)
    TRY(tags_from_header(call->arena, in->Tagging, &object.Tags));
  TRY(sse_begin(call, bucket, SSE_REQUEST(in), &object, data_key));
  S3UploadRecord upload = {.Object = &object, .Initiated = OPT_TIME(call->now / 1000 * 1000), .Initiator = call->principal->arn};
  upload.UploadId = id_alphabet(call->arena, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._", 64);
  upload_key(&key, in->Bucket, in->Key, upload.UploadId);
  TRY(record_put(call->txn, &s3_uploads, &key, &S3UploadRecord_shape, &upload));
  ret_out->Bucket = in->Bucket;
  ret_out->Key = in->Key;
  ret_out->UploadId = upload.UploadId;
  ret_out->ChecksumAlgorithm = in->ChecksumAlgorithm;
  ret_out->ChecksumType = object.ChecksumType;
  SHOW_SSE(ret_out, &object);
  return NULL;
}

static Error *
check_number(gint64 number)
{
  return number < 1 || number > PARTS_MAX ? invalid_argument("partNumber", "", "Part number must be an integer between 1 and 10000, inclusive") : NULL;
}

Error *
part_put(Call *call, const S3UploadRecord *upload, gint64 number, S3PieceRecord *piece)
{
  Key key;
  const void *old = NULL;
  gsize size = 0;
  part_key(&key, upload->UploadId, number);
  TRY(store_get(call->txn, &s3_parts, &key, &old, &size));
  if (old) {
    S3PieceRecord *before = NULL;
    TRY(record_decode(call->arena, &S3PieceRecord_shape, old, size, (void **) &before));
    if (before->Blob)
      TRY(store_blob_unlink(call->txn, before->Blob));
  }
  piece->Number = OPT_INT(number);
  return record_put(call->txn, &s3_parts, &key, &S3PieceRecord_shape, piece);
}

OPERATION(UploadPart, upload_part, .txn = TXN_WRITE, .action = "s3:PutObject", .authorize = object_resource)
static Error *
upload_part(Call *call, const S3UploadPartInput *in, S3UploadPartOutput *ret_out)
{
  S3UploadRecord *upload = NULL;
  S3PieceRecord *piece = NULL;
  g_auto(PieceDraft) draft = {0};
  guint8 key[32];
  TRY(check_number(in->PartNumber.v));
  TRY(upload_get(call, in->Bucket, in->Key, in->UploadId, &upload));
  const char *algorithm = NAMED_CHECKSUM(in);
  TRY(check_part_algorithm(call, upload, algorithm));
  TRY(piece_draft(call, in->Body, LIMIT_OBJECT_MAX, &draft));
  TRY(sse_open(call, in->Bucket, upload->Object, key));
  TRY(piece_commit(call, &draft, key, &piece));
  piece->Checksum = digest_checksum(call->arena, &draft.digests, algorithm);
  TRY(part_put(call, upload, in->PartNumber.v, piece));
  ret_out->ETag = arena_printf(call->arena, "\"%s\"", piece->Etag);
  SHOW_SSE(ret_out, upload->Object);
  SHOW_CHECKSUM(ret_out, algorithm, piece->Checksum);
  return NULL;
}

/* -- completion ----------------------------------------------------------------------------------------------------------------------- */

static gboolean
same_etag(const char *given, const char *md5)
{
  gsize size = strlen(given);
  if (size >= 2 && given[0] == '"' && given[size - 1] == '"')
    return size - 2 == strlen(md5) && !strncmp(given + 1, md5, size - 2);
  return !strcmp(given, md5);
}

static Error *
invalid_part(const S3CompletedPart *part)
{
  return error_field(error_answer_status(400, "InvalidPart",
                                         "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
                                         "specified entity tag may not match the part's entity tag."),
                     "ETag", part->ETag ? part->ETag : "");
}

static Error *
too_small(Call *call, const S3PieceRecord *part)
{
  Error *error = error_answer_status(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
  error = error_field(error, "ProposedSize", arena_printf(call->arena, "%" G_GINT64_FORMAT, part->Size.v));
  error = error_field(error, "MinSizeAllowed", "5242880");
  error = error_field(error, "PartNumber", arena_printf(call->arena, "%" G_GINT64_FORMAT, part->Number.v));
  return error_field(error, "ETag", part->Etag);
}

/* Picks the parts that the client names out of those that are there; both in order. */
static Error *
pick_parts(Call *call, const S3CompletedPartList *wanted, const S3PieceRecords *have, S3ObjectRecord *object)
{
  gsize at = 0;
  gint64 size = 0;
  for (gsize i = 1; i < wanted->n; i++)
    if (wanted->v[i]->PartNumber.v <= wanted->v[i - 1]->PartNumber.v)
      return error_answer_status(400, "InvalidPartOrder",
                                 "The list of parts was not in ascending order. The parts list must be specified in order by part number.");
  for (gsize i = 0; i < wanted->n; i++) {
    const S3CompletedPart *part = wanted->v[i];
    while (at < have->n && have->v[at]->Number.v < part->PartNumber.v)
      at++;
    if (at >= have->n || have->v[at]->Number.v != part->PartNumber.v || !part->ETag || !same_etag(part->ETag, have->v[at]->Etag))
      return invalid_part(part);
    if (i + 1 < wanted->n && have->v[at]->Size.v < PART_MIN)
      return too_small(call, have->v[at]);
    size += have->v[at]->Size.v;
    LIST_APPEND(call->arena, &object->Pieces, have->v[at]);
  }
  object->Size = OPT_INT(size);
  return NULL;
}

static Error *
drop_unpicked(Call *call, const S3PieceRecords *have, const S3PieceRecords *picked)
{
  gsize at = 0;
  for (gsize i = 0; i < have->n; i++) {
    if (at < picked->n && picked->v[at] == have->v[i])
      at++;
    else if (have->v[i]->Blob)
      TRY(store_blob_unlink(call->txn, have->v[i]->Blob));
  }
  return NULL;
}

/* MD5 over the parts' MD5s, and their number. */
static const char *
multipart_etag(Call *call, const S3PieceRecords *parts)
{
  g_autoptr(GChecksum) md5 = g_checksum_new(G_CHECKSUM_MD5);
  for (gsize i = 0; i < parts->n; i++) {
    guint8 digest[16];
    for (int j = 0; j < 16; j++)
      digest[j] = (guint8) (g_ascii_xdigit_value(parts->v[i]->Etag[2 * j]) << 4 | g_ascii_xdigit_value(parts->v[i]->Etag[2 * j + 1]));
    g_checksum_update(md5, digest, 16);
  }
  return arena_printf(call->arena, "\"%s-%" G_GSIZE_FORMAT "\"", g_checksum_get_string(md5), parts->n);
}

/* Of the parts' checksums: their checksum (COMPOSITE), or what it would be of all bytes (FULL_OBJECT). NULL: a part has none. */
static const char *
object_checksum(Call *call, const S3ObjectRecord *object, gboolean composite)
{
  const char *name = object->ChecksumAlgorithm;
  g_autoptr(GByteArray) all = g_byte_array_new();
  guint8 sum[32];
  gsize n = checksum_of(name, "", 0, sum), size = 0;
  for (gsize i = 0; i < object->Pieces.n; i++) {
    const S3PieceRecord *piece = object->Pieces.v[i];
    const guint8 *part = piece->Checksum ? text_unbase64(call->arena, piece->Checksum, &size) : NULL;
    if (!part || size != n || (!composite && !checksum_append(name, sum, part, (guint64) OPT_OR(piece->Size, 0))))
      return NULL;
    g_byte_array_append(all, part, (guint) size);
  }
  if (!composite)
    return text_base64(call->arena, sum, n);
  checksum_of(name, all->data, all->len, sum);
  return arena_printf(call->arena, "%s-%" G_GSIZE_FORMAT, text_base64(call->arena, sum, n), object->Pieces.n);
}

#define GIVEN_CHECKSUM(in)                                                                                                           \
  ((in)->ChecksumCRC32    ? (in)->ChecksumCRC32                                                                                      \
   : (in)->ChecksumCRC32C ? (in)->ChecksumCRC32C                                                                                     \
   : (in)->ChecksumSHA1   ? (in)->ChecksumSHA1                                                                                       \
   : (in)->ChecksumSHA256 ? (in)->ChecksumSHA256                                                                                     \
                          : (in)->ChecksumCRC64NVME)

/* Gives the object its checksum, and holds it against what the request says; so the parts' before it. */
static Error *
complete_checksum(Call *call, const S3CompleteMultipartUploadInput *in, S3ObjectRecord *object)
{
  const char *name = object->ChecksumAlgorithm, *given = GIVEN_CHECKSUM(in);
  gboolean composite = g_strcmp0(object->ChecksumType, "FULL_OBJECT") != 0;
  for (gsize i = 0; name && i < object->Pieces.n; i++) {
    const S3CompletedPart *part = in->MultipartUpload->Parts.v[i];
    const char *of_part = GIVEN_CHECKSUM(part);
    if (!of_part && composite)
      return error_answer_status(400, "InvalidRequest",
                                 "The upload was created using a %s checksum. The complete request must include the checksum for each part. It was "
                                 "missing for part %" G_GINT64_FORMAT " in the request.", lower(call, name), part->PartNumber.v);
    if (of_part && g_strcmp0(of_part, object->Pieces.v[i]->Checksum) != 0)
      return invalid_part(part);
  }
  object->Checksum = name ? object_checksum(call, object, composite) : NULL;
  if (object->Checksum && given && strcmp(given, object->Checksum) != 0)
    return error_answer_status(400, "BadDigest", "The %s you specified did not match the calculated checksum.", lower(call, name));
  if (!object->Checksum)
    object->ChecksumAlgorithm = object->ChecksumType = NULL;
  return NULL;
}

static void
show_complete(Call *call, const S3CompleteMultipartUploadInput *in, const S3BucketRecord *bucket, const S3ObjectRecord *object,
              S3CompleteMultipartUploadOutput *out)
{
  out->Bucket = in->Bucket;
  out->Key = in->Key;
  out->ETag = object->ETag;
  out->Location = arena_printf(call->arena, "https://%s.s3.%s.amazonaws.com/%s", in->Bucket, bucket->Region, text_uri_encode(call->arena, in->Key, TRUE));
  out->VersionId = versioning_enabled(bucket) ? object->VersionId : NULL;
  out->Expiration = expiration_header(call->arena, bucket, object);
  out->ChecksumType = object->ChecksumType;
  SHOW_SSE(out, object);
  SHOW_CHECKSUM(out, object->ChecksumAlgorithm, object->Checksum);
}

OPERATION(CompleteMultipartUpload, complete_multipart_upload, .txn = TXN_WRITE, .action = "s3:PutObject", .authorize = object_resource)
static Error *
complete_multipart_upload(Call *call, const S3CompleteMultipartUploadInput *in, S3CompleteMultipartUploadOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3UploadRecord *upload = NULL;
  S3ObjectRecord *there = NULL;
  S3PieceRecords have = {0};
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(upload_get(call, in->Bucket, in->Key, in->UploadId, &upload));
  if (!in->MultipartUpload || !in->MultipartUpload->Parts.n)
    return error_answer_status(400, "InvalidRequest", "You must specify at least one part");
  if (in->IfMatch || in->IfNoneMatch) {
    TRY(object_find(call, in->Bucket, in->Key, NULL, &there));
    TRY(check_write_conditions(in->IfMatch, in->IfNoneMatch, in->Key, there));
  }
  S3ObjectRecord *object = upload->Object;
  TRY(parts_get(call, in->UploadId, &have));
  TRY(pick_parts(call, &in->MultipartUpload->Parts, &have, object));
  TRY(drop_unpicked(call, &have, &object->Pieces));
  object->ETag = multipart_etag(call, &object->Pieces);
  TRY(complete_checksum(call, in, object));
  TRY(upload_forget(call, in->Bucket, upload));
  TRY(object_insert(call, bucket, object));
  show_complete(call, in, bucket, object, ret_out);
  return NULL;
}

OPERATION(AbortMultipartUpload, abort_multipart_upload, .txn = TXN_WRITE, .action = "s3:AbortMultipartUpload", .authorize = object_resource)
static Error *
abort_multipart_upload(Call *call, const S3AbortMultipartUploadInput *in, S3AbortMultipartUploadOutput *ret_out)
{
  S3UploadRecord *upload = NULL;
  TRY(upload_get(call, in->Bucket, in->Key, in->UploadId, &upload));
  return upload_remove(call, in->Bucket, upload);
}

/* -- listings ------------------------------------------------------------------------------------------------------------------------- */

static S3Initiator *
initiator(Call *call, const S3BucketRecord *bucket, const S3UploadRecord *upload)
{
  S3Initiator *who = ARENA_NEW(call->arena, S3Initiator);
  who->ID = upload->Initiator;
  who->DisplayName = bucket->Account;
  return who;
}

OPERATION(ListParts, list_parts, .action = "s3:ListMultipartUploadParts", .authorize = object_resource)
static Error *
list_parts(Call *call, const S3ListPartsInput *in, S3ListPartsOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3UploadRecord *upload = NULL;
  S3PieceRecords have = {0};
  gint64 after = OPT_OR(in->PartNumberMarker, 0), max = CLAMP(OPT_OR(in->MaxParts, 1000), 0, 1000);
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(upload_get(call, in->Bucket, in->Key, in->UploadId, &upload));
  TRY(parts_get(call, in->UploadId, &have));
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  for (gsize i = 0; i < have.n; i++) {
    const S3PieceRecord *piece = have.v[i];
    if (piece->Number.v <= after)
      continue;
    if ((gint64) ret_out->Parts.n >= max) {
      ret_out->IsTruncated.v = TRUE;
      break;
    }
    S3Part *part = ARENA_NEW(call->arena, S3Part);
    *part = (S3Part){.PartNumber = piece->Number, .LastModified = piece->Modified, .Size = piece->Size,
                     .ETag = arena_printf(call->arena, "\"%s\"", piece->Etag)};
    SHOW_CHECKSUM(part, upload->Object->ChecksumAlgorithm, piece->Checksum);
    LIST_APPEND(call->arena, &ret_out->Parts, part);
    ret_out->NextPartNumberMarker = piece->Number;
  }
  ret_out->Bucket = in->Bucket;
  ret_out->Key = in->Key;
  ret_out->UploadId = in->UploadId;
  ret_out->MaxParts = OPT_INT(max);
  ret_out->PartNumberMarker = OPT_INT(after);
  ret_out->StorageClass = upload->Object->StorageClass;
  ret_out->Owner = owner_of(call->arena, bucket->Account);
  ret_out->Initiator = initiator(call, bucket, upload);
  return NULL;
}

static gboolean
after_markers(const S3ListMultipartUploadsInput *in, const S3UploadRecord *upload)
{
  int order = in->KeyMarker ? strcmp(upload->Object->Key, in->KeyMarker) : 1;
  return order > 0 || (order == 0 && in->UploadIdMarker && strcmp(upload->UploadId, in->UploadIdMarker) > 0);
}

static void
add_upload(Call *call, const S3BucketRecord *bucket, const S3UploadRecord *upload, S3ListMultipartUploadsOutput *out)
{
  S3MultipartUpload *item = ARENA_NEW(call->arena, S3MultipartUpload);
  const char *key = out->EncodingType ? text_uri_encode(call->arena, upload->Object->Key, TRUE) : upload->Object->Key;
  *item = (S3MultipartUpload){.UploadId = upload->UploadId, .Key = key, .Initiated = upload->Initiated, .StorageClass = upload->Object->StorageClass,
                              .Owner = owner_of(call->arena, bucket->Account), .Initiator = initiator(call, bucket, upload)};
  LIST_APPEND(call->arena, &out->Uploads, item);
  out->NextKeyMarker = key;
  out->NextUploadIdMarker = upload->UploadId;
}

static gboolean
roll_up(Call *call, const S3ListMultipartUploadsInput *in, const char *key, S3ListMultipartUploadsOutput *out)
{
  const char *prefix = in->Prefix ? in->Prefix : "";
  const char *found = in->Delimiter && *in->Delimiter ? strstr(key + strlen(prefix), in->Delimiter) : NULL;
  if (!found)
    return FALSE;
  char *common = arena_strndup(call->arena, key, (gsize) (found - key) + strlen(in->Delimiter));
  if (out->CommonPrefixes.n && !strcmp(out->CommonPrefixes.v[out->CommonPrefixes.n - 1]->Prefix, common))
    return TRUE;
  S3CommonPrefix *item = ARENA_NEW(call->arena, S3CommonPrefix);
  item->Prefix = common;
  LIST_APPEND(call->arena, &out->CommonPrefixes, item);
  return TRUE;
}

OPERATION(ListMultipartUploads, list_multipart_uploads, .action = "s3:ListBucketMultipartUploads", .authorize = bucket_resource)
static Error *
list_multipart_uploads(Call *call, const S3ListMultipartUploadsInput *in, S3ListMultipartUploadsOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  g_autoptr(Cursor) cursor = NULL;
  gint64 max = CLAMP(OPT_OR(in->MaxUploads, 1000), 0, 1000);
  Key prefix;
  TRY(bucket_get(call, in->Bucket, &bucket));
  key_strings(&prefix, in->Bucket, NULL);
  if (in->Prefix)
    key_add_raw(&prefix, in->Prefix, strlen(in->Prefix));
  ret_out->EncodingType = in->EncodingType;
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  TRY(cursor_open(call->txn, &s3_uploads, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    S3UploadRecord *upload = NULL;
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &S3UploadRecord_shape, data, size, (void **) &upload));
    if (!after_markers(in, upload))
      continue;
    if ((gint64) (ret_out->Uploads.n + ret_out->CommonPrefixes.n) >= max) {
      ret_out->IsTruncated.v = TRUE;
      break;
    }
    if (!roll_up(call, in, upload->Object->Key, ret_out))
      add_upload(call, bucket, upload, ret_out);
  }
  if (!ret_out->IsTruncated.v)
    ret_out->NextKeyMarker = ret_out->NextUploadIdMarker = NULL;
  ret_out->Bucket = in->Bucket;
  ret_out->KeyMarker = in->KeyMarker ? in->KeyMarker : "";
  ret_out->UploadIdMarker = in->UploadIdMarker ? in->UploadIdMarker : "";
  ret_out->Prefix = in->Prefix;
  ret_out->Delimiter = in->Delimiter;
  ret_out->MaxUploads = OPT_INT(max);
  return NULL;
}
