/* security_group: one chain a group and direction, holding only accepts; one chain for each combination of groups in use, which jumps
 * to its groups and ends in a drop with their names; a map from device to combination. */
#include "fabric/ruleset.h"

#include <string.h>

static gboolean peer_known(const Network *network, const GroupRule *rule) {
  return rule->peer == PEER_CIDR || (rule->peer == PEER_GROUP && network_group(network, rule->peer_id)) ||
         (rule->peer == PEER_PREFIX_LIST && network_prefix_list(network, rule->peer_id));
}

/* A rule that names a group or a prefix list speaks of both families. */
static void add_rule(RuleChain *chain, Arena *arena, const GroupRule *rule) {
  const char *side = rule->egress ? "daddr" : "saddr", *service = rule_service(arena, rule->protocol, rule->from_port, rule->to_port);
  if (rule->peer == PEER_CIDR) {
    rule_add(chain, "%s %s counter accept comment \"%s\"", rule_range(arena, side, &rule->cidr), service, rule->id);
    return;
  }
  const char *v4 = rule_name(arena, rule->peer == PEER_GROUP ? "m_" : "pl_", rule->peer_id);
  const char *v6 = rule_name(arena, rule->peer == PEER_GROUP ? "m6_" : "pl6_", rule->peer_id);
  rule_add(chain, "ip %s @%s %s counter accept comment \"%s\"", side, v4, service, rule->id);
  rule_add(chain, "ip6 %s @%s %s counter accept comment \"%s\"", side, v6, service, rule->id);
}

static void add_group(Ruleset *ruleset, const Network *network, const SecurityGroup *group, Arena *arena) {
  RuleChain *out = ruleset_chain(ruleset, rule_name(arena, "so_", group->id), ""), *in = ruleset_chain(ruleset, rule_name(arena, "si_", group->id), "");
  ruleset_set(ruleset, rule_name(arena, "m_", group->id), "set", "type ipv4_addr;");
  ruleset_set(ruleset, rule_name(arena, "m6_", group->id), "set", "type ipv6_addr;");
  for (gsize i = 0; i < group->n_rules; i++)
    if (peer_known(network, &group->rules[i]))
      add_rule(group->rules[i].egress ? out : in, arena, &group->rules[i]);
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
  RuleSet *v4 = ruleset_set(ruleset, rule_name(arena, "pl_", list->id), "set", "type ipv4_addr; flags interval; auto-merge;");
  RuleSet *v6 = ruleset_set(ruleset, rule_name(arena, "pl6_", list->id), "set", "type ipv6_addr; flags interval; auto-merge;");
  for (gsize i = 0; i < list->cidrs.n; i++) {
    Range range = {range_base(&list->cidrs.v[i]), list->cidrs.v[i].prefix};
    rule_element(range_is4(&range) ? v4 : v6, g_strdup(range_text(arena, &range)), NULL);
  }
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
