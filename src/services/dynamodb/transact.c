#include "services/dynamodb/dynamodb.h"

#include <openssl/evp.h>
#include <string.h>

#define SIZE_MAX_ALL (4 * 1024 * 1024)
#define TOKEN_MS (10 * 60 * 1000)

static const Table tokens_table = { "dynamodb.tokens" };

static const char expressions[] = "ConditionExpression is null";

static Error *
as_change(const DynamodbTransactWriteItem *item, Change *ret_change)
{
  int kinds = (item->Put != NULL) + (item->Update != NULL) + (item->Delete != NULL) + (item->ConditionCheck != NULL);
  if (kinds != 1)
    return error_answer("ValidationException", "TransactItems can only contain one of Check, Put, Update or Delete");
  if (item->Put)
    *ret_change = (Change){ .kind = CHANGE_PUT, .table = item->Put->TableName, .item = (Item *) &item->Put->Item,
                            .condition_text = item->Put->ConditionExpression, .names = &item->Put->ExpressionAttributeNames,
                            .values = (Item *) &item->Put->ExpressionAttributeValues, .on_failure = item->Put->ReturnValuesOnConditionCheckFailure };
  else if (item->Update)
    *ret_change = (Change){ .kind = CHANGE_UPDATE, .table = item->Update->TableName, .item = (Item *) &item->Update->Key,
                            .condition_text = item->Update->ConditionExpression, .update_text = item->Update->UpdateExpression,
                            .names = &item->Update->ExpressionAttributeNames, .values = (Item *) &item->Update->ExpressionAttributeValues,
                            .on_failure = item->Update->ReturnValuesOnConditionCheckFailure };
  else if (item->Delete)
    *ret_change = (Change){ .kind = CHANGE_DELETE, .table = item->Delete->TableName, .item = (Item *) &item->Delete->Key,
                            .condition_text = item->Delete->ConditionExpression, .names = &item->Delete->ExpressionAttributeNames,
                            .values = (Item *) &item->Delete->ExpressionAttributeValues,
                            .on_failure = item->Delete->ReturnValuesOnConditionCheckFailure };
  else
    *ret_change = (Change){ .kind = CHANGE_CHECK, .table = item->ConditionCheck->TableName, .item = (Item *) &item->ConditionCheck->Key,
                            .condition_text = item->ConditionCheck->ConditionExpression, .names = &item->ConditionCheck->ExpressionAttributeNames,
                            .values = (Item *) &item->ConditionCheck->ExpressionAttributeValues,
                            .on_failure = item->ConditionCheck->ReturnValuesOnConditionCheckFailure };
  ret_change->expressions = expressions;
  return NULL;
}

static const char *const actions[] = { [CHANGE_PUT] = "dynamodb:PutItem", [CHANGE_DELETE] = "dynamodb:DeleteItem",
                                       [CHANGE_UPDATE] = "dynamodb:UpdateItem", [CHANGE_CHECK] = "dynamodb:ConditionCheckItem" };

static Error *
authorize_transact_write(Call *call, const void *data, Authorization *auth)
{
  const DynamodbTransactWriteItemsInput *in = data;
  for (gsize i = 0; i < in->TransactItems.n; i++) {
    Change change;
    TRY(as_change(in->TransactItems.v[i], &change));
    authorize_also(call, auth, actions[change.kind], change.table, i == 0);
    TRY(authorize_leading(call, auth, change.table, change.item));
  }
  return NULL;
}

static Error *
authorize_transact_get(Call *call, const void *data, Authorization *auth)
{
  const DynamodbTransactGetItemsInput *in = data;
  for (gsize i = 0; i < in->TransactItems.n; i++) {
    const DynamodbGet *get = in->TransactItems.v[i]->Get;
    authorize_also(call, auth, "dynamodb:GetItem", get->TableName, i == 0);
    TRY(authorize_leading(call, auth, get->TableName, (const Item *) &get->Key));
  }
  return NULL;
}

/* --- cancellation --- */

typedef struct Reasons {
  Call *call;
  DynamodbCancellationReason **v;
  gsize n;
  gboolean any;
} Reasons;

