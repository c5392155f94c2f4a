"""What all of EC2's calls share: filters, pages, tags, dry runs, client tokens, ids, permissions, quotas."""

import json

import pytest

from tests.support.refusals import fails


@pytest.fixture(scope='module')
def vpc(ec2):
    return ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']


DESCRIBES = {
    'describe_vpcs': 'Vpcs', 'describe_subnets': 'Subnets', 'describe_internet_gateways': 'InternetGateways', 'describe_route_tables': 'RouteTables',
    'describe_security_groups': 'SecurityGroups', 'describe_security_group_rules': 'SecurityGroupRules', 'describe_network_acls': 'NetworkAcls',
    'describe_vpc_endpoints': 'VpcEndpoints', 'describe_network_interfaces': 'NetworkInterfaces', 'describe_addresses': 'Addresses',
    'describe_dhcp_options': 'DhcpOptions', 'describe_vpc_peering_connections': 'VpcPeeringConnections',
    'describe_managed_prefix_lists': 'PrefixLists', 'describe_vpc_endpoint_services': 'ServiceDetails', 'describe_availability_zones': 'AvailabilityZones',
    'describe_egress_only_internet_gateways': 'EgressOnlyInternetGateways', 'describe_regions': 'Regions', 'describe_tags': 'Tags', 'describe_prefix_lists': 'PrefixLists',
}


@pytest.mark.parametrize('name', DESCRIBES)
def test_an_unknown_filter_is_refused(ec2, vpc, name):
    assert fails('InvalidParameterValue', getattr(ec2, name), Filters=[{'Name': 'colour', 'Values': ['red']}]) == "The filter 'colour' is invalid"


def documented_filters(ec2, name):
    """The names that AWS's model documents."""
    import re
    operation = ec2.meta.service_model.operation_model(ec2.meta.method_to_api_mapping[name])
    text = operation.input_shape.members['Filters'].documentation
    return [f for f in re.findall(r'<li> ?<p> ?<code>([^<]+)', text) if f != 'tag']


@pytest.mark.parametrize('name', DESCRIBES)
def test_every_documented_filter_is_taken(ec2, vpc, name):
    names = documented_filters(ec2, name)
    assert names or name in ('describe_egress_only_internet_gateways',)
    for filter_name in [*names, 'tag:Name', 'tag-key']:
        if name in ('describe_tags', 'describe_regions', 'describe_availability_zones') and filter_name.startswith('tag'):
            continue
        assert getattr(ec2, name)(Filters=[{'Name': filter_name, 'Values': ['no such thing']}])[DESCRIBES[name]] == [], filter_name


def test_filters_look_at_what_is_computed(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.77.0/28')['Subnet']['SubnetId']
    found = ec2.describe_subnets(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}, {'Name': 'available-ip-address-count', 'Values': ['11']}])['Subnets']
    assert [s['SubnetId'] for s in found] == [subnet]
    groups = ec2.describe_security_groups(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}, {'Name': 'egress.ip-permission.cidr', 'Values': ['0.0.0.0/*']}])['SecurityGroups']
    assert len(groups) == 1


def test_pages(ec2, vpc):
    made = {ec2.create_security_group(GroupName=f'page{i}', Description='d', VpcId=vpc)['GroupId'] for i in range(7)}
    pages = list(ec2.get_paginator('describe_security_groups').paginate(Filters=[{'Name': 'group-name', 'Values': ['page*']}], PaginationConfig={'PageSize': 5}))
    assert [len(p['SecurityGroups']) for p in pages] == [5, 2]
    assert {g['GroupId'] for p in pages for g in p['SecurityGroups']} == made
    assert fails('InvalidNextToken', ec2.describe_security_groups, NextToken='rubbish')
    text = fails('InvalidParameterValue', ec2.describe_vpcs, MaxResults=1001)
    assert text == 'Value ( 1001 ) for parameter maxResults is invalid. Expecting a value less than or equal to 1000.'
    text = fails('InvalidParameterCombination', ec2.describe_vpcs, MaxResults=5, VpcIds=[vpc])
    assert text == 'The parameter vpcIds cannot be used with the parameter maxResults'


