/* Real packets through real rules. Where namespaces are forbidden it says so and skips. */
#include "fabric/egress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Bench {
  Warden *warden;
  Fabric *fabric;
  GPtrArray *listeners;   /* Heard * */
} Bench;

typedef struct Heard { int fd; char *vpc_id, *endpoint_id; gboolean tls; } Heard;

static void must(Error *error) {
  if (error)
    g_error("%s:%d %s", error->file, error->line, error->message);
}

static void heard_free(gpointer data) {
  Heard *heard = data;
  g_free(heard->vpc_id);
  g_free(heard->endpoint_id);
  g_free(heard);
}

static guint listen_hook(gpointer data, int fd, const char *vpc_id, const char *endpoint_id, gboolean tls) {
  Bench *bench = data;
  Heard *heard = g_new0(Heard, 1);
  *heard = (Heard){fd, g_strdup(vpc_id), g_strdup(endpoint_id), tls};
  g_ptr_array_add(bench->listeners, heard);
  return bench->listeners->len;
}

static void unlisten_hook(gpointer data, guint id) {
  Heard *heard = ((Bench *) data)->listeners->pdata[id - 1];
  close(heard->fd);
  heard->fd = -1;
}

static guint32 ip(const char *text) {
  guint32 address = 0;
  g_assert_true(address_parse(text, &address));
  return address;
}

static Cidr cidr(const char *text) {
  Cidr cidr = {0};
  g_assert_true(cidr_parse(text, &cidr));
  return cidr;
}

static Range range(const char *text) {
  Range range = {0};
  g_assert_true(range_parse(text, &range));
  return range;
}

#define SET(member, array) n->member = arena_memdup(a, array, sizeof array), n->n_##member = G_N_ELEMENTS(array)

/* The payment stack's network: functions and a database in private subnets, gateway endpoints, an interface endpoint; and a public subnet with
 * a NAT gateway, an interface with a public address and one without. */
static Network *example(const char *vpc_id) {
  static const char *app[] = {"sg-app"}, *db[] = {"sg-db"}, *endpoint[] = {"sg-vpce"}, *mute[] = {"sg-mute"};
  Network *n = network_new(vpc_id);
  Arena *a = n->arena;
  Cidr all = cidr("10.0.0.0/16");
  Range s3 = range(REACH_S3), dynamodb = range(REACH_DYNAMODB), any = range("0.0.0.0/0");
  n->cidrs = (CidrList){1, arena_memdup(a, &all, sizeof all)};
  n->dns_support = n->dns_hostnames = TRUE;
  n->internet = INTERNET_NONE;
  n->internet_gateway = "igw-1";
  Subnet subnets[] = {{"subnet-pub", "us-east-1a", cidr("10.0.1.0/24"), "rtb-pub", "acl-all"},
                      {"subnet-a", "us-east-1a", cidr("10.0.10.0/24"), "rtb-priv", "acl-all"},
                      {"subnet-b", "us-east-1b", cidr("10.0.20.0/24"), "rtb-nat", "acl-b"},
                      {"subnet-iso", "us-east-1b", cidr("10.0.30.0/24"), "rtb-iso", "acl-all"}};
  Route out[] = {{any, NULL, TARGET_INTERNET_GATEWAY, "igw-1"}};
  Route priv[] = {{{{0, 0}, 0}, "pl-s3", TARGET_GATEWAY_ENDPOINT, "vpce-s3"}, {{{0, 0}, 0}, "pl-ddb", TARGET_GATEWAY_ENDPOINT, "vpce-ddb"},
                  {range("192.0.2.0/24"), NULL, TARGET_BLACKHOLE, "nat-gone"}};
  Route nat[] = {{any, NULL, TARGET_NAT_GATEWAY, "nat-1"}};
  RouteTable tables[] = {{"rtb-pub", 1, arena_memdup(a, out, sizeof out)}, {"rtb-priv", 3, arena_memdup(a, priv, sizeof priv)},
                         {"rtb-nat", 1, arena_memdup(a, nat, sizeof nat)}, {"rtb-iso", 0, NULL}};
  GroupRule app_rules[] = {{"sgr-1", TRUE, -1, -1, -1, PEER_CIDR, any, NULL}};
  GroupRule db_rules[] = {{"sgr-2", FALSE, 6, 3306, 3306, PEER_GROUP, {{0, 0}, 0}, "sg-app"}, {"sgr-3", FALSE, 6, 22, 22, PEER_CIDR, any, NULL}};
  GroupRule vpce_rules[] = {{"sgr-4", FALSE, 6, 443, 443, PEER_GROUP, {{0, 0}, 0}, "sg-app"}};
  SecurityGroup groups[] = {{"sg-app", "app", 1, arena_memdup(a, app_rules, sizeof app_rules)}, {"sg-db", "db", 2, arena_memdup(a, db_rules, sizeof db_rules)},
                            {"sg-vpce", "vpce", 1, arena_memdup(a, vpce_rules, sizeof vpce_rules)}, {"sg-mute", "mute", 0, NULL}};
  AclEntry open_entries[] = {{100, TRUE, TRUE, -1, -1, -1, any}, {100, FALSE, TRUE, -1, -1, -1, any}};
  AclEntry b_entries[] = {{90, FALSE, FALSE, 6, 22, 22, range("10.0.10.0/24")}, {100, TRUE, TRUE, -1, -1, -1, any}, {100, FALSE, TRUE, -1, -1, -1, any}};
  NetworkAcl acls[] = {{"acl-all", 2, arena_memdup(a, open_entries, sizeof open_entries)}, {"acl-b", 3, arena_memdup(a, b_entries, sizeof b_entries)}};
  Eni enis[] = {
    {.id = "eni-fn", .subnet = "subnet-a", .address = ip("10.0.10.5"), .n_groups = 1, .groups = app},
    {.id = "eni-fn2", .subnet = "subnet-a", .address = ip("10.0.10.6"), .n_groups = 1, .groups = app},
    {.id = "eni-mute", .subnet = "subnet-a", .address = ip("10.0.10.7"), .n_groups = 1, .groups = mute},
    {.id = "eni-db", .subnet = "subnet-b", .address = ip("10.0.20.5"), .n_groups = 1, .groups = db},
    {.id = "eni-nat-user", .subnet = "subnet-b", .address = ip("10.0.20.6"), .n_groups = 1, .groups = app},
    {.id = "eni-iso", .subnet = "subnet-iso", .address = ip("10.0.30.5"), .n_groups = 1, .groups = app},
    {.id = "eni-pub", .subnet = "subnet-pub", .address = ip("10.0.1.5"), .public_address = ip("198.18.128.5"), .n_groups = 1, .groups = app},
    {.id = "eni-nopub", .subnet = "subnet-pub", .address = ip("10.0.1.6"), .n_groups = 1, .groups = app},
    {.id = "eni-nat", .subnet = "subnet-pub", .kind = ENI_NAT, .owner = "nat-1", .address = ip("10.0.1.7"), .public_address = ip("198.18.128.7")},
    {.id = "eni-vpce", .subnet = "subnet-a", .kind = ENI_ENDPOINT, .owner = "vpce-sm", .address = ip("10.0.10.50"), .n_groups = 1, .groups = endpoint}};
  Endpoint endpoints[] = {{"vpce-s3", TRUE, "s3", "pl-s3", FALSE}, {"vpce-ddb", TRUE, "dynamodb", "pl-ddb", FALSE},
                          {"vpce-sm", FALSE, "secretsmanager", NULL, TRUE}};
  PrefixList lists[] = {{"pl-s3", "com.amazonaws.us-east-1.s3", {1, arena_memdup(a, &s3, sizeof s3)}},
                        {"pl-ddb", "com.amazonaws.us-east-1.dynamodb", {1, arena_memdup(a, &dynamodb, sizeof dynamodb)}}};
  SET(subnets, subnets), SET(route_tables, tables), SET(groups, groups), SET(acls, acls), SET(enis, enis), SET(endpoints, endpoints), SET(prefix_lists, lists);
  return n;
}

