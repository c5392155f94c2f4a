/* serve: the data plane. A request to a deployed API, from its host name or path to the integration's answer.
 *
 *   https://{api}.execute-api.{region}.amazonaws.com/{stage}/path     inside and outside the VPCs
 *   http://{api}.execute-api.localhost:4566/{stage}/path              where names under localhost resolve
 *   http://localhost:4566/restapis/{api}/{stage}/_user_request_/path  everywhere
 */
#include "services/apigateway/apigateway.h"
#include "services/lambda.gen.h"

#include <string.h>

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
serves(Haar *haar, const HttpRequest *request)
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

/* "arn:aws:lambda:...:function:name[:qualifier]" out of the integration's URI, stage variables put in; NULL if it is no such URI. */
static const char *
function_arn(const Passage *p)
{
  static const char marker[] = ":lambda:path/2015-03-31/functions/";
  const char *uri = stage_variables(p, p->match.method->methodIntegration->uri);
  const char *at = strstr(uri, marker), *end = g_strrstr(uri, "/invocations");
  if (!at || !end || end < at + strlen(marker))
    return NULL;
  at += strlen(marker);
  return arena_strndup(p->arena, at, (gsize) (end - at));
}

/* arn:aws:execute-api:region:account:api/stage/METHOD/path: what a function's permission names. */
static const char *
request_arn(const Passage *p)
{
  const char *path = p->match.resource->path;
  return arn_format(p->arena, "execute-api", p->region, p->account, "%s/%s/%s%s", p->api_id, p->stage_name, p->request->method, path);
}

static void
invoke_function(Haar *haar, const Passage *p)
{
  const char *arn = function_arn(p);
  g_autoptr(Call) call = call_new(haar, p->account, p->region, principal_service(p->arena, "apigateway", p->account));
  g_autofree char *event = NULL;
  LambdaInvokeInput in = {.FunctionName = arn};
  LambdaInvokeOutput out = {0};
  GString *text = g_string_new(NULL);
  json_write(text, event_build(p));
  in.Payload = (Blob) {(const guint8 *) text->str, text->len};
  event = g_string_free(text, FALSE);
  call->source_arn = request_arn(p);
  g_autoptr(Error) error = arn ? call_operation(call, &LambdaOperationInvoke, NULL, NULL, &in, &out) : NULL;
  if (error || !arn)
    answer_message(p, error && error_is(error, "TooManyRequestsException") ? 429 : 500, "InternalServerErrorException", "Internal server error");
  else if (out.FunctionError)
    answer_message(p, 502, "InternalServerErrorException", "Internal server error");
  else
    answer_proxy(p, &out.Payload);
  if (error)
    log_warning("API %s: %s %s: %s", p->api_id, p->request->method, p->path, error->message);
}

/* AWS_IAM: the request is signed for execute-api and the caller may execute-api:Invoke this method. FALSE: it was answered. */
typedef struct IamCheck {
  Passage *passage;
  Sigv4 signature;
  Credential *credential;
} IamCheck;

static Error *
check_signature(Call *call, gpointer data)
{
  IamCheck *check = data;
  Passage *p = check->passage;
  const guint8 *body = NULL;
  gsize size = 0;
  http_body(p->exchange, &body, &size);
  WireRequest request = {.method = p->request->method, .path = p->request->path, .query = p->request->query, .headers = p->request->headers,
                         .body = body, .body_size = size};
  TRY(sigv4_parse(p->arena, &request, FALSE, &check->signature));
  if (check->signature.kind == SIGV4_NONE)
    return error_answer_status(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
  TRY(iam_credential_find(call->txn, p->arena, check->signature.access_key, &check->credential));
  if (!check->credential)
    return error_answer_status(403, "UnrecognizedClientException", "The security token included in the request is invalid.");
  g_autofree char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, body, size);
  TRY(sigv4_verify(p->arena, &request, &check->signature, check->credential->secret_key, clock_real(), FALSE, hash));
  p->caller = &check->credential->principal;
  IamRequest question = {.principal = p->caller, .action = "execute-api:Invoke", .resource = request_arn(p), .resource_account = p->account,
                         .resource_policy = p->api->policy};
  return iam_authorize(call->txn, p->arena, &question);
}

static gboolean
authorised(Call *call, Passage *p)
{
  IamCheck check = {.passage = p};
  if (g_strcmp0(p->match.method->authorizationType, "AWS_IAM"))
    return TRUE;
  g_autoptr(Error) error = call_read(call, check_signature, &check);
  if (!error)
    return TRUE;
  if (error->kind == ERROR_FAULT)
    answer_message(p, 500, "InternalServerErrorException", "Internal server error");
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

void
serve(Haar *haar, HttpExchange *exchange)
{
  Passage p = {.exchange = exchange, .request = http_request(exchange), .arena = http_arena(exchange)};
  ApigatewayListOfResource resources = {0};
  struct { Passage *passage; ApigatewayListOfResource *resources; } what = {&p, &resources};
  parse_address(p.arena, p.request, &p.api_id, &p.stage_name, &p.path);
  if (!find_owner(haar, &p))
    return;
  g_autoptr(Call) call = call_new(haar, p.account, p.region, principal_service(p.arena, "apigateway", p.account));
  g_autoptr(Error) error = call_read(call, load, &what);
  if (error) {
    gboolean fault = error->kind == ERROR_FAULT;
    answer_message(&p, fault ? 500 : 403, fault ? "InternalServerErrorException" : "ForbiddenException", fault ? "Internal server error" : "Forbidden");
    return;
  }
  if (!match_route(p.arena, &resources, p.request->method, p.path, &p.match)) {
    answer_message(&p, 403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    return;
  }
  if (authorised(call, &p))
    integrate(haar, &p);
}
