#include "services/apigateway/apigateway.h"

#include <string.h>

const Table apigateway_apis = {"apigateway.apis"};
const Table apigateway_owners = {"apigateway.owners"};
const Table apigateway_resources = {"apigateway.resources"};
const Table apigateway_deployments = {"apigateway.deployments"};
const Table apigateway_stages = {"apigateway.stages"};
const Table apigateway_account = {"apigateway.account"};

void
api_key(const Call *call, Key *key, const char *api_id, const char *more)
{
  call_key(call, key);
  key_add(key, api_id);
  if (more)
    key_add(key, more);
}

Error *
api_get(Call *call, const char *api_id, ApigatewayApiRecord **ret_api)
{
  Key key;
  void *api = NULL;
  api_key(call, &key, api_id, NULL);
  TRY(record_get(call->txn, &apigateway_apis, &key, &ApigatewayApiRecord_shape, call->arena, &api));
  if (!api)
    return error_answer("NotFoundException", "Invalid API identifier specified %s:%s", call->account, api_id);
  *ret_api = api;
  return NULL;
}

Error *
api_put(Call *call, const ApigatewayApiRecord *api)
{
  Key key;
  api_key(call, &key, api->api->id, NULL);
  return record_put(call->txn, &apigateway_apis, &key, &ApigatewayApiRecord_shape, api);
}

Error *
api_owner(Txn *txn, Arena *arena, const char *api_id, ApigatewayOwnerRecord **ret_owner)
{
  Key key;
  void *owner = NULL;
  key_strings(&key, api_id, NULL);
  TRY(record_get(txn, &apigateway_owners, &key, &ApigatewayOwnerRecord_shape, arena, &owner));
  *ret_owner = owner;
  return NULL;
}

Error *
resource_get(Call *call, const char *api_id, const char *resource_id, ApigatewayResource **ret_resource)
{
  Key key;
  void *resource = NULL;
  ApigatewayApiRecord *api = NULL;
  TRY(api_get(call, api_id, &api));
  api_key(call, &key, api_id, resource_id);
  TRY(record_get(call->txn, &apigateway_resources, &key, &ApigatewayResource_shape, call->arena, &resource));
  if (!resource)
    return error_answer("NotFoundException", "Invalid Resource identifier specified");
  *ret_resource = resource;
  return NULL;
}

Error *
resource_put(Call *call, const char *api_id, const ApigatewayResource *resource)
{
  Key key;
  api_key(call, &key, api_id, resource->id);
  return record_put(call->txn, &apigateway_resources, &key, &ApigatewayResource_shape, resource);
}

Error *
resource_list(Call *call, const char *api_id, ApigatewayListOfResource *ret_resources)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  api_key(call, &prefix, api_id, NULL);
  TRY(cursor_open(call->txn, &apigateway_resources, &(CursorOptions) {.prefix = &prefix}, &cursor));
  LIST_EMPTY(call->arena, ret_resources);
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *resource = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &ApigatewayResource_shape, data, size, &resource));
    LIST_APPEND(call->arena, ret_resources, (ApigatewayResource *) resource);
  }
  return NULL;
}

Error *
method_get(Call *call, const char *api_id, const char *resource_id, const char *http_method, ApigatewayResource **ret_resource,
           ApigatewayMethod **ret_method)
{
  ApigatewayResource *resource = NULL;
  TRY(resource_get(call, api_id, resource_id, &resource));
  ApigatewayMethod **method = MAP_FIND(&resource->resourceMethods, http_method);
  if (!method)
    return error_answer("NotFoundException", "Invalid Method identifier specified");
  *ret_resource = resource;
  *ret_method = *method;
  return NULL;
}

Error *
deployment_get(Call *call, const char *api_id, const char *deployment_id, ApigatewayDeploymentRecord **ret_deployment)
{
  Key key;
  void *deployment = NULL;
  api_key(call, &key, api_id, deployment_id);
  TRY(record_get(call->txn, &apigateway_deployments, &key, &ApigatewayDeploymentRecord_shape, call->arena, &deployment));
  if (!deployment)
    return error_answer("NotFoundException", "Invalid Deployment identifier specified");
  *ret_deployment = deployment;
  return NULL;
}

Error *
stage_get(Call *call, const char *api_id, const char *name, ApigatewayStage **ret_stage)
{
  Key key;
  void *stage = NULL;
  api_key(call, &key, api_id, name);
  TRY(record_get(call->txn, &apigateway_stages, &key, &ApigatewayStage_shape, call->arena, &stage));
  if (!stage)
    return error_answer("NotFoundException", "Invalid stage identifier specified");
  *ret_stage = stage;
  return NULL;
}

Error *
stage_put(Call *call, const char *api_id, const ApigatewayStage *stage)
{
  Key key;
  api_key(call, &key, api_id, stage->stageName);
  return record_put(call->txn, &apigateway_stages, &key, &ApigatewayStage_shape, stage);
}

/* The request's path, made again from the model's template and the members that are in the URI. */
static const char *
request_path(Call *call, const void *in)
{
  g_autoptr(GString) path = g_string_new(call->operation->model->uri);
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = &shape->members[i];
    const char *value = member->shape->type == SHAPE_STRING ? *(const char *const *) ((const char *) in + member->offset) : NULL;
    if (member->location == LOCATION_URI && value)
      g_string_replace(path, arena_printf(call->arena, "{%s}", member->wire), value, 1);
  }
  return arena_strdup(call->arena, path->str);
}

Error *
authorize_path(Call *call, const void *in, Authorization *auth)
{
  auth->action = arena_printf(call->arena, "apigateway:%s", call->operation->model->method);
  auth->resource = arena_printf(call->arena, "arn:aws:apigateway:%s::%s", call->region, request_path(call, in));
  return NULL;
}
