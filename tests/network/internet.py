"""A small world of its own: a network namespace where haar runs, and behind a link another one with a global address that stands for the internet.
test_egress.py runs it; it prints what came of each trial, as JSON."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.support.daemon import Haar, wait_for  # noqa: E402
from tests.support.interfaces import SERVER, Interface, enter, subnet6  # noqa: E402

HERE, THERE, HERE6, THERE6, PORT = '9.9.9.1', '9.9.9.2', '2620:fe::1', '2620:fe::2', 8080

# Tells everyone who sends a datagram which address he comes from; and knows one name, as a DNS server.
DATAGRAMS = '''
import ipaddress, selectors, socket, struct, sys
here, here6, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
ready = selectors.DefaultSelector()
for family, address, at in ((socket.AF_INET, here, port), (socket.AF_INET6, here6, port), (socket.AF_INET, here, 53)):
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((address, at))
    ready.register(udp, selectors.EVENT_READ, at)
print("ready", flush=True)
known = b"\\3api\\7example\\3com\\0"
while True:
    for key, _ in ready.select():
        data, client = key.fileobj.recvfrom(4096)
        if key.data == port:
            key.fileobj.sendto(client[0].encode(), client)
            continue
        end = data.index(0, 12) + 5
        name, kind = data[12:end - 4], struct.unpack(">H", data[end - 4:end - 2])[0]
        found = ipaddress.ip_address(here if kind == 1 else here6).packed if name == known and kind in (1, 28) else None
        head = data[:2] + struct.pack(">HHHHH", 0x8180 if name == known else 0x8183, 1, 1 if found else 0, 0, 0)
        record = b"\\xc0\\x0c" + struct.pack(">HHIH", kind, 1, 60, len(found)) + found if found else b""
        key.fileobj.sendto(head + data[12:end] + record, client)
'''

# Sends a datagram; what came back.
ECHO = '''
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as udp:
    udp.settimeout(2)
    udp.connect((sys.argv[1], int(sys.argv[2])))
    udp.send(b"?")
    try:
        print(udp.recv(100).decode())
    except TimeoutError:
        print("silence")
'''

# What a resolver says of a name: its addresses of either family, over UDP and TCP.
ASK = '''
import socket, struct, sys
name = b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[2].split(".")) + b"\\0"
for kind, family in ((1, socket.AF_INET), (28, socket.AF_INET6)):
    query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + name + struct.pack(">HH", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET) as tcp:
        udp.settimeout(5), tcp.settimeout(5)
        udp.sendto(query, (sys.argv[1], 53))
        tcp.connect((sys.argv[1], 53))
        tcp.sendall(struct.pack(">H", len(query)) + query)
        for answer in (udp.recv(4096), tcp.recv(4096)[2:]):
            count = struct.unpack(">H", answer[6:8])[0]
            print(socket.inet_ntop(family, answer[-4 if kind == 1 else -16:]) if count else "rcode %d" % (answer[3] & 15))
'''


def run(*command):
    subprocess.run(command, check=True)


def listening(command, address):
    server = subprocess.Popen([*command, '/usr/bin/python3', '-c', SERVER, address, str(PORT)], stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == 'ready\n'
    return server


def internet():
    """Another namespace with THERE, and a server in it. Answers the processes to end."""
    holder = subprocess.Popen(['unshare', '-n', 'sh', '-c', 'echo there; exec cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == 'there\n'
    inside = ['nsenter', f'--net=/proc/{holder.pid}/ns/net']
    run('ip', 'link', 'set', 'lo', 'up')
    run('ip', 'link', 'add', 'wan', 'type', 'veth', 'peer', 'name', 'wan', 'netns', str(holder.pid))
    for command, v4, v6 in (([], HERE, HERE6), (inside, THERE, THERE6)):
        run(*command, 'ip', 'addr', 'add', f'{v4}/24', 'dev', 'wan')
        run(*command, 'ip', 'addr', 'add', f'{v6}/64', 'dev', 'wan', 'nodad')
        run(*command, 'ip', 'link', 'set', 'wan', 'up')
    datagrams = subprocess.Popen([*inside, '/usr/bin/python3', '-c', DATAGRAMS, THERE, THERE6, str(PORT)], stdout=subprocess.PIPE, text=True)
    assert datagrams.stdout.readline() == 'ready\n'
    return [listening(inside, THERE), listening(inside, THERE6), datagrams, holder]


def resolver():
    """The host's resolver is THERE, for whoever is in this mount namespace."""
    with tempfile.NamedTemporaryFile('w', suffix='.conf', delete=False) as file:
        file.write(f'nameserver {THERE}\n')
    run('mount', '--bind', file.name, os.path.realpath('/etc/resolv.conf'))
    os.unlink(file.name)


