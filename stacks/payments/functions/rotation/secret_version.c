#include "secret_version.h"

#include <stdlib.h>
#include <string.h>

typedef struct Member {
  const char *name, *value;  /* value NULL: left out */
} Member;

/* {"a":"b",...} of texts; more: further members as JSON, or NULL. */
static char *
object(Arena *arena, const Member *members, size_t n, const char *more)
{
  Text body = text_new(arena);
  text_printf(&body, "{");
  for (size_t i = 0; i < n; i++) {
    if (!members[i].value)
      continue;
    text_printf(&body, "%s\"%s\":", body.size > 1 ? "," : "", members[i].name);
    text_json(&body, members[i].value);
  }
  text_printf(&body, "%s%s}", more && body.size > 1 ? "," : "", more ? more : "");
  return body.data;
}

static const Failure *
call(Aws *aws, Arena *arena, const char *operation, const char *body, AwsAnswer *ret_answer)
{
  return aws_json(aws, arena, AWS_SECRETSMANAGER, arena_printf(arena, "secretsmanager.%s", operation), body, ret_answer);
}

static const Failure *
call_good(Aws *aws, Arena *arena, const char *operation, const char *body, const Json **ret_json)
{
  AwsAnswer answer;
  TRY(call(aws, arena, operation, body, &answer));
  if (answer.status != 200)
    return aws_failure(arena, operation, &answer);
  *ret_json = json_parse(arena, answer.body, answer.size);
  return NULL;
}

const Failure *
secret_version_read(Aws *aws, Arena *arena, const char *secret_id, const char *stage, const char *version_id, SecretVersion *ret_version, bool *ret_found)
{
  AwsAnswer answer;
  const Member members[] = {{"SecretId", secret_id}, {"VersionStage", stage}, {"VersionId", version_id}};
  *ret_found = false;
  TRY(call(aws, arena, "GetSecretValue", object(arena, members, 3, NULL), &answer));
  if (strcmp(answer.code, "ResourceNotFoundException") == 0)
    return NULL;
  if (answer.status != 200)
    return aws_failure(arena, "reading the secret", &answer);
  const char *text = json_string(json_get(json_parse(arena, answer.body, answer.size), "SecretString"));
  const Json *value = text ? json_parse(arena, text, strlen(text)) : NULL;
  const Json *port = json_get(value, "port");
  *ret_version = (SecretVersion){value, json_string(json_get(value, "host")), json_string(json_get(value, "username")),
                                 json_string(json_get(value, "password")), port && port->text ? (unsigned) strtoul(port->text, NULL, 10) : 3306};
  if (!ret_version->host || !ret_version->username || !ret_version->password)
    return failure_new(arena, 500, false, "InvalidSecret", "the secret has no host, username and password: is it attached to a database?");
  *ret_found = true;
  return NULL;
}

static void
write_value(Text *out, const Json *value)
{
  if (value->type == JSON_STRING)
    text_json(out, value->text);
  else
    text_printf(out, "%s", value->text ? value->text : "null");
}

const Failure *
secret_version_put(Aws *aws, Arena *arena, const char *secret_id, const char *token, const SecretVersion *current, const char *password)
{
  const Json *done;
  Text secret = text_new(arena);
  text_printf(&secret, "{");
  for (const Json *member = current->value->first; member; member = member->next) {
    text_printf(&secret, "%s", member == current->value->first ? "" : ",");
    text_json(&secret, member->key);
    text_printf(&secret, ":");
    if (strcmp(member->key, "password") == 0)
      text_json(&secret, password);
    else
      write_value(&secret, member);
  }
  text_printf(&secret, "}");
  const Member members[] = {{"SecretId", secret_id}, {"ClientRequestToken", token}, {"SecretString", secret.data}};
  return call_good(aws, arena, "PutSecretValue", object(arena, members, 3, "\"VersionStages\":[\"AWSPENDING\"]"), &done);
}

const Failure *
secret_password_new(Aws *aws, Arena *arena, const char **ret_password)
{
  const Json *answer;
  const Member members[] = {{"ExcludeCharacters", "\"@/\\'"}};
  TRY(call_good(aws, arena, "GetRandomPassword", object(arena, members, 1, "\"PasswordLength\":32"), &answer));
  *ret_password = json_string(json_get(answer, "RandomPassword"));
  return *ret_password ? NULL : failure_new(arena, 502, true, "ServiceError", "GetRandomPassword answered none");
}

const Failure *
secret_describe(Aws *aws, Arena *arena, const char *secret_id, const Json **ret_description)
{
  const Member members[] = {{"SecretId", secret_id}};
  return call_good(aws, arena, "DescribeSecret", object(arena, members, 1, NULL), ret_description);
}

bool
secret_has_stage(const Json *description, const char *version_id, const char *stage)
{
  const Json *stages = json_get(json_get(description, "VersionIdsToStages"), version_id);
  for (const Json *at = stages ? stages->first : NULL; at; at = at->next)
    if (at->text && strcmp(at->text, stage) == 0)
      return true;
  return false;
}

const char *
secret_at_stage(const Json *description, const char *stage)
{
  const Json *versions = json_get(description, "VersionIdsToStages");
  for (const Json *version = versions ? versions->first : NULL; version; version = version->next)
    if (secret_has_stage(description, version->key, stage))
      return version->key;
  return NULL;
}

const Failure *
secret_promote(Aws *aws, Arena *arena, const char *secret_id, const char *to, const char *from)
{
  const Json *done;
  const Member members[] = {{"SecretId", secret_id}, {"VersionStage", "AWSCURRENT"}, {"MoveToVersionId", to}, {"RemoveFromVersionId", from}};
  return call_good(aws, arena, "UpdateSecretVersionStage", object(arena, members, 4, NULL), &done);
}
