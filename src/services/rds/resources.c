#include "services/rds/rds.h"
#include "stack/resource.h"

#include <string.h>

static RdsTagList
tags_of(const ResourceCall *rc)
{
  RdsTagList list = {0};
  StringMap tags = resource_tags(rc);
  for (gsize i = 0; i < tags.n; i++) {
    RdsTag *tag = ARENA_NEW(rc->call->arena, RdsTag);
    *tag = (RdsTag) {tags.v[i].key, tags.v[i].value};
    LIST_APPEND(rc->call->arena, &list, tag);
  }
  return list;
}

static Error *
update_tags(ResourceCall *rc, const char *arn)
{
  RdsAddTagsToResourceInput in = {.ResourceName = arn, .Tags = tags_of(rc)};
  RdsAddTagsToResourceOutput out = {0};
  RdsRemoveTagsFromResourceInput gone = {.ResourceName = arn};
  RdsRemoveTagsFromResourceOutput removed = {0};
  StringList keys = resource_gone_tags(rc);
  for (gsize i = 0; i < keys.n; i++)
    LIST_APPEND(rc->call->arena, &gone.TagKeys, keys.v[i]);
  if (keys.n)
    TRY(resource_operation(rc, &RdsOperationRemoveTagsFromResource, &gone, &removed));
  return in.Tags.n ? resource_operation(rc, &RdsOperationAddTagsToResource, &in, &out) : NULL;
}

/* The name that the template gives, or a generated one; RDS keeps names in lower case. */
static const char *
name_of(const ResourceCall *rc, const char *property, gsize max)
{
  const char *name = property_text(rc, property);
  g_autofree char *lower = name ? g_ascii_strdown(name, -1) : NULL;
  return lower ? arena_strdup(rc->call->arena, lower) : resource_name(rc, max, TRUE);
}

/* -- AWS::RDS::DBSubnetGroup ----------------------------------------------------------------------------------------------- */

static Error *
create_subnet_group(ResourceCall *rc, ResourceResult *ret)
{
  RdsCreateDBSubnetGroupInput in = {0};
  RdsCreateDBSubnetGroupOutput out = {0};
  TRY(property_input(rc, &RdsCreateDBSubnetGroupInput_shape, &in));
  in.DBSubnetGroupName = name_of(rc, "DBSubnetGroupName", 255);
  in.Tags = tags_of(rc);
  TRY(resource_operation(rc, &RdsOperationCreateDBSubnetGroup, &in, &out));
  ret->physical_id = out.DBSubnetGroup->DBSubnetGroupName;
  return NULL;
}

static Error *
update_subnet_group(ResourceCall *rc, ResourceResult *ret)
{
  RdsModifyDBSubnetGroupInput in = {0};
  RdsModifyDBSubnetGroupOutput out = {0};
  TRY(property_input(rc, &RdsModifyDBSubnetGroupInput_shape, &in));
  in.DBSubnetGroupName = rc->physical_id;
  TRY(resource_operation(rc, &RdsOperationModifyDBSubnetGroup, &in, &out));
  return update_tags(rc, out.DBSubnetGroup->DBSubnetGroupArn);
}

static Error *
delete_subnet_group(ResourceCall *rc)
{
  RdsDeleteDBSubnetGroupInput in = {.DBSubnetGroupName = rc->physical_id};
  RdsDeleteDBSubnetGroupOutput out = {0};
  return resource_operation(rc, &RdsOperationDeleteDBSubnetGroup, &in, &out);
}

RESOURCE(AWS::RDS::DBSubnetGroup, rds_db_subnet_group, .create = create_subnet_group, .update = update_subnet_group, .delete = delete_subnet_group)

/* -- AWS::RDS::DBClusterParameterGroup, AWS::RDS::DBParameterGroup ---------------------------------------------------------- */

