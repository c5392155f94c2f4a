/* security_group: one chain a group and direction, holding only accepts; one chain for each combination of groups in use, which jumps
 * to its groups and ends in a drop with their names; a map from device to combination. */
#include "fabric/ruleset.h"

#include <string.h>

static const char *service_match(Arena *arena, const GroupRule *rule) {
  const char *name = rule->protocol == 6 ? "tcp" : "udp";
  if (rule->protocol == -1)
    return "";
  if (rule->protocol == 6 || rule->protocol == 17) {
    if (rule->from_port == -1 || (rule->from_port == 0 && rule->to_port == 65535))
      return arena_printf(arena, "meta l4proto %s", name);
    return rule->from_port == rule->to_port ? arena_printf(arena, "%s dport %d", name, rule->from_port)
                                            : arena_printf(arena, "%s dport %d-%d", name, rule->from_port, rule->to_port);
  }
  if (rule->protocol == 1 && rule->from_port >= 0)
    return rule->to_port >= 0 ? arena_printf(arena, "icmp type %d icmp code %d", rule->from_port, rule->to_port) : arena_printf(arena, "icmp type %d", rule->from_port);
  return arena_printf(arena, "meta l4proto %d", rule->protocol);
}

static const char *peer_match(Arena *arena, const GroupRule *rule) {
  const char *side = rule->egress ? "ip daddr" : "ip saddr";
  switch (rule->peer) {
  case PEER_CIDR:
    if (rule->cidr.prefix == 0)
      return "meta nfproto ipv4";
    return arena_printf(arena, "%s %s/%u", side, address_text(arena, cidr_base(&rule->cidr)), rule->cidr.prefix);
  case PEER_GROUP: return arena_printf(arena, "%s @%s", side, rule_name(arena, "m_", rule->peer_id));
  case PEER_PREFIX_LIST: return arena_printf(arena, "%s @%s", side, rule_name(arena, "pl_", rule->peer_id));
  }
  return "";
}

static gboolean peer_known(const Network *network, const GroupRule *rule) {
  return rule->peer == PEER_CIDR || (rule->peer == PEER_GROUP && network_group(network, rule->peer_id)) ||
         (rule->peer == PEER_PREFIX_LIST && network_prefix_list(network, rule->peer_id));
}

static void add_group(Ruleset *ruleset, const Network *network, const SecurityGroup *group, Arena *arena) {
  RuleChain *out = ruleset_chain(ruleset, rule_name(arena, "so_", group->id), ""), *in = ruleset_chain(ruleset, rule_name(arena, "si_", group->id), "");
  ruleset_set(ruleset, rule_name(arena, "m_", group->id), "set", "type ipv4_addr;");
  for (gsize i = 0; i < group->n_rules; i++) {
    const GroupRule *rule = &group->rules[i];
    if (peer_known(network, rule))
      rule_add(rule->egress ? out : in, "%s %s counter accept comment \"%s\"", peer_match(arena, rule), service_match(arena, rule), rule->id);
  }
}

static int compare_text(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

/* The chain of a combination of groups; its name. */
static const char *add_combination(Ruleset *ruleset, const Network *network, const Eni *eni, gboolean egress, Arena *arena) {
  const char **sorted = arena_memdup(arena, eni->groups, eni->n_groups * sizeof *eni->groups);
  qsort(sorted, eni->n_groups, sizeof *sorted, compare_text);
  const char *groups = text_join(arena, ",", sorted, eni->n_groups);
  g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, groups, -1);
  const char *name = arena_printf(arena, "%s_%.20s", egress ? "co" : "ci", digest);
  RuleChain *chain = ruleset_chain(ruleset, name, "");
  if (chain->rules->len)
    return name;
  for (gsize i = 0; i < eni->n_groups; i++)
    if (network_group(network, sorted[i]))
      rule_add(chain, "jump %s", rule_name(arena, egress ? "so_" : "si_", sorted[i]));
  rule_drop(chain, "", egress ? STAGE_GROUP_OUT : STAGE_GROUP_IN, groups);
  return name;
}

static void add_member(Ruleset *ruleset, const Network *network, Numbers *numbers, const Eni *eni, Arena *arena) {
  RuleSet *out = ruleset_set(ruleset, "sg_out", "map", "type ifname : verdict;"), *in = ruleset_set(ruleset, "sg_in", "map", "type ifname : verdict;");
  guint number = numbers_get(numbers, eni->id);
  if (eni->kind == ENI_NAT) {
    rule_element(out, g_strdup_printf("\"e%u\"", number), g_strdup("accept"));
    rule_element(in, g_strdup_printf("\"e%u\"", number), g_strdup("accept"));
    return;
  }
  rule_element(out, g_strdup_printf("\"e%u\"", number), g_strdup_printf("goto %s", add_combination(ruleset, network, eni, TRUE, arena)));
  rule_element(in, g_strdup_printf("\"e%u\"", number), g_strdup_printf("goto %s", add_combination(ruleset, network, eni, FALSE, arena)));
  for (gsize i = 0; i < eni->n_groups; i++)
    if (network_group(network, eni->groups[i]))
      rule_element(ruleset_set(ruleset, rule_name(arena, "m_", eni->groups[i]), "set", "type ipv4_addr;"), g_strdup(address_text(arena, eni->address)), NULL);
}

static void add_prefix_list(Ruleset *ruleset, const PrefixList *list, Arena *arena) {
  RuleSet *set = ruleset_set(ruleset, rule_name(arena, "pl_", list->id), "set", "type ipv4_addr; flags interval;");
  for (gsize i = 0; i < list->cidrs.n; i++)
    rule_element(set, g_strdup_printf("%s/%u", address_text(arena, cidr_base(&list->cidrs.v[i])), list->cidrs.v[i].prefix), NULL);
}

static void add_stage(Ruleset *ruleset, const Network *network, const char *name, const char *head, const char *lookup, ReachStage stage) {
  RuleChain *chain = ruleset_chain(ruleset, name, head);
  if (!network->stateless_groups)
    rule_add(chain, "ct state established,related accept");
  rule_add(chain, "%s", lookup);
  rule_drop(chain, "", stage, "none");
}

void ruleset_add_groups(Ruleset *ruleset, const Network *network, Numbers *numbers, Arena *arena) {
  add_stage(ruleset, network, "f2_sg_out", "type filter hook forward priority -10; policy drop;", "iifname vmap @sg_out", STAGE_GROUP_OUT);
  add_stage(ruleset, network, "f5_sg_in", "type filter hook forward priority 20; policy drop;", "oifname vmap @sg_in", STAGE_GROUP_IN);
  for (gsize i = 0; i < network->n_prefix_lists; i++)
    add_prefix_list(ruleset, &network->prefix_lists[i], arena);
  for (gsize i = 0; i < network->n_groups; i++)
    add_group(ruleset, network, &network->groups[i], arena);
  for (gsize i = 0; i < network->n_enis; i++)
    add_member(ruleset, network, numbers, &network->enis[i], arena);
}
