/* serve: the data plane. A request to a deployed API, from its host name or path to the integration's answer.
 *
 *   https://{api}.execute-api.{region}.amazonaws.com/{stage}/path     inside and outside the VPCs
 *   http://{api}.execute-api.localhost:4566/{stage}/path              where names under localhost resolve
 *   http://localhost:4566/restapis/{api}/{stage}/_user_request_/path  everywhere
 */
#include "server/permit.h"
#include "services/apigateway/apigateway.h"

#include <string.h>

enum { PAYLOAD_MAX = 10 * 1024 * 1024 };

/* The API, stage and rest of a request's address; FALSE: it is not for an API. Parts: arena. */
static gboolean
parse_address(Arena *arena, const HttpRequest *request, const char **ret_api, const char **ret_stage, const char **ret_path)
{
  static const char restapis[] = "/restapis/", marker[] = "/_user_request_";
  const char *dot = request->host ? strstr(request->host, ".execute-api.") : NULL;
  const char *at = request->path;
  if (dot) {
    *ret_api = arena_strndup(arena, request->host, (gsize) (dot - request->host));
    at += *at == '/';
  } else {
    const char *user = strstr(request->path, marker);
    if (!user || !g_str_has_prefix(request->path, restapis))
      return FALSE;
    at += strlen(restapis);
    *ret_api = arena_strndup(arena, at, strcspn(at, "/"));
    at += strcspn(at, "/");
    at += *at == '/';
    gsize size = strcspn(at, "/");
    *ret_stage = arena_strndup(arena, at, size);
    *ret_path = user[strlen(marker)] ? user + strlen(marker) : "/";
    return at + size == user;
  }
  gsize size = strcspn(at, "/");
  *ret_stage = arena_strndup(arena, at, size);
  *ret_path = at[size] ? at + size : "/";
  return TRUE;
}

gboolean
apigateway_serves(Haar *haar, const HttpRequest *request)
{
  g_autoptr(Arena) arena = arena_new();
  const char *api = NULL, *stage = NULL, *path = NULL;
  return parse_address(arena, request, &api, &stage, &path);
}

/* Reads the API, its stage and the deployment that the stage points to. Not found: *ret_resources stays empty. */
static Error *
load(Call *call, gpointer data)
{
  struct { Passage *passage; ApigatewayListOfResource *resources; } *what = data;
  Passage *p = what->passage;
  ApigatewayApiRecord *api = NULL;
  ApigatewayStage *stage = NULL;
  ApigatewayDeploymentRecord *deployment = NULL;
  TRY(api_get(call, p->api_id, &api));
  p->api = api->api;
  TRY(stage_get(call, p->api_id, p->stage_name, &stage));
  p->stage = stage;
  TRY(deployment_get(call, p->api_id, stage->deploymentId, &deployment));
  *what->resources = deployment->resources;
  return NULL;
}

/* AWS_IAM: the request is signed for execute-api and the caller may execute-api:Invoke this method. */
static Error *
check_signature(Call *call, gpointer data)
{
  Passage *p = data;
  TRY(http_authenticate(call->haar, p->exchange, call->txn, "execute-api", &p->caller));
  IamRequest question = {.principal = p->caller, .action = "execute-api:Invoke", .resource = request_arn(p), .resource_account = p->account,
                         .resource_policy = p->api->policy};
  return call_permitted(call, &question);
}

/* FALSE: it was answered. */
static gboolean
authorised(Call *call, Passage *p)
{
  if (g_strcmp0(p->match.method->authorizationType, "AWS_IAM"))
    return TRUE;
  g_autoptr(Error) error = call_read(call, check_signature, p);
  if (!error)
    return TRUE;
  if (error->kind == ERROR_FAULT)
    answer_message(p, 500, "InternalServerErrorException", "Internal server error");
  else if (error_is(error, "MissingAuthenticationTokenException"))
    answer_message(p, 403, error->code, "Missing Authentication Token");
  else
    answer_message(p, 403, g_str_has_prefix(error->code, "AccessDenied") ? "AccessDeniedException" : error->code, error->message);
  return FALSE;
}

static void
integrate(Haar *haar, const Passage *p)
{
  const ApigatewayIntegration *integration = p->match.method->methodIntegration;
  if (integration && !strcmp(integration->type, "AWS_PROXY"))
    invoke_function(haar, p);
  else if (integration && !strcmp(integration->type, "MOCK"))
    answer_mock(p);
  else
    answer_message(p, 500, "InternalServerErrorException", "Internal server error");
}

/* Whose API it is; FALSE: nobody's, and it was answered. */
static gboolean
find_owner(Haar *haar, Passage *p)
{
  g_autoptr(Txn) txn = NULL;
  ApigatewayOwnerRecord *owner = NULL;
  g_autoptr(Error) error = store_begin_read(haar->store, &txn);
  if (!error)
    error = api_owner(txn, p->arena, p->api_id, &owner);
  if (owner) {
    p->account = owner->account;
    p->region = owner->region;
    return TRUE;
  }
  answer_message(p, 403, "ForbiddenException", "Forbidden");
  return FALSE;
}

static void
serve(Haar *haar, Passage *p)
{
  gint64 began = clock_monotonic_us();
  ApigatewayListOfResource resources = {0};
  struct { Passage *passage; ApigatewayListOfResource *resources; } what = {p, &resources};
  parse_address(p->arena, p->request, &p->api_id, &p->stage_name, &p->path);
  if (!find_owner(haar, p))
    return;
  http_body(p->exchange, &p->body, &p->body_size);
  if (p->body_size > PAYLOAD_MAX) {
    answer_message(p, 413, "RequestTooLargeException", "Request Too Long");
    return;
  }
  g_autoptr(Call) call = call_new(haar, p->account, p->region, principal_service(p->arena, "apigateway", p->account));
  g_autoptr(Error) error = call_read(call, load, &what);
  if (error) {
    gboolean fault = error->kind == ERROR_FAULT;
    answer_message(p, fault ? 500 : 403, fault ? "InternalServerErrorException" : "ForbiddenException", fault ? "Internal server error" : "Forbidden");
    return;
  }
  if (!match_route(p->arena, &resources, p->request->method, p->path, &p->match))
    answer_message(p, 403, "MissingAuthenticationTokenException", "Missing Authentication Token");
  else if (authorised(call, p))
    integrate(haar, p);
  measure_passage(haar, p, clock_monotonic_us() - began);
}

void
apigateway_serve(Haar *haar, HttpExchange *exchange)
{
  PassageMeasures measures = {.integration_us = -1};
  Passage p = {.exchange = exchange, .request = http_request(exchange), .arena = http_arena(exchange), .measures = &measures};
  serve(haar, &p);
}
