/* GetObject and HeadObject. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
#include "services/s3/s3.h"
#include <string.h>

typedef struct Span {
  gint64 from, size;
  gboolean partial;
} Span;

static Error *
not_satisfiable(Call *call, const char *range, gint64 size)
{
  Error *error = error_answer_status(416, "InvalidRange", "The requested range is not satisfiable");
  error = error_field(error, "RangeRequested", range);
  return error_field(error, "ActualObjectSize", arena_printf(call->arena, "%" G_GINT64_FORMAT, size));
}

/* "bytes=a-b", "bytes=a-", "bytes=-n"; anything else is no range (RFC 9110). */
static Error *
parse_range(Call *call, const char *range, gint64 size, Span *span)
{
  if (!range || !g_str_has_prefix(range, "bytes=") || strchr(range, ','))
    return NULL;
  const char *at = range + 6, *dash = strchr(at, '-');
  char *end = NULL;
  if (!dash || (dash == at && !g_ascii_isdigit(dash[1])) || (dash != at && !g_ascii_isdigit(*at)))
    return NULL;
  gint64 from = dash == at ? 0 : g_ascii_strtoll(at, &end, 10);
  if (dash != at && end != dash)
    return NULL;
  gint64 last = dash[1] ? g_ascii_strtoll(dash + 1, &end, 10) : size - 1;
  if (dash[1] && (*end || !g_ascii_isdigit(dash[1])))
    return NULL;
  if (dash == at) {
    from = MAX(0, size - last);
    if (last == 0 || size == 0)
      return not_satisfiable(call, range, size);
    last = size - 1;
  }
  if (dash != at && dash[1] && last < from)
    return NULL;
  if (from >= size)
    return not_satisfiable(call, range, size);
  *span = (Span){from, MIN(last, size - 1) - from + 1, TRUE};
  return NULL;
}

static Error *
part_span(const S3ObjectRecord *object, gint64 number, Span *span)
{
  gint64 from = 0;
  if (!OPT_OR(object->Multipart, FALSE) && number == 1)
    return NULL;
  for (gsize i = 0; i < object->Pieces.n; i++) {
    if ((gint64) i + 1 == number) {
      *span = (Span){from, object->Pieces.v[i]->Size.v, TRUE};
      return NULL;
    }
    from += object->Pieces.v[i]->Size.v;
  }
  return error_answer_status(416, "InvalidPartNumber", "The requested partnumber is not satisfiable");
}

static Error *
find_span(Call *call, const S3ObjectRecord *object, const char *range, OptInt part, Span *ret)
{
  *ret = (Span){0, object->Size.v, FALSE};
  if (part.set && range)
    return error_answer_status(400, "InvalidRequest", "Cannot specify both Range header and partNumber query parameter");
  return part.set ? part_span(object, part.v, ret) : parse_range(call, range, object->Size.v, ret);
}