static int connect_start(Bench *bench, const char *eni, const char *to, guint16 port) {
  int fd = -1;
  must(fabric_socket_in(bench->fabric, eni, &fd));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip(to))};
  connect(fd, (struct sockaddr *) &address, sizeof address);
  return fd;
}

/* 1: connected, 0: still trying, -1: refused. */
static int connect_state(int fd) {
  struct pollfd polled = {fd, POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  if (poll(&polled, 1, 1) == 0)
    return 0;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error ? -1 : 1;
}

static gboolean drop_of(Bench *bench, int fd, const char *to, guint16 port, Drop *ret_drop) {
  struct sockaddr_in local;
  socklen_t size = sizeof local;
  getsockname(fd, (struct sockaddr *) &local, &size);
  g_autofree Drop *drops = NULL;
  guint n = 0;
  fabric_drops(bench->fabric, NULL, 0, 1000, &drops, &n);
  for (guint i = 0; i < n; i++)
    if (strcmp(drops[i].destination, to) == 0 && drops[i].destination_port == port && drops[i].source_port == ntohs(local.sin_port)) {
      *ret_drop = drops[i];
      return TRUE;
    }
  return FALSE;
}

/* TRUE: connected. FALSE: dropped, and the record of it. */
static gboolean reaches(Bench *bench, const char *eni, const char *to, guint16 port, Drop *ret_drop) {
  int fd = connect_start(bench, eni, to, port), state = 0;
  gboolean dropped = FALSE;
  for (int i = 0; i < 5000 && state == 0 && !dropped; i++) {
    state = connect_state(fd);
    dropped = state == 0 && drop_of(bench, fd, to, port, ret_drop);
  }
  close(fd);
  g_test_message("%s to %s:%u: %s %s", eni, to, port, state == 1 ? "connected" : dropped ? "dropped at" : "?", dropped ? ret_drop->rule : "");
  g_assert_true(state == 1 || dropped);
  return state == 1;
}

typedef struct Case { const char *eni, *to; guint16 port; gboolean reached; ReachStage stage; const char *rule; } Case;

static const Case cases[] = {
  {"eni-fn", "10.0.20.5", 3306, TRUE, 0, NULL},                        /* function to database */
  {"eni-fn", "10.0.20.5", 3307, FALSE, STAGE_GROUP_IN, "sg-db"},
  {"eni-fn", "10.0.20.5", 22, FALSE, STAGE_ACL_IN, "acl-b:90"},        /* the group allows it, the ACL does not */
  {"eni-fn", "10.0.10.6", 8080, FALSE, STAGE_GROUP_IN, "sg-app"},      /* the same subnet: groups hold, ACLs do not */
  {"eni-mute", "10.0.20.5", 3306, FALSE, STAGE_GROUP_OUT, "sg-mute"},
  {"eni-fn", "198.18.16.1", 443, TRUE, 0, NULL},                       /* S3 through the gateway endpoint */
  {"eni-fn", "198.18.32.1", 443, TRUE, 0, NULL},
  {"eni-fn", "198.18.1.1", 443, FALSE, STAGE_ROUTE, "rtb-priv"},       /* nothing else */
  {"eni-iso", "198.18.32.1", 443, FALSE, STAGE_ROUTE, "rtb-iso"},
  {"eni-fn", "192.0.2.1", 443, FALSE, STAGE_ROUTE, "blackhole"},
  {"eni-fn", "10.0.99.9", 443, FALSE, STAGE_ROUTE, "local"},
  {"eni-fn", "10.0.10.50", 443, TRUE, 0, NULL},                        /* interface endpoint */
  {"eni-iso", "10.0.10.50", 443, TRUE, 0, NULL},
  {"eni-db", "10.0.10.50", 443, FALSE, STAGE_GROUP_OUT, "sg-db"},
  {"eni-pub", "198.18.1.1", 443, TRUE, 0, NULL},                       /* internet gateway, public address */
  {"eni-nopub", "198.18.1.1", 443, FALSE, STAGE_ROUTE, "igw"},
  {"eni-nat-user", "198.18.1.1", 443, TRUE, 0, NULL},                  /* NAT gateway */
  {"eni-pub", "9.9.9.9", 443, FALSE, STAGE_DELIVER, "internet"},       /* nothing is behind the gateway */
  {"eni-nat-user", "9.9.9.9", 443, FALSE, STAGE_DELIVER, "internet"},  /* its sender's, not the NAT gateway's */
  {"eni-pub", "172.16.3.4", 443, FALSE, STAGE_DELIVER, "private"},
};

static int listen_in(Bench *bench, const char *eni, const char *address, guint16 port) {
  int fd = -1;
  must(fabric_listen_in(bench->fabric, eni, address, port, &fd));
  return fd;
}

/* The kernel does what the tables say, and reach says the same without a kernel. */
static void test_verdicts(gconstpointer data) {
  Bench *bench = (Bench *) data;
  must(fabric_sync(bench->fabric));
  int listeners[] = {listen_in(bench, "eni-db", "10.0.20.5", 3306), listen_in(bench, "eni-db", "10.0.20.5", 22)};
  g_autoptr(Network) network = example("vpc-1");
  g_autoptr(Arena) arena = arena_new();
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    const Case *c = &cases[i];
    Drop drop;
    Verdict verdict;
    Packet packet = {.eni = c->eni, .destination = ip_of4(ip(c->to)), .protocol = 6, .port = c->port};
    must(reach_walk(network, &packet, arena, &verdict));
    g_assert_cmpint(reaches(bench, c->eni, c->to, c->port, &drop), ==, c->reached);
    g_assert_cmpint(verdict.delivered, ==, c->reached);
    if (c->reached)
      continue;
    g_assert_cmpstr(reach_stages[drop.stage].id, ==, reach_stages[c->stage].id);
    g_assert_cmpstr(drop.rule, ==, c->rule);
    g_assert_cmpstr(drop.eni_id, ==, c->eni);
    g_assert_cmpstr(verdict.rule, ==, c->rule);
  }
  close(listeners[0]), close(listeners[1]);
}

