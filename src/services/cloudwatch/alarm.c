/* Alarms as they are stored, and the operations that describe, switch and delete them. */
#include "services/cloudwatch/alarm.h"

#include <string.h>

const Table cloudwatch_alarm_table = {"cloudwatch.alarm"};

/* --- records --- */

AlarmFace
alarm_face(const CloudwatchAlarmRecord *record)
{
  const CloudwatchMetricAlarm *m = record->Metric;
  const CloudwatchCompositeAlarm *c = record->Composite;
  if (m)
    return (AlarmFace){"MetricAlarm",          m->AlarmName,     m->AlarmArn,          m->AlarmDescription, OPT_OR(m->ActionsEnabled, TRUE),
                       &m->OKActions,          &m->AlarmActions, &m->InsufficientDataActions, m->StateValue, m->StateReason,
                       m->StateReasonData,     m->StateUpdatedTimestamp.ms, m->AlarmConfigurationUpdatedTimestamp.ms, NULL, NULL};
  return (AlarmFace){"CompositeAlarm",       c->AlarmName,     c->AlarmArn,          c->AlarmDescription, OPT_OR(c->ActionsEnabled, TRUE),
                     &c->OKActions,          &c->AlarmActions, &c->InsufficientDataActions, c->StateValue, c->StateReason,
                     c->StateReasonData,     c->StateUpdatedTimestamp.ms, c->AlarmConfigurationUpdatedTimestamp.ms,
                     c->ActionsSuppressedBy, c->ActionsSuppressedReason};
}

char *
alarm_arn(const Call *call, const char *name)
{
  return call_arn(call, "cloudwatch", "alarm:%s", name);
}

static void
alarm_key(const Call *call, const char *name, Key *key)
{
  call_key(call, key);
  key_add(key, name);
}

Error *
alarm_look(Call *call, const char *name, CloudwatchAlarmRecord **ret)
{
  Key key;
  alarm_key(call, name, &key);
  return record_get(call->txn, &cloudwatch_alarm_table, &key, &CloudwatchAlarmRecord_shape, call->arena, (void **) ret);
}

Error *
alarm_put(Call *call, const CloudwatchAlarmRecord *record)
{
  Key key;
  alarm_key(call, alarm_face(record).name, &key);
  return record_put(call->txn, &cloudwatch_alarm_table, &key, &CloudwatchAlarmRecord_shape, record);
}

Error *
alarm_erase(Call *call, const char *name)
{
  Key key;
  alarm_key(call, name, &key);
  return store_delete(call->txn, &cloudwatch_alarm_table, &key, NULL);
}

Error *
alarms_all(Call *call, AlarmRecords *ret)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &cloudwatch_alarm_table, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &CloudwatchAlarmRecord_shape, data, size, &record));
    LIST_APPEND(call->arena, ret, (CloudwatchAlarmRecord *) record);
  }
  return NULL;
}

void
alarm_authorize(Call *call, const char *name, Authorization *auth)
{
  auth->resource = alarm_arn(call, name);
}

/* All but the last are asked for here, the last by the pipeline. */
static Error *
names_authorize(Call *call, const StringList *names, Authorization *auth)
{
  for (gsize i = 0; i < names->n; i++) {
    alarm_authorize(call, names->v[i], auth);
    if (i + 1 < names->n)
      MAP_SET(call->arena, &auth->further, auth->action, auth->resource);
  }
  return NULL;
}

/* --- DescribeAlarms --- */

static Error *
check_describe(const CloudwatchDescribeAlarmsInput *in)
{
  if (in->AlarmNames.n && in->AlarmNamePrefix)
    return error_answer("ValidationError", "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both.");
  if (in->ChildrenOfAlarmName && in->ParentsOfAlarmName)
    return error_answer("ValidationError", "The parameters ChildrenOfAlarmName and ParentsOfAlarmName are mutually exclusive and you have specified both.");
  return NULL;
}

static gboolean
has_action(const AlarmFace *face, const char *prefix)
{
  const StringList *lists[] = {face->ok, face->alarm, face->insufficient};
  for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
    for (gsize j = 0; j < lists[i]->n; j++)
      if (g_str_has_prefix(lists[i]->v[j], prefix))
        return TRUE;
  return FALSE;
}

static Error *
children_of(Call *call, const char *name, StringList *ret)
{
  CloudwatchAlarmRecord *record = NULL;
  StringList names = {0};
  Rule *rule = NULL;
  TRY(alarm_look(call, name, &record));
  if (!record)
    return error_answer("ResourceNotFound", "Alarm %s does not exist.", name);
  LIST_EMPTY(call->arena, ret);
  if (!record->Composite)
    return NULL;
  TRY(rule_parse(call->arena, record->Composite->AlarmRule, &rule));
  rule_names(call->arena, rule, &names);
  for (gsize i = 0; i < names.n; i++)
    LIST_APPEND(call->arena, ret, rule_alarm_name(names.v[i]));
  return NULL;
}

