"""IPv6 and further ranges, peering, egress-only gateways, prefix lists, DHCP options, addresses, default VPC, endpoint services."""

import pytest

from tests.support.refusals import fails


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']


def routes(ec2, vpc):
    return ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['RouteTables'][0]['Routes']


def test_further_ranges(ec2, vpc):
    association = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock='10.1.0.0/16')['CidrBlockAssociation']
    assert association['CidrBlockState']['State'] == 'associated'
    assert {r['DestinationCidrBlock'] for r in routes(ec2, vpc)} == {'10.0.0.0/16', '10.1.0.0/16'}
    assert fails('CidrConflict', ec2.associate_vpc_cidr_block, VpcId=vpc, CidrBlock='10.1.128.0/17').startswith("The CIDR '10.1.128.0/17' conflicts")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.1.3.0/24')['Subnet']['SubnetId']
    fails('DependencyViolation', ec2.disassociate_vpc_cidr_block, AssociationId=association['AssociationId'])
    ec2.delete_subnet(SubnetId=subnet)
    ec2.disassociate_vpc_cidr_block(AssociationId=association['AssociationId'])
    assert [r['DestinationCidrBlock'] for r in routes(ec2, vpc)] == ['10.0.0.0/16']
    primary = ec2.describe_vpcs(VpcIds=[vpc])['Vpcs'][0]['CidrBlockAssociationSet'][0]['AssociationId']
    text = fails('OperationNotPermitted', ec2.disassociate_vpc_cidr_block, AssociationId=primary)
    assert text == f'The vpc CIDR block with association ID {primary} may not be disassociated. It is the primary IPv4 CIDR block of the VPC'
    fails('InvalidVpcCidrBlockAssociationID.NotFound', ec2.disassociate_vpc_cidr_block, AssociationId='vpc-cidr-assoc-1')
    for i in range(2, 6):
        ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock=f'10.{i}.0.0/16')
    fails('CidrLimitExceeded', ec2.associate_vpc_cidr_block, VpcId=vpc, CidrBlock='10.6.0.0/16')


def test_ipv6_of_a_vpc_and_a_subnet(ec2, vpc):
    given = ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)['Ipv6CidrBlockAssociation']
    block = given['Ipv6CidrBlock']
    assert block.endswith('/56')
    assert {r.get('DestinationIpv6CidrBlock') for r in routes(ec2, vpc)} == {None, block}
    assert {e.get('Ipv6CidrBlock') for e in ec2.describe_network_acls(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['NetworkAcls'][0]['Entries']} == {None, '::/0'}
    group = ec2.describe_security_groups(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['SecurityGroups'][0]
    assert group['IpPermissionsEgress'][0]['Ipv6Ranges'] == [{'CidrIpv6': '::/0'}]
    first = block.replace('/56', '/64')
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24', Ipv6CidrBlock=first)['Subnet']
    assert subnet['Ipv6CidrBlockAssociationSet'][0]['Ipv6CidrBlock'] == first
    other = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.2.0/24')['Subnet']['SubnetId']
    assert fails('InvalidSubnet.Conflict', ec2.associate_subnet_cidr_block, SubnetId=other, Ipv6CidrBlock=first) == f"The CIDR '{first}' conflicts with another subnet"
    fails('InvalidSubnet.Range', ec2.associate_subnet_cidr_block, SubnetId=other, Ipv6CidrBlock='2001:db8::/64')
    assert 'no associated IPv6' in fails('InvalidParameterValue', ec2.modify_subnet_attribute, SubnetId=other, AssignIpv6AddressOnCreation={'Value': True})
    ec2.modify_subnet_attribute(SubnetId=subnet['SubnetId'], AssignIpv6AddressOnCreation={'Value': True})
    eni = ec2.create_network_interface(SubnetId=subnet['SubnetId'])['NetworkInterface']
    assert len(eni['Ipv6Addresses']) == 1
    more = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni['NetworkInterfaceId'], Ipv6AddressCount=2)['AssignedIpv6Addresses']
    assert len(more) == 2 and len(ec2.describe_network_interfaces(NetworkInterfaceIds=[eni['NetworkInterfaceId']])['NetworkInterfaces'][0]['Ipv6Addresses']) == 3
    ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni['NetworkInterfaceId'], Ipv6Addresses=more)
    fails('DependencyViolation', ec2.disassociate_subnet_cidr_block, AssociationId=subnet['Ipv6CidrBlockAssociationSet'][0]['AssociationId'])
    fails('DependencyViolation', ec2.disassociate_vpc_cidr_block, AssociationId=given['AssociationId'])
    ec2.delete_network_interface(NetworkInterfaceId=eni['NetworkInterfaceId'])
    ec2.disassociate_subnet_cidr_block(AssociationId=subnet['Ipv6CidrBlockAssociationSet'][0]['AssociationId'])
    ec2.disassociate_vpc_cidr_block(AssociationId=given['AssociationId'])


