"""Lambda functions for tests: packages, a role, a fixture that makes functions and deletes them."""

import io
import json
import zipfile

import pytest

from tests.support.daemon import wait_for

ACCOUNT = '000000000000'
TRUST = {'Version': '2012-10-17',
         'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}


def package(text, name='index.py', mode=0o644):
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (0o100000 | mode) << 16
        archive.writestr(entry, text)
    return data.getvalue()


@pytest.fixture(scope='module')
def role(client):
    iam = client('iam')
    arn = iam.create_role(RoleName='function', AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
    iam.put_role_policy(RoleName='function', PolicyName='logs', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'logs:*', 'Resource': '*'}]}))
    return arn


@pytest.fixture(scope='module')
def lambda_(client):
    return client('lambda')


@pytest.fixture
def function(lambda_, role, network):
    made = []

    def make(name, text, **more):
        settings = {'FunctionName': name, 'Role': role, 'Runtime': 'python3.11', 'Handler': 'index.handler', 'Code': {'ZipFile': package(text)}, **more}
        lambda_.create_function(**settings)
        made.append(name)
        wait_for(lambda: lambda_.get_function_configuration(FunctionName=name)['State'] == 'Active', f'{name} is active')
        return name

    yield make
    for name in made:
        lambda_.delete_function(FunctionName=name)


def invoke(lambda_, name, event=None, **more):
    answer = lambda_.invoke(FunctionName=name, Payload=json.dumps(event or {}), **more)
    return answer, json.loads(answer['Payload'].read() or 'null')


def code_of(error):
    return error.value.response['Error']['Code']
