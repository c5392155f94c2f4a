#include "stack/dynamic.h"
#include "stack/template.h"
#include <string.h>

typedef struct Resolver {
  Call *call;
  DynamicKind kind;
  guint n;
} Resolver;

gboolean
dynamic_parse_secret(Arena *arena, const char *text, SecretReference *ret_reference)
{
  SecretReference reference = { "", "", "", "" };
  const char *rest = text;
  guint colons = g_str_has_prefix(text, "arn:") ? 6 : 0;
  for (guint i = 0; i < colons && rest; i++) {
    rest = strchr(rest, ':');
    rest = rest ? rest + 1 : NULL;
  }
  if (!rest)
    return FALSE;
  const char *end = strchr(rest, ':');
  reference.id = end ? arena_strndup(arena, text, (gsize) (end - text)) : text;
  g_auto(GStrv) parts = g_strsplit(end ? end + 1 : "", ":", -1);
  guint n = g_strv_length(parts);
  if (!*reference.id || n > 4 || (n > 0 && *parts[0] && strcmp(parts[0], "SecretString") != 0))
    return FALSE;
  if (n > 1)
    reference.json_key = arena_strdup(arena, parts[1]);
  if (n > 2)
    reference.stage = arena_strdup(arena, parts[2]);
  if (n > 3)
    reference.version = arena_strdup(arena, parts[3]);
  *ret_reference = reference;
  return TRUE;
}

static Error *
resolve_secret(Resolver *r, const char *text, const char **ret_value)
{
  Arena *arena = r->call->arena;
  SecretReference reference;
  if (!dynamic_parse_secret(arena, text, &reference))
    return error_answer("ValidationError", "Invalid dynamic reference {{resolve:secretsmanager:%s}}", text);
  if (*reference.stage && *reference.version)
    return error_answer("ValidationError", "Invalid dynamic reference {{resolve:secretsmanager:%s}}: version-stage and version-id exclude "
                        "each other", text);
  Json *in = json_new_object(arena), *out = NULL, *fields = NULL;
  json_set(arena, in, "SecretId", json_new_string(arena, reference.id));
  if (*reference.stage)
    json_set(arena, in, "VersionStage", json_new_string(arena, reference.stage));
  if (*reference.version)
    json_set(arena, in, "VersionId", json_new_string(arena, reference.version));
  TRY(remote_call(r->call, "secretsmanager", "GetSecretValue", in, &out));
  const char *secret = json_string(json_get(out, "SecretString"));
  if (!secret)
    return error_answer("ValidationError", "Secret %s has no SecretString", reference.id);
  *ret_value = secret;
  if (!*reference.json_key)
    return NULL;
  g_autoptr(Error) broken = json_parse(arena, secret, strlen(secret), &fields);
  if (broken || fields->type != JSON_OBJECT)
    return error_answer("ValidationError", "Could not parse SecretString JSON");
  *ret_value = template_scalar(json_get(fields, reference.json_key));
  return *ret_value ? NULL : error_answer("ValidationError", "Could not find a value associated with JSONKey in SecretString");
}

static Error *
resolve_parameter(Resolver *r, const char *text, gboolean secure, const char **ret_value)
{
  Arena *arena = r->call->arena;
  Json *in = json_new_object(arena), *out = NULL;
  json_set(arena, in, "Name", json_new_string(arena, text)); /* "name:version" is SSM's own form too */
  json_set(arena, in, "WithDecryption", json_new_bool(arena, secure));
  TRY(remote_call(r->call, "ssm", "GetParameter", in, &out));
  const char *value = json_string(json_path(out, "Parameter.Value")), *type = json_string(json_path(out, "Parameter.Type"));
  if (!value)
    return error_answer("ValidationError", "Parameters: [ssm:%s] cannot be found.", text);
  if (secure != (g_strcmp0(type, "SecureString") == 0))
    return error_answer("ValidationError", secure ? "Parameter %s is not a SecureString: use {{resolve:ssm:...}}" :
                        "SSM Secure reference is needed for %s, which is a SecureString: use {{resolve:ssm-secure:...}}", text);
  *ret_value = value;
  return NULL;
}

/* *ret_value is NULL if this kind is left as it is. */
static Error *
resolve_one(Resolver *r, const char *inner, const char **ret_value)
{
  *ret_value = NULL;
  if (++r->n > LIMIT_DYNAMIC_REFERENCES_MAX)
    return error_answer("ValidationError", "Template contains more than %" G_GINT64_FORMAT " dynamic references",
                        LIMIT_DYNAMIC_REFERENCES_MAX);
  if (g_str_has_prefix(inner, "ssm:"))
    return resolve_parameter(r, inner + strlen("ssm:"), FALSE, ret_value);
  gboolean secure = g_str_has_prefix(inner, "ssm-secure:"), secret = g_str_has_prefix(inner, "secretsmanager:");
  if (!secure && !secret)
    return error_answer("ValidationError", "Invalid dynamic reference {{resolve:%s}}: the service is ssm, ssm-secure or secretsmanager", inner);
  if (r->kind == DYNAMIC_PLAIN)
    return NULL;
  if (secure)
    return resolve_parameter(r, inner + strlen("ssm-secure:"), TRUE, ret_value);
  return resolve_secret(r, inner + strlen("secretsmanager:"), ret_value);
}

static Error *
resolve_text(Resolver *r, const Json *json, Json **ret_json)
{
  g_autoptr(GString) out = g_string_new(NULL);
  const char *at = json->text, *open;
  while ((open = strstr(at, "{{resolve:")) != NULL) {
    const char *end = strstr(open, "}}"), *value = NULL;
    if (!end)
      break;
    const char *inner = open + strlen("{{resolve:");
    TRY(resolve_one(r, arena_strndup(r->call->arena, inner, (gsize) (end - inner)), &value));
    g_string_append_len(out, at, value ? open - at : end + 2 - at);
    if (value)
      g_string_append(out, value);
    at = end + 2;
  }
  g_string_append(out, at);
  *ret_json = json_new_string(r->call->arena, out->str);
  (*ret_json)->line = json->line;
  (*ret_json)->column = json->column;
  return NULL;
}

static Error *
resolve(Resolver *r, const Json *json, Json **ret_json)
{
  if (json->type == JSON_STRING && strstr(json->text, "{{resolve:"))
    return resolve_text(r, json, ret_json);
  if (json->type != JSON_ARRAY && json->type != JSON_OBJECT) {
    *ret_json = (Json *) json;
    return NULL;
  }
  Json *copy = arena_memdup(r->call->arena, json, sizeof *json), *value = NULL;
  copy->n = 0;
  copy->items = NULL;
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++) {
    TRY(resolve(r, json->items[i], &value));
    json_append(r->call->arena, copy, value);
  }
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++) {
    TRY(resolve(r, json->members[i].value, &value));
    json_set(r->call->arena, copy, json->members[i].key, value);
  }
  *ret_json = copy;
  return NULL;
}

Error *
dynamic_resolve(Call *call, const Json *json, DynamicKind kind, Json **ret_json)
{
  Resolver resolver = { call, kind, 0 };
  return resolve(&resolver, json, ret_json);
}
