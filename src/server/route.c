/* The order of looking: X-Amz-Target; the rpc-v2-cbor path; the credential scope; the host name; Action and Version; at last S3, the only
 * service that is called unsigned by path alone. */
#include "server/route.h"

#include <string.h>

#include "server/host.h"

/* Errors to clients of a service that is not here need a model to be written with. */
static const ServiceModel unknown_model = {.name = "unknown",
                                           .id = "unknown",
                                           .endpoint_prefix = "",
                                           .signing_name = "",
                                           .api_version = "",
                                           .json_version = "1.1",
                                           .xml_uri = "",
                                           .protocol = PROTOCOL_JSON};

typedef struct Look {
  Arena *arena;
  const HttpRequest *request;
  HostName host;
  const char *scope;  /* signing name, or NULL */
  const char *target; /* X-Amz-Target, or NULL */
  const char *cbor;   /* "<service>/operation/<name>", or NULL */
  StringMap query;
  gboolean form; /* a form body */
} Look;

/* --- services --- */

typedef gboolean (*ServiceTest)(const ServiceModel *model, const char *text);

static gboolean
has_target(const ServiceModel *model, const char *prefix)
{
  return model->target_prefix && strcmp(model->target_prefix, prefix) == 0;
}

static gboolean
has_signing_name(const ServiceModel *model, const char *name)
{
  return strcmp(model->signing_name, name) == 0;
}

static gboolean
has_host_label(const ServiceModel *model, const char *label)
{
  return strcmp(model->endpoint_prefix, label) == 0 || strcmp(model->signing_name, label) == 0;
}

static const Service *
find_service(ServiceTest test, const char *text)
{
  for (const Service *const *service = haar_services; text && *service; service++)
    if (test((*service)->model, text))
      return *service;
  return NULL;
}

static gboolean
speaks_query(const ServiceModel *model)
{
  return model->protocol == PROTOCOL_QUERY || model->protocol == PROTOCOL_EC2;
}

/* The services that a signing name stands for, e.g. two for "apigateway": the one that has the action, or whose URI matches, is meant. */
static const Service *
service_with_action(const char *action, const char *version, const char *scope)
{
  for (const Service *const *service = haar_services; action && *service; service++) {
    const ServiceModel *model = (*service)->model;
    if (scope ? !has_signing_name(model, scope) : !(speaks_query(model) && version && strcmp(model->api_version, version) == 0))
      continue;
    if (service_operation(*service, action))
      return *service;
  }
  return NULL;
}

/* --- errors --- */

static Error *
no_service(const Look *look, Route *route)
{
  const char *name = look->scope ? look->scope : look->target ? look->target : look->host.service ? look->host.service : "of this request";
  route->model = &unknown_model;
  if (look->target)
    route->protocol = PROTOCOL_JSON;
  else if (look->cbor)
    route->protocol = PROTOCOL_CBOR;
  else
    route->protocol = look->form || string_map_get(&look->query, "Action") ? PROTOCOL_QUERY : PROTOCOL_REST_JSON;
  return error_answer_status(route->protocol == PROTOCOL_REST_JSON ? 501 : 400, "UnknownOperationException",
                             "haar does not implement the service %s", name);
}

static Error *
no_operation(const Route *route, const char *name)
{
  const char *service = route->model->name;
  switch (route->protocol) {
  case PROTOCOL_QUERY:
  case PROTOCOL_EC2:
    return error_answer_status(400, "InvalidAction", "haar does not implement the operation %s of %s", name, service);
  case PROTOCOL_REST_XML:
    return error_answer_status(501, "NotImplemented", "haar does not implement %s of %s", name, service);
  case PROTOCOL_REST_JSON:
    return error_answer_status(501, "UnknownOperationException", "haar does not implement %s of %s", name, service);
  case PROTOCOL_JSON:
  case PROTOCOL_CBOR:
    break;
  }
  return error_answer_status(400, "UnknownOperationException", "haar does not implement the operation %s of %s", name, service);
}

static Error *
take_operation(Route *route, const char *name)
{
  route->operation = service_operation(route->service, name);
  return route->operation ? NULL : no_operation(route, name);
}

static void
take_service(Route *route, const Service *service, Protocol protocol)
{
  route->service = service;
  route->model = service->model;
  route->protocol = protocol;
}

