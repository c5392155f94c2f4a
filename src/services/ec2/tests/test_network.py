"""VPCs and what is in them, with boto3."""

import pytest

from tests.support.refusals import fails


@pytest.fixture(scope='module')
def ec2(haar):
    return haar.client('ec2')


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock='10.0.0.0/16', TagSpecifications=[{'ResourceType': 'vpc', 'Tags': [{'Key': 'Name', 'Value': 'pay'}]}])['Vpc']['VpcId']


def test_a_vpc_comes_with_its_own(ec2, vpc):
    described = ec2.describe_vpcs(VpcIds=[vpc])['Vpcs'][0]
    assert described['CidrBlock'] == '10.0.0.0/16' and described['State'] == 'available' and described['Tags'] == [{'Key': 'Name', 'Value': 'pay'}]
    groups = ec2.describe_security_groups(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['SecurityGroups']
    assert [g['GroupName'] for g in groups] == ['default']
    assert groups[0]['IpPermissionsEgress'][0]['IpRanges'] == [{'CidrIp': '0.0.0.0/0'}]
    assert groups[0]['IpPermissions'][0]['UserIdGroupPairs'][0]['GroupId'] == groups[0]['GroupId']
    acls = ec2.describe_network_acls(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['NetworkAcls']
    assert acls[0]['IsDefault'] and [e['RuleNumber'] for e in acls[0]['Entries']] == [100, 32767, 100, 32767]
    tables = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['RouteTables']
    assert tables[0]['Associations'][0]['Main'] and tables[0]['Routes'][0]['GatewayId'] == 'local'


def test_attributes(ec2, vpc):
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute='enableDnsSupport')['EnableDnsSupport']['Value'] is True
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute='enableDnsHostnames')['EnableDnsHostnames']['Value'] is False
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={'Value': True})
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute='enableDnsHostnames')['EnableDnsHostnames']['Value'] is True


def test_bad_ranges(ec2, vpc):
    assert fails('InvalidVpc.Range', ec2.create_vpc, CidrBlock='10.0.0.0/8') == "The CIDR '10.0.0.0/8' is invalid."
    ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')
    assert fails('InvalidSubnet.Conflict', ec2.create_subnet, VpcId=vpc, CidrBlock='10.0.1.128/25') == "The CIDR '10.0.1.128/25' conflicts with another subnet"
    fails('InvalidSubnet.Range', ec2.create_subnet, VpcId=vpc, CidrBlock='10.1.0.0/24')
    fails('InvalidVpcID.NotFound', ec2.create_subnet, VpcId='vpc-0000', CidrBlock='10.1.0.0/24')
    fails('InvalidParameterValue', ec2.create_subnet, VpcId=vpc, CidrBlock='10.0.2.0/24', AvailabilityZone='us-east-1z')


