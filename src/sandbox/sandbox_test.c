#include "sandbox/sandbox.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "warden/warden.h"

static void
must(Error *error)
{
  if (error)
    g_error("%s:%d %s", error->file, error->line, error->message);
}

typedef struct Run { SandboxExit exit; char output[4096]; } Run;

static SandboxSpec
shell(const char *const *argv, int out)
{
  return (SandboxSpec) {.name = "test", .netns = -1, .argv = argv, .stdin_fd = -1, .stdout_fd = out, .stderr_fd = out};
}

static void
run_shell(Sandboxes *sandboxes, const char *script, SandboxSpec more, Run *ret)
{
  int pipes[2];
  g_assert_cmpint(pipe(pipes), ==, 0);
  static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
  const char *const argv[] = {"/bin/sh", "-c", script, NULL};
  SandboxSpec spec = shell(argv, pipes[1]);
  spec.env = env;
  spec.mounts = more.mounts;
  spec.n_mounts = more.n_mounts;
  spec.memory_max = more.memory_max;
  spec.hosts = more.hosts;
  g_autoptr(Sandbox) sandbox = NULL;
  must(sandbox_start(sandboxes, &spec, &sandbox));
  close(pipes[1]);
  gsize n = 0;
  for (ssize_t got; n < sizeof ret->output - 1 && (got = read(pipes[0], ret->output + n, sizeof ret->output - 1 - n)) > 0;)
    n += (gsize) got;
  ret->output[n] = 0;
  close(pipes[0]);
  g_assert_true(sandbox_wait(sandbox, 20000, &ret->exit));
  g_assert_false(sandbox_running(sandbox));
}

static void
test_root(gconstpointer data)
{
  Run run;
  run_shell((Sandboxes *) data, "ls / | tr '\\n' ' '; cat /etc/hosts; echo $$; touch /x 2>&1 | grep -o 'Read-only'; touch /tmp/y && echo tmp; "
            "grep CapEff /proc/self/status; grep NoNewPrivs /proc/self/status; exit 3", (SandboxSpec) {.hosts = "10.0.0.9 db\n"}, &run);
  g_test_message("%s", run.output);
  g_assert_cmpint(run.exit.status, ==, 3);
  g_assert_nonnull(strstr(run.output, "bin dev etc"));
  g_assert_null(strstr(run.output, "root "));
  g_assert_null(strstr(run.output, ".old"));
  g_assert_nonnull(strstr(run.output, "10.0.0.9 db\n2\n"));
  g_assert_nonnull(strstr(run.output, "Read-only\ntmp\n"));
  g_assert_nonnull(strstr(run.output, "0000000000000000"));
}

static void
test_mounts(gconstpointer data)
{
  g_autofree char *directory = g_dir_make_tmp("haar-sandbox-XXXXXX", NULL), *file = g_build_filename(directory, "code", NULL);
  g_assert_true(g_file_set_contents(file, "hello", -1, NULL));
  SandboxMount mounts[] = {{directory, "/var/task", FALSE}, {directory, "/var/data", TRUE}};
  Run run;
  run_shell((Sandboxes *) data, "cat /var/task/code; echo x > /var/task/new || echo no; echo y > /var/data/new && cat /var/task/new",
            (SandboxSpec) {.mounts = mounts, .n_mounts = 2}, &run);
  g_test_message("%s", run.output);
  g_assert_true(g_str_has_prefix(run.output, "hello"));
  g_assert_nonnull(strstr(run.output, "no\ny\n"));
  g_autofree char *new = g_build_filename(directory, "new", NULL);
  unlink(new);
  unlink(file);
  rmdir(directory);
}

static void
test_signal_status(gconstpointer data)
{
  Run run;
  run_shell((Sandboxes *) data, "kill -SEGV $$", (SandboxSpec) {0}, &run);
  g_assert_cmpint(run.exit.signal, ==, SIGSEGV);
  g_assert_false(run.exit.out_of_memory);
}

static void
test_memory(gconstpointer data)
{
  Run run;
  run_shell((Sandboxes *) data, "exec /usr/bin/python3 -c 'x = bytearray(400 << 20); print(len(x))'", (SandboxSpec) {.memory_max = 64 << 20}, &run);
  g_assert_cmpint(run.exit.signal, ==, SIGKILL);
  g_assert_true(run.exit.out_of_memory);
}

static void
test_kill_tree(gconstpointer data)
{
  Sandboxes *sandboxes = (Sandboxes *) data;
  int pipes[2];
  g_assert_cmpint(pipe(pipes), ==, 0);
  const char *const argv[] = {"/bin/sh", "-c", "sleep 1000 & sleep 1000 & echo up; wait", NULL};
  SandboxSpec spec = shell(argv, pipes[1]);
  g_autoptr(Sandbox) sandbox = NULL;
  must(sandbox_start(sandboxes, &spec, &sandbox));
  close(pipes[1]);
  char text[8];
  g_assert_cmpint(read(pipes[0], text, sizeof text), ==, 3);
  must(sandbox_freeze(sandbox));
  g_assert_false(sandbox_wait(sandbox, 20, NULL));
  must(sandbox_thaw(sandbox));
  must(sandbox_freeze(sandbox));
  sandbox_kill(sandbox);
  SandboxExit exit;
  g_assert_true(sandbox_wait(sandbox, 20000, &exit));
  g_assert_cmpint(exit.signal, ==, SIGKILL);
  g_assert_cmpint(read(pipes[0], text, sizeof text), ==, 0); /* nobody holds the other end */
  close(pipes[0]);
}

static void
test_no_program(gconstpointer data)
{
  const char *const argv[] = {"/var/task/bootstrap", NULL};
  SandboxSpec spec = shell(argv, -1);
  Sandbox *sandbox = NULL;
  g_autoptr(Error) error = sandbox_start((Sandboxes *) data, &spec, &sandbox);
  g_assert_nonnull(error);
  g_test_message("%s", error->message);
  g_assert_nonnull(strstr(error->message, "No such file"));
}

int
main(int argc, char **argv)
{
  Warden *warden = NULL;
  Sandboxes *sandboxes = NULL;
  g_autofree char *reason = NULL;
  must(warden_start(&warden, &reason));
  g_test_init(&argc, &argv, NULL);
  if (!warden) {
    g_test_message("%s", reason);
    return 77;
  }
  must(sandboxes_new(warden, &sandboxes));
  g_test_add_data_func("/sandbox/root", sandboxes, test_root);
  g_test_add_data_func("/sandbox/mounts", sandboxes, test_mounts);
  g_test_add_data_func("/sandbox/signal", sandboxes, test_signal_status);
  g_test_add_data_func("/sandbox/memory", sandboxes, test_memory);
  g_test_add_data_func("/sandbox/kill", sandboxes, test_kill_tree);
  g_test_add_data_func("/sandbox/no-program", sandboxes, test_no_program);
  int failed = g_test_run();
  sandboxes_free(sandboxes);
  warden_free(warden);
  return failed;
}
