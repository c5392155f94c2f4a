#include "services/rds/rds.h"

#include <string.h>

static Error *
check_create(Call *call, const RdsCreateDBInstanceInput *in)
{
  Key key;
  void *old = NULL;
  TRY(rds_identifier_check("DBInstanceIdentifier", in->DBInstanceIdentifier));
  if (!in->DBClusterIdentifier)
    return error_answer("InvalidParameterCombination", "haar runs instances of Aurora clusters: DBClusterIdentifier is required");
  if (!g_str_has_prefix(in->DBInstanceClass, "db."))
    return error_answer("InvalidParameterValue", "Invalid DB Instance class: %s", in->DBInstanceClass);
  if (in->MasterUsername || in->MasterUserPassword)
    return error_answer("InvalidParameterCombination", "The requested DB Instance will be a member of a DB Cluster. Set master user credentials for the "
                                                       "DB Cluster.");
  rds_key(call, &key, in->DBInstanceIdentifier);
  TRY(record_get(call->txn, &rds_instances, &key, &RdsInstanceRecord_shape, call->arena, &old));
  return old ? error_answer("DBInstanceAlreadyExists", "DB instance already exists") : NULL;
}

/* The zone with the fewest members, or the one that was asked for. */
static Error *
choose_zone(Call *call, const RdsDBCluster *cluster, const char *wanted, const char **ret_zone)
{
  gsize fewest = G_MAXSIZE;
  if (wanted && !string_list_has(&cluster->AvailabilityZones, wanted))
    return error_answer("InvalidParameterValue", "The DB subnet group of the cluster has no subnet in the zone %s.", wanted);
  for (gsize i = 0; i < cluster->AvailabilityZones.n; i++) {
    gsize members = 0;
    for (gsize j = 0; j < cluster->DBClusterMembers.n; j++) {
      RdsInstanceRecord *other = NULL;
      TRY(instance_get(call, cluster->DBClusterMembers.v[j]->DBInstanceIdentifier, &other));
      members += !g_strcmp0(other->Instance->AvailabilityZone, cluster->AvailabilityZones.v[i]);
    }
    if (members < fewest) {
      fewest = members;
      *ret_zone = cluster->AvailabilityZones.v[i];
    }
  }
  if (wanted)
    *ret_zone = wanted;
  return NULL;
}

