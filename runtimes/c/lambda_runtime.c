#include "internal.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t
lambda_remaining_ms(const LambdaContext *context)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t left = context->deadline_ms - ((int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000);
  return left > 0 ? left : 0;
}

void
answer_reset(LambdaAnswer *answer)
{
  buffer_reset(&answer->body);
  free(answer->error_type);
  free(answer->error_message);
  answer->error_type = answer->error_message = NULL;
}

void
lambda_answer(LambdaAnswer *answer, const void *data, size_t size)
{
  answer_reset(answer);
  if (!buffer_append(&answer->body, data, size))
    lambda_fail(answer, "Runtime.OutOfMemory", "no memory for an answer of %zu bytes", size);
}

/* Formatted text in memory of its own; NULL if there is none. */
static char *
format_text(const char *format, va_list args)
{
  char *text = NULL;
  return vasprintf(&text, format, args) < 0 ? NULL : text;
}

void
lambda_fail(LambdaAnswer *answer, const char *type, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  char *message = format_text(format, args);
  va_end(args);
  answer_reset(answer);
  answer->error_type = strdup(type);
  answer->error_message = message;
}

static void
context_from_environment(LambdaContext *context)
{
  const char *memory = getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
  context->function_name = getenv("AWS_LAMBDA_FUNCTION_NAME");
  context->function_version = getenv("AWS_LAMBDA_FUNCTION_VERSION");
  context->log_group = getenv("AWS_LAMBDA_LOG_GROUP_NAME");
  context->log_stream = getenv("AWS_LAMBDA_LOG_STREAM_NAME");
  context->memory_mb = memory ? (int) strtol(memory, NULL, 10) : 0;
}

static int
serve_one(Client *client, LambdaHandler handler, void *user, LambdaAnswer *answer)
{
  LambdaEvent event;
  LambdaContext context;
  if (client_next(client, &event, &context) < 0)
    return -1;
  context_from_environment(&context);
  if (context.trace_id)
    setenv("_X_AMZN_TRACE_ID", context.trace_id, 1);
  else
    unsetenv("_X_AMZN_TRACE_ID");
  answer_reset(answer);
  handler(&event, &context, user, answer);
  fflush(stdout);
  return client_answer(client, context.request_id, answer);
}

/* The client of the environment's Runtime API; NULL after a line on standard error. */
static Client *
client_from_environment(void)
{
  const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
  if (!api || !*api) {
    fprintf(stderr, "lambda runtime: AWS_LAMBDA_RUNTIME_API is not set: this program is started by AWS Lambda, or by haar\n");
    return NULL;
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  Client *client = client_new(api);
  if (!client)
    fprintf(stderr, "lambda runtime: no memory for the Runtime API's client\n");
  return client;
}

int
lambda_run(LambdaHandler handler, void *user)
{
  Client *client = client_from_environment();
  if (!client)
    return 1;
  LambdaAnswer answer = {0};
  while (serve_one(client, handler, user, &answer) == 0)
    ;
  answer_reset(&answer);
  buffer_clear(&answer.body);
  client_free(client);
  return 1;
}

int
lambda_init_fail(const char *type, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  char *message = format_text(format, args);
  va_end(args);
  fprintf(stderr, "%s: %s\n", type, message ? message : "");
  Client *client = client_from_environment();
  if (client)
    client_init_error(client, type, message ? message : "");
  client_free(client);
  free(message);
  return 1;
}
