#include "cli/stack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_US = 40 * 1000 };

Error *
cli_operation(Arena *arena, const Daemon *daemon, const char *service, const char *operation, const Json *in, Json **ret_out)
{
  Json *call = json_new_object(arena);
  json_set(arena, call, "service", json_new_string(arena, service));
  json_set(arena, call, "operation", json_new_string(arena, operation));
  if (in)
    json_set(arena, call, "input", (Json *) in);
  return cli_call(arena, daemon, "POST", "operation", call, ret_out);
}

Json *
cli_object(Arena *arena, ...)
{
  Json *object = json_new_object(arena);
  va_list args;
  va_start(args, arena);
  for (const char *name; (name = va_arg(args, const char *));) {
    const char *value = va_arg(args, const char *);
    if (value)
      json_set(arena, object, name, json_new_string(arena, value));
  }
  va_end(args);
  return object;
}

static Json *
first(const Json *list)
{
  return list && list->type == JSON_ARRAY && list->n ? list->items[0] : NULL;
}

Error *
cli_stack(Arena *arena, const Daemon *daemon, const char *name, Json **ret_stack)
{
  Json *out = NULL;
  *ret_stack = NULL;
  Json *in = json_new_object(arena);
  json_set(arena, in, "StackName", json_new_string(arena, name));
  g_autoptr(Error) error = cli_operation(arena, daemon, "cloudformation", "DescribeStacks", in, &out);
  if (error)
    return error_is(error, "ValidationError") ? NULL : g_steal_pointer(&error);
  *ret_stack = first(json_get(out, "Stacks"));
  return NULL;
}

/* -- progress ---------------------------------------------------------------------------------------------------------------- */

/* Appends a page of the stack's events, newest first, up to the first that was seen. *token: of the next page, or NULL. */
static Error *
add_page(const Progress *progress, GPtrArray *events, const char **token)
{
  Json *out = NULL;
  Json *in = cli_object(progress->arena, "StackName", progress->stack, "NextToken", *token, NULL);
  TRY(cli_operation(progress->arena, progress->daemon, "cloudformation", "DescribeStackEvents", in, &out));
  const Json *page = json_get(out, "StackEvents");
  *token = json_string(json_get(out, "NextToken"));
  for (guint i = 0; page && i < page->n; i++) {
    const char *id = json_string(json_get(page->items[i], "EventId"));
    if (id && g_hash_table_contains(progress->seen, id))
      *token = NULL;
    else
      g_ptr_array_add(events, page->items[i]);
  }
  return NULL;
}

/* What has happened that was not seen, newest first. */
static Error *
new_events(const Progress *progress, GPtrArray *events)
{
  const char *token = NULL;
  do
    TRY(add_page(progress, events, &token));
  while (token);
  return NULL;
}

