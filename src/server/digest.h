/* digest: several digests of the same bytes in one pass. */
#pragma once

#include "wire/body.h"

typedef enum {
  DIGEST_MD5 = 1, DIGEST_SHA1 = 2, DIGEST_SHA256 = 4, DIGEST_CRC32 = 8, DIGEST_CRC32C = 16, DIGEST_CRC64NVME = 32,
} DigestSet;

typedef struct Digests Digests;

/* Computes the digests in set. */
Digests *digests_new(guint set);
void digests_free(Digests *digests);
void digests_update(Digests *digests, const void *data, gsize size);
/* Fills the digests in spool. */
void digests_finish(Digests *digests, BodySpool *spool);
/* CRCs by themselves; start with 0. */
guint32 digest_crc32c(guint32 crc, const void *data, gsize size);
guint64 digest_crc64nvme(guint64 crc, const void *data, gsize size);
