#include <stdlib.h>
#include <string.h>

#include "services/logs/logs.h"

const Table logs_streams = {"logs.stream"};

static void
stream_key(const Call *call, const char *group, const char *name, Key *key)
{
  call_key(call, key);
  key_add(key, group);
  if (name)
    key_add(key, name);
}

Error *
logs_stream_get(Call *call, const char *group, const char *name, LogsStreamRecord **ret_stream)
{
  Key key;
  stream_key(call, group, name, &key);
  void *stream;
  TRY(record_get(call->txn, &logs_streams, &key, &LogsStreamRecord_shape, call->arena, &stream));
  *ret_stream = stream;
  return stream ? NULL : error_answer("ResourceNotFoundException", "The specified log stream does not exist.");
}

Error *
logs_stream_put(Call *call, const char *group, const LogsStreamRecord *stream)
{
  Key key;
  stream_key(call, group, stream->name, &key);
  return record_put(call->txn, &logs_streams, &key, &LogsStreamRecord_shape, stream);
}

static Error *
authorize_create(Call *call, const void *input, Authorization *auth)
{
  const LogsCreateLogStreamInput *in = input;
  return logs_authorize(call, in->logGroupName, in->logStreamName, auth);
}

OPERATION(CreateLogStream, create_log_stream, .txn = TXN_WRITE, .authorize = authorize_create)
static Error *
create_log_stream(Call *call, const LogsCreateLogStreamInput *in, LogsCreateLogStreamOutput *ret_out)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupName, &group));
  Key key;
  stream_key(call, group->name, in->logStreamName, &key);
  const void *data;
  gsize size;
  TRY(store_get(call->txn, &logs_streams, &key, &data, &size));
  if (data)
    return error_answer("ResourceAlreadyExistsException", "The specified log stream already exists");
  return logs_stream_put(call, group->name, &(LogsStreamRecord) {.name = in->logStreamName, .created = OPT_INT(call->now)});
}

/* Drops the order entries of a stream's events, then the events. */
static Error *
delete_events(Call *call, const char *group, const char *stream)
{
  Key prefix;
  stream_key(call, group, stream, &prefix);
  struct { gsize n; gint64 (*v)[2]; } found = {0};
  {
    g_autoptr(Cursor) cursor = NULL;
    TRY(cursor_open(call->txn, &logs_events, &(CursorOptions) {.prefix = &prefix}, &cursor));
    while (cursor_next(cursor)) {
      KeyReader reader = cursor_key_reader(cursor);
      list_grow(call->arena, (AnyList *) (void *) &found, sizeof *found.v);
      if (key_read_int(&reader, &found.v[found.n][0]) && key_read_int(&reader, &found.v[found.n][1]))
        found.n++;
    }
  }
  for (gsize i = 0; i < found.n; i++) {
    Key key;
    stream_key(call, group, NULL, &key);
    key_add_int(&key, found.v[i][0]);
    key_add(&key, stream);
    key_add_int(&key, found.v[i][1]);
    TRY(store_delete(call->txn, &logs_order, &key, NULL));
  }
  return store_delete_prefix(call->txn, &logs_events, &prefix, NULL);
}

static Error *
authorize_delete(Call *call, const void *input, Authorization *auth)
{
  const LogsDeleteLogStreamInput *in = input;
  return logs_authorize(call, in->logGroupName, in->logStreamName, auth);
}

OPERATION(DeleteLogStream, delete_log_stream, .txn = TXN_WRITE, .authorize = authorize_delete)
static Error *
delete_log_stream(Call *call, const LogsDeleteLogStreamInput *in, LogsDeleteLogStreamOutput *ret_out)
{
  LogsGroupRecord *group;
  LogsStreamRecord *stream;
  TRY(logs_group_get(call, in->logGroupName, &group));
  TRY(logs_stream_get(call, group->name, in->logStreamName, &stream));
  TRY(delete_events(call, group->name, stream->name));
  group->storedBytes = OPT_INT(MAX(OPT_OR(group->storedBytes, 0) - OPT_OR(stream->storedBytes, 0), 0));
  TRY(logs_group_put(call, group));
  Key key;
  stream_key(call, group->name, stream->name, &key);
  return store_delete(call->txn, &logs_streams, &key, NULL);
}

