/* vpc: a router namespace; where every interface's other end is, and every rule. */
#include "fabric/vpc.h"

#include <string.h>

static Error *router_make(Vpc *vpc) {
  static const char *const off[] = {"ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter", "ipv4/conf/all/send_redirects", "ipv4/conf/default/send_redirects"};
  g_autoptr(GArray) ops = net_ops(), tracking = net_ops();
  for (gsize i = 0; i < G_N_ELEMENTS(off); i++)
    net_sysctl(ops, off[i], "0");
  net_sysctl(ops, "ipv4/ip_forward", "1");
  if (vpc->fabric->ipv6) {
    net_ipv6(ops, "all");
    net_ipv6(ops, "default");
    net_sysctl(ops, "ipv6/conf/all/forwarding", "1");
  }
  net_nowhere(ops, "noroute");
  net_nowhere(ops, "blackhole");
  net_nowhere(ops, "checked");
  net_address(ops, NET_ADDRESS, "lo", ip_of4(LINK_LOCAL_RESOLVER), 32);
  net_rules(ops, FALSE, 0, "noroute");
  if (vpc->fabric->ipv6) {
    Ip resolver = {0};
    net_rules(ops, TRUE, 0, "noroute");
    if (ip_parse(REACH_RESOLVER6, &resolver))
      net_address(ops, NET_ADDRESS, "lo", resolver, 128);
  }
  TRY(net_run(vpc->fabric, vpc->router, ops));
  net_sysctl(tracking, "netfilter/nf_conntrack_tcp_be_liberal", "1");
  net_sysctl(tracking, "netfilter/nf_conntrack_acct", "1");
  g_autoptr(Error) optional = net_run(vpc->fabric, vpc->router, tracking);
  if (optional)
    log_debug("%s", optional->message);
  return NULL;
}

static void add_source(Vpc *vpc, GSource *source) {
  if (source)
    vpc->sources[vpc->n_sources++] = source;
}

/* The resolver listens on three addresses; the last is known with the VPC's first range. */
static Error *open_resolver(Vpc *vpc, Ip address) {
  GSource *udp = NULL, *tcp = NULL;
  TRY(resolver_open(vpc->fabric, vpc->router, vpc->id, address, &udp, &tcp));
  add_source(vpc, udp);
  add_source(vpc, tcp);
  return NULL;
}

static Error *open_sockets(Vpc *vpc, const Network *network) {
  GSource *drops = NULL;
  guint32 base = cidr_base(&network->cidrs.v[0]) + 2;
  Ip resolver6 = {0};
  g_autoptr(GArray) ops = net_ops();
  net_address(ops, NET_ADDRESS, "lo", ip_of4(base), 32);
  TRY(net_run(vpc->fabric, vpc->router, ops));
  TRY(drops_open(vpc, &drops));
  add_source(vpc, drops);
  TRY(open_resolver(vpc, ip_of4(LINK_LOCAL_RESOLVER)));
  if (vpc->fabric->ipv6 && ip_parse(REACH_RESOLVER6, &resolver6))
    TRY(open_resolver(vpc, resolver6));
  return open_resolver(vpc, ip_of4(base));
}

Error *vpc_watch_flows(Vpc *vpc) {
  if (vpc->flows) {
    g_source_destroy(vpc->flows);
    g_clear_pointer(&vpc->flows, g_source_unref);
  }
  return flows_open(vpc, &vpc->flows);
}

Error *vpc_new(Fabric *fabric, const char *id, Vpc **ret_vpc) {
  Netns router = 0;
  TRY(warden_netns_new(fabric->warden, &router, NULL));
  Vpc *vpc = g_new0(Vpc, 1);
  vpc->fabric = fabric;
  vpc->router = router;
  vpc->id = g_strdup(id);
  vpc->number = ++fabric->next_vpc;
  vpc->numbers.of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  vpc->things = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, thing_free);
  vpc->order = g_ptr_array_new();
  vpc->enis = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, eni_state_free);
  vpc->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  vpc->foreign = g_hash_table_new(g_str_hash, g_str_equal);
  vpc->rules = rules_new();
  vpc->listeners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, edge_listeners_free);
  Error *error = router_make(vpc);
  error = error ? error : vpc_watch_flows(vpc);
  if (error) {
    vpc_free(vpc);
    return error;
  }
  *ret_vpc = vpc;
  return NULL;
}

void vpc_free(Vpc *vpc) {
  if (!vpc)
    return;
  for (guint i = 0; i < vpc->n_sources; i++) {
    g_source_destroy(vpc->sources[i]);
    g_source_unref(vpc->sources[i]);
  }
  if (vpc->flows) {
    g_source_destroy(vpc->flows);
    g_source_unref(vpc->flows);
  }
  delays_end(vpc);
  g_autoptr(GList) devices = g_hash_table_get_keys(vpc->listeners);
  for (GList *at = devices; at; at = at->next)
    edge_unlisten(vpc, at->data);
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, vpc->enis);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    if (((EniState *) value)->netns)
      error_free(warden_netns_free(vpc->fabric->warden, ((EniState *) value)->netns));
  error_free(warden_netns_free(vpc->fabric->warden, vpc->router));
  g_hash_table_unref(vpc->enis);
  g_hash_table_unref(vpc->things);
  g_hash_table_unref(vpc->listeners);
  g_hash_table_unref(vpc->numbers.of);
  g_hash_table_unref(vpc->links);
  g_hash_table_unref(vpc->foreign);
  g_ptr_array_unref(vpc->order);
  rules_free(vpc->rules);
  network_free(vpc->network);
  g_free(vpc->id);
  g_free(vpc);
}

