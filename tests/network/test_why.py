"""haar why: who was stopped by what, when, and what mends it."""

import base64
import json
import os
import re
import subprocess
import threading

import pytest

from tests.network.place import Place, package
from tests.support.daemon import BINARY, ROOT, wait_for


@pytest.fixture(scope='module')
def place(haar, network):
    place = Place(haar)
    place.function('pay')
    place.function('other')
    return place


def test_a_blocked_connection_names_function_service_and_mend(place):
    assert place.invoke('pay', service='secretsmanager', operation='list_secrets') == 'ConnectTimeoutError'
    entry = place.why('pay')[0]
    assert entry['who']['kind'] == 'function' and entry['who']['name'] == 'pay'
    assert entry['to']['name'] == 'secretsmanager' and entry['to']['host'] == 'secretsmanager.us-east-1.amazonaws.com' and entry['port'] == 443
    assert (entry['stage'], entry['rule'], entry['cause']) == ('route table', place.table, 'no-way-to-service')
    assert entry['why'].startswith(f'Route table {place.table} of the subnet of function pay (10.0.10.')
    assert entry['command'].startswith(f'aws ec2 create-vpc-endpoint --vpc-endpoint-type Interface --vpc-id {place.vpc} '
                                       f'--service-name com.amazonaws.us-east-1.secretsmanager --subnet-ids {place.subnets[0]}')
    assert 'ServiceName: !Sub com.amazonaws.${AWS::Region}.secretsmanager' in entry['snippet']
    assert 'Task timed out after 20.00 seconds' in entry['shown'] and 'boto3 waits 60 s' in entry['shown']


def test_functions_that_share_an_interface_are_told_apart(place):
    assert place.invoke('other', connect='10.0.77.8') in ('timeout', 'TimeoutError')
    assert place.why('other')[0]['to']['address'] == '10.0.77.8'
    assert not [e for e in place.why('pay') if e['to'].get('address') == '10.0.77.8']
    printed = place.haar.run('why', 'other')
    assert printed.returncode == 0 and 'blocked  function other (10.0.10.' in printed.stdout and 'function pay' not in printed.stdout
    assert 'Nothing of nobody was blocked.' in place.haar.run('why', 'nobody').stdout


def test_the_command_it_prints_mends_it(place):
    """S3 without a gateway endpoint; the printed command, run as it is by the AWS CLI, opens the way."""
    place.allow('s3:ListAllMyBuckets')
    assert place.invoke('pay', service='s3', operation='list_buckets') == 'ConnectTimeoutError'
    command = place.why('pay')[0]['command']
    environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': 'us-east-1', 'AWS_PAGER': ''}
    done = subprocess.run(command.replace('aws ', f'aws --endpoint-url {place.haar.url} ', 1), shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert place.invoke('pay', service='s3', operation='list_buckets') == {'ok': 200}


def test_an_endpoint_that_its_name_does_not_lead_to(place):
    endpoint = place.ec2.create_vpc_endpoint(VpcId=place.vpc, VpcEndpointType='Interface', ServiceName='com.amazonaws.us-east-1.kms', SubnetIds=place.subnets[:1],
                                             SecurityGroupIds=[place.endpoints], PrivateDnsEnabled=False)['VpcEndpoint']['VpcEndpointId']
    assert place.invoke('pay', connect='kms.us-east-1.amazonaws.com') in ('timeout', 'TimeoutError')
    entry = wait_for(lambda: [e for e in place.why('pay') if e['to']['name'] == 'kms'], 'it is explained')[0]
    assert entry['cause'] == 'private-dns' and entry['command'] == f'aws ec2 modify-vpc-endpoint --vpc-endpoint-id {endpoint} --private-dns-enabled'
    place.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])


def test_refused_names(place):
    assert 'Name or service not known' in place.invoke('pay', resolve='api.example.com')
    entry = place.why('pay')[0]
    assert (entry['kind'], entry['name'], entry['cause']) == ('name', 'api.example.com', 'unknown-name') and entry['who']['name'] == 'pay'
    assert place.invoke('pay', resolve='pay.cluster-abc.us-east-1.rds.amazonaws.com')
    assert place.why('pay')[0]['why'] == 'No DB instance or cluster has the endpoint pay.cluster-abc.us-east-1.rds.amazonaws.com.'
    place.ec2.modify_vpc_attribute(VpcId=place.vpc, EnableDnsSupport={'Value': False})
    try:
        wait_for(lambda: 'Temporary failure' in place.invoke('pay', resolve='sqs.us-east-1.amazonaws.com'), 'the resolver is off')
        entry = wait_for(lambda: [e for e in place.why('pay') if e['cause'] == 'dns-off'], 'it is explained')[0]
        assert re.search(r'so that sqs\.us-east-1\.amazonaws\.com leads nowhere \(it would be 198\.18\.', entry['why'])
    finally:
        place.ec2.modify_vpc_attribute(VpcId=place.vpc, EnableDnsSupport={'Value': True})


