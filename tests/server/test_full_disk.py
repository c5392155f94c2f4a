"""A disk that is full: what was acknowledged stays, what is refused says why, and deleting makes room. Needs root: the disk is a small tmpfs."""

import os
import subprocess
import tempfile

import botocore.exceptions
import pytest

from tests.support.daemon import Haar, wait_for

TABLE = {'TableName': 'items', 'BillingMode': 'PAY_PER_REQUEST', 'AttributeDefinitions': [{'AttributeName': 'id', 'AttributeType': 'S'}],
         'KeySchema': [{'AttributeName': 'id', 'KeyType': 'HASH'}]}


@pytest.fixture
def small_haar():
    if os.geteuid() != 0:
        pytest.skip('mounting a small disk needs root')
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder], check=True)
        haar = Haar(data=os.path.join(folder, 'data'), options=['--network=off'])
        try:
            yield haar.start()
        finally:
            haar.close()
            subprocess.run(['umount', '-l', folder], check=True)


def put(client, key):
    client.put_item(TableName='items', Item={'id': {'S': str(key)}, 'text': {'S': 'x' * 20000}})


def put_or_none(client, key):
    try:
        put(client, key)
        return True
    except botocore.exceptions.ClientError:
        return None


def fill(client):
    """Puts until it is refused; answers how many there are and the refusal."""
    for n in range(2000):
        try:
            put(client, n)
        except botocore.exceptions.ClientError as error:
            return n, error
    raise AssertionError('the disk did not fill')


def test_full_disk(small_haar):
    dynamodb, s3 = small_haar.client('dynamodb'), small_haar.client('s3')
    dynamodb.create_table(**TABLE)
    s3.create_bucket(Bucket='bucket')
    stored, refusal = fill(dynamodb)
    assert stored > 10
    assert refusal.response['ResponseMetadata']['HTTPStatusCode'] == 507
    assert refusal.response['Error']['Code'] == 'InsufficientStorage'
    what, _, text = refusal.response['Error']['Message'].partition(': ')
    assert what in ('PutItem', 'commit')
    assert text == f"no space is left for haar's data in {small_haar.data}. Free some, or delete something, and try again."
    with pytest.raises(botocore.exceptions.ClientError, match='no space is left'):
        s3.put_object(Bucket='bucket', Key='large', Body=b'x' * 20_000_000)
    assert 'Contents' not in s3.list_objects_v2(Bucket='bucket')
    small_haar.kill()
    small_haar.start()
    assert dynamodb.scan(TableName='items', Select='COUNT')['Count'] > 0
    for n in (0, stored - 1):
        assert 'Item' in dynamodb.get_item(TableName='items', Key={'id': {'S': str(n)}})
    assert 'Item' not in dynamodb.get_item(TableName='items', Key={'id': {'S': str(stored)}})
    for n in range(stored):
        dynamodb.delete_item(TableName='items', Key={'id': {'S': str(n)}})
    wait_for(lambda: put_or_none(dynamodb, 'again'), 'there is room again')


def test_another_program_fills_the_disk(small_haar):
    dynamodb = small_haar.client('dynamodb')
    dynamodb.create_table(**TABLE)
    for n in range(20):
        put(dynamodb, n)
    with open(os.path.join(os.path.dirname(small_haar.data), 'other'), 'wb', buffering=0) as other:
        with pytest.raises(OSError):
            while True:
                other.write(b'x' * 4096)
    _, refusal = fill(dynamodb)
    assert refusal.response['Error']['Code'] == 'InsufficientStorage'
    assert not os.path.exists(os.path.join(small_haar.data, 'reserve'))
    for n in range(20):
        dynamodb.delete_item(TableName='items', Key={'id': {'S': str(n)}})
    small_haar.kill()
    small_haar.start()
    os.unlink(os.path.join(os.path.dirname(small_haar.data), 'other'))
    wait_for(lambda: put_or_none(dynamodb, 'again'), 'there is room again')
    assert os.path.exists(os.path.join(small_haar.data, 'reserve'))
