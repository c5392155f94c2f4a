"""Packets between interfaces: IPv6, peering, prefix lists, NAT gateways, routes to interfaces and to nowhere, DHCP options."""

import itertools
import json
import subprocess

import pytest

from tests.support.daemon import wait_for
from tests.support.interfaces import Interface, enter, subnet6

ANYWHERE = [{'IpProtocol': '-1', 'IpRanges': [{'CidrIp': '0.0.0.0/0'}], 'Ipv6Ranges': [{'CidrIpv6': '::/0'}]}]
numbers = itertools.count(1)


class Vpc:
    """A VPC of its own range, with groups, subnets and interfaces."""

    def __init__(self, haar, ipv6=False):
        self.haar, self.ec2, self.number, self.interfaces = haar, haar.client('ec2'), next(numbers), []
        self.cidr = f'10.{self.number}.0.0/16'
        self.id = self.ec2.create_vpc(CidrBlock=self.cidr, AmazonProvidedIpv6CidrBlock=ipv6)['Vpc']['VpcId']
        shown = self.ec2.describe_vpcs(VpcIds=[self.id])['Vpcs'][0]
        self.cidr6 = shown['Ipv6CidrBlockAssociationSet'][0]['Ipv6CidrBlock'] if ipv6 else None
        self.table = self.ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [self.id]}])['RouteTables'][0]['RouteTableId']

    def subnet(self, number, table=None):
        more = {'Ipv6CidrBlock': subnet6(self.cidr6, number)} if self.cidr6 else {}
        made = self.ec2.create_subnet(VpcId=self.id, CidrBlock=f'10.{self.number}.{number}.0/24', **more)['Subnet']['SubnetId']
        if table:
            self.ec2.associate_route_table(RouteTableId=table, SubnetId=made)
        return made

    def new_table(self):
        return self.ec2.create_route_table(VpcId=self.id)['RouteTable']['RouteTableId']

    def group(self, name, *permissions):
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.id)['GroupId']
        if permissions:
            self.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(permissions))
        return made

    def interface(self, subnet, *groups, **more):
        made = Interface(self.haar, subnet, *groups, **more)
        self.interfaces.append(made)
        return made

    def gateway(self):
        made = self.ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
        self.ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=self.id)
        return made

    def elastic(self, interface=None):
        address = self.ec2.allocate_address(Domain='vpc')
        if interface:
            self.ec2.associate_address(AllocationId=address['AllocationId'], NetworkInterfaceId=interface.id)
        return address

    def why(self):
        """The newest drop in this VPC, if there is one."""
        return next((d for d in self.haar.call('GET', 'drops')['drops'] if d['vpc'] == self.id), {'stage': None, 'rule': None})


@pytest.fixture
def new_vpc(haar, network):
    made = []

    def make(**more):
        made.append(Vpc(haar, **more))
        return made[-1]

    yield make
    for interface in (i for vpc in made for i in vpc.interfaces):
        interface.close()


def tcp(port, **peer):
    return {'IpProtocol': 'tcp', 'FromPort': port, 'ToPort': port, **peer}


def becomes(interface, address, port, answer):
    wait_for(lambda: interface.connect(address, port) == answer, f'{address} port {port}: {answer}')


def stopped(interface, address, port, vpc, *by):
    """Silence, for that reason: (stage, rule), or the rule. What was lost while the rules changed is not it."""
    def is_so():
        return interface.connect(address, port) == 'silence' and by in ((vpc.why()['stage'], vpc.why()['rule']), (vpc.why()['rule'],))
    wait_for(is_so, f'{address} port {port} is stopped by {by}')


def test_ipv6_between_subnets_with_groups_and_acls(new_vpc):
    vpc = new_vpc(ipv6=True)
    if not vpc.cidr6 or 'no IPv6 in VPCs' in vpc.haar.log:
        pytest.skip('this kernel has no IPv6')
    one, two = vpc.subnet(1), vpc.subnet(2)
    client = vpc.interface(one, vpc.group('clients'), Ipv6AddressCount=1)
    group = vpc.group('servers')
    server = vpc.interface(two, group, Ipv6AddressCount=1)
    server.serve(8080, server.address6)
    stopped(client, server.address6, 8080, vpc, 'security group, inbound', group)
    assert vpc.why()['destination'] == server.address6
    of_v4 = tcp(8080, IpRanges=[{'CidrIp': '0.0.0.0/0'}])
    vpc.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[of_v4])
    assert client.connect(server.address6, 8080) == 'silence', 'a rule of IPv4 is none of IPv6'
    vpc.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(8080, Ipv6Ranges=[{'CidrIpv6': f'{client.address6}/128'}])])
    becomes(client, server.address6, 8080, client.address6)
    acl = vpc.ec2.describe_network_acls(Filters=[{'Name': 'vpc-id', 'Values': [vpc.id]}])['NetworkAcls'][0]['NetworkAclId']
    vpc.ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Protocol='6', RuleAction='deny', Egress=False, Ipv6CidrBlock=vpc.cidr6, PortRange={'From': 8080, 'To': 8080})
    stopped(client, server.address6, 8080, vpc, 'network ACL, inbound', f'{acl}:50')
    vpc.ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Egress=False)
    becomes(client, server.address6, 8080, client.address6)


