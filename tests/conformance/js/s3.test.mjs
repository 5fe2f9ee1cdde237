// SPDX-License-Identifier: Apache-2.0
// The JavaScript SDK's forms of S3: default CRC32 checksums, aws-chunked streams with trailers.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { before, test } from 'node:test';

import {
  CopyObjectCommand, CreateBucketCommand, DeleteObjectsCommand, GetObjectCommand,
  HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const client = new S3Client({ forcePathStyle: true });
const Bucket = `js-${randomUUID()}`;

before(() => client.send(new CreateBucketCommand({
  Bucket, CreateBucketConfiguration: { LocationConstraint: process.env.AWS_DEFAULT_REGION },
})));

const bytesOf = async (reply) => Buffer.from(await reply.Body.transformToByteArray());

test('put and get with the default checksum', async () => {
  const Body = randomBytes(5000);
  const put = await client.send(new PutObjectCommand({ Bucket, Key: 'a/b c+d.bin', Body }));
  assert.ok(put.ETag);
  assert.ok(put.ChecksumCRC32, 'the checksum that the client sent comes back');
  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'a/b c+d.bin' }));
  assert.deepEqual(await bytesOf(got), Body);
});

test('every checksum algorithm is verified and kept', async () => {
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    const Key = `sum/${ChecksumAlgorithm}`;
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'waterway', ChecksumAlgorithm }));
    const head = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.ok(head[`Checksum${ChecksumAlgorithm}`], ChecksumAlgorithm);
  }
});

test('a stream of known length goes as aws-chunked with a trailer', async () => {
  const Body = randomBytes(300_000);
  await client.send(new PutObjectCommand({
    Bucket, Key: 'stream', Body: Readable.from([Body.subarray(0, 70_000), Body.subarray(70_000)]),
    ContentLength: Body.length,
  }));
  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'stream' }));
  assert.deepEqual(await bytesOf(got), Body);
});

test('multipart upload of a stream of unknown length', async () => {
  const Body = randomBytes(11 * 1024 * 1024 + 17);
  const params = { Bucket, Key: 'parts', Body: Readable.from([Body]) };
  await new Upload({ client, params }).done();
  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'parts' }));
  assert.deepEqual(await bytesOf(got), Body);
  assert.match(got.ETag, /-3"$/);
});

test('presigned get and put, and one that was tampered with', async () => {
  const Key = 'presigned';
  const put = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key }), { expiresIn: 60 });
  assert.equal((await fetch(put, { method: 'PUT', body: 'hello' })).status, 200);
  const get = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
  assert.equal(await (await fetch(get)).text(), 'hello');
  const refused = await fetch(get.replace('presigned', 'parts'));
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /<Code>SignatureDoesNotMatch<\/Code>/);
});

test('conditional write, copy, list, delete many', async () => {
  const Key = 'cond/1';
  await client.send(new PutObjectCommand({ Bucket, Key, Body: '1', IfNoneMatch: '*' }));
  await assert.rejects(
    client.send(new PutObjectCommand({ Bucket, Key, Body: '2', IfNoneMatch: '*' })),
    { name: 'PreconditionFailed' });
  await client.send(new CopyObjectCommand({
    Bucket, Key: 'cond/2', CopySource: `${Bucket}/${Key}`,
  }));
  const list = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'cond/' }));
  assert.deepEqual(list.Contents.map((o) => o.Key), ['cond/1', 'cond/2']);
  const gone = await client.send(new DeleteObjectsCommand({
    Bucket, Delete: { Objects: list.Contents.map(({ Key: name }) => ({ Key: name })) },
  }));
  assert.equal(gone.Deleted.length, 2);
  await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key })), { name: 'NoSuchKey' });
});
