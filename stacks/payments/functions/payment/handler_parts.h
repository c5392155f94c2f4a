/* handler_parts: what handler.c and operator.c share. */
#pragma once

#include "handler.h"
#include "ledger.h"
#include "payment.h"
#include "secret.h"

typedef enum { STEP_SESSION, STEP_SECRET, STEP_LEDGER, STEP_LOG, STEP_COMMIT, STEP_COMPLETE, N_STEPS } Step;

struct Handler {
  const Config *config;
  Aws *aws;
  Secret secret;
  Ledger *ledger;
  Arena *arena;
  const LambdaContext *context;   /* of the invocation being served */
  int64_t step_us[N_STEPS];       /* how long each took */
};

/* Gives the ledger the database's user; fresh: as the secret is now. */
const Failure *handler_use_secret(Handler *handler, Arena *arena, bool fresh);
