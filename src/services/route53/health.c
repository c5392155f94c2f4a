/* What is known of each health check, and when the next look is due. One thread watches the (movable) clock while there are endpoints to
 * look at; a few others look. If the clock jumped, a check looks as often as its threshold asks, so that it can turn.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html */
#include "services/route53/health.h"

#include <string.h>

#include "server/metrics.h"

enum { WATCH_MS = 200, PROBERS = 16, DEPTH_MAX = 4 };

typedef struct Check {
  Arena *arena;                     /* of config; another with each change */
  const Route53HealthCheckConfig *config;
  const char *account;
  gboolean known, good;             /* what the looks say, before inversion */
  guint streak;                     /* looks in a row that said the other */
  gboolean looking;
  gint64 due_ms, looked_ms, failed_ms;
  char *status, *failure;
} Check;

struct Health {
  Haar *haar;
  GMutex lock;
  GCond changed;
  GHashTable *checks;               /* id -> Check * */
  GHashTable *dirty;                /* ids to be read again */
  gboolean loaded, stopping;
  GThread *watcher;
  GThreadPool *probers;
};

static void
check_free(gpointer data)
{
  Check *check = data;
  arena_free(check->arena);
  g_free(check->status);
  g_free(check->failure);
  g_free(check);
}

/* --- reading what is configured --- */

static void
take_record(Health *health, const char *id, Arena *arena, const Route53HealthRecord *record)
{
  Check *check = g_hash_table_lookup(health->checks, id);
  if (!check) {
    check = g_new0(Check, 1);
    g_hash_table_insert(health->checks, g_strdup(id), check);
  }
  arena_free(check->arena);
  check->arena = arena;
  check->config = record->Check->HealthCheckConfig;
  check->account = record->Account;
  check->due_ms = 0;
}

static Error *
read_check(Health *health, Txn *txn, const char *id)
{
  Key key;
  void *record = NULL;
  g_autoptr(Arena) arena = arena_new();
  key_strings(&key, id, NULL);
  TRY(record_get(txn, &route53_checks, &key, &Route53HealthRecord_shape, arena, &record));
  if (record)
    take_record(health, id, g_steal_pointer(&arena), record);
  else
    g_hash_table_remove(health->checks, id);
  return NULL;
}

static Error *
read_dirty(Health *health)
{
  g_autoptr(Txn) txn = NULL;
  GHashTableIter each;
  gpointer id = NULL;
  TRY(store_begin_read(health->haar->store, &txn));
  if (!health->loaded) {
    g_autoptr(Cursor) cursor = NULL;
    g_autoptr(Arena) arena = arena_new();
    TRY(cursor_open(txn, &route53_checks, &(CursorOptions) {0}, &cursor));
    while (cursor_next(cursor)) {
      KeyReader reader = cursor_key_reader(cursor);
      char *name = NULL;
      gsize size = 0;
      if (key_read(&reader, arena, &name, &size))
        g_hash_table_add(health->dirty, g_strdup(name));
    }
    health->loaded = TRUE;
  }
  g_hash_table_iter_init(&each, health->dirty);
  while (g_hash_table_iter_next(&each, &id, NULL)) {
    TRY(read_check(health, txn, id));
    g_hash_table_iter_remove(&each);
  }
  return NULL;
}

/* Lock held. */
static void
refresh(Health *health)
{
  if (health->loaded && g_hash_table_size(health->dirty) == 0)
    return;
  g_autoptr(Error) error = read_dirty(health);
  if (error)
    log_error("the health checks cannot be read: %s", error->message);
}

typedef struct Mark { Health *health; char *id; } Mark;

static void
mark(gpointer data)
{
  const Mark *change = data;
  g_mutex_lock(&change->health->lock);
  g_hash_table_add(change->health->dirty, g_strdup(change->id));
  g_cond_broadcast(&change->health->changed);
  g_mutex_unlock(&change->health->lock);
}

static void
mark_free(gpointer data)
{
  Mark *change = data;
  g_free(change->id);
  g_free(change);
}

