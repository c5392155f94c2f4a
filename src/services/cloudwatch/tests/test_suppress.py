"""Composite alarms whose actions another alarm suppresses: waiting, held, a while longer, and then carried out."""

import json

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for

HAAR_OPTIONS = ['--network=off']


@pytest.fixture(scope='module')
def cloudwatch(client):
    return client('cloudwatch')


@pytest.fixture
def told(client, request):
    """A topic, and what came to it."""
    sns, sqs = client('sns'), client('sqs')
    name = request.node.name.replace('[', '-').replace(']', '')
    topic = sns.create_topic(Name=name)['TopicArn']
    queue = sqs.create_queue(QueueName=name, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': '*', 'Action': 'sqs:SendMessage', 'Resource': '*'}]})})['QueueUrl']
    sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=f'arn:aws:sqs:us-east-1:000000000000:{name}', Attributes={'RawMessageDelivery': 'true'})

    def messages():
        got = []
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get('Messages', []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message['ReceiptHandle'])
            got.append(json.loads(message['Body'])['NewStateValue'])
        return got
    return topic, messages


def alarm(cloudwatch, name):
    cloudwatch.put_metric_alarm(AlarmName=name, Namespace='own', MetricName=name, Statistic='Sum', Period=60, EvaluationPeriods=1, Threshold=0,
                                ComparisonOperator='GreaterThanThreshold', TreatMissingData='ignore')
    return name


def state(cloudwatch, name, value):
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=value, StateReason='test')


def composite(cloudwatch, prefix, topic, wait=120, extension=180):
    child, suppressor = alarm(cloudwatch, f'{prefix}-child'), alarm(cloudwatch, f'{prefix}-suppressor')
    state(cloudwatch, child, 'OK')
    state(cloudwatch, suppressor, 'OK')
    cloudwatch.put_composite_alarm(AlarmName=prefix, AlarmRule=f'ALARM({child})', AlarmActions=[topic], OKActions=[topic], ActionsSuppressor=suppressor,
                                   ActionsSuppressorWaitPeriod=wait, ActionsSuppressorExtensionPeriod=extension)
    return child, suppressor


def shown(cloudwatch, name):
    return cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=['CompositeAlarm'])['CompositeAlarms'][0]


def settle(haar, cloudwatch, name, messages):
    """Past the first wait, of the alarm's first state."""
    haar.call('POST', 'clock', {'advance': '10m'})
    wait_for(lambda: 'ActionsSuppressedBy' not in shown(cloudwatch, name), 'nothing is suppressed')
    wait_for(messages, 'its first state is told')


def test_wait_period(haar, cloudwatch, told):
    """The suppressor does not come: the actions are carried out when the wait is over, once."""
    topic, messages = told
    child, _ = composite(cloudwatch, 'waits', topic)
    settle(haar, cloudwatch, 'waits', messages)
    state(cloudwatch, child, 'ALARM')
    got = shown(cloudwatch, 'waits')
    assert (got['StateValue'], got['ActionsSuppressedBy'], got['ActionsSuppressedReason']) == ('ALARM', 'WaitPeriod', 'Actions suppressed by WaitPeriod')
    assert any(line.startswith('waits ') and line.endswith('; Actions suppressed by WaitPeriod') for line in haar.run('alarms').stdout.splitlines())
    haar.call('POST', 'clock', {'advance': '1m'})
    assert shown(cloudwatch, 'waits')['ActionsSuppressedBy'] == 'WaitPeriod' and messages() == []
    haar.call('POST', 'clock', {'advance': '2m'})
    assert wait_for(messages, 'the alarm is told') == ['ALARM']
    got = shown(cloudwatch, 'waits')
    assert 'ActionsSuppressedBy' not in got and got['StateValue'] == 'ALARM'
    haar.call('POST', 'clock', {'advance': '10m'})
    assert messages() == []


