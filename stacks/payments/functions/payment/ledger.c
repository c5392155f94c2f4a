#include "ledger.h"

#include <inttypes.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>

/* Errors of the server and of the client library, by the names of their manuals. */
enum {
  ER_DUP_ENTRY_ = 1062, ER_ACCESS_DENIED_ = 1045, ER_OPTION_PREVENTS_STATEMENT_ = 1290, ER_BAD_DB_ = 1049, ER_NO_SUCH_TABLE_ = 1146,
  ER_READ_ONLY_MODE_ = 1836, CR_SERVER_GONE_ = 2006, CR_SERVER_LOST_ = 2013, ER_CONNECTION_KILLED_ = 1927, ER_SERVER_SHUTDOWN_ = 1053,
};

struct Ledger {
  const Config *config;
  MYSQL *mysql;              /* NULL: not connected */
  char *username, *password;
  long timeout_ms;
};

static const char *const schema[] = {
    "CREATE TABLE IF NOT EXISTS payments ("
    " payment_id CHAR(36) NOT NULL PRIMARY KEY, idempotency_key VARCHAR(160) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,"
    " user_id VARCHAR(64) NOT NULL, amount_minor BIGINT NOT NULL CHECK (amount_minor > 0), currency CHAR(3) NOT NULL,"
    " method VARCHAR(16) NOT NULL, card_brand VARCHAR(16), card_last4 CHAR(4), description VARCHAR(255), created_at DATETIME(3) NOT NULL,"
    " KEY by_user (user_id, created_at)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
    "CREATE TABLE IF NOT EXISTS entries ("
    " entry_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, payment_id CHAR(36) NOT NULL, account VARCHAR(64) NOT NULL,"
    " direction ENUM('debit','credit') NOT NULL, amount_minor BIGINT NOT NULL CHECK (amount_minor > 0), currency CHAR(3) NOT NULL,"
    " KEY by_account (account), FOREIGN KEY (payment_id) REFERENCES payments (payment_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
};

Ledger *
ledger_new(const Config *config)
{
  Ledger *ledger = calloc(1, sizeof *ledger);
  if (ledger)
    ledger->config = config;
  return ledger;
}

static void
disconnect(Ledger *ledger)
{
  if (ledger->mysql)
    mysql_close(ledger->mysql);
  ledger->mysql = NULL;
}

static void
forget_user(Ledger *ledger)
{
  if (ledger->password)
    explicit_bzero(ledger->password, strlen(ledger->password));
  free(ledger->username);
  free(ledger->password);
  ledger->username = ledger->password = NULL;
}

void
ledger_free(Ledger *ledger)
{
  if (!ledger)
    return;
  disconnect(ledger);
  forget_user(ledger);
  free(ledger);
}

void
ledger_set_user(Ledger *ledger, const char *username, const char *password, long timeout_ms)
{
  bool same = ledger->username && strcmp(ledger->username, username) == 0 && strcmp(ledger->password, password) == 0;
  ledger->timeout_ms = timeout_ms;
  if (same)
    return;
  disconnect(ledger);
  forget_user(ledger);
  ledger->username = strdup(username);
  ledger->password = strdup(password);
}

static const Failure *
database_failure(Ledger *ledger, Arena *arena, const char *what)
{
  unsigned number = mysql_errno(ledger->mysql);
  const char *text = arena_strdup(arena, mysql_error(ledger->mysql));
  if (number == ER_ACCESS_DENIED_)
    return failure_new(arena, 500, false, "DatabaseAccessDenied", "%s: %s (%u)", what, text, number);
  return failure_new(arena, 503, true, "DatabaseError", "%s: %s (%u)", what, text, number);
}

/* Whether another connection may do better: the server went, or is no longer the writer. */
static bool
stale(unsigned number)
{
  return number == CR_SERVER_GONE_ || number == CR_SERVER_LOST_ || number == ER_OPTION_PREVENTS_STATEMENT_ || number == ER_READ_ONLY_MODE_ ||
         number == ER_CONNECTION_KILLED_ || number == ER_SERVER_SHUTDOWN_;
}

static const Failure *
query(Ledger *ledger, Arena *arena, const char *what, const char *sql)
{
  if (mysql_real_query(ledger->mysql, sql, strlen(sql)) != 0)
    return database_failure(ledger, arena, what);
  return NULL;
}

