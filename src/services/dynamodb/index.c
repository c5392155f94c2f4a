/* What keys and indexes of a table must be, and their descriptions. */
#include "services/dynamodb/dynamodb.h"

#define LOCAL_MAX 5
#define GLOBAL_MAX 20

static Error *
invalid(const char *format, const char *what)
{
  g_autofree char *text = g_strdup_printf(format, what);
  return error_answer("ValidationException", "One or more parameter values were invalid: %s", text);
}

static gboolean
defined(const DynamodbAttributeDefinitions *definitions, const char *name)
{
  for (gsize i = 0; i < definitions->n; i++)
    if (g_str_equal(definitions->v[i]->AttributeName, name))
      return TRUE;
  return FALSE;
}

static Error *
check_schema(const DynamodbAttributeDefinitions *definitions, const DynamodbKeySchema *schema)
{
  if (schema->n == 0 || !g_str_equal(schema->v[0]->KeyType, "HASH"))
    return error_answer("ValidationException", "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  if (schema->n > 1 && !g_str_equal(schema->v[1]->KeyType, "RANGE"))
    return error_answer("ValidationException", "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
  if (schema->n > 1 && g_str_equal(schema->v[0]->AttributeName, schema->v[1]->AttributeName))
    return error_answer("ValidationException", "Both the Hash Key and the Range Key element in the KeySchema have the same name");
  g_autoptr(GString) keys = g_string_new("["), names = g_string_new("[");
  gboolean missing = FALSE;
  for (gsize i = 0; i < schema->n; i++) {
    g_string_append_printf(keys, "%s%s", i ? ", " : "", schema->v[i]->AttributeName);
    missing |= !defined(definitions, schema->v[i]->AttributeName);
  }
  for (gsize i = 0; i < definitions->n; i++)
    g_string_append_printf(names, "%s%s", i ? ", " : "", definitions->v[i]->AttributeName);
  if (missing)
    return error_answer("ValidationException", "One or more parameter values were invalid: Some index key attributes are not defined in "
                        "AttributeDefinitions. Keys: %s], AttributeDefinitions: %s]", keys->str, names->str);
  return NULL;
}

static Error *
check_projection(const DynamodbProjection *projection)
{
  if (!projection || !projection->ProjectionType)
    return invalid("%s", "Unknown ProjectionType: null");
  gboolean include = g_str_equal(projection->ProjectionType, "INCLUDE");
  if (!include && projection->NonKeyAttributes.n)
    return invalid("ProjectionType is %s, but NonKeyAttributes is specified", projection->ProjectionType);
  if (include && projection->NonKeyAttributes.n == 0)
    return invalid("%s", "ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
  return NULL;
}

static gboolean
uses(const DynamodbKeySchema *schema, const char *name)
{
  for (gsize i = 0; i < schema->n; i++)
    if (g_str_equal(schema->v[i]->AttributeName, name))
      return TRUE;
  return FALSE;
}

/* Every defined attribute must be a key of something. */
static Error *
check_unused(const DynamodbCreateTableInput *in)
{
  for (gsize i = 0; i < in->AttributeDefinitions.n; i++) {
    const char *name = in->AttributeDefinitions.v[i]->AttributeName;
    gboolean used = uses(&in->KeySchema, name);
    for (gsize j = 0; j < in->GlobalSecondaryIndexes.n; j++)
      used |= uses(&in->GlobalSecondaryIndexes.v[j]->KeySchema, name);
    for (gsize j = 0; j < in->LocalSecondaryIndexes.n; j++)
      used |= uses(&in->LocalSecondaryIndexes.v[j]->KeySchema, name);
    if (!used)
      return invalid("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions: %s is not used", name);
    for (gsize j = 0; j < i; j++)
      if (g_str_equal(in->AttributeDefinitions.v[j]->AttributeName, name))
        return invalid("Duplicate AttributeName in AttributeDefinitions: %s", name);
  }
  return NULL;
}

static Error *
check_local(const DynamodbCreateTableInput *in, const DynamodbLocalSecondaryIndex *index)
{
  TRY(check_schema(&in->AttributeDefinitions, &index->KeySchema));
  TRY(check_projection(index->Projection));
  if (in->KeySchema.n < 2)
    return invalid("%s", "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex");
  if (!g_str_equal(index->KeySchema.v[0]->AttributeName, in->KeySchema.v[0]->AttributeName))
    return invalid("Index KeySchema does not have the same leading hash key as table KeySchema for index: %s", index->IndexName);
  if (index->KeySchema.n < 2)
    return invalid("Index KeySchema does not have a range key for index: %s", index->IndexName);
  return NULL;
}

static Error *
check_names(const DynamodbCreateTableInput *in)
{
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; i < in->GlobalSecondaryIndexes.n; i++)
    if (!g_hash_table_add(names, (gpointer) in->GlobalSecondaryIndexes.v[i]->IndexName))
      return invalid("Duplicate index name: %s", in->GlobalSecondaryIndexes.v[i]->IndexName);
  for (gsize i = 0; i < in->LocalSecondaryIndexes.n; i++)
    if (!g_hash_table_add(names, (gpointer) in->LocalSecondaryIndexes.v[i]->IndexName))
      return invalid("Duplicate index name: %s", in->LocalSecondaryIndexes.v[i]->IndexName);
  return NULL;
}

Error *
index_check(const DynamodbCreateTableInput *in)
{
  TRY(check_schema(&in->AttributeDefinitions, &in->KeySchema));
  if (in->GlobalSecondaryIndexes.v && in->GlobalSecondaryIndexes.n == 0)
    return invalid("%s", "List of GlobalSecondaryIndexes is empty");
  if (in->LocalSecondaryIndexes.v && in->LocalSecondaryIndexes.n == 0)
    return invalid("%s", "List of LocalSecondaryIndexes is empty");
  if (in->LocalSecondaryIndexes.n > LOCAL_MAX)
    return invalid("%s", "Number of LocalSecondaryIndexes exceeds per-table limit of 5");
  if (in->GlobalSecondaryIndexes.n > GLOBAL_MAX)
    return invalid("%s", "Number of GlobalSecondaryIndexes exceeds per-table limit of 20");
  for (gsize i = 0; i < in->GlobalSecondaryIndexes.n; i++) {
    TRY(check_schema(&in->AttributeDefinitions, &in->GlobalSecondaryIndexes.v[i]->KeySchema));
    TRY(check_projection(in->GlobalSecondaryIndexes.v[i]->Projection));
  }
  for (gsize i = 0; i < in->LocalSecondaryIndexes.n; i++)
    TRY(check_local(in, in->LocalSecondaryIndexes.v[i]));
  TRY(check_names(in));
  return check_unused(in);
}

static Error *
add_uid(Call *call, DynamodbTableRecord *record, const char *name)
{
  DynamodbIndexUid *uid = ARENA_NEW(call->arena, DynamodbIndexUid);
  uid->Name = name;
  uid->Uid.set = TRUE;
  LIST_APPEND(call->arena, &record->IndexUids, uid);
  return table_new_uid(call, &uid->Uid.v);
}

Error *
index_add(Call *call, DynamodbTableRecord *record, const DynamodbGlobalSecondaryIndex *in)
{
  DynamodbTableDescription *table = record->Description;
  TRY(check_schema(&table->AttributeDefinitions, &in->KeySchema));
  TRY(check_projection(in->Projection));
  for (gsize i = 0; i < table->GlobalSecondaryIndexes.n; i++)
    if (g_str_equal(table->GlobalSecondaryIndexes.v[i]->IndexName, in->IndexName))
      return error_answer("ValidationException", "Attempting to create an index which already exists");
  if (table->GlobalSecondaryIndexes.n >= GLOBAL_MAX)
    return error_answer("LimitExceededException", "Subscriber limit exceeded: GlobalSecondaryIndex count exceeds the per-table limit of 20");
  DynamodbGlobalSecondaryIndexDescription *index = ARENA_NEW(call->arena, DynamodbGlobalSecondaryIndexDescription);
  *index = (DynamodbGlobalSecondaryIndexDescription){
    .IndexName = in->IndexName,
    .KeySchema = in->KeySchema,
    .Projection = in->Projection,
    .IndexStatus = "ACTIVE",
    .ProvisionedThroughput = throughput(call, in->ProvisionedThroughput),
    .IndexSizeBytes = OPT_INT(0),
    .ItemCount = OPT_INT(0),
    .IndexArn = arena_printf(call->arena, "%s/index/%s", table->TableArn, in->IndexName),
  };
  LIST_APPEND(call->arena, &table->GlobalSecondaryIndexes, index);
  return add_uid(call, record, in->IndexName);
}

static Error *
add_local(Call *call, DynamodbTableRecord *record, const DynamodbLocalSecondaryIndex *in)
{
  DynamodbTableDescription *table = record->Description;
  DynamodbLocalSecondaryIndexDescription *index = ARENA_NEW(call->arena, DynamodbLocalSecondaryIndexDescription);
  *index = (DynamodbLocalSecondaryIndexDescription){
    .IndexName = in->IndexName,
    .KeySchema = in->KeySchema,
    .Projection = in->Projection,
    .IndexSizeBytes = OPT_INT(0),
    .ItemCount = OPT_INT(0),
    .IndexArn = arena_printf(call->arena, "%s/index/%s", table->TableArn, in->IndexName),
  };
  LIST_APPEND(call->arena, &table->LocalSecondaryIndexes, index);
  return add_uid(call, record, in->IndexName);
}

Error *
index_describe_all(Call *call, const DynamodbCreateTableInput *in, DynamodbTableRecord *record)
{
  for (gsize i = 0; i < in->GlobalSecondaryIndexes.n; i++)
    TRY(index_add(call, record, in->GlobalSecondaryIndexes.v[i]));
  for (gsize i = 0; i < in->LocalSecondaryIndexes.n; i++)
    TRY(add_local(call, record, in->LocalSecondaryIndexes.v[i]));
  return add_uid(call, record, ""); /* of the hidden index by expiry */
}
