// The payment stack, brought up by haar up, with the SDK's clients: what a payment leaves behind, and that it is encrypted.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectVersionsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { startHaar } from './daemon.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const binary = process.env.HAAR_BINARY ?? join(root, 'build', 'src', 'haar');

let haar, outputs;
before(async () => {
  haar = await startHaar();
  const environment = { ...process.env, HAAR_ENDPOINT: haar.url };
  const { stdout } = await promisify(execFile)(binary, ['up', join(root, 'stacks', 'payments', 'template.yaml'), '--stack', 'payments', '--json'], {
    env: environment, maxBuffer: 1 << 26,
  });
  const { Stack } = JSON.parse(stdout.trim().split('\n').pop());
  outputs = Object.fromEntries(Stack.Outputs.map((o) => [o.OutputKey, o.OutputValue]));
});
after(() => haar.stop());

function pay(key, body) {
  const headers = { Host: `${outputs.ApiId}.execute-api.us-east-1.amazonaws.com`, 'Content-Type': 'application/json', 'Idempotency-Key': key };
  return new Promise((resolve, reject) => {
    const sent = request(`${haar.url}/${outputs.ApiStageName}/payment`, { method: 'POST', headers }, async (answer) => {
      let text = '';
      for await (const piece of answer) text += piece;
      resolve({ status: answer.statusCode, replayed: answer.headers['idempotent-replayed'], body: JSON.parse(text) });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

test('a payment is booked once and leaves its session and its log', async () => {
  const first = await pay('js-1', { amount: '12.34', currency: 'EUR', userId: 'ada' });
  assert.equal(first.status, 200, JSON.stringify(first.body));
  const again = await pay('js-1', { amount: '12.34', currency: 'EUR', userId: 'ada' });
  assert.deepEqual([again.status, again.replayed, again.body], [200, 'true', first.body]);
  const { Item } = await new DynamoDBClient({}).send(new GetItemCommand({ TableName: outputs.SessionTableName, Key: { sessionId: { S: 'ada:js-1' } } }));
  assert.deepEqual([Item.status.S, Item.paymentId.S], ['completed', first.body.paymentId]);
  const s3 = new S3Client({ forcePathStyle: true });
  const [, bucket, key] = first.body.transactionLog.match(/^s3:\/\/([^/]+)\/(.*)$/);
  const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  assert.equal(JSON.parse(await object.Body.transformToString()).amountMinor, 1234);
  assert.equal(object.ServerSideEncryption, 'aws:kms');
  assert.equal(object.SSEKMSKeyId, outputs.EncryptionKeyArn);
  const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }));
  assert.equal(Versions.length, 1);
});

test('a payment at the same time is booked once', async () => {
  const answers = await Promise.all(Array.from({ length: 4 }, () => pay('js-2', { amount: '1.00', currency: 'EUR' })));
  assert.deepEqual(answers.map((a) => a.status), [200, 200, 200, 200]);
  assert.equal(new Set(answers.map((a) => a.body.paymentId)).size, 1);
});

test('a session is not put twice under its condition', async () => {
  await assert.rejects(new DynamoDBClient({}).send(new PutItemCommand({
    TableName: outputs.SessionTableName, Item: { sessionId: { S: 'ada:js-1' } }, ConditionExpression: 'attribute_not_exists(sessionId)',
  })), { name: 'ConditionalCheckFailedException' });
});

test('the secret has 32 characters, under the key of the stack', async () => {
  const secrets = new SecretsManagerClient({});
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: outputs.DatabaseSecretArn }));
  const secret = JSON.parse(SecretString);
  assert.equal(secret.password.length, 32);
  assert.equal(secret.host, outputs.DatabaseEndpoint);
  const { KmsKeyId } = await secrets.send(new DescribeSecretCommand({ SecretId: outputs.DatabaseSecretArn }));
  assert.equal(KmsKeyId, outputs.EncryptionKeyArn);
});

test('only the function writes transaction logs', async () => {
  await assert.rejects(new S3Client({ forcePathStyle: true, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }).send(new PutObjectCommand({
    Bucket: outputs.LogBucketName, Key: 'transactions/forged.json', Body: '{}',
  })), { name: 'AccessDenied' });
});