def test_secondary_and_elastic_addresses(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    eni = ec2.create_network_interface(SubnetId=subnet, SecondaryPrivateIpAddressCount=1)['NetworkInterface']['NetworkInterfaceId']
    assert ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=['10.0.1.77'])['AssignedPrivateIpAddresses'] == [{'PrivateIpAddress': '10.0.1.77'}]
    fails('InvalidIPAddress.InUse', ec2.create_network_interface, SubnetId=subnet, PrivateIpAddress='10.0.1.77')
    address = ec2.allocate_address()
    ec2.associate_address(AllocationId=address['AllocationId'], NetworkInterfaceId=eni, PrivateIpAddress='10.0.1.77')
    shown = ec2.describe_network_interfaces(Filters=[{'Name': 'addresses.association.public-ip', 'Values': [address['PublicIp']]}])['NetworkInterfaces'][0]
    assert [p['PrivateIpAddress'] for p in shown['PrivateIpAddresses'] if 'Association' in p] == ['10.0.1.77'] and 'Association' not in shown
    second = ec2.allocate_address()
    assert fails('Resource.AlreadyAssociated', ec2.associate_address, AllocationId=second['AllocationId'], NetworkInterfaceId=eni, PrivateIpAddress='10.0.1.77',
                 AllowReassociation=False).startswith(f'resource {eni} is already associated with associate-id eipassoc-')
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=['10.0.1.77'])
    assert 'AssociationId' not in ec2.describe_addresses(AllocationIds=[address['AllocationId']])['Addresses'][0]
    assert 'are not assigned' in fails('InvalidParameterValue', ec2.unassign_private_ip_addresses, NetworkInterfaceId=eni, PrivateIpAddresses=['10.0.1.4'])
    ec2.associate_address(AllocationId=second['AllocationId'], NetworkInterfaceId=eni)
    assert fails('InvalidIPAddress.InUse', ec2.release_address, AllocationId=second['AllocationId']) == f"Address {second['PublicIp']} is in use."
    ec2.disassociate_address(PublicIp=second['PublicIp'])
    ec2.release_address(AllocationId=second['AllocationId'])
    assert fails('InvalidAddress.NotFound', ec2.describe_addresses, PublicIps=[second['PublicIp']]) == f"Address '{second['PublicIp']}' not found."
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={'Value': False})
    assert ec2.describe_network_interface_attribute(NetworkInterfaceId=eni, Attribute='sourceDestCheck')['SourceDestCheck'] == {'Value': False}
    ec2.reset_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck='sourceDestCheck')
    assert ec2.describe_network_interface_attribute(NetworkInterfaceId=eni, Attribute='sourceDestCheck')['SourceDestCheck'] == {'Value': True}


def test_peering(daemon, ec2, vpc):
    peer = ec2.create_vpc(CidrBlock='10.20.0.0/16')['Vpc']['VpcId']
    pcx = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer)['VpcPeeringConnection']
    name = pcx['VpcPeeringConnectionId']
    assert pcx['Status'] == {'Code': 'pending-acceptance', 'Message': 'Pending Acceptance by 000000000000'}
    fails('VpcPeeringConnectionAlreadyExists', ec2.create_vpc_peering_connection, VpcId=peer, PeerVpcId=vpc)
    fails('OperationNotPermitted', ec2.modify_vpc_peering_connection_options, VpcPeeringConnectionId=name,
          AccepterPeeringConnectionOptions={'AllowDnsResolutionFromRemoteVpc': True})
    assert ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=name)['VpcPeeringConnection']['Status']['Code'] == 'active'
    assert fails('InvalidStateTransition', ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=name) == \
        f'Invalid state transition for {name}, attempted to transition from active to active'
    options = ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=name, AccepterPeeringConnectionOptions={'AllowDnsResolutionFromRemoteVpc': True})
    assert options['AccepterPeeringConnectionOptions']['AllowDnsResolutionFromRemoteVpc'] is True
    table = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['RouteTables'][0]['RouteTableId']
    ec2.create_route(RouteTableId=table, DestinationCidrBlock='10.20.0.0/16', VpcPeeringConnectionId=name)
    assert {r['State'] for r in routes(ec2, vpc)} == {'active'}
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=name)
    assert [r['State'] for r in routes(ec2, vpc) if 'VpcPeeringConnectionId' in r] == ['blackhole']
    overlapping = ec2.create_vpc(CidrBlock='10.0.128.0/17')['Vpc']['VpcId']
    failed = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=overlapping)['VpcPeeringConnection']
    assert failed['Status'] == {'Code': 'failed', 'Message': 'Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range'}
    late = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer)['VpcPeeringConnection']['VpcPeeringConnectionId']
    daemon.run('clock', 'advance', '8d')
    assert ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[late])['VpcPeeringConnections'][0]['Status']['Code'] == 'expired'
    assert fails('InvalidVpcPeeringConnectionID.NotFound', ec2.describe_vpc_peering_connections, VpcPeeringConnectionIds=[name]) == \
        f"The vpcPeeringConnection ID '{name}' does not exist"


