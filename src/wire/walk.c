#include "wire/internal.h"

gboolean
value_present(const Shape *shape, const void *value)
{
  switch ((ShapeType) shape->type) {
  case SHAPE_BOOLEAN:
    return ((const OptBool *) value)->set;
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    return ((const OptInt *) value)->set;
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    return ((const OptDouble *) value)->set;
  case SHAPE_TIMESTAMP:
    return ((const OptTime *) value)->set;
  case SHAPE_BLOB:
    return shape->flags & SHAPE_STREAMING ? *(void *const *) value != NULL : ((const Blob *) value)->data != NULL;
  case SHAPE_LIST:
  case SHAPE_MAP:
    return ((const AnyList *) value)->v != NULL;
  case SHAPE_STRING:
  case SHAPE_STRUCTURE:
  case SHAPE_DOCUMENT:
    return *(void *const *) value != NULL;
  }
  return FALSE;
}

void *
list_add(Arena *arena, const Shape *shape, AnyList *list)
{
  list_grow(arena, list, shape->entry_size);
  return (char *) list->v + list->n++ * shape->entry_size;
}

void *
map_add(Arena *arena, const Shape *shape, AnyList *map, const char *key)
{
  list_grow(arena, map, shape->entry_size);
  char *entry = (char *) map->v + map->n++ * shape->entry_size;
  *(const char **) entry = key;
  return entry + shape->value_offset;
}
