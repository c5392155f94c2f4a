/* From what a viewer sent to what an origin gets, and to the key of the cache.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-the-cache-key.html */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

/* --- what the settings select --- */

typedef struct Select { Selection selection; const StringList *names; } Select;

static Selection
selection_of(const char *word)
{
  static const struct { const char *word; Selection selection; } words[] = {
    {"none", SELECT_NONE}, {"whitelist", SELECT_LISTED}, {"all", SELECT_ALL}, {"allViewer", SELECT_ALL}, {"allExcept", SELECT_EXCEPT},
    {"allViewerAndWhitelistCloudFront", SELECT_ALL},
  };
  for (guint i = 0; word && i < G_N_ELEMENTS(words); i++)
    if (!strcmp(words[i].word, word))
      return words[i].selection;
  return SELECT_NONE;
}

/* What is part of the key: of the cache policy, or of ForwardedValues. */
static Select
key_query(const Behaviour *b)
{
  const CloudfrontForwardedValues *old = b->config->ForwardedValues;
  if (b->cache) {
    const CloudfrontCachePolicyQueryStringsConfig *config = b->cache->ParametersInCacheKeyAndForwardedToOrigin ? b->cache->ParametersInCacheKeyAndForwardedToOrigin->QueryStringsConfig : NULL;
    return (Select) {config ? selection_of(config->QueryStringBehavior) : SELECT_NONE, config && config->QueryStrings ? &config->QueryStrings->Items : NULL};
  }
  if (!old || !OPT_OR(old->QueryString, FALSE))
    return (Select) {SELECT_NONE, NULL};
  gboolean listed = old->QueryStringCacheKeys && old->QueryStringCacheKeys->Items.n;
  return (Select) {listed ? SELECT_LISTED : SELECT_ALL, listed ? &old->QueryStringCacheKeys->Items : NULL};
}

static Select
key_cookies(const Behaviour *b)
{
  const CloudfrontForwardedValues *old = b->config->ForwardedValues;
  if (b->cache) {
    const CloudfrontCachePolicyCookiesConfig *config = b->cache->ParametersInCacheKeyAndForwardedToOrigin ? b->cache->ParametersInCacheKeyAndForwardedToOrigin->CookiesConfig : NULL;
    return (Select) {config ? selection_of(config->CookieBehavior) : SELECT_NONE, config && config->Cookies ? &config->Cookies->Items : NULL};
  }
  if (!old || !old->Cookies)
    return (Select) {SELECT_NONE, NULL};
  return (Select) {selection_of(old->Cookies->Forward), old->Cookies->WhitelistedNames ? &old->Cookies->WhitelistedNames->Items : NULL};
}

static const StringList *
key_headers(const Behaviour *b)
{
  const CloudfrontForwardedValues *old = b->config->ForwardedValues;
  if (!b->cache)
    return old && old->Headers ? &old->Headers->Items : NULL;
  const CloudfrontCachePolicyHeadersConfig *config = b->cache->ParametersInCacheKeyAndForwardedToOrigin ? b->cache->ParametersInCacheKeyAndForwardedToOrigin->HeadersConfig : NULL;
  return config && !g_strcmp0(config->HeaderBehavior, "whitelist") && config->Headers ? &config->Headers->Items : NULL;
}

TtlRange
behaviour_ttls(const Behaviour *b)
{
  if (!b->cache)
    return (TtlRange) {OPT_OR(b->config->MinTTL, 0), OPT_OR(b->config->DefaultTTL, 86400), OPT_OR(b->config->MaxTTL, 31536000)};
  gint64 min = OPT_OR(b->cache->MinTTL, 0);
  return (TtlRange) {min, OPT_OR(b->cache->DefaultTTL, MAX(86400, min)), OPT_OR(b->cache->MaxTTL, MAX(31536000, min))};
}

static gboolean
accepts_gzip(const HttpRequest *request)
{
  const char *accept = http_header(request, "accept-encoding");
  return accept && strstr(accept, "gzip") && !strstr(accept, "gzip;q=0,") && !g_str_has_suffix(accept, "gzip;q=0");
}

gboolean
behaviour_compresses(const Passage *p)
{
  const Behaviour *b = p->behaviour;
  if (!OPT_OR(b->config->Compress, FALSE) || !accepts_gzip(p->request))
    return FALSE;
  const CloudfrontParametersInCacheKeyAndForwardedToOrigin *key = b->cache ? b->cache->ParametersInCacheKeyAndForwardedToOrigin : NULL;
  return !b->cache || (key && OPT_OR(key->EnableAcceptEncodingGzip, FALSE));
}

