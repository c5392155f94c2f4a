/* log_export: the logs of a cluster's servers in CloudWatch Logs: groups /aws/rds/cluster/NAME/TYPE, a stream an instance, for the types in the
 * cluster's EnabledCloudwatchLogsExports.
 *
 * A server writes its logs to files (config.c). A pass reads what has come to a file since the last one, cuts it into events, and stores them and
 * the place up to which they go in one transaction: whatever is killed when, no line is repeated or lost. A place is a file's inode and an offset.
 * A file that has grown past FILE_MAX is renamed to NAME.1 and the server told to open another; NAME.1 is read to its end and removed. What cannot
 * be exported (the group's key is disabled, say) waits there, until BACKLOG_MAX has come behind it: then it is lost, and the log says so.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Integrating.CloudWatch.html */
#include "services/rds/engine.h"
#include "services/logs.gen.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A chunk fits one batch, also if all of it is invalid text (which grows threefold), with the 26 bytes that AWS counts for an event. */
enum { CHUNK = 64 * 1024, EVENTS_MAX = 5000, FILE_MAX = 16 << 20, BACKLOG_MAX = 128 << 20, ROTATE_SECONDS = 5 };

static const Table positions = {"rds.log_positions"};

/* file: in the instance's directory. rotate: what makes the server go on in another file (the audit plugin renames the file itself); NULL: never. */
static const struct LogType {
  const char *name, *file, *rotate;
  gboolean renames, entries; /* entries: of several lines */
} types[] = {
  {"audit", "logs/audit.log", "SET GLOBAL server_audit_file_rotate_now=1", TRUE, FALSE},
  {"error", "error.log", NULL, FALSE, FALSE},
  {"general", "logs/general.log", "FLUSH NO_WRITE_TO_BINLOG GENERAL LOGS", FALSE, FALSE},
  {"slowquery", "logs/slowquery.log", "FLUSH NO_WRITE_TO_BINLOG SLOW LOGS", FALSE, TRUE},
};

typedef struct LogType LogType;

/* -- what a cluster exports --------------------------------------------------------------------------------------------------- */

static gboolean
known(const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
    if (!strcmp(types[i].name, name))
      return TRUE;
  return FALSE;
}

Error *
log_types_check(const RdsDBCluster *cluster, const StringList *names)
{
  g_autoptr(GString) wrong = g_string_new(NULL);
  for (gsize i = 0; i < names->n; i++) {
    if (!strcmp(names->v[i], "instance") || !strcmp(names->v[i], "iam-db-auth-error"))
      return error_answer("InvalidParameterCombination", "haar does not export the log type %s yet", names->v[i]);
    if (!known(names->v[i]))
      g_string_append_printf(wrong, "%s'%s'", wrong->len ? ", " : "", names->v[i]);
  }
  if (!wrong->len)
    return NULL;
  return error_answer("InvalidParameterCombination", "You cannot use the log types %s with engine version %s %s. For supported log types, see the documentation.",
                      wrong->str, cluster->Engine, cluster->EngineVersion);
}

void
log_types_list(Arena *arena, StringList *ret_names)
{
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
    LIST_APPEND(arena, ret_names, types[i].name);
}

static void
position_key(const Call *call, Key *key, const char *instance, const char *type)
{
  rds_key(call, key, instance);
  key_add(key, type);
}

/* A type that is switched on is read from where its file ends now; one that is switched off is forgotten. */
static Error *
begin_at_end(Call *call, const RdsDBInstance *instance, const LogType *type, gboolean on)
{
  Key key;
  struct stat file;
  g_autofree char *directory = engine_directory(call->haar, instance->DbiResourceId), *path = g_build_filename(directory, type->file, NULL);
  position_key(call, &key, instance->DBInstanceIdentifier, type->name);
  if (!on || stat(path, &file))
    return store_delete(call->txn, &positions, &key, NULL);
  RdsLogPosition position = {OPT_INT((gint64) file.st_ino), OPT_INT(file.st_size)};
  return record_put(call->txn, &positions, &key, &RdsLogPosition_shape, &position);
}

