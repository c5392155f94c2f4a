/* rules_paths: every need of every function, walked as reach walks a packet: routes, groups, network ACLs. */
#include "check/model.h"

#include <string.h>

enum { SDK_CONNECT_SECONDS = 60 /* botocore's connect_timeout */, LAMBDA_SECONDS = 3 /* Timeout's default */ };

/* A way that is blocked: where it began and what stopped it. */
typedef struct BlockedWay {
  const Need *need;
  const Function *function;
  const Subnet *subnet;
  const char *target;          /* "Secrets Manager", "the database cluster Db", "https://api.shop.com" */
  Verdict verdict;
  gboolean reply;              /* what was stopped is the reply */
  const VpcEndpoint *endpoint; /* that it goes to, or NULL */
  int port;
} BlockedWay;

/* -- words ------------------------------------------------------------------------------------------------------------------- */

static const char *
route_words(Check *check, const RouteTable *table)
{
  StringList list = { 0 };
  words_add(check->arena, &list, "local");
  for (gsize i = 0; i < table->n_routes; i++) {
    const Route *route = &table->routes[i];
    const char *to = route->prefix_list ? (strcmp(route->prefix_list, "pl-s3") == 0 ? "S3" : "DynamoDB") : range_text(check->arena, &route->destination);
    words_add(check->arena, &list, arena_printf(check->arena, "%s to %s", to, route->target_id));
  }
  return words(check->arena, &list);
}

/* What the function's caller sees. */
static const char *
consequence(Check *check, const BlockedWay *blocked)
{
  const Function *function = blocked->function;
  gint64 connect = function->code.connect_timeout ? function->code.connect_timeout : SDK_CONNECT_SECONDS;
  gint64 timeout = json_number(item_property(function->item, "Timeout"), LAMBDA_SECONDS);
  if (strcmp(function->item->type, "AWS::RDS::DBProxy") == 0)
    return arena_printf(check->arena, "%s does not reach %s: its target stays unavailable, and its clients' connections time out", function->item->id,
                        blocked->target);
  if (strcmp(function->item->type, "AWS::Lambda::Function") != 0)
    return arena_printf(check->arena, "the rotation that %s makes hangs when it connects to %s, and fails", function->item->id, blocked->target);
  if (blocked->need->answers_cloudformation && blocked->need->service == service_of_iam("s3", 2))
    return arena_printf(check->arena, "%s cannot answer CloudFormation: the stack waits for an hour, then fails and rolls back", function->item->id);
  if (timeout <= connect)
    return arena_printf(check->arena, "%s hangs when it connects to %s, until Lambda ends it: Task timed out after %" G_GINT64_FORMAT ".00 seconds",
                        function->item->id, blocked->target, timeout);
  return arena_printf(check->arena, "%s hangs when it connects to %s, for %" G_GINT64_FORMAT " s or more at each try, then fails with a connect time-out",
                      function->item->id, blocked->target, connect);
}

static const char *
reason(Check *check, const Need *need)
{
  return words(check->arena, &need->because);
}

/* "Function in SubnetA and SubnetB" of the ways that are blocked alike. */
static const char *
begin_words(Check *check, const BlockedWay *first, const GArray *all, StringList *ret_subnets)
{
  for (guint i = 0; i < all->len; i++) {
    const BlockedWay *other = &g_array_index(all, BlockedWay, i);
    if (other->verdict.stage == first->verdict.stage && g_strcmp0(other->verdict.rule, first->verdict.rule) == 0 && other->reply == first->reply)
      words_add(check->arena, ret_subnets, other->subnet->id);
  }
  return arena_printf(check->arena, "%s in %s", first->function->item->id, words(check->arena, ret_subnets));
}

/* What ways that are stopped at the same place for the same target have in common: they are told once. */
static const char *
key_of(Check *check, const BlockedWay *blocked, const char *place)
{
  return arena_printf(check->arena, "%s %s %d", place, blocked->target, blocked->need->answers_cloudformation);
}

/* -- no route ---------------------------------------------------------------------------------------------------------------- */

