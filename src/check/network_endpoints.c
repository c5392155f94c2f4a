/* network_endpoints: VPC endpoints and NAT gateways. */
#include "check/network.h"

#include <string.h>

/* "com.amazonaws.us-east-1.ecr.api" -> "ecr.api"; NULL: not known. */
static const char *
endpoint_service(const Check *check, const char *name)
{
  const char *at = name ? strstr(name, "com.amazonaws.") : NULL;
  const char *dot = at ? strchr(at + strlen("com.amazonaws."), '.') : NULL;
  return dot && !is_unknown(check, dot) ? dot + 1 : NULL;
}

static gboolean
read_names(const Check *check, const Json *list, gboolean groups, StringList *ret_names)
{
  gboolean known = TRUE;
  for (guint i = 0; i < list_n(list); i++) {
    const char *text = template_scalar(list_at(list, i));
    known = known && text && !is_unknown(check, text);
    if (text)
      words_add(check->arena, ret_names, groups ? group_name(check, text) : plain_name(check, text));
  }
  return known;
}

static void
read_endpoint(Check *check, const Item *item)
{
  Vpc *vpc = vpc_named(check, item, "VpcId");
  VpcEndpoint endpoint = { .item = item, .service = endpoint_service(check, item_text(item, "ServiceName")) };
  const char *type = item_text(item, "VpcEndpointType");
  endpoint.gateway = !type || strcmp(type, "Gateway") == 0;
  endpoint.private_dns = !endpoint.gateway && item_bool(item, "PrivateDnsEnabled", item_text(item, "PrivateDnsEnabled") != NULL);
  endpoint.tables_known = read_names(check, item_property(item, "RouteTableIds"), FALSE, &endpoint.tables);
  endpoint.subnets_known = read_names(check, item_property(item, "SubnetIds"), FALSE, &endpoint.subnets);
  read_names(check, item_property(item, "SecurityGroupIds"), TRUE, &endpoint.groups);
  if (!endpoint.gateway && endpoint.groups.n == 0)
    words_add(check->arena, &endpoint.groups, arena_printf(check->arena, "the default group of %s", vpc->id));
  if (!endpoint.service || (type && strchr(type, '$')) || !endpoint.tables_known)
    vpc->unknown_endpoints = TRUE;
  VpcEndpoint *more = ARENA_ARRAY(check->arena, VpcEndpoint, vpc->n_endpoints + 1);
  if (vpc->n_endpoints)
    memcpy(more, vpc->endpoints, vpc->n_endpoints * sizeof *more);
  more[vpc->n_endpoints++] = endpoint;
  vpc->endpoints = more;
}

static void
place_endpoints(Check *check, Vpc *vpc)
{
  Network *network = vpc->network;
  network->endpoints = ARENA_ARRAY(network->arena, Endpoint, vpc->n_endpoints + 1);
  for (guint i = 0; i < vpc->n_endpoints; i++) {
    VpcEndpoint *endpoint = &vpc->endpoints[i];
    network->endpoints[network->n_endpoints++] = (Endpoint){ endpoint->item->id, endpoint->gateway,
      endpoint->service ? endpoint->service : "?", g_strcmp0(endpoint->service, "s3") == 0 ? "pl-s3" : "pl-dynamodb", endpoint->private_dns };
    for (gsize j = 0; !endpoint->gateway && j < endpoint->subnets.n; j++) {
      const char *eni = vpc_add_eni(check, vpc, endpoint->item->id, endpoint->subnets.v[j], ENI_ENDPOINT, &endpoint->groups);
      if (eni)
        words_add(check->arena, &endpoint->enis, eni);
    }
  }
}

void
network_place_nat_gateways(Check *check)
{
  static const StringList none = { 0 };
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::NatGateway", &i)) != NULL;) {
    const char *subnet = item_text(item, "SubnetId");
    Vpc *vpc = subnet ? vpc_of_subnet(check, plain_name(check, subnet)) : NULL;
    if (!vpc || !vpc_add_eni(check, vpc, item->id, plain_name(check, subnet), ENI_NAT, &none))
      continue;
    Eni *eni = &g_array_index(vpc->enis, Eni, vpc->enis->len - 1);
    eni->public_address = g_strcmp0(item_text(item, "ConnectivityType"), "private") == 0 ? 0 : 198U << 24 | 18U << 16 | 128U << 8 | 1;
  }
}

void
network_read_endpoints(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCEndpoint", &i)) != NULL;)
    read_endpoint(check, item);
}

void
network_place_endpoints(Check *check)
{
  for (guint i = 0; i < check->vpcs->len; i++)
    place_endpoints(check, check->vpcs->pdata[i]);
}
