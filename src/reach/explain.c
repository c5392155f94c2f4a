/* explain: a drop in words: which rule caused it, and what would mend it, as a sentence, a command and a piece of a template. */
#include "reach/rules.h"

#include <string.h>

typedef struct Case {
  const Network *network;   /* may be NULL */
  const Blocked *blocked;
  Arena *arena;
  const char *rule;
  const char *from, *to;    /* "function pay (10.0.1.5, eni-1)" */
  const char *what;         /* "TCP port 443" */
  const char *service;      /* or NULL */
  const Eni *source, *receiver;
} Case;

typedef Explanation (*Explainer)(const Case *c);

static const char *protocol_name(const Case *c) {
  int protocol = c->blocked->protocol;
  return protocol == 6 ? "tcp" : protocol == 17 ? "udp" : protocol == 1 ? "icmp" : protocol == 58 ? "icmpv6" : arena_printf(c->arena, "%d", protocol);
}

/* TCP and UDP: the port. Others: none, or all types. */
static int port_of(const Case *c) { return c->blocked->protocol == 6 || c->blocked->protocol == 17 ? c->blocked->port : -1; }

/* "us-east-1": that of the subnets' zones. */
static const char *region_of(const Case *c) {
  const char *zone = c->network && c->network->n_subnets ? c->network->subnets[0].zone : NULL;
  return zone && *zone ? arena_strndup(c->arena, zone, strlen(zone) - 1) : "us-east-1";
}

static const char *vpc_of(const Case *c) { return c->network ? c->network->vpc_id : "<vpc>"; }

static gboolean has_gateway_endpoint(const char *service) { return g_strcmp0(service, "s3") == 0 || g_strcmp0(service, "dynamodb") == 0; }

/* --- the stages before a route --- */

static Explanation explain_spoof(const Case *c) {
  if (strcmp(c->rule, "destination") == 0)
    return (Explanation){
      .id = CAUSE_SOURCE_CHECK,
      .why = arena_printf(c->arena, "A route leads %s on its way to %s to an interface whose source/destination check refuses what is not for it.", c->from, c->to),
      .mend = "Switch the source/destination check of the interface in the route off, or take the route away.", .snippet = "SourceDestCheck: false"};
  return (Explanation){
    .id = CAUSE_SOURCE_CHECK,
    .why = arena_printf(c->arena, "The packet from %s to %s did not carry the address of the interface that sent it.", c->from, c->to),
    .mend = "If the interface forwards for others (a NAT instance, a router), switch its source/destination check off.",
    .command = c->blocked->eni ? arena_printf(c->arena, "aws ec2 modify-network-interface-attribute --network-interface-id %s --no-source-dest-check", c->blocked->eni) : NULL,
    .snippet = "SourceDestCheck: false"};
}

static Explanation explain_fault(const Case *c) {
  if (g_str_has_prefix(c->rule, "late-eni."))
    return (Explanation){
      .id = CAUSE_FAULT,
      .why = arena_printf(c->arena, "The profile late-eni is on: the interface of %s carries nothing until the function's init is over, so that what it calls before its handler hangs.", c->from),
      .mend = "Call nothing at module level: make clients there if you like, but call them in the handler. On AWS the interface is there before the function runs."};
  return (Explanation){
    .id = CAUSE_FAULT,
    .why = arena_printf(c->arena, "A fault that was injected here (%s) drops what goes from %s to %s.", c->rule, c->from, c->to),
    .mend = "It ends when the fault is lifted.",
    .command = arena_printf(c->arena, "haar fault lift %s", c->rule)};
}

/* --- routes --- */

static const Endpoint *endpoint_for(const Case *c, gboolean gateway) {
  for (gsize i = 0; c->network && i < c->network->n_endpoints; i++)
    if (c->network->endpoints[i].gateway == gateway && g_strcmp0(c->network->endpoints[i].service, c->service) == 0)
      return &c->network->endpoints[i];
  return NULL;
}

static const char *no_route_text(const Case *c) {
  return arena_printf(c->arena, "Route table %s of the subnet of %s has no route to %s.", c->rule, c->from, c->to);
}

