"""Aurora MySQL clusters: records and errors; engines where the machine permits namespaces."""

import time

import pytest
from botocore.exceptions import ClientError
from tests.support.daemon import wait_for


@pytest.fixture(scope='module')
def rds(client):
    return client('rds')


@pytest.fixture(scope='module')
def subnets(client):
    ec2 = client('ec2')
    vpc = ec2.create_vpc(CidrBlock='10.7.0.0/16')['Vpc']['VpcId']
    return [ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.7.{i}.0/24', AvailabilityZone=f'us-east-1{zone}')['Subnet']['SubnetId']
            for i, zone in enumerate('ab')]


@pytest.fixture(scope='module')
def group(rds, subnets):
    rds.create_db_subnet_group(DBSubnetGroupName='private', DBSubnetGroupDescription='d', SubnetIds=subnets)
    return 'private'


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response['Error']['Code'] == code, caught.value
    return caught.value.response['Error']['Message']


CLUSTER = {'Engine': 'aurora-mysql', 'MasterUsername': 'admin', 'MasterUserPassword': 'correct-horse'}


def test_subnet_groups(rds, subnets):
    assert 'at least 2 AZs' in refused('DBSubnetGroupDoesNotCoverEnoughAZs', rds.create_db_subnet_group, DBSubnetGroupName='one',
                                       DBSubnetGroupDescription='d', SubnetIds=subnets[:1])
    refused('InvalidSubnet', rds.create_db_subnet_group, DBSubnetGroupName='none', DBSubnetGroupDescription='d',
            SubnetIds=['subnet-00000000000000000', subnets[0]])
    made = rds.create_db_subnet_group(DBSubnetGroupName='Two', DBSubnetGroupDescription='d', SubnetIds=subnets)['DBSubnetGroup']
    assert made['DBSubnetGroupName'] == 'two' and len(made['Subnets']) == 2
    assert rds.describe_db_subnet_groups(DBSubnetGroupName='two')['DBSubnetGroups'][0]['VpcId'] == made['VpcId']
    rds.delete_db_subnet_group(DBSubnetGroupName='two')
    refused('DBSubnetGroupNotFoundFault', rds.describe_db_subnet_groups, DBSubnetGroupName='two')


def test_parameter_groups(rds):
    rds.create_db_cluster_parameter_group(DBClusterParameterGroupName='params', DBParameterGroupFamily='aurora-mysql8.0', Description='d')
    rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName='params', Parameters=[
        {'ParameterName': 'max_connections', 'ParameterValue': '50', 'ApplyMethod': 'pending-reboot'}])
    parameters = rds.describe_db_cluster_parameters(DBClusterParameterGroupName='params')['Parameters']
    assert [(p['ParameterName'], p['ParameterValue']) for p in parameters] == [('max_connections', '50')]
    refused('DBParameterGroupAlreadyExists', rds.create_db_cluster_parameter_group, DBClusterParameterGroupName='params',
            DBParameterGroupFamily='aurora-mysql8.0', Description='d')
    wrong = refused('InvalidParameterValue', rds.modify_db_cluster_parameter_group, DBClusterParameterGroupName='params', Parameters=[
        {'ParameterName': 'slow_query_log', 'ParameterValue': 'yes', 'ApplyMethod': 'immediate'}])
    assert wrong == 'Invalid parameter value: yes for: slow_query_log allowed values are: 0,1'
    for name, value in (('long_query_time', '-1'), ('long_query_time', '1s'), ('server_audit_events', 'CONNECT,SLEEP'), ('log_output', 'FILE,TABLE')):
        refused('InvalidParameterValue', rds.modify_db_cluster_parameter_group, DBClusterParameterGroupName='params', Parameters=[
            {'ParameterName': name, 'ParameterValue': value, 'ApplyMethod': 'immediate'}])
    rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName='params')
    refused('DBParameterGroupNotFound', rds.describe_db_cluster_parameters, DBClusterParameterGroupName='params')


