/* Condition operators of the policy language.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
#include "iam/policy.h"

#include <arpa/inet.h>
#include <string.h>

static const ConditionOperator operators[] = {
  { "StringEquals", COMPARE_STRING, RELATION_EQUAL, FALSE },
  { "StringNotEquals", COMPARE_STRING, RELATION_EQUAL, TRUE },
  { "StringEqualsIgnoreCase", COMPARE_STRING_IGNORE_CASE, RELATION_EQUAL, FALSE },
  { "StringNotEqualsIgnoreCase", COMPARE_STRING_IGNORE_CASE, RELATION_EQUAL, TRUE },
  { "StringLike", COMPARE_STRING_LIKE, RELATION_EQUAL, FALSE },
  { "StringNotLike", COMPARE_STRING_LIKE, RELATION_EQUAL, TRUE },
  { "NumericEquals", COMPARE_NUMERIC, RELATION_EQUAL, FALSE },
  { "NumericNotEquals", COMPARE_NUMERIC, RELATION_EQUAL, TRUE },
  { "NumericLessThan", COMPARE_NUMERIC, RELATION_LESS, FALSE },
  { "NumericLessThanEquals", COMPARE_NUMERIC, RELATION_LESS_EQUAL, FALSE },
  { "NumericGreaterThan", COMPARE_NUMERIC, RELATION_GREATER, FALSE },
  { "NumericGreaterThanEquals", COMPARE_NUMERIC, RELATION_GREATER_EQUAL, FALSE },
  { "DateEquals", COMPARE_DATE, RELATION_EQUAL, FALSE },
  { "DateNotEquals", COMPARE_DATE, RELATION_EQUAL, TRUE },
  { "DateLessThan", COMPARE_DATE, RELATION_LESS, FALSE },
  { "DateLessThanEquals", COMPARE_DATE, RELATION_LESS_EQUAL, FALSE },
  { "DateGreaterThan", COMPARE_DATE, RELATION_GREATER, FALSE },
  { "DateGreaterThanEquals", COMPARE_DATE, RELATION_GREATER_EQUAL, FALSE },
  { "Bool", COMPARE_BOOL, RELATION_EQUAL, FALSE },
  { "BinaryEquals", COMPARE_BINARY, RELATION_EQUAL, FALSE },
  { "IpAddress", COMPARE_IP, RELATION_EQUAL, FALSE },
  { "NotIpAddress", COMPARE_IP, RELATION_EQUAL, TRUE },
  { "ArnEquals", COMPARE_ARN, RELATION_EQUAL, FALSE },
  { "ArnLike", COMPARE_ARN, RELATION_EQUAL, FALSE },
  { "ArnNotEquals", COMPARE_ARN, RELATION_EQUAL, TRUE },
  { "ArnNotLike", COMPARE_ARN, RELATION_EQUAL, TRUE },
  { "Null", COMPARE_NULL, RELATION_EQUAL, FALSE },
};

gboolean
condition_operator_parse(const char *text, PolicyCondition *ret_condition)
{
  if (g_str_has_prefix(text, "ForAnyValue:"))
    ret_condition->set = SET_FOR_ANY;
  else if (g_str_has_prefix(text, "ForAllValues:"))
    ret_condition->set = SET_FOR_ALL;
  const char *colon = ret_condition->set == SET_NONE ? NULL : strchr(text, ':');
  if (colon)
    text = colon + 1;
  gsize size = strlen(text);
  if (g_str_has_suffix(text, "IfExists")) {
    ret_condition->if_exists = TRUE;
    size -= strlen("IfExists");
  }
  for (gsize i = 0; i < G_N_ELEMENTS(operators); i++) {
    if (strlen(operators[i].name) == size && strncmp(operators[i].name, text, size) == 0) {
      ret_condition->operator = &operators[i];
      return operators[i].compare != COMPARE_NULL || !ret_condition->if_exists;
    }
  }
  return FALSE;
}

static void
add_values(Arena *arena, const StringMap *map, const char *key, StringList *out)
{
  for (gsize i = 0; map && i < map->n; i++)
    if (map->v[i].value && g_ascii_strcasecmp(map->v[i].key, key) == 0)
      LIST_APPEND(arena, out, map->v[i].value);
}

StringList
context_values(const ContextView *context, const char *key)
{
  StringList values = { 0 };
  add_values(context->arena, context->given, key, &values);
  if (values.n == 0)
    add_values(context->arena, context->derived, key, &values);
  return values;
}

const char *
context_value(const ContextView *context, const char *key)
{
  StringList values = context_values(context, key);
  return values.n > 0 ? values.v[0] : NULL;
}

static gboolean
relation_holds(Relation relation, double a, double b)
{
  switch (relation) {
  case RELATION_EQUAL:
    return a == b;
  case RELATION_LESS:
    return a < b;
  case RELATION_LESS_EQUAL:
    return a <= b;
  case RELATION_GREATER:
    return a > b;
  case RELATION_GREATER_EQUAL:
    return a >= b;
  }
  return FALSE;
}

static gboolean
number_read(const char *text, double *ret)
{
  char *end = NULL;
  *ret = g_ascii_strtod(text, &end);
  return end != text && *end == '\0';
}

/* Seconds since 1970 of a date, a date and time (W3C's profile of ISO 8601), or the number itself. */
static gboolean
date_read(const char *text, double *ret)
{
  if (number_read(text, ret))
    return TRUE;
  g_autofree char *full = strchr(text, 'T') ? g_strdup(text) : g_strconcat(text, "T00:00:00Z", NULL);
  g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
  g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(full, utc);
  if (!time)
    return FALSE;
  *ret = (double) g_date_time_to_unix(time) + g_date_time_get_microsecond(time) / 1e6;
  return TRUE;
}

