#include "services/dynamodb/dynamodb.h"

#include <string.h>

Error *
table_not_found(const char *name)
{
  return error_answer("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name);
}

static Error *
find_named(Call *call, const char *name, TableDef **ret_table)
{
  TRY(table_look(call, name, ret_table));
  return *ret_table ? NULL : table_not_found(table_name_of(call, name));
}

static Error *
invalid(const char *text)
{
  return error_answer("ValidationException", "One or more parameter values were invalid: %s", text);
}

/* --- description --- */

static Error *
count_indexes(Call *call, const TableDef *table, DynamodbTableDescription *description)
{
  RowStats stats;
  for (gsize i = 0; i < description->GlobalSecondaryIndexes.n; i++) {
    DynamodbGlobalSecondaryIndexDescription *index = description->GlobalSecondaryIndexes.v[i];
    TRY(row_stats(call->txn, table_index(table, index->IndexName)->uid, &stats));
    index->ItemCount = OPT_INT(stats.count);
    index->IndexSizeBytes = OPT_INT(stats.size);
  }
  for (gsize i = 0; i < description->LocalSecondaryIndexes.n; i++) {
    DynamodbLocalSecondaryIndexDescription *index = description->LocalSecondaryIndexes.v[i];
    TRY(row_stats(call->txn, table_index(table, index->IndexName)->uid, &stats));
    index->ItemCount = OPT_INT(stats.count);
    index->IndexSizeBytes = OPT_INT(stats.size);
  }
  return NULL;
}

Error *
table_describe(Call *call, const TableDef *table, DynamodbTableDescription **ret_description)
{
  DynamodbTableDescription *description = table_record(call, table)->Description;
  RowStats stats;
  TRY(row_stats(call->txn, table->primary.uid, &stats));
  description->ItemCount = OPT_INT(stats.count);
  description->TableSizeBytes = OPT_INT(stats.size);
  *ret_description = description;
  return count_indexes(call, table, description);
}

OPERATION(DescribeTable, describe_table, .authorize = authorize_table)
static Error *
describe_table(Call *call, const DynamodbDescribeTableInput *in, DynamodbDescribeTableOutput *ret_out)
{
  TableDef *table;
  TRY(find_named(call, in->TableName, &table));
  return table_describe(call, table, &ret_out->Table);
}

/* --- creation --- */

DynamodbProvisionedThroughputDescription *
throughput(Call *call, const DynamodbProvisionedThroughput *in)
{
  DynamodbProvisionedThroughputDescription *description = ARENA_NEW(call->arena, DynamodbProvisionedThroughputDescription);
  description->NumberOfDecreasesToday = OPT_INT(0);
  description->ReadCapacityUnits = OPT_INT(in ? in->ReadCapacityUnits.v : 0);
  description->WriteCapacityUnits = OPT_INT(in ? in->WriteCapacityUnits.v : 0);
  return description;
}

static Error *
set_billing(Call *call, const DynamodbCreateTableInput *in, DynamodbTableDescription *description)
{
  gboolean on_demand = g_strcmp0(in->BillingMode, "PAY_PER_REQUEST") == 0;
  if (on_demand && in->ProvisionedThroughput)
    return invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
  if (!on_demand && !in->ProvisionedThroughput)
    return invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED");
  description->ProvisionedThroughput = throughput(call, in->ProvisionedThroughput);
  if (on_demand) {
    description->BillingModeSummary = ARENA_NEW(call->arena, DynamodbBillingModeSummary);
    description->BillingModeSummary->BillingMode = "PAY_PER_REQUEST";
    description->BillingModeSummary->LastUpdateToPayPerRequestDateTime = OPT_TIME(call->now);
  }
  return NULL;
}

static Error *
set_stream(Call *call, const DynamodbStreamSpecification *stream, DynamodbTableDescription *description)
{
  if (!stream)
    return NULL;
  gboolean enabled = OPT_OR(stream->StreamEnabled, FALSE);
  if (enabled && !stream->StreamViewType)
    return invalid("StreamSpecification.StreamViewType is required when StreamEnabled is true");
  if (!enabled && stream->StreamViewType)
    return invalid("StreamSpecification.StreamViewType must not be set when StreamEnabled is false");
  description->StreamSpecification = enabled ? (DynamodbStreamSpecification *) stream : NULL;
  if (!enabled)
    return NULL;
  const char *label = arena_strndup(call->arena, text_iso8601(call->arena, call->now, TRUE), strlen("2026-11-24T00:00:00.000"));
  description->LatestStreamLabel = label;
  description->LatestStreamArn = arena_printf(call->arena, "%s/stream/%s", description->TableArn, label);
  return NULL;
}

static Error *
check_limits(Call *call)
{
  Key prefix;
  gsize n = 0;
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &dynamodb_tables, &(CursorOptions){ .prefix = &prefix }, &cursor));
  while (n < 2500 && cursor_next(cursor))
    n++;
  if (n < 2500)
    return NULL;
  return error_answer("LimitExceededException", "Subscriber limit exceeded: The account has 2500 tables, which is the limit");
}

