/* The parts of a REST request and answer that are not the body: labels, query, headers, status. */
#include "wire/internal.h"
#include <string.h>

const Member *
payload_member(const Shape *shape)
{
  for (guint i = 0; i < shape->n_members; i++)
    if (shape->members[i].flags & MEMBER_PAYLOAD)
      return shape->members + i;
  return NULL;
}

gboolean
has_body_members(const Shape *shape)
{
  for (guint i = 0; i < shape->n_members; i++)
    if (shape->members[i].location == LOCATION_BODY)
      return TRUE;
  return FALSE;
}

static Error *
wrong(const Member *member, const char *text, gboolean xml)
{
  if (xml)
    return error_field(error_field(error_answer_status(400, "InvalidArgument", "Invalid argument: %s", member->wire), "ArgumentName", member->wire),
                       "ArgumentValue", text);
  return error_answer_status(400, "SerializationException", "The value '%s' of %s has the wrong type", text, member->wire);
}

static Error *
set_scalar(Arena *arena, const Member *member, const char *text, gboolean xml, void *value)
{
  if (member->flags & MEMBER_JSON_VALUE) {
    gsize size = 0;
    const char *json = (const char *) text_unbase64(arena, text, &size);
    text = json ? json : text;
  }
  return scalar_from_text(arena, member->shape, text, value) ? NULL : wrong(member, text, xml);
}

static Error *
add_item(Arena *arena, const Member *member, const char *text, gboolean xml, AnyList *list)
{
  void *item = list_add(arena, member->shape, list);
  return scalar_from_text(arena, member->shape->element, text, item) ? NULL : wrong(member, text, xml);
}

static Error *
list_from_header(Arena *arena, const Member *member, const char *text, gboolean xml, AnyList *list)
{
  g_auto(GStrv) parts = g_strsplit(text, ",", 1000);
  for (char **part = parts; *part; part++)
    TRY(add_item(arena, member, arena_strdup(arena, g_strstrip(*part)), xml, list));
  return NULL;
}

static Error *
decode_header(Arena *arena, const Member *member, const WireRequest *request, gboolean xml, void *value)
{
  const char *text = NULL;
  for (gsize i = 0; request->headers && i < request->headers->n && !text; i++)
    if (!g_ascii_strcasecmp(request->headers->v[i].key, member->wire))
      text = request->headers->v[i].value;
  if (!text)
    return NULL;
  if (member->shape->type == SHAPE_LIST)
    return list_from_header(arena, member, text, xml, value);
  if (member->shape->type == SHAPE_TIMESTAMP && xml && !scalar_from_text(arena, member->shape, text, value))
    return NULL; /* conditions with a date that cannot be read are no conditions (RFC 9110) */
  return set_scalar(arena, member, text, xml, value);
}

/* x-amz-meta-*: the keys without the prefix. */
static void
decode_prefix_headers(Arena *arena, const Member *member, const WireRequest *request, void *value)
{
  gsize size = strlen(member->wire);
  for (gsize i = 0; request->headers && i < request->headers->n; i++)
    if (!g_ascii_strncasecmp(request->headers->v[i].key, member->wire, size))
      *(const char **) map_add(arena, member->shape, value, request->headers->v[i].key + size) = request->headers->v[i].value;
}

static Error *
decode_query(Arena *arena, const Member *member, const StringMap *query, gboolean xml, void *value)
{
  for (gsize i = 0; i < query->n; i++) {
    if (member->shape->type == SHAPE_MAP) { /* all that is left */
      *(const char **) map_add(arena, member->shape, value, query->v[i].key) = query->v[i].value;
      continue;
    }
    if (strcmp(query->v[i].key, member->wire))
      continue;
    if (member->shape->type == SHAPE_LIST)
      TRY(add_item(arena, member, query->v[i].value, xml, value));
    else
      TRY(set_scalar(arena, member, query->v[i].value, xml, value));
  }
  return NULL;
}

Error *
rest_decode(Arena *arena, const Shape *input, const WireRequest *request, gboolean xml, void *in)
{
  StringMap query = wire_form_parse(arena, request->query, request->query ? strlen(request->query) : 0);
  for (guint i = 0; i < input->n_members; i++) {
    const Member *member = input->members + i;
    void *value = member_at(member, in);
    const char *label = NULL;
    switch ((Location) member->location) {
    case LOCATION_HEADER:
      TRY(decode_header(arena, member, request, xml, value));
      break;
    case LOCATION_HEADERS:
      decode_prefix_headers(arena, member, request, value);
      break;
    case LOCATION_QUERY:
      TRY(decode_query(arena, member, &query, xml, value));
      break;
    case LOCATION_URI:
      label = string_map_get(request->labels, member->wire);
      if (label)
        TRY(set_scalar(arena, member, label, xml, value));
      break;
    case LOCATION_BODY:
    case LOCATION_STATUS:
      break;
    }
  }
  return NULL;
}

/* -- writing ------------------------------------------------------------------------------------------------------------------------- */

static const char *
header_text(Arena *arena, const Member *member, const void *value)
{
  const char *text = scalar_to_text(arena, member->shape, member_time(member, TIME_RFC822), value);
  return member->flags & MEMBER_JSON_VALUE ? text_base64(arena, text, strlen(text)) : text;
}

static const char *
header_list(Arena *arena, const Shape *shape, const AnyList *list)
{
  g_autoptr(GString) out = g_string_new(NULL);
  for (gsize i = 0; i < list->n; i++)
    g_string_append_printf(out, "%s%s", i ? ", " : "", scalar_to_text(arena, shape->element, TIME_RFC822, list_at(shape, list, i)));
  return arena_strdup(arena, out->str);
}

void
rest_encode(Arena *arena, const Shape *output, const void *out, WireAnswer *answer)
{
  for (guint i = 0; i < output->n_members; i++) {
    const Member *member = output->members + i;
    const void *value = member_at(member, out);
    const AnyList *map = value;
    if (member->location == LOCATION_BODY || !value_present(member->shape, value))
      continue;
    if (member->location == LOCATION_STATUS)
      answer->status = (int) ((const OptInt *) value)->v;
    else if (member->shape->type == SHAPE_LIST)
      answer_header(answer, arena, member->wire, header_list(arena, member->shape, value));
    else if (member->shape->type != SHAPE_MAP)
      answer_header(answer, arena, member->wire, header_text(arena, member, value));
    else
      for (gsize j = 0; j < map->n; j++)
        answer_header(answer, arena, arena_printf(arena, "%s%s", member->wire, map_key_at(member->shape, map, j)),
                      *(const char *const *) map_value_at(member->shape, map, j));
  }
}
