#include "wire/sigv4/internal.h"
#include <string.h>

#define SKEW_MS (15 * 60 * 1000)

static Error *
too_skewed(Arena *arena, const Sigv4 *signature, gint64 now_ms)
{
  Error *error = error_answer_status(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.");
  error = error_field(error, "RequestTime", signature->timestamp);
  error = error_field(error, "ServerTime", text_iso8601(arena, now_ms, FALSE));
  return error_field(error, "MaxAllowedSkewMilliseconds", "900000");
}

static Error *
check_skew(Arena *arena, const Sigv4 *signature, gint64 now_ms, gboolean s3)
{
  gint64 earliest = now_ms - SKEW_MS, latest = now_ms + SKEW_MS;
  if (signature->time_ms >= earliest && signature->time_ms <= latest)
    return NULL;
  if (s3)
    return too_skewed(arena, signature, now_ms);
  if (signature->time_ms < earliest)
    return error_answer_status(403, "InvalidSignatureException", "Signature expired: %s is now earlier than %s (%s - 15 min.)", signature->timestamp,
                               amz_date(arena, earliest), amz_date(arena, now_ms));
  return error_answer_status(403, "InvalidSignatureException", "Signature not yet current: %s is still later than %s (%s + 15 min.)",
                             signature->timestamp, amz_date(arena, latest), amz_date(arena, now_ms));
}

static Error *
check_expiry(Arena *arena, const Sigv4 *signature, gint64 now_ms, gboolean s3)
{
  gint64 end = signature->time_ms + signature->expires_s * 1000;
  if (signature->time_ms > now_ms + SKEW_MS)
    return s3 ? error_answer_status(403, "AccessDenied", "Request is not valid yet") : check_skew(arena, signature, now_ms, s3);
  if (now_ms <= end)
    return NULL;
  if (!s3)
    return error_answer_status(403, "InvalidSignatureException", "Signature expired: %s is now earlier than %s (%s - %" G_GINT64_FORMAT " min.)",
                               signature->timestamp, amz_date(arena, now_ms - signature->expires_s * 1000), amz_date(arena, now_ms),
                               signature->expires_s / 60);
  Error *error = error_answer_status(403, "AccessDenied", "Request has expired");
  error = error_field(error, "X-Amz-Expires", arena_printf(arena, "%" G_GINT64_FORMAT, signature->expires_s));
  error = error_field(error, "Expires", text_iso8601(arena, end, FALSE));
  return error_field(error, "ServerTime", text_iso8601(arena, now_ms, FALSE));
}

static const char *
spaced_bytes(Arena *arena, const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);
  for (gsize i = 0; text[i]; i++)
    g_string_append_printf(out, "%s%02x", i ? " " : "", (guint8) text[i]);
  return arena_strdup(arena, out->str);
}

static Error *
mismatch(Arena *arena, const Sigv4 *signature, gboolean s3, const char *canonical, const char *to_sign)
{
  if (!s3)
    return error_answer_status(403, "InvalidSignatureException",
                               "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
                               "and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should "
                               "have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n",
                               canonical, to_sign);
  Error *error = error_answer_status(403, "SignatureDoesNotMatch",
                                     "The request signature we calculated does not match the signature you provided. Check your key and signing "
                                     "method.");
  error = error_field(error, "AWSAccessKeyId", signature->access_key);
  error = error_field(error, "StringToSign", to_sign);
  error = error_field(error, "SignatureProvided", signature->signature);
  error = error_field(error, "StringToSignBytes", spaced_bytes(arena, to_sign));
  error = error_field(error, "CanonicalRequest", canonical);
  return error_field(error, "CanonicalRequestBytes", spaced_bytes(arena, canonical));
}

static gboolean
names_header(const Sigv4 *signature, const char *name)
{
  gsize size = strlen(name);
  for (const char *at = signature->signed_headers, *end;; at = end + 1) {
    end = strchrnul(at, ';');
    if ((gsize) (end - at) == size && !strncmp(at, name, size))
      return TRUE;
    if (!*end)
      return FALSE;
  }
}

static Error *
check_signed_headers(const Sigv4 *signature, gboolean s3)
{
  if (names_header(signature, "host"))
    return NULL;
  if (s3)
    return error_answer_status(403, "AccessDenied", "There were headers present in the request which were not signed");
  return error_answer_status(403, "InvalidSignatureException", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
}

/* What was hashed into the signature: what S3's clients declare, or the body itself. */
static const char *
signed_payload(const Sigv4 *signature, gboolean s3, const char *payload_hash)
{
  if (signature->payload_hash && (s3 || names_header(signature, "x-amz-content-sha256")))
    return signature->payload_hash;
  if (signature->payload_hash && !payload_hash)
    return signature->payload_hash;
  return payload_hash ? payload_hash : SIGV4_EMPTY_HASH;
}

/* A declared hash that is one must be the body's. */
static Error *
check_payload(const char *declared, gboolean s3, const char *payload_hash)
{
  if (!payload_hash || strlen(declared) != 64 || !strcmp(declared, payload_hash) || !g_ascii_strcasecmp(declared, payload_hash))
    return NULL;
  Error *error = error_answer_status(400, s3 ? "XAmzContentSHA256Mismatch" : "InvalidSignatureException",
                                     "The provided 'x-amz-content-sha256' header does not match what was computed.");
  error = error_field(error, "ClientComputedContentSHA256", declared);
  return error_field(error, "S3ComputedContentSHA256", payload_hash);
}

Error *
sigv4_verify(Arena *arena, const WireRequest *request, const Sigv4 *signature, const char *secret_key, gint64 now_ms, gboolean s3,
             const char *payload_hash)
{
  if (signature->kind == SIGV4_QUERY)
    TRY(check_expiry(arena, signature, now_ms, s3));
  else
    TRY(check_skew(arena, signature, now_ms, s3));
  TRY(check_signed_headers(signature, s3));
  const char *declared = signed_payload(signature, s3, payload_hash);
  Canonical parts = {.method = request->method, .path = request->path, .query = request->query, .headers = request->headers,
                     .signed_headers = signature->signed_headers, .payload_hash = declared, .s3 = s3};
  const char *canonical = canonical_request(arena, &parts);
  const char *to_sign = string_to_sign(arena, signature, canonical);
  gboolean equal = sigv4_equal(sign_text(arena, signature, secret_key, to_sign), signature->signature);
  if (!equal) { /* several headers of one name reach us joined with ", "; they were signed with "," */
    parts.tight_lists = TRUE;
    const char *tight = string_to_sign(arena, signature, canonical_request(arena, &parts));
    equal = sigv4_equal(sign_text(arena, signature, secret_key, tight), signature->signature);
  }
  return equal ? check_payload(declared, s3, payload_hash) : mismatch(arena, signature, s3, canonical, to_sign);
}
