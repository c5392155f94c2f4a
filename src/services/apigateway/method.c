#include "services/apigateway/apigateway.h"

#include <string.h>

static Error *
check_method(const ApigatewayPutMethodInput *in)
{
  static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY", NULL};
  static const char *const known[] = {"NONE", "AWS_IAM", NULL};
  static const char *const elsewhere[] = {"CUSTOM", "COGNITO_USER_POOLS", NULL};
  if (!g_strv_contains(methods, in->httpMethod))
    return error_answer("BadRequestException", "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY");
  if (g_strv_contains(elsewhere, in->authorizationType))
    return error_answer("BadRequestException", "haar does not have %s authorizers yet; NONE and AWS_IAM work", in->authorizationType);
  if (!g_strv_contains(known, in->authorizationType))
    return error_answer("BadRequestException", "Invalid authorization type specified. Valid options are CUSTOM, AWS_IAM, NONE, COGNITO_USER_POOLS");
  if (OPT_OR(in->apiKeyRequired, FALSE))
    return error_answer("BadRequestException", "haar does not have API keys yet: apiKeyRequired must be false");
  return NULL;
}

OPERATION(PutMethod, put_method, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
put_method(Call *call, const ApigatewayPutMethodInput *in, ApigatewayPutMethodOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  TRY(resource_get(call, in->restApiId, in->resourceId, &resource));
  TRY(check_method(in));
  if (MAP_FIND(&resource->resourceMethods, in->httpMethod))
    return error_answer("ConflictException", "Method already exists for this resource");
  *ret_out = (ApigatewayMethod) {
    .httpMethod = in->httpMethod, .authorizationType = in->authorizationType, .authorizerId = in->authorizerId,
    .apiKeyRequired = OPT_BOOL(FALSE), .requestValidatorId = in->requestValidatorId, .operationName = in->operationName,
    .requestParameters = in->requestParameters, .requestModels = in->requestModels, .authorizationScopes = in->authorizationScopes,
  };
  MAP_SET(call->arena, &resource->resourceMethods, in->httpMethod, ret_out);
  return resource_put(call, in->restApiId, resource);
}

OPERATION(GetMethod, get_method, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_method(Call *call, const ApigatewayGetMethodInput *in, ApigatewayGetMethodOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  TRY(method_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  *ret_out = *method;
  return NULL;
}

OPERATION(DeleteMethod, delete_method, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
delete_method(Call *call, const ApigatewayDeleteMethodInput *in, ApigatewayDeleteMethodOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  ApigatewayMapOfMethod left = {0};
  TRY(method_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  for (gsize i = 0; i < resource->resourceMethods.n; i++)
    if (resource->resourceMethods.v[i].value != method)
      MAP_SET(call->arena, &left, resource->resourceMethods.v[i].key, resource->resourceMethods.v[i].value);
  resource->resourceMethods = left;
  return resource_put(call, in->restApiId, resource);
}

OPERATION(PutMethodResponse, put_method_response, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
put_method_response(Call *call, const ApigatewayPutMethodResponseInput *in, ApigatewayPutMethodResponseOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  TRY(method_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  if (MAP_FIND(&method->methodResponses, in->statusCode))
    return error_answer("ConflictException", "Response already exists for this resource");
  *ret_out = (ApigatewayMethodResponse) {in->statusCode, in->responseParameters, in->responseModels};
  MAP_SET(call->arena, &method->methodResponses, in->statusCode, ret_out);
  return resource_put(call, in->restApiId, resource);
}

OPERATION(GetMethodResponse, get_method_response, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_method_response(Call *call, const ApigatewayGetMethodResponseInput *in, ApigatewayGetMethodResponseOutput *ret_out)
{
  ApigatewayResource *resource = NULL;
  ApigatewayMethod *method = NULL;
  TRY(method_get(call, in->restApiId, in->resourceId, in->httpMethod, &resource, &method));
  ApigatewayMethodResponse **response = MAP_FIND(&method->methodResponses, in->statusCode);
  if (!response)
    return error_answer("NotFoundException", "Invalid Response status code specified");
  *ret_out = **response;
  return NULL;
}
