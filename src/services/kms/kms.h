/* What the files of KMS share. */
#pragma once

#include "services/kms.gen.h"

#include "jobs/jobs.h"
#include "server/haar.h"

extern const Table kms_key_table, kms_alias_table, kms_grant_table;

/* The root of all keys: made once, kept in a file that only its owner reads. It seals every key's material. */
typedef struct KmsState {
  guint8 root[32];
  gint64 made_ms;
} KmsState;
const KmsState *kms_state(const Call *call);

/* An AWS managed key: it is always there, derived from the root, and only its service may use it. */
typedef struct ManagedKey { const char *alias, *service; } ManagedKey;
extern const ManagedKey kms_managed_keys[]; /* alias NULL ends */
/* The record of one in the call's account (or the given one) and region. arena. */
KmsKeyRecord *managed_key_record(const Call *call, const ManagedKey *managed, const char *account);
/* The alias of an AWS managed key ("aws/s3"); NULL: none of that name. */
const ManagedKey *managed_key_find(const char *alias);

void kms_table_key(const char *region, const char *account, const char *name, Key *key);

/* The key that an id, ARN, alias or alias's ARN names. There is none: NotFoundException. arena. */
Error *key_find(Call *call, const char *name, KmsKeyRecord **ret) ERROR_MUST_USE;
/* The same for operations that take no alias. */
Error *key_find_by_id(Call *call, const char *name, KmsKeyRecord **ret) ERROR_MUST_USE;
/* The key of this account, region and id; *ret is NULL if there is none. */
Error *key_look(Call *call, const char *region, const char *account, const char *id, KmsKeyRecord **ret) ERROR_MUST_USE;
Error *key_put(Call *call, const KmsKeyRecord *key) ERROR_MUST_USE;
/* Enabled and made for this use ("ENCRYPT_DECRYPT"); else DisabledException, KMSInvalidStateException, InvalidKeyUsageException. */
Error *key_usable(const Call *call, const KmsKeyRecord *key, const char *usage) ERROR_MUST_USE;
/* Not pending deletion. */
Error *key_alive(const KmsKeyRecord *key) ERROR_MUST_USE;
/* A customer's own, not AWS's. */
Error *key_mutable(const KmsKeyRecord *key) ERROR_MUST_USE;
KmsKeyMetadata *key_metadata(Arena *arena, const KmsKeyRecord *key);
gboolean key_symmetric(const KmsKeyRecord *key);

/* authorize callbacks: the key named by KeyId; by TargetKeyId and the alias; none. */
Error *key_resource(Call *call, const void *in, Authorization *auth);
/* Fills auth for a key, with the encryption context's condition keys; a grant may allow what policies do not. */
Error *key_authorize(Call *call, const KmsKeyRecord *key, const StringMap *encryption_context, Authorization *auth) ERROR_MUST_USE;
/* Whether a grant on the key lets the caller do the operation. */
Error *grant_allows(Call *call, const KmsKeyRecord *key, const StringMap *encryption_context, gboolean *ret) ERROR_MUST_USE;
/* The policy of a new or changed key: well formed, and the caller can still change it. */
Error *key_policy_check(Call *call, const char *arn, const char *policy, gboolean bypass) ERROR_MUST_USE;
char *key_policy_default(Arena *arena, const char *account);

/* New material of a spec; slow for RSA. Sealed, arena. */
Error *material_new(Arena *arena, const KmsState *state, const char *spec, gint64 now, gboolean on_demand, KmsMaterialRecord **ret) ERROR_MUST_USE;
/* The plain material of a version (0: the first). arena. */
Error *material_open(const Call *call, const KmsKeyRecord *key, gsize version, guint8 **ret_data, gsize *ret_size) ERROR_MUST_USE;
/* Plaintext to a blob that names key and version. arena. */
Error *blob_encrypt(const Call *call, const KmsKeyRecord *key, const StringMap *context, Blob plaintext, Blob *ret) ERROR_MUST_USE;
/* What a blob says of its key. Not ours: InvalidCiphertextException. arena. */
typedef struct BlobHeader { guint32 version; const char *account, *region, *key_id; gsize size; } BlobHeader;
Error *blob_header(Arena *arena, Blob blob, BlobHeader *ret) ERROR_MUST_USE;
Error *blob_decrypt(const Call *call, const KmsKeyRecord *key, const StringMap *context, Blob blob, Blob *ret) ERROR_MUST_USE;
Error *invalid_ciphertext(void) ERROR_MUST_USE;

/* Jobs: keys are "region/account/id". */
#define KMS_DELETE_JOB "kms.delete"
#define KMS_ROTATE_JOB "kms.rotate"
char *kms_job_key(Arena *arena, const KmsKeyRecord *key);
Error *rotate_now(Call *call, KmsKeyRecord *key, gboolean on_demand) ERROR_MUST_USE;
Error *kms_delete_job(JobRun *run);
Error *kms_rotate_job(JobRun *run);

/* Pages of at most limit of n things from marker. */
typedef struct KmsPage { gsize from, to; gboolean truncated; const char *marker; } KmsPage;
Error *kms_page(Arena *arena, gsize n, const char *marker, OptInt limit, gint64 most, KmsPage *ret) ERROR_MUST_USE;
