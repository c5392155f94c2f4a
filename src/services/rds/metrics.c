/* AWS/RDS in CloudWatch, once a minute: what the servers' processes use, and what the servers count of themselves. By instance, by cluster,
 * and by cluster and role. Rates are over the time since the last look.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html */
#include <stdio.h>
#include <string.h>

#include "services/rds/rds.h"

/* The counters at the last look. */
typedef struct Last {
  gint64 at_us;
  EngineCounters counters;
} Last;

/* Where an instance's measurements go. */
typedef struct Target {
  Haar *haar;
  const char *account, *region, *instance, *cluster, *role; /* cluster, role: NULL if it is in none */
} Target;

static void
add(const Target *target, const char *name, const char *unit, double value)
{
  MetricSeries series = {target->account, target->region, "AWS/RDS", name, unit, METRIC_DIMENSIONS("DBInstanceIdentifier", target->instance)};
  metric_add(target->haar, &series, value);
  if (!target->cluster)
    return;
  series.dimensions = METRIC_DIMENSIONS("DBClusterIdentifier", target->cluster);
  metric_add(target->haar, &series, value);
  series.dimensions = METRIC_DIMENSIONS("DBClusterIdentifier", target->cluster, "Role", target->role);
  metric_add(target->haar, &series, value);
}

/* What the machine could still give, in bytes; -1: not known. */
static gint64
available_memory(void)
{
  g_autofree char *text = NULL;
  const char *at = g_file_get_contents("/proc/meminfo", &text, NULL, NULL) ? strstr(text, "MemAvailable:") : NULL;
  return at ? g_ascii_strtoll(at + strlen("MemAvailable:"), NULL, 10) * 1024 : -1;
}

static double
share(gint64 now, gint64 before, double seconds)
{
  return seconds > 0 && now >= before ? (double) (now - before) / seconds : 0;
}

static void
add_rates(const Target *target, const EngineCounters *now, const Last *last, double seconds)
{
  const EngineCounters *before = &last->counters;
  if (now->cpu_us >= 0 && before->cpu_us >= 0)
    add(target, "CPUUtilization", "Percent", MIN(share(now->cpu_us, before->cpu_us, seconds) / 1e4 / g_get_num_processors(), 100));
  add(target, "Queries", "Count/Second", share(now->queries, before->queries, seconds));
  add(target, "CommitThroughput", "Count/Second", share(now->commits, before->commits, seconds));
  add(target, "SelectThroughput", "Count/Second", share(now->selects, before->selects, seconds));
  add(target, "DMLThroughput", "Count/Second", share(now->changes, before->changes, seconds));
  add(target, "LoginFailures", "Count/Second", share(now->refused, before->refused, seconds));
}

static void
measure(const Target *target, const char *arn, GHashTable *seen)
{
  EngineCounters now;
  gint64 at = clock_monotonic_us(), free_memory = available_memory();
  g_autoptr(Error) error = engine_counters(target->haar, arn, &now);
  if (error) {
    log_debug("metrics of %s: %s", arn, error->message);
    return;
  }
  Last *last = g_hash_table_lookup(seen, arn);
  if (last)
    add_rates(target, &now, last, (double) (at - last->at_us) / 1e6);
  add(target, "DatabaseConnections", "Count", (double) now.connections);
  add(target, "EngineUptime", "Seconds", (double) now.uptime_s);
  if (free_memory >= 0)
    add(target, "FreeableMemory", "Bytes", (double) free_memory);
  if (now.lag_s >= 0)
    add(target, "AuroraReplicaLag", "Milliseconds", (double) now.lag_s * 1000);
  last = g_new(Last, 1);
  *last = (Last){at, now};
  g_hash_table_insert(seen, g_strdup(arn), last);
}

/* The cluster of an instance and its role there. An instance that is being made or has gone is not measured. */
static Error *
find_target(Call *call, gpointer data)
{
  Target *target = data;
  RdsInstanceRecord *instance = NULL;
  RdsClusterRecord *cluster = NULL;
  TRY(instance_get(call, target->instance, &instance));
  if (!instance->Instance->DBClusterIdentifier)
    return NULL;
  TRY(cluster_get(call, instance->Instance->DBClusterIdentifier, &cluster));
  const RdsDBClusterMember *member = cluster_member(cluster->Cluster, target->instance);
  target->cluster = cluster->Cluster->DBClusterIdentifier;
  target->role = member && OPT_OR(member->IsClusterWriter, FALSE) ? "WRITER" : "READER";
  return NULL;
}

static void
measure_engine(Haar *haar, const char *text, GHashTable *seen)
{
  Arn arn;
  g_autoptr(Arena) arena = arena_new();
  if (!arn_parse(arena, text, &arn) || !g_str_has_prefix(arn.resource, "db:"))
    return;
  g_autoptr(Call) call = call_new(haar, arn.account, arn.region, NULL);
  Target target = {.haar = haar, .account = arn.account, .region = arn.region, .instance = arn.resource + strlen("db:")};
  g_autoptr(Error) error = call_read(call, find_target, &target);
  if (!error)
    measure(&target, text, seen);
}

/* data: the counters of the last look, by ARN; engines that have gone go from it. */
static void
sample(Haar *haar, gpointer data)
{
  GHashTable *seen = data;
  GHashTableIter iter;
  gpointer arn;
  g_auto(GStrv) arns = engine_arns(haar);
  for (char **at = arns; *at; at++)
    measure_engine(haar, *at, seen);
  g_hash_table_iter_init(&iter, seen);
  while (g_hash_table_iter_next(&iter, &arn, NULL))
    if (!g_strv_contains((const char *const *) arns, arn))
      g_hash_table_iter_remove(&iter);
}

void
rds_metrics_start(Haar *haar, GHashTable *seen)
{
  metrics_sampler(haar, sample, seen);
}
