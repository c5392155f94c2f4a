/* run: one operation on one stack, on a thread of its own. The thread alone looks at and changes the Run; resources' functions run on
 * pool threads as tasks, each with a call and an arena of its own, and come back through a queue. Whatever happens is stored (with its
 * event) before it has consequences, so that a run that is cut short can be taken up where the records say it was. */
#pragma once

#include "stack/plan.h"
#include "stack/record.h"
#include "stack/resource.h"
#include "stack/status.h"

typedef struct Engine Engine;
typedef struct Run Run;

/* TASK_RECREATE: deletes what a creation left behind (old_properties), then creates. */
typedef enum { TASK_CREATE, TASK_UPDATE, TASK_DELETE, TASK_RECREATE } TaskKind;

/* One function of a resource at work. */
typedef struct Task {
  Run *run;
  guint node;                 /* the loop's own index */
  TaskKind kind;
  const ResourceType *type;
  Json *record;               /* arena of the run */
  const char *logical_id, *physical_id, *token;
  const char *type_name, *ref;       /* filled by run_start, as the next one */
  const Json *tags, *old_tags;
  const Json *properties, *old_properties, *attributes, *creation_policy;
  gboolean snapshot;          /* delete: first .snapshot */
  /* Set by the task; arena of its own call. */
  Call *call;
  ResourceResult result;
  Error *error;
} Task;

struct Run {
  Engine *engine;
  Haar *haar;
  Call *call;                 /* the run's own, without a transaction */
  Arena *arena;
  const char *stack_id, *stack_name;
  Json *stack;                /* the record */
  Json *operation;            /* its _Operation */
  Json *resources;            /* object: logical id -> record */
  Plan plan;                  /* after run_plan */
  GPtrArray *failed;          /* logical ids */
  Json *imports;              /* names that were imported */
  gboolean preserve;          /* rollback is disabled: what does not depend on what failed goes on */
  gboolean cancelled;         /* read by tasks: give up */
  gboolean never;             /* always FALSE: what tasks of a rollback read */
  gboolean rolling_back;      /* a cancellation does not stop what is run now */
  gint cancel_requested;      /* atomic: CancelUpdateStack */
  GThreadPool *pool;
  GAsyncQueue *messages;
  guint in_flight;
  gint64 deadline_ms;         /* clock_now(); 0: none */
  gint64 looked_us;           /* clock_monotonic_us() when the rollback triggers were looked at last */
  const char *breach;         /* of a rollback trigger: why the operation is given up; NULL: none */
};

/* The member's text, or "". */
const char *record_text(const Json *record, const char *name);
void record_set_text(Arena *arena, Json *record, const char *name, const char *text);

/* Reads the template and parameters of the stack as they are, or (former) as they were before the update. */
Error *run_plan(Run *run, gboolean former) ERROR_MUST_USE;
/* Sets a resource's status, stores record and event. reason and properties may be NULL. */
Error *run_event(Run *run, Json *record, const char *status, const char *reason) ERROR_MUST_USE;
/* The same without an event. */
Error *run_save(Run *run, Json *record) ERROR_MUST_USE;
/* The record goes. */
Error *run_forget(Run *run, Json *record) ERROR_MUST_USE;
/* Moves the stack, stores it and an event. */
Error *run_move(Run *run, StackStatus status, const char *reason) ERROR_MUST_USE;
/* A record for a resource that is about to be made (not among run->resources yet). */
Json *run_new_record(Run *run, const char *logical_id, const char *type);
/* Starts a task (fields up to snapshot set by the caller; copied). */
void run_start(Run *run, const Task *task);
/* Waits for the next task that ends; NULL after a while without one. Free with task_free. */
Task *run_wait(Run *run);
void task_free(Task *task);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Task, task_free)
/* Whether the error of a deletion says that there is nothing to delete. */
gboolean run_is_gone(const Error *error);
/* Whether the process is stopping: the run ends as it is, to be taken up again. */
gboolean run_is_stopping(const Run *run);
/* The names in run->failed as "A, B" (arena). */
char *run_failed_names(Run *run);
/* Ref or GetAtt of a resource that is there, as Eval's callback. */
Error *run_resource_value(Eval *eval, const char *logical_id, const char *attribute, Json **ret_value) ERROR_MUST_USE;
/* The value of a record's Ref or attribute; *ret_value NULL if there is no such attribute. */
void record_value(Arena *arena, const Json *record, const char *attribute, Json **ret_value);
/* The value of an export, as Eval's callback; notes the name in run->imports. */
Error *run_import_value(Eval *eval, const char *name, Json **ret_value) ERROR_MUST_USE;

/* apply.c: creates and updates what the plan says. Failures are in run->failed. */
Error *run_apply(Run *run, gboolean creating) ERROR_MUST_USE;
/* What a record needs to be put back later: ids, attributes, properties, policies (arena). */
Json *run_snapshot(Run *run, const Json *record);
/* What becomes of a resource that leaves its stack: its DeletionPolicy, or the one that AWS takes without one. */
const char *record_deletion_policy(const Json *record);
/* delete.c: deletes the records in list (array; a record's _DependsOn orders them), each with its events. Failures are in run->failed.
 * A record with "_Copy" is a replaced resource: UpdateReplacePolicy counts for it, and it is not stored. */
typedef struct DeleteOptions {
  gboolean keep_records;   /* they stay as DELETE_COMPLETE; else they go */
  gboolean rollback;       /* of a creation: RetainExceptOnCreate deletes, no snapshots */
  const Json *retain;      /* logical ids that are left alone */
} DeleteOptions;
Error *run_delete(Run *run, const Json *list, const DeleteOptions *options) ERROR_MUST_USE;
/* update.c */
/* The members of a record that a snapshot has are put back. */
void record_put_back(Arena *arena, Json *record, const Json *snapshot);
/* With rollback disabled: resources whose update failed are put back as they were before it. */
Error *run_restore_failed(Run *run) ERROR_MUST_USE;
/* Puts every resource that the update touched back as it was. Failures are in run->failed. */
Error *run_restore(Run *run) ERROR_MUST_USE;
/* Deletes what the update left behind: replaced and removed resources or, after a rollback, new ones. */
Error *run_cleanup(Run *run, gboolean rolled_back) ERROR_MUST_USE;
/* Forgets how resources were before the update. */
Error *run_settle(Run *run) ERROR_MUST_USE;
/* exports.c: evaluates the outputs, checks exports against other stacks; stores exports and imports, and outputs in the stack's record. */
Error *run_outputs(Run *run) ERROR_MUST_USE;
/* Takes the stack's exports back. */
Error *run_withdraw_exports(Run *run) ERROR_MUST_USE;
/* triggers.c: looks at the alarms of the stack's rollback triggers, about once a second; sets run->breach. */
void run_look_at_triggers(Run *run);
/* Waits for the monitoring time after the last resource; ends early if there is a breach, a cancellation or a stop. */
Error *run_monitor(Run *run) ERROR_MUST_USE;
/* notify.c: sends an event to the stack's notification topics. What fails is logged. */
void run_notify(Run *run, const Json *event);
/* operation.c: does what the stack's record says is under way. */
Error *run_operation(Run *run) ERROR_MUST_USE;