def test_a_function_without_a_vpc_and_the_internet(place):
    """Nothing stops it, but haar: that is said, of addresses and of names, also in the function's log."""
    place.lambda_.create_function(FunctionName='outside', Role=place.role, Runtime='python3.11', Handler='index.handler', Code={'ZipFile': package()}, Timeout=2, MemorySize=256)
    wait_for(lambda: place.lambda_.get_function_configuration(FunctionName='outside')['State'] == 'Active', 'it is active')
    assert place.invoke('outside', connect='9.9.9.9', port=8443) in ('timeout', 'TimeoutError')
    entry = wait_for(lambda: place.why('outside'), 'it is listed')[0]
    assert (entry['cause'], entry['who']['name'], entry['to']['address'], entry['port']) == ('no-internet', 'outside', '9.9.9.9', 8443)
    assert entry['why'].startswith('Nothing stops TCP port 8443 from function outside (198.18.192.')
    assert place.invoke('outside', connect='192.168.7.7') in ('timeout', 'TimeoutError')
    assert wait_for(lambda: [e for e in place.why('outside') if e['to']['address'] == '192.168.7.7'], 'it is listed')[0]['cause'] == 'private-address'
    printed = place.haar.run('why', 'outside').stdout
    assert 'stopped by delivery (haar has no way to the internet), without a VPC' in printed and 'run        haar stop; haar serve --egress=host' in printed, printed
    assert 'not known' in place.invoke('outside', resolve='api.example.com')
    entry = place.why('outside')[0]
    assert (entry['cause'], entry['who']['name']) == ('unknown-name', 'outside') and 'haar serve --egress=host asks' in entry['mend']
    answer = place.lambda_.invoke(FunctionName='outside', LogType='Tail', Payload=json.dumps({'wait': '9.9.9.9'}))
    log = base64.b64decode(answer['LogResult']).decode()
    assert 'haar: blocked: a connection to 9.9.9.9 TCP 443: dropped by haar, which has no way to the internet.' in log, log


def test_an_endpoint_policy_and_a_role(place):
    place.let_in()
    endpoint = place.endpoint('kms', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 'kms:ListKeys', 'Resource': '*'}]}))
    place.allow('kms:ListKeys', 'kms:ListAliases')
    wait_for(lambda: place.invoke('pay', resolve='kms.us-east-1.amazonaws.com').startswith('10.0.'), 'the private name')
    assert place.invoke('pay', service='kms', operation='list_aliases') == 'AccessDeniedException'
    entry = place.why('pay')[0]
    assert (entry['kind'], entry['cause'], entry['endpoint']) == ('denial', 'denied-endpoint', endpoint)
    assert entry['command'].startswith(f'aws ec2 modify-vpc-endpoint --vpc-endpoint-id {endpoint} --policy-document ')
    assert place.invoke('pay', service='kms', operation='create_key') == 'AccessDeniedException'
    entry = place.why('pay')[0]
    assert entry['cause'] == 'denied-identity' and entry['command'].startswith('aws iam put-role-policy --role-name app --policy-name haar-mend')
    assert 'denied   function pay: kms:CreateKey' in place.haar.run('why', 'pay').stdout


def test_the_way_hop_by_hop(place):
    arrives = place.haar.run('why', 'pay', 'kms')
    assert arrives.returncode == 0 and 'pass  route table' in arrives.stdout and arrives.stdout.endswith('It arrives.\n'), arrives
    stopped = place.haar.run('why', 'pay', 'dynamodb.us-east-1.amazonaws.com')
    assert stopped.returncode == 1 and 'STOP  route table' in stopped.stdout and 'create-vpc-endpoint' in stopped.stdout, stopped
    address = place.ec2.describe_network_interfaces(Filters=[{'Name': 'interface-type', 'Values': ['lambda']}])['NetworkInterfaces'][0]['PrivateIpAddress']
    trace = json.loads(place.haar.run('why', 'other', f'{address}:53/udp', '--json').stdout)
    assert trace['protocol'] == 17 and trace['port'] == 53
    wrong = place.haar.run('why', 'nobody', 'kms')
    assert wrong.returncode == 1 and "'nobody' is no function" in wrong.stderr
    assert place.haar.run('why', 'pay', 'kms:99999').returncode == 1


