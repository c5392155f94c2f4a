/* stack: what up, down and status share: operations of the daemon, and the progress of a stack. */
#pragma once

#include "cli/cli.h"

/* Runs an operation as the account's root; in: its input, or NULL. *ret_out: arena. */
Error *cli_operation(Arena *arena, const Daemon *daemon, const char *service, const char *operation, const Json *in, Json **ret_out) ERROR_MUST_USE;
/* An object of text members: name, value, ..., NULL; values that are NULL are left out (arena). */
Json *cli_object(Arena *arena, ...) G_GNUC_NULL_TERMINATED;

/* The stack of this name as DescribeStacks has it; *ret_stack is NULL if there is none. */
Error *cli_stack(Arena *arena, const Daemon *daemon, const char *name, Json **ret_stack) ERROR_MUST_USE;

typedef struct Progress {
  Arena *arena;
  const Daemon *daemon;
  const char *stack;        /* id: it is found after its deletion too */
  gboolean json, colours;
  gint64 began_us;
  GHashTable *seen;         /* ids of events that were shown */
  const char *failure;      /* the first resource that failed, and why; NULL: none (arena) */
} Progress;
/* colours: on a terminal, unless NO_COLOR is set. What has happened before is not shown. */
Error *progress_begin(Progress *progress, Arena *arena, const Daemon *daemon, const char *stack_id, gboolean json) ERROR_MUST_USE;
/* Shows what happens until the stack's operation has ended; *ret_stack: how it is then. */
Error *progress_follow(Progress *progress, Json **ret_stack) ERROR_MUST_USE;
void progress_end(Progress *progress);

/* Starts the daemon if none answers. */
Error *cli_ensure_daemon(Arena *arena, Daemon *daemon) ERROR_MUST_USE;

/* A template that is ready to be deployed. */
typedef struct Package {
  const char *text;
  guint n;                  /* packages of code that were made */
  const Json *resources;    /* the template's, as it was read */
} Package;
/* Puts local code of a template's functions into a bucket and answers the template with places instead of paths (arena): every line stays. */
Error *package_template(Arena *arena, const Daemon *daemon, const char *path, const char *text, gsize size, Package *ret_package) ERROR_MUST_USE;

/* Puts a template that is too large for a request into the bucket of packages; *ret_url: where CloudFormation finds it (arena). */
Error *package_put_template(Arena *arena, const Daemon *daemon, const char *text, const char **ret_url) ERROR_MUST_USE;

/* The properties of resources that have no effect in haar: a list of {LogicalResourceId, Property, ResourceType, Line} (arena). */
Json *no_effect_of(Arena *arena, const Json *resources);
