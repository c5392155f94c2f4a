/* What a viewer gets: CloudFront's own headers, ranges, policies of response headers, compression, error pages.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html */
#include "services/cloudfront/cloudfront.h"

#include <string.h>
#include <zlib.h>

#include "server/metrics.h"

enum { COMPRESS_MIN = 1000, COMPRESS_MAX = 10000000 };

/* --- compression --- */

static gboolean
is_compressible(const char *type)
{
  static const char *const types[] = {"application/javascript", "application/json", "application/x-javascript", "application/xml", "application/wasm",
                                      "application/vnd.ms-fontobject", "application/xhtml+xml", "application/rss+xml", "application/ld+json", "font/otf",
                                      "font/ttf", "image/svg+xml", "text/css", "text/csv", "text/html", "text/javascript", "text/plain", "text/xml",
                                      "text/markdown", "text/x-component", NULL};
  if (!type)
    return FALSE;
  g_autofree char *plain = g_strchomp(g_ascii_strdown(type, (gssize) strcspn(type, ";")));
  return g_strv_contains(types, plain);
}

gboolean
gzip_all(const guint8 *data, gsize size, GByteArray *out)
{
  z_stream stream = {.next_in = (Bytef *) data, .avail_in = (uInt) size};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return FALSE;
  g_byte_array_set_size(out, (guint) deflateBound(&stream, (uLong) size));
  stream.next_out = out->data;
  stream.avail_out = out->len;
  gboolean good = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  g_byte_array_set_size(out, (guint) stream.total_out);
  deflateEnd(&stream);
  return good;
}

void
compress_response(const Passage *p, Response *response)
{
  g_autoptr(GByteArray) out = g_byte_array_new();
  const char *etag = header_get(&response->headers, "ETag");
  gboolean good = response->status == 200 || response->status == 403 || response->status == 404;
  if (!good || !behaviour_compresses(p) || response->size < COMPRESS_MIN || response->size > COMPRESS_MAX || !response->body ||
      header_get(&response->headers, "Content-Encoding") || !is_compressible(header_get(&response->headers, "Content-Type")) ||
      !gzip_all(response->body, response->size, out))
    return;
  response->body = arena_memdup(p->arena, out->data, out->len);
  response->size = out->len;
  header_set(p->arena, &response->headers, "Content-Encoding", "gzip");
  header_set(p->arena, &response->headers, "Vary", "Accept-Encoding");
  if (etag && !g_str_has_prefix(etag, "W/"))
    header_set(p->arena, &response->headers, "ETag", arena_printf(p->arena, "W/%s", etag));
}

/* --- response headers policies --- */

static void
put(const Passage *p, HeaderList *headers, const char *name, const char *value, gboolean override)
{
  if (value && (override || !header_get(headers, name)))
    header_set(p->arena, headers, name, value);
}

static const char *
joined(Arena *arena, const StringList *list)
{
  return text_join(arena, ", ", list->v, list->n);
}

static void
put_cors(const Passage *p, const CloudfrontResponseHeadersPolicyCorsConfig *cors, HeaderList *headers)
{
  const char *origin = http_header(p->request, "origin");
  const StringList *allowed = &cors->AccessControlAllowOrigins->Items;
  gboolean override = OPT_OR(cors->OriginOverride, FALSE), any = string_list_has(allowed, "*"), found = any;
  gboolean preflight = !strcmp(p->method, "OPTIONS") && http_header(p->request, "access-control-request-method");
  if (!origin)
    return;
  const char *bare = strstr(origin, "://") ? strstr(origin, "://") + 3 : origin;
  for (gsize i = 0; i < allowed->n && !found; i++)
    found = text_glob(allowed->v[i], origin) || text_glob(allowed->v[i], bare);
  if (!found)
    return;
  put(p, headers, "Access-Control-Allow-Origin", any ? "*" : origin, override);
  if (OPT_OR(cors->AccessControlAllowCredentials, FALSE))
    put(p, headers, "Access-Control-Allow-Credentials", "true", override);
  if (cors->AccessControlExposeHeaders && cors->AccessControlExposeHeaders->Items.n)
    put(p, headers, "Access-Control-Expose-Headers", joined(p->arena, &cors->AccessControlExposeHeaders->Items), override);
  if (!preflight)
    return;
  put(p, headers, "Access-Control-Allow-Methods", joined(p->arena, &cors->AccessControlAllowMethods->Items), override);
  put(p, headers, "Access-Control-Allow-Headers", joined(p->arena, &cors->AccessControlAllowHeaders->Items), override);
  if (cors->AccessControlMaxAgeSec.set)
    put(p, headers, "Access-Control-Max-Age", arena_printf(p->arena, "%d", (int) cors->AccessControlMaxAgeSec.v), override);
}

