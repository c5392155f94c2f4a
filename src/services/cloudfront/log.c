/* Standard logs: a line a request, gathered in memory, and put into the bucket as a compressed file each minute of the clock. What was not put
 * yet goes with the process: on AWS too they are best effort.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html */
#include "services/cloudfront/cloudfront.h"
#include "services/s3.gen.h"

#include <string.h>

#include "server/metrics.h"

enum { LINES_MAX = 4 * 1024 * 1024 };

static const char head[] =
  "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query "
  "cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
  "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type "
  "sc-content-type sc-content-len sc-range-start sc-range-end\n";

/* The lines of one distribution since the last file. */
typedef struct Lines {
  GString *text;
  char *account, *bucket, *prefix;
} Lines;

static void
lines_free(gpointer data)
{
  Lines *lines = data;
  g_string_free(lines->text, TRUE);
  g_free(lines->account);
  g_free(lines->bucket);
  g_free(lines->prefix);
  g_free(lines);
}

/* --- lines --- */

/* A field: what is no plain character is escaped, nothing is a dash. */
static const char *
field(Arena *arena, const char *text)
{
  if (!text || !*text)
    return "-";
  g_autoptr(GString) out = g_string_new(NULL);
  for (const guchar *at = (const guchar *) text; *at; at++)
    if (*at <= ' ' || *at >= 127 || *at == '"' || *at == '\\')
      g_string_append_printf(out, "%%%02X", *at);
    else
      g_string_append_c(out, (char) *at);
  return arena_strndup(arena, out->str, out->len);
}

static const char *
line_of(const Passage *p, int status, gsize size, const char *x_cache, const HeaderList *headers)
{
  const HttpRequest *request = p->request;
  const char *now = text_iso8601(p->arena, clock_now(), FALSE), *result = arena_strndup(p->arena, x_cache, strcspn(x_cache, " "));
  const CloudfrontLoggingConfig *logging = p->site->distribution->Config->Logging;
  double seconds = (double) (clock_monotonic_us() - p->begun_us) / 1e6;
  const char *cookie = OPT_OR(logging->IncludeCookies, FALSE) ? field(p->arena, http_header(request, "cookie")) : "-";
  const char *type = field(p->arena, header_get(headers, "Content-Type"));
  g_autoptr(GString) line = g_string_new(NULL);
  g_string_append_printf(line, "%.10s\t%.8s\tIAD89-C1\t%" G_GSIZE_FORMAT "\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t", now, now + 11, size, request->source->ip,
                         p->method, p->site->distribution->DomainName, field(p->arena, request->path), status, field(p->arena, http_header(request, "referer")),
                         field(p->arena, http_header(request, "user-agent")), field(p->arena, request->query), cookie);
  g_string_append_printf(line, "%s\t%s\t%s\t%s\t%" G_GSIZE_FORMAT "\t%.3f\t%s\t%s\t-\t%s\tHTTP/1.1\t-\t-\t-\t%.3f\t%s\t%s\t%" G_GSIZE_FORMAT "\t-\t-\n",
                         result, p->cf_id, field(p->arena, http_header(request, "host")), request->source->tls ? "https" : "http", p->body_size, seconds,
                         field(p->arena, http_header(request, "x-forwarded-for")), request->source->tls ? "TLSv1.3" : "-", result, seconds, result, type, size);
  return arena_strndup(p->arena, line->str, line->len);
}

void
log_request(const Passage *p, int status, gsize size, const char *x_cache, const HeaderList *headers)
{
  const CloudfrontDistributionRecord *distribution = p->site->distribution;
  const CloudfrontLoggingConfig *logging = distribution->Config->Logging;
  if (!OPT_OR(logging->Enabled, FALSE))
    return;
  const char *line = line_of(p, status, size, x_cache, headers);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&p->cdn->lock);
  Lines *lines = g_hash_table_lookup(p->cdn->logs, distribution->Id);
  if (!lines) {
    lines = g_new0(Lines, 1);
    *lines = (Lines) {g_string_new(head), g_strdup(distribution->Account), g_strndup(logging->Bucket, strcspn(logging->Bucket, ".")), g_strdup(logging->Prefix)};
    g_hash_table_insert(p->cdn->logs, g_strdup(distribution->Id), lines);
  }
  if (lines->text->len + strlen(line) <= LINES_MAX)
    g_string_append(lines->text, line);
}

/* --- files --- */

static Error *
put_file(Haar *haar, const char *id, const Lines *lines)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(Call) call = call_new(haar, lines->account, haar->region, principal_root(arena, lines->account));
  g_autoptr(GByteArray) packed = g_byte_array_new();
  const char *hour = text_iso8601(call->arena, clock_now(), FALSE);
  if (!gzip_all((const guint8 *) lines->text->str, lines->text->len, packed))
    return error_fault("the log of %s could not be compressed", id);
  const char *name = arena_printf(call->arena, "%s%s.%.10s-%.2s.%s.gz", lines->prefix, id, hour, hour + 11, id_hex(call->arena, 8));
  S3PutObjectInput in = {.Bucket = lines->bucket, .Key = name, .Body = body_from_bytes(call->arena, packed->data, packed->len),
                         .ContentType = "application/x-gzip"};
  S3PutObjectOutput out = {0};
  return call_operation(call, &S3OperationPutObject, NULL, NULL, &in, &out);
}

static void
put_files(Haar *haar, gpointer data)
{
  Cdn *cdn = data;
  GHashTableIter each;
  gpointer id = NULL, lines = NULL;
  g_mutex_lock(&cdn->lock);
  g_autoptr(GHashTable) full = cdn->logs;
  cdn->logs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, lines_free);
  g_mutex_unlock(&cdn->lock);
  g_hash_table_iter_init(&each, full);
  while (g_hash_table_iter_next(&each, &id, &lines)) {
    g_autoptr(Error) error = put_file(haar, id, lines);
    if (error)
      log_warning("distribution %s: its log cannot be put into the bucket %s: %s", (const char *) id, ((const Lines *) lines)->bucket, error->message);
  }
}

void
logs_start(Cdn *cdn)
{
  cdn->logs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, lines_free);
  metrics_sampler(cdn->haar, put_files, cdn);
}
