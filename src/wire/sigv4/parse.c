/* What a request says about its signature: the Authorization header, or the query of a presigned URL. */
#include "wire/sigv4/internal.h"
#include <string.h>
#include <time.h>

#define EXPIRES_MAX 604800

static Error *
header_malformed(gboolean s3, const char *header, const char *what)
{
  if (s3)
    return error_answer_status(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; %s", what);
  return error_answer_status(400, "IncompleteSignature", "%s Authorization=%s", what, header);
}

static Error *
query_malformed(gboolean s3, const char *what)
{
  if (s3)
    return error_answer_status(400, "AuthorizationQueryParametersError", "%s", what);
  return error_answer_status(400, "IncompleteSignature", "%s", what);
}

/* "AKID/20261123/us-east-1/s3/aws4_request"; a key id may not hold a slash. */
static gboolean
parse_credential(Arena *arena, const char *credential, Sigv4 *ret)
{
  const char *parts[4], *at = credential;
  for (int i = 0; i < 4; i++) {
    const char *slash = strchr(at, '/');
    if (!slash || slash == at)
      return FALSE;
    parts[i] = arena_strndup(arena, at, (gsize) (slash - at));
    at = slash + 1;
  }
  if (strcmp(at, "aws4_request") || strlen(parts[1]) != 8)
    return FALSE;
  ret->access_key = parts[0];
  ret->date = parts[1];
  ret->region = parts[2];
  ret->service = parts[3];
  return TRUE;
}

static int
digits(const char *text, int n)
{
  int value = 0;
  for (int i = 0; i < n; i++)
    value = value * 10 + (text[i] - '0');
  return value;
}

gboolean
sigv4_time(const char *text, gint64 *ret_ms)
{
  if (!text || strlen(text) != 16 || text[8] != 'T' || text[15] != 'Z')
    return FALSE;
  for (int i = 0; i < 15; i++)
    if (i != 8 && !g_ascii_isdigit(text[i]))
      return FALSE;
  struct tm given = {.tm_year = digits(text, 4) - 1900, .tm_mon = digits(text + 4, 2) - 1, .tm_mday = digits(text + 6, 2),
                     .tm_hour = digits(text + 9, 2), .tm_min = digits(text + 11, 2), .tm_sec = digits(text + 13, 2)};
  struct tm normal = given;
  time_t seconds = timegm(&normal);
  if (normal.tm_mon != given.tm_mon || normal.tm_mday != given.tm_mday || normal.tm_hour != given.tm_hour || normal.tm_min != given.tm_min ||
      normal.tm_sec != given.tm_sec)
    return FALSE; /* no such day, or time of day */
  *ret_ms = (gint64) seconds * 1000;
  return TRUE;
}

/* "Credential=a, SignedHeaders=b, Signature=c": the value of name, or NULL. */
static const char *
parameter(Arena *arena, const char *header, const char *name)
{
  gsize size = strlen(name);
  for (const char *at = header; at; at = strchr(at, ',')) {
    while (*at == ',' || *at == ' ')
      at++;
    if (!strncmp(at, name, size) && at[size] == '=') {
      const char *end = strchrnul(at, ',');
      return g_strchomp(arena_strndup(arena, at + size + 1, (gsize) (end - at) - size - 1));
    }
  }
  return NULL;
}

static void
read_payload_hash(const WireRequest *request, Sigv4 *ret)
{
  ret->payload_hash = header_value(request->headers, "x-amz-content-sha256");
  ret->chunked = ret->payload_hash && g_str_has_prefix(ret->payload_hash, "STREAMING-");
  ret->trailer = ret->chunked && g_str_has_suffix(ret->payload_hash, "-TRAILER");
}

/* Without X-Amz-Date the Date header counts, in HTTP's format. */
static gboolean
read_header_time(Arena *arena, const WireRequest *request, Sigv4 *ret)
{
  ret->timestamp = header_value(request->headers, "x-amz-date");
  if (ret->timestamp)
    return sigv4_time(ret->timestamp, &ret->time_ms);
  const char *date = header_value(request->headers, "date");
  if (date && sigv4_time(date, &ret->time_ms)) {
    ret->timestamp = date;
    return TRUE;
  }
  return FALSE;
}

static Error *
missing_parts(Arena *arena, gboolean s3, const char *header, const Sigv4 *found, const char *credential)
{
  const char *what = arena_printf(arena, "%s%s%s%s", credential ? "" : "Authorization header requires 'Credential' parameter. ",
                                  found->signature ? "" : "Authorization header requires 'Signature' parameter. ",
                                  found->signed_headers ? "" : "Authorization header requires 'SignedHeaders' parameter. ",
                                  found->timestamp ? "" : "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  return header_malformed(s3, header, what);
}

/* Signature Version 2, which S3 takes for no bucket that was made since 2020. */
static Error *
version_2(void)
{
  return error_answer_status(400, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
}

static gboolean
is_query_of_version_2(const char *query)
{
  return query && strstr(query, "AWSAccessKeyId=") && strstr(query, "Signature=") && strstr(query, "Expires=") && !strstr(query, "Action=");
}

static Error *
parse_header(Arena *arena, const WireRequest *request, const char *header, gboolean s3, Sigv4 *ret)
{
  if (!g_str_has_prefix(header, SIGV4_ALGORITHM " ")) {
    if (s3 || g_str_has_prefix(header, "AWS "))
      return version_2();
    return header_malformed(FALSE, header, "Unsupported AWS 'algorithm': it must be 'AWS4-HMAC-SHA256'.");
  }
  const char *rest = header + strlen(SIGV4_ALGORITHM " ");
  const char *credential = parameter(arena, rest, "Credential");
  ret->signed_headers = parameter(arena, rest, "SignedHeaders");
  ret->signature = parameter(arena, rest, "Signature");
  ret->session_token = header_value(request->headers, "x-amz-security-token");
  gboolean time = read_header_time(arena, request, ret);
  if (!credential || !ret->signed_headers || !ret->signature || !ret->timestamp)
    return s3 && !ret->timestamp
             ? error_answer_status(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
             : missing_parts(arena, s3, header, ret, credential);
  if (!time)
    return header_malformed(s3, header, "Date must be in ISO-8601 'basic format'.");
  if (!parse_credential(arena, credential, ret))
    return header_malformed(s3, header, "Credential must have exactly 5 slash-delimited elements: key id, date, region, service, 'aws4_request'.");
  if (strncmp(ret->date, ret->timestamp, 8))
    return header_malformed(s3, header, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.");
  ret->kind = SIGV4_HEADER;
  read_payload_hash(request, ret);
  return NULL;
}

static Error *
parse_expires(gboolean s3, const char *text, Sigv4 *ret)
{
  char *end = NULL;
  ret->expires_s = g_ascii_strtoll(text, &end, 10);
  if (end == text || *end)
    return query_malformed(s3, "X-Amz-Expires should be a number");
  if (ret->expires_s < 0)
    return query_malformed(s3, "X-Amz-Expires must be non-negative");
  if (ret->expires_s > EXPIRES_MAX)
    return query_malformed(s3, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds");
  return NULL;
}

static Error *
parse_query(Arena *arena, const WireRequest *request, const StringMap *query, gboolean s3, Sigv4 *ret)
{
  const char *credential = string_map_get(query, "X-Amz-Credential"), *expires = string_map_get(query, "X-Amz-Expires");
  if (g_strcmp0(string_map_get(query, "X-Amz-Algorithm"), SIGV4_ALGORITHM))
    return query_malformed(s3, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"");
  ret->signed_headers = string_map_get(query, "X-Amz-SignedHeaders");
  ret->signature = string_map_get(query, "X-Amz-Signature");
  ret->session_token = string_map_get(query, "X-Amz-Security-Token");
  ret->timestamp = string_map_get(query, "X-Amz-Date");
  if (!credential || !ret->signed_headers || !ret->signature || !ret->timestamp || (s3 && !expires))
    return query_malformed(s3, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
                               "X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
  if (!sigv4_time(ret->timestamp, &ret->time_ms))
    return query_malformed(s3, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  if (!parse_credential(arena, credential, ret))
    return query_malformed(s3, "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
                               "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
  if (strncmp(ret->date, ret->timestamp, 8))
    return query_malformed(s3, "Invalid credential date. This date is not the same as X-Amz-Date.");
  ret->expires_s = 900;
  if (expires)
    TRY(parse_expires(s3, expires, ret));
  ret->kind = SIGV4_QUERY;
  read_payload_hash(request, ret);
  if (!ret->payload_hash && s3)
    ret->payload_hash = "UNSIGNED-PAYLOAD";
  return NULL;
}

Error *
sigv4_parse(Arena *arena, const WireRequest *request, gboolean s3, Sigv4 *ret_signature)
{
  Sigv4 found = {0};
  const char *header = header_value(request->headers, "authorization");
  *ret_signature = (Sigv4){.kind = SIGV4_NONE};
  if (header) {
    TRY(parse_header(arena, request, header, s3, &found));
  } else if (request->query && strstr(request->query, "X-Amz-")) {
    StringMap query = wire_form_parse(arena, request->query, strlen(request->query));
    if (!string_map_get(&query, "X-Amz-Algorithm") && !string_map_get(&query, "X-Amz-Signature") && !string_map_get(&query, "X-Amz-Credential"))
      return NULL;
    TRY(parse_query(arena, request, &query, s3, &found));
  } else if (is_query_of_version_2(request->query)) {
    return version_2();
  } else {
    read_payload_hash(request, &found); /* an unsigned request may be aws-chunked too */
  }
  *ret_signature = found;
  return NULL;
}
