/* aws: signed calls of AWS services. libcurl signs (Signature Version 4) with the credentials that Lambda puts into the environment.
 * Each service has a connection that stays open between invocations. */
#pragma once

#include "config.h"

typedef enum { AWS_DYNAMODB, AWS_SECRETSMANAGER, AWS_S3, AWS_N_SERVICES } AwsService;

typedef struct Aws Aws;

/* config is borrowed. Returns NULL if libcurl cannot start. */
Aws *aws_new(const Config *config);
void aws_free(Aws *aws);
/* What aws_new was given. */
const Config *aws_config(const Aws *aws);
/* When the invocation ends (milliseconds since 1970): no call lasts longer than that. */
void aws_set_deadline(Aws *aws, int64_t deadline_ms);

typedef struct AwsAnswer {
  long status;
  const char *body;     /* arena, NUL-terminated */
  size_t size;
  const char *code;     /* of an error: "ConditionalCheckFailedException"; else "" */
} AwsAnswer;

/* Calls an operation of a JSON protocol: target is "DynamoDB_20120810.PutItem". A status other than 200 is not a failure here: look at
 * ret_answer. A failure means that there was no answer. arena. */
const Failure *aws_json(Aws *aws, Arena *arena, AwsService service, const char *target, const char *body, AwsAnswer *ret_answer);
/* PUT (body not NULL) or DELETE (NULL) of an object; key is made of unreserved characters and '/'. */
const Failure *aws_object(Aws *aws, Arena *arena, const char *bucket, const char *key, const char *body, AwsAnswer *ret_answer);
/* PUT of body to a presigned URL: unsigned, without a content type, as CloudFormation's addresses for answers want it. */
const Failure *aws_put_presigned(Aws *aws, Arena *arena, const char *url, const char *body, AwsAnswer *ret_answer);
/* The failure that an unexpected answer is: what was being done, and what the service said. */
const Failure *aws_failure(Arena *arena, const char *what, const AwsAnswer *answer);
