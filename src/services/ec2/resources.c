/* AWS::EC2::VPC, Subnet, InternetGateway, VPCGatewayAttachment, RouteTable, Route, SubnetRouteTableAssociation, EIP, NatGateway, NetworkInterface,
 * NetworkAcl, NetworkAclEntry, SubnetNetworkAclAssociation. Security groups and endpoints are in resources_security.c. */
#include "services/ec2/ec2.h"
#include "services/ec2/resources.h"

#include <string.h>

Ec2TagSpecificationList ec2_resource_tags(ResourceCall *rc, const char *type) {
  StringMap tags = resource_tags(rc);
  Arena *arena = rc->call->arena;
  Ec2TagSpecificationList list = {0};
  Ec2TagSpecification *specification = ARENA_NEW(arena, Ec2TagSpecification);
  specification->ResourceType = type;
  for (gsize i = 0; i < tags.n; i++) {
    Ec2Tag *tag = ARENA_NEW(arena, Ec2Tag);
    *tag = (Ec2Tag){.Key = tags.v[i].key, .Value = tags.v[i].value};
    LIST_APPEND(arena, &specification->Tags, tag);
  }
  LIST_APPEND(arena, &list, specification);
  return list;
}

/* Tags that are gone from the template, or the stack, go; the others are set. */
Error *ec2_update_tags(ResourceCall *rc, const char *id) {
  Arena *arena = rc->call->arena;
  Ec2DeleteTagsInput gone = {0};
  Ec2CreateTagsInput set = {0};
  StringMap now = resource_tags(rc);
  StringList keys = resource_gone_tags(rc);
  for (gsize i = 0; i < keys.n; i++) {
    Ec2Tag *tag = ARENA_NEW(arena, Ec2Tag);
    tag->Key = keys.v[i];
    LIST_APPEND(arena, &gone.Tags, tag);
  }
  LIST_APPEND(arena, &gone.Resources, id);
  LIST_APPEND(arena, &set.Resources, id);
  if (gone.Tags.n)
    TRY(resource_operation(rc, &Ec2OperationDeleteTags, &gone, &(Ec2DeleteTagsOutput){0}));
  for (gsize i = 0; i < now.n; i++) {
    Ec2Tag *tag = ARENA_NEW(arena, Ec2Tag);
    *tag = (Ec2Tag){.Key = now.v[i].key, .Value = now.v[i].value};
    LIST_APPEND(arena, &set.Tags, tag);
  }
  return set.Tags.n ? resource_operation(rc, &Ec2OperationCreateTags, &set, &(Ec2CreateTagsOutput){0}) : NULL;
}

StringList ec2_property_list(const ResourceCall *rc, const Json *properties, const char *name) {
  const Json *list = json_get(properties, name);
  StringList out = {0};
  for (guint32 i = 0; list && list->type == JSON_ARRAY && i < list->n; i++)
    if (json_string(list->items[i]))
      LIST_APPEND(rc->call->arena, &out, json_string(list->items[i]));
  return out;
}

Json *ec2_json_list(Arena *arena, const StringList *list) {
  Json *array = json_new_array(arena);
  for (gsize i = 0; i < list->n; i++)
    json_append(arena, array, json_new_string(arena, list->v[i]));
  return array;
}

void ec2_attribute_list(const ResourceCall *rc, ResourceResult *ret, const char *name, const StringList *list) {
  if (!ret->attributes)
    ret->attributes = json_new_object(rc->call->arena);
  json_set(rc->call->arena, ret->attributes, name, ec2_json_list(rc->call->arena, list));
}

/* Something that is gone already is deleted. */
Error *ec2_gone_is_good(Error *error) {
  g_autoptr(Error) owned = error;
  if (owned && owned->kind == ERROR_ANSWER && (g_str_has_suffix(owned->code, ".NotFound") || g_str_has_suffix(owned->code, "NotFound") || strcmp(owned->code, "Gateway.NotAttached") == 0))
    return NULL;
  return g_steal_pointer(&owned);
}