static const char *
mend_gateway(Check *check, const BlockedWay *blocked, const StringList *subnets)
{
  const Service *service = blocked->need->service;
  const char *id = free_id(check, strcmp(service->iam, "s3") == 0 ? "S3Endpoint" : "DynamoDBEndpoint"), *vpc = blocked->function->vpc->id;
  const char *table = blocked->subnet->route_table, *more = "";
  if (!item_find(check, table)) { /* the main table has no name in a template */
    table = free_id(check, "PrivateRouteTable");
    more = arena_printf(check->arena, "\"%s\": {\"Type\": \"AWS::EC2::RouteTable\", \"Properties\": {\"VpcId\": {\"Ref\": \"%s\"}}}, ", table, vpc);
    for (gsize i = 0; i < subnets->n; i++)
      more = arena_printf(check->arena, "%s\"%s\": {\"Type\": \"AWS::EC2::SubnetRouteTableAssociation\", \"Properties\": {\"SubnetId\": {\"Ref\": \"%s\"}, "
                          "\"RouteTableId\": {\"Ref\": \"%s\"}}}, ", more, free_id(check, arena_printf(check->arena, "%sRoutes", subnets->v[i])),
                          subnets->v[i], table);
  }
  return arena_printf(check->arena, "{%s\"%s\": {\"Type\": \"AWS::EC2::VPCEndpoint\", \"Properties\": {\"VpcId\": {\"Ref\": \"%s\"}, \"ServiceName\": "
                      "{\"Fn::Sub\": \"com.amazonaws.${AWS::Region}.%s\"}, \"VpcEndpointType\": \"Gateway\", \"RouteTableIds\": [{\"Ref\": \"%s\"}]}}}",
                      more, id, vpc, service->endpoint, table);
}

static const char *
mend_interface(Check *check, const BlockedWay *blocked)
{
  const Function *function = blocked->function;
  const Service *service = blocked->need->service;
  const char *id = free_id(check, arena_printf(check->arena, "%sEndpoint", service->js)), *vpc = function->vpc->id;
  const char *group = free_id(check, arena_printf(check->arena, "%sGroup", id));
  const char *from = function->groups.n ? reference_json(check, function->groups.v[0]) : "\"\"";
  const char *names = function->vpc->network->dns_hostnames ? "" :
    arena_printf(check->arena, "\"%s\": {\"Properties\": {\"EnableDnsHostnames\": true}}, ", vpc);
  return arena_printf(check->arena,
    "{%s\"%s\": {\"Type\": \"AWS::EC2::VPCEndpoint\", \"Properties\": {\"VpcId\": {\"Ref\": \"%s\"}, \"ServiceName\": "
    "{\"Fn::Sub\": \"com.amazonaws.${AWS::Region}.%s\"}, \"VpcEndpointType\": \"Interface\", \"PrivateDnsEnabled\": true, \"SubnetIds\": %s, "
    "\"SecurityGroupIds\": [{\"Ref\": \"%s\"}]}}, \"%s\": {\"Type\": \"AWS::EC2::SecurityGroup\", \"Properties\": {\"GroupDescription\": "
    "\"HTTPS to the endpoint\", \"VpcId\": {\"Ref\": \"%s\"}, \"SecurityGroupIngress\": [{\"IpProtocol\": \"tcp\", \"FromPort\": 443, \"ToPort\": 443, "
    "\"SourceSecurityGroupId\": %s}]}}}", names, id, vpc, service->endpoint, references_json(check, &function->subnets), group, group, vpc, from);
}

static const char *
mend_nat(Check *check, const BlockedWay *blocked)
{
  const char *table = item_find(check, blocked->subnet->route_table) ? blocked->subnet->route_table : "PrivateRouteTable", *more = "";
  guint i = 0;
  const Item *present = item_next(check, "AWS::EC2::NatGateway", &i);
  const char *nat = present ? present->id : free_id(check, "NatGateway"), *address = free_id(check, "NatAddress");
  if (!present)
    more = arena_printf(check->arena, "\"%s\": {\"Type\": \"AWS::EC2::EIP\", \"Properties\": {\"Domain\": \"vpc\"}}, \"%s\": {\"Type\": "
                        "\"AWS::EC2::NatGateway\", \"Properties\": {\"SubnetId\": {\"Ref\": \"%s\"}, \"AllocationId\": {\"Fn::GetAtt\": "
                        "[\"%s\", \"AllocationId\"]}}}, ", address, nat, public_subnet(check, blocked->function->vpc), address);
  return arena_printf(check->arena, "{%s\"%s\": {\"Type\": \"AWS::EC2::Route\", \"Properties\": {\"RouteTableId\": {\"Ref\": \"%s\"}, "
                      "\"DestinationCidrBlock\": \"0.0.0.0/0\", \"NatGatewayId\": {\"Ref\": \"%s\"}}}}", more,
                      free_id(check, "PrivateInternetRoute"), table, nat);
}

