import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { services, startHaar } from './daemon.js';

let haar, has;
before(async () => {
  haar = await startHaar('--network=off');
  has = (await services(haar)).includes('s3');
});
after(() => haar.stop());

// Names under localhost mean this machine; resolvers that do not know it are not what is tested here.
const lookup = (host, options, callback) =>
  options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);

for (const forcePathStyle of [true, false]) {
  const style = forcePathStyle ? 'path' : 'virtual-host';
  test(`objects, ${style} style`, async (t) => {
    if (!has) return t.skip('this haar has no s3');
    // The endpoint's name decides whether the bucket may stand in it: an address cannot have one before it.
    const client = new S3Client({
      forcePathStyle, endpoint: haar.url.replace('127.0.0.1', 'localhost'), requestHandler: { httpAgent: new http.Agent({ lookup }) },
    });
    const Bucket = `bucket-${forcePathStyle ? 'a' : 'b'}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    const Key = 'a b/c+d é?.txt';
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'hello', Metadata: { one: '1' } }));
    const object = await client.send(new GetObjectCommand({ Bucket, Key }));
    assert.equal(await object.Body.transformToString(), 'hello');
    assert.equal(object.Metadata.one, '1');
    const list = await client.send(new ListObjectsV2Command({ Bucket }));
    assert.deepEqual(list.Contents.map((item) => item.Key), [Key]);
  });
}

test('a large object is sent in signed pieces with a checksum behind them', async (t) => {
  if (!has) return t.skip('this haar has no s3');
  const client = new S3Client({ forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: 'large' }));
  const Body = Buffer.alloc(3_000_000, 'haar');
  await client.send(new PutObjectCommand({ Bucket: 'large', Key: 'k', Body, ChecksumAlgorithm: 'SHA256' }));
  const object = await client.send(new GetObjectCommand({ Bucket: 'large', Key: 'k' }));
  assert.ok(Body.equals(Buffer.from(await object.Body.transformToByteArray())));
});