static void
put_security(const Passage *p, const CloudfrontResponseHeadersPolicySecurityHeadersConfig *config, HeaderList *headers)
{
  const CloudfrontResponseHeadersPolicyXSSProtection *xss = config->XSSProtection;
  const CloudfrontResponseHeadersPolicyStrictTransportSecurity *sts = config->StrictTransportSecurity;
  if (xss)
    put(p, headers, "X-XSS-Protection", !OPT_OR(xss->Protection, FALSE) ? "0" : xss->ReportUri ? arena_printf(p->arena, "1; report=%s", xss->ReportUri)
        : OPT_OR(xss->ModeBlock, FALSE) ? "1; mode=block" : "1", OPT_OR(xss->Override, FALSE));
  if (config->FrameOptions)
    put(p, headers, "X-Frame-Options", config->FrameOptions->FrameOption, OPT_OR(config->FrameOptions->Override, FALSE));
  if (config->ReferrerPolicy)
    put(p, headers, "Referrer-Policy", config->ReferrerPolicy->ReferrerPolicy, OPT_OR(config->ReferrerPolicy->Override, FALSE));
  if (config->ContentSecurityPolicy)
    put(p, headers, "Content-Security-Policy", config->ContentSecurityPolicy->ContentSecurityPolicy, OPT_OR(config->ContentSecurityPolicy->Override, FALSE));
  if (config->ContentTypeOptions)
    put(p, headers, "X-Content-Type-Options", "nosniff", OPT_OR(config->ContentTypeOptions->Override, FALSE));
  if (sts)
    put(p, headers, "Strict-Transport-Security", arena_printf(p->arena, "max-age=%d%s%s", (int) sts->AccessControlMaxAgeSec.v,
        OPT_OR(sts->IncludeSubdomains, FALSE) ? "; includeSubDomains" : "", OPT_OR(sts->Preload, FALSE) ? "; preload" : ""), OPT_OR(sts->Override, FALSE));
}

static void
apply_policy(const Passage *p, HeaderList *headers)
{
  const CloudfrontResponseHeadersPolicyConfig *policy = p->behaviour ? p->behaviour->response : NULL;
  if (!policy)
    return;
  if (policy->CorsConfig)
    put_cors(p, policy->CorsConfig, headers);
  if (policy->SecurityHeadersConfig)
    put_security(p, policy->SecurityHeadersConfig, headers);
  for (gsize i = 0; policy->CustomHeadersConfig && i < policy->CustomHeadersConfig->Items.n; i++) {
    const CloudfrontResponseHeadersPolicyCustomHeader *custom = policy->CustomHeadersConfig->Items.v[i];
    put(p, headers, custom->Header, custom->Value, OPT_OR(custom->Override, FALSE));
  }
}

/* --- metrics: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html --- */

static void
measure(const Passage *p, int status, gsize downloaded)
{
  const CloudfrontDistributionRecord *distribution = p->site->distribution;
  const struct { const char *name, *unit; double value; } values[] = {
    {"Requests", "None", 1}, {"BytesDownloaded", "None", (double) downloaded}, {"BytesUploaded", "None", (double) p->body_size},
    {"4xxErrorRate", "Percent", status >= 400 && status < 500 ? 100 : 0}, {"5xxErrorRate", "Percent", status >= 500 ? 100 : 0},
    {"TotalErrorRate", "Percent", status >= 400 ? 100 : 0},
  };
  MetricSeries series = {.account = distribution->Account, .region = "us-east-1", .name_space = "AWS/CloudFront",
                         .dimensions = METRIC_DIMENSIONS("DistributionId", distribution->Id, "Region", "Global")};
  for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
    series.name = values[i].name;
    series.unit = values[i].unit;
    metric_add(p->haar, &series, values[i].value);
  }
}

/* --- sending --- */

/* The viewer has it already. */
static gboolean
not_modified(const Passage *p, const Response *response)
{
  const char *match = http_header(p->request, "if-none-match"), *since = http_header(p->request, "if-modified-since");
  const char *etag = header_get(&response->headers, "ETag"), *modified = header_get(&response->headers, "Last-Modified");
  if (response->status != 200 || (strcmp(p->method, "GET") && strcmp(p->method, "HEAD")))
    return FALSE;
  if (match)
    return etag && (strstr(match, etag) || !strcmp(match, "*"));
  return since && modified && !strcmp(since, modified);
}

