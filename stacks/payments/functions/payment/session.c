#include "session.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define SESSION_SECONDS (INT64_C(30) * 24 * 3600)  /* after which the table's TTL may drop a session */

/* Appends "name":{"type":"value"} with a comma before all but the first. */
static void
add_attribute(Text *item, const char *name, const char *type, const char *value)
{
  text_printf(item, "%s\"%s\":{\"%s\":", item->data[item->size - 1] == '{' ? "" : ",", name, type);
  text_json(item, value);
  text_add(item, "}", 1);
}

static int64_t
seconds_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}

static char *
put_request(Arena *arena, const char *table, const Payment *payment, const Session *session)
{
  Text body = text_new(arena);
  text_printf(&body, "{\"TableName\":");
  text_json(&body, table);
  text_printf(&body, ",\"ConditionExpression\":\"attribute_not_exists(sessionId)\",\"Item\":{");
  add_attribute(&body, "sessionId", "S", payment->session_id);
  add_attribute(&body, "userId", "S", payment->user_id);
  add_attribute(&body, "status", "S", "processing");
  add_attribute(&body, "paymentId", "S", session->payment_id);
  add_attribute(&body, "amount", "N", amount_format(arena, payment->minor, payment->currency));
  add_attribute(&body, "currency", "S", payment->currency);
  add_attribute(&body, "method", "S", payment->method);
  if (payment->card.brand)
    add_attribute(&body, "card", "S", arena_printf(arena, "%s %s", payment->card.brand, payment->card.last4));
  add_attribute(&body, "fingerprint", "S", payment->fingerprint);
  add_attribute(&body, "createdAt", "S", session->created_at);
  add_attribute(&body, "expiresAt", "N", arena_printf(arena, "%" PRId64, seconds_now() + SESSION_SECONDS));
  text_printf(&body, "}}");
  return body.data;
}

static const char *
attribute(const Json *item, const char *name)
{
  return json_string(json_get(json_get(item, name), "S"));
}

static const Failure *
find(Aws *aws, Arena *arena, const char *table, const Payment *payment, Session *ret_session)
{
  AwsAnswer answer;
  Text body = text_new(arena);
  text_printf(&body, "{\"ConsistentRead\":true,\"TableName\":");
  text_json(&body, table);
  text_printf(&body, ",\"Key\":{");
  add_attribute(&body, "sessionId", "S", payment->session_id);
  text_printf(&body, "}}");
  TRY(aws_json(aws, arena, AWS_DYNAMODB, "DynamoDB_20120810.GetItem", body.data, &answer));
  const Json *item = json_get(json_parse(arena, answer.body, answer.size), "Item");
  if (answer.status != 200 || !item)
    return aws_failure(arena, "reading the session", &answer);
  *ret_session = (Session){.payment_id = attribute(item, "paymentId"), .created_at = attribute(item, "createdAt"), .status = attribute(item, "status"),
                           .fingerprint = attribute(item, "fingerprint"), .answer = attribute(item, "answer"), .replay = true};
  if (!ret_session->payment_id || !ret_session->created_at || !ret_session->status || !ret_session->fingerprint)
    return failure_new(arena, 500, false, "InvalidSession", "session %s lacks an attribute that this function writes", payment->session_id);
  return NULL;
}

const Failure *
session_begin(Aws *aws, Arena *arena, const Payment *payment, Session *session)
{
  const char *table = aws_config(aws)->session_table;
  AwsAnswer answer;
  TRY(aws_json(aws, arena, AWS_DYNAMODB, "DynamoDB_20120810.PutItem", put_request(arena, table, payment, session), &answer));
  if (answer.status == 200) {
    session->status = "processing";
    session->fingerprint = payment->fingerprint;
    return NULL;
  }
  if (strcmp(answer.code, "ConditionalCheckFailedException") == 0)
    return find(aws, arena, table, payment, session);
  return aws_failure(arena, "writing the session", &answer);
}

/* Sets attributes of the session. values: the members of ExpressionAttributeValues. A condition that does not hold is no failure: the session
 * has ended already. */
static const Failure *
update(Aws *aws, Arena *arena, const Payment *payment, const char *expression, const char *condition, const char *values)
{
  AwsAnswer answer;
  Text body = text_new(arena);
  text_printf(&body, "{\"TableName\":");
  text_json(&body, aws_config(aws)->session_table);
  text_printf(&body, ",\"Key\":{");
  add_attribute(&body, "sessionId", "S", payment->session_id);
  text_printf(&body, "},\"UpdateExpression\":\"%s\",\"ConditionExpression\":\"%s\",", expression, condition);
  text_printf(&body, "\"ExpressionAttributeNames\":{\"#s\":\"status\"},\"ExpressionAttributeValues\":{%s}}", values);
  TRY(aws_json(aws, arena, AWS_DYNAMODB, "DynamoDB_20120810.UpdateItem", body.data, &answer));
  if (answer.status == 200 || strcmp(answer.code, "ConditionalCheckFailedException") == 0)
    return NULL;
  return aws_failure(arena, "updating the session", &answer);
}

const Failure *
session_complete(Aws *aws, Arena *arena, const Payment *payment, const char *log_key, const char *answer)
{
  Text values = text_new(arena);
  text_printf(&values, "\":done\":{\"S\":\"completed\"},\":log\":{\"S\":");
  text_json(&values, log_key);
  text_printf(&values, "},\":answer\":{\"S\":");
  text_json(&values, answer);
  text_printf(&values, "}");
  return update(aws, arena, payment, "SET #s = :done, logKey = :log, answer = :answer REMOVE failure", "attribute_exists(sessionId) AND #s <> :done",
                values.data);
}

const Failure *
session_fail(Aws *aws, Arena *arena, const Payment *payment, const Failure *why)
{
  Text values = text_new(arena);
  text_printf(&values, "\":failed\":{\"S\":\"failed\"},\":processing\":{\"S\":\"processing\"},\":why\":{\"S\":");
  text_json(&values, why->code);
  text_printf(&values, "}");
  return update(aws, arena, payment, "SET #s = :failed, failure = :why", "#s = :processing", values.data);
}
