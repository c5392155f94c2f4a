#include "services/dynamodb/dynamodb.h"

#include <string.h>

#define GET_MAX 100
#define WRITE_MAX 25
#define ANSWER_MAX (16 * 1024 * 1024)

static Error *
authorize_batch_get(Call *call, const void *data, Authorization *auth)
{
  const DynamodbBatchGetItemInput *in = data;
  for (gsize i = 0; i < in->RequestItems.n; i++) {
    const DynamodbKeysAndAttributes *keys = in->RequestItems.v[i].value;
    authorize_also(call, auth, "dynamodb:BatchGetItem", in->RequestItems.v[i].key, i == 0);
    for (gsize j = 0; j < keys->Keys.n; j++)
      TRY(authorize_leading(call, auth, in->RequestItems.v[i].key, (const Item *) &keys->Keys.v[j]));
  }
  return NULL;
}

static Error *
authorize_batch_write(Call *call, const void *data, Authorization *auth)
{
  const DynamodbBatchWriteItemInput *in = data;
  for (gsize i = 0; i < in->RequestItems.n; i++) {
    const DynamodbWriteRequests *requests = &in->RequestItems.v[i].value;
    authorize_also(call, auth, "dynamodb:BatchWriteItem", in->RequestItems.v[i].key, i == 0);
    for (gsize j = 0; j < requests->n; j++) {
      const DynamodbWriteRequest *request = requests->v[j];
      const Item *item = request->PutRequest ? (const Item *) &request->PutRequest->Item : request->DeleteRequest ? (const Item *) &request->DeleteRequest->Key : NULL;
      if (item)
        TRY(authorize_leading(call, auth, in->RequestItems.v[i].key, item));
    }
  }
  return NULL;
}

/* The stored key, to find duplicates by. */
static Error *
check_new(GHashTable *seen, const Rows *rows, const Item *item)
{
  Key key;
  TRY(row_key(rows, &rows->table->primary, item, &key));
  if (!g_hash_table_add(seen, g_bytes_new(key.data, key.size)))
    return error_answer("ValidationException", "Provided list of item keys contains duplicates");
  return NULL;
}

static GHashTable *
new_seen(void)
{
  return g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
}

/* --- get --- */

typedef struct BatchGet {
  DynamodbBatchGetItemOutput *out;
  const char *capacity_mode;
  gsize size; /* of the answer */
} BatchGet;

static void
put_off(Call *call, BatchGet *batch, const char *table, const DynamodbKeysAndAttributes *request, gsize from)
{
  DynamodbKeysAndAttributes *rest = arena_memdup(call->arena, request, sizeof *request);
  rest->Keys = (DynamodbKeyList){ 0 };
  for (gsize i = from; i < request->Keys.n; i++)
    LIST_APPEND(call->arena, &rest->Keys, request->Keys.v[i]);
  MAP_SET(call->arena, &batch->out->UnprocessedKeys, table, rest);
}

static Error *
get_keys(BatchGet *batch, const Rows *rows, const char *name, const DynamodbKeysAndAttributes *request, const Projection *projection)
{
  Call *call = rows->call;
  double units = 0;
  DynamodbItemList found = { 0 };
  g_autoptr(GHashTable) seen = new_seen();
  LIST_EMPTY(call->arena, &found);
  for (gsize i = 0; i < request->Keys.n; i++) {
    Item item, projected;
    if (batch->size > ANSWER_MAX) {
      put_off(call, batch, name, request, i);
      break;
    }
    TRY(check_key(call, rows->table, &request->Keys.v[i]));
    TRY(check_new(seen, rows, &request->Keys.v[i]));
    TRY(row_get(rows, &request->Keys.v[i], &item));
    gsize size = item.v ? item_size(&item) : 0;
    units += read_units(size, OPT_OR(request->ConsistentRead, FALSE));
    batch->size += size;
    if (!item.v)
      continue;
    projection_apply(call->arena, projection, &item, &projected);
    LIST_APPEND(call->arena, &found, projected);
  }
  MAP_SET(call->arena, &batch->out->Responses, name, found);
  measure_units(call, rows->table, NULL, FALSE, units);
  DynamodbConsumedCapacity *consumed = capacity(call, rows->table, NULL, batch->capacity_mode, units);
  if (consumed)
    LIST_APPEND(call->arena, &batch->out->ConsumedCapacity, consumed);
  return NULL;
}

