/* Message move tasks: a job that carries a dead-letter queue's messages back, at the rate that was asked for.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
#include <string.h>

#include "services/sqs/sqs.h"

const Table sqs_moves = {"sqs.move"};

static const char kind[] = "sqs.move";
enum { RATE_MAX = 500, BATCH = 100, KEPT_MAX = 10 };

static void
move_key(Call *call, const SqsQueueRecord *queue, const char *handle, Key *key)
{
  sqs_queue_key(call, queue, key);
  key_add(key, handle);
}

static Error *
authorize(Call *call, const void *in, Authorization *auth)
{
  const char *arn = *(const char *const *) in;
  SqsQueueRecord *queue = NULL;
  if (!arn)
    return sqs_missing("SourceArn");
  TRY(sqs_queue_by_arn(call, arn, &queue));
  if (!queue)
    return error_answer("ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.");
  return sqs_authorize_queue(call, queue, auth);
}

/* Handles: the source's ARN and a number, in base64. */
static char *
make_handle(Call *call, const char *source)
{
  const char *text = arena_printf(call->arena, "%020" G_GINT64_FORMAT " %s %s", call->now, id_hex(call->arena, 12), source);
  return text_base64(call->arena, text, strlen(text));
}

static const char *
handle_source(Call *call, const char *handle)
{
  gsize size = 0;
  const guint8 *data = handle ? text_unbase64(call->arena, handle, &size) : NULL;
  const char *text = data ? arena_strndup(call->arena, (const char *) data, size) : NULL;
  const char *space = text ? strchr(text, ' ') : NULL;
  space = space ? strchr(space + 1, ' ') : NULL;
  return space ? space + 1 : NULL;
}

static Error *
tasks_of(Call *call, const SqsQueueRecord *queue, GPtrArray *ret)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  sqs_queue_key(call, queue, &prefix);
  TRY(cursor_open(call->txn, &sqs_moves, &(CursorOptions){.prefix = &prefix, .reverse = TRUE}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *value = NULL;
    TRY(record_decode(call->arena, &SqsMoveRecord_shape, data, size, &value));
    g_ptr_array_add(ret, value);
  }
  return NULL;
}

static gboolean
is_dead_letter_queue(Call *call, const SqsQueueRecord *queue)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  key_strings(&prefix, call->region, queue->account, NULL);
  g_autoptr(Error) error = cursor_open(call->txn, &sqs_queues, &(CursorOptions){.prefix = &prefix}, &cursor);
  while (!error && cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *value = NULL;
    SqsRedrive redrive = {0};
    g_autoptr(Error) broken = record_decode(call->arena, &SqsQueueRecord_shape, data, size, &value);
    g_autoptr(Error) bad = broken ? NULL : sqs_redrive(call, value, &redrive);
    if (!broken && !bad && g_strcmp0(redrive.target, sqs_queue_arn(call, queue)) == 0)
      return TRUE;
  }
  return FALSE;
}

static Error *
check_start(Call *call, const SqsStartMessageMoveTaskInput *in, const SqsQueueRecord *source)
{
  g_autoptr(GPtrArray) tasks = g_ptr_array_new();
  SqsQueueRecord *destination = NULL;
  if (in->MaxNumberOfMessagesPerSecond.set && (in->MaxNumberOfMessagesPerSecond.v < 1 || in->MaxNumberOfMessagesPerSecond.v > RATE_MAX))
    return sqs_invalid("Value %" G_GINT64_FORMAT " for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a value between 1 "
                       "and 500.", in->MaxNumberOfMessagesPerSecond.v);
  if (!is_dead_letter_queue(call, source))
    return sqs_invalid("Source queue must be configured as a Dead Letter Queue.");
  if (in->DestinationArn) {
    TRY(sqs_queue_by_arn(call, in->DestinationArn, &destination));
    if (!destination)
      return error_answer("ResourceNotFoundException", "The resource that you specified for the DestinationArn parameter doesn't exist.");
    if (sqs_is_fifo(destination) != sqs_is_fifo(source))
      return sqs_invalid("Source queue and destination queue must be of the same type.");
  }
  TRY(tasks_of(call, source, tasks));
  for (guint i = 0; i < tasks->len; i++)
    if (strcmp(((SqsMoveRecord *) tasks->pdata[i])->status, "RUNNING") == 0)
      return error_answer("UnsupportedOperation", "There is already a task running. Only one active task is allowed for a source queue arn at a given "
                                                  "time.");
  for (guint i = KEPT_MAX - 1; i < tasks->len; i++) {
    Key key;
    move_key(call, source, ((SqsMoveRecord *) tasks->pdata[i])->handle, &key);
    TRY(store_delete(call->txn, &sqs_moves, &key, NULL));
  }
  return NULL;
}

