/* Values outside of requests: trees, copies, stored records. */
#include "wire/codec.h"
#include "wire/internal.h"

static Json *to_json(Arena *arena, const Shape *shape, const void *value);

static Json *
structure_to_json(Arena *arena, const Shape *shape, const void *value)
{
  Json *json = json_new_object(arena);
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = shape->members + i;
    if (value_present(member->shape, member_at(member, value)))
      json_set(arena, json, member->name, to_json(arena, member->shape, member_at(member, value)));
  }
  return json;
}

static Json *
number(Arena *arena, const char *text)
{
  Json *json = json_new_string(arena, text);
  json->type = JSON_NUMBER;
  return json;
}

static Json *
list_to_json(Arena *arena, const Shape *shape, const AnyList *list)
{
  Json *json = json_new_array(arena);
  for (gsize i = 0; i < list->n; i++)
    json_append(arena, json, to_json(arena, shape->element, list_at(shape, list, i)));
  return json;
}

static Json *
map_to_json(Arena *arena, const Shape *shape, const AnyList *map)
{
  Json *json = json_new_object(arena);
  for (gsize i = 0; i < map->n; i++)
    json_set(arena, json, map_key_at(shape, map, i), to_json(arena, shape->element, map_value_at(shape, map, i)));
  return json;
}

static Json *
to_json(Arena *arena, const Shape *shape, const void *value)
{
  if (!value_present(shape, value))
    return json_new_null(arena);
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
  case SHAPE_BLOB:
    return json_new_string(arena, scalar_to_text(arena, shape, TIME_UNIX, value));
  case SHAPE_BOOLEAN:
    return json_new_bool(arena, ((const OptBool *) value)->v);
  case SHAPE_INTEGER:
  case SHAPE_LONG:
  case SHAPE_TIMESTAMP:
    return number(arena, scalar_to_text(arena, shape, TIME_UNIX, value));
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    return json_new_double(arena, ((const OptDouble *) value)->v);
  case SHAPE_LIST:
    return list_to_json(arena, shape, value);
  case SHAPE_MAP:
    return map_to_json(arena, shape, value);
  case SHAPE_STRUCTURE:
    return structure_to_json(arena, shape, *(void *const *) value);
  case SHAPE_DOCUMENT:
    return json_copy(arena, *(const Json *const *) value);
  }
  return json_new_null(arena);
}

Json *
shape_to_json(Arena *arena, const Shape *shape, const void *value)
{
  return shape->type == SHAPE_STRUCTURE ? structure_to_json(arena, shape, value) : to_json(arena, shape, value);
}

/* -- copies -------------------------------------------------------------------------------------------------------------------------- */

static void copy_value(Arena *arena, const Shape *shape, const void *from, void *to);

static void
copy_structure(Arena *arena, const Shape *shape, const void *from, void *to)
{
  for (guint i = 0; i < shape->n_members; i++)
    copy_value(arena, shape->members[i].shape, member_at(shape->members + i, from), member_at(shape->members + i, to));
}

static void
copy_list(Arena *arena, const Shape *shape, const AnyList *from, AnyList *to)
{
  *to = (AnyList){0};
  list_grow(arena, to, shape->entry_size);
  for (gsize i = 0; i < from->n; i++)
    copy_value(arena, shape->element, list_at(shape, from, i), list_add(arena, shape, to));
}

static void
copy_map(Arena *arena, const Shape *shape, const AnyList *from, AnyList *to)
{
  *to = (AnyList){0};
  list_grow(arena, to, shape->entry_size);
  for (gsize i = 0; i < from->n; i++)
    copy_value(arena, shape->element, map_value_at(shape, from, i), map_add(arena, shape, to, arena_strdup(arena, map_key_at(shape, from, i))));
}

static void
copy_value(Arena *arena, const Shape *shape, const void *from, void *to)
{
  if (!value_present(shape, from))
    return;
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
    *(char **) to = arena_strdup(arena, *(char *const *) from);
    break;
  case SHAPE_BOOLEAN:
    *(OptBool *) to = *(const OptBool *) from;
    break;
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    *(OptInt *) to = *(const OptInt *) from;
    break;
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    *(OptDouble *) to = *(const OptDouble *) from;
    break;
  case SHAPE_TIMESTAMP:
    *(OptTime *) to = *(const OptTime *) from;
    break;
  case SHAPE_BLOB:
    if (shape->flags & SHAPE_STREAMING) /* a stream is not copied, only handed on */
      *(Body **) to = *(Body *const *) from;
    else
      *(Blob *) to = (Blob){arena_memdup(arena, ((const Blob *) from)->data, ((const Blob *) from)->size), ((const Blob *) from)->size};
    break;
  case SHAPE_LIST:
    copy_list(arena, shape, from, to);
    break;
  case SHAPE_MAP:
    copy_map(arena, shape, from, to);
    break;
  case SHAPE_STRUCTURE:
    *(void **) to = shape_copy(arena, shape, *(void *const *) from);
    break;
  case SHAPE_DOCUMENT:
    *(Json **) to = json_copy(arena, *(const Json *const *) from);
    break;
  }
}

void *
shape_copy(Arena *arena, const Shape *shape, const void *value)
{
  void *copy = arena_alloc(arena, shape->size);
  if (shape->type == SHAPE_STRUCTURE)
    copy_structure(arena, shape, value, copy);
  else
    copy_value(arena, shape, value, copy);
  return copy;
}

/* -- records ------------------------------------------------------------------------------------------------------------------------- */

void
record_encode(Arena *arena, const Shape *shape, const void *value, GByteArray *out)
{
  cbor_write(arena, shape, value, out);
}

Error *
record_decode(Arena *arena, const Shape *shape, const void *data, gsize size, void **ret_value)
{
  void *value = arena_alloc(arena, shape->size);
  g_autoptr(Error) error = cbor_read(arena, shape, data, size, value);
  if (error)
    return error_fault("a stored %s cannot be read: %s", shape->name, error->message);
  *ret_value = value;
  return NULL;
}
