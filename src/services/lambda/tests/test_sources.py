"""Functions that are fed by queues and topics."""

import io
import json
import zipfile

import botocore.exceptions
import pytest

from tests.support.daemon import wait_for

ACCOUNT = '000000000000'
TRUST = {'Version': '2012-10-17',
         'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
# Writes what it got to a queue; fails for messages that say so.
CODE = '''
import json, os, boto3
sqs = boto3.client('sqs')
def handler(event, context):
    sqs.send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(event))
    bad = [r['messageId'] for r in event['Records'] if r.get('body') == 'bad']
    if any(r.get('body') == 'crash' for r in event['Records']):
        raise ValueError('crash')
    return {'batchItemFailures': [{'itemIdentifier': i} for i in bad]}
'''


@pytest.fixture(scope='module')
def sqs(client):
    return client('sqs')


@pytest.fixture(scope='module')
def out(sqs):
    return sqs.create_queue(QueueName='out')['QueueUrl']


@pytest.fixture(scope='module')
def function(client, out, network):
    iam, lambda_ = client('iam'), client('lambda')
    role = iam.create_role(RoleName='fed', AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
    iam.put_role_policy(RoleName='fed', PolicyName='all', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': ['logs:*', 'sqs:*'], 'Resource': '*'}]}))
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        archive.writestr('index.py', CODE)
    lambda_.create_function(FunctionName='fed', Role=role, Runtime='python3.11', Handler='index.handler', Code={'ZipFile': data.getvalue()}, Timeout=20,
                            MemorySize=512, Environment={'Variables': {'OUT': f'https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/out'}})
    wait_for(lambda: lambda_.get_function_configuration(FunctionName='fed')['State'] == 'Active', 'the function is active')
    return 'fed'


def queue(sqs, name, **attributes):
    return sqs.create_queue(QueueName=name, Attributes={'VisibilityTimeout': '30', **attributes})['QueueUrl'], f'arn:aws:sqs:us-east-1:{ACCOUNT}:{name}'


def next_event(sqs, out):
    message = wait_for(lambda: sqs.receive_message(QueueUrl=out, WaitTimeSeconds=5).get('Messages'), 'an event', 60)[0]
    sqs.delete_message(QueueUrl=out, ReceiptHandle=message['ReceiptHandle'])
    return json.loads(message['Body'])


def counts(sqs, url):
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']
    return int(shown['ApproximateNumberOfMessages']), int(shown['ApproximateNumberOfMessagesNotVisible'])


def test_queue(client, sqs, function, out):
    lambda_ = client('lambda')
    url, arn = queue(sqs, 'work')
    mapping = lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, FunctionResponseTypes=['ReportBatchItemFailures'])
    assert mapping['State'] == 'Creating' and mapping['BatchSize'] == 10
    assert lambda_.get_event_source_mapping(UUID=mapping['UUID'])['State'] == 'Enabled'
    with pytest.raises(botocore.exceptions.ClientError, match='already exists. Please update or delete'):
        lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName=function)
    sqs.send_message(QueueUrl=url, MessageBody='good', MessageAttributes={'a': {'DataType': 'String', 'StringValue': 'b'}})
    record, = next_event(sqs, out)['Records']
    assert (record['body'], record['eventSource'], record['eventSourceARN'], record['awsRegion']) == ('good', 'aws:sqs', arn, 'us-east-1')
    assert record['attributes']['ApproximateReceiveCount'] == '1' and record['messageAttributes']['a']['stringValue'] == 'b'
    wait_for(lambda: counts(sqs, url) == (0, 0), 'the message is deleted')
    sqs.send_message(QueueUrl=url, MessageBody='bad')
    assert next_event(sqs, out)['Records'][0]['body'] == 'bad'
    sqs.send_message(QueueUrl=url, MessageBody='good too')
    assert next_event(sqs, out)['Records'][0]['body'] == 'good too'
    wait_for(lambda: counts(sqs, url) == (0, 1), 'only what failed is left')
    sqs.send_message(QueueUrl=url, MessageBody='crash')
    next_event(sqs, out)
    wait_for(lambda: counts(sqs, url) == (0, 2), 'all of a failed batch is left')
    lambda_.update_event_source_mapping(UUID=mapping['UUID'], Enabled=False)
    sqs.send_message(QueueUrl=url, MessageBody='not taken')
    wait_for(lambda: lambda_.get_event_source_mapping(UUID=mapping['UUID'])['State'] == 'Disabled', 'it is disabled')
    assert [m['UUID'] for m in lambda_.list_event_source_mappings(FunctionName=function)['EventSourceMappings']] == [mapping['UUID']]
    assert lambda_.delete_event_source_mapping(UUID=mapping['UUID'])['State'] == 'Deleting'
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_event_source_mapping(UUID=mapping['UUID'])
    assert counts(sqs, url)[0] == 1


def test_window(client, sqs, function, out):
    """What comes within the window makes batches, each message once."""
    lambda_ = client('lambda')
    url, arn = queue(sqs, 'slow')
    mapping = lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, BatchSize=12, MaximumBatchingWindowInSeconds=2,
                                                  Enabled=False)
    for i in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=str(i))
    lambda_.update_event_source_mapping(UUID=mapping['UUID'], Enabled=True)
    seen = []
    while len(seen) < 12:
        seen += [r['body'] for r in next_event(sqs, out)['Records']]
    assert sorted(map(int, seen)) == list(range(12))
    lambda_.delete_event_source_mapping(UUID=mapping['UUID'])


