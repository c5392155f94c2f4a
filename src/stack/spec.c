#include "stack/spec.h"
#include "stack/spec_tables.h"
#include <string.h>

enum { NEAR_MAX = 64 /* longer names are not compared */, FINDINGS_MAX = 20 };

static const char *
spec_name(guint32 offset)
{
  return spec_text + offset;
}

const SpecResource *
spec_find(const char *type)
{
  if (g_str_has_prefix(type, "Custom::"))
    type = "AWS::CloudFormation::CustomResource";
  guint low = 0, high = spec_n_resources;
  while (low < high) {
    guint middle = (low + high) / 2;
    int order = strcmp(type, spec_name(spec_resources[middle].name));
    if (order == 0)
      return &spec_resources[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

static const SpecMember *
member_find(const SpecMember *members, guint n, const char *name)
{
  guint low = 0, high = n;
  while (low < high) {
    guint middle = (low + high) / 2;
    int order = strcmp(name, spec_name(members[middle].name));
    if (order == 0)
      return &members[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

gboolean
spec_is_open(const SpecResource *spec)
{
  return strcmp(spec_name(spec->name), "AWS::CloudFormation::CustomResource") == 0;
}

gboolean
spec_has_property(const SpecResource *spec, const char *name)
{
  return spec_is_open(spec) || member_find(spec_members + spec->first, spec->n, name) != NULL;
}

gboolean
spec_has_attribute(const SpecResource *spec, const char *name)
{
  if (spec_is_open(spec))
    return TRUE;
  if (strcmp(spec_name(spec->name), "AWS::CloudFormation::Stack") == 0 && g_str_has_prefix(name, "Outputs."))
    return TRUE;
  if (member_find(spec_members + spec->first_attribute, spec->n_attributes, name))
    return TRUE;
  for (guint i = 0; i < spec->n_identifiers; i++) {
    if (strcmp(spec_name(spec_identifiers[spec->first_identifier + i]), name) == 0)
      return TRUE;
  }
  return FALSE;
}

const char *
spec_name_property(const SpecResource *spec)
{
  if (!spec || spec->n_identifiers != 1)
    return NULL;
  const char *name = spec_name(spec_identifiers[spec->first_identifier]);
  return g_str_has_suffix(name, "Name") && spec_has_property(spec, name) && !spec_is_open(spec) ? name : NULL;
}

/* Edits (insert, delete, change, swap of neighbours) between two names, without regard to case. */
static guint
distance(const char *a, const char *b)
{
  gsize n = strlen(a), m = strlen(b);
  if (n > NEAR_MAX || m > NEAR_MAX)
    return G_MAXUINT;
  guint rows[3][NEAR_MAX + 1];
  for (gsize j = 0; j <= m; j++)
    rows[0][j] = (guint) j;
  for (gsize i = 1; i <= n; i++) {
    guint *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
    row[0] = (guint) i;
    for (gsize j = 1; j <= m; j++) {
      guint change = g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[j - 1]) ? 0 : 1;
      row[j] = MIN(MIN(above[j] + 1, row[j - 1] + 1), above[j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = MIN(row[j], before[j - 2] + 1);
    }
  }
  return rows[n % 3][m];
}

static gboolean
is_near(const char *text, guint edits)
{
  return edits <= MAX(2, strlen(text) / 3);
}

const char *
spec_nearest(const char *text, const char *const *candidates)
{
  const char *best = NULL;
  guint best_edits = G_MAXUINT;
  for (; *candidates; candidates++) {
    guint edits = distance(text, *candidates);
    if (edits < best_edits) {
      best_edits = edits;
      best = *candidates;
    }
  }
  return best && is_near(text, best_edits) ? best : NULL;
}

const char *
spec_nearest_type(const char *text)
{
  const char *best = NULL;
  guint best_edits = G_MAXUINT;
  for (guint i = 0; i < spec_n_resources; i++) {
    guint edits = distance(text, spec_name(spec_resources[i].name));
    if (edits < best_edits) {
      best_edits = edits;
      best = spec_name(spec_resources[i].name);
    }
  }
  return best && best_edits <= MAX(2, strlen(text) / 6) ? best : NULL;
}

static const char *
nearest_member(const SpecMember *members, guint n, const char *name)
{
  g_autofree const char **candidates = g_new0(const char *, n + 1);
  for (guint i = 0; i < n; i++)
    candidates[i] = spec_name(members[i].name);
  return spec_nearest(name, candidates);
}

typedef struct Findings {
  Arena *arena;
  GString *text;
  guint n;
} Findings;

static void G_GNUC_PRINTF(4, 5)
finding(Findings *findings, const char *path, guint32 line, const char *format, ...)
{
  if (findings->n++ >= FINDINGS_MAX)
    return;
  va_list args;
  va_start(args, format);
  g_autofree char *what = g_strdup_vprintf(format, args);
  va_end(args);
  g_string_append_printf(findings->text, "\n#%s: %s", path, what);
  if (line)
    g_string_append_printf(findings->text, " (line %u)", line);
}

/* A value whose meaning is known only when the stack is deployed. */
static gboolean
is_intrinsic(const Json *json)
{
  if (json->type != JSON_OBJECT || json->n != 1)
    return FALSE;
  const char *key = json->members[0].key;
  return strcmp(key, "Ref") == 0 || g_str_has_prefix(key, "Fn::");
}

static const char *
type_name(const Json *json)
{
  static const char *const names[] = { [JSON_NULL] = "Null", [JSON_FALSE] = "Boolean", [JSON_TRUE] = "Boolean", [JSON_NUMBER] = "Number",
    [JSON_STRING] = "String", [JSON_ARRAY] = "JSONArray", [JSON_OBJECT] = "JSONObject" };
  return names[json->type];
}

static void check_value(Findings *findings, const char *path, const SpecValue *value, const Json *json);

static void
check_members(Findings *findings, const char *path, const SpecMember *members, guint n, const Json *json, guint32 line)
{
  for (guint i = 0; json && i < json->n; i++) {
    const JsonMember *found = &json->members[i];
    const SpecMember *member = member_find(members, n, found->key);
    if (member) {
      check_value(findings, arena_printf(findings->arena, "%s/%s", path, found->key), &spec_values[member->value], found->value);
      continue;
    }
    if (g_str_has_prefix(found->key, "Fn::"))
      continue;
    const char *near = nearest_member(members, n, found->key);
    finding(findings, path, found->value->line, near ? "extraneous key [%s] is not permitted; did you mean %s?" :
            "extraneous key [%s] is not permitted%s", found->key, near ? near : "");
  }
  for (guint i = 0; i < n; i++) {
    const char *name = spec_name(members[i].name);
    if ((members[i].flags & SPEC_REQUIRED) && !json_get(json, name))
      finding(findings, path, json && json->line ? json->line : line, "required key [%s] not found", name);
  }
}

static gboolean
is_number_text(const Json *json, gboolean integer)
{
  if (json->type != JSON_STRING && json->type != JSON_NUMBER)
    return FALSE;
  char *end;
  if (integer)
    g_ascii_strtoll(json->text, &end, 10);
  else
    g_ascii_strtod(json->text, &end);
  return (end != json->text && *end == 0) || strstr(json->text, "{{resolve:") != NULL ||
         (integer && *end == '.' && strspn(end + 1, "0") == strlen(end + 1));
}

static gboolean
is_boolean_text(const Json *json)
{
  if (json->type == JSON_TRUE || json->type == JSON_FALSE)
    return TRUE;
  return json->type == JSON_STRING && (g_ascii_strcasecmp(json->text, "true") == 0 || g_ascii_strcasecmp(json->text, "false") == 0 ||
                                       strstr(json->text, "{{resolve:") != NULL);
}

static void
check_container(Findings *findings, const char *path, const SpecValue *value, const Json *json)
{
  if (value->kind == SPEC_ARRAY) {
    for (guint i = 0; i < json->n; i++)
      check_value(findings, arena_printf(findings->arena, "%s/%u", path, i), &spec_values[value->index], json->items[i]);
  } else if (value->kind == SPEC_MAP) {
    for (guint i = 0; i < json->n; i++) {
      check_value(findings, arena_printf(findings->arena, "%s/%s", path, json->members[i].key), &spec_values[value->index],
                  json->members[i].value);
    }
  } else {
    const SpecObject *object = &spec_objects[value->index];
    check_members(findings, path, spec_members + object->first, object->n, json, json->line);
  }
}

static gboolean
kind_fits(SpecKind kind, const Json *json)
{
  switch (kind) {
  case SPEC_STRING:
    return json->type == JSON_STRING || json->type == JSON_NUMBER || json->type == JSON_TRUE || json->type == JSON_FALSE;
  case SPEC_INTEGER:
    return is_number_text(json, TRUE);
  case SPEC_NUMBER:
    return is_number_text(json, FALSE);
  case SPEC_BOOLEAN:
    return is_boolean_text(json);
  case SPEC_ARRAY:
    return json->type == JSON_ARRAY;
  case SPEC_MAP:
  case SPEC_OBJECT:
    return json->type == JSON_OBJECT;
  case SPEC_JSON:
    return json->type == JSON_OBJECT || json->type == JSON_STRING || json->type == JSON_ARRAY;
  case SPEC_ANY:
    return TRUE;
  }
  return TRUE;
}

static void
check_value(Findings *findings, const char *path, const SpecValue *value, const Json *json)
{
  static const char *const names[] = { [SPEC_STRING] = "String", [SPEC_INTEGER] = "Integer", [SPEC_NUMBER] = "Number",
    [SPEC_BOOLEAN] = "Boolean", [SPEC_JSON] = "JSONObject", [SPEC_ARRAY] = "JSONArray", [SPEC_MAP] = "JSONObject",
    [SPEC_OBJECT] = "JSONObject", [SPEC_ANY] = "" };
  if (is_intrinsic(json))
    return;
  if (!kind_fits((SpecKind) value->kind, json))
    finding(findings, path, json->line, "expected type: %s, found: %s", names[value->kind], type_name(json));
  else if (value->kind == SPEC_ARRAY || value->kind == SPEC_MAP || value->kind == SPEC_OBJECT)
    check_container(findings, path, value, json);
}

Error *
spec_check(Arena *arena, const SpecResource *spec, const char *logical_id, const Json *properties, guint32 line)
{
  if (properties && properties->type != JSON_OBJECT)
    return error_answer("ValidationError", "Template format error: [/Resources/%s/Properties] must be an object. (line %u)", logical_id, line);
  if (properties && is_intrinsic(properties))
    return NULL;
  g_autoptr(GString) text = g_string_new(NULL);
  Findings findings = { arena, text, 0 };
  if (spec_is_open(spec)) {
    if (!json_get(properties, "ServiceToken"))
      finding(&findings, "", line, "required key [ServiceToken] not found");
  } else {
    check_members(&findings, "", spec_members + spec->first, spec->n, properties, line);
  }
  if (findings.n == 0)
    return NULL;
  return error_answer("ValidationError", "Properties validation failed for resource %s with message:%s", logical_id, text->str);
}

static SpecReplacement
flag_replacement(guint16 flags)
{
  return flags & SPEC_REPLACES ? SPEC_REPLACEMENT : flags & SPEC_MAY_REPLACE ? SPEC_MAYBE_REPLACEMENT : SPEC_NO_REPLACEMENT;
}

/* What a change inside a value of an object type asks for. */
static SpecReplacement
nested_replacement(const SpecValue *value, const Json *before, const Json *after)
{
  SpecReplacement strongest = SPEC_NO_REPLACEMENT;
  if (!before || !after || before->type != after->type || json_equal(before, after))
    return strongest;
  if (value->kind == SPEC_ARRAY && after->type == JSON_ARRAY) {
    for (guint i = 0; i < MIN(before->n, after->n); i++)
      strongest = MAX(strongest, nested_replacement(&spec_values[value->index], before->items[i], after->items[i]));
  } else if (value->kind == SPEC_OBJECT && after->type == JSON_OBJECT) {
    const SpecObject *object = &spec_objects[value->index];
    for (guint i = 0; i < object->n; i++) {
      const SpecMember *member = &spec_members[object->first + i];
      Json *a = json_get(before, spec_name(member->name)), *b = json_get(after, spec_name(member->name));
      if (a == b || (a && b && json_equal(a, b)))
        continue;
      strongest = MAX(strongest, flag_replacement(member->flags));
      strongest = MAX(strongest, nested_replacement(&spec_values[member->value], a, b));
    }
  }
  return strongest;
}

static void
compare_property(Arena *arena, const SpecResource *spec, const char *name, const Json *before, const Json *after, GArray *changes)
{
  if (before && after && json_equal(before, after))
    return;
  SpecChange change = { name, SPEC_NO_REPLACEMENT };
  const SpecMember *member = spec ? member_find(spec_members + spec->first, spec->n, name) : NULL;
  if (member)
    change.replacement = MAX(flag_replacement(member->flags), nested_replacement(&spec_values[member->value], before, after));
  g_array_append_val(changes, change);
}

gsize
spec_compare(Arena *arena, const SpecResource *spec, const Json *old_properties, const Json *new_properties, SpecChange **ret_changes)
{
  g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(SpecChange));
  for (guint i = 0; new_properties && i < new_properties->n; i++) {
    const JsonMember *member = &new_properties->members[i];
    compare_property(arena, spec, member->key, json_get(old_properties, member->key), member->value, changes);
  }
  for (guint i = 0; old_properties && i < old_properties->n; i++) {
    const JsonMember *member = &old_properties->members[i];
    if (!json_get(new_properties, member->key))
      compare_property(arena, spec, member->key, member->value, NULL, changes);
  }
  *ret_changes = arena_memdup(arena, changes->data, changes->len * sizeof(SpecChange));
  return changes->len;
}
