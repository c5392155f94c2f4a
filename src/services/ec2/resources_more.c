/* AWS::EC2::VPCCidrBlock, SubnetCidrBlock, VPCPeeringConnection, EgressOnlyInternetGateway, PrefixList, DHCPOptions, VPCDHCPOptionsAssociation, EIPAssociation,
 * FlowLog, NetworkInsightsPath, NetworkInsightsAnalysis. */
#include "services/ec2/ec2.h"
#include "services/ec2/resources.h"

#include <string.h>

#define RUN(Name, in, out) resource_operation(rc, &Ec2Operation##Name, (in), (out))
#define DELETE(Name, ...) ec2_gone_is_good(RUN(Name, &((Ec2##Name##Input){__VA_ARGS__}), &(Ec2##Name##Output){0}))

static Error *update_own_tags(ResourceCall *rc, ResourceResult *ret) { return ec2_update_tags(rc, rc->physical_id); }

/* --- ranges --- */

static Error *create_vpc_range(ResourceCall *rc, ResourceResult *ret) {
  Ec2AssociateVpcCidrBlockInput in = {0};
  Ec2AssociateVpcCidrBlockOutput out = {0};
  TRY(property_input(rc, &Ec2AssociateVpcCidrBlockInput_shape, &in));
  TRY(RUN(AssociateVpcCidrBlock, &in, &out));
  ret->physical_id = out.CidrBlockAssociation ? out.CidrBlockAssociation->AssociationId : out.Ipv6CidrBlockAssociation->AssociationId;
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return NULL;
}

static Error *delete_vpc_range(ResourceCall *rc) { return DELETE(DisassociateVpcCidrBlock, .AssociationId = rc->physical_id); }

RESOURCE(AWS::EC2::VPCCidrBlock, ec2_vpc_cidr_block, .create = create_vpc_range, .delete = delete_vpc_range)

static Error *create_subnet_range(ResourceCall *rc, ResourceResult *ret) {
  Ec2AssociateSubnetCidrBlockInput in = {.SubnetId = property_text(rc, "SubnetId"), .Ipv6CidrBlock = property_text(rc, "Ipv6CidrBlock")};
  Ec2AssociateSubnetCidrBlockOutput out = {0};
  TRY(RUN(AssociateSubnetCidrBlock, &in, &out));
  ret->physical_id = out.Ipv6CidrBlockAssociation->AssociationId;
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return NULL;
}

static Error *delete_subnet_range(ResourceCall *rc) { return DELETE(DisassociateSubnetCidrBlock, .AssociationId = rc->physical_id); }

RESOURCE(AWS::EC2::SubnetCidrBlock, ec2_subnet_cidr_block, .create = create_subnet_range, .delete = delete_subnet_range)

/* --- peering: accepted at once, as within one account on AWS --- */

static Error *create_peering(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateVpcPeeringConnectionInput in = {.VpcId = property_text(rc, "VpcId"), .PeerVpcId = property_text(rc, "PeerVpcId"), .PeerOwnerId = property_text(rc, "PeerOwnerId"),
                                           .PeerRegion = property_text(rc, "PeerRegion"), .TagSpecifications = ec2_resource_tags(rc, "vpc-peering-connection")};
  Ec2CreateVpcPeeringConnectionOutput out = {0};
  TRY(RUN(CreateVpcPeeringConnection, &in, &out));
  ret->physical_id = out.VpcPeeringConnection->VpcPeeringConnectionId;
  resource_made(rc, ret->physical_id);
  if (strcmp(out.VpcPeeringConnection->Status->Code, "failed") == 0)
    return error_answer("ResourceFailure", "%s", out.VpcPeeringConnection->Status->Message);
  TRY(RUN(AcceptVpcPeeringConnection, &((Ec2AcceptVpcPeeringConnectionInput){.VpcPeeringConnectionId = ret->physical_id}), &(Ec2AcceptVpcPeeringConnectionOutput){0}));
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return NULL;
}

