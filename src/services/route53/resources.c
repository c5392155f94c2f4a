#include "services/route53/route53.h"
#include "stack/resource.h"

#include <string.h>

static Json *
list_of(const ResourceCall *rc, const StringList *texts)
{
  Json *list = json_new_array(rc->call->arena);
  for (gsize i = 0; i < texts->n; i++)
    json_append(rc->call->arena, list, json_new_string(rc->call->arena, texts->v[i]));
  return list;
}

/* --- tags: those of new that are not as in old are added, those of old that are not in new are removed --- */

static Error *
put_tags(ResourceCall *rc, const char *type, const char *id, const char *property)
{
  Arena *arena = rc->call->arena;
  const Json *tags = json_get(rc->properties, property), *old = json_get(rc->old_properties, property);
  Route53ChangeTagsForResourceInput in = {.ResourceType = type, .ResourceId = id};
  Route53ChangeTagsForResourceOutput out = {0};
  for (guint i = 0; tags && i < tags->n; i++) {
    Route53Tag *tag = ARENA_NEW(arena, Route53Tag);
    *tag = (Route53Tag) {json_string(json_get(tags->items[i], "Key")), json_string(json_get(tags->items[i], "Value"))};
    LIST_APPEND(arena, &in.AddTags, tag);
  }
  for (guint i = 0; old && i < old->n; i++) {
    const char *key = json_string(json_get(old->items[i], "Key"));
    gboolean kept = FALSE;
    for (gsize j = 0; j < in.AddTags.n; j++)
      kept = kept || !g_strcmp0(in.AddTags.v[j]->Key, key);
    if (!kept)
      LIST_APPEND(arena, &in.RemoveTagKeys, key);
  }
  return in.AddTags.n || in.RemoveTagKeys.n ? resource_operation(rc, &Route53OperationChangeTagsForResource, &in, &out) : NULL;
}

/* --- AWS::Route53::HostedZone --- */

static Route53VPC *
vpc_of(const ResourceCall *rc, const Json *json)
{
  Route53VPC *vpc = ARENA_NEW(rc->call->arena, Route53VPC);
  *vpc = (Route53VPC) {.VPCId = json_string(json_get(json, "VPCId")), .VPCRegion = json_string(json_get(json, "VPCRegion"))};
  return vpc;
}

static gboolean
has_vpc(const Json *vpcs, const Json *vpc)
{
  for (guint i = 0; vpcs && i < vpcs->n; i++)
    if (json_equal(vpcs->items[i], vpc))
      return TRUE;
  return FALSE;
}

/* Associates what is new, then disassociates what is gone: a private zone always has a VPC. */
static Error *
put_vpcs(ResourceCall *rc, const char *id, const Json *before, const Json *after)
{
  for (guint i = 0; after && i < after->n; i++) {
    Route53AssociateVPCWithHostedZoneInput in = {.HostedZoneId = id, .VPC = vpc_of(rc, after->items[i])};
    Route53AssociateVPCWithHostedZoneOutput out = {0};
    if (!has_vpc(before, after->items[i]))
      TRY(resource_operation(rc, &Route53OperationAssociateVPCWithHostedZone, &in, &out));
  }
  for (guint i = 0; before && i < before->n; i++) {
    Route53DisassociateVPCFromHostedZoneInput in = {.HostedZoneId = id, .VPC = vpc_of(rc, before->items[i])};
    Route53DisassociateVPCFromHostedZoneOutput out = {0};
    if (!has_vpc(after, before->items[i]))
      TRY(resource_operation(rc, &Route53OperationDisassociateVPCFromHostedZone, &in, &out));
  }
  return NULL;
}

