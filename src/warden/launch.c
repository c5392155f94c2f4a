/* launch: starts a process: clone, namespaces, root, limits, user, program.
 *
 * The first process of the new pid namespace is an init of ours: it runs the program as its child, reaps, and writes the program's
 * wait status to the status pipe as it ends; with it the kernel ends all else in the namespace. So a program is no pid 1 (whose
 * signals the kernel would treat otherwise), and nothing outlives it. Steps that fail are told on a pipe that exec closes. */
#include "warden/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the new process works with. */
typedef struct Launch {
  LaunchSpec spec;
  int netns, stdio[3];
  int go[2], told[2], status[2];   /* pipes: warden lets it begin; it tells what failed; wait status */
  Arena *arena;
} Launch;

/* --- the request --- */

static Error *
take_int(WardenInput *in, gint64 *ret)
{
  return warden_take(in, ret, sizeof *ret);
}

static Error *
take_text(WardenInput *in, Arena *arena, const char **ret)
{
  gint64 size;
  TRY(take_int(in, &size));
  *ret = NULL;
  if (size < 0)
    return NULL;
  if (size > in->end - in->at)
    return error_fault("a launch request is cut short");
  *ret = arena_strndup(arena, (const char *) in->at, (gsize) size);
  in->at += size;
  return NULL;
}

static Error *
take_list(WardenInput *in, Arena *arena, const char *const **ret)
{
  gint64 n;
  TRY(take_int(in, &n));
  if (n < 0 || n > in->end - in->at)
    return error_fault("a launch request is cut short");
  const char **list = ARENA_ARRAY(arena, const char *, (gsize) n + 1);
  for (gint64 i = 0; i < n; i++)
    TRY(take_text(in, arena, &list[i]));
  *ret = list;
  return NULL;
}

static Error *
take_mount(WardenInput *in, Arena *arena, LaunchMount *mount)
{
  gint64 kind, read_only, optional;
  TRY(take_int(in, &kind));
  TRY(take_text(in, arena, &mount->source));
  TRY(take_text(in, arena, &mount->target));
  TRY(take_text(in, arena, &mount->content));
  TRY(take_int(in, &read_only));
  TRY(take_int(in, &optional));
  TRY(take_int(in, &mount->size));
  mount->kind = (LaunchMountKind) kind;
  mount->read_only = read_only != 0;
  mount->optional = optional != 0;
  return mount->target ? NULL : error_fault("a mount without a target");
}

static Error *
take_fds(WardenInput *in, Launch *launch)
{
  int *const fds[] = {&launch->netns, &launch->stdio[0], &launch->stdio[1], &launch->stdio[2]};
  guint n = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    gint64 given;
    TRY(take_int(in, &given));
    if (given && n == in->n_fds)
      return error_fault("a launch request lacks a descriptor");
    *fds[i] = given ? in->fds[n++] : -1;
  }
  return NULL;
}

static Error *
take_spec(WardenInput *in, Launch *launch)
{
  LaunchSpec *spec = &launch->spec;
  Arena *arena = launch->arena;
  TRY(take_fds(in, launch));
  gint64 *const numbers[] = {&spec->uid,      &spec->gid,       &spec->memory_max,   &spec->cpu_quota,
                             &spec->pids_max, &spec->files_max, &spec->file_size_max, &spec->cpu_shares};
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    TRY(take_int(in, numbers[i]));
  TRY(take_text(in, arena, &spec->directory));
  TRY(take_text(in, arena, &spec->cgroup));
  TRY(take_text(in, arena, &spec->hostname));
  TRY(take_list(in, arena, &spec->argv));
  TRY(take_list(in, arena, &spec->env));
  gint64 n;
  TRY(take_int(in, &n));
  if (n < 0 || n > in->end - in->at)
    return error_fault("a launch request is cut short");
  LaunchMount *mounts = ARENA_ARRAY(arena, LaunchMount, (gsize) n);
  for (gint64 i = 0; i < n; i++)
    TRY(take_mount(in, arena, &mounts[i]));
  spec->mounts = mounts;
  spec->n_mounts = (gsize) n;
  if (spec->cgroup && (strchr(spec->cgroup, '/') || spec->cgroup[0] == '.'))
    return error_fault("%s is no name of a group", spec->cgroup);
  return spec->argv[0] ? NULL : error_fault("a launch without a program");
}

/* --- in the new process --- */

