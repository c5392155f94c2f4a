/* reach and the kernel agree: random VPCs (subnets, groups, ACLs, routes, endpoints, peering, both families), and real packets through them.
 * What reach_walk says is what happens: delivered, or dropped at that stage of that VPC by that rule.
 *
 * HAAR_SEED and HAAR_ROUNDS set the seed of the first network and how many there are; without them a few, from a new seed each time, which is
 * printed. */
#include "fabric/vpc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ORDINARY = 5, NAT = 5, ENDPOINT = 6, ENIS = 7, SUBNETS = 4, GROUPS = 4, PACKETS = 60, WAIT_MS = 5000, LOST_MS = 50 };

static const guint16 ports[] = {22, 443, 3306, 8080};

typedef struct Listening { int tcp[G_N_ELEMENTS(ports)][2], udp[G_N_ELEMENTS(ports)][2]; } Listening;   /* by port and family */

typedef struct Trial {
  Warden *warden;
  Fabric *fabric;
  GArray *edge;            /* int: listening sockets of the edge */
  GRand *rand;
  guint32 seed;            /* of this round */
  Network *networks[2];    /* as reach sees them */
  Listening listening[2][ORDINARY];
  guint sent, delivered, unseen;
} Trial;

static void must(Error *error) {
  if (error)
    g_error("%s:%d %s", error->file, error->line, error->message);
}

static guint listen_hook(gpointer data, int fd, const char *vpc_id, const char *endpoint_id, gboolean tls) {
  Trial *trial = data;
  (void) vpc_id, (void) endpoint_id, (void) tls;
  g_array_append_val(trial->edge, fd);
  return trial->edge->len;
}

static void unlisten_hook(gpointer data, guint id) {
  int *fd = &g_array_index(((Trial *) data)->edge, int, id - 1);
  close(*fd);
  *fd = -1;
}

/* --- random networks --- */

typedef struct Maker { GRand *rand; Network *n; guint vpc; gboolean peered; } Maker;

static guint below(Maker *m, guint n) { return (guint) g_rand_int_range(m->rand, 0, (gint32) n); }
static gboolean chance(Maker *m, guint percent) { return below(m, 100) < percent; }

static Range range(const char *text) {
  Range range = {0};
  if (!range_parse(text, &range))
    g_error("'%s' is no range", text);
  return range;
}

static const char *name(Maker *m, const char *kind, guint i) { return arena_printf(m->n->arena, "%s-%c%u", kind, 'a' + (char) m->vpc, i); }

/* Everything, a VPC, a subnet, one address, the services; of either family. */
static Range random_range(Maker *m) {
  Arena *a = m->n->arena;
  guint vpc = chance(m, 70) ? m->vpc : 1 - m->vpc;
  switch (below(m, 10)) {
  case 0:
  case 1: return range("0.0.0.0/0");
  case 2: return range("::/0");
  case 3: return range(arena_printf(a, "10.%u.0.0/16", vpc));
  case 4: return range(arena_printf(a, "10.%u.%u.0/24", vpc, below(m, SUBNETS)));
  case 5: return range(arena_printf(a, "10.%u.%u.%u/32", vpc, below(m, SUBNETS), 10 + below(m, ENIS)));
  case 6: return range(arena_printf(a, "2001:db8:400%u:%u::/64", vpc, below(m, SUBNETS)));
  case 7: return range(arena_printf(a, "2001:db8:400%u::/48", vpc));
  case 8: return range(REACH_SERVICES);
  default: return range(chance(m, 50) ? REACH_S3 : REACH_DYNAMODB);
  }
}

typedef struct Service { int protocol, from, to; } Service;

static Service random_service(Maker *m) {
  guint16 port = ports[below(m, G_N_ELEMENTS(ports))], other = ports[below(m, G_N_ELEMENTS(ports))];
  switch (below(m, 8)) {
  case 0:
  case 1: return (Service){-1, -1, -1};
  case 2: return (Service){6, 0, 65535};
  case 3: return (Service){17, MIN(port, other), MAX(port, other)};
  case 4: return chance(m, 50) ? (Service){1, chance(m, 50) ? -1 : 8, -1} : (Service){58, chance(m, 50) ? -1 : 128, chance(m, 50) ? -1 : 0};
  case 5: return (Service){6, port, port};
  case 6: return (Service){6, 1024, 65535};
  default: return (Service){6, MIN(port, other), MAX(port, other)};
  }
}

