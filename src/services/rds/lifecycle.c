/* lifecycle: the jobs that bring instances to what their records ask for.
 *
 *   creating -> (interface, data directory, engine) -> available -> deleting -> gone
 *                                     available -> rebooting -> available
 * A daemon that starts puts the job of every instance, so that its engine runs again. */
#include "services/rds/rds.h"
#include "services/ec2.gen.h"
#include "services/kms.gen.h"

#include <string.h>

Error *
instance_job_put(Call *call, const char *kind, const char *instance_id)
{
  g_autofree char *payload = g_strdup_printf("%s %s %s", call->account, call->region, instance_id);
  return jobs_put(call->txn, call->haar->jobs, kind, rds_arn(call, "db", instance_id), 0, payload, strlen(payload) + 1);
}

Error *
work_load(Call *call, gpointer data)
{
  InstanceWork *work = data;
  TRY(instance_get(call, work->id, &work->instance));
  TRY(cluster_get(call, work->instance->Instance->DBClusterIdentifier, &work->cluster));
  TRY(subnet_group_get(call, work->cluster->Cluster->DBSubnetGroup, &work->group));
  const RdsDBClusterMember *writer = cluster_writer(work->cluster->Cluster);
  work->source_arn = writer && g_ascii_strcasecmp(writer->DBInstanceIdentifier, work->id) ? rds_arn(call, "db", writer->DBInstanceIdentifier) : NULL;
  return parameters_load(call, work);
}

Error *
work_unseal(Call *call, InstanceWork *work)
{
  KmsDecryptInput in = {.CiphertextBlob = work->cluster->DataKey};
  KmsDecryptOutput out = {0};
  guint8 *data = NULL;
  gsize size = 0;
  MAP_SET(call->arena, &in.EncryptionContext, "aws:rds:dbc-id", cluster_key_context(work->cluster));
  TRY(call_operation(call, &KmsOperationDecrypt, NULL, "rds", &in, &out));
  TRY(store_open_sealed(call->arena, out.Plaintext.data, work->cluster->SealedPassword.data, work->cluster->SealedPassword.size, &data, &size));
  work->master_password = arena_strndup(call->arena, (const char *) data, size);
  TRY(store_open_sealed(call->arena, out.Plaintext.data, work->cluster->ReplicationPassword.data, work->cluster->ReplicationPassword.size, &data, &size));
  work->replication_password = arena_strndup(call->arena, (const char *) data, size);
  work->key = OPT_OR(work->cluster->Cluster->StorageEncrypted, FALSE) ? out.Plaintext.data : NULL;
  return NULL;
}

/* -- the network interface ----------------------------------------------------------------------------------------------- */

static Error *
save_interface(Call *call, gpointer data)
{
  InstanceWork *work = data;
  RdsInstanceRecord *now = NULL;
  TRY(instance_get(call, work->id, &now));
  now->EniId = work->instance->EniId;
  now->Address = work->instance->Address;
  now->Prepared = work->instance->Prepared;
  return instance_put(call, now);
}

static Error *
make_interface(Call *call, InstanceWork *work)
{
  Ec2CreateNetworkInterfaceInput in = {.Description = "RDSNetworkInterface"};
  Ec2CreateNetworkInterfaceOutput out = {0};
  const RdsDBSubnetGroup *group = work->group->Group;
  if (work->instance->EniId)
    return NULL;
  for (gsize i = 0; i < group->Subnets.n; i++)
    if (!strcmp(group->Subnets.v[i]->SubnetAvailabilityZone->Name, work->instance->Instance->AvailabilityZone))
      in.SubnetId = group->Subnets.v[i]->SubnetIdentifier;
  for (gsize i = 0; i < work->cluster->Cluster->VpcSecurityGroups.n; i++)
    LIST_APPEND(call->arena, &in.Groups, work->cluster->Cluster->VpcSecurityGroups.v[i]->VpcSecurityGroupId);
  TRY(call_operation(call, &Ec2OperationCreateNetworkInterface, NULL, NULL, &in, &out));
  work->instance->EniId = out.NetworkInterface->NetworkInterfaceId;
  work->instance->Address = out.NetworkInterface->PrivateIpAddress;
  return call_write(call, save_interface, work);
}

/* The cluster's groups may have changed since. */
static Error *
regroup_interface(Call *call, const InstanceWork *work)
{
  Ec2ModifyNetworkInterfaceAttributeInput in = {.NetworkInterfaceId = work->instance->EniId};
  Ec2ModifyNetworkInterfaceAttributeOutput out = {0};
  for (gsize i = 0; i < work->cluster->Cluster->VpcSecurityGroups.n; i++)
    LIST_APPEND(call->arena, &in.Groups, work->cluster->Cluster->VpcSecurityGroups.v[i]->VpcSecurityGroupId);
  return call_operation(call, &Ec2OperationModifyNetworkInterfaceAttribute, NULL, NULL, &in, &out);
}

