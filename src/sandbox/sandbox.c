/* One thread waits for all sandboxes' ends (pidfd), and looks at the memory of those whose limit the kernel does not keep. */
#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/root.h"

enum { WATCH_MS = 50 };

struct Sandbox {
  gint references;          /* the handle's and the thread's */
  Sandboxes *owner;
  char *name;
  Launched process;
  gint64 memory_max;
  gboolean watched, overran; /* by the thread: memory */
  gint64 seen_peak;
  gboolean running, dropped; /* under owner->lock */
  SandboxExit exit;
  void (*exited)(Sandbox *sandbox, const SandboxExit *exit, gpointer data);
  gpointer data;
};

struct Sandboxes {
  Warden *warden;
  GThread *thread;
  GMutex lock;
  GCond ended;
  GPtrArray *all;           /* running ones */
  int wake;
  gboolean stopping;
  guint64 number;
};

static void
unref(Sandbox *sandbox)
{
  if (!g_atomic_int_dec_and_test(&sandbox->references))
    return;
  g_free(sandbox->name);
  g_free(sandbox);
}

static void
wake(Sandboxes *sandboxes)
{
  guint64 one = 1;
  if (write(sandboxes->wake, &one, sizeof one) < 0)
    log_debug("eventfd: %s", g_strerror(errno));
}

/* --- the thread --- */

static void
read_exit(Sandbox *sandbox, SandboxExit *exit)
{
  int status;
  LaunchUsage usage = {-1, -1, -1, 0, FALSE};
  gboolean told = read(sandbox->process.status_fd, &status, sizeof status) == sizeof status;
  *exit = (SandboxExit) {.status = -1, .signal = SIGKILL};
  if (told) {
    exit->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    exit->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  g_autoptr(Error) error = warden_usage(sandbox->owner->warden, sandbox->process.pid, &usage);
  exit->peak_memory = MAX(usage.peak_memory, sandbox->seen_peak);
  exit->out_of_memory = sandbox->overran || (!error && usage.out_of_memory > 0 && exit->signal == SIGKILL);
  g_autoptr(Error) forgotten = warden_forget(sandbox->owner->warden, sandbox->process.pid);
  close(sandbox->process.pidfd);
  close(sandbox->process.status_fd);
}

static void
finish(Sandboxes *sandboxes, Sandbox *sandbox)
{
  SandboxExit exit;
  read_exit(sandbox, &exit);
  g_mutex_lock(&sandboxes->lock);
  sandbox->exit = exit;
  sandbox->running = FALSE;
  g_ptr_array_remove_fast(sandboxes->all, sandbox);
  gboolean tell = !sandbox->dropped && sandbox->exited;
  g_mutex_unlock(&sandboxes->lock);
  if (tell)
    sandbox->exited(sandbox, &exit, sandbox->data);
  g_mutex_lock(&sandboxes->lock);
  g_cond_broadcast(&sandboxes->ended);
  g_mutex_unlock(&sandboxes->lock);
  unref(sandbox);
}

static void
watch(Sandbox *sandbox)
{
  LaunchUsage usage;
  g_autoptr(Error) error = warden_usage(sandbox->owner->warden, sandbox->process.pid, &usage);
  if (error || usage.memory < 0)
    return;
  sandbox->seen_peak = MAX(sandbox->seen_peak, usage.memory);
  if (sandbox->memory_max && usage.memory > sandbox->memory_max) {
    sandbox->overran = TRUE;
    sandbox_kill(sandbox);
  }
}

/* Copies what is to be polled, so that the lock is not held. Returns whether one is to be watched. */
static gboolean
gather(Sandboxes *sandboxes, GArray *polled, GPtrArray *which)
{
  gboolean watches = FALSE;
  struct pollfd first = {sandboxes->wake, POLLIN, 0};
  g_array_set_size(polled, 0);
  g_ptr_array_set_size(which, 0);
  g_array_append_val(polled, first);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&sandboxes->lock);
  for (guint i = 0; i < sandboxes->all->len; i++) {
    Sandbox *sandbox = sandboxes->all->pdata[i];
    struct pollfd one = {sandbox->process.pidfd, POLLIN, 0};
    g_array_append_val(polled, one);
    g_ptr_array_add(which, sandbox);
    watches |= sandbox->watched;
  }
  return watches;
}

