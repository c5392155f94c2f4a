"""The distribution and DNS: what is served, what is not kept, and what happens when a colour is not well."""

import collections
import json

import pytest

from tests.payments.stack import DOMAIN, chi_squared
from tests.support.daemon import wait_for
from tests.support.dns import ask

BODY = json.dumps({'amount': '3.50', 'currency': 'EUR'})


def get_health(stack, host=None):
    status, headers, body = stack.request(host or stack.distribution_host, '/health', tls=True)
    return status, headers['x-cache'], json.loads(body)


def dns(stack, name):
    return [value.rstrip('.') if isinstance(value, str) else value for value in ask(stack.haar.call('GET', 'status')['dns'], name).values]


@pytest.mark.parametrize('name', ['', f'payments.{DOMAIN}'])
def test_distribution_serves_the_active_colour(stack, name):
    """By its own name and by its alias, over TLS."""
    assert get_health(stack, name) == (200, 'Miss from cloudfront', {'status': 'ok', 'version': stack.outputs['BlueVersion'], 'release': '1'})


def test_distribution_redirects_to_https(stack):
    """A POST stays a POST: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-viewers-to-cloudfront.html"""
    assert stack.request(stack.distribution_host, '/health')[0] == 301
    status, headers, _ = stack.request(stack.distribution_host, '/payment?a=1', method='POST', body=BODY)
    assert status == 307 and headers['location'] == f'https://{stack.distribution_host}/payment?a=1' and headers['x-cache'] == 'Redirect from cloudfront'


def test_payment_through_the_distribution_is_booked_once(stack):
    headers = {'Content-Type': 'application/json', 'Idempotency-Key': stack.key()}
    answers = [stack.request(stack.distribution_host, '/payment', 'POST', BODY, headers, tls=True) for _ in range(2)]
    assert [a[0] for a in answers] == [200, 200] and answers[0][2] == answers[1][2]
    assert 'idempotent-replayed' not in answers[0][1] and answers[1][1]['idempotent-replayed'] == 'true'
    rows = stack.ledger(json.loads(answers[0][2])['paymentId'])
    assert rows['payment']['amount_minor'] == '350' and len(rows['entries']) == 2


def test_nothing_is_kept_by_the_distribution(stack):
    assert [get_health(stack)[1] for _ in range(3)] == ['Miss from cloudfront'] * 3
    ids = {stack.request(stack.distribution_host, '/health', tls=True)[1]['x-amzn-requestid'] for _ in range(3)}
    assert len(ids) == 3


def test_distribution_takes_payments_at_their_path_only(stack):
    status, headers, _ = stack.request(stack.distribution_host, '/health', 'POST', BODY, tls=True)
    assert status == 403 and headers['x-cache'] == 'Error from cloudfront'


def test_distribution_serves_green_when_blue_fails(stack):
    with stack.broken_origin('blue'):
        assert stack.health('blue')[0] == 500
        status, _, body = get_health(stack)
        assert status == 200 and body['version'] == stack.outputs['GreenVersion']
        headers = {'Content-Type': 'application/json', 'Idempotency-Key': stack.key()}
        assert stack.request(stack.distribution_host, '/payment', 'POST', BODY, headers, tls=True)[0] == 200
    assert get_health(stack)[2]['version'] == stack.outputs['BlueVersion']


def test_domain_leads_to_the_distribution(stack, probe):
    """In the VPC and outside: an alias answers what the distribution's name does."""
    inside = [probe.probe('resolve', host=host) for host in (f'payments.{DOMAIN}', stack.distribution_host)]
    assert inside[0] == inside[1] and inside[0]['ok'], inside
    assert dns(stack, f'payments.{DOMAIN}')
    record = next(r for r in stack.client('route53').list_resource_record_sets(HostedZoneId=stack.outputs['ZoneId'])['ResourceRecordSets']
                  if r['Name'] == f'payments.{DOMAIN}.')
    assert record['AliasTarget']['DNSName'].rstrip('.') == stack.distribution_host


def test_weighted_records_are_met_in_proportion(split):
    hosts = {colour: split.colour_host(colour) for colour in ('blue', 'green')}
    counts = collections.Counter(dns(split, f'api.{DOMAIN}')[0] for _ in range(1000))
    assert set(counts) == set(hosts.values())
    assert chi_squared(counts, {hosts['blue']: 0.7, hosts['green']: 0.3}) < 20, counts


def check_status(stack, colour):
    answers = stack.client('route53').get_health_check_status(HealthCheckId=stack.id(f'{colour.capitalize()}HealthCheck'))['HealthCheckObservations']
    return answers[0]['StatusReport']['Status'] if answers else ''


def test_unhealthy_colour_is_not_answered(split):
    """The check asks each colour's own API, every ten seconds of the clock."""
    blue, green = split.colour_host('blue'), split.colour_host('green')

    def answered():
        return {dns(split, f'api.{DOMAIN}')[0] for _ in range(40)}

    split.advance('1m')
    wait_for(lambda: check_status(split, 'blue').startswith('Success'), 'blue is healthy')
    assert answered() == {blue, green}
    with split.broken_origin('green'):
        split.advance('1m')
        wait_for(lambda: answered() == {blue}, 'green is not answered')
        assert 'HTTP Status Code 500' in check_status(split, 'green')
    split.advance('1m')
    wait_for(lambda: answered() == {blue, green}, 'green is answered again')