#define RUN(Name, in, out) resource_operation(rc, &Ec2Operation##Name, (in), (out))
#define DELETE(Name, ...) ec2_gone_is_good(RUN(Name, &((Ec2##Name##Input){__VA_ARGS__}), &(Ec2##Name##Output){0}))

static const Ec2FilterList *filter(ResourceCall *rc, const char *name, const char *value) {
  Ec2FilterList *list = ARENA_NEW(rc->call->arena, Ec2FilterList);
  Ec2Filter *one = ARENA_NEW(rc->call->arena, Ec2Filter);
  one->Name = name;
  LIST_APPEND(rc->call->arena, &one->Values, value);
  LIST_APPEND(rc->call->arena, list, one);
  return list;
}

/* --- VPC --- */

static Ec2AttributeBooleanValue *boolean(ResourceCall *rc, gboolean value) {
  Ec2AttributeBooleanValue *out = ARENA_NEW(rc->call->arena, Ec2AttributeBooleanValue);
  out->Value = OPT_BOOL(value);
  return out;
}

static Error *vpc_attributes(ResourceCall *rc, const char *id) {
  Ec2ModifyVpcAttributeInput support = {.VpcId = id, .EnableDnsSupport = boolean(rc, property_bool(rc, "EnableDnsSupport", TRUE))};
  Ec2ModifyVpcAttributeInput names = {.VpcId = id, .EnableDnsHostnames = boolean(rc, property_bool(rc, "EnableDnsHostnames", FALSE))};
  TRY(RUN(ModifyVpcAttribute, &support, &(Ec2ModifyVpcAttributeOutput){0}));
  return RUN(ModifyVpcAttribute, &names, &(Ec2ModifyVpcAttributeOutput){0});
}

static Error *vpc_results(ResourceCall *rc, const Ec2Vpc *vpc, ResourceResult *ret) {
  Ec2DescribeSecurityGroupsOutput groups = {0};
  Ec2DescribeNetworkAclsOutput acls = {0};
  StringList associations = {0};
  TRY(RUN(DescribeSecurityGroups, &((Ec2DescribeSecurityGroupsInput){.Filters = *filter(rc, "vpc-id", vpc->VpcId)}), &groups));
  TRY(RUN(DescribeNetworkAcls, &((Ec2DescribeNetworkAclsInput){.Filters = *filter(rc, "vpc-id", vpc->VpcId)}), &acls));
  resource_attribute(rc, ret, "VpcId", vpc->VpcId);
  resource_attribute(rc, ret, "CidrBlock", vpc->CidrBlock);
  if (groups.SecurityGroups.n)
    resource_attribute(rc, ret, "DefaultSecurityGroup", groups.SecurityGroups.v[0]->GroupId);
  if (acls.NetworkAcls.n)
    resource_attribute(rc, ret, "DefaultNetworkAcl", acls.NetworkAcls.v[0]->NetworkAclId);
  for (gsize i = 0; i < vpc->CidrBlockAssociationSet.n; i++)
    LIST_APPEND(rc->call->arena, &associations, vpc->CidrBlockAssociationSet.v[i]->AssociationId);
  ec2_attribute_list(rc, ret, "CidrBlockAssociations", &associations);
  StringList ranges6 = {0};
  for (gsize i = 0; i < vpc->Ipv6CidrBlockAssociationSet.n; i++)
    LIST_APPEND(rc->call->arena, &ranges6, vpc->Ipv6CidrBlockAssociationSet.v[i]->Ipv6CidrBlock);
  ec2_attribute_list(rc, ret, "Ipv6CidrBlocks", &ranges6);
  return NULL;
}