static void make_groups(Maker *m) {
  Network *n = m->n;
  n->groups = ARENA_ARRAY(n->arena, SecurityGroup, GROUPS);
  for (guint i = 0; i < GROUPS; i++) {
    SecurityGroup *group = &n->groups[n->n_groups++];
    *group = (SecurityGroup){name(m, "sg", i), name(m, "sg", i), below(m, 7), NULL};
    group->rules = ARENA_ARRAY(n->arena, GroupRule, 8);
    for (guint j = 0; j < group->n_rules; j++) {
      Service service = random_service(m);
      GroupRule *rule = &group->rules[j];
      *rule = (GroupRule){.id = arena_printf(n->arena, "sgr-%c%u-%u", 'a' + (char) m->vpc, i, j), .egress = chance(m, 50), .protocol = service.protocol,
                          .from_port = service.from, .to_port = service.to, .peer = PEER_CIDR, .cidr = random_range(m)};
      if (j == 0 && chance(m, 60)) {
        *rule = (GroupRule){.id = rule->id, .egress = TRUE, .protocol = -1, .from_port = -1, .to_port = -1, .cidr = range(chance(m, 70) ? "0.0.0.0/0" : "::/0")};
      } else if (j == 1 && chance(m, 40)) {
        *rule = (GroupRule){.id = rule->id, .protocol = chance(m, 50) ? -1 : 6, .from_port = -1, .to_port = -1, .cidr = range(chance(m, 70) ? "0.0.0.0/0" : "::/0")};
      } else if (chance(m, 30)) {
        guint vpc = m->peered && chance(m, 50) ? 1 - m->vpc : m->vpc;
        rule->peer = PEER_GROUP;
        rule->peer_id = arena_printf(n->arena, "sg-%c%u", 'a' + (char) vpc, below(m, GROUPS));
      } else if (chance(m, 25)) {
        rule->peer = PEER_PREFIX_LIST;
        rule->peer_id = chance(m, 50) ? "pl-s3" : "pl-own";
      }
    }
  }
}

static void make_acls(Maker *m) {
  Network *n = m->n;
  n->acls = ARENA_ARRAY(n->arena, NetworkAcl, 3);
  for (guint i = 0; i < 3; i++) {
    NetworkAcl *acl = &n->acls[n->n_acls++];
    *acl = (NetworkAcl){name(m, "acl", i), i == 0 ? 0 : below(m, 6), ARENA_ARRAY(n->arena, AclEntry, 12)};
    for (guint j = 0; j < acl->n_entries; j++) {
      Service service = random_service(m);
      acl->entries[j] = (AclEntry){(int) (10 * (j + 1)), chance(m, 50), chance(m, 50), service.protocol, service.from, service.to, random_range(m)};
    }
    for (guint j = 0; chance(m, i == 0 ? 100 : 80) && j < 4; j++)
      acl->entries[acl->n_entries++] = (AclEntry){(int) (1000 + j), j % 2 == 1, TRUE, -1, -1, -1, j < 2 ? range("0.0.0.0/0") : range("::/0")};
  }
}

static Route random_route(Maker *m) {
  const struct { TargetKind target; const char *id, *range; } targets[] = {
    {TARGET_INTERNET_GATEWAY, name(m, "igw", 0), "0.0.0.0/0"}, {TARGET_INTERNET_GATEWAY, name(m, "igw", 0), "::/0"},
    {TARGET_NAT_GATEWAY, name(m, "nat", 0), "0.0.0.0/0"}, {TARGET_EGRESS_ONLY_GATEWAY, name(m, "eigw", 0), "::/0"},
    {TARGET_NAT_GATEWAY, "nat-gone", "198.18.64.0/18"}, {TARGET_INTERFACE, name(m, "eni", 4), "192.0.2.0/24"}, {TARGET_INTERNET_GATEWAY, name(m, "igw", 0), "9.0.0.0/8"},
    {TARGET_INTERFACE, name(m, "eni", 4), arena_printf(m->n->arena, "10.%u.%u.0/24", m->vpc, below(m, SUBNETS))},
    {TARGET_INTERNET_GATEWAY, name(m, "igw", 0), REACH_S3},
  };
  guint i = below(m, G_N_ELEMENTS(targets));
  return (Route){range(targets[i].range), NULL, targets[i].target, targets[i].id};
}