/* Whether address is in block ("10.0.0.0/16", "2001:db8::/32", or one address). */
static gboolean
ip_in_block(const char *block, const char *address)
{
  g_autofree char *base = g_strdup(block);
  char *slash = strchr(base, '/');
  if (slash)
    *slash++ = '\0';
  guint8 a[16] = { 0 }, b[16] = { 0 };
  int family = strchr(base, ':') ? AF_INET6 : AF_INET;
  guint width = family == AF_INET6 ? 128 : 32;
  if (inet_pton(family, base, a) != 1 || inet_pton(family, address, b) != 1)
    return FALSE;
  guint64 bits = width;
  if (slash && !g_ascii_string_to_unsigned(slash, 10, 0, width, &bits, NULL))
    return FALSE;
  guint bytes = bits / 8, rest = bits % 8;
  if (memcmp(a, b, bytes) != 0)
    return FALSE;
  return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

/* ARNs compare part by part: a wildcard does not reach over a colon of the first five. */
static gboolean
arn_matches(const char *pattern, const char *text)
{
  g_auto(GStrv) want = g_strsplit(pattern, ":", 6);
  g_auto(GStrv) have = g_strsplit(text, ":", 6);
  if (g_strv_length(want) != 6 || g_strv_length(have) != 6)
    return pattern_match(pattern, text, FALSE) && strlen(pattern) == 1;
  for (int i = 0; i < 6; i++)
    if (!pattern_match(want[i], have[i], FALSE))
      return FALSE;
  return TRUE;
}

/* Whether one value of the request matches one value of the policy (already expanded). */
static gboolean
value_matches(const ConditionOperator *operator, const char *policy_value, const char *value)
{
  double a, b;
  switch (operator->compare) {
  case COMPARE_STRING:
  case COMPARE_BINARY:
    return strcmp(policy_value, value) == 0;
  case COMPARE_STRING_IGNORE_CASE:
  case COMPARE_BOOL:
    return g_ascii_strcasecmp(policy_value, value) == 0;
  case COMPARE_STRING_LIKE:
    return pattern_match(policy_value, value, FALSE);
  case COMPARE_NUMERIC:
    return number_read(value, &a) && number_read(policy_value, &b) && relation_holds(operator->relation, a, b);
  case COMPARE_DATE:
    return date_read(value, &a) && date_read(policy_value, &b) && relation_holds(operator->relation, a, b);
  case COMPARE_IP:
    return ip_in_block(policy_value, value);
  case COMPARE_ARN:
    return arn_matches(policy_value, value);
  case COMPARE_NULL:
    return FALSE;
  }
  return FALSE;
}

/* Whether value matches any of the policy's values; of a negated operator: none of them. */
static gboolean
value_holds(const Policy *policy, const PolicyCondition *condition, const ContextView *context, const char *value)
{
  Compare compare = condition->operator->compare;
  gboolean wildcards = compare == COMPARE_STRING_LIKE || compare == COMPARE_ARN;
  gboolean matched = FALSE;
  for (gsize i = 0; i < condition->values.n && !matched; i++) {
    const char *expanded = pattern_expand(policy, context, condition->values.v[i], wildcards);
    matched = expanded && value_matches(condition->operator, expanded, value);
  }
  return matched != condition->operator->negated;
}

static gboolean
null_holds(const PolicyCondition *condition, const StringList *values)
{
  const char *absent = values->n == 0 ? "true" : "false";
  for (gsize i = 0; i < condition->values.n; i++)
    if (g_ascii_strcasecmp(condition->values.v[i], absent) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
condition_holds(const Policy *policy, const PolicyCondition *condition, const ContextView *context)
{
  StringList values = context_values(context, condition->key);
  if (condition->operator->compare == COMPARE_NULL)
    return null_holds(condition, &values);
  if (values.n == 0)
    return condition->set == SET_FOR_ALL || condition->if_exists ||
           (condition->operator->negated && condition->set == SET_NONE);
  gboolean any = FALSE, all = TRUE;
  for (gsize i = 0; i < values.n; i++) {
    gboolean holds = value_holds(policy, condition, context, values.v[i]);
    any = any || holds;
    all = all && holds;
  }
  /* A key of several values without a set operator: a positive one needs one match, a negated one none. */
  if (condition->set == SET_FOR_ALL || (condition->set == SET_NONE && condition->operator->negated))
    return all;
  return any;
}

gboolean
conditions_hold(const Policy *policy, const PolicyStatement *statement, const ContextView *context)
{
  for (gsize i = 0; i < statement->conditions.n; i++)
    if (!condition_holds(policy, &statement->conditions.v[i], context))
      return FALSE;
  return TRUE;
}
