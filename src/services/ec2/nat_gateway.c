/* nat_gateway: a way out for private subnets, with an Elastic IP. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {{"nat-gateway-id", "NatGatewayId"}, {"subnet-id", "SubnetId"}, {"vpc-id", "VpcId"}, {"state", "State"}, {NULL, NULL}};
const Ec2Kind ec2_nat_gateways = {.type = "natgateway", .prefix = "nat", .table = {"ec2.nat_gateway"}, EC2_KIND(NatGateway, NatGatewayId, Tags),
  .not_found = "NatGatewayNotFound", .not_found_text = "NAT gateway %s was not found", .filters = filters};

OPERATION(CreateNatGateway, create_nat_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_nat_gateway(Call *call, const Ec2CreateNatGatewayInput *in, Ec2CreateNatGatewayOutput *ret_out) {
  Ec2Address *elastic = NULL;
  Ec2NetworkInterface *eni = NULL;
  if (g_strcmp0(in->ConnectivityType, "private") == 0)
    return error_answer("UnsupportedOperation", "haar has public NAT gateways, not private ones.");
  TRY(ec2_get(call, &ec2_addresses, in->AllocationId, &elastic));
  if (elastic->AssociationId)
    return error_answer("Resource.AlreadyAssociated", "Elastic IP address [%s] is already associated", in->AllocationId);
  const char *id = id_resource(call->arena, "nat");
  Ec2EniSpec spec = {.subnet_id = in->SubnetId, .address = in->PrivateIpAddress, .type = "nat_gateway", .owner = id,
                     .description = arena_printf(call->arena, "Interface for NAT Gateway %s", id)};
  TRY(ec2_eni_make(call, &spec, &eni));
  elastic->AssociationId = id_resource(call->arena, "eipassoc");
  elastic->NetworkInterfaceId = eni->NetworkInterfaceId;
  elastic->PrivateIpAddress = eni->PrivateIpAddress;
  eni->Association = ARENA_NEW(call->arena, Ec2NetworkInterfaceAssociation);
  *eni->Association = (Ec2NetworkInterfaceAssociation){.AllocationId = elastic->AllocationId, .AssociationId = elastic->AssociationId, .IpOwnerId = call->account, .PublicIp = elastic->PublicIp};
  Ec2NatGatewayAddress *address = ARENA_NEW(call->arena, Ec2NatGatewayAddress);
  *address = (Ec2NatGatewayAddress){.AllocationId = elastic->AllocationId, .NetworkInterfaceId = eni->NetworkInterfaceId, .PrivateIp = eni->PrivateIpAddress, .PublicIp = elastic->PublicIp};
  Ec2NatGateway *nat = ARENA_NEW(call->arena, Ec2NatGateway);
  *nat = (Ec2NatGateway){.NatGatewayId = id, .State = "available", .SubnetId = in->SubnetId, .VpcId = eni->VpcId, .CreateTime = OPT_TIME(call->now),
                         .ConnectivityType = "public", .Tags = ec2_tags(call, &in->TagSpecifications, "natgateway")};
  LIST_APPEND(call->arena, &nat->NatGatewayAddresses, address);
  TRY(ec2_put(call, &ec2_addresses, elastic));
  TRY(ec2_eni_put(call, eni));
  ret_out->NatGateway = nat;
  ret_out->ClientToken = in->ClientToken;
  return ec2_put(call, &ec2_nat_gateways, nat);
}

OPERATION(DeleteNatGateway, delete_nat_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_nat_gateway(Call *call, const Ec2DeleteNatGatewayInput *in, Ec2DeleteNatGatewayOutput *ret_out) {
  Ec2NatGateway *nat = NULL;
  TRY(ec2_get(call, &ec2_nat_gateways, in->NatGatewayId, &nat));
  for (gsize i = 0; i < nat->NatGatewayAddresses.n; i++) {
    Ec2Address *elastic = NULL;
    const Ec2NetworkInterface *eni = NULL;
    TRY(ec2_find(call, &ec2_addresses, nat->NatGatewayAddresses.v[i]->AllocationId, &elastic));
    TRY(ec2_find(call, &ec2_interfaces, nat->NatGatewayAddresses.v[i]->NetworkInterfaceId, &eni));
    if (elastic) {
      elastic->AssociationId = elastic->NetworkInterfaceId = elastic->PrivateIpAddress = NULL;
      TRY(ec2_put(call, &ec2_addresses, elastic));
    }
    if (eni)
      TRY(ec2_eni_delete(call, eni));
  }
  nat->State = "deleted";
  nat->DeleteTime = OPT_TIME(call->now);
  ret_out->NatGatewayId = in->NatGatewayId;
  TRY(ec2_put(call, &ec2_nat_gateways, nat));
  ec2_changed(call, nat->VpcId);
  return NULL;
}

OPERATION(DescribeNatGateways, describe_nat_gateways, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_nat_gateways(Call *call, const Ec2DescribeNatGatewaysInput *in, Ec2DescribeNatGatewaysOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_nat_gateways, &in->NatGatewayIds, &in->Filter, in->MaxResults, in->NextToken}, &ret_out->NatGateways, &ret_out->NextToken);
}
