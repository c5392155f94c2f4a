#include "services/rds/rds.h"

#include <string.h>

static char *
cut(const char *text, const LogCut *how, gsize *ret_used)
{
  g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func(g_free);
  *ret_used = log_cut(text, strlen(text), how, messages);
  g_ptr_array_add(messages, NULL);
  return g_strjoinv("|", (char **) messages->pdata);
}

#define CHECK(text, how, expected, left)                        \
  do {                                                          \
    gsize used_ = 0;                                            \
    g_autofree char *got_ = cut(text, &(LogCut) how, &used_);   \
    g_assert_cmpstr(got_, ==, expected);                        \
    g_assert_cmpuint(strlen(text) - used_, ==, strlen(left));   \
  } while (0)
#define HOW(...) {__VA_ARGS__, .max = 100}

static void
test_lines(void)
{
  CHECK("a\n\n b \nc", HOW(.final = FALSE), "a| b", "c");
  CHECK("a\nc", HOW(.final = TRUE), "a|c", "");
  CHECK("endless", HOW(.full = TRUE), "endless", "");
  CHECK("a\nendless", HOW(.full = TRUE), "a", "endless");
  CHECK("\xff\n", HOW(.final = FALSE), "\xef\xbf\xbd", "");
  CHECK("a\nb\nc\n", {.max = 2}, "a|b", "c\n");
}

#define HEAD "# User@Host: a[a] @ []\n# Query_time: 1\nuse `x`;\nSET timestamp=1;\n"

static void
test_entries(void)
{
  CHECK("# Time: 1\n" HEAD "SELECT 1;\n", HOW(.entries = TRUE), "# Time: 1\n" HEAD "SELECT 1;", "");
  /* Two in one second; the second is not whole. */
  CHECK("# Time: 1\n" HEAD "SELECT 1,\n2;\n" HEAD, HOW(.entries = TRUE), "# Time: 1\n" HEAD "SELECT 1,\n2;", HEAD);
  CHECK(HEAD "SELECT 1;\n# Time: 2\n" HEAD "SELECT", HOW(.entries = TRUE), HEAD "SELECT 1;", "# Time: 2\n" HEAD "SELECT");
  CHECK(HEAD "SELECT 1", HOW(.entries = TRUE, .final = TRUE), HEAD "SELECT 1", "");
  /* A server that starts writes three lines of its own. */
  CHECK(HEAD "SELECT 1;\n/usr/sbin/mariadbd, Version: 10. started with:\nTcp port: 1\n", HOW(.entries = TRUE),
        HEAD "SELECT 1;|/usr/sbin/mariadbd, Version: 10. started with:|Tcp port: 1", "");
}

/* What is left of a statement that sets a password. */
static void
test_passwords(void)
{
  static const struct { const char *statement, *expected; } cases[] = {
    {"CREATE USER a@b IDENTIFIED BY 'p''w\\' x' REQUIRE SSL", "CREATE USER a@b IDENTIFIED BY <secret> REQUIRE SSL"},
    {"alter user a identified by \"pw\", b identified  by 'two'", "alter user a identified by <secret>, b identified  by <secret>"},
    {"GRANT ALL ON *.* TO a IDENTIFIED BY PASSWORD '*94BD'", "GRANT ALL ON *.* TO a IDENTIFIED BY PASSWORD <secret>"},
    {"ALTER USER a IDENTIFIED VIA ed25519 USING PASSWORD('pw')", "ALTER USER a IDENTIFIED VIA ed25519 USING PASSWORD(<secret>)"},
    {"ALTER USER a IDENTIFIED WITH mysql_native_password AS 'pw'", "ALTER USER a IDENTIFIED WITH mysql_native_password AS <secret>"},
    {"SET PASSWORD = PASSWORD('pw')", "SET PASSWORD = PASSWORD(<secret>)"},
    {"SET PASSWORD FOR 'a'@'%' = 'pw'", "SET PASSWORD FOR 'a'@'%' = <secret>"},
    {"CHANGE MASTER TO MASTER_PASSWORD='pw', MASTER_PORT=1", "CHANGE MASTER TO MASTER_PASSWORD=<secret>, MASTER_PORT=1"},
    {"SELECT PASSWORD('pw')", "SELECT PASSWORD(<secret>)"},
    {"ALTER USER a IDENTIFIED BY 'cut", "ALTER USER a IDENTIFIED BY <secret>"},
    {"ALTER USER a IDENTIFIED BY 'cut\\", "ALTER USER a IDENTIFIED BY <secret>"},
    {"SELECT 'IDENTIFIED', BY_NAME, password FROM t WHERE a = 'b'", "SELECT 'IDENTIFIED', BY_NAME, password FROM t WHERE a = 'b'"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *got = log_mask(g_strdup(cases[i].statement));
    g_assert_cmpstr(got, ==, cases[i].expected);
  }
  CHECK("SET PASSWORD = 'pw';\n", HOW(.final = FALSE), "SET PASSWORD = <secret>;", "");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rds/log-cut/lines", test_lines);
  g_test_add_func("/rds/log-cut/entries", test_entries);
  g_test_add_func("/rds/log-cut/passwords", test_passwords);
  return g_test_run();
}
