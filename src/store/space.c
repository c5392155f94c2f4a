/* What is left of the disk. LMDB copies pages before it changes them, so that on a full disk nothing could be deleted either: a file of the
 * reserve's size holds that place, whoever fills the disk, and is given up when the disk is short. While it is gone, only what makes room is
 * written; it comes back as soon as there is room for it. */
#include "store/internal.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE_MAX ((guint64) 16 << 20)
#define RESERVE_SHARE 20 /* of a small disk: a twentieth */
#define MARGIN_SHARE 4   /* of the reserve, free beside it */
#define LOOK_US (100 * 1000)

/* Bytes of the database's file that deletions have left and that will be used again. */
static guint64
free_inside(Store *store)
{
  g_autoptr(Txn) txn = NULL;
  MDB_stat used;
  MDB_envinfo file;
  if (!store->env)
    return 0;
  g_autoptr(Error) error = store_begin_read(store, &txn);
  if (error || mdb_stat(txn->mdb, store->dbi, &used) != 0 || mdb_env_info(store->env, &file) != 0)
    return 0;
  gsize pages = used.ms_branch_pages + used.ms_leaf_pages + used.ms_overflow_pages;
  return file.me_last_pgno > pages ? (guint64) (file.me_last_pgno - pages) * used.ms_psize : 0;
}

static gboolean
hold(const char *path, guint64 size)
{
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return FALSE;
  gboolean held = fallocate(fd, 0, 0, (off_t) size) == 0;
  close(fd);
  if (!held)
    unlink(path);
  return held;
}

/* With the mutex held. refused: the disk has just taken no more. */
static gboolean
look(Store *store, gboolean refused)
{
  struct statvfs disk;
  if (statvfs(store->directory, &disk) != 0)
    return FALSE;
  guint64 whole = (guint64) disk.f_blocks * disk.f_frsize, left = (guint64) disk.f_bavail * disk.f_frsize;
  guint64 reserve = MIN(RESERVE_MAX, whole / RESERVE_SHARE), margin = reserve / MARGIN_SHARE;
  g_autofree char *path = g_build_filename(store->directory, "reserve", NULL);
  gboolean held = access(path, F_OK) == 0;
  if (held && (refused || (left < margin && left + free_inside(store) < margin))) {
    unlink(path);
    return TRUE;
  }
  if (held)
    return FALSE;
  if (left >= reserve + margin && hold(path, reserve))
    return FALSE;
  return left < reserve && left + free_inside(store) < reserve;
}

gboolean
space_look(Store *store, gboolean refused)
{
  if (!g_mutex_trylock(&store->space_mutex)) /* another thread looks, or this one within its look */
    return g_atomic_int_get(&store->space_short);
  gboolean is_short = look(store, refused);
  g_atomic_int_set(&store->space_short, is_short);
  g_mutex_unlock(&store->space_mutex);
  return is_short;
}

gboolean
store_is_short(Store *store)
{
  gint64 now = g_get_monotonic_time(), last = g_atomic_pointer_get(&store->space_looked);
  if (now - last >= LOOK_US && g_atomic_pointer_compare_and_exchange(&store->space_looked, last, now))
    return space_look(store, FALSE);
  return g_atomic_int_get(&store->space_short);
}

Error *
store_short_error(const Store *store, const char *what)
{
  return error_answer_status(507, "InsufficientStorage", "%s: no space is left for haar's data in %s. Free some, or delete something, and try again.", what,
                             store->directory);
}
