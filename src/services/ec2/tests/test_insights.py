"""Network Insights: paths and their analyses, with AWS's explanation codes."""

import pytest

from tests.support.refusals import fails


@pytest.fixture(scope='module')
def ec2(daemon):
    return daemon.client('ec2', parameter_validation=False)   # botocore's model still asks for Destination


class World:
    """A client in one subnet, a database in another, each with its group; the default ACL."""

    def __init__(self, ec2):
        self.ec2 = ec2
        self.vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
        self.table = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [self.vpc]}])['RouteTables'][0]['RouteTableId']
        self.a, self.b = (ec2.create_subnet(VpcId=self.vpc, CidrBlock=f'10.0.{i}.0/24')['Subnet']['SubnetId'] for i in (1, 2))
        self.client_group, self.db_group = (ec2.create_security_group(GroupName=n, Description=n, VpcId=self.vpc)['GroupId'] for n in ('client', 'db'))
        self.client = ec2.create_network_interface(SubnetId=self.a, Groups=[self.client_group])['NetworkInterface']['NetworkInterfaceId']
        self.db = ec2.create_network_interface(SubnetId=self.b, Groups=[self.db_group])['NetworkInterface']['NetworkInterfaceId']

    def let_in(self, port):
        self.ec2.authorize_security_group_ingress(GroupId=self.db_group, IpPermissions=[
            {'IpProtocol': 'tcp', 'FromPort': port, 'ToPort': port, 'UserIdGroupPairs': [{'GroupId': self.client_group}]}])

    def analyse(self, source, destination=None, port=None, **more):
        path = self.ec2.create_network_insights_path(Source=source, Protocol='tcp', **({'Destination': destination} if destination else {}),
                                                     **({'DestinationPort': port} if port else {}), **more)['NetworkInsightsPath']['NetworkInsightsPathId']
        analysis = self.ec2.start_network_insights_analysis(NetworkInsightsPathId=path)['NetworkInsightsAnalysis']['NetworkInsightsAnalysisId']
        return self.ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=[analysis])['NetworkInsightsAnalyses'][0]


@pytest.fixture
def world(ec2):
    return World(ec2)


def codes(analysis):
    return [(e['ExplanationCode'], e.get('Direction')) for e in analysis['Explanations']]


def test_a_way_that_is_open(world):
    world.let_in(3306)
    analysis = world.analyse(world.client, world.db, 3306)
    assert (analysis['Status'], analysis['NetworkPathFound'], analysis['Explanations']) == ('succeeded', True, [])
    components = analysis['ForwardPathComponents']
    assert [c['SequenceNumber'] for c in components] == list(range(1, len(components) + 1))
    acl = world.ec2.describe_network_acls(Filters=[{'Name': 'vpc-id', 'Values': [world.vpc]}])['NetworkAcls'][0]['NetworkAclId']
    assert [c['Component']['Id'] for c in components] == [world.client, world.client_group, acl, world.table, acl, world.db_group, world.db]
    assert components[0]['OutboundHeader']['DestinationPortRanges'] == [{'From': 3306, 'To': 3306}] and components[0]['Subnet']['Id'] == world.a
    assert components[1]['SecurityGroupRule'] == {'Cidr': '0.0.0.0/0', 'Direction': 'egress', 'Protocol': 'all'}
    assert components[2]['AclRule']['RuleNumber'] == 100 and components[2]['AclRule']['Egress'] is True
    assert components[3]['RouteTableRoute']['GatewayId'] == 'local' and components[3]['RouteTableRoute']['DestinationCidr'] == '10.0.0.0/16'
    assert components[5]['SecurityGroupRule'] == {'Direction': 'ingress', 'Protocol': '6', 'PortRange': {'From': 3306, 'To': 3306}, 'SecurityGroupId': world.client_group}
    assert [c['Component']['Id'] for c in analysis['ReturnPathComponents']] == [acl, acl]


def test_without_a_port_any_open_one_will_do(world):
    assert world.analyse(world.client, world.db)['NetworkPathFound'] is False
    world.let_in(8443)
    analysis = world.analyse(world.client, world.db)
    assert analysis['NetworkPathFound'] is True
    assert analysis['ForwardPathComponents'][-1]['InboundHeader']['DestinationPortRanges'] == [{'From': 8443, 'To': 8443}]


