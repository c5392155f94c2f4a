/* Queues by URL, name and ARN, and who may use them. */
#include <string.h>

#include "services/sqs/sqs.h"

const Table sqs_queues = {"sqs.queue"};

/* AWS: a service that no policy names may not use a queue, in its own account either. */
static const char no_policy[] = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";

void
sqs_queue_key(const Call *call, const SqsQueueRecord *queue, Key *key)
{
  key_strings(key, call->region, queue->account, queue->name, NULL);
}

char *
sqs_queue_arn(const Call *call, const SqsQueueRecord *queue)
{
  return arn_join(call->arena, "sqs", call->region, queue->account, queue->name);
}

char *
sqs_queue_url(const Call *call, const char *account, const char *name)
{
  if (!call->host)
    return arena_printf(call->arena, "https://sqs.%s.amazonaws.com/%s/%s", call->region, account, name);
  return arena_printf(call->arena, "%s://%s/%s/%s", call->source->tls ? "https" : "http", call->host, account, name);
}

Error *
sqs_queue_look(Call *call, const char *account, const char *name, SqsQueueRecord **ret_queue)
{
  Key key;
  void *queue = NULL;
  key_strings(&key, call->region, account, name, NULL);
  TRY(record_get(call->txn, &sqs_queues, &key, &SqsQueueRecord_shape, call->arena, &queue));
  *ret_queue = queue;
  return NULL;
}

Error *
sqs_queue_put(Call *call, const SqsQueueRecord *queue)
{
  Key key;
  sqs_queue_key(call, queue, &key);
  return record_put(call->txn, &sqs_queues, &key, &SqsQueueRecord_shape, queue);
}

static Error *
no_queue(void)
{
  return error_answer("QueueDoesNotExist", "The specified queue does not exist.");
}

static gboolean
is_account(const char *text)
{
  gsize n = strspn(text, "0123456789");
  return n == 12 && text[n] == 0;
}

/* A URL's last two segments are account and name, whatever stands before; a bare name is taken as well. */
Error *
sqs_queue_find(Call *call, const char *url, SqsQueueRecord **ret_queue)
{
  const char *slash = strrchr(url, '/');
  const char *account = call->account, *name = slash ? slash + 1 : url;
  if (slash) {
    const char *before = g_strrstr_len(url, slash - url, "/");
    account = before ? arena_strndup(call->arena, before + 1, (gsize) (slash - before - 1)) : "";
    if (!is_account(account))
      return error_answer("InvalidAddress", "The address %s is not valid for this endpoint.", url);
  }
  TRY(sqs_queue_look(call, account, name, ret_queue));
  return *ret_queue ? NULL : no_queue();
}

Error *
sqs_queue_by_arn(Call *call, const char *text, SqsQueueRecord **ret_queue)
{
  Arn arn;
  *ret_queue = NULL;
  if (!text || !arn_parse(call->arena, text, &arn) || strcmp(arn.service, "sqs") != 0 || strcmp(arn.region, call->region) != 0)
    return NULL;
  return sqs_queue_look(call, arn.account, arn.resource, ret_queue);
}

gboolean
sqs_is_fifo(const SqsQueueRecord *queue)
{
  return g_str_has_suffix(queue->name, ".fifo");
}

Error *
sqs_authorize_queue(Call *call, const SqsQueueRecord *queue, Authorization *auth)
{
  auth->resource = sqs_queue_arn(call, queue);
  auth->resource_account = queue->account;
  auth->resource_policy = string_map_get(&queue->attributes, "Policy");
  if (!auth->resource_policy && call->principal->type == PRINCIPAL_SERVICE)
    auth->resource_policy = no_policy;
  for (gsize i = 0; i < queue->tags.n; i++)
    MAP_SET(call->arena, &auth->context, arena_printf(call->arena, "aws:ResourceTag/%s", queue->tags.v[i].key), queue->tags.v[i].value);
  return NULL;
}

Error *
sqs_authorize(Call *call, const void *in, Authorization *auth)
{
  const char *url = *(const char *const *) in;
  SqsQueueRecord *queue = NULL;
  if (!url || !*url)
    return sqs_missing("QueueUrl");
  TRY(sqs_queue_find(call, url, &queue));
  return sqs_authorize_queue(call, queue, auth);
}

Error *
sqs_missing(const char *name)
{
  return error_answer("MissingParameter", "The request must contain the parameter %s.", name);
}

Error *
sqs_invalid(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  return error_answer("InvalidParameterValue", "%s", text);
}