static Error *
get_table(Call *call, BatchGet *batch, const char *name, const DynamodbKeysAndAttributes *request)
{
  Scope scope;
  Projection *projection;
  Rows rows;
  TRY(check_legacy(request->AttributesToGet.v != NULL, "AttributesToGet", "ProjectionExpression"));
  TRY(scope_init(&scope, call->arena, &request->ExpressionAttributeNames, NULL, request->ProjectionExpression != NULL, "ProjectionExpression is null"));
  TRY(projection_parse(&scope, request->ProjectionExpression, &projection));
  TRY(scope_finish(&scope));
  TRY(rows_open(call, name, &rows));
  return get_keys(batch, &rows, name, request, projection);
}

OPERATION(BatchGetItem, batch_get_item, .authorize = authorize_batch_get)
static Error *
batch_get_item(Call *call, const DynamodbBatchGetItemInput *in, DynamodbBatchGetItemOutput *ret_out)
{
  gsize total = 0;
  BatchGet batch = { ret_out, in->ReturnConsumedCapacity, 0 };
  for (gsize i = 0; i < in->RequestItems.n; i++)
    total += in->RequestItems.v[i].value->Keys.n;
  if (total > GET_MAX)
    return error_answer("ValidationException", "Too many items requested for the BatchGetItem call");
  LIST_EMPTY(call->arena, &ret_out->Responses);
  LIST_EMPTY(call->arena, &ret_out->UnprocessedKeys);
  for (gsize i = 0; i < in->RequestItems.n; i++)
    TRY(get_table(call, &batch, in->RequestItems.v[i].key, in->RequestItems.v[i].value));
  return NULL;
}

/* --- write --- */

static Error *
check_request(const DynamodbWriteRequest *request)
{
  if (!request || !request->PutRequest == !request->DeleteRequest)
    return error_answer("ValidationException", "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
                        "datatypes");
  return NULL;
}

static Error *
write_one(Call *call, const Rows *rows, GHashTable *seen, const DynamodbWriteRequest *request, double *units)
{
  Item old, *item = request->PutRequest ? (Item *) &request->PutRequest->Item : (Item *) &request->DeleteRequest->Key;
  if (request->PutRequest) {
    TRY(item_check(call->arena, item));
    TRY(check_item(rows->table, item, FALSE));
  } else {
    TRY(check_key(call, rows->table, item));
  }
  TRY(check_new(seen, rows, item));
  TRY(row_get(rows, item, &old));
  *units += write_units(old.v ? item_size(&old) : 0, request->PutRequest ? item_size(item) : 0);
  if (!request->PutRequest && !old.v)
    return NULL;
  return row_write(rows, &old, request->PutRequest ? item : &(Item){ 0 }, FALSE);
}

static Error *
write_table(Call *call, const DynamodbBatchWriteItemInput *in, gsize at, DynamodbBatchWriteItemOutput *ret_out)
{
  Rows rows;
  double units = 0;
  const DynamodbWriteRequests *requests = &in->RequestItems.v[at].value;
  g_autoptr(GHashTable) seen = new_seen();
  TRY(rows_open(call, in->RequestItems.v[at].key, &rows));
  for (gsize i = 0; i < requests->n; i++)
    TRY(write_one(call, &rows, seen, requests->v[i], &units));
  measure_units(call, rows.table, NULL, TRUE, units);
  DynamodbConsumedCapacity *consumed = capacity(call, rows.table, NULL, in->ReturnConsumedCapacity, units);
  if (consumed)
    LIST_APPEND(call->arena, &ret_out->ConsumedCapacity, consumed);
  return NULL;
}

OPERATION(BatchWriteItem, batch_write_item, .txn = TXN_WRITE, .authorize = authorize_batch_write)
static Error *
batch_write_item(Call *call, const DynamodbBatchWriteItemInput *in, DynamodbBatchWriteItemOutput *ret_out)
{
  gsize total = 0;
  for (gsize i = 0; i < in->RequestItems.n; i++) {
    const DynamodbWriteRequests *requests = &in->RequestItems.v[i].value;
    if (requests->n == 0)
      return error_answer("ValidationException", "The batch write request list for a table cannot be null or empty");
    total += requests->n;
    for (gsize j = 0; j < requests->n; j++)
      TRY(check_request(requests->v[j]));
  }
  if (total > WRITE_MAX)
    return error_answer("ValidationException", "Too many items requested for the BatchWriteItem call");
  LIST_EMPTY(call->arena, &ret_out->UnprocessedItems);
  for (gsize i = 0; i < in->RequestItems.n; i++)
    TRY(write_table(call, in, i, ret_out));
  return NULL;
}
