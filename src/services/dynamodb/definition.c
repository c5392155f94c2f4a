/* A definition is parsed once. Each call reads the stored record (one look-up, no copy) and compares its bytes with those of the shared
 * definition, so that it is always the one of the call's own snapshot. */
#include "services/dynamodb/dynamodb.h"

#include <string.h>

const Table dynamodb_tables = { "dynamodb.tables" };
static const Table meta_table = { "dynamodb.meta" };

typedef struct Definitions {
  GMutex mutex;
  GHashTable *by_key; /* GBytes of the stored key -> TableDef */
} Definitions;

static void
table_unref(gpointer data)
{
  TableDef *table = data;
  if (!g_atomic_int_dec_and_test(&table->references))
    return;
  g_free(table->raw);
  arena_free(table->arena);
}

gpointer
definition_state_new(void)
{
  Definitions *state = g_new0(Definitions, 1);
  g_mutex_init(&state->mutex);
  state->by_key = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, table_unref);
  return state;
}

void
definition_state_free(gpointer data)
{
  Definitions *state = data;
  if (!state)
    return;
  g_hash_table_unref(state->by_key);
  g_mutex_clear(&state->mutex);
  g_free(state);
}

static ValueType
attribute_type(const DynamodbTableDescription *description, const char *name)
{
  for (gsize i = 0; i < description->AttributeDefinitions.n; i++)
    if (g_str_equal(description->AttributeDefinitions.v[i]->AttributeName, name))
      return value_type_named(description->AttributeDefinitions.v[i]->AttributeType);
  return VALUE_NONE;
}

static void
set_keys(IndexDef *index, const DynamodbTableDescription *description, const DynamodbKeySchema *schema)
{
  for (gsize i = 0; i < schema->n; i++) {
    const char *name = schema->v[i]->AttributeName;
    if (g_str_equal(schema->v[i]->KeyType, "HASH")) {
      index->hash = name;
      index->hash_type = attribute_type(description, name);
    } else {
      index->range = name;
      index->range_type = attribute_type(description, name);
    }
  }
}

static gint64
uid_of(const DynamodbTableRecord *record, const char *name)
{
  for (gsize i = 0; i < record->IndexUids.n; i++)
    if (g_str_equal(record->IndexUids.v[i]->Name, name))
      return record->IndexUids.v[i]->Uid.v;
  return 0;
}

static void
add_index(TableDef *table, const char *name, gboolean global, const DynamodbKeySchema *schema, DynamodbProjection *projection)
{
  IndexDef *index = &table->indexes[table->n_indexes++];
  index->name = name;
  index->global = global;
  index->uid = uid_of(table->record, name);
  index->projection = projection;
  index->project_all = !projection || g_strcmp0(projection->ProjectionType, "ALL") == 0;
  if (projection)
    index->project = projection->NonKeyAttributes;
  set_keys(index, table->record->Description, schema);
}

static void
derive(TableDef *table)
{
  const DynamodbTableDescription *description = table->record->Description;
  table->name = description->TableName;
  table->primary.uid = table->record->Uid.v;
  table->primary.project_all = TRUE;
  set_keys(&table->primary, description, &description->KeySchema);
  gsize n = description->GlobalSecondaryIndexes.n + description->LocalSecondaryIndexes.n + 1;
  table->indexes = ARENA_ARRAY(table->arena, IndexDef, n);
  for (gsize i = 0; i < description->LocalSecondaryIndexes.n; i++) {
    DynamodbLocalSecondaryIndexDescription *index = description->LocalSecondaryIndexes.v[i];
    add_index(table, index->IndexName, FALSE, &index->KeySchema, index->Projection);
  }
  for (gsize i = 0; i < description->GlobalSecondaryIndexes.n; i++) {
    DynamodbGlobalSecondaryIndexDescription *index = description->GlobalSecondaryIndexes.v[i];
    add_index(table, index->IndexName, TRUE, &index->KeySchema, index->Projection);
  }
  if (table->record->TtlAttribute)
    table->indexes[table->n_indexes++] = (IndexDef){ .uid = uid_of(table->record, ""), .range = table->record->TtlAttribute, .range_type = VALUE_N };
  table->stream = description->StreamSpecification && OPT_OR(description->StreamSpecification->StreamEnabled, FALSE);
  table->log = table->stream || OPT_OR(table->record->PointInTimeRecovery, FALSE);
}

