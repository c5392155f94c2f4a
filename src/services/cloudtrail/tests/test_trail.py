"""Calls that are recorded, looked up, delivered; haar trail."""

import gzip
import json
import re
import threading

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError

from tests.support.daemon import Haar, wait_for

HAAR_OPTIONS = ['--network=off']
ACCOUNT = '000000000000'


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error'].get('Message', '')


def look(client, name, n=1):
    """The recorded events of a name, the newest first, once there are n."""
    trail = client('cloudtrail')
    ask = lambda: trail.lookup_events(LookupAttributes=[{'AttributeKey': 'EventName', 'AttributeValue': name}])['Events']
    return wait_for(lambda: len(ask()) >= n and ask(), f'{n} events {name}')


def test_event(client, haar):
    secrets = client('secretsmanager')
    secrets.create_secret(Name='deep', SecretString='nobody may read this')
    event, = look(client, 'CreateSecret')
    assert (event['EventSource'], event['ReadOnly'], event['Username'], event['AccessKeyId']) == ('secretsmanager.amazonaws.com', 'false', 'root', 'test')
    record = json.loads(event['CloudTrailEvent'])
    assert 'nobody may read this' not in event['CloudTrailEvent']
    assert record['requestParameters']['name'] == 'deep' and record['requestParameters']['secretString'] == 'HIDDEN_DUE_TO_SECURITY_REASONS'
    assert record['responseElements']['arn'].startswith(f'arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:deep-')
    assert record['userIdentity'] == {'type': 'Root', 'principalId': ACCOUNT, 'arn': f'arn:aws:iam::{ACCOUNT}:root', 'accountId': ACCOUNT, 'accessKeyId': 'test'}
    assert record['sourceIPAddress'] == '127.0.0.1' and record['eventType'] == 'AwsApiCall' and record['eventCategory'] == 'Management'
    assert record['eventVersion'].startswith('1.') and record['managementEvent'] is True and record['eventID'] == event['EventId']
    secrets.get_secret_value(SecretId='deep')
    event, = look(client, 'GetSecretValue')
    assert event['ReadOnly'] == 'true' and json.loads(event['CloudTrailEvent'])['responseElements'] is None
    assert event['Resources'] == [{'ResourceType': 'AWS::SecretsManager::Secret', 'ResourceName': 'deep'}]


def test_nothing_that_was_answered_is_lost_by_a_kill():
    """Whatever the clients had an answer to, good or not, when haar was killed under load."""
    haar, answered, lock = Haar(options=[*HAAR_OPTIONS, '--durability=disk']).start(), [], threading.Lock()
    try:
        def work():
            secrets = haar.client('secretsmanager')
            while True:
                try:
                    metadata = secrets.describe_secret(SecretId='nonesuch')
                except ClientError as error:
                    metadata = error.response
                except (ConnectionClosedError, EndpointConnectionError, HTTPClientError):
                    return
                with lock:
                    answered.append(metadata['ResponseMetadata']['RequestId'])
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(answered) > 200, 'calls are answered')
        haar.kill()
        for thread in threads:
            thread.join(60)
        haar.start()
        pages = haar.client('cloudtrail').get_paginator('lookup_events').paginate(
            LookupAttributes=[{'AttributeKey': 'EventName', 'AttributeValue': 'DescribeSecret'}])
        kept = {json.loads(event['CloudTrailEvent'])['requestID'] for page in pages for event in page['Events']}
        assert set(answered) - kept == set()
    finally:
        haar.close()


