/* subnet: a range of a VPC in one zone. https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { RESERVED_ADDRESSES = 5 };

static const Ec2Path filters[] = {
  {"subnet-id", "SubnetId"}, {"vpc-id", "VpcId"}, {"cidr-block", "CidrBlock"}, {"cidr", "CidrBlock"}, {"cidrBlock", "CidrBlock"}, {"state", "State"},
  {"availability-zone", "AvailabilityZone"}, {"availabilityZone", "AvailabilityZone"}, {"availability-zone-id", "AvailabilityZoneId"},
  {"availabilityZoneId", "AvailabilityZoneId"}, {"owner-id", "OwnerId"}, {"map-public-ip-on-launch", "MapPublicIpOnLaunch"},
  {"default-for-az", "DefaultForAz"}, {"defaultForAz", "DefaultForAz"}, {"subnet-arn", "SubnetArn"},
  {"available-ip-address-count", "AvailableIpAddressCount"}, {"customer-owned-ipv4-pool", "CustomerOwnedIpv4Pool"}, {"enable-dns64", "EnableDns64"},
  {"enable-lni-at-device-index", "EnableLniAtDeviceIndex"}, {"ipv6-native", "Ipv6Native"},
  {"map-customer-owned-ip-on-launch", "MapCustomerOwnedIpOnLaunch"}, {"outpost-arn", "OutpostArn"},
  {"ipv6-cidr-block-association.ipv6-cidr-block", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock"},
  {"ipv6-cidr-block-association.association-id", "Ipv6CidrBlockAssociationSet.AssociationId"},
  {"ipv6-cidr-block-association.state", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"},
  {"private-dns-name-options-on-launch.hostname-type", "PrivateDnsNameOptionsOnLaunch.HostnameType"},
  {"private-dns-name-options-on-launch.enable-resource-name-dns-a-record", "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord"},
  {"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record", "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord"},
  {NULL, NULL},
};
const Ec2Kind ec2_subnets = {.type = "subnet", .prefix = "subnet", .table = {"ec2.subnet"}, EC2_KIND(Subnet, SubnetId, Tags),
  .malformed = "InvalidSubnetID.Malformed", .not_found = "InvalidSubnetID.NotFound",
  .not_found_text = "The subnet ID '%s' does not exist", .filters = filters};

Error *ec2_subnet_free(Call *call, const Ec2Subnet *subnet, gint64 *ret_free) {
  Ec2Records interfaces = {0};
  Cidr cidr = {0};
  TRY(ec2_all(call, &ec2_interfaces, &interfaces));
  cidr_parse(subnet->CidrBlock, &cidr);
  gint64 count = (gint64) cidr_size(&cidr) - RESERVED_ADDRESSES;
  for (gsize i = 0; i < interfaces.n; i++)
    count -= strcmp(((const Ec2NetworkInterface *) interfaces.v[i])->SubnetId, subnet->SubnetId) == 0;
  *ret_free = count;
  return NULL;
}

static Error *check_range(Call *call, const Ec2Vpc *vpc, const char *text, Cidr *ret_cidr) {
  Ec2Records subnets = {0};
  Cidr cidr = {0}, range = {0};
  gboolean inside = FALSE;
  if (!cidr_parse(text, &cidr))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", text ? text : "");
  cidr.address = cidr_base(&cidr);
  for (gsize i = 0; i < vpc->CidrBlockAssociationSet.n; i++)
    inside = inside || (cidr_parse(vpc->CidrBlockAssociationSet.v[i]->CidrBlock, &range) && range.prefix <= cidr.prefix && cidr_has(&range, cidr.address));
  if (!inside || cidr.prefix > 28 || cidr.prefix < 16)
    return error_answer("InvalidSubnet.Range", "The CIDR '%s' is invalid.", text);
  TRY(ec2_all(call, &ec2_subnets, &subnets));
  for (gsize i = 0; i < subnets.n; i++) {
    const Ec2Subnet *other = subnets.v[i];
    if (strcmp(other->VpcId, vpc->VpcId) == 0 && cidr_parse(other->CidrBlock, &range) && cidr_overlaps(&range, &cidr))
      return error_answer("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", text);
  }
  *ret_cidr = cidr;
  return NULL;
}

static Error *default_acl(Call *call, const char *vpc_id, const char **ret_id) {
  Ec2Records acls = {0};
  TRY(ec2_all(call, &ec2_acls, &acls));
  for (gsize i = 0; i < acls.n; i++) {
    const Ec2NetworkAcl *acl = acls.v[i];
    if (acl->IsDefault.v && strcmp(acl->VpcId, vpc_id) == 0)
      *ret_id = acl->NetworkAclId;
  }
  return *ret_id ? NULL : error_fault("VPC %s has no default network ACL", vpc_id);
}

OPERATION(CreateSubnet, create_subnet, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_subnet(Call *call, const Ec2CreateSubnetInput *in, Ec2CreateSubnetOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  const char *acl = NULL, *zone = in->AvailabilityZone ? in->AvailabilityZone : arena_printf(call->arena, "%sa", call->region);
  Cidr cidr = {0};
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  if (in->AvailabilityZoneId)
    TRY(ec2_zone_of_id(call, in->AvailabilityZoneId, &zone));
  if (in->Ipv6Native.v || in->OutpostArn)
    return error_answer("UnsupportedOperation", "haar has subnets with IPv4, in zones of the region: no IPv6-only ones, no Outposts.");
  if (!ec2_zone_known(call, zone))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following "
                        "availability zones: %sa, %sb, %sc, %sd, %se, %sf.", zone, call->region, call->region, call->region, call->region, call->region, call->region);
  TRY(check_range(call, vpc, in->CidrBlock, &cidr));
  TRY(ec2_quota(call, &ec2_subnets, in->VpcId));
  TRY(default_acl(call, in->VpcId, &acl));
  Ec2Subnet *subnet = ARENA_NEW(call->arena, Ec2Subnet);
  *subnet = (Ec2Subnet){
    .SubnetId = id_resource(call->arena, "subnet"), .VpcId = in->VpcId, .CidrBlock = cidr_text(call->arena, &cidr), .AvailabilityZone = zone,
    .AvailabilityZoneId = ec2_zone_id(call, zone), .State = "available", .OwnerId = call->account, .DefaultForAz = OPT_BOOL(FALSE),
    .MapPublicIpOnLaunch = OPT_BOOL(FALSE), .AssignIpv6AddressOnCreation = OPT_BOOL(FALSE), .EnableDns64 = OPT_BOOL(FALSE), .Ipv6Native = OPT_BOOL(FALSE),
    .AvailableIpAddressCount = OPT_INT((gint64) cidr_size(&cidr) - RESERVED_ADDRESSES), .Tags = ec2_tags(call, &in->TagSpecifications, "subnet")};
  subnet->SubnetArn = call_arn(call, "ec2", "subnet/%s", subnet->SubnetId);
  if (in->Ipv6CidrBlock)
    TRY(ec2_subnet_add_ipv6(call, vpc, subnet, in->Ipv6CidrBlock));
  TRY(ec2_put(call, &ec2_subnets, subnet));
  TRY(ec2_acl_associate(call, acl, subnet->SubnetId));
  ret_out->Subnet = subnet;
  ec2_changed(call, in->VpcId);
  return NULL;
}

/* Its associations with a route table and an ACL go with it. */
static Error *drop_associations(Call *call, const char *subnet_id) {
  Ec2Records records = {0};
  TRY(ec2_all(call, &ec2_route_tables, &records));
  for (gsize i = 0; i < records.n; i++) {
    Ec2RouteTable *table = records.v[i];
    for (gsize j = 0; j < table->Associations.n; j++)
      if (g_strcmp0(table->Associations.v[j]->SubnetId, subnet_id) == 0) {
        table->Associations.v[j] = table->Associations.v[--table->Associations.n];
        TRY(ec2_put(call, &ec2_route_tables, table));
        break;
      }
  }
  return ec2_acl_associate(call, NULL, subnet_id);
}

