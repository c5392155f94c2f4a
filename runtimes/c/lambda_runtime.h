/* lambda_runtime: runs a C function on AWS Lambda's custom runtimes (provided.al2023), and on haar, unchanged.
 *
 *   static void hello(const LambdaEvent *event, const LambdaContext *context, void *user, LambdaAnswer *answer)
 *   {
 *     lambda_answer(answer, event->data, event->size);
 *   }
 *
 *   int main(void) { return lambda_run(hello, NULL); }
 *
 * One environment runs one invocation at a time, on the thread that called lambda_run. Depends on libcurl and the C library only.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What was invoked with: the bytes as the caller sent them, followed by a NUL that is not counted. Valid during the invocation. */
typedef struct LambdaEvent {
  const char *data;
  size_t size;
} LambdaEvent;

/* About one invocation. Texts are valid during it; those that the service did not send are NULL. */
typedef struct LambdaContext {
  const char *request_id;
  int64_t deadline_ms;          /* when the invocation times out: milliseconds since 1970 */
  const char *function_arn;     /* as invoked, with the qualifier if there was one */
  const char *trace_id;         /* X-Ray; also in the environment as _X_AMZN_TRACE_ID */
  const char *client_context;   /* JSON of a mobile SDK */
  const char *cognito_identity; /* JSON of a mobile SDK */
  const char *function_name, *function_version, *log_group, *log_stream; /* from the environment */
  int memory_mb;
} LambdaContext;

/* Milliseconds until the invocation times out; 0 if that is past. */
int64_t lambda_remaining_ms(const LambdaContext *context);

/* The handler's answer, filled by exactly one of the two functions below; the last call wins. */
typedef struct LambdaAnswer LambdaAnswer;

/* Answers with bytes, JSON as a rule. They are copied. An answer that is never given is "null". */
void lambda_answer(LambdaAnswer *answer, const void *data, size_t size);
/* Fails the invocation: type is a short name ("Validation.Amount"), the message is for people. Both are copied. */
void lambda_fail(LambdaAnswer *answer, const char *type, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Handles one event. user is what lambda_run was given. */
typedef void (*LambdaHandler)(const LambdaEvent *event, const LambdaContext *context, void *user, LambdaAnswer *answer);

/* Serves invocations until the service ends the process. Returns only if the Runtime API cannot be spoken to: an exit status other than 0,
 * after a line on standard error that says why. */
int lambda_run(LambdaHandler handler, void *user);

/* Reports that the function cannot start (a missing variable, ...). Call before lambda_run, then exit. Returns the exit status. */
int lambda_init_fail(const char *type, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