static void make_tables(Maker *m) {
  Network *n = m->n;
  n->route_tables = ARENA_ARRAY(n->arena, RouteTable, SUBNETS);
  for (guint i = 0; i < SUBNETS; i++) {
    RouteTable *table = &n->route_tables[n->n_route_tables++];
    *table = (RouteTable){name(m, "rtb", i), below(m, 4), ARENA_ARRAY(n->arena, Route, 12)};
    for (guint j = 0; j < table->n_routes; j++)
      table->routes[j] = random_route(m);
    if (chance(m, 50))
      table->routes[table->n_routes++] = (Route){{{0, 0}, 0}, "pl-s3", TARGET_GATEWAY_ENDPOINT, name(m, "vpce-s3", 0)};
    if (chance(m, 25))
      table->routes[table->n_routes++] = (Route){{{0, 0}, 0}, "pl-own", TARGET_NAT_GATEWAY, name(m, "nat", 0)};
    if (chance(m, 75))
      table->routes[table->n_routes++] = (Route){range(m->vpc ? "10.0.0.0/16" : "10.1.0.0/16"), NULL, TARGET_PEERING, "pcx-1"};
    if (chance(m, 75))
      table->routes[table->n_routes++] = (Route){range(m->vpc ? "2001:db8:4000::/48" : "2001:db8:4001::/48"), NULL, TARGET_PEERING, "pcx-1"};
  }
  n->internet_gateway = chance(m, 85) ? name(m, "igw", 0) : NULL;
  n->egress_only_gateway = chance(m, 70) ? name(m, "eigw", 0) : NULL;
}

static void make_subnets(Maker *m) {
  static const char *const zones[] = {"us-east-1a", "us-east-1b"};
  Network *n = m->n;
  Cidr cidr = {0};
  n->subnets = ARENA_ARRAY(n->arena, Subnet, SUBNETS);
  for (guint i = 0; i < SUBNETS; i++) {
    cidr_parse(arena_printf(n->arena, "10.%u.%u.0/24", m->vpc, i), &cidr);
    n->subnets[n->n_subnets++] = (Subnet){name(m, "subnet", i), zones[i % 2], cidr, name(m, "rtb", below(m, SUBNETS)), name(m, "acl", below(m, 3)),
                                          range(arena_printf(n->arena, "2001:db8:400%u:%u::/64", m->vpc, i))};
  }
}

/* Five that processes use: the first two in one subnet; three have IPv6; the fourth a second address; the fifth may forward. */
static void make_enis(Maker *m) {
  Network *n = m->n;
  n->enis = ARENA_ARRAY(n->arena, Eni, ENIS);
  for (guint i = 0; i < ENIS; i++) {
    guint subnet = i == 0 ? 1 : i == NAT ? 0 : i % SUBNETS;
    Eni *eni = &n->enis[n->n_enis++];
    *eni = (Eni){.id = name(m, "eni", i), .subnet = name(m, "subnet", subnet), .address = (10U << 24) + (m->vpc << 16) + (subnet << 8) + 10 + i,
                 .kind = i == NAT ? ENI_NAT : i == ENDPOINT ? ENI_ENDPOINT : ENI_ORDINARY, .groups = ARENA_ARRAY(n->arena, const char *, 3),
                 .more = ARENA_ARRAY(n->arena, EniAddress, 2), .n_groups = i == NAT ? 0 : 1 + below(m, 3)};
    for (gsize j = 0; j < eni->n_groups; j++)
      eni->groups[j] = name(m, "sg", (below(m, 2) + (guint) j) % GROUPS);
    if (i == NAT || (i < ORDINARY && chance(m, 40)))
      eni->public_address = (198U << 24) + (18U << 16) + (130U << 8) + m->vpc * 100 + i;
    if (i < 3 && ip_parse(arena_printf(n->arena, "2001:db8:400%u:%u::%u", m->vpc, subnet, 10 + i), &eni->more[0].address))
      eni->n_more++;
    if (i == 3)
      eni->more[eni->n_more++] = (EniAddress){ip_of4(eni->address + 100), 0};
    eni->no_source_check = i == 4 && chance(m, 50);
    eni->owner = i == NAT ? name(m, "nat", 0) : i == ENDPOINT ? name(m, "vpce-sm", 0) : NULL;
  }
}

