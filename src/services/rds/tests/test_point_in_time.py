"""Restores to a second of the past, over moves of the clock; encrypted under the source's key."""

import datetime

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for

from src.services.rds.tests.database import Cluster


def clock(haar):
    return datetime.datetime.fromisoformat(haar.call('GET', 'clock')['time'].replace('Z', '+00:00'))


def next_second(haar):
    """Waits for the next second of the clock; answers the one that is over."""
    now = clock(haar).replace(microsecond=0)
    wait_for(lambda: clock(haar).replace(microsecond=0) > now, 'the next second')
    return now


@pytest.fixture(scope='module')
def cluster(haar, network):
    made = Cluster(haar, 'ledger', '10.8', instances=1, BackupRetentionPeriod=7)
    made.sql('CREATE TABLE booked (id INT PRIMARY KEY)')
    return made


@pytest.fixture(scope='module')
def times(haar, cluster):
    """The last second of each number of rows: one, two (after the clock was moved by 3 days), three."""
    found = []
    for i in range(3):
        if i == 1:
            assert haar.run('clock', 'advance', '3d').returncode == 0
            next_second(haar)  # what is done in the second of a move is before or after it
        cluster.sql(f'INSERT INTO booked VALUES ({i})')
        found.append(next_second(haar))
    return found


def restore(cluster, name, **when):
    cluster.rds.restore_db_cluster_to_point_in_time(DBClusterIdentifier=name, SourceDBClusterIdentifier=cluster.name, **when)
    cluster.add(f'{name}-1', name)
    return cluster.sql('SELECT id FROM booked ORDER BY id', cluster.describe(name)['Endpoint']).split()


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value
    return caught.value.response['Error']['Message']


def test_to_the_second_before_each_row(cluster, times):
    assert restore(cluster, 'one', RestoreToTime=times[0]) == ['0']
    assert restore(cluster, 'jump', RestoreToTime=times[0] + datetime.timedelta(days=2)) == ['0']  # the clock jumped over it
    assert restore(cluster, 'two', RestoreToTime=times[1]) == ['0', '1']


def test_the_restored_cluster_goes_on_by_itself(cluster, times):
    """It is written to, followed by a replica, and restored to a point of its own; the source does not change."""
    assert restore(cluster, 'latest', UseLatestRestorableTime=True) == ['0', '1', '2']
    endpoint = cluster.describe('latest')['Endpoint']
    cluster.sql('INSERT INTO booked VALUES (100)', endpoint)
    cluster.add('latest-2', 'latest', zone='us-east-1b')
    reader = cluster.describe('latest')['ReaderEndpoint']
    wait_for(lambda: cluster.try_sql('SELECT COUNT(*) FROM booked', reader)[1] == '4', 'the replica has all')
    assert cluster.sql('SELECT COUNT(*) FROM booked') == '3'


def test_restorable_times(haar, cluster, times):
    found = cluster.describe()
    assert found['EarliestRestorableTime'] == found['ClusterCreateTime'] and found['LatestRestorableTime'] > times[2]
    before = found['EarliestRestorableTime'] - datetime.timedelta(seconds=2)
    call = cluster.rds.restore_db_cluster_to_point_in_time
    source = {'DBClusterIdentifier': 'wrong', 'SourceDBClusterIdentifier': cluster.name}
    assert 'is not within the restorable times of ledger' in refused('InvalidParameterValue', call, RestoreToTime=before, **source)
    refused('InvalidParameterValue', call, RestoreToTime=clock(haar) + datetime.timedelta(hours=1), **source)
    refused('InvalidParameterCombination', call, **source)
    refused('InvalidParameterCombination', call, RestoreToTime=times[0], UseLatestRestorableTime=True, **source)
    refused('DBClusterAlreadyExistsFault', call, DBClusterIdentifier=cluster.name, SourceDBClusterIdentifier=cluster.name, UseLatestRestorableTime=True)
    refused('DBClusterNotFoundFault', call, DBClusterIdentifier='wrong', SourceDBClusterIdentifier='nonesuch', UseLatestRestorableTime=True)
    assert haar.run('clock', 'advance', '10d').returncode == 0
    found = cluster.describe()
    assert found['LatestRestorableTime'] - found['EarliestRestorableTime'] == datetime.timedelta(days=7)
    refused('InvalidParameterValue', call, RestoreToTime=times[0], **source)
