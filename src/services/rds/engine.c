/* engine: a MariaDB server behind a DB instance: a process in the instance's network interface, its data directory on the machine, its
 * configuration and keys only in the sandbox's memory. haar administers it through its unix socket. */
#include "services/rds/engine.h"

#include <errmsg.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_MS 30000
#define STOP_MS 10000
#define RELAY_PORT 3307
/* Without the server's own threads and haar's administrator. */
#define CONNECTIONS "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE user NOT IN ('rdsadmin', 'system user', 'event_scheduler')"

struct Engine {
  char *arn, *name, *directory, *admin_password;
  char *source_arn;      /* replica: whom it follows */
  Sandbox *sandbox;
  Relay *relay;
  Rds *rds;
  Watch *watch;
  gint watched;          /* its end is not wanted: the instance's job hears of it */
  gint held;             /* it stands still, for a copy */
};

struct Rds {
  Haar *haar;
  GMutex mutex;          /* of engines */
  GHashTable *engines;   /* ARN -> Engine */
  GMutex starting;       /* engines start one after the other: each takes the disk */
  GMutex template;       /* of the prepared data directory */
  GMutex logs;           /* of the export of logs */
  GMutex backups;        /* of base copies */
  GHashTable *seen;      /* of the metrics: counters at the last look */
};

static Rds *
rds_of(Haar *haar)
{
  return haar_state(haar, "rds");
}

static void
engine_free(gpointer data)
{
  Engine *engine = data;
  watch_free(engine->watch);
  relay_free(engine->relay);
  sandbox_free(engine->sandbox);
  g_free(engine->arn);
  g_free(engine->name);
  g_free(engine->directory);
  g_free(engine->admin_password);
  g_free(engine->source_arn);
  g_free(engine);
}

/* As root an engine's files belong to the sandbox's user while it runs, and haar itself has no rights over them: takes them back. */
static void
take_back(const Rds *rds, const char *path)
{
  const Haar *haar = rds->haar;
  if (!haar->warden || !warden_is_root(haar->warden) || !g_file_test(path, G_FILE_TEST_IS_DIR))
    return;
  g_autoptr(Error) error = warden_own(haar->warden, path, getuid(), getgid());
  if (error)
    log_warning("%s: %s", path, error->message);
}

Rds *
rds_new(Haar *haar)
{
  g_autofree char *directory = g_build_filename(haar->data_directory, "rds", NULL);
  Rds *rds = g_new0(Rds, 1);
  rds->haar = haar;
  g_mutex_init(&rds->mutex);
  g_mutex_init(&rds->starting);
  g_mutex_init(&rds->template);
  g_mutex_init(&rds->logs);
  g_mutex_init(&rds->backups);
  rds->engines = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, NULL);
  rds->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  rds_metrics_start(haar, rds->seen);
  take_back(rds, directory); /* of engines that ended with the haar before this one */
  return rds;
}

GMutex *
rds_template_mutex(Haar *haar)
{
  return &rds_of(haar)->template;
}

GMutex *
rds_logs_mutex(Haar *haar)
{
  return &rds_of(haar)->logs;
}

GMutex *
rds_backups_mutex(Haar *haar)
{
  return &rds_of(haar)->backups;
}

/* Takes the engine out of the table; the caller frees it. */
static Engine *
take(Rds *rds, const char *arn)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->mutex);
  Engine *engine = g_hash_table_lookup(rds->engines, arn);
  if (engine)
    g_hash_table_remove(rds->engines, arn);
  return engine;
}

gboolean
engine_running(Haar *haar, const char *arn)
{
  Rds *rds = rds_of(haar);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->mutex);
  const Engine *engine = g_hash_table_lookup(rds->engines, arn);
  return engine && engine->sandbox && sandbox_running(engine->sandbox);
}

char *
engine_directory(const Haar *haar, const char *resource_id)
{
  return g_build_filename(haar->data_directory, "rds", resource_id, NULL);
}

char *
engine_socket(Haar *haar, const char *arn)
{
  Rds *rds = rds_of(haar);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->mutex);
  const Engine *engine = g_hash_table_lookup(rds->engines, arn);
  return engine ? g_build_filename(engine->directory, "run", "mysql.sock", NULL) : NULL;
}

/* -- administration ------------------------------------------------------------------------------------------------------ */