def test_wrong_clusters_are_refused(rds, group):
    make = rds.create_db_cluster
    refused('InvalidParameterValue', make, DBClusterIdentifier='9lives', DBSubnetGroupName=group, **CLUSTER)
    refused('InvalidParameterValue', make, **{**CLUSTER, 'DBClusterIdentifier': 'short', 'DBSubnetGroupName': group, 'MasterUserPassword': 'short'})
    refused('InvalidParameterValue', make, **{**CLUSTER, 'DBClusterIdentifier': 'pg', 'Engine': 'aurora-postgresql'})
    refused('DBSubnetGroupNotFoundFault', make, DBClusterIdentifier='lost', DBSubnetGroupName='nonesuch', **CLUSTER)
    refused('DBClusterNotFoundFault', rds.describe_db_clusters, DBClusterIdentifier='nonesuch')
    refused('DBClusterNotFoundFault', rds.create_db_instance, DBInstanceIdentifier='i', DBClusterIdentifier='nonesuch', Engine='aurora-mysql',
            DBInstanceClass='db.r6g.large')


def test_cluster_without_instances(rds, group, client):
    key = client('kms').create_key()['KeyMetadata']['Arn']
    made = rds.create_db_cluster(DBClusterIdentifier='Bare', DBSubnetGroupName=group, StorageEncrypted=True, KmsKeyId=key,
                                 Tags=[{'Key': 'a', 'Value': 'b'}], DeletionProtection=True, **CLUSTER)['DBCluster']
    assert made['DBClusterIdentifier'] == 'bare' and made['KmsKeyId'] == key and made['Status'] == 'creating'
    assert made['Endpoint'].startswith('bare.cluster-') and made['ReaderEndpoint'].startswith('bare.cluster-ro-')
    # AWS sends these though they are empty.
    for cluster in made, rds.describe_db_clusters()['DBClusters'][0]:
        assert [cluster[name] for name in ('AssociatedRoles', 'ReadReplicaIdentifiers', 'DomainMemberships', 'DBClusterMembers')] == [[], [], [], []]
    assert rds.list_tags_for_resource(ResourceName=made['DBClusterArn'])['TagList'] == [{'Key': 'a', 'Value': 'b'}]
    refused('DBClusterAlreadyExistsFault', rds.create_db_cluster, DBClusterIdentifier='bare', DBSubnetGroupName=group, **CLUSTER)
    refused('InvalidParameterCombination', rds.delete_db_cluster, DBClusterIdentifier='bare', SkipFinalSnapshot=True)
    rds.modify_db_cluster(DBClusterIdentifier='bare', DeletionProtection=False, ApplyImmediately=True)
    refused('InvalidParameterCombination', rds.delete_db_cluster, DBClusterIdentifier='bare')
    rds.delete_db_cluster(DBClusterIdentifier='bare', SkipFinalSnapshot=True)
    refused('DBClusterNotFoundFault', rds.describe_db_clusters, DBClusterIdentifier='bare')


def test_tags_go_to_snapshots_if_they_shall(rds, group):
    made = {'DBSubnetGroupName': group, 'Tags': [{'Key': 'a', 'Value': 'cluster'}, {'Key': 'b', 'Value': 'cluster'}], **CLUSTER}
    rds.create_db_cluster(DBClusterIdentifier='copying', CopyTagsToSnapshot=True, **made)
    rds.create_db_cluster(DBClusterIdentifier='keeping', **made)
    own = [{'Key': 'a', 'Value': 'snapshot'}]
    for cluster, expected in (('copying', {'a': 'snapshot', 'b': 'cluster'}), ('keeping', {'a': 'snapshot'})):
        taken = rds.create_db_cluster_snapshot(DBClusterIdentifier=cluster, DBClusterSnapshotIdentifier=f'{cluster}-1', Tags=own)['DBClusterSnapshot']
        assert {t['Key']: t['Value'] for t in taken['TagList']} == expected
        rds.delete_db_cluster(DBClusterIdentifier=cluster, FinalDBSnapshotIdentifier=f'{cluster}-final')
        final = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=f'{cluster}-final')['DBClusterSnapshots'][0]
        assert len(final['TagList']) == (2 if cluster == 'copying' else 0)
        assert len(rds.list_tags_for_resource(ResourceName=final['DBClusterSnapshotArn'])['TagList']) == len(final['TagList'])
    rds.add_tags_to_resource(ResourceName=final['DBClusterSnapshotArn'], Tags=own)
    assert rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier='keeping-final')['DBClusterSnapshots'][0]['TagList'] == own
    refused('DBClusterSnapshotNotFoundFault', rds.list_tags_for_resource, ResourceName=final['DBClusterSnapshotArn'] + 'x')


def status(rds, instance):
    return rds.describe_db_instances(DBInstanceIdentifier=instance)['DBInstances'][0]['DBInstanceStatus']


