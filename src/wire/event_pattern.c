/* A pattern is an object: all keys have to be satisfied, a key by any of its conditions. Values of arrays count each for itself. Conditions are
 * rows of a table: how they are checked, and how they match. */
#include "wire/event_pattern.h"

#include <arpa/inet.h>
#include <string.h>

enum { DEPTH_MAX = 16 };

typedef struct Checker {
  const EventPatternRules *rules;
  guint keys;
} Checker;

typedef struct Condition {
  const char *name;
  gboolean (*good)(const Json *operand);
  gboolean (*match)(const Json *operand, const Json *value);
} Condition;

static Error *invalid(const char *format, ...) G_GNUC_PRINTF(1, 2);

static Error *
invalid(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *reason = g_strdup_vprintf(format, args);
  va_end(args);
  return error_answer("InvalidPattern", "%s", reason);
}

static gboolean
is_scalar(const Json *json)
{
  return json->type != JSON_ARRAY && json->type != JSON_OBJECT;
}

static gboolean
is_text(const Json *json)
{
  return json->type == JSON_STRING;
}

static double
number_of(const Json *json)
{
  return g_ascii_strtod(json->text, NULL);
}

static gboolean
equal(const Json *a, const Json *b)
{
  if (a->type != b->type)
    return FALSE;
  if (a->type == JSON_NUMBER)
    return number_of(a) == number_of(b);
  return a->type != JSON_STRING || strcmp(a->text, b->text) == 0;
}

/* --- conditions --- */

static gboolean
match_prefix(const Json *operand, const Json *value)
{
  return is_text(value) && g_str_has_prefix(value->text, operand->text);
}

static gboolean
match_suffix(const Json *operand, const Json *value)
{
  return is_text(value) && g_str_has_suffix(value->text, operand->text);
}

static gboolean
match_ignoring_case(const Json *operand, const Json *value)
{
  return is_text(value) && g_ascii_strcasecmp(value->text, operand->text) == 0;
}

static gboolean
match_wildcard(const Json *operand, const Json *value)
{
  g_autofree char *plain = g_strdup(operand->text);
  return is_text(value) && !strchr(plain, '?') ? text_glob(plain, value->text) : is_text(value) && strcmp(plain, value->text) == 0;
}

static gboolean
parse_cidr(const char *text, guint8 address[16], int *ret_family, gint64 *ret_bits)
{
  g_auto(GStrv) parts = g_strsplit(text, "/", 2);
  *ret_family = parts[0] && strchr(parts[0], ':') ? AF_INET6 : AF_INET;
  gint64 max = *ret_family == AF_INET6 ? 128 : 32;
  *ret_bits = max;
  return parts[0] && inet_pton(*ret_family, parts[0], address) == 1 &&
         (!parts[1] || g_ascii_string_to_signed(parts[1], 10, 0, max, ret_bits, NULL));
}

static gboolean
good_cidr(const Json *operand)
{
  guint8 address[16];
  int family;
  gint64 bits;
  return is_text(operand) && strchr(operand->text, '/') && parse_cidr(operand->text, address, &family, &bits);
}

static gboolean
match_cidr(const Json *operand, const Json *value)
{
  guint8 net[16], address[16];
  int family, other;
  gint64 bits, all;
  if (!is_text(value) || strchr(value->text, '/') || !parse_cidr(operand->text, net, &family, &bits) ||
      !parse_cidr(value->text, address, &other, &all) || family != other)
    return FALSE;
  for (gint64 bit = 0; bit < bits; bit++)
    if ((net[bit / 8] ^ address[bit / 8]) & (0x80 >> (bit % 8)))
      return FALSE;
  return TRUE;
}

static gboolean
is_comparison(const Json *json)
{
  static const char *const names[] = {"=", "<", "<=", ">", ">="};
  for (gsize i = 0; is_text(json) && i < G_N_ELEMENTS(names); i++)
    if (strcmp(names[i], json->text) == 0)
      return TRUE;
  return FALSE;
}

/* ["=", 1], [">", 0], [">=", 0, "<", 10] */
static gboolean
good_numeric(const Json *operand)
{
  if (operand->type != JSON_ARRAY || (operand->n != 2 && operand->n != 4))
    return FALSE;
  for (guint i = 0; i < operand->n; i += 2)
    if (!is_comparison(operand->items[i]) || operand->items[i + 1]->type != JSON_NUMBER)
      return FALSE;
  return operand->n == 2 || (operand->items[0]->text[0] == '>' && operand->items[2]->text[0] == '<' &&
                             number_of(operand->items[1]) < number_of(operand->items[3]));
}