/* Connects as rdsadmin; the socket is reached through its directory's descriptor, so that its path may be long. */
static MYSQL *
admin_connect_within(const char *directory, const char *password, guint seconds, GString *problem, gboolean *ret_unanswered)
{
  g_autofree char *run = g_build_filename(directory, "run", NULL);
  unsigned int timeout = seconds ? seconds : 10;
  gint64 began = clock_monotonic_us();
  int dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_autofree char *socket = g_strdup_printf("/proc/self/fd/%d/mysql.sock", dir);
  MYSQL *mysql = mysql_init(NULL);
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
  mysql_options(mysql, MYSQL_INIT_COMMAND, "SET SESSION sql_log_off=1, slow_query_log=0"); /* the logs are of what users do */
  if (seconds)
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout);
  MYSQL *connected = dir < 0 ? NULL : mysql_real_connect(mysql, "localhost", "rdsadmin", password, NULL, 0, socket, CLIENT_MULTI_STATEMENTS);
  if (!connected) {
    g_string_assign(problem, dir < 0 ? g_strerror(errno) : mysql_error(mysql));
    if (ret_unanswered) /* refused at once is an answer */
      *ret_unanswered = dir >= 0 && clock_monotonic_us() - began >= (timeout - 1) * G_USEC_PER_SEC;
    mysql_close(mysql);
  }
  if (dir >= 0)
    close(dir);
  return connected;
}

static MYSQL *
admin_connect(const char *directory, const char *password, GString *problem)
{
  return admin_connect_within(directory, password, 0, problem, NULL);
}

Error *
engine_run(MYSQL *mysql, const char *sql)
{
  int more = mysql_query(mysql, sql);
  while (!more) {
    MYSQL_RES *result = mysql_store_result(mysql);
    if (result)
      mysql_free_result(result);
    if (mysql_errno(mysql))
      break;
    more = mysql_next_result(mysql);
  }
  return mysql_errno(mysql) ? error_fault("MariaDB: %s", mysql_error(mysql)) : NULL;
}

/* What an administrator's connection needs; FALSE: the engine does not run. */
static gboolean
admin_of(Haar *haar, const char *arn, char **ret_directory, char **ret_password)
{
  Rds *rds = rds_of(haar);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->mutex);
  const Engine *engine = g_hash_table_lookup(rds->engines, arn);
  if (!engine)
    return FALSE;
  *ret_directory = g_strdup(engine->directory);
  *ret_password = g_strdup(engine->admin_password);
  return TRUE;
}

MYSQL *
engine_connect(Haar *haar, const char *arn, guint seconds, GString *problem, gboolean *ret_unanswered)
{
  g_autofree char *directory = NULL, *password = NULL;
  if (admin_of(haar, arn, &directory, &password))
    return admin_connect_within(directory, password, seconds, problem, ret_unanswered);
  g_string_assign(problem, "it does not run");
  return NULL;
}

Error *
engine_sql(Haar *haar, const char *arn, const char *sql)
{
  g_autofree char *directory = NULL, *password = NULL;
  g_autoptr(GString) problem = g_string_new(NULL);
  if (!admin_of(haar, arn, &directory, &password))
    return error_fault("%s does not run", arn);
  g_autoptr(MYSQL) mysql = admin_connect(directory, password, problem);
  return mysql ? engine_run(mysql, sql) : error_fault("connecting to %s: %s", arn, problem->str);
}

Error *
engine_select_text(MYSQL *mysql, const char *sql, const char *column, char **ret_text)
{
  *ret_text = NULL;
  if (mysql_query(mysql, sql))
    return error_fault("MariaDB: %s", mysql_error(mysql));
  MYSQL_RES *result = mysql_store_result(mysql);
  MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
  unsigned int n = result ? mysql_num_fields(result) : 0;
  for (unsigned int i = 0; row && i < n; i++)
    if (!strcmp(mysql_fetch_fields(result)[i].name, column))
      *ret_text = g_strdup(row[i]);
  mysql_free_result(result);
  return NULL;
}

/* --- counters --- */

char **
engine_arns(Haar *haar)
{
  Rds *rds = rds_of(haar);
  g_autoptr(GPtrArray) arns = g_ptr_array_new();
  GHashTableIter iter;
  gpointer value;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->mutex);
  g_hash_table_iter_init(&iter, rds->engines);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const Engine *engine = value;
    if (engine->sandbox && sandbox_running(engine->sandbox))
      g_ptr_array_add(arns, g_strdup(engine->arn));
  }
  g_ptr_array_add(arns, NULL);
  return (char **) g_ptr_array_free(g_steal_pointer(&arns), FALSE);
}

