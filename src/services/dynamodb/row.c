/* Items are rows of one table of the store. A row's key: the number of the table or index together with 16 bits of the hash key's hash (so
 * that segments of a scan are ranges), the hash key, the sort key, and in an index the item's own key, shortened to a digest, as there
 * may be many with the same index keys. Hash keys that are long, or of an encrypted table, are digests too: only equality is asked of them. */
#include "services/dynamodb/dynamodb.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

const Table dynamodb_items = { "dynamodb.items" };
static const Table stats_table = { "dynamodb.stats" };

#define PLAIN_MAX 200
#define DIGEST 16

Error *
rows_open_table(Call *call, TableDef *table, Rows *ret_rows)
{
  *ret_rows = (Rows){ call, table, NULL };
  return encryption_key(call, table->record, &ret_rows->key);
}

Error *
rows_open(Call *call, const char *name, Rows *ret_rows)
{
  TableDef *table;
  TRY(table_find(call, name, &table));
  return rows_open_table(call, table, ret_rows);
}

/* --- keys --- */

static guint16
hash16(const Blob *bytes)
{
  guint32 hash = 2166136261u;
  for (gsize i = 0; i < bytes->size; i++)
    hash = (hash ^ bytes->data[i]) * 16777619u;
  hash ^= hash >> 15;
  hash *= 0x85ebca6bu;
  return (guint16) ((hash ^ (hash >> 16)) & 0xffff);
}

static void
digest(const Rows *rows, const guint8 *data, gsize size, guint8 out[32])
{
  guint n = 32;
  if (rows->key)
    HMAC(EVP_sha256(), rows->key, 32, data, size, out, &n);
  else
    EVP_Digest(data, size, out, &n, EVP_sha256(), NULL);
}

/* Bytes of which only equality matters. */
static void
add_equal(const Rows *rows, Key *key, const guint8 *data, gsize size)
{
  guint8 bytes[1 + PLAIN_MAX];
  if (!rows->key && size <= PLAIN_MAX) {
    bytes[0] = 'p';
    memcpy(bytes + 1, data, size);
    key_add_bytes(key, bytes, size + 1);
    return;
  }
  guint8 out[32];
  digest(rows, data, size, out);
  bytes[0] = 'd';
  memcpy(bytes + 1, out, DIGEST);
  key_add_bytes(key, bytes, 1 + DIGEST);
}

void
rows_prefix(gint64 uid, Key *ret_key)
{
  key_init(ret_key);
  key_add_int(ret_key, uid << 16);
  ret_key->size -= 2;
}

void
row_prefix(const Rows *rows, const IndexDef *index, const Value *hash, Key *ret_key)
{
  key_init(ret_key);
  if (!hash) { /* the hidden index: one partition */
    key_add_int(ret_key, index->uid << 16);
    return;
  }
  Blob bytes = value_key(rows->call->arena, hash);
  key_add_int(ret_key, index->uid << 16 | hash16(&bytes));
  add_equal(rows, ret_key, bytes.data, bytes.size);
}

static void
add_own_key(const Rows *rows, const Item *item, Key *key)
{
  const IndexDef *primary = &rows->table->primary;
  g_autoptr(GByteArray) own = g_byte_array_new();
  Blob hash = value_key(rows->call->arena, item_get(item, primary->hash));
  guint32 size = (guint32) hash.size;
  g_byte_array_append(own, (const guint8 *) &size, sizeof size);
  g_byte_array_append(own, hash.data, size);
  if (primary->range) {
    Blob range = value_key(rows->call->arena, item_get(item, primary->range));
    g_byte_array_append(own, range.data, (guint) range.size);
  }
  add_equal(rows, key, own->data, own->len);
}

Error *
row_key(const Rows *rows, const IndexDef *index, const Item *item, Key *ret_key)
{
  row_prefix(rows, index, index->hash ? item_get(item, index->hash) : NULL, ret_key);
  if (index->range) {
    Blob range = value_key(rows->call->arena, item_get(item, index->range));
    key_add_bytes(ret_key, range.data, range.size);
  }
  if (index != &rows->table->primary)
    add_own_key(rows, item, ret_key);
  return ret_key->overflow ? error_fault("dynamodb: a key of table %s is too long", rows->table->name) : NULL;
}