/* Parameters: an object of name and value. */
static RdsParametersList
parameters_of(const ResourceCall *rc)
{
  RdsParametersList list = {0};
  const Json *object = json_get(rc->properties, "Parameters");
  for (guint i = 0; object && object->type == JSON_OBJECT && i < object->n; i++) {
    const Json *value = object->members[i].value;
    RdsParameter *parameter = ARENA_NEW(rc->call->arena, RdsParameter);
    *parameter = (RdsParameter) {.ParameterName = object->members[i].key,
                                 .ApplyMethod = parameter_is_live(object->members[i].key) ? "immediate" : "pending-reboot",
                                 .ParameterValue = value->type == JSON_TRUE ? "1" : value->type == JSON_FALSE ? "0"
                                                   : arena_strndup(rc->call->arena, value->text, value->n)};
    LIST_APPEND(rc->call->arena, &list, parameter);
  }
  return list;
}

/* Those that were there before an update and are not any more. */
static RdsParametersList
gone_parameters(const ResourceCall *rc)
{
  RdsParametersList list = {0};
  const Json *before = json_get(rc->old_properties, "Parameters"), *after = json_get(rc->properties, "Parameters");
  for (guint i = 0; before && before->type == JSON_OBJECT && i < before->n; i++) {
    if (json_get(after, before->members[i].key))
      continue;
    RdsParameter *parameter = ARENA_NEW(rc->call->arena, RdsParameter);
    *parameter = (RdsParameter) {.ParameterName = before->members[i].key, .ApplyMethod = "pending-reboot"};
    LIST_APPEND(rc->call->arena, &list, parameter);
  }
  return list;
}

static Error *
put_cluster_parameters(ResourceCall *rc, const char *name)
{
  RdsModifyDBClusterParameterGroupInput in = {.DBClusterParameterGroupName = name, .Parameters = parameters_of(rc)};
  RdsModifyDBClusterParameterGroupOutput out = {0};
  RdsResetDBClusterParameterGroupInput gone = {.DBClusterParameterGroupName = name, .Parameters = gone_parameters(rc)};
  RdsResetDBClusterParameterGroupOutput reset = {0};
  if (gone.Parameters.n)
    TRY(resource_operation(rc, &RdsOperationResetDBClusterParameterGroup, &gone, &reset));
  return in.Parameters.n ? resource_operation(rc, &RdsOperationModifyDBClusterParameterGroup, &in, &out) : NULL;
}

static Error *
create_cluster_parameter_group(ResourceCall *rc, ResourceResult *ret)
{
  RdsCreateDBClusterParameterGroupInput in = {.DBClusterParameterGroupName = name_of(rc, "DBClusterParameterGroupName", 255),
                                              .DBParameterGroupFamily = property_text(rc, "Family"), .Description = property_text(rc, "Description"),
                                              .Tags = tags_of(rc)};
  RdsCreateDBClusterParameterGroupOutput out = {0};
  TRY(resource_operation(rc, &RdsOperationCreateDBClusterParameterGroup, &in, &out));
  ret->physical_id = in.DBClusterParameterGroupName;
  return put_cluster_parameters(rc, ret->physical_id);
}

static Error *
update_cluster_parameter_group(ResourceCall *rc, ResourceResult *ret)
{
  TRY(put_cluster_parameters(rc, rc->physical_id));
  return update_tags(rc, call_arn(rc->call, "rds", "cluster-pg:%s", rc->physical_id));
}

static Error *
delete_cluster_parameter_group(ResourceCall *rc)
{
  RdsDeleteDBClusterParameterGroupInput in = {.DBClusterParameterGroupName = rc->physical_id};
  RdsDeleteDBClusterParameterGroupOutput out = {0};
  return resource_operation(rc, &RdsOperationDeleteDBClusterParameterGroup, &in, &out);
}

RESOURCE(AWS::RDS::DBClusterParameterGroup, rds_db_cluster_parameter_group, .create = create_cluster_parameter_group,
         .update = update_cluster_parameter_group, .delete = delete_cluster_parameter_group)

static Error *
put_parameters(ResourceCall *rc, const char *name)
{
  RdsModifyDBParameterGroupInput in = {.DBParameterGroupName = name, .Parameters = parameters_of(rc)};
  RdsModifyDBParameterGroupOutput out = {0};
  RdsResetDBParameterGroupInput gone = {.DBParameterGroupName = name, .Parameters = gone_parameters(rc)};
  RdsResetDBParameterGroupOutput reset = {0};
  if (gone.Parameters.n)
    TRY(resource_operation(rc, &RdsOperationResetDBParameterGroup, &gone, &reset));
  return in.Parameters.n ? resource_operation(rc, &RdsOperationModifyDBParameterGroup, &in, &out) : NULL;
}

