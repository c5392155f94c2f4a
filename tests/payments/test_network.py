"""Packets: what the private subnets reach, and what stops when a route or a rule goes."""

import ipaddress

from tests.support.daemon import wait_for


def subnets(stack):
    ids = [stack.id(n) for n in ('PublicSubnetA', 'PublicSubnetB', 'PrivateSubnetA', 'PrivateSubnetB')]
    found = {s['SubnetId']: s for s in stack.client('ec2').describe_subnets(SubnetIds=ids)['Subnets']}
    return [found[i] for i in ids]


def test_vpc_resolves_names(stack):
    ec2 = stack.client('ec2')
    for attribute, member in (('enableDnsSupport', 'EnableDnsSupport'), ('enableDnsHostnames', 'EnableDnsHostnames')):
        assert ec2.describe_vpc_attribute(VpcId=stack.id('Vpc'), Attribute=attribute)[member]['Value'] is True
    assert ec2.describe_vpcs(VpcIds=[stack.id('Vpc')])['Vpcs'][0]['CidrBlock'] == '10.0.0.0/16'


def test_subnets_lie_in_two_zones(stack):
    public_a, public_b, private_a, private_b = subnets(stack)
    assert public_a['AvailabilityZone'] == private_a['AvailabilityZone'] != public_b['AvailabilityZone'] == private_b['AvailabilityZone']
    assert [s['CidrBlock'] for s in (public_a, public_b, private_a, private_b)] == ['10.0.0.0/24', '10.0.1.0/24', '10.0.10.0/24', '10.0.11.0/24']


def routes(stack, table):
    return stack.client('ec2').describe_route_tables(RouteTableIds=[stack.id(table)])['RouteTables'][0]['Routes']


def test_only_public_subnets_have_a_way_to_the_internet(stack, probe):
    assert [r['GatewayId'] for r in routes(stack, 'PublicRouteTable') if r.get('DestinationCidrBlock') == '0.0.0.0/0'] == [stack.id('InternetGateway')]
    assert [r.get('DestinationCidrBlock') for r in routes(stack, 'PrivateRouteTable') if 'DestinationCidrBlock' in r] == ['10.0.0.0/16']
    for name in ('PrivateSubnetA', 'PrivateSubnetB'):
        tables = stack.client('ec2').describe_route_tables(Filters=[{'Name': 'association.subnet-id', 'Values': [stack.id(name)]}])['RouteTables']
        assert [t['RouteTableId'] for t in tables] == [stack.id('PrivateRouteTable')], name
    assert probe.probe('connect', host='192.0.2.1', port=443, timeout=1)['error'] in ('TimeoutError', 'timeout', 'OSError')


def test_functions_have_interfaces_in_both_private_subnets(stack):
    private = {stack.id('PrivateSubnetA'), stack.id('PrivateSubnetB')}
    config = stack.client('lambda').get_function_configuration(FunctionName=stack.outputs['FunctionName']).get('VpcConfig', {})
    assert set(config.get('SubnetIds', [])) == private
    interfaces = stack.client('ec2').describe_network_interfaces(Filters=[{'Name': 'group-id', 'Values': [stack.id('FunctionSecurityGroup')]}])
    assert {i['SubnetId'] for i in interfaces['NetworkInterfaces']} == private


def test_private_dns_leads_to_the_interface_endpoint(stack, probe):
    addresses = probe.probe('resolve', host='secretsmanager.us-east-1.amazonaws.com')['ok']
    networks = [ipaddress.ip_network(s['CidrBlock']) for s in subnets(stack)[2:]]
    assert len(addresses) == 2 and all(any(ipaddress.ip_address(a) in n for n in networks) for a in addresses)


def test_database_name_leads_into_the_private_subnets(stack, probe, outputs):
    addresses = probe.probe('resolve', host=outputs['DatabaseEndpoint'])['ok']
    networks = [ipaddress.ip_network(s['CidrBlock']) for s in subnets(stack)[2:]]
    assert len(addresses) == 1 and any(ipaddress.ip_address(addresses[0]) in n for n in networks)


def test_function_reaches_what_it_needs(probe, outputs):
    reached = {host: probe.probe('connect', host=host, port=port) for host, port in (
        ('dynamodb.us-east-1.amazonaws.com', 443), ('s3.us-east-1.amazonaws.com', 443), ('secretsmanager.us-east-1.amazonaws.com', 443),
        (outputs['DatabaseEndpoint'], 3306))}
    assert {host: answer for host, answer in reached.items() if answer != {'ok': True}} == {}


def test_services_without_an_endpoint_are_out_of_reach(stack, probe):
    """Everybody may ask STS who they are: outside of the VPC the call is answered, inside nothing but the network is in its way."""
    stack.make_probe('free', vpc=False)
    assert ':assumed-role/' in probe.probe_call('sts', 'get_caller_identity', probe='free').get('ok', {}).get('Arn', '')
    assert probe.probe_call('sts', 'get_caller_identity').get('error') == 'ConnectTimeoutError'


