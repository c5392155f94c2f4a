#include "secret.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEEP_MS (INT64_C(5) * 60 * 1000)

static int64_t
monotonic_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

void
secret_clear(Secret *secret)
{
  if (secret->password)
    explicit_bzero(secret->password, strlen(secret->password));
  free(secret->username);
  free(secret->password);
  *secret = (Secret){0};
}

const Failure *
secret_read(Aws *aws, Arena *arena, Secret *secret, bool fresh)
{
  AwsAnswer answer;
  if (!fresh && secret->read_ms && monotonic_ms() - secret->read_ms < KEEP_MS)
    return NULL;
  Text body = text_new(arena);
  text_printf(&body, "{\"SecretId\":");
  text_json(&body, aws_config(aws)->secret_arn);
  text_printf(&body, "}");
  TRY(aws_json(aws, arena, AWS_SECRETSMANAGER, "secretsmanager.GetSecretValue", body.data, &answer));
  if (answer.status != 200)
    return aws_failure(arena, "reading the database's secret", &answer);
  const char *text = json_string(json_get(json_parse(arena, answer.body, answer.size), "SecretString"));
  const Json *value = text ? json_parse(arena, text, strlen(text)) : NULL;
  const char *username = json_string(json_get(value, "username")), *password = json_string(json_get(value, "password"));
  if (!username || !password)
    return failure_new(arena, 500, false, "InvalidSecret", "the database's secret has no username and password");
  secret_clear(secret);
  *secret = (Secret){strdup(username), strdup(password), monotonic_ms()};
  return NULL;
}
