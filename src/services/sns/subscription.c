/* Subscriptions: made, confirmed, changed, listed, ended. https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html */
#include <string.h>

#include "services/sns/filter.h"
#include "services/sns/sns.h"

const Table sns_subscriptions = {"sns.subscription"};

enum { TOKEN_DIGITS = 256 };

char *
sns_subscription_arn(const Call *call, const SnsSubscriptionRecord *subscription)
{
  return arn_format(call->arena, "sns", call->region, subscription->account, "%s:%s", subscription->topic, subscription->id);
}

static void
subscription_key(const Call *call, const SnsSubscriptionRecord *subscription, Key *key)
{
  key_strings(key, call->region, subscription->account, subscription->topic, subscription->id, NULL);
}

static Error *
put(Call *call, const SnsSubscriptionRecord *subscription)
{
  Key key;
  subscription_key(call, subscription, &key);
  return record_put(call->txn, &sns_subscriptions, &key, &SnsSubscriptionRecord_shape, subscription);
}

Error *
sns_subscription_get(Call *call, const SnsTopicRecord *topic, const char *id, SnsSubscriptionRecord **ret)
{
  Key key;
  void *value = NULL;
  key_strings(&key, call->region, topic->account, topic->name, id, NULL);
  TRY(record_get(call->txn, &sns_subscriptions, &key, &SnsSubscriptionRecord_shape, call->arena, &value));
  *ret = value;
  return NULL;
}

static Error *
read_all(Call *call, const Key *prefix, SnsSubscriptions *ret)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &sns_subscriptions, &(CursorOptions){.prefix = prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    void *value = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &SnsSubscriptionRecord_shape, data, size, &value));
    LIST_APPEND(call->arena, ret, (SnsSubscriptionRecord *) value);
  }
  return NULL;
}

Error *
sns_subscriptions_of(Call *call, const SnsTopicRecord *topic, SnsSubscriptions *ret)
{
  Key prefix;
  sns_topic_key(call, topic, &prefix);
  return read_all(call, &prefix, ret);
}

/* "arn:aws:sns:region:account:topic:id" to both; *ret_subscription is NULL if it is none. */
static Error *
find(Call *call, const char *text, SnsTopicRecord **ret_topic, SnsSubscriptionRecord **ret_subscription)
{
  const char *colon = text ? strrchr(text, ':') : NULL;
  Arn arn;
  *ret_subscription = NULL;
  if (!colon || !arn_parse(call->arena, text, &arn) || strcmp(arn.service, "sns") != 0 || !strchr(arn.resource, ':'))
    return sns_invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not %d", text ? (int) strlen(text) : 0);
  g_autoptr(Error) error = sns_topic_find(call, arena_strndup(call->arena, text, (gsize) (colon - text)), ret_topic);
  if (error_is(error, "NotFoundException"))
    return NULL;
  if (error)
    return g_steal_pointer(&error);
  return sns_subscription_get(call, *ret_topic, colon + 1, ret_subscription);
}

static Error *
no_subscription(void)
{
  return error_answer("NotFoundException", "Subscription does not exist");
}

/* A subscription's operations are authorised on its topic; the first member of each input is SubscriptionArn. */
static Error *
authorize(Call *call, const void *in, Authorization *auth)
{
  const char *arn = *(const char *const *) in;
  SnsTopicRecord *topic = NULL;
  SnsSubscriptionRecord *subscription = NULL;
  TRY(find(call, arn, &topic, &subscription));
  if (!subscription)
    return no_subscription();
  auth->resource = sns_topic_arn(call, topic);
  auth->resource_account = subscription->owner;
  auth->skip = call->principal->type == PRINCIPAL_ANONYMOUS && !OPT_OR(subscription->authenticated, FALSE);
  return NULL;
}

/* --- protocols and endpoints --- */

typedef struct ProtocolRow {
  const char *name;
  const char *begin;      /* of an endpoint, or NULL */
  gboolean confirm;       /* its owner has to say yes */
  gboolean fifo;          /* may listen to a FIFO topic */
} ProtocolRow;

