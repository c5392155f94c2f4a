"""Function URLs: who may call them, the event, the answer, CORS."""

import json
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError

from tests.support.functions import function, lambda_, role  # noqa: F401

CODE = '''
import json
def handler(event, context):
    path = event['rawPath']
    if path == '/fail':
        raise ValueError('x')
    if path == '/plain':
        return {'hello': 'world'}
    if path == '/text':
        return 'just text'
    if path == '/bytes':
        return {'statusCode': 201, 'body': 'AAEC', 'isBase64Encoded': True, 'headers': {'content-type': 'image/png'}, 'cookies': ['a=1', 'b=2']}
    if path == '/wrong':
        return {'statusCode': 'many'}
    return {'statusCode': 200, 'body': json.dumps(event), 'headers': {'Access-Control-Allow-Origin': 'https://of-the-function', 'x-own': 'yes'}}
'''


@pytest.fixture
def url(lambda_, function):
    """Makes a public function with a URL; answers the configuration."""
    def make(name, auth='NONE', **more):
        function(name, CODE)
        made = lambda_.create_function_url_config(FunctionName=name, AuthType=auth, **more)
        if auth == 'NONE':
            for action in ('InvokeFunctionUrl', 'InvokeFunction'):
                lambda_.add_permission(FunctionName=name, StatementId=action, Action=f'lambda:{action}', Principal='*',
                                       **({'FunctionUrlAuthType': 'NONE'} if action == 'InvokeFunctionUrl' else {}))
        return made
    return make


def ask(haar, made, path='/', method='GET', data=None, sign=None, **headers):
    """The request as it goes to the URL's host; answers status, headers, body."""
    host = made['FunctionUrl'].split('/')[2]
    target = f'{haar.url}{path}'
    headers = {'Host': host, **{k.replace('_', '-'): v for k, v in headers.items()}}
    if sign:
        request = botocore.awsrequest.AWSRequest(method, target, data=data, headers=headers)
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(*sign), 'lambda', 'us-east-1').add_auth(request)
        headers = dict(request.headers)
    request = urllib.request.Request(target, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_event(haar, lambda_, url):
    made = url('open')
    host = made['FunctionUrl'].split('/')[2]
    assert made['FunctionUrl'].startswith('http://') and f'.lambda-url.us-east-1.localhost:{haar.port}' in host
    status, headers, body = ask(haar, made, '/a%20b?x=1&x=2&y=%2F', cookie='c1=v; c2=w', x_own='1', user_agent='tester')
    event = json.loads(body)
    assert (status, headers['x-own'], headers['content-type']) == (200, 'yes', 'application/json')
    assert event['version'] == '2.0' and event['routeKey'] == '$default' and event['rawPath'] == '/a%20b' and event['rawQueryString'] == 'x=1&x=2&y=%2F'
    assert event['queryStringParameters'] == {'x': '1,2', 'y': '/'} and event['cookies'] == ['c1=v', 'c2=w'] and 'cookie' not in event['headers']
    assert event['headers']['x-own'] == '1' and event['headers']['x-forwarded-proto'] == 'http' and 'body' not in event
    context = event['requestContext']
    assert context['http'] == {'method': 'GET', 'path': '/a b', 'protocol': 'HTTP/1.1', 'sourceIp': '127.0.0.1', 'userAgent': 'tester'}
    assert context['accountId'] == 'anonymous' and context['domainPrefix'] == context['apiId'] and 'authorizer' not in context
    event = json.loads(ask(haar, made, '/', 'POST', b'{"a": 1}', content_type='application/json')[2])
    assert (event['body'], event['isBase64Encoded']) == ('{"a": 1}', False)
    event = json.loads(ask(haar, made, '/', 'POST', b'\x00\x01', content_type='application/octet-stream')[2])
    assert (event['body'], event['isBase64Encoded']) == ('AAE=', True)


def test_answers(haar, url):
    made = url('answers')
    assert ask(haar, made, '/plain')[::2] == (200, b'{"hello": "world"}')
    assert ask(haar, made, '/text')[::2] == (200, b'just text')
    status, headers, body = ask(haar, made, '/bytes')
    assert (status, headers['content-type'], body, headers.get_all('Set-Cookie')) == (201, 'image/png', b'\x00\x01\x02', ['a=1', 'b=2'])
    for path in ('/fail', '/wrong'):
        status, headers, body = ask(haar, made, path)
        assert (status, body, headers['x-amzn-ErrorType']) == (502, b'Internal Server Error', 'InternalServerErrorException')
    made = dict(made, FunctionUrl='http://none.lambda-url.us-east-1.localhost/')
    assert ask(haar, made)[0] == 404


def test_both_permissions_are_needed(haar, lambda_, function):
    function('closed', CODE)
    made = lambda_.create_function_url_config(FunctionName='closed', AuthType='NONE')
    for action in ('InvokeFunctionUrl', 'InvokeFunction'):
        status, headers, body = ask(haar, made)
        assert (status, headers['x-amzn-ErrorType']) == (403, 'AccessDeniedException')
        assert json.loads(body)['Message'].startswith('Forbidden. For troubleshooting Function URL authorization issues')
        assert f'lambda:{action} on resource: arn:aws:lambda:us-east-1:000000000000:function:closed' in haar.run('why').stdout
        more = {'FunctionUrlAuthType': 'NONE'} if action == 'InvokeFunctionUrl' else {}
        lambda_.add_permission(FunctionName='closed', StatementId=action, Action=f'lambda:{action}', Principal='*', **more)
    assert ask(haar, made)[0] == 200
    lambda_.update_function_url_config(FunctionName='closed', AuthType='AWS_IAM')
    assert ask(haar, made)[0] == 403


def test_signed(haar, client, url):
    made = url('signed', auth='AWS_IAM')
    assert ask(haar, made)[0] == 403
    status, _, body = ask(haar, made, '/x', sign=('test', 'test'))
    assert status == 200, body
    context = json.loads(body)['requestContext']
    assert context['accountId'] == '000000000000' and context['authorizer']['iam']['userArn'] == 'arn:aws:iam::000000000000:root'
    iam = client('iam')
    iam.create_user(UserName='caller')
    key = iam.create_access_key(UserName='caller')['AccessKey']
    pair = (key['AccessKeyId'], key['SecretAccessKey'])
    assert ask(haar, made, sign=pair)[0] == 403
    iam.put_user_policy(UserName='caller', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'lambda:InvokeFunctionUrl', 'Resource': '*', 'Condition': {'StringEquals': {'lambda:FunctionUrlAuthType': 'AWS_IAM'}}},
        {'Effect': 'Allow', 'Action': 'lambda:InvokeFunction', 'Resource': '*', 'Condition': {'Bool': {'lambda:InvokedViaFunctionUrl': 'true'}}}]}))
    assert ask(haar, made, sign=pair)[0] == 200
    assert ask(haar, made, sign=(pair[0], 'wrong'))[0] == 403


