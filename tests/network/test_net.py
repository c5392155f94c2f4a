"""haar net: the network as text."""

import json

import pytest

from tests.network.place import Place


@pytest.fixture(scope='module')
def place(haar, network):
    place = Place(haar)
    place.function('pay', subnets=place.subnets)
    place.let_in()
    place.endpoint('kms')
    place.ec2.create_vpc_endpoint(VpcId=place.vpc, ServiceName='com.amazonaws.us-east-1.s3', RouteTableIds=[place.table])
    return place


def test_everything_is_there_with_its_owner(place):
    lines = place.haar.run('net').stdout.splitlines()
    assert lines[0].startswith(f'{place.vpc}  10.0.0.0/16  us-east-1  no internet gateway')
    for zone, subnet in zip(('us-east-1a', 'us-east-1b'), place.subnets):
        under = lines[lines.index(f'  {zone}') + 1:][:3]
        assert under[0].startswith(f'    {subnet}  10.0.1') and any('function pay' in line and line.endswith(place.functions) for line in under[1:])
    assert any(line.split()[:2] == ['s3', 'via'] for line in lines) and any(line.split()[:2] == ['kms', 'interface'] for line in lines)


def test_who_reaches_whom_is_what_packets_do(place):
    reaches = json.loads(place.haar.run('net', place.vpc, '--json').stdout)['vpcs'][0]['reaches']
    found = {(r['from'], r['to'], r['what']) for r in reaches}
    assert found == {(place.functions, place.endpoints, 'tcp 443'), (place.functions, 's3', 'tcp 443')}
    assert place.invoke('pay', connect='kms.us-east-1.amazonaws.com') == 'connected' and place.invoke('pay', connect='s3.us-east-1.amazonaws.com') == 'connected'
    assert place.invoke('pay', connect='sqs.us-east-1.amazonaws.com') != 'connected'


def test_it_fits_a_hundred_columns(place):
    place.function('a-function-with-a-rather-long-name-for-the-column-it-stands-in')
    assert max(map(len, place.haar.run('net').stdout.splitlines())) <= 100


def test_one_vpc(place):
    other = place.ec2.create_vpc(CidrBlock='10.9.0.0/16')['Vpc']['VpcId']
    assert place.haar.run('net').stdout.count('  us-east-1  ') == 2
    assert place.haar.run('net', other).stdout.startswith(f'{other}  10.9.0.0/16')
    missing = place.haar.run('net', 'vpc-0')
    assert missing.returncode == 1 and missing.stderr == "haar: There is no VPC 'vpc-0' (an id, a logical id or a stack's name)\n"


def test_without_a_network(new_haar):
    haar = new_haar('--network=off')
    haar.client('ec2').create_vpc(CidrBlock='10.0.0.0/16')
    drawn = haar.run('net')
    assert drawn.stdout.startswith('vpc-') and 'the network is off (--network=off): this is what is stored, no packet obeys it' in drawn.stderr
