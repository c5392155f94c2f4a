/* Requests and answers as JSON. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html */
#include <string.h>

#include "services/cloudtrail/cloudtrail.h"

static const char hidden[] = "HIDDEN_DUE_TO_SECURITY_REASONS";

/* Names of what AWS hides, beside what its models call sensitive. */
static gboolean
is_secret(const Member *member)
{
  static const char *const names[] = {"MasterUserPassword", "Password", "OldPassword", "NewPassword", "SecretString", "Plaintext", "SecretAccessKey",
                                      "SessionToken", "PrivateKey", "AuthToken", "Token", "ParameterValue", "TemplateBody"};
  if (member->shape->flags & SHAPE_SENSITIVE)
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    if (strcmp(names[i], member->name) == 0)
      return member->shape->type == SHAPE_STRING;
  return FALSE;
}

static char *
small(Arena *arena, const char *name)
{
  char *text = arena_strdup(arena, name);
  for (char *at = text; g_ascii_isupper(*at) && (at == text || g_ascii_isupper(at[1]) || !at[1]); at++)
    *at = g_ascii_tolower(*at);
  return text;
}

static Json *
structure(Arena *arena, const Shape *shape, const void *value)
{
  Json *object = json_new_object(arena);
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = &shape->members[i];
    Json *json = event_value(arena, member->shape, (const guint8 *) value + member->offset);
    if (json)
      json_set(arena, object, small(arena, member->name), is_secret(member) ? json_new_string(arena, hidden) : json);
  }
  return object;
}

static Json *
list(Arena *arena, const Shape *shape, const AnyList *value)
{
  Json *array = json_new_array(arena);
  for (gsize i = 0; i < value->n; i++) {
    Json *item = event_value(arena, shape->element, (const guint8 *) value->v + i * shape->entry_size);
    json_append(arena, array, item ? item : json_new_null(arena));
  }
  return array;
}

static Json *
map(Arena *arena, const Shape *shape, const AnyList *value)
{
  Json *object = json_new_object(arena);
  for (gsize i = 0; i < value->n; i++) {
    const guint8 *entry = (const guint8 *) value->v + i * shape->entry_size;
    Json *item = shape->element->flags & SHAPE_SENSITIVE ? json_new_string(arena, hidden) : event_value(arena, shape->element, entry + shape->value_offset);
    json_set(arena, object, *(const char *const *) (const void *) entry, item ? item : json_new_null(arena));
  }
  return object;
}

Json *
event_value(Arena *arena, const Shape *shape, const void *value)
{
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING: {
    const char *text = *(const char *const *) value;
    return text ? json_new_string(arena, text) : NULL;
  }
  case SHAPE_BOOLEAN:
    return ((const OptBool *) value)->set ? json_new_bool(arena, ((const OptBool *) value)->v) : NULL;
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    return ((const OptInt *) value)->set ? json_new_int(arena, ((const OptInt *) value)->v) : NULL;
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    return ((const OptDouble *) value)->set ? json_new_double(arena, ((const OptDouble *) value)->v) : NULL;
  case SHAPE_TIMESTAMP:
    return ((const OptTime *) value)->set ? json_new_string(arena, text_iso8601(arena, ((const OptTime *) value)->ms, FALSE)) : NULL;
  case SHAPE_BLOB:
    return NULL; /* payloads are not recorded */
  case SHAPE_LIST:
    return ((const AnyList *) value)->v ? list(arena, shape, value) : NULL;
  case SHAPE_MAP:
    return ((const AnyList *) value)->v ? map(arena, shape, value) : NULL;
  case SHAPE_STRUCTURE: {
    const void *pointer = *(const void *const *) value;
    return pointer ? structure(arena, shape, pointer) : NULL;
  }
  case SHAPE_DOCUMENT: {
    const Json *json = *(const Json *const *) value;
    return json ? json_copy(arena, json) : NULL;
  }
  }
  return NULL;
}
