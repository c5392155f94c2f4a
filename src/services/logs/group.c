#include <string.h>

#include "services/logs/logs.h"

const Table logs_groups = {"logs.group"};

static const gint64 retentions[] = {1,   3,   5,   7,    14,   30,   60,   90,   120,  150,  180,  365,
                                    400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653};

char *
logs_group_arn(const Call *call, const char *name)
{
  return call_arn(call, "logs", "log-group:%s", name);
}

const char *
logs_group_name(Call *call, const char *name_or_arn)
{
  Arn arn;
  if (!arn_parse(call->arena, name_or_arn, &arn) || !g_str_has_prefix(arn.resource, "log-group:"))
    return name_or_arn;
  char *name = arena_strdup(call->arena, arn.resource + strlen("log-group:"));
  if (g_str_has_suffix(name, ":*"))
    name[strlen(name) - 2] = 0;
  return name;
}

Error *
logs_authorize(Call *call, const char *group, const char *stream, Authorization *auth)
{
  auth->resource = call_arn(call, "logs", "log-group:%s:log-stream:%s", logs_group_name(call, group ? group : ""), stream ? stream : "");
  return NULL;
}

static void
group_key(const Call *call, const char *name, Key *key)
{
  call_key(call, key);
  key_add(key, name);
}

Error *
logs_group_get(Call *call, const char *name, LogsGroupRecord **ret_group)
{
  if (!name)
    return error_answer("InvalidParameterException", "A log group name or identifier is needed.");
  Key key;
  group_key(call, logs_group_name(call, name), &key);
  void *group;
  TRY(record_get(call->txn, &logs_groups, &key, &LogsGroupRecord_shape, call->arena, &group));
  *ret_group = group;
  return group ? NULL : error_answer("ResourceNotFoundException", "The specified log group does not exist.");
}

Error *
logs_group_put(Call *call, const LogsGroupRecord *group)
{
  Key key;
  group_key(call, group->name, &key);
  return record_put(call->txn, &logs_groups, &key, &LogsGroupRecord_shape, group);
}

LOGS_RESOURCE(CreateLogGroup)

OPERATION(CreateLogGroup, create_log_group, .txn = TXN_WRITE, .authorize = authorize_CreateLogGroup)
static Error *
create_log_group(Call *call, const LogsCreateLogGroupInput *in, LogsCreateLogGroupOutput *ret_out)
{
  Key key;
  group_key(call, in->logGroupName, &key);
  const void *data;
  gsize size;
  TRY(store_get(call->txn, &logs_groups, &key, &data, &size));
  if (data)
    return error_answer("ResourceAlreadyExistsException", "The specified log group already exists");
  LogsGroupRecord group = {.name = in->logGroupName, .created = OPT_INT(call->now), .kmsKeyId = in->kmsKeyId, .tags = in->tags};
  if (group.kmsKeyId)
    TRY(logs_key_make(call, &group));
  return logs_group_put(call, &group);
}

LOGS_RESOURCE(DeleteLogGroup)

OPERATION(DeleteLogGroup, delete_log_group, .txn = TXN_WRITE, .authorize = authorize_DeleteLogGroup)
static Error *
delete_log_group(Call *call, const LogsDeleteLogGroupInput *in, LogsDeleteLogGroupOutput *ret_out)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupName, &group));
  TRY(logs_retention_schedule(call, group, -1));
  TRY(logs_metric_filters_delete(call, group->name));
  TRY(logs_subscriptions_delete(call, group->name));
  Key key;
  group_key(call, group->name, &key);
  const Table *const tables[] = {&logs_groups, &logs_streams, &logs_events, &logs_order};
  for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
    TRY(store_delete_prefix(call->txn, tables[i], &key, NULL));
  return NULL;
}

static LogsLogGroup *
describe(Call *call, const LogsGroupRecord *group, gint64 metric_filters)
{
  LogsLogGroup *out = ARENA_NEW(call->arena, LogsLogGroup);
  out->logGroupName = group->name;
  out->creationTime = group->created;
  out->retentionInDays = group->retention;
  out->metricFilterCount = OPT_INT(metric_filters);
  out->arn = arena_printf(call->arena, "%s:*", logs_group_arn(call, group->name));
  out->storedBytes = OPT_INT(OPT_OR(group->storedBytes, 0));
  out->kmsKeyId = group->kmsKeyId;
  return out;
}

