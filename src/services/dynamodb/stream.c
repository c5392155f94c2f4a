/* stream: DynamoDB Streams (a model of its own, served by services/dynamodbstreams) read the log of a table. A stream has one shard, which stays
 * open; a record's sequence number is the log's. Records are there for 24 hours of the clock.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html */
#include "services/dynamodbstreams.gen.h"
#include "services/dynamodb/dynamodb.h"

#include <stddef.h>
#include <string.h>

#define KEPT_MS (G_GINT64_CONSTANT(24) * 3600 * 1000)
#define ITERATOR_MS (15 * 60 * 1000)
#define RECORDS_MAX 1000
#define ANSWER_MAX (1024 * 1024)
#define LIST_MAX 100
#define SEQUENCE_DIGITS 20 /* behind a 1: AWS's numbers have 21 digits or more */

/* Both models have the same attribute values: an item of the one is an image of the other. */
G_STATIC_ASSERT(sizeof(DynamodbstreamsAttributeValue) == sizeof(DynamodbAttributeValue));
G_STATIC_ASSERT(offsetof(DynamodbstreamsAttributeValue, M) == offsetof(DynamodbAttributeValue, M));
G_STATIC_ASSERT(offsetof(DynamodbstreamsAttributeValue, L) == offsetof(DynamodbAttributeValue, L));
G_STATIC_ASSERT(offsetof(DynamodbstreamsAttributeValue, BOOL) == offsetof(DynamodbAttributeValue, BOOL));
G_STATIC_ASSERT(offsetof(DynamodbstreamsAttributeValue, NULL_) == offsetof(DynamodbAttributeValue, NULL_));
G_STATIC_ASSERT(sizeof(DynamodbstreamsAttributeMap) == sizeof(DynamodbKey));

static DynamodbstreamsAttributeMap
image(const Item *item)
{
  DynamodbstreamsAttributeMap map;
  memcpy(&map, item, sizeof map);
  return map;
}

/* --- streams and shards --- */

typedef struct Stream {
  const char *arn, *label, *view;
  gint64 from_ms; /* when it was made */
  TableDef *table;
} Stream;

/* FALSE: the table has none now. */
static gboolean
stream_of(TableDef *table, Stream *ret_stream)
{
  const DynamodbTableDescription *description = table->record->Description;
  if (!table->stream || !description->LatestStreamLabel)
    return FALSE;
  g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
  g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(description->LatestStreamLabel, utc);
  gint64 from = time ? g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000 : 0;
  *ret_stream = (Stream) {description->LatestStreamArn, description->LatestStreamLabel, description->StreamSpecification->StreamViewType, from, table};
  return TRUE;
}

/* arn:aws:dynamodb:region:account:table/NAME/stream/LABEL */
static Error *
find_stream(Call *call, const char *arn, Stream *ret_stream)
{
  Arn parts;
  TableDef *table = NULL;
  if (arn_parse(call->arena, arn, &parts) && g_str_has_prefix(parts.resource, "table/")) {
    g_auto(GStrv) words = g_strsplit(parts.resource, "/", 4);
    TRY(table_look(call, arena_strdup(call->arena, words[1]), &table));
  }
  if (!table || !stream_of(table, ret_stream) || strcmp(ret_stream->arn, arn))
    return error_answer("ResourceNotFoundException", "Requested resource not found: Stream: %s not found", arn);
  return NULL;
}

static char *
shard_id(Call *call, const Stream *stream)
{
  g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_MD5, stream->arn, -1);
  return arena_printf(call->arena, "shardId-%020" G_GINT64_FORMAT "-%.8s", stream->from_ms, sum);
}

static char *
sequence_text(Call *call, gint64 sequence)
{
  return arena_printf(call->arena, "1%0*" G_GINT64_FORMAT, SEQUENCE_DIGITS, sequence);
}

static gboolean
sequence_parse(const char *text, gint64 *ret_sequence)
{
  return strlen(text) == SEQUENCE_DIGITS + 1 && *text == '1' && g_ascii_string_to_signed(text + 1, 10, 0, G_MAXINT64, ret_sequence, NULL);
}

/* --- where reading begins --- */

/* The first record that is still there, or the number that the next one will have. */
static Error *
first_sequence(Call *call, const Stream *stream, gint64 *ret_sequence)
{
  Rows rows;
  RowStats stats;
  TRY(rows_open_table(call, stream->table, &rows));
  TRY(row_stats(call->txn, stream->table->primary.uid, &stats));
  return log_since(&rows, MAX(stream->from_ms, call->now - KEPT_MS), stats.sequence + 1, ret_sequence);
}

