/* A projection keeps the shape of the item: maps and lists on the way to a named part hold only what is named; elements of a list move up. */
#include "services/dynamodb/expression/parser.h"

#define PATHS_MAX 1000

static const char *
clash(const Path *a, const Path *b)
{
  for (guint i = 0; i < MIN(a->n, b->n); i++) {
    const Step *x = &a->steps[i], *y = &b->steps[i];
    if (!x->name != !y->name)
      return "conflict";
    if (x->name ? !g_str_equal(x->name, y->name) : x->index != y->index)
      return NULL;
  }
  return "overlap";
}

Error *
projection_parse(Scope *scope, const char *text, Projection **ret_projection)
{
  *ret_projection = NULL;
  if (!text)
    return NULL;
  Parser parser;
  TRY(parser_init(&parser, scope, "ProjectionExpression", text));
  Projection *projection = ARENA_NEW(scope->arena, Projection);
  projection->paths = ARENA_ARRAY(scope->arena, Path, MIN(parser.n, PATHS_MAX) + 1);
  do {
    if (projection->n == PATHS_MAX)
      return parser_error(&parser, "The expression has too many paths");
    Path *path = &projection->paths[projection->n];
    TRY(parser_path(&parser, path));
    for (guint i = 0; i < projection->n; i++) {
      const char *how = clash(&projection->paths[i], path);
      if (how)
        return parser_error(&parser, "Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s",
                            how, path_text(scope->arena, &projection->paths[i]), path_text(scope->arena, path));
    }
    projection->n++;
  } while (parser_take(&parser, TOKEN_COMMA));
  *ret_projection = projection;
  return parser_expect(&parser, TOKEN_END);
}

/* What is named of value, by those of the paths that have come this way (n of them, at step depth). */
static Value *project_value(Arena *arena, const Path **paths, guint n, guint depth, const Value *value);

static guint
narrow(const Path **paths, guint n, guint depth, const char *name, guint index, const Path **ret_paths, gboolean *ret_whole)
{
  guint count = 0;
  *ret_whole = FALSE;
  for (guint i = 0; i < n; i++) {
    const Step *step = &paths[i]->steps[depth];
    if (name ? !step->name || !g_str_equal(step->name, name) : step->name || step->index != index)
      continue;
    if (paths[i]->n == depth + 1)
      *ret_whole = TRUE;
    ret_paths[count++] = paths[i];
  }
  return count;
}

static void
project_map(Arena *arena, const Path **paths, guint n, guint depth, const Item *map, Item *ret_map)
{
  const Path **narrowed = ARENA_ARRAY(arena, const Path *, n);
  for (gsize i = 0; i < map->n; i++) {
    gboolean whole;
    guint count = narrow(paths, n, depth, map->v[i].key, 0, narrowed, &whole);
    Value *value = whole ? map->v[i].value : count ? project_value(arena, narrowed, count, depth + 1, map->v[i].value) : NULL;
    if (value)
      item_set(arena, ret_map, map->v[i].key, value);
  }
}

static Value *
project_value(Arena *arena, const Path **paths, guint n, guint depth, const Value *value)
{
  Value *result = ARENA_NEW(arena, Value);
  const Path **narrowed = ARENA_ARRAY(arena, const Path *, n);
  if (value->M.v)
    project_map(arena, paths, n, depth, &value->M, &result->M);
  for (gsize i = 0; i < value->L.n; i++) {
    gboolean whole;
    guint count = narrow(paths, n, depth, NULL, (guint) i, narrowed, &whole);
    Value *element = whole ? value->L.v[i] : count ? project_value(arena, narrowed, count, depth + 1, value->L.v[i]) : NULL;
    if (element)
      LIST_APPEND(arena, &result->L, element);
  }
  return result->M.n || result->L.n ? result : NULL;
}

void
projection_apply(Arena *arena, const Projection *projection, const Item *item, Item *ret_item)
{
  if (!projection) {
    *ret_item = *item;
    return;
  }
  const Path **paths = ARENA_ARRAY(arena, const Path *, projection->n);
  for (guint i = 0; i < projection->n; i++)
    paths[i] = &projection->paths[i];
  Item result = { 0 };
  LIST_EMPTY(arena, &result);
  project_map(arena, paths, projection->n, 0, item, &result);
  *ret_item = result;
}
