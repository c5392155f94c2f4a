#include "services/apigateway/apigateway.h"
#include "stack/resource.h"

#include <string.h>

/* -- AWS::ApiGateway::RestApi ---------------------------------------------------------------------------------------------- */

static Error *
refuse(const ResourceCall *rc, const char *property, const char *instead)
{
  if (!json_get(rc->properties, property))
    return NULL;
  return error_answer("ValidationError", "haar does not have the property %s of %s yet; %s", property, rc->logical_id, instead);
}

static Error *
create_rest_api(ResourceCall *rc, ResourceResult *ret)
{
  ApigatewayCreateRestApiInput in = {
    .name = property_text(rc, "Name"), .description = property_text(rc, "Description"), .apiKeySource = property_text(rc, "ApiKeySourceType"),
    .policy = property_document(rc, "Policy"), .tags = resource_tags(rc),
  };
  ApigatewayCreateRestApiOutput out = {0};
  const Json *types = json_path(rc->properties, "EndpointConfiguration.Types"), *binary = json_get(rc->properties, "BinaryMediaTypes");
  TRY(refuse(rc, "Body", "declare the API's resources and methods one by one"));
  TRY(refuse(rc, "BodyS3Location", "declare the API's resources and methods one by one"));
  if (!in.name)
    return error_answer("ValidationError", "%s needs a Name", rc->logical_id);
  in.disableExecuteApiEndpoint = OPT_BOOL(property_bool(rc, "DisableExecuteApiEndpoint", FALSE));
  if (types) {
    in.endpointConfiguration = ARENA_NEW(rc->call->arena, ApigatewayEndpointConfiguration);
    for (guint i = 0; i < types->n; i++)
      LIST_APPEND(rc->call->arena, &in.endpointConfiguration->types, json_string(types->items[i]));
  }
  for (guint i = 0; binary && i < binary->n; i++)
    LIST_APPEND(rc->call->arena, &in.binaryMediaTypes, json_string(binary->items[i]));
  TRY(resource_operation(rc, &ApigatewayOperationCreateRestApi, &in, &out));
  ret->physical_id = out.id;
  resource_attribute(rc, ret, "RootResourceId", out.rootResourceId);
  resource_attribute(rc, ret, "RestApiId", out.id);
  return NULL;
}

static void
patch(const ResourceCall *rc, ApigatewayListOfPatchOperation *operations, const char *property, const char *path)
{
  if (!property_changed(rc, property))
    return;
  ApigatewayPatchOperation *operation = ARENA_NEW(rc->call->arena, ApigatewayPatchOperation);
  const char *value = property_document(rc, property);
  *operation = (ApigatewayPatchOperation) {.op = value ? "replace" : "remove", .path = path, .value = value};
  LIST_APPEND(rc->call->arena, operations, operation);
}

/* Media types are named by the path itself, '/' as "~1". */
static void
patch_media_types(const ResourceCall *rc, ApigatewayListOfPatchOperation *operations)
{
  const Json *before = json_get(rc->old_properties, "BinaryMediaTypes"), *after = json_get(rc->properties, "BinaryMediaTypes");
  for (int removing = 1; removing >= 0 && property_changed(rc, "BinaryMediaTypes"); removing--) {
    const Json *from = removing ? before : after, *other = removing ? after : before;
    for (guint i = 0; from && i < from->n; i++) {
      gboolean kept = FALSE;
      for (guint j = 0; other && j < other->n; j++)
        kept |= json_equal(from->items[i], other->items[j]);
      if (kept)
        continue;
      g_autoptr(GString) name = g_string_new(json_string(from->items[i]));
      g_string_replace(name, "~", "~0", 0);
      g_string_replace(name, "/", "~1", 0);
      ApigatewayPatchOperation *operation = ARENA_NEW(rc->call->arena, ApigatewayPatchOperation);
      *operation = (ApigatewayPatchOperation) {.op = removing ? "remove" : "add", .path = arena_printf(rc->call->arena, "/binaryMediaTypes/%s", name->str)};
      LIST_APPEND(rc->call->arena, operations, operation);
    }
  }
}