def test_who_and_failures(client, haar):
    iam = client('iam')
    role = iam.create_role(RoleName='auditor', AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': ACCOUNT}, 'Action': 'sts:AssumeRole'}]}))['Role']
    given = client('sts').assume_role(RoleArn=role['Arn'], RoleSessionName='me')['Credentials']
    as_role = haar.client('kms', aws_access_key_id=given['AccessKeyId'], aws_secret_access_key=given['SecretAccessKey'], aws_session_token=given['SessionToken'])
    refused('AccessDeniedException', as_role.create_key)
    record = json.loads(look(client, 'CreateKey')[0]['CloudTrailEvent'])
    assert record['errorCode'] == 'AccessDeniedException' and 'is not authorized to perform: kms:CreateKey' in record['errorMessage']
    identity = record['userIdentity']
    assert identity['type'] == 'AssumedRole' and identity['arn'] == f'arn:aws:sts::{ACCOUNT}:assumed-role/auditor/me'
    issuer = identity['sessionContext']['sessionIssuer']
    assert (issuer['type'], issuer['arn'], issuer['userName']) == ('Role', role['Arn'], 'auditor') and issuer['principalId'] == role['RoleId']
    assumed = look(client, 'AssumeRole')[0]['CloudTrailEvent']
    assert given['SecretAccessKey'] not in assumed and given['SessionToken'] not in assumed


def test_lookup(client):
    trail, ssm = client('cloudtrail'), client('ssm')
    for i in range(5):
        ssm.put_parameter(Name=f'/p{i}', Value='x', Type='String')
    look(client, 'PutParameter', 5)
    attribute = [{'AttributeKey': 'EventName', 'AttributeValue': 'PutParameter'}]
    pages = list(trail.get_paginator('lookup_events').paginate(LookupAttributes=attribute, PaginationConfig={'PageSize': 2}))
    names = [json.loads(e['CloudTrailEvent'])['requestParameters']['name'] for page in pages for e in page['Events']]
    assert names == [f'/p{i}' for i in reversed(range(5))] and len(pages) == 3
    one = pages[0]['Events'][0]
    assert [e['EventId'] for e in trail.lookup_events(LookupAttributes=[{'AttributeKey': 'EventId', 'AttributeValue': one['EventId']}])['Events']] == [one['EventId']]
    refused('InvalidLookupAttributesException', trail.lookup_events, LookupAttributes=attribute * 2)
    refused('InvalidTimeRangeException', trail.lookup_events, StartTime=2000000000, EndTime=1000000000)
    assert trail.lookup_events(LookupAttributes=attribute, EndTime=1000000000)['Events'] == []


def test_data_calls_are_not_recorded_by_default(client):
    table = client('dynamodb')
    table.create_table(TableName='table', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'k', 'KeyType': 'HASH'}],
                       AttributeDefinitions=[{'AttributeName': 'k', 'AttributeType': 'S'}])
    table.put_item(TableName='table', Item={'k': {'S': 'a'}})
    table.describe_table(TableName='table')
    look(client, 'DescribeTable')
    assert client('cloudtrail').lookup_events(LookupAttributes=[{'AttributeKey': 'EventName', 'AttributeValue': 'PutItem'}])['Events'] == []


def test_delivery(new_haar):
    haar = new_haar('--network=off')
    s3, trail, table = haar.client('s3'), haar.client('cloudtrail'), haar.client('dynamodb')
    refused('S3BucketDoesNotExistException', trail.create_trail, Name='all', S3BucketName='logs')
    s3.create_bucket(Bucket='logs')
    assert refused('InsufficientS3BucketPolicyException', trail.create_trail, Name='all', S3BucketName='logs') == \
        'Incorrect S3 bucket policy is detected for bucket: logs'
    s3.put_bucket_policy(Bucket='logs', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'cloudtrail.amazonaws.com'}, 'Action': 's3:PutObject', 'Resource': 'arn:aws:s3:::logs/*',
         'Condition': {'StringEquals': {'aws:SourceArn': f'arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/all'}}}]}))
    made = trail.create_trail(Name='all', S3BucketName='logs', S3KeyPrefix='p')
    assert made['TrailARN'] == f'arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/all'
    refused('TrailAlreadyExistsException', trail.create_trail, Name='all', S3BucketName='logs', S3KeyPrefix='p')
    assert trail.get_trail_status(Name='all')['IsLogging'] is False
    trail.put_event_selectors(TrailName='all', EventSelectors=[{'ReadWriteType': 'All', 'IncludeManagementEvents': True, 'DataResources': [
        {'Type': 'AWS::DynamoDB::Table', 'Values': ['arn:aws:dynamodb']}]}])
    trail.start_logging(Name='all')
    table.create_table(TableName='table', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'k', 'KeyType': 'HASH'}],
                       AttributeDefinitions=[{'AttributeName': 'k', 'AttributeType': 'S'}])
    table.put_item(TableName='table', Item={'k': {'S': 'a'}})
    wait_for(lambda: any(e['EventName'] == 'CreateTable' for e in trail.lookup_events()['Events']), 'the call is recorded')
    haar.call('POST', 'clock', {'advance': '6m'})

    def delivered():
        found = []
        for entry in s3.list_objects_v2(Bucket='logs').get('Contents', []):
            if entry['Size']:
                assert re.fullmatch(rf'p/AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/\d{{4}}/\d\d/\d\d/{ACCOUNT}_CloudTrail_us-east-1_\d{{8}}T\d{{4}}Z_\w{{16}}\.json\.gz',
                                    entry['Key'])
                found += json.loads(gzip.decompress(s3.get_object(Bucket='logs', Key=entry['Key'])['Body'].read()))['Records']
        return {r['eventName']: r for r in found} if any(r['eventName'] == 'PutItem' for r in found) else None
    records = wait_for(delivered, 'the log file')
    assert records['CreateTable']['requestParameters']['tableName'] == 'table' and records['PutItem']['eventCategory'] == 'Data'
    assert 'LatestDeliveryTime' in trail.get_trail_status(Name='all')
    trail.stop_logging(Name='all')
    assert trail.get_trail_status(Name='all')['IsLogging'] is False
    trail.delete_trail(Name='all')
    refused('TrailNotFoundException', trail.get_trail, Name='all')


