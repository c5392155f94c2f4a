/* sigv4: AWS Signature Version 4: headers, presigned URLs, chunked payloads.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
#pragma once

#include "wire/protocol.h"

typedef enum { SIGV4_NONE /* unsigned */, SIGV4_HEADER, SIGV4_QUERY /* presigned */ } Sigv4Kind;

/* What a request says about its signature. arena. */
typedef struct Sigv4 {
  Sigv4Kind kind;
  const char *access_key, *date /* yyyymmdd */, *region, *service;
  const char *signed_headers, *signature, *session_token;
  const char *timestamp;            /* X-Amz-Date as sent */
  gint64 time_ms, expires_s;        /* presigned: X-Amz-Expires */
  const char *payload_hash;         /* x-amz-content-sha256, "UNSIGNED-PAYLOAD" or NULL */
  gboolean chunked;                 /* STREAMING-...: the body is aws-chunked */
  gboolean trailer;                 /* with trailing headers */
} Sigv4;

/* Reads the Authorization header or the query. Malformed: AWS's answers (IncompleteSignature, AuthorizationQueryParametersError, ...).
 * s3: S3's codes and canonical path (not encoded twice). */
Error *sigv4_parse(Arena *arena, const WireRequest *request, gboolean s3, Sigv4 *ret_signature) ERROR_MUST_USE;
/* SHA-256 in hex, as payload hashes are written (arena). data may be NULL if size is 0. Any thread; contexts are kept. */
char *sigv4_hash(Arena *arena, const void *data, gsize size);
/* Compares the signature. now_ms: machine's time for skew (15 min). Wrong: SignatureDoesNotMatch / InvalidSignatureException with the
 * canonical string, RequestTimeTooSkewed / "Signature expired: ...". payload_hash: of the body if it was read, else NULL (declared hash is used). */
Error *sigv4_verify(Arena *arena, const WireRequest *request, const Sigv4 *signature, const char *secret_key, gint64 now_ms,
                    gboolean s3, const char *payload_hash) ERROR_MUST_USE;
/* Signs: appends Authorization, X-Amz-Date (and token) to headers. For haar's own outgoing calls and tests. */
void sigv4_sign(Arena *arena, WireRequest *request, StringMap *headers, const char *access_key, const char *secret_key, const char *session_token,
                const char *region, const char *service, gint64 now_ms);
/* The signature (hex) of a text that is signed as it is, with the key of a date, region and service: policies of POST forms. arena. */
char *sigv4_sign_text(Arena *arena, const char *secret_key, const char *date, const char *region, const char *service, const char *text);
/* "20261123T233000Z" as milliseconds since 1970; FALSE: it is no such time, or NULL. Any thread. */
gboolean sigv4_time(const char *text, gint64 *ret_ms);
/* Compares signatures and tokens without telling by the time it takes where the first difference is. Any thread. */
gboolean sigv4_equal(const char *a, const char *b);
/* A presigned URL for method on https://host/path (arena). */
char *sigv4_presign(Arena *arena, const char *method, const char *scheme, const char *host, const char *path, const StringMap *query,
                    const char *access_key, const char *secret_key, const char *session_token, const char *region, const char *service,
                    gint64 now_ms, gint64 expires_s);

/* aws-chunked bodies, piece by piece: feeds encoded bytes, gives decoded ones; verifies chunk signatures if secret_key is set, gathers
 * trailers. State is in the struct; transfer full. */
typedef struct ChunkedDecoder ChunkedDecoder;
ChunkedDecoder *chunked_new(const Sigv4 *signature, const char *secret_key);
void chunked_free(ChunkedDecoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChunkedDecoder, chunked_free)
/* Consumes all of data; decoded bytes are appended to out. */
Error *chunked_feed(ChunkedDecoder *decoder, const void *data, gsize size, GByteArray *out) ERROR_MUST_USE;
/* At the end of the body: whether it was complete. ret_trailers (arena) may be NULL. */
Error *chunked_finish(ChunkedDecoder *decoder, Arena *arena, StringMap *ret_trailers) ERROR_MUST_USE;
