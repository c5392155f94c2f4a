/* reach: the network as data, without a kernel: a VPC and what is in it, the stages that a packet passes, and the verdict for a packet.
 *
 * A Network is a snapshot that owns its memory. A guint32 address or a Cidr is IPv4 in host order; an Ip or a Range is of either family.
 * Structs are plain data; code that builds a Network puts everything into its arena.
 * https://docs.aws.amazon.com/vpc/latest/userguide/how-it-works.html */
#pragma once

#include "base/base.h"

typedef enum {
#define STAGE(id, prefix, priority, what) STAGE_##id,
#include "reach/pipeline.def"
#undef STAGE
  STAGE_COUNT
} ReachStage;

typedef struct ReachStageInfo { const char *id, *prefix; int priority; const char *what; } ReachStageInfo;
/* Indexed by ReachStage. */
extern const ReachStageInfo reach_stages[STAGE_COUNT];

typedef struct Cidr { guint32 address; guint8 prefix; } Cidr;
typedef struct CidrList { gsize n; Cidr *v; } CidrList;

/* An address of either family. IPv4 is kept as ::ffff:10.0.0.5, so that both compare alike; all zero is no address (and ::). */
typedef struct Ip { guint64 high, low; } Ip;
/* prefix as it is written: up to 32, or up to 128. */
typedef struct Range { Ip address; guint8 prefix; } Range;
typedef struct RangeList { gsize n; Range *v; } RangeList;

typedef enum { PEER_CIDR, PEER_GROUP, PEER_PREFIX_LIST } PeerKind;

/* A rule of a security group. */
typedef struct GroupRule {
  const char *id;            /* "sgr-..." */
  gboolean egress;
  int protocol;              /* IP protocol number; -1: all */
  int from_port, to_port;    /* TCP and UDP: ports, -1: all. ICMP (1, 58): type and code, -1: all. Others: not looked at */
  PeerKind peer;
  Range cidr;
  const char *peer_id;       /* group (of this VPC, or of one behind an active peering) or prefix list */
} GroupRule;

typedef struct SecurityGroup {
  const char *id, *name;
  gsize n_rules;
  GroupRule *rules;
} SecurityGroup;

typedef struct AclEntry {
  int number;                /* 1..32766 */
  gboolean egress, allow;
  int protocol;              /* -1: all */
  int from_port, to_port;    /* -1: all; ICMP (1, 58): type and code */
  Range cidr;
} AclEntry;

typedef struct NetworkAcl {
  const char *id;
  gsize n_entries;
  AclEntry *entries;         /* by number, ascending */
} NetworkAcl;

typedef enum {
  TARGET_LOCAL, TARGET_INTERNET_GATEWAY, TARGET_NAT_GATEWAY, TARGET_GATEWAY_ENDPOINT, TARGET_INTERFACE, TARGET_BLACKHOLE,
  TARGET_EGRESS_ONLY_GATEWAY, TARGET_PEERING,
} TargetKind;

typedef struct Route {
  Range destination;
  const char *prefix_list;   /* or NULL: destination */
  TargetKind target;
  const char *target_id;     /* igw-, nat-, vpce-, eni-, eigw-, pcx- */
} Route;

typedef struct RouteTable {
  const char *id;
  gsize n_routes;
  Route *routes;             /* local ones need not be in it */
} RouteTable;

typedef struct Subnet {
  const char *id, *zone;
  Cidr cidr;
  const char *route_table;   /* the effective one: its own or the main */
  const char *acl;
  Range cidr6;               /* prefix 0: none */
} Subnet;

typedef enum {
  ENI_ORDINARY,
  ENI_ENDPOINT,              /* of an interface endpoint: haar answers on it */
  ENI_NAT,                   /* of a NAT gateway: no groups */
} EniKind;

/* An address of an interface besides its primary one: a secondary IPv4 address, or an IPv6 address. */
typedef struct EniAddress {
  Ip address;
  guint32 public_address;    /* of a secondary IPv4 address; 0: none */
} EniAddress;

typedef struct Eni {
  const char *id, *subnet;
  EniKind kind;
  guint32 address;
  guint32 public_address;    /* 0: none */
  const char *owner;         /* the endpoint or NAT gateway, or NULL */
  gboolean no_source_check;
  gboolean ordinary_dns;     /* answers to ip-10-0-0-5.ec2.internal */
  gsize n_groups;
  const char **groups;
  gsize n_more;
  EniAddress *more;
} Eni;

