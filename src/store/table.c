#include "store/internal.h"

#include <string.h>

static Error *
check_key(const Table *table, const Key *key)
{
  if (key->overflow)
    return error_fault("a key of %s is longer than %d bytes", table->name, (int) LIMIT_KEY_MAX);
  return NULL;
}

/* Two tables whose names have the same id would see each other's rows. */
static guint32
writable_table_id(Txn *txn, const Table *table)
{
  g_assert(txn->writable);
  guint32 id = table_id(table->name);
  GHashTable *names = txn->store->table_names;
  const char *name = g_hash_table_lookup(names, GUINT_TO_POINTER(id));
  if (!name)
    g_hash_table_insert(names, GUINT_TO_POINTER(id), g_strdup(table->name));
  else if (!g_str_equal(name, table->name))
    g_error("store: the tables %s and %s have the same id: rename one", name, table->name);
  return id;
}

Error *
value_read(Txn *txn, const MDB_val *stored, const void **ret_data, gsize *ret_size)
{
  const guint8 *bytes = stored->mv_data;
  if (stored->mv_size < 1)
    return error_fault("store: an empty entry");
  if (bytes[0] == VALUE_INLINE) {
    *ret_data = bytes + 1;
    *ret_size = stored->mv_size - 1;
    return NULL;
  }
  g_autofree char *id = g_strndup((const char *) bytes + 1, stored->mv_size - 1);
  g_autoptr(StoreBlobReader) reader = NULL;
  TRY(store_blob_open(txn->store, id, NULL, &reader));
  g_autoptr(GByteArray) data = g_byte_array_new();
  for (gsize n = 1; n > 0;) {
    guint8 piece[16384];
    TRY(store_blob_read(reader, data->len, piece, sizeof piece, &n));
    g_byte_array_append(data, piece, (guint) n);
  }
  if (!txn->buffers)
    txn->buffers = g_ptr_array_new_with_free_func((GDestroyNotify) g_byte_array_unref);
  *ret_data = data->data;
  *ret_size = data->len;
  g_ptr_array_add(txn->buffers, g_steal_pointer(&data));
  return NULL;
}

Error *
store_get(Txn *txn, const Table *table, const Key *key, const void **ret_data, gsize *ret_size)
{
  TRY(check_key(table, key));
  Path path;
  gboolean found;
  MDB_val value;
  TRY(path_find(txn, table_id(table->name), key->data, key->size, FALSE, &path, &found));
  if (found)
    TRY(entry_get(txn, path.physical, path.size, &value, &found));
  if (found)
    return value_read(txn, &value, ret_data, ret_size);
  *ret_data = NULL;
  *ret_size = 0;
  return NULL;
}

static Error *
put_file(Txn *txn, const Path *path, const void *data, gsize size)
{
  g_autoptr(StoreBlob) blob = NULL;
  TRY(store_blob_begin(txn->store, NULL, &blob));
  TRY(store_blob_write(blob, data, size));
  TRY(store_blob_finish(blob));
  TRY(store_blob_link(txn, blob));
  guint8 head = VALUE_FILE;
  return entry_put(txn, path->physical, path->size, &head, 1, store_blob_id(blob), BLOB_ID_SIZE);
}

Error *
store_put(Txn *txn, const Table *table, const Key *key, const void *data, gsize size)
{
  TRY(check_key(table, key));
  Path path;
  gboolean found;
  TRY(path_find(txn, writable_table_id(txn, table), key->data, key->size, TRUE, &path, &found));
  if (size > (gsize) LIMIT_INLINE_VALUE_MAX)
    return put_file(txn, &path, data, size);
  guint8 head = VALUE_INLINE;
  return entry_put(txn, path.physical, path.size, &head, 1, data, size);
}

Error *
store_delete(Txn *txn, const Table *table, const Key *key, gboolean *ret_existed)
{
  TRY(check_key(table, key));
  Path path;
  gboolean found;
  guint32 id = writable_table_id(txn, table);
  TRY(path_find(txn, id, key->data, key->size, FALSE, &path, &found));
  if (found)
    TRY(entry_delete(txn, path.physical, path.size, &found));
  if (ret_existed)
    *ret_existed = found;
  return found ? path_prune(txn, id, key->data, &path) : NULL;
}

Error *
store_delete_prefix(Txn *txn, const Table *table, const Key *prefix, gsize *ret_count)
{
  gsize count = 0;
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(txn, table, &(CursorOptions){ .prefix = prefix }, &cursor));
  while (cursor_next(cursor)) {
    Key key;
    key_init(&key);
    const guint8 *data = cursor_key(cursor, &key.size);
    memcpy(key.data, data, key.size);
    TRY(store_delete(txn, table, &key, NULL));
    count++;
  }
  if (ret_count)
    *ret_count = count;
  return NULL;
}
