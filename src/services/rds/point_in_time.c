/* point_in_time: a cluster as it was at a second of the past. What a cluster keeps for it are its binary logs, and base copies (backup.c). Until the
 * first base copy is older than the retention the logs hold all that was ever done to the cluster, from its first statement.
 *
 * RestoreDBClusterToPointInTime copies the writer's volume as it is, and the newest base copy before the time (so that the source may go), and notes
 * the time, as the machine knew it: the clock may have been moved since. When the first instance of the new cluster comes up, a server without an
 * interface serves the writer's copy, and the instance follows it from the base, or from an empty directory if there is none, up to the last
 * transaction of that second. Then it is a writer of its own.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-pitr.html */
#include "services/rds/rds.h"

#include <string.h>

#define REPLAY_SECONDS 1800
#define DAY_MS (G_GINT64_CONSTANT(24) * 3600 * 1000)

void
cluster_restorable(const Call *call, const RdsClusterRecord *record)
{
  RdsDBCluster *cluster = record->Cluster;
  gint64 kept = call->now - OPT_OR(cluster->BackupRetentionPeriod, 1) * DAY_MS;
  gint64 from = record->HistoryFrom.set ? record->HistoryFrom.ms : cluster->ClusterCreateTime.ms;
  cluster->EarliestRestorableTime = OPT_TIME(MAX(from, kept));
  cluster->LatestRestorableTime = OPT_TIME(call->now);
}

/* -- the operation --------------------------------------------------------------------------------------------------------- */

typedef struct Restoring {
  const RdsRestoreDBClusterToPointInTimeInput *in;
  RdsClusterRecord *cluster; /* the source, then the new one */
  char *base;                /* the directory of the base copy that it begins with; NULL: none */
  RdsClusterRecord *origin;  /* the source as it stays */
} Restoring;

static Error *
check_input(const RdsRestoreDBClusterToPointInTimeInput *in)
{
  gboolean latest = OPT_OR(in->UseLatestRestorableTime, FALSE);
  TRY(rds_identifier_check("DBClusterIdentifier", in->DBClusterIdentifier));
  if (in->RestoreToTime.set && latest)
    return error_answer("InvalidParameterCombination", "You cannot specify both RestoreToTime and UseLatestRestorableTime.");
  if (in->RestoreType && strcmp(in->RestoreType, "full-copy") && strcmp(in->RestoreType, "copy-on-write"))
    return error_answer("InvalidParameterValue", "Invalid restore type: %s. Must be full-copy or copy-on-write.", in->RestoreType);
  if (!in->RestoreToTime.set && !latest)
    return error_answer("InvalidParameterCombination", "Either RestoreToTime or UseLatestRestorableTime must be specified.");
  return NULL;
}

static Error *
read_source(Call *call, gpointer data)
{
  Restoring *restoring = data;
  const RdsRestoreDBClusterToPointInTimeInput *in = restoring->in;
  gint64 at = in->RestoreToTime.set ? in->RestoreToTime.ms : call->now, machine = 0;
  TRY(cluster_get(call, in->SourceDBClusterIdentifier, &restoring->cluster));
  RdsDBCluster *source = restoring->cluster->Cluster;
  RdsSnapshotRecord *base = NULL;
  cluster_restorable(call, restoring->cluster);
  if (at > source->LatestRestorableTime.ms || at < source->EarliestRestorableTime.ms)
    return error_answer("InvalidParameterValue", "The specified time %s is not within the restorable times of %s, from %s to %s.",
                        text_iso8601(call->arena, at, FALSE), source->DBClusterIdentifier,
                        text_iso8601(call->arena, source->EarliestRestorableTime.ms, FALSE), text_iso8601(call->arena, source->LatestRestorableTime.ms, FALSE));
  if (in->KmsKeyId && g_strcmp0(in->KmsKeyId, source->KmsKeyId))
    return error_answer("InvalidParameterCombination", "haar does not encrypt a restored cluster with another key yet");
  if (restoring->cluster->RestoreTo.set)
    return error_answer("InvalidDBClusterStateFault", "Cluster %s is being restored itself: it has no instance yet.", source->DBClusterIdentifier);
  TRY(clock_machine_time(call, at, &machine));
  TRY(backup_base(call, restoring->cluster, machine, &base));
  if (!base && restoring->cluster->HistoryFrom.set)
    return error_answer("InvalidDBClusterStateFault", "Cluster %s was restored and has no backup yet.", source->DBClusterIdentifier);
  restoring->origin = shape_copy(call->arena, &RdsClusterRecord_shape, restoring->cluster);
  restoring->cluster->RestoreTo = OPT_TIME(machine);
  restoring->cluster->FromBase = OPT_BOOL(base != NULL);
  /* What the new cluster's own logs will hold is what the base's hold, and what is done then. */
  restoring->cluster->HistoryFrom = base ? base->Cluster->HistoryFrom : (OptTime) {0};
  if (base) {
    restoring->base = snapshot_directory(call->haar, base);
    arena_own(call->arena, restoring->base, g_free);
  }
  return NULL;
}

static char *
source_directory(const Haar *haar, const RdsClusterRecord *cluster)
{
  g_autofree char *name = g_strconcat(cluster->Cluster->DbClusterResourceId, ".source", NULL);
  return engine_directory(haar, name);
}

