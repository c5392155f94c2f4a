/* walk: the way of a packet through the stages of pipeline.def, and of the reply back through the stateless ones. */
#include "reach/rules.h"

#include <string.h>

enum { EPHEMERAL_PORT = 45000 };   /* stands for the ports that Linux gives to clients, 32768 to 60999 */

typedef struct Walk {
  const Network *network;
  const Packet *packet;
  Arena *arena;
  Verdict *verdict;
} Walk;

/* Adds a step. Returns passed. */
static gboolean step(Walk *walk, ReachStage stage, gboolean passed, const char *rule, const char *text) {
  Verdict *verdict = walk->verdict;
  verdict->steps[verdict->n_steps++] = (Step){stage, passed, rule, text};
  if (!passed) {
    verdict->stage = stage;
    verdict->rule = rule;
  }
  return passed;
}

static const char *address(Walk *walk, guint32 value) { return address_text(walk->arena, value); }

static gboolean walk_local(Walk *walk, const Subnet *subnet) {
  const Network *network = walk->network;
  guint32 to = walk->packet->destination;
  walk->verdict->receiver = network_eni_at(network, to);
  if (!walk->verdict->receiver)
    return step(walk, STAGE_ROUTE, FALSE, "local", arena_printf(walk->arena, "no interface of the VPC has %s", address(walk, to)));
  if (walk->verdict->receiver->kind == ENI_ENDPOINT)
    walk->verdict->endpoint = network_endpoint(network, walk->verdict->receiver->owner);
  return step(walk, STAGE_ROUTE, TRUE, subnet->route_table,
              arena_printf(walk->arena, "%s is local: %s", address(walk, to), walk->verdict->receiver->id));
}

static gboolean walk_target(Walk *walk, const Subnet *subnet, const Eni *eni, const Route *route, const Cidr *cidr) {
  Arena *arena = walk->arena;
  const char *rule = subnet->route_table, *cidr_of = cidr_text(arena, cidr);
  switch (route->target) {
  case TARGET_LOCAL: return walk_local(walk, subnet);
  case TARGET_INTERNET_GATEWAY:
    if (!eni->public_address)
      return step(walk, STAGE_ROUTE, FALSE, "igw", arena_printf(arena, "%s sends %s to %s, but %s has no public address", rule, cidr_of, route->target_id, eni->id));
    return step(walk, STAGE_ROUTE, TRUE, rule, arena_printf(arena, "%s via %s as %s", cidr_of, route->target_id, address(walk, eni->public_address)));
  case TARGET_GATEWAY_ENDPOINT:
    walk->verdict->endpoint = network_endpoint(walk->network, route->target_id);
    return step(walk, STAGE_ROUTE, TRUE, rule, arena_printf(arena, "%s via gateway endpoint %s", cidr_of, route->target_id));
  case TARGET_NAT_GATEWAY:
    for (gsize i = 0; i < walk->network->n_enis; i++)
      if (walk->network->enis[i].kind == ENI_NAT && g_strcmp0(walk->network->enis[i].owner, route->target_id) == 0)
        walk->verdict->receiver = &walk->network->enis[i];
    if (walk->verdict->receiver)
      return step(walk, STAGE_ROUTE, TRUE, rule, arena_printf(arena, "%s via %s", cidr_of, route->target_id));
    break;
  case TARGET_INTERFACE:
    walk->verdict->receiver = network_eni(walk->network, route->target_id);
    if (walk->verdict->receiver)
      return step(walk, STAGE_ROUTE, TRUE, rule, arena_printf(arena, "%s via %s", cidr_of, route->target_id));
    break;
  case TARGET_BLACKHOLE: break;
  }
  return step(walk, STAGE_ROUTE, FALSE, "blackhole", arena_printf(arena, "%s sends %s to %s, which is gone", rule, cidr_of, route->target_id));
}

static gboolean walk_route(Walk *walk, const Subnet *subnet, const Eni *eni) {
  const RouteTable *table = network_route_table(walk->network, subnet->route_table);
  Cidr cidr;
  const Route *route = route_find(walk->network, table, walk->packet->destination, &cidr);
  if (!route)
    return step(walk, STAGE_ROUTE, FALSE, subnet->route_table,
                arena_printf(walk->arena, "%s has no route to %s", subnet->route_table, address(walk, walk->packet->destination)));
  return walk_target(walk, subnet, eni, route, &cidr);
}

