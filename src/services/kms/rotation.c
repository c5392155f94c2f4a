/* Rotation: new material for what is encrypted from now on; the old is kept for what was encrypted before.
 * https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html */
#include "services/kms/kms.h"

#include <string.h>

#define DAY_MS G_GINT64_CONSTANT(86400000)

static Error *
find_rotatable(Call *call, const char *name, KmsKeyRecord **ret)
{
  TRY(key_find_by_id(call, name, ret));
  TRY(key_mutable(*ret));
  TRY(key_alive(*ret));
  if (strcmp((*ret)->State, "Disabled") == 0)
    return error_answer("DisabledException", "%s is disabled.", (*ret)->Arn);
  if (!key_symmetric(*ret))
    return error_answer("UnsupportedOperationException", "You cannot perform this operation on an asymmetric or HMAC KMS key: %s.", (*ret)->Arn);
  return NULL;
}

static Error *
schedule(Call *call, KmsKeyRecord *key)
{
  key->NextRotation = OPT_TIME(clock_now() + OPT_OR(key->RotationPeriod, 365) * DAY_MS);
  return jobs_put(call->txn, call->haar->jobs, KMS_ROTATE_JOB, kms_job_key(call->arena, key), key->NextRotation.ms, NULL, 0);
}

Error *
rotate_now(Call *call, KmsKeyRecord *key, gboolean on_demand)
{
  KmsMaterialRecord *material = NULL;
  TRY(material_new(call->arena, kms_state(call), key->Spec, clock_now(), on_demand, &material));
  LIST_APPEND(call->arena, &key->Materials, material);
  if (!on_demand)
    TRY(schedule(call, key));
  return key_put(call, key);
}

OPERATION(EnableKeyRotation, enable_key_rotation, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
enable_key_rotation(Call *call, const KmsEnableKeyRotationInput *in, KmsEnableKeyRotationOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(find_rotatable(call, in->KeyId, &key));
  gint64 days = OPT_OR(in->RotationPeriodInDays, OPT_OR(key->RotationPeriod, 365));
  if (days < 90 || days > 2560)
    return error_answer("ValidationException", "RotationPeriodInDays must be between 90 and 2560.");
  key->Rotates = OPT_BOOL(TRUE);
  key->RotationPeriod = OPT_INT(days);
  TRY(schedule(call, key));
  return key_put(call, key);
}

OPERATION(DisableKeyRotation, disable_key_rotation, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
disable_key_rotation(Call *call, const KmsDisableKeyRotationInput *in, KmsDisableKeyRotationOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(find_rotatable(call, in->KeyId, &key));
  key->Rotates = OPT_BOOL(FALSE);
  key->NextRotation.set = FALSE;
  TRY(jobs_delete(call->txn, call->haar->jobs, KMS_ROTATE_JOB, kms_job_key(call->arena, key)));
  return key_put(call, key);
}

OPERATION(GetKeyRotationStatus, get_key_rotation_status, .authorize = key_resource)
static Error *
get_key_rotation_status(Call *call, const KmsGetKeyRotationStatusInput *in, KmsGetKeyRotationStatusOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  TRY(key_alive(key));
  ret_out->KeyRotationEnabled = OPT_BOOL(OPT_OR(key->Rotates, FALSE));
  ret_out->KeyId = key->Arn;
  if (ret_out->KeyRotationEnabled.v) {
    ret_out->RotationPeriodInDays = OPT_INT(OPT_OR(key->RotationPeriod, 365));
    ret_out->NextRotationDate = key->NextRotation;
  }
  return NULL;
}

OPERATION(RotateKeyOnDemand, rotate_key_on_demand, .txn = TXN_WRITE, .authorize = key_resource)
static Error *
rotate_key_on_demand(Call *call, const KmsRotateKeyOnDemandInput *in, KmsRotateKeyOnDemandOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  gsize on_demand = 0;
  TRY(find_rotatable(call, in->KeyId, &key));
  for (gsize i = 0; i < key->Materials.n; i++)
    on_demand += OPT_OR(key->Materials.v[i]->OnDemand, FALSE);
  if (on_demand >= 25)
    return error_answer("LimitExceededException", "On-demand rotations of %s are at their limit of 25.", key->Arn);
  ret_out->KeyId = key->Arn;
  return rotate_now(call, key, TRUE);
}

OPERATION(ListKeyRotations, list_key_rotations, .authorize = key_resource)
static Error *
list_key_rotations(Call *call, const KmsListKeyRotationsInput *in, KmsListKeyRotationsOutput *ret_out)
{
  KmsKeyRecord *key = NULL;
  TRY(key_find_by_id(call, in->KeyId, &key));
  LIST_EMPTY(call->arena, &ret_out->Rotations);
  for (gsize i = 1; i < key->Materials.n; i++) {
    KmsRotationsListEntry *entry = ARENA_NEW(call->arena, KmsRotationsListEntry);
    *entry = (KmsRotationsListEntry) { .KeyId = key->Arn, .RotationDate = key->Materials.v[i]->Since,
                                       .RotationType = OPT_OR(key->Materials.v[i]->OnDemand, FALSE) ? "ON_DEMAND" : "AUTOMATIC" };
    LIST_APPEND(call->arena, &ret_out->Rotations, entry);
  }
  ret_out->Truncated = OPT_BOOL(FALSE);
  return NULL;
}
