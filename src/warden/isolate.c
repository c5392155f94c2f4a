/* isolate: how the warden leaves haar's namespaces, and how haar gives up what the warden keeps. */
#include "warden/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What the warden keeps as root: namespaces and mounts, network, processes of other users and their files. */
static const cap_value_t kept[] = {
  CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID, CAP_CHOWN, CAP_DAC_OVERRIDE,
  CAP_FOWNER, CAP_KILL, CAP_MKNOD, CAP_SYS_CHROOT, CAP_SYS_RESOURCE, CAP_SYS_PTRACE, CAP_SETPCAP,
};

static gboolean write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return FALSE;
  gboolean good = write(fd, text, strlen(text)) == (ssize_t) strlen(text);
  close(fd);
  return good;
}

static int read_number(const char *path, int otherwise) {
  g_autofree char *text = NULL;
  return g_file_get_contents(path, &text, NULL, NULL) ? (int) g_ascii_strtoll(text, NULL, 10) : otherwise;
}

/* Which setting of the machine forbids namespaces, in words. */
static char *why_forbidden(const char *step, int error) {
  if (read_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
    return g_strdup("unprivileged user namespaces are switched off; `sudo sysctl -w kernel.unprivileged_userns_clone=1` allows them");
  if (read_number("/proc/sys/user/max_user_namespaces", 1) == 0)
    return g_strdup("no user namespaces are allowed (user.max_user_namespaces is 0); "
                    "`sudo sysctl -w user.max_user_namespaces=10000` allows them");
  if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
    return g_strdup("AppArmor restricts unprivileged user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1); install "
                    "haar's AppArmor profile or `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`");
  if (access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0)
    return g_strdup_printf("the container forbids it (%s: %s); run it with --privileged, or with --cap-add SYS_ADMIN --cap-add NET_ADMIN "
                           "--security-opt seccomp=unconfined --security-opt apparmor=unconfined", step, g_strerror(error));
  return g_strdup_printf("the machine forbids it (%s: %s)", step, g_strerror(error));
}

static gboolean enter_user_namespace(char **ret_reason) {
  uid_t uid = geteuid();
  gid_t gid = getegid();
  if (unshare(CLONE_NEWUSER) < 0) {
    *ret_reason = why_forbidden("unshare of a user namespace", errno);
    return FALSE;
  }
  g_autofree char *uids = g_strdup_printf("%u %u 1", uid, uid);
  g_autofree char *gids = g_strdup_printf("%u %u 1", gid, gid);
  if (write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", uids) && write_text("/proc/self/gid_map", gids))
    return TRUE;
  *ret_reason = why_forbidden("the user namespace's map", errno);
  return FALSE;
}

static gboolean keep_needed_capabilities(void) {
  for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
    gboolean keep = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
      keep = keep || kept[i] == cap;
    if (!keep && cap_get_bound(cap) == 1)
      cap_drop_bound(cap);
  }
  cap_t had = cap_get_proc(), want = cap_init();
  for (gsize i = 0; i < G_N_ELEMENTS(kept); i++) {
    cap_flag_value_t value = CAP_CLEAR;
    cap_get_flag(had, kept[i], CAP_PERMITTED, &value);
    if (value == CAP_SET) {
      cap_set_flag(want, CAP_PERMITTED, 1, &kept[i], CAP_SET);
      cap_set_flag(want, CAP_EFFECTIVE, 1, &kept[i], CAP_SET);
    }
  }
  gboolean good = cap_set_proc(want) == 0;
  cap_free(had);
  cap_free(want);
  return good;
}

/* The kernel's settings of a network namespace are files of the caller's; a container may mount them read-only, a fresh proc is not. */
static void make_sysctls_writable(void) {
  if (access("/proc/sys/net/ipv4/ip_forward", W_OK) == 0)
    return;
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
    log_debug("a fresh /proc is refused: %s", g_strerror(errno));
}

gboolean warden_isolate(WardenState *state, pid_t parent, char **ret_reason) {
  state->root = geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0;
  if (!state->root) {
    if (!enter_user_namespace(ret_reason))
      return FALSE;
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
      *ret_reason = why_forbidden("unshare of a network namespace", errno);
      return FALSE;
    }
  }
  mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
  if (state->root && !keep_needed_capabilities()) {
    *ret_reason = g_strdup_printf("the warden cannot drop capabilities: %s", g_strerror(errno));
    return FALSE;
  }
  make_sysctls_writable();
  prctl(PR_SET_DUMPABLE, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  state->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  state->namespaces = g_hash_table_new(NULL, NULL);
  return getppid() == parent && state->home >= 0;
}

/* System calls that haar itself has no use for once the warden is there. */
static const char *const forbidden[] = {
  "mount", "umount2", "pivot_root", "setns", "unshare", "bpf", "kexec_load", "kexec_file_load", "init_module", "finit_module",
  "delete_module", "reboot", "swapon", "swapoff", "open_by_handle_at", "perf_event_open", "keyctl", "add_key", "request_key",
  "userfaultfd", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "chroot", "acct", "quotactl",
};

static Error *filter_system_calls(void) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (!filter)
    return error_fault("seccomp_init failed");
  for (gsize i = 0; i < G_N_ELEMENTS(forbidden); i++) {
    int number = seccomp_syscall_resolve_name(forbidden[i]);
    if (number != __NR_SCMP_ERROR)
      seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
  }
  int bad = seccomp_load(filter);
  seccomp_release(filter);
  if (bad < 0)
    log_debug("no system call filter: %s", g_strerror(-bad));
  return NULL;
}

Error *warden_confine_caller(void) {
  for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
    if (cap_get_bound(cap) == 1)
      cap_drop_bound(cap);
  cap_t none = cap_init();
  gboolean bad = cap_set_proc(none) < 0;
  cap_free(none);
  if (bad)
    return error_fault("haar cannot drop its capabilities: %s", g_strerror(errno));
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return error_fault("no_new_privs: %s", g_strerror(errno));
  return filter_system_calls();
}