static void make_lists(Maker *m) {
  Network *n = m->n;
  n->prefix_lists = ARENA_ARRAY(n->arena, PrefixList, 2);
  n->prefix_lists[n->n_prefix_lists++] = (PrefixList){"pl-s3", "s3", {1, ARENA_NEW(n->arena, Range)}};
  n->prefix_lists[0].cidrs.v[0] = range(REACH_S3);
  PrefixList *own = &n->prefix_lists[n->n_prefix_lists++];
  *own = (PrefixList){"pl-own", "own", {below(m, 5), ARENA_ARRAY(n->arena, Range, 5)}};
  for (gsize i = 0; i < own->cidrs.n; i++)
    do
      own->cidrs.v[i] = random_range(m);
    while (own->cidrs.v[i].prefix == 0);
}

static Network *make_network(GRand *rand, guint vpc, gboolean peered) {
  Maker m = {rand, network_new(vpc ? "vpc-b" : "vpc-a"), vpc, peered};
  Network *n = m.n;
  Cidr cidr = {0};
  cidr_parse(vpc ? "10.1.0.0/16" : "10.0.0.0/16", &cidr);
  Range cidr6 = range(vpc ? "2001:db8:4001::/48" : "2001:db8:4000::/48"), far = range(vpc ? "10.0.0.0/16" : "10.1.0.0/16");
  n->cidrs = (CidrList){1, arena_memdup(n->arena, &cidr, sizeof cidr)};
  n->cidrs6 = (RangeList){1, arena_memdup(n->arena, &cidr6, sizeof cidr6)};
  n->dns_support = n->dns_hostnames = TRUE;
  n->internet = INTERNET_NONE;
  make_lists(&m);
  make_groups(&m);
  make_acls(&m);
  make_tables(&m);
  make_subnets(&m);
  make_enis(&m);
  Endpoint endpoints[] = {{name(&m, "vpce-s3", 0), TRUE, "s3", "pl-s3", FALSE}, {name(&m, "vpce-sm", 0), FALSE, "secretsmanager", NULL, TRUE}};
  n->endpoints = arena_memdup(n->arena, endpoints, sizeof endpoints);
  n->n_endpoints = 2;
  Peering peering = {"pcx-1", vpc ? "vpc-a" : "vpc-b", peered, FALSE, {1, arena_memdup(n->arena, &far, sizeof far)}};
  n->peerings = arena_memdup(n->arena, &peering, sizeof peering);
  n->n_peerings = 1;
  return n;
}

static void make_both(guint32 seed, Network *ret_networks[2]) {
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  gboolean peered = g_rand_int_range(rand, 0, 100) < 75;
  ret_networks[0] = make_network(rand, 0, peered);
  ret_networks[1] = make_network(rand, 1, peered);
}

/* --- packets --- */

static int socket_in(Trial *trial, guint vpc, guint eni, WardenSocketKind kind, gboolean ipv6, guint16 port) {
  const Vpc *v = g_hash_table_lookup(trial->fabric->vpcs, vpc ? "vpc-b" : "vpc-a");
  const EniState *state = g_hash_table_lookup(v->enis, trial->networks[vpc]->enis[eni].id);
  WardenSocket spec = {.kind = kind, .ipv6 = ipv6, .port = port};
  int fd = -1;
  must(warden_socket(trial->warden, state->netns, &spec, &fd));
  return fd;
}

static void open_listeners(Trial *trial) {
  for (guint vpc = 0; vpc < 2; vpc++)
    for (guint eni = 0; eni < ORDINARY; eni++)
      for (gsize i = 0; i < G_N_ELEMENTS(ports); i++)
        for (int v6 = 0; v6 < (eni < 3 ? 2 : 1); v6++) {
          trial->listening[vpc][eni].tcp[i][v6] = socket_in(trial, vpc, eni, WARDEN_SOCKET_TCP, v6, ports[i]);
          trial->listening[vpc][eni].udp[i][v6] = socket_in(trial, vpc, eni, WARDEN_SOCKET_UDP, v6, ports[i]);
        }
}

