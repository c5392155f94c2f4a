#include "wire/json.h"
#include "wire/value.h"
#include <math.h>
#include <string.h>

Json *
json_get(const Json *json, const char *key)
{
  if (!json || json->type != JSON_OBJECT)
    return NULL;
  for (guint32 i = 0; i < json->n; i++)
    if (!strcmp(json->members[i].key, key))
      return json->members[i].value;
  return NULL;
}

const char *
json_string(const Json *json)
{
  return json && json->type == JSON_STRING ? json->text : NULL;
}

const char *
json_scalar(const Json *json)
{
  if (json && (json->type == JSON_STRING || json->type == JSON_NUMBER))
    return json->text;
  return json && json->type == JSON_TRUE ? "true" : json && json->type == JSON_FALSE ? "false" : NULL;
}

Json *
json_path(const Json *json, const char *path)
{
  g_auto(GStrv) keys = g_strsplit(path, ".", -1);
  Json *at = (Json *) json;
  for (char **key = keys; *key; key++)
    at = json_get(at, *key);
  return at;
}

static Json *
make(Arena *arena, JsonType type)
{
  Json *json = ARENA_NEW(arena, Json);
  json->type = type;
  return json;
}

static Json *
make_text(Arena *arena, JsonType type, const char *text)
{
  Json *json = make(arena, type);
  json->n = (guint32) strlen(text);
  json->text = arena_memdup(arena, text, json->n);
  return json;
}

Json *
json_new_null(Arena *arena)
{
  return make(arena, JSON_NULL);
}

Json *
json_new_bool(Arena *arena, gboolean value)
{
  return make(arena, value ? JSON_TRUE : JSON_FALSE);
}

Json *
json_new_int(Arena *arena, gint64 value)
{
  char text[32];
  g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
  return make_text(arena, JSON_NUMBER, text);
}

/* JSON has no infinities: they become the strings that AWS's protocols use. */
Json *
json_new_double(Arena *arena, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  if (isnan(value) || isinf(value))
    return make_text(arena, JSON_STRING, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  for (int digits = 15; digits <= 17; digits++) {
    char format[8];
    g_snprintf(format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd(text, sizeof text, format, value);
    if (g_ascii_strtod(text, NULL) == value)
      break;
  }
  return make_text(arena, JSON_NUMBER, text);
}

Json *
json_new_string(Arena *arena, const char *text)
{
  return make_text(arena, JSON_STRING, text);
}

Json *
json_new_array(Arena *arena)
{
  return make(arena, JSON_ARRAY);
}

Json *
json_new_object(Arena *arena)
{
  return make(arena, JSON_OBJECT);
}

void
json_append(Arena *arena, Json *array, Json *item)
{
  AnyList list = {array->n, array->items};
  list_grow(arena, &list, sizeof *array->items);
  array->items = list.v;
  array->items[array->n++] = item;
}

void
json_set(Arena *arena, Json *object, const char *key, Json *value)
{
  for (guint32 i = 0; i < object->n; i++)
    if (!strcmp(object->members[i].key, key)) {
      object->members[i].value = value;
      return;
    }
  AnyList list = {object->n, object->members};
  list_grow(arena, &list, sizeof *object->members);
  object->members = list.v;
  object->members[object->n++] = (JsonMember){arena_strdup(arena, key), value};
}

void
json_remove(Json *object, const char *key)
{
  for (guint32 i = 0; i < object->n; i++)
    if (!strcmp(object->members[i].key, key)) {
      memmove(object->members + i, object->members + i + 1, (object->n - i - 1) * sizeof *object->members);
      object->n--;
      return;
    }
}

Json *
json_copy(Arena *arena, const Json *json)
{
  Json *copy = arena_memdup(arena, json, sizeof *json);
  if (json->type == JSON_STRING || json->type == JSON_NUMBER)
    copy->text = arena_memdup(arena, json->text, json->n);
  if (json->type == JSON_ARRAY) {
    copy->n = 0;
    copy->items = NULL;
    for (guint32 i = 0; i < json->n; i++)
      json_append(arena, copy, json_copy(arena, json->items[i]));
  }
  if (json->type == JSON_OBJECT) {
    AnyList list = {0, NULL};
    for (guint32 i = 0; i < json->n; i++) {
      list_grow(arena, &list, sizeof *json->members);
      ((JsonMember *) list.v)[list.n++] =
        (JsonMember){arena_strdup(arena, json->members[i].key), json_copy(arena, json->members[i].value)};
    }
    copy->members = list.v;
  }
  return copy;
}

static gboolean
equal_objects(const Json *a, const Json *b)
{
  for (guint32 i = 0; i < a->n; i++) {
    const Json *other = json_get(b, a->members[i].key);
    if (!other || !json_equal(a->members[i].value, other))
      return FALSE;
  }
  return TRUE;
}

gboolean
json_equal(const Json *a, const Json *b)
{
  if (!a || !b)
    return a == b;
  if (a->type != b->type || a->n != b->n)
    return FALSE;
  if (a->type == JSON_STRING || a->type == JSON_NUMBER)
    return !memcmp(a->text, b->text, a->n);
  if (a->type == JSON_ARRAY)
    for (guint32 i = 0; i < a->n; i++)
      if (!json_equal(a->items[i], b->items[i]))
        return FALSE;
  return a->type != JSON_OBJECT || equal_objects(a, b);
}
