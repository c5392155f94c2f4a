#include "services/secretsmanager/secretsmanager.h"

#include <string.h>


/* A filter's value matches the beginning of a word; with '!' in front, the opposite. */
static gboolean
matches_text(const char *value, const char *text)
{
  gboolean negated = *value == '!', found = FALSE;
  value += negated;
  gsize n = strlen(value);
  for (const char *at = text ? text : ""; *at && !found; at++) {
    gboolean word = at == text || !g_ascii_isalnum(at[-1]);
    found = word && !g_ascii_strncasecmp(at, value, n);
  }
  return found != negated;
}

static gboolean
matches_tags(const char *value, const SecretsmanagerSecretRecord *secret, gboolean keys)
{
  for (gsize i = 0; i < secret->Tags.n; i++)
    if (matches_text(value, keys ? secret->Tags.v[i]->Key : secret->Tags.v[i]->Value))
      return TRUE;
  return FALSE;
}

static gboolean
matches_value(const char *key, const char *value, const SecretsmanagerSecretRecord *secret)
{
  if (!strcmp(key, "name"))
    return matches_text(value, secret->Name);
  if (!strcmp(key, "description"))
    return matches_text(value, secret->Description);
  if (!strcmp(key, "tag-key"))
    return matches_tags(value, secret, TRUE);
  if (!strcmp(key, "tag-value"))
    return matches_tags(value, secret, FALSE);
  if (!strcmp(key, "all"))
    return matches_text(value, secret->Name) || matches_text(value, secret->Description) || matches_tags(value, secret, TRUE) ||
           matches_tags(value, secret, FALSE);
  return FALSE; /* primary-region, owning-service: no secret here has one */
}

static gboolean
matches(const SecretsmanagerFiltersListType *filters, const SecretsmanagerSecretRecord *secret)
{
  for (gsize i = 0; i < filters->n; i++) {
    gboolean any = FALSE;
    for (gsize j = 0; j < filters->v[i]->Values.n && !any; j++)
      any = filters->v[i]->Key && matches_value(filters->v[i]->Key, filters->v[i]->Values.v[j], secret);
    if (!any)
      return FALSE;
  }
  return TRUE;
}

static SecretsmanagerSecretListEntry *
entry_of(Arena *arena, const SecretsmanagerSecretRecord *secret)
{
  SecretsmanagerSecretListEntry *entry = ARENA_NEW(arena, SecretsmanagerSecretListEntry);
  *entry = (SecretsmanagerSecretListEntry) {
    .ARN = secret->ARN, .Name = secret->Name, .Description = secret->Description, .KmsKeyId = secret->KmsKeyId, .Tags = secret->Tags,
    .RotationLambdaARN = secret->RotationLambdaARN, .RotationRules = secret->RotationRules, .LastRotatedDate = secret->LastRotatedDate,
    .LastChangedDate = secret->LastChangedDate, .CreatedDate = secret->CreatedDate, .OwningService = secret->OwningService,
    .RotationEnabled = secret->RotationEnabled,
  };
  for (gsize i = 0; i < secret->Versions.n; i++)
    if (secret->Versions.v[i]->Stages.n)
      MAP_SET(arena, &entry->SecretVersionsToStages, secret->Versions.v[i]->VersionId, secret->Versions.v[i]->Stages);
  return entry;
}

static int
by_creation(const void *a, const void *b)
{
  const SecretsmanagerSecretRecord *x = *(SecretsmanagerSecretRecord *const *) a, *y = *(SecretsmanagerSecretRecord *const *) b;
  return x->CreatedDate.ms != y->CreatedDate.ms ? (x->CreatedDate.ms < y->CreatedDate.ms ? -1 : 1) : strcmp(x->Name, y->Name);
}

static Error *
read_matching(Call *call, const SecretsmanagerListSecretsInput *in, GPtrArray *found)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &secretsmanager_secrets, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *value = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &SecretsmanagerSecretRecord_shape, data, size, &value));
    SecretsmanagerSecretRecord *secret = value;
    if (!secret->DeletedDate.set && matches(&in->Filters, secret))
      g_ptr_array_add(found, secret);
  }
  return NULL;
}

OPERATION(ListSecrets, list_secrets, .txn = TXN_READ)
static Error *
list_secrets(Call *call, const SecretsmanagerListSecretsInput *in, SecretsmanagerListSecretsOutput *ret_out)
{
  g_autoptr(GPtrArray) found = g_ptr_array_new();
  gint64 from = 0, limit = CLAMP(OPT_OR(in->MaxResults, 100), 1, 100);
  if (in->NextToken && !g_ascii_string_to_signed(in->NextToken, 10, 0, G_MAXINT32, &from, NULL))
    return error_answer("InvalidNextTokenException", "The NextToken value is invalid.");
  TRY(read_matching(call, in, found));
  if (found->len)
    qsort(found->pdata, found->len, sizeof *found->pdata, by_creation);
  gboolean ascending = g_strcmp0(in->SortOrder, "asc") == 0;
  LIST_EMPTY(call->arena, &ret_out->SecretList);
  for (guint i = (guint) from; i < found->len && ret_out->SecretList.n < (gsize) limit; i++)
    LIST_APPEND(call->arena, &ret_out->SecretList, entry_of(call->arena, found->pdata[ascending ? i : found->len - 1 - i]));
  if ((gint64) found->len > from + limit)
    ret_out->NextToken = arena_printf(call->arena, "%" G_GINT64_FORMAT, from + limit);
  return NULL;
}