def test_egress_only_gateways(ec2, vpc):
    gateway = ec2.create_egress_only_internet_gateway(VpcId=vpc)['EgressOnlyInternetGateway']
    assert gateway['Attachments'] == [{'State': 'attached', 'VpcId': vpc}]
    table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock='::/0', EgressOnlyInternetGatewayId=gateway['EgressOnlyInternetGatewayId'])
    fails('InvalidParameterValue', ec2.create_route, RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', EgressOnlyInternetGatewayId=gateway['EgressOnlyInternetGatewayId'])
    fails('DependencyViolation', ec2.delete_vpc, VpcId=vpc)
    assert ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=gateway['EgressOnlyInternetGatewayId'])['ReturnCode'] is True
    assert [r['State'] for r in ec2.describe_route_tables(RouteTableIds=[table])['RouteTables'][0]['Routes']] == ['active', 'blackhole']


def test_prefix_lists(ec2, vpc):
    made = ec2.create_managed_prefix_list(PrefixListName='offices', AddressFamily='IPv4', MaxEntries=3, Entries=[{'Cidr': '192.0.2.0/24', 'Description': 'a'}])['PrefixList']
    name = made['PrefixListId']
    assert (made['Version'], made['State'], made['MaxEntries']) == (1, 'create-complete', 3)
    changed = ec2.modify_managed_prefix_list(PrefixListId=name, CurrentVersion=1, AddEntries=[{'Cidr': '198.51.100.0/24'}], RemoveEntries=[{'Cidr': '192.0.2.0/24'}])['PrefixList']
    assert changed['Version'] == 2
    assert [e['Cidr'] for e in ec2.get_managed_prefix_list_entries(PrefixListId=name)['Entries']] == ['198.51.100.0/24']
    assert ec2.get_managed_prefix_list_entries(PrefixListId=name, TargetVersion=1)['Entries'] == [{'Cidr': '192.0.2.0/24', 'Description': 'a'}]
    fails('PrefixListVersionMismatch', ec2.modify_managed_prefix_list, PrefixListId=name, CurrentVersion=1, AddEntries=[{'Cidr': '203.0.113.0/24'}])
    fails('PrefixListMaxEntriesExceeded', ec2.modify_managed_prefix_list, PrefixListId=name, CurrentVersion=2, AddEntries=[{'Cidr': f'203.0.{i}.0/24'} for i in range(3)])
    assert ec2.restore_managed_prefix_list_version(PrefixListId=name, PreviousVersion=1, CurrentVersion=2)['PrefixList']['Version'] == 3
    group = ec2.create_security_group(GroupName='g', Description='d', VpcId=vpc)['GroupId']
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'PrefixListIds': [{'PrefixListId': name}]}])
    assert ec2.get_managed_prefix_list_associations(PrefixListId=name)['PrefixListAssociations'] == [{'ResourceId': group, 'ResourceOwner': '000000000000'}]
    assert group in fails('DependencyViolation', ec2.delete_managed_prefix_list, PrefixListId=name)
    big = ec2.create_managed_prefix_list(PrefixListName='big', AddressFamily='IPv4', MaxEntries=60)['PrefixList']['PrefixListId']
    fails('RulesPerSecurityGroupLimitExceeded', ec2.authorize_security_group_ingress, GroupId=group,
          IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'PrefixListIds': [{'PrefixListId': big}]}])
    fails('InvalidPrefixListID.NotFound', ec2.authorize_security_group_ingress, GroupId=group,
          IpPermissions=[{'IpProtocol': 'tcp', 'FromPort': 80, 'ToPort': 80, 'PrefixListIds': [{'PrefixListId': 'pl-0123456789abcdef0'}]}])
    listed = {p['PrefixListName'] for p in ec2.describe_managed_prefix_lists()['PrefixLists']}
    assert {'offices', 'big', 'com.amazonaws.us-east-1.s3', 'com.amazonaws.us-east-1.dynamodb'} <= listed


