/* walk: the way of a packet through the stages of pipeline.def, into a peered VPC if it leads there, and of the reply back through the
 * stateless stages. */
#include "reach/rules.h"

#include <netinet/in.h>
#include <string.h>

enum { EPHEMERAL_PORT = 45000, STEPS_MAX = 32 };   /* the port stands for those that Linux gives to clients, 32768 to 60999 */

/* Where a packet is to go, as the route decided it. */
typedef struct Way {
  const Network *network;    /* where the receiver is; NULL: a peer that is not known here */
  const Eni *receiver;       /* NULL: it leaves */
  const Peering *peering;    /* that it crosses, or NULL */
} Way;

typedef struct Walk {
  const Network *network;    /* of the source */
  const Packet *packet;
  Ip from, to;
  Arena *arena;
  Verdict *verdict;
  gboolean replying;         /* what comes is about the reply */
} Walk;

/* Adds a step of a stage of that network. Returns whether the walk goes on: it passed, or all is to be told. */
static gboolean step(Walk *walk, const Network *network, ReachStage stage, gboolean passed, const char *rule, const char *text) {
  Verdict *verdict = walk->verdict;
  g_return_val_if_fail(verdict->n_steps < STEPS_MAX, FALSE);
  verdict->steps[verdict->n_steps++] = (Step){stage, passed, rule, text, network->vpc_id, walk->replying};
  if (!passed && !verdict->rule) {
    verdict->stage = stage;
    verdict->rule = rule;
    verdict->network = network;
    verdict->reply = walk->replying;
  }
  return passed || (walk->packet->through && stage != STAGE_ROUTE && stage != STAGE_DELIVER);
}

static const char *write_ip(Walk *walk, Ip value) { return ip_text(walk->arena, value); }

/* --- routes --- */

static gboolean walk_local(Walk *walk, const Network *network, const char *rule, Way *way) {
  way->network = network;
  way->receiver = network_eni_ip(network, walk->to);
  if (!way->receiver)
    return step(walk, network, STAGE_ROUTE, FALSE, "local", arena_printf(walk->arena, "no interface of the VPC has %s", write_ip(walk, walk->to)));
  if (way->receiver->kind == ENI_ENDPOINT)
    walk->verdict->endpoint = network_endpoint(network, way->receiver->owner);
  return step(walk, network, STAGE_ROUTE, TRUE, rule, arena_printf(walk->arena, "%s is local: %s", write_ip(walk, walk->to), way->receiver->id));
}

/* An internet gateway takes IPv4 only from who has a public address. */
static gboolean walk_internet(Walk *walk, const Eni *eni, const Route *route, const char *rule, const char *range) {
  Arena *arena = walk->arena;
  walk->verdict->leaves_as = walk->from;
  if (!ip_is4(walk->to))
    return step(walk, walk->network, STAGE_ROUTE, TRUE, rule, arena_printf(arena, "%s via %s", range, route->target_id));
  guint32 public = eni->kind == ENI_NAT ? eni->public_address : eni_public(eni, walk->from);
  if (!public)
    return step(walk, walk->network, STAGE_ROUTE, FALSE, "igw", arena_printf(arena, "%s sends %s to %s, but %s has no public address", rule, range, route->target_id, eni->id));
  walk->verdict->leaves_as = ip_of4(public);
  return step(walk, walk->network, STAGE_ROUTE, TRUE, rule, arena_printf(arena, "%s via %s as %s", range, route->target_id, address_text(arena, public)));
}

static gboolean walk_peering(Walk *walk, const Peering *peering, const char *rule, const char *range, Way *way) {
  way->peering = peering;
  way->network = network_peer(walk->network, peering);
  return step(walk, walk->network, STAGE_ROUTE, TRUE, rule, arena_printf(walk->arena, "%s via %s to %s", range, peering->id, peering->peer_vpc));
}

static const Eni *nat_of(const Network *network, const char *gateway) {
  for (gsize i = 0; i < network->n_enis; i++)
    if (network->enis[i].kind == ENI_NAT && g_strcmp0(network->enis[i].owner, gateway) == 0)
      return &network->enis[i];
  return NULL;
}

