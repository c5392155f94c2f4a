"""Functions run for real: answers, errors, time-outs, crashes, memory, logs, events, versions, aliases, permissions."""

import base64
import concurrent.futures
import json
import os
import subprocess
import time

import botocore.exceptions
import pytest

from tests.support.daemon import wait_for
from tests.support.functions import ACCOUNT, code_of, function, invoke, lambda_, package, role  # noqa: F401 (fixtures)

def test_answer(lambda_, function):
    name = function('echo', 'def handler(event, context):\n    return {"got": event, "name": context.function_name, "id": context.aws_request_id,'
                            ' "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis()}\n')
    answer, value = invoke(lambda_, name, {'a': [1, 'ü']})
    assert answer['StatusCode'] == 200 and answer['ExecutedVersion'] == '$LATEST' and 'FunctionError' not in answer
    assert value['got'] == {'a': [1, 'ü']} and value['name'] == 'echo'
    assert value['id'] == answer['ResponseMetadata']['RequestId']
    assert value['arn'] == f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:echo'
    assert 0 < value['left'] <= 3000


def test_environment_is_used_again(lambda_, function):
    name = function('warm', 'import os, time\nn = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return [os.getpid(), n, os.environ["COLOR"]]\n',
                    Environment={'Variables': {'COLOR': 'blue'}})
    first = invoke(lambda_, name)[1]
    time.sleep(0.2)  # long enough to be frozen: it must come back
    assert first[1:] == [1, 'blue'] and invoke(lambda_, name)[1][1:] == [2, 'blue']


AT_WORK = """
import boto3, os, time
logs = boto3.client('logs')

def handler(event, context):
    if event.get('until'):
        logs.create_log_group(logGroupName='/jump/begun')
        while not logs.describe_log_groups(logGroupNamePrefix=event['until'])['logGroups']:
            time.sleep(0.05)
    return [os.environ[name] for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN')]
"""


def test_credentials_over_a_jump_of_the_clock(haar, client, lambda_, function):
    """What an invocation has in hand ends with the credentials that it began with; the next gets new ones, and the old are over."""
    name = function('jump', AT_WORK, Timeout=60, MemorySize=512)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        working = pool.submit(invoke, lambda_, name, {'until': '/jump/go'})
        wait_for(lambda: client('logs').describe_log_groups(logGroupNamePrefix='/jump/begun')['logGroups'], 'the function is at work')
        haar.call('POST', 'clock', {'advance': '1d'})
        client('logs').create_log_group(logGroupName='/jump/go')
        answer, old = working.result()
    assert 'FunctionError' not in answer, old
    assert invoke(lambda_, name)[1][0] != old[0]
    late = haar.client('sts', **dict(zip(('aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'), old)))
    with pytest.raises(botocore.exceptions.ClientError) as error:
        late.get_caller_identity()
    assert code_of(error) == 'ExpiredToken'


def test_handler_error(lambda_, function):
    name = function('fails', 'def handler(event, context):\n    raise ValueError("no such thing")\n')
    answer, value = invoke(lambda_, name)
    assert answer['FunctionError'] == 'Unhandled' and answer['StatusCode'] == 200
    assert value['errorType'] == 'ValueError' and value['errorMessage'] == 'no such thing'
    assert value['stackTrace'] == ['  File "/var/task/index.py", line 2, in handler\n    raise ValueError("no such thing")\n']


def test_import_error(lambda_, function):
    name = function('imports', 'import nothing_of_this_name\n')
    answer, value = invoke(lambda_, name)
    assert answer['FunctionError'] == 'Unhandled' and value['errorType'] == 'Runtime.ImportModuleError'
    assert value['errorMessage'] == "Unable to import module 'index': No module named 'nothing_of_this_name'"


def test_timeout(lambda_, function):
    name = function('slow', 'import time\ndef handler(event, context):\n    time.sleep(event.get("s", 0))\n    return "done"\n', Timeout=1)
    answer, value = invoke(lambda_, name, {'s': 30}, LogType='Tail')
    assert answer['FunctionError'] == 'Unhandled'
    assert value['errorMessage'].endswith('Task timed out after 1.00 seconds')
    log = base64.b64decode(answer['LogResult']).decode()
    assert 'START RequestId: ' in log and 'Task timed out after 1.00 seconds' in log and 'Status: timeout' in log
    assert invoke(lambda_, name)[1] == 'done'


