/* backup: automated snapshots, once a day at the beginning of the preferred backup window, on haar's clock.
 *
 * Each is also a base copy: a restore to a point in time starts from the newest before it, and a new replica from the newest of all. Snapshots go
 * when they are older than the retention; the newest of those stays as a base, unseen, until the next is that old, so that every second of the
 * retention has a base before it. Binary logs are kept from the oldest base on. Until there is a base that old nothing is purged.
 *
 * A day on which nothing was written costs no copy: its snapshot shares the directory of the one before. What is copied has no record until it is
 * whole; a directory without a record (a kill -9, here or in a restore) is removed at the next start.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Managing.Backups.html */
#include "services/rds/rds.h"

#include <string.h>

#define MINUTE_MS (G_GINT64_CONSTANT(60) * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define RETRY_MS (5 * MINUTE_MS)

/* -- the window ---------------------------------------------------------------------------------------------------------------- */

/* Minutes of the day; FALSE: not of the form. */
static gboolean
parse_window(const char *text, gint64 *ret_from, gint64 *ret_to)
{
  gint64 numbers[4];
  if (strlen(text) != strlen("hh:mm-hh:mm"))
    return FALSE;
  for (int i = 0; i < 4; i++) {
    const char *at = text + 3 * i;
    if (!g_ascii_isdigit(at[0]) || !g_ascii_isdigit(at[1]) || (i < 3 && at[2] != ":-:"[i]))
      return FALSE;
    numbers[i] = 10 * (at[0] - '0') + at[1] - '0';
    if (numbers[i] > (i % 2 ? 59 : 23))
      return FALSE;
  }
  *ret_from = numbers[0] * 60 + numbers[1];
  *ret_to = numbers[2] * 60 + numbers[3];
  return TRUE;
}

static gint64
window_minutes(gint64 from, gint64 to)
{
  return (to - from + 24 * 60) % (24 * 60);
}

Error *
backup_window_check(const char *window)
{
  gint64 from = 0, to = 0;
  if (!window)
    return NULL;
  if (!parse_window(window, &from, &to))
    return error_answer("InvalidParameterValue", "The parameter PreferredBackupWindow must be in the format hh24:mi-hh24:mi: %s", window);
  if (window_minutes(from, to) < 30)
    return error_answer("InvalidParameterValue", "The backup window must be at least 30 minutes: %s", window);
  return NULL;
}

Error *
backup_retention_check(const OptInt *days)
{
  if (!days->set || (days->v >= 1 && days->v <= 35))
    return NULL;
  return error_answer("InvalidParameterValue", "Invalid backup retention period: %" G_GINT64_FORMAT ". Must be between 1 and 35.", days->v);
}

/* The beginning of the first window behind a time. */
static gint64
next_window(const RdsDBCluster *cluster, gint64 now)
{
  gint64 from = 0, to = 0;
  if (!parse_window(cluster->PreferredBackupWindow, &from, &to))
    from = 3 * 60;
  gint64 at = now - now % DAY_MS + from * MINUTE_MS;
  return at > now ? at : at + DAY_MS;
}

/* -- what there is ------------------------------------------------------------------------------------------------------------- */

static int
by_age(gconstpointer a, gconstpointer b)
{
  const RdsSnapshotRecord *x = *(RdsSnapshotRecord *const *) a, *y = *(RdsSnapshotRecord *const *) b;
  gint64 first = x->Snapshot->SnapshotCreateTime.ms, second = y->Snapshot->SnapshotCreateTime.ms;
  return (first > second) - (first < second);
}

Error *
backups_of(Call *call, const RdsClusterRecord *cluster, GPtrArray **ret_backups)
{
  GPtrArray *all = NULL, *found = g_ptr_array_new();
  arena_own(call->arena, found, (GDestroyNotify) g_ptr_array_unref);
  TRY(rds_records_list(call, &rds_snapshots, &RdsSnapshotRecord_shape, &all));
  for (guint i = 0; i < all->len; i++) {
    RdsSnapshotRecord *record = all->pdata[i];
    if (!strcmp(record->Snapshot->SnapshotType, "automated") &&
        !strcmp(record->Cluster->Cluster->DbClusterResourceId, cluster->Cluster->DbClusterResourceId))
      g_ptr_array_add(found, record);
  }
  g_ptr_array_sort(found, by_age);
  *ret_backups = found;
  return NULL;
}

