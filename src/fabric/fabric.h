/* fabric: makes the network of reach/ real, in namespaces.
 *
 * Desired state in, packets out: fabric_apply takes a VPC as it should be and changes what is different from what is. A rebuild at start
 * is the same call. One worker thread does all of it; the resolver and the drop reader are another. */
#pragma once

#include "reach/reach.h"
#include "warden/warden.h"

typedef struct Fabric Fabric;

/* Who serves the connections. The edge's listeners (443 and 80 of each VPC's internet gateway and each endpoint) are handed over. Any thread. */
typedef struct FabricHooks {
  gpointer data;
  /* Serves a listening socket (taken); vpc_id and endpoint_id say where its connections come from, or NULL. Returns an id. */
  guint (*listen)(gpointer data, int fd, const char *vpc_id, const char *endpoint_id, gboolean tls);
  void (*unlisten)(gpointer data, guint id);
} FabricHooks;

/* The region's hosted zones, which a service above keeps. Called without the fabric's lock, on the resolver's thread and any other.
 * own: the private zones of the VPC, which go before everything else but the private names of interface endpoints, if those are more specific;
 * else the public ones, which come last. */
typedef struct FabricZones {
  gpointer data;
  /* Answers a query message, aliases followed. FALSE: no zone has the name. */
  gboolean (*message)(gpointer data, const char *vpc_id, gboolean own, const guint8 *query, gsize size, GByteArray *out);
  /* The addresses of a name, NULL-terminated; NULL: no zone has it. transfer full. */
  char **(*addresses)(gpointer data, const char *vpc_id, gboolean own, const char *name);
  /* How long the name of the VPC's private zone is that a name is in, without a dot at the end; 0: it is in none. */
  gsize (*own_zone)(gpointer data, const char *vpc_id, const char *name);
} FabricZones;
/* Whether a private zone of the VPC has the name, but may not answer, because a DNS attribute of the VPC is off. Any thread. */
gboolean fabric_zone_silent(Fabric *fabric, const char *vpc_id, const char *name);
/* Copied. Empty: there are none (any more): none of the functions runs when it returns. */
void fabric_set_zones(Fabric *fabric, const FabricZones *zones);

/* region: the one whose service names the resolver knows first. hooks are copied. */
Error *fabric_new(Warden *warden, const char *region, const FabricHooks *hooks, Fabric **ret_fabric) ERROR_MUST_USE;
/* Opens the edge's listeners: once the server can serve them. Before it everything else works. Waits until what was asked for before is done. */
Error *fabric_start(Fabric *fabric) ERROR_MUST_USE;
/* Gives internet gateways, NAT gateways and what is outside of VPCs a way out to the host's real network, and the resolvers the host's resolver
 * for names that they do not know. Off without it; before the first fabric_apply. */
Error *fabric_egress(Fabric *fabric) ERROR_MUST_USE;
/* What that makes of internet gateways. Any thread. */
Internet fabric_internet(const Fabric *fabric);
/* Ends the threads and drops every namespace; NULL is allowed. */
void fabric_free(Fabric *fabric);

/* The VPC is to be like this. Takes network (made with network_new); returns at once. A later one of the same VPC replaces one that waits. */
void fabric_apply(Fabric *fabric, Network *network);
/* One interface of the VPC is to be like this (it is copied), or gone: what it costs does not depend on how many there are. Returns at once;
 * in order with the two around. Of a VPC that was not given yet: nothing. */
void fabric_eni_put(Fabric *fabric, const char *vpc_id, const Eni *eni);
/* One security group, route table or network ACL of a VPC is to be as in part, which has nothing else. One that the VPC has not is left out. Takes part. */
void fabric_part_put(Fabric *fabric, Network *part);
void fabric_eni_remove(Fabric *fabric, const char *vpc_id, const char *eni_id);
/* The VPC is to be gone. Returns at once. */
void fabric_remove(Fabric *fabric, const char *vpc_id);
/* Waits until all that was given before is done. Returns the first fault since the last call. */
Error *fabric_sync(Fabric *fabric) ERROR_MUST_USE;