#define SHOW_OBJECT(out, call, bucket, object, span)                                                                                 \
  do {                                                                                                                               \
    COPY_HEADERS(out, object);                                                                                                       \
    SHOW_SSE(out, object);                                                                                                           \
    (out)->AcceptRanges = "bytes";                                                                                                   \
    (out)->ETag = (object)->ETag;                                                                                                    \
    (out)->LastModified = (object)->Modified;                                                                                        \
    (out)->ContentLength = OPT_INT((span)->size);                                                                                    \
    (out)->VersionId = shown_version((bucket), (object));                                                                            \
    (out)->StorageClass = g_strcmp0((object)->StorageClass, "STANDARD") ? (object)->StorageClass : NULL;                             \
    (out)->Expiration = expiration_header((call)->arena, (bucket), (object));                                                        \
    if ((object)->Tags.n)                                                                                                            \
      (out)->TagCount = OPT_INT((gint64) (object)->Tags.n);                                                                          \
    if (in->PartNumber.set && OPT_OR((object)->Multipart, FALSE))                                                                    \
      (out)->PartsCount = OPT_INT((gint64) (object)->Pieces.n);                                                                      \
    if ((span)->partial) {                                                                                                           \
      (out)->StatusCode = OPT_INT(206);                                                                                              \
      (out)->ContentRange = arena_printf((call)->arena, "bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT,         \
                                         (span)->from, (span)->from + (span)->size - 1, (object)->Size.v);                           \
    }                                                                                                                                \
    if (in->ChecksumMode && !(span)->partial) {                                                                                      \
      SHOW_CHECKSUM(out, (object)->ChecksumAlgorithm, (object)->Checksum);                                                           \
      (out)->ChecksumType = (object)->ChecksumType;                                                                                  \
    }                                                                                                                                \
  } while (0)

static void
override_headers(const S3GetObjectInput *in, S3GetObjectOutput *out)
{
  out->ContentType = in->ResponseContentType ? in->ResponseContentType : out->ContentType;
  out->ContentDisposition = in->ResponseContentDisposition ? in->ResponseContentDisposition : out->ContentDisposition;
  out->ContentEncoding = in->ResponseContentEncoding ? in->ResponseContentEncoding : out->ContentEncoding;
  out->ContentLanguage = in->ResponseContentLanguage ? in->ResponseContentLanguage : out->ContentLanguage;
  out->CacheControl = in->ResponseCacheControl ? in->ResponseCacheControl : out->CacheControl;
  out->Expires = in->ResponseExpires.set ? in->ResponseExpires : out->Expires;
}

OPERATION(GetObject, get_object, .action = "s3:GetObject", .authorize = object_resource, .anonymous = TRUE)
static Error *
get_object(Call *call, const S3GetObjectInput *in, S3GetObjectOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3ObjectRecord *object = NULL;
  Span span;
  guint8 key[32];
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  TRY(object_for_read(call, in->Bucket, in->Key, in->VersionId, &object));
  TRY(check_conditions(&(Conditions){in->IfMatch, in->IfNoneMatch, in->IfModifiedSince, in->IfUnmodifiedSince}, object, FALSE));
  TRY(find_span(call, object, in->Range, in->PartNumber, &span));
  TRY(sse_open(call, in->Bucket, object, key));
  SHOW_OBJECT(ret_out, call, bucket, object, &span);
  override_headers(in, ret_out);
  return pieces_body(call, object, key, span.from, span.size, &ret_out->Body);
}

OPERATION(HeadObject, head_object, .action = "s3:GetObject", .authorize = object_resource, .anonymous = TRUE)
static Error *
head_object(Call *call, const S3HeadObjectInput *in, S3HeadObjectOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3ObjectRecord *object = NULL;
  Span span;
  guint8 key[32];
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  TRY(object_for_read(call, in->Bucket, in->Key, in->VersionId, &object));
  TRY(check_conditions(&(Conditions){in->IfMatch, in->IfNoneMatch, in->IfModifiedSince, in->IfUnmodifiedSince}, object, FALSE));
  TRY(find_span(call, object, in->Range, in->PartNumber, &span));
  TRY(sse_open(call, in->Bucket, object, key));
  SHOW_OBJECT(ret_out, call, bucket, object, &span);
  return NULL;
}

static gboolean
asks_for(const StringList *attributes, const char *name)
{
  return string_list_has(attributes, name);
}

/* How many parts it was uploaded in; each of them only if they have checksums. */
static S3GetObjectAttributesParts *
describe_parts(Call *call, const S3GetObjectAttributesInput *in, const S3ObjectRecord *object)
{
  S3GetObjectAttributesParts *out = ARENA_NEW(call->arena, S3GetObjectAttributesParts);
  gint64 after = CLAMP(OPT_OR(in->PartNumberMarker, 0), 0, G_MAXINT32), max = CLAMP(OPT_OR(in->MaxParts, 1000), 0, 1000);
  out->TotalPartsCount = OPT_INT((gint64) object->Pieces.n);
  if (!object->Checksum)
    return out;
  out->PartNumberMarker = OPT_INT(after);
  out->MaxParts = OPT_INT(max);
  out->IsTruncated = OPT_BOOL((gint64) object->Pieces.n > after + max);
  for (gint64 i = after; i < (gint64) object->Pieces.n && i < after + max; i++) {
    S3ObjectPart *part = ARENA_NEW(call->arena, S3ObjectPart);
    part->PartNumber = OPT_INT(i + 1);
    part->Size = object->Pieces.v[i]->Size;
    SHOW_CHECKSUM(part, object->ChecksumAlgorithm, object->Pieces.v[i]->Checksum);
    LIST_APPEND(call->arena, &out->Parts, part);
    out->NextPartNumberMarker = part->PartNumber;
  }
  return out;
}

OPERATION(GetObjectAttributes, get_object_attributes, .action = "s3:GetObjectAttributes", .authorize = object_resource)
static Error *
get_object_attributes(Call *call, const S3GetObjectAttributesInput *in, S3GetObjectAttributesOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3ObjectRecord *object = NULL;
  const StringList *attributes = (const StringList *) (const void *) &in->ObjectAttributes;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(object_for_read(call, in->Bucket, in->Key, in->VersionId, &object));
  ret_out->LastModified = object->Modified;
  ret_out->VersionId = shown_version(bucket, object);
  if (asks_for(attributes, "ETag"))
    ret_out->ETag = arena_strndup(call->arena, object->ETag + 1, strlen(object->ETag) - 2);
  if (asks_for(attributes, "ObjectSize"))
    ret_out->ObjectSize = object->Size;
  if (asks_for(attributes, "StorageClass"))
    ret_out->StorageClass = object->StorageClass;
  if (asks_for(attributes, "Checksum") && object->Checksum) {
    ret_out->Checksum = ARENA_NEW(call->arena, S3Checksum);
    ret_out->Checksum->ChecksumType = object->ChecksumType;
    SHOW_CHECKSUM(ret_out->Checksum, object->ChecksumAlgorithm, object->Checksum);
  }
  if (asks_for(attributes, "ObjectParts") && OPT_OR(object->Multipart, FALSE))
    ret_out->ObjectParts = describe_parts(call, in, object);
  return NULL;
}
