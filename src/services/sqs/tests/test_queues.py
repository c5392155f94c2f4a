"""Queues and messages with boto3 (query protocol) and in JSON: everything of SQS but FIFO and time."""

import hashlib
import json
import os
import threading
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError

from tests.support.daemon import wait_for

HAAR_OPTIONS = ['--network=off']
ACCOUNT = '000000000000'


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error']['Message']


@pytest.fixture(scope='module')
def sqs(client):
    return client('sqs')


@pytest.fixture
def queue(sqs, request):
    url = sqs.create_queue(QueueName=request.node.name.replace('[', '-').replace(']', ''))['QueueUrl']
    yield url
    try:
        sqs.delete_queue(QueueUrl=url)
    except ClientError:
        pass


def arn(url):
    return f'arn:aws:sqs:us-east-1:{ACCOUNT}:{url.rsplit("/", 1)[1]}'


def receive(sqs, url, n=10, **more):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=n, **more).get('Messages', [])


def attributes(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']


def test_queue(sqs, haar, queue):
    assert queue == f'{haar.url}/{ACCOUNT}/test_queue'
    assert sqs.get_queue_url(QueueName='test_queue')['QueueUrl'] == queue
    assert queue in sqs.list_queues(QueueNamePrefix='test_q')['QueueUrls']
    shown = attributes(sqs, queue)
    assert (shown['VisibilityTimeout'], shown['MessageRetentionPeriod'], shown['MaximumMessageSize'], shown['QueueArn'], shown['SqsManagedSseEnabled']) == \
        ('30', '345600', '1048576', arn(queue), 'true')
    assert sqs.create_queue(QueueName='test_queue', Attributes={'VisibilityTimeout': '30'})['QueueUrl'] == queue
    assert refused('QueueAlreadyExists', sqs.create_queue, QueueName='test_queue', Attributes={'VisibilityTimeout': '31'}) == \
        'A queue already exists with the same name and a different value for attribute VisibilityTimeout'
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'VisibilityTimeout': '5', 'DelaySeconds': '1'})
    assert attributes(sqs, queue)['VisibilityTimeout'] == '5'
    sqs.delete_queue(QueueUrl=queue)
    assert refused('AWS.SimpleQueueService.NonExistentQueue', sqs.get_queue_url, QueueName='test_queue') == 'The specified queue does not exist.'
    refused('AWS.SimpleQueueService.NonExistentQueue', sqs.send_message, QueueUrl=queue, MessageBody='x')


@pytest.mark.parametrize('name,value,code,text', [
    ('VisibilityTimeout', '43201', 'InvalidAttributeValue', 'Invalid value for the parameter VisibilityTimeout.'),
    ('MessageRetentionPeriod', '59', 'InvalidAttributeValue', 'Invalid value for the parameter MessageRetentionPeriod.'),
    ('DelaySeconds', 'soon', 'InvalidAttributeValue', 'Invalid value for the parameter DelaySeconds.'),
    ('Policy', '{"Statement"', 'InvalidAttributeValue', 'Invalid value for the parameter Policy.'),
    ('Colour', 'red', 'InvalidAttributeName', 'Unknown Attribute Colour.'),
    ('ContentBasedDeduplication', 'true', 'InvalidAttributeName', 'Unknown Attribute ContentBasedDeduplication.'),
    ('RedrivePolicy', '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:none","maxReceiveCount":1}', 'InvalidParameterValue',
     'Value {"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:none","maxReceiveCount":1} for parameter RedrivePolicy is invalid. '
     'Reason: Dead letter target does not exist.'),
])
def test_attributes_are_checked(sqs, name, value, code, text):
    assert refused(code, sqs.create_queue, QueueName='checked', Attributes={name: value}) == text


def test_names_are_checked(sqs):
    text = 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length'
    for name in ('a b', 'x' * 81, 'a.b'):
        assert refused('InvalidParameterValue', sqs.create_queue, QueueName=name) == text


