"""What goes when its time has passed, and what comes back: a stack of its own, whose clock is moved; the tests go forward in time, in order."""

import datetime

import pytest

from tests.payments.stack import Stack
from tests.support.daemon import Haar, wait_for


@pytest.fixture(scope='module')
def aged():
    """A stack with a payment, before the clock is moved."""
    daemon = Haar()
    try:
        daemon.start()
        stack = Stack(daemon).deploy()
        stack.paid_key = stack.key()
        stack.paid = stack.pay(stack.paid_key)
        stack.later = lambda days=0, hours=0: daemon.call('POST', 'clock', {'advance': f'{days * 24 + hours}h'})
        yield stack
    finally:
        daemon.close()


def log_versions(stack):
    bucket, _, key = stack.paid['transactionLog'].removeprefix('s3://').partition('/')
    found = stack.client('s3').list_object_versions(Bucket=bucket, Prefix=key)
    return len(found.get('Versions', [])), len(found.get('DeleteMarkers', []))


def log_lines(stack):
    events = stack.client('logs').filter_log_events(logGroupName=f"/aws/lambda/{stack.outputs['FunctionName']}")['events']
    return [e for e in events if stack.paid['paymentId'] in e['message']]


def test_table_is_restored_to_a_second_of_the_past(aged):
    """A session that is deleted by mistake is in the table as it was before, and not in the one of before the payment's time."""
    dynamodb, table = aged.client('dynamodb'), aged.outputs['SessionTableName']
    recovery = dynamodb.describe_continuous_backups(TableName=table)['ContinuousBackupsDescription']['PointInTimeRecoveryDescription']
    assert recovery['PointInTimeRecoveryStatus'] == 'ENABLED'
    aged.later(hours=2)
    key = {'sessionId': {'S': f'guest:{aged.paid_key}'}}
    recovery = dynamodb.describe_continuous_backups(TableName=table)['ContinuousBackupsDescription']['PointInTimeRecoveryDescription']
    good = recovery['LatestRestorableDateTime'] - datetime.timedelta(minutes=30)
    before = dynamodb.get_item(TableName=table, Key=key)['Item']
    dynamodb.delete_item(TableName=table, Key=key)
    dynamodb.restore_table_to_point_in_time(SourceTableName=table, TargetTableName='restored', RestoreDateTime=good)
    wait_for(lambda: dynamodb.describe_table(TableName='restored')['Table']['TableStatus'] == 'ACTIVE', 'the table is restored', 60)
    assert dynamodb.get_item(TableName='restored', Key=key)['Item'] == before and 'Item' not in dynamodb.get_item(TableName=table, Key=key)
    dynamodb.put_item(TableName=table, Item=before)


def test_former_versions_are_gone_after_30_days(aged):
    s3, bucket = aged.client('s3'), aged.outputs['LogBucketName']
    former = s3.put_object(Bucket=bucket, Key='report', Body=b'former')['VersionId']
    s3.put_object(Bucket=bucket, Key='report', Body=b'present')
    kept = lambda: former in [v['VersionId'] for v in s3.list_object_versions(Bucket=bucket, Prefix='report').get('Versions', [])]
    aged.later(days=28)
    assert kept()
    aged.later(days=4)
    wait_for(lambda: not kept(), 'the former version goes', 60)
    assert s3.get_object(Bucket=bucket, Key='report')['Body'].read() == b'present'


def test_function_log_is_gone_after_its_days(aged):
    """32 days have passed: LogRetentionDays is 30."""
    wait_for(lambda: not log_lines(aged), 'the log of the payment goes', 60)


def test_sessions_expire(aged):
    """A session's time to live is over: it goes by itself. The ledger keeps the payment."""
    wait_for(lambda: aged.session(aged.paid_key) is None, 'the session goes', 60)
    assert aged.ledger(aged.paid['paymentId'])['payment']['amount_minor'] == '1234'


def test_logs_are_gone_after_90_days(aged):
    """Day 89: the transaction log is read. Day 92: it is hidden by a delete marker. A month later nothing of it is left."""
    aged.later(days=57)
    assert log_versions(aged) == (1, 0) and aged.log_object(aged.paid)['paymentId'] == aged.paid['paymentId']
    aged.later(days=3)
    wait_for(lambda: log_versions(aged) == (1, 1), 'the transaction log is hidden', 60)
    aged.later(days=32)
    wait_for(lambda: log_versions(aged)[0] == 0, 'the transaction log is gone', 60)


def test_payments_go_on_after_a_year(aged):
    """What the key sealed on the first day opens after its yearly rotation, and a payment is booked as on the first day."""
    kms, key = aged.client('kms'), aged.outputs['EncryptionKeyArn']
    sealed = kms.encrypt(KeyId=key, Plaintext=b'of the first year')['CiphertextBlob']
    aged.later(days=280)
    aged.later(days=90)
    assert kms.decrypt(CiphertextBlob=sealed)['Plaintext'] == b'of the first year'
    assert aged.post({'amount': '1.00', 'currency': 'EUR'}, aged.key())[0] == 200
