/* Log files: each five minutes of the clock what has been recorded since, as gzip JSON in the trail's bucket.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html */
#include <string.h>
#include <zlib.h>

#include "services/cloudtrail/cloudtrail.h"
#include "services/s3.gen.h"

static const char kind[] = "cloudtrail.delivery";
static const gint64 period = 5 * 60 * 1000, settle = 1000, day = 24 * 3600 * 1000;
enum { RECORDS_MAX = 5000, GZIP_WINDOW = 15 + 16 };

Error *
trail_schedule(Call *call, const CloudtrailTrailRecord *trail, gint64 due)
{
  const char *key = arena_printf(call->arena, "%s %s %s", call->region, call->account, trail->trail->Name);
  if (due < 0)
    return jobs_delete(call->txn, call->haar->jobs, kind, key);
  return jobs_put(call->txn, call->haar->jobs, kind, key, due, "", 0);
}

char *
trail_folder(Call *call, const CloudtrailTrail *trail)
{
  const char *prefix = trail->S3KeyPrefix && *trail->S3KeyPrefix ? trail->S3KeyPrefix : NULL;
  return arena_printf(call->arena, "%s%sAWSLogs/%s/CloudTrail/", prefix ? prefix : "", prefix ? "/" : "", call->account);
}

Error *
trail_write(Call *call, const CloudtrailTrail *trail, const char *key, const void *data, gsize size)
{
  S3PutObjectInput in = {.Bucket = trail->S3BucketName, .Key = key, .ACL = "bucket-owner-full-control", .ContentType = "application/json",
                         .Body = body_from_bytes(call->arena, data, size)};
  if (size)
    in.ContentEncoding = "gzip";
  if (trail->KmsKeyId) {
    in.ServerSideEncryption = "aws:kms";
    in.SSEKMSKeyId = trail->KmsKeyId;
  }
  /* The bucket's policy has to name CloudTrail; without one there is none that does. */
  TRY(call_operation(call, &S3OperationGetBucketPolicy, principal_root(call->arena, call->account), NULL,
                     &(S3GetBucketPolicyInput){.Bucket = trail->S3BucketName}, &(S3GetBucketPolicyOutput){0}));
  Call own = *call;
  own.source_arn = trail->TrailARN;
  return call_operation(&own, &S3OperationPutObject, principal_service(call->arena, "cloudtrail.amazonaws.com", call->account), NULL, &in,
                        &(S3PutObjectOutput){0});
}

static Error *
compress_text(Arena *arena, const char *text, gsize size, guint8 **ret_data, gsize *ret_size)
{
  z_stream stream = {0};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return error_fault("a log file cannot be compressed");
  gsize room = deflateBound(&stream, (uLong) size);
  *ret_data = arena_alloc(arena, room);
  stream.next_in = (Bytef *) text;
  stream.avail_in = (uInt) size;
  stream.next_out = *ret_data;
  stream.avail_out = (uInt) room;
  gboolean good = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  *ret_size = stream.total_out;
  deflateEnd(&stream);
  return good ? NULL : error_fault("a log file cannot be compressed");
}

/* --- a file --- */

typedef struct File {
  const char *name; /* of the trail */
  CloudtrailTrailRecord *record;
  GString *text;
  gsize n;
  gint64 until; /* delivered up to here */
  gboolean more;
} File;

/* Whether the trail's selectors want an event. */
static gboolean
is_wanted(const CloudtrailTrailRecord *record, const CloudtrailEventRecord *event)
{
  gboolean data = OPT_OR(event->data, FALSE), reads = OPT_OR(event->readOnly, FALSE);
  if (!record->selectors.n)
    return !data;
  for (gsize i = 0; i < record->selectors.n; i++) {
    const CloudtrailEventSelector *selector = record->selectors.v[i];
    const char *type = selector->ReadWriteType ? selector->ReadWriteType : "All";
    gboolean kind_good = strcmp(type, "All") == 0 || strcmp(type, reads ? "ReadOnly" : "WriteOnly") == 0;
    if (kind_good && (data ? selector->DataResources.n > 0 : OPT_OR(selector->IncludeManagementEvents, TRUE)) &&
        !(!data && string_list_has(&selector->ExcludeManagementEventSources, event->source)))
      return TRUE;
  }
  return FALSE;
}

