/* Subscription filters: events that match are given to a function, as AWS gives them: JSON, gzipped, in base64. Each batch is a durable job.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#LambdaFunctionExample */
#include <string.h>
#include <zlib.h>

#include "services/logs/logs.h"
#include "services/logs/filter.h"
#include "services/lambda.gen.h"

static const Table subscription_table = {"logs.subscription"}; /* region, account, group, filter -> SubscriptionFilter */
static const char kind[] = "logs.deliver";
enum { SUBSCRIPTIONS_MAX = 2 };

static Error *
load(Call *call, const char *group, LogsFilters *ret)
{
  return logs_filters_load(call, &subscription_table, &LogsSubscriptionFilter_shape, group, ret);
}

Error *
logs_subscriptions_delete(Call *call, const char *group)
{
  return logs_filters_delete(call, &subscription_table, group);
}

/* --- delivering --- */

/* gzip, then base64 (arena). */
static Error *
packed(Arena *arena, const char *text, const char **ret)
{
  z_stream stream = {0};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return error_fault("zlib cannot begin");
  gsize room = deflateBound(&stream, strlen(text)) + 32;
  guint8 *data = arena_alloc(arena, room);
  stream.next_in = (Bytef *) text;
  stream.avail_in = (uInt) strlen(text);
  stream.next_out = data;
  stream.avail_out = (uInt) room;
  int done = deflate(&stream, Z_FINISH);
  gsize size = stream.total_out;
  deflateEnd(&stream);
  if (done != Z_STREAM_END)
    return error_fault("zlib cannot compress %" G_GSIZE_FORMAT " bytes", strlen(text));
  *ret = text_base64(arena, data, size);
  return NULL;
}

static Json *
event_json(Arena *arena, const LogsInputLogEvent *event, gint64 number)
{
  Json *out = json_new_object(arena);
  json_set(arena, out, "id", json_new_string(arena, logs_event_id(arena, event->timestamp.v, number)));
  json_set(arena, out, "timestamp", json_new_int(arena, event->timestamp.v));
  json_set(arena, out, "message", json_new_string(arena, event->message));
  return out;
}

static Error *
queue(Call *call, const LogsSubscriptionFilter *subscription, const char *stream, Json *events)
{
  Arena *arena = call->arena;
  Json *job = json_new_object(arena), *data = json_new_object(arena), *filters = json_new_array(arena);
  json_set(arena, data, "messageType", json_new_string(arena, "DATA_MESSAGE"));
  json_set(arena, data, "owner", json_new_string(arena, call->account));
  json_set(arena, data, "logGroup", json_new_string(arena, subscription->logGroupName));
  json_set(arena, data, "logStream", json_new_string(arena, stream));
  json_append(arena, filters, json_new_string(arena, subscription->filterName));
  json_set(arena, data, "subscriptionFilters", filters);
  json_set(arena, data, "logEvents", events);
  json_set(arena, job, "function", json_new_string(arena, subscription->destinationArn));
  json_set(arena, job, "group", json_new_string(arena, subscription->logGroupName));
  json_set(arena, job, "data", data);
  const char *text = json_text(arena, job), *key = arena_printf(arena, "%s %s %s", call->region, call->account, id_uuid(arena));
  return jobs_put(call->txn, call->haar->jobs, kind, key, 0, text, strlen(text));
}

Error *
logs_subscriptions_feed(Call *call, const char *group, const char *stream, const LogsInputLogEvents *events, gsize from, gsize to, gint64 first_number)
{
  LogsFilters all = {0};
  TRY(load(call, group, &all));
  for (gsize i = 0; i < all.n; i++) {
    Filter *filter = NULL;
    Json *matching = json_new_array(call->arena);
    const LogsSubscriptionFilter *stored = all.v[i];
    TRY(filter_parse(call->arena, stored->filterPattern, &filter));
    for (gsize at = from; at < to; at++)
      if (filter_match(filter, call->arena, events->v[at]->message))
        json_append(call->arena, matching, event_json(call->arena, events->v[at], first_number + (gint64) (at - from)));
    if (matching->n > 0)
      TRY(queue(call, stored, stream, matching));
  }
  return NULL;
}

static Error *
invoke(Call *call, const char *group, const char *function, const char *type, const char *payload)
{
  LambdaInvokeInput in = {.FunctionName = function, .InvocationType = type, .Payload = {(const guint8 *) payload, strlen(payload)}};
  LambdaInvokeOutput out = {0};
  const Principal *logs = principal_service(call->arena, "logs", call->account);
  Call inner = *call;
  inner.source_arn = arena_printf(call->arena, "%s:*", logs_group_arn(call, group));
  return call_operation(&inner, &LambdaOperationInvoke, logs, NULL, &in, &out);
}