def test_message(sqs, queue):
    sent = sqs.send_message(QueueUrl=queue, MessageBody='hällo', MessageAttributes={
        'colour': {'DataType': 'String', 'StringValue': 'red'}, 'size': {'DataType': 'Number.int', 'StringValue': '12'},
        'raw': {'DataType': 'Binary', 'BinaryValue': b'\x00\xff'}})
    assert sent['MD5OfMessageBody'] == hashlib.md5('hällo'.encode()).hexdigest()  # botocore compares it, too
    # computed by AWS's rule: name, type, transport, value, each with its length, in the order of the names
    pieces = b''
    for name, kind, transport, value in (('colour', 'String', 1, b'red'), ('raw', 'Binary', 2, b'\x00\xff'), ('size', 'Number.int', 1, b'12')):
        for piece in (name.encode(), kind.encode()):
            pieces += len(piece).to_bytes(4, 'big') + piece
        pieces += bytes([transport]) + len(value).to_bytes(4, 'big') + value
    assert sent['MD5OfMessageAttributes'] == hashlib.md5(pieces).hexdigest()
    got, = receive(sqs, queue, AttributeNames=['All'], MessageAttributeNames=['col.*', 'raw'])
    assert (got['Body'], got['MessageId']) == ('hällo', sent['MessageId'])
    assert got['Attributes']['ApproximateReceiveCount'] == '1' and got['Attributes']['SenderId'] == ACCOUNT
    assert sorted(got['MessageAttributes']) == ['colour', 'raw']
    assert receive(sqs, queue) == []
    assert attributes(sqs, queue)['ApproximateNumberOfMessagesNotVisible'] == '1'
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=got['ReceiptHandle'], VisibilityTimeout=0)
    again, = receive(sqs, queue, MessageAttributeNames=['All'])
    assert sorted(again['MessageAttributes']) == ['colour', 'raw', 'size']
    assert again['MD5OfMessageAttributes'] == sent['MD5OfMessageAttributes']
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got['ReceiptHandle'])  # of a former receive: nothing is deleted
    assert attributes(sqs, queue)['ApproximateNumberOfMessagesNotVisible'] == '1'
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=again['ReceiptHandle'])
    assert attributes(sqs, queue)['ApproximateNumberOfMessagesNotVisible'] == '0'
    refused('AWS.SimpleQueueService.MessageNotInflight', sqs.change_message_visibility, QueueUrl=queue, ReceiptHandle=again['ReceiptHandle'],
            VisibilityTimeout=1)
    assert refused('ReceiptHandleIsInvalid', sqs.delete_message, QueueUrl=queue, ReceiptHandle='x') == \
        'The input receipt handle "x" is not a valid receipt handle.'


def test_messages_are_checked(sqs, queue):
    check = lambda code, **arguments: refused(code, sqs.send_message, QueueUrl=queue, **arguments)
    assert check('InvalidParameterValue', MessageBody='x' * 1048577) == \
        'One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.'
    assert check('InvalidParameterValue', MessageBody='x', DelaySeconds=901) == \
        'Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.'
    assert 'Invalid characters found' in check('InvalidMessageContents', MessageBody='\x01')
    assert check('MissingParameter', MessageBody='') == 'The request must contain the parameter MessageBody.'
    assert 'must contain a non-empty value' in check('InvalidParameterValue', MessageBody='x',
                                                     MessageAttributes={'a': {'DataType': 'String', 'StringValue': ''}})
    assert 'not valid for this queue type' in check('InvalidParameterValue', MessageBody='x', MessageDeduplicationId='a')
    assert refused('InvalidParameterValue', receive, sqs=sqs, url=queue, n=11) == \
        'Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.'
    sqs.send_message(QueueUrl=queue, MessageBody='y' * 1048576)
    assert len(receive(sqs, queue)[0]['Body']) == 1048576


def test_batches(sqs, queue):
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=[{'Id': 'a', 'MessageBody': '1'}, {'Id': 'b', 'MessageBody': '2', 'DelaySeconds': 1000},
                                                           {'Id': 'c', 'MessageBody': '3'}])
    assert [e['Id'] for e in sent['Successful']] == ['a', 'c']
    assert [(e['Id'], e['Code'], e['SenderFault']) for e in sent['Failed']] == [('b', 'InvalidParameterValue', True)]
    batch = lambda *ids: [{'Id': i, 'MessageBody': 'x'} for i in ids]
    send = lambda code, *ids: refused(code, sqs.send_message_batch, QueueUrl=queue, Entries=batch(*ids))
    assert send('AWS.SimpleQueueService.BatchEntryIdsNotDistinct', 'a', 'a') == 'Id a repeated.'
    assert send('AWS.SimpleQueueService.TooManyEntriesInBatchRequest', *map(str, range(11))) == \
        'Maximum number of entries per request are 10. You have sent 11.'
    assert 'A batch entry id can only contain' in send('AWS.SimpleQueueService.InvalidBatchEntryId', 'a b')
    got = receive(sqs, queue)
    assert sorted(m['Body'] for m in got) == ['1', '3']
    handles = [{'Id': str(i), 'ReceiptHandle': m['ReceiptHandle']} for i, m in enumerate(got)]
    changed = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[dict(h, VisibilityTimeout=60) for h in handles])
    assert len(changed['Successful']) == 2
    done = sqs.delete_message_batch(QueueUrl=queue, Entries=handles + [{'Id': 'bad', 'ReceiptHandle': '?'}])
    assert len(done['Successful']) == 2 and done['Failed'][0]['Code'] == 'ReceiptHandleIsInvalid'


