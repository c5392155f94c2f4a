/* AWS/S3's storage metrics, once a day: BucketSizeBytes by storage class and NumberOfObjects, at the day's begin.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html */
#include "services/s3/s3.h"
#include <string.h>

static const gint64 day = 24 * 60 * 60 * 1000;

/* All versions count, delete markers and the parts of uploads that are not complete too. */
typedef struct Count { gint64 bytes, objects; } Count;
typedef struct { gsize n; S3BucketRecord **v; } Buckets;

static Error *
count_parts(Call *call, const char *upload_id, Count *count)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  key_strings(&prefix, upload_id, NULL);
  TRY(cursor_open(call->txn, &s3_parts, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    g_autoptr(Arena) scratch = arena_new();
    S3PieceRecord *piece = NULL;
    gsize size;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(scratch, &S3PieceRecord_shape, value, size, (void **) &piece));
    count->bytes += OPT_OR(piece->Size, 0);
    count->objects++;
  }
  return NULL;
}

static Error *
count_uploads(Call *call, const char *bucket, Count *count)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  key_strings(&prefix, bucket, NULL);
  TRY(cursor_open(call->txn, &s3_uploads, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    g_autoptr(Arena) scratch = arena_new();
    S3UploadRecord *upload = NULL;
    gsize size;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(scratch, &S3UploadRecord_shape, value, size, (void **) &upload));
    TRY(count_parts(call, upload->UploadId, count));
  }
  return NULL;
}

static Error *
count_objects(Call *call, const char *bucket, Count *count)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  key_strings(&prefix, bucket, NULL);
  TRY(cursor_open(call->txn, &s3_objects, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    g_autoptr(Arena) scratch = arena_new();
    S3ObjectRecord *object = NULL;
    gsize size;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(scratch, &S3ObjectRecord_shape, value, size, (void **) &object));
    count->bytes += OPT_OR(object->Size, 0);
    count->objects++;
  }
  return NULL;
}

/* A bucket without objects has no storage metrics. */
static Error *
measure(Call *call, const S3BucketRecord *bucket, gint64 day_ms)
{
  Count count = {0};
  TRY(count_objects(call, bucket->Name, &count));
  TRY(count_uploads(call, bucket->Name, &count));
  if (!count.objects)
    return NULL;
  const char *const size_of[] = {"BucketName", bucket->Name, "StorageType", "StandardStorage", NULL};
  const char *const number_of[] = {"BucketName", bucket->Name, "StorageType", "AllStorageTypes", NULL};
  const MetricSeries bytes = {bucket->Account, bucket->Region, "AWS/S3", "BucketSizeBytes", "Bytes", size_of};
  const MetricSeries objects = {bucket->Account, bucket->Region, "AWS/S3", "NumberOfObjects", "Count", number_of};
  metric_add_at(call->haar, &bytes, day_ms, (double) count.bytes, 1);
  metric_add_at(call->haar, &objects, day_ms, (double) count.objects, 1);
  return NULL;
}

static Error *
measure_all(Call *call, gpointer data)
{
  const gint64 *day_ms = data;
  Buckets buckets = {0};
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &s3_buckets, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    S3BucketRecord *bucket = NULL;
    gsize size;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &S3BucketRecord_shape, value, size, (void **) &bucket));
    LIST_APPEND(call->arena, &buckets, bucket);
  }
  for (gsize i = 0; i < buckets.n; i++)
    TRY(measure(call, buckets.v[i], *day_ms));
  return NULL;
}

/* Called each minute; does something in the first of a day. What it measures is of the day's begin, not of that minute: it goes to haar's own. */
static void
sample(Haar *for_this_minute, gpointer data)
{
  Haar *haar = data;
  S3State *state = haar_state(haar, "s3");
  gint64 today = clock_now() / day * day;
  if (!state || today == state->measured_day)
    return;
  state->measured_day = today;
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  g_autoptr(Error) error = call_read(call, measure_all, &today);
  if (error)
    log_warning("the buckets could not be measured: %s", error->message);
}

void
s3_metrics_start(Haar *haar)
{
  S3State *state = haar_state(haar, "s3");
  state->measured_day = clock_now() / day * day;
  if (haar->metrics)
    metrics_sampler(haar, sample, haar);
}
