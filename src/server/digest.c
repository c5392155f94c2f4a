#include "server/digest.h"

#include <openssl/evp.h>
#include <string.h>
#include <zlib.h>

/* From ASIDE_FROM bytes on a thread of its own computes, while who feeds it encrypts and writes what came: MD5 alone takes longer than both. */
enum { ASIDE_FROM = 1 << 20, PIECE = 64 * 1024, PIECES = 8 };

typedef struct Piece {
  gsize size;
  guint8 bytes[PIECE];
} Piece;

typedef struct Aside {
  Digests *digests;
  GThread *thread;
  GMutex mutex; /* of the numbers */
  GCond cond;
  guint64 filled, used; /* pieces, since it began: number n is pieces[n % PIECES] */
  gboolean ends;
  Piece pieces[PIECES];
} Aside;

struct Digests {
  guint set;
  EVP_MD_CTX *md5, *sha1, *sha256;
  guint32 crc32, crc32c;
  guint64 crc64;
  guint64 size;
  Aside *aside; /* NULL: not yet */
  gboolean alone; /* there is no thread to be had */
};

/* --- CRCs, eight bytes a step; reflected polynomials of CRC-32C (Castagnoli) and CRC-64/NVME --- */

typedef struct CrcTables {
  guint32 c32[8][256];
  guint64 c64[8][256];
} CrcTables;

static void
fill_tables(CrcTables *tables)
{
  for (guint i = 0; i < 256; i++) {
    guint32 a = i;
    guint64 b = i;
    for (int bit = 0; bit < 8; bit++) {
      a = (a >> 1) ^ (a & 1 ? 0x82f63b78u : 0);
      b = (b >> 1) ^ (b & 1 ? G_GUINT64_CONSTANT(0x9a6c9329ac4bc9b5) : 0);
    }
    tables->c32[0][i] = a;
    tables->c64[0][i] = b;
  }
  for (guint k = 1; k < 8; k++)
    for (guint i = 0; i < 256; i++) {
      tables->c32[k][i] = (tables->c32[k - 1][i] >> 8) ^ tables->c32[0][tables->c32[k - 1][i] & 0xff];
      tables->c64[k][i] = (tables->c64[k - 1][i] >> 8) ^ tables->c64[0][tables->c64[k - 1][i] & 0xff];
    }
}

/* Computed once; const from then on. */
static const CrcTables *
crc_tables(void)
{
  static CrcTables tables;
  static gsize ready;
  if (g_once_init_enter(&ready)) {
    fill_tables(&tables);
    g_once_init_leave(&ready, 1);
  }
  return &tables;
}

guint32
digest_crc32c(guint32 crc, const void *data, gsize size)
{
  const CrcTables *t = crc_tables();
  const guint8 *at = data;
  crc = ~crc;
  for (; size >= 8; size -= 8, at += 8) {
    guint64 word;
    memcpy(&word, at, 8);
    word = GUINT64_FROM_LE(word) ^ crc;
    crc = 0;
    for (guint k = 0; k < 8; k++)
      crc ^= t->c32[7 - k][(word >> (8 * k)) & 0xff];
  }
  for (; size; size--)
    crc = (crc >> 8) ^ t->c32[0][(crc ^ *at++) & 0xff];
  return ~crc;
}

guint64
digest_crc64nvme(guint64 crc, const void *data, gsize size)
{
  const CrcTables *t = crc_tables();
  const guint8 *at = data;
  crc = ~crc;
  for (; size >= 8; size -= 8, at += 8) {
    guint64 word;
    memcpy(&word, at, 8);
    word = GUINT64_FROM_LE(word) ^ crc;
    crc = 0;
    for (guint k = 0; k < 8; k++)
      crc ^= t->c64[7 - k][(word >> (8 * k)) & 0xff];
  }
  for (; size; size--)
    crc = (crc >> 8) ^ t->c64[0][(crc ^ *at++) & 0xff];
  return ~crc;
}

/* --- all together --- */

static EVP_MD_CTX *
start(guint set, guint which, const EVP_MD *algorithm)
{
  if (!(set & which))
    return NULL;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  g_assert(context && EVP_DigestInit_ex(context, algorithm, NULL) == 1);
  return context;
}

Digests *
digests_new(guint set)
{
  Digests *digests = g_new0(Digests, 1);
  digests->set = set;
  digests->md5 = start(set, DIGEST_MD5, EVP_md5());
  digests->sha1 = start(set, DIGEST_SHA1, EVP_sha1());
  digests->sha256 = start(set, DIGEST_SHA256, EVP_sha256());
  return digests;
}

