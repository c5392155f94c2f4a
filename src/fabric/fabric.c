/* fabric: the worker that brings the namespaces in line with the networks it is given, and what callers may ask. */
#include "fabric/egress.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef enum { JOB_APPLY, JOB_REMOVE, JOB_ENI, JOB_ENI_REMOVE, JOB_PART, JOB_SYNC, JOB_FLOWS, JOB_FAULT, JOB_OUTSIDE, JOB_OUTSIDE_DROP, JOB_START, JOB_STOP } JobKind;

/* What the worker is asked to do. id: a VPC, an interface, a zone. network of JOB_ENI, JOB_ENI_REMOVE and JOB_PART: a box with the VPC's id and the
 * interface, or the part. A caller that waits owns the job and sees done under the lock. */
typedef struct Job {
  JobKind kind;
  char *id;
  Network *network;
  FabricFault *fault;  /* NULL: id is lifted */
  gboolean waited, done;
  Error *error;
} Job;

/* An apply that is taken up no longer waits: a later one is a job of its own. */
static void take_up(Fabric *fabric, const Job *job) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  if (job->kind == JOB_APPLY && g_hash_table_lookup(fabric->waiting, job->network->vpc_id) == job)
    g_hash_table_remove(fabric->waiting, job->network->vpc_id);
}

static void job_free(Job *job) {
  network_free(job->network);
  fault_free(job->fault);
  g_free(job->id);
  g_free(job);
}

static void keep_fault(Fabric *fabric, Error *error) {
  if (!error)
    return;
  log_warning("%s", error->message);
  g_mutex_lock(&fabric->lock);
  if (!fabric->fault)
    fabric->fault = g_steal_pointer(&error);
  g_mutex_unlock(&fabric->lock);
  error_free(error);
}

static Vpc *vpc_find(Fabric *fabric, const char *id) { return id ? g_hash_table_lookup(fabric->vpcs, id) : NULL; }

static Error *run_apply(Fabric *fabric, Job *job) {
  Vpc *vpc = vpc_find(fabric, job->network->vpc_id);
  if (!vpc) {
    TRY(vpc_new(fabric, job->network->vpc_id, &vpc));
    g_mutex_lock(&fabric->lock);
    g_hash_table_insert(fabric->vpcs, g_strdup(vpc->id), vpc);
    g_mutex_unlock(&fabric->lock);
  }
  return vpc_apply(vpc, g_steal_pointer(&job->network));
}

static Error *run_remove(Fabric *fabric, Job *job) {
  Vpc *vpc = vpc_find(fabric, job->id);
  if (!vpc)
    return NULL;
  Error *error = peerings_apply(vpc, TRUE);
  g_mutex_lock(&fabric->lock);
  g_hash_table_remove(fabric->vpcs, job->id);
  g_mutex_unlock(&fabric->lock);
  vpc_free(vpc);
  return error;
}

/* Of a VPC that is not there (yet): it will be with the next apply, or is gone. */
static Error *run_eni(Fabric *fabric, Job *job) {
  Vpc *vpc = vpc_find(fabric, job->network->vpc_id);
  if (!vpc || !vpc->network)
    return NULL;
  return vpc_apply_eni(vpc, job->id, job->kind == JOB_ENI ? job->network->enis : NULL);
}

static Error *run_part(Fabric *fabric, Job *job) {
  Vpc *vpc = vpc_find(fabric, job->network->vpc_id);
  return vpc && vpc->network ? vpc_apply_part(vpc, g_steal_pointer(&job->network)) : NULL;
}

static Error *each_vpc(Fabric *fabric, Error *(*function)(Vpc *vpc)) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, fabric->vpcs);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    TRY(function(value));
  return NULL;
}

/* The faults of every VPC, with one more or less. */
static Error *run_fault(Fabric *fabric, Job *job) {
  Error *error = NULL;
  if (job->fault)
    job->fault->shaped = job->fault->kind == FABRIC_BANDWIDTH && !job->fault->other && fabric_shapes(fabric);
  g_mutex_lock(&fabric->lock);
  if (job->fault)
    error = faults_put(fabric, g_steal_pointer(&job->fault));
  else
    faults_drop(fabric, job->id);
  g_mutex_unlock(&fabric->lock);
  TRY(error);
  return each_vpc(fabric, vpc_apply_faults);
}

static Error *run_flows(Fabric *fabric, Job *job) {
  Vpc *vpc = g_hash_table_lookup(fabric->vpcs, job->id);
  return vpc ? vpc_watch_flows(vpc) : NULL;
}

