/* Keys: by what name they are found, what state they are in, who may use them.
 * https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id */
#include "services/kms/kms.h"

#include <string.h>

static gboolean
is_uuid(const char *text)
{
  static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  for (gsize i = 0; i < sizeof form - 1; i++)
    if (form[i] == 'x' ? !g_ascii_isxdigit(text[i]) : text[i] != '-')
      return FALSE;
  return text[sizeof form - 1] == '\0';
}

Error *
key_look(Call *call, const char *region, const char *account, const char *id, KmsKeyRecord **ret)
{
  Key key;
  void *record = NULL;
  kms_table_key(region, account, id, &key);
  TRY(record_get(call->txn, &kms_key_table, &key, &KmsKeyRecord_shape, call->arena, &record));
  *ret = record;
  for (const ManagedKey *managed = kms_managed_keys; !*ret && managed->alias && strcmp(region, call->region) == 0; managed++) {
    KmsKeyRecord *candidate = managed_key_record(call, managed, account);
    if (strcmp(candidate->KeyId, id) == 0)
      *ret = candidate;
  }
  return NULL;
}

static Error *
find_id(Call *call, const char *account, const char *id, KmsKeyRecord **ret)
{
  if (!is_uuid(id))
    return error_answer("NotFoundException", "Invalid keyId '%s'", id);
  TRY(key_look(call, call->region, account, id, ret));
  if (!*ret)
    return error_answer("NotFoundException", "Key '%s' does not exist", arn_format(call->arena, "kms", call->region, account, "key/%s", id));
  return NULL;
}

/* alias: without "alias/". */
static Error *
find_alias(Call *call, const char *account, const char *alias, KmsKeyRecord **ret)
{
  const ManagedKey *managed = managed_key_find(alias);
  if (managed) {
    *ret = managed_key_record(call, managed, account);
    return NULL;
  }
  Key key;
  void *record = NULL;
  kms_table_key(call->region, account, alias, &key);
  TRY(record_get(call->txn, &kms_alias_table, &key, &KmsAliasRecord_shape, call->arena, &record));
  if (!record)
    return error_answer("NotFoundException", "Alias %s is not found.", arn_format(call->arena, "kms", call->region, account, "alias/%s", alias));
  return find_id(call, account, ((KmsAliasRecord *) record)->Key, ret);
}

static Error *
find(Call *call, const char *name, gboolean aliases, KmsKeyRecord **ret)
{
  Arn arn;
  const char *account = call->account, *rest = name;
  if (g_str_has_prefix(name, "arn:")) {
    if (!arn_parse(call->arena, name, &arn) || strcmp(arn.service, "kms") != 0)
      return error_answer("InvalidArnException", "Invalid arn %s", name);
    if (strcmp(arn.region, call->region) != 0)
      return error_answer("NotFoundException", "Invalid arn %s", arn.region);
    account = arn.account;
    rest = arn.resource;
  }
  if (g_str_has_prefix(rest, "alias/")) {
    if (!aliases)
      return error_answer(rest == name ? "NotFoundException" : "InvalidArnException", "Invalid keyId '%s'", name);
    return find_alias(call, account, rest + strlen("alias/"), ret);
  }
  if (rest != name) {
    if (!g_str_has_prefix(rest, "key/"))
      return error_answer("InvalidArnException", "Invalid arn %s", name);
    rest += strlen("key/");
  }
  return find_id(call, account, rest, ret);
}

Error *
key_find(Call *call, const char *name, KmsKeyRecord **ret)
{
  return find(call, name, TRUE, ret);
}

Error *
key_find_by_id(Call *call, const char *name, KmsKeyRecord **ret)
{
  return find(call, name, FALSE, ret);
}

Error *
key_put(Call *call, const KmsKeyRecord *record)
{
  Key key;
  kms_table_key(record->Region, record->Account, record->KeyId, &key);
  return record_put(call->txn, &kms_key_table, &key, &KmsKeyRecord_shape, record);
}

Error *
key_alive(const KmsKeyRecord *key)
{
  if (strcmp(key->State, "PendingDeletion") == 0)
    return error_answer("KMSInvalidStateException", "%s is pending deletion.", key->Arn);
  return NULL;
}

Error *
key_mutable(const KmsKeyRecord *key)
{
  if (key->ManagedBy)
    return error_answer("AccessDeniedException", "%s is an AWS managed key: only its service changes it.", key->Arn);
  return NULL;
}

Error *
key_usable(const Call *call, const KmsKeyRecord *key, const char *usage)
{
  TRY(key_alive(key));
  if (strcmp(key->State, "Disabled") == 0)
    return error_answer("DisabledException", "%s is disabled.", key->Arn);
  if (strcmp(key->Usage, usage) != 0)
    return error_answer("InvalidKeyUsageException", "%s key usage is %s which is not valid for %s.", key->Arn, key->Usage, call->operation->name);
  return NULL;
}

gboolean
key_symmetric(const KmsKeyRecord *key)
{
  return strcmp(key->Spec, "SYMMETRIC_DEFAULT") == 0;
}