/* An endpoint of the VPC that is there for the service but does not serve this way; NULL: none. */
static const VpcEndpoint *
idle_endpoint(const Vpc *vpc, const Service *service, gboolean gateway)
{
  for (guint i = 0; i < vpc->n_endpoints; i++) {
    const VpcEndpoint *endpoint = &vpc->endpoints[i];
    if (endpoint->gateway == gateway && service->endpoint && g_strcmp0(endpoint->service, service->endpoint) == 0)
      return endpoint;
  }
  return NULL;
}

static void
tell_no_route_table(Check *check, const BlockedWay *blocked, const VpcEndpoint *endpoint, const char *begin)
{
  StringList tables = endpoint->tables;
  const Json *list = item_property(endpoint->item, "RouteTableIds");
  gboolean main_table = !item_find(check, blocked->subnet->route_table);
  if (!main_table)
    words_add(check->arena, &tables, blocked->subnet->route_table);
  tell(check, &(Telling){ RULE_ENDPOINT_ROUTE_TABLE, blocked->need->certainty, { endpoint->item, list },
    consequence(check, blocked),
    arena_printf(check->arena, "%s -> %s has no route to %s: %s is not attached to it, only to %s", begin, blocked->subnet->route_table, blocked->target,
                 endpoint->item->id, endpoint->tables.n ? words(check->arena, &endpoint->tables) : "no table"),
    reason(check, blocked->need),
    main_table ? NULL : arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"RouteTableIds\": %s}}}", endpoint->item->id, references_json(check, &tables)),
    key_of(check, blocked, blocked->subnet->route_table), begin });
}

static void
tell_no_private_dns(Check *check, const BlockedWay *blocked, const VpcEndpoint *endpoint, const char *begin)
{
  tell(check, &(Telling){ RULE_ENDPOINT_PRIVATE_DNS, blocked->need->certainty, { endpoint->item, item_property(endpoint->item, "PrivateDnsEnabled") },
    consequence(check, blocked),
    arena_printf(check->arena, "%s -> %s.%s.amazonaws.com resolves to public addresses, because %s has no private DNS -> %s has no route to them",
                 begin, blocked->need->service->host, check->eval.region, endpoint->item->id, blocked->subnet->route_table),
    arena_printf(check->arena, "%s; a client that names the endpoint's own host name would reach it", reason(check, blocked->need)),
    arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"PrivateDnsEnabled\": true}}}", endpoint->item->id),
    key_of(check, blocked, endpoint->item->id), begin });
}

static void
tell_no_route(Check *check, const BlockedWay *blocked, const char *begin, const StringList *subnets)
{
  const Need *need = blocked->need;
  const Vpc *vpc = blocked->function->vpc;
  const RouteTable *table = network_route_table(vpc->network, blocked->subnet->route_table);
  const char *routes = table ? route_words(check, table) : "local";
  if (need->kind == NEED_INTERNET) {
    tell(check, &(Telling){ RULE_NO_WAY_TO_INTERNET, need->certainty, { blocked->function->item, need->at }, consequence(check, blocked),
      arena_printf(check->arena, "%s -> %s has no route to the internet (its routes: %s)", begin, blocked->subnet->route_table, routes),
      reason(check, need), mend_nat(check, blocked), key_of(check, blocked, blocked->subnet->route_table), begin });
    return;
  }
  const VpcEndpoint *gateway = idle_endpoint(vpc, need->service, TRUE), *interface = idle_endpoint(vpc, need->service, FALSE);
  if (gateway && gateway->tables_known) {
    tell_no_route_table(check, blocked, gateway, begin);
  } else if (interface && interface->private_dns) {
    return; /* without a subnet: rules_endpoints */
  } else if (interface) {
    tell_no_private_dns(check, blocked, interface, begin);
  } else if (!vpc->unknown_endpoints) {
    tell(check, &(Telling){ need->answers_cloudformation ? RULE_CUSTOM_RESOURCE_S3 : RULE_NO_WAY_TO_SERVICE, need->certainty,
      { blocked->function->item, need->at }, consequence(check, blocked),
      arena_printf(check->arena, "%s -> %s has no route to %s (its routes: %s), and %s has no endpoint for it", begin, blocked->subnet->route_table,
                   blocked->target, routes, vpc->id),
      reason(check, need), !need->service->endpoint ? mend_nat(check, blocked) : service_has_gateway(need->service) ?
      mend_gateway(check, blocked, subnets) : mend_interface(check, blocked), key_of(check, blocked, blocked->subnet->route_table), begin });
  }
}

