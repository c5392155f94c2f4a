#include "rotation.h"

#include "secret_version.h"

#include <mysql.h>
#include <string.h>

typedef struct Rotation {
  Aws *aws;
  Arena *arena;
  const char *secret_id, *token;
  const Json *description;
} Rotation;

/* --- the database --- */

static void
close_mysql(MYSQL **mysql)
{
  if (*mysql)
    mysql_close(*mysql);
}

static const Failure *
database_failure(Arena *arena, MYSQL *mysql, const char *what)
{
  return failure_new(arena, 503, true, "DatabaseError", "%s: %s (%u)", what, mysql_error(mysql), mysql_errno(mysql));
}

/* Signs in and, with sql, has it done. */
static const Failure *
with_database(Rotation *rotation, const SecretVersion *version, const char *sql)
{
  __attribute__((cleanup(close_mysql))) MYSQL *mysql = mysql_init(NULL);
  unsigned seconds = 5;
  if (!mysql)
    return failure_new(rotation->arena, 503, true, "DatabaseError", "no memory for a connection");
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
  if (!mysql_real_connect(mysql, version->host, version->username, version->password, NULL, version->port, NULL, 0))
    return database_failure(rotation->arena, mysql, arena_printf(rotation->arena, "signing in to %s:%u", version->host, version->port));
  return mysql_query(mysql, sql) == 0 ? NULL : database_failure(rotation->arena, mysql, "changing the password");
}

/* The new password has no quote and no backslash: secret_password_new leaves them out, and what somebody else has put is refused. The user is named:
 * MariaDB accepts CURRENT_USER() there and changes nothing. */
static const Failure *
change_password(Rotation *rotation, const SecretVersion *current, const SecretVersion *pending)
{
  if (strpbrk(pending->password, "'\\") || strpbrk(pending->username, "'\\"))
    return failure_new(rotation->arena, 500, false, "InvalidSecret", "the pending user or password has a quote or a backslash");
  return with_database(rotation, current,
                       arena_printf(rotation->arena, "ALTER USER '%s'@'%%' IDENTIFIED BY '%s'", pending->username, pending->password));
}

/* --- the steps --- */

static const Failure *
read_version(Rotation *rotation, const char *stage, const char *version_id, SecretVersion *ret_version)
{
  bool found = false;
  TRY(secret_version_read(rotation->aws, rotation->arena, rotation->secret_id, stage, version_id, ret_version, &found));
  return found ? NULL : failure_new(rotation->arena, 404, true, "NoVersion", "the secret has no version at %s", stage);
}

static const Failure *
create_secret(Rotation *rotation)
{
  SecretVersion current, pending;
  bool found = false;
  const char *password;
  TRY(read_version(rotation, "AWSCURRENT", NULL, &current));
  TRY(secret_version_read(rotation->aws, rotation->arena, rotation->secret_id, "AWSPENDING", rotation->token, &pending, &found));
  if (found)
    return NULL;
  TRY(secret_password_new(rotation->aws, rotation->arena, &password));
  return secret_version_put(rotation->aws, rotation->arena, rotation->secret_id, rotation->token, &current, password);
}

static const Failure *
set_secret(Rotation *rotation)
{
  SecretVersion current, pending, previous;
  bool found = false;
  TRY(read_version(rotation, "AWSPENDING", rotation->token, &pending));
  if (!with_database(rotation, &pending, "DO 1"))
    return NULL; /* an earlier try has set it */
  TRY(read_version(rotation, "AWSCURRENT", NULL, &current));
  if (strcmp(current.host, pending.host) != 0 || strcmp(current.username, pending.username) != 0)
    return failure_new(rotation->arena, 500, false, "InvalidSecret", "the pending version is of another user or host");
  const Failure *failure = change_password(rotation, &current, &pending);
  if (!failure)
    return NULL;
  TRY(secret_version_read(rotation->aws, rotation->arena, rotation->secret_id, "AWSPREVIOUS", NULL, &previous, &found));
  return found ? change_password(rotation, &previous, &pending) : failure;
}

static const Failure *
test_secret(Rotation *rotation)
{
  SecretVersion pending;
  TRY(read_version(rotation, "AWSPENDING", rotation->token, &pending));
  return with_database(rotation, &pending, "DO 1");
}

static const Failure *
finish_secret(Rotation *rotation)
{
  const char *current = secret_at_stage(rotation->description, "AWSCURRENT");
  if (current && strcmp(current, rotation->token) == 0)
    return NULL;
  return secret_promote(rotation->aws, rotation->arena, rotation->secret_id, rotation->token, current);
}

static const struct {
  const char *name;
  const Failure *(*run)(Rotation *rotation);
} steps[] = {{"createSecret", create_secret}, {"setSecret", set_secret}, {"testSecret", test_secret}, {"finishSecret", finish_secret}};

const Failure *
rotation_step(Aws *aws, Arena *arena, const Json *event)
{
  const char *step = json_string(json_get(event, "Step"));
  Rotation rotation = {aws, arena, json_string(json_get(event, "SecretId")), json_string(json_get(event, "ClientRequestToken")), NULL};
  if (!step || !rotation.secret_id || !rotation.token)
    return failure_new(arena, 400, false, "InvalidRequest", "SecretId, ClientRequestToken and Step are required");
  TRY(secret_describe(aws, arena, rotation.secret_id, &rotation.description));
  if (secret_has_stage(rotation.description, rotation.token, "AWSCURRENT"))
    return NULL; /* done before */
  if (!secret_has_stage(rotation.description, rotation.token, "AWSPENDING"))
    return failure_new(arena, 400, false, "InvalidRequest", "version %s is not AWSPENDING", rotation.token);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (strcmp(steps[i].name, step) == 0)
      return steps[i].run(&rotation);
  return failure_new(arena, 400, false, "InvalidRequest", "Step: '%.32s' is not known", step);
}
