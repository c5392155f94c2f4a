/* Filters of log groups as they are stored, metric filters and subscription filters alike: region, account, group, name. */
#include "services/logs/logs.h"

void
logs_filter_key(const Call *call, const char *group, const char *name, Key *key)
{
  call_key(call, key);
  if (group)
    key_add(key, group);
  if (name)
    key_add(key, name);
}

Error *
logs_filters_load(Call *call, const Table *table, const Shape *shape, const char *group, LogsFilters *ret)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  logs_filter_key(call, group, NULL, &prefix);
  TRY(cursor_open(call->txn, table, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, shape, data, size, &record));
    LIST_APPEND(call->arena, ret, record);
  }
  return NULL;
}

Error *
logs_filters_delete(Call *call, const Table *table, const char *group)
{
  Key key;
  logs_filter_key(call, group, NULL, &key);
  return store_delete_prefix(call->txn, table, &key, NULL);
}
