/* version: a secret's values. Each is encrypted with a data key of its own that the secret's KMS key wraps, with the encryption context
 * that AWS documents: SecretARN and SecretVersionId.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html */
#include "services/secretsmanager/secretsmanager.h"
#include "services/kms.gen.h"

#include <string.h>

#define VALUE_MAX 65536
#define VERSIONS_MAX 100

SecretsmanagerVersionRecord *
version_by_id(const SecretsmanagerSecretRecord *secret, const char *id)
{
  for (gsize i = 0; i < secret->Versions.n; i++)
    if (!strcmp(secret->Versions.v[i]->VersionId, id))
      return secret->Versions.v[i];
  return NULL;
}

SecretsmanagerVersionRecord *
version_by_stage(const SecretsmanagerSecretRecord *secret, const char *stage)
{
  for (gsize i = 0; i < secret->Versions.n; i++)
    if (string_list_has(&secret->Versions.v[i]->Stages, stage))
      return secret->Versions.v[i];
  return NULL;
}

static void
remove_stage(SecretsmanagerVersionRecord *version, const char *stage)
{
  gsize kept = 0;
  for (gsize i = 0; i < version->Stages.n; i++)
    if (strcmp(version->Stages.v[i], stage))
      version->Stages.v[kept++] = version->Stages.v[i];
  version->Stages.n = kept;
}

static void
place_stage(Arena *arena, SecretsmanagerSecretRecord *secret, const char *stage, SecretsmanagerVersionRecord *to)
{
  SecretsmanagerVersionRecord *from = version_by_stage(secret, stage);
  if (from)
    remove_stage(from, stage);
  if (!to)
    return;
  StringList stages = {0};
  for (gsize i = 0; i < to->Stages.n; i++)
    LIST_APPEND(arena, &stages, to->Stages.v[i]);
  LIST_APPEND(arena, &stages, stage);
  to->Stages = stages;
}

void
version_move_stage(Arena *arena, SecretsmanagerSecretRecord *secret, const char *stage, SecretsmanagerVersionRecord *to)
{
  SecretsmanagerVersionRecord *from = version_by_stage(secret, stage);
  if (from == to)
    return;
  place_stage(arena, secret, stage, to);
  if (!strcmp(stage, "AWSCURRENT") && from && to) {
    place_stage(arena, secret, "AWSPREVIOUS", from);
    remove_stage(to, "AWSPREVIOUS");
  }
}

static void
value_key(Call *call, const SecretsmanagerSecretRecord *secret, const char *version_id, Key *key)
{
  call_key(call, key);
  key_add(key, secret->Name);
  key_add(key, version_id);
}

static StringMap
encryption_context(Call *call, const SecretsmanagerSecretRecord *secret, const char *version_id)
{
  StringMap context = {0};
  MAP_SET(call->arena, &context, "SecretARN", secret->ARN);
  MAP_SET(call->arena, &context, "SecretVersionId", version_id);
  return context;
}

static const char *
kms_key(const SecretsmanagerSecretRecord *secret)
{
  return secret->KmsKeyId ? secret->KmsKeyId : "alias/aws/secretsmanager";
}

/* KMS's answer about the key's state as Secrets Manager gives it; that the caller may not use the key it says as it is. */
static Error *
kms_answer(Error *error, const char *code, const char *what)
{
  if (!error || error->kind == ERROR_FAULT || error_is(error, "AccessDeniedException"))
    return error;
  g_autoptr(Error) cause = error;
  return error_answer(code, "%s: %s", what, cause->message);
}

static Error *
encrypt(Call *call, const SecretsmanagerSecretRecord *secret, const char *version_id, const NewVersion *value, SecretsmanagerValueRecord *ret_record)
{
  KmsGenerateDataKeyInput in = {.KeyId = kms_key(secret), .KeySpec = "AES_256", .EncryptionContext = encryption_context(call, secret, version_id)};
  KmsGenerateDataKeyOutput out = {0};
  guint8 *sealed = NULL;
  gsize size = 0;
  TRY(kms_answer(call_operation(call, &KmsOperationGenerateDataKey, NULL, "secretsmanager", &in, &out), "EncryptionFailure",
                 "Secrets Manager can't encrypt the protected secret text using the provided KMS key"));
  const void *data = value->text ? (const void *) value->text : value->binary.data;
  TRY(store_seal(call->arena, out.Plaintext.data, data, value->text ? strlen(value->text) : value->binary.size, &sealed, &size));
  *ret_record = (SecretsmanagerValueRecord) {.Sealed = {sealed, size}, .DataKey = out.CiphertextBlob, .Binary = OPT_BOOL(value->text == NULL)};
  return NULL;
}

