#include "services/rds/rds.h"
#include "services/ec2.gen.h"
#include "services/kms.gen.h"

#include <string.h>

#define DEFAULT_PORT 3306

/* -- creation ------------------------------------------------------------------------------------------------------------ */

/* What on AWS would be another kind of cluster is refused by name. */
static Error *
check_kind(const RdsCreateDBClusterInput *in)
{
  if (strcmp(in->Engine, "aurora-mysql") && strcmp(in->Engine, "aurora"))
    return error_answer("InvalidParameterValue", "haar runs clusters of the engine aurora-mysql; %s is not there yet", in->Engine);
  if (in->ReplicationSourceIdentifier || in->GlobalClusterIdentifier)
    return error_answer("InvalidParameterCombination", "haar does not have replication between clusters or global clusters yet");
  if (in->EngineMode && strcmp(in->EngineMode, "provisioned"))
    return error_answer("InvalidParameterValue", "haar runs clusters with EngineMode provisioned; %s is not there yet", in->EngineMode);
  if (OPT_OR(in->EnableIAMDatabaseAuthentication, FALSE))
    return error_answer("InvalidParameterValue", "haar does not have IAM database authentication yet");
  return NULL;
}

static Error *
check_master(const char *user, const char *password)
{
  static const char *const reserved[] = {"rdsadmin", "rdsrepl", "root", "mysql", "admin_", NULL};
  if (!user || !password)
    return error_answer("InvalidParameterValue", "The parameter %s must be provided and must not be blank.", user ? "MasterUserPassword" : "MasterUsername");
  if (!g_ascii_isalpha(*user) || strlen(user) > 16 || g_strv_contains(reserved, user))
    return error_answer("InvalidParameterValue", "MasterUsername %s cannot be used as it is a reserved word used by the engine", user);
  if (strlen(password) < 8 || strlen(password) > 41)
    return error_answer("InvalidParameterValue", "The parameter MasterUserPassword is not a valid password because it is %s than %d characters.",
                        strlen(password) < 8 ? "shorter" : "longer", strlen(password) < 8 ? 8 : 41);
  for (const char *c = password; *c; c++)
    if (*c <= 32 || *c > 126 || strchr("/@\"", *c))
      return error_answer("InvalidParameterValue", "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides "
                                                   "'/', '@', '\"', ' ' may be used.");
  return NULL;
}

static Error *
check_create(Call *call, const RdsCreateDBClusterInput *in)
{
  Key key;
  void *old = NULL;
  TRY(rds_identifier_check("DBClusterIdentifier", in->DBClusterIdentifier));
  TRY(check_kind(in));
  TRY(check_master(in->MasterUsername, in->MasterUserPassword));
  TRY(backup_retention_check(&in->BackupRetentionPeriod));
  TRY(backup_window_check(in->PreferredBackupWindow));
  rds_key(call, &key, in->DBClusterIdentifier);
  TRY(record_get(call->txn, &rds_clusters, &key, &RdsClusterRecord_shape, call->arena, &old));
  return old ? error_answer("DBClusterAlreadyExistsFault", "DB Cluster already exists") : NULL;
}

/* The security groups of a cluster; none named: the VPC's default group. */
static Error *
security_groups(Call *call, const StringList *ids, const char *vpc_id, RdsVpcSecurityGroupMembershipList *ret_groups)
{
  StringList all = *ids;
  if (!all.n) {
    Ec2DescribeSecurityGroupsInput in = {0};
    Ec2DescribeSecurityGroupsOutput out = {0};
    static const char *const names[][2] = {{"vpc-id", NULL}, {"group-name", "default"}};
    for (guint i = 0; i < 2; i++) {
      Ec2Filter *filter = ARENA_NEW(call->arena, Ec2Filter);
      filter->Name = names[i][0];
      LIST_APPEND(call->arena, &filter->Values, names[i][1] ? names[i][1] : vpc_id);
      LIST_APPEND(call->arena, &in.Filters, filter);
    }
    TRY(call_operation(call, &Ec2OperationDescribeSecurityGroups, NULL, "rds", &in, &out));
    for (gsize i = 0; i < out.SecurityGroups.n; i++)
      LIST_APPEND(call->arena, &all, out.SecurityGroups.v[i]->GroupId);
  }
  for (gsize i = 0; i < all.n; i++) {
    RdsVpcSecurityGroupMembership *membership = ARENA_NEW(call->arena, RdsVpcSecurityGroupMembership);
    *membership = (RdsVpcSecurityGroupMembership) {all.v[i], "active"};
    LIST_APPEND(call->arena, ret_groups, membership);
  }
  return NULL;
}

