/* What changed in tables with a stream or point-in-time recovery: one row a change, numbered by the table: time, expired, old, new. */
#include "services/dynamodb/dynamodb.h"

#include <string.h>

static const Table log_table = { "dynamodb.log" };

#define STREAM_KEPT_MS (24 * 3600 * G_GINT64_CONSTANT(1000))
#define DAY_MS (24 * 3600 * G_GINT64_CONSTANT(1000))
#define TRIM_EVERY_MS (3600 * G_GINT64_CONSTANT(1000))
#define TRIM_AT_ONCE 2000

typedef struct Head {
  gint64 time_ms;
  guint32 expired, old_size; /* old_size G_MAXUINT32: none */
  guint32 new_size, padding;
} Head;

static void
log_key(gint64 uid, gint64 sequence, Key *key)
{
  key_init(key);
  key_add_int(key, uid);
  key_add_int(key, sequence);
}

static guint32
append_item(GByteArray *out, const Item *item)
{
  guint before = out->len;
  if (!item->v)
    return G_MAXUINT32;
  item_encode(item, out);
  return out->len - before;
}

static Error *
write_entry(const Rows *rows, const LogEntry *entry)
{
  Key key;
  Head head = { .time_ms = entry->time_ms, .expired = entry->expired };
  g_autoptr(GByteArray) value = g_byte_array_new();
  g_byte_array_append(value, (const guint8 *) &head, sizeof head);
  head.old_size = append_item(value, &entry->old);
  head.new_size = append_item(value, &entry->new);
  memcpy(value->data, &head, sizeof head);
  log_key(rows->table->primary.uid, entry->sequence, &key);
  if (!rows->key)
    return store_put(rows->call->txn, &log_table, &key, value->data, value->len);
  guint8 *sealed;
  gsize size;
  TRY(store_seal(rows->call->arena, rows->key, value->data, value->len, &sealed, &size));
  return store_put(rows->call->txn, &log_table, &key, sealed, size);
}

Error *
log_append(const Rows *rows, gint64 sequence, const Item *old, const Item *new, gboolean expired)
{
  LogEntry entry = { sequence, rows->call->now, expired, *old, *new };
  if (rows->table->stream) /* Lambda's event source mappings wait for it */
    call_wake(rows->call, arena_printf(rows->call->arena, "dynamodb %s %s %s", rows->call->region, rows->call->account, rows->table->name), G_MAXUINT);
  return write_entry(rows, &entry);
}

static Error *
read_entry(const Rows *rows, Cursor *cursor, LogEntry *ret_entry)
{
  gsize size;
  const guint8 *data = cursor_value(cursor, &size);
  guint8 *plain;
  Head head;
  if (rows->key)
    TRY(store_open_sealed(rows->call->arena, rows->key, data, size, &plain, &size));
  else
    plain = arena_memdup(rows->call->arena, data, size);
  if (size < sizeof head)
    return error_fault("dynamodb: a row of the log is cut off");
  memcpy(&head, plain, sizeof head);
  gsize old_size = head.old_size == G_MAXUINT32 ? 0 : head.old_size;
  if (old_size > size - sizeof head)
    return error_fault("dynamodb: a row of the log is cut off");
  KeyReader reader = cursor_key_reader(cursor);
  LogEntry entry = { .time_ms = head.time_ms, .expired = head.expired != 0 };
  key_read_int(&reader, &entry.sequence);
  if (head.old_size != G_MAXUINT32)
    TRY(item_decode(rows->call->arena, plain + sizeof head, old_size, &entry.old));
  if (head.new_size != G_MAXUINT32)
    TRY(item_decode(rows->call->arena, plain + sizeof head + old_size, size - sizeof head - old_size, &entry.new));
  *ret_entry = entry;
  return NULL;
}

