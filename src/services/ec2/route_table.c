/* route_table: routes, and which subnets they hold for. https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { ROUTES_MAX = 500 };

static const Ec2Path filters[] = {
  {"route-table-id", "RouteTableId"}, {"vpc-id", "VpcId"}, {"owner-id", "OwnerId"}, {"association.main", "Associations.Main"},
  {"association.subnet-id", "Associations.SubnetId"}, {"association.gateway-id", "Associations.GatewayId"},
  {"association.route-table-id", "Associations.RouteTableId"}, {"association.route-table-association-id", "Associations.RouteTableAssociationId"},
  {"route.gateway-id", "Routes.GatewayId"}, {"route.nat-gateway-id", "Routes.NatGatewayId"}, {"route.instance-id", "Routes.InstanceId"},
  {"route.transit-gateway-id", "Routes.TransitGatewayId"}, {"route.egress-only-internet-gateway-id", "Routes.EgressOnlyInternetGatewayId"},
  {"route.vpc-peering-connection-id", "Routes.VpcPeeringConnectionId"}, {"route.destination-cidr-block", "Routes.DestinationCidrBlock"},
  {"route.destination-ipv6-cidr-block", "Routes.DestinationIpv6CidrBlock"}, {"route.destination-prefix-list-id", "Routes.DestinationPrefixListId"},
  {"route.origin", "Routes.Origin"}, {"route.state", "Routes.State"}, {NULL, NULL},
};
const Ec2Kind ec2_route_tables = {.type = "route-table", .prefix = "rtb", .table = {"ec2.route_table"}, EC2_KIND(RouteTable, RouteTableId, Tags),
  .malformed = "InvalidRouteTableId.Malformed", .not_found = "InvalidRouteTableID.NotFound",
  .not_found_text = "The routeTable ID '%s' does not exist", .filters = filters};

static Ec2RouteTableAssociation *association_new(Call *call, const char *table_id, const char *subnet_id, gboolean is_main) {
  Ec2RouteTableAssociationState *state = ARENA_NEW(call->arena, Ec2RouteTableAssociationState);
  state->State = "associated";
  Ec2RouteTableAssociation *association = ARENA_NEW(call->arena, Ec2RouteTableAssociation);
  *association = (Ec2RouteTableAssociation){.Main = OPT_BOOL(is_main), .RouteTableAssociationId = id_resource(call->arena, "rtbassoc"),
                                            .RouteTableId = table_id, .SubnetId = subnet_id, .AssociationState = state};
  return association;
}

Error *ec2_route_table_make(Call *call, const Ec2Vpc *vpc, gboolean is_main, Ec2TagList tags, Ec2RouteTable **ret_table) {
  Ec2RouteTable *table = ARENA_NEW(call->arena, Ec2RouteTable);
  *table = (Ec2RouteTable){.RouteTableId = id_resource(call->arena, "rtb"), .VpcId = vpc->VpcId, .OwnerId = call->account, .Tags = tags};
  LIST_EMPTY(call->arena, &table->Associations);
  LIST_EMPTY(call->arena, &table->PropagatingVgws);
  for (gsize i = 0; i < vpc->CidrBlockAssociationSet.n; i++) {
    Ec2Route *local = ARENA_NEW(call->arena, Ec2Route);
    *local = (Ec2Route){.DestinationCidrBlock = vpc->CidrBlockAssociationSet.v[i]->CidrBlock, .GatewayId = "local", .Origin = "CreateRouteTable", .State = "active"};
    LIST_APPEND(call->arena, &table->Routes, local);
  }
  for (gsize i = 0; i < vpc->Ipv6CidrBlockAssociationSet.n; i++) {
    Ec2Route *local = ARENA_NEW(call->arena, Ec2Route);
    *local = (Ec2Route){.DestinationIpv6CidrBlock = vpc->Ipv6CidrBlockAssociationSet.v[i]->Ipv6CidrBlock, .GatewayId = "local", .Origin = "CreateRouteTable", .State = "active"};
    LIST_APPEND(call->arena, &table->Routes, local);
  }
  if (is_main)
    LIST_APPEND(call->arena, &table->Associations, association_new(call, table->RouteTableId, NULL, TRUE));
  *ret_table = table;
  return ec2_put(call, &ec2_route_tables, table);
}

OPERATION(CreateRouteTable, create_route_table, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_route_table(Call *call, const Ec2CreateRouteTableInput *in, Ec2CreateRouteTableOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  TRY(ec2_quota(call, &ec2_route_tables, in->VpcId));
  TRY(ec2_route_table_make(call, vpc, FALSE, ec2_tags(call, &in->TagSpecifications, "route-table"), &ret_out->RouteTable));
  ec2_changed_now(call, in->VpcId);
  return NULL;
}

OPERATION(DeleteRouteTable, delete_route_table, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_route_table(Call *call, const Ec2DeleteRouteTableInput *in, Ec2DeleteRouteTableOutput *ret_out) {
  const Ec2RouteTable *table = NULL;
  Ec2Records endpoints = {0};
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &table));
  if (table->Associations.n)
    return error_answer("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", in->RouteTableId);
  TRY(ec2_all(call, &ec2_endpoints, &endpoints));
  for (gsize i = 0; i < endpoints.n; i++)
    if (string_list_has(&((const Ec2VpcEndpoint *) endpoints.v[i])->RouteTableIds, in->RouteTableId))
      return error_answer("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", in->RouteTableId);
  TRY(ec2_delete(call, &ec2_route_tables, in->RouteTableId));
  ec2_changed_now(call, table->VpcId);
  return NULL;
}

/* A route whose target is gone is a blackhole. */
static Error *route_state(Call *call, Ec2Route *route, const char *vpc_id) {
  const void *target = NULL;
  gboolean there = TRUE;
  if (route->GatewayId && g_str_has_prefix(route->GatewayId, "igw-")) {
    const Ec2InternetGateway *gateway = NULL;
    TRY(ec2_find(call, &ec2_internet_gateways, route->GatewayId, &gateway));
    there = gateway && gateway->Attachments.n && strcmp(gateway->Attachments.v[0]->VpcId, vpc_id) == 0;
  } else if (route->NatGatewayId) {
    const Ec2NatGateway *nat = NULL;
    TRY(ec2_find(call, &ec2_nat_gateways, route->NatGatewayId, &nat));
    there = nat && !nat->DeleteTime.set;
  } else if (route->NetworkInterfaceId) {
    TRY(ec2_find(call, &ec2_interfaces, route->NetworkInterfaceId, &target));
    there = target != NULL;
  } else if (route->VpcPeeringConnectionId) {
    const Ec2VpcPeeringConnection *peering = NULL;
    TRY(ec2_find(call, &ec2_peerings, route->VpcPeeringConnectionId, &peering));
    there = ec2_peering_active(peering);
  } else if (route->EgressOnlyInternetGatewayId) {
    TRY(ec2_find(call, &ec2_egress_gateways, route->EgressOnlyInternetGatewayId, &target));
    there = target != NULL;
  }
  route->State = there ? "active" : "blackhole";
  return NULL;
}

