/* network_acl: one chain a network ACL and direction: numbered, the first match decides, every denial names its number. */
#include "fabric/ruleset.h"

static const char *entry_match(Arena *arena, const AclEntry *entry) {
  return arena_printf(arena, "%s %s", rule_range(arena, entry->egress ? "daddr" : "saddr", &entry->cidr),
                      rule_service(arena, entry->protocol, entry->from_port, entry->to_port));
}

static void add_direction(Ruleset *part, const NetworkAcl *acl, gboolean egress, Arena *arena) {
  RuleChain *chain = ruleset_chain(part, rule_name(arena, egress ? "no_" : "ni_", acl->id), "");
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

Ruleset *part_acl(const NetworkAcl *acl) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *part = ruleset_new();
  add_direction(part, acl, TRUE, arena);
  add_direction(part, acl, FALSE, arena);
  return part;
}
