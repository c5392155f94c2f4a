/* warden: the other process. It is forked before any thread exists and is the only code with privileges: as root it keeps the few
 * capabilities it needs, otherwise it enters a user namespace of its own. haar asks it over a socket pair (protocol.def).
 *
 * It stays in an empty network namespace and never holds the host's. Network namespaces live only as descriptors, so that everything
 * vanishes with haar: the warden dies with it (parent-death signal, end of the socket), what it launched dies with the warden. */
#pragma once

#include "base/base.h"

typedef struct Warden Warden;

/* Forks the warden; afterwards the calling process has no capability, may gain none, and a system call filter forbids mount, setns,
 * unshare and their like. Single-threaded callers only. If the machine forbids namespaces *ret_warden is NULL and *ret_reason says which
 * setting and how to change it (transfer full); that is no error. */
Error *warden_start(Warden **ret_warden, char **ret_reason) ERROR_MUST_USE;
/* Ends the warden and all that it launched; NULL is allowed. */
void warden_free(Warden *warden);
/* Whether the warden is root (and not in a user namespace): only then may launched processes have another uid than haar's. */
gboolean warden_is_root(const Warden *warden);

/* All functions below: any thread; one request at a time is with the warden. Errors are faults.
 * A Netns is the warden's handle of a network namespace, > 0. */
typedef int Netns;

/* Makes an empty network namespace: loopback up, no IPv6. *ret_fd, if not NULL: it is for processes: a descriptor of it (for LaunchSpec), the caller's;
 * IPv6 is not off there, but no device has an address of it. */
Error *warden_netns_new(Warden *warden, Netns *ret_netns, int *ret_fd) ERROR_MUST_USE;
/* Drops the handle. The namespace goes when no process, socket or descriptor is in it. */
Error *warden_netns_free(Warden *warden, Netns netns) ERROR_MUST_USE;

/* A socket made in a network namespace. */
typedef enum {
  WARDEN_SOCKET_TCP,       /* bound and listening if port is not 0; else unconnected, for connect() */
  WARDEN_SOCKET_UDP,       /* bound if port is not 0; reports the address that a datagram was sent to (IP_PKTINFO) */
  WARDEN_SOCKET_PING,      /* ICMP echoes, without a privilege (SOCK_DGRAM) */
  WARDEN_SOCKET_NFLOG,     /* netlink, bound to NFLOG group port, queue threshold 1 */
  WARDEN_SOCKET_FLOWS,     /* netlink: connection tracking's events, opened, changed, ended */
  WARDEN_SOCKET_PACKET,    /* AF_PACKET: what comes in at device, each with a virtio_net_hdr before it; sends at any. backlog: bytes of its buffers, at most 64 MiB */
  WARDEN_SOCKET_FLOW_DUMP, /* netlink, blocking: all of connection tracking's entries are to be read from it; their counters are zeroed */
} WardenSocketKind;

typedef struct WardenSocket {
  guint32 kind;            /* WardenSocketKind */
  guint8 address[16];      /* network order, IPv4: the first 4; all 0: any */
  guint32 ipv6;            /* of that family; IPv6 sockets take no IPv4 */
  guint32 port;
  guint32 backlog;         /* TCP; 0 = 1024 */
  guint32 transparent;     /* IP_TRANSPARENT */
  char device[16];         /* SO_BINDTODEVICE, or "" */
} WardenSocket;
/* *ret_fd: close-on-exec, non-blocking; the caller's. */
Error *warden_socket(Warden *warden, Netns netns, const WardenSocket *socket, int *ret_fd) ERROR_MUST_USE;

/* Runs nft commands in the namespace as one transaction. What is refused is a fault with nft's message. */
Error *warden_nft(Warden *warden, Netns netns, const char *commands) ERROR_MUST_USE;
/* The same for commands that answer ("list ruleset"). *ret_output: transfer full. */
Error *warden_nft_list(Warden *warden, Netns netns, const char *commands, char **ret_output) ERROR_MUST_USE;

/* One step of a netlink batch. Addresses: network order, IPv4 in the first 4 bytes. Names: device names in the batch's namespace. */
typedef enum {
  NET_VETH,          /* device (mac, group) with peer peer_device (peer_mac) in namespace peer_netns (0: the same); the near end is brought up */
  NET_LINK_DELETE,   /* device; one that is not there is no error */
  NET_UP,            /* device; group if not 0; it makes itself no IPv6 address */
  NET_GROUP,         /* device, group */
  NET_ADDRESS,       /* address/prefix on device, without its prefix route, in use at once */
  NET_ADDRESS_DELETE,
  NET_NEIGHBOUR,     /* permanent: address is mac on device */
  NET_ROUTE,         /* address/prefix via gateway (all 0: link scope; else onlink) device table (0: main) metric; replaces */
  NET_ROUTE_LOCAL,   /* address/prefix is local on device (AnyIP) */
  NET_ROUTE_DELETE,  /* address/prefix device table metric; one that is not there is no error */
  NET_RULE,          /* priority metric: mark (0: any) and device (incoming; "": any) look up table */
  NET_RULE_DELETE,
  NET_SYSCTL,        /* path (below /proc/sys/net/) = value */
  NET_FLUSH_FLOWS,   /* deletes the connection tracking entries from and to address */
  NET_SETTLE,        /* device, an end of a pair whose other end has just come up: it sends from now on, not only when the kernel's work queue has run */
  NET_SHAPE,         /* what leaves by device passes at rate bytes a second (a token bucket: what is over it waits, then is dropped); 0: as it comes */
} NetOpKind;