static Error *
update_tags(ResourceCall *rc, const char *arn)
{
  ApigatewayTagResourceInput tag = {.resourceArn = arn, .tags = resource_tags(rc)};
  ApigatewayUntagResourceInput untag = {.resourceArn = arn};
  StringList gone = resource_gone_tags(rc);
  for (gsize i = 0; i < gone.n; i++)
    LIST_APPEND(rc->call->arena, &untag.tagKeys, gone.v[i]);
  if (gone.n)
    TRY(resource_operation(rc, &ApigatewayOperationUntagResource, &untag, &(ApigatewayUntagResourceOutput) {0}));
  return tag.tags.n ? resource_operation(rc, &ApigatewayOperationTagResource, &tag, &(ApigatewayTagResourceOutput) {0}) : NULL;
}

static Error *
update_rest_api(ResourceCall *rc, ResourceResult *ret)
{
  ApigatewayUpdateRestApiInput in = {.restApiId = rc->physical_id};
  ApigatewayUpdateRestApiOutput out = {0};
  ApigatewayPatchOperation enable = {.op = "replace", .path = "/disableExecuteApiEndpoint", .value = "false"};
  patch(rc, &in.patchOperations, "Name", "/name");
  patch(rc, &in.patchOperations, "Description", "/description");
  patch(rc, &in.patchOperations, "Policy", "/policy");
  if (property_gone(rc, "DisableExecuteApiEndpoint"))
    LIST_APPEND(rc->call->arena, &in.patchOperations, &enable);
  else
    patch(rc, &in.patchOperations, "DisableExecuteApiEndpoint", "/disableExecuteApiEndpoint");
  patch_media_types(rc, &in.patchOperations);
  if (in.patchOperations.n)
    TRY(resource_operation(rc, &ApigatewayOperationUpdateRestApi, &in, &out));
  return update_tags(rc, arena_printf(rc->call->arena, "arn:aws:apigateway:%s::/restapis/%s", rc->call->region, rc->physical_id));
}

static Error *
delete_rest_api(ResourceCall *rc)
{
  ApigatewayDeleteRestApiInput in = {.restApiId = rc->physical_id};
  ApigatewayDeleteRestApiOutput out = {0};
  return resource_operation(rc, &ApigatewayOperationDeleteRestApi, &in, &out);
}

RESOURCE(AWS::ApiGateway::RestApi, apigateway_rest_api, .create = create_rest_api, .update = update_rest_api, .delete = delete_rest_api,
         .no_effect = "MinimumCompressionSize FailOnWarnings Mode Parameters")

/* -- AWS::ApiGateway::Resource --------------------------------------------------------------------------------------------- */

static Error *
create_resource(ResourceCall *rc, ResourceResult *ret)
{
  ApigatewayCreateResourceInput in = {.restApiId = property_text(rc, "RestApiId"), .parentId = property_text(rc, "ParentId"),
                                      .pathPart = property_text(rc, "PathPart")};
  ApigatewayCreateResourceOutput out = {0};
  TRY(resource_operation(rc, &ApigatewayOperationCreateResource, &in, &out));
  ret->physical_id = out.id;
  resource_attribute(rc, ret, "ResourceId", out.id);
  return NULL;
}

static Error *
delete_resource(ResourceCall *rc)
{
  ApigatewayDeleteResourceInput in = {.restApiId = property_text(rc, "RestApiId"), .resourceId = rc->physical_id};
  ApigatewayDeleteResourceOutput out = {0};
  return resource_operation(rc, &ApigatewayOperationDeleteResource, &in, &out);
}

RESOURCE(AWS::ApiGateway::Resource, apigateway_resource, .create = create_resource, .delete = delete_resource)

/* -- AWS::ApiGateway::Method ----------------------------------------------------------------------------------------------- */