def test_subnets(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.9.0/24', AvailabilityZone='us-east-1b')['Subnet']
    assert subnet['AvailableIpAddressCount'] == 251 and subnet['AvailabilityZone'] == 'us-east-1b'
    eni = ec2.create_network_interface(SubnetId=subnet['SubnetId'])['NetworkInterface']
    assert eni['PrivateIpAddress'] == '10.0.9.4' and eni['Groups'][0]['GroupName'] == 'default'
    assert ec2.describe_subnets(SubnetIds=[subnet['SubnetId']])['Subnets'][0]['AvailableIpAddressCount'] == 250
    fails('DependencyViolation', ec2.delete_subnet, SubnetId=subnet['SubnetId'])
    ec2.delete_network_interface(NetworkInterfaceId=eni['NetworkInterfaceId'])
    ec2.modify_subnet_attribute(SubnetId=subnet['SubnetId'], MapPublicIpOnLaunch={'Value': True})
    assert ec2.describe_subnets(SubnetIds=[subnet['SubnetId']])['Subnets'][0]['MapPublicIpOnLaunch'] is True
    ec2.delete_subnet(SubnetId=subnet['SubnetId'])
    fails('InvalidSubnetID.NotFound', ec2.describe_subnets, SubnetIds=[subnet['SubnetId']])


def test_security_group_rules(ec2, vpc):
    a = ec2.create_security_group(GroupName='a', Description='a', VpcId=vpc)['GroupId']
    b = ec2.create_security_group(GroupName='b', Description='b', VpcId=vpc)['GroupId']
    assert fails('InvalidGroup.Duplicate', ec2.create_security_group, GroupName='a', Description='a', VpcId=vpc) == f"The security group 'a' already exists for VPC '{vpc}'"
    permission = {'IpProtocol': 'tcp', 'FromPort': 3306, 'ToPort': 3306, 'UserIdGroupPairs': [{'GroupId': a, 'Description': 'functions'}]}
    answer = ec2.authorize_security_group_ingress(GroupId=b, IpPermissions=[permission])
    rule = answer['SecurityGroupRules'][0]
    assert rule['ReferencedGroupInfo']['GroupId'] == a and rule['FromPort'] == 3306
    fails('InvalidPermission.Duplicate', ec2.authorize_security_group_ingress, GroupId=b, IpPermissions=[permission])
    message = fails('InvalidPermission.Duplicate', ec2.authorize_security_group_egress, GroupId=b,
                    IpPermissions=[{'IpProtocol': '-1', 'IpRanges': [{'CidrIp': '0.0.0.0/0'}]}])
    assert message == 'the specified rule "peer: 0.0.0.0/0, ALL, ALLOW" already exists'
    described = ec2.describe_security_groups(GroupIds=[b])['SecurityGroups'][0]
    assert described['IpPermissions'][0]['UserIdGroupPairs'][0]['Description'] == 'functions'
    ec2.update_security_group_rule_descriptions_ingress(GroupId=b, SecurityGroupRuleDescriptions=[
        {'SecurityGroupRuleId': rule['SecurityGroupRuleId'], 'Description': 'the payment functions'}])
    rules = ec2.describe_security_group_rules(Filters=[{'Name': 'group-id', 'Values': [b]}])['SecurityGroupRules']
    assert [r['Description'] for r in rules if not r['IsEgress']] == ['the payment functions']
    assert fails('DependencyViolation', ec2.delete_security_group, GroupId=a) == f'resource {a} has a dependent object'
    ec2.revoke_security_group_ingress(GroupId=b, SecurityGroupRuleIds=[rule['SecurityGroupRuleId']])
    fails('InvalidPermission.NotFound', ec2.revoke_security_group_ingress, GroupId=b, IpPermissions=[permission])
    ec2.delete_security_group(GroupId=a)
    fails('InvalidGroup.NotFound', ec2.describe_security_groups, GroupIds=[a])


def test_routes_and_gateways(ec2, vpc):
    table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
    gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    fails('Resource.AlreadyAssociated', ec2.attach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)
    assert fails('RouteAlreadyExists', ec2.create_route, RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway) \
        == 'The route identified by 0.0.0.0/0 already exists.'
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)['AssociationId']
    fails('DependencyViolation', ec2.delete_route_table, RouteTableId=table)
    assert ec2.describe_route_tables(Filters=[{'Name': 'association.subnet-id', 'Values': [subnet]}])['RouteTables'][0]['RouteTableId'] == table
    ec2.disassociate_route_table(AssociationId=association)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    states = {r.get('GatewayId'): r['State'] for r in ec2.describe_route_tables(RouteTableIds=[table])['RouteTables'][0]['Routes']}
    assert states == {'local': 'active', gateway: 'blackhole'}
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0')
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)


def test_endpoints(ec2, vpc):
    table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
    gateway = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName='com.amazonaws.us-east-1.s3', RouteTableIds=[table])['VpcEndpoint']
    assert gateway['VpcEndpointType'] == 'Gateway' and gateway['State'] == 'available'
    routes = ec2.describe_route_tables(RouteTableIds=[table])['RouteTables'][0]['Routes']
    prefix_list = ec2.describe_prefix_lists(Filters=[{'Name': 'prefix-list-name', 'Values': ['com.amazonaws.us-east-1.s3']}])['PrefixLists'][0]
    assert (routes[1]['DestinationPrefixListId'], routes[1]['GatewayId']) == (prefix_list['PrefixListId'], gateway['VpcEndpointId'])
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    arguments = {'VpcId': vpc, 'ServiceName': 'com.amazonaws.us-east-1.secretsmanager', 'VpcEndpointType': 'Interface', 'SubnetIds': [subnet], 'PrivateDnsEnabled': True}
    fails('InvalidParameter', ec2.create_vpc_endpoint, **arguments)
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={'Value': True})
    interface = ec2.create_vpc_endpoint(**arguments)['VpcEndpoint']
    eni = ec2.describe_network_interfaces(NetworkInterfaceIds=interface['NetworkInterfaceIds'])['NetworkInterfaces'][0]
    assert eni['InterfaceType'] == 'vpc_endpoint' and eni['SubnetId'] == subnet and eni['RequesterManaged']
    fails('InvalidParameter', ec2.create_vpc_endpoint, **arguments)
    fails('InvalidServiceName', ec2.create_vpc_endpoint, VpcId=vpc, ServiceName='com.example.s3')
    ec2.modify_vpc_endpoint(VpcEndpointId=gateway['VpcEndpointId'], RemoveRouteTableIds=[table])
    assert len(ec2.describe_route_tables(RouteTableIds=[table])['RouteTables'][0]['Routes']) == 1
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[gateway['VpcEndpointId'], interface['VpcEndpointId'], 'vpce-0'])['Unsuccessful'][0]['ResourceId'] == 'vpce-0'
    fails('InvalidNetworkInterfaceID.NotFound', ec2.describe_network_interfaces, NetworkInterfaceIds=interface['NetworkInterfaceIds'])


