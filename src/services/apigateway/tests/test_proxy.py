"""Lambda proxy integrations: events, answers, permissions, errors."""

import io
import json
import urllib.error
import urllib.request
import zipfile

import pytest

CODE = '''
import json

def handler(event, context):
    if event["path"] == "/broken":
        return {"statusCode": "many"}
    if event["path"] == "/crash":
        raise ValueError("no")
    if event["path"] == "/binary":
        return {"statusCode": 200, "isBase64Encoded": True, "body": "AAEC", "headers": {"Content-Type": "image/png"}}
    return {"statusCode": 201, "headers": {"X-One": "1"}, "multiValueHeaders": {"X-Two": ["a", "b"]}, "body": json.dumps(event)}
'''


@pytest.fixture(scope='module')
def function(client, network):
    iam, functions = client('iam'), client('lambda')
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
    role = iam.create_role(RoleName='proxy', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('index.py', CODE)
    arn = functions.create_function(FunctionName='proxy', Runtime='python3.11', Handler='index.handler', Role=role, Timeout=10,
                                    Code={'ZipFile': archive.getvalue()})['FunctionArn']
    functions.get_waiter('function_active_v2').wait(FunctionName='proxy', WaiterConfig={'Delay': 1})
    return arn


@pytest.fixture(scope='module')
def api(client, function):
    gateway = client('apigateway')
    api = gateway.create_rest_api(name='proxy')['id']
    root = gateway.get_resources(restApiId=api)['items'][0]['id']
    proxy = gateway.create_resource(restApiId=api, parentId=root, pathPart='{proxy+}')['id']
    gateway.put_method(restApiId=api, resourceId=proxy, httpMethod='ANY', authorizationType='NONE')
    gateway.put_integration(restApiId=api, resourceId=proxy, httpMethod='ANY', type='AWS_PROXY', integrationHttpMethod='POST',
                            uri=f'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations')
    deployment = gateway.create_deployment(restApiId=api)['id']
    gateway.create_stage(restApiId=api, stageName='live', deploymentId=deployment, variables={'colour': 'blue'})
    return api


@pytest.fixture(scope='module')
def permitted(client, api):
    client('lambda').add_permission(FunctionName='proxy', StatementId='api', Action='lambda:InvokeFunction', Principal='apigateway.amazonaws.com',
                                    SourceArn=f'arn:aws:execute-api:us-east-1:000000000000:{api}/*/*/*')
    return api


def fetch(haar, api, path, data=None, headers=None, method=None):
    request = urllib.request.Request(f'{haar.url}/restapis/{api}/live/_user_request_{path}', data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_without_permission(haar, api):
    status, _, body = fetch(haar, api, '/hello')
    assert (status, json.loads(body)) == (500, {'message': 'Internal server error'})


def test_event_and_answer(haar, permitted):
    status, headers, body = fetch(haar, permitted, '/a%20b/c?x=1&x=2&y=', data=b'{"z": 1}', headers={'Content-Type': 'application/json'}, method='PUT')
    event = json.loads(body)
    assert status == 201 and headers['X-One'] == '1' and headers.get_all('X-Two') == ['a', 'b']
    assert event['httpMethod'] == 'PUT' and event['resource'] == '/{proxy+}' and event['path'] == '/a b/c'
    assert event['pathParameters'] == {'proxy': 'a b/c'} and event['stageVariables'] == {'colour': 'blue'}
    assert event['queryStringParameters'] == {'x': '2', 'y': ''} and event['multiValueQueryStringParameters'] == {'x': ['1', '2'], 'y': ['']}
    assert event['body'] == '{"z": 1}' and event['isBase64Encoded'] is False
    context = event['requestContext']
    assert context['apiId'] == permitted and context['stage'] == 'live' and context['resourcePath'] == '/{proxy+}'
    assert context['accountId'] == '000000000000' and context['identity']['sourceIp'] == '127.0.0.1'


def test_binary_answer(haar, permitted):
    status, headers, body = fetch(haar, permitted, '/binary')
    assert (status, headers['Content-Type'], body) == (200, 'image/png', b'\x00\x01\x02')


@pytest.mark.parametrize('path', ['/broken', '/crash'])
def test_bad_answers_are_502(haar, permitted, path):
    status, _, body = fetch(haar, permitted, path)
    assert (status, json.loads(body)) == (502, {'message': 'Internal server error'})
