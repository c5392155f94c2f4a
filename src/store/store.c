#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READERS_MAX 1022

static Error *
make_directory(const char *path)
{
  if (g_mkdir_with_parents(path, 0700) != 0)
    return error_fault("cannot make the directory %s: %s", path, g_strerror(errno));
  return NULL;
}

/* The lock is the kernel's and goes with the process; the number in the file only serves the message. */
static Error *
take_lock(Store *store)
{
  g_autofree char *path = g_build_filename(store->directory, "haar.lock", NULL);
  store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (store->lock_fd < 0)
    return error_fault("cannot write in the directory %s: %s", store->directory, g_strerror(errno));
  char pid[32] = "";
  if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
    ssize_t n = read(store->lock_fd, pid, sizeof pid - 1);
    pid[MAX(n, 0)] = '\0';
    return error_fault("%s is in use by process %ld: stop it, or choose another directory", store->directory, strtol(pid, NULL, 10));
  }
  int n = g_snprintf(pid, sizeof pid, "%ld\n", (long) getpid());
  if (pwrite(store->lock_fd, pid, (size_t) n, 0) != n || ftruncate(store->lock_fd, n) != 0) /* in this order: a full disk keeps the page */
    return store_error(store, errno, "lock");
  return NULL;
}

/* Without MDB_NOMEMINIT: the unused part of a page would hold what the memory held before, a password say, and go to the disk so.
 * The map is only an address range: as large as the machine lets us have (Valgrind says EINVAL where others say ENOMEM). */
static Error *
open_environment(Store *store)
{
  g_autofree char *path = g_build_filename(store->directory, "store.mdb", NULL);
  guint flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
  if (store->durability == DURABILITY_PROCESS)
    flags |= MDB_NOSYNC;
  int rc = ENOMEM;
  for (gsize size = (gsize) 1 << 40; (rc == ENOMEM || rc == EINVAL) && size >= (gsize) 1 << 30; size >>= 2) {
    TRY(store_error(store, mdb_env_create(&store->env), "open"));
    mdb_env_set_maxreaders(store->env, READERS_MAX);
    mdb_env_set_mapsize(store->env, size);
    rc = mdb_env_open(store->env, path, flags, 0600);
    if (rc)
      mdb_env_close(g_steal_pointer(&store->env));
  }
  return store_error(store, rc, "open");
}

Error *
store_open(const char *directory, const StoreOptions *options, Store **ret_store)
{
  g_autoptr(Store) store = g_new0(Store, 1);
  store->directory = g_strdup(directory);
  store->durability = options ? options->durability : DURABILITY_PROCESS;
  store->lock_fd = -1;
  store->table_names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  store->readers = g_ptr_array_new();
  g_queue_init(&store->reading);
  g_queue_init(&store->removals);
  g_mutex_init(&store->readers_mutex);
  g_mutex_init(&store->queue_mutex);
  g_mutex_init(&store->space_mutex);
  g_cond_init(&store->queue_cond);
  g_cond_init(&store->sync_cond);
  g_autofree char *blobs = g_build_filename(directory, "blobs", "new", NULL);
  TRY(make_directory(directory));
  TRY(take_lock(store));
  space_look(store, FALSE);
  TRY(make_directory(blobs));
  TRY(open_environment(store));
  TRY(store_recover(store));
  TRY(seal_open_key(store));
  writer_start(store);
  *ret_store = g_steal_pointer(&store);
  return NULL;
}

void
store_close(Store *store)
{
  if (!store)
    return;
  writer_stop(store);
  readers_free(store);
  removals_free(store);
  if (store->env) {
    mdb_env_sync(store->env, 1);
    mdb_env_close(store->env);
  }
  if (store->lock_fd >= 0)
    close(store->lock_fd);
  g_hash_table_unref(store->table_names);
  g_mutex_clear(&store->readers_mutex);
  g_mutex_clear(&store->queue_mutex);
  g_mutex_clear(&store->space_mutex);
  g_cond_clear(&store->queue_cond);
  g_cond_clear(&store->sync_cond);
  g_free(store->directory);
  explicit_bzero(store->seal_key, sizeof store->seal_key);
  g_free(store);
}

const char *
store_directory(const Store *store)
{
  return store->directory;
}
