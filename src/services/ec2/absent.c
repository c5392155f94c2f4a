/* absent: what haar has none of, described as by an account that has none: instances, volumes, VPN and transit gateways and the like. Tools ask for
 * them when they look a VPC up (the CDK's Vpc.fromLookup for VPN gateways, Terraform for several). What makes one is not there, and says so. */
#include "services/ec2/ec2.h"

#include <string.h>

/* A kind that has no resources: how its ids look, what is answered for one, and the filters that AWS documents, separated by spaces. */
typedef struct Absent {
  Ec2Kind kind;
  const char *filters;
} Absent;

typedef struct Asked {
  const StringList *ids;
  const char *ids_name;
  const Ec2FilterList *filters;
  OptInt max;
  const char *next_token;
} Asked;

static Error *describe_none(Call *call, const Absent *absent, const Asked *asked) {
  g_auto(GStrv) names = g_strsplit(absent->filters, " ", -1);
  guint n = g_strv_length(names);
  Ec2Path *paths = ARENA_ARRAY(call->arena, Ec2Path, n + 1);
  Ec2Kind kind = absent->kind;
  for (guint i = 0; i < n; i++)
    paths[i].filter = names[i];
  kind.filters = paths;
  const Ec2Describe d = {.kind = &kind, .ids = asked->ids, .filters = asked->filters, .max = asked->max, .next_token = asked->next_token, .ids_name = asked->ids_name};
  return ec2_describe_none(call, &d);
}

static const Absent instances = {
  {.type = "instance", .prefix = "i", .malformed = "InvalidInstanceID.Malformed", .not_found = "InvalidInstanceID.NotFound", .not_found_text = "The instance ID '%s' does not exist"},
  "affinity architecture availability-zone block-device-mapping.attach-time block-device-mapping.delete-on-termination block-device-mapping.device-name "
  "block-device-mapping.status block-device-mapping.volume-id capacity-reservation-id client-token dns-name group-id group-name hibernation-"
  "options.configured host-id hypervisor iam-instance-profile.arn image-id instance-id instance-lifecycle instance-state-code instance-state-name "
  "instance-type instance.group-id instance.group-name ip-address kernel-id key-name launch-index launch-time metadata-options.http-tokens metadata-"
  "options.http-put-response-hop-limit metadata-options.http-endpoint monitoring-state network-interface.addresses.private-ip-address network-"
  "interface.addresses.primary network-interface.addresses.association.public-ip network-interface.addresses.association.ip-owner-id network-"
  "interface.association.public-ip network-interface.association.ip-owner-id network-interface.association.allocation-id network-"
  "interface.association.association-id network-interface.attachment.attachment-id network-interface.attachment.instance-id network-"
  "interface.attachment.instance-owner-id network-interface.attachment.device-index network-interface.attachment.status network-"
  "interface.attachment.attach-time network-interface.attachment.delete-on-termination network-interface.availability-zone network-interface.description "
  "network-interface.group-id network-interface.group-name network-interface.ipv6-addresses.ipv6-address network-interface.mac-address network-"
  "interface.network-interface-id network-interface.owner-id network-interface.private-dns-name network-interface.requester-id network-"
  "interface.requester-managed network-interface.status network-interface.source-dest-check network-interface.subnet-id network-interface.vpc-id outpost-"
  "arn owner-id placement-group-name placement-partition-number platform private-dns-name private-ip-address product-code product-code.type ramdisk-id "
  "reason requester-id reservation-id root-device-name root-device-type source-dest-check spot-instance-request-id state-reason-code state-reason-message "
  "subnet-id tenancy virtualization-type vpc-id boot-mode maintenance-options.auto-recovery metadata-options.instance-metadata-tags platform-details "
  "private-dns-name-options.enable-resource-name-dns-a-record private-dns-name-options.enable-resource-name-dns-aaaa-record private-dns-name-"
  "options.hostname-type usage-operation usage-operation-update-time"};