static Error *
drop_interface(Call *call, const InstanceWork *work)
{
  Ec2DeleteNetworkInterfaceInput in = {.NetworkInterfaceId = work->instance->EniId};
  Ec2DeleteNetworkInterfaceOutput out = {0};
  if (!in.NetworkInterfaceId)
    return NULL;
  g_autoptr(Error) error = call_operation(call, &Ec2OperationDeleteNetworkInterface, NULL, NULL, &in, &out);
  return error && !error_is(error, "InvalidNetworkInterfaceID.NotFound") ? g_steal_pointer(&error) : NULL;
}

/* -- status ---------------------------------------------------------------------------------------------------------------- */

typedef struct StatusChange { const char *id, *status, *reason; } StatusChange;

/* Why an instance does not run: in its own description, and as events of it and of its cluster. */
static Error *
tell_reason(Call *call, const StatusChange *change, RdsDBInstance *instance)
{
  instance->StatusInfos = (RdsDBInstanceStatusInfoList) {0};
  if (!change->reason)
    return NULL;
  RdsDBInstanceStatusInfo *info = ARENA_NEW(call->arena, RdsDBInstanceStatusInfo);
  *info = (RdsDBInstanceStatusInfo) {.StatusType = "engine", .Normal = OPT_BOOL(FALSE), .Status = "error", .Message = change->reason};
  LIST_APPEND(call->arena, &instance->StatusInfos, info);
  TRY(event_put(call, EVENT_INSTANCE_FAILED, instance->DBInstanceIdentifier, change->reason));
  return event_put(call, EVENT_CLUSTER_INSTANCE_FAILED, instance->DBClusterIdentifier,
                   arena_printf(call->arena, "DB instance %s does not run: %s", instance->DBInstanceIdentifier, change->reason));
}

static Error *
save_status(Call *call, gpointer data)
{
  const StatusChange *change = data;
  RdsInstanceRecord *instance = NULL;
  RdsClusterRecord *cluster = NULL;
  TRY(instance_get(call, change->id, &instance));
  const char *before = instance->Instance->DBInstanceStatus;
  if (!strcmp(before, "deleting"))
    return NULL;
  if (!strcmp(change->status, "available") && (!strcmp(before, "creating") || !strcmp(before, "rebooting")))
    TRY(event_put(call, *before == 'c' ? EVENT_INSTANCE_CREATED : EVENT_INSTANCE_RESTARTED, instance->Instance->DBInstanceIdentifier, NULL));
  instance->Instance->DBInstanceStatus = change->status;
  TRY(tell_reason(call, change, instance->Instance));
  TRY(instance_put(call, instance));
  TRY(cluster_get(call, instance->Instance->DBClusterIdentifier, &cluster));
  /* A restored cluster's first base copy waits for a server. */
  if (!strcmp(change->status, "available") && cluster->NextBackup.set && cluster->NextBackup.ms <= call->now)
    TRY(backup_schedule(call, cluster, TRUE));
  return endpoints_publish(call, cluster);
}

Error *
instance_set_status(Call *call, const char *instance_id, const char *status, const char *reason)
{
  StatusChange change = {instance_id, status, reason};
  return call_write(call, save_status, &change);
}

/* -- create, restart ------------------------------------------------------------------------------------------------------- */

/* Not its logs, which may not be exported yet. */
static void
data_remove(const char *directory)
{
  g_autofree char *data = g_build_filename(directory, "data", NULL), *run = g_build_filename(directory, "run", NULL);
  directory_remove(data);
  directory_remove(run);
}

static Error *
find_base(Call *call, gpointer data)
{
  InstanceWork *work = data;
  return backup_base(call, work->cluster, G_MAXINT64, &work->base);
}

/* A new replica begins with the newest base copy, or from nothing, and receives what came since. Without either (the writer's logs do not go back
 * to its first statement, and there is no base copy yet) with a copy of the writer. */
static Error *
seed_replica(Call *call, InstanceWork *work, const char *directory)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(rds_backups_mutex(call->haar));
  TRY(call_read(call, find_base, work));
  g_autofree char *base = work->base ? snapshot_directory(call->haar, work->base) : NULL;
  if (base)
    return volume_copy(base, directory);
  return work->cluster->HistoryFrom.set ? engine_copy(call->haar, work->source_arn, directory) : template_copy(call->haar, directory);
}

