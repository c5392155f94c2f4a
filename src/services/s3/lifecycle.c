/* Lifecycle rules: kept, shown in x-amz-expiration, and carried out by a job that looks at each bucket with rules once a day (on the movable
 * clock). S3 rounds the time up to the next midnight UTC. https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html */
#include "services/s3/s3.h"
#include "jobs/jobs.h"
#include <string.h>

#define DAY_MS (24 * 60 * 60 * G_GINT64_CONSTANT(1000))
#define JOB "s3.lifecycle"
#define BATCH_MAX 500

static gint64
midnight_after(gint64 ms)
{
  return (ms + DAY_MS - 1) / DAY_MS * DAY_MS;
}

/* -- rules ---------------------------------------------------------------------------------------------------------------------------- */

static Error *
check_rule(const S3LifecycleRule *rule)
{
  if (!rule->Status || (strcmp(rule->Status, "Enabled") && strcmp(rule->Status, "Disabled")))
    return malformed_xml();
  if (rule->ID && strlen(rule->ID) > 255)
    return error_answer_status(400, "InvalidArgument", "ID length should not exceed allowed limit of 255");
  if (rule->Prefix && rule->Filter)
    return malformed_xml();
  if (!rule->Expiration && !rule->Transitions.n && !rule->NoncurrentVersionExpiration && !rule->NoncurrentVersionTransitions.n &&
      !rule->AbortIncompleteMultipartUpload)
    return error_answer_status(400, "InvalidRequest", "At least one action needs to be specified in a rule");
  if (rule->Transitions.n || rule->NoncurrentVersionTransitions.n)
    return not_implemented("transitions to other storage classes");
  if (rule->Expiration && rule->Expiration->Days.set && rule->Expiration->Days.v <= 0)
    return invalid_argument("Days", "0", "'Days' for Expiration action must be a positive integer");
  if (rule->NoncurrentVersionExpiration && OPT_OR(rule->NoncurrentVersionExpiration->NoncurrentDays, 1) <= 0)
    return invalid_argument("NoncurrentDays", "0", "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer");
  return NULL;
}

OPERATION(PutBucketLifecycleConfiguration, put_bucket_lifecycle, .txn = TXN_WRITE, .action = "s3:PutLifecycleConfiguration",
          .authorize = bucket_resource)
static Error *
put_bucket_lifecycle(Call *call, const S3PutBucketLifecycleConfigurationInput *in, S3PutBucketLifecycleConfigurationOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  if (!in->LifecycleConfiguration || !in->LifecycleConfiguration->Rules.n || in->LifecycleConfiguration->Rules.n > 1000)
    return malformed_xml();
  for (gsize i = 0; i < in->LifecycleConfiguration->Rules.n; i++) {
    S3LifecycleRule *rule = in->LifecycleConfiguration->Rules.v[i];
    TRY(check_rule(rule));
    if (!rule->ID)
      rule->ID = id_uuid(call->arena);
  }
  bucket->Lifecycle = in->LifecycleConfiguration->Rules;
  TRY(bucket_put(call, bucket));
  return lifecycle_plan(call, bucket);
}

