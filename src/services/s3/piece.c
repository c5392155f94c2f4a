/* The bytes of objects: small ones sealed in the record, large ones in files of the store with a key of their own, which is sealed. */
#include "services/s3/s3.h"
#include <openssl/evp.h>
#include <string.h>
#include <zlib.h>

/* -- in ------------------------------------------------------------------------------------------------------------------------------ */

void
piece_draft_clear(PieceDraft *draft)
{
  if (draft->own_blob)
    store_blob_free(draft->blob);
  memset(draft, 0, sizeof *draft);
}

typedef struct Digester {
  EVP_MD_CTX *md5, *sha1, *sha256;
  uLong crc32;
} Digester;

static void
digester_clear(Digester *d)
{
  EVP_MD_CTX_free(d->md5);
  EVP_MD_CTX_free(d->sha1);
  EVP_MD_CTX_free(d->sha256);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Digester, digester_clear)

static void
digester_begin(Digester *d)
{
  d->md5 = EVP_MD_CTX_new();
  d->sha1 = EVP_MD_CTX_new();
  d->sha256 = EVP_MD_CTX_new();
  EVP_DigestInit_ex(d->md5, EVP_md5(), NULL);
  EVP_DigestInit_ex(d->sha1, EVP_sha1(), NULL);
  EVP_DigestInit_ex(d->sha256, EVP_sha256(), NULL);
  d->crc32 = crc32(0, NULL, 0);
}

static void
digester_add(Digester *d, const guint8 *data, gsize size)
{
  EVP_DigestUpdate(d->md5, data, size);
  EVP_DigestUpdate(d->sha1, data, size);
  EVP_DigestUpdate(d->sha256, data, size);
  d->crc32 = crc32(d->crc32, data, (uInt) size);
}

static void
digester_end(Digester *d, BodySpool *ret)
{
  EVP_DigestFinal_ex(d->md5, ret->md5, NULL);
  EVP_DigestFinal_ex(d->sha1, ret->sha1, NULL);
  EVP_DigestFinal_ex(d->sha256, ret->sha256, NULL);
  ret->crc32 = (guint32) d->crc32;
}

static Error *
keep(Call *call, PieceDraft *draft, GByteArray *memory, const guint8 *data, gsize size)
{
  draft->size += (gint64) size;
  if (!draft->blob && draft->size <= LIMIT_INLINE_VALUE_MAX) {
    g_byte_array_append(memory, data, (guint) size);
    return NULL;
  }
  if (!draft->blob) {
    id_random(draft->blob_key, sizeof draft->blob_key);
    TRY(store_blob_begin(call->haar->store, draft->blob_key, &draft->blob));
    draft->own_blob = TRUE;
    TRY(store_blob_write(draft->blob, memory->data, memory->len));
  }
  return store_blob_write(draft->blob, data, size);
}