/* S3 and DynamoDB: a gateway endpoint that is not in the route table, or not there. */
static Explanation explain_gateway(const Case *c) {
  Arena *arena = c->arena;
  const Endpoint *endpoint = endpoint_for(c, TRUE);
  Explanation e = {
    .id = CAUSE_NO_WAY_TO_SERVICE, .why = no_route_text(c),
    .mend = arena_printf(arena, "Add route table %s to a gateway endpoint for %s (AWS::EC2::VPCEndpoint, VpcEndpointType Gateway, RouteTableIds): it costs nothing.",
                         c->rule, c->service)};
  if (endpoint) {
    e.command = arena_printf(arena, "aws ec2 modify-vpc-endpoint --vpc-endpoint-id %s --add-route-table-ids %s", endpoint->id, c->rule);
    e.snippet = arena_printf(arena, "RouteTableIds:        # of the endpoint %s\n  - %s", endpoint->id, c->rule);
    return e;
  }
  e.command = arena_printf(arena, "aws ec2 create-vpc-endpoint --vpc-id %s --service-name com.amazonaws.%s.%s --route-table-ids %s", vpc_of(c), region_of(c),
                           c->service, c->rule);
  e.snippet = arena_printf(arena, "GatewayEndpoint:\n  Type: AWS::EC2::VPCEndpoint\n  Properties:\n    VpcId: %s\n    ServiceName: !Sub com.amazonaws.${AWS::Region}.%s\n"
                           "    RouteTableIds:\n      - %s", vpc_of(c), c->service, c->rule);
  return e;
}

/* There is an interface endpoint, but the service's name led to the public address. */
static Explanation explain_private_dns(const Case *c, const Endpoint *endpoint) {
  Arena *arena = c->arena;
  gboolean attributes = endpoint->private_dns;
  Explanation e = {.id = CAUSE_PRIVATE_DNS};
  if (attributes) {
    e.why = arena_printf(arena, "%s went to the public address of %s, which route table %s has no route to: endpoint %s has private DNS, but the VPC's DNS attributes are off.",
                         c->from, c->service, c->rule, endpoint->id);
    e.mend = "Switch enableDnsSupport and enableDnsHostnames on.";
    e.command = arena_printf(arena, "aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-hostnames '{\"Value\":true}'", vpc_of(c));
    e.snippet = arena_printf(arena, "EnableDnsSupport: true        # of the VPC %s\nEnableDnsHostnames: true", vpc_of(c));
    return e;
  }
  e.why = arena_printf(arena, "%s went to the public address of %s, which route table %s has no route to: endpoint %s is there, but its private DNS is off, "
                       "so the service's name does not lead to it.", c->from, c->service, c->rule, endpoint->id);
  e.mend = "Switch the endpoint's private DNS on, or call its own name (vpce-...).";
  e.command = arena_printf(arena, "aws ec2 modify-vpc-endpoint --vpc-endpoint-id %s --private-dns-enabled", endpoint->id);
  e.snippet = arena_printf(arena, "PrivateDnsEnabled: true        # of the endpoint %s", endpoint->id);
  return e;
}

/* That of the sender: its interface's, or (it is gone) the one that has its address. */
static const char *subnet_of(const Case *c) {
  for (gsize i = 0; !c->source && c->network && i < c->network->n_subnets; i++)
    if (ip_is4(c->blocked->source) && cidr_has(&c->network->subnets[i].cidr, ip_to4(c->blocked->source)))
      return c->network->subnets[i].id;
  return c->source ? c->source->subnet : "<subnet>";
}

/* Any other service: an interface endpoint. */
static Explanation explain_interface(const Case *c) {
  Arena *arena = c->arena;
  const Endpoint *endpoint = endpoint_for(c, FALSE);
  if (endpoint)
    return explain_private_dns(c, endpoint);
  const char *service = *c->service ? c->service : "<service>", *subnet = subnet_of(c);
  return (Explanation){
    .id = CAUSE_NO_WAY_TO_SERVICE, .why = no_route_text(c),
    .mend = arena_printf(arena, "Add an interface endpoint for %s with private DNS in this VPC, or give %s a route 0.0.0.0/0 to a NAT gateway.",
                         *c->service ? c->service : "the service", c->rule),
    .command = arena_printf(arena, "aws ec2 create-vpc-endpoint --vpc-endpoint-type Interface --vpc-id %s --service-name com.amazonaws.%s.%s --subnet-ids %s "
                            "--security-group-ids <group that lets TCP 443 in> --private-dns-enabled", vpc_of(c), region_of(c), service, subnet),
    .snippet = arena_printf(arena, "InterfaceEndpoint:\n  Type: AWS::EC2::VPCEndpoint\n  Properties:\n    VpcEndpointType: Interface\n    VpcId: %s\n"
                            "    ServiceName: !Sub com.amazonaws.${AWS::Region}.%s\n    SubnetIds:\n      - %s\n    SecurityGroupIds:\n"
                            "      - <group that lets TCP 443 in>\n    PrivateDnsEnabled: true", vpc_of(c), service, subnet)};
}

