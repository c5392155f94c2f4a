"""90 days in one go: everything that waits happens at its time, once, in order, as if the days had passed."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for

HAAR_OPTIONS = ('--network=off',)
DAY = datetime.timedelta(days=1)


def now(haar):
    return datetime.datetime.fromisoformat(haar.call('GET', 'clock')['time'].replace('Z', '+00:00'))


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response['Error']['Code']
    return None


def bucket(s3, name, noncurrent):
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={'Status': 'Enabled'})
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={'Rules': [
        {'ID': 'r', 'Status': 'Enabled', 'Filter': {'Prefix': ''}, 'Expiration': {'Days': 40}, 'NoncurrentVersionExpiration': {'NoncurrentDays': noncurrent}}]})
    s3.put_object(Bucket=name, Key='entry', Body=b'x')


def table(db):
    db.create_table(TableName='sessions', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                    AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])
    db.update_time_to_live(TableName='sessions', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'until'})


@pytest.fixture(scope='module')
def passed(haar, client):
    """What was there before, then 90 days."""
    start = now(haar)
    bucket(client('s3'), 'emptied', 20)
    bucket(client('s3'), 'marked', 60)
    table(client('dynamodb'))
    for name, days in (('soon', 3), ('later', 100)):
        client('dynamodb').put_item(TableName='sessions', Item={'id': {'S': name}, 'until': {'N': str(int((start + days * DAY).timestamp()))}})
    client('secretsmanager').create_secret(Name='gone', SecretString='x')
    client('secretsmanager').delete_secret(SecretId='gone', RecoveryWindowInDays=7)
    keys = {days: client('kms').create_key()['KeyMetadata']['KeyId'] for days in (7, 30, 0)}
    for days in (7, 30):
        client('kms').schedule_key_deletion(KeyId=keys[days], PendingWindowInDays=days)
    client('kms').enable_key_rotation(KeyId=keys[0])
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': '*'}, 'Action': 'sts:AssumeRole'}]}
    role = client('iam').create_role(RoleName='r', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    session = client('sts').assume_role(RoleArn=role, RoleSessionName='short')['Credentials']
    client('logs').create_log_group(logGroupName='g')
    client('logs').put_retention_policy(logGroupName='g', retentionInDays=30)
    client('logs').create_log_stream(logGroupName='g', logStreamName='s')
    client('logs').put_log_events(logGroupName='g', logStreamName='s', logEvents=[{'timestamp': int(start.timestamp() * 1000), 'message': 'old'}])
    done = haar.run('clock', 'advance', '90d')
    assert done.returncode == 0, done.stderr
    return {'start': start, 'keys': keys, 'session': session}


def test_the_clock_stands_at_the_end(haar, passed):
    assert datetime.timedelta(days=90) <= now(haar) - passed['start'] < datetime.timedelta(days=90, minutes=10)


def test_one_lifecycle_rule_follows_on_another(client, passed):
    """The object expires after 40 days; the version that is so made noncurrent goes 20 days later, and then the marker that hides nothing. With 60
    days instead both are still there, and the marker has the time of the first."""
    found = client('s3').list_object_versions(Bucket='emptied')
    assert 'Versions' not in found and 'DeleteMarkers' not in found
    found = client('s3').list_object_versions(Bucket='marked')
    assert len(found['Versions']) == len(found['DeleteMarkers']) == 1
    age = found['DeleteMarkers'][0]['LastModified'] - passed['start']
    assert 40 * DAY <= age <= 42 * DAY, age


def test_items_go_at_their_time(client, passed):
    def left():
        return [i['id']['S'] for i in client('dynamodb').scan(TableName='sessions')['Items']]
    wait_for(lambda: left() == ['later'], 'TTL has deleted one of two')


def test_windows_are_over(client, passed):
    assert code_of(client('secretsmanager').describe_secret, SecretId='gone') == 'ResourceNotFoundException'
    for days in (7, 30):
        assert code_of(client('kms').describe_key, KeyId=passed['keys'][days]) == 'NotFoundException'
    assert client('kms').describe_key(KeyId=passed['keys'][0])['KeyMetadata']['KeyState'] == 'Enabled'


def test_sessions_and_log_events_are_over(haar, passed, client):
    session = passed['session']
    late = haar.client('sts', aws_access_key_id=session['AccessKeyId'], aws_secret_access_key=session['SecretAccessKey'],
                       aws_session_token=session['SessionToken'])
    assert code_of(late.get_caller_identity) in ('ExpiredToken', 'ExpiredTokenException')
    wait_for(lambda: client('logs').get_log_events(logGroupName='g', logStreamName='s')['events'] == [], 'the retention has removed the event')


def test_nothing_happens_twice_after_a_restart(haar, client, passed):
    before = client('s3').list_object_versions(Bucket='marked')['DeleteMarkers']
    haar.restart()
    assert client('s3').list_object_versions(Bucket='marked')['DeleteMarkers'] == before
    assert now(haar) - passed['start'] >= datetime.timedelta(days=90)
