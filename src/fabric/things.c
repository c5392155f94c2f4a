/* things: what the router and the edge have besides interfaces: subnets' gateway addresses, route tables, gateways.
 * Each thing has a key that says all of it, so that a change is one thing less and one more. */
#include "fabric/vpc.h"

#include <string.h>

typedef struct Plan {
  Vpc *vpc;
  const Network *network;
  GHashTable *things;     /* key -> Thing * */
  GPtrArray *order;       /* keys */
} Plan;

void thing_free(gpointer data) {
  Thing *thing = data;
  g_array_unref(thing->make);
  g_array_unref(thing->unmake);
  g_array_unref(thing->edge);
  g_free(thing);
}

/* A new thing in the plan, or NULL if it is there already (takes key). */
static Thing *plan(Plan *p, char *key) {
  if (g_hash_table_contains(p->things, key)) {
    g_free(key);
    return NULL;
  }
  Thing *thing = g_new0(Thing, 1);
  thing->make = net_ops();
  thing->unmake = net_ops();
  thing->edge = net_ops();
  g_hash_table_insert(p->things, key, thing);
  g_ptr_array_add(p->order, key);
  return thing;
}

/* Addresses of the two ends of a link to the edge, the same in every VPC. */
static guint32 link_address(guint number, gboolean edge) { return (169U << 24 | 254U << 16 | 64U << 8) + number % 4000 * 2 + (edge ? 1 : 0); }

/* A veth pair between router and edge. The edge answers through it: a default route of its own, used by sockets bound to the device. */
static void plan_link(Plan *p, const char *key, const char *device, const char *edge_device, guint number) {
  Thing *thing = plan(p, g_strdup(key));
  if (!thing)
    return;
  guint32 near = link_address(number, FALSE), far = link_address(number, TRUE);
  net_veth(thing->make, device, router_mac, 0, edge_device, edge_mac, p->vpc->fabric->edge);
  net_address(thing->make, device, near, 32);
  net_neighbour(thing->make, device, far, edge_mac);
  net_device(thing->edge, NET_UP, edge_device);
  net_neighbour(thing->edge, edge_device, near, router_mac);
  net_route(thing->edge, NET_ROUTE, edge_device, 0, 0, near, 0, ++p->vpc->fabric->next_metric);
  net_device(thing->unmake, NET_LINK_DELETE, device);
}

static void plan_local(Plan *p, const Cidr *cidr) {
  Thing *thing = plan(p, g_strdup_printf("local %u/%u", cidr_base(cidr), cidr->prefix));
  if (!thing)
    return;
  net_route(thing->make, NET_ROUTE, "noroute", cidr_base(cidr), cidr->prefix, 0, 0, 0);
  net_route(thing->unmake, NET_ROUTE_DELETE, "noroute", cidr_base(cidr), cidr->prefix, 0, 0, 0);
}

static void plan_loopback(Plan *p, guint32 address) {
  Thing *thing = plan(p, g_strdup_printf("address %u", address));
  if (!thing)
    return;
  net_address(thing->make, "lo", address, 32);
  NetOp op = {.kind = NET_ADDRESS_DELETE, .device = "lo", .address = htonl(address), .prefix = 32};
  g_array_append_val(thing->unmake, op);
}

static void plan_route(Plan *p, guint table, const Cidr *to, const char *device, guint32 gateway) {
  Thing *thing = plan(p, g_strdup_printf("route %u %u/%u %s %u", table, cidr_base(to), to->prefix, device, gateway));
  if (!thing)
    return;
  net_route(thing->make, NET_ROUTE, device, cidr_base(to), to->prefix, gateway, ROUTE_TABLE_BASE + table, 0);
  net_route(thing->unmake, NET_ROUTE_DELETE, device, cidr_base(to), to->prefix, 0, ROUTE_TABLE_BASE + table, 0);
}

static void plan_range(Plan *p, guint table, const Range *to, const char *device, guint32 gateway) {
  Cidr cidr = {ip_to4(to->address), to->prefix};
  if (range_is4(to))
    plan_route(p, table, &cidr, device, gateway);
}

/* The interface of a NAT gateway, or the one with this id. */
static const Eni *target_eni(const Network *network, const Route *route) {
  if (route->target == TARGET_INTERFACE)
    return network_eni(network, route->target_id);
  for (gsize i = 0; i < network->n_enis; i++)
    if (network->enis[i].kind == ENI_NAT && g_strcmp0(network->enis[i].owner, route->target_id) == 0)
      return &network->enis[i];
  return NULL;
}

/* Device and gateway of a route. */
static void route_way(Plan *p, const Route *route, char device[16], guint32 *ret_gateway) {
  const Network *network = p->network;
  g_strlcpy(device, "blackhole", 16);
  *ret_gateway = 0;
  if (route->target == TARGET_INTERNET_GATEWAY && g_strcmp0(network->internet_gateway, route->target_id) == 0) {
    g_strlcpy(device, "igw", 16);
    *ret_gateway = link_address(0, TRUE);
  } else if (route->target == TARGET_GATEWAY_ENDPOINT && network_endpoint(network, route->target_id)) {
    guint number = numbers_get(&p->vpc->numbers, route->target_id);
    g_snprintf(device, 16, "gw%u", number);
    *ret_gateway = link_address(number, TRUE);
  } else if (route->target == TARGET_NAT_GATEWAY || route->target == TARGET_INTERFACE) {
    const Eni *eni = target_eni(network, route);
    if (eni) {
      g_snprintf(device, 16, "e%u", numbers_get(&p->vpc->numbers, eni->id));
      *ret_gateway = eni->address;
    }
  }
}