static Error *
gather(Call *call, gpointer data)
{
  File *file = data;
  Key prefix, from;
  g_autoptr(Cursor) cursor = NULL;
  TRY(trail_look(call, file->name, &file->record));
  if (!file->record || !OPT_OR(file->record->logging, FALSE))
    return NULL;
  key_strings(&prefix, call->region, call->account, NULL);
  from = prefix;
  key_add_int(&from, OPT_OR(file->record->delivered, 0));
  file->until = clock_now() - settle;
  g_string_append(file->text, "{\"Records\":[");
  TRY(cursor_open(call->txn, &trail_events, &(CursorOptions){.prefix = &prefix, .from = &from}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    gint64 time;
    gsize size;
    void *event = NULL;
    const guint8 *value = cursor_value(cursor, &size);
    if (!key_read_int(&reader, &time) || time >= file->until)
      break;
    if (file->n >= RECORDS_MAX) {
      file->until = time;
      file->more = TRUE;
      break;
    }
    TRY(record_decode(call->arena, &CloudtrailEventRecord_shape, value, size, &event));
    if (!is_wanted(file->record, event))
      continue;
    g_string_append_printf(file->text, "%s%s", file->n++ ? "," : "", ((CloudtrailEventRecord *) event)->json);
  }
  g_string_append(file->text, "]}");
  return NULL;
}

static char *
file_key(Call *call, const CloudtrailTrail *trail)
{
  g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(clock_now() / 1000);
  g_autofree char *folder = g_date_time_format(now, "%Y/%m/%d"), *minute = g_date_time_format(now, "%Y%m%dT%H%MZ");
  return arena_printf(call->arena, "%s%s/%s/%s_CloudTrail_%s_%s_%s.json.gz", trail_folder(call, trail), call->region, folder, call->account, call->region,
                      minute, id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 16));
}

static Error *
finish(Call *call, gpointer data)
{
  File *file = data;
  CloudtrailTrailRecord *record = NULL;
  TRY(trail_look(call, file->name, &record));
  if (!record || !OPT_OR(record->logging, FALSE))
    return NULL;
  record->error = file->record->error;
  if (!record->error || clock_now() - OPT_OR(record->delivered, 0) > day) /* what could not be delivered for a day is given up */
    record->delivered = OPT_INT(file->until);
  if (!record->error && file->n)
    record->deliveries = OPT_INT(clock_now());
  TRY(trail_put(call, record));
  return trail_schedule(call, record, file->more ? 0 : clock_now() + period);
}

static Error *
deliver(Call *call, File *file)
{
  guint8 *data = NULL;
  gsize size = 0;
  TRY(call_read(call, gather, file));
  if (!file->record || !OPT_OR(file->record->logging, FALSE))
    return NULL;
  file->record->error = NULL;
  if (file->n) {
    TRY(compress_text(call->arena, file->text->str, file->text->len, &data, &size));
    g_autoptr(Error) error = trail_write(call, file->record->trail, file_key(call, file->record->trail), data, size);
    if (error && error->kind == ERROR_FAULT)
      return g_steal_pointer(&error);
    if (error) {
      log_warning("trail %s: %s", file->name, error->message);
      file->record->error = arena_strdup(call->arena, error->code);
    }
  }
  return call_write(call, finish, file);
}

static Error *
run(JobRun *job)
{
  g_auto(GStrv) parts = g_strsplit(job->key, " ", 3);
  if (g_strv_length(parts) != 3)
    return NULL;
  g_autoptr(Call) call = call_new(job->context, parts[1], parts[0], NULL);
  g_autoptr(GString) text = g_string_new(NULL);
  File file = {.name = parts[2], .text = text};
  return deliver(call, &file);
}

void
trail_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
  jobs_catches_up(haar->jobs, kind);
}