/* The cluster's own data key: it seals the passwords, and with StorageEncrypted all that the engines write. */
static Error *
make_keys(Call *call, const RdsCreateDBClusterInput *in, RdsClusterRecord *record)
{
  const char *key_id = in->KmsKeyId ? in->KmsKeyId : "alias/aws/rds";
  KmsGenerateDataKeyInput data_key = {.KeyId = key_id, .KeySpec = "AES_256"};
  KmsGenerateDataKeyOutput out = {0};
  const char *replication = id_hex(call->arena, 40);
  guint8 *sealed = NULL;
  gsize size = 0;
  MAP_SET(call->arena, &data_key.EncryptionContext, "aws:rds:dbc-id", record->Cluster->DbClusterResourceId);
  g_autoptr(Error) error = call_operation(call, &KmsOperationGenerateDataKey, NULL, "rds", &data_key, &out);
  if (error)
    return error->kind == ERROR_FAULT ? g_steal_pointer(&error)
                                      : error_answer("KMSKeyNotAccessibleFault", "The specified KMS key [%s] does not exist, is not enabled or you do not "
                                                     "have permissions to access it: %s", key_id, error->message);
  record->DataKey = out.CiphertextBlob;
  TRY(store_seal(call->arena, out.Plaintext.data, in->MasterUserPassword, strlen(in->MasterUserPassword), &sealed, &size));
  record->SealedPassword = (Blob) {sealed, size};
  TRY(store_seal(call->arena, out.Plaintext.data, replication, strlen(replication), &sealed, &size));
  record->ReplicationPassword = (Blob) {sealed, size};
  if (OPT_OR(in->StorageEncrypted, FALSE) || in->KmsKeyId)
    record->Cluster->KmsKeyId = out.KeyId;
  return NULL;
}

const char *
cluster_key_context(const RdsClusterRecord *cluster)
{
  return cluster->KeyContext ? cluster->KeyContext : cluster->Cluster->DbClusterResourceId;
}

Error *
cluster_place(Call *call, const char *subnet_group, const StringList *groups, RdsDBCluster *cluster)
{
  RdsSubnetGroupRecord *group = NULL;
  if (!subnet_group)
    return error_answer("InvalidParameterCombination", "haar has no default DB subnet group: name one with DBSubnetGroupName");
  TRY(subnet_group_get(call, subnet_group, &group));
  cluster->DBSubnetGroup = group->Group->DBSubnetGroupName;
  for (gsize i = 0; i < group->Group->Subnets.n; i++) {
    const char *zone = group->Group->Subnets.v[i]->SubnetAvailabilityZone->Name;
    if (!string_list_has(&cluster->AvailabilityZones, zone))
      LIST_APPEND(call->arena, &cluster->AvailabilityZones, zone);
  }
  return security_groups(call, groups, group->Group->VpcId, &cluster->VpcSecurityGroups);
}

