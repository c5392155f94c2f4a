#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const Command *
find_command(const char *name)
{
  for (const Command *const *command = cli_commands; *command; command++)
    if (strcmp((*command)->name, name) == 0)
      return *command;
  return NULL;
}

static void
print_usage(FILE *out)
{
  fputs("usage: haar COMMAND [OPTIONS]\n\nA local AWS: its network, its permissions and its failures, on this machine.\n\n", out);
  for (const Command *const *command = cli_commands; *command; command++)
    fprintf(out, "  %-12s %s\n", (*command)->name, (*command)->summary);
  fputs("\n`haar COMMAND --help` tells more.\n", out);
}

COMMAND(help, run_help, "this list")
static int
run_help(int argc, char **argv)
{
  print_usage(stdout);
  return CLI_GOOD;
}

COMMAND(version, run_version, "the version")
static int
run_version(int argc, char **argv)
{
  puts("haar " HAAR_VERSION);
  return CLI_GOOD;
}

int
cli_main(int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : NULL;
  if (!name) {
    print_usage(stderr);
    return CLI_USAGE;
  }
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    name = "help";
  if (strcmp(name, "--version") == 0)
    name = "version";
  const Command *command = find_command(name);
  if (command)
    return command->run(argc - 1, argv + 1);
  fprintf(stderr, "haar: there is no command \"%s\"; `haar help` lists them\n", name);
  return CLI_USAGE;
}

gboolean
cli_options(int *argc, char ***argv, const GOptionEntry *entries, const char *parameters, const char *summary)
{
  static const GOptionEntry none[] = {{NULL}};
  g_autofree char *usage = g_strconcat(*argv[0], parameters ? " " : "", parameters, NULL);
  g_autoptr(GOptionContext) context = g_option_context_new(parameters);
  g_autoptr(GError) error = NULL;
  g_set_prgname("haar");
  g_option_context_set_summary(context, summary);
  g_option_context_add_main_entries(context, entries ? entries : none, NULL);
  if (g_option_context_parse(context, argc, argv, &error))
    return TRUE;
  fprintf(stderr, "haar %s: %s\n", usage, error->message);
  return FALSE;
}

int
cli_show(int argc, char **argv, const char *summary, Error *(*show)(Arena *arena, const Daemon *daemon, gboolean json))
{
  g_autoptr(Arena) arena = arena_new();
  g_autofree char *data = NULL;
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, &json, "As JSON", NULL},
    {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
    {NULL},
  };
  if (!cli_options(&argc, &argv, entries, NULL, summary))
    return CLI_USAGE;
  Daemon daemon = cli_daemon(arena, data);
  Error *error = show(arena, &daemon, json);
  return error ? cli_fail(error) : CLI_GOOD;
}

gboolean
cli_duration(const char *text, gint64 *ret_ms)
{
  static const struct { char unit; gint64 ms; } units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 3600 * 1000}, {'d', 24 * 3600 * 1000}};
  char *end = NULL;
  gint64 number = g_ascii_strtoll(text, &end, 10);
  for (gsize i = 0; end != text && i < G_N_ELEMENTS(units); i++)
    if (end[0] == units[i].unit && !end[1] && number > 0 && number < 100000) {
      *ret_ms = number * units[i].ms;
      return TRUE;
    }
  return FALSE;
}

int
cli_wrong(const char *command, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  fprintf(stderr, "haar %s: %s\n", command, text);
  return CLI_USAGE;
}

int
cli_fail(Error *error)
{
  fprintf(stderr, "haar: %s\n", error->message);
  error_free(error);
  return CLI_FAILED;
}

char *
cli_data_directory(const char *given)
{
  const char *environment = g_getenv("HAAR_DATA");
  if (given || (environment && *environment))
    return g_canonicalize_filename(given ? given : environment, NULL);
  return g_build_filename(g_get_user_data_dir(), "haar", NULL);
}
