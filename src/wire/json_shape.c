/* Values of shapes to and from JSON text and trees. */
#include "wire/internal.h"
#include <math.h>
#include <string.h>

static const char *
kind_of(const Json *json)
{
  switch (json->type) {
  case JSON_NULL:
    return "NULL_VALUE";
  case JSON_FALSE:
    return "FALSE_VALUE";
  case JSON_TRUE:
    return "TRUE_VALUE";
  case JSON_NUMBER:
    return "NUMBER_VALUE";
  case JSON_STRING:
    return "STRING_VALUE";
  case JSON_ARRAY:
    return "START_ARRAY";
  case JSON_OBJECT:
    return "START_OBJECT";
  }
  return "";
}

static Error *
cannot(const Json *json, const char *what)
{
  if (json->type == JSON_OBJECT)
    return error_answer("SerializationException", "Start of structure or map found where not expected.");
  if (json->type == JSON_ARRAY)
    return error_answer("SerializationException", "Start of list found where not expected");
  return error_answer("SerializationException", "%s can not be converted to %s", kind_of(json), what);
}

static Error *
string_from_json(const JsonCodec *codec, const Json *json, const char **value)
{
  if (json->type == JSON_STRING || (codec->lenient && json->type == JSON_NUMBER))
    *value = json->text;
  else if (codec->lenient && (json->type == JSON_TRUE || json->type == JSON_FALSE))
    *value = json->type == JSON_TRUE ? "true" : "false";
  else if (codec->lenient && (json->type == JSON_OBJECT || json->type == JSON_ARRAY))
    *value = json_text(codec->arena, json);
  else
    return cannot(json, "String");
  return NULL;
}

static Error *
boolean_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, OptBool *value)
{
  if (json->type == JSON_TRUE || json->type == JSON_FALSE)
    *value = OPT_BOOL(json->type == JSON_TRUE);
  else if (!codec->lenient || json->type != JSON_STRING || !scalar_from_text(codec->arena, shape, json->text, value))
    return cannot(json, "Boolean");
  return NULL;
}

/* 3, 3.0 and 3e0 are integers; so are the strings of them if lenient. */
static Error *
integer_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, OptInt *value)
{
  const char *what = shape->type == SHAPE_INTEGER ? "Integer" : "Long";
  if (json->type != JSON_NUMBER && !(codec->lenient && json->type == JSON_STRING))
    return cannot(json, what);
  if (scalar_from_text(codec->arena, shape, json->text, value))
    return NULL;
  char *end = NULL;
  double number = g_ascii_strtod(json->text, &end);
  double limit = shape->type == SHAPE_INTEGER ? G_MAXINT32 : 9007199254740992.0;
  if (*end || end == json->text || number != floor(number) || fabs(number) > limit)
    return cannot(json, what);
  *value = OPT_INT((gint64) number);
  return NULL;
}

static Error *
double_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, OptDouble *value)
{
  static const struct {
    const char *text;
    double value;
  } words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
  if (json->type == JSON_STRING)
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
      if (!strcmp(json->text, words[i].text)) {
        *value = OPT_DOUBLE(words[i].value);
        return NULL;
      }
  if (json->type == JSON_NUMBER || (codec->lenient && json->type == JSON_STRING))
    if (scalar_from_text(codec->arena, shape, json->text, value))
      return NULL;
  return cannot(json, "Double");
}

static Error *
time_from_json(const Json *json, OptTime *value)
{
  if (json->type != JSON_NUMBER && json->type != JSON_STRING)
    return cannot(json, "Timestamp");
  value->set = timestamp_parse(json->text, &value->ms);
  return value->set ? NULL : cannot(json, "Timestamp");
}

