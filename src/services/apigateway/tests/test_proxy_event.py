"""A Lambda function behind an API: the event it gets, the answer it gives, and what happens when it is wrong."""

import base64
import http.client
import io
import json
import zipfile

import pytest

from tests.support.daemon import wait_for

TRUST = {'Version': '2012-10-17',
         'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}

CODE = '''
import base64
import json
import time

def handler(event, context):
    path = event["path"]
    if path == "/slow":
        time.sleep(3)
    if path == "/p/string":
        return "no object"
    if path == "/p/number":
        return {"statusCode": 200, "body": {"not": "text"}}
    if path == "/p/raise":
        raise ValueError("no")
    if path == "/p/binary":
        return {"statusCode": 200, "body": base64.b64encode(bytes(range(256))).decode(), "isBase64Encoded": True,
                "headers": {"Content-Type": "image/png"}}
    if path == "/p/headers":
        return {"statusCode": "207", "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}, "headers": {"X-One": "1"}, "body": "text"}
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
'''


def package(text):
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        archive.writestr('index.py', text)
    return data.getvalue()


@pytest.fixture(scope='module')
def function(client, network):
    role = client('iam').create_role(RoleName='proxy', AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
    functions = client('lambda')
    made = functions.create_function(FunctionName='proxy', Role=role, Runtime='python3.11', Handler='index.handler', Timeout=20,
                                     Code={'ZipFile': package(CODE)})
    wait_for(lambda: functions.get_function_configuration(FunctionName='proxy')['State'] == 'Active', 'the function is active')
    return made['FunctionArn']


@pytest.fixture(scope='module')
def api(client, function):
    gateway = client('apigateway')
    api = gateway.create_rest_api(name='proxy', binaryMediaTypes=['application/octet-stream'])
    root = next(r['id'] for r in gateway.get_resources(restApiId=api['id'])['items'] if r['path'] == '/')
    parent = gateway.create_resource(restApiId=api['id'], parentId=root, pathPart='p')['id']
    greedy = gateway.create_resource(restApiId=api['id'], parentId=parent, pathPart='{proxy+}')['id']
    denied = gateway.create_resource(restApiId=api['id'], parentId=root, pathPart='denied')['id']
    uri = f'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations'
    slow = gateway.create_resource(restApiId=api['id'], parentId=root, pathPart='slow')['id']
    for resource in (greedy, denied, slow):
        ids = {'restApiId': api['id'], 'resourceId': resource, 'httpMethod': 'ANY'}
        gateway.put_method(authorizationType='NONE', **ids)
        gateway.put_integration(type='AWS_PROXY', integrationHttpMethod='POST', uri=uri, **ids,
                                timeoutInMillis=300 if resource == slow else 29000)
    client('lambda').add_permission(FunctionName='proxy', StatementId='api', Action='lambda:InvokeFunction', Principal='apigateway.amazonaws.com',
                                    SourceArn=f'arn:aws:execute-api:us-east-1:000000000000:{api["id"]}/*/*/p/*')
    client('lambda').add_permission(FunctionName='proxy', StatementId='slow', Action='lambda:InvokeFunction', Principal='apigateway.amazonaws.com',
                                    SourceArn=f'arn:aws:execute-api:us-east-1:000000000000:{api["id"]}/*/*/slow')
    deployment = gateway.create_deployment(restApiId=api['id'])['id']
    gateway.create_stage(restApiId=api['id'], stageName='live', deploymentId=deployment, variables={'colour': 'green'})
    return api['id']


def fetch(haar, api, path, method='GET', body=None, host=True, **headers):
    connection = http.client.HTTPConnection('127.0.0.1', haar.port, timeout=60)
    headers = {name.replace('_', '-'): value for name, value in headers.items()}
    if host:
        headers['Host'] = f'{api}.execute-api.localhost:{haar.port}'
        target = f'/live{path}'
    else:
        target = f'/restapis/{api}/live/_user_request_{path}'
    connection.request(method, target, body=body, headers=headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


@pytest.mark.parametrize('host', [True, False])
def test_event(haar, api, host):
    answer, data = fetch(haar, api, '/p/a%20b/c?x=1&x=2&y=%C3%A9', 'POST', '{"amount": 1}', host, X_Custom='v', Content_Type='application/json')
    assert answer.status == 200
    event = json.loads(data)
    assert event['resource'] == '/p/{proxy+}' and event['path'] == '/p/a b/c'
    assert event['httpMethod'] == 'POST'
    assert event['pathParameters'] == {'proxy': 'a b/c'}
    assert event['queryStringParameters'] == {'x': '2', 'y': 'é'}
    assert event['multiValueQueryStringParameters'] == {'x': ['1', '2'], 'y': ['é']}
    assert event['stageVariables'] == {'colour': 'green'}
    assert event['body'] == '{"amount": 1}' and event['isBase64Encoded'] is False
    assert event['headers']['X-Custom'] == 'v' and event['multiValueHeaders']['X-Custom'] == ['v']
    context = event['requestContext']
    assert context['stage'] == 'live' and context['apiId'] == api and context['resourcePath'] == '/p/{proxy+}'
    assert context['path'] == '/live/p/a%20b/c' and context['accountId'] == '000000000000'
    assert context['identity']['sourceIp'] == '127.0.0.1'


def test_nothing_is_null(haar, api):
    event = json.loads(fetch(haar, api, '/p/x')[1])
    assert event['queryStringParameters'] is None and event['multiValueQueryStringParameters'] is None
    assert event['body'] is None


def test_binary_request(haar, api):
    event = json.loads(fetch(haar, api, '/p/x', 'PUT', bytes(range(256)), Content_Type='application/octet-stream')[1])
    assert event['isBase64Encoded'] is True
    assert base64.b64decode(event['body']) == bytes(range(256))


def test_status_and_headers(haar, api):
    answer, data = fetch(haar, api, '/p/headers')
    assert answer.status == 207 and data == b'text'
    assert answer.headers.get_all('Set-Cookie') == ['a=1', 'b=2']
    assert answer.headers['X-One'] == '1'


@pytest.mark.parametrize('path', ['/p/string', '/p/number', '/p/raise'])
def test_wrong_answers_are_502(haar, api, path):
    answer, data = fetch(haar, api, path)
    assert answer.status == 502
    assert json.loads(data) == {'message': 'Internal server error'}


def test_without_permission_for_this_route(haar, api):
    answer, data = fetch(haar, api, '/denied')
    assert answer.status == 500
    assert json.loads(data) == {'message': 'Internal server error'}


def test_integration_timeout(haar, api):
    answer, data = fetch(haar, api, '/slow')
    assert answer.status == 504
    assert json.loads(data) == {'message': 'Endpoint request timed out'}


def test_payload_of_more_than_10_mib(haar, api):
    answer, data = fetch(haar, api, '/p/x', 'POST', b'x' * (10 * 1024 * 1024 + 1))
    assert answer.status == 413
    assert json.loads(data) == {'message': 'Request Too Long'}
