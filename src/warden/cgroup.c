/* cgroup: limits of process trees. Version 1 (a hierarchy a controller) and version 2 (one) are both used for what each offers;
 * what neither offers is left to the caller. Groups are haar-<pid>/<name> below the group that haar itself is in. */
#include "warden/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum { MEMORY, CPU, CPUACCT, PIDS, CONTROLLERS } Controller;

static const char *const names[CONTROLLERS] = {"memory", "cpu", "cpuacct", "pids"};

typedef struct Cgroups {
  char *v1[CONTROLLERS];   /* directory of haar's groups, or NULL */
  char *v2;                /* or NULL */
  gboolean v2_has[CONTROLLERS];
} Cgroups;

static gboolean
write_value(const char *directory, const char *file, const char *format, ...)
{
  g_autofree char *path = g_build_filename(directory, file, NULL);
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return FALSE;
  gboolean good = write(fd, text, strlen(text)) == (ssize_t) strlen(text);
  close(fd);
  return good;
}

/* A number in a file, or behind a word in it; -1: none. */
static gint64
read_value(const char *directory, const char *file, const char *word)
{
  g_autofree char *path = g_build_filename(directory, file, NULL), *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return -1;
  if (!word)
    return g_ascii_isdigit(*text) ? g_ascii_strtoll(text, NULL, 10) : -1;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (gsize i = 0; lines[i]; i++)
    if (g_str_has_prefix(lines[i], word) && lines[i][strlen(word)] == ' ')
      return g_ascii_strtoll(lines[i] + strlen(word), NULL, 10);
  return -1;
}

static gboolean
has_word(const char *list, const char *word)
{
  g_auto(GStrv) parts = g_strsplit_set(list, ",\n ", -1);
  return g_strv_contains((const char *const *) parts, word);
}

/* Where the hierarchy with a controller ("" = version 2) is mounted: *ret_root is the part of it that is seen there. */
static char *
mount_of(const char *controller, char **ret_root)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
    return NULL;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (gsize i = 0; lines[i]; i++) {
    const char *tail = strstr(lines[i], " - ");
    g_auto(GStrv) left = g_strsplit(lines[i], " ", 6), right = g_strsplit(tail ? tail + 3 : "", " ", 3);
    if (g_strv_length(left) < 6 || g_strv_length(right) < 3)
      continue;
    if (*controller ? strcmp(right[0], "cgroup") != 0 || !has_word(right[2], controller) : strcmp(right[0], "cgroup2") != 0)
      continue;
    *ret_root = g_strdup(left[3]);
    return g_strdup(left[4]);
  }
  return NULL;
}

/* The directory of the group that this process is in, or NULL. */
static char *
own_group(const char *controller)
{
  g_autofree char *text = NULL, *root = NULL;
  g_autofree char *mounted = mount_of(controller, &root);
  if (!mounted || !g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL))
    return NULL;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (gsize i = 0; lines[i]; i++) {
    g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);
    if (g_strv_length(parts) < 3 || (*controller ? !has_word(parts[1], controller) : *parts[1] != 0))
      continue;
    const char *path = parts[2];
    if (strcmp(root, "/") != 0 && g_str_has_prefix(path, root))
      path += strlen(root);
    return g_build_filename(mounted, path, NULL);
  }
  return NULL;
}

/* Removes the groups of haars that are gone: they were killed. */
static void
sweep(const char *own)
{
  g_autoptr(GDir) dir = g_dir_open(own, 0, NULL);
  for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
    gint64 pid = g_str_has_prefix(name, "haar-") ? g_ascii_strtoll(name + 5, NULL, 10) : 0;
    if (pid <= 0 || kill((pid_t) pid, 0) == 0 || errno != ESRCH)
      continue;
    g_autofree char *path = g_build_filename(own, name, NULL);
    g_autoptr(GDir) groups = g_dir_open(path, 0, NULL);
    for (const char *group = groups ? g_dir_read_name(groups) : NULL; group; group = g_dir_read_name(groups)) {
      g_autofree char *inner = g_build_filename(path, group, NULL);
      rmdir(inner);
    }
    rmdir(path);
  }
}

