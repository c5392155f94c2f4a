/* Events for later: a durable job each, tried up to three times, then given to the dead-letter queue or a destination.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html */
#include <string.h>

#include "services/lambda/lambda.h"

static const char kind[] = "lambda.event";
static const gint64 minute = 60 * 1000, six_hours = 6 * 60 * 60 * 1000;

typedef struct Put { const InvokeArgs *args; } Put;

/* "region account request" */
static const char *
job_key(const Call *call, const char *request)
{
  return arena_printf(call->arena, "%s %s %s", call->region, call->account, request);
}

static Error *
put_record(Call *call, const LambdaEventRecord *record, gint64 due)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  record_encode(call->arena, &LambdaEventRecord_shape, record, bytes);
  return jobs_put(call->txn, call->haar->jobs, kind, job_key(call, record->request), due, bytes->data, bytes->len);
}

static Error *
put(Call *call, gpointer data)
{
  const InvokeArgs *args = data;
  LambdaEventRecord record = {
    .function = args->name.name,
    .qualifier = args->name.qualifier,
    .request = args->request_id,
    .payload = args->payload,
    .context = args->client_context,
    .queued = OPT_INT(clock_now()),
    .attempts = OPT_INT(0),
  };
  return put_record(call, &record, 0);
}

Error *
async_put(Call *call, const InvokeArgs *args)
{
  lambda_metric_event(call, args->name.name, "AsyncEventsReceived", "Count", 1);
  return call_write(call, put, (gpointer) args);
}

/* --- the end of an event --- */

/* What an event's function says about failures. */
typedef struct Policy {
  const LambdaEventRecord *event;
  gint64 retries, max_age;
  gboolean none_may_run;     /* reserved concurrency is zero */
  const char *on_success, *on_failure, *dead_letters, *role;
} Policy;

static Error *
find_policy(Call *call, gpointer data)
{
  Policy *policy = data;
  const LambdaEventRecord *event = policy->event;
  Key key;
  void *found;
  lambda_function_key(call, event->function, event->qualifier ? event->qualifier : LAMBDA_LATEST, &key);
  TRY(record_get(call->txn, &lambda_events, &key, &LambdaEventConfigRecord_shape, call->arena, &found));
  const LambdaFunctionEventInvokeConfig *config = found ? ((LambdaEventConfigRecord *) found)->config : NULL;
  policy->retries = config ? OPT_OR(config->MaximumRetryAttempts, 2) : 2;
  policy->max_age = config ? OPT_OR(config->MaximumEventAgeInSeconds, 21600) * 1000 : six_hours;
  const LambdaDestinationConfig *to = config ? config->DestinationConfig : NULL;
  policy->on_success = to && to->OnSuccess ? to->OnSuccess->Destination : NULL;
  policy->on_failure = to && to->OnFailure ? to->OnFailure->Destination : NULL;
  FunctionName name = {event->function, event->qualifier};
  LambdaFunctionRecord *record;
  g_autoptr(Error) gone = lambda_function_resolve(call, &name, &record);
  if (gone)
    return gone->kind == ERROR_FAULT ? g_steal_pointer(&gone) : NULL;
  LambdaFunctionRecord *latest;
  TRY(lambda_function_find(call, event->function, LAMBDA_LATEST, &latest));
  policy->none_may_run = latest && latest->reserved.set && latest->reserved.v == 0;
  policy->role = record->config->Role;
  policy->dead_letters = record->config->DeadLetterConfig ? record->config->DeadLetterConfig->TargetArn : NULL;
  return NULL;
}

static Json *
parsed(Arena *arena, const void *data, gsize size)
{
  Json *json = NULL;
  g_autoptr(Error) error = size ? json_parse(arena, data, size, &json) : NULL;
  return error || !json ? json_new_null(arena) : json;
}

/* The record that destinations get. */
static char *
destination_text(Call *call, const LambdaEventRecord *event, const InvocationResult *result, const char *condition, const char *version)
{
  Arena *arena = call->arena;
  Json *out = json_new_object(arena), *context = json_new_object(arena);
  json_set(arena, out, "version", json_new_string(arena, "1.0"));
  json_set(arena, out, "timestamp", json_new_string(arena, text_iso8601(arena, clock_now(), TRUE)));
  json_set(arena, context, "requestId", json_new_string(arena, event->request));
  json_set(arena, context, "functionArn", json_new_string(arena, lambda_function_arn(call, event->function, event->qualifier ? event->qualifier : LAMBDA_LATEST)));
  json_set(arena, context, "condition", json_new_string(arena, condition));
  json_set(arena, context, "approximateInvokeCount", json_new_int(arena, OPT_OR(event->attempts, 0)));
  json_set(arena, out, "requestContext", context);
  json_set(arena, out, "requestPayload", parsed(arena, event->payload.data, event->payload.size));
  if (result->payload) {
    Json *answer = json_new_object(arena);
    json_set(arena, answer, "statusCode", json_new_int(arena, 200));
    json_set(arena, answer, "executedVersion", json_new_string(arena, version ? version : LAMBDA_LATEST));
    if (result->function_error)
      json_set(arena, answer, "functionError", json_new_string(arena, result->function_error));
    json_set(arena, out, "responseContext", answer);
    json_set(arena, out, "responsePayload", parsed(arena, result->payload->data, result->payload->len));
  }
  return json_text(arena, out);
}

