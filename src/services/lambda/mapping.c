/* Event source mappings. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html */
#include <string.h>

#include "services/lambda/mapping.h"

const Table lambda_mappings = {"lambda.mapping"};

enum { PAGE = 100 };

static void
mapping_key(const Call *call, const char *uuid, Key *key)
{
  call_key(call, key);
  key_add(key, uuid);
}

static Error *
find(Call *call, const char *uuid, LambdaMappingRecord **ret)
{
  Key key;
  void *value = NULL;
  mapping_key(call, uuid, &key);
  TRY(record_get(call->txn, &lambda_mappings, &key, &LambdaMappingRecord_shape, call->arena, &value));
  *ret = value;
  return value ? NULL : error_answer("ResourceNotFoundException", "The resource you requested does not exist.");
}

static Error *
put(Call *call, gpointer data)
{
  const LambdaMappingRecord *record = data;
  Key key;
  mapping_key(call, record->config->UUID, &key);
  return record_put(call->txn, &lambda_mappings, &key, &LambdaMappingRecord_shape, record);
}

/* What is answered. state: where an operation has just set out to; NULL: as it is. Needs call->txn for the result of a stream. */
static Error *
show(Call *call, const LambdaMappingRecord *record, const char *state, LambdaEventSourceMappingConfiguration *ret)
{
  const MappingSource *source = mapping_source(call, record->config->EventSourceArn);
  const char *result = NULL;
  *ret = *record->config;
  if (source && source->stream)
    TRY(position_result(call, record->config->UUID, &result));
  ret->LastProcessingResult = result;
  ret->StateTransitionReason = source && source->stream ? "User action" : "USER_INITIATED";
  if (state)
    ret->State = state;
  else if (mapping_is_changing(call, record->config->UUID))
    ret->State = strcmp(ret->State, "Disabled") == 0 ? "Disabling" : "Updating";
  return NULL;
}

typedef struct Show {
  const LambdaMappingRecord *record;
  const char *state;
  LambdaEventSourceMappingConfiguration *ret;
} Show;

static Error *
show_now(Call *call, gpointer data)
{
  const Show *shown = data;
  return show(call, shown->record, shown->state, shown->ret);
}

static Error *
answer(Call *call, const LambdaMappingRecord *record, const char *state, gpointer ret_out)
{
  Show shown = {record, state, ret_out};
  return call_read(call, show_now, &shown);
}

/* --- operations --- */

typedef struct New {
  LambdaMappingRecord *record;
  const char *after;
} New;

static Error *
conflict(Call *call, const LambdaMappingRecord *record, const LambdaEventSourceMappingConfiguration *other)
{
  const MappingSource *source = mapping_source(call, other->EventSourceArn);
  const char *format = source && source->stream
                         ? "The event source arn (\" %s \") and function (\" %s \") provided mapping already exists. Please update or delete the existing "
                           "mapping with UUID %s"
                         : "An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. Please update or delete the existing "
                           "mapping with UUID %s";
  g_auto(GStrv) parts = g_strsplit(format, "%s", 4);
  return error_answer("ResourceConflictException", "%s%s%s%s%s%s", parts[0], other->EventSourceArn, parts[1], record->function, parts[2], other->UUID);
}

static Error *
put_new(Call *call, gpointer data)
{
  const New *new = data;
  const LambdaMappingRecord *record = new->record;
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &lambda_mappings, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    void *value = NULL;
    const guint8 *bytes = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &LambdaMappingRecord_shape, bytes, size, &value));
    const LambdaEventSourceMappingConfiguration *other = ((LambdaMappingRecord *) value)->config;
    if (strcmp(other->EventSourceArn, record->config->EventSourceArn) == 0 && strcmp(other->FunctionArn, record->config->FunctionArn) == 0)
      return conflict(call, record, other);
  }
  if (new->after)
    TRY(position_begin(call, record->config->UUID, new->after));
  return put(call, new->record);
}

