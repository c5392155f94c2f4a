/* flow_record: the router counts connections; a flow log tells what each interface saw of them, in each direction.
 *
 * A connection is seen by its sender and its receiver, and by the NAT gateway between them. A dropped packet is REJECT at the interface whose
 * group or ACL dropped it; at the sender it is ACCEPT if it was the receiver's side that dropped it, or a route that was not there. */
#include "services/ec2/flow.h"

#include <string.h>

enum { PATH_SAME_VPC = 1, PATH_PEERING = 4, PATH_GATEWAY_ENDPOINT = 7, PATH_INTERNET_GATEWAY = 8 };

typedef struct Telling { const Network *network; FlowSink sink; gpointer data; } Telling;

FlowRecord flow_record_of(const Network *network, const Eni *eni) {
  FlowRecord record = {.no_data = TRUE};
  const Subnet *subnet = network_subnet(network, eni->subnet);
  g_strlcpy(record.eni, eni->id, sizeof record.eni);
  g_strlcpy(record.vpc, network->vpc_id, sizeof record.vpc);
  g_strlcpy(record.subnet, eni->subnet, sizeof record.subnet);
  if (subnet)
    g_strlcpy(record.zone_id, subnet->zone, sizeof record.zone_id);
  return record;
}

static guint8 path_of(const Network *network, const Eni *eni, Ip to) {
  const Subnet *subnet = network_subnet(network, eni->subnet);
  const RouteTable *table = subnet ? network_route_table(network, subnet->route_table) : NULL;
  const Route *route = table ? route_find(network, table, to, NULL) : NULL;
  if (!route)
    return network_is_local(network, to) ? PATH_SAME_VPC : 0;
  switch (route->target) {
  case TARGET_LOCAL:
  case TARGET_INTERFACE:
  case TARGET_NAT_GATEWAY: return PATH_SAME_VPC;
  case TARGET_INTERNET_GATEWAY:
  case TARGET_EGRESS_ONLY_GATEWAY: return PATH_INTERNET_GATEWAY;
  case TARGET_GATEWAY_ENDPOINT: return PATH_GATEWAY_ENDPOINT;
  case TARGET_PEERING: return PATH_PEERING;
  case TARGET_BLACKHOLE: return 0;
  }
  return 0;
}

/* One direction at one interface. */
typedef struct Seen {
  const Eni *eni;
  gboolean egress, accepted;
  Ip source, destination;
  guint16 source_port, destination_port;
  guint64 packets, bytes;
  guint8 tcp_flags;
} Seen;

static void tell(const Telling *t, const Flow *flow, const Seen *seen) {
  if (!seen->eni || seen->packets == 0)
    return;
  FlowRecord record = flow_record_of(t->network, seen->eni);
  Ip primary = ip_is4(seen->source) ? ip_of4(seen->eni->address) : seen->egress ? seen->source : seen->destination;
  record.no_data = FALSE;
  record.packet_source = seen->source;
  record.packet_destination = seen->destination;
  record.source = seen->egress ? primary : seen->source;
  record.destination = seen->egress ? seen->destination : primary;
  record.source_port = seen->source_port;
  record.destination_port = seen->destination_port;
  record.protocol = flow->protocol;
  record.tcp_flags = flow->protocol == 6 ? seen->tcp_flags : 0;
  record.accepted = seen->accepted;
  record.egress = seen->egress;
  record.packets = seen->packets;
  record.bytes = seen->bytes;
  record.start_ms = flow->start_ms;
  record.end_ms = flow->end_ms;
  record.path = seen->egress ? path_of(t->network, seen->eni, seen->destination) : 0;
  t->sink(&record, t->data);
}

/* Both directions of a connection at one of its ends. opener: that end sent first. */
static void tell_end(const Telling *t, const Flow *flow, const Eni *eni, gboolean opener, Ip source, Ip destination) {
  Seen first = {.eni = eni, .egress = opener, .accepted = TRUE, .source = source, .destination = destination, .source_port = flow->source_port,
                .destination_port = flow->destination_port, .packets = flow->packets[0], .bytes = flow->bytes[0], .tcp_flags = flow->tcp_flags[0]};
  Seen second = {.eni = eni, .egress = !opener, .accepted = TRUE, .source = destination, .destination = source, .source_port = flow->destination_port,
                 .destination_port = flow->source_port, .packets = flow->packets[1], .bytes = flow->bytes[1], .tcp_flags = flow->tcp_flags[1]};
  tell(t, flow, &first);
  tell(t, flow, &second);
}