static Error *
is_parent(Call *call, const CloudwatchAlarmRecord *record, const char *child, gboolean *ret)
{
  StringList children = {0};
  *ret = FALSE;
  if (!record->Composite)
    return NULL;
  TRY(children_of(call, record->Composite->AlarmName, &children));
  *ret = string_list_has(&children, child);
  return NULL;
}

static gboolean
is_wanted(const CloudwatchDescribeAlarmsInput *in, const AlarmFace *face)
{
  if (in->AlarmNames.n && !string_list_has(&in->AlarmNames, face->name))
    return FALSE;
  if (in->AlarmNamePrefix && !g_str_has_prefix(face->name, in->AlarmNamePrefix))
    return FALSE;
  if (in->StateValue && strcmp(in->StateValue, face->state) != 0)
    return FALSE;
  if (in->ActionPrefix && !has_action(face, in->ActionPrefix))
    return FALSE;
  if (in->ChildrenOfAlarmName || in->ParentsOfAlarmName)
    return TRUE;
  return in->AlarmTypes.n ? string_list_has(&in->AlarmTypes, face->type) : strcmp(face->type, "MetricAlarm") == 0;
}

OPERATION(DescribeAlarms, describe_alarms, .action = "cloudwatch:DescribeAlarms")
static Error *
describe_alarms(Call *call, const CloudwatchDescribeAlarmsInput *in, CloudwatchDescribeAlarmsOutput *ret_out)
{
  AlarmRecords all = {0}, wanted = {0};
  StringList children = {0};
  CloudwatchPage page;
  TRY(check_describe(in));
  TRY(alarms_all(call, &all));
  if (in->ChildrenOfAlarmName)
    TRY(children_of(call, in->ChildrenOfAlarmName, &children));
  for (gsize i = 0; i < all.n; i++) {
    AlarmFace face = alarm_face(all.v[i]);
    gboolean parent = TRUE;
    if (in->ParentsOfAlarmName)
      TRY(is_parent(call, all.v[i], in->ParentsOfAlarmName, &parent));
    if (parent && is_wanted(in, &face) && (!in->ChildrenOfAlarmName || string_list_has(&children, face.name)))
      LIST_APPEND(call->arena, &wanted, all.v[i]);
  }
  TRY(cloudwatch_page(call->arena, wanted.n, in->NextToken, (gsize) OPT_OR(in->MaxRecords, 50), &page));
  LIST_EMPTY(call->arena, &ret_out->MetricAlarms);
  LIST_EMPTY(call->arena, &ret_out->CompositeAlarms);
  for (gsize i = page.from; i < page.to; i++) {
    if (wanted.v[i]->Metric)
      LIST_APPEND(call->arena, &ret_out->MetricAlarms, wanted.v[i]->Metric);
    else
      LIST_APPEND(call->arena, &ret_out->CompositeAlarms, wanted.v[i]->Composite);
  }
  ret_out->NextToken = page.token;
  return NULL;
}

static gboolean
has_dimensions(const CloudwatchDimensions *one, const CloudwatchDimensions *two)
{
  if (one->n != two->n)
    return FALSE;
  for (gsize i = 0; i < one->n; i++) {
    gboolean found = FALSE;
    for (gsize j = 0; j < two->n && !found; j++)
      found = strcmp(one->v[i]->Name, two->v[j]->Name) == 0 && strcmp(one->v[i]->Value, two->v[j]->Value) == 0;
    if (!found)
      return FALSE;
  }
  return TRUE;
}

static gboolean
is_for_metric(const CloudwatchDescribeAlarmsForMetricInput *in, const CloudwatchMetricAlarm *alarm)
{
  if (!alarm->MetricName || strcmp(alarm->MetricName, in->MetricName) != 0 || strcmp(alarm->Namespace, in->Namespace) != 0)
    return FALSE;
  if (in->Statistic && g_strcmp0(in->Statistic, alarm->Statistic) != 0)
    return FALSE;
  if (in->ExtendedStatistic && g_strcmp0(in->ExtendedStatistic, alarm->ExtendedStatistic) != 0)
    return FALSE;
  if ((in->Period.set && in->Period.v != alarm->Period.v) || (in->Unit && g_strcmp0(in->Unit, alarm->Unit) != 0))
    return FALSE;
  return has_dimensions(&in->Dimensions, &alarm->Dimensions);
}

