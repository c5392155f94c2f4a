#include "services/dynamodb/expression/expression.h"

const Value *
path_value(const Path *path, const Item *item)
{
  const Value *value = item_get(item, path->steps[0].name);
  for (guint i = 1; value && i < path->n; i++) {
    const Step *step = &path->steps[i];
    if (step->name)
      value = value->M.v ? item_get(&value->M, step->name) : NULL;
    else
      value = step->index < value->L.n ? value->L.v[step->index] : NULL;
  }
  return value;
}

static gboolean
step_equal(const Step *a, const Step *b)
{
  if (!a->name || !b->name)
    return !a->name && !b->name && a->index == b->index;
  return g_str_equal(a->name, b->name);
}

gboolean
path_equal(const Path *a, const Path *b)
{
  if (a->n != b->n)
    return FALSE;
  for (guint i = 0; i < a->n; i++)
    if (!step_equal(&a->steps[i], &b->steps[i]))
      return FALSE;
  return TRUE;
}

char *
path_text(Arena *arena, const Path *path)
{
  g_autoptr(GString) text = g_string_new("[");
  for (guint i = 0; i < path->n; i++) {
    if (i > 0)
      g_string_append(text, ", ");
    if (path->steps[i].name)
      g_string_append(text, path->steps[i].name);
    else
      g_string_append_printf(text, "[%u]", path->steps[i].index);
  }
  g_string_append_c(text, ']');
  return arena_strdup(arena, text->str);
}
