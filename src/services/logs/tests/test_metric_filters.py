"""Metric filters and subscriptions: what arrives is measured, and given to functions."""

import base64
import gzip
import io
import json
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

from tests.support.daemon import wait_for

ACCOUNT = '000000000000'


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value.response
    return caught.value.response['Error'].get('Message', '')


@pytest.fixture
def logs(client):
    return client('logs')


def make(logs, group):
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName='s')


def write(logs, group, *messages):
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName='s', logEvents=[{'timestamp': now, 'message': m} for m in messages])


def transform(name, value='1', **more):
    return {'metricName': name, 'metricNamespace': 'Filtered', 'metricValue': value, **more}


def statistics(client, name, *wanted, namespace='Filtered', **dimensions):
    got = client('cloudwatch').get_metric_statistics(
        Namespace=namespace, MetricName=name, Period=3600, StartTime=int(time.time()) - 7200, EndTime=int(time.time()) + 3600, Statistics=list(wanted),
        Dimensions=[{'Name': k, 'Value': v} for k, v in dimensions.items()])['Datapoints']
    return [sum(p[w] for p in got) for w in wanted] if got else None


def test_words(client, logs):
    make(logs, 'words')
    logs.put_metric_filter(logGroupName='words', filterName='errors', filterPattern='ERROR -ignored', metricTransformations=[transform('errors', defaultValue=0)])
    write(logs, 'words', 'ERROR one', 'all good', 'ERROR ignored', 'ERROR two')
    assert statistics(client, 'errors', 'Sum', 'SampleCount') == [2, 2]
    write(logs, 'words', 'all good')
    assert statistics(client, 'errors', 'Sum', 'SampleCount') == [2, 3]  # the default value
    assert statistics(client, 'IncomingLogEvents', 'Sum', namespace='AWS/Logs', LogGroupName='words') == [5]
    assert statistics(client, 'IncomingBytes', 'Sum', namespace='AWS/Logs', LogGroupName='words')[0] > 5 * 26
    [described] = logs.describe_metric_filters(logGroupName='words')['metricFilters']
    assert (described['filterName'], described['filterPattern'], described['logGroupName']) == ('errors', 'ERROR -ignored', 'words')
    assert logs.describe_log_groups(logGroupNamePrefix='words')['logGroups'][0]['metricFilterCount'] == 1
    logs.delete_metric_filter(logGroupName='words', filterName='errors')
    write(logs, 'words', 'ERROR three')
    assert statistics(client, 'errors', 'Sum') == [2]
    refused('ResourceNotFoundException', logs.delete_metric_filter, logGroupName='words', filterName='errors')


def test_values_and_dimensions(client, logs):
    make(logs, 'values')
    logs.put_metric_filter(logGroupName='values', filterName='took', filterPattern='{ $.took = * }',
                           metricTransformations=[transform('took', '$.took', unit='Milliseconds', dimensions={'Colour': '$.deploy.colour'})])
    logs.put_metric_filter(logGroupName='values', filterName='bytes', filterPattern='[ip, status=2*, bytes]', metricTransformations=[transform('bytes', '$bytes')])
    write(logs, 'values', json.dumps({'took': 30, 'deploy': {'colour': 'blue'}}), json.dumps({'took': 50, 'deploy': {'colour': 'blue'}}),
          json.dumps({'took': 'long', 'deploy': {'colour': 'blue'}}), json.dumps({'took': 7}), '10.0.0.1 200 1500', '10.0.0.1 404 9')
    assert statistics(client, 'took', 'Sum', 'SampleCount', Colour='blue') == [80, 2]
    assert statistics(client, 'took', 'Sum') is None
    assert statistics(client, 'bytes', 'Sum') == [1500]


def test_test_metric_filter(logs):
    got = logs.test_metric_filter(filterPattern='[ip, ..., bytes > 10]', logEventMessages=['1.2.3.4 x y 11', '1.2.3.4 9', 'a b 12'])['matches']
    assert [(m['eventNumber'], m['extractedValues']['$ip'], m['extractedValues']['$bytes']) for m in got] == [(1, '1.2.3.4', '11'), (3, 'a', '12')]
    got = logs.test_metric_filter(filterPattern='{ $.a.b > 1 }', logEventMessages=['{"a": {"b": 2}}', '{"a": {"b": 0}}'])['matches']
    assert [(m['eventNumber'], m['extractedValues']) for m in got] == [(1, {'$.a.b': '2'})]