/* --- by target, by path of rpc-v2-cbor --- */

static Error *
route_target(const Look *look, Route *route)
{
  const char *dot = strrchr(look->target, '.');
  const char *prefix = arena_strndup(look->arena, look->target, dot ? (gsize) (dot - look->target) : strlen(look->target));
  const Service *service = find_service(has_target, prefix);
  if (!service)
    service = find_service(has_signing_name, look->scope);
  if (!service)
    return no_service(look, route);
  take_service(route, service, PROTOCOL_JSON);
  return take_operation(route, dot ? dot + 1 : look->target);
}

static Error *
route_cbor(const Look *look, Route *route)
{
  const char *slash = strchr(look->cbor, '/');
  const char *name = strrchr(look->cbor, '/') + 1;
  const Service *service = find_service(has_target, arena_strndup(look->arena, look->cbor, (gsize) (slash - look->cbor)));
  if (!service)
    service = find_service(has_signing_name, look->scope);
  if (!service)
    return no_service(look, route);
  take_service(route, service, PROTOCOL_CBOR);
  return take_operation(route, name);
}

/* --- REST --- */

/* Parts of S3 that have a query key of their own: without its own operation, GET /bucket?acl must not be taken for a listing. */
static gboolean
is_unclaimed_part(const OperationModel *operation, const StringMap *query)
{
  static const char *const parts[] = {
      "accelerate",
      "acl",
      "analytics",
      "attributes",
      "cors",
      "delete",
      "encryption",
      "intelligent-tiering",
      "inventory",
      "legal-hold",
      "lifecycle",
      "location",
      "logging",
      "metrics",
      "notification",
      "object-lock",
      "ownershipControls",
      "policy",
      "policyStatus",
      "publicAccessBlock",
      "replication",
      "requestPayment",
      "restore",
      "retention",
      "select",
      "tagging",
      "torrent",
      "uploads",
      "versioning",
      "versions",
      "website",
  };
  const char *question = strchr(operation->uri, '?');
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
    if (string_map_get(query, parts[i]) && !(question && strstr(question, parts[i])))
      return TRUE;
  return FALSE;
}

static WireRequest
wire_head(const Look *look, const Route *route)
{
  return (WireRequest){
      .method = look->request->method, .path = route->path, .query = look->request->query, .headers = look->request->headers};
}

/* Tries all operations of a service; keeps the best in route. */
static int
match_operations(const Look *look, const Service *service, int best, Route *route)
{
  WireRequest request = wire_head(look, route);
  gboolean s3 = service->model->protocol == PROTOCOL_REST_XML && strcmp(service->model->signing_name, "s3") == 0;
  for (const Operation *const *operation = service->operations; *operation; operation++) {
    const OperationModel *model = (*operation)->model;
    StringMap labels = {0};
    if (strcmp(model->method, look->request->method) != 0)
      continue;
    int score = wire_uri_match(model, &request, look->arena, &labels);
    if (score <= best || (s3 && is_unclaimed_part(model, &look->query)))
      continue;
    best = score;
    take_service(route, service, service->model->protocol);
    route->operation = *operation;
    route->labels = labels;
  }
  return best;
}

static gboolean
is_rest(const ServiceModel *model)
{
  return model->protocol == PROTOCOL_REST_JSON || model->protocol == PROTOCOL_REST_XML;
}

static Error *
route_rest(const Look *look, ServiceTest test, const char *name, Route *route)
{
  int best = -1;
  for (const Service *const *service = haar_services; *service; service++) {
    if (!is_rest((*service)->model) || !test((*service)->model, name))
      continue;
    if (!route->service)
      take_service(route, *service, (*service)->model->protocol);
    best = match_operations(look, *service, best, route);
  }
  if (best >= 0)
    return NULL;
  return no_operation(route, arena_printf(look->arena, "%s %s%s%s", look->request->method, route->path, *look->request->query ? "?" : "",
                                          look->request->query));
}

/* --- query --- */

static Error *
route_query(const Look *look, const Service *service, Route *route)
{
  take_service(route, service, service->model->protocol == PROTOCOL_EC2 ? PROTOCOL_EC2 : PROTOCOL_QUERY);
  const char *action = string_map_get(&look->query, "Action");
  if (action)
    return route_action(look->arena, &look->query, route);
  route->wants_body = TRUE;
  return NULL;
}

