"""Objects: put, get, head, delete, ranges, conditions, versions, tags, listings, multipart, copies, presigned URLs."""

import base64
import hashlib
import os
import urllib.error
import urllib.request
import zlib

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError


@pytest.fixture(scope='module')
def s3(client):
    return client('s3')


@pytest.fixture(scope='module')
def bucket(s3):
    s3.create_bucket(Bucket='objects')
    return 'objects'


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value
    return caught.value.response


def test_put_get_head_delete(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key='a/ b+ü', Body=b'hello', Metadata={'One': '1'}, ContentType='text/plain', CacheControl='no-store')
    assert put['ETag'] == '"%s"' % hashlib.md5(b'hello').hexdigest()
    assert put['ServerSideEncryption'] == 'AES256'
    got = s3.get_object(Bucket=bucket, Key='a/ b+ü')
    assert got['Body'].read() == b'hello'
    assert got['Metadata'] == {'one': '1'}
    assert (got['ContentType'], got['CacheControl'], got['ContentLength']) == ('text/plain', 'no-store', 5)
    head = s3.head_object(Bucket=bucket, Key='a/ b+ü')
    assert head['ContentLength'] == 5 and head['ETag'] == put['ETag'] and 'VersionId' not in head
    s3.delete_object(Bucket=bucket, Key='a/ b+ü')
    error = refused('NoSuchKey', s3.get_object, Bucket=bucket, Key='a/ b+ü')
    assert error['Error']['Key'] == 'a/ b+ü'
    assert error['Error']['Message'] == 'The specified key does not exist.'
    refused('404', s3.head_object, Bucket=bucket, Key='none')
    assert refused('NoSuchBucket', s3.get_object, Bucket='nowhere-at-all', Key='x')['Error']['BucketName'] == 'nowhere-at-all'


def test_empty_and_large(s3, bucket):
    s3.put_object(Bucket=bucket, Key='empty')
    assert s3.get_object(Bucket=bucket, Key='empty')['Body'].read() == b''
    data = os.urandom(3 * 1024 * 1024 + 17)
    s3.put_object(Bucket=bucket, Key='large', Body=data)
    assert s3.get_object(Bucket=bucket, Key='large')['Body'].read() == data
    assert s3.get_object(Bucket=bucket, Key='large', Range='bytes=1048570-2097200')['Body'].read() == data[1048570:2097201]


def test_ranges(s3, bucket):
    s3.put_object(Bucket=bucket, Key='range', Body=b'0123456789')
    got = s3.get_object(Bucket=bucket, Key='range', Range='bytes=2-4')
    assert (got['Body'].read(), got['ContentRange'], got['ResponseMetadata']['HTTPStatusCode']) == (b'234', 'bytes 2-4/10', 206)
    for text, bytes_ in (('-3', b'789'), ('8-', b'89'), ('5-2', b'0123456789')):
        assert s3.get_object(Bucket=bucket, Key='range', Range='bytes=' + text)['Body'].read() == bytes_
    error = refused('InvalidRange', s3.get_object, Bucket=bucket, Key='range', Range='bytes=10-')
    assert (error['ResponseMetadata']['HTTPStatusCode'], error['Error']['ActualObjectSize']) == (416, '10')


def test_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key='cond', Body=b'x')['ETag']
    modified = s3.head_object(Bucket=bucket, Key='cond')['LastModified']
    assert s3.get_object(Bucket=bucket, Key='cond', IfMatch=etag)['ContentLength'] == 1
    refused('PreconditionFailed', s3.get_object, Bucket=bucket, Key='cond', IfMatch='"other"')
    refused('304', s3.get_object, Bucket=bucket, Key='cond', IfNoneMatch=etag)
    refused('304', s3.get_object, Bucket=bucket, Key='cond', IfModifiedSince=modified)
    refused('412', s3.head_object, Bucket=bucket, Key='cond', IfMatch='"other"')


