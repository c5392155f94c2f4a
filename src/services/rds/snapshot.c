/* snapshot: copies of a cluster's volume. While an engine runs it is frozen for the copy, so that the copy is what a crash would leave, and
 * the engine recovers from it; without an instance the cluster's own volume is copied.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_CreateSnapshotCluster.html */
#include "services/rds/rds.h"

#include <string.h>

const Table rds_snapshots = {"rds.cluster_snapshots"};

typedef struct Taking {
  const char *cluster_id, *snapshot_id;
  RdsClusterRecord *cluster;
  RdsSnapshotRecord *snapshot;
} Taking;

char *
snapshot_directory(const Haar *haar, const RdsSnapshotRecord *snapshot)
{
  return g_build_filename(haar->data_directory, "rds", "snapshots", snapshot->Directory, NULL);
}

static Error *
find(Call *call, const char *id, RdsSnapshotRecord **ret_snapshot)
{
  Key key;
  void *found = NULL;
  const char *kind = g_str_has_prefix(id, "arn:") ? strstr(id, ":cluster-snapshot:") : NULL; /* an automated one's name has a colon too */
  rds_key(call, &key, kind ? kind + strlen(":cluster-snapshot:") : id);
  TRY(record_get(call->txn, &rds_snapshots, &key, &RdsSnapshotRecord_shape, call->arena, &found));
  *ret_snapshot = found;
  return NULL;
}

/* An automated one is there as long as its cluster retains it; as a base of restores it may stay longer. */
static Error *
is_shown(Call *call, const RdsSnapshotRecord *record, gboolean *ret_is)
{
  RdsClusterRecord *cluster = NULL;
  *ret_is = TRUE;
  if (strcmp(record->Snapshot->SnapshotType, "automated"))
    return NULL;
  TRY(cluster_get(call, record->Snapshot->DBClusterIdentifier, &cluster)); /* it goes with its cluster */
  *ret_is = !backup_expired(call, record, cluster->Cluster);
  return NULL;
}

Error *
snapshot_get(Call *call, const char *id, RdsSnapshotRecord **ret_snapshot)
{
  gboolean shown = FALSE;
  TRY(find(call, id, ret_snapshot));
  if (*ret_snapshot)
    TRY(is_shown(call, *ret_snapshot, &shown));
  if (!shown)
    return error_answer_status(404, "DBClusterSnapshotNotFoundFault", "DBClusterSnapshot %s not found.", id);
  snapshot_complete(call->arena, (*ret_snapshot)->Snapshot);
  return NULL;
}

static Error *
prepare(Call *call, gpointer data)
{
  Taking *taking = data;
  RdsSnapshotRecord *old = NULL;
  TRY(cluster_get(call, taking->cluster_id, &taking->cluster));
  TRY(rds_identifier_check("DBClusterSnapshotIdentifier", taking->snapshot_id));
  TRY(find(call, taking->snapshot_id, &old));
  if (old)
    return error_answer("DBClusterSnapshotAlreadyExistsFault", "Cannot create the cluster snapshot because one with the identifier %s already exists.",
                        taking->snapshot_id);
  return NULL;
}

static gboolean
has_tag(const RdsTagList *tags, const char *key)
{
  for (gsize i = 0; i < tags->n; i++)
    if (!g_strcmp0(tags->v[i]->Key, key))
      return TRUE;
  return FALSE;
}

/* The tags that were asked for, and with CopyTagsToSnapshot the cluster's. */
static RdsTagList
tags_of(Call *call, const RdsDBCluster *cluster, const RdsTagList *own)
{
  RdsTagList tags = {0};
  for (gsize i = 0; own && i < own->n; i++)
    LIST_APPEND(call->arena, &tags, own->v[i]);
  for (gsize i = 0; OPT_OR(cluster->CopyTagsToSnapshot, FALSE) && i < cluster->TagList.n; i++)
    if (!has_tag(&tags, cluster->TagList.v[i]->Key))
      LIST_APPEND(call->arena, &tags, cluster->TagList.v[i]);
  return tags;
}