static Explanation explain_no_route(const Case *c) {
  if (has_gateway_endpoint(c->service))
    return explain_gateway(c);
  if (c->service)
    return explain_interface(c);
  return (Explanation){
    .id = CAUSE_NO_ROUTE, .why = no_route_text(c),
    .mend = arena_printf(c->arena, "Give %s a route to it: 0.0.0.0/0 to a NAT gateway, or to an internet gateway if the interface has a public address.", c->rule),
    .command = arena_printf(c->arena, "aws ec2 create-route --route-table-id %s --destination-cidr-block 0.0.0.0/0 --nat-gateway-id <nat-...>", c->rule),
    .snippet = arena_printf(c->arena, "DefaultRoute:\n  Type: AWS::EC2::Route\n  Properties:\n    RouteTableId: %s\n    DestinationCidrBlock: 0.0.0.0/0\n"
                            "    NatGatewayId: !Ref NatGateway", c->rule)};
}

static Explanation explain_igw(const Case *c) {
  return (Explanation){
    .id = CAUSE_NO_PUBLIC_ADDRESS,
    .why = arena_printf(c->arena, "%s reaches %s through an internet gateway, but has no public address.", c->from, c->to),
    .mend = "Lambda functions in a VPC never have one: put them in a private subnet with a NAT gateway or VPC endpoints. Other interfaces: associate an Elastic IP.",
    .command = c->source && !c->service ? arena_printf(c->arena, "aws ec2 associate-address --allocation-id <eipalloc-...> --network-interface-id %s", c->source->id) : NULL};
}

static Explanation explain_route(const Case *c) {
  Arena *arena = c->arena;
  if (strcmp(c->rule, "local") == 0)
    return (Explanation){.id = CAUSE_NO_SUCH_ADDRESS, .why = arena_printf(arena, "No network interface of the VPC has the address %s.", c->to),
                         .mend = "Whatever had it is gone or was never there: look the address up again, by name."};
  if (strcmp(c->rule, "igw") == 0)
    return explain_igw(c);
  if (strcmp(c->rule, "blackhole") == 0)
    return (Explanation){.id = CAUSE_BLACKHOLE, .why = arena_printf(arena, "The route from %s to %s leads to something that was deleted (a blackhole).", c->from, c->to),
                         .mend = "Point the route at a gateway that is there, or delete it.",
                         .command = "aws ec2 describe-route-tables --filters Name=route.state,Values=blackhole"};
  if (strcmp(c->rule, "eigw") == 0)
    return (Explanation){.id = CAUSE_EGRESS_ONLY,
                         .why = arena_printf(arena, "%s came through an egress-only internet gateway, which lets nothing in that was not asked for.", c->from),
                         .mend = "Route ::/0 of the subnet to an internet gateway if it is to be reached from outside."};
  if (strcmp(c->rule, "family") == 0)
    return (Explanation){.id = CAUSE_ADDRESS_FAMILY, .why = arena_printf(arena, "%s has no address of the family of %s.", c->from, c->to),
                         .mend = "Give the subnet an IPv6 range and the interface an address in it, or use the other family."};
  return explain_no_route(c);
}

/* --- groups --- */

static const char *first_group(const Case *c) { return arena_strndup(c->arena, c->rule, strcspn(c->rule, ",")); }

static const PrefixList *prefix_list_of(const Case *c) {
  for (gsize i = 0; c->network && i < c->network->n_prefix_lists; i++)
    for (gsize j = 0; j < c->network->prefix_lists[i].cidrs.n; j++)
      if (range_has(&c->network->prefix_lists[i].cidrs.v[j], c->blocked->destination))
        return &c->network->prefix_lists[i];
  return NULL;
}

/* The far end as a rule names it: its first group, its prefix list, else its address. */
typedef struct Peer { const char *argument, *property, *value; } Peer;

