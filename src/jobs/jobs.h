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
/* Ends the timer and waits for what runs; nothing runs after it, but jobs_put and jobs_run (which does nothing then) are still allowed. NULL: nothing. */
void jobs_stop(Jobs *jobs);
/* After jobs_stop, or instead of it, when no transaction is left that put a job. */
void jobs_free(Jobs *jobs);
/* Before jobs_start. kind is static text "service.what". */
void jobs_register(Jobs *jobs, const char *kind, JobFunction function);
/* After jobs_register: what this kind does at a time it does for all the time since it last ran (it looks each minute, say), so that jobs_pass
 * need not stop at its times: while time passes in one go such kinds wait, and run once at its end. */
void jobs_catches_up(Jobs *jobs, const char *kind);
/* Starts the timer thread and the workers; rows that are due run now. */
void jobs_start(Jobs *jobs);
/* In a write transaction: adds or replaces the job (kind, key). due_ms on clock_now(); 0: at once after the commit. */
Error *jobs_put(Txn *txn, Jobs *jobs, const char *kind, const char *key, gint64 due_ms, const void *payload, gsize size) ERROR_MUST_USE;
Error *jobs_delete(Txn *txn, Jobs *jobs, const char *kind, const char *key) ERROR_MUST_USE;
/* The clock was moved: looks at the timers again. */
void jobs_clock_moved(Jobs *jobs);
/* As if the time up to to_ms passed: moves the clock with move(data, ms) from one due time to the next, and waits at each until what is due
 * there has run (a job that it puts before to_ms is a stop too; so is a job's next attempt, for the first few), at last to to_ms, where it waits
 * for up to three seconds. Jobs that run already are not waited for, unless they are held. Bounded: after ten seconds of waiting, and a minute
 * more for what is held, or 5,000 stops, the rest of the way is one step. A worker's thread; blocks. */
Error *jobs_pass(Jobs *jobs, gint64 to_ms, Error *(*move)(gpointer data, gint64 ms), gpointer data) ERROR_MUST_USE;
/* Something goes on that takes time of the machine (a function runs for a job): jobs_pass moves the clock no further until it is released, or
 * longest_ms of the machine's time are over. Returns what jobs_release takes. Any thread. */
guint64 jobs_hold(Jobs *jobs, gint64 longest_ms);
void jobs_release(Jobs *jobs, guint64 hold);
/* Runs function(data) soon on a worker thread; not durable. */
void jobs_run(Jobs *jobs, void (*function)(gpointer), gpointer data);
