/* Aliases. */
#include "services/kms/kms.h"

#include <string.h>

static Error *
check_name(const char *name)
{
  if (!g_str_has_prefix(name, "alias/") || strlen(name) == strlen("alias/"))
    return error_answer("ValidationException", "Invalid identifier");
  if (g_str_has_prefix(name, "alias/aws/"))
    return error_answer("NotAuthorizedException", "%s", "");
  return NULL;
}

/* The alias and the key both are resources of the call; the key's policy has to allow it. */
static Error *
alias_resource(Call *call, const void *in, Authorization *auth)
{
  const char *name = call_input_text(call, in, "AliasName"), *target = call_input_text(call, in, "TargetKeyId");
  KmsKeyRecord *key = NULL;
  TRY(check_name(name));
  TRY(target ? key_find_by_id(call, target, &key) : key_find(call, name, &key));
  IamRequest request = { .principal = call->principal, .action = auth->action, .resource = call_arn(call, "kms", "%s", name),
                         .resource_account = call->account, .context = &auth->context };
  TRY(iam_authorize(call->txn, call->arena, &request));
  return key_authorize(call, key, NULL, auth);
}

static Error *
alias_look(Call *call, const char *name, KmsAliasRecord **ret)
{
  Key key;
  kms_table_key(call->region, call->account, name + strlen("alias/"), &key);
  return record_get(call->txn, &kms_alias_table, &key, &KmsAliasRecord_shape, call->arena, (void **) ret);
}

static Error *
alias_put(Call *call, const KmsAliasRecord *alias)
{
  Key key;
  kms_table_key(call->region, call->account, alias->Name, &key);
  return record_put(call->txn, &kms_alias_table, &key, &KmsAliasRecord_shape, alias);
}

OPERATION(CreateAlias, create_alias, .txn = TXN_WRITE, .authorize = alias_resource)
static Error *
create_alias(Call *call, const KmsCreateAliasInput *in, KmsCreateAliasOutput *ret_out)
{
  KmsAliasRecord *old = NULL;
  KmsKeyRecord *key = NULL;
  TRY(alias_look(call, in->AliasName, &old));
  if (old)
    return error_answer("AlreadyExistsException", "An alias with the name %s already exists", call_arn(call, "kms", "%s", in->AliasName));
  TRY(key_find_by_id(call, in->TargetKeyId, &key));
  TRY(key_mutable(key));
  TRY(key_alive(key));
  KmsAliasRecord alias = { .Name = in->AliasName + strlen("alias/"), .Key = key->KeyId, .CreationDate = OPT_TIME(call->now), .LastUpdatedDate = OPT_TIME(call->now) };
  return alias_put(call, &alias);
}

OPERATION(UpdateAlias, update_alias, .txn = TXN_WRITE, .authorize = alias_resource)
static Error *
update_alias(Call *call, const KmsUpdateAliasInput *in, KmsUpdateAliasOutput *ret_out)
{
  KmsAliasRecord *alias = NULL;
  KmsKeyRecord *key = NULL, *old = NULL;
  TRY(alias_look(call, in->AliasName, &alias));
  if (!alias)
    return error_answer("NotFoundException", "Alias %s is not found.", call_arn(call, "kms", "%s", in->AliasName));
  TRY(key_find_by_id(call, in->TargetKeyId, &key));
  TRY(key_find_by_id(call, alias->Key, &old));
  TRY(key_mutable(key));
  TRY(key_alive(key));
  if (strcmp(old->Usage, key->Usage) != 0)
    return error_answer("ValidationException", "The alias of a %s key cannot be moved to a %s key.", old->Usage, key->Usage);
  alias->Key = key->KeyId;
  alias->LastUpdatedDate = OPT_TIME(call->now);
  return alias_put(call, alias);
}

OPERATION(DeleteAlias, delete_alias, .txn = TXN_WRITE, .authorize = alias_resource)
static Error *
delete_alias(Call *call, const KmsDeleteAliasInput *in, KmsDeleteAliasOutput *ret_out)
{
  Key key;
  kms_table_key(call->region, call->account, in->AliasName + strlen("alias/"), &key);
  return store_delete(call->txn, &kms_alias_table, &key, NULL);
}

static KmsAliasListEntry *
entry_make(const Call *call, const char *alias, const char *key, OptTime made, OptTime changed)
{
  KmsAliasListEntry *entry = ARENA_NEW(call->arena, KmsAliasListEntry);
  *entry = (KmsAliasListEntry) { .AliasName = arena_printf(call->arena, "alias/%s", alias), .AliasArn = call_arn(call, "kms", "alias/%s", alias),
                                 .TargetKeyId = key, .CreationDate = made, .LastUpdatedDate = changed };
  return entry;
}

/* All aliases of the account and region; of one key if key is given. */
static Error *
gather(Call *call, const char *key, KmsAliasList *out)
{
  Key prefix;
  for (const ManagedKey *managed = kms_managed_keys; managed->alias; managed++) {
    KmsKeyRecord *record = managed_key_record(call, managed, call->account);
    if (!key || strcmp(key, record->KeyId) == 0)
      LIST_APPEND(call->arena, out, entry_make(call, managed->alias, record->KeyId, record->CreationDate, record->CreationDate));
  }
  kms_table_key(call->region, call->account, NULL, &prefix);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &kms_alias_table, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &KmsAliasRecord_shape, data, size, &record));
    const KmsAliasRecord *alias = record;
    if (!key || strcmp(key, alias->Key) == 0)
      LIST_APPEND(call->arena, out, entry_make(call, alias->Name, alias->Key, alias->CreationDate, alias->LastUpdatedDate));
  }
  return NULL;
}

OPERATION(ListAliases, list_aliases)
static Error *
list_aliases(Call *call, const KmsListAliasesInput *in, KmsListAliasesOutput *ret_out)
{
  KmsAliasList all = { 0 };
  KmsKeyRecord *key = NULL;
  KmsPage page;
  if (in->KeyId)
    TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(gather(call, key ? key->KeyId : NULL, &all));
  TRY(kms_page(call->arena, all.n, in->Marker, in->Limit, 50, &page));
  LIST_EMPTY(call->arena, &ret_out->Aliases);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Aliases, all.v[i]);
  ret_out->Truncated = OPT_BOOL(page.truncated);
  ret_out->NextMarker = page.marker;
  return NULL;
}
