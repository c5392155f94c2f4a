"""A distribution before two APIs, seen from inside a VPC by its own name, over TLS, and by an alias that Route 53 knows."""

import json

import pytest

from tests.support.inside import Inside

HAAR_OPTIONS = ('--dns-port', '0')
DISABLED = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad'


def make_api(gateway, name, status):
    """An API whose GET /who answers with a status and the API's name."""
    api = gateway.create_rest_api(name=name)['id']
    root = gateway.get_resources(restApiId=api)['items'][0]['id']
    who = gateway.create_resource(restApiId=api, parentId=root, pathPart='who')['id']
    method = {'restApiId': api, 'resourceId': who, 'httpMethod': 'GET'}
    gateway.put_method(**method, authorizationType='NONE')
    gateway.put_integration(**method, type='MOCK', requestTemplates={'application/json': json.dumps({'statusCode': status})})
    gateway.put_method_response(**method, statusCode=str(status))
    gateway.put_integration_response(**method, statusCode=str(status), responseTemplates={'application/json': json.dumps({'who': name})})
    deployment = gateway.create_deployment(restApiId=api)['id']
    gateway.create_stage(restApiId=api, stageName='live', deploymentId=deployment)
    return api


@pytest.fixture(scope='module')
def inside(haar, client, network):
    ec2 = client('ec2')
    vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock='10.0.1.0/24')['Subnet']['SubnetId']
    gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['RouteTables'][0]['RouteTableId']
    ec2.create_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)
    eni = ec2.create_network_interface(SubnetId=subnet)['NetworkInterface']
    address = ec2.allocate_address(Domain='vpc')['AllocationId']
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=eni['NetworkInterfaceId'])
    return Inside(haar, eni['PrivateIpAddress'])


def test_from_a_vpc_through_an_alias_to_an_api(haar, client, inside):
    gateway, cloudfront, route53 = client('apigateway'), client('cloudfront'), client('route53')
    blue, green = make_api(gateway, 'blue', 503), make_api(gateway, 'green', 200)
    origins = [{'Id': name, 'DomainName': f'{api}.execute-api.us-east-1.amazonaws.com', 'OriginPath': '/live', 'CustomOriginConfig': {
        'HTTPPort': 80, 'HTTPSPort': 443, 'OriginProtocolPolicy': 'https-only'}} for name, api in (('blue', blue), ('green', green))]
    group = {'Id': 'both', 'FailoverCriteria': {'StatusCodes': {'Quantity': 1, 'Items': [503]}},
             'Members': {'Quantity': 2, 'Items': [{'OriginId': 'blue'}, {'OriginId': 'green'}]}}
    made = cloudfront.create_distribution(DistributionConfig={
        'CallerReference': 'vpc', 'Comment': '', 'Enabled': True, 'Origins': {'Quantity': 2, 'Items': origins}, 'OriginGroups': {'Quantity': 1, 'Items': [group]},
        'Aliases': {'Quantity': 1, 'Items': ['pay.example.com']}, 'ViewerCertificate': {
            'ACMCertificateArn': 'arn:aws:acm:us-east-1:000000000000:certificate/x', 'SSLSupportMethod': 'sni-only'},
        'DefaultCacheBehavior': {'TargetOriginId': 'both', 'ViewerProtocolPolicy': 'redirect-to-https', 'CachePolicyId': DISABLED}})['Distribution']
    zone = route53.create_hosted_zone(Name='example.com', CallerReference='vpc')['HostedZone']['Id']
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={'Changes': [{'Action': 'CREATE', 'ResourceRecordSet': {
        'Name': 'pay.example.com', 'Type': 'A', 'AliasTarget': {'HostedZoneId': 'Z2FDTNDATAQYW2', 'DNSName': made['DomainName'], 'EvaluateTargetHealth': False}}}]})
    answers = json.loads(inside.python(f'''
        import http.client, json, ssl, socket
        from tests.support.dns import ask
        answers = []
        for host in ("{made['DomainName']}", "pay.example.com"):
            address = ask("10.0.0.2:53", host).values[0]
            context = ssl.create_default_context(cafile="{haar.ca}")
            connection = http.client.HTTPSConnection(host, timeout=20)
            connection.sock = context.wrap_socket(socket.create_connection((address, 443), 20), server_hostname=host)
            connection.request("GET", "/who")
            answer = connection.getresponse()
            answers.append([answer.status, answer.headers["X-Cache"], json.loads(answer.read())])
        plain = http.client.HTTPConnection(ask("10.0.0.2:53", "pay.example.com").values[0], 80, timeout=20)
        plain.request("GET", "/who", headers={{"Host": "pay.example.com"}})
        answer = plain.getresponse()
        answers.append([answer.status, answer.headers["Location"]])
        print(json.dumps(answers))
        '''))
    expected = [200, 'Miss from cloudfront', {'who': 'green'}]  # blue answers 503: the group goes on to green
    assert answers == [expected, expected, [301, 'https://pay.example.com/who']]
