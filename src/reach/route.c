/* route: which way a route table sends a packet. */
#include "reach/reach.h"

#include <string.h>

static const Route local = {.target = TARGET_LOCAL, .target_id = "local"};

/* The longer wins; of the same length the later one, if it wins ties. */
static void consider(const Route *route, const Range *range, Ip address, gboolean wins_ties, const Route **best, Range *best_range) {
  if (range_has(range, address) && (!*best || range->prefix > best_range->prefix || (wins_ties && range->prefix == best_range->prefix))) {
    *best = route;
    *best_range = *range;
  }
}

/* The longest prefix. Of equal ones: a range, then local, then a prefix list. A table has a range like the VPC's own only if its local route
 * was given another target. https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html */
const Route *route_find(const Network *network, const RouteTable *table, Ip address, Range *ret_range) {
  const Route *best = NULL;
  Range range = {0};
  for (gsize i = 0; i < network->cidrs.n; i++) {
    Range own = range_of4(network->cidrs.v[i]);
    consider(&local, &own, address, FALSE, &best, &range);
  }
  for (gsize i = 0; i < network->cidrs6.n; i++)
    consider(&local, &network->cidrs6.v[i], address, FALSE, &best, &range);
  for (gsize i = 0; table && i < table->n_routes; i++) {
    const PrefixList *list = network_prefix_list(network, table->routes[i].prefix_list);
    for (gsize j = 0; list && j < list->cidrs.n; j++)
      consider(&table->routes[i], &list->cidrs.v[j], address, FALSE, &best, &range);
  }
  for (gsize i = 0; table && i < table->n_routes; i++)
    if (!table->routes[i].prefix_list && table->routes[i].target != TARGET_LOCAL)
      consider(&table->routes[i], &table->routes[i].destination, address, TRUE, &best, &range);
  if (best && ret_range)
    *ret_range = range;
  return best;
}
