#include "store/test_support.h"
#include "store/seal.h"

#define CHUNK 65536

static const guint8 the_key[32] = "0123456789abcdef0123456789abcdef";
static const guint8 other_key[32] = "0123456789abcdef0123456789abcdeX";

static void
fill(guint8 *data, gsize size)
{
  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) (i * 31 + (i >> 8) * 7);
}

static Error *
link_blob(Txn *txn, gpointer data)
{
  return store_blob_link(txn, data);
}

static Error *
link_and_fail(Txn *txn, gpointer data)
{
  TRY(store_blob_link(txn, data));
  return error_answer("Refused", "on purpose");
}

static Error *
unlink_blob(Txn *txn, gpointer data)
{
  return store_blob_unlink(txn, data);
}

static StoreBlob *
write_blob(Store *store, const guint8 *key, const guint8 *data, gsize size, gsize piece)
{
  StoreBlob *blob;
  ASSERT_GOOD(store_blob_begin(store, key, &blob));
  for (gsize at = 0; at < size; at += piece)
    ASSERT_GOOD(store_blob_write(blob, data + at, MIN(piece, size - at)));
  ASSERT_GOOD(store_blob_finish(blob));
  return blob;
}

static void
check_blob(Store *store, const char *id, const guint8 *key, const guint8 *data, gsize size)
{
  g_autoptr(StoreBlobReader) reader = NULL;
  ASSERT_GOOD(store_blob_open(store, id, key, &reader));
  g_autofree guint8 *read = g_malloc(size + 1);
  static const gsize offsets[] = { 0, 1, 15, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK };
  for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
    gsize n = 99, at = MIN(offsets[i], size);
    ASSERT_GOOD(store_blob_read(reader, (gint64) at, read, size + 1, &n));
    g_assert_cmpmem(read, n, data + at, size - at);
  }
}

static void
test_sizes(void)
{
  static const gsize sizes[] = { 0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17 };
  g_autofree char *directory = test_directory();
  g_autoptr(Store) store = NULL;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  for (guint i = 0; i < G_N_ELEMENTS(sizes) * 2; i++) {
    const guint8 *key = i & 1 ? the_key : NULL;
    gsize size = sizes[i / 2];
    g_autofree guint8 *data = g_malloc(size + 1);
    fill(data, size);
    g_autoptr(StoreBlob) blob = write_blob(store, key, data, size, i & 2 ? 1000 : 70000);
    g_assert_cmpint(store_blob_size(blob), ==, (gint64) size);
    check_blob(store, store_blob_id(blob), key, data, size);
    ASSERT_GOOD(store_write(store, link_blob, blob));
    check_blob(store, store_blob_id(blob), key, data, size);
  }
  g_clear_pointer(&store, store_close);
  test_remove(directory);
}

static char *
file_of(const char *directory, const char *id)
{
  return g_strdup_printf("%s/blobs/%.2s/%s", directory, id, id);
}

static void
test_encrypted_on_disk(void)
{
  g_autofree char *directory = test_directory();
  g_autoptr(Store) store = NULL;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  g_autofree char *text = g_strnfill(2 * CHUNK, 'A');
  g_autoptr(StoreBlob) blob = write_blob(store, the_key, (guint8 *) text, 2 * CHUNK, 5000);
  ASSERT_GOOD(store_write(store, link_blob, blob));
  g_autofree char *path = file_of(directory, store_blob_id(blob)), *bytes = NULL;
  gsize size, n;
  g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
  g_assert_null(g_strstr_len(bytes, (gssize) size, "AAAAAAAA"));
  g_autoptr(StoreBlobReader) wrong = NULL, cut = NULL, changed = NULL;
  guint8 buffer[16];
  ASSERT_GOOD(store_blob_open(store, store_blob_id(blob), other_key, &wrong));
  g_autoptr(Error) wrong_error = store_blob_read(wrong, 0, buffer, sizeof buffer, &n);
  g_assert_nonnull(wrong_error);
  /* cut off at the end of the first chunk */
  g_assert_true(g_file_set_contents(path, bytes, 24 + CHUNK + 16, NULL));
  ASSERT_GOOD(store_blob_open(store, store_blob_id(blob), the_key, &cut));
  g_autoptr(Error) cut_error = store_blob_read(cut, 0, buffer, sizeof buffer, &n);
  g_assert_nonnull(cut_error);
  bytes[100] ^= 1;
  g_assert_true(g_file_set_contents(path, bytes, (gssize) size, NULL));
  ASSERT_GOOD(store_blob_open(store, store_blob_id(blob), the_key, &changed));
  g_autoptr(Error) changed_error = store_blob_read(changed, 0, buffer, sizeof buffer, &n);
  g_assert_nonnull(changed_error);
  ASSERT_GOOD(store_blob_read(changed, CHUNK, buffer, sizeof buffer, &n));
  g_clear_pointer(&store, store_close);
  test_remove(directory);
}