def test_crash(lambda_, function):
    name = function('crash', 'import os\ndef handler(event, context):\n    os._exit(7)\n')
    answer, value = invoke(lambda_, name)
    request = answer['ResponseMetadata']['RequestId']
    assert value == {'errorType': 'Runtime.ExitError', 'errorMessage': f'RequestId: {request} Error: Runtime exited with error: exit status 7'}


def test_memory(lambda_, function):
    name = function('eats', 'def handler(event, context):\n    return len(bytearray(event.get("mb", 1) << 20))\n', Timeout=20)
    answer, value = invoke(lambda_, name, {'mb': 400}, LogType='Tail')
    assert value['errorType'] == 'Runtime.OutOfMemory' and value['errorMessage'].endswith('signal: killed')
    assert 'Max Memory Used: 128 MB' in base64.b64decode(answer['LogResult']).decode()
    assert invoke(lambda_, name)[1] == 1 << 20


def test_sees_nothing_of_the_machine(lambda_, function):
    name = function('looks', 'import os\ndef handler(event, context):\n    seen = sorted(os.listdir("/"))\n    try:\n        open("/var/task/x", "w")\n'
                             '    except OSError as error:\n        seen.append(error.strerror)\n    open("/tmp/x", "w").write("y")\n    return seen\n')
    value = invoke(lambda_, name)[1]
    assert 'home' not in value and 'root' not in value and value[-1] == 'Read-only file system'


def test_provided(lambda_, function):
    script = ('#!/usr/bin/python3\nimport json, os, urllib.request\nbase = f"http://{os.environ[\'AWS_LAMBDA_RUNTIME_API\']}/2018-06-01/runtime/invocation/"\n'
              'while True:\n    with urllib.request.urlopen(base + "next") as r:\n        request, body = r.headers["Lambda-Runtime-Aws-Request-Id"], r.read()\n'
              '    urllib.request.urlopen(base + request + "/response", data=b"[" + body + b"]").read()\n')
    name = function('own', '', Runtime='provided.al2', Handler='any', Code={'ZipFile': package(script, 'bootstrap', 0o755)})
    assert invoke(lambda_, name, {'a': 1})[1] == [{'a': 1}]


def test_node(lambda_, function):
    name = function('node', '', Runtime='nodejs18.x', Code={'ZipFile': package(
        'exports.handler = async (event, context) => { console.log("seen"); if (event.fail) throw new TypeError("bad"); return {n: event.n + 1, f: context.functionName}; };',
        'index.js')}, Timeout=10)
    assert invoke(lambda_, name, {'n': 1})[1] == {'n': 2, 'f': 'node'}
    answer, value = invoke(lambda_, name, {'fail': True})
    assert value['errorType'] == 'TypeError' and value['errorMessage'] == 'bad' and answer['FunctionError'] == 'Unhandled'


def test_logs(lambda_, function, client):
    name = function('talks', 'import logging\nlogging.getLogger().setLevel("INFO")\ndef handler(event, context):\n    print("hello from", context.function_name)\n'
                             '    logging.info("logged")\n    return 1\n')
    answer, _ = invoke(lambda_, name, LogType='Tail')
    request = answer['ResponseMetadata']['RequestId']
    tail = base64.b64decode(answer['LogResult']).decode()
    assert 'hello from talks\n' in tail and f'START RequestId: {request} Version: $LATEST' in tail and 'Init Duration: ' in tail
    logs = client('logs')

    def events():
        try:
            return [e['message'] for e in logs.filter_log_events(logGroupName='/aws/lambda/talks')['events']]
        except botocore.exceptions.ClientError:
            return []

    seen = wait_for(lambda: (lambda all_: all_ if any(m.startswith('REPORT') for m in all_) else None)(events()), 'the report is in the log')
    assert seen[0].startswith('START RequestId') and 'hello from talks' in seen
    assert any(m.startswith('[INFO]\t') and m.endswith(f'\t{request}\tlogged') for m in seen)
    stream = logs.describe_log_streams(logGroupName='/aws/lambda/talks')['logStreams'][0]['logStreamName']
    assert '/[$LATEST]' in stream


