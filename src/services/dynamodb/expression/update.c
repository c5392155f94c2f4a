#include "services/dynamodb/expression/expression.h"

#include <string.h>

static Error *
wrong_path(void)
{
  return error_answer("ValidationException", "The document path provided in the update expression is invalid for update");
}

static Error *
wrong_type(void)
{
  return error_answer("ValidationException", "An operand in the update expression has an incorrect data type");
}

static Error *evaluate(Arena *arena, const Node *node, const Item *before, const Value **ret_value) ERROR_MUST_USE;

static Error *
arithmetic(Arena *arena, const Node *node, const Item *before, const Value **ret_value)
{
  const Value *a, *b;
  Number x, y, sum;
  TRY(evaluate(arena, node->args[0], before, &a));
  TRY(evaluate(arena, node->args[1], before, &b));
  if (!a->N || !b->N)
    return wrong_type();
  TRY(number_parse(a->N, &x));
  TRY(number_parse(b->N, &y));
  TRY(number_add(&x, &y, node->type == NODE_MINUS, &sum));
  *ret_value = value_new_number(arena, number_text(arena, &sum));
  return NULL;
}

static Error *
append(Arena *arena, const Node *node, const Item *before, const Value **ret_value)
{
  const Value *a, *b;
  TRY(evaluate(arena, node->args[0], before, &a));
  TRY(evaluate(arena, node->args[1], before, &b));
  if (!a->L.v || !b->L.v)
    return wrong_type();
  Value *joined = value_copy(arena, a);
  for (gsize i = 0; i < b->L.n; i++)
    LIST_APPEND(arena, &joined->L, value_copy(arena, b->L.v[i]));
  *ret_value = joined;
  return NULL;
}

static Error *
evaluate(Arena *arena, const Node *node, const Item *before, const Value **ret_value)
{
  if (node->type == NODE_PLUS || node->type == NODE_MINUS)
    return arithmetic(arena, node, before, ret_value);
  if (node->type == NODE_LIST_APPEND)
    return append(arena, node, before, ret_value);
  if (node->type == NODE_IF_NOT_EXISTS) {
    *ret_value = path_value(&node->args[0]->path, before);
    return *ret_value ? NULL : evaluate(arena, node->args[1], before, ret_value);
  }
  *ret_value = node->type == NODE_VALUE ? node->value : path_value(&node->path, before);
  if (!*ret_value)
    return error_answer("ValidationException", "The provided expression refers to an attribute that does not exist in the item");
  return NULL;
}

/* The map or list that holds the last step; it must be there. */
static Error *
find_parent(const Path *path, Item *item, Item **ret_map, DynamodbListAttributeValue **ret_list)
{
  *ret_map = item;
  *ret_list = NULL;
  for (guint i = 0; i + 1 < path->n; i++) {
    const Step *step = &path->steps[i];
    Value *value = NULL;
    if (step->name && *ret_map)
      value = item_get(*ret_map, step->name);
    else if (!step->name && *ret_list && step->index < (*ret_list)->n)
      value = (*ret_list)->v[step->index];
    if (!value)
      return wrong_path();
    *ret_map = value->M.v ? &value->M : NULL;
    *ret_list = value->L.v ? &value->L : NULL;
  }
  return (path->steps[path->n - 1].name ? *ret_map != NULL : *ret_list != NULL) ? NULL : wrong_path();
}

static Error *
put(Arena *arena, const Path *path, Item *item, Value *value)
{
  Item *map;
  DynamodbListAttributeValue *list;
  const Step *last = &path->steps[path->n - 1];
  TRY(find_parent(path, item, &map, &list));
  if (last->name)
    item_set(arena, map, last->name, value);
  else if (last->index < list->n)
    list->v[last->index] = value;
  else
    LIST_APPEND(arena, list, value);
  return NULL;
}

static Error *
take(const Path *path, Item *item)
{
  Item *map;
  DynamodbListAttributeValue *list;
  const Step *last = &path->steps[path->n - 1];
  TRY(find_parent(path, item, &map, &list));
  if (last->name) {
    item_remove(map, last->name);
  } else if (last->index < list->n) {
    memmove(&list->v[last->index], &list->v[last->index + 1], (list->n - last->index - 1) * sizeof *list->v);
    list->n--;
  }
  return NULL;
}

/* --- sets --- */

static StringList
texts_joined(Arena *arena, const StringList *a, const StringList *b)
{
  StringList joined = { 0 };
  LIST_EMPTY(arena, &joined);
  for (gsize i = 0; i < a->n; i++)
    LIST_APPEND(arena, &joined, a->v[i]);
  for (gsize i = 0; i < b->n; i++)
    if (!string_list_has(a, b->v[i]))
      LIST_APPEND(arena, &joined, b->v[i]);
  return joined;
}