static const Heard *heard(Bench *bench, const char *endpoint_id, gboolean tls) {
  for (guint i = 0; i < bench->listeners->len; i++) {
    const Heard *h = bench->listeners->pdata[i];
    if (h->fd >= 0 && h->tls == tls && g_strcmp0(h->endpoint_id, endpoint_id) == 0)
      return h;
  }
  g_error("no listener for %s", endpoint_id);
}

/* Empties a listener's queue; then the connection that comes next is this test's. */
static void drain(int fd) {
  int accepted;
  while ((accepted = accept(fd, NULL, NULL)) >= 0)
    close(accepted);
}

/* The listener that a connection arrives on says the endpoint; the peer's address is the interface's, or its public one. */
static void test_identity(gconstpointer data) {
  Bench *bench = (Bench *) data;
  static const struct { const char *eni, *to, *endpoint, *peer; } ways[] = {
    {"eni-fn", "198.18.32.1", "vpce-ddb", "10.0.10.5"},
    {"eni-fn", "198.18.16.1", "vpce-s3", "10.0.10.5"},
    {"eni-fn2", "10.0.10.50", "vpce-sm", "10.0.10.6"},
    {"eni-pub", "198.18.16.1", NULL, "198.18.128.5"},
    {"eni-nat-user", "198.18.1.1", NULL, "198.18.128.7"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
    const Heard *listener = heard(bench, ways[i].endpoint, TRUE);
    drain(listener->fd);
    int fd = connect_start(bench, ways[i].eni, ways[i].to, 443), accepted = -1;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    for (int attempt = 0; attempt < 5000 && accepted < 0; attempt++) {
      accepted = accept(listener->fd, (struct sockaddr *) &peer, &size);
      if (accepted < 0)
        g_usleep(1000);
    }
    g_assert_cmpint(accepted, >=, 0);
    g_assert_cmpuint(ntohl(peer.sin_addr.s_addr), ==, ip(ways[i].peer));
    g_assert_cmpstr(listener->vpc_id, ==, ways[i].endpoint ? "vpc-1" : NULL);
    close(accepted), close(fd);
  }
}

/* Groups track connections: a flow outlives its rule. ACLs do not. */
static void test_established(gconstpointer data) {
  Bench *bench = (Bench *) data;
  int listener = listen_in(bench, "eni-db", "10.0.20.5", 3306), accepted = -1;
  int fd = connect_start(bench, "eni-fn", "10.0.20.5", 3306);
  for (int i = 0; i < 5000 && accepted < 0; i++) {
    accepted = accept(listener, NULL, NULL);
    if (accepted < 0)
      g_usleep(1000);
  }
  Network *changed = example("vpc-1");
  changed->groups[1].n_rules = 0;
  fabric_apply(bench->fabric, changed);
  must(fabric_sync(bench->fabric));
  Drop drop;
  char byte = 0;
  g_assert_cmpint(send(fd, "x", 1, MSG_NOSIGNAL), ==, 1);
  for (int i = 0; i < 5000 && byte == 0; i++)
    if (recv(accepted, &byte, 1, MSG_DONTWAIT) < 0)
      g_usleep(1000);
  g_assert_cmpint(byte, ==, 'x');
  g_assert_false(reaches(bench, "eni-fn", "10.0.20.5", 3306, &drop));
  g_assert_cmpint(drop.stage, ==, STAGE_GROUP_IN);
  changed = example("vpc-1");
  changed->acls[1].n_entries = 0;
  fabric_apply(bench->fabric, changed);
  must(fabric_sync(bench->fabric));
  gboolean dropped = FALSE;
  g_assert_cmpint(send(fd, "y", 1, MSG_NOSIGNAL), ==, 1);
  for (int i = 0; i < 5000 && !dropped; i++, g_usleep(1000))
    dropped = drop_of(bench, fd, "10.0.20.5", 3306, &drop) && strcmp(drop.rule, "acl-b:*") == 0;
  g_assert_true(dropped);
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
  close(fd), close(accepted), close(listener);
}

static void test_cut_zone(gconstpointer data) {
  Bench *bench = (Bench *) data;
  int listener = listen_in(bench, "eni-db", "10.0.20.5", 3306);
  Drop drop;
  fabric_fault_set(bench->fabric, &(FabricFault){.name = "outage", .kind = FABRIC_CUT, .target = "us-east-1b"});
  must(fabric_sync(bench->fabric));
  g_assert_false(reaches(bench, "eni-fn", "10.0.20.5", 3306, &drop));
  g_assert_cmpint(drop.stage, ==, STAGE_FAULT);
  fabric_fault_remove(bench->fabric, "outage");
  must(fabric_sync(bench->fabric));
  g_assert_true(reaches(bench, "eni-fn", "10.0.20.5", 3306, &drop));
  close(listener);
}

static gint64 connects_in_us(Bench *bench, const char *eni, const char *to, guint16 port) {
  Drop drop;
  gint64 begin = clock_monotonic_us();
  g_assert_true(reaches(bench, eni, to, port, &drop));
  return clock_monotonic_us() - begin;
}

/* Each packet is late once, and what is refused is refused at once and named as ever; slots are counted. */
static void test_latency(gconstpointer data) {
  Bench *bench = (Bench *) data;
  int listener = listen_in(bench, "eni-db", "10.0.20.5", 3306);
  Drop drop;
  fabric_fault_set(bench->fabric, &(FabricFault){.name = "slow", .kind = FABRIC_LATENCY, .target = "us-east-1a", .other = "us-east-1b", .value = 60, .jitter = 5});
  fabric_fault_set(bench->fabric, &(FabricFault){.name = "slower", .kind = FABRIC_LATENCY, .target = "eni-db", .value = 20});
  must(fabric_sync(bench->fabric));
  g_assert_cmpint(connects_in_us(bench, "eni-fn", "10.0.20.5", 3306), >=, 150000);
  g_assert_false(reaches(bench, "eni-fn", "10.0.20.5", 3307, &drop));
  g_autoptr(Arena) arena = arena_new();
  Network *network = example("vpc-1");
  Verdict verdict;
  must(reach_walk(network, &(Packet){.eni = "eni-fn", .destination = ip_of4(ip("10.0.20.5")), .protocol = 6, .port = 3307}, arena, &verdict));
  g_assert_cmpint(drop.stage, ==, verdict.stage);
  network_free(network);
  fabric_fault_remove(bench->fabric, "slow");
  must(fabric_sync(bench->fabric));
  g_assert_cmpint(connects_in_us(bench, "eni-fn", "10.0.20.5", 3306), >=, 40000);
  for (int i = 0; i < 8; i++) {
    g_autofree char *name = g_strdup_printf("another %d", i);
    fabric_fault_set(bench->fabric, &(FabricFault){.name = name, .kind = FABRIC_LATENCY, .target = "eni-db", .value = 1});
  }
  g_autoptr(Error) full = fabric_sync(bench->fabric);
  g_assert_true(error_is(full, "LimitExceeded"));
  fabric_fault_remove(bench->fabric, "slower");
  for (int i = 0; i < 8; i++) {
    g_autofree char *name = g_strdup_printf("another %d", i);
    fabric_fault_remove(bench->fabric, name);
  }
  must(fabric_sync(bench->fabric));
  g_assert_true(reaches(bench, "eni-fn", "10.0.20.5", 3306, &drop));
  close(listener);
}

/* The fault profile: replies need rules too, so a group without egress answers nobody. */
static void test_stateless_groups(gconstpointer data) {
  Bench *bench = (Bench *) data;
  int listener = listen_in(bench, "eni-db", "10.0.20.5", 3306);
  Network *network = example("vpc-1");
  network->stateless_groups = TRUE;
  fabric_apply(bench->fabric, network);
  must(fabric_sync(bench->fabric));
  int fd = connect_start(bench, "eni-fn", "10.0.20.5", 3306);
  gboolean seen = FALSE;
  for (int i = 0; i < 5000 && !seen; i++, g_usleep(1000)) {
    g_autofree Drop *drops = NULL;
    guint n = 0;
    fabric_drops(bench->fabric, "vpc-1", 0, 10, &drops, &n);
    for (guint j = 0; j < n; j++)
      seen = seen || (drops[j].source_port == 3306 && drops[j].stage == STAGE_GROUP_OUT && strcmp(drops[j].rule, "sg-db") == 0);
  }
  g_assert_true(seen);
  g_assert_cmpint(connect_state(fd), ==, 0);
  close(fd), close(listener);
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
}

/* A second VPC with the same addresses: nothing mixes. */
static void test_overlap(gconstpointer data) {
  Bench *bench = (Bench *) data;
  Network *other = example("vpc-2");
  static const char *ids[] = {"x-fn", "x-fn2", "x-mute", "x-db", "x-nat-user", "x-iso", "x-pub", "x-nopub", "x-nat", "x-vpce"};
  for (gsize i = 0; i < other->n_enis; i++) {
    other->enis[i].id = ids[i];
    other->enis[i].public_address = 0;
  }
  other->endpoints[1].id = "vpce-ddb2";
  ((Route *) other->route_tables[1].routes)[1].target_id = "vpce-ddb2";
  fabric_apply(bench->fabric, other);
  must(fabric_sync(bench->fabric));
  drain(heard(bench, "vpce-ddb", TRUE)->fd);
  Drop drop;
  g_assert_true(reaches(bench, "x-fn", "198.18.32.1", 443, &drop));
  int accepted = accept(heard(bench, "vpce-ddb2", TRUE)->fd, NULL, NULL);
  g_assert_cmpint(accepted, >=, 0);
  g_assert_cmpint(accept(heard(bench, "vpce-ddb", TRUE)->fd, NULL, NULL), <, 0);
  close(accepted);
  g_assert_true(reaches(bench, "x-fn", "10.0.10.50", 443, &drop));
  g_assert_false(reaches(bench, "x-nopub", "198.18.1.1", 443, &drop));
  g_assert_cmpstr(drop.vpc_id, ==, "vpc-2");
  fabric_remove(bench->fabric, "vpc-2");
  must(fabric_sync(bench->fabric));
  g_assert_true(reaches(bench, "eni-fn", "10.0.10.50", 443, &drop));
}

static char *resolved(Bench *bench, const char *vpc_id, const char *name) {
  g_auto(GStrv) addresses = fabric_resolve(bench->fabric, vpc_id, name);
  return g_strjoinv(",", addresses);
}

static void test_names(gconstpointer data) {
  Bench *bench = (Bench *) data;
  const char *addresses[] = {"10.0.20.5", NULL};
  fabric_name_set(bench->fabric, "pay.cluster-1.us-east-1.rds.amazonaws.com", addresses, NULL, 5);
  fabric_name_set(bench->fabric, "alias.example", NULL, "pay.cluster-1.us-east-1.rds.amazonaws.com", 5);
  static const struct { const char *vpc, *name, *want; } names[] = {
    {"vpc-1", "secretsmanager.us-east-1.amazonaws.com", "10.0.10.50"},
    {"vpc-1", "SecretsManager.us-east-1.amazonaws.com", "10.0.10.50"},
    {"vpc-1", "vpce-sm-0a.secretsmanager.us-east-1.vpce.amazonaws.com", "10.0.10.50"},
    {"vpc-1", "dynamodb.us-east-1.amazonaws.com", "198.18.32.1"},
    {"vpc-1", "123456789012.ddb.us-east-1.amazonaws.com", "198.18.32.1"},
    {"vpc-1", "bucket.name.s3.us-east-1.amazonaws.com", "198.18.16.1"},
    {"vpc-1", "bucket.s3.amazonaws.com", "198.18.16.1"},
    {"vpc-1", "ip-10-0-10-5.ec2.internal", "10.0.10.5"},
    {"vpc-1", "ip-10-0-10-99.ec2.internal", ""},
    {"vpc-1", "pay.cluster-1.us-east-1.rds.amazonaws.com", "10.0.20.5"},
    {"vpc-1", "alias.example", "10.0.20.5"},
    {"vpc-1", "other.us-east-1.rds.amazonaws.com", ""},
    {"vpc-1", "example.com", ""},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *got = resolved(bench, names[i].vpc, names[i].name);
    g_test_message("%s: %s", names[i].name, got);
    g_assert_cmpstr(got, ==, names[i].want);
  }
  g_autofree char *outside = resolved(bench, NULL, "secretsmanager.us-east-1.amazonaws.com");
  g_assert_true(g_str_has_prefix(outside, "198.18."));
  fabric_name_remove(bench->fabric, "alias.example");
}

/* A query as glibc sends it; to the resolver of the VPC, from an interface whose groups allow nothing out. */
static gsize ask(Bench *bench, const char *eni, const char *server, guint8 type, guint8 *out, gsize size) {
  guint8 query[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 8, 'd', 'y', 'n', 'a', 'm', 'o', 'd', 'b', 9, 'u', 's', '-', 'e', 'a', 's', 't', '-', '1',
                    9, 'a', 'm', 'a', 'z', 'o', 'n', 'a', 'w', 's', 3, 'c', 'o', 'm', 0, 0, type, 0, 1};
  WardenSocket spec = {.kind = WARDEN_SOCKET_UDP};
  const Vpc *vpc = g_hash_table_lookup(bench->fabric->vpcs, "vpc-1");
  const EniState *state = g_hash_table_lookup(vpc->enis, eni);
  int fd = -1;
  must(warden_socket(bench->warden, state->netns, &spec, &fd));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(ip(server))};
  g_assert_cmpint(sendto(fd, query, sizeof query, 0, (struct sockaddr *) &address, sizeof address), ==, sizeof query);
  struct pollfd polled = {fd, POLLIN, 0};
  g_assert_cmpint(poll(&polled, 1, 5000), ==, 1);
  ssize_t n = recv(fd, out, size, 0);
  close(fd);
  return (gsize) n;
}

