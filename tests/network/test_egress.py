"""haar serve --egress=host: what leaves by a NAT gateway reaches what the machine reaches, but not the machine. The machine's internet is a namespace here."""

import json
import os
import subprocess

import pytest

from tests.support.daemon import ROOT


def world(*options):
    command = ['unshare', '-n' if os.geteuid() == 0 else '-Urn', '/usr/bin/python3', os.path.join(ROOT, 'tests', 'network', 'internet.py'), *options]
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
    assert told['why after'].endswith('It arrives.\n')


def test_without_the_option_there_is_no_way_out(network):
    told = world()
    assert told['without a route'] == told['behind a NAT gateway'] == told["the host's own"] == 'silence'
