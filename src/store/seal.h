/* seal: bytes of records that must not be readable from the database alone: sealed with a key that is in a file of its own (store.key, made
 * when the store is first opened). AES-256-GCM; nonce, ciphertext and tag in one piece. */
#pragma once

#include "store/store.h"

/* arena. Any thread. */
Error *store_txn_seal(Txn *txn, Arena *arena, const void *data, gsize size, guint8 **ret_data, gsize *ret_size) ERROR_MUST_USE;
/* A file of any size, in a blob's form, under the same key. It is there whole or not at all: a crash leaves it or the one before. Any thread; blocks. */
Error *store_seal_file(Store *store, const char *path, const void *data, gsize size) ERROR_MUST_USE;
/* What it holds; transfer full: g_free. A file that is not there, or was changed: a fault. */
Error *store_open_file(Store *store, const char *path, guint8 **ret_data, gsize *ret_size) ERROR_MUST_USE;
/* What store_txn_seal was given, followed by a NUL that is not counted; arena. Changed bytes, or another key: a fault. */
Error *store_txn_unseal(Txn *txn, Arena *arena, const void *data, gsize size, guint8 **ret_data, gsize *ret_size) ERROR_MUST_USE;
