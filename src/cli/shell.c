/* haar shell: a shell, or a command, in a subnet, with security groups and a role. A terminal is given a pseudo-terminal whose near end stays here; pipes
 * and files are handed over as they are. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "cli/show.h"

static const char summary[] =
    "A shell in a subnet, with security groups and a role's credentials: curl, python3, aws and mysql of this machine, by the VPC's own routes and names.\n"
    "  haar shell                                        in the first private subnet, with the VPC's default group\n"
    "  haar shell --function pay                         where this function is, with its groups and its role\n"
    "  haar shell --subnet PrivateSubnetA --group FunctionGroup --role pay-role -- aws s3 ls\n"
    "Subnets, groups and VPCs: by id or logical id. The interface is gone when the shell ends. Exit status: the command's.";

enum { MESSAGE_MAX = 4096 };

typedef struct Terminal {
  gboolean is_tty;
  int master;                /* -1 without a terminal */
  struct termios before;
} Terminal;

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

/* --- the terminal --- */

static void
copy_size(const Terminal *terminal)
{
  struct winsize size;
  if (terminal->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
    ioctl(terminal->master, TIOCSWINSZ, &size);
}

/* *ret_slave: the far end, to be handed over. */
static Error *
open_terminal(Terminal *terminal, int *ret_slave)
{
  terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  char name[64];
  if (terminal->master < 0 || grantpt(terminal->master) != 0 || unlockpt(terminal->master) != 0 || ptsname_r(terminal->master, name, sizeof name) != 0)
    return error_fault("no pseudo-terminal: %s", g_strerror(errno));
  *ret_slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (*ret_slave < 0 || tcgetattr(STDIN_FILENO, &terminal->before) != 0)
    return error_fault("no pseudo-terminal: %s", g_strerror(errno));
  copy_size(terminal);
  struct termios raw = terminal->before;
  cfmakeraw(&raw);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  return NULL;
}

static void
restore_terminal(const Terminal *terminal)
{
  if (terminal->master >= 0)
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
}

static gboolean
write_all(int fd, const char *data, gsize size)
{
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno != EINTR)
      return FALSE;
    data += MAX(n, 0);
    size -= (gsize) MAX(n, 0);
  }
  return TRUE;
}

/* FALSE: its end. */
static gboolean
copy(int from, int to)
{
  char buffer[16 * 1024];
  ssize_t n = read(from, buffer, sizeof buffer);
  return n > 0 && write_all(to, buffer, (gsize) n);
}

/* What the process wrote before it ended. */
static void
drain(const Terminal *terminal)
{
  struct pollfd fd = {terminal->master, POLLIN, 0};
  while (terminal->master >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN) && copy(terminal->master, STDOUT_FILENO))
    ;
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
    copy_size(terminal);
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
attend(int socket, int signals, const Terminal *terminal, int *ret_status)
{
  Error *error = NULL;
  gboolean input = terminal->master >= 0;
  for (;;) {
    struct pollfd fds[] = {{socket, POLLIN, 0}, {signals, POLLIN, 0}, {terminal->master, POLLIN, 0}, {input ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
      continue;
    if (fds[1].revents)
      forward_signal(signals, socket, terminal);
    if (fds[2].revents & POLLIN)
      copy(terminal->master, STDOUT_FILENO);
    if (fds[3].revents)
      input = copy(STDIN_FILENO, terminal->master);
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
  Terminal terminal = {.is_tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), .master = -1};
  int socket = -1, slave = -1;
  Error *error = NULL;
  TRY(connect_to(directory, &socket));
  int signals = open_signals();
  if (terminal.is_tty)
    error = open_terminal(&terminal, &slave);
  const int tty[3] = {slave, slave, slave}, plain[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  if (!error)
    error = send_request(socket, json_text(arena, request_json(arena, options, terminal.is_tty, argc, argv)), terminal.is_tty ? tty : plain);
  if (slave >= 0)
    close(slave);
  if (!error)
    error = attend(socket, signals, &terminal, ret_status);
  drain(&terminal);
  restore_terminal(&terminal);
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
