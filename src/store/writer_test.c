/* The store under load: killed at random moments, without space, with many threads. */
#include "store/test_support.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const Table left = { "test.left" }, right = { "test.right" };

#define THREADS 4
#define ROUNDS 12

typedef struct Worker {
  Store *store;
  int pipe;
  guint32 number;
} Worker;

typedef struct Pair {
  guint32 worker, count;
} __attribute__((packed)) Pair; /* values of the store are not aligned */

/* Two rows in two tables, and one that is overwritten; every seventh pair carries a value that lives in a file. */
static Error *
write_pair(Txn *txn, gpointer data)
{
  const Pair *pair = data;
  Key key;
  key_init(&key);
  key_add_int(&key, pair->worker);
  key_add_int(&key, pair->count);
  g_autofree guint8 *value = g_malloc0(70000);
  memcpy(value, pair, sizeof *pair);
  gsize size = pair->count % 7 == 0 ? 70000 : 100;
  TRY(store_put(txn, &left, &key, value, size));
  TRY(store_put(txn, &right, &key, value, 100));
  Key last;
  key_init(&last);
  key_add_int(&last, pair->worker);
  return store_put(txn, &left, &last, pair, sizeof *pair);
}

static gpointer
work(gpointer data)
{
  Worker *worker = data;
  for (Pair pair = { worker->number, 1 };; pair.count++) {
    ASSERT_GOOD(store_write(worker->store, write_pair, &pair));
    if (write(worker->pipe, &pair, sizeof pair) != sizeof pair)
      exit(1);
  }
}

/* The child: opens, writes from several threads, tells each acknowledged pair; is killed. */
static void
child(const char *directory, int pipe, guint round)
{
  Store *store;
  StoreOptions options = { round % 2 ? DURABILITY_DISK : DURABILITY_PROCESS };
  ASSERT_GOOD(store_open(directory, &options, &store));
  Worker workers[THREADS];
  for (guint32 i = 0; i < THREADS; i++) {
    workers[i] = (Worker){ store, pipe, round * THREADS + i };
    g_thread_new("worker", work, &workers[i]);
  }
  for (;;)
    pause();
}

static void
count_table(Txn *txn, const Table *table, guint32 worker, guint32 acknowledged, guint32 *ret_n)
{
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  key_init(&prefix);
  key_add_int(&prefix, worker);
  ASSERT_GOOD(cursor_open(txn, table, &(CursorOptions){ .prefix = &prefix }, &cursor));
  guint32 n = 0;
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    gint64 count;
    gsize size;
    const Pair *pair = (const Pair *) cursor_value(cursor, &size);
    if (!key_read_int(&reader, &count)) {
      g_assert_cmpuint(pair->count, >=, acknowledged);
      continue;
    }
    g_assert_cmpint(count, ==, ++n);
    g_assert_cmpuint(pair->count, ==, n);
    g_assert_cmpuint(pair->worker, ==, worker);
    if (table == &left)
      g_assert_cmpuint(size, ==, n % 7 == 0 ? 70000 : 100);
  }
  *ret_n = n;
}

static void
check(const char *directory, const guint32 *acknowledged, guint workers)
{
  g_autoptr(Store) store = NULL;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  g_autoptr(Txn) txn = NULL;
  ASSERT_GOOD(store_begin_read(store, &txn));
  for (guint32 i = 0; i < workers; i++) {
    guint32 in_left, in_right;
    count_table(txn, &left, i, acknowledged[i], &in_left);
    count_table(txn, &right, i, acknowledged[i], &in_right);
    g_assert_cmpuint(in_left, ==, in_right);
    g_assert_cmpuint(in_left, >=, acknowledged[i]);
  }
  g_clear_pointer(&txn, txn_end);
}

static void
test_kill(void)
{
  g_autofree char *directory = test_directory();
  g_autoptr(GRand) random = g_rand_new_with_seed((guint32) getpid());
  guint32 acknowledged[ROUNDS * THREADS] = { 0 };
  guint total = 0;
  for (guint round = 0; round < ROUNDS; round++) {
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
      close(ends[0]);
      child(directory, ends[1], round);
    }
    close(ends[1]);
    gint32 enough = g_rand_int_range(random, 1, 400);
    Pair pair;
    for (gint32 n = 0; read(ends[0], &pair, sizeof pair) == sizeof pair; n++) {
      acknowledged[pair.worker] = pair.count;
      total++;
      if (n == enough)
        kill(pid, SIGKILL);
    }
    close(ends[0]);
    int status;
    waitpid(pid, &status, 0);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    check(directory, acknowledged, (round + 1) * THREADS);
  }
  g_test_message("%u acknowledged, none lost", total);
  test_remove(directory);
}

static Error *
write_much(Txn *txn, gpointer data)
{
  Key key;
  key_init(&key);
  key_add_int(&key, *(gint64 *) data);
  g_autofree guint8 *value = g_malloc0(50000);
  return store_put(txn, &left, &key, value, 50000);
}

