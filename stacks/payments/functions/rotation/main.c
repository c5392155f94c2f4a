/* The function that Secrets Manager calls to change the database's password. What it does is in rotation.h. */
#include "rotation.h"

#include <lambda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

static void
handle(const LambdaEvent *event, const LambdaContext *context, void *user, LambdaAnswer *answer)
{
  Aws *aws = user;
  Arena *arena = arena_new();
  aws_set_deadline(aws, context->deadline_ms);
  const Json *json = json_parse(arena, event->data, event->size);
  const char *step = json_string(json_get(json, "Step"));
  const Failure *failure = json ? rotation_step(aws, arena, json) : failure_new(arena, 400, false, "InvalidRequest", "the event is not JSON");
  printf("{\"level\":\"%s\",\"requestId\":\"%s\",\"step\":\"%.32s\"%s%s}\n", failure ? "ERROR" : "INFO", context->request_id, step ? step : "",
         failure ? ",\"code\":" : "", failure ? arena_printf(arena, "\"%s\"", failure->code) : "");
  fflush(stdout);
  if (failure)
    lambda_fail(answer, failure->code, "%s", failure->message);
  else
    lambda_answer(answer, "null", 4);
  arena_free(arena);
}

int
main(void)
{
  Config config = {.region = getenv("AWS_REGION"), .endpoint = getenv("AWS_ENDPOINT_URL"), .connect_timeout_ms = 5000};
  if (!config.region)
    return lambda_init_fail("Configuration", "the environment variable AWS_REGION is missing");
  Aws *aws = aws_new(&config);
  if (!aws)
    return lambda_init_fail("Start", "no memory, or libcurl cannot start");
  int status = lambda_run(handle, aws);
  aws_free(aws);
  return status;
}
