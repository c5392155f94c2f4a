/* AWS/DynamoDB in CloudWatch: units consumed, by table; what calls took, returned and why they failed, by table and operation.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html */
#include "services/dynamodb/dynamodb.h"

#include <string.h>

static void
add(const Call *call, const char *name, const char *unit, double value, const char *const *dimensions)
{
  metric_add(call->haar, &(MetricSeries){call->account, call->region, "AWS/DynamoDB", name, unit, dimensions}, value);
}

void
measure_units(const Call *call, const TableDef *table, const IndexDef *index, gboolean write, double units)
{
  const char *name = write ? "ConsumedWriteCapacityUnits" : "ConsumedReadCapacityUnits";
  if (index && index->name && index->global)
    add(call, name, "Count", units, METRIC_DIMENSIONS("TableName", table->name, "GlobalSecondaryIndexName", index->name));
  else
    add(call, name, "Count", units, METRIC_DIMENSIONS("TableName", table->name));
}

/* The tables that a call names. */
static StringList
tables_of(const Call *call, const void *in)
{
  StringList tables = {0};
  const Shape *shape = call->operation->model->input;
  if (call->operation == &DynamodbOperationBatchGetItem) {
    const DynamodbBatchGetItemInput *batch = in;
    for (gsize i = 0; i < batch->RequestItems.n; i++)
      LIST_APPEND(call->arena, &tables, batch->RequestItems.v[i].key);
  } else if (call->operation == &DynamodbOperationBatchWriteItem) {
    const DynamodbBatchWriteItemInput *batch = in;
    for (gsize i = 0; i < batch->RequestItems.n; i++)
      LIST_APPEND(call->arena, &tables, batch->RequestItems.v[i].key);
  }
  for (guint i = 0; i < shape->n_members; i++)
    if (strcmp(shape->members[i].name, "TableName") == 0) {
      const char *name = *(const char *const *) (const void *) ((const guint8 *) in + shape->members[i].offset);
      if (name)
        LIST_APPEND(call->arena, &tables, name);
      break;
    }
  return tables;
}

static void
measure_good(const Call *call, const char *table, const void *out, gint64 took_us)
{
  const char *const *dimensions = METRIC_DIMENSIONS("TableName", table, "Operation", call->operation->name);
  add(call, "SuccessfulRequestLatency", "Milliseconds", (double) took_us / 1000, dimensions);
  if (call->operation == &DynamodbOperationQuery)
    add(call, "ReturnedItemCount", "Count", (double) ((const DynamodbQueryOutput *) out)->Count.v, dimensions);
  else if (call->operation == &DynamodbOperationScan)
    add(call, "ReturnedItemCount", "Count", (double) ((const DynamodbScanOutput *) out)->Count.v, dimensions);
}

static void
measure_bad(const Call *call, const char *table, const Error *error)
{
  const char *const *dimensions = METRIC_DIMENSIONS("TableName", table, "Operation", call->operation->name);
  if (error->kind == ERROR_FAULT)
    add(call, "SystemErrors", "Count", 1, dimensions);
  else if (strcmp(error->code, "ConditionalCheckFailedException") == 0)
    add(call, "ConditionalCheckFailedRequests", "Count", 1, METRIC_DIMENSIONS("TableName", table));
  else if (strcmp(error->code, "ProvisionedThroughputExceededException") == 0 || strcmp(error->code, "ThrottlingException") == 0)
    add(call, "ThrottledRequests", "Count", 1, dimensions);
}

/* Of the whole account: what clients did wrong, but for conditions and throttles. */
static gboolean
is_user_error(const Error *error)
{
  static const char *const others[] = {"ConditionalCheckFailedException", "ProvisionedThroughputExceededException", "ThrottlingException"};
  for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
    if (strcmp(error->code, others[i]) == 0)
      return FALSE;
  return error->kind == ERROR_ANSWER;
}

void
dynamodb_measure(Call *call, const void *in, const void *out, const Error *error, gint64 took_us)
{
  StringList tables = tables_of(call, in);
  for (gsize i = 0; i < tables.n; i++) {
    if (error)
      measure_bad(call, tables.v[i], error);
    else
      measure_good(call, tables.v[i], out, took_us);
  }
  if (error && is_user_error(error))
    add(call, "UserErrors", "Count", 1, NULL);
}