static Reasons
reasons_new(Call *call, gsize n)
{
  Reasons reasons = { call, ARENA_ARRAY(call->arena, DynamodbCancellationReason *, n), n, FALSE };
  for (gsize i = 0; i < n; i++) {
    reasons.v[i] = ARENA_NEW(call->arena, DynamodbCancellationReason);
    reasons.v[i]->Code = "None";
  }
  return reasons;
}

/* An answer about one item becomes its reason; a fault, or an answer about the table, is the call's. Takes error. */
static Error *
note_reason(Reasons *reasons, gsize i, Error *error, const Change *change)
{
  if (!error)
    return NULL;
  gboolean failed = error_is(error, "ConditionalCheckFailedException");
  if (!failed && !error_is(error, "ValidationException"))
    return error;
  DynamodbCancellationReason *reason = reasons->v[i];
  reasons->any = TRUE;
  reason->Code = failed ? "ConditionalCheckFailed" : "ValidationError";
  reason->Message = arena_strdup(reasons->call->arena, error->message);
  if (failed && g_strcmp0(change->on_failure, "ALL_OLD") == 0)
    reason->Item = change->old;
  error_free(error);
  return NULL;
}

static Error *
cancelled(const Reasons *reasons)
{
  g_autoptr(GString) codes = g_string_new("");
  for (gsize i = 0; i < reasons->n; i++)
    g_string_append_printf(codes, "%s%s", i ? ", " : "", reasons->v[i]->Code);
  DynamodbTransactionCanceledException *value = ARENA_NEW(reasons->call->arena, DynamodbTransactionCanceledException);
  value->Message = arena_printf(reasons->call->arena, "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", codes->str);
  value->CancellationReasons = (DynamodbCancellationReasonList){ reasons->n, reasons->v };
  Error *error = error_answer("TransactionCanceledException", "%s", value->Message);
  error->shape = &DynamodbTransactionCanceledException_shape;
  error->value = value;
  return error;
}

/* --- write --- */

static Error *
check_distinct(GHashTable *seen, const Change *change)
{
  Key key;
  TRY(row_key(&change->rows, &change->rows.table->primary, change->item, &key));
  if (!g_hash_table_add(seen, g_bytes_new(key.data, key.size)))
    return error_answer("ValidationException", "Transaction request cannot include multiple operations on one item");
  return NULL;
}

static Error *
prepare_all(Call *call, const DynamodbTransactWriteItemsInput *in, Change *changes)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  gsize size = 0;
  for (gsize i = 0; i < in->TransactItems.n; i++) {
    TRY(as_change(in->TransactItems.v[i], &changes[i]));
    TRY(change_prepare(call, &changes[i]));
    TRY(check_distinct(seen, &changes[i]));
    size += item_size(changes[i].item);
  }
  if (size > SIZE_MAX_ALL)
    return error_answer("ValidationException", "Transaction request size cannot exceed 4 MB");
  return NULL;
}

static void
digest_of(const DynamodbTransactWriteItemsInput *in, guint8 out[32])
{
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  g_autoptr(Arena) arena = arena_new();
  guint n = 32;
  record_encode(arena, &DynamodbTransactWriteItemsInput_shape, in, bytes);
  EVP_Digest(bytes->data, bytes->len, out, &n, EVP_sha256(), NULL);
}

/* *ret_done: this request was already carried out. */
static Error *
check_token(Call *call, const DynamodbTransactWriteItemsInput *in, gboolean *ret_done)
{
  Key key;
  void *found;
  guint8 digest[32];
  *ret_done = FALSE;
  if (!in->ClientRequestToken)
    return NULL;
  digest_of(in, digest);
  call_key(call, &key);
  key_add(&key, in->ClientRequestToken);
  TRY(record_get(call->txn, &tokens_table, &key, &DynamodbTokenRecord_shape, call->arena, &found));
  const DynamodbTokenRecord *token = found;
  if (token && token->Until.ms > call->now) {
    *ret_done = token->Digest.size == sizeof digest && memcmp(token->Digest.data, digest, sizeof digest) == 0;
    return *ret_done ? NULL : error_answer("IdempotentParameterMismatchException", "Request token %s was used with other parameters",
                                           in->ClientRequestToken);
  }
  DynamodbTokenRecord new_token = { { digest, sizeof digest }, OPT_TIME(call->now + TOKEN_MS) };
  return record_put(call->txn, &tokens_table, &key, &DynamodbTokenRecord_shape, &new_token);
}