static void
tell_public_subnet(Check *check, const BlockedWay *blocked, const char *begin, const StringList *subnets)
{
  const Need *need = blocked->need;
  const char *mend = need->kind == NEED_INTERNET || !need->service->endpoint ? mend_nat(check, blocked) :
    service_has_gateway(need->service) ? mend_gateway(check, blocked, subnets) : mend_interface(check, blocked);
  const Json *at = item_property(blocked->function->item, "VpcConfig.SubnetIds");
  tell(check, &(Telling){ RULE_PUBLIC_SUBNET, need->certainty, { blocked->function->item, at }, consequence(check, blocked),
    arena_printf(check->arena, "%s -> %s sends it to an internet gateway, but a function in a VPC never has a public address, also in a public subnet",
                 begin, blocked->subnet->route_table), reason(check, need), mend,
    key_of(check, blocked, blocked->subnet->route_table), begin });
}

/* Between peered VPCs: there, or back. */
static void
tell_peering(Check *check, const BlockedWay *blocked, const char *begin)
{
  const Vpc *vpc = blocked->function->vpc;
  const Listener *listener = listener_find(check, blocked->need->listener);
  const Item *peering = listener ? peering_between(check, vpc, listener->vpc) : NULL, *table = item_find(check, blocked->verdict.rule);
  gboolean back = g_strcmp0(blocked->verdict.rule, blocked->subnet->route_table) != 0;
  if (!peering)
    return;
  const Vpc *to = back ? vpc : listener->vpc;
  const char *range = item_text(to->item, "CidrBlock");
  tell(check, &(Telling){ RULE_PEERING_ROUTE, blocked->need->certainty, { table ? table : peering, NULL }, consequence(check, blocked),
    arena_printf(check->arena, "%s -> %s -> %s%s has no route to %s, %s", begin, peering->id, back ? "the reply: " : "", blocked->verdict.rule, to->id,
                 range ? range : "whose range is not known"), reason(check, blocked->need),
    table && range ? arena_printf(check->arena, "{\"%s\": {\"Type\": \"AWS::EC2::Route\", \"Properties\": {\"RouteTableId\": {\"Ref\": \"%s\"}, "
      "\"DestinationCidrBlock\": \"%s\", \"VpcPeeringConnectionId\": {\"Ref\": \"%s\"}}}}", free_id(check, arena_printf(check->arena, "%sTo%s",
      table->id, to->id)), table->id, range, peering->id) : NULL, key_of(check, blocked, blocked->verdict.rule), begin });
}

/* -- groups and ACLs --------------------------------------------------------------------------------------------------------- */

static const char *
egress_rule(Check *check, const BlockedWay *blocked)
{
  const Eni *receiver = blocked->verdict.receiver;
  const char *to = "\"CidrIp\": \"0.0.0.0/0\"";
  if (receiver && receiver->n_groups && item_find(check, receiver->groups[0]))
    to = arena_printf(check->arena, "\"DestinationSecurityGroupId\": %s", reference_json(check, receiver->groups[0]));
  const char *group = blocked->function->groups.v[0];
  return arena_printf(check->arena, "{\"%s\": {\"Type\": \"AWS::EC2::SecurityGroupEgress\", \"Properties\": {\"GroupId\": %s, \"IpProtocol\": \"tcp\", "
                      "\"FromPort\": %d, \"ToPort\": %d, %s}}}", free_id(check, arena_printf(check->arena, "%sTo%s", blocked->function->item->id,
                      blocked->need->kind == NEED_SERVICE ? blocked->need->service->js : blocked->need->listener ? blocked->need->listener->id : "Internet")),
                      reference_json(check, group), blocked->port, blocked->port, to);
}

static void
tell_group_out(Check *check, const BlockedWay *blocked, const char *begin)
{
  const Item *group = item_find(check, blocked->function->groups.n ? blocked->function->groups.v[0] : NULL);
  if (!group)
    return;
  const char *through = !blocked->verdict.endpoint || !blocked->verdict.endpoint->gateway ? "" :
    arena_printf(check->arena, ", also not to the prefix list of %s", blocked->target);
  tell(check, &(Telling){ RULE_FUNCTION_EGRESS, blocked->need->certainty, { group, item_property(group, "SecurityGroupEgress") }, consequence(check, blocked),
    arena_printf(check->arena, "%s -> no egress rule of %s allows TCP %d to %s%s", begin, blocked->verdict.rule, blocked->port, blocked->target, through),
    reason(check, blocked->need), egress_rule(check, blocked), key_of(check, blocked, blocked->verdict.rule), begin });
}