/* The NAT gateway that translated it, or NULL. */
static const Eni *translator(const Network *network, const Flow *flow) {
  guint32 address = ip_to4(flow->reply_destination);
  if (!address || ip_equal(flow->reply_destination, flow->source))
    return NULL;
  const Eni *eni = network_eni_at(network, address);
  eni = eni ? eni : network_eni_public(network, address);
  return eni && eni->kind == ENI_NAT ? eni : NULL;
}

static void tell_accepted(const Telling *t, const Flow *flow) {
  const Eni *sender = network_eni_ip(t->network, flow->source), *receiver = network_eni_ip(t->network, flow->reply_source);
  const Eni *nat = translator(t->network, flow);
  Ip seen_source = nat ? ip_of4(nat->address) : receiver && !sender ? flow->reply_destination : flow->source;
  if (sender)
    tell_end(t, flow, sender, TRUE, flow->source, flow->destination);
  if (nat) {
    tell_end(t, flow, nat, FALSE, flow->source, flow->destination);
    tell_end(t, flow, nat, TRUE, ip_of4(nat->address), flow->destination);
  }
  if (receiver && receiver != sender)
    tell_end(t, flow, receiver, FALSE, seen_source, flow->reply_source);
}

static void tell_dropped(const Telling *t, const Flow *flow) {
  const Eni *sender = network_eni_ip(t->network, flow->source), *receiver = network_eni_ip(t->network, flow->destination);
  if (!receiver && ip_to4(flow->destination))
    receiver = network_eni_public(t->network, ip_to4(flow->destination));
  gboolean at_sender = flow->stage == STAGE_GROUP_OUT || flow->stage == STAGE_ACL_OUT || flow->stage == STAGE_SPOOF;
  gboolean at_receiver = flow->stage == STAGE_GROUP_IN || flow->stage == STAGE_ACL_IN;
  Seen seen = {.source = flow->source, .destination = flow->destination, .source_port = flow->source_port, .destination_port = flow->destination_port,
               .packets = flow->packets[0], .bytes = flow->bytes[0], .tcp_flags = flow->tcp_flags[0]};
  seen.eni = sender;
  seen.egress = TRUE;
  seen.accepted = !at_sender;
  tell(t, flow, &seen);
  seen.eni = at_receiver ? receiver : NULL;
  seen.egress = seen.accepted = FALSE;
  tell(t, flow, &seen);
}

/* What the VPC's own resolver and the link-local services get and send is not logged. */
static gboolean is_unlogged(const Network *network, const Flow *flow) {
  Range link_local = {0};
  range_parse("169.254.0.0/16", &link_local);
  guint32 resolver = network->cidrs.n ? cidr_base(&network->cidrs.v[0]) + 2 : 0;
  return range_has(&link_local, flow->destination) || range_has(&link_local, flow->source) || ip_equal(flow->destination, ip_of4(resolver)) ||
         ip_equal(flow->source, ip_of4(resolver));
}

static guint64 less(guint64 a, guint64 b) { return a > b ? a - b : 0; }

/* The kernel counts a packet of a known connection before the rules see it: what they dropped is taken off. */
static void take_off(Flow *flows, guint n, const Flow *dropped) {
  for (guint i = 0; i < n; i++) {
    Flow *flow = &flows[i];
    if (!flow->accepted || flow->protocol != dropped->protocol)
      continue;
    gboolean forth = ip_equal(flow->source, dropped->source) && ip_equal(flow->destination, dropped->destination) && flow->source_port == dropped->source_port &&
                     flow->destination_port == dropped->destination_port;
    gboolean back = ip_equal(flow->reply_source, dropped->source) && ip_equal(flow->source, dropped->destination) && flow->destination_port == dropped->source_port &&
                    flow->source_port == dropped->destination_port;
    if (!forth && !back)
      continue;
    flow->packets[back] = less(flow->packets[back], dropped->packets[0]);
    flow->bytes[back] = less(flow->bytes[back], dropped->bytes[0]);
    return;
  }
}

void flow_records(const Network *network, Flow *flows, guint n_flows, FlowSink sink, gpointer data) {
  Telling t = {network, sink, data};
  for (guint i = 0; i < n_flows; i++)
    if (!flows[i].accepted)
      take_off(flows, n_flows, &flows[i]);
  for (guint i = 0; i < n_flows; i++) {
    if (is_unlogged(network, &flows[i]))
      continue;
    if (flows[i].accepted)
      tell_accepted(&t, &flows[i]);
    else
      tell_dropped(&t, &flows[i]);
  }
}
