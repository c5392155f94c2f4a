/* config: what the stack tells the function, from the environment. */
#pragma once

#include "arena.h"

typedef struct Config {
  const char *region;             /* AWS_REGION, set by Lambda */
  const char *session_table;      /* SESSION_TABLE */
  const char *log_bucket;         /* LOG_BUCKET */
  const char *secret_arn;         /* SECRET_ARN */
  const char *database_host;      /* DATABASE_HOST: the cluster's endpoint */
  unsigned database_port;         /* DATABASE_PORT, 3306 */
  const char *database_name;      /* DATABASE_NAME, "payments" */
  bool database_tls;              /* DATABASE_TLS=required */
  const char *database_ca;        /* DATABASE_CA: PEM file, or NULL */
  long connect_timeout_ms;        /* CONNECT_TIMEOUT_MS, 5000: to a service or the database */
  const char *endpoint;           /* AWS_ENDPOINT_URL, or NULL: the services' own names */
  char wrong[160];                /* names of the variables that are missing or wrong: "LOG_BUCKET, SECRET_ARN"; "": all is there */
} Config;

/* Reads the environment. What is missing is not the end: whoever calls the function is to be told what. */
void config_read(Config *ret_config);
