"""Rotation: a real function makes the next value in four steps, with a role that may do just that."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from tests.support.daemon import wait_for

ACCOUNT = '000000000000'
TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [
    {'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})

FUNCTION = '''
import boto3

def handler(event, context):
    secrets = boto3.client('secretsmanager')
    secret, token, step = event['SecretId'], event['ClientRequestToken'], event['Step']
    if step == 'createSecret':
        current = secrets.get_secret_value(SecretId=secret)['SecretString']
        secrets.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString=current + '+', VersionStages=['AWSPENDING'])
    if step == 'testSecret':
        assert secrets.get_secret_value(SecretId=secret, VersionStage='AWSPENDING')['SecretString'].endswith('+')
    if step == 'finishSecret':
        stages = secrets.describe_secret(SecretId=secret)['VersionIdsToStages']
        current = next(v for v, s in stages.items() if 'AWSCURRENT' in s)
        secrets.update_secret_version_stage(SecretId=secret, VersionStage='AWSCURRENT', MoveToVersionId=token, RemoveFromVersionId=current)
'''


def package(text):
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        entry = zipfile.ZipInfo('index.py')
        entry.external_attr = 0o100644 << 16
        archive.writestr(entry, text)
    return data.getvalue()


@pytest.fixture(scope='module')
def rotator(client):
    iam, functions = client('iam'), client('lambda')
    role = iam.create_role(RoleName='rotator', AssumeRolePolicyDocument=TRUST)['Role']['Arn']
    iam.put_role_policy(RoleName='rotator', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue', 'secretsmanager:DescribeSecret',
                                       'secretsmanager:UpdateSecretVersionStage'], 'Resource': f'arn:aws:secretsmanager:*:{ACCOUNT}:secret:rotated-??????'}]}))
    arn = functions.create_function(FunctionName='rotator', Role=role, Runtime='python3.11', Handler='index.handler', Timeout=30,
                                    Code={'ZipFile': package(FUNCTION)})['FunctionArn']
    wait_for(lambda: functions.get_function_configuration(FunctionName='rotator')['State'] == 'Active', 'the function is active')
    return arn


def value(client, stage='AWSCURRENT'):
    try:
        return client('secretsmanager').get_secret_value(SecretId='rotated', VersionStage=stage)['SecretString']
    except ClientError as error:
        return error.response['Error']['Code']


def test_rotation_runs_its_function(client, haar, network, rotator):
    secrets = client('secretsmanager')
    secrets.create_secret(Name='rotated', SecretString='one')
    rotate = {'SecretId': 'rotated', 'RotationLambdaARN': rotator, 'RotationRules': {'AutomaticallyAfterDays': 30}}
    with pytest.raises(ClientError, match='Secrets Manager cannot invoke the specified Lambda function'):
        secrets.rotate_secret(**rotate)
    client('lambda').add_permission(FunctionName='rotator', StatementId='s', Action='lambda:InvokeFunction', Principal='secretsmanager.amazonaws.com')
    secrets.rotate_secret(**rotate)
    wait_for(lambda: value(client) == 'one+', 'the secret is rotated', seconds=60)
    assert value(client, 'AWSPREVIOUS') == 'one'
    wait_for(lambda: 'LastRotatedDate' in secrets.describe_secret(SecretId='rotated'), 'the rotation is finished')
    stages = secrets.describe_secret(SecretId='rotated')['VersionIdsToStages']
    assert sorted(s for v in stages.values() for s in v) == ['AWSCURRENT', 'AWSPREVIOUS']
    assert haar.run('clock', 'advance', '31d').returncode == 0
    wait_for(lambda: value(client) == 'one++', 'the secret is rotated again when its time has come', seconds=60)