def test_credentials_are_the_roles(lambda_, function, haar):
    name = function('keys', 'import os\ndef handler(event, context):\n    return {k: os.environ[k] for k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}\n')
    keys = invoke(lambda_, name)[1]
    sts = haar.client('sts', aws_access_key_id=keys['AWS_ACCESS_KEY_ID'], aws_secret_access_key=keys['AWS_SECRET_ACCESS_KEY'],
                      aws_session_token=keys['AWS_SESSION_TOKEN'])
    assert sts.get_caller_identity()['Arn'] == f'arn:aws:sts::{ACCOUNT}:assumed-role/function/keys'


def test_aws_is_reachable_without_a_vpc(lambda_, function):
    name = function('calls', 'import boto3\ndef handler(event, context):\n    return boto3.client("sts").get_caller_identity()["Arn"]\n', Timeout=20, MemorySize=512)
    answer, value = invoke(lambda_, name, LogType='Tail')
    assert value == f'arn:aws:sts::{ACCOUNT}:assumed-role/function/calls', base64.b64decode(answer['LogResult']).decode()


def test_event_is_retried(lambda_, function, haar):
    name = function('later', 'import time\ndef handler(event, context):\n    print("attempt")\n    raise RuntimeError("again")\n')
    logs = haar.client('logs')
    assert lambda_.invoke(FunctionName=name, InvocationType='Event', Payload='{}')['StatusCode'] == 202

    def attempts():
        try:
            return len(logs.filter_log_events(logGroupName='/aws/lambda/later', filterPattern='attempt')['events'])
        except botocore.exceptions.ClientError:
            return 0

    wait_for(lambda: attempts() == 1, 'the first attempt')
    haar.call('POST', 'clock', {'advance': '61s'})
    wait_for(lambda: attempts() == 2, 'the second attempt')
    haar.call('POST', 'clock', {'advance': '121s'})
    wait_for(lambda: attempts() == 3, 'the third attempt')


def test_versions_and_weights(lambda_, function):
    name = function('colours', 'def handler(event, context):\n    return "blue"\n')
    assert lambda_.publish_version(FunctionName=name)['Version'] == '1'
    assert lambda_.publish_version(FunctionName=name)['Version'] == '1'
    lambda_.update_function_code(FunctionName=name, ZipFile=package('def handler(event, context):\n    return "green"\n'))
    wait_for(lambda: lambda_.get_function_configuration(FunctionName=name)['LastUpdateStatus'] == 'Successful', 'the update')
    assert lambda_.publish_version(FunctionName=name)['Version'] == '2'
    alias = lambda_.create_alias(FunctionName=name, Name='live', FunctionVersion='1', RoutingConfig={'AdditionalVersionWeights': {'2': 0.5}})
    assert alias['AliasArn'].endswith(':function:colours:live')
    seen = [invoke(lambda_, f'{name}:live') for _ in range(60)]
    assert {value for _, value in seen} == {'blue', 'green'}
    assert all(answer['ExecutedVersion'] == {'blue': '1', 'green': '2'}[value] for answer, value in seen)
    lambda_.update_alias(FunctionName=name, Name='live', FunctionVersion='2', RoutingConfig={'AdditionalVersionWeights': {}})
    assert invoke(lambda_, name, Qualifier='live')[1] == 'green'
    assert invoke(lambda_, name, Qualifier='1')[1] == 'blue'
    assert [v['Version'] for v in lambda_.list_versions_by_function(FunctionName=name)['Versions']] == ['$LATEST', '1', '2']
    with pytest.raises(botocore.exceptions.ClientError) as error:
        lambda_.delete_function(FunctionName=name, Qualifier='2')
    assert code_of(error) == 'ResourceConflictException'
    lambda_.delete_alias(FunctionName=name, Name='live')
    with pytest.raises(botocore.exceptions.ClientError) as error:
        invoke(lambda_, name, Qualifier='live')
    assert code_of(error) == 'ResourceNotFoundException'


def test_reserved_concurrency(lambda_, function):
    name = function('few', 'def handler(event, context):\n    return 1\n')
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        invoke(lambda_, name)
    assert code_of(error) == 'TooManyRequestsException'
    assert error.value.response['Reason'] == 'ReservedFunctionConcurrentInvocationLimitExceeded'
    lambda_.delete_function_concurrency(FunctionName=name)
    assert invoke(lambda_, name)[1] == 1