def test_every_layer_that_blocks_is_told(world):
    ec2 = world.ec2
    analysis = world.analyse(world.client, world.db, 3306)
    assert codes(analysis) == [('ENI_SG_RULES_MISMATCH', 'ingress'), ('SG_HAS_NO_RULES', 'ingress')]
    assert analysis['Explanations'][0]['SecurityGroups'][0]['Id'] == world.db_group and analysis['Explanations'][0]['NetworkInterface']['Id'] == world.db
    acl = ec2.create_network_acl(VpcId=world.vpc)['NetworkAcl']['NetworkAclId']
    old = [a for n in ec2.describe_network_acls()['NetworkAcls'] for a in n['Associations'] if a['SubnetId'] == world.b][0]
    ec2.replace_network_acl_association(AssociationId=old['NetworkAclAssociationId'], NetworkAclId=acl)
    rule = ec2.describe_security_group_rules(Filters=[{'Name': 'group-id', 'Values': [world.client_group]}])['SecurityGroupRules'][0]['SecurityGroupRuleId']
    ec2.revoke_security_group_egress(GroupId=world.client_group, SecurityGroupRuleIds=[rule])
    world.let_in(80)
    analysis = world.analyse(world.client, world.db, 3306)
    assert codes(analysis) == [('ENI_SG_RULES_MISMATCH', 'egress'), ('SG_HAS_NO_RULES', 'egress'), ('SUBNET_ACL_RESTRICTION', 'ingress'), ('ENI_SG_RULES_MISMATCH', 'ingress'),
                               ('SUBNET_ACL_RESTRICTION', 'egress')]
    restriction = analysis['Explanations'][2]
    assert (restriction['Acl']['Id'], restriction['Subnet']['Id'], restriction['AclRule']['RuleAction']) == (acl, world.b, 'deny')


def test_no_route_and_no_public_address(world):
    ec2 = world.ec2
    analysis = world.analyse(world.client, DestinationIp='203.0.113.7', port=443)
    assert codes(analysis)[0][0] == 'NO_ROUTE_TO_DESTINATION' and analysis['Explanations'][0]['RouteTable']['Id'] == world.table
    gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=world.vpc)
    ec2.create_route(RouteTableId=world.table, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)
    analysis = world.analyse(world.client, gateway, 443)
    assert codes(analysis)[0][0] == 'IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS' and analysis['Explanations'][0]['InternetGateway']['Id'] == gateway
    assert codes(world.analyse(gateway, world.client, 443))[0][0] == 'IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS'
    ec2.associate_address(AllocationId=ec2.allocate_address()['AllocationId'], NetworkInterfaceId=world.client)
    analysis = world.analyse(world.client, gateway, 443)
    assert analysis['NetworkPathFound'] is True and analysis['ForwardPathComponents'][-1]['Component']['Id'] == gateway
    assert codes(world.analyse(gateway, world.client, 443))[0] == ('ENI_SG_RULES_MISMATCH', 'ingress')
    ec2.authorize_security_group_ingress(GroupId=world.client_group, IpProtocol='tcp', FromPort=443, ToPort=443, CidrIp='0.0.0.0/0')
    assert world.analyse(gateway, world.client, 443)['NetworkPathFound'] is True


def test_endpoints(world):
    endpoint = world.ec2.create_vpc_endpoint(VpcId=world.vpc, ServiceName='com.amazonaws.us-east-1.s3', RouteTableIds=[world.table])['VpcEndpoint']['VpcEndpointId']
    analysis = world.analyse(world.client, endpoint, 443)
    assert analysis['NetworkPathFound'] is True
    assert [c['RouteTableRoute'].get('DestinationPrefixListId') for c in analysis['ForwardPathComponents'] if 'RouteTableRoute' in c] == ['pl-63a5400a']
    assert analysis['ForwardPathComponents'][-1]['Component']['Id'] == endpoint
    interface = world.ec2.create_vpc_endpoint(VpcId=world.vpc, VpcEndpointType='Interface', ServiceName='com.amazonaws.us-east-1.sts', SubnetIds=[world.b], PrivateDnsEnabled=False,
                                              SecurityGroupIds=[world.db_group])['VpcEndpoint']['VpcEndpointId']
    assert codes(world.analyse(world.client, interface, 443))[0] == ('ENI_SG_RULES_MISMATCH', 'ingress')
    world.let_in(443)
    assert world.analyse(world.client, interface, 443)['NetworkPathFound'] is True