/* What VPCCidrBlock adds is seen by those that depend on it. */
static Error *read_vpc(ResourceCall *rc, const char *attribute, Json **ret_value) {
  gboolean ranges6 = strcmp(attribute, "Ipv6CidrBlocks") == 0;
  Ec2DescribeVpcsInput in = {0};
  Ec2DescribeVpcsOutput out = {0};
  StringList list = {0};
  if (!ranges6 && strcmp(attribute, "CidrBlockAssociations") != 0)
    return NULL;
  LIST_APPEND(rc->call->arena, &in.VpcIds, rc->physical_id);
  TRY(RUN(DescribeVpcs, &in, &out));
  const Ec2Vpc *vpc = out.Vpcs.v[0];
  for (gsize i = 0; ranges6 && i < vpc->Ipv6CidrBlockAssociationSet.n; i++)
    LIST_APPEND(rc->call->arena, &list, vpc->Ipv6CidrBlockAssociationSet.v[i]->Ipv6CidrBlock);
  for (gsize i = 0; !ranges6 && i < vpc->CidrBlockAssociationSet.n; i++)
    LIST_APPEND(rc->call->arena, &list, vpc->CidrBlockAssociationSet.v[i]->AssociationId);
  *ret_value = ec2_json_list(rc->call->arena, &list);
  return NULL;
}

static Error *create_vpc(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateVpcInput in = {.CidrBlock = property_text(rc, "CidrBlock"), .InstanceTenancy = property_text(rc, "InstanceTenancy"), .TagSpecifications = ec2_resource_tags(rc, "vpc")};
  Ec2CreateVpcOutput out = {0};
  TRY(RUN(CreateVpc, &in, &out));
  ret->physical_id = out.Vpc->VpcId;
  resource_made(rc, ret->physical_id);
  TRY(vpc_attributes(rc, out.Vpc->VpcId));
  return vpc_results(rc, out.Vpc, ret);
}

static Error *update_vpc(ResourceCall *rc, ResourceResult *ret) {
  TRY(vpc_attributes(rc, rc->physical_id));
  return ec2_update_tags(rc, rc->physical_id);
}

static Error *delete_vpc(ResourceCall *rc) { return DELETE(DeleteVpc, .VpcId = rc->physical_id); }

RESOURCE(AWS::EC2::VPC, ec2_vpc, .create = create_vpc, .read = read_vpc, .update = update_vpc, .delete = delete_vpc, .no_effect = "InstanceTenancy Ipv4IpamPoolId Ipv4NetmaskLength")

/* --- Subnet --- */

static Error *subnet_public(ResourceCall *rc, const char *id) {
  Ec2ModifySubnetAttributeInput in = {.SubnetId = id, .MapPublicIpOnLaunch = boolean(rc, property_bool(rc, "MapPublicIpOnLaunch", FALSE))};
  Ec2ModifySubnetAttributeInput ipv6 = {.SubnetId = id, .AssignIpv6AddressOnCreation = boolean(rc, property_bool(rc, "AssignIpv6AddressOnCreation", FALSE))};
  TRY(RUN(ModifySubnetAttribute, &in, &(Ec2ModifySubnetAttributeOutput){0}));
  return RUN(ModifySubnetAttribute, &ipv6, &(Ec2ModifySubnetAttributeOutput){0});
}

