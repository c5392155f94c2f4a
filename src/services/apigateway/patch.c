/* patch: JSON Patch (RFC 6902) as API Gateway takes it: values are text, paths name members of the resource.
 * https://docs.aws.amazon.com/apigateway/latest/api/API_PatchOperation.html */
#include "services/apigateway/apigateway.h"

#include <string.h>

static Error *
invalid_path(const ApigatewayPatchOperation *operation)
{
  return error_answer("BadRequestException", "Invalid patch path  '%s' specified for op '%s'. Please choose supported operations", operation->path,
                      operation->op);
}

static const Member *
find_member(const Shape *shape, const char *name)
{
  for (guint i = 0; i < shape->n_members; i++)
    if (!strcmp(shape->members[i].name, name))
      return &shape->members[i];
  return NULL;
}

/* "~1" is '/', "~0" is '~'. */
static char *
unescape(Arena *arena, const char *token)
{
  char *out = arena_strdup(arena, token), *to = out;
  for (const char *from = out; *from; from++, to++) {
    gboolean escaped = *from == '~' && (from[1] == '0' || from[1] == '1');
    *to = escaped ? (from[1] == '1' ? '/' : '~') : *from;
    from += escaped;
  }
  *to = 0;
  return out;
}

static void
map_remove(StringMap *map, const char *key)
{
  for (gsize i = 0; i < map->n; i++)
    if (!strcmp(map->v[i].key, key)) {
      map->v[i] = map->v[--map->n];
      return;
    }
}

static Error *
patch_map(Arena *arena, const ApigatewayPatchOperation *operation, const char *key, StringMap *map)
{
  if (!strcmp(operation->op, "remove"))
    map_remove(map, key);
  else
    MAP_SET(arena, map, key, operation->value ? operation->value : "");
  return NULL;
}

static Error *
patch_list(Arena *arena, const ApigatewayPatchOperation *operation, const char *text, StringList *list)
{
  StringList kept = {0};
  for (gsize i = 0; i < list->n; i++)
    if (strcmp(list->v[i], text))
      LIST_APPEND(arena, &kept, list->v[i]);
  if (strcmp(operation->op, "remove"))
    LIST_APPEND(arena, &kept, text);
  *list = kept;
  return NULL;
}

static Error *
patch_scalar(Arena *arena, const Shape *shape, const ApigatewayPatchOperation *operation, const Member *member, void *value)
{
  Json *object = json_new_object(arena);
  void *at = (char *) value + member->offset;
  gboolean remove = !strcmp(operation->op, "remove");
  if (!remove && !operation->value)
    return error_answer("BadRequestException", "Invalid null or empty value in /%s", member->name);
  memset(at, 0, member->shape->size);
  if (remove)
    return NULL;
  void *scratch = arena_alloc(arena, shape->size);
  json_set(arena, object, member->name, json_new_string(arena, operation->value));
  TRY(shape_from_json(arena, shape, object, TRUE, scratch));
  memcpy(at, (char *) scratch + member->offset, member->shape->size);
  return NULL;
}

static Error *
patch_one(Arena *arena, const Shape *shape, const ApigatewayPatchOperation *operation, const char *const *allowed, void *value)
{
  static const char *const ops[] = {"add", "replace", "remove", NULL};
  if (!operation->op || !operation->path || *operation->path != '/' || !g_strv_contains(ops, operation->op))
    return error_answer("BadRequestException", "Invalid patch operation specified. Must be one of: add, remove, replace");
  g_auto(GStrv) tokens = g_strsplit(operation->path + 1, "/", 3);
  const Member *member = tokens[0] ? find_member(shape, tokens[0]) : NULL;
  if (!member || !g_strv_contains(allowed, tokens[0]) || (tokens[1] && tokens[2]))
    return invalid_path(operation);
  void *at = (char *) value + member->offset;
  if (member->shape->type == SHAPE_MAP && tokens[1])
    return patch_map(arena, operation, unescape(arena, tokens[1]), at);
  if (member->shape->type == SHAPE_LIST && tokens[1])
    return patch_list(arena, operation, unescape(arena, tokens[1]), at);
  if (tokens[1] || member->shape->type == SHAPE_MAP || member->shape->type == SHAPE_LIST || member->shape->type == SHAPE_STRUCTURE)
    return invalid_path(operation);
  return patch_scalar(arena, shape, operation, member, value);
}

Error *
patch_apply(Arena *arena, const Shape *shape, const ApigatewayListOfPatchOperation *operations, const char *allowed, void *value)
{
  g_auto(GStrv) names = g_strsplit(allowed, " ", -1);
  for (gsize i = 0; i < operations->n; i++)
    TRY(patch_one(arena, shape, operations->v[i], (const char *const *) names, value));
  return NULL;
}