static StringList
texts_without(Arena *arena, const StringList *a, const StringList *b)
{
  StringList rest = { 0 };
  LIST_EMPTY(arena, &rest);
  for (gsize i = 0; i < a->n; i++)
    if (!string_list_has(b, a->v[i]))
      LIST_APPEND(arena, &rest, a->v[i]);
  return rest;
}

static gboolean
blobs_have(const DynamodbBinarySetAttributeValue *set, const Blob *blob)
{
  for (gsize i = 0; i < set->n; i++)
    if (set->v[i].size == blob->size && memcmp(set->v[i].data, blob->data, blob->size) == 0)
      return TRUE;
  return FALSE;
}

static DynamodbBinarySetAttributeValue
blobs_combined(Arena *arena, const DynamodbBinarySetAttributeValue *a, const DynamodbBinarySetAttributeValue *b, gboolean without)
{
  DynamodbBinarySetAttributeValue result = { 0 };
  LIST_EMPTY(arena, &result);
  for (gsize i = 0; i < a->n; i++)
    if (!without || !blobs_have(b, &a->v[i]))
      LIST_APPEND(arena, &result, a->v[i]);
  for (gsize i = 0; i < b->n && !without; i++)
    if (!blobs_have(a, &b->v[i]))
      LIST_APPEND(arena, &result, b->v[i]);
  return result;
}

static Value *
sets_combined(Arena *arena, const Value *a, const Value *b, gboolean without)
{
  StringList (*combine)(Arena *, const StringList *, const StringList *) = without ? texts_without : texts_joined;
  Value *result = ARENA_NEW(arena, Value);
  if (a->SS.v)
    result->SS = combine(arena, &a->SS, &b->SS);
  if (a->NS.v)
    result->NS = combine(arena, &a->NS, &b->NS);
  if (a->BS.v)
    result->BS = blobs_combined(arena, &a->BS, &b->BS, without);
  return result;
}

static Error *
add(Arena *arena, const Action *action, Item *item)
{
  const Value *value = action->value->value, *old = path_value(&action->path, item);
  if (!old)
    return put(arena, &action->path, item, value_copy(arena, value));
  if (value_type(old) != value_type(value))
    return wrong_type();
  if (!old->N)
    return put(arena, &action->path, item, sets_combined(arena, old, value, FALSE));
  Number x, y, sum;
  TRY(number_parse(old->N, &x));
  TRY(number_parse(value->N, &y));
  TRY(number_add(&x, &y, FALSE, &sum));
  return put(arena, &action->path, item, value_new_number(arena, number_text(arena, &sum)));
}

static Error *
remove_members(Arena *arena, const Action *action, Item *item)
{
  const Value *value = action->value->value, *old = path_value(&action->path, item);
  if (!old)
    return NULL;
  if (value_type(old) != value_type(value))
    return wrong_type();
  Value *rest = sets_combined(arena, old, value, TRUE);
  if (rest->SS.n + rest->NS.n + rest->BS.n == 0)
    return take(&action->path, item);
  return put(arena, &action->path, item, rest);
}

/* Elements of one list are removed from its end, so that the indexes mean the item as it was. */
static int
by_index_down(gconstpointer a, gconstpointer b)
{
  const Path *x = &(*(const Action *const *) a)->path, *y = &(*(const Action *const *) b)->path;
  guint i = x->steps[x->n - 1].name ? 0 : x->steps[x->n - 1].index, j = y->steps[y->n - 1].name ? 0 : y->steps[y->n - 1].index;
  return i < j ? 1 : i > j ? -1 : 0;
}

static Error *
apply_removes(const Update *update, Item *item)
{
  g_autoptr(GPtrArray) removes = g_ptr_array_new();
  for (guint i = 0; i < update->n; i++)
    if (update->actions[i].type == ACTION_REMOVE)
      g_ptr_array_add(removes, &update->actions[i]);
  g_ptr_array_sort(removes, by_index_down);
  for (guint i = 0; i < removes->len; i++)
    TRY(take(&((const Action *) removes->pdata[i])->path, item));
  return NULL;
}

Error *
update_apply(Arena *arena, const Update *update, const Item *before, Item *item)
{
  for (guint i = 0; i < update->n; i++) {
    const Action *action = &update->actions[i];
    const Value *value;
    if (action->type == ACTION_SET) {
      TRY(evaluate(arena, action->value, before, &value));
      TRY(put(arena, &action->path, item, value_copy(arena, value)));
    } else if (action->type == ACTION_ADD) {
      TRY(add(arena, action, item));
    } else if (action->type == ACTION_DELETE) {
      TRY(remove_members(arena, action, item));
    }
  }
  return apply_removes(update, item);
}
