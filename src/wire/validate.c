/* AWS's constraint check: every breach is told, each in one sentence, with a path of members whose names begin in lower case.
 * A scalar inside of a list or map is told at the list or map, with all constraints of the element. */
#include "wire/internal.h"
#include "wire/pattern.h"
#include <string.h>

typedef struct Check {
  Arena *arena; /* arena and out are made for the first breach */
  GString *out;
  guint n;
  guint depth;
} Check;

/* Where the check is; written out only for a breach. */
typedef struct Path {
  const struct Path *up;
  const char *name; /* a member's, or a map's key; NULL: of a list's element */
  gsize index;
  gboolean member;
} Path;

/* Breaches that are told; a list of ten thousand bad elements is not told in full. */
#define TOLD_MAX 50

static void check_members(Check *check, const Path *path, const Shape *shape, const void *value);

static void
write_path(GString *out, const Path *path)
{
  if (path->up) {
    write_path(out, path->up);
    g_string_append_c(out, '.');
  }
  if (path->member)
    g_string_append_printf(out, "%c%s", g_ascii_tolower(*path->name), path->name + 1);
  else if (path->name)
    g_string_append_printf(out, "%s.member", path->name);
  else
    g_string_append_printf(out, "%" G_GSIZE_FORMAT ".member", path->index);
}

static void write_value(Arena *arena, GString *out, const Shape *shape, const void *value);

static void
write_list(Arena *arena, GString *out, const Shape *shape, const AnyList *list)
{
  g_string_append_c(out, '[');
  for (gsize i = 0; i < list->n; i++) {
    if (i)
      g_string_append(out, ", ");
    write_value(arena, out, shape->element, list_at(shape, list, i));
  }
  g_string_append_c(out, ']');
}

static void
write_map(Arena *arena, GString *out, const Shape *shape, const AnyList *map)
{
  g_string_append_c(out, '{');
  for (gsize i = 0; i < map->n; i++) {
    g_string_append_printf(out, "%s%s=", i ? ", " : "", map_key_at(shape, map, i));
    write_value(arena, out, shape->element, map_value_at(shape, map, i));
  }
  g_string_append_c(out, '}');
}

static void
write_structure(Arena *arena, GString *out, const Shape *shape, const void *value)
{
  g_string_append_printf(out, "%s(", shape->name);
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = shape->members + i;
    g_string_append_printf(out, "%s%c%s=", i ? ", " : "", g_ascii_tolower(*member->name), member->name + 1);
    write_value(arena, out, member->shape, member_at(member, value));
  }
  g_string_append_c(out, ')');
}

/* As Java's toString does. */
static void
write_value(Arena *arena, GString *out, const Shape *shape, const void *value)
{
  if (!value_present(shape, value))
    g_string_append(out, "null");
  else if (shape->flags & SHAPE_SENSITIVE)
    g_string_append(out, "***");
  else if (shape->type == SHAPE_LIST)
    write_list(arena, out, shape, value);
  else if (shape->type == SHAPE_MAP)
    write_map(arena, out, shape, value);
  else if (shape->type == SHAPE_STRUCTURE)
    write_structure(arena, out, shape, *(void *const *) value);
  else if (shape->type == SHAPE_BLOB)
    g_string_append(out, "java.nio.HeapByteBuffer");
  else
    g_string_append(out, scalar_to_text(arena, shape, TIME_ISO8601, value));
}

static Arena *
breach_arena(Check *check)
{
  if (!check->arena) {
    check->arena = arena_new();
    check->out = g_string_new(NULL);
  }
  return check->arena;
}

static void
tell(Check *check, const Path *path, const Shape *shape, const void *value, const char *constraint)
{
  if (++check->n > TOLD_MAX)
    return;
  if (check->n > 1)
    g_string_append(check->out, "; ");
  g_string_append(check->out, "Value ");
  if (!value) {
    g_string_append(check->out, "null ");
  } else if (!(shape->flags & SHAPE_SENSITIVE)) {
    g_string_append_c(check->out, '\'');
    write_value(check->arena, check->out, shape, value);
    g_string_append(check->out, "' ");
  }
  g_string_append(check->out, "at '");
  write_path(check->out, path);
  g_string_append_printf(check->out, "' failed to satisfy constraint: %s", constraint);
}