def test_long_polling(sqs, haar, queue):
    """Twenty wait, twenty are sent, each gets its own; none of the waiting holds up the daemon."""
    got = []
    take = lambda: got.extend(haar.client('sqs').receive_message(QueueUrl=queue, WaitTimeSeconds=20).get('Messages', []))
    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for i in range(20):
        sqs.send_message(QueueUrl=queue, MessageBody=str(i))
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(int(m['Body']) for m in got) == list(range(20))
    assert receive(sqs, queue, WaitTimeSeconds=1) == []


def test_long_polling_ends_with_the_daemon(new_haar):
    haar = new_haar('--network=off')
    url = haar.client('sqs').create_queue(QueueName='q')['QueueUrl']
    answers = []
    thread = threading.Thread(target=lambda: answers.append(haar.client('sqs').receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    thread.start()
    wait_for(lambda: haar.call('GET', 'status')['waiting'] == 1, 'the call waits')
    assert haar.stop() == 0
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_dead_letters(sqs, queue):
    dead = sqs.create_queue(QueueName='dead')['QueueUrl']
    policy = json.dumps({'deadLetterTargetArn': arn(dead), 'maxReceiveCount': '2'})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'RedrivePolicy': policy, 'VisibilityTimeout': '0'})
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)['queueUrls'] == [queue]
    first = sqs.send_message(QueueUrl=queue, MessageBody='bad')['MessageId']
    assert len(receive(sqs, queue)) == 1 and len(receive(sqs, queue)) == 1 and receive(sqs, queue) == []
    got, = receive(sqs, dead, AttributeNames=['All'], VisibilityTimeout=0)
    assert (got['MessageId'], got['Body']) == (first, 'bad')
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'RedrivePolicy': ''})
    assert 'must be configured as a Dead Letter Queue' in json_call(sqs, 'StartMessageMoveTask', {'SourceArn': arn(dead)})[1]['message']
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'RedrivePolicy': policy})
    status, task, _ = json_call(sqs, 'StartMessageMoveTask', {'SourceArn': arn(dead)})
    assert status == 200 and task['TaskHandle']
    tasks = lambda: json_call(sqs, 'ListMessageMoveTasks', {'SourceArn': arn(dead)})[1]['Results']
    wait_for(lambda: tasks()[0]['Status'] == 'COMPLETED', 'the messages are back')
    assert tasks()[0]['ApproximateNumberOfMessagesMoved'] == 1
    assert receive(sqs, queue)[0]['MessageId'] == first and receive(sqs, dead) == []
    refusing = json.dumps({'redrivePermission': 'denyAll'})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={'RedriveAllowPolicy': refusing})
    assert 'does not permit this queue' in refused('InvalidParameterValue', sqs.set_queue_attributes, QueueUrl=queue, Attributes={'RedrivePolicy': policy})


def test_purge(sqs, queue):
    for body in 'ab':
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    sqs.purge_queue(QueueUrl=queue)
    assert receive(sqs, queue) == [] and attributes(sqs, queue)['ApproximateNumberOfMessages'] == '0'
    assert refused('AWS.SimpleQueueService.PurgeQueueInProgress', sqs.purge_queue, QueueUrl=queue) == \
        'Only one PurgeQueue operation on test_purge is allowed every 60 seconds.'


def test_tags(sqs, queue):
    sqs.tag_queue(QueueUrl=queue, Tags={'a': '1', 'b': '2'})
    sqs.untag_queue(QueueUrl=queue, TagKeys=['a'])
    assert sqs.list_queue_tags(QueueUrl=queue)['Tags'] == {'b': '2'}


def test_policy(sqs, client, haar, queue):
    iam = client('iam')
    iam.create_user(UserName='poor')
    key = iam.create_access_key(UserName='poor')['AccessKey']
    poor = haar.client('sqs', aws_access_key_id=key['AccessKeyId'], aws_secret_access_key=key['SecretAccessKey'])
    assert 'is not authorized to perform: sqs:SendMessage on resource' in refused('AccessDenied', poor.send_message, QueueUrl=queue, MessageBody='x')
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:user/poor'}, 'Action': 'sqs:SendMessage', 'Resource': arn(queue)}]})})
    poor.send_message_batch(QueueUrl=queue, Entries=[{'Id': '1', 'MessageBody': 'x'}])
    refused('AccessDenied', poor.receive_message, QueueUrl=queue)
    sqs.add_permission(QueueUrl=queue, Label='all', AWSAccountIds=['111111111111'], Actions=['ReceiveMessage'])
    other = haar.client('sqs', aws_access_key_id='111111111111')
    assert len(receive(other, queue)) == 1
    sqs.remove_permission(QueueUrl=queue, Label='all')
    refused('AccessDenied', other.receive_message, QueueUrl=queue)


