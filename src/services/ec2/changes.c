/* changes: after each commit the fabric is in line with the records: a whole VPC is read and given, or one interface. */
#include "fabric/fabric.h"
#include "jobs/jobs.h"
#include "services/ec2/flow.h"
#include "services/ec2/shell.h"

#include <string.h>

typedef struct Change { Haar *haar; char *region, *account, *vpc_id; } Change;

/* The service's state. */
typedef struct Ec2State {
  GMutex order;        /* one reads and gives at a time, so that what is given later was read later */
  GMutex lock;
  Ec2Shells *shells;   /* NULL: no network */
  GHashTable *waiting; /* VPCs whose change is still to be read: further changes are read with it */
} Ec2State;

static void change_free(gpointer data) {
  Change *change = data;
  g_free(change->region);
  g_free(change->account);
  g_free(change->vpc_id);
  g_free(change);
}

void ec2_network_faults(Haar *haar, Network *network) {
  network->stateless_groups = network->stateless_groups || server_fault_on(haar->server, "stateless-groups", network->vpc_id);
  network->internet = haar->fabric ? fabric_internet(haar->fabric) : INTERNET_ASSUMED;
}

static Error *give(const Change *change) {
  g_autoptr(Txn) txn = NULL;
  Network *network = NULL;
  TRY(store_begin_read(change->haar->store, &txn));
  TRY(ec2_network_alone(txn, change->region, change->account, change->vpc_id, &network));
  if (network)
    ec2_network_faults(change->haar, network);
  if (network)
    fabric_apply(change->haar->fabric, network);
  else
    fabric_remove(change->haar->fabric, change->vpc_id);
  return NULL;
}

static void apply_change(gpointer data) {
  Change *change = data;
  Ec2State *state = haar_state(change->haar, "ec2");
  g_mutex_lock(&state->order);
  g_mutex_lock(&state->lock);
  g_hash_table_remove(state->waiting, change->vpc_id);
  g_mutex_unlock(&state->lock);
  g_autoptr(Error) error = give(change);
  g_mutex_unlock(&state->order);
  if (error)
    log_error("%s: %s", change->vpc_id, error->message);
  change_free(change);
}

static Change *change_new(Haar *haar, const char *region, const char *account, const char *vpc_id) {
  Change *change = g_new0(Change, 1);
  *change = (Change){haar, g_strdup(region), g_strdup(account), g_strdup(vpc_id)};
  return change;
}

static void committed(gpointer data) {
  const Change *change = data;
  Ec2State *state = haar_state(change->haar, "ec2");
  g_mutex_lock(&state->lock);
  gboolean first = g_hash_table_add(state->waiting, g_strdup(change->vpc_id));
  g_mutex_unlock(&state->lock);
  if (first)
    jobs_run(change->haar->jobs, apply_change, change_new(change->haar, change->region, change->account, change->vpc_id));
}

void ec2_changed(Call *call, const char *vpc_id) {
  if (call->haar->fabric)
    txn_on_commit(call->txn, committed, change_new(call->haar, call->region, call->account, vpc_id), change_free);
}

enum { SETTLE_MS = 250 };

/* On the writer's thread, before the caller has its answer: a few milliseconds. */
static void committed_now(gpointer data) {
  const Change *change = data;
  Ec2State *state = haar_state(change->haar, "ec2");
  g_mutex_lock(&state->order);
  g_autoptr(Error) error = give(change);
  g_mutex_unlock(&state->order);
  if (error)
    log_error("%s: %s", change->vpc_id, error->message);
  fabric_settle(change->haar->fabric, SETTLE_MS);
}

static void settle(gpointer haar) { fabric_settle(((Haar *) haar)->fabric, SETTLE_MS); }

void ec2_changed_now(Call *call, const char *vpc_id) {
  if (call->haar->fabric)
    txn_on_commit(call->txn, committed_now, change_new(call->haar, call->region, call->account, vpc_id), change_free);
}

void ec2_settle(Call *call) {
  if (call->haar->fabric)
    txn_on_commit(call->txn, settle, call->haar, NULL);
}

/* --- one interface --- */

typedef struct EniChange { Haar *haar; Network *box; char *vpc_id, *eni_id; } EniChange;   /* box: one interface, or none: it is gone */

static void eni_change_free(gpointer data) {
  EniChange *change = data;
  network_free(change->box);
  g_free(change->vpc_id);
  g_free(change->eni_id);
  g_free(change);
}

/* In the order of commits. A whole VPC that is read at the same time has it or comes before. */
static void eni_committed(gpointer data) {
  const EniChange *change = data;
  Ec2State *state = haar_state(change->haar, "ec2");
  g_mutex_lock(&state->order);
  if (change->box->n_enis)
    fabric_eni_put(change->haar->fabric, change->vpc_id, change->box->enis);
  else
    fabric_eni_remove(change->haar->fabric, change->vpc_id, change->eni_id);
  g_mutex_unlock(&state->order);
  if (change->box->n_enis)
    ec2_faults_eni(change->haar);
}

static void on_eni_commit(Call *call, const char *vpc_id, const char *eni_id, Network *box) {
  EniChange *change = g_new0(EniChange, 1);
  *change = (EniChange){call->haar, box, g_strdup(vpc_id), g_strdup(eni_id)};
  txn_on_commit(call->txn, eni_committed, change, eni_change_free);
}