Error *
log_types_set(Call *call, RdsDBCluster *cluster, const StringList *wanted)
{
  StringList before = cluster->EnabledCloudwatchLogsExports, after = {0};
  TRY(log_types_check(cluster, wanted));
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
    if (string_list_has(wanted, types[i].name))
      LIST_APPEND(call->arena, &after, types[i].name);
  cluster->EnabledCloudwatchLogsExports = after;
  for (gsize i = 0; i < cluster->DBClusterMembers.n; i++) {
    RdsInstanceRecord *record = NULL;
    TRY(instance_get(call, cluster->DBClusterMembers.v[i]->DBInstanceIdentifier, &record));
    record->Instance->EnabledCloudwatchLogsExports = after;
    TRY(instance_put(call, record));
    for (gsize j = 0; j < G_N_ELEMENTS(types); j++)
      if (string_list_has(&before, types[j].name) != string_list_has(&after, types[j].name))
        TRY(begin_at_end(call, record->Instance, &types[j], string_list_has(&after, types[j].name)));
  }
  return NULL;
}

Error *
log_types_change(Call *call, RdsDBCluster *cluster, const RdsCloudwatchLogsExportConfiguration *change)
{
  StringList wanted = {0};
  TRY(log_types_check(cluster, &change->EnableLogTypes));
  TRY(log_types_check(cluster, &change->DisableLogTypes));
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    gboolean is = string_list_has(&cluster->EnabledCloudwatchLogsExports, types[i].name) || string_list_has(&change->EnableLogTypes, types[i].name);
    if (is && !string_list_has(&change->DisableLogTypes, types[i].name))
      LIST_APPEND(call->arena, &wanted, types[i].name);
  }
  return log_types_set(call, cluster, &wanted);
}

Error *
log_positions_forget(Call *call, const char *instance)
{
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    Key key;
    position_key(call, &key, instance, types[i].name);
    TRY(store_delete(call->txn, &positions, &key, NULL));
  }
  return NULL;
}

/* -- events -------------------------------------------------------------------------------------------------------------------- */

static gsize
cut(Arena *arena, const LogType *type, const char *text, gsize size, gboolean final, LogsInputLogEvents *events)
{
  g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func(g_free);
  gsize used = log_cut(text, size, &(LogCut) {type->entries, final, size >= CHUNK, EVENTS_MAX}, messages);
  gint64 now = clock_now();
  for (guint i = 0; i < messages->len; i++) {
    LogsInputLogEvent *event = ARENA_NEW(arena, LogsInputLogEvent);
    *event = (LogsInputLogEvent) {.timestamp = OPT_INT(now), .message = arena_strdup(arena, messages->pdata[i])};
    LIST_APPEND(arena, events, event);
  }
  return used;
}

/* -- storing ------------------------------------------------------------------------------------------------------------------- */

typedef struct Pass {
  const RdsDBInstance *instance;
  const char *cluster;
  const LogType *type;
  char *path, *old_path;
  RdsLogPosition position, stored; /* from where to read; up to where it was stored. Unset: nothing yet */
  LogsInputLogEvents events;
  RdsLogPosition next;
  gboolean more;
} Pass;

static Error *
read_position(Call *call, gpointer data)
{
  Pass *pass = data;
  Key key;
  void *found = NULL;
  position_key(call, &key, pass->instance->DBInstanceIdentifier, pass->type->name);
  TRY(record_get(call->txn, &positions, &key, &RdsLogPosition_shape, call->arena, &found));
  pass->position = found ? *(RdsLogPosition *) found : (RdsLogPosition) {0};
  pass->stored = pass->position;
  return NULL;
}

/* As on AWS the group is made when the first event comes. */
static Error *
make_stream(Call *call, const char *group, const char *stream)
{
  static const char there[] = "ResourceAlreadyExistsException";
  LogsCreateLogStreamInput in = {.logGroupName = group, .logStreamName = stream};
  LogsCreateLogGroupInput make = {.logGroupName = group};
  Error *error = error_forgive(call_operation(call, &LogsOperationCreateLogStream, NULL, NULL, &in, &(LogsCreateLogStreamOutput) {0}), there);
  if (!error_is(error, "ResourceNotFoundException"))
    return error;
  error_clear(&error);
  TRY(error_forgive(call_operation(call, &LogsOperationCreateLogGroup, NULL, NULL, &make, &(LogsCreateLogGroupOutput) {0}), there));
  return error_forgive(call_operation(call, &LogsOperationCreateLogStream, NULL, NULL, &in, &(LogsCreateLogStreamOutput) {0}), there);
}

