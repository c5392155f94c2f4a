/* events: what happened to clusters, instances and snapshots, kept for 14 days.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html */
#include "services/rds/rds.h"

#include <string.h>

#define KEPT_MS (G_GINT64_CONSTANT(14) * 24 * 3600 * 1000)
#define LAST_MINUTES 60

static const Table events = {"rds.events"};

static const struct {
  const char *source_type, *arn_kind, *category, *message; /* %s: the name */
} kinds[] = {
  [EVENT_CLUSTER_CREATED] = {"db-cluster", "cluster", "creation", "DB cluster created"},
  [EVENT_CLUSTER_DELETED] = {"db-cluster", "cluster", "deletion", "DB cluster deleted"},
  [EVENT_CLUSTER_CREDENTIALS] = {"db-cluster", "cluster", "configuration change", "Reset master credentials"},
  [EVENT_FAILOVER_SAME_ZONE] = {"db-cluster", "cluster", "failover", "Started same AZ failover to DB instance: %s"},
  [EVENT_FAILOVER_CROSS_ZONE] = {"db-cluster", "cluster", "failover", "Started cross AZ failover to DB instance: %s"},
  [EVENT_FAILOVER_DONE] = {"db-cluster", "cluster", "failover", "Completed failover to DB instance: %s"},
  [EVENT_FAILOVER_FAILED] = {"db-cluster", "cluster", "failover", "Cluster failover failed, check the health of your cluster instances and try again"},
  [EVENT_INSTANCE_CREATED] = {"db-instance", "db", "creation", "DB instance created"},
  [EVENT_INSTANCE_DELETED] = {"db-instance", "db", "deletion", "DB instance deleted"},
  [EVENT_INSTANCE_SHUTDOWN] = {"db-instance", "db", "availability", "DB instance shutdown"},
  [EVENT_INSTANCE_RESTARTED] = {"db-instance", "db", "availability", "DB instance restarted"},
  [EVENT_SNAPSHOT_CREATED] = {"db-cluster-snapshot", "cluster-snapshot", "backup", "Manual cluster snapshot created"},
  [EVENT_AUTOMATED_SNAPSHOT_CREATED] = {"db-cluster-snapshot", "cluster-snapshot", "backup", "Automated cluster snapshot created"},
  [EVENT_INSTANCE_FAILED] = {"db-instance", "db", "failure", "%s"},
  [EVENT_CLUSTER_INSTANCE_FAILED] = {"db-cluster", "cluster", "failure", "%s"},
};
G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == EVENT_COUNT);

/* The message's row, with the name in place of %s (arena). */
static const char *
message_of(Call *call, RdsEventKind kind, const char *name)
{
  const char *message = kinds[kind].message, *mark = strstr(message, "%s");
  return mark ? arena_printf(call->arena, "%.*s%s%s", (int) (mark - message), message, name ? name : "", mark + 2) : message;
}

/* The oldest go when one comes. */
static Error *
forget_old(Call *call)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(GPtrArray) old = g_ptr_array_new();
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &events, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *region = NULL, *account = NULL;
    gint64 at = 0;
    if (!key_read(&reader, call->arena, &region, NULL) || !key_read(&reader, call->arena, &account, NULL) || !key_read_int(&reader, &at) ||
        at >= clock_now() - KEPT_MS)
      break;
    char *number = NULL;
    if (!key_read(&reader, call->arena, &number, NULL))
      break;
    Key *key = ARENA_NEW(call->arena, Key);
    call_key(call, key);
    key_add_int(key, at);
    key_add(key, number);
    g_ptr_array_add(old, key);
  }
  for (guint i = 0; i < old->len; i++)
    TRY(store_delete(call->txn, &events, old->pdata[i], NULL));
  return NULL;
}

Error *
event_put(Call *call, RdsEventKind kind, const char *id, const char *name)
{
  Key key;
  gint64 now = clock_now();
  RdsEvent event = {.SourceIdentifier = id, .SourceType = kinds[kind].source_type, .Message = message_of(call, kind, name), .Date = OPT_TIME(now),
                    .SourceArn = rds_arn(call, kinds[kind].arn_kind, id)};
  LIST_APPEND(call->arena, &event.EventCategories, kinds[kind].category);
  TRY(forget_old(call));
  call_key(call, &key);
  key_add_int(&key, now);
  key_add(&key, id_lower(call->arena, 12));
  return record_put(call->txn, &events, &key, &RdsEvent_shape, &event);
}

/* The times that a request asks for; the last hour if it does not say. */
static Error *
window(const Call *call, const RdsDescribeEventsInput *in, gint64 *ret_from, gint64 *ret_to)
{
  gint64 minutes = OPT_OR(in->Duration, LAST_MINUTES);
  if (in->Duration.set && (minutes < 1 || minutes > KEPT_MS / 60000))
    return error_answer("InvalidParameterValue", "Invalid value %" G_GINT64_FORMAT " for the parameter Duration. Must be between 1 and 20160.", minutes);
  if (in->SourceIdentifier && !in->SourceType)
    return error_answer("InvalidParameterCombination", "The parameter SourceType must be provided if SourceIdentifier is provided.");
  *ret_to = in->EndTime.set ? in->EndTime.ms : call->now + 1;
  *ret_from = in->StartTime.set ? in->StartTime.ms : *ret_to - minutes * 60000;
  *ret_from = MAX(*ret_from, call->now - KEPT_MS);
  if (*ret_from > *ret_to)
    return error_answer("InvalidParameterCombination", "The StartTime must be before the EndTime.");
  return NULL;
}

static gboolean
asked_for(const RdsDescribeEventsInput *in, const RdsEvent *event, gint64 from, gint64 to)
{
  if (event->Date.ms < from || event->Date.ms > to)
    return FALSE;
  if (in->SourceType && strcmp(in->SourceType, event->SourceType))
    return FALSE;
  if (in->SourceIdentifier && g_ascii_strcasecmp(in->SourceIdentifier, event->SourceIdentifier))
    return FALSE;
  return !in->EventCategories.n || string_list_has(&in->EventCategories, event->EventCategories.v[0]);
}

OPERATION(DescribeEvents, describe_events, .txn = TXN_READ)
static Error *
describe_events(Call *call, const RdsDescribeEventsInput *in, RdsDescribeEventsOutput *ret_out)
{
  GPtrArray *records = NULL, *found = g_ptr_array_new();
  gint64 from = 0, to = 0;
  Page page = {0};
  arena_own(call->arena, found, (GDestroyNotify) g_ptr_array_unref);
  TRY(window(call, in, &from, &to));
  TRY(rds_records_list(call, &events, &RdsEvent_shape, &records));
  LIST_EMPTY(call->arena, &ret_out->Events);
  for (guint i = 0; i < records->len; i++)
    if (asked_for(in, records->pdata[i], from, to))
      g_ptr_array_add(found, records->pdata[i]);
  TRY(rds_page_of(call, found->len, &in->MaxRecords, in->Marker, &page));
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Events, (RdsEvent *) found->pdata[i]);
  ret_out->Marker = page.marker;
  return NULL;
}
