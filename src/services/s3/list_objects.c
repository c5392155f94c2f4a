/* Listings: v1, v2, versions. One walk over the keys serves all: it rolls keys up at the delimiter and skips what was rolled up.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
#include "services/s3/s3.h"
#include <string.h>

typedef struct Walk {
  Call *call;
  const S3BucketRecord *bucket;
  const char *prefix, *delimiter;
  const char *after;            /* key to begin behind, or NULL */
  const char *after_version;    /* versions: begin behind this one of that key */
  gint64 max;
  gboolean versions, url;
  /* what was found */
  gint64 n;
  gboolean truncated;
  const char *last, *last_version;
  S3CommonPrefixList prefixes;
  GPtrArray *objects;           /* S3ObjectRecord */
  GArray *latest;               /* gboolean of each */
} Walk;

static const char *
shown(const Walk *walk, const char *key)
{
  return key && walk->url ? text_uri_encode(walk->call->arena, key, TRUE) : key;
}

static gboolean
take_room(Walk *walk)
{
  if (walk->n >= walk->max) {
    walk->truncated = TRUE;
    return FALSE;
  }
  walk->n++;
  return TRUE;
}

/* The prefix that a key is rolled up to, or NULL (arena). */
static char *
rolled_up(const Walk *walk, const char *key)
{
  if (!walk->delimiter || !*walk->delimiter)
    return NULL;
  const char *found = strstr(key + strlen(walk->prefix), walk->delimiter);
  return found ? arena_strndup(walk->call->arena, key, (gsize) (found - key) + strlen(walk->delimiter)) : NULL;
}

static void
add_prefix(Walk *walk, const char *prefix)
{
  S3CommonPrefix *item = ARENA_NEW(walk->call->arena, S3CommonPrefix);
  item->Prefix = shown(walk, prefix);
  LIST_APPEND(walk->call->arena, &walk->prefixes, item);
  walk->last = prefix;
  walk->last_version = NULL;
}

/* A cursor at the first key that is not below skip (a rolled-up prefix), or behind all versions of it (a key). */
static Error *
open_at(const Walk *walk, const char *skip, gboolean is_prefix, Cursor **ret_cursor)
{
  Key prefix, from;
  key_strings(&prefix, walk->bucket->Name, NULL);
  key_add_raw(&prefix, walk->prefix, strlen(walk->prefix));
  key_strings(&from, walk->bucket->Name, NULL);
  if (skip && is_prefix) {
    key_add_raw(&from, skip, strlen(skip));
    key_add_raw(&from, "\xff", 1); /* no key has it: keys are UTF-8 */
  } else if (skip) {
    key_add(&from, skip);
    key_add_int(&from, G_MAXINT64);
  }
  gboolean behind = skip && (from.size < prefix.size ? memcmp(from.data, prefix.data, from.size) < 0 : memcmp(from.data, prefix.data, prefix.size) < 0);
  return cursor_open(walk->call->txn, &s3_objects, &(CursorOptions){.prefix = &prefix, .from = skip && !behind ? &from : NULL}, ret_cursor);
}

/* Takes one stored version. *ret_skip: go on behind this prefix. FALSE: the listing is full. */
static gboolean
take(Walk *walk, S3ObjectRecord *object, gboolean newest, const char **ret_skip)
{
  gboolean marker = OPT_OR(object->DeleteMarker, FALSE);
  if (!walk->versions && (!newest || marker))
    return TRUE;
  char *prefix = rolled_up(walk, object->Key);
  if (!take_room(walk))
    return FALSE;
  if (prefix) {
    add_prefix(walk, prefix);
    *ret_skip = prefix;
    return TRUE;
  }
  g_ptr_array_add(walk->objects, object);
  g_array_append_val(walk->latest, newest);
  walk->last = object->Key;
  walk->last_version = object->VersionId;
  return TRUE;
}

static Error *
walk_from(Walk *walk, const char *skip, gboolean is_prefix, const char **ret_skip)
{
  g_autoptr(Cursor) cursor = NULL;
  const char *previous = NULL;
  gboolean resume = walk->versions && walk->after_version && !is_prefix && skip;
  TRY(open_at(walk, resume ? NULL : skip, is_prefix, &cursor));
  while (cursor_next(cursor)) {
    S3ObjectRecord *object = NULL;
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(walk->call->arena, &S3ObjectRecord_shape, data, size, (void **) &object));
    gboolean newest = !previous || strcmp(previous, object->Key);
    previous = object->Key;
    if (resume) { /* up to and with the marker's version */
      int order = strcmp(object->Key, skip);
      if (order <= 0) {
        resume = !(order == 0 && !strcmp(object->VersionId, walk->after_version));
        continue;
      }
      resume = FALSE;
    }
    if (!take(walk, object, newest, ret_skip) || *ret_skip)
      return NULL;
  }
  return NULL;
}