static Error *
draft_body(Call *call, Body *body, gint64 max, PieceDraft *draft)
{
  g_autoptr(GByteArray) memory = g_byte_array_new();
  g_auto(Digester) digester = {0};
  g_autofree guint8 *buffer = g_malloc(65536);
  digester_begin(&digester);
  for (;;) {
    gsize n = 0;
    TRY(body->read(body, draft->size, buffer, 65536, &n));
    if (!n)
      break;
    if (draft->size + (gint64) n > max)
      return error_answer_status(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
    digester_add(&digester, buffer, n);
    TRY(keep(call, draft, memory, buffer, n));
  }
  digester_end(&digester, &draft->digests);
  if (draft->blob)
    return store_blob_finish(draft->blob);
  draft->bytes = arena_memdup(call->arena, memory->data ? memory->data : (guint8 *) "", memory->len);
  return NULL;
}

Error *
piece_draft(Call *call, Body *body, gint64 max, PieceDraft *ret_draft)
{
  BodySpool *spool = body_spool(body);
  Body *empty = body_from_bytes(call->arena, "", 0);
  if (!spool)
    return draft_body(call, body ? body : empty, max, ret_draft);
  ret_draft->digests = *spool;
  ret_draft->size = spool->size;
  ret_draft->blob = spool->blob;
  ret_draft->bytes = spool->bytes;
  memcpy(ret_draft->blob_key, spool->key, 32);
  return spool->size > max ? error_answer_status(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size") : NULL;
}

Error *
piece_commit(Call *call, const PieceDraft *draft, const guint8 key[32], S3PieceRecord **ret_piece)
{
  S3PieceRecord *piece = ARENA_NEW(call->arena, S3PieceRecord);
  guint8 *sealed = NULL;
  gsize size = 0;
  piece->Size = OPT_INT(draft->size);
  piece->Modified = OPT_TIME(call->now / 1000 * 1000);
  piece->Etag = text_hex(call->arena, draft->digests.md5, 16);
  *ret_piece = piece;
  if (draft->blob) {
    TRY(store_blob_link(call->txn, draft->blob));
    TRY(store_seal(call->arena, key, draft->blob_key, 32, &sealed, &size));
    piece->Blob = arena_strdup(call->arena, store_blob_id(draft->blob));
    piece->Key = (Blob){sealed, size};
    return NULL;
  }
  TRY(store_seal(call->arena, key, draft->bytes ? draft->bytes : (const guint8 *) "", (gsize) draft->size, &sealed, &size));
  piece->Data = (Blob){sealed, size};
  return NULL;
}

const char *
digest_checksum(Arena *arena, const BodySpool *digests, const char *algorithm)
{
  guint32 crc32_be = GUINT32_TO_BE(digests->crc32), crc32c_be = GUINT32_TO_BE(digests->crc32c);
  guint64 crc64_be = GUINT64_TO_BE(digests->crc64nvme);
  const struct {
    const char *name;
    const void *data;
    gsize size;
  } rows[] = {
    {"CRC32", &crc32_be, 4}, {"CRC32C", &crc32c_be, 4}, {"CRC64NVME", &crc64_be, 8}, {"SHA1", digests->sha1, 20}, {"SHA256", digests->sha256, 32},
  };
  for (guint i = 0; algorithm && i < G_N_ELEMENTS(rows); i++)
    if (!strcmp(rows[i].name, algorithm))
      return text_base64(arena, rows[i].data, rows[i].size);
  return NULL;
}

/* -- out ----------------------------------------------------------------------------------------------------------------------------- */

typedef struct ObjectReader {
  Store *store;
  Arena *arena;
  const S3ObjectRecord *object;
  guint8 key[32];
  gint64 offset;             /* in the object, of the body's first byte */
  gsize at;                  /* the piece that is open */
  gint64 at_offset;          /* in the object, of its first byte */
  gboolean open;
  StoreBlobReader *blob;
  guint8 *bytes;
} ObjectReader;

static void
close_piece(ObjectReader *r)
{
  g_clear_pointer(&r->blob, store_blob_reader_free);
  r->bytes = NULL;
  r->open = FALSE;
}

static Error *
open_piece(ObjectReader *r)
{
  const S3PieceRecord *piece = r->object->Pieces.v[r->at];
  guint8 *key = NULL;
  gsize size = 0;
  r->open = TRUE;
  if (!piece->Blob)
    return store_open_sealed(r->arena, r->key, piece->Data.data, piece->Data.size, &r->bytes, &size);
  TRY(store_open_sealed(r->arena, r->key, piece->Key.data, piece->Key.size, &key, &size));
  return store_blob_open(r->store, piece->Blob, key, &r->blob);
}

static Error *
read_piece(ObjectReader *r, gint64 offset, void *buffer, gsize size, gsize *ret_size)
{
  if (!r->open)
    TRY(open_piece(r));
  if (r->blob)
    return store_blob_read(r->blob, offset, buffer, size, ret_size);
  memcpy(buffer, r->bytes + offset, size);
  *ret_size = size;
  return NULL;
}

static Error *
read_object(Body *body, gint64 offset, void *buffer, gsize size, gsize *ret_size)
{
  ObjectReader *r = body->data;
  const S3PieceRecords *pieces = &r->object->Pieces;
  gint64 position = r->offset + offset;
  *ret_size = 0;
  if (offset >= body->size)
    return NULL;
  while (r->at < pieces->n && position >= r->at_offset + pieces->v[r->at]->Size.v) {
    close_piece(r);
    r->at_offset += pieces->v[r->at++]->Size.v;
  }
  if (r->at >= pieces->n)
    return NULL;
  gint64 left = MIN(r->at_offset + pieces->v[r->at]->Size.v - position, body->size - offset);
  return read_piece(r, position - r->at_offset, buffer, MIN(size, (gsize) left), ret_size);
}

static void
free_object_body(Body *body)
{
  ObjectReader *r = body->data;
  close_piece(r);
  memset(r->key, 0, sizeof r->key);
}

/* The first piece is opened at once, so that what cannot be read is told before the answer begins. */
Error *
pieces_body(Call *call, const S3ObjectRecord *object, const guint8 key[32], gint64 offset, gint64 size, Body **ret_body)
{
  ObjectReader *r = ARENA_NEW(call->arena, ObjectReader);
  Body *body = ARENA_NEW(call->arena, Body);
  *r = (ObjectReader){.store = call->haar->store, .arena = call->arena, .object = object, .offset = offset};
  memcpy(r->key, key, 32);
  *body = (Body){.size = size, .read = read_object, .free = free_object_body, .data = r};
  while (r->at + 1 < object->Pieces.n && offset >= r->at_offset + object->Pieces.v[r->at]->Size.v)
    r->at_offset += object->Pieces.v[r->at++]->Size.v;
  Error *error = size && object->Pieces.n ? open_piece(r) : NULL;
  if (error) {
    free_object_body(body);
    return error;
  }
  *ret_body = body;
  return NULL;
}