def test_an_egress_only_gateway_lets_out_and_nobody_in(new_vpc):
    inside, outside = new_vpc(ipv6=True), new_vpc(ipv6=True)
    if 'no IPv6 in VPCs' in inside.haar.log:
        pytest.skip('this kernel has no IPv6')
    ec2 = inside.ec2
    ends = []
    for vpc in (inside, outside):
        end = vpc.interface(vpc.subnet(1), vpc.group('open', *ANYWHERE), Ipv6AddressCount=1)
        ends.append(end.serve(8080, end.address6))
    here, there = ends
    ec2.create_route(RouteTableId=outside.table, DestinationIpv6CidrBlock='::/0', GatewayId=outside.gateway())
    assert here.connect(there.address6, 8080) == 'silence'
    egress = ec2.create_egress_only_internet_gateway(VpcId=inside.id)['EgressOnlyInternetGateway']['EgressOnlyInternetGatewayId']
    ec2.create_route(RouteTableId=inside.table, DestinationIpv6CidrBlock='::/0', EgressOnlyInternetGatewayId=egress)
    becomes(here, there.address6, 8080, here.address6)
    stopped(there, here.address6, 8080, inside, 'eigw')


def peered(new_vpc):
    a, b = new_vpc(), new_vpc()
    peering = a.ec2.create_vpc_peering_connection(VpcId=a.id, PeerVpcId=b.id)['VpcPeeringConnection']['VpcPeeringConnectionId']
    a.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    return a, b, peering


def test_peering_needs_routes_on_both_sides_and_groups_are_named_across(new_vpc):
    a, b, peering = peered(new_vpc)
    ec2, clients = a.ec2, a.group('clients')
    client, other = (a.interface(subnet, group) for subnet, group in zip([a.subnet(1)] * 2, (clients, a.group('others'))))
    servers = b.group('servers', tcp(8080, UserIdGroupPairs=[{'GroupId': clients, 'VpcId': a.id, 'VpcPeeringConnectionId': peering}]))
    server = b.interface(b.subnet(1), servers).serve(8080)
    stopped(client, server.address, 8080, a, 'route table', a.table)
    ec2.create_route(RouteTableId=a.table, DestinationCidrBlock=b.cidr, VpcPeeringConnectionId=peering)
    stopped(client, server.address, 8080, b, 'route table', b.table)   # the reply
    ec2.create_route(RouteTableId=b.table, DestinationCidrBlock=a.cidr, VpcPeeringConnectionId=peering)
    becomes(client, server.address, 8080, client.address)
    stopped(other, server.address, 8080, b, 'security group, inbound', servers)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    becomes(client, server.address, 8080, 'silence')


def test_a_prefix_list_in_a_group_and_in_a_route_changes_while_in_use(new_vpc):
    a, b, peering = peered(new_vpc)
    ec2 = a.ec2
    client, server = a.interface(a.subnet(1), a.group('clients')), b.interface(b.subnet(1), b.group('none'))
    server.serve(8080)
    lists = [ec2.create_managed_prefix_list(PrefixListName=name, AddressFamily='IPv4', MaxEntries=5, Entries=[{'Cidr': cidr}])['PrefixList']
             for name, cidr in (('far', b.cidr), ('near', '192.0.2.0/24'))]
    far, near = (made['PrefixListId'] for made in lists)
    ec2.create_route(RouteTableId=a.table, DestinationPrefixListId=far, VpcPeeringConnectionId=peering)
    ec2.create_route(RouteTableId=b.table, DestinationCidrBlock=a.cidr, VpcPeeringConnectionId=peering)
    group = ec2.describe_network_interfaces(NetworkInterfaceIds=[server.id])['NetworkInterfaces'][0]['Groups'][0]['GroupId']
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(8080, PrefixListIds=[{'PrefixListId': near}])])

    def change(which, **entries):
        version = ec2.describe_managed_prefix_lists(PrefixListIds=[which])['PrefixLists'][0]['Version']
        ec2.modify_managed_prefix_list(PrefixListId=which, CurrentVersion=version, **entries)

    stopped(client, server.address, 8080, b, 'security group, inbound', group)
    change(near, AddEntries=[{'Cidr': a.cidr}])
    becomes(client, server.address, 8080, client.address)
    change(near, RemoveEntries=[{'Cidr': a.cidr}])
    becomes(client, server.address, 8080, 'silence')
    change(near, AddEntries=[{'Cidr': f'{client.address}/32'}])
    becomes(client, server.address, 8080, client.address)
    change(far, RemoveEntries=[{'Cidr': b.cidr}])
    stopped(client, server.address, 8080, a, 'route table', a.table)
    change(far, AddEntries=[{'Cidr': f'{server.address}/32'}])
    becomes(client, server.address, 8080, client.address)