/* Makes haar's directory below its own group. NULL: not allowed. */
static char *
haar_group(const char *controller, pid_t parent)
{
  g_autofree char *own = own_group(controller);
  if (!own)
    return NULL;
  sweep(own);
  char *path = g_strdup_printf("%s/haar-%d", own, (int) parent);
  if (mkdir(path, 0755) == 0 || errno == EEXIST)
    return path;
  g_free(path);
  return NULL;
}

gpointer
cgroups_new(pid_t parent)
{
  Cgroups *cgroups = g_new0(Cgroups, 1);
  for (Controller c = 0; c < CONTROLLERS; c++)
    cgroups->v1[c] = haar_group(names[c], parent);
  if (!cgroups->v1[MEMORY])
    cgroups->v2 = haar_group("", parent);
  for (Controller c = 0; cgroups->v2 && c < CONTROLLERS; c++) {
    g_autofree char *enable = g_strdup_printf("+%s", names[c]);
    cgroups->v2_has[c] = write_value(cgroups->v2, "cgroup.subtree_control", "%s", enable);
  }
  return cgroups;
}

static char *
group_path(const char *base, const char *name)
{
  return base ? g_build_filename(base, name, NULL) : NULL;
}

static void
limit_v1(const Cgroups *cgroups, const LaunchSpec *spec)
{
  g_autofree char *memory = group_path(cgroups->v1[MEMORY], spec->cgroup), *cpu = group_path(cgroups->v1[CPU], spec->cgroup);
  g_autofree char *pids = group_path(cgroups->v1[PIDS], spec->cgroup);
  if (memory && spec->memory_max) {
    write_value(memory, "memory.limit_in_bytes", "%" G_GINT64_FORMAT, spec->memory_max);
    write_value(memory, "memory.memsw.limit_in_bytes", "%" G_GINT64_FORMAT, spec->memory_max);
  }
  if (cpu && spec->cpu_quota) {
    write_value(cpu, "cpu.cfs_period_us", "20000");
    write_value(cpu, "cpu.cfs_quota_us", "%" G_GINT64_FORMAT, MAX(spec->cpu_quota * 20, 1000));
  }
  if (cpu && spec->cpu_shares)
    write_value(cpu, "cpu.shares", "%" G_GINT64_FORMAT, MAX(spec->cpu_shares, 2));
  if (pids && spec->pids_max)
    write_value(pids, "pids.max", "%" G_GINT64_FORMAT, spec->pids_max);
}

static void
limit_v2(const char *path, const LaunchSpec *spec)
{
  if (spec->memory_max) {
    write_value(path, "memory.max", "%" G_GINT64_FORMAT, spec->memory_max);
    write_value(path, "memory.swap.max", "0");
  }
  if (spec->cpu_quota)
    write_value(path, "cpu.max", "%" G_GINT64_FORMAT " 20000", MAX(spec->cpu_quota * 20, 1000));
  if (spec->cpu_shares)
    write_value(path, "cpu.weight", "%" G_GINT64_FORMAT, CLAMP(spec->cpu_shares * 100 / 1024, 1, 10000));
  if (spec->pids_max)
    write_value(path, "pids.max", "%" G_GINT64_FORMAT, spec->pids_max);
}

gboolean
cgroup_make(gpointer data, const LaunchSpec *spec)
{
  const Cgroups *cgroups = data;
  gboolean any = FALSE;
  for (Controller c = 0; c < CONTROLLERS; c++) {
    g_autofree char *path = group_path(cgroups->v1[c], spec->cgroup);
    any |= path && (mkdir(path, 0755) == 0 || errno == EEXIST);
  }
  limit_v1(cgroups, spec);
  g_autofree char *path = group_path(cgroups->v2, spec->cgroup);
  if (path && (mkdir(path, 0755) == 0 || errno == EEXIST)) {
    limit_v2(path, spec);
    any = TRUE;
  }
  return any;
}