/* To an interface that is not the packet's own destination: it must be willing to take what is not for it. */
static gboolean walk_interface(Walk *walk, const Route *route, const char *rule, const char *range, Way *way) {
  if (!way->receiver->no_source_check && way->receiver->kind == ENI_ORDINARY && !eni_has_ip(way->receiver, walk->to))
    return step(walk, walk->network, STAGE_SPOOF, FALSE, "destination",
                arena_printf(walk->arena, "%s sends %s to %s, whose source/destination check refuses what is not for it", rule, range, route->target_id));
  return step(walk, walk->network, STAGE_ROUTE, TRUE, rule, arena_printf(walk->arena, "%s via %s", range, route->target_id));
}

static gboolean walk_target(Walk *walk, const Subnet *subnet, const Eni *eni, const Route *route, const Range *range_of, Way *way) {
  const Network *network = walk->network;
  const char *rule = subnet->route_table, *range = range_text(walk->arena, range_of);
  const Peering *peering = network_peering(network, route->target_id);
  Ip address;
  switch (route->target) {
  case TARGET_LOCAL: return walk_local(walk, network, rule, way);
  case TARGET_INTERNET_GATEWAY:
    if (g_strcmp0(network->internet_gateway, route->target_id) == 0)
      return walk_internet(walk, eni, route, rule, range);
    break;
  case TARGET_GATEWAY_ENDPOINT:
    walk->verdict->endpoint = network_endpoint(network, route->target_id);
    if (walk->verdict->endpoint)
      return step(walk, network, STAGE_ROUTE, TRUE, rule, arena_printf(walk->arena, "%s via gateway endpoint %s", range, route->target_id));
    break;
  case TARGET_EGRESS_ONLY_GATEWAY:
    walk->verdict->leaves_as = walk->from;
    if (g_strcmp0(network->egress_only_gateway, route->target_id) == 0)
      return step(walk, network, STAGE_ROUTE, TRUE, rule, arena_printf(walk->arena, "%s via egress-only internet gateway %s", range, route->target_id));
    break;
  case TARGET_PEERING:
    if (peering && peering->active)
      return walk_peering(walk, peering, rule, range, way);
    break;
  case TARGET_NAT_GATEWAY:
  case TARGET_INTERFACE:
    way->receiver = route->target == TARGET_INTERFACE ? network_eni(network, route->target_id) : nat_of(network, route->target_id);
    if (way->receiver && eni_ip(way->receiver, !ip_is4(walk->to), &address))
      return walk_interface(walk, route, rule, range, way);
    break;
  case TARGET_BLACKHOLE: break;
  }
  return step(walk, network, STAGE_ROUTE, FALSE, "blackhole", arena_printf(walk->arena, "%s sends %s to %s, which is gone", rule, range, route->target_id));
}

static gboolean walk_route(Walk *walk, const Subnet *subnet, const Eni *eni, Way *way) {
  const RouteTable *table = network_route_table(walk->network, subnet->route_table);
  Range range;
  const Route *route = route_find(walk->network, table, walk->to, &range);
  way->network = walk->network;
  if (!route)
    return step(walk, walk->network, STAGE_ROUTE, FALSE, subnet->route_table,
                arena_printf(walk->arena, "%s has no route to %s", subnet->route_table, write_ip(walk, walk->to)));
  return walk_target(walk, subnet, eni, route, &range, way);
}

/* --- groups and ACLs --- */

static gboolean walk_groups(Walk *walk, const Network *network, const Eni *eni, gboolean egress, Ip far_address) {
  Far far = {far_address, walk->packet->protocol, walk->packet->port};
  ReachStage stage = egress ? STAGE_GROUP_OUT : STAGE_GROUP_IN;
  const GroupRule *rule = eni->kind == ENI_NAT ? NULL : groups_allow(network, eni, egress, &far);
  if (eni->kind == ENI_NAT)
    return TRUE;
  if (rule)
    return step(walk, network, stage, TRUE, rule->id, arena_printf(walk->arena, "%s allows it", rule->id));
  const char *groups = groups_text(eni, walk->arena);
  return step(walk, network, stage, FALSE, groups, arena_printf(walk->arena, "no %s rule of %s allows it", egress ? "outbound" : "inbound", groups));
}