/* A file-size limit stands for a full disk: the write fails with a clear fault, what was there stays, the store lives on. */
static int
full_disk(const char *directory)
{
  g_autoptr(Store) store = NULL;
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = { 2 << 20, 4 << 20 };
  setrlimit(RLIMIT_FSIZE, &limit);
  ASSERT_GOOD(store_open(directory, NULL, &store));
  gint64 n = 0;
  g_autoptr(Error) error = NULL;
  for (; n < 200 && !error; n++)
    error = store_write(store, write_much, &n);
  if (!error || !strstr(error->message, "no space left"))
    return 2;
  limit.rlim_cur = 4 << 20;
  setrlimit(RLIMIT_FSIZE, &limit);
  ASSERT_GOOD(store_write(store, write_much, &n));
  g_autoptr(Txn) txn = NULL;
  ASSERT_GOOD(store_begin_read(store, &txn));
  g_autoptr(Cursor) cursor = NULL;
  ASSERT_GOOD(cursor_open(txn, &left, NULL, &cursor));
  gint64 rows = 0;
  while (cursor_next(cursor))
    rows++;
  g_clear_pointer(&cursor, cursor_free);
  g_clear_pointer(&txn, txn_end);
  return rows == n ? 0 : 3;
}

static void
test_full_disk(void)
{
  g_autofree char *directory = test_directory();
  pid_t pid = fork();
  if (pid == 0)
    _exit(full_disk(directory));
  int status;
  waitpid(pid, &status, 0);
  g_assert_true(WIFEXITED(status));
  g_assert_cmpint(WEXITSTATUS(status), ==, 0);
  test_remove(directory);
}

static Error *
increment(Txn *txn, gpointer data)
{
  Key key;
  const void *old;
  gsize size;
  gint64 n = 0;
  key_strings(&key, "counter", NULL);
  TRY(store_get(txn, &left, &key, &old, &size));
  if (old)
    memcpy(&n, old, sizeof n);
  n++;
  TRY(store_put(txn, &left, &key, &n, sizeof n));
  return n % 5 == 0 && data ? error_answer("Refused", "every fifth") : NULL;
}

static gpointer
count_up(gpointer data)
{
  for (int i = 0; i < 500; i++) {
    g_autoptr(Error) error = store_write(data, increment, NULL);
    g_assert_null(error);
  }
  return NULL;
}

static void
test_threads(void)
{
  g_autofree char *directory = test_directory();
  g_autoptr(Store) store = NULL;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  GThread *threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    threads[i] = g_thread_new("count", count_up, store);
  for (int i = 0; i < THREADS; i++)
    g_thread_join(threads[i]);
  g_autoptr(Txn) txn = NULL;
  ASSERT_GOOD(store_begin_read(store, &txn));
  Key key;
  const void *data;
  gsize size;
  gint64 n;
  key_strings(&key, "counter", NULL);
  ASSERT_GOOD(store_get(txn, &left, &key, &data, &size));
  memcpy(&n, data, sizeof n);
  g_assert_cmpint(n, ==, 500 * THREADS);
  g_clear_pointer(&txn, txn_end);
  g_clear_pointer(&store, store_close);
  test_remove(directory);
}

/* Frees memory full of a secret where the writer's pages come from, then writes pages that are mostly empty. */
static Error *
write_after_secret(Txn *txn, gpointer data)
{
  gpointer used[64];
  for (gsize i = 0; i < G_N_ELEMENTS(used); i++) {
    char *text = used[i] = g_malloc(4096);
    for (gsize j = 0; j < 4096; j += 8)
      memcpy(text + j, data, 8);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(used); i++)
    g_free(used[i]);
  for (guint32 i = 0; i < 200; i++) {
    static const guint8 value[900];
    Key key;
    key_init(&key);
    key_add_int(&key, i);
    TRY(store_put(txn, &left, &key, value, sizeof value));
  }
  return NULL;
}

/* What was in memory for a moment, a password say, does not reach the disk with the empty part of a page. */
static void
test_memory_stays_off_disk(void)
{
  g_autofree char *directory = test_directory(), *path = g_build_filename(directory, "store.mdb", NULL), *bytes = NULL;
  g_autoptr(Store) store = NULL;
  char secret[] = "TOPSECRE";
  gsize size;
  ASSERT_GOOD(store_open(directory, NULL, &store));
  ASSERT_GOOD(store_write(store, write_after_secret, secret));
  g_clear_pointer(&store, store_close);
  g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
  g_assert_null(memmem(bytes, size, secret, strlen(secret)));
  test_remove(directory);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/writer/kill", test_kill);
  g_test_add_func("/store/writer/full-disk", test_full_disk);
  g_test_add_func("/store/writer/threads", test_threads);
  g_test_add_func("/store/writer/memory-stays-off-disk", test_memory_stays_off_disk);
  return g_test_run();
}
