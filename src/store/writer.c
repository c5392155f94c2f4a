/* Group commit. The writer takes all functions that wait, runs them in one LMDB transaction and commits once. If there is more than
 * one, what each does is remembered, so that one that fails is undone without the others; one that is alone is simply aborted. */
#include "store/internal.h"

#define BATCH_MAX 256
#define SYNC_SECONDS 5

struct Write {
  Write *next;
  TxnFunction function;
  gpointer data;
  TxnDone done;
  Error *error;
  GArray *hooks;
  GPtrArray *new_blobs, *old_blobs;
};

typedef struct Waiter {
  GMutex mutex;
  GCond cond;
  gboolean finished;
  Error *error;
} Waiter;

static void
enqueue(Store *store, Write *write)
{
  g_mutex_lock(&store->queue_mutex);
  if (store->queue_last)
    store->queue_last->next = write;
  else
    store->queue_first = write;
  store->queue_last = write;
  gboolean wake = store->waiting; /* GLib's signal is a call of the kernel even if nobody waits */
  store->waiting = FALSE;
  if (wake)
    g_cond_signal(&store->queue_cond);
  g_mutex_unlock(&store->queue_mutex);
}

void
store_write_async(Store *store, TxnFunction function, TxnDone done, gpointer data)
{
  Write *write = g_new0(Write, 1);
  write->function = function;
  write->data = data;
  write->done = done;
  enqueue(store, write);
}

typedef struct Waited {
  Waiter *waiter;
  TxnFunction function;
  gpointer data;
} Waited;

static Error *
run_waited(Txn *txn, gpointer data)
{
  Waited *waited = data;
  return waited->function(txn, waited->data);
}

static void
tell_waiter(Error *error, gpointer data)
{
  Waiter *waiter = ((Waited *) data)->waiter;
  g_mutex_lock(&waiter->mutex);
  waiter->error = error;
  waiter->finished = TRUE;
  g_cond_signal(&waiter->cond);
  g_mutex_unlock(&waiter->mutex);
}

Error *
store_write(Store *store, TxnFunction function, gpointer data)
{
  g_assert(g_thread_self() != store->writer);
  Waiter waiter = { .finished = FALSE };
  g_mutex_init(&waiter.mutex);
  g_cond_init(&waiter.cond);
  Waited waited = { &waiter, function, data };
  store_write_async(store, run_waited, tell_waiter, &waited);
  g_mutex_lock(&waiter.mutex);
  while (!waiter.finished)
    g_cond_wait(&waiter.cond, &waiter.mutex);
  g_mutex_unlock(&waiter.mutex);
  g_cond_clear(&waiter.cond);
  g_mutex_clear(&waiter.mutex);
  return waiter.error;
}

/* At most BATCH_MAX writes; NULL: the store closes and nothing is left. */
static Write *
take_batch(Store *store)
{
  g_mutex_lock(&store->queue_mutex);
  while (!store->queue_first && !store->closing) {
    store->waiting = TRUE;
    g_cond_wait(&store->queue_cond, &store->queue_mutex);
  }
  store->waiting = FALSE;
  Write *first = store->queue_first, *last = first;
  for (guint n = 1; last && last->next && n < BATCH_MAX; n++)
    last = last->next;
  if (last) {
    store->queue_first = last->next;
    if (!last->next)
      store->queue_last = NULL;
    last->next = NULL;
  }
  g_mutex_unlock(&store->queue_mutex);
  return first;
}

static void
drop_hooks(Write *write, gboolean run)
{
  for (guint i = 0; write->hooks && i < write->hooks->len; i++) {
    Hook *hook = &g_array_index(write->hooks, Hook, i);
    if (run)
      hook->function(hook->data);
    if (hook->destroy)
      hook->destroy(hook->data);
  }
  g_clear_pointer(&write->hooks, g_array_unref);
}

