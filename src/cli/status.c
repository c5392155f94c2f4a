#include <stdio.h>
#include <string.h>

#include "cli/stack.h"

static const char *
text_of(const Json *json, const char *name)
{
  const char *text = json_string(json_get(json, name));
  return text ? text : "-";
}

/* A wait condition's handle is an address of half a thousand characters: its beginning says enough here, --json has it whole. */
static const char *
short_id(Arena *arena, const char *id)
{
  static const gsize most = 100;
  return strlen(id) > most ? arena_printf(arena, "%.*s...", (int) most, id) : id;
}

static Error *
show_resources(Arena *arena, const Daemon *daemon, const char *stack)
{
  Json *out = NULL;
  TRY(cli_operation(arena, daemon, "cloudformation", "DescribeStackResources", cli_object(arena, "StackName", stack, NULL), &out));
  const Json *resources = json_get(out, "StackResources");
  for (guint i = 0; resources && i < resources->n; i++) {
    const Json *resource = resources->items[i];
    printf("    %-28s %-41s %-18s %s\n", text_of(resource, "LogicalResourceId"), text_of(resource, "ResourceType"),
           text_of(resource, "ResourceStatus"), short_id(arena, text_of(resource, "PhysicalResourceId")));
  }
  return NULL;
}

static Error *
show(Arena *arena, const Daemon *daemon, gboolean json)
{
  Json *status = NULL, *out = NULL;
  TRY(cli_call(arena, daemon, "GET", "status", NULL, &status));
  TRY(cli_operation(arena, daemon, "cloudformation", "DescribeStacks", NULL, &out));
  const Json *stacks = json_get(out, "Stacks"), *pid = json_get(status, "pid");
  if (json) {
    json_set(arena, status, "stacks", stacks ? (Json *) stacks : json_new_array(arena));
    puts(json_text(arena, status));
    return NULL;
  }
  printf("haar %s at %s, DNS at %s, process %s, data %s, network %s, time %s\n", text_of(status, "version"), daemon->url, text_of(status, "dns"),
         pid ? arena_strndup(arena, pid->text, pid->n) : "-", text_of(status, "data"), text_of(status, "network"), text_of(status, "time"));
  if (json_get(status, "network_off_reason"))
    printf("  the network is off: %s\n", text_of(status, "network_off_reason"));
  if (!stacks || !stacks->n)
    puts("  no stacks");
  for (guint i = 0; stacks && i < stacks->n; i++) {
    printf("  %s  %s\n", text_of(stacks->items[i], "StackName"), text_of(stacks->items[i], "StackStatus"));
    TRY(show_resources(arena, daemon, text_of(stacks->items[i], "StackId")));
  }
  return NULL;
}

COMMAND(status, run_status, "show the daemon, its stacks and their resources")
static int
run_status(int argc, char **argv)
{
  return cli_show(argc, argv, "Shows the daemon, its stacks and their resources.", show);
}