def inside(interface, script, *words):
    done = subprocess.run([*enter(interface.pid, interface.namespace), '/usr/bin/python3', '-c', script, *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else done.stderr


def trials(haar):
    """A private subnet behind a NAT gateway; what its interface reaches."""
    ec2 = haar.client('ec2')
    vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
    gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    main = ec2.describe_route_tables(Filters=[{'Name': 'vpc-id', 'Values': [vpc]}])['RouteTables'][0]['RouteTableId']
    private = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
    public, hidden = (ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.0.{i}.0/24')['Subnet']['SubnetId'] for i in (1, 2))
    ec2.associate_route_table(RouteTableId=private, SubnetId=hidden)
    ec2.create_route(RouteTableId=main, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)
    address = ec2.allocate_address(Domain='vpc')['AllocationId']
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=address)['NatGateway']['NatGatewayId']
    ec2.get_waiter('nat_gateway_available').wait(NatGatewayIds=[nat], WaiterConfig={'Delay': 1})
    group = ec2.create_security_group(GroupName='out', Description='out', VpcId=vpc)['GroupId']
    interface = Interface(haar, hidden, group)
    result = {'without a route': interface.connect(THERE, PORT), 'why': haar.run('why').stdout}
    ec2.create_route(RouteTableId=private, DestinationCidrBlock='0.0.0.0/0', NatGatewayId=nat)
    haar.call('GET', 'status')
    result['behind a NAT gateway'] = wait_for(lambda: answer_or_silence(interface, result), 'an answer', 20)
    result["the host's own"] = interface.connect(HERE, PORT)
    result['private'] = interface.connect('192.168.7.7', PORT)
    result['closed'] = interface.connect(THERE, PORT + 1)
    result['why after'] = haar.run('why', interface.id, f'{THERE}:{PORT}').stdout
    result['why private'] = haar.run('why', interface.id, f'192.168.7.7:{PORT}').stdout
    result['why ping'] = haar.run('why', interface.id, f'{THERE}/icmp').stdout
    open_subnet(ec2, public, group, haar, result)
    listed = json.loads(haar.run('why', '--json').stdout)['entries']
    result['listed'] = [[e['cause'], e['who'].get('interface'), e['to']['address'], e['port'], e['why'], e['shown']] for e in listed if e['kind'] == 'connection' and e['protocol'] == 6]
    result['interfaces'] = [interface.id, result['public interface']]
    return result


def open_subnet(ec2, subnet, group, haar, result):
    """An interface with an Elastic IP, in the subnet whose route is the internet gateway."""
    interface = Interface(haar, subnet, group)
    ec2.associate_address(AllocationId=ec2.allocate_address(Domain='vpc')['AllocationId'], NetworkInterfaceId=interface.id)
    haar.call('GET', 'status')
    result['public interface'] = interface.id
    result['datagram'] = inside(interface, ECHO, THERE, PORT)
    result['name'] = inside(interface, ASK, '10.0.0.2', 'api.example.com')
    result['no name'] = inside(interface, ASK, '10.0.0.2', 'nobody.example.com')
    result['in a public subnet'] = interface.connect(THERE, PORT, 4)   # longer than the kernel looks for a neighbour
    result['why public'] = haar.run('why', interface.id, f'{THERE}:{PORT}').stdout


def sixth(haar):
    """A VPC with IPv6: a subnet behind an internet gateway, one behind an egress-only gateway; TCP and datagrams from both."""
    ec2 = haar.client('ec2')
    vpc = ec2.create_vpc(CidrBlock='10.6.0.0/16', AmazonProvidedIpv6CidrBlock=True)['Vpc']['VpcId']
    range6 = ec2.describe_vpcs(VpcIds=[vpc])['Vpcs'][0]['Ipv6CidrBlockAssociationSet'][0]['Ipv6CidrBlock']
    gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    only = ec2.create_egress_only_internet_gateway(VpcId=vpc)['EgressOnlyInternetGateway']['EgressOnlyInternetGatewayId']
    group = ec2.create_security_group(GroupName='six', Description='six', VpcId=vpc)['GroupId']
    told = {}
    for number, (name, target) in enumerate((('gateway', {'GatewayId': gateway}), ('egress-only', {'EgressOnlyInternetGatewayId': only}))):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.6.{number}.0/24', Ipv6CidrBlock=subnet6(range6, number))['Subnet']['SubnetId']
        table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock='::/0', **target)
        interface = Interface(haar, subnet, group, Ipv6AddressCount=1)
        haar.call('GET', 'status')
        told[name] = {'tcp': interface.connect(THERE6, PORT, 3), 'datagram': inside(interface, ECHO, THERE6, PORT), 'id': interface.id,
                      'private': interface.connect('fd12::1', PORT), 'why': haar.run('why', interface.id, f'[{THERE6}]:{PORT}/udp').stdout}
    told['causes'] = [[e['cause'], e['to']['address'], e['protocol'], e['who'].get('interface')] for e in json.loads(haar.run('why', '--json').stdout)['entries']
                      if e['kind'] == 'connection' and ':' in e['to']['address']]
    return told


def answer_or_silence(interface, result):
    """Whatever it is when the route is there: not the drop of before."""
    told = interface.connect(THERE, PORT)
    tries = result['tries'] = result.get('tries', 0) + 1
    return told if told != 'silence' or tries > 3 else None


def main(options):
    resolver()
    far = internet()
    own = listening([], HERE)
    haar = Haar(options=options)
    try:
        haar.start()
        status = haar.call('GET', 'status')
        told = trials(haar) if status['network'] == 'on' else {'off': status.get('network_off_reason')}
        print(json.dumps({**told, 'names': json.loads(haar.run('why', '--json').stdout)['entries'], 'six': sixth(haar) if status['network'] == 'on' else None}))
    finally:
        haar.close()
        for process in (own, *far):
            process.kill()


if __name__ == '__main__':
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    main(sys.argv[1:])