static Error *
create_zone(ResourceCall *rc, ResourceResult *ret)
{
  Arena *arena = rc->call->arena;
  const Json *vpcs = json_get(rc->properties, "VPCs");
  const char *comment = json_string(json_path(rc->properties, "HostedZoneConfig.Comment"));
  Route53CreateHostedZoneInput in = {.Name = property_text(rc, "Name"), .CallerReference = rc->token};
  Route53CreateHostedZoneOutput out = {0};
  if (!in.Name)
    return error_answer("ValidationError", "%s needs a Name", rc->logical_id);
  if (comment) {
    in.HostedZoneConfig = ARENA_NEW(arena, Route53HostedZoneConfig);
    in.HostedZoneConfig->Comment = comment;
  }
  if (vpcs && vpcs->n)
    in.VPC = vpc_of(rc, vpcs->items[0]);
  TRY(resource_operation(rc, &Route53OperationCreateHostedZone, &in, &out));
  const char *id = plain_id(out.HostedZone->Id);
  ret->physical_id = id;
  resource_made(rc, id);
  resource_attribute(rc, ret, "Id", id);
  if (out.DelegationSet)
    json_set(arena, ret->attributes, "NameServers", list_of(rc, &out.DelegationSet->NameServers));
  Json first = {.type = JSON_ARRAY, .n = vpcs && vpcs->n ? 1 : 0, .items = vpcs ? vpcs->items : NULL};
  TRY(put_vpcs(rc, id, &first, vpcs));
  return put_tags(rc, "hostedzone", id, "HostedZoneTags");
}

static Error *
update_zone(ResourceCall *rc, ResourceResult *ret)
{
  const Json *before = json_get(rc->old_properties, "VPCs"), *after = json_get(rc->properties, "VPCs");
  Route53UpdateHostedZoneCommentInput in = {.Id = rc->physical_id, .Comment = json_string(json_path(rc->properties, "HostedZoneConfig.Comment"))};
  Route53UpdateHostedZoneCommentOutput out = {0};
  if (!(before && before->n) != !(after && after->n))
    return error_answer(RESOURCE_REPLACE, "a public zone does not become a private one");
  TRY(put_vpcs(rc, rc->physical_id, before, after));
  TRY(put_tags(rc, "hostedzone", rc->physical_id, "HostedZoneTags"));
  return resource_operation(rc, &Route53OperationUpdateHostedZoneComment, &in, &out);
}

static Error *
delete_zone(ResourceCall *rc)
{
  Route53DeleteHostedZoneInput in = {.Id = rc->physical_id};
  Route53DeleteHostedZoneOutput out = {0};
  g_autoptr(Error) error = resource_operation(rc, &Route53OperationDeleteHostedZone, &in, &out);
  return error_is(error, "NoSuchHostedZone") ? NULL : g_steal_pointer(&error);
}

RESOURCE(AWS::Route53::HostedZone, route53_hosted_zone, .create = create_zone, .update = update_zone, .delete = delete_zone,
         .no_effect = "QueryLoggingConfig")

/* --- record sets --- */

static Error *
find_zone(ResourceCall *rc, const Json *properties, const char **ret_id)
{
  const char *id = json_string(json_get(properties, "HostedZoneId")), *name = json_string(json_get(properties, "HostedZoneName"));
  *ret_id = id;
  if (id)
    return NULL;
  if (!name)
    return error_answer("ValidationError", "%s needs a HostedZoneId or a HostedZoneName", rc->logical_id);
  Route53ListHostedZonesByNameInput in = {.DNSName = name, .MaxItems = "2"};
  Route53ListHostedZonesByNameOutput out = {0};
  const char *wanted = domain_name(rc->call->arena, name);
  TRY(resource_operation(rc, &Route53OperationListHostedZonesByName, &in, &out));
  if (!out.HostedZones.n || g_strcmp0(out.HostedZones.v[0]->Name, wanted))
    return error_answer("InvalidRequest", "No hosted zones named %s found", wanted ? wanted : name);
  if (out.HostedZones.n > 1 && !g_strcmp0(out.HostedZones.v[1]->Name, wanted))
    return error_answer("InvalidRequest", "Found multiple hosted zones with name %s", wanted);
  *ret_id = plain_id(out.HostedZones.v[0]->Id);
  return NULL;
}

/* A record set of a template: values are plain texts there, and an alias need not say whether it looks at its target's health. */
static Error *
read_set(ResourceCall *rc, const Json *properties, Route53ResourceRecordSet **ret_set)
{
  Arena *arena = rc->call->arena;
  Json *json = json_copy(arena, properties), *alias = json_get(json, "AliasTarget");
  const Json *values = json_get(properties, "ResourceRecords");
  Json *records = json_new_array(arena);
  for (guint i = 0; values && i < values->n; i++) {
    Json *record = json_new_object(arena);
    json_set(arena, record, "Value", values->items[i]);
    json_append(arena, records, record);
  }
  if (values)
    json_set(arena, json, "ResourceRecords", records);
  if (alias && !json_get(alias, "EvaluateTargetHealth"))
    json_set(arena, alias, "EvaluateTargetHealth", json_new_bool(arena, FALSE));
  *ret_set = ARENA_NEW(arena, Route53ResourceRecordSet);
  return shape_from_json(arena, &Route53ResourceRecordSet_shape, json, TRUE, *ret_set);
}