static void
describe_new(Call *call, const RdsCreateDBInstanceInput *in, const RdsDBCluster *cluster, RdsDBSubnetGroup *group, RdsDBInstance *instance)
{
  g_autofree char *lower = g_ascii_strdown(in->DBInstanceIdentifier, -1);
  const char *id = arena_strdup(call->arena, lower);
  RdsEndpoint *endpoint = ARENA_NEW(call->arena, RdsEndpoint);
  *endpoint = (RdsEndpoint) {.Address = endpoint_instance(call, id), .Port = cluster->Port, .HostedZoneId = "Z2R2ITUGPM61AM"};
  *instance = (RdsDBInstance) {
    .DBInstanceIdentifier = id, .DBInstanceClass = in->DBInstanceClass, .Engine = cluster->Engine, .DBInstanceStatus = "creating",
    .MasterUsername = cluster->MasterUsername, .DBName = cluster->DatabaseName, .Endpoint = endpoint, .AllocatedStorage = OPT_INT(1),
    .InstanceCreateTime = OPT_TIME(call->now), .PreferredBackupWindow = cluster->PreferredBackupWindow,
    .BackupRetentionPeriod = cluster->BackupRetentionPeriod, .VpcSecurityGroups = cluster->VpcSecurityGroups, .DBSubnetGroup = group,
    .PreferredMaintenanceWindow = in->PreferredMaintenanceWindow ? in->PreferredMaintenanceWindow : cluster->PreferredMaintenanceWindow,
    .MultiAZ = OPT_BOOL(FALSE), .EngineVersion = cluster->EngineVersion, .AutoMinorVersionUpgrade = OPT_BOOL(OPT_OR(in->AutoMinorVersionUpgrade, TRUE)),
    .LicenseModel = "general-public-license", .PubliclyAccessible = OPT_BOOL(OPT_OR(in->PubliclyAccessible, FALSE)), .StorageType = "aurora",
    .DbInstancePort = OPT_INT(0), .DBClusterIdentifier = cluster->DBClusterIdentifier, .StorageEncrypted = cluster->StorageEncrypted,
    .KmsKeyId = cluster->KmsKeyId, .CACertificateIdentifier = "rds-ca-2019",
    .DbiResourceId = arena_printf(call->arena, "db-%s", id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26)),
    .CopyTagsToSnapshot = OPT_BOOL(FALSE), .MonitoringInterval = OPT_INT(0), .PromotionTier = OPT_INT(OPT_OR(in->PromotionTier, 1)),
    .DBInstanceArn = rds_arn(call, "db", id), .IAMDatabaseAuthenticationEnabled = OPT_BOOL(FALSE), .PerformanceInsightsEnabled = OPT_BOOL(FALSE),
    .DeletionProtection = OPT_BOOL(FALSE), .TagList = in->Tags, .NetworkType = "IPV4",
    .EnabledCloudwatchLogsExports = cluster->EnabledCloudwatchLogsExports,
  };
  RdsDBParameterGroupStatus *parameters = ARENA_NEW(call->arena, RdsDBParameterGroupStatus);
  *parameters = (RdsDBParameterGroupStatus) {in->DBParameterGroupName ? in->DBParameterGroupName : "default.aurora-mysql8.0", "in-sync"};
  LIST_APPEND(call->arena, &instance->DBParameterGroups, parameters);
  instance_complete(call->arena, instance);
}

/* The first member is the writer. */
static void
join(Call *call, RdsDBCluster *cluster, const RdsDBInstance *instance)
{
  RdsDBClusterMember *member = ARENA_NEW(call->arena, RdsDBClusterMember);
  *member = (RdsDBClusterMember) {instance->DBInstanceIdentifier, OPT_BOOL(cluster_writer(cluster) == NULL), "in-sync", instance->PromotionTier};
  LIST_APPEND(call->arena, &cluster->DBClusterMembers, member);
  cluster->MultiAZ = OPT_BOOL(cluster->DBClusterMembers.n > 1);
}