static void test_resolver(gconstpointer data) {
  Bench *bench = (Bench *) data;
  static const char *const servers[] = {"10.0.0.2", "169.254.169.253"};
  for (gsize i = 0; i < G_N_ELEMENTS(servers); i++) {
    guint8 answer[512];
    gsize n = ask(bench, "eni-mute", servers[i], 1, answer, sizeof answer);
    static const guint8 want[4] = {198, 18, 32, 1};
    g_assert_cmpuint(answer[3] & 15, ==, 0);
    g_assert_cmpuint(answer[7], ==, 1);
    g_assert_true(memcmp(answer + n - 4, want, 4) == 0);
    ask(bench, "eni-mute", servers[i], 28, answer, sizeof answer);
    g_assert_cmpuint(answer[3] & 15, ==, 0);
    g_assert_cmpuint(answer[7], ==, 0);
  }
}

static void test_outside(gconstpointer data) {
  Bench *bench = (Bench *) data;
  int netns = -1, fd = -1;
  must(fabric_outside_netns(bench->fabric, "fn-1", &netns));
  close(netns);
  must(fabric_listen_outside(bench->fabric, "fn-1", "127.0.0.1", 9001, &fd));
  close(fd);
  g_autofree char *conf = fabric_resolv_conf(bench->fabric, NULL);
  g_assert_nonnull(strstr(conf, "169.254.169.253"));
  fabric_outside_drop(bench->fabric, "fn-1");
  must(fabric_sync(bench->fabric));
}