static const ProtocolRow protocols[] = {
    {"http", "http://", TRUE, FALSE}, {"https", "https://", TRUE, FALSE},    {"email", NULL, TRUE, FALSE},
    {"email-json", NULL, TRUE, FALSE}, {"sms", "+", FALSE, FALSE},           {"sqs", "arn:aws:sqs:", FALSE, TRUE},
    {"lambda", "arn:aws:lambda:", FALSE, FALSE},
};

static Error *
check_endpoint(const SnsTopicRecord *topic, const SnsSubscribeInput *in, const ProtocolRow **ret)
{
  const ProtocolRow *row = NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(protocols); i++)
    if (strcmp(protocols[i].name, in->Protocol) == 0)
      row = &protocols[i];
  *ret = row;
  if (!row && (strcmp(in->Protocol, "application") == 0 || strcmp(in->Protocol, "firehose") == 0))
    return sns_invalid("Protocol Reason: haar does not deliver to %s", in->Protocol);
  if (!row)
    return sns_invalid("Amazon SNS does not support this protocol string: %s", in->Protocol);
  if (!in->Endpoint || !*in->Endpoint)
    return sns_invalid("Endpoint Reason: Endpoint is required");
  if (row->begin && !g_str_has_prefix(in->Endpoint, row->begin))
    return strcmp(row->begin, "http://") == 0 || strcmp(row->begin, "https://") == 0
             ? sns_invalid("Endpoint must match the specified protocol")
             : sns_invalid("%s endpoint ARN", strcmp(row->name, "sqs") == 0 ? "SQS" : strcmp(row->name, "lambda") == 0 ? "Lambda" : "SMS");
  if (g_str_has_prefix(row->name, "email") && (!strchr(in->Endpoint, '@') || strpbrk(in->Endpoint, "\r\n <>")))
    return sns_invalid("Email address");
  if (sns_is_fifo(topic) && !row->fifo)
    return sns_invalid("Endpoint Reason: FIFO topics can only be subscribed to by SQS queues");
  if (!sns_is_fifo(topic) && strcmp(row->name, "sqs") == 0 && g_str_has_suffix(in->Endpoint, ".fifo"))
    return sns_invalid("Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics");
  return NULL;
}

gboolean
sns_is_local(const char *endpoint)
{
  const char *host = strstr(endpoint, "://");
  host = host ? host + 3 : endpoint;
  gsize size = strcspn(host, ":/?");
  if (*host == '[')
    return g_str_has_prefix(host, "[::1]");
  g_autofree char *name = g_strndup(host, size);
  return strcmp(name, "localhost") == 0 || g_str_has_suffix(name, ".localhost") || g_str_has_prefix(name, "127.");
}

/* --- attributes --- */

static Error *
check_filter(Call *call, const SnsSubscriptionRecord *subscription)
{
  const char *text = string_map_get(&subscription->attributes, "FilterPolicy"), *scope = string_map_get(&subscription->attributes, "FilterPolicyScope");
  Json *policy = NULL;
  return text ? filter_policy_parse(call->arena, text, g_strcmp0(scope, "MessageBody") == 0, &policy) : NULL;
}

static Error *
check_redrive(Call *call, const char *value)
{
  Json *json = NULL;
  g_autoptr(Error) bad = json_parse(call->arena, value, strlen(value), &json);
  const char *target = bad ? NULL : json_string(json_get(json, "deadLetterTargetArn"));
  return target && g_str_has_prefix(target, "arn:aws:sqs:") ? NULL : sns_invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn");
}

static Error *
check_attribute(Call *call, const char *name, const char *value)
{
  Json *json = NULL;
  if (strcmp(name, "RawMessageDelivery") == 0)
    return strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ? NULL : sns_invalid("RawMessageDelivery Reason: Invalid value [%s]. Must be true or false.", value);
  if (strcmp(name, "FilterPolicyScope") == 0)
    return strcmp(value, "MessageAttributes") == 0 || strcmp(value, "MessageBody") == 0
             ? NULL
             : sns_invalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", value);
  if (strcmp(name, "RedrivePolicy") == 0)
    return *value ? check_redrive(call, value) : NULL;
  if (strcmp(name, "DeliveryPolicy") == 0) {
    g_autoptr(Error) bad = *value ? json_parse(call->arena, value, strlen(value), &json) : NULL;
    return bad ? sns_invalid("DeliveryPolicy: failed to parse JSON.") : NULL;
  }
  if (strcmp(name, "FilterPolicy") == 0)
    return NULL; /* when all are set: its scope counts */
  return sns_invalid("AttributeName");
}