def test_ids(ec2):
    assert fails('InvalidVpcID.Malformed', ec2.describe_vpcs, VpcIds=['payments']) == 'Invalid id: "payments" (expecting "vpc-...")'
    assert fails('InvalidVpcID.NotFound', ec2.describe_vpcs, VpcIds=['vpc-0123456789abcdef0']) == "The vpc ID 'vpc-0123456789abcdef0' does not exist"
    assert fails('InvalidGroupId.Malformed', ec2.describe_security_groups, GroupIds=['vpc-1']) == 'Invalid id: "vpc-1" (expecting "sg-...")'
    assert fails('InvalidGroup.NotFound', ec2.describe_security_groups, GroupIds=['sg-1234']) == "The security group 'sg-1234' does not exist"
    assert fails('NatGatewayNotFound', ec2.describe_nat_gateways, NatGatewayIds=['nat-0123456789abcdef0'])


def test_a_missing_parameter_and_a_bad_one(daemon):
    ec2 = daemon.client('ec2', parameter_validation=False)
    assert fails('MissingParameter', ec2.create_subnet, CidrBlock='10.0.0.0/24') == 'The request must contain the parameter VpcId'
    assert fails('InvalidParameterValue', ec2.describe_vpc_attribute, VpcId='vpc-1', Attribute='colour') == 'Value (colour) for parameter attribute is invalid.'


def test_what_is_not_there_is_an_unknown_action(ec2):
    assert fails('InvalidAction', ec2.run_instances, MinCount=1, MaxCount=1, ImageId='ami-1') == 'haar does not implement the operation RunInstances of ec2'


def test_a_dry_run_changes_nothing(daemon, ec2, vpc):
    before = len(ec2.describe_subnets()['Subnets'])
    text = fails('DryRunOperation', ec2.create_subnet, VpcId=vpc, CidrBlock='10.0.200.0/24', DryRun=True)
    assert text == 'Request would have succeeded, but DryRun flag is set.'
    assert len(ec2.describe_subnets()['Subnets']) == before
    nobody = user(daemon, 'nobody', [])
    assert 'ec2:CreateSubnet' in fails('UnauthorizedOperation', nobody.create_subnet, VpcId=vpc, CidrBlock='10.0.200.0/24', DryRun=True)


