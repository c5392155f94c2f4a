/* Queues: made, found, emptied, deleted. */
#include <string.h>

#include "services/sqs/sqs.h"

enum { PAGE_MAX = 1000, PURGE_MS = 60000 };

static Error *
check_name(const char *name)
{
  gsize size = strlen(name), plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
  gboolean fifo = g_str_has_suffix(name, ".fifo");
  if (size >= 1 && size <= SQS_NAME_MAX && (plain == size || (fifo && plain == size - 5 && plain)))
    return NULL;
  if (fifo)
    return sqs_invalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo "
                       "suffix and be 1 to 80 in length.");
  return sqs_invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
}

static Error *
authorize_name(Call *call, const void *in, Authorization *auth)
{
  const char *name = ((const SqsCreateQueueInput *) in)->QueueName;
  auth->resource = call_arn(call, "sqs", "%s", name ? name : "");
  return NULL;
}

/* A name that is there is the same queue if it was asked for in the same way. */
static Error *
take_existing(const SqsQueueRecord *queue, const SqsQueueRecord *asked)
{
  const char *name = NULL;
  if (sqs_attributes_match(queue, asked, &name))
    return NULL;
  return error_answer("QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", name);
}

static Error *
check_fifo(const SqsCreateQueueInput *in)
{
  const char *const *fifo = MAP_FIND(&in->Attributes, "FifoQueue");
  gboolean named = g_str_has_suffix(in->QueueName, ".fifo"), said = fifo && g_strcmp0(*fifo, "true") == 0;
  if (named == said)
    return NULL;
  if (said)
    return sqs_invalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo "
                       "suffix and be 1 to 80 in length.");
  return sqs_invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
}

OPERATION(CreateQueue, create_queue, .txn = TXN_WRITE, .authorize = authorize_name)
static Error *
create_queue(Call *call, const SqsCreateQueueInput *in, SqsCreateQueueOutput *ret_out)
{
  SqsQueueRecord *old = NULL;
  SqsQueueRecord queue = {.account = call->account, .name = in->QueueName, .created = OPT_INT(call->now), .modified = OPT_INT(call->now)};
  TRY(check_name(in->QueueName));
  TRY(check_fifo(in));
  TRY(sqs_queue_look(call, call->account, in->QueueName, &old));
  TRY(sqs_attributes_set(call, &queue, &in->Attributes, TRUE));
  if (in->tags.n > SQS_TAGS_MAX)
    return sqs_invalid("Too many tags added for queue %s.", in->QueueName);
  for (gsize i = 0; i < in->tags.n; i++)
    MAP_SET(call->arena, &queue.tags, in->tags.v[i].key, in->tags.v[i].value);
  ret_out->QueueUrl = sqs_queue_url(call, call->account, in->QueueName);
  return old ? take_existing(old, &queue) : sqs_queue_put(call, &queue);
}

static Error *
empty(Call *call, const SqsQueueRecord *queue)
{
  Key key;
  sqs_queue_key(call, queue, &key);
  key_add_raw(&key, "", 0);
  const Table *const tables[] = {&sqs_messages, &sqs_order};
  for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
    TRY(store_delete_prefix(call->txn, tables[i], &key, NULL));
  return NULL;
}

