"""A machine without MariaDB: the caller hears what is missing and how to mend it, wherever they look."""

import json
import os

import pytest
from tests.support.daemon import wait_for

MISSING = ("This machine has no MariaDB server, which runs Aurora MySQL here (no mariadb-install-db on haar's PATH). Install it "
           '(`apt-get install mariadb-server`), then create the instance again.')
TEMPLATE = {
    'Resources': {
        'Vpc': {'Type': 'AWS::EC2::VPC', 'Properties': {'CidrBlock': '10.7.0.0/16'}},
        **{f'Subnet{zone.upper()}': {'Type': 'AWS::EC2::Subnet', 'Properties': {
            'VpcId': {'Ref': 'Vpc'}, 'CidrBlock': f'10.7.{i}.0/24', 'AvailabilityZone': f'us-east-1{zone}'}} for i, zone in enumerate('ab')},
        'Group': {'Type': 'AWS::RDS::DBSubnetGroup', 'Properties': {'DBSubnetGroupDescription': 'd',
                                                                  'SubnetIds': [{'Ref': 'SubnetA'}, {'Ref': 'SubnetB'}]}},
        'Cluster': {'Type': 'AWS::RDS::DBCluster', 'DeletionPolicy': 'Delete', 'Properties': {
            'Engine': 'aurora-mysql', 'MasterUsername': 'admin', 'MasterUserPassword': 'correct-horse', 'DBSubnetGroupName': {'Ref': 'Group'}}},
        'Writer': {'Type': 'AWS::RDS::DBInstance', 'Properties': {
            'Engine': 'aurora-mysql', 'DBClusterIdentifier': {'Ref': 'Cluster'}, 'DBInstanceClass': 'db.t3.medium'}},
    },
}


@pytest.fixture
def bare(new_haar, tmp_path):
    """A daemon that finds no program: its PATH is an empty folder."""
    daemon = new_haar(start=False)
    daemon.environment['PATH'] = str(tmp_path / 'bin')
    os.mkdir(tmp_path / 'bin')
    daemon.start()
    if daemon.call('GET', 'status').get('network') != 'on':
        pytest.skip('the network is off')
    return daemon


def messages(rds, kind, name):
    return [e['Message'] for e in rds.describe_events(SourceType=kind, SourceIdentifier=name, EventCategories=['failure'])['Events']]


def test_the_instance_its_events_and_its_cluster_s_say_what_is_missing(bare):
    ec2, rds = bare.client('ec2'), bare.client('rds')
    vpc = ec2.create_vpc(CidrBlock='10.7.0.0/16')['Vpc']['VpcId']
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.7.{i}.0/24', AvailabilityZone=f'us-east-1{zone}')['Subnet']['SubnetId']
               for i, zone in enumerate('ab')]
    rds.create_db_subnet_group(DBSubnetGroupName='private', DBSubnetGroupDescription='d', SubnetIds=subnets)
    rds.create_db_cluster(DBClusterIdentifier='none', DBSubnetGroupName='private', Engine='aurora-mysql', MasterUsername='admin',
                          MasterUserPassword='correct-horse')
    made = rds.create_db_instance(DBInstanceIdentifier='none-1', DBClusterIdentifier='none', Engine='aurora-mysql', DBInstanceClass='db.t3.medium')
    assert 'StatusInfos' not in made['DBInstance']

    def described():
        return rds.describe_db_instances(DBInstanceIdentifier='none-1')['DBInstances'][0]

    wait_for(lambda: described()['DBInstanceStatus'] == 'insufficient-capacity', 'it is given up')
    assert described()['StatusInfos'] == [{'StatusType': 'engine', 'Normal': False, 'Status': 'error', 'Message': MISSING}]
    assert messages(rds, 'db-instance', 'none-1') == [MISSING]
    assert messages(rds, 'db-cluster', 'none') == [f'DB instance none-1 does not run: {MISSING}']
    # What was missing is there: the instance runs at the next start, and says no more.
    del bare.environment['PATH']
    bare.restart()
    rds = bare.client('rds')
    wait_for(lambda: described()['DBInstanceStatus'] == 'available', 'it runs', 120)
    assert 'StatusInfos' not in described()


def test_up_says_what_is_missing(bare, tmp_path):
    template = tmp_path / 'database.json'
    template.write_text(json.dumps(TEMPLATE))
    done = bare.run('up', str(template), '--stack', 'database')
    assert done.returncode != 0
    assert 'apt-get install mariadb-server' in done.stdout + done.stderr, done.stdout + done.stderr
    events = bare.client('cloudformation').describe_stack_events(StackName='database')['StackEvents']
    reasons = [e['ResourceStatusReason'] for e in events if e['LogicalResourceId'] == 'Writer' and e['ResourceStatus'] == 'CREATE_FAILED']
    assert len(reasons) == 1 and f'(status insufficient-capacity): {MISSING}' in reasons[0]
