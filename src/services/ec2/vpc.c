/* vpc: a VPC comes with a main route table, a default network ACL and a default security group.
 * https://docs.aws.amazon.com/vpc/latest/userguide/configure-your-vpc.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {
  {"vpc-id", "VpcId"}, {"cidr", "CidrBlock"}, {"cidr-block", "CidrBlock"}, {"cidrBlock", "CidrBlock"}, {"state", "State"}, {"owner-id", "OwnerId"},
  {"is-default", "IsDefault"}, {"isDefault", "IsDefault"}, {"dhcp-options-id", "DhcpOptionsId"}, {"dhcpOptionsId", "DhcpOptionsId"},
  {"cidr-block-association.cidr-block", "CidrBlockAssociationSet.CidrBlock"},
  {"cidr-block-association.association-id", "CidrBlockAssociationSet.AssociationId"},
  {"cidr-block-association.state", "CidrBlockAssociationSet.CidrBlockState.State"},
  {"ipv6-cidr-block-association.ipv6-cidr-block", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock"},
  {"ipv6-cidr-block-association.ipv6-pool", "Ipv6CidrBlockAssociationSet.Ipv6Pool"},
  {"ipv6-cidr-block-association.association-id", "Ipv6CidrBlockAssociationSet.AssociationId"},
  {"ipv6-cidr-block-association.state", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"}, {NULL, NULL},
};
const Ec2Kind ec2_vpcs = {.type = "vpc", .prefix = "vpc", .table = {"ec2.vpc"}, EC2_KIND(Vpc, VpcId, Tags),
  .malformed = "InvalidVpcID.Malformed", .not_found = "InvalidVpcID.NotFound",
  .not_found_text = "The vpc ID '%s' does not exist", .filters = filters};
const Table ec2_vpc_attributes = {"ec2.vpc_attribute"};

Error *ec2_vpc_attributes_get(Call *call, const char *vpc_id, Ec2VpcAttributes **ret_attributes) {
  Key key;
  void *record = NULL;
  call_key(call, &key);
  key_add(&key, vpc_id);
  TRY(record_get(call->txn, &ec2_vpc_attributes, &key, &Ec2VpcAttributes_shape, call->arena, &record));
  if (!record) {
    Ec2VpcAttributes *attributes = ARENA_NEW(call->arena, Ec2VpcAttributes);
    *attributes = (Ec2VpcAttributes){.VpcId = vpc_id, .EnableDnsSupport = OPT_BOOL(TRUE), .EnableDnsHostnames = OPT_BOOL(FALSE)};
    record = attributes;
  }
  *ret_attributes = record;
  return NULL;
}

Error *ec2_vpc_attributes_put(Call *call, const Ec2VpcAttributes *attributes) {
  Key key;
  call_key(call, &key);
  key_add(&key, attributes->VpcId);
  return record_put(call->txn, &ec2_vpc_attributes, &key, &Ec2VpcAttributes_shape, attributes);
}

Error *ec2_vpc_range(const char *text, Cidr *ret_cidr) {
  Cidr cidr = {0};
  if (!cidr_parse(text, &cidr))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", text);
  if (cidr.prefix < 16 || cidr.prefix > 28)
    return error_answer("InvalidVpc.Range", "The CIDR '%s' is invalid.", text);
  cidr.address = cidr_base(&cidr);
  *ret_cidr = cidr;
  return NULL;
}

Ec2VpcCidrBlockAssociation *ec2_range_association(Call *call, const char *cidr) {
  Ec2VpcCidrBlockState *state = ARENA_NEW(call->arena, Ec2VpcCidrBlockState);
  state->State = "associated";
  Ec2VpcCidrBlockAssociation *association = ARENA_NEW(call->arena, Ec2VpcCidrBlockAssociation);
  *association = (Ec2VpcCidrBlockAssociation){.AssociationId = id_resource(call->arena, "vpc-cidr-assoc"), .CidrBlock = cidr, .CidrBlockState = state};
  return association;
}

OPERATION(CreateVpc, create_vpc, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_vpc(Call *call, const Ec2CreateVpcInput *in, Ec2CreateVpcOutput *ret_out) {
  Cidr cidr = {0};
  Ec2SecurityGroup *group = NULL;
  Ec2NetworkAcl *acl = NULL;
  Ec2RouteTable *table = NULL;
  const char *dhcp = NULL;
  if (!in->CidrBlock)
    return error_answer("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.");
  if (in->Ipv4IpamPoolId || in->Ipv6IpamPoolId || in->Ipv6Pool)
    return error_answer("UnsupportedOperation", "haar has no IPAM pools and no addresses that you brought: name a CidrBlock.");
  TRY(ec2_vpc_range(in->CidrBlock, &cidr));
  TRY(ec2_quota(call, &ec2_vpcs, NULL));
  TRY(ec2_dhcp_default(call, &dhcp));
  Ec2Vpc *vpc = ARENA_NEW(call->arena, Ec2Vpc);
  *vpc = (Ec2Vpc){.VpcId = id_resource(call->arena, "vpc"), .CidrBlock = cidr_text(call->arena, &cidr), .State = "available", .OwnerId = call->account,
                  .DhcpOptionsId = dhcp, .InstanceTenancy = in->InstanceTenancy ? in->InstanceTenancy : "default",
                  .IsDefault = OPT_BOOL(FALSE), .Tags = ec2_tags(call, &in->TagSpecifications, "vpc")};
  LIST_APPEND(call->arena, &vpc->CidrBlockAssociationSet, ec2_range_association(call, vpc->CidrBlock));
  if (in->AmazonProvidedIpv6CidrBlock.v)
    TRY(ec2_vpc_add_ipv6(call, vpc));
  TRY(ec2_put(call, &ec2_vpcs, vpc));
  TRY(ec2_group_make(call, vpc->VpcId, "default", "default VPC security group", (Ec2TagList){0}, &group));
  TRY(ec2_acl_make(call, vpc->VpcId, TRUE, (Ec2TagList){0}, &acl));
  TRY(ec2_route_table_make(call, vpc, TRUE, (Ec2TagList){0}, &table));
  ret_out->Vpc = vpc;
  ec2_changed(call, vpc->VpcId);
  return NULL;
}

/* Whether records of a kind, other than those that came with the VPC, are in it. */
static Error *has_dependents(Call *call, const char *vpc_id, gboolean *ret_has) {
  Ec2Records records = {0};
  *ret_has = FALSE;
#define LOOK(kind, Type, counts)                                                                   \
  TRY(ec2_all(call, &kind, &records));                                                             \
  for (gsize i = 0; i < records.n; i++) {                                                          \
    const Ec2##Type *record = records.v[i];                                                        \
    *ret_has = *ret_has || (g_strcmp0(record->VpcId, vpc_id) == 0 && (counts));                    \
  }
  LOOK(ec2_subnets, Subnet, TRUE)
  LOOK(ec2_security_groups, SecurityGroup, strcmp(record->GroupName, "default") != 0)
  LOOK(ec2_acls, NetworkAcl, !record->IsDefault.v)
  LOOK(ec2_route_tables, RouteTable, !(record->Associations.n && record->Associations.v[0]->Main.v))
  LOOK(ec2_endpoints, VpcEndpoint, TRUE)
  LOOK(ec2_interfaces, NetworkInterface, TRUE)
#undef LOOK
  TRY(ec2_all(call, &ec2_egress_gateways, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2EgressOnlyInternetGateway *gateway = records.v[i];
    *ret_has = *ret_has || (gateway->Attachments.n && g_strcmp0(gateway->Attachments.v[0]->VpcId, vpc_id) == 0);
  }
  TRY(ec2_all(call, &ec2_internet_gateways, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2InternetGateway *gateway = records.v[i];
    *ret_has = *ret_has || (gateway->Attachments.n && g_strcmp0(gateway->Attachments.v[0]->VpcId, vpc_id) == 0);
  }
  return NULL;
}

/* What came with the VPC goes with it. */
static Error *delete_own(Call *call, const char *vpc_id) {
  Ec2Records records = {0}, rules = {0};
  TRY(ec2_all(call, &ec2_security_groups, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2SecurityGroup *group = records.v[i];
    if (strcmp(group->VpcId, vpc_id) != 0)
      continue;
    TRY(ec2_rules_of(call, group->GroupId, &rules));
    for (gsize j = 0; j < rules.n; j++)
      TRY(ec2_delete(call, &ec2_rules, ((const Ec2SecurityGroupRule *) rules.v[j])->SecurityGroupRuleId));
    TRY(ec2_delete(call, &ec2_security_groups, group->GroupId));
  }
  TRY(ec2_all(call, &ec2_acls, &records));
  for (gsize i = 0; i < records.n; i++)
    if (strcmp(((const Ec2NetworkAcl *) records.v[i])->VpcId, vpc_id) == 0)
      TRY(ec2_delete(call, &ec2_acls, ((const Ec2NetworkAcl *) records.v[i])->NetworkAclId));
  TRY(ec2_all(call, &ec2_route_tables, &records));
  for (gsize i = 0; i < records.n; i++)
    if (strcmp(((const Ec2RouteTable *) records.v[i])->VpcId, vpc_id) == 0)
      TRY(ec2_delete(call, &ec2_route_tables, ((const Ec2RouteTable *) records.v[i])->RouteTableId));
  return NULL;
}

OPERATION(DeleteVpc, delete_vpc, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_vpc(Call *call, const Ec2DeleteVpcInput *in, Ec2DeleteVpcOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  gboolean has = FALSE;
  Key key;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  TRY(has_dependents(call, in->VpcId, &has));
  if (has)
    return error_answer("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", in->VpcId);
  TRY(delete_own(call, in->VpcId));
  TRY(ec2_peerings_end(call, in->VpcId));
  call_key(call, &key);
  key_add(&key, in->VpcId);
  TRY(store_delete(call->txn, &ec2_vpc_attributes, &key, NULL));
  TRY(ec2_delete(call, &ec2_vpcs, in->VpcId));
  ec2_changed(call, in->VpcId);
  return NULL;
}

OPERATION(DescribeVpcs, describe_vpcs, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_vpcs(Call *call, const Ec2DescribeVpcsInput *in, Ec2DescribeVpcsOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_vpcs, &in->VpcIds, &in->Filters, in->MaxResults, in->NextToken, "vpcIds", NULL}, &ret_out->Vpcs, &ret_out->NextToken);
}

OPERATION(ModifyVpcAttribute, modify_vpc_attribute, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_vpc_attribute(Call *call, const Ec2ModifyVpcAttributeInput *in, Ec2ModifyVpcAttributeOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  Ec2VpcAttributes *attributes = NULL;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  TRY(ec2_vpc_attributes_get(call, in->VpcId, &attributes));
  if (in->EnableNetworkAddressUsageMetrics)
    return error_answer("UnsupportedOperation", "haar has no metrics of network addresses.");
  if (!in->EnableDnsSupport && !in->EnableDnsHostnames)
    return error_answer("InvalidParameterCombination", "No attributes specified.");
  if (in->EnableDnsSupport && in->EnableDnsHostnames)
    return error_answer("InvalidParameterCombination", "Fields for multiple attribute types specified");
  if (in->EnableDnsSupport)
    attributes->EnableDnsSupport = in->EnableDnsSupport->Value;
  if (in->EnableDnsHostnames)
    attributes->EnableDnsHostnames = in->EnableDnsHostnames->Value;
  TRY(ec2_vpc_attributes_put(call, attributes));
  ec2_changed_now(call, in->VpcId);
  return NULL;
}

static Ec2AttributeBooleanValue *boolean(Call *call, gboolean value) {
  Ec2AttributeBooleanValue *out = ARENA_NEW(call->arena, Ec2AttributeBooleanValue);
  out->Value = OPT_BOOL(value);
  return out;
}

OPERATION(DescribeVpcAttribute, describe_vpc_attribute, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_vpc_attribute(Call *call, const Ec2DescribeVpcAttributeInput *in, Ec2DescribeVpcAttributeOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  Ec2VpcAttributes *attributes = NULL;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  TRY(ec2_vpc_attributes_get(call, in->VpcId, &attributes));
  ret_out->VpcId = in->VpcId;
  if (g_strcmp0(in->Attribute, "enableDnsSupport") == 0)
    ret_out->EnableDnsSupport = boolean(call, attributes->EnableDnsSupport.v);
  else if (g_strcmp0(in->Attribute, "enableDnsHostnames") == 0)
    ret_out->EnableDnsHostnames = boolean(call, attributes->EnableDnsHostnames.v);
  else if (g_strcmp0(in->Attribute, "enableNetworkAddressUsageMetrics") == 0)
    ret_out->EnableNetworkAddressUsageMetrics = boolean(call, FALSE);
  else
    return error_answer("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", in->Attribute ? in->Attribute : "");
  return NULL;
}

OPERATION(ModifyVpcTenancy, modify_vpc_tenancy, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_vpc_tenancy(Call *call, const Ec2ModifyVpcTenancyInput *in, Ec2ModifyVpcTenancyOutput *ret_out) {
  Ec2Vpc *vpc = NULL;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  if (g_strcmp0(in->InstanceTenancy, "default") != 0)
    return error_answer("InvalidParameterValue", "Value (%s) for parameter instanceTenancy is invalid. Tenancy can only be modified to default.", in->InstanceTenancy);
  vpc->InstanceTenancy = in->InstanceTenancy;
  ret_out->ReturnValue = OPT_BOOL(TRUE);
  return ec2_put(call, &ec2_vpcs, vpc);
}
