/* What happened to alarms, for 30 days. Key: region, account, time, number.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html */
#include <string.h>

#include "services/cloudwatch/alarm.h"

static const Table history_table = {"cloudwatch.history"};
static const gint64 kept_ms = G_GINT64_CONSTANT(30) * 24 * 3600 * 1000;
enum { DROP_AT_ONCE = 8 };

/* Some of what is too old goes with each new row. */
static Error *
drop_old(Call *call, gint64 before)
{
  Key prefix, keys[DROP_AT_ONCE];
  guint n = 0;
  call_key(call, &prefix);
  {
    g_autoptr(Cursor) cursor = NULL;
    TRY(cursor_open(call->txn, &history_table, &(CursorOptions){.prefix = &prefix}, &cursor));
    while (n < G_N_ELEMENTS(keys) && cursor_next(cursor)) {
      KeyReader reader = cursor_key_reader(cursor);
      gint64 ms = 0, number = 0;
      if (!key_read_int(&reader, &ms) || !key_read_int(&reader, &number) || ms >= before)
        break;
      keys[n] = prefix;
      key_add_int(&keys[n], ms);
      key_add_int(&keys[n++], number);
    }
  }
  for (guint i = 0; i < n; i++)
    TRY(store_delete(call->txn, &history_table, &keys[i], NULL));
  return NULL;
}

/* The number after the last of this time. */
static Error *
next_number(Call *call, gint64 ms, gint64 *ret)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  key_add_int(&prefix, ms);
  *ret = 0;
  TRY(cursor_open(call->txn, &history_table, &(CursorOptions){.prefix = &prefix, .reverse = TRUE}, &cursor));
  if (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    key_read_int(&reader, ret);
    ++*ret;
  }
  return NULL;
}

Error *
history_add(Call *call, const AlarmFace *alarm, const char *type, const char *summary, const Json *data, gint64 ms)
{
  Key key;
  gint64 number = 0;
  CloudwatchHistoryRecord record = {.AlarmName = alarm->name,
                                    .AlarmType = alarm->type,
                                    .Timestamp = OPT_TIME(ms),
                                    .HistoryItemType = type,
                                    .HistorySummary = summary,
                                    .HistoryData = json_text(call->arena, data)};
  TRY(drop_old(call, ms - kept_ms));
  TRY(next_number(call, ms, &number));
  call_key(call, &key);
  key_add_int(&key, ms);
  key_add_int(&key, number);
  return record_put(call->txn, &history_table, &key, &CloudwatchHistoryRecord_shape, &record);
}

static gboolean
is_wanted(const CloudwatchDescribeAlarmHistoryInput *in, const CloudwatchHistoryRecord *record)
{
  if (in->AlarmName && strcmp(in->AlarmName, record->AlarmName) != 0)
    return FALSE;
  if (in->HistoryItemType && strcmp(in->HistoryItemType, record->HistoryItemType) != 0)
    return FALSE;
  if (in->AlarmTypes.n ? !string_list_has(&in->AlarmTypes, record->AlarmType) : (!in->AlarmName && strcmp(record->AlarmType, "MetricAlarm") != 0))
    return FALSE;
  return (!in->StartDate.set || record->Timestamp.ms >= in->StartDate.ms) && (!in->EndDate.set || record->Timestamp.ms <= in->EndDate.ms);
}

OPERATION(DescribeAlarmHistory, describe_alarm_history, .action = "cloudwatch:DescribeAlarmHistory")
static Error *
describe_alarm_history(Call *call, const CloudwatchDescribeAlarmHistoryInput *in, CloudwatchDescribeAlarmHistoryOutput *ret_out)
{
  Key prefix;
  CloudwatchPage page;
  struct { gsize n; CloudwatchHistoryRecord **v; } found = {0};
  g_autoptr(Cursor) cursor = NULL;
  gboolean ascending = in->ScanBy && strcmp(in->ScanBy, "TimestampAscending") == 0;
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &history_table, &(CursorOptions){.prefix = &prefix, .reverse = !ascending}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &CloudwatchHistoryRecord_shape, data, size, &record));
    if (is_wanted(in, record))
      LIST_APPEND(call->arena, &found, (CloudwatchHistoryRecord *) record);
  }
  TRY(cloudwatch_page(call->arena, found.n, in->NextToken, (gsize) OPT_OR(in->MaxRecords, 50), &page));
  LIST_EMPTY(call->arena, &ret_out->AlarmHistoryItems);
  for (gsize i = page.from; i < page.to; i++) {
    CloudwatchAlarmHistoryItem *item = ARENA_NEW(call->arena, CloudwatchAlarmHistoryItem);
    const CloudwatchHistoryRecord *record = found.v[i];
    *item = (CloudwatchAlarmHistoryItem){.AlarmName = record->AlarmName,
                                         .AlarmType = record->AlarmType,
                                         .Timestamp = record->Timestamp,
                                         .HistoryItemType = record->HistoryItemType,
                                         .HistorySummary = record->HistorySummary,
                                         .HistoryData = record->HistoryData};
    LIST_APPEND(call->arena, &ret_out->AlarmHistoryItems, item);
  }
  ret_out->NextToken = page.token;
  return NULL;
}
