#include <stdio.h>
#include <string.h>

#include "cli/stack.h"

enum { TEMPLATE_MAX = 1024 * 1024, LOOK_US = 10 * 1000 };

typedef struct Up {
  Arena *arena;
  Daemon daemon;
  const char *path, *stack;
  char **parameters;         /* "Name=value" */
  gboolean json;
  Package package;           /* of the template */
} Up;

/* stacks/payments/template.yaml -> "payments"; shop.yaml -> "shop". */
static const char *
stack_name(Arena *arena, const char *path)
{
  g_autofree char *absolute = g_canonicalize_filename(path, NULL), *base = g_path_get_basename(absolute), *directory = g_path_get_dirname(absolute);
  g_autofree char *folder = g_path_get_basename(directory);
  char *dot = strchr(base, '.');
  if (dot)
    *dot = 0;
  char *name = arena_strdup(arena, !strcmp(base, "template") ? folder : base);
  for (char *c = name; *c; c++)
    if (!g_ascii_isalnum(*c))
      *c = '-';
  return g_ascii_isalpha(*name) ? name : arena_printf(arena, "stack-%s", name);
}

/* Name=value to a member of Parameters, and the names that were given to *given. */
static Error *
parameters_json(const Up *up, Json *given, Json **ret_list)
{
  Json *list = *ret_list = json_new_array(up->arena);
  for (char **parameter = up->parameters; parameter && *parameter; parameter++) {
    const char *equals = strchr(*parameter, '=');
    if (!equals)
      return error_answer("BadParameter", "--parameter %s: write Name=value", *parameter);
    const char *name = arena_strndup(up->arena, *parameter, (gsize) (equals - *parameter));
    json_append(up->arena, list, cli_object(up->arena, "ParameterKey", name, "ParameterValue", equals + 1, NULL));
    json_set(up->arena, given, name, json_new_bool(up->arena, TRUE));
  }
  return NULL;
}

/* What the stack has and the template still declares, and is not given, stays as it is, as with `aws cloudformation deploy`.
 * https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/ (--parameter-overrides) */
static Error *
keep_parameters(const Up *up, const Json *stack, Json *template, Json *given, Json *list)
{
  const Json *had = json_get(stack, "Parameters"), *declared;
  Json *out = NULL, *names = json_new_object(up->arena);
  if (!had || !had->n)
    return NULL;
  TRY(cli_operation(up->arena, &up->daemon, "cloudformation", "GetTemplateSummary", template, &out));
  declared = json_get(out, "Parameters");
  for (guint i = 0; declared && i < declared->n; i++)
    json_set(up->arena, names, json_string(json_get(declared->items[i], "ParameterKey")), json_new_bool(up->arena, TRUE));
  for (guint i = 0; i < had->n; i++) {
    const char *name = json_string(json_get(had->items[i], "ParameterKey"));
    if (json_get(given, name) || !json_get(names, name))
      continue;
    Json *member = cli_object(up->arena, "ParameterKey", name, NULL);
    json_set(up->arena, member, "UsePreviousValue", json_new_bool(up->arena, TRUE));
    json_append(up->arena, list, member);
  }
  return NULL;
}

static Json *
texts(Arena *arena, const char *const *values)
{
  Json *list = json_new_array(arena);
  for (; *values; values++)
    json_append(arena, list, json_new_string(arena, *values));
  return list;
}

/* A stack that never came up can only be deleted: it is, and made anew. */
static Error *
clear_failed(const Up *up, Json **stack)
{
  const char *status = *stack ? json_string(json_get(*stack, "StackStatus")) : NULL;
  static const char *const dead[] = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", NULL};
  Progress progress = {0};
  Json *out = NULL;
  if (status && !strcmp(status, "DELETE_COMPLETE"))
    *stack = NULL;
  if (!*stack || !g_strv_contains(dead, status))
    return NULL;
  const char *id = json_string(json_get(*stack, "StackId"));
  TRY(progress_begin(&progress, up->arena, &up->daemon, id, up->json));
  Error *error = cli_operation(up->arena, &up->daemon, "cloudformation", "DeleteStack", cli_object(up->arena, "StackName", id, NULL), &out);
  if (!error)
    error = progress_follow(&progress, stack);
  progress_end(&progress);
  *stack = NULL;
  return error;
}