static Peer peer_of(const Case *c, gboolean egress) {
  const Eni *eni = egress ? c->receiver : c->source;
  const PrefixList *list = egress && !eni ? prefix_list_of(c) : NULL;
  if (eni && eni->n_groups > 0)
    return (Peer){arena_printf(c->arena, "--source-group %s", eni->groups[0]), egress ? "DestinationSecurityGroupId" : "SourceSecurityGroupId", eni->groups[0]};
  if (list)
    return (Peer){NULL, egress ? "DestinationPrefixListId" : "SourcePrefixListId", list->id};
  Ip far = egress ? c->blocked->destination : c->blocked->source;
  const char *range = arena_printf(c->arena, "%s/%d", ip_text(c->arena, far), ip_is4(far) ? 32 : 128);
  return ip_is4(far) ? (Peer){arena_printf(c->arena, "--cidr %s", range), "CidrIp", range} : (Peer){NULL, "CidrIpv6", range};
}

static const char *group_command(const Case *c, gboolean egress, const Peer *peer) {
  const char *verb = egress ? "egress" : "ingress", *protocol = protocol_name(c);
  int port = port_of(c);
  if (!peer->argument)
    return arena_printf(c->arena, "aws ec2 authorize-security-group-%s --group-id %s --ip-permissions 'IpProtocol=%s,FromPort=%d,ToPort=%d,%s=%s}]'", verb, first_group(c),
                        protocol, port, port, strcmp(peer->property, "CidrIpv6") == 0 ? "Ipv6Ranges=[{CidrIpv6" : "PrefixListIds=[{PrefixListId", peer->value);
  if (egress && g_str_has_prefix(peer->argument, "--source-group"))   /* the shorthand options know no group for egress */
    return arena_printf(c->arena, "aws ec2 authorize-security-group-%s --group-id %s --ip-permissions 'IpProtocol=%s,FromPort=%d,ToPort=%d,UserIdGroupPairs=[{GroupId=%s}]'",
                        verb, first_group(c), protocol, port, port, peer->value);
  return arena_printf(c->arena, "aws ec2 authorize-security-group-%s --group-id %s --protocol %s --port %d %s", verb, first_group(c), protocol, port, peer->argument);
}

static const char *group_snippet(const Case *c, gboolean egress, const Peer *peer) {
  int port = port_of(c);
  return arena_printf(c->arena, "%sRule:\n  Type: AWS::EC2::SecurityGroup%s\n  Properties:\n    GroupId: %s\n    IpProtocol: %s\n    FromPort: %d\n    ToPort: %d\n    %s: %s",
                      egress ? "Outbound" : "Inbound", egress ? "Egress" : "Ingress", first_group(c), protocol_name(c), port, port,
                      peer->property, peer->value);
}

/* The profile stateless-groups: an answer needs an outbound rule to who asked, for the port that was asked. */
static Explanation explain_group_reply(const Case *c) {
  int port = c->blocked->source_port;
  Peer peer = peer_of(c, TRUE);
  Blocked asked = *c->blocked;
  asked.port = asked.source_port;
  Case answer = *c;
  answer.blocked = &asked;
  return (Explanation){
    .id = CAUSE_GROUP_REPLY,
    .why = arena_printf(c->arena, "The answer of %s (port %d) to %s was dropped: no outbound rule of %s, the security groups of who answers, allows it. AWS's security groups "
                        "are stateful and let answers through; the profile stateless-groups, which is on here, does not.", c->from, port, c->to, c->rule),
    .mend = "Lift the profile, or add an outbound rule to who asked.",
    .command = group_command(&answer, TRUE, &peer), .snippet = group_snippet(&answer, TRUE, &peer)};
}

static Explanation explain_group_out(const Case *c) {
  if (c->blocked->reply)
    return explain_group_reply(c);
  Peer peer = peer_of(c, TRUE);
  return (Explanation){
    .id = CAUSE_GROUP_OUTBOUND,
    .why = arena_printf(c->arena, "No outbound rule of %s, the security groups of %s, allows %s to %s.", c->rule, c->from, c->what, c->to),
    .mend = arena_printf(c->arena, "Add an outbound rule to %s for %s to %s.", first_group(c), c->what, peer.value),
    .command = group_command(c, TRUE, &peer), .snippet = group_snippet(c, TRUE, &peer)};
}

