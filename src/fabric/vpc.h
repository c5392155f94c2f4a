/* vpc: what is there of a VPC, and the fabric that holds all. For fabric's own files.
 *
 * The worker thread owns everything of the kernel. What the resolver, the drop reader and callers look at (network, interfaces, names,
 * drops) changes under fabric->lock only. */
#pragma once

#include "fabric/fabric.h"
#include "fabric/ruleset.h"

#include <arpa/inet.h>

enum {
  NFLOG_GROUP = 5, FALLBACK_TABLE = 999999, ROUTE_TABLE_BASE = 1000, BEFORE_LOCAL_BASE = 1000000, DROPS_KEPT = 4096, REFUSED_KEPT = 512,
  TRANSLATED_KEPT = 256,
  ENI_WAIT_MS = 10000, EDGE_REPLIES = 900,
};

#define LINK_LOCAL_RESOLVER (169U << 24 | 254U << 16 | 169U << 8 | 253U)

/* Something in a namespace that is made by steps and unmade by others: a route, an address, a gateway's devices. */
typedef struct Thing {
  gboolean in_edge;     /* it is unmade there; else in the router */
  GArray *make, *unmake; /* NetOp */
  GArray *edge;         /* NetOp in the edge, after make */
  char link[16];        /* the router's end of a pair whose other end comes up with edge, or "" */
} Thing;

typedef struct EniState {
  Netns netns;          /* 0: its far end is in the edge */
  int fd;               /* of netns, or -1 */
  guint number;
  Arena *arena;
  Eni eni;              /* what it was made of; in arena */
  guint32 gateway;      /* of its subnet */
  guint subnet_group;
  gboolean ipv6;        /* switched on in its namespace */
  guint64 rate;         /* bytes a second that its buckets let through; 0: it has none */
  char edge_device[16]; /* interface endpoint */
} EniState;

typedef struct Listeners { char *endpoint_id; gboolean ipv6; guint ids[4]; } Listeners; /* ids: 0 until the edge listens at all */

/* Failures that the line keeps apart, each with a bit of the packet mark above those of the route tables. */
#define LINE_SLOTS 8
#define LINE_MARK 0x01000000U
typedef struct Line Line;

typedef struct Vpc {
  Fabric *fabric;
  char *id;
  guint number;             /* names its devices in the edge */
  Network *network;         /* as it is; changed under the lock */
  Numbers numbers;
  Netns router;
  Rules *rules;
  GHashTable *things;       /* key -> Thing * */
  GPtrArray *order;         /* keys of things, in the order in which they were made */
  GHashTable *enis;         /* id -> EniState * */
  GHashTable *listeners;    /* edge device -> Listeners * */
  GHashTable *links;        /* id of a peering whose link is there -> id of the peer */
  GHashTable *foreign;      /* groups of peers that rules name */
  GSource *sources[8];      /* resolver and drop reader */
  guint n_sources;
  Line *line;               /* while a failure delays packets here */
  char *line_rules;         /* as the kernel has them */
  gboolean shaped;          /* an interface has a rate */
  GSource *flows;           /* reader of connection tracking's events, while somebody watches */
} Vpc;

/* What a NAT gateway took, as its sender sent it. */
typedef struct Translated { char vpc_id[32], source[46], destination[46]; guint16 source_port, destination_port; guint8 protocol; } Translated;

/* egress.h */
typedef struct Egress Egress;

struct Fabric {
  Warden *warden;
  char *region;
  FabricHooks hooks;
  FabricZones zones;
  GRWLock zones_lock;       /* held for reading while they answer */
  Netns edge;
  guint next_metric, next_vpc;
  GMutex lock;
  GCond changed;
  gboolean ipv6;            /* the machine has it */
  gint shapes;              /* fabric_shapes' answer: 1, -1, or 0: not known. Atomic */
  Egress *egress;           /* NULL: no way out to the host's network */
  GHashTable *vpcs;         /* id -> Vpc * */
  GHashTable *names;        /* name -> FabricName * */
  GHashTable *faults;       /* "name target" -> FabricFault *; changed by the worker under the lock */
  GHashTable *outside;      /* key -> Outside * */
  guint next_outside;
  GHashTable *flows;        /* VPC id -> FlowWatch *: whose flows are counted */
  Drop *drops;              /* ring */
  guint64 n_drops;
  struct Translated *translated; /* ring */
  guint64 n_translated;
  GHashTable *asked;        /* "vpc address" -> name */
  RefusedName *refused;     /* ring */
  guint64 n_refused;
  gboolean started;         /* the edge listens; worker's */
  Listeners general;        /* of what is outside a VPC or comes through an internet gateway */
  GAsyncQueue *jobs;
  gint posted, finished;    /* jobs; finished under the lock */
  GHashTable *waiting;      /* VPC id -> the queued job that applies it */
  GThread *worker, *watcher;
  GMainContext *context;
  GMainLoop *loop;
  Error *fault;             /* the first since the last fabric_sync */
  GSource *sources[3];
};