/* Cuts the response to what was asked for. */
static void
cut_range(const Passage *p, Response *response)
{
  gsize from = 0, size = 0;
  gboolean bad = FALSE;
  const char *condition = http_header(p->request, "if-range"), *etag = header_get(&response->headers, "ETag");
  if (response->status != 200 || strcmp(p->method, "GET") || (condition && g_strcmp0(condition, etag)) ||
      !byte_range(http_header(p->request, "range"), response->size, &from, &size, &bad))
    return;
  header_set(p->arena, &response->headers, "Content-Range",
             bad ? arena_printf(p->arena, "bytes */%" G_GSIZE_FORMAT, response->size)
                 : arena_printf(p->arena, "bytes %" G_GSIZE_FORMAT "-%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT, from, from + size - 1, response->size));
  response->status = bad ? 416 : 206;
  response->body = bad ? NULL : response->body + from;
  response->size = size;
}

void
send_response(const Passage *p, const Response *response, const char *x_cache, gint64 age_s)
{
  Response out = *response;
  out.headers = (HeaderList) {0};
  for (gsize i = 0; i < response->headers.n; i++)
    header_add(p->arena, &out.headers, response->headers.v[i].key, response->headers.v[i].value);
  if (not_modified(p, &out)) {
    out.status = 304;
    out.body = NULL;
    out.size = 0;
    header_remove(&out.headers, "Content-Type");
  }
  cut_range(p, &out);
  apply_policy(p, &out.headers);
  header_add(p->arena, &out.headers, "X-Cache", x_cache);
  header_add(p->arena, &out.headers, "Via",
             arena_printf(p->arena, "1.1 %s (CloudFront)", p->site ? p->site->distribution->DomainName : "haar.cloudfront.net"));
  header_add(p->arena, &out.headers, "X-Amz-Cf-Pop", "IAD89-C1");
  header_add(p->arena, &out.headers, "X-Amz-Cf-Id", p->cf_id);
  if (age_s >= 0)
    header_add(p->arena, &out.headers, "Age", arena_printf(p->arena, "%" G_GINT64_FORMAT, age_s));
  gboolean head = !strcmp(p->method, "HEAD");
  if (head)
    header_add(p->arena, &out.headers, "Content-Length", arena_printf(p->arena, "%" G_GSIZE_FORMAT, out.size));
  if (p->site) {
    measure(p, out.status, head ? 0 : out.size);
    log_request(p, out.status, head ? 0 : out.size, x_cache, &out.headers);
  }
  http_answer(p->exchange, out.status, &out.headers, out.body, head ? 0 : out.size);
}

void
error_page(const Passage *p, int status, const char *reason, Response *ret_response)
{
  const char *text = arena_printf(p->arena,
    "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\" \"http://www.w3.org/TR/html4/loose.dtd\">\n"
    "<HTML><HEAD><META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=iso-8859-1\">\n"
    "<TITLE>ERROR: The request could not be satisfied</TITLE>\n</HEAD><BODY>\n<H1>%d ERROR</H1>\n<H2>The request could not be satisfied.</H2>\n"
    "<HR noshade size=\"1px\">\n%s\nWe can't connect to the server for this app or website at this time. There might be too much traffic or a "
    "configuration error. Try again later, or contact the app or website owner.\n<BR clear=\"all\">\nIf you provide content to customers through "
    "CloudFront, you can find steps to troubleshoot and help prevent this error by reviewing the CloudFront documentation.\n<BR clear=\"all\">\n"
    "<HR noshade size=\"1px\">\n<PRE>\nGenerated by cloudfront (CloudFront)\nRequest ID: %s\n</PRE>\n<ADDRESS>\n</ADDRESS>\n</BODY></HTML>",
    status, reason, p->cf_id);
  *ret_response = (Response) {.status = status, .body = (const guint8 *) text, .size = strlen(text)};
  header_add(p->arena, &ret_response->headers, "Content-Type", "text/html");
  header_add(p->arena, &ret_response->headers, "Server", "CloudFront");
}

void
send_error(const Passage *p, int status, const char *reason)
{
  Response response;
  error_page(p, status, reason, &response);
  send_response(p, &response, "Error from cloudfront", -1);
}