static Error *fill_states(Call *call, void *record) {
  Ec2RouteTable *table = record;
  for (gsize i = 0; i < table->Routes.n; i++)
    TRY(route_state(call, table->Routes.v[i], table->VpcId));
  return NULL;
}

OPERATION(DescribeRouteTables, describe_route_tables, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_route_tables(Call *call, const Ec2DescribeRouteTablesInput *in, Ec2DescribeRouteTablesOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_route_tables, &in->RouteTableIds, &in->Filters, in->MaxResults, in->NextToken, "routeTableIds", fill_states},
                      &ret_out->RouteTables, &ret_out->NextToken);
}

/* --- associations --- */

/* The table with this association, and where. */
static Error *find_association(Call *call, const char *id, Ec2RouteTable **ret_table, gsize *ret_index) {
  Ec2Records tables = {0};
  TRY(ec2_all(call, &ec2_route_tables, &tables));
  for (gsize i = 0; i < tables.n; i++) {
    Ec2RouteTable *table = tables.v[i];
    for (gsize j = 0; j < table->Associations.n; j++)
      if (g_strcmp0(table->Associations.v[j]->RouteTableAssociationId, id) == 0) {
        *ret_table = table;
        *ret_index = j;
        return NULL;
      }
  }
  return error_answer("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id ? id : "");
}

static void remove_association(Ec2RouteTable *table, gsize at) {
  memmove(&table->Associations.v[at], &table->Associations.v[at + 1], (table->Associations.n - at - 1) * sizeof *table->Associations.v);
  table->Associations.n--;
}

static Error *check_free(Call *call, const char *subnet_id) {
  Ec2Records tables = {0};
  TRY(ec2_all(call, &ec2_route_tables, &tables));
  for (gsize i = 0; i < tables.n; i++) {
    const Ec2RouteTable *table = tables.v[i];
    for (gsize j = 0; j < table->Associations.n; j++)
      if (g_strcmp0(table->Associations.v[j]->SubnetId, subnet_id) == 0)
        return error_answer("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", table->RouteTableId);
  }
  return NULL;
}

OPERATION(AssociateRouteTable, associate_route_table, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *associate_route_table(Call *call, const Ec2AssociateRouteTableInput *in, Ec2AssociateRouteTableOutput *ret_out) {
  Ec2RouteTable *table = NULL;
  const Ec2Subnet *subnet = NULL;
  if (in->GatewayId)
    return error_answer("UnsupportedOperation", "haar associates route tables with subnets, not with gateways.");
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &table));
  TRY(ec2_get(call, &ec2_subnets, in->SubnetId, &subnet));
  if (strcmp(subnet->VpcId, table->VpcId) != 0)
    return error_answer("InvalidParameterValue", "Route table %s and subnet %s belong to different networks", in->RouteTableId, in->SubnetId);
  TRY(check_free(call, in->SubnetId));
  Ec2RouteTableAssociation *association = association_new(call, in->RouteTableId, in->SubnetId, FALSE);
  LIST_APPEND(call->arena, &table->Associations, association);
  ret_out->AssociationId = association->RouteTableAssociationId;
  ret_out->AssociationState = association->AssociationState;
  TRY(ec2_put(call, &ec2_route_tables, table));
  ec2_changed_now(call, table->VpcId);
  return NULL;
}