static Error *create_subnet(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateSubnetInput in = {.VpcId = property_text(rc, "VpcId"), .CidrBlock = property_text(rc, "CidrBlock"), .AvailabilityZone = property_text(rc, "AvailabilityZone"),
                             .AvailabilityZoneId = property_text(rc, "AvailabilityZoneId"), .Ipv6CidrBlock = property_text(rc, "Ipv6CidrBlock"),
                             .Ipv6Native = OPT_BOOL(property_bool(rc, "Ipv6Native", FALSE)), .TagSpecifications = ec2_resource_tags(rc, "subnet")};
  Ec2CreateSubnetOutput out = {0};
  Ec2DescribeNetworkAclsOutput acls = {0};
  TRY(RUN(CreateSubnet, &in, &out));
  ret->physical_id = out.Subnet->SubnetId;
  resource_made(rc, ret->physical_id);
  resource_attribute(rc, ret, "SubnetId", out.Subnet->SubnetId);
  resource_attribute(rc, ret, "AvailabilityZone", out.Subnet->AvailabilityZone);
  resource_attribute(rc, ret, "AvailabilityZoneId", out.Subnet->AvailabilityZoneId);
  resource_attribute(rc, ret, "VpcId", out.Subnet->VpcId);
  resource_attribute(rc, ret, "CidrBlock", out.Subnet->CidrBlock);
  StringList ranges6 = {0};
  for (gsize i = 0; i < out.Subnet->Ipv6CidrBlockAssociationSet.n; i++)
    LIST_APPEND(rc->call->arena, &ranges6, out.Subnet->Ipv6CidrBlockAssociationSet.v[i]->Ipv6CidrBlock);
  ec2_attribute_list(rc, ret, "Ipv6CidrBlocks", &ranges6);
  TRY(RUN(DescribeNetworkAcls, &((Ec2DescribeNetworkAclsInput){.Filters = *filter(rc, "association.subnet-id", out.Subnet->SubnetId)}), &acls));
  for (gsize i = 0; acls.NetworkAcls.n && i < acls.NetworkAcls.v[0]->Associations.n; i++)
    if (strcmp(acls.NetworkAcls.v[0]->Associations.v[i]->SubnetId, out.Subnet->SubnetId) == 0)
      resource_attribute(rc, ret, "NetworkAclAssociationId", acls.NetworkAcls.v[0]->Associations.v[i]->NetworkAclAssociationId);
  return subnet_public(rc, out.Subnet->SubnetId);
}

static Error *update_subnet(ResourceCall *rc, ResourceResult *ret) {
  TRY(subnet_public(rc, rc->physical_id));
  return ec2_update_tags(rc, rc->physical_id);
}

static Error *delete_subnet(ResourceCall *rc) { return DELETE(DeleteSubnet, .SubnetId = rc->physical_id); }

RESOURCE(AWS::EC2::Subnet, ec2_subnet, .create = create_subnet, .update = update_subnet, .delete = delete_subnet,
         .no_effect = "EnableDns64 PrivateDnsNameOptionsOnLaunch")

/* --- Internet gateway --- */

static Error *create_internet_gateway(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateInternetGatewayInput in = {.TagSpecifications = ec2_resource_tags(rc, "internet-gateway")};
  Ec2CreateInternetGatewayOutput out = {0};
  TRY(RUN(CreateInternetGateway, &in, &out));
  ret->physical_id = out.InternetGateway->InternetGatewayId;
  resource_attribute(rc, ret, "InternetGatewayId", ret->physical_id);
  return NULL;
}

static Error *update_own_tags(ResourceCall *rc, ResourceResult *ret) { return ec2_update_tags(rc, rc->physical_id); }

static Error *delete_internet_gateway(ResourceCall *rc) { return DELETE(DeleteInternetGateway, .InternetGatewayId = rc->physical_id); }

RESOURCE(AWS::EC2::InternetGateway, ec2_internet_gateway, .create = create_internet_gateway, .update = update_own_tags, .delete = delete_internet_gateway)

static Error *create_attachment(ResourceCall *rc, ResourceResult *ret) {
  Ec2AttachInternetGatewayInput in = {.VpcId = property_text(rc, "VpcId"), .InternetGatewayId = property_text(rc, "InternetGatewayId")};
  if (!in.InternetGatewayId)
    return error_answer("UnsupportedOperation", "haar attaches internet gateways to VPCs, not VPN gateways.");
  TRY(RUN(AttachInternetGateway, &in, &(Ec2AttachInternetGatewayOutput){0}));
  ret->physical_id = arena_printf(rc->call->arena, "IGW|%s", in.VpcId);
  resource_attribute(rc, ret, "AttachmentType", "IGW");
  return NULL;
}

static Error *delete_attachment(ResourceCall *rc) {
  return DELETE(DetachInternetGateway, .VpcId = property_text(rc, "VpcId"), .InternetGatewayId = property_text(rc, "InternetGatewayId"));
}