OPERATION(DeleteQueue, delete_queue, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
delete_queue(Call *call, const SqsDeleteQueueInput *in, SqsDeleteQueueOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  Key key;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  TRY(empty(call, queue));
  TRY(sqs_sweep_schedule(call, queue, -1));
  sqs_queue_key(call, queue, &key);
  TRY(store_delete(call->txn, &sqs_queues, &key, NULL));
  TRY(store_delete(call->txn, &sqs_counters, &key, NULL));
  TRY(store_delete_prefix(call->txn, &sqs_recent, &key, NULL));
  TRY(store_delete_prefix(call->txn, &sqs_moves, &key, NULL));
  call_wake(call, sqs_wait_key(call, queue), G_MAXUINT);
  return NULL;
}

/* https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html */
OPERATION(PurgeQueue, purge_queue, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
purge_queue(Call *call, const SqsPurgeQueueInput *in, SqsPurgeQueueOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  if (queue->purged.set && call->now - queue->purged.v < PURGE_MS && call->now >= queue->purged.v)
    return error_answer("PurgeQueueInProgress", "Only one PurgeQueue operation on %s is allowed every 60 seconds.", queue->name);
  queue->purged = OPT_INT(call->now);
  TRY(empty(call, queue));
  return sqs_queue_put(call, queue);
}

static Error *
authorize_url(Call *call, const void *in, Authorization *auth)
{
  const SqsGetQueueUrlInput *input = in;
  const char *account = input->QueueOwnerAWSAccountId ? input->QueueOwnerAWSAccountId : call->account;
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_look(call, account, input->QueueName, &queue));
  if (queue)
    return sqs_authorize_queue(call, queue, auth);
  auth->resource = arn_join(call->arena, "sqs", call->region, account, input->QueueName);
  return NULL;
}

OPERATION(GetQueueUrl, get_queue_url, .txn = TXN_READ, .authorize = authorize_url)
static Error *
get_queue_url(Call *call, const SqsGetQueueUrlInput *in, SqsGetQueueUrlOutput *ret_out)
{
  const char *account = in->QueueOwnerAWSAccountId ? in->QueueOwnerAWSAccountId : call->account;
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_look(call, account, in->QueueName, &queue));
  if (!queue)
    return error_answer("QueueDoesNotExist", "The specified queue does not exist.");
  ret_out->QueueUrl = sqs_queue_url(call, account, in->QueueName);
  return NULL;
}

/* Pages of queues; wanted may be NULL. */
typedef struct Page {
  const char *prefix, *token;
  OptInt max;
  gboolean (*wanted)(Call *call, const SqsQueueRecord *queue, const char *arn);
  const char *arn;
} Page;

static Error *
list(Call *call, const Page *page, StringList *urls, const char **ret_token)
{
  Key prefix, from;
  gsize max = (gsize) OPT_OR(page->max, PAGE_MAX);
  if (page->max.set && (page->max.v < 1 || page->max.v > PAGE_MAX))
    return sqs_invalid("Value %" G_GINT64_FORMAT " for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.",
                       page->max.v);
  key_strings(&prefix, call->region, call->account, NULL);
  from = prefix;
  if (page->prefix)
    key_add_raw(&prefix, page->prefix, strlen(page->prefix));
  if (page->token)
    key_add(&from, page->token);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &sqs_queues, &(CursorOptions){.prefix = &prefix, .from = page->token ? &from : NULL, .after = TRUE}, &cursor));
  const char *last = NULL;
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *value = NULL;
    TRY(record_decode(call->arena, &SqsQueueRecord_shape, data, size, &value));
    SqsQueueRecord *queue = value;
    if (page->wanted && !page->wanted(call, queue, page->arn))
      continue;
    if (urls->n == max) {
      *ret_token = page->max.set ? last : NULL;
      break;
    }
    last = queue->name;
    LIST_APPEND(call->arena, urls, (const char *) sqs_queue_url(call, queue->account, queue->name));
  }
  return NULL;
}

OPERATION(ListQueues, list_queues, .txn = TXN_READ)
static Error *
list_queues(Call *call, const SqsListQueuesInput *in, SqsListQueuesOutput *ret_out)
{
  return list(call, &(Page){.prefix = in->QueueNamePrefix, .token = in->NextToken, .max = in->MaxResults}, &ret_out->QueueUrls,
              &ret_out->NextToken);
}

static gboolean
is_source(Call *call, const SqsQueueRecord *queue, const char *arn)
{
  SqsRedrive redrive;
  g_autoptr(Error) broken = sqs_redrive(call, queue, &redrive);
  return !broken && g_strcmp0(redrive.target, arn) == 0;
}

OPERATION(ListDeadLetterSourceQueues, list_dead_letter_source_queues, .txn = TXN_READ, .authorize = sqs_authorize)
static Error *
list_dead_letter_source_queues(Call *call, const SqsListDeadLetterSourceQueuesInput *in, SqsListDeadLetterSourceQueuesOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  LIST_EMPTY(call->arena, &ret_out->queueUrls);
  Page page = {.token = in->NextToken, .max = in->MaxResults, .wanted = is_source, .arn = sqs_queue_arn(call, queue)};
  return list(call, &page, &ret_out->queueUrls, &ret_out->NextToken);
}
