/* eni: a veth pair between the router and the namespace of what the interface serves: a process's, a NAT gateway's, or the edge.
 * Neighbours are permanent on both ends, so no packet waits for ARP or neighbour discovery. */
#include "fabric/vpc.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void eni_state_free(gpointer data) {
  EniState *state = data;
  if (state->fd >= 0)
    close(state->fd);
  arena_free(state->arena);
  g_free(state);
}

static void device_of(const EniState *state, char device[16]) { g_snprintf(device, 16, "e%u", state->number); }

/* --- addresses --- */

/* The router's end of one address: the way to it. */
static void router_address(GArray *ops, const char *device, Ip address, const guint8 mac[6], gboolean add) {
  Range range = ip_range(address);
  if (add)
    net_neighbour(ops, device, address, mac);
  net_route(ops, add ? NET_ROUTE : NET_ROUTE_DELETE, device, &range, no_ip, 0, 0);
  if (!add)
    net_flush(ops, address);
}

/* IPv6 in the interface's own namespace, at its first address of that family. */
static void switch_ipv6_on(GArray *far, EniState *state) {
  if (state->ipv6)
    return;
  state->ipv6 = TRUE;
  net_sysctl(far, "ipv6/conf/lo/disable_ipv6", "1");   /* off and on again: ::1 comes */
  net_ipv6(far, "lo");
  net_ipv6(far, "eth0");
  net_neighbour(far, "eth0", link_local6, router_mac);
  net_route(far, NET_ROUTE, "eth0", &any6, link_local6, 0, 0);
}

static void far_address(GArray *far, EniState *state, Ip address, gboolean add) {
  if (add && !ip_is4(address))
    switch_ipv6_on(far, state);
  net_address(far, add ? NET_ADDRESS : NET_ADDRESS_DELETE, "eth0", address, ip_is4(address) ? 32 : 128);
}

/* In the edge the address answers on a device of its own, and the reply goes back by it. */
static void edge_address(Vpc *vpc, GArray *far, EniState *state, Ip address, gboolean add) {
  gboolean v4 = ip_is4(address);
  Ip gateway = v4 ? ip_of4(state->gateway) : link_local6;
  if (add && !v4 && !state->ipv6) {
    state->ipv6 = TRUE;
    net_neighbour(far, state->edge_device, gateway, router_mac);
    net_route(far, NET_ROUTE, state->edge_device, &any6, gateway, EDGE_REPLIES, ++vpc->fabric->next_metric);
  }
  net_address(far, add ? NET_ADDRESS : NET_ADDRESS_DELETE, state->edge_device, address, v4 ? 32 : 128);
}

static gboolean eni_lists(const Eni *eni, Ip address) {
  for (gsize i = 0; i < eni->n_more; i++)
    if (ip_equal(eni->more[i].address, address))
      return TRUE;
  return FALSE;
}

/* The addresses besides the primary one that have come (add) or gone. */
static void change_addresses(Vpc *vpc, EniState *state, const Eni *a, const Eni *b, gboolean add, GArray *near, GArray *far) {
  char device[16];
  guint8 mac[6];
  device_of(state, device);
  mac_of(state->eni.address, mac);
  for (gsize i = 0; i < a->n_more; i++) {
    Ip address = a->more[i].address;
    if (b && eni_lists(b, address))
      continue;
    router_address(near, device, address, mac, add);
    if (state->netns)
      far_address(far, state, address, add);
    else
      edge_address(vpc, far, state, address, add);
  }
}

/* Flows that go by a public address that is no longer this one's. */
static void flush_public(const Eni *old, const Eni *new, GArray *near) {
  if (old->public_address && old->public_address != new->public_address)
    net_flush(near, ip_of4(old->address));
  for (gsize i = 0; i < old->n_more; i++)
    if (old->more[i].public_address && old->more[i].public_address != eni_public(new, old->more[i].address))
      net_flush(near, old->more[i].address);
}

static Error *run_both(Vpc *vpc, const EniState *state, const GArray *near, const GArray *far) {
  TRY(net_run(vpc->fabric, vpc->router, near));
  return net_run(vpc->fabric, state->netns ? state->netns : vpc->fabric->edge, far);
}

/* The same as it is made: afterwards the router's end sends. */
static Error *make_both(Vpc *vpc, const EniState *state, const GArray *near, const GArray *far) {
  char device[16];
  device_of(state, device);
  TRY(run_both(vpc, state, near, far));
  return net_settle(vpc->fabric, vpc->router, device);
}