def test_a_nat_gateway_sends_from_its_elastic_address(new_vpc):
    inside, outside = new_vpc(), new_vpc()
    ec2, address, gateway = inside.ec2, inside.elastic(), inside.gateway()
    private = inside.new_table()
    public, hidden = inside.subnet(1), inside.subnet(2, private)
    ec2.create_route(RouteTableId=inside.table, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=address['AllocationId'])['NatGateway']['NatGatewayId']
    ec2.get_waiter('nat_gateway_available').wait(NatGatewayIds=[nat], WaiterConfig={'Delay': 1})
    ec2.create_route(RouteTableId=outside.table, DestinationCidrBlock='0.0.0.0/0', GatewayId=outside.gateway())
    server = outside.interface(outside.subnet(1), outside.group('web', tcp(8080, IpRanges=[{'CidrIp': f"{address['PublicIp']}/32"}]))).serve(8080)
    at = outside.elastic(server)['PublicIp']
    client = inside.interface(hidden, inside.group('clients'))
    stopped(client, at, 8080, inside, 'route table', private)
    ec2.create_route(RouteTableId=private, DestinationCidrBlock='0.0.0.0/0', NatGatewayId=nat)
    becomes(client, at, 8080, address['PublicIp'])
    ec2.delete_nat_gateway(NatGatewayId=nat)
    stopped(client, at, 8080, inside, 'blackhole')
    told = inside.haar.run('why').stdout
    assert 'leads to something that was deleted (a blackhole)' in told and at in told, told


def test_a_more_specific_route_leads_to_an_interface(new_vpc):
    vpc = new_vpc()
    ec2, group, table = vpc.ec2, vpc.group('open', *ANYWHERE), vpc.new_table()
    client = vpc.interface(vpc.subnet(1, table), group)
    two = vpc.subnet(2)
    server, middle = vpc.interface(two, group).serve(8080), vpc.interface(vpc.subnet(3), group)
    becomes(client, server.address, 8080, client.address)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=f'10.{vpc.number}.2.0/24', NetworkInterfaceId=middle.id)
    stopped(client, server.address, 8080, vpc, 'source/destination check', 'destination')
    ec2.modify_network_interface_attribute(NetworkInterfaceId=middle.id, SourceDestCheck={'Value': False})
    middle.serve(8080)
    assert client.connect(server.address, 8080) == 'silence', 'an interface that does not forward keeps it'
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock=f'10.{vpc.number}.2.0/24')
    becomes(client, server.address, 8080, client.address)


def test_dhcp_options_are_what_processes_read(new_vpc):
    vpc = new_vpc()
    subnet = vpc.subnet(1)

    def resolv():
        return vpc.haar.run('shell', '--subnet', subnet, '--', 'cat', '/etc/resolv.conf').stdout.splitlines()

    own = f'nameserver 10.{vpc.number}.0.2'
    assert resolv()[:2] == ['search ec2.internal', own]
    options = vpc.ec2.create_dhcp_options(DhcpConfigurations=[
        {'Key': 'domain-name', 'Values': ['corp.example']}, {'Key': 'domain-name-servers', 'Values': [f'10.{vpc.number}.1.53', 'AmazonProvidedDNS']}])
    vpc.ec2.associate_dhcp_options(VpcId=vpc.id, DhcpOptionsId=options['DhcpOptions']['DhcpOptionsId'])
    assert resolv()[:3] == ['search corp.example', f'nameserver 10.{vpc.number}.1.53', own]
    vpc.ec2.associate_dhcp_options(VpcId=vpc.id, DhcpOptionsId='default')
    assert resolv()[:2] == ['search ec2.internal', own]


