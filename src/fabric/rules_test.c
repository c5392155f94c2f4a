/* Rules after changes are the rules made from nothing. */
#include "fabric/test_bench.h"

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
  assert_verdicts(bench);
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
  assert_verdicts(bench);
}

int main(int argc, char **argv) {
  static const BenchTest tests[] = {
    {"/fabric/incremental", test_incremental},
    {"/fabric/interfaces", test_interfaces},
  };
  return bench_run(argc, argv, tests, G_N_ELEMENTS(tests));
}
