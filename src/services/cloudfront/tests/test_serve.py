"""The data plane: what a viewer sees, and what an origin gets. The origins are servers of the test, on this machine."""

import concurrent.futures
import datetime
import gzip
import http.client
import http.server
import json
import socket
import ssl
import threading
import time

import pytest

from tests.support.daemon import wait_for

HAAR_OPTIONS = ('--network', 'off', '--dns-port', '0')
DISABLED, OPTIMIZED = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad', '658327ea-f89d-4fab-a63d-7e88639e58f6'
ALL_VIEWER, SECURITY = '216adef6-5c7f-47e4-b989-5492eafa07d3', '67f7725c-6f97-4210-82d7-5512b31e9d03'
ALL_METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE']


class Origin:
    """answers: path -> (status, headers, body); seen: (method, target, headers, body) in order."""

    def __init__(self):
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def setup(self):
                super().setup()
                origin.connections.append(self.connection)

            def answer(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                origin.seen.append((self.command, self.path, {name.title(): value for name, value in self.headers.items()}, body))
                status, headers, content = origin.answers.get(self.path.split('?')[0], (200, {}, self.path.encode()))
                if status == 'hang':
                    time.sleep(3)
                    return
                if headers.get('ETag') and self.headers.get('If-None-Match') == headers['ETag']:
                    status, content = 304, b''
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(content)))
                self.end_headers()
                if self.command != 'HEAD':
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

            def log_message(self, *args):
                pass

        self.answers, self.seen, self.connections = {}, [], []
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:  # those that are kept alive too
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def origin():
    made = Origin()
    yield made
    made.close()


@pytest.fixture(scope='module')
def cloudfront(client):
    return client('cloudfront')


def custom(port, name='main', **more):
    return {'Id': name, 'DomainName': 'localhost', **more,
            'CustomOriginConfig': {'HTTPPort': port, 'HTTPSPort': 443, 'OriginProtocolPolicy': 'http-only', 'OriginReadTimeout': 1}}


def behaviour(target='main', policy='allow-all', methods=None, cache=OPTIMIZED, **more):
    made = {'TargetOriginId': target, 'ViewerProtocolPolicy': policy, **more}
    if cache:
        made['CachePolicyId'] = cache
    if methods:
        made['AllowedMethods'] = {'Quantity': len(methods), 'Items': methods, 'CachedMethods': {'Quantity': 2, 'Items': ['GET', 'HEAD']}}
    return made


def old(ttl=(0, 86400, 31536000), query=False, cookies=None, headers=(), **more):
    return behaviour(cache=None, MinTTL=ttl[0], DefaultTTL=ttl[1], MaxTTL=ttl[2], ForwardedValues={
        'QueryString': query, 'Headers': {'Quantity': len(headers), 'Items': list(headers)},
        'Cookies': {'Forward': 'whitelist', 'WhitelistedNames': {'Quantity': len(cookies), 'Items': cookies}} if cookies else {'Forward': 'none'}}, **more)


def listed(*items):
    return {'Quantity': len(items), 'Items': list(items)}


class Viewer:
    def __init__(self, haar, distribution):
        self.haar, self.name, self.id = haar, distribution['DomainName'], distribution['Id']

    def ask(self, path='/', method='GET', headers=None, body=None, tls=False, host=None):
        if tls:
            context = ssl.create_default_context(cafile=self.haar.ca)
            connection = http.client.HTTPSConnection('localhost', self.haar.port, context=context, timeout=30)
            connection.sock = context.wrap_socket(socket.create_connection(('127.0.0.1', self.haar.port)), server_hostname=host or self.name)
        else:
            connection = http.client.HTTPConnection('127.0.0.1', self.haar.port, timeout=30)
        connection.request(method, path, body=body, headers={'Host': host or self.name, **(headers or {})})
        response = connection.getresponse()
        response.content = response.read()
        connection.close()
        return response

    def outcome(self, path='/', **more):
        response = self.ask(path, **more)
        return response.status, response.headers['X-Cache'].split()[0], response.content