def test_endpoint_policies_let_through_only_what_payments_need(stack):
    """A role that may do anything is refused at the endpoint what payments do not need."""
    stack.client('iam').attach_role_policy(RoleName=stack.make_role('mighty').split('/')[-1], PolicyArn='arn:aws:iam::aws:policy/AdministratorAccess')
    stack.make_probe('mighty', role=stack.client('iam').get_role(RoleName='mighty')['Role']['Arn'])
    stack.client('s3').create_bucket(Bucket='somebody-elses')
    get = stack.probe_call('dynamodb', 'get_item', probe='mighty', TableName=stack.outputs['SessionTableName'], Key={'sessionId': {'S': 'nobody'}})
    assert 'ok' in get, get
    for service, operation, arguments in (('dynamodb', 'list_tables', {}), ('dynamodb', 'scan', {'TableName': stack.outputs['SessionTableName']}),
                                          ('s3', 'put_object', {'Bucket': 'somebody-elses', 'Key': 'stolen', 'Body': 'x'}), ('s3', 'list_buckets', {})):
        answer = stack.probe_call(service, operation, probe='mighty', **arguments)
        assert answer.get('error', 'ok').startswith('AccessDenied') and 'VPC endpoint policy' in answer['message'], (operation, answer)


def test_database_takes_no_other_port(probe, outputs):
    assert 'ok' not in probe.probe('connect', host=outputs['DatabaseEndpoint'], port=22, timeout=1)


def without_gateway(stack, endpoint, action):
    """Runs action while the endpoint is not in the private route table."""
    ec2, table = stack.client('ec2'), stack.id('PrivateRouteTable')
    ec2.modify_vpc_endpoint(VpcEndpointId=stack.id(endpoint), RemoveRouteTableIds=[table])
    try:
        return action()
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=stack.id(endpoint), AddRouteTableIds=[table])


def test_without_the_dynamodb_route_the_call_hangs(stack, probe):
    name = 'dynamodb.us-east-1.amazonaws.com'
    assert 'ok' not in without_gateway(stack, 'DynamoDBEndpoint', lambda: probe.probe('connect', host=name, port=443, timeout=1))
    assert probe.probe('connect', host=name, port=443) == {'ok': True}


def test_without_the_s3_route_a_payment_fails_and_nothing_is_booked(stack, payment):
    """The log cannot be written: the booking is rolled back, and the same request succeeds when the route is there again."""
    key, body = stack.key(), {'amount': '3.00', 'currency': 'EUR'}
    status, _, answer = without_gateway(stack, 'S3Endpoint', lambda: stack.post(body, key))
    assert status in (502, 504) and answer['error']['retry'] is True
    session = stack.session(key)
    assert session['status'] == 'failed' and stack.ledger(session['paymentId']) is None
    assert stack.post(body, key)[0] == 200
    assert stack.ledger(session['paymentId'])['payment']['amount_minor'] == '300'


def test_database_group_decides(stack, probe, outputs):
    ec2, group = stack.client('ec2'), stack.id('DatabaseSecurityGroup')
    rule = {'IpProtocol': 'tcp', 'FromPort': 3306, 'ToPort': 3306, 'UserIdGroupPairs': [{'GroupId': stack.id('FunctionSecurityGroup')}]}
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    try:
        assert 'ok' not in probe.probe('connect', host=outputs['DatabaseEndpoint'], port=3306, timeout=1)
    finally:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert probe.probe('connect', host=outputs['DatabaseEndpoint'], port=3306) == {'ok': True}


def test_endpoint_group_decides(stack, probe):
    ec2, group = stack.client('ec2'), stack.id('EndpointSecurityGroup')
    rule = {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'UserIdGroupPairs': [{'GroupId': stack.id('FunctionSecurityGroup')}]}
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    try:
        assert 'ok' not in probe.probe('connect', host='secretsmanager.us-east-1.amazonaws.com', port=443, timeout=1)
    finally:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert probe.probe('connect', host='secretsmanager.us-east-1.amazonaws.com', port=443) == {'ok': True}


def test_endpoint_policy_holds(stack, probe):
    """The role may read nothing of other tables anyway; here the endpoint refuses what the role allows."""
    ec2, endpoint = stack.client('ec2'), stack.id('DynamoDBEndpoint')
    before = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])['VpcEndpoints'][0]['PolicyDocument']
    deny = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:GetItem","Resource":"*"}]}'
    arguments = {'TableName': stack.outputs['SessionTableName'], 'Key': {'sessionId': {'S': 'nobody'}}}
    assert 'ok' in probe.probe_call('dynamodb', 'get_item', **arguments)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=deny)
    try:
        denied = wait_for(lambda: probe.probe_call('dynamodb', 'get_item', **arguments), 'an answer')
        assert denied['error'] == 'AccessDeniedException' and 'VPC endpoint policy' in denied['message']
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=before)
    assert 'ok' in probe.probe_call('dynamodb', 'get_item', **arguments)
