/* s3: what the service's files share. https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
 *
 * Stored: s3.bucket (name) -> BucketRecord; s3.object (bucket, key, -seq) -> ObjectRecord, so that the newest version of a key comes first;
 * s3.upload (bucket, key, upload id) -> UploadRecord; s3.part (upload id, number) -> PieceRecord. An object is a sequence of pieces, each
 * sealed bytes in the record or an encrypted file; the pieces' keys are sealed by the object's data key (encrypt.c). */
#pragma once

#include "services/s3.gen.h"

#include "server/haar.h"

extern const Table s3_buckets, s3_objects, s3_uploads, s3_parts, s3_secrets;

typedef struct S3State {
  guint8 master[32]; /* seals what is encrypted with SSE-S3 */
  gint64 measured_day; /* begin of the day whose storage metrics are there, ms; the sampler's */
  gint request_metrics; /* atomic: some bucket has a metrics configuration, or had one */
} S3State;

/* --- errors (error.c) --- */
Error *no_such_bucket(const char *bucket);
Error *no_such_key(const char *key);
Error *no_such_version(const char *key, const char *version_id);
Error *no_such_upload(const char *upload_id);
Error *malformed_xml(void);
Error *invalid_argument(const char *name, const char *value, const char *message);
Error *not_implemented(const char *what);
Error *precondition_failed(const char *condition);
/* Answers an error as S3 does, in XML. */
void s3_refuse(HttpExchange *exchange, const Error *error);

/* --- buckets (bucket.c) --- */
/* NoSuchBucket if there is none. arena. */
Error *bucket_get(Call *call, const char *name, S3BucketRecord **ret_bucket) ERROR_MUST_USE;
Error *bucket_put(Call *call, const S3BucketRecord *bucket) ERROR_MUST_USE;
/* x-amz-expected-bucket-owner; expected may be NULL. */
Error *check_owner(const S3BucketRecord *bucket, const char *expected) ERROR_MUST_USE;
gboolean versioning_enabled(const S3BucketRecord *bucket);
gboolean versioning_ever(const S3BucketRecord *bucket);
/* The canonical user id of an account (arena), and its Owner element. */
char *canonical_id(Arena *arena, const char *account);
S3Owner *owner_of(Arena *arena, const char *account);

/* --- permission (authorize.c): the .authorize functions of rows --- */
Error *bucket_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *object_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
/* Whether a policy lets everybody in. */
gboolean policy_is_public(Arena *arena, const char *document);


/* --- CloudWatch (metrics.c, request_metrics.c) --- */
void s3_metrics_start(Haar *haar);
Error *request_metrics_start(Haar *haar) ERROR_MUST_USE;
/* ServiceHooks.measure */
void s3_measure(Call *call, const void *in, const void *out, const Error *error, gint64 took_us);
typedef struct RequestMeasure {
  const char *bucket, *key;  /* key: or NULL */
  const char *kind;          /* "GetRequests", ...; NULL: no metric of its own */
  gint64 uploaded, downloaded, took_us;
  const Error *error;
} RequestMeasure;
/* Publishes a request under each of its bucket's configurations that it matches. call has no transaction of its own to give. */
void request_measure(Call *call, const RequestMeasure *request);

/* --- forms (post.c): hooks of the service --- */
gboolean post_serves(Haar *haar, const HttpRequest *request);
void post_serve(Haar *haar, HttpExchange *exchange);

/* --- other origins (cors.c): hooks of the service --- */
void cors_headers(Haar *haar, Arena *arena, const HttpRequest *request, const char *path, StringMap *ret_headers);
/* The bucket that a request's host name or path says; NULL: none. arena. */
const char *request_bucket(Arena *arena, const HttpRequest *request);
gboolean cors_serves(Haar *haar, const HttpRequest *request);
void cors_serve(Haar *haar, HttpExchange *exchange);