Error *
route_action(Arena *arena, const StringMap *form, Route *route)
{
  const char *action = string_map_get(form, "Action");
  route->wants_body = FALSE;
  if (!action)
    return error_answer_status(400, "MissingAction", "The request must contain the parameter Action.");
  const char *scope = route->service ? route->service->model->signing_name : NULL;
  const Service *service = service_with_action(action, string_map_get(form, "Version"), scope);
  if (service)
    take_service(route, service, service->model->protocol == PROTOCOL_EC2 ? PROTOCOL_EC2 : PROTOCOL_QUERY);
  if (!route->service)
    return error_answer_status(400, "InvalidAction", "haar does not implement the operation %s of the service of this request", action);
  return take_operation(route, action);
}

/* Nothing but Action and Version tell: unsigned calls of a query service at a bare address. */
static Error *
route_unnamed_query(const Look *look, Route *route)
{
  route->model = &unknown_model;
  route->protocol = PROTOCOL_QUERY;
  if (string_map_get(&look->query, "Action"))
    return route_action(look->arena, &look->query, route);
  route->wants_body = TRUE;
  return NULL;
}

/* --- all --- */

/* Puts the bucket of a virtual-host name into the path. */
static void
rewrite_path(const Look *look, const Service *service, Route *route)
{
  const HostName *host = &look->host;
  const char *bucket = NULL;
  if (strcmp(service->model->signing_name, "s3") != 0)
    return;
  if (host->service && strcmp(host->service, "s3") == 0)
    bucket = host->prefix;
  else if (host->local && host->service) /* "bucket.localhost" */
    bucket = host->prefix ? arena_printf(look->arena, "%s.%s", host->prefix, host->service) : host->service;
  if (bucket)
    route->path = arena_printf(look->arena, "/%s%s", bucket, strcmp(look->request->path, "/") == 0 ? "" : look->request->path);
}

static Error *
route_named(const Look *look, ServiceTest test, const char *name, Route *route)
{
  const Service *service = find_service(test, name);
  if (!service)
    return no_service(look, route);
  gboolean query = look->form || string_map_get(&look->query, "Action");
  if (speaks_query(service->model) || (query && !is_rest(service->model)))
    return route_query(look, service, route);
  if (is_rest(service->model)) {
    rewrite_path(look, service, route);
    return route_rest(look, test, name, route);
  }
  take_service(route, service, service->model->protocol);
  return error_answer_status(400, "UnknownOperationException", "The request has no X-Amz-Target header that names an operation of %s",
                             service->model->name);
}

static Look
look_at(Arena *arena, const HttpRequest *request, const char *scope)
{
  Look look = {.arena = arena, .request = request, .scope = scope, .host = host_parse(arena, request->host)};
  look.target = http_header(request, "x-amz-target");
  look.query = wire_form_parse(arena, request->query, strlen(request->query));
  const char *type = http_header(request, "content-type");
  look.form = type && g_str_has_prefix(type, "application/x-www-form-urlencoded") && strcmp(request->method, "POST") == 0;
  const char *protocol = http_header(request, "smithy-protocol");
  if (protocol && strcmp(protocol, "rpc-v2-cbor") == 0 && g_str_has_prefix(request->path, "/service/") &&
      strstr(request->path, "/operation/"))
    look.cbor = request->path + strlen("/service/");
  return look;
}

Error *
route_request(Arena *arena, const HttpRequest *request, const char *scope_service, Route *ret_route)
{
  Look look = look_at(arena, request, scope_service);
  *ret_route = (Route){.path = request->path, .region = look.host.region, .model = &unknown_model, .protocol = PROTOCOL_REST_JSON};
  if (look.cbor)
    return route_cbor(&look, ret_route);
  if (look.target)
    return route_target(&look, ret_route);
  if (scope_service)
    return route_named(&look, has_signing_name, scope_service, ret_route);
  if (look.host.service && find_service(has_host_label, look.host.service))
    return route_named(&look, has_host_label, look.host.service, ret_route);
  if (look.host.service && !look.host.local)
    return no_service(&look, ret_route);
  if (look.form || string_map_get(&look.query, "Action"))
    return route_unnamed_query(&look, ret_route);
  look.scope = "s3";
  return route_named(&look, has_signing_name, look.scope, ret_route);
}
