#include "server/admin.h"

#include <string.h>
#include <unistd.h>

#include "server/host.h"
#include "server/wait.h"

struct AdminRoutes {
  GRWLock lock;
  GPtrArray *routes; /* const AdminRoute * */
};

AdminRoutes *
admin_new(void)
{
  AdminRoutes *routes = g_new0(AdminRoutes, 1);
  g_rw_lock_init(&routes->lock);
  routes->routes = g_ptr_array_new();
  return routes;
}

void
admin_free(AdminRoutes *routes)
{
  if (!routes)
    return;
  g_ptr_array_unref(routes->routes);
  g_rw_lock_clear(&routes->lock);
  g_free(routes);
}

void
server_admin(Haar *haar, const AdminRoute *route)
{
  AdminRoutes *routes = haar->server->admin;
  g_rw_lock_writer_lock(&routes->lock);
  g_ptr_array_add(routes->routes, (gpointer) route);
  g_rw_lock_writer_unlock(&routes->lock);
}

/* --- which requests --- */

gboolean
admin_serves(const HttpExchange *exchange)
{
  const char *path = exchange->request.path;
  return exchange->admin && (g_str_has_prefix(path, "/_haar/") || strcmp(path, "/_localstack/health") == 0);
}

static gboolean
is_local_name(Arena *arena, const char *host)
{
  return g_str_has_prefix(host, "127.") || strcmp(host, "::1") == 0 || host_parse(arena, host).local;
}

/* A page of another site may send requests here, but a browser then says where from; and a foreign name that was pointed at this machine is
 * seen in Host. */
static gboolean
is_foreign(HttpExchange *exchange)
{
  const char *origin = http_header(&exchange->request, "origin");
  if (!is_local_name(exchange->arena, exchange->request.host))
    return TRUE;
  if (!origin)
    return FALSE;
  g_autoptr(GUri) uri = g_uri_parse(origin, G_URI_FLAGS_NONE, NULL);
  return !uri || !g_uri_get_host(uri) || !is_local_name(exchange->arena, g_uri_get_host(uri));
}

/* --- answering --- */

static void
answer_json(HttpExchange *exchange, int status, const Json *json)
{
  g_autoptr(GString) text = g_string_new(NULL);
  json_write(text, json);
  g_string_append_c(text, '\n');
  exchange_answer(exchange, status, "application/json", text->str, text->len);
}

static void
answer_refusal(HttpExchange *exchange, const Error *error)
{
  Arena *arena = exchange->arena;
  Json *json = json_new_object(arena);
  if (error->kind == ERROR_FAULT)
    log_error("request %s: %s: %s (%s:%d)", exchange->request_id, exchange->request.path, error->message, error->file, error->line);
  json_set(arena, json, "error", json_new_string(arena, error->code));
  json_set(arena, json, "message", json_new_string(arena, error->message));
  answer_json(exchange, error->status ? error->status : 400, json);
}

static Error *
read_input(HttpExchange *exchange, const char *rest, Json **ret_in)
{
  Arena *arena = exchange->arena;
  Json *in = NULL;
  if (exchange->body && exchange->body->len)
    TRY(json_parse(arena, (const char *) exchange->body->data, exchange->body->len, &in));
  if (!in)
    in = json_new_object(arena);
  if (in->type != JSON_OBJECT)
    return error_answer_status(400, "SerializationException", "The body has to be a JSON object");
  StringMap query = wire_form_parse(arena, exchange->request.query, strlen(exchange->request.query));
  for (gsize i = 0; i < query.n; i++)
    json_set(arena, in, query.v[i].key, json_new_string(arena, query.v[i].value));
  if (rest)
    json_set(arena, in, "path", json_new_string(arena, rest));
  *ret_in = in;
  return NULL;
}

/* *ret_rest: what follows a path that ends in "/". */
static const AdminRoute *
find_route(AdminRoutes *routes, const char *method, const char *path, const char **ret_rest)
{
  const AdminRoute *found = NULL;
  *ret_rest = NULL;
  g_rw_lock_reader_lock(&routes->lock);
  for (guint i = 0; i < routes->routes->len && !found; i++) {
    const AdminRoute *route = routes->routes->pdata[i];
    gboolean prefix = g_str_has_suffix(route->path, "/");
    if (strcmp(route->method, method) != 0 || (prefix ? !g_str_has_prefix(path, route->path) : strcmp(route->path, path) != 0))
      continue;
    found = route;
    if (prefix)
      *ret_rest = path + strlen(route->path);
  }
  g_rw_lock_reader_unlock(&routes->lock);
  return found;
}