/* --- objects (object.c) --- */
/* The version, or the latest if version_id is NULL; *ret_object NULL if there is none. arena. */
Error *object_find(Call *call, const char *bucket, const char *key, const char *version_id, S3ObjectRecord **ret_object) ERROR_MUST_USE;
/* Stores object as the newest version of its key, as the bucket's versioning asks: sets VersionId, Seq, Modified. */
Error *object_insert(Call *call, const S3BucketRecord *bucket, S3ObjectRecord *object) ERROR_MUST_USE;
/* Rewrites a stored version. */
Error *object_update(Call *call, const char *bucket, const S3ObjectRecord *object) ERROR_MUST_USE;
/* Removes a version and its files. */
Error *object_remove(Call *call, const char *bucket, const S3ObjectRecord *object) ERROR_MUST_USE;
Error *pieces_unlink(Call *call, const S3PieceRecords *pieces) ERROR_MUST_USE;
/* What DeleteObject does; object's VersionId in and out: *ret_marker whether a delete marker was made or removed. */
Error *object_delete(Call *call, const S3BucketRecord *bucket, const char *key, const char *version_id, gboolean *ret_marker,
                     const char **ret_version) ERROR_MUST_USE;
/* The version a reader asks for: NoSuchKey, NoSuchVersion, MethodNotAllowed for delete markers. */
Error *object_for_read(Call *call, const char *bucket, const char *key, const char *version_id, S3ObjectRecord **ret_object) ERROR_MUST_USE;
/* The id that answers show: NULL in a bucket that never had versioning. */
const char *shown_version(const S3BucketRecord *bucket, const S3ObjectRecord *object);
/* "a=b&c=d" of x-amz-tagging. */
Error *tags_from_header(Arena *arena, const char *text, StringMap *ret_tags) ERROR_MUST_USE;
Error *tags_from_set(Arena *arena, const S3TagSet *set, gsize max, StringMap *ret_tags) ERROR_MUST_USE;
S3TagSet tags_to_set(Arena *arena, const StringMap *tags);

/* --- bytes (piece.c) --- */
/* Bytes on their way into an object: taken over from the request's spool, or written here. */
typedef struct PieceDraft {
  StoreBlob *blob;    /* NULL: bytes */
  gboolean own_blob;
  guint8 blob_key[32];
  const guint8 *bytes;
  gint64 size;
  BodySpool digests;
} PieceDraft;
/* Needs no transaction; of a body that is not a spool it reads all, and may block. max: bytes. */
Error *piece_draft(Call *call, Body *body, gint64 max, PieceDraft *ret_draft) ERROR_MUST_USE;
void piece_draft_clear(PieceDraft *draft);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PieceDraft, piece_draft_clear)
/* In a write transaction: the draft's bytes belong to the store; sealed by key. */
Error *piece_commit(Call *call, const PieceDraft *draft, const guint8 key[32], S3PieceRecord **ret_piece) ERROR_MUST_USE;
/* A body over size bytes of the object from offset. arena; free when read. */
Error *pieces_body(Call *call, const S3ObjectRecord *object, const guint8 key[32], gint64 offset, gint64 size, Body **ret_body) ERROR_MUST_USE;
/* The base64 checksum of this name in digests, or NULL. */
const char *digest_checksum(Arena *arena, const BodySpool *digests, const char *algorithm);

/* --- encryption (encrypt.c) --- */
typedef struct SseRequest {
  const char *sse, *kms_key_id, *kms_context, *customer_algorithm;
  OptBool bucket_key;
} SseRequest;
#define SSE_REQUEST(in)                                                                                                              \
  (&(SseRequest){(in)->ServerSideEncryption, (in)->SSEKMSKeyId, (in)->SSEKMSEncryptionContext, (in)->SSECustomerAlgorithm, (in)->BucketKeyEnabled})
/* Chooses the encryption of a new object, and makes its data key. */
Error *sse_begin(Call *call, const S3BucketRecord *bucket, const SseRequest *request, S3ObjectRecord *object, guint8 ret_key[32]) ERROR_MUST_USE;
/* The data key of a stored object; KMS may refuse. */
Error *sse_open(Call *call, const char *bucket, const S3ObjectRecord *object, guint8 ret_key[32]) ERROR_MUST_USE;

