/* A batch of a stream and its function. What fails is tried again before anything that comes after it, so that the order within a shard holds; parts
 * of a batch lie on a stack, the earliest on top. https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 * https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html */
#include <string.h>

#include "services/lambda/mapping.h"

enum { PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 60 * 1000, KEPT_MS = 24 * 3600 * 1000 };

static const char failed_result[] = "PROBLEM: Function call failed";

/* Records begin..end-1 of the batch. */
typedef struct Part {
  gsize begin, end;
  gint64 failures;           /* that count against MaximumRetryAttempts */
  gint64 invocations;
} Part;

typedef struct Run {
  MappingTurn *turn;
  const StreamBatch *batch;
  GArray *parts;             /* of Part */
  gint64 pause_ms;
  const char *result;        /* as last written */
} Run;

static void
push(Run *run, gsize begin, gsize end, gint64 failures, gint64 invocations)
{
  Part part = {begin, end, failures, invocations};
  g_array_append_val(run->parts, part);
}

static Part *
top(const Run *run)
{
  return &g_array_index(run->parts, Part, run->parts->len - 1);
}

/* All before record n is done. */
static Error *
done_before(Run *run, gsize n, const char *result)
{
  const StreamBatch *batch = run->batch;
  run->result = result;
  return position_put(run->turn, n == batch->n ? batch->last : n ? batch->v[n - 1].sequence : NULL, result);
}

/* --- what is discarded --- */

static char *
second(Arena *arena, gint64 ms)
{
  return text_iso8601(arena, ms / 1000 * 1000, FALSE);
}

/* https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#dynamodb-on-failure-destination-console */
static char *
discarded_text(Run *run, const Part *part, gsize end, const char *condition, const MappingOutcome *outcome)
{
  Call *call = run->turn->call;
  Arena *arena = call->arena;
  const LambdaMappingRecord *mapping = run->turn->mapping;
  const StreamRecord *first = &run->batch->v[part->begin], *last = &run->batch->v[end - 1];
  Json *out = json_new_object(arena), *response = json_new_object(arena);
  Json *request = lambda_json_strings(arena, "requestId", outcome->request_id ? outcome->request_id : id_uuid(arena), "functionArn", mapping->config->FunctionArn,
                                      "condition", condition, NULL);
  json_set(arena, request, "approximateInvokeCount", json_new_int(arena, part->invocations));
  json_set(arena, out, "requestContext", request);
  if (outcome->ran) {
    json_set(arena, response, "statusCode", json_new_int(arena, 200));
    json_set(arena, response, "executedVersion", json_new_string(arena, outcome->version ? outcome->version : LAMBDA_LATEST));
    if (outcome->function_error)
      json_set(arena, response, "functionError", json_new_string(arena, outcome->function_error));
    json_set(arena, out, "responseContext", response);
  }
  json_set(arena, out, "version", json_new_string(arena, "1.0"));
  json_set(arena, out, "timestamp", json_new_string(arena, text_iso8601(arena, clock_now(), TRUE)));
  Json *info = lambda_json_strings(arena, "shardId", run->batch->shard, "startSequenceNumber", first->sequence, "endSequenceNumber", last->sequence,
                                   "approximateArrivalOfFirstRecord", second(arena, first->time_ms), "approximateArrivalOfLastRecord",
                                   second(arena, last->time_ms), NULL);
  json_set(arena, info, "batchSize", json_new_int(arena, (gint64) (end - part->begin)));
  json_set(arena, info, "streamArn", json_new_string(arena, mapping->config->EventSourceArn));
  json_set(arena, out, "DDBStreamBatchInfo", info);
  return json_text(arena, out);
}

/* Records part->begin..end-1 go to the destination, if there is one. */
static void
discard(Run *run, const Part *part, gsize end, const char *condition, const MappingOutcome *outcome)
{
  const LambdaMappingRecord *mapping = run->turn->mapping;
  const LambdaDestinationConfig *to = mapping->config->DestinationConfig;
  const char *target = to && to->OnFailure ? to->OnFailure->Destination : NULL;
  if (!target || !*target)
    return;
  g_autoptr(Error) error = destination_deliver(run->turn->call, run->turn->role->role_arn, target, discarded_text(run, part, end, condition, outcome), NULL);
  if (!error)
    return;
  lambda_metric_event(run->turn->call, mapping->function, "DestinationDeliveryFailures", "Count", 1);
  log_warning("records of %s do not reach %s: %s", mapping->config->EventSourceArn, target, error->message);
}

/* Drops what is too old from the front of the top part. */
static Error *
drop_old(Run *run)
{
  const LambdaEventSourceMappingConfiguration *config = run->turn->mapping->config;
  gint64 max = OPT_OR(config->MaximumRecordAgeInSeconds, -1), oldest = clock_now() - (max < 0 ? KEPT_MS : MIN(max * 1000, KEPT_MS));
  Part *part = top(run);
  gsize end = part->begin;
  while (end < part->end && run->batch->v[end].time_ms < oldest)
    end++;
  if (end == part->begin)
    return NULL;
  discard(run, part, end, "RecordAgeExceeded", &(MappingOutcome) {0});
  part->begin = end;
  return done_before(run, end, run->result);
}

