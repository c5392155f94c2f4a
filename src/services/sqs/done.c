/* What becomes of a received message: DeleteMessage, ChangeMessageVisibility, and their batches. */
#include <string.h>

#include "services/sqs/sqs.h"

enum { VISIBILITY_MAX = 43200 };

/* The message of a receipt, NULL if it is gone or was received again since. */
static Error *
find(Call *call, const SqsQueueRecord *queue, const char *handle, gint64 *ret_number, SqsMessageRecord **ret_message)
{
  const char *receipt = NULL;
  if (!handle || !*handle)
    return sqs_missing("ReceiptHandle");
  TRY(sqs_receipt_read(call, queue, handle, ret_number, &receipt));
  TRY(sqs_message_get(call, queue, *ret_number, ret_message));
  if (*ret_message && g_strcmp0((*ret_message)->receipt, receipt) != 0)
    *ret_message = NULL;
  return NULL;
}

/* FIFO queues refuse what is not in flight any more. */
static Error *
delete(Call *call, const SqsQueueRecord *queue, const char *handle)
{
  gint64 number;
  SqsMessageRecord *message = NULL;
  TRY(find(call, queue, handle, &number, &message));
  if (message && sqs_is_fifo(queue) && OPT_OR(message->visible, 0) <= call->now)
    return sqs_invalid("Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", handle);
  if (message)
    sqs_metric(call, queue, "NumberOfMessagesDeleted", "Count", 1);
  return message ? sqs_message_delete(call, queue, number, message) : NULL;
}

OPERATION(DeleteMessage, delete_message, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
delete_message(Call *call, const SqsDeleteMessageInput *in, SqsDeleteMessageOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  return delete(call, queue, in->ReceiptHandle);
}

OPERATION(DeleteMessageBatch, delete_message_batch, .txn = TXN_WRITE, .authorize = sqs_authorize, .action = "sqs:DeleteMessage")
static Error *
delete_message_batch(Call *call, const SqsDeleteMessageBatchInput *in, SqsDeleteMessageBatchOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  TRY(sqs_batch_check(call, in->Entries.n, in->Entries.v, "DeleteMessageBatchRequestEntry"));
  LIST_EMPTY(call->arena, &ret_out->Successful);
  LIST_EMPTY(call->arena, &ret_out->Failed);
  for (gsize i = 0; i < in->Entries.n; i++) {
    Error *error = delete(call, queue, in->Entries.v[i]->ReceiptHandle);
    if (error) {
      TRY(sqs_batch_failed(call, in->Entries.v[i]->Id, error, &ret_out->Failed));
      continue;
    }
    SqsDeleteMessageBatchResultEntry *result = ARENA_NEW(call->arena, SqsDeleteMessageBatchResultEntry);
    result->Id = in->Entries.v[i]->Id;
    LIST_APPEND(call->arena, &ret_out->Successful, result);
  }
  return NULL;
}

/* https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html */
static Error *
change(Call *call, const SqsQueueRecord *queue, const char *handle, OptInt timeout)
{
  gint64 number;
  SqsMessageRecord *message = NULL;
  if (!timeout.set)
    return sqs_missing("VisibilityTimeout");
  if (timeout.v < 0 || timeout.v > VISIBILITY_MAX)
    return sqs_invalid("Value %" G_GINT64_FORMAT " for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer "
                       "between 0 and 43200.", timeout.v);
  TRY(find(call, queue, handle, &number, &message));
  gint64 old = message ? OPT_OR(message->visible, 0) : 0;
  if (!message || old <= call->now)
    return error_answer("MessageNotInflight", "Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not "
                                              "available for visibility timeout change.", handle);
  message->visible = OPT_INT(call->now + timeout.v * 1000);
  TRY(sqs_message_put(call, queue, number, message, old));
  call_wake(call, sqs_wait_key(call, queue), 1);
  return NULL;
}

OPERATION(ChangeMessageVisibility, change_message_visibility, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
change_message_visibility(Call *call, const SqsChangeMessageVisibilityInput *in, SqsChangeMessageVisibilityOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  return change(call, queue, in->ReceiptHandle, in->VisibilityTimeout);
}

OPERATION(ChangeMessageVisibilityBatch, change_message_visibility_batch, .txn = TXN_WRITE, .authorize = sqs_authorize,
          .action = "sqs:ChangeMessageVisibility")
static Error *
change_message_visibility_batch(Call *call, const SqsChangeMessageVisibilityBatchInput *in, SqsChangeMessageVisibilityBatchOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  TRY(sqs_batch_check(call, in->Entries.n, in->Entries.v, "ChangeMessageVisibilityBatchRequestEntry"));
  LIST_EMPTY(call->arena, &ret_out->Successful);
  LIST_EMPTY(call->arena, &ret_out->Failed);
  for (gsize i = 0; i < in->Entries.n; i++) {
    const SqsChangeMessageVisibilityBatchRequestEntry *entry = in->Entries.v[i];
    Error *error = change(call, queue, entry->ReceiptHandle, entry->VisibilityTimeout);
    if (error) {
      TRY(sqs_batch_failed(call, entry->Id, error, &ret_out->Failed));
      continue;
    }
    SqsChangeMessageVisibilityBatchResultEntry *result = ARENA_NEW(call->arena, SqsChangeMessageVisibilityBatchResultEntry);
    result->Id = entry->Id;
    LIST_APPEND(call->arena, &ret_out->Successful, result);
  }
  return NULL;
}