static LogsLogStream *
describe(Call *call, const LogsGroupRecord *group, const LogsStreamRecord *stream)
{
  LogsLogStream *out = ARENA_NEW(call->arena, LogsLogStream);
  out->logStreamName = stream->name;
  out->creationTime = stream->created;
  out->firstEventTimestamp = stream->first;
  out->lastEventTimestamp = stream->last;
  out->lastIngestionTime = stream->ingested;
  out->uploadSequenceToken = stream->ingested.set ? arena_printf(call->arena, "%056" G_GINT64_FORMAT, OPT_OR(stream->sequence, 0)) : NULL;
  out->arn = arena_printf(call->arena, "%s:log-stream:%s", logs_group_arn(call, group->name), stream->name);
  out->storedBytes = OPT_INT(0); /* as AWS has answered for streams since 2019 */
  return out;
}

static int
by_name(gconstpointer a, gconstpointer b)
{
  return strcmp((*(LogsLogStream *const *) a)->logStreamName, (*(LogsLogStream *const *) b)->logStreamName);
}

/* Streams without events come first. */
static int
by_last_event(gconstpointer a, gconstpointer b)
{
  gint64 left = OPT_OR((*(LogsLogStream *const *) a)->lastEventTimestamp, 0), right = OPT_OR((*(LogsLogStream *const *) b)->lastEventTimestamp, 0);
  return left < right ? -1 : left > right ? 1 : by_name(a, b);
}

static Error *
all_streams(Call *call, const LogsGroupRecord *group, const char *name_prefix, LogsLogStreams *ret)
{
  Key prefix;
  stream_key(call, group->name, NULL, &prefix);
  if (name_prefix)
    key_add_raw(&prefix, name_prefix, strlen(name_prefix));
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &logs_streams, &(CursorOptions) {.prefix = &prefix}, &cursor));
  LIST_EMPTY(call->arena, ret);
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *stream;
    TRY(record_decode(call->arena, &LogsStreamRecord_shape, data, size, &stream));
    LIST_APPEND(call->arena, ret, describe(call, group, stream));
  }
  return NULL;
}

/* Cuts one page out of sorted streams; the token is the name of the last one before it. */
static Error *
page(Call *call, const LogsDescribeLogStreamsInput *in, const LogsLogStreams *all, LogsDescribeLogStreamsOutput *out)
{
  gsize from = 0, limit = (gsize) OPT_OR(in->limit, 50);
  if (in->nextToken) {
    while (from < all->n && strcmp(all->v[from]->logStreamName, in->nextToken) != 0)
      from++;
    if (from++ == all->n)
      return error_answer("InvalidParameterException", "The specified nextToken is invalid.");
  }
  out->logStreams.v = all->v + from;
  out->logStreams.n = MIN(limit, all->n - from);
  if (from + limit < all->n)
    out->nextToken = all->v[from + limit - 1]->logStreamName;
  return NULL;
}

LOGS_RESOURCE(DescribeLogStreams)

OPERATION(DescribeLogStreams, describe_log_streams, .txn = TXN_READ, .authorize = authorize_DescribeLogStreams)
static Error *
describe_log_streams(Call *call, const LogsDescribeLogStreamsInput *in, LogsDescribeLogStreamsOutput *ret_out)
{
  gboolean by_time = g_strcmp0(in->orderBy, "LastEventTime") == 0;
  if (by_time && in->logStreamNamePrefix)
    return error_answer("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.");
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupIdentifier ? in->logGroupIdentifier : in->logGroupName, &group));
  LogsLogStreams all = {0};
  TRY(all_streams(call, group, in->logStreamNamePrefix, &all));
  qsort(all.v, all.n, sizeof *all.v, by_time ? by_last_event : by_name);
  if (OPT_OR(in->descending, FALSE))
    for (gsize i = 0; i < all.n / 2; i++) {
      LogsLogStream *other = all.v[i];
      all.v[i] = all.v[all.n - 1 - i];
      all.v[all.n - 1 - i] = other;
    }
  return page(call, in, &all, ret_out);
}
