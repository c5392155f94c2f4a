#include "store/internal.h"

#include <string.h>

static const guint8 next_node_key[] = { 0, 0, 0, 0, 'n' }; /* META_TABLE */

static void
write_be64(guint8 *out, guint64 value)
{
  guint64 be = GUINT64_TO_BE(value);
  memcpy(out, &be, 8);
}

void
path_base(guint32 table, guint64 node, guint depth, guint8 *physical, gsize *ret_size)
{
  guint32 be = GUINT32_TO_BE(depth == 0 ? table : NODE_TABLE);
  memcpy(physical, &be, 4);
  if (depth > 0)
    write_be64(physical + 4, node);
  *ret_size = depth == 0 ? TABLE_ID_SIZE : NODE_BASE_SIZE;
}

guint64
path_node_read(const MDB_val *value)
{
  guint64 be = 0;
  g_assert(value->mv_size == 9);
  memcpy(&be, (const guint8 *) value->mv_data + 1, 8);
  return GUINT64_FROM_BE(be);
}

static Error *
put_number(Txn *txn, const void *key, gsize key_size, guint64 number)
{
  guint8 value[9] = { VALUE_INLINE };
  write_be64(value + 1, number);
  return entry_put(txn, key, key_size, value, sizeof value, NULL, 0);
}

/* Nodes are numbered and a number is never used again. */
static Error *
node_make(Txn *txn, const Path *path, guint64 *ret_node)
{
  MDB_val value;
  gboolean found;
  TRY(entry_get(txn, next_node_key, sizeof next_node_key, &value, &found));
  guint64 node = found ? path_node_read(&value) : 1;
  TRY(put_number(txn, next_node_key, sizeof next_node_key, node + 1));
  TRY(put_number(txn, path->physical, path->size, node));
  *ret_node = node;
  return NULL;
}

Error *
path_find(Txn *txn, guint32 table, const guint8 *key, gsize size, gboolean create, Path *ret_path, gboolean *ret_found)
{
  Path *path = ret_path;
  path->depth = 0;
  *ret_found = TRUE;
  path_base(table, 0, 0, path->physical, &path->size);
  for (; size > SEGMENT; key += SEGMENT, size -= SEGMENT) {
    memcpy(path->physical + path->size, key, SEGMENT);
    path->size += SEGMENT;
    path->physical[path->size++] = 0;
    MDB_val value;
    gboolean found;
    guint64 node = 0;
    TRY(entry_get(txn, path->physical, path->size, &value, &found));
    if (found)
      node = path_node_read(&value);
    else if (create)
      TRY(node_make(txn, path, &node));
    else {
      *ret_found = FALSE;
      return NULL;
    }
    g_assert(path->depth < G_N_ELEMENTS(path->nodes));
    path->nodes[path->depth++] = node;
    path_base(table, node, path->depth, path->physical, &path->size);
  }
  memcpy(path->physical + path->size, key, size);
  path->size += size;
  return NULL;
}

static Error *
node_empty(Txn *txn, guint64 node, gboolean *ret_empty)
{
  guint8 base[NODE_BASE_SIZE];
  gsize size;
  path_base(0, node, 1, base, &size);
  MDB_cursor *cursor;
  TRY(store_error(txn->store, mdb_cursor_open(txn->mdb, txn->store->dbi, &cursor), "read"));
  MDB_val k = { size, base }, v;
  int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
  *ret_empty = rc == MDB_NOTFOUND || (rc == 0 && (k.mv_size < size || memcmp(k.mv_data, base, size) != 0));
  mdb_cursor_close(cursor);
  return store_error(txn->store, rc == MDB_NOTFOUND ? 0 : rc, "read");
}

Error *
path_prune(Txn *txn, guint32 table, const guint8 *key, const Path *path)
{
  for (guint depth = path->depth; depth > 0; depth--) {
    gboolean empty;
    TRY(node_empty(txn, path->nodes[depth - 1], &empty));
    if (!empty)
      return NULL;
    guint8 pointer[PHYSICAL_MAX];
    gsize size;
    path_base(table, depth > 1 ? path->nodes[depth - 2] : 0, depth - 1, pointer, &size);
    memcpy(pointer + size, key + (depth - 1) * SEGMENT, SEGMENT);
    size += SEGMENT;
    pointer[size++] = 0;
    TRY(entry_delete(txn, pointer, size, NULL));
  }
  return NULL;
}