def test_digests(s3, bucket):
    refused('BadDigest', s3.put_object, Bucket=bucket, Key='md5', Body=b'x', ContentMD5='1B2M2Y8AsgTpgAmY7PhCfg==')
    refused('InvalidDigest', s3.put_object, Bucket=bucket, Key='md5', Body=b'x', ContentMD5='xx')
    for algorithm in ('CRC32', 'SHA1', 'SHA256'):
        put = s3.put_object(Bucket=bucket, Key='sum', Body=b'123456789', ChecksumAlgorithm=algorithm)
        got = s3.get_object(Bucket=bucket, Key='sum', ChecksumMode='ENABLED')
        assert got['Checksum' + algorithm] == put['Checksum' + algorithm] and got['Body'].read() == b'123456789'
    assert s3.put_object(Bucket=bucket, Key='sum', Body=b'123456789', ChecksumAlgorithm='CRC32')['ChecksumCRC32'] == 'y/Q5Jg=='


def test_versions(s3):
    bucket = 'versioned'
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key='k', Body=b'null')
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    one = s3.put_object(Bucket=bucket, Key='k', Body=b'one')['VersionId']
    two = s3.put_object(Bucket=bucket, Key='k', Body=b'two')['VersionId']
    assert s3.get_object(Bucket=bucket, Key='k')['VersionId'] == two
    assert s3.get_object(Bucket=bucket, Key='k', VersionId=one)['Body'].read() == b'one'
    assert s3.get_object(Bucket=bucket, Key='k', VersionId='null')['Body'].read() == b'null'
    marker = s3.delete_object(Bucket=bucket, Key='k')
    assert marker['DeleteMarker'] is True
    refused('NoSuchKey', s3.get_object, Bucket=bucket, Key='k')
    refused('MethodNotAllowed', s3.get_object, Bucket=bucket, Key='k', VersionId=marker['VersionId'])
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v['VersionId'] for v in listed['Versions']] == [two, one, 'null']
    assert listed['DeleteMarkers'][0]['IsLatest'] is True
    pages = s3.get_paginator('list_object_versions').paginate(Bucket=bucket, PaginationConfig={'PageSize': 1})
    assert [v['VersionId'] for page in pages for v in page.get('Versions', [])] == [two, one, 'null']
    assert 'Contents' not in s3.list_objects_v2(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key='k', VersionId=marker['VersionId'])
    assert s3.get_object(Bucket=bucket, Key='k')['VersionId'] == two
    refused('BucketNotEmpty', s3.delete_bucket, Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Suspended'})
    s3.put_object(Bucket=bucket, Key='k', Body=b'null again')
    assert [v['VersionId'] for v in s3.list_object_versions(Bucket=bucket)['Versions']] == ['null', two, one]
    refused('NoSuchVersion', s3.get_object, Bucket=bucket, Key='k', VersionId='x' * 32)
    s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': 'k', 'VersionId': v} for v in (one, two, 'null')]})
    s3.delete_bucket(Bucket=bucket)


def test_listing(s3):
    bucket = 'listing'
    s3.create_bucket(Bucket=bucket)
    keys = ['a', 'b/1', 'b/2', 'b/c/3', 'd', 'e/4', 'f+g ü']
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b'')
    listed = s3.list_objects_v2(Bucket=bucket)
    assert [o['Key'] for o in listed['Contents']] == keys and listed['KeyCount'] == 7
    listed = s3.list_objects_v2(Bucket=bucket, Prefix='b/', Delimiter='/')
    assert [o['Key'] for o in listed['Contents']] == ['b/1', 'b/2']
    assert [p['Prefix'] for p in listed['CommonPrefixes']] == ['b/c/']
    for size in (1, 2, 3):
        for operation in ('list_objects_v2', 'list_objects'):
            found = []
            for page in s3.get_paginator(operation).paginate(Bucket=bucket, Delimiter='/', PaginationConfig={'PageSize': size}):
                found += [o['Key'] for o in page.get('Contents', [])] + [p['Prefix'] for p in page.get('CommonPrefixes', [])]
            assert sorted(found) == ['a', 'b/', 'd', 'e/', 'f+g ü']
            pages = s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={'PageSize': size})
            assert [o['Key'] for page in pages for o in page['Contents']] == keys
    assert [o['Key'] for o in s3.list_objects_v2(Bucket=bucket, StartAfter='b/2')['Contents']] == keys[3:]
    assert [o['Key'] for o in s3.list_objects_v2(Bucket=bucket, StartAfter='b/2', Prefix='b')['Contents']] == ['b/c/3']
    assert 'Contents' not in s3.list_objects_v2(Bucket=bucket, StartAfter='c', Prefix='b')