static Error *
add_change(ResourceCall *rc, Route53ChangeBatch *batch, const char *action, const Json *properties)
{
  Route53Change *change = ARENA_NEW(rc->call->arena, Route53Change);
  change->Action = action;
  TRY(read_set(rc, properties, &change->ResourceRecordSet));
  LIST_APPEND(rc->call->arena, &batch->Changes, change);
  return NULL;
}

static Error *
run_batch(ResourceCall *rc, const char *zone_id, Route53ChangeBatch *batch)
{
  Route53ChangeResourceRecordSetsInput in = {.HostedZoneId = zone_id, .ChangeBatch = batch};
  Route53ChangeResourceRecordSetsOutput out = {0};
  if (!batch->Changes.n)
    return NULL;
  batch->Comment = property_text(rc, "Comment");
  return resource_operation(rc, &Route53OperationChangeResourceRecordSets, &in, &out);
}

static gboolean
same_member(const Json *a, const Json *b, const char *name)
{
  const Json *x = json_get(a, name), *y = json_get(b, name);
  return x == y || (x && y && json_equal(x, y));
}

/* Whether two record sets of a template are one record set of the zone. */
static gboolean
same_key(const Json *a, const Json *b)
{
  return same_member(a, b, "Name") && same_member(a, b, "Type") && same_member(a, b, "SetIdentifier");
}

static gboolean
is_gone(const Error *error)
{
  return error_is(error, "NoSuchHostedZone") || (error_is(error, "InvalidChangeBatch") && strstr(error->message, "but it was not found"));
}

static Error *
create_record_set(ResourceCall *rc, ResourceResult *ret)
{
  Route53ChangeBatch batch = {0};
  const char *zone = NULL, *name = property_text(rc, "Name");
  TRY(find_zone(rc, rc->properties, &zone));
  TRY(add_change(rc, &batch, "CREATE", rc->properties));
  TRY(run_batch(rc, zone, &batch));
  ret->physical_id = name;
  return NULL;
}

static Error *
update_record_set(ResourceCall *rc, ResourceResult *ret)
{
  Route53ChangeBatch batch = {0};
  const char *zone = NULL;
  gboolean same = same_key(rc->old_properties, rc->properties);
  TRY(find_zone(rc, rc->properties, &zone));
  if (!same)
    TRY(add_change(rc, &batch, "DELETE", rc->old_properties));
  TRY(add_change(rc, &batch, same ? "UPSERT" : "CREATE", rc->properties));
  return run_batch(rc, zone, &batch);
}

static Error *
delete_record_set(ResourceCall *rc)
{
  Route53ChangeBatch batch = {0};
  const char *zone = NULL;
  TRY(find_zone(rc, rc->properties, &zone));
  TRY(add_change(rc, &batch, "DELETE", rc->properties));
  g_autoptr(Error) error = run_batch(rc, zone, &batch);
  return is_gone(error) ? NULL : g_steal_pointer(&error);
}

RESOURCE(AWS::Route53::RecordSet, route53_record_set, .create = create_record_set, .update = update_record_set, .delete = delete_record_set)

/* --- AWS::Route53::RecordSetGroup --- */

static Error *
add_changes(ResourceCall *rc, Route53ChangeBatch *batch, const char *action, const Json *sets, const Json *except)
{
  for (guint i = 0; sets && i < sets->n; i++) {
    gboolean kept = FALSE;
    for (guint j = 0; except && j < except->n; j++)
      kept = kept || same_key(sets->items[i], except->items[j]);
    if (!kept)
      TRY(add_change(rc, batch, action, sets->items[i]));
  }
  return NULL;
}

static Error *
create_group(ResourceCall *rc, ResourceResult *ret)
{
  Route53ChangeBatch batch = {0};
  const char *zone = NULL;
  TRY(find_zone(rc, rc->properties, &zone));
  TRY(add_changes(rc, &batch, "CREATE", json_get(rc->properties, "RecordSets"), NULL));
  TRY(run_batch(rc, zone, &batch));
  ret->physical_id = resource_name(rc, 128, FALSE);
  return NULL;
}

