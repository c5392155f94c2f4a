"""Hosted zones in the VPCs' resolvers: public ones everywhere, private ones where they are associated; health checks in the region's internet."""

import pytest

from tests.support.daemon import wait_for
from tests.support.inside import Inside

HAAR_OPTIONS = ('--dns-port', '0')


def record(name, kind, *values, **more):
    return {'Name': name, 'Type': kind, 'TTL': 60, 'ResourceRecords': [{'Value': value} for value in values], **more}


def put(route53, zone, *sets):
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={'Changes': [{'Action': 'UPSERT', 'ResourceRecordSet': s} for s in sets]})


@pytest.fixture(scope='module')
def route53(client):
    return client('route53')


@pytest.fixture(scope='module')
def vpcs(haar, client, network):
    ec2, made = client('ec2'), []
    for cidr in ('10.0.0.0/16', '10.1.0.0/16'):
        vpc = ec2.create_vpc(CidrBlock=cidr)['Vpc']['VpcId']
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={'Value': True})
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr.replace('0.0/16', '1.0/24'))['Subnet']['SubnetId']
        eni = ec2.create_network_interface(SubnetId=subnet)['NetworkInterface']
        made.append((vpc, cidr.replace('0.0/16', '0.2:53'), Inside(haar, eni['PrivateIpAddress'])))
    return made


def test_private_zones_go_before_public_ones(route53, vpcs):
    (one, server_one, in_one), (_, server_two, in_two) = vpcs
    public = route53.create_hosted_zone(Name='example.com', CallerReference='public')['HostedZone']['Id']
    put(route53, public, record('www.example.com', 'A', '203.0.113.1'), record('only.example.com', 'A', '203.0.113.2'))
    vpc = {'VPCRegion': 'us-east-1', 'VPCId': one}
    private = route53.create_hosted_zone(Name='example.com', CallerReference='private', VPC=vpc)['HostedZone']['Id']
    deeper = route53.create_hosted_zone(Name='db.example.com', CallerReference='deeper', VPC=vpc)['HostedZone']['Id']
    put(route53, private, record('www.example.com', 'A', '10.0.1.10'), record('c.example.com', 'CNAME', 'writer.db.example.com'))
    put(route53, deeper, record('writer.db.example.com', 'A', '10.0.1.20'))
    assert in_one.ask(server_one, 'www.example.com') == ('NOERROR', ['10.0.1.10'])
    assert in_one.ask(server_one, 'only.example.com') == ('NXDOMAIN', [])  # the private zone hides the public one
    assert in_one.ask(server_one, 'c.example.com') == ('NOERROR', ['writer.db.example.com.', '10.0.1.20'])
    assert in_two.ask(server_two, 'www.example.com') == ('NOERROR', ['203.0.113.1'])
    assert in_two.ask(server_two, 'only.example.com') == ('NOERROR', ['203.0.113.2'])
    assert in_two.ask(server_two, 'writer.db.example.com')[0] == 'NXDOMAIN'
    assert in_two.ask(server_two, 'nobody.example.net')[0] == 'NXDOMAIN'