static void
read_counter(const char *name, const char *value, EngineCounters *counters)
{
  const struct {
    const char *name;
    gint64 *to;
  } rows[] = {
    {"Uptime", &counters->uptime_s}, {"Queries", &counters->queries},
    {"Com_commit", &counters->commits}, {"Com_select", &counters->selects}, {"Com_insert", &counters->changes},
    {"Com_update", &counters->changes}, {"Com_delete", &counters->changes}, {"Access_denied_errors", &counters->refused},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    if (g_ascii_strcasecmp(rows[i].name, name) == 0)
      *rows[i].to += g_ascii_strtoll(value, NULL, 10);
}

static Error *
read_counters(MYSQL *mysql, EngineCounters *counters)
{
  if (mysql_query(mysql, "SHOW GLOBAL STATUS"))
    return error_fault("MariaDB: %s", mysql_error(mysql));
  MYSQL_RES *result = mysql_store_result(mysql);
  for (MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL; row; row = mysql_fetch_row(result))
    read_counter(row[0], row[1] ? row[1] : "0", counters);
  mysql_free_result(result);
  return NULL;
}

static void
read_usage(Haar *haar, const char *arn, EngineCounters *counters)
{
  SandboxUsage usage = {.cpu_us = -1};
  Rds *rds = rds_of(haar);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->mutex);
  const Engine *engine = g_hash_table_lookup(rds->engines, arn);
  if (engine && engine->sandbox)
    sandbox_usage(engine->sandbox, &usage);
  counters->cpu_us = usage.cpu_us;
}

Error *
engine_counters(Haar *haar, const char *arn, EngineCounters *ret)
{
  EngineCounters counters = {.lag_s = -1};
  g_autofree char *directory = NULL, *password = NULL, *lag = NULL, *connections = NULL;
  g_autoptr(GString) problem = g_string_new(NULL);
  if (!admin_of(haar, arn, &directory, &password))
    return error_fault("%s does not run", arn);
  g_autoptr(MYSQL) mysql = admin_connect(directory, password, problem);
  if (!mysql)
    return error_fault("connecting to %s: %s", arn, problem->str);
  TRY(read_counters(mysql, &counters));
  TRY(engine_select_text(mysql, CONNECTIONS, "n", &connections));
  counters.connections = connections ? g_ascii_strtoll(connections, NULL, 10) : 0;
  TRY(engine_select_text(mysql, "SHOW SLAVE STATUS", "Seconds_Behind_Master", &lag));
  if (lag)
    counters.lag_s = g_ascii_strtoll(lag, NULL, 10);
  read_usage(haar, arn, &counters);
  *ret = counters;
  return NULL;
}

Error *
engine_select(Haar *haar, const char *arn, const char *sql, const char *column, char **ret_text)
{
  g_autofree char *directory = NULL, *password = NULL;
  g_autoptr(GString) problem = g_string_new(NULL);
  if (!admin_of(haar, arn, &directory, &password))
    return error_fault("%s does not run", arn);
  g_autoptr(MYSQL) mysql = admin_connect(directory, password, problem);
  return mysql ? engine_select_text(mysql, sql, column, ret_text) : error_fault("connecting to %s: %s", arn, problem->str);
}

/* The files are haar's for the time of the copy; the frozen server keeps them open. */
static Error *
copy_frozen(const Rds *rds, const Engine *engine, const char *to)
{
  g_autofree char *data = g_build_filename(engine->directory, "data", NULL);
  struct stat owner;
  if (stat(data, &owner))
    return error_fault("%s: %s", data, g_strerror(errno));
  take_back(rds, data);
  Error *error = volume_copy(engine->directory, to);
  g_autoptr(Error) give = owner.st_uid != getuid() ? warden_own(rds->haar->warden, data, owner.st_uid, owner.st_gid) : NULL;
  return error ? error : g_steal_pointer(&give);
}

Error *
engine_copy(Haar *haar, const char *arn, const char *to)
{
  Rds *rds = rds_of(haar);
  /* Not while engines start or stop: the one to be copied stays. */
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->starting);
  g_mutex_lock(&rds->mutex);
  Engine *engine = g_hash_table_lookup(rds->engines, arn);
  g_mutex_unlock(&rds->mutex);
  if (!engine)
    return error_answer("InvalidDBClusterStateFault", "The cluster's writer is not available.");
  g_atomic_int_set(&engine->held, TRUE);
  Error *error = sandbox_freeze(engine->sandbox);
  if (!error)
    error = copy_frozen(rds, engine, to);
  g_autoptr(Error) thaw = sandbox_thaw(engine->sandbox);
  g_atomic_int_set(&engine->held, FALSE);
  return error ? error : g_steal_pointer(&thaw);
}