def test_vpcs_apart_and_ends_that_are_gone(world):
    other = World(world.ec2)
    analysis = world.analyse(world.client, other.db, 3306)
    assert codes(analysis) == [('DISCONNECTED_VPCS', None)]
    assert (analysis['Explanations'][0]['SourceVpc']['Id'], analysis['Explanations'][0]['DestinationVpc']['Id']) == (world.vpc, other.vpc)
    path = world.ec2.create_network_insights_path(Source=world.client, Destination=world.db, Protocol='tcp')['NetworkInsightsPath']['NetworkInsightsPathId']
    world.ec2.delete_network_interface(NetworkInterfaceId=world.db)
    analysis = world.ec2.start_network_insights_analysis(NetworkInsightsPathId=path)['NetworkInsightsAnalysis']
    assert (analysis['Explanations'][0]['ExplanationCode'], analysis['Explanations'][0]['MissingComponent']) == ('NO_SOURCE_OR_DESTINATION', world.db)


def test_over_a_peering(world):
    ec2 = world.ec2
    far = ec2.create_vpc(CidrBlock='10.50.0.0/16')['Vpc']['VpcId']
    subnet = ec2.create_subnet(VpcId=far, CidrBlock='10.50.1.0/24')['Subnet']['SubnetId']
    group = ec2.create_security_group(GroupName='far', Description='f', VpcId=far)['GroupId']
    eni = ec2.create_network_interface(SubnetId=subnet, Groups=[group])['NetworkInterface']['NetworkInterfaceId']
    table = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [far]}])['RouteTables'][0]['RouteTableId']
    assert codes(world.analyse(world.client, eni, 443)) == [('DISCONNECTED_VPCS', None)]
    peering = ec2.create_vpc_peering_connection(VpcId=world.vpc, PeerVpcId=far)['VpcPeeringConnection']['VpcPeeringConnectionId']
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert codes(world.analyse(world.client, eni, 443))[0][0] == 'NO_ROUTE_TO_DESTINATION'
    ec2.create_route(RouteTableId=world.table, DestinationCidrBlock='10.50.0.0/16', VpcPeeringConnectionId=peering)
    assert ('ENI_SG_RULES_MISMATCH', 'ingress') in codes(world.analyse(world.client, eni, 443))
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol='tcp', FromPort=443, ToPort=443, CidrIp='10.0.0.0/16')
    assert codes(world.analyse(world.client, eni, 443))[0][0] == 'NO_ROUTE_TO_DESTINATION'   # for the reply
    ec2.create_route(RouteTableId=table, DestinationCidrBlock='10.0.0.0/16', VpcPeeringConnectionId=peering)
    analysis = world.analyse(world.client, eni, 443)
    assert analysis['NetworkPathFound'] is True
    assert peering in [c['Component']['Id'] for c in analysis['ForwardPathComponents']]
    assert (analysis['ForwardPathComponents'][-1]['Component']['Id'], analysis['ForwardPathComponents'][-1]['Vpc']['Id']) == (eni, far)


def test_paths_and_analyses_as_resources(world):
    ec2 = world.ec2
    path = ec2.create_network_insights_path(Source=f'arn:aws:ec2:us-east-1:000000000000:network-interface/{world.client}', Destination=world.db, Protocol='tcp', DestinationPort=3306,
                                            TagSpecifications=[{'ResourceType': 'network-insights-path', 'Tags': [{'Key': 'Name', 'Value': 'db'}]}])['NetworkInsightsPath']
    assert path['Source'] == world.client and path['DestinationArn'].endswith(f'network-interface/{world.db}') and path['NetworkInsightsPathArn'].endswith(path['NetworkInsightsPathId'])
    analysis = ec2.start_network_insights_analysis(NetworkInsightsPathId=path['NetworkInsightsPathId'])['NetworkInsightsAnalysis']['NetworkInsightsAnalysisId']
    assert [a['NetworkInsightsAnalysisId'] for a in ec2.describe_network_insights_analyses(NetworkInsightsPathId=path['NetworkInsightsPathId'])['NetworkInsightsAnalyses']] == [analysis]
    found = ec2.describe_network_insights_analyses(Filters=[{'Name': 'path-found', 'Values': ['false']}])['NetworkInsightsAnalyses']
    assert analysis in {a['NetworkInsightsAnalysisId'] for a in found}
    fails('AnalysisExistsForNetworkInsightsPath', ec2.delete_network_insights_path, NetworkInsightsPathId=path['NetworkInsightsPathId'])
    ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=analysis)
    ec2.delete_network_insights_path(NetworkInsightsPathId=path['NetworkInsightsPathId'])
    fails('InvalidNetworkInsightsPathId.NotFound', ec2.start_network_insights_analysis, NetworkInsightsPathId=path['NetworkInsightsPathId'])
    fails('MissingParameter', ec2.create_network_insights_path, Source=world.client, Protocol='tcp')
    assert 'is none of these' in fails('UnsupportedOperation', ec2.create_network_insights_path, Source='i-0123456789abcdef0', Destination=world.db, Protocol='tcp')
