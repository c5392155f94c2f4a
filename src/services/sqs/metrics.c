/* AWS/SQS. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html */
#include "server/metrics.h"

#include "services/sqs/sqs.h"

void
sqs_metric(const Call *call, const SqsQueueRecord *queue, const char *name, const char *unit, double value)
{
  const MetricSeries series = {.account = queue->account,
                               .region = call->region,
                               .name_space = "AWS/SQS",
                               .name = name,
                               .unit = unit,
                               .dimensions = METRIC_DIMENSIONS("QueueName", queue->name)};
  metric_add(call->haar, &series, value);
}

static Error *
oldest_age(Call *call, const SqsQueueRecord *queue, double *ret_seconds)
{
  g_autoptr(Cursor) cursor = NULL;
  SqsPlace place;
  SqsMessageRecord *message = NULL;
  *ret_seconds = 0;
  TRY(sqs_places_open(call, queue, &cursor));
  if (!sqs_places_next(call, queue, cursor, &place))
    return NULL;
  TRY(sqs_message_get(call, queue, place.number, &message));
  if (message)
    *ret_seconds = (double) MAX(call->now - OPT_OR(message->sent, call->now), 0) / 1000;
  return NULL;
}

static Error *
measure(Call *call, const SqsQueueRecord *queue)
{
  SqsCounts counts;
  double age;
  TRY(sqs_count(call, queue, &counts));
  TRY(oldest_age(call, queue, &age));
  sqs_metric(call, queue, "ApproximateNumberOfMessagesVisible", "Count", (double) counts.visible);
  sqs_metric(call, queue, "ApproximateNumberOfMessagesNotVisible", "Count", (double) counts.in_flight);
  sqs_metric(call, queue, "ApproximateNumberOfMessagesDelayed", "Count", (double) counts.delayed);
  sqs_metric(call, queue, "ApproximateAgeOfOldestMessage", "Seconds", age);
  return NULL;
}

/* All queues of all regions and accounts: their keys say which. */
static Error *
measure_all(Call *call, gpointer data)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &sqs_queues, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    gsize size;
    const guint8 *value = cursor_value(cursor, &size);
    char *region;
    void *queue = NULL;
    gsize region_size;
    TRY(record_decode(call->arena, &SqsQueueRecord_shape, value, size, &queue));
    if (!key_read(&reader, call->arena, &region, &region_size))
      continue;
    call->region = region;
    TRY(measure(call, queue));
  }
  return NULL;
}

static void
sample(Haar *haar, gpointer data)
{
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  g_autoptr(Error) error = call_read(call, measure_all, NULL);
  if (error)
    log_warning("the queues could not be counted: %s", error->message);
}

void
sqs_metrics_register(Haar *haar)
{
  metrics_sampler(haar, sample, NULL);
}
