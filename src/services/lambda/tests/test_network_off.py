"""Without the network functions are kept but cannot run, and say why."""

import io
import json
import zipfile

import botocore.exceptions
import pytest

from tests.support.daemon import wait_for

HAAR_OPTIONS = ['--network=off']


def test_says_why(client):
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
    role = client('iam').create_role(RoleName='function', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        archive.writestr('index.py', 'def handler(event, context): pass')
    lambda_ = client('lambda')
    lambda_.create_function(FunctionName='still', Role=role, Runtime='python3.11', Handler='index.handler', Code={'ZipFile': data.getvalue()})
    wait_for(lambda: lambda_.get_function_configuration(FunctionName='still')['State'] == 'Active', 'it is active')
    with pytest.raises(botocore.exceptions.ClientError) as error:
        lambda_.invoke(FunctionName='still')
    assert error.value.response['Error']['Code'] == 'ServiceException'
    assert "haar's network is off (--network=off)" in error.value.response['Error']['Message']


def test_permission_is_needed(client, haar):
    iam = client('iam')
    iam.create_user(UserName='guest')
    key = iam.create_access_key(UserName='guest')['AccessKey']
    guest = haar.client('lambda', aws_access_key_id=key['AccessKeyId'], aws_secret_access_key=key['SecretAccessKey'])
    with pytest.raises(botocore.exceptions.ClientError) as error:
        guest.invoke(FunctionName='still')
    assert error.value.response['Error'] == {
        'Code': 'AccessDeniedException',
        'Message': 'User: arn:aws:iam::000000000000:user/guest is not authorized to perform: lambda:InvokeFunction on resource: '
                   'arn:aws:lambda:us-east-1:000000000000:function:still because no identity-based policy allows the lambda:InvokeFunction action'}
