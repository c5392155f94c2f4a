/* haar trail: the last API calls: who, what, from where, and what came of it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char summary[] = "Prints the last API calls that were recorded: who called what, from where, and the result.\n"
                              "  haar trail --follow\n"
                              "  haar trail --errors --since 1h\n"
                              "  haar trail --service kms --name 'Decrypt*' --json";

typedef struct Ask {
  Daemon daemon;
  char *name, *user, *service, *region, *after;
  gboolean errors, writes, json, follow;
  gint64 since_ms;
  int limit;
} Ask;

static const char *
text(const Json *event, const char *path)
{
  return json_string(json_path(event, path));
}

static void
parameter(GString *path, Arena *arena, const char *name, const char *value)
{
  if (value)
    g_string_append_printf(path, "&%s=%s", name, text_uri_encode(arena, value, FALSE));
}

static const char *
who(Arena *arena, const Json *event)
{
  const char *type = text(event, "userIdentity.type"), *arn = text(event, "userIdentity.arn"), *by = text(event, "userIdentity.invokedBy");
  const char *name = !arn ? (by ? by : "?") : g_strcmp0(type, "Root") == 0 ? "root" : strrchr(arn, ':') + 1;
  return arn && by ? arena_printf(arena, "%s (%s)", name, by) : name;
}

static const char *
from(Arena *arena, const Json *event)
{
  const char *ip = text(event, "sourceIPAddress"), *endpoint = text(event, "vpcEndpointId");
  return endpoint ? arena_printf(arena, "%s through %s", ip ? ip : "?", endpoint) : ip ? ip : "?";
}

static void
print_event(Arena *arena, const Json *event)
{
  const char *source = text(event, "eventSource"), *error = text(event, "errorCode");
  const char *service = source ? arena_strndup(arena, source, strcspn(source, ".")) : "?";
  printf("%s  %-45s  %-40s  from %-28s  %s\n", text(event, "eventTime"), arena_printf(arena, "%s:%s", service, text(event, "eventName")), who(arena, event),
         from(arena, event), error ? arena_printf(arena, "%s: %s", error, text(event, "errorMessage") ? text(event, "errorMessage") : "") : "ok");
}

static Error *
print_page(Ask *ask, guint *ret_n)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GString) path = g_string_new(NULL);
  Json *out;
  g_string_printf(path, "trail?limit=%d", ask->limit);
  parameter(path, arena, "name", ask->name);
  parameter(path, arena, "user", ask->user);
  parameter(path, arena, "service", ask->service);
  parameter(path, arena, "region", ask->region);
  parameter(path, arena, "after", ask->after);
  parameter(path, arena, "errors", ask->errors ? "1" : NULL);
  parameter(path, arena, "writes", ask->writes ? "1" : NULL);
  parameter(path, arena, "since", ask->since_ms && !ask->after ? arena_printf(arena, "%" G_GINT64_FORMAT, ask->since_ms) : NULL);
  TRY(cli_call(arena, &ask->daemon, "GET", path->str, NULL, &out));
  const Json *events = json_get(out, "events");
  for (guint i = 0; events && i < events->n; i++)
    if (ask->json)
      puts(json_text(arena, events->items[i]));
    else
      print_event(arena, events->items[i]);
  fflush(stdout);
  if (text(out, "after")) {
    g_free(ask->after);
    ask->after = g_strdup(text(out, "after"));
  }
  *ret_n = events ? events->n : 0;
  return NULL;
}

static int
print_all(Ask *ask)
{
  static const gulong look_us = 300000;
  do {
    guint n = 0;
    Error *error = print_page(ask, &n);
    if (error)
      return cli_fail(error);
    if (ask->follow && !n)
      g_usleep(look_us);
  } while (ask->follow);
  return CLI_GOOD;
}

/* So long before now of the daemon's clock; FALSE: no duration. */
static gboolean
read_since(Arena *arena, const Daemon *daemon, const char *since, gint64 *ret_ms)
{
  Json *status;
  gint64 ago = 0;
  if (!cli_duration(since, &ago))
    return FALSE;
  g_autoptr(Error) error = cli_call(arena, daemon, "GET", "status", NULL, &status);
  const Json *offset = error ? NULL : json_get(status, "clock_offset_ms");
  *ret_ms = clock_real() + (offset ? g_ascii_strtoll(offset->text, NULL, 10) : 0) - ago;
  return TRUE;
}

static void
ask_clear(Ask *ask)
{
  g_free(ask->name);
  g_free(ask->user);
  g_free(ask->service);
  g_free(ask->region);
  g_free(ask->after);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ask, ask_clear)

COMMAND(trail, run_trail, "show the last API calls: who, what, from where, result")
static int
run_trail(int argc, char **argv)
{
  g_autofree char *data = NULL, *since = NULL;
  g_auto(Ask) ask = {.limit = 20};
  const GOptionEntry entries[] = {
      {"follow", 'f', 0, G_OPTION_ARG_NONE, &ask.follow, "Go on with what comes", NULL},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &ask.json, "Whole events, one a line, as CloudTrail writes them", NULL},
      {"limit", 'n', 0, G_OPTION_ARG_INT, &ask.limit, "At most so many (20)", "N"},
      {"since", 's', 0, G_OPTION_ARG_STRING, &since, "Only what is younger: 30s, 10m, 2h, 1d", "TIME"},
      {"name", 0, 0, G_OPTION_ARG_STRING, &ask.name, "Only these calls: PutSecretValue, 'Create*'", "NAME"},
      {"service", 0, 0, G_OPTION_ARG_STRING, &ask.service, "Only this service: kms, monitoring", "SERVICE"},
      {"user", 0, 0, G_OPTION_ARG_STRING, &ask.user, "Only this user, or session of a role", "NAME"},
      {"errors", 'e', 0, G_OPTION_ARG_NONE, &ask.errors, "Only what failed", NULL},
      {"writes", 'w', 0, G_OPTION_ARG_NONE, &ask.writes, "Only what may change something", NULL},
      {"region", 0, 0, G_OPTION_ARG_STRING, &ask.region, "Of this region", "REGION"},
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, NULL, summary))
    return CLI_USAGE;
  g_autoptr(Arena) arena = arena_new();
  ask.daemon = cli_daemon(arena, data);
  if (argc != 1)
    return cli_wrong("trail", "no arguments are taken; see haar trail --help");
  if (since && !read_since(arena, &ask.daemon, since, &ask.since_ms))
    return cli_wrong("trail", "--since has to be like 30s, 10m, 2h or 1d");
  return print_all(&ask);
}