def test_suppressed_and_extended(haar, cloudwatch, told):
    """The suppressor comes within the wait, and goes: the actions follow when the extension is over."""
    topic, messages = told
    child, suppressor = composite(cloudwatch, 'held', topic)
    settle(haar, cloudwatch, 'held', messages)
    state(cloudwatch, child, 'ALARM')
    state(cloudwatch, suppressor, 'ALARM')
    assert shown(cloudwatch, 'held')['ActionsSuppressedBy'] == 'Alarm'
    haar.call('POST', 'clock', {'advance': '30m'})
    assert shown(cloudwatch, 'held')['ActionsSuppressedBy'] == 'Alarm' and messages() == []
    state(cloudwatch, suppressor, 'OK')
    assert shown(cloudwatch, 'held')['ActionsSuppressedBy'] == 'ExtensionPeriod'
    haar.call('POST', 'clock', {'advance': '2m'})
    assert messages() == []
    state(cloudwatch, suppressor, 'ALARM')
    assert shown(cloudwatch, 'held')['ActionsSuppressedBy'] == 'Alarm'
    state(cloudwatch, suppressor, 'OK')
    haar.call('POST', 'clock', {'advance': '4m'})
    assert wait_for(messages, 'the alarm is told') == ['ALARM']


def test_state_at_the_end_counts(haar, cloudwatch, told):
    topic, messages = told
    child, suppressor = composite(cloudwatch, 'ends', topic)
    settle(haar, cloudwatch, 'ends', messages)
    state(cloudwatch, suppressor, 'ALARM')
    state(cloudwatch, child, 'ALARM')
    assert shown(cloudwatch, 'ends')['ActionsSuppressedBy'] == 'Alarm'
    state(cloudwatch, child, 'OK')
    state(cloudwatch, suppressor, 'OK')
    haar.call('POST', 'clock', {'advance': '5m'})
    assert wait_for(messages, 'the state is told') == ['OK']


def test_kill(haar, cloudwatch, told):
    """A wait outlives kill -9."""
    topic, messages = told
    child, _ = composite(cloudwatch, 'killed', topic)
    settle(haar, cloudwatch, 'killed', messages)
    state(cloudwatch, child, 'ALARM')
    haar.kill()
    haar.start()
    assert shown(cloudwatch, 'killed')['ActionsSuppressedBy'] == 'WaitPeriod'
    haar.call('POST', 'clock', {'advance': '3m'})
    assert wait_for(messages, 'the alarm is told') == ['ALARM']


@pytest.mark.parametrize('more,words', [
    ({'ActionsSuppressor': 'none', 'ActionsSuppressorWaitPeriod': 1, 'ActionsSuppressorExtensionPeriod': 1},
     'Could not save the composite alarm as the suppressor alarm [none] does not exist'),
    ({'ActionsSuppressor': 'some'}, 'ActionsSuppressorWaitPeriod must be specified with ActionsSuppressor.'),
    ({'ActionsSuppressorExtensionPeriod': 1}, 'ActionsSuppressorExtensionPeriod cannot be specified without ActionsSuppressor.'),
])
def test_refused(cloudwatch, more, words):
    alarm(cloudwatch, 'some')
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_composite_alarm(AlarmName='refused', AlarmRule='ALARM(some)', **more)
    assert caught.value.response['Error'] == {'Code': 'ValidationError', 'Message': words, 'Type': 'Sender'} or \
        caught.value.response['Error']['Message'] == words


def test_stack(client, cloudwatch):
    cloudformation = client('cloudformation')
    alarm(cloudwatch, 'of-the-stack')
    cloudformation.create_stack(StackName='suppressed', TemplateBody=json.dumps({'Resources': {'Alarm': {'Type': 'AWS::CloudWatch::CompositeAlarm', 'Properties': {
        'AlarmName': 'in-stack', 'AlarmRule': 'ALARM(of-the-stack)', 'ActionsSuppressor': 'of-the-stack', 'ActionsSuppressorWaitPeriod': 60,
        'ActionsSuppressorExtensionPeriod': 60}}}}))
    cloudformation.get_waiter('stack_create_complete').wait(StackName='suppressed', WaiterConfig={'Delay': 1})
    got = shown(cloudwatch, 'in-stack')
    assert (got['ActionsSuppressor'], got['ActionsSuppressorWaitPeriod'], got['ActionsSuppressorExtensionPeriod']) == ('of-the-stack', 60, 60)