typedef struct Endpoint {
  const char *id;
  gboolean gateway;          /* else interface */
  const char *service;       /* "s3", "dynamodb", "secretsmanager", ...: com.amazonaws.<region>.<service> */
  const char *prefix_list;   /* gateway: "pl-..." */
  gboolean private_dns;      /* interface */
} Endpoint;

typedef struct PrefixList {
  const char *id, *name;
  RangeList cidrs;
} PrefixList;

/* A peering connection, as one of its two VPCs sees it. https://docs.aws.amazon.com/vpc/latest/peering/what-is-vpc-peering.html */
typedef struct Peering {
  const char *id;            /* "pcx-..." */
  const char *peer_vpc;
  gboolean active;           /* else its routes are blackholes and groups across it match nothing */
  gboolean resolves_here;    /* public names of the peer's interfaces answer their private addresses here */
  RangeList cidrs;           /* of the peer */
} Peering;

/* What interfaces are told. No set, or "AmazonProvidedDNS": the VPC's resolver. https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html */
typedef struct DhcpOptions {
  const char *id;            /* NULL: no set; the VPC's resolver and the region's domain */
  const char *domain_name;   /* NULL: none */
  gsize n_name_servers;
  const char **name_servers; /* addresses, or "AmazonProvidedDNS" */
} DhcpOptions;

/* A record of a private hosted zone that is associated with the VPC, or another name known only here. */
typedef struct PrivateName { const char *name; guint32 address; } PrivateName;

/* What is behind an internet gateway, besides the region itself: the internet, as on AWS; nothing; or what the host reaches. */
typedef enum { INTERNET_ASSUMED, INTERNET_NONE, INTERNET_HOST } Internet;

typedef struct Network Network;
struct Network {
  Arena *arena;
  char *vpc_id;
  CidrList cidrs;            /* the first: base+2 is the resolver */
  RangeList cidrs6;
  gboolean dns_support, dns_hostnames;
  gboolean stateless_groups; /* fault profile: replies are checked against the groups' rules too */
  Internet internet;
  const char *internet_gateway;    /* attached, or NULL */
  const char *egress_only_gateway; /* or NULL */
  DhcpOptions dhcp;
  gsize n_subnets, n_route_tables, n_groups, n_acls, n_enis, n_endpoints, n_prefix_lists, n_names, n_peerings, n_peers;
  Subnet *subnets;
  RouteTable *route_tables;
  SecurityGroup *groups;
  NetworkAcl *acls;
  Eni *enis;
  Endpoint *endpoints;
  PrefixList *prefix_lists;
  PrivateName *names;
  Peering *peerings;
  const Network **peers;     /* the VPCs behind active peerings, for reach_walk; not owned, except by network_own_peer */
  GPtrArray *owned;          /* network_own_peer's */
  GHashTable *parts;         /* network_part_put's: id -> the network that it came in */
  Arena *eni_arena;          /* network_eni_put's, like the two below */
  gsize eni_room, enis_gone;
};

/* An empty network with its own arena; vpc_id is copied. transfer full. */
Network *network_new(const char *vpc_id);
void network_free(Network *network);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, network_free)
/* Adds a VPC to peers. network_own_peer takes it; the other does not, and it must outlive network. */
void network_add_peer(Network *network, const Network *peer);
void network_own_peer(Network *network, Network *peer);

