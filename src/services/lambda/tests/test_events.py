"""Weighted aliases, asynchronous events (retries, age, dead letters, destinations) and reserved concurrency."""

import datetime
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import botocore.exceptions
import pytest

from tests.support.daemon import wait_for
from tests.support.functions import ACCOUNT, code_of, function, invoke, lambda_, package, role  # noqa: F401 (fixtures)

FAILS = 'def handler(event, context):\n    print("attempt")\n    raise KeyError(event["why"])\n'
CHI_SQUARED = 23.9  # one degree of freedom, one in a million


def chi_squared(seen, expected):
    return sum((s - e) ** 2 / e for s, e in zip(seen, expected))


def metric(client, name, statistic='Sum', **dimensions):
    """Over all time: other tests move the clock."""
    now = datetime.datetime.utcnow()
    points = client('cloudwatch').get_metric_statistics(
        Namespace='AWS/Lambda', MetricName=name, Dimensions=[{'Name': k, 'Value': v} for k, v in dimensions.items()],
        StartTime=now - datetime.timedelta(days=1), EndTime=now + datetime.timedelta(days=2), Period=86400, Statistics=[statistic])['Datapoints']
    return sum(p[statistic] for p in points)


@pytest.fixture(scope='module')
def queue(client, role):
    """queue(name) -> its URL and ARN; the functions' role may use all queues, topics and functions."""
    sqs = client('sqs')
    client('iam').put_role_policy(RoleName='function', PolicyName='deliver', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': ['sqs:*', 'sns:*', 'lambda:InvokeFunction'], 'Resource': '*'}]}))

    def make(name):
        url = sqs.create_queue(QueueName=name)['QueueUrl']
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']

    return make


def received(client, url):
    messages = client('sqs').receive_message(QueueUrl=url, MessageAttributeNames=['All'], WaitTimeSeconds=1).get('Messages', [])
    return messages[0] if messages else None


def attempts(client, name):
    try:
        return len(client('logs').filter_log_events(logGroupName=f'/aws/lambda/{name}', filterPattern='attempt')['events'])
    except botocore.exceptions.ClientError:
        return 0


def test_weights_are_met(lambda_, function, client):
    """1,000 calls and 300 events through an alias of 80 and 20 %: chi-squared over what ran."""
    name = function('weighted', 'def handler(event, context):\n    return context.function_version\n')
    lambda_.publish_version(FunctionName=name)
    lambda_.update_function_code(FunctionName=name, ZipFile=package('def handler(event, context):\n    return context.function_version\n# two\n'))
    wait_for(lambda: lambda_.get_function_configuration(FunctionName=name)['LastUpdateStatus'] == 'Successful', 'the update')
    lambda_.publish_version(FunctionName=name)
    lambda_.create_alias(FunctionName=name, Name='live', FunctionVersion='1', RoutingConfig={'AdditionalVersionWeights': {'2': 0.2}})

    def one(_):
        answer, value = invoke(lambda_, name, Qualifier='live')
        assert answer['ExecutedVersion'] == value
        return value

    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(one, range(1000)))
    counts = [seen.count('1'), seen.count('2')]
    assert sum(counts) == 1000 and chi_squared(counts, [800, 200]) < CHI_SQUARED, counts
    for _ in range(300):
        lambda_.invoke(FunctionName=name, Qualifier='live', InvocationType='Event', Payload='{}')
    ran = lambda: [metric(client, 'Invocations', FunctionName=name, Resource=f'{name}:live', ExecutedVersion=version) - n
                   for version, n in zip('12', counts)]
    wait_for(lambda: sum(ran()) == 300, 'all events ran', 120)
    assert chi_squared(ran(), [240, 60]) < CHI_SQUARED, ran()


def test_dead_letters_after_two_retries(lambda_, function, client, queue, haar):
    url, arn = queue('dead')
    name = function('dies', FAILS, DeadLetterConfig={'TargetArn': arn})
    request = lambda_.invoke(FunctionName=name, InvocationType='Event', Payload='{"why": "x"}')['ResponseMetadata']['RequestId']
    for n, seconds in ((1, 61), (2, 121)):
        wait_for(lambda: attempts(client, name) == n, f'attempt {n}')
        assert received(client, url) is None
        haar.call('POST', 'clock', {'advance': f'{seconds}s'})
    message = wait_for(lambda: received(client, url), 'the dead letter')
    assert attempts(client, name) == 3 and json.loads(message['Body']) == {'why': 'x'}
    assert {k: v['StringValue'] for k, v in message['MessageAttributes'].items()} == {'RequestID': request, 'ErrorCode': '200', 'ErrorMessage': "'x'"}
    assert metric(client, 'AsyncEventsReceived', FunctionName=name) == 1 and metric(client, 'AsyncEventsDropped', FunctionName=name) == 1
    assert metric(client, 'Errors', FunctionName=name) == 3 and metric(client, 'Invocations', FunctionName=name) == 3


