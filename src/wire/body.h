/* body: a streaming payload (S3 objects, large Lambda answers): read piece by piece, never whole in memory. */
#pragma once

#include "base/base.h"

typedef struct Body Body;
struct Body {
  gint64 size;  /* bytes; -1 = not known */
  /* Copies up to size bytes from offset to buffer; *ret_size 0 = the end. Offsets only grow. One thread at a time. */
  Error *(*read)(Body *body, gint64 offset, void *buffer, gsize size, gsize *ret_size);
  void (*free)(Body *body);  /* NULL: nothing to free */
  gpointer data;             /* the reader's own */
  gboolean spooled;          /* data is a BodySpool */
};

/* What the server computed while a request's streaming body went past. The body of such an operation was spooled to
 * the end, and its declared digests verified, before the handler runs: Body.data is then a BodySpool. */
typedef struct BodySpool {
  gpointer blob;             /* StoreBlob *, written and not yet linked; NULL: the bytes are in memory */
  guint8 key[32];            /* of blob: random, made for this blob. Without it the file cannot be read: store it (sealed, if the resource
                                is encrypted by KMS) */
  const guint8 *bytes;       /* arena; NULL if blob is set */
  gint64 size;
  /* md5 always; the others if the request names them (x-amz-content-sha256, x-amz-checksum-*, x-amz-sdk-checksum-algorithm, ...). */
  guint8 md5[16], sha1[20], sha256[32];
  guint32 crc32, crc32c;
  guint64 crc64nvme;
} BodySpool;

/* A body over bytes that outlive it. Returns: arena. */
Body *body_from_bytes(Arena *arena, const void *data, gsize size);
/* The spool of a request's body, or NULL if body is not one. */
BodySpool *body_spool(Body *body);
/* Reads it whole; more than max bytes is an answer EntityTooLarge. Result: arena. */
Error *body_read_all(Body *body, Arena *arena, gsize max, guint8 **ret_data, gsize *ret_size) ERROR_MUST_USE;