typedef struct NetOp {
  guint32 kind;              /* NetOpKind */
  char device[16], peer_device[16];
  gint32 peer_netns;         /* Netns */
  guint8 mac[6], peer_mac[6];
  guint32 group;
  guint32 ipv6;              /* family of address and gateway */
  guint8 address[16], gateway[16];
  guint32 prefix;
  guint32 table, metric, mark;
  char path[64], value[32];
  guint64 rate;
} NetOp;
/* Performs the steps in order and stops at the first that fails; the fault names it. */
Error *warden_net(Warden *warden, Netns netns, const NetOp *ops, gsize n_ops) ERROR_MUST_USE;

/* --- processes: launch.c, mount.c, cgroup.c --- */

typedef enum {
  LAUNCH_MOUNT_BIND,       /* source at target */
  LAUNCH_MOUNT_TMPFS,      /* size bytes */
  LAUNCH_MOUNT_PROC,
  LAUNCH_MOUNT_DEV,        /* null zero full random urandom tty, fd links, shm */
  LAUNCH_MOUNT_OVERLAY,    /* source: "lower[:lower...]", upper in a tmpfs of size bytes */
  LAUNCH_MOUNT_FILE,       /* a file with content */
  LAUNCH_MOUNT_LINK,       /* a symbolic link at target to source */
} LaunchMountKind;

typedef struct LaunchMount {
  LaunchMountKind kind;
  const char *source, *target;   /* target: absolute, in the process's root; made if missing */
  const char *content;           /* LAUNCH_MOUNT_FILE */
  gboolean read_only;
  gboolean optional;             /* a source that is not there is skipped */
  gint64 size;
} LaunchMount;

typedef struct LaunchSpec {
  const char *const *argv;       /* argv[0]: path in the new root; NULL-terminated */
  const char *const *env;        /* "NAME=value", NULL-terminated */
  const char *directory;         /* working directory in the new root; NULL: "/" */
  int netns_fd;                  /* -1: an empty namespace */
  const LaunchMount *mounts;     /* on an empty root; none: the host's root, as it is */
  gsize n_mounts;
  gint64 uid, gid;               /* -1: haar's own. Others only if warden_is_root */
  const char *cgroup;            /* name of its group below haar's, or NULL: none */
  gint64 memory_max;             /* bytes, 0: no limit. By cgroup if there is one, else RLIMIT_AS or RLIMIT_DATA as launch.c says */
  gint64 cpu_quota;              /* thousandths of a core, 0: no limit */
  gint64 cpu_shares;             /* weight against others when there is not enough, 1024 is the usual; 0: the usual */
  gint64 pids_max, files_max, file_size_max; /* 0: no limit of its own */
  int stdin_fd, stdout_fd, stderr_fd;        /* -1: /dev/null */
  const char *hostname;          /* or NULL */
} LaunchSpec;

typedef struct Launched {
  gint64 pid;                    /* in haar's pid namespace */
  int pidfd;                     /* readable when it has ended; the caller's */
  int status_fd;                 /* a pipe: one int, the program's wait status; its end without one: the tree was killed. The caller's */
} Launched;
/* Starts a process in pid, mount, ipc and uts namespaces of its own. Its end ends all that it started. No capability, no_new_privs.
 * The fault says which step failed (mount of X, exec of Y). */
Error *warden_launch(Warden *warden, const LaunchSpec *spec, Launched *ret_launched) ERROR_MUST_USE;
/* Sends a signal to a launched process. One that has ended is no error. */
Error *warden_kill(Warden *warden, gint64 pid, int signal) ERROR_MUST_USE;
/* Stops and continues a launched process and all that it started. */
Error *warden_freeze(Warden *warden, gint64 pid, gboolean frozen) ERROR_MUST_USE;

/* What a launched process and all that it started use. Without a cgroup the numbers are sums over its processes, now. */
typedef struct LaunchUsage {
  gint64 memory, peak_memory;    /* bytes; -1: not known */
  gint64 cpu_us;                 /* CPU time; -1: not known */
  gint64 out_of_memory;          /* how often the kernel ended a process of it for want of memory */
  gboolean limited;              /* its memory limit is the kernel's to keep; else the caller has to look */
} LaunchUsage;
/* Also after its end, until it is forgotten. */
Error *warden_usage(Warden *warden, gint64 pid, LaunchUsage *ret_usage) ERROR_MUST_USE;
/* Whether a process of the launched tree holds the other end of a TCP connection over loopback. address: of the peer, as in sin_addr (network
 * byte order); port: the peer's; to: the port that it connected to (both in the machine's order). FALSE also for what has ended. */
Error *warden_peer(Warden *warden, gint64 pid, guint32 address, guint16 port, guint16 to, gboolean *ret_held) ERROR_MUST_USE;
/* Ends it if it still runs, and drops what is kept of it. To be called once for each launch. */
Error *warden_forget(Warden *warden, gint64 pid) ERROR_MUST_USE;
/* Gives a file, or a directory and all in it, to a user: only if warden_is_root. */
Error *warden_own(Warden *warden, const char *path, gint64 uid, gint64 gid) ERROR_MUST_USE;
