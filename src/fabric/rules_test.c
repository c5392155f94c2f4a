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

static void assert_fresh(const Vpc *vpc, Numbers *numbers) {
  g_autoptr(Rules) fresh = rules_new();
  parts_put(fresh, numbers, NULL, vpc->network, NULL);
  g_autofree char *want = rules_text(fresh), *have = rules_text(vpc->rules);
  g_assert_cmpstr(have, ==, want);
}

/* One of the example's groups, tables or ACLs, with some of what it has. */
static Network *random_part(GRand *rand) {
  Network *part = example("vpc-1");
  int kind = g_rand_int_range(rand, 0, 3);
  gsize at = (gsize) g_rand_int_range(rand, 0, kind == 2 ? 2 : 4);
  SecurityGroup group = part->groups[at];
  RouteTable table = part->route_tables[at];
  NetworkAcl acl = part->acls[MIN(at, 1)];
  part->n_groups = kind == 0, part->n_route_tables = kind == 1, part->n_acls = kind == 2;
  part->n_subnets = part->n_enis = part->n_endpoints = part->n_prefix_lists = 0;
  group.n_rules = group.n_rules ? (gsize) g_rand_int_range(rand, 0, (gint32) group.n_rules + 1) : 0;
  table.n_routes = table.n_routes ? (gsize) g_rand_int_range(rand, 0, (gint32) table.n_routes + 1) : 0;
  acl.n_entries = (gsize) g_rand_int_range(rand, 0, (gint32) acl.n_entries + 1);
  part->groups[0] = group;
  part->route_tables[0] = table;
  part->acls[0] = acl;
  return part;
}

/* Groups, tables and ACLs that change one by one, some while a whole network waits: rules and routes are those of the network made from nothing. */
static void test_parts(gconstpointer data) {
  Bench *bench = (Bench *) data;
  guint32 seed = g_random_int();
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  Vpc *vpc = g_hash_table_lookup(bench->fabric->vpcs, "vpc-1");
  g_test_message("seed %u", seed);
  for (int i = 0; i < 60; i++) {
    if (i % 15 == 7)
      fabric_apply(bench->fabric, example("vpc-1"));
    fabric_part_put(bench->fabric, random_part(rand));
    if (i % 3)
      continue;
    must(fabric_sync(bench->fabric));
    assert_fresh(vpc, &vpc->numbers);
    g_autoptr(GList) things = g_list_sort(g_hash_table_get_keys(vpc->things), (GCompareFunc) strcmp);
    must(things_apply(vpc, vpc->network));   /* nothing is left to do */
    g_autoptr(GList) again = g_list_sort(g_hash_table_get_keys(vpc->things), (GCompareFunc) strcmp);
    g_assert_cmpuint(g_list_length(things), ==, g_list_length(again));
    for (const GList *a = things, *b = again; a; a = a->next, b = b->next)
      g_assert_cmpstr(a->data, ==, b->data);
  }
  Network *unknown = example("vpc-1");
  unknown->groups[0].id = "sg-unknown";
  unknown->n_groups = 1, unknown->n_route_tables = unknown->n_acls = 0;
  fabric_part_put(bench->fabric, unknown);
  must(fabric_sync(bench->fabric));
  g_assert_null(network_group(vpc->network, "sg-unknown"));
  for (int kind = 0; kind < 3; kind++)   /* all of them as they were */
    for (gsize at = 0; at < (kind == 2 ? 2 : 4); at++) {
      Network *part = example("vpc-1");
      part->n_groups = kind == 0, part->n_route_tables = kind == 1, part->n_acls = kind == 2;
      part->groups[0] = part->groups[at];
      part->route_tables[0] = part->route_tables[at];
      part->acls[0] = part->acls[MIN(at, 1)];
      fabric_part_put(bench->fabric, part);
    }
  must(fabric_sync(bench->fabric));
  assert_fresh(vpc, &vpc->numbers);
  assert_verdicts(bench);
}

int main(int argc, char **argv) {
  static const BenchTest tests[] = {
    {"/fabric/incremental", test_incremental},
    {"/fabric/interfaces", test_interfaces},
    {"/fabric/parts", test_parts},
  };
  return bench_run(argc, argv, tests, G_N_ELEMENTS(tests));
}
