/* internal: what the store's own files share.
 *
 * One LMDB database holds all tables. A physical key is a table's id (4 bytes, a hash of its name) and the logical key's bytes.
 * LMDB's keys end at 511 bytes, so a logical key of more than SEGMENT bytes is cut: its first SEGMENT bytes and one zero byte are a
 * pointer entry whose value is the id of a node; the rest of the key is below NODE_TABLE and that id, cut again if it must be. No
 * entry of a level is longer than SEGMENT bytes except the pointers, so the length tells them apart, and a pointer sorts behind
 * the key that equals its segment and before all that is greater: the tree has the order of the logical keys.
 *
 * A stored value begins with a byte: VALUE_INLINE, then the value; or VALUE_FILE, then the id of a blob. */
#pragma once

#include "store/store.h"
#include <lmdb.h>

#define TABLE_ID_SIZE 4
#define NODE_TABLE 0xffffffffu
#define META_TABLE 0u
#define NODE_BASE_SIZE (TABLE_ID_SIZE + 8)
#define PHYSICAL_MAX 511
#define SEGMENT (PHYSICAL_MAX - NODE_BASE_SIZE - 1)

enum { VALUE_INLINE = 0, VALUE_FILE = 1 };
#define BLOB_ID_SIZE 32

typedef struct Write Write;

struct Store {
  char *directory;
  Durability durability;
  int lock_fd;
  MDB_env *env;
  MDB_dbi dbi;
  guint8 seal_key[32];     /* store_txn_seal's */
  GHashTable *table_names; /* writer thread: table id -> name, to see two names of one id */

  GMutex readers_mutex;
  GPtrArray *readers; /* Txn *, reset, to be used again */
  GQueue reading;     /* Txn *, those that are open, by their own links */
  GQueue removals;    /* Removal *, in the order of commits: files that an open reader may still look for */

  GMutex queue_mutex;
  GCond queue_cond, sync_cond;
  Write *queue_first, *queue_last;
  gboolean closing, waiting; /* waiting: the writer, for a write */
  gint dirty; /* atomic: committed since the last sync */
  GThread *writer, *syncer;

  GMutex space_mutex;  /* the file of the reserve */
  gssize space_looked; /* atomic: when, monotonic microseconds */
  gint space_short;    /* atomic: what was seen */
};

/* What a function did to one physical entry, to be undone: data NULL = there was none. */
typedef struct Undo {
  guint8 *key, *data; /* one piece of memory, key's */
  gsize key_size, size;
} Undo;

typedef struct Hook {
  void (*function)(gpointer);
  gpointer data;
  GDestroyNotify destroy;
} Hook;

struct Txn {
  Store *store;
  MDB_txn *mdb;
  MDB_cursor *cursor;   /* entry.c's, of a writable transaction, which frees it; NULL: none yet */
  gboolean writable;
  guint64 writes;       /* counts changes: a cursor that sees another number looks up its place again */
  GArray *undo;         /* Undo; NULL: the function is alone, an error aborts the transaction */
  GArray *hooks;        /* Hook, of the function that runs now; NULL: none yet */
  GPtrArray *new_blobs; /* ids to be moved to their place after the commit, of this function; or NULL */
  GPtrArray *old_blobs; /* ids to be removed after the commit; or NULL */
  GPtrArray *buffers;   /* values read from files; or NULL */
  GList link;           /* a reader's, in store->reading */
  gsize snapshot;       /* atomic: the commit that a reader sees; 0: it begins */
};

/* removal.c: files of values that a commit replaced or deleted. ids: transfer full. */
void removal_add(Store *store, gsize commit, GPtrArray *ids);
/* Removes those that no open reader can look for any more. */
void removal_run(Store *store);
void removals_free(Store *store);

/* seal.c: reads the directory's key, or makes it. */
Error *seal_open_key(Store *store) ERROR_MUST_USE;