static Error *run_outside_drop(Fabric *fabric, Job *job) {
  g_mutex_lock(&fabric->lock);
  g_hash_table_remove(fabric->outside, job->id);
  g_mutex_unlock(&fabric->lock);
  return NULL;
}

/* The general listeners, and those of the endpoints that were made before. */
static Error *run_start(Fabric *fabric) {
  fabric->general.ipv6 = fabric->ipv6;
  TRY(edge_open(fabric, NULL, NULL, &fabric->general));
  fabric->started = TRUE;
  return each_vpc(fabric, edge_start);
}

static Error *run_job(Fabric *fabric, Job *job) {
  switch (job->kind) {
  case JOB_APPLY: return run_apply(fabric, job);
  case JOB_REMOVE: return run_remove(fabric, job);
  case JOB_ENI:
  case JOB_ENI_REMOVE: return run_eni(fabric, job);
  case JOB_PART: return run_part(fabric, job);
  case JOB_FAULT: return run_fault(fabric, job);
  case JOB_FLOWS: return run_flows(fabric, job);
  case JOB_OUTSIDE: return outside_new(fabric, job->id);
  case JOB_OUTSIDE_DROP: return run_outside_drop(fabric, job);
  case JOB_START: return run_start(fabric);
  case JOB_SYNC:
  case JOB_STOP: return NULL;
  }
  return NULL;
}

static gpointer worker(gpointer data) {
  Fabric *fabric = data;
  for (gboolean stop = FALSE; !stop;) {
    Job *job = g_async_queue_pop(fabric->jobs);
    stop = job->kind == JOB_STOP;
    take_up(fabric, job);
    Error *error = run_job(fabric, job);
    gboolean waited = job->waited;
    if (!waited) {
      keep_fault(fabric, error);
      job_free(job);
    }
    g_mutex_lock(&fabric->lock);
    if (waited) {
      job->error = error;
      job->done = TRUE;
    }
    fabric->finished++;
    g_cond_broadcast(&fabric->changed);
    g_mutex_unlock(&fabric->lock);
  }
  return NULL;
}

static Job *post(Fabric *fabric, JobKind kind, const char *id, Network *network, FabricFault *fault) {
  Job *job = g_new0(Job, 1);
  *job = (Job){.kind = kind, .id = g_strdup(id), .network = network, .fault = fault};
  g_atomic_int_inc(&fabric->posted);
  g_async_queue_push(fabric->jobs, job);
  return job;
}

static Error *post_and_wait(Fabric *fabric, JobKind kind, const char *id) {
  Job *job = g_new0(Job, 1);
  *job = (Job){.kind = kind, .id = g_strdup(id), .waited = TRUE};
  g_atomic_int_inc(&fabric->posted);
  g_async_queue_push(fabric->jobs, job);
  g_mutex_lock(&fabric->lock);
  while (!job->done)
    g_cond_wait(&fabric->changed, &fabric->lock);
  g_mutex_unlock(&fabric->lock);
  Error *error = job->error;
  job_free(job);
  return error;
}

static gpointer watcher(gpointer data) {
  Fabric *fabric = data;
  g_main_context_push_thread_default(fabric->context);
  g_main_loop_run(fabric->loop);
  g_main_context_pop_thread_default(fabric->context);
  return NULL;
}

/* What the edge answers for, and how; without IPv6 if the kernel has none. */
static Error *edge_ipv6(Fabric *fabric) {
  g_autoptr(GArray) ops = net_ops();
  Range services = {0};
  range_parse(REACH_SERVICES6, &services);
  net_ipv6(ops, "all");
  net_ipv6(ops, "default");
  net_sysctl(ops, "ipv6/conf/all/forwarding", "1");
  net_rules(ops, TRUE, EDGE_REPLIES, "noroute");
  net_route(ops, NET_ROUTE_LOCAL, "lo", &services, no_ip, 0, 0);
  g_autoptr(Error) error = net_run(fabric, fabric->edge, ops);
  fabric->ipv6 = error == NULL;
  if (error)
    log_info("no IPv6 in VPCs: %s", error->message);
  return NULL;
}

