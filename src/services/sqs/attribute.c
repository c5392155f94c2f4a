/* Attributes of queues: what they may be, and what they are if nobody said so.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
#include <string.h>

#include "services/sqs/sqs.h"
#include "wire/json.h"

typedef enum { KIND_NUMBER, KIND_TRUTH, KIND_CHOICE, KIND_TEXT, KIND_POLICY, KIND_REDRIVE, KIND_ALLOW } Kind;

typedef struct AttributeRow {
  const char *name;
  Kind kind;
  gint64 min, max;
  const char *otherwise; /* the default, or NULL */
  const char *choices;   /* of KIND_CHOICE, between bars */
  gboolean fifo;         /* of FIFO queues only */
} AttributeRow;

static const AttributeRow rows[] = {
    {"VisibilityTimeout", KIND_NUMBER, 0, 43200, "30", NULL, FALSE},
    {"MaximumMessageSize", KIND_NUMBER, 1024, SQS_MESSAGE_MAX, "1048576", NULL, FALSE},
    {"MessageRetentionPeriod", KIND_NUMBER, 60, 1209600, "345600", NULL, FALSE},
    {"DelaySeconds", KIND_NUMBER, 0, 900, "0", NULL, FALSE},
    {"ReceiveMessageWaitTimeSeconds", KIND_NUMBER, 0, 20, "0", NULL, FALSE},
    {"KmsDataKeyReusePeriodSeconds", KIND_NUMBER, 60, 86400, NULL, NULL, FALSE},
    {"KmsMasterKeyId", KIND_TEXT, 0, 0, NULL, NULL, FALSE},
    {"SqsManagedSseEnabled", KIND_TRUTH, 0, 0, "true", NULL, FALSE},
    {"Policy", KIND_POLICY, 0, 0, NULL, NULL, FALSE},
    {"RedrivePolicy", KIND_REDRIVE, 0, 0, NULL, NULL, FALSE},
    {"RedriveAllowPolicy", KIND_ALLOW, 0, 0, NULL, NULL, FALSE},
    {"FifoQueue", KIND_TRUTH, 0, 0, NULL, NULL, TRUE},
    {"ContentBasedDeduplication", KIND_TRUTH, 0, 0, "false", NULL, TRUE},
    {"DeduplicationScope", KIND_CHOICE, 0, 0, "queue", "|queue|messageGroup|", TRUE},
    {"FifoThroughputLimit", KIND_CHOICE, 0, 0, "perQueue", "|perQueue|perMessageGroupId|", TRUE},
};

static const AttributeRow *
find_row(const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    if (strcmp(rows[i].name, name) == 0)
      return &rows[i];
  return NULL;
}

const char *
sqs_attribute(const SqsQueueRecord *queue, const char *name)
{
  const char *value = string_map_get(&queue->attributes, name);
  const AttributeRow *row = find_row(name);
  return value || !row || (row->fifo && !sqs_is_fifo(queue)) ? value : row->otherwise;
}

gint64
sqs_attribute_int(const SqsQueueRecord *queue, const char *name)
{
  const char *value = sqs_attribute(queue, name);
  return value ? g_ascii_strtoll(value, NULL, 10) : 0;
}

gboolean
sqs_attribute_true(const SqsQueueRecord *queue, const char *name)
{
  return g_strcmp0(sqs_attribute(queue, name), "true") == 0;
}

/* --- checks --- */

static Error *
wrong(const char *name)
{
  return error_answer("InvalidAttributeValue", "Invalid value for the parameter %s.", name);
}

static Error *
check_number(const AttributeRow *row, const char *value)
{
  gint64 number;
  return g_ascii_string_to_signed(value, 10, row->min, row->max, &number, NULL) ? NULL : wrong(row->name);
}

static Error *
bad_redrive(const char *name, const char *value, const char *reason)
{
  return sqs_invalid("Value %s for parameter %s is invalid. Reason: %s", value, name, reason);
}

static gint64
json_number(const Json *json)
{
  return json && (json->type == JSON_NUMBER || json->type == JSON_STRING) ? g_ascii_strtoll(json->text, NULL, 10) : -1;
}

