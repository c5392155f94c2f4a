/* Deliveries are jobs: one a message and subscription. What fails is tried again as the delivery policy says (HTTP), or not at all where only a
 * change of permissions would help; in the end it goes to the subscription's dead-letter queue.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html */
#include <string.h>

#include "server/metrics.h"
#include "services/lambda.gen.h"
#include "services/sns/sns.h"
#include "services/sqs.gen.h"

static const char job_kind[] = "sns.delivery";
enum { PARTS = 5, SQS_ATTRIBUTES_MAX = 10 };

void
sns_metric(const Call *call, const SnsTopicRecord *topic, const char *name, const char *unit, double value)
{
  const MetricSeries series = {.account = topic->account,
                               .region = call->region,
                               .name_space = "AWS/SNS",
                               .name = name,
                               .unit = unit,
                               .dimensions = METRIC_DIMENSIONS("TopicName", topic->name)};
  metric_add(call->haar, &series, value);
}

/* --- the ways --- */

static const Principal *
own_principal(Call *call, const SnsTopicRecord *topic)
{
  return principal_service(call->arena, "sns.amazonaws.com", topic->account);
}

static void
copy_attributes(Call *call, const SnsMessageRecord *message, SqsSendMessageInput *in)
{
  for (gsize i = 0; i < message->attributes.n && message->attributes.n <= SQS_ATTRIBUTES_MAX; i++) {
    const SnsMessageAttributeValue *from = message->attributes.v[i].value;
    SqsMessageAttributeValue *to = ARENA_NEW(call->arena, SqsMessageAttributeValue);
    *to = (SqsMessageAttributeValue){.DataType = from->DataType, .StringValue = from->StringValue, .BinaryValue = from->BinaryValue};
    MAP_SET(call->arena, &in->MessageAttributes, message->attributes.v[i].key, to);
  }
}

Error *
sns_send_to_queue(Call *call, const SnsTopicRecord *topic, const char *queue_arn, const char *body, const SnsMessageRecord *message,
                  gboolean with_attributes)
{
  Arn arn;
  if (!arn_parse(call->arena, queue_arn, &arn) || strcmp(arn.region, call->region) != 0)
    return error_answer("InvalidParameterException", "%s is no queue of this region", queue_arn);
  SqsSendMessageInput in = {.QueueUrl = arena_printf(call->arena, "https://sqs.%s.amazonaws.com/%s/%s", arn.region, arn.account, arn.resource),
                            .MessageBody = body};
  if (g_str_has_suffix(arn.resource, ".fifo")) {
    in.MessageGroupId = message->group ? message->group : topic->name;
    in.MessageDeduplicationId = message->deduplication ? message->deduplication : message->id;
  } else {
    in.MessageGroupId = message->group;
  }
  if (with_attributes)
    copy_attributes(call, message, &in);
  Call own = *call;
  own.source_arn = sns_topic_arn(call, topic);
  return call_operation(&own, &SqsOperationSendMessage, own_principal(call, topic), NULL, &in, &(SqsSendMessageOutput){0});
}

static gboolean
is_raw(const SnsSubscriptionRecord *subscription)
{
  return g_strcmp0(string_map_get(&subscription->attributes, "RawMessageDelivery"), "true") == 0;
}

static Error *
to_queue(const SnsDelivery *delivery)
{
  gboolean raw = is_raw(delivery->subscription);
  char *body = NULL;
  if (!raw)
    TRY(sns_envelope(delivery, &body));
  return sns_send_to_queue(delivery->call, delivery->topic, delivery->subscription->endpoint,
                           raw ? sns_text_for(delivery->call, delivery->message, "sqs") : body, delivery->message, raw);
}

static Error *
to_function(const SnsDelivery *delivery)
{
  Call own = *delivery->call;
  char *event = NULL;
  TRY(sns_lambda_event(delivery, &event));
  LambdaInvokeInput in = {.FunctionName = delivery->subscription->endpoint, .InvocationType = "Event", .Payload = {(const guint8 *) event, strlen(event)}};
  own.source_arn = sns_topic_arn(delivery->call, delivery->topic);
  return call_operation(&own, &LambdaOperationInvoke, own_principal(delivery->call, delivery->topic), NULL, &in, &(LambdaInvokeOutput){0});
}

