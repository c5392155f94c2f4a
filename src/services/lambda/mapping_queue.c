/* SQS as an event source. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html */
#include <string.h>

#include "services/lambda/mapping.h"

enum { RECEIVE_MAX = 10, LANES = 5 };

static const char *
queue_url(Call *call, const char *text)
{
  Arn arn;
  if (!arn_parse(call->arena, text, &arn))
    return text;
  return arena_printf(call->arena, "https://sqs.%s.amazonaws.com/%s/%s", arn.region, arn.account, arn.resource);
}

static const char *
pulse(Call *call, const char *text)
{
  Arn arn;
  return arn_parse(call->arena, text, &arn) ? arena_printf(call->arena, "sqs %s %s %s", arn.region, arn.account, arn.resource) : text;
}

/* --- checks --- */

static Error *
check(Call *call, const LambdaEventSourceMappingConfiguration *config, const LambdaFunctionConfiguration *function)
{
  static const char *const actions[] = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", NULL};
  const Principal *role = lambda_role_session(call, function->Role);
  const char *denied;
  TRY(mapping_permitted(call, role, actions, config->EventSourceArn, &denied));
  if (denied)
    return mapping_wrong("The provided execution role does not have permissions to call %s on SQS", strchr(denied, ':') + 1);
  Json *in = lambda_json_strings(call->arena, "QueueUrl", queue_url(call, config->EventSourceArn), NULL), *out = NULL, *names = json_new_array(call->arena);
  json_append(call->arena, names, json_new_string(call->arena, "VisibilityTimeout"));
  json_set(call->arena, in, "AttributeNames", names);
  g_autoptr(Error) error = lambda_other_call(call, "sqs", "GetQueueAttributes", role, in, &out);
  if (error && error->kind == ERROR_ANSWER)
    return error_answer("InvalidParameterValueException", "Error occurred while ReceiveMessage. SQS Error Code: %s. SQS Error Message: %s", error->code,
                        error->message);
  if (error)
    return g_steal_pointer(&error);
  const char *visibility = json_string(json_get(json_get(out, "Attributes"), "VisibilityTimeout"));
  gint64 seconds = visibility ? g_ascii_strtoll(visibility, NULL, 10) : 30, timeout = OPT_OR(function->Timeout, 3);
  if (seconds < timeout)
    return error_answer("InvalidParameterValueException",
                        "Queue visibility timeout: %" G_GINT64_FORMAT " seconds is less than Function timeout: %" G_GINT64_FORMAT " seconds", seconds, timeout);
  return NULL;
}

/* --- the batch --- */

static Error *
receive(MappingTurn *turn, gint64 max, Json *batch)
{
  Arena *arena = turn->call->arena;
  const char *source = turn->mapping->config->EventSourceArn;
  Json *in = lambda_json_strings(arena, "QueueUrl", queue_url(turn->call, source), NULL), *all = json_new_array(arena), *out = NULL;
  json_append(arena, all, json_new_string(arena, "All"));
  json_set(arena, in, "AttributeNames", all);
  json_set(arena, in, "MessageAttributeNames", all);
  json_set(arena, in, "MaxNumberOfMessages", json_new_int(arena, MIN(max, RECEIVE_MAX)));
  json_set(arena, in, "WaitTimeSeconds", json_new_int(arena, 0));
  TRY(lambda_other_call(turn->call, "sqs", "ReceiveMessage", turn->role, in, &out));
  const Json *messages = json_get(out, "Messages");
  for (guint i = 0; messages && i < messages->n; i++)
    json_append(arena, batch, messages->items[i]);
  return NULL;
}

/* Gathers until the batch is full, or its window is over; without a window it takes what is there. */
static Error *
gather(MappingTurn *turn, Json *batch)
{
  const LambdaEventSourceMappingConfiguration *config = turn->mapping->config;
  Haar *haar = turn->call->haar;
  const char *key = pulse(turn->call, config->EventSourceArn);
  gint64 size = OPT_OR(config->BatchSize, RECEIVE_MAX), until = 0, window_us = OPT_OR(config->MaximumBatchingWindowInSeconds, 0) * 1000000;
  for (;;) {
    guint64 seen = call_pulse(haar, key);
    guint before = batch->n;
    TRY(receive(turn, size - batch->n, batch));
    if (!batch->n || batch->n >= size)
      return NULL;
    if (!until)
      until = clock_monotonic_us() + window_us;
    gint64 left = (until - clock_monotonic_us()) / 1000;
    if (left <= 0)
      return NULL;
    if (batch->n == before && !call_pulse_wait(haar, key, seen, left, turn->stop))
      return NULL; /* haar ends: the messages become visible again */
  }
}

/* --- the event --- */

static void
copy(Arena *arena, Json *to, const char *name, const Json *from, const char *from_name)
{
  Json *value = json_get(from, from_name);
  if (value)
    json_set(arena, to, name, value);
}

static Json *
attributes_of(Arena *arena, const Json *message)
{
  const Json *from = json_get(message, "MessageAttributes");
  Json *all = json_new_object(arena);
  for (guint i = 0; from && i < from->n; i++) {
    Json *one = json_new_object(arena);
    copy(arena, one, "stringValue", from->members[i].value, "StringValue");
    copy(arena, one, "binaryValue", from->members[i].value, "BinaryValue");
    json_set(arena, one, "stringListValues", json_new_array(arena));
    json_set(arena, one, "binaryListValues", json_new_array(arena));
    copy(arena, one, "dataType", from->members[i].value, "DataType");
    json_set(arena, all, from->members[i].key, one);
  }
  return all;
}

