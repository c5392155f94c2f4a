/* network: finding things in a VPC. */
#include "reach/reach.h"

#include <string.h>

const ReachStageInfo reach_stages[STAGE_COUNT] = {
#define STAGE(id, prefix, priority, what) [STAGE_##id] = {#id, prefix, priority, what},
#include "reach/pipeline.def"
#undef STAGE
};

Network *network_new(const char *vpc_id) {
  Arena *arena = arena_new();
  Network *network = ARENA_NEW(arena, Network);
  network->arena = arena;
  network->vpc_id = arena_strdup(arena, vpc_id);
  return network;
}

void network_free(Network *network) {
  if (!network)
    return;
  if (network->owned)
    g_ptr_array_unref(network->owned);
  if (network->parts)
    g_hash_table_unref(network->parts);
  if (network->eni_arena)
    arena_free(network->eni_arena);
  g_free(network->eni_room ? network->enis : NULL);
  arena_free(network->arena);
}

static void free_owned(gpointer network) { network_free(network); }

void network_add_peer(Network *network, const Network *peer) {
  const Network **peers = ARENA_ARRAY(network->arena, const Network *, network->n_peers + 1);
  if (network->n_peers)
    memcpy(peers, network->peers, network->n_peers * sizeof *peers);
  peers[network->n_peers++] = peer;
  network->peers = peers;
}

void network_own_peer(Network *network, Network *peer) {
  if (!network->owned)
    network->owned = g_ptr_array_new_with_free_func(free_owned);
  g_ptr_array_add(network->owned, peer);
  network_add_peer(network, peer);
}

#define FIND(array, n, id_)                                  \
  do {                                                       \
    for (gsize i_ = 0; (id_) && i_ < network->n; i_++)       \
      if (strcmp(network->array[i_].id, (id_)) == 0)         \
        return &network->array[i_];                          \
    return NULL;                                             \
  } while (0)

const Subnet *network_subnet(const Network *network, const char *id) { FIND(subnets, n_subnets, id); }
const RouteTable *network_route_table(const Network *network, const char *id) { FIND(route_tables, n_route_tables, id); }
const SecurityGroup *network_group(const Network *network, const char *id) { FIND(groups, n_groups, id); }
const NetworkAcl *network_acl(const Network *network, const char *id) { FIND(acls, n_acls, id); }
const Eni *network_eni(const Network *network, const char *id) { FIND(enis, n_enis, id); }
const Endpoint *network_endpoint(const Network *network, const char *id) { FIND(endpoints, n_endpoints, id); }
const PrefixList *network_prefix_list(const Network *network, const char *id) { FIND(prefix_lists, n_prefix_lists, id); }
const Peering *network_peering(const Network *network, const char *id) { FIND(peerings, n_peerings, id); }

/* The thing's own id stays the network's: others may have it. */
static const char *take_over(Network *network, const Network *part) {
  SecurityGroup *group = part->n_groups ? (SecurityGroup *) network_group(network, part->groups->id) : NULL;
  RouteTable *table = part->n_route_tables ? (RouteTable *) network_route_table(network, part->route_tables->id) : NULL;
  NetworkAcl *acl = part->n_acls ? (NetworkAcl *) network_acl(network, part->acls->id) : NULL;
  if (group) {
    group->n_rules = part->groups->n_rules;
    group->rules = part->groups->rules;
  } else if (table) {
    table->n_routes = part->route_tables->n_routes;
    table->routes = part->route_tables->routes;
  } else if (acl) {
    acl->n_entries = part->acls->n_entries;
    acl->entries = part->acls->entries;
  }
  return group ? group->id : table ? table->id : acl ? acl->id : NULL;
}

gboolean network_part_put(Network *network, Network *part) {
  const char *id = take_over(network, part);
  if (!id) {
    network_free(part);
    return FALSE;
  }
  if (!network->parts)
    network->parts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_owned);
  g_hash_table_replace(network->parts, g_strdup(id), part);
  return TRUE;
}

const Network *network_peer(const Network *network, const Peering *peering) {
  for (gsize i = 0; peering && peering->active && i < network->n_peers; i++)
    if (strcmp(network->peers[i]->vpc_id, peering->peer_vpc) == 0)
      return network->peers[i];
  return NULL;
}

const Eni *network_eni_ip(const Network *network, Ip address) {
  for (gsize i = 0; i < network->n_enis; i++)
    if (eni_has_ip(&network->enis[i], address))
      return &network->enis[i];
  return NULL;
}

const Eni *network_eni_at(const Network *network, guint32 address) { return address ? network_eni_ip(network, ip_of4(address)) : NULL; }

const Eni *network_eni_public(const Network *network, guint32 address) {
  for (gsize i = 0; address && i < network->n_enis; i++) {
    const Eni *eni = &network->enis[i];
    if (eni->public_address == address)
      return eni;
    for (gsize j = 0; j < eni->n_more; j++)
      if (eni->more[j].public_address == address)
        return eni;
  }
  return NULL;
}

gboolean network_is_local(const Network *network, Ip address) {
  for (gsize i = 0; ip_is4(address) && i < network->cidrs.n; i++)
    if (cidr_has(&network->cidrs.v[i], ip_to4(address)))
      return TRUE;
  for (gsize i = 0; i < network->cidrs6.n; i++)
    if (range_has(&network->cidrs6.v[i], address))
      return TRUE;
  return FALSE;
}
