/* binlog: the binary log of a server: where a second of the past is in it, and how it is kept short. */
#include "services/rds/engine.h"

#include <mariadb_rpl.h> /* needs mysql.h before it */
#include <string.h>

/* -- a second of the past ---------------------------------------------------------------------------------------------------- */

/* Reads from the oldest on, up to the end. */
static Error *
open_log(MYSQL *mysql, MARIADB_RPL *log)
{
  g_autofree char *first = NULL;
  TRY(engine_select_text(mysql, "SHOW BINARY LOGS", "Log_name", &first));
  if (!first)
    return error_fault("MariaDB has no binary log");
  TRY(engine_run(mysql, "SET @mariadb_slave_capability=4, @master_binlog_checksum='NONE'"));
  mariadb_rpl_optionsv(log, MARIADB_RPL_FILENAME, first, strlen(first));
  mariadb_rpl_optionsv(log, MARIADB_RPL_START, 4UL);
  mariadb_rpl_optionsv(log, MARIADB_RPL_SERVER_ID, 0x7ffffffeU);
  mariadb_rpl_optionsv(log, MARIADB_RPL_FLAGS, (unsigned int) MARIADB_RPL_BINLOG_DUMP_NON_BLOCK);
  return mariadb_rpl_open(log) ? error_fault("MariaDB's binary log: %s", mariadb_rpl_error(log)) : NULL;
}

static void
log_close_pointer(MARIADB_RPL **log)
{
  if (*log)
    mariadb_rpl_close(*log);
}

/* Each transaction begins with its GTID event. */
static Error *
find_position(MYSQL *mysql, gint64 second, char **ret_position)
{
  __attribute__((cleanup(log_close_pointer))) MARIADB_RPL *log = mariadb_rpl_init(mysql);
  g_autofree char *position = g_strdup("");
  TRY(open_log(mysql, log));
  for (;;) {
    MARIADB_RPL_EVENT *event = mariadb_rpl_fetch(log, NULL);
    if (!event)
      break;
    gboolean begins = event->event_type == GTID_EVENT, late = begins && event->timestamp > second;
    if (begins && !late) {
      g_free(position);
      position = g_strdup_printf("%u-%u-%" G_GUINT64_FORMAT, event->event.gtid.domain_id, event->server_id, (guint64) event->event.gtid.sequence_nr);
    }
    mariadb_free_rpl_event(event);
    if (late)
      break;
  }
  if (mariadb_rpl_errno(log))
    return error_fault("MariaDB's binary log: %s", mariadb_rpl_error(log));
  *ret_position = g_steal_pointer(&position);
  return NULL;
}

Error *
engine_position_at(Haar *haar, const char *arn, gint64 second, char **ret_position)
{
  g_autoptr(GString) problem = g_string_new(NULL);
  g_autoptr(MYSQL) mysql = engine_connect(haar, arn, 0, problem, NULL);
  return mysql ? find_position(mysql, second, ret_position) : error_fault("connecting to %s: %s", arn, problem->str);
}

/* -- what is kept ------------------------------------------------------------------------------------------------------------- */

guint64
position_number(const char *position)
{
  const char *last = position ? strrchr(position, '-') : NULL;
  return last ? g_ascii_strtoull(last + 1, NULL, 10) : 0;
}

static GPtrArray *
log_names(MYSQL *mysql)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  if (mysql_query(mysql, "SHOW BINARY LOGS"))
    return names;
  MYSQL_RES *result = mysql_store_result(mysql);
  for (MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL; row; row = mysql_fetch_row(result))
    g_ptr_array_add(names, g_strdup(row[0]));
  mysql_free_result(result);
  return names;
}

/* The newest file that begins at the position or before it, and all behind it, stay. */
static Error *
purge(MYSQL *mysql, const char *position)
{
  g_autoptr(GPtrArray) names = log_names(mysql);
  for (guint i = names->len; i-- > 1;) {
    g_autofree char *name = sql_quote(names->pdata[i]), *begins = NULL;
    g_autofree char *ask = g_strdup_printf("SELECT BINLOG_GTID_POS(%s, 4) AS begins", name), *sql = g_strdup_printf("PURGE BINARY LOGS TO %s", name);
    TRY(engine_select_text(mysql, ask, "begins", &begins));
    if (begins && position_number(begins) <= position_number(position))
      return engine_run(mysql, sql);
  }
  return NULL;
}

Error *
engine_purge(Haar *haar, const char *arn, const char *position)
{
  g_autoptr(GString) problem = g_string_new(NULL);
  g_autoptr(MYSQL) mysql = engine_connect(haar, arn, 0, problem, NULL);
  return mysql ? purge(mysql, position) : error_fault("connecting to %s: %s", arn, problem->str);
}
