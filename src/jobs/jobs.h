/* jobs: everything that happens later. A job is a row in the store: kind, key, due time, payload. It survives kill -9, and is
 * run at least once; a handler that fails is tried again with growing delay. Due times are on the movable clock. */
#pragma once

#include "store/store.h"
#include "wire/json.h"

typedef struct Jobs Jobs;

typedef struct JobRun {
  gpointer context;          /* the Haar *, as given to jobs_new */
  const char *kind, *key;    /* key: unique in its kind, chosen by the caller */
  const void *payload;
  gsize size;
  guint attempt;             /* from 1 */
  Arena *arena;
} JobRun;

/* Runs on a worker thread and may block. NULL: done, the row is gone. A fault: again later. An answer: logged, gone. */
typedef Error *(*JobFunction)(JobRun *run);

Error *jobs_new(Store *store, gpointer context, Jobs **ret_jobs) ERROR_MUST_USE;
void jobs_free(Jobs *jobs);
/* Before jobs_start. kind is static text "service.what". */
void jobs_register(Jobs *jobs, const char *kind, JobFunction function);
/* Starts the timer thread and the workers; rows that are due run now. */
void jobs_start(Jobs *jobs);
/* In a write transaction: adds or replaces the job (kind, key). due_ms on clock_now(); 0: at once after the commit. */
Error *jobs_put(Txn *txn, Jobs *jobs, const char *kind, const char *key, gint64 due_ms, const void *payload, gsize size) ERROR_MUST_USE;
Error *jobs_delete(Txn *txn, Jobs *jobs, const char *kind, const char *key) ERROR_MUST_USE;
/* The clock was moved: looks at the timers again. */
void jobs_clock_moved(Jobs *jobs);
/* Runs function(data) soon on a worker thread; not durable. */
void jobs_run(Jobs *jobs, void (*function)(gpointer), gpointer data);
