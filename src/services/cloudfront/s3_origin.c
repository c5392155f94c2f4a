/* S3 origins: operations of S3, as what the bucket's policy knows CloudFront by: the service principal with aws:SourceArn (access
 * control), the identity's user (access identity), or nobody.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html */
#include "services/cloudfront/cloudfront.h"
#include "services/s3.gen.h"

#include <string.h>

enum { OBJECT_MAX = 64 * 1024 * 1024 };

/* "bucket.s3.eu-west-1.amazonaws.com", "bucket.s3-eu-west-1.amazonaws.com", "bucket.s3.amazonaws.com". *ret_region: the default one if it is not named. */
static gboolean
parse_bucket(Arena *arena, const char *domain, const char **ret_bucket, const char **ret_region)
{
  static const char suffix[] = ".amazonaws.com";
  const char *found = NULL;
  if (!g_str_has_suffix(domain, suffix))
    return FALSE;
  for (const char *at = strstr(domain, ".s3"); at; at = strstr(at + 1, ".s3"))
    if (at[3] == '.' || at[3] == '-')
      found = at;
  if (!found || found == domain || g_str_has_prefix(found, ".s3-website"))
    return FALSE;
  gsize rest = strlen(found + 4) > strlen(suffix) - 1 ? strlen(found + 4) - strlen(suffix) : 0;
  *ret_bucket = arena_strndup(arena, domain, (gsize) (found - domain));
  const char *region = arena_strndup(arena, found + 4, rest);
  *ret_region = !strcmp(found + 3, suffix) ? "us-east-1" : region;
  return TRUE;
}

gboolean
origin_is_s3(const CloudfrontOrigin *origin)
{
  g_autoptr(Arena) arena = arena_new();
  const char *bucket = NULL, *region = NULL;
  return parse_bucket(arena, origin->DomainName, &bucket, &region);
}

/* --- who asks --- */

static const Principal *
anonymous(Arena *arena)
{
  Principal *principal = ARENA_NEW(arena, Principal);
  *principal = (Principal) {.type = PRINCIPAL_ANONYMOUS, .account = "", .arn = "*", .user_id = "anonymous"};
  return principal;
}

static const Principal *
identity_user(Arena *arena, const char *account, const CloudfrontPolicyRecord *identity)
{
  Principal *principal = ARENA_NEW(arena, Principal);
  *principal = (Principal) {.type = PRINCIPAL_USER, .account = account, .user_id = identity->Canonical,
                            .arn = arena_printf(arena, "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity %s", identity->Id)};
  return principal;
}

static const Principal *
asker(const Passage *p, const CloudfrontOrigin *origin, gboolean *ret_control)
{
  const Site *site = p->site;
  const char *identity = origin->S3OriginConfig ? origin->S3OriginConfig->OriginAccessIdentity : NULL;
  const CloudfrontPolicyRecord *control = origin->OriginAccessControlId ? g_hash_table_lookup(site->controls, origin->OriginAccessControlId) : NULL;
  const CloudfrontPolicyRecord *user = identity ? g_hash_table_lookup(site->identities, identity) : NULL;
  *ret_control = control && strcmp(control->Control->SigningBehavior, "never");
  if (*ret_control) /* of no account: what it may do the bucket's policy has to say */
    return principal_service(p->arena, "cloudfront", "cloudfront");
  return user ? identity_user(p->arena, site->distribution->Account, user) : anonymous(p->arena);
}

/* --- what is answered --- */

static void
add(const Passage *p, Response *response, const char *name, const char *value)
{
  if (value)
    header_add(p->arena, &response->headers, name, value);
}

static void
fill_headers(const Passage *p, const S3GetObjectOutput *out, Response *response)
{
  add(p, response, "Content-Type", out->ContentType);
  add(p, response, "ETag", out->ETag);
  add(p, response, "Last-Modified", out->LastModified.set ? text_http_date(p->arena, out->LastModified.ms) : NULL);
  add(p, response, "Expires", out->Expires.set ? text_http_date(p->arena, out->Expires.ms) : NULL);
  add(p, response, "Cache-Control", out->CacheControl);
  add(p, response, "Content-Disposition", out->ContentDisposition);
  add(p, response, "Content-Encoding", out->ContentEncoding);
  add(p, response, "Content-Language", out->ContentLanguage);
  add(p, response, "Content-Range", out->ContentRange);
  add(p, response, "Accept-Ranges", "bytes");
  add(p, response, "Server", "AmazonS3");
  add(p, response, "x-amz-version-id", out->VersionId);
  add(p, response, "x-amz-server-side-encryption", out->ServerSideEncryption);
  for (gsize i = 0; i < out->Metadata.n; i++)
    add(p, response, arena_printf(p->arena, "x-amz-meta-%s", out->Metadata.v[i].key), out->Metadata.v[i].value);
}

static int
status_of(const Error *error)
{
  static const struct { const char *code; int status; } codes[] = {
    {"AccessDenied", 403}, {"NoSuchBucket", 404}, {"NoSuchKey", 404}, {"InvalidRange", 416}, {"NotModified", 304}, {"PreconditionFailed", 412},
  };
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
    if (error_is(error, codes[i].code))
      return codes[i].status;
  return error->status ? error->status : 400;
}

