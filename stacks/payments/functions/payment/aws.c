#include "aws.h"

#include "json.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
  const char *host, *content_type, *title;
} services[AWS_N_SERVICES] = {
    [AWS_DYNAMODB] = {"dynamodb", "application/x-amz-json-1.0", "DynamoDB"},
    [AWS_SECRETSMANAGER] = {"secretsmanager", "application/x-amz-json-1.1", "Secrets Manager"},
    [AWS_S3] = {"s3", "application/json", "S3"},
};

struct Aws {
  const Config *config;
  CURL *curl[AWS_N_SERVICES];
  char error[CURL_ERROR_SIZE];
  int64_t deadline_ms;
};

static size_t
on_body(char *data, size_t size, size_t n, void *user)
{
  text_add(user, data, size * n);
  return size * n;
}

static CURL *
open_handle(Aws *aws, AwsService service)
{
  char provider[128];
  CURL *curl = curl_easy_init();
  if (!curl)
    return NULL;
  snprintf(provider, sizeof provider, "aws:amz:%s:%s", aws->config->region, services[service].host);
  curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, provider);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, aws->error);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "payment-function");
  return curl;
}

Aws *
aws_new(const Config *config)
{
  Aws *aws = calloc(1, sizeof *aws);
  if (!aws)
    return NULL;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  aws->config = config;
  for (int i = 0; i < AWS_N_SERVICES; i++) {
    aws->curl[i] = open_handle(aws, (AwsService) i);
    if (!aws->curl[i]) {
      aws_free(aws);
      return NULL;
    }
  }
  return aws;
}

void
aws_free(Aws *aws)
{
  if (!aws)
    return;
  for (int i = 0; i < AWS_N_SERVICES; i++)
    curl_easy_cleanup(aws->curl[i]);
  free(aws);
}

const Config *
aws_config(const Aws *aws)
{
  return aws->config;
}

void
aws_set_deadline(Aws *aws, int64_t deadline_ms)
{
  aws->deadline_ms = deadline_ms;
}

enum { CALL_MAX_MS = 8000 };

/* The time that a call may take: what is left of the invocation, less some to answer in; and never so much that a way that went away under an
 * open connection leaves no time to undo what was begun, and to answer before API Gateway gives up (29 s). */
static long
time_left(const Aws *aws)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t left = aws->deadline_ms - (int64_t) now.tv_sec * 1000 - now.tv_nsec / 1000000 - 250;
  return left < 1 ? 1 : left > CALL_MAX_MS ? CALL_MAX_MS : (long) left;
}

/* The error code in a service's answer: JSON's __type, or the header-less XML of S3. */
static const char *
error_code(Arena *arena, AwsService service, const AwsAnswer *answer)
{
  const char *start, *end;
  if (answer->status < 300)
    return "";
  if (service == AWS_S3) {
    start = strstr(answer->body, "<Code>");
    end = start ? strstr(start, "</Code>") : NULL;
    return end ? arena_strndup(arena, start + 6, (size_t) (end - start - 6)) : "";
  }
  const char *type = json_string(json_get(json_parse(arena, answer->body, answer->size), "__type"));
  const char *hash = type ? strrchr(type, '#') : NULL;
  return hash ? hash + 1 : type ? type : "";
}

static const Failure *
no_answer(Arena *arena, const Aws *aws, AwsService service, const char *url, CURLcode code)
{
  const char *why = aws->error[0] ? aws->error : curl_easy_strerror(code);
  bool late = code == CURLE_OPERATION_TIMEDOUT;
  return failure_new(arena, late ? 504 : 502, true, late ? "ServiceTimeout" : "ServiceUnreachable", "no answer from %s (%s): %s",
                     services[service].title, url, why);
}

