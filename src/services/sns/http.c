/* Deliveries over HTTP. haar has no way to the internet: it reaches names of the simulated region, which are its own, and the host's loopback.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html */
#include <curl/curl.h>
#include <string.h>

#include "services/sns/sns.h"

enum { TIMEOUT_S = 15 };

static size_t
drop(char *data, size_t size, size_t n, void *unused)
{
  return size * n;
}

/* Whether a URL names a host of AWS: then haar itself answers it. */
static gboolean
is_of_region(const char *url)
{
  const char *host = strstr(url, "://");
  host = host ? host + 3 : url;
  g_autofree char *name = g_strndup(host, strcspn(host, ":/?"));
  return g_str_has_suffix(name, ".amazonaws.com") || g_str_has_suffix(name, ".cloudfront.net") || g_str_has_suffix(name, ".on.aws");
}

static struct curl_slist *
headers_of(const SnsDelivery *delivery, gboolean raw)
{
  Call *call = delivery->call;
  Arena *arena = call->arena;
  struct curl_slist *headers = NULL;
  const char *lines[] = {
      "Content-Type: text/plain; charset=UTF-8",
      "User-Agent: Amazon Simple Notification Service Agent",
      arena_printf(arena, "x-amz-sns-message-type: %s", delivery->kind),
      arena_printf(arena, "x-amz-sns-message-id: %s", delivery->message->id),
      arena_printf(arena, "x-amz-sns-topic-arn: %s", sns_topic_arn(call, delivery->topic)),
      strcmp(delivery->kind, "Notification") == 0
        ? arena_printf(arena, "x-amz-sns-subscription-arn: %s", sns_subscription_arn(call, delivery->subscription))
        : NULL,
      raw ? "x-amz-sns-rawdelivery: true" : NULL,
      "Expect:",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
    if (lines[i])
      headers = curl_slist_append(headers, lines[i]);
  return headers;
}

static Error *
perform(CURL *curl, const char *url)
{
  char reason[CURL_ERROR_SIZE] = "";
  long status = 0;
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK)
    return error_answer("DeliveryFailed", "%s: %s", url, *reason ? reason : curl_easy_strerror(code));
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 499 || status == 429)
    return error_answer("DeliveryFailed", "%s answered %ld", url, status);
  return status < 300 ? NULL : error_answer("DeliveryRefused", "%s answered %ld", url, status);
}

Error *
sns_post(const SnsDelivery *delivery, const char *body, gboolean raw)
{
  const char *url = delivery->subscription->endpoint;
  const Haar *haar = delivery->call->haar;
  gboolean own = is_of_region(url);
  if (!own && !sns_is_local(url))
    return error_answer("DeliveryRefused", "%s is neither in the simulated region nor on this machine's loopback: haar does not reach it", url);
  CURL *curl = curl_easy_init();
  struct curl_slist *headers = headers_of(delivery, raw), *to = NULL;
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) TIMEOUT_S);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long) strlen(body));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
  curl_easy_setopt(curl, CURLOPT_CAINFO, server_ca_path(haar->server));
  if (own) {
    to = curl_slist_append(NULL, arena_printf(delivery->call->arena, "::127.0.0.1:%d", haar->port));
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, to);
  }
  Error *error = perform(curl, url);
  curl_slist_free_all(headers);
  curl_slist_free_all(to);
  curl_easy_cleanup(curl);
  return error;
}