/* Integration, as the template has it (CamelCase members), put through PutIntegration. */
static Error *
put_integration(ResourceCall *rc, const char *api_id, const char *resource_id, const char *method)
{
  const Json *integration = json_get(rc->properties, "Integration");
  ApigatewayPutIntegrationInput in = {.restApiId = api_id, .resourceId = resource_id, .httpMethod = method};
  ApigatewayPutIntegrationOutput out = {0};
  if (!integration)
    return NULL;
  const Json *templates = json_get(integration, "RequestTemplates"), *timeout = json_get(integration, "TimeoutInMillis");
  in.type = json_string(json_get(integration, "Type"));
  in.integrationHttpMethod = json_string(json_get(integration, "IntegrationHttpMethod"));
  in.uri = json_string(json_get(integration, "Uri"));
  in.credentials = json_string(json_get(integration, "Credentials"));
  in.passthroughBehavior = json_string(json_get(integration, "PassthroughBehavior"));
  in.contentHandling = json_string(json_get(integration, "ContentHandling"));
  if (timeout)
    in.timeoutInMillis = OPT_INT(g_ascii_strtoll(timeout->text, NULL, 10));
  for (guint i = 0; templates && i < templates->n; i++)
    MAP_SET(rc->call->arena, &in.requestTemplates, templates->members[i].key, json_string(templates->members[i].value));
  return resource_operation(rc, &ApigatewayOperationPutIntegration, &in, &out);
}

static StringMap
text_map(Arena *arena, const Json *object)
{
  StringMap map = {0};
  for (guint i = 0; object && object->type == JSON_OBJECT && i < object->n; i++)
    MAP_SET(arena, &map, object->members[i].key, json_string(object->members[i].value));
  return map;
}

static const char *
status_text(Arena *arena, const Json *response)
{
  const Json *status = json_get(response, "StatusCode");
  return status && (status->type == JSON_STRING || status->type == JSON_NUMBER) ? arena_strndup(arena, status->text, status->n) : "200";
}

static Error *
put_responses(ResourceCall *rc, const char *api_id, const char *resource_id, const char *method)
{
  Arena *arena = rc->call->arena;
  const Json *responses = json_path(rc->properties, "Integration.IntegrationResponses"), *declared = json_get(rc->properties, "MethodResponses");
  for (guint i = 0; declared && i < declared->n; i++) {
    ApigatewayPutMethodResponseInput in = {.restApiId = api_id, .resourceId = resource_id, .httpMethod = method,
                                           .statusCode = status_text(arena, declared->items[i]),
                                           .responseModels = text_map(arena, json_get(declared->items[i], "ResponseModels"))};
    ApigatewayPutMethodResponseOutput out = {0};
    TRY(resource_operation(rc, &ApigatewayOperationPutMethodResponse, &in, &out));
  }
  for (guint i = 0; responses && i < responses->n; i++) {
    const Json *response = responses->items[i];
    ApigatewayPutIntegrationResponseInput in = {.restApiId = api_id, .resourceId = resource_id, .httpMethod = method,
                                                .statusCode = status_text(arena, response),
                                                .selectionPattern = json_string(json_get(response, "SelectionPattern")),
                                                .responseParameters = text_map(arena, json_get(response, "ResponseParameters")),
                                                .responseTemplates = text_map(arena, json_get(response, "ResponseTemplates"))};
    ApigatewayPutIntegrationResponseOutput out = {0};
    TRY(resource_operation(rc, &ApigatewayOperationPutIntegrationResponse, &in, &out));
  }
  return NULL;
}

static Error *
create_method(ResourceCall *rc, ResourceResult *ret)
{
  const char *api_id = property_text(rc, "RestApiId"), *resource_id = property_text(rc, "ResourceId"), *method = property_text(rc, "HttpMethod");
  const char *authorization = property_text(rc, "AuthorizationType");
  ApigatewayPutMethodInput in = {.restApiId = api_id, .resourceId = resource_id, .httpMethod = method,
                                 .authorizationType = authorization ? authorization : "NONE", .operationName = property_text(rc, "OperationName"),
                                 .apiKeyRequired = OPT_BOOL(property_bool(rc, "ApiKeyRequired", FALSE))};
  ApigatewayPutMethodOutput out = {0};
  TRY(resource_operation(rc, &ApigatewayOperationPutMethod, &in, &out));
  ret->physical_id = resource_name(rc, 128, FALSE);
  TRY(put_integration(rc, api_id, resource_id, method));
  return put_responses(rc, api_id, resource_id, method);
}