static Error *
blob_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, void *value)
{
  gsize size = 0;
  if (json->type != JSON_STRING)
    return cannot(json, "Blob");
  guint8 *data = text_unbase64(codec->arena, json->text, &size);
  if (!data && codec->lenient) {
    data = (guint8 *) json->text;
    size = json->n;
  }
  if (!data)
    return error_answer("SerializationException", "Invalid Base64 data");
  if (shape->flags & SHAPE_STREAMING)
    *(Body **) value = body_from_bytes(codec->arena, data, size);
  else
    *(Blob *) value = (Blob){data, size};
  return NULL;
}

static Error *
list_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, AnyList *value)
{
  if (json->type != JSON_ARRAY)
    return json->type == JSON_OBJECT ? cannot(json, "List") : error_answer("SerializationException", "Unexpected field type");
  list_grow(codec->arena, value, shape->entry_size);
  for (guint32 i = 0; i < json->n; i++)
    if (json->items[i]->type != JSON_NULL)
      TRY(value_from_json(codec, shape->element, json->items[i], list_add(codec->arena, shape, value)));
  return NULL;
}

static Error *
map_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, AnyList *value)
{
  if (json->type != JSON_OBJECT)
    return json->type == JSON_ARRAY ? cannot(json, "Map") : error_answer("SerializationException", "Unexpected field type");
  list_grow(codec->arena, value, shape->entry_size);
  for (guint32 i = 0; i < json->n; i++)
    if (json->members[i].value->type != JSON_NULL)
      TRY(value_from_json(codec, shape->element, json->members[i].value, map_add(codec->arena, shape, value, json->members[i].key)));
  return NULL;
}

static gboolean
names_equal(const JsonCodec *codec, const char *name, const char *key)
{
  if (codec->lenient) /* CloudFormation writes Name where some APIs write name */
    return g_ascii_tolower(*name) == g_ascii_tolower(*key) && *name && !strcmp(name + 1, key + 1);
  return !strcmp(name, key);
}

/* Members mostly come in a fixed order, so the search goes on where the last one was found. */
static const Member *
find_member(const JsonCodec *codec, const Shape *shape, const char *key, guint *hint)
{
  for (guint i = 0; i < shape->n_members; i++) {
    guint at = *hint + i < shape->n_members ? *hint + i : *hint + i - shape->n_members;
    const Member *member = shape->members + at;
    if (names_equal(codec, codec->wire_names ? member->wire : member->name, key)) {
      *hint = at + 1 < shape->n_members ? at + 1 : 0;
      return member;
    }
  }
  return NULL;
}

static Error *
structure_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, void *value)
{
  guint hint = 0, set = 0;
  if (json->type != JSON_OBJECT)
    return json->type == JSON_ARRAY ? cannot(json, shape->name) : error_answer("SerializationException", "Unexpected value type in payload");
  for (guint32 i = 0; i < json->n; i++) {
    const Member *member = find_member(codec, shape, json->members[i].key, &hint);
    const Json *inner = json->members[i].value;
    if (!member || inner->type == JSON_NULL || (codec->wire_names && member->location != LOCATION_BODY))
      continue;
    TRY(value_from_json(codec, member->shape, inner, member_at(member, value)));
    set++;
  }
  if (shape->flags & SHAPE_UNION && set > 1 && !codec->lenient)
    return error_answer("ValidationException", "Supplied %s contains more than one member set, must contain exactly one", shape->name);
  return NULL;
}

Error *
value_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, void *value)
{
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
    return string_from_json(codec, json, value);
  case SHAPE_BOOLEAN:
    return boolean_from_json(codec, shape, json, value);
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    return integer_from_json(codec, shape, json, value);
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    return double_from_json(codec, shape, json, value);
  case SHAPE_TIMESTAMP:
    return time_from_json(json, value);
  case SHAPE_BLOB:
    return blob_from_json(codec, shape, json, value);
  case SHAPE_LIST:
    return list_from_json(codec, shape, json, value);
  case SHAPE_MAP:
    return map_from_json(codec, shape, json, value);
  case SHAPE_STRUCTURE: {
    void *inner = arena_alloc(codec->arena, shape->size);
    *(void **) value = inner;
    return structure_from_json(codec, shape, json, inner);
  }
  case SHAPE_DOCUMENT:
    *(const Json **) value = json;
    return NULL;
  }
  return NULL;
}

