/* rules: the sum of the parts, and the commands from what was to what is. Whatever a put touches is noted with what it was in the kernel, once;
 * commands are made for what is noted, and only if it is different. */
#include "fabric/ruleset.h"

#include <string.h>

enum { ELEMENTS_A_COMMAND = 500 };

typedef struct Element { char *value; guint users; } Element;

typedef struct Set {
  const char *kind, *head;
  guint users;
  GHashTable *elements;   /* key -> Element * */
} Set;

typedef struct Chain {
  const char *head;
  guint users, writers;   /* parts that name it; those that have rules in it */
  char *rules;            /* of the writers, who say the same */
} Chain;

struct Rules {
  GHashTable *parts;      /* owner -> Ruleset * */
  GHashTable *sets;       /* name -> Set * */
  GHashTable *chains;     /* name -> Chain * */
  /* What the kernel has of what was touched since the last commands. */
  GHashTable *old_sets;   /* name -> Was * */
  GHashTable *old_chains; /* name -> its rules, or NULL: it is not there */
  gboolean made, reset;   /* the table is there; it is to be deleted first */
};

typedef struct Was {
  const char *kind;       /* NULL: the set is not there */
  GHashTable *elements;   /* key -> value, or NULL: the element is not there */
} Was;

static void element_free(gpointer data) {
  Element *element = data;
  g_free(element->value);
  g_free(element);
}

static void set_free(gpointer data) {
  Set *set = data;
  g_hash_table_unref(set->elements);
  g_free(set);
}

static void chain_free(gpointer data) {
  Chain *chain = data;
  g_free(chain->rules);
  g_free(chain);
}

static void part_free(gpointer part) { ruleset_free(part); }

static void was_free(gpointer data) {
  Was *was = data;
  g_hash_table_unref(was->elements);
  g_free(was);
}

Rules *rules_new(void) {
  Rules *rules = g_new0(Rules, 1);
  rules->parts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, part_free);
  rules->sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, set_free);
  rules->chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, chain_free);
  rules->old_sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, was_free);
  rules->old_chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  return rules;
}

void rules_free(Rules *rules) {
  if (!rules)
    return;
  g_hash_table_unref(rules->parts);
  g_hash_table_unref(rules->sets);
  g_hash_table_unref(rules->chains);
  g_hash_table_unref(rules->old_sets);
  g_hash_table_unref(rules->old_chains);
  g_free(rules);
}

/* --- puts --- */

static Was *note_set(Rules *rules, const char *name) {
  Was *was = g_hash_table_lookup(rules->old_sets, name);
  if (was)
    return was;
  const Set *set = g_hash_table_lookup(rules->sets, name);
  was = g_new0(Was, 1);
  was->kind = set ? set->kind : NULL;
  was->elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert(rules->old_sets, g_strdup(name), was);
  return was;
}

static void note_element(Was *was, const Set *set, const char *key) {
  if (g_hash_table_contains(was->elements, key))
    return;
  const Element *element = g_hash_table_lookup(set->elements, key);
  g_hash_table_insert(was->elements, g_strdup(key), element ? g_strdup(element->value) : NULL);
}

static void note_chain(Rules *rules, const char *name) {
  if (g_hash_table_contains(rules->old_chains, name))
    return;
  const Chain *chain = g_hash_table_lookup(rules->chains, name);
  g_hash_table_insert(rules->old_chains, g_strdup(name), chain ? g_strdup(chain->rules) : NULL);
}

static void add_set(Rules *rules, const char *name, const RuleSet *part) {
  Was *was = note_set(rules, name);
  Set *set = g_hash_table_lookup(rules->sets, name);
  if (!set) {
    set = g_new0(Set, 1);
    *set = (Set){part->kind, part->head, 0, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, element_free)};
    g_hash_table_insert(rules->sets, g_strdup(name), set);
  }
  set->users++;
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, part->elements);
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    note_element(was, set, key);
    Element *element = g_hash_table_lookup(set->elements, key);
    if (!element) {
      element = g_new0(Element, 1);
      g_hash_table_insert(set->elements, g_strdup(key), element);
    }
    element->users++;
    g_free(element->value);
    element->value = g_strdup(value);
  }
}