static Explanation explain_group_in(const Case *c) {
  Peer peer = peer_of(c, FALSE);
  return (Explanation){
    .id = CAUSE_GROUP_INBOUND,
    .why = arena_printf(c->arena, "No inbound rule of %s, the security groups of %s, allows %s from %s.", c->rule, c->to, c->what, c->from),
    .mend = arena_printf(c->arena, "Add an inbound rule to %s for %s from %s.", first_group(c), c->what, peer.value),
    .command = group_command(c, FALSE, &peer), .snippet = group_snippet(c, FALSE, &peer)};
}

/* --- network ACLs --- */

/* A number below the entry that denies: half of it. */
static int free_number(const char *denies) {
  guint64 number = 0;
  return denies && g_ascii_string_to_unsigned(denies, 10, 2, 32767, &number, NULL) ? (int) number / 2 : 100;
}

static Explanation explain_acl(const Case *c, gboolean egress) {
  Arena *arena = c->arena;
  const char *colon = strrchr(c->rule, ':'), *direction = egress ? "outbound" : "inbound";
  const char *acl = arena_strndup(arena, c->rule, colon ? (gsize) (colon - c->rule) : strlen(c->rule));
  const char *number = colon && strcmp(colon, ":*") != 0 ? colon + 1 : NULL;
  gboolean reply = c->blocked->reply;
  Ip far = egress ? c->blocked->destination : c->blocked->source;
  const char *range = arena_printf(arena, "%s/%d", ip_text(arena, far), ip_is4(far) ? 32 : 128);
  int from = reply ? 1024 : c->blocked->port, to = reply ? 65535 : c->blocked->port, protocol = c->blocked->protocol;
  const char *what = reply ? "the reply" : c->what;
  Explanation e = {
    .id = reply ? CAUSE_ACL_REPLY : egress ? CAUSE_ACL_OUTBOUND : CAUSE_ACL_INBOUND,
    .why = number ? arena_printf(arena, "%s entry %s of network ACL %s denies %s from %s to %s.", egress ? "Outbound" : "Inbound", number, acl, what, c->from, c->to)
                  : arena_printf(arena, "No %s entry of network ACL %s speaks of %s from %s to %s, so it is denied.", direction, acl, what, c->from, c->to),
    .mend = arena_printf(arena, "Allow it in %s with a lower number. Network ACLs are stateless: replies (to ports 1024-65535) need an entry of their own.", acl)};
  gboolean ports = protocol == 6 || protocol == 17;
  const char *which = ports ? arena_printf(arena, "--port-range From=%d,To=%d", from, to) : protocol == 1 || protocol == 58 ? "--icmp-type-code Type=-1,Code=-1" : "";
  e.command = arena_printf(arena, "aws ec2 create-network-acl-entry --network-acl-id %s --%s --rule-number %d --protocol %d %s --%s-block %s --rule-action allow", acl,
                           egress ? "egress" : "ingress", free_number(number), protocol, which, ip_is4(far) ? "cidr" : "ipv6-cidr", range);
  e.snippet = arena_printf(arena, "AclEntry:\n  Type: AWS::EC2::NetworkAclEntry\n  Properties:\n    NetworkAclId: %s\n    Egress: %s\n    RuleNumber: %d\n    Protocol: %d\n"
                           "    %s\n    %s: %s\n    RuleAction: allow", acl, egress ? "true" : "false", free_number(number), protocol,
                           ports ? arena_printf(arena, "PortRange: {From: %d, To: %d}", from, to) : "Icmp: {Type: -1, Code: -1}", ip_is4(far) ? "CidrBlock" : "Ipv6CidrBlock", range);
  return e;
}

static Explanation explain_acl_out(const Case *c) { return explain_acl(c, TRUE); }
static Explanation explain_acl_in(const Case *c) { return explain_acl(c, FALSE); }

/* On AWS the packet would go on. network: NULL of a function without a VPC. */
static Explanation explain_internet(const Case *c) {
  const char *way = c->network ? "The VPC let" : "Nothing stops";
  Explanation e = {
    .id = CAUSE_NO_INTERNET,
    .why = arena_printf(c->arena, "%s %s from %s out to %s on the internet, but this haar has no way there. On AWS it would arrive.", way, c->what, c->from, c->to),
    .mend = "Start haar with a way out to the host's real network. The template needs no change.", .command = "haar stop; haar serve --egress=host"};
  if (c->blocked->protocol == 6 || c->blocked->protocol == 17)
    return e;
  e.mend = "None here: also with --egress=host, haar carries TCP and UDP only to the internet. The template needs no change.";
  e.command = NULL;
  return e;
}

