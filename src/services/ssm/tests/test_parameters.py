"""Parameters: versions, paths, labels, secure strings."""

import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error'].get('Message', '')


@pytest.fixture
def ssm(client):
    return client('ssm')


def test_versions(ssm):
    assert ssm.put_parameter(Name='/app/url', Value='one', Type='String')['Version'] == 1
    assert refused('ParameterAlreadyExists', ssm.put_parameter, Name='/app/url', Value='two', Type='String') == \
        'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.'
    assert ssm.put_parameter(Name='/app/url', Value='two', Overwrite=True)['Version'] == 2
    arn = f'arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/app/url'
    got = ssm.get_parameter(Name='/app/url')['Parameter']
    assert (got['Value'], got['Version'], got['Type'], got['ARN']) == ('two', 2, 'String', arn)
    assert ssm.get_parameter(Name=arn)['Parameter']['Value'] == 'two'
    assert ssm.get_parameter(Name='/app/url:1')['Parameter']['Value'] == 'one'
    ssm.label_parameter_version(Name='/app/url', ParameterVersion=1, Labels=['stable'])
    labelled = ssm.get_parameter(Name='/app/url:stable')['Parameter']
    assert (labelled['Value'], labelled['Selector']) == ('one', ':stable')
    refused('ParameterVersionNotFound', ssm.get_parameter, Name='/app/url:9')
    assert [(h['Version'], h['Value'], h['Labels']) for h in ssm.get_parameter_history(Name='/app/url')['Parameters']] == \
        [(1, 'one', ['stable']), (2, 'two', [])]
    ssm.delete_parameter(Name='/app/url')
    refused('ParameterNotFound', ssm.get_parameter, Name='/app/url')


def test_paths_and_filters(ssm):
    for name in ('/p/a', '/p/b', '/p/deep/c', '/other/d', 'plain'):
        ssm.put_parameter(Name=name, Value=name, Type='String', Tags=[{'Key': 'k', 'Value': name}])
    assert [p['Name'] for p in ssm.get_parameters_by_path(Path='/p')['Parameters']] == ['/p/a', '/p/b']
    pages = ssm.get_paginator('get_parameters_by_path').paginate(Path='/p/', Recursive=True, PaginationConfig={'PageSize': 2})
    assert [p['Name'] for page in pages for p in page['Parameters']] == ['/p/a', '/p/b', '/p/deep/c']
    found = ssm.get_parameters(Names=['/p/a', 'plain', 'none'])
    assert ([p['Value'] for p in found['Parameters']], found['InvalidParameters']) == (['/p/a', 'plain'], ['none'])
    named = ssm.describe_parameters(ParameterFilters=[{'Key': 'Name', 'Option': 'BeginsWith', 'Values': ['/p/']}])['Parameters']
    assert len(named) == 3
    tagged = ssm.describe_parameters(ParameterFilters=[{'Key': 'tag:k', 'Values': ['plain']}])['Parameters']
    assert [p['Name'] for p in tagged] == ['plain']
    refused('ValidationException', ssm.describe_parameters, ParameterFilters=[{'Key': 'Nonsense', 'Values': ['x']}])
    assert ssm.delete_parameters(Names=['/p/a', 'none']) | {'ResponseMetadata': 0} == \
        {'DeletedParameters': ['/p/a'], 'InvalidParameters': ['none'], 'ResponseMetadata': 0}
    assert ssm.list_tags_for_resource(ResourceType='Parameter', ResourceId='plain')['TagList'] == [{'Key': 'k', 'Value': 'plain'}]


def test_refusals(ssm):
    refused('ValidationException', ssm.put_parameter, Name='bad name', Value='x', Type='String')
    refused('AccessDeniedException', ssm.put_parameter, Name='/aws/x', Value='x', Type='String')
    refused('ValidationException', ssm.put_parameter, Name='untyped', Value='x')
    refused('ValidationException', ssm.put_parameter, Name='large', Value='x' * 4097, Type='String')
    ssm.put_parameter(Name='large', Value='x' * 4097, Type='String', Tier='Advanced')
    assert refused('ParameterPatternMismatchException', ssm.put_parameter, Name='pattern', Value='x', Type='String', AllowedPattern='^[0-9]+$') == \
        'Parameter value, cannot be validated against allowedPattern: ^[0-9]+$'


@pytest.mark.parametrize('size', [10, 6000])
def test_secure_string(ssm, client, size):
    key = client('kms').create_key()['KeyMetadata']
    name, value = f'/secure/{size}', 's' * size
    ssm.put_parameter(Name=name, Value=value, Type='SecureString', KeyId=key['KeyId'], Tier='Intelligent-Tiering')
    assert ssm.get_parameter(Name=name, WithDecryption=True)['Parameter']['Value'] == value
    assert value not in ssm.get_parameter(Name=name)['Parameter']['Value']
    iam = client('iam')
    iam.create_role(RoleName=f'reader-{size}', AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': ACCOUNT}, 'Action': 'sts:AssumeRole'}]}))
    iam.put_role_policy(RoleName=f'reader-{size}', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'ssm:GetParameter', 'Resource': f'arn:aws:ssm:*:*:parameter/secure/*'}]}))
    keys = client('sts').assume_role(RoleArn=f'arn:aws:iam::{ACCOUNT}:role/reader-{size}', RoleSessionName='session')['Credentials']
    reader = client('ssm', aws_access_key_id=keys['AccessKeyId'], aws_secret_access_key=keys['SecretAccessKey'], aws_session_token=keys['SessionToken'])
    reader.get_parameter(Name=name)
    assert 'kms:Decrypt' in refused('AccessDeniedException', reader.get_parameter, Name=name, WithDecryption=True)
    refused('AccessDeniedException', reader.get_parameters, Names=[name])
