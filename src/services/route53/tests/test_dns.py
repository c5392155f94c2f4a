"""DNS on the host's port: types, wildcards, aliases, routing policies, health."""

import collections
import datetime
import http.server
import threading

import pytest

from tests.support.daemon import wait_for
from tests.support.dns import ask

HAAR_OPTIONS = ('--network', 'off', '--dns-port', '0')


@pytest.fixture(scope='module')
def route53(client):
    return client('route53')


@pytest.fixture(scope='module')
def zone(route53):
    return route53.create_hosted_zone(Name='example.com', CallerReference='dns')['HostedZone']['Id'].split('/')[-1]


@pytest.fixture(scope='module')
def dig(haar):
    server = haar.call('GET', 'status')['dns']
    return lambda name, kind='A', **options: ask(server, name, kind, **options)


def record(name, kind, *values, ttl=60, **more):
    return {'Name': name, 'Type': kind, 'TTL': ttl, 'ResourceRecords': [{'Value': value} for value in values], **more}


def alias(name, target, zone, health=False, **more):
    return {'Name': name, 'Type': 'A', 'AliasTarget': {'HostedZoneId': zone, 'DNSName': target, 'EvaluateTargetHealth': health}, **more}


def put(route53, zone, *sets, action='UPSERT'):
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={'Changes': [{'Action': action, 'ResourceRecordSet': s} for s in sets]})


