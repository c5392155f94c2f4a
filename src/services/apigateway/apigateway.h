/* apigateway: what the files of this service share. */
#pragma once

#include "services/apigateway.gen.h"
#include "server/haar.h"

/* -- records: everything of an API is stored under (region, account, API id) ------------------------------------------------ */

/* Errors: NotFoundException, "Invalid API identifier specified <account>:<id>". arena of the call. */
Error *api_get(Call *call, const char *api_id, ApigatewayApiRecord **ret_api) ERROR_MUST_USE;
Error *api_put(Call *call, const ApigatewayApiRecord *api) ERROR_MUST_USE;
/* Whose API this is; *ret_owner is NULL if there is none. API ids are unique in haar. */
Error *api_owner(Txn *txn, Arena *arena, const char *api_id, ApigatewayOwnerRecord **ret_owner) ERROR_MUST_USE;
/* NotFoundException, "Invalid Resource identifier specified". */
Error *resource_get(Call *call, const char *api_id, const char *resource_id, ApigatewayResource **ret_resource) ERROR_MUST_USE;
Error *resource_put(Call *call, const char *api_id, const ApigatewayResource *resource) ERROR_MUST_USE;
/* All resources of an API, by id. */
Error *resource_list(Call *call, const char *api_id, ApigatewayListOfResource *ret_resources) ERROR_MUST_USE;
/* NotFoundException, "Invalid Method identifier specified". The method belongs to *ret_resource: change it, then resource_put. */
Error *method_get(Call *call, const char *api_id, const char *resource_id, const char *http_method, ApigatewayResource **ret_resource,
                  ApigatewayMethod **ret_method) ERROR_MUST_USE;
Error *deployment_get(Call *call, const char *api_id, const char *deployment_id, ApigatewayDeploymentRecord **ret_deployment) ERROR_MUST_USE;
/* NotFoundException, "Invalid stage identifier specified". */
Error *stage_get(Call *call, const char *api_id, const char *name, ApigatewayStage **ret_stage) ERROR_MUST_USE;
Error *stage_put(Call *call, const char *api_id, const ApigatewayStage *stage) ERROR_MUST_USE;

extern const Table apigateway_apis, apigateway_owners, apigateway_resources, apigateway_deployments, apigateway_stages, apigateway_account;
/* (region, account, API id), and one more part if given. */
void api_key(const Call *call, Key *key, const char *api_id, const char *more);

/* The row's .authorize of all management calls: action apigateway:<HTTP method>, resource arn:aws:apigateway:<region>::<path>.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-examples.html */
Error *authorize_path(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;

/* -- patch operations ---------------------------------------------------------------------------------------------------- */

/* Applies operations to the struct at value: "replace", "add" and "remove" on paths of its top-level members and on entries of its
 * string maps ("/variables/name"). allowed: space-separated first path segments. Errors: BadRequestException in the service's words. */
Error *patch_apply(Arena *arena, const Shape *shape, const ApigatewayListOfPatchOperation *operations, const char *allowed, void *value) ERROR_MUST_USE;

/* -- data plane: match, event, answer ------------------------------------------------------------------------------------- */

typedef struct Match {
  const ApigatewayResource *resource;
  const ApigatewayMethod *method;
  StringMap parameters;   /* path variables, decoded */
} Match;

/* Finds the resource and method for a path (raw, after the stage, beginning with '/'): literal segments win over {variables}, those over
 * {proxy+}. FALSE: none, which API Gateway answers with "Missing Authentication Token". */
gboolean match_route(Arena *arena, const ApigatewayListOfResource *resources, const char *method, const char *path, Match *ret_match);

/* One request on its way through a deployed API. */
/* What is measured of a request on its way. */
typedef struct PassageMeasures {
  int status;            /* of the answer; 0: none yet */
  gint64 integration_us; /* what the integration took; -1: there was none */
} PassageMeasures;

typedef struct Passage {
  HttpExchange *exchange;
  const HttpRequest *request;
  Arena *arena;
  const char *account, *region, *api_id, *stage_name, *path; /* path: raw, after the stage */
  const ApigatewayRestApi *api;
  const ApigatewayStage *stage;
  Match match;
  const Principal *caller;     /* AWS_IAM, or NULL */
  const guint8 *body;
  gsize body_size;
  PassageMeasures *measures;
} Passage;

/* AWS/ApiGateway in CloudWatch: counts a request that was answered (metrics.c). */
void measure_passage(Haar *haar, const Passage *passage, gint64 took_us);

/* The Lambda proxy event, version 1.0 (arena).
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html */
Json *event_build(const Passage *passage);
/* Answers with a function's proxy response; anything malformed becomes a 502. */
void answer_proxy(const Passage *passage, const Blob *payload);
/* {"message": "..."} with x-amzn-RequestId, x-amz-apigw-id and x-amzn-ErrorType. */
void answer_message(const Passage *passage, int status, const char *error_type, const char *message);
/* MOCK: the status that the request template's "statusCode" chooses, and that integration response's parameters and template. */
void answer_mock(const Passage *passage);
/* "${stageVariables.name}" replaced in an integration's URI (arena). */
const char *stage_variables(const Passage *passage, const char *text);

/* arn:aws:execute-api:region:account:api/stage/METHOD/path: what permissions name (arena). */
const char *request_arn(const Passage *passage);
/* Makes the threads that wait for functions: the service's state. */
Error *start_invoking(Haar *haar) ERROR_MUST_USE;
/* Invokes the integration's function, as apigateway.amazonaws.com, and answers with what it says, or after the integration's time. */
void invoke_function(Haar *haar, const Passage *passage);

gboolean apigateway_serves(Haar *haar, const HttpRequest *request);
void apigateway_serve(Haar *haar, HttpExchange *exchange);
