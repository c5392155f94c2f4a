/* The data plane: one request, from the viewer's name and path to a kept or fetched response.
 *
 *   https://d111111abcdef8.cloudfront.net/path     inside the VPCs and in the region's internet
 *   http(s)://d111111abcdef8.cloudfront.localhost:4566/path   on the host, where names under localhost resolve
 *   any alias, by its Host header or server name
 *
 * name -> distribution -> behaviour by path -> protocol and method allowed? -> kept and fresh? -> else the origin is asked, with what is
 * kept as a condition -> errors become error pages -> kept as long as the settings and the response say -> sent. */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

/* An origin may be this daemon itself. Each request holds one of the server's 256 threads: some have to be left for those that it waits for. */
enum { ERROR_TTL = 10, IN_FLIGHT_MAX = 160 };

/* --- which behaviour --- */

static const Behaviour *
find_behaviour(const Site *site, const char *path)
{
  for (guint i = 0; i < site->behaviours->len; i++) {
    const Behaviour *behaviour = &g_array_index(site->behaviours, Behaviour, i);
    if (!behaviour->config->PathPattern || path_matches(behaviour->config->PathPattern, path))
      return behaviour;
  }
  return NULL; /* not reached: the default behaviour has no pattern */
}

static gboolean
is_read(const char *method)
{
  return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

static gboolean
is_cacheable(const Passage *p)
{
  if (is_read(p->method))
    return TRUE;
  const CloudfrontAllowedMethods *methods = p->behaviour->config->AllowedMethods;
  return methods->CachedMethods && string_list_has(&methods->CachedMethods->Items, p->method);
}

/* --- errors --- */

static const CloudfrontCustomErrorResponse *
custom_error(const Site *site, int status)
{
  const CloudfrontCustomErrorResponses *responses = site->distribution->Config->CustomErrorResponses;
  for (gsize i = 0; i < responses->Items.n; i++)
    if (responses->Items.v[i]->ErrorCode.v == status)
      return responses->Items.v[i];
  return NULL;
}

/* https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html */
static gboolean
is_kept_error(int status, const HeaderList *headers, gboolean custom)
{
  static const int always[] = {404, 414, 500, 501, 502, 503, 504}, sometimes[] = {400, 403, 405, 412, 415};
  for (guint i = 0; i < G_N_ELEMENTS(always); i++)
    if (always[i] == status)
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(sometimes); i++)
    if (sometimes[i] == status)
      return custom || header_get(headers, "Cache-Control");
  return FALSE;
}

/* --- fetching --- */

/* A response on its way to the viewer. */
typedef struct Outcome {
  Response response;
  const char *x_cache;
  gint64 age_s;              /* -1: it was not kept */
} Outcome;

static void resolve(Passage *p, Outcome *ret);

/* The page of a custom error response comes through the distribution itself, as any path. */
static void
replace_error(const Passage *p, Response *response)
{
  const CloudfrontCustomErrorResponse *custom = custom_error(p->site, response->status);
  const char *page = custom ? custom->ResponsePagePath : NULL;
  if (!page || !*page || p->error_page)
    return;
  Passage below = *p;
  Outcome outcome = {0};
  below.error_page = TRUE;
  below.path = page;
  below.query = "";
  below.method = strcmp(p->method, "HEAD") ? "GET" : "HEAD";
  below.body = NULL;
  below.body_size = 0;
  below.behaviour = find_behaviour(p->site, page);
  resolve(&below, &outcome);
  if (outcome.response.status != 200)
    return;
  int status = (int) g_ascii_strtoll(custom->ResponseCode, NULL, 10);
  *response = outcome.response;
  response->status = status;
}

static void
keep(const Passage *p, const char *key, const char *path, const Response *response, int origin_status)
{
  gint64 now = clock_now();
  const CloudfrontCustomErrorResponse *custom = custom_error(p->site, origin_status);
  const TtlRange range = behaviour_ttls(p->behaviour);
  Freshness freshness = freshness_of(&response->headers, &range, now);
  if (origin_status >= 400) {
    gint64 least = custom ? OPT_OR(custom->ErrorCachingMinTTL, ERROR_TTL) : ERROR_TTL;
    const TtlRange errors = {least, least, MAX(range.max, least)};
    freshness = freshness_of(&response->headers, &errors, now);
    freshness.keep = freshness.ttl_ms > 0 && is_kept_error(origin_status, &response->headers, custom != NULL);
  } else if (origin_status == 206 || origin_status == 304) {
    freshness.keep = FALSE;
  }
  if (freshness.keep && (freshness.ttl_ms > 0 || header_get(&response->headers, "ETag") || header_get(&response->headers, "Last-Modified")))
    cache_put(p->cdn->cache, key, p->site->distribution->Id, path, response, now, freshness.ttl_ms);
}