static Error *
delete_method_of(ResourceCall *rc, const Json *properties)
{
  ApigatewayDeleteMethodInput in = {.restApiId = json_string(json_get(properties, "RestApiId")),
                                    .resourceId = json_string(json_get(properties, "ResourceId")),
                                    .httpMethod = json_string(json_get(properties, "HttpMethod"))};
  ApigatewayDeleteMethodOutput out = {0};
  return resource_operation(rc, &ApigatewayOperationDeleteMethod, &in, &out);
}

static Error *
update_method(ResourceCall *rc, ResourceResult *ret)
{
  ResourceResult made = {0};
  g_autoptr(Error) error = delete_method_of(rc, rc->old_properties);
  if (error && !error_is(error, "NotFoundException")) /* an update that is undone may have come half way */
    return g_steal_pointer(&error);
  return create_method(rc, &made);
}

static Error *
delete_method(ResourceCall *rc)
{
  return delete_method_of(rc, rc->properties);
}

RESOURCE(AWS::ApiGateway::Method, apigateway_method, .create = create_method, .update = update_method, .delete = delete_method,
         .no_effect = "RequestModels RequestParameters RequestValidatorId AuthorizationScopes")

/* -- AWS::ApiGateway::Deployment ------------------------------------------------------------------------------------------- */

static Error *
create_deployment(ResourceCall *rc, ResourceResult *ret)
{
  ApigatewayCreateDeploymentInput in = {.restApiId = property_text(rc, "RestApiId"), .stageName = property_text(rc, "StageName"),
                                        .description = property_text(rc, "Description")};
  ApigatewayCreateDeploymentOutput out = {0};
  TRY(refuse(rc, "DeploymentCanarySettings", "shift traffic with a weighted alias of the function"));
  TRY(resource_operation(rc, &ApigatewayOperationCreateDeployment, &in, &out));
  ret->physical_id = out.id;
  resource_attribute(rc, ret, "DeploymentId", out.id);
  return NULL;
}

static Error *
update_deployment(ResourceCall *rc, ResourceResult *ret)
{
  ApigatewayUpdateDeploymentInput in = {.restApiId = property_text(rc, "RestApiId"), .deploymentId = rc->physical_id};
  ApigatewayUpdateDeploymentOutput out = {0};
  if (property_changed(rc, "StageName"))
    return error_answer(RESOURCE_REPLACE, "the stage is made with the deployment");
  patch(rc, &in.patchOperations, "Description", "/description");
  return in.patchOperations.n ? resource_operation(rc, &ApigatewayOperationUpdateDeployment, &in, &out) : NULL;
}

static Error *
delete_deployment(ResourceCall *rc)
{
  const char *stage = property_text(rc, "StageName");
  ApigatewayDeleteDeploymentInput in = {.restApiId = property_text(rc, "RestApiId"), .deploymentId = rc->physical_id};
  ApigatewayDeleteDeploymentOutput out = {0};
  if (stage) { /* the stage that this deployment made goes with it */
    ApigatewayDeleteStageInput stage_in = {.restApiId = in.restApiId, .stageName = stage};
    ApigatewayDeleteStageOutput stage_out = {0};
    g_autoptr(Error) error = resource_operation(rc, &ApigatewayOperationDeleteStage, &stage_in, &stage_out);
    if (error && !error_is(error, "NotFoundException"))
      return g_steal_pointer(&error);
  }
  return resource_operation(rc, &ApigatewayOperationDeleteDeployment, &in, &out);
}

RESOURCE(AWS::ApiGateway::Deployment, apigateway_deployment, .create = create_deployment, .update = update_deployment,
         .delete = delete_deployment,
         .no_effect = "StageDescription")

/* -- AWS::ApiGateway::Stage ------------------------------------------------------------------------------------------------ */

