#include "stack/policy.h"
#include "base/base.h"
#include <string.h>

#define INVALID(...) error_answer("ValidationError", "Error validating stack policy: " __VA_ARGS__)

enum { STATEMENTS_MAX = 1000 };

/* A text, or a list of texts: the i-th; NULL after the last. */
static const char *
item(const Json *json, guint i)
{
  if (json && json->type == JSON_ARRAY)
    return i < json->n ? json_string(json->items[i]) : NULL;
  return i == 0 ? json_string(json) : NULL;
}

static gboolean
is_texts(const Json *json)
{
  guint n = json->type == JSON_ARRAY ? json->n : 1;
  for (guint i = 0; i < n; i++) {
    if (!item(json, i))
      return FALSE;
  }
  return TRUE;
}

static Error *
check_texts(const Json *statement, const char *name, const char *not_name)
{
  const Json *json = json_get(statement, name), *not_json = json_get(statement, not_name);
  if ((json != NULL) == (not_json != NULL) || !is_texts(json ? json : not_json))
    return INVALID("Invalid stack policy");
  return NULL;
}

static Error *
check_actions(const Json *json)
{
  static const char *const known[] = { "Update:*", "Update:Modify", "Update:Replace", "Update:Delete", "*", NULL };
  for (guint i = 0; json && item(json, i); i++) {
    if (!g_strv_contains(known, item(json, i)))
      return INVALID("Unknown action %s", item(json, i));
  }
  return NULL;
}

static Error *
check_condition(const Json *condition)
{
  for (guint i = 0; condition && i < condition->n; i++) {
    const JsonMember *test = &condition->members[i];
    const Json *types = json_get(test->value, "ResourceType");
    if ((strcmp(test->key, "StringEquals") != 0 && strcmp(test->key, "StringLike") != 0) || !types || test->value->n != 1 || !is_texts(types))
      return INVALID("Invalid stack policy");
  }
  return NULL;
}

static Error *
check_statement(const Json *statement)
{
  const char *effect = json_string(json_get(statement, "Effect")), *principal = json_string(json_get(statement, "Principal"));
  const Json *condition = json_get(statement, "Condition");
  if (g_strcmp0(effect, "Allow") != 0 && g_strcmp0(effect, "Deny") != 0)
    return INVALID("Invalid stack policy");
  if (g_strcmp0(principal, "*") != 0)
    return INVALID("Principal must be \"*\"");
  if (condition && condition->type != JSON_OBJECT)
    return INVALID("Invalid stack policy");
  TRY(check_texts(statement, "Action", "NotAction"));
  TRY(check_texts(statement, "Resource", "NotResource"));
  TRY(check_actions(json_get(statement, "Action")));
  TRY(check_actions(json_get(statement, "NotAction")));
  return check_condition(condition);
}

Error *
stack_policy_parse(Arena *arena, const char *text, Json **ret_policy)
{
  Json *policy = NULL;
  g_autoptr(Error) wrong = json_parse(arena, text, strlen(text), &policy);
  const Json *statements = wrong ? NULL : json_get(policy, "Statement");
  if (!statements || (statements->type != JSON_ARRAY && statements->type != JSON_OBJECT) || statements->n > STATEMENTS_MAX)
    return INVALID("Invalid stack policy");
  for (guint i = 0; statements->type == JSON_ARRAY && i < statements->n; i++)
    TRY(check_statement(statements->items[i]));
  if (statements->type == JSON_OBJECT)
    TRY(check_statement(statements));
  *ret_policy = policy;
  return NULL;
}

static gboolean
matches(const Json *patterns, const char *text)
{
  for (guint i = 0; item(patterns, i); i++) {
    if (text_glob(item(patterns, i), text))
      return TRUE;
  }
  return FALSE;
}

static gboolean
applies(const Json *statement, const char *action, const char *resource, const char *type)
{
  const Json *actions = json_get(statement, "Action"), *resources = json_get(statement, "Resource"), *condition = json_get(statement, "Condition");
  if (actions ? !matches(actions, action) : matches(json_get(statement, "NotAction"), action))
    return FALSE;
  if (resources ? !matches(resources, resource) : matches(json_get(statement, "NotResource"), resource))
    return FALSE;
  for (guint i = 0; condition && i < condition->n; i++) {
    const Json *types = json_get(condition->members[i].value, "ResourceType");
    gboolean like = strcmp(condition->members[i].key, "StringLike") == 0, holds = FALSE;
    for (guint j = 0; item(types, j); j++)
      holds = holds || (like ? text_glob(item(types, j), type) : strcmp(item(types, j), type) == 0);
    if (!holds)
      return FALSE;
  }
  return TRUE;
}

const char *
stack_policy_denial(Arena *arena, const Json *policy, const char *action, const char *logical_id, const char *type)
{
  const Json *statements = json_get(policy, "Statement");
  const char *resource = arena_printf(arena, "LogicalResourceId/%s", logical_id);
  guint n = !statements ? 0 : statements->type == JSON_ARRAY ? statements->n : 1;
  gboolean allowed = !policy;
  for (guint i = 0; i < n; i++) {
    const Json *statement = statements->type == JSON_ARRAY ? statements->items[i] : statements;
    if (!applies(statement, action, resource, type))
      continue;
    if (strcmp(json_string(json_get(statement, "Effect")), "Deny") == 0)
      return arena_printf(arena, "Action denied by stack policy: Statement [#%u] does not allow [%s] for resource [%s];", i + 1, action, resource);
    allowed = TRUE;
  }
  return allowed ? NULL : arena_printf(arena, "Action not allowed by stack policy: no statement allows [%s] for resource [%s];", action, resource);
}