static void
add_algorithms(Arena *arena, const KmsKeyRecord *key, KmsKeyMetadata *metadata)
{
  gboolean rsa = g_str_has_prefix(key->Spec, "RSA_");
  if (key_symmetric(key)) {
    LIST_APPEND(arena, &metadata->EncryptionAlgorithms, "SYMMETRIC_DEFAULT");
  } else if (rsa && strcmp(key->Usage, "ENCRYPT_DECRYPT") == 0) {
    LIST_APPEND(arena, &metadata->EncryptionAlgorithms, "RSAES_OAEP_SHA_1");
    LIST_APPEND(arena, &metadata->EncryptionAlgorithms, "RSAES_OAEP_SHA_256");
  } else if (rsa) {
    static const char *const algorithms[] = { "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
                                              "RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512" };
    for (gsize i = 0; i < G_N_ELEMENTS(algorithms); i++)
      LIST_APPEND(arena, &metadata->SigningAlgorithms, algorithms[i]);
  } else if (g_str_has_prefix(key->Spec, "ECC_")) {
    LIST_APPEND(arena, &metadata->SigningAlgorithms, strstr(key->Spec, "384") ? "ECDSA_SHA_384" : strstr(key->Spec, "521") ? "ECDSA_SHA_512" : "ECDSA_SHA_256");
  } else {
    LIST_APPEND(arena, &metadata->MacAlgorithms, arena_printf(arena, "HMAC_SHA_%s", key->Spec + strlen("HMAC_")));
  }
}

KmsKeyMetadata *
key_metadata(Arena *arena, const KmsKeyRecord *key)
{
  KmsKeyMetadata *metadata = ARENA_NEW(arena, KmsKeyMetadata);
  gboolean pending = strcmp(key->State, "PendingDeletion") == 0;
  metadata->AWSAccountId = key->Account;
  metadata->KeyId = key->KeyId;
  metadata->Arn = key->Arn;
  metadata->CreationDate = key->CreationDate;
  metadata->Enabled = OPT_BOOL(strcmp(key->State, "Enabled") == 0);
  metadata->Description = key->Description ? key->Description : "";
  metadata->KeyUsage = key->Usage;
  metadata->KeyState = key->State;
  if (pending)
    metadata->DeletionDate = key->DeletionDate;
  metadata->Origin = "AWS_KMS";
  metadata->KeyManager = key->ManagedBy ? "AWS" : "CUSTOMER";
  metadata->CustomerMasterKeySpec = metadata->KeySpec = key->Spec;
  metadata->MultiRegion = OPT_BOOL(FALSE);
  add_algorithms(arena, key, metadata);
  return metadata;
}

static void
add_context(Arena *arena, const KmsKeyRecord *key, const StringMap *encryption_context, StringMap *out)
{
  MAP_SET(arena, out, "kms:KeySpec", key->Spec);
  MAP_SET(arena, out, "kms:KeyUsage", key->Usage);
  MAP_SET(arena, out, "kms:KeyOrigin", "AWS_KMS");
  for (gsize i = 0; i < key->Tags.n; i++)
    MAP_SET(arena, out, arena_printf(arena, "aws:ResourceTag/%s", key->Tags.v[i]->TagKey), key->Tags.v[i]->TagValue);
  for (gsize i = 0; encryption_context && i < encryption_context->n; i++) {
    const StringMapEntry *entry = &encryption_context->v[i];
    MAP_SET(arena, out, arena_printf(arena, "kms:EncryptionContext:%s", entry->key), entry->value);
    LIST_APPEND(arena, out, ((StringMapEntry) { "kms:EncryptionContextKeys", entry->key }));
  }
}

Error *
key_authorize(Call *call, const KmsKeyRecord *key, const StringMap *encryption_context, Authorization *auth)
{
  auth->resource = key->Arn;
  auth->resource_account = key->Account;
  auth->resource_policy = key->Policy;
  auth->resource_policy_required = TRUE;
  add_context(call->arena, key, encryption_context, &auth->context);
  gboolean granted = FALSE;
  TRY(grant_allows(call, key, encryption_context, &granted));
  if (!granted)
    return NULL;
  /* A grant allows; only a deny is stronger. */
  Decision decision;
  IamRequest request = { .principal = call->principal, .action = auth->action, .resource = key->Arn, .resource_account = key->Account,
                         .resource_policy = key->Policy, .resource_policy_required = TRUE, .context = &auth->context };
  TRY(iam_decide(call->txn, call->arena, &request, &decision));
  auth->skip = !decision.explicit_deny;
  return NULL;
}

Error *
key_resource(Call *call, const void *in, Authorization *auth)
{
  KmsKeyRecord *key = NULL;
  const char *name = call_input_text(call, in, "KeyId");
  TRY(key_find(call, name, &key));
  if (strstr(name, "alias/"))
    MAP_SET(call->arena, &auth->context, "kms:RequestAlias", strstr(name, "alias/"));
  return key_authorize(call, key, NULL, auth);
}
