#include "services/secretsmanager/secretsmanager.h"

#include <string.h>

const Table secretsmanager_secrets = {"secretsmanager.secrets"};
const Table secretsmanager_values = {"secretsmanager.values"};

#define SUFFIX_SIZE 7 /* "-AbCdEf" */

static Error *
find_name(Call *call, const char *name, SecretsmanagerSecretRecord **ret_secret)
{
  Key key;
  void *secret = NULL;
  call_key(call, &key);
  key_add(&key, name);
  TRY(record_get(call->txn, &secretsmanager_secrets, &key, &SecretsmanagerSecretRecord_shape, call->arena, &secret));
  *ret_secret = secret;
  return NULL;
}

Error *
secret_find(Call *call, const char *id, SecretsmanagerSecretRecord **ret_secret)
{
  Arn arn;
  static const char prefix[] = "secret:";
  *ret_secret = NULL;
  if (!arn_parse(call->arena, id, &arn))
    return find_name(call, id, ret_secret);
  if (strcmp(arn.service, "secretsmanager") || strcmp(arn.region, call->region) || !g_str_has_prefix(arn.resource, prefix))
    return NULL;
  const char *name = arn.resource + strlen(prefix);
  gsize n = strlen(name);
  SecretsmanagerSecretRecord *secret = NULL;
  /* The whole ARN first: a name may itself end like a suffix. */
  if (n > SUFFIX_SIZE && name[n - SUFFIX_SIZE] == '-')
    TRY(find_name(call, arena_strndup(call->arena, name, n - SUFFIX_SIZE), &secret));
  if (!secret || strcmp(secret->ARN, id)) {
    secret = NULL;
    TRY(find_name(call, name, &secret));
  }
  if (secret && strncmp(secret->ARN, id, strlen(id)) == 0)
    *ret_secret = secret;
  return NULL;
}

Error *
secret_get_any(Call *call, const char *id, SecretsmanagerSecretRecord **ret_secret)
{
  TRY(secret_find(call, id, ret_secret));
  if (!*ret_secret)
    return error_answer("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
  return NULL;
}

Error *
secret_get(Call *call, const char *id, SecretsmanagerSecretRecord **ret_secret)
{
  TRY(secret_get_any(call, id, ret_secret));
  if ((*ret_secret)->DeletedDate.set)
    return error_answer("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.");
  return NULL;
}

Error *
secret_put(Call *call, const SecretsmanagerSecretRecord *secret)
{
  Key key;
  call_key(call, &key);
  key_add(&key, secret->Name);
  return record_put(call->txn, &secretsmanager_secrets, &key, &SecretsmanagerSecretRecord_shape, secret);
}

Error *
secret_erase(Call *call, const SecretsmanagerSecretRecord *secret)
{
  Key key;
  Haar *haar = call->haar;
  call_key(call, &key);
  key_add(&key, secret->Name);
  TRY(jobs_delete(call->txn, haar->jobs, SECRETSMANAGER_DELETE_JOB, secret->ARN));
  TRY(jobs_delete(call->txn, haar->jobs, SECRETSMANAGER_ROTATE_JOB, secret->ARN));
  TRY(store_delete_prefix(call->txn, &secretsmanager_values, &key, NULL));
  return store_delete(call->txn, &secretsmanager_secrets, &key, NULL);
}

static const char *
secret_id_of(const Call *call, const void *in)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++)
    if (!strcmp(shape->members[i].name, "SecretId"))
      return *(const char *const *) ((const char *) in + shape->members[i].offset);
  return NULL;
}

/* https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html */
Error *
authorize_secret(Call *call, const void *in, Authorization *auth)
{
  const char *id = secret_id_of(call, in);
  SecretsmanagerSecretRecord *secret = NULL;
  if (!id)
    return NULL;
  TRY(secret_find(call, id, &secret));
  if (!secret) {
    auth->resource = g_str_has_prefix(id, "arn:") ? id : call_arn(call, "secretsmanager", "secret:%s", id);
    return NULL;
  }
  auth->resource = secret->ARN;
  auth->resource_policy = secret->Policy;
  MAP_SET(call->arena, &auth->context, "secretsmanager:SecretId", secret->ARN);
  for (gsize i = 0; i < secret->Tags.n; i++) {
    const SecretsmanagerTag *tag = secret->Tags.v[i];
    MAP_SET(call->arena, &auth->context, arena_printf(call->arena, "aws:ResourceTag/%s", tag->Key), tag->Value);
    MAP_SET(call->arena, &auth->context, arena_printf(call->arena, "secretsmanager:ResourceTag/%s", tag->Key), tag->Value);
  }
  return NULL;
}