OPERATION(CreateDBInstance, create_db_instance, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
create_db_instance(Call *call, const RdsCreateDBInstanceInput *in, RdsCreateDBInstanceOutput *ret_out)
{
  RdsClusterRecord *cluster = NULL;
  RdsSubnetGroupRecord *group = NULL;
  RdsParameterGroupRecord *parameters = NULL;
  RdsInstanceRecord record = {.Instance = ARENA_NEW(call->arena, RdsDBInstance)};
  TRY(check_create(call, in));
  TRY(cluster_get(call, in->DBClusterIdentifier, &cluster));
  if (strcmp(in->Engine, cluster->Cluster->Engine))
    return error_answer("InvalidParameterCombination", "The engine name requested for your DB instance (%s) doesn't match the engine name of your DB "
                                                       "cluster (%s).", in->Engine, cluster->Cluster->Engine);
  TRY(subnet_group_get(call, cluster->Cluster->DBSubnetGroup, &group));
  if (in->DBParameterGroupName && !g_str_has_prefix(in->DBParameterGroupName, "default."))
    TRY(parameter_group_get(call, &rds_parameter_groups, in->DBParameterGroupName, &parameters));
  describe_new(call, in, cluster->Cluster, group->Group, record.Instance);
  TRY(choose_zone(call, cluster->Cluster, in->AvailabilityZone, &record.Instance->AvailabilityZone));
  record.ServerId = OPT_INT((gint64) g_str_hash(record.Instance->DbiResourceId) & 0x7fffffff);
  join(call, cluster->Cluster, record.Instance);
  TRY(cluster_put(call, cluster));
  TRY(instance_put(call, &record));
  ret_out->DBInstance = record.Instance;
  return instance_job_put(call, RDS_INSTANCE_JOB, record.Instance->DBInstanceIdentifier);
}

OPERATION(DescribeDBInstances, describe_db_instances, .txn = TXN_READ, .authorize = authorize_rds)
static Error *
describe_db_instances(Call *call, const RdsDescribeDBInstancesInput *in, RdsDescribeDBInstancesOutput *ret_out)
{
  GPtrArray *records = NULL, *found = g_ptr_array_new();
  RdsInstanceRecord *one = NULL;
  Page page = {0};
  arena_own(call->arena, found, (GDestroyNotify) g_ptr_array_unref);
  TRY(rds_filters_check(&in->Filters, "db-cluster-id db-instance-id dbi-resource-id engine"));
  LIST_EMPTY(call->arena, &ret_out->DBInstances);
  if (in->DBInstanceIdentifier) {
    TRY(instance_get(call, in->DBInstanceIdentifier, &one));
    LIST_APPEND(call->arena, &ret_out->DBInstances, one->Instance);
    return NULL;
  }
  TRY(rds_records_list(call, &rds_instances, &RdsInstanceRecord_shape, &records));
  for (guint i = 0; i < records->len; i++) {
    RdsDBInstance *instance = ((RdsInstanceRecord *) records->pdata[i])->Instance;
    instance_complete(call->arena, instance);
    if (rds_filter_allows(&in->Filters, "db-cluster-id", instance->DBClusterIdentifier) &&
        rds_filter_allows(&in->Filters, "db-instance-id", instance->DBInstanceIdentifier) &&
        rds_filter_allows(&in->Filters, "dbi-resource-id", instance->DbiResourceId) && rds_filter_allows(&in->Filters, "engine", instance->Engine))
      g_ptr_array_add(found, instance);
  }
  TRY(rds_page_of(call, found->len, &in->MaxRecords, in->Marker, &page));
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->DBInstances, (RdsDBInstance *) found->pdata[i]);
  ret_out->Marker = page.marker;
  return NULL;
}

static Error *
set_parameter_group(Call *call, RdsDBInstance *instance, const char *name)
{
  RdsParameterGroupRecord *group = NULL;
  RdsDBParameterGroupStatus *status = ARENA_NEW(call->arena, RdsDBParameterGroupStatus);
  if (!g_str_has_prefix(name, "default."))
    TRY(parameter_group_get(call, &rds_parameter_groups, name, &group));
  *status = (RdsDBParameterGroupStatus) {name, "in-sync"};
  instance->DBParameterGroups = (RdsDBParameterGroupStatusList) {0};
  LIST_APPEND(call->arena, &instance->DBParameterGroups, status);
  return NULL;
}

static Error *
set_promotion_tier(Call *call, RdsDBInstance *instance, OptInt tier)
{
  RdsClusterRecord *cluster = NULL;
  if (tier.v < 0 || tier.v > 15)
    return error_answer("InvalidParameterValue", "Invalid promotion tier: %" G_GINT64_FORMAT ". Must be between 0 and 15.", tier.v);
  TRY(cluster_get(call, instance->DBClusterIdentifier, &cluster));
  RdsDBClusterMember *member = cluster_member(cluster->Cluster, instance->DBInstanceIdentifier);
  instance->PromotionTier = tier;
  if (!member)
    return NULL;
  member->PromotionTier = tier;
  return cluster_put(call, cluster);
}

