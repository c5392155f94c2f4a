#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char summary[] =
    "Moves the time of everything that haar does: lifecycle rules, TTLs, rotations, alarms and timers that become due on the way run in order.\n"
    "  haar clock                     the time as haar's services see it\n"
    "  haar clock advance 90d         forward by days, hours (h), minutes (m), seconds (s), weeks (w)\n"
    "  haar clock set 2027-01-31T00:00:00Z\n"
    "  haar clock speed 60            a minute passes in a second, from now on\n"
    "  haar clock reset               back to the machine's time";

static int
ask(const char *data, const char *verb, const char *value)
{
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  Json *in = NULL, *out = NULL;
  if (verb) {
    in = json_new_object(arena);
    json_set(arena, in, verb, value ? json_new_string(arena, value) : json_new_bool(arena, TRUE));
  }
  Error *error = cli_call(arena, &daemon, in ? "POST" : "GET", "clock", in, &out);
  if (error)
    return cli_fail(error);
  const char *time = json_string(json_get(out, "time"));
  const Json *speed = json_get(out, "speed");
  printf("%s", time ? time : "?");
  if (speed && speed->type == JSON_NUMBER && !(speed->n == 1 && *speed->text == '1'))
    printf(" (%.*s times as fast)", (int) speed->n, speed->text);
  printf("\n");
  return CLI_GOOD;
}

static gboolean
is_usage(int argc, char **argv)
{
  if (argc == 1)
    return TRUE;
  if (argc == 2)
    return strcmp(argv[1], "reset") == 0;
  return argc == 3 && (strcmp(argv[1], "advance") == 0 || strcmp(argv[1], "set") == 0 || strcmp(argv[1], "speed") == 0);
}

COMMAND(clock, run_clock, "show or move haar's time: clock advance 90d")
static int
run_clock(int argc, char **argv)
{
  g_autofree char *data = NULL;
  const GOptionEntry entries[] = {
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[advance DURATION | set TIME | speed N | reset]", summary))
    return CLI_USAGE;
  if (is_usage(argc, argv))
    return ask(data, argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
  return cli_wrong("clock", "write `haar clock advance 90d`, `set TIME`, `speed N` or `reset`");
}