static Error *
set_attribute(Call *call, SnsSubscriptionRecord *subscription, const char *name, const char *value)
{
  value = value ? value : "";
  TRY(check_attribute(call, name, value));
  gboolean away = !*value || (strcmp(name, "FilterPolicy") == 0 && strcmp(value, "{}") == 0);
  MAP_SET(call->arena, &subscription->attributes, name, away ? NULL : value);
  return NULL;
}

/* --- Subscribe --- */

/* Who confirms by a link, gets it. */
static Error *
ask(Call *call, const SnsTopicRecord *topic, SnsSubscriptionRecord *subscription)
{
  subscription->token = id_hex(call->arena, TOKEN_DIGITS);
  subscription->created = OPT_INT(call->now);
  TRY(put(call, subscription));
  const char *text = arena_printf(call->arena, "You have chosen to subscribe to the topic %s.\nTo confirm the subscription, visit the SubscribeURL "
                                               "included in this message.", sns_topic_arn(call, topic));
  SnsMessageRecord message = {.id = id_uuid(call->arena), .message = text, .published = OPT_INT(call->now)};
  return sns_deliver_put(call, topic, subscription, &message, "SubscriptionConfirmation");
}

static gboolean
same_attributes(const StringMap *a, const StringMap *b)
{
  for (gsize i = 0; i < a->n; i++)
    if (g_strcmp0(a->v[i].value, string_map_get(b, a->v[i].key)) != 0)
      return FALSE;
  return TRUE;
}

static Error *
find_same(Call *call, const SnsTopicRecord *topic, const SnsSubscribeInput *in, SnsSubscriptionRecord **ret)
{
  SnsSubscriptions all = {0};
  TRY(sns_subscriptions_of(call, topic, &all));
  for (gsize i = 0; i < all.n; i++)
    if (strcmp(all.v[i]->protocol, in->Protocol) == 0 && strcmp(all.v[i]->endpoint, in->Endpoint) == 0)
      *ret = all.v[i];
  return NULL;
}

static const char *
shown_arn(const Call *call, const SnsSubscribeInput *in, const SnsSubscriptionRecord *subscription)
{
  if (OPT_OR(subscription->confirmed, FALSE) || OPT_OR(in->ReturnSubscriptionArn, FALSE))
    return sns_subscription_arn(call, subscription);
  return "pending confirmation";
}

OPERATION(Subscribe, subscribe, .txn = TXN_WRITE, .authorize = sns_authorize)
static Error *
subscribe(Call *call, const SnsSubscribeInput *in, SnsSubscribeOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  SnsSubscriptionRecord *old = NULL;
  const ProtocolRow *protocol = NULL;
  TRY(sns_topic_find(call, in->TopicArn, &topic));
  TRY(check_endpoint(topic, in, &protocol));
  SnsSubscriptionRecord subscription = {.id = id_uuid(call->arena), .account = topic->account, .topic = topic->name, .owner = call->account,
                                        .protocol = in->Protocol, .endpoint = in->Endpoint, .created = OPT_INT(call->now)};
  subscription.confirmed = OPT_BOOL(!protocol->confirm);
  subscription.local = OPT_BOOL(protocol->begin == NULL || sns_is_local(in->Endpoint));
  for (gsize i = 0; i < in->Attributes.n; i++)
    TRY(set_attribute(call, &subscription, in->Attributes.v[i].key, in->Attributes.v[i].value));
  TRY(check_filter(call, &subscription));
  TRY(find_same(call, topic, in, &old));
  if (old && !same_attributes(&subscription.attributes, &old->attributes))
    return sns_invalid("Attributes Reason: Subscription already exists with different attributes");
  ret_out->SubscriptionArn = shown_arn(call, in, old ? old : &subscription);
  if (old && OPT_OR(old->confirmed, FALSE))
    return NULL;
  return protocol->confirm ? ask(call, topic, old ? old : &subscription) : put(call, &subscription);
}

