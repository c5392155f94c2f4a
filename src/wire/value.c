#include "wire/value.h"
#include <string.h>

/* The capacity is not stored: it follows from n (4, then the next power of two). */
void
list_grow(Arena *arena, AnyList *list, gsize item_size)
{
  if (!list->v) {
    list->v = arena_alloc(arena, item_size * 4);
    list->n = 0;
    return;
  }
  if (list->n < 4 || (list->n & (list->n - 1)))
    return;
  void *larger = arena_alloc(arena, item_size * list->n * 2);
  memcpy(larger, list->v, item_size * list->n);
  list->v = larger;
}

gsize
map_slot(Arena *arena, AnyList *map, gsize entry_size, const char *key)
{
  for (gsize i = 0; i < map->n; i++)
    if (!strcmp(*(const char **) ((char *) map->v + i * entry_size), key))
      return i;
  list_grow(arena, map, entry_size);
  *(const char **) ((char *) map->v + map->n * entry_size) = key;
  return map->n++;
}

void *
map_find(const AnyList *map, gsize entry_size, gsize value_offset, const char *key)
{
  for (gsize i = 0; i < map->n; i++) {
    char *entry = (char *) map->v + i * entry_size;
    if (!strcmp(*(const char **) entry, key))
      return entry + value_offset;
  }
  return NULL;
}

const char *
string_map_get(const StringMap *map, const char *key)
{
  for (gsize i = 0; map && i < map->n; i++)
    if (!strcmp(map->v[i].key, key))
      return map->v[i].value;
  return NULL;
}

gboolean
string_list_has(const StringList *list, const char *text)
{
  for (gsize i = 0; list && i < list->n; i++)
    if (!strcmp(list->v[i], text))
      return TRUE;
  return FALSE;
}
