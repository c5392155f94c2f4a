#include "services/dynamodb/dynamodb.h"

#include <stdlib.h>
#include <string.h>

#define PURGE_AT_ONCE 1000

char *
job_where(Call *call, const char *table)
{
  return arena_printf(call->arena, "%s %s %s", call->account, call->region, table);
}

Error *
job_call(JobRun *run, Call **ret_call, const char **ret_table)
{
  g_auto(GStrv) parts = g_strsplit(run->payload, " ", 3);
  if (g_strv_length(parts) != 3)
    return error_answer("ValidationException", "a job of another form");
  *ret_call = call_new(run->context, parts[0], parts[1], NULL);
  *ret_table = arena_strdup((*ret_call)->arena, parts[2]);
  return NULL;
}

typedef struct Purge {
  gint64 uid;
  gboolean left;
} Purge;

static Error *
purge(Txn *txn, gpointer data)
{
  Purge *job = data;
  return rows_purge(txn, job->uid, PURGE_AT_ONCE, &job->left);
}

/* Some rows a transaction, so that others are not kept waiting. */
Error *
run_purge(JobRun *run)
{
  const Haar *haar = run->context;
  Purge job = { strtoll(run->payload, NULL, 10), TRUE };
  while (job.left)
    TRY(store_write(haar->store, purge, &job));
  return NULL;
}

static Error *
start(Haar *haar)
{
  haar_set_state(haar, "dynamodb", definition_state_new());
  jobs_register(haar->jobs, DYNAMODB_PURGE_JOB, run_purge);
  jobs_register(haar->jobs, DYNAMODB_TTL_JOB, run_ttl);
  jobs_register(haar->jobs, DYNAMODB_TRIM_JOB, run_trim);
  jobs_catches_up(haar->jobs, DYNAMODB_TTL_JOB);
  jobs_catches_up(haar->jobs, DYNAMODB_TRIM_JOB);
  return NULL;
}

static void
stop(Haar *haar)
{
  definition_state_free(haar_state(haar, "dynamodb"));
  haar_set_state(haar, "dynamodb", NULL);
}

const ServiceHooks dynamodb_hooks = {
  .start = start,
  .stop = stop,
  .measure = dynamodb_measure,
  .access_denied_code = "AccessDeniedException",
};
