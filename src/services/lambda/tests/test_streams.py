"""Functions that are fed by DynamoDB streams: batches, order, retries, what is discarded, filters, and the position over kill -9."""

import io
import json
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

from tests.support.daemon import wait_for

ACCOUNT = '000000000000'
TRUST = {'Version': '2012-10-17',
         'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
STREAM = ['dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:DescribeStream', 'dynamodb:ListStreams']
# Writes what it got to the queue of the table. An item whose id begins with "bad" fails the batch, one with "part" is reported as failed.
CODE = '''
import json, os, boto3
sqs = boto3.client('sqs')
def handler(event, context):
    table = event['Records'][0]['eventSourceARN'].split('/')[1]
    sqs.send_message(QueueUrl=os.environ['OUT'] + table, MessageBody=json.dumps(event))
    ids = [r['dynamodb']['Keys']['id']['S'] for r in event['Records']]
    if any(i.startswith('bad') for i in ids):
        raise ValueError('bad')
    return {'batchItemFailures': [{'itemIdentifier': r['dynamodb']['SequenceNumber']} for r in event['Records']
                                  if r['dynamodb']['Keys']['id']['S'].startswith('part')]}
'''


@pytest.fixture(scope='module')
def sqs(client):
    return client('sqs')


@pytest.fixture(scope='module')
def db(client):
    return client('dynamodb')


@pytest.fixture(scope='module')
def lambda_(client):
    return client('lambda')


@pytest.fixture
def out():
    """The queue that the function writes to: of the table that was made last."""
    return {}


def make_out(sqs, out, name):
    out['url'] = sqs.create_queue(QueueName=f'out-{name}')['QueueUrl']


def role(client, name, actions):
    iam = client('iam')
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
    iam.put_role_policy(RoleName=name, PolicyName='all', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': actions, 'Resource': '*'}]}))
    return arn


def make_function(lambda_, name, arn):
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        archive.writestr('index.py', CODE)
    lambda_.create_function(FunctionName=name, Role=arn, Runtime='python3.11', Handler='index.handler', Code={'ZipFile': data.getvalue()}, Timeout=20,
                            MemorySize=512, Environment={'Variables': {'OUT': f'https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/out-'}})
    wait_for(lambda: lambda_.get_function_configuration(FunctionName=name)['State'] == 'Active', 'the function is active')
    return name


@pytest.fixture(scope='module')
def function(client, lambda_, network):
    return make_function(lambda_, 'reader', role(client, 'reader', ['logs:*', 'sqs:*', 'sns:*', *STREAM]))


@pytest.fixture
def table(db, sqs, out):
    made = []

    def make(name):
        made.append(name)
        make_out(sqs, out, name)
        shown = db.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                                AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                                StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'})
        return shown['TableDescription']['LatestStreamArn']

    yield make
    for name in made:
        db.delete_table(TableName=name)


@pytest.fixture
def mapped(lambda_, function):
    made = []

    def make(arn, **settings):
        mapping = lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName=settings.pop('FunctionName', function),
                                                      StartingPosition=settings.pop('StartingPosition', 'TRIM_HORIZON'), **settings)
        made.append(mapping['UUID'])
        return mapping

    yield make
    for uuid in made:
        lambda_.delete_event_source_mapping(UUID=uuid)


def put(db, name, *ids, **more):
    for i in ids:
        db.put_item(TableName=name, Item={'id': {'S': i}, **more})


def next_event(sqs, queue):
    queue = queue['url'] if isinstance(queue, dict) else queue
    message = wait_for(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get('Messages'), 'an event', 60)[0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message['ReceiptHandle'])
    return json.loads(message['Body'])


def ids_of(event):
    return [r['dynamodb']['Keys']['id']['S'] for r in event['Records']]


def seen_until(sqs, out, last):
    """The ids of each event, until one ends with last."""
    events = []
    while not events or events[-1][-1] != last:
        events.append(ids_of(next_event(sqs, out)))
    return events


def result(lambda_, mapping):
    return lambda_.get_event_source_mapping(UUID=mapping['UUID'])['LastProcessingResult']


def test_records_in_order(client, db, lambda_, sqs, out, table, mapped, haar):
    arn = table('ordered')
    put(db, 'ordered', *(f'a{i}' for i in range(7)), blob={'B': b'foobar'})
    mapping = mapped(arn, BatchSize=3)
    assert {k: mapping[k] for k in ('BatchSize', 'BisectBatchOnFunctionError', 'DestinationConfig', 'FunctionResponseTypes', 'LastProcessingResult',
                                    'MaximumBatchingWindowInSeconds', 'MaximumRecordAgeInSeconds', 'MaximumRetryAttempts', 'ParallelizationFactor',
                                    'StartingPosition', 'State', 'StateTransitionReason', 'TumblingWindowInSeconds')} == {
        'BatchSize': 3, 'BisectBatchOnFunctionError': False, 'DestinationConfig': {'OnFailure': {}}, 'FunctionResponseTypes': [],
        'LastProcessingResult': 'No records processed', 'MaximumBatchingWindowInSeconds': 0, 'MaximumRecordAgeInSeconds': -1, 'MaximumRetryAttempts': -1,
        'ParallelizationFactor': 1, 'StartingPosition': 'TRIM_HORIZON', 'State': 'Creating', 'StateTransitionReason': 'User action',
        'TumblingWindowInSeconds': 0}
    first = next_event(sqs, out)
    record = first['Records'][0]
    assert ids_of(first) == ['a0', 'a1', 'a2']
    assert (record['eventName'], record['eventSource'], record['eventVersion'], record['awsRegion'], record['eventSourceARN']) == (
        'INSERT', 'aws:dynamodb', '1.1', 'us-east-1', arn)
    assert record['dynamodb']['NewImage'] == {'id': {'S': 'a0'}, 'blob': {'B': 'Zm9vYmFy'}} and record['dynamodb']['StreamViewType'] == 'NEW_AND_OLD_IMAGES'
    assert isinstance(record['dynamodb']['ApproximateCreationDateTime'], (int, float))
    assert seen_until(sqs, out, 'a6') == [['a3', 'a4', 'a5'], ['a6']]
    wait_for(lambda: result(lambda_, mapping) == 'OK', 'the result')
    put(db, 'ordered', 'b')
    assert ids_of(next_event(sqs, out)) == ['b']
    cloudwatch = client('cloudwatch')
    wait_for(lambda: any(d['Value'] == 'reader' for m in cloudwatch.list_metrics(Namespace='AWS/Lambda', MetricName='IteratorAge')['Metrics']
                         for d in m['Dimensions']), 'IteratorAge')


def test_latest_and_disabled(db, lambda_, sqs, out, table, mapped):
    arn = table('latest')
    put(db, 'latest', 'before')
    mapping = mapped(arn, StartingPosition='LATEST')
    put(db, 'latest', 'after')
    assert ids_of(next_event(sqs, out)) == ['after']
    assert lambda_.update_event_source_mapping(UUID=mapping['UUID'], Enabled=False)['State'] == 'Disabling'
    wait_for(lambda: lambda_.get_event_source_mapping(UUID=mapping['UUID'])['State'] == 'Disabled', 'it is disabled')
    put(db, 'latest', 'meanwhile')
    assert lambda_.update_event_source_mapping(UUID=mapping['UUID'], Enabled=True)['State'] == 'Enabling'
    assert ids_of(next_event(sqs, out)) == ['meanwhile']
    assert lambda_.get_event_source_mapping(UUID=mapping['UUID'])['State'] == 'Enabled'


@pytest.mark.parametrize('kind', ['sqs', 'sns'])
def test_retries_then_destination(client, db, lambda_, sqs, out, table, mapped, kind):
    """A batch that always fails is tried 1 + 2 times, told to the destination, and passed over; what comes after it waits for it."""
    dead = sqs.create_queue(QueueName=f'dead-{kind}')['QueueUrl']
    destination = f'arn:aws:sqs:us-east-1:{ACCOUNT}:dead-{kind}'
    if kind == 'sns':
        destination = client('sns').create_topic(Name='dead')['TopicArn']
        sqs.set_queue_attributes(QueueUrl=dead, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Allow', 'Principal': '*', 'Action': 'sqs:SendMessage', 'Resource': '*'}]})})
        client('sns').subscribe(TopicArn=destination, Protocol='sqs', Endpoint=f'arn:aws:sqs:us-east-1:{ACCOUNT}:dead-{kind}',
                                Attributes={'RawMessageDelivery': 'true'})
    arn = table(f'retried-{kind}')
    put(db, f'retried-{kind}', 'bad', 'good')
    mapping = mapped(arn, BatchSize=1, MaximumRetryAttempts=2, DestinationConfig={'OnFailure': {'Destination': destination}})
    assert seen_until(sqs, out, 'good') == [['bad']] * 3 + [['good']]
    told = next_event(sqs, dead)
    info = told['DDBStreamBatchInfo']
    assert told['requestContext']['condition'] == 'RetryAttemptsExhausted' and told['requestContext']['approximateInvokeCount'] == 3
    assert told['requestContext']['functionArn'] == f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:reader'
    assert told['responseContext'] == {'statusCode': 200, 'executedVersion': '$LATEST', 'functionError': 'Unhandled'} and told['version'] == '1.0'
    assert info['streamArn'] == arn and info['batchSize'] == 1 and info['startSequenceNumber'] == info['endSequenceNumber']
    assert info['shardId'].startswith('shardId-') and info['approximateArrivalOfFirstRecord'].endswith('Z')
    wait_for(lambda: result(lambda_, mapping) == 'OK', 'the result')


def test_failing_shows(db, lambda_, sqs, out, table, mapped):
    arn = table('failing')
    put(db, 'failing', 'bad')
    mapping = mapped(arn)
    wait_for(lambda: result(lambda_, mapping) == 'PROBLEM: Function call failed', 'the failure is shown')


def test_bisect(db, sqs, out, table, mapped):
    """Halves, the earlier first; only the record that fails is lost."""
    dead = sqs.create_queue(QueueName='dead-half')['QueueUrl']
    arn = table('halved')
    put(db, 'halved', 'a', 'b', 'bad', 'd')
    mapped(arn, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0,
           DestinationConfig={'OnFailure': {'Destination': f'arn:aws:sqs:us-east-1:{ACCOUNT}:dead-half'}})
    assert seen_until(sqs, out, 'd')[:1] == [['a', 'b', 'bad', 'd']]
    rest = seen_until(sqs, out, 'd')
    assert rest == [['a', 'b'], ['bad', 'd']]
    assert seen_until(sqs, out, 'd') == [['bad'], ['d']]
    assert next_event(sqs, dead)['DDBStreamBatchInfo']['batchSize'] == 1


def test_partial_failures(db, sqs, out, table, mapped):
    """What comes before the reported record is done; the rest is tried again."""
    dead = sqs.create_queue(QueueName='dead-part')['QueueUrl']
    arn = table('partial')
    put(db, 'partial', 'a', 'b', 'part', 'd')
    mapped(arn, FunctionResponseTypes=['ReportBatchItemFailures'], MaximumRetryAttempts=1,
           DestinationConfig={'OnFailure': {'Destination': f'arn:aws:sqs:us-east-1:{ACCOUNT}:dead-part'}})
    assert seen_until(sqs, out, 'd') == [['a', 'b', 'part', 'd']]
    assert seen_until(sqs, out, 'd') == [['part', 'd']]
    told = next_event(sqs, dead)
    assert told['DDBStreamBatchInfo']['batchSize'] == 2 and 'functionError' not in told['responseContext']
    put(db, 'partial', 'e')
    assert seen_until(sqs, out, 'e') == [['e']]


def test_record_age(db, haar, lambda_, sqs, out, table, mapped):
    """A record that is too old when its turn comes is not given to the function."""
    dead = sqs.create_queue(QueueName='dead-old')['QueueUrl']
    arn = table('aged')
    put(db, 'aged', 'bad')
    mapped(arn, MaximumRecordAgeInSeconds=60, DestinationConfig={'OnFailure': {'Destination': f'arn:aws:sqs:us-east-1:{ACCOUNT}:dead-old'}})
    next_event(sqs, out)
    haar.call('POST', 'clock', {'advance': '2m'})
    assert next_event(sqs, dead)['requestContext']['condition'] == 'RecordAgeExceeded'
    put(db, 'aged', 'young')
    assert seen_until(sqs, out, 'young')[-1] == ['young']
    haar.call('POST', 'clock', {'reset': True})


def test_filters(db, sqs, out, table, mapped):
    arn = table('filtered')
    mapping = mapped(arn, FilterCriteria={'Filters': [{'Pattern': json.dumps({'eventName': ['INSERT'], 'dynamodb': {'NewImage': {'kind': {'S': ['a', {'prefix': 'x-'}]}}}})},
                                                      {'Pattern': json.dumps({'eventName': ['REMOVE']})}]})
    assert len(mapping['FilterCriteria']['Filters']) == 2
    put(db, 'filtered', 'one', kind={'S': 'b'})
    put(db, 'filtered', 'two', kind={'S': 'x-1'})
    put(db, 'filtered', 'two', kind={'S': 'a'})
    db.delete_item(TableName='filtered', Key={'id': {'S': 'one'}})
    events = []
    while [r['eventName'] for r in events][-1:] != ['REMOVE']:
        events += next_event(sqs, out)['Records']
    assert [(r['eventName'], r['dynamodb']['Keys']['id']['S']) for r in events] == [('INSERT', 'two'), ('REMOVE', 'one')]


def test_parallel(db, sqs, out, table, mapped):
    """Ten lanes: each item's changes stay in order."""
    arn = table('parallel')
    mapped(arn, ParallelizationFactor=10, BatchSize=5)
    for n in range(4):
        for i in range(12):
            db.put_item(TableName='parallel', Item={'id': {'S': f'i{i}'}, 'n': {'N': str(n)}})
    seen = {}
    while sum(map(len, seen.values())) < 48:
        for r in next_event(sqs, out)['Records']:
            seen.setdefault(r['dynamodb']['Keys']['id']['S'], []).append(int(r['dynamodb']['NewImage']['n']['N']))
    assert len(seen) == 12
    assert all(values == [0, 1, 2, 3] for values in seen.values()), seen


def test_window(db, sqs, out, table, mapped):
    """What comes within the window makes one batch; a full one does not wait for its end."""
    arn = table('gathered')
    mapped(arn, BatchSize=3, MaximumBatchingWindowInSeconds=300)
    for i in 'abc':
        put(db, 'gathered', i)
    assert ids_of(next_event(sqs, out)) == ['a', 'b', 'c']


def test_lanes_change(db, lambda_, sqs, out, table, mapped):
    """With another number of lanes nothing is left out."""
    arn = table('changing')
    mapping = mapped(arn)
    put(db, 'changing', 'a', 'b', 'c')
    seen_until(sqs, out, 'c')
    seen = set()
    for lanes in (4, 2):
        lambda_.update_event_source_mapping(UUID=mapping['UUID'], ParallelizationFactor=lanes)
        put(db, 'changing', *(f'{lanes}-{i}' for i in range(8)))
        while not seen >= {f'{lanes}-{i}' for i in range(8)}:
            seen |= set(ids_of(next_event(sqs, out)))
    assert lambda_.get_event_source_mapping(UUID=mapping['UUID'])['ParallelizationFactor'] == 2


def test_expired_items_name_the_service(db, haar, sqs, out, table, mapped):
    arn = table('ttl')
    db.update_time_to_live(TableName='ttl', TimeToLiveSpecification={'AttributeName': 'until', 'Enabled': True})
    now = int(time.time())
    put(db, 'ttl', 'gone', until={'N': str(now + 60)})
    mapped(arn, FilterCriteria={'Filters': [{'Pattern': json.dumps({'userIdentity': {'type': ['Service'], 'principalId': ['dynamodb.amazonaws.com']}})}]})
    haar.call('POST', 'clock', {'advance': '2d'})
    record, = next_event(sqs, out)['Records']
    assert record['eventName'] == 'REMOVE' and record['userIdentity'] == {'type': 'Service', 'principalId': 'dynamodb.amazonaws.com'}
    haar.call('POST', 'clock', {'reset': True})


@pytest.mark.parametrize('more,code,words', [
    ({'StartingPosition': None}, 'ValidationException', "Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."),
    ({'StartingPosition': 'AT_TIMESTAMP', 'StartingPositionTimestamp': 1700000000}, 'InvalidParameterValueException',
     'Unsupported starting position for arn type: arn:aws:dynamodb'),
    ({'StartingPositionTimestamp': 1700000000}, 'InvalidParameterValueException', 'Timestamp only valid with StartingPosition AT_TIMESTAMP'),
    ({'ParallelizationFactor': 11}, 'ValidationException', "at 'parallelizationFactor' failed to satisfy constraint: Member must have value less than or equal to 10"),
    ({'TumblingWindowInSeconds': 5}, 'InvalidParameterValueException', 'haar does not have tumbling windows: leave TumblingWindowInSeconds out.'),
    ({'FilterCriteria': {'Filters': [{'Pattern': 'single'}]}}, 'InvalidParameterValueException', 'Invalid filter pattern definition.'),
    ({'FilterCriteria': {'Filters': [{'Pattern': '{"a": "b"}'}]}}, 'InvalidParameterValueException', 'Invalid filter pattern definition.'),
    ({'DestinationConfig': {'OnFailure': {'Destination': 'arn:aws:s3:::bucket'}}}, 'InvalidParameterValueException',
     'haar sends what it discards to SQS queues and SNS topics, not to arn:aws:s3:::bucket'),
    ({'EventSourceArn': f'arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/none/stream/2026-01-01T00:00:00.000'}, 'InvalidParameterValueException',
     'Stream not found: arn:aws:dynamodb'),
])
def test_refused(lambda_, table, function, more, code, words):
    arguments = {'EventSourceArn': table('refused'), 'FunctionName': function, 'StartingPosition': 'TRIM_HORIZON', **more}
    with pytest.raises(ClientError) as caught:
        lambda_.create_event_source_mapping(**{k: v for k, v in arguments.items() if v is not None})
    assert caught.value.response['Error']['Code'] == code and words in caught.value.response['Error']['Message'], caught.value


def test_twice(lambda_, table, function, mapped):
    arn = table('twice')
    mapping = mapped(arn)
    with pytest.raises(ClientError) as caught:
        mapped(arn)
    assert caught.value.response['Error']['Message'] == (
        f'The event source arn (" {arn} ") and function (" reader ") provided mapping already exists. Please update or delete the existing mapping with '
        f'UUID {mapping["UUID"]}')


@pytest.mark.parametrize('missing', STREAM)
def test_role_lacks(client, lambda_, table, out, network, missing):
    name = f'lacks-{missing.split(":")[1]}'
    arn = role(client, name, [a for a in STREAM if a != missing])
    make_function(lambda_, name, arn)
    stream = table(name)
    with pytest.raises(ClientError) as caught:
        lambda_.create_event_source_mapping(EventSourceArn=stream, FunctionName=name, StartingPosition='LATEST')
    assert caught.value.response['Error'] == {'Code': 'InvalidParameterValueException', 'Message': (
        f'Cannot access stream {stream}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on '
        'your stream in IAM.')}
    client('iam').put_role_policy(RoleName=name, PolicyName='all', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': STREAM, 'Resource': stream}]}))
    with pytest.raises(ClientError, match='execution role does not have permissions to call SendMessage on'):
        lambda_.create_event_source_mapping(EventSourceArn=stream, FunctionName=name, StartingPosition='LATEST',
                                            DestinationConfig={'OnFailure': {'Destination': f'arn:aws:sqs:us-east-1:{ACCOUNT}:out'}})
    lambda_.delete_function(FunctionName=name)


def test_permission_taken_away(client, db, lambda_, sqs, out, table, network):
    arn = role(client, 'loses', ['logs:*', 'sqs:*', *STREAM])
    make_function(lambda_, 'loses', arn)
    stream = table('loses')
    mapping = lambda_.create_event_source_mapping(EventSourceArn=stream, FunctionName='loses', StartingPosition='LATEST')
    client('iam').put_role_policy(RoleName='loses', PolicyName='all', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': ['logs:*', 'sqs:*'], 'Resource': '*'}]}))
    put(db, 'loses', 'a')
    wait_for(lambda: 'dynamodb:DescribeStream' in result(lambda_, mapping), 'the denial is shown')
    client('iam').put_role_policy(RoleName='loses', PolicyName='all', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': ['logs:*', 'sqs:*', *STREAM], 'Resource': '*'}]}))
    assert ids_of(next_event(sqs, out)) == ['a']
    lambda_.delete_event_source_mapping(UUID=mapping['UUID'])
    lambda_.delete_function(FunctionName='loses')


def test_stream_gone(db, haar, lambda_, sqs, out, table, mapped):
    """A table that is deleted under a mapping: shown, said once, and the mapping can be deleted."""
    mapping = mapped(table('short-lived'))
    db.update_table(TableName='short-lived', StreamSpecification={'StreamEnabled': False})
    wait_for(lambda: result(lambda_, mapping).startswith('PROBLEM: Requested resource not found: Stream: arn:aws:dynamodb'), 'it is shown')
    haar.call('POST', 'clock', {'advance': '1s'})
    haar.call('POST', 'clock', {'reset': True})
    assert haar.log.count(f'event source mapping {mapping["UUID"]}: Requested resource not found') == 1


TEMPLATE = '''
Parameters:
  Retries: {Type: Number, Default: 1}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: from-stack
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Table.StreamArn
      FunctionName: reader
      StartingPosition: TRIM_HORIZON
      BatchSize: 10
      MaximumRetryAttempts: !Ref Retries
      BisectBatchOnFunctionError: true
      FilterCriteria: {Filters: [{Pattern: '{"eventName": ["INSERT"]}'}]}
Outputs:
  Id: {Value: !Ref Mapping}
'''


def test_stack(client, db, lambda_, sqs, out, function):
    cloudformation = client('cloudformation')
    cloudformation.create_stack(StackName='fed', TemplateBody=TEMPLATE)
    cloudformation.get_waiter('stack_create_complete').wait(StackName='fed', WaiterConfig={'Delay': 1})
    uuid = cloudformation.describe_stacks(StackName='fed')['Stacks'][0]['Outputs'][0]['OutputValue']
    make_out(sqs, out, 'from-stack')
    put(db, 'from-stack', 'a')
    assert ids_of(next_event(sqs, out)) == ['a']
    cloudformation.update_stack(StackName='fed', UsePreviousTemplate=True, Parameters=[{'ParameterKey': 'Retries', 'ParameterValue': '5'}])
    cloudformation.get_waiter('stack_update_complete').wait(StackName='fed', WaiterConfig={'Delay': 1})
    shown = lambda_.get_event_source_mapping(UUID=uuid)
    assert shown['MaximumRetryAttempts'] == 5 and shown['BisectBatchOnFunctionError'] is True
    cloudformation.delete_stack(StackName='fed')
    cloudformation.get_waiter('stack_delete_complete').wait(StackName='fed', WaiterConfig={'Delay': 1})
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_event_source_mapping(UUID=uuid)


def test_kill(db, haar, lambda_, sqs, out, table, mapped):
    """After kill -9 reading goes on after what was done: nothing is left out, and what is known to be done does not come again."""
    arn = table('killed')
    mapping = mapped(arn, BatchSize=1)
    put(db, 'killed', 'a', 'b')
    seen_until(sqs, out, 'b')
    wait_for(lambda: result(lambda_, mapping) == 'OK', 'the result')
    lambda_.update_event_source_mapping(UUID=mapping['UUID'], Enabled=False)
    wait_for(lambda: lambda_.get_event_source_mapping(UUID=mapping['UUID'])['State'] == 'Disabled', 'it is disabled')
    put(db, 'killed', *(f'c{i}' for i in range(20)))
    lambda_.update_event_source_mapping(UUID=mapping['UUID'], Enabled=True)
    seen = [ids_of(next_event(sqs, out))[0]]
    haar.kill()
    haar.start()
    while seen[-1] != 'c19':
        seen += ids_of(next_event(sqs, out))
    expected = [f'c{i}' for i in range(20)]
    assert sorted(set(seen), key=expected.index) == expected and 'a' not in seen and 'b' not in seen
    assert len(seen) <= 21, 'only what was in flight comes twice'
