/* host: what a host name says about a request. Names of AWS, and the same with localhost, localhost.localstack.cloud.
 * https://docs.aws.amazon.com/general/latest/gr/rande.html */
#pragma once

#include "base/base.h"

typedef struct HostName {
  const char *service;       /* "dynamodb", "s3", "execute-api": the label, or NULL */
  const char *region;        /* or NULL */
  const char *prefix;        /* what stands before: a bucket, an API's id, an account; or NULL */
  gboolean local;            /* a name of this machine */
} HostName;

/* host: lower case, without port. Results: arena. */
HostName host_parse(Arena *arena, const char *host);