/* Makes database and tables; harmless if another environment does so too. */
static const Failure *
create_schema(Ledger *ledger, Arena *arena)
{
  const char *name = ledger->config->database_name;
  TRY(query(ledger, arena, "making the ledger's database", arena_printf(arena, "CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb4", name)));
  TRY(query(ledger, arena, "choosing the ledger's database", arena_printf(arena, "USE `%s`", name)));
  for (size_t i = 0; i < sizeof schema / sizeof *schema; i++)
    TRY(query(ledger, arena, "making the ledger's tables", schema[i]));
  return NULL;
}

static void
set_options(Ledger *ledger)
{
  unsigned seconds = (unsigned) ((ledger->timeout_ms + 999) / 1000);
  my_bool enforce = ledger->config->database_tls, verify = ledger->config->database_ca != NULL;
  mysql_options(ledger->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  mysql_options(ledger->mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
  mysql_options(ledger->mysql, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
  mysql_options(ledger->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  if (!enforce)
    return;
  mysql_options(ledger->mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
  mysql_options(ledger->mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (ledger->config->database_ca)
    mysql_options(ledger->mysql, MYSQL_OPT_SSL_CA, ledger->config->database_ca);
}

static const Failure *
connect_database(Ledger *ledger, Arena *arena)
{
  const Config *config = ledger->config;
  if (ledger->mysql)
    return NULL;
  ledger->mysql = mysql_init(NULL);
  if (!ledger->mysql)
    return failure_new(arena, 503, true, "DatabaseError", "no memory for a connection");
  set_options(ledger);
  const Failure *failure = NULL;
  if (!mysql_real_connect(ledger->mysql, config->database_host, ledger->username, ledger->password, NULL, config->database_port, NULL, 0))
    failure = database_failure(ledger, arena, arena_printf(arena, "connecting to %s:%u", config->database_host, config->database_port));
  else if (mysql_select_db(ledger->mysql, config->database_name) != 0 || mysql_query(ledger->mysql, "DO (SELECT 1 FROM entries LIMIT 1)") != 0)
    failure = create_schema(ledger, arena);
  if (failure)
    disconnect(ledger);
  return failure;
}

/* Connects if need be and begins a transaction, once more on a new connection if the old one is stale. */
static const Failure *
begin(Ledger *ledger, Arena *arena)
{
  bool warm = ledger->mysql != NULL;
  TRY(connect_database(ledger, arena));
  const Failure *failure = query(ledger, arena, "beginning the booking", "START TRANSACTION READ WRITE");
  if (!failure || !warm || !stale(mysql_errno(ledger->mysql)))
    return failure;
  disconnect(ledger);
  TRY(connect_database(ledger, arena));
  return query(ledger, arena, "beginning the booking", "START TRANSACTION READ WRITE");
}

const Failure *
ledger_check(Ledger *ledger, Arena *arena)
{
  TRY(begin(ledger, arena));
  ledger_rollback(ledger);
  return NULL;
}

/* 'text' with quotes, escaped; NULL gives NULL. */
static const char *
quote(Ledger *ledger, Arena *arena, const char *text)
{
  if (!text)
    return "NULL";
  size_t size = strlen(text);
  char *quoted = arena_alloc(arena, size * 2 + 3);
  quoted[0] = '\'';
  unsigned long n = mysql_real_escape_string(ledger->mysql, quoted + 1, text, size);
  quoted[n + 1] = '\'';
  return quoted;
}

/* DATETIME(3) of "2026-11-23T23:30:00.123Z". */
static char *
datetime(Arena *arena, const char *iso)
{
  char *text = arena_strndup(arena, iso, strcspn(iso, "Z"));
  char *t = strchr(text, 'T');
  if (t)
    *t = ' ';
  return text;
}

static const char *
payment_insert(Ledger *ledger, Arena *arena, const Payment *payment, const LedgerPayment *row)
{
  bool card = payment->card.brand != NULL;
  return arena_printf(arena,
                      "INSERT INTO payments (payment_id, idempotency_key, user_id, amount_minor, currency, method, card_brand, card_last4,"
                      " description, created_at) VALUES (%s, %s, %s, %" PRId64 ", %s, %s, %s, %s, %s, %s)",
                      quote(ledger, arena, row->payment_id), quote(ledger, arena, payment->session_id), quote(ledger, arena, payment->user_id),
                      payment->minor, quote(ledger, arena, payment->currency), quote(ledger, arena, payment->method),
                      quote(ledger, arena, card ? payment->card.brand : NULL), quote(ledger, arena, card ? payment->card.last4 : NULL),
                      quote(ledger, arena, payment->description), quote(ledger, arena, datetime(arena, row->created_at)));
}

static const char *
entries_insert(Ledger *ledger, Arena *arena, const Payment *payment, const LedgerPayment *row)
{
  const char *id = quote(ledger, arena, row->payment_id), *currency = quote(ledger, arena, payment->currency);
  return arena_printf(arena,
                      "INSERT INTO entries (payment_id, account, direction, amount_minor, currency) VALUES"
                      " (%s, 'receivable:%s', 'debit', %" PRId64 ", %s), (%s, 'merchant:settlement', 'credit', %" PRId64 ", %s)",
                      id, payment->method, payment->minor, currency, id, payment->minor, currency);
}

void
ledger_rollback(Ledger *ledger)
{
  if (ledger->mysql && mysql_query(ledger->mysql, "ROLLBACK") != 0)
    disconnect(ledger);
}

const Failure *
ledger_book(Ledger *ledger, Arena *arena, const Payment *payment, const LedgerPayment *row, bool *ret_existing)
{
  *ret_existing = false;
  TRY(begin(ledger, arena));
  const Failure *failure = query(ledger, arena, "booking the payment", payment_insert(ledger, arena, payment, row));
  unsigned number = failure ? mysql_errno(ledger->mysql) : 0;
  if (!failure)
    failure = query(ledger, arena, "booking the entries", entries_insert(ledger, arena, payment, row));
  if (!failure)
    return NULL;
  if (number == ER_DUP_ENTRY_)
    *ret_existing = true;
  ledger_rollback(ledger);
  if (stale(number))
    disconnect(ledger);
  return *ret_existing ? NULL : failure;
}

/* Whether the key is booked, on a new connection. */
static const Failure *
check_booked(Ledger *ledger, Arena *arena, const Payment *payment, bool *ret_booked)
{
  disconnect(ledger);
  TRY(connect_database(ledger, arena));
  TRY(query(ledger, arena, "looking for the booking",
            arena_printf(arena, "SELECT 1 FROM payments WHERE idempotency_key = %s", quote(ledger, arena, payment->session_id))));
  MYSQL_RES *rows = mysql_store_result(ledger->mysql);
  *ret_booked = rows && mysql_num_rows(rows) > 0;
  mysql_free_result(rows);
  return NULL;
}

const Failure *
ledger_commit(Ledger *ledger, Arena *arena, const Payment *payment)
{
  bool booked = false;
  const Failure *failure = query(ledger, arena, "committing the booking", "COMMIT");
  if (!failure)
    return NULL;
  TRY(check_booked(ledger, arena, payment, &booked));
  return booked ? NULL : failure;
}

static void
add_rows(Text *json, MYSQL_RES *rows)
{
  MYSQL_FIELD *fields = mysql_fetch_fields(rows);
  unsigned n = mysql_num_fields(rows);
  bool first = true;
  for (MYSQL_ROW row; (row = mysql_fetch_row(rows)); first = false) {
    text_printf(json, "%s{", first ? "" : ",");
    for (unsigned i = 0; i < n; i++) {
      text_printf(json, "%s\"%s\":", i ? "," : "", fields[i].name);
      text_json(json, row[i]);
    }
    text_printf(json, "}");
  }
}

/* Appends the rows of a select as JSON objects; *ret_n: how many. */
static const Failure *
select_rows(Ledger *ledger, Arena *arena, const char *sql, Text *json, uint64_t *ret_n)
{
  TRY(query(ledger, arena, "reading the ledger", sql));
  MYSQL_RES *rows = mysql_store_result(ledger->mysql);
  if (!rows)
    return database_failure(ledger, arena, "reading the ledger");
  *ret_n = mysql_num_rows(rows);
  add_rows(json, rows);
  mysql_free_result(rows);
  return NULL;
}

const Failure *
ledger_find(Ledger *ledger, Arena *arena, const char *payment_id, char **ret_json)
{
  Text json = text_new(arena);
  uint64_t n = 0, n_entries = 0;
  *ret_json = NULL;
  TRY(begin(ledger, arena));
  const char *id = quote(ledger, arena, payment_id);
  text_printf(&json, "{\"payment\":");
  TRY(select_rows(ledger, arena, arena_printf(arena, "SELECT * FROM payments WHERE payment_id = %s", id), &json, &n));
  text_printf(&json, ",\"entries\":[");
  TRY(select_rows(ledger, arena,
                  arena_printf(arena, "SELECT account, direction, amount_minor, currency FROM entries WHERE payment_id = %s ORDER BY entry_id", id),
                  &json, &n_entries));
  text_printf(&json, "]}");
  ledger_rollback(ledger);
  *ret_json = n ? json.data : NULL;
  return NULL;
}
