/* prepare: a request as what the stack's record will say, before anything is stored. */
#pragma once

#include "stack/stack.h"

/* Checks template, parameters and capabilities of a request for the stack (its record, or NULL for a new one with that id) and makes an
 * object of the members that the stack's record will have. *ret_plan is the plan, to be cleared by the caller. arena of call. */
Error *prepare(Call *call, const StackRequest *request, const Json *stack, const char *stack_id, Plan *ret_plan, Json **ret_prepared) ERROR_MUST_USE;
/* Whether an update would change anything: resources (changes), outputs, or tags. */
gboolean prepare_differs(Call *call, const Json *stack, Plan *plan, const Json *prepared, const Json *changes);

/* In a write: the stack begins to be created, or updated, as prepared; its operation is queued. operation: members of _Operation. */
Error *begin_create(Call *call, Json *stack, const Json *prepared, Json *operation) ERROR_MUST_USE;
Error *begin_update(Call *call, Json *stack, const Json *prepared, Json *operation) ERROR_MUST_USE;
/* In a write: stores the stack with another status, and an event. */
Error *stack_set_status(Call *call, Json *stack, StackStatus status, const char *reason) ERROR_MUST_USE;
/* "Stack:<id> is in X state and can not be updated." if it is. */
Error *check_updatable(const Json *stack) ERROR_MUST_USE;
/* The form of a request's RollbackConfiguration, and whether haar can watch alarms. */
Error *triggers_check(const Json *configuration) ERROR_MUST_USE;
/* A new stack's record and id. */
Json *new_stack(Call *call, const char *name, const StackRequest *request);
Error *check_stack_name(const char *name) ERROR_MUST_USE;
