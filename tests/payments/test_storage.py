"""The session table and the transaction-log bucket."""

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


def test_point_in_time_recovery_is_on(stack, outputs):
    backups = stack.client('dynamodb').describe_continuous_backups(TableName=outputs['SessionTableName'])['ContinuousBackupsDescription']
    assert backups['PointInTimeRecoveryDescription']['PointInTimeRecoveryStatus'] == 'ENABLED'


def test_sessions_of_a_user_are_found_by_the_index(stack, payment, outputs):
    found = stack.client('dynamodb').query(TableName=outputs['SessionTableName'], IndexName='byUser', KeyConditionExpression='userId = :u',
                                           ExpressionAttributeValues={':u': {'S': 'ada'}})['Items']
    assert payment['paymentId'] in [i['paymentId']['S'] for i in found]


def test_session_holds_no_card(stack, payment):
    session = stack.session(payment['key'], 'ada')
    assert session['card'] == 'visa 4242' and '42424242' not in str(session)


def test_bucket_is_versioned_and_closed(stack, outputs):
    s3, bucket = stack.client('s3'), outputs['LogBucketName']
    assert s3.get_bucket_versioning(Bucket=bucket)['Status'] == 'Enabled'
    assert set(s3.get_public_access_block(Bucket=bucket)['PublicAccessBlockConfiguration'].values()) == {True}
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.put_bucket_policy(Bucket=bucket, Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
                                                   f'"Action":"s3:GetObject","Resource":"arn:aws:s3:::{bucket}/*"}}]}}')
    assert error.value.response['Error']['Code'] == 'AccessDenied'


def test_logs_are_kept_for_90_days(stack, outputs):
    rule = stack.client('s3').get_bucket_lifecycle_configuration(Bucket=outputs['LogBucketName'])['Rules'][0]
    assert rule['Expiration']['Days'] == 90 and rule['NoncurrentVersionExpiration']['NoncurrentDays'] == 30 and rule['Status'] == 'Enabled'


def test_only_the_function_writes_transaction_logs(stack, outputs):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        stack.client('s3').put_object(Bucket=outputs['LogBucketName'], Key='transactions/forged.json', Body=b'{}')
    assert error.value.response['Error']['Code'] == 'AccessDenied'
