#include "services/secretsmanager/secretsmanager.h"

#include <string.h>

static Error *
check_name(const char *name)
{
  for (const char *c = name; *c; c++)
    if (!g_ascii_isalnum(*c) && !strchr("/_+=.@-!", *c))
      return error_answer("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!");
  return *name && strlen(name) <= 512 ? NULL : error_answer("ValidationException", "Invalid name. Must be between 1 and 512 characters long.");
}

static Error *
authorize_create(Call *call, const void *in, Authorization *auth)
{
  const SecretsmanagerCreateSecretInput *input = in;
  auth->resource = call_arn(call, "secretsmanager", "secret:%s", input->Name);
  MAP_SET(call->arena, &auth->context, "secretsmanager:Name", input->Name);
  if (input->KmsKeyId)
    MAP_SET(call->arena, &auth->context, "secretsmanager:KmsKeyId", input->KmsKeyId);
  for (gsize i = 0; i < input->Tags.n; i++)
    MAP_SET(call->arena, &auth->context, arena_printf(call->arena, "aws:RequestTag/%s", input->Tags.v[i]->Key), input->Tags.v[i]->Value);
  return NULL;
}

OPERATION(CreateSecret, create_secret, .txn = TXN_WRITE, .authorize = authorize_create)
static Error *
create_secret(Call *call, const SecretsmanagerCreateSecretInput *in, SecretsmanagerCreateSecretOutput *ret_out)
{
  SecretsmanagerSecretRecord *old = NULL;
  TRY(check_name(in->Name));
  if (in->AddReplicaRegions.n)
    return error_answer("InvalidParameterException", "haar does not replicate secrets to other Regions yet");
  TRY(secret_find(call, in->Name, &old));
  if (old && old->DeletedDate.set)
    return error_answer("InvalidRequestException",
                        "You can't create this secret because a secret with this name is already scheduled for deletion.");
  if (old)
    return error_answer("ResourceExistsException", "The operation failed because the secret %s already exists.", in->Name);
  SecretsmanagerSecretRecord secret = {
    .Name = in->Name, .Description = in->Description, .KmsKeyId = in->KmsKeyId, .Tags = in->Tags, .CreatedDate = OPT_TIME(call->now),
    .LastChangedDate = OPT_TIME(call->now),
    .ARN = call_arn(call, "secretsmanager", "secret:%s-%s", in->Name,
                    id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 6)),
  };
  if (in->SecretString || in->SecretBinary.data) {
    NewVersion version = {.token = in->ClientRequestToken, .text = in->SecretString, .binary = in->SecretBinary};
    TRY(version_add(call, &secret, &version, &ret_out->VersionId));
  }
  ret_out->ARN = secret.ARN;
  ret_out->Name = secret.Name;
  return secret_put(call, &secret);
}

OPERATION(UpdateSecret, update_secret, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
update_secret(Call *call, const SecretsmanagerUpdateSecretInput *in, SecretsmanagerUpdateSecretOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  if (in->Description)
    secret->Description = in->Description;
  if (in->KmsKeyId) /* the service's own key is not shown, as on AWS */
    secret->KmsKeyId = strcmp(in->KmsKeyId, "alias/aws/secretsmanager") ? in->KmsKeyId : NULL;
  if (in->SecretString || in->SecretBinary.data) {
    NewVersion version = {.token = in->ClientRequestToken, .text = in->SecretString, .binary = in->SecretBinary};
    TRY(version_add(call, secret, &version, &ret_out->VersionId));
  }
  secret->LastChangedDate = OPT_TIME(call->now);
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  return secret_put(call, secret);
}

OPERATION(DescribeSecret, describe_secret, .txn = TXN_READ, .authorize = authorize_secret)
static Error *
describe_secret(Call *call, const SecretsmanagerDescribeSecretInput *in, SecretsmanagerDescribeSecretOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get_any(call, in->SecretId, &secret));
  *ret_out = (SecretsmanagerDescribeSecretOutput) {
    .ARN = secret->ARN, .Name = secret->Name, .Description = secret->Description, .KmsKeyId = secret->KmsKeyId, .Tags = secret->Tags,
    .RotationLambdaARN = secret->RotationLambdaARN, .RotationRules = secret->RotationRules, .LastRotatedDate = secret->LastRotatedDate,
    .LastChangedDate = secret->LastChangedDate, .DeletedDate = secret->DeletedDate, .OwningService = secret->OwningService,
    .CreatedDate = secret->CreatedDate, .NextRotationDate = secret->NextRotationDate,
  };
  if (secret->RotationLambdaARN)
    ret_out->RotationEnabled = OPT_BOOL(OPT_OR(secret->RotationEnabled, FALSE));
  for (gsize i = 0; i < secret->Versions.n; i++)
    if (secret->Versions.v[i]->Stages.n)
      MAP_SET(call->arena, &ret_out->VersionIdsToStages, secret->Versions.v[i]->VersionId, secret->Versions.v[i]->Stages);
  return NULL;
}