def test_embedded_metrics(client, logs):
    make(logs, 'embedded')
    event = {'_aws': {'Timestamp': int(time.time() * 1000), 'CloudWatchMetrics': [
        {'Namespace': 'Filtered', 'Dimensions': [['colour'], ['colour', 'step']], 'Metrics': [{'Name': 'paid', 'Unit': 'Count'}, {'Name': 'steps'}]}]},
        'colour': 'green', 'step': 3, 'paid': 4, 'steps': [1, 2, 3]}
    write(logs, 'embedded', json.dumps(event), json.dumps({**event, 'colour': None}), json.dumps({**event, '_aws': {}}), '{"CloudWatchMetrics"')
    assert statistics(client, 'paid', 'Sum', 'SampleCount', colour='green') == [4, 1]
    assert statistics(client, 'paid', 'Sum', colour='green', step='3') == [4]
    assert statistics(client, 'steps', 'Sum', 'SampleCount', colour='green') == [6, 3]


def test_bad(logs):
    make(logs, 'bad')

    def bad(**more):
        return refused('InvalidParameterException', logs.put_metric_filter, logGroupName='bad', filterName='f', filterPattern='x',
                       metricTransformations=[transform('m', **more)])
    assert 'metricValue must be a number or a field' in bad(value='many')
    assert bad(dimensions={'a': '$.a'}, defaultValue=0).endswith('dimensions and default value are mutually exclusive properties.')
    refused('ResourceNotFoundException', logs.put_metric_filter, logGroupName='nosuch', filterName='f', filterPattern='x', metricTransformations=[transform('m')])
    assert 'haar delivers log events to Lambda functions only' in refused(
        'InvalidParameterException', logs.put_subscription_filter, logGroupName='bad', filterName='f', filterPattern='',
        destinationArn=f'arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/s')


def test_subscription(client, logs, network):
    functions, iam = client('lambda'), client('iam')
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
    role = iam.create_role(RoleName='reader', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    iam.put_role_policy(RoleName='reader', PolicyName='logs', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'logs:*', 'Resource': '*'}]}))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('index.py', 'def handler(event, context):\n    print("GOT " + event["awslogs"]["data"])\n')
    function = functions.create_function(FunctionName='reader', Runtime='python3.11', Handler='index.handler', Role=role, Code={'ZipFile': archive.getvalue()})['FunctionArn']
    functions.get_waiter('function_active_v2').wait(FunctionName='reader', WaiterConfig={'Delay': 1})
    make(logs, 'source')

    def subscribe():
        logs.put_subscription_filter(logGroupName='source', filterName='pay', filterPattern='pay', destinationArn=function)
    assert refused('InvalidParameterException', subscribe) == \
        'Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.'
    functions.add_permission(FunctionName='reader', StatementId='logs', Action='lambda:InvokeFunction', Principal='logs.amazonaws.com',
                             SourceArn=f'arn:aws:logs:us-east-1:{ACCOUNT}:log-group:source:*')
    subscribe()
    assert [s['filterName'] for s in logs.describe_subscription_filters(logGroupName='source')['subscriptionFilters']] == ['pay']
    write(logs, 'source', 'pay one', 'other', 'pay two')

    def got():
        try:
            found = logs.filter_log_events(logGroupName='/aws/lambda/reader', filterPattern='GOT')['events']
        except logs.exceptions.ResourceNotFoundException:
            return None
        return found
    [event] = wait_for(got, 'the function has got the events')
    data = json.loads(gzip.decompress(base64.b64decode(event['message'].split()[-1])))
    assert (data['messageType'], data['owner'], data['logGroup'], data['logStream'], data['subscriptionFilters']) == ('DATA_MESSAGE', ACCOUNT, 'source', 's', ['pay'])
    assert [e['message'] for e in data['logEvents']] == ['pay one', 'pay two']
    logs.delete_subscription_filter(logGroupName='source', filterName='pay')
    assert logs.describe_subscription_filters(logGroupName='source')['subscriptionFilters'] == []
