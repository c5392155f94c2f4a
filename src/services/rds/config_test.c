#include "services/rds/rds.h"

#include <string.h>

static void
test_quote(void)
{
  g_autofree char *plain = sql_quote("secret"), *hard = sql_quote("a'b\\c`d");
  g_assert_cmpstr(plain, ==, "'secret'");
  g_assert_cmpstr(hard, ==, "'a''b\\\\c`d'");
}

static void
test_parameters(void)
{
  RdsParameter good = {.ParameterName = "max_allowed_packet", .ParameterValue = "1048576"};
  RdsParameter unknown = {.ParameterName = "aurora_parallel_query", .ParameterValue = "ON"};
  RdsParameter injected = {.ParameterName = "sql_mode", .ParameterValue = "x\nplugin_load_add=evil"};
  RdsParameter audit = {.ParameterName = "server_audit_logging", .ParameterValue = "1"};
  RdsParameter users = {.ParameterName = "server_audit_excl_users", .ParameterValue = "batch"};
  RdsParameter *rows[] = {&good, &unknown, &injected, &audit, &users};
  RdsParametersList list = {G_N_ELEMENTS(rows), rows};
  EngineSpec spec = {.address = "10.0.1.5", .port = 3306, .server_id = 7, .parameters = &list};
  g_autofree char *text = config_text(&spec);
  g_assert_nonnull(strstr(text, "loose_max_allowed_packet=1048576\n"));
  g_assert_null(strstr(text, "aurora_parallel_query"));
  g_assert_null(strstr(text, "evil"));
  g_assert_nonnull(strstr(text, "loose_server_audit_logging=1\n"));
  g_assert_nonnull(strstr(text, "loose_server_audit_excl_users=batch,rdsadmin,rdsrepl\n"));
  g_assert_nonnull(strstr(text, "slow_query_log_file=/srv/logs/slowquery.log\n"));
  g_assert_nonnull(strstr(text, "bind_address=10.0.1.5\n"));
  g_assert_null(strstr(text, "file_key_management"));
}

static void
test_encryption(void)
{
  static const guint8 key[32] = {1};
  EngineSpec spec = {.address = "10.0.1.5", .key = key, .replica = TRUE};
  g_autofree char *text = config_text(&spec);
  g_assert_nonnull(strstr(text, "innodb_encrypt_tables=FORCE\n"));
  g_assert_nonnull(strstr(text, "read_only=1\n"));
}

static void
test_init(void)
{
  EngineSpec spec = {.master_user = "admin", .master_password = "it's", .replication_password = "r", .database = "led`ger"};
  g_autofree char *writer = config_init_sql(&spec, "a");
  g_assert_nonnull(strstr(writer, "CREATE USER IF NOT EXISTS 'admin'@'%' IDENTIFIED BY 'it''s';"));
  g_assert_nonnull(strstr(writer, "CREATE DATABASE IF NOT EXISTS `led``ger`;"));
  g_assert_null(strstr(writer, "CHANGE MASTER"));
  g_assert_null(strstr(writer, "ALTER USER 'admin'"));
  spec.replica = TRUE;
  g_autofree char *replica = config_init_sql(&spec, "a");
  g_assert_nonnull(strstr(replica, "CHANGE MASTER TO"));
  g_assert_null(strstr(replica, "'admin'"));
}

static void
test_recovery(void)
{
  EngineSpec spec = {.master_user = "admin", .master_password = "p", .replication_password = "r", .recovering = TRUE};
  g_autofree char *text = config_text(&spec), *init = config_init_sql(&spec, "a");
  g_assert_nonnull(strstr(text, "skip_networking=1\n"));
  g_assert_nonnull(strstr(text, "read_only=1\n"));
  g_assert_nonnull(strstr(init, "'rdsrepl'@'localhost'"));
  g_assert_null(strstr(init, "'admin'"));
  g_assert_null(strstr(init, "read_only=0"));
  spec.recovering = FALSE;
  spec.replica = TRUE;
  spec.until = "0-1-7";
  g_autofree char *replica = config_init_sql(&spec, "a");
  g_assert_nonnull(strstr(replica, "START SLAVE UNTIL master_gtid_pos='0-1-7';"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rds/config/quote", test_quote);
  g_test_add_func("/rds/config/parameters", test_parameters);
  g_test_add_func("/rds/config/encryption", test_encryption);
  g_test_add_func("/rds/config/init", test_init);
  g_test_add_func("/rds/config/recovery", test_recovery);
  return g_test_run();
}