static void
set_conditions(const Passage *p, const CacheEntry *entry, OriginRequest *request)
{
  static const char *const viewers[] = {"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"};
  for (guint i = 0; i < G_N_ELEMENTS(viewers); i++)
    header_remove(&request->headers, viewers[i]);
  const char *etag = entry ? header_get(&entry->response.headers, "ETag") : NULL;
  const char *modified = entry ? header_get(&entry->response.headers, "Last-Modified") : NULL;
  if (!entry || entry->response.status >= 400)
    return;
  if (etag)
    header_add(p->arena, &request->headers, "If-None-Match", g_str_has_prefix(etag, "W/") && header_get(&entry->response.headers, "Content-Encoding") ? etag + 2 : etag);
  if (modified)
    header_add(p->arena, &request->headers, "If-Modified-Since", modified);
}

/* What is kept, as the viewer's own memory for the time of this request. */
static Response
copy_kept(const Passage *p, const CacheEntry *entry)
{
  Response copy = {.status = entry->response.status, .size = entry->response.size};
  copy.body = arena_memdup(p->arena, entry->response.body, entry->response.size);
  for (gsize i = 0; i < entry->response.headers.n; i++)
    header_add(p->arena, &copy.headers, arena_strdup(p->arena, entry->response.headers.v[i].key), arena_strdup(p->arena, entry->response.headers.v[i].value));
  return copy;
}

/* A 304 of the origin: the kept response with its new headers is good for another time. */
static void
refresh(const Passage *p, const CacheEntry *entry, const char *key, const char *path, const Response *fresh, Outcome *ret)
{
  static const char *const renewed[] = {"Cache-Control", "Expires", "Date", "Last-Modified"};
  ret->response = copy_kept(p, entry);
  for (guint i = 0; i < G_N_ELEMENTS(renewed); i++) {
    const char *value = header_get(&fresh->headers, renewed[i]);
    if (value)
      header_set(p->arena, &ret->response.headers, renewed[i], value);
  }
  keep(p, key, path, &ret->response, ret->response.status);
  ret->x_cache = "RefreshHit from cloudfront";
  ret->age_s = 0;
}

static void
fetch(Passage *p, CacheEntry *entry, const char *key, const char *path, Outcome *ret)
{
  OriginRequest request;
  OriginAnswer answer;
  origin_request_make(p, &request);
  if (key)
    set_conditions(p, entry, &request);
  origin_ask(p, &request, &answer);
  gboolean usable = entry && entry->response.status < 400;
  if (usable && answer.response.status == 304 && !answer.failed) {
    refresh(p, entry, key, path, &answer.response, ret);
    return;
  }
  if (usable && answer.response.status >= 500) { /* what is old is better than nothing */
    *ret = (Outcome) {.response = copy_kept(p, entry), .x_cache = "Hit from cloudfront", .age_s = (clock_now() - entry->stored_ms) / 1000};
    return;
  }
  if (answer.failed)
    error_page(p, answer.response.status, answer.reason, &answer.response);
  int status = answer.response.status;
  if (status >= 400)
    replace_error(p, &answer.response);
  if (key)
    compress_response(p, &answer.response);
  if (key && strcmp(p->method, "HEAD"))
    keep(p, key, path, &answer.response, status);
  *ret = (Outcome) {.response = answer.response, .x_cache = status >= 400 ? "Error from cloudfront" : "Miss from cloudfront", .age_s = -1};
}

static void
resolve(Passage *p, Outcome *ret)
{
  const TtlRange range = behaviour_ttls(p->behaviour);
  const char *path = NULL;
  if (!is_cacheable(p) || range.max == 0) {
    fetch(p, NULL, NULL, NULL, ret);
    return;
  }
  const char *key = cache_key(p, &path);
  g_autoptr(CacheEntry) entry = cache_get(p->cdn->cache, key);
  gint64 now = clock_now();
  if (!entry || entry->until_ms <= now || entry->stored_ms > now) {
    fetch(p, entry, key, path, ret);
    return;
  }
  *ret = (Outcome) {.response = copy_kept(p, entry), .x_cache = entry->response.status >= 400 ? "Error from cloudfront" : "Hit from cloudfront",
                    .age_s = (now - entry->stored_ms) / 1000};
}

