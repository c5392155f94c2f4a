/* vpc: a router namespace; where every interface's other end is, and every rule. */
#include "fabric/vpc.h"

#include <string.h>

/* Devices that lead nowhere: what has no route ends there, where rules can see and name it, instead of in an ICMP error. */
static void nowhere(GArray *ops, const char *device) {
  char peer[16];
  g_snprintf(peer, sizeof peer, "%s_p", device);
  net_veth(ops, device, router_mac, 0, peer, edge_mac, 0);
  net_device(ops, NET_UP, peer);
}

static Error *router_make(Vpc *vpc) {
  static const char *const off[] = {"ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter", "ipv4/conf/all/send_redirects", "ipv4/conf/default/send_redirects"};
  g_autoptr(GArray) ops = net_ops(), tracking = net_ops();
  for (gsize i = 0; i < G_N_ELEMENTS(off); i++)
    net_sysctl(ops, off[i], "0");
  net_sysctl(ops, "ipv4/ip_forward", "1");
  nowhere(ops, "noroute");
  nowhere(ops, "blackhole");
  net_address(ops, "lo", 169U << 24 | 254U << 16 | 169U << 8 | 253U, 32);
  net_rule(ops, NET_RULE, 100, 0, 254);
  net_rule(ops, NET_RULE_DELETE, 32766, 0, 254);
  net_rule(ops, NET_RULE_DELETE, 32767, 0, 253);
  net_rule(ops, NET_RULE, 1000000, 0, FALLBACK_TABLE);
  net_route(ops, NET_ROUTE, "noroute", 0, 0, 0, FALLBACK_TABLE, 0);
  TRY(net_run(vpc->fabric, vpc->router, ops));
  net_sysctl(tracking, "netfilter/nf_conntrack_tcp_be_liberal", "1");
  g_autoptr(Error) optional = net_run(vpc->fabric, vpc->router, tracking);
  if (optional)
    log_debug("%s", optional->message);
  return NULL;
}

static void add_source(Vpc *vpc, GSource *source) {
  if (source)
    vpc->sources[vpc->n_sources++] = source;
}

/* The resolver listens on two addresses; the second is known with the VPC's first range. */
static Error *open_resolver(Vpc *vpc, guint32 address) {
  GSource *udp = NULL, *tcp = NULL;
  TRY(resolver_open(vpc->fabric, vpc->router, vpc->id, address, &udp, &tcp));
  add_source(vpc, udp);
  add_source(vpc, tcp);
  return NULL;
}

static Error *open_sockets(Vpc *vpc, const Network *network) {
  GSource *drops = NULL;
  guint32 base = cidr_base(&network->cidrs.v[0]) + 2;
  g_autoptr(GArray) ops = net_ops();
  net_address(ops, "lo", base, 32);
  TRY(net_run(vpc->fabric, vpc->router, ops));
  TRY(drops_open(vpc, &drops));
  add_source(vpc, drops);
  TRY(open_resolver(vpc, 169U << 24 | 254U << 16 | 169U << 8 | 253U));
  return open_resolver(vpc, base);
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
  vpc->listeners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  Error *error = router_make(vpc);
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
  g_ptr_array_unref(vpc->order);
  ruleset_free(vpc->rules);
  network_free(vpc->network);
  g_free(vpc->id);
  g_free(vpc);
}

static Error *apply_rules(Vpc *vpc, const Network *network) {
  g_autoptr(Ruleset) wanted = ruleset_of(network, &vpc->numbers, vpc->fabric->cut);
  g_autofree char *changes = ruleset_changes(vpc->rules, wanted);
  if (*changes)
    TRY(error_prefix(warden_nft(vpc->fabric->warden, vpc->router, changes), "%s", vpc->id));
  ruleset_free(vpc->rules);
  vpc->rules = g_steal_pointer(&wanted);
  return NULL;
}

static Error *apply(Vpc *vpc, const Network *network) {
  if (network->cidrs.n == 0)
    return error_fault("%s has no address range", vpc->id);
  if (!vpc->n_sources) {
    TRY(apply_rules(vpc, network));   /* the rules first: nothing passes before them */
    TRY(open_sockets(vpc, network));
  }
  TRY(enis_remove(vpc, network));
  TRY(apply_rules(vpc, network));
  TRY(enis_add(vpc, network));
  return things_apply(vpc, network);
}

Error *vpc_apply(Vpc *vpc, Network *network) {
  Error *error = apply(vpc, network);
  g_mutex_lock(&vpc->fabric->lock);
  network_free(vpc->network);
  vpc->network = network;
  g_cond_broadcast(&vpc->fabric->changed);
  g_mutex_unlock(&vpc->fabric->lock);
  return error;
}
