"""Rollback triggers and notification topics."""

import json

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for
from tests.support.stacks import create, delete, failures, parameter, refused, settled, update


@pytest.fixture(scope='module')
def formation(client):
    return client('cloudformation')


@pytest.fixture
def alarm(client):
    """An alarm that is OK, and its ARN."""
    watch = client('cloudwatch')
    watch.put_metric_alarm(AlarmName='errors', MetricName='Errors', Namespace='Shop', Statistic='Sum', Period=60, EvaluationPeriods=1, Threshold=1,
                           ComparisonOperator='GreaterThanThreshold', TreatMissingData='ignore')
    watch.set_alarm_state(AlarmName='errors', StateValue='OK', StateReason='quiet')
    yield watch.describe_alarms(AlarmNames=['errors'])['MetricAlarms'][0]['AlarmArn']
    watch.delete_alarms(AlarmNames=['errors'])


def triggers(arn, minutes=10, kind='AWS::CloudWatch::Alarm'):
    return {'RollbackConfiguration': {'RollbackTriggers': [{'Arn': arn, 'Type': kind}], 'MonitoringTimeInMinutes': minutes}}


def value(client, name='/watched/b'):
    return client('ssm').get_parameter(Name=name)['Parameter']['Value']


def reasons(formation, stack):
    return [e.get('ResourceStatusReason', '') for e in formation.describe_stack_events(StackName=stack['StackId'])['StackEvents']]


def body(first, second='1'):
    return json.dumps({'Resources': {'A': parameter(f'/watched/{first}'), 'B': parameter('/watched/b', second)}})


def test_the_monitoring_time_passes_on_the_clock(haar, formation, client, alarm):
    made = formation.create_stack(StackName='quiet', TemplateBody=body('one'), **triggers(alarm))
    wait_for(lambda: len([e for e in formation.describe_stack_events(StackName=made['StackId'])['StackEvents']
                          if e['ResourceStatus'] == 'CREATE_COMPLETE']) == 2, 'both resources')
    assert formation.describe_stacks(StackName='quiet')['Stacks'][0]['StackStatus'] == 'CREATE_IN_PROGRESS'
    haar.restart()  # what was being waited for goes on
    assert formation.describe_stacks(StackName='quiet')['Stacks'][0]['StackStatus'] == 'CREATE_IN_PROGRESS'
    assert haar.run('clock', 'advance', '11m').returncode == 0
    stack = settled(formation, 'quiet')
    assert stack['StackStatus'] == 'CREATE_COMPLETE', reasons(formation, stack)
    # A replaced resource is there until the time is up.
    formation.update_stack(StackName='quiet', TemplateBody=body('two'), **triggers(alarm))
    names = lambda: {p['Name'] for p in client('ssm').describe_parameters()['Parameters'] if p['Name'].startswith('/watched/')}  # noqa: E731
    wait_for(lambda: '/watched/two' in names(), 'the new resource')
    assert '/watched/one' in names()
    assert haar.run('clock', 'advance', '11m').returncode == 0
    assert settled(formation, 'quiet')['StackStatus'] == 'UPDATE_COMPLETE' and '/watched/one' not in names()
    delete(formation, stack)


def test_the_time_passes_without_triggers_too(haar, formation, client):
    wait = {'RollbackConfiguration': {'MonitoringTimeInMinutes': 30}}
    made = formation.create_stack(StackName='patient', TemplateBody=body('five'), **wait)
    wait_for(lambda: len([e for e in formation.describe_stack_events(StackName=made['StackId'])['StackEvents']
                          if e['ResourceStatus'] == 'CREATE_COMPLETE']) == 2, 'both resources')
    assert haar.run('clock', 'advance', '20m').returncode == 0
    haar.kill()
    haar.start()
    assert formation.describe_stacks(StackName='patient')['Stacks'][0]['StackStatus'] == 'CREATE_IN_PROGRESS'
    assert haar.run('clock', 'advance', '11m').returncode == 0
    stack = settled(formation, 'patient')
    assert stack['StackStatus'] == 'CREATE_COMPLETE', reasons(formation, stack)
    # A replaced resource is there until the time is up, and comes back if the update is cancelled before.
    formation.update_stack(StackName='patient', TemplateBody=body('six', '2'), **wait)
    wait_for(lambda: value(client) == '2', 'the update of B')
    assert client('ssm').get_parameter(Name='/watched/five') and client('ssm').get_parameter(Name='/watched/six')
    formation.cancel_update_stack(StackName='patient')
    stack = settled(formation, 'patient')
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE' and value(client) == '1'
    assert client('ssm').get_parameter(Name='/watched/five')
    with pytest.raises(ClientError):
        client('ssm').get_parameter(Name='/watched/six')
    delete(formation, stack)