/* -- start ----------------------------------------------------------------------------------------------------------------- */

typedef struct RelayTarget {
  Haar *haar;
  char *arn; /* of the replica */
} RelayTarget;

static void
relay_target_free(gpointer data)
{
  RelayTarget *target = data;
  g_free(target->arn);
  g_free(target);
}

/* The socket of the engine that the replica follows now. */
static char *
relay_path(gpointer data)
{
  RelayTarget *target = data;
  Rds *rds = rds_of(target->haar);
  g_autofree char *source = NULL;
  g_mutex_lock(&rds->mutex);
  const Engine *engine = g_hash_table_lookup(rds->engines, target->arn);
  source = engine ? g_strdup(engine->source_arn) : NULL;
  g_mutex_unlock(&rds->mutex);
  return source ? engine_socket(target->haar, source) : NULL;
}

static Error *
open_relay(Haar *haar, const EngineSpec *spec, Engine *engine)
{
  int fd = -1;
  RelayTarget *target = NULL;
  if (!spec->eni_id)
    return NULL;
  TRY(fabric_listen_in(haar->fabric, spec->eni_id, "127.0.0.1", RELAY_PORT, &fd));
  target = g_new0(RelayTarget, 1);
  *target = (RelayTarget) {haar, g_strdup(spec->arn)};
  engine->relay = relay_new(fd, relay_path, target, relay_target_free);
  return NULL;
}

static void
engine_exited(Sandbox *sandbox, const SandboxExit *exit, gpointer data)
{
  Engine *engine = data;
  if (exit->signal != SIGTERM && (exit->status || exit->signal))
    log_warning("database engine %s ended: status %d, signal %d", engine->name, exit->status, exit->signal);
  if (g_atomic_int_compare_and_exchange(&engine->watched, TRUE, FALSE) && engine->rds->haar->jobs)
    engine_lost(engine->rds->haar, engine->arn);
}

static Error *
launch(Haar *haar, const EngineSpec *spec, Engine *engine, const char *keys)
{
  g_autofree char *config = config_text(spec), *init = config_init_sql(spec, engine->admin_password);
  g_autofree char *data = g_build_filename(spec->directory, "data", NULL), *run = g_build_filename(spec->directory, "run", NULL);
  g_autofree char *log = g_build_filename(spec->directory, "error.log", NULL), *logs = g_build_filename(spec->directory, "logs", NULL);
  int netns = -1;
  TRY(logs_prepare(spec->directory));
  if (g_mkdir_with_parents(run, 0711)) /* searched by haar for the socket, also when it is the sandbox user's */
    return error_fault("making %s: %s", run, g_strerror(errno));
  if (spec->eni_id)
    TRY(fabric_eni_netns(haar->fabric, spec->eni_id, &netns));
  int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const char *const argv[] = {"/usr/sbin/mariadbd", "--defaults-file=/etc/haar-engine.cnf", NULL};
  /* UMASK is of the files that the server makes: haar reads its logs, also as another user. */
  const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "TZ=UTC", "UMASK=0644", NULL};
  const SandboxMount mounts[] = {{data, "/srv/data", TRUE}, {run, "/srv/run", TRUE}, {logs, "/srv/logs", TRUE}};
  const SandboxFile files[] = {{"/etc/haar-engine.cnf", config}, {"/run/haar/init.sql", init}, {"/run/haar/keys", keys ? keys : ""}};
  const SandboxSpec sandbox = {.name = engine->name, .hostname = engine->name, .netns = netns, .argv = argv, .env = env, .directory = "/srv/data",
                               .mounts = mounts, .n_mounts = G_N_ELEMENTS(mounts), .files = files, .n_files = G_N_ELEMENTS(files), .user = "mysql",
                               .tmp_size = 256 << 20, .memory_max = 1 << 30, .files_max = 8192, .stdin_fd = -1, .stdout_fd = log_fd, .stderr_fd = log_fd,
                               .exited = engine_exited, .data = engine};
  Error *error = sandbox_start(haar->sandboxes, &sandbox, &engine->sandbox);
  if (netns >= 0)
    close(netns);
  if (log_fd >= 0)
    close(log_fd);
  return error;
}

/* The last lines of the engine's log: why it did not start. */
static char *
log_tail(const char *directory)
{
  g_autofree char *path = g_build_filename(directory, "error.log", NULL), *text = NULL;
  gsize size = 0;
  if (!g_file_get_contents(path, &text, &size, NULL))
    return g_strdup("no log");
  return g_strdup(text + (size > 800 ? size - 800 : 0));
}