static gpointer
loop(gpointer data)
{
  Sandboxes *sandboxes = data;
  g_autoptr(GArray) polled = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
  g_autoptr(GPtrArray) which = g_ptr_array_new();
  while (!g_atomic_int_get(&sandboxes->stopping)) {
    gboolean watches = gather(sandboxes, polled, which);
    struct pollfd *fds = (struct pollfd *) (void *) polled->data;
    int n = poll(fds, polled->len, watches ? WATCH_MS : -1);
    guint64 count;
    if (fds[0].revents && read(sandboxes->wake, &count, sizeof count) < 0)
      log_debug("eventfd: %s", g_strerror(errno));
    for (guint i = 0; i < which->len; i++) {
      Sandbox *sandbox = which->pdata[i];
      if (n > 0 && fds[i + 1].revents)
        finish(sandboxes, sandbox);
      else if (sandbox->watched)
        watch(sandbox);
    }
  }
  return NULL;
}

/* --- the part --- */

Error *
sandboxes_new(Warden *warden, Sandboxes **ret_sandboxes)
{
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0)
    return error_fault("eventfd: %s", g_strerror(errno));
  Sandboxes *sandboxes = *ret_sandboxes = g_new0(Sandboxes, 1);
  sandboxes->warden = warden;
  sandboxes->wake = fd;
  sandboxes->all = g_ptr_array_new();
  g_mutex_init(&sandboxes->lock);
  g_cond_init(&sandboxes->ended);
  sandboxes->thread = g_thread_new("sandbox", loop, sandboxes);
  return NULL;
}

static gboolean
idle(Sandboxes *sandboxes, gint64 until)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&sandboxes->lock);
  for (guint i = 0; i < sandboxes->all->len; i++)
    sandbox_kill(sandboxes->all->pdata[i]);
  while (sandboxes->all->len)
    if (!g_cond_wait_until(&sandboxes->ended, &sandboxes->lock, until))
      return FALSE;
  return TRUE;
}

void
sandboxes_free(Sandboxes *sandboxes)
{
  if (!sandboxes)
    return;
  if (!idle(sandboxes, g_get_monotonic_time() + 5 * G_TIME_SPAN_SECOND))
    log_warning("some sandboxes did not end");
  g_atomic_int_set(&sandboxes->stopping, TRUE);
  wake(sandboxes);
  g_thread_join(sandboxes->thread);
  close(sandboxes->wake);
  g_ptr_array_unref(sandboxes->all);
  g_mutex_clear(&sandboxes->lock);
  g_cond_clear(&sandboxes->ended);
  g_free(sandboxes);
}

/* --- one sandbox --- */

static Error *
give_mounts(Sandboxes *sandboxes, const SandboxSpec *spec, gint64 uid, gint64 gid)
{
  for (gsize i = 0; i < spec->n_mounts; i++)
    if (spec->mounts[i].writable)
      TRY(warden_own(sandboxes->warden, spec->mounts[i].source, uid, gid));
  return NULL;
}

static Error *
launch(Sandboxes *sandboxes, const SandboxSpec *spec, Launched *ret)
{
  g_autoptr(Arena) arena = arena_new();
  gboolean root = warden_is_root(sandboxes->warden);
  gint64 uid = root ? SANDBOX_UID : (gint64) getuid(), gid = root ? SANDBOX_GID : (gint64) getgid();
  RootMounts mounts = {0};
  if (root)
    TRY(give_mounts(sandboxes, spec, uid, gid));
  root_mounts(arena, spec, uid, gid, &mounts);
  g_mutex_lock(&sandboxes->lock);
  guint64 number = ++sandboxes->number;
  g_mutex_unlock(&sandboxes->lock);
  LaunchSpec launched = {
    .argv = spec->argv,
    .env = spec->env,
    .directory = spec->directory,
    .netns_fd = spec->netns,
    .mounts = mounts.v,
    .n_mounts = mounts.n,
    .uid = root ? uid : -1,
    .gid = root ? gid : -1,
    .cgroup = arena_printf(arena, "s%" G_GUINT64_FORMAT, number),
    .memory_max = spec->memory_max,
    .cpu_quota = spec->cpu_percent * 10,
    .cpu_shares = spec->cpu_shares,
    .pids_max = spec->pids_max ? spec->pids_max : 1024,
    .files_max = spec->files_max ? spec->files_max : 1024,
    .stdin_fd = spec->stdin_fd,
    .stdout_fd = spec->stdout_fd,
    .stderr_fd = spec->stderr_fd,
    .hostname = spec->hostname ? spec->hostname : "169-254-100-6",
  };
  return warden_launch(sandboxes->warden, &launched, ret);
}

