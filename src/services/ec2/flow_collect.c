/* flow_collect: at the end of each interval of a flow log, on the movable clock, what the router counted becomes records, and they are delivered.
 *
 * Several logs may look at one VPC, with intervals of their own: whoever looks takes the counts for all of them. What waits for a log is in
 * memory: a haar that is killed loses the records of the interval. */
#include "services/ec2/flow.h"
#include "jobs/jobs.h"

#include <string.h>

static const char job_kind[] = "ec2.flow_log", state_name[] = "ec2.flows";

typedef struct FlowState {
  GMutex lock;
  GHashTable *waiting;   /* flow log id -> GHashTable of text -> FlowRecord * */
} FlowState;

/* --- what waits --- */

static void add(GHashTable *records, const FlowRecord *seen) {
  g_autoptr(Arena) arena = arena_new();
  g_autofree char *key = g_strdup_printf("%s %s %u %s %u %u %d %d", seen->eni, ip_text(arena, seen->packet_source), seen->source_port, ip_text(arena, seen->packet_destination),
                                         seen->destination_port, seen->protocol, seen->accepted, seen->egress);
  FlowRecord *known = g_hash_table_lookup(records, key);
  if (!known) {
    g_hash_table_insert(records, g_steal_pointer(&key), g_memdup2(seen, sizeof *seen));
    return;
  }
  known->packets += seen->packets;
  known->bytes += seen->bytes;
  known->tcp_flags |= seen->tcp_flags;
  known->start_ms = MIN(known->start_ms, seen->start_ms);
  known->end_ms = MAX(known->end_ms, seen->end_ms);
}

static gboolean concerns(const Ec2FlowLog *log, const FlowRecord *record) {
  gboolean place = strcmp(log->ResourceId, record->vpc) == 0 || strcmp(log->ResourceId, record->subnet) == 0 || strcmp(log->ResourceId, record->eni) == 0;
  gboolean kind = strcmp(log->TrafficType, "ALL") == 0 || (strcmp(log->TrafficType, "ACCEPT") == 0) == record->accepted;
  return place && kind;
}

typedef struct Sharing { FlowState *state; const Ec2Records *logs; Call *call; } Sharing;

/* State's lock held. */
static void share(const FlowRecord *record, gpointer data) {
  const Sharing *sharing = data;
  FlowRecord own = *record;
  if (own.zone_id[0])
    g_strlcpy(own.zone_id, ec2_zone_id(sharing->call, record->zone_id), sizeof own.zone_id);
  for (gsize i = 0; i < sharing->logs->n; i++) {
    const Ec2FlowLog *log = sharing->logs->v[i];
    GHashTable *records = g_hash_table_lookup(sharing->state->waiting, log->FlowLogId);
    if (!concerns(log, &own))
      continue;
    if (!records) {
      records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
      g_hash_table_insert(sharing->state->waiting, g_strdup(log->FlowLogId), records);
    }
    add(records, &own);
  }
}

/* --- one look --- */

typedef struct Look {
  const char *id, *was_in;  /* the VPC of its resource when the log was made */
  Ec2FlowLog *log;        /* NULL: it is gone */
  const char *vpc;        /* NULL: its resource is gone */
  Network *network;
  Ec2Records logs;        /* all of the VPC */
  gint64 next_ms;
} Look;

static void look_clear(Look *look) { network_free(look->network); }
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_clear)

static Error *logs_of(Call *call, const char *vpc_id, Ec2Records *ret_logs) {
  Ec2Records all = {0}, own = {0};
  TRY(ec2_all(call, &ec2_flow_logs, &all));
  for (gsize i = 0; i < all.n; i++) {
    const char *vpc = NULL;
    TRY(flow_log_vpc(call, all.v[i], &vpc));
    if (g_strcmp0(vpc, vpc_id) == 0)
      LIST_APPEND(call->arena, &own, all.v[i]);
  }
  *ret_logs = own;
  return NULL;
}

static Error *read_look(Call *call, gpointer data) {
  Look *look = data;
  TRY(ec2_find(call, &ec2_flow_logs, look->id, &look->log));
  if (!look->log)
    return NULL;
  TRY(flow_log_vpc(call, look->log, &look->vpc));
  if (!look->vpc)
    return logs_of(call, look->was_in, &look->logs);
  TRY(ec2_network(call->txn, call->region, call->account, look->vpc, &look->network));
  return logs_of(call, look->vpc, &look->logs);
}

