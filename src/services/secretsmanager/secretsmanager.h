/* secretsmanager: what the files of this service share. */
#pragma once

#include "services/secretsmanager.gen.h"
#include "jobs/jobs.h"
#include "server/haar.h"

#define SECRETSMANAGER_DELETE_JOB "secretsmanager.delete"
#define SECRETSMANAGER_ROTATE_JOB "secretsmanager.rotate"

/* Finds a secret by name, ARN, or ARN without its random suffix. *ret_secret is NULL if there is none. */
Error *secret_find(Call *call, const char *id, SecretsmanagerSecretRecord **ret_secret) ERROR_MUST_USE;
/* The same; none: ResourceNotFoundException. Scheduled for deletion: InvalidRequestException. */
Error *secret_get(Call *call, const char *id, SecretsmanagerSecretRecord **ret_secret) ERROR_MUST_USE;
/* The same, also if it is scheduled for deletion. */
Error *secret_get_any(Call *call, const char *id, SecretsmanagerSecretRecord **ret_secret) ERROR_MUST_USE;
Error *secret_put(Call *call, const SecretsmanagerSecretRecord *secret) ERROR_MUST_USE;
/* Removes the secret and its values. */
Error *secret_erase(Call *call, const SecretsmanagerSecretRecord *secret) ERROR_MUST_USE;

/* The row's .authorize for operations with a SecretId. */
Error *authorize_secret(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;

/* The version of an id, or with a stage; NULL if there is none. */
SecretsmanagerVersionRecord *version_by_id(const SecretsmanagerSecretRecord *secret, const char *id);
SecretsmanagerVersionRecord *version_by_stage(const SecretsmanagerSecretRecord *secret, const char *stage);
/* Moves a stage to a version (NULL: nowhere). When AWSCURRENT moves, AWSPREVIOUS goes to where it was. */
void version_move_stage(Arena *arena, SecretsmanagerSecretRecord *secret, const char *stage, SecretsmanagerVersionRecord *to);
/* Adds a version with a value, encrypted by the secret's key, and gives it stages (default AWSCURRENT). A version of this token that has the
 * same value is left as it is; another value: ResourceExistsException. */
typedef struct NewVersion {
  const char *token;         /* NULL: a random one */
  const char *text;          /* SecretString, or NULL */
  Blob binary;
  const StringList *stages;  /* NULL: AWSCURRENT */
} NewVersion;
Error *version_add(Call *call, SecretsmanagerSecretRecord *secret, const NewVersion *version, const char **ret_version_id) ERROR_MUST_USE;
/* Decrypts a version's value into text (NULL if binary) or bytes. */
Error *version_value(Call *call, const SecretsmanagerSecretRecord *secret, const char *version_id, const char **ret_text, Blob *ret_binary) ERROR_MUST_USE;
extern const Table secretsmanager_secrets, secretsmanager_values;

/* A password as GetRandomPassword makes it (arena). */
Error *password_make(Arena *arena, const SecretsmanagerGetRandomPasswordInput *in, const char **ret_password) ERROR_MUST_USE;

/* When the next rotation is due after `from`, by AutomaticallyAfterDays or a rate() or cron() expression; 0: never.
 * Wrong expressions: InvalidParameterException. */
Error *schedule_next(const SecretsmanagerRotationRulesType *rules, gint64 from, gint64 *ret_due) ERROR_MUST_USE;

/* Begins a rotation (RotateSecret with RotateImmediately, or the schedule): the token becomes the pending version's id. */
Error *rotation_begin(Call *call, SecretsmanagerSecretRecord *secret, const char *token) ERROR_MUST_USE;
/* Puts the next scheduled rotation's job. */
Error *rotation_schedule(Call *call, SecretsmanagerSecretRecord *secret) ERROR_MUST_USE;
Error *secretsmanager_start(Haar *haar);
/* --- metrics.c --- */
void secretsmanager_metrics_start(Haar *haar);
void secretsmanager_metrics_stop(Haar *haar);
