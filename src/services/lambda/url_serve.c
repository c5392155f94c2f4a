/* A request to a function's URL, from its host name to the function's answer:
 *
 *   https://{id}.lambda-url.{region}.on.aws/path          inside and outside the VPCs
 *   http://{id}.lambda-url.{region}.localhost:4566/path   where names under localhost resolve
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html */
#include <string.h>

#include "server/permit.h"
#include "services/lambda/url.h"

enum { PAYLOAD_MAX = 6 * 1024 * 1024 };

static const char label[] = ".lambda-url.";
static const char forbidden[] =
  "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

gboolean
url_is_host(const char *host)
{
  const char *at = host ? strstr(host, label) : NULL;
  return at && at != host;
}

static Error *
find_owner(Haar *haar, UrlVisit *visit)
{
  g_autoptr(Txn) txn = NULL;
  void *value = NULL;
  Key key;
  key_init(&key);
  key_add(&key, visit->id);
  TRY(store_begin_read(haar->store, &txn));
  TRY(record_get(txn, &lambda_url_owners, &key, &LambdaUrlOwnerRecord_shape, visit->arena, &value));
  const LambdaUrlOwnerRecord *owner = value;
  if (!owner)
    return error_answer("ResourceNotFoundException", "There is no function URL %s", visit->id);
  visit->region = owner->region;
  visit->account = owner->account;
  visit->name = (FunctionName) {owner->function, *owner->qualifier ? owner->qualifier : NULL};
  return NULL;
}

static Error *
load(Call *call, gpointer data)
{
  UrlVisit *visit = data;
  LambdaUrlRecord *record;
  TRY(url_find(call, visit->name.name, visit->name.qualifier, &record));
  visit->url = record;
  return record ? NULL : error_answer("ResourceNotFoundException", "There is no function URL %s", visit->id);
}

/* Since October 2025 both actions are needed: of the caller's policies with AWS_IAM, of the function's policy with NONE. */
static Error *
authorise(Call *call, gpointer data)
{
  static const char *const actions[] = {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"};
  static const Principal anonymous = {.type = PRINCIPAL_ANONYMOUS, .account = "", .arn = "*", .user_id = "anonymous"};
  UrlVisit *visit = data;
  StringMap context = {0};
  LambdaPolicyRecord *policy;
  if (strcmp(visit->url->config->AuthType, "AWS_IAM") == 0)
    TRY(http_authenticate(call->haar, visit->exchange, call->txn, "lambda", &visit->caller));
  TRY(lambda_policy_find(call, visit->name.name, visit->name.qualifier ? visit->name.qualifier : "", &policy));
  MAP_SET(call->arena, &context, "lambda:FunctionUrlAuthType", visit->url->config->AuthType);
  MAP_SET(call->arena, &context, "lambda:InvokedViaFunctionUrl", "true");
  for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
    IamRequest question = {.principal = visit->caller ? visit->caller : &anonymous, .action = actions[i], .resource = visit->url->config->FunctionArn,
                           .resource_account = visit->account, .resource_policy = policy ? policy->policy : NULL, .context = &context};
    TRY(call_permitted(call, &question));
  }
  return NULL;
}

static void
invoke_function(Call *call, UrlVisit *visit, const guint8 *body, gsize size)
{
  InvocationResult result = {0};
  const char *version = NULL, *text = json_text(visit->arena, url_event(visit, body, size));
  InvokeArgs args = {.name = visit->name, .request_id = http_request_id(visit->exchange), .payload = {(const guint8 *) text, strlen(text)}};
  g_autoptr(Error) error = invoke_run(call, &args, &result, &version);
  if (error_is(error, "TooManyRequestsException"))
    url_answer_error(visit, 429, "TooManyRequestsException", "Rate Exceeded.");
  else if (error || result.function_error)
    url_answer_error(visit, 502, "InternalServerErrorException", "Internal Server Error");
  else
    url_answer(visit, &(Blob) {result.payload->data, result.payload->len});
  if (error)
    log_warning("function URL of %s: %s", visit->name.name, error->message);
  if (result.payload)
    g_byte_array_unref(result.payload);
  g_free(result.log_tail);
}

/* A browser's question before a request; no function runs. */
static gboolean
answer_preflight(UrlVisit *visit)
{
  StringMap headers = {0};
  if (!visit->url->config->Cors || strcmp(visit->request->method, "OPTIONS") != 0 || !http_header(visit->request, "origin") ||
      !http_header(visit->request, "access-control-request-method"))
    return FALSE;
  url_cors(visit, TRUE, &headers);
  visit->status = 200;
  http_answer(visit->exchange, 200, &headers, "", 0);
  return TRUE;
}

static void
serve(Call *call, UrlVisit *visit)
{
  const guint8 *body = NULL;
  gsize size = 0;
  g_autoptr(Error) error = call_read(call, load, visit);
  if (error) {
    url_answer_error(visit, error->kind == ERROR_FAULT ? 500 : 404, "ResourceNotFoundException", error->kind == ERROR_FAULT ? "Internal Server Error" : error->message);
    return;
  }
  if (answer_preflight(visit))
    return;
  g_autoptr(Error) denied = call_read(call, authorise, visit);
  if (denied) {
    log_info("function URL of %s: %s", visit->name.name, denied->message);
    url_answer_error(visit, denied->kind == ERROR_FAULT ? 500 : 403, "AccessDeniedException", denied->kind == ERROR_FAULT ? "Internal Server Error" : forbidden);
    return;
  }
  http_body(visit->exchange, &body, &size);
  if (size > PAYLOAD_MAX)
    url_answer_error(visit, 413, "RequestEntityTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation");
  else
    invoke_function(call, visit, body, size);
}

void
url_serve(Haar *haar, HttpExchange *exchange)
{
  UrlVisit visit = {.exchange = exchange, .request = http_request(exchange), .arena = http_arena(exchange)};
  gint64 began = clock_monotonic_us();
  visit.id = arena_strndup(visit.arena, visit.request->host, (gsize) (strstr(visit.request->host, label) - visit.request->host));
  g_autoptr(Error) error = find_owner(haar, &visit);
  if (error) {
    url_answer_error(&visit, error->kind == ERROR_FAULT ? 500 : 404, "ResourceNotFoundException",
                     error->kind == ERROR_FAULT ? "Internal Server Error" : error->message);
    return;
  }
  g_autoptr(Call) call = call_new(haar, visit.account, visit.region, principal_service(visit.arena, "lambda.amazonaws.com", visit.account));
  serve(call, &visit);
  lambda_metric_url(call, &visit.name, visit.status, clock_monotonic_us() - began);
}
