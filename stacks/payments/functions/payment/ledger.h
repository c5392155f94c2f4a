/* ledger: double-entry bookkeeping in Aurora MySQL. A payment is one row of payments and two of entries, which add up to zero, all in one
 * transaction; its key is unique. The schema is made on first use. */
#pragma once

#include "config.h"
#include "request.h"

typedef struct Ledger Ledger;

/* config is borrowed. Connects later. Returns NULL without memory. */
Ledger *ledger_new(const Config *config);
void ledger_free(Ledger *ledger);

typedef struct LedgerPayment {
  const char *payment_id;
  const char *created_at;   /* as the session has it */
} LedgerPayment;

/* Uses this user from now on; a connection made as another one is closed. timeout_ms: for connecting. */
void ledger_set_user(Ledger *ledger, const char *username, const char *password, long timeout_ms);
/* Whether the database takes the user and answers, as the writer; makes the schema if it is not there. */
const Failure *ledger_check(Ledger *ledger, Arena *arena);
/* Begins the transaction and books. *ret_existing is true if the key was booked before: then nothing is begun.
 * The database refusing the user is code "DatabaseAccessDenied". */
const Failure *ledger_book(Ledger *ledger, Arena *arena, const Payment *payment, const LedgerPayment *row, bool *ret_existing);
/* Makes the booking stand. If the connection breaks meanwhile it looks whether it does. */
const Failure *ledger_commit(Ledger *ledger, Arena *arena, const Payment *payment);
/* Gives the booking up; never fails: the server does so when the connection ends. */
void ledger_rollback(Ledger *ledger);

/* The payment and its entries as JSON, for operators; *ret_json is NULL if there is none. */
const Failure *ledger_find(Ledger *ledger, Arena *arena, const char *payment_id, char **ret_json);
