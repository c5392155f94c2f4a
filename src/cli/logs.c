/* haar logs: what functions and other writers of CloudWatch Logs have written. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char summary[] = "Prints the events of a log group; a function's name stands for its group /aws/lambda/NAME, and a part of a name for the only group with it.\n"
                              "  haar logs payments-validate --follow\n"
                              "  haar logs /aws/rds/cluster/ledger/error --since 1h --filter '?ERROR ?WARN'";

typedef struct Ask {
  Daemon daemon;
  const char *group, *filter;
  gint64 since_ms;           /* 0: all */
  char *after;               /* place behind what was printed, or NULL */
  gboolean more;
} Ask;

static void
parameter(GString *path, Arena *arena, const char *name, const char *value)
{
  if (value)
    g_string_append_printf(path, "%c%s=%s", strchr(path->str, '?') ? '&' : '?', name, text_uri_encode(arena, value, FALSE));
}

static Error *
print_page(Ask *ask)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GString) path = g_string_new("logs");
  Json *out;
  parameter(path, arena, "group", ask->group);
  parameter(path, arena, "filter", ask->filter);
  parameter(path, arena, "after", ask->after);
  parameter(path, arena, "since", ask->since_ms ? arena_printf(arena, "%" G_GINT64_FORMAT, ask->since_ms) : NULL);
  TRY(cli_call(arena, &ask->daemon, "GET", path->str, NULL, &out));
  const Json *events = json_get(out, "events"), *more = json_get(out, "more");
  for (guint i = 0; events && i < events->n; i++)
    printf("%s %s\n", json_string(json_get(events->items[i], "time")), json_string(json_get(events->items[i], "message")));
  fflush(stdout);
  const char *after = json_string(json_get(out, "after"));
  g_free(ask->after);
  ask->after = g_strdup(after);
  ask->more = more && more->type == JSON_TRUE;
  return NULL;
}

static int
print_all(Ask *ask, gboolean follow)
{
  static const gulong look_us = 300000;
  do {
    Error *error = print_page(ask);
    if (error)
      return cli_fail(error);
    if (!ask->more && follow)
      g_usleep(look_us);
  } while (ask->more || follow);
  return CLI_GOOD;
}

COMMAND(logs, run_logs, "print what a function or log group has written: logs NAME --follow")
static int
run_logs(int argc, char **argv)
{
  g_autofree char *data = NULL, *filter = NULL, *since = NULL;
  gboolean follow = FALSE;
  const GOptionEntry entries[] = {
    {"follow", 'f', 0, G_OPTION_ARG_NONE, &follow, "Go on with what comes", NULL},
    {"since", 's', 0, G_OPTION_ARG_STRING, &since, "Only what is younger: 30s, 10m, 2h, 1d", "TIME"},
    {"filter", 'p', 0, G_OPTION_ARG_STRING, &filter, "Only what matches this filter pattern", "PATTERN"},
    {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
    {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "FUNCTION|GROUP", summary))
    return CLI_USAGE;
  gint64 since_ms = 0;
  if (argc > 2)
    return cli_wrong("logs", "one FUNCTION or GROUP at a time");
  if (since && !cli_duration(since, &since_ms))
    return cli_wrong("logs", "--since has to be like 30s, 10m, 2h or 1d");
  g_autoptr(Arena) arena = arena_new();
  Ask ask = {.daemon = cli_daemon(arena, data), .group = argv[1], .filter = filter, .since_ms = since_ms};
  int code = print_all(&ask, follow);
  g_free(ask.after);
  return code;
}
