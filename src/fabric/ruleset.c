/* ruleset: sets, maps and chains as data; and the commands between two of them. */
#include "fabric/ruleset.h"

#include <string.h>

static void set_free(gpointer data) {
  RuleSet *set = data;
  g_free(set->kind);
  g_free(set->head);
  g_hash_table_unref(set->elements);
  g_free(set);
}

static void chain_free(gpointer data) {
  RuleChain *chain = data;
  g_free(chain->head);
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
  set->kind = g_strdup(kind);
  set->head = g_strdup(head);
  set->elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert(ruleset->sets, g_strdup(name), set);
  return set;
}

RuleChain *ruleset_chain(Ruleset *ruleset, const char *name, const char *head) {
  RuleChain *chain = g_hash_table_lookup(ruleset->chains, name);
  if (chain)
    return chain;
  chain = g_new0(RuleChain, 1);
  chain->head = g_strdup(head);
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

/* A flow is logged at most a few times a second; every packet is counted. */
void rule_drop(RuleChain *chain, const char *match, ReachStage stage, const char *rule) {
  rule_add(chain, "%s%supdate @seen { ip saddr . ip daddr . meta l4proto . th dport limit rate 2/second burst 3 packets } "
           "log prefix \"%s:%.120s\" group 5 queue-threshold 1 snaplen 96", match, *match ? " " : "", reach_stages[stage].prefix, rule);
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
  const char *name = protocol == 6 ? "tcp" : protocol == 17 ? "udp" : protocol == 1 ? "icmp" : "icmpv6";
  if (protocol == -1)
    return arena_strdup(arena, "");
  if ((!icmp && !ports) || from_port == -1 || (ports && from_port == 0 && to_port == 65535))
    return arena_printf(arena, "meta l4proto %d", protocol);
  if (icmp)
    return to_port == -1 ? arena_printf(arena, "%s type %d", name, from_port) : arena_printf(arena, "%s type %d %s code %d", name, from_port, name, to_port);
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

/* --- changes --- */

enum { ELEMENTS_A_COMMAND = 500 };

typedef struct Elements { GString *out; const char *verb, *set; guint n; } Elements;

static void elements_put(Elements *elements, const char *key, const char *value) {
  if (elements->n % ELEMENTS_A_COMMAND == 0)
    g_string_append_printf(elements->out, "%s%s element inet vpc %s { ", elements->n ? " }\n" : "", elements->verb, elements->set);
  else
    g_string_append(elements->out, ", ");
  g_string_append(elements->out, key);
  if (*value)
    g_string_append_printf(elements->out, " : %s", value);
  elements->n++;
}

static void elements_end(Elements *elements) {
  if (elements->n)
    g_string_append(elements->out, " }\n");
}

/* Elements of a that b has not, or has with another value. */
static void elements_difference(GString *out, const char *verb, const char *name, const RuleSet *a, const RuleSet *b) {
  Elements elements = {out, verb, name, 0};
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, a->elements);
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    const char *other = b ? g_hash_table_lookup(b->elements, key) : NULL;
    if (!other || strcmp(other, value) != 0)
      elements_put(&elements, key, value);
  }
  elements_end(&elements);
}

static void add_new_things(GString *out, const Ruleset *old, const Ruleset *new) {
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init(&iter, new->sets);
  while (g_hash_table_iter_next(&iter, &name, &value))
    if (!old || !g_hash_table_contains(old->sets, name))
      g_string_append_printf(out, "add %s inet vpc %s { %s }\n", ((RuleSet *) value)->kind, (char *) name, ((RuleSet *) value)->head);
  g_hash_table_iter_init(&iter, new->chains);
  while (g_hash_table_iter_next(&iter, &name, &value))
    if (!old || !g_hash_table_contains(old->chains, name)) {
      const char *head = ((RuleChain *) value)->head;
      g_string_append_printf(out, *head ? "add chain inet vpc %s { %s }\n" : "add chain inet vpc %s\n", (char *) name, head);
    }
}

static void change_rules(GString *out, const Ruleset *old, const Ruleset *new) {
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init(&iter, new->chains);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    const RuleChain *chain = value, *before = old ? g_hash_table_lookup(old->chains, name) : NULL;
    if (before && strcmp(before->rules->str, chain->rules->str) == 0)
      continue;
    if (before && before->rules->len)
      g_string_append_printf(out, "flush chain inet vpc %s\n", (char *) name);
    g_auto(GStrv) lines = g_strsplit(chain->rules->str, "\n", -1);
    for (char **line = lines; *line; line++)
      if (**line)
        g_string_append_printf(out, "add rule inet vpc %s %s\n", (char *) name, *line);
  }
}

static void change_elements(GString *out, const Ruleset *old, const Ruleset *new) {
  GHashTableIter iter;
  gpointer name, value;
  if (old) {
    g_hash_table_iter_init(&iter, old->sets);
    while (g_hash_table_iter_next(&iter, &name, &value))
      elements_difference(out, "delete", name, value, g_hash_table_lookup(new->sets, name));
  }
  g_hash_table_iter_init(&iter, new->sets);
  while (g_hash_table_iter_next(&iter, &name, &value))
    elements_difference(out, "add", name, value, old ? g_hash_table_lookup(old->sets, name) : NULL);
}

static void remove_old_things(GString *out, const Ruleset *old, const Ruleset *new) {
  GHashTableIter iter;
  gpointer name, value;
  for (int i = 0; i < 2; i++) {
    g_hash_table_iter_init(&iter, old->chains);
    while (g_hash_table_iter_next(&iter, &name, &value))
      if (!g_hash_table_contains(new->chains, name))
        g_string_append_printf(out, i == 0 ? "flush chain inet vpc %s\n" : "delete chain inet vpc %s\n", (char *) name);
  }
  g_hash_table_iter_init(&iter, old->sets);
  while (g_hash_table_iter_next(&iter, &name, &value))
    if (!g_hash_table_contains(new->sets, name))
      g_string_append_printf(out, "delete %s inet vpc %s\n", ((RuleSet *) value)->kind, (char *) name);
}

char *ruleset_changes(const Ruleset *old, const Ruleset *new) {
  GString *out = g_string_new(old ? NULL : "add table inet vpc\n");
  add_new_things(out, old, new);
  change_rules(out, old, new);
  change_elements(out, old, new);
  if (old)
    remove_old_things(out, old, new);
  return g_string_free(out, FALSE);
}