/* A thread that moves itself needs none of the kernel's global locks, which cost milliseconds each: version 1 only. */
void
cgroup_enter(gpointer data, const char *name)
{
  const Cgroups *cgroups = data;
  for (Controller c = 0; c < CONTROLLERS; c++) {
    g_autofree char *path = group_path(cgroups->v1[c], name);
    if (path)
      write_value(path, "tasks", "0");
  }
  g_autofree char *path = group_path(cgroups->v2, name);
  if (path)
    write_value(path, "cgroup.procs", "0");
}

/* Sends a signal to all in a group of version 1. Returns their number, -1: they are not known. */
static int
signal_all(const char *directory, int signal)
{
  g_autofree char *path = g_build_filename(directory, "cgroup.procs", NULL), *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return -1;
  int n = 0;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (gsize i = 0; lines[i]; i++) {
    gint64 pid = g_ascii_strtoll(lines[i], NULL, 10);
    if (pid > 0 && kill((pid_t) pid, signal) == 0)
      n++;
  }
  return n;
}

/* Not by version 1's freezer: what it has frozen cannot be killed, and would outlive a haar that was. A process may fork as it is
 * stopped, so the group is looked at again until it does not grow. */
gboolean
cgroup_freeze(gpointer data, const char *name, gboolean frozen)
{
  enum { LOOKS = 8 };
  const Cgroups *cgroups = data;
  g_autofree char *v2 = group_path(cgroups->v2, name);
  if (v2 && write_value(v2, "cgroup.freeze", frozen ? "1" : "0"))
    return TRUE;
  g_autofree char *v1 = group_path(cgroups->v1[PIDS] ? cgroups->v1[PIDS] : cgroups->v1[MEMORY], name);
  int n = -1, last = -1;
  for (int i = 0; v1 && i < LOOKS; i++) {
    last = n;
    n = signal_all(v1, frozen ? SIGSTOP : SIGCONT);
    if (n == last)
      break;
  }
  return n >= 0;
}

void
cgroup_usage(gpointer data, const char *name, LaunchUsage *ret)
{
  const Cgroups *cgroups = data;
  g_autofree char *memory = group_path(cgroups->v1[MEMORY], name), *cpu = group_path(cgroups->v1[CPUACCT], name);
  g_autofree char *v2 = group_path(cgroups->v2, name);
  if (memory) {
    ret->memory = read_value(memory, "memory.usage_in_bytes", NULL);
    ret->peak_memory = read_value(memory, "memory.max_usage_in_bytes", NULL);
    ret->out_of_memory = MAX(read_value(memory, "memory.oom_control", "oom_kill"), 0);
    ret->limited = ret->memory >= 0;
  } else if (v2 && cgroups->v2_has[MEMORY]) {
    ret->memory = read_value(v2, "memory.current", NULL);
    ret->peak_memory = read_value(v2, "memory.peak", NULL);
    ret->out_of_memory = MAX(read_value(v2, "memory.events", "oom_kill"), 0);
    ret->limited = ret->memory >= 0;
  }
  gint64 ns = cpu ? read_value(cpu, "cpuacct.usage", NULL) : -1;
  ret->cpu_us = ns >= 0 ? ns / 1000 : v2 ? read_value(v2, "cpu.stat", "usage_usec") : -1;
}

void
cgroup_remove(gpointer data, const char *name)
{
  const Cgroups *cgroups = data;
  for (Controller c = 0; c < CONTROLLERS; c++) {
    g_autofree char *path = group_path(cgroups->v1[c], name);
    if (path && rmdir(path) < 0 && errno != ENOENT)
      log_debug("%s: %s", path, g_strerror(errno));
  }
  g_autofree char *path = group_path(cgroups->v2, name);
  if (path)
    rmdir(path);
}

void
cgroups_remove(gpointer data)
{
  const Cgroups *cgroups = data;
  for (Controller c = 0; c < CONTROLLERS; c++)
    if (cgroups->v1[c])
      rmdir(cgroups->v1[c]);
  if (cgroups->v2)
    rmdir(cgroups->v2);
}