def test_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key='tagged', Body=b'', Tagging='a=1&b=x%20y')
    assert s3.get_object_tagging(Bucket=bucket, Key='tagged')['TagSet'] == [{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': 'x y'}]
    s3.put_object_tagging(Bucket=bucket, Key='tagged', Tagging={'TagSet': [{'Key': 'c', 'Value': '3'}]})
    assert s3.get_object_tagging(Bucket=bucket, Key='tagged')['TagSet'] == [{'Key': 'c', 'Value': '3'}]
    s3.delete_object_tagging(Bucket=bucket, Key='tagged')
    assert s3.get_object_tagging(Bucket=bucket, Key='tagged')['TagSet'] == []


def test_multipart(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key='parts', Metadata={'m': '1'})['UploadId']
    first, last = os.urandom(5 * 1024 * 1024), b'tail'
    etags = [s3.upload_part(Bucket=bucket, Key='parts', UploadId=upload, PartNumber=n, Body=b)['ETag'] for n, b in ((2, last), (1, first))][::-1]
    assert [p['Size'] for p in s3.list_parts(Bucket=bucket, Key='parts', UploadId=upload)['Parts']] == [len(first), 4]
    assert [u['Key'] for u in s3.list_multipart_uploads(Bucket=bucket)['Uploads']] == ['parts']
    parts = [{'PartNumber': i + 1, 'ETag': etag} for i, etag in enumerate(etags)]
    complete = dict(Bucket=bucket, Key='parts', UploadId=upload)
    refused('InvalidPartOrder', s3.complete_multipart_upload, MultipartUpload={'Parts': parts[::-1]}, **complete)
    refused('InvalidPart', s3.complete_multipart_upload, MultipartUpload={'Parts': [{'PartNumber': 3, 'ETag': '"x"'}]}, **complete)
    done = s3.complete_multipart_upload(MultipartUpload={'Parts': parts}, **complete)
    md5 = hashlib.md5(hashlib.md5(first).digest() + hashlib.md5(last).digest()).hexdigest()
    assert done['ETag'] == f'"{md5}-2"'
    got = s3.get_object(Bucket=bucket, Key='parts')
    assert got['Body'].read() == first + last and got['Metadata'] == {'m': '1'}
    assert s3.get_object(Bucket=bucket, Key='parts', Range=f'bytes={len(first) - 2}-{len(first) + 1}')['Body'].read() == first[-2:] + b'ta'
    part = s3.get_object(Bucket=bucket, Key='parts', PartNumber=2)
    assert part['Body'].read() == b'tail' and part['PartsCount'] == 2
    refused('NoSuchUpload', s3.list_parts, **complete)


def test_multipart_copy_and_abort(s3, bucket):
    s3.put_object(Bucket=bucket, Key='source', Body=b'0123456789')
    upload = dict(Bucket=bucket, Key='small', UploadId=s3.create_multipart_upload(Bucket=bucket, Key='small')['UploadId'])
    etag = s3.upload_part_copy(CopySource=f'{bucket}/source', CopySourceRange='bytes=2-4', PartNumber=1, **upload)['CopyPartResult']['ETag']
    assert etag == '"%s"' % hashlib.md5(b'234').hexdigest()
    other = s3.upload_part(PartNumber=2, Body=b'x', **upload)['ETag']
    parts = [{'PartNumber': 1, 'ETag': etag}, {'PartNumber': 2, 'ETag': other}]
    refused('EntityTooSmall', s3.complete_multipart_upload, MultipartUpload={'Parts': parts}, **upload)
    s3.abort_multipart_upload(**upload)
    refused('NoSuchUpload', s3.abort_multipart_upload, **upload)


def test_copy(s3, bucket):
    data = os.urandom(300000)
    s3.put_object(Bucket=bucket, Key='from +', Body=data, Metadata={'m': '1'}, Tagging='t=1')
    s3.copy_object(Bucket=bucket, Key='to', CopySource={'Bucket': bucket, 'Key': 'from +'})
    got = s3.get_object(Bucket=bucket, Key='to')
    assert got['Body'].read() == data and got['Metadata'] == {'m': '1'} and got['TagCount'] == 1
    s3.copy_object(Bucket=bucket, Key='to', CopySource=f'{bucket}/to', MetadataDirective='REPLACE', Metadata={'n': '2'})
    assert s3.head_object(Bucket=bucket, Key='to')['Metadata'] == {'n': '2'}
    refused('InvalidRequest', s3.copy_object, Bucket=bucket, Key='to', CopySource=f'{bucket}/to')
    refused('NoSuchKey', s3.copy_object, Bucket=bucket, Key='to', CopySource=f'{bucket}/none')
    refused('PreconditionFailed', s3.copy_object, Bucket=bucket, Key='to2', CopySource=f'{bucket}/to', CopySourceIfMatch='"x"')


def test_presigned(haar, bucket):
    signer = boto3.client('s3', endpoint_url=haar.url, region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test',
                          config=Config(signature_version='s3v4'))
    url = signer.generate_presigned_url('put_object', Params={'Bucket': bucket, 'Key': 'pre signed'}, ExpiresIn=60)
    assert urllib.request.urlopen(urllib.request.Request(url, data=b'by url', method='PUT', headers={'Content-Type': 'a/b'})).status == 200
    url = signer.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'pre signed', 'ResponseContentType': 'text/x'}, ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b'by url' and answer.headers['Content-Type'] == 'text/x'
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace('pre%20signed', 'other'))
    assert caught.value.code == 403 and b'SignatureDoesNotMatch' in caught.value.read()