static DynamodbTableDescription *
new_description(Call *call, const DynamodbCreateTableInput *in)
{
  DynamodbTableDescription *description = ARENA_NEW(call->arena, DynamodbTableDescription);
  *description = (DynamodbTableDescription){
    .TableName = in->TableName,
    .TableStatus = "ACTIVE",
    .TableArn = call_arn(call, "dynamodb", "table/%s", in->TableName),
    .TableId = id_uuid(call->arena),
    .CreationDateTime = OPT_TIME(call->now),
    .AttributeDefinitions = in->AttributeDefinitions,
    .KeySchema = in->KeySchema,
    .DeletionProtectionEnabled = OPT_BOOL(OPT_OR(in->DeletionProtectionEnabled, FALSE)),
  };
  if (in->TableClass) {
    description->TableClassSummary = ARENA_NEW(call->arena, DynamodbTableClassSummary);
    description->TableClassSummary->TableClass = in->TableClass;
  }
  return description;
}

Error *
table_create(Call *call, const DynamodbCreateTableInput *in, DynamodbTableRecord **ret_record)
{
  TableDef *existing;
  TRY(index_check(in));
  TRY(table_look(call, in->TableName, &existing));
  if (existing)
    return error_answer("ResourceInUseException", "Table already exists: %s", in->TableName);
  TRY(check_limits(call));
  DynamodbTableRecord *record = ARENA_NEW(call->arena, DynamodbTableRecord);
  record->Description = new_description(call, in);
  record->Tags = in->Tags;
  record->Uid.set = TRUE;
  TRY(table_new_uid(call, &record->Uid.v));
  TRY(set_billing(call, in, record->Description));
  TRY(set_stream(call, in->StreamSpecification, record->Description));
  TRY(index_describe_all(call, in, record));
  TRY(encryption_set(call, record, in->SSESpecification));
  TRY(table_put(call, record));
  TableDef *table;
  TRY(table_find(call, in->TableName, &table));
  *ret_record = record;
  return table->log ? log_put_trim_job(call, table) : NULL;
}

