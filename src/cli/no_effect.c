/* no_effect: properties that a template gives and that change nothing here: nothing is pretended. */
#include <stdio.h>
#include <string.h>

#include "cli/stack.h"
#include "stack/resource.h"

static const char *
ineffective(const char *type)
{
  for (const ResourceType *const *row = haar_resource_types; *row; row++)
    if (!strcmp((*row)->name, type))
      return (*row)->no_effect;
  return NULL;
}

static void
add_resource(Arena *arena, const JsonMember *resource, Json *list)
{
  const char *type = json_string(json_get(resource->value, "Type")), *names = type ? ineffective(type) : NULL;
  const Json *properties = json_get(resource->value, "Properties");
  if (!names || !properties || properties->type != JSON_OBJECT)
    return;
  g_auto(GStrv) words = g_strsplit(names, " ", -1);
  for (guint i = 0; words[i]; i++) {
    const Json *value = json_path(properties, words[i]); /* "DistributionConfig.PriceClass" is a property of a property */
    if (!value)
      continue;
    Json *row = cli_object(arena, "LogicalResourceId", resource->key, "Property", words[i], "ResourceType", type, NULL);
    json_set(arena, row, "Line", json_new_int(arena, value->line));
    json_append(arena, list, row);
  }
}

Json *
no_effect_of(Arena *arena, const Json *resources)
{
  Json *list = json_new_array(arena);
  for (guint i = 0; resources && i < resources->n; i++)
    add_resource(arena, &resources->members[i], list);
  return list;
}