OPERATION(DisassociateRouteTable, disassociate_route_table, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *disassociate_route_table(Call *call, const Ec2DisassociateRouteTableInput *in, Ec2DisassociateRouteTableOutput *ret_out) {
  Ec2RouteTable *table = NULL;
  gsize at = 0;
  TRY(find_association(call, in->AssociationId, &table, &at));
  if (table->Associations.v[at]->Main.v)
    return error_answer("InvalidParameterValue", "cannot disassociate the main route table association %s", in->AssociationId);
  remove_association(table, at);
  TRY(ec2_put(call, &ec2_route_tables, table));
  ec2_changed_now(call, table->VpcId);
  return NULL;
}

OPERATION(ReplaceRouteTableAssociation, replace_route_table_association, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *replace_route_table_association(Call *call, const Ec2ReplaceRouteTableAssociationInput *in, Ec2ReplaceRouteTableAssociationOutput *ret_out) {
  Ec2RouteTable *from = NULL, *to = NULL;
  gsize at = 0;
  TRY(find_association(call, in->AssociationId, &from, &at));
  const Ec2RouteTableAssociation *old = from->Associations.v[at];
  remove_association(from, at);
  TRY(ec2_put(call, &ec2_route_tables, from));
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &to));
  if (strcmp(to->VpcId, from->VpcId) != 0)
    return error_answer("InvalidParameterValue", "Route table %s and route table %s belong to different networks", in->RouteTableId, from->RouteTableId);
  Ec2RouteTableAssociation *association = association_new(call, in->RouteTableId, old->SubnetId, old->Main.v);
  LIST_APPEND(call->arena, &to->Associations, association);
  TRY(ec2_put(call, &ec2_route_tables, to));
  ret_out->NewAssociationId = association->RouteTableAssociationId;
  ret_out->AssociationState = association->AssociationState;
  ec2_changed_now(call, to->VpcId);
  return NULL;
}

/* --- routes --- */

static Ec2Route *find_route(const Ec2RouteTable *table, const char *cidr, const char *cidr6, const char *prefix_list) {
  for (gsize i = 0; i < table->Routes.n; i++) {
    Ec2Route *route = table->Routes.v[i];
    if ((cidr && g_strcmp0(route->DestinationCidrBlock, cidr) == 0) || (cidr6 && g_strcmp0(route->DestinationIpv6CidrBlock, cidr6) == 0) ||
        (prefix_list && g_strcmp0(route->DestinationPrefixListId, prefix_list) == 0))
      return route;
  }
  return NULL;
}

/* A route's destination: one of three. */
typedef struct Destination { const char *cidr, *cidr6, *list; } Destination;

static const char *destination_text(const Destination *d) { return d->cidr ? d->cidr : d->cidr6 ? d->cidr6 : d->list; }

