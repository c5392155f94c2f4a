"""The daemon's network namespaces, entered from outside: what runs there has an interface's address. An ordinary user enters the warden's user
namespace first, which is his own."""

import ipaddress
import os
import re
import subprocess

from tests.support.daemon import wait_for

# Tells everyone who connects which address he comes from.
SERVER = '''
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], int(sys.argv[2])), family=family) as server:
    print("ready", flush=True)
    while True:
        client, address = server.accept()
        client.sendall(address[0].encode())
        client.close()
'''

# What the server told, or that nobody answered.
CLIENT = '''
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])) as client:
        print(client.recv(100).decode())
except TimeoutError:
    print("silence")
except OSError as error:
    print(type(error).__name__)
'''


def subnet6(cidr, number):
    """The network of 64 bits with this number in a VPC's IPv6 range."""
    return str(list(ipaddress.ip_network(cidr).subnets(new_prefix=64))[number])


def namespaces(pid):
    """Descriptors of network namespaces that a process holds."""
    folder = f'/proc/{pid}/fd'
    for name in os.listdir(folder):
        try:
            if os.readlink(f'{folder}/{name}').startswith('net:['):
                yield f'{folder}/{name}'
        except OSError:
            continue


def children(pid):
    return subprocess.run(['pgrep', '-P', str(pid)], capture_output=True, text=True, check=False).stdout.split()


def enter(pid, namespace):
    """The command that runs another one in a namespace that the daemon holds."""
    if os.geteuid() == 0:
        return ['nsenter', f'--net={namespace}']
    return ['nsenter', '--preserve-credentials', f'--user=/proc/{children(pid)[0]}/ns/user', f'--net={namespace}']


def address_of(pid, namespace):
    answer = subprocess.run([*enter(pid, namespace), 'ip', '-4', '-o', 'addr', 'show', 'dev', 'eth0'], capture_output=True, text=True, check=False)
    match = re.search(r'inet ([0-9.]+)/', answer.stdout)
    return match and match[1]


class Interface:
    """An interface of a daemon: made in a subnet with groups; processes run behind it."""

    def __init__(self, haar, subnet, *groups, **more):
        self.haar, self.pid = haar, haar.process.pid
        made = haar.client('ec2').create_network_interface(SubnetId=subnet, Groups=list(groups), **more)['NetworkInterface']
        self.id, self.address = made['NetworkInterfaceId'], made['PrivateIpAddress']
        self.address6 = next((a['Ipv6Address'] for a in made.get('Ipv6Addresses', [])), None)
        self.namespace = wait_for(self._find, f'{self.id} is up')
        self.servers = []

    def _find(self):
        return next((n for n in namespaces(self.pid) if address_of(self.pid, n) == self.address), None)

    def serve(self, port, address=None):
        """Listens, until close(): who connects learns the address that he comes from."""
        server = subprocess.Popen([*enter(self.pid, self.namespace), '/usr/bin/python3', '-c', SERVER, address or self.address, str(port)],
                                  stdout=subprocess.PIPE, text=True)
        self.servers.append(server)
        assert server.stdout.readline() == 'ready\n'
        return self

    def connect(self, address, port, timeout=0.7):
        """What the server told; 'silence': nobody answered; or the error's name."""
        return subprocess.run([*enter(self.pid, self.namespace), '/usr/bin/python3', '-c', CLIENT, address, str(port), str(timeout)],
                              capture_output=True, text=True, timeout=60, check=False).stdout.strip()

    def close(self):
        for server in self.servers:
            server.kill()
            server.wait()
            server.stdout.close()
