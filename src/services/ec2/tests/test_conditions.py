"""aws:SourceVpc, aws:SourceVpce, aws:VpcSourceIp and aws:SourceIp are true to where a call came from: a gateway endpoint, an interface endpoint, a NAT gateway, the host."""

import json

import botocore.exceptions
import pytest

from tests.network.place import Place
from tests.support.daemon import wait_for


@pytest.fixture(scope='module')
def place(haar):
    if 'network off' in haar.log:
        pytest.skip(f'namespaces are forbidden here: {haar.log}')
    place = Place(haar)
    place.allow('s3:*', 'kms:*')
    place.function('pay')
    place.s3 = haar.client('s3')
    place.s3.create_bucket(Bucket='books')
    return place


def only(place, operator, key, value):
    """The bucket denies the function's role what does not come from there."""
    statement = {'Effect': 'Deny', 'Principal': {'AWS': place.role}, 'Action': 's3:*', 'Resource': ['arn:aws:s3:::books', 'arn:aws:s3:::books/*'],
                 'Condition': {operator: {key: value}}}
    place.s3.put_bucket_policy(Bucket='books', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [statement]}))
    return place.invoke('pay', service='s3', operation='list_objects_v2', arguments={'Bucket': 'books'}, timeout=5)


def test_through_a_gateway_endpoint(place):
    endpoint = place.ec2.create_vpc_endpoint(VpcId=place.vpc, ServiceName='com.amazonaws.us-east-1.s3', RouteTableIds=[place.table])['VpcEndpoint']['VpcEndpointId']
    assert only(place, 'StringNotEquals', 'aws:SourceVpce', endpoint) == {'ok': 200}
    assert only(place, 'StringNotEquals', 'aws:SourceVpce', 'vpce-0123456789abcdef0') == 'AccessDenied'
    assert only(place, 'StringNotEquals', 'aws:SourceVpc', place.vpc) == {'ok': 200}
    assert only(place, 'StringNotEquals', 'aws:SourceVpc', 'vpc-0123456789abcdef0') == 'AccessDenied'
    assert only(place, 'NotIpAddress', 'aws:VpcSourceIp', '10.0.10.0/24') == {'ok': 200}
    assert only(place, 'NotIpAddress', 'aws:VpcSourceIp', '10.0.11.0/24') == 'AccessDenied'
    assert only(place, 'NotIpAddress', 'aws:SourceIp', '0.0.0.0/0') == 'AccessDenied'   # through an endpoint there is no such key
    assert only(place, 'Null', 'aws:SourceIp', 'false') == {'ok': 200}
    place.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])


def test_through_an_interface_endpoint(place):
    endpoint = place.endpoint('kms')
    place.let_in()
    key = place.haar.client('kms').create_key()['KeyMetadata']['KeyId']
    root = {'Effect': 'Allow', 'Principal': {'AWS': 'arn:aws:iam::000000000000:root'}, 'Action': 'kms:*', 'Resource': '*'}

    def only_from(operator, name, value):
        deny = {'Effect': 'Deny', 'Principal': {'AWS': place.role}, 'Action': 'kms:DescribeKey', 'Resource': '*', 'Condition': {operator: {name: value}}}
        place.haar.client('kms').put_key_policy(KeyId=key, PolicyName='default', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [root, deny]}))
        return place.invoke('pay', service='kms', operation='describe_key', arguments={'KeyId': key}, timeout=5)

    assert only_from('StringNotEquals', 'aws:SourceVpce', endpoint) == {'ok': 200}
    assert only_from('StringNotEquals', 'aws:SourceVpce', 'vpce-0123456789abcdef0') == 'AccessDeniedException'
    assert only_from('StringNotEquals', 'aws:SourceVpc', place.vpc) == {'ok': 200}
    assert only_from('NotIpAddress', 'aws:VpcSourceIp', '10.0.10.0/24') == {'ok': 200}
    assert only_from('NotIpAddress', 'aws:VpcSourceIp', '192.0.2.0/24') == 'AccessDeniedException'
    assert only_from('Null', 'aws:SourceIp', 'false') == {'ok': 200}


def test_through_a_nat_gateway(place):
    ec2 = place.ec2
    gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=place.vpc)
    public = ec2.create_subnet(VpcId=place.vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    table = ec2.create_route_table(VpcId=place.vpc)['RouteTable']['RouteTableId']
    ec2.create_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=public)
    address = ec2.allocate_address()
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=address['AllocationId'])['NatGateway']['NatGatewayId']
    ec2.create_route(RouteTableId=place.table, DestinationCidrBlock='0.0.0.0/0', NatGatewayId=nat)
    place.s3.delete_bucket_policy(Bucket='books')
    wait_for(lambda: place.invoke('pay', service='s3', operation='list_objects_v2', arguments={'Bucket': 'books'}) == {'ok': 200}, 'the NAT gateway leads to S3')
    assert only(place, 'NotIpAddress', 'aws:SourceIp', f"{address['PublicIp']}/32") == {'ok': 200}
    assert only(place, 'NotIpAddress', 'aws:SourceIp', '10.0.0.0/8') == 'AccessDenied'
    for key in ('aws:SourceVpc', 'aws:SourceVpce', 'aws:VpcSourceIp'):
        assert only(place, 'Null', key, 'false') == {'ok': 200}
        assert only(place, 'Null', key, 'true') == 'AccessDenied'


def test_a_role_that_may_from_its_vpc_only(place):
    place.iam.put_role_policy(RoleName='app', PolicyName='dynamodb', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'dynamodb:ListTables', 'Resource': '*', 'Condition': {'StringEquals': {'aws:SourceVpc': place.vpc}}}]}))
    assert place.invoke('pay', service='dynamodb', operation='list_tables') == 'AccessDeniedException'   # by the NAT gateway
    endpoint = place.ec2.create_vpc_endpoint(VpcId=place.vpc, ServiceName='com.amazonaws.us-east-1.dynamodb', RouteTableIds=[place.table])['VpcEndpoint']['VpcEndpointId']
    assert place.invoke('pay', service='dynamodb', operation='list_tables') == {'ok': 200}
    place.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])


def test_from_the_host(place):
    place.iam.create_user(UserName='dev')
    key = place.iam.create_access_key(UserName='dev')['AccessKey']
    s3 = place.haar.client('s3', aws_access_key_id=key['AccessKeyId'], aws_secret_access_key=key['SecretAccessKey'])

    def may(operator, name, value):
        place.iam.put_user_policy(UserName='dev', PolicyName='s3', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*', 'Condition': {operator: {name: value}}}]}))
        try:
            s3.list_objects_v2(Bucket='books')
            return True
        except botocore.exceptions.ClientError as error:
            assert error.response['Error']['Code'] == 'AccessDenied', error
            return False

    assert may('IpAddress', 'aws:SourceIp', '127.0.0.1/32')
    assert not may('IpAddress', 'aws:SourceIp', '10.0.0.0/8')
    assert may('Null', 'aws:SourceVpc', 'true') and may('Null', 'aws:SourceVpce', 'true')
    assert not may('StringEquals', 'aws:SourceVpc', place.vpc)