OPERATION(DescribeInstances, describe_instances, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_instances(Call *call, const Ec2DescribeInstancesInput *in, Ec2DescribeInstancesOutput *ret_out) {
  const Asked asked = {&in->InstanceIds, "instancesSet", &in->Filters, in->MaxResults, in->NextToken};
  LIST_EMPTY(call->arena, &ret_out->Reservations);
  return describe_none(call, &instances, &asked);
}

static const Absent instance_status = {
  {.type = "instance-statu", .prefix = "i", .malformed = "InvalidInstanceID.Malformed", .not_found = "InvalidInstanceID.NotFound", .not_found_text = "The instance ID '%s' does not exist"},
  "availability-zone event.code event.description event.instance-event-id event.not-after event.not-before event.not-before-deadline instance-state-code "
  "instance-state-name instance-status.reachability instance-status.status system-status.reachability system-status.status"};

OPERATION(DescribeInstanceStatus, describe_instance_status, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_instance_status(Call *call, const Ec2DescribeInstanceStatusInput *in, Ec2DescribeInstanceStatusOutput *ret_out) {
  const Asked asked = {&in->InstanceIds, "instanceIds", &in->Filters, in->MaxResults, in->NextToken};
  LIST_EMPTY(call->arena, &ret_out->InstanceStatuses);
  return describe_none(call, &instance_status, &asked);
}

static const Absent volumes = {
  {.type = "volume", .prefix = "vol", .malformed = "InvalidVolumeID.Malformed", .not_found = "InvalidVolume.NotFound", .not_found_text = "The volume '%s' does not exist."},
  "attachment.attach-time attachment.delete-on-termination attachment.device attachment.instance-id attachment.status availability-zone create-time "
  "encrypted multi-attach-enabled fast-restored size snapshot-id status volume-id volume-type"};

OPERATION(DescribeVolumes, describe_volumes, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_volumes(Call *call, const Ec2DescribeVolumesInput *in, Ec2DescribeVolumesOutput *ret_out) {
  const Asked asked = {&in->VolumeIds, "volumeIds", &in->Filters, in->MaxResults, in->NextToken};
  LIST_EMPTY(call->arena, &ret_out->Volumes);
  return describe_none(call, &volumes, &asked);
}

static const Absent snapshots = {
  {.type = "snapshot", .prefix = "snap", .malformed = "InvalidSnapshotID.Malformed", .not_found = "InvalidSnapshot.NotFound", .not_found_text = "The snapshot '%s' does not exist."},
  "description encrypted owner-alias owner-id progress snapshot-id start-time status storage-tier volume-id volume-size"};

OPERATION(DescribeSnapshots, describe_snapshots, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_snapshots(Call *call, const Ec2DescribeSnapshotsInput *in, Ec2DescribeSnapshotsOutput *ret_out) {
  const Asked asked = {&in->SnapshotIds, "snapshotIds", &in->Filters, in->MaxResults, in->NextToken};
  LIST_EMPTY(call->arena, &ret_out->Snapshots);
  return describe_none(call, &snapshots, &asked);
}

static const Absent vpn_gateways = {
  {.type = "vpn-gateway", .prefix = "vgw", .malformed = "InvalidVpnGatewayID.Malformed", .not_found = "InvalidVpnGatewayID.NotFound", .not_found_text = "The vpnGateway ID '%s' does not exist"},
  "amazon-side-asn attachment.state attachment.vpc-id availability-zone state type vpn-gateway-id"};

OPERATION(DescribeVpnGateways, describe_vpn_gateways, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_vpn_gateways(Call *call, const Ec2DescribeVpnGatewaysInput *in, Ec2DescribeVpnGatewaysOutput *ret_out) {
  const Asked asked = {&in->VpnGatewayIds, "vpnGatewayIds", &in->Filters, {0}, NULL};
  LIST_EMPTY(call->arena, &ret_out->VpnGateways);
  return describe_none(call, &vpn_gateways, &asked);
}

static const Absent vpn_connections = {
  {.type = "vpn-connection", .prefix = "vpn", .malformed = "InvalidVpnConnectionID.Malformed", .not_found = "InvalidVpnConnectionID.NotFound", .not_found_text = "The vpnConnection ID '%s' does not exist"},
  "customer-gateway-configuration customer-gateway-id state option.static-routes-only route.destination-cidr-block bgp-asn type vpn-connection-id vpn-"
  "gateway-id transit-gateway-id"};

OPERATION(DescribeVpnConnections, describe_vpn_connections, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_vpn_connections(Call *call, const Ec2DescribeVpnConnectionsInput *in, Ec2DescribeVpnConnectionsOutput *ret_out) {
  const Asked asked = {&in->VpnConnectionIds, "vpnConnectionIds", &in->Filters, {0}, NULL};
  LIST_EMPTY(call->arena, &ret_out->VpnConnections);
  return describe_none(call, &vpn_connections, &asked);
}

static const Absent customer_gateways = {
  {.type = "customer-gateway", .prefix = "cgw", .malformed = "InvalidCustomerGatewayId.Malformed", .not_found = "InvalidCustomerGatewayID.NotFound", .not_found_text = "The customerGateway ID '%s' does not exist"},
  "bgp-asn customer-gateway-id ip-address state type"};

OPERATION(DescribeCustomerGateways, describe_customer_gateways, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_customer_gateways(Call *call, const Ec2DescribeCustomerGatewaysInput *in, Ec2DescribeCustomerGatewaysOutput *ret_out) {
  const Asked asked = {&in->CustomerGatewayIds, "customerGatewayIds", &in->Filters, {0}, NULL};
  LIST_EMPTY(call->arena, &ret_out->CustomerGateways);
  return describe_none(call, &customer_gateways, &asked);
}

static const Absent transit_gateways = {
  {.type = "transit-gateway", .prefix = "tgw", .malformed = "InvalidTransitGatewayID.Malformed", .not_found = "InvalidTransitGatewayID.NotFound", .not_found_text = "Transit Gateway %s was deleted or does not exist."},
  "options.propagation-default-route-table-id options.amazon-side-asn options.association-default-route-table-id options.auto-accept-shared-attachments "
  "options.default-route-table-association options.default-route-table-propagation options.dns-support options.vpn-ecmp-support owner-id state transit-"
  "gateway-id"};

OPERATION(DescribeTransitGateways, describe_transit_gateways, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_transit_gateways(Call *call, const Ec2DescribeTransitGatewaysInput *in, Ec2DescribeTransitGatewaysOutput *ret_out) {
  const Asked asked = {&in->TransitGatewayIds, "transitGatewayIds", &in->Filters, in->MaxResults, in->NextToken};
  LIST_EMPTY(call->arena, &ret_out->TransitGateways);
  return describe_none(call, &transit_gateways, &asked);
}

static const Absent transit_gateway_attachments = {
  {.type = "transit-gateway-attachment", .prefix = "tgw-attach", .malformed = "InvalidTransitGatewayAttachmentID.Malformed", .not_found = "InvalidTransitGatewayAttachmentID.NotFound", .not_found_text = "Transit Gateway Attachment %s was deleted or does not exist."},
  "association.state association.transit-gateway-route-table-id resource-id resource-owner-id resource-type state transit-gateway-attachment-id transit-"
  "gateway-id transit-gateway-owner-id"};

OPERATION(DescribeTransitGatewayAttachments, describe_transit_gateway_attachments, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_transit_gateway_attachments(Call *call, const Ec2DescribeTransitGatewayAttachmentsInput *in, Ec2DescribeTransitGatewayAttachmentsOutput *ret_out) {
  const Asked asked = {&in->TransitGatewayAttachmentIds, "transitGatewayAttachmentIds", &in->Filters, in->MaxResults, in->NextToken};
  LIST_EMPTY(call->arena, &ret_out->TransitGatewayAttachments);
  return describe_none(call, &transit_gateway_attachments, &asked);
}

static const Absent transit_gateway_vpc_attachments = {
  {.type = "transit-gateway-vpc-attachment", .prefix = "tgw-attach", .malformed = "InvalidTransitGatewayAttachmentID.Malformed", .not_found = "InvalidTransitGatewayAttachmentID.NotFound", .not_found_text = "Transit Gateway Attachment %s was deleted or does not exist."},
  "state transit-gateway-attachment-id transit-gateway-id vpc-id"};

OPERATION(DescribeTransitGatewayVpcAttachments, describe_transit_gateway_vpc_attachments, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_transit_gateway_vpc_attachments(Call *call, const Ec2DescribeTransitGatewayVpcAttachmentsInput *in, Ec2DescribeTransitGatewayVpcAttachmentsOutput *ret_out) {
  const Asked asked = {&in->TransitGatewayAttachmentIds, "transitGatewayAttachmentIds", &in->Filters, in->MaxResults, in->NextToken};
  LIST_EMPTY(call->arena, &ret_out->TransitGatewayVpcAttachments);
  return describe_none(call, &transit_gateway_vpc_attachments, &asked);
}

static const Absent carrier_gateways = {
  {.type = "carrier-gateway", .prefix = "cagw", .malformed = "InvalidCarrierGatewayID.Malformed", .not_found = "InvalidCarrierGatewayID.NotFound", .not_found_text = "The carrierGateway ID '%s' does not exist"},
  "carrier-gateway-id state owner-id vpc-id"};

OPERATION(DescribeCarrierGateways, describe_carrier_gateways, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_carrier_gateways(Call *call, const Ec2DescribeCarrierGatewaysInput *in, Ec2DescribeCarrierGatewaysOutput *ret_out) {
  const Asked asked = {&in->CarrierGatewayIds, "carrierGatewayIds", &in->Filters, in->MaxResults, in->NextToken};
  LIST_EMPTY(call->arena, &ret_out->CarrierGateways);
  return describe_none(call, &carrier_gateways, &asked);
}

static const Absent launch_templates = {
  {.type = "launch-template", .prefix = "lt", .malformed = "InvalidLaunchTemplateId.Malformed", .not_found = "InvalidLaunchTemplateId.NotFound", .not_found_text = "The specified launch template, with template ID %s, does not exist."},
  "create-time launch-template-name"};

OPERATION(DescribeLaunchTemplates, describe_launch_templates, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_launch_templates(Call *call, const Ec2DescribeLaunchTemplatesInput *in, Ec2DescribeLaunchTemplatesOutput *ret_out) {
  const Asked asked = {&in->LaunchTemplateIds, "launchTemplateIds", &in->Filters, in->MaxResults, in->NextToken};
  if (in->LaunchTemplateNames.n)
    return error_answer("InvalidLaunchTemplateName.NotFoundException", "The specified launch template, with template name %s, does not exist.", in->LaunchTemplateNames.v[0]);
  LIST_EMPTY(call->arena, &ret_out->LaunchTemplates);
  return describe_none(call, &launch_templates, &asked);
}

static const Absent key_pairs = {
  {.type = "key-pair", .prefix = "key", .malformed = "InvalidParameterValue", .not_found = "InvalidKeyPair.NotFound", .not_found_text = "The key pair ID '%s' does not exist"},
  "key-pair-id fingerprint key-name"};

OPERATION(DescribeKeyPairs, describe_key_pairs, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_key_pairs(Call *call, const Ec2DescribeKeyPairsInput *in, Ec2DescribeKeyPairsOutput *ret_out) {
  const Asked asked = {&in->KeyPairIds, "keyPairIds", &in->Filters, {0}, NULL};
  if (in->KeyNames.n)
    return error_answer("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", in->KeyNames.v[0]);
  LIST_EMPTY(call->arena, &ret_out->KeyPairs);
  return describe_none(call, &key_pairs, &asked);
}

static const Absent images = {
  {.type = "image", .prefix = "ami", .malformed = "InvalidAMIID.Malformed", .not_found = "InvalidAMIID.NotFound", .not_found_text = "The image id '[%s]' does not exist"},
  "architecture block-device-mapping.delete-on-termination block-device-mapping.device-name block-device-mapping.snapshot-id block-device-mapping.volume-"
  "size block-device-mapping.volume-type block-device-mapping.encrypted creation-date description ena-support hypervisor image-id image-type is-public "
  "kernel-id manifest-location name owner-alias owner-id platform product-code product-code.type ramdisk-id root-device-name root-device-type state "
  "state-reason-code state-reason-message sriov-net-support virtualization-type"};

/* One's own there are none; of AWS's and others' it would not be true. */
OPERATION(DescribeImages, describe_images, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_images(Call *call, const Ec2DescribeImagesInput *in, Ec2DescribeImagesOutput *ret_out) {
  const Asked asked = {&in->ImageIds, "imageIds", &in->Filters, {0}, NULL};
  gboolean own = in->Owners.n > 0 || in->ImageIds.n > 0;
  for (gsize i = 0; i < in->Owners.n; i++)
    own = own && (strcmp(in->Owners.v[i], "self") == 0 || strcmp(in->Owners.v[i], call->account) == 0);
  if (!own)
    return error_answer("UnsupportedOperation", "haar has no machine images, as it runs no instances: only those of the owner 'self' can be described, of which there are none.");
  LIST_EMPTY(call->arena, &ret_out->Images);
  return describe_none(call, &images, &asked);
}

/* There are hundreds on AWS, none here: an empty list would say something else. */
static Error *no_types(void) {
  return error_answer("UnsupportedOperation", "haar has no instance types, as it runs no instances: functions have a memory size, databases a class.");
}

OPERATION(DescribeInstanceTypes, describe_instance_types, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_instance_types(Call *call, const Ec2DescribeInstanceTypesInput *in, Ec2DescribeInstanceTypesOutput *ret_out) {
  (void) call, (void) in, (void) ret_out;
  return no_types();
}

OPERATION(DescribeInstanceTypeOfferings, describe_instance_type_offerings, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_instance_type_offerings(Call *call, const Ec2DescribeInstanceTypeOfferingsInput *in, Ec2DescribeInstanceTypeOfferingsOutput *ret_out) {
  (void) call, (void) in, (void) ret_out;
  return no_types();
}

static const Absent placement_groups = {
  {.type = "placement-group", .prefix = "pg", .malformed = "InvalidPlacementGroupId.Malformed", .not_found = "InvalidPlacementGroup.Unknown",
   .not_found_text = "The Placement Group '%s' is unknown."},
  "group-name group-arn spread-level state strategy"};

OPERATION(DescribePlacementGroups, describe_placement_groups, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_placement_groups(Call *call, const Ec2DescribePlacementGroupsInput *in, Ec2DescribePlacementGroupsOutput *ret_out) {
  const Asked asked = {&in->GroupIds, "groupIds", &in->Filters, {0}, NULL};
  if (in->GroupNames.n)
    return error_answer("InvalidPlacementGroup.Unknown", "The Placement Group '%s' is unknown.", in->GroupNames.v[0]);
  LIST_EMPTY(call->arena, &ret_out->PlacementGroups);
  return describe_none(call, &placement_groups, &asked);
}

/* EC2-Classic is retired; older providers of Terraform still ask, and know this answer. */
static Error *no_classic(void) { return error_answer("UnsupportedOperation", "The functionality you requested is not available in this region."); }

OPERATION(DescribeVpcClassicLink, describe_vpc_classic_link, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_vpc_classic_link(Call *call, const Ec2DescribeVpcClassicLinkInput *in, Ec2DescribeVpcClassicLinkOutput *ret_out) {
  (void) call, (void) in, (void) ret_out;
  return no_classic();
}

OPERATION(DescribeVpcClassicLinkDnsSupport, describe_vpc_classic_link_dns_support, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_vpc_classic_link_dns_support(Call *call, const Ec2DescribeVpcClassicLinkDnsSupportInput *in, Ec2DescribeVpcClassicLinkDnsSupportOutput *ret_out) {
  (void) call, (void) in, (void) ret_out;
  return no_classic();
}
