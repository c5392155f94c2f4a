/* The ledger against a MariaDB server of the test's own; skipped where there is none. */
#include "ledger.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <mysql.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Server {
  char *directory;
  GPid pid;
  guint port;
} Server;

static guint
free_port(void)
{
  return (guint) g_random_int_range(20000, 32000);
}

static char *
find_program(const char *name)
{
  char *path = g_find_program_in_path(name);
  return path ? path : g_file_test("/usr/sbin/mariadbd", G_FILE_TEST_EXISTS) && strcmp(name, "mariadbd") == 0 ? g_strdup("/usr/sbin/mariadbd") : NULL;
}

static MYSQL *
try_connect(const Server *server)
{
  g_autofree char *socket = g_build_filename(server->directory, "s", NULL);
  MYSQL *mysql = mysql_init(NULL);
  if (mysql_real_connect(mysql, NULL, g_get_user_name(), "", NULL, 0, socket, 0))
    return mysql;
  mysql_close(mysql);
  return NULL;
}

static gboolean
spawn_server(Server *server)
{
  g_autofree char *program = find_program("mariadbd");
  g_autofree char *data = g_strdup_printf("--datadir=%s/data", server->directory);
  g_autofree char *socket = g_strdup_printf("--socket=%s/s", server->directory);
  g_autofree char *port = g_strdup_printf("--port=%u", server->port);
  g_autofree char *log = g_strdup_printf("--log-error=%s/log", server->directory);
  g_autofree char *user = g_strdup_printf("--user=%s", g_get_user_name());
  char *argv[] = {program, "--no-defaults", data, socket, port, log, user, "--bind-address=127.0.0.1", "--skip-name-resolve",
                  "--innodb-buffer-pool-size=8M", "--performance-schema=0", NULL};
  return g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &server->pid, NULL);
}

/* FALSE: no MariaDB here. */
static gboolean
server_start(Server *server)
{
  g_autofree char *install = find_program("mariadb-install-db"), *program = find_program("mariadbd");
  if (!install || !program)
    return FALSE;
  server->directory = g_dir_make_tmp("ledger-XXXXXX", NULL);
  server->port = free_port();
  g_autofree char *data = g_strdup_printf("--datadir=%s/data", server->directory);
  g_autofree char *user = g_strdup_printf("--user=%s", g_get_user_name());
  g_autofree char *root = g_strdup_printf("--auth-root-socket-user=%s", g_get_user_name());
  char *argv[] = {install, "--no-defaults", data, user, root, "--skip-test-db", NULL};
  g_autofree char *output = NULL;
  int status;
  g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output, NULL, &status, NULL));
  g_assert_cmpint(status, ==, 0);
  g_assert_true(spawn_server(server));
  MYSQL *mysql = NULL;
  for (int i = 0; i < 600 && !(mysql = try_connect(server)); i++)
    g_usleep(50000);
  g_assert_nonnull(mysql);
  g_assert_cmpint(mysql_query(mysql, "CREATE USER pay@'%' IDENTIFIED BY 'first'"), ==, 0);
  g_assert_cmpint(mysql_query(mysql, "GRANT ALL ON *.* TO pay@'%'"), ==, 0);
  mysql_close(mysql);
  return TRUE;
}

static void
server_stop(Server *server)
{
  g_autofree char *command = g_strdup_printf("rm -rf %s", server->directory);
  kill(server->pid, SIGKILL);
  waitpid(server->pid, NULL, 0);
  g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
  g_free(server->directory);
}

/* One number of the database. */
static long
count(Server *server, const char *sql)
{
  MYSQL *mysql = try_connect(server);
  g_assert_nonnull(mysql);
  g_assert_cmpint(mysql_query(mysql, sql), ==, 0);
  MYSQL_RES *rows = mysql_store_result(mysql);
  long n = strtol(mysql_fetch_row(rows)[0], NULL, 10);
  mysql_free_result(rows);
  mysql_close(mysql);
  return n;
}

static Payment
payment_of(const char *session_id)
{
  return (Payment){.idempotency_key = "k", .user_id = "o'neil", .session_id = session_id, .minor = 1234, .currency = "EUR", .method = "card",
                   .card = {"visa", "4242"}, .description = "it's \\ a \"test\" \u20ac", .fingerprint = "f"};
}

#define BOOKED "SELECT COUNT(*) FROM payments.payments"

