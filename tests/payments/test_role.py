"""Least privilege: what the function's role may, what it may not, and what the key serves."""

import json

import pytest
from tests.support.daemon import wait_for


def role(stack):
    return stack.client('lambda').get_function_configuration(FunctionName=stack.outputs['FunctionName'])['Role']


@pytest.fixture(scope='module')
def outside(stack):
    """Calls as the function's role from outside of the VPC, where every service is reached: what is refused here, IAM or the key refused."""
    stack.make_probe('outside', vpc=False)
    return lambda service, operation, **arguments: stack.probe_call(service, operation, probe='outside', **arguments)


def denied(answer, action, stack):
    assert answer.get('error', 'ok').startswith('AccessDenied'), answer
    assert f"assumed-role/{role(stack).split('/')[-1]}/" in answer['message'] and f'is not authorized to perform: {action}' in answer['message']
    assert 'because no identity-based policy allows' in answer['message'], answer


def test_role_may_do_what_it_must(outside, outputs):
    """Every call of a payment, as the role, from where the network cannot be the reason of a failure."""
    table, key = outputs['SessionTableName'], {'sessionId': {'S': 'role-test'}}
    log = {'Bucket': outputs['LogBucketName'], 'Key': 'transactions/role-test.json'}
    for service, operation, arguments in (
            ('secretsmanager', 'get_secret_value', {'SecretId': outputs['DatabaseSecretArn']}), ('dynamodb', 'put_item', {'TableName': table, 'Item': key}),
            ('dynamodb', 'update_item', {'TableName': table, 'Key': key}), ('dynamodb', 'get_item', {'TableName': table, 'Key': key}),
            ('s3', 'put_object', {**log, 'Body': '{}'}), ('s3', 'delete_object', log)):
        answer = outside(service, operation, **arguments)
        assert 'ok' in answer, (operation, answer)


def test_role_may_not_touch_other_data(outside, stack, outputs):
    table, secret = outputs['SessionTableName'], outputs['DatabaseSecretArn']
    denied(outside('dynamodb', 'delete_item', TableName=table, Key={'sessionId': {'S': 'x'}}), 'dynamodb:DeleteItem', stack)
    denied(outside('dynamodb', 'scan', TableName=table), 'dynamodb:Scan', stack)
    denied(outside('secretsmanager', 'list_secrets'), 'secretsmanager:ListSecrets', stack)
    denied(outside('secretsmanager', 'put_secret_value', SecretId=secret, SecretString='{}'), 'secretsmanager:PutSecretValue', stack)
    denied(outside('s3', 'get_object', Bucket=outputs['LogBucketName'], Key='transactions/x.json'), 's3:GetObject', stack)


def test_role_may_not_write_outside_its_prefix(outside, stack, outputs):
    denied(outside('s3', 'put_object', Bucket=outputs['LogBucketName'], Key='elsewhere.json', Body='{}'), 's3:PutObject', stack)


def test_key_serves_only_through_the_services(outside, stack, outputs):
    """The role decrypts through DynamoDB, S3 and Secrets Manager; asked directly, the key serves neither it nor another role of the account."""
    key = outputs['EncryptionKeyArn']
    denied(outside('kms', 'generate_data_key', KeyId=key, KeySpec='AES_256'), 'kms:GenerateDataKey', stack)
    other = stack.make_role('bystander')
    stack.make_probe('bystander', vpc=False, role=other)
    answer = wait_for(lambda: stack.probe_call('kms', 'generate_data_key', probe='bystander', KeyId=key, KeySpec='AES_256'), 'an answer')
    assert answer.get('error', 'ok') == 'AccessDeniedException', answer


def test_role_is_for_functions_alone(stack):
    """Nobody but Lambda may take the role: not even the account's root."""
    sts = stack.client('sts')
    with pytest.raises(sts.exceptions.ClientError) as error:
        sts.assume_role(RoleArn=role(stack), RoleSessionName='thief')
    assert error.value.response['Error']['Code'] == 'AccessDenied'


def test_calls_are_in_the_audit_trail(stack, payment, outputs):
    """What the function asked Secrets Manager for is recorded, with its role, through the endpoint; so is what made the stack."""
    trail, role_name = stack.client('cloudtrail'), role(stack).split('/')[-1]

    def events(name):
        found = trail.lookup_events(LookupAttributes=[{'AttributeKey': 'EventName', 'AttributeValue': name}])['Events']
        return [json.loads(e['CloudTrailEvent']) for e in found]

    mine = wait_for(lambda: [e for e in events('GetSecretValue') if e['userIdentity'].get('arn', '').endswith(f"/{role_name}/{outputs['FunctionName']}")],
                    'the call of the function is recorded')[0]
    assert mine['requestParameters']['secretId'] == outputs['DatabaseSecretArn'] and 'errorCode' not in mine
    assert mine.get('vpcEndpointId') == stack.id('SecretsManagerEndpoint')
    made = [e['requestParameters']['tableName'] for e in events('CreateTable')]
    assert outputs['SessionTableName'] in made
    assert payment['card']['last4'] == '4242' and '4242424242424242' not in json.dumps(mine)
