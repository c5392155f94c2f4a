/* Tags of buckets and objects. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
#include "services/s3/s3.h"
#include <string.h>

static Error *
check_tag(const char *key, const char *value)
{
  Error *error = NULL;
  if (!key || !*key || g_utf8_strlen(key, -1) > 128)
    error = error_answer_status(400, "InvalidTag", "The TagKey you have provided is invalid");
  else if (!value || g_utf8_strlen(value, -1) > 256)
    error = error_answer_status(400, "InvalidTag", "The TagValue you have provided is invalid");
  else if (g_str_has_prefix(key, "aws:") && !g_str_has_prefix(key, "aws:cloudformation:"))
    error = error_answer_status(400, "InvalidTag", "System tags cannot be added/updated by requester");
  return error ? error_field(error, "TagKey", key ? key : "") : NULL;
}

static Error *
too_many(gsize max)
{
  return error_answer_status(400, "BadRequest", max == 10 ? "Object tags cannot be greater than 10" : "Bucket tag count cannot be greater than 50");
}

Error *
tags_from_header(Arena *arena, const char *text, StringMap *ret_tags)
{
  StringMap tags = wire_form_parse(arena, text, strlen(text));
  if (tags.n > 10)
    return too_many(10);
  for (gsize i = 0; i < tags.n; i++)
    TRY(check_tag(tags.v[i].key, tags.v[i].value));
  *ret_tags = tags;
  return NULL;
}

Error *
tags_from_set(Arena *arena, const S3TagSet *set, gsize max, StringMap *ret_tags)
{
  StringMap tags = {0};
  if (set->n > max)
    return too_many(max);
  LIST_EMPTY(arena, &tags);
  for (gsize i = 0; i < set->n; i++) {
    TRY(check_tag(set->v[i]->Key, set->v[i]->Value));
    if (string_map_get(&tags, set->v[i]->Key))
      return error_field(error_answer_status(400, "InvalidTag", "Cannot provide multiple Tags with the same key"), "TagKey", set->v[i]->Key);
    MAP_SET(arena, &tags, set->v[i]->Key, set->v[i]->Value);
  }
  *ret_tags = tags;
  return NULL;
}

S3TagSet
tags_to_set(Arena *arena, const StringMap *tags)
{
  S3TagSet set = {0};
  LIST_EMPTY(arena, &set);
  for (gsize i = 0; i < tags->n; i++) {
    S3Tag *tag = ARENA_NEW(arena, S3Tag);
    *tag = (S3Tag){.Key = tags->v[i].key, .Value = tags->v[i].value};
    LIST_APPEND(arena, &set, tag);
  }
  return set;
}

OPERATION(PutBucketTagging, put_bucket_tagging, .txn = TXN_WRITE, .action = "s3:PutBucketTagging", .authorize = bucket_resource)
static Error *
put_bucket_tagging(Call *call, const S3PutBucketTaggingInput *in, S3PutBucketTaggingOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  TRY(tags_from_set(call->arena, &in->Tagging->TagSet, 50, &bucket->Tags));
  return bucket_put(call, bucket);
}

OPERATION(GetBucketTagging, get_bucket_tagging, .action = "s3:GetBucketTagging", .authorize = bucket_resource)
static Error *
get_bucket_tagging(Call *call, const S3GetBucketTaggingInput *in, S3GetBucketTaggingOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  if (!bucket->Tags.n)
    return error_field(error_answer_status(404, "NoSuchTagSet", "The TagSet does not exist"), "BucketName", in->Bucket);
  ret_out->TagSet = tags_to_set(call->arena, &bucket->Tags);
  return NULL;
}

OPERATION(DeleteBucketTagging, delete_bucket_tagging, .txn = TXN_WRITE, .action = "s3:PutBucketTagging", .authorize = bucket_resource)
static Error *
delete_bucket_tagging(Call *call, const S3DeleteBucketTaggingInput *in, S3DeleteBucketTaggingOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  bucket->Tags = (StringMap){0};
  return bucket_put(call, bucket);
}

OPERATION(PutObjectTagging, put_object_tagging, .txn = TXN_WRITE, .action = "s3:PutObjectTagging", .authorize = object_resource)
static Error *
put_object_tagging(Call *call, const S3PutObjectTaggingInput *in, S3PutObjectTaggingOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3ObjectRecord *object = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(object_for_read(call, in->Bucket, in->Key, in->VersionId, &object));
  TRY(tags_from_set(call->arena, &in->Tagging->TagSet, 10, &object->Tags));
  ret_out->VersionId = shown_version(bucket, object);
  return object_update(call, in->Bucket, object);
}

OPERATION(GetObjectTagging, get_object_tagging, .action = "s3:GetObjectTagging", .authorize = object_resource, .anonymous = TRUE)
static Error *
get_object_tagging(Call *call, const S3GetObjectTaggingInput *in, S3GetObjectTaggingOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3ObjectRecord *object = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(object_for_read(call, in->Bucket, in->Key, in->VersionId, &object));
  ret_out->TagSet = tags_to_set(call->arena, &object->Tags);
  ret_out->VersionId = shown_version(bucket, object);
  return NULL;
}

OPERATION(DeleteObjectTagging, delete_object_tagging, .txn = TXN_WRITE, .action = "s3:DeleteObjectTagging", .authorize = object_resource)
static Error *
delete_object_tagging(Call *call, const S3DeleteObjectTaggingInput *in, S3DeleteObjectTaggingOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  S3ObjectRecord *object = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(object_for_read(call, in->Bucket, in->Key, in->VersionId, &object));
  object->Tags = (StringMap){0};
  ret_out->VersionId = shown_version(bucket, object);
  return object_update(call, in->Bucket, object);
}