/* --- what a viewer may ask --- */

/* https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-viewers-to-cloudfront.html FALSE: it was answered. */
static gboolean
check_protocol(const Passage *p)
{
  const char *policy = p->behaviour->config->ViewerProtocolPolicy, *host = http_header(p->request, "host");
  if (p->request->source->tls || !strcmp(policy, "allow-all"))
    return TRUE;
  if (!strcmp(policy, "https-only")) {
    send_error(p, 403, "Bad request.");
    return FALSE;
  }
  static const char page[] = "<html>\r\n<head><title>301 Moved Permanently</title></head>\r\n<body>\r\n<center><h1>301 Moved Permanently</h1></center>\r\n"
                             "<hr><center>CloudFront</center>\r\n</body>\r\n</html>\r\n";
  Response response = {.status = is_read(p->method) ? 301 : 307, .body = (const guint8 *) page, .size = strlen(page)};
  header_add(p->arena, &response.headers, "Location", arena_printf(p->arena, "https://%s%s", host, p->request->target));
  header_add(p->arena, &response.headers, "Server", "CloudFront");
  header_add(p->arena, &response.headers, "Content-Type", "text/html");
  send_response(p, &response, "Redirect from cloudfront", -1);
  return FALSE;
}

static gboolean
check_method(const Passage *p)
{
  if (string_list_has(&p->behaviour->config->AllowedMethods->Items, p->method))
    return TRUE;
  send_error(p, 403, "This distribution is not configured to allow the HTTP request method that was used for this request. The distribution supports "
                     "only cachable requests.");
  return FALSE;
}

/* An origin that hands the viewer's Host header on leads back here; the request went through this distribution already. */
static gboolean
is_loop(const Passage *p)
{
  const char *via = http_header(p->request, "via");
  return via && strstr(via, arena_printf(p->arena, "1.1 %s (CloudFront)", p->site->distribution->DomainName));
}

static const char *
cf_id(Arena *arena)
{
  return arena_printf(arena, "%s==", id_alphabet(arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 54));
}

static void
serve(Haar *haar, Cdn *cdn, HttpExchange *exchange, gboolean too_many)
{
  const HttpRequest *request = http_request(exchange);
  Passage p = {.haar = haar, .cdn = cdn, .exchange = exchange, .request = request, .arena = http_arena(exchange), .path = request->path,
               .query = request->query, .method = request->method, .begun_us = clock_monotonic_us()};
  g_autoptr(Site) site = cdn_site(cdn, request->host);
  Outcome outcome = {0};
  p.cf_id = cf_id(p.arena);
  http_body(exchange, &p.body, &p.body_size);
  if (!site || !OPT_OR(site->distribution->Config->Enabled, FALSE)) {
    send_error(&p, 403, "Bad request.");
    return;
  }
  p.site = site;
  if (too_many) {
    send_error(&p, 503, "haar serves at most 160 requests through CloudFront at a time.");
    return;
  }
  if (is_loop(&p)) {
    send_error(&p, 403, "The request goes in a circle: an origin of this distribution leads back to it. Does its origin request policy forward the Host header?");
    return;
  }
  if (!strcmp(p.path, "/") && *site->distribution->Config->DefaultRootObject)
    p.path = arena_printf(p.arena, "/%s", site->distribution->Config->DefaultRootObject);
  p.behaviour = find_behaviour(site, p.path);
  if (!check_protocol(&p) || !check_method(&p))
    return;
  resolve(&p, &outcome);
  send_response(&p, &outcome.response, outcome.x_cache, outcome.age_s);
}

void
cloudfront_serve(Haar *haar, HttpExchange *exchange)
{
  Cdn *cdn = cdn_of(haar);
  gint before = g_atomic_int_add(&cdn->in_flight, 1);
  serve(haar, cdn, exchange, before >= IN_FLIGHT_MAX);
  g_atomic_int_add(&cdn->in_flight, -1);
}
