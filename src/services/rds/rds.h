/* rds: what the files of this service share. API records first, then the engines behind them. */
#pragma once

#include "services/rds.gen.h"
#include "fabric/fabric.h"
#include "jobs/jobs.h"
#include "sandbox/sandbox.h"
#include "server/haar.h"

/* The job that brings an instance to what its record asks for: key is the instance's ARN. */
#define RDS_INSTANCE_JOB "rds.instance"
#define RDS_DELETE_JOB "rds.delete"
#define RDS_FAILOVER_JOB "rds.failover"
#define RDS_LOST_JOB "rds.lost"
/* A cluster's automated backups: key is the cluster's ARN. */
#define RDS_BACKUP_JOB "rds.backup"

/* -- records -------------------------------------------------------------------------------------------------------------- */

extern const Table rds_snapshots, rds_clusters, rds_instances, rds_subnet_groups, rds_cluster_parameter_groups, rds_parameter_groups;

/* Identifiers are case-insensitive: stored in lower case. Each answers the resource's NotFound fault if there is none. */
Error *cluster_get(Call *call, const char *id, RdsClusterRecord **ret_cluster) ERROR_MUST_USE;
Error *cluster_put(Call *call, const RdsClusterRecord *cluster) ERROR_MUST_USE;
Error *instance_get(Call *call, const char *id, RdsInstanceRecord **ret_instance) ERROR_MUST_USE;
Error *instance_put(Call *call, const RdsInstanceRecord *instance) ERROR_MUST_USE;
Error *subnet_group_get(Call *call, const char *name, RdsSubnetGroupRecord **ret_group) ERROR_MUST_USE;
Error *parameter_group_get(Call *call, const Table *table, const char *name, RdsParameterGroupRecord **ret_group) ERROR_MUST_USE;
/* What AWS sends although there is nothing in it: empty lists (tags, roles, ...). Done by cluster_get and instance_get. */
void cluster_complete(Arena *arena, RdsDBCluster *cluster);
void instance_complete(Arena *arena, RdsDBInstance *instance);
void snapshot_complete(Arena *arena, RdsDBClusterSnapshot *snapshot);
/* All records of a table in this account and region: GPtrArray of void * (arena). */
Error *rds_records_list(Call *call, const Table *table, const Shape *shape, GPtrArray **ret_records) ERROR_MUST_USE;
void rds_key(const Call *call, Key *key, const char *id);
/* "arn:aws:rds:region:account:cluster:name" (arena). */
char *rds_arn(const Call *call, const char *kind, const char *id);
/* First letter a letter, letters, digits and hyphens, no two hyphens, none at the end, at most 63. what: "DBClusterIdentifier". */
Error *rds_identifier_check(const char *what, const char *id) ERROR_MUST_USE;

