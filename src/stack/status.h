/* status: a stack's life. The table is the authority on which status may follow which.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html */
#pragma once

#include "base/base.h"

typedef enum {
  STACK_REVIEW_IN_PROGRESS, STACK_CREATE_IN_PROGRESS, STACK_CREATE_FAILED, STACK_CREATE_COMPLETE, STACK_ROLLBACK_IN_PROGRESS,
  STACK_ROLLBACK_FAILED, STACK_ROLLBACK_COMPLETE, STACK_DELETE_IN_PROGRESS, STACK_DELETE_FAILED, STACK_DELETE_COMPLETE,
  STACK_UPDATE_IN_PROGRESS, STACK_UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, STACK_UPDATE_COMPLETE, STACK_UPDATE_FAILED,
  STACK_UPDATE_ROLLBACK_IN_PROGRESS, STACK_UPDATE_ROLLBACK_FAILED, STACK_UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS,
  STACK_UPDATE_ROLLBACK_COMPLETE,
} StackStatus;

extern const StateTable stack_states;

/* The status of a name that is in a record. */
StackStatus stack_status_of(const char *name);
const char *stack_status_name(StackStatus status);
/* Whether an operation is under way. */
gboolean stack_status_moving(StackStatus status);
/* Whether UpdateStack may begin. */
gboolean stack_status_updatable(StackStatus status);