OPERATION(DeleteSubnet, delete_subnet, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_subnet(Call *call, const Ec2DeleteSubnetInput *in, Ec2DeleteSubnetOutput *ret_out) {
  const Ec2Subnet *subnet = NULL;
  Ec2Records interfaces = {0};
  TRY(ec2_get(call, &ec2_subnets, in->SubnetId, &subnet));
  TRY(ec2_all(call, &ec2_interfaces, &interfaces));
  for (gsize i = 0; i < interfaces.n; i++)
    if (strcmp(((const Ec2NetworkInterface *) interfaces.v[i])->SubnetId, in->SubnetId) == 0)
      return error_answer("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", in->SubnetId);
  TRY(drop_associations(call, in->SubnetId));
  TRY(ec2_delete(call, &ec2_subnets, in->SubnetId));
  ec2_changed(call, subnet->VpcId);
  return NULL;
}

static Error *fill_count(Call *call, void *record) {
  Ec2Subnet *subnet = record;
  gint64 count = 0;
  TRY(ec2_subnet_free(call, subnet, &count));
  subnet->AvailableIpAddressCount = OPT_INT(count);
  return NULL;
}

OPERATION(DescribeSubnets, describe_subnets, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_subnets(Call *call, const Ec2DescribeSubnetsInput *in, Ec2DescribeSubnetsOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_subnets, &in->SubnetIds, &in->Filters, in->MaxResults, in->NextToken, "subnetIds", fill_count},
                      &ret_out->Subnets, &ret_out->NextToken);
}

