/* Tags, and the two operations that edit a queue's policy. */
#include <string.h>

#include "services/sqs/sqs.h"
#include "wire/json.h"

OPERATION(TagQueue, tag_queue, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
tag_queue(Call *call, const SqsTagQueueInput *in, SqsTagQueueOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  for (gsize i = 0; i < in->Tags.n; i++)
    MAP_SET(call->arena, &queue->tags, in->Tags.v[i].key, in->Tags.v[i].value);
  if (queue->tags.n > SQS_TAGS_MAX)
    return sqs_invalid("Too many tags added for queue %s.", queue->name);
  return sqs_queue_put(call, queue);
}

OPERATION(UntagQueue, untag_queue, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
untag_queue(Call *call, const SqsUntagQueueInput *in, SqsUntagQueueOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  StringMap kept = {0};
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  for (gsize i = 0; i < queue->tags.n; i++)
    if (!string_list_has((const StringList *) &in->TagKeys, queue->tags.v[i].key))
      MAP_SET(call->arena, &kept, queue->tags.v[i].key, queue->tags.v[i].value);
  queue->tags = kept;
  return sqs_queue_put(call, queue);
}

OPERATION(ListQueueTags, list_queue_tags, .txn = TXN_READ, .authorize = sqs_authorize)
static Error *
list_queue_tags(Call *call, const SqsListQueueTagsInput *in, SqsListQueueTagsOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  for (gsize i = 0; i < queue->tags.n; i++)
    MAP_SET(call->arena, &ret_out->Tags, queue->tags.v[i].key, queue->tags.v[i].value);
  return NULL;
}

/* --- AddPermission, RemovePermission: statements with the label as their Sid --- */

static Error *
read_policy(Call *call, const SqsQueueRecord *queue, Json **ret_policy, Json **ret_statements)
{
  const char *text = string_map_get(&queue->attributes, "Policy");
  if (text)
    TRY(json_parse(call->arena, text, strlen(text), ret_policy));
  else
    *ret_policy = json_new_object(call->arena);
  if (!text) {
    json_set(call->arena, *ret_policy, "Version", json_new_string(call->arena, "2012-10-17"));
    json_set(call->arena, *ret_policy, "Id", json_new_string(call->arena, arena_printf(call->arena, "%s/SQSDefaultPolicy", sqs_queue_arn(call, queue))));
  }
  Json *old = json_get(*ret_policy, "Statement");
  *ret_statements = json_new_array(call->arena);
  if (old && old->type == JSON_OBJECT)
    json_append(call->arena, *ret_statements, old);
  for (guint i = 0; old && old->type == JSON_ARRAY && i < old->n; i++)
    json_append(call->arena, *ret_statements, old->items[i]);
  json_set(call->arena, *ret_policy, "Statement", *ret_statements);
  return NULL;
}

static Json *
statement(Call *call, const SqsAddPermissionInput *in, const SqsQueueRecord *queue)
{
  Arena *arena = call->arena;
  Json *object = json_new_object(arena), *principal = json_new_object(arena), *accounts = json_new_array(arena), *actions = json_new_array(arena);
  for (gsize i = 0; i < in->AWSAccountIds.n; i++)
    json_append(arena, accounts, json_new_string(arena, arena_printf(arena, "arn:aws:iam::%s:root", in->AWSAccountIds.v[i])));
  for (gsize i = 0; i < in->Actions.n; i++)
    json_append(arena, actions, json_new_string(arena, arena_printf(arena, "SQS:%s", in->Actions.v[i])));
  json_set(arena, object, "Sid", json_new_string(arena, in->Label));
  json_set(arena, object, "Effect", json_new_string(arena, "Allow"));
  json_set(arena, principal, "AWS", accounts);
  json_set(arena, object, "Principal", principal);
  json_set(arena, object, "Action", actions);
  json_set(arena, object, "Resource", json_new_string(arena, sqs_queue_arn(call, queue)));
  return object;
}

OPERATION(AddPermission, add_permission, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
add_permission(Call *call, const SqsAddPermissionInput *in, SqsAddPermissionOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  Json *policy = NULL, *statements = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  TRY(read_policy(call, queue, &policy, &statements));
  for (guint i = 0; i < statements->n; i++)
    if (g_strcmp0(json_string(json_get(statements->items[i], "Sid")), in->Label) == 0)
      return sqs_invalid("Value %s for parameter Label is invalid. Reason: Already exists.", in->Label);
  json_append(call->arena, statements, statement(call, in, queue));
  const char *text = json_text(call->arena, policy);
  g_autoptr(Error) bad = iam_policy_check(call->arena, text, TRUE);
  if (bad)
    return sqs_invalid("Value for parameter AWSAccountId or ActionName is invalid. Reason: %s", bad->message);
  MAP_SET(call->arena, &queue->attributes, "Policy", text);
  return sqs_queue_put(call, queue);
}

OPERATION(RemovePermission, remove_permission, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
remove_permission(Call *call, const SqsRemovePermissionInput *in, SqsRemovePermissionOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  Json *policy = NULL, *statements = NULL, *kept = json_new_array(call->arena);
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  TRY(read_policy(call, queue, &policy, &statements));
  for (guint i = 0; i < statements->n; i++)
    if (g_strcmp0(json_string(json_get(statements->items[i], "Sid")), in->Label) != 0)
      json_append(call->arena, kept, statements->items[i]);
  if (kept->n == statements->n)
    return sqs_invalid("Value %s for parameter Label is invalid. Reason: can't find label on existing policy.", in->Label);
  json_set(call->arena, policy, "Statement", kept);
  MAP_SET(call->arena, &queue->attributes, "Policy", kept->n ? json_text(call->arena, policy) : NULL);
  return sqs_queue_put(call, queue);
}
