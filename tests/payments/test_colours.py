"""Both colours at once: names, health, the distribution's failover, alarms and the way back, each seen in what is answered."""

import collections
import json

import pytest

from tests.payments.stack import DOMAIN
from tests.support.daemon import wait_for
from tests.support.dns import ask

CANDIDATE = 20


@pytest.fixture(scope='module')
def split(stack):
    """The stack while green has a share of blue's payments."""
    stack.update(CandidateWeight=CANDIDATE)
    yield stack
    stack.update(CandidateWeight=0)


def chi_squared(counted, wanted):
    total = sum(counted.values())
    return sum((counted.get(key, 0) - total * share) ** 2 / (total * share) for key, share in wanted.items())


def test_name_gives_the_candidate_its_share(split):
    server, hosts = split.haar.call('GET', 'status')['dns'], {split.colour_host('blue'): 0.8, split.colour_host('green'): 0.2}
    answered = collections.Counter(ask(server, f'api.{DOMAIN}').values[0].rstrip('.') for _ in range(400))
    assert set(answered) == set(hosts) and chi_squared(answered, hosts) < 16, answered


@pytest.mark.parametrize('colour', ['blue', 'green'])
def test_colour_answers_and_its_health_check_sees_it(stack, outputs, colour):
    status, body = stack.health(colour)
    assert status == 200 and body['version'] == outputs[f'{colour.capitalize()}Version']
    route53, check = stack.client('route53'), stack.id(f'{colour.capitalize()}HealthCheck')
    seen = lambda: [o['StatusReport']['Status'] for o in route53.get_health_check_status(HealthCheckId=check)['HealthCheckObservations']]
    stack.haar.run('clock', 'advance', '30s')
    wait_for(lambda: seen() and all(r.startswith('Success') for r in seen()), f'{colour} is healthy', 15)


def over_https(stack, path, method='GET', body=None):
    headers = {'Content-Type': 'application/json'} if body else {}
    return stack.request(stack.distribution_host, path, method, body and json.dumps(body), headers, tls=True)


def test_distribution_takes_payments_and_caches_none(stack):
    body = {'amount': '4.00', 'currency': 'EUR'}
    answers = [over_https(stack, '/payment', 'POST', body) for _ in range(2)]
    assert [a[0] for a in answers] == [200, 200], answers
    ids = {json.loads(a[2])['paymentId'] for a in answers}
    assert len(ids) == 2 and all(stack.ledger(i)['payment']['amount_minor'] == '400' for i in ids)


def test_distribution_leads_to_https(stack):
    for path in ('/health', '/payment'):
        status, headers, _ = stack.request(stack.distribution_host, path)
        assert (status, headers.get('location')) == (301, f'https://{stack.distribution_host}{path}')


def test_distribution_answers_from_green_when_blue_fails(stack, outputs):
    lambda_, function = stack.client('lambda'), outputs['FunctionName']
    version = lambda: (lambda a: (a[0], json.loads(a[2]).get('version')))(over_https(stack, '/health'))
    assert version() == (200, outputs['BlueVersion'])
    statement = json.loads(lambda_.get_policy(FunctionName=function, Qualifier='blue')['Policy'])['Statement'][0]
    lambda_.remove_permission(FunctionName=function, Qualifier='blue', StatementId=statement['Sid'])
    try:
        assert version() == (200, outputs['GreenVersion'])
    finally:
        lambda_.add_permission(FunctionName=function, Qualifier='blue', StatementId=statement['Sid'], Action='lambda:InvokeFunction',
                               Principal='apigateway.amazonaws.com', SourceArn=statement['Condition']['ArnLike']['AWS:SourceArn'])
    assert version() == (200, outputs['BlueVersion'])


def messages(stack, outputs, alarm):
    """What the queue got when an alarm went; each message is taken once."""
    sqs = stack.client('sqs')
    got = sqs.receive_message(QueueUrl=outputs['AlertQueueUrl'], MaxNumberOfMessages=10).get('Messages', [])
    for message in got:
        sqs.delete_message(QueueUrl=outputs['AlertQueueUrl'], ReceiptHandle=message['ReceiptHandle'])
    told = [json.loads(json.loads(m['Body'])['Message']) for m in got]
    return [m for m in told if m['AlarmName'] == alarm and m['NewStateValue'] == 'ALARM']


def test_throttled_payments_sound_the_alarm(stack, outputs):
    """Payments are throttled; the metric says so, the alarm goes, and the encrypted topic brings its message to the queue."""
    lambda_, alarm = stack.client('lambda'), stack.id('FunctionThrottlesAlarm')
    state = lambda: stack.client('cloudwatch').describe_alarms(AlarmNames=[alarm])['MetricAlarms'][0]['StateValue']
    lambda_.put_function_concurrency(FunctionName=outputs['FunctionName'], ReservedConcurrentExecutions=0)

    def minute_of(status, wanted):
        assert stack.post({'amount': '1.00', 'currency': 'EUR'}, stack.key())[0] == status
        stack.haar.run('clock', 'advance', '1m')
        return state() == wanted

    try:
        wait_for(lambda: minute_of(429, 'ALARM'), 'the alarm of throttles', 15)
    finally:
        lambda_.delete_function_concurrency(FunctionName=outputs['FunctionName'])
    told = wait_for(lambda: messages(stack, outputs, alarm), 'the message of the alarm', 20)
    assert told[0]['Trigger']['MetricName'] == 'Throttles'
    wait_for(lambda: minute_of(200, 'OK'), 'the alarm is quiet again', 20)


def test_alarm_takes_traffic_from_the_candidate(stack, split, outputs):
    """The candidate's alarm calls the rollback function, and that gives all payments back to blue."""
    assert split.live() == (outputs['BlueVersion'], {outputs['GreenVersion']: CANDIDATE / 100})
    cloudwatch, name = stack.client('cloudwatch'), f'{stack.name}-candidate'
    cloudwatch.set_alarm_state(AlarmName=name, StateValue='ALARM', StateReason='tried')
    wait_for(lambda: split.live() == (outputs['BlueVersion'], {}), 'the traffic is taken back', 20)
    assert split.post({'amount': '1.00', 'currency': 'EUR'}, stack.key())[0] == 200
    cloudwatch.set_alarm_state(AlarmName=name, StateValue='OK', StateReason='tried')
