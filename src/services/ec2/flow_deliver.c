/* flow_deliver: records to CloudWatch Logs, one stream an interface, as the role that the flow log names; and to S3, in AWS's layout of keys.
 * https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html · https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html */
#include "services/ec2/flow.h"
#include "services/logs.gen.h"
#include "services/s3.gen.h"

#include <string.h>
#include <zlib.h>

enum { EVENTS_MAX = 1000 };

/* --- CloudWatch Logs --- */

static const Principal *role_session(const Call *call, const char *role_arn) {
  const char *name = strrchr(role_arn, '/');
  Principal *role = ARENA_NEW(call->arena, Principal);
  *role = (Principal){.type = PRINCIPAL_ROLE_SESSION, .account = call->account, .user_id = "vpc-flow-logs", .role_arn = role_arn,
                      .arn = arena_printf(call->arena, "arn:aws:sts::%s:assumed-role/%s/vpc-flow-logs", call->account, name ? name + 1 : role_arn)};
  return role;
}

/* A group that is not there is made, as on AWS, if the role may. */
static Error *make_stream(Call *call, const Principal *as, const char *group, const char *stream) {
  static const char there[] = "ResourceAlreadyExistsException";
  LogsCreateLogStreamInput in = {.logGroupName = group, .logStreamName = stream};
  LogsCreateLogGroupInput make = {.logGroupName = group};
  Error *error = error_forgive(call_operation(call, &LogsOperationCreateLogStream, as, NULL, &in, &(LogsCreateLogStreamOutput){0}), there);
  if (!error || !error_is(error, "ResourceNotFoundException"))
    return error;
  error_free(error);
  TRY(error_forgive(call_operation(call, &LogsOperationCreateLogGroup, as, NULL, &make, &(LogsCreateLogGroupOutput){0}), there));
  return error_forgive(call_operation(call, &LogsOperationCreateLogStream, as, NULL, &in, &(LogsCreateLogStreamOutput){0}), there);
}

