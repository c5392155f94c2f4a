/* stages: the base chains, one a stage of reach/pipeline.def, in AWS's order. `accept` ends only its own chain, so that the connection
 * tracking of the groups cannot bypass the stateless network ACLs. And the parts of what has no file of its own here. */
#include "fabric/ruleset.h"

#include <string.h>

#define SOURCES4 "type ifname . ipv4_addr;"
#define SOURCES6 "type ifname . ipv6_addr;"
#define DEVICES "type ifname;"
#define GROUP_VERDICTS_IN "typeof meta oifgroup : verdict;"
#define GROUP_VERDICTS_OUT "typeof meta iifgroup : verdict;"
#define ADDRESSES "type ipv4_addr;"
#define ADDRESS_MAP "type ipv4_addr : ipv4_addr;"
#define RANGES4 "type ipv4_addr; flags interval;"
#define SEEN4 "type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic,timeout; timeout 2s; size 65535;"
#define SEEN6 "type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags dynamic,timeout; timeout 2s; size 65535;"
#define RANGES6 "type ipv6_addr; flags interval;"

static RuleSet *devices(Ruleset *part, const char *name) { return ruleset_set(part, name, "set", DEVICES); }

/* faults.c says what is in the two that are jumped to. */
static void add_fault(Ruleset *part) {
  rule_add(ruleset_chain(part, "f0_fault", "type filter hook forward priority -30; policy accept;"), "jump faults");
  ruleset_chain(part, "faults", "");
  ruleset_chain(part, "faults_in", "");
}

static void add_route(Ruleset *part) {
  RuleChain *chain = ruleset_chain(part, "f1_route", "type filter hook forward priority -20; policy accept;");
  rule_add(chain, "iifname @nats oifname @nats meta mark vmap @rt_drop");   /* its subnet's way out is a NAT gateway again */
  rule_add(chain, "oifname \"noroute\" ip daddr @vpc_cidrs goto rd_local");
  rule_add(chain, "oifname \"noroute\" ip6 daddr @vpc_cidrs6 goto rd_local");
  rule_add(chain, "oifname \"noroute\" meta mark vmap @rt_drop");
  rule_add(chain, "oifname \"noroute\" goto rd_local");
  rule_add(chain, "oifname \"blackhole\" goto rd_blackhole");
  rule_add(chain, "oifname \"checked\" goto rd_checked");
  rule_add(chain, "oifname \"igw\" ip saddr != @has_eip goto rd_igw");
  rule_add(chain, "iifname \"eigw\" ct state established,related accept");
  rule_add(chain, "iifname \"eigw\" goto rd_eigw");
  rule_drop(ruleset_chain(part, "rd_local", ""), "", STAGE_ROUTE, "local");
  rule_drop(ruleset_chain(part, "rd_blackhole", ""), "", STAGE_ROUTE, "blackhole");
  rule_drop(ruleset_chain(part, "rd_checked", ""), "", STAGE_SPOOF, "destination");
  rule_drop(ruleset_chain(part, "rd_igw", ""), "", STAGE_ROUTE, "igw");
  rule_drop(ruleset_chain(part, "rd_eigw", ""), "", STAGE_ROUTE, "eigw");
}

static void add_prerouting(Ruleset *part) {
  RuleChain *chain = ruleset_chain(part, "p_pre", "type filter hook prerouting priority mangle; policy drop;");
  rule_add(chain, "meta mark set meta iifgroup map @subnet_rt");
  rule_add(chain, "iifname . ip saddr @eni_src accept");
  rule_add(chain, "iifname . ip6 saddr @eni_src6 accept");
  rule_add(chain, "iifname @nocheck accept");
  rule_add(chain, "ip6 daddr ff00::/8 counter drop");   /* a namespace's own multicast is nobody's business */
  rule_drop(chain, "", STAGE_SPOOF, "");
  rule_add(ruleset_chain(part, "p_dnat", "type nat hook prerouting priority dstnat;"), "iifname \"igw\" dnat ip to ip daddr map @eip_in");
  rule_add(ruleset_chain(part, "p_snat", "type nat hook postrouting priority srcnat;"), "oifname \"igw\" snat ip to ip saddr map @eip_out");
}

/* The router itself is the resolver and nothing else. Groups and ACLs do not see it, as on AWS. */
static void add_input(Ruleset *part) {
  RuleChain *chain = ruleset_chain(part, "p_in", "type filter hook input priority filter; policy drop;");
  rule_add(chain, "jump faults_in");
  rule_add(chain, "ct state established,related accept");
  rule_add(chain, "ip daddr @resolver meta l4proto { tcp, udp } th dport 53 accept");
  rule_add(chain, "ip6 daddr " REACH_RESOLVER6 " meta l4proto { tcp, udp } th dport 53 accept");
  rule_add(chain, "counter drop");
}