static Error *edge_make(Fabric *fabric) {
  static const char *const set[][2] = {
    {"ipv4/conf/all/rp_filter", "0"}, {"ipv4/conf/default/rp_filter", "0"}, {"ipv4/conf/all/accept_local", "1"}, {"ipv4/ip_forward", "1"},
    {"ipv4/conf/all/send_redirects", "0"}, {"ipv4/conf/default/send_redirects", "0"},
  };
  g_autoptr(GArray) ops = net_ops();
  Range services = {0};
  TRY(warden_netns_new(fabric->warden, &fabric->edge, NULL));
  range_parse(REACH_SERVICES, &services);
  for (gsize i = 0; i < G_N_ELEMENTS(set); i++)
    net_sysctl(ops, set[i][0], set[i][1]);
  net_nowhere(ops, "noroute");   /* addresses of the internet that nobody has */
  net_rules(ops, FALSE, EDGE_REPLIES, "noroute");
  net_route(ops, NET_ROUTE_LOCAL, "lo", &services, no_ip, 0, 0);
  net_address(ops, NET_ADDRESS, "lo", ip_of4(LINK_LOCAL_RESOLVER), 32);
  TRY(net_run(fabric, fabric->edge, ops));
  TRY(edge_ipv6(fabric));
  TRY(drops_open_edge(fabric, &fabric->sources[2]));
  return resolver_open(fabric, fabric->edge, NULL, ip_of4(LINK_LOCAL_RESOLVER), &fabric->sources[0], &fabric->sources[1]);
}

static void name_free(gpointer data) {
  FabricName *name = data;
  g_ptr_array_unref(name->addresses);
  g_free(name->target);
  g_free(name);
}

Error *fabric_new(Warden *warden, const char *region, const FabricHooks *hooks, Fabric **ret_fabric) {
  Fabric *fabric = g_new0(Fabric, 1);
  fabric->warden = warden;
  fabric->region = g_strdup(region);
  fabric->hooks = hooks ? *hooks : (FabricHooks){0};
  fabric->next_metric = 100;
  g_mutex_init(&fabric->lock);
  g_rw_lock_init(&fabric->zones_lock);
  g_cond_init(&fabric->changed);
  fabric->vpcs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  fabric->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, name_free);
  fabric->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  fabric->faults = faults_table_new();
  fabric->outside = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, outside_free);
  fabric->drops = g_new0(Drop, DROPS_KEPT);
  fabric->translated = g_new0(Translated, TRANSLATED_KEPT);
  fabric->flows = flows_new();
  fabric->refused = g_new0(RefusedName, REFUSED_KEPT);
  fabric->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  fabric->jobs = g_async_queue_new();
  fabric->context = g_main_context_new();
  fabric->loop = g_main_loop_new(fabric->context, FALSE);
  Error *error = edge_make(fabric);
  fabric->watcher = g_thread_new("fabric-watch", watcher, fabric);
  fabric->worker = g_thread_new("fabric", worker, fabric);
  if (error) {
    fabric_free(fabric);
    return error;
  }
  *ret_fabric = fabric;
  return NULL;
}

Error *fabric_start(Fabric *fabric) { return post_and_wait(fabric, JOB_START, NULL); }

Error *fabric_egress(Fabric *fabric) { return egress_new(fabric, &fabric->egress); }

Internet fabric_internet(const Fabric *fabric) { return fabric->egress ? INTERNET_HOST : INTERNET_NONE; }

static void stop_threads(Fabric *fabric) {
  post(fabric, JOB_STOP, NULL, NULL, NULL);
  g_thread_join(fabric->worker);
  while (!g_main_loop_is_running(fabric->loop))
    g_thread_yield();
  g_main_loop_quit(fabric->loop);
  g_main_context_wakeup(fabric->context);
  g_thread_join(fabric->watcher);
}

void fabric_free(Fabric *fabric) {
  if (!fabric)
    return;
  stop_threads(fabric);
  egress_free(fabric->egress);
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, fabric->vpcs);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    vpc_free(value);
  for (gsize i = 0; i < G_N_ELEMENTS(fabric->sources); i++)
    if (fabric->sources[i]) {
      g_source_destroy(fabric->sources[i]);
      g_source_unref(fabric->sources[i]);
    }
  edge_close(fabric, &fabric->general);
  g_hash_table_unref(fabric->outside);
  if (fabric->edge)
    error_free(warden_netns_free(fabric->warden, fabric->edge));
  g_hash_table_unref(fabric->vpcs);
  g_hash_table_unref(fabric->names);
  g_hash_table_unref(fabric->faults);
  g_hash_table_unref(fabric->waiting);
  g_main_loop_unref(fabric->loop);
  g_main_context_unref(fabric->context);
  g_async_queue_unref(fabric->jobs);
  error_free(fabric->fault);
  g_mutex_clear(&fabric->lock);
  g_rw_lock_clear(&fabric->zones_lock);
  g_cond_clear(&fabric->changed);
  g_hash_table_unref(fabric->asked);
  g_free(fabric->refused);
  g_free(fabric->drops);
  g_free(fabric->translated);
  g_hash_table_unref(fabric->flows);
  g_free(fabric->region);
  g_free(fabric);
}

