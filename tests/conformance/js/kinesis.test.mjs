// SPDX-License-Identifier: Apache-2.0
// The Kinesis client of the JavaScript SDK speaks HTTP/2.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';

import {
  CreateStreamCommand, DeleteStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand,
  GetShardIteratorCommand, KinesisClient, PutRecordCommand, PutRecordsCommand,
  RegisterStreamConsumerCommand, ResourceNotFoundException, SubscribeToShardCommand,
} from '@aws-sdk/client-kinesis';

const kinesis = new KinesisClient({});
const StreamName = `js-${randomUUID()}`;
const ShardId = 'shardId-000000000000';
const text = (record) => Buffer.from(record.Data).toString();

before(() => kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 })));
after(async () => {
  await kinesis.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }));
  kinesis.destroy();
});

test('the client speaks HTTP/2', () => {
  assert.equal(kinesis.config.requestHandler.metadata.handlerProtocol, 'h2');
});

test('records come back in order', async () => {
  const Records = Array.from({ length: 100 },
    (_, i) => ({ Data: Buffer.from(`record ${i}`), PartitionKey: 'k' }));
  const put = await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
  assert.equal(put.FailedRecordCount, 0);
  const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({
    StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }));
  const got = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
  assert.deepEqual(got.Records.map(text), Array.from({ length: 100 }, (_, i) => `record ${i}`));
  assert.equal(got.MillisBehindLatest, 0);
});

test('requests share a connection', async () => {
  await Promise.all(Array.from({ length: 50 }, (_, i) => kinesis.send(new PutRecordCommand({
    StreamName, PartitionKey: `${i}`, Data: Buffer.alloc(100_000, i) }))));
});

test('SubscribeToShard pushes', async () => {
  const { StreamDescriptionSummary: { StreamARN } } = await kinesis.send(
    new DescribeStreamSummaryCommand({ StreamName }));
  const { Consumer: { ConsumerARN } } = await kinesis.send(new RegisterStreamConsumerCommand({
    StreamARN, ConsumerName: 'reader' }));
  const { EventStream } = await kinesis.send(new SubscribeToShardCommand({
    ConsumerARN, ShardId, StartingPosition: { Type: 'LATEST' } }));
  const seen = [];
  const put = (number) => kinesis.send(new PutRecordCommand({
    StreamName, PartitionKey: 'k', Data: Buffer.from(`${number}`) }));
  await put(0);
  for await (const { SubscribeToShardEvent: event } of EventStream) {
    seen.push(...event.Records.map(text));
    assert.ok(event.ContinuationSequenceNumber);
    if (seen.length === 3) break;
    if (event.Records.length > 0) await put(seen.length);
  }
  assert.deepEqual(seen, ['0', '1', '2']);
});

test('errors have their names', async () => {
  await assert.rejects(kinesis.send(new DescribeStreamSummaryCommand({ StreamName: 'absent' })),
    ResourceNotFoundException);
});