/* "{ 10.0.0.0/8, ... }" of one family (arena). */
static const char *ranges_of(Arena *arena, const char *const *ranges, gboolean ipv6) {
  g_autoptr(GString) out = g_string_new("{ ");
  for (; *ranges; ranges++)
    if ((strchr(*ranges, ':') != NULL) == ipv6)
      g_string_append_printf(out, "%s%s", out->len > 2 ? ", " : "", *ranges);
  g_string_append(out, " }");
  return arena_strdup(arena, out->str);
}

/* Behind gateways: what is for the region goes on; what nothing carries, and what haar does not, is logged. */
static void add_lost(RuleChain *chain, gboolean none, Arena *arena) {
  rule_add(chain, "ip daddr %s return", ranges_of(arena, reach_region, FALSE));
  rule_add(chain, "ip6 daddr %s return", ranges_of(arena, reach_region, TRUE));
  rule_log(chain, arena_printf(arena, "ip daddr %s", ranges_of(arena, reach_not_global, FALSE)), STAGE_DELIVER, "private");
  rule_log(chain, arena_printf(arena, "ip6 daddr %s", ranges_of(arena, reach_not_global, TRUE)), STAGE_DELIVER, "private");
  rule_add(chain, "ip daddr %s return", ranges_of(arena, reach_not_global, FALSE));
  rule_add(chain, "ip6 daddr %s return", ranges_of(arena, reach_not_global, TRUE));
  rule_log(chain, none ? "" : "meta l4proto != { tcp, udp }", STAGE_DELIVER, "internet");
}

Ruleset *part_edge(void) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *part = ruleset_new();
  ruleset_set(part, "seen", "set", SEEN4);
  ruleset_set(part, "seen6", "set", SEEN6);
  RuleChain *chain = ruleset_chain(part, "out", "type filter hook forward priority 0; policy accept;");
  rule_add(chain, "oifname != \"noroute\" accept");
  rule_add(chain, "jump out_lost");
  rule_add(chain, "counter drop");   /* silence: the kernel would say after some seconds that the host is unreachable */
  chain = ruleset_chain(part, "out_lost", "");
  rule_log(chain, arena_printf(arena, "ip daddr %s", ranges_of(arena, reach_region, FALSE)), STAGE_DELIVER, "nobody");
  rule_log(chain, arena_printf(arena, "ip6 daddr %s", ranges_of(arena, reach_region, TRUE)), STAGE_DELIVER, "nobody");
  rule_add(chain, "iifname != \"o*\" return");   /* the router has logged it */
  add_lost(chain, TRUE, arena);
  return part;
}

/* What ends behind a gateway is logged and let go: AWS's flow logs have it as accepted. What a NAT gateway takes is logged too, so that what
 * becomes of it is known as its sender's. */
static void add_out(Ruleset *part, const Network *network, Arena *arena) {
  add_lost(ruleset_chain(part, "dl_out", ""), network->internet == INTERNET_NONE, arena);
  rule_log(ruleset_chain(part, "dl_nat", ""), "", STAGE_DELIVER, DROP_TRANSLATED);
}

/* haar answers on 80 and 443 of endpoints; the rest is silence. */
static void add_delivery(Ruleset *part, const Network *network, Arena *arena) {
  RuleChain *chain = ruleset_chain(part, "f6_deliver", "type filter hook forward priority 30; policy accept;");
  add_out(part, network, arena);
  RuleChain *new = ruleset_chain(part, "dl_new", "");
  rule_add(chain, "ct state new jump dl_new");
  rule_add(new, "oifname { \"igw\", \"eigw\" } goto dl_out");
  rule_add(new, "oifname @nats goto dl_nat");
  rule_add(chain, "oifname @served ct direction original tcp dport { 80, 443 } accept");
  rule_add(chain, "oifname @served ct direction original goto dl_port");
  rule_drop(ruleset_chain(part, "dl_port", ""), "", STAGE_DELIVER, "port");
}

/* What comes and goes through gateways is no interface: neither source check nor groups. */
static void add_gateway(Ruleset *part, const char *device) {
  rule_element(devices(part, "nocheck"), g_strdup_printf("\"%s\"", device), NULL);
  rule_element(devices(part, "ungrouped"), g_strdup_printf("\"%s\"", device), NULL);
}