static void
compute(Digests *digests, const void *data, gsize size)
{
  EVP_MD_CTX *const contexts[] = {digests->md5, digests->sha1, digests->sha256};
  for (gsize i = 0; i < G_N_ELEMENTS(contexts); i++)
    if (contexts[i])
      EVP_DigestUpdate(contexts[i], data, size);
  if (digests->set & DIGEST_CRC32)
    digests->crc32 = (guint32) crc32_z(digests->crc32, data, size);
  if (digests->set & DIGEST_CRC32C)
    digests->crc32c = digest_crc32c(digests->crc32c, data, size);
  if (digests->set & DIGEST_CRC64NVME)
    digests->crc64 = digest_crc64nvme(digests->crc64, data, size);
}

/* --- aside --- */

/* The next piece that is full; NULL: it is over. */
static const Piece *
next_piece(Aside *aside)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&aside->mutex);
  while (aside->used == aside->filled && !aside->ends)
    g_cond_wait(&aside->cond, &aside->mutex);
  return aside->used == aside->filled ? NULL : &aside->pieces[aside->used % PIECES];
}

static gpointer
compute_aside(gpointer data)
{
  Aside *aside = data;
  for (const Piece *piece; (piece = next_piece(aside));) {
    compute(aside->digests, piece->bytes, piece->size);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&aside->mutex);
    aside->used++;
    g_cond_signal(&aside->cond);
  }
  return NULL;
}

static void
begin_aside(Digests *digests)
{
  Aside *aside = g_new(Aside, 1);
  aside->digests = digests;
  aside->filled = aside->used = 0;
  aside->ends = FALSE;
  aside->pieces[0].size = 0;
  g_mutex_init(&aside->mutex);
  g_cond_init(&aside->cond);
  digests->aside = aside;
  aside->thread = g_thread_try_new("digest", compute_aside, aside, NULL);
  if (aside->thread)
    return;
  digests->alone = TRUE;
  digests->aside = NULL;
  g_free(aside);
}

/* Hands the piece that is being filled over, and waits for another that is free. */
static void
hand_over(Aside *aside, gboolean ends)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&aside->mutex);
  aside->filled += !ends || aside->pieces[aside->filled % PIECES].size;
  aside->ends = ends;
  g_cond_signal(&aside->cond);
  while (!ends && aside->filled - aside->used == PIECES)
    g_cond_wait(&aside->cond, &aside->mutex);
  if (!ends)
    aside->pieces[aside->filled % PIECES].size = 0;
}

static void
feed(Aside *aside, const guint8 *data, gsize size)
{
  while (size) {
    Piece *piece = &aside->pieces[aside->filled % PIECES]; /* only who feeds changes filled */
    gsize n = MIN(size, PIECE - piece->size);
    memcpy(piece->bytes + piece->size, data, n);
    piece->size += n;
    data += n;
    size -= n;
    if (piece->size == PIECE)
      hand_over(aside, FALSE);
  }
}

static void
end_aside(Digests *digests)
{
  Aside *aside = g_steal_pointer(&digests->aside);
  if (!aside)
    return;
  hand_over(aside, TRUE);
  g_thread_join(aside->thread);
  g_mutex_clear(&aside->mutex);
  g_cond_clear(&aside->cond);
  g_free(aside);
}

void
digests_free(Digests *digests)
{
  if (!digests)
    return;
  end_aside(digests);
  EVP_MD_CTX_free(digests->md5);
  EVP_MD_CTX_free(digests->sha1);
  EVP_MD_CTX_free(digests->sha256);
  g_free(digests);
}

void
digests_update(Digests *digests, const void *data, gsize size)
{
  digests->size += size;
  if (!digests->aside && !digests->alone && digests->size >= ASIDE_FROM)
    begin_aside(digests);
  if (digests->aside)
    feed(digests->aside, data, size);
  else
    compute(digests, data, size);
}

void
digests_finish(Digests *digests, BodySpool *spool)
{
  end_aside(digests);
  if (digests->md5)
    EVP_DigestFinal_ex(digests->md5, spool->md5, NULL);
  if (digests->sha1)
    EVP_DigestFinal_ex(digests->sha1, spool->sha1, NULL);
  if (digests->sha256)
    EVP_DigestFinal_ex(digests->sha256, spool->sha256, NULL);
  spool->crc32 = digests->crc32;
  spool->crc32c = digests->crc32c;
  spool->crc64nvme = digests->crc64;
}
