/* A cursor walks the tree of internal.h with one LMDB cursor: down into a node when it meets a pointer, and back up, by
 * looking the pointer up again, when the node ends. After a write in its transaction it finds its place again by its key. */
#include "store/internal.h"

#include <string.h>

struct Cursor {
  Txn *txn;
  guint32 table;
  gboolean reverse, started, ended, exact;
  gboolean after; /* skip the start if it is met exactly */
  MDB_cursor *mdb;
  MDB_val k, v;
  guint64 nodes[16];
  guint depth;
  guint64 writes;
  guint8 *prefix;
  gsize prefix_size;
  gsize size;                    /* of key */
  guint8 key[4096 + 64];         /* the entry's logical key; before the first move: where to start */
  gboolean from_end;             /* start behind all keys of the table */
};

static void
load_base(const Cursor *cursor, guint8 *base, gsize *ret_size)
{
  path_base(cursor->table, cursor->depth ? cursor->nodes[cursor->depth - 1] : 0, cursor->depth, base, ret_size);
}

/* TRUE: there is an entry. Errors here are a broken database: nothing sensible can follow. */
static gboolean
move(Cursor *cursor, MDB_cursor_op op)
{
  int rc = mdb_cursor_get(cursor->mdb, &cursor->k, &cursor->v, op);
  if (rc != 0 && rc != MDB_NOTFOUND)
    g_error("store: %s: %s", cursor->txn->store->directory, mdb_strerror(rc));
  return rc == 0;
}

static gboolean
seek(Cursor *cursor, guint8 *physical, gsize size)
{
  cursor->k = (MDB_val){ size, physical };
  return move(cursor, MDB_SET_RANGE);
}

static gboolean
at_key(const Cursor *cursor, const guint8 *physical, gsize size)
{
  return cursor->k.mv_size == size && memcmp(cursor->k.mv_data, physical, size) == 0;
}

/* To the last entry before a physical key. */
static gboolean
seek_before(Cursor *cursor, guint8 *physical, gsize size)
{
  return seek(cursor, physical, size) ? move(cursor, MDB_PREV) : move(cursor, MDB_LAST);
}

static gboolean
in_level(const Cursor *cursor, const guint8 *base, gsize size)
{
  return cursor->k.mv_size >= size && memcmp(cursor->k.mv_data, base, size) == 0;
}

/* Up one level, then past the pointer. */
static gboolean
ascend(Cursor *cursor)
{
  guint8 pointer[PHYSICAL_MAX];
  gsize size;
  cursor->depth--;
  load_base(cursor, pointer, &size);
  memcpy(pointer + size, cursor->key + cursor->depth * SEGMENT, SEGMENT);
  size += SEGMENT;
  pointer[size++] = 0;
  if (cursor->reverse)
    return seek_before(cursor, pointer, size);
  return seek(cursor, pointer, size) && (!at_key(cursor, pointer, size) || move(cursor, MDB_NEXT));
}

static void
enter(Cursor *cursor, const guint8 *segment)
{
  memmove(cursor->key + cursor->depth * SEGMENT, segment, SEGMENT);
  g_assert(cursor->depth < G_N_ELEMENTS(cursor->nodes));
  cursor->nodes[cursor->depth++] = path_node_read(&cursor->v);
}

static gboolean
descend(Cursor *cursor, const guint8 *segment)
{
  enter(cursor, segment);
  guint8 base[NODE_BASE_SIZE];
  gsize size;
  load_base(cursor, base, &size);
  if (!cursor->reverse)
    return seek(cursor, base, size);
  path_base(cursor->table, cursor->nodes[cursor->depth - 1] + 1, cursor->depth, base, &size);
  return seek_before(cursor, base, size);
}

/* From where the LMDB cursor stands (found: it stands somewhere) to the next real entry in the direction. */
static gboolean
settle(Cursor *cursor, gboolean found)
{
  for (;;) {
    guint8 base[NODE_BASE_SIZE];
    gsize size;
    load_base(cursor, base, &size);
    if (!found || !in_level(cursor, base, size)) {
      if (cursor->depth == 0)
        return FALSE;
      found = ascend(cursor);
      continue;
    }
    const guint8 *rest = (const guint8 *) cursor->k.mv_data + size;
    gsize rest_size = cursor->k.mv_size - size;
    if (rest_size == SEGMENT + 1) {
      found = descend(cursor, rest);
      continue;
    }
    memcpy(cursor->key + cursor->depth * SEGMENT, rest, rest_size);
    cursor->size = cursor->depth * SEGMENT + rest_size;
    return TRUE;
  }
}

/* To the first entry at or behind target (reverse: at or before it). exact is set if it is target itself. */
static gboolean
find(Cursor *cursor, const guint8 *target, gsize size)
{
  guint8 physical[PHYSICAL_MAX];
  gsize base_size;
  cursor->depth = 0;
  cursor->exact = FALSE;
  for (;; target += SEGMENT, size -= SEGMENT) {
    load_base(cursor, physical, &base_size);
    gboolean longer = size > SEGMENT;
    gsize n = base_size + (longer ? SEGMENT : size);
    memcpy(physical + base_size, target, n - base_size);
    if (longer)
      physical[n++] = 0;
    gboolean found = seek(cursor, physical, n);
    gboolean equal = found && at_key(cursor, physical, n);
    if (equal && longer) {
      enter(cursor, target);
      continue;
    }
    cursor->exact = equal;
    if (!equal && cursor->reverse)
      found = found ? move(cursor, MDB_PREV) : move(cursor, MDB_LAST);
    return settle(cursor, found);
  }
}

