import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { services, startHaar } from './daemon.js';

let haar, has;
before(async () => {
  haar = await startHaar('--network=off');
  has = (await services(haar)).includes('dynamodb');
});
after(() => haar.stop());

test('items go in and come out', async (t) => {
  if (!has) return t.skip('this haar has no dynamodb');
  const client = new DynamoDBClient({});
  await client.send(new CreateTableCommand({
    TableName: 'sessions', BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'user', AttributeType: 'S' }, { AttributeName: 'at', AttributeType: 'N' }],
    KeySchema: [{ AttributeName: 'user', KeyType: 'HASH' }, { AttributeName: 'at', KeyType: 'RANGE' }],
  }));
  await waitUntilTableExists({ client, maxWaitTime: 20, minDelay: 1 }, { TableName: 'sessions' });
  for (let at = 0; at < 20; at++)
    await client.send(new PutItemCommand({ TableName: 'sessions', Item: { user: { S: 'é' }, at: { N: `${at}` }, raw: { B: Buffer.from([0, at]) } } }));
  const one = await client.send(new GetItemCommand({ TableName: 'sessions', Key: { user: { S: 'é' }, at: { N: '7' } } }));
  assert.deepEqual([...one.Item.raw.B], [0, 7]);
  const found = await client.send(new QueryCommand({
    TableName: 'sessions', KeyConditionExpression: '#u = :u AND #a BETWEEN :a AND :b', ExpressionAttributeNames: { '#u': 'user', '#a': 'at' },
    ExpressionAttributeValues: { ':u': { S: 'é' }, ':a': { N: '5' }, ':b': { N: '9' } },
  }));
  assert.deepEqual(found.Items.map((item) => item.at.N), ['5', '6', '7', '8', '9']);
});

test('a table that is not there', async (t) => {
  if (!has) return t.skip('this haar has no dynamodb');
  const get = new GetItemCommand({ TableName: 'nowhere', Key: { id: { S: '1' } } });
  await assert.rejects(new DynamoDBClient({}).send(get), { name: 'ResourceNotFoundException' });
});