RdsSnapshotRecord *
snapshot_describe(Call *call, RdsClusterRecord *from, const char *id, const char *type, const RdsTagList *tags)
{
  const RdsDBCluster *cluster = from->Cluster;
  RdsDBClusterSnapshot *snapshot = ARENA_NEW(call->arena, RdsDBClusterSnapshot);
  g_autofree char *lower = g_ascii_strdown(id, -1);
  *snapshot = (RdsDBClusterSnapshot) {
    .AvailabilityZones = cluster->AvailabilityZones, .DBClusterSnapshotIdentifier = arena_strdup(call->arena, lower),
    .DBClusterIdentifier = cluster->DBClusterIdentifier, .SnapshotCreateTime = OPT_TIME(clock_now()), .Engine = cluster->Engine,
    .EngineMode = "provisioned", .AllocatedStorage = OPT_INT(1), .Status = "available", .Port = cluster->Port,
    .ClusterCreateTime = cluster->ClusterCreateTime, .MasterUsername = cluster->MasterUsername, .EngineVersion = cluster->EngineVersion,
    .LicenseModel = "aurora-mysql", .SnapshotType = type, .PercentProgress = OPT_INT(100), .StorageEncrypted = cluster->StorageEncrypted,
    .KmsKeyId = cluster->KmsKeyId, .DBClusterSnapshotArn = rds_arn(call, "cluster-snapshot", lower), .IAMDatabaseAuthenticationEnabled = OPT_BOOL(FALSE),
    .TagList = tags_of(call, cluster, tags),
  };
  snapshot_complete(call->arena, snapshot);
  RdsSnapshotRecord *record = ARENA_NEW(call->arena, RdsSnapshotRecord);
  *record = (RdsSnapshotRecord) {.Snapshot = snapshot, .Cluster = from, .Directory = id_uuid(call->arena), .TakenAt = OPT_TIME(clock_real())};
  return record;
}

Error *
snapshot_put(Call *call, const RdsSnapshotRecord *snapshot)
{
  Key key;
  gboolean automated = !strcmp(snapshot->Snapshot->SnapshotType, "automated");
  rds_key(call, &key, snapshot->Snapshot->DBClusterSnapshotIdentifier);
  TRY(event_put(call, automated ? EVENT_AUTOMATED_SNAPSHOT_CREATED : EVENT_SNAPSHOT_CREATED, snapshot->Snapshot->DBClusterSnapshotIdentifier, NULL));
  return record_put(call->txn, &rds_snapshots, &key, &RdsSnapshotRecord_shape, snapshot);
}

static Error *
save(Call *call, gpointer data)
{
  const Taking *taking = data;
  return snapshot_put(call, taking->snapshot);
}

Error *
snapshot_copy(Call *call, const RdsClusterRecord *cluster, const char *to)
{
  const RdsDBClusterMember *writer = cluster_writer(cluster->Cluster);
  g_autofree char *volume = engine_directory(call->haar, cluster->Cluster->DbClusterResourceId);
  return writer ? engine_copy(call->haar, rds_arn(call, "db", writer->DBInstanceIdentifier), to) : volume_copy(volume, to);
}

Error *
snapshot_take(Call *call, const char *cluster_id, const char *snapshot_id, const RdsTagList *tags, RdsDBClusterSnapshot **ret_snapshot)
{
  Taking taking = {.cluster_id = cluster_id, .snapshot_id = snapshot_id};
  TRY(call_read(call, prepare, &taking));
  taking.snapshot = snapshot_describe(call, taking.cluster, snapshot_id, "manual", tags);
  g_autofree char *target = snapshot_directory(call->haar, taking.snapshot);
  g_mutex_lock(rds_backups_mutex(call->haar));
  Error *error = snapshot_copy(call, taking.cluster, target);
  g_mutex_unlock(rds_backups_mutex(call->haar));
  if (!error)
    error = call_write(call, save, &taking);
  if (error)
    directory_remove(target);
  *ret_snapshot = taking.snapshot->Snapshot;
  return error;
}

OPERATION(CreateDBClusterSnapshot, create_db_cluster_snapshot, .txn = TXN_NONE, .authorize = authorize_rds)
static Error *
create_db_cluster_snapshot(Call *call, const RdsCreateDBClusterSnapshotInput *in, RdsCreateDBClusterSnapshotOutput *ret_out)
{
  return snapshot_take(call, in->DBClusterIdentifier, in->DBClusterSnapshotIdentifier, &in->Tags, &ret_out->DBClusterSnapshot);
}

static const char *const snapshot_types[] = {"automated", "manual", "shared", "public", "awsbackup", NULL};

