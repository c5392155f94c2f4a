/* Event source mappings. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html */
#include <string.h>

#include "services/lambda/lambda.h"

const Table lambda_mappings = {"lambda.mapping"};

enum { PAGE = 100, WINDOW_MAX = 300 };

static const MappingSource *const sources[] = {&mapping_queue};

const MappingSource *
mapping_source(Call *call, const char *text)
{
  Arn arn;
  if (!text || !arn_parse(call->arena, text, &arn))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
    if (strcmp(sources[i]->service, arn.service) == 0)
      return sources[i];
  return NULL;
}

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

/* The answer's state, while the stored one is where it goes. */
static void
show(Call *call, const LambdaMappingRecord *record, const char *state, LambdaEventSourceMappingConfiguration *ret)
{
  *ret = *record->config;
  ret->StateTransitionReason = "USER_INITIATED";
  if (state)
    ret->State = state;
}

/* --- checks --- */

static Error *
wrong(const char *format, ...) G_GNUC_PRINTF(1, 2);

static Error *
wrong(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  return error_answer("InvalidParameterValueException", "%s", text);
}

static Error *
check_numbers(const LambdaEventSourceMappingConfiguration *config, const MappingSource *source)
{
  gint64 size = config->BatchSize.v, window = OPT_OR(config->MaximumBatchingWindowInSeconds, 0);
  if (size < 1 || size > source->batch_max || (g_str_has_suffix(config->EventSourceArn, ".fifo") && size > 10))
    return wrong("Invalid batch size %" G_GINT64_FORMAT ".", size);
  if (window < 0 || window > WINDOW_MAX)
    return wrong("MaximumBatchingWindowInSeconds must be between 0 and 300.");
  if (window && g_str_has_suffix(config->EventSourceArn, ".fifo"))
    return wrong("Batching window is not supported for FIFO queues");
  return size > 10 && !window ? wrong("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10") : NULL;
}

typedef struct Target {
  LambdaMappingRecord *record;
  LambdaFunctionRecord *function;
} Target;

static Error *
find_function(Call *call, gpointer data)
{
  Target *target = data;
  FunctionName name = {target->record->function, target->record->qualifier};
  return lambda_function_resolve(call, &name, &target->function);
}

static Error *
check(Call *call, LambdaMappingRecord *record)
{
  LambdaEventSourceMappingConfiguration *config = record->config;
  const MappingSource *source = mapping_source(call, config->EventSourceArn);
  Target target = {.record = record};
  if (!source)
    return wrong("haar reads events from SQS queues, not from %s", config->EventSourceArn ? config->EventSourceArn : "what has no EventSourceArn");
  if (!config->BatchSize.set)
    config->BatchSize = OPT_INT(source->batch_size);
  TRY(check_numbers(config, source));
  TRY(call_read(call, find_function, &target));
  config->FunctionArn = lambda_function_arn(call, record->function, record->qualifier);
  return source->check(call, config, target.function->config);
}

/* --- operations --- */

static Error *
check_double(Call *call, gpointer data)
{
  const LambdaMappingRecord *record = data;
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
      return error_answer("ResourceConflictException",
                          "An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. Please update or delete the "
                          "existing mapping with UUID %s",
                          other->EventSourceArn, record->function, other->UUID);
  }
  return put(call, data);
}

OPERATION(CreateEventSourceMapping, create_event_source_mapping, .txn = TXN_NONE)
static Error *
create_event_source_mapping(Call *call, const LambdaCreateEventSourceMappingInput *in, LambdaCreateEventSourceMappingOutput *ret_out)
{
  FunctionName name;
  LambdaEventSourceMappingConfiguration *config = ARENA_NEW(call->arena, LambdaEventSourceMappingConfiguration);
  LambdaMappingRecord record = {.config = config};
  if (in->FilterCriteria && in->FilterCriteria->Filters.n)
    return wrong("haar does not filter events of mappings: leave FilterCriteria out");
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  record.function = name.name;
  record.qualifier = name.qualifier;
  config->UUID = id_uuid(call->arena);
  config->EventSourceArn = in->EventSourceArn;
  config->BatchSize = in->BatchSize;
  config->MaximumBatchingWindowInSeconds = OPT_INT(OPT_OR(in->MaximumBatchingWindowInSeconds, 0));
  config->FunctionResponseTypes = in->FunctionResponseTypes;
  config->ScalingConfig = in->ScalingConfig;
  config->LastModified = OPT_TIME(call->now);
  config->State = OPT_OR(in->Enabled, TRUE) ? "Enabled" : "Disabled";
  config->EventSourceMappingArn = call_arn(call, "lambda", "event-source-mapping:%s", config->UUID);
  TRY(check(call, &record));
  TRY(call_write(call, check_double, &record));
  mappings_changed(call, config->UUID);
  show(call, &record, "Creating", (LambdaEventSourceMappingConfiguration *) (void *) ret_out);
  return NULL;
}

