/* internal: what the files of sigv4 share. */
#pragma once

#include "wire/sigv4.h"
#include <nettle/hmac.h>
#include <nettle/sha2.h>

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* hash.c */
void sha256(const void *data, gsize size, guint8 ret[32]);
char *sha256_hex(Arena *arena, const void *data, gsize size);
void hmac_sha256(const void *key, gsize key_size, const void *data, gsize size, guint8 ret[32]);
/* The HMAC keyed with the signing key of a day, region and service; the thread remembers the last ones. */
void signing_key(const char *secret_key, const char *date, const char *region, const char *service, struct hmac_sha256_ctx *ret_context);
/* hex(HMAC(signing key, text)) (arena). */
char *sign_text(Arena *arena, const Sigv4 *scope, const char *secret_key, const char *text);

/* canonical.c */
typedef struct Canonical {
  const char *method, *path, *query; /* raw */
  const StringMap *headers;          /* names in any case */
  const char *signed_headers;        /* "host;x-amz-date" */
  const char *payload_hash;
  gboolean s3;
  gboolean tight_lists;              /* ", " between joined values was "," when it was signed */
} Canonical;
char *canonical_request(Arena *arena, const Canonical *request);
/* "<algorithm>\n<time>\n<scope>\n<hash>" (arena). */
char *string_to_sign(Arena *arena, const Sigv4 *scope, const char *canonical);
/* "20261123/us-east-1/s3/aws4_request" (arena). */
char *credential_scope(Arena *arena, const Sigv4 *scope);
/* "20261123T233000Z" (arena). */
char *amz_date(Arena *arena, gint64 ms);
/* A header's value by its name, which is in lower case here and may be in any there, or NULL. */
const char *header_value(const StringMap *headers, const char *name);