def test_network_acls(ec2, vpc):
    acl = ec2.create_network_acl(VpcId=vpc)['NetworkAcl']['NetworkAclId']
    entry = {'NetworkAclId': acl, 'RuleNumber': 90, 'Egress': False, 'Protocol': '6', 'RuleAction': 'deny', 'CidrBlock': '10.0.0.0/8', 'PortRange': {'From': 22, 'To': 22}}
    ec2.create_network_acl_entry(**entry)
    fails('NetworkAclEntryAlreadyExists', ec2.create_network_acl_entry, **entry)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    old = [a for n in ec2.describe_network_acls()['NetworkAcls'] for a in n['Associations'] if a['SubnetId'] == subnet][0]
    ec2.replace_network_acl_association(AssociationId=old['NetworkAclAssociationId'], NetworkAclId=acl)
    fails('DependencyViolation', ec2.delete_network_acl, NetworkAclId=acl)
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=90, Egress=False)
    assert len(ec2.describe_network_acls(NetworkAclIds=[acl])['NetworkAcls'][0]['Entries']) == 2
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_network_acl(NetworkAclId=acl)


def test_nat_gateways_and_addresses(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    address = ec2.allocate_address(Domain='vpc')
    failed = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address['AllocationId'])['NatGateway']
    assert (failed['State'], failed['FailureCode'], failed['FailureMessage']) == ('failed', 'Gateway.NotAttached', f'Network {vpc} has no Internet gateway attached')
    gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address['AllocationId'])['NatGateway']
    assert nat['NatGatewayAddresses'][0]['PublicIp'] == address['PublicIp']
    fails('InvalidIPAddress.InUse', ec2.release_address, AllocationId=address['AllocationId'])
    ec2.delete_nat_gateway(NatGatewayId=nat['NatGatewayId'])
    assert ec2.describe_nat_gateways(NatGatewayIds=[nat['NatGatewayId']])['NatGateways'][0]['State'] == 'deleted'
    ec2.release_address(AllocationId=address['AllocationId'])


def test_tags_filters_pages(ec2, vpc):
    ec2.create_tags(Resources=[vpc], Tags=[{'Key': 'Stage', 'Value': 'blue'}])
    assert [v['VpcId'] for v in ec2.describe_vpcs(Filters=[{'Name': 'tag:Stage', 'Values': ['bl*']}])['Vpcs']] == [vpc]
    assert {t['Key'] for t in ec2.describe_tags(Filters=[{'Name': 'resource-id', 'Values': [vpc]}])['Tags']} == {'Name', 'Stage'}
    ec2.delete_tags(Resources=[vpc], Tags=[{'Key': 'Stage'}])
    assert ec2.describe_vpcs(Filters=[{'Name': 'tag-key', 'Values': ['Stage']}])['Vpcs'] == []
    assert fails('InvalidParameterValue', ec2.describe_vpcs, Filters=[{'Name': 'colour', 'Values': ['x']}]) == "The filter 'colour' is invalid"
    every = {v['VpcId'] for v in ec2.describe_vpcs()['Vpcs']}
    pages = list(ec2.get_paginator('describe_vpcs').paginate(PaginationConfig={'PageSize': 5}))
    assert {v['VpcId'] for page in pages for v in page['Vpcs']} == every
    assert fails('DryRunOperation', ec2.delete_vpc, VpcId=vpc, DryRun=True) == 'Request would have succeeded, but DryRun flag is set.'


def test_deletion(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    assert fails('DependencyViolation', ec2.delete_vpc, VpcId=vpc) == f"The vpc '{vpc}' has dependencies and cannot be deleted."
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    fails('InvalidVpcID.NotFound', ec2.describe_vpcs, VpcIds=[vpc])
    assert ec2.describe_security_groups(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['SecurityGroups'] == []


def test_zones(ec2):
    zones = ec2.describe_availability_zones()['AvailabilityZones']
    assert [z['ZoneName'] for z in zones][:2] == ['us-east-1a', 'us-east-1b'] and zones[0]['ZoneId'] == 'use1-az1'
    assert 'eu-west-1' in {r['RegionName'] for r in ec2.describe_regions()['Regions']}
