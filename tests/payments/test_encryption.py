"""The key, the secret, and what lies on the disk."""

import json
import os

import botocore.exceptions
import pytest

from tests.payments.stack import CARD
from tests.support.daemon import wait_for


def test_key_rotates_and_old_data_stays_readable(stack, payment, outputs):
    kms, key = stack.client('kms'), outputs['EncryptionKeyArn']
    assert kms.get_key_rotation_status(KeyId=key)['KeyRotationEnabled'] is True
    assert stack.log_object(payment)['paymentId'] == payment['paymentId']


def test_alias_names_the_key(stack, outputs):
    named = {a['AliasName']: a.get('TargetKeyId') for a in stack.client('kms').list_aliases()['Aliases']}
    assert named.get(f'alias/{stack.name}') == outputs['EncryptionKeyArn'].split('/')[-1]


def test_everything_uses_the_key(stack, outputs):
    """Secret, table, bucket, cluster and topic name the stack's key; that it is needed to read them, test_a_disabled_key shows."""
    key_id = outputs['EncryptionKeyArn'].split('/')[-1]
    rules = stack.client('s3').get_bucket_encryption(Bucket=outputs['LogBucketName'])['ServerSideEncryptionConfiguration']['Rules']
    used = {
        'secret': stack.client('secretsmanager').describe_secret(SecretId=outputs['DatabaseSecretArn']).get('KmsKeyId'),
        'table': stack.client('dynamodb').describe_table(TableName=outputs['SessionTableName'])['Table'].get('SSEDescription', {}).get('KMSMasterKeyArn'),
        'bucket': rules[0]['ApplyServerSideEncryptionByDefault'].get('KMSMasterKeyID'),
        'cluster': stack.client('rds').describe_db_clusters(DBClusterIdentifier=outputs['DatabaseClusterId'])['DBClusters'][0].get('KmsKeyId'),
        'topic': stack.client('sns').get_topic_attributes(TopicArn=outputs['AlertTopicArn'])['Attributes'].get('KmsMasterKeyId'),
    }
    assert {what: key for what, key in used.items() if key_id not in (key or '')} == {}


def test_objects_are_encrypted_with_the_key(stack, payment, outputs):
    bucket, _, name = payment['transactionLog'].removeprefix('s3://').partition('/')
    head = stack.client('s3').head_object(Bucket=bucket, Key=name)
    assert head['ServerSideEncryption'] == 'aws:kms' and head.get('SSEKMSKeyId', '').split('/')[-1] == outputs['EncryptionKeyArn'].split('/')[-1]


def test_secret_is_what_the_template_asked_for(stack, outputs):
    value = json.loads(stack.client('secretsmanager').get_secret_value(SecretId=outputs['DatabaseSecretArn'])['SecretString'])
    assert len(value['password']) == 32 and not set(value['password']) & set('"@/\\')
    assert value['username'] == 'ledger'
    attached = {name: str(value.get(name)) for name in ('host', 'port', 'dbClusterIdentifier')}
    assert attached == {'host': outputs['DatabaseEndpoint'], 'port': '3306', 'dbClusterIdentifier': outputs['DatabaseClusterId']}


def test_a_disabled_key_makes_reads_fail(stack, payment, outputs):
    kms, bucket = stack.client('kms'), outputs['LogBucketName']
    name = payment['transactionLog'].split(bucket + '/')[1]
    kms.disable_key(KeyId=outputs['EncryptionKeyArn'])
    try:
        with pytest.raises(botocore.exceptions.ClientError) as object_error:
            stack.client('s3').get_object(Bucket=bucket, Key=name)
        with pytest.raises(botocore.exceptions.ClientError) as secret_error:
            stack.client('secretsmanager').get_secret_value(SecretId=outputs['DatabaseSecretArn'])
        with pytest.raises(botocore.exceptions.ClientError) as table_error:
            stack.session(payment['key'], 'ada')
    finally:
        kms.enable_key(KeyId=outputs['EncryptionKeyArn'])
    assert 'isabled' in str(object_error.value) and secret_error.value.response['Error']['Code'] in ('DecryptionFailure', 'KMSDisabledException',
                                                                                                     'AccessDeniedException')
    assert 'KMS' in str(table_error.value) or 'isabled' in str(table_error.value)
    assert stack.log_object(payment)['paymentId'] == payment['paymentId'] and stack.session(payment['key'], 'ada')['status'] == 'completed'


def files_with(directory, needles):
    """Which files hold which of the needles. Files that go while they are read held nothing that stays."""
    found = []
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            try:
                with open(path, 'rb') as file:
                    data = file.read()
            except OSError:
                continue
            found += [(path, n) for n in needles if n in data]
    return found


def test_nothing_on_the_disk_is_readable(stack, payment, outputs):
    """The card is nowhere; what was written, with it, is nowhere in clear."""
    password = json.loads(stack.client('secretsmanager').get_secret_value(SecretId=outputs['DatabaseSecretArn'])['SecretString'])['password']
    needles = [CARD['number'].encode(), CARD['number'].replace(' ', '').encode(), b'CONFIDENTIAL-MARKER', password.encode()]
    assert files_with(stack.haar.data, needles) == []


def test_no_card_in_the_log(stack, payment, outputs):
    logs = stack.client('logs')
    group = f"/aws/lambda/{outputs['FunctionName']}"
    messages = wait_for(lambda: [e['message'] for e in logs.filter_log_events(logGroupName=group)['events'] if payment['paymentId'] in e['message']],
                        'the payment is in the log')
    assert not any('4242424242424242' in m for m in messages)
