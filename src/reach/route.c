/* route: which way a route table sends a packet. */
#include "reach/reach.h"

#include <string.h>

static const Route local = {.target = TARGET_LOCAL, .target_id = "local"};

static void consider(const Route *route, const Cidr *cidr, guint32 address, const Route **best, Cidr *best_cidr) {
  if (cidr_has(cidr, address) && (!*best || cidr->prefix > best_cidr->prefix)) {
    *best = route;
    *best_cidr = *cidr;
  }
}

/* https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html */
const Route *route_find(const Network *network, const RouteTable *table, guint32 address, Cidr *ret_cidr) {
  const Route *best = NULL;
  Cidr cidr = {0};
  for (gsize i = 0; i < network->cidrs.n; i++)
    consider(&local, &network->cidrs.v[i], address, &best, &cidr);
  for (gsize i = 0; table && !best && i < table->n_routes; i++) {
    const Route *route = &table->routes[i];
    if (!route->prefix_list)
      continue;
    const PrefixList *list = network_prefix_list(network, route->prefix_list);
    for (gsize j = 0; list && j < list->cidrs.n; j++)
      consider(route, &list->cidrs.v[j], address, &best, &cidr);
  }
  gboolean is_local = best == &local;
  for (gsize i = 0; table && !is_local && i < table->n_routes; i++)
    if (!table->routes[i].prefix_list)
      consider(&table->routes[i], &table->routes[i].destination, address, &best, &cidr);
  if (best && ret_cidr)
    *ret_cidr = cidr;
  return best;
}
