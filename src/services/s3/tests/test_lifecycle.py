"""When the clock passes a rule's time, the objects are gone."""

import pytest

from tests.support.daemon import wait_for


@pytest.fixture
def s3(new_haar):
    daemon = new_haar()
    client = daemon.client('s3')
    client.advance = lambda days: daemon.call('POST', 'clock', {'advance': f'{days}d'})
    return client


def versions(s3):
    listed = s3.list_object_versions(Bucket='logs')
    return len(listed.get('Versions', [])), len(listed.get('DeleteMarkers', []))


def test_retention_and_noncurrent_versions(s3):
    s3.create_bucket(Bucket='logs')
    s3.put_bucket_versioning(Bucket='logs', VersioningConfiguration={'Status': 'Enabled'})
    s3.put_bucket_lifecycle_configuration(Bucket='logs', LifecycleConfiguration={'Rules': [
        {'ID': 'retain', 'Status': 'Enabled', 'Filter': {'Prefix': ''}, 'Expiration': {'Days': 90}, 'NoncurrentVersionExpiration': {'NoncurrentDays': 30}}]})
    s3.put_object(Bucket='logs', Key='k', Body=b'old' * 40000)
    s3.put_object(Bucket='logs', Key='k', Body=b'new')
    assert versions(s3) == (2, 0)
    s3.advance(32)
    wait_for(lambda: versions(s3) == (1, 0), 'the noncurrent version is removed after 30 days')
    assert s3.get_object(Bucket='logs', Key='k')['Body'].read() == b'new'
    s3.advance(60)
    wait_for(lambda: versions(s3) == (1, 1), 'after 90 days a delete marker hides the object')
    assert 'Contents' not in s3.list_objects_v2(Bucket='logs')
    s3.advance(32)
    wait_for(lambda: versions(s3)[0] == 0, 'and then its version goes')
    s3.advance(2)
    wait_for(lambda: versions(s3) == (0, 0), 'the marker alone goes too')
    s3.delete_bucket(Bucket='logs')


def test_without_versions_objects_are_deleted(s3):
    s3.create_bucket(Bucket='logs')
    s3.put_bucket_lifecycle_configuration(Bucket='logs', LifecycleConfiguration={'Rules': [
        {'ID': 'short', 'Status': 'Enabled', 'Filter': {'Prefix': 'tmp/'}, 'Expiration': {'Days': 1},
         'AbortIncompleteMultipartUpload': {'DaysAfterInitiation': 1}}]})
    for key in ('tmp/1', 'tmp/2', 'kept'):
        s3.put_object(Bucket='logs', Key=key, Body=b'')
    s3.create_multipart_upload(Bucket='logs', Key='tmp/part')
    s3.advance(3)
    wait_for(lambda: [o['Key'] for o in s3.list_objects_v2(Bucket='logs').get('Contents', [])] == ['kept'], 'objects expire')
    wait_for(lambda: 'Uploads' not in s3.list_multipart_uploads(Bucket='logs'), 'the upload is aborted')
