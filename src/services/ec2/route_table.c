/* route_table: routes, and which subnets they hold for. https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {
  {"route-table-id", "RouteTableId"}, {"vpc-id", "VpcId"}, {"owner-id", "OwnerId"}, {"association.main", "Associations.Main"},
  {"association.subnet-id", "Associations.SubnetId"}, {"association.route-table-id", "Associations.RouteTableId"},
  {"association.route-table-association-id", "Associations.RouteTableAssociationId"}, {"route.gateway-id", "Routes.GatewayId"},
  {"route.nat-gateway-id", "Routes.NatGatewayId"}, {"route.destination-cidr-block", "Routes.DestinationCidrBlock"},
  {"route.destination-prefix-list-id", "Routes.DestinationPrefixListId"}, {"route.origin", "Routes.Origin"}, {"route.state", "Routes.State"}, {NULL, NULL},
};
const Ec2Kind ec2_route_tables = {.type = "route-table", .prefix = "rtb", .table = {"ec2.route_table"}, EC2_KIND(RouteTable, RouteTableId, Tags),
  .not_found = "InvalidRouteTableID.NotFound", .not_found_text = "The routeTable ID '%s' does not exist", .filters = filters};

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
  if (is_main)
    LIST_APPEND(call->arena, &table->Associations, association_new(call, table->RouteTableId, NULL, TRUE));
  *ret_table = table;
  return ec2_put(call, &ec2_route_tables, table);
}

OPERATION(CreateRouteTable, create_route_table, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_route_table(Call *call, const Ec2CreateRouteTableInput *in, Ec2CreateRouteTableOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
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
    there = nat && strcmp(nat->State, "deleted") != 0;
  } else if (route->NetworkInterfaceId) {
    TRY(ec2_find(call, &ec2_interfaces, route->NetworkInterfaceId, &target));
    there = target != NULL;
  }
  route->State = there ? "active" : "blackhole";
  return NULL;
}

OPERATION(DescribeRouteTables, describe_route_tables, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_route_tables(Call *call, const Ec2DescribeRouteTablesInput *in, Ec2DescribeRouteTablesOutput *ret_out) {
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_route_tables, &in->RouteTableIds, &in->Filters, in->MaxResults, in->NextToken}, &ret_out->RouteTables, &ret_out->NextToken));
  for (gsize i = 0; i < ret_out->RouteTables.n; i++)
    for (gsize j = 0; j < ret_out->RouteTables.v[i]->Routes.n; j++)
      TRY(route_state(call, ret_out->RouteTables.v[i]->Routes.v[j], ret_out->RouteTables.v[i]->VpcId));
  return NULL;
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

/* The destination as it is kept: bits behind the prefix cleared. */
static Error *destination(Call *call, const char *text, const char **ret_text) {
  Cidr cidr = {0};
  if (!text)
    return NULL;
  if (!cidr_parse(text, &cidr))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", text);
  cidr.address = cidr_base(&cidr);
  *ret_text = cidr_text(call->arena, &cidr);
  return NULL;
}

static Error *check_target(Call *call, const Ec2Route *route, const char *vpc_id) {
  const void *there = NULL;
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
  return error_answer("UnsupportedOperation", "haar routes to internet gateways, NAT gateways and network interfaces; gateway endpoints add their routes themselves.");
}

OPERATION(CreateRoute, create_route, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_route(Call *call, const Ec2CreateRouteInput *in, Ec2CreateRouteOutput *ret_out) {
  Ec2RouteTable *table = NULL;
  const char *cidr = NULL;
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &table));
  TRY(destination(call, in->DestinationCidrBlock, &cidr));
  if (!cidr && !in->DestinationIpv6CidrBlock)
    return error_answer("MissingParameter", "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock or destinationPrefixListId; "
                        "haar takes destinationCidrBlock.");
  if (find_route(table, cidr, in->DestinationIpv6CidrBlock, NULL))
    return error_answer("RouteAlreadyExists", "The route identified by %s already exists.", cidr ? cidr : in->DestinationIpv6CidrBlock);
  Ec2Route *route = ARENA_NEW(call->arena, Ec2Route);
  *route = (Ec2Route){.DestinationCidrBlock = cidr, .DestinationIpv6CidrBlock = in->DestinationIpv6CidrBlock, .GatewayId = in->GatewayId,
                      .NatGatewayId = in->NatGatewayId, .NetworkInterfaceId = in->NetworkInterfaceId, .Origin = "CreateRoute", .State = "active"};
  TRY(check_target(call, route, table->VpcId));
  LIST_APPEND(call->arena, &table->Routes, route);
  ret_out->Return = OPT_BOOL(TRUE);
  TRY(ec2_put(call, &ec2_route_tables, table));
  ec2_changed_now(call, table->VpcId);
  return NULL;
}

static Error *no_route(const Ec2RouteTable *table, const char *cidr) {
  return error_answer("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", cidr ? cidr : "", table->RouteTableId);
}

OPERATION(ReplaceRoute, replace_route, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *replace_route(Call *call, const Ec2ReplaceRouteInput *in, Ec2ReplaceRouteOutput *ret_out) {
  Ec2RouteTable *table = NULL;
  const char *cidr = NULL;
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &table));
  TRY(destination(call, in->DestinationCidrBlock, &cidr));
  Ec2Route *route = find_route(table, cidr, in->DestinationIpv6CidrBlock, NULL);
  if (!route)
    return no_route(table, cidr);
  route->GatewayId = in->GatewayId;
  route->NatGatewayId = in->NatGatewayId;
  route->NetworkInterfaceId = in->NetworkInterfaceId;
  TRY(check_target(call, route, table->VpcId));
  TRY(ec2_put(call, &ec2_route_tables, table));
  ec2_changed_now(call, table->VpcId);
  return NULL;
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
  const char *cidr = NULL;
  TRY(ec2_get(call, &ec2_route_tables, in->RouteTableId, &table));
  TRY(destination(call, in->DestinationCidrBlock, &cidr));
  const Ec2Route *route = find_route(table, cidr, in->DestinationIpv6CidrBlock, NULL);
  if (!route)
    return no_route(table, cidr);
  if (g_strcmp0(route->GatewayId, "local") == 0)
    return error_answer("InvalidParameterValue", "cannot remove local route %s in route table %s", cidr, in->RouteTableId);
  remove_route(table, route);
  TRY(ec2_put(call, &ec2_route_tables, table));
  ec2_changed_now(call, table->VpcId);
  return NULL;
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
