/* Rehearsed failures, seen by packets. */
#include "fabric/test_bench.h"

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

/* Ten at 10,000 bytes a second, of which the bucket holds three: the others wait, none is lost. Without token buckets a policer drops. */
static void test_bandwidth(gconstpointer data) {
  Bench *bench = (Bench *) data;
  const FabricFault fault = {.name = "narrow", .kind = FABRIC_BANDWIDTH, .target = "eni-fn", .value = 10000}, zone = {.name = "zone", .kind = FABRIC_BANDWIDTH, .target = "us-east-1a", .value = 1000};
  const Vpc *vpc = g_hash_table_lookup(bench->fabric->vpcs, "vpc-1");
  fabric_apply(bench->fabric, with_open_app());
  fabric_fault_set(bench->fabric, &fault);
  must(fabric_sync(bench->fabric));
  if (fabric_shapes(bench->fabric)) {
    g_autofree char *rules = rules_text(vpc->rules);
    g_assert_cmpint(datagrams_in_us(bench, "eni-fn2", "10.0.10.6", 10), >=, 500000);
    g_assert_null(strstr(rules, "limit rate over"));
  } else {
    g_test_message("this kernel has no token bucket");
  }
  fabric_fault_remove(bench->fabric, "narrow");
  must(fabric_sync(bench->fabric));
  g_assert_cmpint(datagrams_in_us(bench, "eni-fn2", "10.0.10.6", 60), >=, 0);
  fabric_fault_set(bench->fabric, &zone);
  must(fabric_sync(bench->fabric));
  g_autofree char *of_zone = rules_text(vpc->rules);
  g_assert_nonnull(strstr(of_zone, "limit rate over 1000 bytes/second"));
  g_assert_cmpint(datagrams_in_us(bench, "eni-fn2", "10.0.10.6", 80), ==, -1);
  fabric_fault_remove(bench->fabric, "zone");
  g_atomic_int_set(&bench->fabric->shapes, -1);
  fabric_fault_set(bench->fabric, &fault);
  must(fabric_sync(bench->fabric));
  g_autofree char *policed = rules_text(vpc->rules);
  g_assert_nonnull(strstr(policed, "limit rate over 10000 bytes/second"));
  fabric_fault_remove(bench->fabric, "narrow");
  fabric_apply(bench->fabric, example("vpc-1"));
  must(fabric_sync(bench->fabric));
}

int main(int argc, char **argv) {
  static const BenchTest tests[] = {
    {"/fabric/cut_zone", test_cut_zone},
    {"/fabric/latency", test_latency},
    {"/fabric/bandwidth", test_bandwidth},
  };
  return bench_run(argc, argv, tests, G_N_ELEMENTS(tests));
}
