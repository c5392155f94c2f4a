/* haar env: the variables that point SDKs and the AWS CLI here, to be evaluated by a shell: eval "$(haar env)" */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

typedef struct Shell {
  const char *name;
  const char *format; /* name, quoted value */
  const char *quote;  /* what a single quote inside becomes */
} Shell;

static const Shell shells[] = {
    {"sh", "export %s=%s\n", "'\\''"},
    {"fish", "set -gx %s %s\n", "\\'"},
    {"powershell", "$Env:%s = %s\n", "''"},
};

static const Shell *
find_shell(const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS(shells); i++)
    if (strcmp(shells[i].name, name) == 0)
      return &shells[i];
  return NULL;
}

static void
print_variable(const Shell *shell, const char *name, const char *value)
{
  g_autoptr(GString) quoted = g_string_new("'");
  for (const char *c = value; *c; c++)
    if (*c == '\'')
      g_string_append(quoted, shell->quote);
    else
      g_string_append_c(quoted, *c);
  g_string_append_c(quoted, '\'');
  /* the format is one of the table above */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  printf(shell->format, name, quoted->str);
#pragma GCC diagnostic pop
}

static int
print_all(const Shell *shell, const char *data)
{
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  Json *status = NULL;
  Error *error = cli_call(arena, &daemon, "GET", "status", NULL, &status);
  if (error)
    return cli_fail(error);
  const char *region = json_string(json_get(status, "region")), *ca = json_string(json_get(status, "ca"));
  print_variable(shell, "AWS_ENDPOINT_URL", daemon.url);
  print_variable(shell, "AWS_ACCESS_KEY_ID", "test");
  print_variable(shell, "AWS_SECRET_ACCESS_KEY", "test");
  print_variable(shell, "AWS_DEFAULT_REGION", region ? region : "us-east-1");
  print_variable(shell, "AWS_REGION", region ? region : "us-east-1");
  if (ca)
    print_variable(shell, "AWS_CA_BUNDLE", ca);
  return CLI_GOOD;
}

COMMAND(env, run_env, "print the environment for SDKs and the AWS CLI: eval \"$(haar env)\"")
static int
run_env(int argc, char **argv)
{
  g_autofree char *data = NULL, *name = NULL;
  const GOptionEntry entries[] = {
      {"shell", 's', 0, G_OPTION_ARG_STRING, &name, "For which shell (sh)", "sh|fish|powershell"},
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, NULL, "Prints variables for a shell to evaluate."))
    return CLI_USAGE;
  const Shell *shell = find_shell(name ? name : "sh");
  if (shell)
    return print_all(shell, data);
  return cli_wrong("env", "--shell has to be sh, fish or powershell, not \"%s\"", name);
}