OPERATION(CreateEventSourceMapping, create_event_source_mapping, .txn = TXN_NONE)
static Error *
create_event_source_mapping(Call *call, const LambdaCreateEventSourceMappingInput *in, LambdaCreateEventSourceMappingOutput *ret_out)
{
  FunctionName name;
  LambdaEventSourceMappingConfiguration *config = ARENA_NEW(call->arena, LambdaEventSourceMappingConfiguration);
  LambdaMappingRecord record = {.config = config};
  New new = {&record, NULL};
  const Principal *role;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  record.function = name.name;
  record.qualifier = name.qualifier;
  config->UUID = id_uuid(call->arena);
  config->EventSourceArn = in->EventSourceArn;
  config->StartingPosition = in->StartingPosition;
  config->StartingPositionTimestamp = in->StartingPositionTimestamp;
  config->BatchSize = in->BatchSize;
  config->MaximumBatchingWindowInSeconds = OPT_INT(OPT_OR(in->MaximumBatchingWindowInSeconds, 0));
  config->FunctionResponseTypes = in->FunctionResponseTypes;
  config->ScalingConfig = in->ScalingConfig;
  config->FilterCriteria = in->FilterCriteria && in->FilterCriteria->Filters.n ? in->FilterCriteria : NULL;
  config->ParallelizationFactor = in->ParallelizationFactor;
  config->MaximumRecordAgeInSeconds = in->MaximumRecordAgeInSeconds;
  config->MaximumRetryAttempts = in->MaximumRetryAttempts;
  config->BisectBatchOnFunctionError = in->BisectBatchOnFunctionError;
  config->TumblingWindowInSeconds = in->TumblingWindowInSeconds;
  config->DestinationConfig = in->DestinationConfig;
  config->LastModified = OPT_TIME(call->now);
  config->State = OPT_OR(in->Enabled, TRUE) ? "Enabled" : "Disabled";
  config->EventSourceMappingArn = call_arn(call, "lambda", "event-source-mapping:%s", config->UUID);
  TRY(mapping_check(call, &record, &role));
  const MappingSource *source = mapping_source(call, config->EventSourceArn);
  if (source->begin)
    TRY(source->begin(call, config, role, &new.after));
  TRY(call_write(call, put_new, &new));
  mappings_changed(call, config->UUID);
  return answer(call, &record, "Creating", ret_out);
}

typedef struct Wanted {
  const char *uuid;
  LambdaMappingRecord *record;
  LambdaEventSourceMappingConfiguration *shown; /* by remove_one */
} Wanted;

static Error *
read_one(Call *call, gpointer data)
{
  Wanted *wanted = data;
  return find(call, wanted->uuid, &wanted->record);
}