static Error *take(Call *call, const Look *look) {
  FlowState *state = haar_state(call->haar, state_name);
  g_autofree Flow *flows = NULL;
  guint n = 0;
  if (!call->haar->fabric || !look->network)
    return NULL;
  TRY(fabric_flows_take(call->haar->fabric, look->vpc, &flows, &n));
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&state->lock);
  Sharing sharing = {state, &look->logs, call};
  flow_records(look->network, flows, n, share, &sharing);
  return NULL;
}

/* An interface of the log's resource that saw nothing has a record that says so. */
static void add_no_data(Call *call, const Look *look, GPtrArray *records, gint64 from_ms, gint64 to_ms) {
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < records->len; i++)
    g_hash_table_add(seen, ((FlowRecord *) records->pdata[i])->eni);
  for (gsize i = 0; look->network && i < look->network->n_enis; i++) {
    FlowRecord record = flow_record_of(look->network, &look->network->enis[i]);
    if (g_hash_table_contains(seen, record.eni) || (strcmp(look->log->ResourceId, record.vpc) != 0 && strcmp(look->log->ResourceId, record.subnet) != 0 &&
                                                    strcmp(look->log->ResourceId, record.eni) != 0))
      continue;
    if (record.zone_id[0])
      g_strlcpy(record.zone_id, ec2_zone_id(call, look->network ? record.zone_id : ""), sizeof record.zone_id);
    record.start_ms = from_ms;
    record.end_ms = to_ms;
    g_ptr_array_add(records, g_memdup2(&record, sizeof record));
  }
}

static GPtrArray *waiting_of(Call *call, const char *id) {
  FlowState *state = haar_state(call->haar, state_name);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&state->lock);
  GPtrArray *records = g_ptr_array_new_with_free_func(g_free);
  GHashTable *waiting = g_hash_table_lookup(state->waiting, id);
  GHashTableIter iter;
  gpointer value;
  if (!waiting)
    return records;
  g_hash_table_iter_init(&iter, waiting);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    g_ptr_array_add(records, value);
    g_hash_table_iter_steal(&iter);
  }
  g_hash_table_remove(state->waiting, id);
  return records;
}

/* --- the job --- */

static const char *job_key(Call *call, const char *id) { return arena_printf(call->arena, "%s %s %s", call->region, call->account, id); }

static Error *put_job(Call *call, const char *id, const char *vpc, gint64 from_ms, gint64 due_ms) {
  g_autofree char *payload = g_strdup_printf("%" G_GINT64_FORMAT " %s", from_ms, vpc);
  return jobs_put(call->txn, call->haar->jobs, job_kind, job_key(call, id), due_ms, payload, strlen(payload));
}

typedef struct After { const Look *look; const char *status, *message; gint64 now_ms; } After;

/* The log's state as the delivery left it, and the next look. */
static Error *write_after(Call *call, gpointer data) {
  const After *after = data;
  Ec2FlowLog *log = NULL;
  TRY(ec2_find(call, &ec2_flow_logs, after->look->id, &log));
  if (!log)
    return NULL;
  if (!after->look->vpc)
    return ec2_delete(call, &ec2_flow_logs, log->FlowLogId);   /* what it looked at is gone */
  if (g_strcmp0(log->DeliverLogsStatus, after->status) != 0 || g_strcmp0(log->DeliverLogsErrorMessage, after->message) != 0) {
    log->DeliverLogsStatus = after->status;
    log->DeliverLogsErrorMessage = after->message;
    TRY(ec2_put(call, &ec2_flow_logs, log));
  }
  return put_job(call, log->FlowLogId, after->look->vpc, after->now_ms, after->look->next_ms);
}

static Error *deliver(Call *call, const Look *look, gint64 from_ms, gint64 to_ms, After *after) {
  g_autoptr(GPtrArray) records = waiting_of(call, look->id);
  FlowFormat format;
  add_no_data(call, look, records, from_ms, to_ms);
  TRY(flow_format_parse(look->log->LogFormat, &format));
  FlowBatch batch = {.log = look->log, .format = &format, .records = records, .from_ms = from_ms, .to_ms = to_ms};
  g_autoptr(Error) error = flow_deliver(call, &batch);
  if (error && error->kind != ERROR_ANSWER)
    return g_steal_pointer(&error);
  if (error) {
    after->status = "FAILED";
    after->message = strstr(error->code, "AccessDenied") ? "Access error" : "Unknown error";
    log_info("flow log %s: %s: %s", look->id, error->code, error->message);
  }
  return NULL;
}