def test_permissions(lambda_, function):
    name = function('guarded', 'def handler(event, context):\n    return 1\n')
    lambda_.add_permission(FunctionName=name, StatementId='api', Action='lambda:InvokeFunction', Principal='apigateway.amazonaws.com',
                           SourceArn=f'arn:aws:execute-api:us-east-1:{ACCOUNT}:abc/*')
    policy = json.loads(lambda_.get_policy(FunctionName=name)['Policy'])
    assert policy['Statement'][0]['Principal'] == {'Service': 'apigateway.amazonaws.com'}
    assert policy['Statement'][0]['Condition'] == {'ArnLike': {'AWS:SourceArn': f'arn:aws:execute-api:us-east-1:{ACCOUNT}:abc/*'}}
    with pytest.raises(botocore.exceptions.ClientError) as error:
        lambda_.add_permission(FunctionName=name, StatementId='api', Action='lambda:InvokeFunction', Principal='s3.amazonaws.com')
    assert code_of(error) == 'ResourceConflictException'
    lambda_.remove_permission(FunctionName=name, StatementId='api')
    with pytest.raises(botocore.exceptions.ClientError) as error:
        lambda_.get_policy(FunctionName=name)
    assert code_of(error) == 'ResourceNotFoundException'


@pytest.mark.parametrize('more, code, words', [
    ({'Role': f'arn:aws:iam::{ACCOUNT}:role/nobody'}, 'InvalidParameterValueException', 'The role defined for the function cannot be assumed by Lambda.'),
    ({'Environment': {'Variables': {'AWS_REGION': 'x'}}}, 'InvalidParameterValueException', 'reserved keys'),
    ({'Environment': {'Variables': {'BIG': 'x' * 5000}}}, 'InvalidParameterValueException', '4KB limit'),
    ({'Code': {'ZipFile': b'not a zip'}}, 'InvalidParameterValueException', 'Could not unzip uploaded file'),
    ({'Timeout': 901}, 'ValidationException', 'less than or equal to 900'),
    ({'Runtime': 'java11'}, 'InvalidParameterValueException', 'java11'),
])
def test_refused(lambda_, role, more, code, words):
    settings = {'FunctionName': 'refused', 'Role': role, 'Runtime': 'python3.11', 'Handler': 'index.handler', 'Code': {'ZipFile': package('')}, **more}
    with pytest.raises(botocore.exceptions.ClientError) as error:
        lambda_.create_function(**settings)
    assert code_of(error) == code and words in str(error.value)


def test_layers(lambda_, function):
    first = lambda_.publish_layer_version(LayerName='tools', Content={'ZipFile': package('NAME = "one"', 'python/tools.py')}, CompatibleRuntimes=['python3.11'])
    second = lambda_.publish_layer_version(LayerName='tools', Content={'ZipFile': package('NAME = "two"', 'python/tools.py')})
    other = lambda_.publish_layer_version(LayerName='other', Content={'ZipFile': package('NAME = "other"', 'python/other.py')})
    assert (first['Version'], second['Version']) == (1, 2) and second['LayerVersionArn'].endswith(':layer:tools:2')
    assert [v['Version'] for v in lambda_.list_layer_versions(LayerName='tools')['LayerVersions']] == [2, 1]
    assert lambda_.get_layer_version(LayerName='tools', VersionNumber=1)['Content']['CodeSha256'] == first['Content']['CodeSha256']
    name = function('layered', 'import tools, other\ndef handler(event, context):\n    return [tools.NAME, other.NAME]\n',
                    Layers=[first['LayerVersionArn'], other['LayerVersionArn']])
    assert invoke(lambda_, name)[1] == ['one', 'other']
    lambda_.update_function_configuration(FunctionName=name, Layers=[second['LayerVersionArn'], other['LayerVersionArn']])
    wait_for(lambda: lambda_.get_function_configuration(FunctionName=name)['LastUpdateStatus'] == 'Successful', 'the update')
    assert invoke(lambda_, name)[1] == ['two', 'other']
    assert [layer['Arn'] for layer in lambda_.get_function_configuration(FunctionName=name)['Layers']][0] == second['LayerVersionArn']
    with pytest.raises(botocore.exceptions.ClientError) as error:
        lambda_.update_function_configuration(FunctionName=name, Layers=[second['LayerVersionArn'][:-1] + '9'])
    assert code_of(error) == 'InvalidParameterValueException'