/* One that is over is as good as gone. */
static Error *delete_peering(ResourceCall *rc) {
  Error *error = DELETE(DeleteVpcPeeringConnection, .VpcPeeringConnectionId = rc->physical_id);
  if (!error || !error_is(error, "InvalidStateTransition"))
    return error;
  error_free(error);
  return NULL;
}

RESOURCE(AWS::EC2::VPCPeeringConnection, ec2_peering, .create = create_peering, .update = update_own_tags, .delete = delete_peering, .no_effect = "PeerRoleArn")

/* --- egress-only internet gateways --- */

static Error *create_egress_gateway(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateEgressOnlyInternetGatewayInput in = {.VpcId = property_text(rc, "VpcId"), .TagSpecifications = ec2_resource_tags(rc, "egress-only-internet-gateway")};
  Ec2CreateEgressOnlyInternetGatewayOutput out = {0};
  TRY(RUN(CreateEgressOnlyInternetGateway, &in, &out));
  ret->physical_id = out.EgressOnlyInternetGateway->EgressOnlyInternetGatewayId;
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return NULL;
}

static Error *delete_egress_gateway(ResourceCall *rc) { return DELETE(DeleteEgressOnlyInternetGateway, .EgressOnlyInternetGatewayId = rc->physical_id); }

RESOURCE(AWS::EC2::EgressOnlyInternetGateway, ec2_egress_gateway, .create = create_egress_gateway, .update = update_own_tags, .delete = delete_egress_gateway)

/* --- prefix lists --- */

static void list_results(ResourceCall *rc, const Ec2ManagedPrefixList *list, ResourceResult *ret) {
  resource_attribute(rc, ret, "PrefixListId", list->PrefixListId);
  resource_attribute(rc, ret, "Arn", list->PrefixListArn);
  resource_attribute(rc, ret, "OwnerId", list->OwnerId);
  resource_attribute(rc, ret, "Version", arena_printf(rc->call->arena, "%" G_GINT64_FORMAT, list->Version.v));
}

static Error *create_list(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateManagedPrefixListInput in = {0};
  Ec2CreateManagedPrefixListOutput out = {0};
  TRY(property_input(rc, &Ec2CreateManagedPrefixListInput_shape, &in));
  in.TagSpecifications = ec2_resource_tags(rc, "prefix-list");
  in.MaxEntries = in.MaxEntries.set ? in.MaxEntries : OPT_INT((gint64) MAX(in.Entries.n, 1));
  TRY(RUN(CreateManagedPrefixList, &in, &out));
  ret->physical_id = out.PrefixList->PrefixListId;
  list_results(rc, out.PrefixList, ret);
  return NULL;
}

static const char *description_of(const Json *entries, const char *cidr, gboolean *ret_there) {
  *ret_there = FALSE;
  for (guint32 i = 0; entries && entries->type == JSON_ARRAY && i < entries->n; i++)
    if (g_strcmp0(json_string(json_get(entries->items[i], "Cidr")), cidr) == 0) {
      *ret_there = TRUE;
      return json_string(json_get(entries->items[i], "Description"));
    }
  return NULL;
}

static void entry_changes(ResourceCall *rc, Ec2ModifyManagedPrefixListInput *in) {
  const Json *now = json_get(rc->properties, "Entries"), *before = json_get(rc->old_properties, "Entries");
  gboolean there = FALSE;
  for (guint32 i = 0; now && now->type == JSON_ARRAY && i < now->n; i++) {
    const char *cidr = json_string(json_get(now->items[i], "Cidr")), *description = json_string(json_get(now->items[i], "Description"));
    const char *old = description_of(before, cidr, &there);
    if (there && g_strcmp0(old, description) == 0)
      continue;
    Ec2AddPrefixListEntry *entry = ARENA_NEW(rc->call->arena, Ec2AddPrefixListEntry);
    *entry = (Ec2AddPrefixListEntry){.Cidr = cidr, .Description = description};
    LIST_APPEND(rc->call->arena, &in->AddEntries, entry);
  }
  for (guint32 i = 0; before && before->type == JSON_ARRAY && i < before->n; i++) {
    const char *cidr = json_string(json_get(before->items[i], "Cidr"));
    description_of(now, cidr, &there);
    if (there)
      continue;
    Ec2RemovePrefixListEntry *entry = ARENA_NEW(rc->call->arena, Ec2RemovePrefixListEntry);
    entry->Cidr = cidr;
    LIST_APPEND(rc->call->arena, &in->RemoveEntries, entry);
  }
}

