/* aws:RequestTag/KEY and aws:TagKeys: the tags that a call brings, whatever the service calls them.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html */
#include <string.h>

#include "server/condition.h"

static const Member *
find_member(const Shape *shape, const char *const *names)
{
  for (guint i = 0; i < shape->n_members; i++)
    if (g_strv_contains(names, shape->members[i].name))
      return &shape->members[i];
  return NULL;
}

static gboolean
is_text(const Member *member)
{
  return member && member->shape->type == SHAPE_STRING;
}

static void
add_key(const Call *call, StringMap *context, const char *key)
{
  if (key)
    LIST_APPEND(call->arena, context, ((StringMapEntry){"aws:TagKeys", key}));
}

static void
add_tag(const Call *call, StringMap *context, const char *key, const char *value)
{
  if (!key)
    return;
  MAP_SET(call->arena, context, arena_printf(call->arena, "aws:RequestTag/%s", key), value ? value : "");
  add_key(call, context, key);
}

/* A list of Key/Value, key/value or TagKey/TagValue. */
static void
add_tag_list(const Call *call, const Shape *shape, const AnyList *list, StringMap *context)
{
  static const char *const keys[] = {"Key", "key", "TagKey", NULL}, *const values[] = {"Value", "value", "TagValue", NULL};
  const Shape *element = shape->element;
  const Member *key = element->type == SHAPE_STRUCTURE ? find_member(element, keys) : NULL;
  const Member *value = key ? find_member(element, values) : NULL;
  if (!is_text(key) || !is_text(value))
    return;
  for (gsize i = 0; i < list->n; i++) {
    const guint8 *tag = ((const guint8 *const *) list->v)[i];
    add_tag(call, context, *(const char *const *) (tag + key->offset), *(const char *const *) (tag + value->offset));
  }
}

/* A list of texts: the keys to be taken off. */
static void
add_key_list(const Call *call, const Shape *shape, const StringList *list, StringMap *context)
{
  for (gsize i = 0; shape->element->type == SHAPE_STRING && i < list->n; i++)
    add_key(call, context, list->v[i]);
}

static void
add_tag_map(const Call *call, const Shape *shape, const StringMap *map, StringMap *context)
{
  for (gsize i = 0; shape->element->type == SHAPE_STRING && i < map->n; i++)
    add_tag(call, context, map->v[i].key, map->v[i].value);
}

static void
fill_specifications(const Call *call, const Shape *shape, const AnyList *list, StringMap *context)
{
  for (gsize i = 0; shape->element->type == SHAPE_STRUCTURE && i < list->n; i++)
    condition_fill_tags(call, shape->element, ((const void *const *) list->v)[i], context);
}

static void
fill_member(const Call *call, const Member *member, const void *field, StringMap *context)
{
  static const char *const tags[] = {"Tags", "tags", "TagList", NULL}, *const keys[] = {"TagKeys", "tagKeys", NULL};
  gboolean list = member->shape->type == SHAPE_LIST;
  if (g_strv_contains(tags, member->name) && list)
    add_tag_list(call, member->shape, field, context);
  else if (g_strv_contains(tags, member->name) && member->shape->type == SHAPE_MAP)
    add_tag_map(call, member->shape, field, context);
  else if (g_strv_contains(keys, member->name) && list)
    add_key_list(call, member->shape, field, context);
  else if (!strcmp(member->name, "TagSpecifications") && list)
    fill_specifications(call, member->shape, field, context);
}

void
condition_fill_tags(const Call *call, const Shape *shape, const void *in, StringMap *context)
{
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = &shape->members[i];
    if (member->name[0] && !strncmp(member->name + 1, "ag", 2)) /* most members are seen to be none at once */
      fill_member(call, member, (const guint8 *) in + member->offset, context);
  }
}