# Asks the resolver at an address for a name's addresses, over UDP and TCP.
ASK = '''
import socket, struct, sys
name = b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[2].split(".")) + b"\\0"
query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1)
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
    udp.settimeout(5), tcp.settimeout(5)
    udp.sendto(query, (sys.argv[1], 53))
    over_udp = udp.recv(4096)
    tcp.connect((sys.argv[1], 53))
    tcp.sendall(struct.pack(">H", len(query)) + query)
    over_tcp = tcp.recv(4096)[2:]
for answer in (over_udp, over_tcp):
    print(socket.inet_ntoa(answer[-4:]) if struct.unpack(">H", answer[6:8])[0] else "none")
'''


def ask(interface, resolver, name):
    done = subprocess.run([*enter(interface.pid, interface.namespace), '/usr/bin/python3', '-c', ASK, resolver, name], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_resolver_answers_over_ipv6_too(new_vpc):
    """fd00:ec2::253: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html"""
    vpc = new_vpc(ipv6=True)
    if not vpc.cidr6 or 'no IPv6 in VPCs' in vpc.haar.log:
        pytest.skip('this kernel has no IPv6')
    asker = vpc.interface(vpc.subnet(1), vpc.group('askers'), Ipv6AddressCount=1)
    internal = f"ip-{asker.address.replace('.', '-')}.ec2.internal"
    for resolver in ('fd00:ec2::253', '169.254.169.253', f'10.{vpc.number}.0.2'):
        assert ask(asker, resolver, internal) == [asker.address] * 2, resolver
    assert ask(asker, 'fd00:ec2::253', 'nobody.example.com') == ['none'] * 2
    refused = json.loads(vpc.haar.run('why', asker.id, '--json').stdout)['entries'][0]
    assert refused['name'] == 'nobody.example.com' and refused['who']['interface'] == asker.id, refused
    assert vpc.haar.run('why', asker.id, '[fd00:ec2::253]:53/udp').stdout.endswith('It arrives.\n')


def test_from_vpc_to_vpc_over_the_internet(new_vpc):
    """Public address to public address: both VPCs' stages hold, and the trace goes through both."""
    here, there = new_vpc(ipv6=True), new_vpc(ipv6=True)
    ends = []
    for vpc in (here, there):
        gateway = vpc.gateway()
        vpc.ec2.create_route(RouteTableId=vpc.table, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)
        vpc.ec2.create_route(RouteTableId=vpc.table, DestinationIpv6CidrBlock='::/0', GatewayId=gateway)
        group = vpc.group('web')
        ends.append((vpc.interface(vpc.subnet(1), group, Ipv6AddressCount=1), group))
    (client, _), (server, group) = ends
    mine, at = here.elastic(client)['PublicIp'], there.elastic(server)
    server.serve(8080)
    stopped(client, at['PublicIp'], 8080, there, 'security group, inbound', group)
    traced = json.loads(here.haar.run('why', client.id, f"{at['PublicIp']}:8080", '--json').stdout)
    assert (traced['delivered'], traced['cause'], traced['steps'][-1]['rule']) == (False, 'group-inbound', group)
    assert f'--group-id {group} --protocol tcp --port 8080 --cidr {mine}/32' in traced['command']
    there.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(8080, IpRanges=[{'CidrIp': f'{mine}/32'}], Ipv6Ranges=[{'CidrIpv6': '::/0'}])])
    becomes(client, at['PublicIp'], 8080, mine)
    assert here.haar.run('why', client.id, f"{at['PublicIp']}:8080").stdout.endswith('It arrives.\n')
    if 'no IPv6 in VPCs' not in here.haar.log:
        server.serve(8080, server.address6)
        becomes(client, server.address6, 8080, client.address6)
        assert here.haar.run('why', client.id, f'[{server.address6}]:8080').stdout.endswith('It arrives.\n')
        assert 'STOP  security group, inbound' in here.haar.run('why', client.id, f'[{server.address6}]:22').stdout
        echo = json.loads(here.haar.run('why', client.address6, f'{server.address6}/icmp', '--json').stdout)
        assert (echo['protocol'], echo['cause'], echo['who']['interface']) == (58, 'group-inbound', client.id), echo
    there.ec2.disassociate_address(AssociationId=there.ec2.describe_addresses(AllocationIds=[at['AllocationId']])['Addresses'][0]['AssociationId'])
    stopped(client, at['PublicIp'], 8080, here, 'delivery', 'nobody')
    met = json.loads(here.haar.run('why', client.id, '--json').stdout)['entries'][0]
    traced = json.loads(here.haar.run('why', client.id, f"{at['PublicIp']}:8080", '--json').stdout)
    assert met['cause'] == traced['cause'] == 'no-such-address' and met['who']['interface'] == client.id, (met, traced)
    assert met['why'] == traced['why'] and met['why'].endswith('but nothing in the region has that public address.')