def test_the_trace_says_what_packets_met(place):
    """The cause of a drop and that of the trace are the same."""
    place.invoke('pay', connect='10.0.77.9')
    met = place.why('pay')[0]
    traced = json.loads(place.haar.run('why', 'pay', '10.0.77.9', '--json').stdout)
    assert traced['cause'] == met['cause'] == 'no-such-address' and traced['why'] == met['why']


def test_a_time_out_names_what_it_waited_for(place):
    place.function('waits', timeout=2)
    answer = place.lambda_.invoke(FunctionName='waits', LogType='Tail', Payload=json.dumps({'wait': 'dynamodb.us-east-1.amazonaws.com'}))
    log = base64.b64decode(answer['LogResult']).decode()
    assert re.search(r'haar: blocked: a connection to dynamodb\.us-east-1\.amazonaws\.com \(198\.18\.32\.1\) TCP 443: dropped by route table '
                     + place.table + r'\. `haar why waits` says why, and what mends it\n', log), log
    assert 'Task timed out after 2.00 seconds' in log


def test_it_is_known_while_the_connection_still_hangs(place):
    """Within the time that the caller waits; bench/why.py measures how soon."""
    before = {e['id'] for e in place.why('pay')}
    thread = threading.Thread(target=place.invoke, args=('pay',), kwargs={'connect': '10.0.77.10', 'timeout': 15})
    thread.start()
    try:
        entry = wait_for(lambda: [e for e in place.why('pay') if e['id'] not in before], 'the drop is told', 10)[0]
        assert entry['to']['address'] == '10.0.77.10' and thread.is_alive()
    finally:
        thread.join()


def test_follow_prints_what_comes(place):
    process = subprocess.Popen([BINARY, 'why', '--follow', '--json', '--since', '1s'], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, 'HAAR_DATA': place.haar.data, 'HAAR_ENDPOINT': place.haar.url})
    try:
        place.invoke('other', connect='10.0.77.11')
        line = next(line for line in process.stdout if '10.0.77.11' in line)
        assert json.loads(line)['who']['name'] == 'other'
    finally:
        process.terminate()
        process.communicate()


def test_json_since_and_wrong_usage(place):
    answer = json.loads(place.haar.run('why', '--json', '--since', '1h').stdout)
    assert answer['network'] is True and len(answer['entries']) > 5
    times = [e['time'] for e in answer['entries']]
    assert times == sorted(times, reverse=True)
    assert place.haar.run('why', '--since', 'soon').returncode == 2
    assert place.haar.run('why', 'a', 'b', 'c').returncode == 2
    place.haar.run('clock', 'advance', '2h')
    assert json.loads(place.haar.run('why', '--json').stdout)['entries'] == []


def test_every_cause_has_its_page(place):
    with open(os.path.join(ROOT, 'src', 'base', 'cause.def'), encoding='utf-8') as rows:
        slugs = re.findall(r'^CAUSE\(\w+, "([a-z-]+)"', rows.read(), re.M)
    assert len(slugs) > 20 and len(set(slugs)) == len(slugs)
    index = open(os.path.join(ROOT, 'docs', 'explain', 'README.md'), encoding='utf-8').read()
    for slug in slugs:
        page = os.path.join(ROOT, 'docs', 'explain', f'{slug}.md')
        assert os.path.exists(page), f'{slug} has no page'
        assert f'({slug}.md)' in index, f'{slug} is not in the index'
    assert {e['page'] for e in place.why(since_ms=10**9)} <= {f'docs/explain/{slug}.md' for slug in slugs}


def test_without_a_network_it_says_so(new_haar):
    haar = new_haar('--network=off')
    printed = haar.run('why')
    assert printed.returncode == 0 and printed.stdout == 'Nothing was blocked.\n'
    assert printed.stderr == 'haar why: the network is off (--network=off): no packet was checked, only permissions\n'
    answer = haar.call('GET', 'why')
    assert answer['network'] is False and answer['network_off_reason'] == '--network=off'
    traced = haar.run('why', 'a', 'b')
    assert traced.returncode == 1 and traced.stderr == 'haar: The network is off: --network=off\n'
