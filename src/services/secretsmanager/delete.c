#include "services/secretsmanager/secretsmanager.h"

#include <string.h>

#define DAY_MS (24 * 3600 * G_GINT64_CONSTANT(1000))

static Error *
check_window(const SecretsmanagerDeleteSecretInput *in)
{
  if (in->RecoveryWindowInDays.set && OPT_OR(in->ForceDeleteWithoutRecovery, FALSE))
    return error_answer("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  if (in->RecoveryWindowInDays.set && (in->RecoveryWindowInDays.v < 7 || in->RecoveryWindowInDays.v > 30))
    return error_answer("InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
  return NULL;
}

/* The job's payload says where the secret is. */
static Error *
put_job(Call *call, const char *arn, gint64 due)
{
  g_autofree char *where = g_strconcat(call->account, " ", call->region, NULL);
  return jobs_put(call->txn, call->haar->jobs, SECRETSMANAGER_DELETE_JOB, arn, due, where, strlen(where) + 1);
}

OPERATION(DeleteSecret, delete_secret, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
delete_secret(Call *call, const SecretsmanagerDeleteSecretInput *in, SecretsmanagerDeleteSecretOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  gboolean force = OPT_OR(in->ForceDeleteWithoutRecovery, FALSE);
  TRY(check_window(in));
  TRY(secret_find(call, in->SecretId, &secret));
  if (!secret && force) { /* documented: a forced deletion of a secret that is not there succeeds */
    ret_out->Name = in->SecretId;
    ret_out->DeletionDate = OPT_TIME(call->now);
    return NULL;
  }
  TRY(force ? NULL : secret_get(call, in->SecretId, &secret));
  gint64 due = call->now + (force ? 0 : OPT_OR(in->RecoveryWindowInDays, 30) * DAY_MS);
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  ret_out->DeletionDate = OPT_TIME(due);
  if (force)
    return secret_erase(call, secret);
  secret->DeletedDate = OPT_TIME(due);
  TRY(secret_put(call, secret));
  return put_job(call, secret->ARN, due);
}

OPERATION(RestoreSecret, restore_secret, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
restore_secret(Call *call, const SecretsmanagerRestoreSecretInput *in, SecretsmanagerRestoreSecretOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get_any(call, in->SecretId, &secret));
  secret->DeletedDate = (OptTime) {0};
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  TRY(jobs_delete(call->txn, call->haar->jobs, SECRETSMANAGER_DELETE_JOB, secret->ARN));
  return secret_put(call, secret);
}
