/* explain: a drop in words: which rule caused it, and what would mend it. */
#include "reach/rules.h"

#include <string.h>

typedef struct Case {
  const Network *network;   /* may be NULL */
  Arena *arena;
  const char *rule;
  const char *from, *to;    /* "10.0.1.5 (eni-1)" */
  const char *what;         /* "TCP port 443" */
  const Eni *source, *receiver;
  Ip source_address, destination_address;
  int protocol;
  guint16 port;
} Case;

typedef Explanation (*Explainer)(const Case *c);

static const char *service_at(const Case *c) {
  static const char *const ranges[][2] = {{REACH_S3, "s3"}, {REACH_DYNAMODB, "dynamodb"}, {REACH_SERVICES, ""}, {REACH_SERVICES6, ""}};
  for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++) {
    Range range;
    if (range_parse(ranges[i][0], &range) && range_has(&range, c->destination_address))
      return ranges[i][1];
  }
  return NULL;
}

static Explanation explain_spoof(const Case *c) {
  if (strcmp(c->rule, "destination") == 0)
    return (Explanation){
      arena_printf(c->arena, "A route leads %s on its way to %s to an interface whose source/destination check refuses what is not for it.", c->from, c->to),
      "Switch the source/destination check of the interface in the route off, or take the route away."};
  return (Explanation){
    arena_printf(c->arena, "The packet from %s to %s did not carry the address of the interface that sent it.", c->from, c->to),
    "If the interface forwards for others (a NAT instance, a router), switch its source/destination check off."};
}

static Explanation explain_fault(const Case *c) {
  return (Explanation){arena_printf(c->arena, "A fault that was injected here (%s) drops what goes from %s to %s.", c->rule, c->from, c->to),
                       "It ends when the fault is taken back."};
}

static const char *mend_route(const Case *c) {
  const char *service = service_at(c);
  if (service && *service)
    return arena_printf(c->arena, "Add route table %s to a gateway endpoint for %s (AWS::EC2::VPCEndpoint, VpcEndpointType Gateway, RouteTableIds), "
                        "or give it a route 0.0.0.0/0 to a NAT gateway.", c->rule, service);
  if (service)
    return arena_printf(c->arena, "Add an interface endpoint for the service with private DNS in this VPC, or give %s a route 0.0.0.0/0 to a NAT gateway.", c->rule);
  return arena_printf(c->arena, "Give %s a route to it: 0.0.0.0/0 to a NAT gateway, or to an internet gateway if the interface has a public address.", c->rule);
}

static Explanation explain_route(const Case *c) {
  Arena *arena = c->arena;
  if (strcmp(c->rule, "local") == 0)
    return (Explanation){arena_printf(arena, "No network interface of the VPC has the address %s.", c->to),
                         "Whatever had it is gone or was never there: look the address up again, by name."};
  if (strcmp(c->rule, "igw") == 0)
    return (Explanation){
      arena_printf(arena, "%s reaches %s through an internet gateway, but has no public address.", c->from, c->to),
      "Lambda functions in a VPC never have one: put them in a private subnet with a NAT gateway or VPC endpoints. Other interfaces: associate an Elastic IP."};
  if (strcmp(c->rule, "blackhole") == 0)
    return (Explanation){arena_printf(arena, "The route from %s to %s leads to something that was deleted (a blackhole).", c->from, c->to),
                         "Point the route at a gateway that is there, or delete it."};
  if (strcmp(c->rule, "eigw") == 0)
    return (Explanation){arena_printf(arena, "%s came through an egress-only internet gateway, which lets nothing in that was not asked for.", c->from),
                         "Route ::/0 of the subnet to an internet gateway if it is to be reached from outside."};
  if (strcmp(c->rule, "family") == 0)
    return (Explanation){arena_printf(arena, "%s has no address of the family of %s.", c->from, c->to),
                         "Give the subnet an IPv6 range and the interface an address in it, or use the other family."};
  return (Explanation){arena_printf(arena, "Route table %s of the subnet of %s has no route to %s.", c->rule, c->from, c->to), mend_route(c)};
}

static const char *protocol_name(const Case *c) {
  int protocol = c->protocol;
  return protocol == 6 ? "tcp" : protocol == 17 ? "udp" : protocol == 1 ? "icmp" : protocol == 58 ? "icmpv6" : arena_printf(c->arena, "%d", protocol);
}

static const char *first_group(const Case *c) { return arena_strndup(c->arena, c->rule, strcspn(c->rule, ",")); }