static void remove_set(Rules *rules, const char *name, const RuleSet *part) {
  Was *was = note_set(rules, name);
  Set *set = g_hash_table_lookup(rules->sets, name);
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init(&iter, part->elements);
  while (g_hash_table_iter_next(&iter, &key, NULL)) {
    note_element(was, set, key);
    Element *element = g_hash_table_lookup(set->elements, key);
    if (--element->users == 0)
      g_hash_table_remove(set->elements, key);
  }
  if (--set->users == 0)
    g_hash_table_remove(rules->sets, name);
}

static void add_chain(Rules *rules, const char *name, const RuleChain *part) {
  note_chain(rules, name);
  Chain *chain = g_hash_table_lookup(rules->chains, name);
  if (!chain) {
    chain = g_new0(Chain, 1);
    *chain = (Chain){.head = part->head, .rules = g_strdup("")};
    g_hash_table_insert(rules->chains, g_strdup(name), chain);
  }
  chain->users++;
  if (part->rules->len == 0)
    return;
  chain->writers++;
  g_free(chain->rules);
  chain->rules = g_strdup(part->rules->str);
}

static void remove_chain(Rules *rules, const char *name, const RuleChain *part) {
  note_chain(rules, name);
  Chain *chain = g_hash_table_lookup(rules->chains, name);
  if (part->rules->len && --chain->writers == 0)
    *chain->rules = 0;
  if (--chain->users == 0)
    g_hash_table_remove(rules->chains, name);
}

static void add_part(Rules *rules, const Ruleset *part) {
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init(&iter, part->sets);
  while (g_hash_table_iter_next(&iter, &name, &value))
    add_set(rules, name, value);
  g_hash_table_iter_init(&iter, part->chains);
  while (g_hash_table_iter_next(&iter, &name, &value))
    add_chain(rules, name, value);
}

static void remove_part(Rules *rules, const Ruleset *part) {
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init(&iter, part->sets);
  while (g_hash_table_iter_next(&iter, &name, &value))
    remove_set(rules, name, value);
  g_hash_table_iter_init(&iter, part->chains);
  while (g_hash_table_iter_next(&iter, &name, &value))
    remove_chain(rules, name, value);
}

void rules_put(Rules *rules, const char *owner, Ruleset *part) {
  const Ruleset *before = g_hash_table_lookup(rules->parts, owner);
  if (before)
    remove_part(rules, before);
  if (part)
    add_part(rules, part);
  if (part)
    g_hash_table_replace(rules->parts, g_strdup(owner), part);
  else
    g_hash_table_remove(rules->parts, owner);
}

void rules_keep(Rules *rules, const char *prefix, GHashTable *keep) {
  g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
  GHashTableIter iter;
  gpointer owner;
  g_hash_table_iter_init(&iter, rules->parts);
  while (g_hash_table_iter_next(&iter, &owner, NULL))
    if (g_str_has_prefix(owner, prefix) && !g_hash_table_contains(keep, (const char *) owner + strlen(prefix)))
      g_ptr_array_add(gone, g_strdup(owner));
  for (guint i = 0; i < gone->len; i++)
    rules_put(rules, gone->pdata[i], NULL);
}

void rules_reset(Rules *rules) {
  GHashTableIter iter;
  gpointer name, value, key;
  g_hash_table_remove_all(rules->old_sets);
  g_hash_table_remove_all(rules->old_chains);
  g_hash_table_iter_init(&iter, rules->chains);
  while (g_hash_table_iter_next(&iter, &name, NULL))
    g_hash_table_insert(rules->old_chains, g_strdup(name), NULL);
  g_hash_table_iter_init(&iter, rules->sets);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    Was *was = note_set(rules, name);
    was->kind = NULL;
    GHashTableIter elements;
    g_hash_table_iter_init(&elements, ((Set *) value)->elements);
    while (g_hash_table_iter_next(&elements, &key, NULL))
      g_hash_table_insert(was->elements, g_strdup(key), NULL);
  }
  rules->reset = TRUE;
}

/* --- commands --- */

static void add_new(Rules *rules, GString *out) {
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init(&iter, rules->old_sets);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    const Set *set = g_hash_table_lookup(rules->sets, name);
    if (set && !((Was *) value)->kind)
      g_string_append_printf(out, "add %s inet vpc %s { %s }\n", set->kind, (char *) name, set->head);
  }
  g_hash_table_iter_init(&iter, rules->old_chains);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    const Chain *chain = g_hash_table_lookup(rules->chains, name);
    if (chain && !value)
      g_string_append_printf(out, *chain->head ? "add chain inet vpc %s { %s }\n" : "add chain inet vpc %s\n", (char *) name, chain->head);
  }
}