@pytest.fixture
def distribute(haar, cloudfront, request):
    made = []

    def make(default, origins, **more):
        config = {'CallerReference': f'{request.node.name} {len(made)}', 'Comment': '', 'Enabled': True, 'Origins': listed(*origins), 'DefaultCacheBehavior': default}
        made.append(cloudfront.create_distribution(DistributionConfig={**config, **more})['Distribution'])
        return Viewer(haar, made[-1])

    return make


def test_hit_and_miss_and_headers(haar, origin, distribute):
    viewer = distribute(behaviour(), [custom(origin.port, CustomHeaders=listed({'HeaderName': 'X-Secret', 'HeaderValue': 'shared'}), OriginPath='/base')])
    first = viewer.ask('/a%20b?x=1', headers={'User-Agent': 'me', 'Cookie': 'c=1', 'X-Mine': '1', 'Accept': 'text/x'})
    assert (first.status, first.content, first.headers['X-Cache']) == (200, b'/base/a%20b', 'Miss from cloudfront')
    assert first.headers['Via'].endswith('.cloudfront.net (CloudFront)') and len(first.headers['X-Amz-Cf-Id']) == 56 and first.headers['X-Amz-Cf-Pop']
    method, target, headers, _ = origin.seen[0]
    assert (method, target, headers['Host'], headers['User-Agent'], headers['X-Secret']) == ('GET', '/base/a%20b', 'localhost', 'Amazon CloudFront', 'shared')
    assert headers['X-Forwarded-For'] == '127.0.0.1' and headers['X-Amz-Cf-Id'] == first.headers['X-Amz-Cf-Id']
    assert not {'Cookie', 'X-Mine', 'Accept', 'X-Forwarded-Proto'} & set(headers)
    haar.call('POST', 'clock', {'advance': '7s'})
    again = viewer.ask('/a%20b?x=2')
    assert (again.headers['X-Cache'], again.content, len(origin.seen)) == ('Hit from cloudfront', b'/base/a%20b', 1)
    assert int(again.headers['Age']) >= 7
    head = viewer.ask('/a%20b', 'HEAD')
    assert (head.headers['X-Cache'], head.headers['Content-Length'], head.content) == ('Hit from cloudfront', '11', b'')


def test_tls_and_alias(origin, cloudfront, distribute):
    certificate = {'ACMCertificateArn': 'arn:aws:acm:us-east-1:000000000000:certificate/x', 'SSLSupportMethod': 'sni-only'}
    viewer = distribute(behaviour(), [custom(origin.port)], Aliases=listed('www.shop.example', '*.wild.example'), ViewerCertificate=certificate)
    for host in (viewer.name, 'www.shop.example', 'any.wild.example'):
        assert viewer.ask('/x', tls=True, host=host).content == b'/x'
    unknown = viewer.ask('/', host='dnobody.cloudfront.net')
    assert unknown.status == 403 and b'The request could not be satisfied' in unknown.content and unknown.headers['X-Cache'] == 'Error from cloudfront'
    assert viewer.ask('/x', host=viewer.name.replace('cloudfront.net', 'cloudfront.localhost')).content == b'/x'


def test_viewer_protocol(origin, distribute):
    viewer = distribute(behaviour(policy='redirect-to-https', methods=ALL_METHODS), [custom(origin.port)],
                        CacheBehaviors=listed({'PathPattern': '/secure/*', **behaviour(policy='https-only')}))
    redirect = viewer.ask('/a?b=c')
    assert (redirect.status, redirect.headers['Location'], redirect.headers['X-Cache']) == (301, f'https://{viewer.name}/a?b=c', 'Redirect from cloudfront')
    assert viewer.ask('/a', 'POST', body=b'x').status == 307
    assert viewer.ask('/secure/x').status == 403 and viewer.ask('/secure/x', tls=True).status == 200 and viewer.ask('/a', tls=True).status == 200