@pytest.mark.parametrize('kind', ['sqs', 'sns', 'lambda'])
def test_destinations_of_success(lambda_, function, client, queue, kind):
    name = function(f'good-{kind}', 'def handler(event, context):\n    return {"n": event["n"] + 1}\n')
    url, arn = queue(f'told-{kind}')
    if kind == 'sns':
        sns = client('sns')
        topic = sns.create_topic(Name='told')['TopicArn']
        client('sqs').set_queue_attributes(QueueUrl=url, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Allow', 'Principal': '*', 'Action': 'sqs:SendMessage', 'Resource': arn}]})})
        sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn, Attributes={'RawMessageDelivery': 'true'})
        arn = topic
    if kind == 'lambda':
        target = function('forwards', 'import boto3\ndef handler(event, context):\n    boto3.client("sqs").send_message(QueueUrl=boto3.client("sqs")'
                          '.get_queue_url(QueueName="told-lambda")["QueueUrl"], MessageBody=__import__("json").dumps(event))\n', Timeout=30, MemorySize=512)
        arn = lambda_.get_function_configuration(FunctionName=target)['FunctionArn']
    lambda_.put_function_event_invoke_config(FunctionName=name, DestinationConfig={'OnSuccess': {'Destination': arn}})
    request = lambda_.invoke(FunctionName=name, InvocationType='Event', Payload='{"n": 1}')['ResponseMetadata']['RequestId']
    record = json.loads(wait_for(lambda: received(client, url), 'the record', 60)['Body'])
    assert record['version'] == '1.0' and record['requestPayload'] == {'n': 1} and record['responsePayload'] == {'n': 2}
    assert record['requestContext'] == {'requestId': request, 'functionArn': f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:$LATEST',
                                        'condition': 'Success', 'approximateInvokeCount': 1}
    assert record['responseContext'] == {'statusCode': 200, 'executedVersion': '$LATEST'}


def test_event_of_greater_age_is_dropped(lambda_, function, client, queue, haar):
    url, arn = queue('old')
    name = function('ages', FAILS)
    lambda_.put_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60, DestinationConfig={'OnFailure': {'Destination': arn}})
    lambda_.invoke(FunctionName=name, InvocationType='Event', Payload='{"why": "x"}')
    wait_for(lambda: attempts(client, name) == 1, 'the first attempt')
    haar.call('POST', 'clock', {'advance': '70s'})
    record = json.loads(wait_for(lambda: received(client, url), 'the record')['Body'])
    assert record['requestContext']['condition'] == 'EventAgeExceeded' and record['requestContext']['approximateInvokeCount'] == 1
    assert 'responsePayload' not in record and attempts(client, name) == 1


def test_no_concurrency_sends_events_away(lambda_, function, client, queue):
    """Reserved concurrency of zero: no retries, at once to the dead-letter queue."""
    url, arn = queue('none')
    name = function('never', FAILS, DeadLetterConfig={'TargetArn': arn})
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    lambda_.invoke(FunctionName=name, InvocationType='Event', Payload='{"why": "x"}')
    message = wait_for(lambda: received(client, url), 'the dead letter')
    assert {k: v['StringValue'] for k, v in message['MessageAttributes'].items() if k != 'RequestID'} == {'ErrorCode': '429', 'ErrorMessage': 'Rate Exceeded.'}
    assert attempts(client, name) == 0


def test_throttles(lambda_, function, client, queue):
    """With one reserved, the second at the same time is refused and counted; an event waits and is run when there is room."""
    url, arn = queue('held')
    name = function('one', 'import boto3\ndef handler(event, context):\n    if event.get("hold"):\n        sqs = boto3.client("sqs")\n'
                    '        url = sqs.get_queue_url(QueueName="held")["QueueUrl"]\n        sqs.send_message(QueueUrl=url, MessageBody="running")\n'
                    '        while not sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="go")["QueueUrl"], WaitTimeSeconds=5).get("Messages"):\n'
                    '            pass\n    return 1\n', Timeout=60, MemorySize=512)
    go, _ = queue('go')
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert lambda_.get_function(FunctionName=name)['Concurrency'] == {'ReservedConcurrentExecutions': 1}
    answers = []
    holder = threading.Thread(target=lambda: answers.append(invoke(lambda_, name, {'hold': True})[1]))
    holder.start()
    wait_for(lambda: received(client, url), 'the first runs', 60)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        invoke(lambda_, name)
    assert code_of(error) == 'TooManyRequestsException' and error.value.response['Error']['Message'] == 'Rate Exceeded.'
    assert error.value.response['Reason'] == 'ReservedFunctionConcurrentInvocationLimitExceeded'
    assert error.value.response['ResponseMetadata']['HTTPStatusCode'] == 429
    assert metric(client, 'Throttles', FunctionName=name) == 1
    client('sqs').send_message(QueueUrl=go, MessageBody='go')
    holder.join(60)
    assert answers == [1] and invoke(lambda_, name)[1] == 1
    assert metric(client, 'ConcurrentExecutions', 'Maximum', FunctionName=name) == 1


def test_haar_ends_while_an_event_is_at_work(haar, lambda_, function, client):
    """It does not wait for the function; the event comes again after the next start."""
    name = function('lasts', 'import time\ndef handler(event, context):\n    print("attempt")\n    time.sleep(250)\n', Timeout=300)
    lambda_.invoke(FunctionName=name, InvocationType='Event', Payload=b'{}')
    wait_for(lambda: attempts(client, name) == 1, 'it is at work')
    assert haar.stop() == 0
    haar.start()
    wait_for(lambda: attempts(client, name) == 2, 'the event has come again')
    assert haar.stop() == 0
    haar.start()