static Json *
record_of(MappingTurn *turn, const Json *message)
{
  Arena *arena = turn->call->arena;
  Json *record = json_new_object(arena), *attributes = json_get(message, "Attributes");
  copy(arena, record, "messageId", message, "MessageId");
  copy(arena, record, "receiptHandle", message, "ReceiptHandle");
  copy(arena, record, "body", message, "Body");
  json_set(arena, record, "attributes", attributes ? attributes : json_new_object(arena));
  json_set(arena, record, "messageAttributes", attributes_of(arena, message));
  copy(arena, record, "md5OfBody", message, "MD5OfBody");
  copy(arena, record, "md5OfMessageAttributes", message, "MD5OfMessageAttributes");
  json_set(arena, record, "eventSource", json_new_string(arena, "aws:sqs"));
  json_set(arena, record, "eventSourceARN", json_new_string(arena, turn->mapping->config->EventSourceArn));
  json_set(arena, record, "awsRegion", json_new_string(arena, turn->call->region));
  return record;
}

/* The messages that a filter does not want are left out of the event; they are deleted with what is done. */
static Json *
event_of(MappingTurn *turn, const Json *batch, guint *ret_n)
{
  Arena *arena = turn->call->arena;
  Json *event = json_new_object(arena), *records = json_new_array(arena);
  for (guint i = 0; i < batch->n; i++) {
    Json *record = record_of(turn, batch->items[i]);
    if (filters_want_message(arena, turn->mapping->config->FilterCriteria, record))
      json_append(arena, records, record);
  }
  json_set(arena, event, "Records", records);
  *ret_n = records->n;
  return event;
}

/* --- the end --- */

static gboolean
is_in_batch(const Json *batch, const char *id)
{
  for (guint i = 0; id && i < batch->n; i++)
    if (g_strcmp0(json_string(json_get(batch->items[i], "MessageId")), id) == 0)
      return TRUE;
  return FALSE;
}

/* Which messages failed, by id; FALSE: all of them, as what the function answered is not what it should.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting */
static gboolean
read_failures(const Json *answer, const Json *batch, GHashTable *failed)
{
  const Json *list = json_get(answer, "batchItemFailures");
  if (!list || list->type == JSON_NULL)
    return TRUE;
  for (guint i = 0; list->type == JSON_ARRAY && i < list->n; i++) {
    const char *id = json_string(json_get(list->items[i], "itemIdentifier"));
    if (!id || !is_in_batch(batch, id))
      return FALSE;
    g_hash_table_add(failed, (gpointer) id);
  }
  return list->type == JSON_ARRAY;
}

static Error *
delete_done(MappingTurn *turn, const Json *batch, GHashTable *failed)
{
  Arena *arena = turn->call->arena;
  for (guint begin = 0; begin < batch->n; begin += RECEIVE_MAX) {
    Json *in = lambda_json_strings(arena, "QueueUrl", queue_url(turn->call, turn->mapping->config->EventSourceArn), NULL), *entries = json_new_array(arena);
    for (guint i = begin; i < MIN(batch->n, begin + RECEIVE_MAX); i++) {
      if (g_hash_table_contains(failed, json_string(json_get(batch->items[i], "MessageId"))))
        continue;
      Json *entry = lambda_json_strings(arena, "Id", arena_printf(arena, "%u", i), NULL);
      copy(arena, entry, "ReceiptHandle", batch->items[i], "ReceiptHandle");
      json_append(arena, entries, entry);
    }
    json_set(arena, in, "Entries", entries);
    if (entries->n)
      TRY(lambda_other_call(turn->call, "sqs", "DeleteMessageBatch", turn->role, in, NULL));
  }
  return NULL;
}

/* After a batch that failed: only what no filter wanted goes. */
static Error *
delete_unwanted(MappingTurn *turn, const Json *batch, const Json *event, GHashTable *failed)
{
  const Json *records = json_get(event, "Records");
  for (guint i = 0; i < records->n; i++)
    g_hash_table_add(failed, (gpointer) json_string(json_get(records->items[i], "messageId")));
  return delete_done(turn, batch, failed);
}

static gint64
lanes(const LambdaEventSourceMappingConfiguration *config)
{
  const LambdaScalingConfig *scaling = config->ScalingConfig;
  return scaling ? OPT_OR(scaling->MaximumConcurrency, LANES) : LANES;
}

static Error *
turn_queue(MappingTurn *turn, gboolean *ret_empty)
{
  Json *batch = json_new_array(turn->call->arena);
  MappingOutcome outcome = {0};
  guint wanted = 0;
  g_autoptr(GHashTable) failed = g_hash_table_new(g_str_hash, g_str_equal);
  TRY(gather(turn, batch));
  *ret_empty = batch->n == 0;
  if (!batch->n)
    return NULL;
  const Json *event = event_of(turn, batch, &wanted);
  if (!wanted)
    return delete_done(turn, batch, failed);
  TRY(mapping_invoke(turn, event, &outcome));
  if (!outcome.answer)
    return delete_unwanted(turn, batch, event, failed);
  if (string_list_has((const StringList *) &turn->mapping->config->FunctionResponseTypes, "ReportBatchItemFailures") &&
      !read_failures(outcome.answer, batch, failed))
    return delete_unwanted(turn, batch, event, failed);
  return delete_done(turn, batch, failed);
}

const MappingSource mapping_queue = {.service = "sqs", .words = "SQS", .batch_size = RECEIVE_MAX, .batch_max = 10000, .check = check, .lanes = lanes,
                                     .pulse = pulse, .turn = turn_queue};
