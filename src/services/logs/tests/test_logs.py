"""CloudWatch Logs with boto3: groups, streams, events, filters, retention, tags."""

import json
import os
import time

import botocore.exceptions
import pytest

from tests.support.daemon import wait_for

HAAR_OPTIONS = ['--network=off']


@pytest.fixture(scope='module')
def logs(client):
    return client('logs')


@pytest.fixture
def group(logs, request):
    name = f'/test/{request.node.name}'.replace('[', '_').replace(']', '_')
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)


def now():
    return int(time.time() * 1000)


def put(logs, group, stream, *messages, at=None):
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    at = at or now()
    return logs.put_log_events(logGroupName=group, logStreamName=stream,
                               logEvents=[{'timestamp': at + i, 'message': m} for i, m in enumerate(messages)])


def test_groups(logs):
    for name in ('/a/1', '/a/2', '/b/1'):
        logs.create_log_group(logGroupName=name, tags={'team': 'x'})
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException, match='The specified log group already exists'):
        logs.create_log_group(logGroupName='/a/1')
    assert [g['logGroupName'] for g in logs.describe_log_groups(logGroupNamePrefix='/a/')['logGroups']] == ['/a/1', '/a/2']
    pages = logs.get_paginator('describe_log_groups').paginate(logGroupNamePrefix='/', PaginationConfig={'PageSize': 2})
    assert [[g['logGroupName'] for g in p['logGroups']] for p in pages] == [['/a/1', '/a/2'], ['/b/1']]
    arn = logs.describe_log_groups(logGroupNamePrefix='/b/')['logGroups'][0]['arn']
    assert arn == 'arn:aws:logs:us-east-1:000000000000:log-group:/b/1:*'
    assert logs.list_tags_log_group(logGroupName='/a/1')['tags'] == {'team': 'x'}
    logs.tag_resource(resourceArn=arn[:-2], tags={'more': 'y'})
    logs.untag_resource(resourceArn=arn[:-2], tagKeys=['team'])
    assert logs.list_tags_for_resource(resourceArn=arn[:-2])['tags'] == {'more': 'y'}
    for name in ('/a/1', '/a/2', '/b/1'):
        logs.delete_log_group(logGroupName=name)
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match='The specified log group does not exist.'):
        logs.delete_log_group(logGroupName='/a/1')


def test_events_forward_and_backward(logs, group):
    put(logs, group, 's', *[f'event {i}' for i in range(10)])
    get = lambda **more: logs.get_log_events(logGroupName=group, logStreamName='s', **more)
    text = lambda page: [e['message'][6:] for e in page['events']]
    last = get(limit=3)
    assert text(last) == ['7', '8', '9']
    before = get(limit=3, nextToken=last['nextBackwardToken'])
    assert text(before) == ['4', '5', '6']
    first = get(limit=4, startFromHead=True)
    assert text(first) == ['0', '1', '2', '3']
    rest = get(nextToken=first['nextForwardToken'])
    assert text(rest) == ['4', '5', '6', '7', '8', '9']
    end = get(nextToken=rest['nextForwardToken'])
    assert end['events'] == [] and end['nextForwardToken'] == rest['nextForwardToken']


def test_times_bound_events(logs, group):
    at = now() - 1000
    put(logs, group, 's', 'a', 'b', 'c', 'd', at=at)
    page = logs.get_log_events(logGroupName=group, logStreamName='s', startTime=at + 1, endTime=at + 3)
    assert [e['message'] for e in page['events']] == ['b', 'c']
    page = logs.filter_log_events(logGroupName=group, startTime=at + 1, endTime=at + 2)
    assert [e['message'] for e in page['events']] == ['b', 'c']


def test_rejections(logs, group):
    day = 24 * 3600 * 1000
    answer = put(logs, group, 's', 'old', at=now() - 15 * day)
    assert answer['rejectedLogEventsInfo'] == {'tooOldLogEventEndIndex': 1}
    answer = put(logs, group, 's', 'new', at=now() + 3 * 3600 * 1000)
    assert answer['rejectedLogEventsInfo'] == {'tooNewLogEventStartIndex': 0}
    with pytest.raises(botocore.exceptions.ClientError, match='chronological order'):
        logs.put_log_events(logGroupName=group, logStreamName='s', logEvents=[{'timestamp': now(), 'message': 'b'}, {'timestamp': now() - 9, 'message': 'a'}])
    with pytest.raises(botocore.exceptions.ClientError, match='Log event too large'):
        put(logs, group, 's', 'x' * 262144)
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match='The specified log stream does not exist.'):
        logs.put_log_events(logGroupName=group, logStreamName='none', logEvents=[{'timestamp': now(), 'message': 'b'}])


def test_filter(logs, group):
    at = now()
    put(logs, group, 'one', 'ERROR first', '{"level": "warn", "ms": 20}', at=at)
    put(logs, group, 'two', 'ERROR second', '{"level": "info", "ms": 5}', at=at + 1)

    def found(pattern, **more):
        return [(e['logStreamName'], e['message']) for e in logs.filter_log_events(logGroupName=group, filterPattern=pattern, **more)['events']]

    assert found('ERROR') == [('one', 'ERROR first'), ('two', 'ERROR second')]
    assert found('ERROR -second') == [('one', 'ERROR first')]
    assert found('{ $.level = "w*" && $.ms > 10 }') == [('one', '{"level": "warn", "ms": 20}')]
    assert found('ERROR', logStreamNames=['two']) == [('two', 'ERROR second')]
    assert found('', logStreamNamePrefix='on') == [('one', 'ERROR first'), ('one', '{"level": "warn", "ms": 20}')]
    page = logs.filter_log_events(logGroupName=group, limit=1)
    assert len(page['events']) == 1
    rest = logs.filter_log_events(logGroupName=group, nextToken=page['nextToken'])
    assert len(rest['events']) == 3
    with pytest.raises(botocore.exceptions.ClientError, match='Invalid filter pattern'):
        found('{ $.a = }')


