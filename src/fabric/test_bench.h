/* What the tests of real packets share: a fabric with the payment stack's network in it, and connections through it. For fabric's own tests. */
#pragma once

#include "fabric/vpc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Bench {
  Warden *warden;
  Fabric *fabric;
  GPtrArray *listeners;   /* Heard * */
} Bench;

typedef struct Heard { int fd; char *vpc_id, *endpoint_id; gboolean tls; } Heard;

static inline void must(Error *error) {
  if (error)
    g_error("%s:%d %s", error->file, error->line, error->message);
}

static inline void heard_free(gpointer data) {
  Heard *heard = data;
  g_free(heard->vpc_id);
  g_free(heard->endpoint_id);
  g_free(heard);
}

static inline guint listen_hook(gpointer data, int fd, const char *vpc_id, const char *endpoint_id, gboolean tls) {
  Bench *bench = data;
  Heard *heard = g_new0(Heard, 1);
  *heard = (Heard){fd, g_strdup(vpc_id), g_strdup(endpoint_id), tls};
  g_ptr_array_add(bench->listeners, heard);
  return bench->listeners->len;
}

static inline void unlisten_hook(gpointer data, guint id) {
  Heard *heard = ((Bench *) data)->listeners->pdata[id - 1];
  close(heard->fd);
  heard->fd = -1;
}

static inline guint32 ip(const char *text) {
  guint32 address = 0;
  g_assert_true(address_parse(text, &address));
  return address;
}

static inline Cidr cidr(const char *text) {
  Cidr cidr = {0};
  g_assert_true(cidr_parse(text, &cidr));
  return cidr;
}

static inline Range range(const char *text) {
  Range range = {0};
  g_assert_true(range_parse(text, &range));
  return range;
}

#define SET(member, array) n->member = arena_memdup(a, array, sizeof array), n->n_##member = G_N_ELEMENTS(array)

/* The payment stack's network: functions and a database in private subnets, gateway endpoints, an interface endpoint; and a public subnet with
 * a NAT gateway, an interface with a public address and one without. */
static inline Network *example(const char *vpc_id) {
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

static inline int connect_start(Bench *bench, const char *eni, const char *to, guint16 port) {
  int fd = -1;
  must(fabric_socket_in(bench->fabric, eni, &fd));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip(to))};
  connect(fd, (struct sockaddr *) &address, sizeof address);
  return fd;
}

/* 1: connected, 0: still trying, -1: refused. */
static inline int connect_state(int fd) {
  struct pollfd polled = {fd, POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  if (poll(&polled, 1, 1) == 0)
    return 0;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error ? -1 : 1;
}

static inline gboolean drop_of(Bench *bench, int fd, const char *to, guint16 port, Drop *ret_drop) {
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
static inline gboolean reaches(Bench *bench, const char *eni, const char *to, guint16 port, Drop *ret_drop) {
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

static inline int listen_in(Bench *bench, const char *eni, const char *address, guint16 port) {
  int fd = -1;
  must(fabric_listen_in(bench->fabric, eni, address, port, &fd));
  return fd;
}

static inline int accept_wait(int listener) {
  int accepted = -1;
  for (int i = 0; i < 5000 && accepted < 0; i++) {
    accepted = accept(listener, NULL, NULL);
    if (accepted < 0)
      g_usleep(1000);
  }
  g_assert_cmpint(accepted, >=, 0);
  return accepted;
}

/* The kernel does what the tables say, and reach says the same without a kernel. */
static inline void assert_verdicts(Bench *bench) {
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

static inline const Heard *heard(Bench *bench, const char *endpoint_id, gboolean tls) {
  for (guint i = 0; i < bench->listeners->len; i++) {
    const Heard *h = bench->listeners->pdata[i];
    if (h->fd >= 0 && h->tls == tls && g_strcmp0(h->endpoint_id, endpoint_id) == 0)
      return h;
  }
  g_error("no listener for %s", endpoint_id);
}

/* Empties a listener's queue; then the connection that comes next is this test's. */
static inline void drain(int fd) {
  int accepted;
  while ((accepted = accept(fd, NULL, NULL)) >= 0)
    close(accepted);
}

/* n datagrams of 1,000 bytes at once from eni-fn: how long the last took to come; -1: one did not come. */
static inline gint64 datagrams_in_us(Bench *bench, const char *eni, const char *address_of, int n) {
  const Vpc *vpc = g_hash_table_lookup(bench->fabric->vpcs, "vpc-1");
  const EniState *from = g_hash_table_lookup(vpc->enis, "eni-fn"), *to = g_hash_table_lookup(vpc->enis, eni);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7000), .sin_addr.s_addr = htonl(ip(address_of))};
  char packet[1000] = "";
  int sender = -1, receiver = -1, came = 0;
  must(warden_socket(bench->warden, from->netns, &(WardenSocket){.kind = WARDEN_SOCKET_UDP}, &sender));
  must(warden_socket(bench->warden, to->netns, &(WardenSocket){.kind = WARDEN_SOCKET_UDP, .port = 7000}, &receiver));
  gint64 began = clock_monotonic_us();
  for (int i = 0; i < n; i++)
    g_assert_cmpint(sendto(sender, packet, sizeof packet, 0, (struct sockaddr *) &address, sizeof address), ==, sizeof packet);
  for (struct pollfd polled = {receiver, POLLIN, 0}; came < n && poll(&polled, 1, 2000) == 1; came++)
    g_assert_cmpint(recv(receiver, packet, sizeof packet, 0), ==, sizeof packet);
  close(sender), close(receiver);
  return came == n ? clock_monotonic_us() - began : -1;
}

/* sg-app takes what comes from itself. */
static inline Network *with_open_app(void) {
  Network *network = example("vpc-1");
  GroupRule rules[] = {{"sgr-1", TRUE, -1, -1, -1, PEER_CIDR, range("0.0.0.0/0"), NULL}, {"sgr-9", FALSE, 17, 7000, 7000, PEER_GROUP, {{0, 0}, 0}, "sg-app"}};
  network->groups[0].rules = arena_memdup(network->arena, rules, sizeof rules);
  network->groups[0].n_rules = G_N_ELEMENTS(rules);
  return network;
}

typedef struct BenchTest { const char *path; GTestDataFunc run; } BenchTest;

/* Where namespaces are forbidden it says so and skips. */
static inline int bench_run(int argc, char **argv, const BenchTest *tests, gsize n) {
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
  fabric_apply(bench.fabric, example("vpc-1")); /* as when haar starts again: the network is there before the server */
  must(fabric_sync(bench.fabric));
  must(fabric_start(bench.fabric));
  for (gsize i = 0; i < n; i++)
    g_test_add_data_func(tests[i].path, &bench, tests[i].run);
  int bad = g_test_run();
  fabric_free(bench.fabric);
  warden_free(bench.warden);
  g_ptr_array_unref(bench.listeners);
  return bad;
}
