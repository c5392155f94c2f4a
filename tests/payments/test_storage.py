"""The session table and the transaction-log bucket."""

import urllib.error
import urllib.request

import botocore.exceptions
import pytest


def table(stack):
    return stack.client('dynamodb').describe_table(TableName=stack.outputs['SessionTableName'])['Table']


def test_table_is_as_the_template_says(stack):
    found = table(stack)
    assert found['TableStatus'] == 'ACTIVE' and found['BillingModeSummary']['BillingMode'] == 'PAY_PER_REQUEST'
    assert found['KeySchema'] == [{'AttributeName': 'sessionId', 'KeyType': 'HASH'}]
    assert found['StreamSpecification'] == {'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'}
    assert found['SSEDescription']['Status'] == 'ENABLED' and found['SSEDescription']['SSEType'] == 'KMS'


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