static Error *
parameters_exist(Call *call, const char *name)
{
  RdsParameterGroupRecord *group = NULL;
  if (!name || g_str_has_prefix(name, "default."))
    return NULL;
  g_autoptr(Error) error = parameter_group_get(call, &rds_cluster_parameter_groups, name, &group);
  if (!error || error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  return error_answer_status(404, "DBClusterParameterGroupNotFound", "DBClusterParameterGroup not found: %s", name);
}

static void
describe_new(Call *call, const RdsCreateDBClusterInput *in, RdsDBCluster *cluster)
{
  gboolean encrypted = OPT_OR(in->StorageEncrypted, FALSE) || in->KmsKeyId != NULL;
  g_autofree char *lower = g_ascii_strdown(in->DBClusterIdentifier, -1);
  const char *id = arena_strdup(call->arena, lower);
  *cluster = (RdsDBCluster) {
    .DBClusterIdentifier = id, .Status = "creating", .Engine = in->Engine, .EngineMode = "provisioned", .MasterUsername = in->MasterUsername,
    .EngineVersion = in->EngineVersion ? in->EngineVersion : "8.0.mysql_aurora.3.04.0", .DatabaseName = in->DatabaseName,
    .DBClusterParameterGroup = in->DBClusterParameterGroupName ? in->DBClusterParameterGroupName : "default.aurora-mysql8.0",
    .AllocatedStorage = OPT_INT(1), .BackupRetentionPeriod = OPT_INT(OPT_OR(in->BackupRetentionPeriod, 1)), .MultiAZ = OPT_BOOL(FALSE),
    .Endpoint = endpoint_writer(call, id), .ReaderEndpoint = endpoint_reader(call, id), .Port = OPT_INT(OPT_OR(in->Port, DEFAULT_PORT)),
    .PreferredBackupWindow = in->PreferredBackupWindow ? in->PreferredBackupWindow : "03:00-03:30",
    .PreferredMaintenanceWindow = in->PreferredMaintenanceWindow ? in->PreferredMaintenanceWindow : "sun:05:00-sun:05:30",
    .HostedZoneId = "Z2R2ITUGPM61AM", .StorageEncrypted = OPT_BOOL(encrypted), .ClusterCreateTime = OPT_TIME(call->now),
    .EarliestRestorableTime = OPT_TIME(call->now), .LatestRestorableTime = OPT_TIME(call->now),
    .DbClusterResourceId = arena_printf(call->arena, "cluster-%s", id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26)),
    .DBClusterArn = rds_arn(call, "cluster", id), .IAMDatabaseAuthenticationEnabled = OPT_BOOL(FALSE), .TagList = in->Tags,
    .DeletionProtection = OPT_BOOL(OPT_OR(in->DeletionProtection, FALSE)),
    .CopyTagsToSnapshot = OPT_BOOL(OPT_OR(in->CopyTagsToSnapshot, FALSE)), .HttpEndpointEnabled = OPT_BOOL(FALSE), .NetworkType = "IPV4",
    .AutoMinorVersionUpgrade = OPT_BOOL(TRUE), .ActivityStreamStatus = "stopped", .CrossAccountClone = OPT_BOOL(FALSE),
  };
  cluster_complete(call->arena, cluster);
}

OPERATION(CreateDBCluster, create_db_cluster, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
create_db_cluster(Call *call, const RdsCreateDBClusterInput *in, RdsCreateDBClusterOutput *ret_out)
{
  RdsClusterRecord record = {.Cluster = ARENA_NEW(call->arena, RdsDBCluster)};
  TRY(check_create(call, in));
  TRY(parameters_exist(call, in->DBClusterParameterGroupName));
  describe_new(call, in, record.Cluster);
  TRY(log_types_set(call, record.Cluster, &in->EnableCloudwatchLogsExports));
  TRY(cluster_place(call, in->DBSubnetGroupName, &in->VpcSecurityGroupIds, record.Cluster));
  TRY(make_keys(call, in, &record));
  ret_out->DBCluster = shape_copy(call->arena, &RdsDBCluster_shape, record.Cluster);
  record.Cluster->Status = "available"; /* the storage is there at once; instances follow */
  TRY(event_put(call, EVENT_CLUSTER_CREATED, record.Cluster->DBClusterIdentifier, NULL));
  TRY(backup_schedule(call, &record, FALSE));
  return cluster_put(call, &record);
}

/* -- reading --------------------------------------------------------------------------------------------------------------- */

OPERATION(DescribeDBClusters, describe_db_clusters, .txn = TXN_READ, .authorize = authorize_rds)
static Error *
describe_db_clusters(Call *call, const RdsDescribeDBClustersInput *in, RdsDescribeDBClustersOutput *ret_out)
{
  GPtrArray *records = NULL, *found = g_ptr_array_new();
  RdsClusterRecord *one = NULL;
  Page page = {0};
  arena_own(call->arena, found, (GDestroyNotify) g_ptr_array_unref);
  TRY(rds_filters_check(&in->Filters, "db-cluster-id db-cluster-resource-id engine"));
  LIST_EMPTY(call->arena, &ret_out->DBClusters);
  if (in->DBClusterIdentifier) {
    TRY(cluster_get(call, in->DBClusterIdentifier, &one));
    cluster_restorable(call, one);
    LIST_APPEND(call->arena, &ret_out->DBClusters, one->Cluster);
    return NULL;
  }
  TRY(rds_records_list(call, &rds_clusters, &RdsClusterRecord_shape, &records));
  for (guint i = 0; i < records->len; i++) {
    RdsDBCluster *cluster = ((RdsClusterRecord *) records->pdata[i])->Cluster;
    cluster_complete(call->arena, cluster);
    cluster_restorable(call, records->pdata[i]);
    if (rds_filter_allows(&in->Filters, "db-cluster-id", cluster->DBClusterIdentifier) && rds_filter_allows(&in->Filters, "engine", cluster->Engine) &&
        rds_filter_allows(&in->Filters, "db-cluster-resource-id", cluster->DbClusterResourceId))
      g_ptr_array_add(found, cluster);
  }
  TRY(rds_page_of(call, found->len, &in->MaxRecords, in->Marker, &page));
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->DBClusters, (RdsDBCluster *) found->pdata[i]);
  ret_out->Marker = page.marker;
  return NULL;
}

