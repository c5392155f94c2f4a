"""REST APIs: made, deployed, and called at their names."""

import json
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError


@pytest.fixture
def api(client):
    gateway = client('apigateway')
    api = gateway.create_rest_api(name='shop', endpointConfiguration={'types': ['REGIONAL']})
    yield api
    gateway.delete_rest_api(restApiId=api['id'])


def root_of(gateway, api):
    return next(r['id'] for r in gateway.get_resources(restApiId=api['id'])['items'] if r['path'] == '/')


def mock_method(gateway, api, resource_id, method='GET', body='{"ok": true}', status='200'):
    ids = {'restApiId': api['id'], 'resourceId': resource_id, 'httpMethod': method}
    gateway.put_method(authorizationType='NONE', **ids)
    gateway.put_integration(type='MOCK', requestTemplates={'application/json': f'{{"statusCode": {status}}}'}, **ids)
    gateway.put_method_response(statusCode=status, **ids)
    gateway.put_integration_response(statusCode=status, responseTemplates={'application/json': body},
                                     responseParameters={'method.response.header.X-Shop': "'open'"}, **ids)


def fetch(haar, api, stage, path, method='GET'):
    request = urllib.request.Request(f'{haar.url}/restapis/{api["id"]}/{stage}/_user_request_{path}', method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers, json.loads(response.read() or b'null')
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read() or b'null')


def test_deployed_mock_answers(haar, client, api):
    gateway = client('apigateway')
    item = gateway.create_resource(restApiId=api['id'], parentId=root_of(gateway, api), pathPart='items')
    mock_method(gateway, api, item['id'], body='{"items": []}', status='201')
    gateway.create_deployment(restApiId=api['id'], stageName='prod')
    status, headers, body = fetch(haar, api, 'prod', '/items')
    assert (status, body) == (201, {'items': []})
    assert headers['X-Shop'] == 'open'
    assert headers['x-amzn-RequestId']


def test_deployment_is_a_snapshot(haar, client, api):
    gateway = client('apigateway')
    root = root_of(gateway, api)
    mock_method(gateway, api, root)
    gateway.create_deployment(restApiId=api['id'], stageName='v1')
    later = gateway.create_resource(restApiId=api['id'], parentId=root, pathPart='later')
    mock_method(gateway, api, later['id'])
    assert fetch(haar, api, 'v1', '/later')[0] == 403
    gateway.create_deployment(restApiId=api['id'], stageName='v1')
    assert fetch(haar, api, 'v1', '/later')[0] == 200


def test_unknown_routes_are_refused_as_on_aws(haar, client, api):
    gateway = client('apigateway')
    mock_method(gateway, api, root_of(gateway, api))
    gateway.create_deployment(restApiId=api['id'], stageName='prod')
    status, headers, body = fetch(haar, api, 'prod', '/nowhere')
    assert (status, body) == (403, {'message': 'Missing Authentication Token'})
    assert headers['x-amzn-ErrorType'] == 'MissingAuthenticationTokenException'
    assert fetch(haar, api, 'other', '/')[0] == 403


def test_iam_methods_need_a_signature(haar, client, api):
    gateway = client('apigateway')
    ids = {'restApiId': api['id'], 'resourceId': root_of(gateway, api), 'httpMethod': 'GET'}
    gateway.put_method(authorizationType='AWS_IAM', **ids)
    gateway.put_integration(type='MOCK', requestTemplates={'application/json': '{"statusCode": 200}'}, **ids)
    gateway.put_integration_response(statusCode='200', **ids)
    gateway.create_deployment(restApiId=api['id'], stageName='prod')
    status, _, body = fetch(haar, api, 'prod', '/')
    assert (status, body['message']) == (403, 'Missing Authentication Token')


