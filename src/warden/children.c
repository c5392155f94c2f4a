/* children: the processes that were launched: signals, freezing, what they use, their end. */
#include "warden/launch.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
child_free(gpointer data)
{
  Child *child = data;
  g_free(child->cgroup);
  g_free(child);
}

int
warden_children_start(WardenState *state)
{
  Children *children = g_new0(Children, 1);
  children->by_pid = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, child_free);
  children->cgroups = cgroups_new(getppid());
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  children->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  state->children = children;
  return children->signal_fd;
}

static Child *
child_find(WardenState *state, gint64 pid)
{
  return g_hash_table_lookup(warden_children(state)->by_pid, &pid);
}

/* --- processes without a cgroup: those of one pid namespace, by /proc --- */

static gboolean
namespace_of(const char *pid, struct stat *ret)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/%.20s/ns/pid", pid);
  return stat(path, ret) == 0;
}

void
launch_each_process(gint64 init, ProcessFunction function, gpointer data)
{
  char text[32];
  struct stat wanted, st;
  snprintf(text, sizeof text, "%" G_GINT64_FORMAT, init);
  DIR *proc = namespace_of(text, &wanted) ? opendir("/proc") : NULL;
  if (!proc)
    return;
  for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc))
    if (g_ascii_isdigit(entry->d_name[0]) && namespace_of(entry->d_name, &st) && st.st_ino == wanted.st_ino && st.st_dev == wanted.st_dev)
      function(g_ascii_strtoll(entry->d_name, NULL, 10), data);
  closedir(proc);
}

static gint64
status_kib(const char *status, const char *field)
{
  const char *at = strstr(status, field);
  return at ? g_ascii_strtoll(at + strlen(field), NULL, 10) : 0;
}

static void
add_usage(gint64 pid, gpointer data)
{
  LaunchUsage *usage = data;
  g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/status", pid), *status = NULL;
  if (!g_file_get_contents(path, &status, NULL, NULL))
    return;
  usage->memory += (status_kib(status, "RssAnon:") + status_kib(status, "RssShmem:")) * 1024;
  usage->peak_memory += status_kib(status, "VmHWM:") * 1024;
}

static void
send_signal(gint64 pid, gpointer data)
{
  kill((pid_t) pid, GPOINTER_TO_INT(data));
}

static void
usage_of(WardenState *state, const Child *child, LaunchUsage *ret)
{
  *ret = (LaunchUsage) {-1, -1, -1, 0, FALSE};
  if (child->ended) {
    *ret = child->last;
    return;
  }
  if (child->cgroup)
    cgroup_usage(warden_children(state)->cgroups, child->cgroup, ret);
  if (ret->memory < 0) {
    ret->memory = ret->peak_memory = 0;
    launch_each_process(child->pid, add_usage, ret);
  }
}

/* --- the end of children --- */

static void
child_ended(WardenState *state, Child *child)
{
  gpointer cgroups = warden_children(state)->cgroups;
  LaunchUsage usage = {-1, -1, -1, 0, FALSE};
  if (child->cgroup) {
    cgroup_usage(cgroups, child->cgroup, &usage);
    cgroup_remove(cgroups, child->cgroup);
  }
  child->last = usage;
  child->ended = TRUE;
}

void
warden_children_reap(WardenState *state)
{
  struct signalfd_siginfo ignored;
  while (read(warden_children(state)->signal_fd, &ignored, sizeof ignored) > 0)
    ;
  for (pid_t pid = waitpid(-1, NULL, WNOHANG); pid > 0; pid = waitpid(-1, NULL, WNOHANG)) {
    Child *child = child_find(state, pid);
    if (child)
      child_ended(state, child);
  }
}

void
warden_child_forget(WardenState *state, gint64 pid)
{
  Child *child = child_find(state, pid);
  if (!child)
    return;
  if (!child->ended) {
    kill((pid_t) pid, SIGKILL); /* also ends what is frozen */
    if (waitpid((pid_t) pid, NULL, 0) == (pid_t) pid)
      child_ended(state, child);
  }
  g_hash_table_remove(warden_children(state)->by_pid, &pid);
}

void
warden_children_stop(WardenState *state)
{
  Children *children = warden_children(state);
  if (!children)
    return;
  g_autoptr(GList) all = g_hash_table_get_values(children->by_pid);
  for (GList *at = all; at; at = at->next)
    warden_child_forget(state, ((Child *) at->data)->pid);
  cgroups_remove(children->cgroups);
}

/* --- requests --- */

/* The program is the init's first child: signals that are not the end of all are for it. */
static gint64
program_of(gint64 init)
{
  g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/task/%" G_GINT64_FORMAT "/children", init, init), *text = NULL;
  return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtoll(text, NULL, 10) : 0;
}

Error *
handle_kill(WardenState *state, WardenInput *in, WardenOutput *out)
{
  gint64 numbers[2];
  TRY(warden_take(in, numbers, sizeof numbers));
  const Child *child = child_find(state, numbers[0]);
  if (!child || child->ended)
    return NULL;
  if (numbers[1] == SIGKILL) {
    kill((pid_t) child->pid, SIGKILL); /* also ends what is frozen */
    return NULL;
  }
  gint64 program = program_of(child->pid);
  if (program > 0)
    kill((pid_t) program, (int) numbers[1]);
  return NULL;
}

Error *
handle_freeze(WardenState *state, WardenInput *in, WardenOutput *out)
{
  gint64 numbers[2];
  TRY(warden_take(in, numbers, sizeof numbers));
  const Child *child = child_find(state, numbers[0]);
  if (!child || child->ended)
    return NULL;
  if (!child->cgroup || !cgroup_freeze(warden_children(state)->cgroups, child->cgroup, numbers[1] != 0))
    launch_each_process(child->pid, send_signal, GINT_TO_POINTER(numbers[1] ? SIGSTOP : SIGCONT));
  return NULL;
}

Error *
handle_usage(WardenState *state, WardenInput *in, WardenOutput *out)
{
  gint64 pid;
  TRY(warden_take(in, &pid, sizeof pid));
  warden_children_reap(state);
  const Child *child = child_find(state, pid);
  if (!child)
    return error_fault("process %" G_GINT64_FORMAT " was not launched", pid);
  LaunchUsage usage;
  usage_of(state, child, &usage);
  g_byte_array_append(out->data, (const guint8 *) &usage, sizeof usage);
  return NULL;
}

Error *
handle_forget(WardenState *state, WardenInput *in, WardenOutput *out)
{
  gint64 numbers[2];
  TRY(warden_take(in, numbers, sizeof numbers));
  warden_child_forget(state, numbers[0]);
  return NULL;
}

void
launch_loopback_up(void)
{
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) < 0)
    log_debug("loopback: %s", g_strerror(errno));
  if (fd >= 0)
    close(fd);
}