static void
fill_error(const Passage *p, const Error *error, Response *response)
{
  gboolean fault = error->kind == ERROR_FAULT;
  response->status = fault ? 500 : status_of(error);
  if (fault)
    log_error("distribution %s: S3: %s", p->site->distribution->Id, error->message);
  if (response->status == 304)
    return;
  const char *message = fault ? "We encountered an internal error. Please try again." : error_is(error, "AccessDenied") ? "Access Denied" : error->message;
  g_autofree char *escaped = g_markup_escape_text(message, -1);
  const char *text = arena_printf(p->arena, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>",
                                  fault ? "InternalError" : error->code, escaped, http_request_id(p->exchange));
  response->body = (const guint8 *) text;
  response->size = strlen(text);
  add(p, response, "Content-Type", "application/xml");
  add(p, response, "Server", "AmazonS3");
}

static Error *
get_object(const Passage *p, Call *call, const char *bucket, const char *key, const OriginRequest *request, Response *response)
{
  S3GetObjectInput in = {.Bucket = bucket, .Key = key, .Range = header_get(&request->headers, "Range"),
                         .IfNoneMatch = header_get(&request->headers, "If-None-Match"), .IfMatch = header_get(&request->headers, "If-Match")};
  S3GetObjectOutput out = {0};
  guint8 *data = NULL;
  TRY(call_operation(call, &S3OperationGetObject, NULL, "s3", &in, &out));
  if (out.Body && out.Body->free)
    arena_own(p->arena, out.Body, (GDestroyNotify) out.Body->free);
  response->status = out.ContentRange ? 206 : 200;
  fill_headers(p, &out, response);
  if (!strcmp(request->method, "HEAD")) {
    response->size = (gsize) out.ContentLength.v;
    return NULL;
  }
  if (out.Body)
    TRY(body_read_all(out.Body, p->arena, OBJECT_MAX, &data, &response->size));
  response->body = data;
  return NULL;
}

static Error *
put_object(const Passage *p, Call *call, const char *bucket, const char *key, const OriginRequest *request, Response *response)
{
  S3PutObjectInput in = {.Bucket = bucket, .Key = key, .ContentType = header_get(&request->headers, "Content-Type"),
                         .Body = body_from_bytes(call->arena, p->body, p->body_size)};
  S3PutObjectOutput out = {0};
  TRY(call_operation(call, &S3OperationPutObject, NULL, "s3", &in, &out));
  response->status = 200;
  add(p, response, "ETag", out.ETag);
  add(p, response, "x-amz-version-id", out.VersionId);
  add(p, response, "Server", "AmazonS3");
  return NULL;
}

static Error *
delete_object(const Passage *p, Call *call, const char *bucket, const char *key, const OriginRequest *request, Response *response)
{
  S3DeleteObjectInput in = {.Bucket = bucket, .Key = key};
  S3DeleteObjectOutput out = {0};
  TRY(call_operation(call, &S3OperationDeleteObject, NULL, "s3", &in, &out));
  response->status = 204;
  add(p, response, "x-amz-version-id", out.VersionId);
  add(p, response, "Server", "AmazonS3");
  return NULL;
}

typedef Error *(*S3Method)(const Passage *p, Call *call, const char *bucket, const char *key, const OriginRequest *request, Response *response);

static S3Method
find_method(const char *name)
{
  static const struct { const char *name; S3Method run; } methods[] = {
    {"GET", get_object}, {"HEAD", get_object}, {"PUT", put_object}, {"DELETE", delete_object},
  };
  for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
    if (!strcmp(methods[i].name, name))
      return methods[i].run;
  return NULL;
}

void
origin_ask_s3(const Passage *p, const CloudfrontOrigin *origin, const OriginRequest *request, OriginAnswer *ret_answer)
{
  const char *bucket = NULL, *region = NULL;
  gboolean control = FALSE;
  *ret_answer = (OriginAnswer) {0};
  const char *key = text_uri_decode(p->arena, arena_printf(p->arena, "%s%s", origin->OriginPath ? origin->OriginPath : "", request->path), FALSE);
  S3Method method = find_method(request->method);
  if (!method) {
    *ret_answer = (OriginAnswer) {.failed = TRUE, .response = {.status = 501}, .reason = "haar has GET, HEAD, PUT and DELETE of S3 origins; this method is not there yet."};
    return;
  }
  parse_bucket(p->arena, origin->DomainName, &bucket, &region);
  const Principal *principal = asker(p, origin, &control);
  Call *call = call_new(p->haar, p->site->distribution->Account, region, principal);
  arena_own(p->arena, call, (GDestroyNotify) call_free); /* the answer's headers are the call's */
  if (control)
    call->source_arn = distribution_arn(call->arena, p->site->distribution->Account, p->site->distribution->Id);
  g_autoptr(Error) error = key && strlen(key) > 1 ? method(p, call, bucket, key + 1, request, &ret_answer->response)
                                                  : error_answer("AccessDenied", "Access Denied");
  if (error) {
    ret_answer->response = (Response) {0};
    fill_error(p, error, &ret_answer->response);
  }
}