Error *
version_value(Call *call, const SecretsmanagerSecretRecord *secret, const char *version_id, const char **ret_text, Blob *ret_binary)
{
  Key key;
  void *found = NULL;
  guint8 *data = NULL;
  gsize size = 0;
  value_key(call, secret, version_id, &key);
  TRY(record_get(call->txn, &secretsmanager_values, &key, &SecretsmanagerValueRecord_shape, call->arena, &found));
  SecretsmanagerValueRecord *record = found;
  if (!record)
    return error_answer("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", version_id);
  KmsDecryptInput in = {.CiphertextBlob = record->DataKey, .EncryptionContext = encryption_context(call, secret, version_id)};
  KmsDecryptOutput out = {0};
  TRY(kms_answer(call_operation(call, &KmsOperationDecrypt, NULL, "secretsmanager", &in, &out), "DecryptionFailure",
                 "Secrets Manager can't decrypt the protected secret text using the provided KMS key"));
  TRY(store_open_sealed(call->arena, out.Plaintext.data, record->Sealed.data, record->Sealed.size, &data, &size));
  *ret_text = OPT_OR(record->Binary, FALSE) ? NULL : arena_strndup(call->arena, (const char *) data, size);
  *ret_binary = *ret_text ? (Blob) {0} : (Blob) {data, size};
  return NULL;
}

static Error *
check_same(Call *call, const SecretsmanagerSecretRecord *secret, const char *version_id, const NewVersion *value)
{
  const char *text = NULL;
  Blob binary = {0};
  TRY(version_value(call, secret, version_id, &text, &binary));
  gboolean same = text ? !g_strcmp0(text, value->text)
                       : binary.size == value->binary.size && value->binary.data && !memcmp(binary.data, value->binary.data, binary.size);
  if (same)
    return NULL;
  return error_answer("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.",
                      version_id, secret->ARN);
}

/* Versions without a stage are deprecated; the oldest go when there are too many. */
static Error *
drop_deprecated(Call *call, SecretsmanagerSecretRecord *secret)
{
  for (gsize i = 0; secret->Versions.n >= VERSIONS_MAX && i < secret->Versions.n;) {
    Key key;
    if (secret->Versions.v[i]->Stages.n) {
      i++;
      continue;
    }
    value_key(call, secret, secret->Versions.v[i]->VersionId, &key);
    TRY(store_delete(call->txn, &secretsmanager_values, &key, NULL));
    secret->Versions.n--;
    memmove(secret->Versions.v + i, secret->Versions.v + i + 1, (secret->Versions.n - i) * sizeof *secret->Versions.v);
  }
  return NULL;
}

static Error *
check_value(const NewVersion *value)
{
  if (value->text && value->binary.data)
    return error_answer("InvalidParameterException", "You can't specify both a binary secret value and a string secret value in the same secret.");
  if (!value->text && !value->binary.data)
    return error_answer("InvalidRequestException", "You must provide either SecretString or SecretBinary.");
  if ((value->text ? strlen(value->text) : value->binary.size) > VALUE_MAX)
    return error_answer("InvalidParameterException", "The secret value is too large: at most %d bytes", VALUE_MAX);
  return NULL;
}

/* Whether the version has a value: the pending one of a rotation has none until its function puts it. */
static Error *
has_value(Call *call, const SecretsmanagerSecretRecord *secret, const char *version_id, gboolean *ret)
{
  Key key;
  const void *data = NULL;
  gsize size = 0;
  value_key(call, secret, version_id, &key);
  TRY(store_get(call->txn, &secretsmanager_values, &key, &data, &size));
  *ret = data != NULL;
  return NULL;
}

static Error *
store_value(Call *call, const SecretsmanagerSecretRecord *secret, const char *version_id, const NewVersion *version)
{
  Key key;
  SecretsmanagerValueRecord value = {0};
  TRY(encrypt(call, secret, version_id, version, &value));
  value_key(call, secret, version_id, &key);
  return record_put(call->txn, &secretsmanager_values, &key, &SecretsmanagerValueRecord_shape, &value);
}

Error *
version_add(Call *call, SecretsmanagerSecretRecord *secret, const NewVersion *version, const char **ret_version_id)
{
  static const char *const current[] = {"AWSCURRENT"};
  const char *id = version->token ? version->token : id_uuid(call->arena);
  SecretsmanagerVersionRecord *record = version_by_id(secret, id);
  gboolean valued = FALSE;
  TRY(check_value(version));
  TRY(has_value(call, secret, id, &valued));
  TRY(valued ? check_same(call, secret, id, version) : store_value(call, secret, id, version));
  if (!record) {
    TRY(drop_deprecated(call, secret));
    record = ARENA_NEW(call->arena, SecretsmanagerVersionRecord);
    *record = (SecretsmanagerVersionRecord) {.VersionId = id, .CreatedDate = OPT_TIME(call->now)};
    LIST_APPEND(call->arena, &secret->Versions, record);
  }
  gboolean given = version->stages && version->stages->n;
  for (gsize i = 0; i < (given ? version->stages->n : 1); i++)
    version_move_stage(call->arena, secret, given ? version->stages->v[i] : current[0], record);
  if (!version_by_stage(secret, "AWSCURRENT"))
    version_move_stage(call->arena, secret, "AWSCURRENT", record);
  secret->LastChangedDate = OPT_TIME(call->now);
  *ret_version_id = id;
  return NULL;
}