def test_90_days(new_haar):
    haar = new_haar('--network=off')
    trail, ssm = haar.client('cloudtrail'), haar.client('ssm')
    ssm.put_parameter(Name='/old', Value='x', Type='String')
    names = lambda: [e['EventName'] for e in trail.lookup_events()['Events']]
    wait_for(lambda: 'PutParameter' in names(), 'it is recorded')
    haar.restart()
    assert 'PutParameter' in names()
    haar.call('POST', 'clock', {'advance': '91d'})
    wait_for(lambda: 'PutParameter' not in names(), 'it is forgotten')


def test_command(client, haar):
    client('ssm').put_parameter(Name='/shown', Value='hidden', Type='SecureString')
    refused('ParameterNotFound', client('ssm').get_parameter, Name='/none')
    look(client, 'GetParameter')
    shown = haar.run('trail', '--service', 'ssm', '-n', '100')
    assert shown.returncode == 0, shown.stderr
    assert re.search(r'ssm:PutParameter +root +from 127\.0\.0\.1 +ok', shown.stdout)
    lines = haar.run('trail', '--errors', '--service', 'ssm').stdout.splitlines()
    assert lines and all('ParameterNotFound' in line for line in lines)
    event = json.loads(haar.run('trail', '--name', 'GetParam*', '--json', '-n', '1').stdout)
    assert event['eventName'] == 'GetParameter' and event['errorCode'] == 'ParameterNotFound'
    assert haar.run('trail', '--writes', '--name', 'GetParameter').stdout == ''
    assert haar.run('trail', '--since', 'yesterday').returncode == 2


def test_stack(client):
    cloud, s3 = client('cloudformation'), client('s3')
    s3.create_bucket(Bucket='stack-logs')
    s3.put_bucket_policy(Bucket='stack-logs', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'Service': 'cloudtrail.amazonaws.com'}, 'Action': 's3:PutObject', 'Resource': 'arn:aws:s3:::stack-logs/*'}]}))
    template = '''
Resources:
  Trail: {Type: AWS::CloudTrail::Trail, Properties: {TrailName: stacked, S3BucketName: stack-logs, IsLogging: true}}
Outputs:
  Arn: {Value: !GetAtt Trail.Arn}
'''
    cloud.create_stack(StackName='s', TemplateBody=template)
    cloud.get_waiter('stack_create_complete').wait(StackName='s', WaiterConfig={'Delay': 1})
    trail = client('cloudtrail')
    assert trail.get_trail_status(Name='stacked')['IsLogging'] is True
    by = json.loads(look(client, 'StartLogging')[0]['CloudTrailEvent'])
    assert by['userIdentity']['invokedBy'] == by['sourceIPAddress'] == 'cloudformation.amazonaws.com'
    cloud.delete_stack(StackName='s')
    cloud.get_waiter('stack_delete_complete').wait(StackName='s', WaiterConfig={'Delay': 1})
    assert trail.list_trails()['Trails'] == []
