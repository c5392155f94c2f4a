/* reach: the network as data, without a kernel: a VPC and what is in it, the stages that a packet passes, and the verdict for a packet.
 *
 * A Network is a snapshot that owns its memory. Addresses are IPv4 in host order. Structs are plain data; code that builds a Network puts
 * everything into its arena. https://docs.aws.amazon.com/vpc/latest/userguide/how-it-works.html */
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

typedef enum { PEER_CIDR, PEER_GROUP, PEER_PREFIX_LIST } PeerKind;

/* A rule of a security group. */
typedef struct GroupRule {
  const char *id;            /* "sgr-..." */
  gboolean egress;
  int protocol;              /* IP protocol number; -1: all */
  int from_port, to_port;    /* TCP and UDP: ports, -1: all. ICMP: type and code, -1: all */
  PeerKind peer;
  Cidr cidr;
  const char *peer_id;       /* group or prefix list */
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
  int from_port, to_port;    /* -1: all; ICMP: type and code */
  Cidr cidr;
} AclEntry;

typedef struct NetworkAcl {
  const char *id;
  gsize n_entries;
  AclEntry *entries;         /* by number, ascending */
} NetworkAcl;

typedef enum { TARGET_LOCAL, TARGET_INTERNET_GATEWAY, TARGET_NAT_GATEWAY, TARGET_GATEWAY_ENDPOINT, TARGET_INTERFACE, TARGET_BLACKHOLE } TargetKind;

typedef struct Route {
  Cidr destination;
  const char *prefix_list;   /* or NULL: destination */
  TargetKind target;
  const char *target_id;     /* igw-, nat-, vpce-, eni- */
} Route;

typedef struct RouteTable {
  const char *id;
  gsize n_routes;
  Route *routes;             /* local ones need not be in it: they always win */
} RouteTable;

typedef struct Subnet {
  const char *id, *zone;
  Cidr cidr;
  const char *route_table;   /* the effective one: its own or the main */
  const char *acl;
} Subnet;

typedef enum {
  ENI_ORDINARY,
  ENI_ENDPOINT,              /* of an interface endpoint: haar answers on it */
  ENI_NAT,                   /* of a NAT gateway: no groups */
} EniKind;

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
  CidrList cidrs;
} PrefixList;

/* A record of a private hosted zone that is associated with the VPC, or another name known only here. */
typedef struct PrivateName { const char *name; guint32 address; } PrivateName;

typedef struct Network {
  Arena *arena;
  char *vpc_id;
  CidrList cidrs;            /* the first: base+2 is the resolver */
  gboolean dns_support, dns_hostnames;
  gboolean stateless_groups; /* fault profile: replies are checked against the groups' rules too */
  const char *internet_gateway;  /* attached, or NULL */
  gsize n_subnets, n_route_tables, n_groups, n_acls, n_enis, n_endpoints, n_prefix_lists, n_names;
  Subnet *subnets;
  RouteTable *route_tables;
  SecurityGroup *groups;
  NetworkAcl *acls;
  Eni *enis;
  Endpoint *endpoints;
  PrefixList *prefix_lists;
  PrivateName *names;
} Network;

/* An empty network with its own arena; vpc_id is copied. transfer full. */
Network *network_new(const char *vpc_id);
void network_free(Network *network);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, network_free)

/* By id; NULL if there is none (or id is NULL). */
const Subnet *network_subnet(const Network *network, const char *id);
const RouteTable *network_route_table(const Network *network, const char *id);
const SecurityGroup *network_group(const Network *network, const char *id);
const NetworkAcl *network_acl(const Network *network, const char *id);
const Eni *network_eni(const Network *network, const char *id);
const Endpoint *network_endpoint(const Network *network, const char *id);
const PrefixList *network_prefix_list(const Network *network, const char *id);
/* The interface that has this private (or, second look, public) address. */
const Eni *network_eni_at(const Network *network, guint32 address);
const Eni *network_eni_public(const Network *network, guint32 address);
/* Whether the VPC's own address ranges hold it. */
gboolean network_is_local(const Network *network, guint32 address);
/* The route that a packet of this table to address takes: local first, then the longest prefix; NULL: none. *ret_cidr (may be NULL): what matched. */
const Route *route_find(const Network *network, const RouteTable *table, guint32 address, Cidr *ret_cidr);

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

/* The public ranges of the simulated region: reserved for benchmarks, never routed. */
#define REACH_SERVICES "198.18.0.0/17"      /* service addresses */
#define REACH_S3 "198.18.16.0/20"           /* prefix list com.amazonaws.<region>.s3 */
#define REACH_DYNAMODB "198.18.32.0/20"     /* prefix list com.amazonaws.<region>.dynamodb */
#define REACH_ELASTIC "198.18.128.0/18"     /* elastic and public addresses */
#define REACH_OUTSIDE "198.18.192.0/18"     /* functions without a VPC */
/* The address of a service ("s3", "dynamodb", "secretsmanager", any label): always the same one for a name. */
guint32 reach_service_address(const char *service);

/* A packet that opens a connection. */
typedef struct Packet {
  const char *eni;           /* where it starts */
  guint32 destination;
  int protocol;              /* 6, 17, 1 */
  guint16 port;
} Packet;

/* One stage's answer. */
typedef struct Step {
  ReachStage stage;
  gboolean passed;
  const char *rule;          /* id of the rule, route table, ACL entry ("acl-1:100"), groups ("sg-1,sg-2"); arena */
  const char *text;          /* one clause, for people; arena */
} Step;

typedef struct Verdict {
  gboolean delivered;
  ReachStage stage;          /* what decided, if not delivered */
  const char *rule;
  const Eni *source, *receiver;  /* receiver: NULL if it leaves the VPC */
  const Endpoint *endpoint;  /* that it leaves through or arrives at, or NULL */
  gsize n_steps;
  Step *steps;
} Verdict;
/* The way of a packet and of the reply to it (network ACLs). arena. An unknown interface: an answer InvalidNetworkInterfaceID.NotFound. */
Error *reach_walk(const Network *network, const Packet *packet, Arena *arena, Verdict *ret_verdict) ERROR_MUST_USE;

/* Why, and what would mend it. Both arena, one or two sentences. */
typedef struct Explanation { const char *why, *mend; } Explanation;
/* Explains a drop by its stage and rule, as verdicts and drop records carry them. network may be NULL (it is gone). */
Explanation reach_explain(const Network *network, Arena *arena, ReachStage stage, const char *rule, const char *eni_id,
  guint32 source, guint32 destination, int protocol, guint16 port);