static gboolean
step(Cursor *cursor)
{
  return settle(cursor, move(cursor, cursor->reverse ? MDB_PREV : MDB_NEXT));
}

static gboolean
find_end(Cursor *cursor)
{
  guint8 behind[4];
  guint32 be = GUINT32_TO_BE(cursor->table + 1);
  memcpy(behind, &be, 4);
  cursor->depth = 0;
  return settle(cursor, seek_before(cursor, behind, 4));
}

static gboolean
start(Cursor *cursor)
{
  cursor->started = TRUE;
  if (cursor->from_end)
    return find_end(cursor);
  g_autofree guint8 *target = g_memdup2(cursor->key, cursor->size + 1);
  if (!find(cursor, target, cursor->size))
    return FALSE;
  return cursor->exact && cursor->after ? step(cursor) : TRUE;
}

static gboolean
advance(Cursor *cursor)
{
  if (!cursor->started)
    return start(cursor);
  if (cursor->writes == cursor->txn->writes)
    return step(cursor);
  g_autofree guint8 *target = g_memdup2(cursor->key, cursor->size + 1);
  if (!find(cursor, target, cursor->size))
    return FALSE;
  return cursor->exact ? step(cursor) : TRUE;
}

gboolean
cursor_next(Cursor *cursor)
{
  if (cursor->ended)
    return FALSE;
  gboolean found = advance(cursor);
  cursor->writes = cursor->txn->writes;
  if (!found || cursor->size < cursor->prefix_size ||
      (cursor->prefix_size && memcmp(cursor->key, cursor->prefix, cursor->prefix_size) != 0))
    cursor->ended = TRUE;
  return !cursor->ended;
}

/* The least key behind all that begin with prefix; FALSE: there is none. */
static gboolean
behind_prefix(Cursor *cursor)
{
  gsize size = cursor->prefix_size;
  while (size > 0 && cursor->prefix[size - 1] == 0xff)
    size--;
  if (size == 0)
    return FALSE;
  memcpy(cursor->key, cursor->prefix, size);
  cursor->key[size - 1]++;
  cursor->size = size;
  return TRUE;
}

static void
set_start(Cursor *cursor, const CursorOptions *options)
{
  cursor->after = options->after;
  if (options->from) {
    memcpy(cursor->key, options->from->data, options->from->size);
    cursor->size = options->from->size;
  } else if (!cursor->reverse) {
    if (cursor->prefix_size)
      memcpy(cursor->key, cursor->prefix, cursor->prefix_size);
    cursor->size = cursor->prefix_size;
    cursor->after = FALSE;
  } else {
    cursor->from_end = !behind_prefix(cursor);
    cursor->after = TRUE;
  }
}

Error *
cursor_open(Txn *txn, const Table *table, const CursorOptions *options, Cursor **ret_cursor)
{
  static const CursorOptions none;
  if (!options)
    options = &none;
  if ((options->prefix && options->prefix->overflow) || (options->from && options->from->overflow))
    return error_fault("a key of %s is longer than %d bytes", table->name, (int) LIMIT_KEY_MAX);
  g_autoptr(Cursor) cursor = g_malloc(sizeof(Cursor));
  memset(cursor, 0, G_STRUCT_OFFSET(Cursor, key));
  cursor->from_end = FALSE;
  cursor->txn = txn;
  cursor->table = table_id(table->name);
  cursor->reverse = options->reverse;
  if (options->prefix) {
    cursor->prefix_size = options->prefix->size;
    cursor->prefix = g_memdup2(options->prefix->data, options->prefix->size + 1);
  }
  set_start(cursor, options);
  TRY(store_error(txn->store, mdb_cursor_open(txn->mdb, txn->store->dbi, &cursor->mdb), "read"));
  *ret_cursor = g_steal_pointer(&cursor);
  return NULL;
}

const guint8 *
cursor_key(const Cursor *cursor, gsize *ret_size)
{
  *ret_size = cursor->size;
  return cursor->key;
}

const guint8 *
cursor_value(const Cursor *cursor, gsize *ret_size)
{
  const void *data;
  Error *error = value_read(cursor->txn, &cursor->v, &data, ret_size);
  if (error)
    g_error("store: %s", error->message);
  return data;
}

KeyReader
cursor_key_reader(const Cursor *cursor)
{
  return (KeyReader){ cursor->key + cursor->prefix_size, cursor->key + cursor->size };
}

void
cursor_free(Cursor *cursor)
{
  if (!cursor)
    return;
  if (cursor->mdb)
    mdb_cursor_close(cursor->mdb);
  g_free(cursor->prefix);
  g_free(cursor);
}
