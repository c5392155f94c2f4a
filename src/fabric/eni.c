/* eni: a veth pair between the router and the namespace of what the interface serves: a process's, a NAT gateway's, or the edge.
 * Neighbours are permanent on both ends, so no packet waits for ARP. */
#include "fabric/vpc.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void eni_state_free(gpointer data) {
  EniState *state = data;
  if (state->fd >= 0)
    close(state->fd);
  g_free(state->subnet);
  g_free(state);
}

static Error *eni_unmake(Vpc *vpc, EniState *state) {
  g_autoptr(GArray) ops = net_ops();
  char device[16];
  g_snprintf(device, sizeof device, "e%u", state->number);
  if (state->edge_device[0])
    edge_unlisten(vpc, state->edge_device);
  net_device(ops, NET_LINK_DELETE, device);
  NetOp flush = {.kind = NET_FLUSH_FLOWS, .address = htonl(state->eni.address)};
  g_array_append_val(ops, flush);
  Error *error = net_run(vpc->fabric, vpc->router, ops);
  if (!error && state->netns)
    error = warden_netns_free(vpc->fabric->warden, state->netns);
  return error;
}

/* Whether the interface as it is to be is the one that is there. Groups are rules' business. */
static gboolean eni_same(const EniState *state, const Eni *eni) {
  return eni && state->eni.address == eni->address && state->eni.kind == eni->kind && g_strcmp0(state->subnet, eni->subnet) == 0;
}

Error *enis_remove(Vpc *vpc, const Network *network) {
  g_autoptr(GHashTable) wanted = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; i < network->n_enis; i++)
    g_hash_table_insert(wanted, (gpointer) network->enis[i].id, (gpointer) &network->enis[i]);
  g_autoptr(GList) ids = g_hash_table_get_keys(vpc->enis);
  for (GList *at = ids; at; at = at->next) {
    EniState *state = g_hash_table_lookup(vpc->enis, at->data);
    if (eni_same(state, g_hash_table_lookup(wanted, at->data)))
      continue;
    Error *error = eni_unmake(vpc, state);
    g_mutex_lock(&vpc->fabric->lock);
    g_hash_table_remove(vpc->enis, at->data);
    g_mutex_unlock(&vpc->fabric->lock);
    TRY(error);
  }
  return NULL;
}

static void router_end(GArray *ops, const Eni *eni, const char *device, guint group, const char *peer, Netns netns) {
  guint8 mac[6];
  mac_of(eni->address, mac);
  net_veth(ops, device, router_mac, group, peer, mac, netns);
  net_neighbour(ops, device, eni->address, mac);
  net_route(ops, NET_ROUTE, device, eni->address, 32, 0, 0, 0);
}

static Error *make_in_edge(Vpc *vpc, const Eni *eni, const Subnet *subnet, const char *device, EniState *state) {
  g_autoptr(GArray) near = net_ops(), far = net_ops();
  guint32 gateway = cidr_base(&subnet->cidr) + 1;
  g_snprintf(state->edge_device, sizeof state->edge_device, "p%u_%u", vpc->number, state->number);
  router_end(near, eni, device, state->subnet_group, state->edge_device, vpc->fabric->edge);
  net_device(far, NET_UP, state->edge_device);
  net_address(far, state->edge_device, eni->address, 32);
  net_neighbour(far, state->edge_device, gateway, router_mac);
  net_route(far, NET_ROUTE, state->edge_device, 0, 0, gateway, 0, ++vpc->fabric->next_metric);
  TRY(net_run(vpc->fabric, vpc->router, near));
  TRY(net_run(vpc->fabric, vpc->fabric->edge, far));
  return edge_listen(vpc, state->edge_device, eni->owner);
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
    "add chain ip nat in { type filter hook input priority filter; policy drop; }\n", address_text(arena, state->eni.address));
  return warden_nft(vpc->fabric->warden, state->netns, rules);
}

static Error *make_namespace(Vpc *vpc, const Eni *eni, const Subnet *subnet, const char *device, EniState *state) {
  g_autoptr(GArray) near = net_ops(), far = net_ops();
  guint32 gateway = cidr_base(&subnet->cidr) + 1;
  TRY(warden_netns_new(vpc->fabric->warden, &state->netns, &state->fd));
  router_end(near, eni, device, state->subnet_group, "eth0", state->netns);
  net_address(far, "eth0", eni->address, subnet->cidr.prefix);
  net_device(far, NET_UP, "eth0");
  net_neighbour(far, "eth0", gateway, router_mac);
  net_route(far, NET_ROUTE, "eth0", gateway, 32, 0, 0, 0);
  net_route(far, NET_ROUTE, "eth0", 0, 0, gateway, 0, 0);
  TRY(net_run(vpc->fabric, vpc->router, near));
  TRY(net_run(vpc->fabric, state->netns, far));
  return eni->kind == ENI_NAT ? make_nat(vpc, state) : NULL;
}

static Error *eni_make(Vpc *vpc, const Eni *eni, const Subnet *subnet, EniState *state) {
  char device[16];
  g_snprintf(device, sizeof device, "e%u", state->number);
  return eni->kind == ENI_ENDPOINT ? make_in_edge(vpc, eni, subnet, device, state) : make_namespace(vpc, eni, subnet, device, state);
}

Error *enis_add(Vpc *vpc, const Network *network) {
  for (gsize i = 0; i < network->n_enis; i++) {
    const Eni *eni = &network->enis[i];
    const Subnet *subnet = network_subnet(network, eni->subnet);
    if (!subnet || g_hash_table_contains(vpc->enis, eni->id))
      continue;
    EniState *state = g_new0(EniState, 1);
    state->fd = -1;
    state->eni = *eni;
    state->subnet = g_strdup(eni->subnet);
    state->number = numbers_get(&vpc->numbers, eni->id);
    state->subnet_group = numbers_get(&vpc->numbers, eni->subnet);
    Error *error = eni_make(vpc, eni, subnet, state);
    if (error) {
      error_free(eni_unmake(vpc, state));
      eni_state_free(state);
      return error;
    }
    g_mutex_lock(&vpc->fabric->lock);
    g_hash_table_insert(vpc->enis, g_strdup(eni->id), state);
    g_mutex_unlock(&vpc->fabric->lock);
  }
  return NULL;
}