/* Whether a dead-letter queue takes messages of this source.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html */
static gboolean
takes_from(Call *call, const SqsQueueRecord *target, const char *source_arn)
{
  const char *text = string_map_get(&target->attributes, "RedriveAllowPolicy");
  Json *json = NULL;
  g_autoptr(Error) broken = text ? json_parse(call->arena, text, strlen(text), &json) : NULL;
  const char *permission = broken ? NULL : json_string(json_get(json, "redrivePermission"));
  if (!permission || strcmp(permission, "allowAll") == 0)
    return TRUE;
  const Json *sources = json_get(json, "sourceQueueArns");
  for (guint i = 0; sources && sources->type == JSON_ARRAY && i < sources->n; i++)
    if (g_strcmp0(json_string(sources->items[i]), source_arn) == 0)
      return strcmp(permission, "byQueue") == 0;
  return FALSE;
}

static Error *
check_redrive(Call *call, const SqsQueueRecord *queue, const char *value)
{
  Json *json = NULL;
  g_autoptr(Error) broken = json_parse(call->arena, value, strlen(value), &json);
  if (broken || json->type != JSON_OBJECT)
    return bad_redrive("RedrivePolicy", value, "Redrive policy is not a valid JSON map.");
  const char *target = json_string(json_get(json, "deadLetterTargetArn"));
  gint64 max = json_number(json_get(json, "maxReceiveCount"));
  if (!target)
    return bad_redrive("RedrivePolicy", value, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  if (!json_get(json, "maxReceiveCount"))
    return bad_redrive("RedrivePolicy", value, "Redrive policy does not contain mandatory attribute: maxReceiveCount.");
  if (max < 1 || max > 1000)
    return bad_redrive("RedrivePolicy", value, "Invalid value for maxReceiveCount: must be an integer between 1 and 1000, both inclusive.");
  SqsQueueRecord *dead = NULL;
  TRY(sqs_queue_by_arn(call, target, &dead));
  if (!dead)
    return bad_redrive("RedrivePolicy", value, "Dead letter target does not exist.");
  if (sqs_is_fifo(dead) != sqs_is_fifo(queue))
    return bad_redrive("RedrivePolicy", value, "Dead-letter queue must be same type of queue as the source.");
  if (!takes_from(call, dead, sqs_queue_arn(call, queue)))
    return bad_redrive("RedrivePolicy", value, "The dead-letter queue's redrive allow policy does not permit this queue as a source.");
  return NULL;
}

static Error *
check_allow(Call *call, const char *value)
{
  Json *json = NULL;
  g_autoptr(Error) broken = json_parse(call->arena, value, strlen(value), &json);
  const char *permission = broken ? NULL : json_string(json_get(json, "redrivePermission"));
  const Json *sources = broken ? NULL : json_get(json, "sourceQueueArns");
  gboolean by_queue = g_strcmp0(permission, "byQueue") == 0;
  if (!permission || !(by_queue || strcmp(permission, "allowAll") == 0 || strcmp(permission, "denyAll") == 0))
    return bad_redrive("RedriveAllowPolicy", value, "Redrive allow policy has no valid redrivePermission: allowAll, denyAll or byQueue.");
  if (by_queue ? !sources || sources->type != JSON_ARRAY || sources->n < 1 || sources->n > 10 : sources != NULL)
    return bad_redrive("RedriveAllowPolicy", value, "sourceQueueArns must hold 1 to 10 ARNs with byQueue, and stand nowhere else.");
  return NULL;
}

static Error *
check_policy(Call *call, const char *value)
{
  g_autoptr(Error) error = iam_policy_check(call->arena, value, TRUE);
  if (error && error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  return error ? wrong("Policy") : NULL;
}

static Error *
check_value(Call *call, const SqsQueueRecord *queue, const AttributeRow *row, const char *value)
{
  switch (row->kind) {
  case KIND_NUMBER:
    return check_number(row, value);
  case KIND_TRUTH:
    return strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ? NULL : wrong(row->name);
  case KIND_CHOICE:
    return *value && strstr(row->choices, arena_printf(call->arena, "|%s|", value)) ? NULL : wrong(row->name);
  case KIND_TEXT:
    return strlen(value) <= 2048 ? NULL : wrong(row->name);
  case KIND_POLICY:
    return *value ? check_policy(call, value) : NULL;
  case KIND_REDRIVE:
    return *value ? check_redrive(call, queue, value) : NULL;
  case KIND_ALLOW:
    return *value ? check_allow(call, value) : NULL;
  }
  return NULL;
}

/* --- setting --- */

static Error *
check_place(const SqsQueueRecord *queue, const AttributeRow *row, const char *value, gboolean creating)
{
  if (strcmp(row->name, "FifoQueue") != 0)
    return row->fifo && !sqs_is_fifo(queue) ? error_answer("InvalidAttributeName", "Unknown Attribute %s.", row->name) : NULL;
  if (creating ? strcmp(value, sqs_is_fifo(queue) ? "true" : "false") == 0 && sqs_is_fifo(queue)
               : strcmp(value, sqs_is_fifo(queue) ? "true" : "false") == 0)
    return NULL;
  if (creating && strcmp(value, "false") == 0 && sqs_is_fifo(queue))
    return sqs_invalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo "
                       "suffix and be 1 to 80 in length.");
  return error_answer("InvalidAttributeName", "Unknown Attribute FifoQueue.");
}

static Error *
set_one(Call *call, SqsQueueRecord *queue, const char *name, const char *value, gboolean creating)
{
  const AttributeRow *row = find_row(name);
  if (!row)
    return error_answer("InvalidAttributeName", "Unknown Attribute %s.", name);
  TRY(check_place(queue, row, value, creating));
  TRY(check_value(call, queue, row, value));
  MAP_SET(call->arena, &queue->attributes, name, *value ? value : NULL);
  return NULL;
}

/* One way of encryption puts out the other. */
static Error *
set_encryption(Call *call, SqsQueueRecord *queue, const StringMap *attributes)
{
  const char *const *key = MAP_FIND(attributes, "KmsMasterKeyId");
  const char *const *own = MAP_FIND(attributes, "SqsManagedSseEnabled");
  gboolean by_own = own && strcmp(*own, "true") == 0, by_key = key && **key;
  if (by_own && by_key)
    return error_answer("InvalidAttributeValue", "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS "
                                                 "SSE or SQS SSE.");
  if (by_key)
    MAP_SET(call->arena, &queue->attributes, "SqsManagedSseEnabled", "false");
  if (by_own)
    MAP_SET(call->arena, &queue->attributes, "KmsMasterKeyId", NULL);
  if (sqs_attribute_true(queue, "SqsManagedSseEnabled") && !queue->dataKey.data)
    return sqs_own_key(call, queue);
  return NULL;
}

Error *
sqs_attributes_set(Call *call, SqsQueueRecord *queue, const StringMap *attributes, gboolean creating)
{
  for (gsize i = 0; i < attributes->n; i++)
    TRY(set_one(call, queue, attributes->v[i].key, attributes->v[i].value ? attributes->v[i].value : "", creating));
  const char *limit = sqs_attribute(queue, "FifoThroughputLimit"), *scope = sqs_attribute(queue, "DeduplicationScope");
  if (g_strcmp0(limit, "perMessageGroupId") == 0 && g_strcmp0(scope, "messageGroup") != 0)
    return error_answer("InvalidAttributeValue", "The perMessageGroupId value of FifoThroughputLimit is only allowed when the value for "
                                                 "DeduplicationScope is messageGroup.");
  return set_encryption(call, queue, attributes);
}

gboolean
sqs_attributes_match(const SqsQueueRecord *queue, const SqsQueueRecord *asked, const char **ret_name)
{
  for (gsize i = 0; i < asked->attributes.n; i++) {
    const char *name = asked->attributes.v[i].key;
    *ret_name = name;
    if (g_strcmp0(sqs_attribute(queue, name), sqs_attribute(asked, name)) != 0)
      return FALSE;
  }
  return TRUE;
}

Error *
sqs_redrive(Call *call, const SqsQueueRecord *queue, SqsRedrive *ret)
{
  const char *text = string_map_get(&queue->attributes, "RedrivePolicy");
  Json *json = NULL;
  *ret = (SqsRedrive){0};
  if (!text)
    return NULL;
  TRY(json_parse(call->arena, text, strlen(text), &json));
  ret->target = json_string(json_get(json, "deadLetterTargetArn"));
  ret->max = json_number(json_get(json, "maxReceiveCount"));
  return NULL;
}

/* --- operations --- */

static const char *
number_text(const Call *call, gint64 number)
{
  return arena_printf(call->arena, "%" G_GINT64_FORMAT, number);
}

static StringMap
all_attributes(Call *call, const SqsQueueRecord *queue, const SqsCounts *counts)
{
  StringMap all = {0};
  Arena *arena = call->arena;
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    const char *value = sqs_attribute(queue, rows[i].name);
    if (strcmp(rows[i].name, "SqsManagedSseEnabled") == 0 || value)
      MAP_SET(arena, &all, rows[i].name, value);
  }
  if (sqs_is_fifo(queue))
    MAP_SET(arena, &all, "FifoQueue", "true");
  if (sqs_attribute(queue, "KmsMasterKeyId") && !string_map_get(&all, "KmsDataKeyReusePeriodSeconds"))
    MAP_SET(arena, &all, "KmsDataKeyReusePeriodSeconds", "300");
  MAP_SET(arena, &all, "QueueArn", sqs_queue_arn(call, queue));
  MAP_SET(arena, &all, "CreatedTimestamp", number_text(call, OPT_OR(queue->created, 0) / 1000));
  MAP_SET(arena, &all, "LastModifiedTimestamp", number_text(call, OPT_OR(queue->modified, 0) / 1000));
  MAP_SET(arena, &all, "ApproximateNumberOfMessages", number_text(call, counts->visible));
  MAP_SET(arena, &all, "ApproximateNumberOfMessagesNotVisible", number_text(call, counts->in_flight));
  MAP_SET(arena, &all, "ApproximateNumberOfMessagesDelayed", number_text(call, counts->delayed));
  return all;
}

