/* nat_gateway: a way out for private subnets, with an Elastic IP. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {
  {"nat-gateway-id", "NatGatewayId"}, {"subnet-id", "SubnetId"}, {"vpc-id", "VpcId"}, {"state", "State"}, {NULL, NULL},
};
const Ec2Kind ec2_nat_gateways = {.type = "natgateway", .prefix = "nat", .table = {"ec2.nat_gateway"}, EC2_KIND(NatGateway, NatGatewayId, Tags),
  .malformed = "NatGatewayMalformed", .not_found = "NatGatewayNotFound",
  .not_found_text = "NAT gateway %s was not found", .filters = filters};

enum { SHOWN_MS = 3600 * 1000 };

/* Whether the VPC has an internet gateway. */
static Error *has_internet(Call *call, const char *vpc_id, gboolean *ret_has) {
  Ec2Records gateways = {0};
  *ret_has = FALSE;
  TRY(ec2_all(call, &ec2_internet_gateways, &gateways));
  for (gsize i = 0; i < gateways.n; i++) {
    const Ec2InternetGateway *gateway = gateways.v[i];
    *ret_has = *ret_has || (gateway->Attachments.n && strcmp(gateway->Attachments.v[0]->VpcId, vpc_id) == 0);
  }
  return NULL;
}

/* The Elastic IP of a public one becomes its interface's. */
static Error *take_address(Call *call, Ec2Address *elastic, Ec2NetworkInterface *eni, Ec2NatGatewayAddress *address) {
  elastic->AssociationId = id_resource(call->arena, "eipassoc");
  elastic->NetworkInterfaceId = eni->NetworkInterfaceId;
  elastic->NetworkInterfaceOwnerId = call->account;
  elastic->PrivateIpAddress = eni->PrivateIpAddress;
  ec2_eni_associate(call, eni, elastic);
  address->AllocationId = elastic->AllocationId;
  address->PublicIp = elastic->PublicIp;
  TRY(ec2_put(call, &ec2_addresses, elastic));
  return ec2_eni_put(call, eni);
}

static Error *check_request(Call *call, const Ec2CreateNatGatewayInput *in, gboolean private, Ec2Address **ret_elastic) {
  const Ec2Subnet *subnet = NULL;
  TRY(ec2_get(call, &ec2_subnets, in->SubnetId, &subnet));
  TRY(ec2_quota(call, &ec2_nat_gateways, subnet->VpcId));
  if (private)
    return in->AllocationId ? error_answer("InvalidParameterCombination", "The parameter AllocationId cannot be used with a private NAT gateway.") : NULL;
  if (!in->AllocationId)
    return error_answer("MissingParameter", "The request must include the AllocationId parameter. Add the required parameter and retry the request.");
  TRY(ec2_get(call, &ec2_addresses, in->AllocationId, ret_elastic));
  if ((*ret_elastic)->AssociationId)
    return error_answer("Resource.AlreadyAssociated", "Elastic IP address [%s] is already associated", in->AllocationId);
  return NULL;
}

/* Without an internet gateway in the VPC a public one fails, which its state says. */
static Error *fill_interface(Call *call, const Ec2CreateNatGatewayInput *in, Ec2Address *elastic, Ec2NatGateway *nat) {
  Ec2NetworkInterface *eni = NULL;
  Ec2EniSpec spec = {.subnet_id = in->SubnetId, .address = in->PrivateIpAddress, .type = "nat_gateway", .owner = nat->NatGatewayId,
                     .description = arena_printf(call->arena, "Interface for NAT Gateway %s", nat->NatGatewayId)};
  TRY(ec2_eni_make(call, &spec, &eni));
  Ec2NatGatewayAddress *address = ARENA_NEW(call->arena, Ec2NatGatewayAddress);
  *address = (Ec2NatGatewayAddress){.NetworkInterfaceId = eni->NetworkInterfaceId, .PrivateIp = eni->PrivateIpAddress};
  LIST_APPEND(call->arena, &nat->NatGatewayAddresses, address);
  return elastic ? take_address(call, elastic, eni, address) : NULL;
}

