#include "services/apigateway/apigateway.h"

/* What a deployment shows of its methods: path, method, how it is authorised. */
static Error *
summarise(Call *call, const ApigatewayListOfResource *resources, ApigatewayDeployment *deployment)
{
  gsize methods = 0;
  for (gsize i = 0; i < resources->n; i++) {
    const ApigatewayResource *resource = resources->v[i];
    ApigatewayMapOfMethodSnapshot row = {0};
    for (gsize j = 0; j < resource->resourceMethods.n; j++) {
      const ApigatewayMethod *method = resource->resourceMethods.v[j].value;
      ApigatewayMethodSnapshot *snapshot = ARENA_NEW(call->arena, ApigatewayMethodSnapshot);
      if (!method->methodIntegration)
        return error_answer("BadRequestException", "No integration defined for method");
      *snapshot = (ApigatewayMethodSnapshot) {method->authorizationType, OPT_BOOL(FALSE)};
      MAP_SET(call->arena, &row, method->httpMethod, snapshot);
      methods++;
    }
    if (row.n)
      MAP_SET(call->arena, &deployment->apiSummary, resource->path, row);
  }
  return methods ? NULL : error_answer("BadRequestException", "The REST API doesn't contain any methods");
}

/* CreateDeployment with a stage name makes the stage, or moves it to this deployment. */
static Error *
deploy_stage(Call *call, const ApigatewayCreateDeploymentInput *in, const char *deployment_id)
{
  ApigatewayStage *stage = NULL;
  g_autoptr(Error) missing = stage_get(call, in->restApiId, in->stageName, &stage);
  if (missing && missing->kind == ERROR_FAULT)
    return g_steal_pointer(&missing);
  if (!stage) {
    stage = ARENA_NEW(call->arena, ApigatewayStage);
    *stage = (ApigatewayStage) {.stageName = in->stageName, .description = in->stageDescription, .createdDate = OPT_TIME(call->now / 1000 * 1000),
                                .cacheClusterEnabled = OPT_BOOL(FALSE), .cacheClusterStatus = "NOT_AVAILABLE", .tracingEnabled = OPT_BOOL(FALSE)};
  }
  stage->deploymentId = deployment_id;
  stage->lastUpdatedDate = OPT_TIME(call->now / 1000 * 1000);
  if (in->variables.v)
    stage->variables = in->variables;
  return stage_put(call, in->restApiId, stage);
}

OPERATION(CreateDeployment, create_deployment, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
create_deployment(Call *call, const ApigatewayCreateDeploymentInput *in, ApigatewayCreateDeploymentOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayDeploymentRecord record = {.deployment = ret_out};
  TRY(api_get(call, in->restApiId, &api));
  if (in->canarySettings || OPT_OR(in->cacheClusterEnabled, FALSE))
    return error_answer("BadRequestException", "haar does not have %s yet", in->canarySettings ? "canary deployments" : "cache clusters");
  TRY(resource_list(call, in->restApiId, &record.resources));
  *ret_out = (ApigatewayDeployment) {.id = id_lower(call->arena, 6), .description = in->description, .createdDate = OPT_TIME(call->now / 1000 * 1000)};
  TRY(summarise(call, &record.resources, ret_out));
  Key key;
  api_key(call, &key, in->restApiId, ret_out->id);
  TRY(record_put(call->txn, &apigateway_deployments, &key, &ApigatewayDeploymentRecord_shape, &record));
  return in->stageName ? deploy_stage(call, in, ret_out->id) : NULL;
}

OPERATION(GetDeployment, get_deployment, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_deployment(Call *call, const ApigatewayGetDeploymentInput *in, ApigatewayGetDeploymentOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayDeploymentRecord *record = NULL;
  TRY(api_get(call, in->restApiId, &api));
  TRY(deployment_get(call, in->restApiId, in->deploymentId, &record));
  *ret_out = *record->deployment;
  if (!string_list_has(&in->embed, "apisummary"))
    ret_out->apiSummary.v = NULL;
  return NULL;
}

OPERATION(UpdateDeployment, update_deployment, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
update_deployment(Call *call, const ApigatewayUpdateDeploymentInput *in, ApigatewayUpdateDeploymentOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayDeploymentRecord *record = NULL;
  Key key;
  TRY(api_get(call, in->restApiId, &api));
  TRY(deployment_get(call, in->restApiId, in->deploymentId, &record));
  TRY(patch_apply(call->arena, &ApigatewayDeployment_shape, &in->patchOperations, "description", record->deployment));
  api_key(call, &key, in->restApiId, in->deploymentId);
  TRY(record_put(call->txn, &apigateway_deployments, &key, &ApigatewayDeploymentRecord_shape, record));
  *ret_out = *record->deployment;
  ret_out->apiSummary.v = NULL;
  return NULL;
}

OPERATION(GetDeployments, get_deployments, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_deployments(Call *call, const ApigatewayGetDeploymentsInput *in, ApigatewayGetDeploymentsOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  gint64 limit = CLAMP(OPT_OR(in->limit, 25), 1, 500);
  TRY(api_get(call, in->restApiId, &api));
  Key prefix, from;
  api_key(call, &prefix, in->restApiId, NULL);
  api_key(call, &from, in->restApiId, in->position);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &apigateway_deployments,
                  &(CursorOptions) {.prefix = &prefix, .from = in->position ? &from : NULL, .after = TRUE}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->items);
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    if ((gint64) ret_out->items.n == limit) {
      ret_out->position = ret_out->items.v[limit - 1]->id;
      break;
    }
    TRY(record_decode(call->arena, &ApigatewayDeploymentRecord_shape, data, size, &record));
    ApigatewayDeployment *deployment = ((ApigatewayDeploymentRecord *) record)->deployment;
    deployment->apiSummary.v = NULL;
    LIST_APPEND(call->arena, &ret_out->items, deployment);
  }
  return NULL;
}

static Error *
check_unused(Call *call, const char *api_id, const char *deployment_id)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  api_key(call, &prefix, api_id, NULL);
  TRY(cursor_open(call->txn, &apigateway_stages, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *stage = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &ApigatewayStage_shape, data, size, &stage));
    if (!g_strcmp0(((ApigatewayStage *) stage)->deploymentId, deployment_id))
      return error_answer("BadRequestException", "Active stages pointing to this deployment must be moved or deleted");
  }
  return NULL;
}

OPERATION(DeleteDeployment, delete_deployment, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
delete_deployment(Call *call, const ApigatewayDeleteDeploymentInput *in, ApigatewayDeleteDeploymentOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayDeploymentRecord *record = NULL;
  TRY(api_get(call, in->restApiId, &api));
  TRY(deployment_get(call, in->restApiId, in->deploymentId, &record));
  TRY(check_unused(call, in->restApiId, in->deploymentId));
  Key key;
  api_key(call, &key, in->restApiId, in->deploymentId);
  return store_delete(call->txn, &apigateway_deployments, &key, NULL);
}