static gboolean
wanted(const LogsDescribeLogGroupsInput *in, const char *name)
{
  return !in->logGroupNamePattern || strstr(name, in->logGroupNamePattern);
}

static Error *
authorize_describe(Call *call, const void *in, Authorization *auth)
{
  return logs_authorize(call, ((const LogsDescribeLogGroupsInput *) in)->logGroupNamePrefix, NULL, auth);
}

OPERATION(DescribeLogGroups, describe_log_groups, .txn = TXN_READ, .authorize = authorize_describe)
static Error *
describe_log_groups(Call *call, const LogsDescribeLogGroupsInput *in, LogsDescribeLogGroupsOutput *ret_out)
{
  if (in->logGroupNamePrefix && in->logGroupNamePattern)
    return error_answer("InvalidParameterException", "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
  Key prefix, from;
  call_key(call, &prefix);
  if (in->logGroupNamePrefix)
    key_add_raw(&prefix, in->logGroupNamePrefix, strlen(in->logGroupNamePrefix));
  if (in->nextToken)
    group_key(call, in->nextToken, &from);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &logs_groups, &(CursorOptions) {.prefix = &prefix, .from = in->nextToken ? &from : NULL, .after = TRUE}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->logGroups);
  gsize limit = (gsize) OPT_OR(in->limit, 50);
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *group;
    TRY(record_decode(call->arena, &LogsGroupRecord_shape, data, size, &group));
    if (!wanted(in, ((LogsGroupRecord *) group)->name))
      continue;
    if (ret_out->logGroups.n == limit) {
      ret_out->nextToken = ret_out->logGroups.v[limit - 1]->logGroupName;
      break;
    }
    gint64 metric_filters = 0;
    TRY(logs_metric_filter_count(call, ((const LogsGroupRecord *) group)->name, &metric_filters));
    LIST_APPEND(call->arena, &ret_out->logGroups, describe(call, group, metric_filters));
  }
  return NULL;
}

LOGS_RESOURCE(PutRetentionPolicy)

OPERATION(PutRetentionPolicy, put_retention_policy, .txn = TXN_WRITE, .authorize = authorize_PutRetentionPolicy)
static Error *
put_retention_policy(Call *call, const LogsPutRetentionPolicyInput *in, LogsPutRetentionPolicyOutput *ret_out)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupName, &group));
  gboolean known = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS(retentions); i++)
    known |= retentions[i] == in->retentionInDays.v;
  if (!known)
    return error_answer("InvalidParameterException",
                        "1 validation error detected: Value '%" G_GINT64_FORMAT "' at 'retentionInDays' failed to satisfy constraint: Member must "
                        "satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, "
                        "3288, 3653]",
                        in->retentionInDays.v);
  group->retention = in->retentionInDays;
  TRY(logs_retention_schedule(call, group, 0));
  return logs_group_put(call, group);
}

LOGS_RESOURCE(DeleteRetentionPolicy)

OPERATION(DeleteRetentionPolicy, delete_retention_policy, .txn = TXN_WRITE, .authorize = authorize_DeleteRetentionPolicy)
static Error *
delete_retention_policy(Call *call, const LogsDeleteRetentionPolicyInput *in, LogsDeleteRetentionPolicyOutput *ret_out)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupName, &group));
  group->retention.set = FALSE;
  TRY(logs_retention_schedule(call, group, -1));
  return logs_group_put(call, group);
}

LOGS_RESOURCE(AssociateKmsKey)

OPERATION(AssociateKmsKey, associate_kms_key, .txn = TXN_WRITE, .authorize = authorize_AssociateKmsKey)
static Error *
associate_kms_key(Call *call, const LogsAssociateKmsKeyInput *in, LogsAssociateKmsKeyOutput *ret_out)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupName, &group));
  group->kmsKeyId = in->kmsKeyId;
  TRY(logs_key_make(call, group));
  return logs_group_put(call, group);
}

LOGS_RESOURCE(DisassociateKmsKey)

OPERATION(DisassociateKmsKey, disassociate_kms_key, .txn = TXN_WRITE, .authorize = authorize_DisassociateKmsKey)
static Error *
disassociate_kms_key(Call *call, const LogsDisassociateKmsKeyInput *in, LogsDisassociateKmsKeyOutput *ret_out)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupName, &group));
  group->kmsKeyId = NULL;
  group->dataKey.set = FALSE;
  return logs_group_put(call, group);
}
