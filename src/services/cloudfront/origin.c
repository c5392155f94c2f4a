/* Origins: groups that fail over, custom origins by HTTP.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

#include "server/outgoing.h"

enum { RESPONSE_MAX = 64 * 1024 * 1024, HEADERS_MAX = 32 * 1024, CLIENTS_MAX = 32 };

static const char no_connection[] = "CloudFront attempted to establish a connection with the origin, but either the attempt failed or the origin closed the connection.";

/* --- clients: handles with their open connections --- */

static CURL *
client_take(Cdn *cdn)
{
  g_mutex_lock(&cdn->clients_lock);
  CURL *curl = g_queue_pop_head(&cdn->clients);
  g_mutex_unlock(&cdn->clients_lock);
  return curl ? curl : curl_easy_init();
}

static void
client_give(Cdn *cdn, CURL *curl)
{
  curl_easy_reset(curl);
  g_mutex_lock(&cdn->clients_lock);
  gboolean keep = g_queue_get_length(&cdn->clients) < CLIENTS_MAX;
  if (keep)
    g_queue_push_head(&cdn->clients, curl);
  g_mutex_unlock(&cdn->clients_lock);
  if (!keep)
    curl_easy_cleanup(curl);
}

/* --- one transfer --- */

typedef struct Transfer {
  const Passage *p;
  const CloudfrontOrigin *origin;
  const OriginRequest *request;
  OriginAnswer *answer;
  GByteArray *body;
  gsize header_bytes;
  struct curl_slist *headers;
  char message[CURL_ERROR_SIZE];
} Transfer;

static gboolean
is_hop(const char *name)
{
  static const char *const names[] = {"connection", "keep-alive", "proxy-authenticate", "proxy-connection", "trailer", "transfer-encoding", "upgrade",
                                      "content-length", "via", "age", NULL};
  g_autofree char *lower = g_ascii_strdown(name, -1);
  return g_strv_contains(names, lower);
}

static size_t
on_header(char *data, size_t size, size_t n, void *user)
{
  Transfer *t = user;
  Arena *arena = t->p->arena;
  gsize length = size * n;
  t->header_bytes += length;
  if (t->header_bytes > HEADERS_MAX)
    return 0;
  if (length > 5 && !strncmp(data, "HTTP/", 5)) { /* another response: after 100 Continue */
    t->answer->response.headers = (HeaderList) {0};
    return length;
  }
  char *line = g_strchomp(arena_strndup(arena, data, length)), *colon = strchr(line, ':');
  if (!colon)
    return length;
  *colon = '\0';
  if (!is_hop(line))
    header_add(arena, &t->answer->response.headers, line, g_strchug(colon + 1));
  return length;
}

static size_t
on_body(char *data, size_t size, size_t n, void *user)
{
  Transfer *t = user;
  if (t->body->len + size * n > RESPONSE_MAX)
    return 0;
  g_byte_array_append(t->body, (const guint8 *) data, (guint) (size * n));
  return size * n;
}

static void
set_headers(Transfer *t, CURL *curl)
{
  const HeaderList *headers = &t->request->headers;
  const CloudfrontCustomHeaders *custom = t->origin->CustomHeaders;
  HeaderList all = {0};
  Arena *arena = t->p->arena;
  for (gsize i = 0; i < headers->n; i++)
    header_add(arena, &all, headers->v[i].key, headers->v[i].value);
  for (gsize i = 0; custom && i < custom->Items.n; i++)
    header_set(arena, &all, custom->Items.v[i]->HeaderName, custom->Items.v[i]->HeaderValue);
  if (!header_get(&all, "Host"))
    header_add(arena, &all, "Host", t->origin->DomainName);
  for (gsize i = 0; i < all.n; i++)
    t->headers = curl_slist_append(t->headers, arena_printf(arena, *all.v[i].value ? "%s: %s" : "%s;", all.v[i].key, all.v[i].value));
  static const char *const unasked[] = {"Accept", "Content-Type", "Expect"}; /* that libcurl would add */
  for (guint i = 0; i < G_N_ELEMENTS(unasked); i++)
    if (!header_get(&all, unasked[i]))
      t->headers = curl_slist_append(t->headers, arena_printf(arena, "%s:", unasked[i]));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
}

static void
set_method(const Transfer *t, CURL *curl)
{
  const char *method = t->request->method;
  if (!strcmp(method, "HEAD")) {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    return;
  }
  if (t->p->body_size || !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH")) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) t->p->body_size);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, t->p->body ? (const char *) t->p->body : "");
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static gboolean
uses_tls(const Passage *p, const CloudfrontOrigin *origin)
{
  const char *policy = origin->CustomOriginConfig->OriginProtocolPolicy;
  return !strcmp(policy, "https-only") || (!strcmp(policy, "match-viewer") && p->request->source->tls);
}

static guint16
port_of(const Passage *p, const CloudfrontOrigin *origin)
{
  const CloudfrontCustomOriginConfig *custom = origin->CustomOriginConfig;
  return (guint16) (uses_tls(p, origin) ? OPT_OR(custom->HTTPSPort, 443) : OPT_OR(custom->HTTPPort, 80));
}

static void
set_options(Transfer *t, CURL *curl)
{
  const CloudfrontOrigin *origin = t->origin;
  const CloudfrontCustomOriginConfig *custom = origin->CustomOriginConfig;
  Arena *arena = t->p->arena;
  const char *query = t->request->query;
  curl_easy_setopt(curl, CURLOPT_URL, arena_printf(arena, "http%s://%s:%u/", uses_tls(t->p, origin) ? "s" : "", origin->DomainName, port_of(t->p, origin)));
  curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, arena_printf(arena, "%s%s%s%s", origin->OriginPath ? origin->OriginPath : "", t->request->path,
                                                              *query ? "?" : "", query));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long) OPT_OR(origin->ConnectionTimeout, 10));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long) OPT_OR(custom->OriginReadTimeout, 30));
  curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long) OPT_OR(custom->OriginKeepaliveTimeout, 5));
  curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->message);
  set_method(t, curl);
  set_headers(t, curl);
}