/* A VPC has one internet gateway: the other goes first. */
static Error *update_attachment(ResourceCall *rc, ResourceResult *ret) {
  const char *old = json_string(json_get(rc->old_properties, "InternetGatewayId"));
  if (old)
    TRY(DELETE(DetachInternetGateway, .VpcId = property_text(rc, "VpcId"), .InternetGatewayId = old));
  return create_attachment(rc, ret);
}

RESOURCE(AWS::EC2::VPCGatewayAttachment, ec2_gateway_attachment, .create = create_attachment, .update = update_attachment, .delete = delete_attachment)

/* --- Routes --- */

static Error *create_route_table(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateRouteTableInput in = {.VpcId = property_text(rc, "VpcId"), .TagSpecifications = ec2_resource_tags(rc, "route-table")};
  Ec2CreateRouteTableOutput out = {0};
  TRY(RUN(CreateRouteTable, &in, &out));
  ret->physical_id = out.RouteTable->RouteTableId;
  resource_attribute(rc, ret, "RouteTableId", ret->physical_id);
  return NULL;
}

static Error *delete_route_table(ResourceCall *rc) { return DELETE(DeleteRouteTable, .RouteTableId = rc->physical_id); }

RESOURCE(AWS::EC2::RouteTable, ec2_route_table, .create = create_route_table, .update = update_own_tags, .delete = delete_route_table)

static Error *create_route(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateRouteInput in = {0};
  TRY(property_input(rc, &Ec2CreateRouteInput_shape, &in));
  TRY(RUN(CreateRoute, &in, &(Ec2CreateRouteOutput){0}));
  const char *to = in.DestinationCidrBlock ? in.DestinationCidrBlock : in.DestinationIpv6CidrBlock ? in.DestinationIpv6CidrBlock : in.DestinationPrefixListId;
  ret->physical_id = arena_printf(rc->call->arena, "%s|%s", in.RouteTableId, to);
  resource_attribute(rc, ret, "CidrBlock", to);
  return NULL;
}

static Error *update_route(ResourceCall *rc, ResourceResult *ret) {
  Ec2ReplaceRouteInput in = {0};
  TRY(property_input(rc, &Ec2ReplaceRouteInput_shape, &in));
  return RUN(ReplaceRoute, &in, &(Ec2ReplaceRouteOutput){0});
}

static Error *delete_route(ResourceCall *rc) {
  return DELETE(DeleteRoute, .RouteTableId = property_text(rc, "RouteTableId"), .DestinationCidrBlock = property_text(rc, "DestinationCidrBlock"),
                .DestinationIpv6CidrBlock = property_text(rc, "DestinationIpv6CidrBlock"), .DestinationPrefixListId = property_text(rc, "DestinationPrefixListId"));
}

RESOURCE(AWS::EC2::Route, ec2_route, .create = create_route, .update = update_route, .delete = delete_route)

static Error *create_route_association(ResourceCall *rc, ResourceResult *ret) {
  Ec2AssociateRouteTableInput in = {.RouteTableId = property_text(rc, "RouteTableId"), .SubnetId = property_text(rc, "SubnetId")};
  Ec2AssociateRouteTableOutput out = {0};
  TRY(RUN(AssociateRouteTable, &in, &out));
  ret->physical_id = out.AssociationId;
  resource_attribute(rc, ret, "Id", out.AssociationId);
  return NULL;
}

static Error *update_route_association(ResourceCall *rc, ResourceResult *ret) {
  Ec2ReplaceRouteTableAssociationInput in = {.AssociationId = rc->physical_id, .RouteTableId = property_text(rc, "RouteTableId")};
  Ec2ReplaceRouteTableAssociationOutput out = {0};
  TRY(RUN(ReplaceRouteTableAssociation, &in, &out));
  ret->physical_id = out.NewAssociationId;
  resource_attribute(rc, ret, "Id", out.NewAssociationId);
  return NULL;
}

static Error *delete_route_association(ResourceCall *rc) { return DELETE(DisassociateRouteTable, .AssociationId = rc->physical_id); }