Error *
shape_from_json(Arena *arena, const Shape *shape, const Json *json, gboolean lenient, void *value)
{
  JsonCodec codec = {.arena = arena, .lenient = lenient};
  if (shape->type == SHAPE_STRUCTURE)
    return structure_from_json(&codec, shape, json, value);
  return value_from_json(&codec, shape, json, value);
}

/* -- writing ------------------------------------------------------------------------------------------------------------------------- */

static void
write_time(const JsonCodec *codec, TimeFormat format, gint64 ms, GString *out)
{
  if (format == TIME_ISO8601 || format == TIME_RFC822)
    json_write_string(out, timestamp_format(codec->arena, format, ms));
  else
    g_string_append(out, timestamp_format(codec->arena, TIME_UNIX, ms));
}

static void
write_list(const JsonCodec *codec, const Shape *shape, const AnyList *list, GString *out)
{
  g_string_append_c(out, '[');
  for (gsize i = 0; i < list->n; i++) {
    if (i)
      g_string_append_c(out, ',');
    value_write_json(codec, shape->element, shape->element->time_format, list_at(shape, list, i), out);
  }
  g_string_append_c(out, ']');
}

static void
write_map(const JsonCodec *codec, const Shape *shape, const AnyList *map, GString *out)
{
  g_string_append_c(out, '{');
  for (gsize i = 0; i < map->n; i++) {
    if (i)
      g_string_append_c(out, ',');
    json_write_string(out, map_key_at(shape, map, i));
    g_string_append_c(out, ':');
    value_write_json(codec, shape->element, shape->element->time_format, map_value_at(shape, map, i), out);
  }
  g_string_append_c(out, '}');
}

void
members_write_json(const JsonCodec *codec, const Shape *shape, const void *value, gboolean *first, GString *out)
{
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = shape->members + i;
    if ((codec->wire_names && member->location != LOCATION_BODY) || !value_present(member->shape, member_at(member, value)))
      continue;
    if (!*first)
      g_string_append_c(out, ',');
    *first = FALSE;
    json_write_string(out, codec->wire_names ? member->wire : member->name);
    g_string_append_c(out, ':');
    value_write_json(codec, member->shape, member_time(member, TIME_UNIX), member_at(member, value), out);
  }
}

void
value_write_json(const JsonCodec *codec, const Shape *shape, TimeFormat format, const void *value, GString *out)
{
  gboolean first = TRUE;
  if (!value_present(shape, value)) {
    g_string_append(out, "null");
    return;
  }
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
    json_write_string(out, *(const char *const *) value);
    break;
  case SHAPE_BOOLEAN:
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    g_string_append(out, scalar_to_text(codec->arena, shape, format, value));
    break;
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE: {
    gboolean finite = isfinite(((const OptDouble *) value)->v);
    g_string_append_printf(out, finite ? "%s" : "\"%s\"", double_text(codec->arena, ((const OptDouble *) value)->v));
    break;
  }
  case SHAPE_TIMESTAMP:
    write_time(codec, format, ((const OptTime *) value)->ms, out);
    break;
  case SHAPE_BLOB:
    g_string_append_printf(out, "\"%s\"", scalar_to_text(codec->arena, shape, format, value));
    break;
  case SHAPE_LIST:
    write_list(codec, shape, value, out);
    break;
  case SHAPE_MAP:
    write_map(codec, shape, value, out);
    break;
  case SHAPE_STRUCTURE:
    g_string_append_c(out, '{');
    members_write_json(codec, shape, *(void *const *) value, &first, out);
    g_string_append_c(out, '}');
    break;
  case SHAPE_DOCUMENT:
    json_write(out, *(const Json *const *) value);
    break;
  }
}
