/* Preparing: from Pending to Active, from InProgress to Successful, on a worker thread; and giving up interfaces. */
#include <string.h>

#include "services/lambda/lambda.h"

static const char prepare_kind[] = "lambda.prepare", release_kind[] = "lambda.release";

Error *
prepare_put(Call *call, const char *name)
{
  const char *key = arena_printf(call->arena, "%s %s %s", call->region, call->account, name);
  return jobs_put(call->txn, call->haar->jobs, prepare_kind, key, 0, "", 0);
}

Error *
release_put(Call *call)
{
  const char *key = arena_printf(call->arena, "%s %s", call->region, call->account);
  return jobs_put(call->txn, call->haar->jobs, release_kind, key, 0, "", 0);
}

typedef struct Work {
  const char *name;
  LambdaFunctionRecord *record;   /* NULL: it is gone */
  const Error *failure;
} Work;

static Error *
load(Call *call, gpointer data)
{
  Work *work = data;
  return lambda_function_find(call, work->name, LAMBDA_LATEST, &work->record);
}

static void
set_active(LambdaFunctionRecord *record)
{
  LambdaFunctionConfiguration *config = record->config;
  config->State = "Active";
  config->StateReason = config->StateReasonCode = NULL;
  config->LastUpdateStatus = "Successful";
  config->LastUpdateStatusReason = config->LastUpdateStatusReasonCode = NULL;
  record->active = config;
  record->activeCode = record->code;
  record->activeLayers = record->layers;
}

/* What has been in use stays in use. */
static void
set_failed(LambdaFunctionRecord *record, const Error *failure)
{
  LambdaFunctionConfiguration *config = record->config;
  if (record->active) {
    config->LastUpdateStatus = "Failed";
    config->LastUpdateStatusReason = failure->message;
    config->LastUpdateStatusReasonCode = "InternalError";
    return;
  }
  config->State = "Failed";
  config->StateReason = failure->message;
  config->StateReasonCode = "InternalError";
}

static Error *
finish(Call *call, gpointer data)
{
  Work *work = data;
  LambdaFunctionRecord *record;
  TRY(lambda_function_find(call, work->name, LAMBDA_LATEST, &record));
  if (!record || strcmp(record->config->RevisionId, work->record->config->RevisionId) != 0)
    return NULL; /* gone, or changed again: another job is there for it */
  if (work->failure)
    set_failed(record, work->failure);
  else
    set_active(record);
  TRY(lambda_function_put(call, record));
  return release_put(call);
}

static Call *
job_call(JobRun *job, guint parts_max, char ***ret_parts)
{
  *ret_parts = g_strsplit(job->key, " ", (int) parts_max);
  if (g_strv_length(*ret_parts) != parts_max)
    return NULL;
  return call_new(job->context, (*ret_parts)[1], (*ret_parts)[0], principal_service(job->arena, "lambda.amazonaws.com", (*ret_parts)[1]));
}

static Error *
prepare(JobRun *job)
{
  g_auto(GStrv) parts = NULL;
  g_autoptr(Call) call = job_call(job, 3, &parts);
  if (!call)
    return NULL;
  Work work = {.name = parts[2]};
  TRY(call_read(call, load, &work));
  if (!work.record)
    return NULL;
  g_autoptr(Error) error = lambda_network_prepare(call, work.record->config);
  if (error && error->kind == ERROR_FAULT && job->attempt < 3)
    return g_steal_pointer(&error);
  work.failure = error;
  return call_write(call, finish, &work);
}

static Error *
release(JobRun *job)
{
  g_auto(GStrv) parts = NULL;
  g_autoptr(Call) call = job_call(job, 2, &parts);
  return call ? lambda_network_release(call) : NULL;
}

void
prepare_register(Haar *haar)
{
  jobs_register(haar->jobs, prepare_kind, prepare);
  jobs_register(haar->jobs, release_kind, release);
}