/* A range as it is kept: bits behind the prefix cleared. */
static Error *range_of(Call *call, const char *text, gboolean ipv6, const char **ret_text) {
  Range range = {0};
  if (!range_parse(text, &range) || range_is4(&range) == ipv6)
    return error_answer("InvalidParameterValue", "Value (%s) for parameter %s is invalid. This is not a valid %sCIDR block.", text,
                        ipv6 ? "destinationIpv6CidrBlock" : "destinationCidrBlock", ipv6 ? "IPv6 " : "");
  range.address = range_base(&range);
  *ret_text = range_text(call->arena, &range);
  return NULL;
}

static Error *destination(Call *call, const char *cidr, const char *cidr6, const char *list, Destination *ret) {
  gint64 ignored = 0;
  *ret = (Destination){.list = list};
  if ((cidr != NULL) + (cidr6 != NULL) + (list != NULL) != 1)
    return error_answer(cidr || cidr6 || list ? "InvalidParameterCombination" : "MissingParameter",
                        "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock or destinationPrefixListId");
  if (list)
    return ec2_list_check(call, list, &ignored);
  return cidr ? range_of(call, cidr, FALSE, &ret->cidr) : range_of(call, cidr6, TRUE, &ret->cidr6);
}

static gboolean is_endpoint(const char *id) { return id && g_str_has_prefix(id, "vpce-"); }

static Error *check_peering(Call *call, const char *id, const char *vpc_id) {
  const Ec2VpcPeeringConnection *peering = NULL;
  TRY(ec2_get(call, &ec2_peerings, id, &peering));
  if (strcmp(peering->RequesterVpcInfo->VpcId, vpc_id) != 0 && strcmp(peering->AccepterVpcInfo->VpcId, vpc_id) != 0)
    return error_answer("InvalidParameterValue", "route table and VPC peering connection %s belong to different networks", id);
  if (!ec2_peering_active(peering) && strcmp(peering->Status->Code, "pending-acceptance") != 0)
    return error_answer("InvalidVpcPeeringConnectionID.NotFound", "The vpcPeeringConnection ID '%s' does not exist", id);
  return NULL;
}

static Error *check_egress_only(Call *call, const Ec2Route *route, const char *vpc_id) {
  const Ec2EgressOnlyInternetGateway *gateway = NULL;
  TRY(ec2_get(call, &ec2_egress_gateways, route->EgressOnlyInternetGatewayId, &gateway));
  if (!gateway->Attachments.n || strcmp(gateway->Attachments.v[0]->VpcId, vpc_id) != 0)
    return error_answer("InvalidParameterValue", "route table and egress-only internet gateway %s belong to different networks", route->EgressOnlyInternetGatewayId);
  if (route->DestinationCidrBlock)
    return error_answer("InvalidParameterValue", "The egress-only internet gateway %s routes IPv6 only", route->EgressOnlyInternetGatewayId);
  return NULL;
}

/* A route has one target. */
static gsize count_targets(const Ec2Route *route) {
  return (route->GatewayId != NULL) + (route->NatGatewayId != NULL) + (route->NetworkInterfaceId != NULL) + (route->VpcPeeringConnectionId != NULL) +
         (route->EgressOnlyInternetGatewayId != NULL);
}

static Error *check_target(Call *call, const Ec2Route *route, const char *vpc_id) {
  const void *there = NULL;
  if (count_targets(route) > 1)
    return error_answer("InvalidParameterCombination", "The parameters GatewayId, NatGatewayId, NetworkInterfaceId, VpcPeeringConnectionId and "
                        "EgressOnlyInternetGatewayId cannot be used together");
  if (route->NatGatewayId)
    return ec2_get(call, &ec2_nat_gateways, route->NatGatewayId, &there);
  if (route->NetworkInterfaceId)
    return ec2_get(call, &ec2_interfaces, route->NetworkInterfaceId, &there);
  if (route->GatewayId && g_str_has_prefix(route->GatewayId, "igw-")) {
    const Ec2InternetGateway *gateway = NULL;
    TRY(ec2_get(call, &ec2_internet_gateways, route->GatewayId, &gateway));
    if (gateway->Attachments.n && strcmp(gateway->Attachments.v[0]->VpcId, vpc_id) == 0)
      return NULL;
    return error_answer("InvalidParameterValue", "route table and network gateway %s belong to different networks", route->GatewayId);
  }
  if (route->GatewayId && strcmp(route->GatewayId, "local") == 0)
    return NULL;
  if (route->VpcPeeringConnectionId)
    return check_peering(call, route->VpcPeeringConnectionId, vpc_id);
  if (route->EgressOnlyInternetGatewayId)
    return check_egress_only(call, route, vpc_id);
  return error_answer("UnsupportedOperation", "haar routes to internet, NAT and egress-only gateways, peering connections and network interfaces; gateway endpoints add their "
                      "routes themselves. It has no instances, transit gateways, VPN, carrier or local gateways.");
}

