"""Alarms, from real causes; who is told, and that the topic is encrypted."""

import datetime
import json
import re
import threading
import urllib.request

import pytest

from tests.support.daemon import wait_for
from tests.support.inside import Inside


def state(stack, logical_id):
    kind = 'CompositeAlarm' if logical_id == 'ServiceAlarm' else 'MetricAlarm'
    name = stack.id(logical_id)
    return stack.client('cloudwatch').describe_alarms(AlarmNames=[name], AlarmTypes=[kind])[f'{kind}s'][0]['StateValue']


def await_state(stack, logical_id, wanted, advance='1m'):
    stack.advance(advance)
    wait_for(lambda: state(stack, logical_id) == wanted, f'{logical_id} is {wanted}')


def mails(stack):
    return [m for m in map(json.loads, stack.haar.run('mail', '--json').stdout.splitlines()) if m['to'] == 'ops@example.com']


def messages(stack):
    """What the queue holds, taken: (alarm, its new state)."""
    sqs, url, found = stack.client('sqs'), stack.outputs['AlertQueueUrl'], []
    while True:
        batch = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get('Messages', [])
        if not batch:
            return found
        for message in batch:
            told = json.loads(json.loads(message['Body'])['Message'])
            found.append((told['AlarmName'], told['NewStateValue']))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message['ReceiptHandle'])


def await_message(stack, alarm, wanted):
    found = []

    def look():
        found.extend(messages(stack))
        return (stack.id(alarm), wanted) in found
    wait_for(look, f'{alarm} {wanted} is in the queue')


@pytest.fixture(scope='module')
def operator(stack):
    """The operator confirms the subscription through the link in the letter."""
    letter = next(m for m in mails(stack) if m['subject'] == 'AWS Notification - Subscription Confirmation')
    link = re.search(r'http://127\.0\.0\.1:\d+/\?Action=ConfirmSubscription[^\s\'"<]+', stack.haar.run('mail', 'read', str(letter['number'])).stdout)[0]
    assert b'<SubscriptionArn>arn:aws:sns:' in urllib.request.urlopen(link, timeout=30).read()
    return stack


def test_subscribers(operator):
    found = operator.client('sns').list_subscriptions_by_topic(TopicArn=operator.outputs['AlertTopicArn'])['Subscriptions']
    assert {s['Protocol'] for s in found} == {'email', 'sqs'} and all(s['SubscriptionArn'].startswith('arn:aws:sns:') for s in found)


def test_throttles_sound_and_are_told(operator):
    """No concurrency is left to the function: payments are throttled, and the operator has a letter about it."""
    stack, lambda_, function = operator, operator.client('lambda'), operator.outputs['FunctionName']
    stack.advance('4m')
    messages(stack)
    stack.begin_minute()
    lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        assert stack.post({'amount': '1.00', 'currency': 'EUR'})[0] >= 429
    finally:
        lambda_.delete_function_concurrency(FunctionName=function)
    await_state(stack, 'FunctionThrottlesAlarm', 'ALARM')
    wait_for(lambda: state(stack, 'ServiceAlarm') == 'ALARM', 'the composite alarm follows')
    await_message(stack, 'FunctionThrottlesAlarm', 'ALARM')
    wait_for(lambda: any(stack.id('FunctionThrottlesAlarm') in m['subject'] and m['subject'].startswith('ALARM: ') for m in mails(stack)), 'the letter')
    await_state(stack, 'FunctionThrottlesAlarm', 'OK', '4m')
    await_message(stack, 'FunctionThrottlesAlarm', 'OK')
    assert state(stack, 'ServiceAlarm') == 'OK'


HOLD = '''
    import os, socket, time
    held = []
    for _ in range(90):
        connection = socket.create_connection(("{address}", 3306), 10)
        connection.recv(256)
        held.append(connection)
    open("{flag}", "w").close()
    until = time.monotonic() + 30
    while os.path.exists("{flag}") and time.monotonic() < until:
        time.sleep(0.02)
'''


def test_connections_sound(stack, outputs, tmp_path):
    """Something in the functions' group holds nearly all of the writer's connections."""
    ec2, flag = stack.client('ec2'), tmp_path / 'held'
    interface = ec2.create_network_interface(SubnetId=outputs['PrivateSubnetIds'].split(',')[0], Groups=[outputs['FunctionSecurityGroupId']])['NetworkInterface']
    try:
        inside = Inside(stack.haar, interface['PrivateIpAddress'])
        address = inside.ask('10.0.0.2:53', outputs['DatabaseEndpoint'])[1][0]
        holder = threading.Thread(target=inside.python, args=(HOLD.format(address=address, flag=flag),))
        holder.start()
        try:
            wait_for(flag.exists, 'the connections are held')
            await_state(stack, 'DatabaseConnectionsAlarm', 'ALARM', '2m')
        finally:
            flag.unlink(missing_ok=True)
            holder.join(40)
        await_state(stack, 'DatabaseConnectionsAlarm', 'OK', '4m')
    finally:
        ec2.delete_network_interface(NetworkInterfaceId=interface['NetworkInterfaceId'])