def crc32(*pieces):
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return base64.b64encode(value.to_bytes(4, 'big')).decode()


def test_multipart_checksums(s3, bucket):
    """Verified with each part; the object's is of the parts' (COMPOSITE), and the request's must be it."""
    first, last = os.urandom(5 * 1024 * 1024), b'tail'
    for algorithm, of in (('CRC32', lambda b: zlib.crc32(b).to_bytes(4, 'big')), ('SHA256', lambda b: hashlib.sha256(b).digest())):
        member, text = f'Checksum{algorithm}', lambda b, of=of: base64.b64encode(of(b)).decode()
        made = s3.create_multipart_upload(Bucket=bucket, Key='summed', ChecksumAlgorithm=algorithm)
        assert made['ChecksumAlgorithm'] == algorithm
        upload = dict(Bucket=bucket, Key='summed', UploadId=made['UploadId'])
        error = refused('BadDigest', s3.upload_part, PartNumber=1, Body=first, **{member: text(b'other')}, **upload)
        assert error['Error']['Message'] == f'The {algorithm} you specified did not match the calculated checksum.'
        sent = [s3.upload_part(PartNumber=n, Body=b, ChecksumAlgorithm=algorithm, **upload) for n, b in ((1, first), (2, last))]
        assert [s[member] for s in sent] == [text(first), text(last)]
        assert [p[member] for p in s3.list_parts(**upload)['Parts']] == [text(first), text(last)]
        parts = [{'PartNumber': n + 1, 'ETag': s['ETag'], member: s[member]} for n, s in enumerate(sent)]
        error = refused('InvalidRequest', s3.complete_multipart_upload, MultipartUpload={'Parts': [{k: v for k, v in p.items() if k != member} for p in parts]}, **upload)
        assert error['Error']['Message'] == (f'The upload was created using a {algorithm.lower()} checksum. The complete request must include the checksum '
                                             'for each part. It was missing for part 1 in the request.')
        refused('InvalidPart', s3.complete_multipart_upload, MultipartUpload={'Parts': [parts[0], {**parts[1], member: text(b'x')}]}, **upload)
        refused('BadDigest', s3.complete_multipart_upload, MultipartUpload={'Parts': parts}, **{member: text(b'x') + '-2'}, **upload)
        whole = text(of(first) + of(last)) + '-2'
        done = s3.complete_multipart_upload(MultipartUpload={'Parts': parts}, **{member: whole}, **upload)
        assert done[member] == whole
        assert s3.head_object(Bucket=bucket, Key='summed', ChecksumMode='ENABLED')[member] == whole
        attributes = s3.get_object_attributes(Bucket=bucket, Key='summed', ObjectAttributes=['Checksum', 'ObjectParts'])
        assert attributes['Checksum'][member] == whole and attributes['ObjectParts']['TotalPartsCount'] == 2
        assert attributes['ObjectParts']['Parts'] == [{'PartNumber': 1, 'Size': len(first), member: text(first)}, {'PartNumber': 2, 'Size': 4, member: text(last)}]
        beyond = s3.get_object_attributes(Bucket=bucket, Key='summed', ObjectAttributes=['ObjectParts'], PartNumberMarker=2 ** 31 - 1)['ObjectParts']
        assert 'Parts' not in beyond and beyond['IsTruncated'] is False
    other = dict(Bucket=bucket, Key='other', UploadId=s3.create_multipart_upload(Bucket=bucket, Key='other', ChecksumAlgorithm='SHA256')['UploadId'])
    error = refused('InvalidRequest', s3.upload_part, PartNumber=1, Body=b'x', ChecksumAlgorithm='CRC32', **other)
    assert error['Error']['Message'] == 'Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: crc32'