def test_behaviours_in_order_and_methods(origin, distribute):
    other = Origin()
    try:
        viewer = distribute(behaviour(), [custom(origin.port), custom(other.port, 'api')], DefaultRootObject='index.html', CacheBehaviors=listed(
            {'PathPattern': 'api/?/*', **behaviour('api', methods=ALL_METHODS, cache=DISABLED, OriginRequestPolicyId=ALL_VIEWER)},
            {'PathPattern': 'api/*', **behaviour()}))
        assert viewer.ask('/').content == b'/index.html'
        refused = viewer.ask('/x', 'POST', body=b'1')
        assert refused.status == 403 and b'not configured to allow the HTTP request method' in refused.content
        made = viewer.ask('/api/1/pay?id=7', 'POST', body=b'{"amount": 1}', headers={'Content-Type': 'application/json', 'Idempotency-Key': 'k', 'Authorization': 'Bearer x'})
        assert (made.status, made.headers['X-Cache']) == (200, 'Miss from cloudfront')
        method, target, headers, body = other.seen[0]
        assert (method, target, body) == ('POST', '/api/1/pay?id=7', b'{"amount": 1}')
        assert (headers['Host'], headers['Idempotency-Key'], headers['Authorization']) == (viewer.name, 'k', 'Bearer x')
        assert [viewer.outcome('/api/1/x')[1] for _ in range(2)] == ['Miss', 'Miss'] and len(other.seen) == 3
        assert viewer.ask('/api/long/x').content == b'/api/long/x' and len(other.seen) == 3
    finally:
        other.close()


def test_cache_key(cloudfront, origin, distribute):
    policy = cloudfront.create_cache_policy(CachePolicyConfig={
        'Name': 'key', 'MinTTL': 0, 'DefaultTTL': 60, 'MaxTTL': 600, 'ParametersInCacheKeyAndForwardedToOrigin': {
            'EnableAcceptEncodingGzip': False, 'HeadersConfig': {'HeaderBehavior': 'whitelist', 'Headers': listed('X-Tenant')},
            'CookiesConfig': {'CookieBehavior': 'whitelist', 'Cookies': listed('session*')},
            'QueryStringsConfig': {'QueryStringBehavior': 'allExcept', 'QueryStrings': listed('utm')}}})['CachePolicy']['Id']
    viewer = distribute(behaviour(cache=policy), [custom(origin.port)])

    def kind(path, **headers):
        return viewer.outcome(path, headers=headers)[1]

    assert [kind('/p?a=1&utm=2'), kind('/p?utm=9&a=1'), kind('/p?a=2')] == ['Miss', 'Hit', 'Miss']
    assert origin.seen[0][1] == '/p?a=1'
    assert [kind('/p?a=1', **{'X-Tenant': 'b'}), kind('/p?a=1', **{'x-tenant': 'b'}), kind('/p?a=1', Cookie='z=1; session1=q'), kind('/p?a=1', Cookie='session1=q; y=2'),
            kind('/p?a=1', Cookie='y=2')] == ['Miss', 'Hit', 'Miss', 'Hit', 'Hit']
    assert origin.seen[-1][2]['Cookie'] == 'session1=q' and origin.seen[2][2]['X-Tenant'] == 'b'


def test_old_settings(origin, distribute):
    viewer = distribute(old(query=True, cookies=['id'], headers=['Accept-Language']), [custom(origin.port)])
    kinds = [viewer.outcome('/o?q=1', headers=h)[1] for h in ({'Accept-Language': 'de', 'Cookie': 'id=1; x=2'}, {'Accept-Language': 'de', 'Cookie': 'x=3; id=1'},
                                                               {'Accept-Language': 'en', 'Cookie': 'id=1'}, {'Accept-Language': 'en', 'Cookie': 'id=2'})]
    assert kinds == ['Miss', 'Hit', 'Miss', 'Miss']
    assert origin.seen[0][1] == '/o?q=1' and origin.seen[0][2]['Cookie'] == 'id=1' and origin.seen[0][2]['Accept-Language'] == 'de'


