"""haar shell: a command, or a terminal, in a subnet with groups and a role."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios

import pytest

from tests.network.place import Place
from tests.support.daemon import BINARY, wait_for


@pytest.fixture(scope='module')
def place(haar, network):
    place = Place(haar)
    place.function('pay')
    place.let_in()
    place.endpoint('kms')
    place.allow('kms:ListKeys')
    return place


def environment(place):
    return {**os.environ, 'HAAR_DATA': place.haar.data, 'HAAR_ENDPOINT': place.haar.url}


def shell(place, *arguments, **more):
    return subprocess.run([BINARY, 'shell', *arguments], env=environment(place), capture_output=True, text=True, timeout=60, check=False, **more)


def interfaces(place):
    return place.ec2.describe_network_interfaces(Filters=[{'Name': 'description', 'Values': ['haar shell']}])['NetworkInterfaces']


def test_a_command_runs_there_and_its_status_is_told(place):
    done = shell(place, '--subnet', place.subnets[1], '--', 'sh', '-c', 'ip -4 -o addr show dev eth0; cat /etc/resolv.conf; echo wrong >&2; exit 7')
    assert done.returncode == 7 and 'inet 10.0.11.' in done.stdout and 'nameserver 10.0.0.2' in done.stdout and done.stderr == 'wrong\n'
    assert shell(place, '--subnet', place.subnets[0], '--', 'sh', '-c', 'kill -9 $$').returncode in (137, 128 + 9)
    wait_for(lambda: not interfaces(place), 'the interfaces are gone')


def test_input_is_a_script(place):
    done = shell(place, '--subnet', place.subnets[0], input='echo from input\nexit 3\n')
    assert (done.returncode, done.stdout) == (3, 'from input\n')


def test_groups_decide(place):
    code = 'import socket; socket.create_connection(("kms.us-east-1.amazonaws.com", 443), 1); print("connected")'
    allowed = shell(place, '--subnet', place.subnets[0], '--group', place.functions, '--', 'python3', '-c', code)
    assert allowed.stdout == 'connected\n', allowed.stderr
    refused = shell(place, '--subnet', place.subnets[0], '--', 'python3', '-c', code)
    assert refused.returncode == 1 and 'imeout' in refused.stderr or 'timed out' in refused.stderr
    entry = place.why()[0]
    assert entry['who']['label'] == 'haar shell' and entry['cause'] == 'group-inbound' and entry['rule'] == place.endpoints


def test_as_a_function_with_its_role(place):
    """Where the function is, with its groups and its role: the AWS CLI of this machine, unmodified."""
    allowed = shell(place, '--function', 'pay', '--', 'aws', 'kms', 'list-keys')
    assert allowed.returncode == 0 and 'Keys' in json.loads(allowed.stdout), allowed.stderr
    denied = shell(place, '--function', 'pay', '--', 'aws', 'kms', 'list-aliases')
    assert 'assumed-role/app/pay is not authorized to perform: kms:ListAliases' in denied.stderr
    without = shell(place, '--subnet', place.subnets[0], '--group', place.functions, '--', 'aws', 'kms', 'list-keys')
    assert 'Unable to locate credentials' in without.stderr
    role = shell(place, '--subnet', place.subnets[0], '--group', place.functions, '--role', 'app', '--', 'aws', 'kms', 'list-keys')
    assert role.returncode == 0, role.stderr


def test_nothing_of_the_machine_is_in_it(place):
    done = shell(place, '--subnet', place.subnets[0], '--', 'sh', '-c', f'ls {place.haar.data} /home /root; touch /usr/x; id -un')
    assert done.stdout.strip() == 'shell' and done.stderr.count('No such file') == 3 and 'Read-only file system' in done.stderr


class Terminal:
    """haar shell at a terminal of its own."""

    def __init__(self, place):
        self.seen = ''
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execve(BINARY, [BINARY, 'shell', '--subnet', place.subnets[0]], {**environment(place), 'TERM': 'xterm'})

    def until(self, text):
        while text not in self.seen:
            assert select.select([self.master], [], [], 30)[0], f'{text} is not to be seen in: {self.seen}'
            self.seen += os.read(self.master, 4096).decode(errors='replace')
        self.seen = self.seen.partition(text)[2]

    def type(self, text):
        os.write(self.master, text.encode())

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def end(self):
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.master)
        return status


def test_a_terminal(place):
    terminal = Terminal(place)
    terminal.size(41, 97)
    terminal.until(f'{place.subnets[0]} 10.0.10.')
    terminal.type('stty size; tty </dev/tty >/dev/null && echo con""trolling\n')
    terminal.until('41 97')
    terminal.until('controlling')
    terminal.size(25, 80)
    terminal.type('until stty size | grep "25 80"; do :; done; echo re""sized\n')
    terminal.until('resized')
    terminal.type('exit 5\n')
    assert terminal.end() == 5
    wait_for(lambda: not interfaces(place), 'the interface is gone')


def test_an_interrupt_ends_what_was_just_begun(place):
    """Nobody waits for the program: the key comes with its line, with the echo of it, and into a loop of the shell itself."""
    terminal = Terminal(place)
    prompt = f'{place.subnets[0]} 10.0.10.'
    terminal.until(prompt)
    lines = ('sleep 1000', 'sleep 10""00', 'tail -f /dev/null', 'cat', 'while :; do :; done')
    for turn in range(20):
        line = lines[turn % len(lines)]
        terminal.type(f'{line}\n' if turn % 2 else f'{line}\n\x03')
        if turn % 2:
            terminal.until(line)
            terminal.type('\x03')
        terminal.until(prompt)
        terminal.type(f'echo inter""rupted {turn} $?\n')
        terminal.until(f'interrupted {turn} 130')
        terminal.until(prompt)
    terminal.type('exit 5\n')
    assert terminal.end() == 5


def test_it_ends_with_its_caller(place):
    process = subprocess.Popen([BINARY, 'shell', '--subnet', place.subnets[0], '--', 'sh', '-c', 'echo ready; sleep 1000'], env=environment(place),
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'ready\n' and len(interfaces(place)) == 1
    process.kill()
    process.communicate()
    wait_for(lambda: not interfaces(place), 'the interface is gone')


def test_a_signal_is_handed_on(place):
    process = subprocess.Popen([BINARY, 'shell', '--subnet', place.subnets[0], '--', 'python3', '-c', 'import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n'
                                'print("ready", flush=True)\nsignal.pause()'], env=environment(place), stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'ready\n'
    process.terminate()
    assert process.wait(timeout=30) == 9
    process.stdout.close()


def test_what_is_not_there(place):
    assert shell(place, '--subnet', 'subnet-0').stderr == 'haar: There is no such VPC, subnet or function in a VPC; `haar net` lists them\n'
    assert shell(place, '--subnet', place.subnets[0], '--group', 'nothing', '--', 'true').stderr.startswith("haar: The security group 'nothing' does not exist in vpc-")
    role = shell(place, '--subnet', place.subnets[0], '--role', 'nobody', '--', 'true')
    assert role.returncode == 1 and role.stderr == 'haar: The role with name nobody cannot be found.\n'
    assert 'command-that-is-not-there' in shell(place, '--subnet', place.subnets[0], '--', 'command-that-is-not-there').stderr
    other = place.ec2.create_vpc(CidrBlock='10.9.0.0/16')['Vpc']['VpcId']
    assert 'There are several VPCs' in shell(place, '--', 'true').stderr
    place.ec2.delete_vpc(VpcId=other)


def test_after_kill_9_nothing_is_left(place):
    process = subprocess.Popen([BINARY, 'shell', '--subnet', place.subnets[0], '--', 'sleep', '1000'], env=environment(place), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: interfaces(place), 'the shell runs')
    place.haar.kill()
    assert process.wait(timeout=30) == 1 and process.stderr.read() == 'haar: haar is gone, and the shell with it\n'
    place.haar.start()
    assert interfaces(place) == []
    assert shell(place, '--subnet', place.subnets[0], '--', 'true').returncode == 0


def test_without_a_network(new_haar):
    haar = new_haar('--network=off')
    done = haar.run('shell')
    assert done.returncode == 1 and done.stderr.startswith(f'haar: no haar with a network runs on {haar.data}')
