"""Identity, sessions, and who may assume a role."""

import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error']['Message']


def trust(principal, **condition):
    statement = {'Effect': 'Allow', 'Principal': principal, 'Action': ['sts:AssumeRole', 'sts:TagSession']}
    if condition:
        statement['Condition'] = condition
    return json.dumps({'Version': '2012-10-17', 'Statement': [statement]})


def allow(action, resource='*'):
    return json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': action, 'Resource': resource}]})


def keys(credentials):
    return {'aws_access_key_id': credentials['AccessKeyId'], 'aws_secret_access_key': credentials['SecretAccessKey'],
            'aws_session_token': credentials.get('SessionToken')}


@pytest.fixture
def iam(client):
    return client('iam')


@pytest.fixture
def sts(client):
    return client('sts')


def test_identity(sts, client):
    assert sts.get_caller_identity()['Arn'] == f'arn:aws:iam::{ACCOUNT}:root'
    other = client('sts', aws_access_key_id='123456789012')
    assert other.get_caller_identity()['Account'] == '123456789012'


def test_session_of_a_role(iam, sts, client):
    role = iam.create_role(RoleName='worker', AssumeRolePolicyDocument=trust({'AWS': f'arn:aws:iam::{ACCOUNT}:root'}))['Role']
    made = sts.assume_role(RoleArn=role['Arn'], RoleSessionName='s1')
    assert made['AssumedRoleUser'] == {'AssumedRoleId': f"{role['RoleId']}:s1", 'Arn': f'arn:aws:sts::{ACCOUNT}:assumed-role/worker/s1'}
    worker = keys(made['Credentials'])
    assert client('sts', **worker).get_caller_identity()['Arn'] == made['AssumedRoleUser']['Arn']
    assert refused('AccessDenied', client('iam', **worker).list_roles) == (
        f'User: arn:aws:sts::{ACCOUNT}:assumed-role/worker/s1 is not authorized to perform: iam:ListRoles on resource: * '
        'because no identity-based policy allows the iam:ListRoles action')
    iam.put_role_policy(RoleName='worker', PolicyName='p', PolicyDocument=allow('iam:List*'))
    client('iam', **worker).list_roles()
    limited = sts.assume_role(RoleArn=role['Arn'], RoleSessionName='second', Policy=allow('iam:ListUsers'))['Credentials']
    client('iam', **keys(limited)).list_users()
    assert 'no session policy allows' in refused('AccessDenied', client('iam', **keys(limited)).list_roles)
    wrong = dict(worker, aws_session_token='nonsense')
    refused('InvalidClientTokenId', client('sts', **wrong).get_caller_identity)
    refused('AccessDenied', client('sts', **worker).get_session_token)


def test_trust_decides(iam, sts, client):
    iam.create_user(UserName='bob')
    key = iam.create_access_key(UserName='bob')['AccessKey']
    bob = client('sts', aws_access_key_id=key['AccessKeyId'], aws_secret_access_key=key['SecretAccessKey'])
    service = iam.create_role(RoleName='for-lambda', AssumeRolePolicyDocument=trust({'Service': 'lambda.amazonaws.com'}))['Role']['Arn']
    assert refused('AccessDenied', bob.assume_role, RoleArn=service, RoleSessionName='session') == (
        f'User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: sts:AssumeRole on resource: {service} '
        'because no role trust policy allows the sts:AssumeRole action')
    named = iam.create_role(RoleName='for-bob', AssumeRolePolicyDocument=trust({'AWS': f'arn:aws:iam::{ACCOUNT}:user/bob'}))['Role']['Arn']
    bob.assume_role(RoleArn=named, RoleSessionName='session')
    account = iam.create_role(RoleName='for-account', AssumeRolePolicyDocument=trust({'AWS': ACCOUNT}))['Role']['Arn']
    assert 'no identity-based policy allows' in refused('AccessDenied', bob.assume_role, RoleArn=account, RoleSessionName='session')
    iam.put_user_policy(UserName='bob', PolicyName='p', PolicyDocument=allow('sts:AssumeRole'))
    bob.assume_role(RoleArn=account, RoleSessionName='session')
    refused('AccessDenied', bob.assume_role, RoleArn=f'arn:aws:iam::{ACCOUNT}:role/none', RoleSessionName='session')


def test_external_id(iam, sts):
    role = iam.create_role(RoleName='external', AssumeRolePolicyDocument=trust({'AWS': ACCOUNT}, StringEquals={'sts:ExternalId': 'x1'}))['Role']['Arn']
    refused('AccessDenied', sts.assume_role, RoleArn=role, RoleSessionName='session')
    refused('AccessDenied', sts.assume_role, RoleArn=role, RoleSessionName='session', ExternalId='x2')
    sts.assume_role(RoleArn=role, RoleSessionName='session', ExternalId='x1')


def test_across_accounts(iam, client):
    other = client('sts', aws_access_key_id='123456789012')
    role = iam.create_role(RoleName='across', AssumeRolePolicyDocument=trust({'AWS': 'arn:aws:iam::123456789012:root'}))['Role']['Arn']
    session = other.assume_role(RoleArn=role, RoleSessionName='session')['Credentials']
    assert client('sts', **keys(session)).get_caller_identity()['Account'] == ACCOUNT
    refused('AccessDenied', client('sts', aws_access_key_id='222222222222').assume_role, RoleArn=role, RoleSessionName='session')


def test_session_tags(iam, sts, client):
    role = iam.create_role(RoleName='tagged', AssumeRolePolicyDocument=trust({'AWS': ACCOUNT}), Tags=[{'Key': 'team', 'Value': 'none'}])['Role']['Arn']
    iam.put_role_policy(RoleName='tagged', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'iam:ListRoles', 'Resource': '*', 'Condition': {'StringEquals': {'aws:PrincipalTag/team': 'pay'}}}]}))
    plain = sts.assume_role(RoleArn=role, RoleSessionName='session')['Credentials']
    refused('AccessDenied', client('iam', **keys(plain)).list_roles)
    tagged = sts.assume_role(RoleArn=role, RoleSessionName='session', Tags=[{'Key': 'team', 'Value': 'pay'}])['Credentials']
    client('iam', **keys(tagged)).list_roles()


def test_duration(iam, sts, client, haar):
    role = iam.create_role(RoleName='short', AssumeRolePolicyDocument=trust({'AWS': ACCOUNT}))['Role']['Arn']
    assert refused('ValidationError', sts.assume_role, RoleArn=role, RoleSessionName='session', DurationSeconds=7200) == \
        'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.'
    session = keys(sts.assume_role(RoleArn=role, RoleSessionName='session', DurationSeconds=900)['Credentials'])
    client('sts', **session).get_caller_identity()
    done = haar.run('clock', 'advance', '20m')
    assert done.returncode == 0, done.stderr
    refused('ExpiredToken', client('sts', **session).get_caller_identity)


def test_session_token(sts, client):
    session = sts.get_session_token()['Credentials']
    assert client('sts', **keys(session)).get_caller_identity()['Arn'] == f'arn:aws:iam::{ACCOUNT}:root'
    refused('InvalidAuthorizationMessageException', sts.decode_authorization_message, EncodedMessage='x')