def test_cors(haar, url):
    made = url('cors', Cors={'AllowOrigins': ['https://good'], 'AllowMethods': ['GET', 'POST'], 'AllowHeaders': ['x-a'], 'ExposeHeaders': ['x-own'],
                             'MaxAge': 60, 'AllowCredentials': True})
    status, headers, body = ask(haar, made, '/fail', 'OPTIONS', origin='https://good', access_control_request_method='GET')
    assert (status, body) == (200, b'')
    assert {k.lower(): v for k, v in headers.items() if k.lower().startswith('access-')} == {
        'access-control-allow-origin': 'https://good', 'access-control-allow-credentials': 'true', 'access-control-allow-methods': 'GET,POST',
        'access-control-allow-headers': 'x-a', 'access-control-expose-headers': 'x-own', 'access-control-max-age': '60'}
    assert ask(haar, made, origin='https://good')[1].get_all('Access-Control-Allow-Origin') == ['https://good']
    assert 'Access-Control-Allow-Origin' not in ask(haar, made, '/', 'OPTIONS', origin='https://bad', access_control_request_method='GET')[1]


def test_alias_and_life(haar, lambda_, url, function):
    made = url('life')
    version = lambda_.publish_version(FunctionName='life')['Version']
    lambda_.create_alias(FunctionName='life', Name='live', FunctionVersion=version)
    second = lambda_.create_function_url_config(FunctionName='life', Qualifier='live', AuthType='NONE')
    assert second['FunctionArn'].endswith(':function:life:live') and second['FunctionUrl'] != made['FunctionUrl']
    assert len(lambda_.list_function_url_configs(FunctionName='life')['FunctionUrlConfigs']) == 2
    assert ask(haar, second)[0] == 403
    for action in ('InvokeFunctionUrl', 'InvokeFunction'):
        lambda_.add_permission(FunctionName='life', Qualifier='live', StatementId=action, Action=f'lambda:{action}', Principal='*')
    assert ask(haar, second)[0] == 200
    with pytest.raises(ClientError) as caught:
        lambda_.create_function_url_config(FunctionName='life', AuthType='NONE')
    assert caught.value.response['Error'] == {'Code': 'ResourceConflictException', 'Message': (
        'Failed to create function url config for [functionArn = arn:aws:lambda:us-east-1:000000000000:function:life]. Error message:  '
        'FunctionUrlConfig exists for this Lambda function')}
    lambda_.delete_function_url_config(FunctionName='life', Qualifier='live')
    assert ask(haar, second)[0] == 404
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_function_url_config(FunctionName='life', Qualifier='live')
    assert lambda_.get_function_url_config(FunctionName='life')['AuthType'] == 'NONE'