static Error *
to_http(const SnsDelivery *delivery)
{
  gboolean raw = is_raw(delivery->subscription) && strcmp(delivery->kind, "Notification") == 0;
  char *body = NULL;
  if (!raw)
    TRY(sns_envelope(delivery, &body));
  return sns_post(delivery, raw ? sns_text_for(delivery->call, delivery->message, delivery->subscription->protocol) : body, raw);
}

typedef struct Way {
  const char *protocol;
  Error *(*deliver)(const SnsDelivery *delivery);
  gboolean http; /* the delivery policy holds */
} Way;

static const Way ways[] = {
    {"sqs", to_queue, FALSE},
    {"lambda", to_function, FALSE},
    {"http", to_http, TRUE},
    {"https", to_http, TRUE},
    {"email", sns_mail_delivery, FALSE},
    {"email-json", sns_mail_delivery, FALSE},
    {"sms", sns_mail_delivery, FALSE},
};

static const Way *
find_way(const char *protocol)
{
  for (gsize i = 0; i < G_N_ELEMENTS(ways); i++)
    if (strcmp(ways[i].protocol, protocol) == 0)
      return &ways[i];
  return NULL;
}

/* --- jobs --- */

static char *
job_key(Call *call, const SnsTopicRecord *topic, const SnsSubscriptionRecord *subscription, const char *message)
{
  return arena_printf(call->arena, "%s %s %s %s %s", call->region, topic->account, topic->name, subscription->id, message);
}

static Error *
put(Call *call, const char *key, const SnsDeliveryRecord *record, gint64 due)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  record_encode(call->arena, &SnsDeliveryRecord_shape, record, bytes);
  return jobs_put(call->txn, call->haar->jobs, job_kind, key, due, bytes->data, bytes->len);
}

/* A FIFO topic's messages go to their queues at once, in their order; what a queue refuses becomes a job, for the dead-letter queue. */
static Error *
deliver_in_order(Call *call, const SnsTopicRecord *topic, const SnsSubscriptionRecord *subscription, const SnsMessageRecord *message,
                 gboolean *ret_done)
{
  SnsDelivery delivery = {call, topic, subscription, message, "Notification"};
  g_autoptr(Error) error = to_queue(&delivery);
  *ret_done = !error;
  if (!error)
    sns_metric(call, topic, "NumberOfNotificationsDelivered", "Count", 1);
  return error && error->kind == ERROR_FAULT ? g_steal_pointer(&error) : NULL;
}

Error *
sns_deliver_put(Call *call, const SnsTopicRecord *topic, const SnsSubscriptionRecord *subscription, const SnsMessageRecord *message, const char *kind)
{
  gboolean done = FALSE;
  if (sns_is_fifo(topic))
    TRY(deliver_in_order(call, topic, subscription, message, &done));
  if (done)
    return NULL;
  SnsDeliveryRecord record = {.kind = kind};
  TRY(sns_seal(call, topic, message, &record));
  return put(call, job_key(call, topic, subscription, message->id), &record, 0);
}

/* A job's delivery, as it was read. */
typedef struct Work {
  char **parts; /* of the key */
  const char *key;
  SnsDeliveryRecord *record;
  SnsTopicRecord *topic;
  SnsSubscriptionRecord *subscription; /* NULL: gone */
  SnsMessageRecord *message;
} Work;

static Error *
read_work(Call *call, gpointer data)
{
  Work *work = data;
  const char *arn = arn_join(call->arena, "sns", work->parts[0], work->parts[1], work->parts[2]);
  g_autoptr(Error) gone = sns_topic_find(call, arn, &work->topic);
  if (error_is(gone, "NotFoundException"))
    return NULL;
  if (gone)
    return g_steal_pointer(&gone);
  TRY(sns_subscription_get(call, work->topic, work->parts[3], &work->subscription));
  return work->subscription ? sns_unseal(call, work->topic, work->record, &work->message) : NULL;
}

/* --- after a failure --- */

/* https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html#creating-delivery-policy */
typedef struct Retries { gint64 number, no_delay, min_delay_number, max_delay_number, min_s, max_s; } Retries;

static gint64
policy_number(const Json *policy, const char *name, gint64 otherwise, gint64 max)
{
  const Json *json = json_get(policy, name);
  return json && json->type == JSON_NUMBER ? CLAMP(g_ascii_strtoll(json->text, NULL, 10), 0, max) : otherwise;
}