static Error *
create_parameter_group(ResourceCall *rc, ResourceResult *ret)
{
  RdsCreateDBParameterGroupInput in = {.DBParameterGroupName = name_of(rc, "DBParameterGroupName", 255),
                                       .DBParameterGroupFamily = property_text(rc, "Family"), .Description = property_text(rc, "Description"),
                                       .Tags = tags_of(rc)};
  RdsCreateDBParameterGroupOutput out = {0};
  TRY(resource_operation(rc, &RdsOperationCreateDBParameterGroup, &in, &out));
  ret->physical_id = in.DBParameterGroupName;
  resource_attribute(rc, ret, "DBParameterGroupName", ret->physical_id);
  return put_parameters(rc, ret->physical_id);
}

static Error *
update_parameter_group(ResourceCall *rc, ResourceResult *ret)
{
  TRY(put_parameters(rc, rc->physical_id));
  return update_tags(rc, call_arn(rc->call, "rds", "pg:%s", rc->physical_id));
}

static Error *
delete_parameter_group(ResourceCall *rc)
{
  RdsDeleteDBParameterGroupInput in = {.DBParameterGroupName = rc->physical_id};
  RdsDeleteDBParameterGroupOutput out = {0};
  return resource_operation(rc, &RdsOperationDeleteDBParameterGroup, &in, &out);
}

RESOURCE(AWS::RDS::DBParameterGroup, rds_db_parameter_group, .create = create_parameter_group, .update = update_parameter_group,
         .delete = delete_parameter_group)

/* -- AWS::RDS::DBCluster ----------------------------------------------------------------------------------------------------- */

static void
cluster_attributes(ResourceCall *rc, ResourceResult *ret, const RdsDBCluster *cluster)
{
  Arena *arena = rc->call->arena;
  resource_attribute(rc, ret, "Endpoint.Address", cluster->Endpoint);
  resource_attribute(rc, ret, "Endpoint.Port", arena_printf(arena, "%" G_GINT64_FORMAT, OPT_OR(cluster->Port, 3306)));
  resource_attribute(rc, ret, "Endpoint", cluster->Endpoint);
  resource_attribute(rc, ret, "ReadEndpoint.Address", cluster->ReaderEndpoint);
  resource_attribute(rc, ret, "ReadEndpoint", cluster->ReaderEndpoint);
  resource_attribute(rc, ret, "DBClusterArn", cluster->DBClusterArn);
  resource_attribute(rc, ret, "DBClusterResourceId", cluster->DbClusterResourceId);
}

static Error *
refuse(const ResourceCall *rc, const char *property)
{
  if (!json_get(rc->properties, property))
    return NULL;
  return error_answer("ValidationError", "haar does not have the property %s of AWS::RDS::DBCluster yet (%s)", property, rc->logical_id);
}

static Error *
create_cluster(ResourceCall *rc, ResourceResult *ret)
{
  static const char *const missing[] = {"SnapshotIdentifier", "SourceDBClusterIdentifier", "ReplicationSourceIdentifier", "ManageMasterUserPassword",
                                        "GlobalClusterIdentifier", "RestoreToTime"};
  RdsCreateDBClusterInput in = {0};
  RdsCreateDBClusterOutput out = {0};
  for (guint i = 0; i < G_N_ELEMENTS(missing); i++)
    TRY(refuse(rc, missing[i]));
  TRY(property_input(rc, &RdsCreateDBClusterInput_shape, &in));
  in.DBClusterIdentifier = name_of(rc, "DBClusterIdentifier", 63);
  in.Tags = tags_of(rc);
  TRY(resource_operation(rc, &RdsOperationCreateDBCluster, &in, &out));
  ret->physical_id = out.DBCluster->DBClusterIdentifier;
  cluster_attributes(rc, ret, out.DBCluster);
  return NULL;
}

