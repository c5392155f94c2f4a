#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct StoreBlobReader {
  Store *store;
  int fd;
  gint64 size;   /* of the plain data */
  Crypt *crypt;
  gint64 loaded; /* the chunk in plain; -1: none */
  gsize loaded_size;
  guint8 *plain, *sealed;
};

/* A file is in one of two places, and may move from the second to the first between two looks. */
static int
open_file(const Store *store, const char *id)
{
  g_autofree char *placed = blob_path(store, id);
  g_autofree char *unplaced = blob_new_path(store, id);
  const char *const paths[] = { placed, unplaced, placed };
  int fd = -1;
  for (guint i = 0; i < G_N_ELEMENTS(paths) && fd < 0; i++)
    fd = open(paths[i], O_RDONLY | O_CLOEXEC);
  return fd;
}

static Error *
read_all(const StoreBlobReader *reader, gint64 offset, guint8 *out, gsize size, gsize *ret_size)
{
  gsize done = 0;
  while (done < size) {
    ssize_t n = pread(reader->fd, out + done, size - done, offset + (gint64) done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return store_error(reader->store, errno, "read a file");
    if (n == 0)
      break;
    done += (gsize) n;
  }
  *ret_size = done;
  return NULL;
}

static Error *
open_encrypted(StoreBlobReader *reader, const guint8 *key, gint64 file_size)
{
  guint8 header[CRYPT_HEADER];
  gsize n;
  TRY(read_all(reader, 0, header, sizeof header, &n));
  if (n < sizeof header || file_size < CRYPT_HEADER + CRYPT_TAG)
    return error_fault("store: an encrypted file is cut off");
  TRY(crypt_new(key, header, &reader->crypt));
  gint64 body = file_size - CRYPT_HEADER;
  gint64 chunks = (body + CHUNK + CRYPT_TAG - 1) / (CHUNK + CRYPT_TAG);
  reader->size = body - chunks * CRYPT_TAG;
  reader->plain = g_malloc(CHUNK);
  reader->sealed = g_malloc(CHUNK + CRYPT_TAG);
  return NULL;
}

Error *
store_blob_open(Store *store, const char *id, const guint8 *key, StoreBlobReader **ret_reader)
{
  if (strlen(id) != BLOB_ID_SIZE || strspn(id, "0123456789abcdef") != BLOB_ID_SIZE)
    return error_fault("store: '%s' is not the id of a blob", id);
  g_autoptr(StoreBlobReader) reader = g_new0(StoreBlobReader, 1);
  struct stat st;
  reader->store = store;
  reader->loaded = -1;
  reader->fd = open_file(store, id);
  if (reader->fd < 0 || fstat(reader->fd, &st) != 0)
    return error_fault("store: the file %s is not there: %s", id, g_strerror(errno));
  reader->size = st.st_size;
  if (key)
    TRY(open_encrypted(reader, key, st.st_size));
  *ret_reader = g_steal_pointer(&reader);
  return NULL;
}

static Error *
load_chunk(StoreBlobReader *reader, gint64 chunk)
{
  if (reader->loaded == chunk)
    return NULL;
  gsize size;
  reader->loaded = -1;
  TRY(read_all(reader, CRYPT_HEADER + chunk * (CHUNK + CRYPT_TAG), reader->sealed, CHUNK + CRYPT_TAG, &size));
  gint64 last = reader->size ? (reader->size - 1) / CHUNK : 0;
  TRY(crypt_open_chunk(reader->crypt, (guint64) chunk, chunk == last, reader->sealed, size, reader->plain));
  reader->loaded = chunk;
  reader->loaded_size = size - CRYPT_TAG;
  return NULL;
}

Error *
store_blob_read(StoreBlobReader *reader, gint64 offset, void *buffer, gsize size, gsize *ret_size)
{
  if (!reader->crypt)
    return read_all(reader, offset, buffer, size, ret_size);
  gsize done = 0;
  while (done < size && offset < reader->size) {
    TRY(load_chunk(reader, offset / CHUNK));
    gsize at = (gsize) (offset % CHUNK);
    if (at >= reader->loaded_size)
      return error_fault("store: an encrypted file is cut off");
    gsize n = MIN(size - done, reader->loaded_size - at);
    memcpy((guint8 *) buffer + done, reader->plain + at, n);
    done += n;
    offset += (gint64) n;
  }
  *ret_size = done;
  return NULL;
}

void
store_blob_reader_free(StoreBlobReader *reader)
{
  if (!reader)
    return;
  if (reader->fd >= 0)
    close(reader->fd);
  crypt_free(reader->crypt);
  g_free(reader->plain);
  g_free(reader->sealed);
  g_free(reader);
}