static gboolean
new_folder_empty(const char *directory)
{
  g_autofree char *path = g_build_filename(directory, "blobs", "new", NULL);
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  return g_dir_read_name(dir) == NULL;
}

static void
test_files_follow_transactions(void)
{
  g_autofree char *directory = test_directory();
  g_autoptr(Store) store = NULL;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  StoreBlob *unlinked = write_blob(store, NULL, (const guint8 *) "u", 1, 1);
  store_blob_free(unlinked);
  StoreBlob *failed = write_blob(store, NULL, (const guint8 *) "f", 1, 1);
  g_autoptr(Error) error = store_write(store, link_and_fail, failed);
  g_assert_true(error_is(error, "Refused"));
  store_blob_free(failed);
  g_assert_true(new_folder_empty(directory));
  StoreBlob *kept = write_blob(store, NULL, (const guint8 *) "k", 1, 1);
  g_autofree char *id = g_strdup(store_blob_id(kept));
  g_autofree char *path = file_of(directory, id);
  ASSERT_GOOD(store_write(store, link_blob, kept));
  store_blob_free(kept);
  g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
  ASSERT_GOOD(store_write(store, unlink_blob, id));
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  g_clear_pointer(&store, store_close);
  test_remove(directory);
}

enum { LARGE = 300000 };
static const Table values = {"test.values"};

static Error *
put_large(Txn *txn, gpointer data)
{
  g_autofree guint8 *value = g_malloc(LARGE);
  Key key;
  memset(value, *(const char *) data, LARGE);
  key_strings(&key, "k", NULL);
  return store_put(txn, &values, &key, value, LARGE);
}

static void
assert_reads(Txn *txn, guint8 expected)
{
  Key key;
  const void *data;
  gsize size;
  key_strings(&key, "k", NULL);
  ASSERT_GOOD(store_get(txn, &values, &key, &data, &size));
  g_assert_cmpuint(size, ==, LARGE);
  g_assert_cmpuint(((const guint8 *) data)[LARGE - 1], ==, expected);
}

/* A reader finds the file of a value that was replaced after it began; the file goes when the last such reader ends. */
static void
test_readers_keep_files(void)
{
  g_autofree char *directory = test_directory();
  g_autofree char *blobs = g_build_filename(directory, "blobs", NULL);
  g_autoptr(Store) store = NULL;
  Txn *first, *second, *late;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  ASSERT_GOOD(store_write(store, put_large, (gpointer) "a"));
  ASSERT_GOOD(store_begin_read(store, &first));
  ASSERT_GOOD(store_begin_read(store, &second));
  ASSERT_GOOD(store_write(store, put_large, (gpointer) "b"));
  ASSERT_GOOD(store_begin_read(store, &late));
  g_assert_cmpuint(count_files(blobs), ==, 2);
  txn_end(first);
  assert_reads(second, 'a');
  assert_reads(late, 'b');
  txn_end(second);
  g_assert_cmpuint(count_files(blobs), ==, 1);
  assert_reads(late, 'b');
  txn_end(late);
  g_clear_pointer(&store, store_close);
  test_remove(directory);
}