RESOURCE(AWS::EC2::SubnetRouteTableAssociation, ec2_route_association, .create = create_route_association, .update = update_route_association,
         .delete = delete_route_association)

/* --- Elastic IPs, NAT gateways --- */

static Error *create_eip(ResourceCall *rc, ResourceResult *ret) {
  Ec2AllocateAddressInput in = {.Domain = "vpc", .TagSpecifications = ec2_resource_tags(rc, "elastic-ip")};
  Ec2AllocateAddressOutput out = {0};
  TRY(RUN(AllocateAddress, &in, &out));
  ret->physical_id = out.PublicIp;
  resource_attribute(rc, ret, "PublicIp", out.PublicIp);
  resource_attribute(rc, ret, "AllocationId", out.AllocationId);
  return NULL;
}

static Error *update_eip(ResourceCall *rc, ResourceResult *ret) { return ec2_update_tags(rc, json_string(json_get(rc->attributes, "AllocationId"))); }

static Error *delete_eip(ResourceCall *rc) { return DELETE(ReleaseAddress, .PublicIp = rc->physical_id); }

RESOURCE(AWS::EC2::EIP, ec2_eip, .create = create_eip, .update = update_eip, .delete = delete_eip, .no_effect = "InstanceId NetworkBorderGroup PublicIpv4Pool TransferAddress Address IpamPoolId")

static Error *create_nat(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateNatGatewayInput in = {.SubnetId = property_text(rc, "SubnetId"), .AllocationId = property_text(rc, "AllocationId"), .ConnectivityType = property_text(rc, "ConnectivityType"),
                                 .PrivateIpAddress = property_text(rc, "PrivateIpAddress"), .TagSpecifications = ec2_resource_tags(rc, "natgateway"), .ClientToken = rc->token};
  Ec2CreateNatGatewayOutput out = {0};
  TRY(RUN(CreateNatGateway, &in, &out));
  ret->physical_id = out.NatGateway->NatGatewayId;
  resource_made(rc, ret->physical_id);
  resource_attribute(rc, ret, "NatGatewayId", ret->physical_id);
  if (strcmp(out.NatGateway->State, "failed") == 0)
    return error_answer(out.NatGateway->FailureCode, "NatGateway %s is in state failed and hence failed to stabilize. Detailed failure message: %s", ret->physical_id,
                        out.NatGateway->FailureMessage);
  resource_attribute(rc, ret, "EniId", out.NatGateway->NatGatewayAddresses.v[0]->NetworkInterfaceId);
  return NULL;
}

static Error *delete_nat(ResourceCall *rc) { return DELETE(DeleteNatGateway, .NatGatewayId = rc->physical_id); }

RESOURCE(AWS::EC2::NatGateway, ec2_nat_gateway, .create = create_nat, .update = update_own_tags, .delete = delete_nat, .no_effect = "MaxDrainDurationSeconds")

/* --- Network interfaces --- */

static void eni_results(ResourceCall *rc, const Ec2NetworkInterface *eni, ResourceResult *ret) {
  StringList secondary = {0};
  resource_attribute(rc, ret, "Id", eni->NetworkInterfaceId);
  resource_attribute(rc, ret, "PrimaryPrivateIpAddress", eni->PrivateIpAddress);
  resource_attribute(rc, ret, "VpcId", eni->VpcId);
  if (eni->Ipv6Address)
    resource_attribute(rc, ret, "PrimaryIpv6Address", eni->Ipv6Address);
  for (gsize i = 1; i < eni->PrivateIpAddresses.n; i++)
    LIST_APPEND(rc->call->arena, &secondary, eni->PrivateIpAddresses.v[i]->PrivateIpAddress);
  ec2_attribute_list(rc, ret, "SecondaryPrivateIpAddresses", &secondary);
}

