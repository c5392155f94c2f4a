"""The logs of the database servers in CloudWatch Logs: which, where, and each line once."""

import re

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for

from src.services.rds.tests.database import PASSWORD, Cluster

GROUP = {'DBClusterParameterGroupName': 'logging'}


def parameter(name, value, method='immediate'):
    return {'ParameterName': name, 'ParameterValue': value, 'ApplyMethod': method}


@pytest.fixture(scope='module')
def cluster(haar, network):
    rds = haar.client('rds')
    rds.create_db_cluster_parameter_group(**GROUP, DBParameterGroupFamily='aurora-mysql8.0', Description='d')
    rds.modify_db_cluster_parameter_group(**GROUP, Parameters=[
        parameter('slow_query_log', '1', 'pending-reboot'), parameter('long_query_time', '0.5', 'pending-reboot'),
        parameter('server_audit_logging', '1', 'pending-reboot'), parameter('server_audit_events', 'CONNECT,QUERY_DDL', 'pending-reboot')])
    return Cluster(haar, 'told', '10.8', instances=2, EnableCloudwatchLogsExports=['error', 'slowquery', 'audit'], **GROUP)


def messages(haar, kind, instance='told-1', cluster='told'):
    """All of a stream, in its order."""
    logs, found, token = haar.client('logs'), [], {}
    group = f'/aws/rds/cluster/{cluster}/{kind}'
    while True:
        try:
            page = logs.get_log_events(logGroupName=group, logStreamName=instance, startFromHead=True, **token)
        except logs.exceptions.ResourceNotFoundException:
            return []
        found += [event['message'] for event in page['events']]
        if not page['events']:
            return found
        token = {'nextToken': page['nextForwardToken']}


def path(haar, cluster, name, instance='told-1'):
    resource = cluster.rds.describe_db_instances(DBInstanceIdentifier=instance)['DBInstances'][0]['DbiResourceId']
    return f'{haar.data}/rds/{resource}/{name}'


def lines(haar, cluster, name):
    with open(path(haar, cluster, name), encoding='utf-8') as log:
        return [line.rstrip() for line in log.read().splitlines() if line.strip()]


def test_errors_slow_queries_and_the_audit_arrive(haar, cluster):
    cluster.sql('SELECT SLEEP(0.6) AS waited; CREATE TABLE seen (id INT)')
    slow = wait_for(lambda: [m for m in messages(haar, 'slowquery') if 'SLEEP(0.6)' in m], 'the slow query')
    assert len(slow) == 1 and slow[0].startswith('# Time: ') and '# User@Host: admin[admin]' in slow[0] and slow[0].endswith('SELECT SLEEP(0.6) AS waited;')
    assert re.search(r'# Query_time: 0\.6', slow[0])
    made = wait_for(lambda: [m for m in messages(haar, 'audit') if 'CREATE TABLE seen' in m], 'the audit record')
    assert len(made) == 1 and re.match(r'\d{8} \d\d:\d\d:\d\d,told-1,admin,', made[0])
    assert any(',CONNECT,' in m for m in messages(haar, 'audit'))
    assert not any(',rdsadmin,' in m and ',QUERY,' in m for m in messages(haar, 'audit'))  # connections of all users are recorded, as on AWS
    wait_for(lambda: any('ready for connections' in m for m in messages(haar, 'error')), "the server's start")
    wait_for(lambda: any('ready for connections' in m for m in messages(haar, 'error', 'told-2')), "the replica's start")
    assert messages(haar, 'general') == []
    versions = cluster.rds.describe_db_engine_versions(Engine='aurora-mysql')['DBEngineVersions']
    assert versions[0]['ExportableLogTypes'] == ['audit', 'error', 'general', 'slowquery']


def test_a_modified_cluster_exports_from_then_on(haar, cluster):
    cluster.rds.modify_db_cluster_parameter_group(**GROUP, Parameters=[parameter('general_log', '1')])
    wait_for(lambda: cluster.sql("SHOW GLOBAL VARIABLES LIKE 'general_log'").endswith('ON'), 'the server logs all')
    cluster.sql('SELECT 1 AS before_the_export')
    changed = cluster.rds.modify_db_cluster(DBClusterIdentifier='told', CloudwatchLogsExportConfiguration={
        'EnableLogTypes': ['general'], 'DisableLogTypes': ['audit']})['DBCluster']
    assert changed['EnabledCloudwatchLogsExports'] == ['error', 'general', 'slowquery']
    instance = cluster.rds.describe_db_instances(DBInstanceIdentifier='told-2')['DBInstances'][0]
    assert instance['EnabledCloudwatchLogsExports'] == ['error', 'general', 'slowquery']
    cluster.rds.modify_db_cluster(DBClusterIdentifier='told', MasterUserPassword=PASSWORD, ApplyImmediately=True)
    wait_for(lambda: cluster.describe()['Status'] == 'available' and 'MasterUserPassword' not in cluster.describe().get('PendingModifiedValues', {}), 'it is set')
    cluster.sql("SELECT 1 AS behind_it; CREATE TABLE unheard (id INT); CREATE USER masked IDENTIFIED BY 'stays-unheard'")
    wait_for(lambda: any("CREATE USER masked IDENTIFIED BY <secret>" in m for m in messages(haar, 'general')), 'the general log')
    assert any('behind_it' in m for m in messages(haar, 'general'))
    assert not any(PASSWORD in line for line in lines(haar, cluster, 'logs/general.log'))
    assert not any('before_the_export' in m for m in messages(haar, 'general'))
    wait_for(lambda: any('CREATE TABLE unheard' in line for line in lines(haar, cluster, 'logs/audit.log')), 'the server logs it')
    assert not any('unheard' in m for m in messages(haar, 'audit'))
    cluster.rds.reset_db_cluster_parameter_group(**GROUP, Parameters=[{'ParameterName': 'general_log', 'ApplyMethod': 'immediate'}])
    wait_for(lambda: cluster.sql("SHOW GLOBAL VARIABLES LIKE 'general_log'").endswith('OFF'), 'the server logs that no more')


