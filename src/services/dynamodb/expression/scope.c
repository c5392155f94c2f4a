#include "services/dynamodb/expression/expression.h"

#include <string.h>

static Error *
invalid(const char *format, const char *what)
{
  return error_answer("ValidationException", format, what);
}

static gboolean
placeholder(const char *key, char sign)
{
  if (*key != sign || !key[1])
    return FALSE;
  for (const char *at = key + 1; *at; at++)
    if (!g_ascii_isalnum(*at) && *at != '_' && *at != '-')
      return FALSE;
  return TRUE;
}

static Error *
check_names(const StringMap *names)
{
  if (names->n == 0)
    return error_answer("ValidationException", "ExpressionAttributeNames must not be empty");
  for (gsize i = 0; i < names->n; i++) {
    if (!placeholder(names->v[i].key, '#'))
      return invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: \"%s\"", names->v[i].key);
    if (!names->v[i].value || !*names->v[i].value)
      return invalid("ExpressionAttributeNames contains invalid value: Member must not be empty for key %s", names->v[i].key);
  }
  return NULL;
}

static Error *
check_values(Arena *arena, Item *values)
{
  Value none = { 0 };
  if (values->n == 0)
    return error_answer("ValidationException", "ExpressionAttributeValues must not be empty");
  for (gsize i = 0; i < values->n; i++) {
    const char *key = values->v[i].key;
    if (!placeholder(key, ':'))
      return invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: \"%s\"", key);
    g_autoptr(Error) error = value_check(arena, values->v[i].value ? values->v[i].value : &none);
    if (error)
      return error_answer("ValidationException", "ExpressionAttributeValues contains invalid value: %s for key %s", error->message, key);
  }
  return NULL;
}

Error *
scope_init(Scope *scope, Arena *arena, const StringMap *names, Item *values, gboolean any, const char *expressions)
{
  *scope = (Scope){ .arena = arena, .names = names, .values = values };
  gboolean has_names = names && names->v, has_values = values && values->v;
  if (has_names && !any)
    return invalid("ExpressionAttributeNames can only be specified when using expressions: %s", expressions);
  if (has_values && !any)
    return invalid("ExpressionAttributeValues can only be specified when using expressions: %s", expressions);
  if (has_names)
    TRY(check_names(names));
  if (has_values)
    TRY(check_values(arena, values));
  scope->names_used = ARENA_ARRAY(arena, gboolean, has_names ? names->n : 0);
  scope->values_used = ARENA_ARRAY(arena, gboolean, has_values ? values->n : 0);
  return NULL;
}

static void
note_unused(GString *list, gboolean used, const char *key)
{
  if (!used)
    g_string_append_printf(list, "%s%s", list->len ? ", " : "", key);
}

Error *
scope_finish(const Scope *scope)
{
  g_autoptr(GString) names = g_string_new(""), values = g_string_new("");
  for (gsize i = 0; scope->names && i < scope->names->n; i++)
    note_unused(names, scope->names_used[i], scope->names->v[i].key);
  for (gsize i = 0; scope->values && i < scope->values->n; i++)
    note_unused(values, scope->values_used[i], scope->values->v[i].key);
  if (names->len)
    return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", names->str);
  if (values->len)
    return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", values->str);
  return NULL;
}
