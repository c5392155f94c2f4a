"""The session table and the transaction-log bucket."""

import urllib.error
import urllib.request

import botocore.exceptions
import pytest

from tests.support.daemon import wait_for


def table(stack):
    return stack.client('dynamodb').describe_table(TableName=stack.outputs['SessionTableName'])['Table']


def test_table_is_as_the_template_says(stack):
    found = table(stack)
    assert found['TableStatus'] == 'ACTIVE' and found['BillingModeSummary']['BillingMode'] == 'PAY_PER_REQUEST'
    assert found['KeySchema'] == [{'AttributeName': 'sessionId', 'KeyType': 'HASH'}]
    assert found.get('SSEDescription', {}).get('SSEType') == 'KMS'


def test_stream_has_both_images(stack, outputs):
    """A payment is two records of its session: made as processing, then changed to completed, with what it was and what it is."""
    streams, key = stack.client('dynamodbstreams'), stack.key()
    arn = table(stack).get('LatestStreamArn')
    assert arn, 'the table has no stream'
    stack.pay(key)
    shards = streams.describe_stream(StreamArn=arn)['StreamDescription']['Shards']

    def records():
        found = []
        for shard in shards:
            iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard['ShardId'], ShardIteratorType='TRIM_HORIZON')['ShardIterator']
            while iterator:
                page = streams.get_records(ShardIterator=iterator)
                found += [(r['eventName'], r['dynamodb']) for r in page['Records'] if r['dynamodb']['Keys'] == {'sessionId': {'S': f'guest:{key}'}}]
                iterator = page.get('NextShardIterator') if page['Records'] else None
        return found

    (made, first), *changed = wait_for(lambda: len(records()) > 1 and records(), 'the records of the session')
    status = lambda record, image: record.get(image, {}).get('status', {}).get('S')
    assert made == 'INSERT' and status(first, 'NewImage') == 'processing', first
    assert {name for name, _ in changed} == {'MODIFY'}
    assert (status(changed[-1][1], 'OldImage'), status(changed[-1][1], 'NewImage')) == ('processing', 'completed'), changed[-1]


def test_sessions_of_a_user_are_found_by_the_index(stack, payment, outputs):
    assert [i['IndexName'] for i in table(stack).get('GlobalSecondaryIndexes', [])] == ['byUser']
    found = stack.client('dynamodb').query(TableName=outputs['SessionTableName'], IndexName='byUser', KeyConditionExpression='userId = :u',
                                           ExpressionAttributeValues={':u': {'S': 'ada'}})['Items']
    assert payment['paymentId'] in [i['paymentId']['S'] for i in found]


def test_session_holds_no_card(stack, payment):
    session = stack.session(payment['key'], 'ada')
    assert session['card'] == 'visa 4242' and '42424242' not in str(session)


def test_bucket_keeps_versions(stack, outputs):
    """What is overwritten is still there under its version; what is deleted comes back when the marker goes."""
    s3, bucket = stack.client('s3'), outputs['LogBucketName']
    first = s3.put_object(Bucket=bucket, Key='versioned', Body=b'first').get('VersionId', 'null')
    s3.put_object(Bucket=bucket, Key='versioned', Body=b'second')
    assert first != 'null' and s3.get_object(Bucket=bucket, Key='versioned', VersionId=first)['Body'].read() == b'first'
    marker = s3.delete_object(Bucket=bucket, Key='versioned')['VersionId']
    assert 'Contents' not in s3.list_objects_v2(Bucket=bucket, Prefix='versioned')
    s3.delete_object(Bucket=bucket, Key='versioned', VersionId=marker)
    assert s3.get_object(Bucket=bucket, Key='versioned')['Body'].read() == b'second'


def test_bucket_is_closed_to_the_public(stack, outputs):
    s3, bucket = stack.client('s3'), outputs['LogBucketName']
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.put_bucket_policy(Bucket=bucket, Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
                                                   f'"Action":"s3:GetObject","Resource":"arn:aws:s3:::{bucket}/*"}}]}}')
    assert error.value.response['Error']['Code'] == 'AccessDenied'
    url = f"{stack.haar.url}/{bucket}/transactions/x.json"
    with pytest.raises(urllib.error.HTTPError) as nobody:
        urllib.request.urlopen(url, timeout=30)
    assert nobody.value.code == 403
    assert set(s3.get_public_access_block(Bucket=bucket)['PublicAccessBlockConfiguration'].values()) == {True}


def test_only_the_function_writes_transaction_logs(stack, outputs):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        stack.client('s3').put_object(Bucket=outputs['LogBucketName'], Key='transactions/forged.json', Body=b'{}')
    assert error.value.response['Error']['Code'] == 'AccessDenied'
