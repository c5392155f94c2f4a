/* haar: the daemon and its command line. This file alone knows all parts: it starts them in order and ends them in the opposite one. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "fabric/fabric.h"
#include "jobs/jobs.h"
#include "sandbox/sandbox.h"
#include "server/clock.h"
#include "server/server.h"
#include "warden/warden.h"

typedef struct Process {
  Haar haar;
  const ServeOptions *options;
  int port_fd, port6_fd;
  int ready_fd; /* detached: tells the parent */
  guint services_started;
  char *off_reason;
} Process;

/* --- the port --- */

static Error *
bind_port(int family, const struct sockaddr *address, socklen_t size, int port, int *ret_fd)
{
  int one = 1;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return error_fault("no socket: %s", g_strerror(errno));
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (bind(fd, address, size) == 0 && listen(fd, 1024) == 0) {
    *ret_fd = fd;
    return NULL;
  }
  int problem = errno;
  close(fd);
  if (problem == EADDRINUSE)
    return error_fault("port %d is in use; another haar, or choose one with --port", port);
  return error_fault("cannot listen on port %d: %s", port, g_strerror(problem));
}

/* 127.0.0.1, and ::1 where the machine has it: some clients try it first for "localhost". */
static Error *
open_port(Process *process)
{
  struct sockaddr_in v4 = {
      .sin_family = AF_INET, .sin_port = htons((guint16) process->options->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof v4;
  TRY(bind_port(AF_INET, (const struct sockaddr *) (const void *) &v4, sizeof v4, process->options->port, &process->port_fd));
  if (getsockname(process->port_fd, (struct sockaddr *) (void *) &v4, &size) != 0)
    return error_fault("the port: %s", g_strerror(errno));
  process->haar.port = ntohs(v4.sin_port);
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  g_autoptr(Error) error =
      bind_port(AF_INET6, (const struct sockaddr *) (const void *) &v6, sizeof v6, process->haar.port, &process->port6_fd);
  return NULL;
}

static void
serve_port(Process *process)
{
  const ListenerInfo info = {.tls = TRUE, .plain = TRUE, .admin = TRUE};
  server_listen(process->haar.server, process->port_fd, &info);
  if (process->port6_fd >= 0)
    server_listen(process->haar.server, process->port6_fd, &info);
  process->port_fd = process->port6_fd = -1;
}

/* --- the data directory --- */

static Error *
make_directory(const char *directory)
{
  if (g_mkdir_with_parents(directory, 0700) != 0)
    return error_fault("cannot make the data directory %s: %s", directory, g_strerror(errno));
  if (access(directory, W_OK | X_OK) != 0)
    return error_fault("the data directory %s is not writable", directory);
  return NULL;
}

/* Over the one that is there: on a full disk it needs no more room than a killed haar left. */
static gboolean
overwrite(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return FALSE;
  gboolean good = pwrite(fd, text, strlen(text), 0) == (gssize) strlen(text) && ftruncate(fd, (off_t) strlen(text)) == 0;
  return close(fd) == 0 && good;
}

/* For the commands: who runs here, and where. It means nothing after a power cut, so it is not synced. */
static void
write_state(const Process *process)
{
  g_autofree char *path = g_build_filename(process->haar.data_directory, "haar.json", NULL);
  g_autofree char *temporary = g_strconcat(path, ".new", NULL);
  g_autofree char *text = g_strdup_printf("{\"pid\":%d,\"port\":%d}\n", getpid(), process->haar.port);
  g_autoptr(GError) error = NULL;
  if (g_file_set_contents_full(temporary, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error) && rename(temporary, path) == 0)
    return;
  const char *reason = error ? error->message : g_strerror(errno);
  if (!overwrite(path, text))
    log_warning("cannot write %s (%s): haar's own commands do not find this daemon", path, reason);
  unlink(temporary);
}

static void
remove_state(const Process *process)
{
  g_autofree char *path = g_build_filename(process->haar.data_directory, "haar.json", NULL);
  unlink(path);
}

/* --- the parts, in order --- */

static Error *
start_services(Process *process)
{
  for (const Service *const *service = haar_services; *service; service++) {
    if ((*service)->hooks->start)
      TRY(error_prefix((*service)->hooks->start(&process->haar), "%s", (*service)->model->name));
    process->services_started++;
  }
  return NULL;
}

/* Before any thread exists: the warden is a fork of this process. */
static Error *
start_warden(Process *process)
{
  if (process->options->network_off) {
    process->haar.network_off_reason = "--network=off";
    return NULL;
  }
  TRY(warden_start(&process->haar.warden, &process->off_reason));
  process->haar.network_off_reason = process->off_reason;
  return NULL;
}

static guint
listen_for_fabric(gpointer server, int fd, const char *vpc_id, const char *endpoint_id, gboolean tls)
{
  const ListenerInfo info = {.vpc_id = vpc_id, .endpoint_id = endpoint_id, .tls = tls, .plain = !tls};
  return server_listen(server, fd, &info);
}

static void
unlisten_for_fabric(gpointer server, guint id)
{
  server_unlisten(server, id);
}

static Error *
start_network(Process *process)
{
  Haar *haar = &process->haar;
  const FabricHooks hooks = {.data = haar->server, .listen = listen_for_fabric, .unlisten = unlisten_for_fabric};
  if (!haar->warden)
    return NULL;
  TRY(fabric_new(haar->warden, haar->region, &hooks, &haar->fabric));
  if (process->options->egress)
    TRY(fabric_egress(haar->fabric));
  return sandboxes_new(haar->warden, &haar->sandboxes);
}

static Error *
start_parts(Process *process)
{
  Haar *haar = &process->haar;
  StoreOptions store = {.durability = process->options->disk ? DURABILITY_DISK : DURABILITY_PROCESS};
  TRY(open_port(process));
  TRY(store_open(haar->data_directory, &store, &haar->store));
  TRY(clock_restore(haar->store));
  TRY(jobs_new(haar->store, haar, &haar->jobs));
  haar->metrics = metrics_new();
  TRY(server_new(haar, &haar->server));
  TRY(start_network(process));
  TRY(start_services(process));
  TRY(server_faults_restore(&process->haar));
  serve_port(process);
  if (haar->fabric)
    TRY(fabric_start(haar->fabric));
  jobs_start(haar->jobs);
  write_state(process);
  return NULL;
}

static void
stop_parts(Process *process)
{
  Haar *haar = &process->haar;
  if (haar->server)
    server_stop(haar->server);
  for (guint i = process->services_started; i > 0; i--)
    if (haar_services[i - 1]->hooks->halt)
      haar_services[i - 1]->hooks->halt(haar);
  jobs_stop(haar->jobs); /* what runs still puts jobs */
  for (guint i = process->services_started; i > 0; i--)
    if (haar_services[i - 1]->hooks->stop)
      haar_services[i - 1]->hooks->stop(haar);
  sandboxes_free(haar->sandboxes);
  fabric_free(haar->fabric);
  server_free(haar->server);
  store_close(haar->store);
  jobs_free(haar->jobs);
  metrics_free(haar->metrics);
  warden_free(haar->warden);
  g_free(process->off_reason);
  g_hash_table_unref(haar->states);
  if (process->port_fd >= 0)
    close(process->port_fd);
  if (process->port6_fd >= 0)
    close(process->port6_fd);
}

/* --- in the background --- */

/* To the parent that waits: '+' and the ready line, or '-' and why there is none. */
static void
tell_parent(Process *process, char sign, const char *line)
{
  if (process->ready_fd < 0)
    return;
  g_autofree char *message = g_strdup_printf("%c%s", sign, line);
  if (write(process->ready_fd, message, strlen(message)) < 0)
    log_warning("nobody waits for haar to be ready: %s", g_strerror(errno));
  close(process->ready_fd);
  process->ready_fd = -1;
}

/* The parent: prints what the child says. One line; the end of the pipe may be open in the child's children. */
static int
wait_for_child(int fd)
{
  g_autoptr(GString) line = g_string_new(NULL);
  char byte;
  while (read(fd, &byte, 1) == 1 && byte != '\n')
    g_string_append_c(line, byte);
  gboolean good = line->str[0] == '+';
  fprintf(good ? stdout : stderr, "%s\n",
          line->len ? line->str + 1 : "haar: it ended before it was ready; haar.log in its data directory may say why");
  return good ? CLI_GOOD : CLI_FAILED;
}

static Error *
redirect_output(const char *directory)
{
  g_autofree char *path = g_build_filename(directory, "haar.log", NULL);
  int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (log < 0 || null < 0)
    return error_fault("cannot write %s: %s", path, g_strerror(errno));
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  close(log);
  close(null);
  return NULL;
}

/* --- running --- */

static void
say_ready(Process *process)
{
  const Haar *haar = &process->haar;
  g_autofree char *line = g_strdup_printf("haar " HAAR_VERSION " ready on http://127.0.0.1:%d and https (data %s, network %s)\n",
                                          haar->port, haar->data_directory, haar->warden ? "on" : "off");
  fputs(line, stdout);
  fflush(stdout);
  if (process->off_reason)
    log_warning("the network is off: %s; without it there are no VPCs, functions and databases, and --network=off says that this is meant", haar->network_off_reason);
  tell_parent(process, '+', line);
}

static void
wait_for_signal(const sigset_t *signals)
{
  int number = 0;
  while (sigwait(signals, &number) != 0)
    ;
}

static int
fail(Process *process, Error *error)
{
  g_autofree char *line = g_strdup_printf("haar: %s\n", error->message);
  tell_parent(process, '-', line);
  return cli_fail(error);
}

/* The usual soft limit of 1,024 descriptors is for programs that use select. */
static void
raise_descriptors(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

static int
run(Process *process)
{
  sigset_t signals;
  Error *error = make_directory(process->haar.data_directory);
  if (!error)
    error = start_warden(process);
  if (error)
    return fail(process, error);
  raise_descriptors();
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  error = start_parts(process);
  if (!error) {
    say_ready(process);
    wait_for_signal(&signals);
    remove_state(process);
  }
  stop_parts(process);
  return error ? fail(process, error) : CLI_GOOD;
}

static int
run_detached(Process *process)
{
  int pipe_fds[2];
  g_autoptr(Error) error = make_directory(process->haar.data_directory);
  if (!error && pipe2(pipe_fds, O_CLOEXEC) != 0)
    error = error_fault("no pipe: %s", g_strerror(errno));
  if (error)
    return cli_fail(g_steal_pointer(&error));
  pid_t child = fork();
  if (child != 0) {
    close(pipe_fds[1]);
    return child > 0 ? wait_for_child(pipe_fds[0]) : CLI_FAILED;
  }
  close(pipe_fds[0]);
  process->ready_fd = pipe_fds[1];
  setsid();
  error = redirect_output(process->haar.data_directory);
  if (error)
    return fail(process, g_steal_pointer(&error));
  return run(process);
}

int
daemon_run(const ServeOptions *options)
{
  Process process = {.options = options, .port_fd = -1, .port6_fd = -1, .ready_fd = -1};
  process.haar.data_directory = options->data_directory;
  process.haar.region = options->region;
  process.haar.port = options->port;
  process.haar.dns_port = options->dns_port;
  process.haar.states = g_hash_table_new(g_str_hash, g_str_equal);
  return options->detach ? run_detached(&process) : run(&process);
}

int
main(int argc, char **argv)
{
  const char *level = g_getenv("HAAR_LOG");
  if (level && strcmp(level, "debug") == 0)
    log_set_level(LOG_DEBUG);
  return cli_main(argc, argv);
}