/* -- changes --------------------------------------------------------------------------------------------------------------- */

static Error *
change_password(Call *call, RdsClusterRecord *record, const char *password)
{
  KmsDecryptInput in = {.CiphertextBlob = record->DataKey};
  KmsDecryptOutput out = {0};
  guint8 *sealed = NULL;
  gsize size = 0;
  TRY(check_master(record->Cluster->MasterUsername, password));
  MAP_SET(call->arena, &in.EncryptionContext, "aws:rds:dbc-id", cluster_key_context(record));
  TRY(call_operation(call, &KmsOperationDecrypt, NULL, "rds", &in, &out));
  TRY(store_seal(call->arena, out.Plaintext.data, password, strlen(password), &sealed, &size));
  record->SealedPassword = (Blob) {sealed, size};
  record->PasswordChanged = OPT_BOOL(TRUE);
  return event_put(call, EVENT_CLUSTER_CREDENTIALS, record->Cluster->DBClusterIdentifier, NULL);
}

static Error *
change_backups(Call *call, const RdsModifyDBClusterInput *in, RdsClusterRecord *record)
{
  TRY(backup_retention_check(&in->BackupRetentionPeriod));
  TRY(backup_window_check(in->PreferredBackupWindow));
  if (!in->BackupRetentionPeriod.set && !in->PreferredBackupWindow)
    return NULL;
  if (in->BackupRetentionPeriod.set)
    record->Cluster->BackupRetentionPeriod = in->BackupRetentionPeriod;
  if (in->PreferredBackupWindow) {
    record->Cluster->PreferredBackupWindow = in->PreferredBackupWindow;
    record->NextBackup = (OptTime) {0};
  }
  return backup_schedule(call, record, TRUE);
}

static Error *
apply_changes(Call *call, const RdsModifyDBClusterInput *in, RdsClusterRecord *record)
{
  RdsDBCluster *cluster = record->Cluster;
  if (in->NewDBClusterIdentifier || in->Port.set)
    return error_answer("InvalidParameterCombination", "haar does not change a cluster's %s yet", in->Port.set ? "port" : "identifier");
  TRY(change_backups(call, in, record));
  if (in->PreferredMaintenanceWindow)
    cluster->PreferredMaintenanceWindow = in->PreferredMaintenanceWindow;
  if (in->DeletionProtection.set)
    cluster->DeletionProtection = in->DeletionProtection;
  if (in->CopyTagsToSnapshot.set)
    cluster->CopyTagsToSnapshot = in->CopyTagsToSnapshot;
  if (in->EngineVersion)
    cluster->EngineVersion = in->EngineVersion;
  if (in->DBClusterParameterGroupName) {
    TRY(parameters_exist(call, in->DBClusterParameterGroupName));
    cluster->DBClusterParameterGroup = in->DBClusterParameterGroupName;
  }
  if (in->CloudwatchLogsExportConfiguration)
    TRY(log_types_change(call, cluster, in->CloudwatchLogsExportConfiguration));
  return in->MasterUserPassword ? change_password(call, record, in->MasterUserPassword) : NULL;
}