/* --- ConfirmSubscription, Unsubscribe: also by links, unsigned --- */

static Error *
authorize_token(Call *call, const void *in, Authorization *auth)
{
  auth->skip = call->principal->type == PRINCIPAL_ANONYMOUS;
  return sns_authorize(call, in, auth);
}

OPERATION(ConfirmSubscription, confirm_subscription, .txn = TXN_WRITE, .authorize = authorize_token, .anonymous = TRUE)
static Error *
confirm_subscription(Call *call, const SnsConfirmSubscriptionInput *in, SnsConfirmSubscriptionOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  SnsSubscriptions all = {0};
  TRY(sns_topic_find(call, in->TopicArn, &topic));
  TRY(sns_subscriptions_of(call, topic, &all));
  for (gsize i = 0; i < all.n; i++) {
    SnsSubscriptionRecord *subscription = all.v[i];
    if (g_strcmp0(subscription->token, in->Token) != 0)
      continue;
    if (!OPT_OR(subscription->confirmed, FALSE) && call->now - OPT_OR(subscription->created, 0) > SNS_TOKEN_MS)
      break;
    subscription->confirmed = OPT_BOOL(TRUE);
    subscription->authenticated = OPT_BOOL(g_strcmp0(in->AuthenticateOnUnsubscribe, "true") == 0);
    ret_out->SubscriptionArn = sns_subscription_arn(call, subscription);
    return put(call, subscription);
  }
  return sns_invalid("Token");
}

static Error *
authorize_end(Call *call, const void *in, Authorization *auth)
{
  g_autoptr(Error) error = authorize(call, in, auth);
  if (error_is(error, "NotFoundException")) {
    auth->skip = TRUE;
    return NULL;
  }
  return g_steal_pointer(&error);
}

OPERATION(Unsubscribe, unsubscribe, .txn = TXN_WRITE, .authorize = authorize_end, .anonymous = TRUE)
static Error *
unsubscribe(Call *call, const SnsUnsubscribeInput *in, SnsUnsubscribeOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  SnsSubscriptionRecord *subscription = NULL;
  Key key;
  TRY(find(call, in->SubscriptionArn, &topic, &subscription));
  if (!subscription)
    return NULL;
  if (!OPT_OR(subscription->confirmed, FALSE))
    return sns_invalid("SubscriptionArn Reason: This subscription is not confirmed yet"); /* AWS has no ARN to name it by */
  topic->deleted = OPT_INT(OPT_OR(topic->deleted, 0) + 1);
  subscription_key(call, subscription, &key);
  TRY(store_delete(call->txn, &sns_subscriptions, &key, NULL));
  return sns_topic_put(call, topic);
}

char *
sns_link(const Call *call, const SnsSubscriptionRecord *subscription, const char *action, const char *parameters)
{
  const char *base = OPT_OR(subscription->local, FALSE) ? arena_printf(call->arena, "http://127.0.0.1:%d", call->haar->port)
                                                        : arena_printf(call->arena, "https://sns.%s.amazonaws.com", call->region);
  return arena_printf(call->arena, "%s/?Action=%s&Version=2010-03-31&%s", base, action, parameters);
}

/* --- attributes and lists --- */

