"""AWS/SecretsManager's ResourceCount: once an hour, by account and region."""

import datetime

from tests.support.daemon import wait_for

HAAR_OPTIONS = ['--network=off']


def test_resource_count(haar, client):
    secrets, cloudwatch = client('secretsmanager'), client('cloudwatch')
    for name in ('one', 'two', 'three'):
        secrets.create_secret(Name=name, SecretString='x')
    secrets.delete_secret(SecretId='three')
    haar.client('secretsmanager', region_name='eu-west-1').create_secret(Name='elsewhere', SecretString='x')
    dimensions = [{'Name': n, 'Value': v} for n, v in (('Class', 'None'), ('Resource', 'SecretCount'), ('Service', 'Secrets Manager'), ('Type', 'Resource'))]
    now = datetime.datetime.utcnow().replace(minute=0, second=0, microsecond=0)

    def points(watch):
        got = watch.get_metric_statistics(Namespace='AWS/SecretsManager', MetricName='ResourceCount', Dimensions=dimensions, Period=3600,
                                          StartTime=now - datetime.timedelta(hours=2), EndTime=now + datetime.timedelta(hours=3), Statistics=['Average'])
        return [(p['Average'], p['Timestamp'].minute, p['Unit']) for p in got['Datapoints']]

    assert points(cloudwatch) == []
    haar.call('POST', 'clock', {'advance': '1h'})
    assert wait_for(lambda: points(cloudwatch), 'the hour is measured') == [(3, 0, 'Count')]
    assert points(haar.client('cloudwatch', region_name='eu-west-1')) == [(1, 0, 'Count')]
