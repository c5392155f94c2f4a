/* What an interface more costs with many there, and a packet; beside the same way without a rule. For bench/network.py: one figure a line. */
#include "fabric/vpc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDED = 60, CONNECTS = 400, REQUESTS = 4000, PORT = 8080 };

static const char *const groups[] = {"sg-1"};

static void must(Error *error) {
  if (error)
    g_error("%s:%d %s", error->file, error->line, error->message);
}

static Network *network(void) {
  Network *n = network_new("vpc-bench");
  Arena *a = n->arena;
  Range any = {0};
  Cidr cidr = {0};
  range_parse("0.0.0.0/0", &any);
  cidr_parse("10.0.0.0/16", &cidr);
  n->cidrs = (CidrList){1, arena_memdup(a, &cidr, sizeof cidr)};
  Subnet subnets[] = {{"subnet-1", "us-east-1a", cidr, "rtb-1", "acl-1"}};
  RouteTable tables[] = {{"rtb-1", 0, NULL}};
  GroupRule rules[] = {{.id = "sgr-1", .egress = TRUE, .protocol = -1, .from_port = -1, .to_port = -1, .cidr = any},
                       {.id = "sgr-2", .protocol = 6, .from_port = PORT, .to_port = PORT, .peer = PEER_GROUP, .peer_id = "sg-1"}};
  SecurityGroup all[] = {{"sg-1", "bench", 2, arena_memdup(a, rules, sizeof rules)}};
  AclEntry entries[] = {{100, TRUE, TRUE, -1, -1, -1, any}, {100, FALSE, TRUE, -1, -1, -1, any}};
  NetworkAcl acls[] = {{"acl-1", 2, arena_memdup(a, entries, sizeof entries)}};
  n->subnets = arena_memdup(a, subnets, sizeof subnets), n->n_subnets = 1;
  n->route_tables = arena_memdup(a, tables, sizeof tables), n->n_route_tables = 1;
  n->groups = arena_memdup(a, all, sizeof all), n->n_groups = 1;
  n->acls = arena_memdup(a, acls, sizeof acls), n->n_acls = 1;
  return n;
}

static void put(Fabric *fabric, guint i) {
  g_autofree char *id = g_strdup_printf("eni-%u", i);
  Eni eni = {.id = id, .subnet = "subnet-1", .address = (10U << 24) + 10 + i, .n_groups = 1, .groups = (const char **) groups};
  fabric_eni_put(fabric, "vpc-bench", &eni);
}

static int compare(const void *a, const void *b) {
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
  return (x > y) - (x < y);
}

/* The fastest fifth took at most this: what else the machine does makes times longer, never shorter. */
static double typical(gint64 *times, guint n) {
  qsort(times, n, sizeof *times, compare);
  return (double) times[n / 5];
}

/* Grows to n, and measures the next ones, each alone; they go again. */
static double cost_of_one(Fabric *fabric, guint *there, guint n) {
  gint64 times[ADDED];
  for (; *there < n; (*there)++)
    put(fabric, *there);
  must(fabric_sync(fabric));
  for (guint i = 0; i < ADDED; i++) {
    gint64 began = clock_monotonic_us();
    put(fabric, n + i);
    must(fabric_sync(fabric));
    times[i] = clock_monotonic_us() - began;
  }
  for (guint i = 0; i < ADDED; i++) {
    g_autofree char *id = g_strdup_printf("eni-%u", n + i);
    fabric_eni_remove(fabric, "vpc-bench", id);
  }
  must(fabric_sync(fabric));
  return typical(times, ADDED) / 1000;
}

