"""A template's network, by CloudFormation: up, changed, gone."""

import json

import pytest

from tests.support.daemon import wait_for

TEMPLATE = {
    'Resources': {
        'Vpc': {'Type': 'AWS::EC2::VPC', 'Properties': {'CidrBlock': '10.0.0.0/16', 'EnableDnsSupport': True, 'EnableDnsHostnames': True,
                                                        'Tags': [{'Key': 'Name', 'Value': {'Fn::Sub': '${AWS::StackName}-vpc'}}]}},
        'SubnetA': {'Type': 'AWS::EC2::Subnet', 'Properties': {
            'VpcId': {'Ref': 'Vpc'}, 'AvailabilityZone': {'Fn::Select': [0, {'Fn::GetAZs': ''}]},
            'CidrBlock': {'Fn::Select': [0, {'Fn::Cidr': [{'Fn::GetAtt': ['Vpc', 'CidrBlock']}, 4, 8]}]}}},
        'SubnetB': {'Type': 'AWS::EC2::Subnet', 'Properties': {
            'VpcId': {'Ref': 'Vpc'}, 'AvailabilityZone': {'Fn::Select': [1, {'Fn::GetAZs': ''}]},
            'CidrBlock': {'Fn::Select': [1, {'Fn::Cidr': [{'Fn::GetAtt': ['Vpc', 'CidrBlock']}, 4, 8]}]}}},
        'Gateway': {'Type': 'AWS::EC2::InternetGateway'},
        'Attachment': {'Type': 'AWS::EC2::VPCGatewayAttachment', 'Properties': {'VpcId': {'Ref': 'Vpc'}, 'InternetGatewayId': {'Ref': 'Gateway'}}},
        'Table': {'Type': 'AWS::EC2::RouteTable', 'Properties': {'VpcId': {'Ref': 'Vpc'}}},
        'Way': {'Type': 'AWS::EC2::Route', 'DependsOn': 'Attachment',
                'Properties': {'RouteTableId': {'Ref': 'Table'}, 'DestinationCidrBlock': '0.0.0.0/0', 'GatewayId': {'Ref': 'Gateway'}}},
        'TableA': {'Type': 'AWS::EC2::SubnetRouteTableAssociation', 'Properties': {'SubnetId': {'Ref': 'SubnetA'}, 'RouteTableId': {'Ref': 'Table'}}},
        'Functions': {'Type': 'AWS::EC2::SecurityGroup', 'Properties': {'GroupDescription': 'functions', 'VpcId': {'Ref': 'Vpc'}}},
        'Endpoint': {'Type': 'AWS::EC2::SecurityGroup', 'Properties': {
            'GroupDescription': 'endpoint', 'VpcId': {'Ref': 'Vpc'},
            'SecurityGroupIngress': [{'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'SourceSecurityGroupId': {'Ref': 'Functions'}}]}},
        'Itself': {'Type': 'AWS::EC2::SecurityGroupIngress', 'Properties': {
            'GroupId': {'Fn::GetAtt': ['Functions', 'GroupId']}, 'IpProtocol': 'tcp', 'FromPort': 3306, 'ToPort': 3306, 'SourceSecurityGroupId': {'Ref': 'Functions'}}},
        'S3': {'Type': 'AWS::EC2::VPCEndpoint', 'Properties': {
            'VpcId': {'Ref': 'Vpc'}, 'ServiceName': {'Fn::Sub': 'com.amazonaws.${AWS::Region}.s3'}, 'VpcEndpointType': 'Gateway', 'RouteTableIds': [{'Ref': 'Table'}],
            'PolicyDocument': {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 's3:*', 'Resource': '*'}]}}},
        'Secrets': {'Type': 'AWS::EC2::VPCEndpoint', 'Properties': {
            'VpcId': {'Ref': 'Vpc'}, 'ServiceName': {'Fn::Sub': 'com.amazonaws.${AWS::Region}.secretsmanager'}, 'VpcEndpointType': 'Interface',
            'SubnetIds': [{'Ref': 'SubnetA'}, {'Ref': 'SubnetB'}], 'SecurityGroupIds': [{'Ref': 'Endpoint'}], 'PrivateDnsEnabled': True}},
    },
    'Outputs': {'Vpc': {'Value': {'Ref': 'Vpc'}}, 'Group': {'Value': {'Fn::GetAtt': ['Endpoint', 'GroupId']}}, 'Table': {'Value': {'Ref': 'Table'}},
                'Interfaces': {'Value': {'Fn::Join': [',', {'Fn::GetAtt': ['Secrets', 'NetworkInterfaceIds']}]}}},
}


@pytest.fixture(scope='module')
def formation(haar):
    return haar.client('cloudformation')


def settled(formation, name):
    def look():
        stack = formation.describe_stacks(StackName=name)['Stacks'][0]
        return None if stack['StackStatus'].endswith('IN_PROGRESS') else stack
    return wait_for(look, 'the stack has settled')


def failures(formation, name):
    return [(e['LogicalResourceId'], e.get('ResourceStatusReason')) for e in formation.describe_stack_events(StackName=name)['StackEvents'] if 'FAILED' in e['ResourceStatus']]


def outputs(stack):
    return {o['OutputKey']: o['OutputValue'] for o in stack['Outputs']}


def test_up_changed_gone(haar, formation):
    ec2 = haar.client('ec2')
    formation.create_stack(StackName='net', TemplateBody=json.dumps(TEMPLATE))
    stack = settled(formation, 'net')
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, 'net')
    out = outputs(stack)
    vpc = ec2.describe_vpcs(VpcIds=[out['Vpc']])['Vpcs'][0]
    tags = {t['Key']: t['Value'] for t in vpc['Tags']}
    assert tags['Name'] == 'net-vpc' and tags['aws:cloudformation:logical-id'] == 'Vpc'
    routes = ec2.describe_route_tables(RouteTableIds=[out['Table']])['RouteTables'][0]['Routes']
    assert {r['State'] for r in routes} == {'active'} and len(routes) == 3
    assert len(out['Interfaces'].split(',')) == 2
    changed = json.loads(json.dumps(TEMPLATE))
    changed['Resources']['Endpoint']['Properties']['SecurityGroupIngress'][0]['FromPort'] = 80
    changed['Resources']['S3']['Properties']['RouteTableIds'] = []
    formation.update_stack(StackName='net', TemplateBody=json.dumps(changed))
    stack = settled(formation, 'net')
    assert stack['StackStatus'] == 'UPDATE_COMPLETE', failures(formation, 'net')
    assert ec2.describe_security_groups(GroupIds=[out['Group']])['SecurityGroups'][0]['IpPermissions'][0]['FromPort'] == 80
    assert len(ec2.describe_route_tables(RouteTableIds=[out['Table']])['RouteTables'][0]['Routes']) == 2
    formation.delete_stack(StackName=stack['StackId'])
    assert settled(formation, stack['StackId'])['StackStatus'] == 'DELETE_COMPLETE', failures(formation, stack['StackId'])
    assert ec2.describe_vpcs(Filters=[{'Name': 'vpc-id', 'Values': [out['Vpc']]}])['Vpcs'] == []


MORE = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Peer: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.50.0.0/16}}
  Second: {Type: AWS::EC2::VPCCidrBlock, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.1.0.0/16}}
  Six: {Type: AWS::EC2::VPCCidrBlock, Properties: {VpcId: !Ref Vpc, AmazonProvidedIpv6CidrBlock: true}}
  Subnet:
    Type: AWS::EC2::Subnet
    DependsOn: Six
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: 10.0.1.0/24
      Ipv6CidrBlock: !Select [0, !Cidr [!Select [0, !GetAtt Vpc.Ipv6CidrBlocks], 4, 64]]
  Plain: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.2.0/24}}
  PlainSix:
    Type: AWS::EC2::SubnetCidrBlock
    DependsOn: Six
    Properties: {SubnetId: !Ref Plain, Ipv6CidrBlock: !Select [1, !Cidr [!Select [0, !GetAtt Vpc.Ipv6CidrBlocks], 4, 64]]}
  Pcx: {Type: AWS::EC2::VPCPeeringConnection, Properties: {VpcId: !Ref Vpc, PeerVpcId: !Ref Peer, Tags: [{Key: Name, Value: both}]}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  ToPeer: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 10.50.0.0/16, VpcPeeringConnectionId: !Ref Pcx}}
  Eigw: {Type: AWS::EC2::EgressOnlyInternetGateway, Properties: {VpcId: !Ref Vpc}}
  Out6: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Table, DestinationIpv6CidrBlock: '::/0', EgressOnlyInternetGatewayId: !Ref Eigw}}
  Offices:
    Type: AWS::EC2::PrefixList
    Properties: {PrefixListName: offices, AddressFamily: IPv4, MaxEntries: 5, Entries: [{Cidr: 192.0.2.0/24, Description: one}, {Cidr: 198.51.100.0/24}]}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: g
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, SourcePrefixListId: !Ref Offices}]
  Dhcp: {Type: AWS::EC2::DHCPOptions, Properties: {DomainName: corp.example, DomainNameServers: [AmazonProvidedDNS], NtpServers: [10.0.0.7]}}
  DhcpOfVpc: {Type: AWS::EC2::VPCDHCPOptionsAssociation, Properties: {VpcId: !Ref Vpc, DhcpOptionsId: !Ref Dhcp}}
  Eni:
    Type: AWS::EC2::NetworkInterface
    Properties: {SubnetId: !Ref Subnet, SecondaryPrivateIpAddressCount: 1, Ipv6AddressCount: 1, GroupSet: [!Ref Group], SourceDestCheck: false}
  Ip: {Type: AWS::EC2::EIP, Properties: {Domain: vpc}}
  IpOfEni: {Type: AWS::EC2::EIPAssociation, Properties: {AllocationId: !GetAtt Ip.AllocationId, NetworkInterfaceId: !Ref Eni}}
  Nat: {Type: AWS::EC2::NatGateway, Properties: {SubnetId: !Ref Subnet, ConnectivityType: private}}
  Bucket: {Type: AWS::S3::Bucket}
  Flows:
    Type: AWS::EC2::FlowLog
    Properties: {ResourceId: !Ref Vpc, ResourceType: VPC, TrafficType: REJECT, LogDestinationType: s3, LogDestination: !GetAtt Bucket.Arn, MaxAggregationInterval: 60,
                 Tags: [{Key: Name, Value: rejected}]}
  Other: {Type: AWS::EC2::NetworkInterface, Properties: {SubnetId: !Ref Plain, GroupSet: [!Ref Group]}}
  Way: {Type: AWS::EC2::NetworkInsightsPath, Properties: {Source: !Ref Eni, Destination: !Ref Other, Protocol: tcp, DestinationPort: 443}}
  Looked: {Type: AWS::EC2::NetworkInsightsAnalysis, Properties: {NetworkInsightsPathId: !Ref Way}}
