// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';

import {
  CreateDeliveryStreamCommand, DescribeDeliveryStreamCommand, FirehoseClient, PutRecordBatchCommand,
  PutRecordCommand, ResourceNotFoundException,
} from '@aws-sdk/client-firehose';
import {
  CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client,
} from '@aws-sdk/client-s3';

const firehose = new FirehoseClient({});
const s3 = new S3Client({ forcePathStyle: true });

test('puts arrive in the lake', async () => {
  const name = `js-${randomUUID()}`;
  await s3.send(new CreateBucketCommand({ Bucket: name, CreateBucketConfiguration: {
    LocationConstraint: process.env.AWS_DEFAULT_REGION } }));
  await firehose.send(new CreateDeliveryStreamCommand({
    DeliveryStreamName: name,
    ExtendedS3DestinationConfiguration: {
      RoleARN: 'arn:aws:iam::000000000000:role/r', BucketARN: `arn:aws:s3:::${name}`,
      Prefix: 'in/!{timestamp:yyyy}/', ErrorOutputPrefix: 'bad/!{firehose:error-output-type}/',
      BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 }, CompressionFormat: 'GZIP',
      CustomTimeZone: 'Asia/Tokyo', FileExtension: '.log.gz',
    },
  }));
  const { DeliveryStreamDescription: found } = await firehose.send(
    new DescribeDeliveryStreamCommand({ DeliveryStreamName: name }));
  const destination = found.Destinations[0].ExtendedS3DestinationDescription;
  assert.equal(destination.CustomTimeZone, 'Asia/Tokyo');
  assert.equal(destination.FileExtension, '.log.gz');
  const { FailedPutCount, RequestResponses } = await firehose.send(new PutRecordBatchCommand({
    DeliveryStreamName: name, Records: ['a', '水'].map((text) => ({ Data: Buffer.from(text) })) }));
  assert.equal(FailedPutCount, 0);
  assert.equal(RequestResponses.length, 2);
  let keys = [];
  for (let i = 0; i < 200 && keys.length === 0; ++i) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: name }));
    keys = Contents.map(({ Key }) => Key);
    if (keys.length === 0) await setTimeout(50);
  }
  assert.equal(keys.length, 1);
  assert.match(keys[0], /^in\/\d{4}\/js-.*\.log\.gz$/);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: name, Key: keys[0] }));
  assert.equal(gunzipSync(Buffer.from(await Body.transformToByteArray())).toString(), 'a水');
});

test('a stream that does not exist', async () => {
  await assert.rejects(firehose.send(new PutRecordCommand({
    DeliveryStreamName: `js-${randomUUID()}`, Record: { Data: Buffer.from('x') } })),
  ResourceNotFoundException);
});
