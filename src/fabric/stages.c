/* stages: the base chains, one a stage of reach/pipeline.def, in AWS's order. `accept` ends only its own chain, so that the connection
 * tracking of the groups cannot bypass the stateless network ACLs. */
#include "fabric/ruleset.h"

#include <string.h>

static void add_fault(Ruleset *ruleset) {
  RuleChain *chain = ruleset_chain(ruleset, "f0_fault", "type filter hook forward priority -30; policy accept;");
  rule_add(chain, "meta iifgroup @cut_group goto cut");
  rule_add(chain, "meta oifgroup @cut_group goto cut");
  rule_add(chain, "iifname @cut_eni goto cut_interface");
  rule_add(chain, "oifname @cut_eni goto cut_interface");
  rule_drop(ruleset_chain(ruleset, "cut", ""), "", STAGE_FAULT, "zone");
  rule_drop(ruleset_chain(ruleset, "cut_interface", ""), "", STAGE_FAULT, "interface");
}

static void add_route(Ruleset *ruleset, const Network *network, Numbers *numbers, Arena *arena) {
  RuleChain *chain = ruleset_chain(ruleset, "f1_route", "type filter hook forward priority -20; policy accept;");
  RuleSet *by_mark = ruleset_set(ruleset, "rt_drop", "map", "type mark : verdict;");
  rule_add(chain, "oifname \"noroute\" ip daddr @vpc_cidrs goto rd_local");
  rule_add(chain, "oifname \"noroute\" meta mark vmap @rt_drop");
  rule_add(chain, "oifname \"noroute\" goto rd_local");
  rule_add(chain, "oifname \"blackhole\" goto rd_blackhole");
  rule_add(chain, "oifname \"igw\" ip saddr != @has_eip goto rd_igw");
  rule_drop(ruleset_chain(ruleset, "rd_local", ""), "", STAGE_ROUTE, "local");
  rule_drop(ruleset_chain(ruleset, "rd_blackhole", ""), "", STAGE_ROUTE, "blackhole");
  rule_drop(ruleset_chain(ruleset, "rd_igw", ""), "", STAGE_ROUTE, "igw");
  for (gsize i = 0; i < network->n_route_tables; i++) {
    const char *id = network->route_tables[i].id, *name = rule_name(arena, "rd_", id);
    rule_drop(ruleset_chain(ruleset, name, ""), "", STAGE_ROUTE, id);
    rule_element(by_mark, g_strdup_printf("%u", numbers_get(numbers, id)), g_strdup_printf("goto %s", name));
  }
}

static void add_prerouting(Ruleset *ruleset) {
  RuleChain *chain = ruleset_chain(ruleset, "p_pre", "type filter hook prerouting priority mangle; policy drop;");
  rule_add(chain, "meta mark set meta iifgroup map @subnet_rt");
  rule_add(chain, "iifname . ip saddr @eni_src accept");
  rule_add(chain, "iifname @nocheck accept");
  rule_drop(chain, "", STAGE_SPOOF, "");
  rule_add(ruleset_chain(ruleset, "p_dnat", "type nat hook prerouting priority dstnat;"), "iifname \"igw\" dnat ip to ip daddr map @eip_in");
  rule_add(ruleset_chain(ruleset, "p_snat", "type nat hook postrouting priority srcnat;"), "oifname \"igw\" snat ip to ip saddr map @eip_out");
}

/* The router itself is the resolver and nothing else. Groups and ACLs do not see it, as on AWS. */
static void add_input(Ruleset *ruleset) {
  RuleChain *chain = ruleset_chain(ruleset, "p_in", "type filter hook input priority filter; policy drop;");
  rule_add(chain, "iifname @cut_eni counter drop");
  rule_add(chain, "ct state established,related accept");
  rule_add(chain, "ip daddr @resolver meta l4proto { tcp, udp } th dport 53 accept");
  rule_add(chain, "counter drop");
}

/* haar answers on 80 and 443 of endpoints; the rest is silence. */
static void add_delivery(Ruleset *ruleset) {
  RuleChain *chain = ruleset_chain(ruleset, "f6_deliver", "type filter hook forward priority 30; policy accept;");
  rule_add(chain, "oifname @served ct direction original tcp dport { 80, 443 } accept");
  rule_add(chain, "oifname @served ct direction original goto dl_port");
  rule_drop(ruleset_chain(ruleset, "dl_port", ""), "", STAGE_DELIVER, "port");
}

static void add_eni(Ruleset *ruleset, const Eni *eni, const char *device, GHashTable *cut, Arena *arena) {
  const char *address = address_text(arena, eni->address);
  rule_element(ruleset_set(ruleset, "eni_src", "set", "type ifname . ipv4_addr;"), g_strdup_printf("\"%s\" . %s", device, address), NULL);
  if (eni->no_source_check || eni->kind == ENI_NAT)
    rule_element(ruleset_set(ruleset, "nocheck", "set", "type ifname;"), g_strdup_printf("\"%s\"", device), NULL);
  if (eni->kind == ENI_ENDPOINT)
    rule_element(ruleset_set(ruleset, "served", "set", "type ifname;"), g_strdup_printf("\"%s\"", device), NULL);
  if (cut && g_hash_table_contains(cut, eni->id))
    rule_element(ruleset_set(ruleset, "cut_eni", "set", "type ifname;"), g_strdup_printf("\"%s\"", device), NULL);
  if (!eni->public_address)
    return;
  const char *public = address_text(arena, eni->public_address);
  rule_element(ruleset_set(ruleset, "has_eip", "set", "type ipv4_addr;"), g_strdup(address), NULL);
  rule_element(ruleset_set(ruleset, "eip_out", "map", "type ipv4_addr : ipv4_addr;"), g_strdup(address), g_strdup(public));
  rule_element(ruleset_set(ruleset, "eip_in", "map", "type ipv4_addr : ipv4_addr;"), g_strdup(public), g_strdup(address));
}

