/* The Runtime API over one libcurl handle, whose connection stays open from one invocation to the next. A connection that the
 * service closed while the environment was frozen is opened again by libcurl. */
#include "internal.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define API_VERSION "2018-06-01"

/* Headers of an invocation, in the order of the Client's texts. */
enum { HEADER_REQUEST_ID, HEADER_DEADLINE, HEADER_ARN, HEADER_TRACE, HEADER_CLIENT_CONTEXT, HEADER_COGNITO, N_HEADERS };

static const char *const header_names[N_HEADERS] = {
    [HEADER_REQUEST_ID] = "lambda-runtime-aws-request-id",
    [HEADER_DEADLINE] = "lambda-runtime-deadline-ms",
    [HEADER_ARN] = "lambda-runtime-invoked-function-arn",
    [HEADER_TRACE] = "lambda-runtime-trace-id",
    [HEADER_CLIENT_CONTEXT] = "lambda-runtime-client-context",
    [HEADER_COGNITO] = "lambda-runtime-cognito-identity",
};

struct Client {
  CURL *curl;
  char *base;       /* http://host:port/2018-06-01/runtime */
  char error[CURL_ERROR_SIZE];
  Buffer body;
  char *headers[N_HEADERS];
};

static size_t
on_body(char *data, size_t size, size_t n, void *user)
{
  return buffer_append(&((Client *) user)->body, data, size * n) ? size * n : 0;
}

static size_t
on_header(char *data, size_t size, size_t n, void *user)
{
  Client *client = user;
  size_t total = size * n;
  const char *colon = memchr(data, ':', total);
  if (!colon)
    return total;
  const char *value = colon + 1, *end = data + total;
  while (value < end && (*value == ' ' || *value == '\t'))
    value++;
  while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
    end--;
  for (int i = 0; i < N_HEADERS; i++) {
    size_t length = strlen(header_names[i]);
    if ((size_t) (colon - data) != length || strncasecmp(data, header_names[i], length) != 0)
      continue;
    free(client->headers[i]);
    client->headers[i] = strndup(value, (size_t) (end - value));
  }
  return total;
}

static void
set_options(Client *client)
{
  curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->error);
  curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
  curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, client);
  curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(client->curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(client->curl, CURLOPT_TCP_KEEPALIVE, 0L);
  curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, 0L); /* the next event may be hours away */
  curl_easy_setopt(client->curl, CURLOPT_PROXY, "");   /* never through a proxy that the function's code uses */
  curl_easy_setopt(client->curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(client->curl, CURLOPT_USERAGENT, "haar-lambda-runtime-c");
}

Client *
client_new(const char *api)
{
  Client *client = calloc(1, sizeof *client);
  if (!client)
    return NULL;
  size_t size = strlen(api) + sizeof "http:///" API_VERSION "/runtime";
  client->base = malloc(size);
  client->curl = curl_easy_init();
  if (!client->base || !client->curl) {
    client_free(client);
    return NULL;
  }
  snprintf(client->base, size, "http://%s/" API_VERSION "/runtime", api);
  set_options(client);
  return client;
}

void
client_free(Client *client)
{
  if (!client)
    return;
  curl_easy_cleanup(client->curl);
  for (int i = 0; i < N_HEADERS; i++)
    free(client->headers[i]);
  buffer_clear(&client->body);
  free(client->base);
  free(client);
}

