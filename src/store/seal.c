#include "store/seal.h"
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static Error *
failed(const char *path)
{
  return error_fault("store: %s: %s", path, g_strerror(errno));
}

/* Whole under another name first, so that a crash leaves no half of it. */
static Error *
make_key(const char *path, guint8 key[32])
{
  g_autofree char *temporary = g_strconcat(path, ".new", NULL);
  id_random(key, 32);
  g_unlink(temporary);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return failed(temporary);
  gboolean good = write(fd, key, 32) == 32 && fsync(fd) == 0;
  close(fd);
  return good && rename(temporary, path) == 0 ? NULL : failed(path);
}

Error *
seal_open_key(Store *store)
{
  g_autofree char *path = g_build_filename(store->directory, "store.key", NULL);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? make_key(path, store->seal_key) : failed(path);
  gboolean whole = read(fd, store->seal_key, sizeof store->seal_key) == sizeof store->seal_key;
  close(fd);
  return whole ? NULL : error_fault("store: %s is damaged; without it what it seals cannot be read", path);
}

Error *
store_txn_seal(Txn *txn, Arena *arena, const void *data, gsize size, guint8 **ret_data, gsize *ret_size)
{
  return store_seal(arena, txn->store->seal_key, data, size, ret_data, ret_size);
}

Error *
store_txn_unseal(Txn *txn, Arena *arena, const void *data, gsize size, guint8 **ret_data, gsize *ret_size)
{
  guint8 *plain = NULL;
  gsize plain_size = 0;
  TRY(store_open_sealed(arena, txn->store->seal_key, data, size, &plain, &plain_size));
  *ret_data = arena_memdup(arena, plain, plain_size);
  *ret_size = plain_size;
  return NULL;
}
