"""An ordinary user's daemon, from the payment stack to a refusal that is explained: what root has, in a user namespace of its own."""

import os
import shutil
import subprocess
import tempfile

import pytest

from tests.payments.stack import CARD, Stack
from tests.support.daemon import BINARY, ROOT, Haar, wait_for

USER = 65534      # nobody
DROP = ['setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all']


@pytest.fixture(scope='module')
def stack():
    if os.geteuid() != 0:
        pytest.skip('this test is an ordinary user already, and so is every other one')
    with tempfile.TemporaryDirectory(prefix='haar-user-') as folder:
        os.chmod(folder, 0o755)
        program = os.path.join(folder, 'bin', 'haar')
        shutil.copytree(os.path.join(ROOT, 'runtimes'), os.path.join(folder, 'share', 'haar', 'runtimes'))
        os.mkdir(os.path.dirname(program))
        shutil.copy(BINARY, program)
        home = os.path.join(folder, 'home')
        os.mkdir(home)
        os.chown(home, USER, USER)
        daemon = Haar(data=os.path.join(home, 'data'), options=['--dns-port', '0'], command=[*DROP, program])
        try:
            yield Stack(daemon.start()).deploy()
        finally:
            daemon.close()


def owned_by_user():
    return subprocess.run(['pgrep', '-u', str(USER)], capture_output=True, text=True, check=False).stdout.split()


def test_a_payment(stack):
    with open(f'/proc/{stack.haar.process.pid}/status', encoding='ascii') as status:
        status = dict(line.split(':', 1) for line in status)
    assert status['Uid'].split() == [str(USER)] * 4 and int(status['CapEff'], 16) == 0
    payment = stack.pay()
    assert stack.ledger(payment['paymentId'])['payment']['amount_minor'] == '1234'
    assert stack.log_object(payment)['paymentId'] == payment['paymentId']


def test_a_refusal_is_enforced_and_explained(stack):
    ec2, group = stack.client('ec2'), stack.id('DatabaseSecurityGroup')
    rules = ec2.describe_security_groups(GroupIds=[group])['SecurityGroups'][0]['IpPermissions']
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)
    try:
        stack.make_probe()
        interfaces = ec2.describe_network_interfaces(Filters=[{'Name': 'description', 'Values': ['RDSNetworkInterface']}])['NetworkInterfaces']
        address = interfaces[0]['PrivateIpAddress']
        assert stack.probe('connect', host=address, port=3306) == {'error': 'TimeoutError', 'message': 'timed out'}
        blocked = wait_for(lambda: [e for e in stack.haar.call('GET', 'why')['entries'] if e.get('to', {}).get('address') == address], 'it is explained')[0]
        assert blocked['cause'] == 'group-inbound' and blocked['rule'] == group
    finally:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    assert stack.post({'amount': '1.00', 'currency': 'EUR', 'card': CARD}, stack.key())[0] == 200


def test_a_database_s_logs_and_backups(stack):
    name, rds, logs = stack.id('DatabaseCluster'), stack.client('rds'), stack.client('logs')
    group = f'/aws/rds/cluster/{name}/error'
    wait_for(lambda: logs.filter_log_events(logGroupName=group, filterPattern='"ready for connections"')['events'], "the server's log")
    stack.haar.run('clock', 'advance', '1d')
    wait_for(lambda: rds.describe_db_cluster_snapshots(DBClusterIdentifier=name, SnapshotType='automated')['DBClusterSnapshots'], 'a backup')


def test_nothing_stays_when_it_is_killed(stack):
    assert len(owned_by_user()) > 3
    stack.haar.kill()
    wait_for(lambda: not owned_by_user(), 'every process of it is gone')