/* The same without the fault, and for at most timeout_ms: for callers that must not wait long. */
void fabric_settle(Fabric *fabric, guint timeout_ms);

/* The namespace that a process attached to this interface runs in; waits until the interface is up (at most 10 s). *ret_fd: the caller's. */
Error *fabric_eni_netns(Fabric *fabric, const char *eni_id, int *ret_fd) ERROR_MUST_USE;
/* A namespace with a way to the region's public services and nothing else (functions without a VPC), one a key. *ret_fd: the caller's. */
Error *fabric_outside_netns(Fabric *fabric, const char *key, int *ret_fd) ERROR_MUST_USE;
void fabric_outside_drop(Fabric *fabric, const char *key);
/* A listening TCP socket in an interface's namespace; address: dotted IPv4 ("127.0.0.1", the interface's own). Close it before the interface goes. */
Error *fabric_listen_in(Fabric *fabric, const char *eni_id, const char *address, guint16 port, int *ret_fd) ERROR_MUST_USE;
/* The same in the namespace of fabric_outside_netns. */
Error *fabric_listen_outside(Fabric *fabric, const char *key, const char *address, guint16 port, int *ret_fd) ERROR_MUST_USE;
/* An unconnected TCP socket there (blocking), for connect(): its packets are the interface's. */
Error *fabric_socket_in(Fabric *fabric, const char *eni_id, int *ret_fd) ERROR_MUST_USE;
/* The same in the edge: a client on the region's internet, where its resolver is fabric_resolve without a VPC. */
Error *fabric_socket_edge(Fabric *fabric, int *ret_fd) ERROR_MUST_USE;
/* Text of /etc/resolv.conf for processes of this interface; NULL: outside. transfer full. */
char *fabric_resolv_conf(Fabric *fabric, const char *eni_id);

/* A name that every resolver of the fabric answers (RDS endpoints: public names with private addresses). ttl in seconds.
 * addresses: of either family, NULL-terminated; or target: an alias (CNAME), addresses then NULL. Replaces. */
void fabric_name_set(Fabric *fabric, const char *name, const char *const *addresses, const char *target, guint ttl);
void fabric_name_remove(Fabric *fabric, const char *name);
/* What the resolver of a VPC answers for a name (NULL vpc_id: outside): addresses, NULL-terminated, empty if none. transfer full. */
char **fabric_resolve(Fabric *fabric, const char *vpc_id, const char *name);

/* The AWS service that a public host name belongs to ("s3" of logs.s3.us-east-1.amazonaws.com), or NULL. transfer full. Any thread. */
char *fabric_service_of(Fabric *fabric, const char *name);

/* A packet that was dropped. Text: the record's. */
typedef struct Drop {
  guint64 sequence;
  gint64 time_ms;            /* clock_now() */
  guint count;               /* packets of the same flow that were dropped by the same rule */
  char vpc_id[32], eni_id[32];   /* of what has no VPC: "", and the key of fabric_outside_netns */
  char source[46], destination[46];
  guint16 source_port, destination_port;
  guint8 protocol;           /* 6, 17, 1, 58, ... */
  ReachStage stage;
  gboolean reply;            /* it answers a packet that came through */
  guint16 size;              /* of the packet, with its IP header */
  guint8 tcp_flags;          /* as in the TCP header; 0 of other protocols */
  char rule[128];            /* id of what decided: a route table, groups, "acl-1:100" */
} Drop;
/* Newest first, at most max, not older than since_ms, of this VPC (NULL: any). *ret_drops: n of them, g_free. */
void fabric_drops(Fabric *fabric, const char *vpc_id, gint64 since_ms, guint max, Drop **ret_drops, guint *ret_n);

