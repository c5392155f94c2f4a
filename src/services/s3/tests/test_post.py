"""Uploads by HTML forms: the policy's conditions, signatures of both versions, what is answered."""

import base64
import datetime
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import botocore.config
import pytest

HAAR_OPTIONS = ['--network=off']


@pytest.fixture(scope='module')
def s3(client):
    made = client('s3')
    made.create_bucket(Bucket='forms')
    return made


@pytest.fixture(scope='module')
def signer(haar):
    return haar.client('s3', config=botocore.config.Config(signature_version='s3v4'))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def send(url, fields, data=b'content', file_name='dir/a b.txt', end=True):
    """The form as a browser sends it; answers status, headers, body."""
    boundary, body = '----form', b''
    for name, value in fields.items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    if data is not None:
        body += (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\nContent-Type: text/plain\r\n\r\n'.encode()
                 + data + b'\r\n')
    body += f'--{boundary}--\r\n'.encode() if end else b''
    request = urllib.request.Request(url, data=body, method='POST', headers={'Content-Type': f'multipart/form-data; boundary={boundary}',
                                                                             'Origin': 'https://page.example'})
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def error_of(answer):
    root = xml.etree.ElementTree.fromstring(answer[2])
    return (answer[0], *(root.findtext(name) for name in ('Code', 'Message')))


def signed(fields, conditions, hours=1, key=('test', 'test')):
    """The fields with a policy of one's own, signed as version 4."""
    now = datetime.datetime.utcnow()
    date, scope = now.strftime('%Y%m%dT%H%M%SZ'), f'{key[0]}/{now:%Y%m%d}/us-east-1/s3/aws4_request'
    own = {'x-amz-algorithm': 'AWS4-HMAC-SHA256', 'x-amz-credential': scope, 'x-amz-date': date}
    document = {'expiration': (now + datetime.timedelta(hours=hours)).strftime('%Y-%m-%dT%H:%M:%SZ'),
                'conditions': [{k: v} for k, v in own.items()] + conditions}
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    secret = f'AWS4{key[1]}'.encode()
    for part in scope.split('/')[1:]:
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    return {**fields, **own, 'policy': policy, 'x-amz-signature': hmac.new(secret, policy.encode(), hashlib.sha256).hexdigest()}


@pytest.mark.parametrize('version', ['s3v4', 's3'])
def test_sdk(haar, s3, version):
    """What SDKs make, in both versions of the signature."""
    made = haar.client('s3', config=botocore.config.Config(signature_version=version)).generate_presigned_post(
        'forms', 'sdk/${filename}', Fields={'Content-Type': 'text/css', 'x-amz-meta-colour': 'blue'},
        Conditions=[{'Content-Type': 'text/css'}, ['starts-with', '$x-amz-meta-colour', ''], ['content-length-range', 1, 100]])
    status, headers, body = send(made['url'], made['fields'])
    assert (status, body) == (204, b'')
    got = s3.get_object(Bucket='forms', Key='sdk/a b.txt')
    assert (got['Body'].read(), got['ContentType'], got['Metadata']) == (b'content', 'text/css', {'colour': 'blue'})
    assert headers['ETag'] == got['ETag'] and headers['Location'].endswith('/forms/sdk/a%20b.txt')