def test_each_line_once_over_restarts_and_kills(haar, cluster):
    for i in range(3):
        wait_for(lambda i=i: cluster.try_sql(f'SELECT SLEEP(0.6) AS turn_{i}')[0] == 0, 'it answers', 60)
        if i == 1:
            haar.kill()
            haar.start()
        else:
            haar.restart()
        cluster.rds = haar.client('rds')
        cluster.inside = type(cluster.inside)(haar, cluster.inside.address)
    for name, kind in (('error.log', 'error'), ('logs/slowquery.log', 'slowquery')):
        def told(kind=kind):
            return [line.rstrip() for line in '\n'.join(messages(haar, kind)).split('\n')]

        wait_for(lambda name=name, told=told: told() == lines(haar, cluster, name), f'{kind} is whole', 10)


def test_a_failover_loses_no_line_of_the_former_writer(haar, cluster):
    cluster.kill('told-1')
    wait_for(lambda: cluster.writer() == 'told-2', 'told-2 writes', 60)
    cluster.await_available('told-1')
    wait_for(lambda: cluster.engine('told-1'), 'told-1 follows', 60)

    def told():
        return [line.rstrip() for line in '\n'.join(messages(haar, 'error')).split('\n')]

    wait_for(lambda: told() == lines(haar, cluster, 'error.log'), 'all of it is there')
    assert sum('ready for connections' in line for line in told()) >= 6  # four starts, one to be read to its end, one as a replica
    cluster.rds.failover_db_cluster(DBClusterIdentifier='told', TargetDBInstanceIdentifier='told-1')
    wait_for(lambda: cluster.writer() == 'told-1', 'told-1 writes again', 60)
    wait_for(lambda: cluster.try_sql('SELECT 1')[0] == 0, 'it answers', 60)


def test_a_large_log_is_changed_and_nothing_of_it_lost(haar, cluster):
    before = len(messages(haar, 'slowquery'))
    with open(path(haar, cluster, 'logs/slowquery.log'), 'ab') as log:  # as if the server had written it
        for i in range(180):
            log.write(b'# Time: 260101  0:00:00\n# User@Host: x[x] @ []\nSELECT %d, \'%s\';\n' % (i, b'x' * 100000))
    wait_for(lambda: not lines(haar, cluster, 'logs/slowquery.log')[5:], 'the server writes to another file', 60)
    cluster.sql('SELECT SLEEP(0.6) AS in_the_new_file')
    wait_for(lambda: any('in_the_new_file' in m for m in messages(haar, 'slowquery')), 'what is in it', 60)
    numbers = [int(m.split('SELECT ')[1].split(',')[0]) for m in messages(haar, 'slowquery')[before:] if m.startswith('# Time: 260101  0:')]
    assert numbers == list(range(180))


def test_refusals(haar, cluster):
    def refused(call, **arguments):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response['Error']['Code'] == 'InvalidParameterCombination', caught.value
        return caught.value.response['Error']['Message']

    words = ("You cannot use the log types 'postgresql', 'upgrade' with engine version aurora-mysql 8.0.mysql_aurora.3.04.0. For supported log types, "
             'see the documentation.')
    assert refused(cluster.rds.create_db_cluster, DBClusterIdentifier='wrong', DBSubnetGroupName=cluster.group, Engine='aurora-mysql', MasterUsername='admin',
                   MasterUserPassword=PASSWORD, EnableCloudwatchLogsExports=['postgresql', 'error', 'upgrade']) == words
    assert refused(cluster.rds.modify_db_cluster, DBClusterIdentifier='told',
                   CloudwatchLogsExportConfiguration={'EnableLogTypes': ['postgresql', 'upgrade']}) == words
    assert 'instance' in refused(cluster.rds.modify_db_cluster, DBClusterIdentifier='told', CloudwatchLogsExportConfiguration={'EnableLogTypes': ['instance']})
    assert cluster.describe()['EnabledCloudwatchLogsExports'] == ['error', 'general', 'slowquery']