Outputs:
  Found: {Value: !GetAtt Looked.NetworkPathFound}
  Vpc: {Value: !Ref Vpc}
  Six: {Value: !Select [0, !GetAtt Vpc.Ipv6CidrBlocks]}
  Subnet: {Value: !Ref Subnet}
  Eni: {Value: !Ref Eni}
  Table: {Value: !Ref Table}
  List: {Value: !GetAtt Offices.PrefixListId}
  Version: {Value: !GetAtt Offices.Version}
  Dhcp: {Value: !Ref Dhcp}
  Flows: {Value: !GetAtt Flows.Id}
  Secondary: {Value: !Select [0, !GetAtt Eni.SecondaryPrivateIpAddresses]}
"""


def test_ranges_peering_lists_and_the_rest(haar, formation):
    ec2 = haar.client('ec2')
    formation.create_stack(StackName='more', TemplateBody=MORE)
    stack = settled(formation, 'more')
    assert stack['StackStatus'] == 'CREATE_COMPLETE', failures(formation, 'more')
    out = outputs(stack)
    vpc = ec2.describe_vpcs(VpcIds=[out['Vpc']])['Vpcs'][0]
    assert [a['CidrBlock'] for a in vpc['CidrBlockAssociationSet']] == ['10.0.0.0/16', '10.1.0.0/16'] and vpc['DhcpOptionsId'] == out['Dhcp']
    assert vpc['Ipv6CidrBlockAssociationSet'][0]['Ipv6CidrBlock'] == out['Six']
    assert ec2.describe_subnets(SubnetIds=[out['Subnet']])['Subnets'][0]['Ipv6CidrBlockAssociationSet'][0]['Ipv6CidrBlock'] == out['Six'].replace('/56', '/64')
    eni = ec2.describe_network_interfaces(NetworkInterfaceIds=[out['Eni']])['NetworkInterfaces'][0]
    assert eni['PrivateIpAddresses'][1]['PrivateIpAddress'] == out['Secondary'] and len(eni['Ipv6Addresses']) == 1 and eni['Association']['PublicIp']
    found = {(r.get('DestinationCidrBlock') or r.get('DestinationIpv6CidrBlock')): r['State'] for r in ec2.describe_route_tables(RouteTableIds=[out['Table']])['RouteTables'][0]['Routes']}
    assert found['10.50.0.0/16'] == found['::/0'] == 'active'
    assert out['Version'] == '1' and out['Found'] == 'false'
    flows = ec2.describe_flow_logs(FlowLogIds=[out['Flows']])['FlowLogs'][0]
    assert (flows['ResourceId'], flows['TrafficType'], flows['MaxAggregationInterval']) == (out['Vpc'], 'REJECT', 60)
    formation.update_stack(StackName='more', TemplateBody=MORE.replace('MaxEntries: 5', 'MaxEntries: 2').replace('{Cidr: 198.51.100.0/24}', '{Cidr: 203.0.113.0/24}'))
    stack = settled(formation, 'more')
    assert stack['StackStatus'] == 'UPDATE_COMPLETE', failures(formation, 'more')
    assert [e['Cidr'] for e in ec2.get_managed_prefix_list_entries(PrefixListId=out['List'])['Entries']] == ['192.0.2.0/24', '203.0.113.0/24']
    assert outputs(stack)['Version'] == '2'
    formation.delete_stack(StackName=stack['StackId'])
    assert settled(formation, stack['StackId'])['StackStatus'] == 'DELETE_COMPLETE', failures(formation, stack['StackId'])
    assert ec2.describe_vpcs(Filters=[{'Name': 'vpc-id', 'Values': [out['Vpc']]}])['Vpcs'] == []


def test_a_nat_gateway_without_an_internet_gateway_fails_the_stack(formation):
    formation.create_stack(StackName='nat', OnFailure='DELETE', TemplateBody="""
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  Ip: {Type: AWS::EC2::EIP, Properties: {Domain: vpc}}
  Nat: {Type: AWS::EC2::NatGateway, Properties: {SubnetId: !Ref Subnet, AllocationId: !GetAtt Ip.AllocationId}}
""")
    stack_id = formation.describe_stacks(StackName='nat')['Stacks'][0]['StackId']
    settled(formation, stack_id)
    reasons = [reason for name, reason in failures(formation, stack_id) if name == 'Nat']
    assert 'has no Internet gateway attached' in reasons[0]
