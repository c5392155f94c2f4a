#include "services/dynamodb/dynamodb.h"

static Error *
invalid(const char *text)
{
  return error_answer("ValidationException", "%s", text);
}

static Error *
check_segment(const DynamodbScanInput *in)
{
  if (!in->Segment.set && !in->TotalSegments.set)
    return NULL;
  if (!in->TotalSegments.set)
    return invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present");
  if (!in->Segment.set)
    return invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present");
  if (in->Segment.v >= in->TotalSegments.v)
    return error_answer("ValidationException", "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less "
                        "than TotalSegments: %d", (int) in->Segment.v, (int) in->TotalSegments.v);
  return NULL;
}

/* A segment is a range of the 16 bits behind the number of the table or index. */
static void
set_range(const DynamodbScanInput *in, gint64 uid, Range *range)
{
  rows_prefix(uid, &range->prefix);
  if (!in->TotalSegments.set)
    return;
  range->has_low = range->has_high = TRUE;
  key_init(&range->low);
  key_init(&range->high);
  key_add_int(&range->low, (uid << 16) + 65536 * in->Segment.v / in->TotalSegments.v);
  key_add_int(&range->high, (uid << 16) + 65536 * (in->Segment.v + 1) / in->TotalSegments.v);
}

OPERATION(Scan, scan, .authorize = authorize_scan)
static Error *
scan(Call *call, const DynamodbScanInput *in, DynamodbScanOutput *ret_out)
{
  Scope scope;
  Node *filter;
  Projection *projection;
  Rows rows;
  PageRequest request = { in->IndexName, in->Select, OPT_OR(in->ConsistentRead, FALSE), in->ProjectionExpression != NULL, OPT_OR(in->Limit, 0) };
  TRY(check_legacy(in->ScanFilter.v || in->ConditionalOperator, "ScanFilter", "FilterExpression"));
  TRY(check_legacy(in->AttributesToGet.v != NULL, "AttributesToGet", "ProjectionExpression"));
  TRY(check_segment(in));
  TRY(scope_init(&scope, call->arena, &in->ExpressionAttributeNames, (Item *) &in->ExpressionAttributeValues,
                 in->FilterExpression || in->ProjectionExpression, "FilterExpression and ProjectionExpression are null"));
  TRY(condition_parse(&scope, "FilterExpression", in->FilterExpression, &filter));
  TRY(projection_parse(&scope, in->ProjectionExpression, &projection));
  TRY(scope_finish(&scope));
  TRY(rows_open(call, in->TableName, &rows));
  Page *page = ARENA_NEW(call->arena, Page);
  page->start = &in->ExclusiveStartKey;
  page->filter = filter;
  page->projection = projection;
  TRY(page_prepare(page, &rows, &request));
  set_range(in, page->index->uid, &page->range);
  TRY(page_collect(page));
  ret_out->Items = page->items;
  ret_out->Count = OPT_INT(page->count);
  ret_out->ScannedCount = OPT_INT(page->scanned);
  ret_out->LastEvaluatedKey = page->last;
  measure_units(call, rows.table, page->index, FALSE, read_units(page->size, request.consistent));
  ret_out->ConsumedCapacity = capacity(call, rows.table, page->index, in->ReturnConsumedCapacity, read_units(page->size, request.consistent));
  return NULL;
}