static Error *
start_sequence(Call *call, const DynamodbstreamsGetShardIteratorInput *in, const Stream *stream, gint64 *ret_sequence)
{
  RowStats stats;
  gint64 first = 0;
  gboolean after = !strcmp(in->ShardIteratorType, "AFTER_SEQUENCE_NUMBER"), at = !strcmp(in->ShardIteratorType, "AT_SEQUENCE_NUMBER");
  if ((after || at) != (in->SequenceNumber != NULL))
    return error_answer("ValidationException", after || at ? "SequenceNumber must be specified for the ShardIteratorType %s"
                                                           : "SequenceNumber must not be specified for the ShardIteratorType %s", in->ShardIteratorType);
  TRY(first_sequence(call, stream, &first));
  TRY(row_stats(call->txn, stream->table->primary.uid, &stats));
  *ret_sequence = strcmp(in->ShardIteratorType, "LATEST") ? first : stats.sequence + 1;
  if (!in->SequenceNumber)
    return NULL;
  if (!sequence_parse(in->SequenceNumber, ret_sequence) || *ret_sequence > stats.sequence)
    return error_answer("ValidationException", "Invalid SequenceNumber: %s", in->SequenceNumber);
  if (*ret_sequence < first)
    return error_answer("TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard.");
  *ret_sequence += after;
  return NULL;
}

/* --- iterators: "ARN|1|base64 of sequence and time" --- */

static char *
iterator_text(Call *call, const Stream *stream, gint64 sequence)
{
  g_autofree char *inner = g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT, sequence, call->now);
  g_autofree char *encoded = g_base64_encode((const guchar *) inner, strlen(inner));
  return arena_printf(call->arena, "%s|1|%s", stream->arn, encoded);
}

/* FALSE: it is none. The ARN is the arena's. */
static gboolean
iterator_parse(Call *call, const char *text, const char **ret_arn, gint64 *ret_sequence, gint64 *ret_made_ms)
{
  gsize size = 0;
  g_auto(GStrv) parts = g_strsplit(text, "|", 4);
  if (g_strv_length(parts) != 3 || strcmp(parts[1], "1"))
    return FALSE;
  g_autofree guchar *inner = g_base64_decode(parts[2], &size);
  g_autofree char *numbers = g_strndup((const char *) inner, size);
  g_auto(GStrv) words = g_strsplit(numbers, ":", 3);
  *ret_arn = arena_strdup(call->arena, parts[0]);
  return g_strv_length(words) == 2 && g_ascii_string_to_signed(words[0], 10, 0, G_MAXINT64, ret_sequence, NULL) &&
         g_ascii_string_to_signed(words[1], 10, 0, G_MAXINT64, ret_made_ms, NULL);
}

/* --- records --- */

static Item
keys_of(Call *call, const TableDef *table, const Item *item)
{
  const char *const names[] = {table->primary.hash, table->primary.range};
  Item keys = {0};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    if (names[i] && item_get(item, names[i]))
      item_set(call->arena, &keys, names[i], item_get(item, names[i]));
  return keys;
}

static gboolean
shows(const Stream *stream, const char *image_view)
{
  return !strcmp(stream->view, "NEW_AND_OLD_IMAGES") || !strcmp(stream->view, image_view);
}

static DynamodbstreamsRecord *
record_of(Call *call, const Stream *stream, const LogEntry *entry)
{
  DynamodbstreamsRecord *record = ARENA_NEW(call->arena, DynamodbstreamsRecord);
  DynamodbstreamsStreamRecord *change = ARENA_NEW(call->arena, DynamodbstreamsStreamRecord);
  Item keys = keys_of(call, stream->table, entry->new.v ? &entry->new : &entry->old);
  gsize size = item_size(&keys);
  *change = (DynamodbstreamsStreamRecord) {.ApproximateCreationDateTime = OPT_TIME(entry->time_ms / 1000 * 1000), .Keys = image(&keys),
                                           .SequenceNumber = sequence_text(call, entry->sequence), .StreamViewType = stream->view};
  if (entry->new.v && shows(stream, "NEW_IMAGE")) {
    change->NewImage = image(&entry->new);
    size += item_size(&entry->new);
  }
  if (entry->old.v && shows(stream, "OLD_IMAGE")) {
    change->OldImage = image(&entry->old);
    size += item_size(&entry->old);
  }
  change->SizeBytes = OPT_INT((gint64) size);
  g_autofree char *name = g_strconcat(stream->arn, change->SequenceNumber, NULL), *id = g_compute_checksum_for_string(G_CHECKSUM_MD5, name, -1);
  *record = (DynamodbstreamsRecord) {.eventID = arena_strdup(call->arena, id), .eventVersion = "1.1", .eventSource = "aws:dynamodb",
                                     .eventName = !entry->old.v ? "INSERT" : !entry->new.v ? "REMOVE" : "MODIFY", .awsRegion = call->region,
                                     .dynamodb = change};
  if (entry->expired) {
    record->userIdentity = ARENA_NEW(call->arena, DynamodbstreamsIdentity);
    *record->userIdentity = (DynamodbstreamsIdentity) {.PrincipalId = "dynamodb.amazonaws.com", .Type = "Service"};
  }
  return record;
}

