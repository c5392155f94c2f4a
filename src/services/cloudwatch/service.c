/* Start and stop. */
#include "server/haar.h"
#include "services/cloudwatch/alarm.h"

static Error *
schedule(Txn *txn, gpointer data)
{
  TRY(cloudwatch_retention_schedule(txn, data, clock_now() + CLOUDWATCH_MINUTE_MS));
  return evaluate_schedule(txn, data, 0);
}

static Error *
start(Haar *haar)
{
  CloudwatchState *state = g_new0(CloudwatchState, 1);
  g_mutex_init(&state->drain);
  state->sampled = clock_now();
  haar_set_state(haar, "cloudwatch", state);
  cloudwatch_retention_register(haar);
  evaluate_register(haar);
  actions_register(haar);
  suppress_register(haar);
  return store_write(haar->store, schedule, haar);
}

static Error *
evaluate_now(Txn *txn, gpointer data)
{
  return evaluate_schedule(txn, data, 0);
}

/* After the clock went back the job's next minute would be long in coming. */
static Error *
clock_moved(Haar *haar)
{
  return store_write(haar->store, evaluate_now, haar);
}

/* What was measured since the last minute is kept. */
static void
stop(Haar *haar)
{
  CloudwatchState *state = haar_state(haar, "cloudwatch");
  g_autoptr(Error) error = data_drain(haar);
  if (error)
    log_warning("cloudwatch: what was measured last is lost: %s", error->message);
  g_mutex_clear(&state->drain);
  g_free(state);
}

const ServiceHooks cloudwatch_hooks = {.start = start, .stop = stop, .clock_moved = clock_moved, .access_denied_code = "AccessDenied"};
