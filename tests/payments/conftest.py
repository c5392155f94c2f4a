"""One deployment for all tests of the folder, blue with green beside it: they leave it as they found it."""

import os

import pytest

from tests.payments.stack import DOMAIN, Stack
from tests.support.daemon import Haar

BLUE_ALONE = os.environ.get('PAYMENTS_COLOURS') == 'blue'     # for tests that need no candidate: half of the time


@pytest.fixture(scope='session')
def stack():
    daemon = Haar(options=('--dns-port', '0'))
    try:
        daemon.start()
        stack = Stack(daemon).deploy(DomainName=DOMAIN, CertificateArn=f'arn:aws:acm:us-east-1:000000000000:certificate/{DOMAIN}', AlertEmail='ops@example.com')
        yield stack if BLUE_ALONE else stack.deploy(GreenRelease='2')
    finally:
        daemon.close()


@pytest.fixture(scope='module')
def split(stack):
    """The stack while green gets 30 %."""
    stack.update(CandidateWeight=30)
    yield stack
    stack.update(CandidateWeight=0)


@pytest.fixture(scope='session')
def outputs(stack):
    return stack.outputs


@pytest.fixture(scope='session')
def payment(stack):
    """A payment that was made, with its key."""
    key = stack.key()
    return {'key': key, **stack.pay(key, userId='ada', description='CONFIDENTIAL-MARKER')}


@pytest.fixture(scope='session')
def probe(stack):
    stack.make_probe()
    return stack


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the daemon logged."""
    outcome = yield
    report = outcome.get_result()
    stack = getattr(item, 'funcargs', {}).get('stack') or getattr(item, 'funcargs', {}).get('probe')
    if report.failed and stack is not None:
        report.sections.append(('haar', stack.haar.log[-4000:]))