/* What it is made of becomes eni; the strings are its own. */
static void remember(Vpc *vpc, EniState *state, const Eni *eni) {
  Arena *arena = arena_new();
  Eni copy;
  eni_copy(arena, eni, &copy);
  g_mutex_lock(&vpc->fabric->lock);
  if (state->arena)
    arena_free(state->arena);
  state->arena = arena;
  state->eni = copy;
  g_mutex_unlock(&vpc->fabric->lock);
}

static Error *eni_update(Vpc *vpc, EniState *state, const Eni *eni) {
  g_autoptr(GArray) near = net_ops(), far = net_ops();
  change_addresses(vpc, state, &state->eni, eni, FALSE, near, far);
  change_addresses(vpc, state, eni, &state->eni, TRUE, near, far);
  flush_public(&state->eni, eni, near);
  remember(vpc, state, eni);
  return run_both(vpc, state, near, far);
}

/* --- made and unmade --- */

static Error *eni_unmake(Vpc *vpc, const EniState *state) {
  g_autoptr(GArray) ops = net_ops();
  char device[16];
  device_of(state, device);
  if (state->edge_device[0])
    edge_unlisten(vpc, state->edge_device);
  net_device(ops, NET_LINK_DELETE, device);
  net_flush(ops, ip_of4(state->eni.address));
  for (gsize i = 0; i < state->eni.n_more; i++)
    net_flush(ops, state->eni.more[i].address);
  Error *error = net_run(vpc->fabric, vpc->router, ops);
  if (state->netns) {
    Error *second = warden_netns_free(vpc->fabric->warden, state->netns);
    if (error)
      error_free(second);
    else
      error = second;
  }
  return error;
}

static void router_end(GArray *ops, const EniState *state, const char *peer, Netns netns) {
  guint8 mac[6];
  char device[16];
  device_of(state, device);
  mac_of(state->eni.address, mac);
  net_veth(ops, device, router_mac, state->subnet_group, peer, mac, netns);
  router_address(ops, device, ip_of4(state->eni.address), mac, TRUE);
}

static Error *make_in_edge(Vpc *vpc, EniState *state) {
  g_autoptr(GArray) near = net_ops(), far = net_ops();
  Ip gateway = ip_of4(state->gateway);
  g_snprintf(state->edge_device, sizeof state->edge_device, "p%u_%u", vpc->number, state->number);
  router_end(near, state, state->edge_device, vpc->fabric->edge);
  net_device(far, NET_UP, state->edge_device);
  net_neighbour(far, state->edge_device, gateway, router_mac);
  net_route(far, NET_ROUTE, state->edge_device, &any4, gateway, EDGE_REPLIES, ++vpc->fabric->next_metric);
  edge_address(vpc, far, state, ip_of4(state->eni.address), TRUE);
  change_addresses(vpc, state, &state->eni, NULL, TRUE, near, far);
  TRY(make_both(vpc, state, near, far));
  return edge_listen(vpc, state->edge_device, state->eni.owner, state->ipv6);
}

static Error *make_nat(Vpc *vpc, const EniState *state) {
  g_autoptr(GArray) ops = net_ops();
  static const char *const off[] = {"ipv4/conf/all/rp_filter", "ipv4/conf/eth0/rp_filter", "ipv4/conf/all/send_redirects", "ipv4/conf/eth0/send_redirects"};
  for (gsize i = 0; i < G_N_ELEMENTS(off); i++)
    net_sysctl(ops, off[i], "0");
  net_sysctl(ops, "ipv4/ip_forward", "1");
  TRY(net_run(vpc->fabric, state->netns, ops));
  g_autoptr(Arena) arena = arena_new();
  g_autofree char *rules = g_strdup_printf(
    "add table ip nat\nadd chain ip nat post { type nat hook postrouting priority srcnat; }\nadd rule ip nat post oifname \"eth0\" snat to %s\n"
    "add chain ip nat in { type filter hook input priority filter; policy drop; }\n"
    "add chain ip nat pass { type filter hook forward priority filter; policy accept; }\nadd rule ip nat pass ct state invalid drop\n", address_text(arena, state->eni.address));
  return warden_nft(vpc->fabric->warden, state->netns, rules);
}

static Error *make_namespace(Vpc *vpc, EniState *state, guint prefix) {
  g_autoptr(GArray) near = net_ops(), far = net_ops();
  Ip gateway = ip_of4(state->gateway);
  Range gateway_range = ip_range(gateway);
  TRY(warden_netns_new(vpc->fabric->warden, &state->netns, &state->fd));
  router_end(near, state, "eth0", state->netns);
  net_address(far, NET_ADDRESS, "eth0", ip_of4(state->eni.address), prefix);
  net_device(far, NET_UP, "eth0");
  net_neighbour(far, "eth0", gateway, router_mac);
  net_route(far, NET_ROUTE, "eth0", &gateway_range, no_ip, 0, 0);
  net_route(far, NET_ROUTE, "eth0", &any4, gateway, 0, 0);
  change_addresses(vpc, state, &state->eni, NULL, TRUE, near, far);
  TRY(make_both(vpc, state, near, far));
  return state->eni.kind == ENI_NAT ? make_nat(vpc, state) : NULL;
}

