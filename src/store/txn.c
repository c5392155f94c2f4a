#include "store/internal.h"

#define READERS_KEPT 64

void
txn_init(Txn *txn, Store *store, MDB_txn *mdb, gboolean writable)
{
  *txn = (Txn){ .store = store, .mdb = mdb, .writable = writable };
}

void
txn_clear(Txn *txn)
{
  if (txn->buffers)
    g_ptr_array_unref(g_steal_pointer(&txn->buffers));
}

static Txn *
reader_take(Store *store)
{
  g_mutex_lock(&store->readers_mutex);
  Txn *txn = store->readers->len ? g_ptr_array_steal_index_fast(store->readers, store->readers->len - 1) : NULL;
  g_mutex_unlock(&store->readers_mutex);
  return txn;
}

Error *
store_begin_read(Store *store, Txn **ret_txn)
{
  Txn *txn = reader_take(store);
  if (txn) {
    int rc = mdb_txn_renew(txn->mdb);
    if (rc == 0) {
      *ret_txn = txn;
      return NULL;
    }
    mdb_txn_abort(txn->mdb);
    g_free(txn);
    return store_error(store, rc, "read");
  }
  MDB_txn *mdb;
  TRY(store_error(store, mdb_txn_begin(store->env, NULL, MDB_RDONLY, &mdb), "read"));
  txn = g_new(Txn, 1);
  txn_init(txn, store, mdb, FALSE);
  *ret_txn = txn;
  return NULL;
}

void
txn_end(Txn *txn)
{
  if (!txn)
    return;
  g_assert(!txn->writable);
  Store *store = txn->store;
  txn_clear(txn);
  mdb_txn_reset(txn->mdb);
  g_mutex_lock(&store->readers_mutex);
  gboolean keep = store->readers->len < READERS_KEPT;
  if (keep)
    g_ptr_array_add(store->readers, txn);
  g_mutex_unlock(&store->readers_mutex);
  if (keep)
    return;
  mdb_txn_abort(txn->mdb);
  g_free(txn);
}

void
readers_free(Store *store)
{
  for (guint i = 0; i < store->readers->len; i++) {
    Txn *txn = store->readers->pdata[i];
    mdb_txn_abort(txn->mdb);
    g_free(txn);
  }
  g_ptr_array_unref(store->readers);
}

void
txn_on_commit(Txn *txn, void (*function)(gpointer), gpointer data, GDestroyNotify destroy)
{
  g_assert(txn->writable);
  if (!txn->hooks)
    txn->hooks = g_array_new(FALSE, FALSE, sizeof(Hook));
  Hook hook = { function, data, destroy };
  g_array_append_val(txn->hooks, hook);
}

gboolean
txn_writable(const Txn *txn)
{
  return txn->writable;
}

Store *
txn_store(const Txn *txn)
{
  return txn->store;
}