def test_stream_is_refused(haar, lambda_, function):
    function('streams', CODE)

    with pytest.raises(ClientError) as caught:
        lambda_._make_api_call('CreateFunctionUrlConfig', {'FunctionName': 'streams', 'AuthType': 'NONE', 'Qualifier': '7'})
    assert caught.value.response['Error']['Code'] == 'ValidationException'
    body = json.dumps({'AuthType': 'NONE', 'InvokeMode': 'RESPONSE_STREAM'}).encode()
    request = botocore.awsrequest.AWSRequest('POST', f'{haar.url}/2021-10-31/functions/streams/url', data=body, headers={'Content-Type': 'application/json'})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials('test', 'test'), 'lambda', 'us-east-1').add_auth(request)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(request.url, data=body, method='POST', headers=dict(request.headers)), timeout=60)
    assert json.load(refused.value)['message'] == 'haar does not have response streaming: leave InvokeMode out, or set it to BUFFERED.'


TEMPLATE = '''
Parameters:
  Auth: {Type: String, Default: NONE}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
      Policies: [{PolicyName: logs, PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'logs:*', Resource: '*'}]}}]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: 20
      Code:
        ZipFile: |
          import json, os, urllib.request
          def handler(event, context):
              if event.get('rawPath') == '/self':
                  return {'statusCode': 200, 'body': 'of itself'}
              with urllib.request.urlopen(event['url'] + 'self') as answer:
                  return answer.read().decode()
  Url:
    Type: AWS::Lambda::Url
    Properties: {TargetFunctionArn: !Ref Function, AuthType: !Ref Auth, Cors: {AllowOrigins: ['*']}}
  Public:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Function, Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: NONE}
  PublicToo:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Function, Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true}
Outputs:
  Url: {Value: !GetAtt Url.FunctionUrl}
  Name: {Value: !Ref Function}
'''


def test_stack(client, lambda_, network):
    """A stack's URL has AWS's name; a function reaches it by that name."""
    cloudformation = client('cloudformation')
    cloudformation.create_stack(StackName='url', TemplateBody=TEMPLATE, Capabilities=['CAPABILITY_IAM'])
    cloudformation.get_waiter('stack_create_complete').wait(StackName='url', WaiterConfig={'Delay': 1})
    outputs = {o['OutputKey']: o['OutputValue'] for o in cloudformation.describe_stacks(StackName='url')['Stacks'][0]['Outputs']}
    assert outputs['Url'].startswith('https://') and outputs['Url'].endswith('.lambda-url.us-east-1.on.aws/')
    answer = lambda_.invoke(FunctionName=outputs['Name'], Payload=json.dumps({'url': outputs['Url']}))
    assert json.load(answer['Payload']) == 'of itself'
    cloudformation.update_stack(StackName='url', UsePreviousTemplate=True, Capabilities=['CAPABILITY_IAM'],
                                Parameters=[{'ParameterKey': 'Auth', 'ParameterValue': 'AWS_IAM'}])
    cloudformation.get_waiter('stack_update_complete').wait(StackName='url', WaiterConfig={'Delay': 1})
    assert lambda_.get_function_url_config(FunctionName=outputs['Name'])['AuthType'] == 'AWS_IAM'
    cloudformation.delete_stack(StackName='url')
    cloudformation.get_waiter('stack_delete_complete').wait(StackName='url', WaiterConfig={'Delay': 1})