/* Whether the type is still exported from where it was read: the cluster may have been changed meanwhile. */
static Error *
still_exported(Call *call, Pass *pass, gboolean *ret_is)
{
  RdsClusterRecord *cluster = NULL;
  RdsLogPosition position = pass->position, stored = pass->stored;
  TRY(cluster_get(call, pass->cluster, &cluster));
  TRY(read_position(call, pass));
  gboolean same = OPT_OR(pass->stored.Inode, 0) == OPT_OR(stored.Inode, 0) && OPT_OR(pass->stored.Offset, 0) == OPT_OR(stored.Offset, 0);
  pass->position = position;
  *ret_is = same && string_list_has(&cluster->Cluster->EnabledCloudwatchLogsExports, pass->type->name);
  return NULL;
}

/* Events and the place behind them, if the type is still exported. */
static Error *
store_events(Call *call, gpointer data)
{
  Pass *pass = data;
  Key key;
  gboolean exported = FALSE;
  LogsPutLogEventsInput in = {.logGroupName = arena_printf(call->arena, "/aws/rds/cluster/%s/%s", pass->cluster, pass->type->name),
                              .logStreamName = pass->instance->DBInstanceIdentifier, .logEvents = pass->events};
  TRY(still_exported(call, pass, &exported));
  if (!exported) {
    pass->more = FALSE;
    return NULL;
  }
  if (pass->events.n) {
    TRY(make_stream(call, in.logGroupName, in.logStreamName));
    TRY(call_operation(call, &LogsOperationPutLogEvents, NULL, NULL, &in, &(LogsPutLogEventsOutput) {0}));
  }
  position_key(call, &key, pass->instance->DBInstanceIdentifier, pass->type->name);
  return record_put(call->txn, &positions, &key, &RdsLogPosition_shape, &pass->next);
}

/* -- reading ------------------------------------------------------------------------------------------------------------------- */

typedef struct LogFile {
  int fd;
  gboolean old; /* NAME.1: nothing comes to it any more */
  struct stat stat;
} LogFile;

static gboolean
open_file(const char *path, gboolean old, LogFile *file)
{
  file->old = old;
  file->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (file->fd >= 0 && !fstat(file->fd, &file->stat))
    return TRUE;
  if (file->fd >= 0)
    close(file->fd);
  return FALSE;
}

/* The file that the position is in; if that is gone, or none was noted, the oldest that is there, from its beginning. */
static gboolean
find_file(Pass *pass, LogFile *file)
{
  for (int i = 0; i < 2; i++) {
    if (!open_file(i ? pass->path : pass->old_path, !i, file))
      continue;
    if (!pass->position.Inode.set || pass->position.Inode.v == (gint64) file->stat.st_ino)
      return TRUE;
    close(file->fd);
  }
  if (!pass->position.Inode.set)
    return FALSE;
  pass->position = (RdsLogPosition) {0};
  return find_file(pass, file);
}

/* One chunk. pass->more: there may be more. The file is closed. */
static Error *
export_chunk(Call *call, Pass *pass, LogFile *file, gboolean final)
{
  g_autofree char *text = g_malloc(CHUNK + 1);
  gint64 offset = OPT_OR(pass->position.Offset, 0);
  if (offset > file->stat.st_size) /* it was cut */
    offset = 0;
  ssize_t n = pread(file->fd, text, CHUNK, offset);
  int problem = errno;
  close(file->fd);
  if (n < 0)
    return error_fault("reading the log of %s: %s", pass->instance->DBInstanceIdentifier, g_strerror(problem));
  text[n] = '\0';
  pass->events = (LogsInputLogEvents) {0};
  gsize used = cut(call->arena, pass->type, text, (gsize) n, n < CHUNK && (file->old || final), &pass->events);
  pass->next = (RdsLogPosition) {OPT_INT((gint64) file->stat.st_ino), OPT_INT(offset + (gint64) used)};
  pass->more = used > 0 || file->old;
  if (used)
    return call_write(call, store_events, pass);
  if (!file->old)
    return NULL;
  /* At the end of what was renamed: it goes, and then the position, which leads nowhere meanwhile. */
  g_unlink(pass->old_path);
  pass->next = (RdsLogPosition) {0};
  return call_write(call, store_events, pass);
}

