/* Start, and the signing certificate as a file: https://sns.<region>.amazonaws.com/SimpleNotificationService-<hex>.pem */
#include <string.h>

#include "services/sns/sns.h"

static const char prefix[] = "/SimpleNotificationService-";

static Error *
start(Haar *haar)
{
  haar_set_state(haar, "sns", sns_signer_new());
  sns_deliver_register(haar);
  sns_mail_register(haar);
  return NULL;
}

static void
stop(Haar *haar)
{
  sns_signer_free(haar_state(haar, "sns"));
}

static gboolean
serves(Haar *haar, const HttpRequest *request)
{
  return strcmp(request->method, "GET") == 0 && g_str_has_prefix(request->path, prefix) && g_str_has_suffix(request->path, ".pem") &&
         !strchr(request->path + 1, '/');
}

static void
serve(Haar *haar, HttpExchange *exchange)
{
  StringMap headers = {0};
  const char *name = NULL, *pem = NULL;
  g_autoptr(Error) error = sns_signer_certificate(haar, &name, &pem);
  MAP_SET(http_arena(exchange), &headers, "Content-Type", "application/x-pem-file");
  if (error)
    log_error("the signing certificate: %s", error->message);
  if (error || strcmp(http_request(exchange)->path + 1, name) != 0)
    http_answer(exchange, error ? 500 : 404, &headers, "", 0);
  else
    http_answer(exchange, 200, &headers, pem, strlen(pem));
}

const ServiceHooks sns_hooks = {
  .start = start,
  .stop = stop,
  .serves = serves,
  .serve = serve,
  .access_denied_code = "AuthorizationErrorException",
};
