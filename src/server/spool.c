#include "server/spool.h"

#include <string.h>

#include "server/digest.h"

struct Spool {
  Store *store;
  const HttpRequest *request;
  const Sigv4 *signature;
  ChunkedDecoder *chunked; /* NULL: the body is plain */
  GByteArray *decoded;     /* of one piece */
  GByteArray *memory;      /* while it is small */
  StoreBlob *blob;
  StoreBlobReader *reader;
  Digests *digests;
  BodySpool out;
};

/* --- what is to be computed --- */

typedef struct Checksum {
  const char *header; /* "x-amz-checksum-" and this */
  const char *name;   /* in messages and x-amz-sdk-checksum-algorithm */
  guint digest;
} Checksum;

static const Checksum checksums[] = {
    {"x-amz-checksum-crc32", "CRC32", DIGEST_CRC32},
    {"x-amz-checksum-crc32c", "CRC32C", DIGEST_CRC32C},
    {"x-amz-checksum-sha1", "SHA1", DIGEST_SHA1},
    {"x-amz-checksum-sha256", "SHA256", DIGEST_SHA256},
    {"x-amz-checksum-crc64nvme", "CRC64NVME", DIGEST_CRC64NVME},
};

static gboolean
names(const HttpRequest *request, const char *header, const char *name)
{
  const char *value = http_header(request, header);
  return value && g_ascii_strcasecmp(value, name) == 0;
}

