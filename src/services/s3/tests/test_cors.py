"""Browsers of other origins: preflight requests and the headers of answers."""

import http.client

import botocore.config
import pytest

PAGE = 'https://shop.example'
RULES = [
    {'AllowedOrigins': ['https://*.example'], 'AllowedMethods': ['GET', 'PUT'], 'AllowedHeaders': ['x-amz-*', 'Content-Type'], 'ExposeHeaders': ['ETag'],
     'MaxAgeSeconds': 3000},
    {'AllowedOrigins': ['*'], 'AllowedMethods': ['GET']},
]
VARY = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method'


@pytest.fixture(scope='module')
def bucket(client):
    s3 = client('s3')
    s3.create_bucket(Bucket='pages')
    s3.create_bucket(Bucket='closed')
    s3.put_bucket_cors(Bucket='pages', CORSConfiguration={'CORSRules': RULES})
    s3.put_object(Bucket='pages', Key='a', Body=b'text')
    return 'pages'


def ask(haar, method, path, host=None, **headers):
    connection = http.client.HTTPConnection('127.0.0.1', haar.port, timeout=20)
    headers = {k.replace('_', '-'): v for k, v in headers.items()}
    connection.request(method, path, headers={**headers, **({'Host': host} if host else {})})
    answer = connection.getresponse()
    shown = {k.lower(): v for k, v in answer.getheaders() if k.lower().startswith('access-control-') or k.lower() == 'vary'}
    return answer.status, shown, answer.read().decode()


@pytest.mark.parametrize('path, host', [('/pages/a', None), ('/a', 'pages.s3.us-east-1.amazonaws.com'), ('/a', 'pages.localhost')])
def test_preflight(haar, bucket, path, host):
    status, headers, body = ask(haar, 'OPTIONS', path, host, Origin=PAGE, Access_Control_Request_Method='PUT',
                                Access_Control_Request_Headers='X-Amz-Date, content-type')
    assert (status, body) == (200, '')
    assert headers == {'access-control-allow-origin': PAGE, 'access-control-allow-methods': 'GET, PUT', 'access-control-max-age': '3000',
                       'access-control-allow-headers': 'x-amz-date, content-type', 'access-control-expose-headers': 'ETag',
                       'access-control-allow-credentials': 'true', 'vary': VARY}


def test_any_origin(haar, bucket):
    status, headers, _ = ask(haar, 'OPTIONS', '/pages/a', Origin='https://elsewhere.org', Access_Control_Request_Method='GET')
    assert status == 200 and headers == {'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET', 'vary': VARY}


@pytest.mark.parametrize('path, headers, status, code, words', [
    ('/pages/a', {'Origin': PAGE, 'Access_Control_Request_Method': 'DELETE'}, 403, 'AccessForbidden', 'CORSResponse: This CORS request is not allowed.'),
    ('/pages/a', {'Origin': 'https://elsewhere.org', 'Access_Control_Request_Method': 'PUT'}, 403, 'AccessForbidden', 'CORSResponse: This CORS request'),
    ('/pages/a', {'Origin': PAGE, 'Access_Control_Request_Method': 'PUT', 'Access_Control_Request_Headers': 'authorization'}, 403, 'AccessForbidden',
     '<Method>PUT</Method><ResourceType>OBJECT</ResourceType>'),
    ('/closed/a', {'Origin': PAGE, 'Access_Control_Request_Method': 'GET'}, 403, 'AccessForbidden', 'CORSResponse: CORS is not enabled for this bucket.'),
    ('/pages', {'Access_Control_Request_Method': 'GET'}, 400, 'BadRequest', 'Insufficient information. Origin request header needed.'),
    ('/pages', {'Origin': PAGE}, 400, 'BadRequest', 'Invalid Access-Control-Request-Method: null'),
])
def test_preflight_is_refused(haar, bucket, path, headers, status, code, words):
    got, shown, body = ask(haar, 'OPTIONS', path, **headers)
    assert got == status and f'<Code>{code}</Code>' in body and words in body and not shown


def test_answers_have_the_headers(haar, client, bucket):
    """Also those that refuse: without them a page could not read why."""
    url = haar.client('s3', config=botocore.config.Config(signature_version='s3v4')).generate_presigned_url('get_object', Params={'Bucket': 'pages', 'Key': 'a'})
    path = url[len(haar.url):]
    status, headers, body = ask(haar, 'GET', path, Origin=PAGE)
    assert (status, body) == (200, 'text') and headers['access-control-allow-origin'] == PAGE and headers['access-control-expose-headers'] == 'ETag'
    status, headers, body = ask(haar, 'GET', '/pages/a', Origin=PAGE)
    assert status == 403 and 'AccessDenied' in body and headers['access-control-allow-origin'] == PAGE
    assert ask(haar, 'DELETE', '/pages/a', Origin=PAGE)[1] == {} and ask(haar, 'GET', path)[1] == {}
