"""Automated backups: each day of the clock, kept as long as asked; restores, replicas and failovers from base copies when the logs behind them are gone."""

import datetime
import os
import re
import threading

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for

from src.services.rds.tests.database import Cluster
from src.services.rds.tests.test_point_in_time import clock, next_second

WINDOW = '03:00-03:30'
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope='module')
def cluster(haar, network):
    """The clock is at four in the morning, behind the window, when it is made."""
    now = clock(haar)
    advance(haar, (now.replace(hour=4, minute=0, second=0) + DAY - now).total_seconds())
    made = Cluster(haar, 'kept', '10.8', instances=2, BackupRetentionPeriod=2, PreferredBackupWindow=WINDOW, CopyTagsToSnapshot=True,
                   Tags=[{'Key': 'a', 'Value': 'b'}])
    made.sql('CREATE TABLE booked (id INT PRIMARY KEY)')
    return made


def advance(haar, seconds):
    done = haar.run('clock', 'advance', f'{int(seconds)}s')
    assert done.returncode == 0, done.stderr
    assert haar.call('GET', 'clock')['offset_ms'] % 1000 == 0  # haar's seconds are the machine's, which the servers' logs know


def backups(cluster, name='kept', **more):
    found = cluster.rds.describe_db_cluster_snapshots(DBClusterIdentifier=name, SnapshotType='automated', **more)['DBClusterSnapshots']
    return sorted(found, key=lambda s: s['SnapshotCreateTime'])


def logs(haar, cluster, instance):
    resource = cluster.rds.describe_db_instances(DBInstanceIdentifier=instance)['DBInstances'][0]['DbiResourceId']
    with open(f'{haar.data}/rds/{resource}/data/binlog.index', encoding='utf-8') as index:
        return index.read().split()


def copies(haar):
    return os.listdir(f'{haar.data}/rds/snapshots')


def rows(cluster, name=None):
    return cluster.sql('SELECT id FROM booked ORDER BY id', name).split()


@pytest.fixture(scope='module')
def days(haar, cluster):
    """Four days with a row each; the last second of each row."""
    found = []
    for i in range(4):
        cluster.sql(f'INSERT INTO booked VALUES ({i})')
        found.append(next_second(haar))
        advance(haar, DAY.total_seconds())
        next_second(haar)
    return found


def test_a_snapshot_a_day_named_and_timed_as_on_aws(haar, cluster, days):
    found = backups(cluster)
    assert len(found) == 2
    for snapshot, day in zip(found, days[2:]):
        date = (day + DAY).date()
        assert snapshot['DBClusterSnapshotIdentifier'] == f'rds:kept-{date}-03-00'
        assert snapshot['SnapshotCreateTime'].date() == date and snapshot['SnapshotCreateTime'].strftime('%H:%M') == '03:00'
        assert snapshot['SnapshotType'] == 'automated' and snapshot['Status'] == 'available' and snapshot['PercentProgress'] == 100
        assert snapshot['DBClusterSnapshotArn'].endswith(f':cluster-snapshot:rds:kept-{date}-03-00')
        assert snapshot['TagList'] == [{'Key': 'a', 'Value': 'b'}]
    name = found[0]['DBClusterSnapshotIdentifier']
    for given in name, found[0]['DBClusterSnapshotArn']:
        assert cluster.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=given)['DBClusterSnapshots'] == [found[0]]
    by_filter = cluster.rds.describe_db_cluster_snapshots(Filters=[{'Name': 'snapshot-type', 'Values': ['manual']}])['DBClusterSnapshots']
    assert by_filter == []
    events = cluster.rds.describe_events(SourceType='db-cluster-snapshot', SourceIdentifier=found[1]['DBClusterSnapshotIdentifier'], Duration=120)['Events']
    assert [e['Message'] for e in events] == ['Automated cluster snapshot created']
    with pytest.raises(ClientError) as caught:
        cluster.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
    assert caught.value.response['Error'] == {'Type': 'Sender', 'Code': 'InvalidDBClusterSnapshotStateFault', 'Message': 'Only manual snapshots may be deleted.'}


