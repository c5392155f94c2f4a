/* Any text as a condition, an update and a projection; what parses is applied to an item. */
#include "services/dynamodb/expression/expression.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Value *
list_of(Arena *arena, Value *first, Value *second)
{
  Value *list = ARENA_NEW(arena, Value);
  LIST_APPEND(arena, &list->L, first);
  LIST_APPEND(arena, &list->L, second);
  return list;
}

static void
fill(Arena *arena, Item *item, const char *prefix)
{
  Value *set = ARENA_NEW(arena, Value), *map = ARENA_NEW(arena, Value);
  LIST_APPEND(arena, &set->SS, "x");
  item_set(arena, &map->M, "b", value_new_text(arena, "deep"));
  item_set(arena, item, arena_printf(arena, "%sn", prefix), value_new_number(arena, "5"));
  item_set(arena, item, arena_printf(arena, "%ss", prefix), value_new_text(arena, "hello"));
  item_set(arena, item, arena_printf(arena, "%st", prefix), set);
  item_set(arena, item, arena_printf(arena, "%sa", prefix), map);
  item_set(arena, item, arena_printf(arena, "%sl", prefix), list_of(arena, value_new_number(arena, "1"), value_new_text(arena, "e")));
}

static void
try_condition(Scope *scope, const char *text, const Item *item)
{
  Node *condition;
  g_autoptr(Error) error = condition_parse(scope, "ConditionExpression", text, &condition);
  if (!error)
    expression_holds(scope->arena, condition, item);
}

static void
try_update(Scope *scope, const char *text, const Item *item)
{
  Update *update;
  Item changed;
  g_autoptr(Error) error = update_parse(scope, text, &update);
  item_copy(scope->arena, item, &changed);
  if (!error)
    error = update_apply(scope->arena, update, item, &changed);
  g_autoptr(GByteArray) stored = g_byte_array_new();
  Item back;
  if (error)
    return;
  item_encode(&changed, stored);
  error = item_decode(scope->arena, stored->data, stored->len, &back);
  g_assert_null(error);
  g_assert_cmpuint(item_size(&back), ==, item_size(&changed));
}

static void
try_projection(Scope *scope, const char *text, const Item *item)
{
  Projection *projection;
  Item projected;
  g_autoptr(Error) error = projection_parse(scope, text, &projection);
  if (!error)
    projection_apply(scope->arena, projection, item, &projected);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  char *text = arena_strndup(arena, (const char *) data, size);
  Item item = { 0 }, values = { 0 }, stored;
  StringMap names = { 0 };
  Scope scope;
  fill(arena, &item, "");
  fill(arena, &values, ":");
  MAP_SET(arena, &names, "#n", "n");
  g_autoptr(Error) error = scope_init(&scope, arena, &names, &values, TRUE, "");
  g_assert_null(error);
  try_condition(&scope, text, &item);
  try_update(&scope, text, &item);
  try_projection(&scope, text, &item);
  error = item_decode(arena, data, size, &stored);
  return 0;
}