gboolean
index_has(const IndexDef *index, const Item *item)
{
  const Value *hash = index->hash ? item_get(item, index->hash) : NULL;
  const Value *range = index->range ? item_get(item, index->range) : NULL;
  if (index->hash && (!hash || value_type(hash) != index->hash_type))
    return FALSE;
  return !index->range || (range && value_type(range) == index->range_type);
}

/* --- values --- */

Error *
row_open(const Rows *rows, const void *data, gsize size, Item *ret_item)
{
  Arena *arena = rows->call->arena;
  guint8 *plain;
  if (rows->key)
    TRY(store_open_sealed(arena, rows->key, data, size, &plain, &size));
  else
    plain = arena_memdup(arena, data, size);
  return item_decode(arena, plain, size, ret_item);
}

static Error *
put(const Rows *rows, const Key *key, const Item *item)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  item_encode(item, bytes);
  if (!rows->key)
    return store_put(rows->call->txn, &dynamodb_items, key, bytes->data, bytes->len);
  guint8 *sealed;
  gsize size;
  TRY(store_seal(rows->call->arena, rows->key, bytes->data, bytes->len, &sealed, &size));
  return store_put(rows->call->txn, &dynamodb_items, key, sealed, size);
}

Error *
row_get(const Rows *rows, const Item *item_key, Item *ret_item)
{
  Key key;
  const void *data;
  gsize size;
  TRY(row_key(rows, &rows->table->primary, item_key, &key));
  TRY(store_get(rows->call->txn, &dynamodb_items, &key, &data, &size));
  *ret_item = (Item){ 0 };
  return data ? row_open(rows, data, size, ret_item) : NULL;
}

/* --- counts --- */

static void
stats_key(gint64 uid, Key *key)
{
  key_init(key);
  key_add_int(key, uid);
}

Error *
row_stats(Txn *txn, gint64 uid, RowStats *ret_stats)
{
  Key key;
  const void *data;
  gsize size;
  stats_key(uid, &key);
  TRY(store_get(txn, &stats_table, &key, &data, &size));
  *ret_stats = (RowStats){ 0 };
  if (data && size == sizeof *ret_stats)
    memcpy(ret_stats, data, size);
  return NULL;
}

static Error *
count(const Rows *rows, gint64 uid, gint64 items, gint64 bytes, gint64 *ret_sequence)
{
  RowStats stats;
  Key key;
  TRY(row_stats(rows->call->txn, uid, &stats));
  stats.count += items;
  stats.size += bytes;
  stats.sequence += ret_sequence != NULL;
  if (ret_sequence)
    *ret_sequence = stats.sequence;
  stats_key(uid, &key);
  return store_put(rows->call->txn, &stats_table, &key, &stats, sizeof stats);
}

/* --- changes --- */

/* What an index keeps of an item. */
static void
project(const Rows *rows, const IndexDef *index, const Item *item, Item *ret_projected)
{
  if (index->project_all) {
    *ret_projected = *item;
    return;
  }
  const IndexDef *primary = &rows->table->primary;
  const char *const keys[] = { primary->hash, primary->range, index->hash, index->range };
  Item projected = { 0 };
  LIST_EMPTY(rows->call->arena, &projected);
  for (gsize i = 0; i < item->n; i++) {
    const char *name = item->v[i].key;
    gboolean keep = string_list_has(&index->project, name);
    for (guint k = 0; k < G_N_ELEMENTS(keys) && !keep; k++)
      keep = keys[k] && g_str_equal(keys[k], name);
    if (keep)
      item_set(rows->call->arena, &projected, name, item->v[i].value);
  }
  *ret_projected = projected;
}

static Error *
put_in_index(const Rows *rows, const IndexDef *index, const Item *item)
{
  Key key;
  Item projected;
  TRY(row_key(rows, index, item, &key));
  project(rows, index, item, &projected);
  TRY(put(rows, &key, &projected));
  return count(rows, index->uid, 1, (gint64) item_size(&projected), NULL);
}

static Error *
drop_from_index(const Rows *rows, const IndexDef *index, const Item *item)
{
  Key key;
  Item projected;
  TRY(row_key(rows, index, item, &key));
  project(rows, index, item, &projected);
  TRY(store_delete(rows->call->txn, &dynamodb_items, &key, NULL));
  return count(rows, index->uid, -1, -(gint64) item_size(&projected), NULL);
}