void
health_changed(Health *health, Txn *txn, const char *check_id)
{
  Mark *change = g_new0(Mark, 1);
  *change = (Mark) {health, g_strdup(check_id)};
  txn_on_commit(txn, mark, change, mark_free);
}

/* --- what it comes to --- */

static gboolean good_by_id(Health *health, const char *id, guint depth);

/* Lock held. */
static gboolean
is_good(Health *health, const Check *check, guint depth)
{
  const Route53HealthCheckConfig *config = check->config;
  gboolean good = !check->known || check->good;
  if (OPT_OR(config->Disabled, FALSE))
    good = TRUE;
  else if (!strcmp(config->Type, "CALCULATED")) {
    gint64 healthy = 0;
    for (gsize i = 0; i < config->ChildHealthChecks.n; i++)
      healthy += good_by_id(health, config->ChildHealthChecks.v[i], depth + 1);
    good = healthy >= OPT_OR(config->HealthThreshold, 0);
  }
  return good != OPT_OR(config->Inverted, FALSE);
}

static gboolean
good_by_id(Health *health, const char *id, guint depth)
{
  const Check *check = g_hash_table_lookup(health->checks, id);
  return !check || depth > DEPTH_MAX || is_good(health, check, depth);
}

gboolean
health_is_good(Health *health, const char *check_id)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&health->lock);
  refresh(health);
  return good_by_id(health, check_id, 0);
}

HealthReport
health_report(Health *health, Arena *arena, const char *check_id)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&health->lock);
  refresh(health);
  const Check *check = g_hash_table_lookup(health->checks, check_id);
  if (!check)
    return (HealthReport) {.good = TRUE};
  return (HealthReport) {.known = check->known, .good = is_good(health, check, 0), .checked_ms = check->looked_ms, .failed_ms = check->failed_ms,
                         .status = arena_strdup(arena, check->status), .failure = arena_strdup(arena, check->failure)};
}

/* --- looking --- */

/* The state turns after FailureThreshold looks in a row that say the other; the first look counts at once if it is good. Lock held. */
static void
take_result(Check *check, gint64 now, const Probe *probe)
{
  guint threshold = (guint) OPT_OR(check->config->FailureThreshold, 3);
  gboolean before = !check->known || check->good;
  check->streak = probe->good == before ? 0 : check->streak + 1;
  check->good = check->streak >= threshold || probe->at_once ? probe->good : before;
  if (check->good == probe->good)
    check->streak = 0;
  check->known = TRUE;
  check->looked_ms = now;
  g_free(check->status);
  check->status = g_strdup(probe->status);
  if (!probe->good) {
    check->failed_ms = now;
    g_free(check->failure);
    check->failure = g_strdup(probe->status);
  }
}

static gint64
interval_of(const Route53HealthCheckConfig *config)
{
  return OPT_OR(config->RequestInterval, 30) * 1000;
}

/* A copy of what is configured, as the lock is not held while looking; NULL: the check is gone. */
static Route53HealthCheckConfig *
config_copy(Health *health, const char *id, Arena *arena, const char **ret_account, guint *ret_looks)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&health->lock);
  const Check *check = g_hash_table_lookup(health->checks, id);
  if (!check)
    return NULL;
  gint64 missed = check->looked_ms ? (clock_now() - check->looked_ms) / interval_of(check->config) : 1;
  *ret_looks = (guint) CLAMP(missed, 1, OPT_OR(check->config->FailureThreshold, 3));
  *ret_account = arena_strdup(arena, check->account);
  return shape_copy(arena, &Route53HealthCheckConfig_shape, check->config);
}

