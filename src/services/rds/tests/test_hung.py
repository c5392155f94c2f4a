"""A server whose process is there and answers nothing: noticed, ended, and replaced, with all that was acknowledged; none that only is slow."""

import pytest
from tests.support.daemon import wait_for

from src.services.rds.tests.database import Cluster


@pytest.fixture(scope='module')
def cluster(haar, network):
    made = Cluster(haar, 'stuck', '10.8', instances=2)
    made.sql('CREATE TABLE booked (id INT PRIMARY KEY)')
    return made


def test_a_writer_that_stands_still_for_a_moment_stays(cluster):
    """As on a machine that is loaded, or stops for a copy."""
    before = cluster.engine('stuck-1')
    cluster.kill('stuck-1', 'STOP')
    try:
        wait_for(lambda: cluster.try_sql('SELECT 1')[0] != 0, 'it does not answer')  # waits two seconds for it
    finally:
        cluster.kill('stuck-1', 'CONT')
    cluster.sql('INSERT INTO booked VALUES (1)')
    assert cluster.engine('stuck-1') == before and cluster.writer() == 'stuck-1'


def test_a_writer_that_stands_still_is_replaced(cluster):
    cluster.sql('INSERT INTO booked VALUES (2), (3)')
    cluster.kill('stuck-1', 'STOP')
    wait_for(lambda: cluster.writer() == 'stuck-2', 'the replica writes', 60)
    wait_for(lambda: cluster.try_sql('INSERT INTO booked VALUES (4)')[0] == 0, 'the name follows', 60)
    assert cluster.sql('SELECT COUNT(*) FROM booked') == '4'
    assert 'stuck-1 has not answered 3 times within 5 s' in cluster.haar.log
    cluster.await_available('stuck-1')
    assert 'Completed failover to DB instance: stuck-2' in cluster.events('db-cluster', 'stuck')
    assert 'DB instance shutdown' in cluster.events('db-instance', 'stuck-1')


def test_a_replica_that_stands_still_is_started_again(cluster):
    before = wait_for(lambda: cluster.engine('stuck-1'), 'it runs')
    cluster.kill('stuck-1', 'STOP')
    wait_for(lambda: cluster.engine('stuck-1') not in (None, before), 'another process', 60)
    cluster.await_available('stuck-1')
    assert cluster.writer() == 'stuck-2'
