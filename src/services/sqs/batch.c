/* What the batch operations have in common.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
#include <string.h>

#include "services/sqs/sqs.h"

static gboolean
is_id(const char *id)
{
  gsize size = id ? strlen(id) : 0;
  return size >= 1 && size <= 80 && strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == size;
}

Error *
sqs_batch_check(Call *call, gsize n, const void *entries, const char *entry_name)
{
  const char *const *const *items = entries;
  if (!n)
    return error_answer("EmptyBatchRequest", "There should be at least one %s in the request.", entry_name);
  if (n > SQS_BATCH_MAX)
    return error_answer("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %" G_GSIZE_FORMAT ".",
                        SQS_BATCH_MAX, n);
  for (gsize i = 0; i < n; i++) {
    const char *id = *items[i];
    if (!is_id(id))
      return error_answer("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at "
                                                 "most 80 letters long.");
    for (gsize k = 0; k < i; k++)
      if (strcmp(*items[k], id) == 0)
        return error_answer("BatchEntryIdsNotDistinct", "Id %s repeated.", id);
  }
  return NULL;
}

/* The code as it stands in query answers; the JSON protocol shows the same here. */
static const char *
code_of(const Call *call, const char *code)
{
  for (const Shape *const *shape = call->operation->model->errors; shape && *shape; shape++)
    if (strcmp((*shape)->name, code) == 0 && (*shape)->error_code)
      return (*shape)->error_code;
  return code;
}

Error *
sqs_batch_failed(Call *call, const char *id, Error *error, SqsBatchResultErrorEntryList *list)
{
  g_autoptr(Error) why = error;
  if (why->kind == ERROR_FAULT)
    return g_steal_pointer(&why);
  SqsBatchResultErrorEntry *entry = ARENA_NEW(call->arena, SqsBatchResultErrorEntry);
  *entry = (SqsBatchResultErrorEntry){
      .Id = id, .SenderFault = OPT_BOOL(TRUE), .Code = arena_strdup(call->arena, code_of(call, why->code)), .Message = arena_strdup(call->arena, why->message)};
  LIST_APPEND(call->arena, list, entry);
  return NULL;
}