static gboolean walk_acl(Walk *walk, const Network *network, const Subnet *subnet, gboolean egress, const Far *far, const char *what) {
  const NetworkAcl *acl = subnet ? network_acl(network, subnet->acl) : NULL;
  if (!acl)
    return TRUE;
  const AclEntry *entry = acl_decide(acl, egress, far);
  const char *rule = entry ? arena_printf(walk->arena, "%s:%d", acl->id, entry->number) : arena_printf(walk->arena, "%s:*", acl->id);
  gboolean allowed = entry && entry->allow;
  return step(walk, network, egress ? STAGE_ACL_OUT : STAGE_ACL_IN, allowed, rule,
              arena_printf(walk->arena, "%s %s %s", rule, allowed ? "allows" : "denies", what));
}

/* The packet as an ACL sees it, from this address or to it. */
static Far far_of(const Walk *walk, Ip address) { return (Far){address, walk->packet->protocol, walk->packet->port}; }

/* The reply as an ACL sees it: to a port that the client chose, or an echo's answer. */
static Far reply_of(const Walk *walk, Ip address) {
  int protocol = walk->packet->protocol;
  guint16 port = protocol == 1 ? 0 : protocol == 58 ? 129 << 8 : EPHEMERAL_PORT;
  return (Far){address, protocol, port};
}

/* Only an echo is answered among ICMP's messages. */
static gboolean has_reply(const Packet *packet) {
  return packet->protocol == 1 ? packet->port == 8 << 8 : packet->protocol == 58 ? packet->port == 128 << 8 : TRUE;
}

/* Whether the receiver's own route table sends to source the way that the packet came: local, to the sender itself, or over the peering. */
static gboolean leads_back(const Way *way, const Subnet *into, Ip source, gboolean *ret_blackhole) {
  const Network *network = way->network;
  const Route *back = route_find(network, network_route_table(network, into->route_table), source, NULL);
  const Peering *peering = back && back->target == TARGET_PEERING ? network_peering(network, back->target_id) : NULL;
  const Eni *eni = !back ? NULL : back->target == TARGET_INTERFACE ? network_eni(network, back->target_id) : nat_of(network, back->target_id);
  *ret_blackhole = peering != NULL;
  if (way->peering)
    return peering && peering->active;
  return back && (back->target == TARGET_LOCAL || (eni && eni_has_ip(eni, source)));
}

/* What the receiver's route table does with the reply. */
static gboolean walk_back(Walk *walk, const Way *way, const Subnet *into, Ip source) {
  gboolean blackhole = FALSE;
  walk->replying = TRUE;
  return leads_back(way, into, source, &blackhole) ||
         step(walk, way->network, STAGE_ROUTE, FALSE, blackhole ? "blackhole" : into->route_table,
              arena_printf(walk->arena, "%s does not send the reply to %s back the way that the packet came", into->route_table, write_ip(walk, source)));
}

/* By the receiver's route table, and back through the ACLs. What an interface that forwards for others does with the packet is its own affair. */
static gboolean walk_reply(Walk *walk, const Subnet *from, const Subnet *into, const Way *way, Ip source) {
  Far to_source = reply_of(walk, source), from_receiver = reply_of(walk, walk->to);
  gboolean forwards = way->receiver && !eni_has_ip(way->receiver, walk->to);
  if (!has_reply(walk->packet) || forwards)
    return TRUE;
  walk->replying = TRUE;
  return (!into || walk_back(walk, way, into, source)) && (from == into || walk_acl(walk, way->network, into, TRUE, &to_source, "the reply")) &&
         (from == into || walk_acl(walk, walk->network, from, FALSE, &from_receiver, "the reply"));
}

/* Behind an internet gateway: the region, the internet, or nothing. AWS's has the internet there, and carries nothing for private addresses. */
static gboolean walk_out(Walk *walk) {
  const Network *network = walk->network;
  const char *to = write_ip(walk, walk->to);
  if (network->internet == INTERNET_ASSUMED || reach_is_region(walk->to))
    return TRUE;
  if (!reach_is_global(walk->to))
    return step(walk, network, STAGE_DELIVER, FALSE, "private", arena_printf(walk->arena, "the internet carries nothing for %s", to));
  if (network->internet == INTERNET_NONE)
    return step(walk, network, STAGE_DELIVER, FALSE, "internet", arena_printf(walk->arena, "this haar has no way to the internet: on AWS it would go on to %s", to));
  if (walk->packet->protocol != IPPROTO_TCP && walk->packet->protocol != IPPROTO_UDP)
    return step(walk, network, STAGE_DELIVER, FALSE, "internet", "haar's way to the internet carries TCP and UDP only: on AWS it would go on");
  return step(walk, network, STAGE_DELIVER, TRUE, "internet", arena_printf(walk->arena, "%s is reached from this machine (--egress=host)", to));
}

