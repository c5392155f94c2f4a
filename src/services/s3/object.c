/* Versions of objects in the store. */
#include "services/s3/s3.h"
#include <string.h>

static void
object_key(Key *key, const char *bucket, const S3ObjectRecord *object)
{
  key_strings(key, bucket, object->Key, NULL);
  key_add_int(key, -object->Seq.v);
}

static Error *
decode_object(Call *call, const Cursor *cursor, S3ObjectRecord **ret_object)
{
  gsize size = 0;
  const guint8 *data = cursor_value(cursor, &size);
  return record_decode(call->arena, &S3ObjectRecord_shape, data, size, (void **) ret_object);
}

Error *
object_find(Call *call, const char *bucket, const char *key, const char *version_id, S3ObjectRecord **ret_object)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  *ret_object = NULL;
  key_strings(&prefix, bucket, key, NULL);
  TRY(cursor_open(call->txn, &s3_objects, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    S3ObjectRecord *object = NULL;
    TRY(decode_object(call, cursor, &object));
    if (version_id && strcmp(version_id, object->VersionId))
      continue;
    *ret_object = object;
    return NULL;
  }
  return NULL;
}

Error *
object_update(Call *call, const char *bucket, const S3ObjectRecord *object)
{
  Key key;
  object_key(&key, bucket, object);
  if (key.overflow)
    return error_answer_status(400, "KeyTooLongError", "Your key is too long");
  return record_put(call->txn, &s3_objects, &key, &S3ObjectRecord_shape, object);
}

Error *
pieces_unlink(Call *call, const S3PieceRecords *pieces)
{
  for (gsize i = 0; i < pieces->n; i++)
    if (pieces->v[i]->Blob)
      TRY(store_blob_unlink(call->txn, pieces->v[i]->Blob));
  return NULL;
}

Error *
object_remove(Call *call, const char *bucket, const S3ObjectRecord *object)
{
  Key key;
  object_key(&key, bucket, object);
  TRY(pieces_unlink(call, &object->Pieces));
  return store_delete(call->txn, &s3_objects, &key, NULL);
}

static Error *
supersede(Call *call, const char *bucket, S3ObjectRecord *old)
{
  old->Superseded = OPT_TIME(call->now);
  return object_update(call, bucket, old);
}

Error *
object_insert(Call *call, const S3BucketRecord *bucket, S3ObjectRecord *object)
{
  S3ObjectRecord *latest = NULL, *null_version = NULL;
  if (strlen(object->Key) > 1024)
    return error_field(error_answer_status(400, "KeyTooLongError", "Your key is too long"), "MaxSizeAllowed", "1024");
  TRY(object_find(call, bucket->Name, object->Key, NULL, &latest));
  object->Modified = OPT_TIME(call->now / 1000 * 1000);
  object->Seq = OPT_INT(MAX(call->now * 1000, latest ? latest->Seq.v + 1 : 0));
  object->VersionId = versioning_enabled(bucket)
                        ? id_alphabet(call->arena, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._", 32)
                        : "null";
  if (latest && strcmp(object->VersionId, "null"))
    TRY(supersede(call, bucket->Name, latest));
  if (latest && !strcmp(object->VersionId, "null")) {
    TRY(object_find(call, bucket->Name, object->Key, "null", &null_version));
    if (null_version)
      TRY(object_remove(call, bucket->Name, null_version));
    if (strcmp(latest->VersionId, "null"))
      TRY(supersede(call, bucket->Name, latest));
  }
  return object_update(call, bucket->Name, object);
}

static Error *
insert_marker(Call *call, const S3BucketRecord *bucket, const char *key, gboolean *ret_marker, const char **ret_version)
{
  S3ObjectRecord marker = {.Key = key, .DeleteMarker = OPT_BOOL(TRUE)};
  TRY(object_insert(call, bucket, &marker));
  *ret_marker = TRUE;
  *ret_version = marker.VersionId;
  return NULL;
}

/* The version that is now the newest is no noncurrent one any more. */
static Error *
unsupersede_newest(Call *call, const char *bucket, const char *key)
{
  S3ObjectRecord *newest = NULL;
  TRY(object_find(call, bucket, key, NULL, &newest));
  if (!newest || !newest->Superseded.set)
    return NULL;
  newest->Superseded.set = FALSE;
  return object_update(call, bucket, newest);
}

Error *
object_delete(Call *call, const S3BucketRecord *bucket, const char *key, const char *version_id, gboolean *ret_marker, const char **ret_version)
{
  S3ObjectRecord *object = NULL;
  *ret_marker = FALSE;
  *ret_version = NULL;
  if (!version_id && versioning_ever(bucket))
    return insert_marker(call, bucket, key, ret_marker, ret_version);
  TRY(object_find(call, bucket->Name, key, version_id ? version_id : "null", &object));
  if (!object)
    return NULL;
  if (versioning_ever(bucket))
    *ret_version = object->VersionId;
  *ret_marker = OPT_OR(object->DeleteMarker, FALSE);
  TRY(object_remove(call, bucket->Name, object));
  return unsupersede_newest(call, bucket->Name, key);
}

/* Who may not list the bucket is not told whether a key exists. */
static Error *
hide_missing(Call *call, const char *bucket_name, Error *missing)
{
  g_autoptr(Error) owned = missing;
  S3BucketRecord *bucket = NULL;
  StringMap context = {0};
  TRY(bucket_get(call, bucket_name, &bucket));
  IamRequest request = {.principal = call->principal, .action = "s3:ListBucket", .resource = arena_printf(call->arena, "arn:aws:s3:::%s", bucket_name),
                        .resource_account = bucket->Account, .resource_policy = bucket->Policy, .context = &context};
  TRY(iam_authorize(call->txn, call->arena, &request));
  return g_steal_pointer(&owned);
}

Error *
object_for_read(Call *call, const char *bucket, const char *key, const char *version_id, S3ObjectRecord **ret_object)
{
  TRY(object_find(call, bucket, key, version_id, ret_object));
  S3ObjectRecord *object = *ret_object;
  if (!object && version_id && strlen(version_id) != 32 && strcmp(version_id, "null"))
    return invalid_argument("versionId", version_id, "Invalid version id specified");
  if (!object && version_id)
    return no_such_version(key, version_id);
  if (!object)
    return hide_missing(call, bucket, no_such_key(key));
  if (!OPT_OR(object->DeleteMarker, FALSE))
    return NULL;
  if (!version_id)
    return hide_missing(call, bucket, no_such_key(key));
  return error_field(error_answer_status(405, "MethodNotAllowed", "The specified method is not allowed against this resource."), "ResourceType",
                     "DeleteMarker");
}

const char *
shown_version(const S3BucketRecord *bucket, const S3ObjectRecord *object)
{
  return versioning_ever(bucket) ? object->VersionId : NULL;
}