OPERATION(CreateTable, create_table, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
create_table(Call *call, const DynamodbCreateTableInput *in, DynamodbCreateTableOutput *ret_out)
{
  DynamodbTableRecord *record = NULL;
  TRY(table_create(call, in, &record));
  DynamodbTableDescription *description = ARENA_NEW(call->arena, DynamodbTableDescription);
  *description = *record->Description;
  description->TableStatus = "CREATING"; /* it is there when this call is answered */
  description->ItemCount = description->TableSizeBytes = OPT_INT(0);
  ret_out->TableDescription = description;
  return NULL;
}

/* --- changes --- */

static Error *
change_billing(Call *call, const DynamodbUpdateTableInput *in, DynamodbTableDescription *description)
{
  gboolean on_demand = in->BillingMode ? g_str_equal(in->BillingMode, "PAY_PER_REQUEST") : description->BillingModeSummary != NULL;
  if (!in->BillingMode && !in->ProvisionedThroughput)
    return NULL;
  if (on_demand && in->ProvisionedThroughput)
    return invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
  if (!on_demand && !in->ProvisionedThroughput)
    return invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED");
  description->ProvisionedThroughput = throughput(call, in->ProvisionedThroughput);
  description->BillingModeSummary = NULL;
  if (on_demand) {
    description->BillingModeSummary = ARENA_NEW(call->arena, DynamodbBillingModeSummary);
    description->BillingModeSummary->BillingMode = "PAY_PER_REQUEST";
    description->BillingModeSummary->LastUpdateToPayPerRequestDateTime = OPT_TIME(call->now);
  }
  return NULL;
}

static Error *
delete_index(Call *call, DynamodbTableRecord *record, const char *name)
{
  DynamodbGlobalSecondaryIndexDescriptionList *list = &record->Description->GlobalSecondaryIndexes;
  for (gsize i = 0; i < list->n; i++) {
    if (!g_str_equal(list->v[i]->IndexName, name))
      continue;
    memmove(&list->v[i], &list->v[i + 1], (list->n - i - 1) * sizeof *list->v);
    list->n--;
    if (list->n == 0)
      list->v = NULL;
    for (gsize j = 0; j < record->IndexUids.n; j++)
      if (g_str_equal(record->IndexUids.v[j]->Name, name)) {
        g_autofree char *uid = g_strdup_printf("%" G_GINT64_FORMAT, record->IndexUids.v[j]->Uid.v);
        record->IndexUids.v[j]->Name = "-"; /* no index has this name */
        return jobs_put(call->txn, call->haar->jobs, DYNAMODB_PURGE_JOB, uid, 0, uid, strlen(uid) + 1);
      }
  }
  return error_answer("ResourceNotFoundException", "Requested resource not found");
}

static void
add_definitions(Call *call, DynamodbTableDescription *description, const DynamodbAttributeDefinitions *definitions)
{
  for (gsize i = 0; i < definitions->n; i++) {
    gboolean known = FALSE;
    for (gsize j = 0; j < description->AttributeDefinitions.n && !known; j++)
      known = g_str_equal(description->AttributeDefinitions.v[j]->AttributeName, definitions->v[i]->AttributeName);
    if (!known)
      LIST_APPEND(call->arena, &description->AttributeDefinitions, definitions->v[i]);
  }
}

static gboolean
is_key(const DynamodbKeySchema *schema, const char *name)
{
  for (gsize i = 0; i < schema->n; i++)
    if (g_str_equal(schema->v[i]->AttributeName, name))
      return TRUE;
  return FALSE;
}

/* A definition that no key needs any more goes with its index. */
static void
drop_definitions(DynamodbTableDescription *description)
{
  gsize kept = 0;
  for (gsize i = 0; i < description->AttributeDefinitions.n; i++) {
    DynamodbAttributeDefinition *definition = description->AttributeDefinitions.v[i];
    gboolean used = is_key(&description->KeySchema, definition->AttributeName);
    for (gsize j = 0; j < description->GlobalSecondaryIndexes.n && !used; j++)
      used = is_key(&description->GlobalSecondaryIndexes.v[j]->KeySchema, definition->AttributeName);
    for (gsize j = 0; j < description->LocalSecondaryIndexes.n && !used; j++)
      used = is_key(&description->LocalSecondaryIndexes.v[j]->KeySchema, definition->AttributeName);
    if (used)
      description->AttributeDefinitions.v[kept++] = definition;
  }
  description->AttributeDefinitions.n = kept;
}

static Error *
change_one_index(Call *call, DynamodbTableRecord *record, const DynamodbGlobalSecondaryIndexUpdate *update, const char **ret_new)
{
  if (update->Delete)
    return delete_index(call, record, update->Delete->IndexName);
  if (!update->Create)
    return NULL; /* throughput of an index */
  DynamodbGlobalSecondaryIndex index = {
    .IndexName = update->Create->IndexName,
    .KeySchema = update->Create->KeySchema,
    .Projection = update->Create->Projection,
    .ProvisionedThroughput = update->Create->ProvisionedThroughput,
  };
  *ret_new = index.IndexName;
  return index_add(call, record, &index);
}

static Error *
change_indexes(Call *call, const DynamodbUpdateTableInput *in, DynamodbTableRecord *record, const char **ret_new)
{
  gsize structural = 0;
  add_definitions(call, record->Description, &in->AttributeDefinitions);
  for (gsize i = 0; i < in->GlobalSecondaryIndexUpdates.n; i++) {
    const DynamodbGlobalSecondaryIndexUpdate *update = in->GlobalSecondaryIndexUpdates.v[i];
    structural += update->Create || update->Delete;
    if (structural > 1)
      return error_answer("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table");
    TRY(change_one_index(call, record, update, ret_new));
    if (update->Delete)
      drop_definitions(record->Description);
  }
  return NULL;
}

static Error *
change_stream(Call *call, const DynamodbUpdateTableInput *in, DynamodbTableDescription *description)
{
  if (!in->StreamSpecification)
    return NULL;
  gboolean enabled = OPT_OR(in->StreamSpecification->StreamEnabled, FALSE);
  if (enabled && description->StreamSpecification)
    return error_answer("ValidationException", "Table already has an enabled stream: TableName: %s", description->TableName);
  if (!enabled && !description->StreamSpecification)
    return error_answer("ValidationException", "Table is already stream disabled: TableName: %s", description->TableName);
  return set_stream(call, in->StreamSpecification, description);
}

/* Items keep the data key that they were written with: it can only be set on an empty table. */
static Error *
change_encryption(Call *call, const DynamodbUpdateTableInput *in, const TableDef *table, DynamodbTableRecord *record)
{
  if (!in->SSESpecification)
    return NULL;
  Rows before = { 0 }, after = { 0 };
  TRY(rows_open_table(call, (TableDef *) table, &before));
  record->DataKey = (Blob){ 0 };
  record->Description->SSEDescription = NULL;
  TRY(encryption_set(call, record, in->SSESpecification));
  TRY(encryption_key(call, record, &after.key));
  return row_reseal(&before, after.key);
}

OPERATION(UpdateTable, update_table, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
update_table(Call *call, const DynamodbUpdateTableInput *in, DynamodbUpdateTableOutput *ret_out)
{
  TableDef *table;
  const char *new_index = NULL;
  TRY(find_named(call, in->TableName, &table));
  if (in->ReplicaUpdates.n)
    return error_answer("ValidationException", "Replicas of a table in other regions are not here: haar has one region's tables only");
  DynamodbTableRecord *record = table_record(call, table);
  TRY(change_billing(call, in, record->Description));
  TRY(change_stream(call, in, record->Description));
  TRY(change_encryption(call, in, table, record));
  TRY(change_indexes(call, in, record, &new_index));
  if (in->DeletionProtectionEnabled.set)
    record->Description->DeletionProtectionEnabled = in->DeletionProtectionEnabled;
  if (in->TableClass) {
    record->Description->TableClassSummary = ARENA_NEW(call->arena, DynamodbTableClassSummary);
    record->Description->TableClassSummary->TableClass = in->TableClass;
  }
  TRY(table_put(call, record));
  Rows rows;
  TRY(rows_open(call, in->TableName, &rows));
  if (new_index)
    TRY(row_backfill(&rows, table_index(rows.table, new_index)));
  if (rows.table->log)
    TRY(log_put_trim_job(call, rows.table));
  TRY(table_describe(call, rows.table, &ret_out->TableDescription));
  ret_out->TableDescription->TableStatus = "UPDATING";
  return NULL;
}

/* --- deletion, list --- */

static Error *
put_purge(Call *call, gint64 uid)
{
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, uid);
  return jobs_put(call->txn, call->haar->jobs, DYNAMODB_PURGE_JOB, text, 0, text, strlen(text) + 1);
}

OPERATION(DeleteTable, delete_table, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
delete_table(Call *call, const DynamodbDeleteTableInput *in, DynamodbDeleteTableOutput *ret_out)
{
  TableDef *table;
  Key key;
  TRY(find_named(call, in->TableName, &table));
  if (OPT_OR(table->record->Description->DeletionProtectionEnabled, FALSE))
    return error_answer("ValidationException", "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection "
                        "first.");
  TRY(table_describe(call, table, &ret_out->TableDescription));
  ret_out->TableDescription->TableStatus = "DELETING";
  call_key(call, &key);
  key_add(&key, table->name);
  TRY(store_delete(call->txn, &dynamodb_tables, &key, NULL));
  TRY(put_purge(call, table->primary.uid));
  for (guint i = 0; i < table->n_indexes; i++)
    TRY(put_purge(call, table->indexes[i].uid));
  return NULL;
}

OPERATION(ListTables, list_tables)
static Error *
list_tables(Call *call, const DynamodbListTablesInput *in, DynamodbListTablesOutput *ret_out)
{
  Key prefix, from;
  gsize limit = (gsize) OPT_OR(in->Limit, 100);
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  from = prefix;
  if (in->ExclusiveStartTableName)
    key_add(&from, in->ExclusiveStartTableName);
  TRY(cursor_open(call->txn, &dynamodb_tables, &(CursorOptions){ &prefix, &from, TRUE, FALSE }, &cursor));
  LIST_EMPTY(call->arena, &ret_out->TableNames);
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *name;
    if (!key_read(&reader, call->arena, &name, NULL))
      continue;
    if (ret_out->TableNames.n == limit) {
      ret_out->LastEvaluatedTableName = ret_out->TableNames.v[limit - 1];
      break;
    }
    LIST_APPEND(call->arena, &ret_out->TableNames, name);
  }
  return NULL;
}
