/* A DynamoDB stream as an event source. Its one shard is read by as many lanes as ParallelizationFactor says; a lane takes the items whose keys
 * fall to it, so that the order holds for each item. https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html */
#include <string.h>

#include "services/lambda/mapping.h"

enum { BATCH_SIZE = 100, PAGE_MAX = 1000, EVENT_MAX = 6 * 1024 * 1024, ENVELOPE = 4096, MEMORY_MAX = 64 * 1024 * 1024 };

static const char service[] = "dynamodbstreams";

/* "dynamodb region account table" */
static const char *
pulse(Call *call, const char *text)
{
  Arn arn;
  if (!arn_parse(call->arena, text, &arn))
    return text;
  g_auto(GStrv) words = g_strsplit(arn.resource, "/", 3);
  return arena_printf(call->arena, "dynamodb %s %s %s", arn.region, arn.account, words[0] && words[1] ? words[1] : "");
}

static gint64
lanes(const LambdaEventSourceMappingConfiguration *config)
{
  return OPT_OR(config->ParallelizationFactor, 1);
}

/* --- checks --- */

static Error *
cannot_access(const char *arn)
{
  return mapping_wrong("Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams "
                       "Actions on your stream in IAM.", arn);
}

static Error *
describe(Call *call, const Principal *role, const char *arn, const char **ret_shard)
{
  Json *out = NULL;
  TRY(lambda_other_call(call, service, "DescribeStream", role, lambda_json_strings(call->arena, "StreamArn", arn, NULL), &out));
  const Json *shards = json_path(out, "StreamDescription.Shards");
  *ret_shard = shards && shards->n ? json_string(json_get(shards->items[0], "ShardId")) : NULL;
  return *ret_shard ? NULL : error_answer("ResourceNotFoundException", "Stream not found: %s", arn);
}

static Error *
check(Call *call, const LambdaEventSourceMappingConfiguration *config, const LambdaFunctionConfiguration *function)
{
  static const char *const actions[] = {"dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream", "dynamodb:ListStreams", NULL};
  const char *arn = config->EventSourceArn, *shard, *denied;
  const Principal *role = lambda_role_session(call, function->Role);
  TRY(mapping_permitted(call, role, actions, arn, &denied));
  if (denied)
    return cannot_access(arn);
  g_autoptr(Error) error = describe(call, role, arn, &shard);
  if (error_is(error, "ResourceNotFoundException"))
    return mapping_wrong("Stream not found: %s", arn);
  return !error || error->kind == ERROR_FAULT ? g_steal_pointer(&error) : cannot_access(arn);
}

/* --- reading --- */

static Error *
iterator(Call *call, const Principal *role, const char *arn, const char *shard, const char *after, const char **ret)
{
  Json *out = NULL, *in = lambda_json_strings(call->arena, "StreamArn", arn, "ShardId", shard, "ShardIteratorType", *after ? "AFTER_SEQUENCE_NUMBER" : "TRIM_HORIZON",
                                              "SequenceNumber", *after ? after : NULL, NULL);
  Error *error = lambda_other_call(call, service, "GetShardIterator", role, in, &out);
  if (*after && error_is(error, "TrimmedDataAccessException")) { /* what was not read is older than a day */
    error_clear(&error);
    return iterator(call, role, arn, shard, "", ret);
  }
  *ret = error ? NULL : json_string(json_get(out, "ShardIterator"));
  return error;
}

static Error *
page(Call *call, const Principal *role, gint64 limit, const char **iterator_, const Json **ret_records)
{
  Json *out = NULL, *in = lambda_json_strings(call->arena, "ShardIterator", *iterator_, NULL);
  json_set(call->arena, in, "Limit", json_new_int(call->arena, CLAMP(limit, 1, PAGE_MAX)));
  TRY(lambda_other_call(call, service, "GetRecords", role, in, &out));
  *iterator_ = json_string(json_get(out, "NextShardIterator"));
  *ret_records = json_get(out, "Records");
  return NULL;
}

static const char *
sequence_of(const Json *record)
{
  return json_string(json_path(record, "dynamodb.SequenceNumber"));
}

/* LATEST: what is there now is passed over, to learn the number of its last. */
static Error *
begin(Call *call, const LambdaEventSourceMappingConfiguration *config, const Principal *role, const char **ret_after)
{
  const char *shard, *at;
  *ret_after = "";
  if (strcmp(config->StartingPosition, "LATEST") != 0)
    return NULL;
  TRY(describe(call, role, config->EventSourceArn, &shard));
  TRY(iterator(call, role, config->EventSourceArn, shard, "", &at));
  for (;;) {
    g_autoptr(Call) scratch = call_new(call->haar, call->account, call->region, call->principal);
    const Json *records;
    TRY(page(scratch, role, PAGE_MAX, &at, &records));
    at = arena_strdup(call->arena, at);
    if (!records->n)
      return NULL;
    *ret_after = arena_strdup(call->arena, sequence_of(records->items[records->n - 1]));
  }
}