/* --- one try --- */

static Json *
event_of(const Run *run, const Part *part)
{
  Arena *arena = run->turn->call->arena;
  Json *event = json_new_object(arena), *records = json_new_array(arena);
  for (gsize i = part->begin; i < part->end; i++)
    json_append(arena, records, run->batch->v[i].json);
  json_set(arena, event, "Records", records);
  return event;
}

/* The first record that the function says has failed; part->end: none. What is no such answer fails all of the part. */
static gsize
first_failed(const Run *run, const Part *part, const Json *answer)
{
  const Json *list = json_get(answer, "batchItemFailures");
  gsize first = part->end;
  if (!list || list->type == JSON_NULL)
    return part->end;
  for (guint i = 0; list->type == JSON_ARRAY && i < list->n; i++) {
    const char *id = json_string(json_get(list->items[i], "itemIdentifier"));
    gsize at = part->begin;
    while (id && at < part->end && strcmp(run->batch->v[at].sequence, id) != 0)
      at++;
    if (!id || at == part->end)
      return part->begin;
    first = MIN(first, at);
  }
  return list->type == JSON_ARRAY ? first : part->begin;
}

/* Waits before the next try; new records do not end it. */
static void
pause_before_retry(Run *run)
{
  Haar *haar = run->turn->call->haar;
  const char *key = arena_printf(run->turn->call->arena, "lambda retry %s", run->turn->mapping->config->UUID);
  call_pulse_wait(haar, key, call_pulse(haar, key), run->pause_ms, run->turn->stop);
  run->pause_ms = MIN(run->pause_ms * 2, PAUSE_MAX_MS);
}

/* A part has failed from its first record on. */
static Error *
after_failure(Run *run, const MappingOutcome *outcome)
{
  const LambdaEventSourceMappingConfiguration *config = run->turn->mapping->config;
  gint64 retries = OPT_OR(config->MaximumRetryAttempts, -1);
  Part *part = top(run);
  if (outcome->ran && OPT_OR(config->BisectBatchOnFunctionError, FALSE) && part->end - part->begin > 1) { /* does not count as a retry */
    Part whole = *part;
    gsize middle = whole.begin + (whole.end - whole.begin) / 2;
    g_array_set_size(run->parts, run->parts->len - 1);
    push(run, middle, whole.end, whole.failures, whole.invocations);
    push(run, whole.begin, middle, whole.failures, whole.invocations);
  } else if (outcome->ran) {
    part->failures++;
  }
  if (outcome->ran && retries >= 0 && top(run)->failures > retries) {
    Part lost = *top(run);
    discard(run, &lost, lost.end, "RetryAttemptsExhausted", outcome);
    g_array_set_size(run->parts, run->parts->len - 1);
    return done_before(run, lost.end, failed_result);
  }
  if (g_strcmp0(run->result, failed_result) != 0)
    TRY(position_put(run->turn, NULL, run->result = failed_result));
  pause_before_retry(run);
  return NULL;
}

static Error *
try_once(Run *run)
{
  const LambdaMappingRecord *mapping = run->turn->mapping;
  const LambdaEventSourceMappingConfiguration *config = mapping->config;
  MappingOutcome outcome = {0};
  Part *part = top(run);
  FunctionName name = {mapping->function, mapping->qualifier};
  gboolean reports = string_list_has((const StringList *) &config->FunctionResponseTypes, "ReportBatchItemFailures");
  gint64 age = clock_now() - run->batch->v[part->end - 1].time_ms;
  TRY(mapping_invoke(run->turn, event_of(run, part), &outcome));
  part->invocations += outcome.ran;
  if (outcome.ran)
    lambda_metric_iterator_age(run->turn->call, &name, MAX(age, 0));
  gsize failed = !outcome.answer ? part->begin : reports ? first_failed(run, part, outcome.answer) : part->end;
  if (failed == part->end) {
    run->pause_ms = PAUSE_FIRST_MS;
    g_array_set_size(run->parts, run->parts->len - 1);
    return done_before(run, failed, "OK");
  }
  if (failed > part->begin) {
    part->begin = failed;
    TRY(done_before(run, failed, failed_result));
    if (OPT_OR(config->BisectBatchOnFunctionError, FALSE)) /* that was the bisection */
      return NULL;
  }
  return after_failure(run, &outcome);
}

/* The next step, with memory of its own: there may be thousands. */
static Error *
step(Run *run, const MappingTurn *turn)
{
  g_autoptr(Call) call = call_new(turn->call->haar, turn->call->account, turn->call->region, turn->call->principal);
  MappingTurn own = *turn;
  own.call = call;
  run->turn = &own;
  TRY(drop_old(run));
  if (top(run)->begin < top(run)->end)
    return try_once(run);
  g_array_set_size(run->parts, run->parts->len - 1);
  return NULL;
}

Error *
stream_batch_run(MappingTurn *turn, const StreamBatch *batch)
{
  g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(Part));
  Run run = {NULL, batch, parts, PAUSE_FIRST_MS, NULL};
  push(&run, 0, batch->n, 0, 0);
  while (parts->len && !g_atomic_int_get(turn->stop))
    TRY(step(&run, turn));
  return NULL;
}