OPERATION(DescribeAlarmsForMetric, describe_alarms_for_metric, .action = "cloudwatch:DescribeAlarmsForMetric")
static Error *
describe_alarms_for_metric(Call *call, const CloudwatchDescribeAlarmsForMetricInput *in, CloudwatchDescribeAlarmsForMetricOutput *ret_out)
{
  AlarmRecords all = {0};
  TRY(alarms_all(call, &all));
  LIST_EMPTY(call->arena, &ret_out->MetricAlarms);
  for (gsize i = 0; i < all.n; i++)
    if (all.v[i]->Metric && is_for_metric(in, all.v[i]->Metric))
      LIST_APPEND(call->arena, &ret_out->MetricAlarms, all.v[i]->Metric);
  return NULL;
}

/* --- DeleteAlarms, Enable- and DisableAlarmActions --- */

static Error *
delete_authorize(Call *call, const void *in, Authorization *auth)
{
  return names_authorize(call, &((const CloudwatchDeleteAlarmsInput *) in)->AlarmNames, auth);
}

/* A child cannot go before its parents. */
static Error *
check_parents(Call *call, const StringList *going, const char *name)
{
  AlarmRecords all = {0};
  TRY(alarms_all(call, &all));
  for (gsize i = 0; i < all.n; i++) {
    gboolean parent = FALSE;
    TRY(is_parent(call, all.v[i], name, &parent));
    if (parent && !string_list_has(going, all.v[i]->Composite->AlarmName))
      return error_answer("ValidationError", "Cannot delete %s as there are composite alarm(s) depending on it: %s", name, all.v[i]->Composite->AlarmName);
  }
  return NULL;
}

OPERATION(DeleteAlarms, delete_alarms, .txn = TXN_WRITE, .action = "cloudwatch:DeleteAlarms", .authorize = delete_authorize)
static Error *
delete_alarms(Call *call, const CloudwatchDeleteAlarmsInput *in, CloudwatchDeleteAlarmsOutput *ret_out)
{
  for (gsize i = 0; i < in->AlarmNames.n; i++) {
    CloudwatchAlarmRecord *record = NULL;
    TRY(alarm_look(call, in->AlarmNames.v[i], &record));
    if (!record)
      continue;
    TRY(check_parents(call, &in->AlarmNames, in->AlarmNames.v[i]));
    AlarmFace face = alarm_face(record);
    Json *data = json_new_object(call->arena);
    json_set(call->arena, data, "version", json_new_string(call->arena, "1.0"));
    json_set(call->arena, data, "type", json_new_string(call->arena, "Delete"));
    TRY(history_add(call, &face, "ConfigurationUpdate", arena_printf(call->arena, "Alarm \"%s\" deleted", face.name), data, call->now));
    TRY(alarm_erase(call, in->AlarmNames.v[i]));
  }
  return NULL;
}

static Error *
switch_actions(Call *call, const StringList *names, gboolean on)
{
  for (gsize i = 0; i < names->n; i++) {
    CloudwatchAlarmRecord *record = NULL;
    TRY(alarm_look(call, names->v[i], &record));
    if (!record)
      continue;
    if (record->Metric)
      record->Metric->ActionsEnabled = OPT_BOOL(on);
    else
      record->Composite->ActionsEnabled = OPT_BOOL(on);
    TRY(alarm_put(call, record));
  }
  return NULL;
}

static Error *
enable_authorize(Call *call, const void *in, Authorization *auth)
{
  return names_authorize(call, &((const CloudwatchEnableAlarmActionsInput *) in)->AlarmNames, auth);
}

OPERATION(EnableAlarmActions, enable_alarm_actions, .txn = TXN_WRITE, .action = "cloudwatch:EnableAlarmActions", .authorize = enable_authorize)
static Error *
enable_alarm_actions(Call *call, const CloudwatchEnableAlarmActionsInput *in, CloudwatchEnableAlarmActionsOutput *ret_out)
{
  return switch_actions(call, &in->AlarmNames, TRUE);
}

static Error *
disable_authorize(Call *call, const void *in, Authorization *auth)
{
  return names_authorize(call, &((const CloudwatchDisableAlarmActionsInput *) in)->AlarmNames, auth);
}

OPERATION(DisableAlarmActions, disable_alarm_actions, .txn = TXN_WRITE, .action = "cloudwatch:DisableAlarmActions", .authorize = disable_authorize)
static Error *
disable_alarm_actions(Call *call, const CloudwatchDisableAlarmActionsInput *in, CloudwatchDisableAlarmActionsOutput *ret_out)
{
  return switch_actions(call, &in->AlarmNames, FALSE);
}