static Error *create_eni(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateNetworkInterfaceInput in = {0};
  Ec2CreateNetworkInterfaceOutput out = {0};
  TRY(property_input(rc, &Ec2CreateNetworkInterfaceInput_shape, &in));
  in.Groups = ec2_property_list(rc, rc->properties, "GroupSet");
  in.TagSpecifications = ec2_resource_tags(rc, "network-interface");
  in.InterfaceType = NULL;
  TRY(RUN(CreateNetworkInterface, &in, &out));
  ret->physical_id = out.NetworkInterface->NetworkInterfaceId;
  resource_made(rc, ret->physical_id);
  eni_results(rc, out.NetworkInterface, ret);
  if (property_bool(rc, "SourceDestCheck", TRUE))
    return NULL;
  Ec2ModifyNetworkInterfaceAttributeInput change = {.NetworkInterfaceId = ret->physical_id, .SourceDestCheck = boolean(rc, FALSE)};
  return RUN(ModifyNetworkInterfaceAttribute, &change, &(Ec2ModifyNetworkInterfaceAttributeOutput){0});
}

static Error *update_eni(ResourceCall *rc, ResourceResult *ret) {
  const char *text = property_text(rc, "Description");
  Ec2AttributeValue description = {.Value = text ? text : ""};
  Ec2ModifyNetworkInterfaceAttributeInput in = {.NetworkInterfaceId = rc->physical_id, .Groups = ec2_property_list(rc, rc->properties, "GroupSet"),
                                                .Description = &description, .SourceDestCheck = boolean(rc, property_bool(rc, "SourceDestCheck", TRUE))};
  TRY(RUN(ModifyNetworkInterfaceAttribute, &in, &(Ec2ModifyNetworkInterfaceAttributeOutput){0}));
  if (property_changed(rc, "PrivateIpAddresses") || property_changed(rc, "SecondaryPrivateIpAddressCount") || property_changed(rc, "Ipv6Addresses") ||
      property_changed(rc, "Ipv6AddressCount"))
    return error_answer(RESOURCE_REPLACE, "Addresses of an interface are given when it is made");
  return ec2_update_tags(rc, rc->physical_id);
}

static Error *delete_eni(ResourceCall *rc) { return DELETE(DeleteNetworkInterface, .NetworkInterfaceId = rc->physical_id); }

RESOURCE(AWS::EC2::NetworkInterface, ec2_network_interface, .create = create_eni, .update = update_eni, .delete = delete_eni,
         .no_effect = "ConnectionTrackingSpecification EnablePrimaryIpv6 InterfaceType")

/* --- Network ACLs --- */

static Error *create_acl(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateNetworkAclInput in = {.VpcId = property_text(rc, "VpcId"), .TagSpecifications = ec2_resource_tags(rc, "network-acl")};
  Ec2CreateNetworkAclOutput out = {0};
  TRY(RUN(CreateNetworkAcl, &in, &out));
  ret->physical_id = out.NetworkAcl->NetworkAclId;
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return NULL;
}

static Error *delete_acl(ResourceCall *rc) { return DELETE(DeleteNetworkAcl, .NetworkAclId = rc->physical_id); }

RESOURCE(AWS::EC2::NetworkAcl, ec2_network_acl, .create = create_acl, .update = update_own_tags, .delete = delete_acl)

/* CloudFormation's names of two members differ from the API's. */
static Error *entry_input(ResourceCall *rc, Ec2CreateNetworkAclEntryInput *in) {
  const Json *icmp = json_get(rc->properties, "Icmp");
  TRY(property_input(rc, &Ec2CreateNetworkAclEntryInput_shape, in));
  in->Egress = OPT_BOOL(in->Egress.v);
  if (icmp) {
    in->IcmpTypeCode = ARENA_NEW(rc->call->arena, Ec2IcmpTypeCode);
    TRY(shape_from_json(rc->call->arena, &Ec2IcmpTypeCode_shape, icmp, TRUE, in->IcmpTypeCode));
  }
  return NULL;
}

static Error *create_acl_entry(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateNetworkAclEntryInput in = {0};
  TRY(entry_input(rc, &in));
  TRY(RUN(CreateNetworkAclEntry, &in, &(Ec2CreateNetworkAclEntryOutput){0}));
  ret->physical_id = resource_name(rc, 255, FALSE);
  return NULL;
}

