#include "wire/internal.h"
#include <string.h>

enum { CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG, CBOR_SIMPLE };

static void
write_head(GByteArray *out, guint major, guint64 n)
{
  guint8 head[9];
  guint extra = n < 24 ? 0 : n <= G_MAXUINT8 ? 1 : n <= G_MAXUINT16 ? 2 : n <= G_MAXUINT32 ? 4 : 8;
  head[0] = (guint8) (major << 5 | (extra == 0 ? n : extra == 1 ? 24 : extra == 2 ? 25 : extra == 4 ? 26 : 27));
  for (guint i = 0; i < extra; i++)
    head[1 + i] = (guint8) (n >> 8 * (extra - 1 - i));
  g_byte_array_append(out, head, extra + 1);
}

void
cbor_write_text(GByteArray *out, const char *text)
{
  gsize size = strlen(text);
  write_head(out, CBOR_TEXT, size);
  g_byte_array_append(out, (const guint8 *) text, (guint) size);
}

static void
write_int(GByteArray *out, gint64 value)
{
  if (value >= 0)
    write_head(out, CBOR_UINT, (guint64) value);
  else
    write_head(out, CBOR_NEGATIVE, (guint64) - (value + 1));
}

static void
write_simple(GByteArray *out, guint8 byte)
{
  g_byte_array_append(out, &byte, 1);
}

static void
write_double(GByteArray *out, double value)
{
  guint64 bits;
  guint8 bytes[9] = {0xfb};
  memcpy(&bits, &value, sizeof bits);
  for (int i = 0; i < 8; i++)
    bytes[1 + i] = (guint8) (bits >> (56 - 8 * i));
  g_byte_array_append(out, bytes, sizeof bytes);
}

static void
write_document(GByteArray *out, const Json *json)
{
  gint64 integer = 0;
  switch (json->type) {
  case JSON_NULL:
    write_simple(out, 0xf6);
    break;
  case JSON_FALSE:
    write_simple(out, 0xf4);
    break;
  case JSON_TRUE:
    write_simple(out, 0xf5);
    break;
  case JSON_NUMBER:
    if (g_ascii_string_to_signed(json->text, 10, G_MININT64, G_MAXINT64, &integer, NULL))
      write_int(out, integer);
    else
      write_double(out, g_ascii_strtod(json->text, NULL));
    break;
  case JSON_STRING:
    cbor_write_text(out, json->text);
    break;
  case JSON_ARRAY:
    write_head(out, CBOR_ARRAY, json->n);
    for (guint32 i = 0; i < json->n; i++)
      write_document(out, json->items[i]);
    break;
  case JSON_OBJECT:
    write_head(out, CBOR_MAP, json->n);
    for (guint32 i = 0; i < json->n; i++) {
      cbor_write_text(out, json->members[i].key);
      write_document(out, json->members[i].value);
    }
    break;
  }
}

static void write_value(const Shape *shape, const void *value, GByteArray *out);

static void
write_structure(const Shape *shape, const void *value, GByteArray *out)
{
  guint n = 0;
  for (guint i = 0; i < shape->n_members; i++)
    n += value_present(shape->members[i].shape, member_at(shape->members + i, value));
  write_head(out, CBOR_MAP, n);
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = shape->members + i;
    if (!value_present(member->shape, member_at(member, value)))
      continue;
    cbor_write_text(out, member->name);
    write_value(member->shape, member_at(member, value), out);
  }
}

static void
write_list(const Shape *shape, const AnyList *list, GByteArray *out)
{
  write_head(out, CBOR_ARRAY, list->n);
  for (gsize i = 0; i < list->n; i++)
    write_value(shape->element, list_at(shape, list, i), out);
}

static void
write_map(const Shape *shape, const AnyList *map, GByteArray *out)
{
  write_head(out, CBOR_MAP, map->n);
  for (gsize i = 0; i < map->n; i++) {
    cbor_write_text(out, map_key_at(shape, map, i));
    write_value(shape->element, map_value_at(shape, map, i), out);
  }
}

static void
write_value(const Shape *shape, const void *value, GByteArray *out)
{
  if (!value_present(shape, value) || (shape->type == SHAPE_BLOB && shape->flags & SHAPE_STREAMING)) {
    write_simple(out, 0xf6);
    return;
  }
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
    cbor_write_text(out, *(const char *const *) value);
    break;
  case SHAPE_BOOLEAN:
    write_simple(out, ((const OptBool *) value)->v ? 0xf5 : 0xf4);
    break;
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    write_int(out, ((const OptInt *) value)->v);
    break;
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    write_double(out, ((const OptDouble *) value)->v);
    break;
  case SHAPE_TIMESTAMP:
    write_head(out, CBOR_TAG, 1);
    if (((const OptTime *) value)->ms % 1000 == 0)
      write_int(out, ((const OptTime *) value)->ms / 1000);
    else
      write_double(out, (double) ((const OptTime *) value)->ms / 1000);
    break;
  case SHAPE_BLOB:
    write_head(out, CBOR_BYTES, ((const Blob *) value)->size);
    g_byte_array_append(out, ((const Blob *) value)->data, (guint) ((const Blob *) value)->size);
    break;
  case SHAPE_LIST:
    write_list(shape, value, out);
    break;
  case SHAPE_MAP:
    write_map(shape, value, out);
    break;
  case SHAPE_STRUCTURE:
    write_structure(shape, *(void *const *) value, out);
    break;
  case SHAPE_DOCUMENT:
    write_document(out, *(const Json *const *) value);
    break;
  }
}

void
cbor_write(Arena *arena, const Shape *shape, const void *value, GByteArray *out)
{
  if (shape->type == SHAPE_STRUCTURE)
    write_structure(shape, value, out);
  else
    write_value(shape, value, out);
}