def test_times_to_live(haar, origin, distribute):
    viewer = distribute(old((10, 60, 120)), [custom(origin.port)])
    origin.answers = {'/short': (200, {'Cache-Control': 'max-age=1'}, b's'), '/long': (200, {'Cache-Control': 'max-age=9999'}, b'l'),
                      '/shared': (200, {'Cache-Control': 'max-age=1, s-maxage=30'}, b'h'), '/never': (200, {'Cache-Control': 'no-store'}, b'n'), '/plain': (200, {}, b'p')}
    for path in origin.answers:
        assert viewer.outcome(path)[1] == 'Miss'

    def kinds():
        return {path: viewer.outcome(path)[1] for path in origin.answers}

    def hits():
        return {path for path, kind in kinds().items() if kind == 'Hit'}

    assert hits() == {'/short', '/long', '/shared', '/never', '/plain'}  # the least TTL holds for all
    haar.call('POST', 'clock', {'advance': '15s'})
    assert hits() == {'/long', '/shared', '/plain'}
    haar.call('POST', 'clock', {'advance': '50s'})
    assert '/long' in hits()
    haar.call('POST', 'clock', {'advance': '60s'})
    assert viewer.outcome('/long')[1] == 'Miss'  # the greatest TTL holds too
    plain = distribute(old(), [custom(origin.port)])
    assert [plain.outcome('/never')[1] for _ in range(2)] == ['Miss', 'Miss']


def test_revalidation(haar, origin, distribute):
    viewer = distribute(behaviour(), [custom(origin.port)])
    origin.answers['/e'] = (200, {'ETag': '"v1"', 'Cache-Control': 'max-age=5'}, b'one')
    assert viewer.outcome('/e') == (200, 'Miss', b'one')
    haar.call('POST', 'clock', {'advance': '10s'})
    assert viewer.outcome('/e') == (200, 'RefreshHit', b'one') and origin.seen[-1][2]['If-None-Match'] == '"v1"'
    assert viewer.outcome('/e') == (200, 'Hit', b'one')
    assert viewer.ask('/e', headers={'If-None-Match': '"v1"'}).status == 304
    origin.answers['/e'] = (200, {'ETag': '"v2"', 'Cache-Control': 'max-age=5'}, b'two')
    haar.call('POST', 'clock', {'advance': '10s'})
    assert viewer.outcome('/e') == (200, 'Miss', b'two')
    origin.answers['/e'] = (503, {}, b'down')
    haar.call('POST', 'clock', {'advance': '10s'})
    assert viewer.outcome('/e') == (200, 'Hit', b'two')  # what is old is better than an error


def test_compression(origin, distribute):
    viewer = distribute(behaviour(Compress=True), [custom(origin.port)])
    text = b'hello ' * 1000
    origin.answers = {'/t': (200, {'Content-Type': 'text/css', 'ETag': '"x"'}, text), '/png': (200, {'Content-Type': 'image/png'}, text), '/small': (200, {'Content-Type': 'text/css'}, b'a')}
    packed = viewer.ask('/t', headers={'Accept-Encoding': 'br, gzip'})
    assert packed.headers['Content-Encoding'] == 'gzip' and packed.headers['ETag'] == 'W/"x"' and packed.headers['Vary'] == 'Accept-Encoding'
    assert gzip.decompress(packed.content) == text and len(packed.content) < 200
    assert viewer.ask('/t').content == text and viewer.ask('/t').headers['Content-Encoding'] is None
    for path in ('/png', '/small'):
        assert viewer.ask(path, headers={'Accept-Encoding': 'gzip'}).headers['Content-Encoding'] is None


def test_ranges(origin, distribute):
    viewer = distribute(behaviour(), [custom(origin.port)])
    origin.answers['/r'] = (200, {'ETag': '"r"'}, b'0123456789')
    part = viewer.ask('/r', headers={'Range': 'bytes=2-4'})
    assert (part.status, part.content, part.headers['Content-Range']) == (206, b'234', 'bytes 2-4/10')
    assert viewer.ask('/r', headers={'Range': 'bytes=-3'}).content == b'789' and viewer.ask('/r', headers={'Range': 'bytes=7-'}).content == b'789'
    assert viewer.ask('/r', headers={'Range': 'bytes=10-'}).status == 416 and viewer.ask('/r').content == b'0123456789'
    assert viewer.ask('/r', headers={'Range': 'bytes=0-1', 'If-Range': '"other"'}).status == 200 and len(origin.seen) == 1