OPERATION(GetBucketLifecycleConfiguration, get_bucket_lifecycle, .action = "s3:GetLifecycleConfiguration", .authorize = bucket_resource)
static Error *
get_bucket_lifecycle(Call *call, const S3GetBucketLifecycleConfigurationInput *in, S3GetBucketLifecycleConfigurationOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  if (!bucket->Lifecycle.n)
    return error_field(error_answer_status(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"), "BucketName", in->Bucket);
  ret_out->Rules = bucket->Lifecycle;
  return NULL;
}

OPERATION(DeleteBucketLifecycle, delete_bucket_lifecycle, .txn = TXN_WRITE, .action = "s3:PutLifecycleConfiguration", .authorize = bucket_resource)
static Error *
delete_bucket_lifecycle(Call *call, const S3DeleteBucketLifecycleInput *in, S3DeleteBucketLifecycleOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  bucket->Lifecycle = (S3LifecycleRules){0};
  TRY(bucket_put(call, bucket));
  return jobs_delete(call->txn, call->haar->jobs, JOB, in->Bucket);
}

/* -- which rule, and when -------------------------------------------------------------------------------------------------------------- */

static gboolean
has_tag(const S3ObjectRecord *object, const S3Tag *tag)
{
  return !g_strcmp0(string_map_get(&object->Tags, tag->Key), tag->Value);
}

static gboolean
size_fits(const S3ObjectRecord *object, OptInt greater, OptInt less)
{
  return (!greater.set || OPT_OR(object->Size, 0) > greater.v) && (!less.set || OPT_OR(object->Size, 0) < less.v);
}

static gboolean
rule_applies(const S3LifecycleRule *rule, const S3ObjectRecord *object)
{
  const S3LifecycleRuleFilter *filter = rule->Filter;
  if (strcmp(rule->Status, "Enabled") || (rule->Prefix && !g_str_has_prefix(object->Key, rule->Prefix)))
    return FALSE;
  if (!filter)
    return TRUE;
  if ((filter->Prefix && !g_str_has_prefix(object->Key, filter->Prefix)) || (filter->Tag && !has_tag(object, filter->Tag)) ||
      !size_fits(object, filter->ObjectSizeGreaterThan, filter->ObjectSizeLessThan))
    return FALSE;
  if (!filter->And)
    return TRUE;
  for (gsize i = 0; i < filter->And->Tags.n; i++)
    if (!has_tag(object, filter->And->Tags.v[i]))
      return FALSE;
  return (!filter->And->Prefix || g_str_has_prefix(object->Key, filter->And->Prefix)) &&
         size_fits(object, filter->And->ObjectSizeGreaterThan, filter->And->ObjectSizeLessThan);
}

/* When a current version expires; -1: never. */
static gint64
expires_at(const S3BucketRecord *bucket, const S3ObjectRecord *object, const char **ret_rule)
{
  gint64 best = -1;
  for (gsize i = 0; i < bucket->Lifecycle.n; i++) {
    const S3LifecycleRule *rule = bucket->Lifecycle.v[i];
    if (!rule->Expiration || !rule_applies(rule, object))
      continue;
    gint64 at = rule->Expiration->Days.set   ? midnight_after(object->Modified.ms + rule->Expiration->Days.v * DAY_MS)
                : rule->Expiration->Date.set ? rule->Expiration->Date.ms
                                             : -1;
    if (at < 0 || (best >= 0 && at >= best))
      continue;
    best = at;
    *ret_rule = rule->ID;
  }
  return best;
}

const char *
expiration_header(Arena *arena, const S3BucketRecord *bucket, const S3ObjectRecord *object)
{
  const char *rule = NULL;
  gint64 at = bucket->Lifecycle.n ? expires_at(bucket, object, &rule) : -1;
  if (at < 0)
    return NULL;
  return arena_printf(arena, "expiry-date=\"%s\", rule-id=\"%s\"", text_http_date(arena, at), text_uri_encode(arena, rule ? rule : "", FALSE));
}

/* newer: noncurrent versions of the key that are newer. */
static gboolean
noncurrent_expired(const S3BucketRecord *bucket, const S3ObjectRecord *object, gint64 newer, gint64 now)
{
  for (gsize i = 0; i < bucket->Lifecycle.n; i++) {
    const S3LifecycleRule *rule = bucket->Lifecycle.v[i];
    const S3NoncurrentVersionExpiration *expiration = rule->NoncurrentVersionExpiration;
    if (expiration && rule_applies(rule, object) && newer >= OPT_OR(expiration->NewerNoncurrentVersions, 0) &&
        midnight_after(object->Superseded.ms + OPT_OR(expiration->NoncurrentDays, 1) * DAY_MS) <= now)
      return TRUE;
  }
  return FALSE;
}

/* A delete marker that nothing is below of any more. */
static gboolean
marker_expired(const S3BucketRecord *bucket, const S3ObjectRecord *object)
{
  for (gsize i = 0; i < bucket->Lifecycle.n; i++) {
    const S3LifecycleRule *rule = bucket->Lifecycle.v[i];
    if (rule->Expiration && rule_applies(rule, object) && (OPT_OR(rule->Expiration->ExpiredObjectDeleteMarker, FALSE) || rule->Expiration->Days.set))
      return TRUE;
  }
  return FALSE;
}

/* -- the job --------------------------------------------------------------------------------------------------------------------------- */

typedef struct Sweep {
  Haar *haar;
  const char *bucket_name;
  gint64 now;
  guint removed;
  char *after;              /* key to go on behind, transfer full */
} Sweep;

static Error *
sweep_version(Call *call, const S3BucketRecord *bucket, const S3ObjectRecord *object, gboolean newest, gboolean only, gint64 newer, Sweep *sweep)
{
  const char *rule = NULL, *version = NULL;
  gboolean marker = OPT_OR(object->DeleteMarker, FALSE), made = FALSE;
  if (!newest && noncurrent_expired(bucket, object, newer, sweep->now)) {
    sweep->removed++;
    return object_remove(call, bucket->Name, object);
  }
  if (newest && marker && only && marker_expired(bucket, object)) {
    sweep->removed++;
    return object_remove(call, bucket->Name, object);
  }
  gint64 at = newest && !marker ? expires_at(bucket, object, &rule) : -1;
  if (at < 0 || at > sweep->now)
    return NULL;
  sweep->removed++;
  return object_delete(call, bucket, object->Key, NULL, &made, &version);
}

static Error *
sweep_key(Call *call, const S3BucketRecord *bucket, GPtrArray *versions, Sweep *sweep)
{
  for (guint i = versions->len; i-- > 0;) {
    const S3ObjectRecord *object = versions->pdata[i];
    guint before = sweep->removed;
    TRY(sweep_version(call, bucket, object, i == 0, versions->len == 1, (gint64) i - 1, sweep));
    if (sweep->removed != before && i > 0)
      g_ptr_array_remove_index(versions, i);
  }
  g_ptr_array_set_size(versions, 0);
  return NULL;
}

/* Gathers the versions of some keys behind after. transfer container; lists of S3ObjectRecord. */
static Error *
gather(Call *call, const Sweep *sweep, const char *after, GPtrArray *keys)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix, from;
  guint n = 0;
  key_strings(&prefix, sweep->bucket_name, NULL);
  key_strings(&from, sweep->bucket_name, NULL);
  if (after) {
    key_add(&from, after);
    key_add_int(&from, G_MAXINT64);
  }
  TRY(cursor_open(call->txn, &s3_objects, &(CursorOptions){.prefix = &prefix, .from = after ? &from : NULL}, &cursor));
  GPtrArray *current = NULL;
  while (cursor_next(cursor)) {
    S3ObjectRecord *object = NULL;
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &S3ObjectRecord_shape, data, size, (void **) &object));
    const S3ObjectRecord *first = current ? current->pdata[0] : NULL;
    if (!first || strcmp(first->Key, object->Key)) {
      if (n >= BATCH_MAX)
        return NULL;
      current = g_ptr_array_new();
      g_ptr_array_add(keys, current);
    }
    g_ptr_array_add(current, object);
    n++;
  }
  return NULL;
}

