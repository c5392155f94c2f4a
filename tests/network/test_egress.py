"""haar serve --egress=host: what leaves by a NAT gateway reaches what the machine reaches, but not the machine. The machine's internet is a namespace here."""

import functools
import json
import os
import subprocess

import pytest

from tests.support.daemon import ROOT


@functools.lru_cache
def world(*options):
    command = ['unshare', '-nm' if os.geteuid() == 0 else '-Urnm', '/usr/bin/python3', os.path.join(ROOT, 'tests', 'network', 'internet.py'), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    if 'off' in result:
        pytest.skip(f'the network is off: {result["off"]}')
    return result


def test_a_nat_gateway_leads_to_the_internet_of_the_host(network):
    told = world('--egress=host')
    assert told['without a route'] == 'silence' and 'rtb-' in told['why']
    assert told['behind a NAT gateway'] == '9.9.9.1', 'haar dials for it'
    assert told["the host's own"] in ('ConnectionResetError', ''), 'a server listens there'
    assert told['private'] == 'silence'
    assert told['closed'] in ('ConnectionResetError', '')
    assert told['why after'].endswith('It arrives.\n') and 'reached from this machine' in told['why after']
    assert 'It does not arrive' in told['why private'] and 'private-address' in told['why private']
    assert 'It does not arrive' in told['why ping'] and 'TCP and UDP only' in told['why ping']
    assert told['in a public subnet'] == '9.9.9.1' and told['why public'].endswith('It arrives.\n')
    assert [e[:4] for e in told['listed'] if e[0] != 'no-route'] == [['private-address', told['interfaces'][0], '192.168.7.7', 8080]]


def test_without_the_option_there_is_no_way_out(network):
    told = world()
    assert told['without a route'] == told['behind a NAT gateway'] == told["the host's own"] == told['in a public subnet'] == 'silence'
    for trace in (told['why after'], told['why public']):
        assert 'It does not arrive' in trace and 'no way to the internet' in trace and 'haar stop; haar serve --egress=host' in trace and 'explain/no-internet.md' in trace, trace
    assert 'private-address' in told['why private']


def test_what_ends_there_is_listed_with_its_sender(network):
    """Behind a NAT gateway too: it is the function that waits, not the gateway."""
    told = world()
    private, public = told['interfaces']
    lost = {(e[1], e[2], e[3]): e for e in told['listed'] if e[0] == 'no-internet'}
    assert {(private, '9.9.9.2', 8080), (private, '9.9.9.2', 8081), (public, '9.9.9.2', 8080)} <= set(lost), told['listed']
    entry = lost[(public, '9.9.9.2', 8080)]
    assert entry[4].endswith('but this haar has no way there. On AWS it would arrive.') and entry[5].startswith('nothing: it would arrive. Here, the connection hangs')
    assert [e[1] for e in told['listed'] if e[0] == 'private-address'] == [private]


def test_datagrams_names_and_ipv6_get_out(network):
    told = world('--egress=host')
    assert told['datagram'] == ['9.9.9.1']
    assert told['name'] == ['9.9.9.2'] * 2 + ['2620:fe::2'] * 2
    assert told['no name'] == ['rcode 3'] * 4
    refused = [e for e in told['names'] if e['kind'] == 'name']
    assert [e['name'] for e in refused] == ['nobody.example.com'] and 'nor does the resolver of this machine' in refused[0]['why'], refused
    six = told['six']
    for way in (six['gateway'], six['egress-only']):
        assert way['tcp'] == '2620:fe::1' and way['datagram'] == ['2620:fe::1'] and way['private'] == 'silence', way
        assert way['why'].endswith('It arrives.\n')
    assert sorted(six['causes'], key=str) == sorted((['private-address', 'fd12::1', 6, six[way]['id']] for way in ('gateway', 'egress-only')), key=str)


def test_datagrams_and_ipv6_that_end_are_named_too(network):
    told = world()
    assert told['datagram'] == ['silence'] and told['name'] == ['rcode 3'] * 4
    six = told['six']
    for way in ('gateway', 'egress-only'):
        assert six[way]['tcp'] == 'silence' and six[way]['datagram'] == ['silence'] and 'explain/no-internet.md' in six[way]['why']
        assert {(c[0], c[1], c[2]) for c in six['causes'] if c[3] == six[way]['id']} == {('no-internet', '2620:fe::2', 6), ('no-internet', '2620:fe::2', 17),
                                                                                        ('private-address', 'fd12::1', 6)}
