"""A release under load: traffic moved in steps, a bad candidate that loses it by itself, an update taken back, and a colour that dies."""

import datetime
import json
import os
import shutil
import time

import pytest

from tests.payments.stack import Stack, chi_squared, template_with
from tests.release.load import LedgerReader, Load
from tests.support.daemon import ROOT, Haar, wait_for
from tests.support.dns import ask

GOOD = os.path.join(ROOT, 'build', 'stacks', 'payments', 'payment')
PLACE = 'Code: ../../build/stacks/payments/payment\n'
STEPS = range(10, 101, 10)
PAYMENTS_A_STEP = 30      # of each client


class Releases:
    """The stack's template with the payment function's code from folders of the test."""

    def __init__(self, directory):
        self.directory = directory

    def template(self, name, code):
        os.mkdir(os.path.join(self.directory, f'{name}-template'))
        return template_with(os.path.join(self.directory, f'{name}-template'), (PLACE, f'Code: {code}\n'))

    def good(self, name):
        """The function, built anew: other bytes that do the same."""
        code = os.path.join(self.directory, name)
        shutil.copytree(GOOD, code)
        with open(os.path.join(code, 'bootstrap'), 'ab') as binary:
            binary.write(name.encode())
        return self.template(name, code)

    def broken(self, name):
        code = os.path.join(self.directory, name)
        os.mkdir(code)
        path = shutil.copy(os.path.join(ROOT, 'tests', 'release', 'broken.py'), os.path.join(code, 'bootstrap'))
        os.chmod(path, 0o755)
        return self.template(name, code)


@pytest.fixture(scope='module')
def releases(tmp_path_factory):
    return Releases(str(tmp_path_factory.mktemp('releases')))


@pytest.fixture(scope='module')
def stack(request, releases):
    daemon = Haar(options=('--dns-port', '0'))
    request.module.__haar_daemon__ = daemon
    try:
        daemon.start()
        yield Stack(daemon).deploy(releases.good('one'), DomainName='example.com')
    finally:
        daemon.close()


@pytest.fixture(scope='module')
def ledger(stack):
    return LedgerReader(stack)


def invocations(stack):
    """{version: how often the live alias has run it}, from its metrics."""
    name = stack.outputs['FunctionName']
    found = {}
    for version in stack.client('lambda').list_versions_by_function(FunctionName=name)['Versions']:
        dimensions = {'FunctionName': name, 'Resource': f'{name}:live', 'ExecutedVersion': version['Version']}
        now = clock(stack)
        points = stack.client('cloudwatch').get_metric_statistics(
            Namespace='AWS/Lambda', MetricName='Invocations', Dimensions=[{'Name': k, 'Value': v} for k, v in dimensions.items()], Period=3600,
            StartTime=now - datetime.timedelta(hours=3), EndTime=now + datetime.timedelta(hours=1), Statistics=['Sum'])['Datapoints']
        found[version['Version']] = sum(point['Sum'] for point in points)
    return found


def clock(stack):
    """The time of haar's clock."""
    return datetime.datetime.fromisoformat(stack.haar.call('GET', 'clock')['time'].replace('Z', '+00:00'))


def share_of_traffic(stack, load):
    """{version: payments} over some payments, all of which began after now."""
    load.await_payments(1)
    before = invocations(stack)
    load.await_payments(PAYMENTS_A_STEP)
    after = invocations(stack)
    return {version: after[version] - before.get(version, 0) for version in after}


def check_share(ran, candidate, active, percent):
    assert ran[candidate] + ran[active] >= 3 * PAYMENTS_A_STEP - 3
    if percent in (0, 100):
        assert ran[active if percent else candidate] == 0, (percent, ran)
        return
    assert chi_squared(ran, {candidate: percent / 100, active: 1 - percent / 100}) < 20, (percent, ran)


def test_traffic_moves_in_ten_steps_and_no_payment_is_lost(stack, releases, ledger):
    blue, _ = stack.live()
    with Load(stack) as load:
        load.await_payments(2)
        stack.deploy(releases.good('two'), GreenRelease='2')
        green = stack.outputs['GreenVersion']
        assert green != blue and stack.live() == (blue, {}) and stack.health('green')[1]['release'] == '2'
        check_share(share_of_traffic(stack, load), green, blue, 0)
        for percent in STEPS:
            stack.update(CandidateWeight=percent)
            assert stack.live() == (blue, {green: percent / 100})
            check_share(share_of_traffic(stack, load), green, blue, percent)
        stack.update(ActiveColour='green', CandidateWeight=0)
        assert stack.live() == (green, {})
        stack.update(BlueRelease='')
        load.await_payments(5)
    assert load.failed == [] and len(load.paid) > 11 * 3 * PAYMENTS_A_STEP
    assert set(ledger.check(load.paid)) == set(load.paid)
    aliases = {a['Name']: a['FunctionVersion'] for a in stack.client('lambda').list_aliases(FunctionName=stack.outputs['FunctionName'])['Aliases']}
    assert aliases == {'live': green, 'green': green}
    assert 'BlueUrl' not in stack.outputs
    print(f'{len(load.paid)} payments over ten steps, {load.refused} sent again')


def alarm_state(stack, name='candidate', kind='MetricAlarms'):
    return stack.client('cloudwatch').describe_alarms(AlarmNames=[f'{stack.name}-{name}'], AlarmTypes=[kind[:-1]])[kind][0]['StateValue']