static Error *get_list(ResourceCall *rc, Ec2ManagedPrefixList **ret_list) {
  Ec2DescribeManagedPrefixListsInput in = {0};
  Ec2DescribeManagedPrefixListsOutput out = {0};
  LIST_APPEND(rc->call->arena, &in.PrefixListIds, rc->physical_id);
  TRY(RUN(DescribeManagedPrefixLists, &in, &out));
  *ret_list = out.PrefixLists.v[0];
  return NULL;
}

/* Entries and size change in calls of their own, as the API asks: growing first, shrinking last. */
static Error *update_list(ResourceCall *rc, ResourceResult *ret) {
  Ec2ManagedPrefixList *list = NULL;
  TRY(get_list(rc, &list));
  Ec2ModifyManagedPrefixListInput size = {.PrefixListId = rc->physical_id, .PrefixListName = property_text(rc, "PrefixListName"),
                                          .MaxEntries = OPT_INT(property_int(rc, "MaxEntries", list->MaxEntries.v))};
  Ec2ModifyManagedPrefixListInput entries = {.PrefixListId = rc->physical_id, .CurrentVersion = list->Version};
  gboolean grows = size.MaxEntries.v >= list->MaxEntries.v;
  entry_changes(rc, &entries);
  if (grows)
    TRY(RUN(ModifyManagedPrefixList, &size, &(Ec2ModifyManagedPrefixListOutput){0}));
  if (entries.AddEntries.n || entries.RemoveEntries.n)
    TRY(RUN(ModifyManagedPrefixList, &entries, &(Ec2ModifyManagedPrefixListOutput){0}));
  if (!grows)
    TRY(RUN(ModifyManagedPrefixList, &size, &(Ec2ModifyManagedPrefixListOutput){0}));
  TRY(get_list(rc, &list));
  list_results(rc, list, ret);
  return ec2_update_tags(rc, rc->physical_id);
}

static Error *delete_list(ResourceCall *rc) { return DELETE(DeleteManagedPrefixList, .PrefixListId = rc->physical_id); }

RESOURCE(AWS::EC2::PrefixList, ec2_prefix_list, .create = create_list, .update = update_list, .delete = delete_list)

/* --- DHCP options --- */

static Error *create_dhcp(ResourceCall *rc, ResourceResult *ret) {
  static const struct { const char *property, *key; gboolean list; } options[] = {
    {"DomainName", "domain-name", FALSE}, {"DomainNameServers", "domain-name-servers", TRUE}, {"NtpServers", "ntp-servers", TRUE},
    {"NetbiosNameServers", "netbios-name-servers", TRUE}, {"NetbiosNodeType", "netbios-node-type", FALSE},
  };
  Ec2CreateDhcpOptionsInput in = {.TagSpecifications = ec2_resource_tags(rc, "dhcp-options")};
  Ec2CreateDhcpOptionsOutput out = {0};
  for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
    Ec2NewDhcpConfiguration *configuration = ARENA_NEW(rc->call->arena, Ec2NewDhcpConfiguration);
    configuration->Key = options[i].key;
    if (options[i].list)
      configuration->Values = ec2_property_list(rc, rc->properties, options[i].property);
    else if (property_text(rc, options[i].property))
      LIST_APPEND(rc->call->arena, &configuration->Values, property_text(rc, options[i].property));
    if (configuration->Values.n)
      LIST_APPEND(rc->call->arena, &in.DhcpConfigurations, configuration);
  }
  TRY(RUN(CreateDhcpOptions, &in, &out));
  ret->physical_id = out.DhcpOptions->DhcpOptionsId;
  resource_attribute(rc, ret, "DhcpOptionsId", ret->physical_id);
  return NULL;
}