/* Sends one request. headers are freed. */
static const Failure *
perform(Aws *aws, Arena *arena, AwsService service, const char *url, struct curl_slist *headers, const char *body, AwsAnswer *ret_answer)
{
  CURL *curl = aws->curl[service];
  const char *key = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY"), *token = getenv("AWS_SESSION_TOKEN");
  Text answer = text_new(arena);
  long left = time_left(aws);
  if (token && *token)
    headers = curl_slist_append(headers, arena_printf(arena, "X-Amz-Security-Token: %s", token));
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_USERNAME, key ? key : "");
  curl_easy_setopt(curl, CURLOPT_PASSWORD, secret ? secret : "");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body ? body : "");
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long) (body ? strlen(body) : 0));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, left < aws->config->connect_timeout_ms ? left : aws->config->connect_timeout_ms);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left);
  aws->error[0] = '\0';
  CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
  curl_slist_free_all(headers);
  if (code != CURLE_OK)
    return no_answer(arena, aws, service, url, code);
  *ret_answer = (AwsAnswer){.body = answer.data, .size = answer.size};
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
  ret_answer->code = error_code(arena, service, ret_answer);
  return NULL;
}

const Failure *
aws_json(Aws *aws, Arena *arena, AwsService service, const char *target, const char *body, AwsAnswer *ret_answer)
{
  const char *url = aws->config->endpoint
                        ? arena_printf(arena, "%s/", aws->config->endpoint)
                        : arena_printf(arena, "https://%s.%s.amazonaws.com/", services[service].host, aws->config->region);
  struct curl_slist *headers = curl_slist_append(NULL, arena_printf(arena, "Content-Type: %s", services[service].content_type));
  headers = curl_slist_append(headers, arena_printf(arena, "X-Amz-Target: %s", target));
  return perform(aws, arena, service, url, headers, body, ret_answer);
}

const Failure *
aws_object(Aws *aws, Arena *arena, const char *bucket, const char *key, const char *body, AwsAnswer *ret_answer)
{
  const char *url = aws->config->endpoint
                        ? arena_printf(arena, "%s/%s/%s", aws->config->endpoint, bucket, key)
                        : arena_printf(arena, "https://%s.s3.%s.amazonaws.com/%s", bucket, aws->config->region, key);
  struct curl_slist *headers = curl_slist_append(NULL, arena_printf(arena, "Content-Type: %s", services[AWS_S3].content_type));
  /* S3 wants this header, which older releases of libcurl do not send by themselves; TLS guards the payload. */
  headers = curl_slist_append(headers, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
  curl_easy_setopt(aws->curl[AWS_S3], CURLOPT_CUSTOMREQUEST, body ? "PUT" : "DELETE");
  return perform(aws, arena, AWS_S3, url, headers, body, ret_answer);
}

const Failure *
aws_put_presigned(Aws *aws, Arena *arena, const char *url, const char *body, AwsAnswer *ret_answer)
{
  CURL *curl = curl_easy_init();
  if (!curl)
    return failure_new(arena, 500, true, "NoMemory", "no memory for a connection");
  Text answer = text_new(arena);
  struct curl_slist *headers = curl_slist_append(curl_slist_append(NULL, "Content-Type:"), "Expect:");
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, aws->config->connect_timeout_ms);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, time_left(aws));
  aws->error[0] = '\0';
  CURLcode code = curl_easy_perform(curl);
  *ret_answer = (AwsAnswer){.body = answer.data, .size = answer.size, .code = ""};
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return code == CURLE_OK ? NULL : no_answer(arena, aws, AWS_S3, url, code);
}

const Failure *
aws_failure(Arena *arena, const char *what, const AwsAnswer *answer)
{
  const char *message = json_string(json_get(json_parse(arena, answer->body, answer->size), "message"));
  if (!message)
    message = json_string(json_get(json_parse(arena, answer->body, answer->size), "Message"));
  bool denied = strstr(answer->code, "AccessDenied") != NULL;
  return failure_new(arena, denied ? 500 : 502, answer->status >= 500, denied ? "AccessDenied" : "ServiceError", "%s: %s (status %ld): %.600s",
                     what, *answer->code ? answer->code : "unexpected answer", answer->status, message ? message : answer->body);
}
