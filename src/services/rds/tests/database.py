"""A cluster in a VPC of its own, and SQL over its names from inside."""

import json
import os
import re
import subprocess

from tests.support.daemon import wait_for
from tests.support.inside import Inside

PASSWORD = 'correct-horse'


class Cluster:
    """A cluster with instances named NAME-1, NAME-2, ... in two zones; the interface that asks is in the VPC's default group, as the cluster is."""

    def __init__(self, haar, name, cidr, instances=2, **settings):
        self.haar, self.name, self.rds, self.ec2 = haar, name, haar.client('rds'), haar.client('ec2')
        vpc = self.ec2.create_vpc(CidrBlock=f'{cidr}.0.0/16')['Vpc']['VpcId']
        subnets = [self.ec2.create_subnet(VpcId=vpc, CidrBlock=f'{cidr}.{i}.0/24', AvailabilityZone=f'us-east-1{zone}')['Subnet']['SubnetId']
                   for i, zone in enumerate('ab')]
        self.group = f'{name}-subnets'
        self.rds.create_db_subnet_group(DBSubnetGroupName=self.group, DBSubnetGroupDescription='d', SubnetIds=subnets)
        self.rds.create_db_cluster(DBClusterIdentifier=name, DBSubnetGroupName=self.group, DatabaseName='ledger', StorageEncrypted=True,
                                   Engine='aurora-mysql', MasterUsername='admin', MasterUserPassword=PASSWORD, **settings)
        self.resolver = f'{cidr}.0.2:53'
        for i in range(instances):
            self.add(f'{name}-{i + 1}', zone=f'us-east-1{"ab"[i % 2]}', PromotionTier=15 - i)
        address = self.ec2.create_network_interface(SubnetId=subnets[0])['NetworkInterface']['PrivateIpAddress']
        self.inside = Inside(haar, address)

    def add(self, instance, cluster=None, zone='us-east-1a', **settings):
        self.rds.create_db_instance(DBInstanceIdentifier=instance, DBClusterIdentifier=cluster or self.name, Engine='aurora-mysql',
                                    DBInstanceClass='db.t3.medium', AvailabilityZone=zone, **settings)
        self.await_available(instance)

    def await_available(self, instance):
        wait_for(lambda: self.status(instance) in ('available', 'failed'), f'{instance} is available', 120)
        assert self.status(instance) == 'available', self.haar.log

    def status(self, instance):
        return self.rds.describe_db_instances(DBInstanceIdentifier=instance)['DBInstances'][0]['DBInstanceStatus']

    def describe(self, name=None):
        return self.rds.describe_db_clusters(DBClusterIdentifier=name or self.name)['DBClusters'][0]

    def writer(self):
        return next(m['DBInstanceIdentifier'] for m in self.describe()['DBClusterMembers'] if m['IsClusterWriter'])

    def resolve(self, name):
        return self.inside.ask(self.resolver, name)[1]

    def try_sql(self, statement, name=None, password=PASSWORD):
        """(exit code, rows or error) of a statement at the cluster's name."""
        addresses = self.resolve(name or self.describe()['Endpoint'])
        if not addresses:
            return 1, 'the name leads nowhere'
        text = self.inside.python(f'''
            import json, subprocess
            run = subprocess.run(['mysql', '--no-defaults', '--skip-column-names', '--batch', '--connect-timeout=2', '--host={addresses[0]}',
                                  '--user=admin', 'ledger', '--execute', {statement!r}], capture_output=True, text=True,
                                 env={{'PATH': '/usr/bin:/bin', 'MYSQL_PWD': {password!r}}})
            print(json.dumps([run.returncode, run.stdout.strip() or run.stderr.strip()]))
            ''')
        return tuple(json.loads(text))

    def sql(self, statement, name=None, password=PASSWORD):
        code, text = self.try_sql(statement, name, password)
        assert code == 0, text
        return text

    def engine(self, instance):
        """The process id of an instance's mariadbd: its sandbox has the instance's name as host name."""
        resource = self.rds.describe_db_instances(DBInstanceIdentifier=instance)['DBInstances'][0]['DbiResourceId']
        for pid in (p for p in os.listdir('/proc') if p.isdigit()):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as line, open(f'/proc/{pid}/mountinfo', encoding='utf-8') as mounts:
                    if line.read().startswith(b'/usr/sbin/mariadbd') and re.search(rf'/{resource}/data /srv/data', mounts.read()):
                        return int(pid)
            except OSError:
                continue
        return None

    def kill(self, instance, signal='KILL'):
        subprocess.run(['kill', f'-{signal}', str(wait_for(lambda: self.engine(instance), f'{instance} has a process'))], check=True)

    def events(self, kind, name=None):
        found = self.rds.describe_events(SourceType=kind, **({'SourceIdentifier': name} if name else {}))['Events']
        return [e['Message'] for e in found]
