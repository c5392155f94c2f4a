/* ruleset: sets, maps and chains of a part, and what the texts of rules are made of. */
#include "fabric/ruleset.h"

#include <string.h>

static void set_free(gpointer data) {
  RuleSet *set = data;
  g_hash_table_unref(set->elements);
  g_free(set);
}

static void chain_free(gpointer data) {
  RuleChain *chain = data;
  g_string_free(chain->rules, TRUE);
  g_free(chain);
}

Ruleset *ruleset_new(void) {
  Ruleset *ruleset = g_new0(Ruleset, 1);
  ruleset->sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, set_free);
  ruleset->chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, chain_free);
  return ruleset;
}

void ruleset_free(Ruleset *ruleset) {
  if (!ruleset)
    return;
  g_hash_table_unref(ruleset->sets);
  g_hash_table_unref(ruleset->chains);
  g_free(ruleset);
}

RuleSet *ruleset_set(Ruleset *ruleset, const char *name, const char *kind, const char *head) {
  RuleSet *set = g_hash_table_lookup(ruleset->sets, name);
  if (set)
    return set;
  set = g_new0(RuleSet, 1);
  set->kind = kind;
  set->head = head;
  set->elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert(ruleset->sets, g_strdup(name), set);
  return set;
}

RuleChain *ruleset_chain(Ruleset *ruleset, const char *name, const char *head) {
  RuleChain *chain = g_hash_table_lookup(ruleset->chains, name);
  if (chain)
    return chain;
  chain = g_new0(RuleChain, 1);
  chain->head = head;
  chain->rules = g_string_new(NULL);
  g_hash_table_insert(ruleset->chains, g_strdup(name), chain);
  return chain;
}

void rule_element(RuleSet *set, char *key, char *value) { g_hash_table_replace(set->elements, key, value ? value : g_strdup("")); }

void rule_add(RuleChain *chain, const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_string_append_vprintf(chain->rules, format, args);
  va_end(args);
  g_string_append_c(chain->rules, '\n');
}

/* A flow is logged at most a few times a second. */
void rule_log(RuleChain *chain, const char *match, ReachStage stage, const char *rule) {
  static const char *const families[][2] = {{"seen", "ip"}, {"seen6", "ip6"}};
  const char *space = *match ? " " : "";
  for (gsize i = 0; i < G_N_ELEMENTS(families); i++) {
    const char *family = families[i][1];
    if (i == 0 ? strstr(match, "ip6 ") || strstr(match, "nfproto ipv6") : strstr(match, "ip saddr") || strstr(match, "ip daddr") || strstr(match, "nfproto ipv4"))
      continue;
    rule_add(chain, "%s%supdate @%s { %s saddr . %s daddr . meta l4proto . th dport limit rate 2/second burst 3 packets } "
             "log prefix \"%s:%.120s\" group 5 queue-threshold 1 snaplen 96", match, space, families[i][0], family, family, reach_stages[stage].prefix, rule);
  }
}

/* Every packet is counted. */
void rule_drop(RuleChain *chain, const char *match, ReachStage stage, const char *rule) {
  rule_log(chain, match, stage, rule);
  rule_add(chain, "%s%scounter drop", match, *match ? " " : "");
}

char *rule_name(Arena *arena, const char *prefix, const char *id) {
  char *name = arena_printf(arena, "%s%s", prefix, id);
  for (char *at = name; *at; at++)
    if (!g_ascii_isalnum(*at))
      *at = '_';
  return name;
}

char *rule_range(Arena *arena, const char *side, const Range *range) {
  Range base = {range_base(range), range->prefix};
  if (range->prefix == 0)
    return arena_strdup(arena, range_is4(range) ? "meta nfproto ipv4" : "meta nfproto ipv6");
  return arena_printf(arena, "%s %s %s", range_is4(range) ? "ip" : "ip6", side, range_text(arena, &base));
}

char *rule_service(Arena *arena, int protocol, int from_port, int to_port) {
  gboolean icmp = protocol == 1 || protocol == 58, ports = protocol == 6 || protocol == 17;
  const char *name = protocol == 6 ? "tcp" : "udp";
  if (protocol == -1)
    return arena_strdup(arena, "");
  if ((!icmp && !ports) || from_port == -1 || (ports && from_port == 0 && to_port == 65535))
    return arena_printf(arena, "meta l4proto %d", protocol);
  if (icmp)   /* not by name: nft takes ICMP's names for one family only */
    return to_port == -1 ? arena_printf(arena, "meta l4proto %d @th,0,8 %d", protocol, from_port)
                         : arena_printf(arena, "meta l4proto %d @th,0,8 %d @th,8,8 %d", protocol, from_port, to_port);
  return from_port == to_port ? arena_printf(arena, "%s dport %d", name, from_port) : arena_printf(arena, "%s dport %d-%d", name, from_port, to_port);
}

guint numbers_get(Numbers *numbers, const char *id) {
  guint number = GPOINTER_TO_UINT(g_hash_table_lookup(numbers->of, id));
  if (!number) {
    number = ++numbers->next;
    g_hash_table_insert(numbers->of, g_strdup(id), GUINT_TO_POINTER(number));
  }
  return number;
}

void numbers_drop(Numbers *numbers, const char *id) { g_hash_table_remove(numbers->of, id); }
