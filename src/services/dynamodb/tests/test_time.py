import datetime
import time

import pytest
from tests.support.daemon import wait_for


@pytest.fixture
def daemon(new_haar):
    return new_haar()


def create(db, name, **more):
    db.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'pk', 'KeyType': 'HASH'}],
                    AttributeDefinitions=[{'AttributeName': 'pk', 'AttributeType': 'S'}], **more)


def test_expired_items_go_when_the_clock_passes(daemon):
    db = daemon.client('dynamodb')
    create(db, 'sessions')
    now = int(time.time())
    db.put_item(TableName='sessions', Item={'pk': {'S': 'before'}, 'expires': {'N': str(now + 3600)}})
    db.update_time_to_live(TableName='sessions', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'expires'})
    assert db.describe_time_to_live(TableName='sessions')['TimeToLiveDescription'] == {'TimeToLiveStatus': 'ENABLED', 'AttributeName': 'expires'}
    db.put_item(TableName='sessions', Item={'pk': {'S': 'after'}, 'expires': {'N': str(now + 7200)}})
    db.put_item(TableName='sessions', Item={'pk': {'S': 'later'}, 'expires': {'N': str(now + 90 * 86400)}})
    db.put_item(TableName='sessions', Item={'pk': {'S': 'ancient'}, 'expires': {'N': '1000'}})
    db.put_item(TableName='sessions', Item={'pk': {'S': 'never'}})
    daemon.call('POST', 'clock', {'advance': '1d'})
    wait_for(lambda: sorted(i['pk']['S'] for i in db.scan(TableName='sessions')['Items']) == ['ancient', 'later', 'never'], 'expired items to go')


def test_restore_to_a_point_in_time(daemon):
    db = daemon.client('dynamodb')
    create(db, 'orders')
    db.put_item(TableName='orders', Item={'pk': {'S': 'old'}, 'v': {'N': '1'}})
    db.update_continuous_backups(TableName='orders', PointInTimeRecoverySpecification={'PointInTimeRecoveryEnabled': True})
    db.put_item(TableName='orders', Item={'pk': {'S': 'a'}, 'v': {'N': '1'}})
    daemon.call('POST', 'clock', {'advance': '1h'})
    backups = db.describe_continuous_backups(TableName='orders')['ContinuousBackupsDescription']['PointInTimeRecoveryDescription']
    assert backups['PointInTimeRecoveryStatus'] == 'ENABLED'
    good = backups['LatestRestorableDateTime'] - datetime.timedelta(minutes=10)
    daemon.call('POST', 'clock', {'advance': '1h'})
    db.put_item(TableName='orders', Item={'pk': {'S': 'a'}, 'v': {'N': '2'}})
    db.put_item(TableName='orders', Item={'pk': {'S': 'b'}})
    db.delete_item(TableName='orders', Key={'pk': {'S': 'old'}})
    db.restore_table_to_point_in_time(SourceTableName='orders', TargetTableName='restored', RestoreDateTime=good)
    items = {i['pk']['S']: i.get('v') for i in db.scan(TableName='restored')['Items']}
    assert items == {'old': {'N': '1'}, 'a': {'N': '1'}}
    db.restore_table_to_point_in_time(SourceTableName='orders', TargetTableName='latest', UseLatestRestorableTime=True)
    assert db.scan(TableName='latest')['Count'] == 2
    with pytest.raises(db.exceptions.InvalidRestoreTimeException):
        db.restore_table_to_point_in_time(SourceTableName='orders', TargetTableName='too-early', RestoreDateTime=good - datetime.timedelta(days=1))
