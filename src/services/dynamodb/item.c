/* One change of one item: prepared (table opened, input checked, expressions parsed), checked (the condition), applied. PutItem, DeleteItem,
 * UpdateItem and TransactWriteItems all go this way; reads of one item are here too. */
#include "services/dynamodb/dynamodb.h"

#include <string.h>

static Error *
check_update_keys(const TableDef *table, const Update *update)
{
  const char *const keys[] = { table->primary.hash, table->primary.range };
  for (guint i = 0; update && i < update->n; i++)
    for (guint k = 0; k < G_N_ELEMENTS(keys); k++)
      if (keys[k] && g_str_equal(update->actions[i].path.steps[0].name, keys[k]))
        return error_answer("ValidationException", "One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of "
                            "the key", keys[k]);
  return NULL;
}

Error *
change_prepare(Call *call, Change *change)
{
  Scope scope;
  TRY(scope_init(&scope, call->arena, change->names, change->values, change->condition_text || change->update_text, change->expressions));
  TRY(update_parse(&scope, change->update_text, &change->update));
  TRY(condition_parse(&scope, "ConditionExpression", change->condition_text, &change->condition));
  TRY(scope_finish(&scope));
  TRY(rows_open(call, change->table, &change->rows));
  if (change->kind != CHANGE_PUT)
    TRY(check_key(call, change->rows.table, change->item));
  else
    TRY(item_check(call->arena, change->item));
  TRY(check_update_keys(change->rows.table, change->update));
  return change->kind == CHANGE_PUT ? check_item(change->rows.table, change->item, FALSE) : NULL;
}

static Error *
condition_failed(const Change *change)
{
  Error *error = error_answer("ConditionalCheckFailedException", "The conditional request failed");
  if (g_strcmp0(change->on_failure, "ALL_OLD") != 0 || !change->old.v)
    return error;
  DynamodbConditionalCheckFailedException *value = ARENA_NEW(change->rows.call->arena, DynamodbConditionalCheckFailedException);
  value->message = "The conditional request failed";
  value->Item = change->old;
  error->shape = &DynamodbConditionalCheckFailedException_shape;
  error->value = value;
  return error;
}

Error *
change_check(Change *change)
{
  TRY(row_get(&change->rows, change->item, &change->old));
  return expression_holds(change->rows.call->arena, change->condition, &change->old) ? NULL : condition_failed(change);
}

static Error *
updated_item(Change *change)
{
  Arena *arena = change->rows.call->arena;
  item_copy(arena, change->old.v ? &change->old : change->item, &change->new);
  if (change->update)
    TRY(update_apply(arena, change->update, &change->old, &change->new));
  return check_item(change->rows.table, &change->new, TRUE);
}

Error *
change_apply(Change *change)
{
  if (change->kind == CHANGE_CHECK)
    return NULL;
  if (change->kind == CHANGE_PUT)
    change->new = *change->item;
  if (change->kind == CHANGE_UPDATE)
    TRY(updated_item(change));
  if (!change->old.v && !change->new.v)
    return NULL; /* deletes what is not there */
  return row_write(&change->rows, &change->old, &change->new, FALSE);
}

static Error *
change_run(Call *call, Change *change)
{
  TRY(change_prepare(call, change));
  TRY(change_check(change));
  return change_apply(change);
}

static gsize
size_of(const Item *item)
{
  return item->v ? item_size(item) : 0;
}

static DynamodbConsumedCapacity *
change_capacity(Call *call, const Change *change, const char *mode)
{
  double units = write_units(size_of(&change->old), size_of(&change->new));
  measure_units(call, change->rows.table, NULL, TRUE, units);
  return mode ? capacity(call, change->rows.table, NULL, mode, units) : NULL;
}

/* Only tables with local indexes have item collections. */
static DynamodbItemCollectionMetrics *
collection_metrics(Call *call, const Change *change, const char *mode)
{
  const TableDef *table = change->rows.table;
  if (g_strcmp0(mode, "SIZE") != 0 || table->record->Description->LocalSecondaryIndexes.n == 0)
    return NULL;
  DynamodbItemCollectionMetrics *metrics = ARENA_NEW(call->arena, DynamodbItemCollectionMetrics);
  item_set(call->arena, &metrics->ItemCollectionKey, table->primary.hash, item_get(change->item, table->primary.hash));
  LIST_APPEND(call->arena, &metrics->SizeEstimateRangeGB, OPT_DOUBLE(0));
  LIST_APPEND(call->arena, &metrics->SizeEstimateRangeGB, OPT_DOUBLE(1));
  return metrics;
}

static Error *
check_return_values(const char *values)
{
  if (!values || g_str_equal(values, "NONE") || g_str_equal(values, "ALL_OLD"))
    return NULL;
  return error_answer("ValidationException", "Return values set to invalid value");
}

