#include "services/s3/s3.h"
#include <string.h>

Error *
bucket_get(Call *call, const char *name, S3BucketRecord **ret_bucket)
{
  Key key;
  key_strings(&key, name, NULL);
  TRY(record_get(call->txn, &s3_buckets, &key, &S3BucketRecord_shape, call->arena, (void **) ret_bucket));
  return *ret_bucket ? NULL : no_such_bucket(name);
}

Error *
bucket_put(Call *call, const S3BucketRecord *bucket)
{
  Key key;
  key_strings(&key, bucket->Name, NULL);
  return record_put(call->txn, &s3_buckets, &key, &S3BucketRecord_shape, bucket);
}

Error *
check_owner(const S3BucketRecord *bucket, const char *expected)
{
  return expected && strcmp(expected, bucket->Account) ? error_answer_status(403, "AccessDenied", "Access Denied") : NULL;
}

gboolean
versioning_enabled(const S3BucketRecord *bucket)
{
  return !g_strcmp0(bucket->Versioning, "Enabled");
}

gboolean
versioning_ever(const S3BucketRecord *bucket)
{
  return bucket->Versioning != NULL;
}

char *
canonical_id(Arena *arena, const char *account)
{
  g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, account, -1);
  return arena_strdup(arena, hash);
}

S3Owner *
owner_of(Arena *arena, const char *account)
{
  S3Owner *owner = ARENA_NEW(arena, S3Owner);
  owner->ID = canonical_id(arena, account);
  owner->DisplayName = arena_strdup(arena, account);
  return owner;
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
static gboolean
is_bucket_name(const char *name)
{
  gsize size = strlen(name);
  guint dots = 0;
  gboolean letters = FALSE;
  if (size < 3 || size > 63 || !g_ascii_isalnum(name[0]) || !g_ascii_isalnum(name[size - 1]) || strstr(name, ".."))
    return FALSE;
  for (gsize i = 0; i < size; i++) {
    if (!g_ascii_islower(name[i]) && !g_ascii_isdigit(name[i]) && name[i] != '-' && name[i] != '.')
      return FALSE;
    dots += name[i] == '.';
    letters |= !g_ascii_isdigit(name[i]) && name[i] != '.';
  }
  return !(dots == 3 && !letters) && !g_str_has_prefix(name, "xn--") && !g_str_has_suffix(name, "-s3alias");
}

static Error *
check_create(Call *call, const S3CreateBucketInput *in, const char **ret_region)
{
  const char *location = in->CreateBucketConfiguration ? in->CreateBucketConfiguration->LocationConstraint : NULL;
  if (!is_bucket_name(in->Bucket))
    return error_field(error_answer_status(400, "InvalidBucketName", "The specified bucket is not valid."), "BucketName", in->Bucket);
  if (OPT_OR(in->ObjectLockEnabledForBucket, FALSE))
    return not_implemented("Object Lock");
  if (in->ACL && *in->ACL && strcmp(in->ACL, "private"))
    return error_answer_status(400, "InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
  if (location && *location && strcmp(call->region, "us-east-1") && strcmp(location, call->region))
    return error_answer_status(400, "IllegalLocationConstraintException",
                               "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", location);
  if ((!location || !*location) && strcmp(call->region, "us-east-1"))
    return error_answer_status(400, "IllegalLocationConstraintException",
                               "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.");
  if (!g_strcmp0(location, "us-east-1"))
    return error_answer_status(400, "InvalidLocationConstraint", "The specified location-constraint is not valid");
  *ret_region = location && *location ? (strcmp(location, "EU") ? location : "eu-west-1") : call->region;
  return NULL;
}

static Error *
create_resource(Call *call, const void *in, Authorization *auth)
{
  auth->resource = arena_printf(call->arena, "arn:aws:s3:::%s", ((const S3CreateBucketInput *) in)->Bucket);
  return NULL;
}

OPERATION(CreateBucket, create_bucket, .txn = TXN_WRITE, .action = "s3:CreateBucket", .authorize = create_resource)
static Error *
create_bucket(Call *call, const S3CreateBucketInput *in, S3CreateBucketOutput *ret_out)
{
  const char *region = NULL;
  S3BucketRecord *old = NULL;
  TRY(check_create(call, in, &region));
  ret_out->Location = arena_printf(call->arena, "/%s", in->Bucket);
  Error *missing = bucket_get(call, in->Bucket, &old);
  if (missing && !error_is(missing, "NoSuchBucket"))
    return missing;
  error_clear(&missing);
  if (old && strcmp(old->Account, call->account))
    return error_field(error_answer_status(409, "BucketAlreadyExists",
                                           "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
                                           "Please select a different name and try again."),
                       "BucketName", in->Bucket);
  if (old && !strcmp(region, "us-east-1")) /* us-east-1 answers the owner with success, as it always did */
    return NULL;
  if (old)
    return error_field(error_answer_status(409, "BucketAlreadyOwnedByYou",
                                           "Your previous request to create the named bucket succeeded and you already own it."),
                       "BucketName", in->Bucket);
  S3PublicAccessBlockConfiguration block = {OPT_BOOL(TRUE), OPT_BOOL(TRUE), OPT_BOOL(TRUE), OPT_BOOL(TRUE)};
  S3BucketRecord bucket = {.Name = in->Bucket, .Account = call->account, .Region = region, .Created = OPT_TIME(call->now), .PublicAccess = &block,
                           .Ownership = in->ObjectOwnership ? in->ObjectOwnership : "BucketOwnerEnforced"};
  return bucket_put(call, &bucket);
}

static Error *
has_entry(Call *call, const Table *table, const char *bucket, gboolean *ret)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  key_strings(&prefix, bucket, NULL);
  TRY(cursor_open(call->txn, table, &(CursorOptions){.prefix = &prefix}, &cursor));
  *ret = cursor_next(cursor);
  return NULL;
}

OPERATION(DeleteBucket, delete_bucket, .txn = TXN_WRITE, .action = "s3:DeleteBucket", .authorize = bucket_resource)
static Error *
delete_bucket(Call *call, const S3DeleteBucketInput *in, S3DeleteBucketOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  gboolean full = FALSE;
  Key key;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  TRY(has_entry(call, &s3_objects, in->Bucket, &full));
  if (!full)
    TRY(has_entry(call, &s3_uploads, in->Bucket, &full));
  if (full)
    return error_field(error_answer_status(409, "BucketNotEmpty", versioning_ever(bucket)
                                             ? "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
                                             : "The bucket you tried to delete is not empty"),
                       "BucketName", in->Bucket);
  key_strings(&key, in->Bucket, NULL);
  return store_delete(call->txn, &s3_buckets, &key, NULL);
}

OPERATION(HeadBucket, head_bucket, .action = "s3:ListBucket", .authorize = bucket_resource, .anonymous = TRUE)
static Error *
head_bucket(Call *call, const S3HeadBucketInput *in, S3HeadBucketOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  ret_out->BucketRegion = bucket->Region;
  return NULL;
}

OPERATION(GetBucketLocation, get_bucket_location, .action = "s3:GetBucketLocation", .authorize = bucket_resource)
static Error *
get_bucket_location(Call *call, const S3GetBucketLocationInput *in, S3GetBucketLocationOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  ret_out->LocationConstraint = strcmp(bucket->Region, "us-east-1") ? bucket->Region : NULL;
  return NULL;
}

static Error *
all_buckets(Call *call, const void *in, Authorization *auth)
{
  auth->resource = "arn:aws:s3:::*";
  return NULL;
}

OPERATION(ListBuckets, list_buckets, .action = "s3:ListAllMyBuckets", .authorize = all_buckets)
static Error *
list_buckets(Call *call, const S3ListBucketsInput *in, S3ListBucketsOutput *ret_out)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &s3_buckets, &(CursorOptions){0}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->Buckets);
  while (cursor_next(cursor)) {
    S3BucketRecord *bucket = NULL;
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &S3BucketRecord_shape, data, size, (void **) &bucket));
    if (strcmp(bucket->Account, call->account))
      continue;
    S3Bucket *item = ARENA_NEW(call->arena, S3Bucket);
    item->Name = bucket->Name;
    item->CreationDate = bucket->Created;
    LIST_APPEND(call->arena, &ret_out->Buckets, item);
  }
  ret_out->Owner = owner_of(call->arena, call->account);
  return NULL;
}
