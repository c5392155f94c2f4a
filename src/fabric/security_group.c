/* security_group: the chains of a group and direction hold only accepts: so_/si_ the rules that name somebody, sa_/sb_ those that allow all
 * addresses a protocol. For each combination of groups in use one chain a direction, which jumps to its groups and ends in a drop with
 * their names. A map says which combination (a number) a device has, another which chain that is: an element that leads to a chain lets the kernel walk
 * through the whole table, so an interface more has none. The packet's mark carries the number; what routing wrote there is no longer needed.
 *
 * A TCP or UDP flow that a rule for all addresses allows is not tracked if a rule for all addresses and ports allows the other direction: it is
 * judged by the rules at each packet, so it ends when they change. The bits of the connection's mark say so, 1 for the end that
 * began it, 2 for the other. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html */
#include "fabric/ruleset.h"
#include "wire/value.h"

#include <string.h>

enum { UNTRACKED_BEGINNER = 1, UNTRACKED_ANSWERER = 2 };

static gboolean is_for_all(const GroupRule *rule) {
  return rule->peer == PEER_CIDR && rule->cidr.prefix == 0 && (rule->protocol == -1 || rule->protocol == 6 || rule->protocol == 17);
}

static gboolean has_all_ports(const GroupRule *rule) {
  return rule->protocol == -1 || rule->from_port == -1 || (rule->from_port == 0 && rule->to_port == 65535);
}

/* A rule that names a group or a prefix list speaks of both families. */
void part_add_rule(Ruleset *part, RuleChain *chain, Arena *arena, const GroupRule *rule, const char *service) {
  const char *side = rule->egress ? "daddr" : "saddr";
  if (rule->peer == PEER_CIDR) {
    rule_add(chain, "%s %s counter accept comment \"%s\"", rule_range(arena, side, &rule->cidr), service, rule->id);
    return;
  }
  gboolean group = rule->peer == PEER_GROUP;
  const char *v4 = rule_name(arena, group ? "m_" : "pl_", rule->peer_id), *v6 = rule_name(arena, group ? "m6_" : "pl6_", rule->peer_id);
  ruleset_set(part, v4, "set", group ? "type ipv4_addr;" : "type ipv4_addr; flags interval;");
  ruleset_set(part, v6, "set", group ? "type ipv6_addr;" : "type ipv6_addr; flags interval;");
  rule_add(chain, "ip %s @%s %s counter accept comment \"%s\"", side, v4, service, rule->id);
  rule_add(chain, "ip6 %s @%s %s counter accept comment \"%s\"", side, v6, service, rule->id);
}

/* What a rule for all addresses and ports means for the flows of the other direction. */
static void add_untracked(RuleChain *chain, const GroupRule *rule) {
  g_autofree char *protocols = rule->protocol == -1 ? g_strdup("{ 6, 17 }") : g_strdup_printf("%d", rule->protocol);
  rule_add(chain, "ct state new iifname != @auto_tracked oifname != @auto_tracked meta nfproto %s meta l4proto %s ct mark set ct mark or %d",
           range_is4(&rule->cidr) ? "ipv4" : "ipv6", protocols, rule->egress ? UNTRACKED_ANSWERER : UNTRACKED_BEGINNER);
}

Ruleset *part_group(const SecurityGroup *group) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *part = ruleset_new();
  for (int egress = 0; egress < 2; egress++) {
    RuleChain *some = ruleset_chain(part, rule_name(arena, egress ? "so_" : "si_", group->id), "");
    RuleChain *all = ruleset_chain(part, rule_name(arena, egress ? "sa_" : "sb_", group->id), "");
    RuleChain *untracked = ruleset_chain(part, rule_name(arena, egress ? "xo_" : "xi_", group->id), "");
    for (gsize i = 0; i < group->n_rules; i++) {
      const GroupRule *rule = &group->rules[i];
      if (rule->egress != egress)
        continue;
      part_add_rule(part, is_for_all(rule) ? all : some, arena, rule, rule_service(arena, rule->protocol, rule->from_port, rule->to_port));
      if (is_for_all(rule) && has_all_ports(rule))
        add_untracked(untracked, rule);
    }
  }
  return part;
}

