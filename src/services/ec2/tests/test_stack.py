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
