"""Bytes on the wire: malformed, oversized, unsigned, wrongly signed, unknown. Every answer is one that an AWS SDK understands."""

import http.client
import json
import socket
import ssl

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError

HAAR_OPTIONS = ['--network=off']


def request(haar, method='POST', path='/', body=b'', **headers):
    connection = http.client.HTTPConnection('127.0.0.1', haar.port, timeout=30)
    connection.request(method, path, body=body, headers={k.replace('_', '-'): v for k, v in headers.items()})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.headers, data


def signed(haar, service, body, path='/', method='POST', key='test', secret='test', token=None, **headers):
    credentials = botocore.credentials.Credentials(key, secret, token)
    plain = botocore.awsrequest.AWSRequest(method, haar.url + path, data=body, headers={k.replace('_', '-'): v for k, v in headers.items()})
    botocore.auth.SigV4Auth(credentials, service, 'us-east-1').add_auth(plain)
    return request(haar, method, path, body, **dict(plain.headers.items()))


FORM = 'application/x-www-form-urlencoded'
IDENTITY = b'Action=GetCallerIdentity&Version=2011-06-15'


def test_signed_by_hand(haar):
    status, _, body = signed(haar, 'sts', IDENTITY, Content_Type=FORM)
    assert status == 200 and b'arn:aws:iam::000000000000:root' in body


def test_unsigned(haar):
    status, headers, body = request(haar, body=IDENTITY, Content_Type=FORM)
    assert status == 403
    assert b'<Code>MissingAuthenticationToken</Code>' in body
    assert b'Request is missing Authentication Token' in body
    assert headers['x-amzn-RequestId']


@pytest.mark.parametrize('key, secret, code', [('test', 'wrong', 'SignatureDoesNotMatch'), ('AKIANOBODYKNOWSTHIS0', 'x', 'InvalidClientTokenId')])
def test_wrong_credentials(haar, client, key, secret, code):
    with pytest.raises(ClientError) as error:
        client('sts', aws_access_key_id=key, aws_secret_access_key=secret).get_caller_identity()
    assert error.value.response['Error']['Code'] == code
    assert error.value.response['ResponseMetadata']['HTTPStatusCode'] == 403


def test_changed_body(haar):
    credentials = botocore.credentials.Credentials('test', 'test')
    plain = botocore.awsrequest.AWSRequest('POST', haar.url + '/', data=IDENTITY, headers={'Content-Type': FORM})
    botocore.auth.SigV4Auth(credentials, 'sts', 'us-east-1').add_auth(plain)
    status, _, body = request(haar, body=IDENTITY + b'&X=1', **dict(plain.headers.items()))
    assert status == 403 and b'SignatureDoesNotMatch' in body


def test_scope_of_another_service(haar):
    status, _, body = signed(haar, 'iam', IDENTITY, Content_Type=FORM)
    assert status in (400, 403) and b'<Error>' in body


@pytest.mark.parametrize('authorization', ['AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA256 Credential=', 'AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=, Signature=',
                                           'Bearer abc', 'AWS4-HMAC-SHA256 ' + 'x' * 5000])
def test_malformed_authorization(haar, authorization):
    status, _, body = request(haar, body=IDENTITY, Content_Type=FORM, Authorization=authorization)
    assert 400 <= status < 500 and body


def test_unknown_operation_of_a_service(haar):
    status, _, body = signed(haar, 'sts', b'Action=Dance&Version=2011-06-15', Content_Type=FORM)
    assert status == 400
    assert b'<Code>InvalidAction</Code>' in body and b'haar does not implement the operation Dance of sts' in body


def test_no_action(haar):
    status, _, body = signed(haar, 'sts', b'Version=2011-06-15', Content_Type=FORM)
    assert status == 400 and b'MissingAction' in body


def test_unknown_service(haar):
    status, _, body = signed(haar, 'braket', b'{}', Content_Type='application/x-amz-json-1.1', X_Amz_Target='Nothing_1.Do')
    answer = json.loads(body)
    assert status == 400
    assert answer['__type'].endswith('UnknownOperationException')
    assert 'haar does not implement the service braket' in json.dumps(answer)


def test_body_too_large_is_refused_before_it_is_sent(haar):
    with socket.create_connection(('127.0.0.1', haar.port), timeout=30) as raw:
        raw.sendall(b'POST / HTTP/1.1\r\nHost: sts.us-east-1.amazonaws.com\r\nContent-Length: 99999999\r\nContent-Type: application/x-amz-json-1.0\r\n\r\n')
        assert raw.recv(100).startswith(b'HTTP/1.1 413')


