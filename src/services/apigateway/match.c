/* match: which resource and method a path belongs to.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html */
#include "services/apigateway/apigateway.h"

#include <string.h>

#define SEGMENTS_MAX 64

static gsize
split(Arena *arena, const char *path, const char *segments[SEGMENTS_MAX])
{
  gsize n = 0;
  for (const char *at = path; *at && n < SEGMENTS_MAX;) {
    at += *at == '/';
    gsize size = strcspn(at, "/");
    if (size || *at)
      segments[n++] = arena_strndup(arena, at, size);
    at += size;
  }
  return n;
}

static gboolean
is_variable(const char *segment)
{
  return *segment == '{' && g_str_has_suffix(segment, "}");
}

/* Remembers segment i.. of the path as the variable {name} or {name+}. */
static void
take_variable(Arena *arena, const char *template, const char *raw, StringMap *parameters)
{
  gsize n = strlen(template) - 2;
  if (template[n] == '+')
    n--;
  char *value = text_uri_decode(arena, raw, FALSE);
  MAP_SET(arena, parameters, arena_strndup(arena, template + 1, n), value ? value : raw);
}

/* The score of a resource for a path: per segment literal 3, variable 2, greedy 1; 0 = no match. */
static guint64
score(Arena *arena, const ApigatewayResource *resource, const char *const *path, gsize n, const char *raw_path, StringMap *ret_parameters)
{
  const char *parts[SEGMENTS_MAX];
  gsize m = split(arena, resource->path, parts);
  guint64 total = 1;
  for (gsize i = 0; i < m; i++) {
    gboolean greedy = g_str_has_suffix(parts[i], "+}");
    if (i >= n)
      return 0;
    total = total * 4 + (greedy ? 1 : is_variable(parts[i]) ? 2 : 3);
    if (greedy) {
      const char *rest = raw_path;
      for (gsize j = 0; j <= i; j++)
        rest = strchr(rest, '/') + 1;
      take_variable(arena, parts[i], rest, ret_parameters);
      for (gsize j = i + 1; j < 30; j++)
        total *= 4;
      return total;
    }
    if (is_variable(parts[i]))
      take_variable(arena, parts[i], path[i], ret_parameters);
    else if (strcmp(parts[i], path[i]))
      return 0;
  }
  if (m != n)
    return 0;
  for (gsize j = m; j < 30; j++)
    total *= 4;
  return total;
}

static const ApigatewayMethod *
method_for(const ApigatewayResource *resource, const char *name)
{
  ApigatewayMethod **method = MAP_FIND(&resource->resourceMethods, name);
  if (!method)
    method = MAP_FIND(&resource->resourceMethods, "ANY");
  return method ? *method : NULL;
}

gboolean
match_route(Arena *arena, const ApigatewayListOfResource *resources, const char *method, const char *path, Match *ret_match)
{
  const char *segments[SEGMENTS_MAX];
  gsize n = split(arena, path, segments);
  guint64 best = 0;
  for (gsize i = 0; i < resources->n; i++) {
    StringMap parameters = {0};
    guint64 points = score(arena, resources->v[i], segments, n, path, &parameters);
    const ApigatewayMethod *found = points > best ? method_for(resources->v[i], method) : NULL;
    if (!found)
      continue;
    best = points;
    *ret_match = (Match) {resources->v[i], found, parameters};
  }
  return best > 0;
}
