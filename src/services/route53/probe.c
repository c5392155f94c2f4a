/* How a look is done: TCP within 10 s; HTTP(S): connection within 4 s, answer within 2 s more; a string in the first 5,120 bytes within
 * another 2 s. Certificates are not checked, as on AWS.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html */
#include "services/route53/health.h"

#include <string.h>

#include "server/outgoing.h"

enum { TCP_MS = 10000, CONNECT_MS = 4000, ANSWER_MS = 2000, BODY_MS = 2000, BODY_MAX = 5120 };

static void
failed(Arena *arena, Probe *probe, const char *text)
{
  probe->good = FALSE;
  probe->status = arena_printf(arena, "Failure: %s", text);
}

/* --- HTTP --- */

static size_t
take_body(char *data, size_t size, size_t n, void *user)
{
  GByteArray *body = user;
  gsize room = BODY_MAX - body->len;
  g_byte_array_append(body, (const guint8 *) data, (guint) MIN(size * n, room));
  return body->len < BODY_MAX ? size * n : 0; /* what follows does not matter */
}

static const char *
host_of(const Route53HealthCheckConfig *config)
{
  return config->FullyQualifiedDomainName ? config->FullyQualifiedDomainName : config->IPAddress;
}

static void
judge(Arena *arena, const Route53HealthCheckConfig *config, long status, const GByteArray *body, Probe *probe)
{
  gboolean matches = g_str_has_suffix(config->Type, "_STR_MATCH"), found = FALSE;
  const char *code = arena_printf(arena, "HTTP Status Code %ld", status);
  if (status < 200 || status > 399) {
    failed(arena, probe, code);
    return;
  }
  gsize size = matches ? strlen(config->SearchString) : 0;
  for (gsize i = 0; matches && !found && i + size <= body->len; i++)
    found = !memcmp(body->data + i, config->SearchString, size);
  if (matches && !found) {
    failed(arena, probe, arena_printf(arena, "%s, but the search string was not in the first %d bytes of the body", code, BODY_MAX));
    return;
  }
  *probe = (Probe) {.good = TRUE, .status = arena_printf(arena, "Success: %s", code)};
}

static void
set_options(CURL *curl, Arena *arena, const char *id, const Route53HealthCheckConfig *config, guint16 port, GByteArray *body)
{
  gboolean tls = g_str_has_prefix(config->Type, "HTTPS"), matches = g_str_has_suffix(config->Type, "_STR_MATCH");
  const char *path = config->ResourcePath ? config->ResourcePath : "/";
  curl_easy_setopt(curl, CURLOPT_URL, arena_printf(arena, "http%s://%s:%u%s%s", tls ? "s" : "", host_of(config), port, *path == '/' ? "" : "/", path));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, arena_printf(arena, "Amazon-Route53-Health-Check-Service (ref %s; report http://amzn.to/1vsZADi)", id));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long) CONNECT_MS);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) (CONNECT_MS + ANSWER_MS + (matches ? BODY_MS : 0)));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
}

static const char *
failure_text(Arena *arena, CURLcode code, const OutgoingRoute *route)
{
  if (code == CURLE_OPERATION_TIMEDOUT)
    return "The health checker could not establish a connection, or got no answer, within the timeout limit.";
  return arena_printf(arena, "%s. Resolved IP: %s.", curl_easy_strerror(code), route->address);
}

static void
probe_http(Arena *arena, const char *id, const Route53HealthCheckConfig *config, OutgoingRoute *route, guint16 port, Probe *probe)
{
  g_autoptr(GByteArray) body = g_byte_array_new();
  CURL *curl = curl_easy_init();
  long status = 0;
  outgoing_prepare(curl, route);
  set_options(curl, arena, id, config, port, body);
  CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_cleanup(curl);
  gboolean enough = code == CURLE_WRITE_ERROR && body->len == BODY_MAX;
  if (code != CURLE_OK && !enough)
    failed(arena, probe, failure_text(arena, code, route));
  else
    judge(arena, config, status, body, probe);
}

/* --- TCP --- */

