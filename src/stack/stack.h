/* stack: the CloudFormation engine, as its API (services/cloudformation) and the command line use it. It knows no service: resources come
 * from RESOURCE rows (resource.h), everything else is in the template.
 *
 * Stacks, resources, events, change sets are JSON with the API's member names (record.h). Calls have no transaction unless said otherwise.
 * Wrong requests: answers ValidationError and others in AWS's words. All results: arena of the call. */
#pragma once

#include "server/server.h"
#include "stack/plan.h"
#include "stack/policy.h"
#include "stack/record.h"
#include "stack/resource.h"
#include "stack/spec.h"
#include "stack/status.h"

/* Before jobs_start: registers the engine's job and queues what was interrupted. */
Error *stack_engine_start(Haar *haar) ERROR_MUST_USE;
/* Has running operations stop where they are and waits for them; they are taken up at the next start. While the services are all there. */
void stack_engine_halt(Haar *haar);
/* After it. */
void stack_engine_stop(Haar *haar);

/* What CreateStack, UpdateStack and CreateChangeSet take. Json members as the API has them; NULL: not given. */
typedef struct StackRequest {
  const char *name;                  /* or id */
  const char *template_text;         /* NULL: the stack's own (UsePreviousTemplate) */
  const Json *parameters, *tags, *capabilities, *notification_arns, *rollback_configuration;
  const char *on_failure;            /* NULL: ROLLBACK */
  gboolean disable_rollback, termination_protection;
  gint64 timeout_minutes;            /* 0: none */
  const char *role_arn, *client_token, *stack_policy, *stack_policy_during_update;
  const char *parent_id, *root_id;   /* of a nested stack */
} StackRequest;

Error *stack_create(Call *call, const StackRequest *request, const char **ret_stack_id) ERROR_MUST_USE;
Error *stack_update(Call *call, const StackRequest *request, const char **ret_stack_id) ERROR_MUST_USE;
/* A stack that is not there is fine. retain: list of logical ids, or NULL. */
Error *stack_delete(Call *call, const char *name, const Json *retain, const char *client_token) ERROR_MUST_USE;
/* RollbackStack: of a stack that failed with rollback disabled. */
Error *stack_rollback(Call *call, const char *name, const char *client_token, const char **ret_stack_id) ERROR_MUST_USE;
/* CancelUpdateStack, ContinueUpdateRollback (skip: logical ids that are taken as they are). */
Error *stack_cancel_update(Call *call, const char *name) ERROR_MUST_USE;
Error *stack_continue_rollback(Call *call, const char *name, const Json *skip, const char *client_token) ERROR_MUST_USE;

/* The stack's record; not there: "Stack with id X does not exist" (ValidationError). */
Error *stack_find(Call *call, const char *name, Json **ret_stack) ERROR_MUST_USE;
/* Runs function in a write with the stack's record, and stores the record again. */
typedef Error *(*StackEdit)(Call *call, Json *stack, gpointer data);
Error *stack_edit(Call *call, const char *name, StackEdit edit, gpointer data) ERROR_MUST_USE;
/* Lists of records, newest first where that has a meaning. */
Error *stack_list(Call *call, Json **ret_list) ERROR_MUST_USE;
Error *stack_resources(Call *call, const Json *stack, Json **ret_list) ERROR_MUST_USE;
Error *stack_events(Call *call, const Json *stack, Json **ret_list) ERROR_MUST_USE;
Error *stack_exports(Call *call, Json **ret_list) ERROR_MUST_USE;
/* Names of the stacks that import it. */
Error *stack_imports(Call *call, const char *export_name, Json **ret_list) ERROR_MUST_USE;

/* What an update would do to the resources: list of Changes ({Type, ResourceChange}). plan: of the new template. old: the stack's record. */
Error *stack_changes(Call *call, const Json *stack, Plan *plan, const Json *tags, Json **ret_changes) ERROR_MUST_USE;

typedef struct ChangeSetRequest {
  StackRequest stack;
  const char *change_set_name, *type /* CREATE, UPDATE */, *description;
} ChangeSetRequest;
Error *change_set_create(Call *call, const ChangeSetRequest *request, const char **ret_id, const char **ret_stack_id) ERROR_MUST_USE;
/* name: or ARN (then stack may be NULL). Not there: ChangeSetNotFound. ret_stack may be NULL. */
Error *change_set_find(Call *call, const char *stack, const char *name, Json **ret_change_set, Json **ret_stack) ERROR_MUST_USE;
Error *change_set_execute(Call *call, const char *stack, const char *name, const char *client_token, gboolean disable_rollback) ERROR_MUST_USE;
Error *change_set_delete(Call *call, const char *stack, const char *name) ERROR_MUST_USE;
Error *change_set_list(Call *call, const char *stack, Json **ret_list) ERROR_MUST_USE;

/* A record's text member, or "". */
const char *record_text(const Json *record, const char *name);