Error *
backup_base(Call *call, const RdsClusterRecord *cluster, gint64 machine_ms, RdsSnapshotRecord **ret_base)
{
  GPtrArray *backups = NULL;
  *ret_base = NULL;
  TRY(backups_of(call, cluster, &backups));
  for (guint i = 0; i < backups->len; i++) {
    RdsSnapshotRecord *backup = backups->pdata[i];
    /* Binary logs know seconds: all that the copy holds was done in its second or before. */
    if (backup->TakenAt.ms / 1000 <= machine_ms / 1000 && (!*ret_base || backup->TakenAt.ms >= (*ret_base)->TakenAt.ms))
      *ret_base = backup;
  }
  return NULL;
}

static gint64
oldest_shown(const Call *call, const RdsDBCluster *cluster)
{
  return call->now - OPT_OR(cluster->BackupRetentionPeriod, 1) * DAY_MS;
}

gboolean
backup_expired(const Call *call, const RdsSnapshotRecord *snapshot, const RdsDBCluster *cluster)
{
  return snapshot->Snapshot->SnapshotCreateTime.ms < oldest_shown(call, cluster);
}

/* -- the job's row --------------------------------------------------------------------------------------------------------------- */

static Error *
put_job(Txn *txn, Jobs *jobs, const RdsClusterRecord *cluster, const char *account, const char *region, gint64 due)
{
  g_autofree char *payload = g_strdup_printf("%s %s %s", account, region, cluster->Cluster->DBClusterIdentifier);
  return jobs_put(txn, jobs, RDS_BACKUP_JOB, cluster->Cluster->DBClusterArn, due, payload, strlen(payload) + 1);
}

Error *
backup_schedule(Call *call, RdsClusterRecord *cluster, gboolean now)
{
  if (!cluster->NextBackup.set)
    cluster->NextBackup = OPT_TIME(next_window(cluster->Cluster, call->now));
  return put_job(call->txn, call->haar->jobs, cluster, call->account, call->region, now ? 0 : cluster->NextBackup.ms);
}

static Error *
drop_record(Call *call, const RdsSnapshotRecord *backup)
{
  Key key;
  rds_key(call, &key, backup->Snapshot->DBClusterSnapshotIdentifier);
  return store_delete(call->txn, &rds_snapshots, &key, NULL);
}

Error *
backups_forget(Call *call, const RdsClusterRecord *cluster, StringList *ret_directories)
{
  GPtrArray *backups = NULL;
  TRY(backups_of(call, cluster, &backups));
  for (guint i = 0; i < backups->len; i++) {
    g_autofree char *directory = snapshot_directory(call->haar, backups->pdata[i]);
    TRY(drop_record(call, backups->pdata[i]));
    LIST_APPEND(call->arena, ret_directories, arena_strdup(call->arena, directory));
  }
  return jobs_delete(call->txn, call->haar->jobs, RDS_BACKUP_JOB, cluster->Cluster->DBClusterArn);
}

/* -- a backup -------------------------------------------------------------------------------------------------------------------- */

typedef struct Backup {
  const char *id;
  RdsClusterRecord *cluster;
  GPtrArray *backups;      /* as they were: RdsSnapshotRecord * */
  GPtrArray *members;      /* ARNs of the instances */
  RdsSnapshotRecord *taken; /* or NULL */
  gboolean missed;         /* it could not be taken now */
  StringList gone;         /* directories that no record names any more */
  const char *keep_from;   /* the position of the oldest base, if nothing older is needed; else NULL */
} Backup;

static Error *
load(Call *call, gpointer data)
{
  Backup *backup = data;
  TRY(cluster_get(call, backup->id, &backup->cluster));
  const RdsDBCluster *cluster = backup->cluster->Cluster;
  backup->members = g_ptr_array_new();
  arena_own(call->arena, backup->members, (GDestroyNotify) g_ptr_array_unref);
  for (gsize i = 0; i < cluster->DBClusterMembers.n; i++)
    g_ptr_array_add(backup->members, rds_arn(call, "db", cluster->DBClusterMembers.v[i]->DBInstanceIdentifier));
  return backups_of(call, backup->cluster, &backup->backups);
}