static Error *
put(Call *call, const SqsQueueRecord *source, const SqsMoveRecord *move)
{
  Key key;
  move_key(call, source, move->handle, &key);
  return record_put(call->txn, &sqs_moves, &key, &SqsMoveRecord_shape, move);
}

static Error *
schedule(Call *call, const char *handle, gint64 due)
{
  const char *key = arena_printf(call->arena, "%s %s %s", call->region, call->account, handle);
  return jobs_put(call->txn, call->haar->jobs, kind, key, due, "", 0);
}

OPERATION(StartMessageMoveTask, start_message_move_task, .txn = TXN_WRITE, .authorize = authorize)
static Error *
start_message_move_task(Call *call, const SqsStartMessageMoveTaskInput *in, SqsStartMessageMoveTaskOutput *ret_out)
{
  SqsQueueRecord *source = NULL;
  SqsCounts counts;
  TRY(sqs_queue_by_arn(call, in->SourceArn, &source));
  TRY(check_start(call, in, source));
  TRY(sqs_count(call, source, &counts));
  SqsMoveRecord move = {
      .handle = make_handle(call, in->SourceArn),
      .source = in->SourceArn,
      .destination = in->DestinationArn,
      .status = "RUNNING",
      .rate = in->MaxNumberOfMessagesPerSecond,
      .moved = OPT_INT(0),
      .total = OPT_INT(counts.visible),
      .started = OPT_INT(call->now),
  };
  ret_out->TaskHandle = move.handle;
  TRY(schedule(call, move.handle, 0));
  return put(call, source, &move);
}

/* *ret_move is NULL if there is none. */
static Error *
find_move(Call *call, const char *handle, SqsQueueRecord **ret_source, SqsMoveRecord **ret_move)
{
  Key key;
  void *value = NULL;
  *ret_move = NULL;
  TRY(sqs_queue_by_arn(call, handle_source(call, handle), ret_source));
  if (!*ret_source)
    return NULL;
  move_key(call, *ret_source, handle, &key);
  TRY(record_get(call->txn, &sqs_moves, &key, &SqsMoveRecord_shape, call->arena, &value));
  *ret_move = value;
  return NULL;
}

static Error *
authorize_handle(Call *call, const void *in, Authorization *auth)
{
  SqsQueueRecord *source = NULL;
  SqsMoveRecord *move = NULL;
  TRY(find_move(call, *(const char *const *) in, &source, &move));
  if (!move)
    return error_answer("ResourceNotFoundException", "Task does not exist.");
  return sqs_authorize_queue(call, source, auth);
}

OPERATION(CancelMessageMoveTask, cancel_message_move_task, .txn = TXN_WRITE, .authorize = authorize_handle)
static Error *
cancel_message_move_task(Call *call, const SqsCancelMessageMoveTaskInput *in, SqsCancelMessageMoveTaskOutput *ret_out)
{
  SqsQueueRecord *source = NULL;
  SqsMoveRecord *move = NULL;
  TRY(find_move(call, in->TaskHandle, &source, &move));
  if (strcmp(move->status, "RUNNING") != 0)
    return error_answer("UnsupportedOperation", "Only active tasks can be cancelled.");
  move->status = "CANCELLED";
  ret_out->ApproximateNumberOfMessagesMoved = OPT_INT(OPT_OR(move->moved, 0));
  return put(call, source, move);
}

