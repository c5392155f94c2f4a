/* insights_tell: a verdict in Reachability Analyzer's words: the components of a way that was found, the explanation codes of one that was not.
 * https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html */
#include "services/ec2/insights.h"

#include <string.h>

Ec2AnalysisComponent *insights_component(Call *call, const char *id) {
  Ec2AnalysisComponent *component = ARENA_NEW(call->arena, Ec2AnalysisComponent);
  const Ec2Kind *kind = id ? ec2_kind_of(id) : NULL;
  *component = (Ec2AnalysisComponent){.Id = id ? arena_strdup(call->arena, id) : NULL, .Arn = kind ? call_arn(call, "ec2", "%s/%s", kind->type, id) : NULL};
  return component;
}

Ec2Explanation *insights_reason(Call *call, Ec2NetworkInsightsAnalysis *analysis, const char *code) {
  Ec2Explanation *reason = ARENA_NEW(call->arena, Ec2Explanation);
  reason->ExplanationCode = code;
  LIST_APPEND(call->arena, &analysis->Explanations, reason);
  return reason;
}

/* Where something is told of: the given VPC, or a peer. */
static const Network *network_of(const Network *network, const char *vpc_id) {
  for (gsize i = 0; vpc_id && strcmp(network->vpc_id, vpc_id) != 0 && i < network->n_peers; i++)
    if (strcmp(network->peers[i]->vpc_id, vpc_id) == 0)
      return network->peers[i];
  return network;
}

/* The VPC that an interface is in: the given one, or a peer. */
static const Network *home_of(const Network *network, const Eni *eni) {
  for (gsize i = 0; !network_eni(network, eni->id) && i < network->n_peers; i++)
    if (network_eni(network->peers[i], eni->id))
      return network->peers[i];
  return network;
}

static Ec2PortRange *ports(Call *call, int from, int to) {
  Ec2PortRange *range = ARENA_NEW(call->arena, Ec2PortRange);
  *range = (Ec2PortRange){.From = OPT_INT(from < 0 ? 0 : from), .To = OPT_INT(to < 0 ? 65535 : to)};
  return range;
}

static const char *protocol_text(Call *call, int protocol) { return protocol < 0 ? "all" : arena_printf(call->arena, "%d", protocol); }

/* --- rules, entries, routes --- */

static Ec2AnalysisSecurityGroupRule *group_rule(Call *call, const Network *network, const char *rule_id, const char **ret_group) {
  for (gsize i = 0; i < network->n_groups; i++)
    for (gsize j = 0; j < network->groups[i].n_rules; j++) {
      const GroupRule *rule = &network->groups[i].rules[j];
      if (strcmp(rule->id, rule_id) != 0)
        continue;
      Ec2AnalysisSecurityGroupRule *out = ARENA_NEW(call->arena, Ec2AnalysisSecurityGroupRule);
      *out = (Ec2AnalysisSecurityGroupRule){.Direction = rule->egress ? "egress" : "ingress", .Protocol = protocol_text(call, rule->protocol)};
      if (rule->peer == PEER_CIDR)
        out->Cidr = range_text(call->arena, &rule->cidr);
      else if (rule->peer == PEER_GROUP)
        out->SecurityGroupId = arena_strdup(call->arena, rule->peer_id);
      else
        out->PrefixListId = arena_strdup(call->arena, rule->peer_id);
      if (rule->protocol == 6 || rule->protocol == 17)
        out->PortRange = ports(call, rule->from_port, rule->to_port);
      *ret_group = network->groups[i].id;
      return out;
    }
  *ret_group = NULL;
  return NULL;
}

