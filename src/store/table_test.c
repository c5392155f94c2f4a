#include "store/test_support.h"
#include <unistd.h>

static const Table rows = { "test.rows" };

typedef struct Fixture {
  char *directory;
  Store *store;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
  fixture->directory = test_directory();
  ASSERT_GOOD(store_open(fixture->directory, NULL, &fixture->store));
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
  store_close(fixture->store);
  test_remove(fixture->directory);
  g_free(fixture->directory);
}

static Error *
put(Txn *txn, const char *name, const void *data, gsize size)
{
  Key key;
  key_strings(&key, name, NULL);
  return store_put(txn, &rows, &key, data, size);
}

static char *
get(Store *store, const char *name, gsize *ret_size)
{
  g_autoptr(Txn) txn = NULL;
  const void *data;
  Key key;
  ASSERT_GOOD(store_begin_read(store, &txn));
  key_strings(&key, name, NULL);
  ASSERT_GOOD(store_get(txn, &rows, &key, &data, ret_size));
  char *copy = data ? g_malloc0(*ret_size + 1) : NULL;
  return data ? memcpy(copy, data, *ret_size) : NULL;
}

static Error *
put_two(Txn *txn, gpointer data)
{
  TRY(put(txn, "a", "1", 2));
  TRY(put(txn, "b", "2", 2));
  return data ? error_answer("Refused", "on purpose") : NULL;
}

static void
test_error_leaves_no_trace(Fixture *fixture, gconstpointer unused)
{
  gsize size;
  g_autoptr(Error) error = store_write(fixture->store, put_two, "fail");
  g_assert_true(error_is(error, "Refused"));
  g_assert_null(get(fixture->store, "a", &size));
  ASSERT_GOOD(store_write(fixture->store, put_two, NULL));
  g_autofree char *a = get(fixture->store, "a", &size);
  g_assert_cmpmem(a, size, "1", 2);
}

/* Several functions in one batch: the second one fails after changing and deleting what the first one wrote. */
typedef struct Batch {
  GMutex mutex;
  GCond cond;
  gboolean go;
  guint done, failed;
} Batch;

static Error *
hold(Txn *txn, gpointer data)
{
  Batch *batch = data;
  g_mutex_lock(&batch->mutex);
  while (!batch->go)
    g_cond_wait(&batch->cond, &batch->mutex);
  g_mutex_unlock(&batch->mutex);
  return NULL;
}

static Error *
batch_good(Txn *txn, gpointer data)
{
  TRY(put(txn, "x", "good", 5));
  return put(txn, "y", "good", 5);
}

static Error *
batch_bad(Txn *txn, gpointer data)
{
  Key key;
  TRY(put(txn, "x", "bad", 4));
  TRY(put(txn, "new", "bad", 4));
  key_strings(&key, "y", NULL);
  TRY(store_delete(txn, &rows, &key, NULL));
  g_autofree char *large = g_strnfill(100000, 'b');
  TRY(put(txn, "y", large, 100000));
  return error_answer("Refused", "on purpose");
}

static void
batch_done(Error *error, gpointer data)
{
  Batch *batch = data;
  g_mutex_lock(&batch->mutex);
  batch->done++;
  batch->failed += error != NULL;
  g_cond_broadcast(&batch->cond);
  g_mutex_unlock(&batch->mutex);
  error_free(error);
}