static gboolean
is_hex_hash(const char *text)
{
  return text && strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

static guint
wanted_digests(const HttpRequest *request)
{
  guint set = DIGEST_MD5;
  if (is_hex_hash(http_header(request, "x-amz-content-sha256")))
    set |= DIGEST_SHA256;
  for (gsize i = 0; i < G_N_ELEMENTS(checksums); i++)
    if (http_header(request, checksums[i].header) || names(request, "x-amz-trailer", checksums[i].header) ||
        names(request, "x-amz-sdk-checksum-algorithm", checksums[i].name) || names(request, "x-amz-checksum-algorithm", checksums[i].name))
      set |= checksums[i].digest;
  return set;
}

Spool *
spool_new(Store *store, const HttpRequest *request, const Sigv4 *signature, const char *secret_key)
{
  Spool *spool = g_new0(Spool, 1);
  spool->store = store;
  spool->request = request;
  spool->signature = signature;
  spool->memory = g_byte_array_new();
  spool->decoded = g_byte_array_new();
  spool->digests = digests_new(wanted_digests(request));
  if (signature->chunked)
    spool->chunked = chunked_new(signature, secret_key);
  return spool;
}

void
spool_free(Spool *spool)
{
  if (!spool)
    return;
  g_clear_pointer(&spool->chunked, chunked_free);
  g_clear_pointer(&spool->reader, store_blob_reader_free);
  g_clear_pointer(&spool->blob, store_blob_free);
  g_byte_array_unref(spool->memory);
  g_byte_array_unref(spool->decoded);
  digests_free(spool->digests);
  memset(&spool->out.key, 0, sizeof spool->out.key);
  g_free(spool);
}

/* --- bytes come in --- */

static Error *
move_to_blob(Spool *spool)
{
  id_random(spool->out.key, sizeof spool->out.key);
  TRY(store_blob_begin(spool->store, spool->out.key, &spool->blob));
  TRY(store_blob_write(spool->blob, spool->memory->data, spool->memory->len));
  g_byte_array_set_size(spool->memory, 0);
  return NULL;
}

static Error *
keep(Spool *spool, const void *data, gsize size)
{
  if (!size)
    return NULL;
  spool->out.size += (gint64) size;
  if (spool->out.size > LIMIT_OBJECT_MAX)
    return error_answer_status(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
  digests_update(spool->digests, data, size);
  if (!spool->blob && spool->out.size > LIMIT_INLINE_VALUE_MAX)
    TRY(move_to_blob(spool));
  if (spool->blob)
    return store_blob_write(spool->blob, data, size);
  g_byte_array_append(spool->memory, data, (guint) size);
  return NULL;
}

Error *
spool_feed(Spool *spool, const void *data, gsize size)
{
  if (!spool->chunked)
    return keep(spool, data, size);
  g_byte_array_set_size(spool->decoded, 0);
  TRY(chunked_feed(spool->chunked, data, size, spool->decoded));
  return keep(spool, spool->decoded->data, spool->decoded->len);
}

/* --- what the request declared of it --- */

static const char *
computed(const Spool *spool, Arena *arena, guint digest)
{
  guint32 crc32 = GUINT32_TO_BE(spool->out.crc32), crc32c = GUINT32_TO_BE(spool->out.crc32c);
  guint64 crc64 = GUINT64_TO_BE(spool->out.crc64nvme);
  switch ((DigestSet) digest) {
  case DIGEST_MD5:
    return text_base64(arena, spool->out.md5, 16);
  case DIGEST_SHA1:
    return text_base64(arena, spool->out.sha1, 20);
  case DIGEST_SHA256:
    return text_base64(arena, spool->out.sha256, 32);
  case DIGEST_CRC32:
    return text_base64(arena, &crc32, 4);
  case DIGEST_CRC32C:
    return text_base64(arena, &crc32c, 4);
  case DIGEST_CRC64NVME:
    return text_base64(arena, &crc64, 8);
  }
  return "";
}

static Error *
verify_content_md5(const Spool *spool, Arena *arena)
{
  const char *declared = http_header(spool->request, "content-md5");
  gsize size = 0;
  if (!declared)
    return NULL;
  if (!text_unbase64(arena, declared, &size) || size != 16)
    return error_answer_status(400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
  if (strcmp(declared, computed(spool, arena, DIGEST_MD5)) != 0)
    return error_answer_status(400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
  return NULL;
}

static Error *
verify_sha256(const Spool *spool, Arena *arena)
{
  const char *declared = http_header(spool->request, "x-amz-content-sha256");
  if (!is_hex_hash(declared))
    return NULL;
  const char *hash = text_hex(arena, spool->out.sha256, 32);
  if (g_ascii_strcasecmp(declared, hash) == 0)
    return NULL;
  Error *error =
      error_answer_status(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.");
  error = error_field(error, "ClientComputedContentSHA256", declared);
  return error_field(error, "S3ComputedContentSHA256", hash);
}

static Error *
verify_checksums(const Spool *spool, Arena *arena, const StringMap *trailers)
{
  for (gsize i = 0; i < G_N_ELEMENTS(checksums); i++) {
    const char *declared = http_header(spool->request, checksums[i].header);
    if (!declared)
      declared = string_map_get(trailers, checksums[i].header);
    if (declared && strcmp(declared, computed(spool, arena, checksums[i].digest)) != 0)
      return error_answer_status(400, "BadDigest", "The %s you specified did not match the calculated checksum.", checksums[i].name);
  }
  return NULL;
}

static Error *
verify_length(const Spool *spool)
{
  const char *declared = http_header(spool->request, "x-amz-decoded-content-length");
  if (spool->chunked && declared && g_ascii_strtoll(declared, NULL, 10) != spool->out.size)
    return error_answer_status(400, "IncompleteBody", "The request body terminated unexpectedly");
  return NULL;
}

static Error *
read_spool(Body *body, gint64 offset, void *buffer, gsize size, gsize *ret_size)
{
  const BodySpool *out = body->data;
  Spool *spool = (Spool *) (void *) ((guint8 *) body->data - G_STRUCT_OFFSET(Spool, out));
  *ret_size = 0;
  if (offset >= out->size)
    return NULL;
  if (!out->blob) {
    *ret_size = MIN(size, (gsize) (out->size - offset));
    memcpy(buffer, out->bytes + offset, *ret_size);
    return NULL;
  }
  if (!spool->reader)
    TRY(store_blob_open(spool->store, store_blob_id(spool->blob), out->key, &spool->reader));
  return store_blob_read(spool->reader, offset, buffer, size, ret_size);
}

Error *
spool_finish(Spool *spool, Arena *arena, Body **ret_body)
{
  StringMap trailers = {0};
  if (spool->chunked)
    TRY(chunked_finish(spool->chunked, arena, &trailers));
  digests_finish(spool->digests, &spool->out);
  TRY(verify_length(spool));
  TRY(verify_sha256(spool, arena));
  TRY(verify_content_md5(spool, arena));
  TRY(verify_checksums(spool, arena, &trailers));
  if (spool->blob)
    TRY(store_blob_finish(spool->blob));
  spool->out.blob = spool->blob;
  spool->out.bytes = spool->blob ? NULL : arena_memdup(arena, spool->memory->data, spool->memory->len);
  Body *body = ARENA_NEW(arena, Body);
  *body = (Body){.size = spool->out.size, .read = read_spool, .data = &spool->out, .spooled = TRUE};
  *ret_body = body;
  return NULL;
}
