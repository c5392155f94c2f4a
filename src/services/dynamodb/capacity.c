/* https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html */
#include "services/dynamodb/dynamodb.h"

double
read_units(gsize size, gboolean consistent)
{
  gsize blocks = MAX(1, (size + 4095) / 4096);
  return (double) blocks * (consistent ? 1.0 : 0.5);
}

double
write_units(gsize old_size, gsize new_size)
{
  gsize size = MAX(old_size, new_size);
  return (double) MAX(1, (size + 1023) / 1024);
}

static DynamodbCapacity *
units_of(Call *call, double units)
{
  DynamodbCapacity *capacity = ARENA_NEW(call->arena, DynamodbCapacity);
  capacity->CapacityUnits = OPT_DOUBLE(units);
  return capacity;
}

DynamodbConsumedCapacity *
capacity(Call *call, const TableDef *table, const IndexDef *index, const char *mode, double units)
{
  if (!mode || g_str_equal(mode, "NONE"))
    return NULL;
  DynamodbConsumedCapacity *consumed = ARENA_NEW(call->arena, DynamodbConsumedCapacity);
  consumed->TableName = table->name;
  consumed->CapacityUnits = OPT_DOUBLE(units);
  if (!g_str_equal(mode, "INDEXES"))
    return consumed;
  gboolean secondary = index && index->name;
  consumed->Table = units_of(call, secondary ? 0 : units);
  if (secondary && index->global)
    MAP_SET(call->arena, &consumed->GlobalSecondaryIndexes, index->name, units_of(call, units));
  else if (secondary)
    MAP_SET(call->arena, &consumed->LocalSecondaryIndexes, index->name, units_of(call, units));
  return consumed;
}
