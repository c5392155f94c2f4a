#include "handler_parts.h"

#include "operator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static const char *const step_names[N_STEPS] = {"session", "secret", "ledger", "log", "commit", "complete"};

static int64_t
now_us(clockid_t clock)
{
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- ports --- */

#define TIMED(handler, step, expression)                    \
  ({                                                        \
    int64_t timed_start_ = now_us(CLOCK_MONOTONIC);         \
    const Failure *timed_failure_ = (expression);           \
    (handler)->step_us[step] += now_us(CLOCK_MONOTONIC) - timed_start_; \
    timed_failure_;                                         \
  })

static const Failure *
port_session_begin(Ports *ports, Arena *arena, const Payment *payment, Session *session)
{
  Handler *handler = ports->data;
  return TIMED(handler, STEP_SESSION, session_begin(handler->aws, arena, payment, session));
}

static const Failure *
port_session_complete(Ports *ports, Arena *arena, const Payment *payment, const char *log_key, const char *answer)
{
  Handler *handler = ports->data;
  return TIMED(handler, STEP_COMPLETE, session_complete(handler->aws, arena, payment, log_key, answer));
}

static const Failure *
port_session_fail(Ports *ports, Arena *arena, const Payment *payment, const Failure *why)
{
  Handler *handler = ports->data;
  return session_fail(handler->aws, arena, payment, why);
}

const Failure *
handler_use_secret(Handler *handler, Arena *arena, bool fresh)
{
  TRY(TIMED(handler, STEP_SECRET, secret_read(handler->aws, arena, &handler->secret, fresh)));
  int64_t left = lambda_remaining_ms(handler->context) - 250;
  long timeout = left < 1 ? 1 : left < handler->config->connect_timeout_ms ? (long) left : handler->config->connect_timeout_ms;
  ledger_set_user(handler->ledger, handler->secret.username, handler->secret.password, timeout);
  return NULL;
}

static const Failure *
port_book(Ports *ports, Arena *arena, const Payment *payment, const Session *session, bool *ret_existing)
{
  Handler *handler = ports->data;
  LedgerPayment row = {session->payment_id, session->created_at};
  TRY(handler_use_secret(handler, arena, false));
  const Failure *failure = TIMED(handler, STEP_LEDGER, ledger_book(handler->ledger, arena, payment, &row, ret_existing));
  if (!failure || strcmp(failure->code, "DatabaseAccessDenied") != 0)
    return failure;
  TRY(handler_use_secret(handler, arena, true)); /* the secret may have been rotated */
  return TIMED(handler, STEP_LEDGER, ledger_book(handler->ledger, arena, payment, &row, ret_existing));
}

static const Failure *
port_commit(Ports *ports, Arena *arena, const Payment *payment)
{
  Handler *handler = ports->data;
  return TIMED(handler, STEP_COMMIT, ledger_commit(handler->ledger, arena, payment));
}

static void
port_rollback(Ports *ports)
{
  ledger_rollback(((Handler *) ports->data)->ledger);
}

static const Failure *
log_object(Handler *handler, Arena *arena, const char *key, const char *body)
{
  AwsAnswer answer;
  TRY(aws_object(handler->aws, arena, handler->config->log_bucket, key, body, &answer));
  return answer.status / 100 == 2 ? NULL : aws_failure(arena, body ? "writing the transaction log" : "removing the transaction log", &answer);
}

static const Failure *
port_log_put(Ports *ports, Arena *arena, const char *key, const char *body)
{
  Handler *handler = ports->data;
  return TIMED(handler, STEP_LOG, log_object(handler, arena, key, body));
}

static const Failure *
port_log_delete(Ports *ports, Arena *arena, const char *key)
{
  return log_object(ports->data, arena, key, NULL);
}

/* --- one event --- */

static char *
uuid(Arena *arena)
{
  unsigned char b[16];
  if (getrandom(b, sizeof b, 0) != (ssize_t) sizeof b)
    abort();
  b[6] = (unsigned char) ((b[6] & 0x0f) | 0x40);
  b[8] = (unsigned char) ((b[8] & 0x3f) | 0x80);
  return arena_printf(arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
                      b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static char *
timestamp(Arena *arena)
{
  int64_t now = now_us(CLOCK_REALTIME);
  time_t seconds = (time_t) (now / 1000000);
  struct tm utc;
  char text[32];
  gmtime_r(&seconds, &utc);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  return arena_printf(arena, "%s.%03dZ", text, (int) (now / 1000 % 1000));
}

static const Failure *
pay(Handler *handler, const Json *event, PaymentAnswer *ret_answer)
{
  Arena *arena = handler->arena;
  Ports ports = {handler,   port_session_begin, port_session_complete, port_session_fail, port_book, port_commit, port_rollback,
                 port_log_put, port_log_delete};
  Payment payment;
  TRY(operator_check_environment(handler));
  TRY(request_parse(arena, event, handler->context->request_id, now_us(CLOCK_REALTIME) / 1000000, &payment));
  return payment_run(&ports, arena, &payment, handler->config->log_bucket, uuid(arena), timestamp(arena), ret_answer);
}

static const Failure *
dispatch(Handler *handler, const LambdaEvent *event, PaymentAnswer *ret_answer)
{
  const Json *json = json_parse(handler->arena, event->data, event->size);
  if (!json || json->type != JSON_OBJECT)
    return failure_new(handler->arena, 400, false, "InvalidRequest", "the event is not a JSON object");
  OperatorFunction *operation = operator_find(json);
  return operation ? operation(handler, json, ret_answer) : pay(handler, json, ret_answer);
}

/* One line of JSON in the function's log. */
static void
log_line(Handler *handler, const PaymentAnswer *result, const Failure *failure)
{
  Text line = text_new(handler->arena);
  text_printf(&line, "{\"level\":\"%s\",\"requestId\":", failure && failure->status >= 500 ? "ERROR" : "INFO");
  text_json(&line, handler->context->request_id);
  text_printf(&line, ",\"paymentId\":");
  text_json(&line, result->payment_id);
  if (failure) {
    text_printf(&line, ",\"code\":\"%s\",\"message\":", failure->code);
    text_json(&line, failure->message);
  }
  text_printf(&line, ",\"replayed\":%s,\"ms\":{", result->replayed ? "true" : "false");
  for (int i = 0; i < N_STEPS; i++)
    text_printf(&line, "%s\"%s\":%.2f", i ? "," : "", step_names[i], (double) handler->step_us[i] / 1000);
  text_printf(&line, "}}\n");
  fwrite(line.data, 1, line.size, stdout);
  fflush(stdout);
}

static const char *
failure_body(Arena *arena, const Failure *failure, const char *request_id)
{
  Text body = text_new(arena);
  text_printf(&body, "{\"error\":{\"code\":\"%s\",\"message\":", failure->code);
  text_json(&body, failure->message);
  text_printf(&body, ",\"retry\":%s},\"requestId\":", failure->retry ? "true" : "false");
  text_json(&body, request_id);
  text_printf(&body, "}");
  return body.data;
}

/* The answer of a Lambda proxy integration. */
static void
answer_proxy(Handler *handler, const PaymentAnswer *result, const Failure *failure, LambdaAnswer *answer)
{
  Text proxy = text_new(handler->arena);
  text_printf(&proxy, "{\"statusCode\":%d,\"headers\":{\"Content-Type\":\"application/json\",\"Cache-Control\":\"no-store\"",
              failure ? failure->status : 200);
  if (result->replayed)
    text_printf(&proxy, ",\"Idempotent-Replayed\":\"true\"");
  if (failure && failure->retry)
    text_printf(&proxy, ",\"Retry-After\":\"1\"");
  text_printf(&proxy, "},\"isBase64Encoded\":false,\"body\":");
  text_json(&proxy, failure ? failure_body(handler->arena, failure, handler->context->request_id) : result->body);
  text_printf(&proxy, "}");
  lambda_answer(answer, proxy.data, proxy.size);
}

void
handler_run(const LambdaEvent *event, const LambdaContext *context, void *user, LambdaAnswer *answer)
{
  Handler *handler = user;
  PaymentAnswer result = {0};
  handler->context = context;
  memset(handler->step_us, 0, sizeof handler->step_us);
  aws_set_deadline(handler->aws, context->deadline_ms);
  const Failure *failure = dispatch(handler, event, &result);
  log_line(handler, &result, failure);
  answer_proxy(handler, &result, failure, answer);
  arena_reset(handler->arena);
}

Handler *
handler_new(const Config *config)
{
  Handler *handler = calloc(1, sizeof *handler);
  if (!handler)
    return NULL;
  handler->config = config;
  handler->arena = arena_new();
  handler->aws = aws_new(config);
  handler->ledger = ledger_new(config);
  if (handler->aws && handler->ledger)
    return handler;
  handler_free(handler);
  return NULL;
}

void
handler_free(Handler *handler)
{
  if (!handler)
    return;
  secret_clear(&handler->secret);
  ledger_free(handler->ledger);
  aws_free(handler->aws);
  arena_free(handler->arena);
  free(handler);
}