typedef struct Reading {
  Call *call;
  const Stream *stream;
  DynamodbstreamsGetRecordsOutput *out;
  gint64 since_ms, max, next;
  gsize size;
} Reading;

static gboolean
read_record(const LogEntry *entry, gpointer data)
{
  Reading *reading = data;
  if ((gint64) reading->out->Records.n == reading->max || reading->size >= ANSWER_MAX)
    return FALSE;
  reading->next = entry->sequence + 1;
  if (entry->time_ms < reading->since_ms)
    return TRUE;
  DynamodbstreamsRecord *record = record_of(reading->call, reading->stream, entry);
  reading->size += (gsize) record->dynamodb->SizeBytes.v;
  LIST_APPEND(reading->call->arena, &reading->out->Records, record);
  return TRUE;
}

/* --- operations --- */

static Error *
authorize_stream(Call *call, const void *in, Authorization *auth)
{
  const char *iterator = call->operation == &DynamodbstreamsOperationGetRecords ? ((const DynamodbstreamsGetRecordsInput *) in)->ShardIterator : NULL;
  gint64 sequence = 0, made = 0;
  if (iterator)
    return iterator_parse(call, iterator, &auth->resource, &sequence, &made) ? NULL : error_answer("ValidationException", "Invalid ShardIterator");
  auth->resource = call->operation == &DynamodbstreamsOperationDescribeStream ? ((const DynamodbstreamsDescribeStreamInput *) in)->StreamArn
                                                                               : ((const DynamodbstreamsGetShardIteratorInput *) in)->StreamArn;
  return NULL;
}

/* Streams of one table, or of all, in the order of the tables' names. */
OPERATION(ListStreams, list_streams, .txn = TXN_READ)
static Error *
list_streams(Call *call, const DynamodbstreamsListStreamsInput *in, DynamodbstreamsListStreamsOutput *ret_out)
{
  DynamodbListTablesInput tables = {0};
  gint64 max = OPT_OR(in->Limit, LIST_MAX);
  gboolean begun = !in->ExclusiveStartStreamArn;
  if (max < 1 || max > LIST_MAX)
    return error_answer("ValidationException", "Limit must be between 1 and %d", LIST_MAX);
  LIST_EMPTY(call->arena, &ret_out->Streams);
  for (;;) {
    DynamodbListTablesOutput page = {0};
    TRY(call_operation(call, &DynamodbOperationListTables, principal_service(call->arena, "dynamodb", call->account), NULL, &tables, &page));
    for (gsize i = 0; i < page.TableNames.n; i++) {
      TableDef *table = NULL;
      Stream stream;
      TRY(table_look(call, page.TableNames.v[i], &table));
      if (!table || !stream_of(table, &stream) || (in->TableName && strcmp(table_name_of(call, in->TableName), table->name)))
        continue;
      if (!begun) {
        begun = !strcmp(stream.arn, in->ExclusiveStartStreamArn);
        continue;
      }
      if ((gint64) ret_out->Streams.n == max) {
        ret_out->LastEvaluatedStreamArn = ret_out->Streams.v[max - 1]->StreamArn;
        return NULL;
      }
      DynamodbstreamsStream *listed = ARENA_NEW(call->arena, DynamodbstreamsStream);
      *listed = (DynamodbstreamsStream) {.StreamArn = stream.arn, .TableName = table->name, .StreamLabel = stream.label};
      LIST_APPEND(call->arena, &ret_out->Streams, listed);
    }
    if (!page.LastEvaluatedTableName)
      return NULL;
    tables.ExclusiveStartTableName = page.LastEvaluatedTableName;
  }
}