static void drop_state(Vpc *vpc, const char *id) {
  g_mutex_lock(&vpc->fabric->lock);
  g_hash_table_remove(vpc->enis, id);
  g_mutex_unlock(&vpc->fabric->lock);
}

static EniState *state_new(Vpc *vpc, const Eni *eni, const Subnet *subnet) {
  EniState *state = g_new0(EniState, 1);
  state->fd = -1;
  state->number = numbers_get(&vpc->numbers, eni->id);
  state->subnet_group = numbers_get(&vpc->numbers, subnet->id);
  state->gateway = cidr_base(&subnet->cidr) + 1;
  remember(vpc, state, eni);
  return state;
}

Error *eni_add(Vpc *vpc, const Eni *eni, const Subnet *subnet) {
  EniState *state = g_hash_table_lookup(vpc->enis, eni->id);
  if (state)
    return eni_equal(&state->eni, eni) ? NULL : eni_update(vpc, state, eni);
  state = state_new(vpc, eni, subnet);
  Error *error = eni->kind == ENI_ENDPOINT ? make_in_edge(vpc, state) : make_namespace(vpc, state, subnet->cidr.prefix);
  if (error) {
    error_free(eni_unmake(vpc, state));
    eni_state_free(state);
    return error_prefix(error, "%s", eni->id);
  }
  g_mutex_lock(&vpc->fabric->lock);
  g_hash_table_insert(vpc->enis, g_strdup(eni->id), state);
  g_cond_broadcast(&vpc->fabric->changed);
  g_mutex_unlock(&vpc->fabric->lock);
  return NULL;
}

/* A bucket for each direction, each at the device that it leaves by. */
static Error *shape(Vpc *vpc, EniState *state, guint64 rate) {
  g_autoptr(GArray) near = net_ops(), far = net_ops();
  char device[16];
  device_of(state, device);
  net_shape(near, device, rate);
  net_shape(far, state->netns ? "eth0" : state->edge_device, rate);
  TRY(run_both(vpc, state, near, far));
  state->rate = rate;
  return NULL;
}

Error *enis_shape(Vpc *vpc) {
  GHashTableIter iter;
  gpointer value;
  gboolean any = g_hash_table_size(vpc->fabric->faults) > 0;
  if (!any && !vpc->shaped)
    return NULL;
  vpc->shaped = TRUE; /* until all have what is wanted */
  g_hash_table_iter_init(&iter, vpc->enis);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    EniState *state = value;
    guint64 rate = any ? faults_rate(vpc->fabric, &state->eni) : 0;
    if (rate != state->rate)
      TRY(shape(vpc, state, rate));
  }
  vpc->shaped = any;
  return NULL;
}

/* Whether the interface as it is to be can be made of the one that is there. */
static gboolean eni_stays(const EniState *state, const Eni *eni) {
  return eni && state->eni.address == eni->address && state->eni.kind == eni->kind && g_strcmp0(state->eni.subnet, eni->subnet) == 0;
}

Error *eni_remove(Vpc *vpc, const char *id, const Eni *eni) {
  EniState *state = g_hash_table_lookup(vpc->enis, id);
  if (!state || eni_stays(state, eni))
    return NULL;
  Error *error = eni_unmake(vpc, state);
  drop_state(vpc, id);
  return error;
}

Error *enis_remove(Vpc *vpc, const Network *network) {
  g_autoptr(GHashTable) wanted = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; i < network->n_enis; i++)
    g_hash_table_insert(wanted, (gpointer) network->enis[i].id, (gpointer) &network->enis[i]);
  g_autoptr(GList) ids = g_hash_table_get_keys(vpc->enis);
  for (GList *at = ids; at; at = at->next) {
    g_autofree char *id = g_strdup(at->data);
    const Eni *eni = g_hash_table_lookup(wanted, id);
    TRY(eni_remove(vpc, id, eni));
    if (!eni)
      numbers_drop(&vpc->numbers, id);
  }
  return NULL;
}

Error *enis_add(Vpc *vpc, const Network *network) {
  for (gsize i = 0; i < network->n_enis; i++) {
    const Subnet *subnet = network_subnet(network, network->enis[i].subnet);
    if (subnet)
      TRY(eni_add(vpc, &network->enis[i], subnet));
  }
  return NULL;
}