/* Instances take the groups and the password from the cluster when their job runs. */
static Error *
refresh_instances(Call *call, const RdsDBCluster *cluster)
{
  for (gsize i = 0; i < cluster->DBClusterMembers.n; i++)
    TRY(instance_job_put(call, RDS_INSTANCE_JOB, cluster->DBClusterMembers.v[i]->DBInstanceIdentifier));
  return NULL;
}

OPERATION(ModifyDBCluster, modify_db_cluster, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
modify_db_cluster(Call *call, const RdsModifyDBClusterInput *in, RdsModifyDBClusterOutput *ret_out)
{
  RdsClusterRecord *record = NULL;
  TRY(cluster_get(call, in->DBClusterIdentifier, &record));
  TRY(apply_changes(call, in, record));
  if (in->VpcSecurityGroupIds.n) {
    record->Cluster->VpcSecurityGroups = (RdsVpcSecurityGroupMembershipList) {0};
    TRY(security_groups(call, &in->VpcSecurityGroupIds, NULL, &record->Cluster->VpcSecurityGroups));
  }
  ret_out->DBCluster = record->Cluster;
  TRY(cluster_put(call, record));
  return refresh_instances(call, record->Cluster);
}

/* -- deletion -------------------------------------------------------------------------------------------------------------- */

typedef struct Deletion {
  const RdsDeleteDBClusterInput *in;
  RdsClusterRecord *record;
  StringList directories; /* of its backups */
} Deletion;

static Error *
check_delete(Call *call, gpointer data)
{
  Deletion *deletion = data;
  TRY(cluster_get(call, deletion->in->DBClusterIdentifier, &deletion->record));
  const RdsDBCluster *cluster = deletion->record->Cluster;
  if (OPT_OR(cluster->DeletionProtection, FALSE))
    return error_answer("InvalidParameterCombination", "Cannot delete protected Cluster, please disable deletion protection and try again.");
  if (cluster->DBClusterMembers.n)
    return error_answer("InvalidDBClusterStateFault", "Cluster cannot be deleted, it still contains DB instances in non-deleting state.");
  if (!OPT_OR(deletion->in->SkipFinalSnapshot, FALSE) && !deletion->in->FinalDBSnapshotIdentifier)
    return error_answer("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.");
  return NULL;
}

static Error *
erase(Call *call, gpointer data)
{
  Deletion *deletion = data;
  Key key;
  TRY(check_delete(call, deletion));
  rds_key(call, &key, deletion->record->Cluster->DBClusterIdentifier);
  TRY(backups_forget(call, deletion->record, &deletion->directories));
  TRY(event_put(call, EVENT_CLUSTER_DELETED, deletion->record->Cluster->DBClusterIdentifier, NULL));
  return store_delete(call->txn, &rds_clusters, &key, NULL);
}

OPERATION(DeleteDBCluster, delete_db_cluster, .txn = TXN_NONE, .authorize = authorize_rds)
static Error *
delete_db_cluster(Call *call, const RdsDeleteDBClusterInput *in, RdsDeleteDBClusterOutput *ret_out)
{
  Deletion deletion = {.in = in};
  RdsDBClusterSnapshot *snapshot = NULL;
  TRY(call_read(call, check_delete, &deletion));
  if (in->FinalDBSnapshotIdentifier)
    TRY(snapshot_take(call, in->DBClusterIdentifier, in->FinalDBSnapshotIdentifier, NULL, &snapshot));
  TRY(call_write(call, erase, &deletion));
  RdsDBCluster *cluster = deletion.record->Cluster;
  g_autofree char *volume = engine_directory(call->haar, cluster->DbClusterResourceId);
  directory_remove(volume);
  cluster_forget_source(call->haar, deletion.record);
  g_mutex_lock(rds_backups_mutex(call->haar));
  for (gsize i = 0; i < deletion.directories.n; i++)
    directory_remove(deletion.directories.v[i]);
  g_mutex_unlock(rds_backups_mutex(call->haar));
  if (call->haar->fabric) {
    fabric_name_remove(call->haar->fabric, cluster->Endpoint);
    fabric_name_remove(call->haar->fabric, cluster->ReaderEndpoint);
  }
  cluster->Status = "deleting";
  ret_out->DBCluster = cluster;
  return NULL;
}