/* Whether the origin hears of gzip: it may compress by itself. */
static gboolean
forwards_gzip(const Passage *p)
{
  const Behaviour *b = p->behaviour;
  const CloudfrontParametersInCacheKeyAndForwardedToOrigin *key = b->cache ? b->cache->ParametersInCacheKeyAndForwardedToOrigin : NULL;
  return accepts_gzip(p->request) && (key ? OPT_OR(key->EnableAcceptEncodingGzip, FALSE) : OPT_OR(b->config->Compress, FALSE));
}

/* --- the key --- */

static const char *
shown(const char *text)
{
  return text ? text : "";
}

/* A header of the viewer's, or one that CloudFront makes. */
static const char *
viewer_header(const Passage *p, const char *name)
{
  gboolean tls = p->request->source->tls;
  if (!g_ascii_strcasecmp(name, "CloudFront-Forwarded-Proto"))
    return tls ? "https" : "http";
  if (!g_ascii_strcasecmp(name, "CloudFront-Viewer-Address"))
    return arena_printf(p->arena, "%s:0", p->request->source->ip);
  if (!g_ascii_strncasecmp(name, "CloudFront-", 11))
    return NULL;
  g_autofree char *lower = g_ascii_strdown(name, -1);
  return http_header(p->request, lower);
}

const char *
cache_key(const Passage *p, const char **ret_path)
{
  const Behaviour *b = p->behaviour;
  const Select query = key_query(b), cookies = key_cookies(b);
  const StringList *headers = key_headers(b);
  const char *kept = query_select(p->arena, p->query, query.selection, query.names);
  g_autoptr(GString) key = g_string_new(NULL);
  gboolean read = !strcmp(p->method, "GET") || !strcmp(p->method, "HEAD");
  *ret_path = *kept ? arena_printf(p->arena, "%s?%s", p->path, kept) : p->path;
  g_string_append_printf(key, "%s\n%s\n%s\n%s\n%s\n", p->site->distribution->Id, read ? "GET" : p->method, b->config->TargetOriginId, *ret_path,
                         shown(cookies_select(p->arena, http_header(p->request, "cookie"), cookies.selection, cookies.names)));
  for (gsize i = 0; headers && i < headers->n; i++)
    g_string_append_printf(key, "%s: %s\n", headers->v[i], shown(viewer_header(p, headers->v[i])));
  g_string_append(key, forwards_gzip(p) ? "gzip" : "");
  return arena_strndup(p->arena, key->str, key->len);
}

/* --- what goes to the origin --- */

/* Never forwarded, whatever the settings; or made by CloudFront. */
static gboolean
is_own(const char *name)
{
  static const char *const names[] = {"accept-encoding", "connection", "content-length", "cookie", "expect", "host", "keep-alive", "proxy-authorization",
                                      "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via", "x-amz-cf-id",
                                      "x-forwarded-for", "x-forwarded-proto", "x-real-ip", NULL};
  return g_strv_contains(names, name) || g_str_has_prefix(name, "x-edge-") || g_str_has_prefix(name, "cloudfront-");
}

/* Forwarded without being asked for: what belongs to the body and to conditions. */
static gboolean
is_plain(const Passage *p, const char *name)
{
  static const char *const always[] = {"content-type", "content-md5", "content-encoding", "content-language", "date", "range", "if-match",
                                       "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", NULL};
  static const char *const never[] = {"accept", "accept-charset", "accept-language", "referer", NULL};
  if (g_strv_contains(always, name))
    return TRUE;
  if (g_strv_contains(never, name))
    return FALSE;
  gboolean read = !strcmp(p->method, "GET") || !strcmp(p->method, "HEAD") || !strcmp(p->method, "OPTIONS");
  if (!strcmp(name, "authorization"))
    return !read && !p->behaviour->cache;
  return !p->behaviour->cache; /* the old settings forward other headers, policies do not */
}

static gboolean
is_listed(const StringList *names, const char *name)
{
  for (gsize i = 0; names && i < names->n; i++)
    if (!g_ascii_strcasecmp(names->v[i], name) || !strcmp(names->v[i], "*"))
      return TRUE;
  return FALSE;
}

static gboolean
policy_forwards(const CloudfrontOriginRequestPolicyConfig *policy, const char *name)
{
  const CloudfrontOriginRequestPolicyHeadersConfig *config = policy ? policy->HeadersConfig : NULL;
  const StringList *names = config && config->Headers ? &config->Headers->Items : NULL;
  if (!config)
    return FALSE;
  Selection selection = selection_of(config->HeaderBehavior);
  if (selection == SELECT_LISTED || selection == SELECT_EXCEPT)
    return is_listed(names, name) == (selection == SELECT_LISTED);
  return selection == SELECT_ALL;
}

static gboolean
forwards(const Passage *p, const char *name)
{
  return is_listed(key_headers(p->behaviour), name) || policy_forwards(p->behaviour->request, name);
}

