"""What haar has none of: described as by an account that has none, and not to be made."""

import subprocess

import pytest

from tests.support.refusals import fails


@pytest.fixture(scope='module')
def ec2(haar):
    return haar.client('ec2')


NONE = [
    ('describe_instances', 'Reservations', 'InstanceIds', 'i-0123456789abcdef0', 'InvalidInstanceID.NotFound', "The instance ID 'i-0123456789abcdef0' does not exist", 'vpc-id'),
    ('describe_instance_status', 'InstanceStatuses', 'InstanceIds', 'i-1', 'InvalidInstanceID.NotFound', "The instance ID 'i-1' does not exist", 'instance-state-name'),
    ('describe_volumes', 'Volumes', 'VolumeIds', 'vol-1', 'InvalidVolume.NotFound', "The volume 'vol-1' does not exist.", 'attachment.instance-id'),
    ('describe_snapshots', 'Snapshots', 'SnapshotIds', 'snap-1', 'InvalidSnapshot.NotFound', "The snapshot 'snap-1' does not exist.", 'owner-id'),
    ('describe_key_pairs', 'KeyPairs', 'KeyPairIds', 'key-1', 'InvalidKeyPair.NotFound', "The key pair ID 'key-1' does not exist", 'key-name'),
    ('describe_vpn_gateways', 'VpnGateways', 'VpnGatewayIds', 'vgw-1', 'InvalidVpnGatewayID.NotFound', "The vpnGateway ID 'vgw-1' does not exist", 'attachment.vpc-id'),
    ('describe_vpn_connections', 'VpnConnections', 'VpnConnectionIds', 'vpn-1', 'InvalidVpnConnectionID.NotFound', "The vpnConnection ID 'vpn-1' does not exist", 'state'),
    ('describe_customer_gateways', 'CustomerGateways', 'CustomerGatewayIds', 'cgw-1', 'InvalidCustomerGatewayID.NotFound', "The customerGateway ID 'cgw-1' does not exist", 'bgp-asn'),
    ('describe_transit_gateways', 'TransitGateways', 'TransitGatewayIds', 'tgw-1', 'InvalidTransitGatewayID.NotFound', 'Transit Gateway tgw-1 was deleted or does not exist.', 'state'),
    ('describe_transit_gateway_attachments', 'TransitGatewayAttachments', 'TransitGatewayAttachmentIds', 'tgw-attach-1', 'InvalidTransitGatewayAttachmentID.NotFound',
     'Transit Gateway Attachment tgw-attach-1 was deleted or does not exist.', 'resource-type'),
    ('describe_transit_gateway_vpc_attachments', 'TransitGatewayVpcAttachments', 'TransitGatewayAttachmentIds', 'tgw-attach-1', 'InvalidTransitGatewayAttachmentID.NotFound',
     'Transit Gateway Attachment tgw-attach-1 was deleted or does not exist.', 'vpc-id'),
    ('describe_carrier_gateways', 'CarrierGateways', 'CarrierGatewayIds', 'cagw-1', 'InvalidCarrierGatewayID.NotFound', "The carrierGateway ID 'cagw-1' does not exist", 'vpc-id'),
    ('describe_launch_templates', 'LaunchTemplates', 'LaunchTemplateIds', 'lt-1', 'InvalidLaunchTemplateId.NotFound',
     'The specified launch template, with template ID lt-1, does not exist.', 'launch-template-name'),
    ('describe_placement_groups', 'PlacementGroups', 'GroupIds', 'pg-1', 'InvalidPlacementGroup.Unknown', "The Placement Group 'pg-1' is unknown.", 'strategy'),
]


@pytest.mark.parametrize('call, list_name, ids, id_, code, words, filter_', NONE, ids=[row[0] for row in NONE])
def test_there_are_none(ec2, call, list_name, ids, id_, code, words, filter_):
    describe = getattr(ec2, call)
    assert describe()[list_name] == []
    assert describe(Filters=[{'Name': filter_, 'Values': ['x']}, {'Name': 'tag:Name', 'Values': ['*']}])[list_name] == []
    assert fails(code, describe, **{ids: [id_]}) == words
    assert fails('InvalidParameterValue', describe, Filters=[{'Name': 'colour', 'Values': ['x']}]) == "The filter 'colour' is invalid"
    assert fails('DryRunOperation', describe, DryRun=True) == 'Request would have succeeded, but DryRun flag is set.'


