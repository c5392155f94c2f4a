/* secret_version: a version of a database's secret, read and written. */
#pragma once

#include "aws.h"
#include "json.h"

typedef struct SecretVersion {
  const Json *value;          /* the whole of it: an object */
  const char *host, *username, *password;
  unsigned port;
} SecretVersion;

/* The version at a stage ("AWSCURRENT"), of this id if version_id is not NULL. *ret_found: whether there is one. arena. */
const Failure *secret_version_read(Aws *aws, Arena *arena, const char *secret_id, const char *stage, const char *version_id, SecretVersion *ret_version,
                                   bool *ret_found);
/* Puts the same secret with another password, as AWSPENDING. */
const Failure *secret_version_put(Aws *aws, Arena *arena, const char *secret_id, const char *token, const SecretVersion *current, const char *password);
/* A password that MySQL and URLs take. arena. */
const Failure *secret_password_new(Aws *aws, Arena *arena, const char **ret_password);
/* DescribeSecret's answer. arena. */
const Failure *secret_describe(Aws *aws, Arena *arena, const char *secret_id, const Json **ret_description);
/* Whether a version has a stage, in DescribeSecret's answer. */
bool secret_has_stage(const Json *description, const char *version_id, const char *stage);
/* The version that has a stage, or NULL. */
const char *secret_at_stage(const Json *description, const char *stage);
/* AWSCURRENT moves from one version to another. */
const Failure *secret_promote(Aws *aws, Arena *arena, const char *secret_id, const char *to, const char *from);