static void
tell_group_in(Check *check, const BlockedWay *blocked, const char *begin)
{
  const Eni *receiver = blocked->verdict.receiver;
  const Item *group = item_find(check, receiver && receiver->n_groups ? receiver->groups[0] : NULL);
  const char *owner = receiver ? receiver->owner : "";
  if (!receiver || !receiver->n_groups || blocked->function->groups.n == 0)
    return;
  Place place = group ? (Place){ group, item_property(group, "SecurityGroupIngress") } : (Place){ item_find(check, owner), NULL };
  tell(check, &(Telling){ blocked->endpoint ? RULE_ENDPOINT_INGRESS : RULE_DATABASE_INGRESS, blocked->need->certainty, place, consequence(check, blocked),
    arena_printf(check->arena, "%s -> %s (%s) -> no ingress rule of %s allows TCP %d from %s", begin, receiver->id,
                 blocked->endpoint ? "the endpoint" : "the database", blocked->verdict.rule, blocked->port, words(check->arena, &blocked->function->groups)),
    reason(check, blocked->need),
    arena_printf(check->arena, "{\"%s\": {\"Type\": \"AWS::EC2::SecurityGroupIngress\", \"Properties\": {\"GroupId\": %s, \"IpProtocol\": \"tcp\", "
      "\"FromPort\": %d, \"ToPort\": %d, \"SourceSecurityGroupId\": %s}}}", free_id(check, arena_printf(check->arena, "%sFrom%s", owner,
      blocked->function->item->id)), reference_json(check, receiver->groups[0]), blocked->port, blocked->port,
      reference_json(check, blocked->function->groups.v[0])),
    key_of(check, blocked, arena_printf(check->arena, "%s %s", receiver->groups[0], blocked->function->groups.v[0])), begin });
}

/* A number before the entry that denies, or after all; turn: how many were given out before. */
static int
free_number(const Network *network, const char *name, const char *denying, guint turn)
{
  const NetworkAcl *acl = network_acl(network, name);
  gint64 number = denying ? g_ascii_strtoll(denying, NULL, 10) - 1 - (gint64) turn : 0;
  if (number > 0)
    return (int) number;
  for (gsize i = 0; acl && i < acl->n_entries; i++)
    number = MAX(number, acl->entries[i].number);
  return (int) MIN(number / 10 * 10 + 10 * (1 + (gint64) turn), 32766);
}

/* "AclRequests", "AclRequests2", ... */
static const char *
entry_id(Check *check, const char *acl, gboolean reply)
{
  const char *name = arena_printf(check->arena, "%s%s", acl, reply ? "Replies" : "Requests");
  guint turn = mend_turn(check, name);
  return free_id(check, turn ? arena_printf(check->arena, "%s%u", name, turn + 1) : name);
}

static void
tell_acl(Check *check, const BlockedWay *blocked, const char *begin)
{
  const char *rule = blocked->verdict.rule, *colon = strrchr(rule, ':');
  const char *name = arena_strndup(check->arena, rule, colon ? (gsize) (colon - rule) : strlen(rule));
  const Item *acl = item_find(check, name);
  gboolean egress = blocked->verdict.stage == STAGE_ACL_OUT, last = colon && strcmp(colon, ":*") == 0;
  const char *what = blocked->reply ? "the reply, to a port from 1024 to 65535" : arena_printf(check->arena, "TCP %d", blocked->port);
  tell(check, &(Telling){ blocked->reply ? RULE_ACL_EPHEMERAL : RULE_ACL_DENIES, blocked->need->certainty, { acl, NULL }, consequence(check, blocked),
    arena_printf(check->arena, "%s -> %s -> %s %s (network ACLs keep no state)", begin, blocked->target,
                 last ? arena_printf(check->arena, "no %s entry of %s allows", egress ? "outbound" : "inbound", name)
                      : arena_printf(check->arena, "%s entry %s of %s denies", egress ? "outbound" : "inbound", colon ? colon + 1 : "?", name), what),
    reason(check, blocked->need),
    arena_printf(check->arena, "{\"%s\": {\"Type\": \"AWS::EC2::NetworkAclEntry\", \"Properties\": {\"NetworkAclId\": {\"Ref\": \"%s\"}, \"RuleNumber\": %d, "
      "\"Protocol\": 6, \"RuleAction\": \"allow\", \"Egress\": %s, \"CidrBlock\": \"0.0.0.0/0\", \"PortRange\": {\"From\": %d, \"To\": %d}}}}",
      entry_id(check, name, blocked->reply), name,
      free_number(blocked->verdict.network ? blocked->verdict.network : blocked->function->vpc->network, name, last ? NULL : colon + 1,
                  mend_turn(check, arena_printf(check->arena, "%s %d", name, egress))),
      egress ? "true" : "false",
      blocked->reply ? 1024 : blocked->port, blocked->reply ? 65535 : blocked->port),
    key_of(check, blocked, blocked->verdict.rule), begin });
}