static char *
base_directory(const Haar *haar, const RdsClusterRecord *cluster)
{
  g_autofree char *name = g_strconcat(cluster->Cluster->DbClusterResourceId, ".base", NULL);
  return engine_directory(haar, name);
}

static Error *
copy_source(Call *call, Restoring *restoring)
{
  g_autofree char *source = source_directory(call->haar, restoring->cluster), *base = base_directory(call->haar, restoring->cluster);
  if (restoring->base)
    TRY(volume_copy(restoring->base, base));
  return snapshot_copy(call, restoring->origin, source);
}

OPERATION(RestoreDBClusterToPointInTime, restore_db_cluster_to_point_in_time, .txn = TXN_NONE, .authorize = authorize_rds)
static Error *
restore_db_cluster_to_point_in_time(Call *call, const RdsRestoreDBClusterToPointInTimeInput *in, RdsRestoreDBClusterToPointInTimeOutput *ret_out)
{
  Restoring restoring = {.in = in};
  TRY(check_input(in));
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(rds_backups_mutex(call->haar)); /* both copies are of one history */
  TRY(call_read(call, read_source, &restoring));
  RdsDBCluster *cluster = restoring.cluster->Cluster;
  const RestoredCluster wanted = {
    .id = in->DBClusterIdentifier, .subnet_group = in->DBSubnetGroupName ? in->DBSubnetGroupName : cluster->DBSubnetGroup,
    .groups = &in->VpcSecurityGroupIds, .log_types = &in->EnableCloudwatchLogsExports, .tags = &in->Tags, .deletion_protection = in->DeletionProtection, .port = in->Port,
    .parameter_group = in->DBClusterParameterGroupName, .record = restoring.cluster,
  };
  cluster_describe_restored(call, &wanted);
  Error *error = copy_source(call, &restoring);
  if (!error)
    error = call_write(call, cluster_save_restored, (gpointer) &wanted);
  if (error)
    cluster_forget_source(call->haar, restoring.cluster);
  ret_out->DBCluster = cluster;
  return error;
}

/* -- the replay -------------------------------------------------------------------------------------------------------------- */

static gboolean
from_base(const InstanceWork *work)
{
  return OPT_OR(work->cluster->FromBase, FALSE);
}

static Error *
replay_to(Call *call, InstanceWork *work, const char *source_arn, const char *position)
{
  Haar *haar = call->haar;
  const char *arn = rds_arn(call, "db", work->id);
  g_autofree char *directory = engine_directory(haar, work->instance->Instance->DbiResourceId), *base = base_directory(haar, work->cluster);
  directory_remove(directory);
  TRY(from_base(work) ? volume_copy(base, directory) : template_copy(haar, directory));
  EngineSpec spec = work_spec(call, work, directory);
  spec.replica = TRUE;
  spec.source_arn = source_arn;
  spec.until = position;
  TRY(engine_start(haar, &spec));
  Error *error = engine_await(haar, arn, position, REPLAY_SECONDS);
  if (!error)
    error = engine_promote(haar, arn);
  engine_stop(haar, arn); /* it starts again as a writer */
  return error;
}

static Error *
replay_from(Call *call, InstanceWork *work, const EngineSpec *source)
{
  g_autofree char *position = NULL;
  TRY(engine_start(call->haar, source));
  Error *error = engine_position_at(call->haar, source->arn, work->cluster->RestoreTo.ms / 1000, &position);
  if (!error && *position)
    error = replay_to(call, work, source->arn, position);
  engine_stop(call->haar, source->arn);
  if (!error && *position)
    work->instance->Prepared = OPT_BOOL(TRUE);
  return error;
}

static Error *
save_replayed(Call *call, gpointer data)
{
  InstanceWork *work = data;
  RdsInstanceRecord *instance = NULL;
  RdsClusterRecord *cluster = NULL;
  TRY(instance_get(call, work->id, &instance));
  TRY(cluster_get(call, instance->Instance->DBClusterIdentifier, &cluster));
  cluster->RestoreTo = (OptTime) {0};
  cluster->FromBase = (OptBool) {0};
  instance->Prepared = work->instance->Prepared;
  TRY(cluster_put(call, cluster));
  return instance_put(call, instance);
}

Error *
cluster_replay(Call *call, InstanceWork *work)
{
  if (!work->cluster->RestoreTo.set || work->source_arn)
    return NULL;
  g_autofree char *directory = source_directory(call->haar, work->cluster);
  EngineSpec source = work_spec(call, work, directory);
  source.arn = arena_printf(call->arena, "%s.source", work->cluster->Cluster->DBClusterArn);
  source.eni_id = NULL;
  source.recovering = TRUE;
  source.server_id ^= 0x40000000; /* another than its follower's */
  TRY(replay_from(call, work, &source));
  TRY(call_write(call, save_replayed, work));
  cluster_forget_source(call->haar, work->cluster);
  return NULL;
}

void
cluster_forget_source(const Haar *haar, const RdsClusterRecord *cluster)
{
  g_autofree char *source = source_directory(haar, cluster), *base = base_directory(haar, cluster);
  directory_remove(source);
  directory_remove(base);
}