static Error *
update_group(ResourceCall *rc, ResourceResult *ret)
{
  Route53ChangeBatch batch = {0};
  const char *zone = NULL;
  const Json *before = json_get(rc->old_properties, "RecordSets"), *after = json_get(rc->properties, "RecordSets");
  TRY(find_zone(rc, rc->properties, &zone));
  TRY(add_changes(rc, &batch, "DELETE", before, after));
  TRY(add_changes(rc, &batch, "UPSERT", after, NULL));
  return run_batch(rc, zone, &batch);
}

static Error *
delete_group(ResourceCall *rc)
{
  const Json *sets = json_get(rc->properties, "RecordSets");
  const char *zone = NULL;
  TRY(find_zone(rc, rc->properties, &zone));
  for (guint i = 0; sets && i < sets->n; i++) {
    Route53ChangeBatch batch = {0};
    TRY(add_change(rc, &batch, "DELETE", sets->items[i]));
    g_autoptr(Error) error = run_batch(rc, zone, &batch);
    if (error && !is_gone(error))
      return g_steal_pointer(&error);
  }
  return NULL;
}

RESOURCE(AWS::Route53::RecordSetGroup, route53_record_set_group, .create = create_group, .update = update_group, .delete = delete_group)

/* --- AWS::Route53::HealthCheck --- */

static Error *
create_check(ResourceCall *rc, ResourceResult *ret)
{
  Arena *arena = rc->call->arena;
  const Json *config = json_get(rc->properties, "HealthCheckConfig");
  Route53CreateHealthCheckInput in = {.CallerReference = arena_strndup(arena, rc->token, MIN(strlen(rc->token), 64)),
                                      .HealthCheckConfig = ARENA_NEW(arena, Route53HealthCheckConfig)};
  Route53CreateHealthCheckOutput out = {0};
  if (!config)
    return error_answer("ValidationError", "%s needs a HealthCheckConfig", rc->logical_id);
  TRY(shape_from_json(arena, &Route53HealthCheckConfig_shape, config, TRUE, in.HealthCheckConfig));
  TRY(resource_operation(rc, &Route53OperationCreateHealthCheck, &in, &out));
  ret->physical_id = out.HealthCheck->Id;
  resource_made(rc, ret->physical_id);
  resource_attribute(rc, ret, "HealthCheckId", ret->physical_id);
  return put_tags(rc, "healthcheck", ret->physical_id, "HealthCheckTags");
}

static Error *
update_check(ResourceCall *rc, ResourceResult *ret)
{
  static const char *const resettable[] = {"FullyQualifiedDomainName", "ResourcePath", "Regions", "ChildHealthChecks"};
  const Json *before = json_get(rc->old_properties, "HealthCheckConfig"), *after = json_get(rc->properties, "HealthCheckConfig");
  Route53UpdateHealthCheckInput in = {0};
  Route53UpdateHealthCheckOutput out = {0};
  TRY(shape_from_json(rc->call->arena, &Route53UpdateHealthCheckInput_shape, after, TRUE, &in));
  in.HealthCheckId = rc->physical_id;
  in.HealthCheckVersion.set = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(resettable); i++)
    if (json_get(before, resettable[i]) && !json_get(after, resettable[i]))
      LIST_APPEND(rc->call->arena, &in.ResetElements, resettable[i]);
  TRY(resource_operation(rc, &Route53OperationUpdateHealthCheck, &in, &out));
  return put_tags(rc, "healthcheck", rc->physical_id, "HealthCheckTags");
}

static Error *
delete_check(ResourceCall *rc)
{
  Route53DeleteHealthCheckInput in = {.HealthCheckId = rc->physical_id};
  Route53DeleteHealthCheckOutput out = {0};
  g_autoptr(Error) error = resource_operation(rc, &Route53OperationDeleteHealthCheck, &in, &out);
  return error_is(error, "NoSuchHealthCheck") ? NULL : g_steal_pointer(&error);
}

RESOURCE(AWS::Route53::HealthCheck, route53_health_check, .create = create_check, .update = update_check, .delete = delete_check)
