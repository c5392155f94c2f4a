/* Request metrics of buckets, where a configuration asks for them. The time of a request is until its answer begins.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html#s3-request-cloudwatch-metrics */
#include "services/s3/s3.h"
#include <string.h>

enum { CONFIGURATIONS_MAX = 1000, PAGE = 100 };

/* --- configurations --- */

static Error *
no_such_configuration(void)
{
  return error_answer_status(404, "NoSuchConfiguration", "The specified configuration does not exist.");
}

/* Its place, or the number of all. */
static gsize
find(const S3BucketRecord *bucket, const char *id)
{
  gsize at = 0;
  while (at < bucket->Metrics.n && strcmp(bucket->Metrics.v[at]->Id, id) != 0)
    at++;
  return at;
}

static Error *
check(const char *id, const S3MetricsConfiguration *configuration)
{
  const S3MetricsFilter *filter = configuration->Filter;
  if (strcmp(configuration->Id, id) != 0 || !*id || strlen(id) > 64 || strspn(id, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_.") != strlen(id))
    return invalid_argument("id", id, "The metrics configuration ID is not valid.");
  if (filter && (filter->AccessPointArn || (filter->And && filter->And->AccessPointArn)))
    return not_implemented("access points, which this filter names");
  return NULL;
}

OPERATION(PutBucketMetricsConfiguration, put_metrics_configuration, .txn = TXN_WRITE, .action = "s3:PutMetricsConfiguration", .authorize = bucket_resource)
static Error *
put_metrics_configuration(Call *call, const S3PutBucketMetricsConfigurationInput *in, S3PutBucketMetricsConfigurationOutput *ret_out)
{
  S3State *state = haar_state(call->haar, "s3");
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  TRY(check(in->Id, in->MetricsConfiguration));
  gsize at = find(bucket, in->Id);
  if (at == CONFIGURATIONS_MAX)
    return error_answer_status(400, "TooManyConfigurations", "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.");
  if (at == bucket->Metrics.n)
    LIST_APPEND(call->arena, &bucket->Metrics, in->MetricsConfiguration);
  else
    bucket->Metrics.v[at] = in->MetricsConfiguration;
  g_atomic_int_set(&state->request_metrics, TRUE);
  return bucket_put(call, bucket);
}

static Error *
find_known(Call *call, const char *name, const char *owner, const char *id, S3BucketRecord **ret_bucket, gsize *ret_at)
{
  TRY(bucket_get(call, name, ret_bucket));
  TRY(check_owner(*ret_bucket, owner));
  *ret_at = find(*ret_bucket, id);
  return *ret_at < (*ret_bucket)->Metrics.n ? NULL : no_such_configuration();
}

OPERATION(GetBucketMetricsConfiguration, get_metrics_configuration, .action = "s3:GetMetricsConfiguration", .authorize = bucket_resource)
static Error *
get_metrics_configuration(Call *call, const S3GetBucketMetricsConfigurationInput *in, S3GetBucketMetricsConfigurationOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  gsize at = 0;
  TRY(find_known(call, in->Bucket, in->ExpectedBucketOwner, in->Id, &bucket, &at));
  ret_out->MetricsConfiguration = bucket->Metrics.v[at];
  return NULL;
}

OPERATION(ListBucketMetricsConfigurations, list_metrics_configurations, .action = "s3:GetMetricsConfiguration", .authorize = bucket_resource)
static Error *
list_metrics_configurations(Call *call, const S3ListBucketMetricsConfigurationsInput *in, S3ListBucketMetricsConfigurationsOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  TRY(bucket_get(call, in->Bucket, &bucket));
  TRY(check_owner(bucket, in->ExpectedBucketOwner));
  gsize from = in->ContinuationToken ? find(bucket, in->ContinuationToken) : 0;
  for (gsize i = from; i < bucket->Metrics.n && i < from + PAGE; i++)
    LIST_APPEND(call->arena, &ret_out->MetricsConfigurationList, bucket->Metrics.v[i]);
  gboolean more = from + PAGE < bucket->Metrics.n;
  ret_out->IsTruncated = OPT_BOOL(more);
  ret_out->ContinuationToken = in->ContinuationToken;
  ret_out->NextContinuationToken = more ? bucket->Metrics.v[from + PAGE]->Id : NULL;
  return NULL;
}

OPERATION(DeleteBucketMetricsConfiguration, delete_metrics_configuration, .txn = TXN_WRITE, .action = "s3:PutMetricsConfiguration", .authorize = bucket_resource)
static Error *
delete_metrics_configuration(Call *call, const S3DeleteBucketMetricsConfigurationInput *in, S3DeleteBucketMetricsConfigurationOutput *ret_out)
{
  S3BucketRecord *bucket = NULL;
  gsize at = 0;
  TRY(find_known(call, in->Bucket, in->ExpectedBucketOwner, in->Id, &bucket, &at));
  bucket->Metrics.n--;
  for (; at < bucket->Metrics.n; at++)
    bucket->Metrics.v[at] = bucket->Metrics.v[at + 1];
  return bucket_put(call, bucket);
}

/* --- what is measured --- */

typedef struct Seen {
  const RequestMeasure *request;
  S3BucketRecord *bucket;
  S3ObjectRecord *object;    /* the latest version, for filters by tag; or NULL */
} Seen;

static Error *
look(Call *call, gpointer data)
{
  Seen *seen = data;
  g_autoptr(Error) error = bucket_get(call, seen->request->bucket, &seen->bucket);
  if (error)
    return error->kind == ERROR_FAULT ? g_steal_pointer(&error) : NULL;
  return seen->bucket->Metrics.n && seen->request->key ? object_find(call, seen->request->bucket, seen->request->key, NULL, &seen->object) : NULL;
}

static gboolean
has_tag(const S3ObjectRecord *object, const S3Tag *tag)
{
  return object && g_strcmp0(string_map_get(&object->Tags, tag->Key), tag->Value) == 0;
}

static gboolean
has_prefix(const char *key, const char *prefix)
{
  return !prefix || (key && g_str_has_prefix(key, prefix));
}

static gboolean
matches(const S3MetricsFilter *filter, const Seen *seen)
{
  const char *key = seen->request->key;
  if (!filter)
    return TRUE;
  if (!has_prefix(key, filter->Prefix) || (filter->Tag && !has_tag(seen->object, filter->Tag)))
    return FALSE;
  if (!filter->And)
    return TRUE;
  for (gsize i = 0; i < filter->And->Tags.n; i++)
    if (!has_tag(seen->object, filter->And->Tags.v[i]))
      return FALSE;
  return has_prefix(key, filter->And->Prefix);
}

static int
status_of(const Error *error)
{
  if (!error)
    return 200;
  return error->kind == ERROR_FAULT ? 500 : error->status ? error->status : 400;
}

static void
publish(Haar *haar, const Seen *seen, const char *id)
{
  const RequestMeasure *request = seen->request;
  int status = status_of(request->error) / 100;
  double took = (double) request->took_us / 1000;
  const struct { const char *name, *unit; gboolean there; double value; } rows[] = {
    {"AllRequests", "Count", TRUE, 1},
    {request->kind, "Count", request->kind != NULL, 1},
    {"4xxErrors", "Count", TRUE, status == 4},
    {"5xxErrors", "Count", TRUE, status == 5},
    {"FirstByteLatency", "Milliseconds", TRUE, took},
    {"TotalRequestLatency", "Milliseconds", TRUE, took},
    {"BytesUploaded", "Bytes", request->uploaded > 0, (double) request->uploaded},
    {"BytesDownloaded", "Bytes", request->downloaded > 0 && !request->error, (double) request->downloaded},
  };
  const char *const dimensions[] = {"BucketName", request->bucket, "FilterId", id, NULL};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    if (rows[i].there)
      metric_add(haar, &(MetricSeries) {seen->bucket->Account, seen->bucket->Region, "AWS/S3", rows[i].name, rows[i].unit, dimensions}, rows[i].value);
}

void
request_measure(Call *call, const RequestMeasure *request)
{
  S3State *state = haar_state(call->haar, "s3");
  Seen seen = {.request = request};
  if (!state || !g_atomic_int_get(&state->request_metrics) || !request->bucket)
    return;
  g_autoptr(Call) own = call_new(call->haar, call->account, call->region, NULL);
  g_autoptr(Error) error = call_read(own, look, &seen);
  for (gsize i = 0; !error && seen.bucket && i < seen.bucket->Metrics.n; i++)
    if (matches(seen.bucket->Metrics.v[i]->Filter, &seen))
      publish(call->haar, &seen, seen.bucket->Metrics.v[i]->Id);
}

/* Which of AWS's metrics counts an operation: those on objects, and those that list them. NULL: none but AllRequests. */
static const char *
kind_of(const Operation *operation, const char *key)
{
  static const char *const kinds[][2] = {{"PUT", "PutRequests"}, {"DELETE", "DeleteRequests"}, {"HEAD", "HeadRequests"}, {"POST", "PostRequests"}};
  if (operation == &S3OperationListObjects || operation == &S3OperationListObjectsV2 || operation == &S3OperationListObjectVersions)
    return "ListRequests";
  if (!key)
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (strcmp(operation->model->method, kinds[i][0]) == 0)
      return kinds[i][1];
  return "GetRequests";
}

static gint64
uploaded(const Call *call, const void *in)
{
  Body *body = call->operation == &S3OperationPutObject    ? ((const S3PutObjectInput *) in)->Body
               : call->operation == &S3OperationUploadPart ? ((const S3UploadPartInput *) in)->Body
                                                           : NULL;
  const BodySpool *spool = body ? body_spool(body) : NULL;
  return spool ? spool->size : body ? MAX(body->size, 0) : 0;
}

void
s3_measure(Call *call, const void *in, const void *out, const Error *error, gint64 took_us)
{
  const S3State *state = haar_state(call->haar, "s3");
  if (!state || !g_atomic_int_get(&state->request_metrics) || !in || !call->operation)
    return;
  const char *key = call_input_text(call, in, "Key");
  gint64 downloaded = call->operation == &S3OperationGetObject && out && !error ? OPT_OR(((const S3GetObjectOutput *) out)->ContentLength, 0) : 0;
  request_measure(call, &(RequestMeasure) {call_input_text(call, in, "Bucket"), key, kind_of(call->operation, key), uploaded(call, in), downloaded, took_us, error});
}

static Error *
any_configuration(Call *call, gpointer data)
{
  gboolean *ret = data;
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &s3_buckets, &(CursorOptions) {0}, &cursor));
  while (!*ret && cursor_next(cursor)) {
    S3BucketRecord *bucket = NULL;
    gsize size;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &S3BucketRecord_shape, value, size, (void **) &bucket));
    *ret = bucket->Metrics.n > 0;
  }
  return NULL;
}

Error *
request_metrics_start(Haar *haar)
{
  S3State *state = haar_state(haar, "s3");
  gboolean any = FALSE;
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  TRY(call_read(call, any_configuration, &any));
  state->request_metrics = any;
  return NULL;
}
