/* finding: what rules tell, and its snippet in the template's own language. */
#include "check/model.h"

#include <string.h>

const Rule check_rules[RULE_COUNT] = {
#define RULE(id, name, severity, on, title) [RULE_##id] = { name, severity, on, title },
#include "check/rules.def"
#undef RULE
};

RuleId
check_rule_find(const char *name)
{
  for (guint i = 0; i < RULE_COUNT; i++) {
    if (strcmp(check_rules[i].name, name) == 0)
      return (RuleId) i;
  }
  return RULE_COUNT;
}

const char *
check_severity_name(Severity severity)
{
  static const char *const names[] = { [SEVERITY_NOTE] = "note", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error" };
  return names[severity];
}

const char *
check_certainty_name(Certainty certainty)
{
  static const char *const names[] = { [CERTAINTY_POSSIBLE] = "possible", [CERTAINTY_LIKELY] = "likely", [CERTAINTY_CERTAIN] = "certain" };
  return names[certainty];
}

/* Whether {haar: {ignore: [rule, ...]}} names the rule. */
static gboolean
metadata_ignores(const Json *metadata, const char *rule)
{
  const Json *ignore = json_path(metadata, "haar.ignore");
  for (guint i = 0; i < list_n(ignore); i++) {
    if (g_strcmp0(json_string(list_at(ignore, i)), rule) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Adds one more that it holds for to a finding that is there. */
static gboolean
tell_also(Check *check, const Telling *telling)
{
  for (guint i = 0; telling->key && i < check->findings->len; i++) {
    Finding *before = &g_array_index(check->findings, Finding, i);
    if (before->rule != telling->rule || g_strcmp0(before->key, telling->key) != 0)
      continue;
    before->why = arena_printf(check->arena, "%s%s %s", before->why, strstr(before->why, "; the same for ") ? "," : "; the same for", telling->who);
    before->certainty = MAX(before->certainty, telling->certainty);
    before->severity = before->certainty == CERTAINTY_POSSIBLE ? before->severity : check_rules[before->rule].severity;
    return TRUE;
  }
  return FALSE;
}

void
tell(Check *check, const Telling *telling)
{
  const Rule *rule = &check_rules[telling->rule];
  const Place *place = &telling->place;
  const Item *item = place->item;
  if (check->request->off[telling->rule])
    return;
  if (metadata_ignores(check->template.metadata, rule->name) || (item && metadata_ignores(json_get(item->resource, "Metadata"), rule->name))) {
    check->n_suppressed++;
    return;
  }
  if (tell_also(check, telling))
    return;
  Finding finding = { .rule = telling->rule, .severity = rule->severity, .certainty = telling->certainty, .file = check->request->path,
    .line = 1, .column = 1, .logical_id = item ? item->id : NULL, .what = telling->what, .why = telling->why, .reason = telling->reason,
    .key = telling->key };
  if (item && item->maybe && finding.certainty == CERTAINTY_CERTAIN) {
    finding.certainty = CERTAINTY_LIKELY;
    finding.reason = arena_printf(check->arena, "%s; its condition depends on a parameter without a value", telling->reason);
  }
  if (finding.certainty == CERTAINTY_POSSIBLE)
    finding.severity = MIN(finding.severity, SEVERITY_WARNING);
  if (place->file) {
    finding.file = place->file;
    finding.line = place->line;
  } else if (place->at && place->at->line) {
    finding.line = place->at->line;
    finding.column = MAX(place->at->column, 1);
  } else if (item) {
    finding.line = item->line;
    finding.column = item->column;
  }
  if (telling->mend)
    finding.mend = snippet(check, telling->mend);
  g_array_append_val(check->findings, finding);
}

static const char *
quoted(Arena *arena, const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);
  json_write_string(out, text);
  return arena_strdup(arena, out->str);
}

const char *
reference_json(const Check *check, const char *name)
{
  static const char of_default[] = "the default group of ";
  if (g_str_has_prefix(name, of_default) && item_find(check, name + strlen(of_default)))
    return arena_printf(check->arena, "{\"Fn::GetAtt\": [\"%s\", \"DefaultSecurityGroup\"]}", name + strlen(of_default));
  if (item_find(check, name))
    return arena_printf(check->arena, "{\"Ref\": \"%s\"}", name);
  gsize n = strlen(name);
  g_autofree char *inner = n > 3 && g_str_has_prefix(name, "${") ? g_strndup(name + 2, n - 3) : NULL;
  if (inner && json_get(check->template.parameters, inner))
    return arena_printf(check->arena, "{\"Ref\": \"%s\"}", inner);
  return quoted(check->arena, name);
}

const char *
references_json(const Check *check, const StringList *names)
{
  g_autoptr(GString) out = g_string_new("[");
  for (gsize i = 0; i < names->n; i++)
    g_string_append_printf(out, "%s%s", i ? ", " : "", reference_json(check, names->v[i]));
  g_string_append_c(out, ']');
  return arena_strdup(check->arena, out->str);
}

const char *
free_id(const Check *check, const char *text)
{
  const char *id = text;
  for (guint i = 2; json_get(check->template.resources, id) && i < 100; i++)
    id = arena_printf(check->arena, "%s%u", text, i);
  return id;
}

void
words_add(Arena *arena, StringList *list, const char *text)
{
  for (gsize i = 0; i < list->n; i++) {
    if (strcmp(list->v[i], text) == 0)
      return;
  }
  LIST_APPEND(arena, list, text);
}

guint
mend_turn(Check *check, const char *of)
{
  guint turn = GPOINTER_TO_UINT(g_hash_table_lookup(check->turns, of));
  g_hash_table_insert(check->turns, arena_strdup(check->arena, of), GUINT_TO_POINTER(turn + 1));
  return turn;
}

const char *
words(Arena *arena, const StringList *list)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (gsize i = 0; i < list->n; i++)
    g_string_append_printf(text, "%s%s", i == 0 ? "" : i + 1 == list->n ? " and " : ", ", list->v[i]);
  return arena_strdup(arena, text->str);
}