static Explanation explain_private(const Case *c) {
  return (Explanation){
    .id = CAUSE_PRIVATE_ADDRESS,
    .why = arena_printf(c->arena, "A route leads %s to an internet gateway on its way to %s, but the internet carries nothing for that address: it is private or reserved.", c->from, c->to),
    .mend = "If the address is in another VPC: a peering connection, and a route to it on both sides. Else the address is wrong."};
}

static Explanation explain_deliver(const Case *c) {
  if (strcmp(c->rule, "internet") == 0)
    return explain_internet(c);
  if (strcmp(c->rule, "private") == 0)
    return explain_private(c);
  if (strcmp(c->rule, "nobody") == 0)
    return (Explanation){.id = CAUSE_NO_SUCH_ADDRESS, .why = arena_printf(c->arena, "%s went out to %s, but nothing in the region has that public address.", c->from, c->to),
                         .mend = "The address may have been released, or the interface that had it is gone: use a name that follows it."};
  return (Explanation){.id = CAUSE_NOT_LISTENING, .why = arena_printf(c->arena, "%s was reached, but nothing took %s.", c->to, c->what),
                       .mend = c->receiver && c->receiver->kind == ENI_ENDPOINT ? "Endpoints of AWS services answer on ports 443 and 80 only." : "Start what should listen there."};
}

static const Explainer explainers[STAGE_COUNT] = {
  [STAGE_SPOOF] = explain_spoof, [STAGE_FAULT] = explain_fault, [STAGE_ROUTE] = explain_route, [STAGE_GROUP_OUT] = explain_group_out,
  [STAGE_ACL_OUT] = explain_acl_out, [STAGE_ACL_IN] = explain_acl_in, [STAGE_GROUP_IN] = explain_group_in, [STAGE_DELIVER] = explain_deliver,
};

/* --- names --- */

static const char *place(const Case *c, const Eni *eni, Ip address, const char *name) {
  const char *text = ip_text(c->arena, address);
  const Endpoint *endpoint = eni && c->network ? network_endpoint(c->network, eni->owner) : NULL;
  if (endpoint)
    return arena_printf(c->arena, "%s (endpoint %s for %s)", text, endpoint->id, endpoint->service);
  if (name)
    return eni ? arena_printf(c->arena, "%s (%s, %s)", name, text, eni->id) : arena_printf(c->arena, "%s (%s)", name, text);
  return eni ? arena_printf(c->arena, "%s (%s)", text, eni->id) : text;
}

/* By its address, if nobody said which service it is; "": one of them. */
static const char *service_at(const Blocked *blocked) {
  static const char *const ranges[][2] = {{REACH_S3, "s3"}, {REACH_DYNAMODB, "dynamodb"}, {REACH_SERVICES, ""}, {REACH_SERVICES6, ""}};
  if (blocked->service)
    return blocked->service;
  for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++) {
    Range range;
    if (range_parse(ranges[i][0], &range) && range_has(&range, blocked->destination))
      return ranges[i][1];
  }
  return NULL;
}

Explanation reach_explain(const Network *network, Arena *arena, const Blocked *blocked) {
  Case c = {
    .network = network, .blocked = blocked, .arena = arena, .rule = blocked->rule ? blocked->rule : "", .service = service_at(blocked),
    .source = network ? network_eni_ip(network, blocked->source) : NULL, .receiver = network ? network_eni_ip(network, blocked->destination) : NULL,
    .what = blocked->protocol == 6 ? arena_printf(arena, "TCP port %u", blocked->port)
      : blocked->protocol == 17 ? arena_printf(arena, "UDP port %u", blocked->port)
      : blocked->protocol == 1 ? "ICMP" : blocked->protocol == 58 ? "ICMPv6" : arena_printf(arena, "protocol %d", blocked->protocol),
  };
  c.from = place(&c, c.source, blocked->source, blocked->source_name);
  c.to = place(&c, c.receiver, blocked->destination, blocked->destination_name);
  return explainers[blocked->stage](&c);
}