static gboolean
asked_for(const RdsDescribeDBClusterSnapshotsInput *in, const RdsDBClusterSnapshot *snapshot)
{
  return (!in->DBClusterIdentifier || !g_ascii_strcasecmp(in->DBClusterIdentifier, snapshot->DBClusterIdentifier)) &&
         (!in->SnapshotType || !strcmp(in->SnapshotType, snapshot->SnapshotType)) &&
         rds_filter_allows(&in->Filters, "db-cluster-id", snapshot->DBClusterIdentifier) &&
         rds_filter_allows(&in->Filters, "db-cluster-snapshot-id", snapshot->DBClusterSnapshotIdentifier) &&
         rds_filter_allows(&in->Filters, "snapshot-type", snapshot->SnapshotType) && rds_filter_allows(&in->Filters, "engine", snapshot->Engine);
}

OPERATION(DescribeDBClusterSnapshots, describe_db_cluster_snapshots, .txn = TXN_READ)
static Error *
describe_db_cluster_snapshots(Call *call, const RdsDescribeDBClusterSnapshotsInput *in, RdsDescribeDBClusterSnapshotsOutput *ret_out)
{
  GPtrArray *records = NULL, *found = g_ptr_array_new();
  RdsSnapshotRecord *one = NULL;
  Page page = {0};
  arena_own(call->arena, found, (GDestroyNotify) g_ptr_array_unref);
  TRY(rds_filters_check(&in->Filters, "db-cluster-id db-cluster-snapshot-id snapshot-type engine"));
  if (in->SnapshotType && !g_strv_contains(snapshot_types, in->SnapshotType))
    return error_answer("InvalidParameterValue", "Invalid snapshot type: %s", in->SnapshotType);
  LIST_EMPTY(call->arena, &ret_out->DBClusterSnapshots);
  if (in->DBClusterSnapshotIdentifier) {
    TRY(snapshot_get(call, in->DBClusterSnapshotIdentifier, &one));
    LIST_APPEND(call->arena, &ret_out->DBClusterSnapshots, one->Snapshot);
    return NULL;
  }
  TRY(rds_records_list(call, &rds_snapshots, &RdsSnapshotRecord_shape, &records));
  for (guint i = 0; i < records->len; i++) {
    const RdsSnapshotRecord *record = records->pdata[i];
    gboolean shown = FALSE;
    snapshot_complete(call->arena, record->Snapshot);
    TRY(is_shown(call, record, &shown));
    if (shown && asked_for(in, record->Snapshot))
      g_ptr_array_add(found, record->Snapshot);
  }
  TRY(rds_page_of(call, found->len, &in->MaxRecords, in->Marker, &page));
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->DBClusterSnapshots, (RdsDBClusterSnapshot *) found->pdata[i]);
  ret_out->Marker = page.marker;
  return NULL;
}

typedef struct Erasing {
  const char *id;
  RdsSnapshotRecord *snapshot;
} Erasing;

static Error *
erase(Call *call, gpointer data)
{
  Erasing *erasing = data;
  Key key;
  TRY(snapshot_get(call, erasing->id, &erasing->snapshot));
  if (!strcmp(erasing->snapshot->Snapshot->SnapshotType, "automated"))
    return error_answer("InvalidDBClusterSnapshotStateFault", "Only manual snapshots may be deleted.");
  rds_key(call, &key, erasing->snapshot->Snapshot->DBClusterSnapshotIdentifier);
  return store_delete(call->txn, &rds_snapshots, &key, NULL);
}

OPERATION(DeleteDBClusterSnapshot, delete_db_cluster_snapshot, .txn = TXN_NONE)
static Error *
delete_db_cluster_snapshot(Call *call, const RdsDeleteDBClusterSnapshotInput *in, RdsDeleteDBClusterSnapshotOutput *ret_out)
{
  Erasing erasing = {.id = in->DBClusterSnapshotIdentifier};
  TRY(call_write(call, erase, &erasing));
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(rds_backups_mutex(call->haar));
  g_autofree char *directory = snapshot_directory(call->haar, erasing.snapshot);
  directory_remove(directory);
  ret_out->DBClusterSnapshot = erasing.snapshot->Snapshot;
  ret_out->DBClusterSnapshot->Status = "deleted";
  return NULL;
}

/* -- restore --------------------------------------------------------------------------------------------------------------- */

typedef struct Restoring {
  const RdsRestoreDBClusterFromSnapshotInput *in;
  RdsSnapshotRecord *snapshot;
} Restoring;

static Error *
read_snapshot(Call *call, gpointer data)
{
  Restoring *restoring = data;
  return snapshot_get(call, restoring->in->SnapshotIdentifier, &restoring->snapshot);
}