def test_the_most_specific_of_a_private_zone_and_an_endpoint_answers(client, route53, haar, vpcs):
    """An endpoint's private DNS name is a zone of AWS's in the VPC."""
    (vpc, server, inside), _ = vpcs
    ec2 = client('ec2')
    subnet = ec2.describe_subnets(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['Subnets'][0]['SubnetId']
    ec2.create_vpc_endpoint(VpcId=vpc, VpcEndpointType='Interface', ServiceName='com.amazonaws.us-east-1.execute-api', SubnetIds=[subnet])
    private = [f'10.0.1.{i}' for i in range(256)]
    wait_for(lambda: inside.ask(server, 'abc.execute-api.us-east-1.amazonaws.com')[1][0] in private, 'the private name')
    of = {'VPCRegion': 'us-east-1', 'VPCId': vpc}
    wide = route53.create_hosted_zone(Name='amazonaws.com', CallerReference='wide', VPC=of)['HostedZone']['Id']
    put(route53, wide, record('abc.execute-api.us-east-1.amazonaws.com', 'A', '10.9.9.9'), record('sqs.us-east-1.amazonaws.com', 'A', '10.9.9.8'))
    assert inside.ask(server, 'sqs.us-east-1.amazonaws.com') == ('NOERROR', ['10.9.9.8'])
    assert inside.ask(server, 'sns.us-east-1.amazonaws.com')[0] == 'NXDOMAIN', 'no endpoint: the private zone hides the public name'
    assert inside.ask(server, 'abc.execute-api.us-east-1.amazonaws.com')[1][0] in private, 'the endpoint is more specific'
    narrow = route53.create_hosted_zone(Name='abc.execute-api.us-east-1.amazonaws.com', CallerReference='narrow', VPC=of)['HostedZone']['Id']
    put(route53, narrow, record('abc.execute-api.us-east-1.amazonaws.com', 'A', '10.9.9.7'))
    assert inside.ask(server, 'abc.execute-api.us-east-1.amazonaws.com') == ('NOERROR', ['10.9.9.7'])
    assert inside.ask(server, 'def.execute-api.us-east-1.amazonaws.com')[1][0] in private


def test_a_zone_and_an_endpoint_of_the_same_name_are_refused(client, route53, vpcs):
    _, (vpc, _, _) = vpcs
    ec2, of = client('ec2'), {'VPCRegion': 'us-east-1', 'VPCId': vpc}
    subnet = ec2.describe_subnets(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['Subnets'][0]['SubnetId']
    endpoint = {'VpcId': vpc, 'VpcEndpointType': 'Interface', 'SubnetIds': [subnet]}
    zone = route53.create_hosted_zone(Name='sns.us-east-1.amazonaws.com', CallerReference='sns', VPC=of)['HostedZone']['Id']
    with pytest.raises(ec2.exceptions.ClientError) as error:
        ec2.create_vpc_endpoint(ServiceName='com.amazonaws.us-east-1.sns', **endpoint)
    assert error.value.response['Error']['Message'] == \
        f'private-dns-enabled cannot be set because there is already a conflicting DNS domain for sns.us-east-1.amazonaws.com in the VPC {vpc}'
    ec2.create_vpc_endpoint(ServiceName='com.amazonaws.us-east-1.sns', PrivateDnsEnabled=False, **endpoint)
    made = ec2.create_vpc_endpoint(ServiceName='com.amazonaws.us-east-1.sqs', **endpoint)['VpcEndpoint']['VpcEndpointId']
    with pytest.raises(route53.exceptions.ConflictingDomainExists) as error:
        route53.create_hosted_zone(Name='sqs.us-east-1.amazonaws.com', CallerReference='sqs', VPC=of)
    assert error.value.response['Error']['Message'] == \
        f'The VPC {vpc} in region us-east-1 has already been associated with the hosted zone of the VPC endpoint {made} with the same domain name.'
    route53.delete_hosted_zone(Id=zone)


def test_private_zones_need_both_dns_attributes(client, route53, haar, vpcs):
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html#hosted-zone-private-considerations-vpc-settings"""
    (vpc, server, inside), _ = vpcs
    zone = route53.create_hosted_zone(Name='quiet.test', CallerReference='quiet', VPC={'VPCRegion': 'us-east-1', 'VPCId': vpc})['HostedZone']['Id']
    put(route53, zone, record('a.quiet.test', 'A', '10.0.1.77'))
    assert inside.ask(server, 'a.quiet.test') == ('NOERROR', ['10.0.1.77'])
    client('ec2').modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={'Value': False})
    try:
        wait_for(lambda: inside.ask(server, 'a.quiet.test') == ('NXDOMAIN', []), 'the zone does not answer')
        entry = next(e for e in haar.call('GET', f'why?vpc={vpc}')['entries'] if e.get('name') == 'a.quiet.test')
        assert entry['cause'] == 'dns-off' and entry['command'] == f"aws ec2 modify-vpc-attribute --vpc-id {vpc} --enable-dns-hostnames '{{\"Value\":true}}'", entry
    finally:
        client('ec2').modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={'Value': True})
    wait_for(lambda: inside.ask(server, 'a.quiet.test') == ('NOERROR', ['10.0.1.77']), 'it answers again')


