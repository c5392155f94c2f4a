"""Unmodified boto3 in a subnet, by the services' own names. Where namespaces are not possible it says so and skips."""

import os
import subprocess
import textwrap

import pytest

from tests.support.daemon import wait_for
from tests.support.interfaces import address_of, children, enter, namespaces


def runs(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as stat:
            return stat.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


@pytest.fixture(scope='module')
def network(haar):
    if 'network off' in haar.log:
        pytest.skip(f'namespaces are forbidden here: {haar.log}')
    return Network(haar)


class Network:
    """The payment stack's network: a function's interface in a private subnet, a gateway endpoint, an interface endpoint."""

    def __init__(self, haar):
        self.haar, self.ec2 = haar, haar.client('ec2')
        ec2 = self.ec2
        self.vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={'Value': True})
        self.subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock='10.0.10.0/24')['Subnet']['SubnetId']
        self.table = ec2.create_route_table(VpcId=self.vpc)['RouteTable']['RouteTableId']
        ec2.associate_route_table(RouteTableId=self.table, SubnetId=self.subnet)
        self.app = ec2.create_security_group(GroupName='app', Description='functions', VpcId=self.vpc)['GroupId']
        self.endpoint_group = ec2.create_security_group(GroupName='vpce', Description='endpoint', VpcId=self.vpc)['GroupId']
        self.eni = ec2.create_network_interface(SubnetId=self.subnet, Groups=[self.app])['NetworkInterface']
        self.namespace = wait_for(self._find, 'the interface is up')

    def _find(self):
        for namespace in namespaces(self.haar.process.pid):
            if address_of(self.haar.process.pid, namespace) == self.eni['PrivateIpAddress']:
                return namespace
        return None

    def python(self, code, **variables):
        """Runs code in the interface's namespace, with the VPC's resolver; answers what it printed."""
        resolv = os.path.join(os.path.dirname(self.haar.data), 'resolv.conf')
        with open(resolv, 'w', encoding='utf-8') as file:
            file.write('nameserver 10.0.0.2\noptions timeout:1 attempts:2\n')
        script = f'mount --bind {resolv} /etc/resolv.conf && exec /usr/bin/python3 -c "$CODE"'
        environment = {'PATH': os.environ['PATH'], 'CODE': textwrap.dedent(code), 'AWS_CA_BUNDLE': self.haar.ca, 'AWS_ACCESS_KEY_ID': 'test',
                       'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': 'us-east-1', **variables}
        run = subprocess.run([*enter(self.haar.process.pid, self.namespace), 'unshare', '-m' if os.geteuid() == 0 else '-Urm', 'sh', '-c', script], env=environment, capture_output=True, text=True,
                             timeout=60, check=False)
        return run.stdout.strip() or run.stderr.strip().splitlines()[-1]

    def connect(self, host, port=443):
        return self.python(f'''
            import socket
            try:
                socket.create_connection(("{host}", {port}), timeout=1.5)
                print("connected")
            except OSError as error:
                print(type(error).__name__)
            ''')

    def why(self):
        return self.haar.call('GET', 'drops')['drops'][0]


def test_a_private_subnet_hangs_and_is_explained_at_once(network):
    assert network.connect('dynamodb.us-east-1.amazonaws.com') in ('timeout', 'TimeoutError')
    why = network.why()
    assert (why['stage'], why['rule'], why['eni']) == ('route table', network.table, network.eni['NetworkInterfaceId'])
    assert why['mend'].startswith(f'Add route table {network.table} to a gateway endpoint for dynamodb')
    assert f'Route table {network.table}' in network.haar.run('why').stdout


def test_a_gateway_endpoint_mends_it(network):
    endpoint = network.ec2.create_vpc_endpoint(VpcId=network.vpc, ServiceName='com.amazonaws.us-east-1.dynamodb', RouteTableIds=[network.table])['VpcEndpoint']
    wait_for(lambda: network.connect('dynamodb.us-east-1.amazonaws.com') == 'connected', 'the endpoint takes connections')
    network.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint['VpcEndpointId']])
    wait_for(lambda: network.connect('dynamodb.us-east-1.amazonaws.com') != 'connected', 'the endpoint is gone')