/* Sets that the base chains name. */
static void add_sets(Ruleset *part) {
  static const struct { const char *name, *kind, *head; } sets[] = {
    {"eni_src", "set", SOURCES4}, {"eni_src6", "set", SOURCES6}, {"nocheck", "set", DEVICES}, {"served", "set", DEVICES}, {"auto_tracked", "set", DEVICES}, {"nats", "set", DEVICES},
    {"ungrouped", "set", DEVICES}, {"sg_of", "map", GROUPS_OF}, {"sg_out", "map", MARK_VERDICTS}, {"sg_in", "map", MARK_VERDICTS}, {"has_eip", "set", ADDRESSES}, {"eip_out", "map", ADDRESS_MAP},
    {"eip_in", "map", ADDRESS_MAP}, {"same_subnet", "set", "typeof meta iifgroup . meta oifgroup;"},
    {"subnet_rt", "map", "typeof meta iifgroup : meta mark;"}, {"rt_drop", "map", MARK_VERDICTS}, {"nacl_out", "map", GROUP_VERDICTS_OUT},
    {"nacl_in", "map", GROUP_VERDICTS_IN},
    {"vpc_cidrs", "set", RANGES4}, {"vpc_cidrs6", "set", RANGES6}, {"resolver", "set", ADDRESSES},
    {"seen", "set", SEEN4}, {"seen6", "set", SEEN6},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(sets); i++)
    ruleset_set(part, sets[i].name, sets[i].kind, sets[i].head);
}

static void add_addresses(Ruleset *part, const Network *network, Arena *arena) {
  for (gsize i = 0; i < network->cidrs.n; i++)
    rule_element(ruleset_set(part, "vpc_cidrs", "set", RANGES4),
                 g_strdup_printf("%s/%u", address_text(arena, cidr_base(&network->cidrs.v[i])), network->cidrs.v[i].prefix), NULL);
  for (gsize i = 0; i < network->cidrs6.n; i++) {
    Range base = {range_base(&network->cidrs6.v[i]), network->cidrs6.v[i].prefix};
    rule_element(ruleset_set(part, "vpc_cidrs6", "set", RANGES6), g_strdup(range_text(arena, &base)), NULL);
  }
  RuleSet *resolver = ruleset_set(part, "resolver", "set", ADDRESSES);
  rule_element(resolver, g_strdup("169.254.169.253"), NULL);
  if (network->cidrs.n)
    rule_element(resolver, g_strdup(address_text(arena, cidr_base(&network->cidrs.v[0]) + 2)), NULL);
}

/* ACLs are not asked inside a subnet. */
static void add_acl_stage(Ruleset *part, const char *name, const char *head, const char *lookup) {
  RuleChain *chain = ruleset_chain(part, name, head);
  rule_add(chain, "meta iifgroup . meta oifgroup @same_subnet accept");
  rule_add(chain, "%s", lookup);
}

Ruleset *part_base(const Network *network) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *part = ruleset_new();
  add_sets(part);
  add_addresses(part, network, arena);
  add_prerouting(part);
  add_input(part);
  add_fault(part);
  add_route(part);
  add_acl_stage(part, "f3_nacl_out", "type filter hook forward priority 0; policy accept;", "meta iifgroup vmap @nacl_out");
  add_acl_stage(part, "f4_nacl_in", "type filter hook forward priority 10; policy accept;", "meta oifgroup vmap @nacl_in");
  part_add_group_stages(part, network->stateless_groups);
  add_delivery(part, network, arena);
  add_gateway(part, "igw");
  add_gateway(part, "eigw");
  rule_element(devices(part, "nocheck"), g_strdup("\"lo\""), NULL);
  rule_element(devices(part, "auto_tracked"), g_strdup("\"eigw\""), NULL);
  return part;
}

Ruleset *part_subnet(const Subnet *subnet, Numbers *numbers) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *part = ruleset_new();
  guint group = numbers_get(numbers, subnet->id);
  rule_element(ruleset_set(part, "same_subnet", "set", "typeof meta iifgroup . meta oifgroup;"), g_strdup_printf("%u . %u", group, group), NULL);
  if (subnet->route_table)
    rule_element(ruleset_set(part, "subnet_rt", "map", "typeof meta iifgroup : meta mark;"), g_strdup_printf("%u", group),
                 g_strdup_printf("%u", numbers_get(numbers, subnet->route_table)));
  if (!subnet->acl)
    return part;
  const char *out = rule_name(arena, "no_", subnet->acl), *in = rule_name(arena, "ni_", subnet->acl);
  ruleset_chain(part, out, "");
  ruleset_chain(part, in, "");
  rule_element(ruleset_set(part, "nacl_out", "map", GROUP_VERDICTS_OUT), g_strdup_printf("%u", group), g_strdup_printf("goto %s", out));
  rule_element(ruleset_set(part, "nacl_in", "map", GROUP_VERDICTS_IN), g_strdup_printf("%u", group), g_strdup_printf("goto %s", in));
  return part;
}

