/* Invoking a function for an API: on a thread of its own, so that the API can answer when its time is over while the function goes on.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html */
#include "services/apigateway/apigateway.h"
#include "services/lambda.gen.h"

#include <string.h>

enum { TIMEOUT_MS = 29000, THREADS_MAX = 256 };

/* "arn:aws:lambda:...:function:name[:qualifier]" out of the integration's URI, stage variables put in; NULL if it is no such URI. */
static const char *
function_arn(const Passage *p)
{
  static const char marker[] = ":lambda:path/2015-03-31/functions/";
  const char *uri = stage_variables(p, p->match.method->methodIntegration->uri);
  const char *at = strstr(uri, marker), *end = g_strrstr(uri, "/invocations");
  if (!at || !end || end < at + strlen(marker))
    return NULL;
  at += strlen(marker);
  return arena_strndup(p->arena, at, (gsize) (end - at));
}

const char *
request_arn(const Passage *p)
{
  const char *path = p->match.resource->path;
  return arn_format(p->arena, "execute-api", p->region, p->account, "%s/%s/%s%s", p->api_id, p->stage_name, p->request->method, path);
}

/* One invocation. The request that began it may be answered and gone before it ends: nothing of the request is in it. */
typedef struct Invocation {
  gint references;
  GMutex lock;
  GCond ended;
  gboolean done;
  Call *call;
  LambdaInvokeInput in;
  LambdaInvokeOutput out;
  Error *error;
} Invocation;

static void
invocation_unref(Invocation *invocation)
{
  if (!g_atomic_int_dec_and_test(&invocation->references))
    return;
  call_free(invocation->call);
  error_free(invocation->error);
  g_mutex_clear(&invocation->lock);
  g_cond_clear(&invocation->ended);
  g_free(invocation);
}

static Invocation *
invocation_new(Haar *haar, const Passage *p, const char *function)
{
  Invocation *invocation = g_new0(Invocation, 1);
  g_autoptr(GString) text = g_string_new(NULL);
  g_mutex_init(&invocation->lock);
  g_cond_init(&invocation->ended);
  invocation->references = 2;
  Call *call = invocation->call = call_new(haar, p->account, p->region, principal_service(p->arena, "apigateway", p->account));
  call->source_arn = arena_strdup(call->arena, request_arn(p));
  json_write(text, event_build(p));
  invocation->in.FunctionName = arena_strdup(call->arena, function);
  invocation->in.Payload = (Blob) {arena_memdup(call->arena, text->str, text->len), text->len};
  return invocation;
}

static void
run_invocation(gpointer data, gpointer unused)
{
  Invocation *invocation = data;
  Error *error = call_operation(invocation->call, &LambdaOperationInvoke, NULL, NULL, &invocation->in, &invocation->out);
  g_mutex_lock(&invocation->lock);
  invocation->error = error;
  invocation->done = TRUE;
  g_cond_signal(&invocation->ended);
  g_mutex_unlock(&invocation->lock);
  invocation_unref(invocation);
}

/* FALSE: the time is over. */
static gboolean
wait_for_invocation(Invocation *invocation, gint64 timeout_ms)
{
  gint64 until = clock_monotonic_us() + timeout_ms * 1000;
  g_mutex_lock(&invocation->lock);
  while (!invocation->done && g_cond_wait_until(&invocation->ended, &invocation->lock, until))
    ;
  gboolean done = invocation->done;
  g_mutex_unlock(&invocation->lock);
  return done;
}

static void
answer_invocation(const Passage *p, const Invocation *invocation)
{
  const Error *error = invocation->error;
  if (error)
    log_warning("API %s: %s %s: %s", p->api_id, p->request->method, p->path, error->message);
  if (error)
    answer_message(p, error_is(error, "TooManyRequestsException") ? 429 : 500, "InternalServerErrorException", "Internal server error");
  else if (invocation->out.FunctionError)
    answer_message(p, 502, "InternalServerErrorException", "Internal server error");
  else
    answer_proxy(p, &invocation->out.Payload);
}

void
invoke_function(Haar *haar, const Passage *p)
{
  const char *function = function_arn(p);
  if (!function) {
    log_warning("API %s: the integration's URI is no function's: %s", p->api_id, p->match.method->methodIntegration->uri);
    answer_message(p, 500, "InternalServerErrorException", "Internal server error");
    return;
  }
  Invocation *invocation = invocation_new(haar, p, function);
  gint64 began = clock_monotonic_us();
  g_thread_pool_push(haar_state(haar, "apigateway"), invocation, NULL);
  gboolean ended = wait_for_invocation(invocation, OPT_OR(p->match.method->methodIntegration->timeoutInMillis, TIMEOUT_MS));
  p->measures->integration_us = clock_monotonic_us() - began;
  if (ended)
    answer_invocation(p, invocation);
  else
    answer_message(p, 504, "InternalServerErrorException", "Endpoint request timed out");
  invocation_unref(invocation);
}

Error *
start_invoking(Haar *haar)
{
  haar_set_state(haar, "apigateway", g_thread_pool_new(run_invocation, NULL, THREADS_MAX, FALSE, NULL));
  return NULL;
}