/* --- the batch --- */

typedef struct Gather {
  MappingTurn *turn;
  StreamBatch batch;
  gint64 size;               /* of a full batch */
  gsize bytes;
  gboolean full;
} Gather;

static gboolean
is_mine(const MappingTurn *turn, const Json *record)
{
  if (turn->lanes == 1)
    return TRUE;
  return g_str_hash(json_text(turn->call->arena, json_path(record, "dynamodb.Keys"))) % turn->lanes == turn->lane;
}

/* As a function sees it: with the stream's ARN, and identities in small letters. */
static void
dress(Arena *arena, Json *record, const char *arn)
{
  const Json *identity = json_get(record, "userIdentity");
  if (identity)
    json_set(arena, record, "userIdentity", lambda_json_strings(arena, "type", json_string(json_get(identity, "Type")), "principalId",
                                                                json_string(json_get(identity, "PrincipalId")), NULL));
  json_set(arena, record, "eventSourceARN", json_new_string(arena, arn));
}

static void
take(Gather *gather, Json *record)
{
  Arena *arena = gather->turn->call->arena;
  const LambdaEventSourceMappingConfiguration *config = gather->turn->mapping->config;
  const char *sequence = sequence_of(record);
  gboolean wanted = is_mine(gather->turn, record);
  if (wanted)
    dress(arena, record, config->EventSourceArn);
  if (!wanted || !filters_want(arena, config->FilterCriteria, record)) {
    gather->batch.last = sequence;
    return;
  }
  gsize bytes = strlen(json_text(arena, record)) + 1;
  if (gather->batch.n && gather->bytes + bytes > EVENT_MAX - ENVELOPE) {
    gather->full = TRUE;
    return;
  }
  const Json *time = json_path(record, "dynamodb.ApproximateCreationDateTime");
  StreamRecord taken = {sequence, time ? (gint64) (g_ascii_strtod(time->text, NULL) * 1000) : 0, record};
  LIST_APPEND(arena, &gather->batch, taken);
  gather->bytes += bytes;
  gather->batch.last = sequence;
  gather->full = (gint64) gather->batch.n >= gather->size;
}

/* Until the batch is full, or its window is over; without a window it takes what is there. What was read stays in memory until the turn ends: it
 * ends when that is much, also if nothing was wanted. */
static Error *
fill(Gather *gather, const char *at)
{
  MappingTurn *turn = gather->turn;
  const LambdaEventSourceMappingConfiguration *config = turn->mapping->config;
  Haar *haar = turn->call->haar;
  const char *key = pulse(turn->call, config->EventSourceArn);
  gint64 until = 0, window_us = OPT_OR(config->MaximumBatchingWindowInSeconds, 0) * 1000000;
  while (!gather->full && at && arena_used(turn->call->arena) < MEMORY_MAX && !g_atomic_int_get(turn->stop)) {
    guint64 seen = call_pulse(haar, key);
    const Json *records;
    gint64 wanted = gather->size - (gint64) gather->batch.n;
    TRY(page(turn->call, turn->role, wanted * turn->lanes, &at, &records));
    for (guint i = 0; i < records->n && !gather->full; i++)
      take(gather, records->items[i]);
    if (gather->full || records->n)
      continue;
    if (!until)
      until = clock_monotonic_us() + window_us;
    gint64 left = gather->batch.n ? (until - clock_monotonic_us()) / 1000 : 0;
    if (left <= 0 || !call_pulse_wait(haar, key, seen, left, turn->stop))
      return NULL;
  }
  return NULL;
}

static Error *
read_batch(MappingTurn *turn, Gather *gather)
{
  const char *at, *after, *arn = turn->mapping->config->EventSourceArn;
  TRY(position_get(turn, &after));
  TRY(describe(turn->call, turn->role, arn, &gather->batch.shard));
  TRY(iterator(turn->call, turn->role, arn, gather->batch.shard, after, &at));
  return fill(gather, at);
}

static Error *
turn_stream(MappingTurn *turn, gboolean *ret_empty)
{
  Gather gather = {.turn = turn, .size = OPT_OR(turn->mapping->config->BatchSize, BATCH_SIZE)};
  g_autoptr(Error) error = read_batch(turn, &gather);
  *ret_empty = gather.batch.last == NULL;
  if (error && error->kind == ERROR_ANSWER) { /* the stream is gone, or the role has lost its permissions */
    *ret_empty = TRUE;
    return position_trouble(turn, error->message);
  }
  if (error || g_atomic_int_get(turn->stop))
    return g_steal_pointer(&error);
  if (gather.batch.n)
    return stream_batch_run(turn, &gather.batch);
  return gather.batch.last ? position_put(turn, gather.batch.last, NULL) : NULL;
}

const MappingSource mapping_stream = {.service = "dynamodb", .words = "DynamoDB", .batch_size = BATCH_SIZE, .batch_max = 10000, .stream = TRUE, .check = check,
                                      .begin = begin, .lanes = lanes, .pulse = pulse, .turn = turn_stream};
