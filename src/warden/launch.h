/* launch: what launch.c, mount.c, cgroup.c and children.c share. Warden's own files only. */
#pragma once

#include "warden/protocol.h"

/* A launched process: its init is what the warden waits for. */
typedef struct Child {
  gint64 pid;
  gboolean ended;
  char *cgroup;              /* name, or NULL */
  LaunchUsage last;          /* taken when it ended */
} Child;

typedef struct Children {
  GHashTable *by_pid;        /* gint64 * -> Child */
  int signal_fd;
  gpointer cgroups;          /* cgroup.c's own */
} Children;

static inline Children *
warden_children(WardenState *state)
{
  return state->children;
}

/* Builds the process's root from the spec's mounts and enters it. In the new process, in a mount namespace of its own.
 * NULL on success, else what failed (transfer full). */
char *mount_root(const LaunchSpec *spec);
/* Calls function for all processes in the namespace that init is the first process of. */
typedef void (*ProcessFunction)(gint64 pid, gpointer data);
void launch_each_process(gint64 init, ProcessFunction function, gpointer data);
/* Keeps the loopback device of the current network namespace up. */
void launch_loopback_up(void);
/* Ends a child if it runs, waits for it, drops what is kept of it. */
void warden_child_forget(WardenState *state, gint64 pid);

/* Finds what the machine offers; sweeps groups that a killed haar left. parent: haar's pid. transfer full. */
gpointer cgroups_new(pid_t parent);
/* Makes a group with the spec's limits. FALSE: there is none to be had; the process runs without. */
gboolean cgroup_make(gpointer cgroups, const LaunchSpec *spec);
/* The calling process, of one thread, moves into it. */
void cgroup_enter(gpointer cgroups, const char *name);
/* FALSE: no freezer here. */
gboolean cgroup_freeze(gpointer cgroups, const char *name, gboolean frozen);
void cgroup_usage(gpointer cgroups, const char *name, LaunchUsage *ret);
/* Removes it, once empty. */
void cgroup_remove(gpointer cgroups, const char *name);
/* Removes haar's own directories. */
void cgroups_remove(gpointer cgroups);