/* What lies inside of the VPC stays there: a route to a part of a local range is taken to an interface or a NAT gateway only. */
static Error *check_local(const Ec2RouteTable *table, const Ec2Route *route, const Destination *d) {
  Range wanted = {0}, local = {0};
  if (!range_parse(d->cidr ? d->cidr : d->cidr6, &wanted))
    return NULL;
  for (gsize i = 0; i < table->Routes.n; i++) {
    const Ec2Route *known = table->Routes.v[i];
    if (g_strcmp0(known->GatewayId, "local") != 0 || !range_parse(known->DestinationCidrBlock ? known->DestinationCidrBlock : known->DestinationIpv6CidrBlock, &local))
      continue;
    if (range_has(&local, wanted.address) && wanted.prefix > local.prefix && !route->NetworkInterfaceId && !route->NatGatewayId)
      return error_answer("InvalidParameterValue", "The destination CIDR block %s is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an "
                          "interface or an instance.", destination_text(d));
  }
  return NULL;
}

static gsize count_routes(const Ec2RouteTable *table, gboolean ipv6) {
  gsize n = 0;
  for (gsize i = 0; i < table->Routes.n; i++)
    n += g_strcmp0(table->Routes.v[i]->GatewayId, "local") != 0 && (table->Routes.v[i]->DestinationIpv6CidrBlock != NULL) == ipv6;
  return n;
}

OPERATION(CreateRoute, create_route, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_route(Call *call, const Ec2CreateRouteInput *in, Ec2CreateRouteOutput *ret_out) {
  Ec2RouteTable *table = NULL;
  Destination to = {0};
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &table));
  TRY(destination(call, in->DestinationCidrBlock, in->DestinationIpv6CidrBlock, in->DestinationPrefixListId, &to));
  if (in->GatewayId && (is_endpoint(in->GatewayId) || ec2_list_is_aws(call, to.list)))
    return error_answer("InvalidParameterValue", "A gateway endpoint's routes are changed with the endpoint (ModifyVpcEndpoint): %s", in->GatewayId);
  if (find_route(table, to.cidr, to.cidr6, to.list))
    return error_answer("RouteAlreadyExists", "The route identified by %s already exists.", destination_text(&to));
  if (count_routes(table, to.cidr6 != NULL) >= ROUTES_MAX)
    return error_answer("RouteLimitExceeded", "The maximum number of routes has been reached.");
  Ec2Route *route = ARENA_NEW(call->arena, Ec2Route);
  *route = (Ec2Route){.DestinationCidrBlock = to.cidr, .DestinationIpv6CidrBlock = to.cidr6, .DestinationPrefixListId = to.list, .GatewayId = in->GatewayId,
                      .NatGatewayId = in->NatGatewayId, .NetworkInterfaceId = in->NetworkInterfaceId, .VpcPeeringConnectionId = in->VpcPeeringConnectionId,
                      .EgressOnlyInternetGatewayId = in->EgressOnlyInternetGatewayId, .Origin = "CreateRoute", .State = "active"};
  TRY(check_target(call, route, table->VpcId));
  TRY(check_local(table, route, &to));
  LIST_APPEND(call->arena, &table->Routes, route);
  ret_out->Return = OPT_BOOL(TRUE);
  TRY(ec2_put(call, &ec2_route_tables, table));
  return ec2_part_changed(call, table->VpcId, &ec2_route_tables, table->RouteTableId);
}

static Error *no_route(const Ec2RouteTable *table, const Destination *d) {
  return error_answer("InvalidRoute.NotFound", "no route with destination-%s %s in route table %s", d->list ? "prefix-list-id" : d->cidr6 ? "ipv6-cidr-block" : "cidr-block",
                      destination_text(d), table->RouteTableId);
}