static void
add_capacity(Call *call, DynamodbConsumedCapacityMultiple *list, const TableDef *table, const char *mode, double units)
{
  for (gsize i = 0; i < list->n; i++)
    if (g_str_equal(list->v[i]->TableName, table->name)) {
      list->v[i]->CapacityUnits.v += units;
      return;
    }
  DynamodbConsumedCapacity *consumed = capacity(call, table, NULL, mode, units);
  if (consumed)
    LIST_APPEND(call->arena, list, consumed);
}

OPERATION(TransactWriteItems, transact_write_items, .txn = TXN_WRITE, .authorize = authorize_transact_write)
static Error *
transact_write_items(Call *call, const DynamodbTransactWriteItemsInput *in, DynamodbTransactWriteItemsOutput *ret_out)
{
  gsize n = in->TransactItems.n;
  gboolean done;
  Change *changes = ARENA_ARRAY(call->arena, Change, n);
  TRY(prepare_all(call, in, changes));
  TRY(check_token(call, in, &done));
  Reasons reasons = reasons_new(call, n);
  for (gsize i = 0; i < n && !done; i++)
    TRY(note_reason(&reasons, i, change_check(&changes[i]), &changes[i]));
  for (gsize i = 0; i < n && !done && !reasons.any; i++)
    TRY(note_reason(&reasons, i, change_apply(&changes[i]), &changes[i]));
  if (reasons.any)
    return cancelled(&reasons);
  for (gsize i = 0; i < n; i++) {
    double units = 2 * write_units(changes[i].old.v ? item_size(&changes[i].old) : 0, changes[i].new.v ? item_size(&changes[i].new) : 0);
    measure_units(call, changes[i].rows.table, NULL, TRUE, units);
    if (in->ReturnConsumedCapacity)
      add_capacity(call, &ret_out->ConsumedCapacity, changes[i].rows.table, in->ReturnConsumedCapacity, units);
  }
  return NULL;
}

/* --- get --- */

static Error *
get_one(Call *call, const DynamodbGet *in, DynamodbItemResponse *ret_response, Rows *rows, gsize *ret_size)
{
  Scope scope;
  Projection *projection;
  Item item;
  TRY(scope_init(&scope, call->arena, &in->ExpressionAttributeNames, NULL, in->ProjectionExpression != NULL, "ProjectionExpression is null"));
  TRY(projection_parse(&scope, in->ProjectionExpression, &projection));
  TRY(scope_finish(&scope));
  TRY(rows_open(call, in->TableName, rows));
  TRY(check_key(call, rows->table, (Item *) &in->Key));
  TRY(row_get(rows, &in->Key, &item));
  *ret_size = item.v ? item_size(&item) : 0;
  if (item.v)
    projection_apply(call->arena, projection, &item, &ret_response->Item);
  return NULL;
}

OPERATION(TransactGetItems, transact_get_items, .authorize = authorize_transact_get)
static Error *
transact_get_items(Call *call, const DynamodbTransactGetItemsInput *in, DynamodbTransactGetItemsOutput *ret_out)
{
  LIST_EMPTY(call->arena, &ret_out->Responses);
  for (gsize i = 0; i < in->TransactItems.n; i++) {
    Rows rows;
    gsize size;
    DynamodbItemResponse *response = ARENA_NEW(call->arena, DynamodbItemResponse);
    TRY(get_one(call, in->TransactItems.v[i]->Get, response, &rows, &size));
    LIST_APPEND(call->arena, &ret_out->Responses, response);
    measure_units(call, rows.table, NULL, FALSE, 2 * read_units(size, TRUE));
    if (in->ReturnConsumedCapacity)
      add_capacity(call, &ret_out->ConsumedCapacity, rows.table, in->ReturnConsumedCapacity, 2 * read_units(size, TRUE));
  }
  return NULL;
}
