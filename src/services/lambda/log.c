#include "services/lambda/log.h"

#include <string.h>

#include "jobs/jobs.h"
#include "services/logs.gen.h"

enum { LINES_MAX = 5000, TEXT_MAX = 256 * 1024 - 26, BATCH_BYTES = 1000000 };

typedef struct Line { gint64 time; char *text; } Line;

struct LogSink {
  gint references;
  Haar *haar;
  char *region, *group, *stream;
  Principal principal;
  GMutex lock;
  GQueue lines;              /* Line * */
  gboolean sending, made;    /* made: the stream is there; only by who sends */
  guint lost;
};

static void
line_free(gpointer data)
{
  Line *line = data;
  g_free(line->text);
  g_free(line);
}

static void
unref(LogSink *sink)
{
  if (!g_atomic_int_dec_and_test(&sink->references))
    return;
  g_queue_clear_full(&sink->lines, line_free);
  g_mutex_clear(&sink->lock);
  g_free((char *) sink->principal.account);
  g_free((char *) sink->principal.arn);
  g_free((char *) sink->principal.user_id);
  g_free((char *) sink->principal.role_arn);
  g_free((char *) sink->principal.access_key);
  g_free(sink->region);
  g_free(sink->group);
  g_free(sink->stream);
  g_free(sink);
}

LogSink *
log_sink_new(Haar *haar, const char *region, const Principal *principal, const char *group, const char *stream)
{
  LogSink *sink = g_new0(LogSink, 1);
  sink->references = 1;
  sink->haar = haar;
  sink->region = g_strdup(region);
  sink->group = g_strdup(group);
  sink->stream = g_strdup(stream);
  sink->principal = (Principal) {
    .type = principal->type,
    .account = g_strdup(principal->account),
    .arn = g_strdup(principal->arn),
    .user_id = g_strdup(principal->user_id),
    .role_arn = g_strdup(principal->role_arn),
    .access_key = g_strdup(principal->access_key),
  };
  g_mutex_init(&sink->lock);
  g_queue_init(&sink->lines);
  return sink;
}

void
log_sink_add(LogSink *sink, const char *text, gsize size)
{
  g_autofree char *whole = g_strndup(text, MIN(size, TEXT_MAX));
  Line *line = g_new0(Line, 1);
  line->time = clock_now();
  line->text = g_utf8_make_valid(whole, -1);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&sink->lock);
  if (sink->lines.length < LINES_MAX)
    g_queue_push_tail(&sink->lines, line);
  else {
    sink->lost++;
    line_free(line);
  }
}

static Error *
make_stream(LogSink *sink, Call *call)
{
  static const char there[] = "ResourceAlreadyExistsException";
  LogsCreateLogStreamInput in = {.logGroupName = sink->group, .logStreamName = sink->stream};
  Error *error = error_forgive(call_operation(call, &LogsOperationCreateLogStream, NULL, NULL, &in, &(LogsCreateLogStreamOutput) {0}), there);
  if (!error_is(error, "ResourceNotFoundException"))
    return error;
  error_clear(&error);
  LogsCreateLogGroupInput group = {.logGroupName = sink->group};
  TRY(error_forgive(call_operation(call, &LogsOperationCreateLogGroup, NULL, NULL, &group, &(LogsCreateLogGroupOutput) {0}), there));
  return error_forgive(call_operation(call, &LogsOperationCreateLogStream, NULL, NULL, &in, &(LogsCreateLogStreamOutput) {0}), there);
}

static Error *
send_batch(LogSink *sink, GPtrArray *lines)
{
  g_autoptr(Call) call = call_new(sink->haar, sink->principal.account, sink->region, &sink->principal);
  if (!sink->made)
    TRY(make_stream(sink, call));
  sink->made = TRUE;
  LogsPutLogEventsInput in = {.logGroupName = sink->group, .logStreamName = sink->stream};
  for (guint i = 0; i < lines->len; i++) {
    const Line *line = lines->pdata[i];
    LogsInputLogEvent *event = ARENA_NEW(call->arena, LogsInputLogEvent);
    *event = (LogsInputLogEvent) {.timestamp = OPT_INT(line->time), .message = *line->text ? line->text : " "};
    LIST_APPEND(call->arena, &in.logEvents, event);
  }
  Error *error = call_operation(call, &LogsOperationPutLogEvents, NULL, NULL, &in, &(LogsPutLogEventsOutput) {0});
  sink->made = !error;
  return error;
}

/* Lines of at most one batch; times never go back, as PutLogEvents asks. */
static GPtrArray *
take_batch(LogSink *sink)
{
  GPtrArray *batch = g_ptr_array_new_with_free_func(line_free);
  gsize bytes = 0;
  gint64 last = 0;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&sink->lock);
  while (sink->lines.length && bytes < BATCH_BYTES && batch->len < LINES_MAX) {
    Line *line = g_queue_pop_head(&sink->lines);
    bytes += strlen(line->text) + 26;
    line->time = last = MAX(last, line->time);
    g_ptr_array_add(batch, line);
    if (bytes + TEXT_MAX > BATCH_BYTES)
      break;
  }
  sink->sending = batch->len > 0;
  return batch;
}

static void
send_all(gpointer data)
{
  LogSink *sink = data;
  for (;;) {
    g_autoptr(GPtrArray) batch = take_batch(sink);
    if (!batch->len)
      break;
    g_autoptr(Error) error = send_batch(sink, batch);
    if (error && error->kind == ERROR_FAULT)
      log_warning("%s: %s", sink->group, error->message);
    else if (error)
      log_debug("%s: %s", sink->group, error->message); /* a role without logs:PutLogEvents: as on AWS, nothing is kept */
  }
  unref(sink);
}

void
log_sink_flush(LogSink *sink)
{
  g_mutex_lock(&sink->lock);
  gboolean start = !sink->sending && sink->lines.length;
  sink->sending |= start;
  g_mutex_unlock(&sink->lock);
  if (!start)
    return;
  g_atomic_int_inc(&sink->references);
  if (sink->haar->jobs)
    jobs_run(sink->haar->jobs, send_all, sink);
  else /* haar is ending */
    send_all(sink);
}

void
log_sink_free(LogSink *sink)
{
  if (!sink)
    return;
  log_sink_flush(sink);
  unref(sink);
}