@pytest.fixture(scope='module')
def site():
    """An endpoint whose answer the test chooses: site.status, site.body."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen.append((self.path, self.headers['Host'], self.headers['User-Agent']))
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.status, server.body, server.seen = 200, b'all is well', []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def make_check(route53, reference, **config):
    return route53.create_health_check(CallerReference=reference, HealthCheckConfig=config)['HealthCheck']['Id']


def dead_check(route53, reference, **more):
    return make_check(route53, reference, Type='TCP', FullyQualifiedDomainName='localhost', Port=1, RequestInterval=10, FailureThreshold=1, **more)


def status(route53, check):
    observations = route53.get_health_check_status(HealthCheckId=check)['HealthCheckObservations']
    return observations[0]['StatusReport']['Status'] if observations else ''


def test_types(route53, zone, dig):
    put(route53, zone, record('a.example.com', 'A', '192.0.2.1', '192.0.2.2', ttl=5), record('a.example.com', 'AAAA', '2001:db8::1'),
        record('example.com', 'MX', '10 mail.example.com', '20 mail2.example.com.'),
        record('example.com', 'TXT', '"v=spf1 -all" "a\\"b"', '"\\303\\244"'), record('_sip._tcp.example.com', 'SRV', '1 2 5060 sip.example.com'),
        record('example.com', 'CAA', '0 issue "ca.example.net"'), record('c.example.com', 'CNAME', 'a.example.com'),
        record('out.example.com', 'CNAME', 'www.example.org'))
    answer = dig('A.Example.com')
    assert answer.code == 'NOERROR' and answer.authoritative and not answer.recursion_available
    assert sorted(row[2:] for row in answer.answer) == [(5, '192.0.2.1'), (5, '192.0.2.2')]
    assert dig('a.example.com', 'AAAA').values == ['2001:db8::1']
    assert sorted(dig('example.com', 'MX').values) == [(10, 'mail.example.com.'), (20, 'mail2.example.com.')]
    assert sorted(dig('example.com', 'TXT', tcp=True).values) == [('v=spf1 -all', 'a"b'), ('\xc3\xa4',)]
    assert dig('_sip._tcp.example.com', 'SRV').values == [(1, 2, 5060, 'sip.example.com.')]
    assert dig('example.com', 'CAA').values == [b'\x00\x05issueca.example.net']
    assert [row[1] for row in dig('c.example.com').answer] == ['CNAME', 'A', 'A']
    assert dig('out.example.com').values == ['www.example.org.']
    assert len(dig('example.com', 'NS').values) == 4 and dig('example.com', 'SOA').values[0][2] == 1


def test_no_name_no_data_no_zone(route53, zone, dig):
    put(route53, zone, record('deep.down.example.com', 'A', '192.0.2.1'))
    missing = dig('missing.example.com')
    assert missing.code == 'NXDOMAIN' and [row[1] for row in missing.authority] == ['SOA']
    for name, kind in [('deep.down.example.com', 'MX'), ('down.example.com', 'A')]:
        empty = dig(name, kind)
        assert empty.code == 'NOERROR' and not empty.answer and [row[1] for row in empty.authority] == ['SOA']
    assert dig('example.org').code == 'REFUSED'


def test_wildcard_and_delegation(route53, zone, dig):
    put(route53, zone, record('*.w.example.com', 'A', '192.0.2.8'), record('real.w.example.com', 'A', '192.0.2.9'),
        record('sub.example.com', 'NS', 'ns1.elsewhere.org', 'ns2.elsewhere.org'))
    assert dig('any.thing.w.example.com').values == ['192.0.2.8'] and dig('real.w.example.com').values == ['192.0.2.9']
    assert dig('x.real.w.example.com').code == 'NXDOMAIN'
    referral = dig('www.sub.example.com')
    assert not referral.answer and not referral.authoritative
    assert sorted(row[3] for row in referral.authority) == ['ns1.elsewhere.org.', 'ns2.elsewhere.org.']


def test_long_answers_are_truncated_over_udp(route53, zone, dig):
    put(route53, zone, record('many.example.com', 'A', *[f'198.51.100.{i}' for i in range(200)]))
    assert dig('many.example.com').truncated and len(dig('many.example.com', tcp=True).answer) == 200


def test_alias(route53, zone, dig):
    put(route53, zone, record('target.example.com', 'A', '192.0.2.40', ttl=17), alias('example.com', 'target.example.com', zone),
        alias('cdn.example.com', 'd111111abcdef8.cloudfront.net', 'Z2FDTNDATAQYW2'))
    assert dig('example.com').answer == [('example.com.', 'A', 17, '192.0.2.40')]
    assert dig('cdn.example.com').answer == [('cdn.example.com.', 'A', 60, '127.0.0.1')]
    answer = route53.test_dns_answer(HostedZoneId=zone, RecordName='example.com', RecordType='A')
    assert answer['RecordData'] == ['192.0.2.40'] and answer['ResponseCode'] == 'NOERROR'


def test_weights_are_met(route53, zone, dig):
    weights = {'192.0.2.1': 10, '192.0.2.2': 30, '192.0.2.3': 60}
    put(route53, zone, *[record('w.example.com', 'A', address, SetIdentifier=address, Weight=weight) for address, weight in weights.items()])
    asked = 10000
    counts = collections.Counter(dig('w.example.com').values[0] for _ in range(asked))
    chi_squared = sum((counts[address] - asked * weight / 100) ** 2 / (asked * weight / 100) for address, weight in weights.items())
    assert chi_squared < 20, counts  # 2 degrees of freedom: by chance once in 22,000 runs


def test_weight_zero(route53, zone, dig):
    put(route53, zone, record('z.example.com', 'A', '192.0.2.1', SetIdentifier='a', Weight=0),
        record('z.example.com', 'A', '192.0.2.2', SetIdentifier='b', Weight=0))
    assert {dig('z.example.com').values[0] for _ in range(100)} == {'192.0.2.1', '192.0.2.2'}
    put(route53, zone, record('z.example.com', 'A', '192.0.2.2', SetIdentifier='b', Weight=1))
    assert {dig('z.example.com').values[0] for _ in range(100)} == {'192.0.2.2'}


def test_latency_geolocation_multivalue(route53, zone, dig):
    put(route53, zone, *[record('l.example.com', 'A', address, SetIdentifier=region, Region=region)
                         for region, address in (('eu-west-1', '192.0.2.1'), ('us-east-1', '192.0.2.2'), ('us-west-2', '192.0.2.3'))])
    assert dig('l.example.com').values == ['192.0.2.2']
    put(route53, zone, record('g.example.com', 'A', '192.0.2.1', SetIdentifier='all', GeoLocation={'CountryCode': '*'}),
        record('g.example.com', 'A', '192.0.2.2', SetIdentifier='na', GeoLocation={'ContinentCode': 'NA'}),
        record('g.example.com', 'A', '192.0.2.3', SetIdentifier='us', GeoLocation={'CountryCode': 'US'}))
    assert dig('g.example.com').values == ['192.0.2.3']
    put(route53, zone, *[record('m.example.com', 'A', f'192.0.2.{i}', SetIdentifier=str(i), MultiValueAnswer=True) for i in range(10)])
    assert len(set(dig('m.example.com').values)) == 8


def test_failover(haar, route53, zone, dig, site):
    check = make_check(route53, 'failover', Type='HTTP', FullyQualifiedDomainName='localhost', Port=site.server_port, ResourcePath='/health',
                       RequestInterval=10, FailureThreshold=2)
    put(route53, zone, record('f.example.com', 'A', '192.0.2.1', SetIdentifier='p', Failover='PRIMARY', HealthCheckId=check),
        record('f.example.com', 'A', '192.0.2.2', SetIdentifier='s', Failover='SECONDARY'))
    wait_for(lambda: status(route53, check).startswith('Success'), 'the endpoint is healthy')
    assert site.seen[-1] == ('/health', f'localhost:{site.server_port}',
                             f'Amazon-Route53-Health-Check-Service (ref {check}; report http://amzn.to/1vsZADi)')
    assert dig('f.example.com').values == ['192.0.2.1']
    site.status = 503
    haar.call('POST', 'clock', {'advance': '10s'})
    wait_for(lambda: status(route53, check).startswith('Failure'), 'the first bad look')
    assert dig('f.example.com').values == ['192.0.2.1']  # one of two
    haar.call('POST', 'clock', {'advance': '20s'})
    wait_for(lambda: dig('f.example.com').values == ['192.0.2.2'], 'DNS follows')
    reason = route53.get_health_check_last_failure_reason(HealthCheckId=check)['HealthCheckObservations'][0]['StatusReport']['Status']
    assert reason == 'Failure: HTTP Status Code 503'
    site.status = 200
    haar.call('POST', 'clock', {'advance': '1m'})
    wait_for(lambda: dig('f.example.com').values == ['192.0.2.1'], 'DNS comes back')


def test_unhealthy_is_not_answered_unless_all_are(haar, route53, zone, dig, site):
    dead = dead_check(route53, 'dead')
    well = make_check(route53, 'well', Type='HTTP_STR_MATCH', FullyQualifiedDomainName='localhost', Port=site.server_port, SearchString='is well',
                      RequestInterval=10, FailureThreshold=1)
    put(route53, zone, record('u.example.com', 'A', '192.0.2.1', SetIdentifier='a', Weight=100, HealthCheckId=dead),
        record('u.example.com', 'A', '192.0.2.2', SetIdentifier='b', Weight=1, HealthCheckId=well),
        record('u.example.com', 'A', '192.0.2.3', SetIdentifier='c', Weight=0))
    wait_for(lambda: 'refused' in status(route53, dead), 'the dead port is seen')
    assert {dig('u.example.com').values[0] for _ in range(100)} == {'192.0.2.2'}
    site.body = b'nothing'
    haar.call('POST', 'clock', {'advance': '30s'})
    wait_for(lambda: 'search string' in status(route53, well), 'the string is missed')
    assert {dig('u.example.com').values[0] for _ in range(100)} == {'192.0.2.3'}  # weight 0 once the others are gone
    put(route53, zone, record('u.example.com', 'A', '192.0.2.3', SetIdentifier='c', Weight=0), action='DELETE')
    assert {dig('u.example.com').values[0] for _ in range(1000)} == {'192.0.2.1', '192.0.2.2'}  # all unhealthy: all are answered
    site.body = b'all is well'


def test_calculated_inverted_disabled(route53, zone, dig):
    dead, inverted = dead_check(route53, 'calc-dead'), dead_check(route53, 'calc-inverted', Inverted=True)
    half = make_check(route53, 'half', Type='CALCULATED', ChildHealthChecks=[dead, inverted], HealthThreshold=1)
    both = make_check(route53, 'both', Type='CALCULATED', ChildHealthChecks=[dead, inverted], HealthThreshold=2)
    for check in (dead, inverted):
        wait_for(lambda check=check: status(route53, check).startswith('Failure'), 'the port is dead')
    assert status(route53, half).startswith('Success') and status(route53, both).startswith('Failure')
    put(route53, zone, record('k.example.com', 'A', '192.0.2.1', SetIdentifier='p', Failover='PRIMARY', HealthCheckId=both),
        record('k.example.com', 'A', '192.0.2.2', SetIdentifier='s', Failover='SECONDARY'))
    assert dig('k.example.com').values == ['192.0.2.2']
    route53.update_health_check(HealthCheckId=dead, Disabled=True)  # a disabled one is healthy
    assert dig('k.example.com').values == ['192.0.2.1']
    with pytest.raises(route53.exceptions.HealthCheckVersionMismatch):
        route53.update_health_check(HealthCheckId=dead, HealthCheckVersion=1, Disabled=False)


def test_check_of_an_alarm_and_metrics(haar, client, route53):
    cloudwatch = client('cloudwatch')
    cloudwatch.put_metric_alarm(AlarmName='errors', Namespace='Mine', MetricName='Errors', Statistic='Sum', Period=60, EvaluationPeriods=1, Threshold=0,
                                ComparisonOperator='GreaterThanThreshold', TreatMissingData='ignore')
    check = make_check(route53, 'alarm', Type='CLOUDWATCH_METRIC', AlarmIdentifier={'Region': 'us-east-1', 'Name': 'errors'}, InsufficientDataHealthStatus='Unhealthy')
    wait_for(lambda: 'INSUFFICIENT_DATA' in status(route53, check), 'the alarm is looked at')
    assert status(route53, check).startswith('Failure')
    for state, outcome in (('OK', 'Success'), ('ALARM', 'Failure')):
        cloudwatch.set_alarm_state(AlarmName='errors', StateValue=state, StateReason='test')
        haar.call('POST', 'clock', {'advance': '31s'})
        wait_for(lambda state=state, outcome=outcome: status(route53, check) == f'{outcome}: the alarm errors is in the state {state}', f'the check follows to {state}')
    haar.call('POST', 'clock', {'advance': '2m'})
    now = datetime.datetime.fromisoformat(haar.call('GET', 'status')['time'].replace('Z', '+00:00'))
    points = cloudwatch.get_metric_statistics(
        Namespace='AWS/Route53', MetricName='HealthCheckStatus', Dimensions=[{'Name': 'HealthCheckId', 'Value': check}], Period=3600, Statistics=['Minimum'],
        StartTime=now - datetime.timedelta(hours=2), EndTime=now + datetime.timedelta(hours=1))['Datapoints']
    assert points and min(point['Minimum'] for point in points) == 0


def test_alias_follows_its_targets_health(route53, zone, dig):
    dead = dead_check(route53, 'alias-dead')
    put(route53, zone, record('blue.example.com', 'A', '192.0.2.1', SetIdentifier='x', Weight=1, HealthCheckId=dead),
        record('green.example.com', 'A', '192.0.2.2'))
    put(route53, zone, alias('bg.example.com', 'blue.example.com', zone, health=True, SetIdentifier='p', Failover='PRIMARY'),
        alias('bg.example.com', 'green.example.com', zone, SetIdentifier='s', Failover='SECONDARY'))
    wait_for(lambda: dig('bg.example.com').values == ['192.0.2.2'], 'the alias fails over')


def test_survives_kill(new_haar):
    daemon = new_haar(*HAAR_OPTIONS)
    route53 = daemon.client('route53')
    zone = route53.create_hosted_zone(Name='kept.example', CallerReference='kept')['HostedZone']['Id']
    check = dead_check(route53, 'kept')
    put(route53, zone, record('www.kept.example', 'A', '192.0.2.1', SetIdentifier='p', Failover='PRIMARY', HealthCheckId=check),
        record('www.kept.example', 'A', '192.0.2.2', SetIdentifier='s', Failover='SECONDARY'))
    daemon.kill()
    daemon.start()
    server = daemon.call('GET', 'status')['dns']
    wait_for(lambda: ask(server, 'www.kept.example').values == ['192.0.2.2'], 'zone and health check are there again')
    assert daemon.client('route53').list_resource_record_sets(HostedZoneId=zone)['ResourceRecordSets'][2]['SetIdentifier'] == 'p'
    assert [c['Id'] for c in daemon.client('route53').list_health_checks()['HealthChecks']] == [check]
