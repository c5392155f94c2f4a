/* sqs: what SQS's own files share.
 *
 * A message is a record under its queue and a number that grows; beside it, in sqs_order, stands what receiving looks at: in a standard queue
 * under the time when the message becomes visible, in a FIFO queue under its number. */
#pragma once

#include "jobs/jobs.h"
#include "server/server.h"
#include "services/sqs.gen.h"

extern const Table sqs_queues;    /* region, account, queue -> QueueRecord */
extern const Table sqs_messages;  /* region, account, queue, number -> MessageRecord */
extern const Table sqs_order;     /* region, account, queue, [visible,] number -> SqsPlace and the group */
extern const Table sqs_counters;  /* region, account, queue -> CounterRecord */
extern const Table sqs_recent;    /* region, account, queue, scope, deduplication id -> DeduplicationRecord */
extern const Table sqs_moves;     /* region, account, source queue, handle -> MoveRecord */

/* https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html */
enum {
  SQS_BATCH_MAX = 10,
  SQS_MESSAGE_MAX = 1048576,
  SQS_IN_FLIGHT_MAX = 120000,
  SQS_NAME_MAX = 80,
  SQS_ATTRIBUTES_MAX = 10,
  SQS_TAGS_MAX = 50,
};

/* --- queues: queue.c, find.c, attribute.c --- */

