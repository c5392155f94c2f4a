"""One deployment for all tests of the folder: they leave it as they found it."""

import pytest

from tests.payments.stack import Stack
from tests.support.daemon import Haar


@pytest.fixture(scope='session')
def stack():
    daemon = Haar()
    try:
        daemon.start()
        yield Stack(daemon).deploy()
    finally:
        daemon.close()


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