static void
add_made_headers(const Passage *p, OriginRequest *request)
{
  const HttpRequest *viewer = p->request;
  const char *via = http_header(viewer, "via"), *forwarded = http_header(viewer, "x-forwarded-for");
  const char *own = arena_printf(p->arena, "1.1 %s (CloudFront)", p->site->distribution->DomainName);
  static const char *const made[] = {"CloudFront-Forwarded-Proto", "CloudFront-Viewer-Address"};
  header_add(p->arena, &request->headers, "X-Amz-Cf-Id", p->cf_id);
  header_add(p->arena, &request->headers, "Via", via ? arena_printf(p->arena, "%s, %s", via, own) : own);
  header_add(p->arena, &request->headers, "X-Forwarded-For", forwarded ? arena_printf(p->arena, "%s, %s", forwarded, viewer->source->ip) : viewer->source->ip);
  const char *agent = http_header(viewer, "user-agent");
  header_add(p->arena, &request->headers, "User-Agent", agent && forwards(p, "user-agent") ? agent : "Amazon CloudFront");
  if (forwards(p, "host"))
    header_add(p->arena, &request->headers, "Host", http_header(viewer, "host"));
  if (forwards_gzip(p))
    header_add(p->arena, &request->headers, "Accept-Encoding", "gzip");
  for (guint i = 0; i < G_N_ELEMENTS(made); i++)
    if (is_listed(key_headers(p->behaviour), made[i]) ||
        (p->behaviour->request && p->behaviour->request->HeadersConfig && p->behaviour->request->HeadersConfig->Headers &&
         selection_of(p->behaviour->request->HeadersConfig->HeaderBehavior) != SELECT_EXCEPT &&
         is_listed(&p->behaviour->request->HeadersConfig->Headers->Items, made[i])))
      header_add(p->arena, &request->headers, made[i], viewer_header(p, made[i]));
}

static void
add_cookies(const Passage *p, OriginRequest *request)
{
  const char *sent = http_header(p->request, "cookie");
  Select cookies = key_cookies(p->behaviour);
  const CloudfrontOriginRequestPolicyCookiesConfig *more = p->behaviour->request ? p->behaviour->request->CookiesConfig : NULL;
  Selection further = more ? selection_of(more->CookieBehavior) : SELECT_NONE;
  const char *kept = further == SELECT_ALL ? cookies_select(p->arena, sent, SELECT_ALL, NULL) : cookies_select(p->arena, sent, cookies.selection, cookies.names);
  const char *also = further == SELECT_LISTED || further == SELECT_EXCEPT ? cookies_select(p->arena, sent, further, more->Cookies ? &more->Cookies->Items : NULL) : NULL;
  if (kept && also && strcmp(kept, also))
    kept = arena_printf(p->arena, "%s; %s", kept, also);
  if (kept || also)
    header_add(p->arena, &request->headers, "Cookie", kept ? kept : also);
}

static const char *
forwarded_query(const Passage *p)
{
  Select query = key_query(p->behaviour);
  const CloudfrontOriginRequestPolicyQueryStringsConfig *more = p->behaviour->request ? p->behaviour->request->QueryStringsConfig : NULL;
  Selection further = more ? selection_of(more->QueryStringBehavior) : SELECT_NONE;
  const StringList *names = more && more->QueryStrings ? &more->QueryStrings->Items : NULL;
  const CloudfrontForwardedValues *old = p->behaviour->config->ForwardedValues;
  if (further == SELECT_ALL || (!p->behaviour->cache && old && OPT_OR(old->QueryString, FALSE)))
    return p->query;
  if (further == SELECT_NONE)
    return query_select(p->arena, p->query, query.selection, query.names);
  StringList both = {0};
  for (gsize i = 0; query.selection == SELECT_LISTED && query.names && i < query.names->n; i++)
    LIST_APPEND(p->arena, &both, query.names->v[i]);
  for (gsize i = 0; names && i < names->n; i++)
    LIST_APPEND(p->arena, &both, names->v[i]);
  return query.selection == SELECT_ALL ? p->query : query_select(p->arena, p->query, further, &both);
}

void
origin_request_make(const Passage *p, OriginRequest *ret_request)
{
  const HeaderList *sent = p->request->headers;
  *ret_request = (OriginRequest) {.method = p->method, .path = p->path, .query = forwarded_query(p)};
  for (gsize i = 0; i < sent->n; i++) {
    const char *name = sent->v[i].key;
    if (!is_own(name) && (is_plain(p, name) || forwards(p, name)))
      header_add(p->arena, &ret_request->headers, name, sent->v[i].value);
  }
  add_cookies(p, ret_request);
  add_made_headers(p, ret_request);
}
