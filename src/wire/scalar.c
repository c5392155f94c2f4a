#include "wire/internal.h"
#include <math.h>
#include <string.h>

char *
double_text(Arena *arena, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE], format[8];
  if (isnan(value) || isinf(value))
    return arena_strdup(arena, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  for (int digits = 15; digits <= 17; digits++) {
    g_snprintf(format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd(text, sizeof text, format, value);
    if (g_ascii_strtod(text, NULL) == value)
      break;
  }
  if (!strpbrk(text, ".eE"))
    g_strlcat(text, ".0", sizeof text);
  return arena_strdup(arena, text);
}

static gboolean
integer_from_text(const Shape *shape, const char *text, OptInt *value)
{
  gboolean small = shape->type == SHAPE_INTEGER;
  value->set = g_ascii_string_to_signed(text, 10, small ? G_MININT32 : G_MININT64, small ? G_MAXINT32 : G_MAXINT64, &value->v, NULL);
  return value->set;
}

static gboolean
double_from_text(const char *text, OptDouble *value)
{
  char *end = NULL;
  value->v = g_ascii_strtod(text, &end);
  value->set = end != text && !*end;
  return value->set;
}

static gboolean
boolean_from_text(const char *text, OptBool *value)
{
  value->v = !g_ascii_strcasecmp(text, "true") || !strcmp(text, "1");
  value->set = value->v || !g_ascii_strcasecmp(text, "false") || !strcmp(text, "0");
  return value->set;
}

gboolean
scalar_from_text(Arena *arena, const Shape *shape, const char *text, void *value)
{
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
    *(const char **) value = text;
    return TRUE;
  case SHAPE_BOOLEAN:
    return boolean_from_text(text, value);
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    return integer_from_text(shape, text, value);
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    return double_from_text(text, value);
  case SHAPE_TIMESTAMP:
    return ((OptTime *) value)->set = timestamp_parse(text, &((OptTime *) value)->ms);
  case SHAPE_BLOB:
    if (shape->flags & SHAPE_STREAMING)
      return FALSE;
    ((Blob *) value)->data = text_unbase64(arena, text, &((Blob *) value)->size);
    return ((Blob *) value)->data != NULL;
  case SHAPE_DOCUMENT:
    *(const Json **) value = json_new_string(arena, text);
    return TRUE;
  case SHAPE_LIST:
  case SHAPE_MAP:
  case SHAPE_STRUCTURE:
    break;
  }
  return FALSE;
}

const char *
scalar_to_text(Arena *arena, const Shape *shape, TimeFormat format, const void *value)
{
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
    return *(const char *const *) value;
  case SHAPE_BOOLEAN:
    return ((const OptBool *) value)->v ? "true" : "false";
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    return arena_printf(arena, "%" G_GINT64_FORMAT, ((const OptInt *) value)->v);
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    return double_text(arena, ((const OptDouble *) value)->v);
  case SHAPE_TIMESTAMP:
    return timestamp_format(arena, format, ((const OptTime *) value)->ms);
  case SHAPE_BLOB:
    return shape->flags & SHAPE_STREAMING ? "" : text_base64(arena, ((const Blob *) value)->data, ((const Blob *) value)->size);
  case SHAPE_DOCUMENT:
    return json_text(arena, *(const Json *const *) value);
  case SHAPE_LIST:
  case SHAPE_MAP:
  case SHAPE_STRUCTURE:
    break;
  }
  return "";
}