/* A rule more or less in the group of all of them, each alone. */
static double cost_of_rule(Fabric *fabric) {
  gint64 times[ADDED];
  for (guint i = 0; i < ADDED; i++) {
    Network *part = network();
    GroupRule *rules = arena_memdup(part->arena, (GroupRule[]){part->groups->rules[0], part->groups->rules[1], part->groups->rules[1]}, 3 * sizeof *rules);
    rules[2].id = "sgr-3";
    rules[2].from_port = rules[2].to_port = 9000 + (int) i;
    part->groups->rules = rules;
    part->groups->n_rules = 2 + i % 2;
    part->n_route_tables = part->n_acls = 0;
    gint64 began = clock_monotonic_us();
    fabric_part_put(fabric, part);
    must(fabric_sync(fabric));
    times[i] = clock_monotonic_us() - began;
  }
  return typical(times, ADDED) / 1000;
}

/* Answers each byte with one, on one connection after another. */
static gpointer serve(gpointer data) {
  int listener = GPOINTER_TO_INT(data), fd, on = 1;
  while ((fd = accept(listener, NULL, NULL)) >= 0) {
    char byte;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (recv(fd, &byte, 1, 0) == 1 && byte != 'q')
      if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
        break;
    close(fd);
    if (byte == 'q')
      return NULL;
  }
  return NULL;
}

static int connected(Fabric *fabric, gint64 *ret_us) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl((10U << 24) + 11)};
  int fd = -1, on = 1;
  must(fabric_socket_in(fabric, "eni-0", &fd));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  gint64 began = clock_monotonic_us();
  if (connect(fd, (struct sockaddr *) &to, sizeof to) < 0)
    g_error("connect: %s", g_strerror(errno));
  *ret_us = clock_monotonic_us() - began;
  return fd;
}

/* This thread, and those that it starts: on one processor, so that no figure depends on where both ends happen to run. */
static void stay_here(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
}

static void measure_packets(Fabric *fabric, const char *what, guint n) {
  gint64 times[CONNECTS];
  int listener = -1;
  char byte = 'x';
  stay_here();
  must(fabric_listen_in(fabric, "eni-1", "10.0.0.11", PORT, &listener));
  fcntl(listener, F_SETFL, 0);
  GThread *server = g_thread_new("server", serve, GINT_TO_POINTER(listener));
  for (guint i = 0; i < CONNECTS; i++)
    close(connected(fabric, &times[i]));
  gint64 took;
  int fd = connected(fabric, &took);
  gint64 began = clock_monotonic_us();
  for (guint i = 0; i < REQUESTS; i++)
    if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1)
      g_error("a request: %s", g_strerror(errno));
  took = clock_monotonic_us() - began;
  send(fd, "q", 1, MSG_NOSIGNAL);
  g_thread_join(server);
  close(fd), close(listener);
  printf("connect %s %u %.1f\nrequests %s %u %.0f\n", what, n, typical(times, CONNECTS), what, n, REQUESTS * 1e6 / (double) took);
  fflush(stdout);
}

static void measure(Warden *warden, Fabric *fabric) {
  static const guint sizes[] = {10, 100, 1000};
  guint there = 0;
  fabric_apply(fabric, network());
  must(fabric_sync(fabric));
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
    double one = cost_of_one(fabric, &there, sizes[i]);
    printf("add rules %u %.2f\n", sizes[i], one);
    printf("change rules %u %.2f\n", sizes[i], cost_of_rule(fabric));
    if (sizes[i] == 100)
      continue;
    g_usleep(3 * G_USEC_PER_SEC);   /* the kernel takes down the namespaces that went */
    measure_packets(fabric, "rules", sizes[i]);
  }
  const Vpc *vpc = g_hash_table_lookup(fabric->vpcs, "vpc-bench");
  must(warden_nft(warden, vpc->router, "delete table inet vpc\n"));
  measure_packets(fabric, "forwarding", 1000);
}

int main(void) {
  Warden *warden = NULL;
  Fabric *fabric = NULL;
  g_autofree char *reason = NULL;
  must(warden_start(&warden, &reason));
  if (!warden) {
    fprintf(stderr, "no network here: %s\n", reason);
    return 1;
  }
  must(fabric_new(warden, "us-east-1", NULL, &fabric));
  must(fabric_start(fabric));
  measure(warden, fabric);
  fabric_free(fabric);
  warden_free(warden);
  return 0;
}