/* --- conditions (condition.c) --- */
typedef struct Conditions {
  const char *if_match, *if_none_match;
  OptTime if_modified_since, if_unmodified_since;
} Conditions;
/* For reading: 412 or 304. For a copy's source: copy TRUE, always 412. */
Error *check_conditions(const Conditions *conditions, const S3ObjectRecord *object, gboolean copy) ERROR_MUST_USE;
/* For writing: object is what is there, or NULL. */
Error *check_write_conditions(const char *if_match, const char *if_none_match, const char *key, const S3ObjectRecord *object) ERROR_MUST_USE;

/* --- multipart uploads (multipart.c) --- */
/* Stores a part in the place of an earlier one of its number. */
Error *part_put(Call *call, const S3UploadRecord *upload, gint64 number, S3PieceRecord *piece) ERROR_MUST_USE;
/* NoSuchUpload if there is none. */
Error *upload_get(Call *call, const char *bucket, const char *object, const char *upload_id, S3UploadRecord **ret_upload) ERROR_MUST_USE;
/* Removes an upload with its parts and their files. */
Error *upload_remove(Call *call, const char *bucket, const S3UploadRecord *upload) ERROR_MUST_USE;

/* --- lifecycle (lifecycle.c) --- */
void lifecycle_start(Haar *haar);
/* Plans the bucket's next look; in a write transaction. */
Error *lifecycle_plan(Call *call, const S3BucketRecord *bucket) ERROR_MUST_USE;
/* x-amz-expiration, or NULL (arena). */
const char *expiration_header(Arena *arena, const S3BucketRecord *bucket, const S3ObjectRecord *object);

#define COPY_HEADERS(to, from)                                                                                                       \
  do {                                                                                                                               \
    (to)->ContentType = (from)->ContentType;                                                                                         \
    (to)->ContentEncoding = (from)->ContentEncoding;                                                                                 \
    (to)->ContentDisposition = (from)->ContentDisposition;                                                                           \
    (to)->ContentLanguage = (from)->ContentLanguage;                                                                                 \
    (to)->CacheControl = (from)->CacheControl;                                                                                       \
    (to)->Expires = (from)->Expires;                                                                                                 \
    (to)->WebsiteRedirectLocation = (from)->WebsiteRedirectLocation;                                                                 \
    (to)->Metadata = (from)->Metadata;                                                                                               \
  } while (0)
#define SHOW_SSE(out, object)                                                                                                        \
  do {                                                                                                                               \
    (out)->ServerSideEncryption = (object)->Sse;                                                                                     \
    (out)->SSEKMSKeyId = (object)->KmsKeyId;                                                                                         \
    (out)->BucketKeyEnabled = (object)->BucketKey;                                                                                   \
  } while (0)
#define SHOW_CHECKSUM(out, algorithm_, checksum_)                                                                                    \
  do {                                                                                                                               \
    const char *algorithm__ = (algorithm_), *checksum__ = (checksum_);                                                               \
    if (!g_strcmp0(algorithm__, "CRC32"))                                                                                            \
      (out)->ChecksumCRC32 = checksum__;                                                                                             \
    else if (!g_strcmp0(algorithm__, "CRC32C"))                                                                                      \
      (out)->ChecksumCRC32C = checksum__;                                                                                            \
    else if (!g_strcmp0(algorithm__, "SHA1"))                                                                                        \
      (out)->ChecksumSHA1 = checksum__;                                                                                              \
    else if (!g_strcmp0(algorithm__, "SHA256"))                                                                                      \
      (out)->ChecksumSHA256 = checksum__;                                                                                            \
    else if (!g_strcmp0(algorithm__, "CRC64NVME"))                                                                                   \
      (out)->ChecksumCRC64NVME = checksum__;                                                                                         \
  } while (0)
/* The algorithm that a request names by its checksum header or x-amz-sdk-checksum-algorithm; NULL: none. */
#define NAMED_CHECKSUM(in)                                                                                                           \
  ((in)->ChecksumCRC32       ? "CRC32"                                                                                               \
   : (in)->ChecksumCRC32C    ? "CRC32C"                                                                                              \
   : (in)->ChecksumSHA1      ? "SHA1"                                                                                                \
   : (in)->ChecksumSHA256    ? "SHA256"                                                                                              \
   : (in)->ChecksumCRC64NVME ? "CRC64NVME"                                                                                           \
                             : (in)->ChecksumAlgorithm)