/* By id; NULL if there is none (or id is NULL). */
const Subnet *network_subnet(const Network *network, const char *id);
const RouteTable *network_route_table(const Network *network, const char *id);
const SecurityGroup *network_group(const Network *network, const char *id);
const NetworkAcl *network_acl(const Network *network, const char *id);
const Eni *network_eni(const Network *network, const char *id);
const Endpoint *network_endpoint(const Network *network, const char *id);
const PrefixList *network_prefix_list(const Network *network, const char *id);
const Peering *network_peering(const Network *network, const char *id);
/* The VPC behind a peering, if it is among peers; NULL: it is not, or the peering is not active. */
const Network *network_peer(const Network *network, const Peering *peering);
/* The interface that has this private (or, second look, public) IPv4 address. */
const Eni *network_eni_at(const Network *network, guint32 address);
const Eni *network_eni_public(const Network *network, guint32 address);
/* The interface that has this address: IPv4 private, or IPv6. */
const Eni *network_eni_ip(const Network *network, Ip address);
gboolean eni_has_ip(const Eni *eni, Ip address);
/* The interface's first address of that family; FALSE: it has none. */
gboolean eni_ip(const Eni *eni, gboolean ipv6, Ip *ret_address);
/* The public IPv4 address that stands for one of its private ones; 0: none. */
guint32 eni_public(const Eni *eni, Ip address);
gboolean eni_equal(const Eni *a, const Eni *b);
/* All of it into arena. */
void eni_copy(Arena *arena, const Eni *eni, Eni *ret_copy);
/* Adds or replaces (by id) an interface; everything is copied. Pointers to interfaces of the network end here. */
void network_eni_put(Network *network, const Eni *eni);
/* FALSE: it is not there. */
gboolean network_eni_remove(Network *network, const char *id);
/* The security group, route table or network ACL that is in part, which has nothing else, replaces the one with its id. Takes part. FALSE: there is none;
 * nothing is changed. */
gboolean network_part_put(Network *network, Network *part);
/* Whether the VPC's own address ranges hold it. */
gboolean network_is_local(const Network *network, Ip address);
/* The route that a packet of this table to address takes: the longest prefix, of equal ones a range, then local, then a prefix
 * list; NULL: none.
 * *ret_range (may be NULL): what matched. */
const Route *route_find(const Network *network, const RouteTable *table, Ip address, Range *ret_range);

/* "10.0.0.0/16"; FALSE if it is none. Bits behind the prefix are kept as written. */
gboolean cidr_parse(const char *text, Cidr *ret_cidr);
gboolean cidr_has(const Cidr *cidr, guint32 address);
gboolean cidr_overlaps(const Cidr *a, const Cidr *b);
/* First address with the bits behind the prefix cleared. */
guint32 cidr_base(const Cidr *cidr);
guint32 cidr_size(const Cidr *cidr);
char *cidr_text(Arena *arena, const Cidr *cidr);
gboolean address_parse(const char *text, guint32 *ret_address);
char *address_text(Arena *arena, guint32 address);

static inline gboolean ip_is4(Ip ip) { return ip.high == 0 && ip.low >> 32 == 0xffff; }
static inline Ip ip_of4(guint32 address) { return (Ip){0, G_GUINT64_CONSTANT(0xffff00000000) | address}; }
/* The IPv4 address; 0 of an IPv6 one. */
static inline guint32 ip_to4(Ip ip) { return ip_is4(ip) ? (guint32) ip.low : 0; }
static inline gboolean ip_equal(Ip a, Ip b) { return a.high == b.high && a.low == b.low; }
static inline gboolean ip_none(Ip ip) { return ip.high == 0 && ip.low == 0; }
/* Either family; an IPv6 address in IPv4's clothes (::ffff:10.0.0.5) is none. */
gboolean ip_parse(const char *text, Ip *ret_ip);
/* As RFC 5952 writes it. */
char *ip_text(Arena *arena, Ip ip);
/* 16 bytes in network order, and back. An IPv4 address: its first 4. */
void ip_bytes(Ip ip, guint8 ret_bytes[16]);
Ip ip_of_bytes(const guint8 bytes[16]);
static inline gboolean range_is4(const Range *range) { return ip_is4(range->address); }
static inline Range range_of4(Cidr cidr) { return (Range){ip_of4(cidr.address), cidr.prefix}; }
/* "10.0.0.0/16" or "2001:db8::/56". Bits behind the prefix are kept as written. */
gboolean range_parse(const char *text, Range *ret_range);
char *range_text(Arena *arena, const Range *range);
/* Ranges of one family hold nothing of the other. */
gboolean range_has(const Range *range, Ip ip);
gboolean range_overlaps(const Range *a, const Range *b);
Ip range_base(const Range *range);
/* The address n further on (in the low 64 bits). */
static inline Ip ip_plus(Ip ip, guint64 n) { return (Ip){ip.high, ip.low + n}; }

