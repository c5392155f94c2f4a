/* things: what the router and the edge have besides interfaces: subnets' gateway addresses, route tables, gateways.
 * Each thing has a key that says all of it, so that a change is one thing less and one more. */
#include "fabric/vpc.h"

#include <string.h>

typedef struct Plan {
  Vpc *vpc;
  const Network *network;
  GHashTable *things;     /* key -> Thing * */
  GPtrArray *order;       /* keys */
  Arena *arena;
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
static Ip link_address(guint number, gboolean edge) { return ip_of4((169U << 24 | 254U << 16 | 64U << 8) + number % 4000 * 2 + (edge ? 1 : 0)); }

/* A veth pair between router and edge. The edge answers through it: a default route of its own, used by sockets bound to the device. */
static void plan_link(Plan *p, const char *key, const char *device, const char *edge_device, guint number) {
  Thing *thing = plan(p, g_strdup(key));
  if (!thing)
    return;
  Ip near = link_address(number, FALSE), far = link_address(number, TRUE);
  net_veth(thing->make, device, router_mac, 0, edge_device, edge_mac, p->vpc->fabric->edge);
  net_address(thing->make, NET_ADDRESS, device, near, 32);
  net_neighbour(thing->make, device, far, edge_mac);
  g_strlcpy(thing->link, device, sizeof thing->link);
  net_device(thing->edge, NET_UP, edge_device);
  net_neighbour(thing->edge, edge_device, near, router_mac);
  net_route(thing->edge, NET_ROUTE, edge_device, &any4, near, EDGE_REPLIES, ++p->vpc->fabric->next_metric);
  if (p->vpc->fabric->ipv6) {
    net_neighbour(thing->make, device, link_local6, edge_mac);
    net_neighbour(thing->edge, edge_device, link_local6, router_mac);
  }
  net_device(thing->unmake, NET_LINK_DELETE, device);
}

static void plan_local(Plan *p, const Range *range) {
  Thing *thing = plan(p, g_strdup_printf("local %s", range_text(p->arena, range)));
  if (!thing)
    return;
  net_route(thing->make, NET_ROUTE, "noroute", range, no_ip, 0, 0);
  net_route(thing->unmake, NET_ROUTE_DELETE, "noroute", range, no_ip, 0, 0);
}

static void plan_loopback(Plan *p, guint32 address) {
  Thing *thing = plan(p, g_strdup_printf("address %u", address));
  if (!thing)
    return;
  net_address(thing->make, NET_ADDRESS, "lo", ip_of4(address), 32);
  net_address(thing->unmake, NET_ADDRESS_DELETE, "lo", ip_of4(address), 32);
}

/* --- route tables --- */

/* Where a route leads: a device and the neighbour behind it. */
typedef struct Way { char device[16]; Ip gateway; } Way;

/* The interface of a NAT gateway, or the one with this id. */
static const Eni *target_eni(const Network *network, const Route *route) {
  if (route->target == TARGET_INTERFACE)
    return network_eni(network, route->target_id);
  for (gsize i = 0; i < network->n_enis; i++)
    if (network->enis[i].kind == ENI_NAT && g_strcmp0(network->enis[i].owner, route->target_id) == 0)
      return &network->enis[i];
  return NULL;
}

static void way_to_eni(Plan *p, const Route *route, gboolean ipv6, Way *way) {
  const Eni *eni = target_eni(p->network, route);
  Ip address;
  if (!eni || !eni_ip(eni, ipv6, &address))
    return;
  gboolean takes = eni->no_source_check || eni->kind != ENI_ORDINARY;
  if (takes)
    g_snprintf(way->device, sizeof way->device, "e%u", numbers_get(&p->vpc->numbers, eni->id));
  else
    g_strlcpy(way->device, "checked", sizeof way->device);
  way->gateway = takes ? address : no_ip;
}

/* A route to what is not there leads to a device that names it. */
static Way way_of(Plan *p, const Route *route, gboolean ipv6) {
  const Network *network = p->network;
  Way way = {.device = "blackhole"};
  if (route->target == TARGET_INTERNET_GATEWAY && g_strcmp0(network->internet_gateway, route->target_id) == 0) {
    g_strlcpy(way.device, "igw", sizeof way.device);
    way.gateway = ipv6 ? link_local6 : link_address(0, TRUE);
  } else if (route->target == TARGET_EGRESS_ONLY_GATEWAY && ipv6 && g_strcmp0(network->egress_only_gateway, route->target_id) == 0) {
    g_strlcpy(way.device, "eigw", sizeof way.device);
    way.gateway = link_local6;
  } else if (route->target == TARGET_GATEWAY_ENDPOINT && network_endpoint(network, route->target_id)) {
    guint number = numbers_get(&p->vpc->numbers, route->target_id);
    g_snprintf(way.device, sizeof way.device, "gw%u", number);
    way.gateway = ipv6 ? link_local6 : link_address(number, TRUE);
  } else if (route->target == TARGET_PEERING && g_hash_table_contains(p->vpc->links, route->target_id)) {
    g_snprintf(way.device, sizeof way.device, "x%u", numbers_get(&p->vpc->numbers, route->target_id));
    way.gateway = ipv6 ? link_local6 : link_address(0, TRUE);
  } else if (route->target == TARGET_NAT_GATEWAY || route->target == TARGET_INTERFACE) {
    way_to_eni(p, route, ipv6, &way);
  }
  return way;
}

/* Whether a range lies in the VPC's own: then it is looked up before the local routes. */
static gboolean is_within_local(const Network *network, const Range *range) {
  for (gsize i = 0; i < network->cidrs.n; i++) {
    Range own = range_of4(network->cidrs.v[i]);
    if (range->prefix >= own.prefix && range_has(&own, range->address))
      return TRUE;
  }
  for (gsize i = 0; i < network->cidrs6.n; i++)
    if (range->prefix >= network->cidrs6.v[i].prefix && range_has(&network->cidrs6.v[i], range->address))
      return TRUE;
  return FALSE;
}

static gboolean is_local_itself(const Network *network, const Range *range) {
  for (gsize i = 0; i < network->cidrs.n; i++) {
    Range own = range_of4(network->cidrs.v[i]);
    if (range->prefix == own.prefix && range_has(&own, range->address))
      return TRUE;
  }
  for (gsize i = 0; i < network->cidrs6.n; i++)
    if (range->prefix == network->cidrs6.v[i].prefix && range_has(&network->cidrs6.v[i], range->address))
      return TRUE;
  return FALSE;
}

typedef struct Entry { Range range; const Route *route; } Entry;

/* The first of equal ranges stays, as route_find has it: ranges of routes before those of prefix lists. */
static void add_entry(GArray *entries, const Range *range, const Route *route) {
  Range base = {range_base(range), range->prefix};
  for (guint i = 0; i < entries->len; i++) {
    const Entry *entry = &g_array_index(entries, Entry, i);
    if (entry->range.prefix == base.prefix && ip_equal(entry->range.address, base.address))
      return;
  }
  Entry entry = {base, route};
  g_array_append_val(entries, entry);
}

static GArray *entries_of(const Network *network, const RouteTable *table) {
  GArray *entries = g_array_new(FALSE, FALSE, sizeof(Entry));
  for (gsize i = table->n_routes; i-- > 0;)
    if (!table->routes[i].prefix_list && table->routes[i].target != TARGET_LOCAL)
      add_entry(entries, &table->routes[i].destination, &table->routes[i]);
  for (gsize i = 0; i < table->n_routes; i++) {
    const PrefixList *list = network_prefix_list(network, table->routes[i].prefix_list);
    for (gsize j = 0; list && j < list->cidrs.n; j++)
      if (!is_local_itself(network, &list->cidrs.v[j]))
        add_entry(entries, &list->cidrs.v[j], &table->routes[i]);
  }
  return entries;
}

static void plan_entry(Plan *p, guint table, const Entry *entry) {
  gboolean ipv6 = !range_is4(&entry->range);
  if (ipv6 && !p->vpc->fabric->ipv6)
    return;
  Way way = way_of(p, entry->route, ipv6);
  guint in = (is_within_local(p->network, &entry->range) ? BEFORE_LOCAL_BASE : ROUTE_TABLE_BASE) + table;
  Thing *thing = plan(p, g_strdup_printf("route %u %s %s %s", in, range_text(p->arena, &entry->range), way.device, ip_text(p->arena, way.gateway)));
  if (!thing)
    return;
  net_route(thing->make, NET_ROUTE, way.device, &entry->range, way.gateway, in, 0);
  net_route(thing->unmake, NET_ROUTE_DELETE, way.device, &entry->range, no_ip, in, 0);
}

/* What a checking interface takes all the same: its own addresses. */
static void plan_own(Plan *p, guint table, const Entry *entry) {
  const Eni *eni = entry->route->target == TARGET_INTERFACE ? target_eni(p->network, entry->route) : NULL;
  if (!eni || eni->no_source_check || eni->kind != ENI_ORDINARY || !is_within_local(p->network, &entry->range))
    return;
  char device[16];
  g_snprintf(device, sizeof device, "e%u", numbers_get(&p->vpc->numbers, eni->id));
  for (gsize i = 0; i <= eni->n_more; i++) {
    Range own = ip_range(i < eni->n_more ? eni->more[i].address : ip_of4(eni->address));
    Thing *thing = range_has(&entry->range, own.address) ? plan(p, g_strdup_printf("own %u %s %s", table, range_text(p->arena, &own), device)) : NULL;
    if (!thing)
      continue;
    net_route(thing->make, NET_ROUTE, device, &own, no_ip, BEFORE_LOCAL_BASE + table, 0);
    net_route(thing->unmake, NET_ROUTE_DELETE, device, &own, no_ip, BEFORE_LOCAL_BASE + table, 0);
  }
}

/* The rule that leads from a subnet's mark to a kernel table. */
static void plan_rule(Plan *p, guint mark, guint priority, guint base, gboolean ipv6) {
  Thing *thing = plan(p, g_strdup_printf("rule %u %u %d", priority, mark, ipv6));
  if (!thing)
    return;
  net_rule(thing->make, NET_RULE, ipv6, priority, mark, base + mark);
  net_rule(thing->unmake, NET_RULE_DELETE, ipv6, priority, mark, base + mark);
}

static void plan_routes(Plan *p, const RouteTable *table) {
  guint number = numbers_get(&p->vpc->numbers, table->id);
  g_autoptr(GArray) entries = entries_of(p->network, table);
  plan_rule(p, number, 1000, ROUTE_TABLE_BASE, FALSE);
  for (guint i = 0; i < entries->len; i++) {
    const Entry *entry = &g_array_index(entries, Entry, i);
    gboolean ipv6 = !range_is4(&entry->range);
    if (ipv6 && p->vpc->fabric->ipv6)
      plan_rule(p, number, 1000, ROUTE_TABLE_BASE, TRUE);
    if (is_within_local(p->network, &entry->range))
      plan_rule(p, number, 50, BEFORE_LOCAL_BASE, ipv6);
    plan_entry(p, number, entry);
    plan_own(p, number, entry);
  }
}

/* --- the whole --- */

/* The edge's way back to a public address of this VPC, or its IPv6 range. */
static void plan_edge_route(Plan *p, const Range *to, const char *edge_device) {
  Thing *thing = plan(p, g_strdup_printf("public %s %s", range_text(p->arena, to), edge_device));
  if (!thing)
    return;
  net_route(thing->edge, NET_ROUTE, edge_device, to, range_is4(to) ? link_address(0, FALSE) : link_local6, 0, 0);
  net_route(thing->unmake, NET_ROUTE_DELETE, edge_device, to, no_ip, 0, 0);
  thing->in_edge = TRUE;
}

static void plan_public(Plan *p, guint32 address, const char *edge_device) {
  Range range = ip_range(ip_of4(address));
  if (address)
    plan_edge_route(p, &range, edge_device);
}

static void plan_internet(Plan *p) {
  const Network *network = p->network;
  char igw[16], eigw[16];
  g_snprintf(igw, sizeof igw, "i%u", p->vpc->number);
  g_snprintf(eigw, sizeof eigw, "q%u", p->vpc->number);
  if (network->internet_gateway)
    plan_link(p, "igw", "igw", igw, 0);
  if (network->egress_only_gateway && p->vpc->fabric->ipv6)
    plan_link(p, "eigw", "eigw", eigw, 1);
  for (gsize i = 0; network->internet_gateway && i < network->n_enis; i++) {
    plan_public(p, network->enis[i].public_address, igw);
    for (gsize j = 0; j < network->enis[i].n_more; j++)
      plan_public(p, network->enis[i].more[j].public_address, igw);
  }
  for (gsize i = 0; p->vpc->fabric->ipv6 && i < network->cidrs6.n; i++)
    if (network->internet_gateway || network->egress_only_gateway)
      plan_edge_route(p, &network->cidrs6.v[i], network->internet_gateway ? igw : eigw);
}

static void plan_endpoints(Plan *p) {
  char device[16], edge_device[16];
  for (gsize i = 0; i < p->network->n_endpoints; i++) {
    const Endpoint *endpoint = &p->network->endpoints[i];
    guint number = endpoint->gateway ? numbers_get(&p->vpc->numbers, endpoint->id) : 0;
    if (!endpoint->gateway)
      continue;
    g_autofree char *key = g_strdup_printf("gateway %s", endpoint->id);
    g_snprintf(device, sizeof device, "gw%u", number);
    g_snprintf(edge_device, sizeof edge_device, "g%u_%u", p->vpc->number, number);
    plan_link(p, key, device, edge_device, number);
  }
}

static void plan_all(Plan *p) {
  const Network *network = p->network;
  for (gsize i = 0; i < network->cidrs.n; i++) {
    Range range = range_of4(network->cidrs.v[i]);
    plan_local(p, &range);
  }
  for (gsize i = 0; i < network->cidrs6.n; i++)
    plan_local(p, &network->cidrs6.v[i]);
  for (gsize i = 0; i < network->n_subnets; i++)
    plan_loopback(p, cidr_base(&network->subnets[i].cidr) + 1);
  plan_internet(p);
  plan_endpoints(p);
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
    if (thing->link[0])
      TRY(net_settle(vpc->fabric, vpc->router, thing->link));
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
    TRY(edge_listen(vpc, device, network->endpoints[i].id, FALSE));
  }
  return NULL;
}

Error *things_apply(Vpc *vpc, const Network *network) {
  g_autoptr(GHashTable) things = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, thing_free);
  g_autoptr(GPtrArray) order = g_ptr_array_new();
  g_autoptr(Arena) arena = arena_new();
  Plan p = {vpc, network, things, order, arena};
  plan_all(&p);
  TRY(unmake_old(vpc, &p));
  TRY(make_new(vpc, &p));
  return listen_on_gateways(vpc, network);
}
