"""A writer whose process dies: the replica of the lowest tier takes over, the names follow, what was acknowledged is there."""

import threading

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for

from src.services.rds.tests.database import Cluster


@pytest.fixture(scope='module')
def cluster(haar, network):
    made = Cluster(haar, 'orders', '10.8', instances=3)
    made.sql('CREATE TABLE booked (id INT PRIMARY KEY, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)')
    return made


class Booker(threading.Thread):
    """Books ids one after the other for as long as it is asked to, and remembers those that were acknowledged."""

    def __init__(self, cluster, first):
        super().__init__()
        self.cluster, self.next, self.acknowledged, self.ends = cluster, first, [], threading.Event()

    def run(self):
        while not self.ends.is_set():
            if self.cluster.try_sql(f'INSERT INTO booked (id) VALUES ({self.next})')[0] == 0:
                self.acknowledged.append(self.next)
            self.next += 1


def test_a_dead_writer_is_replaced_and_nothing_acknowledged_is_lost(cluster):
    before = cluster.resolve(cluster.describe()['Endpoint'])
    assert cluster.writer() == 'orders-1'
    booker = Booker(cluster, 1)
    booker.start()
    try:
        wait_for(lambda: len(booker.acknowledged) > 5, 'ids are booked', 60)
        cluster.kill('orders-1')
        wait_for(lambda: cluster.writer() != 'orders-1', 'another writer', 60)
        count = len(booker.acknowledged)
        wait_for(lambda: len(booker.acknowledged) > count + 3, 'ids are booked again', 60)
    finally:
        booker.ends.set()
        booker.join()
    assert cluster.writer() == 'orders-3'  # tiers 15, 14, 13
    assert cluster.resolve(cluster.describe()['Endpoint']) not in (before, [])
    there = {int(row) for row in cluster.sql('SELECT id FROM booked').split()}
    assert set(booker.acknowledged) <= there
    cluster.await_available('orders-1')
    cluster.await_available('orders-2')
    # The former writer follows, and is one of the readers.
    endpoint = cluster.rds.describe_db_instances(DBInstanceIdentifier='orders-1')['DBInstances'][0]['Endpoint']['Address']
    assert cluster.resolve(endpoint)[0] in cluster.resolve(cluster.describe()['ReaderEndpoint'])
    wait_for(lambda: cluster.try_sql('SELECT COUNT(*) FROM booked', endpoint)[1] == str(len(there)), 'the former writer has all')
    code, text = cluster.try_sql('INSERT INTO booked (id) VALUES (-1)', endpoint)
    assert code != 0 and 'read-only' in text


def test_events_tell_what_happened(cluster):
    assert cluster.events('db-cluster', 'orders') == ['DB cluster created', 'Started same AZ failover to DB instance: orders-3',
                                                      'Completed failover to DB instance: orders-3']
    assert cluster.events('db-instance', 'orders-1') == ['DB instance created', 'DB instance shutdown', 'DB instance restarted']
    with pytest.raises(ClientError) as caught:
        cluster.rds.describe_events(SourceIdentifier='orders')
    assert caught.value.response['Error']['Code'] == 'InvalidParameterCombination'
    cluster.haar.run('clock', 'advance', '15d')
    assert cluster.events('db-cluster', 'orders') == []


def test_a_dead_replica_is_started_again(cluster):
    writer = cluster.writer()
    old = wait_for(lambda: cluster.engine('orders-2'), 'orders-2 runs')
    cluster.kill('orders-2')
    wait_for(lambda: cluster.engine('orders-2') not in (None, old), 'another process', 60)
    cluster.await_available('orders-2')
    assert cluster.writer() == writer


def test_a_writer_whose_zone_is_down_is_replaced_by_a_replica_in_another(cluster):
    """orders-1 has the lower tier, but is in the same zone."""
    assert cluster.writer() == 'orders-3'
    cluster.await_available('orders-1')
    before = cluster.sql('SELECT COUNT(*) FROM booked')
    assert cluster.haar.run('fault', 'zone', 'us-east-1a').returncode == 0
    try:
        wait_for(lambda: cluster.writer() == 'orders-2', 'the replica in the other zone is the writer', 60)
        with pytest.raises(ClientError) as caught:
            cluster.rds.failover_db_cluster(DBClusterIdentifier='orders')
        assert caught.value.response['Error']['Code'] == 'InvalidDBClusterStateFault'
    finally:
        cluster.haar.run('fault', 'lift', 'all')
    assert cluster.events('db-cluster', 'orders')[:1] == ['Started cross AZ failover to DB instance: orders-2']
    cluster.await_available('orders-3')
    assert cluster.sql('SELECT COUNT(*) FROM booked') == before and cluster.writer() == 'orders-2'
    cluster.sql('INSERT INTO booked (id) VALUES (-2)')


def test_a_writer_alone_is_started_again_with_all_it_acknowledged(haar, network):
    alone = Cluster(haar, 'alone', '10.9', instances=1)
    alone.sql('CREATE TABLE booked (id INT PRIMARY KEY); INSERT INTO booked VALUES (1), (2)')
    alone.kill('alone-1')
    wait_for(lambda: alone.try_sql('SELECT COUNT(*) FROM booked')[1] == '2', 'it answers again', 60)
    assert alone.writer() == 'alone-1'