static Error *
wait_ready(Engine *engine)
{
  g_autoptr(GString) problem = g_string_new(NULL);
  for (gint64 until = clock_real() + START_MS; clock_real() < until;) {
    g_autoptr(MYSQL) mysql = admin_connect(engine->directory, engine->admin_password, problem);
    if (mysql)
      return NULL;
    if (!sandbox_running(engine->sandbox))
      break;
    g_usleep(10 * 1000);
  }
  g_autofree char *tail = log_tail(engine->directory);
  return error_fault("the database engine %s did not start: %s; its log ends: %s", engine->name, problem->str, tail);
}

static char *
keys_text(const guint8 *key)
{
  GString *text = g_string_new("1;");
  for (int i = 0; key && i < 32; i++)
    g_string_append_printf(text, "%02x", key[i]);
  g_string_append_c(text, '\n');
  return g_string_free(text, FALSE);
}

/* A process that answers no more is ended, and its end is news. */
static void
engine_dead(gpointer data)
{
  const Engine *engine = data;
  sandbox_kill(engine->sandbox);
}

/* From now on its end is news; it may have ended before. */
static void
watch(Engine *engine, const EngineSpec *spec)
{
  if (spec->recovering)
    return;
  engine->watch = watch_new(engine->rds->haar, engine->arn, engine->directory, &engine->held, engine_dead, engine);
  g_atomic_int_set(&engine->watched, TRUE);
  if (!sandbox_running(engine->sandbox) && g_atomic_int_compare_and_exchange(&engine->watched, TRUE, FALSE))
    engine_lost(engine->rds->haar, engine->arn);
}

Error *
engine_start(Haar *haar, const EngineSpec *spec)
{
  Rds *rds = rds_of(haar);
  g_autofree char *keys = spec->key ? keys_text(spec->key) : NULL;
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->starting);
  if (engine_running(haar, spec->arn))
    return NULL;
  Engine *old = take(rds, spec->arn);
  if (old)
    engine_free(old);
  Engine *engine = g_new0(Engine, 1);
  *engine = (Engine) {.arn = g_strdup(spec->arn), .name = g_strdup(spec->name), .directory = g_strdup(spec->directory),
                      .admin_password = g_strdup(id_hex(arena, 40)), .source_arn = g_strdup(spec->source_arn), .rds = rds};
  /* In the table before it runs: the relay looks there when the replica connects. */
  g_mutex_lock(&rds->mutex);
  g_hash_table_insert(rds->engines, engine->arn, engine);
  g_mutex_unlock(&rds->mutex);
  Error *error = open_relay(haar, spec, engine);
  if (!error)
    error = launch(haar, spec, engine, keys);
  if (!error)
    error = wait_ready(engine);
  if (!error) {
    watch(engine, spec);
    return NULL;
  }
  engine = take(rds, spec->arn);
  if (engine)
    engine_free(engine);
  return error;
}

static void
stop(Engine *engine)
{
  g_atomic_int_set(&engine->watched, FALSE);
  watch_free(g_steal_pointer(&engine->watch));
  if (engine->sandbox && sandbox_running(engine->sandbox)) {
    g_autoptr(Error) error = sandbox_signal(engine->sandbox, SIGTERM);
    if (error || !sandbox_wait(engine->sandbox, STOP_MS, NULL))
      sandbox_kill(engine->sandbox);
    sandbox_wait(engine->sandbox, STOP_MS, NULL);
  }
  take_back(engine->rds, engine->directory);
  engine_free(engine);
}

void
engine_stop(Haar *haar, const char *arn)
{
  Rds *rds = rds_of(haar);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rds->starting);
  Engine *engine = take(rds, arn);
  if (engine)
    stop(engine);
}

void
rds_free(Rds *rds)
{
  GHashTableIter iterator;
  gpointer engine = NULL;
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  g_mutex_lock(&rds->mutex); /* engines' watches look in the table too */
  g_hash_table_iter_init(&iterator, rds->engines);
  while (g_hash_table_iter_next(&iterator, NULL, &engine))
    g_ptr_array_add(all, engine);
  g_hash_table_remove_all(rds->engines);
  g_mutex_unlock(&rds->mutex);
  for (guint i = 0; i < all->len; i++)
    stop(all->pdata[i]);
  g_hash_table_unref(rds->engines);
  g_hash_table_unref(rds->seen);
  g_mutex_clear(&rds->mutex);
  g_mutex_clear(&rds->starting);
  g_mutex_clear(&rds->template);
  g_mutex_clear(&rds->logs);
  g_mutex_clear(&rds->backups);
  g_free(rds);
}