/* What names interfaces get: kept and shown. */
static void set_names(Call *call, const Ec2ModifySubnetAttributeInput *in, Ec2Subnet *subnet) {
  if (!subnet->PrivateDnsNameOptionsOnLaunch) {
    subnet->PrivateDnsNameOptionsOnLaunch = ARENA_NEW(call->arena, Ec2PrivateDnsNameOptionsOnLaunch);
    *subnet->PrivateDnsNameOptionsOnLaunch = (Ec2PrivateDnsNameOptionsOnLaunch){.HostnameType = "ip-name", .EnableResourceNameDnsARecord = OPT_BOOL(FALSE),
                                                                                .EnableResourceNameDnsAAAARecord = OPT_BOOL(FALSE)};
  }
  Ec2PrivateDnsNameOptionsOnLaunch *names = subnet->PrivateDnsNameOptionsOnLaunch;
  names->HostnameType = in->PrivateDnsHostnameTypeOnLaunch ? in->PrivateDnsHostnameTypeOnLaunch : names->HostnameType;
  if (in->EnableResourceNameDnsARecordOnLaunch)
    names->EnableResourceNameDnsARecord = in->EnableResourceNameDnsARecordOnLaunch->Value;
  if (in->EnableResourceNameDnsAAAARecordOnLaunch)
    names->EnableResourceNameDnsAAAARecord = in->EnableResourceNameDnsAAAARecordOnLaunch->Value;
}

OPERATION(ModifySubnetAttribute, modify_subnet_attribute, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_subnet_attribute(Call *call, const Ec2ModifySubnetAttributeInput *in, Ec2ModifySubnetAttributeOutput *ret_out) {
  Ec2Subnet *subnet = NULL;
  TRY(ec2_get(call, &ec2_subnets, in->SubnetId, &subnet));
  guint given = (in->MapPublicIpOnLaunch != NULL) + (in->AssignIpv6AddressOnCreation != NULL) + (in->EnableDns64 != NULL) + (in->PrivateDnsHostnameTypeOnLaunch != NULL) +
                (in->EnableResourceNameDnsARecordOnLaunch != NULL) + (in->EnableResourceNameDnsAAAARecordOnLaunch != NULL);
  if (in->MapCustomerOwnedIpOnLaunch || in->CustomerOwnedIpv4Pool || in->EnableLniAtDeviceIndex.set || in->DisableLniAtDeviceIndex)
    return error_answer("UnsupportedOperation", "haar has no Outposts: no customer-owned addresses and no local network interfaces.");
  if (given == 0)
    return error_answer("InvalidParameterCombination", "No attributes specified.");
  if (given > 1)
    return error_answer("InvalidParameterCombination", "Fields for multiple attribute types specified");
  if (in->EnableDns64 && in->EnableDns64->Value.v)
    return error_answer("UnsupportedOperation", "haar's resolver has no DNS64.");
  if (in->AssignIpv6AddressOnCreation && in->AssignIpv6AddressOnCreation->Value.v && subnet->Ipv6CidrBlockAssociationSet.n == 0)
    return error_answer("InvalidParameterValue", "Invalid value for subnet with no associated IPv6 CIDR block: %s", in->SubnetId);
  if (in->MapPublicIpOnLaunch)
    subnet->MapPublicIpOnLaunch = in->MapPublicIpOnLaunch->Value;
  if (in->AssignIpv6AddressOnCreation)
    subnet->AssignIpv6AddressOnCreation = in->AssignIpv6AddressOnCreation->Value;
  set_names(call, in, subnet);
  return ec2_put(call, &ec2_subnets, subnet);
}