static void
move_files(Store *store, Write *write, gboolean committed, gsize commit)
{
  for (guint i = 0; write->new_blobs && i < write->new_blobs->len; i++)
    if (committed)
      blob_place(store, write->new_blobs->pdata[i]);
  g_clear_pointer(&write->new_blobs, g_ptr_array_unref);
  if (write->old_blobs && committed)
    removal_add(store, commit, g_steal_pointer(&write->old_blobs));
  g_clear_pointer(&write->old_blobs, g_ptr_array_unref);
}

/* Runs one function. A fault here: the whole transaction is lost. */
static Error *
run_one(Txn *txn, Write *write)
{
  txn->hooks = NULL;
  txn->new_blobs = txn->old_blobs = NULL;
  if (txn->undo)
    g_array_set_size(txn->undo, 0);
  write->error = write->function(txn, write->data);
  write->hooks = txn->hooks;
  write->new_blobs = txn->new_blobs;
  write->old_blobs = txn->old_blobs;
  return write->error && txn->undo ? entry_undo(txn) : NULL;
}

static Error *
run_batch(Store *store, Write *batch, gsize *ret_commit)
{
  MDB_txn *mdb;
  TRY(store_error(store, mdb_txn_begin(store->env, NULL, 0, &mdb), "write"));
  Txn txn;
  *ret_commit = mdb_txn_id(mdb);
  txn_init(&txn, store, mdb, TRUE);
  g_autoptr(GArray) undo = batch->next ? g_array_new(FALSE, FALSE, sizeof(Undo)) : NULL;
  txn.undo = undo;
  Error *error = NULL;
  for (Write *write = batch; write && !error; write = write->next)
    error = run_one(&txn, write);
  txn_clear(&txn);
  if (error || (!batch->next && batch->error)) {
    mdb_txn_abort(mdb);
    return error;
  }
  return store_error(store, mdb_txn_commit(mdb), "commit");
}

static Error *
copy_error(const Error *error)
{
  return error_make(error->kind, error->file, error->line, error->status, error->code, "%s", error->message);
}

static void
finish(Store *store, Write *batch, Error *failure, gsize commit)
{
  for (Write *write = batch; write; write = write->next) {
    if (failure && !write->error)
      write->error = copy_error(failure);
    move_files(store, write, !write->error, commit);
    drop_hooks(write, !write->error);
  }
  removal_run(store);
  for (Write *write = batch, *next; write; write = next) {
    next = write->next;
    write->done(write->error, write->data);
    g_free(write);
  }
  error_free(failure);
}

static gpointer
write_loop(gpointer data)
{
  Store *store = data;
  for (Write *batch; (batch = take_batch(store));) {
    gsize commit = 0;
    Error *failure = run_batch(store, batch, &commit);
    finish(store, batch, failure, commit);
    g_atomic_int_set(&store->dirty, TRUE);
  }
  return NULL;
}

/* Without a sync at each commit: one now and then, so that a power cut loses seconds and not days. */
static gpointer
sync_loop(gpointer data)
{
  Store *store = data;
  g_mutex_lock(&store->queue_mutex);
  while (!store->closing) {
    gint64 end = g_get_monotonic_time() + SYNC_SECONDS * G_USEC_PER_SEC;
    while (!store->closing && g_cond_wait_until(&store->sync_cond, &store->queue_mutex, end))
      ;
    if (!g_atomic_int_compare_and_exchange(&store->dirty, TRUE, FALSE))
      continue;
    g_mutex_unlock(&store->queue_mutex);
    mdb_env_sync(store->env, 1);
    g_mutex_lock(&store->queue_mutex);
  }
  g_mutex_unlock(&store->queue_mutex);
  return NULL;
}

void
writer_start(Store *store)
{
  store->writer = g_thread_new("store-writer", write_loop, store);
  if (store->durability == DURABILITY_PROCESS)
    store->syncer = g_thread_new("store-sync", sync_loop, store);
}

void
writer_stop(Store *store)
{
  g_mutex_lock(&store->queue_mutex);
  store->closing = TRUE;
  g_cond_broadcast(&store->queue_cond);
  g_cond_broadcast(&store->sync_cond);
  g_mutex_unlock(&store->queue_mutex);
  if (store->writer)
    g_thread_join(store->writer);
  if (store->syncer)
    g_thread_join(store->syncer);
}