/* The row's .authorize: resource by the identifiers in the input. */
Error *authorize_rds(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;

/* Filters and pages of a Describe operation: keeps of records[] what passes; marker is an index. */
typedef struct Page { gsize from, to; const char *marker; } Page;
Error *rds_page_of(Call *call, gsize n, const OptInt *max_records, const char *marker, Page *ret_page) ERROR_MUST_USE;
/* Whether a filter list names this value (no filter of that name: TRUE). */
gboolean rds_filter_allows(const RdsFilterList *filters, const char *name, const char *value);
Error *rds_filters_check(const RdsFilterList *filters, const char *known) ERROR_MUST_USE;

/* The names that reach a cluster and an instance (arena). */
char *endpoint_writer(const Call *call, const char *cluster_id);
char *endpoint_reader(const Call *call, const char *cluster_id);
char *endpoint_instance(const Call *call, const char *instance_id);
/* Gives the names of a cluster to its members' addresses as they are now: writer, readers, instances. Needs call->txn. */
Error *endpoints_publish(Call *call, const RdsClusterRecord *cluster) ERROR_MUST_USE;

/* The encryption context of the cluster's data key: the resource id that it was made for. */
const char *cluster_key_context(const RdsClusterRecord *cluster);
/* Fills zones and security groups from a subnet group (required) and group ids (none: the VPC's default group). */
Error *cluster_place(Call *call, const char *subnet_group, const StringList *groups, RdsDBCluster *cluster) ERROR_MUST_USE;
/* -- snapshots and backups */

/* By name or ARN; an answer if there is none. */
Error *snapshot_get(Call *call, const char *id, RdsSnapshotRecord **ret_snapshot) ERROR_MUST_USE;
/* Where the volume of a snapshot is; transfer full. */
char *snapshot_directory(const Haar *haar, const RdsSnapshotRecord *snapshot);
/* Copies the cluster's volume as it is at one moment, from its writer or from where it rests. A call without a transaction; blocks. */
Error *snapshot_copy(Call *call, const RdsClusterRecord *cluster, const char *to) ERROR_MUST_USE;
/* The record of a snapshot that is taken now (arena). type: "manual" or "automated"; tags: beside those that it copies, or NULL. */
RdsSnapshotRecord *snapshot_describe(Call *call, RdsClusterRecord *cluster, const char *id, const char *type, const RdsTagList *tags);
Error *snapshot_put(Call *call, const RdsSnapshotRecord *snapshot) ERROR_MUST_USE;
/* The automated snapshots of a cluster, the oldest first: RdsSnapshotRecord * (arena). Needs call->txn. */
Error *backups_of(Call *call, const RdsClusterRecord *cluster, GPtrArray **ret_backups) ERROR_MUST_USE;
/* The newest base copy that was taken at machine_ms or before; NULL in *ret_base: there is none. Needs call->txn. */
Error *backup_base(Call *call, const RdsClusterRecord *cluster, gint64 machine_ms, RdsSnapshotRecord **ret_base) ERROR_MUST_USE;
/* Whether an automated snapshot is older than the cluster keeps them: it is a base for a while longer, but is not shown. */
gboolean backup_expired(const Call *call, const RdsSnapshotRecord *snapshot, const RdsDBCluster *cluster);
/* Looks after a cluster's backups: now, if one is due or what is kept has changed; else at the next window. Sets NextBackup, does not put the
 * cluster. Needs a write transaction. */
Error *backup_schedule(Call *call, RdsClusterRecord *cluster, gboolean now) ERROR_MUST_USE;
/* The cluster goes, and its automated snapshots with it. ret_directories: what to remove then (arena). Needs a write transaction. */
Error *backups_forget(Call *call, const RdsClusterRecord *cluster, StringList *ret_directories) ERROR_MUST_USE;
void backup_register(Haar *haar);
/* Puts the jobs of all clusters, and removes what a kill left of copies. In the write transaction of the service's start. */
Error *backup_start(Haar *haar, Txn *txn) ERROR_MUST_USE;
/* Held while base copies are made, read or removed. */
GMutex *rds_backups_mutex(Haar *haar);
/* hh24:mi-hh24:mi; half an hour at least. */
Error *backup_window_check(const char *window) ERROR_MUST_USE;
Error *backup_retention_check(const OptInt *days) ERROR_MUST_USE;

/* Takes a snapshot of a cluster, with tags (NULL: none) beside those that it copies; a call without a transaction. */
Error *snapshot_take(Call *call, const char *cluster_id, const char *snapshot_id, const RdsTagList *tags, RdsDBClusterSnapshot **ret_snapshot) ERROR_MUST_USE;

/* What a restored cluster is to be: the record of the one that it comes from, and what is different. NULL and unset: as there. */
typedef struct RestoredCluster {
  const char *id, *subnet_group, *parameter_group;
  const StringList *groups, *log_types;
  const RdsTagList *tags;
  OptBool deletion_protection;
  OptInt port;
  RdsClusterRecord *record;
} RestoredCluster;

/* Makes the record that of the new cluster: another name, data, users and their passwords, key are the same. */
void cluster_describe_restored(Call *call, const RestoredCluster *wanted);
/* Saves it, if the name is free (a CallFunction; data: the RestoredCluster). */
Error *cluster_save_restored(Call *call, gpointer data) ERROR_MUST_USE;

/* The member that writes, or NULL. */
RdsDBClusterMember *cluster_writer(const RdsDBCluster *cluster);
RdsDBClusterMember *cluster_member(const RdsDBCluster *cluster, const char *instance_id);
/* What an instance's job works with: the records as they are now, and the cluster's passwords. Set id first. */
typedef struct InstanceWork {
  const char *id;
  RdsInstanceRecord *instance;
  RdsClusterRecord *cluster;
  RdsSubnetGroupRecord *group;
  RdsParametersList parameters;
  const char *source_arn;        /* the writer's, if this instance is a replica */
  const char *master_password, *replication_password;
  const guint8 *key;
  RdsSnapshotRecord *base;       /* what a new replica begins with, or NULL */
} InstanceWork;

/* Reads the records (a CallFunction; data: the InstanceWork). */
Error *work_load(Call *call, gpointer data) ERROR_MUST_USE;
/* The parameters of an instance: its cluster's group's, and before them its own group's. Needs call->txn. */
Error *parameters_load(Call *call, InstanceWork *work) ERROR_MUST_USE;
/* Sets in an engine that runs those of its parameters that haar changes without a reboot. What the engine refuses stays as it was, and is logged. */
void parameters_apply(Call *call, const InstanceWork *work);
/* Whether a parameter is one of these. */
gboolean parameter_is_live(const char *name);
/* An answer in AWS's words if a parameter that is one of these cannot have the value. */
Error *parameter_check(const char *name, const char *value) ERROR_MUST_USE;
/* The instances that use a group hear of its change. Needs a write transaction. */
Error *parameters_changed(Call *call, const Table *table, const char *group) ERROR_MUST_USE;
/* Asks KMS for the data key and opens the passwords. */
Error *work_unseal(Call *call, InstanceWork *work) ERROR_MUST_USE;
/* Starts the engine on the instance's directory. recovering: see EngineSpec. */
Error *work_start(Call *call, InstanceWork *work, gboolean recovering) ERROR_MUST_USE;
/* If the cluster was restored to a point in time and this is its first writer: makes its directory as it was then. */
Error *cluster_replay(Call *call, InstanceWork *work) ERROR_MUST_USE;
/* Removes what a cluster keeps of its source, if it was restored and has never had an instance. */
void cluster_forget_source(const Haar *haar, const RdsClusterRecord *cluster);
/* From when to when the cluster can be restored now. */
void cluster_restorable(const Call *call, const RdsClusterRecord *cluster);
/* The call that a job makes, as RDS itself. payload: "account region instance". transfer full. */
Call *rds_job_call(const JobRun *run, const char **ret_id);
/* Registers the jobs of failover.c. */
void failover_start(Haar *haar);
/* Puts an instance's changed status, in a call without a transaction. reason: why it does not run (its StatusInfos, and events of it and of its
 * cluster), or NULL. */
Error *instance_set_status(Call *call, const char *instance_id, const char *status, const char *reason) ERROR_MUST_USE;
Error *instance_job_put(Call *call, const char *kind, const char *instance_id) ERROR_MUST_USE;

/* -- events --------------------------------------------------------------------------------------------------------------- */

/* What RDS tells: rows of events.c's table. */
typedef enum {
  EVENT_CLUSTER_CREATED, EVENT_CLUSTER_DELETED, EVENT_CLUSTER_CREDENTIALS, EVENT_FAILOVER_SAME_ZONE, EVENT_FAILOVER_CROSS_ZONE, EVENT_FAILOVER_DONE,
  EVENT_FAILOVER_FAILED, EVENT_INSTANCE_CREATED, EVENT_INSTANCE_DELETED, EVENT_INSTANCE_SHUTDOWN, EVENT_INSTANCE_RESTARTED, EVENT_SNAPSHOT_CREATED,
  EVENT_AUTOMATED_SNAPSHOT_CREATED, EVENT_INSTANCE_FAILED, EVENT_CLUSTER_INSTANCE_FAILED,
  EVENT_COUNT,
} RdsEventKind;

/* Records one, for DescribeEvents. id: of the cluster, instance or snapshot; name: what the message names, or NULL. Needs a write transaction. */
Error *event_put(Call *call, RdsEventKind kind, const char *id, const char *name) ERROR_MUST_USE;

/* -- logs in CloudWatch Logs (log_export.c) -------------------------------------------------------------------------------------- */

/* An answer in AWS's words if a cluster's engine has no such log type, or haar does not export it. */
Error *log_types_check(const RdsDBCluster *cluster, const StringList *names) ERROR_MUST_USE;
/* All types that there are. arena. */
void log_types_list(Arena *arena, StringList *ret_names);
/* The cluster and its instances export these types from now on: of those that they did not, what comes from now on. Does not put the cluster. Needs
 * a write transaction. */
Error *log_types_set(Call *call, RdsDBCluster *cluster, const StringList *wanted) ERROR_MUST_USE;
/* The same, by ModifyDBCluster's member. */
Error *log_types_change(Call *call, RdsDBCluster *cluster, const RdsCloudwatchLogsExportConfiguration *change) ERROR_MUST_USE;
/* Forgets up to where the logs of an instance were exported: it goes. Needs a write transaction. */
Error *log_positions_forget(Call *call, const char *instance) ERROR_MUST_USE;
/* Exports what has come to an instance's logs, and goes on in new files where they are large. final: a line that has no end yet too. A call without
 * a transaction; blocks. */
Error *logs_export(Call *call, const char *instance_id, gboolean final) ERROR_MUST_USE;
/* A number that changes when there is something new in the logs of an instance's directory. */
gint64 logs_grown(const char *directory);
typedef struct LogCut {
  gboolean entries; /* the slow log: of several lines */
  gboolean final;   /* nothing more comes: what has no end yet is an event too */
  gboolean full;    /* there is more, but no room for it: if no event is whole, all of it is one */
  guint max;        /* of messages */
} LogCut;
/* Cuts what came to a log (zero-terminated behind size) into messages (transfer full: g_free); invalid text is made valid, empty lines are none.
 * Answers how much it took (log_cut.c). */
gsize log_cut(const char *text, gsize size, const LogCut *how, GPtrArray *messages);
/* The message (transfer full, valid UTF-8) with <secret> in place of each password that a statement in it sets (transfer full, g_free; log_mask.c). */
char *log_mask(char *message);
/* Before a server starts: the folder of its logs. */
Error *logs_prepare(const char *directory) ERROR_MUST_USE;
/* Held during an export: one at a time. */
GMutex *rds_logs_mutex(Haar *haar);

/* -- engines -------------------------------------------------------------------------------------------------------------- */

/* The service's state: the running engines. */
typedef struct Rds Rds;
typedef struct Engine Engine;

Rds *rds_new(Haar *haar);
/* Ends all engines in order. */
void rds_free(Rds *rds);
/* The service's hooks. */
Error *rds_start(Haar *haar);
void rds_stop(Haar *haar);

/* What an engine is started with. All text is the caller's. */
typedef struct EngineSpec {
  const char *arn;               /* key of the engine */
  const char *name;              /* instance identifier, for logs */
  const char *directory;         /* its data directory's parent */
  const char *eni_id, *address;
  gint64 server_id;
  int port;
  gboolean replica;
  gboolean recovering;           /* no interface: it recovers what is on disk, writes nothing of its own and serves replicas only */
  const char *source_arn;        /* replica: the writer's engine */
  const char *until;             /* replica: the position (GTID) where it stops to follow, or NULL */
  const char *master_user, *master_password, *database, *replication_password;
  const guint8 *key;             /* 32 bytes for encryption at rest, or NULL */
  const RdsParametersList *parameters;
} EngineSpec;

/* The spec of an instance's engine in its directory; the text is the work's and the caller's. */
EngineSpec work_spec(Call *call, const InstanceWork *work, const char *directory);
/* Copies the prepared data directory for a new instance; makes the prepared one on first use. */
Error *template_copy(Haar *haar, const char *directory) ERROR_MUST_USE;
/* Whether this machine can run an engine at all: an answer that names the missing package and how to install it. */
Error *template_check(void) ERROR_MUST_USE;
/* Held while the prepared data directory is made. */
GMutex *rds_template_mutex(Haar *haar);
/* What looks after an engine that runs: whether it answers, and what it logs (watch.c). held: set while it stands still by haar's will. dead: it
 * did not answer for long; called once, on the watch's thread. All text is copied. */
typedef struct Watch Watch;
Watch *watch_new(Haar *haar, const char *arn, const char *directory, const gint *held, void (*dead)(gpointer data), gpointer data);
/* Ends it, after what it does now. NULL: nothing. */
void watch_free(Watch *watch);
/* Removes a directory and all in it. */
void directory_remove(const char *path);
/* Copies a volume (a directory with data/ in it); a source without data is no error. */
Error *volume_copy(const char *from, const char *to) ERROR_MUST_USE;
/* Moves the volume at from to to, replacing what is there; FALSE: there is none. */
gboolean volume_move(const char *from, const char *to);
/* Copies the volume of an engine as it is at one moment: its processes stand still for the time. */
Error *engine_copy(Haar *haar, const char *arn, const char *to) ERROR_MUST_USE;
/* Starts mariadbd in its interface and waits until it answers. Worker thread; blocks. An engine of this ARN that runs is left as it is. */
Error *engine_start(Haar *haar, const EngineSpec *spec) ERROR_MUST_USE;
/* Ends it in order (at most 10 s), then for good. None: nothing. */
void engine_stop(Haar *haar, const char *arn);
gboolean engine_running(Haar *haar, const char *arn);
/* Runs SQL as haar's own administrator over the engine's socket. */
Error *engine_sql(Haar *haar, const char *arn, const char *sql) ERROR_MUST_USE;
/* One cell of a result, by its column's name (transfer full); NULL if there is none. */
Error *engine_select(Haar *haar, const char *arn, const char *sql, const char *column, char **ret_text) ERROR_MUST_USE;
/* An engine ended that should not have: puts its instance's job. Any thread; does not block. */
void engine_lost(Haar *haar, const char *arn);
/* Where an engine's binary log ends (GTID; transfer full). */
Error *engine_position(Haar *haar, const char *arn, char **ret_position) ERROR_MUST_USE;
/* The last transaction that an engine's binary log has of that second (of 1970, the machine's time) or before (GTID; transfer full); "": none. */
Error *engine_position_at(Haar *haar, const char *arn, gint64 second, char **ret_position) ERROR_MUST_USE;
/* The number of a transaction in a position (GTID); 0: none. Numbers grow over failovers. */
guint64 position_number(const char *position);
/* Drops those files of an engine's binary log that a position, and what follows it, does not need. */
Error *engine_purge(Haar *haar, const char *arn, const char *position) ERROR_MUST_USE;
/* Waits until a replica has applied its writer's log up to a position; a fault after seconds. */
Error *engine_await(Haar *haar, const char *arn, const char *position, guint seconds) ERROR_MUST_USE;
/* Stops receiving, and waits until a replica has applied all that it received: when its writer is gone for good. */
Error *engine_apply_received(Haar *haar, const char *arn, guint seconds) ERROR_MUST_USE;
/* Makes a replica the writer: stops replication, allows writes. */
Error *engine_promote(Haar *haar, const char *arn) ERROR_MUST_USE;
/* The ARNs of the engines that run (transfer full). */
char **engine_arns(Haar *haar);
/* What an engine has counted since it began, and what it uses. */
typedef struct EngineCounters {
  gint64 cpu_us;                 /* -1: not known */
  gint64 connections, uptime_s;
  gint64 queries, commits, selects, changes, refused;
  gint64 lag_s;                  /* replica: behind its writer; -1: it is none */
} EngineCounters;
Error *engine_counters(Haar *haar, const char *arn, EngineCounters *ret) ERROR_MUST_USE;
/* Measures all engines for CloudWatch each minute (metrics.c). seen: a table of its own, empty (text to g_free). */
void rds_metrics_start(Haar *haar, GHashTable *seen);
/* Path of the engine's socket (transfer full), or NULL if it does not run. */
char *engine_socket(Haar *haar, const char *arn);
/* Directory of an instance in the data directory (transfer full). */
char *engine_directory(const Haar *haar, const char *resource_id);

/* my.cnf and the SQL that the server runs first (transfer full). admin_password: of rdsadmin@localhost. */
char *config_text(const EngineSpec *spec);
char *config_init_sql(const EngineSpec *spec, const char *admin_password);
/* 'text' as an SQL literal (transfer full). */
char *sql_quote(const char *text);

/* Relays connections made to a listening socket (taken) to a unix socket that path() answers at that time: replication does not pass the
 * security groups, as Aurora's does not. */
typedef struct Relay Relay;
Relay *relay_new(int listen_fd, char *(*path)(gpointer data), gpointer data, GDestroyNotify destroy);
void relay_free(Relay *relay);