typedef struct Shot {
  guint vpc, eni;
  Packet packet;
  Verdict verdict;
  int fd;
  struct sockaddr_storage to;
  socklen_t to_size;
} Shot;

static Ip random_destination(Trial *trial, Arena *arena) {
  Maker m = {trial->rand, trial->networks[0], 0, FALSE};
  static const char *const others[] = {"198.18.1.1", "198.18.16.1", "198.18.32.1", "198.18.70.1", "192.0.2.7", "9.9.9.9", "2620:fe::9", "10.0.1.200", "10.1.2.200", "2001:db8:a::1", "2001:db8:4000:1::77"};
  Ip address = {0};
  (void) arena;
  if (chance(&m, 30)) {
    ip_parse(others[below(&m, G_N_ELEMENTS(others))], &address);
    return address;
  }
  const Eni *eni = &trial->networks[below(&m, 2)]->enis[below(&m, ENIS)];
  if (eni->kind == ENI_NAT)
    eni--;
  return eni->n_more && chance(&m, 50) ? eni->more[0].address : ip_of4(eni->address);
}

static void aim(Trial *trial, Arena *arena, Shot *shot) {
  Maker m = {trial->rand, trial->networks[0], 0, FALSE};
  static const int protocols[] = {6, 6, 6, 17, 1};
  shot->vpc = below(&m, 2);
  shot->eni = below(&m, ORDINARY);
  shot->packet = (Packet){.eni = trial->networks[shot->vpc]->enis[shot->eni].id, .destination = random_destination(trial, arena),
                          .protocol = protocols[below(&m, G_N_ELEMENTS(protocols))], .port = ports[below(&m, G_N_ELEMENTS(ports))]};
  gboolean v6 = !ip_is4(shot->packet.destination);
  if (shot->packet.protocol == 1)
    shot->packet = (Packet){.eni = shot->packet.eni, .destination = shot->packet.destination, .protocol = v6 ? 58 : 1, .port = v6 ? 128 << 8 : 8 << 8};
  must(reach_walk(trial->networks[shot->vpc], &shot->packet, arena, &shot->verdict));
}

static void address_to(Shot *shot) {
  guint8 bytes[16];
  ip_bytes(shot->packet.destination, bytes);
  guint16 port = shot->packet.protocol == 6 || shot->packet.protocol == 17 ? htons(shot->packet.port) : 0;
  if (ip_is4(shot->packet.destination)) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
    memcpy(&v4.sin_addr, bytes, 4);
    memcpy(&shot->to, &v4, shot->to_size = sizeof v4);
  } else {
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
    memcpy(&v6.sin6_addr, bytes, 16);
    memcpy(&shot->to, &v6, shot->to_size = sizeof v6);
  }
}

/* So that every packet's drop is logged: the rules log a flow a few times a second only. */
static void forget_seen(Trial *trial) {
  for (int i = 0; i < 2; i++) {
    const Vpc *vpc = g_hash_table_lookup(trial->fabric->vpcs, i ? "vpc-b" : "vpc-a");
    must(warden_nft(trial->warden, vpc->router, "flush set inet vpc seen\nflush set inet vpc seen6\n"));
  }
  g_mutex_lock(&trial->fabric->lock);
  trial->fabric->n_drops = 0;
  g_mutex_unlock(&trial->fabric->lock);
}

static void fire(Trial *trial, Shot *shot) {
  gboolean v6 = !ip_is4(shot->packet.destination);
  int protocol = shot->packet.protocol;
  address_to(shot);
  shot->fd = socket_in(trial, shot->vpc, shot->eni, protocol == 6 ? WARDEN_SOCKET_TCP : protocol == 17 ? WARDEN_SOCKET_UDP : WARDEN_SOCKET_PING, v6, 0);
  connect(shot->fd, (struct sockaddr *) &shot->to, shot->to_size);
  guint8 echo[16] = {v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO, [6] = (guint8) (trial->sent >> 8), [7] = (guint8) trial->sent};
  if (protocol == 17)
    send(shot->fd, "?", 1, MSG_NOSIGNAL);
  else if (protocol != 6)
    send(shot->fd, echo, sizeof echo, MSG_NOSIGNAL);
}