/* The rules after many changes are the rules made from nothing. */
static void test_incremental(gconstpointer data) {
  Bench *bench = (Bench *) data;
  for (int i = 0; i < 5; i++) {
    Network *changed = example("vpc-1");
    changed->n_enis = 2 + (gsize) i;
    changed->groups[1].n_rules = (gsize) i % 2;
    changed->n_route_tables = 4;
    fabric_apply(bench->fabric, changed);
  }
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
  Vpc *vpc = g_hash_table_lookup(bench->fabric->vpcs, "vpc-1");
  g_autoptr(Network) network = example("vpc-1");
  g_autoptr(Rules) fresh = rules_new();
  parts_put(fresh, &vpc->numbers, NULL, network, NULL);
  g_autofree char *want = rules_text(fresh), *have = rules_text(vpc->rules);
  g_assert_cmpstr(have, ==, want);
  test_verdicts(data);
}

/* vpc-1 with this many rules of the database's group: all out, 3306 in from everywhere. */
static Network *with_open_group(gsize n_rules) {
  Network *network = example("vpc-1");
  GroupRule rules[] = {{"sgr-out", TRUE, -1, -1, -1, PEER_CIDR, range("0.0.0.0/0")}, {"sgr-in", FALSE, 6, 3306, 3306, PEER_CIDR, range("0.0.0.0/0")}};
  network->groups[1].rules = arena_memdup(network->arena, rules, sizeof rules);
  network->groups[1].n_rules = n_rules;
  return network;
}

