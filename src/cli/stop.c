#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "cli/cli.h"

enum { PATIENCE_MS = 15000, STEP_US = 10 * 1000 };

static gboolean
is_alive(gint64 pid)
{
  return pid > 0 && (kill((pid_t) pid, 0) == 0 || errno == EPERM);
}

/* Only a process that still answers for this data directory is haar: the number may have gone to another. */
static gboolean
is_haar(Arena *arena, const Daemon *daemon)
{
  Json *status = NULL;
  g_autoptr(Error) error = cli_call(arena, daemon, "GET", "status", NULL, &status);
  const Json *pid = json_get(status, "pid");
  return !error && pid && g_ascii_strtoll(pid->text, NULL, 10) == daemon->pid;
}

static int
stop(const char *data)
{
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  if (!is_alive(daemon.pid) || !is_haar(arena, &daemon)) {
    fprintf(stderr, "haar: none is running with the data in %s\n", daemon.data_directory);
    return CLI_FAILED;
  }
  if (kill((pid_t) daemon.pid, SIGTERM) != 0)
    return cli_fail(error_fault("cannot stop process %" G_GINT64_FORMAT ": %s", daemon.pid, g_strerror(errno)));
  gint64 until = clock_real() + PATIENCE_MS;
  while (is_alive(daemon.pid) && clock_real() < until)
    g_usleep(STEP_US);
  if (is_alive(daemon.pid))
    return cli_fail(error_fault("process %" G_GINT64_FORMAT " was told to stop and is still there", daemon.pid));
  puts("haar has stopped");
  return CLI_GOOD;
}

COMMAND(stop, run_stop, "stop the haar that runs with this data directory")
static int
run_stop(int argc, char **argv)
{
  g_autofree char *data = NULL;
  const GOptionEntry entries[] = {
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, NULL, "Stops haar."))
    return CLI_USAGE;
  return stop(data);
}
