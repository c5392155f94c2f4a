/* vpc_cidr: further ranges of VPCs, and IPv6 ranges of VPCs and subnets. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { RANGES_MAX = 5, VPC6_PREFIX = 56, SUBNET6_PREFIX = 64 };

/* --- local routes: each range of the VPC has one in each of its tables --- */

static Error *local_routes(Call *call, const char *vpc_id, const char *cidr, const char *cidr6, gboolean add) {
  Ec2Records tables = {0};
  TRY(ec2_all(call, &ec2_route_tables, &tables));
  for (gsize i = 0; i < tables.n; i++) {
    Ec2RouteTable *table = tables.v[i];
    if (strcmp(table->VpcId, vpc_id) != 0)
      continue;
    gsize kept = 0;
    for (gsize j = 0; j < table->Routes.n; j++) {
      const Ec2Route *route = table->Routes.v[j];
      gboolean same = cidr ? g_strcmp0(route->DestinationCidrBlock, cidr) == 0 : g_strcmp0(route->DestinationIpv6CidrBlock, cidr6) == 0;
      if (!same || g_strcmp0(route->GatewayId, "local") != 0)
        table->Routes.v[kept++] = table->Routes.v[j];
    }
    table->Routes.n = kept;
    if (add) {
      Ec2Route *local = ARENA_NEW(call->arena, Ec2Route);
      *local = (Ec2Route){.DestinationCidrBlock = cidr, .DestinationIpv6CidrBlock = cidr6, .GatewayId = "local", .Origin = "CreateRouteTable", .State = "active"};
      LIST_APPEND(call->arena, &table->Routes, local);
    }
    TRY(ec2_put(call, &ec2_route_tables, table));
  }
  return NULL;
}

/* --- VPCs --- */

static Ec2VpcCidrBlockState *associated(Call *call) {
  Ec2VpcCidrBlockState *state = ARENA_NEW(call->arena, Ec2VpcCidrBlockState);
  state->State = "associated";
  return state;
}

/* A /56 of the region's that no VPC has. */
static Error *free_range6(Call *call, const char **ret_range) {
  Ec2Records vpcs = {0};
  Range pool = {0}, range = {0}, taken = {0};
  range_parse(REACH_AMAZON6, &pool);
  TRY(ec2_all(call, &ec2_vpcs, &vpcs));
  for (gboolean free = FALSE; !free;) {
    guint32 chosen = 0;
    id_random(&chosen, sizeof chosen);
    range = (Range){.address = {pool.address.high | (guint64) (chosen & 0x3fffff) << 8, 0}, .prefix = VPC6_PREFIX};
    free = TRUE;
    for (gsize i = 0; i < vpcs.n && free; i++)
      for (gsize j = 0; j < ((const Ec2Vpc *) vpcs.v[i])->Ipv6CidrBlockAssociationSet.n && free; j++)
        free = !range_parse(((const Ec2Vpc *) vpcs.v[i])->Ipv6CidrBlockAssociationSet.v[j]->Ipv6CidrBlock, &taken) || !range_overlaps(&taken, &range);
  }
  *ret_range = range_text(call->arena, &range);
  return NULL;
}

Error *ec2_vpc_add_ipv6(Call *call, Ec2Vpc *vpc) {
  Ec2VpcIpv6CidrBlockAssociation *association = ARENA_NEW(call->arena, Ec2VpcIpv6CidrBlockAssociation);
  const char *range = NULL;
  if (vpc->Ipv6CidrBlockAssociationSet.n >= RANGES_MAX)
    return error_answer("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", vpc->VpcId, RANGES_MAX);
  TRY(free_range6(call, &range));
  *association = (Ec2VpcIpv6CidrBlockAssociation){.AssociationId = id_resource(call->arena, "vpc-cidr-assoc"), .Ipv6CidrBlock = range, .Ipv6CidrBlockState = associated(call),
                                                  .NetworkBorderGroup = call->region, .Ipv6Pool = "Amazon"};
  LIST_APPEND(call->arena, &vpc->Ipv6CidrBlockAssociationSet, association);
  return NULL;
}

