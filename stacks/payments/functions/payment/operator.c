#include "operator.h"

#include <stdlib.h>
#include <string.h>

/* --- what all need --- */

const Failure *
operator_check_environment(Handler *handler)
{
  const char *wrong = handler->config->wrong;
  return *wrong ? failure_new(handler->arena, 500, false, "IncompleteEnvironment", "missing or wrong in the environment: %s", wrong) : NULL;
}

/* --- the ledger's rows --- */

static const Failure *
look_up(Handler *handler, const Json *event, PaymentAnswer *ret_answer)
{
  TRY(operator_check_environment(handler));
  const char *id = json_string(json_get(event, "paymentId"));
  char *rows = NULL;
  if (!id)
    return failure_new(handler->arena, 400, false, "InvalidRequest", "paymentId: is required");
  TRY(handler_use_secret(handler, handler->arena, false));
  const Failure *failure = ledger_find(handler->ledger, handler->arena, id, &rows);
  if (failure && strcmp(failure->code, "DatabaseAccessDenied") == 0) {
    TRY(handler_use_secret(handler, handler->arena, true));
    failure = ledger_find(handler->ledger, handler->arena, id, &rows);
  }
  if (!failure && !rows)
    failure = failure_new(handler->arena, 404, false, "PaymentNotFound", "the ledger has no payment '%.64s'", id);
  ret_answer->body = rows;
  return failure;
}

static const Failure *
unknown_action(Handler *handler, const Json *event, PaymentAnswer *ret_answer)
{
  return failure_new(handler->arena, 400, false, "InvalidRequest", "action: '%.32s' is not known; there is \"ledger\"",
                     json_string(json_get(event, "action")));
}

/* --- health --- */

/* The database takes the secret's user. A password that was rotated is read again. */
static const Failure *
check_database(Handler *handler)
{
  TRY(handler_use_secret(handler, handler->arena, false));
  const Failure *failure = ledger_check(handler->ledger, handler->arena);
  if (!failure || strcmp(failure->code, "DatabaseAccessDenied") != 0)
    return failure;
  TRY(handler_use_secret(handler, handler->arena, true));
  return ledger_check(handler->ledger, handler->arena);
}

static const Failure *
check_sessions(Handler *handler)
{
  AwsAnswer answer;
  Text body = text_new(handler->arena);
  text_printf(&body, "{\"TableName\":");
  text_json(&body, handler->config->session_table);
  text_printf(&body, ",\"Key\":{\"sessionId\":{\"S\":\"health\"}}}");
  TRY(aws_json(handler->aws, handler->arena, AWS_DYNAMODB, "DynamoDB_20120810.GetItem", body.data, &answer));
  return answer.status == 200 ? NULL : aws_failure(handler->arena, "reading the session table", &answer);
}

static const Failure *
health(Handler *handler, const Json *event, PaymentAnswer *ret_answer)
{
  const Failure *failure = operator_check_environment(handler);
  if (!failure)
    failure = check_database(handler);
  if (!failure)
    failure = check_sessions(handler);
  if (failure)
    return failure_new(handler->arena, 503, true, failure->code, "%s", failure->message);
  Text body = text_new(handler->arena);
  text_printf(&body, "{\"status\":\"ok\",\"version\":");
  text_json(&body, handler->context->function_version);
  text_printf(&body, ",\"release\":");
  text_json(&body, getenv("RELEASE"));
  text_printf(&body, "}");
  ret_answer->body = body.data;
  return NULL;
}

/* --- promotion --- */

/* Writing a log and removing it, at a place of this version's own. */
static const Failure *
check_log(Handler *handler)
{
  AwsAnswer answer;
  const char *key = arena_printf(handler->arena, "transactions/health/%s", handler->context->request_id);
  for (int i = 0; i < 2; i++) {
    TRY(aws_object(handler->aws, handler->arena, handler->config->log_bucket, key, i ? NULL : "{}", &answer));
    if (answer.status / 100 != 2)
      return aws_failure(handler->arena, i ? "removing a transaction log" : "writing a transaction log", &answer);
  }
  return NULL;
}

/* Every variable that the resource names must be set: RequiredEnvironment, a list. */
static const Failure *
check_environment(Handler *handler, const Json *properties)
{
  const Json *names = json_get(properties, "RequiredEnvironment");
  for (const Json *name = names ? names->first : NULL; name; name = name->next) {
    const char *value = json_string(name) ? getenv(json_string(name)) : NULL;
    if (!value || !*value)
      return failure_new(handler->arena, 500, false, "IncompleteEnvironment", "the environment variable %s is not set", json_string(name));
  }
  return NULL;
}

static const Failure *
check_all(Handler *handler, const Json *properties)
{
  TRY(check_environment(handler, properties));
  TRY(operator_check_environment(handler));
  TRY(check_database(handler));
  TRY(check_sessions(handler));
  return check_log(handler);
}

static char *
report(Handler *handler, const Json *event, const Failure *failure)
{
  static const char *const echoed[] = {"StackId", "RequestId", "LogicalResourceId"};
  const char *physical = json_string(json_get(event, "PhysicalResourceId"));
  Text body = text_new(handler->arena);
  text_printf(&body, "{\"Status\":\"%s\",\"Reason\":", failure ? "FAILED" : "SUCCESS");
  text_json(&body, failure ? failure->message : "this version can pay");
  for (size_t i = 0; i < sizeof echoed / sizeof *echoed; i++) {
    text_printf(&body, ",\"%s\":", echoed[i]);
    text_json(&body, json_string(json_get(event, echoed[i])));
  }
  text_printf(&body, ",\"PhysicalResourceId\":");
  text_json(&body, physical ? physical : arena_printf(handler->arena, "validation-%s", handler->context->function_version));
  text_printf(&body, ",\"Data\":{\"Version\":");
  text_json(&body, handler->context->function_version);
  text_printf(&body, "}}");
  return body.data;
}

static const Failure *
validate(Handler *handler, const Json *event, PaymentAnswer *ret_answer)
{
  AwsAnswer answer;
  const char *request = json_string(json_get(event, "RequestType"));
  bool removal = request && strcmp(request, "Delete") == 0;
  const Failure *failure = removal ? NULL : check_all(handler, json_get(event, "ResourceProperties"));
  ret_answer->body = report(handler, event, failure);
  TRY(aws_put_presigned(handler->aws, handler->arena, json_string(json_get(event, "ResponseURL")), ret_answer->body, &answer));
  return answer.status / 100 == 2 ? NULL : aws_failure(handler->arena, "answering CloudFormation", &answer);
}

/* --- what an event is --- */

static bool
asks_health(const Json *event)
{
  const char *method = json_string(json_get(event, "httpMethod")), *path = json_string(json_get(event, "path"));
  size_t size = path ? strlen(path) : 0;
  return method && strcmp(method, "GET") == 0 && size >= 7 && strcmp(path + size - 7, "/health") == 0;
}

OperatorFunction *
operator_find(const Json *event)
{
  const char *action = json_get(event, "httpMethod") ? NULL : json_string(json_get(event, "action"));
  if (json_string(json_get(event, "ResponseURL")) && json_string(json_get(event, "RequestType")))
    return validate;
  if (asks_health(event))
    return health;
  if (action)
    return strcmp(action, "ledger") == 0 ? look_up : unknown_action;
  return NULL;
}