def test_multipart_full_object_checksum(s3, bucket):
    """FULL_OBJECT: as if the whole had been uploaded at once; the header is younger than this SDK."""
    def with_type(request, **_):
        request.headers.add_header('x-amz-checksum-type', 'FULL_OBJECT')

    events = s3.meta.events
    events.register('before-sign.s3.CreateMultipartUpload', with_type)
    try:
        error = refused('InvalidRequest', s3.create_multipart_upload, Bucket=bucket, Key='full', ChecksumAlgorithm='SHA256')
        assert error['Error']['Message'] == 'The FULL_OBJECT checksum type cannot be used with the sha256 checksum algorithm.'
        upload = dict(Bucket=bucket, Key='full', UploadId=s3.create_multipart_upload(Bucket=bucket, Key='full', ChecksumAlgorithm='CRC32')['UploadId'])
    finally:
        events.unregister('before-sign.s3.CreateMultipartUpload', with_type)
    first, last = os.urandom(5 * 1024 * 1024), b'tail'
    parts = [{'PartNumber': n, 'ETag': s3.upload_part(PartNumber=n, Body=b, ChecksumAlgorithm='CRC32', **upload)['ETag']} for n, b in ((1, first), (2, last))]
    assert s3.complete_multipart_upload(MultipartUpload={'Parts': parts}, **upload)['ChecksumCRC32'] == crc32(first, last)


def test_signature_version_2_is_refused(s3, bucket, haar):
    """In a URL, as this SDK makes it unless it is told otherwise, and in a header."""
    s3.put_object(Bucket=bucket, Key='signed', Body=b'x')
    url = haar.client('s3', config=Config(signature_version='s3')).generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'signed'})
    assert 'AWSAccessKeyId=' in url
    for request in (urllib.request.Request(url), urllib.request.Request(f'{haar.url}/{bucket}/signed', headers={'Authorization': 'AWS test:c2lnbmF0dXJl'})):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request)
        body = error.value.read().decode()
        assert error.value.code == 400 and '<Code>InvalidRequest</Code>' in body
        assert 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.' in body
