/* What a mapping may be. https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html */
#include <string.h>

#include "services/lambda/mapping.h"

enum { WINDOW_MAX = 300 };

static const MappingSource *const sources[] = {&mapping_queue, &mapping_stream};

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

Error *
mapping_wrong(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  return error_answer("InvalidParameterValueException", "%s", text);
}

typedef struct Permission {
  const Principal *role;
  const char *const *actions;
  const char *resource, *denied;
} Permission;

static Error *
find_denied(Call *call, gpointer data)
{
  Permission *permission = data;
  StringMap context = {0};
  for (const char *const *action = permission->actions; *action; action++) {
    IamRequest request = {.principal = permission->role, .action = *action, .resource = permission->resource, .resource_account = call->account, .context = &context};
    g_autoptr(Error) denied = iam_authorize(call->txn, call->arena, &request);
    if (denied && denied->kind == ERROR_FAULT)
      return g_steal_pointer(&denied);
    if (denied) {
      permission->denied = *action;
      return NULL;
    }
  }
  return NULL;
}

Error *
mapping_permitted(Call *call, const Principal *role, const char *const *actions, const char *resource, const char **ret_denied)
{
  Permission permission = {role, actions, resource, NULL};
  TRY(call_read(call, find_denied, &permission));
  *ret_denied = permission.denied;
  return NULL;
}

/* --- numbers and options --- */

static Error *
check_numbers(const LambdaEventSourceMappingConfiguration *config, const MappingSource *source)
{
  gint64 size = config->BatchSize.v, window = OPT_OR(config->MaximumBatchingWindowInSeconds, 0);
  gboolean fifo = g_str_has_suffix(config->EventSourceArn, ".fifo");
  if (size < 1 || size > source->batch_max || (fifo && size > 10))
    return mapping_wrong("Invalid batch size %" G_GINT64_FORMAT ".", size);
  if (window < 0 || window > WINDOW_MAX)
    return mapping_wrong("MaximumBatchingWindowInSeconds must be between 0 and 300.");
  if (window && fifo)
    return mapping_wrong("Batching window is not supported for FIFO queues");
  if (size > 10 && !window && !source->stream)
    return mapping_wrong("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10");
  return NULL;
}

static Error *
check_queue_options(const LambdaEventSourceMappingConfiguration *config)
{
  const struct { gboolean given; const char *name; } options[] = {
    {config->StartingPosition || config->StartingPositionTimestamp.set, "StartingPosition"},
    {config->BisectBatchOnFunctionError.set, "BisectBatchOnFunctionError"},
    {config->MaximumRecordAgeInSeconds.set, "MaximumRecordAgeInSeconds"},
    {config->MaximumRetryAttempts.set, "MaximumRetryAttempts"},
    {config->ParallelizationFactor.set, "ParallelizationFactor"},
    {config->TumblingWindowInSeconds.set, "TumblingWindowInSeconds"},
    {config->DestinationConfig && config->DestinationConfig->OnFailure && config->DestinationConfig->OnFailure->Destination, "DestinationConfig"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
    if (options[i].given)
      return mapping_wrong("%s is not valid for SQS event sources.", options[i].name);
  return NULL;
}

static Error *
check_position(const LambdaEventSourceMappingConfiguration *config)
{
  if (!config->StartingPosition)
    return error_answer("ValidationException", "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.");
  gboolean at_time = strcmp(config->StartingPosition, "AT_TIMESTAMP") == 0;
  if (config->StartingPositionTimestamp.set && !at_time)
    return mapping_wrong("Timestamp only valid with StartingPosition AT_TIMESTAMP");
  return at_time ? mapping_wrong("Unsupported starting position for arn type: %s", config->EventSourceArn) : NULL;
}

/* AWS answers every option of a stream, with its default. */
static void
fill_in(Arena *arena, LambdaEventSourceMappingConfiguration *config)
{
  OptInt *const numbers[] = {&config->MaximumRecordAgeInSeconds, &config->MaximumRetryAttempts, &config->ParallelizationFactor, &config->TumblingWindowInSeconds};
  static const gint64 defaults[] = {-1, -1, 1, 0};
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    if (!numbers[i]->set)
      *numbers[i] = OPT_INT(defaults[i]);
  if (!config->BisectBatchOnFunctionError.set)
    config->BisectBatchOnFunctionError = OPT_BOOL(FALSE);
  if (!config->FunctionResponseTypes.v)
    LIST_EMPTY(arena, &config->FunctionResponseTypes);
  if (!config->DestinationConfig)
    config->DestinationConfig = ARENA_NEW(arena, LambdaDestinationConfig);
  if (!config->DestinationConfig->OnFailure)
    config->DestinationConfig->OnFailure = ARENA_NEW(arena, LambdaOnFailure);
}

static Error *
check_stream_options(Call *call, LambdaEventSourceMappingConfiguration *config)
{
  fill_in(call->arena, config);
  TRY(check_position(config));
  if (config->TumblingWindowInSeconds.v)
    return mapping_wrong("haar does not have tumbling windows: leave TumblingWindowInSeconds out.");
  if (config->ScalingConfig)
    return mapping_wrong("ScalingConfig is not valid for DynamoDB event sources.");
  return NULL;
}

/* --- the destination --- */

static Error *
check_destination(Call *call, const LambdaEventSourceMappingConfiguration *config, const LambdaFunctionConfiguration *function)
{
  Arn arn;
  const char *target = config->DestinationConfig && config->DestinationConfig->OnFailure ? config->DestinationConfig->OnFailure->Destination : NULL;
  if (!target || !*target)
    return NULL;
  gboolean good = arn_parse(call->arena, target, &arn), queue = good && strcmp(arn.service, "sqs") == 0, topic = good && strcmp(arn.service, "sns") == 0;
  if (!queue && !topic)
    return mapping_wrong("haar sends what it discards to SQS queues and SNS topics, not to %s", target);
  if (g_str_has_suffix(target, ".fifo"))
    return mapping_wrong("The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=%s)) is invalid.", target);
  const char *const actions[] = {queue ? "sqs:SendMessage" : "sns:Publish", NULL};
  const char *denied;
  TRY(mapping_permitted(call, lambda_role_session(call, function->Role), actions, target, &denied));
  if (denied)
    return mapping_wrong("The function's execution role does not have permissions to call %s on %s", strchr(denied, ':') + 1, target);
  return NULL;
}

/* --- all --- */

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

Error *
mapping_check(Call *call, LambdaMappingRecord *record, const Principal **ret_role)
{
  LambdaEventSourceMappingConfiguration *config = record->config;
  const MappingSource *source = mapping_source(call, config->EventSourceArn);
  Target target = {.record = record};
  if (!source)
    return mapping_wrong("haar reads events from SQS queues and DynamoDB streams, not from %s",
                         config->EventSourceArn ? config->EventSourceArn : "what has no EventSourceArn");
  if (!config->BatchSize.set)
    config->BatchSize = OPT_INT(source->batch_size);
  TRY(check_numbers(config, source));
  TRY(source->stream ? check_stream_options(call, config) : check_queue_options(config));
  TRY(filters_check(call->arena, config->FilterCriteria));
  TRY(call_read(call, find_function, &target));
  config->FunctionArn = lambda_function_arn(call, record->function, record->qualifier);
  *ret_role = lambda_role_session(call, target.function->config->Role);
  TRY(check_destination(call, config, target.function->config));
  return source->check(call, config, target.function->config);
}