void ec2_eni_changed(Call *call, const char *vpc_id, const Ec2EniWires *wires) {
  Eni eni = {0};
  if (!call->haar->fabric || !ec2_wires_eni(call->arena, wires, &eni))
    return;
  Network *box = network_new(vpc_id);
  network_eni_put(box, &eni);
  on_eni_commit(call, vpc_id, wires->NetworkInterfaceId, box);
}

void ec2_eni_gone(Call *call, const char *vpc_id, const char *eni_id) {
  if (call->haar->fabric)
    on_eni_commit(call, vpc_id, eni_id, network_new(vpc_id));
}

/* --- one group, table or ACL --- */

typedef struct PartChange { Change whole; Network *part; } PartChange;   /* part NULL: it is given */

static void part_change_free(gpointer data) {
  PartChange *change = data;
  network_free(change->part);
  g_free(change->whole.region);
  g_free(change->whole.account);
  g_free(change->whole.vpc_id);
  g_free(change);
}

/* In the order of commits, as for an interface; and packets obey. If the VPC is still to be read it is read now: the part may be of what it brings. */
static void part_committed(gpointer data) {
  PartChange *change = data;
  Ec2State *state = haar_state(change->whole.haar, "ec2");
  g_autoptr(Error) error = NULL;
  g_mutex_lock(&state->order);
  g_mutex_lock(&state->lock);
  gboolean waits = g_hash_table_contains(state->waiting, change->whole.vpc_id);
  g_mutex_unlock(&state->lock);
  if (waits)
    error = give(&change->whole);
  else
    fabric_part_put(change->whole.haar->fabric, g_steal_pointer(&change->part));
  g_mutex_unlock(&state->order);
  if (error)
    log_error("%s: %s", change->whole.vpc_id, error->message);
  fabric_settle(change->whole.haar->fabric, SETTLE_MS);
}

/* Whether it refers to a prefix list of one's own: the VPC has those that are referred to, and reads them with all else. */
static gboolean names_own_list(Call *call, const Network *part) {
  for (gsize i = 0; part->n_groups && i < part->groups->n_rules; i++)
    if (part->groups->rules[i].peer == PEER_PREFIX_LIST && !ec2_list_is_aws(call, part->groups->rules[i].peer_id))
      return TRUE;
  for (gsize i = 0; part->n_route_tables && i < part->route_tables->n_routes; i++)
    if (part->route_tables->routes[i].prefix_list && !ec2_list_is_aws(call, part->route_tables->routes[i].prefix_list))
      return TRUE;
  return FALSE;
}

Error *ec2_part_changed(Call *call, const char *vpc_id, const Ec2Kind *kind, const char *id) {
  g_autoptr(Network) part = NULL;
  if (!call->haar->fabric)
    return NULL;
  TRY(ec2_network_part(call, vpc_id, kind, id, &part));
  if (names_own_list(call, part)) {
    ec2_changed_now(call, vpc_id);
    return NULL;
  }
  PartChange *change = g_new0(PartChange, 1);
  *change = (PartChange){{call->haar, g_strdup(call->region), g_strdup(call->account), g_strdup(vpc_id)}, g_steal_pointer(&part)};
  txn_on_commit(call->txn, part_committed, change, part_change_free);
  return NULL;
}

/* --- start --- */

Error *ec2_apply_all(Haar *haar) {
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(Arena) arena = arena_new();
  TRY(store_begin_read(haar->store, &txn));
  TRY(cursor_open(txn, &ec2_vpcs.table, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *region = NULL, *account = NULL, *vpc_id = NULL;
    gsize size = 0;
    Network *network = NULL;
    if (!key_read(&reader, arena, &region, &size) || !key_read(&reader, arena, &account, &size) || !key_read(&reader, arena, &vpc_id, &size))
      continue;
    TRY(ec2_network_alone(txn, region, account, vpc_id, &network));
    if (!network)
      continue;
    ec2_network_faults(haar, network);
    fabric_apply(haar->fabric, network);
  }
  return NULL;
}

static Error *start(Haar *haar) {
  Ec2State *state = g_new0(Ec2State, 1);
  g_mutex_init(&state->order);
  g_mutex_init(&state->lock);
  state->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  haar_set_state(haar, "ec2", state);
  ec2_register_admin(haar);
  flow_collect_start(haar);
  ec2_register_faults(haar);
  if (!haar->fabric)
    return NULL;
  TRY(ec2_shells_new(haar, &state->shells));
  return ec2_apply_all(haar);
}

static void stop(Haar *haar) {
  ec2_faults_stop(haar);
  flow_collect_stop(haar);
  Ec2State *state = haar_state(haar, "ec2");
  ec2_shells_free(state->shells);
  g_hash_table_unref(state->waiting);
  g_mutex_clear(&state->order);
  g_mutex_clear(&state->lock);
  g_free(state);
}

static Error *endpoint_policy(Haar *haar, Txn *txn, Arena *arena, const char *endpoint_id, const char **ret_policy) {
  Key key;
  const void *data = NULL;
  gsize size = 0;
  (void) haar;
  key_strings(&key, endpoint_id, NULL);
  TRY(store_get(txn, &ec2_endpoint_policies, &key, &data, &size));
  *ret_policy = data ? arena_strndup(arena, data, size) : NULL;
  return NULL;
}

const ServiceHooks ec2_hooks = {.start = start, .stop = stop, .endpoint_policy = endpoint_policy, .access_denied_code = "UnauthorizedOperation"};