static gboolean
compare(const char *comparison, double a, double b)
{
  gboolean or_equal = comparison[strlen(comparison) - 1] == '=';
  if (or_equal && a == b)
    return TRUE;
  return comparison[0] == '<' ? a < b : comparison[0] == '>' ? a > b : FALSE;
}

static gboolean
match_numeric(const Json *operand, const Json *value)
{
  if (value->type != JSON_NUMBER)
    return FALSE;
  for (guint i = 0; i < operand->n; i += 2)
    if (!compare(operand->items[i]->text, number_of(value), number_of(operand->items[i + 1])))
      return FALSE;
  return TRUE;
}

static const Condition *find_condition(const char *name);

static gboolean
good_anything_but(const Json *operand)
{
  if (operand->type == JSON_OBJECT) {
    const Condition *inner = operand->n == 1 ? find_condition(operand->members[0].key) : NULL;
    return inner && inner->good == is_text && is_text(operand->members[0].value);
  }
  for (guint i = 0; operand->type == JSON_ARRAY && i < operand->n; i++)
    if (operand->items[i]->type != JSON_STRING && operand->items[i]->type != JSON_NUMBER)
      return FALSE;
  return operand->type == JSON_ARRAY ? operand->n > 0 : operand->type == JSON_STRING || operand->type == JSON_NUMBER;
}

static gboolean
match_anything_but(const Json *operand, const Json *value)
{
  if (operand->type == JSON_OBJECT)
    return !find_condition(operand->members[0].key)->match(operand->members[0].value, value);
  if (operand->type != JSON_ARRAY)
    return !equal(operand, value);
  for (guint i = 0; i < operand->n; i++)
    if (equal(operand->items[i], value))
      return FALSE;
  return TRUE;
}

static gboolean
good_exists(const Json *operand)
{
  return operand->type == JSON_TRUE || operand->type == JSON_FALSE;
}

/* Asked of a value that is there. */
static gboolean
match_exists(const Json *operand, const Json *value)
{
  return operand->type == JSON_TRUE;
}

static const Condition conditions[] = {
    {"prefix", is_text, match_prefix},
    {"suffix", is_text, match_suffix},
    {"equals-ignore-case", is_text, match_ignoring_case},
    {"wildcard", is_text, match_wildcard},
    {"cidr", good_cidr, match_cidr},
    {"numeric", good_numeric, match_numeric},
    {"anything-but", good_anything_but, match_anything_but},
    {"exists", good_exists, match_exists},
};

static const Condition *
find_condition(const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS(conditions); i++)
    if (strcmp(conditions[i].name, name) == 0)
      return &conditions[i];
  return NULL;
}

/* --- checking --- */

static Error *
check_condition(const Json *condition)
{
  if (is_scalar(condition))
    return NULL;
  if (condition->type == JSON_ARRAY || condition->n != 1)
    return invalid("%s", "Match value must be String, number, true, false, or null");
  const Condition *row = find_condition(condition->members[0].key);
  if (!row)
    return invalid("Unrecognized match type %s", condition->members[0].key);
  return row->good(condition->members[0].value) ? NULL : invalid("Value of %s is not valid", condition->members[0].key);
}

static Error *check_object(Checker *checker, const Json *object, guint depth, guint64 *combinations);

static Error *
check_or(Checker *checker, const Json *list, guint depth, guint64 *combinations)
{
  guint64 sum = 0;
  if (list->type != JSON_ARRAY || list->n < 2)
    return invalid("%s", "\"$or\" must be an array of at least two objects");
  for (guint i = 0; i < list->n; i++) {
    guint64 inner = 1;
    if (list->items[i]->type != JSON_OBJECT)
      return invalid("%s", "\"$or\" must be an array of at least two objects");
    TRY(check_object(checker, list->items[i], depth + 1, &inner));
    sum += inner;
  }
  *combinations *= sum;
  return NULL;
}

static Error *
check_list(Checker *checker, const char *key, const Json *list, guint64 *combinations)
{
  checker->keys++;
  if (!list->n)
    return invalid("Empty arrays are not allowed (%s)", key);
  for (guint i = 0; i < list->n; i++)
    TRY(check_condition(list->items[i]));
  *combinations *= list->n;
  return NULL;
}