def test_error_pages(haar, origin, distribute):
    viewer = distribute(behaviour(), [custom(origin.port)], CustomErrorResponses=listed(
        {'ErrorCode': 404, 'ResponsePagePath': '/sorry.html', 'ResponseCode': '200', 'ErrorCachingMinTTL': 30}, {'ErrorCode': 500, 'ErrorCachingMinTTL': 0}))
    origin.answers = {'/gone': (404, {}, b'no'), '/sorry.html': (200, {'Content-Type': 'text/html'}, b'sorry'), '/broken': (500, {}, b'oops')}
    assert viewer.outcome('/gone') == (200, 'Error', b'sorry')
    asked = len(origin.seen)
    assert viewer.ask('/gone').content == b'sorry' and len(origin.seen) == asked
    origin.answers['/gone'] = (200, {}, b'back')
    haar.call('POST', 'clock', {'advance': '31s'})
    assert viewer.outcome('/gone') == (200, 'Miss', b'back')
    assert viewer.outcome('/broken') == (500, 'Error', b'oops')
    origin.answers['/broken'] = (200, {}, b'fine')
    assert viewer.outcome('/broken') == (200, 'Miss', b'fine')  # an error that is kept for no time


def test_errors_are_kept_for_ten_seconds(haar, origin, distribute):
    viewer = distribute(behaviour(), [custom(origin.port)])
    origin.answers['/e'] = (500, {}, b'oops')
    assert viewer.outcome('/e')[0] == 500
    origin.answers['/e'] = (200, {}, b'fine')
    assert viewer.outcome('/e')[:2] == (500, 'Error')
    haar.call('POST', 'clock', {'advance': '11s'})
    assert viewer.outcome('/e') == (200, 'Miss', b'fine')


def test_dead_and_slow_origins(origin, distribute):
    dead = Origin()
    dead.close()
    viewer = distribute(behaviour(cache=DISABLED, methods=ALL_METHODS), [custom(dead.port), custom(origin.port, 'slow')], CacheBehaviors=listed(
        {'PathPattern': '/slow', **behaviour('slow', cache=DISABLED)}))
    refused = viewer.ask('/x')
    assert (refused.status, refused.headers['X-Cache']) == (502, 'Error from cloudfront') and b"wasn't able to connect to the origin" in refused.content
    origin.answers['/slow'] = ('hang', {}, b'')
    assert viewer.ask('/slow').status == 504
    nowhere = distribute(behaviour(cache=DISABLED), [{**custom(80), 'DomainName': 'nowhere.invalid'}])
    assert b"wasn't able to resolve the origin domain name" in nowhere.ask('/').content


def test_origin_group_fails_over(origin, distribute):
    blue, green = Origin(), origin
    group = {'Id': 'both', 'FailoverCriteria': {'StatusCodes': listed(500, 503)}, 'Members': listed({'OriginId': 'blue'}, {'OriginId': 'green'})}
    viewer = distribute(behaviour('both', cache=DISABLED), [custom(blue.port, 'blue'), custom(green.port, 'green')], OriginGroups=listed(group),
                        CacheBehaviors=listed({'PathPattern': '/write', **behaviour('blue', cache=DISABLED, methods=ALL_METHODS)}))
    blue.answers = {'/s': (503, {}, b'blue is down'), '/f': (404, {}, b'blue has it not')}
    green.answers = {'/s': (200, {}, b'green'), '/f': (200, {}, b'green'), '/d': (200, {}, b'green'), '/write': (200, {}, b'green')}
    assert viewer.outcome('/s') == (200, 'Miss', b'green') and viewer.outcome('/f') == (404, 'Error', b'blue has it not')
    blue.answers['/s'] = (200, {}, b'blue')
    assert viewer.outcome('/s')[2] == b'blue'  # each request begins with the first
    blue.close()
    assert viewer.outcome('/d') == (200, 'Miss', b'green')
    assert viewer.ask('/write', 'POST', body=b'x').status == 502