static int by_interface(gconstpointer a, gconstpointer b) {
  const FlowRecord *x = *(FlowRecord *const *) a, *y = *(FlowRecord *const *) b;
  int order = strcmp(x->eni, y->eni);
  return order ? order : (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

/* Records from..to are one interface's. */
static Error *put_stream(Call *call, const FlowBatch *batch, const Principal *as, guint from, guint to) {
  const Ec2FlowLog *log = batch->log;
  const FlowRecord *first = batch->records->pdata[from];
  g_autofree char *kind = g_ascii_strdown(log->TrafficType, -1);
  const char *stream = arena_printf(call->arena, "%s-%s", first->eni, kind);
  TRY(make_stream(call, as, log->LogGroupName, stream));
  for (guint i = from; i < to;) {
    LogsPutLogEventsInput in = {.logGroupName = log->LogGroupName, .logStreamName = stream};
    for (; i < to && in.logEvents.n < EVENTS_MAX; i++) {
      const FlowRecord *record = batch->records->pdata[i];
      g_autoptr(GString) line = g_string_new(NULL);
      LogsInputLogEvent *event = ARENA_NEW(call->arena, LogsInputLogEvent);
      flow_format_write(line, batch->format, record, call->account, call->region);
      *event = (LogsInputLogEvent){.timestamp = OPT_INT(record->start_ms / 1000 * 1000), .message = arena_strdup(call->arena, line->str)};
      LIST_APPEND(call->arena, &in.logEvents, event);
    }
    TRY(call_operation(call, &LogsOperationPutLogEvents, as, NULL, &in, &(LogsPutLogEventsOutput){0}));
  }
  return NULL;
}

static Error *to_logs(Call *call, const FlowBatch *batch) {
  const Principal *as = role_session(call, batch->log->DeliverLogsPermissionArn);
  for (guint from = 0, to = 0; from < batch->records->len; from = to) {
    const FlowRecord *first = batch->records->pdata[from];
    for (to = from; to < batch->records->len && strcmp(((const FlowRecord *) batch->records->pdata[to])->eni, first->eni) == 0; to++)
      ;
    TRY(put_stream(call, batch, as, from, to));
  }
  return NULL;
}

/* --- S3 --- */

static Error *gzip(Arena *arena, const GString *text, guint8 **ret_data, gsize *ret_size) {
  z_stream stream = {0};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return error_fault("gzip: no memory");
  gsize room = deflateBound(&stream, text->len);
  guint8 *data = arena_alloc(arena, room);
  stream.next_in = (guint8 *) text->str;
  stream.avail_in = (guint) text->len;
  stream.next_out = data;
  stream.avail_out = (guint) room;
  int result = deflate(&stream, Z_FINISH);
  *ret_size = stream.total_out;
  *ret_data = data;
  deflateEnd(&stream);
  return result == Z_STREAM_END ? NULL : error_fault("gzip: %d", result);
}

/* "prefix/AWSLogs/account/vpcflowlogs/region/2026/11/27/" or its Hive form. */
static const char *folder_of(Call *call, const FlowBatch *batch, const char *prefix, GDateTime *at) {
  const Ec2DestinationOptionsResponse *options = batch->log->DestinationOptions;
  gboolean hive = options && options->HiveCompatiblePartitions.v, hourly = options && options->PerHourPartition.v;
  g_autofree char *date = g_date_time_format(at, hive ? "year=%Y/month=%m/day=%d/" : "%Y/%m/%d/");
  g_autofree char *hour = g_date_time_format(at, !hourly ? "" : hive ? "hour=%H/" : "%H/");
  return arena_printf(call->arena, hive ? "%s%sAWSLogs/aws-account-id=%s/aws-service=vpcflowlogs/aws-region=%s/%s%s" : "%s%sAWSLogs/%s/vpcflowlogs/%s/%s%s", prefix,
                      *prefix && !g_str_has_suffix(prefix, "/") ? "/" : "", call->account, call->region, date, hour);
}

static Error *to_bucket(Call *call, const FlowBatch *batch) {
  const char *path = batch->log->LogDestination + strlen("arn:aws:s3:::"), *slash = strchr(path, '/');
  g_autoptr(GString) text = g_string_new(NULL);
  g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(batch->from_ms / 1000);
  g_autofree char *header = flow_format_header(batch->format), *stamp = g_date_time_format(at, "%Y%m%dT%H%MZ");
  guint8 *data = NULL;
  gsize size = 0;
  g_string_append_printf(text, "%s\n", header);
  for (guint i = 0; i < batch->records->len; i++) {
    flow_format_write(text, batch->format, batch->records->pdata[i], call->account, call->region);
    g_string_append_c(text, '\n');
  }
  TRY(gzip(call->arena, text, &data, &size));
  S3PutObjectInput in = {
    .Bucket = arena_strndup(call->arena, path, slash ? (gsize) (slash - path) : strlen(path)), .ContentType = "application/octet-stream",
    .Key = arena_printf(call->arena, "%s%s_vpcflowlogs_%s_%s_%s_%s.log.gz", folder_of(call, batch, slash ? slash + 1 : "", at), call->account, call->region, batch->log->FlowLogId,
                        stamp, id_hex(call->arena, 8)),
    .Body = body_from_bytes(call->arena, data, size), .ACL = "bucket-owner-full-control"};
  call->source_arn = arena_printf(call->arena, "arn:aws:logs:%s:%s:*", call->region, call->account);
  return call_operation(call, &S3OperationPutObject, principal_service(call->arena, "delivery.logs.amazonaws.com", call->account), NULL, &in, &(S3PutObjectOutput){0});
}

Error *flow_deliver(Call *call, const FlowBatch *batch) {
  g_ptr_array_sort(batch->records, by_interface);
  if (batch->records->len == 0)
    return NULL;
  return strcmp(batch->log->LogDestinationType, "s3") == 0 ? to_bucket(call, batch) : to_logs(call, batch);
}
