"""Secrets: values and labels, deletion and recovery, policies, passwords."""

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def manager(client):
    return client('secretsmanager')


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code
    return caught.value.response['Error']['Message']


def test_value_by_every_name(manager):
    made = manager.create_secret(Name='app/db', SecretString='{"a": 1}', Description='d')
    assert made['ARN'].startswith('arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-')
    for name in ('app/db', made['ARN'], made['ARN'][:-7]):
        value = manager.get_secret_value(SecretId=name)
        assert (value['SecretString'], value['VersionStages'], value['VersionId']) == ('{"a": 1}', ['AWSCURRENT'], made['VersionId'])
    assert manager.describe_secret(SecretId='app/db')['VersionIdsToStages'] == {made['VersionId']: ['AWSCURRENT']}


def test_labels_move(manager):
    first = manager.create_secret(Name='labels', SecretString='one')['VersionId']
    second = manager.put_secret_value(SecretId='labels', SecretString='two')['VersionId']
    assert manager.get_secret_value(SecretId='labels')['SecretString'] == 'two'
    assert manager.get_secret_value(SecretId='labels', VersionStage='AWSPREVIOUS')['SecretString'] == 'one'
    pending = manager.put_secret_value(SecretId='labels', SecretBinary=b'\x00\x01', VersionStages=['AWSPENDING'])['VersionId']
    assert manager.get_secret_value(SecretId='labels', VersionId=pending)['SecretBinary'] == b'\x00\x01'
    manager.update_secret_version_stage(SecretId='labels', VersionStage='AWSCURRENT', MoveToVersionId=pending, RemoveFromVersionId=second)
    stages = {v['VersionId']: v['VersionStages'] for v in manager.list_secret_version_ids(SecretId='labels')['Versions']}
    assert sorted(stages[pending]) == ['AWSCURRENT', 'AWSPENDING'] and stages[second] == ['AWSPREVIOUS'] and first not in stages
    refused('InvalidParameterException', manager.update_secret_version_stage, SecretId='labels', VersionStage='AWSCURRENT', MoveToVersionId=second)


def test_tokens_are_idempotent(manager):
    token = 'a' * 32
    manager.create_secret(Name='token', SecretString='x', ClientRequestToken=token)
    manager.put_secret_value(SecretId='token', SecretString='x', ClientRequestToken=token)
    refused('ResourceExistsException', manager.put_secret_value, SecretId='token', SecretString='y', ClientRequestToken=token)


def test_errors(manager):
    assert refused('ResourceNotFoundException', manager.get_secret_value, SecretId='nonesuch') == \
        "Secrets Manager can't find the specified secret."
    manager.create_secret(Name='empty')
    assert refused('ResourceNotFoundException', manager.get_secret_value, SecretId='empty') == \
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
    assert refused('ResourceExistsException', manager.create_secret, Name='empty') == \
        'The operation failed because the secret empty already exists.'
    refused('InvalidParameterException', manager.put_secret_value, SecretId='empty', SecretString='a', SecretBinary=b'b')
    refused('InvalidRequestException', manager.put_secret_value, SecretId='empty')


def test_deletion_and_recovery(manager):
    manager.create_secret(Name='gone', SecretString='x')
    refused('InvalidParameterException', manager.delete_secret, SecretId='gone', RecoveryWindowInDays=6)
    manager.delete_secret(SecretId='gone', RecoveryWindowInDays=7)
    refused('InvalidRequestException', manager.get_secret_value, SecretId='gone')
    refused('InvalidRequestException', manager.create_secret, Name='gone')
    manager.restore_secret(SecretId='gone')
    assert manager.get_secret_value(SecretId='gone')['SecretString'] == 'x'
    manager.delete_secret(SecretId='gone', ForceDeleteWithoutRecovery=True)
    refused('ResourceNotFoundException', manager.describe_secret, SecretId='gone')


def test_list_and_filters(manager):
    for name in ('web/one', 'web/two', 'batch/one'):
        manager.create_secret(Name=name, SecretString='x', Tags=[{'Key': 'team', 'Value': name.split('/')[0]}])
    names = [s['Name'] for s in manager.list_secrets(Filters=[{'Key': 'name', 'Values': ['web']}], SortOrder='asc')['SecretList']]
    assert names == ['web/one', 'web/two']
    assert len(manager.list_secrets(Filters=[{'Key': 'tag-value', 'Values': ['batch']}])['SecretList']) == 1
    page = manager.list_secrets(MaxResults=1)
    assert page['NextToken'] and len(page['SecretList']) == 1


def test_random_password(manager):
    password = manager.get_random_password(PasswordLength=32, ExcludePunctuation=True, ExcludeCharacters='abc')['RandomPassword']
    assert len(password) == 32 and password.isalnum() and not set('abc') & set(password)
    assert any(c.isdigit() for c in password) and any(c.isupper() for c in password)
    refused('InvalidParameterException', manager.get_random_password, PasswordLength=2)


def test_resource_policy(manager):
    manager.create_secret(Name='policy', SecretString='x')
    deny = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Deny', 'Principal': '*', 'Action': 'secretsmanager:GetSecretValue', 'Resource': '*'}]}
    manager.put_resource_policy(SecretId='policy', ResourcePolicy=json.dumps(deny))
    assert json.loads(manager.get_resource_policy(SecretId='policy')['ResourcePolicy']) == deny
    message = refused('AccessDeniedException', manager.get_secret_value, SecretId='policy')
    assert message.endswith('with an explicit deny in a resource-based policy')
    refused('MalformedPolicyDocumentException', manager.put_resource_policy, SecretId='policy', ResourcePolicy='{"Statement": 1}')


def test_a_disabled_key_hides_the_value(manager, client):
    kms = client('kms')
    key = kms.create_key()['KeyMetadata']['KeyId']
    manager.create_secret(Name='keyed', SecretString='x', KmsKeyId=key)
    assert manager.get_secret_value(SecretId='keyed')['SecretString'] == 'x'
    kms.disable_key(KeyId=key)
    with pytest.raises(ClientError):
        manager.get_secret_value(SecretId='keyed')