/* The receiver of a datagram answers. */
static void answer_datagrams(Trial *trial, const Shot *shot) {
  const Eni *receiver = shot->verdict.receiver;
  for (guint vpc = 0; shot->packet.protocol == 17 && vpc < 2; vpc++)
    for (guint eni = 0; eni < ORDINARY; eni++)
      for (gsize i = 0; i < G_N_ELEMENTS(ports) && receiver; i++) {
        if (&trial->networks[vpc]->enis[eni] != receiver || ports[i] != shot->packet.port)
          continue;
        char byte;
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        struct iovec part = {&byte, 1};
        char control[128];
        struct msghdr message = {.msg_name = &from, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        int fd = trial->listening[vpc][eni].udp[i][!ip_is4(shot->packet.destination)];
        if (recvmsg(fd, &message, MSG_DONTWAIT) == 1) {   /* the control message sends the reply from the address that was asked */
          for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
            if (c->cmsg_level == IPPROTO_IP)
              ((struct in_pktinfo *) CMSG_DATA(c))->ipi_ifindex = 0, ((struct in_pktinfo *) CMSG_DATA(c))->ipi_spec_dst = ((struct in_pktinfo *) CMSG_DATA(c))->ipi_addr;
          sendmsg(fd, &message, MSG_NOSIGNAL);
        }
      }
}

/* 1: it was answered (or refused by who it was for), 0: not yet. */
static gboolean is_answered(const Shot *shot) {
  struct pollfd polled = {shot->fd, shot->packet.protocol == 6 ? POLLOUT : POLLIN, 0};
  if (poll(&polled, 1, 1) == 0)
    return FALSE;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(shot->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 || error == ECONNREFUSED;
}

static guint16 local_port(const Shot *shot) {
  struct sockaddr_storage local = {0};
  socklen_t size = sizeof local;
  getsockname(shot->fd, (struct sockaddr *) &local, &size);
  return ntohs(local.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &local)->sin6_port : ((struct sockaddr_in *) &local)->sin_port);
}

/* Without ports it may be an earlier flow's, say a reply that nobody waited for: it is to be from or to whom the shot is for, if that is an interface. */
static gboolean is_of_others(const Trial *trial, const Shot *shot, const char *aimed_at, const Drop *drop) {
  gboolean known = network_eni_ip(trial->networks[0], shot->packet.destination) || network_eni_ip(trial->networks[1], shot->packet.destination);
  return known && strcmp(drop->source, aimed_at) != 0 && strcmp(drop->destination, aimed_at) != 0;
}

/* The first drop of the shot's flow; what is left of earlier ones may still be about. */
static gboolean find_drop(Trial *trial, const Shot *shot, Drop *ret_drop) {
  g_autoptr(Arena) arena = arena_new();
  const char *aimed_at = ip_text(arena, shot->packet.destination);
  guint16 port = local_port(shot);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&trial->fabric->lock);
  for (guint64 i = 0; i < MIN(trial->fabric->n_drops, DROPS_KEPT); i++) {
    const Drop *drop = &trial->fabric->drops[i];
    gboolean ported = drop->protocol == IPPROTO_TCP || drop->protocol == IPPROTO_UDP;
    if (!ported && is_of_others(trial, shot, aimed_at, drop))
      continue;
    if (drop->protocol == shot->packet.protocol && (!ported || drop->source_port == port || drop->destination_port == port)) {
      *ret_drop = *drop;
      return TRUE;
    }
  }
  return FALSE;
}

static void complain(Trial *trial, const Shot *shot, Arena *arena, const char *happened) {
  GString *steps = g_string_new(NULL);
  for (gsize i = 0; i < shot->verdict.n_steps; i++)
    g_string_append_printf(steps, "\n  %s %s %s %s: %s", shot->verdict.steps[i].passed ? "+" : "-", shot->verdict.steps[i].vpc, reach_stages[shot->verdict.steps[i].stage].id,
                           shot->verdict.steps[i].rule, shot->verdict.steps[i].text);
  g_error("HAAR_SEED=%u: %s to %s protocol %d port %u: reach says %s, the kernel: %s%s", trial->seed, shot->packet.eni, ip_text(arena, shot->packet.destination),
          shot->packet.protocol, shot->packet.port, shot->verdict.delivered ? "delivered" : "dropped", happened, steps->str);
}

