#include "services/apigateway/apigateway.h"

#include <string.h>

#define TIMEOUT_MIN_MS 50
#define TIMEOUT_MAX_MS 29000

/* What haar integrates with: Lambda by proxy, and MOCK. The rest says so. */
static Error *
check_integration(const ApigatewayPutIntegrationInput *in)
{
  gint64 timeout = OPT_OR(in->timeoutInMillis, TIMEOUT_MAX_MS);
  if (timeout < TIMEOUT_MIN_MS || timeout > TIMEOUT_MAX_MS)
    return error_answer("BadRequestException", "Timeout should be between 50 ms and 29000 ms");
  if (!strcmp(in->type, "MOCK"))
    return NULL;
  if (!in->uri)
    return error_answer("BadRequestException", "Enumeration value for HttpMethod must be non-empty");
  if (strcmp(in->type, "AWS_PROXY"))
    return error_answer("BadRequestException", "haar does not have %s integrations yet; AWS_PROXY to Lambda and MOCK work", in->type);
  if (!in->integrationHttpMethod)
    return error_answer("BadRequestException", "Enumeration value for HttpMethod must be non-empty");
  if (!strstr(in->uri, ":lambda:path/2015-03-31/functions/") || !g_str_has_suffix(in->uri, "/invocations"))
    return error_answer("BadRequestException", "AWS ARN for integration must contain path or action");
  return NULL;
}

OPERATION(PutIntegration, put_integration, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
put_integration(Call *call, const ApigatewayPutIntegrationInput *in, ApigatewayPutIntegrationOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  TRY(method_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  TRY(check_integration(in));
  *ret_out = (ApigatewayIntegration) {
    .type = in->type, .httpMethod = in->integrationHttpMethod, .uri = in->uri, .connectionType = in->connectionType,
    .connectionId = in->connectionId, .credentials = in->credentials, .requestParameters = in->requestParameters,
    .requestTemplates = in->requestTemplates, .passthroughBehavior = in->passthroughBehavior ? in->passthroughBehavior : "WHEN_NO_MATCH",
    .contentHandling = in->contentHandling, .timeoutInMillis = OPT_INT(OPT_OR(in->timeoutInMillis, TIMEOUT_MAX_MS)),
    .cacheNamespace = in->cacheNamespace ? in->cacheNamespace : in->resourceId, .cacheKeyParameters = in->cacheKeyParameters,
    .tlsConfig = in->tlsConfig,
  };
  LIST_EMPTY(call->arena, &ret_out->cacheKeyParameters);
  method->methodIntegration = ret_out;
  return resource_put(call, in->restApiId, resource);
}

static Error *
integration_get(Call *call, const char *api_id, const char *resource_id, const char *http_method, ApigatewayResource **ret_resource,
                ApigatewayMethod **ret_method)
{
  TRY(method_get(call, api_id, resource_id, http_method, ret_resource, ret_method));
  if (!(*ret_method)->methodIntegration)
    return error_answer("NotFoundException", "Invalid Integration identifier specified");
  return NULL;
}

OPERATION(GetIntegration, get_integration, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_integration(Call *call, const ApigatewayGetIntegrationInput *in, ApigatewayGetIntegrationOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  TRY(integration_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  *ret_out = *method->methodIntegration;
  return NULL;
}

OPERATION(DeleteIntegration, delete_integration, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
delete_integration(Call *call, const ApigatewayDeleteIntegrationInput *in, ApigatewayDeleteIntegrationOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  TRY(integration_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  method->methodIntegration = NULL;
  return resource_put(call, in->restApiId, resource);
}

OPERATION(PutIntegrationResponse, put_integration_response, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
put_integration_response(Call *call, const ApigatewayPutIntegrationResponseInput *in, ApigatewayPutIntegrationResponseOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  TRY(integration_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  *ret_out = (ApigatewayIntegrationResponse) {in->statusCode, in->selectionPattern, in->responseParameters, in->responseTemplates, in->contentHandling};
  MAP_SET(call->arena, &method->methodIntegration->integrationResponses, in->statusCode, ret_out);
  return resource_put(call, in->restApiId, resource);
}

OPERATION(GetIntegrationResponse, get_integration_response, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_integration_response(Call *call, const ApigatewayGetIntegrationResponseInput *in, ApigatewayGetIntegrationResponseOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  TRY(integration_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  ApigatewayIntegrationResponse **response = MAP_FIND(&method->methodIntegration->integrationResponses, in->statusCode);
  if (!response)
    return error_answer("NotFoundException", "Invalid Response status code specified");
  *ret_out = **response;
  return NULL;
}
