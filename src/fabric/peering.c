/* peering: a veth pair between the routers of two VPCs, each of which applies its own stages. A peering is there once both VPCs are and both
 * say that it is active. https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html */
#include "fabric/vpc.h"

#include <string.h>

static Vpc *vpc_of(Fabric *fabric, const char *id) { return id ? g_hash_table_lookup(fabric->vpcs, id) : NULL; }

static const Peering *active_peering(const Vpc *vpc, const char *id) {
  const Peering *peering = vpc && vpc->network ? network_peering(vpc->network, id) : NULL;
  return peering && peering->active ? peering : NULL;
}

static void device_of(Vpc *vpc, const char *id, char device[16]) { g_snprintf(device, 16, "x%u", numbers_get(&vpc->numbers, id)); }

/* Both ends have the router's hardware address; what they call their neighbours is the same on every link. */
static void add_end(GArray *ops, Vpc *vpc, const char *device) {
  net_neighbour(ops, device, ip_of4((169U << 24 | 254U << 16 | 64U << 8) + 1), router_mac);
  if (vpc->fabric->ipv6)
    net_neighbour(ops, device, link_local6, router_mac);
}

static Error *link_make(Vpc *vpc, Vpc *peer, const char *id) {
  g_autoptr(GArray) near = net_ops(), far = net_ops();
  char device[16], peer_device[16];
  device_of(vpc, id, device);
  device_of(peer, id, peer_device);
  net_veth(near, device, router_mac, 0, peer_device, router_mac, peer->router);
  add_end(near, vpc, device);
  net_device(far, NET_UP, peer_device);
  add_end(far, peer, peer_device);
  TRY(net_run(vpc->fabric, vpc->router, near));
  TRY(net_run(vpc->fabric, peer->router, far));
  TRY(net_settle(vpc->fabric, vpc->router, device));
  g_hash_table_replace(vpc->links, g_strdup(id), g_strdup(peer->id));
  g_hash_table_replace(peer->links, g_strdup(id), g_strdup(vpc->id));
  return NULL;
}

static Error *link_unmake(Vpc *vpc, Vpc *peer, const char *id) {
  g_autoptr(GArray) ops = net_ops();
  char device[16];
  device_of(vpc, id, device);
  net_device(ops, NET_LINK_DELETE, device);
  Error *error = net_run(vpc->fabric, vpc->router, ops);
  if (peer)
    g_hash_table_remove(peer->links, id);
  g_hash_table_remove(vpc->links, id);
  return error;
}

/* The members of groups of its peers that the VPC's rules name. */
static Error *put_foreign(Vpc *vpc) {
  g_autoptr(GHashTable) there = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer peer_id;
  g_hash_table_iter_init(&iter, vpc->links);
  while (g_hash_table_size(vpc->foreign) && g_hash_table_iter_next(&iter, NULL, &peer_id)) {
    const Vpc *peer = vpc_of(vpc->fabric, peer_id);
    for (gsize i = 0; peer && peer->network && i < peer->network->n_enis; i++) {
      const Eni *eni = &peer->network->enis[i];
      parts_put_foreign(vpc->rules, eni->id, eni, vpc->foreign);
      g_hash_table_add(there, g_strdup(eni->id));
    }
  }
  rules_keep(vpc->rules, "foreign ", there);
  return vpc_commit_rules(vpc);
}

/* Makes or unmakes one link. *ret_peer: the other VPC, if anything changed and it is still there. */
static Error *link_apply(Vpc *vpc, const char *id, gboolean gone, Vpc **ret_peer) {
  const Peering *peering = gone ? NULL : active_peering(vpc, id);
  const char *peer_id = g_hash_table_lookup(vpc->links, id);
  Vpc *peer = vpc_of(vpc->fabric, peer_id ? peer_id : peering ? peering->peer_vpc : NULL);
  gboolean wanted = peering && peer && active_peering(peer, id);
  *ret_peer = NULL;
  if (wanted == (peer_id != NULL))
    return NULL;
  *ret_peer = peer;
  return wanted ? link_make(vpc, peer, id) : link_unmake(vpc, peer, id);
}

static GPtrArray *ids_of(Vpc *vpc) {
  GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
  GHashTableIter iter;
  gpointer id;
  g_hash_table_iter_init(&iter, vpc->links);
  while (g_hash_table_iter_next(&iter, &id, NULL))
    g_ptr_array_add(ids, g_strdup(id));
  for (gsize i = 0; vpc->network && i < vpc->network->n_peerings; i++)
    if (!g_hash_table_contains(vpc->links, vpc->network->peerings[i].id))
      g_ptr_array_add(ids, g_strdup(vpc->network->peerings[i].id));
  return ids;
}

Error *peerings_apply(Vpc *vpc, gboolean gone) {
  g_autoptr(GPtrArray) ids = ids_of(vpc);
  gboolean changed = FALSE;
  for (guint i = 0; i < ids->len; i++) {
    Vpc *peer = NULL;
    TRY(link_apply(vpc, ids->pdata[i], gone, &peer));
    changed = changed || peer;
    if (peer && peer->network) {
      TRY(things_apply(peer, peer->network));
      TRY(put_foreign(peer));
    }
  }
  if (changed && !gone)
    TRY(things_apply(vpc, vpc->network));
  GHashTableIter iter;
  gpointer peer_id;
  g_hash_table_iter_init(&iter, vpc->links);
  while (g_hash_table_iter_next(&iter, NULL, &peer_id)) {
    Vpc *peer = vpc_of(vpc->fabric, peer_id);
    if (peer && peer->network)
      TRY(put_foreign(peer));
  }
  return gone ? NULL : put_foreign(vpc);
}

Error *peerings_apply_eni(Vpc *vpc, const char *id, const Eni *eni) {
  GHashTableIter iter;
  gpointer peer_id;
  g_hash_table_iter_init(&iter, vpc->links);
  while (g_hash_table_iter_next(&iter, NULL, &peer_id)) {
    Vpc *peer = vpc_of(vpc->fabric, peer_id);
    if (!peer || g_hash_table_size(peer->foreign) == 0)
      continue;
    parts_put_foreign(peer->rules, id, eni, peer->foreign);
    TRY(vpc_commit_rules(peer));
  }
  return NULL;
}