/* What the template does not give any more goes back to what a new cluster has. */
static void
cluster_defaults(const ResourceCall *rc, RdsModifyDBClusterInput *in)
{
  if (property_gone(rc, "BackupRetentionPeriod"))
    in->BackupRetentionPeriod = OPT_INT(1);
  if (property_gone(rc, "DeletionProtection"))
    in->DeletionProtection = OPT_BOOL(FALSE);
  if (property_gone(rc, "CopyTagsToSnapshot"))
    in->CopyTagsToSnapshot = OPT_BOOL(FALSE);
  if (property_gone(rc, "DBClusterParameterGroupName"))
    in->DBClusterParameterGroupName = "default.aurora-mysql8.0";
}

/* Which log types an update switches on and off. */
static void
change_exports(const ResourceCall *rc, const StringList *wanted, RdsModifyDBClusterInput *in)
{
  RdsCloudwatchLogsExportConfiguration *change = ARENA_NEW(rc->call->arena, RdsCloudwatchLogsExportConfiguration);
  const Json *before = json_get(rc->old_properties, "EnableCloudwatchLogsExports");
  if (!property_changed(rc, "EnableCloudwatchLogsExports"))
    return;
  change->EnableLogTypes = *wanted;
  for (guint i = 0; before && before->type == JSON_ARRAY && i < before->n; i++) {
    const char *name = arena_strndup(rc->call->arena, before->items[i]->text, before->items[i]->n);
    if (!string_list_has(wanted, name))
      LIST_APPEND(rc->call->arena, &change->DisableLogTypes, name);
  }
  in->CloudwatchLogsExportConfiguration = change;
}

static Error *
update_cluster(ResourceCall *rc, ResourceResult *ret)
{
  RdsModifyDBClusterInput in = {0};
  RdsModifyDBClusterOutput out = {0};
  RdsCreateDBClusterInput wanted = {0};
  TRY(property_input(rc, &RdsCreateDBClusterInput_shape, &wanted));
  TRY(property_input(rc, &RdsModifyDBClusterInput_shape, &in));
  in.DBClusterIdentifier = rc->physical_id;
  if (property_changed(rc, "Port"))
    return error_answer("InvalidParameterCombination", "haar does not change a cluster's port yet");
  in.Port = (OptInt) {0};
  cluster_defaults(rc, &in);
  change_exports(rc, &wanted.EnableCloudwatchLogsExports, &in);
  in.ApplyImmediately = OPT_BOOL(TRUE);
  if (!property_changed(rc, "MasterUserPassword"))
    in.MasterUserPassword = NULL;
  TRY(resource_operation(rc, &RdsOperationModifyDBCluster, &in, &out));
  cluster_attributes(rc, ret, out.DBCluster);
  return update_tags(rc, out.DBCluster->DBClusterArn);
}

static Error *
delete_cluster(ResourceCall *rc)
{
  RdsDeleteDBClusterInput in = {.DBClusterIdentifier = rc->physical_id, .SkipFinalSnapshot = OPT_BOOL(TRUE)};
  RdsDeleteDBClusterOutput out = {0};
  return resource_operation(rc, &RdsOperationDeleteDBCluster, &in, &out);
}

static Error *
snapshot_cluster(ResourceCall *rc)
{
  Arena *arena = rc->call->arena;
  RdsCreateDBClusterSnapshotInput in = {.DBClusterIdentifier = rc->physical_id,
                                        .DBClusterSnapshotIdentifier = arena_printf(arena, "%.40s-snapshot-%s", rc->physical_id, id_lower(arena, 12))};
  RdsCreateDBClusterSnapshotOutput out = {0};
  return resource_operation(rc, &RdsOperationCreateDBClusterSnapshot, &in, &out);
}

RESOURCE(AWS::RDS::DBCluster, rds_db_cluster, .create = create_cluster, .update = update_cluster, .delete = delete_cluster, .snapshot = snapshot_cluster,
         .no_effect = "BacktrackWindow PerformanceInsightsEnabled ServerlessV2ScalingConfiguration "
                      "AutoMinorVersionUpgrade")

/* -- AWS::RDS::DBInstance ---------------------------------------------------------------------------------------------------- */

static Error *
describe_instance(ResourceCall *rc, const char *id, RdsDBInstance **ret_instance)
{
  RdsDescribeDBInstancesInput in = {.DBInstanceIdentifier = id};
  RdsDescribeDBInstancesOutput out = {0};
  TRY(resource_operation(rc, &RdsOperationDescribeDBInstances, &in, &out));
  *ret_instance = out.DBInstances.v[0];
  return NULL;
}

