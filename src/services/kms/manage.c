/* Making, describing, disabling and deleting keys. */
#include "services/kms/kms.h"

#include <string.h>

#define DAY_MS G_GINT64_CONSTANT(86400000)

char *
kms_job_key(Arena *arena, const KmsKeyRecord *key)
{
  return arena_printf(arena, "%s/%s/%s", key->Region, key->Account, key->KeyId);
}

static Error *
create_key_resource(Call *call, const void *input, Authorization *auth)
{
  const KmsCreateKeyInput *in = input;
  MAP_SET(call->arena, &auth->context, "kms:KeySpec", in->KeySpec ? in->KeySpec : "SYMMETRIC_DEFAULT");
  MAP_SET(call->arena, &auth->context, "kms:KeyUsage", in->KeyUsage ? in->KeyUsage : "ENCRYPT_DECRYPT");
  MAP_SET(call->arena, &auth->context, "kms:KeyOrigin", in->Origin ? in->Origin : "AWS_KMS");
  MAP_SET(call->arena, &auth->context, "kms:BypassPolicyLockoutSafetyCheck", OPT_OR(in->BypassPolicyLockoutSafetyCheck, FALSE) ? "true" : "false");
  return NULL;
}

static Error *
check_supported(const KmsCreateKeyInput *in)
{
  if (OPT_OR(in->MultiRegion, FALSE))
    return error_answer("UnsupportedOperationException", "haar has no multi-Region keys: leave MultiRegion out.");
  if (in->CustomKeyStoreId || in->XksKeyId)
    return error_answer("UnsupportedOperationException", "haar has no custom key stores: leave CustomKeyStoreId and XksKeyId out.");
  if (in->Origin && strcmp(in->Origin, "AWS_KMS") != 0)
    return error_answer("UnsupportedOperationException", "haar makes key material itself: Origin %s is not supported.", in->Origin);
  return NULL;
}

static Error *
choose_usage(const char *spec, const char *usage, const char **ret)
{
  gboolean mac = g_str_has_prefix(spec, "HMAC_"), ecc = g_str_has_prefix(spec, "ECC_"), rsa = g_str_has_prefix(spec, "RSA_");
  *ret = usage;
  if (!usage && (ecc || rsa || mac))
    return error_answer("ValidationException", "You must specify a KeyUsage value for an asymmetric KMS key or an HMAC KMS key.");
  if (!usage)
    *ret = "ENCRYPT_DECRYPT";
  const char *only = mac ? "GENERATE_VERIFY_MAC" : ecc ? "SIGN_VERIFY" : rsa ? NULL : "ENCRYPT_DECRYPT";
  if ((only && strcmp(*ret, only) != 0) || (rsa && strcmp(*ret, "GENERATE_VERIFY_MAC") == 0))
    return error_answer("ValidationException", "KeyUsage %s is not compatible with KeySpec %s", *ret, spec);
  return NULL;
}

static Error *
store_new(Call *call, gpointer data)
{
  return key_put(call, data);
}

typedef struct PolicyCheck { const char *arn, *policy; gboolean bypass; } PolicyCheck;

static Error *
check_policy(Call *call, gpointer data)
{
  const PolicyCheck *check = data;
  return key_policy_check(call, check->arn, check->policy, check->bypass);
}

/* Without a transaction: an RSA key takes its time. */
OPERATION(CreateKey, create_key, .txn = TXN_NONE, .authorize = create_key_resource)
static Error *
create_key(Call *call, const KmsCreateKeyInput *in, KmsCreateKeyOutput *ret_out)
{
  KmsKeyRecord *key = ARENA_NEW(call->arena, KmsKeyRecord);
  KmsMaterialRecord *material = NULL;
  TRY(check_supported(in));
  key->Spec = in->KeySpec ? in->KeySpec : in->CustomerMasterKeySpec ? in->CustomerMasterKeySpec : "SYMMETRIC_DEFAULT";
  TRY(choose_usage(key->Spec, in->KeyUsage, &key->Usage));
  key->KeyId = id_uuid(call->arena);
  key->Account = call->account;
  key->Region = call->region;
  key->Arn = call_arn(call, "kms", "key/%s", key->KeyId);
  key->CreationDate = OPT_TIME(call->now);
  key->Description = in->Description;
  key->State = "Enabled";
  key->Tags = in->Tags;
  key->Policy = in->Policy ? in->Policy : key_policy_default(call->arena, call->account);
  PolicyCheck check = { key->Arn, key->Policy, OPT_OR(in->BypassPolicyLockoutSafetyCheck, FALSE) };
  TRY(call_read(call, check_policy, &check));
  TRY(material_new(call->arena, kms_state(call), key->Spec, call->now, FALSE, &material));
  LIST_APPEND(call->arena, &key->Materials, material);
  TRY(call_write(call, store_new, key));
  ret_out->KeyMetadata = key_metadata(call->arena, key);
  return NULL;
}

OPERATION(DescribeKey, describe_key, .authorize = key_resource)
static Error *
describe_key(Call *call, const KmsDescribeKeyInput *in, KmsDescribeKeyOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find(call, in->KeyId, &key));
  ret_out->KeyMetadata = key_metadata(call->arena, key);
  return NULL;
}