def test_streams(logs, group):
    put(logs, group, 'b', 'x', at=now() - 5000)
    put(logs, group, 'a', 'x', at=now() - 9000)
    put(logs, group, 'c', 'x', at=now() - 1000)
    names = lambda **more: [s['logStreamName'] for s in logs.describe_log_streams(logGroupName=group, **more)['logStreams']]
    assert names() == ['a', 'b', 'c']
    assert names(orderBy='LastEventTime', descending=True) == ['c', 'b', 'a']
    assert names(logStreamNamePrefix='b') == ['b']
    page = logs.describe_log_streams(logGroupName=group, limit=2)
    assert names(nextToken=page['nextToken']) == ['c']
    logs.delete_log_stream(logGroupName=group, logStreamName='a')
    assert names() == ['b', 'c']
    assert len(logs.filter_log_events(logGroupName=group)['events']) == 2


def test_retention(logs, new_haar):
    haar = new_haar('--network=off')
    logs = haar.client('logs')
    logs.create_log_group(logGroupName='g')
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.put_retention_policy(logGroupName='g', retentionInDays=2)
    put(logs, 'g', 's', 'soon gone')
    logs.put_retention_policy(logGroupName='g', retentionInDays=3)
    assert logs.describe_log_groups()['logGroups'][0]['retentionInDays'] == 3
    haar.call('POST', 'clock', {'advance': '2d'})
    put(logs, 'g', 's', 'stays', at=now() + 2 * 24 * 3600 * 1000)
    messages = lambda: [e['message'] for e in logs.filter_log_events(logGroupName='g')['events']]
    assert messages() == ['soon gone', 'stays']
    haar.call('POST', 'clock', {'advance': '2d'})
    wait_for(lambda: messages() == ['stays'], 'what is too old is gone')


def test_not_here(logs, group):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        logs.start_query(logGroupName=group, startTime=0, endTime=1, queryString='fields @message')
    assert 'StartQuery' in str(error.value)


def test_command(logs, group, haar):
    put(logs, group, 's', 'ERROR one', 'two')
    shown = haar.run('logs', group)
    assert shown.returncode == 0, shown.stderr
    assert [line.split(' ', 1)[1] for line in shown.stdout.splitlines()] == ['ERROR one', 'two']
    assert [line.split(' ', 1)[1] for line in haar.run('logs', group, '--filter', 'ERROR', '--since', '1h').stdout.splitlines()] == ['ERROR one']
    missing = haar.run('logs', 'nothing')
    assert missing.returncode == 1 and 'there is no log group nothing' in missing.stderr and group in missing.stderr
    unnamed = haar.run('logs')
    assert unnamed.returncode == 1 and 'which group?' in unnamed.stderr and group in unnamed.stderr


def test_command_by_part(logs, haar):
    for name in ('orders-Worker-1', 'orders-Mailer-1', 'orders-Mailer-2'):
        logs.create_log_group(logGroupName=f'/aws/lambda/{name}')
        put(logs, f'/aws/lambda/{name}', 's', name)
    assert haar.run('logs', 'Worker').stdout.split(' ', 1)[1] == 'orders-Worker-1\n'
    several = haar.run('logs', 'Mailer')
    assert several.returncode == 1
    assert 'Mailer may be any of these log groups: /aws/lambda/orders-Mailer-1, /aws/lambda/orders-Mailer-2' in several.stderr


def test_encrypted(logs, client, haar):
    kms = client('kms')
    statements = [{'Effect': 'Allow', 'Principal': {'AWS': 'arn:aws:iam::000000000000:root'}, 'Action': 'kms:*', 'Resource': '*'}]
    key = kms.create_key(Policy=json.dumps({'Version': '2012-10-17', 'Statement': statements}))['KeyMetadata']['Arn']
    with pytest.raises(botocore.exceptions.ClientError, match='is not allowed to be used with LogGroup'):
        logs.create_log_group(logGroupName='secret', kmsKeyId=key)
    statements.append({'Effect': 'Allow', 'Principal': {'Service': 'logs.us-east-1.amazonaws.com'}, 'Action': ['kms:GenerateDataKey*', 'kms:Decrypt'],
                       'Resource': '*', 'Condition': {'ArnEquals': {'kms:EncryptionContext:aws:logs:arn': 'arn:aws:logs:us-east-1:000000000000:log-group:secret'}}})
    kms.put_key_policy(KeyId=key, PolicyName='default', Policy=json.dumps({'Version': '2012-10-17', 'Statement': statements}))
    logs.create_log_group(logGroupName='secret', kmsKeyId=key)
    put(logs, 'secret', 's', 'a text that nobody may find on the disk')
    read = lambda: [e['message'] for e in logs.get_log_events(logGroupName='secret', logStreamName='s')['events']]
    assert read() == ['a text that nobody may find on the disk']
    assert len(logs.filter_log_events(logGroupName='secret', filterPattern='nobody')['events']) == 1
    for directory, _, names in os.walk(haar.data):
        for name in names:
            with open(os.path.join(directory, name), 'rb') as file:
                assert b'nobody may find' not in file.read(), name
    kms.disable_key(KeyId=key)
    with pytest.raises(botocore.exceptions.ClientError, match='disabled'):
        read()
    kms.enable_key(KeyId=key)
    logs.disassociate_kms_key(logGroupName='secret')
    put(logs, 'secret', 's', 'open')
    assert read() == ['a text that nobody may find on the disk', 'open']
    logs.delete_log_group(logGroupName='secret')
