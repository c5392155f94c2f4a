/* Where events go that were done, or could not be. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
#include <string.h>

#include "services/lambda/lambda.h"

Error *
destination_deliver(Call *call, const char *role, const char *target, const char *text, Json *attributes)
{
  Arn arn;
  if (!arn_parse(call->arena, target, &arn))
    return error_answer("InvalidParameterValueException", "%s is no ARN", target);
  const Principal *as = lambda_role_session(call, role);
  if (strcmp(arn.service, "sqs") == 0) {
    Json *url = NULL, *in = lambda_json_strings(call->arena, "QueueName", arn.resource, NULL);
    TRY(lambda_other_call(call, "sqs", "GetQueueUrl", as, in, &url));
    in = lambda_json_strings(call->arena, "QueueUrl", json_string(json_get(url, "QueueUrl")), "MessageBody", text, NULL);
    if (attributes)
      json_set(call->arena, in, "MessageAttributes", attributes);
    return lambda_other_call(call, "sqs", "SendMessage", as, in, NULL);
  }
  if (strcmp(arn.service, "sns") == 0) {
    Json *in = lambda_json_strings(call->arena, "TopicArn", target, "Message", text, NULL);
    if (attributes)
      json_set(call->arena, in, "MessageAttributes", attributes);
    return lambda_other_call(call, "sns", "Publish", as, in, NULL);
  }
  if (strcmp(arn.service, "lambda") == 0) {
    Json *in = lambda_json_strings(call->arena, "FunctionName", target, "InvocationType", "Event", "Payload",
                                   text_base64(call->arena, text, strlen(text)), NULL);
    return lambda_other_call(call, "lambda", "Invoke", as, in, NULL);
  }
  return error_answer("InvalidParameterValueException", "haar delivers events to SQS, SNS and Lambda, not to %s", arn.service);
}
