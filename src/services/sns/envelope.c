/* What subscribers get. https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
#include <string.h>

#include "services/sns/sns.h"

const char *
sns_text_for(Call *call, const SnsMessageRecord *message, const char *protocol)
{
  Json *json = NULL;
  if (!OPT_OR(message->structured, FALSE))
    return message->message;
  g_autoptr(Error) bad = json_parse(call->arena, message->message, strlen(message->message), &json);
  const char *text = bad ? NULL : json_string(json_get(json, protocol));
  return text ? text : bad ? message->message : json_string(json_get(json, "default"));
}

static void
set(Arena *arena, Json *object, const char *name, const char *value)
{
  if (value)
    json_set(arena, object, name, json_new_string(arena, value));
}

static Json *
attributes_json(Call *call, const SnsMessageRecord *message)
{
  Arena *arena = call->arena;
  Json *all = json_new_object(arena);
  for (gsize i = 0; i < message->attributes.n; i++) {
    const SnsMessageAttributeValue *value = message->attributes.v[i].value;
    Json *one = json_new_object(arena);
    set(arena, one, "Type", value->DataType);
    set(arena, one, "Value", value->BinaryValue.data ? text_base64(arena, value->BinaryValue.data, value->BinaryValue.size) : value->StringValue);
    json_set(arena, all, message->attributes.v[i].key, one);
  }
  return all;
}

/* What both forms have in common; names are those of the envelope. */
typedef struct Parts {
  const char *text, *topic, *time, *version, *signature, *certificate, *subscribe, *unsubscribe;
} Parts;

/* "name\nvalue\n" pairs in the order of their names.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html */
static char *
text_to_sign(const SnsDelivery *delivery, const Parts *parts)
{
  const SnsMessageRecord *message = delivery->message;
  gboolean notification = strcmp(delivery->kind, "Notification") == 0;
  const char *const pairs[][2] = {
      {"Message", parts->text},           {"MessageId", message->id}, {"Subject", notification ? message->subject : NULL},
      {"SubscribeURL", parts->subscribe}, {"Timestamp", parts->time}, {"Token", notification ? NULL : delivery->subscription->token},
      {"TopicArn", parts->topic},         {"Type", delivery->kind},
  };
  g_autoptr(GString) text = g_string_new(NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
    if (pairs[i][1])
      g_string_append_printf(text, "%s\n%s\n", pairs[i][0], pairs[i][1]);
  return arena_strdup(delivery->call->arena, text->str);
}

static Error *
make_parts(const SnsDelivery *delivery, Parts *ret)
{
  Call *call = delivery->call;
  const SnsSubscriptionRecord *subscription = delivery->subscription;
  const char *name = NULL, *pem = NULL, *version = string_map_get(&delivery->topic->attributes, "SignatureVersion");
  char *signature = NULL;
  gboolean notification = strcmp(delivery->kind, "Notification") == 0;
  ret->text = sns_text_for(call, delivery->message, subscription->protocol);
  ret->topic = sns_topic_arn(call, delivery->topic);
  ret->time = text_iso8601(call->arena, OPT_OR(delivery->message->published, 0), TRUE);
  ret->version = version ? version : "1";
  if (notification)
    ret->unsubscribe = sns_link(call, subscription, "Unsubscribe",
                                arena_printf(call->arena, "SubscriptionArn=%s", sns_subscription_arn(call, subscription)));
  else
    ret->subscribe = sns_link(call, subscription, "ConfirmSubscription", arena_printf(call->arena, "TopicArn=%s&Token=%s", ret->topic, subscription->token));
  TRY(sns_sign(call, text_to_sign(delivery, ret), ret->version, &signature));
  TRY(sns_signer_certificate(call->haar, &name, &pem));
  ret->signature = signature;
  ret->certificate = arena_printf(call->arena, "https://sns.%s.amazonaws.com/%s", call->region, name);
  return NULL;
}

Error *
sns_envelope(const SnsDelivery *delivery, char **ret)
{
  Arena *arena = delivery->call->arena;
  const SnsMessageRecord *message = delivery->message;
  Json *object = json_new_object(arena);
  Parts parts = {0};
  TRY(make_parts(delivery, &parts));
  set(arena, object, "Type", delivery->kind);
  set(arena, object, "MessageId", message->id);
  set(arena, object, "Token", parts.subscribe ? delivery->subscription->token : NULL);
  set(arena, object, "SequenceNumber", message->sequence);
  set(arena, object, "TopicArn", parts.topic);
  set(arena, object, "Subject", message->subject);
  set(arena, object, "Message", parts.text);
  set(arena, object, "SubscribeURL", parts.subscribe);
  set(arena, object, "Timestamp", parts.time);
  set(arena, object, "SignatureVersion", parts.version);
  set(arena, object, "Signature", parts.signature);
  set(arena, object, "SigningCertURL", parts.certificate);
  set(arena, object, "UnsubscribeURL", parts.unsubscribe);
  if (message->attributes.n)
    json_set(arena, object, "MessageAttributes", attributes_json(delivery->call, message));
  g_autoptr(GString) text = g_string_new(NULL);
  json_write_pretty(text, object);
  *ret = arena_strdup(arena, text->str);
  return NULL;
}

Error *
sns_lambda_event(const SnsDelivery *delivery, char **ret)
{
  Arena *arena = delivery->call->arena;
  Json *event = json_new_object(arena), *records = json_new_array(arena), *record = json_new_object(arena), *sns = json_new_object(arena);
  Parts parts = {0};
  TRY(make_parts(delivery, &parts));
  set(arena, record, "EventSource", "aws:sns");
  set(arena, record, "EventVersion", "1.0");
  set(arena, record, "EventSubscriptionArn", sns_subscription_arn(delivery->call, delivery->subscription));
  set(arena, sns, "Type", "Notification");
  set(arena, sns, "MessageId", delivery->message->id);
  set(arena, sns, "TopicArn", parts.topic);
  json_set(arena, sns, "Subject", delivery->message->subject ? json_new_string(arena, delivery->message->subject) : json_new_null(arena));
  set(arena, sns, "Message", parts.text);
  set(arena, sns, "Timestamp", parts.time);
  set(arena, sns, "SignatureVersion", parts.version);
  set(arena, sns, "Signature", parts.signature);
  set(arena, sns, "SigningCertUrl", parts.certificate);
  set(arena, sns, "UnsubscribeUrl", parts.unsubscribe);
  json_set(arena, sns, "MessageAttributes", attributes_json(delivery->call, delivery->message));
  json_set(arena, record, "Sns", sns);
  json_append(arena, records, record);
  json_set(arena, event, "Records", records);
  *ret = json_text(arena, event);
  return NULL;
}