static int compare_text(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

static void add_jumps(Ruleset *part, RuleChain *chain, const char *prefix, const char *const *groups, gsize n, Arena *arena) {
  for (gsize i = 0; i < n; i++) {
    const char *name = rule_name(arena, prefix, groups[i]);
    ruleset_chain(part, name, "");
    rule_add(chain, "jump %s", name);
  }
}

/* The chain of a combination of groups. */
static void add_combination(Ruleset *part, const StringList *groups, const char *id, guint number, gboolean egress, Arena *arena) {
  const char *name = arena_printf(arena, "%s_%s", egress ? "co" : "ci", id);
  RuleChain *chain = ruleset_chain(part, name, "");
  add_jumps(part, chain, egress ? "so_" : "si_", groups->v, groups->n, arena);
  add_jumps(part, chain, egress ? "xi_" : "xo_", groups->v, groups->n, arena);
  add_jumps(part, chain, egress ? "sa_" : "sb_", groups->v, groups->n, arena);
  rule_drop(chain, "", egress ? STAGE_GROUP_OUT : STAGE_GROUP_IN, text_join(arena, ",", groups->v, groups->n));
  rule_element(ruleset_set(part, egress ? "sg_out" : "sg_in", "map", MARK_VERDICTS), g_strdup_printf("%u", number), g_strdup_printf("goto %s", name));
}

void part_add_members(Ruleset *part, const Eni *eni, const char *group, Arena *arena) {
  RuleSet *v4 = ruleset_set(part, rule_name(arena, "m_", group), "set", "type ipv4_addr;");
  RuleSet *v6 = ruleset_set(part, rule_name(arena, "m6_", group), "set", "type ipv6_addr;");
  rule_element(v4, g_strdup(address_text(arena, eni->address)), NULL);
  for (gsize i = 0; i < eni->n_more; i++)
    rule_element(ip_is4(eni->more[i].address) ? v4 : v6, g_strdup(ip_text(arena, eni->more[i].address)), NULL);
}

void part_add_groups(Ruleset *part, const Eni *eni, const char *device, Numbers *numbers, Arena *arena) {
  StringList groups = {eni->n_groups, arena_memdup(arena, eni->groups, eni->n_groups * sizeof *eni->groups)};
  if (groups.n)
    qsort(groups.v, groups.n, sizeof *groups.v, compare_text);
  for (gsize i = 0; i < groups.n; i++)
    part_add_members(part, eni, groups.v[i], arena);
  if (eni->kind == ENI_NAT) {
    rule_element(ruleset_set(part, "ungrouped", "set", "type ifname;"), g_strdup_printf("\"%s\"", device), NULL);
    return;
  }
  g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text_join(arena, ",", groups.v, groups.n), -1);
  digest[20] = 0;
  guint number = numbers_get(numbers, digest);
  add_combination(part, &groups, digest, number, TRUE, arena);
  add_combination(part, &groups, digest, number, FALSE, arena);
  rule_element(ruleset_set(part, "sg_of", "map", GROUPS_OF), g_strdup_printf("\"%s\"", device), g_strdup_printf("%u", number));
}

/* A range inside another says nothing new, and interval sets take no two that overlap. */
static gboolean is_inside_another(const RangeList *list, gsize at) {
  for (gsize i = 0; i < list->n; i++) {
    gboolean wider = list->v[i].prefix < list->v[at].prefix || (list->v[i].prefix == list->v[at].prefix && i < at);
    if (i != at && wider && range_overlaps(&list->v[i], &list->v[at]))
      return TRUE;
  }
  return FALSE;
}

Ruleset *part_prefix_list(const PrefixList *list) {
  g_autoptr(Arena) arena = arena_new();
  Ruleset *part = ruleset_new();
  RuleSet *v4 = ruleset_set(part, rule_name(arena, "pl_", list->id), "set", "type ipv4_addr; flags interval;");
  RuleSet *v6 = ruleset_set(part, rule_name(arena, "pl6_", list->id), "set", "type ipv6_addr; flags interval;");
  for (gsize i = 0; i < list->cidrs.n; i++) {
    Range range = {range_base(&list->cidrs.v[i]), list->cidrs.v[i].prefix};
    if (!is_inside_another(&list->cidrs, i))
      rule_element(range_is4(&range) ? v4 : v6, g_strdup(range_text(arena, &range)), NULL);
  }
  return part;
}

static void add_stage(Ruleset *part, gboolean stateless, const char *name, const char *head, ReachStage stage) {
  const char *side = stage == STAGE_GROUP_OUT ? "iifname" : "oifname";
  RuleChain *chain = ruleset_chain(part, name, head);
  if (stateless && stage == STAGE_GROUP_OUT) {   /* faults.c */
    ruleset_set(part, "sg_reply", "map", "type ifname : verdict;");
    rule_add(chain, "ct direction reply iifname vmap @sg_reply");
  }
  if (stateless) {
    rule_add(chain, "ct state established,related accept");
  } else {
    rule_add(chain, "ct state established,related ct mark 0 accept");
    rule_add(chain, "ct state related accept");
    rule_add(chain, "ct state established ct direction original ct mark and %d == 0 accept", stage == STAGE_GROUP_OUT ? UNTRACKED_BEGINNER : UNTRACKED_ANSWERER);
    rule_add(chain, "ct state established ct direction reply ct mark and %d == 0 accept", stage == STAGE_GROUP_OUT ? UNTRACKED_ANSWERER : UNTRACKED_BEGINNER);
  }
  rule_add(chain, "%s @ungrouped accept", side);
  rule_add(chain, "meta mark set 0");
  rule_add(chain, "meta mark set %s map @sg_of", side);
  rule_add(chain, "meta mark vmap @%s", stage == STAGE_GROUP_OUT ? "sg_out" : "sg_in");
  rule_drop(chain, "", stage, "none");
}

void part_add_group_stages(Ruleset *part, gboolean stateless) {
  add_stage(part, stateless, "f2_sg_out", "type filter hook forward priority -10; policy drop;", STAGE_GROUP_OUT);
  add_stage(part, stateless, "f5_sg_in", "type filter hook forward priority 20; policy drop;", STAGE_GROUP_IN);
}