/* Sends one request to base + path. Returns the HTTP status, or -1 after a line on standard error. */
static long
perform(Client *client, const char *path)
{
  char url[1024];
  if (snprintf(url, sizeof url, "%s%s", client->base, path) >= (int) sizeof url) {
    fprintf(stderr, "lambda runtime: the address of %s is too long\n", path);
    return -1;
  }
  curl_easy_setopt(client->curl, CURLOPT_URL, url);
  client->error[0] = '\0';
  buffer_reset(&client->body);
  CURLcode code = curl_easy_perform(client->curl);
  if (code != CURLE_OK) {
    fprintf(stderr, "lambda runtime: %s: %s\n", url, client->error[0] ? client->error : curl_easy_strerror(code));
    return -1;
  }
  long status = 0;
  curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

static void
forget_headers(Client *client)
{
  for (int i = 0; i < N_HEADERS; i++) {
    free(client->headers[i]);
    client->headers[i] = NULL;
  }
}

int
client_next(Client *client, LambdaEvent *ret_event, LambdaContext *ret_context)
{
  forget_headers(client);
  curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
  curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
  long status = perform(client, "/invocation/next");
  if (status < 0)
    return -1;
  if (status != 200 || !client->headers[HEADER_REQUEST_ID]) {
    fprintf(stderr, "lambda runtime: the next invocation was answered with status %ld: %s\n", status, client->body.data ? client->body.data : "");
    return -1;
  }
  const char *deadline = client->headers[HEADER_DEADLINE];
  *ret_event = (LambdaEvent){client->body.data ? client->body.data : "", client->body.size};
  *ret_context = (LambdaContext){
      .request_id = client->headers[HEADER_REQUEST_ID],
      .deadline_ms = deadline ? strtoll(deadline, NULL, 10) : 0,
      .function_arn = client->headers[HEADER_ARN],
      .trace_id = client->headers[HEADER_TRACE],
      .client_context = client->headers[HEADER_CLIENT_CONTEXT],
      .cognito_identity = client->headers[HEADER_COGNITO],
  };
  return 0;
}

/* Posts a body. error_type: or NULL. Returns the status, or -1. */
static long
post(Client *client, const char *path, const char *body, size_t size, const char *error_type)
{
  char type_header[256];
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  curl_slist_append(headers, "Expect:");
  if (error_type) {
    snprintf(type_header, sizeof type_header, "Lambda-Runtime-Function-Error-Type: %s", error_type);
    curl_slist_append(headers, type_header);
  }
  curl_easy_setopt(client->curl, CURLOPT_POST, 1L);
  curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) size);
  curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
  long status = perform(client, path);
  curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
  curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, NULL);
  curl_slist_free_all(headers);
  return status;
}

/* Posts an error document. The type goes into a header, so what cannot stand there is left out. */
static long
post_error(Client *client, const char *path, const char *type, const char *message)
{
  char header[128];
  size_t n = 0;
  for (const char *at = type; *at && n < sizeof header - 1; at++)
    if (*at > ' ' && *at < 0x7f)
      header[n++] = *at;
  header[n] = '\0';
  Buffer body = {0};
  bool ok = buffer_append_text(&body, "{\"errorType\":") && buffer_append_json(&body, type) &&
            buffer_append_text(&body, ",\"errorMessage\":") && buffer_append_json(&body, message) && buffer_append_text(&body, ",\"stackTrace\":[]}");
  long status = ok ? post(client, path, body.data, body.size, header) : -1;
  buffer_clear(&body);
  return status;
}

int
client_answer(Client *client, const char *request_id, const LambdaAnswer *answer)
{
  char path[256], message[128];
  const char *type = answer->error_type, *text = answer->error_message;
  if (!type) {
    Buffer none = {.data = (char *) "null", .size = strlen("null")};
    const Buffer *body = answer->body.size ? &answer->body : &none;
    snprintf(path, sizeof path, "/invocation/%s/response", request_id);
    long status = post(client, path, body->data, body->size, NULL);
    if (status < 0)
      return -1;
    if (status / 100 == 2)
      return 0;
    snprintf(message, sizeof message, "the answer of %zu bytes was refused with status %ld", answer->body.size, status);
    type = status == 413 ? "Function.ResponseSizeTooLarge" : "Runtime.ResponseRefused";
    text = message;
  }
  snprintf(path, sizeof path, "/invocation/%s/error", request_id);
  long status = post_error(client, path, type, text ? text : "");
  if (status / 100 == 2)
    return 0;
  if (status > 0)
    fprintf(stderr, "lambda runtime: the error of invocation %s was refused with status %ld\n", request_id, status);
  return -1;
}

int
client_init_error(Client *client, const char *type, const char *message)
{
  return post_error(client, "/init/error", type, message) / 100 == 2 ? 0 : -1;
}
