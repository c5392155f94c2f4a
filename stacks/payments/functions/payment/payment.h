/* payment: the flow of one payment, over ports, so that it can be tried without AWS.
 *
 *   session processing -> booking in the ledger, open -> transaction log -> booking committed -> session completed -> answer
 *
 * The booking is committed only when the log is written: a failure before it leaves nothing in the ledger. Each step may be done twice
 * with the same result, so a request whose predecessor with the same key failed or died half-way continues it, and is booked once. */
#pragma once

#include "session.h"

typedef struct Ports Ports;
struct Ports {
  void *data;
  const Failure *(*session_begin)(Ports *ports, Arena *arena, const Payment *payment, Session *session);
  const Failure *(*session_complete)(Ports *ports, Arena *arena, const Payment *payment, const char *log_key, const char *answer);
  const Failure *(*session_fail)(Ports *ports, Arena *arena, const Payment *payment, const Failure *why);
  /* As ledger_book; credentials are read before. */
  const Failure *(*book)(Ports *ports, Arena *arena, const Payment *payment, const Session *session, bool *ret_existing);
  const Failure *(*commit)(Ports *ports, Arena *arena, const Payment *payment);
  void (*rollback)(Ports *ports);
  const Failure *(*log_put)(Ports *ports, Arena *arena, const char *key, const char *body);
  const Failure *(*log_delete)(Ports *ports, Arena *arena, const char *key);
};

typedef struct PaymentAnswer {
  const char *body;      /* JSON */
  const char *payment_id;
  bool replayed;         /* the payment had been completed before */
} PaymentAnswer;

/* Runs it. bucket: for the answer. payment_id and created_at: of a new session. arena. */
const Failure *payment_run(Ports *ports, Arena *arena, const Payment *payment, const char *bucket, const char *payment_id, const char *created_at,
                           PaymentAnswer *ret_answer);