static Error *update_acl_entry(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateNetworkAclEntryInput in = {0};
  TRY(entry_input(rc, &in));
  Ec2ReplaceNetworkAclEntryInput replace = {.NetworkAclId = in.NetworkAclId, .RuleNumber = in.RuleNumber, .Egress = in.Egress, .Protocol = in.Protocol, .RuleAction = in.RuleAction,
                                            .CidrBlock = in.CidrBlock, .Ipv6CidrBlock = in.Ipv6CidrBlock, .PortRange = in.PortRange, .IcmpTypeCode = in.IcmpTypeCode};
  return RUN(ReplaceNetworkAclEntry, &replace, &(Ec2ReplaceNetworkAclEntryOutput){0});
}

static Error *delete_acl_entry(ResourceCall *rc) {
  return DELETE(DeleteNetworkAclEntry, .NetworkAclId = property_text(rc, "NetworkAclId"), .RuleNumber = OPT_INT(property_int(rc, "RuleNumber", 0)),
                .Egress = OPT_BOOL(property_bool(rc, "Egress", FALSE)));
}

RESOURCE(AWS::EC2::NetworkAclEntry, ec2_network_acl_entry, .create = create_acl_entry, .update = update_acl_entry, .delete = delete_acl_entry)

static Error *subnet_acl(ResourceCall *rc, const char *subnet, const char *acl, const char **ret_association) {
  Ec2DescribeNetworkAclsOutput acls = {0};
  Ec2ReplaceNetworkAclAssociationOutput out = {0};
  TRY(RUN(DescribeNetworkAcls, &((Ec2DescribeNetworkAclsInput){.Filters = *filter(rc, "association.subnet-id", subnet)}), &acls));
  for (gsize i = 0; acls.NetworkAcls.n && i < acls.NetworkAcls.v[0]->Associations.n; i++) {
    const Ec2NetworkAclAssociation *association = acls.NetworkAcls.v[0]->Associations.v[i];
    if (strcmp(association->SubnetId, subnet) != 0)
      continue;
    TRY(RUN(ReplaceNetworkAclAssociation, &((Ec2ReplaceNetworkAclAssociationInput){.AssociationId = association->NetworkAclAssociationId, .NetworkAclId = acl}), &out));
    *ret_association = out.NewAssociationId;
    return NULL;
  }
  return error_answer("InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist", subnet);
}

static Error *create_subnet_acl(ResourceCall *rc, ResourceResult *ret) {
  TRY(subnet_acl(rc, property_text(rc, "SubnetId"), property_text(rc, "NetworkAclId"), &ret->physical_id));
  resource_attribute(rc, ret, "AssociationId", ret->physical_id);
  return NULL;
}

/* The subnet goes back to the VPC's default ACL. */
static Error *delete_subnet_acl(ResourceCall *rc) {
  Ec2DescribeNetworkAclsOutput own = {0}, all = {0};
  const char *ignored = NULL, *subnet = property_text(rc, "SubnetId");
  TRY(RUN(DescribeNetworkAcls, &((Ec2DescribeNetworkAclsInput){.Filters = *filter(rc, "association.subnet-id", subnet)}), &own));
  if (own.NetworkAcls.n == 0)
    return NULL;
  TRY(RUN(DescribeNetworkAcls, &((Ec2DescribeNetworkAclsInput){.Filters = *filter(rc, "vpc-id", own.NetworkAcls.v[0]->VpcId)}), &all));
  for (gsize i = 0; i < all.NetworkAcls.n; i++)
    if (all.NetworkAcls.v[i]->IsDefault.v)
      return subnet_acl(rc, subnet, all.NetworkAcls.v[i]->NetworkAclId, &ignored);
  return NULL;
}

RESOURCE(AWS::EC2::SubnetNetworkAclAssociation, ec2_subnet_acl, .create = create_subnet_acl, .delete = delete_subnet_acl)