def test_logs_and_copies_behind_the_retention_are_gone(haar, cluster, days):
    described, shown = cluster.describe(), backups(cluster)
    assert described['LatestRestorableTime'] - described['EarliestRestorableTime'] == 2 * DAY
    # The two that are shown, and the one before them, for the seconds up to the first; that of the fourth day before went, or goes with the next.
    assert len(copies(haar)) in (3, 4)
    assert shown[0]['SnapshotCreateTime'] > described['EarliestRestorableTime']
    former = f"rds:kept-{shown[0]['SnapshotCreateTime'].date() - DAY}-03-00"
    for ask in cluster.rds.describe_db_cluster_snapshots, cluster.rds.delete_db_cluster_snapshot:
        with pytest.raises(cluster.rds.exceptions.DBClusterSnapshotNotFoundFault):
            ask(DBClusterSnapshotIdentifier=former)
    for instance in 'kept-1', 'kept-2':
        assert './binlog.000001' not in logs(haar, cluster, instance)


def test_restores_start_from_the_newest_base(haar, cluster, days):
    earliest = cluster.describe()['EarliestRestorableTime']
    minute = datetime.timedelta(minutes=1)
    for i, when, expected in ((1, earliest + minute, ['0', '1', '2']), (2, days[3] - DAY / 2, ['0', '1', '2']), (3, days[3], ['0', '1', '2', '3'])):
        name = f'back{i}'
        cluster.rds.restore_db_cluster_to_point_in_time(DBClusterIdentifier=name, SourceDBClusterIdentifier='kept', RestoreToTime=when)
        cluster.add(f'{name}-1', name)
        assert rows(cluster, cluster.describe(name)['Endpoint']) == expected, (i, when)
    with pytest.raises(ClientError) as caught:
        cluster.rds.restore_db_cluster_to_point_in_time(DBClusterIdentifier='early', SourceDBClusterIdentifier='kept', RestoreToTime=days[0])
    assert 'is not within the restorable times of kept' in str(caught.value)


def test_a_restored_cluster_has_a_base_of_its_own_and_replicas(haar, cluster, days):
    cluster.rds.create_db_cluster_snapshot(DBClusterIdentifier='kept', DBClusterSnapshotIdentifier='manual')
    cluster.rds.restore_db_cluster_from_snapshot(DBClusterIdentifier='again', SnapshotIdentifier='manual', Engine='aurora-mysql', DBSubnetGroupName=cluster.group)
    cluster.add('again-1', 'again')
    endpoint = cluster.describe('again')['Endpoint']
    assert rows(cluster, endpoint) == ['0', '1', '2', '3']
    wait_for(lambda: len(backups(cluster, 'again')) == 1, 'its first backup')
    next_second(haar)
    cluster.sql('INSERT INTO booked VALUES (100)', endpoint)
    at = next_second(haar)
    cluster.add('again-2', 'again', zone='us-east-1b')
    reader = cluster.rds.describe_db_instances(DBInstanceIdentifier='again-2')['DBInstances'][0]['Endpoint']['Address']
    wait_for(lambda: cluster.try_sql('SELECT COUNT(*) FROM booked', reader)[1] == '5', 'the replica has all')
    cluster.sql('INSERT INTO booked VALUES (101)', endpoint)
    cluster.rds.restore_db_cluster_to_point_in_time(DBClusterIdentifier='third', SourceDBClusterIdentifier='again', RestoreToTime=at)
    cluster.add('third-1', 'third')
    assert rows(cluster, cluster.describe('third')['Endpoint']) == ['0', '1', '2', '3', '100']