static int accept_wait(int listener) {
  int accepted = -1;
  for (int i = 0; i < 5000 && accepted < 0; i++) {
    accepted = accept(listener, NULL, NULL);
    if (accepted < 0)
      g_usleep(1000);
  }
  g_assert_cmpint(accepted, >=, 0);
  return accepted;
}

static void assert_cut(Bench *bench, int fd, ReachStage stage) {
  Drop drop;
  gboolean dropped = FALSE;
  g_assert_cmpint(send(fd, "x", 1, MSG_NOSIGNAL), ==, 1);
  for (int i = 0; i < 5000 && !dropped; i++, g_usleep(1000))
    dropped = drop_of(bench, fd, "10.0.20.5", 3306, &drop) && drop.stage == stage;   /* not what was lost while the rules changed */
  g_assert_true(dropped);
}

/* Rules for all addresses both ways leave a flow untracked: it ends with its rule, at once. */
static void test_untracked(gconstpointer data) {
  Bench *bench = (Bench *) data;
  fabric_apply(bench->fabric, with_open_group(2));
  must(fabric_sync(bench->fabric));
  int listener = listen_in(bench, "eni-db", "10.0.20.5", 3306);
  int fd = connect_start(bench, "eni-fn", "10.0.20.5", 3306), accepted = accept_wait(listener);
  fabric_apply(bench->fabric, with_open_group(1));
  must(fabric_sync(bench->fabric));
  assert_cut(bench, fd, STAGE_GROUP_IN);
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
  close(fd), close(accepted), close(listener);
}