static Error *
change_index(const Rows *rows, const IndexDef *index, const Item *old, const Item *new)
{
  if (old->v && index_has(index, old))
    TRY(drop_from_index(rows, index, old));
  return new->v && index_has(index, new) ? put_in_index(rows, index, new) : NULL;
}

static gboolean
same(const Item *a, const Item *b)
{
  Value x = { .M = *a }, y = { .M = *b };
  return a->v && b->v && value_equal(&x, &y);
}

Error *
row_write(const Rows *rows, const Item *old, const Item *new, gboolean expired)
{
  Key key;
  const TableDef *table = rows->table;
  TRY(row_key(rows, &table->primary, new->v ? new : old, &key));
  if (new->v)
    TRY(put(rows, &key, new));
  else
    TRY(store_delete(rows->call->txn, &dynamodb_items, &key, NULL));
  gint64 sequence, grown = (new->v ? (gint64) item_size(new) : 0) - (old->v ? (gint64) item_size(old) : 0);
  TRY(count(rows, table->primary.uid, (new->v != NULL) - (old->v != NULL), grown, &sequence));
  for (guint i = 0; i < table->n_indexes; i++)
    TRY(change_index(rows, &table->indexes[i], old, new));
  return table->log && !same(old, new) ? log_append(rows, sequence, old, new, expired) : NULL;
}

Error *
row_backfill(const Rows *rows, const IndexDef *index)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  rows_prefix(rows->table->primary.uid, &prefix);
  TRY(cursor_open(rows->call->txn, &dynamodb_items, &(CursorOptions){ .prefix = &prefix }, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    Item item;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(row_open(rows, data, size, &item));
    if (index_has(index, &item))
      TRY(put_in_index(rows, index, &item));
  }
  return NULL;
}

Error *
rows_purge(Txn *txn, gint64 uid, guint max, gboolean *ret_left)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix, key;
  rows_prefix(uid, &prefix);
  TRY(cursor_open(txn, &dynamodb_items, &(CursorOptions){ .prefix = &prefix }, &cursor));
  *ret_left = TRUE;
  for (guint n = 0; n < max; n++) {
    if (!cursor_next(cursor)) {
      *ret_left = FALSE;
      break;
    }
    key_init(&key);
    const guint8 *data = cursor_key(cursor, &key.size);
    memcpy(key.data, data, key.size);
    TRY(store_delete(txn, &dynamodb_items, &key, NULL));
  }
  stats_key(uid, &key);
  return *ret_left ? NULL : store_delete(txn, &stats_table, &key, NULL);
}

/* --- another data key --- */

#define RESEAL_MAX (64 * 1024 * 1024)

static Error *
load_all(const Rows *rows, DynamodbItemList *ret_items)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  rows_prefix(rows->table->primary.uid, &prefix);
  TRY(cursor_open(rows->call->txn, &dynamodb_items, &(CursorOptions){ .prefix = &prefix }, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    Item item;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(row_open(rows, data, size, &item));
    LIST_APPEND(rows->call->arena, ret_items, item);
  }
  return NULL;
}

/* Also the keys of rows depend on the data key: everything goes and comes again. */
Error *
row_reseal(const Rows *before, const guint8 *data_key)
{
  Rows after = { before->call, before->table, data_key };
  const TableDef *table = before->table;
  DynamodbItemList items = { 0 };
  RowStats stats;
  gboolean left;
  TRY(row_stats(before->call->txn, table->primary.uid, &stats));
  if (stats.size > RESEAL_MAX)
    return error_answer("ValidationException", "The encryption of a table of more than 64 MiB cannot be changed here: create another one");
  TRY(log_reseal(before, &after));
  TRY(load_all(before, &items));
  TRY(rows_purge(before->call->txn, table->primary.uid, G_MAXUINT, &left));
  for (guint i = 0; i < table->n_indexes; i++)
    TRY(rows_purge(before->call->txn, table->indexes[i].uid, G_MAXUINT, &left));
  for (gsize i = 0; i < items.n; i++) {
    Key key;
    TRY(row_key(&after, &table->primary, &items.v[i], &key));
    TRY(put(&after, &key, &items.v[i]));
    for (guint j = 0; j < table->n_indexes; j++)
      TRY(change_index(&after, &table->indexes[j], &(Item){ 0 }, &items.v[i]));
  }
  Key key;
  stats_key(table->primary.uid, &key);
  return store_put(before->call->txn, &stats_table, &key, &stats, sizeof stats);
}
