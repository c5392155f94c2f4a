#include "services/secretsmanager/secretsmanager.h"

#include <string.h>

#define TAGS_MAX 50

static SecretsmanagerTag *
find_tag(const SecretsmanagerSecretRecord *secret, const char *key)
{
  for (gsize i = 0; i < secret->Tags.n; i++)
    if (!strcmp(secret->Tags.v[i]->Key, key))
      return secret->Tags.v[i];
  return NULL;
}

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
tag_resource(Call *call, const SecretsmanagerTagResourceInput *in, SecretsmanagerTagResourceOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  for (gsize i = 0; i < in->Tags.n; i++) {
    SecretsmanagerTag *tag = in->Tags.v[i], *old = find_tag(secret, tag->Key);
    if (g_ascii_strncasecmp(tag->Key, "aws:", 4) == 0 && call->principal->type != PRINCIPAL_SERVICE)
      return error_answer("InvalidParameterException", "Tag key %s is reserved: it begins with aws:", tag->Key);
    if (old)
      old->Value = tag->Value;
    else
      LIST_APPEND(call->arena, &secret->Tags, tag);
  }
  if (secret->Tags.n > TAGS_MAX)
    return error_answer("InvalidParameterException", "A secret can have at most %d tags.", TAGS_MAX);
  return secret_put(call, secret);
}

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
untag_resource(Call *call, const SecretsmanagerUntagResourceInput *in, SecretsmanagerUntagResourceOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  gsize kept = 0;
  TRY(secret_get(call, in->SecretId, &secret));
  for (gsize i = 0; i < secret->Tags.n; i++)
    if (!string_list_has(&in->TagKeys, secret->Tags.v[i]->Key))
      secret->Tags.v[kept++] = secret->Tags.v[i];
  secret->Tags.n = kept;
  return secret_put(call, secret);
}