Error *
progress_begin(Progress *progress, Arena *arena, const Daemon *daemon, const char *stack_id, gboolean json)
{
  g_autoptr(GPtrArray) past = g_ptr_array_new();
  *progress = (Progress) {.arena = arena, .daemon = daemon, .stack = stack_id, .json = json, .began_us = clock_monotonic_us(),
                          .colours = !json && isatty(STDOUT_FILENO) && !g_getenv("NO_COLOR"),
                          .seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
  const char *token = NULL;
  g_autoptr(Error) error = add_page(progress, past, &token); /* the newest are enough to know where new ones end; a stack that is not there has none */
  for (guint i = 0; !error && i < past->len; i++)
    g_hash_table_add(progress->seen, g_strdup(json_string(json_get(past->pdata[i], "EventId"))));
  return NULL;
}

static const char *
colour(const Progress *progress, const char *status)
{
  if (!progress->colours)
    return "";
  return strstr(status, "FAILED") || strstr(status, "ROLLBACK") ? "\033[31m" : strstr(status, "COMPLETE") ? "\033[32m" : "\033[33m";
}

static void
show(const Progress *progress, const Json *event)
{
  const char *status = json_string(json_get(event, "ResourceStatus")), *reason = json_string(json_get(event, "ResourceStatusReason"));
  const char *id = json_string(json_get(event, "LogicalResourceId")), *type = json_string(json_get(event, "ResourceType"));
  gboolean ended = g_str_has_suffix(status, "_COMPLETE") || g_str_has_suffix(status, "_FAILED") || g_str_has_suffix(status, "_SKIPPED");
  gboolean own = !g_strcmp0(json_string(json_get(event, "PhysicalResourceId")), progress->stack);
  if (progress->json) {
    g_autoptr(GString) line = g_string_new(NULL);
    json_write(line, event);
    puts(line->str);
  } else if (ended || (own && reason && strstr(status, "ROLLBACK"))) {
    printf("%7.2f s  %s%-28s%s  %-28s %s%s%s\n", (double) (clock_monotonic_us() - progress->began_us) / 1e6, colour(progress, status), status,
           progress->colours ? "\033[0m" : "", id, own ? "" : type, reason && strcmp(reason, "User Initiated") ? "\n           " : "",
           reason && strcmp(reason, "User Initiated") ? reason : "");
  }
  fflush(stdout);
}

/* What failed first is told again at the end; what was cancelled because of it is not it. */
static void
note_failure(Progress *progress, const Json *event)
{
  const char *status = json_string(json_get(event, "ResourceStatus")), *reason = json_string(json_get(event, "ResourceStatusReason"));
  gboolean own = !g_strcmp0(json_string(json_get(event, "PhysicalResourceId")), progress->stack);
  if (progress->failure || own || !g_str_has_suffix(status, "_FAILED") || (reason && g_str_has_suffix(reason, "cancelled")))
    return;
  progress->failure = arena_printf(progress->arena, "%s: %s", json_string(json_get(event, "LogicalResourceId")), reason ? reason : status);
}

/* Newest come first in the answer; they are shown oldest first. */
static Error *
show_new(Progress *progress)
{
  g_autoptr(GPtrArray) list = g_ptr_array_new();
  TRY(new_events(progress, list));
  for (guint i = list->len; i-- > 0;) {
    const char *id = json_string(json_get(list->pdata[i], "EventId"));
    if (!id || !g_hash_table_add(progress->seen, g_strdup(id)))
      continue;
    show(progress, list->pdata[i]);
    note_failure(progress, list->pdata[i]);
  }
  return NULL;
}

Error *
progress_follow(Progress *progress, Json **ret_stack)
{
  for (;;) {
    Json *stack = NULL;
    TRY(cli_stack(progress->arena, progress->daemon, progress->stack, &stack));
    const char *status = stack ? json_string(json_get(stack, "StackStatus")) : NULL;
    TRY(show_new(progress));
    if (!status || !g_str_has_suffix(status, "_IN_PROGRESS")) {
      *ret_stack = stack;
      return NULL;
    }
    g_usleep(LOOK_US);
  }
}

void
progress_end(Progress *progress)
{
  g_clear_pointer(&progress->seen, g_hash_table_unref);
}

/* -- the daemon -------------------------------------------------------------------------------------------------------------- */

Error *
cli_ensure_daemon(Arena *arena, Daemon *daemon)
{
  Json *health = NULL;
  g_autoptr(Error) error = cli_call(arena, daemon, "GET", "health", NULL, &health);
  if (!error || !error_is(error, "NotRunning"))
    return g_steal_pointer(&error);
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
  const char *argv[] = {self ? self : "haar", "serve", "--detach", "--data", daemon->data_directory, NULL};
  g_autofree char *errors = NULL;
  g_autoptr(GError) failed = NULL;
  int status = 0;
  if (!g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &errors, &status, &failed))
    return error_fault("cannot start haar: %s", failed->message);
  if (!g_spawn_check_wait_status(status, NULL))
    return error_fault("haar did not start: %s", errors ? g_strchomp(errors) : "");
  *daemon = cli_daemon(arena, daemon->data_directory);
  return cli_call(arena, daemon, "GET", "health", NULL, &health);
}
