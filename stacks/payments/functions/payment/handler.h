/* handler: one event to one answer: the flow of payment.h on DynamoDB, Secrets Manager, Aurora and S3. */
#pragma once

#include "config.h"

#include <lambda_runtime.h>

typedef struct Handler Handler;

/* config is borrowed. Returns NULL if libcurl cannot start. Nothing is connected yet. */
Handler *handler_new(const Config *config);
void handler_free(Handler *handler);
/* A LambdaHandler; user is the Handler. */
void handler_run(const LambdaEvent *event, const LambdaContext *context, void *user, LambdaAnswer *answer);
