#include "services/secretsmanager/secretsmanager.h"

#include <string.h>

static Error *
authorize_value(Call *call, const void *in, Authorization *auth)
{
  const SecretsmanagerGetSecretValueInput *input = in;
  TRY(authorize_secret(call, in, auth));
  MAP_SET(call->arena, &auth->context, "secretsmanager:VersionStage", input->VersionStage ? input->VersionStage : "AWSCURRENT");
  if (input->VersionId)
    MAP_SET(call->arena, &auth->context, "secretsmanager:VersionId", input->VersionId);
  return NULL;
}

static Error *
choose_version(const SecretsmanagerGetSecretValueInput *in, const SecretsmanagerSecretRecord *secret, SecretsmanagerVersionRecord **ret_version)
{
  const char *stage = in->VersionStage ? in->VersionStage : "AWSCURRENT";
  SecretsmanagerVersionRecord *version = in->VersionId ? version_by_id(secret, in->VersionId) : version_by_stage(secret, stage);
  if (!version && in->VersionId)
    return error_answer("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", in->VersionId);
  if (!version)
    return error_answer("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", stage);
  if (in->VersionId && in->VersionStage && !string_list_has(&version->Stages, stage))
    return error_answer("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.");
  *ret_version = version;
  return NULL;
}

OPERATION(GetSecretValue, get_secret_value, .txn = TXN_READ, .authorize = authorize_value)
static Error *
get_secret_value(Call *call, const SecretsmanagerGetSecretValueInput *in, SecretsmanagerGetSecretValueOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  SecretsmanagerVersionRecord *version = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  TRY(choose_version(in, secret, &version));
  TRY(version_value(call, secret, version->VersionId, &ret_out->SecretString, &ret_out->SecretBinary));
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  ret_out->VersionId = version->VersionId;
  ret_out->VersionStages = version->Stages;
  ret_out->CreatedDate = version->CreatedDate;
  return NULL;
}

OPERATION(PutSecretValue, put_secret_value, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
put_secret_value(Call *call, const SecretsmanagerPutSecretValueInput *in, SecretsmanagerPutSecretValueOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  NewVersion version = {.token = in->ClientRequestToken, .text = in->SecretString, .binary = in->SecretBinary, .stages = &in->VersionStages};
  TRY(version_add(call, secret, &version, &ret_out->VersionId));
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  ret_out->VersionStages = version_by_id(secret, ret_out->VersionId)->Stages;
  return secret_put(call, secret);
}

OPERATION(UpdateSecretVersionStage, update_secret_version_stage, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
update_secret_version_stage(Call *call, const SecretsmanagerUpdateSecretVersionStageInput *in, SecretsmanagerUpdateSecretVersionStageOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  SecretsmanagerVersionRecord *holder = version_by_stage(secret, in->VersionStage);
  SecretsmanagerVersionRecord *to = in->MoveToVersionId ? version_by_id(secret, in->MoveToVersionId) : NULL;
  if (in->MoveToVersionId && !to)
    return error_answer("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", in->MoveToVersionId);
  if (holder && holder != to && g_strcmp0(in->RemoveFromVersionId, holder->VersionId))
    return error_answer("InvalidParameterException",
                        "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must "
                        "explicitly reference that version in RemoveFromVersionId.", in->VersionStage, holder->VersionId);
  if (in->RemoveFromVersionId && !holder)
    return error_answer("InvalidParameterException", "Staging label %s is not attached to version %s.", in->VersionStage, in->RemoveFromVersionId);
  if (!to && !strcmp(in->VersionStage, "AWSCURRENT"))
    return error_answer("InvalidParameterException", "You can't remove the staging label AWSCURRENT from a version: move it to another one.");
  version_move_stage(call->arena, secret, in->VersionStage, to);
  secret->LastChangedDate = OPT_TIME(call->now);
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  return secret_put(call, secret);
}

OPERATION(ListSecretVersionIds, list_secret_version_ids, .txn = TXN_READ, .authorize = authorize_secret)
static Error *
list_secret_version_ids(Call *call, const SecretsmanagerListSecretVersionIdsInput *in, SecretsmanagerListSecretVersionIdsOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  gint64 from = 0, limit = CLAMP(OPT_OR(in->MaxResults, 100), 1, 100);
  TRY(secret_get_any(call, in->SecretId, &secret));
  if (in->NextToken && !g_ascii_string_to_signed(in->NextToken, 10, 0, G_MAXINT32, &from, NULL))
    return error_answer("InvalidNextTokenException", "The NextToken value is invalid.");
  LIST_EMPTY(call->arena, &ret_out->Versions);
  for (gsize i = (gsize) from; i < secret->Versions.n; i++) {
    const SecretsmanagerVersionRecord *version = secret->Versions.v[i];
    if (!version->Stages.n && !OPT_OR(in->IncludeDeprecated, FALSE))
      continue;
    if ((gint64) ret_out->Versions.n == limit) {
      ret_out->NextToken = arena_printf(call->arena, "%" G_GSIZE_FORMAT, i);
      break;
    }
    SecretsmanagerSecretVersionsListEntry *entry = ARENA_NEW(call->arena, SecretsmanagerSecretVersionsListEntry);
    *entry = (SecretsmanagerSecretVersionsListEntry) {.VersionId = version->VersionId, .VersionStages = version->Stages,
                                                      .CreatedDate = version->CreatedDate};
    LIST_APPEND(call->arena, &entry->KmsKeyIds, secret->KmsKeyId ? secret->KmsKeyId : "DefaultEncryptionKey");
    LIST_APPEND(call->arena, &ret_out->Versions, entry);
  }
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  return NULL;
}