/* "rds:ledger-2026-11-27-03-00", as AWS names them. */
static const char *
name_of(Call *call, const RdsDBCluster *cluster, gint64 at)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(at / 1000);
  g_autofree char *text = g_date_time_format(time, "%Y-%m-%d-%H-%M");
  return arena_printf(call->arena, "rds:%s-%s", cluster->DBClusterIdentifier, text);
}

/* The newest, if nothing was written since. */
static const RdsSnapshotRecord *
same_as_before(const Backup *backup, const char *position)
{
  const RdsSnapshotRecord *last = backup->backups->len ? backup->backups->pdata[backup->backups->len - 1] : NULL;
  return last && position && *position && !g_strcmp0(last->Position, position) ? last : NULL;
}

static Error *
copy(Call *call, Backup *backup, const char *position)
{
  const RdsSnapshotRecord *same = same_as_before(backup, position);
  RdsSnapshotRecord *taken = snapshot_describe(call, backup->cluster, name_of(call, backup->cluster->Cluster, clock_now()), "automated", NULL);
  g_autofree char *target = snapshot_directory(call->haar, taken);
  taken->Position = arena_strdup(call->arena, position ? position : "");
  if (same) {
    taken->Directory = same->Directory;
    taken->TakenAt = same->TakenAt;
  } else {
    Error *error = snapshot_copy(call, backup->cluster, target);
    if (error) {
      directory_remove(target);
      return error;
    }
    taken->Snapshot->SnapshotCreateTime = OPT_TIME(clock_now()); /* the copy holds nothing later, and may hold what came while it began */
    taken->TakenAt = OPT_TIME(clock_real());
  }
  backup->taken = taken;
  return NULL;
}

/* Each server begins another file of its binary log, so that those before it can go one day. */
static void
begin_files(Call *call, const Backup *backup)
{
  for (guint i = 0; i < backup->members->len; i++) {
    g_autoptr(Error) error = engine_sql(call->haar, backup->members->pdata[i], "FLUSH NO_WRITE_TO_BINLOG BINARY LOGS");
    if (error)
      log_debug("binary logs of %s: %s", (const char *) backup->members->pdata[i], error->message);
  }
}

static Error *
take(Call *call, Backup *backup)
{
  const RdsDBClusterMember *writer = cluster_writer(backup->cluster->Cluster);
  const char *arn = writer ? rds_arn(call, "db", writer->DBInstanceIdentifier) : NULL;
  g_autofree char *position = NULL, *volume = engine_directory(call->haar, backup->cluster->Cluster->DbClusterResourceId);
  g_autofree char *data = g_build_filename(volume, "data", NULL);
  backup->missed = backup->cluster->RestoreTo.set || (arn ? !engine_running(call->haar, arn) : !g_file_test(data, G_FILE_TEST_IS_DIR));
  if (backup->missed)
    return NULL;
  if (arn) {
    TRY(engine_position(call->haar, arn, &position));
    if (!same_as_before(backup, position))
      begin_files(call, backup);
  }
  return copy(call, backup, position);
}

/* An answer: the server has gone meanwhile. */
static Error *
try_to_take(Call *call, Backup *backup)
{
  Error *error = take(call, backup);
  if (!error || error->kind == ERROR_FAULT)
    return error;
  error_clear(&error);
  backup->missed = TRUE;
  return NULL;
}

/* -- what goes ------------------------------------------------------------------------------------------------------------------- */

static gboolean
named(const GPtrArray *backups, guint from, const char *directory)
{
  for (guint i = from; i < backups->len; i++)
    if (!strcmp(((const RdsSnapshotRecord *) backups->pdata[i])->Directory, directory))
      return TRUE;
  return FALSE;
}

