#include "store/seal.h"
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* GByteArray counts in 32 bits. */
#define FILE_MAX ((gsize) 1 << 30)

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

/* -- files ---------------------------------------------------------------------------------------------------------------------- */

static Error *
seal_chunks(Store *store, const guint8 *data, gsize size, GByteArray *out)
{
  g_autoptr(Crypt) crypt = NULL;
  guint8 header[CRYPT_HEADER];
  gsize done = 0;
  crypt_header(header);
  TRY(crypt_new(store->seal_key, header, &crypt));
  g_byte_array_append(out, header, sizeof header);
  for (guint64 chunk = 0; chunk == 0 || done < size; chunk++) {
    gsize n = MIN(size - done, CHUNK), at = out->len;
    g_byte_array_set_size(out, (guint) (at + n + CRYPT_TAG));
    TRY(crypt_seal_chunk(crypt, chunk, done + n == size, data + done, n, out->data + at));
    done += n;
  }
  return NULL;
}

Error *
store_seal_file(Store *store, const char *path, const void *data, gsize size)
{
  g_autoptr(GByteArray) out = g_byte_array_new();
  g_autoptr(GError) problem = NULL;
  if (size > FILE_MAX)
    return error_fault("store: %s: too large", path);
  TRY(seal_chunks(store, data, size, out));
  if (!g_file_set_contents_full(path, (const char *) out->data, (gssize) out->len, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &problem))
    return error_fault("store: %s", problem->message);
  return NULL;
}

Error *
store_open_file(Store *store, const char *path, guint8 **ret_data, gsize *ret_size)
{
  g_autoptr(Crypt) crypt = NULL;
  g_autoptr(GError) problem = NULL;
  g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, &problem);
  if (!file)
    return error_fault("store: %s", problem->message);
  const guint8 *in = (const guint8 *) g_mapped_file_get_contents(file);
  gsize size = g_mapped_file_get_length(file), at = CRYPT_HEADER, done = 0;
  if (size < CRYPT_HEADER + CRYPT_TAG)
    return error_fault("store: %s is no sealed file", path);
  TRY(crypt_new(store->seal_key, in, &crypt));
  g_autofree guint8 *out = g_malloc(size);
  for (guint64 chunk = 0; at < size; chunk++) {
    gsize n = MIN(size - at, CHUNK + CRYPT_TAG);
    TRY(crypt_open_chunk(crypt, chunk, at + n == size, in + at, n, out + done));
    at += n;
    done += n - CRYPT_TAG;
  }
  *ret_data = g_steal_pointer(&out);
  *ret_size = done;
  return NULL;
}