def signed_status(haar, api, credentials):
    url = f'{haar.url}/restapis/{api["id"]}/prod/_user_request_/'
    plain = botocore.awsrequest.AWSRequest('GET', url)
    botocore.auth.SigV4Auth(credentials, 'execute-api', 'us-east-1').add_auth(plain)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(plain.headers.items()))) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_iam_methods_take_role_sessions_with_their_token_only(haar, client, api):
    gateway, iam = client('apigateway'), client('iam')
    ids = {'restApiId': api['id'], 'resourceId': root_of(gateway, api), 'httpMethod': 'GET'}
    gateway.put_method(authorizationType='AWS_IAM', **ids)
    gateway.put_integration(type='MOCK', requestTemplates={'application/json': '{"statusCode": 200}'}, **ids)
    gateway.put_method_response(statusCode='200', **ids)
    gateway.put_integration_response(statusCode='200', **ids)
    gateway.create_deployment(restApiId=api['id'], stageName='prod')
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': '*'}, 'Action': 'sts:AssumeRole'}]}
    iam.create_role(RoleName='caller', AssumeRolePolicyDocument=json.dumps(trust))
    session = client('sts').assume_role(RoleArn='arn:aws:iam::000000000000:role/caller', RoleSessionName='test')['Credentials']
    key, secret, token = session['AccessKeyId'], session['SecretAccessKey'], session['SessionToken']
    assert signed_status(haar, api, Credentials(key, secret, token)) == 403  # the role allows nothing
    iam.put_role_policy(RoleName='caller', PolicyName='invoke', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'execute-api:Invoke', 'Resource': f'arn:aws:execute-api:us-east-1:000000000000:{api["id"]}/prod/GET/'}]}))
    assert signed_status(haar, api, Credentials(key, secret, token)) == 200
    assert signed_status(haar, api, Credentials(key, secret, token + 'x')) == 403
    assert signed_status(haar, api, Credentials(key, secret)) == 403


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code
    return caught.value.response['Error']['Message']


def test_errors(client, api):
    gateway = client('apigateway')
    root = root_of(gateway, api)
    assert 'Invalid API identifier specified' in refused('NotFoundException', gateway.get_rest_api, restApiId='nonesuch00')
    gateway.create_resource(restApiId=api['id'], parentId=root, pathPart='a')
    assert refused('ConflictException', gateway.create_resource, restApiId=api['id'], parentId=root, pathPart='a') == \
        'Another resource with the same parent already has this name: a'
    refused('BadRequestException', gateway.create_resource, restApiId=api['id'], parentId=root, pathPart='a b')
    refused('BadRequestException', gateway.delete_resource, restApiId=api['id'], resourceId=root)
    assert refused('BadRequestException', gateway.create_deployment, restApiId=api['id']) == "The REST API doesn't contain any methods"
    refused('NotFoundException', gateway.create_stage, restApiId=api['id'], stageName='x', deploymentId='nonesuch')
    gateway.put_method(restApiId=api['id'], resourceId=root, httpMethod='GET', authorizationType='NONE')
    assert 'HTTP_PROXY' in refused('BadRequestException', gateway.put_integration, restApiId=api['id'], resourceId=root, httpMethod='GET',
                                   type='HTTP_PROXY', integrationHttpMethod='GET', uri='http://127.0.0.1/')


def test_stage_variables_and_patches(client, api):
    gateway = client('apigateway')
    mock_method(gateway, api, root_of(gateway, api))
    deployment = gateway.create_deployment(restApiId=api['id'])
    gateway.create_stage(restApiId=api['id'], stageName='prod', deploymentId=deployment['id'], variables={'colour': 'blue'})
    stage = gateway.update_stage(restApiId=api['id'], stageName='prod', patchOperations=[
        {'op': 'replace', 'path': '/variables/colour', 'value': 'green'}, {'op': 'replace', 'path': '/description', 'value': 'live'}])
    assert (stage['variables'], stage['description']) == ({'colour': 'green'}, 'live')
    refused('BadRequestException', gateway.update_stage, restApiId=api['id'], stageName='prod',
            patchOperations=[{'op': 'replace', 'path': '/stageName', 'value': 'other'}])
    refused('BadRequestException', gateway.delete_deployment, restApiId=api['id'], deploymentId=deployment['id'])