static void
check_books_once(Server *server, Ledger *ledger, Arena *arena)
{
  Payment payment = payment_of("o:1");
  LedgerPayment row = {"11111111-2222-4333-8444-555555555555", "2026-11-23T23:30:00.123Z"};
  bool existing;
  char *json;
  g_assert_null(ledger_book(ledger, arena, &payment, &row, &existing));
  g_assert_false(existing);
  g_assert_cmpint(count(server, BOOKED), ==, 0); /* not before the commit */
  g_assert_null(ledger_commit(ledger, arena, &payment));
  g_assert_cmpint(count(server, BOOKED), ==, 1);
  row.payment_id = "99999999-2222-4333-8444-555555555555";
  g_assert_null(ledger_book(ledger, arena, &payment, &row, &existing));
  g_assert_true(existing);
  g_assert_cmpint(count(server, BOOKED), ==, 1);
  g_assert_cmpint(count(server, "SELECT COUNT(*) FROM payments.entries"), ==, 2);
  g_assert_cmpint(count(server, "SELECT SUM(IF(direction='debit', amount_minor, -amount_minor)) FROM payments.entries"), ==, 0);
  g_assert_null(ledger_find(ledger, arena, "11111111-2222-4333-8444-555555555555", &json));
  g_assert_nonnull(strstr(json, "\"description\":\"it's \\\\ a \\\"test\\\" \u20ac\""));
  g_assert_nonnull(strstr(json, "\"created_at\":\"2026-11-23 23:30:00.123\""));
  g_assert_nonnull(strstr(json, "\"account\":\"merchant:settlement\",\"direction\":\"credit\",\"amount_minor\":\"1234\""));
  g_assert_null(ledger_find(ledger, arena, "no", &json));
  g_assert_null(json);
}

static void
check_rollback(Server *server, Ledger *ledger, Arena *arena)
{
  Payment payment = payment_of("o:2");
  LedgerPayment row = {"22222222-2222-4333-8444-555555555555", "2026-11-23T23:30:00.123Z"};
  bool existing;
  g_assert_null(ledger_book(ledger, arena, &payment, &row, &existing));
  ledger_rollback(ledger);
  g_assert_cmpint(count(server, BOOKED), ==, 1);
}

/* The server is killed: between payments it is no more than a new connection, within one nothing is booked. */
static void
check_server_dies(Server *server, Ledger *ledger, Arena *arena)
{
  Payment payment = payment_of("o:3");
  LedgerPayment row = {"33333333-2222-4333-8444-555555555555", "2026-11-23T23:30:00.123Z"};
  bool existing;
  g_assert_null(ledger_book(ledger, arena, &payment, &row, &existing));
  kill(server->pid, SIGKILL);
  waitpid(server->pid, NULL, 0);
  const Failure *failure = ledger_commit(ledger, arena, &payment);
  g_assert_cmpstr(failure->code, ==, "DatabaseError");
  g_assert_true(failure->retry);
  g_assert_true(spawn_server(server));
  MYSQL *mysql = NULL;
  for (int i = 0; i < 600 && !(mysql = try_connect(server)); i++)
    g_usleep(50000);
  mysql_close(mysql);
  g_assert_cmpint(count(server, BOOKED), ==, 1);
  g_assert_null(ledger_book(ledger, arena, &payment, &row, &existing));
  g_assert_null(ledger_commit(ledger, arena, &payment));
  g_assert_cmpint(count(server, BOOKED), ==, 2);
}

/* A warm connection that the server closed is replaced. */
static void
check_connection_killed(Server *server, Ledger *ledger, Arena *arena)
{
  Payment payment = payment_of("o:4");
  LedgerPayment row = {"44444444-2222-4333-8444-555555555555", "2026-11-23T23:30:00.123Z"};
  bool existing;
  MYSQL *mysql = try_connect(server);
  g_assert_cmpint(mysql_query(mysql, "KILL USER pay"), ==, 0);
  mysql_close(mysql);
  g_assert_null(ledger_book(ledger, arena, &payment, &row, &existing));
  g_assert_null(ledger_commit(ledger, arena, &payment));
  g_assert_cmpint(count(server, BOOKED), ==, 3);
}

static void
check_password_changes(Server *server, Ledger *ledger, Arena *arena)
{
  Payment payment = payment_of("o:5");
  LedgerPayment row = {"55555555-2222-4333-8444-555555555555", "2026-11-23T23:30:00.123Z"};
  bool existing;
  ledger_set_user(ledger, "pay", "wrong", 5000);
  g_assert_cmpstr(ledger_book(ledger, arena, &payment, &row, &existing)->code, ==, "DatabaseAccessDenied");
  ledger_set_user(ledger, "pay", "first", 5000);
  g_assert_null(ledger_book(ledger, arena, &payment, &row, &existing));
  ledger_rollback(ledger);
}

static void
test_ledger(void)
{
  Server server = {0};
  if (!server_start(&server)) {
    g_test_skip("MariaDB (mariadb-server) is not installed");
    return;
  }
  Config config = {.database_host = "127.0.0.1", .database_port = server.port, .database_name = "payments"};
  Ledger *ledger = ledger_new(&config);
  Arena *arena = arena_new();
  ledger_set_user(ledger, "pay", "first", 5000);
  check_books_once(&server, ledger, arena);
  check_rollback(&server, ledger, arena);
  check_server_dies(&server, ledger, arena);
  check_connection_killed(&server, ledger, arena);
  check_password_changes(&server, ledger, arena);
  ledger_free(ledger);
  arena_free(arena);
  server_stop(&server);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/payment/ledger", test_ledger);
  return g_test_run();
}