static gboolean walk_groups(Walk *walk, const Eni *eni, gboolean egress, guint32 far_address) {
  Far far = {far_address, walk->packet->protocol, walk->packet->port};
  ReachStage stage = egress ? STAGE_GROUP_OUT : STAGE_GROUP_IN;
  const GroupRule *rule = groups_allow(walk->network, eni, egress, &far);
  if (rule)
    return step(walk, stage, TRUE, rule->id, arena_printf(walk->arena, "%s allows it", rule->id));
  const char *groups = groups_text(eni, walk->arena);
  return step(walk, stage, FALSE, groups, arena_printf(walk->arena, "no %s rule of %s allows it", egress ? "outbound" : "inbound", groups));
}

static gboolean walk_acl(Walk *walk, const Subnet *subnet, gboolean egress, guint32 far_address, guint16 port, const char *what) {
  const NetworkAcl *acl = subnet ? network_acl(walk->network, subnet->acl) : NULL;
  if (!acl)
    return TRUE;
  Far far = {far_address, walk->packet->protocol, port};
  const AclEntry *entry = acl_decide(acl, egress, &far);
  const char *rule = entry ? arena_printf(walk->arena, "%s:%d", acl->id, entry->number) : arena_printf(walk->arena, "%s:*", acl->id);
  gboolean allowed = entry && entry->allow;
  return step(walk, egress ? STAGE_ACL_OUT : STAGE_ACL_IN, allowed, rule,
              arena_printf(walk->arena, "%s %s %s", rule, allowed ? "allows" : "denies", what));
}

/* Behind a NAT gateway: its own subnet must lead to the internet. */
static gboolean walk_nat(Walk *walk, const Eni *nat) {
  const Subnet *subnet = network_subnet(walk->network, nat->subnet);
  const RouteTable *table = subnet ? network_route_table(walk->network, subnet->route_table) : NULL;
  Cidr cidr;
  const Route *route = table ? route_find(walk->network, table, walk->packet->destination, &cidr) : NULL;
  if (!route)
    return step(walk, STAGE_ROUTE, FALSE, table ? table->id : "none", arena_printf(walk->arena, "the subnet of %s has no route to %s", nat->owner,
      address(walk, walk->packet->destination)));
  return walk_target(walk, subnet, nat, route, &cidr);
}

/* Base plus two, and the link-local one. */
static gboolean is_resolver(const Network *network, guint32 to) {
  return to == (169U << 24 | 254U << 16 | 169U << 8 | 253U) || (network->cidrs.n && to == cidr_base(&network->cidrs.v[0]) + 2);
}

static gboolean walk_all(Walk *walk, const Eni *source) {
  const Network *network = walk->network;
  const Subnet *from = network_subnet(network, source->subnet);
  guint32 to = walk->packet->destination;
  guint16 port = walk->packet->port;
  if (!from)
    return step(walk, STAGE_ROUTE, FALSE, "none", "its subnet is gone");
  if (to == source->address)
    return step(walk, STAGE_DELIVER, TRUE, "local", "the interface's own address");
  if (is_resolver(network, to))   /* groups and ACLs do not see it */
    return step(walk, STAGE_DELIVER, port == 53, "resolver", port == 53 ? "the VPC's resolver" : "the VPC's resolver answers on port 53 only");
  if (!walk_route(walk, from, source))
    return FALSE;
  const Eni *receiver = walk->verdict->receiver;
  const Subnet *into = receiver ? network_subnet(network, receiver->subnet) : NULL;
  gboolean crosses = into != from;
  if (source->kind == ENI_ORDINARY && !walk_groups(walk, source, TRUE, to))
    return FALSE;
  if (crosses && (!walk_acl(walk, from, TRUE, to, port, "it") || !walk_acl(walk, into, FALSE, source->address, port, "it")))
    return FALSE;
  if (receiver && receiver->kind != ENI_NAT && !walk_groups(walk, receiver, FALSE, source->address))
    return FALSE;
  if (receiver && receiver->kind == ENI_NAT && !walk_nat(walk, receiver))
    return FALSE;
  return !crosses || (walk_acl(walk, into, TRUE, source->address, EPHEMERAL_PORT, "the reply") &&
                      walk_acl(walk, from, FALSE, to, EPHEMERAL_PORT, "the reply"));
}

Error *reach_walk(const Network *network, const Packet *packet, Arena *arena, Verdict *ret_verdict) {
  const Eni *source = network_eni(network, packet->eni);
  if (!source)
    return error_answer("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", packet->eni);
  Verdict verdict = {.source = source, .steps = ARENA_ARRAY(arena, Step, 16)};
  Walk walk = {network, packet, arena, &verdict};
  verdict.delivered = walk_all(&walk, source);
  *ret_verdict = verdict;
  return NULL;
}
