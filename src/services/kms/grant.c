/* Grants: they allow one principal some operations with one key, and nothing can be denied by them.
 * https://docs.aws.amazon.com/kms/latest/developerguide/grants.html */
#include "services/kms/kms.h"

#include <string.h>

/* Whether context has all entries of wanted (and, if exact, no others). */
static gboolean
context_has(const StringMap *wanted, const StringMap *context, gboolean exact)
{
  gsize n = context ? context->n : 0;
  if (exact && wanted->n != n)
    return FALSE;
  for (gsize i = 0; i < wanted->n; i++) {
    const char *value = context ? string_map_get(context, wanted->v[i].key) : NULL;
    if (g_strcmp0(value, wanted->v[i].value) != 0)
      return FALSE;
  }
  return TRUE;
}

static gboolean
names_caller(const char *grantee, const Principal *principal)
{
  return g_strcmp0(grantee, principal->arn) == 0 || (principal->role_arn && g_strcmp0(grantee, principal->role_arn) == 0);
}

static gboolean
grant_covers(const KmsGrantListEntry *grant, const Call *call, const StringMap *context)
{
  if (!names_caller(grant->GranteePrincipal, call->principal) || !string_list_has(&grant->Operations, call->operation->name))
    return FALSE;
  if (!grant->Constraints)
    return TRUE;
  return context_has(&grant->Constraints->EncryptionContextSubset, context, FALSE) &&
         (!grant->Constraints->EncryptionContextEquals.v || context_has(&grant->Constraints->EncryptionContextEquals, context, TRUE));
}

typedef struct Grants { gsize n; KmsGrantRecord **v; } Grants;

/* The grants of a key, or of all keys of the account and region (key NULL). */
static Error *
grants_of(Call *call, const KmsKeyRecord *key, Grants *out)
{
  Key prefix;
  kms_table_key(key ? key->Region : call->region, key ? key->Account : call->account, key ? key->KeyId : NULL, &prefix);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &kms_grant_table, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &KmsGrantRecord_shape, data, size, &record));
    LIST_APPEND(call->arena, out, (KmsGrantRecord *) record);
  }
  return NULL;
}

Error *
grant_allows(Call *call, const KmsKeyRecord *key, const StringMap *encryption_context, gboolean *ret)
{
  Grants grants = { 0 };
  *ret = FALSE;
  TRY(grants_of(call, key, &grants));
  for (gsize i = 0; i < grants.n && !*ret; i++)
    *ret = grant_covers(grants.v[i]->Entry, call, encryption_context);
  return NULL;
}

