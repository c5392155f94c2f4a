/* session: the payment's session in DynamoDB. It is put once a key, as processing, and ends as completed or failed. */
#pragma once

#include "aws.h"
#include "request.h"

typedef struct Session {
  const char *payment_id;   /* given by the first request with this key */
  const char *created_at;   /* "2026-11-23T23:30:00.123Z" */
  const char *status;       /* "processing", "completed", "failed" */
  const char *fingerprint;
  const char *answer;       /* of a completed session: the body that was answered; else NULL */
  bool replay;              /* an earlier request with this key made it */
} Session;

/* Puts a session for the payment, or finds the one that its key has already. *session: in: payment_id and created_at of a new one. */
const Failure *session_begin(Aws *aws, Arena *arena, const Payment *payment, Session *session);
/* processing or failed becomes completed, with the answer; a completed session stays as it is. */
const Failure *session_complete(Aws *aws, Arena *arena, const Payment *payment, const char *log_key, const char *answer);
/* processing becomes failed. */
const Failure *session_fail(Aws *aws, Arena *arena, const Payment *payment, const Failure *why);