def uptime(stack, outputs, logical_id):
    """The last that CloudWatch has of an engine, seconds."""
    now = datetime.datetime.fromisoformat(stack.haar.call('GET', 'clock')['time'].replace('Z', '+00:00'))
    points = stack.client('cloudwatch').get_metric_statistics(
        Namespace='AWS/RDS', MetricName='EngineUptime', Period=60, Statistics=['Minimum'], StartTime=now - datetime.timedelta(minutes=3),
        EndTime=now + datetime.timedelta(minutes=1), Dimensions=[{'Name': 'DBInstanceIdentifier', 'Value': stack.id(logical_id)}])['Datapoints']
    return max(points, key=lambda point: point['Timestamp'])['Minimum'] if points else 0


def test_a_failover_sounds_and_a_start_does_not(stack, outputs):
    """The uptime of the engine that was the writer begins anew."""
    watch, rds, name = stack.client('cloudwatch'), stack.client('rds'), stack.id('DatabaseFailoverAlarm')

    def sounded():
        found = watch.describe_alarm_history(AlarmName=name, HistoryItemType='StateUpdate')['AlarmHistoryItems']
        return [item['HistorySummary'] for item in found if item['HistorySummary'].endswith('to ALARM')]

    def members():
        found = rds.describe_db_clusters(DBClusterIdentifier=outputs['DatabaseClusterId'])['DBClusters'][0]['DBClusterMembers']
        return {m['DBInstanceIdentifier']: m['IsClusterWriter'] for m in found}

    def old_enough():
        stack.begin_minute()
        return all(uptime(stack, outputs, logical_id) > 20 for logical_id in ('DatabaseWriter', 'DatabaseReplica'))
    wait_for(old_enough, 'both engines have run for some seconds', 60)
    assert sounded() == []
    before = members()
    rds.failover_db_cluster(DBClusterIdentifier=outputs['DatabaseClusterId'])
    wait_for(lambda: members() != before, 'another writer', 60)
    wait_for(lambda: all(i['DBInstanceStatus'] == 'available' for i in rds.describe_db_instances()['DBInstances']), 'both are available', 60)
    await_state(stack, 'DatabaseFailoverAlarm', 'ALARM')
    await_state(stack, 'DatabaseFailoverAlarm', 'OK', '4m')


def test_encrypted_topic_needs_the_key(stack):
    """Without the key policy's statement for CloudWatch the alarm cannot publish; nothing arrives, and the history says why."""
    kms, watch = stack.client('kms'), stack.client('cloudwatch')
    topic = stack.client('sns').get_topic_attributes(TopicArn=stack.outputs['AlertTopicArn'])['Attributes']
    assert topic['KmsMasterKeyId'] in stack.outputs['EncryptionKeyArn']
    policy = kms.get_key_policy(KeyId=stack.outputs['EncryptionKeyArn'], PolicyName='default')['Policy']
    document = json.loads(policy)
    document['Statement'] = [s for s in document['Statement'] if s['Sid'] != 'AlarmsToTheEncryptedTopic']
    name = stack.id('DatabaseCpuAlarm')
    messages(stack)

    def actions():
        return [h['HistorySummary'] for h in watch.describe_alarm_history(AlarmName=name, HistoryItemType='Action')['AlarmHistoryItems']]

    before = len(actions())
    stack.begin_minute()   # the alarm is not evaluated while the test has set it
    kms.put_key_policy(KeyId=stack.outputs['EncryptionKeyArn'], PolicyName='default', Policy=json.dumps(document))
    try:
        watch.set_alarm_state(AlarmName=name, StateValue='ALARM', StateReason='a rehearsal')
        wait_for(lambda: len(actions()) > before, 'the action was tried')
        assert actions()[0].startswith('Failed to execute action') and (name, 'ALARM') not in messages(stack)
    finally:
        kms.put_key_policy(KeyId=stack.outputs['EncryptionKeyArn'], PolicyName='default', Policy=policy)
    watch.set_alarm_state(AlarmName=name, StateValue='OK', StateReason='the rehearsal is over')
    await_message(stack, 'DatabaseCpuAlarm', 'OK')


def test_database_measures_itself(stack, outputs):
    """By the role in the cluster, whichever instance has it. The server counts whole seconds of its own: a new one says 0 at first."""
    stack.pay()

    def uptime(role):
        stack.advance('1m')
        now = datetime.datetime.fromisoformat(stack.haar.call('GET', 'clock')['time'].replace('Z', '+00:00'))
        dimensions = [{'Name': 'DBClusterIdentifier', 'Value': outputs['DatabaseClusterId']}, {'Name': 'Role', 'Value': role}]
        points = stack.client('cloudwatch').get_metric_statistics(Namespace='AWS/RDS', MetricName='EngineUptime', Dimensions=dimensions, Period=60, Statistics=['Maximum'],
                                                                  StartTime=now - datetime.timedelta(minutes=5), EndTime=now + datetime.timedelta(minutes=1))['Datapoints']
        return max((p['Maximum'] for p in points), default=0)

    for role in ('WRITER', 'READER'):
        wait_for(lambda: uptime(role) > 0, f'the {role.lower()} has an uptime')