/* A flow of an interface that went is not one of the next that has its address. */
static void test_address_again(gconstpointer data) {
  Bench *bench = (Bench *) data;
  static const char *mute[] = {"sg-mute"};
  int listener = listen_in(bench, "eni-db", "10.0.20.5", 3306);
  int fd = connect_start(bench, "eni-fn", "10.0.20.5", 3306), accepted = accept_wait(listener);
  close(accepted), close(listener);
  Eni other = {.id = "eni-other", .subnet = "subnet-b", .address = ip("10.0.20.5"), .n_groups = 1, .groups = mute};
  fabric_eni_remove(bench->fabric, "vpc-1", "eni-db");
  fabric_eni_put(bench->fabric, "vpc-1", &other);
  must(fabric_sync(bench->fabric));
  assert_cut(bench, fd, STAGE_GROUP_IN);
  close(fd);
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
}

static void random_interface(Bench *bench, GRand *rand) {
  static const char *groups[] = {"sg-app", "sg-db", "sg-mute", "sg-vpce", "sg-app"};
  guint i = (guint) g_rand_int_range(rand, 0, 12), first = (guint) g_rand_int_range(rand, 0, 4);
  g_autofree char *id = g_strdup_printf("eni-r%u", i);
  EniAddress more[] = {{ip_of4(ip("10.0.10.200") + i), 0}};
  Eni eni = {.id = id, .subnet = i % 2 ? "subnet-a" : "subnet-iso", .address = i % 2 ? ip("10.0.10.100") + i : ip("10.0.30.100") + i, .n_groups = 1 + first % 2, .groups = groups + first,
             .no_source_check = g_rand_boolean(rand), .n_more = i % 2 && g_rand_boolean(rand), .more = more,
             .public_address = i == 3 && g_rand_boolean(rand) ? ip("198.18.128.77") : 0};
  if (g_rand_int_range(rand, 0, 3))
    fabric_eni_put(bench->fabric, "vpc-1", &eni);
  else
    fabric_eni_remove(bench->fabric, "vpc-1", id);
}

/* Interfaces that come, change and go at random: the rules are those that one makes from nothing. */
static void test_interfaces(gconstpointer data) {
  Bench *bench = (Bench *) data;
  guint32 seed = g_random_int();
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  Vpc *vpc = g_hash_table_lookup(bench->fabric->vpcs, "vpc-1");
  g_test_message("seed %u", seed);
  for (int i = 0; i < 100; i++) {
    random_interface(bench, rand);
    if (i % 10)
      continue;
    must(fabric_sync(bench->fabric));
    g_autoptr(Rules) fresh = rules_new();
    parts_put(fresh, &vpc->numbers, NULL, vpc->network, NULL);
    g_autofree char *want = rules_text(fresh), *have = rules_text(vpc->rules);
    g_assert_cmpstr(have, ==, want);
    g_assert_cmpuint(g_hash_table_size(vpc->enis), ==, vpc->network->n_enis);
  }
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
  g_assert_cmpuint(g_hash_table_size(vpc->enis), ==, vpc->network->n_enis);
  test_verdicts(data);
}

static struct sockaddr_un outside_name(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  g_snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "haar-test-%d", getpid());
  return name;
}

/* Instead of the internet: a listener of the test's. */
static int dial_test(int type, Ip address, guint16 port) {
  int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
  struct sockaddr_un to = outside_name();
  g_assert_true(ip_equal(address, ip_of4(ip("93.184.216.34"))));
  g_assert_cmpuint(port, ==, 8080);
  connect(fd, (struct sockaddr *) &to, sizeof to);
  return fd;
}

static void expect_byte(int fd, char want) {
  char byte = 0;
  for (int i = 0; i < 5000 && !byte; i++)
    if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0)
      g_usleep(1000);
  g_assert_cmpint(byte, ==, want);
}