def test_an_alarm_takes_an_update_back(haar, formation, client, alarm):
    stack = create(formation, 'noisy', body('three'), **triggers(alarm, 0))
    assert stack['StackStatus'] == 'CREATE_COMPLETE'
    formation.update_stack(StackName='noisy', TemplateBody=body('three', '2'), **triggers(alarm, 60))
    wait_for(lambda: value(client) == '2', 'the update of B')
    client('cloudwatch').set_alarm_state(AlarmName='errors', StateValue='ALARM', StateReason='loud')
    stack = settled(formation, 'noisy')
    assert stack['StackStatus'] == 'UPDATE_ROLLBACK_COMPLETE' and value(client) == '1'
    assert any(f'The rollback trigger {alarm} is in the ALARM state.' in r for r in reasons(formation, stack))
    delete(formation, stack)


def test_a_missing_alarm_rolls_back(formation, alarm):
    stack = create(formation, 'missing', body('four'), **triggers(alarm.replace('errors', 'nonesuch'), 5))
    assert stack['StackStatus'] == 'ROLLBACK_COMPLETE'
    assert any('nonesuch does not exist' in r for r in reasons(formation, stack))
    delete(formation, stack)


def test_wrong_triggers(formation):
    arn = 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:errors'
    assert refused(formation.create_stack, StackName='bad', TemplateBody=body('x'), **triggers(arn, kind='AWS::EC2::VPC')) == \
        'Rollback Trigger Type not supported'
    assert refused(formation.create_stack, StackName='bad', TemplateBody=body('x'), **triggers('arn:aws:sns:us-east-1:000000000000:t')) == \
        "RelativeId of a Rollback Trigger's ARN is incorrect"


def test_events_are_published(formation, client):
    topic = client('sns').create_topic(Name='events')['TopicArn']
    queue = client('sqs').create_queue(QueueName='events')['QueueUrl']
    arn = client('sqs').get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    client('sqs').set_queue_attributes(QueueUrl=queue, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'sns.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': arn}]})})
    client('sns').subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)
    stack = create(formation, 'told', {'Resources': {'A': parameter('/told')}}, NotificationARNs=[topic])
    assert stack['StackStatus'] == 'CREATE_COMPLETE' and stack['NotificationARNs'] == [topic]
    seen = []

    def arrived():
        for message in client('sqs').receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get('Messages', []):
            text = json.loads(message['Body'])
            assert text['Subject'] == 'AWS CloudFormation Notification'
            fields = dict(line.split('=', 1) for line in text['Message'].splitlines())
            assert fields['StackName'] == "'told'" and fields['StackId'] == f"'{stack['StackId']}'"
            seen.append((fields['LogicalResourceId'].strip("'"), fields['ResourceStatus'].strip("'")))
        return {('told', 'CREATE_IN_PROGRESS'), ('A', 'CREATE_IN_PROGRESS'), ('A', 'CREATE_COMPLETE'), ('told', 'CREATE_COMPLETE')} <= set(seen)
    wait_for(arrived, 'the events')
    delete(formation, stack)
    assert 'is not the ARN of an SNS topic' in refused(formation.create_stack, StackName='bad', TemplateBody=body('x'),
                                                       NotificationARNs=['arn:aws:sqs:us-east-1:000000000000:events'])
