/* A policy has an end and conditions: {"field": "value"}, ["eq" or "starts-with", "$field", "value"], ["content-length-range", least, most]. Each field of
 * the form but a few must be named by one. */
#include "services/s3/post_policy.h"

#include <string.h>

#include "wire/wire.h"

typedef struct Check {
  Arena *arena;
  const Form *form;
  const char *bucket;
  StringList named;          /* fields that a condition is about */
  PostPolicyLimits limits;
} Check;

static Error *invalid(const char *format, ...) G_GNUC_PRINTF(1, 2);

static Error *
invalid(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  return error_answer_status(400, "InvalidPolicyDocument", "Invalid Policy: %s", text);
}

static const char *
value_of(const Check *check, const char *field)
{
  return g_ascii_strcasecmp(field, "bucket") == 0 ? check->bucket : form_value(check->form, field);
}

/* A Content-Type may be a list; each of it has to begin so. */
static gboolean
begins(const char *field, const char *value, const char *prefix)
{
  if (g_ascii_strcasecmp(field, "content-type") != 0)
    return g_str_has_prefix(value, prefix);
  g_auto(GStrv) parts = g_strsplit(value, ",", 32);
  for (char **part = parts; *part; part++)
    if (!g_str_has_prefix(*part + strspn(*part, " "), prefix))
      return FALSE;
  return TRUE;
}

static Error *
check_field(Check *check, const char *operation, const char *field, const char *wanted)
{
  g_autofree char *lower = g_ascii_strdown(field, -1);
  const char *value = value_of(check, field);
  gboolean equal = strcmp(operation, "eq") == 0;
  if (!equal && strcmp(operation, "starts-with") != 0)
    return invalid("Invalid Condition: unsupported operation '%s'.", operation);
  LIST_APPEND(check->arena, &check->named, arena_strdup(check->arena, lower));
  if (value && (equal ? strcmp(value, wanted) == 0 : begins(field, value, wanted)))
    return NULL;
  return error_answer_status(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed: [\"%s\", \"$%s\", \"%s\"]", operation, field, wanted);
}

static gboolean
number(const Json *json, gint64 *ret)
{
  const char *text = json && (json->type == JSON_NUMBER || json->type == JSON_STRING) ? json->text : NULL;
  return text && g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, ret, NULL);
}

static Error *
check_list(Check *check, const Json *condition)
{
  const char *operation = condition->n == 3 ? json_string(condition->items[0]) : NULL;
  if (!operation)
    return invalid("Invalid Condition: wrong number of arguments.");
  if (strcmp(operation, "content-length-range") == 0) {
    if (!number(condition->items[1], &check->limits.min) || !number(condition->items[2], &check->limits.max) || check->limits.min > check->limits.max)
      return invalid("Invalid content-length-range.");
    return NULL;
  }
  const char *field = json_string(condition->items[1]), *wanted = json_string(condition->items[2]);
  if (!field || field[0] != '$' || !wanted)
    return invalid("Invalid Condition: a field and a value are expected.");
  return check_field(check, operation, field + 1, wanted);
}

static Error *
check_conditions(Check *check, const Json *conditions)
{
  for (guint i = 0; i < conditions->n; i++) {
    const Json *condition = conditions->items[i];
    if (condition->type == JSON_ARRAY)
      TRY(check_list(check, condition));
    else if (condition->type != JSON_OBJECT)
      return invalid("Invalid Condition: an object or a list is expected.");
    for (guint k = 0; condition->type == JSON_OBJECT && k < condition->n; k++) {
      const char *wanted = json_string(condition->members[k].value);
      if (!wanted)
        return invalid("Invalid Simple-Condition: value of '%s' must be a string.", condition->members[k].key);
      TRY(check_field(check, "eq", condition->members[k].key, wanted));
    }
  }
  return NULL;
}

static Error *
check_extra(const Check *check)
{
  static const char *const free_fields[] = {"x-amz-signature", "file", "policy", "awsaccesskeyid", "signature", NULL};
  for (gsize i = 0; i < check->form->n; i++) {
    g_autofree char *lower = g_ascii_strdown(check->form->v[i].name, -1);
    if (!g_strv_contains(free_fields, lower) && !g_str_has_prefix(lower, "x-ignore-") && !string_list_has(&check->named, lower))
      return error_answer_status(403, "AccessDenied", "Invalid according to Policy: Extra input fields: %s", lower);
  }
  return NULL;
}

static Error *
check_expiration(const Json *document, gint64 now_ms)
{
  const char *text = json_string(json_get(document, "expiration"));
  if (!text)
    return invalid("Policy missing expiration.");
  g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
  g_autoptr(GDateTime) time = g_str_has_suffix(text, "Z") ? g_date_time_new_from_iso8601(text, utc) : NULL;
  if (!time)
    return invalid("Invalid 'expiration' value: '%s'", text);
  return g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000 > now_ms
           ? NULL
           : error_answer_status(403, "AccessDenied", "Invalid according to Policy: Policy expired.");
}

Error *
post_policy_check(Arena *arena, const char *policy, const Form *form, const char *bucket, gint64 now_ms, PostPolicyLimits *ret_limits)
{
  gsize size = 0;
  Json *document = NULL;
  Check check = {.arena = arena, .form = form, .bucket = bucket, .limits = {0, -1}};
  const char *text = (const char *) text_unbase64(arena, policy, &size);
  g_autoptr(Error) broken = text ? json_parse(arena, text, size, &document) : NULL;
  if (!text || broken || document->type != JSON_OBJECT)
    return invalid("Invalid JSON.");
  TRY(check_expiration(document, now_ms));
  const Json *conditions = json_get(document, "conditions");
  if (!conditions || conditions->type != JSON_ARRAY)
    return invalid("Policy missing conditions.");
  TRY(check_conditions(&check, conditions));
  TRY(check_extra(&check));
  *ret_limits = check.limits;
  return NULL;
}