static Error *
run_route(Server *server, HttpExchange *exchange, Json **ret_out)
{
  const char *rest = NULL, *path = exchange->request.path;
  path = g_str_has_prefix(path, "/_haar/") ? path + strlen("/_haar/") : "localstack-health";
  const AdminRoute *route = find_route(server->admin, exchange->request.method, path, &rest);
  if (!route)
    return error_answer_status(404, "NotFound", "haar has no %s %s", exchange->request.method, exchange->request.path);
  Json *in = NULL;
  TRY(read_input(exchange, rest, &in));
  Call call = {
      .haar = server->haar,
      .arena = exchange->arena,
      .request_id = exchange->request_id,
      .region = server->haar->region,
      .account = DEFAULT_ACCOUNT,
      .principal = principal_root(exchange->arena, DEFAULT_ACCOUNT),
      .source = &exchange->source,
      .now = clock_now(),
      .host = exchange->request.host,
  };
  return route->run(&call, in, ret_out);
}

void
admin_serve(Server *server, HttpExchange *exchange)
{
  Json *out = NULL;
  g_autoptr(Error) error = is_foreign(exchange)
                               ? error_answer_status(403, "Forbidden", "haar's own API answers only to names of this machine")
                               : run_route(server, exchange, &out);
  if (error)
    answer_refusal(exchange, error);
  else
    answer_json(exchange, 200, out ? out : json_new_object(exchange->arena));
}

/* --- the server's own --- */

static Json *
service_names(Arena *arena, const char *state)
{
  Json *services = json_new_object(arena);
  for (const Service *const *service = haar_services; *service; service++)
    json_set(arena, services, (*service)->model->name, json_new_string(arena, state));
  return services;
}

static Error *
get_health(Call *call, const Json *in, Json **ret_out)
{
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "status", json_new_string(call->arena, "ok"));
  json_set(call->arena, *ret_out, "version", json_new_string(call->arena, HAAR_VERSION));
  return NULL;
}

static Error *
get_localstack_health(Call *call, const Json *in, Json **ret_out)
{
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "services", service_names(call->arena, "running"));
  json_set(call->arena, *ret_out, "edition", json_new_string(call->arena, "haar"));
  json_set(call->arena, *ret_out, "version", json_new_string(call->arena, HAAR_VERSION));
  return NULL;
}

static Json *
operation_names(Arena *arena)
{
  Json *services = json_new_object(arena);
  for (const Service *const *service = haar_services; *service; service++) {
    Json *names = json_new_array(arena);
    for (const Operation *const *operation = (*service)->operations; *operation; operation++)
      json_append(arena, names, json_new_string(arena, (*operation)->name));
    json_set(arena, services, (*service)->model->name, names);
  }
  return services;
}

static Error *
get_status(Call *call, const Json *in, Json **ret_out)
{
  Arena *arena = call->arena;
  const Haar *haar = call->haar;
  Json *out = *ret_out = json_new_object(arena);
  json_set(arena, out, "version", json_new_string(arena, HAAR_VERSION));
  json_set(arena, out, "pid", json_new_int(arena, getpid()));
  json_set(arena, out, "uptime_ms", json_new_int(arena, (clock_monotonic_us() - haar->server->started_us) / 1000));
  json_set(arena, out, "time", json_new_string(arena, text_iso8601(arena, call->now, TRUE)));
  json_set(arena, out, "clock_offset_ms", json_new_int(arena, clock_offset()));
  json_set(arena, out, "data", json_new_string(arena, haar->data_directory));
  json_set(arena, out, "region", json_new_string(arena, haar->region));
  json_set(arena, out, "port", json_new_int(arena, haar->port));
  json_set(arena, out, "dns", json_new_string(arena, arena_printf(arena, "127.0.0.1:%d", haar->dns_port)));
  json_set(arena, out, "network", json_new_string(arena, haar->warden ? "on" : "off"));
  json_set(arena, out, "waiting", json_new_int(arena, waits_count(haar->server->waits)));
  if (haar->network_off_reason)
    json_set(arena, out, "network_off_reason", json_new_string(arena, haar->network_off_reason));
  json_set(arena, out, "ca", json_new_string(arena, server_ca_path(haar->server)));
  json_set(arena, out, "services", operation_names(arena));
  return NULL;
}

void
admin_add_own(Haar *haar)
{
  static const AdminRoute routes[] = {
      {"GET", "health", get_health},
      {"GET", "status", get_status},
      {"GET", "localstack-health", get_localstack_health},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
    server_admin(haar, &routes[i]);
}