/* region, account, queue; key_init included. */
void sqs_queue_key(const Call *call, const SqsQueueRecord *queue, Key *key);
char *sqs_queue_arn(const Call *call, const SqsQueueRecord *queue);
/* "http://<the host that the call came to>/account/name"; AWS's own host name for calls of haar itself. arena. */
char *sqs_queue_url(const Call *call, const char *account, const char *name);
/* The queue of a URL, or by account and name; else an answer. arena. */
Error *sqs_queue_find(Call *call, const char *url, SqsQueueRecord **ret_queue) ERROR_MUST_USE;
/* *ret_queue is NULL if there is none. */
Error *sqs_queue_look(Call *call, const char *account, const char *name, SqsQueueRecord **ret_queue) ERROR_MUST_USE;
/* By ARN in the call's region; NULL if there is none or the ARN is no queue's. */
Error *sqs_queue_by_arn(Call *call, const char *arn, SqsQueueRecord **ret_queue) ERROR_MUST_USE;
Error *sqs_queue_put(Call *call, const SqsQueueRecord *queue) ERROR_MUST_USE;
gboolean sqs_is_fifo(const SqsQueueRecord *queue);
/* An attribute as text or number, its default included; NULL if it has none. */
const char *sqs_attribute(const SqsQueueRecord *queue, const char *name);
gint64 sqs_attribute_int(const SqsQueueRecord *queue, const char *name);
gboolean sqs_attribute_true(const SqsQueueRecord *queue, const char *name);
/* Checks and sets attributes; creating: those that cannot be changed later are allowed. */
Error *sqs_attributes_set(Call *call, SqsQueueRecord *queue, const StringMap *attributes, gboolean creating) ERROR_MUST_USE;
/* Whether two lists of attributes would make the same queue; *ret_name: the first that differs. */
gboolean sqs_attributes_match(const SqsQueueRecord *queue, const SqsQueueRecord *asked, const char **ret_name);
typedef struct SqsRedrive { const char *target; gint64 max; } SqsRedrive;
/* target is NULL without a redrive policy. */
Error *sqs_redrive(Call *call, const SqsQueueRecord *queue, SqsRedrive *ret) ERROR_MUST_USE;
/* How many messages of each state a queue has, by the index. */
typedef struct SqsCounts { gint64 visible, in_flight, delayed; } SqsCounts;
Error *sqs_count(Call *call, const SqsQueueRecord *queue, SqsCounts *ret) ERROR_MUST_USE;
/* Rows' .authorize: the first member of each input is QueueUrl. */
Error *sqs_authorize(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *sqs_authorize_queue(Call *call, const SqsQueueRecord *queue, Authorization *auth) ERROR_MUST_USE;

/* --- messages: place.c --- */

typedef struct SqsPlace {
  gint64 number, visible;
  gboolean received;   /* at least once */
  const char *group;   /* "" in standard queues */
} SqsPlace;

/* The first cursor position's worth of places, in order of receiving. */
Error *sqs_places_open(Call *call, const SqsQueueRecord *queue, Cursor **ret_cursor) ERROR_MUST_USE;
gboolean sqs_places_next(Call *call, const SqsQueueRecord *queue, Cursor *cursor, SqsPlace *ret_place);
/* *ret is NULL if there is none. */
Error *sqs_message_get(Call *call, const SqsQueueRecord *queue, gint64 number, SqsMessageRecord **ret) ERROR_MUST_USE;
/* Stores a message at visible; old_visible: where it stood, -1 = new. */
Error *sqs_message_put(Call *call, const SqsQueueRecord *queue, gint64 number, SqsMessageRecord *message, gint64 old_visible) ERROR_MUST_USE;
Error *sqs_message_delete(Call *call, const SqsQueueRecord *queue, gint64 number, const SqsMessageRecord *message) ERROR_MUST_USE;
/* Puts a new message at the end: takes a number, arms the retention job, wakes who waits. */
Error *sqs_message_add(Call *call, const SqsQueueRecord *queue, SqsMessageRecord *message, gint64 *ret_number) ERROR_MUST_USE;
/* The key of call_wait for a queue: "sqs <region> <account> <name>"; who polls (Lambda) waits for it, too. arena. */
char *sqs_wait_key(const Call *call, const SqsQueueRecord *queue);
/* Receipt handles name number and try. arena. */
char *sqs_receipt(Call *call, const SqsQueueRecord *queue, gint64 number, const char *receipt);
Error *sqs_receipt_read(Call *call, const SqsQueueRecord *queue, const char *handle, gint64 *ret_number, const char **ret_receipt) ERROR_MUST_USE;
/* Moves a message to another queue as it is. */
Error *sqs_message_move(Call *call, const SqsQueueRecord *from, gint64 number, SqsMessageRecord *message, const SqsQueueRecord *to) ERROR_MUST_USE;

/* --- content: seal.c, digest.c --- */

Error *sqs_seal(Call *call, const SqsQueueRecord *queue, const SqsContentRecord *content, SqsMessageRecord *message) ERROR_MUST_USE;
Error *sqs_unseal(Call *call, const SqsMessageRecord *message, SqsContentRecord **ret_content) ERROR_MUST_USE;
/* Makes the queue's own data key (SSE-SQS). */
Error *sqs_own_key(Call *call, SqsQueueRecord *queue) ERROR_MUST_USE;
char *sqs_md5(Arena *arena, const char *text);
/* NULL if there are none. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
char *sqs_md5_attributes(Arena *arena, const SqsMessageBodyAttributeMap *attributes);
Error *sqs_attributes_check(const SqsMessageBodyAttributeMap *attributes, gsize *ret_size) ERROR_MUST_USE;

/* --- batches: batch.c --- */

/* Checks ids of a batch: entries are pointers to structs whose first member is Id. */
Error *sqs_batch_check(Call *call, gsize n, const void *entries, const char *entry_name) ERROR_MUST_USE;
/* The entry for a failed item; takes error. A fault comes back. */
Error *sqs_batch_failed(Call *call, const char *id, Error *error, SqsBatchResultErrorEntryList *list) ERROR_MUST_USE;

Error *sqs_missing(const char *name) ERROR_MUST_USE;
Error *sqs_invalid(const char *format, ...) G_GNUC_PRINTF(1, 2) ERROR_MUST_USE;
/* Measures value of a queue's metric. */
void sqs_metric(const Call *call, const SqsQueueRecord *queue, const char *name, const char *unit, double value);
void sqs_metrics_register(Haar *haar);
void sqs_sweep_register(Haar *haar);
void sqs_move_register(Haar *haar);
/* The retention job of a queue. */
Error *sqs_sweep_schedule(Call *call, const SqsQueueRecord *queue, gint64 due) ERROR_MUST_USE;