OPERATION(CreateNatGateway, create_nat_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_nat_gateway(Call *call, const Ec2CreateNatGatewayInput *in, Ec2CreateNatGatewayOutput *ret_out) {
  Ec2Address *elastic = NULL;
  const Ec2Subnet *subnet = NULL;
  gboolean seen = FALSE, internet = TRUE, private = g_strcmp0(in->ConnectivityType, "private") == 0;
  TRY(ec2_token_seen(call, in, ret_out, &seen));
  if (seen)
    return NULL;
  TRY(check_request(call, in, private, &elastic));
  TRY(ec2_get(call, &ec2_subnets, in->SubnetId, &subnet));
  Ec2NatGateway *nat = ARENA_NEW(call->arena, Ec2NatGateway);
  *nat = (Ec2NatGateway){.NatGatewayId = id_resource(call->arena, "nat"), .State = "available", .SubnetId = in->SubnetId, .VpcId = subnet->VpcId, .CreateTime = OPT_TIME(call->now),
                         .ConnectivityType = private ? "private" : "public", .Tags = ec2_tags(call, &in->TagSpecifications, "natgateway")};
  if (!private)
    TRY(has_internet(call, subnet->VpcId, &internet));
  if (internet) {
    TRY(fill_interface(call, in, elastic, nat));
  } else {
    nat->State = "failed";
    nat->FailureCode = "Gateway.NotAttached";
    nat->FailureMessage = arena_printf(call->arena, "Network %s has no Internet gateway attached", subnet->VpcId);
    nat->DeleteTime = OPT_TIME(call->now);
  }
  ret_out->NatGateway = nat;
  ret_out->ClientToken = in->ClientToken;
  TRY(ec2_put(call, &ec2_nat_gateways, nat));
  return ec2_token_keep(call, in, ret_out);
}

OPERATION(DeleteNatGateway, delete_nat_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_nat_gateway(Call *call, const Ec2DeleteNatGatewayInput *in, Ec2DeleteNatGatewayOutput *ret_out) {
  Ec2NatGateway *nat = NULL;
  TRY(ec2_get(call, &ec2_nat_gateways, in->NatGatewayId, &nat));
  ret_out->NatGatewayId = in->NatGatewayId;
  if (nat->DeleteTime.set)
    return NULL;
  for (gsize i = 0; i < nat->NatGatewayAddresses.n; i++) {
    Ec2Address *elastic = NULL;
    const Ec2NetworkInterface *eni = NULL;
    TRY(ec2_find(call, &ec2_addresses, nat->NatGatewayAddresses.v[i]->AllocationId, &elastic));
    TRY(ec2_find(call, &ec2_interfaces, nat->NatGatewayAddresses.v[i]->NetworkInterfaceId, &eni));
    if (elastic) {
      elastic->AssociationId = elastic->NetworkInterfaceId = elastic->PrivateIpAddress = elastic->NetworkInterfaceOwnerId = NULL;
      TRY(ec2_put(call, &ec2_addresses, elastic));
    }
    if (eni)
      TRY(ec2_eni_delete(call, eni));
  }
  nat->State = "deleted";
  nat->DeleteTime = OPT_TIME(call->now);
  TRY(ec2_put(call, &ec2_nat_gateways, nat));
  ec2_changed(call, nat->VpcId);
  return NULL;
}

/* Deleted and failed ones are shown for an hour. */
OPERATION(DescribeNatGateways, describe_nat_gateways, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_nat_gateways(Call *call, const Ec2DescribeNatGatewaysInput *in, Ec2DescribeNatGatewaysOutput *ret_out) {
  Ec2NatGatewayList all = {0};
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_nat_gateways, &in->NatGatewayIds, &in->Filter, in->MaxResults, in->NextToken, "natGatewayIds", NULL}, &all, &ret_out->NextToken));
  LIST_EMPTY(call->arena, &ret_out->NatGateways);
  for (gsize i = 0; i < all.n; i++)
    if (!all.v[i]->DeleteTime.set || all.v[i]->DeleteTime.ms + SHOWN_MS > call->now)
      LIST_APPEND(call->arena, &ret_out->NatGateways, all.v[i]);
  return NULL;
}
