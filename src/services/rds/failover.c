/* failover: the replica with the lowest promotion tier becomes the writer, by API, because the writer's process ended, or because its zone is down
 * (`haar fault zone`); then a replica in a zone that is up.
 *
 *   the writer writes no more -> the replica applies its binary log to the end -> it is promoted, the names follow
 *   -> the former writer comes back as a replica, from an empty directory
 * A writer that ended is started once more for that, without an interface (EngineSpec.recovering): as on AWS, where the volume is shared, nothing
 * that was acknowledged is lost. Without a replica that can take over, the ended writer itself is started again.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html */
#include "server/server.h"
#include "services/rds/rds.h"

#include <string.h>

#define CATCH_UP_SECONDS 30
#define ATTEMPTS 3

/* -- who takes over -------------------------------------------------------------------------------------------------------- */

static gboolean
is_down(const Haar *haar, const RdsInstanceRecord *instance)
{
  return server_fault_on(haar->server, "zone", instance->Instance->AvailabilityZone);
}

/* The replica of the lowest tier, in a zone that is up. available: only those that are; named: only that one, wherever it is, or NULL. */
static Error *
choose(Call *call, const RdsDBCluster *cluster, const char *named, gboolean available, RdsDBClusterMember **ret_target)
{
  *ret_target = NULL;
  for (gsize i = 0; i < cluster->DBClusterMembers.n; i++) {
    RdsDBClusterMember *member = cluster->DBClusterMembers.v[i];
    RdsInstanceRecord *instance = NULL;
    if (OPT_OR(member->IsClusterWriter, FALSE) || (named && g_ascii_strcasecmp(member->DBInstanceIdentifier, named)))
      continue;
    TRY(instance_get(call, member->DBInstanceIdentifier, &instance));
    if (!named && is_down(call->haar, instance))
      continue;
    if (available && (strcmp(instance->Instance->DBInstanceStatus, "available") || !engine_running(call->haar, instance->Instance->DBInstanceArn)))
      continue;
    if (!*ret_target || OPT_OR(member->PromotionTier, 1) < OPT_OR((*ret_target)->PromotionTier, 1))
      *ret_target = member;
  }
  return NULL;
}

/* Marks the cluster and puts the job. */
static Error *
begin(Call *call, RdsClusterRecord *cluster, const RdsDBClusterMember *target)
{
  RdsInstanceRecord *next = NULL, *old = NULL;
  const RdsDBClusterMember *writer = cluster_writer(cluster->Cluster);
  TRY(instance_get(call, target->DBInstanceIdentifier, &next));
  if (writer)
    TRY(instance_get(call, writer->DBInstanceIdentifier, &old));
  gboolean same = old && !g_strcmp0(old->Instance->AvailabilityZone, next->Instance->AvailabilityZone);
  cluster->Cluster->Status = "failing-over";
  TRY(event_put(call, same ? EVENT_FAILOVER_SAME_ZONE : EVENT_FAILOVER_CROSS_ZONE, cluster->Cluster->DBClusterIdentifier, target->DBInstanceIdentifier));
  TRY(cluster_put(call, cluster));
  return instance_job_put(call, RDS_FAILOVER_JOB, target->DBInstanceIdentifier);
}

