"""The cluster: there, encrypted, backed up, spread over zones, and alive after a failover."""

from tests.support.daemon import wait_for


def cluster(stack):
    return stack.client('rds').describe_db_clusters(DBClusterIdentifier=stack.outputs['DatabaseClusterId'])['DBClusters'][0]


def instances(stack):
    found = stack.client('rds').describe_db_instances(Filters=[{'Name': 'db-cluster-id', 'Values': [stack.outputs['DatabaseClusterId']]}])
    return {i['DBInstanceIdentifier']: i for i in found['DBInstances']}


def writer(stack):
    return next(m['DBInstanceIdentifier'] for m in cluster(stack)['DBClusterMembers'] if m['IsClusterWriter'])


def test_cluster_is_available_encrypted_and_backed_up(stack):
    found = cluster(stack)
    assert found['Status'] == 'available' and found['Engine'] == 'aurora-mysql' and found['StorageEncrypted'] is True
    assert found['BackupRetentionPeriod'] == 7 and found['MultiAZ'] is True and found['DeletionProtection'] is False


def test_backup_is_encrypted_with_the_key(stack, outputs):
    """A snapshot of the running cluster can be taken, and is sealed as the cluster is; the moments it can go back to begin before now."""
    rds, name = stack.client('rds'), f'{stack.name}-by-hand'
    rds.create_db_cluster_snapshot(DBClusterIdentifier=outputs['DatabaseClusterId'], DBClusterSnapshotIdentifier=name)
    look = lambda: rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)['DBClusterSnapshots'][0]
    try:
        wait_for(lambda: look()['Status'] == 'available', 'the snapshot is available')
        assert look()['StorageEncrypted'] is True and look().get('KmsKeyId') == outputs['EncryptionKeyArn']
    finally:
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
    found = cluster(stack)
    assert found['EarliestRestorableTime'] <= found['LatestRestorableTime']


def test_logs_of_the_servers_arrive(stack, outputs):
    """Each server's error log is a stream of the cluster's group."""
    logs, group = stack.client('logs'), f'/aws/rds/cluster/{outputs["DatabaseClusterId"]}/error'
    wait_for(lambda: [g for g in logs.describe_log_groups(logGroupNamePrefix=group)['logGroups'] if g['logGroupName'] == group], 'the error log has a group')
    starts = lambda: logs.filter_log_events(logGroupName=group, filterPattern='"ready for connections"')['events']
    wait_for(lambda: {e['logStreamName'] for e in starts()} == set(instances(stack)), 'both servers tell of their start')


def test_cluster_lies_in_the_private_subnets(stack):
    group = stack.client('rds').describe_db_subnet_groups(DBSubnetGroupName=cluster(stack)['DBSubnetGroup'])['DBSubnetGroups'][0]
    assert {s['SubnetIdentifier'] for s in group['Subnets']} == {stack.id('PrivateSubnetA'), stack.id('PrivateSubnetB')}
    assert group['VpcId'] == stack.id('Vpc')


def test_writer_and_replica_in_two_zones(stack):
    found = instances(stack)
    assert len(found) == 2 and len({i['AvailabilityZone'] for i in found.values()}) == 2
    assert all(i['DBInstanceStatus'] == 'available' and i['PubliclyAccessible'] is False for i in found.values())
    assert sorted(m['IsClusterWriter'] for m in cluster(stack)['DBClusterMembers']) == [False, True]


def test_reader_name_leads_to_the_replica(stack, probe, outputs):
    written, read = (probe.probe('resolve', host=outputs[name])['ok'] for name in ('DatabaseEndpoint', 'DatabaseReadEndpoint'))
    assert len(written) == len(read) == 1 and written != read
    assert probe.probe('connect', host=outputs['DatabaseReadEndpoint'], port=3306) == {'ok': True}


def test_failover_loses_no_payment(stack, probe, outputs):
    """The replica becomes the writer, the cluster's name follows, what was booked is there, and booking goes on."""
    before, old, address = stack.pay(), writer(stack), probe.probe('resolve', host=outputs['DatabaseEndpoint'])['ok']
    stack.client('rds').failover_db_cluster(DBClusterIdentifier=outputs['DatabaseClusterId'])
    wait_for(lambda: writer(stack) != old, 'another writer', 60)
    wait_for(lambda: probe.probe('resolve', host=outputs['DatabaseEndpoint'])['ok'] not in (address, []), 'the name follows', 60)
    wait_for(lambda: stack.post({'amount': '1.00', 'currency': 'EUR'}, stack.key())[0] == 200, 'payments are booked again', 60)
    assert stack.ledger(before['paymentId'])['payment']['amount_minor'] == '1234'
    wait_for(lambda: all(i['DBInstanceStatus'] == 'available' for i in instances(stack).values()), 'both instances are available', 60)
