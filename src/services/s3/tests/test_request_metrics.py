"""Request metrics of buckets: what is published, for which requests, under which filter."""

import datetime

import pytest
from botocore.exceptions import ClientError

HAAR_OPTIONS = ['--network=off']


@pytest.fixture(scope='module')
def s3(client):
    made = client('s3')
    made.create_bucket(Bucket='asked')
    return made


def values(client, metric, filter_id, statistic='Sum'):
    now = datetime.datetime.utcnow()
    got = client('cloudwatch').get_metric_statistics(
        Namespace='AWS/S3', MetricName=metric, Dimensions=[{'Name': 'BucketName', 'Value': 'asked'}, {'Name': 'FilterId', 'Value': filter_id}],
        StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=1), Period=3600, Statistics=[statistic])['Datapoints']
    return sum(p[statistic] for p in got)


def test_configurations(s3):
    with pytest.raises(ClientError) as caught:
        s3.get_bucket_metrics_configuration(Bucket='asked', Id='whole')
    assert caught.value.response['Error']['Code'] == 'NoSuchConfiguration'
    for name, more in (('whole', {}), ('logs', {'Filter': {'Prefix': 'logs/'}}),
                       ('both', {'Filter': {'And': {'Prefix': 'logs/', 'Tags': [{'Key': 'team', 'Value': 'pay'}]}}})):
        s3.put_bucket_metrics_configuration(Bucket='asked', Id=name, MetricsConfiguration={'Id': name, **more})
    assert s3.get_bucket_metrics_configuration(Bucket='asked', Id='logs')['MetricsConfiguration'] == {'Id': 'logs', 'Filter': {'Prefix': 'logs/'}}
    assert [c['Id'] for c in s3.list_bucket_metrics_configurations(Bucket='asked')['MetricsConfigurationList']] == ['whole', 'logs', 'both']
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_metrics_configuration(Bucket='asked', Id='x', MetricsConfiguration={'Id': 'y'})
    assert caught.value.response['Error']['Code'] == 'InvalidArgument'


def test_metrics(client, s3):
    s3.put_object(Bucket='asked', Key='logs/1', Body=b'x' * 300, Tagging='team=pay')
    s3.put_object(Bucket='asked', Key='other', Body=b'x' * 50)
    s3.get_object(Bucket='asked', Key='logs/1')['Body'].read()
    s3.head_object(Bucket='asked', Key='other')
    s3.list_objects_v2(Bucket='asked')
    s3.delete_object(Bucket='asked', Key='other')
    with pytest.raises(ClientError):
        s3.get_object(Bucket='asked', Key='none')
    # one of the two errors is the configuration that was refused
    assert {m: values(client, m, 'whole') for m in ('PutRequests', 'GetRequests', 'HeadRequests', 'ListRequests', 'DeleteRequests', '4xxErrors', '5xxErrors',
                                                    'BytesUploaded', 'BytesDownloaded')} == {
        'PutRequests': 2, 'GetRequests': 2, 'HeadRequests': 1, 'ListRequests': 1, 'DeleteRequests': 1, '4xxErrors': 2, '5xxErrors': 0, 'BytesUploaded': 350,
        'BytesDownloaded': 300}
    assert values(client, 'AllRequests', 'whole') >= 7
    assert values(client, 'AllRequests', 'logs') == 2 and values(client, 'BytesUploaded', 'logs') == 300
    assert values(client, 'AllRequests', 'both') == 2
    assert values(client, 'FirstByteLatency', 'logs', 'SampleCount') == 2 and values(client, 'TotalRequestLatency', 'logs', 'Average') > 0


def test_kept_over_a_restart_and_deleted(client, haar, s3):
    haar.restart()
    s3.put_object(Bucket='asked', Key='logs/2', Body=b'')
    assert values(client, 'PutRequests', 'logs') == 2
    for name in ('whole', 'logs', 'both'):
        s3.delete_bucket_metrics_configuration(Bucket='asked', Id=name)
    s3.put_object(Bucket='asked', Key='logs/3', Body=b'')
    assert values(client, 'PutRequests', 'logs') == 2


def test_stack(client, s3):
    cloudformation = client('cloudformation')
    cloudformation.create_stack(StackName='measured', TemplateBody='''
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: of-a-stack
      MetricsConfigurations: [{Id: all}, {Id: some, Prefix: a/, TagFilters: [{Key: k, Value: v}]}]
''')
    cloudformation.get_waiter('stack_create_complete').wait(StackName='measured', WaiterConfig={'Delay': 1})
    got = s3.list_bucket_metrics_configurations(Bucket='of-a-stack')['MetricsConfigurationList']
    assert got == [{'Id': 'all'}, {'Id': 'some', 'Filter': {'And': {'Prefix': 'a/', 'Tags': [{'Key': 'k', 'Value': 'v'}]}}}]
    cloudformation.update_stack(StackName='measured', TemplateBody='''
Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: of-a-stack, MetricsConfigurations: [{Id: all}]}}}
''')
    cloudformation.get_waiter('stack_update_complete').wait(StackName='measured', WaiterConfig={'Delay': 1})
    assert [c['Id'] for c in s3.list_bucket_metrics_configurations(Bucket='of-a-stack')['MetricsConfigurationList']] == ['all']
