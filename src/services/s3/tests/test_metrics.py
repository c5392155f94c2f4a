"""AWS/S3's storage metrics: once a day, of all versions and of parts."""

import datetime

from tests.support.daemon import wait_for

HAAR_OPTIONS = ['--network=off']


def test_storage_metrics(haar, client):
    s3, cloudwatch = client('s3'), client('cloudwatch')
    for name in ('measured', 'empty'):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket='measured', VersioningConfiguration={'Status': 'Enabled'})
    s3.put_object(Bucket='measured', Key='a', Body=b'x' * 1000)
    s3.put_object(Bucket='measured', Key='a', Body=b'x' * 200)
    s3.delete_object(Bucket='measured', Key='a')
    upload = s3.create_multipart_upload(Bucket='measured', Key='b')['UploadId']
    s3.upload_part(Bucket='measured', Key='b', UploadId=upload, PartNumber=1, Body=b'x' * 34)
    now = datetime.datetime.utcnow().replace(hour=0, minute=0, second=0, microsecond=0)

    def points(metric, storage, bucket='measured'):
        got = cloudwatch.get_metric_statistics(
            Namespace='AWS/S3', MetricName=metric, Dimensions=[{'Name': 'BucketName', 'Value': bucket}, {'Name': 'StorageType', 'Value': storage}],
            StartTime=now - datetime.timedelta(days=1), EndTime=now + datetime.timedelta(days=3), Period=86400, Statistics=['Average', 'SampleCount'])
        return [(p['Average'], p['SampleCount'], p['Timestamp'].strftime('%H:%M'), p['Unit']) for p in got['Datapoints']]

    assert points('BucketSizeBytes', 'StandardStorage') == []
    haar.call('POST', 'clock', {'advance': '1d'})
    assert wait_for(lambda: points('BucketSizeBytes', 'StandardStorage'), 'the day is measured') == [(1234, 1, '00:00', 'Bytes')]
    assert points('NumberOfObjects', 'AllStorageTypes') == [(4, 1, '00:00', 'Count')]
    assert points('NumberOfObjects', 'AllStorageTypes', 'empty') == []