def test_invalidation(cloudfront, origin, distribute):
    viewer = distribute(behaviour(), [custom(origin.port)])
    for path in ('/img/a', '/img/b', '/other'):
        assert [viewer.outcome(path)[1] for _ in range(2)] == ['Miss', 'Hit']
    made = cloudfront.create_invalidation(DistributionId=viewer.id, InvalidationBatch={'Paths': listed('/img/*'), 'CallerReference': 'one'})['Invalidation']
    assert made['Status'] == 'InProgress'
    assert cloudfront.get_invalidation(DistributionId=viewer.id, Id=made['Id'])['Invalidation']['Status'] == 'Completed'
    assert [viewer.outcome(path)[1] for path in ('/img/a', '/img/b', '/other')] == ['Miss', 'Miss', 'Hit']
    assert [i['Id'] for i in cloudfront.list_invalidations(DistributionId=viewer.id)['InvalidationList']['Items']] == [made['Id']]
    with pytest.raises(cloudfront.exceptions.InvalidArgument):
        cloudfront.create_invalidation(DistributionId=viewer.id, InvalidationBatch={'Paths': listed('/a*b'), 'CallerReference': 'two'})


def test_response_headers_policy(cloudfront, origin, distribute):
    policy = cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig={
        'Name': 'mine', 'CustomHeadersConfig': listed({'Header': 'X-Team', 'Value': 'pay', 'Override': True}), 'CorsConfig': {
            'AccessControlAllowOrigins': listed('https://shop.example'), 'AccessControlAllowHeaders': listed('*'), 'AccessControlAllowMethods': listed('GET'),
            'AccessControlAllowCredentials': False, 'OriginOverride': True}})['ResponseHeadersPolicy']['Id']
    viewer = distribute(behaviour(ResponseHeadersPolicyId=policy), [custom(origin.port)], CacheBehaviors=listed({'PathPattern': '/s', **behaviour(ResponseHeadersPolicyId=SECURITY)}))
    allowed = viewer.ask('/x', headers={'Origin': 'https://shop.example'}).headers
    assert allowed['X-Team'] == 'pay' and allowed['Access-Control-Allow-Origin'] == 'https://shop.example'
    assert viewer.ask('/x', headers={'Origin': 'https://evil.example'}).headers['Access-Control-Allow-Origin'] is None
    secured = viewer.ask('/s').headers
    assert secured['Strict-Transport-Security'] == 'max-age=31536000' and secured['X-Content-Type-Options'] == 'nosniff' and secured['X-Frame-Options'] == 'SAMEORIGIN'


def test_s3_origin_with_access_control(client, cloudfront, distribute):
    s3 = client('s3')
    s3.create_bucket(Bucket='site')
    s3.put_object(Bucket='site', Key='v1/index.html', Body=b'<p>hello', ContentType='text/html', Metadata={'a': 'b'})
    control = cloudfront.create_origin_access_control(OriginAccessControlConfig={
        'Name': 'site', 'SigningProtocol': 'sigv4', 'SigningBehavior': 'always', 'OriginAccessControlOriginType': 's3'})['OriginAccessControl']['Id']
    viewer = distribute(behaviour('s3', cache=DISABLED), [{'Id': 's3', 'DomainName': 'site.s3.us-east-1.amazonaws.com', 'OriginPath': '/v1', 'OriginAccessControlId': control,
                                                           'S3OriginConfig': {'OriginAccessIdentity': ''}}], DefaultRootObject='index.html')
    denied = viewer.ask('/')
    assert denied.status == 403 and b'<Code>AccessDenied</Code>' in denied.content

    def allow(source):
        s3.put_bucket_policy(Bucket='site', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [{
            'Effect': 'Allow', 'Principal': {'Service': 'cloudfront.amazonaws.com'}, 'Action': 's3:GetObject', 'Resource': 'arn:aws:s3:::site/*',
            'Condition': {'StringEquals': {'AWS:SourceArn': source}}}]}))

    allow('arn:aws:cloudfront::000000000000:distribution/EOTHER')
    assert viewer.ask('/').status == 403
    allow(f'arn:aws:cloudfront::000000000000:distribution/{viewer.id}')
    page = viewer.ask('/')
    assert (page.status, page.content, page.headers['Content-Type'], page.headers['x-amz-meta-a']) == (200, b'<p>hello', 'text/html', 'b')
    assert viewer.ask('/index.html', headers={'Range': 'bytes=3-'}).content == b'hello'
    assert viewer.ask('/missing').status == 403  # without s3:ListBucket nobody learns what is not there


