/* AWS's checks that are in no model. */
#include <math.h>
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

enum { DIMENSIONS_MAX = 30 };

static gboolean
is_printable(const char *text)
{
  for (; *text; text++)
    if (*text < 0x20 || *text > 0x7e)
      return FALSE;
  return TRUE;
}

static gboolean
is_blank(const char *text)
{
  return text[strspn(text, " \t")] == 0;
}

static Error *
check_dimension(const CloudwatchDimensions *dimensions, gsize at)
{
  const CloudwatchDimension *dimension = dimensions->v[at];
  if (is_blank(dimension->Value))
    return error_answer("InvalidParameterValue", "The value for parameter Dimensions.member.%" G_GSIZE_FORMAT ".Value must not be blank.", at + 1);
  if (is_blank(dimension->Name) || dimension->Name[0] == ':' || !is_printable(dimension->Name) || !is_printable(dimension->Value))
    return error_answer("InvalidParameterValue", "The parameter Dimensions.member.%" G_GSIZE_FORMAT ".%s is invalid.", at + 1,
                        is_printable(dimension->Value) ? "Name" : "Value");
  for (gsize i = 0; i < at; i++)
    if (strcmp(dimensions->v[i]->Name, dimension->Name) == 0)
      return error_answer("InvalidParameterValue", "No more than one dimension may have the name %s.", dimension->Name);
  return NULL;
}

Error *
cloudwatch_check_metric(Arena *arena, const char *name_space, const char *name, const CloudwatchDimensions *dimensions)
{
  if (name_space && (is_blank(name_space) || name_space[0] == ':' || !is_printable(name_space)))
    return error_answer("InvalidParameterValue", "The value %s for parameter Namespace is invalid.", name_space);
  if (name && (is_blank(name) || !is_printable(name)))
    return error_answer("InvalidParameterValue", "The value %s for parameter MetricName is invalid.", name);
  if (dimensions && dimensions->n > DIMENSIONS_MAX)
    return error_answer("InvalidParameterValue", "The collection Dimensions must not have a size greater than %d.", DIMENSIONS_MAX);
  for (gsize i = 0; dimensions && i < dimensions->n; i++)
    TRY(check_dimension(dimensions, i));
  return NULL;
}

Error *
cloudwatch_page(Arena *arena, gsize n, const char *token, gsize most, CloudwatchPage *ret)
{
  guint64 from = 0;
  if (token && *token && !g_ascii_string_to_unsigned(token, 16, 0, G_MAXUINT32, &from, NULL))
    return error_answer("InvalidNextToken", "The next token is invalid.");
  ret->from = MIN(from, n);
  ret->to = MIN(ret->from + most, n);
  ret->token = ret->to < n ? arena_printf(arena, "%016x", (guint) ret->to) : NULL;
  return NULL;
}

/* The shortest text that reads back as the same number, with a fraction, as Java writes it. */
char *
cloudwatch_number(Arena *arena, double value)
{
  char text[64];
  for (int digits = 1; digits <= 17; digits++) {
    g_snprintf(text, sizeof text, "%.*g", digits, value);
    if (g_ascii_strtod(text, NULL) <= value && g_ascii_strtod(text, NULL) >= value)
      break;
  }
  if (fabs(value) >= 1e7 || (fabs(value) < 1e-3 && fabs(value) > 0)) { /* 1.0E7 */
    int exponent = (int) floor(log10(fabs(value)));
    double mantissa = value / pow(10, exponent);
    if (fabs(mantissa) >= 10)
      mantissa /= 10, exponent++;
    g_snprintf(text, sizeof text, "%.15g", mantissa);
    return arena_printf(arena, "%s%sE%d", text, strchr(text, '.') ? "" : ".0", exponent);
  }
  if (strchr(text, 'e')) /* a whole number that ends in zeros */
    g_snprintf(text, sizeof text, "%.0f", value);
  return arena_printf(arena, "%s%s", text, strchr(text, '.') ? "" : ".0");
}

Json *
cloudwatch_json_number(Arena *arena, double value)
{
  Json *json = ARENA_NEW(arena, Json);
  json->type = JSON_NUMBER;
  json->text = cloudwatch_number(arena, value);
  json->n = (guint32) strlen(json->text);
  return json;
}