/* -- telling ----------------------------------------------------------------------------------------------------------------- */

static void
tell_blocked(Check *check, const BlockedWay *blocked, const GArray *all)
{
  StringList subnets = { 0 };
  const char *begin = begin_words(check, blocked, all, &subnets);
  const Verdict *verdict = &blocked->verdict;
  switch (verdict->stage) {
  case STAGE_ROUTE:
    if (blocked->need->kind == NEED_LISTENER) {
      tell_peering(check, blocked, begin);
      return;
    }
    if (verdict->receiver && verdict->receiver->kind == ENI_NAT)
      return; /* rules_network says what is wrong with the gateway */
    if (strcmp(verdict->rule, "igw") == 0)
      tell_public_subnet(check, blocked, begin, &subnets);
    else if (strcmp(verdict->rule, blocked->subnet->route_table) == 0)
      tell_no_route(check, blocked, begin, &subnets);
    return;
  case STAGE_GROUP_OUT: tell_group_out(check, blocked, begin); return;
  case STAGE_GROUP_IN: tell_group_in(check, blocked, begin); return;
  case STAGE_ACL_OUT:
  case STAGE_ACL_IN: tell_acl(check, blocked, begin); return;
  case STAGE_SPOOF:
  case STAGE_FAULT:
  case STAGE_DELIVER:
  case STAGE_COUNT: return;
  }
}

/* One finding for each way to be blocked, not for each subnet. */
static void
tell_all(Check *check, const GArray *blocked)
{
  for (guint i = 0; i < blocked->len; i++) {
    const BlockedWay *each = &g_array_index(blocked, BlockedWay, i);
    gboolean told = FALSE;
    for (guint j = 0; j < i; j++) {
      const BlockedWay *before = &g_array_index(blocked, BlockedWay, j);
      told = told || (before->verdict.stage == each->verdict.stage && g_strcmp0(before->verdict.rule, each->verdict.rule) == 0 &&
                      before->reply == each->reply);
    }
    if (!told)
      tell_blocked(check, each, blocked);
  }
}

/* -- walking ----------------------------------------------------------------------------------------------------------------- */

/* Whether an ACL lets TCP from or to address pass on both ends of the ephemeral range that Lambda uses.
 * https://docs.aws.amazon.com/vpc/latest/userguide/nacl-ephemeral-ports.html */
static gboolean
acl_allows(const NetworkAcl *acl, gboolean egress, Ip address, int port)
{
  for (gsize i = 0; i < acl->n_entries; i++) {
    const AclEntry *entry = &acl->entries[i];
    if (entry->egress == egress && (entry->protocol == -1 || entry->protocol == 6) && range_has(&entry->cidr, address) &&
        (entry->from_port == -1 || entry->protocol == -1 || (port >= entry->from_port && port <= entry->to_port)))
      return entry->allow;
  }
  return FALSE;
}

/* A way that passes for most ports of the client, but not for all. */
static gboolean
replies_are_cut(const Network *network, const Subnet *subnet, const Verdict *verdict, Ip destination)
{
  const NetworkAcl *acl = network_acl(network, subnet->acl);
  if (!acl || (verdict->receiver && strcmp(verdict->receiver->subnet, subnet->id) == 0))
    return FALSE;
  return !acl_allows(acl, FALSE, destination, 1024) || !acl_allows(acl, FALSE, destination, 65535);
}

/* Where a step was: the network itself, or that of a peer. */
static const Network *
network_of_step(const Network *network, const Step *step)
{
  for (gsize i = 0; strcmp(network->vpc_id, step->vpc) != 0 && i < network->n_peers; i++) {
    if (strcmp(network->peers[i]->vpc_id, step->vpc) == 0)
      return network->peers[i];
  }
  return network;
}

