/* Start and stop, and the job that puts what was measured into the store each minute of the clock. */
#include "jobs/jobs.h"
#include "server/haar.h"
#include "services/cloudwatch/cloudwatch.h"

static const char minute_kind[] = "cloudwatch.minute";

static Error *
schedule(Txn *txn, gpointer data)
{
  Haar *haar = data;
  gint64 now = clock_now();
  return jobs_put(txn, haar->jobs, minute_kind, "all", now - now % CLOUDWATCH_MINUTE_MS + CLOUDWATCH_MINUTE_MS, "", 0);
}

static Error *
schedule_first(Txn *txn, gpointer data)
{
  TRY(cloudwatch_retention_schedule(txn, data, clock_now() + CLOUDWATCH_MINUTE_MS));
  return schedule(txn, data);
}

static Error *
run_minute(JobRun *run)
{
  Haar *haar = run->context;
  metrics_sample(haar);
  TRY(data_drain(haar));
  return store_write(haar->store, schedule, haar);
}

static Error *
start(Haar *haar)
{
  CloudwatchState *state = g_new0(CloudwatchState, 1);
  g_mutex_init(&state->drain);
  haar_set_state(haar, "cloudwatch", state);
  cloudwatch_retention_register(haar);
  jobs_register(haar->jobs, minute_kind, run_minute);
  return store_write(haar->store, schedule_first, haar);
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

const ServiceHooks cloudwatch_hooks = {.start = start, .stop = stop, .access_denied_code = "AccessDenied"};