static void
test_one_of_a_batch_is_undone(Fixture *fixture, gconstpointer unused)
{
  Batch batch = { .go = FALSE };
  g_mutex_init(&batch.mutex);
  g_cond_init(&batch.cond);
  store_write_async(fixture->store, hold, batch_done, &batch);
  store_write_async(fixture->store, batch_good, batch_done, &batch);
  store_write_async(fixture->store, batch_bad, batch_done, &batch);
  g_mutex_lock(&batch.mutex);
  batch.go = TRUE;
  g_cond_broadcast(&batch.cond);
  while (batch.done < 3)
    g_cond_wait(&batch.cond, &batch.mutex);
  g_mutex_unlock(&batch.mutex);
  g_assert_cmpuint(batch.failed, ==, 1);
  gsize size;
  g_autofree char *x = get(fixture->store, "x", &size), *y = get(fixture->store, "y", &size);
  g_assert_cmpstr(x, ==, "good");
  g_assert_cmpstr(y, ==, "good");
  g_assert_null(get(fixture->store, "new", &size));
  g_cond_clear(&batch.cond);
  g_mutex_clear(&batch.mutex);
}

static Error *
put_large(Txn *txn, gpointer data)
{
  g_autofree char *large = g_strnfill(300000, *(const char *) data);
  TRY(put(txn, "large", large, 300001));
  return put(txn, "edge", large, (gsize) LIMIT_INLINE_VALUE_MAX);
}

static void
test_large_values_are_files(Fixture *fixture, gconstpointer unused)
{
  gsize size;
  g_autofree char *blobs = g_build_filename(fixture->directory, "blobs", NULL);
  ASSERT_GOOD(store_write(fixture->store, put_large, "p"));
  ASSERT_GOOD(store_write(fixture->store, put_large, "q"));
  g_autofree char *value = get(fixture->store, "large", &size);
  g_assert_cmpuint(size, ==, 300001);
  g_assert_cmpint(value[299999], ==, 'q');
  g_assert_cmpuint(count_files(blobs), ==, 1);
}

static void
append_run(gpointer data)
{
  g_string_append(data, "run ");
}

static void
append_destroyed(gpointer data)
{
  g_string_append(data, "destroyed ");
}

static Error *
with_hook(Txn *txn, gpointer data)
{
  GString *log = data;
  txn_on_commit(txn, append_run, log, append_destroyed);
  return log->len ? error_answer("Refused", "on purpose") : NULL;
}

static void
test_hooks(Fixture *fixture, gconstpointer unused)
{
  g_autoptr(GString) log = g_string_new("");
  ASSERT_GOOD(store_write(fixture->store, with_hook, log));
  g_assert_cmpstr(log->str, ==, "run destroyed ");
  g_autoptr(Error) error = store_write(fixture->store, with_hook, log);
  g_assert_nonnull(error);
  g_assert_cmpstr(log->str, ==, "run destroyed destroyed ");
}

static void
test_snapshots(Fixture *fixture, gconstpointer unused)
{
  g_autoptr(Txn) before = NULL;
  ASSERT_GOOD(store_begin_read(fixture->store, &before));
  ASSERT_GOOD(store_write(fixture->store, put_two, NULL));
  Key key;
  const void *data;
  gsize size;
  key_strings(&key, "a", NULL);
  ASSERT_GOOD(store_get(before, &rows, &key, &data, &size));
  g_assert_null(data);
  g_autofree char *now = get(fixture->store, "a", &size);
  g_assert_cmpstr(now, ==, "1");
}

static void
test_lock_names_the_process(Fixture *fixture, gconstpointer unused)
{
  g_autoptr(Store) second = NULL;
  g_autoptr(Error) error = store_open(fixture->directory, NULL, &second);
  g_autofree char *expected = g_strdup_printf("%s is in use by process %ld: stop it, or choose another directory", fixture->directory,
                                              (long) getpid());
  g_assert_nonnull(error);
  g_assert_cmpstr(error->message, ==, expected);
}

#define ADD(name, function) g_test_add("/store/table/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("error-leaves-no-trace", test_error_leaves_no_trace);
  ADD("one-of-a-batch-is-undone", test_one_of_a_batch_is_undone);
  ADD("large-values-are-files", test_large_values_are_files);
  ADD("hooks", test_hooks);
  ADD("snapshots", test_snapshots);
  ADD("lock-names-the-process", test_lock_names_the_process);
  return g_test_run();
}