OPERATION(GetQueueAttributes, get_queue_attributes, .txn = TXN_READ, .authorize = sqs_authorize)
static Error *
get_queue_attributes(Call *call, const SqsGetQueueAttributesInput *in, SqsGetQueueAttributesOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  SqsCounts counts;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  TRY(sqs_count(call, queue, &counts));
  StringMap all = all_attributes(call, queue, &counts);
  gboolean every = FALSE;
  for (gsize i = 0; i < in->AttributeNames.n; i++) {
    const char *name = in->AttributeNames.v[i];
    every |= strcmp(name, "All") == 0;
    if (strcmp(name, "All") != 0 && !find_row(name) && !string_map_get(&all, name))
      return error_answer("InvalidAttributeName", "Unknown Attribute %s.", name);
  }
  for (gsize i = 0; i < all.n; i++)
    if (all.v[i].value && (every || string_list_has((const StringList *) &in->AttributeNames, all.v[i].key)))
      MAP_SET(call->arena, &ret_out->Attributes, all.v[i].key, all.v[i].value);
  return NULL;
}

OPERATION(SetQueueAttributes, set_queue_attributes, .txn = TXN_WRITE, .authorize = sqs_authorize)
static Error *
set_queue_attributes(Call *call, const SqsSetQueueAttributesInput *in, SqsSetQueueAttributesOutput *ret_out)
{
  SqsQueueRecord *queue = NULL;
  TRY(sqs_queue_find(call, in->QueueUrl, &queue));
  if (!in->Attributes.n)
    return sqs_missing("Attribute.Name");
  TRY(sqs_attributes_set(call, queue, &in->Attributes, FALSE));
  queue->modified = OPT_INT(call->now);
  if (MAP_FIND(&in->Attributes, "MessageRetentionPeriod"))
    TRY(sqs_sweep_schedule(call, queue, 0));
  return sqs_queue_put(call, queue);
}