/* haar answers on two ports of an endpoint. */
static gboolean walk_delivery(Walk *walk, const Way *way) {
  const Endpoint *endpoint = walk->verdict->endpoint;
  if (!endpoint && !way->receiver && !way->peering)
    return walk_out(walk);
  guint16 port = walk->packet->port;
  if (!endpoint || (walk->packet->protocol == IPPROTO_TCP && (port == 80 || port == 443)))
    return TRUE;
  return step(walk, way->network ? way->network : walk->network, STAGE_DELIVER, FALSE, "port", arena_printf(walk->arena, "%s answers on TCP ports 443 and 80 only", endpoint->id));
}

/* On the receiver's side, of a packet from source: over the peering, if there is one; what its subnet and its groups say; and back. */
static gboolean walk_into(Walk *walk, const Subnet *from, Way *way, Ip source) {
  Far in = far_of(walk, source);
  if (way->peering && way->network && !walk_local(walk, way->network, way->peering->id, way))
    return FALSE;
  const Eni *receiver = walk->verdict->receiver = way->receiver;
  const Subnet *into = receiver ? network_subnet(way->network, receiver->subnet) : NULL;
  if (from != into && !walk_acl(walk, way->network, into, FALSE, &in, "it"))
    return FALSE;
  if (receiver && !walk_groups(walk, way->network, receiver, FALSE, source))
    return FALSE;
  return walk_delivery(walk, way) && walk_reply(walk, from, into, way, source);
}

/* Behind a NAT gateway: its own subnet must lead on, and let the packet out. */
static gboolean walk_nat(Walk *walk, const Eni *nat) {
  const Network *network = walk->network;
  const Subnet *subnet = network_subnet(network, nat->subnet);
  const RouteTable *table = subnet ? network_route_table(network, subnet->route_table) : NULL;
  Range range;
  Far out = far_of(walk, walk->to);
  Way way = {network, NULL, NULL};
  const Route *route = table ? route_find(network, table, walk->to, &range) : NULL;
  if (!route)
    return step(walk, network, STAGE_ROUTE, FALSE, table ? table->id : "none",
                arena_printf(walk->arena, "the subnet of %s has no route to %s", nat->owner, write_ip(walk, walk->to)));
  if (route->target == TARGET_NAT_GATEWAY && nat_of(network, route->target_id))
    return step(walk, network, STAGE_ROUTE, FALSE, table->id,
                arena_printf(walk->arena, "the subnet of %s sends %s to a NAT gateway again", nat->owner, range_text(walk->arena, &range)));
  if (!walk_target(walk, subnet, nat, route, &range, &way))
    return FALSE;
  gboolean crosses = !way.receiver || network_subnet(network, way.receiver->subnet) != subnet;
  return (!crosses || walk_acl(walk, network, subnet, TRUE, &out, "it")) && walk_into(walk, subnet, &way, ip_of4(nat->address));
}

/* --- the whole way --- */

/* Base plus two, the link-local one, and the one of IPv6. */
static gboolean is_resolver(const Network *network, Ip to) {
  static const char *const fixed[] = {REACH_RESOLVER, REACH_RESOLVER6};
  Ip ip;
  for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
    if (ip_parse(fixed[i], &ip) && ip_equal(ip, to))
      return TRUE;
  return ip_is4(to) && network->cidrs.n && ip_to4(to) == cidr_base(&network->cidrs.v[0]) + 2;
}