typedef struct Wanted {
  const char *uuid;
  LambdaMappingRecord *record;
} Wanted;

static Error *
read_one(Call *call, gpointer data)
{
  Wanted *wanted = data;
  return find(call, wanted->uuid, &wanted->record);
}

OPERATION(UpdateEventSourceMapping, update_event_source_mapping, .txn = TXN_NONE)
static Error *
update_event_source_mapping(Call *call, const LambdaUpdateEventSourceMappingInput *in, LambdaUpdateEventSourceMappingOutput *ret_out)
{
  Wanted wanted = {.uuid = in->UUID};
  if (in->FilterCriteria && in->FilterCriteria->Filters.n)
    return wrong("haar does not filter events of mappings: leave FilterCriteria out");
  TRY(call_read(call, read_one, &wanted));
  LambdaEventSourceMappingConfiguration *config = wanted.record->config;
  if (in->FunctionName) {
    FunctionName name;
    TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
    wanted.record->function = name.name;
    wanted.record->qualifier = name.qualifier;
  }
  if (in->BatchSize.set)
    config->BatchSize = in->BatchSize;
  if (in->MaximumBatchingWindowInSeconds.set)
    config->MaximumBatchingWindowInSeconds = in->MaximumBatchingWindowInSeconds;
  if (in->FunctionResponseTypes.v)
    config->FunctionResponseTypes = in->FunctionResponseTypes;
  if (in->ScalingConfig)
    config->ScalingConfig = in->ScalingConfig->MaximumConcurrency.set ? in->ScalingConfig : NULL;
  if (in->Enabled.set)
    config->State = in->Enabled.v ? "Enabled" : "Disabled";
  config->LastModified = OPT_TIME(call->now);
  TRY(check(call, wanted.record));
  TRY(call_write(call, put, wanted.record));
  mappings_changed(call, in->UUID);
  show(call, wanted.record, "Updating", (LambdaEventSourceMappingConfiguration *) (void *) ret_out);
  return NULL;
}

static Error *
remove_one(Call *call, gpointer data)
{
  Wanted *wanted = data;
  Key key;
  TRY(find(call, wanted->uuid, &wanted->record));
  mapping_key(call, wanted->uuid, &key);
  return store_delete(call->txn, &lambda_mappings, &key, NULL);
}

OPERATION(DeleteEventSourceMapping, delete_event_source_mapping, .txn = TXN_NONE)
static Error *
delete_event_source_mapping(Call *call, const LambdaDeleteEventSourceMappingInput *in, LambdaDeleteEventSourceMappingOutput *ret_out)
{
  Wanted wanted = {.uuid = in->UUID};
  TRY(call_write(call, remove_one, &wanted));
  mappings_changed(call, in->UUID);
  show(call, wanted.record, "Deleting", (LambdaEventSourceMappingConfiguration *) (void *) ret_out);
  return NULL;
}

OPERATION(GetEventSourceMapping, get_event_source_mapping, .txn = TXN_READ)
static Error *
get_event_source_mapping(Call *call, const LambdaGetEventSourceMappingInput *in, LambdaGetEventSourceMappingOutput *ret_out)
{
  LambdaMappingRecord *record;
  TRY(find(call, in->UUID, &record));
  show(call, record, NULL, (LambdaEventSourceMappingConfiguration *) (void *) ret_out);
  return NULL;
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
    LIST_APPEND(call->arena, &ret_out->EventSourceMappings, ((LambdaMappingRecord *) value)->config);
  }
  return NULL;
}
