"""Fixtures: haar (a daemon of the test's module), client("dynamodb"), resource("s3"), new_haar(...) (one of the test's own)."""

import pytest

from tests.support.daemon import Haar


@pytest.fixture(scope='module')
def haar(request):
    """A daemon with an empty data directory, shared by the tests of a module. HAAR_OPTIONS in the module: further options of `haar serve`."""
    daemon = Haar(options=getattr(request.module, 'HAAR_OPTIONS', ()))
    request.module.__haar_daemon__ = daemon
    try:
        yield daemon.start()
    finally:
        daemon.close()


@pytest.fixture
def new_haar(request):
    """new_haar(options) -> a started daemon of its own, ended after the test."""
    daemons = []

    def make(*options, data=None, start=True):
        daemon = Haar(data=data, options=options)
        daemons.append(daemon)
        return daemon.start() if start else daemon

    request.node.haar_daemons = daemons
    yield make
    for daemon in daemons:
        daemon.close()


@pytest.fixture(scope='module')
def client(haar):
    """client("dynamodb", region_name=..., aws_access_key_id=...) -> a boto3 client of the module's daemon."""
    made = {}

    def make(service, **settings):
        if settings:
            return haar.client(service, **settings)
        if service not in made:
            made[service] = haar.client(service)
        return made[service]

    return make


@pytest.fixture(scope='module')
def resource(haar):
    return haar.resource


@pytest.fixture(scope='module')
def network(haar):
    """Tests that need packets ask for it: where the machine forbids namespaces they are skipped, and say why."""
    status = haar.call('GET', 'status')
    if status.get('network') != 'on':
        pytest.skip(f'the network is off: {status.get("network_off_reason") or status.get("network")}')


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its daemons logged."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    daemons = list(getattr(item, 'haar_daemons', []))
    module = getattr(item, 'module', None)
    if module is not None and hasattr(module, '__haar_daemon__'):
        daemons.append(module.__haar_daemon__)
    for daemon in daemons:
        try:
            report.sections.append(('haar', daemon.log[-6000:]))
        except OSError:
            pass