static void plan_routes(Plan *p, const RouteTable *table) {
  guint number = numbers_get(&p->vpc->numbers, table->id);
  Thing *rule = plan(p, g_strdup_printf("rule %u", number));
  net_rule(rule->make, NET_RULE, ROUTE_TABLE_BASE + number, number, ROUTE_TABLE_BASE + number);
  net_rule(rule->unmake, NET_RULE_DELETE, ROUTE_TABLE_BASE + number, number, ROUTE_TABLE_BASE + number);
  for (gsize i = 0; i < table->n_routes; i++) {
    const Route *route = &table->routes[i];
    char device[16];
    guint32 gateway = 0;
    if (route->target == TARGET_LOCAL)
      continue;
    route_way(p, route, device, &gateway);
    const PrefixList *list = network_prefix_list(p->network, route->prefix_list);
    if (!route->prefix_list)
      plan_range(p, number, &route->destination, device, gateway);
    for (gsize j = 0; list && j < list->cidrs.n; j++)
      plan_range(p, number, &list->cidrs.v[j], device, gateway);
  }
}

/* The edge's way back to public addresses of this VPC's interfaces. */
static void plan_public(Plan *p, const Eni *eni, const char *edge_device) {
  Thing *thing = eni->public_address ? plan(p, g_strdup_printf("public %u", eni->public_address)) : NULL;
  if (!thing)
    return;
  net_route(thing->edge, NET_ROUTE, edge_device, eni->public_address, 32, link_address(0, FALSE), 0, 0);
  net_route(thing->unmake, NET_ROUTE_DELETE, edge_device, eni->public_address, 32, 0, 0, 0);
  thing->in_edge = TRUE;
}

static void plan_all(Plan *p) {
  const Network *network = p->network;
  char device[16], edge_device[16];
  for (gsize i = 0; i < network->cidrs.n; i++)
    plan_local(p, &network->cidrs.v[i]);
  for (gsize i = 0; i < network->n_subnets; i++)
    plan_loopback(p, cidr_base(&network->subnets[i].cidr) + 1);
  g_snprintf(edge_device, sizeof edge_device, "i%u", p->vpc->number);
  if (network->internet_gateway)
    plan_link(p, "igw", "igw", edge_device, 0);
  for (gsize i = 0; network->internet_gateway && i < network->n_enis; i++)
    plan_public(p, &network->enis[i], edge_device);
  for (gsize i = 0; i < network->n_endpoints; i++) {
    if (!network->endpoints[i].gateway)
      continue;
    guint number = numbers_get(&p->vpc->numbers, network->endpoints[i].id);
    g_autofree char *key = g_strdup_printf("gateway %s", network->endpoints[i].id);
    g_snprintf(device, sizeof device, "gw%u", number);
    g_snprintf(edge_device, sizeof edge_device, "g%u_%u", p->vpc->number, number);
    plan_link(p, key, device, edge_device, number);
  }
  for (gsize i = 0; i < network->n_route_tables; i++)
    plan_routes(p, &network->route_tables[i]);
}

static Error *unmake(Vpc *vpc, const char *key, const Thing *thing) {
  if (g_str_has_prefix(key, "gateway ")) {
    g_autofree char *device = g_strdup_printf("g%u_%u", vpc->number, numbers_get(&vpc->numbers, key + strlen("gateway ")));
    edge_unlisten(vpc, device);
  }
  return net_run(vpc->fabric, thing->in_edge ? vpc->fabric->edge : vpc->router, thing->unmake);
}

static Error *unmake_old(Vpc *vpc, const Plan *p) {
  for (guint i = vpc->order->len; i-- > 0;) {
    const char *key = vpc->order->pdata[i];
    if (g_hash_table_contains(p->things, key))
      continue;
    TRY(unmake(vpc, key, g_hash_table_lookup(vpc->things, key)));
    g_hash_table_remove(vpc->things, key);
    g_ptr_array_remove_index(vpc->order, i);
  }
  return NULL;
}

static Error *make_new(Vpc *vpc, const Plan *p) {
  for (guint i = 0; i < p->order->len; i++) {
    const char *key = p->order->pdata[i];
    if (g_hash_table_contains(vpc->things, key))
      continue;
    const Thing *thing = g_hash_table_lookup(p->things, key);
    TRY(net_run(vpc->fabric, vpc->router, thing->make));
    TRY(net_run(vpc->fabric, vpc->fabric->edge, thing->edge));
    gpointer stolen_key = NULL, stolen = NULL;
    g_hash_table_steal_extended(p->things, key, &stolen_key, &stolen);
    g_hash_table_insert(vpc->things, stolen_key, stolen);
    g_ptr_array_add(vpc->order, stolen_key);
  }
  return NULL;
}

static Error *listen_on_gateways(Vpc *vpc, const Network *network) {
  for (gsize i = 0; i < network->n_endpoints; i++) {
    if (!network->endpoints[i].gateway)
      continue;
    g_autofree char *device = g_strdup_printf("g%u_%u", vpc->number, numbers_get(&vpc->numbers, network->endpoints[i].id));
    TRY(edge_listen(vpc, device, network->endpoints[i].id));
  }
  return NULL;
}

Error *things_apply(Vpc *vpc, const Network *network) {
  g_autoptr(GHashTable) things = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, thing_free);
  g_autoptr(GPtrArray) order = g_ptr_array_new();
  Plan p = {vpc, network, things, order};
  plan_all(&p);
  TRY(unmake_old(vpc, &p));
  TRY(make_new(vpc, &p));
  return listen_on_gateways(vpc, network);
}
