/* default_vpc: the VPC that an account of AWS begins with: 172.31.0.0/16, a public subnet in each zone, an internet gateway. Here it is made when
 * it is asked for, as on AWS after it was deleted. https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html */
#include "services/ec2/ec2.h"

#include <string.h>

#define DEFAULT_RANGE "172.31.0.0/16"

enum { SUBNET_PREFIX = 20 };

Error *ec2_default_vpc(Call *call, const Ec2Vpc **ret_vpc) {
  Ec2Records all = {0};
  *ret_vpc = NULL;
  TRY(ec2_all(call, &ec2_vpcs, &all));
  for (gsize i = 0; i < all.n; i++)
    if (((const Ec2Vpc *) all.v[i])->IsDefault.v)
      *ret_vpc = all.v[i];
  return NULL;
}

static Error *default_subnet(Call *call, const Ec2Vpc *vpc, const char *zone, guint at, Ec2Subnet **ret_subnet) {
  Cidr range = {0};
  Ec2CreateSubnetOutput out = {0};
  cidr_parse(vpc->CidrBlock, &range);
  range = (Cidr){range.address + (at << (32 - SUBNET_PREFIX)), SUBNET_PREFIX};
  Ec2CreateSubnetInput in = {.VpcId = vpc->VpcId, .CidrBlock = cidr_text(call->arena, &range), .AvailabilityZone = zone};
  TRY(call_operation(call, &Ec2OperationCreateSubnet, principal_service(call->arena, "ec2", call->account), NULL, &in, &out));
  out.Subnet->DefaultForAz = out.Subnet->MapPublicIpOnLaunch = OPT_BOOL(TRUE);
  *ret_subnet = out.Subnet;
  return ec2_put(call, &ec2_subnets, out.Subnet);
}

/* An internet gateway, and the main table's route to it. */
static Error *open_up(Call *call, const Ec2Vpc *vpc) {
  const Principal *self = principal_service(call->arena, "ec2", call->account);
  Ec2CreateInternetGatewayOutput gateway = {0};
  Ec2Records tables = {0};
  TRY(call_operation(call, &Ec2OperationCreateInternetGateway, self, NULL, &((Ec2CreateInternetGatewayInput){0}), &gateway));
  Ec2AttachInternetGatewayInput attach = {.InternetGatewayId = gateway.InternetGateway->InternetGatewayId, .VpcId = vpc->VpcId};
  TRY(call_operation(call, &Ec2OperationAttachInternetGateway, self, NULL, &attach, &((Ec2AttachInternetGatewayOutput){0})));
  TRY(ec2_all(call, &ec2_route_tables, &tables));
  for (gsize i = 0; i < tables.n; i++) {
    const Ec2RouteTable *table = tables.v[i];
    Ec2CreateRouteInput route = {.RouteTableId = table->RouteTableId, .DestinationCidrBlock = "0.0.0.0/0", .GatewayId = attach.InternetGatewayId};
    if (strcmp(table->VpcId, vpc->VpcId) == 0)
      TRY(call_operation(call, &Ec2OperationCreateRoute, self, NULL, &route, &((Ec2CreateRouteOutput){0})));
  }
  return NULL;
}

OPERATION(CreateDefaultVpc, create_default_vpc, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_default_vpc(Call *call, const Ec2CreateDefaultVpcInput *in, Ec2CreateDefaultVpcOutput *ret_out) {
  const Ec2Vpc *there = NULL;
  Ec2CreateVpcOutput made = {0};
  Ec2VpcAttributes *attributes = NULL;
  Ec2Subnet *subnet = NULL;
  (void) in;
  TRY(ec2_default_vpc(call, &there));
  if (there)
    return error_answer("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.");
  TRY(call_operation(call, &Ec2OperationCreateVpc, principal_service(call->arena, "ec2", call->account), NULL, &((Ec2CreateVpcInput){.CidrBlock = DEFAULT_RANGE}), &made));
  made.Vpc->IsDefault = OPT_BOOL(TRUE);
  TRY(ec2_put(call, &ec2_vpcs, made.Vpc));
  TRY(ec2_vpc_attributes_get(call, made.Vpc->VpcId, &attributes));
  attributes->EnableDnsHostnames = OPT_BOOL(TRUE);
  TRY(ec2_vpc_attributes_put(call, attributes));
  for (guint i = 0; i < EC2_ZONES; i++)
    TRY(default_subnet(call, made.Vpc, arena_printf(call->arena, "%s%c", call->region, 'a' + (int) i), i, &subnet));
  ret_out->Vpc = made.Vpc;
  return open_up(call, made.Vpc);
}

/* The first /20 of the VPC that no subnet overlaps. */
static Error *free_place(Call *call, const Ec2Vpc *vpc, const char *zone, guint *ret_at) {
  Ec2Records all = {0};
  Cidr range = {0}, other = {0};
  cidr_parse(vpc->CidrBlock, &range);
  TRY(ec2_all(call, &ec2_subnets, &all));
  for (guint at = 0; at < 16; at++) {
    Cidr wanted = {range.address + (at << (32 - SUBNET_PREFIX)), SUBNET_PREFIX};
    gboolean free = TRUE;
    for (gsize i = 0; i < all.n; i++) {
      const Ec2Subnet *subnet = all.v[i];
      if (strcmp(subnet->VpcId, vpc->VpcId) != 0)
        continue;
      if (subnet->DefaultForAz.v && strcmp(subnet->AvailabilityZone, zone) == 0)
        return error_answer("DefaultSubnetAlreadyExistsInAvailabilityZone", "'%s' already exists in '%s'", subnet->SubnetId, zone);
      free = free && !(cidr_parse(subnet->CidrBlock, &other) && cidr_overlaps(&other, &wanted));
    }
    *ret_at = at;
    if (free)
      return NULL;
  }
  return error_answer("InsufficientCidrBlocks", "There is not enough CIDR space in the default VPC to create a default subnet.");
}

OPERATION(CreateDefaultSubnet, create_default_subnet, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_default_subnet(Call *call, const Ec2CreateDefaultSubnetInput *in, Ec2CreateDefaultSubnetOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  guint at = 0;
  TRY(ec2_default_vpc(call, &vpc));
  if (!vpc)
    return error_answer("DefaultVpcDoesNotExist", "No default VPC for this user");
  if (!ec2_zone_known(call, in->AvailabilityZone))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Invalid availability zone", in->AvailabilityZone);
  if (in->Ipv6Native.v)
    return error_answer("UnsupportedOperation", "haar has no IPv6-only subnets.");
  TRY(free_place(call, vpc, in->AvailabilityZone, &at));
  return default_subnet(call, vpc, in->AvailabilityZone, at, &ret_out->Subnet);
}
