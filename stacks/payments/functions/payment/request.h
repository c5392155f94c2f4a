/* request: from an event to a payment that may be booked.
 *
 * The event is API Gateway's (Lambda proxy integration: body is JSON text, the key is the header Idempotency-Key), or, when the function is
 * invoked directly, the payment itself with "idempotencyKey". Without a key the request's id is one: then each request is a payment. */
#pragma once

#include "card.h"
#include "money.h"

typedef struct Payment {
  const char *idempotency_key;
  const char *user_id;       /* "guest" if the request names none */
  int64_t minor;             /* amount in minor units */
  const char *currency;
  const char *description;   /* or NULL */
  const char *method;        /* "card", or "account" if no card was given */
  Card card;                 /* of method "card" */
  const char *session_id;    /* user and key: a key belongs to its user */
  const char *fingerprint;   /* what must be the same when the key comes again */
} Payment;

/* request_id: the invocation's. now: seconds since 1970. arena. */
const Failure *request_parse(Arena *arena, const Json *event, const char *request_id, int64_t now, Payment *ret_payment);
