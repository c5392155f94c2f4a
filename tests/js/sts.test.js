import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { startHaar } from './daemon.js';

let haar;
before(async () => { haar = await startHaar('--network=off'); });
after(() => haar.stop());

test('the endpoint variable is all that the SDK needs', async () => {
  const who = await new STSClient({}).send(new GetCallerIdentityCommand({}));
  assert.equal(who.Account, '000000000000');
  assert.equal(who.Arn, 'arn:aws:iam::000000000000:root');
});

test('a wrong secret is refused in the words of AWS', async () => {
  const client = new STSClient({ credentials: { accessKeyId: 'test', secretAccessKey: 'wrong' } });
  await assert.rejects(client.send(new GetCallerIdentityCommand({})), (error) => {
    assert.equal(error.name, 'SignatureDoesNotMatch');
    assert.equal(error.$metadata.httpStatusCode, 403);
    assert.ok(error.$metadata.requestId);
    return true;
  });
});

test('a role that is not there', async () => {
  const command = new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::000000000000:role/none', RoleSessionName: 'test' });
  await assert.rejects(new STSClient({}).send(command), { name: 'AccessDenied' });
});
