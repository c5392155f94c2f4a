/* network_acl: one chain a network ACL and direction: numbered, the first match decides, every denial names its number. */
#include "fabric/ruleset.h"

static const char *entry_match(Arena *arena, const AclEntry *entry) {
  return arena_printf(arena, "%s %s", rule_range(arena, entry->egress ? "daddr" : "saddr", &entry->cidr),
                      rule_service(arena, entry->protocol, entry->from_port, entry->to_port));
}

static void add_acl(Ruleset *ruleset, const NetworkAcl *acl, gboolean egress, Arena *arena) {
  RuleChain *chain = ruleset_chain(ruleset, rule_name(arena, egress ? "no_" : "ni_", acl->id), "");
  ReachStage stage = egress ? STAGE_ACL_OUT : STAGE_ACL_IN;
  for (gsize i = 0; i < acl->n_entries; i++) {
    const AclEntry *entry = &acl->entries[i];
    if (entry->egress != egress)
      continue;
    if (entry->allow)
      rule_add(chain, "%s counter accept comment \"%d\"", entry_match(arena, entry), entry->number);
    else
      rule_drop(chain, entry_match(arena, entry), stage, arena_printf(arena, "%s:%d", acl->id, entry->number));
  }
  rule_drop(chain, "", stage, arena_printf(arena, "%s:*", acl->id));
}

static void add_stage(Ruleset *ruleset, const char *name, const char *head, const char *lookup) {
  RuleChain *chain = ruleset_chain(ruleset, name, head);
  rule_add(chain, "meta iifgroup . meta oifgroup @same_subnet accept");
  rule_add(chain, "%s", lookup);
}

void ruleset_add_acls(Ruleset *ruleset, const Network *network, Numbers *numbers, Arena *arena) {
  RuleSet *out = ruleset_set(ruleset, "nacl_out", "map", ""), *in = ruleset_set(ruleset, "nacl_in", "map", "");
  add_stage(ruleset, "f3_nacl_out", "type filter hook forward priority 0; policy accept;", "meta iifgroup vmap @nacl_out");
  add_stage(ruleset, "f4_nacl_in", "type filter hook forward priority 10; policy accept;", "meta oifgroup vmap @nacl_in");
  for (gsize i = 0; i < network->n_acls; i++) {
    add_acl(ruleset, &network->acls[i], TRUE, arena);
    add_acl(ruleset, &network->acls[i], FALSE, arena);
  }
  for (gsize i = 0; i < network->n_subnets; i++) {
    const Subnet *subnet = &network->subnets[i];
    if (!network_acl(network, subnet->acl))
      continue;
    guint group = numbers_get(numbers, subnet->id);
    rule_element(out, g_strdup_printf("%u", group), g_strdup_printf("goto %s", rule_name(arena, "no_", subnet->acl)));
    rule_element(in, g_strdup_printf("%u", group), g_strdup_printf("goto %s", rule_name(arena, "ni_", subnet->acl)));
  }
}