static void
fail(OriginAnswer *answer, int status, const char *reason)
{
  *answer = (OriginAnswer) {.failed = TRUE, .reason = reason, .response = {.status = status}};
}

static void
explain(const Transfer *t, CURLcode code, OriginAnswer *answer)
{
  log_warning("distribution %s: origin %s: %s", t->p->site->distribution->Id, t->origin->DomainName, *t->message ? t->message : curl_easy_strerror(code));
  if (code == CURLE_OPERATION_TIMEDOUT)
    fail(answer, 504, no_connection);
  else if (t->body->len && t->body->len + CURL_MAX_WRITE_SIZE > RESPONSE_MAX)
    fail(answer, 502, "The origin's response is larger than the 64 MiB that haar takes through CloudFront.");
  else if (code == CURLE_COULDNT_CONNECT)
    fail(answer, 502, "CloudFront wasn't able to connect to the origin.");
  else
    fail(answer, 502, no_connection);
}

/* Returns the code of libcurl; *answer is complete if it is CURLE_OK. */
static CURLcode
transfer(const Passage *p, const CloudfrontOrigin *origin, const OriginRequest *request, OutgoingRoute *route, OriginAnswer *answer)
{
  g_autoptr(GByteArray) body = g_byte_array_new();
  Transfer t = {.p = p, .origin = origin, .request = request, .answer = answer, .body = body};
  long status = 0;
  curl_off_t declared = -1;
  *answer = (OriginAnswer) {0};
  CURL *curl = client_take(p->cdn);
  outgoing_prepare(curl, route);
  set_options(&t, curl);
  CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &declared);
  client_give(p->cdn, curl);
  curl_slist_free_all(t.headers);
  if (code != CURLE_OK) {
    explain(&t, code, answer);
    return code;
  }
  answer->response.status = (int) status;
  answer->response.body = arena_memdup(p->arena, body->data, body->len);
  answer->response.size = strcmp(request->method, "HEAD") || declared < 0 ? body->len : (gsize) declared;
  return CURLE_OK;
}

/* Connections are tried as often as the origin says; what may have been done by the origin is not asked again. */
void
origin_ask_custom(const Passage *p, const CloudfrontOrigin *origin, const OriginRequest *request, OriginAnswer *ret_answer)
{
  gboolean safe = !strcmp(request->method, "GET") || !strcmp(request->method, "HEAD");
  gint64 attempts = OPT_OR(origin->ConnectionAttempts, 3);
  g_auto(OutgoingRoute) route = {0};
  g_autoptr(Error) error = outgoing_route(p->haar, origin->DomainName, port_of(p, origin), &route);
  if (error) {
    log_warning("distribution %s: origin %s: %s", p->site->distribution->Id, origin->DomainName, error->message);
    fail(ret_answer, 502, "CloudFront wasn't able to resolve the origin domain name.");
    return;
  }
  for (gint64 i = 0; i < attempts; i++) {
    CURLcode code = transfer(p, origin, request, &route, ret_answer);
    gboolean again = code == CURLE_COULDNT_CONNECT || (safe && (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR));
    if (!again)
      return;
  }
}

/* --- groups --- */

static const CloudfrontOrigin *
find_origin(const CloudfrontDistributionConfig *config, const char *id)
{
  for (gsize i = 0; i < config->Origins->Items.n; i++)
    if (!strcmp(config->Origins->Items.v[i]->Id, id))
      return config->Origins->Items.v[i];
  return NULL;
}

static const CloudfrontOriginGroup *
find_group(const CloudfrontDistributionConfig *config, const char *id)
{
  for (gsize i = 0; i < config->OriginGroups->Items.n; i++)
    if (!strcmp(config->OriginGroups->Items.v[i]->Id, id))
      return config->OriginGroups->Items.v[i];
  return NULL;
}

static void
ask_one(const Passage *p, const char *id, OriginRequest *request, OriginAnswer *ret_answer)
{
  const CloudfrontOrigin *origin = find_origin(p->site->distribution->Config, id);
  if (!origin)
    fail(ret_answer, 502, no_connection);
  else if (origin_is_s3(origin) && !origin->CustomOriginConfig)
    origin_ask_s3(p, origin, request, ret_answer);
  else
    origin_ask_custom(p, origin, request, ret_answer);
}

static gboolean
fails_over(const CloudfrontOriginGroup *group, const OriginAnswer *answer)
{
  const CloudfrontStatusCodes *codes = group->FailoverCriteria->StatusCodes;
  if (answer->failed)
    return TRUE;
  for (gsize i = 0; i < codes->Items.n; i++)
    if (codes->Items.v[i].v == answer->response.status)
      return TRUE;
  return FALSE;
}

void
origin_ask(const Passage *p, OriginRequest *request, OriginAnswer *ret_answer)
{
  const char *target = p->behaviour->config->TargetOriginId;
  const CloudfrontOriginGroup *group = find_group(p->site->distribution->Config, target);
  gboolean may = !strcmp(p->method, "GET") || !strcmp(p->method, "HEAD") || !strcmp(p->method, "OPTIONS");
  if (!group) {
    ask_one(p, target, request, ret_answer);
    return;
  }
  ask_one(p, group->Members->Items.v[0]->OriginId, request, ret_answer);
  if (may && fails_over(group, ret_answer))
    ask_one(p, group->Members->Items.v[1]->OriginId, request, ret_answer);
}