Error *
cluster_save_restored(Call *call, gpointer data)
{
  const RestoredCluster *wanted = data;
  Key key;
  void *old = NULL;
  rds_key(call, &key, wanted->id);
  TRY(record_get(call->txn, &rds_clusters, &key, &RdsClusterRecord_shape, call->arena, &old));
  if (old)
    return error_answer("DBClusterAlreadyExistsFault", "DB Cluster already exists");
  TRY(cluster_place(call, wanted->subnet_group, wanted->groups, wanted->record->Cluster));
  TRY(log_types_set(call, wanted->record->Cluster, wanted->log_types));
  TRY(event_put(call, EVENT_CLUSTER_CREATED, wanted->record->Cluster->DBClusterIdentifier, NULL));
  TRY(backup_schedule(call, wanted->record, FALSE));
  return cluster_put(call, wanted->record);
}

void
cluster_describe_restored(Call *call, const RestoredCluster *wanted)
{
  RdsClusterRecord *record = wanted->record;
  RdsDBCluster *cluster = record->Cluster;
  g_autofree char *lower = g_ascii_strdown(wanted->id, -1);
  record->KeyContext = record->KeyContext ? record->KeyContext : cluster->DbClusterResourceId;
  cluster->DBClusterIdentifier = arena_strdup(call->arena, lower);
  cluster->DbClusterResourceId = arena_printf(call->arena, "cluster-%s", id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26));
  cluster->DBClusterArn = rds_arn(call, "cluster", lower);
  cluster->Endpoint = endpoint_writer(call, lower);
  cluster->ReaderEndpoint = endpoint_reader(call, lower);
  cluster->ClusterCreateTime = OPT_TIME(call->now);
  cluster->DBClusterMembers.n = 0;
  cluster->VpcSecurityGroups = (RdsVpcSecurityGroupMembershipList) {0};
  cluster->AvailabilityZones = (StringList) {0};
  cluster->TagList = *wanted->tags;
  cluster->DeletionProtection = OPT_BOOL(OPT_OR(wanted->deletion_protection, FALSE));
  cluster->Status = "available";
  cluster_complete(call->arena, cluster);
  record->NextBackup = record->HistoryFrom.set ? OPT_TIME(call->now) : (OptTime) {0};
  record->HistoryFrom = record->HistoryFrom.set ? OPT_TIME(call->now) : (OptTime) {0};
  if (wanted->port.set)
    cluster->Port = wanted->port;
  if (wanted->parameter_group)
    cluster->DBClusterParameterGroup = wanted->parameter_group;
  cluster_restorable(call, record);
}

OPERATION(RestoreDBClusterFromSnapshot, restore_db_cluster_from_snapshot, .txn = TXN_NONE, .authorize = authorize_rds)
static Error *
restore_db_cluster_from_snapshot(Call *call, const RdsRestoreDBClusterFromSnapshotInput *in, RdsRestoreDBClusterFromSnapshotOutput *ret_out)
{
  Restoring restoring = {.in = in};
  TRY(rds_identifier_check("DBClusterIdentifier", in->DBClusterIdentifier));
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(rds_backups_mutex(call->haar));
  TRY(call_read(call, read_snapshot, &restoring));
  if (strcmp(in->Engine, restoring.snapshot->Snapshot->Engine))
    return error_answer("InvalidParameterCombination", "The engine %s does not match the snapshot's, %s.", in->Engine, restoring.snapshot->Snapshot->Engine);
  if (in->KmsKeyId && g_strcmp0(in->KmsKeyId, restoring.snapshot->Snapshot->KmsKeyId))
    return error_answer("InvalidParameterCombination", "haar does not encrypt a restored cluster with another key yet");
  const RestoredCluster wanted = {
    .id = in->DBClusterIdentifier, .subnet_group = in->DBSubnetGroupName, .groups = &in->VpcSecurityGroupIds, .tags = &in->Tags,
    .log_types = &in->EnableCloudwatchLogsExports,
    .deletion_protection = in->DeletionProtection, .port = in->Port, .parameter_group = in->DBClusterParameterGroupName,
    .record = restoring.snapshot->Cluster,
  };
  cluster_describe_restored(call, &wanted);
  g_autofree char *source = snapshot_directory(call->haar, restoring.snapshot);
  g_autofree char *volume = engine_directory(call->haar, wanted.record->Cluster->DbClusterResourceId);
  TRY(volume_copy(source, volume));
  Error *error = call_write(call, cluster_save_restored, (gpointer) &wanted);
  if (error)
    directory_remove(volume);
  ret_out->DBCluster = wanted.record->Cluster;
  return error;
}