/* rule: "acl-1:100", or "acl-1:*" for the last one. */
static Ec2AnalysisAclRule *acl_rule(Call *call, const Network *network, const Step *step, const char **ret_acl) {
  const char *colon = strrchr(step->rule, ':');
  const char *id = arena_strndup(call->arena, step->rule, colon ? (gsize) (colon - step->rule) : strlen(step->rule));
  const NetworkAcl *acl = network_acl(network, id);
  gboolean egress = step->stage == STAGE_ACL_OUT;
  Ec2AnalysisAclRule *out = ARENA_NEW(call->arena, Ec2AnalysisAclRule);
  *out = (Ec2AnalysisAclRule){.Cidr = "0.0.0.0/0", .Egress = OPT_BOOL(egress), .Protocol = "all", .RuleAction = step->passed ? "allow" : "deny", .RuleNumber = OPT_INT(32767)};
  *ret_acl = id;
  for (gsize i = 0; acl && i < acl->n_entries; i++) {
    const AclEntry *entry = &acl->entries[i];
    g_autofree char *number = g_strdup_printf("%d", entry->number);
    if (entry->egress != egress || !colon || strcmp(number, colon + 1) != 0)
      continue;
    out->Cidr = range_text(call->arena, &entry->cidr);
    out->Protocol = protocol_text(call, entry->protocol);
    out->RuleNumber = OPT_INT(entry->number);
    if (entry->protocol == 6 || entry->protocol == 17)
      out->PortRange = ports(call, entry->from_port, entry->to_port);
  }
  return out;
}

static const Route *route_of(const InsightsWay *way, const char *table, Range *ret_range) {
  const RouteTable *routes = network_route_table(way->network, table);
  return routes ? route_find(way->network, routes, way->packet->destination, ret_range) : NULL;
}

static Ec2AnalysisRouteTableRoute *table_route(Call *call, const Route *route, const Range *range) {
  Ec2AnalysisRouteTableRoute *out = ARENA_NEW(call->arena, Ec2AnalysisRouteTableRoute);
  const char *target = route->target_id ? arena_strdup(call->arena, route->target_id) : NULL;
  *out = (Ec2AnalysisRouteTableRoute){.DestinationCidr = route->prefix_list ? NULL : range_text(call->arena, range), .Origin = "createroute", .State = "active",
                                      .DestinationPrefixListId = route->prefix_list ? arena_strdup(call->arena, route->prefix_list) : NULL};
  if (route->target == TARGET_LOCAL) {
    out->GatewayId = "local";
    out->Origin = "createroutetable";
  } else if (route->target == TARGET_NAT_GATEWAY) {
    out->NatGatewayId = target;
  } else if (route->target == TARGET_INTERFACE) {
    out->NetworkInterfaceId = target;
  } else if (route->target == TARGET_PEERING) {
    out->VpcPeeringConnectionId = target;
  } else if (route->target == TARGET_EGRESS_ONLY_GATEWAY) {
    out->EgressOnlyInternetGatewayId = target;
  } else {
    out->GatewayId = target;
  }
  return out;
}

/* --- a way that was found --- */

static Ec2PathComponent *add_component(Call *call, Ec2PathComponentList *list, const char *id, const char *vpc_id) {
  Ec2PathComponent *component = ARENA_NEW(call->arena, Ec2PathComponent);
  *component = (Ec2PathComponent){.SequenceNumber = OPT_INT((gint64) list->n + 1), .Component = insights_component(call, id), .Vpc = insights_component(call, vpc_id)};
  LIST_APPEND(call->arena, list, component);
  return component;
}

static Ec2AnalysisPacketHeader *header(Call *call, const InsightsWay *way) {
  const Packet *packet = way->packet;
  Ec2AnalysisPacketHeader *out = ARENA_NEW(call->arena, Ec2AnalysisPacketHeader);
  Ip from = packet->source;
  if (ip_none(from) && way->verdict->source)
    from = ip_of4(way->verdict->source->address);
  out->Protocol = protocol_text(call, packet->protocol);
  LIST_APPEND(call->arena, &out->SourceAddresses, arena_printf(call->arena, "%s/%d", ip_text(call->arena, from), ip_is4(from) ? 32 : 128));
  LIST_APPEND(call->arena, &out->DestinationAddresses, arena_printf(call->arena, "%s/%d", ip_text(call->arena, packet->destination), ip_is4(packet->destination) ? 32 : 128));
  LIST_APPEND(call->arena, &out->SourcePortRanges, ports(call, -1, -1));
  LIST_APPEND(call->arena, &out->DestinationPortRanges, ports(call, packet->port, packet->port));
  return out;
}

