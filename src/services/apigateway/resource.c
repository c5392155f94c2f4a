#include "services/apigateway/apigateway.h"

#include <string.h>

#define RESOURCES_MAX 300 /* per API: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html */

/* A path part is a literal, {variable} or {greedy+}. */
static Error *
check_part(const char *part)
{
  gsize n = strlen(part);
  gboolean variable = n > 2 && part[0] == '{' && part[n - 1] == '}';
  for (const char *c = part; *c; c++) {
    gboolean inner = variable && (c == part || c[1] == 0 || (*c == '+' && c[1] == '}'));
    if (!inner && !g_ascii_isalnum(*c) && !strchr(variable ? "._-" : "._-:@%*$,", *c))
      n = 0;
  }
  if (!n)
    return error_answer("BadRequestException", "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces "
                                               "at the beginning and the end.");
  return NULL;
}

static Error *
check_sibling(const ApigatewayListOfResource *all, const ApigatewayResource *parent, const char *part)
{
  for (gsize i = 0; i < all->n; i++) {
    const ApigatewayResource *other = all->v[i];
    if (g_strcmp0(other->parentId, parent->id))
      continue;
    if (!strcmp(other->pathPart, part))
      return error_answer("ConflictException", "Another resource with the same parent already has this name: %s", part);
    if (*part == '{' && *other->pathPart == '{' && g_str_has_suffix(part, "+}") == g_str_has_suffix(other->pathPart, "+}"))
      return error_answer("BadRequestException", "A sibling (%s) of this resource already has a variable path part -- only one is allowed",
                          other->pathPart);
  }
  return NULL;
}

OPERATION(CreateResource, create_resource, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
create_resource(Call *call, const ApigatewayCreateResourceInput *in, ApigatewayCreateResourceOutput *ret_out)
{
  ApigatewayResource *parent = NULL;
  ApigatewayListOfResource all = {0};
  TRY(resource_get(call, in->restApiId, in->parentId, &parent));
  TRY(check_part(in->pathPart));
  TRY(resource_list(call, in->restApiId, &all));
  if (all.n >= RESOURCES_MAX)
    return error_answer("LimitExceededException", "Maximum number of Resources for this API has been reached. Please contact AWS if you need "
                                                  "additional Resources.");
  if (parent->pathPart && g_str_has_suffix(parent->pathPart, "+}"))
    return error_answer("BadRequestException", "Cannot create a child of a resource with a greedy path variable.");
  TRY(check_sibling(&all, parent, in->pathPart));
  *ret_out = (ApigatewayResource) {
    .id = id_lower(call->arena, 6), .parentId = parent->id, .pathPart = in->pathPart,
    .path = arena_printf(call->arena, "%s/%s", strcmp(parent->path, "/") ? parent->path : "", in->pathPart),
  };
  return resource_put(call, in->restApiId, ret_out);
}

/* Without embed=methods a resource shows only the names of its methods. */
static void
hide_methods(Arena *arena, ApigatewayResource *resource, const StringList *embed)
{
  if (string_list_has(embed, "methods"))
    return;
  for (gsize i = 0; i < resource->resourceMethods.n; i++)
    resource->resourceMethods.v[i].value = ARENA_NEW(arena, ApigatewayMethod);
}

OPERATION(GetResource, get_resource, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_resource(Call *call, const ApigatewayGetResourceInput *in, ApigatewayGetResourceOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  TRY(resource_get(call, in->restApiId, in->resourceId, &resource));
  hide_methods(call->arena, resource, &in->embed);
  *ret_out = *resource;
  return NULL;
}

OPERATION(GetResources, get_resources, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_resources(Call *call, const ApigatewayGetResourcesInput *in, ApigatewayGetResourcesOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayListOfResource all = {0};
  gsize limit = (gsize) CLAMP(OPT_OR(in->limit, 25), 1, 500), from = 0;
  TRY(api_get(call, in->restApiId, &api));
  TRY(resource_list(call, in->restApiId, &all));
  while (in->position && from < all.n && strcmp(all.v[from]->id, in->position) <= 0)
    from++;
  LIST_EMPTY(call->arena, &ret_out->items);
  for (gsize i = from; i < all.n && i < from + limit; i++) {
    hide_methods(call->arena, all.v[i], &in->embed);
    LIST_APPEND(call->arena, &ret_out->items, all.v[i]);
  }
  if (from + limit < all.n)
    ret_out->position = all.v[from + limit - 1]->id;
  return NULL;
}

OPERATION(DeleteResource, delete_resource, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
delete_resource(Call *call, const ApigatewayDeleteResourceInput *in, ApigatewayDeleteResourceOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayListOfResource all = {0};
  TRY(resource_get(call, in->restApiId, in->resourceId, &resource));
  if (!resource->parentId)
    return error_answer("BadRequestException", "Cannot delete root resource");
  TRY(resource_list(call, in->restApiId, &all));
  g_autofree char *below = g_strconcat(resource->path, "/", NULL);
  for (gsize i = 0; i < all.n; i++) {
    Key key;
    if (all.v[i] != resource && strcmp(all.v[i]->id, resource->id) && !g_str_has_prefix(all.v[i]->path, below))
      continue;
    api_key(call, &key, in->restApiId, all.v[i]->id);
    TRY(store_delete(call->txn, &apigateway_resources, &key, NULL));
  }
  return NULL;
}