OPERATION(ListMessageMoveTasks, list_message_move_tasks, .txn = TXN_READ, .authorize = authorize)
static Error *
list_message_move_tasks(Call *call, const SqsListMessageMoveTasksInput *in, SqsListMessageMoveTasksOutput *ret_out)
{
  SqsQueueRecord *source = NULL;
  g_autoptr(GPtrArray) tasks = g_ptr_array_new();
  TRY(sqs_queue_by_arn(call, in->SourceArn, &source));
  TRY(tasks_of(call, source, tasks));
  LIST_EMPTY(call->arena, &ret_out->Results);
  for (guint i = 0; i < tasks->len && i < (guint) CLAMP(OPT_OR(in->MaxResults, 1), 1, KEPT_MAX); i++) {
    const SqsMoveRecord *move = tasks->pdata[i];
    SqsListMessageMoveTasksResultEntry *entry = ARENA_NEW(call->arena, SqsListMessageMoveTasksResultEntry);
    entry->TaskHandle = strcmp(move->status, "RUNNING") == 0 ? move->handle : NULL;
    entry->Status = move->status;
    entry->SourceArn = move->source;
    entry->DestinationArn = move->destination;
    entry->MaxNumberOfMessagesPerSecond = move->rate;
    entry->ApproximateNumberOfMessagesMoved = move->moved;
    entry->ApproximateNumberOfMessagesToMove = move->total;
    entry->StartedTimestamp = move->started;
    entry->FailureReason = move->failure;
    LIST_APPEND(call->arena, &ret_out->Results, entry);
  }
  return NULL;
}

/* --- the job --- */

/* Where a message goes: the queue that was named, or the one it came from. */
static Error *
target_of(Call *call, const SqsMoveRecord *move, const SqsMessageRecord *message, SqsQueueRecord **ret)
{
  return sqs_queue_by_arn(call, move->destination ? move->destination : message->source, ret);
}

static Error *
carry(Call *call, const SqsQueueRecord *source, SqsMoveRecord *move, gsize max, gboolean *ret_more)
{
  g_autoptr(Cursor) cursor = NULL;
  SqsPlace place;
  g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(gint64));
  TRY(sqs_places_open(call, source, &cursor));
  while (numbers->len < max && sqs_places_next(call, source, cursor, &place))
    if (place.visible <= call->now)
      g_array_append_val(numbers, place.number);
  g_clear_pointer(&cursor, cursor_free);
  *ret_more = numbers->len == max;
  for (guint i = 0; i < numbers->len; i++) {
    gint64 number = g_array_index(numbers, gint64, i);
    SqsMessageRecord *message = NULL;
    SqsQueueRecord *target = NULL;
    TRY(sqs_message_get(call, source, number, &message));
    TRY(target_of(call, move, message, &target));
    if (!target) {
      move->status = "FAILED";
      move->failure = "AWS.SimpleQueueService.NonExistentQueue";
      return NULL;
    }
    TRY(sqs_message_move(call, source, number, message, target));
    move->moved = OPT_INT(OPT_OR(move->moved, 0) + 1);
  }
  return NULL;
}

static Error *
step(Call *call, gpointer data)
{
  SqsQueueRecord *source = NULL;
  SqsMoveRecord *move = NULL;
  gboolean more = FALSE;
  call->now = clock_now();
  TRY(find_move(call, data, &source, &move));
  if (!move || strcmp(move->status, "RUNNING") != 0)
    return NULL;
  TRY(carry(call, source, move, (gsize) OPT_OR(move->rate, BATCH), &more));
  if (!more && strcmp(move->status, "RUNNING") == 0)
    move->status = "COMPLETED";
  if (more && strcmp(move->status, "RUNNING") == 0)
    TRY(schedule(call, move->handle, move->rate.set ? call->now + 1000 : 0));
  return put(call, source, move);
}

static Error *
run(JobRun *job)
{
  return call_job(job, "sqs", step);
}

void
sqs_move_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
}