static void add_interface(Call *call, const InsightsWay *way, Ec2PathComponentList *list, const Network *network, const Eni *eni, gboolean outbound) {
  Ec2PathComponent *component = add_component(call, list, eni->id, network->vpc_id);
  component->Subnet = insights_component(call, eni->subnet);
  if (outbound)
    component->OutboundHeader = header(call, way);
  else
    component->InboundHeader = header(call, way);
}

/* A route table, and what its route leads to if that is no interface of the VPC. */
static void add_route(Call *call, const InsightsWay *way, Ec2PathComponentList *list, const Step *step) {
  Range range = {0};
  const Route *route = route_of(way, step->rule, &range);
  if (!route)
    return;
  add_component(call, list, step->rule, step->vpc)->RouteTableRoute = table_route(call, route, &range);
  if (route->target != TARGET_LOCAL && route->target != TARGET_INTERFACE && route->target_id)
    add_component(call, list, route->target_id, step->vpc);
}

static void add_step(Call *call, const InsightsWay *way, Ec2PathComponentList *list, const Step *step) {
  const Network *network = network_of(way->network, step->vpc);
  const char *owner = NULL;
  switch (step->stage) {
  case STAGE_GROUP_OUT:
  case STAGE_GROUP_IN: {
    Ec2AnalysisSecurityGroupRule *rule = group_rule(call, network, step->rule, &owner);
    if (owner)
      add_component(call, list, owner, step->vpc)->SecurityGroupRule = rule;
    return;
  }
  case STAGE_ACL_OUT:
  case STAGE_ACL_IN: {
    Ec2AnalysisAclRule *rule = acl_rule(call, network, step, &owner);
    add_component(call, list, owner, step->vpc)->AclRule = rule;
    return;
  }
  case STAGE_ROUTE: add_route(call, way, list, step); return;
  case STAGE_SPOOF:
  case STAGE_FAULT:
  case STAGE_DELIVER:
  case STAGE_COUNT: return;
  }
}

/* The analyzer tells the groups and the ACL of the sender's subnet before its route table. */
void insights_components(Call *call, const InsightsWay *way, Ec2NetworkInsightsAnalysis *analysis) {
  const Verdict *v = way->verdict;
  const Step *first_route = NULL;
  if (v->source)
    add_interface(call, way, &analysis->ForwardPathComponents, way->network, v->source, TRUE);
  for (gsize i = 0; i < v->n_steps; i++) {
    const Step *step = &v->steps[i];
    if (step->reply) {
      add_step(call, way, &analysis->ReturnPathComponents, step);
      continue;
    }
    if (step->stage == STAGE_ROUTE && i == 0) {
      first_route = step;
      continue;
    }
    if (first_route && step->stage != STAGE_GROUP_OUT && step->stage != STAGE_ACL_OUT)
      add_step(call, way, &analysis->ForwardPathComponents, g_steal_pointer(&first_route));
    add_step(call, way, &analysis->ForwardPathComponents, step);
  }
  if (first_route)
    add_step(call, way, &analysis->ForwardPathComponents, first_route);
  if (v->receiver)
    add_interface(call, way, &analysis->ForwardPathComponents, home_of(way->network, v->receiver), v->receiver, FALSE);
}

/* --- one that was not --- */

static void explain_groups(Call *call, const InsightsWay *way, Ec2NetworkInsightsAnalysis *analysis, const Step *step) {
  const Network *network = network_of(way->network, step->vpc);
  gboolean egress = step->stage == STAGE_GROUP_OUT;
  const Eni *eni = egress ? way->verdict->source : way->verdict->receiver;
  g_auto(GStrv) ids = g_strsplit(step->rule, ",", -1);
  Ec2Explanation *reason = insights_reason(call, analysis, "ENI_SG_RULES_MISMATCH");
  reason->Direction = egress ? "egress" : "ingress";
  reason->NetworkInterface = reason->Component = eni ? insights_component(call, eni->id) : NULL;
  reason->Vpc = insights_component(call, step->vpc);
  for (char **id = ids; *id; id++) {
    const SecurityGroup *group = network_group(network, *id);
    Ec2AnalysisComponent *component = insights_component(call, *id);
    gsize n = 0;
    LIST_APPEND(call->arena, &reason->SecurityGroups, component);
    for (gsize i = 0; group && i < group->n_rules; i++)
      n += group->rules[i].egress == egress;
    if (n)
      continue;
    Ec2Explanation *empty = insights_reason(call, analysis, "SG_HAS_NO_RULES");
    empty->Direction = reason->Direction;
    empty->SecurityGroup = component;
  }
}

