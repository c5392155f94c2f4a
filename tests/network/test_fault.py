"""haar fault: what it breaks is broken, and whole again when it is lifted."""

import contextlib
import json
import os
import subprocess

import pytest

from tests.network.place import Place
from tests.support.daemon import BINARY, ROOT, wait_for

HANGS = ('timeout', 'TimeoutError')
CUT = (*HANGS, 'gaierror')  # the resolver does not answer either


@pytest.fixture(scope='module')
def place(haar, network):
    place = Place(haar)
    place.function('pay')
    place.function('far', subnets=place.subnets[1:])
    place.let_in()
    place.kms = place.endpoint('kms')
    place.ec2.create_vpc_endpoint(VpcId=place.vpc, ServiceName='com.amazonaws.us-east-1.dynamodb', RouteTableIds=[place.table])
    place.allow('kms:ListKeys', 'dynamodb:ListTables')
    wait_for(lambda: place.invoke('pay', connect='kms.us-east-1.amazonaws.com') == 'connected', 'the endpoint answers')
    return place


@pytest.fixture
def fault(place):
    """fault('zone', 'us-east-1a') sets one with the command; all are lifted behind the test."""
    def set_(*arguments):
        done = place.haar.run('fault', *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield set_
    place.haar.run('fault', 'lift', 'all')
    assert place.haar.run('fault').stdout == 'No fault is on.\n'


def connect(place, function='pay', host='kms.us-east-1.amazonaws.com'):
    return place.invoke(function, connect=host)


def test_a_zone_is_out_and_heals(place, fault):
    assert fault('zone', 'us-east-1a') == 'zone-1: nothing in us-east-1a answers: its interfaces, databases and endpoints are cut off\n'
    assert connect(place) in CUT and connect(place, 'far') in HANGS            # the endpoint is there too
    assert connect(place, 'far', 'dynamodb.us-east-1.amazonaws.com') == 'connected'
    entry = place.why('far')[0]
    assert (entry['cause'], entry['rule'], entry['command']) == ('fault', 'zone-1', 'haar fault lift zone-1')
    assert place.haar.run('fault', 'lift', 'zone-1').stdout == 'zone-1 is lifted.\n'
    assert connect(place) == 'connected' and connect(place, 'far') == 'connected'


def test_what_comes_later_has_the_fault_too(place, fault):
    """An interface that a function gets, and one in a subnet that its zone gets, when the fault is on."""
    place.function('mover')
    fault('cut', 'mover', '--name', 'mine')
    fault('zone', 'us-east-1c')
    subnets = {zone: place.ec2.create_subnet(VpcId=place.vpc, CidrBlock=f'10.0.{40 + i}.0/24', AvailabilityZone=f'us-east-1{zone}')['Subnet']['SubnetId']
               for i, zone in enumerate('bc')}
    place.function('late', subnets=[subnets['c']])
    assert connect(place, 'late') in CUT and place.why('late')[0]['rule'] == 'zone-1'
    place.lambda_.update_function_configuration(FunctionName='mover', VpcConfig={'SubnetIds': [subnets['b']], 'SecurityGroupIds': [place.functions]})
    wait_for(lambda: place.lambda_.get_function_configuration(FunctionName='mover')['LastUpdateStatus'] == 'Successful', 'it has moved')
    wait_for(lambda: connect(place, 'mover') in CUT and place.why('mover')[0]['rule'] == 'mine', 'the fault has followed')
    place.haar.run('fault', 'lift', 'all')
    assert connect(place, 'mover') == 'connected' and connect(place, 'late') == 'connected'
    for name in ('mover', 'late'):
        place.lambda_.delete_function(FunctionName=name)


def test_it_is_timed_by_haars_clock_and_lasts_over_a_restart(place, fault):
    assert ', until ' in fault('cut', 'pay', '--for', '30s', '--name', 'mine')
    place.haar.kill()
    place.haar.start()
    listed = json.loads(place.haar.run('fault', '--json').stdout)['faults'][0]
    assert listed['name'] == 'mine' and listed['text'] == 'no packet of pay passes' and listed['until'] > listed['since']
    assert connect(place) in CUT
    place.haar.run('clock', 'advance', '31s')
    wait_for(lambda: place.haar.run('fault').stdout == 'No fault is on.\n', 'its time is over')
    assert connect(place) == 'connected'


def test_packets_are_lost(place, fault):
    fault('loss', 'pay', '100%')
    assert connect(place) in HANGS and connect(place, 'far') == 'connected'
    place.haar.run('fault', 'lift', 'all')
    fault('loss', 'us-east-1a', 'us-east-1b', '100%')                           # between the zones only
    assert connect(place) == 'connected' and connect(place, 'far') in HANGS


def test_bandwidth(place, fault):
    """16 kbit a second: the burst is used up by a body of a megabyte, and its rest would take minutes."""
    big = {'service': 'kms', 'operation': 'create_key', 'arguments': {'Policy': 'x' * 30000, 'Description': 'x'}, 'read': 3, 'timeout': 3}
    assert place.invoke('pay', **big) not in ('ReadTimeoutError', 'ConnectTimeoutError', 'ConnectionClosedError')
    assert fault('bandwidth', 'pay', '8.192kbit') in (
        'bandwidth-1: packets of pay over 8 kbit a second wait, and are dropped when too many do (token bucket)\n',
        'bandwidth-1: packets of pay over 8 kbit a second are dropped (policer)\n')
    assert fault('bandwidth', 'us-east-1a', 'us-east-1b', '1mbit').endswith('over 1000 kbit a second are dropped (policer)\n')
    answers = [place.invoke('pay', **big) for _ in range(5)]
    assert any('Time' in answer or 'Connect' in answer for answer in answers if isinstance(answer, str)), answers


ECHO = '''
import socket, threading
def serve(to):
    while data := to.recv(65536):
        to.sendall(data)
server = socket.create_server(("", 7000))
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(("10.0.0.1", 9))
print(probe.getsockname()[0], flush=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
'''


@contextlib.contextmanager
def inside(place, subnet, code):
    process = subprocess.Popen([BINARY, 'shell', '--subnet', subnet, '--group', place.functions, '--', 'python3', '-c', code], stdout=subprocess.PIPE, text=True,
                               stdin=subprocess.DEVNULL, env={**os.environ, 'HAAR_DATA': place.haar.data, 'HAAR_ENDPOINT': place.haar.url})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def serving(place):
    """A server in the second zone that sends back what it gets: its address."""
    with inside(place, place.subnets[1], ECHO) as process:
        yield process.stdout.readline().strip()


@pytest.fixture(scope='module')
def open_between(place):
    place.ec2.authorize_security_group_ingress(GroupId=place.functions, IpPermissions=[
        {'IpProtocol': 'tcp', 'FromPort': 7000, 'ToPort': 7000, 'UserIdGroupPairs': [{'GroupId': place.functions}]}])


@pytest.fixture
def echo(place, open_between):
    with serving(place) as address:
        yield address


def soon(place, function, address, ms):
    """A connection takes less than what a delay would make of it, however slow the machine is at times."""
    wait_for(lambda: place.invoke(function, echo=address, kib=1)['connect'] < ms, f'{function} connects in less than {ms} ms')


def at_least(answer, connect, request):
    return answer['same'] and answer['connect'] >= connect and answer['request'] >= request


def test_packets_of_a_function_are_late(place, fault, echo):
    """To and from it: a round trip takes twice the delay. What it sends and gets is whole."""
    assert fault('latency', 'pay', '150ms') == 'latency-1: packets of pay arrive 150 ms later\n'
    assert at_least(place.invoke('pay', echo=echo, kib=1024), 300, 300)
    soon(place, 'far', echo, 300)
    assert place.invoke('pay', connect='kms.us-east-1.amazonaws.com', timeout=0.25) in HANGS
    assert place.invoke('pay', service='kms', operation='list_keys', timeout=10) == {'ok': 200}
    assert connect(place, 'pay', '10.0.11.250') in HANGS and place.why('pay')[0]['cause'] != 'fault'
    place.haar.run('fault', 'lift', 'all')
    soon(place, 'pay', echo, 300)


def test_packets_between_zones_are_late(place, fault, echo):
    """Also of an interface that comes when the fault is on already; not inside of a zone."""
    assert fault('latency', 'us-east-1a', 'us-east-1b', '100ms', '--jitter', '20ms') == (
        'latency-1: packets between us-east-1a and us-east-1b arrive 100 ms later, give or take 20 ms\n')
    assert at_least(place.invoke('pay', echo=echo, kib=1024), 160, 160)
    soon(place, 'far', echo, 160)
    with serving(place) as late:
        assert at_least(place.invoke('pay', echo=late, kib=1), 160, 160)


def test_delays_add_up_and_end_one_by_one(place, fault, echo):
    fault('latency', 'us-east-1a', 'us-east-1b', '100ms', '--name', 'zones')
    fault('latency', 'pay', '120ms', '--name', 'mine')
    assert at_least(place.invoke('pay', echo=echo, kib=64), 440, 440)
    place.haar.run('fault', 'lift', 'zones')
    assert at_least(place.invoke('pay', echo=echo, kib=64), 240, 240)
    soon(place, 'pay', echo, 440)


def test_what_waits_goes_in_order_when_the_delay_is_lifted(place, fault, echo):
    send = f'import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfor i in range(200): s.sendto(b"%d" % i, ("{echo}", 7001))'
    receive = ('import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(("", 7001))\np = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n'
               'p.connect(("10.0.0.1", 9))\nprint(p.getsockname()[0], flush=True)\nprint(*[int(s.recv(9)) for i in range(200)])')
    place.ec2.authorize_security_group_ingress(GroupId=place.functions, IpPermissions=[
        {'IpProtocol': 'udp', 'FromPort': 7001, 'ToPort': 7001, 'UserIdGroupPairs': [{'GroupId': place.functions}]}])
    with inside(place, place.subnets[1], receive) as process:
        address = process.stdout.readline().strip()
        fault('latency', 'us-east-1a', 'us-east-1b', '60s')
        with inside(place, place.subnets[0], send.replace(echo, address)) as sender:
            assert sender.wait(30) == 0
        place.haar.run('fault', 'lift', 'all')
        assert process.stdout.readline().split() == [str(i) for i in range(200)]


def test_a_delay_lasts_over_a_restart(place, fault, open_between):
    fault('latency', 'us-east-1b', '100ms')
    place.haar.kill()
    place.haar.start()
    with serving(place) as address:
        assert at_least(place.invoke('pay', echo=address, kib=64), 200, 200)
        place.haar.run('fault', 'lift', 'all')
        soon(place, 'pay', address, 200)


def test_the_resolver_fails(place, fault):
    fault('dns', place.vpc, 'servfail')
    assert 'Temporary failure' in place.invoke('pay', resolve='kms.us-east-1.amazonaws.com')
    assert place.why('pay')[0]['kind'] == 'name' and place.why('pay')[0]['cause'] == 'fault'
    place.haar.run('fault', 'lift', 'all')
    assert place.invoke('pay', resolve='kms.us-east-1.amazonaws.com').startswith('10.0.')


def test_an_endpoint_refuses_or_hangs(place, fault):
    fault('endpoint', place.kms)
    assert connect(place) == 'ConnectionRefusedError'
    place.haar.run('fault', 'lift', 'all')
    fault('endpoint', 'kms', 'hang')
    assert connect(place) in HANGS
    place.haar.run('fault', 'lift', 'all')
    fault('endpoint', 'dynamodb', 'refuse')
    assert connect(place, host='dynamodb.us-east-1.amazonaws.com') == 'ConnectionRefusedError' and connect(place) == 'connected'


def code(call, **arguments):
    import botocore.exceptions
    try:
        call(**arguments)
        return 'ok'
    except botocore.exceptions.ClientError as error:
        return error.response['Error']['Code'], error.response['ResponseMetadata']['HTTPStatusCode']


def test_a_service_throttles_at_a_rate(place, fault):
    tables = place.haar.client('dynamodb').list_tables
    assert fault('service', 'dynamodb', '--throttle', '--rate', '30%') == "service-1: 30 % of dynamodb's calls are throttled\n"
    answers = [code(tables) for _ in range(10)]
    assert answers.count(('ProvisionedThroughputExceededException', 400)) == 3 and answers.count('ok') == 7
    entry = place.why()[0]
    assert entry['cause'] == 'injected-error' and entry['action'] == 'dynamodb:ListTables' and entry['command'] == 'haar fault lift service-1'


@pytest.mark.parametrize('service, operation, arguments, wanted', [
    ('s3', 'list_buckets', ('--throttle',), ('SlowDown', 503)), ('ec2', 'describe_vpcs', ('--throttle',), ('RequestLimitExceeded', 503)),
    ('lambda', 'list_functions', ('--throttle',), ('TooManyRequestsException', 429)), ('iam', 'list_roles', ('--throttle',), ('Throttling', 400)),
    ('secretsmanager', 'list_secrets', ('--throttle',), ('ThrottlingException', 400)), ('kms', 'list_keys', ('--fail', 'InternalFailure'), ('InternalFailure', 500)),
    ('s3', 'list_buckets', ('--fail', '503'), ('ServiceUnavailable', 503)), ('kms', 'list_keys', ('--fail', 'DisabledException'), ('DisabledException', 400))])
def test_each_service_has_its_own_error(place, fault, service, operation, arguments, wanted):
    fault('service', service, *arguments)
    assert code(getattr(place.haar.client(service), operation)) == wanted


def test_only_one_operation(place, fault):
    fault('service', 'kms', '--fail', '500', '--operation', 'ListAliases')
    kms = place.haar.client('kms')
    assert code(kms.list_keys) == 'ok' and code(kms.list_aliases) == ('InternalFailure', 500)


def test_a_service_answers_late_in_every_lane(place, fault):
    import botocore.config
    import botocore.exceptions
    fault('service', 'kms', '--latency', '1500ms')
    kms = place.haar.client('kms', config=botocore.config.Config(read_timeout=1))
    for call, arguments in ((kms.list_keys, {}), (kms.create_key, {})):
        with pytest.raises(botocore.exceptions.ReadTimeoutError):
            call(**arguments)
    assert code(place.haar.client('kms').create_key) == 'ok'


def test_the_profile_stateless_groups(place, fault):
    """The endpoint's group lets connections in, but nothing out again: AWS needs no rule for replies, the profile does."""
    group = place.ec2.describe_security_groups(GroupIds=[place.endpoints])['SecurityGroups'][0]
    place.ec2.revoke_security_group_egress(GroupId=place.endpoints, IpPermissions=group['IpPermissionsEgress'])
    assert connect(place) == 'connected'
    fault('stateless-groups', place.vpc)
    assert connect(place) in HANGS
    entry = next(e for e in place.why('pay') if e['kind'] == 'connection')
    assert entry['cause'] == 'group-reply' and entry['reply'] and entry['rule'] == place.endpoints and entry['to']['kind'] == 'endpoint'
    assert entry['command'] == (f"aws ec2 authorize-security-group-egress --group-id {place.endpoints} --ip-permissions "
                                f"'IpProtocol=tcp,FromPort=443,ToPort=443,UserIdGroupPairs=[{{GroupId={place.functions}}}]'")
    place.ec2.authorize_security_group_egress(GroupId=place.endpoints, IpPermissions=[
        {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'UserIdGroupPairs': [{'GroupId': place.functions}]}])
    assert connect(place) == 'connected'
    place.haar.run('fault', 'lift', 'all')
    assert connect(place) == 'connected'


# Egress rules of who answers: as EC2 takes them, and as a template writes them.
TO_FUNCTIONS = {'asked': ('tcp', 443, 443), 'clients': ('tcp', 1024, 65535), 'all ports': ('tcp', 0, 65535), 'another': ('tcp', 5432, 5432), 'udp': ('udp', 0, 65535),
                'everything': ('-1', None, None)}


@pytest.mark.parametrize('name', sorted(TO_FUNCTIONS))
def test_haar_check_says_of_replies_what_the_profile_does(place, fault, tmp_path, name):
    protocol, first, last = TO_FUNCTIONS[name]
    ports = {} if first is None else {'FromPort': first, 'ToPort': last}
    with open(os.path.join(ROOT, 'tests', 'check', 'rules', 'stateless-reply', 'bad.yaml'), encoding='utf-8') as file:
        text = file.read()
    assert "{IpProtocol: '-1', CidrIp: 127.0.0.1/32}" in text
    rule = ''.join(f', {key}: {value}' for key, value in ports.items())
    (tmp_path / 'template.yaml').write_text(text.replace("{IpProtocol: '-1', CidrIp: 127.0.0.1/32}", f"{{IpProtocol: '{protocol}', CidrIp: 10.0.0.0/16{rule}}}"))
    checked = subprocess.run([BINARY, 'check', str(tmp_path / 'template.yaml')], capture_output=True, text=True, timeout=60, check=False).stdout
    group = place.ec2.describe_security_groups(GroupIds=[place.endpoints])['SecurityGroups'][0]
    if group['IpPermissionsEgress']:
        place.ec2.revoke_security_group_egress(GroupId=place.endpoints, IpPermissions=group['IpPermissionsEgress'])
    place.ec2.authorize_security_group_egress(GroupId=place.endpoints, IpPermissions=[{'IpProtocol': protocol, **ports, 'IpRanges': [{'CidrIp': '10.0.0.0/16'}]}])
    fault('stateless-groups', place.vpc)
    met = connect(place)
    place.haar.run('fault', 'lift', 'all')
    assert met in ('connected', *HANGS) and (met == 'connected') == ('stateless-reply' not in checked), (met, checked)


def test_the_profile_late_eni(place, fault):
    code_ = 'import socket\nsocket.create_connection(("kms.us-east-1.amazonaws.com", 443), 60).close()\ndef handler(event, context):\n    return "ran"\n'
    from tests.network.place import package
    place.lambda_.create_function(FunctionName='early', Role=place.role, Runtime='python3.11', Handler='index.handler', Timeout=2, MemorySize=256,
                                  Code={'ZipFile': package(code_)}, VpcConfig={'SubnetIds': place.subnets[:1], 'SecurityGroupIds': [place.functions]})
    wait_for(lambda: place.lambda_.get_function_configuration(FunctionName='early')['State'] == 'Active', 'it is active')
    assert place.invoke('early') == 'ran'
    fault('late-eni', 'early')
    assert place.invoke('early')['errorMessage'].endswith('Task timed out after 2.00 seconds')
    assert connect(place) == 'connected'
    place.haar.run('fault', 'lift', 'all')
    assert place.invoke('early') == 'ran'


def test_down_lifts_all(place, fault):
    """Also if there is no stack: then it is all that it does."""
    fault('zone', 'us-east-1a')
    fault('service', 'kms', '--throttle')
    done = place.haar.run('down')
    assert (done.returncode, done.stdout) == (0, 'Fault zone-1 is lifted.\nFault service-1 is lifted.\n'), done
    assert place.haar.run('fault').stdout == 'No fault is on.\n' and connect(place) == 'connected'
    done = place.haar.run('down')
    assert (done.returncode, done.stderr) == (1, 'haar: there is no stack\n'), done


@pytest.mark.parametrize('arguments, status, message', [
    (('nonsense', 'x'), 2, 'there is no fault "nonsense"'), (('zone',), 2, 'takes one target'), (('loss', 'pay', 'much'), 2, "'much' is no rate"),
    (('zone', 'us-east-9z'), 1, 'Invalid availability zone: [us-east-9z]'), (('cut', 'nobody'), 1, "'nobody' is no zone, function, database"),
    (('service', 'nothing', '--throttle'), 1, 'haar does not implement the service nothing'), (('service', 'kms'), 1, 'needs --throttle, --fail CODE or --latency'),
    (('service', 'kms', '--throttle', '--operation', 'Nope'), 1, 'does not implement the operation Nope of kms'), (('lift', 'nobody'), 1, "There is no fault 'nobody'"),
    (('latency', 'us-east-1a', '1s', '--jitter', '2s'), 1, 'A jitter is at most the latency'), (('zone', 'us-east-1a', '--name', 'a b'), 1, "A fault's name has 1 to 64 letters"),
    (('dns', 'vpc-0'), 1, "There is no VPC 'vpc-0'"), (('zone', 'us-east-1a', '--for', 'ever'), 2, "'ever' is no time")])
def test_what_is_wrong_is_said(place, arguments, status, message):
    done = place.haar.run('fault', *arguments)
    assert done.returncode == status and message in done.stderr, done
    assert place.haar.run('fault').stdout == 'No fault is on.\n'