static char *
number_text(Arena *arena, double value)
{
  return value == (double) (gint64) value ? arena_printf(arena, "%" G_GINT64_FORMAT, (gint64) value) : double_text(arena, value);
}

/* What min and max are about: a length or the value itself. FALSE: neither. */
static gboolean
measure(const Shape *shape, const void *value, double *ret_size, const char **ret_what)
{
  *ret_what = "length";
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
    *ret_size = (double) g_utf8_strlen(*(const char *const *) value, -1);
    return TRUE;
  case SHAPE_LIST:
  case SHAPE_MAP:
    *ret_size = (double) ((const AnyList *) value)->n;
    return TRUE;
  case SHAPE_BLOB:
    *ret_size = (double) ((const Blob *) value)->size;
    return !(shape->flags & SHAPE_STREAMING);
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    *ret_what = "value";
    *ret_size = (double) ((const OptInt *) value)->v;
    return TRUE;
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    *ret_what = "value";
    *ret_size = ((const OptDouble *) value)->v;
    return TRUE;
  case SHAPE_BOOLEAN:
  case SHAPE_TIMESTAMP:
  case SHAPE_STRUCTURE:
  case SHAPE_DOCUMENT:
    break;
  }
  return FALSE;
}

static gboolean
enum_has(const Shape *shape, const char *text)
{
  for (guint i = 0; i < shape->n_enum; i++)
    if (!strcmp(shape->enum_values[i], text))
      return TRUE;
  return FALSE;
}

typedef enum { BREACH_NONE, BREACH_MIN, BREACH_MAX, BREACH_PATTERN, BREACH_ENUM } Breach;

/* The first constraint at or after from that the value breaks. */
static Breach
find_breach(const Shape *shape, const void *value, Breach from)
{
  double size = 0;
  const char *what = NULL;
  gboolean measured = shape->flags & (SHAPE_HAS_MIN | SHAPE_HAS_MAX) && measure(shape, value, &size, &what);
  if (from <= BREACH_MIN && measured && shape->flags & SHAPE_HAS_MIN && size < shape->min)
    return BREACH_MIN;
  if (from <= BREACH_MAX && measured && shape->flags & SHAPE_HAS_MAX && size > shape->max)
    return BREACH_MAX;
  if (shape->type != SHAPE_STRING)
    return BREACH_NONE;
  if (from <= BREACH_PATTERN && shape->pattern && !pattern_matches(shape->pattern, *(const char *const *) value))
    return BREACH_PATTERN;
  if (from <= BREACH_ENUM && shape->n_enum && !enum_has(shape, *(const char *const *) value))
    return BREACH_ENUM;
  return BREACH_NONE;
}

static const char *
constraint_text(Arena *arena, const Shape *shape, Breach breach)
{
  const char *what = shape->type == SHAPE_INTEGER || shape->type == SHAPE_LONG || shape->type == SHAPE_FLOAT || shape->type == SHAPE_DOUBLE
                       ? "value"
                       : "length";
  switch (breach) {
  case BREACH_MIN:
    return arena_printf(arena, "Member must have %s greater than or equal to %s", what, number_text(arena, shape->min));
  case BREACH_MAX:
    return arena_printf(arena, "Member must have %s less than or equal to %s", what, number_text(arena, shape->max));
  case BREACH_PATTERN:
    return arena_printf(arena, "Member must satisfy regular expression pattern: %s", shape->pattern);
  case BREACH_ENUM:
    return arena_printf(arena, "Member must satisfy enum value set: [%s]", text_join(arena, ", ", shape->enum_values, shape->n_enum));
  case BREACH_NONE:
    break;
  }
  return "";
}

