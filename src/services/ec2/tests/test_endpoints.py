"""Interface endpoints: one for every service that answers here, found by its own name in the VPC, private DNS on and off."""

import pytest

from tests.network.place import Place
from tests.support.daemon import wait_for


@pytest.fixture(scope='module')
def place(haar):
    if 'network off' in haar.log:
        pytest.skip(f'namespaces are forbidden here: {haar.log}')
    place = Place(haar)
    place.function('pay')
    place.let_in()
    return place


def test_every_service_has_one(place):
    """The service's own name leads to an address of the subnet, and something listens there."""
    services = [d for d in place.ec2.describe_vpc_endpoint_services(Filters=[{'Name': 'service-type', 'Values': ['Interface']}])['ServiceDetails'] if 'PrivateDnsName' in d]
    assert len(services) >= 12
    for service in services:
        host = service['PrivateDnsName'].replace('*.', 'abcdefghij.')
        before = place.invoke('pay', resolve=host)
        made = place.endpoint(service['ServiceName'].split('us-east-1.')[1])
        assert not before.startswith('10.0.'), host
        wait_for(lambda: place.invoke('pay', resolve=host).startswith('10.0.10.'), f'{host} is the endpoint')
        assert place.invoke('pay', connect=host, timeout=5) == 'connected', host
        place.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])


def test_private_dns_off_and_on(place):
    made = place.ec2.create_vpc_endpoint(VpcId=place.vpc, VpcEndpointType='Interface', ServiceName='com.amazonaws.us-east-1.sts', SubnetIds=place.subnets[:1],
                                         SecurityGroupIds=[place.endpoints], PrivateDnsEnabled=False)['VpcEndpoint']
    assert len(made['DnsEntries']) == 1
    wait_for(lambda: place.invoke('pay', resolve=made['DnsEntries'][0]['DnsName']).startswith('10.0.10.'), 'the endpoint has a name of its own')
    assert not place.invoke('pay', resolve='sts.us-east-1.amazonaws.com').startswith('10.0.')
    place.ec2.modify_vpc_endpoint(VpcEndpointId=made['VpcEndpointId'], PrivateDnsEnabled=True)
    assert place.invoke('pay', resolve='sts.us-east-1.amazonaws.com').startswith('10.0.10.')
    place.ec2.modify_vpc_endpoint(VpcEndpointId=made['VpcEndpointId'], PrivateDnsEnabled=False)
    assert not place.invoke('pay', resolve='sts.us-east-1.amazonaws.com').startswith('10.0.')