static void
probe_tcp(Arena *arena, const OutgoingRoute *route, Probe *probe)
{
  const char *problem = NULL;
  outgoing_try(route, TCP_MS, &problem);
  if (problem)
    failed(arena, probe, arena_printf(arena, "TCP: %s. Resolved IP: %s.", problem, route->address));
  else
    *probe = (Probe) {.good = TRUE, .status = "Success: TCP connection established"};
}

static void
probe_endpoint(Haar *haar, Arena *arena, const char *id, const Route53HealthCheckConfig *config, Probe *probe)
{
  guint16 port = (guint16) OPT_OR(config->Port, g_str_has_prefix(config->Type, "HTTPS") ? 443 : 80);
  g_auto(OutgoingRoute) route = {0};
  g_autoptr(Error) error = outgoing_route(haar, config->IPAddress ? config->IPAddress : config->FullyQualifiedDomainName, port, &route);
  if (error)
    failed(arena, probe, arena_printf(arena, "DNS resolution failed: %s", error->message));
  else if (!strcmp(config->Type, "TCP"))
    probe_tcp(arena, &route, probe);
  else
    probe_http(arena, id, config, &route, port, probe);
}

/* --- an alarm, asked of the service cloudwatch as an operation of its own --- */

static Error *
alarm_state(Haar *haar, Arena *arena, const char *account, const Route53AlarmIdentifier *alarm, const char **ret_state)
{
  const Operation *operation = haar_operation("cloudwatch", "DescribeAlarms");
  *ret_state = NULL;
  if (!operation)
    return error_answer("NotImplemented", "haar does not implement the service cloudwatch");
  g_autoptr(Call) call = call_new(haar, account, alarm->Region, principal_service(arena, "route53", account));
  Json *in = json_new_object(arena), *names = json_new_array(arena);
  json_append(arena, names, json_new_string(arena, alarm->Name));
  json_set(arena, in, "AlarmNames", names);
  void *input = arena_alloc(arena, operation->input_size), *output = arena_alloc(arena, operation->output_size);
  TRY(shape_from_json(arena, operation->model->input, in, FALSE, input));
  TRY(call_operation(call, operation, NULL, NULL, input, output));
  const Json *out = shape_to_json(arena, operation->model->output, output);
  static const char *const lists[] = {"MetricAlarms", "CompositeAlarms"};
  for (guint i = 0; i < G_N_ELEMENTS(lists) && !*ret_state; i++) {
    const Json *list = json_get(out, lists[i]);
    if (list && list->n)
      *ret_state = arena_strdup(arena, json_string(json_get(list->items[0], "StateValue")));
  }
  return NULL;
}

static void
probe_alarm(Haar *haar, Arena *arena, const char *account, const Route53HealthCheckConfig *config, Probe *probe)
{
  const char *state = NULL, *missing = config->InsufficientDataHealthStatus ? config->InsufficientDataHealthStatus : "LastKnownStatus";
  g_autoptr(Error) error = alarm_state(haar, arena, account, config->AlarmIdentifier, &state);
  if (error)
    log_warning("the alarm %s of a health check: %s", config->AlarmIdentifier->Name, error->message);
  gboolean unknown = !state || !strcmp(state, "INSUFFICIENT_DATA");
  gboolean good = unknown ? strcmp(missing, "Unhealthy") != 0 : strcmp(state, "ALARM") != 0;
  *probe = (Probe) {.good = good, .at_once = !unknown || strcmp(missing, "LastKnownStatus") != 0,
                    .status = arena_printf(arena, "%s: the alarm %s is in the state %s", good ? "Success" : "Failure", config->AlarmIdentifier->Name,
                                           state ? state : "that nobody knows")};
}

void
probe_run(Haar *haar, Arena *arena, const char *id, const char *account, const Route53HealthCheckConfig *config, Probe *ret_probe)
{
  if (!strcmp(config->Type, "CLOUDWATCH_METRIC"))
    probe_alarm(haar, arena, account, config, ret_probe);
  else
    probe_endpoint(haar, arena, id, config, ret_probe);
}
