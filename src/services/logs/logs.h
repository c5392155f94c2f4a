/* logs: what CloudWatch Logs' own files share.
 *
 * Events are stored under their stream, by time and a number of the stream, and once more, without their text, under their
 * group by time, so that FilterLogEvents reads a group's streams in one order. */
#pragma once

#include "jobs/jobs.h"
#include "server/server.h"
#include "services/logs.gen.h"

extern const Table logs_groups;   /* region, account, group -> GroupRecord */
extern const Table logs_streams;  /* region, account, group, stream -> StreamRecord */
extern const Table logs_events;   /* region, account, group, stream, time, number -> LogsEvent */
extern const Table logs_order;    /* region, account, group, time, stream, number -> nothing */

/* A stored event: when it came, the number of its data key, its text, sealed if that is not 0. */
enum { LOGS_EVENT_HEAD = sizeof(gint64) + 1 };
enum { LOGS_EVENT_OVERHEAD = 26, LOGS_BATCH_MAX = 1048576, LOGS_EVENT_MAX = 262144, LOGS_ANSWER_MAX = 1048576 };

/* An event as it is read back. arena. */
typedef struct LogsEvent {
  const char *stream;
  gint64 time, number, ingested;
  const char *message;
} LogsEvent;

/* The group, or an answer ResourceNotFoundException. name: or a log group identifier (ARN). arena. */
Error *logs_group_get(Call *call, const char *name, LogsGroupRecord **ret_group) ERROR_MUST_USE;
Error *logs_group_put(Call *call, const LogsGroupRecord *group) ERROR_MUST_USE;
Error *logs_stream_get(Call *call, const char *group, const char *name, LogsStreamRecord **ret_stream) ERROR_MUST_USE;
Error *logs_stream_put(Call *call, const char *group, const LogsStreamRecord *stream) ERROR_MUST_USE;
/* The name in a name or ARN. arena. */
const char *logs_group_name(Call *call, const char *name_or_arn);
/* A group's ARN, without ":*". arena. */
char *logs_group_arn(const Call *call, const char *name);
/* An event's id, 56 digits, and back. arena. */
char *logs_event_id(Arena *arena, gint64 time, gint64 number);
gboolean logs_event_id_parse(const char *text, gint64 *ret_time, gint64 *ret_number);
/* FilterLogEvents' token for what comes behind an event. arena. */
char *logs_search_token(Arena *arena, const LogsEvent *event);
/* haar's own API: GET logs?group=... for `haar logs`. */
void logs_admin_register(Haar *haar);
/* The data keys of a group as one call uses them: {.group = group}. */
typedef struct LogsCipher {
  const LogsGroupRecord *group;
  gsize number;
  const guint8 *key;
} LogsCipher;
/* Makes a data key under group->kmsKeyId, for what is written from now on. */
Error *logs_key_make(Call *call, LogsGroupRecord *group) ERROR_MUST_USE;
/* Encrypts as the group asks; *ret_number goes with the data, which is data itself if nothing is encrypted. arena. */
Error *logs_seal(Call *call, LogsCipher *cipher, const void *data, gsize size, guint8 *ret_number, const guint8 **ret_data, gsize *ret_size)
  ERROR_MUST_USE;
/* Undoes it. A key that may not be used any more: an answer. arena. */
Error *logs_unseal(Call *call, LogsCipher *cipher, guint8 number, const guint8 *data, gsize size, const char **ret_text) ERROR_MUST_USE;
/* What arrived is measured: by the group's metric filters, and as AWS/Logs. Events from..to were stored. */
Error *logs_metrics_add(Call *call, const char *group, const LogsInputLogEvents *events, gsize from, gsize to) ERROR_MUST_USE;
/* Measures what an event in the embedded metric format says. */
void logs_embedded_add(Call *call, const char *message);
Error *logs_metric_filter_count(Call *call, const char *group, gint64 *ret) ERROR_MUST_USE;
Error *logs_metric_filters_delete(Call *call, const char *group) ERROR_MUST_USE;
/* What arrived is queued for the functions that are subscribed; first_number: of the first event in its stream. */
Error *logs_subscriptions_feed(Call *call, const char *group, const char *stream, const LogsInputLogEvents *events, gsize from, gsize to,
                               gint64 first_number) ERROR_MUST_USE;
Error *logs_subscriptions_delete(Call *call, const char *group) ERROR_MUST_USE;
void logs_subscriptions_register(Haar *haar);
/* Starts or moves the job that drops a group's old events. */
Error *logs_retention_schedule(Call *call, const LogsGroupRecord *group, gint64 due) ERROR_MUST_USE;
void logs_retention_register(Haar *haar);
/* Authorisation on a group, or on a stream of it: rows' .authorize. */
#define LOGS_RESOURCE(Name)                                                                    \
  static Error *authorize_##Name(Call *call, const void *in, Authorization *auth)              \
  {                                                                                            \
    return logs_authorize(call, ((const Logs##Name##Input *) in)->logGroupName, NULL, auth);   \
  }
Error *logs_authorize(Call *call, const char *group, const char *stream, Authorization *auth) ERROR_MUST_USE;

/* --- filter_store.c: metric and subscription filters in their tables --- */

typedef struct LogsFilters {
  gsize n;
  void **v;                  /* of the table's shape */
} LogsFilters;
/* group NULL: of all groups. name NULL: of all filters. */
void logs_filter_key(const Call *call, const char *group, const char *name, Key *key);
/* Those of a group, or (NULL) of all groups. arena. */
Error *logs_filters_load(Call *call, const Table *table, const Shape *shape, const char *group, LogsFilters *ret) ERROR_MUST_USE;
Error *logs_filters_delete(Call *call, const Table *table, const char *group) ERROR_MUST_USE;