static Error *delete_dhcp(ResourceCall *rc) { return DELETE(DeleteDhcpOptions, .DhcpOptionsId = rc->physical_id); }

RESOURCE(AWS::EC2::DHCPOptions, ec2_dhcp_options_set, .create = create_dhcp, .update = update_own_tags, .delete = delete_dhcp, .no_effect = "Ipv6AddressPreferredLeaseTime")

static Error *set_dhcp(ResourceCall *rc, const char *id) {
  Ec2AssociateDhcpOptionsInput in = {.VpcId = property_text(rc, "VpcId"), .DhcpOptionsId = id};
  return RUN(AssociateDhcpOptions, &in, &(Ec2AssociateDhcpOptionsOutput){0});
}

static Error *create_dhcp_association(ResourceCall *rc, ResourceResult *ret) {
  const char *options = property_text(rc, "DhcpOptionsId");
  TRY(set_dhcp(rc, options));
  ret->physical_id = arena_printf(rc->call->arena, "%s|%s", options, property_text(rc, "VpcId"));
  return NULL;
}

static Error *update_dhcp_association(ResourceCall *rc, ResourceResult *ret) { return set_dhcp(rc, property_text(rc, "DhcpOptionsId")); }

static Error *delete_dhcp_association(ResourceCall *rc) { return ec2_gone_is_good(set_dhcp(rc, "default")); }

RESOURCE(AWS::EC2::VPCDHCPOptionsAssociation, ec2_dhcp_association, .create = create_dhcp_association, .update = update_dhcp_association, .delete = delete_dhcp_association)

/* --- Elastic IPs on interfaces --- */

static Error *create_eip_association(ResourceCall *rc, ResourceResult *ret) {
  Ec2AssociateAddressInput in = {.AllocationId = property_text(rc, "AllocationId"), .PublicIp = property_text(rc, "EIP"), .InstanceId = property_text(rc, "InstanceId"),
                                 .NetworkInterfaceId = property_text(rc, "NetworkInterfaceId"), .PrivateIpAddress = property_text(rc, "PrivateIpAddress")};
  Ec2AssociateAddressOutput out = {0};
  TRY(RUN(AssociateAddress, &in, &out));
  ret->physical_id = out.AssociationId;
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return NULL;
}

static Error *delete_eip_association(ResourceCall *rc) { return DELETE(DisassociateAddress, .AssociationId = rc->physical_id); }

RESOURCE(AWS::EC2::EIPAssociation, ec2_eip_association, .create = create_eip_association, .delete = delete_eip_association)

/* --- flow logs --- */

static Error *create_flow_log(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateFlowLogsInput in = {0};
  Ec2CreateFlowLogsOutput out = {0};
  TRY(property_input(rc, &Ec2CreateFlowLogsInput_shape, &in));
  in.ResourceIds = (StringList){0};
  LIST_APPEND(rc->call->arena, &in.ResourceIds, property_text(rc, "ResourceId"));
  in.TagSpecifications = ec2_resource_tags(rc, "vpc-flow-log");
  in.ClientToken = rc->token;
  TRY(RUN(CreateFlowLogs, &in, &out));
  if (out.Unsuccessful.n)
    return error_answer(out.Unsuccessful.v[0]->Error->Code, "%s", out.Unsuccessful.v[0]->Error->Message);
  ret->physical_id = out.FlowLogIds.v[0];
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return NULL;
}

