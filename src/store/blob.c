/* A blob is written in blobs/new/ID. The transaction that links it makes its row; after the commit the file moves to blobs/XX/ID. Removing:
 * the transaction deletes the row and makes one in the trash; after the commit the file goes, and then the trash row.
 * So a start need look only at blobs/new and at the trash. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const Table blob_table = { "store.blob" };
const Table trash_table = { "store.trash" };

struct StoreBlob {
  Store *store;
  char id[BLOB_ID_SIZE + 1];
  int fd;
  gint64 size;
  Crypt *crypt;
  guint64 chunk;
  gboolean finished, linked;
  gsize held; /* bytes in buffer */
  guint8 *buffer, *sealed;
};

char *
blob_path(const Store *store, const char *id)
{
  return g_strdup_printf("%s/blobs/%.2s/%s", store->directory, id, id);
}

char *
blob_new_path(const Store *store, const char *id)
{
  return g_strdup_printf("%s/blobs/new/%s", store->directory, id);
}

static Error *
write_all(const StoreBlob *blob, const guint8 *data, gsize size)
{
  while (size > 0) {
    ssize_t n = write(blob->fd, data, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return store_error(blob->store, errno, "write a file");
    data += n;
    size -= (gsize) n;
  }
  return NULL;
}

Error *
store_blob_begin(Store *store, const guint8 *key, StoreBlob **ret_blob)
{
  g_autoptr(StoreBlob) blob = g_new0(StoreBlob, 1);
  g_autoptr(Arena) arena = arena_new();
  blob->store = store;
  g_strlcpy(blob->id, id_hex(arena, BLOB_ID_SIZE), sizeof blob->id);
  g_autofree char *path = blob_new_path(store, blob->id);
  blob->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (blob->fd < 0)
    return store_error(store, errno, "make a file");
  blob->buffer = g_malloc(CHUNK);
  if (key) {
    guint8 header[CRYPT_HEADER];
    crypt_header(header);
    TRY(crypt_new(key, header, &blob->crypt));
    TRY(write_all(blob, header, sizeof header));
    blob->sealed = g_malloc(CHUNK + CRYPT_TAG);
  }
  *ret_blob = g_steal_pointer(&blob);
  return NULL;
}

static Error *
flush_chunk(StoreBlob *blob, gboolean last)
{
  gsize size = blob->held;
  blob->held = 0;
  if (!blob->crypt)
    return write_all(blob, blob->buffer, size);
  TRY(crypt_seal_chunk(blob->crypt, blob->chunk++, last, blob->buffer, size, blob->sealed));
  return write_all(blob, blob->sealed, size + CRYPT_TAG);
}

Error *
store_blob_write(StoreBlob *blob, const void *data, gsize size)
{
  g_assert(!blob->finished);
  const guint8 *in = data;
  while (size > 0) {
    if (blob->held == CHUNK)
      TRY(flush_chunk(blob, FALSE));
    if (!blob->crypt && blob->held == 0 && size >= CHUNK) {
      TRY(write_all(blob, in, size));
      blob->size += (gint64) size;
      return NULL;
    }
    gsize n = MIN(size, CHUNK - blob->held);
    memcpy(blob->buffer + blob->held, in, n);
    blob->held += n;
    blob->size += (gint64) n;
    in += n;
    size -= n;
  }
  return NULL;
}

static Error *
sync_directory(Store *store)
{
  g_autofree char *path = g_strdup_printf("%s/blobs/new", store->directory);
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
  if (fd >= 0)
    close(fd);
  return store_error(store, failed, "sync");
}

Error *
store_blob_finish(StoreBlob *blob)
{
  if (blob->finished)
    return NULL;
  TRY(flush_chunk(blob, TRUE));
  blob->finished = TRUE;
  if (blob->store->durability == DURABILITY_DISK) {
    if (fdatasync(blob->fd) != 0)
      return store_error(blob->store, errno, "sync a file");
    TRY(sync_directory(blob->store));
  }
  close(blob->fd);
  blob->fd = -1;
  g_clear_pointer(&blob->buffer, g_free);
  g_clear_pointer(&blob->sealed, g_free);
  return NULL;
}

const char *
store_blob_id(const StoreBlob *blob)
{
  return blob->id;
}

gint64
store_blob_size(const StoreBlob *blob)
{
  return blob->size;
}

void
store_blob_free(StoreBlob *blob)
{
  if (!blob)
    return;
  if (blob->fd >= 0)
    close(blob->fd);
  if (!blob->linked) {
    g_autofree char *path = blob_new_path(blob->store, blob->id);
    unlink(path);
  }
  crypt_free(blob->crypt);
  g_free(blob->buffer);
  g_free(blob->sealed);
  g_free(blob);
}

/* The transaction took the blob, but did not commit: the file belongs to nobody. */
typedef struct Linked {
  Store *store;
  gboolean committed;
  char id[BLOB_ID_SIZE + 1];
} Linked;

static void
linked_committed(gpointer data)
{
  ((Linked *) data)->committed = TRUE;
}

static void
linked_free(gpointer data)
{
  Linked *linked = data;
  if (!linked->committed) {
    g_autofree char *path = blob_new_path(linked->store, linked->id);
    unlink(path);
  }
  g_free(linked);
}

Error *
store_blob_link(Txn *txn, StoreBlob *blob)
{
  g_assert(blob->finished && !blob->linked);
  Key key;
  key_strings(&key, blob->id, NULL);
  TRY(store_put(txn, &blob_table, &key, &blob->size, sizeof blob->size));
  if (!txn->new_blobs)
    txn->new_blobs = g_ptr_array_new_with_free_func(g_free);
  g_ptr_array_add(txn->new_blobs, g_strdup(blob->id));
  Linked *linked = g_new0(Linked, 1);
  linked->store = blob->store;
  g_strlcpy(linked->id, blob->id, sizeof linked->id);
  txn_on_commit(txn, linked_committed, linked, linked_free);
  blob->linked = TRUE;
  return NULL;
}

Error *
store_blob_unlink(Txn *txn, const char *id)
{
  if (strlen(id) != BLOB_ID_SIZE || strspn(id, "0123456789abcdef") != BLOB_ID_SIZE)
    return error_fault("store: '%s' is not the id of a blob", id);
  Key key;
  gboolean existed;
  key_strings(&key, id, NULL);
  TRY(store_delete(txn, &blob_table, &key, &existed));
  if (!existed)
    return NULL;
  TRY(store_put(txn, &trash_table, &key, "", 0));
  if (!txn->old_blobs)
    txn->old_blobs = g_ptr_array_new_with_free_func(g_free);
  g_ptr_array_add(txn->old_blobs, g_strdup(id));
  return NULL;
}

/* If the move fails the file stays where readers look second, and the next start moves it. */
void
blob_place(const Store *store, const char *id)
{
  g_autofree char *from = blob_new_path(store, id);
  g_autofree char *to = blob_path(store, id);
  if (rename(from, to) == 0 || errno != ENOENT)
    return;
  g_autofree char *directory = g_path_get_dirname(to);
  mkdir(directory, 0700);
  if (rename(from, to) != 0)
    return;
}

void
blob_remove(const Store *store, const char *id)
{
  g_autofree char *placed = blob_path(store, id);
  g_autofree char *unplaced = blob_new_path(store, id);
  unlink(placed);
  unlink(unplaced);
}