/* "[Member must have length less than or equal to 128, Member must have ...]" */
static const char *
all_constraints(Arena *arena, const Shape *shape)
{
  const char *parts[4];
  gsize n = 0;
  if (shape->flags & SHAPE_HAS_MAX)
    parts[n++] = constraint_text(arena, shape, BREACH_MAX);
  if (shape->flags & SHAPE_HAS_MIN)
    parts[n++] = constraint_text(arena, shape, BREACH_MIN);
  if (shape->pattern)
    parts[n++] = constraint_text(arena, shape, BREACH_PATTERN);
  if (shape->n_enum)
    parts[n++] = constraint_text(arena, shape, BREACH_ENUM);
  return text_join(arena, ", ", parts, n);
}

static gboolean
is_scalar(const Shape *shape)
{
  return shape->type != SHAPE_STRUCTURE && shape->type != SHAPE_LIST && shape->type != SHAPE_MAP;
}

static void check_value(Check *check, const Path *path, const Shape *shape, const void *value);

static void
check_list(Check *check, const Path *path, const Shape *shape, const AnyList *list)
{
  for (gsize i = 0; i < list->n; i++) {
    const void *element = list_at(shape, list, i);
    if (!is_scalar(shape->element)) {
      check_value(check, &(Path){.up = path, .index = i + 1}, shape->element, element);
    } else if (value_present(shape->element, element) && find_breach(shape->element, element, BREACH_MIN)) {
      tell(check, path, shape, list,
           arena_printf(breach_arena(check), "Member must satisfy constraint: [%s]", all_constraints(breach_arena(check), shape->element)));
      return;
    }
  }
}

static void
check_map(Check *check, const Path *path, const Shape *shape, const AnyList *map)
{
  for (gsize i = 0; i < map->n; i++) {
    const char *key = map_key_at(shape, map, i);
    const void *value = map_value_at(shape, map, i);
    if (find_breach(shape->key, &key, BREACH_MIN)) {
      tell(check, path, shape, map, arena_printf(breach_arena(check), "Map keys must satisfy constraint: [%s]", all_constraints(breach_arena(check), shape->key)));
      return;
    }
    if (!is_scalar(shape->element)) {
      check_value(check, &(Path){.up = path, .name = key}, shape->element, value);
    } else if (value_present(shape->element, value) && find_breach(shape->element, value, BREACH_MIN)) {
      tell(check, path, shape, map,
           arena_printf(breach_arena(check), "Map value must satisfy constraint: [%s]", all_constraints(breach_arena(check), shape->element)));
      return;
    }
  }
}

static void
check_value(Check *check, const Path *path, const Shape *shape, const void *value)
{
  if (!value_present(shape, value))
    return;
  for (Breach breach = find_breach(shape, value, BREACH_MIN); breach; breach = find_breach(shape, value, breach + 1))
    tell(check, path, shape, value, constraint_text(breach_arena(check), shape, breach));
  if (shape->type == SHAPE_LIST)
    check_list(check, path, shape, value);
  else if (shape->type == SHAPE_MAP)
    check_map(check, path, shape, value);
  else if (shape->type == SHAPE_STRUCTURE)
    check_members(check, path, shape, *(void *const *) value);
}

static void
check_members(Check *check, const Path *path, const Shape *shape, const void *value)
{
  if (++check->depth > LIMIT_NESTING_MAX)
    return;
  for (guint i = 0; i < shape->n_members && check->n < TOLD_MAX; i++) {
    const Member *member = shape->members + i;
    const void *at = member_at(member, value);
    gboolean present = value_present(member->shape, at);
    if (!present && !(member->flags & MEMBER_REQUIRED))
      continue;
    Path here = {.up = path, .name = member->name, .member = TRUE};
    if (!present) {
      breach_arena(check);
      tell(check, &here, member->shape, NULL, "Member must not be null");
    } else {
      check_value(check, &here, member->shape, at);
    }
  }
  check->depth--;
}

Error *
shape_validate(const Shape *shape, const void *value)
{
  Check check = {0};
  check_members(&check, NULL, shape, value);
  if (!check.n)
    return NULL;
  g_autoptr(Arena) arena = check.arena;
  g_autoptr(GString) out = check.out;
  return error_answer_status(400, "ValidationException", "%u validation error%s detected: %s", check.n, check.n == 1 ? "" : "s", out->str);
}
