/* network_routes: route tables, where their routes lead, and peering connections. */
#include "check/network.h"

#include <string.h>

static gboolean
is_attached(const Check *check, const Item *gateway, const Vpc *vpc)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCGatewayAttachment", &i)) != NULL;) {
    if (item_exactly(check, item_text(item, "InternetGatewayId")) == gateway && vpc_find(check, item_text(item, "VpcId")) == vpc)
      return TRUE;
  }
  return FALSE;
}

const Item *
peering_between(const Check *check, const Vpc *a, const Vpc *b)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCPeeringConnection", &i)) != NULL;) {
    const Vpc *from = vpc_find(check, item_text(item, "VpcId")), *to = vpc_find(check, item_text(item, "PeerVpcId"));
    if (from && to && from->item && to->item && ((from == a && to == b) || (from == b && to == a)))
      return item;
  }
  return NULL;
}

/* The other VPC of a peering connection, if it is of the template too. */
Vpc *
vpc_peer_of(const Check *check, const Vpc *vpc, const Item *peering)
{
  Vpc *from = vpc_find(check, item_text(peering, "VpcId")), *to = vpc_find(check, item_text(peering, "PeerVpcId"));
  Vpc *other = from == vpc ? to : to == vpc ? from : NULL;
  return other && other->item && other != vpc ? other : NULL;
}

/* FALSE: a target that leads where the template does not show. */
static gboolean
read_target(const Check *check, Vpc *vpc, const Item *item, Route *route)
{
  const char *gateway = item_text(item, "GatewayId"), *nat = item_text(item, "NatGatewayId");
  const Item *to = item_exactly(check, gateway ? gateway : nat), *peering = item_exactly(check, item_text(item, "VpcPeeringConnectionId"));
  if (peering && vpc_peer_of(check, vpc, peering)) {
    route->target = TARGET_PEERING;
    route->target_id = peering->id;
    return TRUE;
  }
  if (to && strcmp(to->type, "AWS::EC2::VPCGatewayAttachment") == 0) /* GetAtt Attachment.InternetGatewayId */
    to = item_exactly(check, item_text(to, "InternetGatewayId"));
  if (!to)
    return FALSE;
  route->target_id = to->id;
  if (strcmp(to->type, "AWS::EC2::InternetGateway") == 0)
    route->target = is_attached(check, to, vpc) ? TARGET_INTERNET_GATEWAY : TARGET_BLACKHOLE;
  else if (strcmp(to->type, "AWS::EC2::NatGateway") == 0)
    route->target = TARGET_NAT_GATEWAY;
  else
    return FALSE;
  if (route->target == TARGET_INTERNET_GATEWAY)
    vpc->network->internet_gateway = to->id;
  return TRUE;
}

static void
read_routes(Check *check, Vpc *vpc, const char *table, GArray *routes)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::Route", &i)) != NULL;) {
    const char *of = item_text(item, "RouteTableId"), *range = item_text(item, "DestinationCidrBlock");
    Route route = { .target = TARGET_BLACKHOLE };
    if (!of || strcmp(plain_name(check, of), table) != 0 || item_text(item, "DestinationIpv6CidrBlock"))
      continue;
    if (range_parse(range, &route.destination) && read_target(check, vpc, item, &route))
      g_array_append_val(routes, route);
    else
      g_hash_table_add(vpc->permissive, (gpointer) table);
  }
  for (guint i = 0; i < vpc->n_endpoints; i++) {
    const VpcEndpoint *endpoint = &vpc->endpoints[i];
    Route route = { .prefix_list = g_strcmp0(endpoint->service, "s3") == 0 ? "pl-s3" : "pl-dynamodb", .target = TARGET_GATEWAY_ENDPOINT,
      .target_id = endpoint->item->id };
    gboolean has_list = g_strcmp0(endpoint->service, "s3") == 0 || g_strcmp0(endpoint->service, "dynamodb") == 0;
    if (endpoint->gateway && has_list && string_list_has(&endpoint->tables, table))
      g_array_append_val(routes, route);
  }
}

static void
add_table(Check *check, Vpc *vpc, const char *id)
{
  Network *network = vpc->network;
  g_autoptr(GArray) routes = g_array_new(FALSE, TRUE, sizeof(Route));
  read_routes(check, vpc, id, routes);
  RouteTable *more = ARENA_ARRAY(network->arena, RouteTable, network->n_route_tables + 1);
  if (network->n_route_tables)
    memcpy(more, network->route_tables, network->n_route_tables * sizeof *more);
  more[network->n_route_tables++] = (RouteTable){ id, routes->len, arena_memdup(network->arena, routes->data, routes->len * sizeof(Route)) };
  network->route_tables = more;
}

void
network_read_tables(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::RouteTable", &i)) != NULL;)
    add_table(check, vpc_named(check, item, "VpcId"), item->id);
  for (guint i = 0; i < check->vpcs->len; i++) {
    Vpc *vpc = check->vpcs->pdata[i];
    add_table(check, vpc, arena_printf(check->arena, "the main route table of %s", vpc->id));
    for (gsize j = 0; j < vpc->network->n_subnets; j++) { /* tables of other stacks: nothing is known of them */
      if (!network_route_table(vpc->network, vpc->network->subnets[j].route_table))
        g_hash_table_add(vpc->permissive, (gpointer) vpc->network->subnets[j].route_table);
    }
  }
}
