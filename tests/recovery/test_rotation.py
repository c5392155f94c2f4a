"""The database's password changes at its time: the four steps by the stack's own function in the VPC, payments going on meanwhile."""

import json
import threading

import pytest
from tests.payments.stack import Stack
from tests.support.daemon import Haar, wait_for
from tests.support.inside import Inside


@pytest.fixture(scope='module')
def stack(request):
    daemon = Haar()
    request.module.__haar_daemon__ = daemon
    try:
        yield Stack(daemon.start(), 'rotating').deploy(RotationDays=30)
    finally:
        daemon.close()


class Database:
    """Whether the writer accepts a password: asked from its own interface, as nothing but the function may reach it."""

    def __init__(self, stack):
        self.stack, self.rds = stack, stack.client('rds')
        self.inside = {}

    def writer(self):
        cluster = self.rds.describe_db_clusters(DBClusterIdentifier=self.stack.outputs['DatabaseClusterId'])['DBClusters'][0]
        return next(m['DBInstanceIdentifier'] for m in cluster['DBClusterMembers'] if m['IsClusterWriter'])

    def accepts(self, password):
        """TRUE, or the error's number: 1045 is a refused password."""
        name = self.rds.describe_db_instances(DBInstanceIdentifier=self.writer())['DBInstances'][0]['Endpoint']['Address']
        address = self.stack.probe('resolve', host=name)['ok'][0]
        if address not in self.inside:
            self.inside[address] = Inside(self.stack.haar, address)
        text = self.inside[address].python(f'''
            import subprocess
            run = subprocess.run(['mysql', '--no-defaults', '--host={address}', '--user=ledger', '--execute', 'DO 1'], capture_output=True, text=True,
                                 env={{'PATH': '/usr/bin:/bin', 'MYSQL_PWD': {password!r}}})
            print(run.returncode, run.stderr)
            ''')
        return text.split()[0] == '0' or int(text.split('ERROR ')[1].split()[0])


@pytest.fixture(scope='module')
def database(stack):
    stack.make_probe()
    return Database(stack)


def secret(stack, stage='AWSCURRENT'):
    answer = stack.client('secretsmanager').get_secret_value(SecretId=stack.outputs['DatabaseSecretArn'], VersionStage=stage)
    return json.loads(answer['SecretString'])['password'], answer['VersionId']


def stages(stack):
    found = stack.client('secretsmanager').describe_secret(SecretId=stack.outputs['DatabaseSecretArn'])['VersionIdsToStages']
    return {stage: version for version, names in found.items() for stage in names}


def advance(stack, time):
    done = stack.haar.run('clock', 'advance', time)
    assert done.returncode == 0, done.stderr


class Payer(threading.Thread):
    """Pays again and again; keeps the answers."""

    def __init__(self, stack):
        super().__init__()
        self.stack, self.answers, self.ends = stack, [], threading.Event()

    def run(self):
        while not self.ends.is_set():
            self.answers.append(self.stack.post({'amount': '1.00', 'currency': 'EUR'}, self.stack.key())[::2])


def test_rotated_at_its_time(stack, database):
    old, version = secret(stack)
    assert database.accepts(old) is True
    advance(stack, '31d')
    wait_for(lambda: secret(stack)[0] != old, 'another password', 60)
    new, current = secret(stack)
    assert database.accepts(new) is True and database.accepts(old) == 1045
    wait_for(lambda: stages(stack) == {'AWSCURRENT': current, 'AWSPREVIOUS': version}, 'the stages have moved')


def test_payments_go_on_while_it_rotates(stack, database):
    old, payer = secret(stack)[0], Payer(stack)
    stack.pay()
    payer.start()
    try:
        wait_for(lambda: payer.answers, 'a payment', 60)
        stack.client('secretsmanager').rotate_secret(SecretId=stack.outputs['DatabaseSecretArn'])
        wait_for(lambda: secret(stack)[0] != old, 'another password', 60)
        count = len(payer.answers)
        wait_for(lambda: len(payer.answers) > count + 5, 'payments after it', 60)
    finally:
        payer.ends.set()
        payer.join()
    assert [answer for answer in payer.answers if answer[0] != 200] == []