OPERATION(GetSubscriptionAttributes, get_subscription_attributes, .txn = TXN_READ, .authorize = authorize)
static Error *
get_subscription_attributes(Call *call, const SnsGetSubscriptionAttributesInput *in, SnsGetSubscriptionAttributesOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  SnsSubscriptionRecord *subscription = NULL;
  StringMap *out = &ret_out->Attributes;
  TRY(find(call, in->SubscriptionArn, &topic, &subscription));
  if (!subscription)
    return no_subscription();
  MAP_SET(call->arena, out, "SubscriptionArn", sns_subscription_arn(call, subscription));
  MAP_SET(call->arena, out, "TopicArn", sns_topic_arn(call, topic));
  MAP_SET(call->arena, out, "Owner", subscription->owner);
  MAP_SET(call->arena, out, "Protocol", subscription->protocol);
  MAP_SET(call->arena, out, "Endpoint", subscription->endpoint);
  MAP_SET(call->arena, out, "PendingConfirmation", OPT_OR(subscription->confirmed, FALSE) ? "false" : "true");
  MAP_SET(call->arena, out, "ConfirmationWasAuthenticated", OPT_OR(subscription->authenticated, FALSE) ? "true" : "false");
  MAP_SET(call->arena, out, "RawMessageDelivery", "false");
  for (gsize i = 0; i < subscription->attributes.n; i++)
    if (subscription->attributes.v[i].value)
      MAP_SET(call->arena, out, subscription->attributes.v[i].key, subscription->attributes.v[i].value);
  if (string_map_get(&subscription->attributes, "FilterPolicy") && !string_map_get(out, "FilterPolicyScope"))
    MAP_SET(call->arena, out, "FilterPolicyScope", "MessageAttributes");
  return NULL;
}

OPERATION(SetSubscriptionAttributes, set_subscription_attributes, .txn = TXN_WRITE, .authorize = authorize)
static Error *
set_subscription_attributes(Call *call, const SnsSetSubscriptionAttributesInput *in, SnsSetSubscriptionAttributesOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  SnsSubscriptionRecord *subscription = NULL;
  TRY(find(call, in->SubscriptionArn, &topic, &subscription));
  if (!subscription)
    return no_subscription();
  TRY(set_attribute(call, subscription, in->AttributeName, in->AttributeValue));
  TRY(check_filter(call, subscription));
  return put(call, subscription);
}

static SnsSubscription *
describe(Call *call, const SnsSubscriptionRecord *subscription)
{
  SnsSubscription *out = ARENA_NEW(call->arena, SnsSubscription);
  gboolean confirmed = OPT_OR(subscription->confirmed, FALSE);
  *out = (SnsSubscription){
      .SubscriptionArn = confirmed ? sns_subscription_arn(call, subscription) : "PendingConfirmation",
      .Owner = subscription->owner,
      .Protocol = subscription->protocol,
      .Endpoint = subscription->endpoint,
      .TopicArn = arn_join(call->arena, "sns", call->region, subscription->account, subscription->topic),
  };
  return out;
}

static const char *
list(Call *call, const SnsSubscriptions *all, const char *token, SnsSubscriptionsList *ret)
{
  gsize from = token ? (gsize) g_ascii_strtoull(token, NULL, 10) : 0;
  LIST_EMPTY(call->arena, ret);
  for (gsize i = from; i < all->n && ret->n < SNS_PAGE; i++)
    LIST_APPEND(call->arena, ret, describe(call, all->v[i]));
  return from + ret->n < all->n ? arena_printf(call->arena, "%" G_GSIZE_FORMAT, from + ret->n) : NULL;
}

OPERATION(ListSubscriptions, list_subscriptions, .txn = TXN_READ)
static Error *
list_subscriptions(Call *call, const SnsListSubscriptionsInput *in, SnsListSubscriptionsOutput *ret_out)
{
  SnsSubscriptions all = {0}, own = {0};
  Key prefix;
  key_strings(&prefix, call->region, NULL);
  TRY(read_all(call, &prefix, &all));
  for (gsize i = 0; i < all.n; i++)
    if (strcmp(all.v[i]->owner, call->account) == 0)
      LIST_APPEND(call->arena, &own, all.v[i]);
  ret_out->NextToken = list(call, &own, in->NextToken, &ret_out->Subscriptions);
  return NULL;
}

OPERATION(ListSubscriptionsByTopic, list_subscriptions_by_topic, .txn = TXN_READ, .authorize = sns_authorize)
static Error *
list_subscriptions_by_topic(Call *call, const SnsListSubscriptionsByTopicInput *in, SnsListSubscriptionsByTopicOutput *ret_out)
{
  SnsTopicRecord *topic = NULL;
  SnsSubscriptions all = {0};
  TRY(sns_topic_find(call, in->TopicArn, &topic));
  TRY(sns_subscriptions_of(call, topic, &all));
  ret_out->NextToken = list(call, &all, in->NextToken, &ret_out->Subscriptions);
  return NULL;
}