Ruleset *part_route_table(const RouteTable *table, Numbers *numbers) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *part = ruleset_new();
  const char *name = rule_name(arena, "rd_", table->id);
  rule_drop(ruleset_chain(part, name, ""), "", STAGE_ROUTE, table->id);
  rule_element(ruleset_set(part, "rt_drop", "map", MARK_VERDICTS), g_strdup_printf("%u", numbers_get(numbers, table->id)), g_strdup_printf("goto %s", name));
  return part;
}

Ruleset *part_endpoint(const Endpoint *endpoint, Numbers *numbers) {
  Ruleset *part = ruleset_new();
  if (!endpoint->gateway)
    return part;
  g_autofree char *device = g_strdup_printf("gw%u", numbers_get(numbers, endpoint->id));
  add_gateway(part, device);
  rule_element(devices(part, "served"), g_strdup_printf("\"%s\"", device), NULL);
  return part;
}

Ruleset *part_peering(const Peering *peering, Numbers *numbers) {
  Ruleset *part = ruleset_new();
  g_autofree char *device = g_strdup_printf("x%u", numbers_get(numbers, peering->id));
  add_gateway(part, device);
  return part;
}

static void add_public(Ruleset *part, const char *address, guint32 public_address, Arena *arena) {
  const char *public = address_text(arena, public_address);
  rule_element(ruleset_set(part, "has_eip", "set", ADDRESSES), g_strdup(address), NULL);
  rule_element(ruleset_set(part, "eip_out", "map", ADDRESS_MAP), g_strdup(address), g_strdup(public));
  rule_element(ruleset_set(part, "eip_in", "map", ADDRESS_MAP), g_strdup(public), g_strdup(address));
}

static void add_address(Ruleset *part, const char *device, Ip ip, guint32 public_address, Arena *arena) {
  const char *address = ip_text(arena, ip);
  RuleSet *sources = ip_is4(ip) ? ruleset_set(part, "eni_src", "set", SOURCES4) : ruleset_set(part, "eni_src6", "set", SOURCES6);
  rule_element(sources, g_strdup_printf("\"%s\" . %s", device, address), NULL);
  if (public_address)
    add_public(part, address, public_address, arena);
}

Ruleset *part_eni(const Eni *eni, Numbers *numbers) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *part = ruleset_new();
  const char *device = arena_printf(arena, "e%u", numbers_get(numbers, eni->id));
  add_address(part, device, ip_of4(eni->address), eni->public_address, arena);
  for (gsize i = 0; i < eni->n_more; i++)
    add_address(part, device, eni->more[i].address, eni->more[i].public_address, arena);
  if (eni->no_source_check || eni->kind == ENI_NAT)
    rule_element(devices(part, "nocheck"), g_strdup_printf("\"%s\"", device), NULL);
  if (eni->kind == ENI_NAT)
    rule_element(devices(part, "nats"), g_strdup_printf("\"%s\"", device), NULL);
  if (eni->kind == ENI_ENDPOINT)
    rule_element(devices(part, "served"), g_strdup_printf("\"%s\"", device), NULL);
  if (eni->kind != ENI_ORDINARY)
    rule_element(devices(part, "auto_tracked"), g_strdup_printf("\"%s\"", device), NULL);
  part_add_groups(part, eni, device, numbers, arena);
  return part;
}

/* --- all of it --- */

void parts_put_eni(Rules *rules, Numbers *numbers, const char *id, const Eni *eni) {
  g_autofree char *owner = g_strdup_printf("eni %s", id);
  rules_put(rules, owner, eni ? part_eni(eni, numbers) : NULL);
}

void parts_put_foreign(Rules *rules, const char *id, const Eni *eni, GHashTable *groups) {
  g_autoptr(Arena) arena = arena_new();
  g_autofree char *owner = g_strdup_printf("foreign %s", id);
  Ruleset *part = NULL;
  for (gsize i = 0; eni && i < eni->n_groups; i++)
    if (g_hash_table_contains(groups, eni->groups[i])) {
      part = part ? part : ruleset_new();
      part_add_members(part, eni, eni->groups[i], arena);
    }
  rules_put(rules, owner, part);
}