def test_replicas_and_failovers_when_old_logs_are_gone(cluster, days):
    cluster.add('kept-3', zone='us-east-1b')
    reader = cluster.rds.describe_db_instances(DBInstanceIdentifier='kept-3')['DBInstances'][0]['Endpoint']['Address']
    wait_for(lambda: cluster.try_sql('SELECT COUNT(*) FROM booked', reader)[1] == '4', 'the new replica has all')
    cluster.kill('kept-1')
    wait_for(lambda: cluster.writer() != 'kept-1', 'another writer', 60)
    wait_for(lambda: cluster.try_sql('INSERT INTO booked VALUES (50)')[0] == 0, 'it writes', 60)
    cluster.await_available('kept-1')
    old = cluster.rds.describe_db_instances(DBInstanceIdentifier='kept-1')['DBInstances'][0]['Endpoint']['Address']
    wait_for(lambda: cluster.try_sql('SELECT COUNT(*) FROM booked', old)[1] == '5', 'the former writer has all')


def test_days_without_writes_share_a_copy(haar, cluster, days):
    cluster.rds.modify_db_cluster(DBClusterIdentifier='kept', BackupRetentionPeriod=7)
    advance(haar, DAY.total_seconds())
    before, names = set(copies(haar)), {s['DBClusterSnapshotIdentifier'] for s in backups(cluster)}
    advance(haar, 5 * DAY.total_seconds())
    assert len({s['DBClusterSnapshotIdentifier'] for s in backups(cluster)} - names) == 5
    assert set(copies(haar)) <= before
    cluster.rds.modify_db_cluster(DBClusterIdentifier='kept', BackupRetentionPeriod=1)
    assert len(backups(cluster)) == 1
    for window, words in (('3:00-3:30', 'must be in the format hh24:mi-hh24:mi'), ('03:00-03:20', 'must be at least 30 minutes')):
        with pytest.raises(ClientError) as caught:
            cluster.rds.modify_db_cluster(DBClusterIdentifier='kept', PreferredBackupWindow=window)
        assert caught.value.response['Error']['Code'] == 'InvalidParameterValue' and words in str(caught.value)


def test_a_kill_in_the_middle_leaves_nothing_half(haar, cluster, days):
    cluster.sql('INSERT INTO booked VALUES (60)')
    before, count = set(copies(haar)), len(backups(cluster))
    pusher = threading.Thread(target=haar.run, args=('clock', 'advance', '1d'))
    pusher.start()
    wait_for(lambda: set(copies(haar)) - before, 'a copy is begun')
    haar.kill()
    pusher.join()
    half = [f'{haar.data}/rds/{name}' for name in ('snapshots/half', 'cluster-HALF', 'cluster-HALF.source', 'db-HALF')]
    for path in half:
        os.mkdir(path)
    haar.start()
    cluster.rds = haar.client('rds')
    cluster.inside = type(cluster.inside)(haar, cluster.inside.address)
    wait_for(lambda: not [path for path in half if os.path.exists(path)], 'what has no record is gone')
    wait_for(lambda: cluster.try_sql('SELECT 1')[0] == 0, 'it answers', 60)
    advance(haar, DAY.total_seconds())
    newest = wait_for(lambda: len(backups(cluster)) >= count and backups(cluster)[-1], 'the backup after it')
    cluster.rds.restore_db_cluster_from_snapshot(DBClusterIdentifier='whole', SnapshotIdentifier=newest['DBClusterSnapshotIdentifier'], Engine='aurora-mysql',
                                                 DBSubnetGroupName=cluster.group)
    cluster.add('whole-1', 'whole')
    assert rows(cluster, cluster.describe('whole')['Endpoint']) == ['0', '1', '2', '3', '50', '60']
    assert re.fullmatch(r'rds:kept-\d{4}-\d\d-\d\d-03-\d\d', newest['DBClusterSnapshotIdentifier'])


def test_they_go_with_their_cluster(haar, cluster, days):
    cluster.rds.delete_db_instance(DBInstanceIdentifier='again-2')
    cluster.rds.delete_db_instance(DBInstanceIdentifier='again-1')
    cluster.rds.delete_db_cluster(DBClusterIdentifier='again', SkipFinalSnapshot=True)
    found = cluster.rds.describe_db_cluster_snapshots(SnapshotType='automated')['DBClusterSnapshots']
    assert found and not [s for s in found if s['DBClusterIdentifier'] == 'again']