/* Adds all that stops the way, each as if it were the only one, so that one run of mending is enough. */
static void
walk(Check *check, const Function *function, const char *eni, Ip destination, BlockedWay *way, GArray *blocked)
{
  const Network *network = function->vpc->network;
  Packet packet = { .eni = eni, .destination = destination, .protocol = 6, .port = (guint16) way->port, .through = TRUE };
  const Eni *source = network_eni(network, eni);
  Verdict verdict = { 0 };
  g_autoptr(Error) error = reach_walk(network, &packet, check->arena, &verdict);
  gboolean replies = FALSE, routed = TRUE;
  if (error || !source)
    return;
  way->subnet = network_subnet(network, source->subnet);
  way->verdict = verdict;
  way->verdict.delivered = FALSE;
  for (gsize i = 0; i < verdict.n_steps; i++) {
    const Step *step = &verdict.steps[i];
    if (step->passed)
      continue;
    replies = replies || step->reply;
    routed = routed && step->stage != STAGE_ROUTE;
    way->reply = step->reply;
    way->verdict.stage = step->stage;
    way->verdict.rule = step->rule;
    way->verdict.network = network_of_step(network, step);
    g_array_append_val(blocked, *way);
  }
  if (!replies && routed && replies_are_cut(network, way->subnet, &verdict, destination)) {
    way->reply = TRUE;
    way->verdict.stage = STAGE_ACL_IN;
    way->verdict.rule = arena_printf(check->arena, "%s:*", way->subnet->acl);
    way->verdict.network = network;
    g_array_append_val(blocked, *way);
  }
}

static const VpcEndpoint *
private_endpoint(const Vpc *vpc, const Service *service)
{
  const VpcEndpoint *endpoint = service->endpoint ? idle_endpoint(vpc, service, FALSE) : NULL;
  return endpoint && endpoint->private_dns && endpoint->enis.n ? endpoint : NULL;
}

static void
walk_service(Check *check, const Function *function, const Need *need, const char *eni, GArray *blocked)
{
  const Vpc *vpc = function->vpc;
  const VpcEndpoint *endpoint = private_endpoint(vpc, need->service);
  BlockedWay way = { .need = need, .function = function, .target = need->service->title, .endpoint = endpoint, .port = 443 };
  for (gsize i = 0; endpoint && i < endpoint->enis.n; i++) {
    const Eni *to = network_eni(vpc->network, endpoint->enis.v[i]);
    if (to)
      walk(check, function, eni, ip_of4(to->address), &way, blocked);
  }
  const Eni *source = network_eni(vpc->network, eni);
  const Subnet *subnet = source ? network_subnet(vpc->network, source->subnet) : NULL;
  if (endpoint || !subnet || g_hash_table_contains(vpc->permissive, subnet->route_table))
    return;
  walk(check, function, eni, ip_of4(reach_service_address(need->service->endpoint ? need->service->endpoint : need->service->iam)), &way, blocked);
}

/* Whether the way from one to the other can be told: in one VPC, or in two that are peered and of which all is known. */
static gboolean
may_walk_between(const Check *check, const Function *function, const Listener *listener)
{
  const Vpc *vpc = function->vpc, *other = listener->vpc;
  if (vpc == other)
    return TRUE;
  return peering_between(check, vpc, other) && vpc->ranges_known && other->ranges_known && !g_hash_table_size(vpc->permissive) &&
         !g_hash_table_size(other->permissive);
}

static void
walk_listener(Check *check, const Function *function, const Need *need, const char *eni, GArray *blocked)
{
  const Listener *listener = listener_find(check, need->listener);
  if (!listener || !listener->vpc || listener->port == 0 || !may_walk_between(check, function, listener))
    return;
  BlockedWay way = { .need = need, .function = function, .target = listener->title, .port = listener->port };
  for (gsize i = 0; i < listener->enis.n; i++) {
    const Eni *to = network_eni(listener->vpc->network, listener->enis.v[i]);
    if (to)
      walk(check, function, eni, ip_of4(to->address), &way, blocked);
  }
}