/* The arguments of a rule that names the other end by its first group, else by its address. */
static const char *rule_arguments(const Case *c, const Eni *peer, Ip peer_address) {
  const char *name = protocol_name(c), *address = ip_text(c->arena, peer_address);
  if (peer && peer->n_groups > 0)
    return arena_printf(c->arena, "--protocol %s --port %u --source-group %s", name, c->port, peer->groups[0]);
  if (ip_is4(peer_address))
    return arena_printf(c->arena, "--protocol %s --port %u --cidr %s/32", name, c->port, address);
  return arena_printf(c->arena, "--ip-permissions 'IpProtocol=%s,FromPort=%u,ToPort=%u,Ipv6Ranges=[{CidrIpv6=%s/128}]'", name, c->port, c->port, address);
}

static Explanation explain_group_out(const Case *c) {
  const char *service = service_at(c);
  const char *peer = service && *service ? arena_printf(c->arena, "--ip-permissions IpProtocol=tcp,FromPort=%u,ToPort=%u,PrefixListIds=[{PrefixListId=<%s>}]", c->port, c->port, service)
    : rule_arguments(c, c->receiver, c->destination_address);
  return (Explanation){
    arena_printf(c->arena, "No outbound rule of %s, the security groups of %s, allows %s to %s.", c->rule, c->from, c->what, c->to),
    arena_printf(c->arena, "aws ec2 authorize-security-group-egress --group-id %s %s", first_group(c), peer)};
}

static Explanation explain_group_in(const Case *c) {
  return (Explanation){
    arena_printf(c->arena, "No inbound rule of %s, the security groups of %s, allows %s from %s.", c->rule, c->to, c->what, c->from),
    arena_printf(c->arena, "aws ec2 authorize-security-group-ingress --group-id %s %s", first_group(c), rule_arguments(c, c->source, c->source_address))};
}

static Explanation explain_acl(const Case *c, const char *direction) {
  const char *number = strrchr(c->rule, ':');
  const char *acl = arena_strndup(c->arena, c->rule, number ? (gsize) (number - c->rule) : strlen(c->rule));
  gboolean last = !number || strcmp(number, ":*") == 0;
  return (Explanation){
    last ? arena_printf(c->arena, "No %s entry of network ACL %s speaks of %s from %s to %s, so it is denied.", direction, acl, c->what, c->from, c->to)
         : arena_printf(c->arena, "%s entry %s of network ACL %s denies %s from %s to %s.", strcmp(direction, "inbound") ? "Outbound" : "Inbound", number + 1,
                        acl, c->what, c->from, c->to),
    arena_printf(c->arena, "Allow it in %s with a lower number. Network ACLs are stateless: replies (to ports 1024-65535) need an entry of their own.", acl)};
}

static Explanation explain_acl_out(const Case *c) { return explain_acl(c, "outbound"); }
static Explanation explain_acl_in(const Case *c) { return explain_acl(c, "inbound"); }

static Explanation explain_deliver(const Case *c) {
  return (Explanation){arena_printf(c->arena, "%s was reached, but nothing took %s.", c->to, c->what), "Start what should listen there."};
}

static const Explainer explainers[STAGE_COUNT] = {
  [STAGE_SPOOF] = explain_spoof, [STAGE_FAULT] = explain_fault, [STAGE_ROUTE] = explain_route, [STAGE_GROUP_OUT] = explain_group_out,
  [STAGE_ACL_OUT] = explain_acl_out, [STAGE_ACL_IN] = explain_acl_in, [STAGE_GROUP_IN] = explain_group_in, [STAGE_DELIVER] = explain_deliver,
};

static const char *place(Arena *arena, const Network *network, const Eni *eni, Ip address) {
  const char *text = ip_text(arena, address);
  if (!eni)
    return text;
  const Endpoint *endpoint = network ? network_endpoint(network, eni->owner) : NULL;
  return endpoint ? arena_printf(arena, "%s (endpoint %s for %s)", text, endpoint->id, endpoint->service) : arena_printf(arena, "%s (%s)", text, eni->id);
}

Explanation reach_explain(const Network *network, Arena *arena, ReachStage stage, const char *rule, const char *eni_id,
                          Ip source, Ip destination, int protocol, guint16 port) {
  const Eni *from = network ? network_eni_ip(network, source) : NULL, *to = network ? network_eni_ip(network, destination) : NULL;
  if (!from && network && eni_id && network_eni(network, eni_id) && eni_has_ip(network_eni(network, eni_id), source))
    from = network_eni(network, eni_id);
  Case c = {
    .network = network, .arena = arena, .rule = rule ? rule : "", .source = from, .receiver = to, .source_address = source,
    .destination_address = destination, .protocol = protocol, .port = port,
    .from = place(arena, network, from, source), .to = place(arena, network, to, destination),
    .what = protocol == 6 ? arena_printf(arena, "TCP port %u", port) : protocol == 17 ? arena_printf(arena, "UDP port %u", port)
          : protocol == 1 ? "ICMP" : protocol == 58 ? "ICMPv6" : arena_printf(arena, "protocol %d", protocol),
  };
  return explainers[stage](&c);
}
