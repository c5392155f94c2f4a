#include <stdio.h>
#include <string.h>

#include "cli/stack.h"

/* The one stack that there is, if none was named. */
static Error *
only_stack(Arena *arena, const Daemon *daemon, const char **ret_name)
{
  Json *out = NULL;
  TRY(cli_operation(arena, daemon, "cloudformation", "DescribeStacks", NULL, &out));
  const Json *stacks = json_get(out, "Stacks");
  if (stacks && stacks->n == 1) {
    *ret_name = json_string(json_get(stacks->items[0], "StackName"));
    return NULL;
  }
  if (!stacks || !stacks->n)
    return error_answer("NoStack", "there is no stack");
  return error_answer("WhichStack", "there are %u stacks: name one (`haar status` lists them)", stacks->n);
}

/* Failures that are rehearsed end with what they were rehearsed on, before it goes: it may need what they break. */
static Error *
lift_faults(Arena *arena, const Daemon *daemon, gboolean json, guint *ret_n)
{
  Json *out = NULL;
  TRY(cli_call(arena, daemon, "POST", "fault/lift", cli_object(arena, "name", "all", NULL), &out));
  const Json *lifted = json_get(out, "lifted");
  *ret_n = lifted ? lifted->n : 0;
  for (guint i = 0; i < *ret_n && !json; i++)
    printf("Fault %s is lifted.\n", json_string(lifted->items[i]));
  return NULL;
}

/* The stack, named or the only one; the faults are lifted. *ret_stack NULL: there is none, but there were faults. */
static Error *
find_stack(Arena *arena, const Daemon *daemon, gboolean json, const char **name, Json **ret_stack)
{
  guint n = 0;
  Error *error = *name ? NULL : only_stack(arena, daemon, name);
  if (error && !error_is(error, "NoStack"))
    return error;
  Error *second = lift_faults(arena, daemon, json, &n);
  if (second || (error && n)) {
    error_free(error);
    return second;
  }
  if (error)
    return error;
  TRY(cli_stack(arena, daemon, *name, ret_stack));
  return *ret_stack ? NULL : error_answer("NoStack", "there is no stack %s", *name);
}

static Error *
take_down(Arena *arena, const Daemon *daemon, const char *name, gboolean json)
{
  Progress progress = {0};
  Json *stack = NULL, *out = NULL;
  gint64 began_us = clock_monotonic_us();
  TRY(find_stack(arena, daemon, json, &name, &stack));
  if (!stack)
    return NULL;
  const char *id = json_string(json_get(stack, "StackId"));
  TRY(progress_begin(&progress, arena, daemon, id, json));
  Error *error = cli_operation(arena, daemon, "cloudformation", "DeleteStack", cli_object(arena, "StackName", id, NULL), &out);
  if (!error)
    error = progress_follow(&progress, &stack);
  progress_end(&progress);
  if (error)
    return error;
  const char *status = stack ? json_string(json_get(stack, "StackStatus")) : "DELETE_COMPLETE";
  if (strcmp(status, "DELETE_COMPLETE"))
    return error_answer("StackFailed", "stack %s is not gone: %s (a bucket with objects stays, as on AWS: empty it and call haar down again, or give it "
                                       "DeletionPolicy: Retain)", name, status);
  if (!json)
    printf("Stack %s is gone, %.2f s\n", name, (double) (clock_monotonic_us() - began_us) / 1e6);
  return NULL;
}

COMMAND(down, run_down, "delete a stack: haar down [STACK]")
static int
run_down(int argc, char **argv)
{
  g_autoptr(Arena) arena = arena_new();
  g_autofree char *data = NULL;
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Events as lines of JSON", NULL},
    {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
    {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[STACK]", "Lifts all faults, deletes a stack, and shows how it goes. Without a name: the only one."))
    return CLI_USAGE;
  if (argc > 2) {
    fputs("haar: down takes one stack\n", stderr);
    return CLI_USAGE;
  }
  Daemon daemon = cli_daemon(arena, data);
  Error *error = take_down(arena, &daemon, argc == 2 ? argv[1] : NULL, json);
  return error ? cli_fail(error) : CLI_GOOD;
}