def test_filter(client, sqs, function, out):
    """A message that no filter wants is deleted; the body is JSON for a pattern of keys, text for one of words."""
    lambda_ = client('lambda')
    url, arn = queue(sqs, 'filtered')
    mapping = lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, FilterCriteria={'Filters': [
        {'Pattern': json.dumps({'body': {'n': [{'numeric': ['>', 5]}]}})}, {'Pattern': json.dumps({'body': ['plain']})}]})
    for body in ('{"n": 1}', 'other', '{"n": 6}', 'plain', 'crash'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    seen = []
    while len(seen) < 2:
        seen += [r['body'] for r in next_event(sqs, out)['Records']]
    assert sorted(seen) == ['plain', '{"n": 6}']
    wait_for(lambda: counts(sqs, url) == (0, 0), 'all messages are gone')
    lambda_.delete_event_source_mapping(UUID=mapping['UUID'])


@pytest.mark.parametrize('attributes,more,words', [
    ({'VisibilityTimeout': '5'}, {}, 'Queue visibility timeout: 5 seconds is less than Function timeout: 20 seconds'),
    ({}, {'BatchSize': 11}, 'Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10'),
    ({}, {'FilterCriteria': {'Filters': [{'Pattern': '{"body": "x"}'}]}}, 'Invalid filter pattern definition.'),
    ({}, {'StartingPosition': 'LATEST'}, 'StartingPosition is not valid for SQS event sources.'),
    ({}, {'BisectBatchOnFunctionError': True}, 'BisectBatchOnFunctionError is not valid for SQS event sources.'),
    ({}, {'EventSourceArn': 'arn:aws:kinesis:us-east-1:000000000000:stream/x'},
     'haar reads events from SQS queues and DynamoDB streams, not from arn:aws:kinesis'),
    ({}, {'EventSourceArn': f'arn:aws:sqs:us-east-1:{ACCOUNT}:none'}, 'The specified queue does not exist'),
])
def test_refused(client, sqs, function, attributes, more, words):
    url, arn = queue(sqs, 'refused', **attributes)
    with pytest.raises(botocore.exceptions.ClientError, match=words):
        client('lambda').create_event_source_mapping(**{'EventSourceArn': arn, 'FunctionName': function, **more})
    sqs.delete_queue(QueueUrl=url)


def test_topic(client, sqs, function, out):
    sns, lambda_ = client('sns'), client('lambda')
    topic = sns.create_topic(Name='to-function')['TopicArn']
    arn = lambda_.get_function_configuration(FunctionName=function)['FunctionArn']
    sns.subscribe(TopicArn=topic, Protocol='lambda', Endpoint=arn)
    lambda_.add_permission(FunctionName=function, StatementId='sns', Action='lambda:InvokeFunction', Principal='sns.amazonaws.com', SourceArn=topic)
    sns.publish(TopicArn=topic, Message='to a function', MessageAttributes={'a': {'DataType': 'String', 'StringValue': 'b'}})
    record, = next_event(sqs, out)['Records']
    assert (record['EventSource'], record['EventVersion'], record['Sns']['Message'], record['Sns']['Subject']) == ('aws:sns', '1.0', 'to a function', None)
    assert record['Sns']['MessageAttributes'] == {'a': {'Type': 'String', 'Value': 'b'}} and record['Sns']['SigningCertUrl'].startswith('https://sns.')
    lambda_.remove_permission(FunctionName=function, StatementId='sns')
    sns.delete_topic(TopicArn=topic)
