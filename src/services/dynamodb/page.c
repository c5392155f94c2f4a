/* A page ends at its limit, at 1 MiB of what was read, or at the end of the range. */
#include "services/dynamodb/dynamodb.h"

#include <string.h>

static int
compare(const guint8 *a, gsize a_size, const Key *b)
{
  int order = memcmp(a, b->data, MIN(a_size, b->size));
  return order ? order : (a_size > b->size) - (a_size < b->size);
}

static gboolean
in_range(const Range *range, Cursor *cursor)
{
  gsize size;
  const guint8 *key = cursor_key(cursor, &size);
  if (range->has_low && compare(key, size, &range->low) < 0)
    return FALSE;
  return !range->has_high || compare(key, size, &range->high) < 0;
}

static Error *
open_cursor(const Page *page, Cursor **ret_cursor)
{
  const Range *range = &page->range;
  CursorOptions options = { .prefix = &range->prefix, .reverse = range->reverse };
  Key start;
  if (page->start && page->start->v) {
    TRY(row_key(page->rows, page->index, page->start, &start));
    options.from = &start;
    options.after = TRUE;
  } else if (range->reverse && range->has_high) {
    options.from = &range->high;
    options.after = TRUE;
  } else if (!range->reverse && range->has_low) {
    options.from = &range->low;
  }
  return cursor_open(page->rows->call->txn, &dynamodb_items, &options, ret_cursor);
}

static void
set_last(Page *page, const Item *item)
{
  const IndexDef *primary = &page->rows->table->primary;
  const char *const names[] = { primary->hash, primary->range, page->index->hash, page->index->range };
  page->last = (Item){ 0 };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (names[i])
      item_set(page->rows->call->arena, &page->last, names[i], item_get(item, names[i]));
}

static Error *
take(Page *page, const Item *stored)
{
  Arena *arena = page->rows->call->arena;
  Item item = *stored, projected;
  page->scanned++;
  page->size += item_size(&item);
  if (page->fetch)
    TRY(row_get(page->rows, stored, &item));
  if (!expression_holds(arena, page->filter, &item))
    return NULL;
  page->count++;
  if (page->count_only)
    return NULL;
  projection_apply(arena, page->projection, &item, &projected);
  LIST_APPEND(arena, &page->items, projected);
  return NULL;
}

Error *
page_collect(Page *page)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(open_cursor(page, &cursor));
  if (!page->count_only)
    LIST_EMPTY(page->rows->call->arena, &page->items);
  while (cursor_next(cursor)) {
    gsize size;
    Item item;
    if (!in_range(&page->range, cursor)) {
      if (page->start && page->start->v && page->scanned == 0)
        continue; /* a start key before the range */
      break;
    }
    const guint8 *data = cursor_value(cursor, &size);
    TRY(row_open(page->rows, data, size, &item));
    TRY(take(page, &item));
    if ((page->limit && page->scanned >= page->limit) || page->size >= PAGE_SIZE_MAX) {
      set_last(page, &item);
      break;
    }
  }
  return NULL;
}

static Error *
check_select(Page *page, const PageRequest *request)
{
  const char *select = request->select;
  const IndexDef *index = page->index;
  if (!select)
    return NULL;
  page->count_only = g_str_equal(select, "COUNT");
  if (g_str_equal(select, "ALL_PROJECTED_ATTRIBUTES") && !index->name)
    return error_answer("ValidationException", "One or more parameter values were invalid: Select type ALL_PROJECTED_ATTRIBUTES is only supported for "
                        "secondary indexes");
  if (g_str_equal(select, "SPECIFIC_ATTRIBUTES") && !request->projected)
    return error_answer("ValidationException", "One or more parameter values were invalid: Must specify the AttributesToGet or ProjectionExpression "
                        "when choosing to get SPECIFIC_ATTRIBUTES");
  if (!g_str_equal(select, "SPECIFIC_ATTRIBUTES") && request->projected)
    return error_answer("ValidationException", "Cannot specify the ProjectionExpression when choosing to get %s", select);
  if (!g_str_equal(select, "ALL_ATTRIBUTES") || index->project_all)
    return NULL;
  if (index->global)
    return error_answer("ValidationException", "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global "
                        "secondary index %s because its projection type is not ALL", index->name);
  page->fetch = TRUE;
  return NULL;
}

Error *
page_prepare(Page *page, const Rows *rows, const PageRequest *request)
{
  const TableDef *table = rows->table;
  page->rows = rows;
  page->index = request->index_name ? table_index(table, request->index_name) : &table->primary;
  page->limit = request->limit;
  if (!page->index)
    return error_answer("ValidationException", "The table does not have the specified index: %s", request->index_name);
  if (page->index->global && request->consistent)
    return error_answer("ValidationException", "Consistent reads are not supported on global secondary indexes");
  TRY(check_select(page, request));
  /* a local index gives what it does not hold from the table */
  page->fetch |= page->index->name && !page->index->global && !page->index->project_all && request->projected;
  if (page->start && page->start->v)
    return check_start_key(rows->call, table, page->index, (Item *) page->start);
  return NULL;
}
