"""Streams of tables: shards, iterators, records with both images, 24 hours of the clock."""

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for

HAAR_OPTIONS = ('--network=off',)


@pytest.fixture(scope='module')
def db(client):
    return client('dynamodb')


@pytest.fixture(scope='module')
def streams(client):
    return client('dynamodbstreams')


def table(db, name, view='NEW_AND_OLD_IMAGES', **settings):
    made = db.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                           AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                           StreamSpecification={'StreamEnabled': True, 'StreamViewType': view}, **settings)
    return made['TableDescription']['LatestStreamArn']


def change(db, name):
    """Insert, modify (twice the same is one change), remove."""
    db.put_item(TableName=name, Item={'id': {'S': 'a'}, 'n': {'N': '1'}, 'm': {'M': {'l': {'L': [{'BOOL': True}, {'NULL': True}]}}}})
    for _ in range(2):
        db.update_item(TableName=name, Key={'id': {'S': 'a'}}, UpdateExpression='SET n = :n', ExpressionAttributeValues={':n': {'N': '2'}})
    db.delete_item(TableName=name, Key={'id': {'S': 'a'}})


def shard(streams, arn):
    return streams.describe_stream(StreamArn=arn)['StreamDescription']['Shards'][0]


def iterator(streams, arn, kind='TRIM_HORIZON', **arguments):
    return streams.get_shard_iterator(StreamArn=arn, ShardId=shard(streams, arn)['ShardId'], ShardIteratorType=kind, **arguments)['ShardIterator']


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value
    return caught.value.response['Error']['Message']


def test_records_with_both_images(db, streams):
    arn = table(db, 'both')
    change(db, 'both')
    records = streams.get_records(ShardIterator=iterator(streams, arn))['Records']
    assert [r['eventName'] for r in records] == ['INSERT', 'MODIFY', 'REMOVE']
    first, second, third = (r['dynamodb'] for r in records)
    assert first['NewImage']['m'] == {'M': {'l': {'L': [{'BOOL': True}, {'NULL': True}]}}} and 'OldImage' not in first
    assert (second['OldImage']['n'], second['NewImage']['n']) == ({'N': '1'}, {'N': '2'})
    assert third['OldImage']['n'] == {'N': '2'} and 'NewImage' not in third
    assert all(d['Keys'] == {'id': {'S': 'a'}} and d['StreamViewType'] == 'NEW_AND_OLD_IMAGES' and d['SizeBytes'] > 0 for d in (first, second, third))
    numbers = [d['SequenceNumber'] for d in (first, second, third)]
    assert numbers == sorted(set(numbers)) and all(len(n) >= 21 for n in numbers)
    assert len({r['eventID'] for r in records}) == 3 and records[0]['eventSource'] == 'aws:dynamodb' and records[0]['awsRegion'] == 'us-east-1'


@pytest.mark.parametrize('view, images', [('KEYS_ONLY', []), ('NEW_IMAGE', ['NewImage']), ('OLD_IMAGE', ['OldImage'])])
def test_views(db, streams, view, images):
    arn = table(db, view, view)
    change(db, view)
    modified = streams.get_records(ShardIterator=iterator(streams, arn))['Records'][1]['dynamodb']
    assert [i for i in ('NewImage', 'OldImage') if i in modified] == images


def test_iterators(db, streams):
    arn = table(db, 'walk')
    latest = iterator(streams, arn, 'LATEST')
    change(db, 'walk')
    page = streams.get_records(ShardIterator=latest, Limit=2)
    assert len(page['Records']) == 2
    page = streams.get_records(ShardIterator=page['NextShardIterator'])
    assert [r['eventName'] for r in page['Records']] == ['REMOVE']
    empty = streams.get_records(ShardIterator=page['NextShardIterator'])
    assert empty['Records'] == []
    db.put_item(TableName='walk', Item={'id': {'S': 'b'}})
    assert len(streams.get_records(ShardIterator=empty['NextShardIterator'])['Records']) == 1
    numbers = [r['dynamodb']['SequenceNumber'] for r in streams.get_records(ShardIterator=iterator(streams, arn))['Records']]
    assert shard(streams, arn)['SequenceNumberRange']['StartingSequenceNumber'] == numbers[0]
    for kind, expected in (('AT_SEQUENCE_NUMBER', numbers[1:]), ('AFTER_SEQUENCE_NUMBER', numbers[2:])):
        found = streams.get_records(ShardIterator=iterator(streams, arn, kind, SequenceNumber=numbers[1]))['Records']
        assert [r['dynamodb']['SequenceNumber'] for r in found] == expected


