/* post: uploads by HTML forms. The form's policy says what may be uploaded, its signature who permits it; then it is a PutObject.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html */
#include "services/s3/post_policy.h"
#include "services/s3/s3.h"
#include <string.h>

typedef struct Upload {
  Haar *haar;
  HttpExchange *exchange;
  const HttpRequest *request;
  Arena *arena;
  const char *bucket;
  Form form;
  const Principal *principal;
} Upload;

static gboolean
has_type(const HttpRequest *request, const char *type)
{
  const char *given = http_header(request, "content-type");
  return given && g_ascii_strncasecmp(given, type, strlen(type)) == 0;
}

/* A form comes to a bucket, not to an object of it. One of the other enclosure type is a call of a query service, unless the name or the path
 * says S3. */
gboolean
post_serves(Haar *haar, const HttpRequest *request)
{
  if (strcmp(request->method, "POST") != 0 || *request->query ||
      (!has_type(request, "multipart/form-data") && !has_type(request, "application/x-www-form-urlencoded")))
    return FALSE;
  const char *rest = *request->path ? request->path + 1 : "";
  gboolean named = *rest || (request->host && strstr(request->host, ".s3."));
  if (!named && !has_type(request, "multipart/form-data"))
    return FALSE;
  g_autoptr(Arena) arena = arena_new();
  const char *bucket = request_bucket(arena, request);
  if (!bucket)
    return FALSE;
  gsize size = strlen(bucket);
  return !*rest || (strncmp(rest, bucket, size) == 0 && (!rest[size] || strcmp(rest + size, "/") == 0));
}

/* --- who permits it --- */

static Error *
missing(const char *field)
{
  g_autofree char *text = g_strdup_printf("Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", field);
  return invalid_argument(field, "", text);
}

static Error *
no_match(void)
{
  return error_answer_status(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.");
}

/* Version 4: the key's id, date, region and service stand in x-amz-credential; what is signed is the policy as it was sent. */
static Error *
check_version_4(const Upload *upload, const Credential *credential, const char *scope, const char *policy)
{
  g_auto(GStrv) parts = g_strsplit(scope, "/", 6);
  const char *signature = form_value(&upload->form, "x-amz-signature");
  if (!signature)
    return missing("X-Amz-Signature");
  if (!form_value(&upload->form, "x-amz-date"))
    return missing("X-Amz-Date");
  if (g_strv_length(parts) != 5 || strcmp(parts[3], "s3") != 0 || strcmp(parts[4], "aws4_request") != 0)
    return error_answer_status(400, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
  const char *made = sigv4_sign_text(upload->arena, credential->secret_key, parts[1], parts[2], parts[3], policy);
  return sigv4_equal(made, signature) ? NULL : no_match();
}

/* Version 2, as older SDKs still make it for us-east-1: HMAC-SHA1 of the policy. */
static Error *
check_version_2(const Upload *upload, const Credential *credential, const char *policy)
{
  const char *signature = form_value(&upload->form, "signature");
  guint8 sum[20];
  gsize size = sizeof sum;
  if (!signature)
    return missing("Signature");
  GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *) credential->secret_key, strlen(credential->secret_key));
  g_hmac_update(hmac, (const guchar *) policy, (gssize) strlen(policy));
  g_hmac_get_digest(hmac, sum, &size);
  g_hmac_unref(hmac);
  return sigv4_equal(text_base64(upload->arena, sum, size), signature) ? NULL : no_match();
}