def on_disk(haar, text):
    for directory, _, names in os.walk(haar.data):
        for name in names:
            with open(os.path.join(directory, name), 'rb') as file:
                if text in file.read():
                    return True
    return False


def test_encryption(sqs, client, haar, queue):
    sqs.send_message(QueueUrl=queue, MessageBody='secret of the queue itself')
    assert not on_disk(haar, b'secret of the queue itself')
    kms = client('kms')
    key = kms.create_key()['KeyMetadata']['Arn']
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'KmsMasterKeyId': key})
    assert attributes(sqs, queue)['SqsManagedSseEnabled'] == 'false'
    sqs.send_message(QueueUrl=queue, MessageBody='secret of the key', MessageAttributes={'a': {'DataType': 'String', 'StringValue': 'hidden too'}})
    assert not on_disk(haar, b'secret of the key') and not on_disk(haar, b'hidden too')
    assert sorted(m['Body'] for m in receive(sqs, queue, VisibilityTimeout=0)) == ['secret of the key', 'secret of the queue itself']
    kms.disable_key(KeyId=key)
    assert 'is disabled' in refused('KMS.DisabledException', sqs.send_message, QueueUrl=queue, MessageBody='x')
    refused('KMS.DisabledException', receive, sqs=sqs, url=queue)
    kms.enable_key(KeyId=key)
    assert len(receive(sqs, queue)) == 2
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={'KmsMasterKeyId': '', 'SqsManagedSseEnabled': 'false'})
    sqs.send_message(QueueUrl=queue, MessageBody='open on the disk')
    assert on_disk(haar, b'open on the disk')


def json_call(sqs, operation, body):
    """What newer SDKs send: AWS JSON 1.0. Answers status, body, headers."""
    endpoint = sqs.meta.endpoint_url
    request = botocore.awsrequest.AWSRequest('POST', endpoint + '/', data=json.dumps(body).encode(), headers={
        'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': f'AmazonSQS.{operation}'})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials('test', 'test'), 'sqs', 'us-east-1').add_auth(request)
    prepared = request.prepare()
    try:
        with urllib.request.urlopen(urllib.request.Request(prepared.url, data=prepared.body, headers=dict(prepared.headers), method='POST')) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers


def test_json_protocol(sqs, queue):
    status, sent, headers = json_call(sqs, 'SendMessage', {'QueueUrl': queue, 'MessageBody': 'json', 'MessageAttributes': {
        'a': {'DataType': 'String', 'StringValue': 'b'}}})
    assert status == 200 and headers['Content-Type'] == 'application/x-amz-json-1.0'
    status, got, _ = json_call(sqs, 'ReceiveMessage', {'QueueUrl': queue, 'MessageSystemAttributeNames': ['All'], 'MessageAttributeNames': ['All']})
    message, = got['Messages']
    assert message['Body'] == 'json' and message['MessageAttributes']['a']['StringValue'] == 'b'
    assert message['Attributes']['ApproximateReceiveCount'] == '1' and message['MD5OfMessageAttributes'] == sent['MD5OfMessageAttributes']
    shown = json_call(sqs, 'GetQueueAttributes', {'QueueUrl': queue, 'AttributeNames': ['QueueArn']})[1]
    assert shown == {'Attributes': {'QueueArn': arn(queue)}}
    status, error, headers = json_call(sqs, 'GetQueueUrl', {'QueueName': 'none'})
    assert status == 400 and error['__type'].endswith('QueueDoesNotExist')
    assert headers['x-amzn-query-error'] == 'AWS.SimpleQueueService.NonExistentQueue;Sender'
    status, error, headers = json_call(sqs, 'ReceiveMessage', {'QueueUrl': queue, 'MaxNumberOfMessages': 11})
    assert error['__type'].endswith('InvalidParameterValueException') and headers['x-amzn-query-error'] == 'InvalidParameterValue;Sender'


def test_survives_a_kill(new_haar):
    haar = new_haar('--network=off')
    sqs = haar.client('sqs')
    url = sqs.create_queue(QueueName='q')['QueueUrl']
    sent = {sqs.send_message(QueueUrl=url, MessageBody=str(i))['MessageId'] for i in range(20)}
    taken, = receive(sqs, url, 1)
    haar.kill()
    haar.start()
    sqs = haar.client('sqs')
    got = {m['MessageId'] for _ in range(4) for m in receive(sqs, url)}
    assert got == sent - {taken['MessageId']}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=taken['ReceiptHandle'])
    assert attributes(sqs, url)['ApproximateNumberOfMessagesNotVisible'] == '19'
