"""What was stored is nowhere in haar's data directory in clear: secrets, items, objects, messages, environments, keys."""

import json
import os

import pytest
from botocore.exceptions import ClientError
from tests.network.place import TRUST, package

MARK = 'PLAIN-7f3a'  # all values hold it, with a word of their own


def value(word):
    return f'{MARK}-{word}-{MARK}'


def files_with(directory, needles):
    """Which files hold which of the needles, also in Base64 and in UTF-16."""
    found = []
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                continue
            with open(path, 'rb') as file:
                data = file.read()
            found += [(os.path.relpath(path, directory), needle) for needle in needles if needle.encode() in data]
    return found


@pytest.fixture(scope='module')
def key(client):
    return client('kms').create_key()['KeyMetadata']['Arn']


def store_items(client, key):
    client('dynamodb').create_table(TableName='sealed', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                                    AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                                    SSESpecification={'Enabled': True, 'SSEType': 'KMS', 'KMSMasterKeyId': key},
                                    StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'})
    client('dynamodb').update_continuous_backups(TableName='sealed', PointInTimeRecoverySpecification={'PointInTimeRecoveryEnabled': True})
    for _ in range(2):
        client('dynamodb').put_item(TableName='sealed', Item={'id': {'S': value('item-key')}, 'v': {'S': value('item')}})
        client('dynamodb').delete_item(TableName='sealed', Key={'id': {'S': value('item-key')}})
    client('dynamodb').put_item(TableName='sealed', Item={'id': {'S': value('item-key')}, 'v': {'S': value('item')}})


def store_objects(client, key):
    s3 = client('s3')
    s3.create_bucket(Bucket='sealed')
    for name, size, sse in (('small', 1, {'ServerSideEncryption': 'aws:kms', 'SSEKMSKeyId': key}), ('large', 9000, {'ServerSideEncryption': 'aws:kms', 'SSEKMSKeyId': key}),
                            ('managed', 9000, {'ServerSideEncryption': 'AES256'}), ('nothing-said', 1, {})):
        s3.put_object(Bucket='sealed', Key=name, Body=value('object') * size, **sse)
    upload = s3.create_multipart_upload(Bucket='sealed', Key='parts', ServerSideEncryption='aws:kms', SSEKMSKeyId=key)['UploadId']
    s3.upload_part(Bucket='sealed', Key='parts', UploadId=upload, PartNumber=1, Body=value('part') * 300000)


def store_messages(client, key):
    for name, attributes in (('kms', {'KmsMasterKeyId': key}), ('managed', {'SqsManagedSseEnabled': 'true'})):
        url = client('sqs').create_queue(QueueName=name, Attributes=attributes)['QueueUrl']
        client('sqs').send_message(QueueUrl=url, MessageBody=value('message'), MessageAttributes={'a': {'DataType': 'String', 'StringValue': value('attribute')}})


def store_function(client, key):
    client('iam').create_role(RoleName='app', AssumeRolePolicyDocument=json.dumps(TRUST))
    role = client('iam').get_role(RoleName='app')['Role']['Arn']
    for name, more in (('plain', {}), ('keyed', {'KMSKeyArn': key})):
        client('lambda').create_function(FunctionName=name, Runtime='python3.11', Handler='index.handler', Role=role, Code={'ZipFile': package()},
                                         Environment={'Variables': {'TOKEN': value('environment')}}, **more)


def test_nothing_is_readable_on_the_disk(haar, client, key):
    client('secretsmanager').create_secret(Name='own', SecretString=value('secret'), KmsKeyId=key)
    client('secretsmanager').create_secret(Name='default', SecretString=value('secret'))
    client('ssm').put_parameter(Name='/secure', Type='SecureString', Value=value('parameter'))
    client('iam').create_user(UserName='ada')
    access = client('iam').create_access_key(UserName='ada')['AccessKey']['SecretAccessKey']
    session = client('sts').assume_role(RoleArn=client('iam').create_role(RoleName='session', AssumeRolePolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': '*'}, 'Action': 'sts:AssumeRole'}]}))['Role']['Arn'],
                                        RoleSessionName='session')['Credentials']['SecretAccessKey']
    store_items(client, key)
    store_objects(client, key)
    store_messages(client, key)
    store_function(client, key)
    # The test sees what is there: the name of a parameter is not hidden.
    client('ssm').put_parameter(Name=f'/seen-{MARK}', Type='String', Value='x')
    assert {needle for _, needle in files_with(haar.data, [f'/seen-{MARK}'])} == {f'/seen-{MARK}'}
    words = ('secret', 'parameter', 'item', 'item-key', 'object', 'part', 'message', 'attribute', 'environment')
    assert files_with(haar.data, [access, session, *map(value, words)]) == []


def refused(codes, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] in codes, caught.value
    return caught.value.response['Error']['Message']


def test_a_disabled_key_stops_every_read_and_an_enabled_one_lets_it_go_on(haar, client, key):
    s3, url = client('s3'), client('sqs').get_queue_url(QueueName='kms')['QueueUrl']
    client('kms').disable_key(KeyId=key)
    try:
        assert 'is disabled' in refused(['KMS.DisabledException'], s3.get_object, Bucket='sealed', Key='small')
        refused(['DecryptionFailure', 'KMSDisabledException', 'AccessDeniedException'], client('secretsmanager').get_secret_value, SecretId='own')
        refused(['KMSDisabledException', 'AccessDeniedException', 'ResourceNotFoundException', 'ValidationException'], client('dynamodb').get_item,
                TableName='sealed', Key={'id': {'S': value('item-key')}})
        refused(['KmsDisabled', 'KMS.DisabledException'], client('sqs').receive_message, QueueUrl=url)
        assert s3.get_object(Bucket='sealed', Key='managed')['Body'].read().startswith(value('object').encode())
    finally:
        client('kms').enable_key(KeyId=key)
    assert s3.get_object(Bucket='sealed', Key='small')['Body'].read().decode() == value('object')
    assert client('secretsmanager').get_secret_value(SecretId='own')['SecretString'] == value('secret')


def test_a_rotated_key_opens_what_it_sealed_before(haar, client, key):
    client('kms').enable_key_rotation(KeyId=key)
    assert haar.run('clock', 'advance', '366d').returncode == 0
    client('s3').put_object(Bucket='sealed', Key='after', Body=value('object'), ServerSideEncryption='aws:kms', SSEKMSKeyId=key)
    for name in ('small', 'after'):
        assert client('s3').get_object(Bucket='sealed', Key=name)['Body'].read().decode() == value('object')
    assert client('dynamodb').get_item(TableName='sealed', Key={'id': {'S': value('item-key')}})['Item']['v'] == {'S': value('item')}
    haar.restart()
    assert client('secretsmanager').get_secret_value(SecretId='own')['SecretString'] == value('secret')
    assert files_with(haar.data, [value('object')]) == []
