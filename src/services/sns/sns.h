/* sns: what SNS's own files share.
 *
 * Publish evaluates the filter policies and puts one job a subscription, in the publisher's transaction: what was acknowledged is delivered at
 * least once, also after kill -9. The jobs' contents are sealed. */
#pragma once

#include "jobs/jobs.h"
#include "server/server.h"
#include "services/sns.gen.h"

extern const Table sns_topics;         /* region, account, topic -> TopicRecord */
extern const Table sns_subscriptions;  /* region, account, topic, id -> SubscriptionRecord */
extern const Table sns_recent;         /* region, account, topic, deduplication id -> RecentRecord */
extern const Table sns_mails;          /* number -> MailRecord */

/* https://docs.aws.amazon.com/general/latest/gr/sns.html */
enum { SNS_MESSAGE_MAX = 262144, SNS_PAGE = 100, SNS_TAGS_MAX = 50, SNS_BATCH_MAX = 10, SNS_TOKEN_MS = 2 * 24 * 3600 * 1000 };

/* "Invalid parameter: ..." */
Error *sns_invalid(const char *format, ...) G_GNUC_PRINTF(1, 2) ERROR_MUST_USE;

/* --- topic.c --- */

void sns_topic_key(const Call *call, const SnsTopicRecord *topic, Key *key);
char *sns_topic_arn(const Call *call, const SnsTopicRecord *topic);
/* The topic of an ARN of the call's region; else NotFound. arena. */
Error *sns_topic_find(Call *call, const char *arn, SnsTopicRecord **ret_topic) ERROR_MUST_USE;
Error *sns_topic_put(Call *call, const SnsTopicRecord *topic) ERROR_MUST_USE;
gboolean sns_is_fifo(const SnsTopicRecord *topic);
/* Rows' .authorize: the first member of each input is TopicArn. */
Error *sns_authorize(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *sns_authorize_topic(Call *call, const char *arn, Authorization *auth) ERROR_MUST_USE;
Error *sns_topic_set(Call *call, SnsTopicRecord *topic, const char *name, const char *value, gboolean creating) ERROR_MUST_USE;

/* --- subscription.c --- */

char *sns_subscription_arn(const Call *call, const SnsSubscriptionRecord *subscription);
/* *ret is NULL if there is none. */
Error *sns_subscription_get(Call *call, const SnsTopicRecord *topic, const char *id, SnsSubscriptionRecord **ret) ERROR_MUST_USE;
typedef struct SnsSubscriptions { gsize n; SnsSubscriptionRecord **v; } SnsSubscriptions;
Error *sns_subscriptions_of(Call *call, const SnsTopicRecord *topic, SnsSubscriptions *ret) ERROR_MUST_USE;
/* Where links to confirm and unsubscribe lead: haar's own address for who is on this machine, AWS's name for others. arena. */
char *sns_link(const Call *call, const SnsSubscriptionRecord *subscription, const char *action, const char *parameters);
/* Whether an endpoint is on the host's loopback. */
gboolean sns_is_local(const char *endpoint);

/* --- seal.c --- */

Error *sns_own_key(Call *call, SnsTopicRecord *topic) ERROR_MUST_USE;
/* May the caller publish: can it make data keys of the topic's KMS key, and open them? */
Error *sns_check_key(Call *call, const SnsTopicRecord *topic) ERROR_MUST_USE;
Error *sns_seal(Call *call, const SnsTopicRecord *topic, const SnsMessageRecord *message, SnsDeliveryRecord *ret) ERROR_MUST_USE;
Error *sns_unseal(Call *call, const SnsTopicRecord *topic, const SnsDeliveryRecord *delivery, SnsMessageRecord **ret) ERROR_MUST_USE;

/* --- deliver.c --- */

void sns_deliver_register(Haar *haar);
/* In a write: delivers message to a subscription soon. kind: "Notification", "SubscriptionConfirmation". */
Error *sns_deliver_put(Call *call, const SnsTopicRecord *topic, const SnsSubscriptionRecord *subscription, const SnsMessageRecord *message,
                       const char *kind) ERROR_MUST_USE;
/* Sends to a queue as SNS, now. */
Error *sns_send_to_queue(Call *call, const SnsTopicRecord *topic, const char *queue_arn, const char *body, const SnsMessageRecord *message,
                         gboolean with_attributes) ERROR_MUST_USE;

typedef struct SnsDelivery {
  Call *call;
  const SnsTopicRecord *topic;
  const SnsSubscriptionRecord *subscription;
  const SnsMessageRecord *message;
  const char *kind;
} SnsDelivery;

/* --- envelope.c, sign.c --- */

/* The message as this protocol gets it: of a structured one its part. arena. */
const char *sns_text_for(Call *call, const SnsMessageRecord *message, const char *protocol);
/* The signed JSON document. arena. */
Error *sns_envelope(const SnsDelivery *delivery, char **ret) ERROR_MUST_USE;
/* The event of a function. arena. */
Error *sns_lambda_event(const SnsDelivery *delivery, char **ret) ERROR_MUST_USE;
typedef struct SnsSigner SnsSigner;
/* Signs text: version "1" SHA1, "2" SHA256; base64 (arena). The key is made at the first signature. Any thread. */
Error *sns_sign(Call *call, const char *text, const char *version, char **ret_signature) ERROR_MUST_USE;
/* The certificate's file name: "SimpleNotificationService-<hex>.pem". */
Error *sns_signer_certificate(Haar *haar, const char **ret_name, const char **ret_pem) ERROR_MUST_USE;
SnsSigner *sns_signer_new(void);
void sns_signer_free(SnsSigner *signer);

/* --- http.c --- */

/* POSTs to an endpoint in the simulated region or on the host's loopback. Anything but 2xx to 4xx: an answer. */
Error *sns_post(const SnsDelivery *delivery, const char *body, gboolean raw) ERROR_MUST_USE;

/* --- mail.c --- */

/* Puts a letter into the local mailbox. call has no transaction. */
Error *sns_mail(Call *call, SnsMailRecord *mail) ERROR_MUST_USE;
Error *sns_mail_delivery(const SnsDelivery *delivery) ERROR_MUST_USE;
void sns_mail_register(Haar *haar);

void sns_metric(const Call *call, const SnsTopicRecord *topic, const char *name, const char *unit, double value);
