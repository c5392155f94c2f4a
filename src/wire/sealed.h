/* sealed: records with something in them that must not be readable from the database alone. They are stored sealed with the store's key, which is in a
 * file of its own (store/seal.h). What an older haar stored unsealed is read too. Otherwise as record_put, record_get and record_decode. */
#pragma once

#include "wire/codec.h"

Error *record_put_sealed(Txn *txn, const Table *table, const Key *key, const Shape *shape, const void *value) ERROR_MUST_USE;
Error *record_get_sealed(Txn *txn, const Table *table, const Key *key, const Shape *shape, Arena *arena, void **ret_value) ERROR_MUST_USE;
/* A cursor's value. */
Error *record_decode_sealed(Txn *txn, Arena *arena, const Shape *shape, const void *data, gsize size, void **ret_value) ERROR_MUST_USE;
