#include "services/dynamodb/dynamodb.h"

#include <string.h>

#define HASH_MAX 2048
#define RANGE_MAX 1024

static Error *
mismatch(void)
{
  return error_answer("ValidationException", "The provided key element does not match the schema");
}

/* Length of a key attribute, and that it is not empty. */
static Error *
check_length(const char *name, const Value *value, gboolean range)
{
  gsize size = value->S ? strlen(value->S) : value->B.data ? value->B.size : 1;
  if (size == 0)
    return error_answer("ValidationException", "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
                        "an empty %s value. Key: %s", value->S ? "string" : "binary", name);
  if (!range && size > HASH_MAX)
    return error_answer("ValidationException", "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of"
                        "2048 bytes");
  if (range && size > RANGE_MAX)
    return error_answer("ValidationException", "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size "
                        "limit of 1024 bytes");
  return NULL;
}

static Error *
check_part(const Item *key, const char *name, ValueType type, gboolean range, gsize *count)
{
  if (!name)
    return NULL;
  const Value *value = item_get(key, name);
  if (!value || value_type(value) != type)
    return mismatch();
  (*count)++;
  return check_length(name, value, range);
}

Error *
check_key(Call *call, const TableDef *table, Item *key)
{
  gsize count = 0;
  TRY(item_check(call->arena, key));
  TRY(check_part(key, table->primary.hash, table->primary.hash_type, FALSE, &count));
  TRY(check_part(key, table->primary.range, table->primary.range_type, TRUE, &count));
  return count == key->n ? NULL : mismatch();
}

static Error *
wrong_start(void)
{
  return error_answer("ValidationException", "The provided starting key is invalid");
}

Error *
check_start_key(Call *call, const TableDef *table, const IndexDef *index, Item *key)
{
  const struct {
    const char *name;
    ValueType type;
  } parts[] = {
    { table->primary.hash, table->primary.hash_type },
    { table->primary.range, table->primary.range_type },
    { index->hash, index->hash_type },
    { index->range, index->range_type },
  };
  TRY(item_check(call->arena, key));
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    const Value *value = parts[i].name ? item_get(key, parts[i].name) : NULL;
    if (parts[i].name && (!value || value_type(value) != parts[i].type))
      return wrong_start();
  }
  for (gsize i = 0; i < key->n; i++) {
    gboolean known = FALSE;
    for (guint p = 0; p < G_N_ELEMENTS(parts); p++)
      known |= parts[p].name && g_str_equal(parts[p].name, key->v[i].key);
    if (!known)
      return wrong_start();
  }
  return NULL;
}

static Error *
check_own(const Item *item, const char *name, ValueType type, gboolean range)
{
  if (!name)
    return NULL;
  const Value *value = item_get(item, name);
  if (!value)
    return error_answer("ValidationException", "One or more parameter values were invalid: Missing the key %s in the item", name);
  if (value_type(value) != type)
    return error_answer("ValidationException", "One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", name,
                        value_type_name(type), value_type_name(value_type(value)));
  return check_length(name, value, range);
}

/* An item need not have an index's attributes; but if it has them they must be what the index says. */
static Error *
check_index_part(const IndexDef *index, const Item *item, const char *name, ValueType type)
{
  const Value *value = name ? item_get(item, name) : NULL;
  if (!value)
    return NULL;
  if (value_type(value) != type)
    return error_answer("ValidationException", "One or more parameter values were invalid: Type mismatch for Index Key %s Expected: %s Actual: %s "
                        "IndexName: %s", name, value_type_name(type), value_type_name(value_type(value)), index->name);
  if ((value->S && !*value->S) || (value->B.data && value->B.size == 0))
    return error_answer("ValidationException", "One or more parameter values are not valid. A value specified for a secondary index key is not "
                        "supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s",
                        value->S ? "string" : "binary", index->name, name);
  return NULL;
}

Error *
check_item(const TableDef *table, const Item *item, gboolean update)
{
  TRY(check_own(item, table->primary.hash, table->primary.hash_type, FALSE));
  TRY(check_own(item, table->primary.range, table->primary.range_type, TRUE));
  for (guint i = 0; i < table->n_indexes; i++) {
    const IndexDef *index = &table->indexes[i];
    if (!index->name)
      continue;
    TRY(check_index_part(index, item, index->hash, index->hash_type));
    TRY(check_index_part(index, item, index->range, index->range_type));
  }
  if (item_size(item) > ITEM_SIZE_MAX)
    return error_answer("ValidationException", update ? "Item size to update has exceeded the maximum allowed size"
                                                      : "Item size has exceeded the maximum allowed size");
  return NULL;
}

Error *
check_legacy(gboolean given, const char *parameter, const char *instead)
{
  if (!given)
    return NULL;
  return error_answer("ValidationException", "%s is a legacy parameter that haar does not have: use %s", parameter, instead);
}