static gboolean same_rule(const Verdict *verdict, const Drop *drop, Arena *arena) {
  g_auto(GStrv) a = g_strsplit(verdict->rule, ",", -1), b = g_strsplit(drop->rule, ",", -1);   /* groups in any order */
  gboolean same = g_strv_length(a) == g_strv_length(b);
  (void) arena;
  for (char **at = a; same && *at; at++)
    same = g_strv_contains((const char *const *) b, *at);
  return same && verdict->stage == drop->stage && strcmp(verdict->network->vpc_id, drop->vpc_id) == 0;
}

/* A reply that another route takes elsewhere may be lost anywhere. */
static gboolean lost_on_return(const Shot *shot) {
  return !shot->verdict.delivered && shot->verdict.reply && shot->verdict.stage == STAGE_ROUTE;
}

static void compare(Trial *trial, const Shot *shot, Arena *arena, gboolean answered, const Drop *drop) {
  if (answered && !shot->verdict.delivered && !(lost_on_return(shot) && !ip_is4(shot->packet.destination)))   /* IPv6 finds back over the internet */
    complain(trial, shot, arena, "delivered");
  if (!answered && lost_on_return(shot))
    return;
  if (!answered && (shot->verdict.delivered || !same_rule(&shot->verdict, drop, arena)))
    complain(trial, shot, arena, arena_printf(arena, "dropped in %s at %s by '%s' (%s to %s)", drop->vpc_id, reach_stages[drop->stage].id, drop->rule, drop->source, drop->destination));
}

/* Whether it goes over the internet to a VPC again (reach follows it to the gateway only), or to nobody. */
static gboolean is_hairpin(const Trial *trial, const Shot *shot) {
  Range services = range(REACH_SERVICES), services6 = range(REACH_SERVICES6);
  gboolean served = range_has(&services, shot->packet.destination) || range_has(&services6, shot->packet.destination);
  gboolean ours = (shot->verdict.delivered && !served) ||network_eni_ip(trial->networks[0], shot->packet.destination) || network_eni_ip(trial->networks[1], shot->packet.destination);
  for (gsize i = 0; ours && i < shot->verdict.n_steps; i++)
    if (strstr(shot->verdict.steps[i].text, "gateway eigw") || strstr(shot->verdict.steps[i].text, "via igw"))
      return TRUE;
  return FALSE;
}

/* Whether nobody can see it arrive: an interface that forwards, a service's UDP (which nobody answers). */
static gboolean is_unseen(const Trial *trial, const Shot *shot) {
  const Verdict *verdict = &shot->verdict;
  if (is_hairpin(trial, shot))
    return TRUE;
  gboolean forwarded = verdict->receiver && verdict->receiver->kind == ENI_ORDINARY && !eni_has_ip(verdict->receiver, shot->packet.destination);
  return (verdict->delivered || verdict->reply) && (forwarded || ((!verdict->receiver || verdict->receiver->kind != ENI_ORDINARY) && shot->packet.protocol != 6));
}

static void shoot(Trial *trial) {
  g_autoptr(Arena) arena = arena_new();
  Shot shot = {0};
  Drop drop = {0};
  gboolean answered = FALSE, dropped = FALSE;
  aim(trial, arena, &shot);
  trial->sent++;
  if (is_unseen(trial, &shot) || (!shot.verdict.delivered && g_strcmp0(shot.verdict.rule, "family") == 0)) {
    trial->unseen++;
    return;
  }
  forget_seen(trial);
  fire(trial, &shot);
  gint64 until = clock_monotonic_us() + (lost_on_return(&shot) ? LOST_MS : WAIT_MS) * 1000;
  while (!answered && !dropped && clock_monotonic_us() < until) {
    answer_datagrams(trial, &shot);
    answered = is_answered(&shot);
    dropped = !answered && find_drop(trial, &shot, &drop);
  }
  close(shot.fd);
  if (!answered && !dropped && !lost_on_return(&shot))
    complain(trial, &shot, arena, "nothing at all");
  trial->delivered += answered;
  compare(trial, &shot, arena, answered, &drop);
}

/* --- rounds --- */