static void explain_acl(Call *call, const InsightsWay *way, Ec2NetworkInsightsAnalysis *analysis, const Step *step) {
  const Network *network = network_of(way->network, step->vpc);
  const char *acl = NULL;
  Ec2Explanation *reason = insights_reason(call, analysis, "SUBNET_ACL_RESTRICTION");
  reason->AclRule = acl_rule(call, network, step, &acl);
  reason->Acl = insights_component(call, acl);
  reason->Direction = step->stage == STAGE_ACL_OUT ? "egress" : "ingress";
  reason->Vpc = insights_component(call, step->vpc);
  const Eni *ends[] = {way->verdict->source, way->verdict->receiver};
  for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
    const Subnet *subnet = ends[i] ? network_subnet(network, ends[i]->subnet) : NULL;
    if (subnet && g_strcmp0(subnet->acl, acl) == 0 && !reason->Subnet)
      reason->Subnet = insights_component(call, subnet->id);
  }
}

static void explain_route(Call *call, const InsightsWay *way, Ec2NetworkInsightsAnalysis *analysis, const Step *step) {
  static const struct { const char *rule, *code; } codes[] = {
    {"igw", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"}, {"igw-in", "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"}, {"blackhole", "BAD_STATE_ROUTE"},
    {"local", "NO_POSSIBLE_DESTINATION"}, {"family", "PROTOCOL_RESTRICTION"}, {"none", "UNASSOCIATED_COMPONENT"},
  };
  const Eni *source = way->verdict->source;
  const Subnet *subnet = source ? network_subnet(way->network, source->subnet) : NULL;
  const char *code = "NO_ROUTE_TO_DESTINATION";
  Range range = {0};
  for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
    if (strcmp(codes[i].rule, step->rule) == 0)
      code = codes[i].code;
  Ec2Explanation *reason = insights_reason(call, analysis, code);
  reason->Vpc = insights_component(call, step->vpc);
  reason->Destination = way->destination ? insights_component(call, way->destination) : NULL;
  reason->Address = ip_text(call->arena, way->packet->destination);
  if (source)
    reason->NetworkInterface = insights_component(call, source->id);
  if (g_str_has_prefix(step->rule, "igw"))
    reason->InternetGateway = insights_component(call, way->network->internet_gateway);
  const char *table = g_str_has_prefix(step->rule, "rtb-") ? step->rule : subnet ? subnet->route_table : NULL;
  const Route *route = table ? route_of(way, table, &range) : NULL;
  reason->RouteTable = table ? insights_component(call, table) : NULL;
  reason->RouteTableRoute = route ? table_route(call, route, &range) : NULL;
  if (reason->RouteTableRoute && strcmp(code, "BAD_STATE_ROUTE") == 0) {
    reason->RouteTableRoute->State = "blackhole";
    reason->State = "blackhole";
  }
}

void insights_explain(Call *call, const InsightsWay *way, Ec2NetworkInsightsAnalysis *analysis) {
  for (gsize i = 0; i < way->verdict->n_steps; i++) {
    const Step *step = &way->verdict->steps[i];
    if (step->passed)
      continue;
    switch (step->stage) {
    case STAGE_GROUP_OUT:
    case STAGE_GROUP_IN: explain_groups(call, way, analysis, step); break;
    case STAGE_ACL_OUT:
    case STAGE_ACL_IN: explain_acl(call, way, analysis, step); break;
    case STAGE_ROUTE: explain_route(call, way, analysis, step); break;
    case STAGE_SPOOF:
      insights_reason(call, analysis, "ENI_SOURCE_DEST_CHECK_RESTRICTION")->NetworkInterface = way->verdict->receiver ? insights_component(call, way->verdict->receiver->id) : NULL;
      break;
    case STAGE_DELIVER: insights_reason(call, analysis, "TARGET_PORT_RESTRICTION")->Port = OPT_INT(way->packet->port); break;
    case STAGE_FAULT:
    case STAGE_COUNT: break;
    }
  }
}