def test_answers(haar, s3):
    url = f'{haar.url}/forms'
    base = [{'bucket': 'forms'}, ['starts-with', '$key', '']]
    status, _, body = send(url, signed({'key': 'k', 'success_action_status': '201'}, base + [{'success_action_status': '201'}]))
    root = xml.etree.ElementTree.fromstring(body)
    assert status == 201 and root.tag == 'PostResponse' and [root.findtext(n) for n in ('Bucket', 'Key')] == ['forms', 'k']
    assert root.findtext('ETag') == s3.head_object(Bucket='forms', Key='k')['ETag']
    assert send(url, signed({'key': 'k', 'success_action_status': '200'}, base + [{'success_action_status': '200'}]))[::2] == (200, b'')
    assert send(url, signed({'key': 'k', 'success_action_status': '418'}, base + [{'success_action_status': '418'}]))[0] == 204
    page = 'https://page.example/done?x=1'
    status, headers, _ = send(url, signed({'key': 'k/1', 'success_action_redirect': page}, base + [['eq', '$success_action_redirect', page]]))
    assert status == 303
    got = urllib.parse.parse_qs(urllib.parse.urlsplit(headers['Location']).query)
    assert headers['Location'].startswith(page + '&') and got['bucket'] == ['forms'] and got['key'] == ['k/1'] and got['etag'][0].startswith('"')
    s3.put_bucket_cors(Bucket='forms', CORSConfiguration={'CORSRules': [{'AllowedOrigins': ['https://page.example'], 'AllowedMethods': ['POST']}]})
    assert send(url, signed({'key': 'k'}, base))[1]['Access-Control-Allow-Origin'] == 'https://page.example'


REFUSED = {
    'key': ({'key': 'v/1'}, [['starts-with', '$key', 'u/']], {}, 403, 'AccessDenied',
            'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "u/"]'),
    'equal': ({'key': 'k', 'acl': 'private'}, [['eq', '$key', 'k'], {'acl': 'public-read'}], {}, 403, 'AccessDenied',
              'Invalid according to Policy: Policy Condition failed: ["eq", "$acl", "public-read"]'),
    'bucket': ({'key': 'k'}, [{'bucket': 'other'}, {'key': 'k'}], {}, 403, 'AccessDenied',
               'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "other"]'),
    'extra': ({'key': 'k', 'x-amz-meta-a': '1'}, [{'key': 'k'}], {}, 403, 'AccessDenied', 'Invalid according to Policy: Extra input fields: x-amz-meta-a'),
    'large': ({'key': 'k'}, [{'key': 'k'}, ['content-length-range', 1, 3]], {}, 400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size'),
    'small': ({'key': 'k'}, [{'key': 'k'}, ['content-length-range', 10, 30]], {}, 400, 'EntityTooSmall',
              'Your proposed upload is smaller than the minimum allowed size'),
    'expired': ({'key': 'k'}, [{'key': 'k'}], {'hours': -1}, 403, 'AccessDenied', 'Invalid according to Policy: Policy expired.'),
    'secret': ({'key': 'k'}, [{'key': 'k'}], {'key': ('test', 'wrong')}, 403, 'SignatureDoesNotMatch',
               'The request signature we calculated does not match the signature you provided. Check your key and signing method.'),
    'unknown': ({'key': 'k'}, [{'key': 'k'}], {'key': ('AKIANOBODY', 'x')}, 403, 'InvalidAccessKeyId',
                'The AWS Access Key Id you provided does not exist in our records.'),
    'no key': ({}, [], {}, 400, 'InvalidArgument', "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."),
}


@pytest.mark.parametrize('case', list(REFUSED))
def test_refused(haar, s3, case):
    fields, conditions, more, status, code, words = REFUSED[case]
    before = s3.list_objects_v2(Bucket='forms').get('KeyCount')
    assert error_of(send(f'{haar.url}/forms', signed(fields, conditions, **more))) == (status, code, words)
    assert s3.list_objects_v2(Bucket='forms').get('KeyCount') == before


def test_malformed(haar, s3):
    url = f'{haar.url}/forms'
    fields = signed({'key': 'k'}, [{'key': 'k'}])
    assert error_of(send(url, fields, data=None))[1:] == ('InvalidArgument', 'POST requires exactly one file upload per request.')
    assert error_of(send(url, fields, end=False))[:2] == (400, 'MalformedPOSTRequest')
    assert error_of(send(url, {**fields, 'x-ignore-a': 'x' * 30000}))[:2] == (400, 'MaxPostPreDataLengthExceeded')
    assert error_of(send(url, {**fields, 'policy': 'e30='}))[1] == 'SignatureDoesNotMatch'
    assert error_of(send(f'{haar.url}/none', fields))[:2] == (404, 'NoSuchBucket')
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, data=b'key=k', timeout=30)
    body = refused.value.read().decode()
    assert refused.value.code == 412 and '<Condition>Bucket POST must be of the enclosure-type multipart/form-data</Condition>' in body