def writer(rds, cluster):
    members = rds.describe_db_clusters(DBClusterIdentifier=cluster)['DBClusters'][0]['DBClusterMembers']
    return next(m['DBInstanceIdentifier'] for m in members if m['IsClusterWriter'])


def gone(rds, instance):
    try:
        rds.describe_db_instances(DBInstanceIdentifier=instance)
    except ClientError as error:
        return error.response['Error']['Code'] == 'DBInstanceNotFound'
    return False


def measured(haar, first, second):
    """The servers' own figures are in CloudWatch once a minute of the clock has passed."""
    cloudwatch = haar.client('cloudwatch')

    def latest(metric, **dimensions):
        got = cloudwatch.get_metric_statistics(
            Namespace='AWS/RDS', MetricName=metric, Period=60, StartTime=time.time() - 3600, EndTime=time.time() + 7200, Statistics=['Average'],
            Dimensions=[{'Name': k, 'Value': v} for k, v in dimensions.items()])['Datapoints']
        return max(got, key=lambda p: p['Timestamp'])['Average'] if got else None
    for _ in range(2):  # rates need two looks
        haar.call('POST', 'clock', {'advance': '1m'})
        wait_for(lambda: latest('DatabaseConnections', DBInstanceIdentifier=first) is not None, f'{first} is measured:\n{haar.log}')
    wait_for(lambda: latest('CPUUtilization', DBInstanceIdentifier=first) is not None, 'rates are there')
    assert latest('DatabaseConnections', DBInstanceIdentifier=first) >= 1  # the replica
    assert latest('FreeableMemory', DBInstanceIdentifier=second) > 0
    assert latest('Queries', DBClusterIdentifier='live', Role='WRITER') > 0
    assert 0 <= latest('CPUUtilization', DBClusterIdentifier='live') <= 100
    assert latest('AuroraReplicaLag', DBInstanceIdentifier=second) >= 0
    assert latest('AuroraReplicaLag', DBInstanceIdentifier=first) is None


def test_engines_run_fail_over_and_are_restored(haar, rds, group, network):
    rds.create_db_cluster(DBClusterIdentifier='live', DBSubnetGroupName=group, DatabaseName='ledger', StorageEncrypted=True, **CLUSTER)
    for name, zone in (('live-1', 'us-east-1a'), ('live-2', 'us-east-1b')):
        made = rds.create_db_instance(DBInstanceIdentifier=name, DBClusterIdentifier='live', Engine='aurora-mysql', DBInstanceClass='db.t3.medium',
                                      AvailabilityZone=zone)['DBInstance']
        assert made['DBInstanceStatus'] == 'creating'
        wait_for(lambda: status(rds, name) == 'available', f'{name} is available:\n{haar.log}', 120)
    assert writer(rds, 'live') == 'live-1'
    measured(haar, 'live-1', 'live-2')
    refused('InvalidDBClusterStateFault', rds.delete_db_cluster, DBClusterIdentifier='live', SkipFinalSnapshot=True)
    rds.failover_db_cluster(DBClusterIdentifier='live')
    wait_for(lambda: writer(rds, 'live') == 'live-2', f'live-2 writes:\n{haar.log}', 120)
    wait_for(lambda: status(rds, 'live-1') == 'available', f'live-1 follows:\n{haar.log}', 120)
    snapshot = rds.create_db_cluster_snapshot(DBClusterIdentifier='live', DBClusterSnapshotIdentifier='kept')['DBClusterSnapshot']
    assert snapshot['Status'] == 'available'
    haar.restart()
    wait_for(lambda: status(rds, 'live-2') == 'available', 'live-2 runs after a restart', 120)
    for name in ('live-1', 'live-2'):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        wait_for(lambda: gone(rds, name), f'{name} is gone:\n{haar.log}', 60)
    rds.delete_db_cluster(DBClusterIdentifier='live', SkipFinalSnapshot=True)
    rds.restore_db_cluster_from_snapshot(DBClusterIdentifier='again', SnapshotIdentifier='kept', Engine='aurora-mysql', DBSubnetGroupName=group)
    rds.create_db_instance(DBInstanceIdentifier='again-1', DBClusterIdentifier='again', Engine='aurora-mysql', DBInstanceClass='db.t3.medium')
    wait_for(lambda: status(rds, 'again-1') == 'available', f'again-1 is available:\n{haar.log}', 120)