OPERATION(FailoverDBCluster, failover_db_cluster, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
failover_db_cluster(Call *call, const RdsFailoverDBClusterInput *in, RdsFailoverDBClusterOutput *ret_out)
{
  RdsClusterRecord *record = NULL;
  RdsDBClusterMember *target = NULL;
  TRY(cluster_get(call, in->DBClusterIdentifier, &record));
  if (in->TargetDBInstanceIdentifier && !cluster_member(record->Cluster, in->TargetDBInstanceIdentifier))
    return error_answer_status(404, "DBInstanceNotFound", "DBInstance %s not found.", in->TargetDBInstanceIdentifier);
  TRY(choose(call, record->Cluster, in->TargetDBInstanceIdentifier, FALSE, &target));
  if (!target)
    return error_answer("InvalidDBClusterStateFault", "Cluster %s has no replica to fail over to.", record->Cluster->DBClusterIdentifier);
  ret_out->DBCluster = record->Cluster;
  return begin(call, record, target);
}

/* -- the change ------------------------------------------------------------------------------------------------------------ */

/* The others start again as replicas of the new writer, from nothing. A server does not apply what has its own number, and the former writer's
 * is on all that it wrote: it gets another. */
static Error *
follow_again(Call *call, const RdsDBClusterMember *member)
{
  RdsInstanceRecord *other = NULL;
  guint32 number = 0;
  id_random(&number, sizeof number);
  TRY(instance_get(call, member->DBInstanceIdentifier, &other));
  other->Prepared = OPT_BOOL(FALSE);
  other->ServerId = OPT_INT(1 + (number & 0x3fffffff));
  other->Instance->DBInstanceStatus = "rebooting";
  TRY(instance_put(call, other));
  return instance_job_put(call, RDS_INSTANCE_JOB, member->DBInstanceIdentifier);
}

static Error *
swap_writer(Call *call, gpointer data)
{
  InstanceWork *work = data;
  RdsClusterRecord *cluster = NULL;
  TRY(cluster_get(call, work->instance->Instance->DBClusterIdentifier, &cluster));
  for (gsize i = 0; i < cluster->Cluster->DBClusterMembers.n; i++) {
    RdsDBClusterMember *member = cluster->Cluster->DBClusterMembers.v[i];
    member->IsClusterWriter = OPT_BOOL(!g_ascii_strcasecmp(member->DBInstanceIdentifier, work->id));
    if (!OPT_OR(member->IsClusterWriter, FALSE))
      TRY(follow_again(call, member));
  }
  cluster->Cluster->Status = "available";
  TRY(cluster_put(call, cluster));
  TRY(event_put(call, EVENT_FAILOVER_DONE, cluster->Cluster->DBClusterIdentifier, work->id));
  return endpoints_publish(call, cluster);
}

/* It failed: the old writer goes on, or is started again. */
static Error *
give_up(Call *call, gpointer data)
{
  InstanceWork *work = data;
  RdsClusterRecord *cluster = NULL;
  TRY(cluster_get(call, work->instance->Instance->DBClusterIdentifier, &cluster));
  const RdsDBClusterMember *writer = cluster_writer(cluster->Cluster);
  cluster->Cluster->Status = "available";
  TRY(cluster_put(call, cluster));
  TRY(event_put(call, EVENT_FAILOVER_FAILED, cluster->Cluster->DBClusterIdentifier, NULL));
  return writer ? instance_job_put(call, RDS_INSTANCE_JOB, writer->DBInstanceIdentifier) : NULL;
}

/* The old writer writes no more and says where its log ends; one that ended is started once more for it. */
static Error *
stop_writing(Call *call, const InstanceWork *work, char **ret_position)
{
  Haar *haar = call->haar;
  InstanceWork old = {.id = strrchr(work->source_arn, ':') + 1};
  if (engine_running(haar, work->source_arn)) {
    TRY(engine_sql(haar, work->source_arn, "SET SESSION lock_wait_timeout=5; SET GLOBAL read_only=1; FLUSH TABLES WITH READ LOCK"));
  } else {
    TRY(call_read(call, work_load, &old));
    TRY(work_unseal(call, &old));
    TRY(work_start(call, &old, TRUE));
    TRY(engine_sql(haar, rds_arn(call, "db", work->id), "STOP SLAVE IO_THREAD; START SLAVE IO_THREAD")); /* it connects now, not at its next try */
  }
  return engine_position(haar, work->source_arn, ret_position);
}

static Error *
take_over(Call *call, InstanceWork *work)
{
  Haar *haar = call->haar;
  const char *arn = rds_arn(call, "db", work->id);
  g_autofree char *position = NULL;
  if (work->source_arn) {
    TRY(stop_writing(call, work, &position));
    TRY(engine_await(haar, arn, position, CATCH_UP_SECONDS));
  } else {
    TRY(engine_apply_received(haar, arn, CATCH_UP_SECONDS)); /* the writer was deleted */
  }
  TRY(engine_promote(haar, arn));
  if (work->source_arn)
    engine_stop(haar, work->source_arn);
  return call_write(call, swap_writer, work);
}

static Error *
failover_job(JobRun *run)
{
  InstanceWork work = {0};
  g_autoptr(Call) call = rds_job_call(run, &work.id);
  TRY(call_read(call, work_load, &work));
  const RdsDBClusterMember *member = cluster_member(work.cluster->Cluster, work.id);
  if (!member || OPT_OR(member->IsClusterWriter, FALSE)) /* deleted meanwhile; or done before haar was killed */
    return NULL;
  g_autoptr(Error) error = take_over(call, &work);
  if (!error || run->attempt < ATTEMPTS)
    return g_steal_pointer(&error);
  log_warning("failover to %s: %s", work.id, error->message);
  if (work.source_arn)
    engine_stop(call->haar, work.source_arn);
  return call_write(call, give_up, &work);
}

/* -- a process that ended ---------------------------------------------------------------------------------------------------- */

static Error *
react(Call *call, gpointer data)
{
  const char *id = data;
  RdsInstanceRecord *instance = NULL;
  RdsClusterRecord *cluster = NULL;
  RdsDBClusterMember *target = NULL;
  TRY(instance_get(call, id, &instance));
  if (!strcmp(instance->Instance->DBInstanceStatus, "deleting") || engine_running(call->haar, instance->Instance->DBInstanceArn))
    return NULL;
  TRY(cluster_get(call, instance->Instance->DBClusterIdentifier, &cluster));
  const RdsDBClusterMember *member = cluster_member(cluster->Cluster, id);
  TRY(event_put(call, EVENT_INSTANCE_SHUTDOWN, instance->Instance->DBInstanceIdentifier, NULL));
  if (member && OPT_OR(member->IsClusterWriter, FALSE))
    TRY(choose(call, cluster->Cluster, NULL, TRUE, &target));
  if (target)
    return begin(call, cluster, target);
  instance->Instance->DBInstanceStatus = "rebooting";
  TRY(instance_put(call, instance));
  TRY(endpoints_publish(call, cluster));
  return instance_job_put(call, RDS_INSTANCE_JOB, id);
}

static Error *
lost_job(JobRun *run)
{
  const char *id = NULL;
  g_autoptr(Call) call = rds_job_call(run, &id);
  g_autoptr(Error) error = call_write(call, react, (gpointer) id);
  return error_is(error, "DBInstanceNotFound") ? NULL : g_steal_pointer(&error);
}

typedef struct Loss {
  Haar *haar;
  char *arn;
} Loss;

static Error *
put_lost_job(Call *call, gpointer data)
{
  return instance_job_put(call, RDS_LOST_JOB, data);
}

static void
tell_loss(gpointer data)
{
  g_autofree Loss *loss = data;
  g_autofree char *text = loss->arn;
  g_autoptr(Arena) arena = arena_new();
  Arn arn;
  if (!arn_parse(arena, text, &arn))
    return;
  g_autoptr(Call) call = call_new(loss->haar, arn.account, arn.region, principal_service(arena, "rds", arn.account));
  g_autoptr(Error) error = call_write(call, put_lost_job, strrchr(text, ':') + 1);
  if (error)
    log_error("database engine %s: %s", text, error->message);
}

void
engine_lost(Haar *haar, const char *arn)
{
  Loss *loss = g_new0(Loss, 1);
  *loss = (Loss) {haar, g_strdup(arn)};
  jobs_run(haar->jobs, tell_loss, loss);
}

/* -- a zone that is down ----------------------------------------------------------------------------------------------------- */

/* The cluster's writer, if its zone is down, is replaced by a replica in another, if there is one. */
static Error *
leave_zone(Call *call, gpointer data)
{
  RdsClusterRecord *cluster = NULL;
  RdsInstanceRecord *instance = NULL;
  RdsDBClusterMember *target = NULL;
  TRY(cluster_get(call, data, &cluster));
  const RdsDBClusterMember *writer = cluster_writer(cluster->Cluster);
  if (!writer || strcmp(cluster->Cluster->Status, "available"))
    return NULL;
  TRY(instance_get(call, writer->DBInstanceIdentifier, &instance));
  if (!is_down(call->haar, instance))
    return NULL;
  TRY(choose(call, cluster->Cluster, NULL, TRUE, &target));
  return target ? begin(call, cluster, target) : NULL;
}

typedef struct Place { char *region, *account, *id; } Place;

/* Where the clusters of all accounts are: keys are (region, account, id). */
static Error *
clusters_all(Haar *haar, Arena *arena, GArray *ret_places)
{
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Cursor) cursor = NULL;
  TRY(store_begin_read(haar->store, &txn));
  TRY(cursor_open(txn, &rds_clusters, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    Place place;
    gsize size = 0;
    if (key_read(&reader, arena, &place.region, &size) && key_read(&reader, arena, &place.account, &size) && key_read(&reader, arena, &place.id, &size))
      g_array_append_val(ret_places, place);
  }
  return NULL;
}

static void
leave_zones(gpointer data)
{
  Haar *haar = data;
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(Place));
  Error *error = clusters_all(haar, arena, places);
  for (guint i = 0; !error && i < places->len; i++) {
    const Place *place = &g_array_index(places, Place, i);
    g_autoptr(Call) call = call_new(haar, place->account, place->region, principal_service(arena, "rds", place->account));
    error = call_write(call, leave_zone, place->id);
  }
  if (error)
    log_error("databases in a zone that is down: %s", error->message);
  error_free(error);
}

static void
zone_changed(Haar *haar, const Fault *fault, gboolean on)
{
  (void) on;
  if (!strcmp(fault->kind, "zone"))
    jobs_run(haar->jobs, leave_zones, haar);
}

void
failover_start(Haar *haar)
{
  server_fault_watch(haar, zone_changed);
  jobs_register(haar->jobs, RDS_FAILOVER_JOB, failover_job);
  jobs_register(haar->jobs, RDS_LOST_JOB, lost_job);
}