def test_writing_to_s3(client, cloudfront, distribute):
    s3 = client('s3')
    s3.create_bucket(Bucket='inbox')
    control = cloudfront.create_origin_access_control(OriginAccessControlConfig={
        'Name': 'inbox', 'SigningProtocol': 'sigv4', 'SigningBehavior': 'always', 'OriginAccessControlOriginType': 's3'})['OriginAccessControl']['Id']
    viewer = distribute(behaviour('s3', cache=DISABLED, methods=ALL_METHODS), [{'Id': 's3', 'DomainName': 'inbox.s3.us-east-1.amazonaws.com',
                                                                                'OriginAccessControlId': control, 'S3OriginConfig': {'OriginAccessIdentity': ''}}])
    assert viewer.ask('/a', 'PUT', body=b'x').status == 403
    s3.put_bucket_policy(Bucket='inbox', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [{
        'Effect': 'Allow', 'Principal': {'Service': 'cloudfront.amazonaws.com'}, 'Action': ['s3:PutObject', 's3:DeleteObject'], 'Resource': 'arn:aws:s3:::inbox/*'}]}))
    assert viewer.ask('/a', 'PUT', body=b'text', headers={'Content-Type': 'text/plain'}).status == 200
    read = s3.get_object(Bucket='inbox', Key='a')
    assert (read['Body'].read(), read['ContentType']) == (b'text', 'text/plain')
    assert viewer.ask('/a', 'DELETE').status == 204 and 'Contents' not in s3.list_objects_v2(Bucket='inbox')
    assert viewer.ask('/a', 'POST', body=b'x').status == 501


def test_logs(haar, client, origin, distribute):
    s3 = client('s3')
    s3.create_bucket(Bucket='logs')
    viewer = distribute(behaviour(), [custom(origin.port)], Logging={'Enabled': True, 'IncludeCookies': False, 'Bucket': 'logs.s3.amazonaws.com', 'Prefix': 'cdn/'})
    for _ in range(2):
        viewer.ask('/page?x=1', headers={'User-Agent': 'a browser', 'Cookie': 'secret=1'})
    haar.call('POST', 'clock', {'advance': '2m'})
    files = wait_for(lambda: s3.list_objects_v2(Bucket='logs').get('Contents'), 'the log is in the bucket')
    assert files[0]['Key'].startswith(f'cdn/{viewer.id}.') and files[0]['Key'].endswith('.gz')
    lines = gzip.decompress(s3.get_object(Bucket='logs', Key=files[0]['Key'])['Body'].read()).decode().splitlines()
    names = lines[1].removeprefix('#Fields: ').split()
    rows = [dict(zip(names, line.split('\t'), strict=True)) for line in lines[2:]]
    assert [row['x-edge-result-type'] for row in rows] == ['Miss', 'Hit']
    assert rows[0] | {'cs-uri-stem': '/page', 'cs-uri-query': 'x=1', 'sc-status': '200', 'cs(User-Agent)': 'a%20browser', 'cs(Cookie)': '-', 'cs(Host)': viewer.name,
                      'c-ip': '127.0.0.1', 'sc-bytes': '5', 'cs-protocol': 'http'} == rows[0]


def test_s3_origin_with_access_identity(client, cloudfront, distribute):
    s3 = client('s3')
    s3.create_bucket(Bucket='old-site')
    s3.put_object(Bucket='old-site', Key='a.txt', Body=b'old')
    identity = cloudfront.create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig={'CallerReference': 'old', 'Comment': 'x'})
    identity = identity['CloudFrontOriginAccessIdentity']
    viewer = distribute(behaviour('s3', cache=DISABLED), [{'Id': 's3', 'DomainName': 'old-site.s3.amazonaws.com', 'S3OriginConfig': {
        'OriginAccessIdentity': f'origin-access-identity/cloudfront/{identity["Id"]}'}}])
    assert viewer.ask('/a.txt').status == 403
    for principal in ({'AWS': f'arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {identity["Id"]}'}, {'CanonicalUser': identity['S3CanonicalUserId']}):
        s3.put_bucket_policy(Bucket='old-site', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [{
            'Effect': 'Allow', 'Principal': principal, 'Action': 's3:GetObject', 'Resource': 'arn:aws:s3:::old-site/*'}]}))
        assert viewer.outcome('/a.txt') == (200, 'Miss', b'old')
        s3.delete_bucket_policy(Bucket='old-site')
        assert viewer.ask('/a.txt').status == 403