static Error *delete_flow_log(ResourceCall *rc) {
  Ec2DeleteFlowLogsInput in = {0};
  LIST_APPEND(rc->call->arena, &in.FlowLogIds, rc->physical_id);
  return RUN(DeleteFlowLogs, &in, &(Ec2DeleteFlowLogsOutput){0});
}

RESOURCE(AWS::EC2::FlowLog, ec2_flow_log, .create = create_flow_log, .update = update_own_tags, .delete = delete_flow_log)

/* --- Network Insights --- */

static Error *create_insights_path(ResourceCall *rc, ResourceResult *ret) {
  Ec2CreateNetworkInsightsPathInput in = {0};
  Ec2CreateNetworkInsightsPathOutput out = {0};
  TRY(property_input(rc, &Ec2CreateNetworkInsightsPathInput_shape, &in));
  in.TagSpecifications = ec2_resource_tags(rc, "network-insights-path");
  in.ClientToken = rc->token;
  TRY(RUN(CreateNetworkInsightsPath, &in, &out));
  const Ec2NetworkInsightsPath *path = out.NetworkInsightsPath;
  ret->physical_id = path->NetworkInsightsPathId;
  resource_attribute(rc, ret, "NetworkInsightsPathId", path->NetworkInsightsPathId);
  resource_attribute(rc, ret, "NetworkInsightsPathArn", path->NetworkInsightsPathArn);
  resource_attribute(rc, ret, "CreatedDate", text_iso8601(rc->call->arena, path->CreatedDate.ms, FALSE));
  resource_attribute(rc, ret, "SourceArn", path->SourceArn);
  if (path->DestinationArn)
    resource_attribute(rc, ret, "DestinationArn", path->DestinationArn);
  return NULL;
}

static Error *delete_insights_path(ResourceCall *rc) { return DELETE(DeleteNetworkInsightsPath, .NetworkInsightsPathId = rc->physical_id); }

RESOURCE(AWS::EC2::NetworkInsightsPath, ec2_insights_path, .create = create_insights_path, .update = update_own_tags, .delete = delete_insights_path,
         .no_effect = "FilterAtSource FilterAtDestination")

static Error *create_insights_analysis(ResourceCall *rc, ResourceResult *ret) {
  Ec2StartNetworkInsightsAnalysisInput in = {.NetworkInsightsPathId = property_text(rc, "NetworkInsightsPathId"), .ClientToken = rc->token,
                                             .FilterInArns = ec2_property_list(rc, rc->properties, "FilterInArns"),
                                             .AdditionalAccounts = ec2_property_list(rc, rc->properties, "AdditionalAccounts"),
                                             .TagSpecifications = ec2_resource_tags(rc, "network-insights-analysis")};
  Ec2StartNetworkInsightsAnalysisOutput out = {0};
  TRY(RUN(StartNetworkInsightsAnalysis, &in, &out));
  const Ec2NetworkInsightsAnalysis *analysis = out.NetworkInsightsAnalysis;
  ret->physical_id = analysis->NetworkInsightsAnalysisId;
  resource_attribute(rc, ret, "NetworkInsightsAnalysisId", analysis->NetworkInsightsAnalysisId);
  resource_attribute(rc, ret, "NetworkInsightsAnalysisArn", analysis->NetworkInsightsAnalysisArn);
  resource_attribute(rc, ret, "StartDate", text_iso8601(rc->call->arena, analysis->StartDate.ms, FALSE));
  resource_attribute(rc, ret, "Status", analysis->Status);
  resource_attribute(rc, ret, "NetworkPathFound", analysis->NetworkPathFound.v ? "true" : "false");
  return NULL;
}

static Error *delete_insights_analysis(ResourceCall *rc) { return DELETE(DeleteNetworkInsightsAnalysis, .NetworkInsightsAnalysisId = rc->physical_id); }

RESOURCE(AWS::EC2::NetworkInsightsAnalysis, ec2_insights_analysis, .create = create_insights_analysis, .update = update_own_tags, .delete = delete_insights_analysis)