static Error *run_job(JobRun *run) {
  g_auto(GStrv) parts = g_strsplit(run->key, " ", 3);
  g_autofree char *payload = g_strndup(run->payload, run->size);
  g_auto(GStrv) when = g_strsplit(payload, " ", 2);
  gint64 from_ms = 0, now = clock_now();
  if (g_strv_length(parts) != 3 || g_strv_length(when) != 2 || !g_ascii_string_to_signed(when[0], 10, 0, G_MAXINT64, &from_ms, NULL))
    return NULL;
  g_autoptr(Call) call = call_new(run->context, parts[1], parts[0], NULL);
  g_auto(Look) look = {.id = parts[2], .was_in = when[1]};
  After after = {.look = &look, .status = "SUCCESS", .now_ms = now};
  TRY(call_read(call, read_look, &look));
  if (!look.log)
    return NULL;
  gint64 interval = look.log->MaxAggregationInterval.v * 1000;
  look.next_ms = from_ms + ((now - from_ms) / interval + 1) * interval;
  if (look.vpc) {
    TRY(take(call, &look));
    TRY(deliver(call, &look, from_ms, now, &after));
  } else if (call->haar->fabric && look.logs.n == 0) {
    fabric_flows_watch(call->haar->fabric, look.was_in, FALSE);
  }
  return call_write(call, write_after, &after);
}

/* --- beginning and end --- */

typedef struct Watch { Haar *haar; char *vpc, *log; gboolean on; } Watch;

static void watch_free(gpointer data) {
  Watch *watch = data;
  g_free(watch->vpc);
  g_free(watch->log);
  g_free(watch);
}

static void committed(gpointer data) {
  const Watch *watch = data;
  FlowState *state = haar_state(watch->haar, state_name);
  if (watch->log) {
    g_mutex_lock(&state->lock);
    g_hash_table_remove(state->waiting, watch->log);
    g_mutex_unlock(&state->lock);
  }
  if (watch->haar->fabric && watch->vpc)
    fabric_flows_watch(watch->haar->fabric, watch->vpc, watch->on);
}

static void on_commit(Call *call, const char *vpc, const char *log, gboolean on) {
  Watch *watch = g_new0(Watch, 1);
  *watch = (Watch){call->haar, g_strdup(vpc), g_strdup(log), on};
  txn_on_commit(call->txn, committed, watch, watch_free);
}

Error *flow_collect_begin(Call *call, const Ec2FlowLog *log) {
  const char *vpc = NULL;
  TRY(flow_log_vpc(call, log, &vpc));
  on_commit(call, vpc, NULL, TRUE);
  return put_job(call, log->FlowLogId, vpc, call->now, call->now + log->MaxAggregationInterval.v * 1000);
}

Error *flow_collect_end(Call *call, const Ec2FlowLog *log) {
  const char *vpc = NULL;
  Ec2Records logs = {0};
  TRY(flow_log_vpc(call, log, &vpc));
  if (vpc)
    TRY(logs_of(call, vpc, &logs));
  on_commit(call, logs.n <= 1 ? vpc : NULL, log->FlowLogId, FALSE);
  return jobs_delete(call->txn, call->haar->jobs, job_kind, job_key(call, log->FlowLogId));
}

/* The VPCs that flow logs of an earlier run look at. */
static Error *restore(Haar *haar) {
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Cursor) cursor = NULL;
  TRY(store_begin_read(haar->store, &txn));
  TRY(cursor_open(txn, &ec2_flow_logs.table, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    g_autoptr(Arena) arena = arena_new();
    KeyReader reader = cursor_key_reader(cursor);
    char *region = NULL, *account = NULL, *id = NULL;
    const char *vpc = NULL;
    Ec2FlowLog *log = NULL;
    gsize size = 0;
    if (!key_read(&reader, arena, &region, &size) || !key_read(&reader, arena, &account, &size) || !key_read(&reader, arena, &id, &size))
      continue;
    g_autoptr(Call) call = call_new(haar, account, region, NULL);
    call->txn = txn;
    TRY(ec2_find(call, &ec2_flow_logs, id, &log));
    TRY(flow_log_vpc(call, log, &vpc));
    if (vpc)
      fabric_flows_watch(haar->fabric, vpc, TRUE);
  }
  return NULL;
}

void flow_collect_start(Haar *haar) {
  FlowState *state = g_new0(FlowState, 1);
  g_mutex_init(&state->lock);
  state->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_hash_table_unref);
  haar_set_state(haar, state_name, state);
  if (haar->jobs) {
    jobs_register(haar->jobs, job_kind, run_job);
    jobs_catches_up(haar->jobs, job_kind);
  }
  g_autoptr(Error) error = haar->fabric ? restore(haar) : NULL;
  if (error)
    log_error("flow logs: %s", error->message);
}

void flow_collect_stop(Haar *haar) {
  FlowState *state = haar_state(haar, state_name);
  g_hash_table_unref(state->waiting);
  g_mutex_clear(&state->lock);
  g_free(state);
}