static void
walk_internet(Check *check, const Function *function, const Need *need, const char *eni, GArray *blocked)
{
  BlockedWay way = { .need = need, .function = function, .target = arena_printf(check->arena, "https://%s", need->host), .port = 443 };
  const Eni *source = network_eni(function->vpc->network, eni);
  const Subnet *subnet = source ? network_subnet(function->vpc->network, source->subnet) : NULL;
  if (!subnet || g_hash_table_contains(function->vpc->permissive, subnet->route_table))
    return;
  walk(check, function, eni, ip_of4(203U << 24 | 113U << 8 | 10U), &way, blocked); /* of TEST-NET-3: an address of the internet */
}

static void
check_need(Check *check, const Function *function, const Need *need)
{
  g_autoptr(GArray) blocked = g_array_new(FALSE, TRUE, sizeof(BlockedWay));
  gboolean inside = function->vpc->item != NULL && function->vpc->network->dns_support;
  for (gsize i = 0; i < function->enis.n; i++) {
    const char *eni = function->enis.v[i];
    if (need->kind == NEED_LISTENER)
      walk_listener(check, function, need, eni, blocked);
    else if (inside && need->kind == NEED_SERVICE)
      walk_service(check, function, need, eni, blocked);
    else if (inside && need->kind == NEED_INTERNET)
      walk_internet(check, function, need, eni, blocked);
  }
  tell_all(check, blocked);
}

/* A group that a database's group lets in: what a function should have. */
static void
client_group(Check *check, const SecurityGroup *group, StringList *clients)
{
  for (gsize i = 0; group && i < group->n_rules; i++) {
    const GroupRule *rule = &group->rules[i];
    if (!rule->egress && rule->peer == PEER_GROUP && strcmp(rule->peer_id, group->id) != 0 && clients->n == 0)
      words_add(check->arena, clients, rule->peer_id);
  }
}

static const StringList *
client_groups(const Listener *listener, const StringList *clients)
{
  return clients->n ? clients : &listener->groups;
}

/* Whether an instance has a public address: as it says, or, where it does not say, if its VPC has an internet gateway.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html#cfn-rds-dbinstance-publiclyaccessible */
static gboolean
is_public(const Check *check, const Listener *listener)
{
  const Vpc *vpc = listener->vpc;
  gboolean otherwise = !vpc->item || vpc->network->internet_gateway != NULL, instances = FALSE;
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::RDS::DBInstance", &i)) != NULL;) {
    if (item != listener->item && item_of(check, item_text(item, "DBClusterIdentifier")) != listener->item)
      continue;
    instances = TRUE;
    if (item_bool(item, "PubliclyAccessible", otherwise))
      return TRUE;
  }
  gboolean database = g_str_has_prefix(listener->item->type, "AWS::RDS::DB") && strcmp(listener->item->type, "AWS::RDS::DBProxy") != 0;
  return database && !instances && item_bool(listener->item, "PubliclyAccessible", otherwise);
}

/* A function outside any VPC, and a database that has no public address. */
static void
check_outside(Check *check, const Function *function, const Need *need)
{
  StringList clients = { 0 };
  const Listener *listener = need->kind == NEED_LISTENER ? listener_find(check, need->listener) : NULL;
  for (gsize i = 0; listener && listener->vpc && i < listener->groups.n; i++)
    client_group(check, network_group(listener->vpc->network, listener->groups.v[i]), &clients);
  if (!listener || !listener->vpc || is_public(check, listener) || statements_allow(&function->role, "rds-data:ExecuteStatement"))
    return;
  tell(check, &(Telling){ RULE_FUNCTION_OUTSIDE_VPC, need->certainty, { function->item, need->at },
    arena_printf(check->arena, "%s cannot connect to %s: it runs outside the VPC, and the database has no public address", function->item->id, listener->title),
    arena_printf(check->arena, "%s has no VpcConfig -> the internet -> %s is in %s, in private addresses", function->item->id, listener->title,
                 words(check->arena, &listener->subnets)),
    reason(check, need),
    arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"VpcConfig\": {\"SubnetIds\": %s, \"SecurityGroupIds\": %s}}}}", function->item->id,
                 references_json(check, &listener->subnets), references_json(check, client_groups(listener, &clients))) });
}

void
rules_paths(Check *check)
{
  for (guint i = 0; i < check->functions->len; i++) {
    const Function *function = check->functions->pdata[i];
    for (gsize j = 0; j < function->n_needs; j++) {
      if (function->vpc)
        check_need(check, function, &function->needs[j]);
      else if (!function->in_vpc)
        check_outside(check, function, &function->needs[j]);
    }
  }
}
