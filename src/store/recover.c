#include "store/internal.h"

#include <errno.h>
#include <unistd.h>

static gboolean
blob_known(Txn *txn, const char *id)
{
  Key key;
  const void *data;
  gsize size;
  key_strings(&key, id, NULL);
  g_autoptr(Error) error = store_get(txn, &blob_table, &key, &data, &size);
  return error || data; /* what cannot be looked up is kept */
}

/* A file that a committed transaction names moves to its place; any other was never acknowledged. */
static void
sweep_new(Txn *txn)
{
  g_autofree char *path = g_strdup_printf("%s/blobs/new", txn->store->directory);
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name(dir));) {
    g_autofree char *file = g_build_filename(path, name, NULL);
    if (blob_known(txn, name))
      blob_place(txn->store, name);
    else
      unlink(file);
  }
}

static Error *
empty_trash(Txn *txn)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(txn, &trash_table, NULL, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *id;
    if (!key_read(&reader, arena, &id, NULL))
      continue;
    blob_remove(txn->store, id);
    Key key;
    key_strings(&key, id, NULL);
    TRY(store_delete(txn, &trash_table, &key, NULL));
  }
  return NULL;
}

Error *
store_recover(Store *store)
{
  int dead;
  mdb_reader_check(store->env, &dead);
  MDB_txn *mdb;
  TRY(store_error(store, mdb_txn_begin(store->env, NULL, 0, &mdb), "recover"));
  int rc = mdb_dbi_open(mdb, NULL, 0, &store->dbi);
  Txn txn;
  txn_init(&txn, store, mdb, TRUE);
  Error *error = rc ? store_error(store, rc, "open") : empty_trash(&txn);
  if (!error)
    sweep_new(&txn);
  if (error) {
    mdb_txn_abort(mdb);
    return error;
  }
  return store_error(store, mdb_txn_commit(mdb), "recover");
}