static void
look(gpointer data, gpointer user)
{
  Health *health = user;
  g_autofree char *id = data;
  g_autoptr(Arena) arena = arena_new();
  const char *account = NULL;
  guint looks = 0;
  const Route53HealthCheckConfig *config = config_copy(health, id, arena, &account, &looks);
  for (guint i = 0; config && i < looks; i++) {
    Probe probe = {0};
    probe_run(health->haar, arena, id, account, config, &probe);
    g_mutex_lock(&health->lock);
    Check *check = g_hash_table_lookup(health->checks, id);
    if (check)
      take_result(check, clock_now(), &probe);
    looks = health->stopping ? 0 : looks;
    g_mutex_unlock(&health->lock);
  }
  g_mutex_lock(&health->lock);
  Check *check = g_hash_table_lookup(health->checks, id);
  if (check) {
    check->looking = FALSE;
    check->due_ms = clock_now() + interval_of(check->config);
  }
  g_mutex_unlock(&health->lock);
}

static gboolean
looks_itself(const Check *check)
{
  return !OPT_OR(check->config->Disabled, FALSE) && strcmp(check->config->Type, "CALCULATED");
}

/* Starts the looks that are due. Lock held. FALSE: there is nothing to watch. */
static gboolean
start_looks(Health *health)
{
  GHashTableIter each;
  gpointer id = NULL, value = NULL;
  gint64 now = clock_now();
  gboolean any = FALSE;
  refresh(health);
  g_hash_table_iter_init(&each, health->checks);
  while (g_hash_table_iter_next(&each, &id, &value)) {
    Check *check = value;
    if (!looks_itself(check))
      continue;
    any = TRUE;
    /* A clock that was set back must not silence a check. */
    gboolean due = check->due_ms <= now || check->due_ms > now + interval_of(check->config);
    if (!due || check->looking)
      continue;
    check->looking = TRUE;
    g_thread_pool_push(health->probers, g_strdup(id), NULL);
  }
  return any;
}

static gpointer
watch(gpointer data)
{
  Health *health = data;
  g_mutex_lock(&health->lock);
  while (!health->stopping)
    if (start_looks(health))
      g_cond_wait_until(&health->changed, &health->lock, clock_monotonic_us() + WATCH_MS * 1000);
    else
      g_cond_wait(&health->changed, &health->lock);
  g_mutex_unlock(&health->lock);
  return NULL;
}

/* --- metrics: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html --- */

static void
sample(Haar *haar, gpointer data)
{
  Health *health = data;
  GHashTableIter each;
  gpointer id = NULL, value = NULL;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&health->lock);
  refresh(health);
  g_hash_table_iter_init(&each, health->checks);
  while (g_hash_table_iter_next(&each, &id, &value)) {
    const Check *check = value;
    MetricSeries series = {.account = check->account, .region = "us-east-1", .name_space = "AWS/Route53", .name = "HealthCheckStatus",
                           .unit = "None", .dimensions = METRIC_DIMENSIONS("HealthCheckId", id)};
    metric_add(haar, &series, is_good(health, check, 0));
    if (!strcmp(check->config->Type, "CALCULATED") || !strcmp(check->config->Type, "CLOUDWATCH_METRIC"))
      continue;
    series.name = "HealthCheckPercentageHealthy";
    series.unit = "Percent";
    metric_add(haar, &series, !check->known || check->good ? 100 : 0);
  }
}

/* --- life --- */

Error *
health_start(Haar *haar, Health **ret_health)
{
  Health *health = g_new0(Health, 1);
  health->haar = haar;
  g_mutex_init(&health->lock);
  g_cond_init(&health->changed);
  health->checks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, check_free);
  health->dirty = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  health->probers = g_thread_pool_new(look, health, PROBERS, FALSE, NULL);
  health->watcher = g_thread_new("health", watch, health);
  metrics_sampler(haar, sample, health);
  *ret_health = health;
  return NULL;
}

void
health_stop(Health *health)
{
  if (!health)
    return;
  g_mutex_lock(&health->lock);
  health->stopping = TRUE;
  g_cond_broadcast(&health->changed);
  g_mutex_unlock(&health->lock);
  g_thread_join(health->watcher);
  g_thread_pool_free(health->probers, FALSE, TRUE);
  g_hash_table_unref(health->checks);
  g_hash_table_unref(health->dirty);
  g_cond_clear(&health->changed);
  g_mutex_clear(&health->lock);
  g_free(health);
}
