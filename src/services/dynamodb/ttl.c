/* Expiry. A table with a TTL attribute has a hidden index by that number; a job looks at its beginning once a minute (of the movable
 * clock), and deletes what has expired, as the service: the stream shows who did it.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html */
#include "services/dynamodb/dynamodb.h"

#include <stdlib.h>
#include <string.h>

#define EVERY_MS 60000
#define AT_ONCE 500
#define TOO_OLD_S (5 * 365 * 24 * G_GINT64_CONSTANT(3600))

static Error *
put_job(Call *call, const char *table, gint64 due)
{
  const char *where = job_where(call, table);
  return jobs_put(call->txn, call->haar->jobs, DYNAMODB_TTL_JOB, where, due, where, strlen(where) + 1);
}

OPERATION(UpdateTimeToLive, update_time_to_live, .txn = TXN_WRITE, .authorize = authorize_table)
static Error *
update_time_to_live(Call *call, const DynamodbUpdateTimeToLiveInput *in, DynamodbUpdateTimeToLiveOutput *ret_out)
{
  TableDef *table;
  const char *attribute = in->TimeToLiveSpecification->AttributeName;
  gboolean enabled = OPT_OR(in->TimeToLiveSpecification->Enabled, FALSE);
  TRY(table_find(call, in->TableName, &table));
  DynamodbTableRecord *record = table_record(call, table);
  if (enabled && record->TtlAttribute && g_str_equal(record->TtlAttribute, attribute))
    return error_answer("ValidationException", "TimeToLive is already enabled");
  if (enabled && record->TtlAttribute)
    return error_answer("ValidationException", "TimeToLive is active on a different AttributeName: current AttributeName is %s", record->TtlAttribute);
  if (!enabled && !record->TtlAttribute)
    return error_answer("ValidationException", "TimeToLive is already disabled");
  ret_out->TimeToLiveSpecification = in->TimeToLiveSpecification;
  if (!enabled) {
    gboolean left;
    TRY(rows_purge(call->txn, table->indexes[table->n_indexes - 1].uid, G_MAXUINT, &left));
    record->TtlAttribute = NULL;
    return table_put(call, record);
  }
  record->TtlAttribute = attribute;
  TRY(table_put(call, record));
  Rows rows;
  TRY(rows_open(call, in->TableName, &rows));
  TRY(row_backfill(&rows, &rows.table->indexes[rows.table->n_indexes - 1]));
  return put_job(call, table->name, call->now);
}

OPERATION(DescribeTimeToLive, describe_time_to_live, .authorize = authorize_table)
static Error *
describe_time_to_live(Call *call, const DynamodbDescribeTimeToLiveInput *in, DynamodbDescribeTimeToLiveOutput *ret_out)
{
  TableDef *table;
  TRY(table_find(call, in->TableName, &table));
  DynamodbTimeToLiveDescription *description = ARENA_NEW(call->arena, DynamodbTimeToLiveDescription);
  description->TimeToLiveStatus = table->record->TtlAttribute ? "ENABLED" : "DISABLED";
  description->AttributeName = table->record->TtlAttribute;
  ret_out->TimeToLiveDescription = description;
  return NULL;
}

/* Seconds since 1970; a fraction does not count. */
static gint64
expiry(const Item *item, const char *attribute)
{
  const Value *value = item_get(item, attribute);
  return value && value->N ? strtoll(value->N, NULL, 10) : 0;
}

/* Those that have expired, of the hidden index; not those of more than five years ago. */
static Error *
find_expired(const Rows *rows, DynamodbItemList *ret_expired)
{
  const IndexDef *index = &rows->table->indexes[rows->table->n_indexes - 1];
  g_autoptr(Cursor) cursor = NULL;
  Key prefix, from;
  gint64 now_s = rows->call->now / 1000;
  rows_prefix(index->uid, &prefix);
  Item oldest = { 0 };
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, now_s - TOO_OLD_S);
  item_set(rows->call->arena, &oldest, index->range, value_new_number(rows->call->arena, text));
  row_prefix(rows, index, NULL, &from);
  Blob bytes = value_key(rows->call->arena, item_get(&oldest, index->range));
  key_add_raw(&from, bytes.data, bytes.size);
  TRY(cursor_open(rows->call->txn, &dynamodb_items, &(CursorOptions){ .prefix = &prefix, .from = &from }, &cursor));
  while (ret_expired->n < AT_ONCE && cursor_next(cursor)) {
    gsize size;
    Item item;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(row_open(rows, data, size, &item));
    if (expiry(&item, index->range) >= now_s)
      break;
    LIST_APPEND(rows->call->arena, ret_expired, item);
  }
  return NULL;
}

static Error *
expire(Call *call, gpointer data)
{
  Rows rows;
  TRY(table_look(call, data, &rows.table));
  if (!rows.table || !rows.table->record->TtlAttribute)
    return NULL;
  TRY(rows_open_table(call, rows.table, &rows));
  DynamodbItemList expired = { 0 };
  TRY(find_expired(&rows, &expired));
  for (gsize i = 0; i < expired.n; i++) {
    Item old;
    TRY(row_get(&rows, &expired.v[i], &old));
    if (old.v)
      TRY(row_write(&rows, &old, &(Item){ 0 }, TRUE));
  }
  return put_job(call, rows.table->name, call->now + (expired.n == AT_ONCE ? 0 : EVERY_MS));
}

Error *
run_ttl(JobRun *run)
{
  g_autoptr(Call) call = NULL;
  const char *table;
  TRY(job_call(run, &call, &table));
  return call_write(call, expire, (gpointer) table);
}