static Error *
run(JobRun *job)
{
  Json *in = NULL;
  const char *data = NULL;
  g_auto(GStrv) words = g_strsplit(job->key, " ", 3);
  g_autoptr(Call) call = call_new(job->context, words[1], words[0], NULL);
  TRY(json_parse(job->arena, job->payload, job->size, &in));
  TRY(packed(job->arena, json_text(job->arena, json_get(in, "data")), &data));
  const char *payload = arena_printf(job->arena, "{\"awslogs\":{\"data\":\"%s\"}}", data);
  return invoke(call, json_string(json_get(in, "group")), json_string(json_get(in, "function")), "Event", payload);
}

void
logs_subscriptions_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
}

/* --- operations --- */

typedef struct Put {
  const LogsPutSubscriptionFilterInput *in;
  LogsGroupRecord *group;
} Put;

static Error *
find_group(Call *call, gpointer data)
{
  Put *put = data;
  return logs_group_get(call, put->in->logGroupName, &put->group);
}

static Error *
put_record(Call *call, gpointer data)
{
  Put *put = data;
  const LogsPutSubscriptionFilterInput *in = put->in;
  Key key;
  LogsFilters all = {0};
  void *old = NULL;
  logs_filter_key(call, put->group->name, in->filterName, &key);
  TRY(load(call, put->group->name, &all));
  TRY(record_get(call->txn, &subscription_table, &key, &LogsSubscriptionFilter_shape, call->arena, &old));
  if (!old && all.n >= SUBSCRIPTIONS_MAX)
    return error_answer("LimitExceededException", "Resource limit exceeded.");
  LogsSubscriptionFilter record = {.filterName = in->filterName,
                                   .logGroupName = put->group->name,
                                   .filterPattern = in->filterPattern,
                                   .destinationArn = in->destinationArn,
                                   .distribution = in->distribution ? in->distribution : "ByLogStream",
                                   .creationTime = OPT_INT(call->now)};
  return record_put(call->txn, &subscription_table, &key, &LogsSubscriptionFilter_shape, &record);
}

LOGS_RESOURCE(PutSubscriptionFilter)

/* The function must let logs.amazonaws.com invoke it, as AWS finds out at once. */
OPERATION(PutSubscriptionFilter, put_subscription_filter, .txn = TXN_NONE, .authorize = authorize_PutSubscriptionFilter)
static Error *
put_subscription_filter(Call *call, const LogsPutSubscriptionFilterInput *in, LogsPutSubscriptionFilterOutput *ret_out)
{
  Put put = {.in = in};
  Filter *filter = NULL;
  Arn arn;
  TRY(call_read(call, find_group, &put));
  TRY(filter_parse(call->arena, in->filterPattern, &filter));
  if (!arn_parse(call->arena, in->destinationArn, &arn) || strcmp(arn.service, "lambda") != 0)
    return error_answer("InvalidParameterException", "haar delivers log events to Lambda functions only, not to %s", in->destinationArn);
  if (in->roleArn)
    return error_answer("InvalidParameterException", "destinationArn for vendor lambda cannot be used with roleArn");
  g_autoptr(Error) error = invoke(call, put.group->name, in->destinationArn, "DryRun", "{}");
  if (error && error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  if (error)
    return error_answer("InvalidParameterException",
                        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.");
  return call_write(call, put_record, &put);
}

LOGS_RESOURCE(DescribeSubscriptionFilters)

OPERATION(DescribeSubscriptionFilters, describe_subscription_filters, .authorize = authorize_DescribeSubscriptionFilters)
static Error *
describe_subscription_filters(Call *call, const LogsDescribeSubscriptionFiltersInput *in, LogsDescribeSubscriptionFiltersOutput *ret_out)
{
  LogsGroupRecord *group = NULL;
  LogsFilters all = {0};
  TRY(logs_group_get(call, in->logGroupName, &group));
  TRY(load(call, group->name, &all));
  LIST_EMPTY(call->arena, &ret_out->subscriptionFilters);
  for (gsize i = 0; i < all.n; i++) {
    LogsSubscriptionFilter *stored = all.v[i];
    if (!in->filterNamePrefix || g_str_has_prefix(stored->filterName, in->filterNamePrefix))
      LIST_APPEND(call->arena, &ret_out->subscriptionFilters, stored);
  }
  return NULL;
}

LOGS_RESOURCE(DeleteSubscriptionFilter)

OPERATION(DeleteSubscriptionFilter, delete_subscription_filter, .txn = TXN_WRITE, .authorize = authorize_DeleteSubscriptionFilter)
static Error *
delete_subscription_filter(Call *call, const LogsDeleteSubscriptionFilterInput *in, LogsDeleteSubscriptionFilterOutput *ret_out)
{
  Key key;
  LogsGroupRecord *group = NULL;
  gboolean existed = FALSE;
  TRY(logs_group_get(call, in->logGroupName, &group));
  logs_filter_key(call, group->name, in->filterName, &key);
  TRY(store_delete(call->txn, &subscription_table, &key, &existed));
  return existed ? NULL : error_answer("ResourceNotFoundException", "The specified subscription filter does not exist.");
}