typedef struct FlowWatch FlowWatch;

typedef struct FabricName { GPtrArray *addresses; char *target; guint ttl; } FabricName;

/* A router, its devices that every VPC has, its resolver and its drop reader. Worker thread. */
Error *vpc_new(Fabric *fabric, const char *id, Vpc **ret_vpc) ERROR_MUST_USE;
/* Listens to connection tracking if somebody watches the VPC's flows, else no more. Worker thread. */
Error *vpc_watch_flows(Vpc *vpc) ERROR_MUST_USE;
/* Makes what is different. Takes network. */
Error *vpc_apply(Vpc *vpc, Network *network) ERROR_MUST_USE;
/* One interface is to be like this, or (eni NULL) gone. What it costs does not depend on how many there are. */
Error *vpc_apply_eni(Vpc *vpc, const char *id, const Eni *eni) ERROR_MUST_USE;
/* One group, route table or ACL is to be like this. Takes part. What it costs does not depend on how many interfaces there are. */
Error *vpc_apply_part(Vpc *vpc, Network *part) ERROR_MUST_USE;
/* The faults have changed. */
Error *vpc_apply_faults(Vpc *vpc) ERROR_MUST_USE;
/* Gives the kernel what was put into the rules. */
Error *vpc_commit_rules(Vpc *vpc) ERROR_MUST_USE;
void vpc_free(Vpc *vpc);

/* Brings the links to peers in line with both networks, and with them routes and the groups that are named across. gone: the VPC is going. */
Error *peerings_apply(Vpc *vpc, gboolean gone) ERROR_MUST_USE;
/* An interface of vpc has changed (eni NULL: gone): the peers whose rules name its groups know. */
Error *peerings_apply_eni(Vpc *vpc, const char *id, const Eni *eni) ERROR_MUST_USE;

/* Steps of a netlink batch. */
void net_veth(GArray *ops, const char *device, const guint8 mac[6], guint group, const char *peer, const guint8 peer_mac[6], Netns netns);
void net_device(GArray *ops, NetOpKind kind, const char *device);
void net_address(GArray *ops, NetOpKind kind, const char *device, Ip address, guint prefix);
void net_neighbour(GArray *ops, const char *device, Ip address, const guint8 mac[6]);
/* gateway no_ip: none. */
void net_route(GArray *ops, NetOpKind kind, const char *device, const Range *to, Ip gateway, guint table, guint metric);
void net_rule(GArray *ops, NetOpKind kind, gboolean ipv6, guint priority, guint mark, guint table);
/* device: that packets come in by; "lo": the namespace's own packets. */
void net_rule_from(GArray *ops, gboolean ipv6, guint priority, const char *device, guint table);
/* A device that leads nowhere: what has no route ends there, silently, where rules can see it. */
void net_nowhere(GArray *ops, const char *device);
/* Instead of the kernel's rules: main; the namespace's own packets: own_table (0: none); all others: to the device nowhere. */
void net_rules(GArray *ops, gboolean ipv6, guint own_table, const char *nowhere);
void net_flush(GArray *ops, Ip address);
void net_shape(GArray *ops, const char *device, guint64 rate);
void net_sysctl(GArray *ops, const char *path, const char *value);
void net_ipv6(GArray *ops, const char *device);
Range ip_range(Ip address);
/* Of either family. */
Ip ip_of_sockaddr(const struct sockaddr *address, guint16 *ret_port);
/* The device's other end has come up in another batch: what it is given from now on is sent. */
Error *net_settle(Fabric *fabric, Netns netns, const char *device) ERROR_MUST_USE;
Error *net_run(Fabric *fabric, Netns netns, const GArray *ops) ERROR_MUST_USE;
GArray *net_ops(void);
void mac_of(guint32 address, guint8 ret_mac[6]);
extern const guint8 router_mac[6], edge_mac[6];
extern const Ip no_ip, link_local6;
extern const Range any4, any6;

/* Brings the things of the router and the edge in line with the network: first those to go, later those to come. */
Error *things_apply(Vpc *vpc, const Network *network) ERROR_MUST_USE;
void thing_free(gpointer thing);

/* The interfaces: those that are not in network (or changed) go; those that are new come. */
Error *enis_remove(Vpc *vpc, const Network *network) ERROR_MUST_USE;
Error *enis_add(Vpc *vpc, const Network *network) ERROR_MUST_USE;
/* One of them: it is to be gone, or is changed such that it has to be made again; it is to be there. */
Error *eni_remove(Vpc *vpc, const char *id, const Eni *eni) ERROR_MUST_USE;
Error *eni_add(Vpc *vpc, const Eni *eni, const Subnet *subnet) ERROR_MUST_USE;
/* Every interface lets through what failures that are on leave it. */
Error *enis_shape(Vpc *vpc) ERROR_MUST_USE;
void eni_state_free(gpointer state);