OPERATION(ReplaceRoute, replace_route, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *replace_route(Call *call, const Ec2ReplaceRouteInput *in, Ec2ReplaceRouteOutput *ret_out) {
  Ec2RouteTable *table = NULL;
  Destination to = {0};
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &table));
  TRY(destination(call, in->DestinationCidrBlock, in->DestinationIpv6CidrBlock, in->DestinationPrefixListId, &to));
  Ec2Route *route = find_route(table, to.cidr, to.cidr6, to.list);
  if (!route)
    return no_route(table, &to);
  if (is_endpoint(route->GatewayId) || is_endpoint(in->GatewayId))
    return error_answer("InvalidParameterValue", "A gateway endpoint's routes are changed with the endpoint (ModifyVpcEndpoint): %s", route->GatewayId);
  route->GatewayId = in->LocalTarget.v ? "local" : in->GatewayId;
  route->NatGatewayId = in->NatGatewayId;
  route->NetworkInterfaceId = in->NetworkInterfaceId;
  route->VpcPeeringConnectionId = in->VpcPeeringConnectionId;
  route->EgressOnlyInternetGatewayId = in->EgressOnlyInternetGatewayId;
  TRY(check_target(call, route, table->VpcId));
  TRY(ec2_put(call, &ec2_route_tables, table));
  return ec2_part_changed(call, table->VpcId, &ec2_route_tables, table->RouteTableId);
}

static void remove_route(Ec2RouteTable *table, const Ec2Route *route) {
  for (gsize i = 0; i < table->Routes.n; i++)
    if (table->Routes.v[i] == route) {
      memmove(&table->Routes.v[i], &table->Routes.v[i + 1], (table->Routes.n - i - 1) * sizeof *table->Routes.v);
      table->Routes.n--;
      return;
    }
}

OPERATION(DeleteRoute, delete_route, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_route(Call *call, const Ec2DeleteRouteInput *in, Ec2DeleteRouteOutput *ret_out) {
  Ec2RouteTable *table = NULL;
  Destination to = {0};
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &table));
  if (in->DestinationPrefixListId && !in->DestinationCidrBlock && !in->DestinationIpv6CidrBlock)
    to.list = in->DestinationPrefixListId;
  else
    TRY(destination(call, in->DestinationCidrBlock, in->DestinationIpv6CidrBlock, in->DestinationPrefixListId, &to));
  const Ec2Route *route = find_route(table, to.cidr, to.cidr6, to.list);
  if (!route)
    return no_route(table, &to);
  if (g_strcmp0(route->GatewayId, "local") == 0)
    return error_answer("InvalidParameterValue", "cannot remove local route %s in route table %s", destination_text(&to), in->RouteTableId);
  if (is_endpoint(route->GatewayId))
    return error_answer("InvalidParameterValue", "cannot remove VPC endpoint route %s in route table %s", destination_text(&to), in->RouteTableId);
  remove_route(table, route);
  TRY(ec2_put(call, &ec2_route_tables, table));
  return ec2_part_changed(call, table->VpcId, &ec2_route_tables, table->RouteTableId);
}

Error *ec2_endpoint_routes(Call *call, const Ec2VpcEndpoint *endpoint, const StringList *tables, gboolean add) {
  const char *service = strrchr(endpoint->ServiceName, '.') + 1, *list = ec2_prefix_list_id(call->arena, call->region, service);
  for (gsize i = 0; i < tables->n; i++) {
    Ec2RouteTable *table = NULL;
    TRY(ec2_get(call, &ec2_route_tables, tables->v[i], &table));
    if (strcmp(table->VpcId, endpoint->VpcId) != 0)
      return error_answer("InvalidParameterValue", "Route table %s does not belong to VPC %s", tables->v[i], endpoint->VpcId);
    Ec2Route *route = find_route(table, NULL, NULL, list);
    if (add && route)
      return error_answer("RouteAlreadyExists", "route table %s already has a route with destination-prefix-list-id %s", tables->v[i], list);
    if (!add && route)
      remove_route(table, route);
    if (add) {
      route = ARENA_NEW(call->arena, Ec2Route);
      *route = (Ec2Route){.DestinationPrefixListId = list, .GatewayId = endpoint->VpcEndpointId, .Origin = "CreateRoute", .State = "active"};
      LIST_APPEND(call->arena, &table->Routes, route);
    }
    TRY(ec2_put(call, &ec2_route_tables, table));
  }
  return NULL;
}