static gboolean walk_all(Walk *walk, const Eni *source) {
  const Network *network = walk->network;
  const Subnet *from = network_subnet(network, source->subnet);
  guint16 port = walk->packet->port;
  Far out = far_of(walk, walk->to), in = far_of(walk, walk->from);
  Way way = {0};
  if (!from)
    return step(walk, network, STAGE_ROUTE, FALSE, "none", "its subnet is gone");
  if (eni_has_ip(source, walk->to))
    return step(walk, network, STAGE_DELIVER, TRUE, "local", "the interface's own address");
  if (is_resolver(network, walk->to))   /* groups and ACLs do not see it */
    return step(walk, network, STAGE_DELIVER, port == 53, "resolver", port == 53 ? "the VPC's resolver" : "the VPC's resolver answers on port 53 only");
  gboolean routed = walk_route(walk, from, source, &way);
  if ((!routed && !walk->packet->through) || !walk_groups(walk, network, source, TRUE, walk->to))
    return FALSE;
  const Subnet *into = way.receiver ? network_subnet(network, way.receiver->subnet) : NULL;
  if ((into != from && !walk_acl(walk, network, from, TRUE, &out, "it")) || !routed)
    return FALSE;
  if (!way.receiver || way.receiver->kind != ENI_NAT)
    return walk_into(walk, from, &way, walk->from);
  walk->verdict->receiver = way.receiver;
  if (into != from && !walk_acl(walk, network, into, FALSE, &in, "it"))
    return FALSE;
  Far to_source = reply_of(walk, walk->from), from_receiver = reply_of(walk, walk->to);
  if (!walk_nat(walk, way.receiver))
    return FALSE;
  if (!has_reply(walk->packet))
    return TRUE;
  return (!into || walk_back(walk, &way, into, walk->from)) && (into == from || (walk_acl(walk, network, into, TRUE, &to_source, "the reply") &&
                                                                                 walk_acl(walk, network, from, FALSE, &from_receiver, "the reply")));
}

Error *reach_walk(const Network *network, const Packet *packet, Arena *arena, Verdict *ret_verdict) {
  const Eni *source = network_eni(network, packet->eni);
  if (!source)
    return error_answer("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", packet->eni);
  Verdict verdict = {.network = network, .source = source, .steps = ARENA_ARRAY(arena, Step, STEPS_MAX)};
  Walk walk = {network, packet, packet->source, packet->destination, arena, &verdict, FALSE};
  if (!ip_none(walk.from) || eni_ip(source, !ip_is4(walk.to), &walk.from))
    verdict.delivered = walk_all(&walk, source) && !verdict.rule;
  else
    step(&walk, network, STAGE_ROUTE, FALSE, "family", arena_printf(arena, "%s has no %s address", source->id, ip_is4(walk.to) ? "IPv4" : "IPv6"));
  *ret_verdict = verdict;
  return NULL;
}

/* --- from the internet --- */

/* The gateway gives the packet to who has the public address; the reply must find the gateway again. */
static gboolean walk_in(Walk *walk, const Eni *eni) {
  const Network *network = walk->network;
  const Subnet *into = network_subnet(network, eni->subnet);
  const RouteTable *table = into ? network_route_table(network, into->route_table) : NULL;
  Far in = far_of(walk, walk->from), reply = reply_of(walk, walk->from);
  gboolean known = ip_is4(walk->to) ? eni_public(eni, walk->to) || (eni->public_address && eni->public_address == ip_to4(walk->to)) : eni_has_ip(eni, walk->to);
  gboolean entered = network->internet_gateway && known
    ? step(walk, network, STAGE_ROUTE, TRUE, "igw-in", arena_printf(walk->arena, "%s leads to %s", network->internet_gateway, eni->id))
    : step(walk, network, STAGE_ROUTE, FALSE, "igw-in", arena_printf(walk->arena, "%s has no public address at an internet gateway", eni->id));
  if (!into || (!entered && !walk->packet->through) || !walk_acl(walk, network, into, FALSE, &in, "it") || !walk_groups(walk, network, eni, FALSE, walk->from))
    return FALSE;
  walk->replying = TRUE;
  const Route *back = table ? route_find(network, table, walk->from, NULL) : NULL;
  if (has_reply(walk->packet) && (!back || back->target != TARGET_INTERNET_GATEWAY))
    step(walk, network, STAGE_ROUTE, FALSE, into->route_table, arena_printf(walk->arena, "%s does not send the reply to an internet gateway", into->route_table));
  return !has_reply(walk->packet) || walk_acl(walk, network, into, TRUE, &reply, "the reply");
}

Error *reach_walk_inbound(const Network *network, const Packet *packet, Arena *arena, Verdict *ret_verdict) {
  const Eni *eni = network_eni(network, packet->eni);
  if (!eni)
    return error_answer("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", packet->eni);
  Verdict verdict = {.network = network, .receiver = eni, .steps = ARENA_ARRAY(arena, Step, STEPS_MAX)};
  Walk walk = {network, packet, packet->source, packet->destination, arena, &verdict, FALSE};
  verdict.delivered = walk_in(&walk, eni) && !verdict.rule;
  *ret_verdict = verdict;
  return NULL;
}