static Error *
sweep_batch(Call *call, gpointer data)
{
  Sweep *sweep = data;
  S3BucketRecord *bucket = NULL;
  g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify) g_ptr_array_unref);
  Error *missing = bucket_get(call, sweep->bucket_name, &bucket);
  g_autofree char *after = g_steal_pointer(&sweep->after); /* stays NULL at the end of the keys */
  if (missing && error_is(missing, "NoSuchBucket")) {
    error_free(missing);
    return NULL;
  }
  TRY(missing);
  TRY(gather(call, sweep, after, keys));
  for (guint i = 0; i < keys->len; i++) {
    g_autofree char *key = g_strdup(((const S3ObjectRecord *) ((GPtrArray *) keys->pdata[i])->pdata[0])->Key);
    TRY(sweep_key(call, bucket, keys->pdata[i], sweep));
    g_free(sweep->after);
    sweep->after = g_steal_pointer(&key);
  }
  return NULL;
}

/* Uploads that were begun and not ended. */
static Error *
sweep_uploads(Call *call, gpointer data)
{
  Sweep *sweep = data;
  S3BucketRecord *bucket = NULL;
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(GPtrArray) old = g_ptr_array_new();
  Key prefix;
  TRY(bucket_get(call, sweep->bucket_name, &bucket));
  key_strings(&prefix, sweep->bucket_name, NULL);
  TRY(cursor_open(call->txn, &s3_uploads, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    S3UploadRecord *upload = NULL;
    gsize size = 0;
    const guint8 *bytes = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &S3UploadRecord_shape, bytes, size, (void **) &upload));
    for (gsize i = 0; i < bucket->Lifecycle.n; i++) {
      const S3LifecycleRule *rule = bucket->Lifecycle.v[i];
      if (rule->AbortIncompleteMultipartUpload && rule_applies(rule, upload->Object) &&
          midnight_after(upload->Initiated.ms + OPT_OR(rule->AbortIncompleteMultipartUpload->DaysAfterInitiation, 1) * DAY_MS) <= sweep->now) {
        g_ptr_array_add(old, upload);
        break;
      }
    }
  }
  for (guint i = 0; i < old->len; i++)
    TRY(upload_remove(call, sweep->bucket_name, old->pdata[i]));
  return NULL;
}

static Error *
plan_next(Call *call, gpointer data)
{
  Sweep *sweep = data;
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, sweep->bucket_name, &bucket));
  return lifecycle_plan(call, bucket);
}

static Error *
run_lifecycle(JobRun *run)
{
  Haar *haar = run->context;
  Sweep sweep = {.haar = haar, .bucket_name = run->key, .now = clock_now()};
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  do
    TRY(call_write(call, sweep_batch, &sweep));
  while (sweep.after);
  Error *error = call_write(call, sweep_uploads, &sweep);
  if (!error)
    error = call_write(call, plan_next, &sweep);
  if (sweep.removed)
    log_info("bucket %s: lifecycle rules removed %u versions", run->key, sweep.removed);
  return error_forgive(error, "NoSuchBucket");
}

Error *
lifecycle_plan(Call *call, const S3BucketRecord *bucket)
{
  if (!bucket->Lifecycle.n || !call->haar->jobs)
    return NULL;
  return jobs_put(call->txn, call->haar->jobs, JOB, bucket->Name, midnight_after(clock_now() + 1), NULL, 0);
}

void
lifecycle_start(Haar *haar)
{
  if (haar->jobs)
    jobs_register(haar->jobs, JOB, run_lifecycle);
}