static Retries
read_retries(Call *call, const Work *work)
{
  const char *own = string_map_get(&work->subscription->attributes, "DeliveryPolicy");
  const char *text = own ? own : string_map_get(&work->topic->attributes, "DeliveryPolicy");
  Json *json = NULL;
  g_autoptr(Error) bad = text ? json_parse(call->arena, text, strlen(text), &json) : NULL;
  const Json *policy = bad || !text ? NULL : own ? json_get(json, "healthyRetryPolicy") : json_path(json, "http.defaultHealthyRetryPolicy");
  return (Retries){policy_number(policy, "numRetries", 3, 100),        policy_number(policy, "numNoDelayRetries", 0, 100),
                   policy_number(policy, "numMinDelayRetries", 0, 100), policy_number(policy, "numMaxDelayRetries", 0, 100),
                   policy_number(policy, "minDelayTarget", 20, 3600),   policy_number(policy, "maxDelayTarget", 20, 3600)};
}

/* Seconds before retry n, from 1: at once, at the least delay, rising in equal steps, at the greatest. */
static gint64
delay_of(const Retries *retries, gint64 n)
{
  gint64 rising = retries->number - retries->no_delay - retries->min_delay_number - retries->max_delay_number;
  if (n <= retries->no_delay)
    return 0;
  n -= retries->no_delay;
  if (n <= retries->min_delay_number)
    return retries->min_s;
  n -= retries->min_delay_number;
  if (n > rising || rising < 2)
    return n > rising ? retries->max_s : retries->min_s;
  return retries->min_s + (retries->max_s - retries->min_s) * (n - 1) / (rising - 1);
}

static Error *
retry(Call *call, gpointer data)
{
  Work *work = data;
  Retries retries = read_retries(call, work);
  gint64 attempts = OPT_OR(work->record->attempts, 0);
  return put(call, work->key, work->record, clock_now() + delay_of(&retries, attempts) * 1000);
}

static Error *
give_up(Call *call, const SnsDelivery *delivery, const Error *why)
{
  const char *text = string_map_get(&delivery->subscription->attributes, "RedrivePolicy");
  Json *json = NULL;
  char *body = NULL;
  log_warning("topic %s: %s to %s could not be delivered: %s", delivery->topic->name, delivery->kind, delivery->subscription->endpoint, why->message);
  sns_metric(call, delivery->topic, "NumberOfNotificationsFailed", "Count", 1);
  if (!text || strcmp(delivery->kind, "Notification") != 0)
    return NULL;
  TRY(json_parse(call->arena, text, strlen(text), &json));
  TRY(sns_envelope(delivery, &body));
  g_autoptr(Error) error = sns_send_to_queue(call, delivery->topic, json_string(json_get(json, "deadLetterTargetArn")), body, delivery->message, FALSE);
  if (error && error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  sns_metric(call, delivery->topic, error ? "NumberOfNotificationsFailedToRedriveToDlq" : "NumberOfNotificationsRedrivenToDlq", "Count", 1);
  if (error)
    log_warning("topic %s: nor to its dead-letter queue: %s", delivery->topic->name, error->message);
  return NULL;
}

static Error *
deliver(Call *call, Work *work)
{
  const Way *way = find_way(work->subscription->protocol);
  SnsDelivery delivery = {call, work->topic, work->subscription, work->message, work->record->kind};
  g_autoptr(Error) error = way->deliver(&delivery);
  if (!error) {
    if (strcmp(work->record->kind, "Notification") == 0)
      sns_metric(call, work->topic, "NumberOfNotificationsDelivered", "Count", 1);
    return NULL;
  }
  if (error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  work->record->attempts = OPT_INT(OPT_OR(work->record->attempts, 0) + 1);
  if (way->http && error_is(error, "DeliveryFailed") && work->record->attempts.v <= read_retries(call, work).number)
    return call_write(call, retry, work);
  return give_up(call, &delivery, error);
}

static Error *
run(JobRun *job)
{
  g_auto(GStrv) parts = g_strsplit(job->key, " ", PARTS);
  void *record = NULL;
  if (g_strv_length(parts) != PARTS)
    return NULL;
  g_autoptr(Call) call = call_new(job->context, parts[1], parts[0], NULL);
  TRY(record_decode(call->arena, &SnsDeliveryRecord_shape, job->payload, job->size, &record));
  Work work = {.parts = parts, .key = job->key, .record = record};
  TRY(call_read(call, read_work, &work));
  return work.subscription ? deliver(call, &work) : NULL;
}

void
sns_deliver_register(Haar *haar)
{
  jobs_register(haar->jobs, job_kind, run);
}
