/* store: the one database. Ordered tables of byte keys and byte values, transactions, files for large values.
 *
 * Readers never block and see a snapshot. Writers are functions that run one after the other on the writer thread; those that
 * wait are committed together (group commit), each all or nothing: a function that returns an error leaves no trace. */
#pragma once

#include "base/base.h"

typedef struct Store Store;
typedef struct Txn Txn;
typedef struct StoreBlob StoreBlob;

typedef enum { DURABILITY_PROCESS /* survives kill -9 */, DURABILITY_DISK /* also power loss */ } Durability;

typedef struct StoreOptions {
  Durability durability;
} StoreOptions;

/* A table. Name it "service.noun". Declare it as a const at file scope. */
typedef struct Table { const char *name; } Table;

/* A key under construction: a sequence of parts whose bytes sort as the parts do. At most LIMIT_KEY_MAX bytes.
 * Declare with KEY(...) or key_init; no memory to free. */
typedef struct Key { gsize size; gboolean overflow; guint8 data[4096 + 64]; } Key;
void key_init(Key *key);
void key_add(Key *key, const char *text);                      /* a string part */
void key_add_bytes(Key *key, const void *data, gsize size);    /* a part of any bytes */
void key_add_int(Key *key, gint64 value);                      /* sorts as the number does, negative ones too */
void key_add_raw(Key *key, const void *data, gsize size);      /* bytes without an end: a prefix of the last part */
/* A key of string parts, NULL-terminated. */
void key_strings(Key *key, ...) G_GNUC_NULL_TERMINATED;
/* Reads the parts back, in order. Each returns FALSE at the end. Results: arena. */
typedef struct KeyReader { const guint8 *at, *end; } KeyReader;
gboolean key_read(KeyReader *reader, Arena *arena, char **ret_text, gsize *ret_size);
gboolean key_read_int(KeyReader *reader, gint64 *ret_value);

/* Opens, or makes, the database in a directory: takes its lock, sweeps what no transaction names.
 * Errors are faults in a user's terms (locked by pid N, no space, not writable). */
Error *store_open(const char *directory, const StoreOptions *options, Store **ret_store) ERROR_MUST_USE;
/* Waits for the writers, syncs, closes. NULL is allowed. */
void store_close(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)
const char *store_directory(const Store *store);
/* Whether the disk is so full that only what frees space should be written. Any thread; looks at the disk a few times a second at most. */
gboolean store_is_short(Store *store);
/* The answer to a write then: InsufficientStorage (507), naming the directory. what: what was tried, for people. transfer full. */
Error *store_short_error(const Store *store, const char *what) ERROR_MUST_USE;

/* A read-only snapshot; any thread, ended by the same thread, short. */
Error *store_begin_read(Store *store, Txn **ret_txn) ERROR_MUST_USE;
void txn_end(Txn *txn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Txn, txn_end)

/* What a writer runs. It must not block. An error undoes all it did. */
typedef Error *(*TxnFunction)(Txn *txn, gpointer data);
/* Runs function on the writer thread and waits until it is durable. Not from the writer thread itself. */
Error *store_write(Store *store, TxnFunction function, gpointer data) ERROR_MUST_USE;
/* The same without waiting: done(error, data) is called on the writer thread once it is durable or failed; transfer full. */
typedef void (*TxnDone)(Error *error, gpointer data);
void store_write_async(Store *store, TxnFunction function, TxnDone done, gpointer data);
/* Calls function(data) on the writer thread after the commit, before waiters are told. Not called if the write fails. destroy may be NULL
 * and is always called. The hook must be quick; it may queue work. */
void txn_on_commit(Txn *txn, void (*function)(gpointer), gpointer data, GDestroyNotify destroy);
gboolean txn_writable(const Txn *txn);
Store *txn_store(const Txn *txn);

/* *ret_data is NULL if there is none; else it is valid until the transaction ends or writes. */
Error *store_get(Txn *txn, const Table *table, const Key *key, const void **ret_data, gsize *ret_size) ERROR_MUST_USE;
Error *store_put(Txn *txn, const Table *table, const Key *key, const void *data, gsize size) ERROR_MUST_USE;
/* ret_existed may be NULL. */
Error *store_delete(Txn *txn, const Table *table, const Key *key, gboolean *ret_existed) ERROR_MUST_USE;
/* Deletes all keys that begin with prefix; ret_count may be NULL. */
Error *store_delete_prefix(Txn *txn, const Table *table, const Key *prefix, gsize *ret_count) ERROR_MUST_USE;

/* Iteration in key order over the keys that begin with prefix. */
typedef struct Cursor Cursor;
typedef struct CursorOptions {
  const Key *prefix;     /* NULL: the whole table */
  const Key *from;       /* start here (whole key, prefix included); NULL: at the beginning, or at the end if reverse */
  gboolean after;        /* skip a key equal to from */
  gboolean reverse;
} CursorOptions;
Error *cursor_open(Txn *txn, const Table *table, const CursorOptions *options, Cursor **ret_cursor) ERROR_MUST_USE;
/* Moves to the next entry. FALSE: the end. key and value are valid until the next move, write or the end of the transaction. */
gboolean cursor_next(Cursor *cursor);
const guint8 *cursor_key(const Cursor *cursor, gsize *ret_size);
const guint8 *cursor_value(const Cursor *cursor, gsize *ret_size);
/* A reader for the key's parts behind the prefix. */
KeyReader cursor_key_reader(const Cursor *cursor);
void cursor_free(Cursor *cursor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cursor, cursor_free)

/* Large values: a file beside the database. Begin, write, finish, then link in a write transaction; what is never linked is
 * swept. Each blob has an id (32 hex digits). If key (32 bytes) is given the file is AES-256-GCM in chunks. Any one thread at a time. */
Error *store_blob_begin(Store *store, const guint8 *key, StoreBlob **ret_blob) ERROR_MUST_USE;
Error *store_blob_write(StoreBlob *blob, const void *data, gsize size) ERROR_MUST_USE;
/* Syncs as durability asks. No write after it. */
Error *store_blob_finish(StoreBlob *blob) ERROR_MUST_USE;
const char *store_blob_id(const StoreBlob *blob);
gint64 store_blob_size(const StoreBlob *blob);
/* Drops the handle; an unlinked file goes with it. */
void store_blob_free(StoreBlob *blob);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreBlob, store_blob_free)
/* The file belongs to the database from this transaction's commit on. */
Error *store_blob_link(Txn *txn, StoreBlob *blob) ERROR_MUST_USE;
/* The file goes with this transaction's commit (open readers keep it). */
Error *store_blob_unlink(Txn *txn, const char *id) ERROR_MUST_USE;
/* Opens a linked (or finished) blob for reading at any offset. */
typedef struct StoreBlobReader StoreBlobReader;
Error *store_blob_open(Store *store, const char *id, const guint8 *key, StoreBlobReader **ret_reader) ERROR_MUST_USE;
Error *store_blob_read(StoreBlobReader *reader, gint64 offset, void *buffer, gsize size, gsize *ret_size) ERROR_MUST_USE;
void store_blob_reader_free(StoreBlobReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreBlobReader, store_blob_reader_free)

/* AES-256-GCM of small values: nonce, ciphertext, tag in one piece (arena). A wrong key or changed bytes: a fault. */
Error *store_seal(Arena *arena, const guint8 key[32], const void *data, gsize size, guint8 **ret_data, gsize *ret_size) ERROR_MUST_USE;
Error *store_open_sealed(Arena *arena, const guint8 key[32], const void *data, gsize size, guint8 **ret_data, gsize *ret_size) ERROR_MUST_USE;