def test_who_may(haar, client, s3):
    """The signer's policies decide; without a signature the bucket's."""
    url = f'{haar.url}/forms'
    iam = client('iam')
    iam.create_user(UserName='uploader')
    key = iam.create_access_key(UserName='uploader')['AccessKey']
    pair = (key['AccessKeyId'], key['SecretAccessKey'])
    fields = signed({'key': 'own/1'}, [{'key': 'own/1'}], key=pair)
    status, code, words = error_of(send(url, fields))
    assert (status, code) == (403, 'AccessDenied') and 's3:PutObject on resource: arn:aws:s3:::forms/own/1 because' in words
    iam.put_user_policy(UserName='uploader', PolicyName='p', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:PutObject', 'Resource': 'arn:aws:s3:::forms/own/*'}]}))
    assert send(url, fields)[0] == 204
    assert error_of(send(url, {'key': 'anybody'}))[:2] == (403, 'AccessDenied')
    s3.delete_public_access_block(Bucket='forms')
    s3.put_bucket_policy(Bucket='forms', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': '*', 'Action': 's3:PutObject', 'Resource': 'arn:aws:s3:::forms/any*'}]}))
    assert send(url, {'key': 'anybody'})[0] == 204
    s3.delete_bucket_policy(Bucket='forms')


def test_versions_and_encryption(haar, client, s3):
    key = client('kms').create_key()['KeyMetadata']['KeyId']
    s3.create_bucket(Bucket='sealed')
    s3.put_bucket_versioning(Bucket='sealed', VersioningConfiguration={'Status': 'Enabled'})
    fields = signed({'key': 'k', 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': key},
                    [{'key': 'k'}, {'x-amz-server-side-encryption': 'aws:kms'}, {'x-amz-server-side-encryption-aws-kms-key-id': key}])
    status, headers, _ = send(f'{haar.url}/sealed', fields, data=b'')
    got = s3.get_object(Bucket='sealed', Key='k')
    assert status == 204 and headers['x-amz-version-id'] == got['VersionId'] and got['SSEKMSKeyId'].endswith(key) and got['Body'].read() == b''


def test_a_session_over_a_jump_of_the_clock(haar, client, s3):
    """As for any call: what was signed before the jump still goes, what is signed after it with the old session does not."""
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': '*'}, 'Action': 'sts:AssumeRole'}]}
    arn = client('iam').create_role(RoleName='former', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    client('iam').put_role_policy(RoleName='former', PolicyName='p', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:PutObject', 'Resource': 'arn:aws:s3:::forms/*'}]}))
    session = client('sts').assume_role(RoleArn=arn, RoleSessionName='sent', DurationSeconds=900)['Credentials']

    def form():
        token = {'x-amz-security-token': session['SessionToken']}
        return signed({'key': 'jumped', **token}, [{'key': 'jumped'}, token], hours=9, key=(session['AccessKeyId'], session['SecretAccessKey']))

    before = form()
    assert send(f'{haar.url}/forms', before)[0] == 204
    assert error_of(send(f'{haar.url}/forms', {**before, 'x-amz-security-token': 'another'}))[1] == 'InvalidToken'
    time.sleep(1)  # signatures know only the second
    assert haar.run('clock', 'advance', '1h').returncode == 0
    assert send(f'{haar.url}/forms', before)[0] == 204
    assert error_of(send(f'{haar.url}/forms', form()))[:2] == (400, 'ExpiredToken')