/* A connection as the VPC's router counted it since the last look: as it was opened, and as its replies come; or packets that were dropped. */
typedef struct Flow {
  gboolean accepted;
  Ip source, destination;    /* of what was sent first, before any translation of addresses */
  guint16 source_port, destination_port;
  guint8 protocol;
  Ip reply_source, reply_destination;  /* of what comes back, before its translation: the real receiver, and who the receiver thinks sent */
  guint64 packets[2], bytes[2];        /* [0] as it was opened, [1] replies */
  guint8 tcp_flags[2];       /* FIN 1, SYN 2, RST 4, SYN-ACK 18: as far as the kernel's states tell */
  gint64 start_ms, end_ms;   /* clock_now(); not before the last look */
  ReachStage stage;          /* dropped: where */
  gboolean reply;            /* dropped: it answers a packet that came through */
} Flow;
/* Flows of this VPC are counted from now on, or no more. The VPC may come later. Any thread. */
void fabric_flows_watch(Fabric *fabric, const char *vpc_id, gboolean on);
/* What was counted since the last call; nothing if it is not watched. *ret_flows: n of them, g_free. Any thread. */
Error *fabric_flows_take(Fabric *fabric, const char *vpc_id, Flow **ret_flows, guint *ret_n) ERROR_MUST_USE;

/* A name that a resolver did not answer. */
typedef enum { NAME_UNKNOWN, NAME_DNS_OFF, NAME_FAULT } NameRefusal;
typedef struct RefusedName {
  guint64 sequence;
  gint64 time_ms;            /* clock_now(), of the last time */
  guint count;
  char vpc_id[32], eni_id[32], source[46];
  char name[256];
  NameRefusal cause;
} RefusedName;
/* Newest first, as fabric_drops. */
void fabric_refused_names(Fabric *fabric, const char *vpc_id, gint64 since_ms, guint max, RefusedName **ret_names, guint *ret_n);
/* The last name that led to an address in this VPC (NULL: outside), or NULL. transfer full. */
char *fabric_asked_name(Fabric *fabric, const char *vpc_id, const char *address);

/* The interface that has this private address in the VPC, or NULL. transfer full. */
char *fabric_eni_at(Fabric *fabric, const char *vpc_id, const char *address);

/* A failure that is rehearsed. */
typedef enum {
  FABRIC_CUT,                /* no packet passes */
  FABRIC_LOSS,               /* value thousandths of the packets are lost */
  FABRIC_BANDWIDTH,          /* value bytes a second, each way; of an interface where fabric_shapes, what is over waits, else it is dropped */
  FABRIC_LATENCY,            /* packets are value ms later, more or less by at most jitter ms: each, so a round trip takes twice that */
  FABRIC_REFUSE,             /* connections are reset at once */
  FABRIC_DNS,                /* target: a VPC, whose resolver answers SERVFAIL (value 0), or nothing (value 1) */
} FabricFaultKind;
typedef struct FabricFault {
  const char *name;          /* letters, digits, '.', '-', '_', ' '; drops carry it as their rule. Several targets may share it */
  FabricFaultKind kind;
  const char *target;        /* a zone ("us-east-1a", in any VPC), an interface, an endpoint */
  const char *other;         /* only between the two; or NULL */
  guint64 value;
  guint jitter;
  guint slot;                /* the fabric's own: of FABRIC_LATENCY, what the line knows it by */
  gboolean shaped;           /* the fabric's own: of FABRIC_BANDWIDTH, by token buckets of the interfaces */
} FabricFault;
/* Whether the kernel has token buckets for the rates of interfaces (the queueing discipline tbf). Any thread. */
gboolean fabric_shapes(Fabric *fabric);
/* Both return at once; fabric_sync waits. fault is copied; the same name and target replace. */
void fabric_fault_set(Fabric *fabric, const FabricFault *fault);
void fabric_fault_remove(Fabric *fabric, const char *name);