def test_an_interface_endpoint_its_group_and_its_name(network):
    ec2 = network.ec2
    endpoint = ec2.create_vpc_endpoint(VpcId=network.vpc, ServiceName='com.amazonaws.us-east-1.sts', VpcEndpointType='Interface', SubnetIds=[network.subnet],
                                       SecurityGroupIds=[network.endpoint_group], PrivateDnsEnabled=True)['VpcEndpoint']
    wait_for(lambda: network.python('import socket; print(socket.gethostbyname("sts.us-east-1.amazonaws.com"))').startswith('10.0.10.'), 'the private name')
    assert network.connect('sts.us-east-1.amazonaws.com') in ('timeout', 'TimeoutError')
    why = network.why()
    assert (why['stage'], why['rule']) == ('security group, inbound', network.endpoint_group)
    assert why['command'] == f'aws ec2 authorize-security-group-ingress --group-id {network.endpoint_group} --protocol tcp --port 443 --source-group {network.app}'
    ec2.authorize_security_group_ingress(GroupId=network.endpoint_group, IpPermissions=[
        {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'UserIdGroupPairs': [{'GroupId': network.app}]}])
    wait_for(lambda: network.connect('sts.us-east-1.amazonaws.com') == 'connected', 'the group lets it in')
    identity = network.python('import boto3; print(boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").get_caller_identity()["Arn"])')
    assert identity.endswith(':root')
    assert endpoint['DnsEntries'][0]['DnsName'].startswith(endpoint['VpcEndpointId'])
    traced = network.haar.run('why', network.eni['NetworkInterfaceId'], 'sts.us-east-1.amazonaws.com')
    assert traced.returncode == 0 and traced.stdout.endswith('It arrives.\n'), traced


def test_an_endpoint_policy_decides(network):
    ec2 = network.ec2
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:ListKeys","Resource":"*"}]}'
    endpoint = ec2.create_vpc_endpoint(VpcId=network.vpc, ServiceName='com.amazonaws.us-east-1.kms', VpcEndpointType='Interface', SubnetIds=[network.subnet],
                                       SecurityGroupIds=[network.endpoint_group], PrivateDnsEnabled=True, PolicyDocument=policy)['VpcEndpoint']
    wait_for(lambda: network.connect('kms.us-east-1.amazonaws.com') == 'connected', 'the endpoint takes connections')
    code = 'import boto3; print(boto3.client("kms").{}())'
    assert "'Keys'" in network.python(code.format('list_keys'))
    denied = network.python(code.format('list_aliases'))
    assert 'AccessDenied' in denied and 'because no VPC endpoint policy allows the kms:ListAliases action' in denied
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint['VpcEndpointId'], ResetPolicy=True)
    assert "'Aliases'" in network.python(code.format('list_aliases'))
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint['VpcEndpointId']])


def test_trace_says_what_packets_do(network):
    answer = network.haar.run('why', network.eni['PrivateIpAddress'], '10.0.99.9:3306')
    assert 'STOP  route table' in answer.stdout and 'It does not arrive.' in answer.stdout and answer.returncode == 1, answer
    assert network.vpc in network.haar.run('net').stdout


def test_a_zone_is_cut_and_heals(network):
    other = network.ec2.create_subnet(VpcId=network.vpc, CidrBlock='10.0.20.0/24', AvailabilityZone='us-east-1b')['Subnet']['SubnetId']
    eni = network.ec2.create_network_interface(SubnetId=other, Groups=[network.app])['NetworkInterface']
    address = network.python('import socket; print(socket.gethostbyname("sts.us-east-1.amazonaws.com"))')
    assert network.haar.run('fault', 'zone', 'us-east-1a').stdout.startswith('zone-1: nothing in us-east-1a answers')
    assert network.connect(address) in ('timeout', 'TimeoutError')
    assert network.why()['stage'] == 'injected fault'
    assert network.haar.run('fault', 'lift', 'zone-1').stdout == 'zone-1 is lifted.\n'
    assert network.connect('sts.us-east-1.amazonaws.com') == 'connected'
    network.ec2.delete_network_interface(NetworkInterfaceId=eni['NetworkInterfaceId'])


def test_it_is_there_again_after_a_restart(network):
    network.haar.kill()
    network.haar.start()
    network.namespace = wait_for(network._find, 'the interface is up')
    assert network.connect('sts.us-east-1.amazonaws.com') == 'connected'


def test_nothing_is_left_after_kill_9(network):
    pid = network.haar.process.pid
    below = children(pid)
    held = {os.readlink(path) for process in [str(pid), *below] for path in namespaces(process)} - {os.readlink('/proc/self/ns/net')}
    assert held
    network.haar.kill()

    def used():
        found = set()
        for process in filter(str.isdigit, os.listdir('/proc')):
            try:
                found.add(os.readlink(f'/proc/{process}/ns/net'))
                found.update(os.readlink(path) for path in namespaces(process))
            except OSError:
                continue
        return found & held

    wait_for(lambda: not used(), 'every namespace is gone')
    wait_for(lambda: not any(map(runs, below)), 'every process is gone')
