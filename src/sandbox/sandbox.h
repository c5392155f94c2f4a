/* sandbox: a process in an ENI, with its own root, process tree and limits. Lambda functions and database engines run in one.
 *
 * What it sees: a read-only root of bind mounts (the machine's /usr, /bin, /lib*, a small /etc of its own, /dev/null and the like,
 * its own /proc), a private /tmp, the mounts of its spec, the network namespace of its spec; nothing else of the machine.
 * Its first process is a small init that reaps; when haar ends, even by kill -9, the whole tree ends.
 * Works as root (the process gets an unprivileged uid) and rootless (inside the warden's user namespace). Any thread. */
#pragma once

#include "base/base.h"

typedef struct Sandboxes Sandboxes;
typedef struct Sandbox Sandbox;
typedef struct Warden Warden;

typedef struct SandboxMount {
  const char *source;        /* a directory or file of the machine */
  const char *target;        /* absolute, in the sandbox: "/var/task" */
  gboolean writable;         /* writable mounts are given (chown) to the sandbox's user when haar runs as root */
} SandboxMount;

typedef struct SandboxFile {
  const char *path;          /* absolute, below /etc or /run: a small file of the sandbox's own */
  const char *text;
} SandboxFile;

typedef struct SandboxExit {
  int status;                /* exit status, or -1 if a signal ended it */
  int signal;                /* or 0 */
  gboolean out_of_memory;    /* it passed its memory limit */
  gint64 peak_memory;        /* bytes, of the whole tree; -1 = not known */
} SandboxExit;

typedef struct SandboxUsage {
  gint64 memory, peak_memory; /* bytes, of the whole tree; -1 = not known */
  gint64 cpu_us;              /* CPU time used; -1 = not known */
} SandboxUsage;

/* All of it is copied by sandbox_start; 0 and NULL are the defaults. */
typedef struct SandboxSpec {
  const char *name;          /* for logs: "lambda payments-validate 2" */
  const char *hostname;      /* NULL: "169-254-100-6" as in Lambda */
  int netns;                 /* descriptor of the network namespace, from fabric (stays the caller's); -1: a new one with nothing in it */
  const char *const *argv;   /* NULL-terminated; argv[0] is a path in the sandbox */
  const char *const *env;    /* NULL-terminated, "NAME=value"; the whole environment */
  const char *directory;     /* NULL: "/" */
  const SandboxMount *mounts;
  gsize n_mounts;
  const SandboxFile *files;
  gsize n_files;
  const char *resolv_conf;   /* text of /etc/resolv.conf; NULL: empty (no resolver) */
  const char *hosts;         /* text of /etc/hosts behind the localhost line; NULL: nothing */
  const char *ca_path;       /* a PEM file that stands at the system's CA bundle paths (/etc/ssl/certs/ca-certificates.crt, ...) */
  const char *user;          /* name of the user in /etc/passwd; NULL: "sbx_user1051" */
  gint64 tmp_size;           /* bytes of /tmp; 0: 64 MiB */
  gint64 memory_max;         /* bytes, of the whole tree; 0: no limit */
  gint64 cpu_percent;        /* of one CPU: 100 is one, 177 what a function of 3,008 MB gets; 0: no limit */
  gint64 cpu_shares;         /* its weight when processors are short, 1024 is one process's usual; 0: that */
  gint64 pids_max;           /* processes and threads; 0: 1024 */
  gint64 files_max;          /* open files of a process; 0: 1024 */
  int stdin_fd, stdout_fd, stderr_fd; /* stay the caller's; -1: /dev/null */
  /* Called once, on the sandbox part's thread, after the whole tree is gone. It must not block. */
  void (*exited)(Sandbox *sandbox, const SandboxExit *exit, gpointer data);
  gpointer data;
} SandboxSpec;

Error *sandboxes_new(Warden *warden, Sandboxes **ret_sandboxes) ERROR_MUST_USE;
/* Ends all sandboxes. NULL is allowed. */
void sandboxes_free(Sandboxes *sandboxes);

/* Starts a process. Returns once its program runs (or could not be run: a fault that says why). *ret_sandbox: transfer full. */
Error *sandbox_start(Sandboxes *sandboxes, const SandboxSpec *spec, Sandbox **ret_sandbox) ERROR_MUST_USE;
/* Stops all its processes where they are, and lets them go on. */
Error *sandbox_freeze(Sandbox *sandbox) ERROR_MUST_USE;
Error *sandbox_thaw(Sandbox *sandbox) ERROR_MUST_USE;
/* Sends a signal to the program (not its children): SIGTERM for an orderly end. */
Error *sandbox_signal(Sandbox *sandbox, int signal) ERROR_MUST_USE;
/* Ends the whole tree at once; exited follows. Not an error if it is gone. */
void sandbox_kill(Sandbox *sandbox);
/* Waits until it is gone, at most timeout_ms (-1: forever). FALSE: it still runs. ret_exit may be NULL. Not on the sandbox part's thread. */
gboolean sandbox_wait(Sandbox *sandbox, gint64 timeout_ms, SandboxExit *ret_exit);
gboolean sandbox_running(const Sandbox *sandbox);
/* What it uses now. */
void sandbox_usage(Sandbox *sandbox, SandboxUsage *ret_usage);
/* Whether a process of the sandbox holds the other end of an accepted TCP connection over loopback (IPv4): sandboxes of one network
 * namespace share its loopback. FALSE as well if that cannot be known. Blocks for about a millisecond. */
gboolean sandbox_is_peer(Sandbox *sandbox, int fd);
/* The machine's process id of the program's init; for messages. */
int sandbox_pid(const Sandbox *sandbox);
/* Drops the handle; a running tree is ended. NULL is allowed. exited is not called after it returns. */
void sandbox_free(Sandbox *sandbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sandbox, sandbox_free)