OPERATION(CreateGrant, create_grant, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
create_grant(Call *call, const KmsCreateGrantInput *in, KmsCreateGrantOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(key_alive(key));
  if (strcmp(key->State, "Disabled") == 0)
    return error_answer("DisabledException", "%s is disabled.", key->Arn);
  if (!g_str_has_prefix(in->GranteePrincipal, "arn:") && !g_str_has_suffix(in->GranteePrincipal, ".amazonaws.com"))
    return error_answer("InvalidArnException", "%s is not a valid principal.", in->GranteePrincipal);
  KmsGrantListEntry entry = {
    .KeyId = key->Arn, .GrantId = id_hex(call->arena, 64), .Name = in->Name, .CreationDate = OPT_TIME(call->now),
    .GranteePrincipal = in->GranteePrincipal, .RetiringPrincipal = in->RetiringPrincipal,
    .IssuingAccount = arena_printf(call->arena, "arn:aws:iam::%s:root", call->account), .Operations = in->Operations, .Constraints = in->Constraints,
  };
  KmsGrantRecord record = { .Entry = &entry, .Token = id_hex(call->arena, 96) };
  Key name;
  kms_table_key(key->Region, key->Account, key->KeyId, &name);
  key_add(&name, entry.GrantId);
  ret_out->GrantId = entry.GrantId;
  ret_out->GrantToken = record.Token;
  return record_put(call->txn, &kms_grant_table, &name, &KmsGrantRecord_shape, &record);
}

static Error *
grant_delete(Call *call, const KmsKeyRecord *key, const char *id)
{
  Key name;
  gboolean existed = FALSE;
  kms_table_key(key->Region, key->Account, key->KeyId, &name);
  key_add(&name, id);
  TRY(store_delete(call->txn, &kms_grant_table, &name, &existed));
  return existed ? NULL : error_answer("NotFoundException", "Grant ID %s not found", id);
}

OPERATION(RevokeGrant, revoke_grant, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
revoke_grant(Call *call, const KmsRevokeGrantInput *in, KmsRevokeGrantOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  return grant_delete(call, key, in->GrantId);
}

/* The grant itself says who may retire it; policies are asked only if it does not name the caller. */
static Error *
retire_find(Call *call, const KmsRetireGrantInput *in, KmsGrantRecord **ret, KmsKeyRecord **ret_key)
{
  Grants grants = { 0 };
  KmsKeyRecord *key = NULL;
  if (in->KeyId)
    TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(grants_of(call, key, &grants));
  for (gsize i = 0; i < grants.n; i++)
    if (g_strcmp0(grants.v[i]->Token, in->GrantToken) == 0 || g_strcmp0(grants.v[i]->Entry->GrantId, in->GrantId) == 0)
      *ret = grants.v[i];
  if (!*ret)
    return error_answer("NotFoundException", "Grant not found");
  return key_find_by_id(call, (*ret)->Entry->KeyId, ret_key);
}

static Error *
retire_resource(Call *call, const void *in, Authorization *auth)
{
  KmsGrantRecord *grant = NULL;
  KmsKeyRecord *key = NULL;
  TRY(retire_find(call, in, &grant, &key));
  TRY(key_authorize(call, key, NULL, auth));
  auth->skip = auth->skip || (grant->Entry->RetiringPrincipal && names_caller(grant->Entry->RetiringPrincipal, call->principal));
  return NULL;
}

OPERATION(RetireGrant, retire_grant, .txn = TXN_WRITE, .authorize = retire_resource)
static Error *
retire_grant(Call *call, const KmsRetireGrantInput *in, KmsRetireGrantOutput *ret_out)
{
  KmsGrantRecord *grant = NULL;
  KmsKeyRecord *key = NULL;
  TRY(retire_find(call, in, &grant, &key));
  return grant_delete(call, key, grant->Entry->GrantId);
}

static Error *
list(Call *call, const Grants *grants, const char *marker, OptInt limit, KmsGrantList *out, const char **ret_marker, OptBool *ret_truncated)
{
  KmsPage page;
  TRY(kms_page(call->arena, grants->n, marker, limit, 50, &page));
  LIST_EMPTY(call->arena, out);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, out, grants->v[i]->Entry);
  *ret_marker = page.marker;
  *ret_truncated = OPT_BOOL(page.truncated);
  return NULL;
}

OPERATION(ListGrants, list_grants, .authorize = key_resource)
static Error *
list_grants(Call *call, const KmsListGrantsInput *in, KmsListGrantsOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  Grants all = { 0 }, wanted = { 0 };
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(grants_of(call, key, &all));
  for (gsize i = 0; i < all.n; i++) {
    const KmsGrantListEntry *entry = all.v[i]->Entry;
    if ((!in->GrantId || strcmp(in->GrantId, entry->GrantId) == 0) && (!in->GranteePrincipal || strcmp(in->GranteePrincipal, entry->GranteePrincipal) == 0))
      LIST_APPEND(call->arena, &wanted, all.v[i]);
  }
  return list(call, &wanted, in->Marker, in->Limit, &ret_out->Grants, &ret_out->NextMarker, &ret_out->Truncated);
}

OPERATION(ListRetirableGrants, list_retirable_grants)
static Error *
list_retirable_grants(Call *call, const KmsListRetirableGrantsInput *in, KmsListRetirableGrantsOutput *ret_out)
{
  Grants all = { 0 }, wanted = { 0 };
  TRY(grants_of(call, NULL, &all));
  for (gsize i = 0; i < all.n; i++)
    if (g_strcmp0(in->RetiringPrincipal, all.v[i]->Entry->RetiringPrincipal) == 0)
      LIST_APPEND(call->arena, &wanted, all.v[i]);
  return list(call, &wanted, in->Marker, in->Limit, &ret_out->Grants, &ret_out->NextMarker, &ret_out->Truncated);
}