/* Those older than the newest that is older than the retention go. */
static Error *
expire(Call *call, Backup *backup, RdsClusterRecord *cluster)
{
  GPtrArray *now = NULL;
  guint base = 0;
  TRY(backups_of(call, cluster, &now));
  while (base + 1 < now->len && ((RdsSnapshotRecord *) now->pdata[base + 1])->Snapshot->SnapshotCreateTime.ms <= oldest_shown(call, cluster->Cluster))
    base++;
  for (guint i = 0; i < base; i++) {
    const RdsSnapshotRecord *old = now->pdata[i];
    TRY(drop_record(call, old));
    if (!named(now, i + 1, old->Directory)) {
      g_autofree char *directory = snapshot_directory(call->haar, old);
      LIST_APPEND(call->arena, &backup->gone, arena_strdup(call->arena, directory));
    }
  }
  const RdsSnapshotRecord *oldest = now->len ? now->pdata[base] : NULL;
  gboolean covers = oldest && oldest->Snapshot->SnapshotCreateTime.ms <= oldest_shown(call, cluster->Cluster);
  if (!covers && !(oldest && cluster->HistoryFrom.set))
    return NULL;
  cluster->HistoryFrom = oldest->Snapshot->SnapshotCreateTime;
  backup->keep_from = oldest->Position;
  return NULL;
}

/* The clock may have been moved since the job began. */
static gint64
next_try(const Backup *backup, const RdsDBCluster *cluster)
{
  gint64 from = 0, to = 0, now = clock_now(), next = next_window(cluster, now);
  gint64 last = next - DAY_MS;
  gboolean inside = parse_window(cluster->PreferredBackupWindow, &from, &to) && now + RETRY_MS < last + window_minutes(from, to) * MINUTE_MS;
  return backup->missed && inside ? now + RETRY_MS : next;
}

static Error *
finish(Call *call, gpointer data)
{
  Backup *backup = data;
  RdsClusterRecord *cluster = NULL;
  gboolean due = backup->taken || backup->missed;
  TRY(cluster_get(call, backup->id, &cluster));
  if (strcmp(cluster->Cluster->DbClusterResourceId, backup->cluster->Cluster->DbClusterResourceId))
    return error_answer("DBClusterNotFoundFault", "DBCluster %s was made anew meanwhile.", backup->id);
  if (backup->taken)
    TRY(snapshot_put(call, backup->taken));
  TRY(expire(call, backup, cluster));
  /* A restored cluster without a server waits for one: lifecycle.c. */
  gboolean waits = backup->missed && cluster->HistoryFrom.set && !backup->backups->len;
  if (due && !waits)
    cluster->NextBackup = OPT_TIME(next_try(backup, cluster->Cluster));
  TRY(cluster_put(call, cluster));
  return waits ? NULL : backup_schedule(call, cluster, FALSE);
}

/* Not while a replica still needs what would go. */
static void
purge_logs(Call *call, const Backup *backup)
{
  if (!backup->keep_from || !*backup->keep_from)
    return;
  for (guint i = 0; i < backup->members->len; i++) {
    g_autofree char *position = NULL;
    g_autoptr(Error) error = engine_position(call->haar, backup->members->pdata[i], &position);
    if (error || position_number(position) < position_number(backup->keep_from))
      return;
  }
  for (guint i = 0; i < backup->members->len; i++) {
    g_autoptr(Error) error = engine_purge(call->haar, backup->members->pdata[i], backup->keep_from);
    if (error)
      log_debug("binary logs of %s: %s", (const char *) backup->members->pdata[i], error->message);
  }
}

static Error *
run_backup(Call *call, Backup *backup)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(rds_backups_mutex(call->haar));
  TRY(call_read(call, load, backup));
  if (!backup->cluster->NextBackup.set || backup->cluster->NextBackup.ms <= clock_now())
    TRY(try_to_take(call, backup));
  Error *error = call_write(call, finish, backup);
  if (error) {
    g_autofree char *directory = backup->taken ? snapshot_directory(call->haar, backup->taken) : NULL;
    if (directory && !named(backup->backups, 0, backup->taken->Directory))
      directory_remove(directory);
    return error;
  }
  for (gsize i = 0; i < backup->gone.n; i++)
    directory_remove(backup->gone.v[i]);
  purge_logs(call, backup);
  return NULL;
}