static void add_subnet(Ruleset *ruleset, const Subnet *subnet, Numbers *numbers, GHashTable *cut) {
  guint group = numbers_get(numbers, subnet->id);
  rule_element(ruleset_set(ruleset, "same_subnet", "set", "typeof meta iifgroup . meta oifgroup;"), g_strdup_printf("%u . %u", group, group), NULL);
  rule_element(ruleset_set(ruleset, "subnet_rt", "map", "typeof meta iifgroup : meta mark;"), g_strdup_printf("%u", group),
               g_strdup_printf("%u", numbers_get(numbers, subnet->route_table)));
  if (cut && g_hash_table_contains(cut, subnet->zone))
    rule_element(ruleset_set(ruleset, "cut_group", "set", "typeof meta iifgroup;"), g_strdup_printf("%u", group), NULL);
}

/* What comes and goes through gateways is no interface: neither source check nor groups. */
static void add_gateways(Ruleset *ruleset, const Network *network, Numbers *numbers) {
  RuleSet *nocheck = ruleset_set(ruleset, "nocheck", "set", "type ifname;");
  RuleSet *out = ruleset_set(ruleset, "sg_out", "map", "type ifname : verdict;"), *in = ruleset_set(ruleset, "sg_in", "map", "type ifname : verdict;");
  RuleSet *served = ruleset_set(ruleset, "served", "set", "type ifname;");
  rule_element(nocheck, g_strdup("\"lo\""), NULL);
  rule_element(nocheck, g_strdup("\"igw\""), NULL);
  rule_element(out, g_strdup("\"igw\""), g_strdup("accept"));
  rule_element(in, g_strdup("\"igw\""), g_strdup("accept"));
  for (gsize i = 0; i < network->n_endpoints; i++) {
    if (!network->endpoints[i].gateway)
      continue;
    g_autofree char *device = g_strdup_printf("\"gw%u\"", numbers_get(numbers, network->endpoints[i].id));
    rule_element(nocheck, g_strdup(device), NULL);
    rule_element(out, g_strdup(device), g_strdup("accept"));
    rule_element(in, g_strdup(device), g_strdup("accept"));
    rule_element(served, g_strdup(device), NULL);
  }
}

/* Sets that rules name must be there even if nothing is in them. */
static void add_sets(Ruleset *ruleset, const Network *network, Arena *arena) {
  static const struct { const char *name, *kind, *head; } sets[] = {
    {"eni_src", "set", "type ifname . ipv4_addr;"},
    {"nocheck", "set", "type ifname;"},
    {"served", "set", "type ifname;"},
    {"sg_out", "map", "type ifname : verdict;"},
    {"sg_in", "map", "type ifname : verdict;"},
    {"has_eip", "set", "type ipv4_addr;"},
    {"eip_out", "map", "type ipv4_addr : ipv4_addr;"},
    {"eip_in", "map", "type ipv4_addr : ipv4_addr;"},
    {"same_subnet", "set", "typeof meta iifgroup . meta oifgroup;"},
    {"subnet_rt", "map", "typeof meta iifgroup : meta mark;"},
    {"nacl_out", "map", "typeof meta iifgroup : verdict;"},
    {"nacl_in", "map", "typeof meta oifgroup : verdict;"},
    {"cut_group", "set", "typeof meta iifgroup;"},
    {"cut_eni", "set", "type ifname;"},
    {"vpc_cidrs", "set", "type ipv4_addr; flags interval;"},
    {"resolver", "set", "type ipv4_addr;"},
    {"seen", "set", "type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic,timeout; timeout 2s; size 65535;"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(sets); i++)
    ruleset_set(ruleset, sets[i].name, sets[i].kind, sets[i].head);
  for (gsize i = 0; i < network->cidrs.n; i++)
    rule_element(ruleset_set(ruleset, "vpc_cidrs", "set", ""),
                 g_strdup_printf("%s/%u", address_text(arena, cidr_base(&network->cidrs.v[i])), network->cidrs.v[i].prefix), NULL);
  RuleSet *resolver = ruleset_set(ruleset, "resolver", "set", "");
  rule_element(resolver, g_strdup("169.254.169.253"), NULL);
  if (network->cidrs.n)
    rule_element(resolver, g_strdup(address_text(arena, cidr_base(&network->cidrs.v[0]) + 2)), NULL);
}

Ruleset *ruleset_of(const Network *network, Numbers *numbers, GHashTable *cut) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *ruleset = ruleset_new();
  add_sets(ruleset, network, arena);
  add_prerouting(ruleset);
  add_input(ruleset);
  add_fault(ruleset);
  add_route(ruleset, network, numbers, arena);
  add_delivery(ruleset);
  add_gateways(ruleset, network, numbers);
  for (gsize i = 0; i < network->n_subnets; i++)
    add_subnet(ruleset, &network->subnets[i], numbers, cut);
  for (gsize i = 0; i < network->n_enis; i++)
    add_eni(ruleset, &network->enis[i], arena_printf(arena, "e%u", numbers_get(numbers, network->enis[i].id)), cut, arena);
  ruleset_add_groups(ruleset, network, numbers, arena);
  ruleset_add_acls(ruleset, network, numbers, arena);
  return ruleset;
}
