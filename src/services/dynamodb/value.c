#include "services/dynamodb/value.h"

#include <string.h>

#define DEPTH_MAX 32

static const char *const type_names[] = { "", "S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL" };

ValueType
value_type(const Value *value)
{
  if (value->S)
    return VALUE_S;
  if (value->N)
    return VALUE_N;
  if (value->B.data)
    return VALUE_B;
  if (value->M.v)
    return VALUE_M;
  if (value->L.v)
    return VALUE_L;
  if (value->BOOL.set)
    return VALUE_BOOL;
  if (value->NULL_.set)
    return VALUE_NULL;
  if (value->SS.v)
    return VALUE_SS;
  if (value->NS.v)
    return VALUE_NS;
  return value->BS.v ? VALUE_BS : VALUE_NONE;
}

const char *
value_type_name(ValueType type)
{
  return type_names[type];
}

ValueType
value_type_named(const char *name)
{
  for (guint i = 1; i < G_N_ELEMENTS(type_names); i++)
    if (g_str_equal(type_names[i], name))
      return (ValueType) i;
  return VALUE_NONE;
}

/* --- checks --- */

static Error *
invalid(const char *text)
{
  return error_answer("ValidationException", "One or more parameter values were invalid: %s", text);
}

static Error *
check_kinds(const Value *value)
{
  int kinds = (value->S != NULL) + (value->N != NULL) + (value->B.data != NULL) + (value->M.v != NULL) + (value->L.v != NULL) +
              (value->BOOL.set != 0) + (value->NULL_.set != 0) + (value->SS.v != NULL) + (value->NS.v != NULL) + (value->BS.v != NULL);
  if (kinds == 0)
    return error_answer("ValidationException", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  if (kinds > 1)
    return error_answer("ValidationException",
                        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes");
  return NULL;
}

static Error *
canonical(Arena *arena, const char **text)
{
  Number number;
  TRY(number_parse(*text, &number));
  *text = number_text(arena, &number);
  return NULL;
}

static Error *
duplicates(const StringList *set)
{
  g_autoptr(GString) text = g_string_new("Input collection [");
  for (gsize i = 0; i < set->n; i++)
    g_string_append_printf(text, "%s%s", i ? ", " : "", set->v[i]);
  g_string_append(text, "] contains duplicates.");
  return invalid(text->str);
}

static Error *
check_text_set(Arena *arena, StringList *set, gboolean numbers)
{
  if (set->n == 0)
    return invalid(numbers ? "An number set  may not be empty" : "An string set  may not be empty");
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; i < set->n; i++) {
    if (numbers)
      TRY(canonical(arena, &set->v[i]));
    if (!g_hash_table_add(seen, (gpointer) set->v[i]))
      return duplicates(set);
  }
  return NULL;
}

static gboolean
blob_equal(const Blob *a, const Blob *b)
{
  return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static Error *
check_binary_set(const DynamodbBinarySetAttributeValue *set)
{
  if (set->n == 0)
    return invalid("Binary sets should not be empty");
  for (gsize i = 0; i < set->n; i++)
    for (gsize j = 0; j < i; j++)
      if (blob_equal(&set->v[i], &set->v[j]))
        return invalid("Input collection of binary values contains duplicates.");
  return NULL;
}

static Error *check_deep(Arena *arena, Value *value, guint depth);

static Error *
check_map(Arena *arena, Item *map, guint depth)
{
  for (gsize i = 0; i < map->n; i++)
    TRY(check_deep(arena, map->v[i].value, depth));
  return NULL;
}

static Error *
check_list(Arena *arena, DynamodbListAttributeValue *list, guint depth)
{
  for (gsize i = 0; i < list->n; i++)
    TRY(check_deep(arena, list->v[i], depth));
  return NULL;
}

static Error *
check_deep(Arena *arena, Value *value, guint depth)
{
  static const Value empty;
  if (depth > DEPTH_MAX)
    return error_answer("ValidationException", "Nesting Levels have exceeded supported limits");
  TRY(check_kinds(value ? value : &empty));
  switch (value_type(value)) {
  case VALUE_N:
    return canonical(arena, &value->N);
  case VALUE_SS:
    return check_text_set(arena, &value->SS, FALSE);
  case VALUE_NS:
    return check_text_set(arena, &value->NS, TRUE);
  case VALUE_BS:
    return check_binary_set(&value->BS);
  case VALUE_M:
    return check_map(arena, &value->M, depth + 1);
  case VALUE_L:
    return check_list(arena, &value->L, depth + 1);
  case VALUE_NULL:
    return value->NULL_.v ? NULL : invalid("Null attribute value types must have the value of true");
  case VALUE_NONE:
  case VALUE_S:
  case VALUE_B:
  case VALUE_BOOL:
    break;
  }
  return NULL;
}

Error *
value_check(Arena *arena, Value *value)
{
  return check_deep(arena, value, 0);
}

Error *
item_check(Arena *arena, Item *item)
{
  for (gsize i = 0; i < item->n; i++)
    if (!*item->v[i].key)
      return invalid("Attribute names must not be empty");
  return check_map(arena, item, 0);
}

/* --- sizes --- */

static gsize
number_size(const char *text)
{
  gsize digits = 0;
  for (const char *at = text; *at; at++)
    digits += g_ascii_isdigit(*at);
  return (digits + 1) / 2 + 1 + (*text == '-');
}

static gsize
set_size(const StringList *set, gboolean numbers)
{
  gsize size = 0;
  for (gsize i = 0; i < set->n; i++)
    size += numbers ? number_size(set->v[i]) : strlen(set->v[i]);
  return size;
}

gsize
value_size(const Value *value)
{
  gsize size = 3;
  switch (value_type(value)) {
  case VALUE_S:
    return strlen(value->S);
  case VALUE_N:
    return number_size(value->N);
  case VALUE_B:
    return value->B.size;
  case VALUE_SS:
    return set_size(&value->SS, FALSE);
  case VALUE_NS:
    return set_size(&value->NS, TRUE);
  case VALUE_BS:
    size = 0;
    for (gsize i = 0; i < value->BS.n; i++)
      size += value->BS.v[i].size;
    return size;
  case VALUE_M:
    for (gsize i = 0; i < value->M.n; i++)
      size += 1 + strlen(value->M.v[i].key) + value_size(value->M.v[i].value);
    return size;
  case VALUE_L:
    for (gsize i = 0; i < value->L.n; i++)
      size += 1 + value_size(value->L.v[i]);
    return size;
  case VALUE_NULL:
  case VALUE_BOOL:
  case VALUE_NONE:
    break;
  }
  return 1;
}

gsize
item_size(const Item *item)
{
  gsize size = 0;
  for (gsize i = 0; i < item->n; i++)
    size += strlen(item->v[i].key) + value_size(item->v[i].value);
  return size;
}

/* --- order --- */

static gboolean
sets_equal(const StringList *a, const StringList *b)
{
  if (a->n != b->n)
    return FALSE;
  for (gsize i = 0; i < a->n; i++)
    if (!string_list_has(b, a->v[i]))
      return FALSE;
  return TRUE;
}

static gboolean
binary_sets_equal(const DynamodbBinarySetAttributeValue *a, const DynamodbBinarySetAttributeValue *b)
{
  if (a->n != b->n)
    return FALSE;
  for (gsize i = 0; i < a->n; i++) {
    gboolean found = FALSE;
    for (gsize j = 0; j < b->n && !found; j++)
      found = blob_equal(&a->v[i], &b->v[j]);
    if (!found)
      return FALSE;
  }
  return TRUE;
}

static gboolean
maps_equal(const Item *a, const Item *b)
{
  if (a->n != b->n)
    return FALSE;
  for (gsize i = 0; i < a->n; i++) {
    const Value *other = item_get(b, a->v[i].key);
    if (!other || !value_equal(a->v[i].value, other))
      return FALSE;
  }
  return TRUE;
}

static gboolean
lists_equal(const DynamodbListAttributeValue *a, const DynamodbListAttributeValue *b)
{
  if (a->n != b->n)
    return FALSE;
  for (gsize i = 0; i < a->n; i++)
    if (!value_equal(a->v[i], b->v[i]))
      return FALSE;
  return TRUE;
}

gboolean
value_equal(const Value *a, const Value *b)
{
  ValueType type = value_type(a);
  if (type != value_type(b))
    return FALSE;
  switch (type) {
  case VALUE_S:
    return g_str_equal(a->S, b->S);
  case VALUE_N:
    return g_str_equal(a->N, b->N);
  case VALUE_B:
    return blob_equal(&a->B, &b->B);
  case VALUE_SS:
    return sets_equal(&a->SS, &b->SS);
  case VALUE_NS:
    return sets_equal(&a->NS, &b->NS);
  case VALUE_BS:
    return binary_sets_equal(&a->BS, &b->BS);
  case VALUE_M:
    return maps_equal(&a->M, &b->M);
  case VALUE_L:
    return lists_equal(&a->L, &b->L);
  case VALUE_BOOL:
    return !a->BOOL.v == !b->BOOL.v;
  case VALUE_NULL:
    return TRUE;
  case VALUE_NONE:
    break;
  }
  return FALSE;
}

static int
compare_numbers(const char *a, const char *b)
{
  Number x = { 0 }, y = { 0 };
  Error *error = number_parse(a, &x);
  if (!error)
    error = number_parse(b, &y);
  error_free(error); /* stored numbers and checked ones are good */
  return number_compare(&x, &y);
}

gboolean
value_compare(const Value *a, const Value *b, int *ret_order)
{
  ValueType type = value_type(a);
  if (type != value_type(b))
    return FALSE;
  if (type == VALUE_S)
    *ret_order = strcmp(a->S, b->S);
  else if (type == VALUE_N)
    *ret_order = compare_numbers(a->N, b->N);
  else if (type == VALUE_B) {
    int order = memcmp(a->B.data, b->B.data, MIN(a->B.size, b->B.size));
    *ret_order = order ? order : (a->B.size > b->B.size) - (a->B.size < b->B.size);
  } else {
    return FALSE;
  }
  return TRUE;
}

Blob
value_key(Arena *arena, const Value *value)
{
  if (value->S)
    return (Blob){ (const guint8 *) value->S, strlen(value->S) };
  if (!value->N)
    return value->B;
  Number number = { 0 };
  error_free(number_parse(value->N, &number));
  guint8 *key = arena_alloc(arena, NUMBER_KEY_MAX);
  gsize size = number_key(&number, key);
  return (Blob){ key, size };
}

/* --- items --- */

Value *
item_get(const Item *item, const char *name)
{
  for (gsize i = 0; i < item->n; i++)
    if (g_str_equal(item->v[i].key, name))
      return item->v[i].value;
  return NULL;
}

void
item_set(Arena *arena, Item *item, const char *name, Value *value)
{
  MAP_SET(arena, item, name, value);
}

gboolean
item_remove(Item *item, const char *name)
{
  for (gsize i = 0; i < item->n; i++)
    if (g_str_equal(item->v[i].key, name)) {
      memmove(&item->v[i], &item->v[i + 1], (item->n - i - 1) * sizeof item->v[i]);
      item->n--;
      return TRUE;
    }
  return FALSE;
}

Value *
value_copy(Arena *arena, const Value *value)
{
  Value *copy = arena_memdup(arena, value, sizeof *value);
  ValueType type = value_type(value);
  if (type == VALUE_M)
    item_copy(arena, &value->M, &copy->M);
  if (type == VALUE_L) {
    copy->L = (DynamodbListAttributeValue){ 0 };
    LIST_EMPTY(arena, &copy->L);
    for (gsize i = 0; i < value->L.n; i++)
      LIST_APPEND(arena, &copy->L, value_copy(arena, value->L.v[i]));
  }
  return copy;
}

/* Room for n entries, as list_grow expects it. */
static gsize
room(gsize n)
{
  gsize room = 4;
  while (room < n)
    room *= 2;
  return room;
}

void
item_copy(Arena *arena, const Item *item, Item *ret_item)
{
  Item copy = { item->n, ARENA_ARRAY(arena, ItemEntry, room(item->n)) };
  for (gsize i = 0; i < item->n; i++)
    copy.v[i] = (ItemEntry){ item->v[i].key, value_copy(arena, item->v[i].value) };
  *ret_item = copy;
}

Value *
value_new_text(Arena *arena, const char *text)
{
  Value *value = ARENA_NEW(arena, Value);
  value->S = text;
  return value;
}

Value *
value_new_number(Arena *arena, const char *text)
{
  Value *value = ARENA_NEW(arena, Value);
  value->N = text;
  return value;
}