Error *vpc_commit_rules(Vpc *vpc) {
  g_autofree char *changes = rules_commands(vpc->rules);
  Error *error = *changes ? warden_nft(vpc->fabric->warden, vpc->router, changes) : NULL;
  if (error)
    rules_reset(vpc->rules);
  return error ? error_prefix(error, "%s", vpc->id) : NULL;
}

static Error *apply_rules(Vpc *vpc, const Network *network) {
  parts_put(vpc->rules, &vpc->numbers, vpc->network, network, vpc->fabric->faults);
  return vpc_commit_rules(vpc);
}

static Error *apply(Vpc *vpc, const Network *network) {
  if (network->cidrs.n == 0)
    return error_fault("%s has no address range", vpc->id);
  if (network->cidrs6.n && !vpc->fabric->ipv6)
    return error_fault("%s has an IPv6 range, but this machine's kernel has no IPv6", vpc->id);
  TRY(enis_remove(vpc, network));
  TRY(apply_rules(vpc, network));   /* before what is new: nothing passes without them */
  if (!vpc->n_sources)
    TRY(open_sockets(vpc, network));
  TRY(enis_add(vpc, network));
  return things_apply(vpc, network);
}

static void swap_network(Vpc *vpc, Network *network) {
  g_mutex_lock(&vpc->fabric->lock);
  network_free(vpc->network);
  vpc->network = network;
  g_cond_broadcast(&vpc->fabric->changed);
  g_mutex_unlock(&vpc->fabric->lock);
}

/* What waits, once the devices and the rules are there. */
static Error *apply_waits(Vpc *vpc) {
  TRY(enis_shape(vpc));
  return delays_apply(vpc);
}

Error *vpc_apply(Vpc *vpc, Network *network) {
  Error *error = apply(vpc, network);
  g_hash_table_unref(vpc->foreign);
  vpc->foreign = parts_foreign_groups(network);
  swap_network(vpc, network);
  error = error ? error : peerings_apply(vpc, FALSE);
  return error ? error : apply_waits(vpc);
}

/* Whether a route of the network, or the edge, leads to it. */
static gboolean is_on_a_way(const Network *network, const Eni *eni) {
  gboolean found = eni && (eni->kind != ENI_ORDINARY || eni->public_address);
  for (gsize i = 0; eni && !found && i < eni->n_more; i++)
    found = eni->more[i].public_address != 0;
  for (gsize i = 0; eni && !found && i < network->n_route_tables; i++)
    for (gsize j = 0; !found && j < network->route_tables[i].n_routes; j++)
      found = g_strcmp0(network->route_tables[i].routes[j].target_id, eni->id) == 0;
  return found;
}

static void change_network(Vpc *vpc, const char *id, const Eni *eni) {
  g_mutex_lock(&vpc->fabric->lock);
  if (eni)
    network_eni_put(vpc->network, eni);
  else
    network_eni_remove(vpc->network, id);
  g_cond_broadcast(&vpc->fabric->changed);
  g_mutex_unlock(&vpc->fabric->lock);
}

Error *vpc_apply_eni(Vpc *vpc, const char *id, const Eni *eni) {
  const Eni *before = network_eni(vpc->network, id);
  const Subnet *subnet = eni ? network_subnet(vpc->network, eni->subnet) : NULL;
  if (eni && !subnet)   /* it comes with the apply that brings the subnet */
    return NULL;
  if (before && eni && eni_equal(before, eni) && g_hash_table_contains(vpc->enis, id))
    return NULL;
  gboolean ways = is_on_a_way(vpc->network, before) || is_on_a_way(vpc->network, eni);
  TRY(eni_remove(vpc, id, eni));
  parts_put_eni(vpc->rules, &vpc->numbers, id, eni);
  change_network(vpc, id, eni);
  if (g_hash_table_size(vpc->fabric->faults) || vpc->network->stateless_groups)
    parts_put_faults(vpc->rules, &vpc->numbers, vpc->network, vpc->fabric->faults);
  TRY(vpc_commit_rules(vpc));
  if (eni)
    TRY(eni_add(vpc, eni, subnet));
  else
    numbers_drop(&vpc->numbers, id);
  if (ways)
    TRY(things_apply(vpc, vpc->network));
  TRY(peerings_apply_eni(vpc, id, eni));
  return apply_waits(vpc);
}

/* Takes part; it lives on in the network if that has what is in it. FALSE: it has not. */
static gboolean change_part(Vpc *vpc, Network *part) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&vpc->fabric->lock);
  gboolean there = network_part_put(vpc->network, part);
  g_hash_table_unref(vpc->foreign);   /* its names are the rules' own */
  vpc->foreign = parts_foreign_groups(vpc->network);
  g_cond_broadcast(&vpc->fabric->changed);
  return there;
}

Error *vpc_apply_part(Vpc *vpc, Network *part) {
  gboolean is_table = part->n_route_tables, is_group = part->n_groups;
  if (!change_part(vpc, part))   /* it comes with the apply that brings it, or is gone */
    return NULL;
  parts_put_part(vpc->rules, part);
  if (g_hash_table_size(vpc->fabric->faults) || vpc->network->stateless_groups)
    parts_put_faults(vpc->rules, &vpc->numbers, vpc->network, vpc->fabric->faults);
  TRY(vpc_commit_rules(vpc));
  if (is_table)
    TRY(things_apply(vpc, vpc->network));
  return is_group && vpc->network->n_peerings ? peerings_apply(vpc, FALSE) : NULL;
}

Error *vpc_apply_faults(Vpc *vpc) {
  if (!vpc->network)
    return NULL;
  delays_lift(vpc);
  parts_put_faults(vpc->rules, &vpc->numbers, vpc->network, vpc->fabric->faults);
  TRY(vpc_commit_rules(vpc));
  return apply_waits(vpc);
}