def test_client_tokens(daemon, ec2, vpc):
    first = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName='com.amazonaws.us-east-1.s3', ClientToken='one')['VpcEndpoint']['VpcEndpointId']
    again = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName='com.amazonaws.us-east-1.s3', ClientToken='one')['VpcEndpoint']
    assert again['VpcEndpointId'] == first and again['State'] == 'available'
    text = fails('IdempotentParameterMismatch', ec2.create_vpc_endpoint, VpcId=vpc, ServiceName='com.amazonaws.us-east-1.dynamodb', ClientToken='one')
    assert text == 'The request uses the same client token as a previous, but non-identical request.'
    for hours in (2, 23):  # of those two the first is over a day old, not the second
        daemon.run('clock', 'advance', f'{hours}h')
        ec2.create_network_interface(SubnetId=ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.0.{200 + hours}.0/28')['Subnet']['SubnetId'], ClientToken=f'after {hours}')
    second = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName='com.amazonaws.us-east-1.dynamodb', ClientToken='one')['VpcEndpoint']['VpcEndpointId']
    assert second != first and fails('IdempotentParameterMismatch', ec2.create_network_interface, SubnetId='subnet-0', ClientToken='after 2')
    ec2.delete_vpc_endpoints(VpcEndpointIds=[second])
    assert len(ec2.describe_vpc_endpoints(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['VpcEndpoints']) == 1


def test_tags(ec2, vpc):
    spec = [{'ResourceType': 'subnet', 'Tags': [{'Key': 'a', 'Value': '1'}]}]
    assert fails('InvalidParameterValue', ec2.create_vpc, CidrBlock='10.9.0.0/16', TagSpecifications=spec) == "'subnet' is not a valid taggable resource type for this operation."
    twice = [{'ResourceType': 'vpc', 'Tags': [{'Key': 'a', 'Value': '1'}, {'Key': 'a', 'Value': '2'}]}]
    assert fails('InvalidParameterValue', ec2.create_vpc, CidrBlock='10.9.0.0/16', TagSpecifications=twice) == "Duplicate tag key 'a' specified."
    assert fails('InvalidParameterValue', ec2.create_tags, Resources=[vpc], Tags=[{'Key': 'aws:x', 'Value': '1'}]) == "Tag keys starting with 'aws:' are reserved for internal use"
    fails('TagLimitExceeded', ec2.create_tags, Resources=[vpc], Tags=[{'Key': f'k{i}', 'Value': 'v'} for i in range(51)])
    ec2.create_tags(Resources=[vpc], Tags=[{'Key': 'Team', 'Value': 'pay'}, {'Key': 'Stage', 'Value': 'test'}])
    assert [t['Value'] for t in ec2.describe_tags(Filters=[{'Name': 'tag:Team', 'Values': ['p*']}])['Tags']] == ['pay']
    ec2.delete_tags(Resources=[vpc], Tags=[{'Key': 'Team'}])
    assert [t['Key'] for t in ec2.describe_tags(Filters=[{'Name': 'resource-id', 'Values': [vpc]}])['Tags']] == ['Stage']


def user(daemon, name, statements):
    iam = daemon.client('iam')
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': statements}))
    key = iam.create_access_key(UserName=name)['AccessKey']
    return daemon.client('ec2', aws_access_key_id=key['AccessKeyId'], aws_secret_access_key=key['SecretAccessKey'])


def allow(action, *resources, **more):
    return {'Effect': 'Allow', 'Action': action, 'Resource': [r if r == '*' else f'arn:aws:ec2:us-east-1:000000000000:{r}' for r in resources], **more}


def test_every_resource_of_a_call_is_authorised(daemon, ec2):
    one = ec2.create_vpc(CidrBlock='10.1.0.0/16')['Vpc']['VpcId']
    other = ec2.create_vpc(CidrBlock='10.2.0.0/16')['Vpc']['VpcId']
    builder = user(daemon, 'builder', [allow('ec2:CreateSubnet', 'subnet/*', f'vpc/{one}')])
    builder.create_subnet(VpcId=one, CidrBlock='10.1.1.0/24')
    text = fails('UnauthorizedOperation', builder.create_subnet, VpcId=other, CidrBlock='10.2.1.0/24')
    assert f'on resource: arn:aws:ec2:us-east-1:000000000000:vpc/{other} because no identity-based policy allows the ec2:CreateSubnet action' in text
    halfway = user(daemon, 'halfway', [allow('ec2:CreateSubnet', 'vpc/*')])
    assert 'subnet/*' in fails('UnauthorizedOperation', halfway.create_subnet, VpcId=one, CidrBlock='10.1.2.0/24')


def test_an_association_stands_for_what_it_joins(daemon, ec2):
    vpc = ec2.create_vpc(CidrBlock='10.3.0.0/16')['Vpc']['VpcId']
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.3.{i}.0/24')['Subnet']['SubnetId'] for i in range(2)]
    tables = [ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId'] for _ in subnets]
    associations = [ec2.associate_route_table(RouteTableId=t, SubnetId=s)['AssociationId'] for t, s in zip(tables, subnets)]
    router = user(daemon, 'router', [allow('ec2:DisassociateRouteTable', f'route-table/{tables[0]}', 'subnet/*')])
    assert f'route-table/{tables[1]}' in fails('UnauthorizedOperation', router.disassociate_route_table, AssociationId=associations[1])
    router.disassociate_route_table(AssociationId=associations[0])
    addresses = [ec2.allocate_address() for _ in range(2)]
    releaser = user(daemon, 'releaser', [allow('ec2:ReleaseAddress', f"elastic-ip/{addresses[0]['AllocationId']}")])
    fails('UnauthorizedOperation', releaser.release_address, PublicIp=addresses[1]['PublicIp'])
    releaser.release_address(PublicIp=addresses[0]['PublicIp'])
    second = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock='10.4.0.0/16')['CidrBlockAssociation']['AssociationId']
    assert f'vpc/{vpc}' in fails('UnauthorizedOperation', router.disassociate_vpc_cidr_block, AssociationId=second)


def test_the_service_of_an_endpoint_is_a_condition(daemon, ec2, vpc):
    condition = {'StringEquals': {'ec2:VpceServiceName': 'com.amazonaws.us-east-1.dynamodb'}}
    maker = user(daemon, 'endpoints', [allow('ec2:CreateVpcEndpoint', '*', Condition=condition)])
    maker.create_vpc_endpoint(VpcId=vpc, ServiceName='com.amazonaws.us-east-1.dynamodb')
    fails('UnauthorizedOperation', maker.create_vpc_endpoint, VpcId=vpc, ServiceName='com.amazonaws.us-east-1.s3')


def test_tags_of_resources_decide(daemon, ec2, vpc):
    ours = ec2.create_security_group(GroupName='ours', Description='d', VpcId=vpc, TagSpecifications=[{'ResourceType': 'security-group', 'Tags': [{'Key': 'team', 'Value': 'pay'}]}])
    theirs = ec2.create_security_group(GroupName='theirs', Description='d', VpcId=vpc)
    condition = {'StringEquals': {'aws:ResourceTag/team': 'pay'}}
    owner = user(daemon, 'owner', [allow('ec2:DeleteSecurityGroup', '*', Condition=condition)])
    fails('UnauthorizedOperation', owner.delete_security_group, GroupId=theirs['GroupId'])
    owner.delete_security_group(GroupId=ours['GroupId'])


def test_tagging_at_creation_needs_create_tags(daemon, ec2, vpc):
    spec = [{'ResourceType': 'security-group', 'Tags': [{'Key': 'team', 'Value': 'pay'}]}]
    maker = user(daemon, 'maker', [allow('ec2:CreateSecurityGroup', '*')])
    maker.create_security_group(GroupName='plain', Description='d', VpcId=vpc)
    assert 'ec2:CreateTags' in fails('UnauthorizedOperation', maker.create_security_group, GroupName='tagged', Description='d', VpcId=vpc, TagSpecifications=spec)
    tagger = user(daemon, 'tagger', [allow('ec2:CreateSecurityGroup', '*'),
                                     allow('ec2:CreateTags', '*', Condition={'StringEquals': {'ec2:CreateAction': 'CreateSecurityGroup'}})])
    tagger.create_security_group(GroupName='tagged', Description='d', VpcId=vpc, TagSpecifications=spec)


def test_quotas(ec2, vpc):
    group = ec2.create_security_group(GroupName='full', Description='d', VpcId=vpc)['GroupId']
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': p, 'ToPort': p, 'IpRanges': [{'CidrIp': '10.0.0.0/8'}]} for p in range(60)])
    text = fails('RulesPerSecurityGroupLimitExceeded', ec2.authorize_security_group_ingress, GroupId=group, IpProtocol='tcp', FromPort=99, ToPort=99, CidrIp='10.0.0.0/8')
    assert text == 'The maximum number of rules per security group has been reached.'
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': 1, 'ToPort': 1, 'Ipv6Ranges': [{'CidrIpv6': '2001:db8::/32'}]}])
    gateways = [ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId'] for _ in range(100 - len(ec2.describe_internet_gateways()['InternetGateways']))]
    assert fails('InternetGatewayLimitExceeded', ec2.create_internet_gateway) == 'The maximum number of internet gateways has been reached.'
    ec2.delete_internet_gateway(InternetGatewayId=gateways[0])
    ec2.create_internet_gateway()
    for i in range(100 - len(ec2.describe_vpcs()['Vpcs'])):
        ec2.create_vpc(CidrBlock=f'10.{100 + i}.0.0/16')
    assert fails('VpcLimitExceeded', ec2.create_vpc, CidrBlock='10.99.0.0/16') == 'The maximum number of VPCs has been reached.'


def test_describe_what_the_account_may(ec2):
    attributes = {a['AttributeName']: a['AttributeValues'][0]['AttributeValue'] for a in ec2.describe_account_attributes()['AccountAttributes']}
    assert attributes['vpc-max-elastic-ips'] == '100' and attributes['default-vpc'] == 'none'
    assert len(ec2.describe_availability_zones()['AvailabilityZones']) == 6
    assert fails('InvalidParameterValue', ec2.describe_availability_zones, ZoneNames=['us-east-1z']) == 'Invalid availability zone: [us-east-1z]'
    assert fails('InvalidParameterValue', ec2.describe_regions, RegionNames=['mars-1']) == 'Invalid region: [mars-1]'
