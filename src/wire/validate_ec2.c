/* EC2's constraint check: the first breach is told, in EC2's own words. What lies deeper than the call's own members is checked as
 * elsewhere and told as EC2 tells invalid values. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
#include "wire/internal.h"

#include <string.h>

static gboolean
is_number(const Shape *shape)
{
  return shape->type == SHAPE_INTEGER || shape->type == SHAPE_LONG;
}

static gboolean
enum_has(const Shape *shape, const char *text)
{
  for (guint i = 0; i < shape->n_enum; i++)
    if (strcmp(shape->enum_values[i], text) == 0)
      return TRUE;
  return shape->n_enum == 0;
}

/* "maxResults" */
static char *
lower_first(const char *name)
{
  char *text = g_strdup(name);
  *text = g_ascii_tolower(*text);
  return text;
}

static Error *
check_number(const char *name, const Shape *shape, gint64 value)
{
  if (shape->flags & SHAPE_HAS_MIN && (double) value < shape->min)
    return error_answer("InvalidParameterValue", "Value ( %" G_GINT64_FORMAT " ) for parameter %s is invalid. Expecting a value greater than or equal to %.0f.",
                        value, name, shape->min);
  if (shape->flags & SHAPE_HAS_MAX && (double) value > shape->max)
    return error_answer("InvalidParameterValue", "Value ( %" G_GINT64_FORMAT " ) for parameter %s is invalid. Expecting a value less than or equal to %.0f.",
                        value, name, shape->max);
  return NULL;
}

static Error *
check_member(const Member *member, const void *value)
{
  g_autofree char *name = lower_first(member->name);
  if (!value_present(member->shape, value))
    return member->flags & MEMBER_REQUIRED ? error_answer("MissingParameter", "The request must contain the parameter %s", member->name) : NULL;
  if (is_number(member->shape))
    return check_number(name, member->shape, ((const OptInt *) value)->v);
  if (member->shape->type == SHAPE_STRING && !enum_has(member->shape, *(const char *const *) value))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", *(const char *const *) value, name);
  return NULL;
}

Error *
shape_validate_ec2(const Shape *shape, const void *value)
{
  for (guint i = 0; i < shape->n_members; i++)
    TRY(check_member(&shape->members[i], member_at(&shape->members[i], value)));
  g_autoptr(Error) deeper = shape_validate(shape, value);
  return deeper ? error_answer("InvalidParameterValue", "%s", deeper->message) : NULL;
}