static Error *add_range(Call *call, Ec2Vpc *vpc, const char *text, Ec2VpcCidrBlockAssociation **ret_association) {
  Cidr cidr = {0}, other = {0};
  TRY(ec2_vpc_range(text, &cidr));
  if (vpc->CidrBlockAssociationSet.n >= RANGES_MAX)
    return error_answer("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", vpc->VpcId, RANGES_MAX);
  for (gsize i = 0; i < vpc->CidrBlockAssociationSet.n; i++)
    if (cidr_parse(vpc->CidrBlockAssociationSet.v[i]->CidrBlock, &other) && cidr_overlaps(&cidr, &other))
      return error_answer("CidrConflict", "The CIDR '%s' conflicts with the CIDR '%s' of the VPC.", text, vpc->CidrBlockAssociationSet.v[i]->CidrBlock);
  *ret_association = ec2_range_association(call, cidr_text(call->arena, &cidr));
  LIST_APPEND(call->arena, &vpc->CidrBlockAssociationSet, *ret_association);
  return NULL;
}

OPERATION(AssociateVpcCidrBlock, associate_vpc_range, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *associate_vpc_range(Call *call, const Ec2AssociateVpcCidrBlockInput *in, Ec2AssociateVpcCidrBlockOutput *ret_out) {
  Ec2Vpc *vpc = NULL;
  gboolean ipv6 = in->AmazonProvidedIpv6CidrBlock.v;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  if (in->Ipv4IpamPoolId || in->Ipv6IpamPoolId || in->Ipv6Pool || in->Ipv6CidrBlock)
    return error_answer("UnsupportedOperation", "haar has no IPAM pools and no addresses that you brought: ask for CidrBlock or AmazonProvidedIpv6CidrBlock.");
  if (ipv6 == (in->CidrBlock != NULL))
    return error_answer(ipv6 ? "InvalidParameterCombination" : "MissingParameter", "The request must contain exactly one of cidrBlock and amazonProvidedIpv6CidrBlock");
  if (ipv6) {
    TRY(ec2_vpc_add_ipv6(call, vpc));
    ret_out->Ipv6CidrBlockAssociation = vpc->Ipv6CidrBlockAssociationSet.v[vpc->Ipv6CidrBlockAssociationSet.n - 1];
    TRY(local_routes(call, in->VpcId, NULL, ret_out->Ipv6CidrBlockAssociation->Ipv6CidrBlock, TRUE));
    TRY(ec2_groups_open_ipv6(call, in->VpcId));
    TRY(ec2_acls_open_ipv6(call, in->VpcId));
  } else {
    TRY(add_range(call, vpc, in->CidrBlock, &ret_out->CidrBlockAssociation));
    TRY(local_routes(call, in->VpcId, ret_out->CidrBlockAssociation->CidrBlock, NULL, TRUE));
  }
  ret_out->VpcId = in->VpcId;
  TRY(ec2_put(call, &ec2_vpcs, vpc));
  ec2_changed_now(call, in->VpcId);
  return NULL;
}

/* Whether a subnet lies in this range of its VPC. */
static Error *range_in_use(Call *call, const char *vpc_id, const char *text, gboolean *ret_used) {
  Ec2Records subnets = {0};
  Range range = {0}, own = {0};
  *ret_used = FALSE;
  range_parse(text, &range);
  TRY(ec2_all(call, &ec2_subnets, &subnets));
  for (gsize i = 0; i < subnets.n; i++) {
    const Ec2Subnet *subnet = subnets.v[i];
    if (strcmp(subnet->VpcId, vpc_id) != 0)
      continue;
    *ret_used = *ret_used || (range_parse(subnet->CidrBlock, &own) && range_overlaps(&range, &own));
    for (gsize j = 0; j < subnet->Ipv6CidrBlockAssociationSet.n; j++)
      *ret_used = *ret_used || (range_parse(subnet->Ipv6CidrBlockAssociationSet.v[j]->Ipv6CidrBlock, &own) && range_overlaps(&range, &own));
  }
  return NULL;
}

static Error *free_or(Call *call, const char *vpc_id, const char *association, const char *text) {
  gboolean used = FALSE;
  TRY(range_in_use(call, vpc_id, text, &used));
  return used ? error_answer("DependencyViolation", "The vpc CIDR block with association ID %s has subnets and cannot be disassociated.", association) : NULL;
}

static Error *drop_range(Call *call, Ec2Vpc *vpc, gsize at, Ec2DisassociateVpcCidrBlockOutput *out) {
  Ec2VpcCidrBlockAssociation *gone = vpc->CidrBlockAssociationSet.v[at];
  if (at == 0)
    return error_answer("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", gone->AssociationId);
  TRY(free_or(call, vpc->VpcId, gone->AssociationId, gone->CidrBlock));
  memmove(&vpc->CidrBlockAssociationSet.v[at], &vpc->CidrBlockAssociationSet.v[at + 1], (vpc->CidrBlockAssociationSet.n - at - 1) * sizeof gone);
  vpc->CidrBlockAssociationSet.n--;
  gone->CidrBlockState->State = "disassociating";
  out->CidrBlockAssociation = gone;
  return local_routes(call, vpc->VpcId, gone->CidrBlock, NULL, FALSE);
}

static Error *drop_range6(Call *call, Ec2Vpc *vpc, gsize at, Ec2DisassociateVpcCidrBlockOutput *out) {
  Ec2VpcIpv6CidrBlockAssociation *gone = vpc->Ipv6CidrBlockAssociationSet.v[at];
  TRY(free_or(call, vpc->VpcId, gone->AssociationId, gone->Ipv6CidrBlock));
  memmove(&vpc->Ipv6CidrBlockAssociationSet.v[at], &vpc->Ipv6CidrBlockAssociationSet.v[at + 1], (vpc->Ipv6CidrBlockAssociationSet.n - at - 1) * sizeof gone);
  vpc->Ipv6CidrBlockAssociationSet.n--;
  gone->Ipv6CidrBlockState->State = "disassociating";
  out->Ipv6CidrBlockAssociation = gone;
  return local_routes(call, vpc->VpcId, NULL, gone->Ipv6CidrBlock, FALSE);
}

/* *ret_dropped: it was this VPC's. */
static Error *drop_from(Call *call, Ec2Vpc *vpc, const char *id, Ec2DisassociateVpcCidrBlockOutput *out, gboolean *ret_dropped) {
  *ret_dropped = TRUE;
  for (gsize i = 0; i < vpc->CidrBlockAssociationSet.n; i++)
    if (strcmp(vpc->CidrBlockAssociationSet.v[i]->AssociationId, id) == 0)
      return drop_range(call, vpc, i, out);
  for (gsize i = 0; i < vpc->Ipv6CidrBlockAssociationSet.n; i++)
    if (strcmp(vpc->Ipv6CidrBlockAssociationSet.v[i]->AssociationId, id) == 0)
      return drop_range6(call, vpc, i, out);
  *ret_dropped = FALSE;
  return NULL;
}

OPERATION(DisassociateVpcCidrBlock, disassociate_vpc_range, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *disassociate_vpc_range(Call *call, const Ec2DisassociateVpcCidrBlockInput *in, Ec2DisassociateVpcCidrBlockOutput *ret_out) {
  Ec2Records vpcs = {0};
  TRY(ec2_all(call, &ec2_vpcs, &vpcs));
  for (gsize i = 0; i < vpcs.n; i++) {
    Ec2Vpc *vpc = vpcs.v[i];
    gboolean dropped = FALSE;
    TRY(drop_from(call, vpc, in->AssociationId, ret_out, &dropped));
    if (!dropped)
      continue;
    ret_out->VpcId = vpc->VpcId;
    ec2_changed_now(call, vpc->VpcId);
    return ec2_put(call, &ec2_vpcs, vpc);
  }
  return error_answer("InvalidVpcCidrBlockAssociationID.NotFound", "The vpc CIDR block association ID '%s' does not exist", in->AssociationId);
}

/* --- subnets: one /64 of their VPC's --- */

static Error *check_range6(Call *call, const Ec2Vpc *vpc, const char *text, Range *ret_range) {
  Ec2Records subnets = {0};
  Range range = {0}, other = {0};
  gboolean inside = FALSE;
  if (!range_parse(text, &range) || range_is4(&range) || range.prefix != SUBNET6_PREFIX)
    return error_answer("InvalidSubnet.Range", "The CIDR '%s' is invalid.", text ? text : "");
  range.address = range_base(&range);
  for (gsize i = 0; i < vpc->Ipv6CidrBlockAssociationSet.n; i++)
    inside = inside || (range_parse(vpc->Ipv6CidrBlockAssociationSet.v[i]->Ipv6CidrBlock, &other) && range_has(&other, range.address));
  if (!inside)
    return error_answer("InvalidSubnet.Range", "The CIDR '%s' is invalid.", text);
  TRY(ec2_all(call, &ec2_subnets, &subnets));
  for (gsize i = 0; i < subnets.n; i++)
    for (gsize j = 0; j < ((const Ec2Subnet *) subnets.v[i])->Ipv6CidrBlockAssociationSet.n; j++)
      if (range_parse(((const Ec2Subnet *) subnets.v[i])->Ipv6CidrBlockAssociationSet.v[j]->Ipv6CidrBlock, &other) && range_overlaps(&other, &range))
        return error_answer("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", text);
  *ret_range = range;
  return NULL;
}

Error *ec2_subnet_add_ipv6(Call *call, const Ec2Vpc *vpc, Ec2Subnet *subnet, const char *text) {
  Range range = {0};
  if (subnet->Ipv6CidrBlockAssociationSet.n)
    return error_answer("CidrLimitExceeded", "This subnet '%s' has met its maximum number of allowed IPv6 CIDRs: 1", subnet->SubnetId);
  TRY(check_range6(call, vpc, text, &range));
  Ec2SubnetCidrBlockState *state = ARENA_NEW(call->arena, Ec2SubnetCidrBlockState);
  state->State = "associated";
  Ec2SubnetIpv6CidrBlockAssociation *association = ARENA_NEW(call->arena, Ec2SubnetIpv6CidrBlockAssociation);
  *association = (Ec2SubnetIpv6CidrBlockAssociation){.AssociationId = id_resource(call->arena, "subnet-cidr-assoc"), .Ipv6CidrBlock = range_text(call->arena, &range),
                                                     .Ipv6CidrBlockState = state};
  LIST_APPEND(call->arena, &subnet->Ipv6CidrBlockAssociationSet, association);
  return NULL;
}

OPERATION(AssociateSubnetCidrBlock, associate_subnet_range, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *associate_subnet_range(Call *call, const Ec2AssociateSubnetCidrBlockInput *in, Ec2AssociateSubnetCidrBlockOutput *ret_out) {
  Ec2Subnet *subnet = NULL;
  const Ec2Vpc *vpc = NULL;
  TRY(ec2_get(call, &ec2_subnets, in->SubnetId, &subnet));
  TRY(ec2_get(call, &ec2_vpcs, subnet->VpcId, &vpc));
  TRY(ec2_subnet_add_ipv6(call, vpc, subnet, in->Ipv6CidrBlock));
  ret_out->SubnetId = in->SubnetId;
  ret_out->Ipv6CidrBlockAssociation = subnet->Ipv6CidrBlockAssociationSet.v[0];
  TRY(ec2_put(call, &ec2_subnets, subnet));
  ec2_changed_now(call, subnet->VpcId);
  return NULL;
}

static Error *check_no_ipv6(Call *call, const char *subnet_id) {
  Ec2Records interfaces = {0};
  TRY(ec2_all(call, &ec2_interfaces, &interfaces));
  for (gsize i = 0; i < interfaces.n; i++) {
    const Ec2NetworkInterface *eni = interfaces.v[i];
    if (strcmp(eni->SubnetId, subnet_id) == 0 && eni->Ipv6Addresses.n)
      return error_answer("DependencyViolation", "The subnet '%s' has network interfaces with IPv6 addresses: %s", subnet_id, eni->NetworkInterfaceId);
  }
  return NULL;
}

OPERATION(DisassociateSubnetCidrBlock, disassociate_subnet_range, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *disassociate_subnet_range(Call *call, const Ec2DisassociateSubnetCidrBlockInput *in, Ec2DisassociateSubnetCidrBlockOutput *ret_out) {
  Ec2Records subnets = {0};
  TRY(ec2_all(call, &ec2_subnets, &subnets));
  for (gsize i = 0; i < subnets.n; i++) {
    Ec2Subnet *subnet = subnets.v[i];
    if (!subnet->Ipv6CidrBlockAssociationSet.n || strcmp(subnet->Ipv6CidrBlockAssociationSet.v[0]->AssociationId, in->AssociationId) != 0)
      continue;
    TRY(check_no_ipv6(call, subnet->SubnetId));
    ret_out->SubnetId = subnet->SubnetId;
    ret_out->Ipv6CidrBlockAssociation = subnet->Ipv6CidrBlockAssociationSet.v[0];
    ret_out->Ipv6CidrBlockAssociation->Ipv6CidrBlockState->State = "disassociating";
    subnet->Ipv6CidrBlockAssociationSet.n = 0;
    subnet->AssignIpv6AddressOnCreation = OPT_BOOL(FALSE);
    ec2_changed_now(call, subnet->VpcId);
    return ec2_put(call, &ec2_subnets, subnet);
  }
  return error_answer("InvalidSubnetCidrBlockAssociationID.NotFound", "The subnet CIDR block association ID '%s' does not exist", in->AssociationId);
}
