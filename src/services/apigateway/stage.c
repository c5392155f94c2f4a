#include "services/apigateway/apigateway.h"

#include <string.h>

static Error *
check_name(const char *name)
{
  for (const char *c = name; *c; c++)
    if (!g_ascii_isalnum(*c) && *c != '_' && *c != '-')
      return error_answer("BadRequestException", "Stage name only allows a-zA-Z0-9_");
  return *name && strlen(name) <= 128 ? NULL : error_answer("BadRequestException", "Stage name must be between 1 and 128 characters");
}

OPERATION(CreateStage, create_stage, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
create_stage(Call *call, const ApigatewayCreateStageInput *in, ApigatewayCreateStageOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayDeploymentRecord *deployment = NULL;
  ApigatewayStage *old = NULL;
  TRY(api_get(call, in->restApiId, &api));
  TRY(check_name(in->stageName));
  TRY(deployment_get(call, in->restApiId, in->deploymentId, &deployment));
  if (in->canarySettings || OPT_OR(in->cacheClusterEnabled, FALSE))
    return error_answer("BadRequestException", "haar does not have %s yet", in->canarySettings ? "canary settings" : "cache clusters");
  g_autoptr(Error) missing = stage_get(call, in->restApiId, in->stageName, &old);
  if (missing && missing->kind == ERROR_FAULT)
    return g_steal_pointer(&missing);
  if (old)
    return error_answer("ConflictException", "Stage already exists");
  *ret_out = (ApigatewayStage) {
    .deploymentId = in->deploymentId, .stageName = in->stageName, .description = in->description, .variables = in->variables,
    .cacheClusterEnabled = OPT_BOOL(FALSE), .cacheClusterStatus = "NOT_AVAILABLE", .documentationVersion = in->documentationVersion,
    .tracingEnabled = OPT_BOOL(OPT_OR(in->tracingEnabled, FALSE)), .tags = in->tags,
    .createdDate = OPT_TIME(call->now / 1000 * 1000), .lastUpdatedDate = OPT_TIME(call->now / 1000 * 1000),
  };
  return stage_put(call, in->restApiId, ret_out);
}

OPERATION(GetStage, get_stage, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_stage(Call *call, const ApigatewayGetStageInput *in, ApigatewayGetStageOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayStage *stage = NULL;
  TRY(api_get(call, in->restApiId, &api));
  TRY(stage_get(call, in->restApiId, in->stageName, &stage));
  *ret_out = *stage;
  return NULL;
}

OPERATION(GetStages, get_stages, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_stages(Call *call, const ApigatewayGetStagesInput *in, ApigatewayGetStagesOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  TRY(api_get(call, in->restApiId, &api));
  Key prefix;
  api_key(call, &prefix, in->restApiId, NULL);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &apigateway_stages, &(CursorOptions) {.prefix = &prefix}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->item);
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *stage = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &ApigatewayStage_shape, data, size, &stage));
    if (!in->deploymentId || !g_strcmp0(in->deploymentId, ((ApigatewayStage *) stage)->deploymentId))
      LIST_APPEND(call->arena, &ret_out->item, (ApigatewayStage *) stage);
  }
  return NULL;
}

OPERATION(UpdateStage, update_stage, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
update_stage(Call *call, const ApigatewayUpdateStageInput *in, ApigatewayUpdateStageOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayStage *stage = NULL;
  ApigatewayDeploymentRecord *deployment = NULL;
  TRY(api_get(call, in->restApiId, &api));
  TRY(stage_get(call, in->restApiId, in->stageName, &stage));
  TRY(patch_apply(call->arena, &ApigatewayStage_shape, &in->patchOperations, "deploymentId description variables tracingEnabled documentationVersion",
                  stage));
  TRY(deployment_get(call, in->restApiId, stage->deploymentId, &deployment));
  stage->lastUpdatedDate = OPT_TIME(call->now / 1000 * 1000);
  *ret_out = *stage;
  return stage_put(call, in->restApiId, stage);
}

OPERATION(DeleteStage, delete_stage, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
delete_stage(Call *call, const ApigatewayDeleteStageInput *in, ApigatewayDeleteStageOutput *ret_out)
{
  ApigatewayApiRecord *api = NULL;
  ApigatewayStage *stage = NULL;
  TRY(api_get(call, in->restApiId, &api));
  TRY(stage_get(call, in->restApiId, in->stageName, &stage));
  Key key;
  api_key(call, &key, in->restApiId, in->stageName);
  return store_delete(call->txn, &apigateway_stages, &key, NULL);
}