/* What leaves by the internet gateway, or a NAT gateway, gets out; what is not global does not. */
static void test_egress(gconstpointer data) {
  Bench *bench = (Bench *) data;
  static const char *const ways[] = {"eni-pub", "eni-nat-user"};
  static const char *const refused[] = {"127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "198.18.0.1", "::1", "fe80::1", "2001:db8::1", "224.0.0.1"};
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
    Ip address = {0};
    g_assert_true(ip_parse(refused[i], &address));
    g_assert_false(egress_allows(address));
  }
  g_assert_true(egress_allows(ip_of4(ip("93.184.216.34"))));
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_un at = outside_name();
  g_assert_cmpint(bind(listener, (struct sockaddr *) &at, sizeof at), ==, 0);
  g_assert_cmpint(listen(listener, 8), ==, 0);
  must(fabric_egress(bench->fabric));
  egress_set_dial(bench->fabric->egress, dial_test);
  for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
    int fd = connect_start(bench, ways[i], "93.184.216.34", 8080), accepted = accept_wait(listener);
    g_assert_cmpint(send(fd, "o", 1, MSG_NOSIGNAL), ==, 1);
    expect_byte(accepted, 'o');
    g_assert_cmpint(send(accepted, "b", 1, MSG_NOSIGNAL), ==, 1);
    expect_byte(fd, 'b');
    close(fd), close(accepted);
  }
  Drop drop;
  g_assert_false(reaches(bench, "eni-iso", "93.184.216.34", 8080, &drop));   /* no route is still no route */
  g_assert_cmpstr(drop.rule, ==, "rtb-iso");
  close(listener);
}

static guint open_descriptors(void) {
  g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
  guint n = 0;
  while (g_dir_read_name(dir))
    n++;
  return n;
}

/* VPCs that come and go leave no descriptor behind, nor a namespace (which the warden keeps by descriptor). */
static void test_leaks(gconstpointer data) {
  Bench *bench = (Bench *) data;
  guint before = 0;
  for (int i = 0; i < 11; i++) {
    Network *other = example("vpc-leak");
    for (gsize j = 0; j < other->n_enis; j++) {
      other->enis[j].id = arena_printf(other->arena, "leak-%zu", j);
      other->enis[j].public_address = 0;
    }
    fabric_apply(bench->fabric, other);
    must(fabric_sync(bench->fabric));
    fabric_remove(bench->fabric, "vpc-leak");
    must(fabric_sync(bench->fabric));
    if (i == 0)
      before = open_descriptors();
  }
  g_assert_cmpuint(open_descriptors(), ==, before);
}

static void test_speed(gconstpointer data) {
  Bench *bench = (Bench *) data;
  static const char *app[] = {"sg-app"};
  enum { N = 100 };
  gint64 began = clock_monotonic_us();
  for (int i = 1; i <= N; i++) {
    Network *network = example("vpc-1");
    Eni *enis = ARENA_ARRAY(network->arena, Eni, network->n_enis + (gsize) i);
    memcpy(enis, network->enis, sizeof *enis * network->n_enis);
    for (int j = 0; j < i; j++)
      enis[network->n_enis++] = (Eni){.id = arena_printf(network->arena, "eni-%d", j), .subnet = "subnet-a", .address = ip("10.0.10.100") + (guint32) j, .n_groups = 1, .groups = app};
    network->enis = enis;
    fabric_apply(bench->fabric, network);
  }
  must(fabric_sync(bench->fabric));
  g_test_message("an interface more: %.2f ms", (double) (clock_monotonic_us() - began) / 1000 / N);
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  Bench bench = {.listeners = g_ptr_array_new_with_free_func(heard_free)};
  g_autofree char *reason = NULL;
  must(warden_start(&bench.warden, &reason));
  if (!bench.warden) {
    g_print("1..0 # SKIP %s\n", reason);
    return 0;
  }
  FabricHooks hooks = {&bench, listen_hook, unlisten_hook};
  must(fabric_new(bench.warden, "us-east-1", &hooks, &bench.fabric));
  must(fabric_start(bench.fabric));
  fabric_apply(bench.fabric, example("vpc-1"));
  static const struct { const char *path; GTestDataFunc run; } tests[] = {
    {"/fabric/verdicts", test_verdicts}, {"/fabric/identity", test_identity}, {"/fabric/established", test_established},
    {"/fabric/cut_zone", test_cut_zone}, {"/fabric/latency", test_latency}, {"/fabric/stateless_groups", test_stateless_groups}, {"/fabric/overlap", test_overlap},
    {"/fabric/names", test_names}, {"/fabric/resolver", test_resolver}, {"/fabric/outside", test_outside},
    {"/fabric/incremental", test_incremental}, {"/fabric/untracked", test_untracked}, {"/fabric/address_again", test_address_again}, {"/fabric/interfaces", test_interfaces},
    {"/fabric/egress", test_egress}, {"/fabric/leaks", test_leaks}, {"/fabric/speed", test_speed},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
    g_test_add_data_func(tests[i].path, &bench, tests[i].run);
  int bad = g_test_run();
  fabric_free(bench.fabric);
  warden_free(bench.warden);
  g_ptr_array_unref(bench.listeners);
  return bad;
}
