#include "wire/codec.h"

Error *
record_put(Txn *txn, const Table *table, const Key *key, const Shape *shape, const void *value)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GByteArray) out = g_byte_array_sized_new(512);
  record_encode(arena, shape, value, out);
  return store_put(txn, table, key, out->data, out->len);
}

Error *
record_get(Txn *txn, const Table *table, const Key *key, const Shape *shape, Arena *arena, void **ret_value)
{
  const void *data = NULL;
  gsize size = 0;
  *ret_value = NULL;
  TRY(store_get(txn, table, key, &data, &size));
  return data ? record_decode(arena, shape, data, size, ret_value) : NULL;
}