/* Why an instance does not run (its StatusInfos). */
static const char *
reason_of(const RdsDBInstance *instance)
{
  return instance->StatusInfos.n && instance->StatusInfos.v[0]->Message ? instance->StatusInfos.v[0]->Message : "`haar serve` logged why";
}

/* Waits until the engine runs, or says why it does not. */
static Error *
await_instance(ResourceCall *rc, const char *id, RdsDBInstance **ret_instance)
{
  static const char *const failed[] = {"failed", "insufficient-capacity", "incompatible-network", NULL};
  for (;;) {
    TRY(describe_instance(rc, id, ret_instance));
    if (!strcmp((*ret_instance)->DBInstanceStatus, "available"))
      return NULL;
    if (g_strv_contains(failed, (*ret_instance)->DBInstanceStatus))
      return error_answer("InvalidDBInstanceState", "The database engine of %s did not start (status %s): %s", id,
                          (*ret_instance)->DBInstanceStatus, reason_of(*ret_instance));
    TRY(resource_pause(rc, 20));
  }
}

static Error *
create_instance(ResourceCall *rc, ResourceResult *ret)
{
  RdsCreateDBInstanceInput in = {0};
  RdsCreateDBInstanceOutput out = {0};
  RdsDBInstance *instance = NULL;
  TRY(property_input(rc, &RdsCreateDBInstanceInput_shape, &in));
  in.DBInstanceIdentifier = name_of(rc, "DBInstanceIdentifier", 63);
  in.Tags = tags_of(rc);
  TRY(resource_operation(rc, &RdsOperationCreateDBInstance, &in, &out));
  ret->physical_id = out.DBInstance->DBInstanceIdentifier;
  TRY(await_instance(rc, ret->physical_id, &instance));
  resource_attribute(rc, ret, "Endpoint.Address", instance->Endpoint->Address);
  resource_attribute(rc, ret, "Endpoint.Port", arena_printf(rc->call->arena, "%" G_GINT64_FORMAT, OPT_OR(instance->Endpoint->Port, 3306)));
  resource_attribute(rc, ret, "DBInstanceArn", instance->DBInstanceArn);
  resource_attribute(rc, ret, "DbiResourceId", instance->DbiResourceId);
  return NULL;
}

static Error *
update_instance(ResourceCall *rc, ResourceResult *ret)
{
  RdsModifyDBInstanceInput in = {0};
  RdsModifyDBInstanceOutput out = {0};
  TRY(property_input(rc, &RdsModifyDBInstanceInput_shape, &in));
  in.DBInstanceIdentifier = rc->physical_id;
  in.ApplyImmediately = OPT_BOOL(TRUE);
  if (property_gone(rc, "PromotionTier"))
    in.PromotionTier = OPT_INT(1);
  if (property_gone(rc, "DBParameterGroupName"))
    in.DBParameterGroupName = "default.aurora-mysql8.0";
  TRY(resource_operation(rc, &RdsOperationModifyDBInstance, &in, &out));
  return update_tags(rc, out.DBInstance->DBInstanceArn);
}

static Error *
delete_instance(ResourceCall *rc)
{
  RdsDeleteDBInstanceInput in = {.DBInstanceIdentifier = rc->physical_id, .SkipFinalSnapshot = OPT_BOOL(TRUE)};
  RdsDeleteDBInstanceOutput out = {0};
  TRY(resource_operation(rc, &RdsOperationDeleteDBInstance, &in, &out));
  for (;;) {
    RdsDBInstance *instance = NULL;
    g_autoptr(Error) error = describe_instance(rc, rc->physical_id, &instance);
    if (error)
      return error_is(error, "DBInstanceNotFound") ? NULL : g_steal_pointer(&error);
    TRY(resource_pause(rc, 20));
  }
}

RESOURCE(AWS::RDS::DBInstance, rds_db_instance, .create = create_instance, .update = update_instance, .delete = delete_instance,
         .no_effect = "AutoMinorVersionUpgrade EnablePerformanceInsights MonitoringInterval MonitoringRoleArn PubliclyAccessible CopyTagsToSnapshot "
                      "PreferredMaintenanceWindow CACertificateIdentifier")