static void change_rules(Rules *rules, GString *out) {
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init(&iter, rules->old_chains);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    const Chain *chain = g_hash_table_lookup(rules->chains, name);
    const char *before = value ? value : "";
    if (!chain || strcmp(chain->rules, before) == 0)
      continue;
    if (*before)
      g_string_append_printf(out, "flush chain inet vpc %s\n", (char *) name);
    g_auto(GStrv) lines = g_strsplit(chain->rules, "\n", -1);
    for (char **line = lines; *line; line++)
      if (**line)
        g_string_append_printf(out, "add rule inet vpc %s %s\n", (char *) name, *line);
  }
}

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

/* Of the elements that were touched: those that are to go (or have another value), or to come. */
static void change_elements(Rules *rules, GString *out, gboolean add) {
  GHashTableIter iter, keys;
  gpointer name, value, key, before;
  g_hash_table_iter_init(&iter, rules->old_sets);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    const Set *set = g_hash_table_lookup(rules->sets, name);
    Elements elements = {out, add ? "add" : "delete", name, 0};
    g_hash_table_iter_init(&keys, ((Was *) value)->elements);
    while (g_hash_table_iter_next(&keys, &key, &before)) {
      const Element *element = set ? g_hash_table_lookup(set->elements, key) : NULL;
      const char *now = element ? element->value : NULL, *change = add ? now : before;
      if (change && g_strcmp0(now, before) != 0)
        elements_put(&elements, key, change);
    }
    if (elements.n)
      g_string_append(out, " }\n");
  }
}

static void remove_old(Rules *rules, GString *out) {
  GHashTableIter iter;
  gpointer name, value;
  for (int i = 0; i < 2; i++) {
    g_hash_table_iter_init(&iter, rules->old_chains);
    while (g_hash_table_iter_next(&iter, &name, &value))
      if (value && !g_hash_table_contains(rules->chains, name))
        g_string_append_printf(out, i == 0 ? "flush chain inet vpc %s\n" : "delete chain inet vpc %s\n", (char *) name);
  }
  g_hash_table_iter_init(&iter, rules->old_sets);
  while (g_hash_table_iter_next(&iter, &name, &value))
    if (((Was *) value)->kind && !g_hash_table_contains(rules->sets, name))
      g_string_append_printf(out, "delete %s inet vpc %s\n", ((Was *) value)->kind, (char *) name);
}

char *rules_commands(Rules *rules) {
  GString *out = g_string_new(NULL);
  if (rules->reset && rules->made)
    g_string_append(out, "add table inet vpc\ndelete table inet vpc\n");
  if (!rules->made || rules->reset)
    g_string_append(out, "add table inet vpc\n");
  add_new(rules, out);
  change_rules(rules, out);
  change_elements(rules, out, FALSE);
  change_elements(rules, out, TRUE);
  remove_old(rules, out);
  rules->made = TRUE;
  rules->reset = FALSE;
  g_hash_table_remove_all(rules->old_sets);
  g_hash_table_remove_all(rules->old_chains);
  return g_string_free(out, FALSE);
}

/* --- text --- */

static int compare_text(gconstpointer a, gconstpointer b) { return strcmp(a, b); }

static GList *sorted_keys(GHashTable *table) { return g_list_sort(g_hash_table_get_keys(table), compare_text); }

char *rules_text(const Rules *rules) {
  GString *out = g_string_new(NULL);
  g_autoptr(GList) sets = sorted_keys(rules->sets), chains = sorted_keys(rules->chains);
  for (GList *at = sets; at; at = at->next) {
    const Set *set = g_hash_table_lookup(rules->sets, at->data);
    g_string_append_printf(out, "%s %s { %s\n", set->kind, (char *) at->data, set->head);
    g_autoptr(GList) keys = sorted_keys(set->elements);
    for (GList *key = keys; key; key = key->next)
      g_string_append_printf(out, "  %s : %s\n", (char *) key->data, ((Element *) g_hash_table_lookup(set->elements, key->data))->value);
  }
  for (GList *at = chains; at; at = at->next) {
    const Chain *chain = g_hash_table_lookup(rules->chains, at->data);
    g_string_append_printf(out, "chain %s { %s\n%s", (char *) at->data, chain->head, chain->rules);
  }
  return g_string_free(out, FALSE);
}
