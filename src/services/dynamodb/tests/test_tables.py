import botocore.config
import pytest
from botocore.exceptions import ClientError


def simple(client, name, **more):
    return client.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'pk', 'KeyType': 'HASH'}],
                               AttributeDefinitions=[{'AttributeName': 'pk', 'AttributeType': 'S'}], **more)


def test_life_of_a_table(client):
    db = client('dynamodb')
    created = simple(db, 'life')['TableDescription']
    assert created['TableStatus'] == 'CREATING'
    db.get_waiter('table_exists').wait(TableName='life')
    table = db.describe_table(TableName='life')['Table']
    assert table['TableStatus'] == 'ACTIVE'
    assert table['TableArn'] == 'arn:aws:dynamodb:us-east-1:000000000000:table/life'
    assert table['BillingModeSummary']['BillingMode'] == 'PAY_PER_REQUEST'
    with pytest.raises(db.exceptions.ResourceInUseException, match='Table already exists: life'):
        simple(db, 'life')
    assert 'life' in db.list_tables()['TableNames']
    db.put_item(TableName='life', Item={'pk': {'S': 'a'}})
    assert db.delete_table(TableName='life')['TableDescription']['TableStatus'] == 'DELETING'
    db.get_waiter('table_not_exists').wait(TableName='life')
    with pytest.raises(db.exceptions.ResourceNotFoundException, match='Requested resource not found: Table: life not found'):
        db.describe_table(TableName='life')
    simple(db, 'life')
    assert db.scan(TableName='life')['Count'] == 0


def test_wrong_definitions(client):
    db = client('dynamodb')
    with pytest.raises(ClientError, match='Some index key attributes are not defined in AttributeDefinitions'):
        db.create_table(TableName='wrong', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'x', 'KeyType': 'HASH'}],
                        AttributeDefinitions=[{'AttributeName': 'pk', 'AttributeType': 'S'}])
    with pytest.raises(ClientError, match='Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST'):
        simple(db, 'wrong', ProvisionedThroughput={'ReadCapacityUnits': 1, 'WriteCapacityUnits': 1})
    with pytest.raises(ClientError, match='failed to satisfy constraint'):
        simple(client('dynamodb', config=botocore.config.Config(parameter_validation=False)), 'x')


def test_deletion_protection_tags_ttl_limits(client):
    db = client('dynamodb')
    simple(db, 'tagged', Tags=[{'Key': 'team', 'Value': 'pay'}])
    arn = db.describe_table(TableName='tagged')['Table']['TableArn']
    db.tag_resource(ResourceArn=arn, Tags=[{'Key': 'stage', 'Value': 'test'}])
    db.untag_resource(ResourceArn=arn, TagKeys=['team'])
    assert db.list_tags_of_resource(ResourceArn=arn)['Tags'] == [{'Key': 'stage', 'Value': 'test'}]
    assert db.describe_limits()['TableMaxReadCapacityUnits'] == 40000
    assert db.describe_time_to_live(TableName='tagged')['TimeToLiveDescription'] == {'TimeToLiveStatus': 'DISABLED'}


def test_update_table_adds_and_removes_an_index(client):
    db = client('dynamodb')
    simple(db, 'grows')
    for i in range(5):
        db.put_item(TableName='grows', Item={'pk': {'S': str(i)}, 'user': {'S': 'u%d' % (i % 2)}})
    db.put_item(TableName='grows', Item={'pk': {'S': 'none'}})
    db.update_table(TableName='grows', AttributeDefinitions=[{'AttributeName': 'user', 'AttributeType': 'S'}], GlobalSecondaryIndexUpdates=[
        {'Create': {'IndexName': 'byUser', 'KeySchema': [{'AttributeName': 'user', 'KeyType': 'HASH'}], 'Projection': {'ProjectionType': 'KEYS_ONLY'}}}])
    found = db.query(TableName='grows', IndexName='byUser', KeyConditionExpression='#u = :u', ExpressionAttributeNames={'#u': 'user'},
                     ExpressionAttributeValues={':u': {'S': 'u0'}})
    assert sorted(i['pk']['S'] for i in found['Items']) == ['0', '2', '4']
    index = db.describe_table(TableName='grows')['Table']['GlobalSecondaryIndexes'][0]
    assert (index['IndexStatus'], index['ItemCount']) == ('ACTIVE', 5)
    db.update_table(TableName='grows', GlobalSecondaryIndexUpdates=[{'Delete': {'IndexName': 'byUser'}}])
    assert 'GlobalSecondaryIndexes' not in db.describe_table(TableName='grows')['Table']


def test_kms_table_is_encrypted_on_disk_and_needs_its_key(client, haar):
    db, kms = client('dynamodb'), client('kms')
    key = kms.create_key()['KeyMetadata']
    db.create_table(TableName='sealed', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'sessionId', 'KeyType': 'HASH'}],
                    AttributeDefinitions=[{'AttributeName': 'sessionId', 'AttributeType': 'S'}, {'AttributeName': 'userId', 'AttributeType': 'S'}],
                    GlobalSecondaryIndexes=[{'IndexName': 'byUser', 'KeySchema': [{'AttributeName': 'userId', 'KeyType': 'HASH'}],
                                             'Projection': {'ProjectionType': 'ALL'}}],
                    StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'},
                    SSESpecification={'Enabled': True, 'SSEType': 'KMS', 'KMSMasterKeyId': key['KeyId']})
    assert db.describe_table(TableName='sealed')['Table']['SSEDescription'] == {'Status': 'ENABLED', 'SSEType': 'KMS', 'KMSMasterKeyArn': key['Arn']}
    item = {'sessionId': {'S': 'plain-session-9731'}, 'userId': {'S': 'plain-user-8642'}, 'card': {'S': 'plain-card-1357'}}
    db.put_item(TableName='sealed', Item=item)
    assert db.get_item(TableName='sealed', Key={'sessionId': item['sessionId']})['Item'] == item
    assert db.query(TableName='sealed', IndexName='byUser', KeyConditionExpression='userId = :u',
                    ExpressionAttributeValues={':u': item['userId']})['Items'] == [item]
    import pathlib
    for path in pathlib.Path(haar.data).rglob('*'):
        if path.is_file():
            data = path.read_bytes()
            for value in item.values():
                assert value['S'].encode() not in data, path
    kms.disable_key(KeyId=key['KeyId'])
    with pytest.raises(ClientError, match='is disabled'):
        db.get_item(TableName='sealed', Key={'sessionId': item['sessionId']})
    kms.enable_key(KeyId=key['KeyId'])
    assert db.get_item(TableName='sealed', Key={'sessionId': item['sessionId']})['Item'] == item