def test_ids_pages_and_names(ec2):
    assert fails('InvalidInstanceID.Malformed', ec2.describe_instances, InstanceIds=['web']) == 'Invalid id: "web" (expecting "i-...")'
    assert fails('InvalidParameterCombination', ec2.describe_instances, InstanceIds=['i-1'], MaxResults=5) == \
        'The parameter instancesSet cannot be used with the parameter maxResults'
    assert fails('InvalidNextToken', ec2.describe_volumes, NextToken='next')
    assert ec2.describe_instances(Filters=[{'Name': 'network-interface.attachment.device-index', 'Values': ['0']}])['Reservations'] == []
    assert list(ec2.get_paginator('describe_instances').paginate())[0]['Reservations'] == []
    assert fails('InvalidKeyPair.NotFound', ec2.describe_key_pairs, KeyNames=['admin']) == "The key pair 'admin' does not exist"
    assert fails('InvalidLaunchTemplateName.NotFoundException', ec2.describe_launch_templates, LaunchTemplateNames=['web'])
    assert fails('InvalidPlacementGroup.Unknown', ec2.describe_placement_groups, GroupNames=['near']) == "The Placement Group 'near' is unknown."


def test_images_are_ones_own_or_not_told(ec2):
    assert ec2.describe_images(Owners=['self'])['Images'] == []
    assert fails('InvalidAMIID.NotFound', ec2.describe_images, ImageIds=['ami-1']) == "The image id '[ami-1]' does not exist"
    words = fails('UnsupportedOperation', ec2.describe_images, Owners=['amazon'])
    assert words.startswith('haar has no machine images') and words == fails('UnsupportedOperation', ec2.describe_images)


def test_instance_types_are_not_told(ec2):
    for ask in (ec2.describe_instance_types, ec2.describe_instance_type_offerings):
        assert fails('UnsupportedOperation', ask).startswith('haar has no instance types, as it runs no instances')


def test_they_cannot_be_made(ec2):
    for make, arguments in ((ec2.create_vpn_gateway, {'Type': 'ipsec.1'}), (ec2.create_transit_gateway, {}), (ec2.create_key_pair, {'KeyName': 'admin'}),
                            (ec2.create_volume, {'AvailabilityZone': 'us-east-1a', 'Size': 1})):
        assert fails('InvalidAction', make, **arguments).startswith('haar does not implement the operation Create')


def test_what_a_vpc_look_up_asks(haar, ec2):
    """The calls of the CDK's Vpc.fromLookup, in their order; and what Terraform asks of a VPC, whose older providers ask for EC2-Classic."""
    vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
    of_vpc = [{'Name': 'vpc-id', 'Values': [vpc]}]
    assert len(ec2.describe_vpcs(Filters=of_vpc)['Vpcs']) == 1
    assert ec2.describe_subnets(Filters=of_vpc)['Subnets'] == []
    assert len(ec2.describe_route_tables(Filters=of_vpc)['RouteTables']) == 1
    attached = [{'Name': 'attachment.vpc-id', 'Values': [vpc]}, {'Name': 'attachment.state', 'Values': ['attached']}, {'Name': 'state', 'Values': ['available']}]
    assert ec2.describe_vpn_gateways(Filters=attached)['VpnGateways'] == []
    for ask in (ec2.describe_vpc_classic_link, ec2.describe_vpc_classic_link_dns_support):
        assert fails('UnsupportedOperation', ask, VpcIds=[vpc]) == 'The functionality you requested is not available in this region.'
    done = subprocess.run(['aws', '--endpoint-url', haar.url, 'ec2', 'describe-instances', '--filters', f'Name=vpc-id,Values={vpc}', '--query', 'Reservations', '--output', 'text'],
                          env={'PATH': '/usr/bin:/bin', 'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': 'us-east-1'},
                          capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ''), done.stderr
