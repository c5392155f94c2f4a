#include "wire/sealed.h"

#include "store/seal.h"

#define SEALED 'S' /* before the sealed bytes; a record begins with another byte: that of a CBOR map */

Error *
record_put_sealed(Txn *txn, const Table *table, const Key *key, const Shape *shape, const void *value)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GByteArray) out = g_byte_array_sized_new(512);
  const guint8 mark = SEALED;
  guint8 *sealed = NULL;
  gsize size = 0;
  record_encode(arena, shape, value, out);
  TRY(store_txn_seal(txn, arena, out->data, out->len, &sealed, &size));
  g_byte_array_set_size(out, 0);
  g_byte_array_append(out, &mark, 1);
  g_byte_array_append(out, sealed, (guint) size);
  return store_put(txn, table, key, out->data, out->len);
}

Error *
record_decode_sealed(Txn *txn, Arena *arena, const Shape *shape, const void *data, gsize size, void **ret_value)
{
  guint8 *plain = NULL;
  if (size == 0 || *(const guint8 *) data != SEALED)
    return record_decode(arena, shape, data, size, ret_value);
  TRY(store_txn_unseal(txn, arena, (const guint8 *) data + 1, size - 1, &plain, &size));
  return record_decode(arena, shape, plain, size, ret_value);
}

Error *
record_get_sealed(Txn *txn, const Table *table, const Key *key, const Shape *shape, Arena *arena, void **ret_value)
{
  const void *data = NULL;
  gsize size = 0;
  *ret_value = NULL;
  TRY(store_get(txn, table, key, &data, &size));
  return data ? record_decode_sealed(txn, arena, shape, data, size, ret_value) : NULL;
}
