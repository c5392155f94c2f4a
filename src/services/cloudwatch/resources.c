/* AWS::CloudWatch::Alarm, AWS::CloudWatch::CompositeAlarm, AWS::CloudWatch::Dashboard. Properties are named as the API's members. */
#include "stack/resource.h"

#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

static CloudwatchTagList
tag_list(const ResourceCall *rc)
{
  CloudwatchTagList tags = {0};
  StringMap all = resource_tags(rc);
  for (gsize i = 0; i < all.n; i++) {
    CloudwatchTag *tag = ARENA_NEW(rc->call->arena, CloudwatchTag);
    *tag = (CloudwatchTag){.Key = all.v[i].key, .Value = all.v[i].value};
    LIST_APPEND(rc->call->arena, &tags, tag);
  }
  return tags;
}

/* Tags that are not wanted any more go, the others are set. */
static Error *
update_tags(ResourceCall *rc, const char *arn)
{
  CloudwatchTagResourceInput set = {.ResourceARN = arn, .Tags = tag_list(rc)};
  CloudwatchUntagResourceInput unset = {.ResourceARN = arn};
  const Json *old = json_get(rc->old_properties, "Tags");
  for (guint i = 0; old && old->type == JSON_ARRAY && i < old->n; i++) {
    const char *key = json_string(json_get(old->items[i], "Key"));
    gboolean kept = FALSE;
    for (gsize j = 0; key && j < set.Tags.n && !kept; j++)
      kept = strcmp(set.Tags.v[j]->Key, key) == 0;
    if (key && !kept)
      LIST_APPEND(rc->call->arena, &unset.TagKeys, key);
  }
  if (unset.TagKeys.n)
    TRY(resource_operation(rc, &CloudwatchOperationUntagResource, &unset, &(CloudwatchUntagResourceOutput){0}));
  if (set.Tags.n)
    TRY(resource_operation(rc, &CloudwatchOperationTagResource, &set, &(CloudwatchTagResourceOutput){0}));
  return NULL;
}

static char *
alarm_arn_of(const ResourceCall *rc, const char *name)
{
  return call_arn(rc->call, "cloudwatch", "alarm:%s", name);
}

static Error *
put_alarm(ResourceCall *rc, const char *name)
{
  CloudwatchPutMetricAlarmInput in = {0};
  TRY(property_input(rc, &CloudwatchPutMetricAlarmInput_shape, &in));
  in.AlarmName = name;
  in.Tags = tag_list(rc);
  return resource_operation(rc, &CloudwatchOperationPutMetricAlarm, &in, &(CloudwatchPutMetricAlarmOutput){0});
}

static Error *
put_composite(ResourceCall *rc, const char *name)
{
  CloudwatchPutCompositeAlarmInput in = {0};
  TRY(property_input(rc, &CloudwatchPutCompositeAlarmInput_shape, &in));
  in.AlarmName = name;
  in.Tags = tag_list(rc);
  return resource_operation(rc, &CloudwatchOperationPutCompositeAlarm, &in, &(CloudwatchPutCompositeAlarmOutput){0});
}

typedef Error *(*PutFunction)(ResourceCall *rc, const char *name);

static Error *
create_with(ResourceCall *rc, PutFunction put, ResourceResult *ret)
{
  const char *name = property_text(rc, "AlarmName");
  if (!name)
    name = resource_name(rc, 255, FALSE);
  TRY(put(rc, name));
  ret->physical_id = name;
  resource_attribute(rc, ret, "Arn", alarm_arn_of(rc, name));
  return NULL;
}

static Error *
update_with(ResourceCall *rc, PutFunction put)
{
  TRY(put(rc, rc->physical_id));
  return update_tags(rc, alarm_arn_of(rc, rc->physical_id));
}

static Error *
delete_alarm(ResourceCall *rc)
{
  CloudwatchDeleteAlarmsInput in = {0};
  LIST_APPEND(rc->call->arena, &in.AlarmNames, rc->physical_id);
  return resource_operation(rc, &CloudwatchOperationDeleteAlarms, &in, &(CloudwatchDeleteAlarmsOutput){0});
}

static Error *
create_alarm(ResourceCall *rc, ResourceResult *ret)
{
  return create_with(rc, put_alarm, ret);
}

static Error *
update_alarm(ResourceCall *rc, ResourceResult *ret)
{
  return update_with(rc, put_alarm);
}

RESOURCE(AWS::CloudWatch::Alarm, cloudwatch_alarm, .create = create_alarm, .update = update_alarm, .delete = delete_alarm)

static Error *
create_composite(ResourceCall *rc, ResourceResult *ret)
{
  return create_with(rc, put_composite, ret);
}

static Error *
update_composite(ResourceCall *rc, ResourceResult *ret)
{
  return update_with(rc, put_composite);
}

RESOURCE(AWS::CloudWatch::CompositeAlarm, cloudwatch_composite_alarm, .create = create_composite, .update = update_composite, .delete = delete_alarm)

/* --- dashboards --- */

static Error *
put_dashboard(ResourceCall *rc, const char *name)
{
  CloudwatchPutDashboardInput in = {.DashboardName = name, .DashboardBody = property_document(rc, "DashboardBody")};
  return resource_operation(rc, &CloudwatchOperationPutDashboard, &in, &(CloudwatchPutDashboardOutput){0});
}

static Error *
create_dashboard(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "DashboardName");
  ret->physical_id = name ? name : resource_name(rc, 255, FALSE);
  return put_dashboard(rc, ret->physical_id);
}

static Error *
update_dashboard(ResourceCall *rc, ResourceResult *ret)
{
  return put_dashboard(rc, rc->physical_id);
}

static Error *
delete_dashboard(ResourceCall *rc)
{
  CloudwatchDeleteDashboardsInput in = {0};
  LIST_APPEND(rc->call->arena, &in.DashboardNames, rc->physical_id);
  return error_forgive(resource_operation(rc, &CloudwatchOperationDeleteDashboards, &in, &(CloudwatchDeleteDashboardsOutput){0}), "ResourceNotFound");
}

RESOURCE(AWS::CloudWatch::Dashboard, cloudwatch_dashboard, .create = create_dashboard, .update = update_dashboard, .delete = delete_dashboard)
