#include "store/internal.h"

#include <errno.h>
#include <string.h>

Error *
store_error(Store *store, int rc, const char *what)
{
  switch (rc) {
  case 0:
    return NULL;
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    space_look(store, TRUE);
    return store_short_error(store, what);
  case EIO: /* also LMDB's answer to a write that the disk took only in part */
    return space_look(store, FALSE) ? store_short_error(store, what)
                                    : error_fault("%s: no space left for %s, or its disk fails (%s)", what, store->directory, g_strerror(rc));
  case MDB_MAP_FULL:
    return error_fault("%s: the database in %s has reached its largest size", what, store->directory);
  case MDB_READERS_FULL:
    return error_fault("%s: too many readers of %s at once", what, store->directory);
  default:
    return error_fault("%s: %s: %s", what, store->directory, mdb_strerror(rc));
  }
}

Error *
entry_get(Txn *txn, const void *key, gsize key_size, MDB_val *ret_value, gboolean *ret_found)
{
  MDB_val k = { key_size, (void *) key };
  int rc = mdb_get(txn->mdb, txn->store->dbi, &k, ret_value);
  *ret_found = rc == 0;
  return store_error(txn->store, rc == MDB_NOTFOUND ? 0 : rc, "read");
}

static void
undo_clear(gpointer data)
{
  g_free(((Undo *) data)->key);
}

static void
remember(Txn *txn, const void *key, gsize key_size, const MDB_val *old)
{
  if (!txn->undo)
    return;
  Undo undo = { g_malloc(key_size + (old ? old->mv_size : 0)), NULL, key_size, 0 };
  memcpy(undo.key, key, key_size);
  if (old) {
    undo.data = memcpy(undo.key + key_size, old->mv_data, old->mv_size);
    undo.size = old->mv_size;
  }
  g_array_set_clear_func(txn->undo, undo_clear);
  g_array_append_val(txn->undo, undo);
}

static gboolean
is_file(const MDB_val *value)
{
  return value->mv_size == 1 + BLOB_ID_SIZE && *(const guint8 *) value->mv_data == VALUE_FILE;
}

/* A value in a file takes the file along. */
static Error *
drop_file(Txn *txn, const MDB_val *old)
{
  const guint8 *bytes = old->mv_data;
  if (!is_file(old))
    return NULL;
  g_autofree char *id = g_strndup((const char *) bytes + 1, BLOB_ID_SIZE);
  return store_blob_unlink(txn, id);
}

/* The transaction's cursor: what it has found is changed without being looked for again. */
static int
cursor_of(Txn *txn, MDB_cursor **ret_cursor)
{
  int rc = txn->cursor ? 0 : mdb_cursor_open(txn->mdb, txn->store->dbi, &txn->cursor);
  *ret_cursor = txn->cursor;
  return rc;
}

/* MDB_KEYEXIST, with NOOVERWRITE: the cursor stands there. */
static int
put_reserved(MDB_cursor *cursor, MDB_val *key, guint flags, const void *head, gsize head_size, const void *data, gsize size, MDB_val *ret_old)
{
  MDB_val value = { head_size + size, NULL };
  int rc = mdb_cursor_put(cursor, key, &value, flags | MDB_RESERVE);
  if (rc == 0) {
    memcpy(value.mv_data, head, head_size);
    if (size)
      memcpy((guint8 *) value.mv_data + head_size, data, size);
  } else if (rc == MDB_KEYEXIST) {
    *ret_old = value;
  }
  return rc;
}

Error *
entry_put(Txn *txn, const void *key, gsize key_size, const void *head, gsize head_size, const void *data, gsize size)
{
  MDB_val k = { key_size, (void *) key }, old;
  MDB_cursor *cursor;
  txn->writes++;
  TRY(store_error(txn->store, cursor_of(txn, &cursor), "write"));
  int rc = put_reserved(cursor, &k, MDB_NOOVERWRITE, head, head_size, data, size, &old);
  if (rc == MDB_KEYEXIST) {
    guint where = is_file(&old) ? 0 : MDB_CURRENT; /* what drops the file moves the cursor */
    remember(txn, key, key_size, &old);
    TRY(drop_file(txn, &old));
    rc = put_reserved(cursor, &k, where, head, head_size, data, size, &old);
  } else if (rc == 0) {
    remember(txn, key, key_size, NULL);
  }
  return store_error(txn->store, rc, "write");
}

Error *
entry_delete(Txn *txn, const void *key, gsize key_size, gboolean *ret_existed)
{
  MDB_val k = { key_size, (void *) key }, old;
  gboolean found;
  TRY(entry_get(txn, key, key_size, &old, &found));
  if (ret_existed)
    *ret_existed = found;
  if (!found)
    return NULL;
  txn->writes++;
  remember(txn, key, key_size, &old);
  TRY(drop_file(txn, &old));
  return store_error(txn->store, mdb_del(txn->mdb, txn->store->dbi, &k, NULL), "delete");
}

Error *
entry_undo(Txn *txn)
{
  for (guint i = txn->undo->len; i-- > 0;) {
    Undo *undo = &g_array_index(txn->undo, Undo, i);
    MDB_val key = { undo->key_size, undo->key }, old = { undo->size, undo->data };
    int rc = undo->data ? mdb_put(txn->mdb, txn->store->dbi, &key, &old, 0) : mdb_del(txn->mdb, txn->store->dbi, &key, NULL);
    TRY(store_error(txn->store, rc == MDB_NOTFOUND ? 0 : rc, "undo"));
  }
  txn->writes++;
  g_array_set_size(txn->undo, 0);
  return NULL;
}