def versions(stack):
    """All that there were, oldest first."""
    found = stack.client('secretsmanager').list_secret_version_ids(SecretId=stack.outputs['DatabaseSecretArn'], IncludeDeprecated=True)['Versions']
    return sorted(found, key=lambda version: version['CreatedDate'])


def test_two_rotations_in_one_go(stack, database):
    """65 days: the password changes twice, each time at its own time, and payments go on before and after."""
    count, old = len(versions(stack)), secret(stack)[0]
    last = stack.client('secretsmanager').describe_secret(SecretId=stack.outputs['DatabaseSecretArn'])['LastRotatedDate']
    stack.pay()
    advance(stack, '65d')
    made = versions(stack)[count:]
    assert [version.get('VersionStages') for version in made] == [['AWSPREVIOUS'], ['AWSCURRENT']], made
    ages = [(version['CreatedDate'] - last).total_seconds() / 86400 for version in made]
    assert 30 <= ages[0] < 30.5 and 60 <= ages[1] < 61, ages
    stack.pay()
    assert database.accepts(secret(stack)[0]) is True and database.accepts(old) == 1045


def test_no_payment_is_lost_over_a_jump(stack, database):
    """Credentials of the function, of an hour, are over at its end: what was on its way ends well, and what comes gets new ones."""
    payers = [Payer(stack) for _ in range(3)]

    def more_are_paid():
        counts = [len(payer.answers) for payer in payers]
        wait_for(lambda: all(len(payer.answers) > count + 2 for payer, count in zip(payers, counts)), 'payments of each', 60)
    stack.pay()
    for payer in payers:
        payer.start()
    try:
        for _ in range(4):
            more_are_paid()
            advance(stack, '1d')
        more_are_paid()
    finally:
        for payer in payers:
            payer.ends.set()
        for payer in payers:
            payer.join()
    assert [answer for payer in payers for answer in payer.answers if answer[0] != 200] == []


def test_the_password_stays_after_the_engine_is_started_again(stack, database):
    new = secret(stack)[0]
    stack.client('rds').reboot_db_instance(DBInstanceIdentifier=database.writer())
    wait_for(lambda: stack.client('rds').describe_db_instances(DBInstanceIdentifier=database.writer())['DBInstances'][0]['DBInstanceStatus'] == 'available',
             'the writer is available', 60)
    assert database.accepts(new) is True
    assert stack.pay()['status']


def test_a_failed_step_leaves_the_pending_version_and_is_tried_again(stack, database):
    """The function may not read the secret's pending version for a time: nothing is changed, and later it goes on."""
    iam, old = stack.client('iam'), secret(stack)[0]
    role = stack.client('lambda').get_function_configuration(FunctionName='rotating-rotation')['Role'].split('/')[-1]
    denied = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Deny', 'Action': 'secretsmanager:PutSecretValue', 'Resource': '*'}]}
    iam.put_role_policy(RoleName=role, PolicyName='deny', PolicyDocument=json.dumps(denied))
    advance(stack, '31d')
    wait_for(lambda: 'AWSPENDING' in stages(stack), 'the rotation has begun', 60)
    assert secret(stack)[0] == old and database.accepts(old) is True
    iam.delete_role_policy(RoleName=role, PolicyName='deny')

    def goes_on():
        advance(stack, '6m')
        return secret(stack)[0] != old
    wait_for(goes_on, 'the rotation is done', 60)
    wait_for(lambda: 'AWSPENDING' not in stages(stack), 'nothing is pending')
    assert database.accepts(secret(stack)[0]) is True and database.accepts(old) == 1045
