/* Values of shapes to and from XML. */
#include "wire/internal.h"
#include <string.h>

static Error *
malformed(void)
{
  return error_answer_status(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema");
}

/* The element that a member, or each element of a flattened list, has. */
static const char *
member_name(const Member *member)
{
  if (member->flags & MEMBER_FLATTENED && member->shape->type == SHAPE_LIST && strcmp(member->shape->element_name, "member"))
    return member->shape->element_name;
  return member->wire;
}

static gboolean
is_flattened(const Member *member)
{
  return member->flags & MEMBER_FLATTENED && (member->shape->type == SHAPE_LIST || member->shape->type == SHAPE_MAP);
}

static Error *
entry_from_xml(Arena *arena, const Shape *shape, const XmlNode *entry, AnyList *value)
{
  const XmlNode *key = xml_child(entry, shape->key_name), *element = xml_child(entry, shape->element_name);
  if (!key)
    return malformed();
  void *at = map_add(arena, shape, value, key->text);
  return element ? value_from_xml(arena, shape->element, element, at) : NULL;
}

static Error *
list_from_xml(Arena *arena, const Shape *shape, const XmlNode *node, AnyList *value)
{
  list_grow(arena, value, shape->entry_size);
  for (const XmlNode *child = node->first; child; child = child->next)
    if (!strcmp(child->name, shape->element_name))
      TRY(value_from_xml(arena, shape->element, child, list_add(arena, shape, value)));
  return NULL;
}

static Error *
map_from_xml(Arena *arena, const Shape *shape, const XmlNode *node, AnyList *value)
{
  list_grow(arena, value, shape->entry_size);
  for (const XmlNode *child = node->first; child; child = child->next)
    TRY(entry_from_xml(arena, shape, child, value));
  return NULL;
}

static Error *
flattened_from_xml(Arena *arena, const Shape *shape, const XmlNode *node, AnyList *value)
{
  if (shape->type == SHAPE_MAP)
    return entry_from_xml(arena, shape, node, value);
  return value_from_xml(arena, shape->element, node, list_add(arena, shape, value));
}

static Error *
attributes_from_xml(Arena *arena, const Member *member, const XmlNode *node, void *value)
{
  for (const XmlAttribute *attribute = node->attributes; attribute; attribute = attribute->next)
    if (!strcmp(attribute->name, member->wire) && !scalar_from_text(arena, member->shape, attribute->value, member_at(member, value)))
      return malformed();
  return NULL;
}

static Error *
structure_from_xml(Arena *arena, const Shape *shape, const XmlNode *node, void *value)
{
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = shape->members + i;
    if (member->location != LOCATION_BODY)
      continue;
    if (member->flags & MEMBER_XML_ATTRIBUTE) {
      TRY(attributes_from_xml(arena, member, node, value));
      continue;
    }
    const char *name = member_name(member);
    for (const XmlNode *child = node->first; child; child = child->next) {
      if (strcmp(child->name, name))
        continue;
      if (is_flattened(member)) {
        TRY(flattened_from_xml(arena, member->shape, child, member_at(member, value)));
      } else {
        TRY(value_from_xml(arena, member->shape, child, member_at(member, value)));
        break;
      }
    }
  }
  return NULL;
}

Error *
value_from_xml(Arena *arena, const Shape *shape, const XmlNode *node, void *value)
{
  if (shape->type == SHAPE_LIST)
    return list_from_xml(arena, shape, node, value);
  if (shape->type == SHAPE_MAP)
    return map_from_xml(arena, shape, node, value);
  if (shape->type == SHAPE_STRUCTURE) {
    void *inner = arena_alloc(arena, shape->size);
    *(void **) value = inner;
    return structure_from_xml(arena, shape, node, inner);
  }
  const char *text = shape->type == SHAPE_STRING ? node->text : g_strstrip(arena_strdup(arena, node->text));
  return scalar_from_text(arena, shape, text, value) ? NULL : malformed();
}

/* -- writing ------------------------------------------------------------------------------------------------------------------------- */

static void
write_attributes(Arena *arena, const Shape *shape, const void *value, GString *out)
{
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = shape->members + i;
    if (!(member->flags & MEMBER_XML_ATTRIBUTE) || !value_present(member->shape, member_at(member, value)))
      continue;
    if (g_str_has_prefix(member->wire, "xsi:"))
      g_string_append(out, " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
    g_string_append_printf(out, " %s=\"", member->wire);
    xml_escape(out, scalar_to_text(arena, member->shape, member_time(member, TIME_ISO8601), member_at(member, value)));
    g_string_append_c(out, '"');
  }
}

static void write_element(Arena *arena, const Shape *shape, TimeFormat format, const char *name, const Member *member, const void *value,
                          GString *out);

static void
write_entry(Arena *arena, const Shape *shape, const AnyList *map, gsize i, const char *name, GString *out)
{
  g_string_append_printf(out, "<%s>", name);
  xml_element(out, shape->key_name, map_key_at(shape, map, i));
  write_element(arena, shape->element, TIME_ISO8601, shape->element_name, NULL, map_value_at(shape, map, i), out);
  g_string_append_printf(out, "</%s>", name);
}

static void
write_content(Arena *arena, const Shape *shape, TimeFormat format, const void *value, GString *out)
{
  const AnyList *list = value;
  if (shape->type == SHAPE_STRUCTURE)
    members_write_xml(arena, shape, *(void *const *) value, out);
  else if (shape->type == SHAPE_LIST)
    for (gsize i = 0; i < list->n; i++)
      write_element(arena, shape->element, TIME_ISO8601, shape->element_name, NULL, list_at(shape, list, i), out);
  else if (shape->type == SHAPE_MAP)
    for (gsize i = 0; i < list->n; i++)
      write_entry(arena, shape, list, i, "entry", out);
  else
    xml_escape(out, scalar_to_text(arena, shape, format, value));
}

static void
write_element(Arena *arena, const Shape *shape, TimeFormat format, const char *name, const Member *member, const void *value, GString *out)
{
  if (!value_present(shape, value)) {
    g_string_append_printf(out, "<%s/>", name);
    return;
  }
  g_string_append_printf(out, "<%s", name);
  if (member && member->xml_uri)
    g_string_append_printf(out, " xmlns%s%s=\"%s\"", member->xml_prefix ? ":" : "", member->xml_prefix ? member->xml_prefix : "", member->xml_uri);
  if (shape->type == SHAPE_STRUCTURE)
    write_attributes(arena, shape, *(void *const *) value, out);
  g_string_append_c(out, '>');
  write_content(arena, shape, shape->time_format ? shape->time_format : format, value, out);
  g_string_append_printf(out, "</%s>", name);
}

void
member_write_xml(Arena *arena, const Member *member, const char *name, const void *value, GString *out)
{
  const AnyList *list = value;
  const Shape *shape = member->shape;
  if (!is_flattened(member)) {
    write_element(arena, shape, member_time(member, TIME_ISO8601), name, member, value, out);
    return;
  }
  for (gsize i = 0; i < list->n; i++) {
    if (shape->type == SHAPE_MAP)
      write_entry(arena, shape, list, i, name, out);
    else
      write_element(arena, shape->element, TIME_ISO8601, name, NULL, list_at(shape, list, i), out);
  }
}

void
members_write_xml(Arena *arena, const Shape *shape, const void *value, GString *out)
{
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = shape->members + i;
    if (member->location == LOCATION_BODY && !(member->flags & MEMBER_XML_ATTRIBUTE) && value_present(member->shape, member_at(member, value)))
      member_write_xml(arena, member, member_name(member), member_at(member, value), out);
  }
}
