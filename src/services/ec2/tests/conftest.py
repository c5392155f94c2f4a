"""What the tests of EC2's calls share: a daemon without a network, and its client."""

import pytest

from tests.support.daemon import Haar


@pytest.fixture(scope='module')
def daemon():
    daemon = Haar(options=['--network', 'off'])
    daemon.start()
    yield daemon
    daemon.close()


@pytest.fixture(scope='module')
def ec2(daemon):
    return daemon.client('ec2')
