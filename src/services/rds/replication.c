/* replication: where a replica stands, and how it becomes the writer. What a failover may not lose is what the writer's binary log holds: the
 * log is written to the kernel before a commit is acknowledged (config.c), so that it survives the writer's process, and the replica that is to
 * be promoted applies all of it first. */
#include "services/rds/rds.h"

#include <string.h>

Error *
engine_position(Haar *haar, const char *arn, char **ret_position)
{
  return engine_select(haar, arn, "SELECT @@GLOBAL.gtid_binlog_pos AS position", "position", ret_position);
}

Error *
engine_await(Haar *haar, const char *arn, const char *position, guint seconds)
{
  g_autofree char *quoted = sql_quote(position), *waited = NULL;
  g_autofree char *sql = g_strdup_printf("SELECT MASTER_GTID_WAIT(%s, %u) AS waited", quoted, seconds);
  if (!*position)
    return NULL;
  TRY(engine_select(haar, arn, sql, "waited", &waited));
  return g_strcmp0(waited, "0") ? error_fault("%s has not applied its writer's log up to %s within %u s", arn, position, seconds) : NULL;
}

Error *
engine_apply_received(Haar *haar, const char *arn, guint seconds)
{
  g_autofree char *received = NULL;
  TRY(engine_sql(haar, arn, "STOP SLAVE IO_THREAD"));
  TRY(engine_select(haar, arn, "SHOW SLAVE STATUS", "Gtid_IO_Pos", &received));
  return engine_await(haar, arn, received ? received : "", seconds);
}

Error *
engine_promote(Haar *haar, const char *arn)
{
  return engine_sql(haar, arn, "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0");
}