Error *
log_walk(const Rows *rows, gint64 from, gboolean reverse, gboolean (*visit)(const LogEntry *entry, gpointer data), gpointer data)
{
  Key prefix, start;
  g_autoptr(Cursor) cursor = NULL;
  key_init(&prefix);
  key_add_int(&prefix, rows->table->primary.uid);
  log_key(rows->table->primary.uid, from, &start);
  TRY(cursor_open(rows->call->txn, &log_table, &(CursorOptions){ .prefix = &prefix, .from = &start, .reverse = reverse }, &cursor));
  while (cursor_next(cursor)) {
    LogEntry entry;
    TRY(read_entry(rows, cursor, &entry));
    if (!visit(&entry, data))
      break;
  }
  return NULL;
}

typedef struct Probe {
  gint64 sequence, time_ms; /* sequence -1: no row */
} Probe;

static gboolean
probe_entry(const LogEntry *entry, gpointer data)
{
  *(Probe *) data = (Probe){ entry->sequence, entry->time_ms };
  return FALSE;
}

/* All rows before low are older; those from high on are not. */
Error *
log_since(const Rows *rows, gint64 since_ms, gint64 end, gint64 *ret_sequence)
{
  *ret_sequence = end;
  for (gint64 low = 0, high = end; low < high;) {
    gint64 middle = low + (high - low) / 2;
    Probe probe = { -1, 0 };
    TRY(log_walk(rows, middle, FALSE, probe_entry, &probe));
    if (probe.sequence >= 0 && probe.time_ms < since_ms) {
      low = probe.sequence + 1;
      continue;
    }
    high = middle;
    if (probe.sequence >= 0)
      *ret_sequence = probe.sequence;
  }
  return NULL;
}

typedef struct Reseal {
  const Rows *after;
  Error *error;
} Reseal;

static gboolean
reseal_entry(const LogEntry *entry, gpointer data)
{
  Reseal *reseal = data;
  reseal->error = write_entry(reseal->after, entry);
  return reseal->error == NULL;
}

Error *
log_reseal(const Rows *before, const Rows *after)
{
  Reseal reseal = { after, NULL };
  TRY(log_walk(before, 0, FALSE, reseal_entry, &reseal));
  return reseal.error;
}

Error *
log_put_trim_job(Call *call, const TableDef *table)
{
  const char *where = job_where(call, table->name);
  return jobs_put(call->txn, call->haar->jobs, DYNAMODB_TRIM_JOB, where, call->now + TRIM_EVERY_MS, where, strlen(where) + 1);
}

typedef struct Trim {
  gint64 before;
  gint64 last; /* the newest that may go; 0: none */
  guint n;
} Trim;

static gboolean
note_old(const LogEntry *entry, gpointer data)
{
  Trim *trim = data;
  if (entry->time_ms >= trim->before || trim->n == TRIM_AT_ONCE)
    return FALSE;
  trim->last = entry->sequence;
  trim->n++;
  return TRUE;
}

static Error *
trim_log(Call *call, gpointer data)
{
  Rows rows;
  TRY(table_look(call, data, &rows.table));
  if (!rows.table || !rows.table->log)
    return NULL;
  TRY(rows_open_table(call, rows.table, &rows));
  gboolean recovery = OPT_OR(rows.table->record->PointInTimeRecovery, FALSE);
  gint64 kept = recovery ? OPT_OR(rows.table->record->PointInTimeDays, 35) * DAY_MS : STREAM_KEPT_MS;
  Trim trim = { .before = call->now - kept };
  TRY(log_walk(&rows, 0, FALSE, note_old, &trim));
  for (gint64 sequence = trim.last; trim.n > 0; sequence--) {
    Key key;
    gboolean existed;
    log_key(rows.table->primary.uid, sequence, &key);
    TRY(store_delete(call->txn, &log_table, &key, &existed));
    trim.n -= existed;
  }
  return log_put_trim_job(call, rows.table);
}

Error *
run_trim(JobRun *run)
{
  g_autoptr(Call) call = NULL;
  const char *table;
  TRY(job_call(run, &call, &table));
  return call_write(call, trim_log, (gpointer) table);
}
