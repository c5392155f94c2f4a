"""Hosted zones, record sets, changes, lists, tags: as operations, with their words."""

import pytest
from botocore.exceptions import ClientError

HAAR_OPTIONS = ('--network', 'off', '--dns-port', '0')


@pytest.fixture(scope='module')
def route53(client):
    return client('route53')


@pytest.fixture
def zone(route53, request):
    made = route53.create_hosted_zone(Name='Example.com', CallerReference=request.node.name, HostedZoneConfig={'Comment': 'a test'})
    return made['HostedZone']['Id'].split('/')[-1]


def record(name, kind, *values, ttl=60, **more):
    return {'Name': name, 'Type': kind, 'TTL': ttl, 'ResourceRecords': [{'Value': value} for value in values], **more}


def change(route53, zone, *changes):
    return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={
        'Changes': [{'Action': action, 'ResourceRecordSet': record_set} for action, record_set in changes]})


def fails(code, message, function, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        function(*args, **kwargs)
    assert (caught.value.response['Error']['Code'], caught.value.response['Error']['Message']) == (code, message)


def test_zone(route53):
    made = route53.create_hosted_zone(Name='Shop.Example', CallerReference='zone', HostedZoneConfig={'Comment': 'shop'})
    zone = made['HostedZone']
    assert zone['Name'] == 'shop.example.' and zone['Config'] == {'Comment': 'shop', 'PrivateZone': False} and zone['ResourceRecordSetCount'] == 2
    assert made['ChangeInfo']['Status'] == 'PENDING' and made['Location'].endswith(zone['Id'])
    servers = made['DelegationSet']['NameServers']
    assert sorted(name.rsplit('awsdns-', 1)[1].split('.', 1)[1] for name in servers) == ['co.uk', 'com', 'net', 'org']
    assert route53.get_change(Id=made['ChangeInfo']['Id'])['ChangeInfo']['Status'] == 'INSYNC'
    read = route53.get_hosted_zone(Id=zone['Id'])
    assert read['HostedZone'] == zone and read['DelegationSet']['NameServers'] == servers
    sets = route53.list_resource_record_sets(HostedZoneId=zone['Id'])['ResourceRecordSets']
    assert [(s['Name'], s['Type'], s['TTL']) for s in sets] == [('shop.example.', 'NS', 172800), ('shop.example.', 'SOA', 900)]
    assert sets[0]['ResourceRecords'] == [{'Value': f'{name}.'} for name in servers]
    assert sets[1]['ResourceRecords'][0]['Value'] == f'{servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400'
    fails('HostedZoneAlreadyExists', 'A hosted zone has already been created with the specified caller reference.',
          route53.create_hosted_zone, Name='other.example', CallerReference='zone')
    route53.update_hosted_zone_comment(Id=zone['Id'], Comment='new')
    assert route53.get_hosted_zone(Id=zone['Id'])['HostedZone']['Config']['Comment'] == 'new'
    count = route53.get_hosted_zone_count()['HostedZoneCount']
    route53.delete_hosted_zone(Id=zone['Id'])
    assert route53.get_hosted_zone_count()['HostedZoneCount'] == count - 1
    plain = zone['Id'].split('/')[-1]
    fails('NoSuchHostedZone', f'No hosted zone found with ID: {plain}', route53.get_hosted_zone, Id=plain)


def test_zone_is_its_accounts(haar, zone):
    other = haar.client('route53', aws_access_key_id='111111111111')
    fails('NoSuchHostedZone', f'No hosted zone found with ID: {zone}', other.get_hosted_zone, Id=zone)
    assert other.list_hosted_zones()['HostedZones'] == []


def test_batch_is_all_or_nothing(route53, zone):
    change(route53, zone, ('CREATE', record('a.example.com', 'A', '192.0.2.1')))
    fails('InvalidChangeBatch', "[Tried to create resource record set [name='a.example.com.', type='A'] but it already exists, "
          "Tried to delete resource record set [name='gone.example.com.', type='A'] but it was not found]",
          change, route53, zone, ('CREATE', record('b.example.com', 'A', '192.0.2.2')), ('CREATE', record('a.example.com', 'A', '192.0.2.9')),
          ('DELETE', record('gone.example.com', 'A', '192.0.2.1')))
    names = [s['Name'] for s in route53.list_resource_record_sets(HostedZoneId=zone)['ResourceRecordSets']]
    assert names == ['example.com.', 'example.com.', 'a.example.com.']
    assert route53.get_hosted_zone(Id=zone)['HostedZone']['ResourceRecordSetCount'] == 3
    fails('InvalidChangeBatch', "[Tried to delete resource record set [name='a.example.com.', type='A'] but the values provided do not match the "
          'current values]', change, route53, zone, ('DELETE', record('a.example.com', 'A', '192.0.2.7')))
    fails('HostedZoneNotEmpty', 'The specified hosted zone contains non-required resource record sets and so cannot be deleted.',
          route53.delete_hosted_zone, Id=zone)
    change(route53, zone, ('DELETE', record('A.example.com.', 'A', '192.0.2.1')), ('CREATE', record('a.example.com', 'CNAME', 'b.example.com')))
    change(route53, zone, ('UPSERT', record('a.example.com', 'CNAME', 'c.example.com', ttl=5)))
    sets = route53.list_resource_record_sets(HostedZoneId=zone, StartRecordName='a.example.com', StartRecordType='CNAME')['ResourceRecordSets']
    assert sets == [record('a.example.com.', 'CNAME', 'c.example.com', ttl=5)]


FATAL = "Invalid Resource Record: 'FATAL problem: {} encountered with '{}''"
BAD = [
    (record('x.other.org', 'A', '192.0.2.1'), 'RRSet with DNS name x.other.org. is not permitted in zone example.com.'),
    (record('example.com', 'CNAME', 'a.b'), 'RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com.'),
    (record('x.example.com', 'A', '192.0.2.300'), FATAL.format('ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)', '192.0.2.300')),
    (record('x.example.com', 'AAAA', '192.0.2.1'), FATAL.format('AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)', '192.0.2.1')),
    (record('x.example.com', 'TXT', 'bare'), FATAL.format('InvalidCharacterString (Value should be enclosed in quotation marks)', 'bare')),
    (record('x.example.com', 'MX', 'mail'), FATAL.format("MXRRDATANotTwoFields (MX record doesn't have 2 fields)", 'mail')),
    (record('x.example.com', 'SRV', '1 2 3'), FATAL.format("SRVRRDATANotFourFields (SRV record doesn't have 4 fields)", '1 2 3')),
    (record('x.example.com', 'A', '192.0.2.1', '192.0.2.1'), "Duplicate Resource Record: '192.0.2.1'"),
]


@pytest.mark.parametrize('record_set, message', BAD, ids=[message[:40] for _, message in BAD])
def test_bad_record(route53, zone, record_set, message):
    fails('InvalidChangeBatch', f'[{message}]', change, route53, zone, ('CREATE', record_set))


def test_conflicts(route53, zone):
    change(route53, zone, ('CREATE', record('a.example.com', 'A', '192.0.2.1')), ('CREATE', record('c.example.com', 'CNAME', 'a.example.com')),
           ('CREATE', record('w.example.com', 'A', '192.0.2.1', SetIdentifier='one', Weight=1)))
    fails('InvalidChangeBatch', '[RRSet of type CNAME with DNS name a.example.com. is not permitted as it conflicts with other records with the same '
          'DNS name in zone example.com.]', change, route53, zone, ('CREATE', record('a.example.com', 'CNAME', 'x.example.com')))
    fails('InvalidChangeBatch', '[RRSet of type A with DNS name c.example.com. is not permitted because a conflicting RRSet of type CNAME with the '
          'same DNS name already exists in zone example.com.]', change, route53, zone, ('CREATE', record('c.example.com', 'A', '192.0.2.1')))
    fails('InvalidChangeBatch', '[RRSet with DNS name w.example.com., type A, SetIdentifier null cannot be created as other RRSets exist with the '
          'same name and type.]', change, route53, zone, ('CREATE', record('w.example.com', 'A', '192.0.2.1')))
    fails('InvalidChangeBatch', f'[Tried to create an alias that targets nowhere.example.com., type A in zone {zone}, but that target was not found]',
          change, route53, zone, ('CREATE', {'Name': 'l.example.com', 'Type': 'A', 'AliasTarget': {
              'HostedZoneId': zone, 'DNSName': 'nowhere.example.com', 'EvaluateTargetHealth': False}}))
    where = 'Change with [Action=CREATE, Name=v.example.com, Type=A, SetIdentifier=null]'
    fails('InvalidInput', f"Invalid request: Missing field 'SetIdentifier' in {where}",
          change, route53, zone, ('CREATE', record('v.example.com', 'A', '192.0.2.1', Weight=3)))
    fails('InvalidInput', 'Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but '
          f'found none in {where}', change, route53, zone, ('CREATE', {'Name': 'v.example.com', 'Type': 'A'}))
    fails('NoSuchHealthCheck', 'No health check exists with the specified ID: none', change, route53, zone,
          ('CREATE', record('h.example.com', 'A', '192.0.2.1', SetIdentifier='one', Weight=1, HealthCheckId='none')))
    fails('InvalidChangeBatch', '[A HostedZone must contain exactly one SOA record.]', change, route53, zone,
          ('DELETE', route53.list_resource_record_sets(HostedZoneId=zone)['ResourceRecordSets'][1]))


def test_list_order_and_pages(route53, zone):
    change(route53, zone, *[('CREATE', record(name, kind, value)) for name, kind, value in [
        ('www.example.com', 'A', '192.0.2.1'), ('a-b.example.com', 'A', '192.0.2.1'), ('a.example.com', 'TXT', '"x"'),
        ('a.example.com', 'A', '192.0.2.1'), ('z.a.example.com', 'A', '192.0.2.1'), ('*.example.com', 'A', '192.0.2.1')]])
    found, more = [], {}
    while True:
        page = route53.list_resource_record_sets(HostedZoneId=zone, MaxItems='2', **more)
        found += [(s['Name'], s['Type']) for s in page['ResourceRecordSets']]
        if not page['IsTruncated']:
            break
        more = {'StartRecordName': page['NextRecordName'], 'StartRecordType': page['NextRecordType']}
    assert found == [('example.com.', 'NS'), ('example.com.', 'SOA'), ('\\052.example.com.', 'A'), ('a-b.example.com.', 'A'),
                     ('a.example.com.', 'A'), ('a.example.com.', 'TXT'), ('z.a.example.com.', 'A'), ('www.example.com.', 'A')]


def test_zones_by_name(route53):
    ids = {}
    for name in ('b.test', 'a.b.test', 'a.test', 'z.test'):
        ids[name] = route53.create_hosted_zone(Name=name, CallerReference=f'by-name {name}')['HostedZone']['Id']
    page = route53.list_hosted_zones_by_name(DNSName='a.test', MaxItems='3')
    assert [z['Name'] for z in page['HostedZones']] == ['a.test.', 'b.test.', 'a.b.test.']
    assert page['IsTruncated'] and page['NextDNSName'] == 'z.test.' and page['NextHostedZoneId'] == ids['z.test'].split('/')[-1]


def test_tags(route53, zone):
    kind = {'ResourceType': 'hostedzone', 'ResourceId': zone}
    route53.change_tags_for_resource(**kind, AddTags=[{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}])
    route53.change_tags_for_resource(**kind, AddTags=[{'Key': 'a', 'Value': '3'}], RemoveTagKeys=['b'])
    assert route53.list_tags_for_resource(**kind)['ResourceTagSet'] == {**kind, 'Tags': [{'Key': 'a', 'Value': '3'}]}
    assert [s['ResourceId'] for s in route53.list_tags_for_resources(ResourceType='hostedzone', ResourceIds=[zone])['ResourceTagSets']] == [zone]


def test_delegation_set(route53):
    made = route53.create_reusable_delegation_set(CallerReference='set')['DelegationSet']
    zones = [route53.create_hosted_zone(Name='same.example', CallerReference=f'set {i}', DelegationSetId=made['Id']) for i in range(2)]
    assert [z['DelegationSet']['NameServers'] for z in zones] == [made['NameServers']] * 2
    assert {z['Id'] for z in route53.list_hosted_zones(DelegationSetId=made['Id'])['HostedZones']} == {z['HostedZone']['Id'] for z in zones}
    assert route53.get_account_limit(Type='MAX_REUSABLE_DELEGATION_SETS_BY_OWNER')['Count'] == 1


def test_private_zone_needs_a_vpc(route53, client):
    fails('InvalidInput', "When you're creating a private hosted zone (when you specify true for PrivateZone), you must also specify values for VPCId "
          'and VPCRegion.', route53.create_hosted_zone, Name='p.example', CallerReference='p0', HostedZoneConfig={'PrivateZone': True})
    one, two = (client('ec2').create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId'] for _ in range(2))
    vpc = {'VPCRegion': 'us-east-1', 'VPCId': one}
    made = route53.create_hosted_zone(Name='p.example', CallerReference='p1', VPC=vpc)
    zone = made['HostedZone']['Id'].split('/')[-1]
    assert made['HostedZone']['Config']['PrivateZone'] is True and made['VPC'] == vpc
    assert route53.get_hosted_zone(Id=zone)['VPCs'] == [vpc]
    fails('ConflictingDomainExists', f'The VPC {one} in region us-east-1 has already been associated with the hosted zone {zone} with the same domain '
          'name.', route53.create_hosted_zone, Name='p.example', CallerReference='p2', VPC=vpc)
    fails('LastVPCAssociation', 'Cannot remove the last VPC association for the private zone',
          route53.disassociate_vpc_from_hosted_zone, HostedZoneId=zone, VPC=vpc)
    route53.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC={'VPCRegion': 'us-east-1', 'VPCId': two})
    route53.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=vpc)
    assert [s['HostedZoneId'] for s in route53.list_hosted_zones_by_vpc(VPCId=two, VPCRegion='us-east-1')['HostedZoneSummaries']] == [zone]
    with pytest.raises(route53.exceptions.InvalidVPCId):
        route53.create_hosted_zone(Name='q.example', CallerReference='q', VPC={'VPCRegion': 'us-east-1', 'VPCId': 'vpc-0123456789abcdef0'})


def test_not_there(route53, zone):
    with pytest.raises(ClientError) as caught:
        route53.list_traffic_policies()
    assert 'haar does not implement' in caught.value.response['Error']['Message']
    with pytest.raises(ClientError) as caught:
        change(route53, zone, ('CREATE', record('x.example.com', 'A', '192.0.2.1', SetIdentifier='x', CidrRoutingConfig={
            'CollectionId': 'c8c02a84-aaaa-bbbb-e0d2-d833a2f80106', 'LocationName': '*'})))
    assert 'haar does not have IP-based routing yet' in caught.value.response['Error']['Message']