/* Listeners on a device of the edge: now, or when edge_start is called, as it is for all VPCs when the edge begins to listen. */
Error *edge_listen(Vpc *vpc, const char *device, const char *endpoint_id, gboolean ipv6) ERROR_MUST_USE;
Error *edge_start(Vpc *vpc) ERROR_MUST_USE;
void edge_unlisten(Vpc *vpc, const char *device);
/* device NULL: any; vpc_id NULL: none. What was opened before an error stays for edge_close. */
Error *edge_open(Fabric *fabric, const char *vpc_id, const char *device, Listeners *listeners) ERROR_MUST_USE;
void edge_close(Fabric *fabric, const Listeners *listeners);
void edge_listeners_free(gpointer listeners);

/* The resolver's sockets of a VPC (vpc_id NULL: of the edge), and the drop reader, as sources of the watcher. */
Error *resolver_open(Fabric *fabric, Netns netns, const char *vpc_id, Ip address, GSource **ret_udp, GSource **ret_tcp) ERROR_MUST_USE;
Error *drops_open(Vpc *vpc, GSource **ret_source) ERROR_MUST_USE;
/* The same in the edge, of functions without a VPC: their VPC is "". */
Error *drops_open_edge(Fabric *fabric, GSource **ret_source) ERROR_MUST_USE;

/* Answers one query. vpc_id NULL: outside. from: who asks . Any thread. FALSE: nothing is to be said. */
/* TRUE and nothing in out: the host's resolver is to be asked. */
gboolean resolver_answer(Fabric *fabric, const char *vpc_id, Ip from, const guint8 *query, gsize size, GByteArray *out);
/* Remembers what an answer from elsewhere says: its name's addresses, or that there is no such name. Takes the lock. Any thread. */
void resolver_note(Fabric *fabric, const char *vpc_id, Ip from, const guint8 *answer, gsize size);
/* Remembers what was asked. Lock held. */
void asked_note(Fabric *fabric, const char *vpc_id, const char *name, const GArray *addresses);
void asked_refuse(Fabric *fabric, const char *vpc_id, const char *name, Ip from, NameRefusal cause);
/* What a name is: addresses (Ip) are appended to addresses; or an alias in *ret_target (arena). FALSE: there is no such name. Lock held. */
gboolean name_find(Fabric *fabric, const Network *network, Arena *arena, const char *name, GArray *addresses, const char **ret_target, guint *ret_ttl);
/* Whether a private hosted zone of the VPC answers this name before anything else does. Any thread. */
gboolean zone_is_first(Fabric *fabric, const char *vpc_id, const char *name);
/* The name of an address ("5.1.0.10.in-addr.arpa"), or NULL. Lock held. */
const char *name_of_address(Fabric *fabric, const Network *network, Arena *arena, const char *name);

/* Faults. */
GHashTable *faults_table_new(void);
FabricFault *fault_copy(const FabricFault *fault);
void fault_free(FabricFault *fault);
/* An answer, and fault freed: every slot of the line is taken. */
Error *faults_put(Fabric *fabric, FabricFault *fault) ERROR_MUST_USE;
void faults_drop(Fabric *fabric, const char *name);
/* Brings the VPC's line (line.h) in line with the failures that delay packets of it, after devices or faults have changed. Worker thread. */
Error *delays_apply(Vpc *vpc) ERROR_MUST_USE;
/* The least rate that failures leave an interface; 0: none is limited. Worker thread. */
guint64 faults_rate(const Fabric *fabric, const Eni *eni);
/* What waits for failures that are lifted goes, before their rules do. */
void delays_lift(Vpc *vpc);
void delays_end(Vpc *vpc);
/* That of the VPC's resolver, or NULL. Lock held. */
const FabricFault *faults_dns(Fabric *fabric, const char *vpc_id);

/* Reads one drop record's payload. For drops.c and its fuzz target. */
gboolean drop_parse(const void *message, gsize size, Drop *ret_drop);
void drop_record(Fabric *fabric, const char *vpc_id, Drop *drop);

void outside_free(gpointer outside);
/* The key of the namespace that has this address; "": none. Lock held. */
const char *outside_at(Fabric *fabric, Ip address);
Error *outside_new(Fabric *fabric, const char *key) ERROR_MUST_USE;

/* Who watches which VPC's flows: the table of Fabric.flows. */
GHashTable *flows_new(void);
/* Listens to connection tracking; *ret_source NULL: nobody watches this VPC. Worker thread. */
Error *flows_open(Vpc *vpc, GSource **ret_source) ERROR_MUST_USE;
/* A dropped packet counts too. Lock held. */
void flows_dropped(Fabric *fabric, const char *vpc_id, const Drop *drop);
/* Somebody begins, or ends, to watch: the worker opens or closes the reader. */
void fabric_flows_changed(Fabric *fabric, const char *vpc_id);
/* Reads one message of connection tracking. For flows.c and its fuzz target. */
gboolean flow_parse(const void *message, gsize size, Flow *ret_flow);
