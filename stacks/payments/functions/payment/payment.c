#include "payment.h"

#include <inttypes.h>
#include <string.h>

/* "transactions/2026/11/23/<payment>.json" */
static char *
log_key_of(Arena *arena, const Session *session)
{
  return arena_printf(arena, "transactions/%.4s/%.2s/%.2s/%s.json", session->created_at, session->created_at + 5, session->created_at + 8,
                      session->payment_id);
}

static void
add_member(Text *json, const char *name, const char *value)
{
  text_printf(json, ",\"%s\":", name);
  text_json(json, value);
}

static void
add_common(Text *json, Arena *arena, const Payment *payment, const Session *session)
{
  text_printf(json, "{\"paymentId\":");
  text_json(json, session->payment_id);
  add_member(json, "sessionId", payment->session_id);
  add_member(json, "userId", payment->user_id);
  add_member(json, "amount", amount_format(arena, payment->minor, payment->currency));
  add_member(json, "currency", payment->currency);
  add_member(json, "method", payment->method);
  if (payment->card.brand) {
    text_printf(json, ",\"card\":{\"brand\":\"%s\",\"last4\":\"%s\"}", payment->card.brand, payment->card.last4);
  }
  add_member(json, "createdAt", session->created_at);
}

static char *
log_body(Arena *arena, const Payment *payment, const Session *session)
{
  Text json = text_new(arena);
  add_common(&json, arena, payment, session);
  add_member(&json, "description", payment->description);
  text_printf(&json, ",\"amountMinor\":%" PRId64, payment->minor);
  text_printf(&json, ",\"entries\":[{\"account\":\"receivable:%s\",\"direction\":\"debit\"},", payment->method);
  text_printf(&json, "{\"account\":\"merchant:settlement\",\"direction\":\"credit\"}]}\n");
  return json.data;
}

static char *
answer_body(Arena *arena, const Payment *payment, const Session *session, const char *bucket, const char *log_key)
{
  Text json = text_new(arena);
  add_common(&json, arena, payment, session);
  add_member(&json, "status", "completed");
  add_member(&json, "transactionLog", arena_printf(arena, "s3://%s/%s", bucket, log_key));
  text_printf(&json, "}");
  return json.data;
}

/* Books and logs. A booking that exists already was committed after its log was written: nothing is left to do then. */
static const Failure *
book(Ports *ports, Arena *arena, const Payment *payment, const Session *session, const char *log_key)
{
  bool existing;
  TRY(ports->book(ports, arena, payment, session, &existing));
  if (existing)
    return NULL;
  const Failure *failure = ports->log_put(ports, arena, log_key, log_body(arena, payment, session));
  if (failure) {
    ports->rollback(ports);
    return failure;
  }
  failure = ports->commit(ports, arena, payment);
  if (failure && ports->log_delete(ports, arena, log_key))
    return failure_new(arena, failure->status, true, failure->code, "%s; the transaction log %s stays until the payment is tried again",
                       failure->message, log_key);
  return failure;
}

/* What a key that was used before asks for. */
static const Failure *
check_replay(Arena *arena, const Payment *payment, const Session *session)
{
  if (strcmp(session->fingerprint, payment->fingerprint) == 0)
    return NULL;
  return failure_new(arena, 422, false, "IdempotencyKeyReused", "the idempotency key '%s' was used for another payment", payment->idempotency_key);
}

const Failure *
payment_run(Ports *ports, Arena *arena, const Payment *payment, const char *bucket, const char *payment_id, const char *created_at,
            PaymentAnswer *ret_answer)
{
  Session session = {.payment_id = payment_id, .created_at = created_at};
  TRY(ports->session_begin(ports, arena, payment, &session));
  TRY(check_replay(arena, payment, &session));
  ret_answer->payment_id = session.payment_id;
  if (strcmp(session.status, "completed") == 0 && session.answer) {
    ret_answer->body = session.answer;
    ret_answer->replayed = true;
    return NULL;
  }
  const char *log_key = log_key_of(arena, &session);
  const Failure *failure = book(ports, arena, payment, &session, log_key);
  if (failure) {
    const Failure *unnoted = ports->session_fail(ports, arena, payment, failure);
    return unnoted ? failure_new(arena, failure->status, failure->retry, failure->code, "%s; the session stays processing: %s", failure->message,
                                 unnoted->message)
                   : failure;
  }
  ret_answer->body = answer_body(arena, payment, &session, bucket, log_key);
  return ports->session_complete(ports, arena, payment, log_key, ret_answer->body);
}