static void
rotate(const Call *call, const Pass *pass, const char *arn)
{
  struct stat file;
  if (!pass->type->rotate || stat(pass->path, &file) || file.st_size < FILE_MAX)
    return;
  if (!access(pass->old_path, F_OK)) {
    if (file.st_size < BACKLOG_MAX)
      return;
    log_warning("%s: %d MiB of it could not be exported and are lost", pass->path, FILE_MAX >> 20);
  }
  if (!pass->type->renames && g_rename(pass->path, pass->old_path))
    return;
  g_autoptr(GString) problem = g_string_new(NULL);
  g_autoptr(MYSQL) mysql = engine_connect(call->haar, arn, ROTATE_SECONDS, problem, NULL); /* the watch that ends a hung server runs behind this */
  g_autoptr(Error) error = mysql ? engine_run(mysql, pass->type->rotate) : error_fault("%s", problem->str);
  if (error)
    log_debug("%s: %s", pass->path, error->message);
}

static Error *
export_type(Call *call, Pass *pass, const StringList *exported, gboolean final)
{
  if (!string_list_has(exported, pass->type->name)) {
    g_unlink(pass->old_path);
    return NULL;
  }
  for (pass->more = TRUE; pass->more;) {
    LogFile file = {0};
    g_autoptr(Call) piece = call_new(call->haar, call->account, call->region, call->principal); /* its memory is a chunk's */
    TRY(call_read(piece, read_position, pass));
    if (!find_file(pass, &file))
      return NULL;
    TRY(export_chunk(piece, pass, &file, final));
  }
  return NULL;
}

typedef struct Exporting {
  const char *id;
  RdsInstanceRecord *instance;
  RdsClusterRecord *cluster;
} Exporting;

static Error *
load(Call *call, gpointer data)
{
  Exporting *exporting = data;
  TRY(instance_get(call, exporting->id, &exporting->instance));
  return cluster_get(call, exporting->instance->Instance->DBClusterIdentifier, &exporting->cluster);
}

Error *
logs_export(Call *call, const char *instance_id, gboolean final)
{
  Exporting exporting = {.id = instance_id};
  g_autoptr(Error) error = NULL; /* the first: the other types go on */
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(rds_logs_mutex(call->haar));
  TRY(call_read(call, load, &exporting));
  const RdsDBInstance *instance = exporting.instance->Instance;
  const RdsDBCluster *cluster = exporting.cluster->Cluster;
  g_autofree char *directory = engine_directory(call->haar, instance->DbiResourceId);
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    g_autofree char *path = g_build_filename(directory, types[i].file, NULL), *old_path = g_strconcat(path, ".1", NULL);
    Pass pass = {.instance = instance, .cluster = cluster->DBClusterIdentifier, .type = &types[i], .path = path, .old_path = old_path};
    Error *failed = export_type(call, &pass, &cluster->EnabledCloudwatchLogsExports, final);
    rotate(call, &pass, rds_arn(call, "db", instance_id));
    if (!error)
      error = failed;
    else
      error_clear(&failed);
  }
  return g_steal_pointer(&error);
}

gint64
logs_grown(const char *directory)
{
  gint64 sum = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    struct stat file;
    g_autofree char *path = g_build_filename(directory, types[i].file, NULL);
    if (!stat(path, &file))
      sum += file.st_size + (gint64) file.st_ino;
  }
  return sum;
}

/* The folder is written in by haar and by the server, which is another user's when haar is root; what lies above is closed to all others. */
Error *
logs_prepare(const char *directory)
{
  g_autofree char *logs = g_build_filename(directory, "logs", NULL), *log = g_build_filename(directory, "error.log", NULL);
  g_autofree char *old = g_strconcat(log, ".1", NULL);
  struct stat file;
  if (!g_file_test(logs, G_FILE_TEST_IS_DIR) && (g_mkdir_with_parents(logs, 0777) || chmod(logs, 0777)))
    return error_fault("making %s: %s", logs, g_strerror(errno));
  if (!stat(log, &file) && file.st_size >= FILE_MAX && access(old, F_OK))
    g_rename(log, old);
  return NULL;
}
