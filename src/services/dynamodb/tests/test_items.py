import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope='module')
def names():
    return iter('items%d' % i for i in range(1000))


@pytest.fixture
def db(client):
    return client('dynamodb')


@pytest.fixture
def table(db, names):
    name = next(names)
    db.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'pk', 'KeyType': 'HASH'}],
                    AttributeDefinitions=[{'AttributeName': 'pk', 'AttributeType': 'S'}])
    return name


def refused(code, message):
    return pytest.raises(ClientError, match=r'\(%s\).*%s' % (code, message))


KEY = {'pk': {'S': 'a'}}


def test_all_kinds_come_back(db, table):
    item = {'pk': {'S': 'a'}, 's': {'S': 'häar \u20ac'}, 'n': {'N': '-12.5'}, 'b': {'B': b'\x00\x01\xff'}, 'ss': {'SS': ['x', 'y']}, 'ns': {'NS': ['1', '2']},
            'bs': {'BS': [b'a', b'b']}, 'm': {'M': {'k': {'L': [{'S': 'v'}, {'NULL': True}]}, 'e': {'M': {}}}}, 'l': {'L': []}, 't': {'BOOL': True},
            'f': {'BOOL': False}, 'z': {'NULL': True}, 'empty': {'S': ''}}
    db.put_item(TableName=table, Item=item)
    assert db.get_item(TableName=table, Key=KEY)['Item'] == item
    assert 'Item' not in db.get_item(TableName=table, Key={'pk': {'S': 'none'}})


def test_numbers(db, table):
    for given, canonical in [('1.0', '1'), ('1e3', '1000'), ('-0', '0'), ('0.00001', '0.00001'), ('12345678901234567890123456789012345678',) * 2]:
        db.put_item(TableName=table, Item={**KEY, 'n': {'N': given}})
        assert db.get_item(TableName=table, Key=KEY)['Item']['n'] == {'N': canonical}
    with refused('ValidationException', 'The parameter cannot be converted to a numeric value: abc'):
        db.put_item(TableName=table, Item={**KEY, 'n': {'N': 'abc'}})
    with refused('ValidationException', 'Attempting to store more than 38 significant digits in a Number'):
        db.put_item(TableName=table, Item={**KEY, 'n': {'N': '1' * 39}})


def test_wrong_keys(db, table):
    with refused('ValidationException', 'The provided key element does not match the schema'):
        db.get_item(TableName=table, Key={'id': {'S': 'a'}})
    with refused('ValidationException', 'The provided key element does not match the schema'):
        db.get_item(TableName=table, Key={'pk': {'N': '1'}})
    with refused('ValidationException', 'Missing the key pk in the item'):
        db.put_item(TableName=table, Item={'x': {'S': 'a'}})
    with refused('ValidationException', 'Type mismatch for key pk expected: S actual: N'):
        db.put_item(TableName=table, Item={'pk': {'N': '1'}})
    with refused('ValidationException', 'The AttributeValue for a key attribute cannot contain an empty string value. Key: pk'):
        db.put_item(TableName=table, Item={'pk': {'S': ''}})
    with refused('ResourceNotFoundException', 'Requested resource not found'):
        db.get_item(TableName='nowhere', Key=KEY)
    with refused('ValidationException', 'Input collection .* contains duplicates'):
        db.put_item(TableName=table, Item={**KEY, 's': {'SS': ['a', 'a']}})


def test_item_size(db, table):
    db.put_item(TableName=table, Item={**KEY, 'x': {'S': 'x' * (400 * 1024 - 4)}})
    assert len(db.get_item(TableName=table, Key=KEY)['Item']['x']['S']) == 400 * 1024 - 4
    with refused('ValidationException', 'Item size has exceeded the maximum allowed size'):
        db.put_item(TableName=table, Item={**KEY, 'x': {'S': 'x' * (400 * 1024 - 3)}})