static Error *
backup_job(JobRun *run)
{
  Backup backup = {0};
  g_autoptr(Call) call = rds_job_call(run, &backup.id);
  g_autoptr(Error) error = run_backup(call, &backup);
  return error_is(error, "DBClusterNotFoundFault") ? NULL : g_steal_pointer(&error);
}

/* -- the service's start --------------------------------------------------------------------------------------------------------- */

/* data: paths of directories that go. */
static void
sweep(gpointer data)
{
  g_autoptr(GPtrArray) paths = data;
  for (guint i = 0; i < paths->len; i++)
    directory_remove(paths->pdata[i]);
}

static Error *
records_of(Txn *txn, Arena *arena, const Table *table, const Shape *shape, GPtrArray *records)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(txn, table, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *value = cursor_value(cursor, &size);
    TRY(record_decode(arena, shape, value, size, &record));
    g_ptr_array_add(records, record);
  }
  return NULL;
}

/* The names of directories that records know: of snapshots, and resource ids of clusters and instances. */
static Error *
find_known(Txn *txn, Arena *arena, GHashTable *known)
{
  g_autoptr(GPtrArray) snapshots = g_ptr_array_new(), clusters = g_ptr_array_new(), instances = g_ptr_array_new();
  TRY(records_of(txn, arena, &rds_snapshots, &RdsSnapshotRecord_shape, snapshots));
  TRY(records_of(txn, arena, &rds_clusters, &RdsClusterRecord_shape, clusters));
  TRY(records_of(txn, arena, &rds_instances, &RdsInstanceRecord_shape, instances));
  for (guint i = 0; i < snapshots->len; i++)
    g_hash_table_add(known, (gpointer) ((RdsSnapshotRecord *) snapshots->pdata[i])->Directory);
  for (guint i = 0; i < clusters->len; i++)
    g_hash_table_add(known, (gpointer) ((RdsClusterRecord *) clusters->pdata[i])->Cluster->DbClusterResourceId);
  for (guint i = 0; i < instances->len; i++)
    g_hash_table_add(known, (gpointer) ((RdsInstanceRecord *) instances->pdata[i])->Instance->DbiResourceId);
  return NULL;
}

/* What is in a folder and begins with prefix, and no record names. Behind a dot is what a restored cluster keeps of its source. */
static void
find_orphans(const char *folder, const char *prefix, GHashTable *known, GPtrArray *paths)
{
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
    g_autofree char *id = g_strndup(name, strcspn(name, "."));
    if (g_str_has_prefix(name, prefix) && !g_hash_table_contains(known, id))
      g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
  }
}

/* What a killed haar left. */
static Error *
find_all_orphans(Haar *haar, Txn *txn, Arena *arena, GPtrArray *paths)
{
  g_autofree char *folder = g_build_filename(haar->data_directory, "rds", NULL), *snapshots = g_build_filename(folder, "snapshots", NULL);
  g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
  TRY(find_known(txn, arena, known));
  find_orphans(snapshots, "", known, paths);
  find_orphans(folder, "cluster-", known, paths);
  find_orphans(folder, "db-", known, paths);
  return NULL;
}

/* A backup that was due while haar did not run is due now. */
static Error *
put_jobs(Haar *haar, Txn *txn, Arena *arena)
{
  g_autoptr(GPtrArray) records = g_ptr_array_new();
  TRY(records_of(txn, arena, &rds_clusters, &RdsClusterRecord_shape, records));
  for (guint i = 0; i < records->len; i++) {
    const RdsClusterRecord *cluster = records->pdata[i];
    Arn arn;
    if (arn_parse(arena, cluster->Cluster->DBClusterArn, &arn))
      TRY(put_job(txn, haar->jobs, cluster, arn.account, arn.region,
                  cluster->NextBackup.set ? cluster->NextBackup.ms : next_window(cluster->Cluster, clock_now())));
  }
  return NULL;
}

Error *
backup_start(Haar *haar, Txn *txn)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
  TRY(put_jobs(haar, txn, arena));
  TRY(find_all_orphans(haar, txn, arena, paths));
  if (paths->len)
    jobs_run(haar->jobs, sweep, g_steal_pointer(&paths));
  return NULL;
}

void
backup_register(Haar *haar)
{
  jobs_register(haar->jobs, RDS_BACKUP_JOB, backup_job);
}
