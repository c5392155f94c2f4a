/* engine: the stack operations that are under way in this process. */
#pragma once

#include "jobs/jobs.h"
#include "stack/run.h"

/* The state of the engine in Haar's states is under this name. */
#define ENGINE_STATE "stack"
/* The job that runs an operation; its key is the region, account and id of the stack, joined by '|'. */
#define ENGINE_JOB "stack.operation"

/* Has the stack's operation run after the commit. */
Error *engine_queue(Txn *txn, Haar *haar, const char *region, const char *account, const char *stack_id) ERROR_MUST_USE;
/* Asks the run of a stack, if there is one, to give up and roll back. */
void engine_cancel(Haar *haar, const char *stack_id);
gboolean engine_is_stopping(const Engine *engine);