static Error *
parse(const void *data, gsize size, TableDef **ret_table)
{
  g_autoptr(Arena) arena = arena_new();
  void *record;
  TRY(record_decode(arena, &DynamodbTableRecord_shape, data, size, &record));
  TableDef *table = ARENA_NEW(arena, TableDef);
  table->references = 1;
  table->raw = g_memdup2(data, size);
  table->raw_size = size;
  table->record = record;
  table->arena = g_steal_pointer(&arena);
  derive(table);
  *ret_table = table;
  return NULL;
}

const char *
table_name_of(Call *call, const char *name)
{
  Arn arn;
  if (!g_str_has_prefix(name, "arn:") || !arn_parse(call->arena, name, &arn) || !g_str_has_prefix(arn.resource, "table/"))
    return name;
  const char *begin = arn.resource + strlen("table/");
  return arena_strndup(call->arena, begin, strcspn(begin, "/"));
}

static void
table_key(Call *call, const char *name, Key *ret_key)
{
  call_key(call, ret_key);
  key_add(ret_key, name);
}

/* The shared definition if it is of these bytes, else a new one that takes its place. */
static Error *
share(Definitions *state, const Key *key, const void *data, gsize size, TableDef **ret_table)
{
  g_autoptr(GBytes) name = g_bytes_new(key->data, key->size);
  g_mutex_lock(&state->mutex);
  TableDef *table = g_hash_table_lookup(state->by_key, name);
  gboolean same = table && table->raw_size == size && memcmp(table->raw, data, size) == 0;
  if (same)
    g_atomic_int_inc(&table->references);
  g_mutex_unlock(&state->mutex);
  if (!same) {
    TRY(parse(data, size, &table));
    g_atomic_int_inc(&table->references);
    g_mutex_lock(&state->mutex);
    g_hash_table_replace(state->by_key, g_steal_pointer(&name), table);
    g_mutex_unlock(&state->mutex);
  }
  *ret_table = table;
  return NULL;
}

Error *
table_look(Call *call, const char *name, TableDef **ret_table)
{
  Key key;
  const void *data;
  gsize size;
  table_key(call, table_name_of(call, name), &key);
  TRY(store_get(call->txn, &dynamodb_tables, &key, &data, &size));
  *ret_table = NULL;
  if (!data)
    return NULL;
  TRY(share(haar_state(call->haar, "dynamodb"), &key, data, size, ret_table));
  arena_own(call->arena, *ret_table, table_unref);
  return NULL;
}

Error *
table_find(Call *call, const char *name, TableDef **ret_table)
{
  TRY(table_look(call, name, ret_table));
  return *ret_table ? NULL : error_answer("ResourceNotFoundException", TABLE_NOT_FOUND);
}

DynamodbTableRecord *
table_record(Call *call, const TableDef *table)
{
  return shape_copy(call->arena, &DynamodbTableRecord_shape, table->record);
}

Error *
table_put(Call *call, const DynamodbTableRecord *record)
{
  Key key;
  table_key(call, record->Description->TableName, &key);
  return record_put(call->txn, &dynamodb_tables, &key, &DynamodbTableRecord_shape, record);
}

const IndexDef *
table_index(const TableDef *table, const char *name)
{
  for (guint i = 0; i < table->n_indexes; i++)
    if (table->indexes[i].name && g_str_equal(table->indexes[i].name, name))
      return &table->indexes[i];
  return NULL;
}

Error *
table_new_uid(Call *call, gint64 *ret_uid)
{
  Key key;
  const void *data;
  gsize size;
  gint64 uid = 1;
  key_strings(&key, "uid", NULL);
  TRY(store_get(call->txn, &meta_table, &key, &data, &size));
  if (data && size == sizeof uid)
    memcpy(&uid, data, sizeof uid);
  *ret_uid = uid++;
  return store_put(call->txn, &meta_table, &key, &uid, sizeof uid);
}
