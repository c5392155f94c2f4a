#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number from the environment, otherwise if it is not set; -1 if it is no number from 1 to max. */
static long
number(const char *name, long otherwise, long max)
{
  const char *text = getenv(name);
  if (!text || !*text)
    return otherwise;
  char *end;
  long value = strtol(text, &end, 10);
  return *end || value < 1 || value > max ? -1 : value;
}

static const char *
text_or(const char *name, const char *otherwise)
{
  const char *text = getenv(name);
  return text && *text ? text : otherwise;
}

static void
add_wrong(Config *config, const char *name)
{
  size_t used = strlen(config->wrong);
  snprintf(config->wrong + used, sizeof config->wrong - used, "%s%s", used ? ", " : "", name);
}

void
config_read(Config *ret_config)
{
  const struct {
    const char *name;
    const char **place;
  } required[] = {
      {"AWS_REGION", &ret_config->region},         {"SESSION_TABLE", &ret_config->session_table}, {"LOG_BUCKET", &ret_config->log_bucket},
      {"SECRET_ARN", &ret_config->secret_arn},     {"DATABASE_HOST", &ret_config->database_host},
  };
  for (size_t i = 0; i < sizeof required / sizeof *required; i++)
    if (!(*required[i].place = text_or(required[i].name, NULL)))
      add_wrong(ret_config, required[i].name);
  long port = number("DATABASE_PORT", 3306, 65535);
  if (port < 0)
    add_wrong(ret_config, "DATABASE_PORT");
  ret_config->database_port = (unsigned) port;
  ret_config->database_name = text_or("DATABASE_NAME", "payments");
  ret_config->database_tls = strcmp(text_or("DATABASE_TLS", "off"), "required") == 0;
  ret_config->database_ca = text_or("DATABASE_CA", NULL);
  ret_config->endpoint = text_or("AWS_ENDPOINT_URL", NULL);
  ret_config->connect_timeout_ms = number("CONNECT_TIMEOUT_MS", 5000, 60000);
  if (ret_config->connect_timeout_ms < 0) {
    add_wrong(ret_config, "CONNECT_TIMEOUT_MS");
    ret_config->connect_timeout_ms = 5000;
  }
}