static Error *
create_stage(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "StageName");
  ApigatewayCreateStageInput in = {.restApiId = property_text(rc, "RestApiId"), .stageName = name ? name : "default",
                                   .deploymentId = property_text(rc, "DeploymentId"), .description = property_text(rc, "Description"),
                                   .variables = text_map(rc->call->arena, json_get(rc->properties, "Variables")), .tags = resource_tags(rc),
                                   .tracingEnabled = OPT_BOOL(property_bool(rc, "TracingEnabled", FALSE))};
  ApigatewayCreateStageOutput out = {0};
  TRY(resource_operation(rc, &ApigatewayOperationCreateStage, &in, &out));
  ret->physical_id = out.stageName;
  return NULL;
}

static void
patch_variables(const ResourceCall *rc, ApigatewayListOfPatchOperation *operations)
{
  const Json *before = json_get(rc->old_properties, "Variables"), *after = json_get(rc->properties, "Variables");
  for (int removing = 1; removing >= 0; removing--) {
    const Json *from = removing ? before : after;
    for (guint i = 0; from && i < from->n; i++) {
      const char *key = from->members[i].key;
      if (removing && json_get(after, key))
        continue;
      ApigatewayPatchOperation *operation = ARENA_NEW(rc->call->arena, ApigatewayPatchOperation);
      *operation = (ApigatewayPatchOperation) {.op = removing ? "remove" : "replace", .path = arena_printf(rc->call->arena, "/variables/%s", key),
                                               .value = removing ? NULL : json_string(from->members[i].value)};
      LIST_APPEND(rc->call->arena, operations, operation);
    }
  }
}

static Error *
update_stage(ResourceCall *rc, ResourceResult *ret)
{
  ApigatewayUpdateStageInput in = {.restApiId = property_text(rc, "RestApiId"), .stageName = rc->physical_id};
  ApigatewayUpdateStageOutput out = {0};
  ApigatewayPatchOperation untraced = {.op = "replace", .path = "/tracingEnabled", .value = "false"};
  patch(rc, &in.patchOperations, "DeploymentId", "/deploymentId");
  patch(rc, &in.patchOperations, "Description", "/description");
  if (property_gone(rc, "TracingEnabled"))
    LIST_APPEND(rc->call->arena, &in.patchOperations, &untraced);
  else
    patch(rc, &in.patchOperations, "TracingEnabled", "/tracingEnabled");
  patch_variables(rc, &in.patchOperations);
  if (in.patchOperations.n)
    TRY(resource_operation(rc, &ApigatewayOperationUpdateStage, &in, &out));
  return update_tags(rc, arena_printf(rc->call->arena, "arn:aws:apigateway:%s::/restapis/%s/stages/%s", rc->call->region, in.restApiId,
                                      rc->physical_id));
}

static Error *
delete_stage(ResourceCall *rc)
{
  ApigatewayDeleteStageInput in = {.restApiId = property_text(rc, "RestApiId"), .stageName = rc->physical_id};
  ApigatewayDeleteStageOutput out = {0};
  return resource_operation(rc, &ApigatewayOperationDeleteStage, &in, &out);
}

RESOURCE(AWS::ApiGateway::Stage, apigateway_stage, .create = create_stage, .update = update_stage, .delete = delete_stage,
         .no_effect = "MethodSettings AccessLogSetting CacheClusterEnabled CacheClusterSize CanarySetting ClientCertificateId DocumentationVersion")

/* -- AWS::ApiGateway::Account ---------------------------------------------------------------------------------------------- */

static Error *
put_account(ResourceCall *rc, ResourceResult *ret)
{
  const char *role = property_text(rc, "CloudWatchRoleArn");
  ApigatewayPatchOperation operation = {.op = role ? "replace" : "remove", .path = "/cloudwatchRoleArn", .value = role};
  ApigatewayUpdateAccountInput in = {0};
  ApigatewayUpdateAccountOutput out = {0};
  LIST_APPEND(rc->call->arena, &in.patchOperations, &operation);
  TRY(resource_operation(rc, &ApigatewayOperationUpdateAccount, &in, &out));
  ret->physical_id = rc->physical_id ? rc->physical_id : resource_name(rc, 128, FALSE);
  return NULL;
}

static Error *
delete_account(ResourceCall *rc)
{
  return NULL; /* as on AWS: the account's setting stays */
}

RESOURCE(AWS::ApiGateway::Account, apigateway_account, .create = put_account, .update = put_account, .delete = delete_account)
