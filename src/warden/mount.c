/* mount: a process's root. A tmpfs becomes the root, the machine's root is seen at /.old while the mounts are made, then it is
 * detached and the root made read-only. */
#include "warden/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OLD "/.old"

static char *
failed(const char *what, const char *path)
{
  return g_strdup_printf("%s %s", what, path);
}

/* Makes the directories above path, and path itself as directory or empty file. */
static gboolean
make_target(const char *path, gboolean directory)
{
  g_autofree char *copy = g_strdup(path);
  for (char *p = copy + 1; *p; p++)
    if (*p == '/') {
      *p = 0;
      if (mkdir(copy, 0755) < 0 && errno != EEXIST)
        return access(path, F_OK) == 0;
      *p = '/';
    }
  if (directory)
    return mkdir(copy, 0755) == 0 || errno == EEXIST;
  int fd = open(copy, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0)
    return access(path, F_OK) == 0;
  close(fd);
  return TRUE;
}

/* Read-only with all below it, or where the kernel is too old the mount itself, keeping what a user namespace may not clear. */
static gboolean
make_read_only(const char *target)
{
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (syscall(SYS_mount_setattr, AT_FDCWD, target, AT_RECURSIVE, &attributes, sizeof attributes) == 0)
    return TRUE;
  struct statvfs st;
  if (statvfs(target, &st) < 0)
    return FALSE;
  unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;
  flags |= (st.f_flag & ST_NOEXEC ? MS_NOEXEC : 0) | (st.f_flag & ST_NOATIME ? MS_NOATIME : 0) | (st.f_flag & ST_RELATIME ? MS_RELATIME : 0) |
           (st.f_flag & ST_NODIRATIME ? MS_NODIRATIME : 0);
  return mount(NULL, target, NULL, flags, NULL) == 0;
}

static char *
bind(const char *source, const char *target, gboolean read_only)
{
  struct stat st;
  if (stat(source, &st) < 0)
    return failed("no", source + strlen(OLD));
  if (!make_target(target, S_ISDIR(st.st_mode)))
    return failed("mount point", target);
  if (mount(source, target, NULL, MS_BIND | (S_ISDIR(st.st_mode) ? MS_REC : 0), NULL) < 0)
    return failed("bind mount of", source + strlen(OLD));
  return read_only && !make_read_only(target) ? failed("read-only mount of", target) : NULL;
}

static char *
mount_bind(const LaunchMount *m)
{
  g_autofree char *source = g_strconcat(OLD, m->source, NULL);
  struct stat st;
  if (m->optional && stat(source, &st) < 0)
    return NULL;
  return bind(source, m->target, m->read_only);
}