static Error *
authenticate(Call *call, gpointer data)
{
  Upload *upload = data;
  const Form *form = &upload->form;
  const char *policy = form_value(form, "policy"), *scope = form_value(form, "x-amz-credential"), *token = form_value(form, "x-amz-security-token");
  gint64 signed_ms = 0;
  const char *key = scope ? arena_strndup(upload->arena, scope, strcspn(scope, "/")) : form_value(form, "AWSAccessKeyId");
  Credential *credential = NULL;
  TRY(iam_credential_find(call->txn, upload->arena, key, &credential));
  if (!credential)
    return error_field(error_answer_status(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."), "AWSAccessKeyId", key);
  TRY(scope ? check_version_4(upload, credential, scope, policy) : check_version_2(upload, credential, policy));
  if (credential->session_token && !(token && sigv4_equal(credential->session_token, token)))
    return error_answer_status(403, "InvalidToken", "The provided token is malformed or otherwise invalid.");
  if (!sigv4_time(form_value(form, "x-amz-date"), &signed_ms))
    signed_ms = clock_real();
  if (credential->session_token && http_session_over(upload->haar, credential, signed_ms))
    return error_answer_status(400, "ExpiredToken", "The provided token has expired.");
  Principal *principal = ARENA_NEW(upload->arena, Principal);
  *principal = credential->principal;
  principal->access_key = key;
  upload->principal = principal;
  return NULL;
}

/* Without a policy nobody has signed: the bucket's policy decides. */
static Error *
check_permission(Call *call, Upload *upload, PostPolicyLimits *ret_limits)
{
  static const Principal anonymous = {.type = PRINCIPAL_ANONYMOUS, .account = "", .arn = "*", .user_id = "anonymous"};
  const char *policy = form_value(&upload->form, "policy");
  gboolean signs = form_value(&upload->form, "x-amz-credential") || form_value(&upload->form, "AWSAccessKeyId");
  *ret_limits = (PostPolicyLimits) {0, -1};
  upload->principal = &anonymous;
  if (signs && !policy)
    return missing("Policy");
  if (signs)
    TRY(call_read(call, authenticate, upload));
  else if (policy)
    return missing("AWSAccessKeyId");
  return policy ? post_policy_check(upload->arena, policy, &upload->form, upload->bucket, clock_now(), ret_limits) : NULL;
}

static Error *
check_size(const Upload *upload, const PostPolicyLimits *limits)
{
  gint64 size = (gint64) upload->form.file_size;
  const char *proposed = arena_printf(upload->arena, "%" G_GINT64_FORMAT, size);
  if (limits->max >= 0 && size > limits->max)
    return error_field(error_field(error_answer_status(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"), "ProposedSize", proposed),
                       "MaxSizeAllowed", arena_printf(upload->arena, "%" G_GINT64_FORMAT, limits->max));
  if (size < limits->min)
    return error_field(error_field(error_answer_status(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"), "ProposedSize", proposed),
                       "MinSizeAllowed", arena_printf(upload->arena, "%" G_GINT64_FORMAT, limits->min));
  return NULL;
}

/* --- the upload --- */

static Error *
object_key(const Upload *upload, const char **ret)
{
  static const char variable[] = "${filename}";
  const char *key = form_value(&upload->form, "key"), *at = key ? strstr(key, variable) : NULL;
  if (!key)
    return missing("key");
  *ret = at ? arena_printf(upload->arena, "%.*s%s%s", (int) (at - key), key, upload->form.file_name, at + strlen(variable)) : key;
  return **ret ? NULL : error_answer_status(400, "UserKeyMustBeSpecified", "The bucket POST must contain the specified field name. If it is specified, check the order of the fields.");
}

static Error *
fill(const Upload *upload, S3PutObjectInput *in)
{
  const struct { const char *field; const char **to; } texts[] = {
    {"acl", &in->ACL}, {"Content-Type", &in->ContentType}, {"Cache-Control", &in->CacheControl}, {"Content-Disposition", &in->ContentDisposition},
    {"Content-Encoding", &in->ContentEncoding}, {"x-amz-storage-class", &in->StorageClass},
    {"x-amz-website-redirect-location", &in->WebsiteRedirectLocation}, {"x-amz-server-side-encryption", &in->ServerSideEncryption},
    {"x-amz-server-side-encryption-aws-kms-key-id", &in->SSEKMSKeyId},
  };
  static const char meta[] = "x-amz-meta-";
  if (form_value(&upload->form, "tagging"))
    return not_implemented("tags in POST forms");
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    *texts[i].to = form_value(&upload->form, texts[i].field);
  for (gsize i = 0; i < upload->form.n; i++) {
    g_autofree char *lower = g_ascii_strdown(upload->form.v[i].name, -1);
    if (g_str_has_prefix(lower, meta))
      MAP_SET(upload->arena, &in->Metadata, arena_strdup(upload->arena, lower + strlen(meta)), upload->form.v[i].value);
  }
  in->Bucket = upload->bucket;
  in->Body = body_from_bytes(upload->arena, upload->form.file, upload->form.file_size);
  return object_key(upload, &in->Key);
}

static const char *
location_of(const Upload *upload, const char *key)
{
  const char *host = http_header(upload->request, "host"), *scheme = upload->request->source->tls ? "https" : "http";
  const char *named = upload->request->path[1] ? arena_printf(upload->arena, "%s/", upload->bucket) : "";
  return arena_printf(upload->arena, "%s://%s/%s%s", scheme, host ? host : "", named, text_uri_encode(upload->arena, key, TRUE));
}

/* The page that the browser goes on to; FALSE: the form names none that is one. */
static gboolean
redirect(const Upload *upload, const S3PutObjectInput *in, const S3PutObjectOutput *out, StringMap *headers)
{
  const char *page = form_value(&upload->form, "success_action_redirect");
  if (!page)
    page = form_value(&upload->form, "redirect");
  if (!page || !(g_str_has_prefix(page, "http://") || g_str_has_prefix(page, "https://")) || strpbrk(page, "\r\n"))
    return FALSE;
  MAP_SET(upload->arena, headers, "Location",
          arena_printf(upload->arena, "%s%cbucket=%s&key=%s&etag=%s", page, strchr(page, '?') ? '&' : '?', text_uri_encode(upload->arena, in->Bucket, FALSE),
                       text_uri_encode(upload->arena, in->Key, FALSE), text_uri_encode(upload->arena, out->ETag, FALSE)));
  http_answer(upload->exchange, 303, headers, "", 0);
  return TRUE;
}

static void
answer(const Upload *upload, const S3PutObjectInput *in, const S3PutObjectOutput *out)
{
  Arena *arena = upload->arena;
  StringMap headers = {0};
  const char *status = form_value(&upload->form, "success_action_status"), *location = location_of(upload, in->Key);
  cors_headers(upload->haar, arena, upload->request, arena_printf(arena, "/%s/", upload->bucket), &headers);
  MAP_SET(arena, &headers, "ETag", out->ETag);
  if (out->VersionId)
    MAP_SET(arena, &headers, "x-amz-version-id", out->VersionId);
  if (redirect(upload, in, out, &headers))
    return;
  MAP_SET(arena, &headers, "Location", location);
  if (g_strcmp0(status, "201") != 0) {
    http_answer(upload->exchange, g_strcmp0(status, "200") == 0 ? 200 : 204, &headers, "", 0);
    return;
  }
  MAP_SET(arena, &headers, "Content-Type", "application/xml");
  g_autofree char *text = g_markup_printf_escaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>%s</Location><Bucket>%s</Bucket><Key>%s</Key>"
                                                  "<ETag>%s</ETag></PostResponse>", location, in->Bucket, in->Key, out->ETag);
  http_answer(upload->exchange, 201, &headers, text, strlen(text));
}

static Error *
read_form(Upload *upload)
{
  const guint8 *body = NULL;
  gsize size = 0;
  if (!has_type(upload->request, "multipart/form-data"))
    return precondition_failed("Bucket POST must be of the enclosure-type multipart/form-data");
  http_body(upload->exchange, &body, &size);
  TRY(form_parse(upload->arena, http_header(upload->request, "content-type"), body, size, &upload->form));
  return upload->form.has_file ? NULL : invalid_argument("file", "0", "POST requires exactly one file upload per request.");
}

static Error *
check_bucket(Call *call, gpointer data)
{
  const Upload *upload = data;
  S3BucketRecord *bucket = NULL;
  return bucket_get(call, upload->bucket, &bucket);
}

static Error *
run(Upload *upload, S3PutObjectInput *in, S3PutObjectOutput *out)
{
  PostPolicyLimits limits;
  g_autoptr(Call) first = call_new(upload->haar, "000000000000", upload->haar->region, NULL);
  TRY(read_form(upload));
  TRY(call_read(first, check_bucket, upload));
  TRY(check_permission(first, upload, &limits));
  TRY(check_size(upload, &limits));
  TRY(fill(upload, in));
  const char *account = upload->principal->account && *upload->principal->account ? upload->principal->account : "000000000000";
  g_autoptr(Call) call = call_new(upload->haar, account, upload->haar->region, upload->principal);
  call->source = upload->request->source;
  gint64 began = clock_monotonic_us();
  Error *error = call_operation(call, &S3OperationPutObject, NULL, NULL, in, out);
  request_measure(call, &(RequestMeasure) {upload->bucket, in->Key, "PostRequests", (gint64) upload->form.file_size, 0, clock_monotonic_us() - began, error});
  out->ETag = arena_strdup(upload->arena, out->ETag);
  out->VersionId = arena_strdup(upload->arena, out->VersionId);
  return error;
}

void
post_serve(Haar *haar, HttpExchange *exchange)
{
  Upload upload = {.haar = haar, .exchange = exchange, .request = http_request(exchange), .arena = http_arena(exchange)};
  S3PutObjectInput in = {0};
  S3PutObjectOutput out = {0};
  upload.bucket = request_bucket(upload.arena, upload.request);
  g_autoptr(Error) error = run(&upload, &in, &out);
  if (!error)
    answer(&upload, &in, &out);
  else
    s3_refuse(exchange, error);
}