def crashed(status, body):
    """What API Gateway answers when the function dies: a payment with a key may be sent again."""
    return status == 502 and body == {'message': 'Internal server error'}


def await_crash(load):
    before = load.refused
    wait_for(lambda: load.refused > before, 'a payment meets the candidate')


def test_a_bad_candidate_loses_its_traffic_by_itself(stack, releases, ledger):
    """It passes validation and health; its payments fail; its alarm gives them back to the active colour. No one does anything."""
    active, _ = stack.live()
    stack.deploy(releases.broken('bad'), BlueRelease='bad')
    candidate = stack.outputs['BlueVersion']
    assert stack.health('blue')[1]['release'] == 'broken' and stack.live() == (active, {})
    with Load(stack) as load:
        load.again = crashed
        stack.begin_minute()
        stack.update(CandidateWeight=20)
        assert stack.live() == (active, {candidate: 0.2})
        began, at = time.monotonic(), clock(stack)
        await_crash(load)
        stack.advance('1m')
        wait_for(lambda: stack.live() == (active, {}), 'the alarm takes the traffic back')
        took, on_the_clock = time.monotonic() - began, clock(stack) - at
        assert alarm_state(stack) == 'ALARM'
        wait_for(lambda: alarm_state(stack, 'service', 'CompositeAlarms') == 'ALARM', 'the composite alarm follows')
        load.await_payments(1)
        refused = load.refused
        assert check_only(share_of_traffic(stack, load), active) and load.refused == refused
    assert load.failed == [] and set(ledger.check(load.paid)) >= set(load.paid)
    print(f'a bad candidate at 20 % was taken back {took:.2f} s after it got traffic ({on_the_clock.total_seconds():.0f} s on the clock); '
          f'{load.refused} of {len(load.paid)} payments had to be sent again')


def check_only(ran, version):
    return ran[version] > 0 and all(count == 0 for other, count in ran.items() if other != version)


def test_a_rollback_trigger_takes_the_update_back(stack, ledger):
    active, _ = stack.live()
    stack.update(CandidateWeight=0)
    stack.advance('4m')
    wait_for(lambda: alarm_state(stack) == 'OK', 'the alarm is quiet again')
    trigger = {'Arn': stack.outputs['CandidateAlarmArn'], 'Type': 'AWS::CloudWatch::Alarm'}
    with Load(stack) as load:
        load.again = crashed
        stack.start_update(CandidateWeight=50, RollbackConfiguration={'RollbackTriggers': [trigger], 'MonitoringTimeInMinutes': 10})
        await_crash(load)
        stack.advance('1m')
        settled = stack.settle()
        assert settled['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE', stack.events()[-20:]
        assert stack.live() == (active, {})
        load.await_payments(2)
    assert {p['ParameterKey']: p['ParameterValue'] for p in settled['Parameters']}['CandidateWeight'] == '0'
    assert any(f"The rollback trigger {trigger['Arn']} is in the ALARM state." in e.get('ResourceStatusReason', '') for e in stack.events())
    assert load.failed == [] and set(ledger.check(load.paid)) >= set(load.paid)


def get_health(stack):
    """(status, version) as the distribution answers."""
    status, _, body = stack.request(stack.distribution_host, '/health', tls=True)
    return status, json.loads(body).get('version')


def names(stack, times=40):
    """What DNS answers for the weighted name."""
    server = stack.haar.call('GET', 'status')['dns']
    return {ask(server, 'api.example.com').values[0].rstrip('.') for _ in range(times)}


def test_the_other_colour_answers_when_blue_dies(stack, releases):
    stack.deploy(releases.good('three'), BlueRelease='3')
    stack.update(ActiveColour='blue')
    blue, green = stack.outputs['BlueVersion'], stack.outputs['GreenVersion']
    assert stack.live() == (blue, {}) and get_health(stack) == (200, blue)
    stack.advance('1m')
    wait_for(lambda: names(stack) == {stack.colour_host('blue')}, 'DNS answers blue, which has all of the weight')
    with stack.broken_origin('blue'):
        assert stack.health('blue') == (500, {'message': 'Internal server error'})
        assert get_health(stack) == (200, green)
        stack.advance('1m')
        wait_for(lambda: names(stack) == {stack.colour_host('green')}, 'DNS answers green only')
        assert stack.post({'amount': '1.00', 'currency': 'EUR'})[0] == 200  # the live alias has its own permission
    assert get_health(stack) == (200, blue)
    stack.advance('1m')
    wait_for(lambda: names(stack) == {stack.colour_host('blue')}, 'DNS answers blue again')


def test_deletion_takes_everything(stack, ledger):
    """Both colours, the edge and the database; the bucket must be empty, as on AWS, and the database leaves a snapshot."""
    ledger.close()
    cluster = stack.outputs['DatabaseClusterId']
    stack.empty_bucket()
    done = stack.haar.run('down', stack.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.client('cloudfront').list_distributions()['DistributionList']['Quantity'] == 0
    assert stack.client('lambda').list_functions()['Functions'] == [] and stack.client('route53').list_health_checks()['HealthChecks'] == []
    assert [s['DBClusterIdentifier'] for s in stack.client('rds').describe_db_cluster_snapshots()['DBClusterSnapshots']] == [cluster]