static char *
mount_tmpfs(const LaunchMount *m)
{
  g_autofree char *options = m->size ? g_strdup_printf("mode=1777,size=%" G_GINT64_FORMAT, m->size) : g_strdup("mode=1777");
  if (!make_target(m->target, TRUE) || mount("tmpfs", m->target, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
    return failed("tmpfs at", m->target);
  return NULL;
}

/* Where the machine hides parts of its /proc a user namespace may not mount one: then there is none. */
static char *
mount_proc(const LaunchMount *m)
{
  if (!make_target(m->target, TRUE))
    return failed("mount point", m->target);
  if (mount("proc", m->target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 && errno != EPERM)
    return failed("proc at", m->target);
  return NULL;
}

static char *
mount_dev(const LaunchMount *m)
{
  static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
  static const char *const links[][2] = {
    {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}};
  for (gsize i = 0; i < G_N_ELEMENTS(devices); i++) {
    g_autofree char *source = g_strconcat(OLD "/dev/", devices[i], NULL), *target = g_strconcat(m->target, "/", devices[i], NULL);
    char *error = access(source, F_OK) == 0 ? bind(source, target, FALSE) : NULL;
    if (error)
      return error;
  }
  for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
    g_autofree char *target = g_strconcat(m->target, "/", links[i][0], NULL);
    if (symlink(links[i][1], target) < 0)
      return failed("link", target);
  }
  g_autofree char *shm = g_strconcat(m->target, "/shm", NULL);
  return mount_tmpfs(&(LaunchMount) {.target = shm, .size = 64 << 20});
}

static char *
mount_overlay(const LaunchMount *m)
{
  g_autofree char *work = g_strconcat("/.overlay", m->target, NULL);
  char *error = mount_tmpfs(&(LaunchMount) {.target = work, .size = m->size});
  if (error)
    return error;
  g_autofree char *upper = g_strconcat(work, "/upper", NULL), *inner = g_strconcat(work, "/work", NULL);
  g_autoptr(GString) lower = g_string_new(NULL);
  g_auto(GStrv) parts = g_strsplit(m->source, ":", -1);
  for (gsize i = 0; parts[i]; i++)
    g_string_append_printf(lower, "%s" OLD "%s", i ? ":" : "", parts[i]);
  g_autofree char *options = g_strdup_printf("lowerdir=%s,upperdir=%s,workdir=%s", lower->str, upper, inner);
  if (mkdir(upper, 0777) < 0 || mkdir(inner, 0777) < 0 || !make_target(m->target, TRUE) ||
      mount("overlay", m->target, "overlay", MS_NOSUID | MS_NODEV, options) < 0)
    return failed("overlay at", m->target);
  return NULL;
}

static char *
mount_file(const LaunchMount *m)
{
  if (!make_target(m->target, FALSE))
    return failed("file", m->target);
  int fd = open(m->target, O_WRONLY | O_TRUNC | O_CLOEXEC);
  gsize size = m->content ? strlen(m->content) : 0;
  gboolean good = fd >= 0 && (!size || write(fd, m->content, size) == (ssize_t) size);
  if (fd >= 0)
    close(fd);
  return good ? NULL : failed("file", m->target);
}

static char *
mount_link(const LaunchMount *m)
{
  g_autofree char *parent = g_path_get_dirname(m->target);
  if (!make_target(parent, TRUE) || (symlink(m->source, m->target) < 0 && errno != EEXIST))
    return failed("link", m->target);
  return NULL;
}

static char *(*const mounters[])(const LaunchMount *) = {
  [LAUNCH_MOUNT_BIND] = mount_bind,       [LAUNCH_MOUNT_TMPFS] = mount_tmpfs, [LAUNCH_MOUNT_PROC] = mount_proc, [LAUNCH_MOUNT_DEV] = mount_dev,
  [LAUNCH_MOUNT_OVERLAY] = mount_overlay, [LAUNCH_MOUNT_FILE] = mount_file,   [LAUNCH_MOUNT_LINK] = mount_link,
};

/* The tmpfs takes the place of the root; mounted over /tmp only until it has. */
static char *
enter_empty_root(void)
{
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return g_strdup("private mounts");
  if (mount("root", "/tmp", "tmpfs", MS_NOSUID, "mode=755,size=16m") < 0)
    return g_strdup("tmpfs for the root");
  if (mkdir("/tmp" OLD, 0755) < 0 || chdir("/tmp") < 0 || syscall(SYS_pivot_root, ".", "." OLD) < 0 || chdir("/") < 0)
    return g_strdup("pivot_root");
  return NULL;
}

char *
mount_root(const LaunchSpec *spec)
{
  umask(022);
  char *error = enter_empty_root();
  for (gsize i = 0; i < spec->n_mounts && !error; i++) {
    const LaunchMount *m = &spec->mounts[i];
    if (m->kind >= G_N_ELEMENTS(mounters) || m->target[0] != '/' || strstr(m->target, "/../"))
      return failed("mount at", m->target);
    error = mounters[m->kind](m);
  }
  if (error)
    return error;
  if (umount2(OLD, MNT_DETACH) < 0 || rmdir(OLD) < 0)
    return g_strdup("detaching the machine's root");
  if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) < 0)
    return g_strdup("read-only root");
  return NULL;
}