static Error *
await_change_set(const Up *up, const char *change_set, Json **ret_description)
{
  for (;;) {
    TRY(cli_operation(up->arena, &up->daemon, "cloudformation", "DescribeChangeSet", cli_object(up->arena, "ChangeSetName", change_set, NULL),
                      ret_description));
    const char *status = json_string(json_get(*ret_description, "Status"));
    if (!g_str_has_suffix(status, "_IN_PROGRESS") && !g_str_has_suffix(status, "_PENDING"))
      return NULL;
    g_usleep(LOOK_US);
  }
}

/* *ret_change_set stays NULL if there is nothing to change. */
static Error *
make_change_set(const Up *up, const Json *stack, const char **ret_change_set, const char **ret_stack_id)
{
  static const char *const capabilities[] = {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND", NULL};
  Arena *arena = up->arena;
  Json *parameters = NULL, *out = NULL, *description = NULL;
  const char *url = NULL;
  Json *given = json_new_object(arena);
  TRY(parameters_json(up, given, &parameters));
  if (strlen(up->package.text) > (gsize) LIMIT_TEMPLATE_BODY_MAX)
    TRY(package_put_template(arena, &up->daemon, up->package.text, &url));
  Json *template = cli_object(arena, url ? "TemplateURL" : "TemplateBody", url ? url : up->package.text, NULL);
  if (stack)
    TRY(keep_parameters(up, stack, template, given, parameters));
  Json *in = cli_object(arena, "StackName", up->stack, "ChangeSetName", arena_printf(arena, "haar-%s", id_hex(arena, 12)), "ChangeSetType",
                        stack ? "UPDATE" : "CREATE", url ? "TemplateURL" : "TemplateBody", url ? url : up->package.text, NULL);
  json_set(arena, in, "Capabilities", texts(arena, capabilities));
  json_set(arena, in, "Parameters", parameters);
  TRY(cli_operation(arena, &up->daemon, "cloudformation", "CreateChangeSet", in, &out));
  const char *id = json_string(json_get(out, "Id"));
  *ret_stack_id = json_string(json_get(out, "StackId"));
  TRY(await_change_set(up, id, &description));
  if (!strcmp(json_string(json_get(description, "Status")), "CREATE_COMPLETE")) {
    *ret_change_set = id;
    return NULL;
  }
  const char *reason = json_string(json_get(description, "StatusReason"));
  TRY(cli_operation(arena, &up->daemon, "cloudformation", "DeleteChangeSet", cli_object(arena, "ChangeSetName", id, NULL), &out));
  if (reason && (strstr(reason, "didn't contain changes") || strstr(reason, "No updates are to be performed")))
    return NULL;
  return error_answer("ChangeSetFailed", "%s", reason ? reason : "the change set failed");
}

static void
show_end(const Up *up, const Json *stack, gint64 began_us, gboolean changed)
{
  const Json *outputs = json_get(stack, "Outputs");
  Json *without = no_effect_of(up->arena, up->package.resources);
  double seconds = (double) (clock_monotonic_us() - began_us) / 1e6;
  if (up->json) {
    Json *end = json_new_object(up->arena);
    json_set(up->arena, end, "Stack", (Json *) stack);
    json_set(up->arena, end, "Changed", json_new_bool(up->arena, changed));
    json_set(up->arena, end, "WithoutEffect", without);
    json_set(up->arena, end, "Milliseconds", json_new_int(up->arena, (gint64) (seconds * 1000)));
    puts(json_text(up->arena, end));
    return;
  }
  for (guint i = 0; outputs && i < outputs->n; i++)
    printf("  %-26s %s\n", json_string(json_get(outputs->items[i], "OutputKey")), json_string(json_get(outputs->items[i], "OutputValue")));
  for (guint i = 0; i < without->n; i++)
    printf("  %s.%s (line %s) has no effect here\n", json_string(json_get(without->items[i], "LogicalResourceId")),
           json_string(json_get(without->items[i], "Property")), json_get(without->items[i], "Line")->text);
  printf("Stack %s is up%s, %.2f s\n", up->stack, changed ? "" : " (nothing to change)", seconds);
}

static Error *
execute(const Up *up, const char *change_set, const char *stack_id, Json **ret_stack, const char **ret_failure)
{
  Progress progress = {0};
  Json *out = NULL;
  TRY(progress_begin(&progress, up->arena, &up->daemon, stack_id, up->json));
  Error *error = cli_operation(up->arena, &up->daemon, "cloudformation", "ExecuteChangeSet",
                               cli_object(up->arena, "ChangeSetName", change_set, NULL), &out);
  if (!error)
    error = progress_follow(&progress, ret_stack);
  *ret_failure = progress.failure;
  progress_end(&progress);
  return error;
}

static Error *
bring_up(Up *up)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) unread = NULL;
  gint64 began_us = clock_monotonic_us();
  gsize size = 0;
  Json *stack = NULL;
  const char *change_set = NULL, *stack_id = NULL, *failure = NULL;
  if (!g_file_get_contents(up->path, &text, &size, &unread))
    return error_answer("NoTemplate", "%s", unread->message);
  if (size > TEMPLATE_MAX)
    return error_answer("TemplateTooLarge", "%s is larger than 1 MiB, CloudFormation's limit", up->path);
  TRY(cli_ensure_daemon(up->arena, &up->daemon));
  TRY(package_template(up->arena, &up->daemon, up->path, text, size, &up->package));
  TRY(cli_stack(up->arena, &up->daemon, up->stack, &stack));
  TRY(clear_failed(up, &stack));
  gboolean exists = stack && strcmp(json_string(json_get(stack, "StackStatus")), "REVIEW_IN_PROGRESS");
  TRY(error_prefix(make_change_set(up, exists ? stack : NULL, &change_set, &stack_id), "%s", up->path));
  if (change_set)
    TRY(execute(up, change_set, stack_id, &stack, &failure));
  const char *status = stack ? json_string(json_get(stack, "StackStatus")) : "DELETE_COMPLETE";
  if (change_set && strcmp(status, "CREATE_COMPLETE") && strcmp(status, "UPDATE_COMPLETE"))
    return error_answer("StackFailed", "stack %s did not come up: %s%s%s", up->stack, status, failure ? "\n  " : "", failure ? failure : "");
  show_end(up, stack, began_us, change_set != NULL);
  return NULL;
}

COMMAND(up, run_up, "bring a stack up from its template: haar up template.yaml")
static int
run_up(int argc, char **argv)
{
  g_autoptr(Arena) arena = arena_new();
  g_autofree char *data = NULL, *stack = NULL;
  g_auto(GStrv) parameters = NULL;
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    {"stack", 's', 0, G_OPTION_ARG_STRING, &stack, "Name of the stack (the template's name)", "NAME"},
    {"parameter", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &parameters, "A parameter's value; may be given again. Others keep theirs", "NAME=VALUE"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Events and the end as lines of JSON", NULL},
    {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
    {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "TEMPLATE", "Starts haar if none runs, packages local code, creates or updates the stack, and shows how it goes."))
    return CLI_USAGE;
  if (argc != 2) {
    fputs("haar: up needs one template: haar up template.yaml\n", stderr);
    return CLI_USAGE;
  }
  Up up = {.arena = arena, .daemon = cli_daemon(arena, data), .path = argv[1], .parameters = parameters, .json = json};
  up.stack = stack ? stack : stack_name(arena, argv[1]);
  Error *error = bring_up(&up);
  return error ? cli_fail(error) : CLI_GOOD;
}