static Json *
attribute(Arena *arena, const char *type, const char *value)
{
  return lambda_json_strings(arena, "DataType", type, "StringValue", value, NULL);
}

static Error *
to_dead_letters(Call *call, const Policy *policy, const LambdaEventRecord *event, const InvocationResult *result)
{
  Arena *arena = call->arena;
  const GByteArray *payload = result->payload;
  const char *message = payload ? json_string(json_get(parsed(arena, payload->data, payload->len), "errorMessage")) : NULL;
  gboolean ran = OPT_OR(event->attempts, 0) > 0;
  Json *attributes = json_new_object(arena);
  json_set(arena, attributes, "RequestID", attribute(arena, "String", event->request));
  json_set(arena, attributes, "ErrorCode", attribute(arena, "Number", ran ? "200" : "429"));
  json_set(arena, attributes, "ErrorMessage", attribute(arena, "String", message ? message : ran ? "Unknown" : "Rate Exceeded."));
  return destination_deliver(call, policy->role, policy->dead_letters, event->payload.size ? arena_strndup(arena, (const char *) event->payload.data, event->payload.size) : "{}", attributes);
}

static void
end_event(Call *call, const Policy *policy, const InvocationResult *result, const char *condition, const char *version)
{
  gboolean good = strcmp(condition, "Success") == 0;
  const char *target = good ? policy->on_success : policy->on_failure;
  if (!good)
    lambda_metric_event(call, policy->event->function, "AsyncEventsDropped", "Count", 1);
  g_autoptr(Error) error = target ? destination_deliver(call, policy->role, target, destination_text(call, policy->event, result, condition, version), NULL) : NULL;
  if (error) {
    lambda_metric_event(call, policy->event->function, "DestinationDeliveryFailures", "Count", 1);
    log_warning("an event of %s does not reach %s: %s", policy->event->function, target, error->message);
  }
  g_autoptr(Error) dead = !good && policy->dead_letters ? to_dead_letters(call, policy, policy->event, result) : NULL;
  if (dead) {
    lambda_metric_event(call, policy->event->function, "DeadLetterErrors", "Count", 1);
    log_warning("an event of %s does not reach %s: %s", policy->event->function, policy->dead_letters, dead->message);
  }
}

/* --- the job --- */

typedef struct Again { const LambdaEventRecord *record; gint64 due; } Again;

static Error *
put_again(Call *call, gpointer data)
{
  const Again *again = data;
  return put_record(call, again->record, again->due);
}

static void
result_clear(InvocationResult *result)
{
  if (result->payload)
    g_byte_array_unref(result->payload);
  g_free(result->log_tail);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(InvocationResult, result_clear)

static Error *
attempt(Call *call, LambdaEventRecord *event)
{
  Policy policy = {.event = event};
  g_auto(InvocationResult) result = {0};
  const char *version = NULL;
  InvokeArgs args = {{event->function, event->qualifier}, event->request, event->context, event->payload, FALSE};
  TRY(call_read(call, find_policy, &policy));
  gint64 age = clock_now() - OPT_OR(event->queued, 0);
  if (age > policy.max_age) {
    end_event(call, &policy, &result, "EventAgeExceeded", version);
    return NULL;
  }
  g_autoptr(Error) error = invoke_run(call, &args, &result, &version);
  lambda_metric_event(call, event->function, "AsyncEventAge", "Milliseconds", (double) age);
  if (error_is(error, "ResourceNotFoundException"))
    return NULL;
  if (error) {
    gint64 throttles = OPT_OR(event->throttles, 0) + 1;
    event->throttles = OPT_INT(throttles);
    if (policy.none_may_run) { /* not tried again */
      end_event(call, &policy, &result, "ZeroReservedConcurrency", version);
      return NULL;
    }
    gint64 delay = MIN(1000LL << MIN(throttles, 9), 5 * minute);
    return call_write(call, put_again, &(Again) {event, clock_now() + delay});
  }
  event->attempts = OPT_INT(OPT_OR(event->attempts, 0) + 1);
  if (!result.function_error)
    end_event(call, &policy, &result, "Success", version);
  else if (event->attempts.v > policy.retries)
    end_event(call, &policy, &result, "RetriesExhausted", version);
  else
    return call_write(call, put_again, &(Again) {event, clock_now() + event->attempts.v * minute});
  return NULL;
}

static Error *
run(JobRun *job)
{
  void *record;
  TRY(record_decode(job->arena, &LambdaEventRecord_shape, job->payload, job->size, &record));
  g_auto(GStrv) parts = g_strsplit(job->key, " ", 3);
  if (g_strv_length(parts) != 3)
    return NULL;
  g_autoptr(Call) call = call_new(job->context, parts[1], parts[0], principal_service(job->arena, "lambda.amazonaws.com", parts[1]));
  return attempt(call, record);
}

void
async_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
}