static G_GNUC_NORETURN void
give_up(const Launch *launch, const char *what)
{
  g_autofree char *text = g_strdup_printf("%s: %s", what, g_strerror(errno));
  if (write(launch->told[1], text, strlen(text)) < 0)
    _exit(126);
  _exit(127);
}

static void
enter_network(const Launch *launch)
{
  if (launch->netns >= 0 ? setns(launch->netns, CLONE_NEWNET) < 0 : unshare(CLONE_NEWNET) < 0)
    give_up(launch, "network namespace");
  if (launch->netns < 0)
    launch_loopback_up();
  else
    warden_allow_ping();
}

static void
limit(int resource, gint64 value)
{
  struct rlimit both = {(rlim_t) value, (rlim_t) value};
  if (value > 0)
    setrlimit((__rlimit_resource_t) resource, &both);
}

static void
set_limits(const LaunchSpec *spec)
{
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  limit(RLIMIT_NOFILE, spec->files_max);
  limit(RLIMIT_FSIZE, spec->file_size_max);
}

/* From here on it holds nothing: another user if the warden is root, no capability, none to be gained. */
static void
become_user(const Launch *launch, gboolean root)
{
  uid_t uid = launch->spec.uid >= 0 ? (uid_t) launch->spec.uid : getuid();
  gid_t gid = launch->spec.gid >= 0 ? (gid_t) launch->spec.gid : getgid();
  for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
    if (cap_get_bound(cap) == 1)
      cap_drop_bound(cap);
  if (root && setgroups(0, NULL) < 0)
    give_up(launch, "setgroups");
  if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
    give_up(launch, "change of user");
  cap_t none = cap_init();
  if (cap_set_proc(none) < 0)
    give_up(launch, "capabilities");
  cap_free(none);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    give_up(launch, "no_new_privs");
}

static G_GNUC_NORETURN void
run_program(const Launch *launch)
{
  const LaunchSpec *spec = &launch->spec;
  setsid();
  sigset_t all;
  sigemptyset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  signal(SIGPIPE, SIG_DFL);
  for (int i = 0; i < 3; i++)
    if (dup2(launch->stdio[i], i) < 0)
      give_up(launch, "standard streams");
  if (chdir(spec->directory ? spec->directory : "/") < 0)
    give_up(launch, spec->directory ? spec->directory : "/");
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  execve(spec->argv[0], (char *const *) spec->argv, (char *const *) spec->env);
  give_up(launch, spec->argv[0]);
}

/* pid 1: reaps until the program has ended. */
static G_GNUC_NORETURN void
init_loop(const Launch *launch, pid_t program)
{
  close(launch->told[1]);
  close_range(0, (unsigned) launch->status[1] - 1, 0);
  close_range((unsigned) launch->status[1] + 1, ~0U, 0);
  for (;;) {
    int status;
    pid_t ended = waitpid(-1, &status, 0);
    if (ended < 0 && errno != EINTR)
      _exit(1);
    if (ended == program) {
      ssize_t written = write(launch->status[1], &status, sizeof status);
      _exit(written == sizeof status ? 0 : 1);
    }
  }
}

/* Descriptors above the standard ones, so that dup2 onto those cannot overwrite one that is still needed. */
static void
raise_fds(Launch *launch)
{
  for (int i = 0; i < 3; i++)
    launch->stdio[i] = fcntl(launch->stdio[i] >= 0 ? launch->stdio[i] : 0, F_DUPFD_CLOEXEC, 10);
}

static G_GNUC_NORETURN void
begin(WardenState *state, Launch *launch, const char *group)
{
  char byte;
  close(launch->go[1]);
  close(launch->told[0]);
  close(launch->status[0]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (read(launch->go[0], &byte, 1) != 1)
    _exit(1);
  prctl(PR_SET_NAME, "haar-init");
  if (group)
    cgroup_enter(warden_children(state)->cgroups, group);
  raise_fds(launch);
  enter_network(launch);
  g_autofree char *failed = launch->spec.n_mounts ? mount_root(&launch->spec) : NULL;
  if (failed)
    give_up(launch, failed);
  if (launch->spec.hostname && sethostname(launch->spec.hostname, strlen(launch->spec.hostname)) < 0)
    give_up(launch, "host name");
  set_limits(&launch->spec);
  become_user(launch, state->root);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pid_t program = fork();
  if (program < 0)
    give_up(launch, "fork");
  if (program == 0)
    run_program(launch);
  init_loop(launch, program);
}

/* --- in the warden --- */

static pid_t
clone_process(int *ret_pidfd)
{
  struct clone_args args = {
    .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD,
    .pidfd = (guint64) (guintptr) ret_pidfd,
    .exit_signal = SIGCHLD,
  };
  return (pid_t) syscall(SYS_clone3, &args, sizeof args);
}

/* What the new process tells before its program runs: nothing, if all went well. */
static Error *
hear(int fd)
{
  g_autoptr(GString) text = g_string_new(NULL);
  char buffer[512];
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0)
      g_string_append_len(text, buffer, n);
  return text->len ? error_fault("%s", text->str) : NULL;
}