def test_conditions(db, table):
    db.put_item(TableName=table, Item={**KEY, 'n': {'N': '5'}, 's': {'S': 'hello'}, 'l': {'L': [{'N': '1'}]}, 'ss': {'SS': ['x']}})

    def holds(condition, names=None, **values):
        more = {'ExpressionAttributeValues': {':' + k: v for k, v in values.items()}} if values else {}
        if names:
            more['ExpressionAttributeNames'] = names
        try:
            db.update_item(TableName=table, Key=KEY, UpdateExpression='REMOVE nothing', ConditionExpression=condition, **more)
            return True
        except db.exceptions.ConditionalCheckFailedException as e:
            assert e.response['Error']['Message'] == 'The conditional request failed'
            return False

    assert holds('attribute_exists(n) AND attribute_not_exists(m)')
    assert holds('n = :v', v={'N': '5.0'}) and not holds('n <> :v', v={'N': '5'})
    assert holds('n > :v', v={'N': '-1e10'}) and holds('n BETWEEN :a AND :b', a={'N': '4'}, b={'N': '6'})
    assert holds('n IN (:a, :b)', a={'N': '4'}, b={'N': '5'})
    assert holds('begins_with(s, :p) AND contains(s, :c)', p={'S': 'he'}, c={'S': 'll'})
    assert holds('contains(l, :v) AND contains(ss, :s)', v={'N': '1'}, s={'S': 'x'})
    assert holds('size(s) = :v', v={'N': '5'}) and holds('attribute_type(s, :t)', t={'S': 'S'})
    assert holds('NOT (n = :v OR attribute_exists(m))', v={'N': '6'})
    assert holds('l[0] = :v', v={'N': '1'}) and not holds('l[1] = :v', v={'N': '1'})
    assert holds('#s = :v', {'#s': 's'}, v={'S': 'hello'})
    assert not holds('n = :v', v={'S': '5'})
    assert holds('gone <> :v', v={'S': '5'})


def test_expression_errors(db, table):
    def update(expression, names=None, **values):
        more = {'ExpressionAttributeValues': {':' + k: v for k, v in values.items()}} if values else {}
        if names:
            more['ExpressionAttributeNames'] = names
        db.update_item(TableName=table, Key=KEY, UpdateExpression=expression, **more)

    with refused('ValidationException', 'Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "="'):
        update('SET a =')
    with refused('ValidationException', 'Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: status'):
        update('SET status = :v', v={'S': 'x'})
    with refused('ValidationException', 'An expression attribute value used in expression is not defined; attribute value: :w'):
        update('SET a = :w', v={'S': 'x'})
    with refused('ValidationException', 'An expression attribute name used in the document path is not defined; attribute name: #n'):
        update('SET #n = :v', v={'S': 'x'})
    with refused('ValidationException', 'Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}'):
        update('SET a = :v', v={'S': 'x'}, w={'S': 'y'})
    with refused('ValidationException', 'Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}'):
        update('SET a = :v', {'#n': 'x'}, v={'S': 'x'})
    with refused('ValidationException', 'Two document paths overlap with each other; must remove or rewrite one of these paths; path one: .a., path two: .a, b.'):
        update('SET a = :v, a.b = :v', v={'S': 'x'})
    with refused('ValidationException', 'The "SET" section can only be used once in an update expression;'):
        update('SET a = :v SET b = :v', v={'S': 'x'})
    with refused('ValidationException', 'Cannot update attribute pk. This attribute is part of the key'):
        update('SET pk = :v', v={'S': 'x'})
    with refused('ValidationException', 'The document path provided in the update expression is invalid for update'):
        update('SET m.x = :v', v={'S': 'x'})
    with refused('ValidationException', 'The provided expression refers to an attribute that does not exist in the item'):
        update('SET a = b')
    with refused('ValidationException', r'Incorrect operand type for operator or function; operator or function: \+, operand type: S'):
        update('SET a = a + :v', v={'S': 'x'})
    with refused('ValidationException', 'operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND'):
        update('ADD a :v', v={'S': 'x'})
    with refused('ValidationException', 'Invalid UpdateExpression: Invalid function name; function: nope'):
        update('SET a = nope(b)')
    with refused('ValidationException', 'ExpressionAttributeValues can only be specified when using expressions'):
        db.put_item(TableName=table, Item=KEY, ExpressionAttributeValues={':v': {'S': 'x'}})
    with refused('ValidationException', 'Invalid ConditionExpression: The expression can not be empty;'):
        db.put_item(TableName=table, Item=KEY, ConditionExpression='')


