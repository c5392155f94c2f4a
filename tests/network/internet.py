"""A small world of its own: a network namespace where haar runs, and behind a link another one with a global address that stands for the internet.
test_egress.py runs it; it prints what came of each trial, as JSON."""

import json
import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.support.daemon import Haar, wait_for  # noqa: E402
from tests.support.interfaces import SERVER, Interface  # noqa: E402

HERE, THERE, PORT = '9.9.9.1', '9.9.9.2', 8080


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
    run('ip', 'addr', 'add', f'{HERE}/24', 'dev', 'wan')
    run('ip', 'link', 'set', 'wan', 'up')
    run(*inside, 'ip', 'addr', 'add', f'{THERE}/24', 'dev', 'wan')
    run(*inside, 'ip', 'link', 'set', 'wan', 'up')
    return [listening(inside, THERE), holder]


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
    result['listed'] = [[e['cause'], e['who'].get('interface'), e['to']['address'], e['port'], e['why'], e['shown']] for e in listed if e['kind'] == 'connection']
    result['interfaces'] = [interface.id, result['public interface']]
    return result


def open_subnet(ec2, subnet, group, haar, result):
    """An interface with an Elastic IP, in the subnet whose route is the internet gateway."""
    interface = Interface(haar, subnet, group)
    ec2.associate_address(AllocationId=ec2.allocate_address(Domain='vpc')['AllocationId'], NetworkInterfaceId=interface.id)
    haar.call('GET', 'status')
    result['public interface'] = interface.id
    result['in a public subnet'] = interface.connect(THERE, PORT)
    result['why public'] = haar.run('why', interface.id, f'{THERE}:{PORT}').stdout


def answer_or_silence(interface, result):
    """Whatever it is when the route is there: not the drop of before."""
    told = interface.connect(THERE, PORT)
    tries = result['tries'] = result.get('tries', 0) + 1
    return told if told != 'silence' or tries > 3 else None


def main(options):
    far = internet()
    own = listening([], HERE)
    haar = Haar(options=options)
    try:
        haar.start()
        status = haar.call('GET', 'status')
        print(json.dumps(trials(haar) if status['network'] == 'on' else {'off': status.get('network_off_reason')}))
    finally:
        haar.close()
        for process in (own, *far):
            process.kill()


if __name__ == '__main__':
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    main(sys.argv[1:])
