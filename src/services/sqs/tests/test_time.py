"""What happens on the clock: delays, visibility, retention; and FIFO queues."""

import pytest
from botocore.exceptions import ClientError

from tests.support.daemon import wait_for

ARN = 'arn:aws:sqs:us-east-1:000000000000:'


@pytest.fixture
def haar(new_haar):
    return new_haar('--network=off')


@pytest.fixture
def sqs(haar):
    return haar.client('sqs')


def advance(haar, time):
    haar.call('POST', 'clock', {'advance': time})


def bodies(sqs, url, n=10, **more):
    return [m['Body'] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=n, **more).get('Messages', [])]


def test_delay_and_visibility(haar, sqs):
    url = sqs.create_queue(QueueName='q', Attributes={'DelaySeconds': '60', 'VisibilityTimeout': '600'})['QueueUrl']
    sqs.send_message(QueueUrl=url, MessageBody='late')
    sqs.send_message(QueueUrl=url, MessageBody='now', DelaySeconds=0)
    assert bodies(sqs, url) == ['now']
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']
    assert [counts[f'ApproximateNumberOfMessages{s}'] for s in ('', 'NotVisible', 'Delayed')] == ['0', '1', '1']
    advance(haar, '61s')
    assert bodies(sqs, url) == ['late']
    advance(haar, '540s')
    assert bodies(sqs, url) == ['now']
    advance(haar, '61s')
    assert bodies(sqs, url) == ['late']


def test_waiting_ends_when_the_clock_moves(haar, sqs):
    import threading
    url = sqs.create_queue(QueueName='q')['QueueUrl']
    sqs.send_message(QueueUrl=url, MessageBody='late', DelaySeconds=900)
    got = []
    thread = threading.Thread(target=lambda: got.extend(bodies(haar.client('sqs'), url, WaitTimeSeconds=20)))
    thread.start()
    advance(haar, '901s')
    thread.join(timeout=60)
    assert got == ['late']


def test_retention(haar, sqs):
    url = sqs.create_queue(QueueName='q', Attributes={'MessageRetentionPeriod': '3600'})['QueueUrl']
    sqs.send_message(QueueUrl=url, MessageBody='old')
    advance(haar, '30m')
    sqs.send_message(QueueUrl=url, MessageBody='young')
    advance(haar, '31m')
    count = lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['ApproximateNumberOfMessages'])['Attributes']['ApproximateNumberOfMessages']
    wait_for(lambda: count() == '1', 'the old message is gone')
    assert bodies(sqs, url, VisibilityTimeout=0) == ['young']
    advance(haar, '30m')
    wait_for(lambda: count() == '0', 'the young message is gone too')


def test_fifo(haar, sqs):
    with pytest.raises(ClientError, match='must end with .fifo'):
        sqs.create_queue(QueueName='q', Attributes={'FifoQueue': 'true'})
    url = sqs.create_queue(QueueName='q.fifo', Attributes={'FifoQueue': 'true'})['QueueUrl']
    with pytest.raises(ClientError, match='The request must contain the parameter MessageGroupId'):
        sqs.send_message(QueueUrl=url, MessageBody='x')
    with pytest.raises(ClientError, match='ContentBasedDeduplication enabled or MessageDeduplicationId provided'):
        sqs.send_message(QueueUrl=url, MessageBody='x', MessageGroupId='g')
    send = lambda body, group, token=None: sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=token or body)
    numbers = [send(body, group)['SequenceNumber'] for body, group in (('a1', 'a'), ('a2', 'a'), ('b1', 'b'), ('a3', 'a'))]
    assert numbers == sorted(numbers) and len(set(numbers)) == 4
    first, = sqs.receive_message(QueueUrl=url, AttributeNames=['All'])['Messages']
    assert first['Body'] == 'a1' and first['Attributes']['MessageGroupId'] == 'a' and first['Attributes']['SequenceNumber'] == numbers[0]
    assert bodies(sqs, url) == ['b1']  # a waits for a1
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first['ReceiptHandle'])
    assert bodies(sqs, url) == ['a2', 'a3']
    advance(haar, '31s')
    assert bodies(sqs, url) == ['a2', 'b1', 'a3']


def test_deduplication(haar, sqs):
    url = sqs.create_queue(QueueName='q.fifo', Attributes={'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'})['QueueUrl']
    send = lambda body='same', **more: sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId='g', **more)['MessageId']
    first = send()
    assert send() == first and send(body='other') != first
    assert send(body='third', MessageDeduplicationId='t') == send(body='fourth', MessageDeduplicationId='t')
    assert len(bodies(sqs, url)) == 3
    advance(haar, '301s')
    assert send() != first


def test_stack(haar, sqs):
    template = '''
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: work
      VisibilityTimeout: 77
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
      Tags: [{Key: team, Value: red}]
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: sns.amazonaws.com}, Action: sqs:SendMessage, Resource: !GetAtt Queue.Arn}]
Outputs:
  Url: {Value: !Ref Queue}
  Name: {Value: !GetAtt Queue.QueueName}
'''
    cloud = haar.client('cloudformation')
    cloud.create_stack(StackName='s', TemplateBody=template)
    cloud.get_waiter('stack_create_complete').wait(StackName='s', WaiterConfig={'Delay': 1})
    outputs = {o['OutputKey']: o['OutputValue'] for o in cloud.describe_stacks(StackName='s')['Stacks'][0]['Outputs']}
    assert outputs == {'Url': 'https://sqs.us-east-1.amazonaws.com/000000000000/work', 'Name': 'work'}
    shown = lambda: sqs.get_queue_attributes(QueueUrl=outputs['Url'], AttributeNames=['All'])['Attributes']
    assert shown()['VisibilityTimeout'] == '77' and '"maxReceiveCount":3' in shown()['RedrivePolicy'] and 'sns.amazonaws.com' in shown()['Policy']
    assert sqs.list_queue_tags(QueueUrl=outputs['Url'])['Tags']['team'] == 'red'
    cloud.update_stack(StackName='s', TemplateBody=template.replace('77', '78').replace('      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}\n', ''))
    cloud.get_waiter('stack_update_complete').wait(StackName='s', WaiterConfig={'Delay': 1})
    assert shown()['VisibilityTimeout'] == '78' and 'RedrivePolicy' not in shown()
    cloud.delete_stack(StackName='s')
    cloud.get_waiter('stack_delete_complete').wait(StackName='s', WaiterConfig={'Delay': 1})
    assert sqs.list_queues().get('QueueUrls') is None