def test_dhcp_options(ec2, vpc):
    default = ec2.describe_vpcs(VpcIds=[vpc])['Vpcs'][0]['DhcpOptionsId']
    assert ec2.describe_dhcp_options(DhcpOptionsIds=[default])['DhcpOptions'][0]['DhcpConfigurations'] == [
        {'Key': 'domain-name', 'Values': [{'Value': 'ec2.internal'}]}, {'Key': 'domain-name-servers', 'Values': [{'Value': 'AmazonProvidedDNS'}]}]
    own = ec2.create_dhcp_options(DhcpConfigurations=[{'Key': 'domain-name', 'Values': ['corp.example']}, {'Key': 'domain-name-servers', 'Values': ['10.0.0.5', 'AmazonProvidedDNS']}])
    own = own['DhcpOptions']['DhcpOptionsId']
    ec2.associate_dhcp_options(VpcId=vpc, DhcpOptionsId=own)
    assert fails('DependencyViolation', ec2.delete_dhcp_options, DhcpOptionsId=own) == f"The dhcpOptions '{own}' has dependencies and cannot be deleted."
    assert [v['VpcId'] for v in ec2.describe_vpcs(Filters=[{'Name': 'dhcp-options-id', 'Values': [own]}])['Vpcs']] == [vpc]
    ec2.associate_dhcp_options(VpcId=vpc, DhcpOptionsId='default')
    ec2.delete_dhcp_options(DhcpOptionsId=own)
    assert fails('InvalidDhcpOptionID.NotFound', ec2.associate_dhcp_options, VpcId=vpc, DhcpOptionsId=own) == f"The dhcpOption ID '{own}' does not exist"
    assert fails('InvalidParameterValue', ec2.create_dhcp_options, DhcpConfigurations=[{'Key': 'colour', 'Values': ['red']}]) == \
        'Value (colour) for parameter key is invalid. Unknown DHCP option'


def test_rules_changed_as_a_whole(ec2, vpc):
    group = ec2.create_security_group(GroupName='g', Description='d', VpcId=vpc)['GroupId']
    rule = ec2.authorize_security_group_ingress(GroupId=group, IpProtocol='tcp', FromPort=22, ToPort=22, CidrIp='10.0.0.0/8')['SecurityGroupRules'][0]['SecurityGroupRuleId']
    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[
        {'SecurityGroupRuleId': rule, 'SecurityGroupRule': {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'CidrIpv6': '2001:db8::/32', 'Description': 'web'}}])
    shown = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])['SecurityGroupRules'][0]
    assert (shown['FromPort'], shown['CidrIpv6'], shown['Description'], 'CidrIpv4' in shown) == (443, '2001:db8::/32', 'web', False)
    fails('MissingParameter', ec2.modify_security_group_rules, GroupId=group, SecurityGroupRules=[
        {'SecurityGroupRuleId': rule, 'SecurityGroupRule': {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443}}])


def test_routes(ec2, vpc):
    table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
    gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock='192.0.2.7/24', GatewayId=gateway)
    assert fails('RouteAlreadyExists', ec2.create_route, RouteTableId=table, DestinationCidrBlock='192.0.2.0/24', GatewayId=gateway) == \
        'The route identified by 192.0.2.0/24 already exists.'
    assert 'more specific' in fails('InvalidParameterValue', ec2.create_route, RouteTableId=table, DestinationCidrBlock='10.0.3.0/24', GatewayId=gateway)
    assert fails('InvalidRoute.NotFound', ec2.delete_route, RouteTableId=table, DestinationIpv6CidrBlock='::/0') == \
        f'no route with destination-ipv6-cidr-block ::/0 in route table {table}'
    mine = ec2.create_managed_prefix_list(PrefixListName='far', AddressFamily='IPv4', MaxEntries=2, Entries=[{'Cidr': '198.51.100.0/24'}])['PrefixList']['PrefixListId']
    ec2.create_route(RouteTableId=table, DestinationPrefixListId=mine, GatewayId=gateway)
    ec2.delete_route(RouteTableId=table, DestinationPrefixListId=mine)
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName='com.amazonaws.us-east-1.s3', RouteTableIds=[table])['VpcEndpoint']['VpcEndpointId']
    assert 'VPC endpoint route' in fails('InvalidParameterValue', ec2.delete_route, RouteTableId=table, DestinationPrefixListId='pl-63a5400a')
    assert fails('InvalidParameter', ec2.modify_vpc_endpoint, VpcEndpointId=endpoint, AddSubnetIds=['subnet-1']).startswith('Subnets, security groups and private DNS')