/* What an update gives replaces what was. */
static void
change(LambdaEventSourceMappingConfiguration *config, const LambdaUpdateEventSourceMappingInput *in)
{
  const struct { const OptInt *from; OptInt *to; } numbers[] = {
    {&in->BatchSize, &config->BatchSize},
    {&in->MaximumBatchingWindowInSeconds, &config->MaximumBatchingWindowInSeconds},
    {&in->ParallelizationFactor, &config->ParallelizationFactor},
    {&in->MaximumRecordAgeInSeconds, &config->MaximumRecordAgeInSeconds},
    {&in->MaximumRetryAttempts, &config->MaximumRetryAttempts},
    {&in->TumblingWindowInSeconds, &config->TumblingWindowInSeconds},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    if (numbers[i].from->set)
      *numbers[i].to = *numbers[i].from;
  if (in->FunctionResponseTypes.v)
    config->FunctionResponseTypes = in->FunctionResponseTypes;
  if (in->ScalingConfig)
    config->ScalingConfig = in->ScalingConfig->MaximumConcurrency.set ? in->ScalingConfig : NULL;
  if (in->FilterCriteria)
    config->FilterCriteria = in->FilterCriteria->Filters.n ? in->FilterCriteria : NULL;
  if (in->BisectBatchOnFunctionError.set)
    config->BisectBatchOnFunctionError = in->BisectBatchOnFunctionError;
  if (in->DestinationConfig)
    config->DestinationConfig = in->DestinationConfig;
  if (in->Enabled.set)
    config->State = in->Enabled.v ? "Enabled" : "Disabled";
}

OPERATION(UpdateEventSourceMapping, update_event_source_mapping, .txn = TXN_NONE)
static Error *
update_event_source_mapping(Call *call, const LambdaUpdateEventSourceMappingInput *in, LambdaUpdateEventSourceMappingOutput *ret_out)
{
  Wanted wanted = {.uuid = in->UUID};
  const Principal *role;
  TRY(call_read(call, read_one, &wanted));
  LambdaEventSourceMappingConfiguration *config = wanted.record->config;
  if (in->FunctionName) {
    FunctionName name;
    TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
    wanted.record->function = name.name;
    wanted.record->qualifier = name.qualifier;
  }
  const char *before = config->State;
  change(config, in);
  const char *moving = strcmp(before, config->State) == 0 ? "Updating" : strcmp(config->State, "Enabled") == 0 ? "Enabling" : "Disabling";
  config->LastModified = OPT_TIME(call->now);
  TRY(mapping_check(call, wanted.record, &role));
  TRY(call_write(call, put, wanted.record));
  mappings_changed(call, in->UUID);
  return answer(call, wanted.record, moving, ret_out);
}

static Error *
remove_one(Call *call, gpointer data)
{
  Wanted *wanted = data;
  Key key;
  TRY(find(call, wanted->uuid, &wanted->record));
  mapping_key(call, wanted->uuid, &key);
  TRY(show(call, wanted->record, "Deleting", wanted->shown));
  TRY(position_delete(call, wanted->uuid));
  return store_delete(call->txn, &lambda_mappings, &key, NULL);
}

OPERATION(DeleteEventSourceMapping, delete_event_source_mapping, .txn = TXN_NONE)
static Error *
delete_event_source_mapping(Call *call, const LambdaDeleteEventSourceMappingInput *in, LambdaDeleteEventSourceMappingOutput *ret_out)
{
  Wanted wanted = {.uuid = in->UUID, .shown = (gpointer) ret_out};
  TRY(call_write(call, remove_one, &wanted));
  mappings_changed(call, in->UUID);
  return NULL;
}

OPERATION(GetEventSourceMapping, get_event_source_mapping, .txn = TXN_READ)
static Error *
get_event_source_mapping(Call *call, const LambdaGetEventSourceMappingInput *in, LambdaGetEventSourceMappingOutput *ret_out)
{
  LambdaMappingRecord *record;
  TRY(find(call, in->UUID, &record));
  return show(call, record, NULL, (gpointer) ret_out);
}

static Error *
matches(Call *call, const LambdaListEventSourceMappingsInput *in, const LambdaMappingRecord *record, gboolean *ret)
{
  *ret = !in->EventSourceArn || strcmp(in->EventSourceArn, record->config->EventSourceArn) == 0;
  if (!in->FunctionName)
    return NULL;
  FunctionName name;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  *ret = *ret && strcmp(name.name, record->function) == 0 && (!name.qualifier || g_strcmp0(name.qualifier, record->qualifier) == 0);
  return NULL;
}

OPERATION(ListEventSourceMappings, list_event_source_mappings, .txn = TXN_READ)
static Error *
list_event_source_mappings(Call *call, const LambdaListEventSourceMappingsInput *in, LambdaListEventSourceMappingsOutput *ret_out)
{
  Key prefix, from;
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  if (in->Marker)
    mapping_key(call, in->Marker, &from);
  TRY(cursor_open(call->txn, &lambda_mappings, &(CursorOptions){.prefix = &prefix, .from = in->Marker ? &from : NULL, .after = TRUE}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->EventSourceMappings);
  while (cursor_next(cursor)) {
    gsize size;
    void *value = NULL;
    gboolean wanted;
    const guint8 *bytes = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &LambdaMappingRecord_shape, bytes, size, &value));
    TRY(matches(call, in, value, &wanted));
    if (!wanted)
      continue;
    if ((gint64) ret_out->EventSourceMappings.n == MIN(OPT_OR(in->MaxItems, PAGE), PAGE)) {
      ret_out->NextMarker = ret_out->EventSourceMappings.v[ret_out->EventSourceMappings.n - 1]->UUID;
      break;
    }
    LambdaEventSourceMappingConfiguration *shown = ARENA_NEW(call->arena, LambdaEventSourceMappingConfiguration);
    TRY(show(call, value, NULL, shown));
    LIST_APPEND(call->arena, &ret_out->EventSourceMappings, shown);
  }
  return NULL;
}
