/* config: how an engine is set up. Small, durable against kill -9 (what is acknowledged was given to the kernel), and the same file
 * layout as the prepared data directory. */
#include "services/rds/rds.h"

#include <string.h>

/* Aurora's parameters that mean the same to MariaDB. Others are stored and have no effect. */
static const char *const passed_on[] = {
  "auto_increment_increment", "auto_increment_offset", "autocommit", "binlog_format", "binlog_row_image", "character_set_client",
  "character_set_connection", "character_set_database", "character_set_filesystem", "character_set_results", "character_set_server",
  "collation_connection", "collation_server", "connect_timeout", "default_week_format", "div_precision_increment", "eq_range_index_dive_limit",
  "event_scheduler", "explicit_defaults_for_timestamp", "ft_min_word_len", "general_log", "group_concat_max_len", "init_connect",
  "innodb_autoinc_lock_mode", "innodb_ft_min_token_size", "innodb_lock_wait_timeout", "innodb_print_all_deadlocks", "innodb_strict_mode",
  "interactive_timeout", "join_buffer_size", "local_infile", "lock_wait_timeout", "log_bin_trust_function_creators", "log_output",
  "log_queries_not_using_indexes", "long_query_time", "lower_case_table_names", "max_allowed_packet", "max_connect_errors", "max_connections",
  "max_heap_table_size", "max_prepared_stmt_count", "net_read_timeout", "net_write_timeout", "server_audit_events", "server_audit_excl_users",
  "server_audit_incl_users", "server_audit_logging", "slow_query_log", "sort_buffer_size", "sql_mode",
  "table_open_cache", "thread_cache_size", "tmp_table_size", "tx_isolation", "wait_timeout", NULL,
};

/* What haar's own users do is not the audit log's matter. */
#define OWN_USERS "rdsadmin,rdsrepl"

static void
add_parameters(GString *out, const RdsParametersList *parameters)
{
  for (gsize i = 0; parameters && i < parameters->n; i++) {
    const RdsParameter *parameter = parameters->v[i];
    gboolean line = strpbrk(parameter->ParameterValue, "\r\n") != NULL, excluded = !strcmp(parameter->ParameterName, "server_audit_excl_users");
    if (!line && g_strv_contains(passed_on, parameter->ParameterName))
      g_string_append_printf(out, "loose_%s=%s%s\n", parameter->ParameterName, parameter->ParameterValue, excluded ? "," OWN_USERS : "");
  }
}

char *
config_text(const EngineSpec *spec)
{
  GString *out = g_string_new("[mariadbd]\n");
  g_string_append_printf(out,
    "datadir=/srv/data\nsocket=/srv/run/mysql.sock\npid_file=/srv/run/mysqld.pid\ntmpdir=/tmp\nport=%d\nbind_address=%s\n"
    "server_id=%" G_GINT64_FORMAT "\nplugin_dir=/usr/lib/mysql/plugin\nlc_messages_dir=/usr/share/mysql\ninit_file=/run/haar/init.sql\n",
    spec->port, spec->address ? spec->address : "127.0.0.1", spec->server_id);
  g_string_append(out,
    "skip_name_resolve=1\nperformance_schema=0\nquery_cache_type=0\nquery_cache_size=0\nsymbolic_links=0\n"
    "innodb_data_file_path=ibdata1:4M:autoextend\ninnodb_autoextend_increment=1\ninnodb_log_file_size=4M\ninnodb_buffer_pool_size=16M\n"
    "innodb_log_buffer_size=1M\nkey_buffer_size=1M\naria_pagecache_buffer_size=1M\nmax_connections=90\nthread_cache_size=16\n"
    "innodb_flush_log_at_trx_commit=2\nsync_binlog=0\ninnodb_flush_method=fsync\n"
    "log_bin=binlog\nlog_slave_updates=1\nbinlog_format=ROW\nrelay_log=relay\nslave_net_timeout=10\n"
    "character_set_server=utf8mb4\ncollation_server=utf8mb4_general_ci\nlocal_infile=0\nsecure_file_priv=/tmp\n");
  /* The audit log's files are changed by haar (log_export.c), not by their size. */
  g_string_append(out,
    "log_output=FILE\nslow_query_log_file=/srv/logs/slowquery.log\ngeneral_log_file=/srv/logs/general.log\nplugin_load_add=server_audit\n"
    "server_audit_output_type=file\nserver_audit_file_path=/srv/logs/audit.log\nserver_audit_file_rotate_size=1000000000000\n"
    "server_audit_file_rotations=1\nserver_audit_excl_users=" OWN_USERS "\n");
  if (spec->replica || spec->recovering)
    g_string_append(out, "read_only=1\nskip_slave_start=1\n");
  if (spec->recovering)
    g_string_append(out, "skip_networking=1\n");
  if (spec->key)
    g_string_append(out,
      "plugin_load_add=file_key_management\nfile_key_management_filename=/run/haar/keys\nfile_key_management_encryption_algorithm=aes_ctr\n"
      "innodb_encrypt_tables=FORCE\ninnodb_encrypt_log=1\ninnodb_encryption_threads=1\ninnodb_encrypt_temporary_tables=1\n"
      "encrypt_binlog=1\nencrypt_tmp_files=1\naria_encrypt_tables=1\nencrypt_tmp_disk_tables=1\n");
  add_parameters(out, spec->parameters);
  return g_string_free(out, FALSE);
}