static void
add_key(Call *call, DynamodbstreamsStreamDescription *description, const char *name, const char *type)
{
  DynamodbstreamsKeySchemaElement *element = ARENA_NEW(call->arena, DynamodbstreamsKeySchemaElement);
  *element = (DynamodbstreamsKeySchemaElement) {.AttributeName = name, .KeyType = type};
  LIST_APPEND(call->arena, &description->KeySchema, element);
}

OPERATION(DescribeStream, describe_stream, .txn = TXN_READ, .authorize = authorize_stream)
static Error *
describe_stream(Call *call, const DynamodbstreamsDescribeStreamInput *in, DynamodbstreamsDescribeStreamOutput *ret_out)
{
  Stream stream;
  gint64 first = 0;
  TRY(find_stream(call, in->StreamArn, &stream));
  TRY(first_sequence(call, &stream, &first));
  DynamodbstreamsStreamDescription *description = ARENA_NEW(call->arena, DynamodbstreamsStreamDescription);
  *description = (DynamodbstreamsStreamDescription) {.StreamArn = stream.arn, .StreamLabel = stream.label, .StreamStatus = "ENABLED",
                                                     .StreamViewType = stream.view, .CreationRequestDateTime = OPT_TIME(stream.from_ms),
                                                     .TableName = stream.table->name};
  add_key(call, description, stream.table->primary.hash, "HASH");
  if (stream.table->primary.range)
    add_key(call, description, stream.table->primary.range, "RANGE");
  DynamodbstreamsShard *shard = ARENA_NEW(call->arena, DynamodbstreamsShard);
  DynamodbstreamsSequenceNumberRange *range = ARENA_NEW(call->arena, DynamodbstreamsSequenceNumberRange);
  range->StartingSequenceNumber = sequence_text(call, first);
  *shard = (DynamodbstreamsShard) {.ShardId = shard_id(call, &stream), .SequenceNumberRange = range};
  LIST_EMPTY(call->arena, &description->Shards);
  if (!in->ExclusiveStartShardId || strcmp(in->ExclusiveStartShardId, shard->ShardId))
    LIST_APPEND(call->arena, &description->Shards, shard);
  ret_out->StreamDescription = description;
  return NULL;
}

OPERATION(GetShardIterator, get_shard_iterator, .txn = TXN_READ, .authorize = authorize_stream)
static Error *
get_shard_iterator(Call *call, const DynamodbstreamsGetShardIteratorInput *in, DynamodbstreamsGetShardIteratorOutput *ret_out)
{
  Stream stream;
  gint64 sequence = 0;
  TRY(find_stream(call, in->StreamArn, &stream));
  if (strcmp(in->ShardId, shard_id(call, &stream)))
    return error_answer("ResourceNotFoundException", "Requested resource not found: Shard does not exist");
  TRY(start_sequence(call, in, &stream, &sequence));
  ret_out->ShardIterator = iterator_text(call, &stream, sequence);
  return NULL;
}

OPERATION(GetRecords, get_records, .txn = TXN_READ, .authorize = authorize_stream)
static Error *
get_records(Call *call, const DynamodbstreamsGetRecordsInput *in, DynamodbstreamsGetRecordsOutput *ret_out)
{
  Stream stream;
  Rows rows;
  const char *arn = NULL;
  gint64 sequence = 0, made = 0;
  if (!iterator_parse(call, in->ShardIterator, &arn, &sequence, &made))
    return error_answer("ValidationException", "Invalid ShardIterator");
  if (call->now - made > ITERATOR_MS)
    return error_answer("ExpiredIteratorException", "Iterator expired. The iterator was created at time %s while right now it is %s which is further in the "
                        "future than the tolerated delay of %d milliseconds", text_iso8601(call->arena, made, TRUE), text_iso8601(call->arena, call->now, TRUE),
                        ITERATOR_MS);
  TRY(find_stream(call, arn, &stream));
  TRY(rows_open_table(call, stream.table, &rows));
  Reading reading = {.call = call, .stream = &stream, .out = ret_out, .since_ms = MAX(stream.from_ms, call->now - KEPT_MS),
                     .max = MIN(OPT_OR(in->Limit, RECORDS_MAX), RECORDS_MAX), .next = sequence};
  LIST_EMPTY(call->arena, &ret_out->Records);
  TRY(log_walk(&rows, sequence, FALSE, read_record, &reading));
  ret_out->NextShardIterator = iterator_text(call, &stream, reading.next);
  return NULL;
}