static Error *
check_object(Checker *checker, const Json *object, guint depth, guint64 *combinations)
{
  if (!object->n || depth > DEPTH_MAX)
    return invalid("%s", depth > DEPTH_MAX ? "It is nested too deeply" : "Empty objects are not allowed");
  for (guint i = 0; i < object->n; i++) {
    const char *key = object->members[i].key;
    const Json *value = object->members[i].value;
    if (strcmp(key, "$or") == 0)
      TRY(check_or(checker, value, depth, combinations));
    else if (value->type == JSON_ARRAY)
      TRY(check_list(checker, key, value, combinations));
    else if (value->type == JSON_OBJECT && checker->rules->nested)
      TRY(check_object(checker, value, depth + 1, combinations));
    else
      return value->type == JSON_OBJECT ? invalid("Filter policy scope MessageAttributes does not support nested filter policy (%s)", key)
                                        : invalid("\"%s\" must be an object or an array", key);
    if (checker->rules->combinations_max && *combinations > checker->rules->combinations_max)
      return invalid("%s", "Filter policy is too complex");
  }
  return NULL;
}

Error *
event_pattern_parse(Arena *arena, const char *text, const EventPatternRules *rules, Json **ret_pattern)
{
  Checker checker = {.rules = rules};
  guint64 combinations = 1;
  Json *pattern = NULL;
  if (rules->size_max && strlen(text) > rules->size_max)
    return invalid("Filter policy can not be larger than %" G_GSIZE_FORMAT " bytes", rules->size_max);
  g_autoptr(Error) broken = json_parse(arena, text, strlen(text), &pattern);
  if (broken || pattern->type != JSON_OBJECT)
    return invalid("%s", "failed to parse JSON.");
  if (pattern->n)
    TRY(check_object(&checker, pattern, 0, &combinations));
  if (rules->keys_max && checker.keys > rules->keys_max)
    return invalid("Filter policy can not have more than %u keys", rules->keys_max);
  *ret_pattern = pattern;
  return NULL;
}

/* --- matching --- */

static gboolean
match_one(const Json *condition, const Json *value)
{
  if (is_scalar(condition))
    return equal(condition, value);
  return find_condition(condition->members[0].key)->match(condition->members[0].value, value);
}

static gboolean
says_not_there(const Json *condition)
{
  return condition->type == JSON_OBJECT && strcmp(condition->members[0].key, "exists") == 0 && condition->members[0].value->type == JSON_FALSE;
}

static gboolean
match_list(const Json *list, const Json *value)
{
  for (guint i = 0; i < list->n; i++) {
    const Json *condition = list->items[i];
    if (!value || says_not_there(condition)) {
      if (!value && says_not_there(condition))
        return TRUE;
      continue;
    }
    if (value->type != JSON_ARRAY && match_one(condition, value))
      return TRUE;
    for (guint k = 0; value->type == JSON_ARRAY && k < value->n; k++)
      if (is_scalar(value->items[k]) && match_one(condition, value->items[k]))
        return TRUE;
  }
  return FALSE;
}

static gboolean
match_nested(const Json *pattern, const Json *value)
{
  if (!value || value->type == JSON_OBJECT)
    return event_pattern_match(pattern, value);
  for (guint i = 0; value->type == JSON_ARRAY && i < value->n; i++)
    if (value->items[i]->type == JSON_OBJECT && event_pattern_match(pattern, value->items[i]))
      return TRUE;
  return FALSE;
}

static gboolean
match_any(const Json *list, const Json *object)
{
  for (guint i = 0; i < list->n; i++)
    if (event_pattern_match(list->items[i], object))
      return TRUE;
  return FALSE;
}

gboolean
event_pattern_match(const Json *pattern, const Json *object)
{
  for (guint i = 0; i < pattern->n; i++) {
    const char *key = pattern->members[i].key;
    const Json *rule = pattern->members[i].value;
    const Json *value = json_get(object, key);
    gboolean good = strcmp(key, "$or") == 0 ? match_any(rule, object) : rule->type == JSON_ARRAY ? match_list(rule, value) : match_nested(rule, value);
    if (!good)
      return FALSE;
  }
  return TRUE;
}
