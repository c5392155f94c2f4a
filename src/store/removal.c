/* Files of values that a commit replaced or deleted. A reader that began before the commit still looks for them: they go when the last
 * such reader has ended, most often at once. Their rows in the trash go after them; what a crash leaves, the next start removes. */
#include "store/internal.h"

typedef struct Removal {
  gsize commit;
  GPtrArray *ids;
} Removal;

static Error *
forget_trash(Txn *txn, gpointer data)
{
  GPtrArray *ids = data;
  for (guint i = 0; i < ids->len; i++) {
    Key key;
    key_strings(&key, ids->pdata[i], NULL);
    TRY(store_delete(txn, &trash_table, &key, NULL));
  }
  return NULL;
}

/* A row that stays behind is found by the next start. */
static void
trash_forgotten(Error *error, gpointer data)
{
  error_free(error);
  g_ptr_array_unref(data);
}

void
removal_add(Store *store, gsize commit, GPtrArray *ids)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->readers_mutex);
  Removal *removal = g_new(Removal, 1);
  *removal = (Removal){ commit, ids };
  g_queue_push_tail(&store->removals, removal);
}

/* Whether every open reader sees the commit. The mutex is held. */
static gboolean
is_seen(Store *store, gsize commit)
{
  for (const GList *at = store->reading.head; at; at = at->next)
    if ((gsize) g_atomic_pointer_get(&((Txn *) at->data)->snapshot) < commit)
      return FALSE;
  return TRUE;
}

/* NULL: none is due. */
static GPtrArray *
take_due(Store *store)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->readers_mutex);
  g_autofree Removal *first = g_queue_peek_head(&store->removals);
  if (!first || !is_seen(store, first->commit)) {
    g_steal_pointer(&first);
    return NULL;
  }
  g_queue_pop_head(&store->removals);
  return first->ids;
}

void
removal_run(Store *store)
{
  for (GPtrArray *ids; (ids = take_due(store));) {
    for (guint i = 0; i < ids->len; i++)
      blob_remove(store, ids->pdata[i]);
    store_write_async(store, forget_trash, trash_forgotten, ids);
  }
}

void
removals_free(Store *store)
{
  for (Removal *removal; (removal = g_queue_pop_head(&store->removals));) {
    g_ptr_array_unref(removal->ids);
    g_free(removal);
  }
}