OPERATION(ModifyDBInstance, modify_db_instance, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
modify_db_instance(Call *call, const RdsModifyDBInstanceInput *in, RdsModifyDBInstanceOutput *ret_out)
{
  RdsInstanceRecord *record = NULL;
  TRY(instance_get(call, in->DBInstanceIdentifier, &record));
  RdsDBInstance *instance = record->Instance;
  if (in->NewDBInstanceIdentifier || in->DBPortNumber.set || in->MasterUserPassword)
    return error_answer("InvalidParameterCombination", "An Aurora instance's %s is not changed here", in->NewDBInstanceIdentifier ? "identifier"
                        : in->DBPortNumber.set ? "port (change the cluster's)" : "password (change the cluster's)");
  if (in->DBInstanceClass)
    instance->DBInstanceClass = in->DBInstanceClass;
  if (in->DBParameterGroupName)
    TRY(set_parameter_group(call, instance, in->DBParameterGroupName));
  if (in->PromotionTier.set)
    TRY(set_promotion_tier(call, instance, in->PromotionTier));
  if (in->AutoMinorVersionUpgrade.set)
    instance->AutoMinorVersionUpgrade = in->AutoMinorVersionUpgrade;
  if (in->PreferredMaintenanceWindow)
    instance->PreferredMaintenanceWindow = in->PreferredMaintenanceWindow;
  if (in->PubliclyAccessible.set)
    instance->PubliclyAccessible = in->PubliclyAccessible;
  ret_out->DBInstance = instance;
  return instance_put(call, record);
}

OPERATION(RebootDBInstance, reboot_db_instance, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
reboot_db_instance(Call *call, const RdsRebootDBInstanceInput *in, RdsRebootDBInstanceOutput *ret_out)
{
  RdsInstanceRecord *record = NULL;
  TRY(instance_get(call, in->DBInstanceIdentifier, &record));
  if (strcmp(record->Instance->DBInstanceStatus, "available"))
    return error_answer("InvalidDBInstanceState", "DB Instance %s is not in available state.", in->DBInstanceIdentifier);
  record->Instance->DBInstanceStatus = "rebooting";
  ret_out->DBInstance = record->Instance;
  TRY(instance_put(call, record));
  return instance_job_put(call, RDS_INSTANCE_JOB, record->Instance->DBInstanceIdentifier);
}

static Error *
leave(Call *call, const RdsDBInstance *instance)
{
  RdsClusterRecord *cluster = NULL;
  gsize kept = 0;
  TRY(cluster_get(call, instance->DBClusterIdentifier, &cluster));
  RdsDBClusterMemberList *members = &cluster->Cluster->DBClusterMembers;
  RdsDBClusterMember *gone = cluster_member(cluster->Cluster, instance->DBInstanceIdentifier);
  gboolean writer = gone && OPT_OR(gone->IsClusterWriter, FALSE);
  for (gsize i = 0; i < members->n; i++)
    if (members->v[i] != gone)
      members->v[kept++] = members->v[i];
  members->n = kept;
  cluster->Cluster->MultiAZ = OPT_BOOL(kept > 1);
  if (writer && kept) /* as on AWS: the last replica takes over */
    TRY(instance_job_put(call, RDS_FAILOVER_JOB, members->v[0]->DBInstanceIdentifier));
  return cluster_put(call, cluster);
}

OPERATION(DeleteDBInstance, delete_db_instance, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
delete_db_instance(Call *call, const RdsDeleteDBInstanceInput *in, RdsDeleteDBInstanceOutput *ret_out)
{
  RdsInstanceRecord *record = NULL;
  TRY(instance_get(call, in->DBInstanceIdentifier, &record));
  if (!strcmp(record->Instance->DBInstanceStatus, "deleting"))
    return error_answer("InvalidDBInstanceState", "Instance %s is already being deleted.", in->DBInstanceIdentifier);
  if (in->FinalDBSnapshotIdentifier)
    return error_answer("InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance");
  record->Instance->DBInstanceStatus = "deleting";
  ret_out->DBInstance = record->Instance;
  TRY(leave(call, record->Instance));
  TRY(instance_put(call, record));
  return instance_job_put(call, RDS_DELETE_JOB, record->Instance->DBInstanceIdentifier);
}