/* Not while it is copied. */
static gboolean
take_volume(Haar *haar, const char *from, const char *to)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(rds_backups_mutex(haar));
  return volume_move(from, to);
}

/* A new writer takes the cluster's volume, if it has one. */
static Error *
prepare_directory(Call *call, InstanceWork *work, const char *directory)
{
  g_autofree char *volume = engine_directory(call->haar, work->cluster->Cluster->DbClusterResourceId);
  if (OPT_OR(work->instance->Prepared, FALSE))
    return NULL;
  data_remove(directory);
  if (work->source_arn)
    TRY(seed_replica(call, work, directory));
  else if (!take_volume(call->haar, volume, directory))
    TRY(template_copy(call->haar, directory));
  work->instance->Prepared = OPT_BOOL(TRUE);
  return call_write(call, save_interface, work);
}

EngineSpec
work_spec(Call *call, const InstanceWork *work, const char *directory)
{
  const RdsDBCluster *cluster = work->cluster->Cluster;
  return (EngineSpec) {
    .arn = rds_arn(call, "db", work->id), .name = work->instance->Instance->DBInstanceIdentifier, .directory = directory,
    .eni_id = work->instance->EniId, .address = work->instance->Address, .server_id = OPT_OR(work->instance->ServerId, 1),
    .port = (int) OPT_OR(cluster->Port, 3306), .replica = work->source_arn != NULL, .source_arn = work->source_arn,
    .master_user = cluster->MasterUsername, .master_password = work->master_password, .database = cluster->DatabaseName,
    .replication_password = work->replication_password, .key = work->key, .parameters = &work->parameters,
  };
}

Error *
work_start(Call *call, InstanceWork *work, gboolean recovering)
{
  g_autofree char *directory = engine_directory(call->haar, work->instance->Instance->DbiResourceId);
  TRY(cluster_replay(call, work));
  TRY(prepare_directory(call, work, directory));
  EngineSpec spec = work_spec(call, work, directory);
  if (recovering)
    spec.eni_id = NULL;
  spec.recovering = recovering;
  return engine_start(call->haar, &spec);
}

/* The password that was set is in the database; another that was set meanwhile stays to be done. */
static Error *
password_done(Call *call, gpointer data)
{
  const InstanceWork *work = data;
  RdsClusterRecord *now = NULL;
  TRY(cluster_get(call, work->cluster->Cluster->DBClusterIdentifier, &now));
  const Blob *before = &work->cluster->SealedPassword, *after = &now->SealedPassword;
  if (before->size != after->size || memcmp(before->data, after->data, after->size))
    return NULL;
  now->PasswordChanged = (OptBool) {0};
  return cluster_put(call, now);
}

/* ModifyDBCluster's new password. */
static Error *
change_password(Call *call, InstanceWork *work)
{
  g_autofree char *user = sql_quote(work->cluster->Cluster->MasterUsername), *password = sql_quote(work->master_password);
  g_autofree char *sql = g_strdup_printf("ALTER USER %s@'%%' IDENTIFIED BY %s", user, password);
  if (work->source_arn || !OPT_OR(work->cluster->PasswordChanged, FALSE))
    return NULL;
  TRY(engine_sql(call->haar, rds_arn(call, "db", work->id), sql));
  return call_write(call, password_done, work);
}

static Error *
bring_up(Call *call, InstanceWork *work)
{
  const char *arn = rds_arn(call, "db", work->id), *status = work->instance->Instance->DBInstanceStatus;
  if (!call->haar->fabric || !call->haar->sandboxes)
    return error_answer("InsufficientDBInstanceCapacity", "Databases need the network, which is off: %s",
                        call->haar->network_off_reason ? call->haar->network_off_reason : "started with --network=off");
  TRY(template_check());
  TRY(work_unseal(call, work));
  TRY(make_interface(call, work));
  if (!strcmp(status, "rebooting"))
    engine_stop(call->haar, arn);
  if (engine_running(call->haar, arn)) {
    TRY(regroup_interface(call, work));
    parameters_apply(call, work);
  } else {
    TRY(work_start(call, work, FALSE));
  }
  TRY(change_password(call, work));
  return instance_set_status(call, work->id, "available", NULL);
}

/* The call that a job makes: as RDS itself. payload: "account region instance". */
Call *
rds_job_call(const JobRun *run, const char **ret_id)
{
  g_auto(GStrv) words = g_strsplit(run->payload, " ", 3);
  const char *account = arena_strdup(run->arena, words[0]), *region = arena_strdup(run->arena, words[1]);
  *ret_id = arena_strdup(run->arena, words[2]);
  return call_new(run->context, account, region, principal_service(run->arena, "rds", account));
}