Error *
sandbox_start(Sandboxes *sandboxes, const SandboxSpec *spec, Sandbox **ret_sandbox)
{
  Launched process;
  TRY(error_prefix(launch(sandboxes, spec, &process), "%s", spec->name));
  LaunchUsage usage = {.limited = TRUE};
  g_autoptr(Error) unknown = spec->memory_max ? warden_usage(sandboxes->warden, process.pid, &usage) : NULL;
  Sandbox *sandbox = *ret_sandbox = g_new0(Sandbox, 1);
  *sandbox = (Sandbox) {
    .references = 2,
    .owner = sandboxes,
    .name = g_strdup(spec->name),
    .process = process,
    .memory_max = spec->memory_max,
    .watched = !unknown && !usage.limited,
    .seen_peak = -1,
    .running = TRUE,
    .exited = spec->exited,
    .data = spec->data,
  };
  g_mutex_lock(&sandboxes->lock);
  g_ptr_array_add(sandboxes->all, sandbox);
  g_mutex_unlock(&sandboxes->lock);
  wake(sandboxes);
  return NULL;
}

Error *
sandbox_freeze(Sandbox *sandbox)
{
  return warden_freeze(sandbox->owner->warden, sandbox->process.pid, TRUE);
}

Error *
sandbox_thaw(Sandbox *sandbox)
{
  return warden_freeze(sandbox->owner->warden, sandbox->process.pid, FALSE);
}

Error *
sandbox_signal(Sandbox *sandbox, int signal)
{
  return warden_kill(sandbox->owner->warden, sandbox->process.pid, signal);
}

void
sandbox_kill(Sandbox *sandbox)
{
  g_autoptr(Error) error = warden_kill(sandbox->owner->warden, sandbox->process.pid, SIGKILL);
  if (error)
    log_warning("%s cannot be ended: %s", sandbox->name, error->message);
}

gboolean
sandbox_wait(Sandbox *sandbox, gint64 timeout_ms, SandboxExit *ret_exit)
{
  gint64 until = g_get_monotonic_time() + timeout_ms * 1000;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&sandbox->owner->lock);
  while (sandbox->running) {
    if (timeout_ms < 0)
      g_cond_wait(&sandbox->owner->ended, &sandbox->owner->lock);
    else if (!g_cond_wait_until(&sandbox->owner->ended, &sandbox->owner->lock, until) && sandbox->running)
      return FALSE;
  }
  if (ret_exit)
    *ret_exit = sandbox->exit;
  return TRUE;
}

gboolean
sandbox_running(const Sandbox *sandbox)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&sandbox->owner->lock);
  return sandbox->running;
}

void
sandbox_usage(Sandbox *sandbox, SandboxUsage *ret_usage)
{
  LaunchUsage usage = {-1, -1, -1, 0, FALSE};
  g_autoptr(Error) error = sandbox_running(sandbox) ? warden_usage(sandbox->owner->warden, sandbox->process.pid, &usage) : NULL;
  *ret_usage = (SandboxUsage) {usage.memory, usage.peak_memory, usage.cpu_us};
}

gboolean
sandbox_is_peer(Sandbox *sandbox, int fd)
{
  struct sockaddr_in peer, own;
  socklen_t size = sizeof peer, own_size = sizeof own;
  gboolean held = FALSE;
  if (getpeername(fd, (struct sockaddr *) &peer, &size) < 0 || getsockname(fd, (struct sockaddr *) &own, &own_size) < 0 ||
      peer.sin_family != AF_INET || own.sin_family != AF_INET || !sandbox_running(sandbox))
    return FALSE;
  g_autoptr(Error) error =
    warden_peer(sandbox->owner->warden, sandbox->process.pid, peer.sin_addr.s_addr, ntohs(peer.sin_port), ntohs(own.sin_port), &held);
  if (error)
    log_debug("%s: %s", sandbox->name, error->message);
  return held;
}

int
sandbox_pid(const Sandbox *sandbox)
{
  return (int) sandbox->process.pid;
}

void
sandbox_free(Sandbox *sandbox)
{
  if (!sandbox)
    return;
  Sandboxes *owner = sandbox->owner;
  g_mutex_lock(&owner->lock);
  sandbox->dropped = TRUE;
  gboolean running = sandbox->running;
  g_mutex_unlock(&owner->lock);
  if (running)
    sandbox_kill(sandbox);
  unref(sandbox);
}
