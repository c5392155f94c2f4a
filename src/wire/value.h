/* value: how members of AWS's shapes look in C. Generated structs are made of these.
 *
 *   string, enum, character   const char *         NULL = absent
 *   boolean                   OptBool
 *   integer, long, short      OptInt
 *   float, double             OptDouble
 *   timestamp                 OptTime              milliseconds since 1970
 *   blob                      Blob                 data NULL = absent
 *   streaming blob            Body *               NULL = absent
 *   list of T                 struct { gsize n; T *v; }, v NULL = absent (an empty list has v != NULL)
 *   map of T                  struct { gsize n; struct { const char *key; T value; } *v; }, in the order of arrival
 *   structure                 pointer to the generated struct, NULL = absent
 *   document                  const Json *
 *
 * All of it lives in the call's arena. */
#pragma once

#include "base/base.h"

typedef struct { gboolean set; gboolean v; } OptBool;
typedef struct { gboolean set; gint64 v; } OptInt;
typedef struct { gboolean set; double v; } OptDouble;
typedef struct { gboolean set; gint64 ms; } OptTime;
typedef struct { const guint8 *data; gsize size; } Blob;
typedef struct { gsize n; const char **v; } StringList;
typedef struct { const char *key; const char *value; } StringMapEntry;
typedef struct { gsize n; StringMapEntry *v; } StringMap;
/* The layout that all generated lists and maps share. */
typedef struct { gsize n; void *v; } AnyList;

#define OPT_BOOL(x) ((OptBool) { TRUE, (x) })
#define OPT_INT(x) ((OptInt) { TRUE, (x) })
#define OPT_DOUBLE(x) ((OptDouble) { TRUE, (x) })
#define OPT_TIME(x) ((OptTime) { TRUE, (x) })
#define OPT_OR(opt, otherwise) ((opt).set ? (opt).v : (otherwise))

/* Appends item to a generated list (pointer to it). */
#define LIST_APPEND(arena, list, item)                                            \
  do {                                                                            \
    list_grow((arena), (AnyList *) (void *) (list), sizeof *(list)->v);           \
    (list)->v[(list)->n++] = (item);                                              \
  } while (0)
/* Makes an absent list an empty one. */
#define LIST_EMPTY(arena, list) list_grow((arena), (AnyList *) (void *) (list), sizeof *(list)->v)
/* Sets or appends an entry of a generated map (pointer to it). */
#define MAP_SET(arena, map, key_, value_)                                                             \
  do {                                                                                                \
    gsize at_ = map_slot((arena), (AnyList *) (void *) (map), sizeof *(map)->v, (key_));              \
    (map)->v[at_].value = (value_);                                                                   \
  } while (0)
/* Pointer to the value of key in a generated map (pointer to it), or NULL. */
#define MAP_FIND(map, key_) ((__typeof__(&(map)->v->value)) map_find((const AnyList *) (const void *) (map), sizeof *(map)->v, \
                                                       G_STRUCT_OFFSET(__typeof__(*(map)->v), value), (key_)))

void list_grow(Arena *arena, AnyList *list, gsize item_size);
gsize map_slot(Arena *arena, AnyList *map, gsize entry_size, const char *key);
void *map_find(const AnyList *map, gsize entry_size, gsize value_offset, const char *key);
/* The value of key, or NULL. */
const char *string_map_get(const StringMap *map, const char *key);
gboolean string_list_has(const StringList *list, const char *text);