/* What an engine logged that does not run, or is gone. */
static void
export_logs(Call *call, const char *id, gboolean final)
{
  g_autoptr(Error) error = logs_export(call, id, final);
  if (error)
    log_debug("logs of %s: %s", id, error->message);
}

static Error *
instance_job(JobRun *run)
{
  InstanceWork work = {0};
  g_autoptr(Call) call = rds_job_call(run, &work.id);
  TRY(call_read(call, work_load, &work));
  if (!strcmp(work.instance->Instance->DBInstanceStatus, "deleting"))
    return NULL;
  g_autoptr(Error) error = bring_up(call, &work);
  export_logs(call, work.id, FALSE);
  if (!error)
    return NULL;
  log_warning("database instance %s: %s", work.id, error->message);
  gboolean gives_up = error->kind == ERROR_ANSWER || run->attempt >= 3;
  if (gives_up)
    TRY(instance_set_status(call, work.id, error_is(error, "InsufficientDBInstanceCapacity") ? "insufficient-capacity" : "failed",
                            error->message));
  return gives_up ? NULL : g_steal_pointer(&error);
}

/* -- delete ---------------------------------------------------------------------------------------------------------------- */

static Error *
erase(Call *call, gpointer data)
{
  Key key;
  rds_key(call, &key, data);
  TRY(event_put(call, EVENT_INSTANCE_DELETED, data, NULL));
  TRY(log_positions_forget(call, data));
  return store_delete(call->txn, &rds_instances, &key, NULL);
}

static Error *
delete_job(JobRun *run)
{
  InstanceWork work = {0};
  g_autoptr(Call) call = rds_job_call(run, &work.id);
  g_autoptr(Error) missing = call_read(call, work_load, &work);
  if (missing && !work.instance)
    return error_is(missing, "DBInstanceNotFound") ? NULL : g_steal_pointer(&missing);
  g_autofree char *directory = engine_directory(call->haar, work.instance->Instance->DbiResourceId);
  engine_stop(call->haar, rds_arn(call, "db", work.id));
  export_logs(call, work.id, TRUE);
  TRY(drop_interface(call, &work));
  if (call->haar->fabric)
    fabric_name_remove(call->haar->fabric, endpoint_instance(call, work.id));
  /* The last instance leaves the cluster its volume. */
  g_autofree char *volume = work.cluster ? engine_directory(call->haar, work.cluster->Cluster->DbClusterResourceId) : NULL;
  if (work.cluster && !work.cluster->Cluster->DBClusterMembers.n)
    take_volume(call->haar, directory, volume);
  directory_remove(directory);
  return call_write(call, erase, (gpointer) work.id);
}

/* -- the service's start ----------------------------------------------------------------------------------------------------- */


/* Every instance's engine is to run again. Keys are (region, account, id). */
static Error *
restart_all(Txn *txn, gpointer data)
{
  Haar *haar = data;
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(txn, &rds_instances, &(CursorOptions) {0}, &cursor));
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GPtrArray) rows = g_ptr_array_new();
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(arena, &RdsInstanceRecord_shape, value, size, &record));
    g_ptr_array_add(rows, record);
  }
  for (guint i = 0; i < rows->len; i++) {
    const RdsDBInstance *instance = ((RdsInstanceRecord *) rows->pdata[i])->Instance;
    Arn arn;
    if (!arn_parse(arena, instance->DBInstanceArn, &arn))
      continue;
    const char *kind = strcmp(instance->DBInstanceStatus, "deleting") ? RDS_INSTANCE_JOB : RDS_DELETE_JOB;
    g_autofree char *payload = g_strdup_printf("%s %s %s", arn.account, arn.region, instance->DBInstanceIdentifier);
    TRY(jobs_put(txn, haar->jobs, kind, instance->DBInstanceArn, 0, payload, strlen(payload) + 1));
  }
  return backup_start(haar, txn);
}

Error *
rds_start(Haar *haar)
{
  haar_set_state(haar, "rds", rds_new(haar));
  jobs_register(haar->jobs, RDS_INSTANCE_JOB, instance_job);
  jobs_register(haar->jobs, RDS_DELETE_JOB, delete_job);
  failover_start(haar);
  backup_register(haar);
  return store_write(haar->store, restart_all, haar);
}

void
rds_stop(Haar *haar)
{
  Rds *rds = haar_state(haar, "rds");
  if (rds)
    rds_free(rds);
  haar_set_state(haar, "rds", NULL);
}