def test_destinations(lambda_, function, client):
    target = function('told', 'import json\ndef handler(event, context):\n    print("TOLD " + json.dumps(event))\n')
    name = function('teller', 'def handler(event, context):\n    raise KeyError("gone")\n')
    arn = lambda_.get_function_configuration(FunctionName=target)['FunctionArn']
    lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={'OnFailure': {'Destination': arn}})
    iam, logs = client('iam'), client('logs')

    def told():
        try:
            return [json.loads(e['message'][5:]) for e in logs.filter_log_events(logGroupName='/aws/lambda/told', filterPattern='TOLD')['events']]
        except botocore.exceptions.ClientError:
            return []

    iam.put_role_policy(RoleName='function', PolicyName='invoke', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'lambda:InvokeFunction', 'Resource': arn}]}))
    lambda_.invoke(FunctionName=name, InvocationType='Event', Payload='{"a": 1}')
    record = wait_for(told, 'the destination is told')[0]
    assert record['requestPayload'] == {'a': 1} and record['requestContext']['condition'] == 'RetriesExhausted'
    assert record['requestContext']['approximateInvokeCount'] == 1 and record['responsePayload']['errorType'] == 'KeyError'


def test_code_from_s3(lambda_, function, client):
    s3 = client('s3')
    s3.create_bucket(Bucket='code-of-functions')
    s3.put_bucket_versioning(Bucket='code-of-functions', VersioningConfiguration={'Status': 'Enabled'})
    put = lambda text: s3.put_object(Bucket='code-of-functions', Key='a/code.zip', Body=package(text))['VersionId']
    first, second = put('def handler(event, context):\n    return "first"\n'), put('def handler(event, context):\n    return "second"\n')
    name = function('fromstore', '', Code={'S3Bucket': 'code-of-functions', 'S3Key': 'a/code.zip', 'S3ObjectVersion': first})
    assert invoke(lambda_, name)[1] == 'first'
    lambda_.update_function_code(FunctionName=name, S3Bucket='code-of-functions', S3Key='a/code.zip')
    wait_for(lambda: lambda_.get_function_configuration(FunctionName=name)['LastUpdateStatus'] == 'Successful', 'the update')
    assert invoke(lambda_, name)[1] == 'second' and first != second
    with pytest.raises(botocore.exceptions.ClientError) as error:
        lambda_.update_function_code(FunctionName=name, S3Bucket='code-of-functions', S3Key='none.zip')
    assert code_of(error) == 'InvalidParameterValueException' and 'NoSuchKey' in str(error.value)


def test_code_is_downloaded(lambda_, function, haar, tmp_path):
    """Location needs no credentials, gives the package as it was uploaded, and ends after ten minutes."""
    def fetch(url):
        file = tmp_path / 'got'
        status = subprocess.run(['curl', '-s', '-m', '20', '-o', file, '-w', '%{http_code}', url], capture_output=True, text=True, check=True).stdout
        return int(status), file.read_bytes()

    zip_ = package('def handler(event, context):\n    return "kept"\n')
    name = function('kept', '', Code={'ZipFile': zip_})
    layer = lambda_.publish_layer_version(LayerName='kept', Content={'ZipFile': zip_})
    code = lambda_.get_function(FunctionName=name)['Code']
    assert code['RepositoryType'] == 'S3' and 'X-Amz-Expires=600' in code['Location']
    assert fetch(code['Location']) == (200, zip_)
    assert fetch(lambda_.get_layer_version(LayerName='kept', VersionNumber=layer['Version'])['Content']['Location']) == (200, zip_)
    for folder, _, names in os.walk(os.path.join(haar.data, 'lambda')):  # the package lies sealed on disk
        for file in names:
            with open(os.path.join(folder, file), 'rb') as opened:
                assert not opened.read().startswith(zip_[:4]), file
    status, text = fetch(code['Location'][:-1] + ('0' if code['Location'][-1] != '0' else '1'))
    assert status == 403 and b'<Code>SignatureDoesNotMatch</Code>' in text
    haar.call('POST', 'clock', {'advance': '601s'})
    status, text = fetch(code['Location'])
    assert status == 403 and b'<Code>AccessDenied</Code><Message>Request has expired</Message>' in text