def test_updates(db, table):
    def update(expression, returns='ALL_NEW', **values):
        more = {'ExpressionAttributeValues': {':' + k: v for k, v in values.items()}} if values else {}
        found = db.update_item(TableName=table, Key=KEY, UpdateExpression=expression, ReturnValues=returns, **more).get('Attributes', {})
        found.pop('pk', None)
        return found

    assert update('SET n = :n, l = :l, m = :m', n={'N': '1'}, l={'L': [{'S': 'a'}]}, m={'M': {}}) == \
        {'n': {'N': '1'}, 'l': {'L': [{'S': 'a'}]}, 'm': {'M': {}}}
    assert update('SET n = n + :v', 'UPDATED_NEW', v={'N': '0.5'}) == {'n': {'N': '1.5'}}
    assert update('SET n = n - :v', 'UPDATED_OLD', v={'N': '1'}) == {'n': {'N': '1.5'}}
    assert update('SET n = if_not_exists(n, :v), k = if_not_exists(k, :v)', 'UPDATED_NEW', v={'N': '9'}) == {'n': {'N': '0.5'}, 'k': {'N': '9'}}
    assert update('SET l = list_append(l, :v)', 'UPDATED_NEW', v={'L': [{'S': 'b'}, {'S': 'c'}]}) == {'l': {'L': [{'S': 'a'}, {'S': 'b'}, {'S': 'c'}]}}
    assert update('REMOVE l[0], l[2]', 'ALL_NEW')['l'] == {'L': [{'S': 'b'}]}
    assert update('SET m.x = :v, l[5] = :v', v={'S': 'y'})['m'] == {'M': {'x': {'S': 'y'}}}
    assert update('ADD c :v, t :t', 'UPDATED_NEW', v={'N': '3'}, t={'SS': ['a']}) == {'c': {'N': '3'}, 't': {'SS': ['a']}}
    assert update('ADD c :v, t :t', 'UPDATED_NEW', v={'N': '-1'}, t={'SS': ['a', 'b']}) == {'c': {'N': '2'}, 't': {'SS': ['a', 'b']}}
    assert update('DELETE t :t', 'UPDATED_NEW', t={'SS': ['a']}) == {'t': {'SS': ['b']}}
    assert 't' not in update('DELETE t :t', t={'SS': ['b']})
    assert 'k' not in update('REMOVE k')
    assert db.update_item(TableName=table, Key={'pk': {'S': 'new'}}, ReturnValues='ALL_NEW')['Attributes'] == {'pk': {'S': 'new'}}


def test_projection_and_return_values(db, table):
    item = {**KEY, 'a': {'M': {'b': {'S': 'x'}, 'c': {'S': 'y'}}}, 'l': {'L': [{'N': '0'}, {'N': '1'}, {'N': '2'}]}}
    assert 'Attributes' not in db.put_item(TableName=table, Item=item, ReturnValues='ALL_OLD')
    assert db.put_item(TableName=table, Item=item, ReturnValues='ALL_OLD')['Attributes'] == item
    assert db.get_item(TableName=table, Key=KEY, ProjectionExpression='a.b, l[2], nope')['Item'] == {'a': {'M': {'b': {'S': 'x'}}}, 'l': {'L': [{'N': '2'}]}}
    assert db.delete_item(TableName=table, Key=KEY, ReturnValues='ALL_OLD')['Attributes'] == item
    assert 'Attributes' not in db.delete_item(TableName=table, Key=KEY, ReturnValues='ALL_OLD')
    used = db.put_item(TableName=table, Item={**KEY, 'x': {'S': 'x' * 3000}}, ReturnConsumedCapacity='TOTAL')['ConsumedCapacity']
    assert used == {'TableName': table, 'CapacityUnits': 3.0}