def test_errors(haar, db, streams):
    arn = table(db, 'wrong')
    nowhere = arn.replace('/wrong/', '/nonesuch/')
    assert refused('ResourceNotFoundException', streams.describe_stream, StreamArn=nowhere) == \
        f'Requested resource not found: Stream: {nowhere} not found'
    known = shard(streams, arn)['ShardId']
    refused('ResourceNotFoundException', streams.get_shard_iterator, StreamArn=arn, ShardId='shardId-' + '0' * 30, ShardIteratorType='LATEST')
    refused('ValidationException', streams.get_shard_iterator, StreamArn=arn, ShardId=known, ShardIteratorType='AT_SEQUENCE_NUMBER')
    refused('ValidationException', streams.get_shard_iterator, StreamArn=arn, ShardId=known, ShardIteratorType='LATEST', SequenceNumber='1' * 21)
    refused('ValidationException', streams.get_shard_iterator, StreamArn=arn, ShardId=known, ShardIteratorType='AT_SEQUENCE_NUMBER',
            SequenceNumber='9' * 21)
    for text in ('x', f'{arn}|1|', f'{arn}|1|!!!!', f'{arn}|2|MTox'):
        assert refused('ValidationException', streams.get_records, ShardIterator=text) == 'Invalid ShardIterator'
    db.update_table(TableName='wrong', StreamSpecification={'StreamEnabled': False})
    refused('ResourceNotFoundException', streams.describe_stream, StreamArn=arn)


def test_list(db, streams):
    arns = [table(db, f'listed-{i}') for i in range(3)]
    assert [s['StreamArn'] for s in streams.list_streams(TableName='listed-1')['Streams']] == [arns[1]]
    page = streams.list_streams(Limit=1)
    found = page['Streams']
    while 'LastEvaluatedStreamArn' in page:
        page = streams.list_streams(Limit=1, ExclusiveStartStreamArn=page['LastEvaluatedStreamArn'])
        found += page['Streams']
    assert set(arns) <= {s['StreamArn'] for s in found} and len({s['StreamArn'] for s in found}) == len(found)


def test_an_encrypted_table_with_its_key_disabled(client, db, streams):
    key = client('kms').create_key()['KeyMetadata']['KeyId']
    arn = table(db, 'sealed', SSESpecification={'Enabled': True, 'SSEType': 'KMS', 'KMSMasterKeyId': key})
    change(db, 'sealed')
    start = iterator(streams, arn)
    assert len(streams.get_records(ShardIterator=start)['Records']) == 3
    client('kms').disable_key(KeyId=key)
    with pytest.raises(ClientError):
        streams.get_records(ShardIterator=start)
    client('kms').enable_key(KeyId=key)
    assert len(streams.get_records(ShardIterator=start)['Records']) == 3


def test_where_a_day_begins(haar, db, streams):
    """The oldest record that is still there is found among others, and in a log that has gaps: changes that change nothing have numbers too."""
    arn = table(db, 'days')
    for day in range(3):
        for i in range(7 + day):
            db.put_item(TableName='days', Item={'id': {'S': f'{day}-{i}'}})
            db.put_item(TableName='days', Item={'id': {'S': f'{day}-{i}'}})
        seen = streams.get_records(ShardIterator=iterator(streams, arn))['Records']
        keys = [r['dynamodb']['Keys']['id']['S'] for r in seen]
        assert keys == [f'{d}-{i}' for d in range(max(0, day - 1), day + 1) for i in range(7 + d)]
        assert shard(streams, arn)['SequenceNumberRange']['StartingSequenceNumber'] == seen[0]['dynamodb']['SequenceNumber']
        assert haar.run('clock', 'advance', '13h').returncode == 0
    assert haar.run('clock', 'advance', '12h').returncode == 0
    assert streams.get_records(ShardIterator=iterator(streams, arn))['Records'] == []


def test_a_day_later(haar, db, streams):
    """Records go after 24 hours, iterators after 15 minutes, what TTL deletes says who did it."""
    arn = table(db, 'later')
    db.update_time_to_live(TableName='later', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'until'})
    db.put_item(TableName='later', Item={'id': {'S': 'x'}, 'until': {'N': '1'}})
    old = iterator(streams, arn)
    number = streams.get_records(ShardIterator=old)['Records'][0]['dynamodb']['SequenceNumber']
    assert haar.run('clock', 'advance', '25h').returncode == 0
    refused('ExpiredIteratorException', streams.get_records, ShardIterator=old)
    refused('TrimmedDataAccessException', streams.get_shard_iterator, StreamArn=arn, ShardId=shard(streams, arn)['ShardId'],
            ShardIteratorType='AT_SEQUENCE_NUMBER', SequenceNumber=number)
    db.put_item(TableName='later', Item={'id': {'S': 'y'}, 'until': {'N': '1790000000'}})
    assert haar.run('clock', 'advance', '10m').returncode == 0
    removed = wait_for(lambda: [r for r in streams.get_records(ShardIterator=iterator(streams, arn))['Records'] if r['eventName'] == 'REMOVE'],
                       'TTL has deleted')
    assert removed[-1]['userIdentity'] == {'PrincipalId': 'dynamodb.amazonaws.com', 'Type': 'Service'}