def test_headers_too_large(haar):
    with socket.create_connection(('127.0.0.1', haar.port), timeout=30) as raw:
        raw.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n')
        answer = b''
        try:
            raw.sendall(b'X-Filler: ' + b'y' * 300_000 + b'\r\n\r\n')
            answer = raw.recv(100)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert answer == b'' or answer.split()[1] in (b'431', b'413')


@pytest.mark.parametrize('data', [b'\x00\x01\x02\x03\r\n\r\n', b'GET\r\n\r\n', b'\x16\x03\x01\x00\x05hello', b'GET / HTTP/9.9\r\n\r\n',
                                  b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n',
                                  b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'])
def test_garbage_ends_only_its_connection(haar, data):
    with socket.create_connection(('127.0.0.1', haar.port), timeout=30) as raw:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        try:
            while raw.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert haar.call('GET', 'health')['status'] == 'ok'


def test_slow_client_does_not_hold_others(haar):
    with socket.create_connection(('127.0.0.1', haar.port), timeout=30) as raw:
        raw.sendall(b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Len')
        assert haar.call('GET', 'health')['status'] == 'ok'


def test_many_requests_on_one_connection(haar):
    connection = http.client.HTTPConnection('127.0.0.1', haar.port, timeout=30)
    for _ in range(50):
        connection.request('GET', '/_haar/health')
        assert json.loads(connection.getresponse().read())['status'] == 'ok'
    connection.close()


def test_pipelined_requests(haar):
    with socket.create_connection(('127.0.0.1', haar.port), timeout=30) as raw:
        raw.sendall(b'GET /_haar/health HTTP/1.1\r\nHost: localhost\r\n\r\n' * 5)
        answer = b''
        while answer.count(b'"status":"ok"') < 5:
            piece = raw.recv(4096)
            assert piece
            answer += piece


def test_many_idle_connections(haar):
    idle = [socket.create_connection(('127.0.0.1', haar.port), timeout=30) for _ in range(800)]
    for raw in idle[:400]:
        raw.sendall(b'GET /_haar/health HTTP/1.1\r\nHost: localhost\r\n\r\n')
    for raw in idle[:400]:
        assert b'"status":"ok"' in raw.recv(4096)
    assert haar.call('GET', 'health')['status'] == 'ok'
    for raw in idle:
        raw.close()


# --- TLS ---

def tls_name(haar, name, ca=True):
    context = ssl.create_default_context(cafile=haar.ca if ca else None)
    with socket.create_connection(('127.0.0.1', haar.port), timeout=30) as raw:
        with context.wrap_socket(raw, server_hostname=name) as tls:
            tls.sendall(b'GET /_haar/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
            answer = b''
            while piece := tls.recv(4096):
                answer += piece
            return tls.version(), answer


@pytest.mark.parametrize('name', ['localhost', '127.0.0.1', 'dynamodb.us-east-1.amazonaws.com', 'my.bucket.s3.eu-west-1.amazonaws.com',
                                  'abc123.execute-api.localhost'])
def test_tls_on_the_same_port_for_any_name(haar, name):
    version, answer = tls_name(haar, name)
    assert version == 'TLSv1.3'
    assert b'"status":"ok"' in answer


def test_tls_without_the_ca_is_not_trusted(haar):
    with pytest.raises(ssl.SSLCertVerificationError):
        tls_name(haar, 'localhost', ca=False)


def test_client_over_tls(haar, client):
    assert client('sts', endpoint_url=haar.https_url, verify=haar.ca).get_caller_identity()['Account'] == '000000000000'


def test_ca_outlives_a_restart(new_haar):
    haar = new_haar('--network=off')
    with open(haar.ca, encoding='ascii') as file:
        before = file.read()
    haar.restart()
    with open(haar.ca, encoding='ascii') as file:
        assert file.read() == before
    tls_name(haar, 'localhost')


# --- haar's own API ---

def test_admin_answers_only_to_local_names(haar):
    status, _, body = request(haar, 'GET', '/_haar/status', Host='attacker.example')
    assert status == 403 and b'names of this machine' in body
    status, _, _ = request(haar, 'POST', '/_haar/clock', b'{"advance":"1d"}', Origin='https://attacker.example')
    assert status == 403


def test_admin_unknown_path_and_bad_json(haar):
    assert request(haar, 'GET', '/_haar/nothing')[0] == 404
    assert request(haar, 'POST', '/_haar/clock', b'{')[0] == 400
    assert request(haar, 'POST', '/_haar/clock', b'[]')[0] == 400


def test_status_names_services(haar):
    status = haar.call('GET', 'status')
    assert 'GetCallerIdentity' in status['services']['sts']
    assert status['port'] == haar.port and status['network'] == 'off'
