import random

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope='module')
def table(haar):
    db = haar.client('dynamodb')
    db.create_table(TableName='events', BillingMode='PAY_PER_REQUEST',
                    KeySchema=[{'AttributeName': 'pk', 'KeyType': 'HASH'}, {'AttributeName': 'sk', 'KeyType': 'RANGE'}],
                    AttributeDefinitions=[{'AttributeName': n, 'AttributeType': t} for n, t in [('pk', 'S'), ('sk', 'N'), ('user', 'S'), ('at', 'S')]],
                    LocalSecondaryIndexes=[{'IndexName': 'byTime', 'Projection': {'ProjectionType': 'KEYS_ONLY'},
                                            'KeySchema': [{'AttributeName': 'pk', 'KeyType': 'HASH'}, {'AttributeName': 'at', 'KeyType': 'RANGE'}]}],
                    GlobalSecondaryIndexes=[{'IndexName': 'byUser', 'Projection': {'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['colour']},
                                             'KeySchema': [{'AttributeName': 'user', 'KeyType': 'HASH'}, {'AttributeName': 'sk', 'KeyType': 'RANGE'}]}])
    numbers = list(range(-20, 20))
    random.Random(3).shuffle(numbers)
    for i in numbers:
        db.put_item(TableName='events', Item={'pk': {'S': 'p%d' % (i % 2)}, 'sk': {'N': str(i / 2)}, 'user': {'S': 'u%d' % (i % 3)}, 'at': {'S': 't%02d' % (i + 20)},
                                              'colour': {'S': 'red' if i % 4 else 'blue'}, 'other': {'S': 'x'}})
    return db


def numbers(found):
    return [float(i['sk']['N']) for i in found['Items']]


def query(db, condition, values, **more):
    return db.query(TableName='events', KeyConditionExpression=condition, ExpressionAttributeValues={':' + k: v for k, v in values.items()}, **more)


P0 = {'S': 'p0'}
ALL = [i / 2 for i in range(-20, 20, 2)]


def test_order_and_ranges(table):
    assert numbers(query(table, 'pk = :p', {'p': P0})) == ALL
    assert numbers(query(table, 'pk = :p', {'p': P0}, ScanIndexForward=False)) == ALL[::-1]
    for operator, keep in [('<', lambda x: x < 2), ('<=', lambda x: x <= 2), ('>', lambda x: x > 2), ('>=', lambda x: x >= 2), ('=', lambda x: x == 2)]:
        for forward in (True, False):
            found = numbers(query(table, 'pk = :p AND sk %s :v' % operator, {'p': P0, 'v': {'N': '2'}}, ScanIndexForward=forward))
            assert found == [x for x in ALL if keep(x)][::1 if forward else -1], operator
    assert numbers(query(table, 'pk = :p AND sk BETWEEN :a AND :b', {'p': P0, 'a': {'N': '-3'}, 'b': {'N': '1.5'}})) == [x for x in ALL if -3 <= x <= 1.5]


@pytest.mark.parametrize('forward', [True, False])
def test_pages(table, forward):
    found, start = [], {}
    while True:
        page = query(table, 'pk = :p AND sk > :v', {'p': P0, 'v': {'N': '-5'}}, Limit=3, ScanIndexForward=forward, **start)
        found += numbers(page)
        if 'LastEvaluatedKey' not in page:
            break
        assert set(page['LastEvaluatedKey']) == {'pk', 'sk'}
        start = {'ExclusiveStartKey': page['LastEvaluatedKey']}
    assert found == [x for x in ALL if x > -5][::1 if forward else -1]


def test_indexes(table):
    found = query(table, '#u = :u AND sk < :v', {'u': {'S': 'u1'}, 'v': {'N': '0'}}, IndexName='byUser', ExpressionAttributeNames={'#u': 'user'})
    assert numbers(found) == sorted(i / 2 for i in range(-20, 0) if i % 3 == 1)
    assert set(found['Items'][0]) == {'pk', 'sk', 'user', 'colour'}
    found = query(table, 'pk = :p AND begins_with(#a, :t)', {'p': P0, 't': {'S': 't1'}}, IndexName='byTime', ExpressionAttributeNames={'#a': 'at'})
    assert [i['at']['S'] for i in found['Items']] == ['t10', 't12', 't14', 't16', 't18']
    assert set(found['Items'][0]) == {'pk', 'sk', 'at'}
    found = query(table, 'pk = :p AND begins_with(#a, :t)', {'p': P0, 't': {'S': 't1'}}, IndexName='byTime', ExpressionAttributeNames={'#a': 'at'},
                  Select='ALL_ATTRIBUTES')
    assert found['Items'][0]['other'] == {'S': 'x'}
    start, pages = {}, []
    while True:
        page = query(table, '#u = :u', {'u': {'S': 'u1'}}, IndexName='byUser', Limit=4, ExpressionAttributeNames={'#u': 'user'}, **start)
        pages += numbers(page)
        if 'LastEvaluatedKey' not in page:
            break
        assert set(page['LastEvaluatedKey']) == {'pk', 'sk', 'user'}
        start = {'ExclusiveStartKey': page['LastEvaluatedKey']}
    assert pages == sorted(i / 2 for i in range(-20, 20) if i % 3 == 1)


def test_filter_count_and_errors(table):
    found = query(table, 'pk = :p', {'p': P0, 'c': {'S': 'blue'}}, FilterExpression='colour = :c', Select='COUNT')
    assert (found['Count'], found['ScannedCount']) == (10, 20) and 'Items' not in found
    with pytest.raises(ClientError, match='Query condition missed key schema element: pk'):
        query(table, 'sk = :v', {'v': {'N': '1'}})
    with pytest.raises(ClientError, match='Query key condition not supported'):
        query(table, 'pk > :v', {'v': P0})
    with pytest.raises(ClientError, match='Filter Expression can only contain non-primary key attributes: Primary key attribute: sk'):
        query(table, 'pk = :p', {'p': P0, 'v': {'N': '1'}}, FilterExpression='sk = :v')
    with pytest.raises(ClientError, match='The table does not have the specified index: nope'):
        query(table, 'pk = :p', {'p': P0}, IndexName='nope')
    with pytest.raises(ClientError, match='Consistent reads are not supported on global secondary indexes'):
        query(table, 'pk = :p', {'p': P0}, IndexName='byUser', ConsistentRead=True)
    with pytest.raises(ClientError, match='Condition parameter type does not match schema type'):
        query(table, 'pk = :p', {'p': {'N': '1'}})


def test_scan(table):
    assert sorted(numbers(table.scan(TableName='events'))) == sorted(i / 2 for i in range(-20, 20))
    parts = [numbers(table.scan(TableName='events', Segment=i, TotalSegments=4)) for i in range(4)]
    assert sorted(sum(parts, [])) == sorted(i / 2 for i in range(-20, 20))
    found, start = [], {}
    while True:
        page = table.scan(TableName='events', Limit=7, FilterExpression='colour = :c', ExpressionAttributeValues={':c': {'S': 'blue'}}, **start)
        found += numbers(page)
        if 'LastEvaluatedKey' not in page:
            break
        start = {'ExclusiveStartKey': page['LastEvaluatedKey']}
    assert sorted(found) == sorted(i / 2 for i in range(-20, 20) if i % 4 == 0)
    assert table.scan(TableName='events', IndexName='byUser', Select='COUNT')['Count'] == 40


def test_one_megabyte_pages(table):
    for i in range(12):
        table.put_item(TableName='events', Item={'pk': {'S': 'large'}, 'sk': {'N': str(i)}, 'x': {'S': 'x' * 100000}})
    page = query(table, 'pk = :p', {'p': {'S': 'large'}})
    assert page['Count'] == 11 and page['LastEvaluatedKey']['sk'] == {'N': '10'}