static Error *
walk_run(Walk *walk)
{
  const char *skip = walk->after && *walk->after ? walk->after : NULL;
  char *rolled = skip && g_str_has_prefix(skip, walk->prefix) ? rolled_up(walk, skip) : NULL;
  gboolean is_prefix = rolled && !strcmp(rolled, skip);
  if (walk->max == 0)
    return NULL;
  for (;;) {
    const char *next = NULL;
    TRY(walk_from(walk, skip, is_prefix, &next));
    if (!next)
      return NULL;
    skip = next;
    is_prefix = TRUE;
    walk->after_version = NULL;
  }
}

static void
walk_clear(Walk *walk)
{
  g_clear_pointer(&walk->objects, g_ptr_array_unref);
  g_clear_pointer(&walk->latest, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Walk, walk_clear)

static Error *
walk_begin(Walk *walk, Call *call, const char *bucket, const char *prefix, const char *delimiter, OptInt max, const char *encoding)
{
  S3BucketRecord *record = NULL;
  TRY(bucket_get(call, bucket, &record));
  if (max.set && max.v < 0)
    return invalid_argument("max-keys", "-1", "Argument maxKeys must be an integer between 0 and 2147483647");
  if (encoding && strcmp(encoding, "url"))
    return invalid_argument("encoding-type", encoding, "Invalid Encoding Method specified in Request");
  walk->call = call;
  walk->bucket = record;
  walk->prefix = prefix ? prefix : "";
  walk->delimiter = delimiter;
  walk->max = MIN(OPT_OR(max, 1000), 1000);
  walk->url = encoding != NULL;
  walk->objects = g_ptr_array_new();
  walk->latest = g_array_new(FALSE, FALSE, sizeof(gboolean));
  return NULL;
}

static S3ObjectList
contents(const Walk *walk, gboolean owner)
{
  S3ObjectList list = {0};
  for (guint i = 0; i < walk->objects->len; i++) {
    const S3ObjectRecord *object = walk->objects->pdata[i];
    S3Object *item = ARENA_NEW(walk->call->arena, S3Object);
    *item = (S3Object){.Key = shown(walk, object->Key), .LastModified = object->Modified, .ETag = object->ETag, .Size = object->Size,
                       .StorageClass = object->StorageClass};
    if (object->ChecksumAlgorithm)
      LIST_APPEND(walk->call->arena, &item->ChecksumAlgorithm, object->ChecksumAlgorithm);
    if (owner)
      item->Owner = owner_of(walk->call->arena, walk->bucket->Account);
    LIST_APPEND(walk->call->arena, &list, item);
  }
  return list;
}

OPERATION(ListObjects, list_objects, .action = "s3:ListBucket", .authorize = bucket_resource, .anonymous = TRUE)
static Error *
list_objects(Call *call, const S3ListObjectsInput *in, S3ListObjectsOutput *ret_out)
{
  g_auto(Walk) walk = {.after = in->Marker};
  TRY(walk_begin(&walk, call, in->Bucket, in->Prefix, in->Delimiter, in->MaxKeys, in->EncodingType));
  TRY(check_owner(walk.bucket, in->ExpectedBucketOwner));
  TRY(walk_run(&walk));
  ret_out->Name = in->Bucket;
  ret_out->Prefix = shown(&walk, walk.prefix);
  ret_out->Marker = in->Marker ? shown(&walk, in->Marker) : "";
  ret_out->MaxKeys = OPT_INT(walk.max);
  ret_out->Delimiter = shown(&walk, in->Delimiter);
  ret_out->EncodingType = in->EncodingType;
  ret_out->IsTruncated = OPT_BOOL(walk.truncated);
  if (walk.truncated && in->Delimiter)
    ret_out->NextMarker = shown(&walk, walk.last);
  ret_out->Contents = contents(&walk, TRUE);
  ret_out->CommonPrefixes = walk.prefixes;
  return NULL;
}

OPERATION(ListObjectsV2, list_objects_v2, .action = "s3:ListBucket", .authorize = bucket_resource, .anonymous = TRUE)
static Error *
list_objects_v2(Call *call, const S3ListObjectsV2Input *in, S3ListObjectsV2Output *ret_out)
{
  g_auto(Walk) walk = {.after = in->StartAfter};
  gsize size = 0;
  if (in->ContinuationToken) {
    walk.after = (const char *) text_unbase64(call->arena, in->ContinuationToken, &size);
    if (!walk.after || !size)
      return invalid_argument("continuation-token", in->ContinuationToken, "The continuation token provided is incorrect");
  }
  TRY(walk_begin(&walk, call, in->Bucket, in->Prefix, in->Delimiter, in->MaxKeys, in->EncodingType));
  TRY(check_owner(walk.bucket, in->ExpectedBucketOwner));
  TRY(walk_run(&walk));
  ret_out->Name = in->Bucket;
  ret_out->Prefix = shown(&walk, walk.prefix);
  ret_out->MaxKeys = OPT_INT(walk.max);
  ret_out->Delimiter = shown(&walk, in->Delimiter);
  ret_out->EncodingType = in->EncodingType;
  ret_out->ContinuationToken = in->ContinuationToken;
  ret_out->StartAfter = shown(&walk, in->StartAfter);
  ret_out->KeyCount = OPT_INT(walk.n);
  ret_out->IsTruncated = OPT_BOOL(walk.truncated);
  if (walk.truncated)
    ret_out->NextContinuationToken = text_base64(call->arena, walk.last, strlen(walk.last));
  ret_out->Contents = contents(&walk, OPT_OR(in->FetchOwner, FALSE));
  ret_out->CommonPrefixes = walk.prefixes;
  return NULL;
}

static void
show_version(const Walk *walk, guint i, S3ListObjectVersionsOutput *out)
{
  Arena *arena = walk->call->arena;
  const S3ObjectRecord *object = walk->objects->pdata[i];
  OptBool latest = OPT_BOOL(g_array_index(walk->latest, gboolean, i));
  if (OPT_OR(object->DeleteMarker, FALSE)) {
    S3DeleteMarkerEntry *marker = ARENA_NEW(arena, S3DeleteMarkerEntry);
    *marker = (S3DeleteMarkerEntry){.Owner = owner_of(arena, walk->bucket->Account), .Key = shown(walk, object->Key), .VersionId = object->VersionId,
                                    .IsLatest = latest, .LastModified = object->Modified};
    LIST_APPEND(arena, &out->DeleteMarkers, marker);
    return;
  }
  S3ObjectVersion *version = ARENA_NEW(arena, S3ObjectVersion);
  *version = (S3ObjectVersion){.ETag = object->ETag, .Size = object->Size, .StorageClass = object->StorageClass, .Key = shown(walk, object->Key),
                               .VersionId = object->VersionId, .IsLatest = latest, .LastModified = object->Modified,
                               .Owner = owner_of(arena, walk->bucket->Account)};
  LIST_APPEND(arena, &out->Versions, version);
}

OPERATION(ListObjectVersions, list_object_versions, .action = "s3:ListBucketVersions", .authorize = bucket_resource, .anonymous = TRUE)
static Error *
list_object_versions(Call *call, const S3ListObjectVersionsInput *in, S3ListObjectVersionsOutput *ret_out)
{
  g_auto(Walk) walk = {.after = in->KeyMarker, .after_version = in->VersionIdMarker, .versions = TRUE};
  if (in->VersionIdMarker && !in->KeyMarker)
    return invalid_argument("version-id-marker", in->VersionIdMarker, "A version-id marker cannot be specified without a key marker.");
  TRY(walk_begin(&walk, call, in->Bucket, in->Prefix, in->Delimiter, in->MaxKeys, in->EncodingType));
  TRY(check_owner(walk.bucket, in->ExpectedBucketOwner));
  TRY(walk_run(&walk));
  ret_out->Name = in->Bucket;
  ret_out->Prefix = shown(&walk, walk.prefix);
  ret_out->KeyMarker = in->KeyMarker ? shown(&walk, in->KeyMarker) : "";
  ret_out->VersionIdMarker = in->VersionIdMarker ? in->VersionIdMarker : "";
  ret_out->MaxKeys = OPT_INT(walk.max);
  ret_out->Delimiter = shown(&walk, in->Delimiter);
  ret_out->EncodingType = in->EncodingType;
  ret_out->IsTruncated = OPT_BOOL(walk.truncated);
  if (walk.truncated) {
    ret_out->NextKeyMarker = shown(&walk, walk.last);
    ret_out->NextVersionIdMarker = walk.last_version;
  }
  for (guint i = 0; i < walk.objects->len; i++)
    show_version(&walk, i, ret_out);
  ret_out->CommonPrefixes = walk.prefixes;
  return NULL;
}