def test_batches(db, table):
    requests = [{'PutRequest': {'Item': {'pk': {'S': 'b%d' % i}, 'v': {'N': str(i)}}}} for i in range(25)]
    assert db.batch_write_item(RequestItems={table: requests})['UnprocessedItems'] == {}
    found = db.batch_get_item(RequestItems={table: {'Keys': [{'pk': {'S': 'b%d' % i}} for i in (1, 2, 99)]}})
    assert sorted(i['v']['N'] for i in found['Responses'][table]) == ['1', '2']
    db.batch_write_item(RequestItems={table: [{'DeleteRequest': {'Key': {'pk': {'S': 'b1'}}}}]})
    assert 'Item' not in db.get_item(TableName=table, Key={'pk': {'S': 'b1'}})
    with refused('ValidationException', 'Provided list of item keys contains duplicates'):
        db.batch_write_item(RequestItems={table: requests[:1] * 2})


def test_transactions(db, table):
    db.put_item(TableName=table, Item={**KEY, 'n': {'N': '10'}})
    db.transact_write_items(ClientRequestToken='once', TransactItems=[
        {'Put': {'TableName': table, 'Item': {'pk': {'S': 'p'}}}},
        {'Update': {'TableName': table, 'Key': KEY, 'UpdateExpression': 'SET n = n - :v', 'ConditionExpression': 'n >= :v',
                    'ExpressionAttributeValues': {':v': {'N': '4'}}}}])
    assert db.get_item(TableName=table, Key=KEY)['Item']['n'] == {'N': '6'}
    with pytest.raises(db.exceptions.TransactionCanceledException) as e:
        db.transact_write_items(TransactItems=[
            {'Delete': {'TableName': table, 'Key': {'pk': {'S': 'p'}}}},
            {'ConditionCheck': {'TableName': table, 'Key': KEY, 'ConditionExpression': 'n > :v', 'ExpressionAttributeValues': {':v': {'N': '100'}},
                                'ReturnValuesOnConditionCheckFailure': 'ALL_OLD'}}])
    assert e.value.response['Error']['Message'].endswith('specific reasons [None, ConditionalCheckFailed]')
    reasons = e.value.response['CancellationReasons']
    assert [r['Code'] for r in reasons] == ['None', 'ConditionalCheckFailed']
    assert reasons[1]['Item']['n'] == {'N': '6'}
    assert 'Item' in db.get_item(TableName=table, Key={'pk': {'S': 'p'}})
    got = db.transact_get_items(TransactItems=[{'Get': {'TableName': table, 'Key': KEY}}, {'Get': {'TableName': table, 'Key': {'pk': {'S': 'none'}}}}])
    assert got['Responses'][0]['Item']['n'] == {'N': '6'} and 'Item' not in got['Responses'][1]
    with refused('ValidationException', 'Transaction request cannot include multiple operations on one item'):
        db.transact_write_items(TransactItems=[{'Put': {'TableName': table, 'Item': KEY}}, {'Delete': {'TableName': table, 'Key': KEY}}])


def test_token_is_carried_out_once(db, table):
    items = [{'Update': {'TableName': table, 'Key': KEY, 'UpdateExpression': 'ADD n :v', 'ExpressionAttributeValues': {':v': {'N': '1'}}}}]
    for _ in range(3):
        db.transact_write_items(ClientRequestToken='token-1', TransactItems=items)
    assert db.get_item(TableName=table, Key=KEY)['Item']['n'] == {'N': '1'}
    items[0]['Update']['ExpressionAttributeValues'][':v'] = {'N': '2'}
    with pytest.raises(db.exceptions.IdempotentParameterMismatchException):
        db.transact_write_items(ClientRequestToken='token-1', TransactItems=items)


def test_survives_a_kill(new_haar):
    daemon = new_haar()
    db = daemon.client('dynamodb')
    db.create_table(TableName='kept', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'pk', 'KeyType': 'HASH'}],
                    AttributeDefinitions=[{'AttributeName': 'pk', 'AttributeType': 'S'}])
    db.put_item(TableName='kept', Item={**KEY, 'n': {'N': '7'}})
    daemon.kill()
    daemon.restart()
    assert daemon.client('dynamodb').get_item(TableName='kept', Key=KEY)['Item']['n'] == {'N': '7'}
