/* Point-in-time recovery: the log says how each item was; a restore takes today's items and undoes what happened since.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html */
#include "services/dynamodb/dynamodb.h"

#define DAY_MS (24 * 3600 * G_GINT64_CONSTANT(1000))

static DynamodbContinuousBackupsDescription *
describe(Call *call, const DynamodbTableRecord *record)
{
  DynamodbContinuousBackupsDescription *description = ARENA_NEW(call->arena, DynamodbContinuousBackupsDescription);
  DynamodbPointInTimeRecoveryDescription *recovery = ARENA_NEW(call->arena, DynamodbPointInTimeRecoveryDescription);
  gboolean enabled = OPT_OR(record->PointInTimeRecovery, FALSE);
  description->ContinuousBackupsStatus = "ENABLED";
  description->PointInTimeRecoveryDescription = recovery;
  recovery->PointInTimeRecoveryStatus = enabled ? "ENABLED" : "DISABLED";
  if (!enabled)
    return description;
  gint64 days = OPT_OR(record->PointInTimeDays, 35);
  recovery->RecoveryPeriodInDays = OPT_INT(days);
  recovery->EarliestRestorableDateTime = OPT_TIME(MAX(record->PointInTimeSince.ms, call->now - days * DAY_MS));
  recovery->LatestRestorableDateTime = OPT_TIME(call->now);
  return description;
}

OPERATION(DescribeContinuousBackups, describe_continuous_backups, .authorize = authorize_table)
static Error *
describe_continuous_backups(Call *call, const DynamodbDescribeContinuousBackupsInput *in, DynamodbDescribeContinuousBackupsOutput *ret_out)
{
  TableDef *table;
  TRY(table_look(call, in->TableName, &table));
  if (!table)
    return error_answer("TableNotFoundException", "Table not found: %s", table_name_of(call, in->TableName));
  ret_out->ContinuousBackupsDescription = describe(call, table->record);
  return NULL;
}

