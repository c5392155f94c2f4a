#include "stack/conditions.h"
#include <string.h>

#define TEMPLATE_ERROR(...) error_answer("ValidationError", "Template error: " __VA_ARGS__)

enum { CONDITION_FALSE = 1, CONDITION_TRUE, CONDITION_OPEN /* being evaluated */ };

static Error *
holds_equals(Eval *eval, const Json *argument, gboolean *ret_holds)
{
  Json *a = NULL, *b = NULL;
  if (argument->type != JSON_ARRAY || argument->n != 2)
    return TEMPLATE_ERROR("every Fn::Equals object requires a list of 2 string parameters.");
  TRY(eval_value(eval, argument->items[0], &a));
  TRY(eval_value(eval, argument->items[1], &b));
  const char *x = template_scalar(a), *y = template_scalar(b);
  *ret_holds = x && y ? strcmp(x, y) == 0 : a && b ? json_equal(a, b) : a == b;
  return NULL;
}

static Error *
holds_not(Eval *eval, const Json *argument, gboolean *ret_holds)
{
  if (argument->type != JSON_ARRAY || argument->n != 1)
    return TEMPLATE_ERROR("every Fn::Not object requires a list of one boolean parameter.");
  TRY(condition_holds(eval, argument->items[0], ret_holds));
  *ret_holds = !*ret_holds;
  return NULL;
}

/* And stops at the first that is false, Or at the first that is true. */
static Error *
holds_several(Eval *eval, const Json *argument, const char *name, gboolean until, gboolean *ret_holds)
{
  if (argument->type != JSON_ARRAY || argument->n < 2 || argument->n > 10)
    return TEMPLATE_ERROR("every %s object requires a list of at least 2 and at most 10 boolean parameters.", name);
  for (guint i = 0; i < argument->n; i++) {
    TRY(condition_holds(eval, argument->items[i], ret_holds));
    if (*ret_holds == until)
      return NULL;
  }
  return NULL;
}

Error *
condition_holds(Eval *eval, const Json *json, gboolean *ret_holds)
{
  if (json->type == JSON_TRUE || json->type == JSON_FALSE) {
    *ret_holds = json->type == JSON_TRUE;
    return NULL;
  }
  const char *key = json->type == JSON_OBJECT && json->n == 1 ? json->members[0].key : "";
  const Json *argument = *key ? json->members[0].value : NULL;
  if (strcmp(key, "Fn::Equals") == 0)
    return holds_equals(eval, argument, ret_holds);
  if (strcmp(key, "Fn::Not") == 0)
    return holds_not(eval, argument, ret_holds);
  if (strcmp(key, "Fn::And") == 0)
    return holds_several(eval, argument, key, FALSE, ret_holds);
  if (strcmp(key, "Fn::Or") == 0)
    return holds_several(eval, argument, key, TRUE, ret_holds);
  if (strcmp(key, "Condition") == 0 && json_string(argument))
    return eval_condition(eval, argument->text, ret_holds);
  return error_answer("ValidationError", "Template format error: Conditions can only be boolean operations on parameters and other "
                      "conditions (line %u)", json->line);
}

Error *
eval_condition(Eval *eval, const char *name, gboolean *ret_holds)
{
  const Json *condition = json_get(eval->template->conditions, name);
  int state = GPOINTER_TO_INT(g_hash_table_lookup(eval->conditions, name));
  if (!condition)
    return TEMPLATE_ERROR("unresolved condition dependency %s in Fn::If", name);
  if (state == CONDITION_OPEN)
    return error_answer("ValidationError", "Circular dependencies for conditions: [%s]", name);
  if (state) {
    *ret_holds = state == CONDITION_TRUE;
    return NULL;
  }
  g_hash_table_insert(eval->conditions, (gpointer) name, GINT_TO_POINTER(CONDITION_OPEN));
  gboolean holds = FALSE;
  TRY(condition_holds(eval, condition, &holds));
  g_hash_table_insert(eval->conditions, (gpointer) name, GINT_TO_POINTER(holds ? CONDITION_TRUE : CONDITION_FALSE));
  *ret_holds = holds;
  return NULL;
}

Error *
eval_conditions(Eval *eval)
{
  for (guint i = 0; eval->template->conditions && i < eval->template->conditions->n; i++) {
    gboolean holds = FALSE;
    TRY(eval_condition(eval, eval->template->conditions->members[i].key, &holds));
  }
  return NULL;
}