def test_private_nat_gateways(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    nat = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType='private')['NatGateway']
    assert nat['State'] == 'available' and 'PublicIp' not in nat['NatGatewayAddresses'][0]
    fails('MissingParameter', ec2.create_nat_gateway, SubnetId=subnet)


def test_the_default_vpc(ec2):
    assert fails('VPCIdNotSpecified', ec2.create_security_group, GroupName='web', Description='d') == 'No default VPC for this user'
    made = ec2.create_default_vpc()['Vpc']
    assert (made['CidrBlock'], made['IsDefault']) == ('172.31.0.0/16', True)
    assert fails('DefaultVpcAlreadyExists', ec2.create_default_vpc) == 'A Default VPC already exists for this account in this region.'
    subnets = ec2.describe_subnets(Filters=[{'Name': 'default-for-az', 'Values': ['true']}])['Subnets']
    assert len(subnets) == 6 and all(s['MapPublicIpOnLaunch'] and s['CidrBlock'].endswith('/20') for s in subnets)
    assert {r['DestinationCidrBlock'] for r in routes(ec2, made['VpcId'])} == {'172.31.0.0/16', '0.0.0.0/0'}
    assert ec2.describe_vpc_attribute(VpcId=made['VpcId'], Attribute='enableDnsHostnames')['EnableDnsHostnames']['Value'] is True
    group = ec2.create_security_group(GroupName='web', Description='d')['GroupId']
    assert ec2.describe_security_groups(GroupIds=[group])['SecurityGroups'][0]['VpcId'] == made['VpcId']
    ec2.authorize_security_group_ingress(GroupName='web', IpProtocol='tcp', FromPort=80, ToPort=80, CidrIp='0.0.0.0/0')
    ec2.delete_security_group(GroupName='web')
    fails('DefaultSubnetAlreadyExistsInAvailabilityZone', ec2.create_default_subnet, AvailabilityZone='us-east-1a')
    zone_a = [s for s in subnets if s['AvailabilityZone'] == 'us-east-1a'][0]
    ec2.delete_subnet(SubnetId=zone_a['SubnetId'])
    assert ec2.create_default_subnet(AvailabilityZone='us-east-1a')['Subnet']['CidrBlock'] == zone_a['CidrBlock']
    attributes = {a['AttributeName']: a['AttributeValues'][0]['AttributeValue'] for a in ec2.describe_account_attributes()['AccountAttributes']}
    assert attributes['default-vpc'] == made['VpcId']


def test_endpoint_services_are_those_that_answer_here(ec2):
    names = ec2.describe_vpc_endpoint_services()['ServiceNames']
    assert {f'com.amazonaws.us-east-1.{n}' for n in ('dynamodb', 's3', 'secretsmanager', 'kms', 'sts', 'lambda', 'logs', 'rds', 'ssm', 'ec2', 'execute-api')} <= set(names)
    assert 'com.amazonaws.us-east-1.sagemaker.api' not in names
    both = ec2.describe_vpc_endpoint_services(ServiceNames=['com.amazonaws.us-east-1.s3'])['ServiceDetails']
    assert {d['ServiceType'][0]['ServiceType'] for d in both} == {'Gateway', 'Interface'}
    gateways = ec2.describe_vpc_endpoint_services(Filters=[{'Name': 'service-type', 'Values': ['Gateway']}])['ServiceNames']
    assert gateways == ['com.amazonaws.us-east-1.dynamodb', 'com.amazonaws.us-east-1.s3']
    assert fails('InvalidServiceName', ec2.describe_vpc_endpoint_services, ServiceNames=['com.amazonaws.us-east-1.nothing']) == \
        "The Vpc Endpoint Service 'com.amazonaws.us-east-1.nothing' does not exist"
