#include "wire/form.h"
#include <string.h>

static void
add_pair(Arena *arena, StringMap *map, const char *text, gsize size)
{
  const char *equals = memchr(text, '=', size);
  gsize key_size = equals ? (gsize) (equals - text) : size;
  const char *key = text_uri_decode(arena, arena_strndup(arena, text, key_size), TRUE);
  const char *value = equals ? text_uri_decode(arena, arena_strndup(arena, equals + 1, size - key_size - 1), TRUE) : "";
  if (!size || !key || !value || !g_utf8_validate(key, -1, NULL) || !g_utf8_validate(value, -1, NULL))
    return;
  list_grow(arena, (AnyList *) (void *) map, sizeof *map->v);
  map->v[map->n++] = (StringMapEntry){key, value};
}

StringMap
wire_form_parse(Arena *arena, const char *text, gsize size)
{
  StringMap map = {0};
  const char *end = text + size;
  while (text && text < end) {
    const char *stop = memchr(text, '&', (gsize) (end - text));
    if (!stop)
      stop = end;
    add_pair(arena, &map, text, (gsize) (stop - text));
    text = stop + 1;
  }
  return map;
}

typedef struct Builder {
  Arena *arena;
  GHashTable *nodes; /* "A.member.1" -> FormNode */
  FormNode *root;
} Builder;

static FormNode *
node_at(Builder *b, FormNode *parent, const char *path, const char *name)
{
  FormNode *node = g_hash_table_lookup(b->nodes, path);
  if (node)
    return node;
  node = ARENA_NEW(b->arena, FormNode);
  node->name = name;
  guint64 index = 0;
  node->index = g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT32, &index, NULL) ? (gint64) index : -1;
  *(parent->last ? &parent->last->next : &parent->first) = node;
  parent->last = node;
  g_hash_table_insert(b->nodes, (gpointer) path, node);
  return node;
}

static Error *
add_parameter(Builder *b, const char *key, const char *value)
{
  FormNode *node = b->root;
  int depth = 0;
  for (const char *from = key;;) {
    const char *dot = strchr(from, '.');
    gsize size = dot ? (gsize) (dot - from) : strlen(from);
    if (++depth > LIMIT_NESTING_MAX)
      return error_answer("MalformedInput", "The parameter %.64s... is nested too deeply", key);
    node = node_at(b, node, arena_strndup(b->arena, key, (gsize) (from - key) + size), arena_strndup(b->arena, from, size));
    if (!dot)
      break;
    from = dot + 1;
  }
  node->value = value;
  return NULL;
}

Error *
form_tree(Arena *arena, const WireRequest *request, FormNode **ret_root)
{
  g_autoptr(GHashTable) nodes = g_hash_table_new(g_str_hash, g_str_equal);
  Builder b = {.arena = arena, .nodes = nodes, .root = ARENA_NEW(arena, FormNode)};
  StringMap parts[2] = {wire_form_parse(arena, request->query, request->query ? strlen(request->query) : 0),
                        wire_form_parse(arena, (const char *) request->body, request->body_size)};
  for (int i = 0; i < 2; i++)
    for (gsize j = 0; j < parts[i].n; j++)
      TRY(add_parameter(&b, parts[i].v[j].key, parts[i].v[j].value));
  *ret_root = b.root;
  return NULL;
}

FormNode *
form_child(const FormNode *node, const char *name)
{
  for (FormNode *child = node ? node->first : NULL; child; child = child->next)
    if (!strcmp(child->name, name))
      return child;
  return NULL;
}

static gint
compare_index(gconstpointer a, gconstpointer b)
{
  gint64 left = (*(FormNode *const *) a)->index, right = (*(FormNode *const *) b)->index;
  return left < right ? -1 : left > right;
}

/* The numbered children in the order of their numbers. transfer container. */
static GPtrArray *
numbered(const FormNode *node)
{
  GPtrArray *found = g_ptr_array_new();
  for (FormNode *child = node->first; child; child = child->next)
    if (child->index >= 0)
      g_ptr_array_add(found, child);
  g_ptr_array_sort(found, compare_index);
  return found;
}

static Error *
list_from_form(Arena *arena, const Shape *shape, const FormNode *node, gboolean ec2, AnyList *value)
{
  const FormNode *inner = form_child(node, shape->element_name);
  if (!inner || inner->index >= 0)
    inner = form_child(node, "member");
  g_autoptr(GPtrArray) items = numbered(inner ? inner : node);
  list_grow(arena, value, shape->entry_size);
  for (guint i = 0; i < items->len; i++)
    TRY(value_from_form(arena, shape->element, items->pdata[i], ec2, list_add(arena, shape, value)));
  return NULL;
}

static Error *
map_from_form(Arena *arena, const Shape *shape, const FormNode *node, gboolean ec2, AnyList *value)
{
  const FormNode *inner = form_child(node, "entry");
  g_autoptr(GPtrArray) items = numbered(inner ? inner : node);
  list_grow(arena, value, shape->entry_size);
  for (guint i = 0; i < items->len; i++) {
    const FormNode *key = form_child(items->pdata[i], shape->key_name), *element = form_child(items->pdata[i], shape->element_name);
    if (!key || !key->value)
      return error_answer("MalformedInput", "The entry %s of a map has no %s", ((FormNode *) items->pdata[i])->name, shape->key_name);
    void *at = map_add(arena, shape, value, key->value);
    if (element)
      TRY(value_from_form(arena, shape->element, element, ec2, at));
  }
  return NULL;
}

Error *
value_from_form(Arena *arena, const Shape *shape, const FormNode *node, gboolean ec2, void *value)
{
  if (shape->type == SHAPE_LIST)
    return list_from_form(arena, shape, node, ec2, value);
  if (shape->type == SHAPE_MAP)
    return map_from_form(arena, shape, node, ec2, value);
  if (shape->type == SHAPE_STRUCTURE) {
    void *inner = arena_alloc(arena, shape->size);
    *(void **) value = inner;
    return members_from_form(arena, shape, node, ec2, inner);
  }
  if (!node->value)
    return NULL;
  if (!scalar_from_text(arena, shape, node->value, value))
    return error_answer("MalformedInput", "The value '%s' of %s is not a %s", node->value, node->name,
                        shape->type == SHAPE_BOOLEAN     ? "boolean"
                        : shape->type == SHAPE_TIMESTAMP ? "timestamp"
                                                         : "number");
  return NULL;
}

static const FormNode *
member_node(const FormNode *node, const Member *member, gboolean ec2)
{
  if (ec2)
    return form_child(node, member->ec2);
  const FormNode *found = NULL;
  if (member->flags & MEMBER_FLATTENED && member->shape->type == SHAPE_LIST && strcmp(member->shape->element_name, "member"))
    found = form_child(node, member->shape->element_name);
  return found ? found : form_child(node, member->wire);
}

Error *
members_from_form(Arena *arena, const Shape *shape, const FormNode *node, gboolean ec2, void *value)
{
  for (guint i = 0; i < shape->n_members; i++) {
    const FormNode *child = member_node(node, shape->members + i, ec2);
    if (child)
      TRY(value_from_form(arena, shape->members[i].shape, child, ec2, member_at(shape->members + i, value)));
  }
  return NULL;
}
