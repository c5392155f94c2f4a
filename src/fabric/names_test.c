/* Names: by call, and by queries to the resolver; and a namespace outside of every VPC. */
#include "fabric/test_bench.h"

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

int main(int argc, char **argv) {
  static const BenchTest tests[] = {
    {"/fabric/names", test_names},
    {"/fabric/resolver", test_resolver},
    {"/fabric/outside", test_outside},
  };
  return bench_run(argc, argv, tests, G_N_ELEMENTS(tests));
}
