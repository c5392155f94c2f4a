/* https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html */
#include "server/auth.h"

#include <string.h>

#include "server/internal.h"
#include "server/session.h"

/* The families of codes: one column a way of speaking. */
typedef enum { WORDS_JSON, WORDS_QUERY, WORDS_EC2, WORDS_S3 } Words;

typedef enum { REFUSAL_UNSIGNED, REFUSAL_UNKNOWN_KEY, REFUSAL_WRONG_TOKEN, REFUSAL_EXPIRED, REFUSAL_SIGNATURE } Refusal;

typedef struct RefusalText {
  const char *code, *message;
  int status; /* 0: as the protocol's denials */
} RefusalText;

static const RefusalText refusals[][4] = {
    [REFUSAL_UNSIGNED] =
        {
            [WORDS_JSON] = {"MissingAuthenticationTokenException", "Request is missing Authentication Token", 0},
            [WORDS_QUERY] = {"MissingAuthenticationToken", "Request is missing Authentication Token", 403},
            [WORDS_EC2] = {"MissingAuthenticationToken", "Request is missing Authentication Token", 403},
            [WORDS_S3] = {"AccessDenied", "Access Denied", 403},
        },
    [REFUSAL_UNKNOWN_KEY] =
        {
            [WORDS_JSON] = {"UnrecognizedClientException", "The security token included in the request is invalid.", 0},
            [WORDS_QUERY] = {"InvalidClientTokenId", "The security token included in the request is invalid.", 403},
            [WORDS_EC2] = {"AuthFailure", "AWS was not able to validate the provided access credentials", 401},
            [WORDS_S3] = {"InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403},
        },
    [REFUSAL_WRONG_TOKEN] =
        {
            [WORDS_JSON] = {"UnrecognizedClientException", "The security token included in the request is invalid.", 0},
            [WORDS_QUERY] = {"InvalidClientTokenId", "The security token included in the request is invalid.", 403},
            [WORDS_EC2] = {"AuthFailure", "AWS was not able to validate the provided access credentials", 401},
            [WORDS_S3] = {"InvalidToken", "The provided token is malformed or otherwise invalid.", 400},
        },
    [REFUSAL_EXPIRED] =
        {
            [WORDS_JSON] = {"ExpiredTokenException", "The security token included in the request is expired", 0},
            [WORDS_QUERY] = {"ExpiredToken", "The security token included in the request is expired", 403},
            [WORDS_EC2] = {"RequestExpired", "Request has expired.", 400},
            [WORDS_S3] = {"ExpiredToken", "The provided token has expired.", 400},
        },
    [REFUSAL_SIGNATURE] =
        {
            [WORDS_JSON] = {"InvalidSignatureException", NULL, 0},
            [WORDS_QUERY] = {"SignatureDoesNotMatch", NULL, 403},
            [WORDS_EC2] = {"AuthFailure", NULL, 401},
            [WORDS_S3] = {"SignatureDoesNotMatch", NULL, 403},
        },
};

static Words
words_of(Protocol protocol)
{
  switch (protocol) {
  case PROTOCOL_QUERY:
    return WORDS_QUERY;
  case PROTOCOL_EC2:
    return WORDS_EC2;
  case PROTOCOL_REST_XML:
    return WORDS_S3;
  case PROTOCOL_JSON:
  case PROTOCOL_CBOR:
  case PROTOCOL_REST_JSON:
    break;
  }
  return WORDS_JSON;
}

/* rest-xml without being S3 (CloudFront, Route 53): the words of query. */
static Words
words_for(const Route *route)
{
  Words words = words_of(route->protocol);
  return words == WORDS_S3 && strcmp(route->model->signing_name, "s3") != 0 ? WORDS_QUERY : words;
}

static Error *
refuse(const Route *route, Refusal refusal)
{
  const RefusalText *text = &refusals[refusal][words_for(route)];
  return error_answer_status(text->status ? text->status : denial_status(route->protocol), text->code, "%s", text->message);
}

/* --- reading --- */

/* S3's rules for paths and codes hold if the scope names it. */
static gboolean
scope_is_s3(const WireRequest *request)
{
  const char *header = string_map_get(request->headers, "authorization");
  return (header && strstr(header, "/s3/aws4_request")) || strstr(request->query, "%2Fs3%2Faws4_request") ||
         strstr(request->query, "/s3/aws4_request");
}

Error *
auth_read(Arena *arena, const WireRequest *request, Sigv4 *ret_signature)
{
  return sigv4_parse(arena, request, scope_is_s3(request), ret_signature);
}

/* --- checking --- */

static Error *
check_token(Server *server, const Route *route, const Sigv4 *signature, gint64 now_ms, const Credential *credential)
{
  if (!credential->session_token)
    return NULL; /* a token with a long-lived key is not looked at */
  if (!signature->session_token || !sigv4_equal(credential->session_token, signature->session_token))
    return refuse(route, REFUSAL_WRONG_TOKEN);
  if (sessions_over(server->sessions, credential, signature->time_ms, now_ms))
    return refuse(route, REFUSAL_EXPIRED);
  return NULL;
}

static Error *
check_scope(const Route *route, const Sigv4 *signature)
{
  const char *expected = route->model->signing_name;
  if (strcmp(signature->service, expected) == 0)
    return NULL;
  const RefusalText *text = &refusals[REFUSAL_SIGNATURE][words_for(route)];
  return error_answer_status(denial_status(route->protocol), text->code, "Credential should be scoped to correct service: '%s'. ",
                             expected);
}

/* sigv4_verify speaks S3's or the general language; each protocol has its own code and status. */
static Error *
name_refusal(const Route *route, Error *error)
{
  if (!error || error->kind != ERROR_ANSWER || words_for(route) == WORDS_S3)
    return error;
  const RefusalText *text = &refusals[REFUSAL_SIGNATURE][words_for(route)];
  if (error_is(error, "SignatureDoesNotMatch") || error_is(error, "InvalidSignatureException")) {
    g_free(error->code);
    error->code = g_strdup(text->code);
    error->status = text->status ? text->status : denial_status(route->protocol);
  }
  return error;
}

static Error *
anonymous(Arena *arena, const Route *route, const Principal **ret_principal)
{
  if (!route->operation || !route->operation->anonymous)
    return refuse(route, REFUSAL_UNSIGNED);
  Principal *principal = ARENA_NEW(arena, Principal);
  *principal = (Principal){.type = PRINCIPAL_ANONYMOUS, .account = DEFAULT_ACCOUNT, .arn = "*", .user_id = "anonymous"};
  *ret_principal = principal;
  return NULL;
}

Error *
auth_check(Server *server, Txn *txn, Arena *arena, const WireRequest *request, const Sigv4 *signature, const Route *route, gint64 now_ms,
           const char *payload_hash, const Credential **ret_credential, const Principal **ret_principal)
{
  *ret_credential = NULL;
  if (signature->kind == SIGV4_NONE)
    return anonymous(arena, route, ret_principal);
  Credential *credential = NULL;
  TRY(iam_credential_find(txn, arena, signature->access_key, &credential));
  if (!credential && words_for(route) == WORDS_S3)
    return error_field(refuse(route, REFUSAL_UNKNOWN_KEY), "AWSAccessKeyId", signature->access_key);
  if (!credential)
    return refuse(route, REFUSAL_UNKNOWN_KEY);
  TRY(check_token(server, route, signature, now_ms, credential));
  TRY(check_scope(route, signature));
  gboolean s3 = strcmp(signature->service, "s3") == 0;
  TRY(name_refusal(route, sigv4_verify(arena, request, signature, credential->secret_key, clock_real(), s3, payload_hash)));
  *ret_credential = credential;
  *ret_principal = &credential->principal;
  return NULL;
}

/* --- for data planes --- */

gboolean
http_session_over(Haar *haar, const Credential *credential, gint64 signed_ms)
{
  return sessions_over(haar->server->sessions, credential, signed_ms, clock_now());
}

Error *
http_authenticate(Haar *haar, HttpExchange *exchange, Txn *txn, const char *signing_name, const Principal **ret_principal)
{
  const HttpRequest *http = &exchange->request;
  const ServiceModel model = {.name = signing_name, .signing_name = signing_name, .protocol = PROTOCOL_REST_JSON};
  const Route route = {.model = &model, .protocol = PROTOCOL_REST_JSON};
  const GByteArray *body = exchange->body;
  WireRequest request = {.method = http->method, .path = http->path, .query = http->query, .headers = http->headers};
  Sigv4 signature = {0};
  const Credential *credential = NULL;
  const char *hash = sigv4_hash(exchange->arena, body ? body->data : NULL, body ? body->len : 0);
  TRY(auth_read(exchange->arena, &request, &signature));
  return auth_check(haar->server, txn, exchange->arena, &request, &signature, &route, clock_now(), hash, &credential, ret_principal);
}
