/* Real packets through real rules: where they get, who they come from, which flows live. */
#include "fabric/test_bench.h"

static void test_verdicts(gconstpointer data) { assert_verdicts((Bench *) data); }

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

/* vpc-1 with this many rules of the database's group: all out, 3306 in from everywhere. */
static Network *with_open_group(gsize n_rules) {
  Network *network = example("vpc-1");
  GroupRule rules[] = {{"sgr-out", TRUE, -1, -1, -1, PEER_CIDR, range("0.0.0.0/0")}, {"sgr-in", FALSE, 6, 3306, 3306, PEER_CIDR, range("0.0.0.0/0")}};
  network->groups[1].rules = arena_memdup(network->arena, rules, sizeof rules);
  network->groups[1].n_rules = n_rules;
  return network;
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
  Drop drop;
  struct sockaddr_in local = {0}, peer = {0};
  socklen_t size = sizeof local;
  int fd = connect_start(bench, "x-fn", "198.18.32.1", 443), accepted = accept_wait(heard(bench, "vpce-ddb2", TRUE)->fd);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *) &local, &size), ==, 0);
  g_assert_cmpint(getpeername(accepted, (struct sockaddr *) &peer, &size), ==, 0);
  g_assert_cmpint(peer.sin_port, ==, local.sin_port);   /* it is this one, not one that was late */
  close(fd), close(accepted);
  g_assert_true(reaches(bench, "x-fn", "10.0.10.50", 443, &drop));
  g_assert_false(reaches(bench, "x-nopub", "198.18.1.1", 443, &drop));
  g_assert_cmpstr(drop.vpc_id, ==, "vpc-2");
  fabric_remove(bench->fabric, "vpc-2");
  must(fabric_sync(bench->fabric));
  g_assert_true(reaches(bench, "eni-fn", "10.0.10.50", 443, &drop));
}

/* An interface that has just come gets the first packet that is sent to it. */
static void test_first_packet(gconstpointer data) {
  Bench *bench = (Bench *) data;
  static const char *app[] = {"sg-app"};
  fabric_apply(bench->fabric, with_open_app());
  for (guint i = 0; i < 40; i++) {
    g_autofree char *id = g_strdup_printf("eni-first%u", i), *address = g_strdup_printf("10.0.10.%u", 100 + i);
    Eni eni = {.id = id, .subnet = "subnet-a", .address = ip(address), .n_groups = 1, .groups = app};
    fabric_eni_put(bench->fabric, "vpc-1", &eni);
    must(fabric_sync(bench->fabric));
    g_assert_cmpint(datagrams_in_us(bench, id, address, 1), >=, 0);
  }
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
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
  static const BenchTest tests[] = {
    {"/fabric/verdicts", test_verdicts},
    {"/fabric/identity", test_identity},
    {"/fabric/established", test_established},
    {"/fabric/untracked", test_untracked},
    {"/fabric/address_again", test_address_again},
    {"/fabric/stateless_groups", test_stateless_groups},
    {"/fabric/overlap", test_overlap},
    {"/fabric/first_packet", test_first_packet},
    {"/fabric/leaks", test_leaks},
    {"/fabric/speed", test_speed},
  };
  return bench_run(argc, argv, tests, G_N_ELEMENTS(tests));
}