static void drain_listeners(Trial *trial) {
  for (guint vpc = 0; vpc < 2; vpc++)
    for (guint eni = 0; eni < ORDINARY; eni++)
      for (gsize i = 0; i < G_N_ELEMENTS(ports); i++)
        for (int v6 = 0; v6 < (eni < 3 ? 2 : 1); v6++) {
          int fd;
          char byte;
          while ((fd = accept(trial->listening[vpc][eni].tcp[i][v6], NULL, NULL)) >= 0)
            close(fd);
          while (recv(trial->listening[vpc][eni].udp[i][v6], &byte, 1, MSG_DONTWAIT) > 0) {}
        }
  for (guint i = 0; i < trial->edge->len; i++) {
    int fd, listener = g_array_index(trial->edge, int, i);
    while (listener >= 0 && (fd = accept(listener, NULL, NULL)) >= 0)
      close(fd);
  }
}

/* What many changes have left is what one makes from nothing. */
static void check_sum(Trial *trial, guint vpc) {
  Vpc *v = g_hash_table_lookup(trial->fabric->vpcs, vpc ? "vpc-b" : "vpc-a");
  g_autoptr(Rules) fresh = rules_new();
  g_autoptr(GHashTable) foreign = parts_foreign_groups(v->network);
  parts_put(fresh, &v->numbers, NULL, v->network, NULL);
  const Network *peer = trial->networks[1 - vpc];
  for (gsize i = 0; g_hash_table_size(v->links) && i < peer->n_enis; i++)
    parts_put_foreign(fresh, peer->enis[i].id, &peer->enis[i], foreign);
  g_autofree char *want = rules_text(fresh), *have = rules_text(v->rules);
  if (strcmp(want, have) != 0)
    g_error("HAAR_SEED=%u: the rules of %s are not those made from nothing\n--- are\n%s\n--- should be\n%s", trial->seed, v->id, have, want);
}

static void play(Trial *trial, guint32 seed, gboolean first) {
  Network *given[2];
  trial->seed = seed;
  make_both(seed, given);
  make_both(seed, trial->networks);
  network_add_peer(trial->networks[0], trial->networks[1]);
  network_add_peer(trial->networks[1], trial->networks[0]);
  fabric_apply(trial->fabric, given[0]);
  fabric_apply(trial->fabric, given[1]);
  must(fabric_sync(trial->fabric));
  if (first)
    open_listeners(trial);
  check_sum(trial, 0);
  check_sum(trial, 1);
  for (guint i = 0; i < PACKETS; i++)
    shoot(trial);
  drain_listeners(trial);
  network_free(trial->networks[0]);
  network_free(trial->networks[1]);
}

static guint number_of(const char *variable, guint otherwise) {
  const char *text = g_getenv(variable);
  return text ? (guint) g_ascii_strtoull(text, NULL, 10) : otherwise;
}

static void test_agree(gconstpointer data) {
  Trial *trial = (Trial *) data;
  guint rounds = number_of("HAAR_ROUNDS", 12);
  guint32 seed = number_of("HAAR_SEED", g_random_int());
  g_test_message("HAAR_SEED=%u HAAR_ROUNDS=%u", seed, rounds);
  for (guint i = 0; i < rounds; i++) {
    trial->rand = g_rand_new_with_seed(seed + i);
    play(trial, seed + i, i == 0);
    g_rand_free(trial->rand);
  }
  g_test_message("%u networks from seed %u: %u packets, %u delivered, %u not to be seen", rounds, seed, trial->sent, trial->delivered, trial->unseen);
  g_assert_cmpuint(trial->delivered, >, rounds);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  Trial trial = {.edge = g_array_new(FALSE, FALSE, sizeof(int))};
  g_autofree char *reason = NULL;
  must(warden_start(&trial.warden, &reason));
  if (!trial.warden) {
    g_print("1..0 # SKIP %s\n", reason);
    return 0;
  }
  FabricHooks hooks = {&trial, listen_hook, unlisten_hook};
  must(fabric_new(trial.warden, "us-east-1", &hooks, &trial.fabric));
  must(fabric_start(trial.fabric));
  g_test_add_data_func("/fabric/agree", &trial, test_agree);
  int bad = g_test_run();
  fabric_free(trial.fabric);
  warden_free(trial.warden);
  g_array_unref(trial.edge);
  return bad;
}