def test_a_circle_is_refused(haar, distribute, client):
    """An API behind AllViewer sees the distribution's name as its Host: 403, as on AWS, and no request without end."""
    api = client('apigateway').create_rest_api(name='circle')['id']
    origin = {'Id': 'api', 'DomainName': f'{api}.execute-api.us-east-1.amazonaws.com', 'OriginPath': '/live', 'CustomOriginConfig': {
        'HTTPPort': 80, 'HTTPSPort': 443, 'OriginProtocolPolicy': 'http-only'}}
    viewer = distribute(behaviour('api', cache=DISABLED, OriginRequestPolicyId=ALL_VIEWER), [origin])
    answer = viewer.ask('/pay')
    assert answer.status == 403 and b'forward the Host header' in answer.content


def test_many_at_once_through_an_origin_that_is_this_daemon(haar, client, distribute):
    """Each request waits for another one of the same daemon: none may starve."""
    gateway = client('apigateway')
    api = gateway.create_rest_api(name='many')['id']
    root = {'restApiId': api, 'resourceId': gateway.get_resources(restApiId=api)['items'][0]['id'], 'httpMethod': 'GET'}
    gateway.put_method(**root, authorizationType='NONE')
    gateway.put_integration(**root, type='MOCK', requestTemplates={'application/json': '{"statusCode": 200}'})
    gateway.put_method_response(**root, statusCode='200')
    gateway.put_integration_response(**root, statusCode='200', responseTemplates={'application/json': 'x'})
    gateway.create_stage(restApiId=api, stageName='live', deploymentId=gateway.create_deployment(restApiId=api)['id'])
    origin = {'Id': 'api', 'DomainName': f'{api}.execute-api.us-east-1.amazonaws.com', 'OriginPath': '/live', 'CustomOriginConfig': {
        'HTTPPort': 80, 'HTTPSPort': 443, 'OriginProtocolPolicy': 'http-only'}}
    viewer = distribute(behaviour('api', cache=DISABLED), [origin])
    with concurrent.futures.ThreadPoolExecutor(120) as pool:
        answers = list(pool.map(lambda _: viewer.ask('/'), range(600)))
    assert {(answer.status, answer.content) for answer in answers} == {(200, b'x')}


def test_metrics(haar, client, origin, distribute):
    viewer = distribute(behaviour(cache=DISABLED), [custom(origin.port)])
    origin.answers = {'/bad': (404, {}, b'no'), '/good': (200, {}, b'0123456789')}
    for path in ('/good', '/good', '/good', '/bad'):
        viewer.ask(path)
    haar.call('POST', 'clock', {'advance': '2m'})
    now = datetime.datetime.fromisoformat(haar.call('GET', 'status')['time'].replace('Z', '+00:00'))

    def value(name, statistic):
        points = client('cloudwatch').get_metric_statistics(
            Namespace='AWS/CloudFront', MetricName=name, Period=3600, Statistics=[statistic], StartTime=now - datetime.timedelta(hours=1),
            EndTime=now + datetime.timedelta(hours=1), Dimensions=[{'Name': 'DistributionId', 'Value': viewer.id}, {'Name': 'Region', 'Value': 'Global'}])['Datapoints']
        return sum(point[statistic] for point in points)

    assert (value('Requests', 'Sum'), value('BytesDownloaded', 'Sum'), value('4xxErrorRate', 'Maximum')) == (4, 32, 100)


def test_survives_kill(new_haar, origin):
    daemon = new_haar(*HAAR_OPTIONS)
    made = daemon.client('cloudfront').create_distribution(DistributionConfig={
        'CallerReference': 'kept', 'Comment': '', 'Enabled': True, 'Origins': listed(custom(origin.port)), 'DefaultCacheBehavior': behaviour()})['Distribution']
    daemon.kill()
    daemon.start()
    assert wait_for(lambda: Viewer(daemon, made).ask('/x').content, 'it serves again') == b'/x'