/* The public ranges of the simulated region: reserved for benchmarks, never routed. */
#define REACH_SERVICES "198.18.0.0/17"      /* service addresses */
#define REACH_S3 "198.18.16.0/20"           /* prefix list com.amazonaws.<region>.s3 */
#define REACH_DYNAMODB "198.18.32.0/20"     /* prefix list com.amazonaws.<region>.dynamodb */
#define REACH_ELASTIC "198.18.128.0/18"     /* elastic and public addresses */
#define REACH_OUTSIDE "198.18.192.0/18"     /* functions without a VPC */
/* The same for IPv6, out of the prefix for documentation. */
#define REACH_SERVICES6 "2001:db8:a::/48"   /* service addresses */
#define REACH_AMAZON6 "2001:db8:4000::/34"  /* ranges that VPCs are given, a /56 each */
/* Ranges of the region itself, and ranges that the internet does not carry (disjoint); of both families, NULL at the end.
 * https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry */
extern const char *const reach_region[], *const reach_not_global[];
gboolean reach_is_region(Ip ip);
gboolean reach_is_global(Ip ip);
/* Where a VPC's resolver answers besides its base plus two: everywhere, and to interfaces with IPv6.
 * https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html */
#define REACH_RESOLVER "169.254.169.253"
#define REACH_RESOLVER6 "fd00:ec2::253"
/* The address of a service ("s3", "dynamodb", "secretsmanager", any label): always the same one for a name. */
guint32 reach_service_address(const char *service);
/* Its IPv6 address, behind its dual-stack names only. */
Ip reach_service_ip6(const char *service);

/* A packet that opens a connection. */
typedef struct Packet {
  const char *eni;           /* where it starts */
  Ip destination;
  int protocol;              /* 6, 17, 1, 58, ... */
  guint16 port;              /* of TCP and UDP: the destination's. ICMP: type << 8 | code */
  Ip source;                 /* one of the interface's addresses; none: its first of the destination's family */
  gboolean through;          /* the walk goes on behind a stage that refuses, as far as it can: its steps tell all that would stop the packet */
} Packet;

/* One stage's answer. */
typedef struct Step {
  ReachStage stage;
  gboolean passed;
  const char *rule;          /* id of the rule, route table, ACL entry ("acl-1:100"), groups ("sg-1,sg-2"); arena */
  const char *text;          /* one clause, for people; arena */
  const char *vpc;           /* whose stage it is: the network's, or a peer's */
  gboolean reply;            /* it is about the reply */
} Step;

typedef struct Verdict {
  gboolean delivered;
  gboolean reply;            /* not delivered: the packet arrives, but the reply to it does not */
  ReachStage stage;          /* what decided, if not delivered */
  const char *rule;
  const Network *network;    /* the VPC where it was decided: the given one, or a peer */
  const Eni *source, *receiver;  /* receiver: NULL if it leaves the VPC (and its peers) */
  const Endpoint *endpoint;  /* that it leaves through or arrives at, or NULL */
  Ip leaves_as;              /* the source behind an internet or egress-only gateway; none: it comes to none */
  gsize n_steps;
  Step *steps;
} Verdict;
/* The way of a packet and of the reply to it (network ACLs). arena. An unknown interface: an answer InvalidNetworkInterfaceID.NotFound. */
Error *reach_walk(const Network *network, const Packet *packet, Arena *arena, Verdict *ret_verdict) ERROR_MUST_USE;
/* The way of a packet from the internet, through the VPC's internet gateway, and of its reply: packet->eni is where it goes, packet->source
 * who sends it, and the verdict's source is NULL. */
Error *reach_walk_inbound(const Network *network, const Packet *packet, Arena *arena, Verdict *ret_verdict) ERROR_MUST_USE;

/* A packet that was dropped, as verdicts and drop records tell it. */
typedef struct Blocked {
  ReachStage stage;
  const char *rule;              /* as in a Verdict */
  const char *eni;               /* where it started, or NULL */
  Ip source, destination;
  int protocol;
  guint16 source_port, port;     /* port: of the destination */
  gboolean reply;                /* it answers a packet that came through */
  const char *source_name, *destination_name; /* what people call them ("function pay", a host name), or NULL */
  const char *service;           /* the AWS service at the destination, if it is known: "secretsmanager" */
} Blocked;

/* Why, and what would mend it. All arena. */
typedef struct Explanation {
  Cause id;
  const char *why;               /* one sentence */
  const char *mend;              /* one or two sentences */
  const char *command;           /* that does it, or NULL */
  const char *snippet;           /* resources or properties of a template that do it, or NULL; ids stand where a template has references */
} Explanation;
/* Explains a drop. network may be NULL (it is gone). */
Explanation reach_explain(const Network *network, Arena *arena, const Blocked *blocked);