static void
test_start_sweeps(void)
{
  g_autofree char *directory = test_directory();
  g_autoptr(Store) store = NULL;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  StoreBlob *kept = write_blob(store, NULL, (const guint8 *) "k", 1, 1);
  g_autofree char *id = g_strdup(store_blob_id(kept));
  ASSERT_GOOD(store_write(store, link_blob, kept));
  store_blob_free(kept);
  g_clear_pointer(&store, store_close);
  /* as if the process had died between the commit and the move, and while another one was written */
  g_autofree char *path = file_of(directory, id);
  g_autofree char *before = g_build_filename(directory, "blobs", "new", id, NULL);
  g_autofree char *other = g_build_filename(directory, "blobs", "new", "00000000000000000000000000000000", NULL);
  g_assert_cmpint(g_rename(path, before), ==, 0);
  g_assert_true(g_file_set_contents(other, "x", 1, NULL));
  ASSERT_GOOD(store_open(directory, NULL, &store));
  g_assert_true(new_folder_empty(directory));
  check_blob(store, id, NULL, (const guint8 *) "k", 1);
  g_clear_pointer(&store, store_close);
  test_remove(directory);
}

static void
test_seal(void)
{
  g_autoptr(Arena) arena = arena_new();
  guint8 *sealed, *opened;
  gsize sealed_size, size;
  ASSERT_GOOD(store_seal(arena, the_key, "secret", 6, &sealed, &sealed_size));
  g_assert_cmpuint(sealed_size, ==, 6 + 28);
  ASSERT_GOOD(store_open_sealed(arena, the_key, sealed, sealed_size, &opened, &size));
  g_assert_cmpmem(opened, size, "secret", 6);
  g_autoptr(Error) wrong = store_open_sealed(arena, other_key, sealed, sealed_size, &opened, &size);
  g_assert_nonnull(wrong);
  sealed[20] ^= 1;
  g_autoptr(Error) changed = store_open_sealed(arena, the_key, sealed, sealed_size, &opened, &size);
  g_assert_nonnull(changed);
  g_autoptr(Error) brief = store_open_sealed(arena, the_key, sealed, 27, &opened, &size);
  g_assert_nonnull(brief);
  ASSERT_GOOD(store_seal(arena, the_key, "", 0, &sealed, &sealed_size));
  ASSERT_GOOD(store_open_sealed(arena, the_key, sealed, sealed_size, &opened, &size));
  g_assert_cmpuint(size, ==, 0);
}

static void
test_sealed_files(void)
{
  static const gsize sizes[] = {0, 1, 65535, 65536, 65537, 3 * 65536};
  g_autofree char *directory = test_directory(), *path = g_build_filename(directory, "one.sealed", NULL), *raw = NULL;
  g_autoptr(Store) store = NULL;
  gsize raw_size = 0;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
    g_autofree char *data = g_strnfill(sizes[i], 'x');
    g_autofree guint8 *back = NULL;
    gsize size = 0;
    ASSERT_GOOD(store_seal_file(store, path, data, sizes[i]));
    ASSERT_GOOD(store_open_file(store, path, &back, &size));
    g_assert_cmpmem(back, size, data, sizes[i]);
  }
  g_assert_true(g_file_get_contents(path, &raw, &raw_size, NULL));
  g_assert_null(g_strstr_len(raw, (gssize) raw_size, "xxxxxxxx"));
  /* Cut at the end of a chunk; changed; not there. */
  guint8 *none = NULL;
  gsize size = 0;
  g_assert_true(g_file_set_contents(path, raw, (gssize) (raw_size - 65536 - 16), NULL));
  g_autoptr(Error) cut = store_open_file(store, path, &none, &size);
  raw[raw_size - 20] ^= 1;
  g_assert_true(g_file_set_contents(path, raw, (gssize) raw_size, NULL));
  g_autoptr(Error) changed = store_open_file(store, path, &none, &size);
  g_assert_cmpint(g_unlink(path), ==, 0);
  g_autoptr(Error) missing = store_open_file(store, path, &none, &size);
  g_assert_true(cut && changed && missing && !none);
  g_clear_pointer(&store, store_close);
  test_remove(directory);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/blob/sizes", test_sizes);
  g_test_add_func("/store/blob/encrypted-on-disk", test_encrypted_on_disk);
  g_test_add_func("/store/blob/files-follow-transactions", test_files_follow_transactions);
  g_test_add_func("/store/blob/readers-keep-files", test_readers_keep_files);
  g_test_add_func("/store/blob/start-sweeps", test_start_sweeps);
  g_test_add_func("/store/blob/seal", test_seal);
  g_test_add_func("/store/blob/sealed-files", test_sealed_files);
  return g_test_run();
}