void fabric_apply(Fabric *fabric, Network *network) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  network->internet = fabric_internet(fabric);
  Job *waiting = g_hash_table_lookup(fabric->waiting, network->vpc_id);
  if (waiting) {
    network_free(waiting->network);
    waiting->network = network;
    return;
  }
  g_hash_table_insert(fabric->waiting, g_strdup(network->vpc_id), post(fabric, JOB_APPLY, NULL, network, NULL));
}

/* A box with one interface in it. */
static Network *box_new(const char *vpc_id, const Eni *eni) {
  Network *box = network_new(vpc_id);
  if (eni)
    network_eni_put(box, eni);
  return box;
}

/* If an apply of the VPC waits, the interface is put into what it will apply. Lock held. */
static gboolean put_into_waiting(Fabric *fabric, const char *vpc_id, const char *id, const Eni *eni) {
  const Job *waiting = g_hash_table_lookup(fabric->waiting, vpc_id);
  if (waiting && eni)
    network_eni_put(waiting->network, eni);
  else if (waiting)
    network_eni_remove(waiting->network, id);
  return waiting != NULL;
}

void fabric_eni_put(Fabric *fabric, const char *vpc_id, const Eni *eni) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  if (!put_into_waiting(fabric, vpc_id, eni->id, eni))
    post(fabric, JOB_ENI, eni->id, box_new(vpc_id, eni), NULL);
}

void fabric_eni_remove(Fabric *fabric, const char *vpc_id, const char *eni_id) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  if (!put_into_waiting(fabric, vpc_id, eni_id, NULL))
    post(fabric, JOB_ENI_REMOVE, eni_id, box_new(vpc_id, NULL), NULL);
}

void fabric_part_put(Fabric *fabric, Network *part) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  const Job *waiting = g_hash_table_lookup(fabric->waiting, part->vpc_id);
  if (waiting)
    network_part_put(waiting->network, part);
  else
    post(fabric, JOB_PART, NULL, part, NULL);
}

void fabric_remove(Fabric *fabric, const char *vpc_id) {
  g_mutex_lock(&fabric->lock);
  g_hash_table_remove(fabric->waiting, vpc_id);
  g_mutex_unlock(&fabric->lock);
  post(fabric, JOB_REMOVE, vpc_id, NULL, NULL);
}

void fabric_flows_changed(Fabric *fabric, const char *vpc_id) { post(fabric, JOB_FLOWS, vpc_id, NULL, NULL); }

void fabric_fault_set(Fabric *fabric, const FabricFault *fault) { post(fabric, JOB_FAULT, NULL, NULL, fault_copy(fault)); }
void fabric_fault_remove(Fabric *fabric, const char *name) { post(fabric, JOB_FAULT, name, NULL, NULL); }

Error *fabric_sync(Fabric *fabric) {
  TRY(post_and_wait(fabric, JOB_SYNC, NULL));
  g_mutex_lock(&fabric->lock);
  Error *error = g_steal_pointer(&fabric->fault);
  g_mutex_unlock(&fabric->lock);
  return error;
}

void fabric_settle(Fabric *fabric, guint timeout_ms) {
  gint64 until = clock_monotonic_us() + (gint64) timeout_ms * 1000;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  gint target = g_atomic_int_get(&fabric->posted);
  while (fabric->finished - target < 0)
    if (!g_cond_wait_until(&fabric->changed, &fabric->lock, until))
      return;
}

/* The interface's state, if it is up. Lock held. */
static EniState *eni_find(Fabric *fabric, const char *eni_id, Vpc **ret_vpc) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, fabric->vpcs);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    EniState *state = g_hash_table_lookup(((Vpc *) value)->enis, eni_id);
    if (state && ((Vpc *) value)->network && network_eni(((Vpc *) value)->network, eni_id)) {
      if (ret_vpc)
        *ret_vpc = value;
      return state;
    }
  }
  return NULL;
}

