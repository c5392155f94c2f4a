#include "stack/dynamic.h"

#include <string.h>

static const char *
secret(Arena *arena, const char *text)
{
  SecretReference reference = { 0 };
  if (!dynamic_parse_secret(arena, text, &reference))
    return "none";
  return arena_printf(arena, "%s|%s|%s|%s", reference.id, reference.json_key, reference.stage, reference.version);
}

static void
test_secrets(void)
{
  static const char *const rows[][2] = {
    { "db", "db|||" },
    { "db:SecretString", "db|||" },
    { "db:SecretString:password", "db|password||" },
    { "db:SecretString:password:AWSPREVIOUS", "db|password|AWSPREVIOUS|" },
    { "db:SecretString:password::1234", "db|password||1234" },
    { "db::password", "db|password||" },
    { "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf", "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf|||" },
    { "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf:SecretString:user",
      "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf|user||" },
    { "arn:aws:secretsmanager", "none" }, { "", "none" }, { ":SecretString:x", "none" }, { "db:SecretBinary:x", "none" },
    { "db:SecretString:a:b:c:d", "none" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(secret(arena, rows[i][0]), ==, rows[i][1]);
}

static const char *
plain(Arena *arena, const char *text)
{
  Json *json = NULL, *resolved = NULL;
  Call call = { .arena = arena };
  g_assert_null(json_parse(arena, text, strlen(text), &json));
  g_autoptr(Error) error = dynamic_resolve(&call, json, DYNAMIC_PLAIN, &resolved);
  return error ? arena_strdup(arena, error->message) : json_text(arena, resolved);
}

/* What is stored and shown keeps the references to secrets as they are written. */
static void
test_plain(void)
{
  static const char *const rows[][2] = {
    { "{\"a\":[\"x{{resolve:secretsmanager:db:SecretString:password}}y\",1,true]}",
      "{\"a\":[\"x{{resolve:secretsmanager:db:SecretString:password}}y\",1,true]}" },
    { "\"{{resolve:ssm-secure:p:1}}{{resolve:secretsmanager:a}}\"", "\"{{resolve:ssm-secure:p:1}}{{resolve:secretsmanager:a}}\"" },
    { "\"{{resolve:secretsmanager:open\"", "\"{{resolve:secretsmanager:open\"" },
    { "\"{{resolve:s3:x}}\"", "Invalid dynamic reference {{resolve:s3:x}}: the service is ssm, ssm-secure or secretsmanager" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(plain(arena, rows[i][0]), ==, rows[i][1]);
  g_autoptr(GString) many = g_string_new("\"");
  for (guint i = 0; i < 61; i++)
    g_string_append(many, "{{resolve:secretsmanager:a}}");
  g_string_append_c(many, '"');
  g_assert_cmpstr(plain(arena, many->str), ==, "Template contains more than 60 dynamic references");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/dynamic/secrets", test_secrets);
  g_test_add_func("/stack/dynamic/plain", test_plain);
  return g_test_run();
}
