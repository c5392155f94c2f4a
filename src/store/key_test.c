/* Keys sort as their parts do, and a table with long keys behaves as a sorted array. */
#include "store/test_support.h"

static int
compare_keys(const Key *a, const Key *b)
{
  int order = memcmp(a->data, b->data, MIN(a->size, b->size));
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

static int
compare_bytes(const GByteArray *a, const GByteArray *b)
{
  int order = memcmp(a->data, b->data, MIN(a->len, b->len));
  return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int
sign(int x)
{
  return (x > 0) - (x < 0);
}

static GByteArray *
random_bytes(GRand *random, guint max)
{
  GByteArray *bytes = g_byte_array_new();
  static const guint8 likely[] = { 0, 1, 2, 0xfe, 0xff, 'a' };
  guint n = (guint) g_rand_int_range(random, 0, (gint32) max + 1);
  g_byte_array_set_size(bytes, n + 1);
  g_byte_array_set_size(bytes, n);
  for (guint i = 0; i < n; i++)
    bytes->data[i] = likely[g_rand_int_range(random, 0, sizeof likely)];
  return bytes;
}

static void
test_part_order(void)
{
  g_autoptr(GRand) random = g_rand_new_with_seed(1);
  for (int i = 0; i < 20000; i++) {
    g_autoptr(GByteArray) a1 = random_bytes(random, 4), b1 = random_bytes(random, 4);
    g_autoptr(GByteArray) a2 = random_bytes(random, 3), b2 = random_bytes(random, 3);
    Key a, b;
    key_init(&a);
    key_init(&b);
    key_add_bytes(&a, a1->data, a1->len);
    key_add_bytes(&a, a2->data, a2->len);
    key_add_bytes(&b, b1->data, b1->len);
    key_add_bytes(&b, b2->data, b2->len);
    int expected = compare_bytes(a1, b1);
    if (expected == 0)
      expected = compare_bytes(a2, b2);
    g_assert_cmpint(sign(compare_keys(&a, &b)), ==, sign(expected));
  }
}

static void
test_int_order_and_reading(void)
{
  static const gint64 values[] = { G_MININT64, -1000, -1, 0, 1, 255, 256, G_MAXINT64 };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
    Key a, b;
    key_init(&a);
    key_add(&a, "x");
    key_add_int(&a, values[i]);
    key_add_bytes(&a, "a\0\1b", 4);
    KeyReader reader = { a.data, a.data + a.size };
    char *text;
    gsize size;
    gint64 value;
    g_assert_true(key_read(&reader, arena, &text, &size));
    g_assert_cmpstr(text, ==, "x");
    g_assert_true(key_read_int(&reader, &value));
    g_assert_cmpint(value, ==, values[i]);
    g_assert_true(key_read(&reader, arena, &text, &size));
    g_assert_cmpmem(text, size, "a\0\1b", 4);
    g_assert_false(key_read(&reader, arena, &text, &size));
    if (i == 0)
      continue;
    key_init(&b);
    key_add(&b, "x");
    key_add_int(&b, values[i - 1]);
    g_assert_cmpint(compare_keys(&a, &b), >, 0);
  }
}

static void
test_overflow(void)
{
  Key key;
  g_autofree char *text = g_strnfill(5000, 'x');
  key_strings(&key, text, NULL);
  g_assert_true(key.overflow);
  g_assert_cmpuint(key.size, <=, LIMIT_KEY_MAX);
}

/* The model: a sorted array of keys. */
typedef struct Model {
  GRand *random;
  GPtrArray *keys;
  Txn *txn;
} Model;

static const Table long_table = { "test.long" };
static const Table before_table = { "test.longa" }, after_table = { "test.longb" };

/* Keys that share long beginnings and end near the places where they are cut. */
static void
random_key(Model *model, Key *key)
{
  static const int lengths[] = { 0, 1, 3, 497, 498, 499, 500, 501, 994, 995, 996, 997, 998, 999, 1500, 4000 };
  key_init(key);
  key->size = (gsize) lengths[g_rand_int_range(model->random, 0, G_N_ELEMENTS(lengths))];
  memset(key->data, 'm', key->size);
  for (int i = g_rand_int_range(model->random, 0, 3); i > 0 && key->size; i--)
    key->data[g_rand_int_range(model->random, 0, (gint32) key->size)] = (guint8) (g_rand_boolean(model->random) ? 0xff : 0);
  if (key->size > 600 && g_rand_boolean(model->random))
    key->data[key->size - 1] = (guint8) g_rand_int_range(model->random, 0, 256);
}

static guint
lower_bound(const Model *model, const Key *key)
{
  guint i = 0;
  while (i < model->keys->len && compare_keys(model->keys->pdata[i], key) < 0)
    i++;
  return i;
}

static gboolean
is_at(const Model *model, guint i, const Key *key)
{
  return i < model->keys->len && compare_keys(model->keys->pdata[i], key) == 0;
}

static void
change(Model *model)
{
  Key key;
  random_key(model, &key);
  guint i = lower_bound(model, &key);
  gboolean there = is_at(model, i, &key), existed;
  if (g_rand_int_range(model->random, 0, 5) < 3) {
    ASSERT_GOOD(store_put(model->txn, &long_table, &key, key.data, MIN(key.size, 20)));
    if (!there)
      g_ptr_array_insert(model->keys, (int) i, g_memdup2(&key, sizeof key));
  } else {
    ASSERT_GOOD(store_delete(model->txn, &long_table, &key, &existed));
    g_assert_cmpint(existed, ==, there);
    if (there)
      g_ptr_array_remove_index(model->keys, i);
  }
}

static void
assert_cursor_at(const Cursor *cursor, const Key *expected)
{
  gsize size, value_size;
  const guint8 *data = cursor_key(cursor, &size);
  g_assert_cmpmem(data, size, expected->data, expected->size);
  const guint8 *value = cursor_value(cursor, &value_size);
  g_assert_cmpmem(value, value_size, expected->data, MIN(expected->size, 20));
}

static gboolean
begins(const Key *key, const Key *prefix)
{
  return key->size >= prefix->size && memcmp(key->data, prefix->data, prefix->size) == 0;
}

static gboolean
wanted(const Key *key, const Key *prefix, const Key *from, gboolean after, gboolean reverse)
{
  if (prefix && !begins(key, prefix))
    return FALSE;
  int order = from ? compare_keys(key, from) : 0;
  if (!from)
    return TRUE;
  return order == 0 ? !after : (order < 0) == reverse;
}

static void
compare_walk(Model *model, const Key *prefix, const Key *from, gboolean after, gboolean reverse)
{
  g_autoptr(Cursor) cursor = NULL;
  CursorOptions options = { prefix, from, after, reverse };
  ASSERT_GOOD(cursor_open(model->txn, &long_table, &options, &cursor));
  for (guint n = 0; n < model->keys->len; n++) {
    const Key *key = model->keys->pdata[reverse ? model->keys->len - 1 - n : n];
    if (!wanted(key, prefix, from, after, reverse))
      continue;
    g_assert_true(cursor_next(cursor));
    assert_cursor_at(cursor, key);
  }
  g_assert_false(cursor_next(cursor));
  g_assert_false(cursor_next(cursor));
}

static Error *
property(Txn *txn, gpointer data)
{
  Model *model = data;
  model->txn = txn;
  Key outside;
  key_strings(&outside, "outside", NULL);
  TRY(store_put(txn, &before_table, &outside, "b", 1));
  TRY(store_put(txn, &after_table, &outside, "a", 1));
  for (int round = 0; round < 60; round++) {
    for (int i = 0; i < 20; i++)
      change(model);
    compare_walk(model, NULL, NULL, FALSE, FALSE);
    compare_walk(model, NULL, NULL, FALSE, TRUE);
    for (int i = 0; i < 10; i++) {
      Key from, prefix;
      random_key(model, &from);
      random_key(model, &prefix);
      prefix.size = MIN(prefix.size, (gsize) g_rand_int_range(model->random, 0, 1200));
      compare_walk(model, NULL, &from, i & 1, (i & 2) != 0);
      compare_walk(model, &prefix, NULL, FALSE, (i & 2) != 0);
      if (begins(&from, &prefix))
        compare_walk(model, &prefix, &from, i & 1, (i & 2) != 0);
    }
  }
  return NULL;
}

static Error *
delete_while_walking(Txn *txn, gpointer data)
{
  Model *model = data;
  model->txn = txn;
  guint n = model->keys->len;
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(txn, &long_table, NULL, &cursor));
  for (guint i = 0; i < n; i++) {
    g_assert_true(cursor_next(cursor));
    Key key;
    key_init(&key);
    const guint8 *bytes = cursor_key(cursor, &key.size);
    memcpy(key.data, bytes, key.size);
    g_assert_cmpint(compare_keys(&key, model->keys->pdata[i]), ==, 0);
    TRY(store_delete(txn, &long_table, &key, NULL));
  }
  g_assert_false(cursor_next(cursor));
  gsize count;
  TRY(store_delete_prefix(txn, &long_table, NULL, &count));
  g_assert_cmpuint(count, ==, 0);
  return NULL;
}

static void
test_long_keys_as_sorted_array(void)
{
  g_autofree char *directory = test_directory();
  g_autoptr(Store) store = NULL;
  g_autoptr(GRand) random = g_rand_new_with_seed(7);
  g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
  Model model = { random, keys, NULL };
  ASSERT_GOOD(store_open(directory, NULL, &store));
  ASSERT_GOOD(store_write(store, property, &model));
  g_autoptr(Txn) txn = NULL;
  ASSERT_GOOD(store_begin_read(store, &txn));
  model.txn = txn;
  compare_walk(&model, NULL, NULL, FALSE, FALSE);
  g_clear_pointer(&txn, txn_end);
  ASSERT_GOOD(store_write(store, delete_while_walking, &model));
  g_clear_pointer(&store, store_close);
  test_remove(directory);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/key/part-order", test_part_order);
  g_test_add_func("/store/key/int-order-and-reading", test_int_order_and_reading);
  g_test_add_func("/store/key/overflow", test_overflow);
  g_test_add_func("/store/key/long-keys-as-sorted-array", test_long_keys_as_sorted_array);
  return g_test_run();
}