/* Waits for an interface. *ret_fd: a copy of its namespace's descriptor. */
static Error *eni_wait(Fabric *fabric, const char *eni_id, Netns *ret_netns, int *ret_fd) {
  gint64 until = clock_monotonic_us() + ENI_WAIT_MS * 1000;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  EniState *state = eni_find(fabric, eni_id, NULL);
  while (!state) {
    if (!g_cond_wait_until(&fabric->changed, &fabric->lock, until))
      return error_fault("network interface %s is not up", eni_id);
    state = eni_find(fabric, eni_id, NULL);
  }
  if (!state->netns)
    return error_fault("network interface %s belongs to an endpoint", eni_id);
  if (ret_netns)
    *ret_netns = state->netns;
  if (ret_fd)
    *ret_fd = fcntl(state->fd, F_DUPFD_CLOEXEC, 3);
  return NULL;
}

Error *fabric_eni_netns(Fabric *fabric, const char *eni_id, int *ret_fd) { return eni_wait(fabric, eni_id, NULL, ret_fd); }

static Error *listen_at(Fabric *fabric, Netns netns, const char *address, guint16 port, int *ret_fd) {
  WardenSocket spec = {.kind = WARDEN_SOCKET_TCP, .port = port};
  guint32 host = 0;
  if (!address_parse(address, &host))
    return error_fault("'%s' is not an address", address);
  ip_bytes(ip_of4(host), spec.address);
  return warden_socket(fabric->warden, netns, &spec, ret_fd);
}

Error *fabric_listen_in(Fabric *fabric, const char *eni_id, const char *address, guint16 port, int *ret_fd) {
  Netns netns = 0;
  TRY(eni_wait(fabric, eni_id, &netns, NULL));
  return listen_at(fabric, netns, address, port, ret_fd);
}

Error *fabric_socket_edge(Fabric *fabric, int *ret_fd) {
  int fd = -1;
  WardenSocket spec = {.kind = WARDEN_SOCKET_TCP};
  TRY(warden_socket(fabric->warden, fabric->edge, &spec, &fd));
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  *ret_fd = fd;
  return NULL;
}

Error *fabric_socket_in(Fabric *fabric, const char *eni_id, int *ret_fd) {
  Netns netns = 0;
  int fd = -1;
  WardenSocket spec = {.kind = WARDEN_SOCKET_TCP};
  TRY(eni_wait(fabric, eni_id, &netns, NULL));
  TRY(warden_socket(fabric->warden, netns, &spec, &fd));
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  *ret_fd = fd;
  return NULL;
}

typedef struct Outside { Fabric *fabric; Netns netns; int fd; guint number; } Outside;

static guint32 outside_address(const Outside *outside) {
  Cidr range = {0};
  cidr_parse(REACH_OUTSIDE, &range);
  return range.address + 1 + outside->number % 16000;
}

const char *outside_at(Fabric *fabric, Ip address) {
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, fabric->outside);
  while (g_hash_table_iter_next(&iter, &key, &value))
    if (ip_equal(ip_of4(outside_address(value)), address))
      return key;
  return "";
}

static Error *outside_find(Fabric *fabric, const char *key, Netns *ret_netns, int *ret_fd) {
  for (int attempt = 0; attempt < 2; attempt++) {
    g_mutex_lock(&fabric->lock);
    const Outside *outside = g_hash_table_lookup(fabric->outside, key);
    if (outside) {
      *ret_netns = outside->netns;
      if (ret_fd)
        *ret_fd = fcntl(outside->fd, F_DUPFD_CLOEXEC, 3);
    }
    g_mutex_unlock(&fabric->lock);
    if (outside)
      return NULL;
    TRY(post_and_wait(fabric, JOB_OUTSIDE, key));
  }
  return error_fault("the namespace '%s' was dropped as it was made", key);
}

Error *fabric_outside_netns(Fabric *fabric, const char *key, int *ret_fd) {
  Netns netns = 0;
  return outside_find(fabric, key, &netns, ret_fd);
}

Error *fabric_listen_outside(Fabric *fabric, const char *key, const char *address, guint16 port, int *ret_fd) {
  Netns netns = 0;
  TRY(outside_find(fabric, key, &netns, NULL));
  return listen_at(fabric, netns, address, port, ret_fd);
}

void fabric_outside_drop(Fabric *fabric, const char *key) { post(fabric, JOB_OUTSIDE_DROP, key, NULL, NULL); }