def test_names_of_private_zones_are_remembered(route53, haar, vpcs):
    """haar why calls an address by the name that led to it, aliases too; and lists what a zone does not have."""
    (vpc, server, inside), _ = vpcs
    zone = route53.create_hosted_zone(Name='corp.test', CallerReference='corp', VPC={'VPCRegion': 'us-east-1', 'VPCId': vpc})['HostedZone']['Id']
    put(route53, zone, record('ledger.corp.test', 'A', '10.0.77.7'), record('books.corp.test', 'CNAME', 'ledger.corp.test'))
    assert inside.ask(server, 'books.corp.test')[1][-1] == '10.0.77.7'
    inside.python('''
        import socket
        try:
            socket.create_connection(("10.0.77.7", 443), 0.3)
        except OSError:
            pass
        ''')
    entry = wait_for(lambda: [e for e in haar.call('GET', f'why?vpc={vpc}')['entries'] if e.get('destination') == '10.0.77.7'], 'it is listed')[0]
    assert entry['to']['host'] == 'books.corp.test' and 'books.corp.test (10.0.77.7)' in entry['why'], entry
    assert inside.ask(server, 'nobody.corp.test')[0] == 'NXDOMAIN'
    assert [e['cause'] for e in haar.call('GET', f'why?vpc={vpc}')['entries'] if e.get('name') == 'nobody.corp.test'] == ['unknown-name']


def test_aliases_and_cnames_lead_to_services(route53, vpcs):
    _, server, inside = vpcs[1]
    zone = route53.create_hosted_zone(Name='alias.example', CallerReference='alias')['HostedZone']['Id']
    put(route53, zone, {'Name': 'cdn.alias.example', 'Type': 'A', 'AliasTarget': {
        'HostedZoneId': 'Z2FDTNDATAQYW2', 'DNSName': 'd111111abcdef8.cloudfront.net', 'EvaluateTargetHealth': False}},
        record('db.alias.example', 'CNAME', 'dynamodb.us-east-1.amazonaws.com'))
    code, target = inside.ask(server, 'd111111abcdef8.cloudfront.net')
    assert code == 'NOERROR' and target[0].startswith('198.18.')
    assert inside.ask(server, 'cdn.alias.example') == ('NOERROR', target)
    _, dynamodb = inside.ask(server, 'dynamodb.us-east-1.amazonaws.com')
    assert inside.ask(server, 'db.alias.example') == ('NOERROR', ['dynamodb.us-east-1.amazonaws.com.', *dynamodb])


def test_checkers_look_from_the_regions_internet(route53, network):
    def make(name, host, **more):
        config = {'FullyQualifiedDomainName': host, 'RequestInterval': 10, 'FailureThreshold': 1, **more}
        return route53.create_health_check(CallerReference=name, HealthCheckConfig=config)['HealthCheck']['Id']

    def status(check):
        observations = route53.get_health_check_status(HealthCheckId=check)['HealthCheckObservations']
        return observations[0]['StatusReport']['Status'] if observations else ''

    up = make('up', 'dynamodb.us-east-1.amazonaws.com', Type='TCP', Port=443)
    answers = make('answers', 'sts.us-east-1.amazonaws.com', Type='HTTPS', ResourcePath='/nothing')
    nowhere = make('nowhere', 'nowhere.example', Type='HTTP')
    wait_for(lambda: status(up) == 'Success: TCP connection established', 'the service is reached')
    wait_for(lambda: status(answers).startswith('Failure: HTTP Status Code 4'), 'the service answers')
    wait_for(lambda: status(nowhere).startswith('Failure: DNS resolution failed'), 'the name is nowhere')