OPERATION(PutItem, put_item, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
put_item(Call *call, const DynamodbPutItemInput *in, DynamodbPutItemOutput *ret_out)
{
  Change change = {
    .kind = CHANGE_PUT,
    .table = in->TableName,
    .item = (Item *) &in->Item,
    .condition_text = in->ConditionExpression,
    .names = &in->ExpressionAttributeNames,
    .values = (Item *) &in->ExpressionAttributeValues,
    .expressions = "ConditionExpression is null",
    .on_failure = in->ReturnValuesOnConditionCheckFailure,
  };
  TRY(check_legacy(in->Expected.v || in->ConditionalOperator, "Expected", "ConditionExpression"));
  TRY(check_return_values(in->ReturnValues));
  TRY(change_run(call, &change));
  if (g_strcmp0(in->ReturnValues, "ALL_OLD") == 0)
    ret_out->Attributes = change.old;
  ret_out->ConsumedCapacity = change_capacity(call, &change, in->ReturnConsumedCapacity);
  ret_out->ItemCollectionMetrics = collection_metrics(call, &change, in->ReturnItemCollectionMetrics);
  return NULL;
}

OPERATION(DeleteItem, delete_item, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
delete_item(Call *call, const DynamodbDeleteItemInput *in, DynamodbDeleteItemOutput *ret_out)
{
  Change change = {
    .kind = CHANGE_DELETE,
    .table = in->TableName,
    .item = (Item *) &in->Key,
    .condition_text = in->ConditionExpression,
    .names = &in->ExpressionAttributeNames,
    .values = (Item *) &in->ExpressionAttributeValues,
    .expressions = "ConditionExpression is null",
    .on_failure = in->ReturnValuesOnConditionCheckFailure,
  };
  TRY(check_legacy(in->Expected.v || in->ConditionalOperator, "Expected", "ConditionExpression"));
  TRY(check_return_values(in->ReturnValues));
  TRY(change_run(call, &change));
  if (g_strcmp0(in->ReturnValues, "ALL_OLD") == 0)
    ret_out->Attributes = change.old;
  ret_out->ConsumedCapacity = change_capacity(call, &change, in->ReturnConsumedCapacity);
  ret_out->ItemCollectionMetrics = collection_metrics(call, &change, in->ReturnItemCollectionMetrics);
  return NULL;
}

/* The parts of an item that an update names, at the top level if that is what it names. */
Item
change_updated(const Change *change, const Item *item)
{
  Arena *arena = change->rows.call->arena;
  Item result = { 0 };
  if (!change->update || !item->v)
    return result;
  Projection projection = { ARENA_ARRAY(arena, Path, change->update->n), change->update->n };
  for (guint i = 0; i < change->update->n; i++)
    projection.paths[i] = change->update->actions[i].path;
  projection_apply(arena, &projection, item, &result);
  return result;
}

static Item
returned(const Change *change, const char *mode)
{
  if (g_strcmp0(mode, "ALL_OLD") == 0)
    return change->old;
  if (g_strcmp0(mode, "ALL_NEW") == 0)
    return change->new;
  if (g_strcmp0(mode, "UPDATED_OLD") == 0)
    return change_updated(change, &change->old);
  if (g_strcmp0(mode, "UPDATED_NEW") == 0)
    return change_updated(change, &change->new);
  return (Item){ 0 };
}

OPERATION(UpdateItem, update_item, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
update_item(Call *call, const DynamodbUpdateItemInput *in, DynamodbUpdateItemOutput *ret_out)
{
  Change change = {
    .kind = CHANGE_UPDATE,
    .table = in->TableName,
    .item = (Item *) &in->Key,
    .condition_text = in->ConditionExpression,
    .update_text = in->UpdateExpression,
    .names = &in->ExpressionAttributeNames,
    .values = (Item *) &in->ExpressionAttributeValues,
    .expressions = "UpdateExpression and ConditionExpression are null",
    .on_failure = in->ReturnValuesOnConditionCheckFailure,
  };
  TRY(check_legacy(in->AttributeUpdates.v != NULL, "AttributeUpdates", "UpdateExpression"));
  TRY(check_legacy(in->Expected.v || in->ConditionalOperator, "Expected", "ConditionExpression"));
  TRY(change_run(call, &change));
  ret_out->Attributes = returned(&change, in->ReturnValues);
  if (ret_out->Attributes.n == 0)
    ret_out->Attributes.v = NULL;
  ret_out->ConsumedCapacity = change_capacity(call, &change, in->ReturnConsumedCapacity);
  ret_out->ItemCollectionMetrics = collection_metrics(call, &change, in->ReturnItemCollectionMetrics);
  return NULL;
}

OPERATION(GetItem, get_item, .authorize = authorize_table)
static Error *
get_item(Call *call, const DynamodbGetItemInput *in, DynamodbGetItemOutput *ret_out)
{
  Scope scope;
  Projection *projection;
  Rows rows;
  Item item;
  TRY(check_legacy(in->AttributesToGet.v != NULL, "AttributesToGet", "ProjectionExpression"));
  TRY(scope_init(&scope, call->arena, &in->ExpressionAttributeNames, NULL, in->ProjectionExpression != NULL, "ProjectionExpression is null"));
  TRY(projection_parse(&scope, in->ProjectionExpression, &projection));
  TRY(scope_finish(&scope));
  TRY(rows_open(call, in->TableName, &rows));
  TRY(check_key(call, rows.table, (Item *) &in->Key));
  TRY(row_get(&rows, &in->Key, &item));
  if (item.v)
    projection_apply(call->arena, projection, &item, &ret_out->Item);
  double units = read_units(size_of(&item), OPT_OR(in->ConsistentRead, FALSE));
  measure_units(call, rows.table, NULL, FALSE, units);
  ret_out->ConsumedCapacity = capacity(call, rows.table, NULL, in->ReturnConsumedCapacity, units);
  return NULL;
}