/* An error of LMDB or errno in a user's terms. rc 0 gives NULL. */
Error *store_error(Store *store, int rc, const char *what) ERROR_MUST_USE;

/* space.c: looks at the disk now, holds or gives up the reserve; store_is_short knows it too. refused: the disk has just taken no
 * more, whatever it says is left. */
gboolean space_look(Store *store, gboolean refused);

/* key.c: the id of a table. */
guint32 table_id(const char *name);

/* entry.c: physical entries, with the undo list kept. */
Error *entry_get(Txn *txn, const void *key, gsize key_size, MDB_val *ret_value, gboolean *ret_found) ERROR_MUST_USE;
/* The value is head_size bytes of head and then size bytes of data. */
Error *entry_put(Txn *txn, const void *key, gsize key_size, const void *head, gsize head_size, const void *data, gsize size) ERROR_MUST_USE;
Error *entry_delete(Txn *txn, const void *key, gsize key_size, gboolean *ret_existed) ERROR_MUST_USE;
/* Undoes what the running function did. A fault: the whole transaction must be given up. */
Error *entry_undo(Txn *txn) ERROR_MUST_USE;

/* path.c: where a logical key is. */
typedef struct Path {
  guint8 physical[PHYSICAL_MAX];
  gsize size;
  guint64 nodes[16]; /* of the levels below the first */
  guint depth;
} Path;
void path_base(guint32 table, guint64 node, guint depth, guint8 *physical, gsize *ret_size);
guint64 path_node_read(const MDB_val *value);
/* *ret_found FALSE: a node on the way is not there. create makes it. */
Error *path_find(Txn *txn, guint32 table, const guint8 *key, gsize size, gboolean create, Path *ret_path, gboolean *ret_found) ERROR_MUST_USE;
/* After a delete: removes the nodes of the path that have become empty. */
Error *path_prune(Txn *txn, guint32 table, const guint8 *key, const Path *path) ERROR_MUST_USE;

/* value.c: the bytes that a stored value stands for; those of files belong to the transaction. */
Error *value_read(Txn *txn, const MDB_val *stored, const void **ret_data, gsize *ret_size) ERROR_MUST_USE;

/* blob.c */
char *blob_path(const Store *store, const char *id);
char *blob_new_path(const Store *store, const char *id);
Error *blob_link_id(Txn *txn, const char *id, gint64 size) ERROR_MUST_USE;
void blob_place(const Store *store, const char *id);
void blob_remove(const Store *store, const char *id);
extern const Table blob_table, trash_table;

/* crypt.c: the chunks of an encrypted blob. */
#define CHUNK 65536
#define CRYPT_TAG 16
#define CRYPT_HEADER 24
typedef struct Crypt Crypt;
/* header: CRYPT_HEADER bytes of the file. */
Error *crypt_new(const guint8 key[32], const guint8 *header, Crypt **ret_crypt) ERROR_MUST_USE;
void crypt_header(guint8 *ret_header);
void crypt_free(Crypt *crypt);
/* out: size + CRYPT_TAG bytes. */
Error *crypt_seal_chunk(Crypt *crypt, guint64 index, gboolean last, const guint8 *data, gsize size, guint8 *out) ERROR_MUST_USE;
/* data: size bytes with the tag; out: size - CRYPT_TAG bytes. */
Error *crypt_open_chunk(Crypt *crypt, guint64 index, gboolean last, const guint8 *data, gsize size, guint8 *out) ERROR_MUST_USE;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Crypt, crypt_free)

/* recover.c: brings files and rows together at start, before the writer runs. */
Error *store_recover(Store *store) ERROR_MUST_USE;

/* writer.c */
void writer_start(Store *store);
void writer_stop(Store *store);

/* txn.c */
void txn_init(Txn *txn, Store *store, MDB_txn *mdb, gboolean writable);
void txn_clear(Txn *txn);
void readers_free(Store *store);