char *
sql_quote(const char *text)
{
  GString *out = g_string_new("'");
  for (const char *c = text; *c; c++) {
    if (*c == '\'' || *c == '\\')
      g_string_append_c(out, *c);
    g_string_append_c(out, *c);
  }
  g_string_append_c(out, '\'');
  return g_string_free(out, FALSE);
}

/* `name`, quoted as an identifier. */
static char *
sql_name(const char *name)
{
  g_auto(GStrv) parts = g_strsplit(name, "`", -1);
  g_autofree char *doubled = g_strjoinv("``", parts);
  return g_strconcat("`", doubled, "`", NULL);
}

/* Aurora's master user may do this, and no SUPER.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.MasterAccounts.html */
static const char master_rights[] =
  "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, "
  "EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER";

/* One statement a line. The administrator is local to each server; what the writer makes for its users is replicated. */
char *
config_init_sql(const EngineSpec *spec, const char *admin_password)
{
  GString *out = g_string_new("SET SESSION sql_log_bin=0, sql_log_off=1, slow_query_log=0;\n");
  g_autofree char *admin = sql_quote(admin_password), *user = sql_quote(spec->master_user), *password = sql_quote(spec->master_password);
  g_autofree char *replication = sql_quote(spec->replication_password);
  g_string_append_printf(out, "CREATE USER IF NOT EXISTS 'rdsadmin'@'localhost';\nALTER USER 'rdsadmin'@'localhost' IDENTIFIED BY %s;\n"
                              "GRANT ALL PRIVILEGES ON *.* TO 'rdsadmin'@'localhost' WITH GRANT OPTION;\n", admin);
  g_string_append_printf(out, "CREATE USER IF NOT EXISTS 'rdsrepl'@'localhost';\nALTER USER 'rdsrepl'@'localhost' IDENTIFIED BY %s;\n"
                              "GRANT REPLICATION SLAVE ON *.* TO 'rdsrepl'@'localhost';\n"
                              "DELETE FROM mysql.global_priv WHERE User IN ('root', 'mysql', '');\nFLUSH PRIVILEGES;\n", replication);
  if (spec->recovering)
    return g_string_free(out, FALSE);
  if (spec->replica) {
    g_autofree char *until = spec->until ? sql_quote(spec->until) : NULL;
    /* It goes on where its own log ends: it has that from a base copy, or has applied it. */
    g_string_append(out, "SET GLOBAL gtid_slave_pos=@@GLOBAL.gtid_binlog_pos;\n");
    g_string_append_printf(out, "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=3307, MASTER_USER='rdsrepl', MASTER_PASSWORD=%s, "
                                "MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=2;\nSTART SLAVE%s%s;\n", replication,
                           until ? " UNTIL master_gtid_pos=" : "", until ? until : "");
    return g_string_free(out, FALSE);
  }
  g_string_append(out, "SET SESSION sql_log_bin=1;\nSET GLOBAL read_only=0;\n");
  /* A master user who is there keeps the password that it has: a rotation may have changed it in the database. */
  g_string_append_printf(out, "CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s;\nGRANT %s ON *.* TO %s@'%%' WITH GRANT OPTION;\n", user, password, master_rights,
                         user);
  if (spec->database) {
    g_autofree char *database = sql_name(spec->database);
    g_string_append_printf(out, "CREATE DATABASE IF NOT EXISTS %s;\n", database);
  }
  return g_string_free(out, FALSE);
}
