/* root: what a sandbox sees of the machine, as mounts for the warden. */
#pragma once

#include "sandbox/sandbox.h"
#include "warden/warden.h"

/* The user that sandboxes run as when haar is root: of no user of the machine. */
enum { SANDBOX_UID = 200993, SANDBOX_GID = 200990 };

typedef struct RootMounts { gsize n; LaunchMount *v; } RootMounts;

/* All mounts of a spec, in order (arena). */
void root_mounts(Arena *arena, const SandboxSpec *spec, gint64 uid, gint64 gid, RootMounts *ret);