static void
close_pipe(int *ends)
{
  for (int i = 0; i < 2; i++)
    if (ends[i] >= 0)
      close(ends[i]);
  ends[0] = ends[1] = -1;
}

static Child *
child_add(WardenState *state, pid_t pid, const char *cgroup)
{
  Child *child = g_new0(Child, 1);
  child->pid = pid;
  child->cgroup = g_strdup(cgroup);
  g_hash_table_insert(warden_children(state)->by_pid, &child->pid, child);
  return child;
}

static Error *
start(WardenState *state, Launch *launch, WardenOutput *out)
{
  gpointer cgroups = warden_children(state)->cgroups;
  const char *group = launch->spec.cgroup && cgroup_make(cgroups, &launch->spec) ? launch->spec.cgroup : NULL;
  int pidfd = -1;
  pid_t pid = clone_process(&pidfd);
  if (pid == 0)
    begin(state, launch, group);
  if (pid < 0) {
    Error *error = error_fault("clone: %s", g_strerror(errno));
    if (group)
      cgroup_remove(cgroups, group);
    return error;
  }
  const Child *child = child_add(state, pid, group);
  close(launch->told[1]);
  close(launch->status[1]);
  launch->told[1] = launch->status[1] = -1;
  ssize_t went = write(launch->go[1], "", 1);
  Error *error = went == 1 ? hear(launch->told[0]) : error_fault("the process ended as it began");
  if (error) {
    kill(pid, SIGKILL);
    close(pidfd);
    warden_child_forget(state, pid);
    return error;
  }
  g_byte_array_append(out->data, (const guint8 *) &child->pid, sizeof child->pid);
  out->fds[out->n_fds++] = pidfd;
  out->fds[out->n_fds++] = launch->status[0];
  launch->status[0] = -1;
  return NULL;
}

Error *
handle_launch(WardenState *state, WardenInput *in, WardenOutput *out)
{
  g_autoptr(Arena) arena = arena_new();
  Launch launch = {.arena = arena, .go = {-1, -1}, .told = {-1, -1}, .status = {-1, -1}};
  TRY(take_spec(in, &launch));
  if (!state->root)
    launch.spec.uid = launch.spec.gid = -1;
  Error *error = NULL;
  if (pipe2(launch.go, O_CLOEXEC) < 0 || pipe2(launch.told, O_CLOEXEC) < 0 || pipe2(launch.status, O_CLOEXEC) < 0)
    error = error_fault("pipe: %s", g_strerror(errno));
  else
    error = start(state, &launch, out);
  close_pipe(launch.go);
  close_pipe(launch.told);
  close_pipe(launch.status);
  return error_prefix(error, "cannot run %s", launch.spec.argv[0]);
}

/* --- ownership of files --- */

Error *
handle_own(WardenState *state, WardenInput *in, WardenOutput *out)
{
  g_autoptr(Arena) arena = arena_new();
  gint64 uid, gid;
  const char *path;
  TRY(take_int(in, &uid));
  TRY(take_int(in, &gid));
  TRY(take_text(in, arena, &path));
  if (!state->root || !path || uid < 0 || gid < 0)
    return error_fault("files can be given away only by root");
  char *const paths[] = {(char *) path, NULL};
  FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
  int bad = tree ? 0 : errno;
  for (FTSENT *entry = tree ? fts_read(tree) : NULL; entry && !bad; entry = fts_read(tree))
    if (entry->fts_info != FTS_DP && lchown(entry->fts_accpath, (uid_t) uid, (gid_t) gid) < 0)
      bad = errno;
  if (tree)
    fts_close(tree);
  return bad ? error_fault("%s: %s", path, g_strerror(bad)) : NULL;
}
