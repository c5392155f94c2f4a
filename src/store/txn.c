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

/* Registered before its snapshot is taken: what it may look for is not removed meanwhile. */
static Txn *
reader_take(Store *store)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->readers_mutex);
  Txn *txn = store->readers->len ? g_ptr_array_steal_index_fast(store->readers, store->readers->len - 1) : NULL;
  if (!txn) {
    txn = g_new(Txn, 1);
    txn_init(txn, store, NULL, FALSE);
    txn->link.data = txn;
  }
  g_atomic_pointer_set(&txn->snapshot, 0);
  g_queue_push_tail_link(&store->reading, &txn->link);
  return txn;
}

/* *ret_removals: a file waits for its last reader. */
static gboolean
reader_give_back(Txn *txn, gboolean again, gboolean *ret_removals)
{
  Store *store = txn->store;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->readers_mutex);
  gboolean keep = again && store->readers->len < READERS_KEPT;
  g_queue_unlink(&store->reading, &txn->link);
  if (keep)
    g_ptr_array_add(store->readers, txn);
  *ret_removals = !g_queue_is_empty(&store->removals);
  return keep;
}

static void
reader_end(Txn *txn, gboolean again)
{
  Store *store = txn->store;
  MDB_txn *mdb = txn->mdb;
  gboolean removals;
  if (!reader_give_back(txn, again, &removals)) {
    if (mdb)
      mdb_txn_abort(mdb);
    g_free(txn);
  }
  if (removals)
    removal_run(store);
}

Error *
store_begin_read(Store *store, Txn **ret_txn)
{
  Txn *txn = reader_take(store);
  int rc = txn->mdb ? mdb_txn_renew(txn->mdb) : mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn->mdb);
  if (rc) {
    reader_end(txn, FALSE);
    return store_error(store, rc, "read");
  }
  g_atomic_pointer_set(&txn->snapshot, mdb_txn_id(txn->mdb));
  *ret_txn = txn;
  return NULL;
}

void
txn_end(Txn *txn)
{
  if (!txn)
    return;
  g_assert(!txn->writable);
  txn_clear(txn);
  mdb_txn_reset(txn->mdb);
  reader_end(txn, TRUE);
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