OPERATION(UpdateContinuousBackups, update_continuous_backups, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
update_continuous_backups(Call *call, const DynamodbUpdateContinuousBackupsInput *in, DynamodbUpdateContinuousBackupsOutput *ret_out)
{
  TableDef *table;
  const DynamodbPointInTimeRecoverySpecification *specification = in->PointInTimeRecoverySpecification;
  gboolean enabled = OPT_OR(specification->PointInTimeRecoveryEnabled, FALSE);
  TRY(table_look(call, in->TableName, &table));
  if (!table)
    return error_answer("TableNotFoundException", "Table not found: %s", table_name_of(call, in->TableName));
  DynamodbTableRecord *record = table_record(call, table);
  if (enabled && !OPT_OR(record->PointInTimeRecovery, FALSE))
    record->PointInTimeSince = OPT_TIME(call->now);
  record->PointInTimeRecovery = OPT_BOOL(enabled);
  if (specification->RecoveryPeriodInDays.set)
    record->PointInTimeDays = specification->RecoveryPeriodInDays;
  TRY(table_put(call, record));
  ret_out->ContinuousBackupsDescription = describe(call, record);
  TRY(table_find(call, in->TableName, &table));
  return table->log ? log_put_trim_job(call, table) : NULL;
}

/* --- restore --- */

static Error *
restore_time(Call *call, const DynamodbRestoreTableToPointInTimeInput *in, const DynamodbTableRecord *record, gint64 *ret_time)
{
  if (!OPT_OR(record->PointInTimeRecovery, FALSE))
    return error_answer("PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table '%s'",
                        record->Description->TableName);
  gboolean latest = OPT_OR(in->UseLatestRestorableTime, FALSE);
  if (latest == !!in->RestoreDateTime.set)
    return error_answer("ValidationException", "Exactly one of RestoreDateTime and UseLatestRestorableTime must be given");
  const DynamodbPointInTimeRecoveryDescription *range = describe(call, record)->PointInTimeRecoveryDescription;
  gint64 time = latest ? call->now : in->RestoreDateTime.ms;
  /* times are whole seconds to most clients */
  if (time < range->EarliestRestorableDateTime.ms / 1000 * 1000 || time > call->now)
    return error_answer("InvalidRestoreTimeException", "An invalid restore time was specified. RestoreDateTime must be between "
                        "EarliestRestorableDateTime and LatestRestorableDateTime.");
  *ret_time = time;
  return NULL;
}

/* The definition of the new table: the old one's, with what the call overrides. Streams, TTL, tags and recovery are not taken over. */
static DynamodbCreateTableInput
definition(Call *call, const DynamodbRestoreTableToPointInTimeInput *in, const DynamodbTableDescription *source)
{
  DynamodbCreateTableInput create = { .TableName = in->TargetTableName, .KeySchema = source->KeySchema,
                                      .AttributeDefinitions = source->AttributeDefinitions };
  create.BillingMode = in->BillingModeOverride ? in->BillingModeOverride : source->BillingModeSummary ? "PAY_PER_REQUEST" : "PROVISIONED";
  create.ProvisionedThroughput = in->ProvisionedThroughputOverride;
  if (!create.ProvisionedThroughput && g_str_equal(create.BillingMode, "PROVISIONED")) {
    create.ProvisionedThroughput = ARENA_NEW(call->arena, DynamodbProvisionedThroughput);
    create.ProvisionedThroughput->ReadCapacityUnits = source->ProvisionedThroughput->ReadCapacityUnits;
    create.ProvisionedThroughput->WriteCapacityUnits = source->ProvisionedThroughput->WriteCapacityUnits;
  }
  for (gsize i = 0; i < source->GlobalSecondaryIndexes.n; i++) {
    DynamodbGlobalSecondaryIndexDescription *from = source->GlobalSecondaryIndexes.v[i];
    DynamodbGlobalSecondaryIndex *index = ARENA_NEW(call->arena, DynamodbGlobalSecondaryIndex);
    *index = (DynamodbGlobalSecondaryIndex){ from->IndexName, from->KeySchema, from->Projection, create.ProvisionedThroughput };
    LIST_APPEND(call->arena, &create.GlobalSecondaryIndexes, index);
  }
  for (gsize i = 0; i < source->LocalSecondaryIndexes.n; i++) {
    DynamodbLocalSecondaryIndexDescription *from = source->LocalSecondaryIndexes.v[i];
    DynamodbLocalSecondaryIndex *index = ARENA_NEW(call->arena, DynamodbLocalSecondaryIndex);
    *index = (DynamodbLocalSecondaryIndex){ from->IndexName, from->KeySchema, from->Projection };
    LIST_APPEND(call->arena, &create.LocalSecondaryIndexes, index);
  }
  if (in->GlobalSecondaryIndexOverride.v)
    create.GlobalSecondaryIndexes = in->GlobalSecondaryIndexOverride;
  if (in->LocalSecondaryIndexOverride.v)
    create.LocalSecondaryIndexes = in->LocalSecondaryIndexOverride;
  if (create.GlobalSecondaryIndexes.n == 0)
    create.GlobalSecondaryIndexes.v = NULL;
  if (create.LocalSecondaryIndexes.n == 0)
    create.LocalSecondaryIndexes.v = NULL;
  create.SSESpecification = in->SSESpecificationOverride;
  if (!create.SSESpecification && source->SSEDescription) {
    create.SSESpecification = ARENA_NEW(call->arena, DynamodbSSESpecification);
    *create.SSESpecification = (DynamodbSSESpecification){ OPT_BOOL(TRUE), "KMS", source->SSEDescription->KMSMasterKeyArn };
  }
  return create;
}

static Error *
copy_items(const Rows *from, const Rows *to)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  rows_prefix(from->table->primary.uid, &prefix);
  TRY(cursor_open(from->call->txn, &dynamodb_items, &(CursorOptions){ .prefix = &prefix }, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    Item item;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(row_open(from, data, size, &item));
    TRY(row_write(to, &(Item){ 0 }, &item, FALSE));
  }
  return NULL;
}

typedef struct Rewind {
  const Rows *to;
  gint64 time;
  Error *error;
} Rewind;

/* Undoes one change, the newest first. */
static gboolean
undo(const LogEntry *entry, gpointer data)
{
  Rewind *rewind = data;
  Item now = { 0 };
  if (entry->time_ms <= rewind->time)
    return FALSE;
  rewind->error = row_get(rewind->to, entry->new.v ? &entry->new : &entry->old, &now);
  if (!rewind->error && (now.v || entry->old.v))
    rewind->error = row_write(rewind->to, &now, &entry->old, FALSE);
  return rewind->error == NULL;
}

OPERATION(RestoreTableToPointInTime, restore_table_to_point_in_time, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
restore_table_to_point_in_time(Call *call, const DynamodbRestoreTableToPointInTimeInput *in, DynamodbRestoreTableToPointInTimeOutput *ret_out)
{
  TableDef *source;
  DynamodbTableRecord *record = NULL;
  gint64 time = 0;
  const char *name = in->SourceTableName ? in->SourceTableName : in->SourceTableArn;
  if (!name)
    return error_answer("ValidationException", "SourceTableName or SourceTableArn must be given");
  TRY(table_look(call, name, &source));
  if (!source)
    return error_answer("TableNotFoundException", "Table not found: %s", table_name_of(call, name));
  TRY(restore_time(call, in, source->record, &time));
  DynamodbCreateTableInput create = definition(call, in, table_record(call, source)->Description);
  Error *error = table_create(call, &create, &record);
  if (error_is(error, "ResourceInUseException")) {
    error_free(error);
    return error_answer("TableAlreadyExistsException", "Table already exists: %s", in->TargetTableName);
  }
  TRY(error);
  Rows from, to;
  TRY(rows_open_table(call, source, &from));
  TRY(rows_open(call, in->TargetTableName, &to));
  TRY(copy_items(&from, &to));
  Rewind rewind = { &to, time, NULL };
  TRY(log_walk(&from, G_MAXINT64, TRUE, undo, &rewind));
  TRY(rewind.error);
  TRY(table_describe(call, to.table, &ret_out->TableDescription));
  ret_out->TableDescription->TableStatus = "CREATING";
  DynamodbRestoreSummary *summary = ARENA_NEW(call->arena, DynamodbRestoreSummary);
  *summary = (DynamodbRestoreSummary){ .SourceTableArn = source->record->Description->TableArn, .RestoreDateTime = OPT_TIME(time),
                                       .RestoreInProgress = OPT_BOOL(TRUE) };
  ret_out->TableDescription->RestoreSummary = summary;
  return NULL;
}
