"""Buckets and their settings."""

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope='module')
def s3(client):
    return client('s3')


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value
    return caught.value.response


def test_buckets(s3, haar):
    s3.create_bucket(Bucket='first-bucket')
    assert 'first-bucket' in [b['Name'] for b in s3.list_buckets()['Buckets']]
    assert s3.get_bucket_location(Bucket='first-bucket')['LocationConstraint'] is None
    s3.head_bucket(Bucket='first-bucket')
    refused('404', s3.head_bucket, Bucket='no-such-bucket')
    west = haar.client('s3', region_name='us-west-2')
    west.create_bucket(Bucket='in-the-west', CreateBucketConfiguration={'LocationConstraint': 'us-west-2'})
    assert west.get_bucket_location(Bucket='in-the-west')['LocationConstraint'] == 'us-west-2'
    refused('BucketAlreadyOwnedByYou', west.create_bucket, Bucket='in-the-west', CreateBucketConfiguration={'LocationConstraint': 'us-west-2'})
    refused('IllegalLocationConstraintException', west.create_bucket, Bucket='other-west')
    s3.put_object(Bucket='first-bucket', Key='k', Body=b'')
    refused('BucketNotEmpty', s3.delete_bucket, Bucket='first-bucket')
    s3.delete_object(Bucket='first-bucket', Key='k')
    s3.delete_bucket(Bucket='first-bucket')
    refused('NoSuchBucket', s3.list_objects_v2, Bucket='first-bucket')


def test_settings(s3):
    bucket = 'settings'
    s3.create_bucket(Bucket=bucket)
    assert 'Status' not in s3.get_bucket_versioning(Bucket=bucket)
    rules = s3.get_bucket_encryption(Bucket=bucket)['ServerSideEncryptionConfiguration']['Rules']
    assert rules[0]['ApplyServerSideEncryptionByDefault'] == {'SSEAlgorithm': 'AES256'}
    refused('NoSuchTagSet', s3.get_bucket_tagging, Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={'TagSet': [{'Key': 'Team', 'Value': 'pay'}]})
    assert s3.get_bucket_tagging(Bucket=bucket)['TagSet'] == [{'Key': 'Team', 'Value': 'pay'}]
    block = {'BlockPublicAcls': True, 'IgnorePublicAcls': True, 'BlockPublicPolicy': True, 'RestrictPublicBuckets': True}
    assert s3.get_public_access_block(Bucket=bucket)['PublicAccessBlockConfiguration'] == block
    s3.delete_public_access_block(Bucket=bucket)
    refused('NoSuchPublicAccessBlockConfiguration', s3.get_public_access_block, Bucket=bucket)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)['OwnershipControls']['Rules'] == [{'ObjectOwnership': 'BucketOwnerEnforced'}]
    refused('NoSuchCORSConfiguration', s3.get_bucket_cors, Bucket=bucket)
    cors = [{'AllowedMethods': ['GET'], 'AllowedOrigins': ['*'], 'AllowedHeaders': ['*'], 'MaxAgeSeconds': 5}]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={'CORSRules': cors})
    assert s3.get_bucket_cors(Bucket=bucket)['CORSRules'] == cors
    assert [g['Permission'] for g in s3.get_bucket_acl(Bucket=bucket)['Grants']] == ['FULL_CONTROL']
    refused('AccessControlListNotSupported', s3.put_bucket_acl, Bucket=bucket, ACL='public-read')
    with pytest.raises(ClientError):
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={'IndexDocument': {'Suffix': 'x'}})


def test_lifecycle_rules(s3):
    bucket = 'aging'
    s3.create_bucket(Bucket=bucket)
    refused('NoSuchLifecycleConfiguration', s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    rules = [{'ID': 'ninety', 'Status': 'Enabled', 'Filter': {'Prefix': 'logs/'}, 'Expiration': {'Days': 90},
              'NoncurrentVersionExpiration': {'NoncurrentDays': 30}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={'Rules': rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)['Rules'] == rules
    assert 'rule-id="ninety"' in s3.put_object(Bucket=bucket, Key='logs/1', Body=b'x')['Expiration']
    assert 'Expiration' not in s3.put_object(Bucket=bucket, Key='kept', Body=b'x')


def test_policy(s3):
    bucket = 'policed'
    s3.create_bucket(Bucket=bucket)
    refused('NoSuchBucketPolicy', s3.get_bucket_policy, Bucket=bucket)
    public = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject',
                                                     'Resource': f'arn:aws:s3:::{bucket}/*'}]}
    refused('AccessDenied', s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(public))
    refused('MalformedPolicy', s3.put_bucket_policy, Bucket=bucket, Policy='{"Version": 1}')
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(public))
    assert s3.get_bucket_policy_status(Bucket=bucket)['PolicyStatus']['IsPublic'] is True
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)['Policy']) == public
    deny = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Deny', 'Principal': '*', 'Action': 's3:PutObject', 'Resource': f'arn:aws:s3:::{bucket}/no/*'}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(deny))
    refused('AccessDenied', s3.put_object, Bucket=bucket, Key='no/k', Body=b'')
    s3.put_object(Bucket=bucket, Key='yes', Body=b'')
    s3.delete_bucket_policy(Bucket=bucket)


def test_kms(s3, client):
    kms = client('kms')
    bucket = 'sealed'
    key = kms.create_key()['KeyMetadata']
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={'Rules': [
        {'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'aws:kms', 'KMSMasterKeyID': key['KeyId']}, 'BucketKeyEnabled': True}]})
    put = s3.put_object(Bucket=bucket, Key='k', Body=b'secret')
    assert (put['ServerSideEncryption'], put['SSEKMSKeyId'], put['BucketKeyEnabled']) == ('aws:kms', key['Arn'], True)
    assert s3.get_object(Bucket=bucket, Key='k')['Body'].read() == b'secret'
    kms.disable_key(KeyId=key['KeyId'])
    refused('KMS.DisabledException', s3.get_object, Bucket=bucket, Key='k')
    refused('KMS.DisabledException', s3.put_object, Bucket=bucket, Key='k2', Body=b'')
    kms.enable_key(KeyId=key['KeyId'])
    assert s3.get_object(Bucket=bucket, Key='k')['Body'].read() == b'secret'