OPERATION(ListKeys, list_keys)
static Error *
list_keys(Call *call, const KmsListKeysInput *in, KmsListKeysOutput *ret_out)
{
  Key prefix;
  KmsKeyList all = { 0 };
  KmsPage page;
  kms_table_key(call->region, call->account, NULL, &prefix);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &kms_key_table, &options, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *id = NULL;
    if (!key_read(&reader, call->arena, &id, NULL))
      continue;
    KmsKeyListEntry *entry = ARENA_NEW(call->arena, KmsKeyListEntry);
    *entry = (KmsKeyListEntry) { .KeyId = id, .KeyArn = call_arn(call, "kms", "key/%s", id) };
    LIST_APPEND(call->arena, &all, entry);
  }
  TRY(kms_page(call->arena, all.n, in->Marker, in->Limit, 100, &page));
  LIST_EMPTY(call->arena, &ret_out->Keys);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Keys, all.v[i]);
  ret_out->Truncated = OPT_BOOL(page.truncated);
  ret_out->NextMarker = page.marker;
  return NULL;
}

static Error *
set_state(Call *call, const char *name, const char *state)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, name, &key));
  TRY(key_mutable(key));
  TRY(key_alive(key));
  key->State = state;
  return key_put(call, key);
}

OPERATION(EnableKey, enable_key, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
enable_key(Call *call, const KmsEnableKeyInput *in, KmsEnableKeyOutput *ret_out)
{
  return set_state(call, in->KeyId, "Enabled");
}

OPERATION(DisableKey, disable_key, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
disable_key(Call *call, const KmsDisableKeyInput *in, KmsDisableKeyOutput *ret_out)
{
  return set_state(call, in->KeyId, "Disabled");
}

OPERATION(UpdateKeyDescription, update_key_description, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
update_key_description(Call *call, const KmsUpdateKeyDescriptionInput *in, KmsUpdateKeyDescriptionOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(key_mutable(key));
  TRY(key_alive(key));
  key->Description = in->Description;
  return key_put(call, key);
}

OPERATION(ScheduleKeyDeletion, schedule_key_deletion, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
schedule_key_deletion(Call *call, const KmsScheduleKeyDeletionInput *in, KmsScheduleKeyDeletionOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  gint64 days = OPT_OR(in->PendingWindowInDays, 30);
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(key_mutable(key));
  TRY(key_alive(key));
  if (days < 7 || days > 30)
    return error_answer("ValidationException", "PendingWindowInDays must be between 7 and 30.");
  key->State = "PendingDeletion";
  key->DeletionDate = OPT_TIME(call->now + days * DAY_MS);
  key->Window = OPT_INT(days);
  TRY(jobs_put(call->txn, call->haar->jobs, KMS_DELETE_JOB, kms_job_key(call->arena, key), key->DeletionDate.ms, NULL, 0));
  ret_out->KeyId = key->Arn;
  ret_out->DeletionDate = key->DeletionDate;
  ret_out->KeyState = key->State;
  ret_out->PendingWindowInDays = key->Window;
  return key_put(call, key);
}

OPERATION(CancelKeyDeletion, cancel_key_deletion, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
cancel_key_deletion(Call *call, const KmsCancelKeyDeletionInput *in, KmsCancelKeyDeletionOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  if (strcmp(key->State, "PendingDeletion") != 0)
    return error_answer("KMSInvalidStateException", "%s is not pending deletion.", key->Arn);
  key->State = "Disabled";
  key->DeletionDate.set = FALSE;
  TRY(jobs_delete(call->txn, call->haar->jobs, KMS_DELETE_JOB, kms_job_key(call->arena, key)));
  ret_out->KeyId = key->Arn;
  return key_put(call, key);
}

/* The aliases of a deleted key go with it. */
static Error *
delete_aliases(Call *call, const KmsKeyRecord *key)
{
  Key prefix;
  StringList names = { 0 };
  kms_table_key(key->Region, key->Account, NULL, &prefix);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &kms_alias_table, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &KmsAliasRecord_shape, data, size, &record));
    const KmsAliasRecord *alias = record;
    if (strcmp(alias->Key, key->KeyId) == 0)
      LIST_APPEND(call->arena, &names, alias->Name);
  }
  g_clear_pointer(&cursor, cursor_free);
  for (gsize i = 0; i < names.n; i++) {
    Key name;
    kms_table_key(key->Region, key->Account, names.v[i], &name);
    TRY(store_delete(call->txn, &kms_alias_table, &name, NULL));
  }
  return NULL;
}

static Error *
delete_due(Call *call, gpointer data)
{
  KmsKeyRecord *key = NULL;
  Key name;
  TRY(key_look(call, call->region, call->account, data, &key));
  if (!key || strcmp(key->State, "PendingDeletion") != 0 || key->DeletionDate.ms > clock_now())
    return NULL;
  TRY(delete_aliases(call, key));
  TRY(jobs_delete(call->txn, call->haar->jobs, KMS_ROTATE_JOB, kms_job_key(call->arena, key)));
  kms_table_key(key->Region, key->Account, key->KeyId, &name);
  TRY(store_delete_prefix(call->txn, &kms_grant_table, &name, NULL));
  return store_delete(call->txn, &kms_key_table, &name, NULL);
}

static Error *
rotate_due(Call *call, gpointer data)
{
  KmsKeyRecord *key = NULL;
  TRY(key_look(call, call->region, call->account, data, &key));
  if (!key || !OPT_OR(key->Rotates, FALSE) || key->NextRotation.ms > clock_now())
    return NULL;
  return rotate_now(call, key, FALSE);
}

/* A job's key is region/account/id. */
static Error *
run_job(JobRun *run, CallFunction function)
{
  g_auto(GStrv) parts = g_strsplit(run->key, "/", 3);
  if (g_strv_length(parts) != 3)
    return NULL;
  g_autoptr(Call) call = call_new(run->context, parts[1], parts[0], principal_root(run->arena, parts[1]));
  return call_write(call, function, parts[2]);
}

Error *
kms_delete_job(JobRun *run)
{
  return run_job(run, delete_due);
}

Error *
kms_rotate_job(JobRun *run)
{
  return run_job(run, rotate_due);
}
