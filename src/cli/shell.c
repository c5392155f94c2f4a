/* haar shell: a shell, or a command, in a subnet, with security groups and a role. A terminal is given a pseudo-terminal whose near end stays here; pipes
 * and files are handed over as they are. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/show.h"
#include "cli/terminal.h"

static const char summary[] =
    "A shell in a subnet, with security groups and a role's credentials: curl, python3, aws and mysql of this machine, by the VPC's own routes and names.\n"
    "  haar shell                                        in the first private subnet, with the VPC's default group\n"
    "  haar shell --function pay                         where this function is, with its groups and its role\n"
    "  haar shell --subnet PrivateSubnetA --group FunctionGroup --role pay-role -- aws s3 ls\n"
    "Subnets, groups and VPCs: by id or logical id. The interface is gone when the shell ends. Exit status: the command's.";

enum { MESSAGE_MAX = 4096 };

typedef struct ShellOptions {
  char *subnet, *role, *vpc, *function, *data;
  char **groups;
} ShellOptions;

static void
put(Arena *arena, Json *object, const char *key, const char *text)
{
  if (text)
    json_set(arena, object, key, json_new_string(arena, text));
}

static Json *
request_json(Arena *arena, const ShellOptions *options, gboolean is_tty, int argc, char **argv)
{
  Json *request = json_new_object(arena), *groups = json_new_array(arena), *command = json_new_array(arena);
  put(arena, request, "subnet", options->subnet);
  put(arena, request, "role", options->role);
  put(arena, request, "vpc", options->vpc);
  put(arena, request, "function", options->function);
  put(arena, request, "term", g_getenv("TERM"));
  for (char **group = options->groups; group && *group; group++)
    json_append(arena, groups, json_new_string(arena, *group));
  for (int i = 0; i < argc; i++)
    json_append(arena, command, json_new_string(arena, argv[i]));
  json_set(arena, request, "groups", groups);
  json_set(arena, request, "command", command);
  json_set(arena, request, "tty", json_new_bool(arena, is_tty));
  return request;
}

/* --- the other side --- */

static Error *
connect_to(const char *directory, int *ret_fd)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/shell.sock", folder);
  int failed = fd < 0 || folder < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) != 0;
  const char *why = g_strerror(errno);
  if (folder >= 0)
    close(folder);
  if (failed && fd >= 0)
    close(fd);
  *ret_fd = fd;
  return failed ? error_fault("no haar with a network runs on %s (%s); `haar serve` starts one", directory, why) : NULL;
}

static Error *
send_request(int socket, const char *text, const int fds[3])
{
  union { char bytes[CMSG_SPACE(3 * sizeof(int))]; struct cmsghdr align; } control = {0};
  struct iovec part = {(char *) text, strlen(text)};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(3 * sizeof(int));
  memcpy(CMSG_DATA(header), fds, 3 * sizeof(int));
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? error_fault("the request was not taken: %s", g_strerror(errno)) : NULL;
}

/* --- until it ends --- */

static void
forward_signal(int signals, int socket, const Terminal *terminal)
{
  struct signalfd_siginfo info;
  char message[64];
  if (read(signals, &info, sizeof info) != sizeof info)
    return;
  if (info.ssi_signo == SIGWINCH) {
    terminal_copy_size(terminal);
    return;
  }
  g_snprintf(message, sizeof message, "{\"signal\":%u}", info.ssi_signo);
  if (send(socket, message, strlen(message), MSG_NOSIGNAL) < 0)
    log_debug("%s", g_strerror(errno));
}

/* FALSE: the other side is gone, or said that it has ended. */
static gboolean
take_answer(int socket, int *ret_status, Error **ret_error)
{
  char buffer[MESSAGE_MAX];
  g_autoptr(Arena) arena = arena_new();
  Json *json = NULL;
  ssize_t n = recv(socket, buffer, sizeof buffer, 0);
  if (n <= 0) {
    *ret_error = error_fault("haar is gone, and the shell with it");
    return FALSE;
  }
  *ret_error = json_parse(arena, buffer, (gsize) n, &json);
  if (*ret_error || json_get(json, "ready"))
    return *ret_error == NULL;
  *ret_status = (int) show_number(json, "exit");
  if (json_get(json, "error"))
    *ret_error = error_fault("%s", show_text(json, "error"));
  return FALSE;
}

static Error *
attend(int socket, int signals, Terminal *terminal, int *ret_status)
{
  Error *error = NULL;
  for (;;) {
    int input = terminal_wants_input(terminal) ? STDIN_FILENO : -1;
    struct pollfd fds[] = {{socket, POLLIN, 0}, {signals, POLLIN, 0}, {terminal->master, POLLIN, 0}, {input, POLLIN, 0}};
    if (poll(fds, G_N_ELEMENTS(fds), terminal_wait_ms(terminal)) < 0)
      continue;
    if (fds[1].revents)
      forward_signal(signals, socket, terminal);
    if (fds[2].revents & POLLIN)
      terminal_show(terminal);
    if (fds[3].revents)
      terminal_read(terminal);
    terminal_type(terminal);
    if (fds[0].revents && !take_answer(socket, ret_status, &error))
      return error;
  }
}

static int
open_signals(void)
{
  sigset_t set;
  sigemptyset(&set);
  const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    sigaddset(&set, numbers[i]);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

static Error *
run(Arena *arena, const char *directory, const ShellOptions *options, int argc, char **argv, int *ret_status)
{
  g_auto(Terminal) terminal = TERMINAL_NONE;
  gboolean is_tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  int socket = -1;
  Error *error = NULL;
  TRY(connect_to(directory, &socket));
  int signals = open_signals();
  if (is_tty)
    error = terminal_open(&terminal, argc == 0);
  const int tty[3] = {terminal.slave, terminal.slave, terminal.slave}, plain[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  if (!error)
    error = send_request(socket, json_text(arena, request_json(arena, options, is_tty, argc, argv)), is_tty ? tty : plain);
  if (!error)
    error = attend(socket, signals, &terminal, ret_status);
  terminal_drain(&terminal);
  close(socket);
  return error;
}

COMMAND(shell, run_shell, "a shell, or a command, in a subnet with groups and a role")
static int
run_shell(int argc, char **argv)
{
  ShellOptions options = {0};
  const GOptionEntry entries[] = {
      {"subnet", 's', 0, G_OPTION_ARG_STRING, &options.subnet, "Where (the first private subnet)", "SUBNET"},
      {"group", 'g', 0, G_OPTION_ARG_STRING_ARRAY, &options.groups, "With this security group; may be repeated (the VPC's default group)", "GROUP"},
      {"role", 'r', 0, G_OPTION_ARG_STRING, &options.role, "With this role's credentials (none)", "ROLE"},
      {"vpc", 0, 0, G_OPTION_ARG_STRING, &options.vpc, "In this VPC, or that of this stack (the only one)", "VPC"},
      {"function", 'f', 0, G_OPTION_ARG_STRING, &options.function, "Subnet, groups and role of this function", "NAME"},
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &options.data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[-- COMMAND...]", summary))
    return CLI_USAGE;
  int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1, status = CLI_FAILED;
  g_autofree char *directory = cli_data_directory(options.data);
  g_autoptr(Arena) arena = arena_new();
  Error *error = run(arena, directory, &options, argc - first, argv + first, &status);
  g_strfreev(options.groups);
  char *const owned[] = {options.subnet, options.role, options.vpc, options.function, options.data};
  for (gsize i = 0; i < G_N_ELEMENTS(owned); i++)
    g_free(owned[i]);
  return error ? cli_fail(error) : status;
}