static Error *outside_make(Fabric *fabric, Outside *outside) {
  g_autoptr(GArray) near = net_ops(), far = net_ops();
  char device[16];
  guint8 mac[6];
  guint32 v4 = outside_address(outside);
  Ip address = ip_of4(v4), gateway = ip_of4(169U << 24 | 254U << 16 | 1U << 8 | 1U);
  Range own = ip_range(address), gateway_range = ip_range(gateway);
  mac_of(v4, mac);
  g_snprintf(device, sizeof device, "o%u", outside->number);
  TRY(warden_netns_new(fabric->warden, &outside->netns, &outside->fd));
  net_veth(near, device, router_mac, 0, "eth0", mac, outside->netns);
  net_neighbour(near, device, address, mac);
  net_route(near, NET_ROUTE, device, &own, no_ip, 0, 0);
  net_address(far, NET_ADDRESS, "eth0", address, 32);
  net_device(far, NET_UP, "eth0");
  net_neighbour(far, "eth0", gateway, router_mac);
  net_route(far, NET_ROUTE, "eth0", &gateway_range, no_ip, 0, 0);
  net_route(far, NET_ROUTE, "eth0", &any4, gateway, 0, 0);
  TRY(net_run(fabric, fabric->edge, near));
  TRY(net_run(fabric, outside->netns, far));
  return net_settle(fabric, fabric->edge, device);
}

void outside_free(gpointer data) {
  Outside *outside = data;
  g_autoptr(GArray) ops = net_ops();
  char device[16];
  g_snprintf(device, sizeof device, "o%u", outside->number);
  net_device(ops, NET_LINK_DELETE, device);
  error_free(net_run(outside->fabric, outside->fabric->edge, ops));
  if (outside->netns)
    error_free(warden_netns_free(outside->fabric->warden, outside->netns));
  if (outside->fd >= 0)
    close(outside->fd);
  g_free(outside);
}

/* Worker thread. */
Error *outside_new(Fabric *fabric, const char *key) {
  if (g_hash_table_contains(fabric->outside, key))
    return NULL;
  Outside *outside = g_new0(Outside, 1);
  *outside = (Outside){fabric, 0, -1, ++fabric->next_outside};
  Error *error = outside_make(fabric, outside);
  if (error) {
    outside_free(outside);
    return error;
  }
  g_mutex_lock(&fabric->lock);
  g_hash_table_insert(fabric->outside, g_strdup(key), outside);
  g_mutex_unlock(&fabric->lock);
  return NULL;
}

/* The servers and the domain of the VPC's DHCP options, as resolv.conf has them: three servers at most, which Linux reads.
 * https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html */
static char *resolv_conf(const Fabric *fabric, const Network *network, Arena *arena) {
  const DhcpOptions *dhcp = &network->dhcp;
  const char *own = address_text(arena, cidr_base(&network->cidrs.v[0]) + 2), *domain = dhcp->domain_name;
  GString *out = g_string_new(NULL);
  if (!dhcp->id)
    domain = strcmp(fabric->region, "us-east-1") == 0 ? "ec2.internal" : arena_printf(arena, "%s.compute.internal", fabric->region);
  if (domain)
    g_string_append_printf(out, "search %s\n", domain);
  for (gsize i = 0; i < MIN(dhcp->n_name_servers, 3); i++)
    g_string_append_printf(out, "nameserver %s\n", strcmp(dhcp->name_servers[i], "AmazonProvidedDNS") == 0 ? own : dhcp->name_servers[i]);
  if (dhcp->n_name_servers == 0 && !dhcp->id)
    g_string_append_printf(out, "nameserver %s\n", own);
  g_string_append(out, "options timeout:2 attempts:2\n");
  return g_string_free(out, FALSE);
}

char *fabric_resolv_conf(Fabric *fabric, const char *eni_id) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  Vpc *vpc = NULL;
  if (!eni_id || !eni_find(fabric, eni_id, &vpc))
    return g_strdup("nameserver 169.254.169.253\noptions timeout:2 attempts:2\n");
  g_autoptr(Arena) arena = arena_new();
  return resolv_conf(fabric, vpc->network, arena);
}

char *fabric_eni_at(Fabric *fabric, const char *vpc_id, const char *address) {
  guint32 wanted = 0;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  const Vpc *vpc = vpc_find(fabric, vpc_id);
  if (!vpc || !vpc->network || !address_parse(address, &wanted))
    return NULL;
  const Eni *eni = network_eni_at(vpc->network, wanted);
  return eni ? g_strdup(eni->id) : NULL;
}
